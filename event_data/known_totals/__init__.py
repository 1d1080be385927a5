"""Compare orders and revenue with those on the shop's admin page, which are `knownTotals` in the contract."""

from event_data.known_totals.comparison import Comparison, compare
from event_data.known_totals.counts import ComparedDay, warehouse_orders
from event_data.known_totals.entry import as_yaml, parse_known_total
from event_data.known_totals.explanations import Explanation, listed

__all__ = [
    "ComparedDay", "Comparison", "Explanation", "as_yaml", "compare", "listed", "parse_known_total", "warehouse_orders",
]  # fmt: skip
