"""Build the warehouse on Apache Spark: the translated statements of transform.sql, over a folder of Parquet.

Spark lands the files, runs the selects in order, and writes each table as Parquet into a new folder below the
warehouse folder. `warehouse.duckdb` in the warehouse folder has views of these tables. If the ledger balances, the
new views replace the old ones in one step. So readers always see one complete build, and a failed run changes nothing.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from event_data.books.reading import FILES as BOOK_FILES
from event_data.books.reading import FindBook, land_books
from event_data.cli import Progress, silent
from event_data.reading.conversion import convert
from event_data.reading.day_file import DayFile
from event_data.reading.deliveries import check_fit
from event_data.reading.folder import Entry, Folder, match_book_files, match_files
from event_data.sql import identifier, json_path, literal
from event_data.statements import SCHEMAS, Statement, fill, read_statements
from event_data.warehouse_file import lock, refuse_foreign, refuse_own_tables
from transformation import books
from transformation.build import NOT_PUBLISHED, STORAGE, Settings
from transformation.engines.dialects import translate
from transformation.engines.spark_landing import fetched, fetched_file, land_with_spark, set_aside
from transformation.engines.spark_session import SparkError, Tables, bound, connect, day_of, spark_errors
from transformation.landing import column_names
from transformation.placeholders import placeholders
from transformation.published import (
    Run,
    balanced_ledger,
    comment,
    delivered,
    read_books,
    read_published,
    read_refused,
    write_files,
)  # fmt: skip
from transformation.suite import Outcome, Suite

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

CATALOG = "warehouse.duckdb"
BYTES_A_PARTITION = 64 << 20  # bytes of the files per shuffle partition
TYPES = {"string": "varchar", "timestamp_ntz": "timestamp", "int": "integer"}  # Spark type -> DuckDB type


def refresh(settings: Settings, say: Callable[[str], None] = silent, progress: Progress = silent) -> Run:
    """Bring the folder up to date with the files: rebuild everything, or nothing if no file changed.

    Raise ReadingError, WarehouseError, LedgerError or SparkError; in that case the old tables are unchanged.
    """
    if "://" not in str(settings.data_dir):
        settings.list_folder()  # before anything is created: --data_dir may be mistyped
    if settings.warehouse.is_file():
        raise SparkError(f"{settings.warehouse} is a file, and Spark writes a folder; name one with --warehouse.")
    catalog = settings.warehouse / CATALOG
    refuse_foreign(catalog, None if settings.full_refresh else settings.contract.id)
    settings.warehouse.mkdir(parents=True, exist_ok=True)
    with lock(catalog, say), spark_errors():
        listed, find_book = _list(settings)
        published = None if settings.full_refresh else read_published(catalog, settings.fingerprint)
        if (
            published
            and published.delivered == delivered(listed.files)
            and published.books.files == books.list_books(find_book, settings.contract)
        ):
            unread = {(u.name, u.reason) for u in published.unread if not u.counts_instead}
            if unread == {(u.name, u.reason) for u in listed.unread}:
                return published
        refuse_own_tables(catalog)
        with _build_folder(settings.warehouse) as folder:
            return Build(settings, connect(settings), folder, progress).full(listed, find_book)


@contextlib.contextmanager
def _build_folder(warehouse: Path) -> Iterator[Path]:
    """Provide a folder for a new build; remove folders of this and earlier runs that are not in use."""
    catalog = warehouse / CATALOG

    def clean() -> None:
        current = _folder_in_use(catalog)
        for path in warehouse.glob("build-*"):
            if path.name != current:
                shutil.rmtree(path, ignore_errors=True)

    before = _folder_in_use(catalog)
    clean()
    folder = Path(tempfile.mkdtemp(prefix=f"build-{datetime.now():%Y%m%dT%H%M%S}-", dir=warehouse))
    folder.chmod(0o777 & ~_umask())  # the cluster may run as another user
    try:
        yield folder
    finally:
        shutil.rmtree(folder / "work", ignore_errors=True)
        if _folder_in_use(catalog) == before:  # otherwise a reader may still use the old one
            clean()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _folder_in_use(catalog: Path) -> str | None:
    if not catalog.exists():
        return None
    try:
        with duckdb.connect(str(catalog), read_only=True) as connection:
            row = connection.execute("select value from bronze.build where key = 'folder'").fetchone()
            return row[0] if row else None
    except duckdb.Error:
        return None


def _list(settings: Settings) -> tuple[Folder, FindBook]:
    """Return the daily files, and a function that returns the files of a book."""
    address, contract = str(settings.data_dir), settings.contract
    if "://" not in address:
        return settings.list_folder(), settings.list_book
    entries = list_address(connect(settings), address)
    folder = match_files(address, entries, contract.file_name, contract.ignored_files, contract.book_files)
    return folder, partial(match_book_files, address, entries)


def list_address(spark: "SparkSession", address: str) -> list[Entry]:
    """Return the files at an address that only Spark can read."""
    files = spark.read.format("binaryFile").load(address).select("path", "length", "modificationTime").collect()
    return [
        Entry(row.path.rpartition("/")[2], row.length, f"{row.modificationTime.timestamp() * 1e9:.0f}") for row in files
    ]


class Build:
    """A build into its own folder."""

    def __init__(self, settings: Settings, spark: "SparkSession", folder: Path, progress: Progress):
        self.settings, self.folder, self.progress = settings, folder, progress
        self.connection = duckdb.connect()
        self.tables = Tables(spark, self.connection, folder / "work")

    def full(self, listed: Folder, find_book: FindBook) -> Run:
        """Build everything from scratch."""
        tables, contract = self.tables, self.settings.contract
        if contract.is_converted:
            listed = convert(fetched(tables, listed, str(self.settings.data_dir)), contract, tables.work)
        aside = set_aside(tables, listed.files, str(self.settings.data_dir), contract)
        unread, names = [*listed.unread, *aside], {one.name for one in aside}
        files = [f for f in listed.files if f.name not in names]
        size = sum(f.size for f in files)
        if tables.spark.conf.get("spark.sql.shuffle.partitions") == "200":  # the default: nobody set it
            tables.spark.conf.set("spark.sql.shuffle.partitions", str(max(4, size // BYTES_A_PARTITION)))
        self.progress(f"reading {len(files)} files")
        tables.seeds(contract)
        landed, events = land_with_spark(tables, files, str(self.settings.data_dir), contract, self.folder)
        check_fit(landed, contract)
        tables.see("bronze.events", events)
        write_files(self.connection, landed, unread)
        tables.share("bronze.files", self.folder, "from bronze.files order by file_id")
        tables.share("bronze.unread_files", self.folder, "from bronze.unread_files order by name")
        columns = [n for f in landed for n in column_names(f.header, contract)]
        filled = placeholders(self.connection, contract, columns, self._order_lines(events), portable=True)
        statements = [fill(s, filled) for s in read_statements(self.settings.sql)]
        self._make(statements)
        return self._publish(Run(landed, unread), [*statements, *self._books(find_book)])

    def _make(self, statements: Sequence[Statement]) -> None:
        for number, statement in enumerate(statements):
            self.progress(statement.name, number, len(statements))
            self.tables.make(statement, self.tables.work if statement.name in NOT_PUBLISHED else self.folder)

    def _books(self, find: FindBook) -> list[Statement]:
        """Build the tables of the shop's books, which this machine reads, and return their statements."""
        tables, contract = self.tables, self.settings.contract

        def find_here(file_name: str) -> list[DayFile]:
            address = str(self.settings.data_dir)
            return [replace(fetched_file(tables, file, address), stamp=file.stamp) for file in find(file_name)]

        self.progress("reading the shop's books")
        if not (landed := land_books(self.connection, contract, find_here, tables.work)):
            return []
        for table in landed:
            tables.share(table, self.folder, f"from {table}")
        statements = books.statements_of(contract, landed, portable=True)
        self._make(statements)
        for book, records in books.RECORDS.items():
            if book.table in landed:
                usable = tables.spark.table(tables.views[records]).where("reason is null").select("source_file")
                books.refuse_unusable(self.connection, book.block, [name for (name,) in usable.distinct().collect()])
        tables.share(BOOK_FILES, self.folder, f"from {BOOK_FILES}")
        return statements

    def _order_lines(self, events: "DataFrame") -> int:
        """Return the largest number of lines in an order."""
        order = self.settings.contract.order
        if order is None or order.lines is None:
            return 1
        from pyspark.sql import functions as f

        in_order = f.get_json_object(events["_payload"], json_path(order.lines, bracketed=True))
        longest = events.select(f.max(f.json_array_length(in_order))).first()
        return (longest and longest[0]) or 1

    def _publish(self, run: Run, statements: Sequence[Statement]) -> Run:
        """Replace the old views by views of the new tables if the ledger balances."""
        self.progress("publishing")
        target = self.folder / "work" / CATALOG
        run_sql = self.connection.execute
        run_sql(f"attach {literal(str(target))} as warehouse ({STORAGE})")
        for schema in SCHEMAS:
            run_sql(f"create schema warehouse.{schema}")
        run_sql("create table warehouse.bronze.build (key varchar, value varchar)")
        build = [("fingerprint", self.settings.fingerprint), ("folder", self.folder.name)]
        self.connection.executemany("insert into warehouse.bronze.build values (?, ?)", build)
        published = [name for name in self.tables.schemas if self._path(name).is_dir()]
        for name in published:
            run_sql(f"create view warehouse.{name} as {self._view(name)}")
        comment(self.connection, [s for s in statements if s.name in published], "view")
        run.ledger = balanced_ledger(self.connection)
        run.books = read_books(self.connection, "warehouse.")
        run.refused = read_refused(self.connection, "warehouse.")
        run_sql("detach warehouse")
        self.connection.close()
        target.replace(self.settings.warehouse / CATALOG)
        return run

    def _path(self, name: str) -> Path:
        return self.folder.absolute() / name.replace(".", "/")

    def _view(self, name: str) -> str:
        path = self._path(name)
        fields = [(f.name, f.dataType.simpleString()) for f in self.tables.schemas[name].fields]
        day = day_of(name)
        by_day = f", hive_types = {{{literal(day)}: {dict(fields)[day]}}}" if day and any(path.glob("*=*")) else ""
        files = literal(f"{escape(str(path))}/**/*.parquet")
        columns = ", ".join(
            f"cast({identifier(column)} as {TYPES.get(kind, kind)}) as {identifier(column)}" for column, kind in fields
        )
        return f"select {columns} from read_parquet({files}, union_by_name = true{by_day})"


def run_suite(suite: Suite, settings: Settings) -> list[Outcome]:
    """Run every test of the SQL suite on Spark; raise SparkError if one of its statements fails."""
    shared = settings.warehouse if settings.warehouse.is_dir() else None
    with spark_errors(), tempfile.TemporaryDirectory(dir=shared) as made, duckdb.connect() as connection:
        tables = Tables(connect(settings), connection, Path(made) / "work")
        tables.seeds(settings.contract)
        for statement in (*suite.rows, *suite.statements):
            tables.make(statement, tables.work)
        selects = " union all ".join(f"({bound(translate(test, 'spark'), tables.views)})" for test in suite.tests)
        outcomes = {row[0]: Outcome(*row) for row in tables.spark.sql(selects).collect()}
    return [outcomes[test] for test in sorted(outcomes)]
