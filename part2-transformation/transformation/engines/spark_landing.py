"""Load daily CSV files into bronze with Spark's own reader, with exactly the records that DuckDB lands.

Spark reads the files in which every line is one record with as many fields as the header; a first pass over all lines
finds them. The other files, usually a few damaged ones, are read on this machine by landing.py, as for DuckDB. The
line of a record is its position in its part of the file plus the number of records in the parts before.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from event_data.contract import Contract
from event_data.events import NULL_WORDS
from event_data.reading.day_file import DayFile
from event_data.reading.deliveries import second_deliveries, second_delivery
from event_data.reading.deliveries import set_aside as set_aside_here
from event_data.reading.folder import Folder, Unread
from event_data.reading.not_a_table import FOOTER
from event_data.reading.survey import survey
from event_data.sql import json_path, literal
from transformation.engines.spark_session import SparkError, Tables, is_sparks
from transformation.landing import OWN_COLUMNS, column_names, land

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession


WHOLE = 64 << 20  # bytes that one task may hold to hash a file; larger files are hashed line by line
JAVA_NUMBER = "^-?[0-9][0-9.]*E-?[0-9]+$"  # Java writes 12345678.0 in JSON as 1.2345678E7
GZIP_RATIO = 8  # assumed decompressed size of a gzip file, as a multiple


@dataclass(frozen=True)
class Facts:
    """Facts about a file from the first pass; `reported` is its name as spelled in Spark's metadata."""

    reported: str
    lines: int
    header: str
    fewest: int  # delimiters in a line, outside quotes
    most: int
    damaged: bool
    line_hashes: int

    def cells(self, delimiter: str) -> tuple[str, ...]:
        """Return the names in the header of a regular file."""
        return tuple(self.header.split(delimiter))


def land_with_spark(
    tables: "Tables", files: Sequence[DayFile], data_dir: str, contract: Contract, folder: Path
) -> tuple[list[DayFile], "DataFrame"]:
    """Land files below folder/bronze/events; return the files with their facts, and their records.

    Raise ReadingError, or SparkError for a payload that only one of the two engines accepts as JSON.
    """
    from pyspark.sql import functions as f

    spark = tables.spark
    readable = [f for f in files if not f.is_converted and not f.name.lower().endswith(".zst")]
    facts = _look(spark, readable, data_dir, contract.delimiter)
    hashes = _hashes(spark, [file for file in files if file.name in facts], data_dir, facts)
    path = folder / "bronze" / "events"
    regular = [file for file in files if _is_regular(facts.get(file.name), contract)]
    landed: dict[int, DayFile] = {}
    if regular:
        raw = _read(tables, regular, data_dir, facts, contract.delimiter)
        places, done = _places(raw, regular, facts)
        landed = {
            file.file_id: replace(
                file, header=facts[file.name].cells(contract.delimiter), records=facts[file.name].lines - 1,
                content_hash=hashes[file.name],
            )
            for file in done
        }  # fmt: skip
        if done:
            _write(tables, raw, places, contract, path)
    others = [file for file in files if file.file_id not in landed]
    landed |= {file.file_id: file for file in _land_here(tables, others, data_dir, contract, path)}
    names = _names([name for file in landed.values() for name in column_names(file.header, contract)])
    types = {"_file_id": "bigint", "_line": "bigint", "_loaded_at": "timestamp_ntz"}
    schema = ", ".join(f"`{n.replace('`', '``')}` {types.get(n, 'string')}" for n in (*OWN_COLUMNS, *names))
    events = spark.read.schema(schema).parquet(path.absolute().as_uri())
    here = f.col("_file_id").isin([file.file_id for file in others]) if others else f.lit(False)
    _agree_on_json(tables, events.where(f.col("_unreadable").isNull()), here, _payload(contract, names))
    _agree_on_values(tables, events, contract)
    return [landed[file.file_id] for file in files], events


def place(data_dir: str, name: str) -> str:
    """Return a file's path for Spark with wildcards escaped; an address is returned unchanged."""
    start = data_dir if "://" in data_dir else re.sub(r"([\\*?\[\]{}])", r"\\\1", str(Path(data_dir).absolute()))
    scheme = "" if "://" in data_dir else "file://"
    return f"{scheme}{start.rstrip('/')}/" + re.sub(r"([\\*?\[\]{}])", r"\\\1", name)


