"""The SQL that the contract fills into the statements about its books."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from event_data.books.customers import tracked_customer_sql
from event_data.contract.model import AdSpend, Contract, OrderList
from event_data.events import (
    NO_AMOUNT,
    NO_TIME,
    OTHER_CURRENCY,
    UNREADABLE,
    amount_sql,
    event_time_sql,
    in_zone_sql,
    own_currency_values,
)
from event_data.evidence import SEEDS
from event_data.reading.day_file import MOST_LINES
from event_data.sql import literal, values
from event_data.statements import Statement, fill, read_statements

RECONCILIATION = Path(__file__).with_suffix(".sql")
SPEND_RECORDS = Path(__file__).with_name("spend_records.sql")
CLICK_SESSIONS = Path(__file__).with_name("click_sessions.sql")
AMOUNTS = ("amount", "refunded_amount", "discount", "tax", "shipping")
COUNTS = ("clicks", "impressions")
# A spreadsheet drops the zeros in front of a number.
ID_KEY = "coalesce(nullif(regexp_extract(id_text, '^0*([1-9][0-9]*)$', 1), ''), id_text)"
NOT_SET = "(not set)"  # a source or medium that a visit lacks beside the other
NONE = "--"  # how exports of advertising platforms write that there is no value


def book_placeholders(contract: Contract, book: OrderList, portable: bool = False) -> dict[str, str]:
    """Return the value of each {name} in the statements about the order list; `portable` is for other engines."""
    return _shared(contract) | {
        **{name: amount_sql(name) for name in AMOUNTS},
        "unread_values": _unread(AMOUNTS[1:]),
        "order_time": event_time_sql(book, "imported", portable),
        "in_zone": in_zone_sql("", contract.time_zone),
        "has_amount": str("amount" in book.values).lower(),
        "tracks_amount": str("amount" in contract.values).lower(),
        "tracked_customer": tracked_customer_sql("customer"),
        "id_key": ID_KEY,
        "id_in_order_list": literal(book.id_in_order_list),
        "id_in_tracking": literal(book.id_in_tracking),
        "offline_channels": values(book.offline_channels),
        "void_statuses": values(book.void_statuses),
        "no_time": literal(NO_TIME),
        "no_amount": literal(NO_AMOUNT),
        "other_currency": literal(OTHER_CURRENCY),
    }


def spend_statements(contract: Contract, portable: bool = False) -> list[Statement]:
    """Return the statements about the records of the advertising spend; the first one reads every object."""
    read, *others = read_statements(SPEND_RECORDS)
    objects = [
        fill(read, _spend_placeholders(contract, book, place, portable)).select
        for place, book in enumerate(contract.ad_spend)
    ]
    joined = "\nunion all\n".join(f"select * from (\n{select}\n) as object_{n}" for n, select in enumerate(objects))
    return [replace(read, select=joined), *(fill(statement, {}) for statement in others)]


def _spend_placeholders(contract: Contract, book: AdSpend, place: int, portable: bool) -> dict[str, str]:
    """Return the value of each {name} in the statement that reads one of the objects of advertising spend."""
    renamed = " ".join(f"when {literal(name)} then {literal(to)}" for name, to in book.campaigns.items())
    return _shared(contract) | {
        **{name: amount_sql(name) for name in ("cost", *COUNTS)},
        "unread_values": _unread(COUNTS),
        "source": _source(),
        "not_set": literal(NOT_SET),
        "campaign": f"case lower(campaign) {renamed} else campaign end" if renamed else "campaign",
        "object": literal(book.file_name),
        "place": str(place),
        "spend_time": event_time_sql(book, "imported", portable),
        "in_zone": in_zone_sql("", book.time_zone),
    }


def _source() -> str:
    """Return SQL for the source by the name that the events have: `meta` is facebook there."""
    with (SEEDS / "source_aliases.csv").open(encoding="utf-8", newline="") as file:
        arms = (f"when {literal(row['alias'])} then {literal(row['source'])}" for row in csv.DictReader(file))
        return f"coalesce(case lower(source) {' '.join(arms)} else lower(source) end, {literal(NOT_SET)})"


def _unread(roles: Sequence[str]) -> str:
    """Return SQL for a list of the roles that have a value that is not a number; null if there are none."""
    unread = (
        f"case when {role} <> {literal(NONE)} and {amount_sql(role)} is null then ', {role}' else '' end"
        for role in roles
    )
    return f"nullif(substr({' || '.join(unread)}, 3), '')"


def _shared(contract: Contract) -> dict[str, str]:
    return {
        "record_id": f"_file_number * {MOST_LINES} + _line",
        "own_currency": own_currency_values(contract),
        "unreadable": literal(UNREADABLE),
    }
