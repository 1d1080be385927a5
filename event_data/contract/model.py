"""A contract as plain values: no YAML, no files, no checks."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import IntEnum
from functools import cached_property
from pathlib import Path

from event_data.errors import UserError
from event_data.money import Currency

# The roles that columns play, and those that are values of an order.
ROLES = (
    "client", "session", "time", "event", "page", "referrer", "source", "medium", "campaign", "click_id", "channel",
    "checkout", "user_agent", "payload",
)  # fmt: skip
NEEDED_ROLES = ("client", "time", "event")
ORDER_ROLES = ("transaction_id", "amount", "currency", "customer", "lines")
# The strptime directives that a file name can contain.
DIRECTIVES = {
    "Y": "[0-9]{4}", "m": "[0-9]{2}", "d": "[0-9]{2}", "y": "[0-9]{2}", "j": "[0-9]{3}", "b": "[A-Za-z]+",
    "B": "[A-Za-z]+", "H": "[0-9]{2}", "M": "[0-9]{2}", "S": "[0-9]{2}",
}  # fmt: skip
EVENT_ROLES = ("page_view", "signup", "cart", "checkout", "order", "refund")


class ContractError(UserError):
    """The contract cannot be used.

    `key` is the place in the contract ("schema.events.properties.client_id") and `code` the kind of
    mistake ("unknown_key", "wrong_type", …), for callers that must not depend on the wording.
    """

    def __init__(
        self, sentence: str, path: Path | None = None, line: int | None = None, key: str = "", code: str = "draft"
    ) -> None:
        super().__init__(sentence)
        self.path, self.line, self.key, self.code = path, line, key, code


class Severity(IntEnum):
    """The urgency of a finding; P0 is the most severe and has the smallest value."""

    P0 = 0
    P1 = 1
    P2 = 2
    P3 = 3

    @property
    def is_serious(self) -> bool:
        """Return whether somebody must act on it."""
        return self <= Severity.P1

    def __str__(self) -> str:
        return self.name

    def __format__(self, spec: str) -> str:
        return format(self.name, spec)


@dataclass(frozen=True)
class Limit:
    """The maximum number of failures: a share of what was checked (0..1), or a number of rows."""

    share: float | None = None
    rows: float | None = None


@dataclass(frozen=True)
class Rule:
    """An entry of a `quality:` list, for a column, or for the table if `column` is None."""

    check: str  # that the `library` metric or the custom rule's `implementation` runs
    column: str | None
    severity: Severity | None
    limit: Limit | None
    advice: str | None  # `businessImpact`: what to do first
    at_least: float | None = None  # the minimum (`rowCount` and custom rules)


@dataclass(frozen=True)
class Field:
    """A column of the files, or the value at a JSON path in it."""

    column: str  # its name in the contract; Contract.column(name).names has the synonyms
    path: tuple[str | int, ...] = ()  # keys and indexes, outermost first


@dataclass(frozen=True)
class Parameter:
    """An entry of a column that is a list of `{key, value: {string_value, int_value, …}}`, as in GA4's export."""

    column: str
    key: str


@dataclass(frozen=True)
class Constant:
    """The same text for every event."""

    text: str


@dataclass(frozen=True)
class First:
    """The first of several values that is present."""

    values: "tuple[Value, ...]"


@dataclass(frozen=True)
class Joined:
    """Several values joined into one text."""

    values: "tuple[Value, ...]"
    separator: str


@dataclass(frozen=True)
class Product:
    """The product of two numbers."""

    left: "Value"
    right: "Value"


@dataclass(frozen=True)
class Time:
    """A time that is not in one of the forms that are always read."""

    value: "Value"
    format: str  # epoch_s, epoch_ms, epoch_us, or a Unicode pattern such as dd.MM.yyyy HH:mm


@dataclass(frozen=True)
class Amount:
    """An amount with a decimal sign other than a point, a thousands separator or a currency symbol."""

    value: "Value"
    decimal: str = "."
    thousands: str = ""


@dataclass(frozen=True)
class ClickId:
    """The name of the first click id parameter that has a value: `gclid`."""

    names: tuple[tuple[str, "Value"], ...]  # parameter -> its value


@dataclass(frozen=True)
class Record:
    """A JSON object of the values that are present, merged into the JSON of a column; null if there are none."""

    values: tuple[tuple[str, "Value"], ...]
    line: tuple[tuple[str, "Value"], ...] = ()  # the only line item, if rows are order lines
    base: "Field | None" = None  # the JSON with the other keys


Value = Field | Parameter | Constant | First | Joined | Product | Time | Amount | ClickId | Record


