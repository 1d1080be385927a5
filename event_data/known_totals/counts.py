"""Count the orders and revenue of the known days, by the contract's rules and in other ways."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from event_data.contract.model import Contract, KnownTotal
from event_data.sql import named_statements

if TYPE_CHECKING:
    import duckdb

SQL = {name: part.sql for name, part in named_statements(Path(__file__).with_suffix(".sql").read_text("utf-8")).items()}
CENT = Decimal("0.01")
# One or two zones for each offset and each rule of daylight saving time; the first that fits is named.
ZONES = (
    "UTC", "Europe/London", "Europe/Berlin", "Europe/Helsinki", "America/New_York", "America/Chicago",
    "America/Denver", "America/Los_Angeles", "America/Sao_Paulo", "Europe/Moscow", "Europe/Istanbul", "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Bangkok", "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney", "Australia/Brisbane", "Pacific/Auckland",
    "America/Phoenix", "America/Halifax", "America/St_Johns", "America/Anchorage", "Pacific/Honolulu",
    "Asia/Karachi", "Asia/Tehran", "Asia/Kathmandu", "Australia/Adelaide", "Australia/Darwin", "Asia/Kabul",
)  # fmt: skip
# What the statement `counts` counts, in the order of its columns.
COUNTS = ("counted", "rows", "ids", "possible", "possible_excluded", "quarantined", "negative")

Count = tuple[int, Decimal]  # orders and their revenue
Window = tuple[datetime, datetime]  # when a day begins and ends, in UTC


@dataclass(frozen=True)
class ComparedDay:
    """A known day's totals, and those that were counted; if the contract maps no amount, no revenue is counted."""

    known: KnownTotal
    counted: KnownTotal

    @property
    def matches(self) -> bool:
        """Return whether orders are equal, and revenue is equal to the cent, as far as they are known."""
        known, counted = self.known, self.counted
        has_orders = known.orders is None or known.orders == counted.orders
        return has_orders and (known.revenue is None or counted.revenue == known.revenue.quantize(CENT))


class Counts:
    """The counts of each event by quarter of an hour, and when the known days begin and end in each zone."""

    def __init__(
        self, connection: "duckdb.DuckDBPyConnection", order_like: str, contract: Contract,
        known: Sequence[KnownTotal], offset: timedelta | None = None,
    ) -> None:  # fmt: skip
        self.offset = offset  # of all times in the files from UTC, if it is known
        self.known, self.currency = known, contract.currency
        self.order_event, self.zone = order_event(contract), contract.time_zone
        self.has_amount = "amount" in contract.values
        days = [total.day for total in known]
        self.quarters: dict[str, list[datetime]] = defaultdict(list)
        self.counts: dict[str, list[dict[str, Count]]] = defaultdict(list)
        sql = SQL["counts"].format(order_like=order_like)
        for event, quarter, *numbers in connection.execute(sql, {"days": days}).fetchall():
            pairs = zip(numbers[::2], numbers[1::2], strict=True)
            counts = [(orders, Decimal(revenue or 0)) for orders, revenue in pairs]
            self.quarters[event].append(quarter)
            self.counts[event].append(dict(zip(COUNTS, counts, strict=True)))
        zones = list(dict.fromkeys([self.zone, *ZONES]))
        self.zones: dict[str, dict[date, Window]] = {zone: {} for zone in zones}
        for zone, day, begin, end in connection.execute(SQL["days"], {"days": days, "zones": zones}).fetchall():
            self.zones[zone][day] = (begin, end)
        self.usual = self.read("counted", "counted")

    @property
    def orders_match(self) -> bool:
        """Return whether the number of orders is right on all known days."""
        return self.has_orders(self.usual)

    def has_other_offset(self, zone: str) -> bool:
        """Return whether a zone has, on a known day, another offset from UTC than the times in the files."""
        return self.offset is not None and any(
            datetime.combine(day, time()) - begin != self.offset for day, (begin, _) in self.zones[zone].items()
        )

    def read(
        self, orders: str, revenue: str, event: str | None = None, windows: Mapping[date, Window] | None = None
    ) -> list[Count]:
        """Return orders and revenue of each known day; both are sums of COUNTS such as `counted -possible`."""
        event = self.order_event if event is None else event
        windows = windows or self.zones[self.zone]
        quarters, counts, days = self.quarters.get(event, []), self.counts.get(event, []), []
        for begin, end in (windows[total.day] for total in self.known):
            inside = counts[bisect_left(quarters, begin) : bisect_left(quarters, end)]
            number = sum(sign * one[name][0] for one in inside for sign, name in _terms(orders))
            amount = sum((sign * one[name][1] for one in inside for sign, name in _terms(revenue)), Decimal(0))
            days.append((number, amount))
        return days

    def compared(self, counts: Iterable[Count]) -> list[ComparedDay]:
        """Return the known days with these counts."""
        days = []
        for known, (orders, revenue) in zip(self.known, counts, strict=True):
            amount = revenue.quantize(CENT) if self.has_amount else None
            days.append(ComparedDay(known, KnownTotal(known.day, orders, amount)))
        return days

    def match(self, counts: Iterable[Count]) -> bool:
        """Return whether all known days match."""
        return all(day.matches for day in self.compared(counts))

    def has_orders(self, counts: Iterable[Count]) -> bool:
        """Return whether the number of orders matches on all known days."""
        return all(known.orders in (None, orders) for known, (orders, _) in zip(self.known, counts, strict=True))

    def revenues(self) -> Iterator[tuple[int, Decimal, Decimal]]:
        """Yield orders, counted revenue and known revenue of each day that has a known revenue."""
        for known, (orders, revenue) in zip(self.known, self.usual, strict=True):
            if known.revenue is not None:
                yield orders, revenue, known.revenue


def order_event(contract: Contract) -> str:
    """Return the name of the order event; empty if the contract has none."""
    event = contract.event_of("order")
    return event.name if event else ""


def _terms(text: str) -> list[tuple[int, str]]:
    """Return the signs and names of a sum."""
    return [(-1 if word.startswith("-") else 1, word.removeprefix("-")) for word in text.split()]
