"""Find what changed files affect, and replace the affected rows.

A file's records affect their clients, and also the clients that share orders, e-mail hashes or checkouts with them.
All records of these clients are processed again by the same statements, and the rows that differ are replaced.
Daily figures are recalculated for the days of those rows.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import duckdb

from event_data.events import known_id_sql
from event_data.sql import identifier, named_statements, values
from event_data.statements import Statement


@dataclass(frozen=True)
class Table:
    """A published table whose rows are replaced in units of `unit`; rows with an affected `key` are reprocessed."""

    unit: str
    scope: str  # event or client
    date: str | None = None  # the column with the day of a row
    key: str | None = None  # the unit, unless a numeric column finds the same rows faster


UNITS = {
    "silver.rejected_events": Table("event_id", "event"),
    "silver.events": Table("event_id", "event", "day"),
    "silver.sessions": Table("client_id", "event", "day", key="session_id"),
    "silver.links": Table("client_id", "client"),
    "silver.people": Table("client_id", "client"),
    "silver.received_orders": Table("event_id", "event", "order_date"),
    "silver.orders": Table("order_id", "event", "order_date"),
    "silver.order_items": Table("order_id", "event", "order_date"),
    "silver.clients": Table("client_id", "client", "first_date"),
    "silver.order_touches": Table("order_id", "event"),
    "gold.attribution": Table("order_id", "event", "order_date"),
    "gold.no_known_source": Table("order_id", "event", "order_date"),
    "gold.unattributed": Table("order_id", "event", "order_date"),
}
# Daily figures, in the order of their statements, with the column of the day.
DAY_COLUMNS = {
    "gold.channel_sessions": "date",
    "gold.channel_credit": "date",
    "gold.channel_performance": "date",
    "gold.funnel": "date",
    "gold.products": "date",
    "silver.event_counts": "event_date",
    "silver.event_metrics": "date",
    "gold.hourly_metrics": "date",
    "gold.daily_metrics": "date",
}
OTHER_DAYS = "date '9999-12-31'"  # stands for a null day, which is that of events far from their file's day
WHOLE = ("silver.files", "gold.ledger", "gold.headline_figures", "gold.shop")


def select_touched(
    connection: duckdb.DuckDBPyConnection, filled: Mapping[str, str], selects: Sequence[str], gone: Sequence[str]
) -> None:
    """Make bronze.events a view of the records to process again.

    Before the call, it must hold the arriving and the removed records, and silver.received must read from it.
    The tables touched_events and touched_clients then hold the units to replace.
    """
    _run(connection, "arriving_or_gone", **filled)
    _run(connection, "touched_clients")
    names = {row[0].lower() for row in connection.execute("describe warehouse.bronze.events").fetchall()}
    stays = f"_source_file not in ({values(gone)})" if gone else "true"
    client, time = known_id_sql(_existing(filled["client"], names)), _existing(filled["time"], names)
    _run(connection, "landed_before", stays=stays, client=client, time=time)
    again = [*selects, "select * from landed_before", "select * from warehouse.bronze.events where false"]
    connection.execute("create or replace view bronze.events as " + " union all by name ".join(again))
    connection.execute("insert into touched_events select event_id from silver.received")


def merge_touched(
    connection: duckdb.DuckDBPyConnection,
    statements: Sequence[Statement],
    working: Collection[str],
    gone: Sequence[str],
    landed: Sequence[str],
    columns: Sequence[str],
) -> None:
    """Run the statements on the records to process again, and replace the rows of the warehouse that differ."""
    connection.execute("create temp table changed_days (name varchar, day date)")
    for statement in statements:
        if statement.name not in DAY_COLUMNS and statement.name not in WHOLE:
            connection.execute(statement.sql)
    _exchange_bronze(connection, gone, landed, columns)
    _run(connection, "file_totals", files=values([*gone, *landed]), landed=values(landed))
    for name, table in UNITS.items():
        blanks = {
            "unit": table.unit,
            "key": table.key or table.unit,
            "scope": table.scope,
            "day": f"coalesce({table.date}, {OTHER_DAYS})" if table.date else "null",
        }
        _run(connection, "exchange", table=name, **blanks)
    _renew_figures(connection, statements, working)


def _renew_figures(
    connection: duckdb.DuckDBPyConnection, statements: Sequence[Statement], working: Collection[str]
) -> None:
    """Recalculate the daily figures of changed days and all totals; the statements now read the warehouse."""
    run = connection.execute
    by_name = {s.name: s for s in statements}
    _look_at(connection, "silver.rejected_events", "true")
    run(by_name["silver.files"].sql)
    _run(connection, "changed_file_days")
    changed: dict[str, set[date]] = {}
    for name, day in run("from changed_days").fetchall():
        changed.setdefault(name, set()).add(day)
    dates = {"silver.files": "file_date", **DAY_COLUMNS}
    dates |= {name: table.date for name, table in UNITS.items() if table.date}
    reads = {
        name: dates.keys() & set(re.findall(r"(?:silver|gold)[.]\w+", by_name[name].select)) for name in DAY_COLUMNS
    }
    # A figure is recalculated for the days on which any of its inputs changed. An intermediate table and all its
    # users are recalculated for the same days.
    made_of = {name: set(tables) for name, tables in reads.items()}
    for tables in made_of.values():  # in statement order, as each statement reads earlier ones
        tables |= {deeper for table in list(tables) for deeper in made_of.get(table, ())}
    days = {name: {day for table in tables for day in changed.get(table, ())} for name, tables in made_of.items()}
    for name in DAY_COLUMNS:
        if name in working:
            users = [user for user, tables in made_of.items() if name in tables]
            days |= {table: {day for user in users for day in days[user]} for table in (name, *users)}
    for name in DAY_COLUMNS:
        for table in reads[name] - set(working):
            _look_at(connection, table, _among(dates[table], days[name]))
        run(by_name[name].sql)
        if name not in working:
            _run(connection, "figures_of_days", table=name, condition=_among(dates[name], days[name]))
    for name in (*UNITS, *(DAY_COLUMNS.keys() - set(working)), "silver.file_totals", "silver.files"):
        _look_at(connection, name, "true")
    for name in ("gold.ledger", "gold.headline_figures"):
        run(by_name[name].sql)
        run(f"create or replace table warehouse.{name} as from memory.{name}")
    run("create or replace table warehouse.bronze.files as from bronze.files")
    run("create or replace table warehouse.bronze.unread_files as from bronze.unread_files")


def _exchange_bronze(
    connection: duckdb.DuckDBPyConnection, gone: Sequence[str], landed: Sequence[str], columns: Sequence[str]
) -> None:
    run = connection.execute
    if gone:
        run(f"delete from warehouse.bronze.events where _source_file in ({values(gone)})")
    have = {row[0].lower(): row[0] for row in run("describe warehouse.bronze.events").fetchall()}
    wanted = {name.lower(): name for name in reversed(list(columns))}
    for name in [wanted[n] for n in wanted if n not in have]:
        run(f"alter table warehouse.bronze.events add column {identifier(name)} varchar")
    for name in [have[n] for n in have if n not in wanted and not n.startswith("_")]:
        run(f"alter table warehouse.bronze.events drop column {identifier(name)}")
    if landed:
        there = {row[0].lower(): row[0] for row in run("describe bronze.events").fetchall()}
        names = ", ".join(identifier(there[n]) for n in there if n in wanted or n.startswith("_"))
        run(f"""insert into warehouse.bronze.events by name
            select {names} from bronze.events where _source_file in ({values(landed)})""")


def _look_at(connection: duckdb.DuckDBPyConnection, name: str, condition: str) -> None:
    """Show the warehouse's rows of a table to the statements, instead of those built in memory."""
    schema, table = name.split(".")
    kind = connection.execute(
        "select table_type from information_schema.tables "
        "where table_catalog = 'memory' and table_schema = ? and table_name = ?", [schema, table]
    ).fetchone()  # fmt: skip
    if kind:
        connection.execute(f"drop {'view' if kind[0] == 'VIEW' else 'table'} memory.{name}")
    connection.execute(f"create view memory.{name} as select * from warehouse.{name} where {condition}")


def _among(column: str, days: Collection[date]) -> str:
    """Return a condition that is simple enough for DuckDB to skip row groups outside these days."""
    listed = ", ".join(f"date '{day}'" for day in sorted(days))
    others = f" or {column} is null" if OTHER_DAYS in listed else ""
    return f"({column} in ({listed}){others})" if days else "false"


def _existing(sql: str, names: Collection[str]) -> str:
    """Return an expression over file columns, with null for each column that the warehouse does not have."""

    def known(match: re.Match[str]) -> str:
        return match[0] if match[1].replace('""', '"').lower() in names else "cast(null as varchar)"

    return re.sub(r'events[.]"((?:[^"]|"")+)"', known, sql)


def _run(connection: duckdb.DuckDBPyConnection, name: str, **blanks: str) -> None:
    """Run the statements of increment.sql with this name."""
    connection.execute(_statements()[name].format(**blanks))


@cache
def _statements() -> dict[str, str]:
    text = Path(__file__).with_suffix(".sql").read_text("utf-8")
    return {name: statement.sql for name, statement in named_statements(text).items()}
