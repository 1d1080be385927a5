"""From daily CSV files to bronze: every record as it was received, as text, with where it stood.

A file in order goes through DuckDB's reader, several small ones at once. A file in which DuckDB finds
other records than its lines promise is read again by Python, record by record, and what is no record
is kept as text, so that every line is accounted for.
"""

import codecs
import csv
import gzip
import hashlib
import io
import os
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO, TypeVar

import duckdb

from event_data.contract import Contract
from event_data.sql import identifier, literal
from transformation.daily_files import File, LandingError, ensure_unchanged
from transformation.records import read_records
from transformation.statements import SCHEMAS

# Bytes that are read together: enough to make a statement worth its planning, and, where there is so much, to fill
# some of DuckDB's row groups; and not so much that a file that DuckDB cannot read costs many others a second reading.
SMALL, LARGE = 16 << 20, 128 << 20
CHUNK = 1 << 20
T = TypeVar("T")
BROKEN_OFF = (EOFError, zlib.error, gzip.BadGzipFile)
OWN_COLUMNS = ("_source_file", "_file_id", "_line", "_loaded_at", "_unreadable", "_payload")


@dataclass(frozen=True)
class Survey:
    """What a file's bytes say before anything is parsed."""

    content_hash: str
    header: tuple[str, ...]
    delimiter: str
    newline: str
    lines: int
    regular: bool  # plain UTF-8 with one kind of line end, so that DuckDB may try it


def survey(path: Path, delimiter: str) -> Survey:
    """Hash a file, count its lines and read its header, in one pass over its bytes."""
    digest = hashlib.sha256()
    newlines = returns = 0
    nul = False
    head, last = b"", b""
    decoder = codecs.getincrementaldecoder("utf-8")()
    valid = True
    with path.open("rb") as raw:
        is_gzip = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        try:
            for chunk in _chunks(raw, is_gzip):
                digest.update(chunk)
                head = head or chunk[:65536]
                # Half the time of bytes.count, which is a plain loop before Python 3.14.
                newlines += len(io.BytesIO(chunk).readlines()) - (chunk[-1:] != b"\n")
                returns += chunk.count(b"\r") if b"\r" in chunk else 0
                nul = nul or b"\0" in chunk
                last = chunk[-1:]
                if valid and not (chunk.isascii() and not decoder.getstate()[0]):
                    decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except (*BROKEN_OFF, UnicodeDecodeError):
            valid = False
    first = head.partition(b"\n" if newlines else b"\r")[0].rstrip(b"\r")
    text = first.decode("utf-8-sig", "replace")
    delimiter = _delimiter_in(text, delimiter)
    header = column_names(text, delimiter)
    windows = returns > 0 and returns == newlines == head.count(b"\r\n") + newlines - head.count(b"\n")
    regular = (
        valid and not nul and not is_gzip and (returns == 0 or windows)
        and not head.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and b'"' not in first
    )  # fmt: skip
    lines = newlines + (last not in (b"\n", b""))
    return Survey(digest.hexdigest(), header, delimiter, "\\r\\n" if windows else "\\n", lines, regular)


def _delimiter_in(line: str, delimiter: str) -> str:
    """The contract's delimiter; where a header has none of it, the one that it has most of."""
    return delimiter if delimiter in line else max((delimiter, ";", "\t", "|", ","), key=line.count)


def column_names(line: str, delimiter: str) -> tuple[str, ...]:
    """A header's cells as names of columns: none empty, none twice (case does not tell them apart), none of ours."""
    taken = {name.lower() for name in OWN_COLUMNS}
    names = []
    for number, cell in enumerate(next(csv.reader([line.replace("\r", " ")], delimiter=delimiter), []), 1):
        wanted = name = re.sub(r"[\x00-\x1f]", " ", cell).strip() or f"column_{number}"
        suffix = 2
        while name.lower() in taken:
            name, suffix = f"{wanted}_{suffix}", suffix + 1
        taken.add(name.lower())
        names.append(name)
    return tuple(names)


