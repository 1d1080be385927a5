"""Convert exports that DuckDB cannot read as one day of events to CSV files of one day with a column for each role.

JSON lines, JSON arrays, Parquet, files without a header, files of many days, and roles that are computed from columns
all take this way, so that every later stage sees the same kind of file, whatever the export looks like. A line that is
not a record is kept, with its reason and its day. Contracts that need none of this skip it.
"""

import os
from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from glob import escape
from hashlib import sha256
from itertools import groupby, repeat
from pathlib import Path

import duckdb

from event_data.contract.model import Contract, Value
from event_data.contract.roles import columns_of
from event_data.events import columns_sql, event_time_sql, in_zone_sql
from event_data.reading import working_copy
from event_data.reading.batches import read_csv_sql
from event_data.reading.byte_scan import BOMS, count_bytes
from event_data.reading.csv_record import serialised
from event_data.reading.day_file import DayFile, Problem, ReadingError
from event_data.reading.derived import derived_sql
from event_data.reading.folder import MOST_FILES, UNDATED, Folder, Unread
from event_data.reading.survey import open_source, recover, survey
from event_data.sql import identifier, literal, values

MOST_LINE_BYTES = 2_000_000  # of a JSON line; DuckDB reserves 16 times as much
MOST_REPORTED = 1_000  # unreadable lines listed per file; all are kept
FURTHEST_DAYS = 366  # an event further from the file's median day has a wrong time, and does not make a day
# Every line as one column, because no JSON text contains this delimiter; blank lines keep their number.
JSON_LINES = """
    select row_number() over () as _line, rtrim(ltrim(line, '\ufeff'), chr(13)) as line
    from read_csv(
        {path}, columns = {{'line': 'varchar'}}, header = false, auto_detect = false, delim = '\x01\x02', quote = '',
        escape = '', compression = 'none', max_line_size = {most}, strict_mode = false
    )"""
JSON_ARRAY = "select row_number() over () as _line, json as line from read_json_objects({path}, format = 'array')"


@dataclass(frozen=True)
class Landed:
    """A delivered file in two tables: `landed` (_line, and text columns c0, c1, …), `refused` (_line, reason, text)."""

    file: DayFile
    header: tuple[str, ...]


def convert(
    folder: Folder, contract: Contract, work_dir: Path, progress: Callable[[int], None] = lambda files: None
) -> Folder:
    """Return the folder with its files converted if the contract needs it; otherwise unchanged.

    Raise ReadingError if no file of many days has an event with a readable time.
    """
    if not contract.is_converted:
        return folder
    unread, found = list(folder.unread), []
    work_dir.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(config={"temp_directory": str(work_dir)}) as connection:
        connection.execute("set timezone = 'UTC'")
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            converted = pool.map(_convert, repeat(connection), folder.files, repeat(contract), repeat(work_dir))
            for number, made in enumerate(converted, 1):
                progress(number)
                found += [one for one in made if one.day != UNDATED]
                for one in (one for one in made if one.day == UNDATED):
                    reason = one.refused or "has no event with a readable time"
                    unread.append(Unread(one.name, f"it {reason}", one.size, one.stamp))
    if not found:
        reasons = "; ".join(f"{one.name}: {one.reason}" for one in unread[:3])
        raise ReadingError(
            f"no event has a readable time ({reasons}); correct the role `time` in {contract.path}, or draft a "
            "contract with validate_dataframework.py --init."
        )
    files: list[DayFile] = []
    for day, same_day in groupby(sorted(found, key=lambda f: (f.day, f.number, f.name)), key=lambda f: f.day):
        numbered = [replace(file, number=number) for number, file in enumerate(same_day)]
        if len(numbered) > MOST_FILES:
            raise ReadingError(f"{len(numbered):,} files have events of {day}; join them to {MOST_FILES:,} or fewer.")
        files += numbered
    return Folder(tuple(files), tuple(unread))


def _convert(connection: duckdb.DuckDBPyConnection, file: DayFile, contract: Contract, work_dir: Path) -> list[DayFile]:
    """Return the files of one day in a delivered file; the file itself if nothing in it can be read."""
    place = work_dir / f"converted-{file.file_id}"
    place.mkdir(parents=True, exist_ok=True)
    with connection.cursor() as cursor:
        try:
            landed = READERS[contract.file_format](cursor, file, contract, place)
        except OSError as error:
            landed = file.unreadable(error)
        if isinstance(landed, Landed) and (made := list(_days(cursor, landed, contract, place))):
            return made
    return [replace(landed.file if isinstance(landed, Landed) else landed, is_converted=True)]


