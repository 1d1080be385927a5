"""Part 1 beside the shop's order list: what is not tracked and since when, and what is tracked twice or differently."""

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import transform
import yaml
from command_kit import failing, report
from commands import SCHEMA, call, query
from quality.checks import checks_of
from synthetic_events import generate
from synthetic_orders import FATES, contract_with_books, write_books

from event_data.contract import load_contract

STEP = date(2025, 3, 3)  # from this day on, every other order is lost
CHECKS = (
    "order_list_unusable",
    "ad_spend_unusable",
    "orders_not_tracked",
    "tracking_coverage_shift",
    "order_amount_differs",
    "orders_tracked_twice",
)
LIST = """Id,Created at,Total,Refunded Amount
A-1,2025-02-23 10:00:00 +0000,7.00,0
A-2,2025-02-24 10:00:00 +0000,5.00,0
"""
SPEND = """date,source,medium,campaign,cost,clicks
2025-02-23,google,cpc,,12.50,5
20250224,google,cpc,,12.50,5
"""
LIMIT = """\
      - type: custom
        engine: validate_dataframework
        implementation: {check: orders_not_tracked, mustBeLessThan: 90, unit: percent}

    properties:
      - name: client_id
"""


def lost(order: Any) -> bool:
    return order.at.date() >= STEP and int(order.number.rpartition("-")[2]) % 2 == 0


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("shop")
    generate(folder / "data", days=12, events_per_day=3000, seed=8, incidents=False)
    rare = {
        fate: weight for fate, (weight, _) in FATES.items() if fate not in ("untracked", "quarantined", "ambiguous")
    }
    write_books(folder / "data", fates={**rare, "matched": 120}, lost=lost)
    (folder / "contract.yaml").write_text(contract_with_books(SCHEMA.read_text("utf-8")), "utf-8")
    return folder, folder / "contract.yaml"


@pytest.fixture(scope="module")
def found(shop: tuple[Path, Path]) -> list[dict[str, str]]:
    folder, contract = shop
    return report(folder / "data", folder / "out", "--contract", contract)


def days(rows: list[dict[str, str]]) -> list[str]:
    return [row["file"].removeprefix("events_").removesuffix(".csv") for row in rows]


def test_orders_are_missing_from_the_day_of_the_step_on(found: list[dict[str, str]]) -> None:
    missing = failing(found, "orders_not_tracked")
    assert days(missing) == [f"{date(2025, 3, day):%Y%m%d}" for day in range(3, 7)]
    assert len({row["incident"] for row in missing}) == 1 and "before, 0 of 127" in missing[0]["message"]
    assert [row["severity"] for row in missing] == ["P0", "P1", "P1", "P1"]  # at first more than half are lost
    assert all(float(row["failed_share"]) > 0.4 and float(row["revenue_at_stake"]) > 1000 for row in missing)


def test_a_step_is_detected_below_the_limit_too(shop: tuple[Path, Path], tmp_path: Path) -> None:
    folder, contract = shop
    text = contract.read_text("utf-8").replace("\n    properties:\n      - name: client_id\n", LIMIT, 1)
    (tmp_path / "contract.yaml").write_text(text, "utf-8")
    rows = report(folder / "data", tmp_path / "out", "--contract", tmp_path / "contract.yaml")
    assert not failing(rows, "orders_not_tracked")
    assert days(failing(rows, "tracking_coverage_shift"))[0] == f"{STEP:%Y%m%d}"


def test_the_parts_agree_on_every_order(shop: tuple[Path, Path], found: list[dict[str, str]]) -> None:
    """Part 1 counts the same on each day as part 2 has in its tables."""
    folder, contract = shop
    warehouse = folder / "warehouse.duckdb"
    args = ("--data_dir", folder / "data", "--warehouse", warehouse, "--contract", contract, "--quiet")
    assert call(transform, *args)[0] in (0, 3)
    rows = query(warehouse, "select strftime(order_date, '%Y%m%d'), status from gold.order_reconciliation")
    counted = Counter(rows)
    for check, failed, others in (
        ("orders_not_tracked", "not tracked", ("matched", "another amount")),
        ("order_amount_differs", "another amount", ("matched",)),
        ("orders_tracked_twice", "tracked twice", ("matched", "another amount", "not in the books", "ambiguous")),
    ):
        shown = {days([row])[0]: (int(row["checked"]), int(row["failed"])) for row in found if row["check"] == check}
        expected = {day: (sum(counted[day, s] for s in (failed, *others)), counted[day, failed]) for day in shown}
        assert shown == expected and any(number for _, number in shown.values()), check


