"""The life of an incident, day by day, on facts made by hand."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from commands import MONITOR, SCHEMA
from monitor_kit import NOW, act
from monitoring.alarms import GREEN, RED, YELLOW, DayReport
from monitoring.detection import judge, judge_days, reference_days
from monitoring.incidents import ACCEPTED, ACKNOWLEDGED, BAD, LINGERING, UNDONE, UNSEEN, WELL
from monitoring.metrics import Facts, File, UntrackedHours
from monitoring.storage import History
from monitoring.thresholds import Planned, load_thresholds
from monitoring.wording import day_words, finished, name_of
from shops import healthy

from event_data.contract import load_contract

T = load_thresholds(MONITOR.with_name("thresholds.yaml"))
CONTRACT = load_contract(SCHEMA)
LOST = "client_id_missing_share"


def facts(days: int, seed: int = 5) -> Facts:
    """Return the days of one healthy shop, the same every time; no id is ever missing by chance."""
    found = healthy(seed, days, CONTRACT)
    for day in found.days:
        found.values[LOST][day] = (0.01 * records(found, day), records(found, day))
    return found


def records(f: Facts, day: date) -> float:
    return float(f.values["records"][day][0])


def lose_ids(f: Facts, *days: date, share: float = 0.35) -> None:
    for day in days:
        f.values[LOST][day] = (share * records(f, day), records(f, day))


def rename(f: Facts, *days: date) -> None:
    for day in days:
        (file,) = f.files[day]
        header = tuple("clientId" if name == "client_id" else name for name in file.header)
        f.files[day] = [File(file.name, header, file.records, file.content_hash)]


def scale(f: Facts, day: date, factor: float, *metrics: str) -> None:
    for metric in metrics:
        f.values[metric][day] = (round(f.values[metric][day][0] * factor), None)


def numbers(reports: list[DayReport], key: str) -> list[int]:
    """Return the alarm's number on each day; 0 where there is none."""
    return [next((a.day_number for a in r.alarms if a.key == key), 0) for r in reports]


def verdicts(reports: list[DayReport], key: str) -> list[str]:
    """Return the verdicts of an incident's days, and when it is closed."""
    return [d.verdict + " closes" * d.is_closing for r in reports for d in r.incident_days if d.key == key]


def test_a_lasting_loss_is_an_alarm_on_every_day_however_long_it_lasts() -> None:
    f = facts(110)
    bad = f.days[20:100]
    lose_ids(f, *bad)
    reports = judge(f, CONTRACT, T)
    assert numbers(reports[20:], "identity") == [*range(1, 81), *[0] * 10]
    assert {r.alarms[0].opened for r in reports[20:100]} == {bad[0]}
    assert verdicts(reports, "identity") == [BAD] * 80 + [WELL, f"{WELL} closes"]
    (verdict,) = (v for v in reports[-1].verdicts if v.metric.name == LOST)
    assert not set(bad) & set(verdict.history) and min(verdict.history) < bad[0]


def test_it_ends_before_two_days_judged_well_and_a_missing_day_is_neither() -> None:
    f = facts(24)
    lose_ids(f, f.days[14], f.days[16], f.days[18])
    f.files.pop(f.days[20])
    reports = judge(f, CONTRACT, T)
    assert verdicts(reports, "identity") == [BAD, WELL, BAD, WELL, BAD, WELL, UNSEEN, f"{WELL} closes"]
    assert numbers(reports[14:19], "identity") == [1, 0, 2, 0, 3]
    assert reports[15].unfinished == reports[19].unfinished == ("identity",) and reports[21].unfinished == ()
    ended = [("identity", f.days[14]), ("no_file", f.days[20])]
    words = "; ".join(f"{name_of(key, T)}, which began on {day_words(day, day)}" for key, day in ended)
    assert [finished(report, T) for report in reports[20:]] == ["", words, "", ""]


def test_a_day_without_a_verdict_is_never_a_good_one() -> None:
    f = facts(24)
    lose_ids(f, *f.days[14:17])
    for day in f.days[17:22]:
        f.values[LOST].pop(day)
    reports = judge(f, CONTRACT, T)
    assert verdicts(reports, "identity") == [BAD] * 3 + [UNSEEN] * 5 + [WELL, f"{WELL} closes"]


def test_what_a_greater_fault_hides_has_not_recovered() -> None:
    f = facts(24)
    lose_ids(f, *f.days[14:17])
    for day in f.days[17:20]:
        (file,) = f.files[day]
        f.files[day] = [replace(file, header=tuple(n for n in file.header if n != "client_id"))]
    f.files[f.days[20]] = [replace(f.files[f.days[20]][0], refused="is a spreadsheet")]
    reports = judge(f, CONTRACT, T)
    assert verdicts(reports, "identity") == [BAD] * 3 + [UNSEEN] * 4 + [WELL, f"{WELL} closes"]
    assert verdicts(reports, "column_lost:client_id") == [BAD] * 3 + [UNSEEN, f"{WELL} closes"]


