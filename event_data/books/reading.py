"""Read a contract's books into bronze: one row per record, one column of text per role.

The files are read as event files are: the same formats, recovery and refusals. Only the columns with a role are kept,
and of a customer only a hash.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from event_data.books.customers import booked_customer_sql
from event_data.contract.model import Contract, Table
from event_data.contract.roles import columns_of
from event_data.events import columns_sql, valid_json_sql
from event_data.reading.day_file import DayFile, Problem
from event_data.reading.derived import computed_sql
from event_data.reading.folder import UNDATED
from event_data.reading.formats import Landed, land_file
from event_data.sql import literal

OWN_COLUMNS = {"_source_file": "varchar", "_file_number": "bigint", "_line": "bigint", "_unreadable": "varchar"}
FILES = "bronze.book_files"
FILE_COLUMNS = """
    book varchar, name varchar, file_date date, records bigint, unreadable bigint, bytes bigint, stamp varchar,
    refused varchar, missing_columns varchar
"""
ORDER_COLUMNS = (
    "order_id", "created_at", "amount", "currency", "refunded_amount", "discount", "tax", "shipping",
    "financial_status", "cancelled_at", "sales_channel", "payment_method", "test", "checkout", "customer_sha256",
    "customer_md5",
)  # fmt: skip
SPEND_COLUMNS = ("object", "date", "source", "medium", "campaign", "cost", "currency", "clicks", "impressions")
FindBook = Callable[[str], Sequence[DayFile]]  # the files of a book by the pattern of their names, oldest first


@dataclass(frozen=True)
class Landing:
    """The bronze table of a book, its columns, and the roles without which a file cannot be used."""

    block: str  # of the contract
    table: str
    columns: tuple[str, ...]
    needed: tuple[str, ...]

    @property
    def types(self) -> dict[str, str]:
        """Return the type of each column of the bronze table."""
        return OWN_COLUMNS | dict.fromkeys(self.columns, "varchar")

    def books(self, contract: Contract) -> tuple[Table, ...]:
        """Return the files of this kind that the contract describes."""
        if self.block == "adSpend":
            return contract.ad_spend
        return (contract.order_list,) if contract.order_list else ()


ORDERS = Landing("orderList", "bronze.shop_orders", ORDER_COLUMNS, ("order_id", "created_at"))
SPEND = Landing("adSpend", "bronze.ad_spend", SPEND_COLUMNS, ("date", "cost"))


def land_books(connection: duckdb.DuckDBPyConnection, contract: Contract, find: FindBook, work_dir: Path) -> list[str]:
    """Create the bronze tables of the contract's books that have files, and of these files; return the former."""
    connection.execute(f"create or replace table {FILES} ({FILE_COLUMNS})")
    landed = []
    for to in (ORDERS, SPEND):
        files = [(book, file) for book in to.books(contract) for file in find(book.file_name)]
        if files:
            columns = ", ".join(f"{name} {kind}" for name, kind in to.types.items())
            connection.execute(f"create or replace table {to.table} ({columns})")
            for number, (book, file) in enumerate(files):
                _note(connection, to, *_land(connection, replace(file, number=number), book, to, work_dir))
            landed.append(to.table)
    return landed


def _note(connection: duckdb.DuckDBPyConnection, to: Landing, file: DayFile, missing: str | None) -> None:
    """Add a file as read to the table of files."""
    day = file.day if file.day != UNDATED else None
    row = (to.block, file.name, day, file.records, file.rejected, file.size, file.stamp, file.refused, missing)
    connection.execute(f"insert into {FILES} values ({', '.join('?' * len(row))})", row)


def _land(
    connection: duckdb.DuckDBPyConnection, file: DayFile, book: Table, to: Landing, work_dir: Path
) -> tuple[DayFile, str | None]:
    """Add a file's records to the bronze table; return the file as read, and the contract's columns that it lacks."""
    place = work_dir / f"{to.table}-{file.number}"
    place.mkdir(parents=True, exist_ok=True)
    with connection.cursor() as cursor:
        cursor.execute("set timezone = 'UTC'")
        landed = land_file(cursor, file, book, place)
        if not isinstance(landed, Landed):
            return landed, None
        missing = dict(_missing_columns(landed, book))
        if needed := next((missing[role] for role in to.needed if role in missing), None):
            problem = f"has no column {needed!r}, which the contract needs"
            return landed.file.lost(Problem("not_csv", None, problem, None)), None
        cells = _cells(landed, book)
        ((records, last),) = cursor.execute("select count(*), coalesce(max(_line), 0) from landed").fetchall()
        ((refused,),) = cursor.execute("select count(*) from refused").fetchall()
        landed.file.refuse_line(last)
        own = f"{literal(file.name)} as _source_file, {file.number} as _file_number, _line"
        if "object" in to.columns:
            own += f", {literal(book.file_name)} as object"
        # The hashes need the customer twice, so that it is read in a query of its own.
        inner = ", ".join(f"{sql} as {role}" for role, sql in cells.items())
        named = {role: role for role in cells} | _hashes(cells)
        kept = ", ".join(f"{sql} as {name}" for name, sql in named.items() if name in to.columns)
        cursor.execute(f"insert into {to.table} by name select {own}, {kept} from (select _line, {inner} from landed)")
        # The text of an unreadable line is not kept: it may name a customer.
        cursor.execute(f"insert into {to.table} by name select {own}, reason as _unreadable from refused")
        read = replace(landed.file, records=records + refused, rejected=refused)
        # In JSON, a key is often absent where it has no value.
        lacking = () if book.file_format == "json" else dict.fromkeys(missing.values())
        return read, ", ".join(lacking) or None


def _missing_columns(landed: Landed, book: Table) -> Iterator[tuple[str, str]]:
    """Yield each role of which the file has no column, and the first of its columns."""
    present = book.columns_in(landed.header)
    for role, value in book.values.items():
        needed = list(columns_of(value))
        if needed and not any(column in present for column in needed):
            yield role, needed[0]


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
    """Return SQL for the hashes of `customer`, if the contract maps it."""
    functions = ("sha256", "md5") if "customer" in cells else ()
    return {f"customer_{function}": booked_customer_sql("customer", function) for function in functions}
