"""The share of the shop's orders that are tracked is watched, by day and segment, where there is an order list."""

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
import transform
from command_kit import report as quality_report
from commands import SCHEMA, call, query
from monitor_kit import keys, report
from synthetic_events import generate
from synthetic_orders import contract_with_books, write_books

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
