"""The SQL that the contract fills into reconciliation.sql and its users."""

from pathlib import Path

from event_data.contract.model import Contract, OrderList
from event_data.events import NO_EVIDENCE, amount_sql, event_time_sql, in_zone_sql
from event_data.sql import literal, values

RECONCILIATION = Path(__file__).with_suffix(".sql")
AMOUNTS = ("amount", "refunded_amount", "discount", "tax", "shipping")


def book_placeholders(contract: Contract, book: OrderList, portable: bool = False) -> dict[str, str]:
    """Return the value of each {name} in the statements about the order list; `portable` is for other engines."""
    own_names = (contract.currency.code, contract.currency.sign.strip().upper(), *map(str.upper, NO_EVIDENCE))
    return {
        **{name: amount_sql(name) for name in AMOUNTS},
        "order_time": event_time_sql(book, "imported", portable),
        "in_zone": in_zone_sql("", contract.time_zone),
        "own_currency": values(own_names),
        "has_amount": str("amount" in book.values).lower(),
        "tracks_amount": str("amount" in contract.values).lower(),
        "id_in_order_list": literal(book.id_in_order_list),
        "id_in_tracking": literal(book.id_in_tracking),
        "offline_channels": values(book.offline_channels),
        "void_statuses": values(book.void_statuses),
    }
