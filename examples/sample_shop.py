"""Three days of a small synthetic shop: its visits and orders, which every sample of an export is made of.

The days hold a visit that spans midnight, visitors who return directly after a campaign, and an order that is sent
twice.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

FIRST_DAY = date(2025, 6, 2)
DAYS = tuple(FIRST_DAY + timedelta(days=number) for number in range(3))
SHOP = "https://shop.example"
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
    "Mobile/15E148 Safari/604.1",
)


@dataclass(frozen=True)
class Product:
    sku: str
    name: str
    variant: str
    price: Decimal


@dataclass(frozen=True)
class Source:
    """The origin of a visit; every contract must map it to `channel`."""

    channel: str
    source: str = ""
    medium: str = ""
    campaign: str = ""
    gclid: str = ""
    referrer: str = ""

    @property
    def query(self) -> str:
        """Return the query string of the landing page."""
        if not self.source:
            return ""
        click = f"&gclid={self.gclid}" if self.gclid else ""
        return f"?utm_source={self.source}&utm_medium={self.medium}&utm_campaign={self.campaign}{click}"


@dataclass(frozen=True)
class Order:
    order_id: str
    customer: str  # a hash of the email address
    checkout: str
    lines: tuple[tuple[Product, int], ...]

    @property
    def amount(self) -> Decimal:
        return sum((product.price * quantity for product, quantity in self.lines), Decimal(0))


@dataclass(frozen=True)
class Visit:
    number: int
    client: str  # eight hexadecimal digits
    start: datetime
    source: Source


@dataclass(frozen=True)
class Event:
    kind: str  # page_view, add_to_cart, begin_checkout or purchase
    at: datetime
    visit: Visit
    page: str
    referrer: str
    title: str
    last_campaign: Source  # of this client, in this or an earlier visit
    first_source: Source  # of this client's first visit
    product: Product | None = None
    order: Order | None = None

    @property
    def event_id(self) -> str:
        """Return an id in the form of a UUID."""
        return uuid(self.visit.number, self.kind, self.at)

    @property
    def path(self) -> str:
        return self.page.removeprefix(SHOP).partition("?")[0]

    @property
    def agent(self) -> str:
        return AGENTS[int(self.visit.client, 16) % len(AGENTS)]

    @property
    def landing(self) -> Source:
        """Return the source if this event's page is the landing page of a campaign; otherwise none."""
        return self.visit.source if "?" in self.page else DIRECT


PRODUCTS = (
    Product("TEE-01", "Linen T-shirt", "White / M", Decimal("24.90")),
    Product("MUG-02", "Stoneware mug", "Blue", Decimal("12.50")),
    Product("BAG-03", "Canvas bag", "Natural", Decimal("39.00")),
    Product("CAP-04", "Cord cap", "Green", Decimal("19.95")),
    Product("SOX-05", "Wool socks", "39-42", Decimal("9.90")),
)
PAID = Source("Paid Search", "google", "cpc", "brand", "Cj0KCQjwexample", "https://www.google.com/")
EMAIL = Source("Email", "newsletter", "email", "june")
ORGANIC = Source("Organic Search", referrer="https://www.google.com/")
REFERRAL = Source("Referral", referrer="https://blog.example/best-bags")
DIRECT = Source("Direct")
SOURCES = (PAID, ORGANIC, DIRECT, EMAIL, REFERRAL, PAID, ORGANIC, DIRECT, EMAIL, ORGANIC, PAID, DIRECT)
ORDERING = ({0, 3, 5, 8, 11}, {1, 4, 6, 9}, {0, 2, 5, 7, 9, 10})  # the visits of each day that order
RETURNING = {(1, 7): (0, 3), (2, 2): (1, 0), (2, 11): (0, 1)}  # direct visits of a client who came before
OVER_MIDNIGHT = (0, 11)  # begins at 23:48, and orders after midnight
SENT_TWICE = (1, 6)  # its confirmation page is reloaded


def uuid(*parts: object) -> str:
    """Return a UUID made of the hash of some values."""
    digits = hashlib.md5("|".join(map(str, parts)).encode()).hexdigest()
    return "-".join((digits[:8], digits[8:12], "4" + digits[13:16], "8" + digits[17:20], digits[20:]))


