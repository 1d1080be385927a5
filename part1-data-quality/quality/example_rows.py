"""Read single rows of a file again, and mask what could identify a person."""

import csv
import re
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import cache
from itertools import islice
from pathlib import Path

from event_data.output import printable
from event_data.reading.day_file import DayFile
from event_data.user_agents import BROWSERS, OTHER, SYSTEMS, name_in

CHUNK = 1 << 18  # bytes
LONGEST = 1 << 16  # characters of a line; a longer one is not shown
MOST_RECORDS = 200_000  # read of a file with line breaks in quotes, which must be parsed from its beginning
LONG_PART = 24  # characters; a longer part of a path is an id, not a name


def read_rows(file: DayFile, records: Collection[int]) -> dict[int, dict[str, str]]:
    """Return records of a file, counted from 1, as column -> text; records that are not there any more are left out."""
    if file.readable is None or not records:
        return {}
    if file.multiline:
        return dict(_parsed_from_the_start(file.readable, file, records))
    # With one record per line, only line endings need counting.
    lines = _lines(file.readable, {record + 1 for record in records})
    rows = {}
    for number, line in lines.items():
        fields = next(csv.reader([line], delimiter=file.delimiter), [])
        if len(fields) == len(file.header):
            rows[number - 1] = dict(zip(file.header, fields, strict=True))
    return rows


def _parsed_from_the_start(path: Path, file: DayFile, records: Collection[int]) -> Iterator[tuple[int, dict[str, str]]]:
    csv.field_size_limit(1 << 30)
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        rows = csv.reader(text, delimiter=file.delimiter)
        for number, fields in enumerate(islice(rows, min(max(records), MOST_RECORDS) + 1)):
            if number in records and len(fields) == len(file.header):
                yield number, dict(zip(file.header, fields, strict=True))


def _lines(path: Path, wanted: Collection[int]) -> dict[int, str]:
    """Return lines of a file, counted from 1."""
    by_number: dict[int, str] = {}
    left = sorted(wanted, reverse=True)
    with path.open("rb") as file:
        number, rest = 1, b""  # of the line that starts with `rest`
        while left and (chunk := file.read(CHUNK)):
            whole, end, after = (rest + chunk).rpartition(b"\n")
            ends = whole.count(b"\n") + 1 if end else 0
            if ends and left[-1] < number + ends:
                last = max(line for line in left if line < number + ends)
                lines = whole.split(b"\n", last - number + 1)
                while left and left[-1] < number + ends:
                    at = left.pop()
                    by_number[at] = _text(lines[at - number])
            number, rest = number + ends, after[: LONGEST + 1] if not ends and len(after) > LONGEST else after
        if left and left[-1] == number:
            by_number[number] = _text(rest)
    return {number: line for number, line in by_number.items() if line}


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "replace") if len(line) <= LONGEST else ""


@cache
def browser(user_agent: str) -> str:
    """Return the browser and the system that a user agent names, such as Safari on iOS, or the program."""
    if named := re.search(r"compatible; ([\w. -]{2,30})|^(?!mozilla)([\w. -]{2,30})", user_agent, re.IGNORECASE):
        return (named[1] or named[2]).strip()
    program, system = name_in(BROWSERS, user_agent), name_in(SYSTEMS, user_agent)
    program = "HeadlessChrome" if "HeadlessChrome/" in user_agent else program  # the warehouse treats it as a crawler
    return " on ".join(name for name in (program, system) if name != OTHER) or "another browser"


def masked(text: str) -> str:
    """Return the first four characters, and stars for the letters and digits of what follows."""
    return printable(text[:4] + re.sub(r"[A-Za-z0-9]", "*", text[4:14]) + "..." * (len(text) > 14))


def masked_address(url: str) -> str:
    """Return the host and path of a URL and the keys of its query, without values, ids or addresses in the path."""
    head, _, rest = re.sub(r"^[a-z-]+://", "", url, flags=re.IGNORECASE).partition("?")
    parts = [part if _is_a_name(part) else "..." for part in head.partition("#")[0].split("/")]
    keys = [key.partition("=")[0] for key in rest.partition("#")[0].split("&") if key]
    query = "?" + "&".join(key if _is_a_name(key) else "..." for key in keys) if keys else ""
    shown = printable("/".join(parts) + query)
    return shown if len(shown) <= 80 else shown[:77] + "..."


def _is_a_name(part: str) -> bool:
    """Return whether part of an address is not an id or personal data: it is short, without @ or long numbers."""
    return len(part) < LONG_PART + 8 * (part.count("-") + part.count(".")) and not re.search(r"@|%40|\d{7}", part)


def path_of(url: str) -> str:
    """Return the masked path of a URL."""
    return "/" + masked_address(url).partition("?")[0].partition("/")[2]


def shown(text: str) -> str:
    """Return a text that is printable and not too long."""
    text = printable(text)
    return text if len(text) <= 40 else text[:37] + "..."


def earliest(times: Sequence[str]) -> str:
    """Return the earliest of a file's times as text; the first one if they are not ISO 8601."""
    try:
        return min(times, key=lambda time: datetime.fromisoformat(time).timestamp(), default="")
    except (ValueError, OverflowError):
        return times[0]
