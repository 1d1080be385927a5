"""Parse a CSV record as DuckDB does, and write it so that DuckDB cannot misread it."""

import re
from dataclasses import dataclass, replace
from functools import cache

from event_data.reading.day_file import Kind

RECORD_BYTES = 1_900_000  # a longer record is reported and not kept; DuckDB itself stops at 2,000,000
TOO_LONG = f"starts a record longer than {RECORD_BYTES:,} bytes"
RECORD_LINES = 1_000  # a quoted field that spans more lines is a mistake


@dataclass(frozen=True)
class Parsed:
    """A record: its fields, where it ends (after its line ending), or what is wrong with it."""

    fields: list[bytes]
    end: int
    fault: Kind | None = None
    message: str = ""


def parse(data: bytes, start: int, stop: int, mark: bytes, wanted: int | None, final: bool = True) -> Parsed:
    """Return the record at `start` as DuckDB reads it, with spaces around quotes and quotes in unquoted fields.

    `stop` limits the search, `final` says that the file ends there, and `wanted` is the number of fields.
    """
    field, closed = _patterns(mark)
    fields: list[bytes] = []
    at, stray = start, False
    while match := field.match(data, at, stop):
        quoted, plain = match[1], match[2]
        at = match.end()
        past_end = at == stop and not match[3]
        if past_end and not final:
            return Parsed(fields, at, "field_too_long", TOO_LONG)
        if quoted is None:
            stray = stray or b'"' in plain
            fields.append(plain.removesuffix(b"\r") if match[3] != mark else plain)
        else:
            fields.append(quoted.replace(b'""', b'"'))
        if match[3] != mark:
            return _checked(data, Parsed(fields, at), start, wanted, stray)
        if wanted and len(fields) > wanted and fields[-1] and b"\n" in data[start:at]:
            break  # an unbalanced quote; following it further could take forever
    close = closed.match(data, at, stop)
    if close and b"\n" not in data[start : close.end()]:
        message = f"has text after the closing quote of field {len(fields) + 1}"
        return Parsed(fields, at, "stray_quote", message)
    message = f"opens a quote in field {len(fields) + 1} that is not closed where a field may end"
    return Parsed(fields, at, "unterminated_quote", message)


def _checked(data: bytes, parsed: Parsed, start: int, wanted: int | None, stray: bool) -> Parsed:
    fields, number = parsed.fields, len(parsed.fields)
    if wanted is None:
        return parsed
    while len(fields) > wanted and not fields[-1]:
        fields.pop()
    lines = data.count(b"\n", start, parsed.end - 1)
    if lines >= RECORD_LINES:
        message = f"opens a quote that runs over {lines:,} lines"
        return replace(parsed, fault="unterminated_quote", message=message)
    if len(fields) != wanted:
        message = f"has {number:,} fields instead of {wanted:,}"
        if lines:
            message += f" (together with the {lines:,} lines that a quote joins to it)"
        return replace(
            parsed,
            fault="stray_quote" if stray else "ragged",
            message=message + (" and a quote inside a field" if stray else ""),
        )
    if number != wanted:
        return replace(parsed, message=f"has {number - wanted:,} surplus empty fields")
    return parsed


@cache
def _patterns(mark: bytes) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Return the patterns of a field with its end, and of a quoted field whatever follows."""
    d, quoted = re.escape(mark), rb' *+"([^"]*+(?:""[^"]*+)*+)"'
    field = rb'(?:%b *+(?:\r(?=\n|\Z))?+|(?! *+")([^%b\n]*+))(%b|\n|\Z)' % (quoted, d, d)
    return re.compile(field), re.compile(quoted)


def serialised(fields: list[bytes], mark: bytes) -> bytes:
    """Return the record as CSV, with quotes only where they are needed."""
    return mark.join(_quoted(value, mark) for value in fields) + b"\n" if fields != [b""] else b'""\n'


def _quoted(value: bytes, mark: bytes) -> bytes:
    spaced = value[:1] == b" " or value[-1:] == b" "
    if spaced or b'"' in value or b"\n" in value or b"\r" in value or mark in value:
        return b'"' + value.replace(b'"', b'""') + b'"'
    return value


def sound_lines(mark: bytes, wanted: int, newline: str) -> re.Pattern[bytes]:
    """Return a pattern for as many clearly valid lines as possible: quotes only around whole fields, no newlines."""
    d = re.escape(mark)
    field = rb'(?:"[^"\r\n]*+(?:""[^"\r\n]*+)*+"|[^"\r\n' + d + rb"]*+)"
    end = rb"\r\n" if newline == "\r\n" else rb"\n"
    return re.compile(rb"(?:%b(?:%b%b){%d}%b)*" % (field, d, field, wanted - 1, end))
