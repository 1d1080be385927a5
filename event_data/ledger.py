"""Select the lines of gold.ledger that apply to a shop, and their currency."""

from event_data.money import Currency
from event_data.shop_roles import ShopRoles

# The start of the lines of orders in other currencies; the currency's code follows.
OTHER_CURRENCY = "not counted: orders in "
# The role that a line is about; a shop without it has no use for the line.
NEEDED_ROLES = {
    "quarantined: no readable amount": "amount", "quarantined: no transaction id": "transaction_id",
    "resubmissions": "transaction_id", "amendments": "amount", "negative": "amount",
    "possible duplicates not counted": "amount", "of counted: possible duplicates": "amount",
    "of counted: ids that collide": "transaction_id",
    "deduplicating by transaction id alone would remove": "transaction_id",
}  # fmt: skip


def applies(line: str, orders: int, roles: ShopRoles) -> bool:
    """Return whether a line has orders, or is about something that the shop has."""
    return bool(orders) or line not in NEEDED_ROLES or roles.has(NEEDED_ROLES[line])


def currency_of(line: str, currency: Currency) -> Currency:
    """Return the currency of a line: the shop's, or the one that the line names."""
    code = line.removeprefix(OTHER_CURRENCY)
    return currency if code == line else Currency(f"{code} ", code)
