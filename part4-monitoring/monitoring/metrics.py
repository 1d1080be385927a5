"""Read the metrics and files of each day from the warehouse, by the statements of metrics.sql."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from event_data.contract import Contract
from event_data.contract.roles import columns_of
from event_data.dead_hours import skipped_hours_sql
from event_data.events import PLACEHOLDERS
from event_data.known_totals import Comparison
from event_data.money import Currency
from event_data.shop_roles import ALL_ROLES, ShopRoles
from event_data.sql import identifier, named_statements
from event_data.warehouse_file import has_table
from monitoring.baselines import Amounts

if TYPE_CHECKING:
    import duckdb

SQL = Path(__file__).resolve().parent / "metrics.sql"
SCALE_STEP = 0.25  # of the natural logarithm of an amount
# The metrics and segment kinds that thresholds.yaml may watch, and the number of segments per kind.
SEGMENTED = [
    "client_id_missing_share", "page_views", "sessions", "carts", "checkouts", "orders", "tracking_coverage",
    "click_arrival",
]  # fmt: skip
SEGMENT_KINDS = ["device", "browser", "channel", "section", "payment_method", "hour", "campaign"]
# The tables of the shop's own books, and the columns that the statements read; without a book, its tables have no rows.
BOOKS = {
    "gold.tracking_coverage": """date date, segment_kind varchar, segment varchar, tracked_orders bigint,
        expected_orders bigint, tracked_amount decimal(18, 2), expected_amount decimal(18, 2)""",
    "gold.untracked_hours": "date date, first_hour integer, last_hour integer, orders bigint, amount decimal(18, 2)",
    "gold.click_sessions": """date date, channel varchar, source varchar, medium varchar, campaign varchar,
        clicks bigint, sessions bigint, spend decimal(18, 2)""",
}
MOST_SEGMENTS = 12
Value = tuple[float, float | None]  # numerator and, for shares and ratios, denominator


@dataclass(frozen=True)
class File:
    name: str
    header: tuple[str, ...]
    records: int
    content_hash: str
    refused: str | None = None  # why part 2 used none of it


@dataclass(frozen=True)
class Unread:
    """A file that looks like a day's and was not read; the reason is one clause."""

    name: str
    reason: str
    is_second_delivery: bool  # of which the first one counts


@dataclass(frozen=True)
class Refusal:
    """Orders of a day that are in no revenue figure, for one reason."""

    reason: str
    orders: int
    amount: Decimal
    is_quarantined: bool  # read, but without what an order needs


@dataclass(frozen=True)
class UntrackedHours:
    """Hours of a day in which none of the shop's orders was tracked."""

    first_hour: int
    last_hour: int
    orders: int
    amount: Decimal


@dataclass
class Facts:
    """Every day from the first to the last that is looked at, whether its file came or not.

    With `hours` below 24 only the first hours of every day are counted, and metrics that are known by the day
    only are absent. Where only some days were read, the others have files and no values.
    """

    first: date
    last: date
    hours: int = 24
    days_read: frozenset[date] | None = None  # None: all
    values: dict[str, dict[date, Value]] = field(default_factory=lambda: defaultdict(dict))
    segments: dict[tuple[str, str], dict[str, dict[date, Value]]] = field(  # metric, kind: segment: days
        default_factory=lambda: defaultdict(dict)
    )
    amounts: dict[date, Amounts] = field(default_factory=dict)
    scales: dict[date, dict[int, int]] = field(default_factory=dict)  # orders by size: the logarithm in SCALE_STEP
    files: dict[date, list[File]] = field(default_factory=lambda: defaultdict(list))
    by_hour: dict[str, dict[date, dict[int, Value]]] = field(default_factory=lambda: defaultdict(dict))
    skipped_hours: frozenset[tuple[date, int]] = frozenset()  # that the clocks jumped over
    refusals: dict[date, list[Refusal]] = field(default_factory=lambda: defaultdict(list))
    received: dict[date, tuple[int, Decimal]] = field(default_factory=dict)  # orders and revenue of the day's files
    untracked_hours: dict[date, list[UntrackedHours]] = field(default_factory=lambda: defaultdict(list))
    truncated: dict[date, list[str]] = field(default_factory=lambda: defaultdict(list))  # files
    unreadable_times: dict[date, int] = field(default_factory=dict)  # records with a time that cannot be read
    unread: dict[date, list[Unread]] = field(default_factory=lambda: defaultdict(list))
    known_totals: Comparison | None = None
    currency: Currency = field(default_factory=Currency)
    time_zone: str = "UTC"
    roles: ShopRoles = ALL_ROLES
    has_quiet_days: bool = False  # a day without a file is a day without events

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=i) for i in range((self.last - self.first).days + 1)]

    def value(self, metric: str, day: date, kind: str) -> Value | None:
        """Return a day's value; a count of a day in the history is zero where nothing was counted."""
        value = self.values[metric].get(day)
        if kind == "count":
            is_zero = self.known(metric) and self.has(day) and (self.days_read is None or day in self.days_read)
            return value if value is not None else (0.0, None) if is_zero else None
        return value if value is not None and value[1] else None

    def has(self, day: date) -> bool:
        """Return whether a day has a file, or is a quiet day of a shop that has such days."""
        return self.has_quiet_days or bool(self.files.get(day))

    def known(self, metric: str) -> bool:
        return bool(self.values.get(metric))


