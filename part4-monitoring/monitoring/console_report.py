"""Write the console report: the status first, then the alarms; one line for a GREEN day."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from event_data.output import paragraph, verdict
from monitoring.alarms import TOO_LITTLE, Alarm, DayReport, Verdict
from monitoring.baselines import freedom, student_of
from monitoring.explanation import figure, percent


def lines(report: DayReport, expected_false: str, verbose: bool, colour: bool, width: int) -> list[str]:
    """Return the report as lines; `expected_false` is what the simulation found for these thresholds."""
    shown = [headline(report, colour)]
    for alarm in report.alarms:
        shown += alarm_lines(alarm, report, width)
    if verbose:
        shown += ["", *table(report), "", f"  Expected false alarms: {expected_false}"]
    return shown


def headline(report: DayReport, colour: bool = False) -> str:
    """Return the status as the first word of one line, fit to be a cron mail's only line."""
    status = verdict(report.status, colour)
    parts = [f"{_count(len(report.active), 'alarm')}" if report.active else "nothing wrong found"]
    if report.active:
        parts.append(f"worst: {report.active[0].key}")
    quiet = sum(not a.counts for a in report.alarms)
    if quiet:
        parts.append(f"{quiet} acknowledged or planned")
    parts.append(f"{len(report.judged)} of {len(report.verdicts)} metrics judged")
    if report.insufficient and report.status != TOO_LITTLE:
        parts.append(f"INSUFFICIENT HISTORY for {len(report.insufficient)}")
    return f"{status}  {report.day}: {'; '.join(parts)}."


def alarm_lines(alarm: Alarm, report: DayReport, width: int) -> list[str]:
    """Return the alarm, and its circumstances indented below, wrapped to the width."""
    money = report.currency.exact
    state = {"ongoing": f", day {alarm.day_number}", "level": f", day {alarm.day_number}: a change of level"}
    age = state.get(alarm.state, "" if alarm.state == "new" else f", {alarm.state}")
    moment = f" {alarm.first_bad} {report.time_zone}" * bool(alarm.first_bad and alarm.day == alarm.opened)
    before = "" if alarm.last_good else " or before"
    facts = [f"since {alarm.opened}{moment}{before}"]
    facts.append(f"last good day {alarm.last_good}" if alarm.last_good else "no good day known")
    if alarm.segment:
        facts.append(f"explained by: {alarm.segment}")
    below = ["; ".join(facts)]
    if alarm.at_stake is not None:
        more = f", {money(alarm.at_stake_since or 0)} since then" if alarm.day_number > 1 else ""
        below.append(f"{money(alarm.at_stake)} {alarm.stake_text}{more}")
    if alarm.also:
        below.append("also: " + "; ".join(alarm.also))
    if alarm.reason:
        below.append(alarm.reason)
    if alarm.state == "level":
        below.append(f"if this is the new level: --acknowledge {alarm.key}")
    if alarm.counts:
        below += [f"{i}. {step}" for i, step in enumerate(alarm.steps, 1)]
    head = f"{alarm.severity} {alarm.key} ({alarm.layer}{age}): {alarm.text}"
    return [paragraph(head, width, 2, 5), *(paragraph(text, width, 5, 8) for text in below)]


def table(report: DayReport) -> list[str]:
    """Return every metric with its value, expected range, z, evidence, verdict, and what could be seen today."""
    head = (
        f"  {'metric':<36}{'value':>10}{'expected':>10}{'from':>10}{'to':>10}{'z':>7}{'evid.':>7}{'days':>5}  verdict"
    )
    shown = [head]
    for v in report.verdicts:
        s, currency = v.score, report.currency
        if s is None:
            value = "-" if v.value is None else figure(v.value, v.metric.kind, currency)
            shown.append(
                f"  {v.metric.name:<36}{value:>10}{'-':>10}{'-':>10}{'-':>10}{'-':>7}{'-':>7}{v.days:>5}  {v.verdict}"
            )
            continue
        value, expected, low, high = (figure(x, v.metric.kind, currency) for x in (s.value, s.expected, s.low, s.high))
        shown.append(
            f"  {v.metric.name:<36}{value:>10}{expected:>10}{low:>10}{high:>10}{s.z:>7.1f}{s.evidence:>7.1f}{v.days:>5}"
            f"  {v.verdict}; {sees(v)}"
        )
    return shown


