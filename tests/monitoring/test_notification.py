"""What a message says: what is new, worse or lasting since the messages before, and what recovered."""

from datetime import date, datetime, timedelta

from monitor_kit import DAY, NOW, alarm
from monitoring.alarms import Alarm, DayReport
from monitoring.notification import Update, update_since
from monitoring.storage import Notice


def since(alarms: list[Alarm], before: list[Notice], hours: float = 24, now: datetime = NOW, day: date = DAY) -> Update:
    return update_since(DayReport(day, alarms, []), before, now, hours)


def test_an_exact_repeat_is_not_told_twice_not_even_a_p0() -> None:
    first = since([alarm("a", "P0"), alarm("b")], [])
    assert [a.key for a in first.alarms] == ["a", "b"]
    assert not since([alarm("a", "P0"), alarm("b")], list(first.notices), now=NOW + timedelta(days=9))


def test_a_p0_is_told_each_day_and_another_after_renotify_hours() -> None:
    first = since([alarm("a", "P0"), alarm("b")], [])
    tomorrow, later = DAY + timedelta(days=1), NOW + timedelta(hours=23)
    again = [alarm("a", "P0", day=tomorrow, day_number=2), alarm("b", day=tomorrow, day_number=2)]
    assert [a.key for a in since(again, list(first.notices), 24, later, tomorrow).alarms] == ["a"]
    assert [a.key for a in since(again, list(first.notices), 20, later, tomorrow).alarms] == ["a", "b"]


def test_worse_is_told_and_a_level_once() -> None:
    first = since([alarm("a")], [])
    tomorrow = DAY + timedelta(days=1)
    worse = since([alarm("a", "P0", day=tomorrow)], list(first.notices), day=tomorrow)
    assert [a.severity for a in worse.alarms] == ["P0"]
    level = since([alarm("a", day=tomorrow, state="level")], list(first.notices), day=tomorrow)
    assert level
    after = tomorrow + timedelta(days=1)
    much_later = NOW + timedelta(days=9)
    assert not since([alarm("a", day=after, state="level")], list(level.notices), now=much_later, day=after)


def test_a_recovery_is_told_once_and_only_of_a_whole_day() -> None:
    before = list(since([alarm("a")], []).notices)
    tomorrow = DAY + timedelta(days=1)
    assert not update_since(DayReport(tomorrow, [], []), before, NOW, 24, whole_day=False)
    found = since([], before, day=tomorrow)
    assert [n.key for n in found.recovered] == ["a"]
    assert not since([], list(found.notices), day=tomorrow + timedelta(days=1))


def test_what_cannot_be_seen_has_not_recovered() -> None:
    before = list(since([alarm("column_renamed:id"), alarm("sources")], []).notices)
    tomorrow = DAY + timedelta(days=1)
    for unseen in ("no_file", "no_events", "file_refused"):
        assert not since([alarm(unseen, day=tomorrow)], before, day=tomorrow).recovered
    lost = alarm("column_lost:referrer", day=tomorrow)
    lost.suppresses = ("sources", "attribution")
    assert [n.key for n in since([lost], before, day=tomorrow).recovered] == ["column_renamed:id"]
