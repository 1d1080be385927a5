"""Read a file in any format into a table of text columns; every record and every other line is accounted for."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from glob import escape
from pathlib import Path

import duckdb

from event_data.contract.model import Amount, Field, Table
from event_data.contract.roles import parts_of
from event_data.reading import working_copy
from event_data.reading.batches import read_csv_sql
from event_data.reading.byte_scan import HEAD, encoding_of
from event_data.reading.csv_record import serialised
from event_data.reading.day_file import DayFile, Kind, Problem
from event_data.reading.derived import NUMBERS
from event_data.reading.survey import open_source, recover, survey
from event_data.sql import literal, values

MOST_LINE_BYTES = 2_000_000  # of a JSON line; DuckDB reserves 16 times as much
# Every line as one column, because no JSON text contains this delimiter; blank lines keep their number.
JSON_LINES = f"""
    select row_number() over () as _line, rtrim(ltrim(line, '\ufeff'), chr(13)) as line
    from read_csv(
        {{path}}, columns = {{{{'line': 'varchar'}}}}, header = false, auto_detect = false,
        delim = '\x01\x02', quote = '', escape = '', compression = 'none', max_line_size = {MOST_LINE_BYTES},
        strict_mode = false
    )"""
JSON_OBJECTS = "select row_number() over () as _line, json as line from read_json_objects({{path}}, format = '{}')"
JSON_ARRAY, JSON_ANY = JSON_OBJECTS.format("array"), JSON_OBJECTS.format("unstructured")
NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
           "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL")  # fmt: skip


@dataclass(frozen=True)
class Landed:
    """A delivered file in two tables: `landed` (_line, and text columns c0, c1, …), `refused` (_line, reason, text).

    `numbers` has SQL for whether a value of a column is a number in the file, not a text; only if it can be.
    """

    file: DayFile
    header: tuple[str, ...]
    numbers: Mapping[str, str] = field(default_factory=dict)


def land_file(cursor: duckdb.DuckDBPyConnection, file: DayFile, contract: Table, place: Path) -> Landed | DayFile:
    """Read a file in the contract's format; return it with its problem if nothing can be read."""
    try:
        return READERS[contract.file_format](cursor, file, contract, place)
    except OSError as error:
        return file.unreadable(error)


def land_csv(cursor: duckdb.DuckDBPyConnection, file: DayFile, contract: Table, place: Path) -> Landed | DayFile:
    """Read a CSV file; a file without a header gets the contract's columns."""
    delivered = file
    if not contract.has_header:
        file = open_source(file, place)
        if file.source is None:
            return file
        headed = _with_header(file.source, contract, place)
        file = replace(file, path=headed, name=headed.name)
    file = survey(file, contract.delimiter, place, names=contract.header_names)
    if file.damaged:
        file = recover(file, place)
    if file.readable and not _land_records(cursor, file):
        file = recover(file, place)
        if file.readable and not _land_records(cursor, file):
            file = file.lost(Problem("changed", None, "changed while it was being read", None))
    if not contract.has_header:
        for table in ("landed", "refused") if file.readable else ():
            cursor.execute(f"update {table} set _line = _line - 1")
        moved = (replace(p, line=p.line and p.line - 1) for p in file.problems)
        file = replace(file, path=delivered.path, name=delivered.name, problems=tuple(moved))
    return Landed(file, file.header) if file.readable else file


def _with_header(source: Path, contract: Table, place: Path) -> Path:
    """Write a copy in UTF-8 that begins with the names of the contract's columns."""
    target = place / f"{source.stem}.headed.csv"
    names = [column.name.encode() for column in contract.columns if column.name not in contract.derived]
    with working_copy.create(target) as out:
        working_copy.write(out, serialised(names, contract.delimiter.encode()))
        for block in _utf8(source):
            working_copy.write(out, block)
    return target


def _utf8(source: Path) -> Iterator[bytes]:
    """Yield a file's bytes without a byte order mark; UTF-16 and UTF-32 become UTF-8."""
    with source.open("rb") as read:
        encoding = encoding_of(read.read(HEAD))
    if encoding == "utf-8":
        with source.open("rb") as read:
            yield read.read(1 << 20).removeprefix(b"\xef\xbb\xbf")
            while block := read.read(1 << 20):
                yield block
        return
    with source.open(encoding=encoding, errors="replace", newline="") as text:
        while characters := text.read(1 << 20):
            yield characters.replace("\ufeff", "").encode()


