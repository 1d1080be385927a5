"""A draft loads, has the right roles, and holds nobody's values: on the real days, and on other shops'."""

import csv
import gzip
import importlib.resources
import io
import json
import random
import re
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import synthetic_events
import yaml
from commands import REAL, SCHEMA, needs_real_days
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from open_data_contract_standard.model import OpenDataContractStandard

from event_data.contract import Contract, ContractError, load_contract
from event_data.contract.drafting import draft_contract
from event_data.contract.drafting.event_names import event_roles
from event_data.contract.drafting.forms import hidden_pattern, pattern_of
from event_data.contract.drafting.payload import Shape
from event_data.reading.folder import find_files

Row = list[str]


def load(tmp_path: Path, draft: str) -> Contract:
    path = tmp_path / "draft.yaml"
    path.write_text(draft, encoding="utf-8")
    OpenDataContractStandard.from_string(draft)
    return load_contract(path)


def assert_valid(draft: str) -> None:
    schema = importlib.resources.files("open_data_contract_standard").joinpath("schema.json").read_text("utf-8")
    jsonschema.Draft201909Validator(json.loads(schema)).validate(yaml.safe_load(draft))


def write(path: Path, header: Iterable[str], rows: Iterable[Iterable[object]], delimiter: str = ",") -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *rows])
    return path


# ---- another shop: semicolons, other names, GA4's events, unit prices, nothing hidden

HEADER = ["visitor", "url", "ref", "ts", "event", "props", "ua", "country"]
EVENTS = ["page_view"] * 12 + ["add_to_cart"] * 3 + ["begin_checkout"] * 2 + ["purchase", "generate_lead"]


def hit(dice: random.Random, event: str, moment: datetime, item: Callable[[float, int], dict[str, Any]]) -> Row:
    visitor, props = str(uuid.UUID(int=dice.getrandbits(128), version=4)), ""
    if event == "purchase":
        lines = [(dice.randrange(500, 9000) / 100, dice.randint(1, 4)) for _ in range(dice.randint(1, 3))]
        total = round(sum(price * pieces for price, pieces in lines), 2)
        items = [item(price, pieces) for price, pieces in lines]
        order = {"order_id": f"A{dice.randrange(10**7, 10**8)}", "value": total, "currency": "EUR", "items": items}
        props = json.dumps(order | {"email": f"jane{dice.randrange(999)}@mail.example", "gift": dice.random() < 0.5})
    elif event == "generate_lead":
        props = json.dumps({"email": f"joe{dice.randrange(999)}@mail.example"})
    host = "www.other.example" if dice.random() < 0.9 else "pay.other.example"
    page = f"https://{host}/p/{dice.randrange(50)}?q=sofa&utm_source={dice.choice(['news', 'google', 'x'])}"
    referrer = dice.choice(["", "", "https://www.google.com/", "https://blog.example/review"])
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"
    return [visitor, page, referrer, moment.isoformat() + "Z", event, props, agent, dice.choice(["DE", "AT"])]


def unit_price(price: float, pieces: int) -> dict[str, Any]:
    return {"item_id": "SKU-1", "price": price, "quantity": pieces}


def line_price(price: float, pieces: int) -> dict[str, Any]:
    return {"item_id": "SKU-1", "price": round(price * pieces, 2), "quantity": pieces}


def shop(tmp_path: Path, item: Callable[[float, int], dict[str, Any]] = unit_price, days: int = 3) -> list[Path]:
    dice, files = random.Random(7), []
    for number in range(days):
        day = datetime(2025, 1, 30) + timedelta(days=number)
        rows = [hit(dice, dice.choice(EVENTS), day + timedelta(seconds=90 * n), item) for n in range(400)]
        files.append(write(tmp_path / f"hits {day:%Y-%m-%d} eu.csv", HEADER, rows, ";"))
    return files


def test_another_shop(tmp_path: Path) -> None:
    shop(tmp_path)
    draft = draft_contract(tmp_path)
    contract = load(tmp_path, draft)
    assert_valid(draft)
    assert contract.delimiter == ";" and contract.file_name == "hits %Y-%m-%d eu.csv"
    assert contract.roles == {
        "client": "visitor", "page": "url", "referrer": "ref", "time": "ts", "event": "event",
        "payload": "props", "user_agent": "ua",
    }  # fmt: skip
    roles = {event.name: event.role for event in contract.events}
    assert roles == {
        "page_view": "page_view", "add_to_cart": "cart", "begin_checkout": "checkout", "purchase": "order",
        "generate_lead": "signup",
    }  # fmt: skip
    assert contract.own_hosts == ("www.other.example", "pay.other.example")
    assert not contract.hides_values and not contract.hides_hosts
    visitor = contract.column("visitor")
    assert visitor is not None and visitor.required and visitor.pattern is not None
    assert re.fullmatch(visitor.pattern, str(uuid.UUID(int=5)))
    country = contract.column("country")
    assert country is not None and country.pattern is None


