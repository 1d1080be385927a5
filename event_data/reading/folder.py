"""Decide which files of a folder are read, and which day each belongs to, for every part."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from fnmatch import fnmatch
from itertools import count, groupby, pairwise
from pathlib import Path

from event_data.contract.model import DIRECTIVES
from event_data.reading.day_file import DayFile, ReadingError

FOLDER = "it is a folder"
LONGEST_GAP = timedelta(days=366)  # between two days of a folder, as every day of a gap is a finding
MOST_FILES = 1000  # per day, as event ids have three digits for the file number
COMPRESSED = (".gz", ".zst")
# Files that the four commands write. Any other unread file that looks like data is reported.
OWN_OUTPUTS = (
    "dq_report.*", "dq_profile.csv", "warehouse.duckdb*", "monitor.sqlite*", "bronze_shop_orders.csv",
    "bronze_ad_spend.csv",
)  # fmt: skip
UNDATED = date.min  # the day of a file without a date in its name, until its events are read
# What other engines write beside their data.
MARKERS = ("_SUCCESS*", "_committed_*", "_started_*", "_metadata", "_common_metadata", "_delta_log", "*.crc")
# What may follow the date: any number of marks for a part, an hour, a shard, a copy or a later delivery.
_WORD = "parts?|shard|chunk|split|file|hour|hr|copy|kopie|rev|of|p|h|t|v|c"
_MARK = rf"(?>[0-9a-f]{{8,}}|(?:{_WORD})[0-9]*|[0-9]+)"  # atomic, or a long name would take minutes
SUFFIX = rf"(?: ?\([0-9]{{1,4}}\)|T[0-9]{{2,6}}|[\s._-]+{_MARK})*"
_DATED = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}([-_.]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12][0-9]|3[01])(?![0-9])")


@dataclass(frozen=True)
class Unread:
    """A file that looks like data but is not read; the reason is one clause."""

    name: str
    reason: str
    size: int = 0  # bytes
    stamp: str = ""
    day: date | None = None  # in its name
    counts_instead: str = ""  # for a second delivery: the file that counts
    rows: int = field(default=0, compare=False)  # of a second delivery
    rows_only_here: int = field(default=0, compare=False)  # of these, those that the file that counts does not have


@dataclass(frozen=True)
class Folder:
    """The files of a folder that are read, by day and number, and the unread files that look like data."""

    files: tuple[DayFile, ...]
    unread: tuple[Unread, ...]


@dataclass(frozen=True)
class Entry:
    """A directory entry. If it is not a regular file, `kind` says why it cannot be read."""

    name: str
    size: int
    stamp: str
    kind: str = ""


def find_files(data_dir: Path, file_name: str, ignored: Sequence[str] = (), others: Sequence[str] = ()) -> Folder:
    """Return the files in `data_dir` that match the strptime pattern `file_name` or a variant.

    A pattern with folders, such as `dt=%Y-%m-%d/*.csv`, is looked for in these. Without a date in the pattern, the day
    of each file is UNDATED. Files that match the glob patterns in `ignored` or the strptime patterns in `others` are
    omitted. Raise ReadingError if the folder cannot be listed, has no file of that name, or has a gap of more than a
    year.
    """
    return match_files(data_dir, list_entries(data_dir, file_name), file_name, ignored, others)


def find_book_files(data_dir: Path, file_name: str) -> tuple[DayFile, ...]:
    """Return the files in `data_dir` that match a pattern or a variant, oldest first; () if there are none."""
    return match_book_files(data_dir, list_entries(data_dir, file_name), file_name)


def match_book_files(data_dir: Path | str, entries: Iterable[Entry], file_name: str) -> tuple[DayFile, ...]:
    """Return the listed files that match a pattern or a variant, oldest first.

    The day in the name decides which is older, and without one the time of the last change. An entry that is not a
    file is returned too: reading it says why it cannot be read.
    """
    pattern = _variants(file_name)
    dated = [(_day_of(entry.name, pattern), entry) for entry in entries]
    matching = [(day, int(e.stamp.partition("-")[0] or 0), e.name, e) for day, e in dated if day]
    numbered = enumerate(sorted(matching, key=lambda one: one[:3]))
    return tuple(_file(data_dir, day, entry, number) for number, (day, _, _, entry) in numbered)


def _file(data_dir: Path | str, day: date, entry: Entry, number: int) -> DayFile:
    return DayFile(entry.name, Path(data_dir, entry.name), day, entry.size, number, entry.stamp)


def list_entries(data_dir: Path, file_name: str) -> list[Entry]:
    """Return the entries of a folder in which files of this name can be; raise ReadingError if it cannot be listed."""
    try:
        str(data_dir).encode()
        return list(_entries(data_dir, file_name.count("/")))
    except FileNotFoundError:
        raise ReadingError(f"{data_dir} does not exist; name the folder of the files with --data_dir.") from None
    except NotADirectoryError:
        raise ReadingError(f"{data_dir} is not a folder; name the folder of the files with --data_dir.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name is not valid text"
        message = f"{str(data_dir)!a} cannot be read ({reason}); name the folder of the files with --data_dir."
        raise ReadingError(message) from None


def match_files(
    data_dir: Path | str, entries: Iterable[Entry], file_name: str, ignored: Sequence[str] = (),
    others: Sequence[str] = (),
) -> Folder:  # fmt: skip
    """Assign listed files to days; this is `find_files` for a folder that is already listed."""
    excluded = [_variants(other) for other in others]

    def is_excluded(name: str) -> bool:
        return any(fnmatch(name, glob) for glob in ignored) or any(_day_of(name, other) for other in excluded)

    pattern, listed = _variants(file_name), [entry for entry in entries if not is_excluded(entry.name)]
    matching: list[tuple[date, bool, Entry]] = []
    unread: list[Unread] = []
    for entry in listed:
        day = _day_of(entry.name, pattern)
        if day and not entry.kind:
            matching.append((day, entry.name != (day.strftime(file_name) if day != UNDATED else file_name), entry))
        elif day or ((entry.kind != FOLDER or "/" in entry.name) and _looks_like_data(entry.name, file_name)):
            reason = entry.kind or f"its name is not like {file_name}"
            unread.append(Unread(entry.name, reason, entry.size, entry.stamp, day or _date_in(entry.name)))
    if not matching:
        names = [entry.name for entry in listed if not entry.name.startswith(".")]
        names.sort(key=lambda name: (not _looks_like_data(name, file_name), name))  # before our own outputs
        more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
        lies = f"It has {', '.join(map(repr, names[:3]))}{more}." if names else "It is empty."
        raise ReadingError(
            f"{data_dir} has no file named like {file_name}; name the right folder with --data_dir, another "
            f"contract with --contract, or draft one with validate_dataframework.py --init. {lies}"
        )
    for before, after in pairwise(sorted({day for day, _, _ in matching})):
        if after - before > LONGEST_GAP:
            raise ReadingError(
                f"{data_dir} has no file between {before} and {after}; correct the name of the one that is wrong, "
                "or keep the two parts in separate folders."
            )
    files: list[DayFile] = []
    for day, same_day in groupby(sorted(matching, key=lambda f: (f[0], f[1], f[2].name)), key=lambda f: f[0]):
        numbered = list(enumerate(same_day))
        if len(numbered) > MOST_FILES:
            raise ReadingError(
                f"{data_dir} has {len(numbered):,} files of {day}; merge them into {MOST_FILES:,} or fewer."
            )
        files += [_file(data_dir, day, entry, number) for number, (_, _, entry) in numbered]
    return Folder(tuple(files), tuple(sorted(unread, key=lambda u: u.name)))


def stamp_of(stat: os.stat_result) -> str:
    """Return a text that changes with a file's content: its last change times and its inode."""
    return f"{stat.st_mtime_ns}-{stat.st_ctime_ns}-{stat.st_ino}"