def _land_records(cursor: duckdb.DuckDBPyConnection, file: DayFile) -> bool:
    """Read a surveyed CSV file into `landed`; return whether all its records are there."""
    names = [f"c{place}" for place in range(len(file.header))]
    line, source = "_row + 1", ""
    if file.shifts and file.shifts[0]:
        cursor.execute("create or replace temp table shifts (first_row bigint, shift bigint)")
        cursor.execute("insert into shifts select unnest(?), unnest(?)", [list(part) for part in file.shifts])
        line, source = "_row + 1 + coalesce(shift, 0)", "asof left join shifts on _row >= first_row"
    _no_refused(cursor)
    if file.rejects:
        cursor.execute(f"""insert into refused from read_csv(
            {literal(escape(str(file.rejects)))}, auto_detect = false, header = false, delim = ',', quote = '"',
            escape = '"', columns = {{'a': 'bigint', 'b': 'varchar', 'c': 'varchar'}}, parallel = false,
            new_line = '\\n', max_line_size = 8000000)""")
    try:
        cursor.execute(f"""create or replace temp table landed as
            select {line} as _line, {", ".join(names)}
            from (select *, row_number() over () as _row from {read_csv_sql([file], names)}) {source}""")
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:
        return False
    return cursor.execute("select count(*) from landed").fetchone() == (file.rows,)


def _no_refused(cursor: duckdb.DuckDBPyConnection) -> None:
    cursor.execute("create or replace temp table refused (_line bigint, reason varchar, text varchar)")


def land_json(cursor: duckdb.DuckDBPyConnection, file: DayFile, contract: Table, place: Path) -> Landed | DayFile:
    """Read JSON lines, a JSON array, or objects that are written in any other way; nested values stay JSON."""
    file = open_source(file, place)
    if file.source is None:
        return file
    _no_refused(cursor)
    if not any(_try_lines(cursor, form, file.source) for form in _forms(file.source)):
        clean = place / f"{file.source.stem}.clean"
        refused = _write_clean(file.source, clean)
        if not any(_try_lines(cursor, form, clean) for form in _forms(clean)):
            return file.lost(Problem("unreadable", None, "cannot be read as JSON", None))
        for row in refused:
            cursor.execute("insert into refused values (?, ?, ?)", row)
    cursor.execute("""insert into refused
        select _line, case when kind is null then 'is not valid JSON' else 'is not a JSON object' end, line
        from lines where trim(line) <> '' and kind is distinct from 'OBJECT'""")
    keys = cursor.execute("select distinct unnest(json_keys(line)) from lines where kind = 'OBJECT'").fetchall()
    # In the contract's order: the order of keys differs from line to line.
    known = {name: place for place, name in enumerate(n for column in contract.columns for n in column.names)}
    header = tuple(sorted((key for (key,) in keys if key), key=lambda key: (known.get(key, len(known)), key)))
    if not header:
        kind: Kind = "unreadable" if _starts_as_array(file.source) else "empty"
        message = "is not a JSON array that can be read" if kind == "unreadable" else "has no JSON object"
        return file.lost(Problem(kind, None, message, None))
    # JSON pointers, as a JSON path cannot have every key.
    pointers = values("/" + key.replace("~", "~0").replace("/", "~1") for key in header)
    cells = "".join(f", v[{n}] as c{n - 1}" for n in range(1, len(header) + 1))
    amounts = _amounts(contract) & set(header)
    numbers = {name: f"n{header.index(name)}" for name in amounts}
    for name, column in numbers.items():
        pointer = values(["/" + name.replace("~", "~0").replace("/", "~1")])
        cells += f", json_type(line, {pointer}) in ({values(NUMBERS)}) as {column}"
    cursor.execute(f"""create or replace temp table landed as
        select _line{cells} from (
            select _line, line, json_extract_string(line, [{pointers}]) as v from lines where kind = 'OBJECT')""")
    cursor.execute("drop table lines")
    return Landed(replace(file, header=header), header, numbers)


def _forms(source: Path) -> tuple[str, ...]:
    """Return the ways to read a JSON file, in the order in which they are tried."""
    return (JSON_ARRAY, JSON_LINES) if _starts_as_array(source) else (JSON_LINES, JSON_ANY)


