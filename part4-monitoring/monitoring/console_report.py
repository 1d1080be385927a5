"""Write the console report: the status first, then the alarms; one line for a GREEN day."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from event_data.output import paragraph, table, verdict
from monitoring.alarms import TOO_LITTLE, Alarm, DayReport, Verdict
from monitoring.baselines import freedom, student_of
from monitoring.explanation import figure, percent

METRIC_HEADINGS = ("metric", "value", "expected", "from", "to", "z", "evid.", "days", "verdict")
METRIC_WIDTH = 120  # one line for each metric, which a narrow terminal wraps


def lines(report: DayReport, expected_false: str, verbose: bool, colour: bool, width: int) -> list[str]:
    """Return the report as lines; `expected_false` is what the simulation found for these thresholds."""
    shown = [headline(report, colour)]
    for alarm in report.alarms:
        shown += alarm_lines(alarm, report, width)
    if verbose:
        shown += ["", *metrics_table(report, width), "", f"  Expected false alarms: {expected_false}"]
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
    if report.is_closed:
        return f"{status}  {report.day}: {'; '.join(parts)}; no file is due."
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


def metrics_table(report: DayReport, width: int) -> list[str]:
    """Return every metric with its value, expected range, z, evidence, verdict, and what could be seen today."""
    rows = []
    for v in report.verdicts:
        s = v.score
        if s is None:
            value = "-" if v.value is None else figure(v.value, v.metric.kind, report.currency)
            rows.append((v.metric.name, value, *"-----", str(v.days), v.verdict))
            continue
        figures = (figure(x, v.metric.kind, report.currency) for x in (s.value, s.expected, s.low, s.high))
        certainty = f"{s.z:.1f}", f"{s.evidence:.1f}", str(v.days)
        rows.append((v.metric.name, *figures, *certainty, f"{v.verdict}; {sees(v)}"))
    return table(METRIC_HEADINGS, rows, max(width, METRIC_WIDTH), right=range(1, 8))


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


def calendar(reports: Sequence[DayReport], width: int) -> list[str]:
    """Return the backtest: day, status and alarms; then the first alarm and the last day of each incident."""
    zone, days = reports[-1].time_zone, []
    for report in reports:
        keys = [
            f"{a.severity} {a.key}" + (f" (day {a.day_number})" if a.day_number > 1 else "")
            for a in report.alarms
            if a.counts
        ]
        days.append((str(report.day), report.status, "; ".join(keys) or "-"))
    found = [
        (a.key, str(a.opened), f"{a.first_bad} {zone}" if a.first_bad else "the day", str(last), str(count))
        for a, last, count in incidents(reports)
    ]
    head = ("incident", "since", "first bad", "until", "days")
    return [*table(("day", "status", "alarms"), days, width), "", *table(head, found, width, right=(4,))]


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
