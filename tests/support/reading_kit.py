"""A file's bytes through the protocol of the caller: survey, DuckDB, and recover when they disagree."""

import glob
from datetime import date
from pathlib import Path

import duckdb

from event_data.reading.day_file import DayFile
from event_data.reading.survey import recover, survey

DAY = date(2025, 3, 1)
HEAD = b"a,b,c\n"
GOOD = [("1", "2", "3"), ("4", "5", "6")]
Rows = list[tuple[str, ...]]
con = duckdb.connect()


def rows_of(file: DayFile) -> Rows:
    """Return the rows that DuckDB reads with the options of batches.py."""
    if file.readable is None:
        return []
    columns = {f"c{i}": "VARCHAR" for i in range(len(file.header))}
    rows = con.execute(
        f"select * from read_csv(?, auto_detect=false, columns={columns}, header=true, delim=?, quote='\"', "
        f"escape='\"', compression='none', parallel={not file.multiline})",
        [glob.escape(str(file.readable)), file.delimiter],
    ).fetchall()
    return [tuple(value or "" for value in row) for row in rows]


def read(data: bytes, tmp_path: Path, name: str = "events_20250301.csv", delimiter: str = ",") -> tuple[DayFile, Rows]:
    """Return the file in the folder, surveyed and perhaps recovered, and its rows."""
    path, work = tmp_path / name, tmp_path / "work"
    path.write_bytes(data)
    file = survey(day_file(path), delimiter, work)
    if file.damaged:
        assert file.readable is None
        file = recover(file, work)
    try:
        rows = rows_of(file)
        if len(rows) == file.rows:
            return file, rows
    except duckdb.Error:
        pass
    file = recover(file, work)
    return file, rows_of(file)


def day_file(path: Path) -> DayFile:
    """Return the file as its folder lists it."""
    return DayFile(path.name, path, DAY)


def problems_of(file: DayFile) -> list[tuple[str, int | None]]:
    """Return the kind and line of each problem."""
    return [(problem.kind, problem.line) for problem in file.problems]
