"""Complete the alarms: their text, the segment that explains them, since when, and how much money is affected."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from monitoring.alarms import Alarm, DayReport, Verdict
from monitoring.metrics import Facts, Value, Warehouse
from monitoring.thresholds import Thresholds
from monitoring.wording import capital, change, place, where_is

# Metrics without segments of their own -> the metric whose segments explain them, by day and by hour.
DAILY = {"records": "events"}
HOURLY = DAILY | {"orders": "order_events"}
UNKNOWN = "Unknown"  # the segment of what is not known
LEAST_LIFT = 0.15  # a segment is named only if it explains this much more than its usual share
RULE_IMPACTS = {
    "column_renamed": "untracked", "column_lost": "day", "all_null": "day", "id_collision": "collisions",
    "no_file": "shortfall", "no_events": "shortfall", "zero_revenue": "shortfall", "zero_paid_revenue": "paid",
    "silent_hours": "hours", "hours_not_tracked": "untracked_hours", "file_truncated": "hours",
    "file_refused": "shortfall", "records_refused": "refused",
}  # fmt: skip
IMPACT_TEXTS = {  # after an amount
    "shortfall": "less revenue than usual", "day": "of revenue is affected",
    "untracked": "of revenue has no client id as tracked", "anonymous": "of revenue has no touch",
    "collisions": "would be lost by deduplicating on the transaction id", "paid": "of paid revenue is usual",
    "not_tracked": "of booked revenue was not tracked", "hours": "of revenue is usual in these hours",
    "untracked_hours": "of booked revenue was not tracked in these hours",
    "lost_clicks": "was spent on clicks that led to no session",
    "refused": "of revenue is refused or quarantined",
}  # fmt: skip


def explain(report: DayReport, facts: Facts, warehouse: Warehouse, t: Thresholds) -> None:
    """Complete the alarms of a report: text, segment, first bad moment, stake, and what to check."""
    for alarm in report.alarms:
        alarm.steps = t.runbooks[alarm.name]
        if alarm.verdicts and not alarm.is_rule:
            head = alarm.verdicts[0]
            alarm.text = f"{capital(change(head, facts.currency))}."
            alarm.also = [change(v, facts.currency) for v in alarm.verdicts[1:]]
            alarm.segment = segment(head, report.day, facts, warehouse)
            hour = first_bad_hour(head, report.day, facts)
            alarm.first_bad = "" if hour is None else f"{hour:02}:00"
        else:
            concerns = alarm.key.partition(":")[2]
            alarm.also += [change(v, facts.currency) for v in alarm.verdicts if v.metric.name != concerns]
            alarm.first_bad = _first_event(alarm, facts, warehouse)
        alarm.at_stake = impact(alarm, facts, warehouse)
        known = [amount for amount in (alarm.at_stake_before, alarm.at_stake) if amount is not None]
        alarm.at_stake_since = sum(known) if known else None
        alarm.stake_text = IMPACT_TEXTS.get(_impact_kind(alarm, facts) or "", "")


def segment(verdict: Verdict, day: date, facts: Facts, warehouse: Warehouse) -> str:
    """Return the segment that explains most of the deviation beyond its usual share, or the kinds that differ in none.

    A segment's deviation is its value minus its own baseline; its share of the whole deviation is compared with
    its share of the whole (the surprise of Bhagwan et al., Adtributor, NSDI 2014).
    """
    if verdict.segment:
        return where_is(*verdict.segment)
    name, days = verdict.metric.name, [*verdict.history, day]
    if facts.hours == 24 or verdict.metric.kind != "count":  # a share needs no whole day, and has more kinds by the day
        rows = warehouse.rows("segments", metric=DAILY.get(name, name), days=days)
    else:
        rows = warehouse.rows("segments_of_hours", metric=HOURLY.get(name, name), days=days, hours=facts.hours)
    kinds: dict[str, dict[str, list[tuple[date, float, float | None]]]] = defaultdict(lambda: defaultdict(list))
    for kind, value, at, x, n in rows:
        kinds[kind][value].append((at, x or 0.0, n))
    best, compared = (LEAST_LIFT, ""), []
    # a campaign says more than its channel that explains as much
    for kind, segments in sorted(kinds.items(), key=lambda one: one[0] != "campaign"):
        parts = {value: _part(points, day, len(verdict.history)) for value, points in segments.items()}
        deviation, weight = sum(d for d, _ in parts.values()), sum(w for _, w in parts.values())
        if not deviation or not weight:
            continue
        if sum(w > 0 for value, (_, w) in parts.items() if value != UNKNOWN) > 1:
            compared.append(kind.replace("_", " "))
        for value, (d, w) in parts.items():
            share = d / deviation
            lift = min(share, 1.0) - w / weight
            if lift > best[0] and len(parts) > 1:
                best = (lift, place(kind, value, share))
    return best[1] or (f"about equally in each {_listed(sorted(compared))}" if compared else "")


def _listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence: browser, channel and device."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _part(points: Sequence[tuple[date, float, float | None]], day: date, days: int) -> tuple[float, float]:
    """Return a segment's deviation from its own baseline, and its usual weight."""
    x = sum(v for at, v, _ in points if at == day)
    n = sum(n or 0.0 for at, _, n in points if at == day)
    before_x = sum(v for at, v, _ in points if at != day)
    before_n = sum(n or 0.0 for at, _, n in points if at != day)
    if any(n is not None for _, _, n in points):
        rate = before_x / before_n if before_n else 0.0
        return x - rate * n, max(before_n / days, n)
    return x - before_x / days, before_x / days


