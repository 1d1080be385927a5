"""Test a message's content: new, worse and lasting incidents since the messages before, and recovered ones."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from commands import MONITOR
from monitor_kit import DAY, NOW, alarm
from monitoring.alarms import Alarm, DayReport
from monitoring.incidents import UNSEEN, WELL, IncidentDay
from monitoring.notification import Update, update_since
from monitoring.slack_message import message
from monitoring.storage import Notice
from monitoring.thresholds import load_thresholds
from monitoring.wording import MOST_EARLIER, Advice, earlier_days

T = load_thresholds(MONITOR.with_name("thresholds.yaml"))


def since(alarms: list[Alarm], before: list[Notice], days: int = 1, now: datetime = NOW, day: date = DAY) -> Update:
    return update_since(DayReport(day, alarms, []), before, now, days)


def keys(alarms: Sequence[Alarm]) -> list[str]:
    return [a.key for a in alarms]


def test_an_exact_repeat_is_not_sent_twice_not_even_a_p0() -> None:
    first = since([alarm("a", "P0"), alarm("b")], [])
    assert keys(first.news) == ["a", "b"] and not first.reminders
    assert not since([alarm("a", "P0"), alarm("b")], list(first.notices), now=NOW + timedelta(days=9))


def test_lasting_p0s_are_sent_each_day_and_others_by_the_calendar() -> None:
    first = since([alarm("a", "P0"), alarm("b")], [])
    tomorrow = DAY + timedelta(days=1)
    again = [alarm("a", "P0", day=tomorrow, day_number=2), alarm("b", day=tomorrow, day_number=2)]
    sooner = NOW + timedelta(hours=23, minutes=59)  # cron is never exact
    for days, due in ((1, ["a", "b"]), (2, ["a"])):
        found = since(again, list(first.notices), days, sooner, tomorrow)
        assert keys(found.reminders) == due and not found.news
    same_day = NOW + timedelta(hours=16)  # 23:00 UTC, where the shop's next day has begun
    assert keys(since(again, list(first.notices), 1, same_day, tomorrow).reminders) == ["a"]
    abroad = DayReport(tomorrow, again, [], time_zone="Europe/Berlin")
    assert keys(update_since(abroad, list(first.notices), same_day, 1).reminders) == ["a", "b"]


def test_a_worse_incident_is_sent_and_a_new_level_once() -> None:
    first = since([alarm("a")], [])
    tomorrow = DAY + timedelta(days=1)
    worse = since([alarm("a", "P0", day=tomorrow)], list(first.notices), day=tomorrow)
    assert [a.severity for a in worse.news] == ["P0"]
    level = since([alarm("a", day=tomorrow, state="level")], list(first.notices), day=tomorrow)
    assert keys(level.news) == ["a"]
    after = tomorrow + timedelta(days=1)
    much_later = NOW + timedelta(days=9)
    assert not since([alarm("a", day=after, state="level")], list(level.notices), now=much_later, day=after)


def test_a_recovery_is_sent_once_and_only_for_a_whole_day() -> None:
    before = list(since([alarm("a")], []).notices)
    tomorrow = DAY + timedelta(days=1)
    assert not update_since(DayReport(tomorrow, [], []), before, NOW, 1, whole_day=False)
    found = since([], before, day=tomorrow)
    assert [n.key for n in found.recovered] == ["a"]
    assert not since([], list(found.notices), day=tomorrow + timedelta(days=1))


def test_nothing_recovers_before_its_incident_has_ended() -> None:
    before = list(since([alarm("orders"), alarm("sources")], []).notices)
    tomorrow = DAY + timedelta(days=1)
    report = DayReport(tomorrow, [], [])
    for key, verdict, is_closing in (("orders", UNSEEN, False), ("sources", WELL, True)):
        report.incident_days.append(IncidentDay(tomorrow, key, DAY, False, verdict, is_closing, None, ()))
    assert [n.key for n in update_since(report, before, NOW, 1).recovered] == ["sources"]


def test_no_message_is_sent_about_what_is_known_and_being_fixed() -> None:
    before = list(since([alarm("a", "P0")], []).notices)
    tomorrow, later = DAY + timedelta(days=1), NOW + timedelta(days=1)
    known = alarm("a", "P0", day=tomorrow, day_number=2, state="acknowledged")
    assert not since([known], before, now=later, day=tomorrow)
    expired = alarm("a", "P0", day=tomorrow, day_number=2, state="ongoing")
    assert since([expired], before, now=later, day=tomorrow).reminders


def test_days_that_were_judged_late_are_a_message_even_if_nothing_is_open() -> None:
    lost = alarm("column_lost:referrer", "P0", text="The column referrer is missing.")
    late = DayReport(DAY, [lost], [], note="delivered late")
    update = update_since(DayReport(DAY + timedelta(days=1), [], []), [], NOW, 1, earlier=[late])
    assert update and not update.news
    shown = message(DayReport(DAY + timedelta(days=1), [], []), update, T, Advice())
    for text in (shown["blocks"][1]["text"]["text"], shown["text"]):
        assert "4 March 2025, delivered late: RED. The column referrer is missing." in text


def test_earlier_days_in_the_same_state_are_one_line() -> None:
    def late(number: int, *alarms: Alarm, note: str = "not judged until now") -> DayReport:
        return DayReport(DAY + timedelta(days=number), list(alarms), [], note=note)

    lost, ids = alarm("column_lost:referrer", "P0"), alarm("identity", "P0")
    assert earlier_days([late(0, ids), late(1, ids, lost), late(2, ids), late(3, lost, note="files changed")], T) == [
        "4 to 6 March 2025, not judged until now: RED. Events without an id; column lost (referrer), 5 March.",
        "7 March 2025, files changed: RED. fewer.",
    ]
    assert earlier_days([late(0, lost), late(1, lost), late(3, lost)], T)[0].startswith("4 and 5 March 2025, ")
    (run,) = earlier_days([late(0, lost, ids), late(1, lost), late(2, lost, ids)], T)
    assert run.endswith("RED. Column lost (referrer); events without an id, 2 days from 4 to 6 March.")
    alike = alarm("column_lost:referrer", "P0")  # another alarm in the same words
    (run,) = earlier_days([late(0, lost, alike), late(1, lost, alike), late(2, ids)], T)
    assert run.endswith("RED. Column lost (referrer), 4 and 5 March; events without an id, 6 March.")
    known = alarm("identity", "P0", state="acknowledged")
    (run,) = earlier_days([late(0, lost, known), late(1, lost, known)], T)
    assert run.endswith("RED. Column lost (referrer); events without an id (acknowledged).")
    assert earlier_days([late(0, known)], T) == ["4 March 2025, not judged until now: RED. fewer (acknowledged)."]
    alternating = [late(number, lost, note="ab"[number % 2]) for number in range(MOST_EARLIER + 3)]
    assert earlier_days(alternating, T)[0] == "Not listed here: 3 earlier days since 4 March 2025."


def test_an_earlier_day_is_no_message_if_its_alarms_are_acknowledged() -> None:
    today, known = DayReport(DAY + timedelta(days=1), [], []), alarm("no_file", "P0", state="acknowledged")
    assert not update_since(today, [], NOW, 1, earlier=[DayReport(DAY, [known], [])])
    assert update_since(today, [], NOW, 1, earlier=[DayReport(DAY, [known, alarm("orders")], [])])
    assert update_since(today, [], NOW, 1, earlier=[DayReport(DAY, [], [], note="delivered late")])  # bad before
