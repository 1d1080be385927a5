"""Decompress gzip and Zstandard files, within limits."""

import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from event_data.reading import working_copy
from event_data.reading.day_file import DayFile, Problem

BLOCK = 1 << 20  # bytes read and decompressed at once
MOST_BYTES = 20 << 30  # maximum decompressed size
MOST_RATIO = 1_000  # deflate reaches at most 1,032, and only for one repeated byte
SMALL = 16 << 20  # bytes; below this size the ratio does not matter


def unpack(file: DayFile, work_dir: Path, packing: str) -> DayFile:
    """Decompress `file` into `work_dir` and return it with this copy as `source`; data before any damage are kept.

    `packing` is .gz or .zst.
    """
    target = work_dir / f"{file.file_id}.plain.csv"
    problem, written = None, 0
    with file.path.open("rb") as packed, working_copy.create(target) as out:
        try:
            for piece in _inflated(packed) if packing == ".gz" else _decompressed(packed):
                written += len(piece)
                if written > MOST_BYTES or written > max(SMALL, MOST_RATIO * packed.tell()):
                    problem = Problem(
                        "archive_bomb", None,
                        f"expands to more than {written >> 20:,} MB from {file.size:,} bytes, which no export would",
                        None,
                    )  # fmt: skip
                    break
                working_copy.write(out, piece)
        except (zlib.error, EOFError) as error:
            what = "ends early" if isinstance(error, EOFError) else "is corrupt"
            message = f"has compressed data that {what} after {written:,} bytes of CSV"
            problem = Problem("archive_broken", None, message, None)
    if not problem and not written:
        problem = Problem("empty", None, "is empty after decompression")
    if problem:
        file = file.with_problem(problem)
        if problem.kind == "archive_bomb" or not written:
            target.unlink()
            return file
    return replace(file, source=target)


def _decompressed(packed: BinaryIO) -> Iterator[bytes]:
    """Yield all frames of a Zstandard file, in blocks of at most BLOCK bytes. Raise zlib.error or EOFError."""
    import zstandard

    data = b""
    while data or (data := packed.read(BLOCK)):
        frame = zstandard.ZstdDecompressor().decompressobj()
        while not frame.eof:
            if not data and not (data := packed.read(BLOCK)):
                raise EOFError
            try:
                piece = frame.decompress(data)
            except zstandard.ZstdError as error:
                raise zlib.error(str(error)) from None
            for start in range(0, len(piece), BLOCK):
                yield piece[start : start + BLOCK]
            data = frame.unused_data if frame.eof else b""


def _inflated(packed: BinaryIO) -> Iterator[bytes]:
    """Yield all members of a gzip file, in blocks of at most BLOCK bytes. Raise zlib.error or EOFError."""
    data = b""
    while data or (data := packed.read(BLOCK)):
        if not (data := data.lstrip(b"\0")):  # padding between and after members is valid
            continue
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            if not data and not (data := packed.read(BLOCK)):
                raise EOFError
            if piece := member.decompress(data, BLOCK):
                yield piece
            data = member.unconsumed_tail
        data = member.unused_data
