"""Read the order list and the advertising spend of a folder into a database."""

from functools import partial
from pathlib import Path

import duckdb
from commands import SCHEMA
from synthetic_orders import contract_with_books

from event_data.books.reading import land_books
from event_data.contract import Contract, load_contract
from event_data.reading.folder import find_book_files
from event_data.statements import SCHEMAS


def contract_in(folder: Path, zone: str = "") -> Contract:
    """Return a contract with both books; `zone` is that of the days of spend."""
    text = contract_with_books(SCHEMA.read_text("utf-8"))
    if zone:
        day = f"{{name: date, logicalType: timestamp, logicalTypeOptions: {{defaultTimezone: {zone}}}}}"
        text = text.replace("{name: date}", day, 1)
    (folder / "contract.yaml").write_text(text, "utf-8")
    return load_contract(folder / "contract.yaml")


def landed(folder: Path, contract: Contract) -> duckdb.DuckDBPyConnection:
    """Return a database with the records of the books in `folder`."""
    connection = duckdb.connect()
    for schema in SCHEMAS:
        connection.execute(f"create schema {schema}")
    land_books(connection, contract, partial(find_book_files, folder), folder / "work")
    return connection
