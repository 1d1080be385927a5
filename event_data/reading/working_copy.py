"""Working copies of files that DuckDB cannot read as delivered."""

from pathlib import Path
from typing import BinaryIO

from event_data.reading.day_file import ReadingError


def create(target: Path) -> BinaryIO:
    """Create a working copy and its folder, and open it. Raise ReadingError if that fails."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return target.open("wb")
    except OSError as error:
        raise _unwritable(target, error) from None


def write(out: BinaryIO, data: bytes) -> None:
    """Write to a working copy. Raise ReadingError if that fails."""
    try:
        out.write(data)
    except OSError as error:
        raise _unwritable(Path(out.name), error) from None


def _unwritable(target: Path, error: OSError) -> ReadingError:
    return ReadingError(
        f"the working copy {target} cannot be written ({error.strerror}); free some space there, or set TMPDIR to "
        "another folder."
    )
