"""What is known about one delivered file: its name and day, how it may be read, and what is wrong with its bytes."""

import bisect
from array import array
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Literal

from event_data.errors import UserError

Kind = Literal[
    # The whole file. Rows: all lost, or unknown how many (`rows_lost` None).
    "unreadable",  # cannot be opened or read; vanished; not a regular file
    "empty",  # no byte, or nothing but blank lines
    "not_csv",  # begins like a zip, xlsx, PDF, Parquet..., or without a line end for 64 kB
    "archive_broken",  # the compressed data end early or are corrupt; what came before is kept
    "archive_bomb",  # expands beyond all reason; not read
    "changed",  # changed while it was read; what was read is kept
    # The whole file. No row lost.
    "no_records",  # a header and nothing else
    "header_damaged",  # its quotes do not close on its line
    "header_empty_name",
    "header_duplicate",
    "misnamed_archive",  # compressed without .gz or .zst in the name, or the reverse
    "bom",  # UTF-8 byte order mark
    "utf_16",  # UTF-16 or UTF-32, transcoded
    "delimiter",  # another than the contract's
    "line_ends",  # not simply LF
    "blank_lines",  # between records
    # One line each. The row is kept.
    "encoding",  # not UTF-8: read as Windows-1252, or U+FFFD where UTF-16 is broken
    "nul_byte",  # NUL bytes taken out
    "surplus_empty",  # more fields than the header, all empty (DuckDB drops them without a word)
    # One line each. The row is lost.
    "ragged",  # another number of fields than the header
    "stray_quote",  # a quote where none may be
    "unterminated_quote",  # an opening quote that is never, or too late, or wrongly closed
    "truncated",  # the file ends within its last record
    "field_too_long",  # a record longer than 1.9 MB
]


class ReadingError(UserError):
    """The files cannot be read."""


@dataclass(frozen=True)
class Problem:
    """Something about the bytes, in one place."""

    kind: Kind
    line: int | None  # physical line, 1-based, the header is line 1; None: the whole file
    message: str  # one clause, no newline, no data
    rows_lost: int | None = 0  # records that are not in `readable` for this; None: cannot be known


@dataclass(frozen=True)
class DayFile:
    """A file of a day, what is known of its bytes, and how DuckDB may read it."""

    name: str  # relative to the data folder
    path: Path
    day: date  # from the name, by the contract's pattern
    size: int = 0  # bytes on disk
    number: int = 0  # among the files of its day; 0 is the contract's exact name, where it is there
    stamp: str = ""  # changes with the content; see folder.stamp_of
    content_hash: str = ""  # SHA-256 of the bytes, unpacked; only where it was asked for
    header: tuple[str, ...] = ()
    readable: Path | None = None  # what DuckDB may read; None: nothing to read, or recover() first
    records: int = 0  # physical records after the header, counted from the bytes
    regular: bool = False  # one record a physical line: record k stands on line k + 1
    problems: tuple[Problem, ...] = ()
    damaged: bool = False  # recover() has to come before DuckDB; `records` is an estimate until then
    delimiter: str = ","  # of `readable`
    multiline: bool = False  # `readable` has quoted newlines: read it with parallel=false
    rejected: int = 0  # records that are reported and not in `readable`
    rejects: Path | None = None  # the rejected records as a CSV of (line, reason, text); None: none
    source: Path | None = None  # the bytes of the CSV: `path`, or the unpacked copy
    encoding: str = "utf-8"
    newline: str = "\n"  # of `source`
    # From row shifts[0][i] on, lines are shifts[1][i] further down than in a regular file.
    shifts: tuple["array[int]", "array[int]"] | None = field(default=None, repr=False, compare=False)

    @property
    def file_id(self) -> int:
        """The day and the number as one: 20250304 and 001 give 20250304001."""
        return (self.day.year * 10000 + self.day.month * 100 + self.day.day) * 1000 + self.number

    @property
    def refused(self) -> str | None:
        """Why nothing, or an unknown part, of the file could be read; one clause, None where all of it was."""
        if self.records and self.rejected == self.records:
            return "holds no record that can be read"
        return next((p.message for p in self.problems if p.rows_lost is None or p.kind == "empty"), None)

    @property
    def rows(self) -> int:
        """Rows that DuckDB must find in `readable`."""
        return self.records - self.rejected

    def with_problem(self, problem: Problem) -> "DayFile":
        return replace(self, problems=(*self.problems, problem))

    def lost(self, problem: Problem) -> "DayFile":
        """The file with nothing in it to read, and the problem that is why."""
        file = self.with_problem(problem)
        return replace(file, readable=None, source=None, records=0, regular=False, damaged=False)

    def unreadable(self, error: OSError) -> "DayFile":
        """The file lost, for the system does not let it be read."""
        reason = error.strerror or "input/output error"
        return self.lost(Problem("unreadable", None, f"cannot be read ({reason})", None))

    def physical_line(self, record: int) -> int:
        """Physical line on which row `record` (1-based, of `readable`) starts in the delivered file."""
        at = bisect.bisect_right(self.shifts[0], record) if self.shifts else 0
        return record + 1 + (self.shifts[1][at - 1] if at and self.shifts else 0)
