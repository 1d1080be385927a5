"""Draw healthy days of invented shops, as the facts that the monitor reads.

A shop has a size, a profile (steady, growing, campaigns, ...), a weekly rhythm, traffic that is autocorrelated from day
to day (AR(1)), channels and browsers with a noise of their own, and over-dispersed orders. Everything is drawn for each
browser and channel and then summed (observations.py), so that one cause shows in all metrics that it touches.
"""

from datetime import date, timedelta
from typing import Any

import numpy as np
from monitoring.baselines import Amounts
from monitoring.metrics import SCALE_STEP, Facts, File
from observations import Happened, observe
from shop_model import (
    BROWSERS,
    CARTS,
    CHANNELS,
    CONVERSION,
    DEPTH,
    HOURS,
    PAID,
    SIZES,
    STARTS,
    Array,
    Damage,
    Series,
    Shop,
)

from event_data.contract import Contract

START = date(2025, 1, 6)


def make_shop(rng: Any, size: float, profile: str, days: int) -> Shop:
    """Draw a shop of this profile: its rhythm, and the days of its campaigns, sales and holidays."""
    number = np.arange(days)
    first = int(rng.integers(7))
    rhythm = np.exp(rng.normal(0, 0.1, 7))
    traffic = rhythm[(number + first) % 7]
    by_channel, conversion, price = np.ones((days, len(CHANNELS))), np.ones(days), np.ones(days)
    month = {"growing": rng.uniform(0.1, 0.3), "declining": -rng.uniform(0.1, 0.25)}.get(profile, 0.0)
    traffic = traffic * (1 + month) ** (number / 30)
    into = (number + int(rng.integers(30))) % 30  # the day of a month of 30 days
    if profile == "month end":
        is_end = (into >= 27) | (into <= 1)
        traffic, conversion = traffic * np.where(is_end, 1.15, 1.0), conversion * np.where(is_end, 1.15, 1.0)
    elif profile == "campaigns":
        is_on = (into >= 10) & (into < 10 + int(rng.integers(5, 13)))
        for channel in PAID:
            by_channel[is_on, channel] *= rng.uniform(1.5, 3.0)
        conversion[is_on] *= 0.95
    elif profile == "sales":
        is_on = (into >= 20) & (into < 20 + int(rng.integers(2, 6)))
        traffic, price = traffic * np.where(is_on, rng.uniform(1.3, 1.8), 1.0), price * np.where(is_on, 0.83, 1.0)
        by_channel[is_on, list(CHANNELS).index("Email")] *= 2.0
        conversion[is_on] *= rng.uniform(1.3, 1.8)
    elif profile == "holidays":
        is_on = (into == 5) | ((into == 6) & (rng.random() < 0.5))
        traffic, conversion = (
            traffic * np.where(is_on, rng.uniform(0.6, 0.8), 1.0),
            conversion * np.where(is_on, 0.8, 1.0),
        )
    exact_size = size * float(np.exp(rng.uniform(-0.2, 0.2)))
    noise, spread = float(rng.uniform(0.05, 0.1)), float(rng.uniform(0.5, 0.9))
    return Shop(exact_size, traffic, by_channel, conversion, price, noise, 0.6, spread, first)


def autocorrelated(rng: Any, shop: Shop, weeks: int, days: int) -> Array:
    """Draw the noise of the traffic for so many independent runs of so many days."""
    noise = np.empty((weeks, days))
    noise[:, 0] = rng.normal(0, shop.noise, weeks)
    innovation = shop.noise * np.sqrt(1 - shop.correlation**2)
    for day in range(1, days):
        noise[:, day] = shop.correlation * noise[:, day - 1] + rng.normal(0, innovation, weeks)
    return noise


