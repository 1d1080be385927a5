"""Judge each day in turn, by the days before it only.

Days of an incident are excluded from the baselines of the metrics that it affects, until somebody acknowledges the
new level. So the days are judged in order, from the facts alone, and the same facts give the same judgement.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from event_data.contract import Contract
from monitoring.alarms import ALARM, INSUFFICIENT, NO_DATA, OK, Alarm, Breach, DayReport, Verdict
from monitoring.baselines import Amounts, Point, Score, score, score_amount
from monitoring.metrics import Facts
from monitoring.rules import breaches
from monitoring.thresholds import Metric, Thresholds

# A day being written is looked at 24 times; the limit of 1 in 1000 a day is then 1 in 24,000 a look (Bonferroni).
EVERY_HOUR = 0.8


@dataclass(frozen=True)
class Acknowledgement:
    """Somebody took note on day `on` of what began on day `since`."""

    key: str
    since: date
    on: date


@dataclass
class Memory:
    """The incidents of the days judged so far."""

    excluded_days: dict[str, set[date]] = field(default_factory=lambda: defaultdict(set))  # metric -> days
    runs: dict[str, list[date]] = field(default_factory=dict)  # key -> days of the incident that is under way
    bad_days: dict[str, set[date]] = field(default_factory=lambda: defaultdict(set))  # key -> every bad day


def judge(
    facts: Facts, contract: Contract, t: Thresholds, acknowledged: Sequence[Acknowledgement] = (),
) -> list[DayReport]:  # fmt: skip
    """Judge every day of the facts in order."""
    memory, reports = Memory(), []
    for day in facts.days:
        reports.append(judge_day(facts, day, contract, t, [a for a in acknowledged if a.on <= day], memory))
    return reports


def judge_day(
    facts: Facts, day: date, contract: Contract, t: Thresholds, known: Sequence[Acknowledgement], memory: Memory
) -> DayReport:
    window = [day - timedelta(days=i) for i in range(t.history_days, 0, -1)]
    window = [d for d in window if d >= facts.first and facts.has(d)]
    healthy = [d for d in window if d not in memory.excluded_days["records"]]
    rules = breaches(facts, day, healthy, contract, t)
    is_closed = not facts.files.get(day) and not contract.schedule.is_due(day)
    gone = is_closed or any(b.key in ("no_file", "no_events") for b in rules)
    verdicts = [] if gone else [_verdict(facts, m, day, window, t, known, memory) for m in t.metrics]
    alarms = _grouped(rules, verdicts, day, t)
    for alarm in alarms:
        _remember(alarm, day, facts, t, known, memory)
    for key in [k for k in memory.runs if k not in {a.key for a in alarms} and not gone]:  # a day unseen ends nothing
        del memory.runs[key]
    _exclude(alarms, day, t, memory)
    alarms.sort(key=lambda a: (not a.counts, a.severity))
    return DayReport(day, alarms, verdicts, facts.currency, facts.time_zone, is_closed)


def baseline_days(
    metric: Metric, window: Sequence[date], known: Sequence[Acknowledgement], memory: Memory
) -> list[date]:
    """Return the days of the window in the metric's baseline: not excluded, or since a level that was acknowledged."""
    since = max((a.since for a in known if a.key == metric.group), default=None)
    if since is not None:
        return [d for d in window if d >= since]
    return [d for d in window if d not in memory.excluded_days[metric.name]]


def _verdict(
    facts: Facts, metric: Metric, day: date, window: Sequence[date], t: Thresholds,
    known: Sequence[Acknowledgement], memory: Memory,
) -> Verdict:  # fmt: skip
    days = baseline_days(metric, window, known, memory)
    limit = metric.limit + (EVERY_HOUR if facts.hours < 24 else 0)
    today: Amounts | Point | None
    found: Score | None = None
    if metric.kind == "amount":
        days = [d for d in days if d in facts.amounts]
        today = facts.amounts.get(day)
        value = None
        if today and len(days) >= t.min_days:
            found = score_amount([facts.amounts[d] for d in days], today, limit)
    else:
        days = [d for d in days if facts.value(metric.name, d, metric.kind)]
        point = today = _point(facts, metric, day)
        value = point.x / point.n if point else None
        if point and len(days) >= t.min_days:
            history = [p for d in days if (p := _point(facts, metric, d))]
            found = score(history, point, metric.kind, t.weekday_weight, limit)
    if today is None:
        return Verdict(metric, NO_DATA, tuple(days))
    if found is None:
        return Verdict(metric, INSUFFICIENT, tuple(days), None, value)
    return Verdict(metric, ALARM if is_alarm(found, metric, limit) else OK, tuple(days), found, found.value)


