"""Small, slow and partial faults, and trading that is none, on facts made by hand and on invented shops."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from commands import MONITOR, SCHEMA
from monitoring.alarms import GREEN, NOTE, DayReport
from monitoring.baselines import Point, with_trend
from monitoring.detection import judge
from monitoring.explanation import lasting_text
from monitoring.metrics import Facts
from monitoring.scoring import corrected, scale_points
from monitoring.thresholds import load_thresholds
from shops import healthy

from event_data.contract import load_contract
from event_data.dead_hours import usual_events

T = load_thresholds(MONITOR.with_name("thresholds.yaml"))
CONTRACT = load_contract(SCHEMA)
DAYS = 56


@pytest.fixture
def facts() -> Facts:
    """Return eight weeks of a healthy shop with 40 orders a day."""
    return healthy(7, DAYS, CONTRACT)


def last(f: Facts) -> DayReport:
    return judge(f, CONTRACT, T)[-1]


def multiply(f: Facts, day: date, factor: float, *metrics: str) -> None:
    for metric in metrics:
        f.values[metric][day] = (round(f.values[metric][day][0] * factor), f.values[metric][day][1])


def test_a_trend_is_the_exposure_of_a_count_and_chance_is_none() -> None:
    growing = [Point(i % 7, round(1000 * 1.01**i)) for i in range(42)]
    found = with_trend(growing, list(range(42, 0, -1)))
    rate = sum(p.x for p in found) / sum(p.n for p in found)
    assert rate == pytest.approx(1000 * 1.01**42, rel=0.05)
    steady = [Point(i % 7, 1000 + (-1) ** i * 30) for i in range(42)]
    assert with_trend(steady, list(range(42, 0, -1))) == steady


def test_a_lost_segment_is_named_and_a_rise_elsewhere_is_none(facts: Facts) -> None:
    sections = facts.segments["page_views", "section"]
    sections["/collections"][facts.last] = (0.0, None)
    (alarm,) = [a for a in last(facts).alarms if a.key == "traffic"]
    assert alarm.verdicts[0].segment == ("section", "/collections") and alarm.verdicts[0].window == 1
    sections["/collections"][facts.last] = sections["/collections"][facts.last - timedelta(days=7)]
    sections["/"][facts.last] = (sections["/"][facts.last][0] * 2, None)
    assert "traffic" not in [a.key for a in last(facts).alarms]


def test_more_segments_have_a_higher_limit() -> None:
    assert corrected(3.6, 1) == pytest.approx(3.6, abs=1e-6)
    assert 4.1 < corrected(3.6, 10) < corrected(3.6, 30) < 4.6


def test_a_third_less_for_two_weeks_is_detected_though_no_day_shows_it(facts: Facts) -> None:
    for n, day in enumerate(facts.days):
        facts.values["orders"][day] = (40.0 + (n * 7) % 11 - 5, None)
        facts.values["conversion"][day] = (40.0, 4000.0)
        facts.segments.clear()
    for day in facts.days[-7:]:
        multiply(facts, day, 0.7, "orders")
    found = [
        next((v for a in r.alarms if a.key == "orders" for v in a.verdicts), None) for r in judge(facts, CONTRACT, T)
    ]
    assert not any(found[:-7]) and any(v and v.window > 1 for v in found[-7:])


def test_amounts_in_cents_in_a_part_of_the_orders_are_counted(facts: Facts) -> None:
    before = facts.days[:-1]
    usual = {d: {16: 5, 18: 20, 20: 10} for d in before}
    today = {16: 5, 18: 15, 20: 10, 36: 4}
    points = scale_points({**usual, facts.last: today}, facts.last, before)
    assert points[facts.last][1:] == (4.0, 34.0) and points[before[0]].x == 0
    facts.scales = {**usual, facts.last: today}
    facts.amounts.clear()
    assert [a.key for a in last(facts).alarms] == ["order_values"]


def test_traffic_and_orders_that_rise_together_are_a_note(facts: Facts) -> None:
    volume = ("records", "page_views", "sessions", "visitors", "signups", "carts", "checkouts")
    multiply(facts, facts.last, 1.8, *volume, "orders", "revenue")
    report = last(facts)
    assert report.status == GREEN and {(a.severity, a.state) for a in report.alarms} == {("P3", NOTE)}
    assert not report.incident_days
    multiply(facts, facts.last, 1 / 1.8, "orders", "revenue")  # traffic alone, as of crawlers
    assert "traffic" in [a.key for a in last(facts).active]


def test_a_share_that_moves_further_than_the_rise_explains_is_not_trading(facts: Facts) -> None:
    multiply(facts, facts.last, 1.3, "records", "page_views", "sessions", "visitors", "orders")
    sessions = facts.values["sessions"][facts.last][0]
    facts.values["direct_session_share"][facts.last] = (round(sessions * 0.1), sessions)
    assert "sources" in [a.key for a in last(facts).active]


@pytest.mark.parametrize(("are_gone", "expected"), [(True, ("note", "P3")), (False, ("new", "P1"))])
def test_the_end_of_a_campaign_is_a_note_and_lost_tags_are_not(
    are_gone: bool, expected: tuple[str, str], facts: Facts
) -> None:
    """Nine tenths of the paid sessions are gone, or are counted under other channels."""
    day = facts.last
    facts.segments.clear()
    paid, sessions = facts.values["paid_session_share"][day]
    assert sessions
    left = sessions - 0.9 * paid if are_gone else sessions
    multiply(facts, day, left / sessions, "sessions", "visitors")
    facts.values["paid_session_share"][day] = (round(0.1 * paid), round(left))
    (alarm,) = [a for a in last(facts).alarms if a.key == "campaigns"]
    assert (alarm.state, alarm.severity) == expected


def test_no_revenue_is_not_an_alarm_on_a_first_day_or_a_day_that_is_not_due(facts: Facts) -> None:
    one = healthy(7, 1, CONTRACT)
    one.values["orders"].clear()
    one.values["revenue"].clear()
    assert "zero_revenue" not in [a.key for a in last(one).alarms]
    facts.values["revenue"][facts.last] = (0.0, None)
    assert "zero_revenue" in [a.key for a in last(facts).alarms]
    schedule = replace(CONTRACT.schedule, dates=(facts.last,))
    reports = judge(facts, replace(CONTRACT, schedule=schedule), T)
    assert "zero_revenue" not in [a.key for a in reports[-1].alarms]


def test_hours_that_are_often_empty_are_not_dead(facts: Facts) -> None:
    assert usual_events([0.0, 30.0, 40.0, 50.0, 60.0]) == pytest.approx(12.0) and usual_events([]) == 0
    for n, day in enumerate(facts.days):
        facts.by_hour["events"][day] |= {11: (0.0 if n % 5 == 0 else 40.0, None), 15: (60.0 + n % 9, None)}
    facts.by_hour["events"][facts.last][11] = (0.0, None)
    assert "silent_hours" not in [a.key for a in last(facts).alarms]
    facts.by_hour["events"][facts.last][15] = (0.0, None)
    assert "silent_hours" in [a.key for a in last(facts).alarms]


def test_every_amount_in_the_history_has_its_own_words() -> None:
    """As on the day itself, so that an amount is not taken for part 1's, which counts other orders."""
    names = {*T.rules, *(metric.group for metric in T.metrics)}
    assert len(names) > 20 and all(lasting_text(name, T) for name in names)
    assert lasting_text("column_renamed", T) == "of revenue has no client id as tracked"
    assert lasting_text("traffic", T) == "less revenue than usual"
