"""Intervals, incidents and the model against values known from elsewhere."""

import math
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from analysis.charts.style import spread
from analysis.findings import against_the_rest, called, compare_devices, funnel
from analysis.gold import Day, Gold, Line, Segment
from analysis.impact import AssumptionsError, ebitda, load_assumptions, money, waste
from analysis.incidents import Incident, Quality
from analysis.intervals import (
    is_small,
    mean_difference,
    robust_band,
    share_difference,
    simultaneous,
    t_quantile,
    wilson,
)

ASSUMPTIONS = Path(__file__).parents[2] / "part3-business-analysis" / "assumptions.yaml"
FIRST = date(2025, 1, 1)


def gold(**fields: object) -> Gold:
    """A Gold of which only a few fields matter."""
    empty: dict[str, object] = {
        "files": (), "days": (), "hours": {}, "paths": {}, "sign_up_only": 0, "orders_without_id": 0,
        "unattributed": {}, "conversion": {}, "systems": {}, "channels": (), "ledger": (), "headline": {},
        "products": (),
    }  # fmt: skip
    return Gold(**(empty | fields))  # type: ignore[arg-type]


# Newcombe 1998, Statistics in Medicine 17: table I of the single share, table II of the difference (method 10).
@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_as_published(successes: int, trials: int, low: float, high: float) -> None:
    found = wilson(successes, trials)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    mirrored = wilson(trials - successes, trials)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((found.low, found.high))


@pytest.mark.parametrize(
    ("a", "of_a", "b", "of_b", "low", "high"),
    [
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (10, 10, 0, 10, 0.6075, 1.0),
    ],
)
def test_difference_of_shares_as_published(a: int, of_a: int, b: int, of_b: int, low: float, high: float) -> None:
    found = share_difference(a, of_a, b, of_b)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("freedom", "value"), [(1, 12.7062), (2, 4.3027), (4, 2.7764), (10, 2.2281), (1000, 1.9623)])
def test_t_as_in_the_tables(freedom: int, value: float) -> None:
    assert t_quantile(0.975, freedom) == pytest.approx(value, abs=5e-5)


def test_welch_by_hand() -> None:
    # Means 2 and 5, variances 1 and 4: error sqrt(1/3 + 4/3); freedom (5/3)^2 / ((1/3)^2/2 + (4/3)^2/2) = 50/17.
    found = mean_difference([3.0, 5.0, 7.0], [1.0, 2.0, 3.0])
    reach = t_quantile(0.975, 50 / 17) * math.sqrt(5 / 3)
    assert (found.low, found.estimate, found.high) == pytest.approx((3 - reach, 3, 3 + reach))
    assert not mean_difference([1.0], [5.0, 6.0]).is_clear


def test_looking_many_times_widens() -> None:
    assert simultaneous(10) == pytest.approx(0.995)
    assert share_difference(108, 9916, 172, 21220).is_clear
    assert not share_difference(108, 9916, 172, 21220, simultaneous(6)).is_clear
    # One of twenty alike segments stands out by itself, and not when all are looked at.
    alike = [Segment(str(n), 100, 10000) for n in range(19)] + [Segment("odd", 122, 10000)]
    assert share_difference(122, 10000, 1900, 190000).is_clear
    assert not any(i.is_clear for i in against_the_rest(alike).values())


def test_a_small_cell_is_called_where_five_orders_were_due() -> None:
    rest = Segment("rest", 300, 30000)
    found = {
        share: called([rest, Segment("few", *share)])
        for share in ((1, 1252), (0, 600), (0, 490), (2, 2), (6, 1252), (120, 10000))
    }
    assert {share for share, names in found.items() if "few" in names} == {(1, 1252), (0, 600)}


def test_small_cells_are_small() -> None:
    assert is_small(0, 5000)
    assert is_small(10, 998)
    assert not is_small(108, 9916)
    assert is_small(0, 0)
    assert is_small(1, 1)
    assert not is_small(98, 100)


def test_band_needs_a_week() -> None:
    assert robust_band([1.0] * 6) is None
    assert robust_band([10.0, 11, 12, 13, 14, 15, 1000]) == pytest.approx((13 - 3 * 1.4826 * 2, 13 + 3 * 1.4826 * 2))


def incident(severity: str, check: str, column: str, since: int, **fields: object) -> Incident:
    """An incident that began on a day of January after a good one, and lasts."""
    first = FIRST + timedelta(since - 1)
    known: dict[str, object] = {
        "until": None, "last_good": first - timedelta(1), "at_stake": None,
        "message": "It is wrong", "advice": "Mend it.",
    }  # fmt: skip
    return Incident(severity, check, column, first, **(known | fields))  # type: ignore[arg-type]


def test_what_an_executive_sees() -> None:
    grave, tail = incident("P0", "column_renamed", "id", 3), incident("P1", "orders_lost_to_rename", "id", 3)
    old = incident("P1", "confirmations_without_order", "order", 1, last_good=None)
    costly, cheap = (incident("P2", "event_fired_twice", "order", 4, at_stake=a) for a in (Decimal(5), None))
    standing = replace(costly, last_good=None)
    quality = Quality(True, (grave, tail, old, costly, cheap, standing))
    assert quality.incidents == [grave, tail, old, costly]
    assert quality.faults == [grave, old]
    assert quality.onsets == quality.marks(hours=False) == [grave]
    assert not Quality(True, (costly, cheap)).is_broken


