"""The summary that --init prints: what a draft finds in the files, from part 2's tables, or why it finds nothing."""

from pathlib import Path

import duckdb
import pytest
from quality.draft_summary import Build, build, summary

from event_data.contract import Contract, load_contract

CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: shop
version: 1.0.0
status: draft
schema:
  - name: events
    physicalName: events.csv
    properties: [{name: who}, {name: at}, {name: what}, {name: price}, {name: coupon}]
customProperties:
  - property: columnRoles
    value: {client: who, time: at, event: what, amount: price, channel: coupon}
  - property: events
    value: [{name: buy, role: order}, {name: look, role: page_view}]
  - property: currency
    value: €
"""
TABLES = """
create schema silver;
create table silver.events as
    select 'c' || n % 3 as client_id, date '2025-03-01' + (n // 40)::integer as event_date,
        if(n % 10 = 0, 'buy', 'look') as event_name, if(n % 10 = 0, 'order', 'page_view') as event
    from range(100) as r(n);
create table silver.files as select 103 as records, null as refused union all select 0, 'is empty (0 bytes)';
create table silver.orders as select 12.5::decimal(12, 2) as revenue from range(10);
create table silver.rejected_events as select 'no readable time' as reason from range(3);
create table silver.received_orders as select 'quarantined' as status, 'no readable amount' as reason from range(2);
"""
SESSIONS = """
create table silver.sessions as
    select 'healed' as reading, if(n = 0, null, 'Email') as first_channel from range(4) as r(n)
    union all select 'as tracked', 'Direct';
"""


@pytest.fixture
def contract(tmp_path: Path) -> Contract:
    path = tmp_path / "contract.yaml"
    path.write_text(CONTRACT, encoding="utf-8")
    return load_contract(path)


def warehouse(folder: Path, sql: str) -> Build:
    path = folder / "w.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(sql)
    return Build(path, "")


def test_the_summary(tmp_path: Path, contract: Contract) -> None:
    text = summary(warehouse(tmp_path, TABLES + SESSIONS), contract, 80)
    assert text.splitlines() == [
        "The files according to the draft:",
        "  days     3, 2025-03-01 to 2025-03-03",
        "  rows     103, 100 of them events",
        "  clients  3",
        "  orders   10, €125.00 (EUR)",
        "",
        "  EVENT  ROLE       EVENTS",
        "  look   page_view      90",
        "  buy    order          10",
        "",
        "  CHANNEL       SESSIONS",
        "  Email                3",
        "  Unattributed         1",
        "",
        "Refused: 3 records: no readable time; 2 orders: no readable amount; 1 file: it",
        "is empty (0 bytes).",
        "",
        "Not mapped: session, page, referrer, source, medium, campaign, click_id,",
        "checkout, user_agent, transaction_id, currency, customer; the figures that need",
        "them are left out. Roles that no event has: cart, checkout.",
    ]


def test_a_warehouse_without_sessions(tmp_path: Path, contract: Contract) -> None:
    text = summary(warehouse(tmp_path, TABLES), contract, 80)
    assert "CHANNEL" not in text and "  orders   10, €125.00 (EUR)" in text and "Refused: " in text


def test_files_that_cannot_be_transformed(tmp_path: Path, contract: Contract) -> None:
    (tmp_path / "data").mkdir()
    built = build(tmp_path / "data", contract.path, tmp_path)
    assert built.problem.startswith("transform.py: ") and "has no file" in built.problem
    text = summary(built, contract, 200)
    assert text.startswith("The files cannot be transformed with the draft yet: transform.py: ")
    assert "Not mapped: session" in text and "according to the draft" not in text


WITHOUT_ORDERS = (
    "amount: price, channel: coupon}\n  - property: events\n    value: [{name: buy, role: order}",
    "channel: coupon}\n  - property: events\n    value: [{name: buy}",
)


def changed(contract: Contract, old: str, new: str) -> Contract:
    text = contract.path.read_text("utf-8")
    assert old in text
    contract.path.write_text(text.replace(old, new), encoding="utf-8")
    return load_contract(contract.path)


def test_no_channels_without_a_role_for_them(tmp_path: Path, contract: Contract) -> None:
    text = summary(warehouse(tmp_path, TABLES + SESSIONS), changed(contract, ", channel: coupon", ""), 80)
    assert "CHANNEL" not in text and "SESSIONS" not in text


@pytest.mark.parametrize(
    ("old", "new", "end"),
    [
        (*WITHOUT_ORDERS, "orders yet: no event has the role order; add `role: order` to the event that is an "
         "order, under `events`."),
        (", amount: price", "", "orders yet: neither an order id nor an amount is mapped; add `transaction_id` and "
         "`amount` to `columnRoles`."),
        ("amount: price", "transaction_id: price", "revenue yet: no amount is mapped; add `amount` to `columnRoles`, "
         "or to `order` if it is in the payload."),
    ],
)  # fmt: skip
def test_a_draft_without_orders(old: str, new: str, end: str, tmp_path: Path, contract: Contract) -> None:
    text = summary(warehouse(tmp_path, TABLES), changed(contract, old, new), 200)
    assert text.splitlines()[-1] == f"This draft cannot count {end}"


def test_orders_that_are_all_refused(tmp_path: Path, contract: Contract) -> None:
    text = summary(warehouse(tmp_path, TABLES + "delete from silver.orders;"), contract, 200)
    assert text.splitlines()[-1].startswith("This draft cannot count orders yet: all order events are refused")


def test_a_draft_without_orders_that_cannot_be_transformed(contract: Contract) -> None:
    text = summary(Build(contract.path, "transform.py: no"), changed(contract, *WITHOUT_ORDERS), 200)
    assert text.splitlines()[-1].startswith("This draft cannot count orders yet: ")


def test_known_totals_of_each_day(tmp_path: Path, contract: Contract) -> None:
    known = "  - property: knownTotals\n    value: [{day: '2025-03-01', orders: 9}]\n  - property: currency"
    sql = (
        TABLES
        + """
    alter table silver.files add column file_date date; alter table silver.files add column name varchar;
    update silver.files set file_date = '2025-03-01';
    alter table silver.events add column event_at timestamp;
    alter table silver.rejected_events add column revenue decimal(12, 2);
    alter table silver.rejected_events add column source_file varchar;
    alter table silver.rejected_events add column event varchar;
    create schema bronze;
    create table bronze.files as select null::varchar as name, null::date as file_date;
    drop table silver.received_orders;
    create table silver.received_orders as
        select timestamp '2025-03-01 10:00:00' as event_at, 'a' as transaction_id, 12.5::decimal(12, 2) as revenue,
            'counted' as status, 12.5::decimal(12, 2) as counted_revenue, false as is_possible_duplicate,
            null::varchar as reason;
    """
    )
    text = summary(warehouse(tmp_path, sql), changed(contract, "  - property: currency", known), 200)
    assert "Known totals: 2025-03-01 differs." in text and "  2025-03-01: counted 1 order; expected 9 orders." in text
