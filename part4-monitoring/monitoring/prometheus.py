"""Write the state of the monitor for node_exporter's textfile collector: a dead-man switch needs a sign of life."""

from collections import Counter
from datetime import datetime

from monitoring.alarms import GREEN, RED, TOO_LITTLE, YELLOW, DayReport

STATUSES = {GREEN: 0, YELLOW: 1, RED: 2, TOO_LITTLE: 3}


def textfile(report: DayReport, waiting: int, now: datetime, end: float) -> str:
    """Return the exposition format, version 0.0.4; seconds since 1970, as the day's `end` is, and counts."""
    counts = Counter(a.severity for a in report.active)
    rows: list[tuple[str, str, dict[str, float]]] = [
        ("status", "0 green, 1 yellow, 2 red, 3 insufficient history.", {"": STATUSES[report.status]}),
        ("last_run_timestamp_seconds", "When the monitor last ran to its end.", {"": now.timestamp()}),
        ("checked_day_end_timestamp_seconds", "The end of the day that was judged.", {"": end}),
        ("alarms", "Alarms that stand, by severity.", {f'{{severity="{s}"}}': counts[s] for s in ("P0", "P1", "P2")}),
        ("outbox_messages", "Messages that could not be delivered yet.", {"": waiting}),
        ("insufficient_history_metrics", "Metrics that could not be judged.", {"": len(report.insufficient)}),
    ]
    lines = []
    for name, text, values in rows:
        metric = f"event_trust_{name}"
        lines += [f"# HELP {metric} {text}", f"# TYPE {metric} gauge"]
        lines += [f"{metric}{labels} {value:.15g}" for labels, value in values.items()]
    return "\n".join(lines) + "\n"
