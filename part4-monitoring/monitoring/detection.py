"""Judge a day by the days before it only, from the state that the earlier days left behind.

The same facts, settings and decisions of people give the same judgement, whether days are judged one by one, each by
its own run, or in a replay.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from math import exp

from event_data.contract import Contract
from monitoring.alarms import ALARM, INSUFFICIENT, NO_DATA, OK, Alarm, Breach, DayReport, Verdict
from monitoring.baselines import Amounts, Point, Score, score, score_amount
from monitoring.incidents import (
    ACCEPTED,
    BAD,
    LINGERING,
    RECENT_DAYS,
    UNSEEN,
    WELL,
    Act,
    Incident,
    IncidentDay,
    State,
)
from monitoring.metrics import Facts
from monitoring.rules import breaches, can_tell
from monitoring.thresholds import Metric, Thresholds

# A day being written is looked at 24 times; the limit of 1 in 1000 a day is then 1 in 24,000 a look (Bonferroni).
EVERY_HOUR = 0.8


def judge(facts: Facts, contract: Contract, t: Thresholds, acts: Sequence[Act] = ()) -> list[DayReport]:
    """Judge every day of the facts in order, with a state of its own."""
    return judge_days(facts, facts.days, contract, t, State(acts=acts))


def judge_days(
    facts: Facts, days: Sequence[date], contract: Contract, t: Thresholds, state: State,
    complete: Callable[[DayReport], None] = lambda _: None, more: Mapping[date, Sequence[Breach]] | None = None,
) -> list[DayReport]:  # fmt: skip
    """Judge days in order; `complete` explains a report, and with it the money at stake, which the incident sums.

    `more` are rules that a day breaks by what is not in the facts.
    """
    reports = []
    for day in days:
        report = judge_day(facts, day, contract, t, state, (more or {}).get(day, ()))
        complete(report)
        for alarm in report.alarms:
            incident = next(i for i in state.open if (i.key, i.opened) == (alarm.key, alarm.opened))
            incident.at_stake = alarm.at_stake_since
        state.advance(day, facts.has(day))
        reports.append(report)
    return reports


def judge_day(
    facts: Facts, day: date, contract: Contract, t: Thresholds, state: State, more: Sequence[Breach] = ()
) -> DayReport:
    """Judge a day, and add it to the incidents of the state."""
    state.undo(state.open, day)
    healthy = state.reference("records", "", day, t.history_days)
    rules = [*more, *breaches(facts, day, healthy, contract, t)]
    is_closed = not facts.files.get(day) and not contract.schedule.is_due(day)
    gone = is_closed or any(b.key in ("no_file", "no_events") for b in rules)
    verdicts = [] if gone else [_verdict(facts, m, day, t, state) for m in t.metrics]
    alarms = _grouped(rules, verdicts, day, t)
    days = [_continue(alarm, day, facts, t, state) for alarm in alarms]
    alarmed = {(d.key, d.opened) for d in days}
    for incident in state.open:
        if (incident.key, incident.opened) not in alarmed:
            verdict = UNSEEN if is_closed else _verdict_without_alarm(incident, day, facts, t, state, alarms)
            incident.add(day, verdict)
            days.append(_incident_day(incident, day, verdict))
    alarms.sort(key=lambda a: (not a.counts, a.severity))
    levels = [i.key for i in state.open if state.is_level(i, day) and not i.closed]
    told = {key for a in alarms for key in (a.key, *a.suppresses)}
    unfinished = [i.key for i in state.open if not i.closed and i.key not in {*told, *levels}]
    return DayReport(
        day, alarms, verdicts, facts.currency, facts.time_zone, is_closed, incident_days=days,
        unfinished=tuple(unfinished), levels=tuple(levels),
    )  # fmt: skip


def reference_days(day: date, t: Thresholds, state: State) -> set[date]:
    """Return every earlier day whose facts may be needed to judge this one and those that follow.

    When an incident closes, its metrics are compared with the days around it.
    """
    found = set(state.last_days("records", day, t.history_days))
    for metric in t.metrics:
        found.update(state.last_days(metric.name, day, t.history_days))
    for incident in state.open:
        found.update(incident.bad_days[-RECENT_DAYS:], state.last_days("records", incident.opened, t.history_days))
        for metric in t.metrics:
            if metric.group == incident.key or metric.name in incident.metrics:
                found.update(state.last_days(metric.name, incident.opened, t.history_days))
    return found


def _verdict(facts: Facts, metric: Metric, day: date, t: Thresholds, state: State) -> Verdict:
    """Judge a metric by its reference; since a level was accepted, a value of the level before is as good."""
    found = _compared(facts, metric, day, state.reference(metric.name, metric.group, day, t.history_days), t)
    if found.verdict in (ALARM, INSUFFICIENT):
        for incident in state.levels(metric.name, metric.group, day):
            earlier = state.last_days(metric.name, incident.opened, t.history_days)
            before = _compared(facts, metric, day, earlier, t)
            if before.verdict == OK:
                return before
    return found


def _compared(facts: Facts, metric: Metric, day: date, days: Sequence[date], t: Thresholds) -> Verdict:
    """Judge a metric of a day by these days."""
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


def _continue(alarm: Alarm, day: date, facts: Facts, t: Thresholds, state: State) -> IncidentDay:
    """Add an alarm to its incident, new or open, and give it what is known about that."""
    incident = state.find(alarm.key, alarm.is_rule, day) or state.begin(alarm.key, alarm.is_rule, day)
    incident.add(day, BAD)
    state.bind(incident, day)
    alarm.opened, alarm.day_number, alarm.last_good = incident.opened, len(incident.bad_days), incident.last_good
    alarm.reference = tuple(state.last_days("records", incident.opened, t.history_days))
    alarm.at_stake_before = incident.at_stake
    alarm.act = state.act(incident, day)
    plan = next((p for p in t.planned if p.covers(day, alarm.key)), None)
    if plan:
        alarm.state, alarm.reason = "planned", plan.reason
    elif alarm.act and alarm.act.kind == ACCEPTED:
        alarm.state = "accepted"
    elif alarm.act and (alarm.act.until is None or day <= alarm.act.until):
        alarm.state = "acknowledged"
    elif not alarm.is_rule and len(incident.bad_days) >= t.level_days and _is_level(alarm, facts, incident, t):
        alarm.state = "level"
    elif len(incident.bad_days) > 1:
        alarm.state = "ongoing"
    metrics = {v.metric.name for v in alarm.verdicts}
    if alarm.is_rule or plan:
        metrics |= {m.name for m in t.metrics if m.group in alarm.suppresses or m.group == alarm.key}
    incident.metrics |= metrics
    return _incident_day(incident, day, BAD, metrics)


def _incident_day(incident: Incident, day: date, verdict: str, metrics: set[str] | None = None) -> IncidentDay:
    is_closing, names = incident.closed == day, tuple(sorted(metrics or ()))
    return IncidentDay(
        day, incident.key, incident.opened, incident.is_rule, verdict, is_closing, incident.last_good, names
    )


def _verdict_without_alarm(
    incident: Incident, day: date, facts: Facts, t: Thresholds, state: State, alarms: Sequence[Alarm]
) -> str:
    """Return how a day without the incident's alarm is judged; a day still being written is not judged well."""
    if facts.hours < 24:
        return UNSEEN
    if incident.is_rule:
        return WELL if can_tell(incident.key, facts, day) else UNSEEN
    if any(incident.key in a.suppresses for a in alarms):
        return UNSEEN
    verdicts = []
    for metric in (m for m in t.metrics if m.group == incident.key and m.name in incident.metrics):
        before = state.last_days(metric.name, incident.opened, t.history_days)
        verdicts.append(_near(_compared(facts, metric, day, before, t), facts, incident))
    if LINGERING in verdicts:
        return LINGERING
    return UNSEEN if UNSEEN in verdicts else WELL


