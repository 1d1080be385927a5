"""A draft of any export: its format, its times, where its values are, order lines, amounts, currency and schedule."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from event_data.contract import Contract, ContractError, load_contract
from event_data.contract.drafting import draft_contract
from event_data.contract.drafting.forms import amount_signs, time_format
from event_data.contract.model import Amount, Constant, Field, Joined, Parameter, Product, Record, Time, Value
from event_data.reading.conversion import convert
from event_data.reading.derived import computed_sql
from event_data.reading.folder import find_files
from event_data.sql import literal

START = datetime(2025, 3, 3, 8, 0)  # a Monday
Event = dict[str, Any]


def drafted(folder: Path, work: Path) -> Contract:
    """Return the contract that is drafted for a folder."""
    path = work / "draft.yaml"
    path.write_text(draft_contract(folder), encoding="utf-8")
    return load_contract(path)


def places(contract: Contract) -> dict[str, Value]:
    """Return where each role's value comes from, also those of orders."""
    found: dict[str, Value] = {role: contract.derived.get(name, Field(name)) for role, name in contract.roles.items()}
    if isinstance(record := found.get("payload"), Record):
        found |= dict(record.values) | {f"line {part}": value for part, value in record.line}
    return found


def events(days: Sequence[date] | None = None, orders: Callable[[int], Event] | None = None) -> list[Event]:
    """Return events of a shop: a visitor looks, adds to the cart, starts the checkout and buys."""
    found: list[Event] = []
    order = orders or (lambda n: {"order_id": f"A{1000 + n}", "revenue": f"{20 + n / 4:.2f}"})
    for number, day in enumerate(days or [START.date() + timedelta(days=n) for n in range(6)]):
        for visit in range(12):
            n = 12 * number + visit
            moment = datetime.combine(day, START.time()) + timedelta(minutes=17 * visit)
            shared = {"visitor_id": f"v{n % 50:05d}x", "session_id": f"s{n:06d}"}
            for step, name in enumerate(
                ["page_view", "add_to_cart", "begin_checkout", "purchase"][: 4 if visit % 3 == 0 else 2]
            ):
                at = {"event_time": f"{moment + timedelta(seconds=40 * step):%Y-%m-%dT%H:%M:%S}Z", "event_name": name}
                found.append(shared | at | {"traffic_source": ["organic", "paid_search", "email"][n % 3]})
                if name == "purchase":
                    found[-1] |= order(n)
    return found


