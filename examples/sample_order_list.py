"""The order list of the sample shop as Shopify exports it: Orders > Export > CSV for Excel, Numbers or other programs.

Besides the 15 orders of the events it has one that was never tracked, one from the shop's till and a draft order.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sample_shop import PRODUCTS, Event, Order

COLUMNS = (
    "Name", "Email", "Financial Status", "Paid at", "Fulfillment Status", "Fulfilled at", "Accepts Marketing",
    "Currency", "Subtotal", "Shipping", "Taxes", "Total", "Discount Code", "Discount Amount", "Shipping Method",
    "Created at", "Lineitem quantity", "Lineitem name", "Lineitem price", "Lineitem compare at price", "Lineitem sku",
    "Lineitem requires shipping", "Lineitem taxable", "Lineitem fulfillment status",
    *(f"{kind} {part}" for kind in ("Billing", "Shipping") for part in (
        "Name", "Street", "Address1", "Address2", "Company", "City", "Zip", "Province", "Country", "Phone")),
    "Notes", "Note Attributes", "Cancelled at", "Payment Method", "Payment Reference", "Refunded Amount", "Vendor",
    "Outstanding Balance", "Employee", "Location", "Device ID", "Id", "Tags", "Risk Level", "Source",
    "Lineitem discount",
    *(f"Tax {number} {part}" for number in range(1, 6) for part in ("Name", "Value")),
)  # fmt: skip
BERLIN = ZoneInfo("Europe/Berlin")
PAYMENTS = ("Shopify Payments", "PayPal Express Checkout", "Klarna")


def order_list(events: Sequence[Event]) -> bytes:
    """Return the order list of these events, newest order first."""
    placed = {e.order.order_id: (e.at, e.order) for e in reversed(events) if e.kind == "purchase" and e.order}
    orders = [(at, order, "web") for at, order in placed.values()]
    first = min(at for at, _, _ in orders)
    for number, (hours, source) in enumerate(((27, "web"), (9, "pos"), (31, "shopify_draft_order"))):
        lines = ((PRODUCTS[number], 1 + number),)
        orders.append((first + timedelta(hours=hours), Order(str(5900 + number), "", "", lines), source))
    newest_first = sorted(orders, key=lambda one: one[0], reverse=True)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for number, (at, order, source) in enumerate(newest_first):
        writer.writerows(_rows(f"#{1000 + len(orders) - number}", at, order, source))
    return text.getvalue().encode()


def _rows(name: str, at: datetime, order: Order, source: str) -> Iterator[dict[str, object]]:
    """Yield an order's rows: one for each line item, of which the first has the order's values."""
    email, total = f"buyer{order.order_id}@mail.example", order.amount
    moment = f"{at.astimezone(BERLIN) - timedelta(seconds=1):%Y-%m-%d %H:%M:%S %z}"
    taxes = (total / Decimal("1.19") * Decimal("0.19")).quantize(Decimal("0.01"))
    of_order = {
        "Financial Status": "paid", "Paid at": moment, "Fulfillment Status": "fulfilled", "Accepts Marketing": "no",
        "Currency": "EUR", "Subtotal": total, "Shipping": "0.00", "Taxes": taxes, "Total": total,
        "Discount Amount": "0.00", "Created at": moment, "Billing Name": "Not Kept", "Billing Country": "DE",
        "Payment Method": PAYMENTS[int(order.order_id) % 3] if source != "pos" else "Cash", "Refunded Amount": "0.00",
        "Outstanding Balance": "0.00", "Id": order.order_id, "Risk Level": "Low", "Source": source,
        "Tax 1 Name": "VAT 19%", "Tax 1 Value": taxes,
    }  # fmt: skip
    for number, (product, quantity) in enumerate(order.lines):
        line = {
            "Name": name, "Email": email, "Lineitem quantity": quantity,
            "Lineitem name": f"{product.name} - {product.variant}", "Lineitem price": product.price,
            "Lineitem sku": product.sku, "Lineitem requires shipping": "true", "Lineitem taxable": "true",
            "Lineitem fulfillment status": "fulfilled", "Vendor": "Shop", "Lineitem discount": "0.00",
        }  # fmt: skip
        yield line | of_order if number == 0 else line
