"""Read surveyed files with DuckDB, several at a time, until every record of their bytes is accounted for.

Files of one form go through in batches, a batch at a time on each core, each on one thread, so that a row's
number is its number in the file; two batches on two cores are as fast as one on both. A batch in which DuckDB
does not find just the records that the bytes hold is rolled back and read again file by file, each through
`survey.recover` where it needs that.
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
BUFFER = 4 << 20  # DuckDB's own of 32 MB would be new memory each time, and leave the processor's cache
Load = Callable[[duckdb.DuckDBPyConnection, list[DayFile]], dict[int, int]]
Keep = Callable[[duckdb.DuckDBPyConnection, list[DayFile]], None]


@dataclass(frozen=True)
class Reader:
    """How files are read into tables of `connection`.

    `load` runs what reads a batch, on a cursor of its own and in a transaction, and returns the number of records it
    found by file_id; `keep` runs what uses them, once they are verified. `stable` asks that no file changes meanwhile.
    """

    connection: duckdb.DuckDBPyConnection
    work_dir: Path
    load: Load
    keep: Keep
    batch_bytes: int
    stable: bool = False

    def read(self, files: Iterable[DayFile], progress: Callable[[int], None] = lambda files: None) -> list[DayFile]:
        """Read every surveyed file once; return them as recovered, in no order.

        Raise ReadingError for a file that changes all the time, and duckdb.Error for what is no fault of the files.
        """
        done: list[DayFile] = []
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            # A batch is read while the next one is surveyed.
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
        """Return the files to be read together: of one form, and not too large.

        Large files go alone first and last, so that no core waits for the next batch or for the last.
        """
        large = self.batch_bytes // 4
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
            form = file.header, file.delimiter, file.damaged
            batch = batches.setdefault(form, [])
            if batch and _bytes(batch) + file.size > self.batch_bytes:
                yield batch
                batch = batches[form] = []
            batch.append(file)
        for batch in filter(None, batches.values()):
            yield from ([f] for f in batch) if _bytes(batch) > large else [batch]

    def _read_batch(self, batch: list[DayFile]) -> list[DayFile]:
        if not any(f.damaged for f in batch) and self._try(batch):
            return batch
        if len(batch) > 1:
            return [file for one in batch for file in self._read_batch([one])]
        file = recover(batch[0], self.work_dir)
        if file.readable and not self._try([file]):
            raise _changed(file)
        return [file]

    def _try(self, batch: list[DayFile]) -> bool:
        """Read a batch, and return whether DuckDB found just the rows that the bytes hold; else nothing is left."""
        with self.connection.cursor() as cursor:
            cursor.begin()
            try:
                found = self.load(cursor, batch)
                if complete := all(found.get(f.file_id, 0) == f.rows for f in batch):
                    self.keep(cursor, batch)
            except duckdb.Error as error:  # NotImplementedException among them, for a line of 40 MB
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


def read_csv_sql(files: Sequence[DayFile], columns: Sequence[str]) -> str:
    """Return the call that reads files of one form as text, under these names of their columns."""
    first = files[0]
    paths = ", ".join(literal(escape(str(f.readable))) for f in files)
    named = ", ".join(f"{literal(name)}: 'varchar'" for name in columns)
    return f"""read_csv(
            [{paths}], auto_detect = false, columns = {{{named}}}, header = true, compression = 'none',
            delim = {literal(first.delimiter)}, quote = '"', escape = '"',
            parallel = {str(not first.multiline).lower()}, buffer_size = {BUFFER}
        )"""


def of_file(files: Sequence[DayFile], values: Sequence[str], place: str = "cast(file_index as bigint) + 1") -> str:
    """Return SQL for the one of `values` that belongs to a row's file; `place` is the file's, from 1."""
    return f"list_extract([{', '.join(values)}], {place})" if files[1:] else values[0]


def _bytes(files: Sequence[DayFile]) -> int:
    return sum(f.size for f in files)


def _is_unchanged(file: DayFile) -> bool:
    try:
        stat = file.path.stat()
    except OSError:
        return False
    return not file.stamp or (stat.st_size, stamp_of(stat)) == (file.size, file.stamp)


def _changed(file: DayFile) -> ReadingError:
    return ReadingError(f"{file.path} changed while it was being read; run again once the upload has finished.")
