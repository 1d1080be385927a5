"""Decide whether a day without an alarm shows that an incident is over."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from math import exp, inf, sqrt

from monitoring.alarms import ALARM, INSUFFICIENT, NO_DATA, NOTE, Alarm
from monitoring.baselines import Point, Score, chance_variance, score
from monitoring.incidents import LINGERING, UNSEEN, WELL, Incident, State
from monitoring.metrics import Facts
from monitoring.rules import can_tell, silent_runs
from monitoring.scoring import RECOVERED, SURE_DAYS, compare, odds_of_usual, point, scale_points, segment_points
from monitoring.thresholds import Metric, Thresholds

DOUBT = 1.645  # standard errors: a one-sided interval of 95 %


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
        return _of_rule(incident, day, facts, t, state) if can_tell(incident.key, facts, day) else UNSEEN
    if any(incident.key in a.suppresses for a in alarms if a.state != NOTE):
        return UNSEEN
    verdicts = [*_of_metrics(incident, day, facts, t, state), *_of_segments(incident, day, facts, t, state)]
    if LINGERING in verdicts:
        return LINGERING
    return UNSEEN if UNSEEN in verdicts else WELL


def _of_rule(incident: Incident, day: date, facts: Facts, t: Thresholds, state: State) -> str:
    """Return the verdict on a day that does not break the rule: it may still be nearer to none than to the usual."""
    before = state.last_days("records", incident.opened, t.history_days)
    days = sorted({*before, *_days_of(incident, "records", day, facts, t, state)})
    kind, points = _points_of_rule(incident, facts, days, before, t)
    history = [points[d] for d in before if d in points]
    if day not in points or len(history) < t.min_days:
        return WELL
    found = score(history, points[day], kind, t.weekday_weight, t.strong)
    return _near(found, kind, points, incident, t) if found else WELL


def _points_of_rule(
    incident: Incident, facts: Facts, days: Sequence[date], before: Sequence[date], t: Thresholds
) -> tuple[str, dict[date, Point]]:
    """Return the number that a rule finds to be zero, or everything; nothing for a rule about the file itself."""
    rule, _, concerns = incident.key.partition(":")
    if rule == "silent_hours" and incident.bad_days:
        runs, _ = silent_runs(facts, incident.bad_days[-1], before, t)
        hours, counts = [h for run in runs for h in run], facts.by_hour["events"]
        events = {d: sum(counts[d].get(h, (0.0, None))[0] for h in hours) for d in days if d in counts and hours}
        return "count", {d: Point(d.weekday(), x) for d, x in events.items()}
    names = {
        "zero_revenue": ("orders", "count"), "zero_paid_revenue": ("paid_orders", "share"),
        "hours_not_tracked": ("tracking_coverage", "share"),
    }  # fmt: skip
    name, kind = names.get(rule, (concerns if rule == "all_null" else "", "share"))
    values = {d: value for d in days if name and (value := facts.value(name, d, kind))}
    return kind, {d: Point(d.weekday(), x, n or 1.0) for d, (x, n) in values.items()}


def _of_metrics(incident: Incident, day: date, facts: Facts, t: Thresholds, state: State) -> Iterator[str]:
    for metric in (m for m in t.metrics if m.group == incident.key and _concerns(incident, m)):
        before = _before(incident, metric, t, state)
        verdict = compare(facts, metric, day, before, t, incident.opened)
        if verdict.verdict in (NO_DATA, INSUFFICIENT) or verdict.score is None:
            yield UNSEEN
        elif verdict.verdict == ALARM:
            yield LINGERING
        else:
            days = _days_of(incident, metric.name, day, facts, t, state)
            yield _near(verdict.score, metric.kind, _values(facts, metric, before, days), incident, t)


def _concerns(incident: Incident, metric: Metric) -> bool:
    """Return whether a metric shows an incident's end; amounts of another scale in some orders may miss a day."""
    return metric.name in incident.metrics or metric.kind == "scale"


def _of_segments(incident: Incident, day: date, facts: Facts, t: Thresholds, state: State) -> Iterator[str]:
    for metric in (m for m in t.segments if m.group == incident.key and m.name in incident.metrics):
        before = _before(incident, metric, t, state)
        days = sorted({*before, *_days_of(incident, metric.name, day, facts, t, state)})
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
                yield _near(found, "share", points, incident, t) if found else UNSEEN


def _before(incident: Incident, metric: Metric, t: Thresholds, state: State) -> list[date]:
    """Return the days before an incident, without those in which a slow fault began, if enough remain."""
    days = state.last_days(metric.name, incident.opened, t.history_days)
    sound = [d for d in days if d < _slow_start(incident, t)]
    return sound if len(sound) >= SURE_DAYS else days


def _slow_start(incident: Incident, t: Thresholds) -> date:
    """Return the first of the days that the longest window judged together when the incident began."""
    return incident.opened - timedelta(days=max(t.windows, default=1) - 1)


def _days_of(incident: Incident, metric: str, day: date, facts: Facts, t: Thresholds, state: State) -> list[date]:
    """Return the last days of a metric's history before an incident, and the incident's days with a file."""
    before = state.last_days(metric, incident.opened, t.history_days)
    own = [d for d in facts.days if incident.opened <= d <= day and facts.has(d)]
    return [*(d for d in before if d >= _slow_start(incident, t)), *own]


def _near(found: Score, kind: str, values: Mapping[date, Point], incident: Incident, t: Thresholds) -> str:
    """Return whether the days since the last bad one are nearer to the usual value than to the incident's.

    The odds are the likelihood ratio of the two values and accumulate day by day (Page 1954): a small incident, or
    one with few events, ends later.
    """
    if not incident.bad_days:
        return WELL
    last_bad = incident.bad_days[-1]
    until = [values[d] for d in sorted(values) if d <= last_bad]
    since = [values[d] for d in sorted(values) if d > last_bad]
    if not until or not since:
        return WELL
    level, odds = _level(until, found, kind, t.windows), 0.0
    if level is None:
        return WELL
    for day in reversed(since):
        odds += odds_of_usual(day, found, level, kind)
        if odds >= RECOVERED:
            return WELL
    return LINGERING


def _level(until: Sequence[Point], found: Score, kind: str, windows: Sequence[int]) -> float | None:
    """Return the incident's value: that of its last day or last days, whichever is furthest from the usual value.

    A day is found bad partly by chance. The value is therefore moved towards the usual one, by DOUBT standard errors
    but by half at most. None if chance explains it: the metric was well before the incident's last bad day.
    """
    usual, furthest, level = found.expected, DOUBT, None
    for length in (1, *windows):
        days = until[-length:]
        n = sum(p.n for p in days)
        difference = sum(p.x for p in days) / n - usual
        if kind == "amount":
            error = abs((found.value - usual) / found.z) / sqrt(n) if found.z else inf
        else:
            error = max(sqrt(found.phi * chance_variance(usual * n, usual, kind)) / n, 1e-12)
        if (z := abs(difference) / error) > furthest:
            furthest, level = z, usual + max(0.5, 1 - DOUBT / z) * difference
    return level


def _values(facts: Facts, metric: Metric, before: Sequence[date], days: Sequence[date]) -> dict[date, Point]:
    """Return a metric on these days, in the unit of a score's value; `before` has the usual order values."""
    if metric.kind == "amount":
        return {d: Point(0, exp(a.total / a.n), 1) for d in days if (a := facts.amounts.get(d)) and a.n}
    if metric.kind == "scale":
        return {d: p for one in days for d, p in scale_points(facts.scales, one, before).items() if d == one}
    return {d: p for d in days if (p := point(facts, metric, d))}
