"""Numbers in words, for every report alike."""

from decimal import Decimal

from quality.definitions import Definition, Measure

# What stands before an amount. Set once: a run is of one shop.
_sign = "$"


def use_currency(sign: str) -> None:
    global _sign
    _sign = sign


def says(definition: Definition, m: Measure, expected: str = "") -> str:
    """The definition's sentence with the measure's numbers in it."""
    return definition.message.format(
        failed=m.failed,
        checked=m.checked,
        share=percent(m.failed / m.checked if m.checked else 0),
        column=m.column,
        example=m.example or "",
        expected=expected,
        orders=m.orders or 0,
        revenue=money(m.revenue),
        total=money(Decimal(m.failed)).removesuffix(".00"),
    )


def percent(share: float) -> str:
    """A share in per cent that never rounds something to nothing, or nearly all to all."""
    if 0 < share < 0.001:
        return "under 0.1%"
    if 0.999 < share < 1:
        return "over 99.9%"
    return f"{share:.1%}".replace(".0%", "%")


def money(amount: Decimal | None) -> str:
    return "unknown" if amount is None else f"{_sign}{amount:,.2f}"
