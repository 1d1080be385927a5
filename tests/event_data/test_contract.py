"""schema.yaml is valid, means what it says, and every mistake in a contract is one sentence with its place."""

import importlib.resources
import json
import re
from datetime import timedelta
from pathlib import Path

import duckdb
import jsonschema
import jsonschema_rs
import pytest
import yaml
from commands import REPO, SCHEMA
from contract_mistakes import MISTAKES, ORDER_LIST, QUALITY, SMALL, between, full_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from make_contract_page import PAGE, page
from open_data_contract_standard.model import OpenDataContractStandard
from quality.checks import DEFINITIONS

from event_data.contract import Contract, ContractError, Limit, Severity, host_regexp, load_contract
from event_data.contract.model import Constant, Field, Time
from event_data.contract.shape import SCHEMAS, schema

FOLDER = REPO / "event_data" / "contract"


def load(tmp_path: Path, text: str) -> Contract:
    path = tmp_path / "c.yaml"
    path.write_text(text, encoding="utf-8")
    return load_contract(path)


# ---- the contract of the repository


def test_schema_is_valid_odcs() -> None:
    jsonschema.Draft201909Validator(schema("urn:odcs")).validate(yaml.safe_load(SCHEMA.read_text("utf-8")))
    OpenDataContractStandard.from_file(str(SCHEMA))


def test_the_vendored_schema_is_the_published_one() -> None:
    published = importlib.resources.files("open_data_contract_standard").joinpath("schema.json").read_bytes()
    vendored = FOLDER / SCHEMAS["urn:odcs"]
    assert vendored.name == "odcs-3.2.0.schema.json" and vendored.read_bytes() == published
    assert schema("urn:odcs")["properties"]["apiVersion"]["default"] == "v3.2.0"


def test_our_schema_is_valid_and_has_every_check() -> None:
    blocks = schema("urn:blocks")
    jsonschema_rs.meta.validate(blocks)  # jsonschema cannot compile the \p{L} of ECMA's regular expressions
    assert sorted(blocks["$defs"]["check"]["enum"]) == sorted(DEFINITIONS)
    for name, block in blocks["properties"].items():
        assert {"title", "description"} <= block.keys() and {"examples", "default"} & block.keys(), name


def test_the_page_of_the_contract_is_made_from_the_schema() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `make contract-page`"


def test_schema_says_what_the_shop_needs() -> None:
    contract = load_contract(SCHEMA)
    assert contract.file_name == "events_%Y%m%d.csv" and contract.delimiter == ","
    assert contract.roles["client"] == "client_id" and len(contract.roles) == 7
    client = contract.column_of("client")
    assert client is not None and client.synonyms == ("clientId",) and client.required
    order = contract.event_of("order")
    assert order is not None and order.synonyms == ("purchase",)
    assert "items[].item_price" in [key.name for key in order.payload]
    assert contract.order is not None and contract.order.line_amount_is == "line"
    assert contract.order.duplicates == "resubmission"
    assert contract.anonymisation.query_value == "^[0-9A-F]{6}$"
    assert contract.latency == timedelta(hours=6)
    assert (contract.id, contract.currency.sign, contract.latency) == ("puffy-events", "$", timedelta(hours=6))
    assert contract.values["client"] == Field("client_id")
    assert contract.values["lines"] == Field("event_data", ("items",))
    assert contract.names_of("client") == ("client_id", "clientId") and contract.role_of("timestamp") == "time"
    assert contract.event_roles["purchase"] == "order" and contract.hides_values and contract.hides_hosts
    assert len(SCHEMA.read_text("utf-8").splitlines()) < 400


def test_without_the_c_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = load_contract(SCHEMA)
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert load_contract(SCHEMA) == expected


# ---- what may be left out