@dataclass(frozen=True)
class Column:
    """One column of the files, or one key of an event's payload, flattened: `items[].item_price`."""

    name: str  # in the header; for a payload key, its path
    logical_type: str
    required: bool  # may not be null
    pattern: str | None  # the whole value must match it
    allowed: tuple[str, ...]  # () allows any value
    minimum: float | None
    maximum: float | None
    max_length: int | None  # characters
    line: int  # in the YAML file, 1-based
    synonyms: tuple[str, ...] = ()
    format: str | None = None  # of a time, as the contract describes it

    @property
    def names(self) -> tuple[str, ...]:
        """Return the possible names of the column, its own name first."""
        return (self.name, *self.synonyms)


@dataclass(frozen=True)
class Event:
    """An event type and the keys of its payload, parents before their children."""

    name: str
    synonyms: tuple[str, ...]
    role: str | None  # one of EVENT_ROLES
    payload: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the possible names of the event, its own name first."""
        return (self.name, *self.synonyms)


@dataclass(frozen=True)
class Order:
    """The payload paths of an order's values, and how orders are counted."""

    transaction_id: str | None = None
    amount: str | None = None
    currency: str | None = None
    customer: str | None = None
    lines: str | None = None  # "items"
    line_id: str | None = None  # "items[].item_id"
    line_name: str | None = None
    line_variant: str | None = None
    line_amount: str | None = None
    line_quantity: str | None = None
    line_amount_is: str = "line"  # the price of the whole line; "unit": of one unit
    checkout_token: str | None = None  # regular expression with one group, searched in the page URL
    duplicates: str = "resubmission"  # or "transaction_id"
    possible_duplicates: str = "both"  # "once": the same purchase under two ids counts once
    confirmation_path: str | None = None  # text in the URL of the order confirmation page
    key: tuple[str, ...] = ()  # rows are order lines; rows with equal values of these roles are one order


@dataclass(frozen=True)
class Anonymisation:
    """The shop's anonymisation of values; both patterns are None if there is none."""

    query_value: str | None = None  # regular expression for a whole query parameter value
    foreign_host: str | None = None  # regular expression for a whole anonymised host
    plain_hosts: tuple[str, ...] = ()  # foreign hosts that need not be anonymised; see host_regexp()


@dataclass(frozen=True)
class Schedule:
    """The days for which no file is due."""

    weekdays: tuple[int, ...] = ()  # 0 is Monday
    dates: tuple[date, ...] = ()
    quiet_days: bool = False  # a day may have no events

    def is_due(self, day: date) -> bool:
        """Return whether a file of this day is due."""
        return not (self.quiet_days or day.weekday() in self.weekdays or day in self.dates)


@dataclass(frozen=True)
class KnownTotal:
    """Orders and revenue of a day on the shop's admin page; None if not entered."""

    day: date
    orders: int | None
    revenue: Decimal | None