def events() -> list[Event]:
    """Return the events of all visits in the order of their times."""
    made: list[Event] = []
    first_sources: dict[str, Source] = {}
    campaigns: dict[str, Source] = {}
    for day in range(len(DAYS)):
        for place, source in enumerate(SOURCES):
            key = (day, place)
            midnight = datetime.combine(DAYS[day], datetime.min.time(), UTC)
            start = midnight + timedelta(minutes=25 + 110 * place, seconds=7 * place)
            if key == OVER_MIDNIGHT:
                start = start.replace(hour=23, minute=48)
            client = hashlib.md5(f"client {RETURNING.get(key, key)}".encode()).hexdigest()[:8]
            visit = Visit(day * len(SOURCES) + place + 1, client, start, source)
            first = first_sources.setdefault(client, source)
            if source.source:
                campaigns[client] = source
            made += _visit_events(visit, key, campaigns.get(client, DIRECT), first)
    return sorted(made, key=lambda event: event.at)


def _visit_events(visit: Visit, key: tuple[int, int], campaign: Source, first: Source) -> list[Event]:
    day, place = key
    product = PRODUCTS[visit.number % len(PRODUCTS)]
    landing, product_page = f"{SHOP}/{visit.source.query}", f"{SHOP}/products/{product.sku.lower()}"
    orders = place in ORDERING[day]
    checkout = hashlib.md5(f"checkout {key}".encode()).hexdigest()
    lines = [(product, 1 + visit.number % 2)]
    if visit.number % 3 == 0:
        lines.append((PRODUCTS[(visit.number + 2) % len(PRODUCTS)], 1))
    customer = hashlib.sha256(f"{visit.client}@mail.example".encode()).hexdigest()
    order = Order(str(5000 + visit.number), customer, checkout, tuple(lines))

    def event(kind: str, minutes: int, page: str, referrer: str, title: str, **more: Any) -> Event:
        at = visit.start + timedelta(minutes=minutes, seconds=3 * minutes, milliseconds=visit.number * 17)
        return Event(kind, at, visit, page, referrer, title, campaign, first, **more)

    made = [event("page_view", 0, landing, visit.source.referrer, "Home")]
    if place % 4 == 1 and not orders:
        return made  # a visit of one page
    made.append(event("page_view", 2, product_page, landing, product.name, product=product))
    if place % 2 == 0 or orders:
        made.append(event("add_to_cart", 4, product_page, landing, product.name, product=product))
    if place % 4 == 2 or orders:
        start_page = f"{SHOP}/checkouts/cn/{checkout}/information"
        made.append(event("page_view", 6, start_page, product_page, "Checkout", order=order))
        made.append(event("begin_checkout", 7, start_page, product_page, "Checkout", order=order))
    if orders:
        minutes = 20 if key == OVER_MIDNIGHT else 11
        thanks = f"{SHOP}/checkouts/cn/{checkout}/thank-you"
        made.append(event("page_view", minutes, thanks, start_page, "Thank you", order=order))
        made.append(event("purchase", minutes + 1, thanks, start_page, "Thank you", order=order))
        if key == SENT_TWICE:
            again = made[-1]
            made += [replace(again, kind=kind, at=again.at + timedelta(minutes=4, seconds=n))
                     for n, kind in enumerate(("page_view", "purchase"))]  # fmt: skip
    return made


def totals(sent: Sequence[Event]) -> dict[str, tuple[int, Decimal]]:
    """Return the orders and the revenue of each day; an order counts once, when it is first sent."""
    orders: dict[str, tuple[str, Decimal]] = {}
    for event in sent:
        if event.kind == "purchase" and event.order:
            orders.setdefault(event.order.order_id, (event.at.date().isoformat(), event.order.amount))
    days: dict[str, tuple[int, Decimal]] = {}
    for day, amount in orders.values():
        number, revenue = days.get(day, (0, Decimal(0)))
        days[day] = (number + 1, revenue + amount)
    return dict(sorted(days.items()))


def sessions(sent: Sequence[Event]) -> dict[str, int]:
    """Return the number of sessions of each channel."""
    counted: dict[str, int] = defaultdict(int)
    for visit in {event.visit for event in sent}:
        counted[visit.source.channel] += 1
    return dict(sorted(counted.items()))
