"""Find the event files of a folder, and the pattern of their names."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatch
from pathlib import Path

from event_data.contract.drafting.books import BookDraft, find_books
from event_data.contract.model import ContractError
from event_data.reading.day_file import DayFile, ReadingError
from event_data.reading.folder import COMPRESSED, OWN_OUTPUTS, Entry, match_files

DEEPEST = 4  # folders below the first one
_ENDINGS = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet")
_WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".numbers")
_DATE = re.compile(r"(?<!\d)20\d\d([-_./]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])(?!\d)")
# A week, a quarter or a month: 2026-W05, 2026_KW5, 2026Q1, 2026-05, 202605, March-2026.
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mär|mai|okt|dez"
_PERIOD = re.compile(
    rf"(?<!\d)20\d\d(?:[-_. ]?(?:[KC]?W|Q|week)[-_]?\d{{1,2}}|[-_.]?(?:0[1-9]|1[0-2])"
    rf"|[-_. ]?(?:{_MONTHS})[a-zä]*)(?!\d)"
    rf"|(?<![a-z])(?:{_MONTHS})[a-zä]*[-_. ]?20\d\d(?!\d)",
    re.IGNORECASE,
)
_YEAR_FOLDERS = re.compile(r"year=20\d\d/month=\d\d/day=\d\d", re.IGNORECASE)


@dataclass(frozen=True)
class Files:
    """The files that a contract is drafted from."""

    name: str  # `physicalName`
    files: tuple[DayFile, ...]
    left_out: int  # other files that look like data
    books: tuple[BookDraft, ...] = ()
    workbooks: tuple[str, ...] = ()  # spreadsheets, which are not read

    @property
    def is_dated(self) -> bool:
        """Return whether the names have the day."""
        return "%" in self.name.replace("%%", "")

    @property
    def days(self) -> list[date]:
        """Return the days in the names."""
        return sorted({file.day for file in self.files}) if self.is_dated else []


def find(data_dir: Path) -> Files:
    """Return the files in the folder or below it that look like events, with the pattern of their names.

    Raise ContractError if there are none.
    """
    if not data_dir.is_dir():
        raise ContractError(f"{data_dir} is not a folder; name the folder of the files with --data_dir.")
    found = sorted(_names(data_dir))
    workbooks = tuple(name for name in found if _is_workbook(name))
    names = [name for name in found if not _is_workbook(name)]
    books = find_books(data_dir, names)
    spend = tuple(book for book in books if book.export.block == "adSpend")
    event_names = _others(names, books)
    if not event_names:  # there is nothing else, so that the orders are the events
        books, event_names = spend, _others(names, spend)
    if not event_names:
        raise ContractError(
            f"{data_dir} has no CSV, JSON or Parquet file to draft a contract from; name the folder of the files "
            "with --data_dir, and save spreadsheets as CSV."
        )
    entries = [Entry(name, 0, "") for name in event_names]
    best: Files | None = None
    rank: tuple[bool, int, int] | None = None
    for pattern in _patterns(event_names):
        try:
            folder = match_files(data_dir, entries, pattern)
        except ReadingError:
            continue
        files = Files(pattern, folder.files, len(event_names) - len(folder.files), books, workbooks)
        # Where some names have a day, the others may be reports, and folders below may hold other exports.
        depth = pattern.count("/") if files.is_dated else 0
        here = (files.is_dated, -depth, len(files.files))
        if rank is None or here > rank:
            best, rank = files, here
    if best is None:
        raise ContractError(
            f"{data_dir}: no name of a file can be written in a contract, such as {event_names[0]!a}; rename the files."
        )
    return best


def _others(names: Sequence[str], books: Sequence[BookDraft]) -> list[str]:
    """Return the names that are not those of a book."""
    taken = {name for book in books for name in book.names}
    return [name for name in names if name not in taken]


def _names(data_dir: Path) -> Iterator[str]:
    """Yield the names of files that may hold events, and of workbooks, relative to the folder."""
    for folder, folders, names in os.walk(data_dir):
        above = Path(folder).relative_to(data_dir)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and len(above.parts) < DEEPEST)
        for name in names:
            relative = (above / name).as_posix()
            is_own = any(fnmatch(name, pattern) for pattern in OWN_OUTPUTS) or name.startswith((".", "~"))
            if not is_own and (_ending(name) or _is_workbook(name)) and relative.isprintable() and "\\" not in relative:
                yield relative


def _bare(name: str) -> str:
    """Return a name without the ending of a compressed file."""
    packed = next((ending for ending in COMPRESSED if name.lower().endswith(ending)), "")
    return name[: len(name) - len(packed)]


def _is_workbook(name: str) -> bool:
    return name.lower().endswith(_WORKBOOKS)


def _ending(name: str) -> str:
    suffix = Path(_bare(name)).suffix
    return suffix if suffix.lower() in _ENDINGS else ""


def _patterns(names: Sequence[str]) -> list[str]:
    """Return possible values of `physicalName`, the most likely first."""
    patterns: Counter[str] = Counter()
    groups: dict[tuple[str, str], list[str]] = {}
    for name in map(_bare, names):
        escaped = name.replace("%", "%%")
        dated = _YEAR_FOLDERS.sub("year=%Y/month=%m/day=%d", escaped, count=1)
        if dated == escaped:
            dated = _DATE.sub(r"%Y\1%m\1%d", escaped, count=1)
        if dated == escaped:
            groups.setdefault((str(Path(name).parent), _ending(name)), []).append(name)
            continue
        folder, slash, last = dated.rpartition("/")
        if "%d" in last:
            patterns[dated] += 1
            patterns[f"{folder}{slash}{last[: last.index('%d') + 2]}{_ending(name)}"] += 1  # parts and hours of a day
        else:
            patterns[f"{folder}{slash}*{_ending(name)}"] += 1
    undated = [_common(group) for _, group in sorted(groups.items(), key=lambda item: -len(item[1]))]
    return [pattern for pattern, _ in patterns.most_common(20)] + undated[:20]


def _common(names: Sequence[str]) -> str:
    """Return the only name, or a pattern with `*` for the part that changes: a week, a month, or whatever differs."""
    ending = _ending(names[0])
    periods = {_PERIOD.sub("*", name.rpartition("/")[2].removesuffix(ending)) for name in names}
    if len(periods) == 1 and "*" in next(iter(periods)):
        folder, slash, _ = names[0].rpartition("/")
        return f"{folder}{slash}{next(iter(periods))}{ending}".replace("%", "%%")
    if len(set(names)) == 1:
        return names[0].replace("%", "%%")
    folder, slash, _ = names[0].rpartition("/")
    stems = [name.rpartition("/")[2].removesuffix(ending) for name in names]
    first, last = min(stems), max(stems)
    start = next((first[:at] for at, letter in enumerate(first) if letter != last[at]), first)
    start = re.sub(r"\d+\Z", "", start)
    start = re.sub(r"(?<!\d)(?:20\d\d)[-_. ]?(?:[KC]?W|Q)?\Z", "", start, flags=re.IGNORECASE)  # the year changes too
    return f"{folder}{slash}{start}*{ending}".replace("%", "%%")
