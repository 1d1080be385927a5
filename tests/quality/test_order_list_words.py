"""Test the sentences from the order list about collisions, dead hours, confirmations without an order, and gaps."""

import csv
import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import generate_charts
import pytest
import transform
import validate_dataframework
from command_kit import report
from commands import SCHEMA, call, query
from quality.checks import DEFINITIONS
from quality.incidents import InOrderList
from quality.order_list_words import NEXT_STEPS, WORDS, explaining_segment
from synthetic_events import generate
from synthetic_orders import contract_with_books, write_books

DARK = date(2025, 3, 3)


def rewrite(path: Path, keep: Callable[[dict[str, str]], bool]) -> list[dict[str, str]]:
    """Take rows out of a file, and return them."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    taken = [row for row in rows if not keep(dict(zip(header, row, strict=True)))]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *(row for row in rows if row not in taken)])
    return [dict(zip(header, row, strict=True)) for row in taken]


def incidents_of(folder: Path) -> dict[str, dict[str, Any]]:
    report(folder / "data", folder / "out", "--contract", folder / "contract.yaml", "--json")
    found = json.loads((folder / "out" / "dq_report.json").read_text("utf-8"))["incidents"]
    return {one["check"]: one for one in found}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, Any]], list[dict[str, str]]]:
    """Return a shop with four collisions, confirmations whose order events are lost, and a day with dead hours."""
    folder = tmp_path_factory.mktemp("shop")
    data = folder / "data"
    generate(data, days=12, events_per_day=6000, seed=8, incidents=False)
    write_books(data, fates={"matched": 20, "collision": 1}, lost=lambda order: is_lost(order.number))
    dark = rewrite(data / f"events_{DARK:%Y%m%d}.csv", lambda row: not "12" <= row["timestamp"][11:13] < "21")
    (folder / "contract.yaml").write_text(contract_with_books(SCHEMA.read_text("utf-8")), "utf-8")
    return folder, incidents_of(folder), dark


def booked(folder: Path) -> list[dict[str, str]]:
    rows = []
    for path in sorted((folder / "data").glob("orders_export_*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows += [row for row in csv.DictReader(file) if row["Created at"] and row["Source"] == "web"]
    return rows


def test_colliding_orders_exist(shop: tuple[Path, dict[str, dict[str, Any]], list[dict[str, str]]]) -> None:
    _, incidents, _ = shop
    collision = incidents["transaction_id_collision"]
    known = collision["in_order_list"]
    assert known["orders"] == known["found"] == 2 * collision["failed"] > 2
    assert collision["advice"].startswith("Delete none of these orders: the shop has them all.")
    assert collision["message"].endswith(
        f"; all {known['orders']} orders with these ids exist in the shop's order list"
    )


def test_the_shop_booked_orders_in_the_dead_hours(
    shop: tuple[Path, dict[str, dict[str, Any]], list[dict[str, str]]],
) -> None:
    folder, incidents, dark = shop
    hours = incidents["hours_without_events"]
    assert dark and hours["first_bad_day"] == hours["last_bad_day"] == str(DARK) and hours["failed"] == 9
    there = [row for row in booked(folder) if f"{DARK} 12" <= utc(row["Created at"]) < f"{DARK} 21"]
    amount = sum(Decimal(row["Total"]) for row in there)
    assert len(there) > 1 and hours["in_order_list"] == {
        "orders": len(there), "found": len(there), "amount": f"{amount:.2f}",
    }  # fmt: skip
    assert hours["message"].endswith(f"; in these hours, the shop booked {len(there)} orders of ${amount:,.2f}")


def test_the_hours_of_a_gap_are_named(shop: tuple[Path, dict[str, dict[str, Any]], list[dict[str, str]]]) -> None:
    gap = shop[1]["orders_not_tracked"]
    found = re.search(
        r"; (\d+) of these (\d+) were placed from (\d\d):00 to (\d\d):59: all (\d+) there were", gap["message"]
    )
    assert found, gap["message"]
    lost, everyone, first, last, there = map(int, found.groups())
    assert lost == there and everyone == gap["orders"] and 11 <= first < last <= 21


def test_confirmations_have_an_order_or_not(
    shop: tuple[Path, dict[str, dict[str, Any]], list[dict[str, str]]], tmp_path: Path
) -> None:
    folder, incidents, _ = shop
    pages = incidents["confirmations_without_order"]
    known = pages["in_order_list"]
    assert known["orders"] == known["found"] == pages["failed"] > 3
    assert f"; all {known['orders']} checkouts have an order in the shop's order list, $" in pages["message"]
    assert pages["advice"] == "Add the booked orders to reports of revenue, and send the order event from the server."
    for path in (folder / "data").glob("events_*.csv"):
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / path.name).symlink_to(path)
    gone = 0
    for path in (folder / "data").glob("orders_export_*.csv"):
        (tmp_path / "data" / path.name).write_bytes(path.read_bytes())
        # every third of the orders that were never tracked is not in the list
        gone += len(
            {row["Name"] for row in rewrite(tmp_path / "data" / path.name, lambda row: not is_lost(row["Name"], 27))}
        )
    (tmp_path / "contract.yaml").write_bytes((folder / "contract.yaml").read_bytes())
    fewer = incidents_of(tmp_path)["confirmations_without_order"]
    assert gone > 0 and known["orders"] - gone <= fewer["in_order_list"]["found"] < fewer["in_order_list"]["orders"]
    found = fewer["in_order_list"]["found"]
    assert f"; {found} of the {known['orders']} checkouts {'have' if found > 1 else 'has'} an order" in fewer["message"]


def test_part_3_says_the_same(
    shop: tuple[Path, dict[str, dict[str, Any]], list[dict[str, str]]], tmp_path: Path
) -> None:
    folder, incidents, _ = shop
    args = ("--data_dir", folder / "data", "--warehouse", tmp_path / "w.duckdb", "--contract", folder / "contract.yaml")
    assert call(generate_charts, *args, "--out_dir", tmp_path, "--quiet")[0] in (0, 3)
    summary = " ".join((tmp_path / "executive_summary.md").read_text("utf-8").split())
    collisions, pages, hours = (
        incidents[check]["in_order_list"]
        for check in ("transaction_id_collision", "confirmations_without_order", "hours_without_events")
    )
    assert f"All {collisions['orders']} orders that share an id exist in the shop's order list." in summary
    without = (
        f"All {pages['orders']} checkouts that reached the confirmation page without an order event have an order in it"
    )
    assert f"{without}, ${float(pages['amount']):,.2f}." in summary
    said = f"In the hours without events the shop booked {hours['found']} orders of ${float(hours['amount']):,.2f}."
    assert said in summary


@pytest.mark.parametrize("known", [InOrderList(5, found, Decimal(found)) for found in (0, 1, 5)])
def test_advice_is_the_step_after_the_answer(known: InOrderList) -> None:
    assert NEXT_STEPS.keys() == WORDS.keys()
    texts = {check: step(known) for check, step in NEXT_STEPS.items()}
    assert not any("ompare" in text or not text.endswith(".") for text in texts.values())
    assert ("no booked order" in texts["hours_without_events"]) == (known.found == 0)
    assert ("other checkouts" in texts["confirmations_without_order"]) == (known.found == 1)
    assert ("has the status of the others" in texts["transaction_id_collision"]) == (known.found == 1)


def test_no_report_advises_to_compare_once_the_order_list_has_answered(
    shop: tuple[Path, dict[str, dict[str, Any]], list[dict[str, str]]], tmp_path: Path
) -> None:
    folder, incidents, _ = shop
    place = ("--data_dir", folder / "data", "--out_dir", tmp_path, "--contract", folder / "contract.yaml")
    _, stdout, _ = call(validate_dataframework, *place, "--junit")
    texts = [stdout, *((tmp_path / f"dq_report.{kind}").read_text("utf-8") for kind in ("csv", "xml", "html"))]
    for check in NEXT_STEPS:
        number, old = incidents[check]["incident"], DEFINITIONS[check].advice
        _, told, _ = call(validate_dataframework, *place, "--incident", number)
        for text in (*texts, told):
            assert old not in " ".join(text.split()) and "Compare both with" not in text
        assert incidents[check]["advice"] in " ".join(told.split())
        assert incidents[check]["advice"] in texts[1] and incidents[check]["advice"] in texts[2]


def is_lost(name: str, each: int = 9) -> bool:
    number = name.rpartition("-")[2]
    return number.isdigit() and int(number) % each == 0


def utc(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S}"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            [("payment method", "Klarna", 20, 19), ("payment method", "PayPal", 60, 1), ("browser", "Safari", 80, 20)],
            "19 of these 20 were paid with Klarna: 19 of the 20 there were lost, and 1 of the other 60",
        ),
        ([("payment method", "Klarna", 20, 5), ("payment method", "PayPal", 60, 14)], None),  # no one segment
        ([("payment method", "Klarna", 2, 2), ("payment method", "PayPal", 60, 0)], None),  # too few orders
        ([("payment method", "Klarna", 20, 20)], None),  # there is no other
        (
            [("operating system", "iOS", 9, 9), ("operating system", None, 30, 2), ("hour", "02:00 to 02:59", 39, 11)],
            "9 of these 11 were placed on iOS: all 9 there were lost, and 2 of the other 30",
        ),
    ],
)
def test_a_segment_is_named_if_it_explains_the_gap(
    rows: list[tuple[str, str | None, int, int]], words: str | None
) -> None:
    found = explaining_segment(rows)
    assert (found and found.words) == words


def test_the_segment_of_a_gap_is_named(tmp_path: Path) -> None:
    """Orders that are paid with one method do not return to the thank-you page, from one day on."""
    generate(tmp_path / "data", days=11, events_per_day=4000, seed=8, incidents=False)
    apple = ("iPhone", "iPad")
    write_books(
        tmp_path / "data",
        fates={"matched": 1},
        lost=lambda o: o.at.date() > DARK and any(a in o.row[-1] for a in apple),
    )
    (tmp_path / "contract.yaml").write_text(contract_with_books(SCHEMA.read_text("utf-8")), "utf-8")
    gap = incidents_of(tmp_path)["orders_not_tracked"]
    found = re.search(r"; (\d+) of these (\d+) were placed on iOS: all (\d+) there were lost", gap["message"])
    assert found, gap["message"]
    there, lost, everyone = map(int, found.groups())
    assert lost == gap["orders"] and there == everyone >= lost - 1  # one checkout was begun on another device
    assert gap["advice"].startswith("Place a test order on iOS")
    with (tmp_path / "out" / "dq_report.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["incident"] == str(gap["incident"]) and row["check"] == gap["check"]
        ]
    assert rows and {row["advice"] for row in rows} == {gap["advice"]}
    own, check = "Call the agency.", f"{{check: {gap['check']}, mustBeLessThan: 1}}"
    rule = f"{{type: custom, engine: validate_dataframework, implementation: {check}, businessImpact: {own}}}"
    text = (tmp_path / "contract.yaml").read_text("utf-8")
    ours = text.replace("    quality:\n", f"    quality:\n      - {rule}\n", 1)
    (tmp_path / "contract.yaml").write_text(ours, "utf-8")
    assert incidents_of(tmp_path)[gap["check"]]["advice"] == own
    # part 2 has the same orders in the segment
    args = ("--data_dir", tmp_path / "data", "--contract", tmp_path / "contract.yaml", "--quiet")
    assert call(transform, *args, "--warehouse", tmp_path / "w.duckdb")[0] in (0, 3)
    sql = (
        "select sum(expected_orders), sum(expected_orders - tracked_orders) from gold.tracking_coverage "
        "where segment_kind = 'operating_system' and segment = 'iOS' and date between ? and ?"
    )
    assert query(tmp_path / "w.duckdb", sql, [gap["first_bad_day"], gap["last_bad_day"]]) == [(everyone, there)]
