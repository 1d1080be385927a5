"""Intervals and the model's quantiles by other formulas than part 3's: roots, integrals and uniform draws."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Bounds = tuple[float, float]


def z_of(confidence: float) -> float:
    """Return the two-sided normal quantile, from the error function."""
    return _root(lambda z: math.erf(z / math.sqrt(2)) - confidence, 0, 20)


def wilson_bounds(successes: float, trials: float, confidence: float = 0.95) -> Bounds:
    """Return the shares q that are z standard errors from p: (p - q)^2 = z^2 q (1 - q) / n (Wilson 1927)."""
    if not trials:
        return 0.0, 1.0
    p, z2 = successes / trials, z_of(confidence) ** 2
    low, high = sorted(float(r.real) for r in np.roots([1 + z2 / trials, -(2 * p + z2 / trials), p * p]))
    return (low if successes else 0.0), (high if successes < trials else 1.0)


def newcombe(a: float, of_a: float, b: float, of_b: float, confidence: float) -> Bounds:
    """Return the interval of a/of_a - b/of_b by the squared distances to Wilson's bounds (Newcombe 1998, method 10)."""
    p, q = a / of_a, b / of_b
    (l1, u1), (l2, u2) = wilson_bounds(a, of_a, confidence), wilson_bounds(b, of_b, confidence)
    return p - q - math.sqrt((p - l1) ** 2 + (u2 - q) ** 2), p - q + math.sqrt((u1 - p) ** 2 + (q - l2) ** 2)


def welch(after: Sequence[float], before: Sequence[float], confidence: float) -> Bounds:
    """Return the interval of the mean of `after` less that of `before` (Welch 1947), its quantile by integration."""
    parts = [float(np.var(v, ddof=1)) / len(v) for v in (after, before)]
    middle, error = float(np.mean(after) - np.mean(before)), math.sqrt(sum(parts))
    if not error:
        return middle, middle
    freedom = sum(parts) ** 2 / sum(v**2 / (len(s) - 1) for v, s in zip(parts, (after, before), strict=True))
    reach = _student(confidence, freedom) * error
    return middle - reach, middle + reach


def _student(confidence: float, freedom: float) -> float:
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)
    # In u = t / (1 + t) the half line is [0, 1), on which the trapezoids converge.
    u = np.linspace(0, 1, 400_001)[:-1]
    t = u / (1 - u)
    heights = scale * (1 + t * t / freedom) ** (-(freedom + 1) / 2) / (1 - u) ** 2
    inside = 2 * np.concatenate([[0], np.cumsum((heights[1:] + heights[:-1]) / 2)]) * (u[1] - u[0])
    return float(np.interp(confidence, inside, t))


def triangular_draws(seed: int, count: int, corners: Sequence[tuple[float, float, float]]) -> list[NDArray[np.float64]]:
    """Return draws from each (low, base, high) by inverting its distribution, from the seed's uniform stream."""
    stream, drawn = np.random.default_rng(seed), []
    for low, base, high in corners:
        if low == high:
            drawn.append(np.full(count, base))
            continue
        u = stream.random(count)
        rising = low + np.sqrt(u * (high - low) * (base - low))
        falling = high - np.sqrt((1 - u) * (high - low) * (high - base))
        drawn.append(np.where(u <= (base - low) / (high - low), rising, falling))
    return drawn


def quantile(values: NDArray[np.float64], share: float) -> float:
    """Return a quantile, interpolated between the two ordered values nearest to it."""
    ordered = sorted(float(v) for v in values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    return ordered[below] + (place - below) * (ordered[min(below + 1, len(ordered) - 1)] - ordered[below])


def product_quantiles(corners: Sequence[tuple[float, float, float]], shares: Sequence[float]) -> list[Bounds]:
    """Return quantiles, and the density at each, of a product of independent triangular factors, without draws.

    The logarithms' densities are convolved on a grid; `density` is that of the product itself.
    """
    step, whole, start = 2e-4, np.ones(1), 0.0
    for low, base, high in corners:
        first, last = math.floor(math.log(low) / step), math.ceil(math.log(high) / step)
        x = np.exp(np.arange(first, last + 1) * step)
        rising, falling = (x - low) / max(base - low, 1e-12), (high - x) / max(high - base, 1e-12)
        density = np.clip(np.minimum(rising, falling), 0, None) * x
        size = len(whole) + len(density) - 1
        whole = np.fft.irfft(np.fft.rfft(whole, size) * np.fft.rfft(density / density.sum(), size), size)
        start += first * step
    below = np.cumsum(whole)
    found = []
    for share in shares:
        at = int(np.searchsorted(below, share))
        value = math.exp(start + at * step)
        found.append((value, float(whole[at]) / step / value))
    return found


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return (low + high) / 2