def first_bad_hour(verdict: Verdict, day: date, facts: Facts) -> int | None:
    """Return the hour in which the deviation began: the start of the run of hours with the largest sum.

    An hour adds its distance from the midpoint between the usual level and the day's own, as in a CUSUM chart (Page
    1954), so that an hour that looks usual ends the run.
    """
    hours = facts.by_hour.get(HOURLY.get(verdict.metric.name, verdict.metric.name))
    if not hours or verdict.score is None or not verdict.history or verdict.segment or verdict.window > 1:
        return None
    sign = 1 if verdict.score.change > 0 else -1
    middle = (1 + verdict.score.value / verdict.score.expected) / 2 if verdict.score.expected else 1.0
    start, total, best, first_bad = 0, 0.0, 0.0, None
    for hour in range(facts.hours):
        x, n = hours.get(day, {}).get(hour, (0.0, None))
        total += sign * (x - middle * _usual(hours, verdict.history, hour, n))
        if total > best:
            best, first_bad = total, start
        if total <= 0:
            total, start = 0.0, hour + 1
    return first_bad


def _usual(hours: dict[date, dict[int, Value]], days: Sequence[date], hour: int, n: float | None) -> float:
    values = [hours.get(d, {}).get(hour, (0.0, None)) for d in days]
    x, whole = sum(v for v, _ in values), sum(w or 0.0 for _, w in values)
    if n is None:
        return x / len(values)
    return n * x / whole if whole else 0.0


def _first_event(alarm: Alarm, facts: Facts, warehouse: Warehouse) -> str:
    """Return the day's first event where a whole file is wrong; otherwise what the rule knows."""
    if alarm.name not in ("column_renamed", "column_lost", "column_added", "all_null"):
        return alarm.first_bad
    at = warehouse.of_day("first_event", alarm.day, facts)
    return f"{at[0]:%H:%M:%S}" if at else ""


def lasting_text(name: str, t: Thresholds) -> str:
    """Return the words after the amount of an incident of this name, a rule or a group of metrics."""
    of_group = (metric.impact for metric in t.metrics if metric.group == name and metric.impact)
    return IMPACT_TEXTS.get(RULE_IMPACTS.get(name) or next(of_group, None) or "day", "")


def _impact_kind(alarm: Alarm, facts: Facts) -> str | None:
    kind = RULE_IMPACTS.get(alarm.name) if alarm.is_rule else alarm.verdicts[0].metric.impact
    refused = sum(r.orders for r in facts.refusals.get(alarm.day, []))
    is_exact = refused and refused == facts.received.get(alarm.day, (0,))[0]  # do not estimate what is known exactly
    return "refused" if kind == "shortfall" and is_exact else kind


def impact(alarm: Alarm, facts: Facts, warehouse: Warehouse) -> float | None:
    """Return the money of the alarm's day that it affects, in the shop's currency; None where it is not known."""
    kind, day = _impact_kind(alarm, facts), alarm.day
    if kind == "lost_clicks":
        return sum(map(float, warehouse.of_day("lost_clicks", day, facts))) or None
    if not facts.roles.has_amount or (kind in ("anonymous", "paid") and not facts.roles.has_channels):
        return None
    if kind in ("shortfall", "paid", "hours"):
        return _missing(kind, alarm, facts, warehouse)
    if kind == "refused":
        return float(sum(r.amount for r in facts.refusals.get(day, []))) or None
    if kind == "collisions":
        return sum(map(float, warehouse.of_day("collisions", day, facts)))
    if kind == "not_tracked":
        return sum(map(float, warehouse.of_day("not_tracked", day, facts))) or None
    if kind == "untracked_hours":
        return float(sum(run.amount for run in facts.untracked_hours.get(day, []))) or None
    if kind == "anonymous":  # known by the day only
        return facts.values["unattributed_share"].get(day, (0.0, None))[0] if facts.hours == 24 else None
    if kind is None:
        return None
    sold, untracked = warehouse.of_day("sold", day, facts) or (0.0, 0.0)
    return float(untracked if kind == "untracked" else sold)


def _missing(kind: str, alarm: Alarm, facts: Facts, warehouse: Warehouse) -> float | None:
    """Return what is usually sold: on the whole day, by paid channels, or in the day's silent hours."""
    day, days = alarm.day, alarm.reference
    revenue = [facts.values["revenue"][d][0] for d in days if d in facts.values["revenue"]]
    if not revenue:
        return None
    usual = sum(revenue) / len(revenue)
    if kind == "shortfall":
        sold, _ = warehouse.of_day("sold", day, facts) or (0.0, 0.0)
        return float(max(0.0, usual - sold))
    if kind == "paid":
        paid = [facts.values["paid_orders"][d] for d in days if d in facts.values["paid_orders"]]
        return usual * sum(x for x, _ in paid) / max(sum(n or 0.0 for _, n in paid), 1.0)
    orders = facts.by_hour["order_events"]
    silent = [h for h in range(facts.hours) if not facts.by_hour["events"].get(day, {}).get(h, (0.0, None))[0]]
    whole = sum(x for d in days for x, _ in orders.get(d, {}).values())
    return usual * sum(orders.get(d, {}).get(h, (0.0, None))[0] for d in days for h in silent) / max(whole, 1.0)