def test_a_small_contract_has_defaults(tmp_path: Path) -> None:
    contract = load(tmp_path, SMALL[: SMALL.index("  - property: events")].replace("      payload: props\n", ""))
    assert contract.delimiter == "," and contract.additional_columns == "report"
    assert contract.events == () and contract.order is None and not contract.hides_values
    assert contract.own_hosts == () and contract.latency == timedelta() and contract.column_of("payload") is None
    assert contract.columns[0].logical_type == "string" and not contract.columns[0].required
    assert contract.columns[3].name == "the 'event' \" ü"
    settings = contract.session_gap_minutes, contract.window_days, contract.most_clients_of_a_person
    assert settings == (30, 7, 5) and contract.most_refused == 0.01 and contract.ignored_files == ()
    assert contract.latency == timedelta() and contract.currency.sign == "$" and "amount" not in contract.values


def test_order_has_defaults(tmp_path: Path) -> None:
    order = load(tmp_path, SMALL).order
    assert order is not None and order.line_amount_is == "line" and order.duplicates == "resubmission"
    assert (order.customer, order.lines, order.checkout_token) == (None, None, None)


def test_an_order_list(tmp_path: Path) -> None:
    """Every key arrives, and a key that is left out has its default; the time zone is that of the events."""
    zoned = "      - {name: ts, logicalType: timestamp, logicalTypeOptions: {defaultTimezone: Asia/Tokyo}}\n"
    small = SMALL.replace("      - name: ts\n", zoned)
    block = "          columnRoles: {order_id: number, created_at: day}\n"
    found = load(tmp_path, small.replace(QUALITY, QUALITY + ORDER_LIST + block)).order_list
    assert found and (found.file_name, found.delimiter, found.time_zone) == ("orders.csv", ",", "Asia/Tokyo")
    assert found.values == {"order_id": Field("number"), "created_at": Field("day")}
    assert found.id_in_order_list == found.id_in_tracking == "^#?(.*)$"
    assert {"pos", "shopify_draft_order"} <= {*found.offline_channels} and "voided" in found.void_statuses
    block += """\
          idInOrderList: ^#([0-9]+)
          idInTracking: ^ORD-(.*)$
          offlineChannels: [Shop floor]
          voidStatuses: [Fraud]
          delimiter: ;
"""
    books = (
        ORDER_LIST.replace(
            "{name: day}", "{name: day, logicalType: timestamp, logicalTypeOptions: {defaultTimezone: Europe/Rome}}"
        )
        + block
    )
    contract = load(tmp_path, small.replace(QUALITY, QUALITY + books))
    found = contract.order_list
    assert found and (found.delimiter, found.time_zone, contract.time_zone) == (";", "Europe/Rome", "Asia/Tokyo")
    assert (found.id_in_order_list, found.id_in_tracking) == ("^#([0-9]+)", "^ORD-(.*)$")
    assert (found.offline_channels, found.void_statuses) == (("shop floor",), ("fraud",))
    assert contract.book_files == ("orders.csv",) and load(tmp_path, SMALL).book_files == ()
    with pytest.raises(ContractError, match="ISO 4217") as caught:
        roles = block.replace("created_at: day", "created_at: day, currency: number")
        load(tmp_path, SMALL.replace(QUALITY, QUALITY + ORDER_LIST + roles) + "  - {property: currency, value: kr}\n")
    assert caught.value.key == "schema.orders.customProperties.orderList.value.columnRoles.currency"


def test_advertising_spend(tmp_path: Path) -> None:
    block = """\
          columnRoles: {date: {column: day, format: dd.MM.yyyy}, cost: number, source: {constant: google}}
          campaigns: {Brand - Search: brand}
          delimiter: "\\t"
"""
    contract = load(tmp_path, SMALL.replace(QUALITY, QUALITY + ORDER_LIST.replace("orderList", "adSpend") + block))
    (spend,) = contract.ad_spend
    assert (spend.campaigns, spend.delimiter) == ({"brand - search": "brand"}, "\t")
    assert spend.values["cost"] == Field("number") and spend.values["source"] == Constant("google")
    assert spend.values["date"] == Time(Field("day"), "dd.MM.yyyy") and contract.book_files == ("orders.csv",)


