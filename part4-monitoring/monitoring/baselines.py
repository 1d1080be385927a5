"""Score a day against the days before it. Pure functions; nothing here knows a database.

A day's expectation comes from other days only. Let x be the day's count, N its exposure (1 for a count, or adjusted
for its trend; the whole for a share), r the rate of the history, m = r N:

    z = (x - m) / sqrt(phi * v * (1 + N / sum of the history's N)),  v = m for counts, m (1 - r) for shares

the quasi-Poisson (quasi-binomial) prediction score of McCullagh & Nelder, Generalized Linear Models (1989),
ch. 4-6. phi is the mean square of the scores of the history's own days, each judged by the others, and at least 1;
for a history without weekday rhythm that is var / mean.

z alone would be too loud after few days and for small counts. `evidence` is z with both corrected: the
deviance residual in place of the difference (skewed small counts), and Student's t taken to the normal scale by
Wallace (1959). Only the excess phi - 1 is estimated, so that the degrees of freedom are (n - 1) (phi / (phi - 1))^2
(Satterthwaite 1946): infinite for plain chance, n - 1 for a metric that is all day-to-day noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, log, log1p, sqrt
from typing import NamedTuple

TREND_DAYS = 14  # with fewer days, no trend is estimated
TREND_DOUBT = 4.0  # squared standard errors below which a trend is chance
STEEPEST = 0.03  # per day


class Point(NamedTuple):
    """One day of one metric, or several: x of N, or a count x with N = 1 for each day."""

    weekday: int
    x: float
    n: float = 1.0


def with_trend(history: Sequence[Point], ages: Sequence[int]) -> list[Point]:
    """Return a count's days with its trend as their exposure, so that a growing shop is judged by today's level.

    The slope is that of a straight line. It is shrunk by its standard error, doubled because
    days are correlated (positive-part shrinkage, James & Stein 1961). It is extrapolated over a week at most.
    """
    n = len(history)
    mean_age, mean = sum(ages) / n, sum(p.x for p in history) / n
    spread = sum((a - mean_age) ** 2 for a in ages)
    if n < TREND_DAYS or mean <= 0 or spread == 0:
        return list(history)
    slope = -sum((a - mean_age) * (p.x - mean) for p, a in zip(history, ages, strict=True)) / spread
    residuals = sum((p.x - mean + slope * (a - mean_age)) ** 2 for p, a in zip(history, ages, strict=True)) / (n - 2)
    error = max(residuals, mean) / spread
    slope *= max(0.0, 1 - TREND_DOUBT * error / slope**2) / mean if slope else 0.0
    slope = max(-STEEPEST, min(STEEPEST, slope))
    since = max(0, min(ages) - 7)
    return [p._replace(n=p.n * exp(-slope * (a - since))) for p, a in zip(history, ages, strict=True)]


class Amounts(NamedTuple):
    """The logarithms of a day's order values: how many, their sum, and the sum of their squares."""

    n: float
    total: float
    squares: float


@dataclass(frozen=True)
class Score:
    """`value`, `expected`, `low`, `high` are in the metric's unit (a count, a share, a ratio, an amount of money);
    `change` is relative, for shares in points; `events` is x - m in events."""

    value: float
    expected: float
    low: float
    high: float
    z: float
    evidence: float
    change: float
    events: float
    days: int
    phi: float


def normal_equivalent(t: float, df: float) -> float:
    """Return the normal deviation as improbable as Student's t with df degrees of freedom (Wallace 1959)."""
    if df == inf or t == 0:
        return t
    z = sqrt(df * log1p(t * t / df)) * (8 * df + 1) / (8 * df + 3)
    return z if t > 0 else -z


def student_of(z: float, df: float) -> float:
    """Return the inverse of normal_equivalent."""
    if df == inf or z == 0:
        return z
    u = z * (8 * df + 3) / (8 * df + 1)
    t = sqrt(df * (exp(min(u * u / df, 700.0)) - 1))
    return t if z > 0 else -t


def freedom(phi: float, days: int) -> float:
    """Return the degrees of freedom of a variance whose plain part is known and whose excess comes from `days` days."""
    return inf if phi <= 1 else (days - 1) * (phi / (phi - 1)) ** 2


