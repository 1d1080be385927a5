"""Unpack gzip, within bounds."""

import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from event_data.reading import working_copy
from event_data.reading.day_file import DayFile, Problem

BLOCK = 1 << 20  # bytes read, and unpacked, at once
GZIP_BYTES = 20 << 30  # the most that a file may expand to
GZIP_RATIO = 1_000  # deflate ends at 1,032, and only for one byte repeated
GZIP_SMALL = 16 << 20  # below this the ratio does not matter


def unpack(file: DayFile, work_dir: Path) -> DayFile:
    """`file` with `source` the decompressed copy in `work_dir`; what came before damage is kept."""
    target = work_dir / (file.name + ".plain.csv")
    problem, written = None, 0
    with file.path.open("rb") as packed, working_copy.create(target) as out:
        try:
            for piece in _inflated(packed):
                written += len(piece)
                if written > GZIP_BYTES or written > max(GZIP_SMALL, GZIP_RATIO * packed.tell()):
                    problem = Problem(
                        "gzip_bomb",
                        None,
                        f"expands to more than {written >> 20:,} MB from {file.size:,} bytes, which no export does",
                        None,
                    )
                    break
                working_copy.write(out, piece)
        except (zlib.error, EOFError) as error:
            what = "ends early" if isinstance(error, EOFError) else "is corrupt"
            message = f"holds compressed data that {what} after {written:,} bytes of CSV"
            problem = Problem("gzip_broken", None, message, None)
    if not problem and not written:
        problem = Problem("empty", None, "is empty once unpacked")
    if problem:
        file = file.with_problem(problem)
        if problem.kind == "gzip_bomb" or not written:
            target.unlink()
            return file
    return replace(file, source=target)


def _inflated(packed: BinaryIO) -> Iterator[bytes]:
    """Pieces of at most BLOCK of all members of a gzip file. Raises zlib.error, EOFError."""
    data = b""
    while data or (data := packed.read(BLOCK)):
        if not (data := data.lstrip(b"\0")):  # padding between and after members is legal
            continue
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            if not data and not (data := packed.read(BLOCK)):
                raise EOFError
            if piece := member.decompress(data, BLOCK):
                yield piece
            data = member.unconsumed_tail
        data = member.unused_data
