"""Intervals, incidents and the model against values known from elsewhere."""

import math
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from analysis.charts.style import spread
from analysis.findings import Segment, called, compare_devices, find_step, funnel, whole_percents
from analysis.gold import Gold, choose_days
from analysis.impact import AssumptionsError, ebitda, load_assumptions, missed_orders, waste
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
from analysis_kit import day, gold

from event_data.errors import UserError

ASSUMPTIONS = Path(__file__).parents[2] / "part3-business-analysis" / "assumptions.yaml"
FIRST = date(2025, 1, 1)
JANUARY = [FIRST + timedelta(n) for n in range(31)]


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
    assert called(alike) == {}


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
    values = [10.0, 11, 12, 13, 14, 15, 1000]
    assert robust_band(values) == pytest.approx((13 - 3 * 1.4826 * 2, 13 + 3 * 1.4826 * 2))
    wide = robust_band(values, judged=300)  # one false alarm in twenty, whatever the number of days
    assert wide is not None and wide[1] == pytest.approx(13 + 3.7648 * 1.4826 * 2, abs=1e-3)


def incident(severity: str, check: str, column: str, since: int, **fields: object) -> Incident:
    """Return an incident that began on a day of January after a good one, and lasts."""
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
    known = {
        "days": [day(d) for d in JANUARY[:3]],
        "hours": [(d, 7, 9, int(d != JANUARY[1])) for d in JANUARY[:3]] + [(d, 20, 9, 9) for d in JANUARY[:3]],
    }  # fmt: skip
    quality = Quality(True, empty_hours={JANUARY[1]: [7]})
    assert missed_orders(gold(**known), quality) == pytest.approx(1)
    refused = known | {"days": [day(d, refused_orders=int(d == JANUARY[1])) for d in JANUARY[:3]]}
    assert missed_orders(gold(**refused), quality) == 0


def test_the_verdict_on_a_period() -> None:
    stakes = {d: Decimal(10) for d in JANUARY[2:]}
    lasting = incident("P0", "column_missing", "id", 3, stakes=stakes, at_stake=Decimal(290))
    over = incident("P1", "x", "id", 2, until=JANUARY[4])
    quality = Quality(True, (lasting, over), empty_hours={JANUARY[1]: [3], JANUARY[9]: [4]})
    last = quality.within(JANUARY[8], JANUARY[14])
    assert [(i.since, i.until, i.at_stake) for i in last.all_incidents] == [(JANUARY[2], None, Decimal(70))]
    assert (last.at_stake, list(last.empty_hours)) == (Decimal(70), [JANUARY[9]])
    assert quality.within(JANUARY[0], JANUARY[1]).all_incidents == (replace(over, until=None),)
    assert quality.within(JANUARY[0], JANUARY[30]) == quality


@pytest.mark.parametrize(
    ("days", "since", "until", "chosen"),
    [
        (35, None, None, (0, 34)), (36, None, None, (8, 35)), (300, 100, None, (100, 299)), (300, None, 99, (72, 99)),
        (300, None, 20, (0, 20)), (14, -5, 90, (0, 13)), (300, 3, 3, (3, 3)),
    ],
)  # fmt: skip
def test_the_days_of_a_report(days: int, since: int | None, until: int | None, chosen: tuple[int, int]) -> None:
    asked = [None if n is None else FIRST + timedelta(n) for n in (since, until)]
    found = choose_days([FIRST + timedelta(n) for n in range(days)], *asked)
    assert tuple((day - FIRST).days for day in found) == chosen


def test_a_period_without_a_day_is_refused() -> None:
    with pytest.raises(UserError, match="no day has a file with --since 2025-02-01; the warehouse has 2025-01-01 to"):
        choose_days(JANUARY, date(2025, 2, 1))


def test_percents_sum_to_100() -> None:
    assert whole_percents([12.3, 4.3, 9.9, 73.5]) == [12, 4, 10, 74]
    assert whole_percents([1, 1, 1]) == [34, 33, 33] and whole_percents([0.1, 999.9]) == [0, 100]


def test_a_difference_of_devices_that_is_one_system() -> None:
    devices = [("device", "Desktop", 400, 10000), ("device", "Mobile", 200, 10000)]
    systems = [("Desktop", "A", 320, 6000), ("Desktop", "B", 80, 4000), ("Mobile", "C", 200, 10000)]
    found = compare_devices(gold(segments=devices, systems=systems))
    assert found is not None and found.difference.is_clear and found.system == "A"
    alike = compare_devices(gold(segments=[("device", "Desktop", 200, 10000), ("device", "Mobile", 205, 10000)]))
    assert alike is not None and not alike.difference.is_clear


def test_funnel_counts_gaps_as_not_on_record() -> None:
    rows = [
        (True, False, False, False, 90), (True, True, False, False, 5), (False, False, False, True, 3),
        (True, True, True, True, 3), (False, False, False, False, 4),
    ]  # fmt: skip
    found = funnel(gold(visitors=rows))
    assert (found.reached, found.recorded) == ((101, 11, 6, 6), (98, 8, 3, 6))
    assert (found.buyers, found.gaps, found.others, found.leaving) == (6, 3, 4, [90, 5, 0])
    for step in range(3):
        assert sum(n for (i, _, _), n in found.flows.items() if i == step) == found.reached[step + 1]


def test_model_by_hand() -> None:
    inputs = {"spend_share": 0.2, "steerable": 0.5, "gain": 0.1, "margin": 0.4, "doubt": 0.5}
    assert waste(1000.0, 0.5, inputs) == pytest.approx(5.0)
    # 1000 * 0.5 * 0.5 * 0.1 = 25 of sales in 73 days, of which 0.4 is kept and half believed: 5, five times a year.
    assert ebitda(1000.0, 73, 0.5, inputs) == pytest.approx(25.0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
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
def test_wrong_assumptions_are_one_sentence(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "assumptions.yaml"
    path.write_text(ASSUMPTIONS.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(AssumptionsError, match=message):
        load_assumptions(path)


def test_labels_keep_apart() -> None:
    placed = spread([0.0, 0.1, 0.2, 5.0], 1.0, -1.0, 3.0)
    assert all(b - a >= 1.0 - 1e-9 for a, b in pairwise(placed))
    assert placed[-1] == 3.0
    assert spread([], 1.0, 0.0, 1.0) == []


def test_ledger_lines_that_are_absent_are_zero() -> None:
    assert gold().revenue == 0


def test_a_step_within_the_period_is_found_where_the_means_of_periods_hide_it() -> None:
    """Sessions: 300 per day before the period, then 400, and 200 from 15 January on; the mean stays 300."""

    def shop(levels: tuple[int, int], first: int, **fields: object) -> Gold:
        rows = [(FIRST + timedelta(first + n), 9, 2, 20.0, levels[n >= 14] + 10 * (n % 3 - 1), 2, 0) for n in range(28)]
        return gold(days=rows, **fields)

    stepped, flat = (shop(levels, 0, before=shop((300, 300), -28)) for levels in ((400, 200), (300, 300)))
    step = find_step(stepped, "sessions per day")
    assert step is not None and step.since == JANUARY[14]
    assert [step.before, step.after] == pytest.approx([400, 200], abs=1)
    assert find_step(flat, "sessions per day") is None and find_step(stepped, "revenue per day") is None
    assert find_step(replace(stepped, before=None), "sessions per day") is None, "the days before are in the report"
