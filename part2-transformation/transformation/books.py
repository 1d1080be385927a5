"""Build the tables of the shop's own books beside those of the events.

They are few rows, so that each run builds them anew from the published tables of the events.
"""

from collections.abc import Callable, Collection
from pathlib import Path

import duckdb

from event_data.books.reading import FILES, ORDERS, SPEND, land_book, write_book_files
from event_data.books.reconciliation import RECONCILIATION, book_placeholders, spend_placeholders
from event_data.contract import Contract
from event_data.reading.folder import find_book_files
from event_data.statements import Statement, fill, read_statements
from transformation.published import BookFiles

HERE = Path(__file__).resolve().parents[1]
BOOKS, SPENT = HERE / "books.sql", HERE / "spend.sql"
TABLES = ("bronze.shop_orders", "bronze.ad_spend", "bronze.book_files")
INPUTS = ("silver.tracked_orders", "silver.tracked_days")  # of the reconciliation
WORKING = (*INPUTS, "silver.order_candidates", "silver.order_pairs")  # not published


def list_books(data_dir: Path, contract: Contract) -> BookFiles:
    """Return the name, size and stamp of each file of the contract's books."""
    return {(f.name, f.size, f.stamp) for book in contract.books for f in find_book_files(data_dir, book.file_name)}


def statements_of(contract: Contract, landed: Collection[str] = TABLES, portable: bool = False) -> list[Statement]:
    """Return the statements about the books whose bronze tables are among `landed`, in order.

    `portable` is for engines other than DuckDB.
    """
    statements = []
    if contract.order_list and ORDERS.table in landed:
        filled, own = book_placeholders(contract, contract.order_list, portable), read_statements(BOOKS)
        inputs = [statement for statement in own if statement.name in INPUTS]
        others = [statement for statement in own if statement.name not in INPUTS]
        statements += [fill(statement, filled) for statement in (*inputs, *read_statements(RECONCILIATION), *others)]
    if contract.ad_spend and SPEND.table in landed:
        filled = spend_placeholders(contract, contract.ad_spend)
        statements += [fill(statement, filled) for statement in read_statements(SPENT)]
    return statements


def land_books(connection: duckdb.DuckDBPyConnection, contract: Contract, data_dir: Path, work_dir: Path) -> list[str]:
    """Create the bronze tables of the contract's books that have files, and of these files; return the former."""
    connection.execute(FILES)
    landed = []
    for name, book, to in (("orderList", contract.order_list, ORDERS), ("adSpend", contract.ad_spend, SPEND)):
        if book and (files := land_book(connection, book, to, data_dir, work_dir)):
            write_book_files(connection, name, files)
            landed.append(to.table)
    return landed


def build_books(
    connection: duckdb.DuckDBPyConnection, contract: Contract, data_dir: Path, work_dir: Path,
    progress: Callable[[str], None],
) -> list[Statement]:  # fmt: skip
    """Build the tables of the books in the new warehouse, and return the statements of those that are published.

    A book that the contract does not describe, or that has no file, has no tables.
    """
    for table in (*TABLES, *(s.name for path in (RECONCILIATION, BOOKS, SPENT) for s in read_statements(path))):
        connection.execute(f"drop table if exists warehouse.{table}")
    progress("reading the shop's books")
    if not (landed := land_books(connection, contract, data_dir, work_dir)):
        return []
    for table in (*landed, "bronze.book_files"):
        connection.execute(f"create table warehouse.{table} as from {table}")
    statements = statements_of(contract, landed)
    for statement in statements:
        progress(statement.name)
        if statement.name in WORKING:
            connection.execute(statement.sql)
        else:
            connection.execute(f"create table warehouse.{statement.name} as {statement.select}")
            connection.execute(f"create or replace view {statement.name} as from warehouse.{statement.name}")
    return [statement for statement in statements if statement.name not in WORKING]
