#!/usr/bin/env python3
"""Write the same three days of one small shop as ten common exports would deliver them.

Every export has the same visits and the same orders, so every contract beside this script must give the same figures:
the number of orders, the revenue and, if the export has sources, the sessions of each channel. The days hold a visit
that spans midnight, visitors who return directly after a campaign, and an order that is sent twice.
"""

import argparse
import csv
import gzip
import hashlib
import io
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

HERE = Path(__file__).resolve().parent
FIRST_DAY = date(2025, 6, 2)
DAYS = tuple(FIRST_DAY + timedelta(days=number) for number in range(3))
SHOP = "https://shop.example"
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
    "Mobile/15E148 Safari/604.1",
)
Row = dict[str, Any]
Files = dict[str, bytes]  # path below the folder of the export -> content


@dataclass(frozen=True)
class Product:
    sku: str
    name: str
    variant: str
    price: Decimal


@dataclass(frozen=True)
class Source:
    """Where a visit comes from; `channel` is the name that every contract must give it."""

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
            start = datetime(*DAYS[day].timetuple()[:3], tzinfo=UTC) + timedelta(minutes=25 + 110 * place, seconds=7 * place)
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


def totals(found: Sequence[Event]) -> dict[str, tuple[int, Decimal]]:
    """Return the orders and the revenue of each day; an order counts once, when it is first sent."""
    orders: dict[str, tuple[str, Decimal]] = {}
    for event in found:
        if event.kind == "purchase" and event.order:
            orders.setdefault(event.order.order_id, (event.at.date().isoformat(), event.order.amount))
    days: dict[str, tuple[int, Decimal]] = {}
    for day, amount in orders.values():
        number, revenue = days.get(day, (0, Decimal(0)))
        days[day] = (number + 1, revenue + amount)
    return dict(sorted(days.items()))


def sessions(found: Sequence[Event]) -> dict[str, int]:
    """Return the number of sessions of each channel."""
    counted: dict[str, int] = defaultdict(int)
    for visit in {event.visit for event in found}:
        counted[visit.source.channel] += 1
    return dict(sorted(counted.items()))


# How the exports write a time, an amount and a file


def iso(at: datetime, digits: str = "milliseconds") -> str:
    return at.replace(tzinfo=None).isoformat(timespec=digits) + "Z"


def spaced(at: datetime, form: str = "%Y-%m-%d %H:%M:%S.%f") -> str:
    return at.strftime(form)