def test_coverage_has_the_days_with_files_only(shop: tuple[Path, Path], tmp_path: Path) -> None:
    """In New York, the first file begins on the evening before, of which only tracked orders are known."""
    contract, warehouse = tmp_path / "contract.yaml", tmp_path / "w.duckdb"
    text = shop[1].read_text("utf-8")
    zone = "          timezone: true\n          defaultTimezone: America/New_York #"
    contract.write_text(text.replace("          timezone: true #", zone, 1), "utf-8")
    args = ("--data_dir", shop[0] / "data", "--contract", contract)
    assert call(transform, *args, "--warehouse", warehouse, "--quiet")[0] in (0, 3)
    coverage = query(
        warehouse,
        "select strftime(date, '%Y%m%d'), expected_orders, expected_orders - tracked_orders "
        "from gold.tracking_coverage where segment_kind = 'all' order by date",
    )
    before = "select count(*) from gold.order_reconciliation where order_date < '2025-02-23' and status = 'matched'"
    assert query(warehouse, before) > [(0,)]
    rows = [row for row in report(args[1], tmp_path / "out", *args[2:]) if row["check"] == "orders_not_tracked"]
    shown = [(days([row])[0], int(row["checked"]), int(row["failed"])) for row in rows if row["checked"]]
    assert coverage == shown


def test_what_explains_another_amount_is_named(found: list[dict[str, str]]) -> None:
    explanations = {row["message"].rpartition("; ")[2] for row in failing(found, "order_amount_differs")}
    assert explanations >= {"tax explains most of them", "shipping explains most of them"}
    twice = failing(found, "orders_tracked_twice")
    assert twice and all(row["first_bad_line"] for row in twice)


