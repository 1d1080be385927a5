"""The shop's order list beside the events: each order is matched, or its absence has a name, to the cent."""

import csv
import random
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from commands import SCHEMA, query
from synthetic_events import generate
from synthetic_orders import Truth, contract_with_books, write_books
from transformation.books import statements_of
from transformation.published import LedgerError, balanced_ledger
from warehouse_kit import command, differing_tables, run

from event_data.books.reading import ORDER_COLUMNS, OWN_COLUMNS
from event_data.contract import load_contract

CONTRACT = contract_with_books(SCHEMA.read_text("utf-8"))
BUILT = ("gold.order_reconciliation", "gold.tracking_coverage", "gold.order_list_ledger", "silver.shop_orders")


def lost(order: Any) -> bool:
    """Return whether an order is lost to a browser, to a dead hour, or to consent."""
    agent, payment = order.row[-1], order.checkout
    dead = order.at.day == 26 and 12 <= order.at.hour < 19
    return "Firefox" in agent or dead or payment.endswith("0")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Truth]:
    """Return days with every fate of an order, the warehouse that is built from them, and the truth."""
    folder = tmp_path_factory.mktemp("shop")
    data = folder / "data"
    generate(data, days=8, events_per_day=3000, seed=5, incidents=False)
    truth = write_books(data, lost=lost)
    (folder / "contract.yaml").write_text(CONTRACT, "utf-8")
    build(data, folder)
    return data, folder / "warehouse.duckdb", truth


def build(data: Path, folder: Path, *args: str, name: str = "warehouse.duckdb") -> None:
    status, _, stderr = run(data, folder / name, folder / "contract.yaml", *args)
    assert status in (0, 3), stderr


def test_every_status_of_an_order_is_recovered(shop: tuple[Path, Path, Truth]) -> None:
    _, warehouse, truth = shop
    booked = query(
        warehouse, "select order_id, status, reason from gold.order_reconciliation where order_id is not null"
    )
    assert {name: (status, reason) for name, status, reason in booked} == truth.booked
    assert len(booked) == len(truth.booked)
    tracked: dict[str, Counter[str]] = {}
    for transaction_id, status in query(
        warehouse, "select transaction_id, status from gold.order_reconciliation where order_id is null"
    ):
        tracked.setdefault(transaction_id, Counter())[status] += 1
    assert tracked == truth.tracked
    evidence = dict(
        query(warehouse, "select order_id, evidence from gold.order_reconciliation where order_id is not null")
    )
    assert {name: evidence[name] for name in truth.evidence} == truth.evidence
    explained = "select order_id, difference from gold.order_reconciliation where difference is not null"
    assert dict(query(warehouse, explained)) == truth.differences
    assert {status for status, _ in truth.booked.values()} | {s for c in truth.tracked.values() for s in c} >= {
        "matched", "another amount", "not tracked", "not expected", "not booked", "not in the books", "tracked twice",
        "ambiguous",
    }  # fmt: skip
    assert len(set(truth.evidence.values())) == 3 and len(set(truth.differences.values())) == 4


def test_the_ledger_has_a_line_for_every_difference(shop: tuple[Path, Path, Truth]) -> None:
    data, warehouse, truth = shop
    lines = {
        line: values
        for line, *values in query(
            warehouse,
            "select line, tracked_orders, tracked_amount, booked_orders, booked_amount from gold.order_list_ledger",
        )
    }
    rows = [
        row for path in sorted(data.glob("orders_export_*.csv")) for row in csv.DictReader(path.open(encoding="utf-8"))
    ]
    counted = [r for r in rows if r["Created at"] and not r["Cancelled at"] and r["Test"] == "false"]
    assert lines["counted"][2:] == [len(counted), sum(Decimal(r["Total"]) for r in counted)]
    assert lines["difference"] == [0, 0, 0, 0]
    ((orders, amount),) = query(warehouse, "select orders, amount from gold.ledger where line = 'counted'")
    assert lines["counted"][:2] == [orders, amount]
    assert lines["matched"][1] == lines["matched"][3] and lines["matched"][0] == lines["matched"][2]
    refunds = [Decimal(row["Refunded Amount"]) for row in counted]
    assert lines["of booked: refunded"][2:] == [sum(map(bool, refunds)), -sum(refunds)]
    by_name = {row["Name"]: Decimal(row["Total"]) for row in counted}
    missing = [by_name[name] for name, fate in truth.booked.items() if fate == ("not tracked", "no order event")]
    assert lines["not tracked: no order event"] == [0, 0, len(missing), sum(missing)]


