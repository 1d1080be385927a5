"""Calculate intervals for shares, differences and means, corrected for the number of comparisons."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist, fmean, median, variance

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate between two bounds, all in the unit of what is estimated."""

    estimate: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Return whether zero, no difference, lies outside."""
        return self.low > 0 or self.high < 0

    @property
    def is_bounded(self) -> bool:
        """Return whether there were enough values for bounds."""
        return math.isfinite(self.low)


def simultaneous(looks: int, confidence: float = CONFIDENCE) -> float:
    """Return the confidence of each of several intervals with which all of them hold together (Bonferroni)."""
    return 1 - (1 - confidence) / max(looks, 1)


def wilson(successes: float, trials: float, confidence: float = CONFIDENCE) -> Interval:
    """Return the interval of a share (Wilson 1927, without a correction for continuity); 0 to 1 without trials."""
    if trials <= 0:
        return Interval(math.nan, 0.0, 1.0)
    z, p = _z(confidence), successes / trials
    middle = p + z * z / (2 * trials)
    reach = z * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials))
    whole = 1 + z * z / trials
    # Rounding must not leave the interval beside its own estimate at 0 and at 1.
    low, high = (middle - reach) / whole, (middle + reach) / whole
    return Interval(p, low if successes > 0 else 0.0, high if successes < trials else 1.0)


def is_small(successes: float, trials: float) -> bool:
    """Return whether a cell is too small to call: its 95% interval is wider than the share, or than a quarter."""
    share = wilson(successes, trials)
    return trials <= 0 or share.high - share.low > min(share.estimate, 0.25)


def share_difference(a: float, of_a: float, b: float, of_b: float, confidence: float = CONFIDENCE) -> Interval:
    """Return a/of_a - b/of_b, as a fraction (Newcombe 1998, method 10: from the two Wilson intervals)."""
    if of_a <= 0 or of_b <= 0:
        return Interval(math.nan, -1.0, 1.0)
    first, second = wilson(a, of_a, confidence), wilson(b, of_b, confidence)
    p, q = first.estimate, second.estimate
    low = p - q - math.hypot(p - first.low, second.high - q)
    high = p - q + math.hypot(first.high - p, q - second.low)
    return Interval(p - q, low, high)


def poisson(events: float, confidence: float = CONFIDENCE) -> Interval:
    """Return the interval of a number of events (Byar's approximation; Breslow and Day 1987)."""
    z, more = _z(confidence), events + 1
    low = events * (1 - 1 / (9 * events) - z / (3 * math.sqrt(events))) ** 3 if events > 0 else 0.0
    return Interval(events, max(low, 0.0), more * (1 - 1 / (9 * more) + z / (3 * math.sqrt(more))) ** 3)


def poisson_sum(total: float, squares: float, confidence: float = CONFIDENCE) -> Interval:
    """Return the interval of a sum of amounts, one for each of a random number of events, in their unit.

    It is that of as many equal amounts as give the same variance, after Fay and Feuer 1997; `squares` is the sum of the
    squared amounts.
    """
    if squares <= 0:
        return Interval(total, total, total)
    number = poisson(total * total / squares, confidence)
    return Interval(total, total * number.low / number.estimate, total * number.high / number.estimate)


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Return the mean of daily values, in their unit (Student's t); without bounds for fewer than two."""
    if len(values) < 2:
        return Interval(fmean(values) if values else math.nan, -math.inf, math.inf)
    mean, error = fmean(values), math.sqrt(variance(values) / len(values))
    reach = t_quantile((1 + confidence) / 2, len(values) - 1) * error
    return Interval(mean, mean - reach, mean + reach)


def mean_difference(after: Sequence[float], before: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Return the mean of `after` less the mean of `before`, in their unit (Welch 1947: spreads may differ)."""
    middle = fmean(after) - fmean(before) if after and before else math.nan
    if len(after) < 2 or len(before) < 2:
        return Interval(middle, -math.inf, math.inf)
    first, second = variance(after) / len(after), variance(before) / len(before)
    if first + second == 0:
        return Interval(middle, middle, middle)
    freedom = (first + second) ** 2 / (first**2 / (len(after) - 1) + second**2 / (len(before) - 1))
    reach = t_quantile((1 + confidence) / 2, freedom) * math.sqrt(first + second)
    return Interval(middle, middle - reach, middle + reach)


def robust_band(values: Sequence[float], judged: int = 1) -> tuple[float, float] | None:
    """Return the usual range: median +/- robust standard deviations (1.4826 times the median distance to it).

    There are three of them, or as many as keep the chance of a false alarm at 5% where many days are judged. Fewer than
    seven values have no usual range.
    """
    if len(values) < 7:
        return None
    middle = median(values)
    deviations = max(3.0, _z(simultaneous(judged)))
    reach = deviations * 1.4826 * median([abs(v - middle) for v in values])
    return max(0.0, middle - reach), middle + reach


@cache
def t_quantile(p: float, freedom: float) -> float:
    """Return the value that Student's t stays under with probability p >= 0.5, by halving the range."""
    low, high = 0.0, 2.0
    while _t_below(high, freedom) < p and high < 1e9:
        high *= 2
    while high - low > 1e-12 * max(1.0, high):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_below(middle, freedom) < p else (low, middle)
    return (low + high) / 2


def _t_below(t: float, freedom: float) -> float:
    """Return P(T <= t) for t >= 0. With t = sqrt(freedom) tan(a) the density is cos(a) ** (freedom - 1): smooth."""
    angle, steps = math.atan(t / math.sqrt(freedom)), 400
    heights = [math.cos(angle * i / steps) ** (freedom - 1) for i in range(steps + 1)]
    area = angle / steps / 3 * (heights[0] + heights[-1] + 4 * sum(heights[1:-1:2]) + 2 * sum(heights[2:-1:2]))
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(math.pi)
    return float(0.5 + scale * area)


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)
