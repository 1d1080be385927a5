"""Printed scripts, run: Snowflake's on fakesnow through Snowflake's own connector, BigQuery's on GoogleSQL.

Neither emulator reads files as its warehouse does. What a script's load says - which columns, in which order, of which
files - is taken from its text and done here; every other statement runs as it is printed.
"""

import csv
import io
import re
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import duckdb

Rows = tuple[list[str], list[tuple[Any, ...]]]
KINDS = ("string", "int64", "date")


class Engine(Protocol):
    """A place where scripts run. `run` raises whatever the engine raises."""

    def run(self, script: str, folder: Path | None = None) -> None: ...

    def rows(self, select: str) -> Rows: ...


class Duck:
    """DuckDB as the warehouse file that part 2 made."""

    def __init__(self, warehouse: Path) -> None:
        self.connection = duckdb.connect(str(warehouse), read_only=True)

    def rows(self, select: str) -> Rows:
        found = self.connection.execute(select)
        return [column[0] for column in found.description], found.fetchall()


class Snowflake:
    """fakesnow, an emulator on DuckDB; entered once for all its connections."""

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
                del self.engine.tables[drop[1]]
            elif statement.lower().startswith(("select", "with")):
                self.engine.select(statement)
            else:
                assert not statement or statement.startswith("create schema"), statement

    def _insert(self, name: str, rows: str) -> None:
        """What is in the table, and these rows, as a select over structs: it evaluates nothing but selects."""
        table = self.engine.tables[name]
        types = {getattr(self.googlesql, name.upper()): name for name in KINDS}
        columns = ", ".join(f"{column} {types[kind.type_kind]}" for column, kind in table.columns)
        structs = re.sub(r"^\(", "struct(", rows, flags=re.MULTILINE)
        added = self.engine.select(f"select * from unnest(array<struct<{columns}>>[{structs}])")
        table.content.table_data.row.extend(added.content.table_data.row)

    def rows(self, select: str) -> Rows:
        table = self.engine.select(select)
        return [name for name, _ in table.columns], self.engine.rows(table)


def _records(path: Path) -> Iterator[list[str | None]]:
    """The records of a CSV file behind its header, an empty field as null: Snowflake's and BigQuery's way."""
    with path.open(encoding="utf-8", newline="") as file:
        yield from ([field or None for field in record] for record in list(csv.reader(file))[1:])
