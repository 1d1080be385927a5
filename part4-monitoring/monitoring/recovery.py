"""Decide whether a day without an alarm shows that an incident is over."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from math import exp, log

from monitoring.alarms import ALARM, INSUFFICIENT, NO_DATA, NOTE, Alarm
from monitoring.baselines import Point, Score, score
from monitoring.incidents import LINGERING, RECENT_DAYS, UNSEEN, WELL, Incident, State
from monitoring.metrics import Facts
from monitoring.rules import can_tell
from monitoring.scoring import RECOVERED, compare, point, scale_points, segment_points
from monitoring.thresholds import Metric, Thresholds


def segment_name(metric: Metric, kind: str, segment: str) -> str:
    """Return the name by which an incident remembers a segment."""
    return f"{metric.name}:{kind}:{segment}"


def verdict_without_alarm(
    incident: Incident, day: date, facts: Facts, t: Thresholds, state: State, alarms: Sequence[Alarm]
) -> str:
    """Return the verdict on a day without the incident's alarm; a day still being written is never good."""
    if facts.hours < 24:
        return UNSEEN
    if incident.is_rule:
        return WELL if can_tell(incident.key, facts, day) else UNSEEN
    if any(incident.key in a.suppresses for a in alarms if a.state != NOTE):
        return UNSEEN
    verdicts = [*_of_metrics(incident, day, facts, t, state), *_of_segments(incident, day, facts, t, state)]
    if LINGERING in verdicts:
        return LINGERING
    return UNSEEN if UNSEEN in verdicts else WELL


def _of_metrics(incident: Incident, day: date, facts: Facts, t: Thresholds, state: State) -> Iterator[str]:
    for metric in (m for m in t.metrics if m.group == incident.key and m.name in incident.metrics):
        before = state.last_days(metric.name, incident.opened, t.history_days)
        verdict = compare(facts, metric, day, before, t, incident.opened)
        if verdict.verdict in (NO_DATA, INSUFFICIENT) or verdict.score is None:
            yield UNSEEN
        elif verdict.verdict == ALARM:
            yield LINGERING
        else:
            yield _near(verdict.score, metric.kind, _values(facts, metric, before, incident, day), incident)


def _of_segments(incident: Incident, day: date, facts: Facts, t: Thresholds, state: State) -> Iterator[str]:
    for metric in (m for m in t.segments if m.group == incident.key and m.name in incident.metrics):
        before = state.last_days(metric.name, incident.opened, t.history_days)
        days = [*before, *(d for d in facts.days if incident.opened <= d <= day)]
        for kind in metric.by:
            for segment in facts.segments.get((metric.of, kind), {}):
                if segment_name(metric, kind, segment) not in incident.metrics:
                    continue
                points = segment_points(facts, metric, kind, segment, days)
                history = [points[d] for d in before if d in points]
                if day not in points or len(history) < t.min_days:
                    yield UNSEEN
                    continue
                found = score(history, points[day], "share", t.weekday_weight, metric.limit)
                values = {d: p for d, p in points.items() if d >= incident.opened}
                yield _near(found, "share", values, incident) if found else UNSEEN


def _near(found: Score, kind: str, values: Mapping[date, Point], incident: Incident) -> str:
    """Return whether the last days since the last bad one are nearer to the usual value than to the incident's.

    The odds are the likelihood ratio of the two values and accumulate day by day (Page 1954): a small incident, or
    one with few events, ends later.
    """
    bad = [values[d] for d in incident.bad_days[-RECENT_DAYS:] if d in values]
    since = [values[d] for d in sorted(values) if incident.bad_days and d > incident.bad_days[-1]]
    if not bad or not since:
        return WELL
    level, odds = sum(p.x for p in bad) / sum(p.n for p in bad), 0.0
    for day in reversed(since[-RECENT_DAYS:]):
        odds += _odds(day, found, level, kind)
        if odds >= RECOVERED:
            return WELL
    return LINGERING


def _odds(day: Point, found: Score, level: float, kind: str) -> float:
    """Return the logarithm of the odds of the usual value against the incident's level."""
    if kind == "amount":
        difference = found.value - found.expected
        if not found.z or not difference:
            return 0.0
        shift = (level - found.expected) * found.z / difference
        return shift * shift / 2 - shift * (day.x / day.n - found.expected) * found.z / difference
    usual, other = max(found.expected, 1e-9), max(level, 1e-9)
    odds = day.x * log(usual / other)
    if kind in ("share", "scale"):
        odds += (day.n - day.x) * log((1 - min(usual, 1 - 1e-9)) / (1 - min(other, 1 - 1e-9)))
    else:
        odds -= (usual - other) * day.n
    return odds / found.phi


def _values(facts: Facts, metric: Metric, before: Sequence[date], incident: Incident, day: date) -> dict[date, Point]:
    """Return a metric on the days of the incident, in the unit of a score's value."""
    days = [d for d in facts.days if incident.opened <= d <= day]
    if metric.kind == "amount":
        return {d: Point(0, exp(a.total / a.n), 1) for d in days if (a := facts.amounts.get(d)) and a.n}
    if metric.kind == "scale":
        return {d: p for one in days for d, p in scale_points(facts.scales, one, before).items() if d == one}
    return {d: p for d in days if (p := point(facts, metric, d))}
