"""Detect a missing column under another name, from the shape of its values."""

import csv
import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from math import sqrt
from pathlib import Path

SAMPLE = 2000  # records that a profile is made from
LEAST_MATCH = 0.6
LEAST_MATCH_OF_ALIKE_NAMES = 0.2  # where the names are evidence too


@dataclass(frozen=True)
class Profile:
    """The shape of a column's values. `shapes` and `values` are shares of the values that are not null."""

    nulls: float
    shapes: dict[str, float]
    values: dict[str, float]
    mean_length: float


def shape(value: str) -> str:
    """Reduce a value to its form: `1740268798-lvfV1k5nHCN8` gives `9-a`."""
    return re.sub(r"[0-9]+", "9", re.sub(r"[A-Za-z0-9_]*[A-Za-z_][A-Za-z0-9_]*", "a", value[:48]))[:24]


def profiles(path: Path, delimiter: str) -> dict[str, Profile]:
    """Profile the first records of each column of a file that can be read."""
    csv.field_size_limit(1 << 30)
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        rows = csv.reader(lines, delimiter=delimiter)
        header = next(rows, [])
        records = [r for r in islice(rows, SAMPLE) if len(r) == len(header)]
    by_name = {}
    for i, name in enumerate(header):
        values = [r[i] for r in records if r[i]]
        n = max(1, len(values))
        by_name[name] = Profile(
            1 - len(values) / max(1, len(records)),
            {s: c / n for s, c in Counter(map(shape, values)).items()},
            {v: c / n for v, c in Counter(values).items()},
            sum(map(len, values)) / n,
        )
    return by_name


def likeness(old: Profile, new: Profile) -> float:
    """Return the likeness of two columns, 0..1: the larger of shared values and shared shapes.

    The overlap of two distributions is the sum of the smaller share of each form. Lengths and null
    shares that differ lower the likeness of shapes, for many columns are just words.
    """

    def overlap(a: dict[str, float], b: dict[str, float]) -> float:
        return sum(min(share, b[key]) for key, share in a.items() if key in b)

    if not old.values or not new.values:
        return 0.0
    length = min(old.mean_length, new.mean_length) / max(old.mean_length, new.mean_length)
    nulls = 1 - abs(old.nulls - new.nulls)
    return max(overlap(old.values, new.values), overlap(old.shapes, new.shapes) * sqrt(length) * nulls)
