"""Build the tables of the shop's own books beside those of the events.

They are few rows, so that each run builds them anew from the published tables of the events.
"""

from collections.abc import Callable
from pathlib import Path

import duckdb

from event_data.books.reading import FILES, land_order_list, write_book_files
from event_data.books.reconciliation import RECONCILIATION, book_placeholders
from event_data.contract import Contract
from event_data.reading.folder import find_book_files
from event_data.statements import Statement, fill, read_statements
from transformation.published import BookFiles

BOOKS = Path(__file__).resolve().parents[1] / "books.sql"
TABLES = ("bronze.shop_orders", "bronze.book_files")
INPUTS = ("silver.tracked_orders", "silver.tracked_days")  # of the reconciliation
WORKING = (*INPUTS, "silver.order_candidates", "silver.order_pairs")  # not published


def list_books(data_dir: Path, contract: Contract) -> BookFiles:
    """Return the name, size and stamp of each file of the contract's books."""
    return {(f.name, f.size, f.stamp) for book in contract.books for f in find_book_files(data_dir, book.file_name)}


def statements_of(contract: Contract, portable: bool = False) -> list[Statement]:
    """Return the statements about the order list, if there is one; `portable` is for engines other than DuckDB."""
    if contract.order_list is None:
        return []
    filled, own = book_placeholders(contract, contract.order_list, portable), read_statements(BOOKS)
    inputs = [statement for statement in own if statement.name in INPUTS]
    others = [statement for statement in own if statement.name not in INPUTS]
    return [fill(statement, filled) for statement in (*inputs, *read_statements(RECONCILIATION), *others)]


def land_books(connection: duckdb.DuckDBPyConnection, contract: Contract, data_dir: Path, work_dir: Path) -> bool:
    """Create TABLES from the files of the contract's books; return whether there are any."""
    book = contract.order_list
    files = land_order_list(connection, book, data_dir, work_dir) if book else ()
    if files:
        connection.execute(FILES)
        write_book_files(connection, "orderList", files)
    return bool(files)


def build_books(
    connection: duckdb.DuckDBPyConnection, contract: Contract, data_dir: Path, work_dir: Path,
    progress: Callable[[str], None],
) -> list[Statement]:  # fmt: skip
    """Build the tables of the books in the new warehouse, and return the statements of those that are published.

    Without an order list, or without a file of it, there are no such tables.
    """
    statements = statements_of(contract)
    published = [statement for statement in statements if statement.name not in WORKING]
    for table in (*TABLES, *(statement.name for statement in published)):
        connection.execute(f"drop table if exists warehouse.{table}")
    progress("reading the shop's books")
    if not land_books(connection, contract, data_dir, work_dir):
        return []
    for table in TABLES:
        connection.execute(f"create table warehouse.{table} as from {table}")
    for statement in statements:
        progress(statement.name)
        if statement.name in WORKING:
            connection.execute(statement.sql)
        else:
            connection.execute(f"create table warehouse.{statement.name} as {statement.select}")
            connection.execute(f"create or replace view {statement.name} as from warehouse.{statement.name}")
    return published
