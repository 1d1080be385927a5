"""Read the files in one pass and count in DuckDB what the checks need.

event_data.reading.batches defines how files are read and when a batch counts.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb

from event_data.contract import Contract
from event_data.events import (
    NULL_WORDS,
    event_time_sql,
    filled_sql,
    in_zone_sql,
    is_null_word_sql,
    known_id_sql,
    usual_time_sql,
)
from event_data.reading.batches import Reader, of_file, read_csv_sql
from event_data.reading.day_file import DayFile
from event_data.reading.deliveries import survey_days
from event_data.reading.folder import Unread, find_files
from event_data.sql import literal
from quality import contract_sql as sql_text
from quality import row_checks
from quality.definitions import PASS, Measure
from quality.prefilter import Prefilter

BATCH = 48 << 20  # bytes read together, enough to justify the planning time of a statement


@dataclass
class FileFacts:
    """A file and what the pass counted in it. `headers` maps contract columns to header names."""

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
    no_event_name: int = 0  # records that part 2 rejects for this reason; the same applies below
    no_readable_time: int = 0
    crawler_events: int | None = None
    events: dict[str, int] = field(default_factory=dict)
    empty: frozenset[str] = frozenset()  # columns that are as good as missing; see file_checks.empty_columns
    counted: dict[str, Any] = field(default_factory=dict, repr=False)  # by the current attempt to read it

    @property
    def missing(self) -> bool:
        """Return whether no file of the day has arrived."""
        return self.file.source is None and not self.file.problems

    @property
    def filled(self) -> set[str]:
        """Return the contract's columns that the file has, with values in them."""
        return self.headers.keys() - self.empty

    def lacks(self, column: str) -> str:
        """Return the word for a column that is not filled: empty or missing."""
        return "empty" if column in self.empty else "missing"

    def receive(self, file: DayFile, contract: Contract) -> None:
        """Update the facts from what is now known about the file."""
        self.file, self.headers = file, contract.columns_in(file.header)


def find_days(
    data_dir: Path, contract: Contract, work_dir: Path, memory_limit: str
) -> tuple[list[DayFile], list[Unread]]:
    """Return the files of a folder by day, with an empty one for each missing day, and the unread files.

    Raise ReadingError as find_files and convert do.
    """
    folder = find_files(data_dir, contract.file_name, contract.ignored_files, contract.book_files)
    if contract.is_converted:
        from event_data.reading.conversion import convert  # most contracts do not need this import, which takes 10 ms

        folder = convert(folder, contract, work_dir, memory_limit=memory_limit)
    days = sorted({file.day for file in folder.files})
    files = list(folder.files)
    for before, after in pairwise(days):
        for day in (before + timedelta(days=n) for n in range(1, (after - before).days)):
            name = day.strftime(contract.file_name) if contract.is_dated else f"{contract.file_name} of {day}"
            if contract.schedule.is_due(day):
                files.append(DayFile(name, data_dir / name, day))
    return sorted(files, key=lambda f: (f.day, f.number)), list(folder.unread)


