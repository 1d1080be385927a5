"""What an earlier run left in a warehouse."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb


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


def read_ledger(connection: duckdb.DuckDBPyConnection, catalog: str = "") -> list[tuple[str, int, Decimal]]:
    """The ledger as (line, orders, amount in the shop's currency), in its order."""
    rows = connection.execute(f"select line, orders, amount from {catalog}gold.ledger order by position").fetchall()
    return [(str(line), int(orders), Decimal(amount)) for line, orders, amount in rows]
