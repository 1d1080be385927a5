"""Read the figures of gold into pandas frames, for the days of a report and for the days before them."""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pandas as pd

from event_data import ledger
from event_data.contract import Contract
from event_data.contract.model import Schedule
from event_data.errors import UserError
from event_data.events import OTHER_CURRENCY
from event_data.known_totals import Comparison, compare_warehouse
from event_data.money import Currency
from event_data.shop_roles import ALL_ROLES, ShopRoles
from event_data.sql import named_statements
from event_data.warehouse_file import open_warehouse

QUERIES = named_statements(Path(__file__).with_name("gold_queries.sql").read_text("utf-8"))
REFUSED = ("rejected: ", "quarantined: ")  # how the lines of the ledger begin
MOST_DAYS = 35  # more than these are not reported at once unless the user asks for them
USUAL_DAYS = 28  # of a report when there are more
ALL_DAYS = date.min, date.max
ALWAYS_DUE = Schedule()  # a file of every day is due


class Line(NamedTuple):
    """A line of the ledger."""

    line: str
    orders: int
    amount: float

    @property
    def reason(self) -> str:
        """Return why the orders of a line could not be used."""
        return self.line.rpartition(": ")[2]

    @property
    def currency(self) -> str:
        """Return the code of the currency that the line names."""
        return self.line.removeprefix(ledger.OTHER_CURRENCY)


