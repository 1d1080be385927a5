"""Working copies of files that DuckDB cannot read as they were delivered."""

from pathlib import Path
from typing import BinaryIO

from event_data.reading.day_file import ReadingError


def create(target: Path) -> BinaryIO:
    """A new working copy, its folder made. Raises ReadingError."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return target.open("wb")
    except OSError as error:
        raise _unwritable(target, error) from None


def write(out: BinaryIO, data: bytes) -> None:
    """Write to a working copy. Raises ReadingError."""
    try:
        out.write(data)
    except OSError as error:
        raise _unwritable(Path(out.name), error) from None


def _unwritable(target: Path, error: OSError) -> ReadingError:
    return ReadingError(
        f"The working copy {target} cannot be written ({error.strerror}): "
        "make room there or name another folder for temporary files."
    )
