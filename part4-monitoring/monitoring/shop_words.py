"""How the shop writes an amount and names its clock. Set once: a run is of one shop."""

_sign, _zone = "$", "UTC"


def use_shop(sign: str, zone: str) -> None:
    global _sign, _zone
    _sign, _zone = sign, zone


def money(amount: float, digits: int = 2) -> str:
    return f"{'-' * (amount < 0)}{_sign}{abs(amount):,.{digits}f}"


def zone() -> str:
    """The name of the time zone whose days and hours are told."""
    return _zone
