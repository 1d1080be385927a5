#!/usr/bin/env python3
"""Write the same three days of one small shop as ten common exports would deliver them.

Every export has the same visits and the same orders, so every contract beside this script must give the same figures:
the number of orders, the revenue and, if the export has sources, the sessions of each channel.
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
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
from sample_order_list import order_list
from sample_shop import DIRECT, PRODUCTS, Event, Order, Product, events, sessions, totals, uuid
from sample_spend import google_ads, meta_ads

HERE = Path(__file__).resolve().parent
BERLIN = ZoneInfo("Europe/Berlin")
Row = dict[str, Any]
Files = dict[str, bytes]  # path below the folder of the export -> content


# How the exports write a time, an amount and a file


def iso(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


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


def by_day(
    sent: Iterable[Event],
    name: Callable[[str], str],
    write: Callable[[list[Event]], bytes],
    late: timedelta = timedelta(0),
) -> Files:
    """Return a file for each day on which events arrive, `late` after they happened; `name` gets the day."""
    days: dict[str, list[Event]] = defaultdict(list)
    for event in sent:
        days[(event.at + late).date().isoformat()].append(event)
    return {name(day): write(days[day]) for day in days}


# The exports


GA4_PARAMETERS = {"ga_session_id": "int_value", "ga_session_number": "int_value", "value": "double_value"}
GA4_VALUE = "STRUCT(string_value VARCHAR, int_value BIGINT, float_value DOUBLE, double_value DOUBLE)"
GA4_TYPES = {
    "event_date": "VARCHAR", "event_timestamp": "BIGINT", "event_name": "VARCHAR",
    "event_params": f"STRUCT(key VARCHAR, value {GA4_VALUE})[]", "user_pseudo_id": "VARCHAR",
    "traffic_source": "STRUCT(name VARCHAR, medium VARCHAR, source VARCHAR)",
    "collected_traffic_source":
        "STRUCT(manual_campaign_name VARCHAR, manual_source VARCHAR, manual_medium VARCHAR, gclid VARCHAR)",
    "ecommerce":
        "STRUCT(total_item_quantity BIGINT, purchase_revenue DOUBLE, unique_items BIGINT, transaction_id VARCHAR)",
    "items":
        "STRUCT(item_id VARCHAR, item_name VARCHAR, item_variant VARCHAR, price DOUBLE, quantity BIGINT, "
        "item_revenue DOUBLE)[]",
}  # fmt: skip


def ga4_rows(sent: Iterable[Event]) -> list[Row]:
    """Return GA4's rows; BigQuery writes whole numbers as text in JSON."""
    rows = []
    for event in sent:
        opens = event.kind == "page_view" and event.at.replace(microsecond=0) == event.visit.start
        order = event.order if event.kind == "purchase" else None
        landing, first = event.landing, event.first_source
        parameters: Row = {
            "page_location": event.page, "page_referrer": event.referrer, "page_title": event.title,
            "ga_session_id": str(int(event.visit.start.timestamp())), "ga_session_number": "1",
        }  # fmt: skip
        if order:
            parameters |= {"transaction_id": order.order_id, "currency": "EUR", "value": order.amount}
        row = filled({
            "event_date": spaced(event.at, "%Y%m%d"), "event_timestamp": str(micros(event.at)),
            "event_name": event.kind,
            "event_params": [
                {"key": key, "value": {GA4_PARAMETERS.get(key, "string_value"): value}}
                for key, value in parameters.items() if value
            ],
            "user_pseudo_id": ga4_client(event),
            "traffic_source": {
                "name": first.campaign or "(direct)", "medium": first.medium or "(none)",
                "source": first.source or "(direct)",
            },
            "collected_traffic_source": filled({
                "manual_campaign_name": landing.campaign, "manual_source": landing.source,
                "manual_medium": landing.medium, "gclid": landing.gclid,
            }),
            "ecommerce": ga4_ecommerce(order) if order else {}, "items": ga4_items(order) if order else [],
        })  # fmt: skip
        rows += [row | {"event_name": "session_start"}, row] if opens else [row]
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


