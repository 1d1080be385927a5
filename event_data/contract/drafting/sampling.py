"""Read a sample of the files, through the same readers as the commands."""

import math
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from glob import escape
from pathlib import Path

import duckdb

from event_data.contract.drafting.files import Files
from event_data.contract.drafting.forms import kind_of, pattern_of, plain
from event_data.contract.model import Anonymisation, Contract, ContractError, Value
from event_data.money import Currency
from event_data.reading.day_file import DayFile
from event_data.reading.derived import computed_sql
from event_data.reading.formats import READERS, Landed
from event_data.reading.survey import open_source
from event_data.sql import literal

MAX_FILES, MAX_ROWS, ROWS_PER_FILE, MAX_CELLS = 20, 20_000, 5_000, 4_000_000
HEAD = 32 << 20  # bytes that are read of all files together
BLOCK = 500  # consecutive rows, so that the lines of an order stay together


@dataclass
class Sample:
    """A column of the sample: its cells, one per row, and the share of empty cells in each file that has it."""

    name: str
    cells: list[str] = field(default_factory=list)  # "" if empty
    empty: dict[int, float] = field(default_factory=dict)  # file number -> share
    late_names: list[str] = field(default_factory=list)  # the column's names in later files

    @cached_property
    def values(self) -> list[str]:
        """Return the cells that are not empty."""
        return [cell for cell in self.cells if cell]

    @property
    def healthy(self) -> float:
        """Return the share of empty values in a good file: the lower quartile."""
        return sorted(self.empty.values())[len(self.empty) // 4] if self.empty else 1.0

    @cached_property
    def kind(self) -> str:
        """Return the kind that nearly all values have."""
        return kind_of(self.values)

    @cached_property
    def pattern(self) -> str | None:
        """Return the pattern of the values, if they are identifiers."""
        return pattern_of(self.values) if self.kind in ("word", "id") else None


class Reader:
    """The sampled files as tables of a DuckDB database."""

    def __init__(self, work_dir: Path) -> None:
        self.notes: list[str] = []
        self.headers: list[tuple[str, ...]] = []
        self.delimiters: list[str] = []  # most frequent first
        self.is_csv = True
        self._work_dir = work_dir
        self._connection = duckdb.connect(config={"temp_directory": str(work_dir)})
        self._connection.execute("set timezone = 'UTC'")

    def read(self, files: Files) -> None:
        """Read up to MAX_FILES files. Raise ContractError if none can be used."""
        contract = _anything(files.name)
        self.is_csv = contract.file_format == "csv"
        delimiters: Counter[str] = Counter()
        chosen = files.files[:: math.ceil(len(files.files) / MAX_FILES)]
        for number, file in enumerate(chosen):
            landed = self._land(file, contract, HEAD // len(chosen), self._work_dir / str(number))
            problem = self._problem(file, landed)
            if problem:
                self.notes.append(problem)
            elif isinstance(landed, Landed):
                delimiters[landed.file.delimiter] += 1
                self._connection.execute(f"alter table landed rename to file_{len(self.headers)}")
                self.headers.append(tuple(name.strip() for name in landed.header))
        self.delimiters = [mark for mark, _ in delimiters.most_common()]
        if not self.headers:
            raise ContractError(self.notes[0])
        self.notes = [f"left out: {note}" for note in self.notes]

    def _land(self, file: DayFile, contract: Contract, most: int, place: Path) -> Landed | DayFile:
        """Read the start of a file into the table `landed`."""
        place.mkdir()
        try:
            head = self._head(file, contract.file_format, most, place)
            if head.source is None:
                return head
            return READERS[contract.file_format](self._connection, head, contract, place)
        except OSError as error:
            return file.unreadable(error)

    def _head(self, file: DayFile, form: str, most: int, place: Path) -> DayFile:
        """Return the file, or a copy of its first bytes or rows if it is large."""
        if form == "parquet":
            target = place / "head.parquet"
            try:
                self._connection.execute(
                    f"copy (select * from read_parquet({literal(escape(str(file.path)))}, hive_partitioning = false) "
                    f"limit {10 * MAX_ROWS}) to {literal(str(target))} (format parquet)"
                )
            except duckdb.OutOfMemoryException:
                raise
            except duckdb.Error:
                return replace(file, source=file.path)  # the reader says why
            return replace(file, path=target, source=target)
        opened = open_source(file, place)
        if opened.source is None:
            return opened
        with opened.source.open("rb") as stream:
            start = stream.read(most + 1)
        is_whole = len(start) <= most or start[:1] == b"[" or start[:2] in (b"\xff\xfe", b"\xfe\xff")
        end = ".jsonl" if form == "json" else ".csv"
        target = place / f"head{end}"
        if is_whole:
            shutil.copyfile(opened.source, target)
        else:
            target.write_bytes(start[: start.rfind(b"\n", 0, most) + 1 or most])
        return replace(file, path=target, source=target, name=target.name, problems=opened.problems)

    def _problem(self, file: DayFile, landed: Landed | DayFile) -> str:
        """Return why a file is left out, as a sentence; empty if it is used."""
        if isinstance(landed, DayFile):
            return f"{file.path}: the file {landed.refused or 'cannot be read'}; give a file with events."
        header = landed.header
        if self.is_csv and any(kind_of([name]) in ("timestamp", "epoch", "url", "json") for name in header):
            advice = "put the columns' names there, or write a contract with `headerless: true`"
            return f"{file.path}, line 1: this is data, not a header; {advice}."
        if not self._connection.execute("select 1 from landed limit 1").fetchall():
            return f"{file.path}: no rows follow the header; give a file with events."
        return ""

    def samples(self) -> list[Sample]:
        """Return the columns of all files; omit each one without a usable name, and add a note about it."""
        width = max(map(len, self.headers))
        files = len(self.headers)
        most = min(max(ROWS_PER_FILE, MAX_ROWS // files), max(200, MAX_CELLS // (files * width)))
        samples: dict[str, Sample] = {}
        total = 0
        for number, header in enumerate(self.headers):
            rows = self._rows(number, most)
            here: set[str] = set()
            for place, name in enumerate(header):
                if not name or not name.isprintable() or name.casefold() in here:
                    self.notes.append(f"column {place + 1} is left out: its name is empty or a duplicate")
                    continue
                here.add(name.casefold())
                sample = samples.setdefault(name, Sample(name))
                sample.cells += [""] * (total - len(sample.cells))
                cells = ["" if row[place] is None or not row[place].strip() else row[place] for row in rows]
                sample.cells += cells
                sample.empty[number] = cells.count("") / len(cells)
            total += len(rows)
        for sample in samples.values():
            sample.cells += [""] * (total - len(sample.cells))
        return list(samples.values())

    def _rows(self, number: int, most: int) -> list[tuple[str, ...]]:
        """Return at most about `most` rows of a file, in evenly spaced blocks."""
        ((count,),) = self._connection.execute(f"select count(*) from file_{number}").fetchall()
        step = math.ceil(count / most)
        return self._connection.execute(f"""select * exclude (_line, _row) from (
                select *, row_number() over (order by _line) - 1 as _row from file_{number})
            where (_row // {BLOCK}) % {step} = 0 order by _row""").fetchall()

    def days(self, value: Value, names: Mapping[str, Sequence[str]]) -> set[date]:
        """Return the days of a time in all rows that were read; `names` has the names of each column."""
        days: set[date] = set()
        for number, header in enumerate(self.headers):

            def column(name: str, header: Collection[str] = header) -> str:
                here = [f"c{place}" for place, one in enumerate(header) if one in names.get(name, (name,))]
                return f"coalesce({', '.join(here)})" if here else "null::varchar"

            def json(name: str, column: Callable[[str], str] = column) -> str:
                return f"case when json_valid({column(name)}) then {column(name)} end"

            text = computed_sql(value, column, json)
            for (day,) in self._connection.execute(
                f"select distinct try_cast(replace(substr({text}, 1, 10), '/', '-') as date) from file_{number}"
            ).fetchall():
                days |= {day} - {None}
        return days

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


def _anything(file_name: str) -> Contract:
    """Return a contract that describes nothing but the files' name, for the readers."""
    return Contract(
        path=Path("draft"), id="draft", file_name=file_name, delimiter=",", currency=Currency(), time_zone="UTC",
        columns=(), roles={}, values={}, derived={}, events=(), own_hosts=(), payment_hosts=(), order=None,
        anonymisation=Anonymisation(), additional_columns="allow", rules=(),
    )  # fmt: skip


def heal(samples: Sequence[Sample]) -> list[Sample]:
    """Return the columns under their first names, including the values found under later names."""
    columns = {sample.name: sample for sample in samples}
    for late, early in _renames(samples).items():
        gone, kept = columns.pop(late), columns[early]
        kept.cells = [one or other for one, other in zip(kept.cells, gone.cells, strict=True)]
        kept.empty |= gone.empty
        kept.late_names.append(late)
    return [Sample(s.name, s.cells, s.empty, s.late_names) for s in columns.values()]


def _renames(samples: Sequence[Sample]) -> dict[str, str]:
    """Return later name -> earlier name of renamed columns: one starts where the other ends, with similar values."""
    renames: dict[str, str] = {}
    for place, late in enumerate(samples):
        for early in samples[:place]:
            if early.name not in renames and _is_rename(early, late):
                renames[late.name] = early.name
                break
    return renames


def _is_rename(early: Sample, late: Sample) -> bool:
    if early.name.casefold() == late.name.casefold():
        return True  # DuckDB treats them as one column
    if not early.values or not late.values or max(early.empty) >= min(late.empty):
        return False
    if plain(early.name) == plain(late.name):
        return True
    pattern = pattern_of(early.values)
    return pattern is not None and pattern == pattern_of(late.values)
