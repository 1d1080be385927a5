"""Keep the monitor's history in a SQLite file that other processes can read while it is written.

Every write is one transaction that begins by taking the lock, so that two runs at once lose nothing; every
write of the same judgement leaves the same rows. Messages for Slack are put into the outbox in the transaction
that notes them as sent (a transactional outbox): no message is forgotten.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from event_data.errors import UserError
from monitoring.alarms import Alarm, DayReport
from monitoring.detection import Acknowledgement

CLAIM = timedelta(minutes=10)  # a message that a run took and did not deliver is free again after so long
TABLES = """
create table if not exists day_status (
    day text primary key, hours integer not null, status text not null, alarms integer not null,
    worst text, judged_at text not null
);
create table if not exists metric_results (
    day text not null, metric text not null, hours integer not null, layer text not null, label text not null,
    kind text not null, value real, expected real, low real, high real, z real, evidence real, history integer not null,
    verdict text not null, primary key (day, metric)
);
create table if not exists alarms (
    day text not null, key text not null, hours integer not null, layer text not null, severity text not null,
    state text not null, opened text not null, day_number integer not null, last_good text, first_bad text not null,
    segment text not null, at_stake real, at_stake_since real, text text not null, primary key (day, key)
);
create table if not exists acknowledgements (
    key text not null, since text not null, acknowledged_on text not null, at text not null, primary key (key, since)
);
create table if not exists notices (
    key text not null, opened text not null, day text not null, severity text not null, state text not null,
    at text not null, primary key (key, opened)
);
create table if not exists outbox (
    id integer primary key autoincrement, created_at text not null, message text not null, claimed_at text,
    attempts integer not null default 0, error text
);
create view if not exists incidents as
select
    alarms.key, alarms.opened, max(alarms.day) as last_day, min(alarms.severity) as severity, count(*) as days,
    sum(alarms.at_stake) as at_stake,
    case
        when acknowledgements.key is not null then 'acknowledged'
        when max(alarms.day) < (select max(day) from day_status) then 'recovered'
        else 'open'
    end as state,
    (select min(day) from day_status where day > max(alarms.day)) as recovered_on