def test_coverage_by_day_and_segment_adds_up(shop: tuple[Path, Path, Truth]) -> None:
    _, warehouse, truth = shop
    statuses = Counter(status for status, _ in truth.booked.values())
    tracked = statuses["matched"] + statuses["another amount"]
    kinds = query(
        warehouse,
        "select segment_kind, sum(tracked_orders), sum(expected_orders) from gold.tracking_coverage group by all",
    )
    assert {row[1:] for row in kinds} == {(tracked, tracked + statuses["not tracked"])}
    assert {kind for kind, *_ in kinds} == {
        "all", "device", "browser", "operating_system", "channel", "payment_method", "hour",
    }  # fmt: skip
    hours = "select sum(tracked_orders), sum(expected_orders) from gold.tracking_coverage where segment_kind = 'hour'"
    ((found, expected),) = query(warehouse, f"{hours} and date = '2025-02-26' and segment between '12' and '18'")
    assert found == 0 < expected  # the dead hours
    browsers = query(
        warehouse,
        "select segment, sum(tracked_orders), sum(expected_orders) from gold.tracking_coverage "
        "where segment_kind = 'browser' group by all",
    )
    by_browser = {name: (found, expected) for name, found, expected in browsers}
    assert by_browser["Firefox"][0] == 0 < by_browser["Firefox"][1]
    assert sum(expected for name, (_, expected) in by_browser.items() if name != "Unknown") > expected / 2


def test_no_address_is_stored(shop: tuple[Path, Path, Truth], tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for path in [*sorted(shop[0].glob("events_*.csv"))[:2], *shop[0].glob("orders_export_*.csv")]:
        shutil.copy(path, folder)
    for path in folder.glob("orders_export_*.csv"):
        path.write_text(re.sub(r"[0-9a-f]{64}", "Ann.Buyer@mail.example", path.read_text("utf-8")), "utf-8")
        with path.open("a", encoding="utf-8") as file:
            file.write('"broken" by,ann.buyer@mail.example\n')
    (tmp_path / "contract.yaml").write_text(CONTRACT, "utf-8")
    build(folder, tmp_path)
    warehouse = tmp_path / "warehouse.duckdb"
    hashes = query(warehouse, "select distinct customer_sha256, customer_md5 from silver.shop_orders")
    hashed = query(warehouse, "select sha256(a), md5(a) from (select 'ann.buyer@mail.example' as a)")
    assert {*hashes} - {(None, None)} == {*hashed}
    assert b"nn.buyer@mail" not in warehouse.read_bytes().lower()
    refused = "select distinct reason from silver.refused_shop_orders"
    assert query(warehouse, refused) == [("unreadable record",)]


@pytest.mark.slow
def test_the_incremental_run_equals_the_full_one(shop: tuple[Path, Path, Truth], tmp_path: Path) -> None:
    source = shop[0]
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "contract.yaml").write_text(CONTRACT, "utf-8")
    files = sorted(source.glob("events_*.csv"))
    for path in files[:3]:
        shutil.copy(path, data)
    one, two = data / "orders_export_1.csv", data / "orders_export_2.csv"

    places = {"data_dir": data, "warehouse": tmp_path / "warehouse.duckdb", "contract": tmp_path / "contract.yaml"}
    options = [word for name, path in places.items() for word in (f"--{name}", path)]

    def update() -> str:
        status, stdout, stderr = command(*options)
        assert status in (0, 3), stderr
        return " ".join(stdout.split())

    def tables() -> set[str]:
        build(data, tmp_path, "--full_refresh", name="whole.duckdb")
        assert differing_tables(tmp_path / "warehouse.duckdb", tmp_path / "whole.duckdb") == []
        names = "select table_schema || '.' || table_name from information_schema.tables"
        return {name for (name,) in query(tmp_path / "warehouse.duckdb", names)} & set(BUILT)

    assert "no order list like orders_export*.csv" in update()
    shutil.copy(source / one.name, one)
    shutil.copy(files[3], data)
    assert "order list tracked amount booked amount" in update() and tables() == set(BUILT)
    shutil.copy(source / two.name, two)
    one.write_text(one.read_text("utf-8").replace(",paid,", ",voided,", 3), "utf-8")  # a later export
    assert ": voided" in update() and tables() == set(BUILT)
    assert "nothing changed" in update()
    one.unlink()
    two.write_text("a,b\n1,2\n", "utf-8")
    assert "orders_export_2.csv could not be read: it has no column 'Name'" in update() and tables() == set(BUILT)
    status, _, stderr = command(*options)
    assert status == 3 and "orders_export_2.csv could not be read (it has no column 'Name'" in stderr


