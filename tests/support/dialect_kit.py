"""Printed scripts, run: Snowflake's on fakesnow through its own connector, BigQuery's on GoogleSQL, Spark's on Spark.

Neither emulator reads files as its warehouse does. What a script's load says - which columns, in which order, of which
files - is taken from its text and done here; every other statement runs as it is printed.
"""

import csv
import io
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import HealthCheck, Phase, given, settings
from journeys import BAD_TIMES, COLUMNS, Days, days
from spark_kit import FRUGAL, FRUGAL_SESSION
from synthetic_events import generate
from synthetic_orders import ENCODED, FATES, write_books, write_odd_records, write_spend
from time_forms import READ, REFUSED

Rows = tuple[list[str], list[tuple[Any, ...]]]
AGENTS = ["iPad", "iPod", "Macintosh Firefox/1", "Android Tablet", "Android", "OPR/1 Windows", "TikTok Android Mobile",
          "Pinterest", "DuckDuckGo/7 iPhone", "Googlebot/2.1", "CrOS "]  # fmt: skip
KINDS = ("string", "int64", "date")


class Duck:
    """DuckDB as the warehouse file that part 2 made."""

    def __init__(self, warehouse: Path) -> None:
        self.connection = duckdb.connect(str(warehouse), read_only=True)

    def rows(self, select: str) -> Rows:
        found = self.connection.execute(select)
        return [column[0] for column in found.description], found.fetchall()


class Snowflake:
    """fakesnow, an emulator on DuckDB; entered once for all its connections."""

    name = "snowflake"
    COPY = re.compile(r"copy into (\S+)\nfrom \(select (.*?) from @bronze[.]landing\)\nfiles = \((.*)\)\n")

    def __init__(self) -> None:
        import fakesnow

        self.patch: AbstractContextManager[Any] = fakesnow.patch()
        self.patch.__enter__()
        import snowflake.connector

        self.connection = snowflake.connector.connect(database="shop", schema="public")

    def close(self) -> None:
        self.connection.close()
        self.patch.__exit__(None, None, None)

    def run(self, script: str, folder: Path | None = None) -> None:
        from snowflake.connector.util_text import split_statements

        with self.connection.cursor() as cursor:
            for statement, _ in split_statements(io.StringIO(script)):
                if copy := self.COPY.match(statement):
                    assert folder
                    with tempfile.TemporaryDirectory() as landed:
                        rows = self._copied(copy[2].split(", "), folder, re.findall("'([^']*)'", copy[3]))
                        with (Path(landed) / "landed.csv").open("w", encoding="utf-8", newline="") as file:
                            csv.writer(file).writerows(rows)
                        how = statement[copy.end() :].replace("skip_header = 1", "skip_header = 0")
                        cursor.execute(f"copy into {copy[1]} from 'file://{landed}' files = ('/landed.csv') {how}")
                elif statement.strip():
                    cursor.execute(statement)

    def _copied(self, chosen: list[str], folder: Path, files: list[str]) -> Iterator[list[object]]:
        for file in files:
            for number, record in enumerate(_records(folder / file), 1):
                known = {"metadata$filename": f"landing/{file}", "metadata$file_row_number": number}
                yield [record[int(name[1:]) - 1] if name[0] == "$" else known[name] for name in chosen]

    def rows(self, select: str) -> Rows:
        with self.connection.cursor() as cursor:
            cursor.execute(select)
            return [column[0].lower() for column in cursor.description], cursor.fetchall()


class BigQuery:
    """The GoogleSQL reference implementation. Its tables are those of googlesql_kit.py, where a view is a table too."""

    name = "bigquery"
    CREATE = re.compile(r"create or replace (?:table|view) (\S+) as\n", re.IGNORECASE)
    EXTERNAL = re.compile(r"create or replace external table (\S+) \((.*)\)\noptions \((.*)\)", re.DOTALL)

    def __init__(self) -> None:
        import googlesql_kit

        self.googlesql = googlesql_kit
        self.engine = googlesql_kit.GoogleSql()

    def run(self, script: str, folder: Path | None = None) -> None:
        text, kinds = self.googlesql.STRING, {name: getattr(self.googlesql, name.upper()) for name in KINDS}
        for commented in re.split(r";\n", script):
            statement = re.sub(r"^--.*\n", "", commented, flags=re.MULTILINE).strip()
            if external := self.EXTERNAL.match(statement):
                assert folder
                files = [uri.rpartition("/")[2] for uri in re.findall("'([^']*)'", external[3].partition("uris")[2])]
                columns = [(name.strip("`"), text) for name in re.findall("`[^`]*`", external[2])]
                records = [[f"gs://BUCKET/{file}", *r] for file in files for r in _records(folder / file)]
                self.engine.create(external[1], [("_FILE_NAME", text), *columns], records)
            elif create := self.CREATE.match(statement):
                self.engine.tables[create[1]] = self.engine.select(statement[create.end() :])
            elif create := re.match(r"create or replace table (\S+) \((.*)\)$", statement):
                columns = [(name, kinds[kind]) for name, kind in map(str.split, create[2].split(", "))]
                self.engine.create(create[1], columns, [])
            elif insert := re.match(r"insert into (\S+) values\n", statement):
                self._insert(insert[1], statement[insert.end() :])
            elif drop := re.match(r"drop (?:external table|table|view) (?:if exists )?(\S+)$", statement):
                self.engine.tables.pop(drop[1], None)
            elif statement.lower().startswith(("select", "with")):
                self.engine.select(statement)
            else:
                assert not statement or statement.startswith("create schema"), statement

    def _insert(self, name: str, rows: str) -> None:
        """Add rows to a table, which is a select over structs, because the implementation evaluates only selects."""
        table = self.engine.tables[name]
        types = {getattr(self.googlesql, name.upper()): name for name in KINDS}
        columns = ", ".join(f"{column} {types[kind.type_kind]}" for column, kind in table.columns)
        structs = re.sub(r"^\(", "struct(", rows, flags=re.MULTILINE)
        added = self.engine.select(f"select * from unnest(array<struct<{columns}>>[{structs}])")
        table.content.table_data.row.extend(added.content.table_data.row)

    def rows(self, select: str) -> Rows:
        table = self.engine.select(select)
        return [name for name, _ in table.columns], self.engine.rows(table)