def test_a_day_nearer_to_the_incident_than_to_the_usual_is_not_well() -> None:
    """Orders that fall by half vary about the limit; what is within it is no recovery."""
    f = facts(18)
    for day in f.days:
        f.values["orders"][day] = (60.0 + day.day % 5, None)
        f.values["conversion"][day] = (60.0, 7000.0)
    for day in f.days[8:]:
        f.values["orders"][day] = (24.0, None)
    f.values["orders"][f.days[10]] = f.values["orders"][f.days[11]] = (40.0, None)
    reports = judge(f, CONTRACT, T)
    assert verdicts(reports, "orders") == [BAD, BAD, LINGERING, LINGERING, *[BAD] * 6]
    assert reports[10].unfinished == ("orders",)


def test_a_rule_ends_with_one_good_day_and_a_later_failure_is_a_new_incident() -> None:
    f = facts(20)
    rename(f, f.days[10], f.days[11], f.days[13])
    reports = judge(f, CONTRACT, T)
    assert numbers(reports[10:14], "column_renamed:client_id") == [1, 2, 0, 1]
    assert verdicts(reports, "column_renamed:client_id") == [BAD, BAD, f"{WELL} closes", BAD, f"{WELL} closes"]


def test_a_bad_day_that_was_worse_by_chance_is_not_over_while_half_of_it_lasts() -> None:
    """A share of 20 % shows up first on a day with 45 %; days with 20 % are nearer to it than to the usual 1 %."""
    f = facts(40)
    for day in f.days:
        f.values["orders"][day], f.values["conversion"][day] = (40.0, None), (40.0, 4000.0)
        f.values["held_order_share"][day] = (float(day.day % 7 == 0), 40.0)
    for number, day in enumerate(f.days[30:]):
        f.values["held_order_share"][day] = ((18.0, 5.0, 4.0, 6.0, 3.0, 5.0, 0.0, 0.0, 1.0, 0.0)[number], 40.0)
    found = verdicts(judge(f, CONTRACT, T), "order_payload")
    assert found[0] == BAD and not any(v.startswith(WELL) for v in found[:6])
    assert found[-1] == f"{WELL} closes" or "closes" in found[-2]


@pytest.mark.parametrize(("part", "is_over"), [(1.0, True), (0.4, False)])
def test_hours_without_events_are_over_only_when_their_events_are_back(part: float, is_over: bool) -> None:
    f = facts(20)
    for day in f.days:
        f.by_hour["events"][day] = dict.fromkeys(range(24), (60.0 + day.day % 3, None))
    for day, kept in ((f.days[15], 0.0), (f.days[16], part)):
        for hour in (12, 13):
            f.by_hour["events"][day][hour] = (60.0 * kept, None)
    found = verdicts(judge(f, CONTRACT, T)[:17], "silent_hours")
    assert found == [BAD, f"{WELL} closes" if is_over else LINGERING]


@pytest.mark.parametrize(("paid", "is_over"), [(9.0, True), (4.0, False)])
def test_paid_revenue_is_not_back_with_the_first_paid_order(paid: float, is_over: bool) -> None:
    f = facts(20)
    for day in f.days:
        f.values["paid_orders"][day] = (10.0 + day.day % 3 - 1, 40.0)
    f.values["paid_orders"][f.days[15]] = (0.0, 40.0)
    f.values["paid_orders"][f.days[16]] = f.values["paid_orders"][f.days[17]] = (paid, 40.0)
    found = verdicts(judge(f, CONTRACT, T)[:18], "zero_paid_revenue")
    assert found == [BAD, LINGERING, f"{WELL} closes" if is_over else LINGERING]


@pytest.mark.parametrize(("tracked", "is_over"), [(39.0, True), (24.0, False)])
def test_untracked_hours_are_over_only_when_the_day_is_tracked_as_usual(tracked: float, is_over: bool) -> None:
    f = facts(20)
    for day in f.days:
        f.values["tracking_coverage"][day] = (39.0 - day.day % 2, 40.0)
    bad, after = f.days[15], f.days[16]
    f.untracked_hours[bad] = [UntrackedHours(9, 14, 20, Decimal(900))]
    f.values["tracking_coverage"][bad], f.values["tracking_coverage"][after] = (18.0, 40.0), (tracked, 40.0)
    found = verdicts(judge(f, CONTRACT, T)[:17], "hours_not_tracked")
    assert found[0] == BAD and (found[1] == f"{WELL} closes") is is_over


def test_what_is_known_and_being_fixed_keeps_its_status_until_its_day() -> None:
    f = facts(24)
    lose_ids(f, *f.days[14:20])
    acts = [act(ACKNOWLEDGED, "identity", f.days[15], until=f.days[17])]
    silent, plain = judge(f, CONTRACT, T, acts), judge(f, CONTRACT, T)
    assert [r.status for r in silent] == [r.status for r in plain]
    states = [r.alarms[0].state for r in silent[14:20]]
    assert states == ["new", "acknowledged", "acknowledged", "acknowledged", "level", "level"]
    assert verdicts(silent, "identity") == verdicts(plain, "identity")


