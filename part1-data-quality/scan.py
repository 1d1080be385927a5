"""One pass over the files: what each leaves behind, counted in DuckDB.

Files with the same header go through in batches, a batch at a time on each core. DuckDB runs every
batch on one thread, so that a row's number in `raw` is its number in the file; two batches on two
cores are as fast as one on both. A batch that DuckDB cannot read to the last record is read again
file by file through `reading.recover`, and nothing of the failed attempt stays.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from glob import escape
from pathlib import Path
from typing import Any

import duckdb
import row_checks
import sql_text
from contract import Contract
from definitions import HERE, ROW_CHECKS, Measure, statements
from derive import crawler_patterns, derive
from reading import DayFile, ReadingError, find_files, recover, survey

PASS = statements((HERE / "pass.sql").read_text(encoding="utf-8"))
LARGEST_BATCH = 64 << 20  # bytes; a batch is held in memory as text, one for each core
SMALLEST_BATCH = 8 << 20

Measures = dict[str, list[Measure]]  # by the check's name


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
    distinct_rows: int = 0
    content_key: int = 0
    crawler_events: int | None = None
    events: dict[str, int] = field(default_factory=dict)

    @property
    def missing(self) -> bool:
        """Whether the day's file has not arrived at all."""
        return self.file.source is None and not self.file.problems


def survey_days(data_dir: Path, contract: Contract, work_dir: Path) -> list[DayFile]:
    """Survey every file of the folder, and put an empty one where a day between two others has none.

    Raises ReadingError when the folder holds no day at all.
    """
    found = find_files(data_dir, contract.file_name)
    if not found:
        raise ReadingError(
            f"{data_dir} holds no file named like {contract.file_name}; name the right folder with --data_dir, "
            "or another contract with --contract."
        )
    files = {(day, path.name): survey(path, day, contract.delimiter, work_dir) for path, day in found}
    days = {day for _, day in found}
    day = min(days)
    while (day := day + timedelta(days=1)) < max(days):
        if day not in days:
            name = day.strftime(contract.file_name)
            files[day, name] = DayFile(name, data_dir / name, day, 0)
    # The contract's own name first: another file of the day is the second delivery.
    return [files[key] for key in sorted(files, key=lambda k: (k[0], k[1] != k[0].strftime(contract.file_name), k[1]))]


