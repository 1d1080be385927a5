"""Return what a warehouse shows of the drawn days of a shop: the series of every metric and segment."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from shop_model import (
    BROWSERS,
    CHANNELS,
    CRAWLERS,
    HOURS,
    ID_MISSING,
    ORDER_SHARES,
    PAID,
    RECORD_SHARES,
    SECTIONS,
    SIGNUPS,
    TWICE,
    UNKNOWN_DEVICE,
    Array,
    Damage,
    Key,
    Series,
    Shop,
)


@dataclass
class Happened:
    """The events of each day, browser and channel."""

    sessions: Array
    views: Array
    carts: Array
    starts: Array
    orders: Array


class Book:
    """The series that were written down so far."""

    def __init__(self, days: int) -> None:
        self.days = days
        self.series: Series = {}

    def total(self, x: Array) -> Array:
        return x.reshape(self.days, -1).sum(axis=1).astype(float)

    def put(self, metric: str, x: Array, whole: Array | None = None) -> None:
        of = None if whole is None else np.asarray(whole, float)
        self.series[metric, "all", "all"] = (np.asarray(x, dtype=float), of)

    def browsers(self, metric: str, x: Array, whole: Array | None = None) -> None:
        for i, (device, browser) in enumerate(BROWSERS):
            for kind, name in (("device", device), ("browser", browser)):
                key: Key = (metric, kind, name)
                old, before = self.series.get(key, (0.0, None if whole is None else 0.0))
                of = None if whole is None else before + self.total(whole[:, i])
                self.series[key] = (old + self.total(x[:, i]), of)

    def channels(self, metric: str, x: Array) -> None:
        for i, channel in enumerate(CHANNELS):
            self.series[metric, "channel", channel] = (self.total(x[:, :, i]), None)


def observe(rng: Any, shop: Shop, days: Array, damage: Damage, events: Happened) -> tuple[Series, dict[str, Array]]:
    """Return the series, and the hours and amounts, of which the monitor reads more than sums."""
    book = Book(len(days))
    fired_twice = _lose_views(rng, book, damage, events)
    seen = _sessions(rng, book, damage, events)
    records = _events(rng, book, damage, events, fired_twice)
    _visits(rng, book, damage, events, seen)
    whole = _orders(rng, book, damage, events)
    more = _amounts(rng, shop, days, damage, whole)
    book.put("revenue", more["revenue"])
    book.series["order_amount", "all", "all"] = (more["total"], more["n"])
    more["hours"] = _hours(rng, records, damage)
    return book.series, more


def _lose_views(rng: Any, book: Book, damage: Damage, events: Happened) -> Array:
    """Lose the views of sections; return how many views fire twice."""
    parts = np.array(list(SECTIONS.values()))
    views = book.total(events.views).astype(int)
    for i, (name, part) in enumerate(SECTIONS.items()):
        seen = rng.binomial(views, part * damage.sections[:, i])
        book.series["page_views", "section", name] = (seen.astype(float), None)
    kept = (parts * damage.sections).sum(axis=1)[:, None, None]
    events.views = rng.binomial(events.views, np.broadcast_to(kept, events.views.shape))
    with_id = (1 - damage.id_missing[:, :, None]) * (0.3 + 0.7 * kept)
    events.sessions = rng.binomial(events.sessions, np.broadcast_to(with_id, events.sessions.shape))
    fired_twice: Array = rng.binomial(book.total(events.views).astype(int), damage.twice)
    for metric, x in (("page_views", events.views), ("carts", events.carts), ("checkouts", events.starts)):
        book.put(metric, book.total(x) + (fired_twice if metric == "page_views" else 0))
        book.browsers(metric, x)
    return fired_twice


def _moved(rng: Any, x: Array, damage: Damage) -> Array:
    """Return events by the channel that is seen: what lost its evidence is direct."""
    lost = rng.binomial(x, np.broadcast_to(damage.utm_stripped[:, None, :], x.shape))
    seen = x - lost
    seen[:, :, 0] += lost.sum(axis=2)
    return seen


def _sessions(rng: Any, book: Book, damage: Damage, events: Happened) -> Array:
    seen = _moved(rng, events.sessions, damage)
    book.put("sessions", book.total(events.sessions))
    book.browsers("sessions", events.sessions)
    book.channels("sessions", seen)
    return seen


def _events(rng: Any, book: Book, damage: Damage, happened: Happened, fired_twice: Array) -> Array:
    """Write down the shares of all events; return the records of each day."""
    n = book.days
    events = happened.views + happened.carts + happened.starts + happened.orders
    signups = rng.poisson(book.total(happened.sessions) * SIGNUPS * np.exp(rng.normal(0, 0.1, n)))
    human = book.total(events) + signups + fired_twice
    crawlers = rng.poisson(human * CRAWLERS * np.exp(rng.normal(0, 0.25, n)))
    records: Array = human + crawlers
    book.put("signups", signups)
    book.put("records", records)
    book.put("crawler_share", crawlers, records)
    book.put("device_unknown_share", rng.binomial(records.astype(int), _noisy(rng, UNKNOWN_DEVICE, 0.3, n)), records)
    book.put("event_twice_share", fired_twice + rng.binomial(human.astype(int), _noisy(rng, TWICE, 0.3, n)), human)
    usual = _noisy(rng, ID_MISSING, 0.3, n)[:, None, None]
    missing = rng.binomial(events, 1 - (1 - damage.id_missing[:, :, None]) * (1 - usual))
    book.browsers("client_id_missing_share", missing, events)
    for ending in ("", "_as_tracked"):
        book.put("client_id_missing_share" + ending, book.total(missing) + rng.binomial(crawlers, 0.01), records)
    by_channel, kept = events.sum(axis=1), 1 - damage.utm_stripped
    for metric, column, part in (
        ("utm_share", 2, kept), ("click_id_share", 3, kept),
        ("referrer_missing_share", 4, 1 - np.broadcast_to(np.asarray(damage.referrer_lost), (n,))[:, None]),
    ):  # fmt: skip
        usually = np.array([v[column] for v in CHANNELS.values()])
        noise = np.exp(rng.normal(0, 0.03, (n, 1)))
        with_it = rng.binomial(by_channel, np.clip(usually * part * noise, 0, 1)).sum(axis=1)
        book.put(metric, records - with_it if column == 4 else with_it, records)
    for metric, p in RECORD_SHARES.items():
        book.put(metric, rng.binomial(records.astype(int), p), records)
    return records


def _visits(rng: Any, book: Book, damage: Damage, events: Happened, seen: Array) -> None:
    """Write down the shares of sessions, and of checkouts."""
    total, n = book.total, book.days
    visits, starts, orders = total(events.sessions), total(events.starts), total(events.orders)
    lost = rng.binomial(total(events.sessions[:, :, 1:]).astype(int), 0.8 * damage.referrer_lost)
    book.put("visitors", rng.binomial(visits.astype(int), 0.96))
    book.put("direct_session_share", total(seen[:, :, 0]) + lost, visits)
    book.put("paid_session_share", total(seen[:, :, PAID]), visits)
    book.put("mobile_session_share", total(events.sessions[:, :2]), visits)
    book.put("bounce_rate", rng.binomial(visits.astype(int), _noisy(rng, 0.75, 0.06, n)), visits)
    book.put("checkout_rate", np.minimum(visits, rng.poisson(starts * 0.9)), visits)
    book.put("completions_per_start", orders, starts)
    book.put("crawler_share_of_checkout", np.zeros(n), orders + starts)


def _orders(rng: Any, book: Book, damage: Damage, events: Happened) -> Array:
    """Write down orders and their shares; return how many are counted."""
    total, order_events = book.total, book.total(events.orders)
    shape = events.orders.shape
    other = rng.binomial(events.orders, np.broadcast_to(np.asarray(damage.other_currency)[..., None, None], shape))
    left = events.orders - other
    held = rng.binomial(left, np.broadcast_to(np.asarray(damage.amount_missing)[..., None, None], shape))
    counted = left - held
    seen, whole = _moved(rng, counted, damage), total(counted).astype(int)
    book.put("orders", whole)
    book.browsers("orders", counted)
    book.channels("orders", seen)
    visits = total(events.sessions)
    book.put("conversion", np.minimum(visits, whole), visits)
    browsers = np.array([part for part, _ in BROWSERS.values()])
    book.put("orders_with_checkout_share", rng.binomial(whole, 0.55 * (damage.starts * browsers).sum(axis=1)), whole)
    unattributed = np.clip(0.15 + damage.id_missing.mean(axis=1), 0, 1)
    book.put("unattributed_order_share", rng.binomial(whole, unattributed), whole)
    book.put("direct_order_share", total(seen[:, :, 0]), whole)
    book.put("paid_orders", total(seen[:, :, PAID]), whole)
    book.put("held_order_share", total(held), order_events)
    book.put("other_currency_share", total(other), order_events)
    again = rng.binomial(order_events.astype(int), 0.005 + damage.resubmitted)
    book.put("resubmission_share", again, order_events + again)
    for metric, p in ORDER_SHARES.items():
        book.put(metric, rng.binomial(whole, p), whole)
    return whole


def _noisy(rng: Any, level: float, sd: float, n: int) -> Array:
    """Return a share with a normal noise on the logit scale."""
    odds = level / (1 - level) * np.exp(rng.normal(0, sd, n))
    return odds / (1 + odds)


def _amounts(rng: Any, shop: Shop, days: Array, damage: Damage, orders: Array) -> dict[str, Array]:
    n = len(days)
    at = np.repeat(np.arange(n), orders)
    day_noise = rng.normal(0, 0.03, n)
    logs = rng.normal(4.4, shop.spread, len(at)) + (np.log(shop.price[days] * damage.price) + day_noise)[at]
    for factor, part in damage.scaled.items():
        logs = logs + np.where(rng.random(len(at)) < part[at], np.log(factor), 0.0)
    logs = np.log(np.maximum(np.round(np.exp(logs), 2), 0.01))
    amounts = {"at": at, "logs": logs, "n": orders.astype(float)}
    for name, values in (("total", logs), ("squares", logs * logs), ("revenue", np.exp(logs))):
        amounts[name] = np.bincount(at, weights=values, minlength=n) if len(at) else np.zeros(n)
    return amounts


def _hours(rng: Any, records: Array, damage: Damage) -> Array:
    """Return the events of each hour: visits come at random, and each brings several."""
    weights = HOURS * damage.hours
    weights = weights / weights.sum(axis=1, keepdims=True)
    visits = rng.poisson(weights * records[:, None] / 3)
    return np.round(visits * (records / np.maximum(visits.sum(axis=1), 1))[:, None])