class Warehouse:
    """A read-only connection and the named statements of metrics.sql; no order from `until` (UTC) on counts."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection", until: datetime | None = None) -> None:
        self.connection = connection
        self.until = until or datetime.max
        self.statements = named_statements(SQL.read_text("utf-8"))
        self._view_books()
        self.shop, sign, self.time_zone, roles = self.rows("shop")[0]
        self.currency = Currency(sign)
        self.roles = ShopRoles.from_json(roles)
        roles_of = {"order_list": "gold.tracking_coverage", "paid_clicks": "gold.click_sessions"}
        absent = {role for role, table in roles_of.items() if not has_table(connection, table)}
        self.roles = ShopRoles(self.roles.names - absent)
        self._of_days: dict[str, tuple[date, date, dict[date, tuple[Any, ...]]]] = {}

    def _view_books(self) -> None:
        """Create the temporary tables and views of the shop's own books that the statements read."""
        for table, columns in BOOKS.items():
            name = table.removeprefix("gold.")
            if has_table(self.connection, table):
                self.connection.execute(f"create or replace temp view {name} as from {table}")
            else:
                self.connection.execute(f"create or replace temp table {name} ({columns})")
        self.connection.execute(self.statements["paid_clicks"].sql)

    def has_refusals(self, most: float) -> bool:
        """Return whether a file was refused, or more than this share of all orders or revenue."""
        always = {"first": date.min, "last": date.max}
        lost = [(orders, amount) for _, _, orders, amount, _ in self.rows("refusals", **always)]
        whole = [(orders, revenue) for _, orders, revenue in self.rows("received", **always)]
        is_material = any(sum(a[i] for a in lost) > most * float(sum(a[i] for a in whole)) for i in (0, 1))
        return is_material or any(refused for *_, refused in self.rows("files", **always))

    def rows(self, name: str, **parameters: Any) -> list[tuple[Any, ...]]:
        sql = self.statements[name].sql
        used = {key: value for key, value in parameters.items() if f"${key}" in sql}
        return self.connection.execute(sql, used).fetchall()

    def contents(self) -> dict[date, str]:
        """Return a hash of each day's files, for the days with a file, in order."""
        return dict(self.rows("contents"))

    @cached_property
    def _record_columns(self) -> frozenset[str]:
        """Return the columns of the records as received."""
        sql = (
            "select column_name from information_schema.columns where table_schema = 'bronze' and table_name = 'events'"
        )
        return frozenset(name for (name,) in self.connection.execute(sql).fetchall())

    def unreadable_times(self, contract: Contract, first: date, last: date) -> dict[date, int]:
        """Return how many records of each day have a time that cannot be read; missing times do not count."""
        there = self._record_columns
        columns = [column for name in columns_of(contract.values["time"]) if (column := contract.column(name))]
        names = [identifier(name) for column in columns for name in column.names if name in there]
        if not names:
            return {}
        sql = self.statements["unreadable_times"].sql.replace("{time}", ", ".join([*names, "''"]))
        return dict(self.connection.execute(sql, {"first": first, "last": last}).fetchall())

    def _read_parts(self, facts: Facts, limits: dict[str, Any]) -> None:
        """Read the watched segments and the sizes of orders."""
        for day, step, orders in self.rows("scales", step=SCALE_STEP, **limits):
            facts.scales.setdefault(day, {})[step] = orders
        watched = {"metrics": SEGMENTED, "kinds": SEGMENT_KINDS, "most": MOST_SEGMENTS}
        for metric, kind, segment, day, numerator, denominator in self.rows("watched_segments", **watched, **limits):
            facts.segments[metric, kind].setdefault(segment, {})[day] = (numerator or 0.0, denominator)

    def of_day(self, name: str, day: date, facts: Facts) -> tuple[Any, ...]:
        """Return a statement's row for a day; () if it has none. The statement runs once for all later days."""
        first, last, by_day = self._of_days.get(name, (date.max, date.min, {}))
        if not first <= day <= last:
            rows = self.rows(name, first=day, last=facts.last, until=self.until)
            by_day = {at: tuple(rest) for at, *rest in rows}
            self._of_days[name] = (day, facts.last, by_day)
        return by_day.get(day, ())

    def local(self, moment: datetime) -> datetime:
        """Return a moment by the shop's clock."""
        local: datetime = self.rows("local", moment=moment.isoformat())[0][0]
        return local

    def end_of(self, day: date) -> float:
        """Return when a day ends by the shop's clock, in seconds since 1970."""
        return float(self.rows("moment", local=f"{day + timedelta(days=1)} 00:00:00")[0][0])

    def read(
        self, first: date, last: date, paid_channels: Sequence[str], hours: int = 24, has_quiet_days: bool = False,
        days: Iterable[date] | None = None,
    ) -> Facts:  # fmt: skip
        """Return the facts of these days, or of some of them; with `hours` below 24, of their first hours."""
        facts = Facts(first, last, hours, currency=self.currency, time_zone=self.time_zone, roles=self.roles)
        facts.has_quiet_days = has_quiet_days
        facts.days_read = None if days is None else frozenset(days)
        read = sorted(facts.days if facts.days_read is None else facts.days_read)
        limits: dict[str, Any] = {"first": first, "last": last, "days": read, "paid": list(paid_channels)}
        limits["placeholders"] = list(PLACEHOLDERS)
        limits["file_days"] = [int(f"{day:%Y%m%d}") for day in read]
        for metric, day, hour, numerator, denominator in self.rows("hours", **limits):
            facts.by_hour[metric].setdefault(day, {})[hour] = (numerator or 0.0, denominator)
        of_files = "(select distinct file_date as day from bronze.files where list_contains($days, file_date))"
        skipped = self.connection.execute(skipped_hours_sql(of_files, self.time_zone), {"days": read})
        facts.skipped_hours = frozenset((day, hour) for day, hour in skipped.fetchall())
        for day, name, header, *rest in self.rows("files", **limits):
            facts.files[day].append(File(name, tuple(json.loads(header)), *rest))
        for day, *rest in self.rows("refusals", **limits):
            facts.refusals[day].append(Refusal(*rest))
        facts.received = {day: (orders, revenue) for day, orders, revenue in self.rows("received", **limits)}
        for day, name in self.rows("truncated_files", **limits):
            facts.truncated[day].append(name)
        for day, *rest in self.rows("unread_files", **limits):
            facts.unread[day].append(Unread(*rest))
        if hours == 24:
            for metric, day, numerator, denominator in self.rows("metrics", **limits):
                facts.values[metric][day] = (numerator or 0.0, denominator)
            for day, events, outside, with_client, placeholders, twice in self.rows("events", **limits):
                facts.values["outside_day_share"][day] = (outside, events)
                facts.values["client_placeholder_share"][day] = (placeholders, with_client)
                facts.values["event_twice_share"][day] = (twice, with_client)
            facts.amounts = {day: Amounts(*rest) for day, *rest in self.rows("amounts", **limits)}
            self._read_parts(facts, limits)
            for day, *rest in self.rows("untracked_hours", **limits):
                facts.untracked_hours[day].append(UntrackedHours(*rest))
        else:
            _sum_hours(facts)
        return facts


def _sum_hours(facts: Facts) -> None:
    """Sum the metrics that are known by the hour over the hours that are over."""
    for metric, days in facts.by_hour.items():
        for day, hours in days.items():
            taken = [value for hour, value in hours.items() if hour < facts.hours]
            whole = [d for _, d in taken if d is not None]
            if taken:
                facts.values[metric][day] = (sum(x for x, _ in taken), sum(whole) if whole else None)
