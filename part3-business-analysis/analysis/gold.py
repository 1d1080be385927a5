"""Read the figures of gold once, by the queries of gold_queries.sql."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from analysis.intervals import Interval, is_small, wilson
from event_data import ledger
from event_data.contract import Contract
from event_data.contract.model import Schedule
from event_data.known_totals import Comparison, compare_warehouse
from event_data.money import Currency
from event_data.shop_roles import ALL_ROLES, ShopRoles
from event_data.sql import named_statements
from event_data.warehouse_file import open_warehouse

QUERIES = Path(__file__).with_name("gold_queries.sql")
REFUSED = ("rejected: ", "quarantined: ")  # how the lines of the ledger begin
ALWAYS_DUE = Schedule()  # a file of every day is due
OTHER_CURRENCY = "quarantined: currency "  # a line of the ledger, before the currency's code


@dataclass(frozen=True)
class DataFile:
    name: str
    day: date
    content_hash: str

    @property
    def source(self) -> str:
        """Return the name of the delivered file; a file of many days is read as one file per day."""
        return self.name.removesuffix(f" of {self.day}")


@dataclass(frozen=True)
class Unused:
    """A file of which nothing counts: it was not read, or it was refused whole."""

    name: str
    reason: str
    is_refused: bool


@dataclass(frozen=True)
class Day:
    """A day's counts; revenue in the shop's currency, sessions without declared crawlers."""

    day: date
    events: int
    orders: int
    revenue: float
    sessions: int
    sessions_with_order: int


@dataclass(frozen=True)
class Segment:
    """Sessions of a segment, and those of them with an order."""

    name: str
    converted: int
    sessions: int

    @property
    def share(self) -> Interval:
        """The share with an order and its 95% interval."""
        return wilson(self.converted, self.sessions)

    @property
    def is_small(self) -> bool:
        """Too small to call."""
        return is_small(self.converted, self.sessions)


@dataclass(frozen=True)
class Channel:
    """The orders and revenue that a model credits to a channel in one reading; orders may be fractions."""

    reading: str
    model: str
    name: str
    sessions: int
    orders: float
    revenue: Decimal


@dataclass(frozen=True)
class Line:
    """A line of the ledger."""

    name: str
    orders: int
    amount: Decimal

    @property
    def currency(self) -> str:
        """Return the code of the currency that the line names."""
        return self.name.removeprefix(ledger.OTHER_CURRENCY)

    @property
    def reason(self) -> str:
        """Why a line's orders could not be used."""
        return self.name.rpartition(": ")[2]


@dataclass(frozen=True)
class Headline:
    """A figure as it was reported; its share is numerator / denominator."""

    figure: str
    reading: str
    definition: str
    numerator: Decimal
    denominator: Decimal

    @property
    def share(self) -> float:
        return float(self.numerator / self.denominator) if self.denominator else 0.0


@dataclass(frozen=True)
class Product:
    name: str
    units: int
    lines: int
    lines_without_amount: int
    revenue: Decimal


