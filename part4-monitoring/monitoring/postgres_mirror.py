"""Mirror the history into PostgreSQL, for Grafana: schema event_trust, brought up to date day by day.

The URL may contain a password, so it never appears in an error. The next run copies the days that PostgreSQL missed.
"""

import sqlite3
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from event_data.errors import UserError
from monitoring.storage import VERSION, tables

OF_DAYS = ("metric_results", "alarms", "incident_days", "day_status")
WHOLE = ("acknowledgements",)
LOCK = 7310144  # any number; one mirror at a time


class PostgresError(UserError):
    """The mirror could not be written; the sentence does not contain the URL."""


def mirror(history: sqlite3.Connection, url: str) -> int:
    """Bring PostgreSQL up to date; return the number of days written."""
    try:
        import psycopg
    except ImportError:
        raise PostgresError("--postgres_url needs the package psycopg; install it with pip install psycopg.") from None
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            connection.execute("select pg_advisory_xact_lock(%s)", [LOCK])
            connection.execute("create schema if not exists event_trust")
            connection.execute("set local search_path to event_trust")
            _make_tables(connection)
            return _copy(history, connection)
    except (psycopg.Error, UnicodeError) as error:
        what = f"{type(error).__name__} {getattr(error, 'sqlstate', None) or ''}".strip()
        raise PostgresError(
            f"the history could not be written to PostgreSQL ({what}); check --postgres_url, the server and the "
            "permissions. The next run catches up."
        ) from None


def _make_tables(connection: Any) -> None:
    """Create the tables; those of another version are dropped and copied again."""
    statements = tables()
    connection.execute("create table if not exists schema_version (version integer not null)")
    version = connection.execute("select version from schema_version").fetchone()
    if version != (VERSION,):
        connection.execute("drop view if exists incidents")
        for table in (*OF_DAYS, *WHOLE):
            connection.execute(f"drop table if exists {table}")
        for name in (*OF_DAYS, *WHOLE, "incidents"):
            connection.execute(statements[name])
        connection.execute("delete from schema_version")
        connection.execute("insert into schema_version values (%s)", [VERSION])


def _copy(history: sqlite3.Connection, connection: Any) -> int:
    there = dict(connection.execute("select day, judged_at from day_status").fetchall())
    here = {
        date.fromisoformat(day): datetime.fromisoformat(at)
        for day, at in history.execute("select day, judged_at from day_status")
    }
    stale = [day for day, judged_at in here.items() if there.get(day) != judged_at]
    with connection.cursor() as cursor:
        for table in OF_DAYS:
            for day in stale:
                cursor.execute(f"delete from {table} where day = %s", [day])
                rows = history.execute(f"select * from {table} where day = ?", [day.isoformat()]).fetchall()
                _insert(cursor, table, rows)
        for table in WHOLE:
            cursor.execute(f"delete from {table}")
            _insert(cursor, table, history.execute(f"select * from {table}").fetchall())
    return len(stale)


def _insert(cursor: Any, table: str, rows: Sequence[Sequence[object]]) -> None:
    if rows:
        blanks = ", ".join(["%s"] * len(rows[0]))
        cursor.executemany(f"insert into {table} values ({blanks})", rows)
