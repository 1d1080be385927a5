"""Inspect a daily file's bytes in one pass.

`survey` looks at every byte once, fast. It checks the encoding, NUL bytes, line endings and the header, and counts
records independently of DuckDB. `recover` (recovery.py) is the slow, careful reader for files that `survey` marks as
damaged, and for files in which DuckDB finds a different number of records; see batches.py.

Measured behaviour of DuckDB 2.0, which is why every part reads `readable` by `batches.read_csv_sql`:

- It raises an error for a line with too few or too many fields, text after a closing quote, an open quote, bytes that
  are not UTF-8, a line above 2 MB, lone CRs and mixed line endings. With store_rejects, the last two still raise, an
  open quote swallows the following lines, each reject keeps 10 kB (60,000 rejects took 30 s), and `line` counts a
  multi-line record as one line; `physical_line` does not.
- It silently accepts surplus fields that are empty, a quote inside an unquoted field, spaces around quotes, another
  quote after a closing quote and a space, NUL bytes, blank lines (skipped; NULL rows in a file with one column), and a
  header with an open quote or a quoted CR (which gives no rows at all). Columns that a query does not use are not
  checked for UTF-8.
- If a quoted newline is at a buffer boundary (32 MB), the parallel reader loses track, and raises or invents rows.
"""

import codecs
import hashlib
import re
import stat
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from event_data.reading.byte_scan import HEAD, Bytes, count_bytes, encoding_of, newline_of
from event_data.reading.csv_header import with_header
from event_data.reading.day_file import DayFile, Problem
from event_data.reading.folder import COMPRESSED
from event_data.reading.not_a_table import is_record, kind_of_bytes, kind_of_text, lines_before_header, lines_of_footer

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def survey(
    file: DayFile, delimiter: str, work_dir: Path, with_hash: bool = False, names: Collection[str] = ()
) -> DayFile:
    """Return `file` with what one pass over its bytes finds; `delimiter` is the contract's.

    With the `names` of the contract's columns, in lower case, a header below the first line is recognised. Decompressed
    copies go to `work_dir`. `with_hash` also computes the SHA-256 of the decompressed bytes. Raise ReadingError only
    if `work_dir` cannot be written, whatever the file contains.
    """
    if file.is_converted:
        return file
    file = replace(file, delimiter=delimiter)
    try:
        before = file.path.stat()
        file = replace(file, size=before.st_size)
        if not stat.S_ISREG(before.st_mode):
            return file.lost(Problem("unreadable", None, "is not a regular file", None))
        file = open_source(file, work_dir)
        if file.source is None:
            return file
        digest = hashlib.sha256() if with_hash else None
        file = _describe(file, count_bytes(file.source, digest), names)
        file = replace(file, content_hash=digest.hexdigest() if digest else "")
        after = file.path.stat()
    except OSError as error:
        return file.unreadable(error)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        file = file.with_problem(Problem("changed", None, "changed while it was being read", None))
    return file


def recover(file: DayFile, work_dir: Path) -> DayFile:
    """Read `file` record by record and write the valid records as a clean UTF-8 CSV to `work_dir`.

    Rejected records are counted in `rejected`, written to `rejects`, and listed in `problems`, up to 1,000 of each
    kind. Afterwards `records` is exact. Memory use is bounded. Raise ReadingError only if `work_dir` cannot be written.
    """
    if file.source is None:
        return file
    from event_data.reading import recovery  # needed only for damaged files

    return recovery.recover(file, work_dir)


def open_source(file: DayFile, work_dir: Path) -> DayFile:
    """Return `file` with `source`, decompressed if necessary; without it if there is nothing to read."""
    with file.path.open("rb", buffering=0) as stream:
        magic = stream.read(4096) or b""
    if not magic:
        return file.lost(Problem("empty", None, "is empty (0 bytes)"))
    if what := kind_of_bytes(magic):
        return file.lost(Problem("not_csv", None, f"is {what}, not a CSV", None))
    packed = next((ending for ending, mark in zip(COMPRESSED, (GZIP, ZSTD), strict=True) if magic.startswith(mark)), "")
    named = next((ending for ending in COMPRESSED if file.name.lower().endswith(ending)), "")
    if packed != named:
        message = f"is compressed without {packed} in its name" if packed else f"is named {named} and is not compressed"
        file = file.with_problem(Problem("misnamed_archive", None, message))
    if not packed:
        return replace(file, source=file.path)
    from event_data.reading import unpacking  # needed only for compressed files

    return unpacking.unpack(file, work_dir, packed)


def _describe(file: DayFile, seen: Bytes, names: Collection[str]) -> DayFile:
    """Return the file with its header, its problems, its record count, and whether DuckDB can read it as it is."""
    encoding = encoding_of(seen.head)
    head, problems = seen.head, list(file.problems)
    if encoding != "utf-8":
        head = head.decode(encoding, "replace").encode("utf-8", "replace")
        problems.append(Problem("utf_16", None, f"is encoded as {encoding.upper()}"))
    elif head.startswith(codecs.BOM_UTF8):
        problems.append(Problem("bom", None, "starts with a UTF-8 byte order mark"))
    newline = newline_of(head if encoding != "utf-8" else b"", seen)
    if newline != "\n":
        which = "Windows line endings (CR LF)" if newline == "\r\n" else "classic Mac line endings (CR)"
        problems.append(Problem("line_ends", None, f"has {which}"))
    file = replace(file, encoding=encoding, newline=newline, problems=tuple(problems))
    start = re.sub(rb"\A(?:\xef\xbb\xbf)+", b"", head.replace(b"\0", b""))
    body = re.sub(rb"\A(?:[ \t\f\v]*[\r\n])+", b"", start)
    if not body.strip() and seen.total <= HEAD:
        return file.lost(Problem("empty", None, "has only blank lines"))
    if what := kind_of_text(body):
        return file.lost(Problem("not_csv", None, f"is {what}, not a CSV", None))
    end = newline[-1].encode()
    if end not in body and seen.total > HEAD:
        return file.lost(Problem("not_csv", None, "has no header line in its first 64 kB", None))
    body = body.replace(b"\r", b"\n") if newline == "\r" else body
    file, below = _below_other_text(file, start, body, names)
    if below is None:
        return file.lost(Problem("not_csv", None, "has no header: its first line is a record", None))
    file, sound = with_header(file, below)
    trailing = seen.tail[len(seen.tail.rstrip(b"\r\n")) :].count(b"\n")
    lines = seen.newlines + (seen.tail[-1:] != b"\n") - (max(trailing - 1, 0) if len(file.header) > 1 else 0)
    if encoding == "utf-8" and newline != "\r" and lines > 2 and (after := lines_of_footer(seen.tail)):
        last = seen.newlines + (seen.tail[-1:] != b"\n") - max(trailing - 1, 0)
        file = replace(file, footer=last - after + 1)
    damaged = (
        encoding != "utf-8"
        or file.skipped > 0
        or file.footer is not None
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


def _below_other_text(file: DayFile, start: bytes, body: bytes, names: Collection[str]) -> tuple[DayFile, bytes | None]:
    """Return the file with the lines above its header skipped, and `body` from the header on; None without a header."""
    above = lines_before_header(body, names) if names else 0
    if above is None and is_record(body.partition(b"\n")[0]):
        return file, None
    if not above:
        return file, body
    line = start[: len(start) - len(body)].count(b"\n") + above + 1
    file = file.with_problem(Problem("preamble", line, f"has its header on line {line}, below other text"))
    return replace(file, skipped=above), body.split(b"\n", above)[above]
