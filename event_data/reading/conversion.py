"""Convert exports that DuckDB cannot read as one day of events to CSV files of one day with a column for each role.

JSON lines, JSON arrays, Parquet, files without a header, files of many days, and roles that are computed from columns
all take this way, so that every later stage sees the same kind of file, whatever the export looks like. A line that is
not a record is kept, with its reason and its day. Contracts that need none of this skip it.
"""

import os
from array import array
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from hashlib import sha256
from itertools import groupby, repeat
from pathlib import Path
from typing import Any

import duckdb

from event_data.contract.model import Contract, Value
from event_data.contract.roles import columns_of
from event_data.events import columns_sql, event_time_sql, filled_sql, in_zone_sql
from event_data.reading.byte_scan import count_bytes
from event_data.reading.day_file import DayFile, Problem, ReadingError
from event_data.reading.derived import derived_sql
from event_data.reading.folder import MOST_FILES, UNDATED, Folder, Unread
from event_data.reading.formats import Landed, land_file
from event_data.sql import identifier, literal, named_statements

MOST_REPORTED = 1_000  # unreadable lines listed per file; all are kept
STATEMENTS = named_statements(Path(__file__).with_suffix(".sql").read_text("utf-8"))


def convert(folder: Folder, contract: Contract, work_dir: Path, memory_limit: str | None = None) -> Folder:
    """Return the folder with its files converted if the contract needs it; otherwise unchanged.

    Raise ReadingError if no file of many days has an event with a readable time.
    """
    if not contract.is_converted:
        return folder
    unread, day_files = list(folder.unread), []
    work_dir.mkdir(parents=True, exist_ok=True)
    config: dict[str, Any] = {"temp_directory": str(work_dir)} | (
        {"memory_limit": memory_limit} if memory_limit else {}
    )
    with duckdb.connect(config=config) as connection, ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        converted = pool.map(_convert, repeat(connection), folder.files, repeat(contract), repeat(work_dir))
        for made in converted:
            day_files += [one for one in made if one.day != UNDATED]
            for one in (one for one in made if one.day == UNDATED):
                reason = one.refused or "has no event with a readable time"
                unread.append(Unread(one.name, f"it {reason}", one.size, one.stamp))
    if not day_files:
        reasons = "; ".join(f"{one.name}: {one.reason}" for one in unread[:3])
        raise ReadingError(
            f"no event has a readable time ({reasons}); correct the role `time` in {contract.path}, or draft a "
            "contract with validate_dataframework.py --init."
        )
    files: list[DayFile] = []
    for day, same_day in groupby(sorted(day_files, key=lambda f: (f.day, f.number, f.name)), key=lambda f: f.day):
        numbered = [replace(file, number=number) for number, file in enumerate(same_day)]
        if len(numbered) > MOST_FILES:
            raise ReadingError(
                f"{len(numbered):,} files have events of {day}; merge them into {MOST_FILES:,} or fewer."
            )
        files += numbered
    return Folder(tuple(files), tuple(unread))


def _convert(connection: duckdb.DuckDBPyConnection, file: DayFile, contract: Contract, work_dir: Path) -> list[DayFile]:
    """Return the files of one day in a delivered file; the file itself if nothing in it can be read."""
    place = work_dir / f"converted-{file.file_id}"
    place.mkdir(parents=True, exist_ok=True)
    with connection.cursor() as cursor:
        cursor.execute("set timezone = 'UTC'")  # a cursor has settings of its own
        landed = land_file(cursor, file, contract, place)
        if isinstance(landed, Landed) and (made := list(_days(cursor, landed, contract, place))):
            return made
    return [replace(landed.file if isinstance(landed, Landed) else landed, is_converted=True)]


def _days(cursor: duckdb.DuckDBPyConnection, landed: Landed, contract: Contract, place: Path) -> Iterator[DayFile]:
    """Write the records of each day, with the derived columns, and yield the files; none without a readable time."""
    at = dict(zip(reversed(landed.header), reversed(range(len(landed.header))), strict=True))  # first of equal names
    present = contract.columns_in(landed.header)
    # A derived column names its columns many times, so that nulls written as text become null before, as f0, f1 …
    column = columns_sql(contract, at, rename=lambda name: f"f{at[name]}", is_filled=True)
    filled = [f"{filled_sql(f'c{number}')} as f{number}" for number in range(len(landed.header))]
    derived = [name for name, value in contract.derived.items() if _has_source(value, present)]
    cells = [f"nullif(c{number}, '') as c{number}" for number in range(len(landed.header))]

    def is_number(name: str) -> str:
        return " or ".join(landed.numbers[one] for one in present.get(name, ()) if one in landed.numbers) or "false"

    cells += [f"{derived_sql(contract, name, column, is_number)} as d{number}" for number, name in enumerate(derived)]
    source = f"(select *, {', '.join(filled)} from landed)"
    cursor.execute(f"create or replace temp table converted as select _line, {', '.join(cells)} from {source}")
    cursor.execute("drop table landed")
    taken = {name.casefold() for name in contract.derived}
    names = (*(f"{name} (delivered)" if name.casefold() in taken else name for name in landed.header), *derived)
    here = [f"c{number}" for number in range(len(landed.header))] + [f"d{number}" for number in range(len(derived))]
    if contract.is_dated:
        days, own = [landed.file.day], f"date '{landed.file.day}'"
        cursor.execute(f"alter table converted add column _day date default {own}")
        cursor.execute(f"create or replace temp table refused_days as select *, {own} as _day from refused")
    else:
        place_of = dict(zip(reversed(names), reversed(here), strict=True))
        time = columns_sql(contract, place_of, rename=place_of.__getitem__)(contract.roles["time"])
        days = _split(cursor, contract, time)
    for day in days:
        yield _write(cursor, landed.file, day, names, here, contract, place)


