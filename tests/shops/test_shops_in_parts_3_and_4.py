"""Exports of other shops in parts 2 to 4: right figures, and nothing about what a shop does not have.

The files are not in the repository; without them nothing here can run, and the one skip says so.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from analysis_kit import differences_from_gold
from commands import REAL
from roles_kit import ShopRun, run_shop

Runs = Callable[[str], ShopRun]
SHOPS = REAL.parent / "shops"
if not SHOPS.is_dir():
    pytest.skip(f"NOT TESTED ON OTHER SHOPS: there is no {SHOPS}", allow_module_level=True)

VOLUME, FUNNEL, CHANNELS = "daily_volume_anomaly.png", "funnel_sankey.png", "attribution_loss_pie.png"
REVENUE, ORDERS = "revenue_trend.png", "orders_trend.png"


@dataclass(frozen=True)
class Shop:
    """The expected output for a shop; counts are those of shops/README.md."""

    source: str  # a file or a folder of SHOPS
    sold: str  # in the summary
    pictures: set[str]
    ledger: tuple[str, ...]  # the row of what is counted
    red: frozenset[str] = frozenset()  # alarms that may make a day RED


EXPECTED = {
    "flat_revenue": Shop(
        "flat_revenue.csv", "659 orders brought $3,612,796.95", {VOLUME, FUNNEL, CHANNELS, REVENUE},
        ("counted", "659", "$3,612,796.95"),
        frozenset(["traffic"]),  # from 29 January on the shop has a third of its usual visitors
    ),
    "ga4_leads": Shop(
        "ga4_leads.csv", "51 orders were counted", {VOLUME, FUNNEL, CHANNELS, ORDERS}, ("counted", "51"),
        frozenset(["records_refused"]),
    ),
    "clickstream": Shop(
        "clickstream.csv.gz", "470 orders were counted", {VOLUME, FUNNEL, CHANNELS, ORDERS}, ("counted", "470"),
        frozenset(["traffic"]),  # days with more than twice the usual sessions
    ),
    "invoice_lines": Shop(
        "invoice_lines.csv", "431 orders brought £182,719.91", {VOLUME, REVENUE}, ("counted", "431", "£182,719.91"),
    ),
    "posthog": Shop(
        "posthog", "60 orders brought $6,325.91", {VOLUME, FUNNEL, CHANNELS, REVENUE}, ("counted", "60", "$6,325.91"),
    ),
    "rees46": Shop(
        "rees46.csv", "200 orders brought $59,442.63", {VOLUME, FUNNEL, REVENUE}, ("counted", "200", "$59,442.63"),
        frozenset(["file_truncated:rees46.csv of 2019-10-01"]),  # the last line is cut
    ),
    "two_currencies": Shop(
        "two_currencies", "3 orders brought €37.35", {VOLUME, CHANNELS, REVENUE}, ("counted", "3", "€37.35"),
        frozenset(["records_refused"]),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Return a function that runs a shop once."""

    @cache
    def one(name: str) -> ShopRun:
        source, data = SHOPS / EXPECTED[name].source, tmp_path_factory.mktemp(name) / "data"
        data.mkdir()
        for path in sorted(source.iterdir()) if source.is_dir() else [source]:
            (data / path.name).symlink_to(path)
        return run_shop(data, Path(__file__).with_name(f"{name}.yaml"), data.parent / "out")

    return one


@pytest.mark.parametrize("name", EXPECTED)
def test_a_shop_has_its_figures_and_nothing_else(name: str, runs: Runs) -> None:
    shop, run = EXPECTED[name], runs(name)
    assert shop.sold in run.summary and shop.sold in run.page
    assert run.pictures == shop.pictures
    assert set(re.findall(r"\]\((\w+\.(?:png|html))\)", run.summary)) == {*shop.pictures, "report.html"}
    assert tuple(next(row for row in run.ledger.splitlines() if row.startswith("  counted ")).split()) == shop.ledger
    assert run.wrong_words() == {}
    assert differences_from_gold(run.warehouse) == {}
    for text in (run.summary, run.page):
        assert "not defined" not in text and "100.00% of sessions" not in text and "Too few orders" not in text


@pytest.mark.parametrize("name", EXPECTED)
def test_no_day_is_red_for_what_a_shop_does_not_have(name: str, runs: Runs) -> None:
    run = runs(name)
    red = {alarm["key"] for day in run.days for alarm in day["alarms"] if alarm["severity"] == "P0"}
    assert red == EXPECTED[name].red
    assert "column_added" not in run.alarms  # additionalColumns: allow
    if not run.roles.has_amount:
        assert all(alarm["at_stake"] is None for day in run.days for alarm in day["alarms"])


def test_days_for_which_no_file_is_due(runs: Runs) -> None:
    run = runs("invoice_lines")
    saturday = next(day for day in run.days if day["day"] == "2010-12-04")
    assert (saturday["status"], saturday["alarms"], saturday["metrics"]) == ("GREEN", [], [])
    assert "no usable file" not in run.summary and "no events**" not in run.summary
    assert "no usable file" not in runs("clickstream").summary


def test_equal_actions_are_one_row(runs: Runs) -> None:
    for name in ("clickstream", "ga4_leads"):
        rows = [line for line in runs(name).summary.splitlines() if line.startswith(("| Engineering", "| Operations"))]
        actions = [row.split(" | ")[1] for row in rows]
        assert actions and not [a for a in actions if actions.count(a) > 1 and "payment_error" not in a]


def test_orders_in_another_currency_are_never_added(runs: Runs) -> None:
    run = runs("two_currencies")
    assert "8 orders in JPY, JPY 10,000,000,126.50 as far as their amounts are readable" in run.summary
    assert "JPY 10,000,000,126.50" in run.ledger and "JPY 10,000,000,126.50" in run.page
    for text in (run.ledger, run.summary, run.page, run.latest):
        assert "€10,000" not in text and "€0.00 of" not in text and "€0.00** in" not in text


def test_refused_orders_are_named_with_their_table(runs: Runs) -> None:
    assert runs("ga4_leads").error == (
        "generate_charts.py: published, but 8 of 59 orders are not counted: 8 quarantined: no transaction id; "
        "see silver.received_orders.\n"
    )


def test_a_file_of_many_days_is_named_once(runs: Runs) -> None:
    assert "Source: flat_revenue.csv, 45 days." in runs("flat_revenue").page