# A replacement in the order list and one in the advertising spend, and an example of each that part 1 names.
@pytest.mark.parametrize(
    ("orders", "spend"),
    [
        (
            (None, "<!doctype html><html></html>", "orders_export.csv: is an HTML page, not a CSV"),
            (None, "<!doctype html><html></html>", "ad_spend.csv: is an HTML page, not a CSV"),
        ),
        (
            ("Created at,", "Created,", "orders_export.csv: has no column 'Created at', which the contract needs"),
            ("cost,", "price,", "ad_spend.csv: has no column 'cost', which the contract needs"),
        ),
        (
            (",Total", ",Sum", "orders_export.csv: has no column Total"),
            ("campaign,", "group,", "ad_spend.csv: has no column campaign"),
        ),
        (
            ("5.00", "five", "orders_export.csv, line 3: no readable amount"),
            ("20250224,google,cpc,,12.50", "2025-02-24,google,cpc,,--", "ad_spend.csv, line 3: no readable cost"),
        ),
        (
            ("2025-02-24 10:00:00 +0000", "yesterday", "orders_export.csv, line 3: no readable time"),
            ("20250224", "", "ad_spend.csv, line 3: no day"),
        ),
        (
            ("5.00,0", "5.00,none of it", "orders_export.csv, line 3: no readable refunded_amount"),
            ("12.50,5\n20250224", "12.50,five\n20250224", "ad_spend.csv, line 2: no readable clicks"),
        ),
        (
            (
                "A-2,2025-02-24",
                "a-1,2025-02-23 10:00:01 +0000,5.00,0\nA-1,2025-01-02",
                "line 3: has the id of line 2 of orders_export.csv, but",
            ),
            ("20250224", "2025-02-24", ""),
        ),
        (("5.00", "5.00", ""), ("20250224", "2025-02-24", "")),
    ],
)
def test_what_cannot_be_used_of_the_books_is_reported(
    orders: tuple[str | None, str, str], spend: tuple[str | None, str, str], shop: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    for path in sorted((shop[0] / "data").glob("events_*.csv"))[:2]:
        (tmp_path / "data" / path.name).symlink_to(path)
    for name, text, (old, new, _) in (("orders_export.csv", LIST, orders), ("ad_spend.csv", SPEND, spend)):
        (tmp_path / "data" / name).write_text(text.replace(old, new) if old else new, "utf-8")
    document = yaml.safe_load(shop[1].read_text("utf-8"))
    books = next(one for one in document["schema"] if one["physicalName"].startswith("orders"))
    roles = {"order_id": "Id", "created_at": "Created at", "amount": "Total", "refunded_amount": "Refunded Amount"}
    books["customProperties"][0]["value"]["columnRoles"] = roles
    (tmp_path / "contract.yaml").write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
    rows = report(tmp_path / "data", tmp_path / "out", "--contract", tmp_path / "contract.yaml")
    for check, (*_, example) in (("order_list_unusable", orders), ("ad_spend_unusable", spend)):
        (row,) = [row for row in rows if row["check"] == check and row["status"] != "skip"]
        assert row["status"] == ("fail" if example else "pass") and example in row["message"]
        # without a column of amounts, the two orders have none
        assert (row["failed"] or "0") == ("0" if not example else "3" if example.endswith("Total") else "1")


AUTUMN = """\
{"id": "c1", "ts": "2025-10-26T00:30:00Z", "ev": "buy", "no": "N-1", "sum": 10, "mail": "a@shop.example"}
{"id": "c2", "ts": "2025-10-26T01:30:00Z", "ev": "buy", "no": "N-2", "sum": 20, "mail": "b@shop.example"}
{"id": "c3", "ts": "2025-10-26T00:40:00Z", "ev": "buy", "no": "N-3", "sum": 30, "mail": "c@shop.example"}
{"id": "c4", "ts": "2025-10-26T22:00:00Z", "ev": "view"}
"""
AUTUMN_CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: autumn
version: 1.0.0
status: active
schema:
  - name: events
    physicalName: events_%Y-%m-%d.jsonl
    properties:
      - {name: ts, logicalType: timestamp, logicalTypeOptions: {defaultTimezone: Europe/Berlin}}
      - name: id
      - name: ev
      - name: "no"
      - {name: sum, logicalType: number}
      - name: mail
  - name: orders
    physicalName: orders.csv
    properties: [{name: number}, {name: at, logicalType: timestamp}, {name: total}, {name: mail}]
    customProperties:
      - property: orderList
        value: {columnRoles: {order_id: number, created_at: at, amount: total, customer: mail}}
customProperties:
  - property: columnRoles
    value: {client: id, time: ts, event: ev, transaction_id: "no", amount: sum, customer: mail}
  - property: events
    value: [{name: view, role: page_view}, {name: buy, role: order}]
  - {property: currency, value: EUR}
"""


def test_the_hour_that_the_clocks_repeat_is_the_same_in_both_parts(tmp_path: Path) -> None:
    """A time with an offset is exact; without one, it is the second of the two hours."""
    (tmp_path / "events_2025-10-26.jsonl").write_text(AUTUMN, "utf-8")
    orders = (
        "number,at,total,mail\nX-1,2025-10-26 02:29:58 +0200,10,a@shop.example\n"
        "X-2,2025-10-26 02:29:58,20,b@shop.example\nN-3,2025-10-26 02:39:58,30,c@shop.example\n"
    )
    (tmp_path / "orders.csv").write_text(orders, "utf-8")
    (tmp_path / "contract.yaml").write_text(AUTUMN_CONTRACT, "utf-8")
    args = ("--data_dir", tmp_path, "--contract", tmp_path / "contract.yaml", "--quiet")
    assert call(transform, *args)[0] == 0
    sql = "select order_id, cast(created_at as varchar), evidence from gold.order_reconciliation order by created_at, 1"
    by_customer = "customer and amount within an hour"
    assert query(tmp_path / "warehouse.duckdb", sql) == [
        ("X-1", "2025-10-26 00:29:58", by_customer), ("X-2", "2025-10-26 01:29:58", by_customer),
        ("N-3", "2025-10-26 01:39:58", "transaction id, customer and amount"),
    ]  # fmt: skip
    rows = report(tmp_path, tmp_path / "out", "--contract", tmp_path / "contract.yaml")
    (row,) = [row for row in rows if row["check"] == "orders_not_tracked"]
    assert (row["status"], row["checked"], row["failed"]) == ("pass", "3", "0")


def test_exact_duplicates_of_an_order_event_are_left_out_in_both_parts(tmp_path: Path) -> None:
    """Two quarantined events of one order would be ambiguous; the second row is no event."""
    event = '{"id": "c1", "ts": "2025-10-26T10:00:00Z", "ev": "buy", "no": "N-1", "mail": "a@shop.example"}\n'
    (tmp_path / "events_2025-10-26.jsonl").write_text(event * 2 + AUTUMN.splitlines()[-1], "utf-8")
    orders = "number,at,total,mail\nN-1,2025-10-26 09:59:58Z,10,a@shop.example\n"
    (tmp_path / "orders.csv").write_text(orders, "utf-8")
    (tmp_path / "contract.yaml").write_text(AUTUMN_CONTRACT, "utf-8")
    args = ("--data_dir", tmp_path, "--contract", tmp_path / "contract.yaml", "--quiet")
    assert call(transform, *args)[0] == 3
    sql = "select status, reason from gold.order_reconciliation where order_id = 'N-1'"
    assert query(tmp_path / "warehouse.duckdb", sql) == [("not tracked", "quarantined: no readable amount")]
    rows = report(tmp_path, tmp_path / "out", "--contract", tmp_path / "contract.yaml")
    (row,) = [row for row in rows if row["check"] == "orders_not_tracked"]
    assert (row["checked"], row["failed"]) == ("1", "1")


def test_without_books_nothing_is_checked(shop: tuple[Path, Path], tmp_path: Path) -> None:
    folder, contract = shop
    assert not {check.check for check in checks_of(load_contract(SCHEMA))} & {*CHECKS}
    (tmp_path / "data").mkdir()
    for path in sorted((folder / "data").glob("events_*.csv"))[:2]:
        (tmp_path / "data" / path.name).symlink_to(path)
    rows = report(tmp_path / "data", tmp_path / "out", "--contract", contract)
    assert {row["status"] for row in rows if row["check"] in CHECKS} == {"skip"}