def test_settings(tmp_path: Path) -> None:
    values = {
        "ignoreFiles": ["*.staging.csv"],
        "currency": "zł",
        "ownHosts": ["Müller.example"],
        "transformation": {"mostRefusedPercent": 2.5},
    }
    text = SMALL + "".join(f"  - {json.dumps({'property': key, 'value': value})}\n" for key, value in values.items())
    payload = between("        payload:", "  - property: order")
    contract = load(tmp_path, text.replace(payload, "").replace("transactionId: id", "transactionId: a[0].id"))
    assert contract.values["transaction_id"] == Field("props", ("a", 0, "id"))
    assert contract.ignored_files == ("*.staging.csv",) and contract.currency.exact(3) == "zł 3.00"
    assert (contract.most_refused, contract.window_days, contract.own_hosts) == (0.025, 7, ("müller.example",))


def test_unused_keys_are_tolerated(tmp_path: Path) -> None:
    extra = """\
team: {name: data, members: [{username: jo}]}
support: [{channel: data, url: "https://shop.example"}]
servers: [{server: files, type: local, path: ./data, format: csv, encoding: UTF-8}]
price: {priceAmount: 1, priceCurrency: EUR}
roles: [{role: analyst}]
contractCreatedTs: 2025-03-01T10:00:00Z
context: {instructions: none}
slaProperties:
  - {property: retention, value: 2, unit: years}
  - {property: availability, value: 10:30}
"""
    foreign = "\n      - {type: sql, query: select 1, mustBe: 0}\n      - {type: text, description: be good}"
    foreign += "\n      - {type: custom, engine: soda, implementation: {a: 1}}\n"
    text = extra + SMALL.replace("implementation: event_fired_twice\n", "implementation: event_fired_twice" + foreign)
    text += "  - {property: theirs, vendor: other, value: [1, {a: b}]}\n"
    contract = load(tmp_path, text)
    assert [rule.check for rule in contract.rules] == ["event_fired_twice"]


def test_physical_name_is_the_header(tmp_path: Path) -> None:
    text = SMALL.replace(
        "- name: visitor", "- {name: visitor, physicalName: v, quality: [{metric: nullValues, mustBe: 0}]}"
    )
    contract = load(tmp_path, text)
    assert contract.columns[0].name == contract.roles["client"] == "v" == contract.rules[1].column


def test_bounds_of_values(tmp_path: Path) -> None:
    options = "{minimum: -1, exclusiveMaximum: 5, multipleOf: 1}"
    text = SMALL.replace("- name: sum\n", f"- {{name: sum, logicalType: number, logicalTypeOptions: {options}}}\n")
    order = load(tmp_path, text.replace("- name: ts", "- {name: ts, logicalTypeOptions: {maxLength: 24}}"))
    key = order.events[0].payload[1]
    assert key.minimum == -1 and key.maximum is not None and 4.99 < key.maximum < 5
    assert order.columns[2].max_length == 24
    assert [key.name for key in order.events[0].payload] == ["id", "sum", "lines", "lines[].price"]


def test_paths_of_nested_payloads(tmp_path: Path) -> None:
    nested = "{name: a, properties: [{name: b}, {name: c, logicalType: array, items: {logicalType: integer}}]}"
    contract = load(tmp_path, SMALL.replace("- name: lines\n", f"- {nested}\n          - name: lines\n"))
    assert [key.name for key in contract.events[0].payload] == [
        "id", "sum", "a", "a.b", "a.c", "a.c[]", "lines", "lines[].price",
    ]  # fmt: skip


def test_hosts() -> None:
    hosts = re.compile(host_regexp(["shop.example", "google.*"]))
    hits = ["shop.example", "www.shop.example", "google.com", "www.google.co.uk"]
    assert all(hosts.fullmatch(host) for host in hits)
    assert not any(hosts.fullmatch(host) for host in ["myshop.example", "shop.example.org", "google", "notgoogle.com"])
    for pattern in (host_regexp([]), host_regexp(["a-b.example", "google.*"])):
        assert duckdb.execute("select regexp_full_match('', ?)", [pattern]).fetchall() == [(False,)]


