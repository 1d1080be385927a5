"""What an earlier run left in a warehouse."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from event_data.reading.folder import Unread


@dataclass(frozen=True)
class Published:
    """What the warehouse was made of: its files by name, those set aside or not read, and its ledger."""

    fingerprint: str
    files: dict[str, dict[str, Any]]
    aside: dict[str, Unread]
    unread: dict[str, str]
    ledger: list[tuple[str, int, Decimal]]
    records: int
    unreadable: int

    @property
    def stamps(self) -> dict[str, str]:
        """Return the stamp that each file had, also of those set aside."""
        return {name: f["stamp"] for name, f in self.files.items()} | {n: u.stamp for n, u in self.aside.items()}

    @property
    def refused(self) -> dict[str, str]:
        """Return the files that could not be read, and why."""
        return {name: f["refused"] for name, f in self.files.items() if f["refused"]}


def read_published(warehouse: Path) -> Published | None:
    """What the warehouse was made of; None where there is none that can be read."""
    if not warehouse.exists():
        return None
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            build = dict(connection.execute("select key, value from bronze.build").fetchall())
            names = (
                "name",
                "file_id",
                "bytes",
                "stamp",
                "content_hash",
                "records",
                "unreadable",
                "file_date",
                "refused",
            )
            rows = connection.execute(f"select {', '.join(names)} from bronze.files").fetchall()
            files = {row[0]: dict(zip(names, row, strict=True)) for row in rows}
            unread = [
                Unread(name, reason, size, stamp, day, instead or "")
                for name, reason, size, stamp, day, instead in connection.execute(
                    "select name, reason, bytes, stamp, file_date, counts_instead from bronze.unread_files"
                ).fetchall()
            ]
            return Published(
                build["fingerprint"], files, {u.name: u for u in unread if u.counts_instead},
                {u.name: u.reason for u in unread}, read_ledger(connection),
                sum(f["records"] for f in files.values()), sum(f["unreadable"] for f in files.values()),
            )  # fmt: skip
    except duckdb.Error:
        return None


def read_ledger(connection: duckdb.DuckDBPyConnection, catalog: str = "") -> list[tuple[str, int, Decimal]]:
    """The ledger as (line, orders, amount in the shop's currency), in its order."""
    rows = connection.execute(f"select line, orders, amount from {catalog}gold.ledger order by position").fetchall()
    return [(str(line), int(orders), Decimal(amount)) for line, orders, amount in rows]
