"""Load surveyed files into bronze: every record as received, as text, with its file and line.

event_data.reading defines which files are read and verifies that all their records are present. A line that is not
a valid record is kept as text, so that every line is accounted for.
"""

import itertools
import os
import re
from collections.abc import Callable, Iterable, Sequence
from glob import escape
from pathlib import Path

import duckdb

from event_data.contract import Contract
from event_data.events import filled_sql, valid_json_sql
from event_data.reading.batches import Reader, of_file, read_csv_sql
from event_data.reading.day_file import DayFile
from event_data.sql import identifier, literal

# Bytes read together: enough to justify the planning time of a statement and, with enough data, to fill several of
# DuckDB's row groups, but not so much that one unreadable file causes many others to be read twice.
SMALL, LARGE = 16 << 20, 128 << 20
OWN_COLUMNS = {
    "_source_file": "varchar", "_file_id": "bigint", "_line": "bigint", "_loaded_at": "timestamp",
    "_unreadable": "varchar", "_payload": "varchar",
}  # fmt: skip


def column_names(header: Sequence[str], contract: Contract) -> tuple[str, ...]:
    """Return a header's cells as column names that are not empty, not one of our own names, and unique.

    Database column names are case-insensitive. A name that differs from one of the contract's only by case or
    surrounding spaces is a different column and gets a number.
    """
    known = {name.lower(): name for column in contract.columns for name in column.names}
    taken = set(OWN_COLUMNS)
    names = []
    for number, cell in enumerate(header, 1):
        wanted = name = re.sub(r"[\x00-\x1f]", " ", cell).strip() or f"column_{number}"
        suffix = 2
        while name.lower() in taken or known.get(name.lower(), cell) != cell:
            name, suffix = f"{wanted}_{suffix}", suffix + 1
        taken.add(name.lower())
        names.append(name)
    return tuple(names)