def land(
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[File],
    contract: Contract,
    work_dir: Path,
    progress: Callable[[int], None] = lambda files: None,
    into: str | None = None,
) -> tuple[list[File], list[str]]:
    """Read files into tables of the current catalog; returns them completed, and the selects that give their records.

    Each select has the columns of OWN_COLUMNS and those of its files. With `into`, all records go into one new table
    of that name, and no select is left. Raises LandingError for a file that cannot be opened or changes all the time.
    """
    payload_columns = contract.names_of("payload")
    landed: dict[int, File] = {}
    tables: list[str] = []
    workers = os.cpu_count() or 1
    # One thread a statement keeps the order of the records, which is their line; the cores share the batches.
    (threads,) = connection.execute("select current_setting('threads')").fetchone() or (workers,)
    connection.execute("set threads = 1")
    with ThreadPoolExecutor(workers) as pool:
        surveys = list(pool.map(lambda f: _opened(survey, f.path, contract.delimiter), files))
        if into:
            _create(connection, into, [name for found in surveys if found.regular for name in found.header])
        jobs = [
            pool.submit(_land_batch, connection, number, batch, payload_columns, work_dir, contract.delimiter, into)
            for number, batch in enumerate(_batches(files, surveys, workers), 1)
        ]
        for finished in as_completed(jobs):
            done, made = finished.result()
            landed |= {file.file_id: file for file in done}
            tables += made
            progress(len(done))
    connection.execute(f"set threads = {threads}")
    if into and tables:
        _move(connection, tables, into, list(landed.values()))
        tables = []
    return [landed[f.file_id] for f in files], [f"select * from {name}" for name in tables]


def _create(connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str]) -> None:
    types = dict(zip(OWN_COLUMNS, ("varchar", "bigint", "bigint", "timestamp", "varchar", "varchar"), strict=True))
    types |= dict.fromkeys({name.lower(): name for name in reversed(columns)}.values(), "varchar")
    connection.execute(f"create table {table} ({', '.join(f'{identifier(n)} {t}' for n, t in types.items())})")


def _move(connection: duckdb.DuckDBPyConnection, tables: Sequence[str], into: str, files: Sequence[File]) -> None:
    """Insert the records of landed tables, and drop these."""
    for name in dict.fromkeys(name for file in files for name in file.header):
        # of a file whose header showed itself only when it was read with care
        connection.execute(f"alter table {into} add column if not exists {identifier(name)} varchar")
    connection.execute(f"insert into {into} by name " + " union all by name ".join(f"from {name}" for name in tables))
    for table in tables:
        connection.execute(f"drop table {table}")


