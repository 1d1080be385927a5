"""The SQL that the contract fills into reconciliation.sql and its users."""

from pathlib import Path

from event_data.contract.model import AdSpend, Contract, OrderList
from event_data.events import NO_EVIDENCE, amount_sql, event_time_sql, in_zone_sql
from event_data.sql import literal, values

RECONCILIATION = Path(__file__).with_suffix(".sql")
AMOUNTS = ("amount", "refunded_amount", "discount", "tax", "shipping")


def book_placeholders(contract: Contract, book: OrderList, portable: bool = False) -> dict[str, str]:
    """Return the value of each {name} in the statements about the order list; `portable` is for other engines."""
    return {
        **{name: amount_sql(name) for name in AMOUNTS},
        "order_time": event_time_sql(book, "imported", portable),
        "in_zone": in_zone_sql("", contract.time_zone),
        "own_currency": _own_currency(contract),
        "has_amount": str("amount" in book.values).lower(),
        "tracks_amount": str("amount" in contract.values).lower(),
        "id_in_order_list": literal(book.id_in_order_list),
        "id_in_tracking": literal(book.id_in_tracking),
        "offline_channels": values(book.offline_channels),
        "void_statuses": values(book.void_statuses),
    }


def spend_placeholders(contract: Contract, book: AdSpend) -> dict[str, str]:
    """Return the value of each {name} in the statements about the advertising spend."""
    renamed = " ".join(f"when {literal(name)} then {literal(to)}" for name, to in book.campaigns.items())
    return {
        "cost": amount_sql("cost"),
        "clicks": amount_sql("clicks"),
        "impressions": amount_sql("impressions"),
        "campaign": f"case lower(campaign) {renamed} else campaign end" if renamed else "campaign",
        "own_currency": _own_currency(contract),
    }


def _own_currency(contract: Contract) -> str:
    """Return the contents of an SQL list of what stands for the shop's currency; '' for no currency."""
    return values((contract.currency.code, contract.currency.sign.strip().upper(), *map(str.upper, NO_EVIDENCE)))
