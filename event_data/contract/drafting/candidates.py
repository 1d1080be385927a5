"""List the places in the files where the value of a role may be: columns, JSON keys, and GA4-style parameters."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from event_data.contract.drafting.forms import kind_of, plain
from event_data.contract.drafting.payload import MAX_KEYS
from event_data.contract.drafting.sampling import Sample
from event_data.contract.model import Field, Parameter

DEEPEST = 3  # JSON keys below each other
MOST_PLACES = 200  # in a JSON column
_UNUSABLE = re.compile(r"['\"*\\\x00-\x1f\x7f]")  # in a key of a path
_VALUE_KINDS = ("string_value", "int_value", "double_value", "float_value")


@dataclass
class Candidate:
    """A place with a value for each row."""

    column: str
    path: tuple[str | int, ...] = ()
    parameter: str = ""
    cells: dict[int, str] = field(default_factory=dict)  # row -> value, if it is not empty

    @cached_property
    def name(self) -> str:
        """Return the innermost name, which says what the value means."""
        keys = [step for step in self.path if isinstance(step, str)]
        return self.parameter or (keys[-1] if keys else self.column)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return the spellings of the name to compare, without punctuation; `guest: {ref}` is also `guestref`."""
        last = re.split(r"[./]", self.name)[-1]
        spellings = [plain(re.sub(r"^\[[^\]]*\]", "", self.name)), plain(last)]
        above = [step for step in (self.column, *self.path) if isinstance(step, str)][-2:-1]
        if above and not self.in_list:
            spellings.append(plain(f"{re.split('[./]', above[0])[-1]}{last}"))
        return tuple(dict.fromkeys(spellings))

    @cached_property
    def values(self) -> list[str]:
        """Return the values that are not empty."""
        return list(self.cells.values())

    @cached_property
    def distinct(self) -> set[str]:
        """Return the different values."""
        return set(self.values)

    @cached_property
    def kind(self) -> str:
        """Return the kind that nearly all values have."""
        return kind_of(self.values)

    @property
    def is_column(self) -> bool:
        """Return whether it is a column, without a path."""
        return not self.path and not self.parameter

    @property
    def in_list(self) -> bool:
        """Return whether it is in the first item of a list."""
        return any(isinstance(step, int) for step in self.path)

    @property
    def value(self) -> Field | Parameter:
        """Return where the value is."""
        return Parameter(self.column, self.parameter) if self.parameter else Field(self.column, self.path)

    def share_in(self, rows: Sequence[int]) -> float:
        """Return the share of these rows that have a value."""
        return sum(row in self.cells for row in rows) / max(1, len(rows))


def find_candidates(samples: Sequence[Sample]) -> list[Candidate]:
    """Return the columns that have values, and what is inside those with JSON."""
    candidates: list[Candidate] = []
    for sample in samples:
        cells = {row: cell for row, cell in enumerate(sample.cells) if cell}
        if not cells:
            continue
        candidates.append(Candidate(sample.name, cells=cells))
        if sample.kind == "json":
            candidates += _inside(sample.name, cells)
    return candidates


def _inside(column: str, cells: dict[int, str]) -> list[Candidate]:
    """Return the values inside a JSON column; objects with very many keys are data."""
    candidates: dict[tuple[str, tuple[str | int, ...]], Candidate] = {}
    for row, cell in cells.items():
        try:
            value = json.loads(cell)
        except (ValueError, RecursionError):
            continue
        for parameter, path, text in _leaves(value):
            if not text.strip():
                continue
            place = candidates.get((parameter, path))
            if place is None:
                if len(candidates) >= MOST_PLACES:
                    continue
                place = candidates[parameter, path] = Candidate(column, path, parameter)
            place.cells[row] = text
    return list(candidates.values())


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str, tuple[str | int, ...], str]]:
    """Yield (parameter, path, text) of each value that is not an object or list."""
    if isinstance(value, dict):
        if sum(isinstance(step, str) for step in path) < DEEPEST and len(value) < MAX_KEYS:
            for key, inner in value.items():
                if key and not _UNUSABLE.search(key) and key.isprintable():
                    yield from _leaves(inner, (*path, key))
    elif isinstance(value, list):
        if not path and any(isinstance(entry, dict) and "key" in entry and "value" in entry for entry in value[:1]):
            yield from _parameters(value)
        elif value and 0 not in path:
            yield from _leaves(value[0], (*path, 0))
    elif value is not None and path:
        yield "", path, json.dumps(value) if isinstance(value, bool) else str(value)


def _parameters(entries: Sequence[Any]) -> Iterator[tuple[str, tuple[str | int, ...], str]]:
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("value"), dict):
            continue
        key = entry.get("key")
        text = next((v for kind in _VALUE_KINDS if (v := entry["value"].get(kind)) is not None), None)
        if isinstance(key, str) and key.isprintable() and key and not _UNUSABLE.search(key) and text is not None:
            yield key, (), str(text)