class Scan:
    """The state of one run: the contract, the files and the DuckDB connection with the counts."""

    def __init__(
        self, contract: Contract, work_dir: Path, connection: duckdb.DuckDBPyConnection, prefilter: bool = True
    ):
        self.contract = contract
        self.work_dir = work_dir
        self.files: list[FileFacts] = []
        self.unread: list[Unread] = []
        self.connection = connection
        self.raw_names = row_checks.raw_names(contract)
        self.row_checks = row_checks.expand(contract)
        # Every order line keeps its session.
        enabled = prefilter and not sql_text.rows_are_lines(contract)
        self.prefilter = Prefilter(contract, self.row_checks, enabled=enabled)
        self.measures: dict[str, list[Measure]] = {}  # row check -> its measures
        # The filters of checks, and shares that may shift, are counted over all events, each condition once.
        shifts = [c.condition for c in self.row_checks if c.is_shift]
        nulls = [f"{raw_name} is null" for raw_name in self.raw_names.values()]
        tallied = dict.fromkeys([*nulls, *(c.filter for c in self.row_checks), *shifts])
        self._flagged = [sql for sql in tallied if sql not in self.prefilter.known and sql != "true"]
        self._facts: dict[int, FileFacts] = {}  # by file_id
        self._in_parts: set[int] = set()  # numbers of the files of days that have several
        self._tallies: dict[int, dict[str, int]] = {}  # file number -> condition -> how many events meet it
        self._landing = ""
        if contract.ad_spend:
            from quality.paid_clicks import landing_sql  # few contracts have books

            self._landing = landing_sql(contract)
        self._filled = self._placeholders()
        self.books: frozenset[str] = frozenset()  # the books that were read, by read_books's names

    def _placeholders(self) -> dict[str, str]:
        """Return the values of the placeholders in pass.sql that are the same for every batch."""
        own_checkout = "checkout" in self.contract.roles
        has_lines = sql_text.rows_are_lines(self.contract)
        texts = sorted({"marks", *row_checks.ALWAYS, *self.raw_names.values()} - {"event", "user_agent"})
        return {
            "event_at": in_zone_sql("event_at", self.contract.time_zone),
            "known_client": known_id_sql("client"),
            "token": "coalesce(checkout, token_of(page))" if own_checkout else "token_of(page)",
            "is_order_line": "coalesce(is_order(step_of(event)), false)" if has_lines else "false",
            "clean": self.prefilter.clean,
            "plain": self.prefilter.plain,
            "other_columns": ", ".join(
                sorted(set(self.raw_names.values()) - {"client", "event", "page", "payload", "user_agent"})
            ),
            "landing": self._landing,
            "flags": "".join(f"{sql} as flag_{i}, " for i, sql in enumerate(self._flagged)),
            "counted": "".join(f", count(*) filter (flag_{i}) as n{i}" for i in range(len(self._flagged))),
            "kept": ", ".join(f"case when not clean then {text} end as {text}" for text in texts if text != "page"),
            "texts": ", ".join(texts),
            "text_columns": ", ".join(f"{text} varchar" for text in texts),
        }

    def run(
        self, data_dir: Path, progress: Callable[[int], None] = lambda files: None, with_hash: bool = False
    ) -> None:
        """Read every file of the folder once, then derive the tables for the checks over several events.

        Raise ReadingError for a folder without daily files, or a file that keeps changing.
        """
        workers = os.cpu_count() or 1
        ((memory,),) = self.connection.execute("select current_setting('memory_limit')").fetchall()
        days, self.unread = find_days(data_dir, self.contract, self.work_dir, memory)
        arrived = [file for file in days if file.stamp]
        with ThreadPoolExecutor(workers) as pool:
            prepared = pool.submit(self._prepare)
            patterns = pool.submit(sql_text.crawler_patterns)

            def load(cursor: duckdb.DuckDBPyConnection, batch: list[DayFile]) -> dict[int, int]:
                prepared.result()
                return self._load(cursor, batch)

            surveyed = survey_days(arrived, self.contract, self.work_dir, self.unread, with_hash)
            reader = Reader(self.connection, self.work_dir, load, self._keep, BATCH, spread=True)
            for file in reader.read(self._enter(days, surveyed), progress):
                self._facts[file.file_id].receive(file, self.contract)
            prepared.result()  # if no file could be read, nothing has waited for it yet
            if self._in_parts:
                whole = {"day": "file_day", "source": "rows_in_parts", "record": "record", "is_order_line": "false"}
                self._execute(PASS["repeated"].format(**whole))
            self.connection.execute(f"set threads = {workers}")
            files = [(f.file_no, str(f.day), f.records, f.plain) for f in self.files]
            # The longest work comes first.
            measures = pool.submit(self._row_measures)
            parts = sql_text.derivations(self.contract, files, self.prefilter.plain_event, patterns.result())
            self._execute(parts.pop("first"))
            list(pool.map(self._execute, parts.values()))
            self.measures = measures.result()
        if self.contract.books:
            self._read_books(data_dir)
        for file_no, orders, revenue in self.connection.execute(PASS["orders"]).fetchall():
            self.files[file_no].orders, self.files[file_no].revenue = orders, revenue or Decimal(0)
        for file_no, event, count in self.connection.execute("select * from event_counts").fetchall():
            self.files[file_no].events[event] = count
        for file_no, count in self.connection.execute("select * from crawler_events").fetchall():
            self.files[file_no].crawler_events = int(count)

    def _read_books(self, data_dir: Path) -> None:
        """Read the shop's own books, and compare the orders with its order list."""
        from quality.books import read_books  # few contracts have books

        arrived = [facts.file_no for facts in self.files if facts.file.stamp]
        self.books = read_books(self.connection, self.contract, data_dir, self.work_dir, arrived)

    def _prepare(self) -> None:
        """Create the tables and macros that every batch uses, while the first files are surveyed."""
        self._execute(PASS["shared"].format(**self._filled))
        self._execute(sql_text.macros(self.contract))

    def _execute(self, sql: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(sql)

    def null_share(self, facts: FileFacts, column: str) -> float | None:
        """Return the share of nulls in a column of a file; None if it has no such column or no events."""
        if column not in facts.headers or not facts.records:
            return None
        return self._tallies[facts.file_no][f"{self.raw_names[column]} is null"] / facts.records

    def filled(self, facts: FileFacts, column: str) -> int:
        """Return the number of events of a file that have a value in a column."""
        return facts.records - self._tallies[facts.file_no][f"{self.raw_names[column]} is null"]

    def _enter(self, days: Sequence[DayFile], surveyed: Iterable[DayFile]) -> Iterator[DayFile]:
        """Number the files once second deliveries are set aside, and yield the surveyed files."""
        for file in surveyed:
            if not self.files:
                aside = {unread.name for unread in self.unread if unread.counts_instead}
                counting = [one for one in days if one.name not in aside]
                self.files = [FileFacts(number, one, one.day, {}) for number, one in enumerate(counting)]
                self._facts = {facts.file.file_id: facts for facts in self.files}
                on_day = Counter(facts.day for facts in self.files)
                self._in_parts = {facts.file_no for facts in self.files if on_day[facts.day] > 1}
            self._facts[file.file_id].receive(file, self.contract)
            yield file

    def _load(self, cursor: duckdb.DuckDBPyConnection, files: Sequence[DayFile]) -> dict[int, int]:
        """Read a batch into its table `raw`, count it, and return the number of records by file_id."""
        batch = [self._facts[file.file_id] for file in files]
        for facts, file in zip(batch, files, strict=True):
            facts.receive(file, self.contract)
        if files[0].size > BATCH:
            # Reusing memory instead of releasing it saves a tenth of the time.
            cursor.execute("set block_allocator_memory = '512MB'")
        usual_only = self.prefilter.times_are_usual
        # Two names of a column may differ.
        marked = not self.prefilter.enabled or any(names[1:] for names in batch[0].headers.values())
        counted = self._count(cursor, batch, usual_only, marked)
        if usual_only and any(row["without_time"] for row in counted.values()):
            usual_only = self.prefilter.times_are_usual = False
            counted = self._count(cursor, batch, usual_only, marked)
        if not marked and any(row["may_have_marks"] for row in counted.values()):
            counted = self._count(cursor, batch, usual_only, marked=True)
        for facts in batch:
            facts.counted = counted.get(facts.file_no, {})
        return {facts.file.file_id: facts.counted.get("records", 0) for facts in batch}

    def _count(
        self, cursor: duckdb.DuckDBPyConnection, batch: Sequence[FileFacts], usual_only: bool, marked: bool
    ) -> dict[int, dict[str, Any]]:
        """Read a batch into its table `raw` and return the counts by file_no.

        `usual_only` reads only times of the usual form. Unless `marked`, nothing is marked, and the count of
        `may_have_marks` says whether anything should be.
        """
        header, received = self._event_header(batch), self._received(batch, marked)
        may_have_marks = "false" if marked else self.prefilter.may_have_marks
        event_time = usual_time_sql("received") if usual_only else event_time_sql(self.contract, "received")
        cursor.execute(
            PASS["raw"].format(
                received=received,
                event_time=event_time,
                event_header=header,
                may_have_marks=may_have_marks,
                **self._filled,
            )
        )
        result = cursor.execute(PASS["counts"].format(**self._filled))
        names = [column[0] for column in result.description]
        return {row[0]: dict(zip(names, row, strict=True)) for row in result.fetchall()}

    def _received(self, batch: Sequence[FileFacts], marked: bool) -> str:
        """Return the select of a batch's records under the column names of `raw`, as text, null if empty."""
        files, headers = [facts.file for facts in batch], batch[0].headers
        positions = [f"c{i}" for i in range(len(files[0].header))]
        at = dict(zip(reversed(files[0].header), reversed(positions), strict=True))  # the first of equal names
        selected = [
            f"cast({of_file(files, [str(f.file_no) for f in batch])} as uinteger) as file_no",
            f"{of_file(files, [_day(f) for f in batch])} as file_day",
        ]
        delivered: dict[int, list[str]] = {}  # number of a column -> its columns in the files
        for number, (name, raw_name) in enumerate(self.raw_names.items()):
            present = [at[h] for h in headers.get(name, ())]
            filled = [filled_sql(cell, "strlen") if marked else cell for cell in present] or ["cast(null as varchar)"]
            value = f"coalesce({', '.join(filled)})" if filled[1:] else filled[0]
            selected.append(f"{value} as {raw_name}")
            if name not in self.contract.derived:
                delivered[number] = present
        selected.append(f"{_marks(delivered) if marked else 'cast(null as varchar)'} as marks")
        absent = row_checks.ALWAYS - set(self.raw_names.values())
        selected += [f"cast(null as varchar) as {name}" for name in sorted(absent)]
        client = self.contract.roles["client"]
        tracked = (
            f"{known_id_sql(at[client])} is not null" if client in at and headers[client][1:] else str(client in at)
        )
        return f"""select {", ".join(selected)}, {tracked} as tracked
            from {read_csv_sql(files, positions)}"""

    def _event_header(self, batch: Sequence[FileFacts]) -> str:
        """Return the value of the event column in a line that repeats the header."""
        return literal(batch[0].headers.get(self.contract.roles["event"], ("",))[0])

    def _keep(self, cursor: duckdb.DuckDBPyConnection, files: Sequence[DayFile]) -> None:
        """Add the rows of a batch that the checks need to the shared tables."""
        batch = [self._facts[file.file_id] for file in files]
        batch = [facts for facts in batch if facts.counted]
        for facts in batch:
            row = facts.counted
            for name in ("records", "clients", "plain", "content_key", "no_event_name", "no_readable_time"):
                setattr(facts, name, row[name])
            self._tallies[facts.file_no] = {"true": facts.records}
            self._tallies[facts.file_no] |= {sql: row[f"n{i}"] for i, sql in enumerate(self._flagged)}
        if batch:
            firsts = [str(facts.counted["first_rowid"]) for facts in batch]
            place = f"list_position({[facts.file_no for facts in batch]}, file_no)"
            kept = [facts.file for facts in batch]
            filled = {
                **self._filled,
                "record": f"rowid + 1 - {of_file(kept, firsts, place)}",
                "file_day": of_file(kept, [_day(facts) for facts in batch], place),
                "event_header": self._event_header(batch),
            }
            cursor.execute(PASS["keep"].format(**filled))
            if self._landing:
                cursor.execute(PASS["landings"])
            source, in_parts = "raw", [facts.file_no for facts in batch if facts.file_no in self._in_parts]
            if in_parts:
                listed = f"({', '.join(map(str, in_parts))})"
                cursor.execute(PASS["rows_in_parts"].format(**filled, in_parts=listed))
                source = f"(select *, rowid from raw where file_no not in {listed})"
            if len(in_parts) < len(batch):
                cursor.execute(PASS["repeated"].format(**filled, day="file_no", source=source))
        cursor.execute("drop table raw")

    def _row_measures(self) -> dict[str, list[Measure]]:
        """Return row check -> its measures, with the tallies of clean events included."""
        prefilter, connection, tallies = self.prefilter, self.connection.cursor(), self._tallies
        strict = [c for c in self.row_checks if not c.is_shift]
        known = prefilter.known
        conditions = {c: prefilter.guarded(c) for c in strict}
        failures = [
            f"case when {test}_in_order then false else {sql} end" if (test := prefilter.covering_test(c)) else sql
            for c, sql in conditions.items()
        ]
        sql = PASS["failed"].format(
            address_tests="".join(f", {sql} as {role}_in_order" for role, sql in prefilter.address_tests.items()),
            failures="".join(f", {sql} as f{i}" for i, sql in enumerate(failures)),
            counted="".join(f", count(*) filter ({sql})" for sql in [*known, *(f"f{i}" for i in range(len(strict)))]),
        )
        counted = {n: counts for n, *counts in connection.execute(sql).fetchall()}
        failed: dict[tuple[int, row_checks.RowCheck], int] = {}
        for n, tally in tallies.items():
            candidates, *counts = counted.get(n, [0] * (1 + len(known) + len(strict)))
            for (condition, holds), count in zip(known.items(), counts, strict=False):
                tally[condition] = count + (tally["true"] - candidates if holds else 0)
            failed |= {(n, check): count for check, count in zip(strict, counts[len(known) :], strict=True)}
        measures: dict[str, list[Measure]] = {}
        for check in self.row_checks:
            failed_by_file = {n: failed.get((n, check), tally.get(check.condition, 0)) for n, tally in tallies.items()}
            # A shift of a share has no first failed event.
            details = (
                _details(connection, check, conditions[check])
                if check in conditions and any(failed_by_file.values())
                else {}
            )
            measures.setdefault(check.definition.check, []).extend(
                replace(
                    details.get(n, Measure(n, check.column, 0, 0)),
                    checked=tally[check.filter],
                    failed=failed_by_file[n],
                )
                for n, tally in tallies.items()
            )
        return measures


def _marks(delivered: Mapping[int, Sequence[str]]) -> str:
    """Return SQL for the marks of a record, null if it has none; row_checks.sql explains marks.

    `delivered` has the file's columns of each numbered column.
    """
    cells = [cell for columns in delivered.values() for cell in columns]
    words = [
        f"case when {is_null_word_sql(cell)} then ',{number}=' || {cell} || ',' end"
        for number, columns in delivered.items()
        for cell in columns
    ]
    longest = max(map(len, NULL_WORDS))
    # Few records have a value as short as a null, so that its columns are compared one by one.
    shortest = f"least({', '.join(f'strlen({cell})' for cell in cells)})"
    marks = [f"case when {shortest} <= {longest} then concat({', '.join(words)}) end"]
    for number, columns in delivered.items():
        given, *others = (filled_sql(cell, "strlen") for cell in columns or ("null",))
        marks += [f"case when {given} <> {other} then ',{number}<>' end" for other in others]
    joined = marks[0] if len(marks) == 1 else f"concat({', '.join(marks)})"
    return f"nullif({joined}, '')" if cells else "cast(null as varchar)"


def _day(facts: FileFacts) -> str:
    return f"date '{facts.day}'"


def _details(connection: duckdb.DuckDBPyConnection, check: row_checks.RowCheck, condition: str) -> dict[int, Measure]:
    """Return where a check failed and the orders affected; for missing values, the most frequent page too."""
    places = {}
    if check.example == "null":
        rows = connection.execute(PASS["places"].format(condition=condition)).fetchall()
        places = {n: (place, events) for n, place, events in rows}
    details = {}
    sql = PASS["details"].format(condition=condition, example=check.example)
    for n, orders, revenue, records, example in connection.execute(sql).fetchall():
        at_stake = check.definition.impact == "orders" and orders > 0
        details[n] = Measure(
            n, check.column, 0, 0, orders if at_stake else None, revenue if at_stake else None, records[0],
            example=example, place=places.get(n), first_records=tuple(records),
        )  # fmt: skip
    return details