def micros(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def filled(row: Mapping[str, Any]) -> Row:
    """Return a row without the values that are empty."""
    return {key: value for key, value in row.items() if value not in (None, "", {}, [])}


def json_lines(rows: Iterable[Row]) -> bytes:
    return "".join(json.dumps(row, separators=(",", ":"), default=float) + "\n" for row in rows).encode()


def text_rows(rows: Sequence[Row], delimiter: str = ",") -> bytes:
    """Return rows as CSV; the first row has all the columns."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def by_day(found: Iterable[Event], name: Callable[[str], str], write: Callable[[list[Event]], bytes]) -> Files:
    """Return a file for each day; `name` gets the day."""
    days: dict[str, list[Event]] = defaultdict(list)
    for event in found:
        days[event.at.date().isoformat()].append(event)
    return {name(day): write(days[day]) for day in days}


# The exports


GA4_PARAMETERS = {"ga_session_id": "int_value", "ga_session_number": "int_value", "value": "double_value"}
GA4_TYPES = """
    event_date: VARCHAR, event_timestamp: BIGINT, event_name: VARCHAR,
    event_params: STRUCT(key VARCHAR, value STRUCT(string_value VARCHAR, int_value BIGINT, float_value DOUBLE, double_value DOUBLE))[],
    user_pseudo_id: VARCHAR, traffic_source: STRUCT(name VARCHAR, medium VARCHAR, source VARCHAR),
    collected_traffic_source: STRUCT(
        manual_campaign_name VARCHAR, manual_source VARCHAR, manual_medium VARCHAR, gclid VARCHAR),
    ecommerce: STRUCT(total_item_quantity BIGINT, purchase_revenue DOUBLE, unique_items BIGINT, transaction_id VARCHAR),
    items: STRUCT(item_id VARCHAR, item_name VARCHAR, item_variant VARCHAR, price DOUBLE, quantity BIGINT, item_revenue DOUBLE)[]
"""


def ga4_rows(found: Iterable[Event]) -> list[Row]:
    """Return GA4's rows; BigQuery writes whole numbers as text in JSON."""
    rows = []
    for event in found:
        opens = event.kind == "page_view" and event.at.replace(microsecond=0) == event.visit.start
        parameters = {
            "page_location": event.page, "page_referrer": event.referrer, "page_title": event.title,
            "ga_session_id": str(int(event.visit.start.timestamp())), "ga_session_number": "1",
        }  # fmt: skip
        landing, first, order = event.visit.source if opens else DIRECT, event.first_source, event.order
        sold = event.kind == "purchase" and order is not None
        if order and sold:
            parameters |= {"transaction_id": order.order_id, "currency": "EUR", "value": order.amount}  # type: ignore[dict-item]
        row = {
            "event_date": spaced(event.at, "%Y%m%d"), "event_timestamp": str(micros(event.at)), "event_name": event.kind,
            "event_params": [
                {"key": key, "value": {GA4_PARAMETERS.get(key, "string_value"): value}}
                for key, value in parameters.items() if value
            ],
            "user_pseudo_id": ga4_client(event),
            "traffic_source": {
                "name": first.campaign or "(direct)", "medium": first.medium or "(none)", "source": first.source or "(direct)",
            },
            "collected_traffic_source": filled({
                "manual_campaign_name": landing.campaign, "manual_source": landing.source,
                "manual_medium": landing.medium, "gclid": landing.gclid,
            }),
            "ecommerce": ga4_ecommerce(order) if order and sold else {},
            "items": ga4_items(order) if order and sold else [],
        }  # fmt: skip
        if opens:
            rows.append(filled(row | {"event_name": "session_start"}))
        rows.append(filled(row))
    return rows


def ga4_client(event: Event) -> str:
    return f"{int(event.visit.client, 16)}.{int(datetime(2025, 5, 1, tzinfo=UTC).timestamp())}"


def ga4_ecommerce(order: Order) -> Row:
    return {
        "total_item_quantity": str(sum(quantity for _, quantity in order.lines)), "purchase_revenue": order.amount,
        "unique_items": str(len(order.lines)), "transaction_id": order.order_id,
    }  # fmt: skip


def ga4_items(order: Order) -> list[Row]:
    return [
        {
            "item_id": product.sku, "item_name": product.name, "item_variant": product.variant, "price": product.price,
            "quantity": str(quantity), "item_revenue": product.price * quantity,
        }
        for product, quantity in order.lines
    ]  # fmt: skip


def ga4_bigquery(found: Sequence[Event]) -> Files:
    """Return GA4's daily tables as JSON lines and as Parquet."""

    def name(ending: str) -> Callable[[str], str]:
        return lambda day: f"events_{day.replace('-', '')}.{ending}"

    lines = by_day(found, name("jsonl.gz"), lambda day: json_lines(ga4_rows(day)))
    tables = by_day(found, name("parquet"), lambda day: parquet(json_lines(ga4_rows(day))))
    return {f"sample/{path}": content for path, content in lines.items()} | {
        f"sample_parquet/{path}": content for path, content in tables.items()
    }


def parquet(lines: bytes) -> bytes:
    """Return JSON lines as a Parquet file of GA4's columns."""
    columns = ", ".join(part.strip().replace(": ", ": '", 1) + "'" for part in _split(GA4_TYPES))
    with tempfile.TemporaryDirectory() as work:
        read, written = Path(work, "rows.jsonl"), Path(work, "rows.parquet")
        read.write_bytes(lines)
        duckdb.execute(
            f"copy (from read_json('{read}', format = 'newline_delimited', columns = {{{columns}}})) "
            f"to '{written}' (format parquet, compression zstd)"
        )
        return written.read_bytes()


def _split(types: str) -> list[str]:
    """Return the parts of a list that is separated by commas outside brackets."""
    parts, depth = [""], 0
    for letter in " ".join(types.split()):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def ga4_flat(found: Sequence[Event]) -> Files:
    """Return a query's result over GA4's tables: one row per event, and all days in one file."""
    rows = []
    for event in found:
        landing = event.visit.source if "?" in event.page else DIRECT
        order = event.order if event.kind == "purchase" else None
        rows.append({
            "event_timestamp": f"{spaced(event.at)} UTC", "event_name": event.kind, "user_pseudo_id": ga4_client(event),
            "ga_session_id": int(event.visit.start.timestamp()), "page_location": event.page,
            "page_referrer": event.referrer, "source": landing.source, "medium": landing.medium,
            "campaign": landing.campaign, "gclid": landing.gclid, "transaction_id": order.order_id if order else "",
            "purchase_revenue": order.amount if order else "", "currency": "EUR" if order else "",
        })  # fmt: skip
    return {"sample/ga4_events.csv": text_rows(rows)}


ECOMMERCE = "com_snowplowanalytics_snowplow_ecommerce"
ACTIONS = {"add_to_cart": "add_to_cart", "begin_checkout": "checkout_step", "purchase": "transaction"}


def snowplow(found: Sequence[Event]) -> Files:
    """Return rows of the warehouse's atomic events, with a column for each entity."""

    def write(day: list[Event]) -> bytes:
        return text_rows([snowplow_row(event) for event in day], "\t")

    return by_day(found, lambda day: f"sample/atomic_events_{day}.tsv.gz", write)


def snowplow_row(event: Event) -> Row:
    action, order = ACTIONS.get(event.kind), event.order
    landing = event.visit.source if "?" in event.page else DIRECT
    products = [(event.product, 1)] if event.product and action else order.lines if order and action else ()
    return {
        "app_id": "shop", "platform": "web", "collector_tstamp": spaced(event.at + timedelta(milliseconds=300)),
        "derived_tstamp": spaced(event.at), "event": "unstruct" if action else "page_view",
        "event_id": event.event_id, "domain_userid": uuid(event.visit.client),
        "domain_sessionid": uuid("session", event.visit.number), "page_url": event.page, "page_title": event.title,
        "page_referrer": event.referrer, "mkt_medium": landing.medium, "mkt_source": landing.source,
        "mkt_campaign": landing.campaign, "mkt_clickid": landing.gclid, "mkt_network": "Google" if landing.gclid else "",
        "useragent": agent(event), "event_vendor": ECOMMERCE.replace("_", ".") if action else "com.snowplowanalytics.snowplow",
        "event_name": "snowplow_ecommerce_action" if action else "page_view",
        f"unstruct_event_{ECOMMERCE}_snowplow_ecommerce_action_1": compact({"type": action}) if action else "",
        f"contexts_{ECOMMERCE}_transaction_1": compact([{
            "transaction_id": order.order_id, "revenue": order.amount, "currency": "EUR",
            "payment_method": "card", "total_quantity": sum(quantity for _, quantity in order.lines),
        }]) if order and event.kind == "purchase" else "",
        f"contexts_{ECOMMERCE}_product_1": compact([
            {"id": p.sku, "name": p.name, "variant": p.variant, "category": "all", "price": p.price, "quantity": n, "currency": "EUR"}
            for p, n in products
        ]) if products else "",
    }  # fmt: skip


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), default=float)