@pytest.mark.parametrize("kind", [ACKNOWLEDGED, ACCEPTED])
def test_a_repaired_fault_does_not_hide_the_next_one(kind: str) -> None:
    f = facts(60)
    lose_ids(f, *f.days[14:30], *f.days[40:50])
    rename(f, *f.days[14:30], *f.days[40:50])
    acts = [act(kind, key, f.days[16]) for key in ("identity", "column_renamed:client_id")]
    reports = judge(f, CONTRACT, T, acts)
    for key in ("identity", "column_renamed:client_id"):
        again = [a for r in reports[40:50] for a in r.alarms if a.key == key]
        assert [a.day_number for a in again] == list(range(1, 11)), key
        assert not any(a.act for a in again) and {a.opened for a in again} == {f.days[40]}


def test_incidents_after_an_accepted_level_leave_the_baseline_as_before() -> None:
    f = facts(60)
    lose_ids(f, *f.days[14:], share=0.1)
    lose_ids(f, *f.days[30:44], share=0.5)
    reports = judge(f, CONTRACT, T, [act(ACCEPTED, "identity", f.days[16])])
    assert numbers(reports[17:46], "identity") == [0] * 13 + list(range(1, 15)) + [0, 0]
    assert reports[20].levels == ("identity",) and reports[20].status == GREEN


def test_accepting_one_alarm_raises_no_other_of_the_same_cause() -> None:
    f = facts(30)
    for day in f.days[20:]:
        scale(f, day, 0.15, "records", "page_views", "sessions", "visitors", "signups", "carts", "checkouts", "orders")
    before, after = judge(f, CONTRACT, T), judge(f, CONTRACT, T, [act(ACCEPTED, "traffic", f.days[22])])
    assert {a.key for r in before[20:] for a in r.alarms} == {"traffic"}
    assert [a.state for a in after[22].alarms] == ["accepted"]
    assert [a.key for r in after[23:] for a in r.alarms] == []


def test_a_decision_can_be_taken_back() -> None:
    f = facts(40)
    lose_ids(f, *f.days[14:])
    acts = [act(ACCEPTED, "identity", f.days[16]), act(UNDONE, "identity", f.days[20])]
    reports = judge(f, CONTRACT, T, acts)
    assert [bool(r.active) for r in reports[14:24]] == [True, True, False, False, False, False, *[True] * 4]
    assert reports[-1].alarms[0].opened == f.days[14]


def test_planned_alarms_may_be_of_weekdays_and_of_every_kind() -> None:
    f = facts(42)
    for day in f.days[21:]:
        if day.weekday() >= 5:
            scale(f, day, 0.02, "records", "page_views", "sessions", "visitors", "orders", "carts")
    weekend = Planned(date.min, date.max, ("all",), "working days only", (5, 6))
    plain, planned = (judge(f, CONTRACT, t) for t in (T, replace(T, planned=(weekend,))))
    saturdays = [n for n in range(21, 42) if f.days[n].weekday() == 5]
    assert {plain[n].status for n in saturdays} == {RED} and {planned[n].status for n in saturdays} == {GREEN}
    assert {a.state for n in saturdays for a in planned[n].alarms} == {"planned"}
    assert {r.status for r in planned[5:]} == {GREEN}


def test_a_file_missing_for_long_is_one_sentence() -> None:
    f = facts(20)
    f.last += timedelta(days=40)
    alarm = judge(f, CONTRACT, T)[-1].alarms[0]
    assert (alarm.key, alarm.opened) == ("no_file", f.days[20])
    assert alarm.text == f"No file has arrived since the one for {day_words(f.days[19])}, 40 days ago."


def everything(f: Facts) -> None:
    """Return facts with all that makes a state: an outage, a rename, missing files, a day that lingers."""
    lose_ids(f, *f.days[14:40], f.days[45])
    rename(f, *f.days[20:30])
    for number in (33, 41, 42):
        f.files.pop(f.days[number])
    scale(f, f.days[50], 0.1, "records", "page_views", "sessions", "visitors")


def split(f: Facts, path: Path) -> list[DayReport]:
    """Judge each day in a run of its own, from what the history has kept and the facts of few days."""
    reports = []
    for day in f.days:
        with History(path) as history:
            state = history.state_before(day, [d for d in f.days if d < day and f.has(d)])
            needed = {day, *reference_days(day, T, state)}
            some = replace(f, last=day, days_read=frozenset(needed))
            some.values = {m: {d: v for d, v in of.items() if d in needed} for m, of in f.values.items()}
            some.amounts = {d: a for d, a in f.amounts.items() if d in needed}
            (report,) = judge_days(some, [day], CONTRACT, T, state)
            history.record(report, 24, NOW)
        reports.append(report)
    return reports


def test_days_judged_one_by_one_are_as_in_a_replay(tmp_path: Path) -> None:
    f = facts(56)
    everything(f)
    replay, single = judge(f, CONTRACT, T), split(f, tmp_path / "h.sqlite")
    assert [(r.status, r.alarms, r.verdicts, r.incident_days) for r in single] == [
        (r.status, r.alarms, r.verdicts, r.incident_days) for r in replay
    ]
    assert {YELLOW, RED, GREEN} <= {r.status for r in replay}
