"""Read known totals from an option, and write them as an entry of a contract."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal, InvalidOperation

from event_data.contract.model import KnownTotal
from event_data.errors import UserError


def parse_known_total(text: str) -> KnownTotal:
    """Return the totals of an option `DAY:ORDERS:REVENUE`; the orders or the revenue may be empty."""
    day, *totals = text.split(":")
    try:
        orders, revenue = (*totals, "")[:2] if len(totals) < 2 else totals
        known = KnownTotal(
            date.fromisoformat(day), int(orders) if orders else None, Decimal(revenue) if revenue else None
        )
        amounts = [Decimal(total) for total in (known.orders, known.revenue) if total is not None]
        if amounts and all(amount.is_finite() and amount >= 0 for amount in amounts):
            return known
    except (ValueError, InvalidOperation):
        pass
    raise UserError(f"--known_total {text!r} is not a day and its totals; write it like 2025-03-01:31:28450.00.")


def as_yaml(known_totals: Iterable[KnownTotal]) -> str:
    """Return known totals as an entry of a contract's `customProperties`; empty if there are none."""
    lines = []
    for total in known_totals:
        fields = [f"day: '{total.day}'"]
        fields += [f"orders: {total.orders}"] if total.orders is not None else []
        fields += [f"revenue: {total.revenue:f}"] if total.revenue is not None else []
        lines.append(f"      - {{{', '.join(fields)}}}\n")
    return "".join(["  - property: knownTotals\n    value:\n", *lines]) if lines else ""
