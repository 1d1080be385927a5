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

import codecs
import os
import re
import stat
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from event_data.reading.byte_scan import HEAD, Bytes, count_bytes, encoding_of, newline_of
from event_data.reading.csv_header import with_header
from event_data.reading.day_file import DayFile, Problem, ReadingError

# What a file manager or a sender adds to the name of a copy; compiled when a name is first in doubt.
COPY = r"(?i:\s*\(\d+\)|[\s._-]+(?:copy|kopie)(?:\s*\(?\d+\)?)?|[_.-]v?\d{1,2})\Z"
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
        if day := _day_of(candidate, pattern) or _day_of(re.sub(COPY, "", bare.stem) + bare.suffix, pattern):
            return day
    return None


# ---- one file


def survey(path: Path, day: date | None, delimiter: str, work_dir: Path) -> DayFile:
    """Look at the bytes of `path` once. `delimiter` is the contract's; unpacked copies go to `work_dir`.

    Never raises for what the file holds; ReadingError only if `work_dir` cannot be written.
    """
    file = DayFile(path.name, path, day, 0, delimiter=delimiter)
    try:
        before = path.stat()
        file = replace(file, size=before.st_size)
        if not stat.S_ISREG(before.st_mode):
            return file.lost(Problem("unreadable", None, "is not a regular file", None))
        file = _open_source(file, work_dir)
        if file.source is None:
            return file
        file = _describe(file, count_bytes(file.source))
        after = path.stat()
    except OSError as error:
        return file.unreadable(error)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        file = file.with_problem(Problem("changed", None, "changed while it was read", None))
    return file


def recover(day_file: DayFile, work_dir: Path) -> DayFile:
    """Read `day_file` record by record and write what is sound as a clean UTF-8 CSV into `work_dir`.

    Records left out are counted in `rejected` and listed, up to 1,000 of a kind, in `problems`; `records` is
    exact afterwards. Bounded memory. ReadingError only if `work_dir` cannot be written.
    """
    if day_file.source is None:
        return day_file
    from event_data.reading import recovery  # only damaged files pay for it

    return recovery.recover(day_file, work_dir)


def _open_source(file: DayFile, work_dir: Path) -> DayFile:
    """`file` with `source`, unpacked when its content is gzip; without, when there is nothing to read."""
    with file.path.open("rb", buffering=0) as stream:
        magic = stream.read(8) or b""
    if not magic:
        return file.lost(Problem("empty", None, "is empty (0 bytes)"))
    if what := next((text for start, text in NOT_CSV.items() if magic.startswith(start)), None):
        return file.lost(Problem("not_csv", None, f"is {what}, not a CSV", None))
    zipped, named = magic.startswith(GZIP), file.name.lower().endswith(".gz")
    if zipped != named:
        message = "is gzip without .gz in its name" if zipped else "is named .gz and is not compressed"
        file = file.with_problem(Problem("misnamed_gzip", None, message))
    if not zipped:
        return replace(file, source=file.path)
    from event_data.reading import unpacking  # only packed files pay for it

    return unpacking.unpack(file, work_dir)


def _describe(file: DayFile, seen: Bytes) -> DayFile:
    """Header, problems of the whole file, the count of records, and whether DuckDB may read it as it is."""
    encoding = encoding_of(seen.head)
    head, problems = seen.head, list(file.problems)
    if encoding != "utf-8":
        head = head.decode(encoding, "replace").encode("utf-8", "replace")
        problems.append(Problem("utf_16", None, f"is encoded as {encoding.upper()}"))
    elif head.startswith(codecs.BOM_UTF8):
        problems.append(Problem("bom", None, "starts with a UTF-8 byte order mark"))
    newline = newline_of(head if encoding != "utf-8" else b"", seen)
    if newline != "\n":
        which = "Windows line ends (CR LF)" if newline == "\r\n" else "line ends of the old Macintosh (CR)"
        problems.append(Problem("line_ends", None, f"has {which}"))
    file = replace(file, encoding=encoding, newline=newline, problems=tuple(problems))
    start = re.sub(rb"\A(?:\xef\xbb\xbf)+", b"", head.replace(b"\0", b""))
    body = re.sub(rb"\A(?:[ \t\f\v]*[\r\n])+", b"", start)
    if not body.strip() and seen.total <= HEAD:
        return file.lost(Problem("empty", None, "holds nothing but blank lines"))
    end = newline[-1].encode()
    if end not in body and seen.total > HEAD:
        return file.lost(Problem("not_csv", None, "shows no header line in its first 64 kB", None))
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
        file = file.with_problem(Problem("no_records", None, "has a header and no record"))
    return replace(
        file, records=max(lines - 1, 0), damaged=damaged, regular=not damaged, readable=None if damaged else file.source
    )