def test_an_order_of_another_shop(tmp_path: Path) -> None:
    shop(tmp_path)
    contract = load(tmp_path, draft_contract(tmp_path))
    order, event = contract.order, contract.event_of("order")
    assert order is not None and event is not None
    assert (order.transaction_id, order.amount, order.customer) == ("order_id", "value", "email")
    assert (order.line_amount, order.line_quantity) == ("items[].price", "items[].quantity")
    keys = {key.name: (key.logical_type, key.required) for key in event.payload}
    assert keys["gift"] == ("boolean", True) and keys["value"] == ("number", True)
    assert keys["items"] == ("array", True) and keys["items[].quantity"] == ("integer", True)


@pytest.mark.parametrize(("item", "meant"), [(unit_price, "unit"), (line_price, "line")])
def test_prices_of_lines_or_units(tmp_path: Path, item: Callable[[float, int], dict[str, Any]], meant: str) -> None:
    shop(tmp_path, item)
    order = load(tmp_path, draft_contract(tmp_path)).order
    assert order is not None and order.line_amount_is == meant


def test_nobodys_values(tmp_path: Path) -> None:
    files = shop(tmp_path)
    draft = draft_contract(tmp_path)
    for file in files:
        for row in csv.DictReader(file.open(encoding="utf-8"), delimiter=";"):
            assert row["visitor"] not in draft and row["ua"] not in draft and row["ts"] not in draft
    assert "@" not in draft and "SKU" not in draft and "sofa" not in draft


def test_a_rename_becomes_a_synonym(tmp_path: Path) -> None:
    files = shop(tmp_path)
    last = files[-1].read_text("utf-8")
    for name in ("visitorToken", "Visitor"):  # the same shape of values; the same name but for its case
        files[-1].write_text(last.replace("visitor", name, 1), encoding="utf-8")
        draft = draft_contract(tmp_path)
        visitor = load(tmp_path, draft).column("visitor")
        assert visitor is not None and visitor.synonyms == (name,)
        assert "synonyms: # check:" in draft


def test_a_column_that_disappears(tmp_path: Path) -> None:
    files = shop(tmp_path)
    table = list(csv.reader(files[-1].open(encoding="utf-8"), delimiter=";"))
    write(files[-1], table[0][:2] + table[0][3:], [row[:2] + row[3:] for row in table[1:]], ";")
    draft = draft_contract(tmp_path)
    assert "# check: missing from 1 of 3 files" in draft
    assert load(tmp_path, draft).roles["referrer"] == "ref"


def test_empty_days_are_left_out(tmp_path: Path) -> None:
    files = [*shop(tmp_path), tmp_path / "hits 2025-02-02 eu.csv"]
    files[-1].write_text("")
    draft = draft_contract(tmp_path)
    load(tmp_path, draft)
    assert "# check: left out: " in draft


# ---- nothing to learn from


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", r"day_20250101[.]csv: the file is empty"),
        ("\n\n", r"day_20250101[.]csv: the file has only blank lines"),
        ("a,b,c,d\n", r"day_20250101[.]csv: no rows follow the header"),
        ("17,https://a.example/,2025-01-30T10:00:00Z,buy\n", "line 1: this is data, not a header"),
        ("a b c\n1 2 3\n", "no column has a time .* the candidates are a b c"),
        ("day,ref,clock\nMon,7,noon\nTue,8,noon\n", "no column has a time .* the candidates are day[.]"),
        ("ts,v\n2025-01-30T10:00:00Z,1\n2025-01-30T10:00:00Z,1\n", "no column has the kind of event"),
        (None, "has no CSV, JSON or Parquet file"),
    ],
)
def test_nothing_to_draft_from(tmp_path: Path, text: str | None, sentence: str) -> None:
    if text is not None:
        (tmp_path / "day_20250101.csv").write_text(text)
    with pytest.raises(ContractError, match=sentence) as caught:
        draft_contract(tmp_path)
    assert str(caught.value).startswith(str(tmp_path)) and "\n" not in str(caught.value)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="is not a folder; name the folder"):
        draft_contract(tmp_path / "none")


