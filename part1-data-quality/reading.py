"""Find the daily CSVs and know everything about them at the level of bytes.

`survey` looks at every byte once and fast. It answers for the encoding, NUL bytes, line ends and the header,
and it counts records independently of DuckDB. `recover` (recovery.py) is the slow and careful reader for the
files that `survey` calls damaged and for those whose count DuckDB does not confirm:

    day_file = survey(...)
    if day_file.damaged: day_file = recover(...)
    read with DuckDB; if it raised, or rows != day_file.rows: recover(...) and read again

DuckDB 2.0 as measured, and why the caller reads each `readable` by itself with
`read_csv(glob.escape(str(f.readable)), auto_detect=false, columns={...}, header=true, delim=f.delimiter,
quote='"', escape='"', compression='none', parallel=not f.multiline)`:

- It raises for a line with too few or too many fields, text after a closing quote, an open quote, bytes that
  are not UTF-8, a line above 2 MB, lone CRs and mixed line ends. With store_rejects the last two still raise,
  an open quote takes the following lines with it, each reject keeps 10 kB (60,000 took 30 s), and `line`
  counts a multi-line record as one; `physical_line` does not.
- Accepted in silence: surplus fields that are empty, a quote inside an unquoted field, spaces around quotes,
  a quote again after a closing quote and a space, NUL bytes, blank lines (skipped; NULL rows in a file of one
  column), a header with an open quote or a quoted CR (no rows at all). Columns that a query does not use are
  not checked for UTF-8.
- The parallel reader loses step when quoted newlines meet a buffer boundary (32 MB), raises or invents rows.
"""

import bisect
import codecs
import os
import re
import stat
from array import array
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Literal

from byte_scan import HEAD, Bytes, count_bytes, encoding_of, newline_of

Kind = Literal[
    # The whole file. Rows: all lost, or unknown how many (`rows_lost` None).
    "unreadable",  # cannot be opened or read; vanished; not a regular file
    "empty",  # no byte, or nothing but blank lines
    "not_csv",  # begins like a zip, xlsx, PDF, Parquet..., or without a line end for 64 kB
    "gzip_broken",  # the compressed data end early or are corrupt; what came before is kept
    "gzip_bomb",  # expands beyond all reason; not read
    "changed",  # changed while it was read; what was read is kept
    # The whole file. No row lost.
    "no_records",  # a header and nothing else
    "header_damaged",  # its quotes do not close on its line
    "header_empty_name",
    "header_duplicate",
    "misnamed_gzip",  # compressed without .gz in the name, or the reverse
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
    "field_too_long",  # a record longer than 1 MB
]


@dataclass(frozen=True)
class Problem:
    """Something about the bytes, in one place."""

    kind: Kind
    line: int | None  # physical line, 1-based, the header is line 1; None: the whole file
    message: str  # one clause, no newline, no data
    rows_lost: int | None = 0  # records that are not in `readable` for this; None: cannot be known


@dataclass(frozen=True)
class DayFile:
    """One delivered file, and how DuckDB may read it."""

    name: str  # relative to the data folder
    path: Path
    day: date | None  # from the name, by the contract's pattern
    size: int  # bytes on disk
    header: tuple[str, ...] = ()
    readable: Path | None = None  # what DuckDB may read; None: nothing to read, or recover() first
    records: int = 0  # physical records after the header, counted from the bytes
    regular: bool = False  # one record a physical line: record k stands on line k + 1
    problems: tuple[Problem, ...] = ()
    damaged: bool = False  # recover() has to come before DuckDB; `records` is an estimate until then
    delimiter: str = ","  # of `readable`
    multiline: bool = False  # `readable` has quoted newlines: read it with parallel=false
    rejected: int = 0  # records that are reported and not in `readable`
    source: Path | None = None  # the bytes of the CSV: `path`, or the unpacked copy
    encoding: str = "utf-8"
    newline: str = "\n"  # of `source`
    # From row shifts[0][i] on, lines are shifts[1][i] further down than in a regular file.
    shifts: tuple["array[int]", "array[int]"] | None = field(default=None, repr=False, compare=False)

    @property
    def rows(self) -> int:
        """Rows that DuckDB must find in `readable`."""
        return self.records - self.rejected


class ReadingError(Exception):
    """The files cannot be read; str() is one sentence that says what, where and what to do."""


COPY = re.compile(r"(?:\s*\(\d+\)|[\s._-]+(?:copy|kopie)(?:\s*\(?\d+\)?)?|[_.-]v?\d{1,2})\Z", re.IGNORECASE)
DELIMITERS = ",;\t|"
UTF8_BOM = codecs.BOM_UTF8
GZIP = b"\x1f\x8b"
NOT_CSV = {
    b"PK\x03\x04": "a zip or xlsx file",
    b"%PDF": "a PDF",
    b"PAR1": "a Parquet file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
}


# ---- the folder


