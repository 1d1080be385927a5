"""The records of the shop's own books: what is read, and what is refused with a reason."""

import os
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from books_kit import contract_in, landed
from synthetic_orders import SHOPIFY

from event_data.books.customers import booked_customer_sql, tracked_customer_sql
from event_data.books.reconciliation import CLICK_SESSIONS, RECONCILIATION, book_placeholders, spend_statements
from event_data.contract import load_contract
from event_data.events import own_currency_values
from event_data.reading import day_file
from event_data.reading.day_file import ReadingError
from event_data.statements import fill, read_statements

DAY = date(2026, 3, 1)
HEADER = "date,source,medium,campaign,cost,clicks\n"


def spend_of(folder: Path, records: str, zone: str = "") -> list[tuple[Any, ...]]:
    (folder / "ad_spend.csv").write_text(HEADER + records, "utf-8")
    contract = contract_in(folder, zone)
    assert contract.ad_spend
    with landed(folder, contract) as connection:
        for statement in spend_statements(contract):
            connection.execute(statement.sql)
        refused = connection.execute("select line, reason from silver.refused_ad_spend order by line").fetchall()
        found = connection.execute("select line, date, reason from silver.spend_records order by line").fetchall()
    assert refused == [(line, reason) for line, _, reason in found if reason]
    return [row[1:] for row in found]


@pytest.mark.parametrize("zone", ["", "America/New_York", "Pacific/Auckland", "America/Sao_Paulo"])
def test_days_of_spend_are_the_days_as_written_in_every_zone(zone: str, tmp_path: Path) -> None:
    days = ("2026-03-01", "20260301", "2026/03/01", "2026-03-01 00:00:00", "20260301T000000")
    assert spend_of(tmp_path, "".join(f"{day},a,b,c,1,1\n" for day in days), zone) == [(DAY, None)] * len(days)


def test_a_time_with_an_offset_is_in_the_zone_of_the_file(tmp_path: Path) -> None:
    assert spend_of(tmp_path, "2026-03-02T03:00:00Z,a,b,c,1,1\n", "America/New_York") == [(DAY, None)]


def test_a_record_of_spend_that_cannot_be_used_has_a_reason(tmp_path: Path) -> None:
    records = (
        "2026-03-01,a,b,c,1.50,1\n,a,b,c,9,1\n01.03.2026,a,b,c,1,1\n20261301,a,b,c,1,1\n2026-03-01,a,b,c,free,1\n"
        "2026-03-01,a,b,c,,1\n2026-03-01,a,b,c,0,1\nTotal: account,a,b,c,12.50,5\n"
        "--,a,b,Total,12.50,5\n--,a,b,c,1,1\nTotal,,,,9\n"
    )
    assert spend_of(tmp_path, records) == [
        (DAY, None), (None, "no day"), (None, "no readable day"), (None, "no readable day"), (DAY, "no readable cost"),
        (DAY, "no readable cost"), (DAY, None), (None, "total"), (None, "total"), (None, "no readable day"),
        (None, "unreadable record"),
    ]  # fmt: skip


def test_a_record_of_the_order_list_that_cannot_be_used_has_a_reason(tmp_path: Path) -> None:
    def record(**cells: str) -> str:
        return ",".join(cells.get(name.replace(" ", "_"), "") for name in SHOPIFY)

    at = "2026-03-01 10:00:00 +0000"
    files = (
        [record(), record(Name="A-1", Created_at=at, Total="1"), record(), record(Name="A-1")],
        [record(Name="A-1", Created_at="yesterday", Total="2"), record(Name="A-2"), record(Created_at=at)],
    )
    for number, records in enumerate(files, 1):
        text = "\n".join([",".join(SHOPIFY).replace(",Test", ""), *(line.removesuffix(",") for line in records)])
        (tmp_path / f"orders_export_2026030{number}.csv").write_text(text + "\n", "utf-8")
    contract = contract_in(tmp_path)
    assert contract.order_list
    with landed(tmp_path, contract) as connection:
        for statement in read_statements(RECONCILIATION)[:3]:
            connection.execute(fill(statement, book_placeholders(contract, contract.order_list)).sql)
        refused = "select source_file, line, reason from silver.refused_shop_orders order by all"
        first, second = sorted(path.name for path in tmp_path.glob("*.csv"))
        assert connection.execute(refused).fetchall() == [
            (first, 2, "no order id"),  # no order is above it
            (second, 2, "no readable time"), (second, 3, "no readable time"), (second, 4, "no order id"),
        ]  # fmt: skip
        orders = connection.execute("select order_id, line, line_items from silver.shop_orders").fetchall()
        assert orders == [("A-1", 3, 3)]
        missing = connection.execute("select distinct missing_columns from bronze.book_files").fetchall()
        assert missing == [("Test",)]


