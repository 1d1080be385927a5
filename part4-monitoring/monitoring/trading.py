"""Distinguish trading from faults: if traffic and orders rise together, many shares change without a fault."""

from collections.abc import Sequence

from monitoring.alarms import NOTE, Alarm, Verdict
from monitoring.thresholds import Thresholds

RISE = 0.12  # of sessions or orders, relative to the expected number
SHARED = 0.3  # orders rise by at least this part of the sessions' rise
ROOM = 0.1  # tolerance for chance
REASON = "Sessions and orders rose together, as in a sale or a campaign."
CAMPAIGN = "Sessions changed as much as those of campaigns, as when a campaign begins or ends."
SHARES = ("direct_session_share", "paid_session_share", "utm_share", "click_id_share")  # that a campaign changes
LEAST_CHANGE = 0.08  # of sessions, for a campaign to be told from chance


def rise(verdicts: Sequence[Verdict]) -> float | None:
    """Return the rise of sessions if orders rose with them, 0 if only orders rose, and None if neither did."""
    change = _changes(verdicts)
    sessions, orders = change.get("sessions"), change.get("orders")
    if sessions is None or orders is None:
        return None
    is_trading = max(sessions, orders) >= RISE and sessions > -RISE / 2 and orders >= max(SHARED * sessions, RISE / 2)
    return max(sessions, 0.0) if is_trading else None


def note_trading(alarms: Sequence[Alarm], verdicts: Sequence[Verdict], t: Thresholds) -> None:
    """Turn the alarms that trading explains into notes."""
    rose, change = rise(verdicts), _changes(verdicts).get("sessions", 0.0)
    for alarm in alarms:
        if alarm.is_rule or alarm.key not in t.trading:
            continue
        if rose is not None and not any(_is_fault(verdict, rose) for verdict in alarm.verdicts):
            reason = REASON
        elif all(_is_campaign(verdict, change) for verdict in alarm.verdicts):
            reason = CAMPAIGN
        else:
            continue
        alarm.severity, alarm.state, alarm.reason, alarm.opened = "P3", NOTE, reason, alarm.day


def _changes(verdicts: Sequence[Verdict]) -> dict[str, float]:
    return {v.metric.name: v.score.change for v in verdicts if v.score and v.window == 1 and not v.segment}


def _is_campaign(verdict: Verdict, change: float) -> bool:
    """Return whether a share changed because a campaign brought sessions or no longer brings them.

    If tags were lost, the sessions would still be counted, under other channels. If a campaign begins or ends, sessions
    change by a number that the shares before and after fix. More than half of that change is nearer to a campaign.
    """
    score = verdict.score
    if score is None or verdict.metric.name not in SHARES or not (0 < score.value < 1 and 0 < score.expected < 1):
        return False
    is_of_campaign = (score.value > score.expected) == (change > 0)  # all of the sessions that came or went, or none
    due = (1 - score.expected) / (1 - score.value) - 1 if is_of_campaign else score.expected / score.value - 1
    return abs(due) >= LEAST_CHANGE and change / due >= 0.5


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