def draw(rng: Any, shop: Shop, days: Array, noise: Array, damage: Damage) -> tuple[Series, dict[str, Array]]:
    """Draw these days of a shop: the series of every metric and segment, and the hours and amounts."""
    n = len(days)
    browser_parts = np.array([p for p, _ in BROWSERS.values()])
    channel_parts = np.array([v[0] for v in CHANNELS.values()])
    factors = np.array([[b * c[1] for c in CHANNELS.values()] for _, b in BROWSERS.values()])
    cell_parts = browser_parts[:, None] * channel_parts[None, :]
    factors /= (cell_parts * factors).sum()
    level = shop.size * shop.traffic[days] * np.exp(noise)
    channel_noise = np.exp(rng.normal(0, 0.07, (n, 1, len(CHANNELS))))
    browser_noise = np.exp(rng.normal(0, 0.03, (n, len(BROWSERS), 1)))
    mean = level[:, None, None] * cell_parts * shop.by_channel[days][:, None, :] * channel_noise * browser_noise
    kept = damage.everything * (HOURS * damage.hours).sum(axis=1)[:, None, None]
    sessions = rng.poisson(mean * kept)
    converted = np.exp(rng.normal(0, 0.08, (n, 1, 1))) * rng.gamma(8, 1 / 8, (n, len(BROWSERS), len(CHANNELS)))
    rate = CONVERSION * shop.conversion[days][:, None, None] * factors * converted
    orders = rng.poisson(sessions * rate * damage.orders)
    bought = rng.poisson(sessions * rate * (1 - damage.orders)) + orders  # also those whose event was lost
    starts = rng.binomial(bought, (0.55 * damage.starts)[:, :, None]) + rng.poisson(
        sessions * STARTS * damage.starts[:, :, None] * np.exp(rng.normal(0, 0.08, (n, 1, 1)))
    )
    carts = rng.poisson(sessions * CARTS * damage.carts[:, :, None] * np.exp(rng.normal(0, 0.08, (n, 1, 1))))
    views = sessions + rng.poisson(sessions * DEPTH * np.exp(rng.normal(0, 0.04, (n, 1, 1))))
    return observe(rng, shop, days, damage, Happened(sessions, views, carts, starts, orders))


def as_facts(series: Series, more: dict[str, Array], first: date, contract: Contract) -> Facts:
    """Return the drawn days as the facts that the monitor reads of a warehouse."""
    days = [first + timedelta(days=i) for i in range(len(more["n"]))]
    facts = Facts(days[0], days[-1])
    header = tuple(c.name for c in contract.columns)
    for (metric, kind, segment), (x, n) in series.items():
        values = [(float(v), None if n is None else float(n[i])) for i, v in enumerate(x)]
        if metric == "order_amount":
            continue
        if kind == "all":
            facts.values[metric] = dict(zip(days, values, strict=True))
        else:
            facts.segments[metric, kind][segment] = dict(zip(days, values, strict=True))
    for i, day in enumerate(days):
        if more["n"][i]:
            steps = np.round(more["logs"][more["at"] == i] / SCALE_STEP).astype(int)
            facts.scales[day] = {
                int(step): int(count) for step, count in zip(*np.unique(steps, return_counts=True), strict=True)
            }
            facts.amounts[day] = Amounts(more["n"][i], more["total"][i], more["squares"][i])
        facts.by_hour["events"][day] = {h: (float(x), None) for h, x in enumerate(more["hours"][i])}
        facts.files[day] = [File(f"events_{day:%Y%m%d}.csv", header, int(facts.values["records"][day][0]), str(day))]
    return facts


def healthy(seed: int, days: int, contract: Contract, size: str = "medium", profile: str = "steady") -> Facts:
    """Return the facts of a healthy shop's days."""
    rng = np.random.default_rng(seed)
    shop = make_shop(rng, SIZES[size], profile, days)
    noise = autocorrelated(rng, shop, 1, days)[0]
    return as_facts(
        *draw(rng, shop, np.arange(days), noise, Damage.none(days)),
        START + timedelta(days=shop.weekday_of_first),
        contract,
    )
