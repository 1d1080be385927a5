"""Intervals, incidents and the model against values known from elsewhere."""

import math
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from analysis.charts.style import spread
from analysis.currency import short
from analysis.findings import against_the_rest, called, compare_devices, funnel
from analysis.gold import DataFile, Day, Gold, Line, Ratio, Segment
from analysis.impact import AssumptionsError, ebitda, load_assumptions, money, waste
from analysis.incidents import find_incidents, rise
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
        "files": (), "days": (), "shares": {}, "hours": {}, "paths": {}, "sign_up_only": 0, "orders_without_id": 0,
        "unattributed": {}, "conversion": {}, "systems": {}, "channels": (), "ledger": (), "headline": {},
        "products": (), "known_columns": frozenset({"id", "client_id", "clientId", "url", "ref"}),
    }  # fmt: skip
    return Gold(**(empty | fields))  # type: ignore[arg-type]


def files(*headers: str) -> tuple[DataFile, ...]:
    return tuple(DataFile(f"f{n}.csv", FIRST + timedelta(n), tuple(header.split())) for n, header in enumerate(headers))


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


def test_a_column_lost_renamed_and_back() -> None:
    found = find_incidents(gold(files=files("id url ref", "Id url ref", "Id url", "Id url ref")))
    assert [(i.kind, i.what, i.since.day, i.until and i.until.day) for i in found] == [
        ("renamed", "id", 2, None),
        ("lost", "ref", 3, 3),
    ]


def test_the_first_day_is_held_against_the_contract() -> None:
    terms = {"client_id": "client_id", "ref": "referrer", "": "referrer"}
    found = find_incidents(gold(files=files("clientId url", "clientId url", "clientId url ref"), terms=terms))
    assert [(i.kind, i.what, i.since.day, i.until and i.until.day) for i in found] == [
        ("renamed", "client_id", 1, None),
        ("lost", "ref", 1, 2),
    ]
    assert find_incidents(gold(files=files("client_id url ref"), terms=terms)) == ()


def test_a_column_that_the_contract_does_not_know_may_go() -> None:
    assert find_incidents(gold(files=files("id url ab_test", "id url"))) == ()
    (one,) = find_incidents(gold(files=files("id url ref", "id url referer")))
    assert (one.kind, one.label) == ("renamed", "ref renamed referer")


def test_an_empty_file_has_lost_no_column() -> None:
    assert find_incidents(gold(files=files("id url ref", "", "id url ref"))) == ()
    (one,) = find_incidents(gold(files=files("id url ref", "", "id url")))
    assert (one.kind, one.what, one.since.day) == ("lost", "ref", 3)


def test_a_share_rises_once_and_ends() -> None:
    shares = [0.02, 0.01, 0.03, 0.20, 0.09, 0.02, 0.30]
    ratios = [Ratio(FIRST + timedelta(n), 1000 * s, 1000) for n, s in enumerate(shares)]
    found = rise(ratios)
    assert found is not None
    assert (found[0].day, found[1].day) == (4, 5)
    assert found[2] == pytest.approx(0.145)
    assert rise(ratios[:3]) is None
    # Two of three is no evidence; nothing came before the first day.
    assert rise([Ratio(FIRST, 0, 3), Ratio(FIRST + timedelta(1), 1, 3)]) is None
    assert rise([Ratio(FIRST, 3, 3)]) is None


def test_an_empty_hour_among_full_ones() -> None:
    days = tuple(Day(FIRST + timedelta(n), 600, 0, 0.0, 0, 0) for n in range(3))
    hours = {(d.day, h): 25.0 for d in days for h in range(24)}
    del hours[days[1].day, 7]
    found = find_incidents(gold(days=days, hours=hours))
    assert [(i.kind, i.since.day, i.until) for i in found] == [("gap", 2, days[1].day)]
    # Night has few orders for its events: what an empty hour would have sold goes by the orders of its hour.
    orders = {(d.day, 7): 1.0 for d in (days[0], days[2])} | {(d.day, 20): 9.0 for d in days}
    sold = (Line("counted", 29, Decimal(2900)),)
    seen = money(gold(days=days, hours=hours, hour_orders=orders, ledger=sold), found)
    assert seen.unseen_hours == pytest.approx(100)


def test_a_day_without_any_event_among_full_ones() -> None:
    days = tuple(Day(FIRST + timedelta(n), 600, 0, 0.0, 0, 0) for n in range(3))
    hours = {(d.day, h): 25.0 for d in (days[0], days[2]) for h in range(24)}
    (one,) = find_incidents(gold(days=days, hours=hours))
    assert (one.kind, one.since.day, one.label) == ("gap", 2, "24 hours without events")


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
        ("days: 14", "days: 0", "wasted_in_window must have days of 1 or more"),
        ("low: 650000", "low: 800000", "wasted_in_window must have"),
        ("high: 4000000", "high: .inf", "ebitda_a_year must have"),
    ],
)
def test_wrong_assumptions_are_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = tmp_path / "assumptions.yaml"
    path.write_text(ASSUMPTIONS.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(AssumptionsError, match=told):
        load_assumptions(path)


def test_short_dollars() -> None:
    amounts = (0, 950, 999.6, 19_509, 294_461.4, 999_600, 2.5e6, -1234)
    assert [short(a) for a in amounts] == ["$0", "$950", "$1.0k", "$19.5k", "$294k", "$1.0M", "$2.5M", "-$1.2k"]


def test_labels_keep_apart() -> None:
    placed = spread([0.0, 0.1, 0.2, 5.0], 1.0, -1.0, 3.0)
    assert all(b - a >= 1.0 - 1e-9 for a, b in pairwise(placed))
    assert placed[-1] == 3.0
    assert spread([], 1.0, 0.0, 1.0) == []


def test_ledger_lines_that_are_absent_are_zero() -> None:
    assert gold().revenue == Decimal(0)