def _look(spark: "SparkSession", files: Sequence[DayFile], data_dir: str, delimiter: str) -> dict[str, Facts]:
    """Return facts by file name; empty files and truncated compressed files have none."""
    from pyspark.sql import functions as f

    if not files:
        return {}
    lines = spark.read.text([place(data_dir, file.name) for file in files], lineSep="\n")
    line = f.regexp_replace("value", "\r\\z", "")
    quotes = f.length(line) - f.length(f.replace(line, f.lit('"'), f.lit("")))
    # Only quotes remain of a quoted field: one between delimiters, or several if the field contains quotes.
    bare = f.regexp_replace(line, '"[^"]*"', '"')
    d = re.escape(delimiter)
    broken = (
        (quotes % 2 == 1) | bare.rlike(f'"[^"{d}]|[^"{d}]"') | ~f.is_valid_utf8(f.col("value"))
        | line.contains("\r") | line.contains("\0") | line.rlike(f"(?i){FOOTER}")
    )  # fmt: skip
    at = f.struct("_metadata.file_block_start", f.monotonically_increasing_id())
    facts = (
        lines.select(
            f.col("_metadata.file_name").alias("reported"), at.alias("at"), line.alias("line"), broken.alias("broken"),
            (f.length(bare) - f.length(f.replace(bare, f.lit(delimiter), f.lit("")))).alias("delimiters"),
            f.xxhash64("value").cast("decimal(20, 0)").alias("hash"),
        )
        .groupBy("reported")
        .agg(
            f.count("*"), f.min_by("line", "at"), f.min("delimiters"), f.max("delimiters"), f.bool_or("broken"),
            f.sum("hash"),
        )
    )  # fmt: skip
    try:
        rows = facts.collect()
    except Exception as error:
        plain = [file for file in files if not file.name.lower().endswith(".gz")]
        if len(plain) == len(files) or not is_sparks(error):
            raise
        return _look(spark, plain, data_dir, delimiter) if plain else {}
    return {
        unquote(name): Facts(name, lines, header, fewest, most, broken, int(hashes))
        for name, lines, header, fewest, most, broken, hashes in rows
    }


def _is_regular(facts: Facts | None, contract: Contract) -> bool:
    """Return whether every line has as many fields as the header, and the column names need no changes."""
    if facts is None or facts.damaged or facts.lines < 2 or '"' in facts.header or "\ufeff" in facts.header:
        return False
    cells = facts.cells(contract.delimiter)
    if contract.header_names.isdisjoint(cell.strip().lower() for cell in cells):
        return False  # the header may be on a later line
    return column_names(cells, contract) == cells and facts.fewest == facts.most == len(cells) - 1 > 0


def _hashes(spark: "SparkSession", files: Sequence[DayFile], data_dir: str, facts: dict[str, Facts]) -> dict[str, str]:
    """Return a hash by file name: SHA-256, or for a large file the number of lines and the sum of their hashes."""
    from pyspark.sql import functions as f

    def size(file: DayFile) -> int:
        return file.size * (GZIP_RATIO if file.name.lower().endswith(".gz") else 1)

    hashes = {file.name: f"lines {facts[file.name].lines} {facts[file.name].line_hashes}" for file in files}
    small = [place(data_dir, file.name) for file in files if size(file) <= WHOLE]
    if small:
        whole = spark.read.text(small, wholetext=True)
        rows = whole.select("_metadata.file_name", f.sha2(f.col("value").cast("binary"), 256)).collect()
        hashes |= {unquote(name): digest for name, digest in rows}
    return hashes


def _read(
    tables: "Tables", files: Sequence[DayFile], data_dir: str, facts: dict[str, Facts], delimiter: str
) -> "DataFrame":
    """Return the records as received, each with its file name, the start of its file part, and its position in it.

    The columns temporarily use similar bronze names. The records are written before they are numbered, because a second
    read with a different number of cores could split a file elsewhere.
    """
    from pyspark.sql import functions as f

    def header(file: DayFile) -> tuple[str, ...]:
        return facts[file.name].cells(delimiter)

    path = (tables.work / "records").absolute().as_uri()
    for number, (names, same) in enumerate(groupby(sorted(files, key=header), key=header)):
        quoted = [f"`{name.replace('`', '``')}`" for name in names]
        records = tables.spark.read.schema(", ".join(f"{name} string" for name in quoted)).csv(
            [place(data_dir, file.name) for file in same], header=True, sep=delimiter, quote='"', escape='"',
            enforceSchema=False, mode="FAILFAST",
        )  # fmt: skip
        records.select(
            f.col("_metadata.file_name").alias("_source_file"),
            f.col("_metadata.file_block_start").alias("_file_id"),
            f.monotonically_increasing_id().alias("_line"),
            *(f.nullif(f.col(name), f.lit("")).alias(bare) for name, bare in zip(quoted, names, strict=True)),
        ).write.parquet(f"{path}/{number}")
    parts = [tables.spark.read.parquet(f"{path}/{n}") for n in range(number + 1)]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.unionByName(part, allowMissingColumns=True)
    return whole