def _csv(cursor: duckdb.DuckDBPyConnection, file: DayFile, contract: Contract, place: Path) -> Landed | DayFile:
    """Read a CSV file; a file without a header gets the contract's columns."""
    delivered = file
    if not contract.has_header:
        file = open_source(file, place)
        if file.source is None:
            return file
        headed = _with_header(file.source, contract, place)
        file = replace(file, path=headed, name=headed.name)
    file = survey(file, contract.delimiter, place)
    if file.damaged:
        file = recover(file, place)
    if file.readable and not _land_csv(cursor, file):
        file = recover(file, place)
        if file.readable and not _land_csv(cursor, file):
            file = file.lost(Problem("changed", None, "changed while it was being read", None))
    if not contract.has_header:
        for table in ("landed", "refused") if file.readable else ():
            cursor.execute(f"update {table} set _line = _line - 1")
        moved = (replace(p, line=p.line and p.line - 1) for p in file.problems)
        file = replace(file, path=delivered.path, name=delivered.name, problems=tuple(moved))
    return Landed(file, file.header) if file.readable else file


def _with_header(source: Path, contract: Contract, place: Path) -> Path:
    target = place / f"{source.stem}.headed.csv"
    names = [column.name.encode() for column in contract.columns if column.name not in contract.derived]
    with source.open("rb") as read, working_copy.create(target) as out:
        working_copy.write(out, serialised(names, contract.delimiter.encode()))
        while block := read.read(1 << 20):
            working_copy.write(out, block)
    return target


def _land_csv(cursor: duckdb.DuckDBPyConnection, file: DayFile) -> bool:
    """Read a surveyed file into `landed`; return whether all its records are there."""
    names = [f"c{place}" for place in range(len(file.header))]
    cursor.execute("create or replace temp table shifts (first_row bigint, shift bigint)")
    if file.shifts and file.shifts[0]:
        cursor.execute("insert into shifts select unnest(?), unnest(?)", [list(part) for part in file.shifts])
    cursor.execute("create or replace temp table refused (_line bigint, reason varchar, text varchar)")
    if file.rejects:
        cursor.execute(f"""insert into refused from read_csv(
            {literal(escape(str(file.rejects)))}, auto_detect = false, header = false, delim = ',', quote = '"',
            escape = '"', columns = {{'a': 'bigint', 'b': 'varchar', 'c': 'varchar'}}, parallel = false,
            new_line = '\\n', max_line_size = 8000000)""")
    try:
        cursor.execute(f"""create or replace temp table landed as
            select _row + 1 + coalesce(shift, 0) as _line, {", ".join(names)}
            from (select *, row_number() over () as _row from {read_csv_sql([file], names)})
            asof left join shifts on _row >= first_row""")
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:
        return False
    return cursor.execute("select count(*) from landed").fetchone() == (file.rows,)


def _json(cursor: duckdb.DuckDBPyConnection, file: DayFile, contract: Contract, place: Path) -> Landed | DayFile:
    """Read JSON lines, or one JSON array; nested values stay JSON."""
    file = open_source(file, place)
    if file.source is None:
        return file
    with file.source.open("rb") as stream:
        start = stream.read(4096)
    is_array = start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
    form, path = JSON_ARRAY if is_array else JSON_LINES, file.source
    refused: list[tuple[int, str, str]] = []
    try:
        _land_lines(cursor, form, path)
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        if is_array:
            problem = f"is not a JSON array that can be read ({str(error).splitlines()[0][:80]})"
            return file.lost(Problem("unreadable", None, problem, None))
        path, refused = _clean_lines(file.source, place)
        _land_lines(cursor, form, path)
    cursor.execute("create or replace temp table refused (_line bigint, reason varchar, text varchar)")
    for row in refused:
        cursor.execute("insert into refused values (?, ?, ?)", row)
    cursor.execute("""insert into refused
        select _line, case when kind is null then 'is not valid JSON' else 'is not a JSON object' end, line
        from lines where trim(line) <> '' and kind is distinct from 'OBJECT'""")
    keys = cursor.execute("select distinct unnest(json_keys(line)) from lines where kind = 'OBJECT'").fetchall()
    # In the contract's order: the order of keys differs from line to line.
    known = [name for column in contract.columns for name in column.names]
    header = tuple(sorted((key for (key,) in keys), key=lambda k: (known.index(k) if k in known else len(known), k)))
    header = tuple(key for key in header if key and "\\" not in key)
    if not header:
        return file.lost(Problem("empty", None, "holds no JSON object"))
    paths = values(f'$."{key.replace(chr(34), "")}"' for key in header)
    cells = "".join(f", v[{place}] as c{place - 1}" for place in range(1, len(header) + 1))
    cursor.execute(f"""create or replace temp table landed as
        select _line{cells} from (
            select _line, json_extract_string(line, [{paths}]) as v from lines where kind = 'OBJECT')""")
    return Landed(replace(file, header=header), header)


def _land_lines(cursor: duckdb.DuckDBPyConnection, form: str, path: Path) -> None:
    cursor.execute(f"""create or replace temp table lines as
        select _line, line, case when json_valid(line) then json_type(line) end as kind
        from ({form.format(path=literal(escape(str(path))), most=MOST_LINE_BYTES)})""")