# ---- the guesses


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (["events_20250223.csv", "events_20250224.csv"], "events_%Y%m%d.csv"),
        (["2025-02-23.csv"], "%Y-%m-%d.csv"),
        (["it's 100% 2025_02_23.csv"], "it's 100%% %Y_%m_%d.csv"),
        (["12345678_20250223.csv"], "12345678_%Y%m%d.csv"),
        (["day.csv"], "day.csv"),
        (["100%.csv.gz"], "100%%.csv"),
        (["a20251399.csv"], "a20251399.csv"),
        (["part-0001.csv", "part-0002.csv"], "part-*.csv"),
        (["dt=2025-02-23/a.csv", "dt=2025-02-24/b.csv"], "dt=%Y-%m-%d/*.csv"),
        (["2025/02/23/a.csv", "2025/02/24/a.csv"], "%Y/%m/%d/*.csv"),
        (["year=2025/month=02/day=23/a.csv"], "year=%Y/month=%m/day=%d/*.csv"),
        (["e_20250223_00.csv", "e_20250223_12.csv", "e_20250224_06.csv"], "e_%Y%m%d.csv"),
        (["e_20250223.csv", "report.csv", "dq_report.csv"], "e_%Y%m%d.csv"),
        (["e_20250223.csv", "old_report/e_20250221.csv", "old_report/e_20250222.csv"], "e_%Y%m%d.csv"),
    ],
)
def test_file_names(tmp_path: Path, names: list[str], pattern: str) -> None:
    content = shop(tmp_path, days=1)[0]
    raw = content.read_bytes()
    content.unlink()
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    draft = draft_contract(tmp_path)
    contract = load(tmp_path, draft)
    assert contract.file_name == pattern
    matching = [name for name in names if "report" not in name]
    assert len(find_files(tmp_path, contract.file_name).files) == len(matching)
    left_out = [name for name in names if "report" in name and name != "dq_report.csv"]
    assert ("not read, because of the name" in draft) == bool(left_out)


@pytest.mark.parametrize(
    ("names", "note"),
    [
        (["orders.xlsx"], "orders.xlsx is not read; save each sheet as CSV UTF-8"),
        (["a/Spend.XLS", "orders.ods"], "2 workbooks, such as a/Spend.XLS, are not read; save each sheet"),
        (["~$orders.xlsx", ".orders.xlsx"], ""),  # Excel's locks, and hidden files
    ],
)
def test_a_workbook_beside_the_files_is_noted(tmp_path: Path, names: list[str], note: str) -> None:
    shop(tmp_path, days=1)
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"PK\x03\x04" + bytes(100))
    draft = draft_contract(tmp_path)
    assert (note in draft) if note else ("not read" not in draft)
    assert "because of the name" not in draft and load(tmp_path, draft)


@pytest.mark.parametrize(
    ("make", "pattern"),
    [
        (lambda n: f"{n:08d}", "^[0-9]{8}$"),
        (lambda n: f"ab-{n * 7919:08x}", "^[a-z]{2}-[0-9a-f]{8}$"),
        (lambda n: str(uuid.UUID(int=n * 10**36, version=4)), "^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$"),
        (lambda n: "x" * (n % 9), None),  # too many lengths
        (lambda n: f"{n % 5:08d}", None),  # too few values
        (lambda n: f"{n:04d} {n:04d}", None),  # no identifier
    ],
)
def test_patterns(make: Callable[[int], str], pattern: str | None) -> None:
    values = [make(n) for n in range(200)]
    assert pattern_of(values) == pattern
    if pattern:
        assert all(re.fullmatch(pattern, value) for value in values)


@pytest.mark.parametrize(
    ("values", "pattern"),
    [
        ([f"{n * 7919 % 16**6:06X}" for n in range(100)], "^[0-9A-F]{6}$"),
        ([f"{n * 7919 % 16**8:08x}" for n in range(100)], "^[0-9a-f]{8}$"),
        ([f"{n:06d}" for n in range(100)], None),  # numbers are plain
        (["google", "cpc"] * 50, None),
    ],
)
def test_hidden_values(values: list[str], pattern: str | None) -> None:
    assert hidden_pattern(values) == pattern