@dataclass(frozen=True)
class Gold:
    """The figures of a report's days. The frames have a row per day or segment, never one per event."""

    shop: str  # the contract's id
    days: pd.DataFrame  # of the report, by date: events, orders, revenue, sessions, converted, refused_orders
    history: pd.DataFrame  # the same, from the first day of the warehouse to the last day of the report
    files: pd.DataFrame
    hours: pd.DataFrame
    visitors: pd.DataFrame  # by the steps on record
    unsourced: pd.DataFrame  # orders without a known source, by reading and reason
    segments: pd.DataFrame
    systems: pd.DataFrame
    channels: pd.DataFrame  # the orders and revenue that each model credits
    ledger: pd.DataFrame
    refused_records: pd.DataFrame
    unused: pd.DataFrame
    headline: pd.DataFrame  # empty unless the report is of all days
    products: pd.DataFrame
    coverage: pd.DataFrame = field(default_factory=pd.DataFrame)  # of the shop's order list by date; empty without one
    spend: pd.DataFrame = field(default_factory=pd.DataFrame)  # on advertising by date; empty without a file
    refused_spend: pd.DataFrame = field(default_factory=pd.DataFrame)  # records of that file by reason
    other_spend: pd.DataFrame = field(default_factory=pd.DataFrame)  # in currencies other than the shop's
    returns: pd.DataFrame = field(default_factory=pd.DataFrame)  # spend and what each model credits, by channel
    clicks: pd.DataFrame = field(default_factory=pd.DataFrame)  # paid clicks and their sessions, by channel
    before: "Gold | None" = None  # the period before, as long as that of the report
    is_all: bool = True  # the report is of every day in the warehouse
    currency: Currency = field(default_factory=Currency)
    time_zone: str = "UTC"  # of days and hours
    window_days: int = 7  # before an order, in which a touch counts
    terms: dict[str, str] = field(default_factory=dict)  # gold's words for the columns of the id and the referrer
    known_totals: Comparison | None = None
    roles: ShopRoles = ALL_ROLES
    schedule: Schedule = ALWAYS_DUE

    def term(self, column: str) -> str:
        """Return gold's word for a column of the files: the start of its metrics' names."""
        return self.terms.get(column, column)

    @property
    def missing_days(self) -> list[date]:
        """Return the days between the first and the last whose file is due and missing; they are in no figure."""
        there = set(self.days.index)
        return [day for day in _span(self.days.index) if day not in there and self.schedule.is_due(day)]

    @property
    def sources(self) -> list[str]:
        """Return the names of the delivered files; a file of many days is read as one file per day."""
        names = (row.name.removesuffix(f" of {row.date}") for row in self.files.itertuples(index=False))
        return list(dict.fromkeys(names))

    @property
    def has_files_of_many_days(self) -> bool:
        """Return whether a file holds many days, so that a missing day is not a missing file."""
        return self.sources != list(self.files["name"])

    @property
    def counts_lines(self) -> bool:
        """Return whether the lines of the ledger above `counted` count order lines."""
        return bool(self.line("further lines of orders").orders)

    @property
    def sales(self) -> str:
        """Return the column of sales: revenue, or orders if they have no amount."""
        return "revenue" if self.roles.has_amount else "orders"

    @property
    def sold(self) -> float:
        """Return counted revenue, or counted orders if they have no amount."""
        return self.revenue if self.roles.has_amount else float(self.orders)

    def short(self, sold: float) -> str:
        """Return sales in at most three figures, or a number of orders or their mean if they have no amount."""
        return self.currency.short(sold) if self.roles.has_amount else f"{sold:,.1f}".removesuffix(".0")

    @property
    def revenue(self) -> float:
        """Return counted revenue, in the shop's currency like every amount."""
        return self.line("counted").amount

    @property
    def orders(self) -> int:
        """Return the number of counted orders."""
        return self.line("counted").orders

    @property
    def off_day(self) -> Line:
        """Return the counted orders that are more than a day off the day of their file; they are in no day."""
        revenue = round(self.revenue - float(self.days["revenue"].sum()), 2)
        return Line("other days", self.orders - int(self.days["orders"].sum()), revenue)

    @property
    def measured_spend(self) -> float | None:
        """Return what was spent on advertising; None if the file does not cover every day of the report."""
        if not len(self.spend) or not set(self.days.index) <= set(self.spend.index):
            return None
        return float(self.spend.loc[list(self.days.index), "spend"].sum())

    @property
    def listed_orders(self) -> int:
        """Return how many orders of the shop's order list should have been tracked; 0 without a list."""
        return int(self.coverage["expected"].sum()) if len(self.coverage) else 0

    @property
    def untracked_orders(self) -> int:
        """Return how many of `listed_orders` were not tracked."""
        return self.listed_orders - int(self.coverage["tracked"].sum()) if len(self.coverage) else 0

    @property
    def days_with_spend(self) -> int:
        """Return the number of days of the report with spend; the file may have others."""
        return len(set(self.days.index) & set(self.spend.index))

    @property
    def unfiled_spend(self) -> float:
        """Return what was spent on days of the report whose file is missing; no return is known for it."""
        return float(sum(self.spend["spend"].get(day, 0.0) for day in self.missing_days)) if len(self.spend) else 0.0

    @property
    def lines(self) -> list[Line]:
        """Return the ledger."""
        return [Line(*row) for row in self.ledger.itertuples(index=False)]

    def line(self, name: str) -> Line:
        """Return a line of the ledger."""
        return next((line for line in self.lines if line.line == name), Line(name, 0, 0.0))

    @property
    def refused(self) -> list[Line]:
        """Return the orders that could not be used, by reason; they are in no figure but the ledger's."""
        found = [Line(line.line, -line.orders, -line.amount) for line in self.lines if line.line.startswith(REFUSED)]
        return [line for line in found if line.orders or line.amount]

    @property
    def unusable(self) -> list[Line]:
        """Return the lines of `refused` that are not about another currency."""
        return [line for line in self.refused if not line.reason.startswith(OTHER_CURRENCY)]

    @property
    def other_currencies(self) -> list[Line]:
        """Return the orders in other currencies, one line per currency; amounts are never added."""
        return [line for line in self.lines if line.line.startswith(ledger.OTHER_CURRENCY) and line.orders]

    @property
    def shown_ledger(self) -> list[Line]:
        """Return the lines of the ledger that apply to the shop."""
        return [line for line in self.lines if ledger.applies(line.line, line.orders, self.roles)]

    @property
    def refused_share(self) -> float:
        """Return the larger of the shares of gross orders and of gross revenue that could not be used."""
        gross, refused = self.line("gross"), self.refused
        amount = sum(line.amount for line in refused) / gross.amount if gross.amount else 0.0
        return max(sum(line.orders for line in refused) / max(gross.orders, 1), amount)

    @property
    def is_complete(self) -> bool:
        """Return whether every file and every record could be used."""
        return not (self.refused or len(self.refused_records) or len(self.unused))


def warehouse_file(warehouse: Path) -> Path:
    """Return the DuckDB file: of a folder of Parquet, the one that holds its views."""
    return warehouse / "warehouse.duckdb" if warehouse.is_dir() else warehouse