def ga4_bigquery(sent: Sequence[Event]) -> Files:
    """Return GA4's daily tables as JSON lines and as Parquet."""

    def name(ending: str) -> Callable[[str], str]:
        return lambda day: f"events_{day.replace('-', '')}.{ending}"

    lines = by_day(sent, name("jsonl.gz"), lambda day: json_lines(ga4_rows(day)))
    tables = by_day(sent, name("parquet"), lambda day: parquet(json_lines(ga4_rows(day))))
    return {f"sample/{path}": content for path, content in lines.items()} | {
        f"sample_parquet/{path}": content for path, content in tables.items()
    }


def parquet(lines: bytes) -> bytes:
    """Return JSON lines as a Parquet file of GA4's columns."""
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in GA4_TYPES.items())
    with tempfile.TemporaryDirectory() as work:
        read, written = Path(work, "rows.jsonl"), Path(work, "rows.parquet")
        read.write_bytes(lines)
        duckdb.execute(
            f"copy (from read_json('{read}', format = 'newline_delimited', columns = {{{columns}}})) "
            f"to '{written}' (format parquet, compression zstd)"
        )
        return written.read_bytes()


def ga4_flat(sent: Sequence[Event]) -> Files:
    """Return a query's result over GA4's tables: one row per event, and all days in one file."""
    rows = []
    for event in sent:
        landing = event.landing
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


def snowplow(sent: Sequence[Event]) -> Files:
    """Return rows of the warehouse's atomic events, with a column for each entity."""

    def write(day: list[Event]) -> bytes:
        return text_rows([snowplow_row(event) for event in day], "\t")

    return by_day(sent, lambda day: f"sample/atomic_events_{day}.tsv.gz", write)


def snowplow_row(event: Event) -> Row:
    action, order = ACTIONS.get(event.kind), event.order
    landing = event.landing
    products = [(event.product, 1)] if event.product and action else order.lines if order and action else ()
    return {
        "app_id": "shop", "platform": "web", "collector_tstamp": spaced(event.at + timedelta(milliseconds=300)),
        "derived_tstamp": spaced(event.at), "event": "unstruct" if action else "page_view",
        "event_id": event.event_id, "domain_userid": uuid(event.visit.client),
        "domain_sessionid": uuid("session", event.visit.number), "page_url": event.page, "page_title": event.title,
        "page_referrer": event.referrer, "mkt_medium": landing.medium, "mkt_source": landing.source,
        "mkt_campaign": landing.campaign, "mkt_clickid": landing.gclid,
        "mkt_network": "Google" if landing.gclid else "", "useragent": event.agent,
        "event_vendor": ECOMMERCE.replace("_", ".") if action else "com.snowplowanalytics.snowplow",
        "event_name": "snowplow_ecommerce_action" if action else "page_view",
        f"unstruct_event_{ECOMMERCE}_snowplow_ecommerce_action_1": compact({"type": action}) if action else "",
        f"contexts_{ECOMMERCE}_transaction_1": compact([{
            "transaction_id": order.order_id, "revenue": order.amount, "currency": "EUR",
            "payment_method": "card", "total_quantity": sum(quantity for _, quantity in order.lines),
        }]) if order and event.kind == "purchase" else "",
        f"contexts_{ECOMMERCE}_product_1": compact([
            {
                "id": p.sku, "name": p.name, "variant": p.variant, "category": "all", "price": p.price, "quantity": n,
                "currency": "EUR",
            } for p, n in products
        ]) if products else "",
    }  # fmt: skip


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), default=float)


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
        {"product_id": p.sku, "name": p.name, "variant": p.variant, "price": p.price, "quantity": n}
        for p, n in order.lines
    ]
    return made


