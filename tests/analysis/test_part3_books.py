"""Part 3 with the shop's books: what was not tracked is measured, and so is the spend, if its file covers the days."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from analysis.charts import tracking_coverage
from analysis.charts.style import use_style
from analysis.gold import Gold
from analysis.impact import load_assumptions, with_measured_spend
from analysis.incidents import Quality
from analysis.intervals import wilson
from analysis.templating import environment, title
from analysis_kit import day, gold
from commands import REPO

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


def test_what_was_not_tracked_is_told_in_orders_and_money() -> None:
    phrases = environment(autoescape=False).get_template("phrases.j2").make_module({"gold": shop({})})
    told = " ".join(str(phrases.not_tracked()).split())  # type: ignore[attr-defined]
    assert told == "10 of 24 orders in the shop's order list, $620.00, have no usable order event."


def test_spend_is_measured_only_if_its_file_covers_the_days() -> None:
    assumed = load_assumptions(ASSUMPTIONS)
    assert shop(dict.fromkeys(DAYS[:2], 100.0)).measured_spend is None
    assert with_measured_spend(assumed, shop(dict.fromkeys(DAYS[:2], 100.0))) == assumed
    whole = shop(dict.fromkeys([*DAYS, date(2025, 3, 9)], 100.0))
    assert whole.measured_spend == 300.0
    share = with_measured_spend(assumed, whole).inputs["spend_share"]
    assert (share.low, share.base, share.high) == (0.15, 0.15, 0.15)