def land(
    connection: duckdb.DuckDBPyConnection,
    files: Iterable[DayFile],
    contract: Contract,
    work_dir: Path,
    progress: Callable[[int], None] = lambda files: None,
    into: str | None = None,
) -> tuple[list[DayFile], list[str]]:
    """Read surveyed files into tables of the current catalog; return the files as read, and selects of their records.

    Each select has OWN_COLUMNS and the columns of its files. With `into`, all records go into one new table of that
    name, and there are no selects. Raise ReadingError for a file that changes in the meantime.
    """
    surveyed = list(files)
    landing = _Landing(contract, into)
    if into:
        landing.columns = {name.lower() for file in surveyed for name in column_names(file.header, contract)}
        _create(connection, into, [name for file in surveyed for name in column_names(file.header, contract)])
    # One thread per statement keeps the records in order, which gives their lines; the cores share the batches.
    workers = os.cpu_count() or 1
    (threads,) = connection.execute("select current_setting('threads')").fetchone() or (workers,)
    connection.execute("set threads = 1")
    most = min(max(sum(f.size for f in surveyed) // (2 * workers), SMALL), LARGE)
    landed = Reader(connection, work_dir, landing.load, landing.keep, most, stable=True).read(surveyed, progress)
    connection.execute(f"set threads = {threads}")
    if into:
        _gather(connection, into, landing.tables)
    elif not landing.tables:
        landing.tables.append("landed_0")
        _create(connection, "landed_0", [])
    return sorted(landed, key=lambda f: f.file_id), [f"select * from {name}" for name in landing.tables]


class _Landing:
    """Load batches into tables: one per batch, or all those whose columns it has into the table `into`."""

    def __init__(self, contract: Contract, into: str | None) -> None:
        self.contract, self.into = contract, into
        self.columns: set[str] = set()  # of `into`, in lower case
        self.tables: list[str] = []
        self._numbers = itertools.count(1)
        self._names: dict[int, str] = {}  # file_id of a batch's first file -> the table of the last attempt

    def load(self, cursor: duckdb.DuckDBPyConnection, batch: list[DayFile]) -> dict[int, int]:
        """Read a batch and return the number of records by file_id."""
        columns = column_names(batch[0].header, self.contract)
        # A header that only the careful reader recognised may bring columns. The table cannot get them now, because
        # DuckDB allows no change to a table that other transactions are inserting into.
        known = self.into if self.columns.issuperset(map(str.lower, columns)) else None
        name = self._names[batch[0].file_id] = known or f"landed_{next(self._numbers)}"
        cursor.execute(_select_lines(cursor, name, batch, columns, self.contract, bool(known)))
        ids = ", ".join(str(f.file_id) for f in batch)
        counts = cursor.execute(
            f"select _file_id, count(*) from {name} where _file_id in ({ids}) group by _file_id"
        ).fetchall()
        return dict(counts)

    def keep(self, cursor: duckdb.DuckDBPyConnection, batch: list[DayFile]) -> None:
        """Add the lines that are not records, now that all records are verified."""
        name = self._names[batch[0].file_id]
        for file in batch:
            file.refuse_line(file.records + 1)
            if file.rejects:
                cursor.execute(f"insert into {name} by name {_rejected(file)}")
        if name != self.into:
            self.tables.append(name)


def _gather(connection: duckdb.DuckDBPyConnection, into: str, tables: Sequence[str]) -> None:
    """Move the records of these tables to `into`, with the columns that it does not have."""
    for table in tables:
        for (column,) in connection.execute(f"select column_name from (describe {table})").fetchall():
            connection.execute(f"alter table {into} add column if not exists {identifier(column)} varchar")
        connection.execute(f"insert into {into} by name from {table}")
        connection.execute(f"drop table {table}")


def _create(connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str]) -> None:
    types = OWN_COLUMNS | dict.fromkeys({name.lower(): name for name in reversed(columns)}.values(), "varchar")
    connection.execute(f"create table {table} ({', '.join(f'{identifier(n)} {t}' for n, t in types.items())})")


def _select_lines(
    cursor: duckdb.DuckDBPyConnection,
    name: str,
    batch: Sequence[DayFile],
    columns: Sequence[str],
    contract: Contract,
    there: bool,
) -> str:
    """Return the statement that reads a batch into a table, which may already exist."""
    ends = [0, *itertools.accumulate(f.rows for f in batch)]
    payloads = [n for n in contract.names_of("payload") if n in columns]
    payload = f"coalesce({', '.join(filled_sql(identifier(n)) for n in payloads)})" if payloads else ""
    valid = f"case when {valid_json_sql(payload)} then {payload} end" if payload else "cast(null as varchar)"
    line, source = "_row + 1", ""
    if any(f.shifts and f.shifts[0] for f in batch):
        cursor.execute("create or replace temp table shifts (shifted_id bigint, first_row bigint, shift bigint)")
        for file in batch:
            rows = [list(part) for part in file.shifts or ()]
            cursor.execute("insert into shifts select ?, unnest(?), unnest(?)", [file.file_id, *(rows or [[], []])])
        line = "_row + 1 + coalesce(shift, 0)"
        source = "asof left join shifts on _file_id = shifted_id and _row >= first_row"
    names = of_file(batch, [literal(f.name) for f in batch])
    ids = of_file(batch, [str(f.file_id) for f in batch])
    return f"""{f"insert into {name} by name" if there else f"create table {name} as"}
        select _source_file, _file_id, {line} as _line, current_localtimestamp() as _loaded_at,
            cast(null as varchar) as _unreadable, {valid} as _payload, {", ".join(map(identifier, columns))}
        from (
            select *, {names} as _source_file, cast({ids} as bigint) as _file_id,
                row_number() over () - {of_file(batch, [str(end) for end in ends[:-1]])} as _row
            from {read_csv_sql(batch, columns)}
        ) {source}"""


def _rejected(file: DayFile) -> str:
    """Return a select of a file's lines that are not records, as text."""
    columns = "{'_line': 'bigint', 'reason': 'varchar', '_unreadable': 'varchar'}"
    return f"""select {literal(file.name)} as _source_file, cast({file.file_id} as bigint) as _file_id, _line,
            current_localtimestamp() as _loaded_at, coalesce(_unreadable, '') as _unreadable
        from read_csv(
            {literal(escape(str(file.rejects)))}, auto_detect = false, header = false, columns = {columns}, delim = ',',
            quote = '"', escape = '"', new_line = '\\n', parallel = false, max_line_size = 8000000
        )"""