def agent(event: Event) -> str:
    return AGENTS[int(event.visit.client, 16) % len(AGENTS)]


TRACKED = {"add_to_cart": "Product Added", "begin_checkout": "Checkout Started", "purchase": "Order Completed"}


def tracked_properties(event: Event) -> Row:
    """Return what a shop sends with a cart, checkout or order event, with the names of Segment's e-commerce spec."""
    if event.kind == "add_to_cart" and event.product:
        product = event.product
        return {"product_id": product.sku, "name": product.name, "price": product.price, "quantity": 1}
    if event.kind == "page_view" or not event.order:
        return {}
    order = event.order
    made: Row = {"checkout_id": order.checkout, "revenue": order.amount, "currency": "EUR"}
    if event.kind == "purchase":
        made = {"order_id": order.order_id, **made}
    made["products"] = [
        {"product_id": p.sku, "name": p.name, "variant": p.variant, "price": p.price, "quantity": n} for p, n in order.lines
    ]
    return made


def segment(found: Sequence[Event]) -> Files:
    """Return Segment's logs: a folder for each day on which calls were received."""

    def row(event: Event) -> Row:
        page = {"path": path(event), "referrer": event.referrer, "title": event.title, "url": event.page}
        landing = event.visit.source if "?" in event.page else DIRECT
        campaign = filled({"name": landing.campaign, "source": landing.source, "medium": landing.medium})
        is_page = event.kind == "page_view"
        return filled({
            "type": "page" if is_page else "track", "event": None if is_page else TRACKED[event.kind],
            "messageId": f"ajs-{event.event_id}", "anonymousId": uuid(event.visit.client),
            "userId": event.order.customer if event.order and event.kind == "purchase" else None,
            "originalTimestamp": iso(event.at), "timestamp": iso(event.at),
            "sentAt": iso(event.at + timedelta(milliseconds=20)), "receivedAt": iso(event.at + timedelta(seconds=2)),
            "properties": page if is_page else tracked_properties(event),
            "context": {"page": page, "campaign": campaign, "userAgent": agent(event), "library": {"name": "analytics.js"}},
        })  # fmt: skip

    def name(day: str) -> str:
        received = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000
        return f"sample/{received}/{received}-part-0.json.gz"

    # The last calls before midnight arrive with those of the next day.
    received_late = [replace(event, at=event.at + timedelta(minutes=5)) for event in found]
    original = dict(zip(map(id, received_late), found, strict=True))
    return by_day(received_late, name, lambda day: json_lines(row(original[id(event)]) for event in day))


