"""The roles that a shop's contract maps. Figures, pictures and sentences about the other roles do not apply."""

import json
from dataclasses import dataclass

from event_data.contract import ROLES, Contract
from event_data.contract.model import EVENT_ROLES, ORDER_ROLES

# The steps of the funnel, by the role of their event.
STEPS = ("page_view", "cart", "checkout", "order")
# Where the channel of a visit can come from.
CHANNEL_ROLES = ("page", "referrer", "source", "medium", "click_id", "channel")
EVENT = "event:"  # before the role of an event; `checkout` is also the role of a column


@dataclass(frozen=True)
class ShopRoles:
    """The roles of columns and of an order's values by name, and those of events as event:page_view.

    event:other stands for events that have no role, order_list for the shop's own list of orders, and
    paid_clicks for the clicks of its advertising, if they can be compared with sessions.
    """

    names: frozenset[str]

    @classmethod
    def of(cls, contract: Contract) -> "ShopRoles":
        """Return the roles that a contract maps; a token in the page is a checkout too."""
        events = [EVENT + (event.role or "other") for event in contract.events]
        has_token = contract.order is not None and contract.order.checkout_token is not None
        has_list = contract.order_list is not None
        # A channel column replaces sources and click ids, so that no click is known to have arrived.
        is_known = "channel" not in contract.roles and not {"page", "source", "click_id"}.isdisjoint(contract.roles)
        has_clicks = is_known and any("clicks" in book.values for book in contract.ad_spend)
        books = [*["order_list"] * has_list, *["paid_clicks"] * has_clicks]
        return cls(frozenset([*contract.values, *events, *["checkout"] * has_token, *books]))

    @classmethod
    def from_json(cls, text: str) -> "ShopRoles":
        """Return the roles that gold.shop lists."""
        return cls(frozenset(json.loads(text)))

    def to_json(self) -> str:
        """Return the roles as gold.shop lists them."""
        return json.dumps(sorted(self.names))

    def has(self, *names: str) -> bool:
        """Return whether the shop has any of these roles."""
        return not self.names.isdisjoint(names)

    @property
    def has_amount(self) -> bool:
        """Return whether orders have an amount; otherwise there are no revenue figures."""
        return self.has("amount")

    @property
    def has_channels(self) -> bool:
        """Return whether anything shows where a visit came from."""
        return self.has(*CHANNEL_ROLES)

    @property
    def has_orders(self) -> bool:
        """Return whether an event is an order."""
        return self.has(EVENT + "order")

    @property
    def has_attribution(self) -> bool:
        """Return whether orders can be given a channel."""
        return self.has_orders and self.has_channels

    @property
    def has_conversion(self) -> bool:
        """Return whether some sessions end in an order and others do not."""
        return self.has_orders and self.has_visits

    @property
    def has_devices(self) -> bool:
        """Return whether devices, systems and crawlers are known."""
        return self.has("user_agent")

    @property
    def has_visits(self) -> bool:
        """Return whether there are events other than orders; otherwise every session is an order."""
        return any(name.startswith(EVENT) and name != EVENT + "order" for name in self.names)

    @property
    def steps(self) -> tuple[str, ...]:
        """Return the steps of the funnel that the shop records, in order."""
        return tuple(step for step in STEPS if self.has(EVENT + step))

    @property
    def has_funnel(self) -> bool:
        """Return whether there is a step before the order."""
        return len(self.steps) > 1 and self.steps[-1] == "order"


ALL_ROLES = ShopRoles(frozenset([*ROLES, *ORDER_ROLES, *(EVENT + role for role in (*EVENT_ROLES, "other"))]))
