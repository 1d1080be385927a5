"""The daily files of a folder: which they are, and whether one changes while it is read."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path

from event_data.contract import Contract
from event_data.errors import UserError


class LandingError(UserError):
    """The files cannot be landed."""


@dataclass(frozen=True)
class File:
    """A file of a day. `file_id` is its day and its number among the day's files: 2025030401."""

    path: Path
    day: date
    file_id: int
    size: int
    stamp: str  # time and inode of the last change: the content is looked at only when this differs
    content_hash: str = ""
    header: tuple[str, ...] = ()
    records: int = 0
    unreadable: int = 0

    @property
    def name(self) -> str:
        return self.path.name


def find_files(data_dir: Path, contract: Contract) -> list[File]:
    """The day files of a folder, by day and name; raises LandingError when there is none."""
    entries = []
    try:
        for entry in os.scandir(data_dir):
            if entry.is_file():
                stat = entry.stat()
                entries.append((entry.name, stat.st_size, stamp_of(stat)))
    except OSError as error:
        said = {"FileNotFoundError": "does not exist", "NotADirectoryError": "is not a folder"}
        what = said.get(type(error).__name__, f"cannot be read ({error.strerror})")
        raise LandingError(f"{data_dir} {what}; name the folder of the files with --data_dir.") from None
    return day_files(data_dir, entries, contract)


def day_files(data_dir: Path | str, entries: Iterable[tuple[str, int, str]], contract: Contract) -> list[File]:
    """Those of a folder's entries (name, bytes, stamp) that are files of a day, by day and name; as find_files."""
    days = re.escape(contract.file_name)
    for mark, width in (("Y", 4), ("m", 2), ("d", 2)):
        days = days.replace(f"%{mark}", f"(?P<{mark}>[0-9]{{{width}}})", 1)
    # Another delivery of the day has something behind the date; any may be compressed.
    stem, dot, ending = days.rpartition(r"\.")
    pattern = re.compile(f"{stem}[^/]*?{dot}{ending}(?:[.]gz)?" if dot else days, re.IGNORECASE)
    found: list[tuple[date, bool, str, int, str]] = []
    for name, size, stamp in entries:
        if match := pattern.fullmatch(name):
            try:
                day = date(int(match["Y"]), int(match["m"]), int(match["d"]))
            except ValueError:
                continue
            found.append((day, name != day.strftime(contract.file_name), name, size, stamp))
    if not found:
        raise LandingError(
            f"{data_dir} holds no file named like {contract.file_name}; name the right folder with --data_dir, "
            "or another contract with --contract."
        )
    files = []
    for day, same_day in groupby(sorted(found), key=lambda f: f[0]):
        for number, (_, _, name, size, stamp) in enumerate(same_day, 1):
            file_id = (day.year * 10000 + day.month * 100 + day.day) * 100 + number
            files.append(File(Path(data_dir) / name, day, file_id, size, stamp))
    return files


def stamp_of(stat: os.stat_result) -> str:
    """Time and inode of a file's last change."""
    return f"{stat.st_mtime_ns}-{stat.st_ctime_ns}-{stat.st_ino}"


def ensure_unchanged(file: File) -> None:
    """Raise LandingError for a file that is no more what it was when the folder was listed."""
    try:
        stat = file.path.stat()
        unchanged = (stat.st_size, stamp_of(stat)) == (file.size, file.stamp)
    except OSError:
        unchanged = False
    if not unchanged:
        raise LandingError(f"{file.path} changes while it is read; run again when its transfer has ended.")
