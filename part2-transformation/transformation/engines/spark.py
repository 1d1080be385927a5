"""The warehouse on Apache Spark: the statements of transform.sql, translated, over a folder of Parquet.

Spark lands the files, runs the selects one after the other and writes each table as Parquet into a new folder
below the warehouse's. `warehouse.duckdb` in that folder holds views of these tables, and takes its predecessor's
place in one step when the ledger balances: whoever reads sees one build, and a failed run leaves the former.
"""

import contextlib
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import duckdb

from event_data.contract import Contract
from event_data.errors import UserError
from event_data.reading.deliveries import check_fit
from event_data.reading.folder import Entry, Folder, find_files, match_files
from event_data.sql import identifier, json_path, literal
from event_data.warehouse_file import lock
from transformation.build import (
    HERE,
    STORAGE_VERSION,
    WORKING,
    Run,
    balanced,
    blanks,
    silent,
    write_files,
)
from transformation.comments import comment
from transformation.engines.dialects import translate
from transformation.engines.spark_landing import is_sparks, land_with_spark, set_aside
from transformation.increment import DAY_COLUMNS, UNITS
from transformation.landing import column_names, land_seeds
from transformation.published import read_ledger, read_published
from transformation.statements import SCHEMAS, Statement, fill, read_statements
from transformation.suite import Outcome, Suite

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

CATALOG = "warehouse.duckdb"
LOG = "spark.log"  # in the warehouse's folder
NEEDED = "the engine spark needs {}; see documentation_engines.md, or use --engine duckdb."
SETTINGS = {
    # What transform.sql means by a time, by null and by a mistake; a cluster's defaults may differ.
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "false",
}
SECONDS = 10  # that a server may take to answer a call
BYTES_A_PARTITION = 64 << 20  # of the files, for each partition of a shuffle
TYPES = {"string": "varchar", "timestamp_ntz": "timestamp", "int": "integer"}  # of Spark in DuckDB's words


class SparkError(UserError):
    """Spark cannot do the work."""


@dataclass(frozen=True)
class Job:
    """What to build. `data_dir` is a path, or an address that Spark's cluster can read, such as s3a://shop/events.

    `warehouse` is a folder that the cluster and this machine both see. Without `master` and `remote` Spark's own
    configuration decides, and where that says nothing this machine's cores.
    """

    data_dir: str
    warehouse: Path
    contract: Contract
    fingerprint: str
    full_refresh: bool = False
    master: str | None = None
    remote: str | None = None
    memory: str | None = None
    sql: Path = HERE / "transform.sql"

    def listed(self) -> Folder:
        """Return the files of the folder by day, and those that look like data and are not read."""
        return find_files(Path(self.data_dir), self.contract.file_name, self.contract.ignored_files)


def refresh(job: Job, say: Callable[[str], None] = silent, progress: Callable[[str], None] = silent) -> Run:
    """Bring the folder up to date with the files: everything anew, or nothing if nothing changed.

    Raise ReadingError, LedgerError or SparkError; the former tables are then as they were.
    """
    is_path = "://" not in job.data_dir
    if is_path:
        job.listed()  # before anything is made: the folder may be a mistyped one
    if job.warehouse.is_file():
        raise SparkError(f"{job.warehouse} is a file, and Spark writes a folder; name one with --warehouse.")
    job.warehouse.mkdir(parents=True, exist_ok=True)
    catalog = job.warehouse / CATALOG
    with lock(catalog, say), _spark_errors():
        listed = job.listed() if is_path else _listed(connect(job), job)
        published = None if job.full_refresh else read_published(catalog)
        if published and published.fingerprint == job.fingerprint:
            counting = [f for f in listed.files if f.name not in published.aside]
            known = {(name, f["file_id"], f["bytes"], f["stamp"]) for name, f in published.files.items()}
            same_files = known == {(f.name, f.file_id, f.size, f.stamp) for f in counting}
            if same_files and published.stamps == {f.name: f.stamp for f in listed.files}:
                return Run(
                    "unchanged", counting, ledger=published.ledger, records=published.records,
                    unreadable=published.unreadable, refused=published.refused, unread=published.unread,
                )  # fmt: skip
        with _build_folder(job.warehouse) as folder:
            return Build(job, connect(job), folder, progress).full(listed)


def connect(job: Job) -> "SparkSession":
    """A session on the cluster, or the one that this process already has; raises SparkError where it cannot be."""
    try:
        from pyspark.sql import SparkSession
        from sqlglot import parse_one  # noqa: F401
    except ImportError as error:
        package = (error.name or "pyspark").partition(".")[0]
        raise SparkError(NEEDED.format(f"the package {package} (pip install -r requirements-spark.txt)")) from None
    active = SparkSession.getActiveSession()
    builder = SparkSession.builder.appName("transform")
    if active is None and job.remote:
        _answers(job.remote)
        builder = builder.remote(job.remote)
    elif active is None:
        java = os.environ.get("JAVA_HOME")
        if not shutil.which(str(Path(java) / "bin" / "java") if java else "java"):
            raise SparkError(NEEDED.format("Java 17 or 21 (apt-get install openjdk-17-jre-headless)"))
        builder = builder.master(job.master) if job.master else builder
        builder = builder.config("spark.ui.showConsoleProgress", "false")
        if job.memory and (size := re.fullmatch(r"(?i)(\d+) ?([kmgt])i?b?", job.memory)):
            builder = builder.config("spark.driver.memory", size[1] + size[2].lower())
    session = active
    if session is None:
        with _spark_log(job.warehouse / LOG if job.warehouse.is_dir() else Path(os.devnull)):
            session = builder.getOrCreate()
    for key, value in SETTINGS.items():
        session.conf.set(key, value)
    return session