def _entries(folder: Path | str, depth: int, above: str = "") -> Iterator[Entry]:
    """Yield the entries of a folder, and of its folders down to `depth`, with their names below the first one."""
    with os.scandir(folder) as listing:
        for one in listing:
            entry = _entry(one)
            if depth and entry.kind == FOLDER and not entry.name.startswith("."):
                yield from _entries(one.path, depth - 1, f"{above}{entry.name}/")
            else:
                yield replace(entry, name=above + entry.name)


def _entry(one: os.DirEntry[str]) -> Entry:
    try:
        one.name.encode()
        stat = one.stat()
        kind = "" if one.is_file() else FOLDER if one.is_dir() else "it is not a regular file"
        return Entry(one.name, stat.st_size, stamp_of(stat), kind)
    except OSError as error:
        return Entry(one.name, 0, "", f"it cannot be read ({error.strerror})")
    except ValueError:
        return Entry(ascii(one.name)[1:-1], 0, "", "its name is not valid text")


def _variants(file_name: str) -> re.Pattern[str]:
    """Return a pattern for daily file names: the contract's, and those of parts, copies and compressed files."""
    stem, dot, ending = file_name.rpartition(".")
    if not stem or "%" in ending:
        stem, dot, ending = file_name, "", ""
    counter = count()
    plain = re.sub(r"%(.)|(\*)|(.)", lambda match: _name_part(match, next(counter)), stem)
    compressed = f"(?:{'|'.join(map(re.escape, COMPRESSED))})?"
    return re.compile(rf"(?:Copy of )?{plain}{SUFFIX}{re.escape(dot + ending)}{compressed}", re.IGNORECASE)


def _name_part(match: re.Match[str], number: int) -> str:
    if match[1] in DIRECTIVES:
        return f"(?P<{match[1]}{number}>{DIRECTIVES[match[1]]})"
    return "[^/]*" if match[2] else re.escape(match[3] or match[1])


def _day_of(name: str, pattern: re.Pattern[str]) -> date | None:
    """Return the day in a name, UNDATED if the pattern has no date, or None if the name does not match it."""
    match = pattern.fullmatch(name)
    if match is None:
        return None
    parts = {key[0]: text for key, text in match.groupdict().items()}
    if any(parts[key[0]].casefold() != text.casefold() for key, text in match.groupdict().items()):
        return None  # the folder and the name have different dates
    if not parts:
        return UNDATED
    with suppress(ValueError):
        return datetime.strptime(" ".join(parts.values()), " ".join(f"%{key}" for key in parts)).date()
    return None


def _date_in(name: str) -> date | None:
    """Return the first date in a name, in any format."""
    for match in _DATED.finditer(name):
        with suppress(ValueError):
            return datetime.strptime(re.sub(r"\D", "", match[0]), "%Y%m%d").date()
    return None


def _looks_like_data(name: str, file_name: str) -> bool:
    """Return whether a name has a date or the expected extension, and is neither hidden nor one of our outputs."""
    own = name.rpartition("/")[2]
    if own.startswith((".", "~")) or any(fnmatch(own, pattern) for pattern in (*OWN_OUTPUTS, *MARKERS)):
        return False
    bare = own.lower()
    for ending in COMPRESSED:
        bare = bare.removesuffix(ending)
    return bare.endswith(Path(file_name).suffix.lower() or ".csv") or _date_in(name) is not None
