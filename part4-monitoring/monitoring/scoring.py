"""Compare a day's metrics, and those of its segments, with earlier days: the day alone, and the last days together."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache
from itertools import chain
from math import erfc, exp, inf, log, sqrt
from statistics import NormalDist

from monitoring.alarms import ALARM, INSUFFICIENT, NO_DATA, OK, Verdict
from monitoring.baselines import Amounts, Point, Score, score, score_amount, with_trend
from monitoring.metrics import SCALE_STEP, Facts, Value
from monitoring.thresholds import Metric, Thresholds

# A day being written is judged 24 times; the limit of 1 in 1,000 per day is then 1 in 24,000 per run (Bonferroni).
EVERY_HOUR = 0.8
BLOCKS = 3  # the last days together are compared with at least this many earlier periods of the same length
SURE_DAYS = 14  # with fewer days, a dispersion may be small by chance: no segments and no small changes are judged
SHARED_DAYS = 0.7  # the part of the last days that must show the change on their own
RECOVERED = 3.0  # logarithm of the odds from which a day counts as usual
FAR = log(20)  # an amount is far from the usual beyond this factor, and beyond four standard deviations
UNNAMED = ("unknown", "none", "Other", "Unattributed")  # segments of events without a value of the kind


def compare(
    facts: Facts, metric: Metric, day: date, days: Sequence[date], t: Thresholds, since: date | None = None
) -> Verdict:
    """Judge a metric of a day by these days before it; if the day raises no alarm, judge the last days together.

    `since` is the first day of the metric's open incident, whose days are judged together with the day.
    """
    if metric.kind == "amount":
        return _compare_amounts(facts, metric, day, days, t, since)
    if metric.kind == "scale":
        points = scale_points(facts.scales, day, days)
    else:
        points = {d: p for d in (*days, day) if (p := point(facts, metric, d))}
    today = points.pop(day, None)
    if today is None:
        return Verdict(metric, NO_DATA, tuple(points))
    value = today.x / today.n
    if len(points) < t.min_days:
        return Verdict(metric, INSUFFICIENT, tuple(points), None, value)
    kind = "share" if metric.kind == "scale" else metric.kind
    if kind == "count":
        points = dict(zip(points, with_trend(list(points.values()), [(day - d).days for d in points]), strict=True))
    limit = _limit(metric.limit, facts)
    found = score(list(points.values()), today, kind, t.weekday_weight, limit)
    if found is None:
        return Verdict(metric, INSUFFICIENT, tuple(points), None, value)
    if is_alarm(found, metric, limit, _strong(len(points), facts, t), t):
        return Verdict(metric, ALARM, tuple(points), found, found.value)
    windows = t.windows if facts.hours == 24 else ()
    incident = (
        {} if since is None else {d: p for d in _days_before(day, 14) if d >= since and (p := point(facts, metric, d))}
    )
    for length, together, used in _together(points, today, day, kind, found, windows, t, incident):
        if is_alarm(together, metric, t.strong, t.strong, t):
            return Verdict(metric, ALARM, used, together, together.value, window=length)
    return Verdict(metric, OK, tuple(points), found, found.value)


def point(facts: Facts, metric: Metric, day: date) -> Point | None:
    """Return a day of a count, share or ratio."""
    value = facts.value(metric.name, day, metric.kind)
    return None if value is None else Point(day.weekday(), value[0], value[1] or 1.0)


def scale_points(scales: Mapping[date, Mapping[int, int]], day: date, days: Sequence[date]) -> dict[date, Point]:
    """Return how many orders of each day have an amount far from the median of the days before, such as in cents."""
    whole: dict[int, int] = {}
    for d in days:
        for step, count in scales.get(d, {}).items():
            whole[step] = whole.get(step, 0) + count
    if not whole:
        return {day: Point(day.weekday(), 0.0, float(sum(scales[day].values())))} if scales.get(day) else {}
    low, middle, high = (_quantile(whole, part) for part in (0.16, 0.5, 0.84))
    far = max(FAR, 2 * (high - low) * SCALE_STEP) / SCALE_STEP
    return {
        d: Point(
            d.weekday(),
            float(sum(n for step, n in scales[d].items() if abs(step - middle) > far)),
            float(sum(scales[d].values())),
        )
        for d in (*days, day)
        if scales.get(d)
    }


def _quantile(counts: Mapping[int, int], part: float) -> int:
    wanted, total = part * sum(counts.values()), 0
    for step in sorted(counts):
        total += counts[step]
        if total >= wanted:
            return step
    return max(counts)


def _limit(limit: float, facts: Facts) -> float:
    return limit + (EVERY_HOUR if facts.hours < 24 else 0)


def _strong(days: int, facts: Facts, t: Thresholds) -> float:
    return _limit(t.strong, facts) if days >= SURE_DAYS else inf


def is_alarm(found: Score, metric: Metric, limit: float, strong: float, t: Thresholds) -> bool:
    """Return whether a score is beyond the limit, large enough to matter, and in a direction that is watched.

    Strong evidence makes smaller changes matter.
    """
    least = metric.min_change * (t.strong_part if abs(found.evidence) >= strong else 1.0)
    if abs(found.evidence) < limit or abs(found.change) < least:
        return False
    if metric.kind != "amount" and abs(found.events) < metric.min_events:
        return False
    return metric.watch == "both" or (metric.watch == "up") == (found.change > 0)


@lru_cache(maxsize=64)
def _days_before(day: date, number: int) -> tuple[date, ...]:
    return tuple(day - timedelta(days=i) for i in range(1, number + 1))


def _together(
    history: Mapping[date, Point], today: Point, day: date, kind: str, daily: Score, windows: Sequence[int],
    t: Thresholds, incident: Mapping[date, Point],
) -> Iterator[tuple[int, Score, tuple[date, ...]]]:  # fmt: skip
    """Score the sums of the last days against earlier periods of the same length, in which weekdays are alike.

    The last days are those of the history, and those of an open incident, which come after it. Yields the number of
    days, their score and the days that they are compared with, for the sums that chance does not explain and to which
    the day itself may belong.
    """
    x, n = sum(p.x for p in history.values()), sum(p.n for p in history.values())
    now_x, now_n, recent, taken, before = today.x, today.n, [today], 0, _days_before(day, max(windows, default=1) - 1)
    for age, d in enumerate(before, 1):
        if p := history.get(d):
            x, n, taken = x - p.x, n - p.n, taken + 1
        p = p or incident.get(d)
        if p:
            now_x, now_n = now_x + p.x, now_n + p.n
            recent.append(p)
        length = age + 1
        if length not in windows or len(history) - taken < BLOCKS * length or len(recent) < length - length // 7:
            continue
        if _is_chance(Point(0, now_x, now_n), Point(0, x, n), t.strong * sqrt(daily.phi), kind):
            continue
        used = list(history)[: len(history) - taken]
        points = [history[u] for u in used]
        blocks = [_sum(points[i - length : i]) for i in range(len(points), length - 1, -length)]
        together = score(blocks, Point(0, now_x, now_n), kind, t.weekday_weight, t.strong, daily)
        if together and _is_shared(together, recent) and _goes_on(together, daily, recent, kind):
            yield length, together, tuple(used)


def _sum(points: Collection[Point]) -> Point:
    return Point(0, sum(p.x for p in points), sum(p.n for p in points))


def _is_shared(together: Score, recent: Sequence[Point]) -> bool:
    """Return whether most of the days show the change on their own: a single bad day is no lasting change."""
    middle = (together.value + together.expected) / 2
    same = sum((p.x / p.n > middle) == (together.value > together.expected) for p in recent)
    return same >= SHARED_DAYS * len(recent)


def _goes_on(together: Score, daily: Score, recent: Sequence[Point], kind: str) -> bool:
    """Return whether the change of the last days, newest first, may go on: they do not end clearly back to normal."""
    odds = 0.0
    for day in recent:
        odds += odds_of_usual(day, daily, together.value, kind)
        if odds >= RECOVERED:
            return False
    return True


def odds_of_usual(day: Point, found: Score, level: float, kind: str) -> float:
    """Return the logarithm of the odds of the usual value against another level, on one day.

    `found` is the score of the metric's latest day, in whose unit the level is.
    """
    if kind == "amount":
        difference = found.value - found.expected
        if not found.z or not difference:
            return 0.0
        shift = (level - found.expected) * found.z / difference
        return shift * shift / 2 - shift * (day.x / day.n - found.expected) * found.z / difference
    usual, other = max(found.expected, 1e-9), max(level, 1e-9)
    odds = day.x * log(usual / other)
    if kind in ("share", "scale"):
        odds += (day.n - day.x) * log((1 - min(usual, 1 - 1e-9)) / (1 - min(other, 1 - 1e-9)))
    else:
        odds -= (usual - other) * day.n
    return odds / found.phi


def _compare_amounts(
    facts: Facts, metric: Metric, day: date, days: Sequence[date], t: Thresholds, since: date | None
) -> Verdict:
    days = [d for d in days if d in facts.amounts]
    today, limit = facts.amounts.get(day), _limit(metric.limit, facts)
    if today is None:
        return Verdict(metric, NO_DATA, tuple(days))
    history = [facts.amounts[d] for d in days]
    found = score_amount(history, today, limit) if len(days) >= t.min_days else None
    if found and is_alarm(found, metric, limit, _strong(len(days), facts, t), t):
        return Verdict(metric, ALARM, tuple(days), found, found.value)
    for length in t.windows if facts.hours == 24 else ():
        recent = [
            d for d in _days_before(day, length - 1) if d in facts.amounts and (d in days or (since and d >= since))
        ]
        before = [d for d in days if d not in recent]
        if len(before) < BLOCKS * length or len(recent) + 1 < length - length // 7:
            continue
        values = [today, *(facts.amounts[d] for d in recent)]
        summed = Amounts(*(sum(v[i] for v in values) for i in range(3)))
        together = score_amount([facts.amounts[d] for d in before], summed, t.strong)
        means = [Point(0, exp(a.total / a.n), 1.0) for a in values if a.n]
        if not together or not _is_shared(together, means):
            continue
        goes_on = found is None or _goes_on(together, found, means, "amount")
        if goes_on and is_alarm(together, metric, t.strong, t.strong, t):
            return Verdict(metric, ALARM, tuple(before), together, together.value, window=length)
    if found is None:
        return Verdict(metric, INSUFFICIENT, tuple(days))
    return Verdict(metric, OK, tuple(days), found, found.value)


def compare_segments(
    facts: Facts, day: date, reference: Callable[[Metric], tuple[Sequence[date], date | None]], t: Thresholds
) -> list[Verdict]:
    """Return the alarms of segments, each at a limit corrected for their number (Bonferroni).

    A share is compared with the segment's own days. A count is compared as a share of the whole, which trading does not
    change; it must also be lower than on the segment's own days, which a rise elsewhere does not cause. `reference`
    returns what `compare` takes as `days` and `since`.
    """
    found = []
    for metric in t.segments:
        kinds = {kind: facts.segments.get((metric.of, kind), {}) for kind in metric.by}
        limit = corrected(metric.limit, sum(map(len, kinds.values())))
        days, since = reference(metric)
        recent = [d for d in _days_before(day, 14) if since and d >= since]
        for kind, segments in kinds.items():
            wholes = _wholes(segments, {*days, *recent, day}) if metric.kind == "count" else None
            for segment, values in segments.items():
                if segment in UNNAMED:
                    continue
                points = _segment_points(values, wholes, [*days, day])
                incident = _segment_points(values, wholes, recent)
                verdict = _compare_segment(metric, points, incident, day, t, limit)
                if verdict:
                    found.append(replace(verdict, segment=(kind, segment)))
    return found


def corrected(limit: float, looks: int) -> float:
    """Return the limit at which `looks` comparisons together have the false-alarm chance of one."""
    return -NormalDist().inv_cdf(max(erfc(limit / sqrt(2)) / 2 / max(looks, 1), 1e-15))


def segment_points(facts: Facts, metric: Metric, kind: str, segment: str, days: Collection[date]) -> dict[date, Point]:
    """Return the days of a segment: its own share, or its share of the whole count."""
    segments = facts.segments[metric.of, kind]
    wholes = _wholes(segments, days) if metric.kind == "count" else None
    return _segment_points(segments[segment], wholes, days)


def _wholes(segments: Mapping[str, Mapping[date, Value]], days: Collection[date]) -> dict[date, float]:
    return {d: sum(v[d][0] for v in segments.values() if d in v) for d in days}


def _segment_points(
    values: Mapping[date, Value], wholes: Mapping[date, float] | None, days: Collection[date]
) -> dict[date, Point]:
    found = {}
    for d in days:
        x, n = values.get(d, (0.0, None))
        n = wholes.get(d) if wholes is not None else n
        if n:
            found[d] = Point(d.weekday(), x, n)
    return found


def _compare_segment(
    metric: Metric, points: dict[date, Point], incident: Mapping[date, Point], day: date, t: Thresholds, limit: float
) -> Verdict | None:
    """Return an alarm of a segment over the day or the last days, or None."""
    today = points.pop(day, None)
    if today is None or len(points) < SURE_DAYS:
        return None
    used = _sum(points.values())
    is_count = metric.kind == "count"
    if is_count and used.x < metric.min_events * len(points):
        return None
    if _is_chance(today, used, limit, "share") and _is_usual(points, today, day, used, limit, t):
        return None
    daily = score(list(points.values()), today, "share", t.weekday_weight, limit)
    if daily is None:
        return None
    judged = replace(metric, kind="share", min_change=0.0 if is_count else metric.min_change)
    together = _together(points, today, day, "share", daily, t.windows, replace(t, strong=limit), incident)
    for length, found, compared in chain([(1, daily, tuple(points))], together):
        before = _days_before(day, length - 1)
        recent = [today.x, *(p.x for d in before if (p := points.get(d) or incident.get(d)))]
        usual = sum(points[d].x for d in compared) / len(compared)
        is_fewer = sum(recent) / len(recent) < (1 - metric.min_change) * usual
        if (is_fewer or not is_count) and is_alarm(found, judged, limit, limit, t):
            return Verdict(judged, ALARM, compared, found, found.value, window=length, is_part=is_count)
    return None


def _is_usual(history: Mapping[date, Point], today: Point, day: date, used: Point, limit: float, t: Thresholds) -> bool:
    """Return whether no sum of the last days is far from the usual; one pass is enough to tell."""
    x, n = today.x, today.n
    for age, d in enumerate(_days_before(day, max(t.windows, default=1) - 1), 1):
        if p := history.get(d):
            x, n = x + p.x, n + p.n
        if age + 1 in t.windows and not _is_chance(Point(0, x, n), Point(0, used.x, used.n), limit * 0.8, "share"):
            return False
    return True


def _is_chance(now: Point, used: Point, limit: float, kind: str) -> bool:
    """Return whether chance easily explains the difference, so that no score is needed."""
    rate = (used.x + 0.5) / (used.n + 1)
    variance = rate * now.n * (max(1 - rate, 0.0) if kind == "share" else 1.0)
    return abs(now.x - rate * now.n) < 0.5 * limit * sqrt(variance)