def score(
    history: Sequence[Point], today: Point, kind: str, weekday_weight: float, limit: float, daily: Score | None = None
) -> Score | None:
    """Score a count, share or ratio against a history without the day; return None where that is not possible.

    kind: count, share (x of N) or ratio (x per N, both counts). Needs two days at least. `daily` is the score of a
    single day, if each point is a sum of several days, whose dispersion is at least as large.
    """
    history = [p for p in history if p.n > 0]
    if len(history) < 2 or today.n <= 0:
        return None
    sums = _Sums(history, kind, weekday_weight)
    phi = max(1.0, sums.mean_square(history))
    rate, spread = sums.rate(today.weekday), 1 + today.n / sums.n
    m = rate * today.n
    df = freedom(phi, len(history))
    if daily is not None and daily.phi >= phi:
        phi, df = daily.phi, freedom(daily.phi, daily.days)
    sd = sqrt(phi * chance_variance(m, rate, kind) * spread)
    residual = _deviance_root(today.x, m, today.n, kind) / sqrt(phi * spread * (1 + rate if kind == "ratio" else 1))
    margin = student_of(limit, df) * sd
    low, high = max(0.0, m - margin), m + margin
    if kind == "share":
        high = min(high, today.n)
    value, expected = today.x / today.n, rate
    change = value - expected if kind == "share" else value / expected - 1
    z = (today.x - m) / sd
    evidence = normal_equivalent(residual, df)
    return Score(value, expected, low / today.n, high / today.n, z, evidence, change, today.x - m, len(history), phi)


class _Sums:
    """The sums of a history, from which its rate for each weekday follows."""

    def __init__(self, history: Sequence[Point], kind: str, weekday_weight: float) -> None:
        self.kind, self.weight, self.days = kind, weekday_weight, len(history)
        self.x = sum(p.x for p in history)
        self.n = sum(p.n for p in history)
        self.by_weekday = [[0.0, 0.0] for _ in range(7)]
        for weekday, x, n in history:
            of = self.by_weekday[weekday]
            of[0] += x
            of[1] += n

    def rate(self, weekday: int) -> float:
        """Return the overall rate, drawn towards that of the same weekday as far as there are such days.

        Half an event is added (Jeffreys), so that a history of zeros has a rate above zero.
        """
        x, n = self.by_weekday[weekday]
        overall = (self.x + 0.5) / (self.n + (1 if self.kind == "share" else 0))
        strength = self.weight * self.n / self.days
        return (x + strength * overall) / (n + strength)

    def mean_square(self, history: Sequence[Point]) -> float:
        """Return the mean square of the days' scores, each against the sums of the others, with phi set to 1."""
        days, one, total = self.days - 1, 1 if self.kind == "share" else 0, 0.0
        for (
            weekday,
            x,
            n,
        ) in history:  # rate() and chance_variance() inlined: most of the monitor's time is spent in this loop
            of_x, of_n = self.by_weekday[weekday]
            rest = self.n - n
            strength = self.weight * rest / days
            rate = (of_x - x + strength * (self.x - x + 0.5) / (rest + one)) / (of_n - n + strength)
            m = rate * n
            variance = m * max(1 - rate, 1e-9) if one else m * (1 + rate) if self.kind == "ratio" else m
            total += (x - m) ** 2 / (variance * (1 + n / rest))
        return total / len(history)


def chance_variance(m: float, rate: float, kind: str) -> float:
    """Return the variance of x by chance alone: Poisson, binomial, or of a count by another count."""
    if kind == "share":
        return m * max(1 - rate, 1e-9)
    return m * (1 + rate) if kind == "ratio" else m


def _deviance_root(x: float, m: float, n: float, kind: str) -> float:
    """Return the signed root of the deviance (McCullagh & Nelder 1989, 2.3), near normal even for small counts."""
    half = (x * log(x / m) if x > 0 else 0.0) - (x - m)
    if kind == "share":
        rest, expected = n - x, n - m
        half = (x * log(x / m) if x > 0 else 0.0) + (rest * log(rest / expected) if rest > 0 else 0.0)
    root = sqrt(max(0.0, 2 * half))
    return root if x > m else -root


def score_amount(history: Sequence[Amounts], today: Amounts, limit: float) -> Score | None:
    """Judge the day's order values by their logarithms, for order values are heavy-tailed.

    Welch's score of two means with the history's variance; days may scatter more than their orders say, by
    phi >= 1 as for counts. Value and expectation are geometric means. None for fewer than five orders.
    """
    history = [a for a in history if a.n > 0]
    n, total = sum(a.n for a in history), sum(a.total for a in history)
    if len(history) < 2 or today.n < 5 or n < 5:
        return None
    mean = total / n
    variance = max((sum(a.squares for a in history) - n * mean * mean) / (n - 1), 1e-6)
    squares = [
        (a.total / a.n - (total - a.total) / (n - a.n)) ** 2 / (variance * (1 / a.n + 1 / (n - a.n)))
        for a in history
        if a.n < n
    ]
    phi = max(1.0, sum(squares) / len(squares)) if squares else 1.0
    sd = sqrt(phi * variance * (1 / today.n + 1 / n))
    df = freedom(phi, len(history))
    difference = today.total / today.n - mean
    z, margin = difference / sd, student_of(limit, df) * sd
    return Score(
        exp(min(today.total / today.n, 700)), exp(mean), exp(mean - margin), exp(min(mean + margin, 700)), z,
        normal_equivalent(z, df), exp(min(difference, 700)) - 1, 0.0, len(history), phi,
    )  # fmt: skip
