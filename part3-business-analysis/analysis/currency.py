"""Amounts in words, in the shop's currency, which is set once: a run is of one shop."""

from decimal import Decimal

_sign = "$"


def use_currency(sign: str) -> None:
    global _sign
    _sign = sign


def sign() -> str:
    """What stands before an amount: "$", "€", "CHF "."""
    return _sign


def exact(amount: float | Decimal, digits: int = 2) -> str:
    """$19,512.40, or -$3.00."""
    return f"{'-' * (amount < 0)}{_sign}{abs(amount):,.{digits}f}"


def short(amount: float) -> str:
    """$950, $19.5k, $294k, $2.5M: three figures are as many as anyone reads."""
    size, minus = abs(amount), "-" if amount < 0 else ""
    for limit, unit, letter in ((999_500, 1e6, "M"), (999.5, 1e3, "k")):
        if size >= limit:
            digits = 0 if size / unit >= 99.95 else 1
            return f"{minus}{_sign}{size / unit:.{digits}f}{letter}"
    return f"{minus}{_sign}{size:.0f}"
