"""Write the state of the monitor for node_exporter's textfile collector: a dead man's switch needs a sign of life."""

from collections import Counter
from datetime import datetime

from monitoring.alarms import GREEN, RED, TOO_LITTLE, YELLOW, DayReport

STATUSES = {GREEN: 0, YELLOW: 1, RED: 2, TOO_LITTLE: 3}


def textfile(report: DayReport, waiting: int, now: datetime, end: float) -> str:
    """Return the exposition format: counts, and times in seconds since 1970, as `end` is."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest  # only where it is asked for

    registry = CollectorRegistry()

    def gauge(name: str, text: str, value: float) -> None:
        Gauge(f"event_trust_{name}", text, registry=registry).set(value)

    gauge("status", "0 green, 1 yellow, 2 red, 3 insufficient history.", STATUSES[report.status])
    gauge("last_run_timestamp_seconds", "When the monitor last completed a run.", now.timestamp())
    gauge("checked_day_end_timestamp_seconds", "The end of the day that was judged.", end)
    gauge("outbox_messages", "Messages that could not be delivered yet.", waiting)
    gauge("insufficient_history_metrics", "Metrics that could not be judged.", len(report.insufficient))
    alarms = Gauge("event_trust_alarms", "Open alarms, by severity.", ["severity"], registry=registry)
    counts = Counter(a.severity for a in report.active)
    for severity in ("P0", "P1", "P2"):
        alarms.labels(severity).set(counts[severity])
    return generate_latest(registry).decode()
