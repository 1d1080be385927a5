"""What a message says: what is new, worse or lasting since the messages before, and what recovered."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from monitor_kit import DAY, NOW, alarm
from monitoring.alarms import Alarm, DayReport
from monitoring.notification import Update, update_since
from monitoring.storage import Notice


def since(alarms: list[Alarm], before: list[Notice], days: int = 1, now: datetime = NOW, day: date = DAY) -> Update:
    return update_since(DayReport(day, alarms, []), before, now, days)


def keys(alarms: Sequence[Alarm]) -> list[str]:
    return [a.key for a in alarms]


def test_an_exact_repeat_is_not_told_twice_not_even_a_p0() -> None:
    first = since([alarm("a", "P0"), alarm("b")], [])
    assert keys(first.news) == ["a", "b"] and not first.reminders
    assert not since([alarm("a", "P0"), alarm("b")], list(first.notices), now=NOW + timedelta(days=9))


def test_what_lasts_is_reminded_of_a_p0_each_day_and_others_by_the_calendar() -> None:
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


def test_worse_is_told_and_a_level_once() -> None:
    first = since([alarm("a")], [])
    tomorrow = DAY + timedelta(days=1)
    worse = since([alarm("a", "P0", day=tomorrow)], list(first.notices), day=tomorrow)
    assert [a.severity for a in worse.news] == ["P0"]
    level = since([alarm("a", day=tomorrow, state="level")], list(first.notices), day=tomorrow)
    assert keys(level.news) == ["a"]
    after = tomorrow + timedelta(days=1)
    much_later = NOW + timedelta(days=9)
    assert not since([alarm("a", day=after, state="level")], list(level.notices), now=much_later, day=after)


def test_a_recovery_is_told_once_and_only_of_a_whole_day() -> None:
    before = list(since([alarm("a")], []).notices)
    tomorrow = DAY + timedelta(days=1)
    assert not update_since(DayReport(tomorrow, [], []), before, NOW, 1, whole_day=False)
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
