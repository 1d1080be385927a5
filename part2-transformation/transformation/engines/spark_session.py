"""Spark as an engine: its session, its errors as one sentence, and its tables."""

import contextlib
import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import duckdb

from event_data.contract import Contract
from event_data.errors import UserError
from event_data.evidence import land_seeds
from event_data.sql import identifier, literal
from event_data.statements import Statement
from transformation.build import Settings
from transformation.engines.dialects import translate
from transformation.increment import DAY_COLUMNS, UNITS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

LOG = "spark.log"  # in the warehouse folder
NEEDED = "the engine spark needs {}; see documentation_engines.md, or use --engine duckdb."
SETTINGS = {
    # How transform.sql expects times, nulls and errors to behave; a cluster's defaults may differ.
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "false",
}
SECONDS = 10  # that a server may take to accept a connection


class SparkError(UserError):
    """Spark cannot build the warehouse."""


def connect(settings: Settings) -> "SparkSession":
    """Return a session on the cluster, or the one that this process already has; raise SparkError if that fails."""
    try:
        from pyspark.sql import SparkSession
        from sqlglot import parse_one  # noqa: F401
    except ImportError as error:
        package = (error.name or "pyspark").partition(".")[0]
        raise SparkError(NEEDED.format(f"the package {package} (pip install -r requirements-spark.txt)")) from None
    active = SparkSession.getActiveSession()
    builder = SparkSession.builder.appName("transform")
    if active is None and settings.remote:
        _answers(settings.remote)
        builder = builder.remote(settings.remote)
    elif active is None:
        java = os.environ.get("JAVA_HOME")
        if not shutil.which(str(Path(java) / "bin" / "java") if java else "java"):
            raise SparkError(NEEDED.format("Java 17 or 21 (apt-get install openjdk-17-jre-headless)"))
        builder = builder.master(settings.master) if settings.master else builder
        builder = builder.config("spark.ui.showConsoleProgress", "false")
        if settings.memory_limit and (size := re.fullmatch(r"(?i)(\d+) ?([kmgt])i?b?", settings.memory_limit)):
            builder = builder.config("spark.driver.memory", size[1] + size[2].lower())
    session = active
    if session is None:
        with _spark_log(settings.warehouse / LOG if settings.warehouse.is_dir() else Path(os.devnull)):
            session = builder.getOrCreate()
    for key, value in SETTINGS.items():
        session.conf.set(key, value)
    return session


def _answers(remote: str) -> None:
    """Raise SparkError if no server answers; Spark itself would retry for ten minutes."""
    try:
        address = urlsplit(remote)
        socket.create_connection((address.hostname or "", address.port or 15002), SECONDS).close()
    except (OSError, ValueError) as error:
        raise SparkError(
            f"{remote}: no server answers ({error}); write --remote like sc://host:15002, and start the server."
        ) from None


@contextlib.contextmanager
def _spark_log(path: Path) -> Iterator[None]:
    """Redirect the output of a Java process that starts in the meantime to a file, to keep stderr readable."""
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
def spark_errors() -> Iterator[None]:
    """Turn errors of Spark or its Java process into SparkError, as one sentence."""
    try:
        yield
    except Exception as error:
        if not is_sparks(error):
            raise
        # Java's own message, innermost cause first; "An error occurred while calling" is of no use.
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        said = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")][-1:]
        said += [line.removeprefix(": ") for line in lines if line.startswith(": ")]
        what = [*said, *lines, type(error).__name__][0]
        raise SparkError(
            f"Spark failed ({what.rstrip('.')}); {LOG} in the warehouse's folder may have details."
        ) from error


def bound(sql: str, tables: Mapping[str, str]) -> str:
    """Return a translated select in which each of our tables is replaced by the session's view of it.

    Session views are used because a cluster's catalog may have another shop's schema of the same name.
    """
    from sqlglot import exp, parse_one

    tree = parse_one(sql, read="spark")
    for table in list(tree.find_all(exp.Table)):
        if view := tables.get(f"{table.db}.{table.name}"):
            table.replace(exp.alias_(exp.to_table(view), table.alias or table.name, table=True))
    return str(tree.sql("spark"))


class Tables:
    """The tables made so far: each select becomes a folder of Parquet and a session view of it."""

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
        """Write one of our DuckDB tables as Parquet, so that Spark can read it too."""
        path = folder / name.replace(".", "/")
        path.mkdir(parents=True)
        self.connection.execute(f"copy ({sql}) to {literal(str(path / 'part.parquet'))} (format parquet)")
        self.see(name, self.spark.read.parquet(uri(path)))

    def seeds(self, contract: Contract) -> None:
        land_seeds(self.connection, contract)
        names = "select table_name from information_schema.tables where table_schema = 'bronze'"
        for (name,) in self.connection.execute(names).fetchall():
            self.share(f"bronze.{name}", self.work, f"from bronze.{identifier(name)}")

    def make(self, statement: Statement, folder: Path | None = None) -> None:
        """Run a statement and write its table below the folder, by day if possible; without a folder, make a view."""
        frame = self.spark.sql(bound(translate(statement.select, "spark"), self.views))
        if folder is not None and statement.kind == "table":
            frame = self.write(statement.name, frame, folder)
        self.see(statement.name, frame)

    def write(self, name: str, frame: "DataFrame", folder: Path) -> "DataFrame":
        path = folder / name.replace(".", "/")
        day = day_of(name)
        # Keep the rows of a day together, and split a large day into several files.
        (frame.hint("rebalance", day).write.partitionBy(day) if day else frame.write).parquet(uri(path))
        if not any(path.rglob("*.parquet")):  # an empty table still needs its columns
            frame.limit(0).write.mode("overwrite").parquet(uri(path))
        return self.spark.read.schema(frame.schema).parquet(uri(path))


def day_of(name: str) -> str | None:
    """Return the day column by which a table is partitioned."""
    if name == "bronze.events":
        return "_file_id"
    return DAY_COLUMNS[name] if name in DAY_COLUMNS else UNITS[name].date if name in UNITS else None


def uri(path: Path) -> str:
    """Return a path as a URI of this machine, whatever the cluster's default file system is."""
    return path.absolute().as_uri()


def is_sparks(error: Exception) -> bool:
    """Return whether Spark raised the error: in Java, on its server, or in Python."""
    return type(error).__module__.startswith(("pyspark", "py4j", "grpc"))