def test_revenue_at_stake_counts_each_day_once() -> None:
    one = incident("P0", "column_missing", "id", 1, stakes={FIRST: Decimal(70), FIRST + timedelta(1): Decimal(30)})
    two = incident(
        "P1", "order_amount_shift", "amount", 1, stakes={FIRST: Decimal(20), FIRST + timedelta(2): Decimal(5)}
    )
    lesser = incident("P2", "event_fired_twice", "order", 1, stakes={FIRST: Decimal(900)})
    assert Quality(True, (one, two, lesser)).at_stake == 105


def test_a_label_is_short() -> None:
    assert incident("P0", "x", "id", 1, message="id arrives as ID; every report is empty").label == "id arrives as ID"
    long = "69 of 1,069 order.items[].item_price (6.5%) are null or missing"
    assert incident("P1", "payload_key_missing", "order.items[].item_price", 1, message=long).label == (
        "item_price: payload key missing"
    )


def test_what_an_empty_hour_would_have_sold() -> None:
    """Night has few orders for its events: it goes by the orders of its hour, less those that were refused."""
    days = tuple(Day(FIRST + timedelta(n), 600, 0, 0.0, 0, 0) for n in range(3))
    orders = {(d.day, 7): 1.0 for d in (days[0], days[2])} | {(d.day, 20): 9.0 for d in days}
    sold = (Line("counted", 29, Decimal(2900)),)
    quality = Quality(True, empty_hours={days[1].day: [7]})
    assert money(gold(days=days, hour_orders=orders, ledger=sold), quality).unseen_hours == pytest.approx(100)
    refused = {("no readable time", days[1].day): (300, 1)}
    known = gold(days=days, hour_orders=orders, ledger=sold, refusals=refused)
    assert money(known, quality).unseen_hours == 0


def test_a_difference_of_devices_that_is_one_system() -> None:
    conversion = {"device": (Segment("Desktop", 400, 10000), Segment("Mobile", 200, 10000))}
    systems = {
        ("Desktop", "A"): Segment("A", 320, 6000),
        ("Desktop", "B"): Segment("B", 80, 4000),
        ("Mobile", "C"): Segment("C", 200, 10000),
    }
    found = compare_devices(gold(conversion=conversion, systems=systems))
    assert found is not None and found.difference.is_clear
    assert found.system == "A"
    assert found.higher_without == Segment("Desktop", 80, 4000)
    alike = compare_devices(
        gold(conversion={"device": (Segment("Desktop", 200, 10000), Segment("Mobile", 205, 10000))})
    )
    assert alike is not None and not alike.difference.is_clear


def test_funnel_counts_gaps_as_not_recorded() -> None:
    paths = {("page_view",): 90, ("page_view", "cart"): 5, ("order",): 2, ("page_view", "cart", "checkout", "order"): 3}
    found = funnel(gold(paths=paths, orders_without_id=1))
    assert found.reached == (101, 11, 6, 6)
    assert found.recorded == (98, 8, 3, 6)
    assert (found.buyers, found.gaps) == (6, 3)
    for step in range(3):
        into = sum(n for (i, _, _), n in found.flows.items() if i == step)
        assert into == found.reached[step + 1]


def test_model_by_hand() -> None:
    assert waste(1000.0, 0.5, 0.2, 0.5, 0.1) == pytest.approx(5.0)
    # 1000 * 0.5 * 0.5 * 0.1 = 25 of sales in 73 days, of which 0.4 is kept and half believed: 5, five times a year.
    assert ebitda(1000.0, 73, 0.5, 0.5, 0.1, 0.4, 0.5) == pytest.approx(25.0)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("base: 0.45", "base: 0.95", "margin must have"),
        ("base: 0.45", "base: much", "margin must be numbers"),
        ("  doubt:", "  doubts:", "doubt needs"),
        ("inputs:", "inputs: [", "cannot be read as YAML"),
        ("draws: 20000", "draws: 1", "draws"),
        ("high: 0.35", "high: .inf", "spend_share must have"),
        ("low: 0.10", "low: 0", "spend_share must be more than 0"),
        ("low: 0.10", "low: 9", "spend_share must have 0 <= low <= base"),
        ("days: 14", "days: 0", "wasted_in_window must have days of 1 or more"),
        ("low: 650000", "low: 800000", "wasted_in_window must have"),
        ("    label: wasted every 14 days\n", "", "the claim wasted_in_window needs label, days, low and high"),
        ("high: 4000000", "high: .inf", "ebitda_a_year must have"),
    ],
)
def test_wrong_assumptions_are_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = tmp_path / "assumptions.yaml"
    path.write_text(ASSUMPTIONS.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(AssumptionsError, match=told):
        load_assumptions(path)


def test_labels_keep_apart() -> None:
    placed = spread([0.0, 0.1, 0.2, 5.0], 1.0, -1.0, 3.0)
    assert all(b - a >= 1.0 - 1e-9 for a, b in pairwise(placed))
    assert placed[-1] == 3.0
    assert spread([], 1.0, 0.0, 1.0) == []


def test_ledger_lines_that_are_absent_are_zero() -> None:
    assert gold().revenue == Decimal(0)
