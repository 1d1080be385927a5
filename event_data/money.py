"""Amounts of money as text."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Currency:
    """The currency of a shop; `sign` stands before an amount and ends in a blank if it is a word."""

    sign: str = "$"

    def exact(self, amount: Decimal | float | None, digits: int = 2) -> str:
        """Return an amount in full: $19,512.40, -$3.00; "unknown" for None."""
        if amount is None:
            return "unknown"
        text = f"{abs(amount):,.{digits}f}"
        return f"{'-' * (amount < 0 and text.strip('0.,') != '')}{self.sign}{text}"

    def short(self, amount: Decimal | float | None) -> str:
        """Return an amount rounded for reading: $950, $19.5k, $1.2m; "unknown" for None."""
        if amount is None:
            return "unknown"
        size = abs(float(amount))
        if size < 999.5:
            return self.exact(amount, 0)
        divisor, unit = (1e3, "k") if size < 999_950 else (1e6, "m")
        return f"{'-' * (amount < 0)}{self.sign}{size / divisor:,.1f}{unit}"
