"""Distinguish trading from faults: if traffic and orders rise together, many shares change without a fault."""

from collections.abc import Sequence

from monitoring.alarms import NOTE, Alarm, Verdict
from monitoring.thresholds import Thresholds

RISE = 0.12  # of sessions or orders, relative to the expected number
SHARED = 0.3  # orders rise by at least this part of the sessions' rise
ROOM = 0.1  # tolerance for chance
REASON = "Sessions and orders rose together, as in a sale or a campaign."


def rise(verdicts: Sequence[Verdict]) -> float | None:
    """Return the rise of sessions if orders rose with them, 0 if only orders rose, and None if neither did."""
    change = {v.metric.name: v.score.change for v in verdicts if v.score and v.window == 1 and not v.segment}
    sessions, orders = change.get("sessions"), change.get("orders")
    if sessions is None or orders is None:
        return None
    is_trading = max(sessions, orders) >= RISE and sessions > -RISE / 2 and orders >= max(SHARED * sessions, RISE / 2)
    return max(sessions, 0.0) if is_trading else None


def note_trading(alarms: Sequence[Alarm], verdicts: Sequence[Verdict], t: Thresholds) -> None:
    """Turn the alarms that trading explains into notes."""
    rose = rise(verdicts)
    for alarm in alarms if rose is not None else ():
        if alarm.is_rule or alarm.key not in t.trading:
            continue
        if not any(_is_fault(verdict, rose or 0.0) for verdict in alarm.verdicts):
            alarm.severity, alarm.state, alarm.reason, alarm.opened = "P3", NOTE, REASON, alarm.day


def _is_fault(verdict: Verdict, rose: float) -> bool:
    """Return whether trading cannot explain a verdict.

    It cannot explain fewer events, order values of another scale, or a share that moved further than it would if all
    or none of the added sessions belonged to it.
    """
    score, metric = verdict.score, verdict.metric
    if score is None:
        return False
    if metric.kind in ("count", "ratio") or verdict.segment:
        return score.change < 0
    if metric.kind == "amount":
        return not -0.5 < score.change < 1.0
    if metric.kind == "share" and metric.group in ("orders", "checkouts"):
        return False  # of the added sessions, fewer buy
    least, most = score.expected / (1 + rose), (score.expected + rose) / (1 + rose)
    return metric.kind == "scale" or not least * (1 - ROOM) <= score.value <= most * (1 + ROOM)
