"""Estimate the usual range of a day's share or count from the other days.

Shares follow a binomial with over-dispersion and counts a quasi-Poisson: the variance of the model
is scaled by phi, Pearson's chi-square over its degrees of freedom, never below 1 (McCullagh and
Nelder, Generalized Linear Models, 1989, sections 4.5 and 6.2). Counts are compared on Anscombe's
square-root scale, on which a Poisson count has a standard deviation near one whatever its size
(Anscombe, Biometrika 35, 1948).
"""

from collections.abc import Sequence
from math import erfc, exp, lgamma, log, sqrt
from statistics import median

LEAST_DAYS = 4  # fewer days say too little about the spread from day to day
Z_LIMIT = 4.5  # a healthy share passes it about once in 300,000 looks
COUNT_Z = 3.5  # for counts: on 100 healthy fortnights one false alarm; 4.5 sees half of the falls by 80 %
DOUBT = 0.00135  # the chance of a false verdict on few cases, that of three standard errors
LEAST_SHIFT = 0.03  # a share that moved by less is not worth a call, however sure it is
LEAST_FOLD = 1.8  # nor is a count within 1.8 times its usual level


def share_range(past: Sequence[tuple[int, int]], checked: int) -> tuple[float, float] | None:
    """Return the lowest and highest share to expect of a day with `checked` cases.

    `past` holds (failed, checked) of the days that are taken as normal. None when they are too few.
    """
    days = [(f, n) for f, n in past if n > 0]
    if len(days) < LEAST_DAYS or checked <= 0:
        return None
    total = sum(n for _, n in days)
    # Half a case either way keeps the variance positive when nothing ever failed.
    share = (sum(f for f, _ in days) + 0.5) / (total + 1)
    chi_square = sum((f - n * share) ** 2 / (n * share * (1 - share)) for f, n in days)
    phi = max(1.0, chi_square / (len(days) - 1))
    spread = Z_LIMIT * sqrt(phi * share * (1 - share) * (1 / checked + 1 / total))
    spread = max(spread, LEAST_SHIFT)
    return max(0.0, share - spread), min(1.0, share + spread)


def count_range(others: Sequence[int]) -> tuple[float, float] | None:
    """Return the lowest and highest count to expect of a day beside `others`; None: too few days.

    The level is the median and phi comes from the median absolute deviation, so that one broken
    day among the others does not widen the range that should expose the next one.
    """
    if len(others) < LEAST_DAYS:
        return None
    roots = [2 * sqrt(x + 0.375) for x in others]
    level = median(roots)
    robust_sd = 1.4826 * median(abs(r - level) for r in roots)
    spread = COUNT_Z * max(1.0, robust_sd) * sqrt(1 + 1 / len(roots))
    middle = (level / 2) ** 2
    low = (max(0.0, level - spread) / 2) ** 2 - 0.375
    high = ((level + spread) / 2) ** 2 - 0.375
    return max(0.0, min(low, middle / LEAST_FOLD)), max(high, middle * LEAST_FOLD)


def amount_range(others: Sequence[int]) -> tuple[float, float] | None:
    """Return the lowest and highest sum of money to expect of a day beside `others`; None: too few days.

    Order values are heavy-tailed, so the range is one of factors: robust, on the logarithm, and never
    narrower than a fifth to five times the median.
    """
    logs = [log(x) for x in others if x > 0]
    if len(logs) < LEAST_DAYS:
        return None
    level = median(logs)
    spread = Z_LIMIT * 1.4826 * median(abs(x - level) for x in logs) * sqrt(1 + 1 / len(logs))
    spread = max(log(5), spread)
    return exp(level - spread), exp(level + spread)


def is_beyond(failed: int, checked: int, share: float) -> bool:
    """Return whether so many failures of `checked` cases speak against a true share of at most `share`.

    The exact binomial tail up to 1,000 cases, its normal approximation above (share strictly
    between 0 and 1; at 0 any failure does, at 1 none).
    """
    if failed <= checked * share or share >= 1:
        return False
    if share <= 0:
        return failed > 0
    if checked > 1000:
        z = (failed - 0.5 - checked * share) / sqrt(checked * share * (1 - share))
        return erfc(z / sqrt(2)) / 2 < DOUBT
    ways = lgamma(checked + 1)
    tail = sum(
        exp(ways - lgamma(k + 1) - lgamma(checked - k + 1) + k * log(share) + (checked - k) * log(1 - share))
        for k in range(failed, checked + 1)
    )
    return tail < DOUBT
