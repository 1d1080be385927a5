"""Faults of reading: files missing, cut, doubled, or in another encoding or dialect."""

import gzip
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

from fault_kit import ORDERS, Broken, Day, Row, day_fault, file_fault, money, some, whole


def _encoded(day: Day, name: str, content: bytes) -> Broken:
    day.path.write_bytes(content)
    return whole(name, day.path.name, day)


def text_of(day: Day) -> str:
    return day.path.read_bytes().decode("utf-8", "surrogateescape")


# --- files ------------------------------------------------------------------------------------------------


@file_fault("reading", 1.0, expects="file_missing")
def day_missing(day: Day, severity: float, rng: Random) -> Broken:
    """The file did not come."""
    day.path.unlink()
    return whole("day_missing", day.path.name, day)


def rewrites(name: str, content: Callable[[Day], bytes], expects: str, benign: bool = False) -> None:
    """Register a fault that gives the whole file other bytes."""

    def change(day: Day, severity: float, rng: Random) -> Broken:
        return _encoded(day, name, content(day))

    change.__name__ = name
    file_fault("reading", 1.0, benign, expects)(change)


def _saved(day: Day, newline: str, delimiter: str = ",") -> bytes:
    day.newline = newline
    day.save(delimiter)
    return day.path.read_bytes()


def _utf16(day: Day) -> bytes:
    return b"\xff\xfe" + text_of(day).encode("utf-16-le", "surrogatepass")


rewrites("day_empty", lambda day: b"", "file_empty")
rewrites("header_only", lambda day: (day.header.text() + day.newline).encode(), "file_empty")
rewrites("byte_order_mark", lambda day: b"\xef\xbb\xbf" + day.path.read_bytes(), "bytes_unusual", benign=True)
rewrites("utf16", _utf16, "encoding_other")  # as a spreadsheet saves it
rewrites("crlf", lambda day: _saved(day, "\r\n"), "bytes_unusual", benign=True)  # as on Windows
rewrites("semicolons", lambda day: _saved(day, day.newline, ";"), "delimiter_other")
rewrites("tabs", lambda day: _saved(day, day.newline, "\t"), "delimiter_other")


def _cut(day: Day, name: str, at: int) -> Broken:
    """Cut the file inside the row with this number: the rows from there on are lost, this one in part."""
    row, kept, lost = day.rows[at], day.rows[:at], day.before[at:]
    text = row.text()
    middle = text.rindex('"') - 3 if name == "truncated_in_quotes" else len(text) * 2 // 3
    line = day.lines([row])
    content = day.newline.join([day.header.text(), *(each.text() for each in kept), text[:middle]])
    day.path.write_bytes(content.encode("utf-8", "surrogateescape"))
    orders = money(day, [cells for _, _, cells in lost])
    return Broken(name, day.path.name, line, None, len(lost), len(orders), sum(orders, Decimal(0)))


@file_fault("reading", 0.4, expects="file_truncated hours_without_events rows_volume")
def truncated_in_quotes(day: Day, severity: float, rng: Random) -> Broken:
    """The file ends in the middle of a quoted field; severity is the share of rows lost."""
    start = min(int(len(day.rows) * (1 - severity)), len(day.rows) - 1)
    quoted = [i for i, row in enumerate(day.rows) if row.text().endswith('"')]
    return _cut(day, "truncated_in_quotes", min(quoted, key=lambda i: abs(i - start)))


@file_fault("reading", 0.4, expects="file_truncated hours_without_events rows_volume")
def truncated_in_row(day: Day, severity: float, rng: Random) -> Broken:
    """The file ends in the middle of a row without quotes, so that it has too few fields."""
    start = min(int(len(day.rows) * (1 - severity)), len(day.rows) - 1)
    row = day.rows[start]
    row.raw, row.was = row.text().split('"')[0].rsplit(",", 1)[0], tuple(row.cells)
    return _cut(day, "truncated_in_row", start)


@file_fault("reading", 1.0, expects="day_delivered_twice")
def delivered_twice(day: Day, severity: float, rng: Random) -> Broken:
    """The same file again under the name that a download gives to a second copy."""
    copy = day.path.with_name(f"{day.path.stem} (1){day.path.suffix}")
    copy.write_bytes(day.path.read_bytes())
    return whole("delivered_twice", day.path.name, day)