def test_clicks_meet_the_sessions_of_a_source_by_any_of_its_names(tmp_path: Path) -> None:
    rows = "2026-03-01,Meta,paid,spring,9,5\n2026-03-01,Google Ads,,brand,4,3\n2026-03-01,,cpc,,2,1\n"
    (tmp_path / "ad_spend.csv").write_text(HEADER + rows, "utf-8")
    contract = contract_in(tmp_path)
    # As part 2 names them: addresses with utm_source=meta, with a source alone, and with a medium alone.
    arrivals = [("facebook", "paid", "spring", 4), ("google", "(not set)", "brand", 2), ("(not set)", "cpc", "", 1)]
    touches = [(f"{name}{number}", name, *rest) for name, *rest, count in arrivals for number in range(count)]
    with landed(tmp_path, contract) as connection:
        columns = "session_id text, source text, medium text, campaign text"
        connection.execute(f"create table silver.events (day date, touch_channel text, {columns})")
        connection.executemany(f"insert into silver.events values ('{DAY}', 'Paid', ?, ?, ?, nullif(?, ''))", touches)
        filled = {"own_currency": own_currency_values(contract)}
        clicks = [fill(statement, filled) for statement in read_statements(CLICK_SESSIONS)]
        for statement in (*spend_statements(contract), *clicks):
            connection.execute(statement.sql)
        met = "select source, medium, campaign, clicks, sessions, spend from silver.click_sessions order by clicks desc"
        assert connection.execute(met).fetchall() == [
            (*arrivals[0][:3], 5, 4, Decimal(9)), (*arrivals[1][:3], 3, 2, Decimal(4)),
            (*arrivals[2][:3], 1, 1, Decimal(2)),
        ]  # fmt: skip


META = """
  - name: meta
    physicalName: meta*.csv
    properties: [{name: Reporting starts}, {name: Campaign name}, {name: Amount spent (USD)}, {name: Link clicks}]
    customProperties:
      - property: adSpend
        value:
          columnRoles:
            date: Reporting starts
            source: {constant: Facebook}
            medium: {constant: paid}
            campaign: Campaign name
            currency: {constant: USD}
            cost: Amount spent (USD)
            clicks: Link clicks
          campaigns: {Spring sale: spring}

slaProperties:"""


def test_several_objects_of_spend_are_read_and_what_both_report_counts_once(tmp_path: Path) -> None:
    rows = "2026-03-01,facebook,paid,SPRING,9,5\n2026-03-01,google,cpc,spring,1,1\n2026-03-02,facebook,paid,old,2,1\n"
    (tmp_path / "ad_spend.csv").write_text(HEADER + rows, "utf-8")
    head = "Reporting starts,Campaign name,Amount spent (USD),Link clicks\n"
    for month in (2, 3):
        lines = f"2026-0{month}-01,Spring sale,80.00,--\n2026-0{month}-02,Spring sale,70.00,many\n"
        (tmp_path / f"meta 2026-0{month}.csv").write_text(head + lines, "utf-8")
    contract_in(tmp_path)
    path = tmp_path / "contract.yaml"
    path.write_text(path.read_text("utf-8").replace("\nslaProperties:", META, 1), "utf-8")
    contract = load_contract(path)
    assert len(contract.ad_spend) == 2 and contract.book_files[1:] == ("ad_spend.csv", "meta*.csv")
    with landed(tmp_path, contract) as connection:
        for statement in spend_statements(contract):
            connection.execute(statement.sql)
        found = connection.execute(
            "select source_file, line, source, campaign, cost, clicks, unread_values, reason from silver.spend_records "
            "order by file_number, line"
        ).fetchall()
        ids = connection.execute("select count(distinct spend_id) from silver.spend_records").fetchall()
    march, cost = "meta 2026-03.csv", Decimal
    assert [row for row in found if row[0] == "ad_spend.csv"] == [
        ("ad_spend.csv", 2, "facebook", "SPRING", cost(9), 5, None, None),
        ("ad_spend.csv", 3, "google", "spring", cost(1), 1, None, None),
        ("ad_spend.csv", 4, "facebook", "old", cost(2), 1, None, None),
    ]
    assert [row for row in found if row[0] == march] == [
        (march, 2, "facebook", "spring", cost(80), None, None, "also in ad_spend.csv"),
        (march, 3, "facebook", "spring", cost(70), None, "clicks", None),
    ]
    assert len(found) == 7 and ids == [(7,)]


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_what_is_not_a_file_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "ad_spend.csv"
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("absent")
    else:
        os.mkfifo(path)
    with landed(tmp_path, contract_in(tmp_path)) as connection:
        ((name, refused),) = connection.execute("select name, refused from bronze.book_files").fetchall()
    assert name == "ad_spend.csv" and refused


def test_both_sides_hash_a_customer_in_the_same_way() -> None:
    names = ("Ann@Mail.example ", "A" * 32, "Z" * 32, "z" * 64, "5d" * 16, "5D" * 20, "5d" * 32)
    with duckdb.connect() as connection:
        sql = f"select {booked_customer_sql('name', 'md5')}, {tracked_customer_sql('name')} from (select ? as name)"
        hashes = [connection.execute(sql, [name]).fetchall()[0] for name in names]
        assert connection.execute(sql, [None]).fetchall() == [(None, None)]
    assert all(booked == tracked for booked, tracked in hashes)
    kept = [hashed == name.lower() for name, (hashed, _) in zip(names, hashes, strict=True)]
    assert kept == [False, True, False, False, True, True, True]


def test_a_file_with_more_lines_than_ids_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day_file, "MOST_LINES", 3)
    with pytest.raises(ReadingError, match=r"ad_spend\.csv has more than 3 lines"):
        spend_of(tmp_path, "2026-03-01,a,b,c,1,1\n" * 2)
