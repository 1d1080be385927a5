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
from datetime import datetime
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from event_data.reading.conversion import convert
from event_data.reading.deliveries import check_fit
from event_data.reading.folder import Entry, Folder, match_files
from event_data.sql import identifier, json_path, literal
from event_data.statements import SCHEMAS, Statement, fill, read_statements
from event_data.warehouse_file import lock
from transformation.build import STORAGE, WORKING, Settings, silent
from transformation.engines.dialects import translate
from transformation.engines.spark_landing import fetched, land_with_spark, set_aside
from transformation.engines.spark_session import SparkError, Tables, bound, connect, day_of, spark_errors
from transformation.landing import column_names
from transformation.placeholders import placeholders
from transformation.published import Run, balanced_ledger, comment, delivered, read_published, read_refused, write_files
from transformation.suite import Outcome, Suite

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

CATALOG = "warehouse.duckdb"
ONLY_DUCKDB = "the shop's order list and advertising spend are left out; only --engine duckdb reads them"
BYTES_A_PARTITION = 64 << 20  # bytes of the files per shuffle partition
TYPES = {"string": "varchar", "timestamp_ntz": "timestamp", "int": "integer"}  # Spark type -> DuckDB type


def refresh(settings: Settings, say: Callable[[str], None] = silent, progress: Callable[[str], None] = silent) -> Run:
    """Bring the folder up to date with the files: rebuild everything, or nothing if no file changed.

    Raise ReadingError, LedgerError or SparkError; in that case the old tables are unchanged.
    """
    is_path = "://" not in str(settings.data_dir)
    if is_path:
        settings.list_folder()  # before anything is created: --data_dir may be mistyped
    if settings.contract.books:
        say(ONLY_DUCKDB)
    if settings.warehouse.is_file():
        raise SparkError(f"{settings.warehouse} is a file, and Spark writes a folder; name one with --warehouse.")
    settings.warehouse.mkdir(parents=True, exist_ok=True)
    catalog = settings.warehouse / CATALOG
    with lock(catalog, say), spark_errors():
        listed = settings.list_folder() if is_path else list_address(connect(settings), settings)
        published = None if settings.full_refresh else read_published(catalog, settings.fingerprint)
        if published and published.delivered == delivered(listed.files):
            unread = {(u.name, u.reason) for u in published.unread if not u.counts_instead}
            if unread == {(u.name, u.reason) for u in listed.unread}:
                return published
        with _build_folder(settings.warehouse) as folder:
            return Build(settings, connect(settings), folder, progress).full(listed)


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
            found = connection.execute("select value from bronze.build where key = 'folder'").fetchone()
            return found[0] if found else None
    except duckdb.Error:
        return None


def list_address(spark: "SparkSession", settings: Settings) -> Folder:
    """Return the daily files at an address that only Spark can read."""
    found = (
        spark.read.format("binaryFile")
        .load(str(settings.data_dir))
        .select("path", "length", "modificationTime")
        .collect()
    )
    entries = [
        Entry(row.path.rpartition("/")[2], row.length, f"{row.modificationTime.timestamp() * 1e9:.0f}") for row in found
    ]
    contract = settings.contract
    return match_files(str(settings.data_dir), entries, contract.file_name, contract.ignored_files, contract.book_files)


class Build:
    """A build into its own folder."""

    def __init__(self, settings: Settings, spark: "SparkSession", folder: Path, progress: Callable[[str], None]):
        self.settings, self.folder, self.progress = settings, folder, progress
        self.connection = duckdb.connect()
        self.tables = Tables(spark, self.connection, folder / "work")

    def full(self, listed: Folder) -> Run:
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
        for statement in statements:
            self.progress(statement.name)
            tables.make(statement, tables.work if statement.name in WORKING else self.folder)
        return self._publish(Run(landed, unread), statements)

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
        for name in (
            "bronze.events",
            "bronze.files",
            "bronze.unread_files",
            *(s.name for s in statements if s.name not in WORKING),
        ):
            run_sql(f"create view warehouse.{name} as {self._view(name)}")
        comment(self.connection, [s for s in statements if s.name not in WORKING], "view")
        run.ledger = balanced_ledger(self.connection)
        run.refused = read_refused(self.connection, "warehouse.")
        run_sql("detach warehouse")
        self.connection.close()
        target.replace(self.settings.warehouse / CATALOG)
        return run

    def _view(self, name: str) -> str:
        path = self.folder.absolute() / name.replace(".", "/")
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
        found = {row[0]: Outcome(*row) for row in tables.spark.sql(selects).collect()}
    return [found[test] for test in sorted(found)]
