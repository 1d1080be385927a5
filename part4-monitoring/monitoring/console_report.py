"""Format the report for a terminal: the status first, then the alarms; one line for a GREEN day."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

from event_data.output import count, paragraph, printable, table, verdict
from monitoring.alarms import GREEN, RED, TOO_LITTLE, YELLOW, Alarm, DayReport, Verdict
from monitoring.baselines import freedom, student_of
from monitoring.thresholds import Thresholds
from monitoring.wording import (
    ACKNOWLEDGE,
    ENDED,
    NOT_OVER,
    PAGE,
    Advice,
    acknowledgement,
    details,
    figure,
    finished,
    instructions,
    known_as,
    known_line,
    percent,
    title,
    unfinished,
    verdict_line,
)

METRIC_HEADINGS = ("metric", "value", "expected", "from", "to", "z", "evid.", "days", "verdict")
METRIC_WIDTH = 120  # one line for each metric, which a narrow terminal wraps


def lines(
    report: DayReport, t: Thresholds, expected_false: str, verbose: bool, colour: bool, width: int, advice: Advice
) -> list[str]:
    """Return the report as lines; `expected_false` is the result of the simulation for these thresholds."""
    first = paragraph(headline(report), width, 0, 2) if report.alarms else headline(report)
    shown = [verdict(report.status, colour) + first.removeprefix(report.status)]
    each, whole = instructions([a for a in report.alarms if not a.is_known], report, advice)
    for alarm in report.alarms:
        first_line, *rest = alarm_lines(alarm, report, width, each)
        shown += ["", verdict(alarm.severity, colour) + first_line.removeprefix(alarm.severity), *rest]
    named = {NOT_OVER: unfinished(report, t), ENDED: finished(report, t)}
    below = [paragraph(f"{what}: {names}", width, 0, 2) for what, names in named.items() if names]
    to_copy = {ACKNOWLEDGE: whole, PAGE: advice.page if report.alarms else ""}
    below += [_copied(what, text, width) for what, text in to_copy.items() if text]
    shown += ["", *below] if report.alarms else below
    if verbose:
        shown += ["", *metrics_table(report, width), "", f"  Expected false alarms: {expected_false}"]
    return shown


def headline(report: DayReport) -> str:
    """Return the day's verdict in one line with the status as its first word."""
    shop = f", {report.shop}" if report.shop else ""
    note = f", {report.note}" if report.note else ""
    return f"{report.status}  {report.day}{shop}{note}: {verdict_line(report)}"


def alarm_lines(alarm: Alarm, report: DayReport, width: int, command: str = "") -> list[str]:
    """Return an alarm with its details and steps indented below, wrapped to the width; a known one in one line."""
    if alarm.is_known:
        return [paragraph(f"{alarm.severity}  {known_line(alarm, report)}", width, 0, 4)]
    below = [paragraph(text, width, 4, 6) for text in details(alarm, report)]
    below += [paragraph(f"{number}. {step}", width, 4, 7) for number, step in enumerate(alarm.steps, 1)]
    below.append(_copied(*acknowledgement(alarm, command), width, 4))
    return [paragraph(f"{alarm.severity}  {title(alarm)}.", width, 0, 4), *below]


def _copied(what: str, text: str, width: int, indent: int = 0) -> str:
    """Return a command or path after its label, on a line of its own if it would wrap and be hard to copy."""
    blank = " " * indent
    line = f"{blank}{what}: {text}"
    return printable(line) if len(line) <= width else f"{blank}{what}:\n{printable(f'{blank}  {text}')}"


def metrics_table(report: DayReport, width: int) -> list[str]:
    """Return every metric with its value, expected range, z, evidence, verdict, and smallest visible change."""
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
    """Return the smallest change, in steps, that would have raised an alarm on the day."""
    s, metric = verdict.score, verdict.metric
    if s is None:
        return "detects nothing yet"
    margin = max(abs(s.high - s.expected), 1e-12)
    if metric.kind == "share":
        least = max(margin, metric.min_change)
        if metric.watch != "down" and s.expected + least < 1:
            return f"detects {percent(s.expected + least)}"
        return f"detects {percent(s.expected - least)}" if s.expected > least else "detects no change"
    falls = [step for step in range(5, 101, 5) if step / 100 >= metric.min_change and _seen(verdict, -step / 100)]
    rises = [
        step
        for step in (25, 50, 75, 100, 150, 200, 300, 500)
        if step / 100 >= metric.min_change and _seen(verdict, step / 100)
    ]
    if metric.watch == "up" or not falls:
        return f"detects +{rises[0]}%" if rises and metric.watch != "down" else "detects no fall"
    return f"detects -{falls[0]}%, not -{falls[0] - 5}%"


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


def calendar(reports: Sequence[DayReport], width: int, colour: bool = False) -> list[str]:
    """Return the backtest: its totals, each day with its alarms, and the first and last day of each incident."""
    zone, days = reports[-1].time_zone, []
    for report in reports:
        keys = [
            f"{a.severity} {a.key}" + (f" (day {a.day_number})" if a.day_number > 1 else "")
            for a in report.alarms
            if a.counts
        ]
        days.append((str(report.day), report.status, "; ".join(keys) or "-"))
    lines = [
        (a.key, str(a.opened), f"{a.first_bad} {zone}" if a.first_bad else "-", str(last), str(bad_days))
        for a, last, bad_days in incidents(reports)
    ]
    statuses = Counter(report.status for report in reports)
    went = ", ".join(
        f"{statuses[status]:,} {status}" for status in (RED, YELLOW, GREEN, TOO_LITTLE) if statuses[status]
    )
    first = f"{count(len(reports), 'day')}: {went}; {count(len(lines), 'incident')}."
    below = ["", *table(("incident", "since", "first bad", "until", "days"), lines, width, right=(4,))] if lines else []
    return [first, "", *table(("day", "status", "alarms"), days, width, colour=colour), *below]


def incidents(reports: Sequence[DayReport]) -> list[tuple[Alarm, date, int]]:
    """Return every incident as its first alarm, its last day and its number of days, in order of its first day."""
    open_incidents: dict[tuple[str, date | None], tuple[Alarm, date, int]] = {}
    for report in reports:
        for alarm in report.alarms:
            first = open_incidents.get((alarm.key, alarm.opened), (alarm, alarm.day, 0))[0]
            open_incidents[alarm.key, alarm.opened] = (first, alarm.day, alarm.day_number)
    return sorted(open_incidents.values(), key=lambda i: (i[0].day, i[0].severity, i[0].key))


def as_document(report: DayReport) -> dict[str, Any]:
    """Return the report for machines: money and shares as numbers, days as ISO text."""
    return {
        "day": report.day.isoformat(),
        "status": report.status,
        "note": report.note,
        "unfinished": list(report.unfinished),
        "over": [d.key for d in report.incident_days if d.is_closing],
        "alarms": [_alarm_document(a) for a in report.alarms],
        "metrics": [_verdict_document(v) for v in report.verdicts],
    }


def _alarm_document(a: Alarm) -> dict[str, Any]:
    return {
        "key": a.key, "layer": a.layer, "severity": a.severity, "state": a.state, "text": a.text, "also": a.also,
        "metrics": [v.metric.name for v in a.verdicts], "opened": _iso(a.opened), "day_number": a.day_number,
        "last_good": _iso(a.last_good), "first_bad": a.first_bad, "segment": a.segment, "at_stake": a.at_stake,
        "at_stake_since": a.at_stake_since, "stake": a.stake_text, "check": list(a.steps), "reason": a.reason,
        "decision": known_as(a) if a.is_known else None,
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
