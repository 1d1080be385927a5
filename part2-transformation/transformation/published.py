"""What an earlier run left in a warehouse."""

import contextlib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from transformation.daily_files import LandingError


@dataclass(frozen=True)
class Published:
    fingerprint: str
    files: dict[str, dict[str, Any]]
    ledger: list[tuple[str, int, Decimal]]
    records: int
    unreadable: int


def read_published(warehouse: Path) -> Published | None:
    """What the warehouse was made of; None where there is none that can be read."""
    if not warehouse.exists():
        return None
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            build = dict(connection.execute("select key, value from bronze.build").fetchall())
            names = ("name", "file_id", "bytes", "stamp", "content_hash", "records", "unreadable", "file_date")
            rows = connection.execute(f"select {', '.join(names)} from bronze.files").fetchall()
            files = {row[0]: dict(zip(names, row, strict=True)) for row in rows}
            return Published(
                build["fingerprint"], files, read_ledger(connection),
                sum(f["records"] for f in files.values()), sum(f["unreadable"] for f in files.values()),
            )  # fmt: skip
    except duckdb.Error:
        return None


def refuse_foreign(warehouse: Path) -> None:
    """Raise LandingError for a file that is no warehouse: a slip in --warehouse must not cost the user's own file."""
    if not warehouse.is_file() or not warehouse.stat().st_size:
        return
    with warehouse.open("rb") as file:
        foreign = file.read(12)[8:] != b"DUCK"
    if not foreign:
        with contextlib.suppress(duckdb.Error), duckdb.connect(str(warehouse), read_only=True) as connection:
            tables = connection.execute("select table_schema, table_name from information_schema.tables").fetchall()
            foreign = bool(tables) and ("bronze", "build") not in tables
    if foreign:
        raise LandingError(f"{warehouse} is no warehouse and is left as it is; name another file with --warehouse.")


def read_ledger(connection: duckdb.DuckDBPyConnection, catalog: str = "") -> list[tuple[str, int, Decimal]]:
    """The ledger as (line, orders, amount in the shop's currency), in its order."""
    rows = connection.execute(f"select line, orders, amount from {catalog}gold.ledger order by position").fetchall()
    return [(str(line), int(orders), Decimal(amount)) for line, orders, amount in rows]