def csv_text(rows: Sequence[Event], delimiter: str = ",") -> str:
    text = io.StringIO(newline="")
    header = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(text, header, delimiter=delimiter, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def json_lines(rows: Sequence[Event]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def parquet(rows: Sequence[Event], path: Path) -> None:
    source = path.with_suffix(".csv")
    source.write_text(csv_text(rows))
    duckdb.sql(f"copy (from read_csv('{source}', all_varchar = true)) to '{path}' (format parquet)")
    source.unlink()


# ---- formats


def write(folder: Path, form: str, rows: Sequence[Event]) -> str:
    """Write events in one form; return the name that the contract must give."""
    folder.mkdir(exist_ok=True)
    days = sorted({row["event_time"][:10] for row in rows})
    if form == "tsv":
        (folder / "export.tsv").write_text(csv_text(rows, "\t"))
        return "export.tsv"
    if form == "array":
        (folder / "export.json").write_text(json.dumps(rows))
        return "export.json"
    if form == "zst":
        (folder / "export.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(json_lines(rows).encode()))
        return "export.jsonl"
    if form == "parquet":
        for number, day in enumerate(days):
            parquet([row for row in rows if row["event_time"][:10] == day], folder / f"part-{number:04d}.parquet")
        return "part-*.parquet"
    for day in days:
        here = [row for row in rows if row["event_time"][:10] == day]
        if form == "folders":
            (folder / f"dt={day}").mkdir()
            (folder / f"dt={day}" / "part-0.csv.gz").write_bytes(gzip.compress(csv_text(here).encode()))
        else:
            for half in (0, 1):
                (folder / f"e_{day}_{half * 12:02d}.ndjson").write_text(json_lines(here[half::2]))
    return "dt=%Y-%m-%d/*.csv" if form == "folders" else "e_%Y-%m-%d.ndjson"


@pytest.mark.parametrize("form", ["tsv", "array", "zst", "parquet", "folders", "halves"])
def test_formats(tmp_path: Path, form: str) -> None:
    rows = events()
    name = write(tmp_path / "data", form, rows)
    contract = drafted(tmp_path / "data", tmp_path)
    assert contract.file_name == name
    assert places(contract) == {
        "client": Field("visitor_id"), "session": Field("session_id"), "time": Field("event_time"),
        "event": Field("event_name"), "channel": Field("traffic_source"), "transaction_id": Field("order_id"),
        "amount": Field("revenue"), "payload": places(contract)["payload"],
    }  # fmt: skip
    assert contract.channels == {"organic": "Organic Search", "paid_search": "Paid Search", "email": "Email"}
    assert {event.name: event.role for event in contract.events}["purchase"] == "order"
    work = tmp_path / "work"
    read = convert(find_files(tmp_path / "data", contract.file_name), contract, work)
    assert sum(file.rows for file in read.files) == len(rows) and not read.unread


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for name in ("a.parquet", "b.json", "c.csv"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_bytes(b"PK\x03\x04 no export")
        with pytest.raises(ContractError, match=f"{name}: the file .*; give a file with events.") as caught:
            draft_contract(folder)
        assert "\n" not in str(caught.value)


# ---- where values are


def test_json_columns_and_parameters(tmp_path: Path) -> None:
    rows = []
    for row in events():
        microseconds = int(datetime.fromisoformat(row["event_time"]).timestamp() * 1_000_000)
        entries = [
            {"key": "page_location", "value": {"string_value": f"https://shop.example/{row['event_name']}"}},
            {"key": "ga_session_id", "value": {"int_value": row["session_id"][1:]}},
            {"key": "medium", "value": {"string_value": "cpc"}},
            *([{"key": "currency", "value": {"string_value": "SEK"}}] if "revenue" in row else []),
        ]
        order = {"value": float(row["revenue"]), "id": row["order_id"]} if "revenue" in row else None
        rows.append({
            "event_date": row["event_time"][:10].replace("-", ""), "event_timestamp": microseconds,
            "event_name": row["event_name"], "user_pseudo_id": row["visitor_id"], "event_params": json.dumps(entries),
            "ecommerce": json.dumps({"order": order}), "traffic_source.medium": "organic", "gclid": "x1",
        })  # fmt: skip
    (tmp_path / "ga.csv").write_text(csv_text(rows))
    contract = drafted(tmp_path, tmp_path)
    found = places(contract)
    assert found["time"] == Time(Field("event_timestamp"), "epoch_us")
    assert found["session"] == Parameter("event_params", "ga_session_id")
    assert found["page"] == Parameter("event_params", "page_location")
    assert found["medium"] == Parameter("event_params", "medium")
    assert found["currency"] == Parameter("event_params", "currency") and contract.currency.code == "SEK"
    assert contract.values["amount"] == Field(contract.roles["payload"], ("order", "value")) or contract.order
    assert contract.own_hosts == ("shop.example",)
    assert contract.order is not None and contract.order.amount == "order.value"


@pytest.mark.parametrize(
    "names", [("$pageview", "Bestellung abgeschlossen"), ("[App] Page Viewed", "注文"), ("Открыта", "$buy")]
)
def test_names_in_any_script(tmp_path: Path, names: tuple[str, str]) -> None:
    rows = [
        row
        | {"event_name": {"page_view": names[0], "begin_checkout": names[1]}.get(row["event_name"], row["event_name"])}
        for row in events()
    ]
    (tmp_path / "e.csv").write_text(csv_text(rows), encoding="utf-8")
    contract = drafted(tmp_path, tmp_path)
    assert set(names) <= {name for event in contract.events for name in event.names}


def test_very_many_event_names(tmp_path: Path) -> None:
    rows = events()
    rows += [
        row | {"event_name": f"screen_{chr(97 + n % 26)}{chr(97 + n // 26)}"} for n, row in enumerate(events()[:90])
    ]
    (tmp_path / "e.csv").write_text(csv_text(rows))
    draft = draft_contract(tmp_path)
    contract = drafted(tmp_path, tmp_path)
    assert {event.role for event in contract.events} == {"page_view", "cart", "checkout", "order"}
    column = contract.column("event_name")
    assert column is not None and not column.allowed and "many more values; only those with a role" in draft


# ---- times


@pytest.mark.parametrize(
    ("write_time", "form"),
    [
        (lambda t: f"{t:%Y-%m-%dT%H:%M:%S}+03:00", ""),
        (lambda t: f"{t:%Y-%m-%d %H:%M:%S} UTC", ""),
        (lambda t: f"{t:%Y%m%dT%H%M%S}", ""),
        (lambda t: str(int(t.timestamp())), "epoch_s"),
        (lambda t: f"{t.timestamp():.3f}", "epoch_s"),
        (lambda t: str(int(t.timestamp() * 1000)), "epoch_ms"),
        (lambda t: f"{t:%d.%m.%Y %H:%M}", "dd.MM.yyyy HH:mm"),
        (lambda t: f"{t:%d.%m.%Y %H:%M:%S}.250", "dd.MM.yyyy HH:mm:ss.SSS"),
        (lambda t: f"{t.month}/{t.day}/{t.year} {t.hour % 12 or 12}:{t:%M:%S} {t:%p}", "M/d/yyyy h:mm:ss a"),
        (lambda t: f"{t.month}/{t.day}/{t.year} {t.hour}:{t:%M}", "M/d/yyyy H:mm"),
        (lambda t: f"{t.day}/{t.month}/{t.year} {t.hour}:{t:%M}", "d/M/yyyy H:mm"),
        (lambda t: f"{t:%Y-%m-%d}", "yyyy-MM-dd"),
    ],
)
def test_times(tmp_path: Path, write_time: Callable[[datetime], str], form: str) -> None:
    days = [date(2025, 3, 20) + timedelta(days=n) for n in range(20)]
    rows = events(days)
    moments = [datetime.fromisoformat(row["event_time"]) for row in rows]
    (tmp_path / "e.csv").write_text(
        csv_text([r | {"event_time": write_time(t)} for r, t in zip(rows, moments, strict=True)])
    )
    contract = drafted(tmp_path, tmp_path)
    value = places(contract)["time"]
    assert value == (Time(Field("event_time"), form) if form else Field("event_time"))
    if form:
        text = write_time(moments[7])
        found = computed_sql(value, lambda _: literal(text), lambda _: "null")
        ((read,),) = duckdb.execute(f"select {found}").fetchall()
        assert read[:10] == f"{moments[7]:%Y-%m-%d}" and (form == "yyyy-MM-dd" or read[11:16] == f"{moments[7]:%H:%M}")


@pytest.mark.parametrize("pattern", ["%Y-%m-%d", "%Y%m%d", "%d.%m.%Y"])
def test_date_and_time_in_two_columns(tmp_path: Path, pattern: str) -> None:
    rows = []
    for row in events([date(2025, 3, 20) + timedelta(days=n) for n in range(5)]):
        moment = datetime.fromisoformat(row.pop("event_time"))
        rows.append({"date": f"{moment:{pattern}}", "time": f"{moment:%H:%M:%S}"} | row)
    (tmp_path / "e.csv").write_text(csv_text(rows))
    contract = drafted(tmp_path, tmp_path)
    joined = Joined((Field("date"), Field("time")), " ")
    forms = {
        "%Y-%m-%d": joined,
        "%Y%m%d": Time(joined, "yyyyMMdd HH:mm:ss"),
        "%d.%m.%Y": Time(joined, "dd.MM.yyyy HH:mm:ss"),
    }
    assert places(contract)["time"] == forms[pattern]


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (["01/02/2025 10:00", "03/04/2025 11:00"], ("MM/dd/yyyy HH:mm", False)),
        (["01/02/2025 10:00", "13/04/2025 11:00"], ("dd/MM/yyyy HH:mm", True)),
        (["13/13/2025 10:00"], None),
        (["12345", "noon"], None),
        (["1234567890", "99"], None),
        ([], None),
    ],
)
def test_time_formats(values: list[str], form: tuple[str, bool] | None) -> None:
    assert time_format(values) == form


# ---- orders


def test_lines_of_orders_by_session(tmp_path: Path) -> None:
    rows = []
    for row in events():
        name, session = row["event_name"], row["session_id"]
        for item in range(2 if name == "purchase" else 1):
            line = {"product_id": f"{item}{session[-3:]}", "price": f"{9 + item}.90"}
            event = {"event_time": row["event_time"], "event_type": name}
            rows.append(event | line | {"user_id": row["visitor_id"], "user_session": session})
    (tmp_path / "e.csv").write_text(csv_text(rows))
    contract = drafted(tmp_path, tmp_path)
    found = places(contract)
    assert contract.order is not None and contract.order.key == ("session",)
    assert found["amount"] == Field("price") and found["line id"] == Field("product_id")
    assert "transaction_id" not in found


def test_an_export_of_order_lines_alone(tmp_path: Path) -> None:
    rows = [
        {"invoice_no": 500 + n // 3, "stock_code": f"P{n % 7}", "quantity": n % 4 + 1, "unit_price": "2,50",
         "invoice_date": f"2025-03-{1 + n // 30:02d} 10:{n // 3 % 60:02d}:00", "customer_id": f"{17000 + n // 6}.0"}
        for n in range(300)
    ]  # fmt: skip
    (tmp_path / "lines.csv").write_text(csv_text(rows, ";"))
    contract = drafted(tmp_path, tmp_path)
    found = places(contract)
    assert isinstance(found["event"], Constant) and contract.event_of("order") is not None
    assert contract.order is not None and contract.order.key == ("transaction_id",)
    assert found["amount"] == Product(Field("quantity"), Amount(Field("unit_price"), ",", ""))
    assert (found["line id"], found["line quantity"]) == (Field("stock_code"), Field("quantity"))
    assert contract.delimiter == ";"


@pytest.mark.parametrize(
    ("write_amount", "signs"),
    [
        (lambda n: f"{n},50", (",", "")),
        (lambda n: f"1.{n:03d},50", (",", ".")),
        (lambda n: f"1,{n:03d}.50", (".", ",")),
        (lambda n: f"€ {n}.50", (".", "")),
        (lambda n: f"{n}.50", None),
    ],
)
def test_amounts(tmp_path: Path, write_amount: Callable[[int], str], signs: tuple[str, str] | None) -> None:
    rows = events(orders=lambda n: {"order_id": f"A{n}", "revenue_eur": write_amount(n + 1)})
    (tmp_path / "e.csv").write_text(csv_text(rows))
    contract = drafted(tmp_path, tmp_path)
    assert places(contract)["amount"] == (Amount(Field("revenue_eur"), *signs) if signs else Field("revenue_eur"))
    assert (contract.currency.code, contract.currency.sign) == ("EUR", "€")


@pytest.mark.parametrize(
    ("name", "write_amount", "code", "sign"),
    [
        ("total", lambda n: f"{n},50 €", "EUR", "€"),
        ("total", lambda n: f"£{n}.50", "GBP", "£"),
        ("total", lambda n: f"{n}.50 CHF", "CHF", "CHF "),
        ("total_usd", lambda n: f"{n}.50 CHF", "CHF", "CHF "),
        ("total", lambda n: f"{n}.50 pts", "USD", "$"),
        ("total", lambda n: f"{n}.50", "USD", "$"),
    ],
)
def test_the_currency_beside_amounts(
    tmp_path: Path, name: str, write_amount: Callable[[int], str], code: str, sign: str
) -> None:
    rows = events(orders=lambda n: {"order_id": f"A{n}", name: write_amount(n + 1)})
    (tmp_path / "e.csv").write_text(csv_text(rows))
    currency = drafted(tmp_path, tmp_path).currency
    assert (currency.code, currency.sign) == (code, sign)


def test_amounts_in_mixed_forms() -> None:
    assert amount_signs(["12,50", "1,234.50", "1.234,50", "NaN"]) is None


def test_an_id_that_is_not_an_order_id(tmp_path: Path) -> None:
    rows = [row | {"request": f"r{n:07d}", "step": n % 3} for n, row in enumerate(events(orders=lambda n: {}))]
    (tmp_path / "e.csv").write_text(csv_text(rows))
    draft = draft_contract(tmp_path)
    contract = drafted(tmp_path, tmp_path)
    assert "transaction_id" not in contract.values and "amount" not in contract.values
    assert "# not found: page, referrer" in draft and "no column looks like it" not in draft


def test_orders_without_an_id_are_noted(tmp_path: Path) -> None:
    rows = events(orders=lambda n: {"order_id": f"A{n}" if n % 6 else "", "revenue": "10.00"})
    (tmp_path / "e.csv").write_text(csv_text(rows))
    assert "# check: 50% of the orders have it; the others are quarantined" in draft_contract(tmp_path)


def test_two_currencies(tmp_path: Path) -> None:
    rows = events(orders=lambda n: {"order_id": f"A{n}", "revenue": "10", "currency": "GBP" if n % 12 else "USD"})
    (tmp_path / "e.csv").write_text(csv_text(rows))
    draft = draft_contract(tmp_path)
    assert (
        drafted(tmp_path, tmp_path).currency.code == "GBP"
        and "orders in other currencies are listed separately" in draft
    )


# ---- days without events


def test_closed_weekdays(tmp_path: Path) -> None:
    days = [day for n in range(21) if (day := START.date() + timedelta(days=n)).weekday() < 5]
    (tmp_path / "e.csv").write_text(csv_text(events(days)))
    assert drafted(tmp_path, tmp_path).schedule.weekdays == (5, 6)


def test_quiet_days(tmp_path: Path) -> None:
    days = [START.date() + timedelta(days=n) for n in (0, 1, 4, 5, 9, 11, 12, 17)]
    (tmp_path / "e.csv").write_text(csv_text(events(days)))
    contract = drafted(tmp_path, tmp_path)
    assert contract.schedule.quiet_days and not contract.schedule.weekdays


def test_no_schedule_from_a_part_of_the_files(tmp_path: Path) -> None:
    for n in range(30):
        (tmp_path / f"part-{n}.csv").write_text(csv_text(events([START.date() + timedelta(days=n)])))
    assert "schedule" not in draft_contract(tmp_path)


def test_one_missing_file_is_not_a_schedule(tmp_path: Path) -> None:
    for n in range(20):
        day = START.date() + timedelta(days=n)
        if n != 7:
            (tmp_path / f"e_{day}.csv").write_text(csv_text(events([day])))
    draft = draft_contract(tmp_path)
    assert "# check: 1 day has no file; if that is normal" in draft and "property: schedule" not in draft


# ---- whatever JSON holds

LEAVES = st.sampled_from([None, True, 0, 1.5, "", "x", "buy", "2025-01-30T10:00:00Z", "https://a.example/", "u1234567"])
KEYS = st.sampled_from(["id", "a b", "key", "value", "é.", "$x", "'"])
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(
    rows=st.lists(
        st.dictionaries(st.sampled_from(["event", "ts", "id", "user_id", "props", "x y"]), VALUES), max_size=8
    )
)
def test_random_json(tmp_path: Path, rows: list[Event]) -> None:
    (tmp_path / "e.json").write_text(json_lines(rows))
    try:
        drafted(tmp_path, tmp_path)
    except ContractError as error:
        assert "draft.yaml" not in str(error) and "\n" not in str(error)