def _places(
    raw: "DataFrame", files: Sequence[DayFile], facts: dict[str, Facts]
) -> tuple[list[tuple[str, int, int, str, int]], list[DayFile]]:
    """Return the offset from position to line for each file part, and the files whose records are all present."""
    from pyspark.sql import functions as f

    rows = raw.groupBy("_source_file", "_file_id").agg(f.min("_line"), f.count("*")).collect()
    places, done = [], []
    for file in files:
        reported = facts[file.name].reported
        before = 0
        parts = []
        for _, start, first, count in sorted(row for row in rows if row[0] == reported):
            parts.append((reported, start, 2 + before - first, file.name, file.file_id))
            before += count
        if before == facts[file.name].lines - 1:
            places += parts
            done.append(file)
    return places, done


def _write(
    tables: "Tables", raw: "DataFrame", places: Sequence[tuple[str, int, int, str, int]], contract: Contract, path: Path
) -> None:
    from pyspark.sql import functions as f

    rows = ", ".join(f"({literal(p)}, {start}, {add}, {literal(n)}, {i})" for p, start, add, n, i in places)
    tables.share("work.places", tables.work, f"from (values {rows}) as places (reported, start, added, name, file_id)")
    columns = [name for name in raw.columns if name not in OWN_COLUMNS]
    payload = _payload(contract, columns)
    tried = f.when(_is_json(payload), payload) if payload is not None else f.lit(None)
    parts = f.broadcast(tables.spark.table(tables.views["work.places"]))
    raw.join(parts, (raw["_source_file"] == parts["reported"]) & (raw["_file_id"] == parts["start"])).select(
        parts["name"].alias("_source_file"),
        parts["file_id"].cast("bigint").alias("_file_id"),
        (raw["_line"] + parts["added"]).alias("_line"),
        f.lit(datetime.now()).cast("timestamp_ntz").alias("_loaded_at"),
        f.lit(None).cast("string").alias("_unreadable"),
        tried.cast("string").alias("_payload"),
        *(f.col(f"`{name.replace('`', '``')}`") for name in columns),
    ).write.partitionBy("_file_id").parquet(path.absolute().as_uri())


def _payload(contract: Contract, names: Sequence[str]) -> "Column | None":
    from pyspark.sql import functions as f

    there = {name.lower(): name for name in names}
    wanted = contract.names_of("payload")
    columns = [f.col(f"`{there[name.lower()]}`") for name in wanted if name.lower() in there]
    filled = [f.when(~f.lower(column).isin(list(NULL_WORDS)), column) for column in columns]
    return f.coalesce(*filled) if filled else None


def _is_json(text: "Column") -> "Column":
    """Return whether a text is one JSON value; it is wrapped, as Spark ignores what follows the first value."""
    from pyspark.sql import functions as f

    in_list, in_object = f.concat(f.lit("["), text, f.lit("]")), f.concat(f.lit('{"x":'), text, f.lit("}"))
    return f.try_parse_json(in_list).isNotNull() & f.try_parse_json(in_object).isNotNull()


def _agree_on_json(tables: "Tables", events: "DataFrame", here: "Column", payload: "Column | None") -> None:
    """Raise SparkError for a payload that is JSON for DuckDB but not for Spark, such as a NaN or a repeated name.

    `here` is true for records whose `_payload` comes from DuckDB.
    """
    from pyspark.sql import functions as f

    if payload is None:
        return
    not_for_spark = f.when(here, ~_is_json(payload)).otherwise(events["_payload"].isNull())
    doubtful = events.where(payload.isNotNull() & not_for_spark)
    for name, line, text in doubtful.select("_source_file", "_line", payload).toLocalIterator():
        valid = tables.connection.execute("select json_valid(?)", [text]).fetchone()
        if valid and valid[0]:
            raise SparkError(
                f"{name}, line {line}: the payload is JSON for DuckDB and not for Spark (a NaN, an extra comma, a "
                "repeated key); correct the line, or use --engine duckdb."
            )


