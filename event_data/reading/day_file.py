"""Facts about a delivered file: its name and day, how to read it, and the problems in its bytes."""

import bisect
from array import array
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Literal

from event_data.errors import UserError

Kind = Literal[
    # Problems of the whole file that lose all rows, or an unknown number (`rows_lost` is None).
    "unreadable",  # cannot be opened or read; vanished; not a regular file
    "empty",  # no bytes, or only blank lines
    "not_csv",  # starts like a zip, xlsx, PDF or Parquet file, HTML, XML or JSON; no header; no line ending in 64 kB
    "archive_broken",  # the compressed data are truncated or corrupt; what precedes is kept
    "archive_bomb",  # expands beyond the limits; not read
    "changed",  # changed while it was being read; what was read is kept
    # Problems of the whole file that lose no rows.
    "no_records",  # only a header
    "header_damaged",  # a quote in the header does not close on the same line
    "header_empty_name",
    "header_duplicate",
    "misnamed_archive",  # compressed without .gz or .zst in the name, or the reverse
    "bom",  # UTF-8 byte order mark
    "utf_16",  # UTF-16 or UTF-32, transcoded
    "delimiter",  # not the contract's
    "line_ends",  # not all LF
    "blank_lines",  # between records
    "preamble",  # the header is not on the first line
    # Problems of one line; the row is kept.
    "encoding",  # not UTF-8: read as Windows-1252, or U+FFFD where UTF-16 is broken
    "nul_byte",  # NUL bytes, which are removed
    "surplus_empty",  # more fields than the header, all empty (DuckDB drops them silently)
    # Problems of one line; the row is lost.
    "ragged",  # a different number of fields from the header
    "stray_quote",  # a quote where none is allowed
    "unterminated_quote",  # a quote that is never closed, or closed too late or wrongly
    "truncated",  # the file ends in the middle of its last record
    "field_too_long",  # a record longer than 1.9 MB
    "not_json",  # a line that is not a JSON object
    "footer",  # a total or a count at the end of the file
]
MOST_LINES = 10**8  # per file: the ids of records have eight digits for the line


class ReadingError(UserError):
    """The files cannot be read."""


@dataclass(frozen=True)
class Problem:
    """A problem with the bytes of a file or of one line."""

    kind: Kind
    line: int | None  # physical line, where the header is line 1; None: the whole file
    message: str  # one clause, without newlines or data
    rows_lost: int | None = 0  # records that this keeps out of `readable`; None: unknown


@dataclass(frozen=True)
class DayFile:
    """A file of a day, what is known about its bytes, and how DuckDB can read it."""

    name: str  # relative to the data folder
    path: Path
    day: date  # from the name, by the contract's pattern
    size: int = 0  # bytes on disk
    number: int = 0  # among the files of its day; 0 is the file with the contract's exact name
    stamp: str = ""  # changes with the content; see folder.stamp_of
    content_hash: str = ""  # SHA-256 of the unpacked bytes, only if requested
    header: tuple[str, ...] = ()
    readable: Path | None = None  # what DuckDB can read; None: nothing, or run recover() first
    records: int = 0  # physical records after the header, counted from the bytes
    regular: bool = False  # one record per physical line: record k is on line k + 1
    problems: tuple[Problem, ...] = ()
    damaged: bool = False  # recover() must run before DuckDB; until then `records` is an estimate
    delimiter: str = ","  # of `readable`
    skipped: int = 0  # lines before the header, blank ones at the start of the file not counted
    footer: int | None = None  # the line from which on the file has no records, but totals
    multiline: bool = False  # `readable` has quoted newlines: read it with parallel=false
    rejected: int = 0  # records that are reported and left out of `readable`
    rejects: Path | None = None  # the rejected records as a CSV of (line, reason, text); None: none
    source: Path | None = None  # the bytes of the CSV: `path`, or the unpacked copy
    encoding: str = "utf-8"
    newline: str = "\n"  # of `source`
    is_converted: bool = False  # `source` is a copy by conversion.py; the file is surveyed
    # From row shifts[0][i] on, line numbers are shifts[1][i] higher than in a regular file.
    shifts: tuple["array[int]", "array[int]"] | None = field(default=None, repr=False, compare=False)

    @property
    def file_id(self) -> int:
        """Return the day and the number as one integer: 20250304 and 001 give 20250304001."""
        return (self.day.year * 10000 + self.day.month * 100 + self.day.day) * 1000 + self.number

    @property
    def refused(self) -> str | None:
        """Return why none or only an unknown part of the file could be read, as a clause; else None."""
        if self.records and self.rejected == self.records:
            return "has no readable records"
        return next((p.message for p in self.problems if p.rows_lost is None or p.kind == "empty"), None)

    @property
    def rows(self) -> int:
        """Return the number of rows that DuckDB must find in `readable`."""
        return self.records - self.rejected

    def refuse_line(self, last: int) -> None:
        """Raise ReadingError if the last line's number does not fit into the ids of records."""
        if last >= MOST_LINES:
            raise ReadingError(f"{self.path} has more than {MOST_LINES:,} lines; split it into parts.")

    def with_problem(self, problem: Problem) -> "DayFile":
        return replace(self, problems=(*self.problems, problem))

    def lost(self, problem: Problem) -> "DayFile":
        """Return the file as one with nothing to read, because of this problem."""
        file = self.with_problem(problem)
        return replace(file, readable=None, source=None, records=0, regular=False, damaged=False)

    def unreadable(self, error: OSError) -> "DayFile":
        """Return the file as lost because the operating system cannot read it."""
        reason = error.strerror or "input/output error"
        return self.lost(Problem("unreadable", None, f"cannot be read ({reason})", None))

    def physical_line(self, record: int) -> int:
        """Return the physical line of the delivered file on which row `record` (1-based) of `readable` starts."""
        at = bisect.bisect_right(self.shifts[0], record) if self.shifts else 0
        return record + 1 + (self.shifts[1][at - 1] if at and self.shifts else 0)
