"""The share of the shop's orders that are tracked is watched, by day and segment, where there is an order list."""

import csv
import json
import re
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
import transform
from command_kit import report as quality_report
from commands import REPO, SCHEMA, call, query
from monitor_kit import keys, report
from monitoring.explanation import segment
from quality import order_list_words
from synthetic_events import generate
from synthetic_orders import contract_with_books, write_books

RECONCILIATION = REPO / "event_data" / "books" / "reconciliation.sql"
STEP = date(2025, 3, 5)  # from this day on, orders from iPhones and iPads are lost


def lost(order: Any) -> bool:
    return order.at.date() >= STEP and ("iPhone" in order.row[-1] or "iPad" in order.row[-1])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    generate(folder, days=11, events_per_day=2200, seed=8, incidents=False)
    write_books(folder, fates={"matched": 1}, lost=lost)
    (folder / "contract.yaml").write_text(contract_with_books(SCHEMA.read_text("utf-8")), "utf-8")
    args = ("--data_dir", folder, "--contract", folder / "contract.yaml", "--quiet")
    assert call(transform, *args)[0] in (0, 3)
    return folder


def judged(folder: Path, day: str, *more: object) -> dict[str, Any]:
    history = folder / f"{day}-{len(more)}.sqlite"  # of its own, as each is a first run
    places = ("--data_dir", folder, "--contract", folder / "contract.yaml", "--no_refresh", "--history", history)
    return report(*places, "--check_date", day)


def test_orders_that_are_lost_on_one_device_are_an_alarm_on_that_day(shop: Path) -> None:
    assert not [key for key in keys(judged(shop, "2025-03-04")) if key.startswith("coverage")]
    found = judged(shop, str(STEP))
    (alarm,) = [alarm for alarm in found["alarms"] if alarm["key"].startswith("coverage")]
    assert alarm["text"].startswith("Fewer booked orders that were tracked") and alarm["severity"] in ("P0", "P1")
    assert "iOS" in alarm["segment"] + alarm["text"]
    sql = "select sum(booked_amount) from gold.order_reconciliation where order_date = ? and status = 'not tracked'"
    ((missing,),) = query(shop / "warehouse.duckdb", sql, [STEP])
    assert missing > 0 and alarm["at_stake"] == pytest.approx(float(missing))
    assert not {"orders", "completions"} & {*keys(found)}  # they follow from it