def _starts_as_array(source: Path) -> bool:
    with source.open("rb") as stream:
        return stream.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")


def _try_lines(cursor: duckdb.DuckDBPyConnection, form: str, path: Path) -> bool:
    """Read a JSON file into the table `lines`; return whether that gives objects, or is the only way."""
    try:
        cursor.execute(f"""create or replace temp table lines as
            with received as ({form.format(path=literal(escape(str(path))))}),
            trimmed as (
                select
                    _line,
                    case when line like '%,' and not json_valid(line) then left(line, -1) else line end as line
                from received
            )
            select _line, line, case when json_valid(line) then json_type(line) end as kind from trimmed""")
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:
        return False
    counts = cursor.execute("select count(*) filter (kind = 'OBJECT'), count(*) from lines where trim(line) <> ''")
    objects, lines = counts.fetchone() or (0, 0)
    return bool(objects) if form != JSON_LINES else 2 * objects >= lines or _is_broken_otherwise(cursor, path)


def _is_broken_otherwise(cursor: duckdb.DuckDBPyConnection, path: Path) -> bool:
    """Return whether a file with few objects in its lines cannot be read as objects in any form either."""
    try:
        read = JSON_ANY.format(path=literal(escape(str(path))))
        return cursor.execute(f"select count(*) from ({read})").fetchone() == (0,)
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:
        return True


def _write_clean(source: Path, target: Path) -> list[tuple[int, str, str]]:
    """Write a copy that is UTF-8 without overlong lines; return the lines that were left out."""
    refused: list[tuple[int, str, str]] = []
    with source.open("rb") as read:
        encoding = encoding_of(read.read(HEAD))
    with source.open(encoding=encoding, errors="replace", newline="\n") as text, working_copy.create(target) as out:
        for number, line in enumerate(text, 1):
            if len(line) > MOST_LINE_BYTES // 4:
                refused.append((number, f"is longer than {MOST_LINE_BYTES // 4:,} characters", line[:1000]))
                line = "\n"
            working_copy.write(out, line.rstrip("\r\n").replace("\0", "").replace("\ufeff", "").encode() + b"\n")
    return refused


def land_parquet(cursor: duckdb.DuckDBPyConnection, file: DayFile, contract: Table, place: Path) -> Landed | DayFile:
    """Read a Parquet file; nested values become JSON."""
    call = f"read_parquet({literal(escape(str(file.path)))}, hive_partitioning = false)"
    try:
        described = [(name, kind) for name, kind, *_ in cursor.execute(f"describe select * from {call}").fetchall()]
        cells = "".join(f", {_text(name, kind)} as c{number}" for number, (name, kind) in enumerate(described))
        line = "row_number() over ()"
        if all(name.lower() != "file_row_number" for name, _ in described):
            call, line = call.replace(", hive", ", file_row_number = true, hive"), "file_row_number + 1"
        cursor.execute(f"create or replace temp table landed as select {line} as _line{cells} from {call}")
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        problem = f"is not a Parquet file that can be read ({str(error).splitlines()[0][:80]})"
        return file.lost(Problem("unreadable", None, problem, None))
    _no_refused(cursor)
    header = tuple(name for name, _ in described)
    numbers = {name: "true" for name, kind in described if kind.startswith(NUMERIC) and "[" not in kind}
    return Landed(replace(file, header=header, source=file.path), header, numbers)


def _text(name: str, kind: str) -> str:
    column = '"' + name.replace('"', '""') + '"'
    nested = kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION", "JSON"))
    return f"cast({f'to_json({column})' if nested else column} as varchar)"


def _amounts(contract: Table) -> set[str]:
    """Return the names of the columns whose values are amounts in a declared form."""
    computed = (*contract.derived.values(), *contract.values.values())
    parts = [part for value in computed for part in parts_of(value)]
    columns = {p.value.column for p in parts if isinstance(p, Amount) and isinstance(p.value, Field)}
    return {name for column in contract.columns if column.name in columns for name in column.names}


Reader = Callable[[duckdb.DuckDBPyConnection, DayFile, Table, Path], Landed | DayFile]
READERS: Mapping[str, Reader] = {"csv": land_csv, "json": land_json, "parquet": land_parquet}
