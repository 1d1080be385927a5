"""What is worth telling: new, worse and lasting alarms, and recoveries; a repeated alarm is not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitoring.alarms import Alarm, DayReport
from monitoring.storage import Notice, notice_of


@dataclass(frozen=True)
class News:
    """What one message tells, and the notices to keep once it is told."""

    alarms: tuple[Alarm, ...]
    recovered: tuple[Notice, ...]
    told: tuple[Notice, ...]

    def __bool__(self) -> bool:
        return bool(self.alarms or self.recovered)


def news(
    report: DayReport, before: Sequence[Notice], now: datetime, renotify_hours: float, whole_day: bool = True
) -> News:
    """Compare a report with what was told before.

    A day that is still being written recovers nothing, nor does one without events; and what a standing alarm brings
    with it is hidden by it, not over.
    """
    open_notices = {n.key: n for n in before if n.state != "recovered"}
    told = [a for a in report.active if _worth_telling(a, open_notices.get(a.key), now, renotify_hours)]
    seen = whole_day and not any(a.name in ("no_file", "no_events") for a in report.alarms)
    standing = {key for a in report.alarms for key in (a.key, *a.suppresses)}
    recovered = [n for n in open_notices.values() if seen and n.key not in standing and n.day < report.day]
    now_open = [notice_of(a, now) for a in told]
    kept = list(now_open)
    kept += [Notice(n.key, n.opened, report.day, n.severity, "recovered", now) for n in recovered]
    # The same key may have been open since another day; that incident is over.
    for notice in now_open:
        old = open_notices.get(notice.key)
        if old and old.opened != notice.opened:
            kept.append(Notice(old.key, old.opened, old.day, old.severity, "recovered", now))
    return News(tuple(told), tuple(recovered), tuple(kept))


def _worth_telling(alarm: Alarm, last: Notice | None, now: datetime, renotify_hours: float) -> bool:
    """New, worse, newly a change of level; a P0 once a day; another after renotify_hours, a level never again."""
    if last is None or (alarm.opened and alarm.opened > last.day) or alarm.severity < last.severity:
        return True
    if alarm.day <= last.day:  # an exact repeat, or an older day looked at again
        return False
    if alarm.severity == "P0":
        return True
    if alarm.state == "level":
        return last.state != "level"
    return now - last.at >= timedelta(hours=renotify_hours)