def sees(verdict: Verdict) -> str:
    """Return the smallest change, in steps, that would have been an alarm today."""
    s, metric = verdict.score, verdict.metric
    if s is None:
        return "sees nothing yet"
    margin = max(abs(s.high - s.expected), 1e-12)
    if metric.kind == "share":
        least = max(margin, metric.min_change)
        if metric.watch != "down" and s.expected + least < 1:
            return f"sees {percent(s.expected + least)}"
        return f"sees {percent(s.expected - least)}" if s.expected > least else "sees no change"
    falls = [step for step in range(5, 101, 5) if step / 100 >= metric.min_change and _seen(verdict, -step / 100)]
    rises = [
        step
        for step in (25, 50, 75, 100, 150, 200, 300, 500)
        if step / 100 >= metric.min_change and _seen(verdict, step / 100)
    ]
    if metric.watch == "up" or not falls:
        return f"sees +{rises[0]}%" if rises and metric.watch != "down" else "sees no fall"
    return f"sees -{falls[0]}%, not -{falls[0] - 5}%"


def _seen(verdict: Verdict, change: float) -> bool:
    """Return whether a relative change would pass the limit, with the day's own expectation and scatter."""
    s, metric = verdict.score, verdict.metric
    if s is None:
        return False
    if metric.kind == "amount":
        return s.expected * (1 + change) < s.low or s.expected * (1 + change) > s.high
    sd = (s.value - s.expected) / s.z if s.z else 0.0
    if not sd:
        return False
    df = freedom(s.phi, s.days)
    return abs(change * s.expected / sd) >= student_of(metric.limit, df)


def calendar(reports: Sequence[DayReport]) -> list[str]:
    """Return the backtest: day, status and alarms; then the first alarm and the last day of each incident."""
    shown = ["  day         status                alarms"]
    for report in reports:
        keys = [
            f"{a.severity} {a.key}" + (f" (day {a.day_number})" if a.day_number > 1 else "")
            for a in report.alarms
            if a.counts
        ]
        shown.append(f"  {report.day}  {report.status:<20}  {'; '.join(keys) or '-'}")
    zone = reports[-1].time_zone
    wide = max(18, len(f"00:00:00 {zone}") + 2)
    shown += ["", f"  {'incident':<40}{'first alarm':<13}{'first bad moment':<{wide}}{'last day':<12}days"]
    for alarm, last, days in incidents(reports):
        moment = f"{alarm.first_bad} {zone}" if alarm.first_bad else "the day"
        shown.append(f"  {alarm.key:<40}{alarm.opened!s:<13}{moment:<{wide}}{last!s:<12}{days:>4}")
    return shown


def incidents(reports: Sequence[DayReport]) -> list[tuple[Alarm, date, int]]:
    """Return every incident as its first alarm, its last day and its number of days, in order of its first day."""
    found: dict[tuple[str, date | None], tuple[Alarm, date, int]] = {}
    for report in reports:
        for alarm in report.alarms:
            first = found.get((alarm.key, alarm.opened), (alarm, alarm.day, 0))[0]
            found[alarm.key, alarm.opened] = (first, alarm.day, alarm.day_number)
    return sorted(found.values(), key=lambda i: (i[0].day, i[0].severity, i[0].key))


def as_document(report: DayReport) -> dict[str, Any]:
    """Return the report for machines: money and shares as numbers, days as ISO text."""
    return {
        "day": report.day.isoformat(),
        "status": report.status,
        "alarms": [_alarm_document(a) for a in report.alarms],
        "metrics": [_verdict_document(v) for v in report.verdicts],
    }


def _alarm_document(a: Alarm) -> dict[str, Any]:
    return {
        "key": a.key, "layer": a.layer, "severity": a.severity, "state": a.state, "text": a.text, "also": a.also,
        "metrics": [v.metric.name for v in a.verdicts], "opened": _iso(a.opened), "day_number": a.day_number,
        "last_good": _iso(a.last_good), "first_bad": a.first_bad, "segment": a.segment, "at_stake": a.at_stake,
        "at_stake_since": a.at_stake_since, "stake": a.stake_text, "check": list(a.steps), "reason": a.reason,
    }  # fmt: skip


def _verdict_document(v: Verdict) -> dict[str, Any]:
    s = v.score
    return {
        "metric": v.metric.name, "layer": v.metric.layer, "group": v.metric.group, "kind": v.metric.kind,
        "verdict": v.verdict, "days": v.days, "value": v.value, "expected": s and s.expected, "low": s and s.low,
        "high": s and s.high, "z": s and s.z, "evidence": s and s.evidence, "dispersion": s and s.phi, "sees": sees(v),
    }  # fmt: skip


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
