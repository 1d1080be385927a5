"""What a contract says, as plain values: no YAML, no files, no checks."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROLES = ("client", "page", "referrer", "time", "event", "payload", "user_agent")
NEEDED_ROLES = ("client", "page", "time", "event")
EVENT_ROLES = ("page_view", "signup", "cart", "checkout", "order")


class ContractError(Exception):
    """The contract cannot be used; str() is one sentence: file, line, key, what to do."""


@dataclass(frozen=True)
class Rule:
    """One entry of a `quality:` list, on a column or (column None) on the table."""

    check: str  # what a `library` metric maps to, or a custom rule's `implementation`
    column: str | None
    severity: str | None  # "P0".."P3"
    threshold: float | None  # largest failed share that is tolerated, 0..1
    threshold_rows: float | None  # largest failed number of rows that is tolerated
    advice: str | None  # `businessImpact`: what to do first
    at_least: float | None = None  # smallest number demanded (`rowCount` and custom rules)


@dataclass(frozen=True)
class Column:
    """One column of the files, under the name its header should have."""

    name: str
    logical_type: str
    required: bool  # may not be null
    synonyms: tuple[str, ...]
    pattern: str | None  # the whole value must match it
    allowed: tuple[str, ...]  # () = anything
    minimum: float | None
    maximum: float | None
    max_length: int | None  # characters
    line: int  # in the YAML file, 1-based


@dataclass(frozen=True)
class Key:
    """One key of an event's payload, flattened: `items[].item_price`."""

    path: str
    logical_type: str
    required: bool
    pattern: str | None
    allowed: tuple[str, ...]
    minimum: float | None
    maximum: float | None


@dataclass(frozen=True)
class Event:
    """One kind of event, and what its payload carries (parents stand before their children)."""

    name: str
    synonyms: tuple[str, ...]
    role: str | None  # one of EVENT_ROLES
    payload: tuple[Key, ...]


@dataclass(frozen=True)
class OrderIdentity:
    """Which payload paths of the order event make an order."""

    transaction_id: str
    amount: str
    customer: str | None
    lines: str | None  # "items"
    line_amount: str | None  # "items[].item_price"
    line_quantity: str | None  # "items[].quantity"
    line_amount_is: str  # "line": for the whole line; "unit": for one piece
    checkout_token: str | None  # regexp with one group, searched in the page's URL
    duplicates: str  # "resubmission" | "transaction_id"
    confirmation_path: str | None = None  # text in the URL of the page that only a buyer sees


@dataclass(frozen=True)
class Anonymisation:
    """How the shop hides values; a shop with plain values has none."""

    query_value: str | None  # regexp the whole value of a query parameter must match
    foreign_host: str | None  # regexp an anonymised host must match as a whole
    plain_hosts: tuple[str, ...]  # foreign hosts that may stay plain; see host_regexp()


@dataclass(frozen=True)
class Contract:
    """What a shop's event files must look like."""

    path: Path
    file_name: str  # strptime pattern of a day's file: "events_%Y%m%d.csv"
    delimiter: str
    currency: str  # what stands before an amount: "$", "CHF "
    time_zone: str  # of the files' days and of times without an offset: "UTC", "Europe/Berlin"
    columns: tuple[Column, ...]
    roles: Mapping[str, str]  # role -> column name; NEEDED_ROLES are always there
    events: tuple[Event, ...]
    own_hosts: tuple[str, ...]  # lower case, each by its full name
    payment_hosts: tuple[str, ...]  # see host_regexp()
    order: OrderIdentity | None
    anonymisation: Anonymisation | None
    additional_columns: str  # "report" | "allow"
    rules: tuple[Rule, ...]
    sla: Mapping[str, Any]  # property -> value; a timedelta where the unit is one of time

    def column(self, name: str) -> Column | None:
        """The column of this very name."""
        return next((column for column in self.columns if column.name == name), None)

    def column_of(self, role: str) -> Column | None:
        """The column that plays this role."""
        return self.column(self.roles[role]) if role in self.roles else None

    def event_of(self, role: str) -> Event | None:
        """The event that plays this role."""
        return next((event for event in self.events if event.role == role), None)

    def rule(self, check: str, column: str | None = None) -> Rule | None:
        """The column's own rule for a check, else the table's."""
        found = [r for r in self.rules if r.check == check and r.column in (column, None)]
        return next((r for r in found if r.column == column), found[0] if found else None)


def host_regexp(hosts: Iterable[str]) -> str:
    """RE2 regexp that the whole of a lower-case host must match to be one of `hosts`.

    A name covers its sub-domains (`puffy.com`: `www.puffy.com`), and `google.*` every
    ending (`google.co.uk`). No hosts: a regexp that matches nothing.
    """
    names = [re.escape(host.removesuffix(".*")) + (r"\..+" if host.endswith(".*") else "") for host in hosts]
    return rf"(?:.+\.)?(?:{'|'.join(names)})" if names else r"[^\s\S]"
