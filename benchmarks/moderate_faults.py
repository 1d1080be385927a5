"""Faults of moderate size for the invented shops, and the oracle that says which of them can be seen at all.

A fault is visible in principle if an oracle that knows the true mean and dispersion of the metric finds it with 80 %
power at 1 % false alarms within seven days. The oracle is measured, not computed: the shop's week is drawn many times
with the fault and without it, and a day, the first three and all seven days are summed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from shop_model import BROWSERS, CHANNELS, Array, Damage, Key, Series, Shop
from shops import autocorrelated, draw

ALL = ("all", "all")
DRAWS, WINDOWS, POWER, FALSE_ALARMS = 300, (1, 3, 7), 0.8, 0.01
Apply = Callable[[Damage, Array], None]  # changes the damage on the days from 0 on


@dataclass(frozen=True)
class Fault:
    """`shows`: the metrics that the oracle may look at; `names`: the alarms that name the cause."""

    name: str
    apply: Apply
    shows: tuple[Key, ...]
    names: str


def _browser(name: str) -> list[int]:
    return [i for i, (_, browser) in enumerate(BROWSERS) if browser == name]


def _device(name: str) -> list[int]:
    return [i for i, (device, _) in enumerate(BROWSERS) if device == name]


def _channel(name: str) -> int:
    return list(CHANNELS).index(name)


def _keep(what: str, part: float) -> Apply:
    def apply(damage: Damage, day: Array) -> None:
        getattr(damage, what)[:] *= part

    return apply


def _keep_of(what: str, rows: Sequence[int], part: float) -> Apply:
    def apply(damage: Damage, day: Array) -> None:
        getattr(damage, what)[:, list(rows)] *= part

    return apply


def _add(what: str, part: float, columns: Sequence[int] | None = None) -> Apply:
    def apply(damage: Damage, day: Array) -> None:
        values = getattr(damage, what)
        if columns is None:
            values += part
        else:
            values[:, list(columns)] += part

    return apply


def _scale(factor: float, part: float) -> Apply:
    def apply(damage: Damage, day: Array) -> None:
        damage.scaled[factor] = np.full(len(day), part)

    return apply


def _decay(what: str, per_day: float) -> Apply:
    def apply(damage: Damage, day: Array) -> None:
        values = getattr(damage, what)
        values *= ((1 - per_day) ** (day + 1)).reshape(-1, *[1] * (values.ndim - 1))

    return apply


def _orders_of_channel(damage: Damage, day: Array) -> None:
    damage.orders[:, :, _channel("Paid Search")] *= 0.4


def _k(*metrics: str) -> tuple[Key, ...]:
    return tuple((m, *ALL) for m in metrics)


ORDERS, OF_ORDERS = _k("orders", "conversion", "completions_per_start"), "orders completions"
CHECKOUTS, OF_IDS = "checkouts completions", "identity identity_as_tracked"
TRAFFIC = _k("records", "page_views", "sessions")
SAFARI, MOBILE = _browser("Safari"), _device("Mobile")
FAULTS = [
    Fault("20 % of all events lost", _keep("everything", 0.8), TRAFFIC, "traffic"),
    Fault("30 % of all events lost", _keep("everything", 0.7), TRAFFIC, "traffic"),
    Fault("60 % of all events lost", _keep("everything", 0.4), TRAFFIC, "traffic"),
    Fault(
        "all events of Firefox lost",
        _keep_of("everything", _browser("Firefox"), 0.0),
        (("page_views", "browser", "Firefox"), ("sessions", "browser", "Firefox")),
        "traffic devices browsers",
    ),
    Fault(
        "50 % of the events on desktops lost",
        _keep_of("everything", _device("Desktop"), 0.5),
        (("page_views", "device", "Desktop"), ("sessions", "device", "Desktop")),
        "traffic devices orders",
    ),
    Fault(
        "a section untracked", _keep_of("sections", [2], 0.0), (("page_views", "section", "/collections"),), "traffic"
    ),
    Fault(
        "50 % of a section's views lost",
        _keep_of("sections", [3], 0.5),
        (("page_views", "section", "/blog"),),
        "traffic",
    ),
    Fault(
        "half of the afternoon lost",
        lambda d, _: d.hours.__setitem__((slice(None), slice(12, 18)), 0.5),
        TRAFFIC,
        "traffic silent_hours",
    ),
    Fault(
        "three hours lost",
        lambda d, _: d.hours.__setitem__((slice(None), slice(13, 16)), 0.0),
        TRAFFIC,
        "traffic silent_hours",
    ),
    Fault("30 % of the orders lost", _keep("orders", 0.7), ORDERS, OF_ORDERS),
    Fault("50 % of the orders lost", _keep("orders", 0.5), ORDERS, OF_ORDERS),
    Fault(
        "50 % of Safari's orders lost", _keep_of("orders", SAFARI, 0.5), (("orders", "browser", "Safari"),), OF_ORDERS
    ),
    Fault(
        "60 % of Paid Search's orders lost",
        _orders_of_channel,
        (("orders", "channel", "Paid Search"),),
        "orders zero_paid_revenue",
    ),
    Fault("40 % of the cart events lost", _keep("carts", 0.6), _k("carts"), "carts"),
    Fault(
        "60 % of the cart events on mobiles lost",
        _keep_of("carts", MOBILE, 0.4),
        (("carts", "device", "Mobile"),),
        "carts",
    ),
    Fault(
        "40 % of the checkout starts lost",
        _keep("starts", 0.6),
        _k("checkouts", "checkout_rate", "completions_per_start"),
        CHECKOUTS,
    ),
    Fault(
        "60 % of Safari's checkout starts lost",
        _keep_of("starts", SAFARI, 0.4),
        (("checkouts", "browser", "Safari"),),
        CHECKOUTS,
    ),
    Fault(
        "UTM of e-mails stripped",
        _add("utm_stripped", 1.0, [_channel("Email")]),
        (("sessions", "channel", "Email"), *_k("utm_share")),
        "campaigns sources",
    ),
    Fault(
        "60 % of the UTM of Paid Social stripped",
        _add("utm_stripped", 0.6, [_channel("Paid Social")]),
        (("sessions", "channel", "Paid Social"), *_k("utm_share")),
        "campaigns sources",
    ),
    Fault(
        "40 % of the referrers lost",
        _add("referrer_lost", 0.4),
        _k("referrer_missing_share", "direct_session_share"),
        "sources",
    ),
    Fault("5 % of the ids lost", _add("id_missing", 0.05), _k("client_id_missing_share"), OF_IDS),
    Fault(
        "30 % of Firefox's ids lost",
        _add("id_missing", 0.3, _browser("Firefox")),
        (("client_id_missing_share", "browser", "Firefox"),),
        OF_IDS,
    ),
    Fault(
        "20 % of the orders in another currency",
        _add("other_currency", 0.2),
        _k("other_currency_share"),
        "other_currency order_payload",
    ),
    Fault("10 % of the amounts in cents", _scale(100.0, 0.1), (("scale", "all", "high"),), "order_values"),
    Fault("25 % of the amounts a hundredth", _scale(0.01, 0.25), (("scale", "all", "low"),), "order_values"),
    Fault(
        "order values 25 % lower",
        lambda d, _: d.price.__imul__(0.75),
        (("order_amount", *ALL),),
        "order_values revenue",
    ),
    Fault(
        "order values 30 % higher",
        lambda d, _: d.price.__imul__(1.3),
        (("order_amount", *ALL),),
        "order_values revenue",
    ),
    Fault("20 % of the orders without an amount", _add("amount_missing", 0.2), _k("held_order_share"), "order_payload"),
    Fault("20 % of the orders sent again", _add("resubmitted", 0.2), _k("resubmission_share"), "resubmissions"),
    Fault("5 % of the page views fired twice", _add("twice", 0.05), _k("event_twice_share"), "repeats"),
    Fault("all events, 3 % fewer every day", _decay("everything", 0.03), TRAFFIC, "traffic"),
    Fault("orders, 3 % fewer every day", _decay("orders", 0.03), ORDERS, OF_ORDERS),
]


def damage_of(fault: Fault, number: Array) -> Damage:
    """Return the fault's damage on the days with these numbers, 0 being the first bad day."""
    damage = Damage.none(len(number))
    fault.apply(damage, np.asarray(number))
    return damage