@dataclass(frozen=True)
class Gold:
    """Everything part 3 knows of the data; its size depends on days and segments, not on events."""

    files: tuple[DataFile, ...]
    days: tuple[Day, ...]
    hours: dict[tuple[date, int], float]
    paths: dict[tuple[str, ...], int]
    sign_up_only: int
    orders_without_id: int
    unattributed: dict[tuple[str, str], Decimal]  # revenue without a known source, by reading and reason
    conversion: dict[str, tuple[Segment, ...]]
    systems: dict[tuple[str, str], Segment]
    channels: tuple[Channel, ...]
    ledger: tuple[Line, ...]
    headline: dict[tuple[str, str], Headline]
    products: tuple[Product, ...]
    currency: Currency = field(default_factory=Currency)
    time_zone: str = "UTC"  # of days and hours
    window_days: int = 7  # before an order, in which a touch counts
    shop: str = ""  # the contract's id
    terms: dict[str, str] = field(default_factory=dict)  # gold's words for the columns of the id and the referrer
    hour_orders: dict[tuple[date, int], float] = field(default_factory=dict)  # order events, those sent again too
    refusals: dict[tuple[str, date], tuple[int, int]] = field(default_factory=dict)  # records and orders, by reason
    unused: tuple[Unused, ...] = ()
    known_totals: Comparison | None = None
    roles: ShopRoles = ALL_ROLES
    schedule: Schedule = ALWAYS_DUE
    unattributed_orders: dict[tuple[str, str], int] = field(default_factory=dict)  # by reading and reason

    def term(self, column: str) -> str:
        """Gold's word for a column of the files: the start of its metrics' names."""
        return self.terms.get(column, column)

    @property
    def missing_days(self) -> list[date]:
        """Return the days between the first and the last whose file is due and missing; they are in no figure."""
        there = {d.day for d in self.days}
        return [day for day in _span(there) if day not in there and self.schedule.is_due(day)]

    @property
    def has_files_of_many_days(self) -> bool:
        """Return whether a file holds many days, so that a missing day is not a missing file."""
        return any(file.source != file.name for file in self.files)

    @property
    def counts_lines(self) -> bool:
        """Return whether the lines of the ledger above `counted` count order lines."""
        return bool(self.line("further lines of orders").orders)

    @property
    def sales(self) -> str:
        """Return the measure of sales: revenue, or orders if they have no amount."""
        return "revenue a day" if self.roles.has_amount else "orders a day"

    @property
    def sold(self) -> Decimal:
        """Return counted revenue, or counted orders if they have no amount."""
        return self.revenue if self.roles.has_amount else Decimal(self.orders)

    @property
    def unsourced(self) -> dict[tuple[str, str], Decimal]:
        """Return what was sold without a known source, by reading and reason, in the unit of `sold`."""
        if self.roles.has_amount:
            return self.unattributed
        return {key: Decimal(orders) for key, orders in self.unattributed_orders.items()}

    @property
    def revenue(self) -> Decimal:
        """Counted revenue, in the shop's currency like every amount."""
        return self.line("counted").amount

    @property
    def orders(self) -> int:
        return self.line("counted").orders

    @property
    def refused(self) -> list[Line]:
        """Orders that could not be used, by reason; they are in no figure but the ledger's."""
        lines = [replace(line, orders=-line.orders, amount=-line.amount) for line in self.ledger]
        return [line for line in lines if line.name.startswith(REFUSED) and (line.orders or line.amount)]

    @property
    def unusable(self) -> list[Line]:
        """Return the lines of `refused` that are not about another currency."""
        return [line for line in self.refused if not line.name.startswith(OTHER_CURRENCY)]

    @property
    def other_currencies(self) -> list[Line]:
        """Return the orders in other currencies, one line per currency; amounts are never added."""
        return [line for line in self.ledger if line.name.startswith(ledger.OTHER_CURRENCY)]

    @property
    def shown_ledger(self) -> list[Line]:
        """Return the lines of the ledger that apply to the shop."""
        return [line for line in self.ledger if ledger.applies(line.name, line.orders, self.roles)]

    @property
    def refused_share(self) -> float:
        """The larger of the shares of gross orders and of gross revenue that could not be used."""
        gross = self.line("gross")
        orders, amount = sum(r.orders for r in self.refused), sum(r.amount for r in self.refused)
        return max(orders / max(gross.orders, 1), float(amount / gross.amount) if gross.amount else 0.0)

    @property
    def refused_records(self) -> dict[str, int]:
        """Records other than orders that could not be used, by reason."""
        counts: dict[str, int] = {}
        for (reason, _), (records, orders) in self.refusals.items():
            counts[reason] = counts.get(reason, 0) + records - orders
        return {reason: n for reason, n in counts.items() if n}

    @property
    def is_complete(self) -> bool:
        """Return whether every file and every record could be used."""
        return not (self.refused or self.refusals or self.unused)

    def line(self, name: str) -> Line:
        return next((line for line in self.ledger if line.name == name), Line(name, 0, Decimal(0)))

    def figure(self, figure: str, reading: str) -> Headline:
        return self.headline.get((figure, reading), Headline(figure, reading, "", Decimal(0), Decimal(0)))

    def unlabelled(self, reading: str) -> Decimal:
        """Revenue of orders without a known source, in a reading."""
        return sum((amount for (r, _), amount in self.unattributed.items() if r == reading), Decimal(0))


