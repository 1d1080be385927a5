"""Decide what a message says: new, worse and lasting alarms, and recoveries, but no alarm twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitoring.alarms import Alarm, DayReport
from monitoring.storage import Notice


@dataclass(frozen=True)
class Update:
    """The alarms and recoveries of one message, and the notices to keep once it is sent."""

    alarms: tuple[Alarm, ...]
    recovered: tuple[Notice, ...]
    notices: tuple[Notice, ...]

    def __bool__(self) -> bool:
        return bool(self.alarms or self.recovered)


def update_since(
    report: DayReport, before: Sequence[Notice], now: datetime, renotify_hours: float, whole_day: bool = True
) -> Update:
    """Return what is new in a report since the notices that were sent before.

    Nothing recovers on a day that is still being written or has no events, nor what a standing alarm suppresses.
    """
    open_notices = {n.key: n for n in before if n.state != "recovered"}
    alarms = [a for a in report.active if _is_new(a, open_notices.get(a.key), now, renotify_hours)]
    seen = whole_day and not any(a.name in ("no_file", "no_events", "file_refused") for a in report.alarms)
    standing = {key for a in report.alarms for key in (a.key, *a.suppresses)}
    recovered = [n for n in open_notices.values() if seen and n.key not in standing and n.day < report.day]
    now_open = [Notice(a.key, a.opened or a.day, a.day, a.severity, a.state, now) for a in alarms]
    kept = list(now_open)
    kept += [n._replace(day=report.day, state="recovered", at=now) for n in recovered]
    # The same key may have been open since another day; that incident is over.
    for notice in now_open:
        old = open_notices.get(notice.key)
        if old and old.opened != notice.opened:
            kept.append(old._replace(state="recovered", at=now))
    return Update(tuple(alarms), tuple(recovered), tuple(kept))


def _is_new(alarm: Alarm, last: Notice | None, now: datetime, renotify_hours: float) -> bool:
    """Return whether an alarm is new, worse or newly a change of level; a P0 is new every day, others (but no level)
    after renotify_hours."""
    if last is None or (alarm.opened and alarm.opened > last.day) or alarm.severity < last.severity:
        return True
    if alarm.day <= last.day:  # an exact repeat, or an older day looked at again
        return False
    if alarm.severity == "P0":
        return True
    if alarm.state == "level":
        return last.state != "level"
    return now - last.at >= timedelta(hours=renotify_hours)
