"""The levels of an invented shop, those of a real shop's fortnight, and what a fault changes on each day."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = Any  # of numpy
Key = tuple[str, str, str]  # metric, kind of segment, segment
Series = dict[Key, tuple[Array, Array | None]]  # numerator and denominator of each day

SIZES = {"small": 700.0, "medium": 3_300.0, "large": 20_000.0}  # sessions per day; 1.2 % of them order
QUIET = ("steady", "growing", "declining", "month end")
TRADING = ("campaigns", "sales", "holidays")
PROFILES = QUIET + TRADING
# device, browser: part of the sessions, conversion beside the shop's
BROWSERS = {
    ("Mobile", "Safari"): (0.38, 0.8), ("Mobile", "Chrome"): (0.27, 0.7), ("Desktop", "Chrome"): (0.20, 1.6),
    ("Desktop", "Safari"): (0.07, 1.7), ("Desktop", "Firefox"): (0.05, 1.4), ("Tablet", "Safari"): (0.03, 1.1),
}  # fmt: skip
# channel: part of the sessions, conversion beside the shop's, with UTM, with a click id, with a referrer
CHANNELS = {
    "Direct": (0.33, 1.1, 0.0, 0.0, 0.0), "Organic Search": (0.25, 1.2, 0.0, 0.0, 0.9),
    "Paid Search": (0.14, 1.0, 0.6, 0.9, 0.8), "Paid Social": (0.10, 0.4, 0.95, 0.9, 0.5),
    "Email": (0.07, 1.6, 1.0, 0.0, 0.2), "Referral": (0.06, 0.8, 0.0, 0.0, 1.0),
    "Organic Social": (0.05, 0.4, 0.0, 0.0, 0.9),
}  # fmt: skip
PAID = [list(CHANNELS).index(c) for c in ("Paid Search", "Paid Social")]
SECTIONS = {"/": 0.35, "/products": 0.3, "/collections": 0.2, "/blog": 0.1, "/pages": 0.05}
HOURS = np.array([5, 6, 6, 5, 5, 3, 2.5, 2, 1.7, 1.5, 1.7, 2.2, 3, 4, 4.5, 4.6, 4.8, 5, 5, 5, 5, 5, 5, 5.0])
HOURS /= HOURS.sum()
CONVERSION, CARTS, STARTS, SIGNUPS, DEPTH = 0.012, 0.07, 0.014, 0.018, 0.4  # a session
ID_MISSING, CRAWLERS, UNKNOWN_DEVICE, TWICE = 0.01, 0.12, 0.02, 0.004  # a record
# Shares of orders: usual level.
ORDER_SHARES = {
    "free_order_share": 0.03, "customer_repeated_share": 0.01, "collision_share": 0.0, "customer_missing_share": 0.0,
    "line_amount_missing_share": 0.0, "item_missing_share": 0.0,
}  # fmt: skip
RECORD_SHARES = {
    "unreadable_share": 0.0, "unusable_share": 0.0, "repeated_share": 0.0001, "unknown_event_share": 0.0,
    "page_missing_share": 0.0002, "outside_day_share": 0.0, "client_placeholder_share": 0.0,
}  # fmt: skip


@dataclass(frozen=True)
class Shop:
    """The expected level of a shop on each day, without chance: factors by day, and by day and channel."""

    size: float
    traffic: Array
    by_channel: Array
    conversion: Array
    price: Array
    noise: float  # standard deviation of the logarithm of a day's traffic
    correlation: float = 0.6  # of a day's traffic with that of the day before
    spread: float = 0.7  # standard deviation of the logarithm of an order's amount
    weekday_of_first: int = 0

    @property
    def days(self) -> int:
        return len(self.traffic)


@dataclass
class Damage:
    """The effect of a fault on each day: the parts that are kept, and the parts that are changed."""

    everything: Array  # day, browser, channel: part of the events that arrive
    sections: Array  # day, section: part of the page views that arrive
    carts: Array  # day, browser
    starts: Array
    orders: Array  # day, browser, channel
    hours: Array  # day, hour: part of the events of the hour that arrive
    id_missing: Array  # day, browser: part of the events that lose their id
    utm_stripped: Array  # day, channel: part of the sessions whose evidence is lost, so that they count as direct
    price: Array  # day: factor of every amount
    other_currency: Array  # day: part of the orders that carry another currency and are not counted
    amount_missing: Array
    resubmitted: Array
    referrer_lost: Array
    twice: Array  # part of the page views that fire a second time
    scaled: dict[float, Array] = field(default_factory=dict)  # factor: day, part of the amounts multiplied by it

    @classmethod
    def none(cls, days: int) -> "Damage":
        b, c, s = len(BROWSERS), len(CHANNELS), len(SECTIONS)
        damage: dict[str, Any] = {
            name: np.ones((days, *shape))
            for name, shape in {
                "everything": (b, c), "sections": (s,), "carts": (b,), "starts": (b,), "orders": (b, c), "hours": (24,),
                "price": (),
            }.items()
        }  # fmt: skip
        damage |= {"id_missing": np.zeros((days, b)), "utm_stripped": np.zeros((days, c))}
        for name in ("other_currency", "amount_missing", "resubmitted", "referrer_lost", "twice"):
            damage[name] = np.zeros(days)
        return cls(**damage)
