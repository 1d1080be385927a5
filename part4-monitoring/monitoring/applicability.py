"""Select the metrics and runbook steps that apply to a shop, by the roles that its contract maps."""

import re
from collections.abc import Sequence
from dataclasses import replace

from event_data.contract import Contract
from event_data.contract.model import Constant
from event_data.shop_roles import ShopRoles
from monitoring.thresholds import Thresholds

# A metric needs one of these roles; one that is not listed applies to every shop.
NEEDED_ROLES = {
    "crawler_share": ("user_agent",), "crawler_share_of_checkout": ("user_agent",),
    "device_unknown_share": ("user_agent",), "mobile_session_share": ("user_agent",),
    "page_missing_share": ("page",), "referrer_missing_share": ("referrer",),
    "utm_share": ("page", "source", "medium"), "click_id_share": ("page", "click_id"),
    "held_order_share": ("transaction_id", "amount"), "resubmission_share": ("transaction_id",),
    "customer_missing_share": ("customer",), "customer_repeated_share": ("customer",),
    "line_amount_missing_share": ("lines",), "item_missing_share": ("lines",),
    "free_order_share": ("amount",), "order_amount": ("amount",), "amount_scale_share": ("amount",),
    "other_currency_share": ("currency",), "tracking_coverage": ("order_list",),
    "click_arrival": ("paid_clicks",),
    "page_views": ("event:page_view",), "bounce_rate": ("event:page_view",), "signups": ("event:signup",),
    "carts": ("event:cart",), "checkouts": ("event:checkout",), "checkout_rate": ("event:checkout",),
    "completions_per_start": ("event:checkout",), "orders_with_checkout_share": ("event:checkout",),
}  # fmt: skip
OF_CHANNELS = ("direct_session_share", "paid_session_share", "unattributed_order_share", "direct_order_share")
OF_VISITS = ("sessions", "visitors", "conversion", "direct_session_share", "paid_session_share", "mobile_session_share")
OF_ORDERS = (
    "orders", "conversion", "completions_per_start", "orders_with_checkout_share", "unattributed_order_share",
    "direct_order_share",
)  # fmt: skip
# A step of a runbook that has one of these words is about one of these roles.
WORDS = {
    r"revenues?|amounts?": ("amount",),
    r"channels?|campaigns?|ads?|ad platforms?|auto-tagging|gclid|utm": (
        "page",
        "referrer",
        "source",
        "medium",
        "click_id",
        "channel",
    ),
    r"referrers?": ("referrer",),
    r"browsers?|devices?|crawlers?": ("user_agent",),
    r"page views": ("event:page_view",),
    r"cart": ("event:cart",),
    r"checkouts?": ("event:checkout",),
}


def for_shop(t: Thresholds, contract: Contract, roles: ShopRoles) -> Thresholds:
    """Return the thresholds without the metrics and the steps of runbooks that do not apply to the shop."""
    metrics = tuple(m for m in t.metrics if _applies(m.name, contract, roles))
    segments = tuple(m for m in t.segments if _applies(m.of, contract, roles))
    return replace(
        t, metrics=metrics, segments=segments, runbooks={key: _steps(steps, roles) for key, steps in t.runbooks.items()}
    )


def _applies(metric: str, contract: Contract, roles: ShopRoles) -> bool:
    if metric == "event_twice_share":  # the lines of an order have the same time
        return not (contract.order and contract.order.key)
    if metric == "unknown_event_share":
        return not isinstance(contract.values["event"], Constant)
    if metric in OF_CHANNELS and not roles.has_channels:
        return False
    if (metric in OF_VISITS and not roles.has_visits) or (metric in OF_ORDERS and not roles.has_orders):
        return False
    return metric not in NEEDED_ROLES or roles.has(*NEEDED_ROLES[metric])


def _steps(steps: Sequence[str], roles: ShopRoles) -> tuple[str, ...]:
    """Return the steps that mention nothing that the shop does not have."""
    absent = [words for words, needed in WORDS.items() if not roles.has(*needed)]
    if not absent:
        return tuple(steps)
    pattern = re.compile(rf"\b({'|'.join(absent)})\b", re.IGNORECASE)
    return tuple(step for step in steps if not pattern.search(step))
