"""Read a contract's books into bronze: one row per record, one column of text per role.

The files are read as event files are: the same formats, recovery and refusals. Only the columns with a role are kept,
and of a customer only a hash.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from event_data.contract.model import Table
from event_data.contract.roles import columns_of
from event_data.events import PLACEHOLDERS, columns_sql, valid_json_sql
from event_data.reading.day_file import DayFile, Problem
from event_data.reading.derived import computed_sql
from event_data.reading.folder import UNDATED, find_book_files
from event_data.reading.formats import Landed, land_file
from event_data.sql import literal, values

OWN_COLUMNS = {"_source_file": "varchar", "_file_number": "bigint", "_line": "bigint", "_unreadable": "varchar"}
FILES = """
create or replace table bronze.book_files (
    book varchar, name varchar, file_date date, records bigint, unreadable bigint, bytes bigint, stamp varchar,
    refused varchar
)"""
ORDER_COLUMNS = (
    "order_id", "created_at", "amount", "currency", "refunded_amount", "discount", "tax", "shipping",
    "financial_status", "cancelled_at", "sales_channel", "payment_method", "test", "checkout", "customer_sha256",
    "customer_md5",
)  # fmt: skip
SPEND_COLUMNS = ("date", "source", "medium", "campaign", "cost", "currency", "clicks", "impressions")


@dataclass(frozen=True)
class Landing:
    """The bronze table of a book, its columns, and the roles without which a file cannot be used."""

    table: str
    columns: tuple[str, ...]
    needed: tuple[str, ...]


ORDERS = Landing("bronze.shop_orders", ORDER_COLUMNS, ("order_id", "created_at"))
SPEND = Landing("bronze.ad_spend", SPEND_COLUMNS, ("date", "cost"))


def land_book(
    connection: duckdb.DuckDBPyConnection, book: Table, to: Landing, data_dir: Path, work_dir: Path
) -> tuple[DayFile, ...]:
    """Create the bronze table of a book from its files; return the files as read, () if there are none."""
    found = find_book_files(data_dir, book.file_name)
    if not found:
        return ()
    types = OWN_COLUMNS | dict.fromkeys(to.columns, "varchar")
    columns = ", ".join(f"{name} {kind}" for name, kind in types.items())
    connection.execute(f"create or replace table {to.table} ({columns})")
    return tuple(_land(connection, file, book, to, work_dir) for file in found)


def write_book_files(connection: duckdb.DuckDBPyConnection, book: str, files: Sequence[DayFile]) -> None:
    """Add the files of a book to bronze.book_files."""
    rows = [
        (book, f.name, f.day if f.day != UNDATED else None, f.records, f.rejected, f.size, f.stamp, f.refused)
        for f in files
    ]
    connection.executemany(f"insert into bronze.book_files values ({', '.join('?' * len(rows[0]))})", rows)


def _land(connection: duckdb.DuckDBPyConnection, file: DayFile, book: Table, to: Landing, work_dir: Path) -> DayFile:
    """Add a file's records to the bronze table, and return the file as read."""
    place = work_dir / f"{to.table}-{file.number}"
    place.mkdir(parents=True, exist_ok=True)
    with connection.cursor() as cursor:
        cursor.execute("set timezone = 'UTC'")
        landed = land_file(cursor, file, book, place)
        if not isinstance(landed, Landed):
            return landed
        if missing := _missing_column(landed, book, to.needed):
            problem = f"has no column {missing!r}, which the contract needs"
            return landed.file.lost(Problem("not_csv", None, problem, None))
        cells = _cells(landed, book)
        ((records,),) = cursor.execute("select count(*) from landed").fetchall()
        ((refused,),) = cursor.execute("select count(*) from refused").fetchall()
        own = f"{literal(file.name)} as _source_file, {file.number} as _file_number, _line"
        # The hashes need the customer twice, so that it is read in a query of its own.
        inner = ", ".join(f"{sql} as {role}" for role, sql in cells.items())
        named = {role: role for role in cells} | _hashes(cells)
        kept = ", ".join(f"{sql} as {name}" for name, sql in named.items() if name in to.columns)
        cursor.execute(f"insert into {to.table} by name select {own}, {kept} from (select _line, {inner} from landed)")
        # The text of an unreadable line is not kept: it may name a customer.
        cursor.execute(f"insert into {to.table} by name select {own}, reason as _unreadable from refused")
        file = landed.file
        return DayFile(
            file.name, file.path, file.day, file.size, file.number, file.stamp, header=file.header,
            records=records + refused, rejected=refused, problems=file.problems,
        )  # fmt: skip


def _missing_column(landed: Landed, book: Table, roles: Sequence[str]) -> str | None:
    """Return a column that one of these roles needs, and that the file does not have."""
    present = book.columns_in(landed.header)
    for role in roles:
        needed = list(columns_of(book.values[role]))
        if needed and not any(column in present for column in needed):
            return needed[0]
    return None


def _cells(landed: Landed, book: Table) -> dict[str, str]:
    """Return SQL over `landed` for each role that the contract maps."""
    at = dict(zip(reversed(landed.header), reversed(range(len(landed.header))), strict=True))  # first of equal names
    column = columns_sql(book, at, rename=lambda name: f"c{at[name]}")
    present = book.columns_in(landed.header)

    def json(of: str) -> str:
        return f"case when {valid_json_sql(column(of))} then {column(of)} end"

    def is_number(name: str) -> str:
        return " or ".join(landed.numbers[one] for one in present.get(name, ()) if one in landed.numbers) or "false"

    return {
        role: f"nullif(trim({computed_sql(value, column, json, is_number)}), '')" for role, value in book.values.items()
    }


def _hashes(cells: Mapping[str, str]) -> dict[str, str]:
    """Return SQL for the hashes of `customer`: of the text in lower case, or the text if it is a hash already."""
    if "customer" not in cells:
        return {}
    text = "lower(customer)"
    known = f"case when {text} not in ({values(PLACEHOLDERS)}) then {text} end"
    is_hash = f"regexp_full_match({text}, '[0-9a-f]{{32}}|[0-9a-f]{{40}}|[0-9a-f]{{64}}')"
    return {
        f"customer_{name}": f"case when {is_hash} then {text} else {name}({known}) end" for name in ("sha256", "md5")
    }
