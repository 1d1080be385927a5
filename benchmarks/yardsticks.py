"""Detect anomalies by simpler methods, to compare: a weekday median, Elementary's formula, and a z-score."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from math import exp, sqrt
from statistics import median

from monitoring.metrics import Facts, Value
from monitoring.thresholds import Metric

# Chosen on the tuning seeds, so that steady shops have half an alarm in 30 days, as the monitor may.
MEDIAN_LIMIT, MEDIAN_CHANGE, MEDIAN_EVENTS = 10.0, 0.6, 20.0
SEGMENTED = ("page_views", "carts", "checkouts", "orders", "sessions")


def weekday_median(facts: Facts, metrics: Sequence[Metric], day: date) -> bool:
    """Return whether a count or share of the shop or of a segment is far from the median of four same weekdays.

    A count is far if it differs by 30 % and by six square roots of the median (over-dispersion included), a share by
    six standard errors.
    """
    return any(_is_far(values, day) for values in _series(facts, metrics))


def _series(facts: Facts, metrics: Sequence[Metric]) -> Iterator[dict[date, Value]]:
    for metric in {m.name: m for m in metrics if m.kind != "amount"}:
        yield facts.values[metric]
    for (metric, _), segments in facts.segments.items():
        if metric in SEGMENTED:
            yield from segments.values()


def _is_far(values: dict[date, Value], day: date) -> bool:
    before = [values[d] for weeks in (1, 2, 3, 4) if (d := day - timedelta(days=7 * weeks)) in values]
    if len(before) < 4 or day not in values:
        return False
    x, n = values[day]
    if n is None:
        usual = median(v for v, _ in before)
        return usual >= MEDIAN_EVENTS and abs(x - usual) > max(MEDIAN_LIMIT * sqrt(usual), MEDIAN_CHANGE * usual)
    if n < MEDIAN_EVENTS:
        return False
    usual = median(v / (w or 1.0) for v, w in before if w is not None)
    rate = min(max(usual, 1 / n), 1 - 1 / n)
    least = 0.01 + MEDIAN_CHANGE * min(usual, 1 - usual)
    return abs(x / n - usual) > max(MEDIAN_LIMIT * sqrt(rate * (1 - rate) / n), least)


def series_of(facts: Facts, metric: str, kind: str, days: list[date]) -> list[float]:
    """Return a metric's plain values, as a formula sees them; none if the last day has none."""
    if kind == "amount":
        known = [(d, exp(facts.amounts[d].total / facts.amounts[d].n)) for d in days if d in facts.amounts]
    else:
        known = [(d, v[0] / (v[1] or 1.0)) for d in days if (v := facts.value(metric, d, kind))]
    return [x for _, x in known] if known and known[-1][0] == days[-1] else []


def z_score(series: list[float], days: int = 7, limit: float = 3.0) -> bool:
    """Return whether the day has a plain z-score beyond the limit against the seven days before."""
    before = series[-1 - days : -1]
    return len(before) == days and _beyond(series[-1], before, limit)


def elementary(series: list[float], days: int = 14, least: int = 7, limit: float = 3.0) -> bool:
    """Return Elementary's anomaly test: the training period of 14 days holds the day itself, sensitivity 3.

    https://docs.elementary-data.com/data-tests/how-anomaly-detection-works
    """
    training = series[-days:]
    return len(training) >= least and _beyond(series[-1], training, limit)


def _beyond(x: float, sample: list[float], limit: float) -> bool:
    mean = sum(sample) / len(sample)
    sd = sqrt(sum((v - mean) ** 2 for v in sample) / (len(sample) - 1))
    return abs(x - mean) > limit * sd if sd > 0 else x != mean
