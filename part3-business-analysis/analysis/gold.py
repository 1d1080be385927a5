"""What gold says, added up: read once from the warehouse by the queries of gold_queries.sql."""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from analysis.intervals import Interval, is_small, wilson
from event_data.contract import Contract
from event_data.known_totals import Comparison, compare_warehouse
from event_data.money import Currency
from event_data.sql import named_statements
from event_data.warehouse_file import open_warehouse

QUERIES = Path(__file__).with_name("gold_queries.sql")
STEPS = ("page_view", "cart", "checkout", "order")
REFUSED = ("rejected: ", "quarantined: ")  # how the lines of the ledger begin


@dataclass(frozen=True)
class DataFile:
    name: str
    day: date
    content_hash: str


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
    """What one model in one reading credits a channel with; orders may be parts of orders."""

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

    def term(self, column: str) -> str:
        """Gold's word for a column of the files: the start of its metrics' names."""
        return self.terms.get(column, column)

    @property
    def missing_days(self) -> list[date]:
        """Days between the first and the last that have no file; they are in no figure."""
        there = {d.day for d in self.days}
        first, last = min(there, default=date.max), max(there, default=date.min)
        return [d for n in range((last - first).days) if (d := first + timedelta(days=n)) not in there]

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
        """Whether every file and every record could be used."""
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


def read_gold(warehouse: Path, contract: Contract | None = None) -> Gold:
    """Read the warehouse, and compare it with the known totals of a contract.

    Raise WarehouseError when there is none, or when it is not one of part 2's.
    """
    queries = named_statements(QUERIES.read_text("utf-8"))
    with open_warehouse(warehouse) as connection:
        gold = _gold({name: connection.execute(query.sql).fetchall() for name, query in queries.items()})
        return replace(gold, known_totals=compare_warehouse(connection, contract)) if contract else gold


def _gold(found: dict[str, list[tuple]]) -> Gold:  # type: ignore[type-arg]
    files = tuple(DataFile(*row) for row in found["files"])
    shop, currency, time_zone, window_days, client, referrer = found["shop"][0]
    conversion: dict[str, list[Segment]] = {}
    for kind, name, converted, sessions in found["conversion"]:
        conversion.setdefault(kind, []).append(Segment(name, converted, sessions))
    paths = {tuple(path.split(" > ")): units for unit, path, units, _ in found["paths"] if unit == "client"}
    return Gold(
        files=files,
        days=_days(files, found["days"]),
        hours={(day, hour): events for day, hour, events, _ in found["hours"]},
        hour_orders={(day, hour): orders for day, hour, _, orders in found["hours"]},
        paths={path: units for path, units in paths.items() if path != ("none",)},
        sign_up_only=paths.get(("none",), 0),
        orders_without_id=sum(orders for unit, _, _, orders in found["paths"] if unit != "client"),
        unattributed={(reading, reason): amount for reading, reason, amount in found["unattributed"]},
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
        terms={client: "client_id", referrer: "referrer"},
        refusals={(reason, day): (records, orders) for reason, day, records, orders in found["refusals"]},
        unused=tuple(Unused(*row) for row in found["unused"]),
    )


def _days(files: tuple[DataFile, ...], rows: list[tuple]) -> tuple[Day, ...]:  # type: ignore[type-arg]
    """One entry a day that has a file. A stray event of another day's date has no day of its own to be compared."""
    counted = {row[0]: row for row in rows}
    covered = sorted({file.day for file in files})
    return tuple(
        Day(day, int(row[1]), int(row[2]), float(row[3]), int(row[4]), int(row[5]))
        for day in covered
        for row in [counted.get(day, (day, 0, 0, 0, 0, 0))]
    )