def test_patterns_run_in_duckdb() -> None:
    contract = load_contract(SCHEMA)
    patterns = [column.pattern for column in contract.columns]
    patterns += [key.pattern for event in contract.events for key in event.payload]
    assert contract.order is not None
    patterns += [contract.order.checkout_token, contract.anonymisation.foreign_host]
    for pattern in filter(None, patterns):
        duckdb.execute("select regexp_full_match('x', ?)", [pattern])


# ---- rules


@pytest.mark.parametrize(
    ("check", "column", "severity", "threshold"),
    [
        ("null_share", "client_id", "P1", 0.02),
        ("null_share", "page_url", "P1", 0.0),
        ("value_invalid", "event_name", "P1", 0.0),
        ("column_missing", "referrer", "P0", None),
        ("column_missing", "user_agent", "P1", None),
        ("transaction_id_collision", "client_id", "P1", 0.0),  # the table's, as the column has none
    ],
)
def test_schema_rules(check: str, column: str, severity: str, threshold: float | None) -> None:
    rule = load_contract(SCHEMA).rule(check, column)
    assert rule is not None and rule.severity == Severity[severity] and f"{rule.severity}" == severity
    assert rule.limit == (None if threshold is None else Limit(share=threshold))
    assert rule.advice


def test_every_rule_gives_advice() -> None:
    assert [rule.check for rule in load_contract(SCHEMA).rules if not rule.advice] == []


@pytest.mark.parametrize(
    ("bound", "limit", "least"),
    [
        ("mustBe: 0", Limit(share=0), None),
        ("mustBe: 7", Limit(rows=7), 7),
        ("mustBeLessThan: 5", Limit(rows=4), None),
        ("mustBeLessThan: 1", Limit(share=0), None),
        ("mustBeLessOrEqualTo: 5, unit: rows", Limit(rows=5), None),
        ("mustBeLessThan: 0.5, unit: percent", Limit(share=0.005), None),
        ("mustBeLessOrEqualTo: 100, unit: percent", Limit(share=1), None),
        ("mustBeGreaterThan: 10", None, 11),
        ("mustBeGreaterOrEqualTo: 10", None, 10),
        ("mustNotBe: 0", None, 1),
        ("mustBeBetween: [10, 20]", Limit(rows=20), 10),
        ("mustBeGreaterThan: 10, unit: percent", None, 0.1),
    ],
)
def test_bounds_of_rules(tmp_path: Path, bound: str, limit: Limit | None, least: float | None) -> None:
    text = SMALL.replace("    quality:\n", f"    quality:\n      - {{metric: rowCount, {bound}}}\n")
    rule = load(tmp_path, text).rule("row_count")
    assert rule is not None
    assert (rule.limit, rule.at_least) == (limit, least)


@pytest.mark.parametrize(
    ("arguments", "checks", "allowed", "pattern"),
    [
        ("validValues: [a, 1, true]", ["value_invalid"], ("a", "1", "true"), None),
        ("pattern: '^x'", ["value_pattern"], (), "^x"),
        ("validValues: [x, xy], pattern: '^x'", ["value_invalid", "value_pattern"], ("x", "xy"), "^x"),
        ("missingValues: [null, '']", ["null_share"], (), None),
    ],
)
def test_arguments(tmp_path: Path, arguments: str, checks: list[str], allowed: tuple[str], pattern: str) -> None:
    metric = "missingValues" if "null_share" in checks else "invalidValues"
    rule = f"{{metric: {metric}, arguments: {{{arguments}}}, mustBe: 3, severity: p2}}"
    contract = load(tmp_path, SMALL.replace("- name: url", f"- {{name: url, quality: [{rule}]}}"))
    assert (contract.columns[1].allowed, contract.columns[1].pattern) == (allowed, pattern)
    found = [r for r in contract.rules if r.column == "url"]
    assert [(r.check, r.limit, str(r.severity)) for r in found] == [(check, Limit(rows=3), "P2") for check in checks]


# ---- mistakes: in the text that `new` puts in place of `old`, « stands on the line that is at fault