def _batches(files: Sequence[File], surveys: Sequence[Survey], workers: int) -> Iterator[list[tuple[File, Survey]]]:
    """Files to be read together: of one form, some for each core, and not too large."""
    most = min(max(sum(f.size for f in files) // (2 * workers), SMALL), LARGE)
    batch: list[tuple[File, Survey]] = []
    for file, found in zip(files, surveys, strict=True):
        if found.lines <= 1:  # a header at most
            yield [(file, found)]
            continue
        same = batch and (found.header, found.delimiter, found.newline, found.regular) == (
            batch[0][1].header, batch[0][1].delimiter, batch[0][1].newline, batch[0][1].regular
        )  # fmt: skip
        if batch and not (same and sum(f.size for f, _ in batch) + file.size <= most):
            yield batch
            batch = []
        batch.append((file, found))
    if batch:
        yield batch


def _land_batch(
    connection: duckdb.DuckDBPyConnection,
    number: int,
    batch: list[tuple[File, Survey]],
    payload_columns: Sequence[str],
    work_dir: Path,
    delimiter: str,
    into: str | None,
) -> tuple[list[File], list[str]]:
    """Land files; returns them completed, and the tables made of what did not go `into` the table of all."""
    with connection.cursor() as cursor:
        name = f"landed_{number}"
        if all(s.regular and s.lines > 1 for _, s in batch) and (
            done := _try(cursor, name, batch, payload_columns, into)
        ):
            return done, [] if into else [name]
        if len(batch) > 1:
            parts = [
                _land_batch(connection, number * 100000 + i, [one], payload_columns, work_dir, delimiter, into)
                for i, one in enumerate(batch, 1)
            ]
            return [f for done, _ in parts for f in done], [name for _, made in parts for name in made]
        return [_carefully(cursor, name, batch[0][0], payload_columns, work_dir, delimiter)], [name]


def _try(
    cursor: duckdb.DuckDBPyConnection,
    name: str,
    batch: list[tuple[File, Survey]],
    payload_columns: Sequence[str],
    into: str | None,
) -> list[File] | None:
    """Read a batch with DuckDB; None, and nothing is left, unless it finds a record on every line."""
    first = batch[0][1]
    paths = ", ".join(literal(plain_glob(f.path)) for f, _ in batch)
    columns = ", ".join(f"{literal(n)}: 'varchar'" for n in first.header)
    ends = list(accumulate(s.lines - 1 for _, s in batch))
    place = "cast(file_index as bigint) + 1"
    names = ", ".join(literal(f.name) for f, _ in batch)
    target = into or name
    try:
        cursor.execute("begin")
        cursor.execute(
            f"""{f"insert into {into} by name" if into else f"create table {name} as"}
            select list_extract([{names}], {place}) as _source_file,
                cast(list_extract({[f.file_id for f, _ in batch]}, {place}) as bigint) as _file_id,
                row_number() over () - list_extract({[0, *ends[:-1]]}, {place}) + 1 as _line,
                current_localtimestamp() as _loaded_at, cast(null as varchar) as _unreadable,
                {_valid_json(payload_columns, first.header)} as _payload, {", ".join(map(identifier, first.header))}
            from read_csv([{paths}], auto_detect = false, columns = {{{columns}}}, header = true, compression = 'none',
                delim = {literal(first.delimiter)}, quote = '"', escape = '"', new_line = {literal(first.newline)},
                parallel = true)"""
        )
        found = cursor.execute(
            f"select _file_id, count(*), min(_line), max(_line) from {target} "
            f"where _file_id in ({', '.join(str(f.file_id) for f, _ in batch)}) group by all order by all"
        ).fetchall()
    except (duckdb.OutOfMemoryException, duckdb.IOException):
        for file, _ in batch:
            ensure_unchanged(file)
        raise  # no fault of the files: the disk or the memory is full
    except duckdb.Error:
        found = []
    if found != sorted((f.file_id, s.lines - 1, 2, s.lines) for f, s in batch):
        cursor.execute("rollback")
        return None
    for file, _ in batch:
        ensure_unchanged(file)
    cursor.execute("commit")
    return [replace(f, content_hash=s.content_hash, header=s.header, records=s.lines - 1) for f, s in batch]


def _carefully(
    cursor: duckdb.DuckDBPyConnection,
    name: str,
    file: File,
    payload_columns: Sequence[str],
    work_dir: Path,
    delimiter: str,
) -> File:
    """Read one file record by record, through a clean copy; what is no record is kept as text."""
    copy = work_dir / f"{name}.csv"
    done, longest = _clean_copy(file, copy, delimiter)
    ensure_unchanged(file)
    columns = "".join(f", {literal(n)}: 'varchar'" for n in done.header)
    names = "".join(f", {identifier(n)}" for n in done.header)
    cursor.execute(
        f"""create table {name} as
        select {literal(file.name)} as _source_file, cast({file.file_id} as bigint) as _file_id, _line,
            current_localtimestamp() as _loaded_at, _unreadable,
            {_valid_json(payload_columns, done.header)} as _payload{names}
        from read_csv({literal(plain_glob(copy))}, auto_detect = false, header = false, parallel = false,
            columns = {{'_line': 'bigint', '_unreadable': 'varchar'{columns}}}, delim = ',', quote = '"',
            escape = '"', max_line_size = {max(2 << 20, longest + 4096)})"""
    )
    copy.unlink()
    return done


def _clean_copy(file: File, copy: Path, delimiter: str) -> tuple[File, int]:
    """Write a file's records as (line, text that is no record, fields); returns it completed, and the longest's bytes.

    The bytes are what the longest record takes at most.
    """
    longest = records = unreadable = 0
    with copy.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
        text, content_hash, complete = _opened(_text_of, file.path)
        first = text.lstrip("\r\n")
        line_of_header = 1 + text[: len(text) - len(first)].count("\n")
        line, _, rest = first.partition("\n")
        delimiter = _delimiter_in(line, delimiter)
        header = column_names(line, delimiter)
        for number, fields, raw in read_records(rest, delimiter, len(header), line_of_header + 1):
            records += 1
            unreadable += raw is not None
            longest = max(longest, sum(map(len, fields)) * 4 + len(raw or "") * 4)
            writer.writerow([number, raw if raw is not None else "", *(fields or [""] * len(header))])
        if not complete:
            records += 1
            unreadable += 1
            end = line_of_header + 1 + rest.count("\n")
            writer.writerow([end, "(the rest of the compressed file is missing)", *[""] * len(header)])
    done = replace(file, content_hash=content_hash, header=header, records=records, unreadable=unreadable)
    return done, longest


def _text_of(path: Path) -> tuple[str, str, bool]:
    """A file's text, the hash of its bytes, and whether it was all there (a compressed file may break off)."""
    content, complete = io.BytesIO(), True
    with path.open("rb") as raw:
        is_gzip = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        try:
            for chunk in _chunks(raw, is_gzip):
                content.write(chunk)
        except BROKEN_OFF:
            complete = False
    data = content.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = data.decode("utf-16", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", "replace")
    if "\r" in text and "\n" not in text:
        text = text.replace("\r", "\n")
    return text.replace("\0", "\ufffd"), digest, complete


def _chunks(raw: BinaryIO, is_gzip: bool) -> Iterator[bytes]:
    stream = gzip.GzipFile(fileobj=raw) if is_gzip else raw
    while chunk := stream.read(CHUNK):
        yield chunk


def _opened(read: Callable[..., T], path: Path, *args: object) -> T:
    try:
        return read(path, *args)
    except OSError as error:
        raise LandingError(f"{path}: {error.strerror}; make it readable, or move it out of the folder.") from None


def _valid_json(columns: Sequence[str], header: Sequence[str]) -> str:
    """The payload where it is JSON: an engine may raise on text that is none."""
    there = {name.lower(): name for name in header}
    found = [identifier(there[c.lower()]) for c in columns if c.lower() in there]
    if not found:
        return "cast(null as varchar)"
    payload = f"coalesce({', '.join(found)})"
    return f"case when json_valid({payload}) then {payload} end"


def plain_glob(path: Path) -> str:
    """A path in which no character stands for others."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def land_seeds(connection: duckdb.DuckDBPyConnection, contract: Contract, seeds: Path) -> None:
    """The schemas, the rules that are data, and what the contract lists, as tables of bronze."""
    for schema in SCHEMAS:
        connection.execute(f"create schema if not exists {schema}")
    for seed in sorted(seeds.glob("*.csv")):
        connection.execute(
            f"create table bronze.{seed.stem} as from read_csv({literal(plain_glob(seed))}, header = true, "
            "all_varchar = true, delim = ',', quote = '\"')"
        )
    connection.execute("create table bronze.event_roles (event_name varchar, event varchar)")
    connection.execute("create table bronze.own_hosts (host varchar, kind varchar)")
    hosts = [*((h, "own") for h in contract.own_hosts), *((h, "payment") for h in contract.payment_hosts)]
    for table, rows in (("event_roles", list(contract.event_roles.items())), ("own_hosts", hosts)):
        if rows:
            connection.executemany(f"insert into bronze.{table} values (?, ?)", rows)
