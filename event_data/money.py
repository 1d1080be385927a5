"""Amounts of money as text."""

from dataclasses import dataclass
from decimal import Decimal

CODES = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₽": "RUB", "₺": "TRY", "₩": "KRW", "zł": "PLN"}
SIGNS = {code: sign for sign, code in CODES.items()}


@dataclass(frozen=True)
class Currency:
    """A shop's currency.

    `sign` precedes an amount and ends with a space if it is a word; `code` is the ISO 4217 code, or empty.
    """

    sign: str = "$"
    code: str = "USD"

    def exact(self, amount: Decimal | float | None, digits: int = 2) -> str:
        """Return an amount in full: $19,512.40, -$3.00; "unknown" for None."""
        if amount is None:
            return "unknown"
        text = f"{abs(amount):,.{digits}f}"
        return f"{'-' * (amount < 0 and text.strip('0.,') != '')}{self.sign}{text}"

    def short(self, amount: Decimal | float | None) -> str:
        """Return an amount with at most three digits: $950, $19.5k, $294k, $2.5M; "unknown" for None."""
        if amount is None:
            return "unknown"
        size = abs(float(amount))
        for limit, unit, letter in ((999_500, 1e6, "M"), (999.5, 1e3, "k")):
            if size >= limit:
                digits = 0 if size / unit >= 99.95 else 1
                return f"{'-' * (amount < 0)}{self.sign}{size / unit:.{digits}f}{letter}"
        return self.exact(amount, 0)