def test_packed_days_give_the_same_draft(tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    packed.mkdir()
    for path in synthetic_events.generate(plain, days=2, events_per_day=300):
        (packed / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    assert draft_contract(packed) == draft_contract(plain)
    torn = packed / "events_20250301.csv.gz"
    torn.write_bytes(min(packed.iterdir()).read_bytes()[:200])
    (tmp_path / "torn").mkdir()
    torn.rename(tmp_path / "torn" / torn.name)
    with pytest.raises(ContractError, match=r"the file|no column|no rows"):
        draft_contract(tmp_path / "torn")


@pytest.mark.parametrize(
    ("names", "roles"),
    [
        (
            ["Order Completed", "Product Added", "Checkout Started", "pageview", "newsletter_signup", "scroll"],
            {
                "order": "Order Completed",
                "checkout": "Checkout Started",
                "cart": "Product Added",
                "page_view": "pageview",
                "signup": "newsletter_signup",
            },
        ),
        (["purchase", "cart", "add_to_cart", "remove_from_cart"], {"order": "purchase", "cart": "cart add_to_cart"}),
        (
            ["purchase", "shipping_details", "payment_details", "payment_error", "review_page"],
            {"order": "purchase", "checkout": "shipping_details payment_details"},
        ),
        (["purchase", "begin_checkout", "shipping_details"], {"order": "purchase", "checkout": "begin_checkout"}),
        (["[Amplitude] Page Viewed", "$pageview"], {"page_view": "[Amplitude] Page Viewed $pageview"}),
        (["border", "reorder_list", "view_cart", "buyer"], {}),
    ],
)
def test_event_roles_by_name(names: list[str], roles: dict[str, str]) -> None:
    found: dict[str, list[str]] = {}
    for name, role in event_roles(names).items():
        found.setdefault(role, []).append(name)
    assert {role: " ".join(some) for role, some in found.items()} == roles


def test_keys_of_a_map_are_not_disclosed() -> None:
    shape = Shape()
    for number in range(200):
        shape.look({"people": {f"person{number}": 1}})
    assert not shape.keys["people"].is_record


# ---- whatever the files hold

CELLS = st.sampled_from(
    ["", "x", "https://a.example/?b=1", "2025-01-30T10:00:00Z", '{"id": 1, "value": [1]}', "[1]", "1e999"]
)
NAMES = st.sampled_from(["id", "ID", "no", "", "it's", "a: b", "ü", "# x", "event", "url", "-", "~", "1", "\x85", "ts"])


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(
    headers=st.lists(st.lists(NAMES | st.text(max_size=5), min_size=1, max_size=8), min_size=1, max_size=3),
    rows=st.lists(st.lists(CELLS | st.text(max_size=9), max_size=9), max_size=12),
)
def test_random_files(tmp_path: Path, headers: list[Row], rows: list[Row]) -> None:
    for path in tmp_path.glob("d_*.csv"):
        path.unlink()
    for number, header in enumerate(headers):
        text = io.StringIO(newline="")
        csv.writer(text).writerows([header, *rows])
        path = tmp_path / f"d_2025010{number + 1}.csv"
        path.write_text(text.getvalue(), encoding="utf-8", errors="replace", newline="")
    try:
        load(tmp_path, draft_contract(tmp_path))
    except ContractError as error:
        assert "draft.yaml" not in str(error) and "\n" not in str(error)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(raw=st.binary(max_size=200))
def test_random_bytes(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "d_20250101.csv"
    path.write_bytes(raw)
    try:
        load(tmp_path, draft_contract(tmp_path))
    except ContractError as error:
        assert "draft.yaml" not in str(error)


# ---- the real days


@needs_real_days
def test_the_real_days(tmp_path: Path) -> None:
    draft = draft_contract(REAL)
    assert_valid(draft)
    contract, shipped = load(tmp_path, draft), load_contract(SCHEMA)
    assert (contract.roles, contract.file_name) == (shipped.roles, shipped.file_name)
    assert contract.order is not None and contract.order == shipped.order
    assert contract.own_hosts == shipped.own_hosts
    assert contract.hides_values and shipped.hides_values
    assert contract.anonymisation.query_value == shipped.anonymisation.query_value
    assert contract.anonymisation.foreign_host == shipped.anonymisation.foreign_host
    client, meant = contract.column_of("client"), shipped.column_of("client")
    assert client is not None and meant is not None
    assert (client.synonyms, client.pattern, client.required) == (meant.synonyms, meant.pattern, True)
    roles = {event.name: event.role for event in contract.events}
    assert roles == {event.name: event.role for event in shipped.events}
    paths = {key.name for event in contract.events for key in event.payload}
    assert paths == {key.name for event in shipped.events for key in event.payload}
    assert not re.search(
        r"@|\b[0-9a-f]{16,}\b|\b[0-9]{10}-", yaml.safe_dump(yaml.safe_load(draft)).replace(meant.pattern or "", "")
    )


def test_the_name_of_a_draft_is_its_id(tmp_path: Path) -> None:
    synthetic_events.generate(tmp_path, days=1, events_per_day=300)
    assert load(tmp_path, draft_contract(tmp_path, "Schöne Betten 2025")).id == "sch-ne-betten-2025"