@pytest.mark.parametrize("mistake", MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_one_sentence_with_its_place(tmp_path: Path, mistake: tuple[str, ...]) -> None:
    old, new, key, code, *meant = mistake
    assert SMALL.count(old) == 1, "the case no longer fits"
    marked = SMALL.replace(old, new)
    line = marked[: marked.index("«")].count("\n") + 1
    with pytest.raises(ContractError) as caught:
        load(tmp_path, marked.replace("«", ""))
    error, text = caught.value, str(caught.value)
    assert (error.path, error.line, error.key, error.code) == (tmp_path / "c.yaml", line, full_key(key), code)
    assert text.startswith(f"{tmp_path / 'c.yaml'}, line {line}: {error.key}") and "\n" not in text
    assert re.findall("did you mean `(.*?)`", text) == meant


@pytest.mark.parametrize(
    ("raw", "line", "code"),
    [
        (b"", 1, "yaml"), (b"# nothing\n", 1, "yaml"), (b"a: 1\nb: \xe9\n", 2, "unreadable"),
        (SMALL.encode("utf-16"), 1, "unreadable"), (b" " * 1_000_001, None, "unreadable"), (b"text", 1, "wrong_type"),
        (b"- a", 1, "wrong_type"), (b"a: b: c", 1, "yaml"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_a_contract(tmp_path: Path, raw: bytes, line: int | None, code: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(raw)
    with pytest.raises(ContractError) as caught:
        load_contract(path)
    assert (caught.value.path, caught.value.line, caught.value.code) == (path, line, code)


def test_no_file(tmp_path: Path) -> None:
    said = ("is a directory", "no such contract", "cannot be read")
    for path, part in zip((tmp_path, tmp_path / "x", Path("\0")), said, strict=True):
        with pytest.raises(ContractError, match=part):
            load_contract(path)


@pytest.mark.parametrize("opening", ["[", "- ", "{a: ", "? ", "a:\n " * 3])
def test_nesting_does_not_crash(tmp_path: Path, opening: str) -> None:
    """The C parser's own tree builder overflows its stack on these."""
    with pytest.raises(ContractError):
        load(tmp_path, opening * 200_000)


# ---- whatever stands in the file: a contract, or one sentence


def contract_or_sentence(path: Path) -> None:
    try:
        assert isinstance(load_contract(path), Contract)
    except ContractError as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error) and len(str(error)) < 700


UNCHECKED = [HealthCheck.function_scoped_fixture]
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=UNCHECKED, database=None)


@FUZZ
@given(raw=st.binary(max_size=300))
def test_random_bytes(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(raw)
    contract_or_sentence(path)


SCRAPS = [
    "", "- ", ": ", "[]", "{}", "~", "*a", "&a ", "!!int x", "<<: ", "'", '"', "|", "0x", "1e999", "\x85", "-",
    "\ud7ff", "mustBe: 0", "9" * 5000, "'\\ud800'", '"\\ud800"', "2025-02-30", "\ufeff", "\t", "(?", "%Y%Y",
]  # fmt: skip


@FUZZ
@given(data=st.data())
def test_random_changes_of_the_schema(tmp_path: Path, data: st.DataObject) -> None:
    text = SCHEMA.read_text("utf-8") if data.draw(st.booleans()) else SMALL
    lines = text.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(lines) - 1))
        change, scrap = (data.draw(st.sampled_from("dsvmk")), data.draw(st.sampled_from(SCRAPS) | st.text(max_size=8)))
        key, colon, _ = lines[place].partition(":")
        if change == "d" and len(lines) > 1:
            del lines[place]
        elif change == "s":
            other = data.draw(st.integers(0, len(lines) - 1))
            lines[place], lines[other] = lines[other], lines[place]
        elif change == "m":
            cut = data.draw(st.integers(0, len(lines[place])))
            lines[place] = lines[place][:cut] + scrap + lines[place][cut:]
        elif change == "k":
            lines[place] = key[: len(key) - len(key.lstrip())] + scrap + lines[place].lstrip()
        else:
            lines[place] = f"{key}{colon} {scrap}"
    path = tmp_path / "c.yaml"
    path.write_text("\n".join(lines), encoding="utf-8", errors="replace")
    contract_or_sentence(path)
