"""Records of a damaged file: those that are sound, and the lines that belong to none."""

import csv
import io
from collections.abc import Iterator, Sequence

LONGEST_RECORD = 1000  # lines; what looks longer is a quote that was never closed


def read_records(text: str, delimiter: str, width: int, first_line: int) -> Iterator[tuple[int, list[str], str | None]]:
    """Every record of a text as (line it starts on, fields, None), or as (line, [], text) where it is none.

    A record has `width` fields. Where a quote stays open, or has swallowed records that are sound, its line
    is given up alone, and the next line is tried as a new record.
    """
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    at = 0
    while at < len(lines):
        line = lines[at].removesuffix("\r")
        if not line.strip():
            at += 1
            continue
        taken, fields = _record(lines, at, delimiter, width)
        if fields is None:
            yield first_line + at, [], "\n".join(lines[at : at + taken]).removesuffix("\r")
            at += taken
        else:
            yield first_line + at, fields, None
            at += taken


def _record(lines: Sequence[str], at: int, delimiter: str, width: int) -> tuple[int, list[str] | None]:
    """How many lines the record at `at` takes, and its fields if it is one."""
    quotes = 0
    for taken in range(1, min(LONGEST_RECORD, len(lines) - at) + 1):
        quotes += lines[at + taken - 1].count('"')
        if quotes % 2 == 0:
            record = "\n".join(lines[at : at + taken]).removesuffix("\r")
            try:
                rows = list(csv.reader(io.StringIO(record, newline=""), delimiter=delimiter, strict=True))
            except csv.Error:
                return 1, None
            if len(rows) == 1 and len(rows[0]) == width:
                return taken, rows[0]
            # Too short or too long, over several lines: one record, unless a quote swallowed sound ones.
            swallowed = any(_is_record(line, delimiter, width) for line in lines[at + 1 : at + taken])
            return (1 if swallowed else taken), None
    return 1, None


def _is_record(line: str, delimiter: str, width: int) -> bool:
    try:
        return [len(row) for row in csv.reader([line.removesuffix("\r")], delimiter=delimiter, strict=True)] == [width]
    except csv.Error:
        return False
