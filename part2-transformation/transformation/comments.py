"""What the tables and columns of the warehouse hold, in words: as comments that the file carries."""

import csv
from collections.abc import Sequence
from pathlib import Path

import duckdb

from event_data.sql import identifier, literal
from transformation.statements import Statement

COLUMNS = Path(__file__).resolve().parents[1] / "columns.csv"


def column_descriptions() -> dict[str, str]:
    """What columns.csv says of each column, by name, or by schema, table and name."""
    with COLUMNS.open(encoding="utf-8", newline="") as file:
        return {row["column"]: row["description"] for row in csv.DictReader(file)}


def comment(connection: duckdb.DuckDBPyConnection, statements: Sequence[Statement], kind: str = "table") -> None:
    """Say of each table (or view) and column what it holds: the words of transform.sql and of columns.csv."""
    comments = [f"comment on {kind} warehouse.{s.name} is {literal(s.description)}" for s in statements]
    words = column_descriptions()
    columns = connection.execute(
        "select schema_name || '.' || table_name, column_name from duckdb_columns() "
        "where database_name = 'warehouse' and comment is null"
    ).fetchall()
    for table, column in columns:
        # the columns of the files are the shop's
        described = words.get(f"{table}.{column}") or (table != "bronze.events" and words.get(column))
        if described:
            name = f"warehouse.{table}.{identifier(column)}"
            comments.append(f"comment on column {name} is {literal(described)}")
    connection.execute(";".join(["begin", *comments, "commit"]))