@dataclass(frozen=True, kw_only=True)
class Table:
    """A kind of files: their names, their columns, and where each role's value is."""

    path: Path  # of the contract
    file_name: str  # strptime pattern of the files: "events_%Y%m%d.csv"
    delimiter: str
    time_zone: str  # of the files' days and of times without an offset: "UTC", "Europe/Berlin"
    columns: tuple[Column, ...]
    values: Mapping[str, Value]  # role -> the place of its value; only the roles that the shop has
    derived: Mapping[str, Value] = field(default_factory=dict)  # the columns that reading adds -> how they are computed
    has_header: bool = True  # otherwise the columns of a file are the contract's, in their order

    @property
    def file_format(self) -> str:
        """Return the format of the files, by the ending of their name: csv, json or parquet."""
        endings = {".json": "json", ".jsonl": "json", ".ndjson": "json", ".parquet": "parquet"}
        return endings.get(Path(self.file_name).suffix.lower(), "csv")

    @property
    def is_dated(self) -> bool:
        """Return whether a file's name has its day; otherwise a file may hold many days."""
        return is_dated(self.file_name)

    def column(self, name: str) -> Column | None:
        """Return the column with exactly this name."""
        return next((column for column in self.columns if column.name == name), None)

    @cached_property
    def header_names(self) -> frozenset[str]:
        """Return the names that a header may have for the contract's columns, in lower case."""
        columns = (column for column in self.columns if column.name not in self.derived)
        return frozenset(name.lower() for column in columns for name in column.names)

    def columns_in(self, header: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return the names under which a header has each of the contract's columns, its own name first."""
        there = set(header)
        by_column = {column.name: tuple(name for name in column.names if name in there) for column in self.columns}
        return {column: names for column, names in by_column.items() if names}


@dataclass(frozen=True, kw_only=True)
class OrderList(Table):
    """The shop's own list of orders, which the tracked orders are compared with."""

    id_in_order_list: str  # regular expression with one group: what an order id has in common
    id_in_tracking: str  # with the transaction id of the same order
    offline_channels: tuple[str, ...]  # sales channels of orders that no page records, in lower case
    void_statuses: tuple[str, ...]  # financial statuses of orders that do not count, in lower case


@dataclass(frozen=True, kw_only=True)
class AdSpend(Table):
    """Advertising spend by day and campaign: one kind of files, such as the reports of a platform."""

    campaigns: Mapping[str, str]  # name of a campaign in the files, in lower case -> its utm_campaign


@dataclass(frozen=True, kw_only=True)
class Contract(Table):
    """A description of a shop's event files, with the settings of its figures."""

    id: str
    currency: Currency
    roles: Mapping[str, str]  # role -> column name; client, time and event are always present
    events: tuple[Event, ...]
    own_hosts: tuple[str, ...]  # full names in lower case
    payment_hosts: tuple[str, ...]  # see host_regexp()
    order: Order | None
    anonymisation: Anonymisation
    additional_columns: str  # "report" | "allow"
    rules: tuple[Rule, ...]
    latency: timedelta = timedelta()  # how long after a day's end its file is due
    session_gap_minutes: int = 30
    window_days: int = 7
    most_clients_of_a_person: int = 5
    most_customers_of_a_device: int = 5
    most_refused: float = 0.01  # share of orders or gross revenue; a larger one is critical
    ignored_files: tuple[str, ...] = ()  # glob patterns of file names
    channels: Mapping[str, str] = field(default_factory=dict)  # value of the channel column, in lower case -> channel
    schedule: Schedule = Schedule()
    known_totals: tuple[KnownTotal, ...] = ()
    order_list: OrderList | None = None
    ad_spend: tuple[AdSpend, ...] = ()

    @property
    def books(self) -> tuple[Table, ...]:
        """Return the tables of the contract that are not events."""
        return tuple(book for book in (self.order_list, *self.ad_spend) if book)

    @property
    def book_files(self) -> tuple[str, ...]:
        """Return the patterns of the file names of `books`, which are no event files."""
        return tuple(book.file_name for book in self.books)

    @property
    def unit_of_files(self) -> str:
        """Return what a delivery is called: a file, or a day of a file that has many."""
        return "file" if self.is_dated else "day"

    @property
    def is_converted(self) -> bool:
        """Return whether reading converts the files to CSV files of one day with a column for each role."""
        return bool(self.derived) or not self.has_header or not self.is_dated or self.file_format != "csv"

    @property
    def hides_values(self) -> bool:
        """Return whether the values of query parameters are anonymised."""
        return self.anonymisation.query_value is not None

    @property
    def hides_hosts(self) -> bool:
        """Return whether foreign hosts are anonymised."""
        return self.anonymisation.foreign_host is not None

    @property
    def event_roles(self) -> dict[str, str]:
        """Return the role of each event name; "other" for an event without a role."""
        return {name: event.role or "other" for event in self.events for name in event.names}

    def column_of(self, role: str) -> Column | None:
        """Return the column that plays this role."""
        return self.column(self.roles[role]) if role in self.roles else None

    def names_of(self, role: str) -> tuple[str, ...]:
        """Return the names of the column that plays this role, its own name first; () if there is none."""
        column = self.column_of(role)
        return column.names if column else ()

    def least_filled(self, column: Column) -> float:
        """Return the share of events that must have a value in a column."""
        rule = self.rule("null_share", column.name)
        allowed = rule.limit.share or 0.0 if rule and rule.limit else 0.0
        return 1 - allowed if column.required else 0.0

    def role_of(self, column: str) -> str | None:
        """Return the role that a column plays."""
        return next((role for role, name in self.roles.items() if name == column), None)

    def event_of(self, role: str) -> Event | None:
        """Return the event that plays this role."""
        return next((event for event in self.events if event.role == role), None)

    def rule(self, check: str, column: str | None = None) -> Rule | None:
        """Return the column's own rule for a check, or else the table's."""
        rules = [r for r in self.rules if r.check == check and r.column in (column, None)]
        return next((r for r in rules if r.column == column), rules[0] if rules else None)


def is_dated(file_name: str) -> bool:
    """Return whether a pattern of file names has a date."""
    return "%" in file_name.replace("%%", "")


def host_regexp(hosts: Iterable[str]) -> str:
    """Return an RE2 pattern that a whole lower-case host matches if it is one of `hosts`.

    A name covers its subdomains (`puffy.com` covers `www.puffy.com`), and `google.*` covers every
    top-level domain (`google.co.uk`). Without hosts, the pattern matches nothing.
    """
    names = [re.escape(host.removesuffix(".*")) + (r"\..+" if host.endswith(".*") else "") for host in hosts]
    return rf"(?:.+\.)?(?:{'|'.join(names)})" if names else r"[^\s\S]"
