"""Fast tests of scores, rules and status, on facts made by hand."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from statistics import mean, variance

import pytest
import yaml
from monitor_kit import act
from monitoring import thresholds
from monitoring.alarms import GREEN, INSUFFICIENT, RED, TOO_LITTLE, YELLOW, DayReport
from monitoring.applicability import for_shop
from monitoring.baselines import Amounts, Point, normal_equivalent, score, score_amount, student_of
from monitoring.console_report import headline, metrics_table, sees
from monitoring.detection import judge
from monitoring.incidents import ACCEPTED, Act
from monitoring.metrics import Facts, File, Refusal, Unread
from monitoring.thresholds import RENAMED, Planned, Thresholds, ThresholdsError, load_thresholds
from monitoring.wording import capital, change, day_words, name_of, percent, place
from shops import healthy

from event_data.contract import load_contract
from event_data.contract.model import Limit
from event_data.contract.model import Rule as ContractRule
from event_data.shop_roles import ShopRoles

HERE = Path(__file__).resolve().parent
CONTRACT = load_contract(HERE.parent / "part1-data-quality" / "schema.yaml")
SHIPPED = load_thresholds(HERE / "thresholds.yaml")
T = for_shop(SHIPPED, CONTRACT, ShopRoles.of(CONTRACT))
START = date(2025, 1, 6)
HEADER = tuple(c.name for c in CONTRACT.columns)


def points(values: Sequence[float], n: float = 1.0) -> list[Point]:
    return [Point(i % 7, x, n) for i, x in enumerate(values)]


def facts(days: int = 14, seed: int = 5) -> Facts:
    """Return days of one healthy shop, the same every time."""
    return healthy(seed, days, CONTRACT)


def last(f: Facts, t: Thresholds = T, acts: Sequence[Act] = ()) -> DayReport:
    return judge(f, CONTRACT, t, acts)[-1]


def keys(report: DayReport) -> list[str]:
    return [a.key for a in report.alarms]


def rename(f: Facts, day: date, old: str, new: str | None) -> None:
    file = f.files[day][0]
    header = tuple(new if name == old else name for name in file.header if new or name != old)
    f.files[day] = [File(file.name, tuple(h for h in header if h), file.records, file.content_hash)]


def share(f: Facts, metric: str, day: date, x: float) -> None:
    n = f.values[metric][day][1]
    assert n
    f.values[metric][day] = (round(x * n), n)


# --- scores -----------------------------------------------------------------------------------------------


def test_a_count_is_scored_as_the_formula_says() -> None:
    before = [100.0, 130.0, 90.0, 120.0, 85.0]
    found = score(points(before), Point(6, 60.0), "count", 1e9, 4.0)  # such a weight: no rhythm of the week
    assert found
    m = mean(before)
    phi = max(1.0, variance(before) / m)
    assert found.phi == pytest.approx(phi, rel=0.03)
    assert found.z == pytest.approx((60 - m) / math.sqrt(phi * m * (1 + 1 / 5)), rel=0.03)
    assert found.change == pytest.approx(60 / m - 1, rel=0.01)


def test_a_share_is_scored_as_a_binomial() -> None:
    found = score(points([10.0] * 8, 1000.0), Point(1, 50.0, 1000.0), "share", 4, 4.0)
    assert found
    p = 80.5 / 8001
    assert found.phi == 1
    assert found.z == pytest.approx((50 - 1000 * p) / math.sqrt(1000 * p * (1 - p) * (1 + 1 / 8)), rel=1e-3)


def test_the_day_is_not_in_its_own_baseline() -> None:
    before = points([100.0, 104.0, 97.0, 101.0])
    one, two = (score(before, Point(4, x), "count", 4, 4.0) for x in (200.0, 2000.0))
    assert one and two
    assert one.expected == two.expected and one.phi == two.phi and two.z > 9 * one.z


@pytest.mark.parametrize(
    ("t", "df", "p"), [(2.776445, 4, 0.975), (8.610302, 4, 0.9995), (2.228139, 10, 0.975), (4.586894, 10, 0.9995)]
)
def test_students_t_becomes_the_normal_deviation_of_the_same_chance(t: float, df: float, p: float) -> None:
    """t quantiles from the printed tables."""
    z = normal_equivalent(t, df)
    assert 0.5 * (1 + math.erf(z / math.sqrt(2))) == pytest.approx(p, abs=5e-4)
    assert student_of(z, df) == pytest.approx(t, rel=1e-9)
    assert normal_equivalent(-t, df) == -z


def test_few_days_weaken_the_evidence_and_not_z() -> None:
    noisy = [100.0, 150.0, 80.0, 130.0]
    few = score(points(noisy), Point(4, 400.0), "count", 1e9, 4.0)
    many = score(points(noisy * 6), Point(4, 400.0), "count", 1e9, 4.0)
    assert few and many
    assert few.evidence < 0.5 * few.z
    assert many.evidence > 1.5 * few.evidence


def test_one_event_is_no_evidence_against_a_history_of_zeros() -> None:
    zeros = points([0.0] * 9, 20.0)
    one, five = (score(zeros, Point(2, x, 20.0), "share", 4, 4.0) for x in (1.0, 5.0))
    assert one and five
    assert one.evidence < 2.5 < 4 < five.evidence


def test_a_constant_history_that_changes_is_an_alarm() -> None:
    f = facts()
    for day in f.days:
        f.values["unknown_event_share"][day] = (0.0, 2000.0)
    assert "event_names" not in keys(last(f))
    f.values["unknown_event_share"][f.last] = (40.0, 2000.0)
    assert "event_names" in keys(last(f))


def test_the_same_weekday_counts_more_as_far_as_there_are_such_days() -> None:
    week = [100.0, 100, 100, 100, 100, 200, 200]
    one, eight = (score(points(week * n), Point(5, 200.0), "count", 4, 4.0) for n in (1, 8))
    assert one and eight
    assert 128 < one.expected < 145
    assert eight.expected == pytest.approx((8 * 200 + 4 * 900 / 7) / 12, rel=1e-3)
    plain = score(points(week * 8), Point(5, 200.0), "count", 1e9, 4.0)
    assert plain and abs(eight.z) < plain.z


def test_order_values_are_judged_by_their_logarithms() -> None:
    rng = Random(3)

    def day(shift: float = 0.0) -> Amounts:
        logs = [rng.gauss(6.5, 0.7) + shift for _ in range(20)]
        return Amounts(20, sum(logs), sum(x * x for x in logs))

    history = [day() for _ in range(9)]
    usual, cents = score_amount(history, day(), 4.0), score_amount(history, day(math.log(100)), 4.0)
    assert usual and cents
    assert abs(usual.evidence) < 3
    assert cents.evidence > 6 and cents.change == pytest.approx(99, rel=0.6)
    assert score_amount(history, Amounts(2, 13, 85), 4.0) is None


# --- status -----------------------------------------------------------------------------------------------


def test_healthy_days_go_from_too_little_history_to_green() -> None:
    reports = judge(facts(), CONTRACT, T)
    assert [r.status for r in reports] == [TOO_LITTLE] * T.min_days + [GREEN] * (14 - T.min_days)
    assert all(v.verdict == INSUFFICIENT for v in reports[0].verdicts)


def test_the_fifth_day_of_a_rename_is_as_red_as_the_first() -> None:
    f = facts()
    for day in f.days[-5:]:
        rename(f, day, "client_id", "clientId")
        share(f, "client_id_missing_share_as_tracked", day, 1.0)
    reports = judge(f, CONTRACT, T)[-5:]
    assert {r.status for r in reports} == {RED}
    assert [[a.day_number for a in r.alarms] for r in reports] == [[1], [2], [3], [4], [5]]
    alarm = reports[-1].alarms[0]
    assert (alarm.key, alarm.opened, alarm.last_good) == ("column_renamed:client_id", f.days[-5], f.days[-6])
    assert alarm.verdicts[0].metric.name == "client_id_missing_share_as_tracked"


def test_a_day_without_a_file_does_not_end_an_incident() -> None:
    f = facts()
    for day in f.days[-5:]:
        rename(f, day, "client_id", "clientId")
    del f.files[f.days[-3]]
    assert keys(judge(f, CONTRACT, T)[-3]) == ["no_file"]
    alarm = last(f).alarms[0]
    assert (alarm.key, alarm.opened, alarm.day_number) == ("column_renamed:client_id", f.days[-5], 4)
    assert last(f, acts=[act(ACCEPTED, "column_renamed:client_id", f.days[-4])]).status == "GREEN"


def test_a_lost_column_is_red_even_on_the_first_day() -> None:
    f = facts(1)
    rename(f, f.first, "referrer", None)
    report = last(f)
    assert (report.status, keys(report)) == (RED, ["column_lost:referrer"])


def test_correlated_metrics_are_one_alarm_named_after_the_cause() -> None:
    f = facts()
    for metric in ("records", "page_views", "sessions", "visitors", "signups", "carts", "checkouts"):
        f.values[metric][f.last] = (f.values[metric][f.last][0] * 0.1, None)
    report = last(f)
    assert keys(report) == ["traffic"]
    assert report.alarms[0].verdicts[0].metric.name == "records"
    assert len(report.alarms[0].verdicts) >= 4
    assert report.status == RED


def test_a_small_change_is_not_an_alarm_however_large_its_z() -> None:
    f = facts()
    for day in f.days:
        f.values["bounce_rate"][day] = (800_000.0, 1_000_000.0)
    f.values["bounce_rate"][f.last] = (820_000.0, 1_000_000.0)
    report = last(f)
    verdict = next(v for v in report.verdicts if v.metric.name == "bounce_rate")
    assert verdict.score and verdict.score.z > 30
    assert report.status == GREEN


def test_a_step_becomes_a_change_of_level_until_somebody_accepts_it() -> None:
    f = facts(21)
    for day in f.days[-8:]:
        share(f, "client_id_missing_share", day, 0.08)
    states = [r.alarms[0].state for r in judge(f, CONTRACT, T)[-8:]]
    assert states == ["new", "ongoing", *["level"] * 6]
    acts = [act(ACCEPTED, "identity", f.days[-6])]
    reports = judge(f, CONTRACT, T, acts)[-8:]
    assert [r.status for r in reports] == [YELLOW, YELLOW, *[GREEN] * 6]
    assert [keys(r) for r in reports[2:]] == [
        ["identity"],
        *[[]] * 5,
    ]  # the alarm is reported on its day, but does not count
    assert any(v.metric.name == "client_id_missing_share" for v in reports[3].insufficient)
    share(f, "client_id_missing_share", f.last, 0.2)
    assert keys(last(f, T, acts)) == ["identity"] and last(f, T, acts).alarms[0].day_number == 1


def test_a_planned_change_is_silent_and_leaves_the_baseline() -> None:
    f = facts()
    day = f.days[-2]
    for metric in ("records", "page_views", "sessions", "visitors"):
        f.values[metric][day] = (f.values[metric][day][0] * 6, None)
    t = replace(T, planned=(Planned(day, day, ("traffic",), "spring sale"),))
    before, after = judge(f, CONTRACT, t)[-2:]
    assert (before.status, before.alarms[0].state, before.alarms[0].reason) == (GREEN, "planned", "spring sale")
    assert after.status == GREEN
    assert day not in next(v for v in after.verdicts if v.metric.name == "records").history


def test_a_missing_day_and_an_empty_one() -> None:
    f = facts()
    del f.files[f.last]
    assert (keys(last(f)), last(f).status) == (["no_file"], RED)
    f = facts()
    f.by_hour["events"][f.last] = {}
    assert keys(last(f)) == ["no_events"]
    f.received[f.last] = (15, Decimal("18629.00"))
    f.refusals[f.last] = [Refusal("no readable time", 15, Decimal("18629.00"), False)]
    (alarm,) = last(f).alarms
    assert alarm.key == "no_events" and "no readable time: 15, $18,629.00" in alarm.also[0]


def test_three_dead_hours_in_a_normal_looking_day_are_an_alarm() -> None:
    f = facts()
    for hour in (17, 18, 19):
        del f.by_hour["events"][f.last][hour]
    report = last(f)
    assert keys(report) == ["silent_hours"]
    assert "17:00 to 19:59" in report.alarms[0].text


def test_no_revenue_and_no_paid_revenue() -> None:
    f = facts()
    for day in f.days:
        f.values["orders"][day] = (60.0, None)
        f.values["paid_orders"][day] = (20.0, 60.0)
    f.values["paid_orders"][f.last] = (0.0, 60.0)
    assert keys(last(f)) == ["zero_paid_revenue"]
    assert last(f).status == RED
    f.values["revenue"][f.last] = (0.0, None)
    assert "zero_revenue" in keys(last(f))


def test_a_payload_key_that_is_suddenly_null_needs_no_history() -> None:
    f = facts(2)
    for day in f.days:
        f.values["line_amount_missing_share"][day] = (0.0, 30.0)
    f.values["line_amount_missing_share"][f.last] = (30.0, 30.0)
    assert keys(last(f)) == ["all_null:line_amount_missing_share"]


@pytest.mark.parametrize(
    ("orders", "amount", "severity"),
    [(1, "9.99", None), (2, "9.99", "P1"), (1, "1500", "P1"), (20, "0", "P0"), (1, "15000", "P0")],
)
def test_refused_orders_above_the_contracts_share_are_not_green(orders: int, amount: str, severity: str | None) -> None:
    f = facts()
    f.received[f.last] = (100, Decimal("100000.00"))
    f.refusals[f.last] = [Refusal("no readable time", orders, Decimal(amount), False)]
    report = last(f)
    assert [(a.key, a.severity) for a in report.alarms] == ([("records_refused", severity)] if severity else [])
    if severity:
        worth = f", ${Decimal(amount):,.2f}" if Decimal(amount) else ""
        assert f"no readable time: {orders}{worth}." in report.alarms[0].text


def test_one_cause_of_refused_orders_is_one_alarm() -> None:
    f = facts()
    for day in f.days:
        f.values["held_order_share"][day] = (0.0, 30.0)
    f.values["held_order_share"][f.last] = (30.0, 30.0)
    f.values["revenue"][f.last] = (0.0, None)
    f.received[f.last] = (30, Decimal(0))
    f.refusals[f.last] = [Refusal("no readable amount", 30, Decimal(0), True)]
    (alarm,) = last(f).alarms
    assert (alarm.key, alarm.severity) == ("records_refused", "P0")
    assert "held_order_share" in [v.metric.name for v in alarm.verdicts] and "No revenue was counted." in alarm.also
    rename(f, f.last, "event_data", None)
    (alarm,) = last(f).alarms
    assert (alarm.key, alarm.severity) == ("column_lost:event_data", "P0") and "no readable amount: 30" in alarm.also[0]


def test_a_refused_file_and_an_unread_file() -> None:
    f = facts()
    f.unread[f.last] = [Unread("Copy of events.csv", "its name is not like events_%Y%m%d.csv", False)]
    assert [(a.key, a.severity) for a in last(f).alarms] == [("file_unread:Copy of events.csv", "P1")]
    f.files[f.last] = [replace(f.files[f.last][0], refused="has no readable records")]
    f.by_hour["events"][f.last] = {}
    report = last(f)
    assert keys(report)[0].startswith("file_refused:") and report.status == RED and "no_events" not in keys(report)
    assert "has no readable records" in report.alarms[0].text
    del f.files[f.last]
    f.unread[f.last] += [Unread(f"events_{n}.csv", "it is a second delivery", True) for n in range(2)]
    assert keys(last(f)) == ["no_file", "delivered_twice", "file_unread:Copy of events.csv"]


def test_many_columns_are_one_alarm_and_a_binary_header_is_not() -> None:
    f = facts()
    file = f.files[f.last][0]
    f.files[f.last] = [replace(file, header=(*HEADER, *(f"utm_{n}" for n in range(8)), "PK\x03\x04\x14\x00"))]
    (alarm,) = last(f).alarms
    assert (alarm.key, alarm.severity) == ("column_added:utm_0+8", "P2")
    assert alarm.text.endswith("not in the contract: utm_0, utm_1, utm_2, utm_3, utm_4 and 4 more.")
    f.files[f.last] = [replace(file, header=(*HEADER, "PK\x03\x04\x14\x00"))]
    (alarm,) = last(f).alarms
    assert alarm.text == "The header has a column not in the contract: (not text)."
    f.files[f.last] = [replace(file, header=("PK\x03\x04", "x" * 500), refused="has no usable records")]
    (alarm,) = last(f).alarms
    assert alarm.key == f"file_refused:{file.name}" and alarm.text.endswith("names no column of the contract.")


def test_differences_are_put_into_words() -> None:
    f = facts()
    share(f, "client_id_missing_share", f.last, 0.4)
    f.values["checkouts"][f.last] = (0.0, None)
    found = {v.metric.name: change(v, f.currency) for v in last(f).verdicts}
    assert found["client_id_missing_share"].startswith("more events without an id than expected: 40.0% instead of ")
    assert found["checkouts"].startswith("fewer checkout starts than expected: 0 instead of ")
    assert found["order_amount"].startswith(
        ("higher order value than expected: $", "lower order value than expected: $")
    )
    assert [capital(text) for text in ("more orders", "e-mail sign-ups", "events_1.csv has nothing")] == [
        "More orders", "E-mail sign-ups", "events_1.csv has nothing",
    ]  # fmt: skip
    assert place("browser", "Mobile Safari", 0.9) == "mostly in Mobile Safari (90% of it)"
    assert place("section", "/", 1.4) == "mostly on the home page (100% of it)"
    assert place("device", "Mobile\x1b[31m", 0.5) == "mostly on Mobile?[31m devices (50% of it)"
    assert [percent(x) for x in (0, 0.00001, 0.0123, 0.5, 1)] == ["0%", "<0.01%", "1.23%", "50.0%", "100%"]
    assert name_of("all_null:line_amount_missing_share", T) == "values missing (order lines without an amount)"
    assert (name_of("identity", T), name_of("column_lost:referrer", T)) == (
        "events without an id",
        "column lost (referrer)",
    )


def test_a_truncated_file_is_red_unless_most_files_end_like_that() -> None:
    f = facts()
    f.truncated[f.last] = ["events.csv"]
    for hour in range(17, 24):
        del f.by_hour["events"][f.last][hour]
    (alarm,) = last(f).alarms
    assert (alarm.key, alarm.severity) == ("file_truncated:events.csv", "P0")
    assert "No events from 17:00 to 23:59" in alarm.text
    for day in f.days[4:]:
        f.truncated[day] = ["events.csv"]
    assert keys(last(f)) == ["silent_hours"]


@pytest.mark.parametrize(
    ("count", "limit", "expected"), [(1, None, ["P0"]), (9, Limit(rows=9), []), (9, Limit(0.9), [])]
)
def test_a_time_that_cannot_be_read_is_red_beyond_the_contracts_limit(
    count: int, limit: Limit | None, expected: list[str]
) -> None:
    f = facts()
    f.unreadable_times[f.last] = count
    rule = ContractRule("timestamp_unparseable", None, None, limit, None)
    contract = replace(CONTRACT, rules=(*CONTRACT.rules, rule)) if limit else CONTRACT
    found = judge(f, contract, T)[-1].alarms
    assert [a.severity for a in found if a.key == "times_unreadable"] == expected


def test_the_growing_day_is_compared_with_the_same_hours() -> None:
    f = facts()
    f.hours = 12
    for hour in (3, 4, 5, 6, 7, 8):
        del f.by_hour["events"][f.last][hour]
    assert "silent_hours" in keys(last(f))
    f.hours = 3
    assert not keys(last(f))


def test_an_unfinished_day_long_after_the_last_file_is_not_green() -> None:
    f = facts()
    f.hours, end = 12, f.last
    f.last = end + timedelta(days=T.history_days)
    assert keys(last(f)) == ["silent_hours"]
    f.last += timedelta(days=1)
    assert (keys(last(f)), last(f).status) == (["no_file"], RED)
    assert last(f).alarms[0].text == f"No file has arrived since the one for {day_words(end)}, 57 days ago."


# --- words ------------------------------------------------------------------------------------------------


def test_each_metric_has_the_smallest_change_that_it_detects() -> None:
    report = last(facts())
    verdicts = report.verdicts
    detected = {v.metric.name: sees(v) for v in verdicts}
    orders = next(v for v in verdicts if v.metric.name == "orders")
    assert orders.score
    words = detected["orders"].removeprefix("detects -")
    if words != detected["orders"]:
        fall = int(words.split("%")[0])
        sd = (orders.score.value - orders.score.expected) / orders.score.z
        assert fall / 100 * orders.score.expected > orders.metric.limit * sd * 0.99
    assert all(text.startswith("detects ") for text in detected.values())
    assert len(metrics_table(report, 80)) == len(verdicts) + 1


def test_the_status_is_the_first_word() -> None:
    for report in judge(facts(6), CONTRACT, T):
        assert headline(report).startswith(report.status)
    assert "INSUFFICIENT HISTORY" in headline(judge(facts(1), CONTRACT, T)[0])


def test_the_headline_names_the_worst_alarm_with_or_without_money() -> None:
    f = facts()
    rename(f, f.last, "client_id", "clientId")
    assert last(f).alarms[0].at_stake is None
    assert headline(last(f)).endswith(" metrics judged. The column client_id arrives as clientId.")


def test_the_settings_read_the_same_without_the_c_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thresholds, "LOADER", yaml.SafeLoader)
    assert load_thresholds(HERE / "thresholds.yaml") == SHIPPED


def test_settings_of_the_previous_version_still_work(tmp_path: Path) -> None:
    text = (HERE / "thresholds.yaml").read_text("utf-8")
    for old, new in RENAMED.items():
        text = text.replace(f"{new}:", f"{old}:")
    path = tmp_path / "thresholds.yaml"
    path.write_text("".join(line for line in text.splitlines(True) if "records_refused:" not in line), "utf-8")
    found = load_thresholds(path)
    assert replace(found, notes=()) == SHIPPED
    assert len(found.notes) == len(RENAMED) + 1 and all(str(path) in note for note in found.notes)


MISTAKES = [
    ("kind: count", "kind: sum", "kind 'sum' is not one of"),
    ("watch: up, impact: day, label: unr", "watch: upwards, impact: day, label: unr", "watch must be both, up"),
    ('  sources: ["Compare the', '  source: ["Compare the', "runbooks: sources needs three steps"),
    ("  sources: [attribution]", "  sources: [atribution]", "'atribution' is not a group of metrics"),
    ("layer: pipeline, group: traffic", "layer: pipeline, grup: traffic", "group"),
    ("min_days: 4", "min_days: 1", "min_days must be at least 2"),
    ("history_days: 56", "", "'history_days' is missing"),
    ('checkouts: ["Start a check', 'checkouts: [Start: a "check", "', "runbooks: checkouts needs three steps"),
    ("planned: []", "planned: [{from: soon, until: later, keys: [], reason: x}]", "planned"),
    ("planned: []", "planned: [{keys: all, reason: x}]", "needs from and until, or weekdays"),
    ("planned: []", "planned: [{weekdays: [sun], keys: all, reason: x}]", "'sun' is not a weekday; the weekdays are "),
    ("planned: []", "planned: [{form: 2025-05-01, weekdays: [sunday], keys: all, reason: x}]", "'form' is not a key"),
    ("planned: []", "planned: [{from: 2025-05-03, until: 2025-05-01, keys: [], reason: x}]", "is after until"),
    (
        "planned: []",
        "planned: [{from: 2025-05-01, until: 2025-05-01, keys: [trafic], reason: x}]",
        "'trafic' is neither",
    ),
    ("planned: []", "planned: [{from: 2025-02-30, until: 2025-05-01, keys: all, reason: x}]", "has a day or number"),
    (
        "planned: []",
        "planned: [{from: 2025-05-01 10:00:00, until: 2025-05-02, keys: all, reason: x}]",
        "must be days such",
    ),
    ("planned: []", "planned: [{weekdays: sunday, keys: [], reason: x}]", "needs keys"),
    ("planned: []", "planned: [{weekdays: sunday, keys: trafic, reason: x}]", "'trafic' is neither"),
    ("planned: []", "planned: [{weekdays: sunday, keys: all, reason: }]", "needs a reason"),
    ("planned: []", "planned: [sale]", "an entry has the form .*, not 'sale'"),
    ("planned: []", "planned: sale", "an entry has the form .*, not 'sale'"),
    ("planned: []", "planned: {from: 2025-05-01}", "planned is a list"),
    ("weekday_weight: 4", "weekday_weight: 0", "weekday_weight must be a number above 0"),
    ("limit: 3.6", "limit: .nan", "limit must be a number above 0"),
    ("min_change: 0.35, urgent: 0.8", "min_change: much, urgent: 0.8", "min_change must be a number above 0"),
]


@pytest.mark.parametrize("names", ["[Saturday, sunday]", "[SATURDAY, Sunday]"])
def test_the_example_of_a_planned_change_is_accepted(tmp_path: Path, names: str) -> None:
    path = tmp_path / "thresholds.yaml"
    text = (HERE / "thresholds.yaml").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("planned: []")]
    at = lines.index("# planned:")
    lines[at : at + 3] = [line[2:].replace("[Saturday, Sunday]", names) for line in lines[at : at + 3]]
    path.write_text("\n".join(lines), "utf-8")
    assert [one.weekdays for one in load_thresholds(path).planned] == [(), (5, 6)]


@pytest.mark.parametrize(("old", "new", "said"), MISTAKES)
def test_a_mistake_in_the_settings_is_one_sentence(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "thresholds.yaml"
    text = (HERE / "thresholds.yaml").read_text("utf-8")
    assert old in text, "the case no longer fits"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ThresholdsError, match=said) as error:
        load_thresholds(path)
    assert "\n" not in str(error.value)
