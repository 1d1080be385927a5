"""Estimate the usual range of a day's share or count from the other days.

Shares follow a binomial with over-dispersion and counts a quasi-Poisson: the variance of the model
is scaled by phi, Pearson's chi-square over its degrees of freedom, never below 1 (McCullagh and
Nelder, Generalized Linear Models, 1989, sections 4.5 and 6.2). The phi of counts is estimated on
Anscombe's square-root scale, on which a Poisson count has a standard deviation near one whatever its
size (Anscombe, Biometrika 35, 1948); their tails are Wilson and Hilferty's (PNAS 17, 1931), which hold
down to a count of zero.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from math import cbrt, ceil, erfc, exp, floor, inf, lgamma, log, pi, sqrt
from statistics import NormalDist, median, stdev

LEAST_DAYS = 4  # fewer days say too little about the spread from day to day
FIRST_DAYS = 2 * LEAST_DAYS  # the first days, which have fewer before them, are compared with these
DAYS_BEFORE = 28  # a day is compared with this many days before it
Z_LIMIT = 4.5  # a healthy share passes it about once in 300,000 looks
COUNT_DOUBT = 0.0033  # the chance of a false alarm on one side of a count in a fortnight
FORTNIGHT = 14
SPREAD_DAYS = 20
DOUBT = 0.00135  # the chance of a false verdict on few cases, that of three standard errors
LEAST_SHIFT = 0.03  # a share that moved by less is not worth an alert, however certain it is
LEAST_FOLD = 1.8  # nor is a count within 1.8 times its usual level


def share_range(
    past: Sequence[tuple[int, int]], checked: int, least_days: int = LEAST_DAYS
) -> tuple[float, float] | None:
    """Return the lowest and highest share to expect of a day with `checked` cases.

    `past` holds (failed, checked) of the days that are taken as normal. None when they are too few.
    """
    days = [(f, n) for f, n in past if n > 0]
    if len(days) < least_days or checked <= 0:
        return None
    total = sum(n for _, n in days)
    # Half a case either way keeps the variance positive when nothing ever failed.
    share = (sum(f for f, _ in days) + 0.5) / (total + 1)
    chi_square = sum((f - n * share) ** 2 / (n * share * (1 - share)) for f, n in days)
    phi = max(1.0, chi_square / max(1, len(days) - 1))
    spread = Z_LIMIT * sqrt(phi * share * (1 - share) * (1 / checked + 1 / total))
    spread = max(spread, LEAST_SHIFT)
    return max(0.0, share - spread), min(1.0, share + spread)


def count_range(others: Sequence[int], looks: int = FORTNIGHT) -> tuple[int, int] | None:
    """Return the lowest and highest usual count of a day beside `others`; None: too few days.

    `looks` is the number of days that have been judged with this one. The level is the median, and the spread
    the smaller of a robust and a plain estimate, so that one broken day among the others does not widen the range
    that should expose the next one. As few days say little about phi, SPREAD_DAYS days of pure Poisson are added.
    """
    if len(others) < LEAST_DAYS:
        return None
    roots = [2 * sqrt(x + 0.375) for x in others]
    level = median(roots)
    variance = min(1.4826 * median(abs(r - level) for r in roots), stdev(roots)) ** 2
    phi = max(1.0, (SPREAD_DAYS + len(roots) * variance) / (SPREAD_DAYS + len(roots)))
    mean = max(0.0, (level / 2) ** 2 - 0.375)
    z = NormalDist().inv_cdf(1 - COUNT_DOUBT / max(looks, FORTNIGHT)) * sqrt(1 + 1 / len(roots))
    low, high = ceil(mean / LEAST_FOLD), floor(mean * LEAST_FOLD)
    # Unlikely counts outside the fold are unusual; both functions are monotonic.
    low = bisect_left(range(low), True, key=lambda x: _z_at_most(x / phi, mean / phi) <= z)
    # Days without any do not prove a mean of 0.
    beyond = _first(lambda x: _z_at_least(x / phi, (mean + 0.375) / phi) > z, high + 1)
    return low, beyond - 1


def _z_at_most(count: float, mean: float) -> float:
    """Return how many standard deviations below its mean a Poisson count of at most `count` is."""
    n = count + 1
    return 3 * sqrt(n) * (cbrt(mean / n) - 1 + 1 / (9 * n))


def _z_at_least(count: float, mean: float) -> float:
    """Return how many standard deviations above its mean a Poisson count of at least `count` is."""
    return 3 * sqrt(count) * (1 - 1 / (9 * count) - cbrt(mean / count)) if count > 0 else -inf


def _first(holds: Callable[[int], bool], start: int) -> int:
    """Return the first number from `start` on for which a monotonic condition holds."""
    step = 1
    while not holds(start + step - 1):
        step *= 2
    return bisect_left(range(start, start + step), True, key=holds) + start


def amount_range(others: Sequence[int]) -> tuple[int, int] | None:
    """Return the lowest and highest usual sum of money of a day beside `others`; None: too few days.

    Order values are heavy-tailed, so the range is one of factors: robust, on the logarithm, and never
    narrower than a fifth to five times the median.
    """
    logs = [log(x) for x in others if x > 0]
    if len(logs) < LEAST_DAYS:
        return None
    level = median(logs)
    spread = Z_LIMIT * 1.4826 * median(abs(x - level) for x in logs) * sqrt(1 + 1 / len(logs))
    spread = max(log(5), spread)
    return ceil(exp(level - spread)), floor(exp(level + spread))


def is_beyond(failed: int, checked: int, share: float, doubt: float = DOUBT) -> bool:
    """Return whether so many failures of `checked` cases speak against a true share of at most `share`.

    At a share of 0 any failure does, at 1 none.
    """
    if failed <= checked * share or share >= 1:
        return False
    return share <= 0 or _tail(failed, checked, share) < doubt


def is_below(failed: int, checked: int, share: float, doubt: float) -> bool:
    """Return whether so few failures of `checked` cases speak against a true share of at least `share`."""
    return is_beyond(checked - failed, checked, 1 - share, doubt)


def log_likelihood_ratio(failed: int, checked: int, share: float) -> float:
    """Return how much likelier the cases are at their own share than at a lower one; 0 if theirs is not higher."""
    if failed <= checked * share or not 0 < share < 1:
        return 0.0
    rest = checked - failed
    return failed * log(failed / (checked * share)) + (rest * log(rest / (checked * (1 - share))) if rest else 0.0)


def _tail(failed: int, checked: int, share: float) -> float:
    """Return the chance of at least `failed` of `checked` cases, where these are more than the expected number.

    The exact binomial tail up to 1,000 cases, its normal approximation above.
    """
    if checked > 1000:
        z = (failed - 0.5 - checked * share) / sqrt(checked * share * (1 - share))
        return erfc(z / sqrt(2)) / 2
    odds = share / (1 - share)
    ways = lgamma(checked + 1) - lgamma(failed + 1) - lgamma(checked - failed + 1)
    term = tail = exp(ways + failed * log(share) + (checked - failed) * log(1 - share))
    for k in range(failed, checked):
        term *= odds * (checked - k) / (k + 1)
        tail += term
        if term < tail * 1e-9:
            break
    return tail


def expected_ties(count: int, days: Sequence[int]) -> float:
    """Return how many of these days have exactly this count by chance.

    The counts follow a Cauchy distribution about their median, whose tails allow for extraordinary days.
    """
    level = median(days)
    spread = 1.4826 * median(abs(n - level) for n in days) if len(days) >= LEAST_DAYS else 0.1 * level
    spread = max(spread, sqrt(max(count, 1)))
    return len(days) / (pi * spread * (1 + ((count - level) / spread) ** 2))


def poisson_tail(count: int, expected: float) -> float:
    """Return the chance of this count or a higher one, where so many are expected."""
    return max(0.0, 1 - sum(exp(k * log(expected) - expected - lgamma(k + 1)) for k in range(count)))