def read_gold(
    warehouse: Path, contract: Contract | None = None, since: date | None = None, until: date | None = None
) -> Gold:
    """Read the days of a report, and compare them with the known totals of a contract.

    Without `since`, a report has all days if they are at most MOST_DAYS, and else the last USUAL_DAYS. Raise
    WarehouseError if there is no warehouse, or if part 2 did not build it.
    """
    schedule = contract.schedule if contract else ALWAYS_DUE
    with open_warehouse(warehouse, shop=contract.id if contract else None) as connection:
        files, counted = _frame(connection, "files"), _frame(connection, "days").set_index("date")
        covered = _span(files["date"]) if schedule.quiet_days else sorted(set(files["date"]))
        # A day without events has its zeros; a stray event of a day without a file has no day of its own.
        every = counted.reindex(covered, fill_value=0)
        first, last = choose_days(covered, since, until)
        gold = _read(connection, files, every, schedule, first, last)
        if not gold.is_all and len(gold.days):
            length = (last - first).days + 1
            earlier = first - timedelta(days=length), first - timedelta(days=1)
            before = _read(connection, files, every, schedule, *earlier)
            gold = replace(gold, before=before if len(before.days) else None)
        return replace(gold, known_totals=compare_warehouse(connection, contract)) if contract else gold


def choose_days(days: list[date], since: date | None = None, until: date | None = None) -> tuple[date, date]:
    """Return the first and the last day of the report; raise UserError if there are no files of such days."""
    if not days:
        return ALL_DAYS
    last = min(until or days[-1], days[-1])
    usual = days[0] if (last - days[0]).days < MOST_DAYS else last - timedelta(days=USUAL_DAYS - 1)
    first = max(since, days[0]) if since else usual
    if not any(first <= day <= last for day in days):
        asked = " and ".join(f"--{name} {day}" for name, day in (("since", since), ("until", until)) if day)
        raise UserError(f"no day has a file with {asked}; the warehouse has {days[0]} to {days[-1]}.")
    return first, last


def _frame(connection: duckdb.DuckDBPyConnection, name: str, **days: date) -> pd.DataFrame:
    sql = QUERIES[name].sql
    frame = connection.execute(sql, {key: day for key, day in days.items() if f"${key}" in sql}).df()
    if "date" in frame:
        frame["date"] = pd.to_datetime(frame["date"]).dt.date
    return frame


def _book(connection: duckdb.DuckDBPyConnection, name: str, since: date, until: date) -> pd.DataFrame:
    """Return a frame of the shop's books, by date if it has one; an empty one if the warehouse has no such books."""
    try:
        frame = _frame(connection, name, since=since, until=until)
    except duckdb.CatalogException:
        return pd.DataFrame()
    return frame.set_index("date") if "date" in frame else frame


def _read(
    connection: duckdb.DuckDBPyConnection, files: pd.DataFrame, every: pd.DataFrame, schedule: Schedule, first: date,
    last: date,
) -> Gold:  # fmt: skip
    """Read gold for the days from the first to the last."""
    is_all = not len(every) or (first <= every.index[0] and last >= every.index[-1])
    since, until = ALL_DAYS if is_all else (first, last)
    names = (
        "hours", "visitors", "unsourced", "segments", "systems", "channels", "refused_records", "unused", "headline",
        "products",
    )  # fmt: skip
    found: dict[str, Any] = {name: _frame(connection, name, since=since, until=until) for name in names}
    found["ledger"] = _frame(connection, "ledger" if is_all else "ledger_of_days", since=since, until=until)
    books = ("coverage", "spend", "refused_spend", "other_spend", "returns", "clicks")
    found |= {name: _book(connection, name, since, until) for name in books}
    found["headline"] = found["headline"] if is_all else found["headline"].iloc[:0]
    shop = next(_frame(connection, "shop").itertuples(index=False))
    return Gold(
        shop=shop.shop, days=_between(every, since, until), history=_between(every, date.min, until),
        files=files.loc[[since <= day <= until for day in files["date"]]], **found, is_all=is_all,
        currency=Currency(shop.currency), time_zone=shop.time_zone, window_days=int(shop.window_days),
        terms={shop.client_column: "client_id", shop.referrer_column: "referrer"},
        roles=ShopRoles.from_json(shop.roles), schedule=schedule,
    )  # fmt: skip


def _between(days: pd.DataFrame, since: date, until: date) -> pd.DataFrame:
    return days.loc[[since <= day <= until for day in days.index]]


def _span(days: Any) -> list[date]:
    """Return every day from the first to the last."""
    first, last = min(days, default=date.max), max(days, default=date.min)
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