class Scan:
    """The state of one run: the contract, the files and the DuckDB connection that holds the counts."""

    def __init__(self, contract: Contract, files: list[DayFile], work_dir: Path, memory_limit: str | None = None):
        """Raise ContractError never, duckdb.Error for a memory limit that DuckDB does not understand."""
        config: dict[str, Any] = {"threads": 1, "temp_directory": str(work_dir)}
        if memory_limit:
            config["memory_limit"] = memory_limit
        self.contract = contract
        self.work_dir = work_dir
        self.files = [FileFacts(i, f, f.day or date.min, _headers(contract, f)) for i, f in enumerate(files)]
        self.connection = duckdb.connect(config=config)
        self.raw_names = row_checks.raw_names(contract)
        self.row_checks = row_checks.expand(contract)
        self.measures: Measures = {d.check: [] for d in ROW_CHECKS}
        self.connection.execute(PASS["shared"] + sql_text.macros(contract))

    def run(self, progress: Callable[[int], None] = lambda files: None) -> None:
        """Read every file once, then derive what the checks over several events look at."""
        workers = os.cpu_count() or 1
        batches = self._batches(workers)
        with ThreadPoolExecutor(workers) as pool:
            patterns = pool.submit(crawler_patterns)
            for batch, measures in zip(batches, pool.map(self._read_batch, batches), strict=True):
                self.measures = _merged([self.measures, measures])
                progress(len(batch))
        self.connection.execute(f"set threads = {workers}")
        files = [(f.file_no, str(f.day), f.records) for f in self.files]
        derive(self.connection, self.contract, files, patterns.result())
        for file_no, event, count in self.connection.execute("select * from event_counts").fetchall():
            self.files[file_no].events[event] = self.files[file_no].events.get(event, 0) + count
        for file_no, count in self.connection.execute("select * from crawler_events").fetchall():
            self.files[file_no].crawler_events = int(count)

    def _batches(self, workers: int) -> list[list[FileFacts]]:
        """Files of the same form that stand beside each other, up to a size that fits into memory."""
        readable = [f for f in self.files if f.file.readable or f.file.damaged]
        size = sum(f.file.size for f in readable) // (2 * workers)
        limit = max(SMALLEST_BATCH, min(LARGEST_BATCH, size))
        batches: list[list[FileFacts]] = []
        for facts in readable:
            last = batches[-1] if batches else []
            if (
                not last
                or (last[0].file.header, last[0].file.delimiter) != (facts.file.header, facts.file.delimiter)
                or sum(f.file.size for f in last) + facts.file.size > limit
            ):
                batches.append([facts])
            else:
                last.append(facts)
        return batches

    def _read_batch(self, batch: list[FileFacts]) -> Measures:
        """Read and count a batch; file by file, and each as carefully as it needs, if not all is sound."""
        if not any(f.file.damaged for f in batch):
            measures = self._try_batch(batch)
            if measures is not None:
                return measures
        if len(batch) > 1:
            return _merged(self._read_batch([facts]) for facts in batch)
        facts = batch[0]
        facts.file = recover(facts.file, self.contract.delimiter, self.work_dir)
        facts.headers = _headers(self.contract, facts.file)
        measures = self._try_batch([facts]) if facts.file.readable else {}
        if measures is None:
            raise ReadingError(f"{facts.file.path} changes while it is read; run again when its transfer has ended.")
        return measures

    def _try_batch(self, batch: list[FileFacts]) -> Measures | None:
        """The batch's measures; None, and nothing kept, unless DuckDB finds just the rows that the bytes hold."""
        with self.connection.cursor() as cursor:
            try:
                cursor.execute(PASS["raw"].format(received=self._received(batch)))
            except (duckdb.InvalidInputException, duckdb.IOException):
                return None
            counted = {row["file_no"]: row for row in _rows(cursor, PASS["counts"].format(row=self._row()))}
            if any(counted.get(f.file_no, {"records": 0})["records"] != f.file.rows for f in batch):
                return None
            return self._count(cursor, batch, counted) if counted else {}

    def _received(self, batch: list[FileFacts]) -> str:
        """The select that gives a batch's records the names of `raw`, as text, null where empty."""
        first = batch[0]
        header = first.file.header
        at = {name: f"c{i}" for i, name in reversed(list(enumerate(header)))}
        days = ", ".join(f"date '{f.day}'" for f in batch)
        selected = [
            f"file_index + {first.file_no} as file_no",
            f"list_extract([{days}], cast(file_index + 1 as bigint)) as file_day",
        ]
        for name, raw_name in self.raw_names.items():
            found = [f"nullif({at[h]}, '')" for h in first.headers.get(name, ())] or ["cast(null as varchar)"]
            selected.append(f"coalesce({', '.join(found)}) as {raw_name}" if found[1:] else f"{found[0]} as {raw_name}")
        absent = set(row_checks.RAW_NAMES) - set(self.contract.roles)
        selected += [f"cast(null as varchar) as {row_checks.RAW_NAMES[role]}" for role in sorted(absent)]
        client, event = self.contract.roles["client"], first.headers.get(self.contract.roles["event"], ("",))[0]
        selected.append(f"{at[client]} is not null as tracked" if client in at else "false as tracked")
        is_header = f"{at[event]} is not distinct from {sql_text.literal(event)}" if event in at else "false"
        selected.append(f"{is_header} as is_header")
        files = ", ".join(sql_text.literal(escape(str(f.file.readable))) for f in batch)
        columns = ", ".join(f"'c{i}': 'varchar'" for i in range(len(header)))
        return f"""select {", ".join(selected)}
            from read_csv(
                [{files}], auto_detect = false, columns = {{{columns}}}, header = true, compression = 'none',
                delim = {sql_text.literal(first.file.delimiter)}, quote = '"', escape = '"',
                parallel = {str(not first.file.multiline).lower()}
            )"""

    def _row(self) -> str:
        """All that a file said of an event, for hash()."""
        return ", ".join([*self.raw_names.values(), "tracked"])

    def _count(self, cursor: duckdb.DuckDBPyConnection, batch: list[FileFacts], counted: dict[int, Any]) -> Measures:
        for file_no, row in counted.items():
            facts = self.files[file_no]
            facts.records, facts.clients, facts.orders = row["records"], row["clients"], row["orders"]
            facts.revenue = row["revenue"] or Decimal(0)
            facts.distinct_rows, facts.content_key = row["distinct_rows"], row["content_key"]
        firsts = ", ".join(f"({n}, {row['first_rowid']})" for n, row in counted.items())
        filled = {"row": self._row(), "first_rowids": f"(values {firsts}) as f (file_no, first_rowid)"}
        cursor.execute(PASS["keep"].format(**filled))
        cursor.execute(PASS["fired_twice"].format(**filled))
        if any(row["distinct_rows"] < row["records"] for row in counted.values()):
            cursor.execute(PASS["rows_repeated"].format(**filled))
        measures = self._run_row_checks(cursor, batch[0].headers, {n: row["first_rowid"] for n, row in counted.items()})
        cursor.execute("drop table raw")
        return measures

    def _run_row_checks(
        self, cursor: duckdb.DuckDBPyConnection, headers: Iterable[str], first_rowids: dict[int, int]
    ) -> Measures:
        checks = [c for c in self.row_checks if c.column in headers]
        # Many checks share what they apply to: each distinct condition is evaluated and counted once.
        at = {sql: n for n, sql in enumerate(dict.fromkeys(s for c in checks for s in (c.applies, c.condition)))}
        tested = ", ".join(f"{sql} as t{n}" for sql, n in at.items())
        counted = ", ".join(f"count(*) filter (t{n})" for n in at.values())
        rows = cursor.execute(
            f"select file_no, {counted} from (select file_no, {tested} from raw) group by file_no"
        ).fetchall()
        measures: Measures = {}
        for check in checks:
            counts = {row[0]: (row[1 + at[check.applies]], row[1 + at[check.condition]]) for row in rows}
            # Where a share shifts there is no first bad event to show.
            show = check.definition.threshold != "shift" and any(failed for _, failed in counts.values())
            details = self._details(cursor, check, first_rowids) if show else {}
            measures.setdefault(check.definition.check, []).extend(
                replace(details.get(n, Measure(n, check.column, 0, 0)), checked=checked, failed=failed)
                for n, (checked, failed) in counts.items()
            )
        return measures

    def _details(
        self, cursor: duckdb.DuckDBPyConnection, check: row_checks.RowCheck, first_rowids: dict[int, int]
    ) -> dict[int, Measure]:
        """Where a check failed, and what that touches. A page says where, for events that lack something."""
        place = "place_of(page)" if check.example == "null" else "null"
        sql = PASS["details"].format(condition=check.condition, example=check.example, place=place)
        found = {}
        for row in _rows(cursor, sql):
            n = row["file_no"]
            at_stake = check.definition.stake == "orders" and row["orders"] > 0
            found[n] = Measure(
                n,
                check.column,
                checked=0,
                failed=0,
                orders=row["orders"] if at_stake else None,
                revenue=row["revenue"] if at_stake else None,
                record=row["first_rowid"] - first_rowids[n] + 1,
                example=row["example"],
                place=(row["place"], row["there"]) if row["place"] else None,
            )
        return found


def _headers(contract: Contract, file: DayFile) -> dict[str, tuple[str, ...]]:
    """The header names that hold each contract column: its own first, then its synonyms."""
    found = {c.name: tuple(n for n in (c.name, *c.synonyms) if n in file.header) for c in contract.columns}
    return {name: headers for name, headers in found.items() if headers}


def _merged(parts: Iterable[Measures]) -> Measures:
    whole: Measures = {}
    for part in parts:
        for check, measures in part.items():
            whole.setdefault(check, []).extend(measures)
    return whole


def _rows(cursor: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    result = cursor.execute(sql)
    names = [d[0] for d in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