def _agree_on_values(tables: "Tables", events: "DataFrame", contract: Contract) -> None:
    """Raise SparkError if Spark and DuckDB read an order's id or customer as different texts."""
    from pyspark.sql import functions as f

    for key in ("transaction_id", "customer"):
        if (path := getattr(contract.order, key, None)) is None:
            continue
        text = f.get_json_object(events["_payload"], json_path(path, bracketed=True))
        doubtful = events.where(text.rlike(JAVA_NUMBER)).select("_source_file", "_line", "_payload", text)
        for name, line, payload, here in doubtful.toLocalIterator():
            query = tables.connection.execute("select json_extract_string(?, ?)", [payload, json_path(path)])
            ((there,),) = query.fetchall()
            if here != there:
                raise SparkError(
                    f"{name}, line {line}: {path} is {there} for DuckDB and {here} for Spark; correct the line, or use "
                    "--engine duckdb."
                )


def _names(columns: Sequence[str]) -> list[str]:
    """Return the columns of all files, each in its first spelling."""
    names: dict[str, str] = {}
    for name in columns:
        names.setdefault(name.lower(), name)
    return list(names.values())


def _land_here(
    tables: "Tables", files: Sequence[DayFile], data_dir: str, contract: Contract, path: Path
) -> Iterator[DayFile]:
    """Land files one by one with landing.py."""
    for file in files:
        here = file if file.is_converted else fetched_file(tables, file, data_dir)
        surveyed = survey(here, contract.delimiter, tables.work, with_hash=True, names=contract.header_names)
        (done,), (select,) = land(tables.connection, [surveyed], contract, tables.work)
        part = path / f"_file_id={file.file_id}"
        part.mkdir(parents=True)
        tables.connection.execute(
            f"copy (select * exclude (_file_id) from ({select})) to {literal(str(part / 'part.parquet'))} "
            "(format parquet)"
        )
        tables.connection.execute(f"drop table {select.rpartition(' ')[2]}")
        yield replace(done, path=file.path, size=file.size, stamp=file.stamp)


def fetched(tables: "Tables", folder: Folder, data_dir: str) -> Folder:
    """Return a folder whose files are on this machine."""
    return replace(folder, files=tuple(fetched_file(tables, file, data_dir) for file in folder.files))


def fetched_file(tables: "Tables", file: DayFile, data_dir: str) -> DayFile:
    """Return a file on this machine: itself, or a copy of one at an address."""
    if "://" not in data_dir:
        return file
    content = tables.spark.read.format("binaryFile").load(place(data_dir, file.name)).select("content").first()
    copy = tables.work / file.name
    copy.write_bytes(content[0] if content else b"")
    return replace(file, path=copy, stamp="")


def set_aside(tables: "Tables", files: Sequence[DayFile], data_dir: str, contract: Contract) -> list[Unread]:
    """Return the second deliveries among the files, by the rules of event_data.reading.deliveries.

    Spark counts the identical lines of files that only its cluster can read.
    """
    days: dict[date, list[DayFile]] = {}
    for file in files:
        days.setdefault(file.day, []).append(file)
    several = [file for same_day in days.values() if len(same_day) > 1 for file in same_day]
    aside: list[Unread] = []
    if several and ("://" not in data_dir or several[0].is_converted):
        set_aside_here(several, contract, tables.work, aside)
    elif several:
        same = _identical_lines(tables.spark, several, data_dir)
        for same_day in days.values():
            aside += [
                second_delivery(file, first, same)
                for file, first in second_deliveries(same_day, same, contract.file_name)
            ]
    return aside


def _identical_lines(spark: "SparkSession", files: Sequence[DayFile], data_dir: str) -> dict[tuple[int, int], int]:
    """Return the number of identical lines below the header for each pair of file_ids of the same day."""
    from pyspark.sql import functions as f

    lines = spark.read.text([place(data_dir, file.name) for file in files], lineSep="\n").where("value <> ''")
    line = f.xxhash64(f.regexp_replace("value", "\r\\z", "")).alias("line")
    counted = lines.select(f.col("_metadata.file_name").alias("file"), line).groupBy("file", "line").count()
    other = counted.select(f.col("file").alias("other"), "line")
    rows = counted.join(other, "line").groupBy("file", "other").agg(f.sum("count")).collect()
    ids = {file.name: file.file_id for file in files}
    return {(ids[unquote(one)], ids[unquote(two)]): int(same) - 1 for one, two, same in rows}
