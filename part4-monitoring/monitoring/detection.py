"""Judge a day only by the days before it, from the state that these left.

The same facts, settings and decisions give the same judgement, whether each day is judged by its own run or all in a
replay.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from event_data.contract import Contract
from monitoring.alarms import ALARM, INSUFFICIENT, NOTE, OK, Alarm, Breach, DayReport, Verdict
from monitoring.baselines import score
from monitoring.incidents import (
    ACCEPTED,
    BAD,
    RECENT_DAYS,
    UNSEEN,
    Act,
    Incident,
    IncidentDay,
    State,
)
from monitoring.metrics import Facts
from monitoring.recovery import segment_name, verdict_without_alarm
from monitoring.rules import breaches
from monitoring.scoring import compare, compare_segments, is_alarm, point
from monitoring.thresholds import Metric, Thresholds
from monitoring.trading import note_trading


def judge(facts: Facts, contract: Contract, t: Thresholds, acts: Sequence[Act] = ()) -> list[DayReport]:
    """Judge every day of the facts in order, with a state of its own."""
    return judge_days(facts, facts.days, contract, t, State(acts=acts))


def judge_days(
    facts: Facts, days: Sequence[date], contract: Contract, t: Thresholds, state: State,
    complete: Callable[[DayReport], None] = lambda _: None, more: Mapping[date, Sequence[Breach]] | None = None,
) -> list[DayReport]:  # fmt: skip
    """Judge days in order; `complete` explains a report and adds the money at stake, which the incident sums.

    `more` is the breaches of a day that are not in the facts.
    """
    reports = []
    for day in days:
        report = judge_day(facts, day, contract, t, state, (more or {}).get(day, ()))
        complete(report)
        for alarm in (a for a in report.alarms if a.state != NOTE):
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
    parts = [] if gone or facts.hours < 24 else compare_segments(facts, day, lambda m: _reference(state, m, day, t), t)
    alarms = _grouped(rules, [*verdicts, *parts], day, t)
    note_trading(alarms, verdicts, t)
    days = [_continue(alarm, day, facts, t, state) for alarm in alarms if alarm.state != NOTE]
    alarmed = {(d.key, d.opened) for d in days}
    for incident in state.open:
        if (incident.key, incident.opened) not in alarmed:
            verdict = UNSEEN if is_closed else verdict_without_alarm(incident, day, facts, t, state, alarms)
            incident.add(day, verdict)
            days.append(_incident_day(incident, day, verdict))
    alarms.sort(key=lambda a: (not a.counts, a.severity))
    levels = [i.key for i in state.open if state.is_level(i, day) and not i.closed]
    covered = {key for a in alarms if a.state != NOTE for key in (a.key, *a.suppresses)}
    unfinished = [i.key for i in state.open if not i.closed and i.key not in {*covered, *levels}]
    return DayReport(
        day, alarms, verdicts, facts.currency, facts.time_zone, is_closed, incident_days=days,
        unfinished=tuple(unfinished), levels=tuple(levels),
    )  # fmt: skip


def reference_days(day: date, t: Thresholds, state: State) -> set[date]:
    """Return every earlier day whose facts may be needed to judge this one and those that follow.

    When an incident closes, its metrics are compared with the days around it.
    """
    found = set(state.last_days("records", day, t.history_days))
    for metric in (*t.metrics, *t.segments):
        found.update(state.last_days(metric.name, day, t.history_days))
    for incident in state.open:
        found.update(incident.bad_days[-RECENT_DAYS:], state.last_days("records", incident.opened, t.history_days))
        for metric in (*t.metrics, *t.segments):
            if metric.group == incident.key or metric.name in incident.metrics:
                found.update(state.last_days(metric.name, incident.opened, t.history_days))
    return found


def _reference(state: State, metric: Metric, day: date, t: Thresholds) -> tuple[list[date], date | None]:
    """Return the days that a metric is compared with, and the first day of its own open incident unless planned."""
    own = [i for i in state.open if i.key == metric.group and not i.is_rule and metric.name in i.metrics]
    began = [i.opened for i in own if not any(p.covers(i.opened, i.key) for p in t.planned)]
    return state.reference(metric.name, metric.group, day, t.history_days), min(began, default=None)


def _verdict(facts: Facts, metric: Metric, day: date, t: Thresholds, state: State) -> Verdict:
    """Judge a metric by its reference; after a level was accepted, a value at the former level is good too."""
    days, since = _reference(state, metric, day, t)
    found = compare(facts, metric, day, days, t, since)
    if found.verdict in (ALARM, INSUFFICIENT):
        for incident in state.levels(metric.name, metric.group, day):
            earlier = state.last_days(metric.name, incident.opened, t.history_days)
            before = compare(facts, metric, day, earlier, t)
            if before.verdict == OK:
                return before
    return found


def _grouped(rules: Sequence[Breach], verdicts: Sequence[Verdict], day: date, t: Thresholds) -> list[Alarm]:
    """Return one alarm per cause: rules, then groups in causal order; an earlier one absorbs what it suppresses."""
    alarms: list[Alarm] = []
    own_groups = {b.key: _group(t, b.metric) for b in rules if b.metric}
    for breach in rules:
        host = next((a for a in alarms if breach.metric and _group(t, breach.metric) in a.suppresses), None)
        if host:
            host.also.append(breach.text)
            host.severity = min(host.severity, breach.severity)
        else:
            alarm = Alarm(breach.key, breach.layer, breach.severity, day, breach.text, is_rule=True)
            alarm.suppresses, alarm.first_bad = breach.suppresses, breach.first_bad
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
    """Add an alarm to its incident, new or open, and copy the incident's data to it."""
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
    metrics |= {segment_name(v.metric, *v.segment) for v in alarm.verdicts if v.segment}
    if alarm.is_rule or plan:
        metrics |= {m.name for m in (*t.metrics, *t.segments) if m.group in alarm.suppresses or m.group == alarm.key}
    incident.metrics |= metrics
    return _incident_day(incident, day, BAD, metrics)


def _incident_day(incident: Incident, day: date, verdict: str, metrics: set[str] | None = None) -> IncidentDay:
    is_closing, names = incident.closed == day, tuple(sorted(metrics or ()))
    return IncidentDay(
        day, incident.key, incident.opened, incident.is_rule, verdict, is_closing, incident.last_good, names
    )


def _is_level(alarm: Alarm, facts: Facts, incident: Incident, t: Thresholds) -> bool:
    """Return whether today is like the incident's earlier days: a new level, not a moving one."""
    metric = alarm.verdicts[0].metric
    if metric.kind in ("amount", "scale") or alarm.verdicts[0].segment:
        return True
    points = [p for d in incident.bad_days[-RECENT_DAYS:] if (p := point(facts, metric, d))]
    if len(points) < t.level_days:
        return False
    found = score(points[:-1], points[-1], metric.kind, t.weekday_weight, metric.limit)
    return found is None or not is_alarm(found, metric, metric.limit, t.strong, t)
