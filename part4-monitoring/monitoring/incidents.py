"""Follow incidents from their first day to their last, and choose the days that a metric is compared with.

An incident begins on the first day judged bad, and ends once two consecutive days (one for a rule) are judged good. A
day without a verdict does not count. While an incident is open, its metrics are compared with the good days before it,
however long ago; once it is closed, its days are in no baseline.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from operator import attrgetter

# A day of an open incident: an alarm; no alarm, but nearer to the incident's level than to the usual; good; no verdict.
BAD, LINGERING, WELL, UNSEEN = "bad", "lingering", "well", "unseen"
# Known and being fixed, so no messages are sent; the new level, which no longer raises an alarm; either one undone.
ACKNOWLEDGED, ACCEPTED, UNDONE = "acknowledged", "accepted", "undone"
WELL_DAYS = 2  # good days that end an incident; one is enough for a rule
RECENT_DAYS = 7  # of an incident, which show its level


@dataclass(frozen=True)
class Act:
    """A decision about a day's alarm `key`; it applies until the incident closes or another decision replaces it."""

    key: str
    day: date
    kind: str
    until: date | None  # the last day of an acknowledgement
    reason: str
    who: str
    at: datetime
    effective: date | None = None  # the first day that is judged with it; None: `day`


@dataclass
class Incident:
    """A fault since its first day; `metrics` are those that raised an alarm in it, or that its rule suppresses."""

    key: str
    opened: date
    is_rule: bool
    last_good: date | None = None
    metrics: set[str] = field(default_factory=set)
    bad_days: list[date] = field(default_factory=list)
    last_day: date = date.min  # not judged good
    well_days: int = 0  # days judged good since then
    at_stake: float | None = None  # of all its days
    closed: date | None = None
    acts: list[Act] = field(default_factory=list)

    def add(self, day: date, verdict: str) -> None:
        """Add a day's verdict, and close the incident if it has now ended."""
        if verdict == UNSEEN:
            return
        if verdict == WELL:
            self.well_days += 1
            if self.is_rule or self.well_days == WELL_DAYS:
                self.closed = day
            return
        self.well_days, self.last_day = 0, day
        if verdict == BAD:
            self.bad_days.append(day)


@dataclass(frozen=True)
class IncidentDay:
    """A day of an incident as the history keeps it."""

    day: date
    key: str
    opened: date
    is_rule: bool
    verdict: str
    is_closing: bool
    last_good: date | None
    metrics: tuple[str, ...]


@dataclass
class State:
    """The state after a day was judged: the days with a file, the incidents, and the decisions about them."""

    days: list[date] = field(default_factory=list)
    acts: Sequence[Act] = ()
    is_beginning: bool = True  # no day has been judged yet, so nothing is known about earlier days
    open: list[Incident] = field(default_factory=list)
    excluded: dict[str, list[tuple[date, date]]] = field(default_factory=lambda: defaultdict(list))  # by metric

    def __post_init__(self) -> None:
        self._unbound = list(self.acts)

    @classmethod
    def of(cls, rows: Iterable[IncidentDay], days: list[date], acts: Sequence[Act], is_beginning: bool) -> "State":
        """Return the state after these days of incidents, which are in order of the day."""
        state, found = cls(days, acts, is_beginning), dict[tuple[str, date], Incident]()
        of_day = attrgetter("day")
        for day, day_rows in groupby(sorted(rows, key=of_day), of_day):
            state.undo(found.values(), day)
            for row in sorted(day_rows, key=lambda row: row.verdict != BAD):
                new = Incident(row.key, row.opened, row.is_rule, row.last_good)
                incident = found.setdefault((row.key, row.opened), new)
                incident.metrics.update(row.metrics)
                incident.add(row.day, row.verdict)
                if row.verdict == BAD:
                    state.bind(incident, row.day)
        for incident in found.values():
            state.keep(incident)
        return state

    def keep(self, incident: Incident) -> None:
        """Keep an open incident, or the days of a closed one as excluded."""
        if incident.closed is None:
            self.open.append(incident)
            return
        for metric in incident.metrics:
            self.excluded[metric].append((incident.opened, incident.last_day))

    def bind(self, incident: Incident, day: date) -> None:
        """Attach the day's decisions about an alarm to its incident."""
        for act in [a for a in self._unbound if (a.key, a.day) == (incident.key, day)]:
            incident.acts.append(act)
            self._unbound.remove(act)

    def undo(self, incidents: Iterable[Incident], day: date) -> None:
        """Apply the day's --undo decisions, whether the incident has an alarm or an accepted level."""
        for act in [a for a in self._unbound if a.kind == UNDONE and a.day == day]:
            same = [i for i in incidents if i.key == act.key and not i.closed and i.acts and i.acts[-1].kind != UNDONE]
            if same:
                same[-1].acts.append(act)
                self._unbound.remove(act)

    def act(self, incident: Incident, day: date) -> Act | None:
        """Return the decision about an incident that applies on a day."""
        known = (a for a in incident.acts if (a.effective or a.day) <= day)
        last = max(known, key=lambda a: a.at, default=None)
        return last if last and last.kind != UNDONE else None

    def is_level(self, incident: Incident, day: date) -> bool:
        """Return whether the incident's level was accepted before this day."""
        act = self.act(incident, day)
        return act is not None and act.kind == ACCEPTED and (act.effective or act.day) < day

    def find(self, key: str, is_rule: bool, day: date) -> Incident | None:
        """Return the open incident that an alarm continues; a deviation from an accepted level is a new incident."""
        same = (i for i in self.open if i.key == key)
        return next((i for i in same if is_rule or not self.is_level(i, day)), None)

    def begin(self, key: str, is_rule: bool, day: date) -> Incident:
        """Begin an incident; the last good day is not known on the first day that is judged."""
        known = bool(self.days) and not self.is_beginning
        self.open.append(Incident(key, day, is_rule, self.days[-1] if known else None))
        return self.open[-1]

    def reference(self, metric: str, group: str, day: date, most: int) -> list[date]:
        """Return the days that a metric is compared with: before its open incident, since its accepted level."""
        levels = self.levels(metric, group, day)
        start = max((i.opened for i in levels), default=date.min)
        end = min((i.opened for i in self.open if metric in i.metrics and i not in levels), default=day)
        return self.last_days(metric, end, most, start if start < end else date.min)

    def levels(self, metric: str, group: str, day: date) -> list[Incident]:
        """Return the incidents whose level was accepted for this metric."""
        return [i for i in self.open if (metric in i.metrics or group == i.key) and self.is_level(i, day)]

    def last_days(self, metric: str, end: date, most: int, start: date = date.min) -> list[date]:
        """Return the last days with a file before `end` that no closed incident of the metric excludes."""
        excluded, found = self.excluded.get(metric, ()), list[date]()
        for number in range(bisect_left(self.days, end) - 1, -1, -1):
            day = self.days[number]
            if day < start or len(found) == most:
                break
            if not any(first <= day <= last for first, last in excluded):
                found.append(day)
        return found[::-1]

    def advance(self, day: date, has_file: bool) -> None:
        """End a day: keep what is still open, and exclude the days of what was closed."""
        incidents, self.open = self.open, []
        for incident in incidents:
            self.keep(incident)
        self.is_beginning = False
        if has_file:
            self.days.append(day)
