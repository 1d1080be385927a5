"""Open the warehouse file, lock it while it is written, and never overwrite a file that is not a warehouse."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb

from event_data.errors import UserError


class WarehouseError(UserError):
    """The file named as the warehouse cannot be used."""


def is_duckdb(path: Path) -> bool:
    """Return whether a file is a DuckDB database; for SQLite, DuckDB would download an extension."""
    with path.open("rb") as file:
        return file.read(12)[8:] == b"DUCK"


@contextlib.contextmanager
def open_warehouse(path: Path, made_by: str = "transform.py") -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a warehouse for reading; raise WarehouseError if opening it, or a query in the `with` block, fails.

    If the path is a folder, it holds Parquet files and a DuckDB file with views of them.
    """
    if path.is_dir():
        path = path / "warehouse.duckdb"
    if not path.is_file():
        raise WarehouseError(f"there is no warehouse {path}; make it with {made_by}, or name another --warehouse.")
    try:
        if not is_duckdb(path):
            raise WarehouseError(f"{path} cannot be read as a warehouse; name another with --warehouse.")
        with duckdb.connect(str(path), read_only=True) as connection:
            yield connection
    except duckdb.Error as error:
        reason = str(error).splitlines()[0].rstrip(".")
        if "lock" in reason:
            raise WarehouseError(f"{path} is in use by another program; close it there, and run again.") from None
        raise WarehouseError(
            f"{path} cannot be read as a warehouse ({reason}); rebuild it with {made_by} --full_refresh."
        ) from None


def refuse_foreign(path: Path) -> None:
    """Raise WarehouseError for a file that is not a warehouse: a mistyped --warehouse must not overwrite it."""
    if not path.is_file() or not path.stat().st_size:
        return
    foreign = not is_duckdb(path)
    if not foreign:
        with contextlib.suppress(duckdb.Error), duckdb.connect(str(path), read_only=True) as connection:
            tables = connection.execute("select table_schema, table_name from information_schema.tables").fetchall()
            foreign = bool(tables) and ("bronze", "build") not in tables
    if foreign:
        raise WarehouseError(f"{path} is not a warehouse and is left as it is; name another file with --warehouse.")


@contextlib.contextmanager
def lock(path: Path, note: Callable[[str], None]) -> Iterator[None]:
    """Let only one run at a time write to a file; a second run prints a note and waits. A killed run frees the lock."""
    from filelock import FileLock, Timeout  # takes 30 ms

    held = FileLock(path.with_name(path.name + ".lock"))
    try:
        held.acquire(blocking=False)
    except Timeout:
        note(f"waiting for another run on {path} to end")
        held.acquire()
    try:
        yield
    finally:
        held.release()