WOO = """\
order_id;order_number;date;status;currency;order_total;refunded_total;payment_method;billing_email
11;A-101;2025-02-24 10:00:00;completed;USD;1.250,50;0;stripe;a@shop.example
12;A-102;2025-02-24 11:00:00;failed;USD;99,00;0;stripe;a@shop.example
13;A-103;2025-02-24 12:00:00;processing;USD;75,00;5,00;bank;b@shop.example
14;A-104;2025-02-24 13:00:00;processing;EUR;75,00;0;bank;c@shop.example
15;A-105;24/02/2025;processing;USD;75,00;0;bank;c@shop.example
;;2025-02-24 13:00:00;processing;USD;75,00;0;bank;c@shop.example
16;A-106;2025-02-24 13:00:00;processing;USD;free;0;bank;c@shop.example
"""
WOO_OBJECT = """
  - name: orders
    physicalName: books/wc-orders.csv
    properties:
      - {name: order_id}
      - {name: order_number}
      - {name: date, logicalType: timestamp, logicalTypeOptions: {defaultTimezone: Europe/Berlin}}
      - {name: status}
      - {name: currency}
      - {name: order_total}
      - {name: refunded_total}
      - {name: payment_method}
      - {name: billing_email}
    customProperties:
      - property: orderList
        value:
          delimiter: ;
          columnRoles:
            order_id: order_number
            created_at: date
            amount: {column: order_total, decimal: ",", thousands: .}
            refunded_amount: {column: refunded_total, decimal: ",", thousands: .}
            currency: currency
            financial_status: status
            payment_method: payment_method
            customer: billing_email
          idInTracking: ORD-([A-Z]-[0-9]+)
"""


def test_the_list_of_woocommerce(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "books").mkdir(parents=True)
    (data / "books" / "wc-orders.csv").write_text(WOO, "utf-8")
    header = "client_id,page_url,referrer,timestamp,event_name,event_data,user_agent"

    def event(number: int, name: str, time: str, payload: str = "") -> str:
        return f'c{number},https://puffy.com/,,{time},{name},"{payload.replace(chr(34), chr(34) * 2)}",Mozilla/5.0'

    lines = [
        event(1, "checkout_completed", "2025-02-24T09:00:03Z", '{"transaction_id":"ORD-A-101","revenue":1250.5}'),
        event(2, "checkout_completed", "2025-02-24T10:00:03Z", '{"transaction_id":"ORD-A-102","revenue":99}'),
        event(3, "page_viewed", "2025-02-24T23:00:00Z"),
    ]
    (data / "events_20250224.csv").write_text("\n".join([header, *lines]), "utf-8")
    head, tail = SCHEMA.read_text("utf-8").split("\nslaProperties:", 1)
    (tmp_path / "contract.yaml").write_text(f"{head}\n{WOO_OBJECT}\nslaProperties:{tail}", "utf-8")
    build(data, tmp_path)
    warehouse = tmp_path / "warehouse.duckdb"
    assert query(warehouse, "select order_id, status, reason from gold.order_reconciliation order by order_id") == [
        ("A-101", "matched", None), ("A-102", "not in the books", "failed"), ("A-103", "not tracked", "no order event"),
        ("A-104", "not booked", "currency EUR"), ("A-106", "not booked", "no readable amount"),
    ]  # fmt: skip
    assert query(warehouse, "select line, reason from silver.refused_shop_orders order by line") == [
        (6, "no readable time"), (7, "no order id"),
    ]  # fmt: skip
    created = "select created_at, order_date, refunded_amount from silver.shop_orders where order_id = 'A-103'"
    status, _, stderr = run(data, tmp_path / "spark", tmp_path / "contract.yaml", "--engine", "spark")
    assert status == 2 and "wc-orders.csv are those of Europe/Berlin, which only --engine duckdb supports" in stderr
    ((at, day, refund),) = query(warehouse, created)
    assert (at, f"{day}", refund) == (datetime(2025, 2, 24, 11), "2025-02-24", Decimal(5))


# ---- the balance of random orders

START = datetime(2025, 3, 1, 12)
WORLDS = 400


