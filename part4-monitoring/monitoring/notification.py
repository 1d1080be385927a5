"""Decide what a message says: new or worse alarms in full, open ones in a line, what has ended, and nothing twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from monitoring.alarms import Alarm, DayReport
from monitoring.storage import Notice


@dataclass(frozen=True)
class Update:
    """The alarms, recoveries and earlier days of one message, and the notices to keep once it is sent.

    `news` are sent in full; `reminders` were sent before and are due again.
    """

    news: tuple[Alarm, ...]
    reminders: tuple[Alarm, ...]
    recovered: tuple[Notice, ...]
    notices: tuple[Notice, ...]
    earlier: tuple[DayReport, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.news or self.reminders or self.recovered or self.earlier)


def update_since(
    report: DayReport, before: Sequence[Notice], now: datetime, remind_days: int, whole_day: bool = True,
    earlier: Sequence[DayReport] = (),
) -> Update:  # fmt: skip
    """Return what is new in a report since the notices that were sent before; `earlier` days were judged late.

    Acknowledged alarms are left out, and so are earlier days that have no others. Nothing recovers on a day that is
    still being written, or before its incident has ended.
    """
    open_notices = {n.key: n for n in before if n.state != "recovered"}
    today = _local_day(now, report.time_zone)
    news, reminders = [], []
    for alarm in (a for a in report.active if not a.is_known):
        last = open_notices.get(alarm.key)
        if last is None or _is_news(alarm, last):
            news.append(alarm)
        elif _is_due(alarm, last, (today - _local_day(last.at, report.time_zone)).days, remind_days):
            reminders.append(alarm)
    over = [n for n in open_notices.values() if n.key not in report.open_keys and n.day <= report.day]
    recovered = over if whole_day else []
    kept = [Notice(a.key, a.opened or a.day, a.day, a.severity, a.state, now) for a in (*news, *reminders)]
    # The same key may have been open since another day; that incident is over.
    for notice in list(kept):
        old = open_notices.get(notice.key)
        if old and old.opened != notice.opened:
            kept.append(old._replace(state="recovered", at=now))
    kept += [n._replace(day=report.day, state="recovered", at=now) for n in recovered]
    late = [r for r in earlier if not r.active or any(not a.is_known for a in r.active)]
    return Update(tuple(news), tuple(reminders), tuple(recovered), tuple(kept), tuple(late))


def _is_news(alarm: Alarm, last: Notice) -> bool:
    """Return whether an alarm that was sent before is a new incident, worse, or newly a change of level."""
    if (alarm.opened and alarm.opened > last.day) or alarm.severity < last.severity:
        return True
    return alarm.day > last.day and alarm.state == "level" != last.state


def _is_due(alarm: Alarm, last: Notice, days: int, remind_days: int) -> bool:
    """Return whether an unchanged alarm is sent again: a P0 on every day, others after `remind_days` calendar days.

    An exact repeat, an older day shown again, and a change of level are not.
    """
    if alarm.day <= last.day:
        return False
    return alarm.severity == "P0" or (alarm.state != "level" and days >= remind_days)


def _local_day(moment: datetime, time_zone: str) -> date:
    return moment.astimezone(ZoneInfo(time_zone)).date()