def is_visible(rng: np.random.Generator, shop: Shop, first: int, fault: Fault) -> bool:
    """Return whether the oracle finds the fault within the week that begins on this day of the shop."""
    days = np.tile(np.arange(first, first + 7), DRAWS)
    sums = []
    for damage in (Damage.none(len(days)), damage_of(fault, days - first)):
        noise = autocorrelated(rng, shop, DRAWS, 7).ravel()
        found, more = draw(rng, shop, days, noise, damage)
        _add_scale(found, more)
        sums.append({key: _statistics(found, key) for key in fault.shows})
    return any(_has_power(sums[0][key][:, i], sums[1][key][:, i]) for key in fault.shows for i in range(len(WINDOWS)))


def _add_scale(series: Series, more: dict[str, Array]) -> None:
    """Add the counts of orders whose amount is far from the usual, which the oracle knows."""
    n = len(more["n"])
    for name, is_far in (("high", more["logs"] > 4.4 + 3.0), ("low", more["logs"] < 4.4 - 3.0)):
        series["scale", "all", name] = (np.bincount(more["at"], weights=is_far, minlength=n), more["n"])


def _statistics(series: Series, key: Key) -> Array:
    """Return the sums over a day, three and seven days of each draw; of a share, numerator by denominator."""
    x, n = (None if v is None else v.reshape(DRAWS, 7) for v in series[key])
    assert x is not None
    columns = []
    for window in WINDOWS:
        part = x[:, :window].sum(axis=1)
        columns.append(part if n is None else part / np.maximum(n[:, :window].sum(axis=1), 1))
    return np.stack(columns, 1)


def _has_power(usual: Array, broken: Array) -> bool:
    """Return whether a limit with 1 % false alarms is beyond 80 % of the broken draws, in either direction."""
    low, high = np.quantile(usual, FALSE_ALARMS, method="lower"), np.quantile(usual, 1 - FALSE_ALARMS, method="higher")
    return bool(np.mean(broken < low) >= POWER or np.mean(broken > high) >= POWER)
