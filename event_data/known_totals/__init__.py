"""Compare orders and revenue with those on the shop's admin page, which are `knownTotals` in the contract."""

from event_data.known_totals.comparison import Comparison, compare, compare_warehouse
from event_data.known_totals.counts import ComparedDay
from event_data.known_totals.entry import as_yaml, parse_known_total
from event_data.known_totals.explanations import Explanation, listed

__all__ = [
    "ComparedDay", "Comparison", "Explanation", "as_yaml", "compare", "compare_warehouse", "listed",
    "parse_known_total",
]  # fmt: skip
