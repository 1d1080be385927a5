"""Part 3 with the shop's books: orders that were not tracked and spend are measured if a file covers the days."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from analysis.charts import tracking_coverage
from analysis.charts.style import use_style
from analysis.gold import Gold, read_gold
from analysis.impact import load_assumptions, with_measured_spend
from analysis.incidents import Quality
from analysis.intervals import wilson
from analysis.templating import environment, title
from analysis_kit import day, differences_from_gold, gold
from commands import REPO, SCHEMA, query
from synthetic_events import generate
from synthetic_orders import contract_with_books, write_books, write_spend
from warehouse_kit import build

DAYS = [date(2025, 3, number) for number in range(1, 4)]
TRACKED, EXPECTED, MISSING = [9, 5, 0], [10, 10, 4], [120.5, 400.0, 99.5]
ASSUMPTIONS = REPO / "part3-business-analysis" / "assumptions.yaml"


def shop(spend: dict[date, float]) -> Gold:
    coverage = pd.DataFrame({"tracked": TRACKED, "expected": EXPECTED, "missing_amount": MISSING}, index=DAYS)
    return gold(
        days=[day(one) for one in DAYS], ledger=[("counted", 14, 2000.0)], coverage=coverage,
        spend=pd.DataFrame({"spend": spend.values()}, index=list(spend)),
    )  # fmt: skip


def test_the_picture_has_the_share_of_each_day_with_its_interval() -> None:
    use_style()
    found = shop({})
    figure = tracking_coverage.draw(found, Quality())
    (axes,) = figure.axes
    (line,) = [line for line in axes.lines if line.get_gid() == "days"]
    assert np.asarray(line.get_ydata()).tolist() == pytest.approx([0.9, 0.5, 0.0])
    band = np.asarray(axes.collections[0].get_paths()[0].vertices).tolist()
    for at, (tracked, expected) in enumerate(zip(TRACKED, EXPECTED, strict=True)):
        interval = wilson(tracked, expected)
        heights = {round(float(y), 6) for x, y in band if x == at}
        assert {round(interval.low, 6), round(interval.high, 6)} <= heights
    assert title("coverage", gold=found) == "58% of the shop's 24 orders were tracked"


def test_orders_that_were_not_tracked_are_told_with_their_amount() -> None:
    phrases = environment(autoescape=False).get_template("phrases.j2").make_module({"gold": shop({})})
    told = " ".join(str(phrases.lost_sales()).split())  # type: ignore[attr-defined]
    assert told == "Not tracked: 10 of 24 orders in the shop's order list, $620.00, have no usable order event."


def test_the_books_are_as_gold_has_them(tmp_path: Path) -> None:
    data, contract, warehouse = tmp_path / "data", tmp_path / "contract.yaml", tmp_path / "w.duckdb"
    generate(data, days=3, events_per_day=1500, seed=5, incidents=False)
    write_books(data, lost=lambda order: order.at.hour < 8)
    write_spend(data, cost=321)
    with (data / "ad_spend.csv").open("a", encoding="utf-8") as file:
        file.write("\n2025-02-23,google,cpc,,much,250")
    contract.write_text(contract_with_books(SCHEMA.read_text("utf-8")), "utf-8")
    build(data, warehouse, contract)
    found = read_gold(warehouse)
    ledger = (
        "select sum(booked_orders), sum(booked_amount) from gold.order_list_ledger where line like 'not tracked: %'"
    )
    ((orders, amount),) = query(warehouse, ledger)
    assert int((found.coverage["expected"] - found.coverage["tracked"]).sum()) == orders > 0
    assert found.coverage["missing_amount"].sum() == pytest.approx(float(amount))
    spent = "select sum(spend) from gold.channel_returns where reading = 'healed' and model = 'last_click'"
    assert found.measured_spend == float(query(warehouse, spent)[0][0]) == 3 * 321
    assert found.refused_spend.to_numpy().tolist() == [["no readable cost", 1]]
    assert differences_from_gold(warehouse) == {}


def test_spend_is_measured_only_if_its_file_covers_the_days() -> None:
    assumed = load_assumptions(ASSUMPTIONS)
    assert shop(dict.fromkeys(DAYS[:2], 100.0)).measured_spend is None
    assert with_measured_spend(assumed, shop(dict.fromkeys(DAYS[:2], 100.0))) == assumed
    whole = shop(dict.fromkeys([*DAYS, date(2025, 3, 9)], 100.0))
    assert whole.measured_spend == 300.0
    share = with_measured_spend(assumed, whole).inputs["spend_share"]
    assert (share.low, share.base, share.high) == (0.15, 0.15, 0.15)
