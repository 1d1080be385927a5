"""The record of what a warehouse was built from, which the next run compares with the files."""

import contextlib
import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb

from event_data.books.reading import FILES as BOOK_FILES
from event_data.errors import UserError
from event_data.reading.day_file import DayFile, Problem
from event_data.reading.folder import Unread
from event_data.sql import identifier, literal
from event_data.statements import Statement
from event_data.warehouse_file import has_table

Delivered = dict[date | None, set[tuple[str, int, str]]]
Ledger = list[tuple[str, int, Decimal]]  # line, orders, amount in the shop's currency
# line, tracked orders and their amount, booked orders and their amount
OrderListLedger = list[tuple[str, int, Decimal, int, Decimal]]
BookFiles = set[tuple[str, int, str]]  # name, size and stamp
FILES = """
create or replace table bronze.files (
    name varchar, file_date date, file_id bigint, header varchar, records bigint, unreadable bigint, bytes bigint,
    content_hash varchar, stamp varchar, refused varchar
)"""
UNREAD_FILES = """
create or replace table bronze.unread_files (
    name varchar, reason varchar, file_date date, bytes bigint, stamp varchar, counts_instead varchar
)"""
COLUMNS = Path(__file__).resolve().parents[1] / "columns.csv"


class LedgerError(UserError):
    """Revenue was lost or created during the transformation."""

    status = 3


@dataclass(frozen=True)
class Spend:
    """The advertising spend in a warehouse."""

    cost: Decimal  # in the shop's currency
    days: int
    outside: Decimal  # the part of the cost on days without event files
    others: list[tuple[str, Decimal]]  # the cost in each other currency
    refused: list[tuple[str, int]]  # why records were refused, and how many


@dataclass(frozen=True)
class Books:
    """The shop's own books in a warehouse."""

    files: BookFiles = field(default_factory=set)
    missing_columns: dict[str, str] = field(default_factory=dict)  # file name -> columns of the contract
    order_list_ledger: OrderListLedger = field(default_factory=list)  # empty without an order list
    spend: Spend | None = None


@dataclass
class Run:
    """The files that a warehouse was built from, and how: full, incremental or unchanged."""

    files: list[DayFile]
    unread: list[Unread]  # files that look like data but are not read, including second deliveries
    how: str = "full"
    ledger: Ledger = field(default_factory=list)
    new: list[str] = field(default_factory=list)  # file names, as in the next two
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)  # file name -> why none or an unknown part was used
    books: Books = field(default_factory=Books)

    @property
    def records(self) -> int:
        """Return the number of records, readable or not."""
        return sum(f.records for f in self.files)

    @property
    def unreadable(self) -> int:
        """Return the number of records that could not be read."""
        return sum(f.rejected for f in self.files)

    @property
    def second_deliveries(self) -> dict[str, Unread]:
        """Return the files that are set aside because another file of the same day counts."""
        return {u.name: u for u in self.unread if u.counts_instead}

    @property
    def delivered(self) -> Delivered:
        """Return every file that has a day, including second deliveries."""
        return delivered([*self.files, *self.second_deliveries.values()])


def delivered(files: Sequence[DayFile | Unread]) -> Delivered:
    """Return the name, size and stamp of each file, by day."""
    by_day: Delivered = {}
    for file in files:
        by_day.setdefault(file.day, set()).add((file.name, file.size, file.stamp))
    return by_day


def write_files(connection: duckdb.DuckDBPyConnection, files: Sequence[DayFile], unread: Sequence[Unread]) -> None:
    """Create bronze.files and bronze.unread_files in the connection's own catalog."""
    file_rows = [
        (f.name, f.day, f.file_id, json.dumps(f.header), f.records, f.rejected, f.size, f.content_hash, f.stamp,
         f.refused)
        for f in files
    ]  # fmt: skip
    unread_rows = [(u.name, u.reason, u.day, u.size, u.stamp, u.counts_instead or None) for u in unread]
    for name, create, rows in (("files", FILES, file_rows), ("unread_files", UNREAD_FILES, unread_rows)):
        connection.execute(create)
        if rows:
            connection.executemany(f"insert into bronze.{name} values ({', '.join('?' * len(rows[0]))})", rows)


def read_published(warehouse: Path, fingerprint: str) -> Run | None:
    """Return what the warehouse was built from; None if it is unreadable or has another fingerprint."""
    if not warehouse.exists():
        return None
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            if ("fingerprint", fingerprint) not in connection.execute("from bronze.build").fetchall():
                return None
            files = [_day_file(*row) for row in connection.execute("from bronze.files").fetchall()]
            unread = [
                Unread(name, reason, size, stamp, day, instead or "")
                for name, reason, day, size, stamp, instead in connection.execute("from bronze.unread_files").fetchall()
            ]
            ledger, refused = read_ledger(connection), read_refused(connection)
            return Run(files, unread, "unchanged", ledger, refused=refused, books=read_books(connection))
    except duckdb.Error:
        return None


def note_stamps(warehouse: Path, run: Run, published: Run) -> None:
    """Write the new stamps of files whose content is the same, so that the next run need not read these files again."""
    before = {f.name: f.stamp for f in published.files}
    stamps = [(f.stamp, f.name) for f in run.files if f.stamp != before[f.name]]
    if not stamps:
        return
    # A program that has the warehouse open prevents this; the next run tries again.
    with contextlib.suppress(duckdb.Error), duckdb.connect(str(warehouse)) as connection:
        connection.execute("begin")
        connection.executemany("update bronze.files set stamp = ? where name = ?", stamps)
        connection.execute("commit")


