"""Mirror the history into PostgreSQL, for Grafana: schema event_trust, brought up to date day by day.

The URL may hold a password: it is in no error. Days that PostgreSQL missed are caught up by the next run.
"""

import sqlite3
from datetime import date, datetime
from typing import Any

from event_data.errors import UserError
from monitoring.storage import tables

COPIED = ("metric_results", "alarms", "day_status", "acknowledgements", "incidents")
LOCK = 7310144  # any number; one mirror at a time


class PostgresError(UserError):
    """The mirror could not be written; the sentence does not hold the URL."""


def mirror(history: sqlite3.Connection, url: str) -> int:
    """Bring PostgreSQL up to date; returns how many days were written."""
    try:
        import psycopg
    except ImportError:
        raise PostgresError("--postgres_url needs the package psycopg; install it with pip install psycopg.") from None
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            connection.execute("select pg_advisory_xact_lock(%s)", [LOCK])
            words = {"date": "date", "real": "double precision", "moment": "timestamptz"}
            statements = tables(schema="event_trust.", create_view="create or replace view", **words)
            connection.execute("create schema if not exists event_trust")
            for name in COPIED:
                connection.execute(statements[name])
            return _copy(history, connection)
    except (psycopg.Error, UnicodeError) as error:
        what = f"{type(error).__name__} {getattr(error, 'sqlstate', None) or ''}".strip()
        raise PostgresError(
            f"PostgreSQL did not take the history ({what}); check --postgres_url, the server and the rights. "
            "The next run catches up."
        ) from None


def _copy(history: sqlite3.Connection, connection: Any) -> int:
    there = dict(connection.execute("select day, judged_at from event_trust.day_status").fetchall())
    here = {
        date.fromisoformat(day): datetime.fromisoformat(at)
        for day, at in history.execute("select day, judged_at from day_status")
    }
    stale = [day for day, judged_at in here.items() if there.get(day) != judged_at]
    with connection.cursor() as cursor:
        for table in ("metric_results", "alarms", "day_status"):
            for day in stale:
                cursor.execute(f"delete from event_trust.{table} where day = %s", [day])
                rows = history.execute(f"select * from {table} where day = ?", [day.isoformat()]).fetchall()
                if rows:
                    blanks = ", ".join(["%s"] * len(rows[0]))
                    cursor.executemany(f"insert into event_trust.{table} values ({blanks})", rows)
        known = history.execute("select * from acknowledgements").fetchall()
        if known:
            sql = "insert into event_trust.acknowledgements values (%s, %s, %s, %s) on conflict do nothing"
            cursor.executemany(sql, known)
    return len(stale)
