"""Compare the orders of a scan with the shop's order list, by the statements that part 2 runs."""

from pathlib import Path

import duckdb

from event_data.books.reading import FILES, ORDERS, land_book, write_book_files
from event_data.books.reconciliation import RECONCILIATION, book_placeholders
from event_data.contract import Contract
from event_data.events import NO_AMOUNT, NO_TRANSACTION_ID, OTHER_CURRENCY
from event_data.sql import literal
from event_data.statements import SCHEMAS, fill, read_statements
from quality.definitions import statements


def reconcile(
    connection: duckdb.DuckDBPyConnection, contract: Contract, data_dir: Path, work_dir: Path, arrived: list[int]
) -> bool:
    """Create gold.order_reconciliation; return False if the contract has no order list, or there is no file of it.

    `arrived` has the numbers of the files that are not missing.
    """
    book = contract.order_list
    if book is None or contract.event_of("order") is None:
        return False
    for schema in SCHEMAS:
        connection.execute(f"create schema {schema}")
    files = land_book(connection, book, ORDERS, data_dir, work_dir)
    if not files:
        return False
    connection.execute(FILES)
    write_book_files(connection, "orders", files)
    filled = book_placeholders(contract, book) | {
        "time_zone": literal(contract.time_zone),
        "arrived": ", ".join(map(str, arrived)) or "null",
        "has_transaction_id": str("transaction_id" in contract.values).lower(),
        "no_transaction_id": literal(NO_TRANSACTION_ID),
        "other_currency": literal(OTHER_CURRENCY),
        "no_amount": literal(NO_AMOUNT),
    }
    for sql in statements("books.sql").values():
        connection.execute(sql.format(**filled))
    for statement in read_statements(RECONCILIATION):
        connection.execute(fill(statement, filled).sql)
    return True