def path(event: Event) -> str:
    return event.page.removeprefix(SHOP).partition("?")[0]


def posthog(found: Sequence[Event]) -> Files:
    """Return PostHog's batch export as JSON lines."""

    def row(event: Event) -> Row:
        campaign = event.last_campaign
        return {
            "uuid": event.event_id, "event": TRACKED.get(event.kind, "$pageview"), "distinct_id": uuid(event.visit.client),
            "person_id": uuid("person", event.visit.client), "timestamp": iso(event.at, "microseconds").replace("Z", "+00:00"),
            "created_at": iso(event.at + timedelta(seconds=2), "microseconds").replace("Z", "+00:00"),
            "properties": filled({
                "$current_url": event.page, "$host": "shop.example", "$pathname": path(event),
                "$referrer": event.visit.source.referrer or "$direct", "$session_id": uuid("session", event.visit.number),
                "$device_id": uuid(event.visit.client), "$raw_user_agent": agent(event), "$lib": "web",
                "utm_source": campaign.source, "utm_medium": campaign.medium, "utm_campaign": campaign.campaign,
            }) | tracked_properties(event),
        }  # fmt: skip

    return by_day(found, lambda day: f"sample/{day}/events.jsonl.gz", lambda day: json_lines(map(row, day)))


def amplitude(found: Sequence[Event]) -> Files:
    """Return Amplitude's export: a file for each hour of upload, here for each eight hours."""

    def row(event: Event) -> Row:
        campaign, landing = event.last_campaign, event.visit.source
        viewed = filled({
            "[Amplitude] Page Location": event.page, "[Amplitude] Page URL": event.page.partition("?")[0],
            "[Amplitude] Page Path": path(event), "[Amplitude] Page Title": event.title,
            "[Amplitude] Page Domain": "shop.example", "referrer": event.referrer,
        } | ({"utm_source": landing.source, "utm_medium": landing.medium} if "?" in event.page else {}))  # fmt: skip
        is_page = event.kind == "page_view"
        return {
            "event_type": "[Amplitude] Page Viewed" if is_page else TRACKED[event.kind],
            "event_time": spaced(event.at), "client_event_time": spaced(event.at),
            "server_upload_time": spaced(event.at + timedelta(seconds=2)), "device_id": uuid(event.visit.client),
            "session_id": micros(event.visit.start) // 1000, "$insert_id": event.event_id, "platform": "Web",
            "event_properties": viewed if is_page else tracked_properties(event),
            "user_properties": filled({
                "utm_source": campaign.source, "utm_medium": campaign.medium, "utm_campaign": campaign.campaign,
                "initial_referrer": event.first_source.referrer or "EMPTY",
            }),
        }  # fmt: skip

    hours: dict[str, list[Event]] = defaultdict(list)
    for event in found:
        hours[f"{event.at.date()}_{event.at.hour // 8 * 8}"].append(event)
    return {f"sample/187520_{hour}#0.json.gz": json_lines(map(row, part)) for hour, part in hours.items()}