def _has_source(value: Value, present: Collection[str]) -> bool:
    needed = set(columns_of(value))
    return not needed or bool(needed & set(present))


def _split(cursor: duckdb.DuckDBPyConnection, contract: Contract, time: str) -> list[date]:
    """Give each record and each refused line its day, and return the days."""
    event_time, event_at = event_time_sql(contract, "timed_rows"), in_zone_sql("event_at", contract.time_zone)
    cursor.execute(STATEMENTS["days"].sql.format(time=time, event_time=event_time, event_at=event_at))
    for name in ("filled", "sorted", "refused"):
        cursor.execute(STATEMENTS[name].sql)
    cursor.execute("drop table converted")
    cursor.execute("alter table sorted rename to converted")
    days = cursor.execute("select distinct _day from filled where _day is not null order by _day").fetchall()
    return [day for (day,) in days]


def _write(
    cursor: duckdb.DuckDBPyConnection, file: DayFile, day: date, names: Sequence[str], here: Sequence[str],
    contract: Contract, place: Path,
) -> DayFile:  # fmt: skip
    """Write the records of a day as a CSV file, and return it as surveyed."""
    target, rejects = place / f"{day}.csv", place / f"{day}.rejects.csv"
    where = f"_day = date '{day}'"
    named = zip(names, here, strict=True)
    cells = [f"{cell} as {identifier(name.strip() or f'column_{n}')}" for n, (name, cell) in enumerate(named, 1)]
    form = "format csv, quote '\"', escape '\"'"
    cursor.execute(
        f"copy (select {', '.join(cells)} from converted where {where} order by converted._line) "
        f"to {literal(str(target))} ({form}, header true, delimiter {literal(contract.delimiter)})"
    )
    lines = cursor.execute(f"""select row, line - row - 1 from (
            select *, lag(line - row) over (order by row) as before from (
                select _line as line, row_number() over (order by _line) as row from converted where {where}))
        where line - row - 1 <> coalesce(before - 1, 0) order by row""").fetchall()
    refused = cursor.execute(f"select _line, reason from refused_days where {where} order by _line").fetchall()
    if refused:
        cursor.execute(
            f"copy (select _line, reason, text from refused_days where {where} order by _line) to "
            f"{literal(str(rejects))} ({form}, header false, delimiter ',')"
        )
    ((rows,),) = cursor.execute(f"select count(*) from converted where {where}").fetchall()
    digest = sha256()
    seen = count_bytes(target, digest)
    is_first = contract.is_dated or cursor.execute("select min(_day) from filled").fetchone() == (day,)
    return replace(
        file,
        name=file.name if contract.is_dated else f"{file.name} of {day}",
        day=day,
        size=seen.total,
        content_hash=digest.hexdigest(),
        header=tuple(names),
        readable=target,
        source=target,
        delimiter=contract.delimiter,
        encoding="utf-8",
        newline="\n",
        records=rows + len(refused),
        rejected=len(refused),
        rejects=rejects if refused else None,
        damaged=False,
        regular=not lines and not refused,
        multiline=seen.newlines != rows + 1,
        shifts=(array("q", (row for row, _ in lines)), array("q", (shift for _, shift in lines))),
        problems=tuple(_problems(file, refused, is_first)),
        is_converted=True,
    )  # fmt: skip


def _problems(file: DayFile, refused: Sequence[tuple[int, str]], is_first: bool) -> Iterator[Problem]:
    """Yield a file's problems that belong to a day: those of the whole file to its first, those of lines to theirs."""
    lines = {line for line, _ in refused}
    known = set()
    for problem in file.problems:
        if (problem.line in lines) if problem.rows_lost and problem.line else is_first:
            known.add(problem.line)
            yield problem
    fresh = [(line, reason) for line, reason in refused if line not in known]
    for line, reason in fresh[:MOST_REPORTED]:
        yield Problem("not_json", line, reason, 1)
    if (more := len(fresh) - MOST_REPORTED) > 0:
        yield Problem("not_json", fresh[MOST_REPORTED][0], f"and {more:,} more lines", more)
