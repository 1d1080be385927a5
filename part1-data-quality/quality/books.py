"""Read the shop's own books beside a scan's events, by the statements that part 2 runs."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import duckdb

from event_data.books.reading import ORDERS, SPEND, land_books
from event_data.books.reconciliation import RECONCILIATION, book_placeholders, spend_statements
from event_data.contract import Contract
from event_data.reading.folder import find_book_files
from event_data.shop_roles import ShopRoles
from event_data.sql import literal
from event_data.statements import SCHEMAS, fill, read_statements
from quality.paid_clicks import compare_with_sessions

ORDERS_AND_DAYS = Path(__file__).with_suffix(".sql")


def read_books(
    connection: duckdb.DuckDBPyConnection, contract: Contract, data_dir: Path, work_dir: Path, arrived: Sequence[int]
) -> frozenset[str]:
    """Read the contract's books, and match the orders with the order list; return which books have files.

    The names are those that the checks need: order_list, ad_spend, and paid_clicks if clicks can be compared with
    sessions. `arrived` has the numbers of the event files that exist.
    """
    for schema in SCHEMAS:
        connection.execute(f"create schema {schema}")
    landed, with_files = land_books(connection, contract, partial(find_book_files, data_dir), work_dir), set()
    if contract.order_list and ORDERS.table in landed and contract.event_of("order"):
        filled = book_placeholders(contract, contract.order_list) | {
            "time_zone": literal(contract.time_zone), "arrived": ", ".join(map(str, arrived)) or "null",
        }  # fmt: skip
        _run(connection, [ORDERS_AND_DAYS, RECONCILIATION], filled)
        with_files.add("order_list")
    if contract.ad_spend and SPEND.table in landed:
        counted = ShopRoles.of(contract).has("paid_clicks")
        for statement in spend_statements(contract):
            connection.execute(statement.sql)
        if counted:
            compare_with_sessions(connection, contract)
        with_files |= {"ad_spend", "paid_clicks"} if counted else {"ad_spend"}
    return frozenset(with_files)


def _run(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], filled: dict[str, str]) -> None:
    for path in paths:
        for statement in read_statements(path):
            connection.execute(fill(statement, filled).sql)