def mixpanel(found: Sequence[Event]) -> Files:
    """Return Mixpanel's raw export."""

    def row(event: Event) -> Row:
        campaign = event.last_campaign
        return {
            "event": TRACKED.get(event.kind, "$mp_web_page_view"),
            "properties": filled({
                "time": int(event.at.timestamp()), "distinct_id": f"$device:{uuid(event.visit.client)}",
                "$insert_id": event.event_id.replace("-", ""), "$current_url": event.page,
                "$referrer": event.referrer, "$initial_referrer": event.first_source.referrer or "$direct",
                "utm_source": campaign.source, "utm_medium": campaign.medium, "utm_campaign": campaign.campaign,
                "mp_lib": "web", "mp_processing_time_ms": micros(event.at) // 1000 + 2000,
            }) | tracked_properties(event),
        }  # fmt: skip

    return by_day(found, lambda day: f"sample/mixpanel_{day}.jsonl.gz", lambda day: json_lines(map(row, day)))


def matomo(found: Sequence[Event]) -> Files:
    """Return the actions of Matomo's visits, each with its visit's values; a visit ends at midnight."""
    types = {"page_view": "action", "add_to_cart": "event", "begin_checkout": "event", "purchase": "ecommerceOrder"}
    names = {"add_to_cart": "Add to cart", "begin_checkout": "Begin checkout"}
    kinds = {"Paid Search": "campaign", "Email": "campaign", "Organic Search": "search", "Referral": "website"}

    def row(event: Event) -> Row:
        continued = event.at.date() != event.visit.start.date()
        source = DIRECT if continued else event.visit.source
        order = event.order if event.kind == "purchase" else None
        return {
            "idVisit": 700 + event.visit.number * 2 + continued, "visitorId": hashlib.md5(event.visit.client.encode()).hexdigest()[:16],
            "referrerType": kinds.get(source.channel, "direct"), "referrerName": source.campaign or source.referrer.partition("://")[2].partition("/")[0],
            "referrerUrl": source.referrer, "campaignSource": source.source, "campaignMedium": source.medium,
            "campaignName": source.campaign, "type": types[event.kind], "timestamp": int(event.at.timestamp()),
            "url": "" if order else event.page.partition("?")[0], "pageTitle": event.title if event.kind == "page_view" else "",
            "eventCategory": "Shop" if event.kind in names else "", "eventAction": names.get(event.kind, ""),
            "orderId": order.order_id if order else "", "revenue": order.amount if order else "", "siteCurrency": "EUR",
        }  # fmt: skip

    return by_day(found, lambda day: f"sample/matomo_actions_{day}.csv", lambda day: text_rows([row(e) for e in day]))


SHOPIFY = {
    "page_view": "page_viewed", "add_to_cart": "product_added_to_cart", "begin_checkout": "checkout_started",
    "purchase": "checkout_completed",
}  # fmt: skip