def world(number: int) -> tuple[list[list[Any]], list[list[Any]]]:
    """Return a few booked and tracked orders that have much in common, with nothing of another world."""
    rng = random.Random(number)

    def key(values: str) -> str | None:
        value = rng.choice([*values, ""])
        return f"{number:04}{value}" if value else None

    def customer() -> str | None:
        value = key("ab")
        return value and value.rjust(64, "0")

    def at(of: int) -> timedelta:
        return timedelta(minutes=rng.randrange(90), seconds=of)

    def amount() -> str:
        return rng.choice(["10.00", "10.01", "25.50"])

    booked, tracked = [], []
    for one in range(rng.randint(1, 6)):
        odd = rng.choice(["", "", "", "", "void", "offline"])
        cells = {
            "order_id": f"#{key('123') or f'{number:04}n{one}'}", "created_at": f"{START + at(0)}.{one:03}",
            "amount": amount(), "customer_sha256": customer(), "checkout": key("xyz"),
            "sales_channel": "pos" if odd == "offline" else None,
            "financial_status": "voided" if odd == "void" else None,
        }  # fmt: skip
        booked.append(["list", 0, number * 10 + one, None, *(cells.get(name) for name in ORDER_COLUMNS)])
    for one in range(rng.randint(0, 6)):
        counts = rng.random() < 0.9
        paid, reason = (amount(), None) if counts else (None, "x")
        tracked.append([number * 10 + one, key("123"), START + at(1), customer(), key("xyz"), paid, counts, reason, 0])
    return booked, tracked


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[str]]]:
    """Return a database with empty inputs of the reconciliation, and its statements."""
    path = tmp_path_factory.mktemp("contract") / "contract.yaml"
    path.write_text(CONTRACT.replace("idInTracking: ^ORD-(.*)$", ""), "utf-8")
    contract = load_contract(path)
    assert contract.order_list
    given = ("silver.tracked_days", "silver.tracked_orders", "gold.tracking_coverage")
    wanted = [s for s in statements_of(contract, ["bronze.shop_orders"]) if s.name not in given]
    with duckdb.connect() as connection:
        connection.execute("create schema bronze; create schema silver; create schema gold")
        types = OWN_COLUMNS | dict.fromkeys(ORDER_COLUMNS, "varchar")
        connection.execute(f"create table bronze.shop_orders ({', '.join(f'{n} {t}' for n, t in types.items())})")
        connection.execute("""create table silver.tracked_orders (tracked_order_id bigint, transaction_id varchar,
            ordered_at timestamp, customer varchar, checkout varchar, amount decimal(12, 2), is_counted boolean,
            reason varchar, resubmissions bigint)""")
        connection.execute(f"""create table silver.tracked_days as
            select date '{START:%Y-%m-%d}' as day, timestamp '{START + timedelta(hours=1)}' as last_event_at""")
        counted = "select amount as revenue from silver.tracked_orders where is_counted"
        connection.execute(f"create view silver.orders as {counted}")
        yield connection, [statement.sql for statement in wanted]


def reconcile(
    connection: duckdb.DuckDBPyConnection, statements: list[str], booked: list[list[Any]], tracked: list[list[Any]]
) -> None:
    """Build the tables of the reconciliation for these records of the list and orders of the events."""
    connection.execute("delete from bronze.shop_orders; delete from silver.tracked_orders")
    for table, rows in (("bronze.shop_orders", booked), ("silver.tracked_orders", tracked)):
        columns = [list(column) for column in zip(*rows, strict=True)]
        connection.execute(f"insert into {table} select {', '.join(['unnest(?)'] * len(columns))}", columns)
    for statement in statements:
        connection.execute(statement)


