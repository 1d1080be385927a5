"""Open the warehouse file, lock it while it is written, and never overwrite a file that is not a warehouse."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb

from event_data.errors import UserError
from event_data.statements import SCHEMAS


class WarehouseError(UserError):
    """The file named as the warehouse cannot be used."""


def is_duckdb(path: Path) -> bool:
    """Return whether a file is a DuckDB database; for SQLite, DuckDB would download an extension."""
    with path.open("rb") as file:
        return file.read(12)[8:] == b"DUCK"


@contextlib.contextmanager
def open_warehouse(
    path: Path, made_by: str = "transform.py", shop: str | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a warehouse for reading; raise WarehouseError if opening it, or a query in the `with` block, fails.

    If the path is a folder, it holds Parquet files and a DuckDB file with views of them. `shop` is the contract's id;
    raise WarehouseError for the warehouse of another shop.
    """
    if path.is_dir():
        path = path / "warehouse.duckdb"
    if not path.is_file():
        raise WarehouseError(f"there is no warehouse {path}; build it with {made_by}, or name another --warehouse.")
    try:
        if not is_duckdb(path):
            raise WarehouseError(f"{path} cannot be read as a warehouse; name another with --warehouse.")
        with duckdb.connect(str(path), read_only=True) as connection:
            owner = _shop_of(connection)
            if shop and owner and owner != shop:
                raise WarehouseError(
                    f"{path} is the warehouse of {owner!r}, and the contract is that of {shop!r}; name the right "
                    "--contract or --warehouse."
                )
            yield connection
    except duckdb.Error as error:
        reason = str(error).splitlines()[0].rstrip(".")
        if "lock" in reason:
            raise WarehouseError(f"{path} is in use by another program; close it there, and run again.") from None
        raise WarehouseError(
            f"{path} cannot be read as a warehouse ({reason}); rebuild it with {made_by} --full_refresh."
        ) from None


def _shop_of(connection: duckdb.DuckDBPyConnection) -> str | None:
    """Return the id of the contract that the warehouse was built with; None if it does not say."""
    with contextlib.suppress(duckdb.Error):
        return next((str(shop) for (shop,) in connection.execute("select shop from gold.shop").fetchall()), None)
    return None


def refuse_foreign(path: Path, shop: str | None = None) -> None:
    """Raise WarehouseError for a file that is not a warehouse: a mistyped --warehouse must not overwrite it.

    With `shop`, the contract's id, the warehouse of another shop is refused too.
    """
    if not path.is_file() or not path.stat().st_size:
        return
    foreign, owner = not is_duckdb(path), None
    if not foreign:
        with contextlib.suppress(duckdb.Error), duckdb.connect(str(path), read_only=True) as connection:
            tables = _tables(connection)
            foreign = bool(tables) and ("bronze", "build") not in tables
            owner = _shop_of(connection)
    if foreign:
        raise WarehouseError(f"{path} is not a warehouse and was left unchanged; name another file with --warehouse.")
    if shop and owner and owner != shop:
        raise WarehouseError(
            f"{path} is the warehouse of {owner!r} and was left unchanged, because the contract is that of {shop!r}; "
            "name the right --contract or another --warehouse, or replace it with transform.py --full_refresh."
        )


def refuse_own_tables(path: Path) -> None:
    """Raise WarehouseError for a warehouse with tables of the user's, which a rebuild from scratch would drop."""
    if not path.is_file() or not path.stat().st_size:
        return
    with contextlib.suppress(duckdb.Error), duckdb.connect(str(path), read_only=True) as connection:
        own = [f"{schema}.{name}" for schema, name in _tables(connection) if schema not in SCHEMAS]
        if own:
            more = f" and {len(own) - 3:,} more" if len(own) > 3 else ""
            raise WarehouseError(
                f"{path} has tables that are not part 2's, which a rebuild would drop: {', '.join(own[:3])}{more}; "
                "move them to another file, or name another --warehouse."
            )


def has_table(connection: duckdb.DuckDBPyConnection, name: str, catalog: str = "") -> bool:
    """Return whether there is a table: those of the shop's books are there only if the contract has books."""
    try:
        connection.execute(f"select 1 from {catalog}{name} limit 0")
    except duckdb.CatalogException:
        return False
    return True


def _tables(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Return schema and name of every table and view."""
    rows = connection.execute("select table_schema, table_name from information_schema.tables order by all").fetchall()
    return [(str(schema), str(name)) for schema, name in rows]


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