def _clean_lines(source: Path, place: Path) -> tuple[Path, list[tuple[int, str, str]]]:
    """Write a copy that is UTF-8 without overlong lines; return it, and the lines that were left out."""
    target, refused = place / f"{source.stem}.clean", []
    with source.open("rb") as read:
        start = read.read(4)
    encoding = next((name for mark, name in BOMS if start.startswith(mark)), "utf-8")
    with source.open(encoding=encoding, errors="replace", newline="\n") as read, working_copy.create(target) as out:
        for number, line in enumerate(read, 1):
            if len(line) > MOST_LINE_BYTES // 4:
                refused.append((number, f"is longer than {MOST_LINE_BYTES // 4:,} characters", line[:1000]))
                line = "\n"
            working_copy.write(out, line.rstrip("\r\n").replace("\0", "").encode() + b"\n")
    return target, refused


def _parquet(cursor: duckdb.DuckDBPyConnection, file: DayFile, contract: Contract, place: Path) -> Landed | DayFile:
    """Read a Parquet file; nested values become JSON."""
    call = f"read_parquet({literal(escape(str(file.path)))}, file_row_number = true, hive_partitioning = false)"
    try:
        described = cursor.execute(f"describe select * exclude (file_row_number) from {call}").fetchall()
        cells = "".join(
            f", {_text(identifier(name), kind)} as c{number}" for number, (name, kind, *_) in enumerate(described)
        )
        cursor.execute(f"create or replace temp table landed as select file_row_number + 1 as _line{cells} from {call}")
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        problem = f"is not a Parquet file that can be read ({str(error).splitlines()[0][:80]})"
        return file.lost(Problem("unreadable", None, problem, None))
    cursor.execute("create or replace temp table refused (_line bigint, reason varchar, text varchar)")
    header = tuple(name for name, *_ in described)
    return Landed(replace(file, header=header, source=file.path), header)


def _text(column: str, kind: str) -> str:
    nested = kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION", "JSON"))
    return f"cast({f'to_json({column})' if nested else column} as varchar)"


READERS = {"csv": _csv, "json": _json, "parquet": _parquet}


def _days(cursor: duckdb.DuckDBPyConnection, landed: Landed, contract: Contract, place: Path) -> Iterator[DayFile]:
    """Write the records of each day, with the derived columns, and yield the files; none without a readable time."""
    at = dict(zip(reversed(landed.header), reversed(range(len(landed.header))), strict=True))  # first of equal names
    present = contract.columns_in(landed.header)
    column = columns_sql(contract, at, rename=lambda name: f"c{at[name]}")
    derived = [name for name, value in contract.derived.items() if _has_source(value, present)]
    cells = [f"nullif(c{number}, '') as c{number}" for number in range(len(landed.header))]
    cells += [f"{derived_sql(contract, name, column)} as d{number}" for number, name in enumerate(derived)]
    cursor.execute(f"create or replace temp table converted as select _line, {', '.join(cells)} from landed")
    taken = {name.casefold() for name in contract.derived}
    names = (*(f"{name} (delivered)" if name.casefold() in taken else name for name in landed.header), *derived)
    here = [f"c{number}" for number in range(len(landed.header))] + [f"d{number}" for number in range(len(derived))]
    if contract.is_dated:
        days, own = [landed.file.day], f"date '{landed.file.day}'"
        cursor.execute(f"alter table converted add column _day date default {own}")
        cursor.execute(f"create or replace temp table refused_days as select *, {own} as _day from refused")
    else:
        place_of = dict(zip(names, here, strict=True))
        time = columns_sql(contract, place_of, rename=place_of.__getitem__)(contract.roles["time"])
        days = _split(cursor, contract, time)
    for day in days:
        yield _write(cursor, landed.file, day, names, here, contract, place)


def _has_source(value: Value, present: Collection[str]) -> bool:
    needed = set(columns_of(value))
    return not needed or bool(needed & set(present))


def _split(cursor: duckdb.DuckDBPyConnection, contract: Contract, time: str) -> list[date]:
    """Give each record and each refused line its day, and return the days.

    A record without a time belongs to the day of the record before it.
    """
    cursor.execute(f"""create or replace temp table days as
        with timed_rows as (select _line, {time} as time_text from converted),
        {event_time_sql(contract, "timed_rows")},
        dated_rows as (select _line, cast({in_zone_sql("event_at", contract.time_zone)} as date) as own_day from timed),
        typical as (select median(own_day) as day from dated_rows)
        select
            _line,
            case
                when abs(date_diff('day', cast(typical.day as date), own_day)) <= {FURTHEST_DAYS} then own_day
            end as own_day
        from dated_rows
        cross join typical""")
    cursor.execute("""create or replace temp table filled as
        select _line, coalesce(
            own_day, last_value(own_day ignore nulls) over (order by _line), first_value(own_day ignore nulls) over (
                order by _line rows between current row and unbounded following)) as _day
        from days""")
    cursor.execute("create or replace temp table joined as from converted inner join filled using (_line)")
    cursor.execute("create or replace temp table converted as from joined order by _day, _line")
    cursor.execute("""create or replace temp table refused_days as
        select refused.*, coalesce(filled._day, (select min(_day) from filled)) as _day
        from refused asof left join filled on refused._line >= filled._line""")
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
        f"copy (select {', '.join(cells)} from converted where {where} order by _line) "
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
