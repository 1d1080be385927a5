"""What an earlier run left in a warehouse."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
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
    refused: dict[str, str]
    ledger: list[tuple[str, int, Decimal]]
    records: int
    unreadable: int

    @cached_property
    def stamps(self) -> dict[date, dict[str, str]]:
        """Return the stamp that each file had, by day and name, also of those set aside."""
        stamps: dict[date, dict[str, str]] = {}
        for name, file in self.files.items():
            stamps.setdefault(file["file_date"], {})[name] = file["stamp"]
        for name, unread in self.aside.items():
            stamps.setdefault(unread.day or date.min, {})[name] = unread.stamp
        return stamps


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
            unread = [
                Unread(name, reason, size, stamp, day, instead or "")
                for name, reason, size, stamp, day, instead in connection.execute(
                    "select name, reason, bytes, stamp, file_date, counts_instead from bronze.unread_files"
                ).fetchall()
            ]
            return Published(
                build["fingerprint"], files, {u.name: u for u in unread if u.counts_instead},
                {u.name: u.reason for u in unread}, read_refused(connection), read_ledger(connection),
                sum(f["records"] for f in files.values()), sum(f["unreadable"] for f in files.values()),
            )  # fmt: skip
    except duckdb.Error:
        return None


def read_ledger(connection: duckdb.DuckDBPyConnection, catalog: str = "") -> list[tuple[str, int, Decimal]]:
    """The ledger as (line, orders, amount in the shop's currency), in its order."""
    rows = connection.execute(f"select line, orders, amount from {catalog}gold.ledger order by position").fetchall()
    return [(str(line), int(orders), Decimal(amount)) for line, orders, amount in rows]


def read_refused(connection: duckdb.DuckDBPyConnection, catalog: str = "") -> dict[str, str]:
    """Return the files of which nothing, or an unknown part, could be used, and why."""
    return dict(
        connection.execute(
            f"select name, refused from {catalog}silver.files where refused is not null order by name"
        ).fetchall()
    )
