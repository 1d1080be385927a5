"""Build the tables of the shop's own books beside those of the events.

The books are small, so every run rebuilds these tables from the published tables of the events.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

import duckdb

from event_data.books.reading import FILES, ORDERS, SPEND, FindBook, land_books
from event_data.books.reconciliation import (
    CLICK_SESSIONS,
    RECONCILIATION,
    SPEND_RECORDS,
    book_placeholders,
    spend_statements,
)
from event_data.cli import Progress
from event_data.contract import Contract
from event_data.events import own_currency_values
from event_data.statements import Statement, fill, read_statements
from transformation.published import BookFiles

HERE = Path(__file__).resolve().parents[1]
BOOKS, SPENT = HERE / "books.sql", HERE / "spend.sql"
TRACKED_DAYS = "silver.tracked_days"  # the reconciliation reads it
WORKING = (  # not published
    TRACKED_DAYS, "silver.shop_order_records", "silver.tracked_orders", "silver.match_evidence",
    "silver.order_candidates", "silver.order_pairs", "silver.read_spend", "silver.spend_records",
    "silver.counted_spend", "silver.arrivals", "silver.click_sessions",
)  # fmt: skip
# The records of a book, each with the reason why it cannot be used.
RECORDS = {ORDERS: "silver.shop_order_records", SPEND: "silver.spend_records"}


def list_books(find: FindBook, contract: Contract) -> BookFiles:
    """Return the name, size and stamp of each file of the contract's books."""
    return {(f.name, f.size, f.stamp) for book in contract.books for f in find(book.file_name)}


def statements_of(contract: Contract, landed: Collection[str], portable: bool = False) -> list[Statement]:
    """Return the statements about the books whose bronze tables are among `landed`, in order.

    portable: for an engine other than DuckDB.
    """
    statements = []
    if contract.order_list and ORDERS.table in landed:
        filled, own = book_placeholders(contract, contract.order_list, portable), read_statements(BOOKS)
        before = [statement for statement in own if statement.name == TRACKED_DAYS]
        after = [statement for statement in own if statement.name != TRACKED_DAYS]
        statements += [fill(statement, filled) for statement in (*before, *read_statements(RECONCILIATION), *after)]
    if contract.ad_spend and SPEND.table in landed:
        quiet_days = str(contract.schedule.quiet_days).lower()
        filled = {"own_currency": own_currency_values(contract), "quiet_days": quiet_days}
        statements += spend_statements(contract, portable)
        statements += [
            fill(statement, filled) for path in (CLICK_SESSIONS, SPENT) for statement in read_statements(path)
        ]
    return statements


def build_books(
    connection: duckdb.DuckDBPyConnection, contract: Contract, find: FindBook, work_dir: Path,
    progress: Progress,
) -> list[Statement]:  # fmt: skip
    """Build the tables of the books in the new warehouse, and return the statements of those that are published.

    A book that the contract does not describe, or that has no file, has no tables.
    """
    built = [
        statement.name
        for path in (RECONCILIATION, BOOKS, SPEND_RECORDS, CLICK_SESSIONS, SPENT)
        for statement in read_statements(path)
    ]
    for table in (ORDERS.table, SPEND.table, FILES, *built):
        connection.execute(f"drop table if exists warehouse.{table}")
    progress("reading the shop's books")
    if not (landed := land_books(connection, contract, find, work_dir)):
        return []
    statements = statements_of(contract, landed)
    for number, statement in enumerate(statements):
        progress(statement.name, number, len(statements))
        if statement.name in WORKING:
            connection.execute(statement.sql)
        else:
            connection.execute(f"create table warehouse.{statement.name} as {statement.select}")
            connection.execute(f"create or replace view {statement.name} as from warehouse.{statement.name}")
    for book, records in RECORDS.items():
        if book.table in landed:
            usable = connection.execute(f"select distinct source_file from {records} where reason is null").fetchall()
            refuse_unusable(connection, book.block, [name for (name,) in usable])
    for table in (*landed, FILES):
        connection.execute(f"create table warehouse.{table} as from {table}")
    return [statement for statement in statements if statement.name not in WORKING]


def refuse_unusable(connection: duckdb.DuckDBPyConnection, block: str, usable: Sequence[str]) -> None:
    """Mark as refused the files of a book that have records, but are not among the `usable` ones."""
    connection.execute(
        f"update {FILES} set refused = 'has no usable records' "
        "where book = ? and refused is null and records > 0 and not list_contains(?, name)",
        [block, list(usable)],
    )