def _answers(remote: str) -> None:
    """Raise SparkError where nobody listens; Spark itself would try for ten minutes."""
    try:
        address = urlsplit(remote)
        socket.create_connection((address.hostname or "", address.port or 15002), SECONDS).close()
    except (OSError, ValueError) as error:
        raise SparkError(
            f"{remote}: nobody answers ({error}); write --remote like sc://host:15002, and start its server."
        ) from None


@contextlib.contextmanager
def _spark_log(path: Path) -> Iterator[None]:
    """What a Java that starts meanwhile says goes into a file: the command's own stderr is for its own sentences."""
    sys.stderr.flush()
    kept = os.dup(2)
    with path.open("wb") as log:
        os.dup2(log.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextlib.contextmanager
def _spark_errors() -> Iterator[None]:
    """What Spark or its Java raises, as one sentence."""
    try:
        yield
    except Exception as error:
        if not is_sparks(error):
            raise
        # Java's own words, the innermost cause first; "An error occurred while calling" says nothing.
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        said = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")][-1:]
        said += [line.removeprefix(": ") for line in lines if line.startswith(": ")]
        what = [*said, *lines, type(error).__name__][0]
        raise SparkError(
            f"Spark could not do it ({what.rstrip('.')}); {LOG} in the warehouse's folder may say more."
        ) from error


@contextlib.contextmanager
def _build_folder(warehouse: Path) -> Iterator[Path]:
    """A folder for a new build; what is not in use, of this run or of a killed one, is removed."""
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
        if _folder_in_use(catalog) == before:  # else a reader may still have the former one open
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


def _listed(spark: "SparkSession", job: Job) -> Folder:
    """Return the day files of an address that only Spark can read."""
    found = spark.read.format("binaryFile").load(job.data_dir).select("path", "length", "modificationTime").collect()
    entries = [
        Entry(row.path.rpartition("/")[2], row.length, f"{row.modificationTime.timestamp() * 1e9:.0f}") for row in found
    ]
    return match_files(job.data_dir, entries, job.contract.file_name, job.contract.ignored_files)


def bound(sql: str, tables: Mapping[str, str]) -> str:
    """A translated select in which each table of ours is the session's view of it.

    The session's own views, since a cluster's catalogue may hold another shop's schema of the same name.
    """
    from sqlglot import exp, parse_one

    tree = parse_one(sql, read="spark")
    for table in list(tree.find_all(exp.Table)):
        if view := tables.get(f"{table.db}.{table.name}"):
            table.replace(exp.alias_(exp.to_table(view), table.alias or table.name, table=True))
    return str(tree.sql("spark"))


class Tables:
    """The tables that Spark has so far: each select becomes a folder of Parquet, and a view of it in the session."""

    def __init__(self, spark: "SparkSession", connection: duckdb.DuckDBPyConnection, work: Path):
        self.spark, self.connection, self.work = spark, connection, work
        self.views: dict[str, str] = {}
        self.schemas: dict[str, Any] = {}
        work.mkdir(exist_ok=True)

    def see(self, name: str, frame: "DataFrame") -> None:
        view = name.replace(".", "__")
        frame.createOrReplaceTempView(view)
        self.views[name], self.schemas[name] = view, frame.schema

    def share(self, name: str, folder: Path, sql: str) -> None:
        """A table of ours, as Parquet that Spark sees too."""
        path = folder / name.replace(".", "/")
        path.mkdir(parents=True)
        self.connection.execute(f"copy ({sql}) to {literal(str(path / 'part.parquet'))} (format parquet)")
        self.see(name, self.spark.read.parquet(uri(path)))

    def seeds(self, contract: Contract) -> None:
        land_seeds(self.connection, contract, HERE / "seeds")
        names = "select table_name from information_schema.tables where table_schema = 'bronze'"
        for (name,) in self.connection.execute(names).fetchall():
            self.share(f"bronze.{name}", self.work, f"from bronze.{identifier(name)}")

    def make(self, statement: Statement, folder: Path | None = None) -> None:
        """Run a statement; its table is written below the folder, by day where it has days, or is seen only."""
        frame = self.spark.sql(bound(translate(statement.select, "spark"), self.views))
        if folder is not None and statement.kind == "table":
            frame = self.write(statement.name, frame, folder)
        self.see(statement.name, frame)

    def write(self, name: str, frame: "DataFrame", folder: Path) -> "DataFrame":
        path = folder / name.replace(".", "/")
        day = day_of(name)
        # A day's rows together, and a large day in several files.
        (frame.hint("rebalance", day).write.partitionBy(day) if day else frame.write).parquet(uri(path))
        if not any(path.rglob("*.parquet")):  # a table without rows still has columns
            frame.limit(0).write.mode("overwrite").parquet(uri(path))
        return self.spark.read.schema(frame.schema).parquet(uri(path))


def day_of(name: str) -> str | None:
    """The column of days by which a table is partitioned."""
    if name == "bronze.events":
        return "_file_id"
    return DAY_COLUMNS[name] if name in DAY_COLUMNS else UNITS[name].date if name in UNITS else None


def uri(path: Path) -> str:
    """A path of this machine, whatever file system the cluster takes for its own."""
    return path.absolute().as_uri()


class Build:
    """One build into a folder of its own."""

    def __init__(self, job: Job, spark: "SparkSession", folder: Path, progress: Callable[[str], None]):
        self.job, self.folder, self.progress = job, folder, progress
        self.connection = duckdb.connect()
        self.tables = Tables(spark, self.connection, folder / "work")

    def full(self, listed: Folder) -> Run:
        """Build everything from scratch."""
        tables, contract = self.tables, self.job.contract
        aside = set_aside(tables, listed.files, self.job.data_dir, contract)
        unread, names = [*listed.unread, *aside], {one.name for one in aside}
        files = [f for f in listed.files if f.name not in names]
        size = sum(f.size for f in files)
        if tables.spark.conf.get("spark.sql.shuffle.partitions") == "200":  # nobody has chosen
            tables.spark.conf.set("spark.sql.shuffle.partitions", str(max(4, size // BYTES_A_PARTITION)))
        self.progress(f"reading {len(files)} files")
        tables.seeds(contract)
        landed, events = land_with_spark(tables, files, self.job.data_dir, contract, self.folder)
        check_fit(landed, contract)
        tables.see("bronze.events", events)
        write_files(self.connection, landed, unread)
        tables.share("bronze.files", self.folder, "from bronze.files order by file_id")
        tables.share("bronze.unread_files", self.folder, "from bronze.unread_files order by name")
        columns = [n for f in landed for n in column_names(f.header, contract)]
        filled = blanks(self.connection, contract, columns, self._order_lines(events), portable=True)
        statements = [fill(s, filled) for s in read_statements(self.job.sql)]
        for statement in statements:
            self.progress(statement.name)
            tables.make(statement, tables.work if statement.name in WORKING else self.folder)
        run = Run("full", landed, new=[f.name for f in landed], unread={u.name: u.reason for u in unread})
        return self._publish(run, statements)

    def _order_lines(self, events: "DataFrame") -> int:
        """The most lines that an order has."""
        order = self.job.contract.order
        if order is None or order.lines is None:
            return 1
        from pyspark.sql import functions as f

        in_order = f.get_json_object(events["_payload"], json_path(order.lines, bracketed=True))
        longest = events.select(f.max(f.json_array_length(in_order))).first()
        return (longest and longest[0]) or 1

    def _publish(self, run: Run, statements: Sequence[Statement]) -> Run:
        """Let the views of the new tables take the old ones' place, if the ledger balances."""
        self.progress("publishing")
        target = self.folder / "work" / CATALOG
        run_sql = self.connection.execute
        run_sql(f"attach {literal(str(target))} as warehouse (storage_version {literal(STORAGE_VERSION)})")
        for schema in SCHEMAS:
            run_sql(f"create schema warehouse.{schema}")
        run_sql("create table warehouse.bronze.build (key varchar, value varchar)")
        build = [("fingerprint", self.job.fingerprint), ("folder", self.folder.name)]
        self.connection.executemany("insert into warehouse.bronze.build values (?, ?)", build)
        for name in (
            "bronze.events",
            "bronze.files",
            "bronze.unread_files",
            *(s.name for s in statements if s.name not in WORKING),
        ):
            run_sql(f"create view warehouse.{name} as {self._view(name)}")
        comment(self.connection, [s for s in statements if s.name not in WORKING], "view")
        run.ledger = balanced(read_ledger(self.connection, "warehouse."))
        run.records, run.unreadable = sum(f.records for f in run.files), sum(f.rejected for f in run.files)
        run.refused = {f.name: f.refused for f in run.files if f.refused}
        run_sql("detach warehouse")
        self.connection.close()
        target.replace(self.job.warehouse / CATALOG)
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


def run_suite(suite: Suite, job: Job) -> list[Outcome]:
    """Run every test of the SQL suite on Spark; raises SparkError where a statement of it fails."""
    shared = job.warehouse if job.warehouse.is_dir() else None
    with _spark_errors(), tempfile.TemporaryDirectory(dir=shared) as made, duckdb.connect() as connection:
        tables = Tables(connect(job), connection, Path(made) / "work")
        tables.seeds(job.contract)
        for statement in (*suite.rows, *suite.statements):
            tables.make(statement, tables.work)
        selects = " union all ".join(f"({bound(translate(test, 'spark'), tables.views)})" for test in suite.tests)
        found = {row[0]: Outcome(*row) for row in tables.spark.sql(selects).collect()}
    return [found[test] for test in sorted(found)]