def test_the_books_of_random_orders_balance(database: tuple[duckdb.DuckDBPyConnection, list[str]]) -> None:
    connection, statements = database
    worlds = [world(number) for number in range(WORLDS)]
    shop_rows = [row for booked, _ in worlds for row in booked]
    events = [row for _, tracked in worlds for row in tracked]

    def reconciled() -> list[tuple[Any, ...]]:
        reconcile(connection, statements, shop_rows, events)
        return connection.execute(
            "select status, shop_order_id % 100000000 // 10, tracked_order_id // 10, shop_order_id, tracked_order_id, "
            "booked_amount, tracked_amount, created_at is not null from gold.order_reconciliation order by all"
        ).fetchall()

    found = reconciled()
    seen: Counter[str] = Counter(row[0] for row in found)
    assert min(seen.values()) > 5 and len(seen) >= 8
    for number, (booked, tracked) in enumerate(worlds):
        here = [row for row in found if number in row[1:3]]
        amounts = [Decimal(row[4 + ORDER_COLUMNS.index("amount")]) for row in booked if "voided" not in row]
        expected = {"matched", "another amount", "not tracked", "not expected", "ambiguous", "outside the events"}
        of_books = [row[5] for row in here if row[7] and row[0] in expected]
        assert (len(of_books), sum(of_books)) == (len(amounts), sum(amounts)), number
        counted = [Decimal(row[5]) for row in tracked if row[6]]
        kept = {"matched", "another amount", "not in the books", "tracked twice", "outside the order list"}
        of_events = [row[6] for row in here if row[0] in kept or (row[0] == "ambiguous" and not row[7])]
        assert (len(of_events), sum(of_events)) == (len(counted), sum(counted)), number
        pairs = [row[3:5] for row in here if row[7] and row[4] is not None]
        assert len({one for one, _ in pairs}) == len({other for _, other in pairs}) == len(pairs), number
    assert sum(row[5] - row[6] for row in found if row[0] == "matched") == 0
    difference = "select tracked_orders, tracked_amount, booked_orders, booked_amount from gold.order_list_ledger"
    assert connection.execute(f"{difference} where line = 'difference'").fetchall() == [(0, 0, 0, 0)]
    random.Random(1).shuffle(shop_rows)
    random.Random(2).shuffle(events)
    assert reconciled() == found  # whatever the order of the lines


def listed(file: int, line: int, order_id: str, minutes: int, amount: str) -> list[Any]:
    cells = {"order_id": order_id, "created_at": f"{START + timedelta(minutes=minutes)}", "amount": amount}
    return [f"list {file}", file, line, None, *(cells.get(name) for name in ORDER_COLUMNS)]


def test_zeros_in_front_of_an_id_matter_only_if_both_ids_exist(
    database: tuple[duckdb.DuckDBPyConnection, list[str]],
) -> None:
    connection, statements = database
    booked = [listed(0, n, name, 1, "10.00") for n, name in enumerate(("1001", "0012", "12", "#0007", "#8"), 2)]
    ids = ("0001001", "12", "0012", "7", "08")
    tracked = [
        [n, name, START + timedelta(minutes=2), None, None, "10.00", True, None, 0] for n, name in enumerate(ids)
    ]
    reconcile(connection, statements, booked, tracked)
    matched = "select order_id, transaction_id from gold.order_reconciliation where status = 'matched' order by all"
    assert connection.execute(matched).fetchall() == [
        ("#0007", "7"), ("#8", "08"), ("0012", "0012"), ("1001", "0001001"), ("12", "12"),
    ]  # fmt: skip


def test_the_ledger_shows_changed_amounts_and_shared_ids(
    database: tuple[duckdb.DuckDBPyConnection, list[str]],
) -> None:
    connection, statements = database
    booked = [
        listed(0, 2, "#1", 1, "10.00"), listed(0, 3, "#2", 2, "20.00"), listed(0, 4, "#3", 3, "30.00"),
        listed(1, 2, "#1", 1, "12.00"), listed(1, 3, "#2", 9, "21.00"), listed(1, 4, "#3", 3, "30.00"),
    ]  # fmt: skip
    reconcile(connection, statements, booked, [[1, "1", START, None, None, "12.00", True, None, 0]])
    lines = "select line, booked_orders, booked_amount from gold.order_list_ledger where position > 3 order by position"
    assert connection.execute(lines).fetchall()[-4:] == [
        ("counted", 4, Decimal(83)), ("difference", 0, Decimal(0)),
        ("of booked: another amount in an older file", 1, Decimal(2)),
        ("of booked: several orders with one id", 2, Decimal(41)),
    ]  # fmt: skip


def test_books_that_do_not_balance_are_not_published(
    database: tuple[duckdb.DuckDBPyConnection, list[str]],
) -> None:
    connection, statements = database
    worlds = [world(number) for number in range(20)]
    rows = [[row for one in worlds for row in one[side]] for side in (0, 1)]
    reconcile(connection, statements, *rows)
    (ledger,) = [statement for statement in statements if "table gold.order_list_ledger " in statement]
    connection.execute("attach ':memory:' as warehouse; create schema warehouse.gold")
    connection.execute(
        "create table warehouse.gold.ledger as select 1 as position, 'difference' as line, 0 as orders, 0 as amount"
    )
    copy = "create or replace table warehouse.gold.order_list_ledger as from gold.order_list_ledger"
    connection.execute(f"{ledger}; {copy}")
    assert len(balanced_ledger(connection)) == 1
    connection.execute(f"delete from gold.order_reconciliation where status = 'matched'; {ledger}; {copy}")
    with pytest.raises(LedgerError, match="do not all have a line"):
        balanced_ledger(connection)
