"""Score a day against the days before it. Pure functions; nothing here knows a database.

A day's expectation comes from other days only. Let x be the day's count, N its exposure (1 for a count, the
whole for a share), r the rate of the history, m = r N:

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


class Point(NamedTuple):
    """One day of one metric: x of N, or a count x with N = 1. For amounts: see score_amount."""

    weekday: int
    x: float
    n: float = 1.0


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
    """The normal deviation as improbable as Student's t with df degrees of freedom (Wallace 1959)."""
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


def score(history: Sequence[Point], today: Point, kind: str, weekday_weight: float, limit: float) -> Score | None:
    """Score a count, share or ratio against a history without the day; return None where that is not possible.

    kind: count, share (x of N) or ratio (x per N, both counts). Needs two days at least.
    """
    history = [p for p in history if p.n > 0]
    if len(history) < 2 or today.n <= 0:
        return None
    sums = _Sums(history, kind, weekday_weight)
    phi = max(1.0, sum(sums.without(p).square(p) for p in history) / len(history))
    rate, spread = sums.rate(today.weekday), 1 + today.n / sums.n
    m = rate * today.n
    df = freedom(phi, len(history))
    sd = sqrt(phi * _variance(m, rate, kind) * spread)
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
        self.kind, self.weight = kind, weekday_weight
        self.days, self.x, self.n = len(history), 0.0, 0.0
        self.by_weekday = [[0.0, 0.0] for _ in range(7)]
        for weekday, x, n in history:
            self.x += x
            self.n += n
            self.by_weekday[weekday][0] += x
            self.by_weekday[weekday][1] += n

    def without(self, point: Point) -> "_Sums":
        rest = _Sums([], self.kind, self.weight)
        rest.days, rest.x, rest.n = self.days - 1, self.x - point.x, self.n - point.n
        rest.by_weekday = self.by_weekday.copy()
        x, n = self.by_weekday[point.weekday]
        rest.by_weekday[point.weekday] = [x - point.x, n - point.n]
        return rest

    def rate(self, weekday: int) -> float:
        """Return the overall rate, drawn towards that of the same weekday as far as there are such days.

        Half an event is added (Jeffreys), so that a history of zeros has a rate above zero.
        """
        overall = (self.x + 0.5) / (self.n + (1 if self.kind == "share" else 0))
        x, n = self.by_weekday[weekday]
        strength = self.weight * self.n / self.days
        return (x + strength * overall) / (n + strength)

    def square(self, point: Point) -> float:
        """Return the squared score of a day by these sums, its phi taken as 1."""
        rate = self.rate(point.weekday)
        m = rate * point.n
        return float((point.x - m) ** 2 / (_variance(m, rate, self.kind) * (1 + point.n / self.n)))


def _variance(m: float, rate: float, kind: str) -> float:
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