def segment(sent: Sequence[Event]) -> Files:
    """Return Segment's logs: a folder for each day on which calls were received."""

    def row(event: Event) -> Row:
        page = {"path": event.path, "referrer": event.referrer, "title": event.title, "url": event.page}
        landing = event.landing
        campaign = filled({"name": landing.campaign, "source": landing.source, "medium": landing.medium})
        is_page = event.kind == "page_view"
        return filled({
            "type": "page" if is_page else "track", "event": None if is_page else TRACKED[event.kind],
            "messageId": f"ajs-{event.event_id}", "anonymousId": uuid(event.visit.client),
            "userId": event.order.customer if event.order and event.kind == "purchase" else None,
            "originalTimestamp": iso(event.at), "timestamp": iso(event.at),
            "sentAt": iso(event.at + timedelta(milliseconds=20)), "receivedAt": iso(event.at + timedelta(seconds=2)),
            "properties": page if is_page else tracked_properties(event),
            "context": {
                "page": page, "campaign": campaign, "userAgent": event.agent, "library": {"name": "analytics.js"},
            },
        })  # fmt: skip

    def name(day: str) -> str:
        received = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000
        return f"sample/{received}/{received}-part-0.json.gz"

    # The last calls before midnight arrive with those of the next day.
    return by_day(sent, name, lambda day: json_lines(map(row, day)), timedelta(minutes=5))


def posthog(sent: Sequence[Event]) -> Files:
    """Return PostHog's batch export as JSON lines."""

    def row(event: Event) -> Row:
        campaign = event.last_campaign
        return {
            "uuid": event.event_id, "event": TRACKED.get(event.kind, "$pageview"),
            "distinct_id": uuid(event.visit.client), "person_id": uuid("person", event.visit.client),
            "timestamp": event.at.isoformat(), "created_at": (event.at + timedelta(seconds=2)).isoformat(),
            "properties": filled({
                "$current_url": event.page, "$host": "shop.example", "$pathname": event.path,
                "$referrer": event.visit.source.referrer or "$direct",
                "$session_id": uuid("session", event.visit.number), "$device_id": uuid(event.visit.client),
                "$raw_user_agent": event.agent, "$lib": "web",
                "utm_source": campaign.source, "utm_medium": campaign.medium, "utm_campaign": campaign.campaign,
            }) | tracked_properties(event),
        }  # fmt: skip

    return by_day(sent, lambda day: f"sample/{day}/events.jsonl.gz", lambda day: json_lines(map(row, day)))


