"""One pass over the files: what each leaves behind, counted in DuckDB.

Files with the same header go through in batches, a batch at a time on each core. DuckDB runs every
batch on one thread, so that a row's number in `raw` is its number in the file; two batches on two
cores are as fast as one on both. A batch that DuckDB cannot read to the last record is read again
file by file through `reading.recover`, and nothing of the failed attempt stays.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from glob import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb

from event_data.contract import Contract
from event_data.reading.day_file import DayFile, ReadingError
from event_data.reading.survey import find_files, recover, survey
from event_data.sql import literal
from quality import contract_sql as sql_text
from quality import row_checks
from quality.definitions import PASS, Measure
from quality.derivations import crawler_patterns, derivations
from quality.prefilter import Prefilter

NOT_THE_FILES_FAULT = (
    duckdb.BinderException,
    duckdb.ParserException,
    duckdb.CatalogException,
    duckdb.OutOfMemoryException,
)
LONGEST_GAP = timedelta(days=366)  # between two files of a folder; each day of a gap is a finding
BATCH = 48 << 20  # bytes that are read together: enough to make a statement worth its planning
LARGE = BATCH // 4
BUFFER = 4 << 20  # DuckDB's own of 32 MB would be new memory each time, and leave the processor's cache


@dataclass
class FileFacts:
    """One file and what the pass counted in it. `headers` maps contract columns to header names."""

    file_no: int
    file: DayFile
    day: date
    headers: dict[str, tuple[str, ...]]
    records: int = 0
    clients: int = 0
    orders: int = 0
    revenue: Decimal = Decimal(0)
    plain: int = 0  # clean page views, which are not kept
    content_key: int = 0
    crawler_events: int | None = None
    events: dict[str, int] = field(default_factory=dict)

    @property
    def missing(self) -> bool:
        """Whether the day's file has not arrived at all."""
        return self.file.source is None and not self.file.problems


def survey_days(data_dir: Path, contract: Contract, work_dir: Path) -> Iterator[tuple[int, DayFile]]:
    """Survey every file of the folder, numbered by day, and give an empty one where a day between two others has none.

    The largest come first, so that the cores end their work together. Raises ReadingError when the
    folder holds no day at all.
    """
    found = find_files(data_dir, contract.file_name)
    if not found:
        raise ReadingError(
            f"{data_dir} holds no file named like {contract.file_name}; name the right folder with --data_dir, "
            "or another contract with --contract."
        )
    days = {day for _, day in found}
    for before, after in pairwise(sorted(days)):
        if after - before > LONGEST_GAP:
            raise ReadingError(
                f"{data_dir} holds no file between {before} and {after}; correct the name of the one that is wrong, "
                "or check the two parts apart."
            )
    day = min(days)
    while (day := day + timedelta(days=1)) < max(days):
        if day not in days:
            found.append((data_dir / day.strftime(contract.file_name), day))
    # The contract's own name first: another file of the day is the second delivery.
    found.sort(key=lambda f: (f[1], f[0].name != f[1].strftime(contract.file_name), f[0].name))
    for file_no, (path, day) in sorted(enumerate(found), key=lambda f: -_size(f[1][0])):
        missing = day not in days
        yield file_no, DayFile(path.name, path, day, 0) if missing else survey(path, day, contract.delimiter, work_dir)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


