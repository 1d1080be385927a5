"""Mirror the history into PostgreSQL, for Grafana: schema event_trust, brought up to date day by day.

The URL may hold a password: it is in no error. Days that PostgreSQL missed are caught up by the next run.
"""

import sqlite3
from datetime import date, datetime
from typing import Any

from event_data.errors import UserError

TABLES = """
create schema if not exists event_trust;
create table if not exists event_trust.day_status (
    day date primary key, hours integer not null, status text not null, alarms integer not null,
    worst text, judged_at timestamptz not null
);
create table if not exists event_trust.metric_results (
    day date not null, metric text not null, hours integer not null, layer text not null, label text not null,
    kind text not null, value double precision, expected double precision, low double precision, high double precision,
    z double precision, evidence double precision, history integer not null, verdict text not null,
    primary key (day, metric)
);
create table if not exists event_trust.alarms (
    day date not null, key text not null, hours integer not null, layer text not null, severity text not null,
    state text not null, opened date not null, day_number integer not null, last_good date, first_bad text not null,
    segment text not null, at_stake double precision, at_stake_since double precision, text text not null,
    primary key (day, key)
);
create table if not exists event_trust.acknowledgements (
    key text not null, since date not null, acknowledged_on date not null, at timestamptz not null,
    primary key (key, since)
);
create or replace view event_trust.incidents as
select
    alarms.key, alarms.opened, max(alarms.day) as last_day, min(alarms.severity) as severity, count(*) as days,
    sum(alarms.at_stake) as at_stake,
    case
        when max(acknowledgements.key) is not null then 'acknowledged'
        when max(alarms.day) < (select max(day) from event_trust.day_status) then 'recovered'
        else 'open'
    end as state,
    (select min(day) from event_trust.day_status where day > max(alarms.day)) as recovered_on
from event_trust.alarms as alarms
left join event_trust.acknowledgements as acknowledgements
    on alarms.key = acknowledgements.key and alarms.opened = acknowledgements.since
group by alarms.key, alarms.opened;
"""
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
            connection.execute(TABLES)
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