def warehouse_file(warehouse: Path) -> Path:
    """Return the DuckDB file: of a folder of Parquet, the one that holds its views."""
    return warehouse / "warehouse.duckdb" if warehouse.is_dir() else warehouse


def read_gold(warehouse: Path, schedule: Schedule = ALWAYS_DUE, contract: Contract | None = None) -> Gold:
    """Read the warehouse, and compare it with the known totals of a contract.

    Raise WarehouseError when there is none, or when it is not one of part 2's.
    """
    queries = named_statements(QUERIES.read_text("utf-8"))
    with open_warehouse(warehouse) as connection:
        found = {name: connection.execute(query.sql).fetchall() for name, query in queries.items()}
        gold = _gold(found, schedule)
        return replace(gold, known_totals=compare_warehouse(connection, contract)) if contract else gold


def _gold(found: dict[str, list[tuple]], schedule: Schedule) -> Gold:  # type: ignore[type-arg]
    files = tuple(DataFile(*row) for row in found["files"])
    shop, currency, time_zone, window_days, client, referrer, roles = found["shop"][0]
    conversion: dict[str, list[Segment]] = {}
    for kind, name, converted, sessions in found["conversion"]:
        conversion.setdefault(kind, []).append(Segment(name, converted, sessions))
    paths = {tuple(path.split(" > ")): units for unit, path, units, _ in found["paths"] if unit == "client"}
    return Gold(
        files=files,
        days=_days(files, found["days"], schedule),
        hours={(day, hour): events for day, hour, events, _ in found["hours"]},
        hour_orders={(day, hour): orders for day, hour, _, orders in found["hours"]},
        paths={path: units for path, units in paths.items() if path != ("none",)},
        sign_up_only=paths.get(("none",), 0),
        orders_without_id=sum(orders for unit, _, _, orders in found["paths"] if unit != "client"),
        unattributed={(reading, reason): amount for reading, reason, amount, _ in found["unattributed"]},
        unattributed_orders={(reading, reason): orders for reading, reason, _, orders in found["unattributed"]},
        conversion={kind: tuple(segments) for kind, segments in conversion.items()},
        systems={(device, system): Segment(system, c, s) for device, system, c, s in found["systems"]},
        channels=tuple(Channel(*row) for row in found["channels"]),
        ledger=tuple(Line(*row) for row in found["ledger"]),
        headline={(row[0], row[1]): Headline(*row) for row in found["headline"]},
        products=tuple(Product(*row) for row in found["products"]),
        currency=Currency(currency),
        time_zone=time_zone,
        window_days=window_days,
        shop=shop,
        roles=ShopRoles.from_json(roles),
        schedule=schedule,
        terms={client: "client_id", referrer: "referrer"},
        refusals={(reason, day): (records, orders) for reason, day, records, orders in found["refusals"]},
        unused=tuple(Unused(*row) for row in found["unused"]),
    )


def _days(files: tuple[DataFile, ...], rows: list[tuple], schedule: Schedule) -> tuple[Day, ...]:  # type: ignore[type-arg]
    """Return an entry for each day that has a file. A stray event of another day has no entry of its own.

    If the shop has quiet days, a day without a file is a day of zero.
    """
    counted = {row[0]: row for row in rows}
    covered = sorted({file.day for file in files})
    covered = _span(covered) if schedule.quiet_days else covered
    return tuple(
        Day(day, int(row[1]), int(row[2]), float(row[3]), int(row[4]), int(row[5]))
        for day in covered
        for row in [counted.get(day, (day, 0, 0, 0, 0, 0))]
    )


def _span(days: Collection[date]) -> list[date]:
    """Return every day from the first to the last."""
    first, last = min(days, default=date.max), max(days, default=date.min)
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