def amplitude(sent: Sequence[Event]) -> Files:
    """Return Amplitude's export: a file for each hour of upload, here for each eight hours."""

    def row(event: Event) -> Row:
        campaign, landing = event.last_campaign, event.visit.source
        viewed = filled({
            "[Amplitude] Page Location": event.page, "[Amplitude] Page URL": event.page.partition("?")[0],
            "[Amplitude] Page Path": event.path, "[Amplitude] Page Title": event.title,
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
    for event in sent:
        hours[f"{event.at.date()}_{event.at.hour // 8 * 8}"].append(event)
    return {f"sample/187520_{hour}#0.json.gz": json_lines(map(row, part)) for hour, part in hours.items()}


def mixpanel(sent: Sequence[Event]) -> Files:
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

    return by_day(sent, lambda day: f"sample/mixpanel_{day}.jsonl.gz", lambda day: json_lines(map(row, day)))


def matomo(sent: Sequence[Event]) -> Files:
    """Return the actions of Matomo's visits, each with its visit's values; a visit ends at midnight."""
    types = {"page_view": "action", "add_to_cart": "event", "begin_checkout": "event", "purchase": "ecommerceOrder"}
    names = {"add_to_cart": "Add to cart", "begin_checkout": "Begin checkout"}
    kinds = {"Paid Search": "campaign", "Email": "campaign", "Organic Search": "search", "Referral": "website"}

    def row(event: Event) -> Row:
        continued = event.at.date() != event.visit.start.date()
        source = DIRECT if continued else event.visit.source
        host = source.referrer.partition("://")[2].partition("/")[0]
        order = event.order if event.kind == "purchase" else None
        return {
            "idVisit": 700 + event.visit.number * 2 + continued,
            "visitorId": hashlib.md5(event.visit.client.encode()).hexdigest()[:16],
            "referrerType": kinds.get(source.channel, "direct"), "referrerName": source.campaign or host,
            "referrerUrl": source.referrer, "campaignSource": source.source, "campaignMedium": source.medium,
            "campaignName": source.campaign, "type": types[event.kind], "timestamp": int(event.at.timestamp()),
            "url": "" if order else event.page.partition("?")[0],
            "pageTitle": event.title if event.kind == "page_view" else "",
            "eventCategory": "Shop" if event.kind in names else "", "eventAction": names.get(event.kind, ""),
            "orderId": order.order_id if order else "", "revenue": order.amount if order else "", "siteCurrency": "EUR",
        }  # fmt: skip

    return by_day(sent, lambda day: f"sample/matomo_actions_{day}.csv", lambda day: text_rows([row(e) for e in day]))


SHOPIFY = {
    "page_view": "page_viewed", "add_to_cart": "product_added_to_cart", "begin_checkout": "checkout_started",
    "purchase": "checkout_completed",
}  # fmt: skip


def shopify_customer_events(sent: Sequence[Event]) -> Files:
    """Return Shopify's customer events as a custom pixel passes them on, and the shop's order list."""

    def money(amount: Decimal) -> Row:
        return {"amount": amount, "currencyCode": "EUR"}

    def variant(product: Product) -> Row:
        return {
            "id": str(4000 + PRODUCTS.index(product)), "sku": product.sku, "title": product.variant,
            "price": money(product.price),
            "product": {"id": str(3000 + PRODUCTS.index(product)), "title": product.name},
        }  # fmt: skip

    def data(event: Event) -> Row:
        if event.kind == "add_to_cart" and event.product:
            cost = {"totalAmount": money(event.product.price)}
            return {"cartLine": {"quantity": 1, "cost": cost, "merchandise": variant(event.product)}}
        if event.kind == "page_view" or not event.order:
            return {}
        order = event.order
        return {"checkout": filled({
            "token": order.checkout, "currencyCode": "EUR", "email": order.customer, "totalPrice": money(order.amount),
            "order": {"id": order.order_id} if event.kind == "purchase" else None,
            "lineItems": [
                {"title": p.name, "quantity": n, "finalLinePrice": money(p.price * n), "variant": variant(p)}
                for p, n in order.lines
            ],
        })}  # fmt: skip

    def row(event: Event) -> Row:
        return {
            "id": event.event_id, "name": SHOPIFY[event.kind], "type": "standard", "clientId": uuid(event.visit.client),
            "timestamp": iso(event.at), "data": data(event),
            "context": {
                "document": {"location": {"href": event.page}, "referrer": event.referrer, "title": event.title},
                "navigator": {"userAgent": event.agent},
            },
        }  # fmt: skip

    days = by_day(sent, lambda day: f"sample/customer_events_{day}.jsonl.gz", lambda day: json_lines(map(row, day)))
    spend = {"sample/google_ads.csv": google_ads(sent), "sample/meta_ads.csv": meta_ads()}
    return {**days, "sample/orders_export.csv": order_list(sent), **spend}


def order_lines(sent: Sequence[Event]) -> Files:
    """Return line items from a shop's database, in which each order exists once, with local times."""
    rows, seen = [], set()
    for event in sent:
        order = event.order
        if event.kind != "purchase" or order is None or order.order_id in seen:
            continue
        seen.add(order.order_id)
        for product, quantity in order.lines:
            rows.append({
                "order_id": order.order_id, "ordered_at": spaced(event.at.astimezone(BERLIN), "%d.%m.%Y %H:%M"),
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
    sent, written = events(), []
    for export in exports:
        for name, content in EXPORTS[export](sent).items():
            file = out_dir / export / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(gzip.compress(content, 9, mtime=0) if file.suffix == ".gz" else content)
            written.append(file)
    return written


def main() -> int:
    """Run the command line; return 0, or 2 if the files cannot be written."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("exports", nargs="*", metavar="EXPORT", help=f"of {', '.join(EXPORTS)} (default: all)")
    p.add_argument("--out_dir", type=Path, default=HERE, metavar="DIR", help="folder to write to (default: this one)")
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