def test_a_checkout_that_names_the_customer_tells_the_browser(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without checkout tokens, the customer of the checkout does."""
    tokens: dict[str, str] = {}
    for path in shop.glob("orders_export_*.csv"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
        with path.open(encoding="utf-8", newline="") as file:
            tokens |= {row["Checkout token"]: row["Email"] for row in csv.DictReader(file) if row["Email"]}
    for path in shop.glob("events_*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            token = re.search("/checkouts/[a-z]+/([^/?#]+)", row["page_url"])
            if row["event_name"] == "checkout_started" and token and (email := tokens.get(token[1])):
                row["event_data"] = json.dumps({"user_email": email})  # a hash
        with (tmp_path / path.name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    text = (shop / "contract.yaml").read_text("utf-8")
    without = re.sub("(?m)^ *(checkoutToken|checkout): .*\n", "", text)
    (tmp_path / "contract.yaml").write_text(without, "utf-8")
    args = ("--data_dir", tmp_path, "--contract", tmp_path / "contract.yaml", "--quiet")
    assert call(transform, *args)[0] in (0, 3)
    known = "select sum(expected_orders) from gold.tracking_coverage where segment_kind = 'browser' and segment <> ?"
    ((by_customer,),), ((by_token,),) = (
        query(folder / "warehouse.duckdb", known, ["Unknown"]) for folder in (tmp_path, shop)
    )
    assert by_customer >= 0.9 * by_token > 0
    (alarm,) = [alarm for alarm in judged(tmp_path, str(STEP))["alarms"] if alarm["key"].startswith("coverage")]
    assert "iOS" in alarm["segment"] + alarm["text"]
    monkeypatch.setattr(order_list_words, "LEAST_EVIDENCE", 10.0)  # the day has few orders
    quality_report(tmp_path, tmp_path / "out", "--contract", tmp_path / "contract.yaml", "--json")
    incidents = json.loads((tmp_path / "out" / "dq_report.json").read_text("utf-8"))["incidents"]
    (gap,) = [one for one in incidents if one["check"] in order_list_words.GAPS]
    assert "Safari" in gap["message"] or "iOS" in gap["message"]
    assert gap["advice"].startswith("Place a test order ")


def test_hours_in_which_no_order_was_tracked_are_an_alarm(tmp_path: Path) -> None:
    """Part 1 finds the same hours, and both name the money."""

    def in_these_hours(order: Any) -> bool:
        return bool(order.at.date() == STEP and 15 <= order.at.hour < 20)

    generate(tmp_path, days=11, events_per_day=6000, seed=8, incidents=False)
    write_books(tmp_path, fates={"matched": 1}, lost=in_these_hours)
    (tmp_path / "contract.yaml").write_text(contract_with_books(SCHEMA.read_text("utf-8")), "utf-8")
    args = ("--data_dir", tmp_path, "--contract", tmp_path / "contract.yaml", "--quiet")
    assert call(transform, *args)[0] in (0, 3)
    sql = (
        "select count(*), sum(booked_amount), min(order_hour), max(order_hour) from gold.order_reconciliation "
        "where order_date = ? and status = 'not tracked'"
    )
    ((orders, amount, first, last),) = query(tmp_path / "warehouse.duckdb", sql, [STEP])
    runs = query(tmp_path / "warehouse.duckdb", "from gold.untracked_hours")
    assert orders >= 3 and runs == [(STEP, first, last, orders, amount)]
    found = judged(tmp_path, str(STEP))
    alarm = next(alarm for alarm in found["alarms"] if alarm["key"] == "hours_not_tracked")
    assert (
        f"{first}:00 to {last}:59 UTC was tracked: {orders} of" in alarm["text"] and alarm["first_bad"] == f"{first}:00"
    )
    assert alarm["at_stake"] == pytest.approx(float(amount)) and alarm["severity"] in ("P0", "P1")
    assert not {"coverage", "orders"} & {*keys(found)}
    assert not [key for key in keys(judged(tmp_path, "2025-03-04")) if key == "hours_not_tracked"]
    rows = quality_report(tmp_path, tmp_path / "out", "--contract", tmp_path / "contract.yaml")
    (row,) = [row for row in rows if row["check"] == "hours_not_tracked" and row["status"] == "fail"]
    assert row["file"] == f"events_{STEP:%Y%m%d}.csv" and f"{first}:00 to {last}:59" in row["message"]
    assert (int(row["failed"]), float(row["revenue_at_stake"])) == (orders, float(amount))


def test_without_an_order_list_it_is_not_watched(shop: Path) -> None:
    watched = {metric["metric"] for metric in judged(shop, str(STEP))["metrics"]}
    assert "tracking_coverage" in watched
    with duckdb.connect(str(shop / "warehouse.duckdb")) as connection:
        connection.execute("drop table gold.tracking_coverage")
    found = judged(shop, str(STEP), "without")
    assert "tracking_coverage" not in {metric["metric"] for metric in found["metrics"]}
    assert not [key for key in keys(found) if key.startswith("coverage")]


@pytest.mark.parametrize(("rest_lost", "is_named"), [(1, True), (16, False)])
def test_a_day_that_loses_orders_at_all_hours_has_no_hours_of_its_own(rest_lost: int, is_named: bool) -> None:
    """Four lost orders in a row are an outage, unless a third of the day's other orders are lost too."""
    statement = RECONCILIATION.read_text("utf-8").partition("create or replace table gold.untracked_hours as")[2]
    connection = duckdb.connect()
    connection.execute("create schema gold")
    connection.execute(
        """
        create table gold.order_reconciliation as
        select
            date '2025-03-01' + cast(day as integer) as order_date, number // 3 as order_hour, number as shop_order_id,
            number as created_at, 10.0 as booked_amount,
            case
                when day = 9 and number between 30 and 33 then 'not tracked'
                when day = 9 and number not in (29, 34) and number % 3 = 0 and number // 3 < $lost then 'not tracked'
                else 'matched'
            end as status
        from range(10) as days (day), range(52) as orders (number)
        """,
        {"lost": rest_lost},
    )
    found = connection.execute(statement.partition(";")[0]).fetchall()
    assert [(first, last, orders) for _, first, last, orders, _ in found] == [(10, 11, 4)] * is_named


def test_only_segments_that_are_known_are_compared() -> None:
    day, before = date(2025, 3, 9), [date(2025, 3, 1) + timedelta(n) for n in range(8)]
    rows = [("browser", "Unknown", at, 30.0 if at < day else 20.0, 40.0) for at in (*before, day)]
    rows += [("payment_method", name, at, 15.0 if at < day else 10.0, 20.0) for at in (*before, day) for name in "ab"]
    verdict = SimpleNamespace(segment=None, metric=SimpleNamespace(name="x", kind="share"), history=before)
    facts, warehouse = SimpleNamespace(hours=24), SimpleNamespace(rows=lambda *_, **__: rows)
    assert segment(verdict, day, facts, warehouse) == "about equally in each payment method"  # type: ignore[arg-type]
    del rows[9:]
    assert segment(verdict, day, facts, warehouse) == ""  # type: ignore[arg-type]