@file_fault("reading", 1.0, expects="content_repeated timestamp_outside_day transaction_id_resubmission")
def other_day_again(day: Day, severity: float, rng: Random) -> Broken:
    """Under this day's name comes the content of the day before, or of the day after if there is none."""
    for step in (-1, 1):
        other = _neighbour(day.path, step)
        if other.exists():
            return _encoded(day, "other_day_again", other.read_bytes())
    return Broken("other_day_again", day.path.name, (), None, 0, 0, Decimal(0))


def _neighbour(path: Path, step: int) -> Path:
    at = datetime.strptime(path.stem[-8:], "%Y%m%d") + timedelta(days=step)
    return path.with_name(f"{path.stem[:-8]}{at:%Y%m%d}{path.suffix}")


@file_fault("reading", 1.0, benign=True)
def gzipped(day: Day, severity: float, rng: Random) -> Broken:
    """The file comes packed, as many tools write it."""
    packed = day.path.with_name(day.path.name + ".gz")
    packed.write_bytes(gzip.compress(day.path.read_bytes(), mtime=0))
    day.path.unlink()
    return whole("gzipped", packed.name, day)


# --- encodings and dialects -------------------------------------------------------------------------------


@file_fault("reading", 0.02, expects="encoding_other")
def latin1(day: Day, severity: float, rng: Random) -> Broken:
    """Some pages have non-ASCII names, and the file is in Latin-1."""
    for row in some(day.having("page"), severity, rng):
        page, mark, query = day.get(row, "page").partition("?")
        day.set(row, "page", f"{page.rstrip('/')}/für-müde-köpfe{mark}{query}")
    broken = day.account("latin1", "page_url")
    day.save()
    day.path.write_bytes(text_of(day).encode("latin-1", "replace"))
    return broken


# --- rows -------------------------------------------------------------------------------------------------


def _raw(row: Row, text: str) -> None:
    """Let the row be written as this text, whatever its cells say."""
    row.raw = text
    row.was = tuple(row.cells)


@day_fault("reading", 1.0, expects="header_repeated")
def second_header(day: Day, severity: float, rng: Random) -> None:
    """The header stands once more among the rows, as after gluing two files."""
    day.rows.insert(len(day.rows) // 2, Row(list(day.header.cells)))


@day_fault("reading", 0.01, "page", expects="quote_stray host_foreign")
def stray_quotes(day: Day, severity: float, rng: Random) -> None:
    """A quotation mark inside an unquoted page, not doubled."""
    plain = [row for row in day.having("page") if "://" in row.text()]
    for row in some(plain, severity, rng):
        _raw(row, row.text().replace("://", '://"', 1))


@day_fault("reading", 0.01, "page", expects="records_unreadable")
def open_quotes(day: Day, severity: float, rng: Random) -> None:
    """A field opens with a quotation mark that is never closed."""
    for row in some([row for row in day.having("page") if ",https" in row.text()], severity, rng):
        _raw(row, row.text().replace(",https", ',"https', 1))


@day_fault("reading", 0.02, expects="records_unreadable")
def fields_too_many(day: Day, severity: float, rng: Random) -> None:
    """Rows with a field more than the header."""
    for row in some(day.rows, severity, rng):
        row.cells.append("surplus")


@day_fault("reading", 0.97, expects="file_unreadable")
def rows_unreadable(day: Day, severity: float, rng: Random) -> None:
    """Nearly every row has a field more than the header."""
    fields_too_many(day, severity, rng)


@day_fault("reading", 0.02, expects="records_unreadable file_truncated")
def fields_too_few(day: Day, severity: float, rng: Random) -> None:
    """Rows without their last field."""
    for row in some(day.rows, severity, rng):
        row.cells.pop()


@day_fault("reading", 1.0, "payload", benign=True)
def embedded_newlines(day: Day, severity: float, rng: Random) -> None:
    """Payloads spread over several lines inside their quotes: good CSV and good JSON."""
    for row in some(day.having("payload"), severity, rng):
        day.set(row, "payload", day.get(row, "payload").replace("{", "{\n ", 1))


@day_fault("reading", 0.01, "page", expects="encoding_other")
def nul_bytes(day: Day, severity: float, rng: Random) -> None:
    """Pages that end in a NUL byte."""
    for row in some(day.having("page"), severity, rng):
        day.set(row, "page", day.get(row, "page") + "\0")


@day_fault("reading", 1.0, "page", expects="records_unreadable")
def huge_field(day: Day, severity: float, rng: Random) -> None:
    """One page address of ten megabytes."""
    for row in some([row for row in day.having("page") if day.get(row, "event") not in ORDERS], 0, rng):
        day.set(row, "page", day.get(row, "page") + "?q=" + "x" * 10_000_000)
