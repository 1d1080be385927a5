"""Read surveyed files with DuckDB, in batches, until every record in their bytes is accounted for.

Files of the same form are read together. Each core reads one batch on a single thread, so that row numbers are those
of the file; two batches on two cores are as fast as one on both. If DuckDB does not find exactly the records that the
survey counted, the batch is rolled back and read again in halves, and a file alone through `survey.recover`.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from glob import escape
from pathlib import Path

import duckdb

from event_data.reading.day_file import DayFile, ReadingError
from event_data.reading.folder import stamp_of
from event_data.reading.survey import recover
from event_data.sql import literal

NOT_THE_FILES_FAULT = (
    duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException, duckdb.OutOfMemoryException,
)  # fmt: skip
BUFFER = 4 << 20  # bytes; DuckDB's default of 32 MB is reallocated for every file and does not fit the CPU cache
Load = Callable[[duckdb.DuckDBPyConnection, list[DayFile]], dict[int, int]]
Keep = Callable[[duckdb.DuckDBPyConnection, list[DayFile]], None]


@dataclass(frozen=True)
class Reader:
    """Read files into tables of `connection`.

    `load` reads a batch, on its own cursor and in a transaction, and returns the number of records by file_id. `keep`
    uses the records once they are verified. `stable` requires that no file changes in the meantime. `spread` reads
    the first large files alone and the last files in quarters of a batch, so that no core is idle at the start or the
    end; it leaves DuckDB row groups that are not full, which stay in memory until they are checkpointed.
    """

    connection: duckdb.DuckDBPyConnection
    work_dir: Path
    load: Load
    keep: Keep
    batch_bytes: int
    stable: bool = False
    spread: bool = False

    def read(self, files: Iterable[DayFile], progress: Callable[[int], None] = lambda files: None) -> list[DayFile]:
        """Read every surveyed file once and return the files, recovered if necessary, in any order.

        Raise ReadingError for a file that keeps changing, and duckdb.Error for an error that the files did not cause.
        """
        done: list[DayFile] = []
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            # The next batch is surveyed while this one is read.
            waiting = []
            for batch in self._batches(files):
                if batch[0].readable or batch[0].damaged:
                    waiting.append(pool.submit(self._read_batch, batch))
                else:
                    done += batch
                    progress(len(batch))
            for future in as_completed(waiting):
                done += future.result()
                progress(len(future.result()))
        return done

    def _batches(self, files: Iterable[DayFile]) -> Iterator[list[DayFile]]:
        """Yield the files to read together: of the same form, and not too large."""
        large = self.batch_bytes // (4 if self.spread else 1)
        batches: dict[object, list[DayFile]] = {}
        alone = os.cpu_count() or 1
        for file in files:
            if not (file.readable or file.damaged):
                yield [file]
                continue
            if alone and file.size > large:
                alone -= 1
                yield [file]
                continue
            form = file.header, file.delimiter, file.damaged, file.multiline
            batch = batches.setdefault(form, [])
            if batch and _bytes(batch) + file.size > self.batch_bytes:
                yield batch
                batch = batches[form] = []
            batch.append(file)
        for batch in batches.values():
            yield from _pieces(batch, large)

    def _read_batch(self, batch: list[DayFile]) -> list[DayFile]:
        if not any(f.damaged for f in batch) and self._try(batch):
            return batch
        if half := len(batch) // 2:
            return self._read_batch(batch[:half]) + self._read_batch(batch[half:])
        file = recover(batch[0], self.work_dir)
        if file.readable and not self._try([file]):
            raise _changed(file)
        return [file]

    def _try(self, batch: list[DayFile]) -> bool:
        """Read a batch and return whether DuckDB found exactly the counted rows; if not, roll everything back."""
        with self.connection.cursor() as cursor:
            cursor.begin()
            try:
                loaded = self.load(cursor, batch)
                if complete := all(loaded.get(f.file_id, 0) == f.rows for f in batch):
                    self.keep(cursor, batch)
            except duckdb.Error as error:  # including NotImplementedException for a 40 MB line
                cursor.rollback()
                unchanged = [f for f in batch if f.stamp and _is_unchanged(f)]
                if isinstance(error, NOT_THE_FILES_FAULT):
                    raise
                if isinstance(error, duckdb.IOException) and len(unchanged) == len(batch):
                    raise  # the disk is full
                return False
            if complete and self.stable and (moved := [f for f in batch if not _is_unchanged(f)]):
                cursor.rollback()
                raise _changed(moved[0])
            if complete:
                cursor.commit()
            else:
                cursor.rollback()
            return complete


def _pieces(files: Sequence[DayFile], most: int) -> Iterator[list[DayFile]]:
    """Yield the files in their order, as many at a time as have this many bytes together, or one."""
    piece: list[DayFile] = []
    for file in files:
        if piece and _bytes(piece) + file.size > most:
            yield piece
            piece = []
        piece.append(file)
    if piece:
        yield piece


def read_csv_sql(files: Sequence[DayFile], columns: Sequence[str]) -> str:
    """Return the call that reads files of the same form as text, with these column names."""
    first = files[0]
    paths = ", ".join(literal(escape(str(f.readable))) for f in files)
    named = ", ".join(f"{literal(name)}: 'varchar'" for name in columns)
    return f"""read_csv(
            [{paths}], auto_detect = false, columns = {{{named}}}, header = true, compression = 'none',
            delim = {literal(first.delimiter)}, quote = '"', escape = '"',
            parallel = {str(not first.multiline).lower()}, buffer_size = {BUFFER}
        )"""


def of_file(files: Sequence[DayFile], values: Sequence[str], place: str = "cast(file_index as bigint) + 1") -> str:
    """Return SQL for the item of `values` that belongs to a row's file; `place` is the file's position, from 1."""
    return f"list_extract([{', '.join(values)}], {place})" if files[1:] else values[0]


def _bytes(files: Sequence[DayFile]) -> int:
    return sum(f.size for f in files)


def _is_unchanged(file: DayFile) -> bool:
    try:
        stat = file.path.stat()
    except OSError:
        return False
    same_size = file.is_converted or stat.st_size == file.size  # the size of a converted file is the copy's
    return not file.stamp or (same_size and stamp_of(stat) == file.stamp)


def _changed(file: DayFile) -> ReadingError:
    return ReadingError(f"{file.path} changed while it was being read; run again once the upload has finished.")