class Scan:
    """The state of one run: the contract, the files and the DuckDB connection that holds the counts."""

    def __init__(
        self, contract: Contract, work_dir: Path, connection: duckdb.DuckDBPyConnection, prefilter: bool = True
    ):
        self.contract = contract
        self.work_dir = work_dir
        self.files: list[FileFacts] = []
        self.connection = connection
        self.raw_names = row_checks.raw_names(contract)
        self.row_checks = row_checks.expand(contract)
        self.prefilter = Prefilter(contract, self.row_checks, enabled=prefilter)
        self.measures: dict[str, list[Measure]] = {}  # of the row checks, by name
        # What a check filters, and a share that may shift, is counted over all events: each condition once.
        shifts = [c.condition for c in self.row_checks if c.is_shift]
        nulls = [f"{raw_name} is null" for raw_name in self.raw_names.values()]
        tallied = dict.fromkeys([*nulls, *(c.filter for c in self.row_checks), *shifts])
        self._flagged = [sql for sql in tallied if sql not in self.prefilter.known and sql != "true"]
        self._tallies: dict[int, dict[str, int]] = {}
        self._filled = self._placeholders()

    def _placeholders(self) -> dict[str, str]:
        """What stands for the placeholders of pass.sql that are the same for every batch."""
        texts = sorted({*row_checks.RAW_NAMES.values(), *self.raw_names.values()} - {"event", "user_agent"})
        return {
            "local_time": sql_text.local_time(self.contract),
            "clean": self.prefilter.clean,
            "plain": self.prefilter.plain,
            "other_columns": ", ".join(
                sorted(set(self.raw_names.values()) - {"client", "event", "page", "payload", "user_agent"})
            ),
            "flags": "".join(f"{sql} as flag_{i}, " for i, sql in enumerate(self._flagged)),
            "counted": "".join(f", count(*) filter (flag_{i}) as n{i}" for i in range(len(self._flagged))),
            "kept": ", ".join(f"case when not clean then {text} end as {text}" for text in texts if text != "page"),
            "texts": ", ".join(texts),
            "text_columns": ", ".join(f"{text} varchar" for text in texts),
        }

    def run(self, days: Iterable[tuple[int, DayFile]], progress: Callable[[int], None] = lambda files: None) -> None:
        """Read every file once, then derive what the checks over several events look at.

        Raises ReadingError for a file that changes all the time.
        """
        workers = os.cpu_count() or 1
        with ThreadPoolExecutor(workers) as pool:
            prepared = pool.submit(self._prepare)
            patterns = pool.submit(crawler_patterns)
            # A batch is read while the next one is surveyed.
            read = {pool.submit(self._read_batch, batch, prepared): len(batch) for batch in self._batches(days)}
            for future in as_completed(read):
                future.result()
                progress(read[future])
            self.files.sort(key=lambda f: f.file_no)
            self.connection.execute(f"set threads = {workers}")
            files = [(f.file_no, str(f.day), f.records, f.plain) for f in self.files]
            # What takes longest comes first.
            measures = pool.submit(
                row_checks.run, self.connection.cursor(), self.row_checks, self._tallies, self.prefilter
            )
            parts = derivations(self.contract, files, self.prefilter.plain_event, patterns.result())
            self._execute(parts.pop("first"))
            list(pool.map(self._execute, parts.values()))
            self.measures = measures.result()
        for file_no, orders, revenue in self.connection.execute(PASS["orders"]).fetchall():
            self.files[file_no].orders, self.files[file_no].revenue = orders, revenue or Decimal(0)
        for file_no, event, count in self.connection.execute("select * from event_counts").fetchall():
            self.files[file_no].events[event] = count
        for file_no, count in self.connection.execute("select * from crawler_events").fetchall():
            self.files[file_no].crawler_events = int(count)

    def _prepare(self) -> None:
        """Make the tables and macros that every batch uses; it takes as long as surveying the first files."""
        self._execute(PASS["shared"].format(**self._filled))
        self._execute(sql_text.macros(self.contract))

    def _execute(self, sql: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(sql)

    def null_share(self, facts: FileFacts, column: str) -> float | None:
        """The share of a file's events that have nothing in a column; None where there is no such column or event."""
        if column not in facts.headers or not facts.records:
            return None
        return self._tallies[facts.file_no][f"{self.raw_names[column]} is null"] / facts.records

    def _batches(self, days: Iterable[tuple[int, DayFile]]) -> Iterator[list[FileFacts]]:
        """Add each day to `files`, and give those to be read together: of one form, and not too large.

        Large files go alone first and last, so that no core waits for the next batch or for the last.
        """
        batches: dict[object, list[FileFacts]] = {}
        waiting = os.cpu_count() or 1
        for file_no, file in days:
            facts = FileFacts(file_no, file, file.day or date.min, _headers(self.contract, file))
            self.files.append(facts)
            if not file.readable and not file.damaged:
                continue
            if waiting and file.size > LARGE:
                waiting -= 1
                yield [facts]
                continue
            batch = batches.setdefault(_form(file), [])
            if batch and _bytes(batch) + file.size > BATCH:
                yield batch
                batch = batches[_form(file)] = []
            batch.append(facts)
        for batch in filter(None, batches.values()):
            yield from ([f] for f in batch) if _bytes(batch) > LARGE else [batch]

    def _read_batch(self, batch: list[FileFacts], prepared: Future[None]) -> None:
        """Read and count a batch; file by file, and each as carefully as it needs, if not all is sound."""
        prepared.result()
        if not any(f.file.damaged for f in batch) and self._try_batch(batch):
            return
        if len(batch) > 1:
            for facts in batch:
                self._read_batch([facts], prepared)
            return
        facts = batch[0]
        facts.file = recover(facts.file, self.work_dir)
        facts.headers = _headers(self.contract, facts.file)
        if facts.file.readable and not self._try_batch([facts]):
            raise ReadingError(f"{facts.file.path} changes while it is read; run again when its transfer has ended.")

    def _try_batch(self, batch: list[FileFacts]) -> bool:
        """Count a batch, and return whether DuckDB found just the rows that the bytes hold; else nothing is kept."""
        with self.connection.cursor() as cursor:
            try:
                if batch[0].file.size > BATCH:
                    # Memory that is used again, not given back, spares a tenth of the time.
                    cursor.execute("set block_allocator_memory = '512MB'")
                header = self._event_header(batch)
                cursor.execute(PASS["raw"].format(received=self._received(batch), event_header=header, **self._filled))
            except NOT_THE_FILES_FAULT:
                raise
            except duckdb.Error:  # NotImplementedException among them, for a line of 40 MB
                return False
            counted = _by_file(cursor, PASS["counts"].format(**self._filled))
            if any(counted.get(f.file_no, {"records": 0})["records"] != f.file.rows for f in batch):
                return False
            if counted:
                self._keep(cursor, [f for f in batch if f.file_no in counted], counted)
            return True

    def _received(self, batch: list[FileFacts]) -> str:
        """The select that gives a batch's records the names of `raw`, as text, null where empty."""
        first = batch[0]
        header = first.file.header
        at = {name: f"c{i}" for i, name in reversed(list(enumerate(header)))}
        selected = [
            f"cast({_of_file(batch, [str(f.file_no) for f in batch])} as usmallint) as file_no",
            f"{_of_file(batch, [_day(f) for f in batch])} as file_day",
        ]
        for name, raw_name in self.raw_names.items():
            found = [at[h] for h in first.headers.get(name, ())] or ["cast(null as varchar)"]
            selected.append(f"coalesce({', '.join(found)}) as {raw_name}" if found[1:] else f"{found[0]} as {raw_name}")
        absent = set(row_checks.RAW_NAMES) - set(self.contract.roles)
        selected += [f"cast(null as varchar) as {row_checks.RAW_NAMES[role]}" for role in sorted(absent)]
        client = self.contract.roles["client"]
        tracked = f"{at[client]} is not null" if client in at and first.headers[client][1:] else str(client in at)
        selected.append(f"{tracked} as tracked")
        files = ", ".join(literal(escape(str(f.file.readable))) for f in batch)
        columns = ", ".join(f"'c{i}': 'varchar'" for i in range(len(header)))
        return f"""select {", ".join(selected)}
            from read_csv(
                [{files}], auto_detect = false, columns = {{{columns}}}, header = true, compression = 'none',
                delim = {literal(first.file.delimiter)}, quote = '"', escape = '"',
                parallel = {str(not first.file.multiline).lower()}, buffer_size = {BUFFER}
            )"""

    def _event_header(self, batch: Sequence[FileFacts]) -> str:
        """Return what the column of the event holds in a line that repeats the header."""
        return literal(batch[0].headers.get(self.contract.roles["event"], ("",))[0])

    def _keep(
        self, cursor: duckdb.DuckDBPyConnection, batch: Sequence[FileFacts], counted: dict[int, dict[str, Any]]
    ) -> None:
        for facts in batch:
            row = counted[facts.file_no]
            facts.records, facts.clients, facts.plain = row["records"], row["clients"], row["plain"]
            facts.content_key = row["content_key"]
            self._tallies[facts.file_no] = {"true": facts.records}
            self._tallies[facts.file_no] |= {sql: row[f"n{i}"] for i, sql in enumerate(self._flagged)}
        firsts = [str(counted[f.file_no]["first_rowid"]) for f in batch]
        place = f"list_position({[f.file_no for f in batch]}, file_no)"
        filled = {
            **self._filled,
            "record": f"rowid + 1 - {_of_file(batch, firsts, place)}",
            "file_day": _of_file(batch, [_day(f) for f in batch], place),
            "event_header": self._event_header(batch),
        }
        cursor.execute(PASS["keep"].format(**filled))
        cursor.execute("drop table raw")


def _of_file(batch: Sequence[FileFacts], values: Sequence[str], place: str = "cast(file_index as bigint) + 1") -> str:
    """SQL for the one of `values` that belongs to a row's file."""
    return f"list_extract([{', '.join(values)}], {place})" if batch[1:] else values[0]


def _day(facts: FileFacts) -> str:
    return f"date '{facts.day}'"


def _bytes(batch: Sequence[FileFacts]) -> int:
    return sum(f.file.size for f in batch)


def _form(file: DayFile) -> tuple[object, ...]:
    return file.header, file.delimiter, file.damaged


def _headers(contract: Contract, file: DayFile) -> dict[str, tuple[str, ...]]:
    """The header names that hold each contract column: its own first, then its synonyms."""
    found = {c.name: tuple(n for n in (c.name, *c.synonyms) if n in file.header) for c in contract.columns}
    return {name: headers for name, headers in found.items() if headers}


def _by_file(cursor: duckdb.DuckDBPyConnection, sql: str) -> dict[int, dict[str, Any]]:
    result = cursor.execute(sql)
    names = [d[0] for d in result.description]
    return {row[0]: dict(zip(names, row, strict=True)) for row in result.fetchall()}