def _day_file(
    name: str, day: date, file_id: int, header: str, records: int, unreadable: int, size: int, content_hash: str,
    stamp: str, refused: str | None,
) -> DayFile:  # fmt: skip
    problems = (Problem("not_csv", None, refused, None),) if refused else ()
    return DayFile(
        name, Path(name), day, size, file_id % 1000, stamp, content_hash, tuple(json.loads(header)), records=records,
        rejected=unreadable, problems=problems,
    )  # fmt: skip


def read_ledger(connection: duckdb.DuckDBPyConnection, catalog: str = "") -> Ledger:
    """Return the ledger, in order."""
    rows = connection.execute(f"select line, orders, amount from {catalog}gold.ledger order by position").fetchall()
    return [(str(line), int(orders), Decimal(amount)) for line, orders, amount in rows]


def read_refused(connection: duckdb.DuckDBPyConnection, catalog: str = "") -> dict[str, str]:
    """Return the files of which none or an unknown part could be used, and why."""
    refused = "select name, refused from {}{} where refused is not null order by name"
    reasons = dict(connection.execute(refused.format(catalog, "silver.files")).fetchall())
    if has_table(connection, BOOK_FILES, catalog):
        reasons |= dict(connection.execute(refused.format(catalog, BOOK_FILES)).fetchall())
    return reasons


def read_books(connection: duckdb.DuckDBPyConnection, catalog: str = "") -> Books:
    """Return what a warehouse has of the shop's own books."""
    if not has_table(connection, BOOK_FILES, catalog):
        return Books()
    files = connection.execute(f"select name, bytes, stamp, missing_columns from {catalog}{BOOK_FILES}").fetchall()
    return Books(
        files={(name, size, stamp) for name, size, stamp, _ in files},
        missing_columns={name: missing for name, _, _, missing in files if missing},
        order_list_ledger=_read_order_list_ledger(connection, catalog),
        spend=_read_spend(connection, catalog),
    )


def _read_spend(connection: duckdb.DuckDBPyConnection, catalog: str) -> Spend | None:
    if not has_table(connection, "silver.ad_spend", catalog):
        return None
    ((cost, days, outside),) = connection.execute(f"""
        select
            coalesce(sum(cost), 0), count(distinct date),
            coalesce(sum(cost) filter (date not in (select file_date from {catalog}bronze.files)), 0)
        from {catalog}silver.ad_spend""").fetchall()
    others = "select other_currency, sum(other_cost) from {}silver.ad_spend where other_cost is not null group by all"
    refused = "select reason, count(*) from {}silver.refused_ad_spend where reason <> 'total' group by all"
    other_costs, reasons = (
        connection.execute(f"{sql.format(catalog)} order by all").fetchall() for sql in (others, refused)
    )
    return Spend(cost, days, outside, other_costs, reasons)


def _read_order_list_ledger(connection: duckdb.DuckDBPyConnection, catalog: str) -> OrderListLedger:
    if not has_table(connection, "gold.order_list_ledger", catalog):
        return []
    columns = "line, tracked_orders, tracked_amount, booked_orders, booked_amount"
    return connection.execute(f"select {columns} from {catalog}gold.order_list_ledger order by position").fetchall()


def balanced_ledger(connection: duckdb.DuckDBPyConnection) -> Ledger:
    """Return the ledger of a new warehouse; raise LedgerError if its difference is not zero."""
    ledger = read_ledger(connection, "warehouse.")
    _, orders, amount = next(row for row in ledger if row[0] == "difference")
    if orders or amount:
        raise LedgerError(
            f"the ledger does not balance: {orders} orders and {amount:,.2f} are neither counted nor on another line; "
            "nothing was published. Please report this with the ledger above."
        )
    for line, *differences in _read_order_list_ledger(connection, "warehouse."):
        if line == "difference" and any(differences):
            raise LedgerError(
                "the orders of the events and of the order list do not all have a line in gold.order_list_ledger "
                f"({differences[0]} and {differences[2]} orders have none); nothing was published. Please report this."
            )
    return ledger


def column_descriptions() -> dict[str, str]:
    """Return the descriptions in columns.csv, by column name, or by schema, table and name."""
    with COLUMNS.open(encoding="utf-8", newline="") as file:
        return {row["column"]: row["description"] for row in csv.DictReader(file)}


def comment(connection: duckdb.DuckDBPyConnection, statements: Sequence[Statement], kind: str = "table") -> None:
    """Add comments to the tables or views and columns of the new warehouse, from transform.sql and columns.csv."""
    comments = [f"comment on {kind} warehouse.{s.name} is {literal(s.description)}" for s in statements]
    words = column_descriptions()
    columns = connection.execute(
        "select schema_name || '.' || table_name, column_name from duckdb_columns() "
        "where database_name = 'warehouse' and comment is null"
    ).fetchall()
    for table, column in columns:
        # the columns of the files are the shop's own
        described = words.get(f"{table}.{column}") or (table != "bronze.events" and words.get(column))
        if described:
            name = f"warehouse.{table}.{identifier(column)}"
            comments.append(f"comment on column {name} is {literal(described)}")
    connection.execute(";".join(["begin", *comments, "commit"]))
