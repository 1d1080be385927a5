"""Judge every day since the last run, and again every day from the first whose files have changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property

from event_data.cli import Progress, silent
from event_data.contract import Contract
from event_data.known_totals import compare_warehouse
from monitoring.alarms import RED, YELLOW, Breach, DayReport
from monitoring.detection import judge_days, reference_days
from monitoring.explanation import explain
from monitoring.incidents import State
from monitoring.metrics import Facts, Warehouse
from monitoring.storage import History, Recorded
from monitoring.thresholds import Thresholds

MISSED, LATE, CHANGED, COMPLETE = "not judged until now", "delivered late", "files changed", "complete"


@dataclass(frozen=True)
class Judged:
    """The reports of a run; the last is that of the wanted day. `is_new`: the history lacks them or differs."""

    reports: Sequence[DayReport]
    later: Sequence[DayReport]  # days after the wanted one, which were judged again
    is_new: bool
    earlier: Sequence[DayReport]  # bad days, or days that were bad before, that no message has mentioned


@dataclass
class Judge:
    """The basis of a judgement: the warehouse, the history, and the settings, at a moment by the shop's clock."""

    warehouse: Warehouse
    history: History
    contract: Contract
    t: Thresholds
    moment: datetime
    progress: Progress = silent

    @cached_property
    def contents(self) -> Mapping[date, str]:
        """Return a hash of each day's files, for the days with a file."""
        return self.warehouse.contents()

    @property
    def first(self) -> date:
        return min(self.contents)

    def judge(
        self, day: date, hours: int, is_growing: bool, failure: Breach | None = None, is_decided: bool = False
    ) -> Judged:
        """Judge a day, after the earlier ones that need it, and then the later ones that depend on these.

        `is_growing`: the last files are still being written. `is_decided`: somebody has decided about an alarm.
        """
        recorded = self.history.recorded()
        days = self._days(day, hours, is_growing, recorded, is_decided)
        later = [d for d in days if d > day]
        state = self.history.state_before(days[0], self._days_with_file(days[0]))
        whole = [d for d in days if d < day or hours == 24]
        more = {day: [failure]} if failure else {}
        reports = self._judge(whole, 24, state, more) if whole else []
        if hours < 24:
            reports += self._judge([day], hours, state, more)
        is_first = day < min(recorded, default=date.max) or self.history.migrated_from is not None
        for report in reports:
            report.note = "" if is_first else self._note(report.day, day, recorded.get(report.day))
        until = [r for r in reports if r.day <= day]
        known = recorded.get(day)
        is_changed = known is None or known.contents != self.contents.get(day, "")
        is_new = is_decided or is_changed or len(days) > 1 or day == max(recorded)
        earlier = [r for r in until[:-1] if r.note and _is_news(r, recorded.get(r.day))]
        return Judged(until, [r for r in reports if r.day in later], is_new, earlier)

    def backtest(self, last: date) -> list[DayReport]:
        """Judge every day by what was known then: its facts, and what people had decided by its end."""
        zone_date = {act.at: self.warehouse.local(act.at).date() for act in self.history.acknowledgements()}
        acts = [replace(a, effective=max(a.day, zone_date[a.at])) for a in self.history.acknowledgements()]
        return self._judge(_days_from(self.first, last), 24, State(acts=acts), {})

    def past(self, last: date, shown: list[DayReport]) -> list[DayReport]:
        """Return the reports that the history lacks, if it does not reach back to the first day."""
        if self.first in self.history.recorded():
            return []
        acts = self.history.acknowledgements()
        return self._judge(_days_from(self.first, last), 24, State(acts=acts), {}) if acts else shown

    def _days(
        self, day: date, hours: int, is_growing: bool, recorded: Mapping[date, Recorded], is_decided: bool
    ) -> list[date]:
        """Return the days to judge, in order; without a history, those of one baseline."""
        beginning = max(self.first, day - timedelta(days=self.t.history_days))
        start = max(self.first, min(recorded, default=beginning))
        is_old = any(known.contents is None and known.hours == 24 for known in recorded.values())
        if day < start or is_old:  # the history begins later, or an earlier version judged only the days asked for
            start = min(start, beginning)
        over = _days_from(start, day if hours == 24 else day - timedelta(days=1))
        ready = [d for d in over if self._can_be_judged(d, is_growing)]
        stale = [d for d in ready if not self._is_current(d, recorded)]
        stale += [day] * is_decided
        later = [d for d in sorted(recorded) if d > day and recorded[d].hours == 24]  # that depend on the stale ones
        if not stale or (hours < 24 and later):  # of a part of a past day nothing follows
            return [day]
        return sorted({day, *(d for d in ready if d >= stale[0]), *later})

    def _can_be_judged(self, day: date, is_growing: bool) -> bool:
        """Return whether a day is over, and its file has arrived or is overdue."""
        is_over = self.moment >= self.due(day)
        return (day in self.contents and not is_growing) or is_over or not self.contract.schedule.is_due(day)

    def due(self, day: date) -> datetime:
        """Return when the file of a day is due, by the shop's clock."""
        return datetime(day.year, day.month, day.day) + timedelta(days=1) + self.contract.latency

    def _is_current(self, day: date, recorded: Mapping[date, Recorded]) -> bool:
        known = recorded.get(day)
        return known is not None and known.hours == 24 and known.contents == self.contents.get(day, "")

    def _days_with_file(self, end: date) -> list[date]:
        """Return the days before `end` that have a file, or every day if the shop has quiet days."""
        if self.contract.schedule.quiet_days:
            return _days_from(self.first, end - timedelta(days=1))
        return [d for d in self.contents if d < end]

    def _judge(
        self, days: Sequence[date], hours: int, state: State, more: Mapping[date, Sequence[Breach]]
    ) -> list[DayReport]:
        read = {*days, *reference_days(days[0], self.t, state)}
        quiet = self.contract.schedule.quiet_days
        facts: Facts = self.warehouse.read(self.first, days[-1], self.t.paid_channels, hours, quiet, read)
        facts.unreadable_times = self.warehouse.unreadable_times(self.contract, days[0], days[-1])
        facts.known_totals = compare_warehouse(self.warehouse.connection, self.contract)
        judged = 0

        def complete(report: DayReport) -> None:
            nonlocal judged
            judged += 1
            self.progress("judging the days", judged, len(days))
            explain(report, facts, self.warehouse, self.t)

        reports = judge_days(facts, days, self.contract, self.t, state, complete, more)
        for report in reports:
            report.shop = self.warehouse.shop
        return reports

    def _note(self, day: date, wanted: date, known: Recorded | None) -> str:
        """Return why a run judges a day other than the one it was asked for, or one that it has judged before."""
        if known is None:
            return MISSED if day != wanted else ""
        if known.hours < 24:
            return COMPLETE if day != wanted else ""
        if known.contents in (self.contents.get(day, ""), None):  # None: an earlier version judged it
            return ""
        return CHANGED if known.contents else LATE


def _days_from(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _is_news(report: DayReport, known: Recorded | None) -> bool:
    return report.status in (RED, YELLOW) or (known is not None and known.status in (RED, YELLOW))