class Spark:
    """Spark itself, on one core."""

    name = "spark"

    def __init__(self, folder: Path) -> None:
        from pyspark.sql import SparkSession

        conf = {"spark.sql.shuffle.partitions": "1", "spark.default.parallelism": "1",
                "spark.sql.warehouse.dir": str(folder), "spark.driver.extraJavaOptions": FRUGAL}  # fmt: skip
        builder = SparkSession.builder.master("local[1]")
        for key, value in {**conf, **FRUGAL_SESSION}.items():
            builder = builder.config(key, value)
        self.session = builder.getOrCreate()

    def run(self, script: str, folder: Path | None = None) -> None:
        for commented in script.split(";\n"):
            if statement := re.sub(r"^--.*\n", "", commented, flags=re.MULTILINE).strip():
                self.session.sql(statement).collect()

    def rows(self, select: str) -> Rows:
        found = self.session.sql(select)
        return found.columns, [tuple(row) for row in found.collect()]


def _records(path: Path) -> Iterator[list[str | None]]:
    """The records of a CSV file behind its header, an empty field as null: Snowflake's and BigQuery's way."""
    with path.open(encoding="utf-8", newline="") as file:
        yield from ([field or None for field in record] for record in list(csv.reader(file))[1:])


def canonical(rows: Rows) -> tuple[list[str], list[tuple[str, ...]]]:
    """Return columns and sorted rows in which an engine's type of number makes no difference, but its value does."""

    def text(value: object) -> str:
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            return repr(value)
        # The last two of a double's sixteen digits depend on how it was computed.
        return f"{Decimal(f'{value:.14g}' if isinstance(value, float) else value).normalize():f}"

    columns, found = rows
    return columns, sorted(tuple(map(text, row)) for row in found)


def write_hard_days(folder: Path) -> None:
    """Write about a thousand records that reach every branch: random journeys at their edges, and plain buyers.

    The order list and the advertising spend of the plain days have every fate of an order.
    Records are in the order of time and content, as an engine that keeps no order of lines numbers them.
    """
    files: dict[str, tuple[Sequence[str], list[list[str]]]] = {}

    @settings(max_examples=60, derandomize=True, database=None, phases=[Phase.generate], deadline=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(days())
    def draw(drawn: Days) -> None:
        if sum(len(rows) for _, rows in files.values()) < 600:
            group = len(files) // 8  # a few clients of their own, who share customers and checkouts with all
            for name, (header, events) in drawn.items():
                kept = [replace(e, client=e.client and f"{e.client}{group}") for e in events if "too" not in e.fate]
                rows = [[cell.replace("\n", " ") for cell in event.cells(header)] for event in kept]
                if rows:
                    files[name.replace(".csv", f"_{len(files):03}.csv")] = (header, rows)

    draw()
    with tempfile.TemporaryDirectory() as plain:
        generate(Path(plain), days=14, events_per_day=700, seed=3)
        write_books(Path(plain), fates=dict.fromkeys(FATES, 1))
        write_spend(Path(plain))
        write_odd_records(Path(plain))
        for book in (*Path(plain).glob("orders_export_*.csv"), Path(plain, "ad_spend.csv")):
            shutil.move(book, folder)
        read = {path.name: list(csv.reader(io.StringIO(path.read_text("utf-8")))) for path in Path(plain).iterdir()}
    views = [
        *((time, "") for time in (*BAD_TIMES, *READ, *REFUSED)),
        *(("2025-03-10T10:00:00Z", agent) for agent in AGENTS),
    ]
    odd = [["t", "https://puffy.com/", "", time, "page_viewed", "", agent] for time, agent in views]
    tags = f"utm_source={ENCODED}&utm_medium=cpc&utm_campaign={ENCODED.replace('%', '%25')}"
    odd.append(["t", f"https://puffy.com/?{tags}", "", "2025-03-10T11:00:00Z", "page_viewed", "", ""])
    files["events_20250310.csv"] = (COLUMNS, odd)
    buyers = {row[0] for _, *rows in read.values() for row in rows if "checkout_completed" in row}
    for name, (plain_header, *rows) in read.items():
        files[name] = (plain_header, [row for row in rows if row[0] in buyers])
    for name, (header, rows) in files.items():
        at = header.index("timestamp")
        rows.sort(key=lambda row: (row[at], *row[:at], *row[at + 1 :]))
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *rows])