def _point(facts: Facts, metric: Metric, day: date) -> Point | None:
    value = facts.value(metric.name, day, metric.kind)
    return None if value is None else Point(day.weekday(), value[0], value[1] or 1.0)


def is_alarm(found: Score, metric: Metric, limit: float) -> bool:
    """Return whether a score is beyond the limit, large enough to matter, and in a direction that is watched."""
    if abs(found.evidence) < limit or abs(found.change) < metric.min_change:
        return False
    if metric.kind != "amount" and abs(found.events) < metric.min_events:
        return False
    return metric.watch == "both" or (metric.watch == "up") == (found.change > 0)


def _grouped(rules: Sequence[Breach], verdicts: Sequence[Verdict], day: date, t: Thresholds) -> list[Alarm]:
    """Return one alarm per cause: rules first, then groups in causal order; an earlier one takes what it suppresses."""
    alarms: list[Alarm] = []
    own_groups = {b.key: _group(t, b.metric) for b in rules if b.metric}
    for breach in rules:
        host = next((a for a in alarms if breach.metric and _group(t, breach.metric) in a.suppresses), None)
        if host:
            host.also.append(breach.text)
            host.severity = min(host.severity, breach.severity)
        else:
            alarm = Alarm(breach.key, breach.layer, breach.severity, day, breach.text, is_rule=True)
            alarm.suppresses = breach.suppresses
            alarms.append(alarm)
    for verdict in (v for v in verdicts if v.verdict == ALARM):
        group = verdict.metric.group
        host = next((a for a in alarms if a.key == group or group in a.suppresses), None)
        if host is None:
            host = Alarm(group, verdict.metric.layer, verdict.severity, day, "", suppresses=t.suppresses.get(group, ()))
            alarms.append(host)
        elif not host.is_rule or own_groups.get(host.key) == group:
            host.severity = min(host.severity, verdict.severity)
        host.verdicts.append(verdict)
    return alarms


def _group(t: Thresholds, metric: str) -> str:
    return next(m.group for m in t.metrics if m.name == metric)


def _remember(
    alarm: Alarm, day: date, facts: Facts, t: Thresholds, known: Sequence[Acknowledgement], memory: Memory
) -> None:
    """Set the alarm's first day, its number of days, and whether it is planned, acknowledged or a change of level."""
    run = memory.runs.setdefault(alarm.key, [])
    run.append(day)
    memory.bad_days[alarm.key].add(day)
    alarm.opened, alarm.day_number = run[0], len(run)
    good = [d for d in facts.days if d < run[0] and facts.files.get(d) and d not in memory.bad_days[alarm.key]]
    alarm.last_good = good[-1] if good else None
    alarm.state = "new" if len(run) == 1 else "ongoing"
    plan = next((p for p in t.planned if p.first <= day <= p.last and {alarm.key, alarm.name} & set(p.keys)), None)
    if plan:
        alarm.state, alarm.reason = "planned", plan.reason
    elif alarm.is_rule and any(a.key == alarm.key and a.since == run[0] for a in known):
        alarm.state = "acknowledged"
    elif not alarm.is_rule and len(run) >= t.level_days and _is_level(alarm, facts, run, t):
        alarm.state = "level"


def _is_level(alarm: Alarm, facts: Facts, run: Sequence[date], t: Thresholds) -> bool:
    """Return whether today is as the incident's earlier days were: a new level, not a moving one."""
    metric = alarm.verdicts[0].metric
    if metric.kind == "amount":
        return True
    points = [p for d in run if (p := _point(facts, metric, d))]
    if len(points) < t.level_days:
        return False
    found = score(points[:-1], points[-1], metric.kind, t.weekday_weight, metric.limit)
    return found is None or not is_alarm(found, metric, metric.limit)


def _exclude(alarms: Sequence[Alarm], day: date, t: Thresholds, memory: Memory) -> None:
    """Exclude the day from the baseline of every metric that alarmed, and of all that a broken rule suppresses."""
    for alarm in alarms:
        for verdict in alarm.verdicts:
            memory.excluded_days[verdict.metric.name].add(day)
        if (alarm.is_rule and alarm.state != "acknowledged") or alarm.state == "planned":
            for metric in t.metrics:
                if metric.group in alarm.suppresses or metric.group == alarm.key:
                    memory.excluded_days[metric.name].add(day)
