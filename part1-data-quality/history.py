"""What a day's share or count would be if nothing had changed, from the other days.

Shares follow a binomial with over-dispersion and counts a quasi-Poisson: the variance of the model
is scaled by phi, Pearson's chi-square over its degrees of freedom, never below 1 (McCullagh and
Nelder, Generalized Linear Models, 1989, sections 4.5 and 6.2). Counts are compared on Anscombe's
square-root scale, on which a Poisson count has a standard deviation near one whatever its size
(Anscombe, Biometrika 35, 1948).
"""

from collections.abc import Sequence
from math import sqrt
from statistics import median

LEAST_DAYS = 4  # fewer days say too little about the spread from day to day
Z_LIMIT = 4.5  # a healthy day passes it about once in 300,000 looks
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
    spread = Z_LIMIT * max(1.0, robust_sd) * sqrt(1 + 1 / len(roots))
    middle = (level / 2) ** 2
    low = (max(0.0, level - spread) / 2) ** 2 - 0.375
    high = ((level + spread) / 2) ** 2 - 0.375
    return max(0.0, min(low, middle / LEAST_FOLD)), max(high, middle * LEAST_FOLD)