def shopify_customer_events(found: Sequence[Event]) -> Files:
    """Return Shopify's customer events as a custom pixel passes them on."""

    def money(amount: Decimal) -> Row:
        return {"amount": amount, "currencyCode": "EUR"}

    def variant(product: Product) -> Row:
        return {
            "id": str(4000 + PRODUCTS.index(product)), "sku": product.sku, "title": product.variant, "price": money(product.price),
            "product": {"id": str(3000 + PRODUCTS.index(product)), "title": product.name},
        }  # fmt: skip

    def data(event: Event) -> Row:
        if event.kind == "add_to_cart" and event.product:
            return {"cartLine": {"quantity": 1, "cost": {"totalAmount": money(event.product.price)}, "merchandise": variant(event.product)}}
        if event.kind == "page_view" or not event.order:
            return {}
        order = event.order
        return {"checkout": filled({
            "token": order.checkout, "currencyCode": "EUR", "email": order.customer, "totalPrice": money(order.amount),
            "order": {"id": order.order_id} if event.kind == "purchase" else None,
            "lineItems": [
                {"title": p.name, "quantity": n, "finalLinePrice": money(p.price * n), "variant": variant(p)} for p, n in order.lines
            ],
        })}  # fmt: skip

    def row(event: Event) -> Row:
        return {
            "id": event.event_id, "name": SHOPIFY[event.kind], "type": "standard", "clientId": uuid(event.visit.client),
            "timestamp": iso(event.at), "data": data(event),
            "context": {
                "document": {"location": {"href": event.page}, "referrer": event.referrer, "title": event.title},
                "navigator": {"userAgent": agent(event)},
            },
        }  # fmt: skip

    return by_day(found, lambda day: f"sample/customer_events_{day}.jsonl.gz", lambda day: json_lines(map(row, day)))


def order_lines(found: Sequence[Event]) -> Files:
    """Return line items from a shop's database, in which each order exists once, with local times."""
    rows, seen = [], set()
    for event in found:
        order = event.order
        if event.kind != "purchase" or order is None or order.order_id in seen:
            continue
        seen.add(order.order_id)
        for product, quantity in order.lines:
            rows.append({
                "order_id": order.order_id, "ordered_at": spaced(event.at.astimezone(ZoneInfo("Europe/Berlin")), "%d.%m.%Y %H:%M"),
                "customer": order.customer[:16], "sku": product.sku, "product": product.name, "quantity": quantity,
                "unit_price": str(product.price).replace(".", ","),
            })  # fmt: skip
    return {"sample/order_lines.csv": text_rows(rows, ";")}


EXPORTS: dict[str, Callable[[Sequence[Event]], Files]] = {
    "ga4_bigquery": ga4_bigquery, "ga4_flat": ga4_flat, "snowplow": snowplow, "segment": segment, "posthog": posthog,
    "amplitude": amplitude, "mixpanel": mixpanel, "matomo": matomo, "shopify_customer_events": shopify_customer_events,
    "order_lines": order_lines,
}  # fmt: skip


def write(out_dir: Path, exports: Iterable[str] = EXPORTS) -> list[Path]:
    """Write the samples of some exports below `out_dir`; return their files. Raise OSError if that fails."""
    found, written = events(), []
    for export in exports:
        for name, content in EXPORTS[export](found).items():
            file = out_dir / export / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(gzip.compress(content, 9, mtime=0) if file.suffix == ".gz" else content)
            written.append(file)
    return written


def main() -> int:
    """Run the command line; return 0, or 2 if the files cannot be written."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("exports", nargs="*", metavar="EXPORT", help=f"of {', '.join(EXPORTS)} (default: all)")
    p.add_argument("--out_dir", type=Path, default=HERE, metavar="DIR", help="folder to write to (default: that of this script)")
    options = p.parse_args()
    if unknown := [name for name in options.exports if name not in EXPORTS]:
        p.error(f"there is no export {unknown[0]}; choose from {', '.join(EXPORTS)}")
    try:
        files = write(options.out_dir, options.exports or EXPORTS)
    except OSError as error:
        print(f"make_samples.py: {error.filename}: {error.strerror}; choose another --out_dir.", file=sys.stderr)
        return 2
    print(f"wrote {len(files)} files to {options.out_dir}")
    for day, (orders, revenue) in totals(events()).items():
        print(f"{day}: {orders} orders, €{revenue:,.2f}")
    print(", ".join(f"{channel} {number}" for channel, number in sessions(events()).items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