from alarms
left join acknowledgements on alarms.key = acknowledgements.key and alarms.opened = acknowledgements.since
group by alarms.key, alarms.opened;
"""


class HistoryError(UserError):
    """The history cannot be used."""


@dataclass(frozen=True)
class Notice:
    """The last message about an incident; state is that of the alarm then, or recovered."""

    key: str
    opened: date
    day: date
    severity: str
    state: str
    at: datetime


@dataclass(frozen=True)
class Waiting:
    """A message in the outbox."""

    number: int
    message: str


class History:
    """An open history; use as a context manager."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.connection = sqlite3.connect(path, timeout=60, isolation_level=None)
            self.connection.execute("pragma journal_mode = wal")
            with self.transaction():
                for statement in TABLES.split(";\n")[:-1]:
                    self.connection.execute(statement)
        except (sqlite3.Error, OSError) as error:
            advice = "choose another --history"
            if "locked" in str(error):
                advice = "another program holds it: close that, and run again"
            elif "not a database" in str(error) or "malformed" in str(error):
                advice += ", or move this file away; what it had noted and what waited for Slack stay in it"
            raise HistoryError(f"{path}: {error}; {advice}.") from None

    def __enter__(self) -> "History":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run a transaction, all or nothing; a second writer waits until this one has ended."""
        self.connection.execute("begin immediate")
        try:
            yield self.connection
        except BaseException:
            self.connection.execute("rollback")
            raise
        self.connection.execute("commit")

    def record(self, report: DayReport, hours: int, now: datetime) -> None:
        """Write a day's judgement. One of fewer hours does not replace one of more."""
        day = report.day.isoformat()
        with self.transaction() as c:
            known = c.execute("select hours from day_status where day = ?", [day]).fetchone()
            if known and known[0] > hours:
                return
            worst = report.active[0].key if report.active else None
            for table in ("day_status", "metric_results", "alarms"):
                c.execute(f"delete from {table} where day = ?", [day])
            row = (day, hours, report.status, len(report.active), worst, _text(now))
            c.execute("insert into day_status values (?, ?, ?, ?, ?, ?)", row)
            c.executemany(f"insert into metric_results values ({', '.join('?' * 14)})", _results(report, hours))
            c.executemany(f"insert into alarms values ({', '.join('?' * 14)})", _alarms(report, hours))

    def acknowledgements(self) -> list[Acknowledgement]:
        rows = self.connection.execute("select key, since, acknowledged_on from acknowledgements").fetchall()
        return [Acknowledgement(key, date.fromisoformat(since), date.fromisoformat(on)) for key, since, on in rows]

    def acknowledge(self, one: Acknowledgement, now: datetime) -> None:
        """Note it; an earlier acknowledgement of the same incident stays."""
        with self.transaction() as c:
            row = (one.key, one.since.isoformat(), one.on.isoformat(), _text(now))
            c.execute("insert into acknowledgements values (?, ?, ?, ?) on conflict do nothing", row)

    def notices(self) -> list[Notice]:
        rows = self.connection.execute("select key, opened, day, severity, state, at from notices").fetchall()
        return [
            Notice(k, date.fromisoformat(o), date.fromisoformat(d), s, state, datetime.fromisoformat(at))
            for k, o, d, s, state, at in rows
        ]

    def enqueue(self, message: str, notices: Sequence[Notice]) -> None:
        """Put a message into the outbox with the notices of its alarms; call it within a transaction."""
        now = _text(datetime.now(UTC))
        self.connection.execute("insert into outbox (created_at, message) values (?, ?)", [now, message])
        self.connection.executemany(
            "insert or replace into notices values (?, ?, ?, ?, ?, ?)",
            [(n.key, n.opened.isoformat(), n.day.isoformat(), n.severity, n.state, _text(n.at)) for n in notices],
        )

    def claim(self) -> Waiting | None:
        """Take the oldest message that no other run is delivering; it stays until `delivered`."""
        now = datetime.now(UTC)
        with self.transaction() as c:
            row = c.execute(
                "select id, message from outbox where claimed_at is null or claimed_at < ? order by id limit 1",
                [_text(now - CLAIM)],
            ).fetchone()
            if row is None:
                return None
            c.execute("update outbox set claimed_at = ?, attempts = attempts + 1 where id = ?", [_text(now), row[0]])
            return Waiting(row[0], row[1])

    def delivered(self, number: int) -> None:
        with self.transaction() as c:
            c.execute("delete from outbox where id = ?", [number])

    def release(self, failed: dict[int, str]) -> None:
        """Give messages back that could not be delivered, each with what went wrong."""
        with self.transaction() as c:
            rows = [(error, number) for number, error in failed.items()]
            c.executemany("update outbox set claimed_at = null, error = ? where id = ?", rows)

    def waiting(self) -> int:
        return int(self.connection.execute("select count(*) from outbox").fetchone()[0])


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _results(report: DayReport, hours: int) -> list[tuple[object, ...]]:
    day, rows = report.day.isoformat(), []
    for v in report.verdicts:
        s, m = v.score, v.metric
        scores = (s.expected, s.low, s.high, s.z, s.evidence) if s else (None,) * 5
        rows.append((day, m.name, hours, m.layer, m.label, m.kind, v.value, *scores, v.days, v.verdict))
    return rows


def _alarms(report: DayReport, hours: int) -> list[tuple[object, ...]]:
    day = report.day.isoformat()
    return [
        (
            day, a.key, hours, a.layer, a.severity, a.state, (a.opened or a.day).isoformat(), a.day_number,
            a.last_good.isoformat() if a.last_good else None, a.first_bad, a.segment, a.at_stake, a.at_stake_since,
            a.text + (f" Also: {json.dumps(a.also)}" if a.also else ""),
        )
        for a in report.alarms
    ]  # fmt: skip


def notice_of(alarm: Alarm, now: datetime) -> Notice:
    return Notice(alarm.key, alarm.opened or alarm.day, alarm.day, alarm.severity, alarm.state, now)
