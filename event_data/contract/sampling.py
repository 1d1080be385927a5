"""The first rows of the files that a contract is drafted from: columns, renames, events."""

import contextlib
import csv
import gzip
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from event_data.contract.guessing import Roles, Sample, Shape, event_roles, kind_of
from event_data.contract.model import ContractError
from event_data.reading.csv_header import DELIMITERS

MAX_ROWS, MAX_EVENTS = 5_000, 50

Row = dict[str, str]


@dataclass
class Table:
    """The first rows of a file."""

    header: list[str]
    rows: list[list[str]]
    delimiter: str


@dataclass
class Events:
    """The kinds of event that the files hold, and their payloads."""

    names: list[str] = field(default_factory=list)  # empty if there are too many to be kinds of event
    roles: dict[str, str] = field(default_factory=dict)  # event -> role
    shapes: dict[str, Shape] = field(default_factory=dict)
    order: str | None = None  # the event that is an order
    orders: list[tuple[Row, Any]] = field(default_factory=list)  # its rows and payloads


def read_table(path: Path) -> Table:
    """Return header, rows and delimiter of a file, read from its first rows."""
    try:
        with path.open("rb") as raw:
            unpack = gzip.open if raw.read(2) == b"\x1f\x8b" else open
        with unpack(path, "rb") as raw:
            encoding = "utf-16" if raw.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        with unpack(path, "rt", encoding=encoding, errors="replace", newline="") as file:
            first = file.readline(1_000_000)
            if not first.strip():
                raise ContractError(f"{path}, line 1: the file is empty; give a day with a header and events")
            delimiter = max(DELIMITERS, key=first.count)
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter)
            header = [name.strip() for name in next(reader)]
            rows: list[list[str]] = []
            with contextlib.suppress(csv.Error):  # a quote that never closes: use what was read
                rows.extend(islice((row for row in reader if row), MAX_ROWS))
    except (OSError, EOFError, ValueError, csv.Error, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise ContractError(f"{path}: cannot be read as a CSV ({reason}); check the path") from None
    if any(kind_of([name]) in ("timestamp", "epoch", "url", "json") for name in header):
        raise ContractError(f"{path}, line 1: this is data, not a header; put the columns' names there")
    if not rows:
        raise ContractError(f"{path}, line 2: no rows follow the header; give a day with events")
    return Table(header, rows, delimiter)


def find_samples(tables: Sequence[Table], notes: list[str]) -> list[Sample]:
    """Return the columns of all files; add a note for each that has no usable name, which is left out."""
    samples: dict[str, Sample] = {}
    for number, table in enumerate(tables):
        here: set[str] = set()
        for place, name in enumerate(table.header):
            if not name or not name.isprintable() or name.casefold() in here:
                notes.append(f"column {place + 1} was left out: its name is empty or occurs twice")
                continue
            here.add(name.casefold())
            values = [row[place] for row in table.rows if len(row) > place and row[place].strip()]
            sample = samples.setdefault(name, Sample(name))
            sample.values += values
            sample.empty[number] = 1 - len(values) / len(table.rows)
    return list(samples.values())


def heal(samples: Sequence[Sample], renames: Mapping[str, str]) -> list[Sample]:
    """Return the columns under their first names, with the values that later names hold."""
    columns = {sample.name: sample for sample in samples}
    for late, early in renames.items():
        gone = columns.pop(late)
        columns[early].values += gone.values
        columns[early].empty |= gone.empty
    return list(columns.values())


def read_row(header: Sequence[str], cells: Sequence[str], renames: Mapping[str, str]) -> Row:
    """Return a row's values under the first names of their columns."""
    return {renames.get(name, name): cell for name, cell in zip(header, cells, strict=False)}


def find_events(rows: Iterable[Row], roles: Roles) -> Events:
    """Return the kinds of event, and what the payload of each holds."""
    column, payload = roles["event"][0], roles.get("payload", ("", False))[0]
    found, counts = Events(), Counter(row.get(column, "") for row in rows)
    names = [name for name, _ in counts.most_common() if re.fullmatch(r"[A-Za-z][\w .:/$-]{0,60}", name)]
    if len(names) > MAX_EVENTS or any(re.search(r"\d{5}", name) for name in names):
        return found
    found.names, found.roles = names, event_roles(names)
    if not found.roles and not roles["event"][1]:  # neither column nor values look like events
        return Events()
    found.order = next((name for name, role in found.roles.items() if role == "order"), None)
    for row in rows:
        name, text = row.get(column, ""), row.get(payload, "").strip()
        if name not in names or not text:
            continue
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            continue
        found.shapes.setdefault(name, Shape()).look(value)
        if name == found.order:
            found.orders.append((row, value))
    return found