def find_files(data_dir: Path, file_name: str) -> list[tuple[Path, date]]:
    """Files of `data_dir` (not below) named for a day by the strptime pattern `file_name`, sorted.

    `.gz` may follow; `name (1).csv`, `name_copy.csv`, `Copy of name.csv`, `name_v2.csv` and another case
    count as further deliveries of the same day. Raises ReadingError when folder or pattern are of no use.
    """
    if _day_of(date(2025, 3, 21).strftime(file_name), file_name) != date(2025, 3, 21):
        raise ReadingError(
            f"The file name pattern {file_name!r} does not name a day: write it like events_%Y%m%d.csv in the contract."
        )
    try:
        str(data_dir).encode()
        with os.scandir(data_dir) as entries:
            regular = [Path(data_dir, e.name) for e in entries if _is_regular(e)]
    except FileNotFoundError:
        raise ReadingError(f"{data_dir} does not exist; name the folder of the files with --data_dir.") from None
    except NotADirectoryError:
        raise ReadingError(f"{data_dir} is not a folder; name the folder of the files with --data_dir.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name is not valid text"
        message = f"{str(data_dir)!a} cannot be read ({reason}); name the folder of the files with --data_dir."
        raise ReadingError(message) from None
    found = [(path, day) for path in regular if (day := _delivered_day(path.name, file_name))]
    return sorted(found, key=lambda one: (one[1], one[0].name))


def _is_regular(entry: os.DirEntry[str]) -> bool:
    with suppress(OSError, ValueError):
        entry.name.encode()  # a name that is not valid text cannot be printed
        return entry.is_file()
    return False


def _day_of(name: str, pattern: str) -> date | None:
    """The day in `name`; strict, unlike strptime, which takes 2025031 for 1 March."""
    with suppress(ValueError):
        day = datetime.strptime(name, pattern)
        if day.strftime(pattern).casefold() == name.casefold():
            return day.date()
    return None


def _delivered_day(name: str, pattern: str) -> date | None:
    plain = re.sub(r"\ACopy of ", "", name, flags=re.IGNORECASE)
    for candidate in (plain, re.sub(r"\.gz\Z", "", plain, flags=re.IGNORECASE)):
        bare = Path(candidate)
        if day := _day_of(candidate, pattern) or _day_of(COPY.sub("", bare.stem) + bare.suffix, pattern):
            return day
    return None


# ---- one file


def survey(path: Path, day: date | None, delimiter: str, work_dir: Path) -> DayFile:
    """Look at the bytes of `path` once. `delimiter` is the contract's; unpacked copies go to `work_dir`.

    Never raises for what the file holds; ReadingError only if `work_dir` cannot be written or the delimiter
    is of no use.
    """
    check_delimiter(delimiter)
    file = DayFile(path.name, path, day, 0, delimiter=delimiter)
    try:
        before = path.stat()
        file = replace(file, size=before.st_size)
        if not stat.S_ISREG(before.st_mode):
            return _lost(file, Problem("unreadable", None, "is not a regular file", None))
        file = _open_source(file, work_dir)
        if file.source is None:
            return file
        file = _describe(file, count_bytes(file.source))
        after = path.stat()
    except OSError as error:
        return unreadable(file, error)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        file = _lost(file, Problem("changed", None, "changed while it was read", None), keep=True)
    return file


def recover(day_file: DayFile, delimiter: str, work_dir: Path) -> DayFile:
    """Read `day_file` record by record and write what is sound as a clean UTF-8 CSV into `work_dir`.

    `delimiter` is the contract's (the file's own, `day_file.delimiter`, decides and stays). Records left out
    are counted in `rejected` and listed, up to 1,000 of a kind, in `problems`; `records` is exact afterwards.
    Bounded memory. ReadingError only if `work_dir` cannot be written.
    """
    check_delimiter(delimiter)
    if day_file.source is None:
        return day_file
    import recovery  # only damaged files pay for it

    return recovery.recover(day_file, work_dir)


def physical_line(day_file: DayFile, record: int) -> int:
    """Physical line on which row `record` (1-based, of `readable`) starts in the delivered file."""
    at = bisect.bisect_right(day_file.shifts[0], record) if day_file.shifts else 0
    return record + 1 + (day_file.shifts[1][at - 1] if at and day_file.shifts else 0)


def check_delimiter(delimiter: str) -> None:
    """Raise ReadingError unless the delimiter is one ASCII character that can delimit."""
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter.isalnum() or delimiter in '" \r\n\0':
        raise ReadingError(
            f"The delimiter {delimiter!a} cannot be used: name one character such as , ; | or a tab in the contract."
        )


def unreadable(file: DayFile, error: OSError) -> DayFile:
    """`file` with the reason why the system does not let it be read."""
    reason = error.strerror or "input/output error"
    return _lost(file, Problem("unreadable", None, f"cannot be read ({reason})", None))


def _lost(file: DayFile, problem: Problem, keep: bool = False) -> DayFile:
    file = replace(file, problems=(*file.problems, problem))
    if keep:
        return file
    return replace(file, readable=None, source=None, records=0, regular=False, damaged=False)


def _open_source(file: DayFile, work_dir: Path) -> DayFile:
    """`file` with `source`, unpacked when its content is gzip; without, when there is nothing to read."""
    with file.path.open("rb", buffering=0) as stream:
        magic = stream.read(8) or b""
    if not magic:
        return _lost(file, Problem("empty", None, "is empty (0 bytes)"))
    if what := next((text for start, text in NOT_CSV.items() if magic.startswith(start)), None):
        return _lost(file, Problem("not_csv", None, f"is {what}, not a CSV", None))
    zipped, named = magic.startswith(GZIP), file.name.lower().endswith(".gz")
    if zipped != named:
        message = "is gzip without .gz in its name" if zipped else "is named .gz and is not compressed"
        file = replace(file, problems=(*file.problems, Problem("misnamed_gzip", None, message)))
    if not zipped:
        return replace(file, source=file.path)
    import unpacking

    return unpacking.unpack(file, work_dir)


def _describe(file: DayFile, seen: Bytes) -> DayFile:
    """Header, problems of the whole file, the count of records, and whether DuckDB may read it as it is."""
    encoding = encoding_of(seen.head)
    head, problems = seen.head, list(file.problems)
    if encoding != "utf-8":
        head = head.decode(encoding, "replace").encode("utf-8", "replace")
        problems.append(Problem("utf_16", None, f"is encoded as {encoding.upper()}"))
    elif head.startswith(UTF8_BOM):
        problems.append(Problem("bom", None, "starts with a UTF-8 byte order mark"))
    newline = newline_of(head if encoding != "utf-8" else b"", seen)
    if newline != "\n":
        which = "Windows line ends (CR LF)" if newline == "\r\n" else "line ends of the old Macintosh (CR)"
        problems.append(Problem("line_ends", None, f"has {which}"))
    file = replace(file, encoding=encoding, newline=newline, problems=tuple(problems))
    start = re.sub(rb"\A(?:\xef\xbb\xbf)+", b"", head.replace(b"\0", b""))
    body = re.sub(rb"\A(?:[ \t\f\v]*[\r\n])+", b"", start)
    if not body.strip() and seen.total <= HEAD:
        return _lost(file, Problem("empty", None, "holds nothing but blank lines"))
    end = newline[-1].encode()
    if end not in body and seen.total > HEAD:
        return _lost(file, Problem("not_csv", None, "shows no header line in its first 64 kB", None))
    file, sound = with_header(file, body.replace(b"\r", b"\n") if newline == "\r" else body)
    trailing = seen.tail[len(seen.tail.rstrip(b"\r\n")) :].count(b"\n")
    lines = seen.newlines + (seen.tail[-1:] != b"\n") - (max(trailing - 1, 0) if len(file.header) > 1 else 0)
    damaged = (
        encoding != "utf-8"
        or seen.nul
        or seen.invalid
        or body != start
        or not sound
        or (seen.returns > 0 and not seen.returns == seen.pairs == seen.newlines)
    )
    if lines <= 1 and not damaged:
        file = _lost(file, Problem("no_records", None, "has a header and no record"), keep=True)
    return replace(
        file, records=max(lines - 1, 0), damaged=damaged, regular=not damaged, readable=None if damaged else file.source
    )


def with_header(file: DayFile, body: bytes) -> tuple[DayFile, bool]:
    """`file` with header, delimiter and their problems from `body`, UTF-8 that starts with the header line.

    A header is one line. The flag says whether its quotes close, so that DuckDB takes no more for the header.
    """
    line = body.partition(b"\n")[0].strip(b"\r")
    delimiter, problems = file.delimiter, list(file.problems)
    best = max(DELIMITERS, key=lambda mark: line.count(mark.encode()))
    if delimiter.encode() not in line and best.encode() in line:
        delimiter = best
        problems.append(Problem("delimiter", None, f"is delimited by {delimiter!a}, not {file.delimiter!a}"))
    cells, sound = line.split(delimiter.encode()), True
    if b'"' in line:
        import recovery

        parsed = recovery.parse(line, 0, len(line), delimiter.encode(), None)
        sound = parsed.fault is None
        cells = parsed.fields if sound else [cell.strip(b' "') for cell in cells]
        if not sound:
            problems.append(Problem("header_damaged", 1, "has quotes that do not close in the header"))
    header = tuple(_text(cell).lstrip("\ufeff") for cell in cells)
    if empty := [str(i) for i, name in enumerate(header, 1) if not name.strip()]:
        problems.append(Problem("header_empty_name", 1, f"has no name for column {', '.join(empty[:10])}"))
    if twice := sorted({name for name in header if name.strip() and header.count(name) > 1}):
        names = ", ".join(map(shown, twice[:5]))
        problems.append(Problem("header_duplicate", 1, f"names a column twice: {names}"))
    return replace(file, header=header, delimiter=delimiter, problems=tuple(problems)), sound


def _text(cell: bytes) -> str:
    try:
        return cell.decode()
    except UnicodeDecodeError:
        return cell.decode("cp1252", "replace")


def shown(name: str) -> str:
    """A name from a file, safe to print and short."""
    return ascii(name[:40]) if not name.isprintable() else repr(name[:40])