def _near(verdict: Verdict, facts: Facts, incident: Incident) -> str:
    """Return whether a metric is nearer to its usual value than to that of the incident's last bad days."""
    if verdict.verdict in (NO_DATA, INSUFFICIENT) or verdict.score is None:
        return UNSEEN
    if verdict.verdict == ALARM:
        return LINGERING
    level = _level(facts, verdict.metric, incident.bad_days[-RECENT_DAYS:])
    if level is None or level == verdict.score.expected:
        return WELL
    part = (verdict.score.value - verdict.score.expected) / (level - verdict.score.expected)
    return WELL if part < 0.5 else LINGERING


def _level(facts: Facts, metric: Metric, days: Sequence[date]) -> float | None:
    """Return a metric's mean over days, in the unit of a score's value."""
    if metric.kind == "amount":
        amounts = [a for d in days if (a := facts.amounts.get(d)) and a.n]
        return exp(sum(a.total for a in amounts) / sum(a.n for a in amounts)) if amounts else None
    points = [p for d in days if (p := _point(facts, metric, d))]
    return sum(p.x for p in points) / sum(p.n for p in points) if points else None


def _is_level(alarm: Alarm, facts: Facts, incident: Incident, t: Thresholds) -> bool:
    """Return whether today is as the incident's days before were: a new level, not a moving one."""
    metric = alarm.verdicts[0].metric
    if metric.kind == "amount":
        return True
    points = [p for d in incident.bad_days[-RECENT_DAYS:] if (p := _point(facts, metric, d))]
    if len(points) < t.level_days:
        return False
    found = score(points[:-1], points[-1], metric.kind, t.weekday_weight, metric.limit)
    return found is None or not is_alarm(found, metric, metric.limit)
