"""Keep the monitor's history in a SQLite file that other processes can read while it is written.

Every write is one transaction that takes the lock first, so that two runs at once lose nothing; writing the same
judgement again leaves the same rows. Messages for Slack are put into the outbox in the transaction that records
them as sent (a transactional outbox), so that no message is lost.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from event_data.errors import UserError
from event_data.sql import named_statements
from monitoring.alarms import DayReport
from monitoring.incidents import ACCEPTED, Act, IncidentDay, State
from monitoring.wording import related

CLAIM = timedelta(minutes=10)  # after this time, another run may take a message that the first did not deliver
SQL = Path(__file__).with_name("history.sql")
# 1 had a run for each day and no incidents. A file of version 0 is new, or of version 1.
VERSION = 2


def tables() -> dict[str, str]:
    """Return the statements of history.sql by name."""
    return {name: one.sql for name, one in named_statements(SQL.read_text("utf-8")).items()}


class HistoryError(UserError):
    """The history cannot be used."""


class Notice(NamedTuple):
    """The last message about an incident; state is that of the alarm then, or recovered."""

    key: str
    opened: date
    day: date
    severity: str
    state: str
    at: datetime


class Waiting(NamedTuple):
    """A message in the outbox."""

    number: int
    created_at: datetime
    message: str


class Recorded(NamedTuple):
    """A day as it was judged: how many of its hours, of which files, and with what status."""

    hours: int
    contents: str | None
    status: str


class History:
    """An open history; use as a context manager. `migrated_from`: its former version, if it was migrated.

    With `is_copy` it is a copy in memory, so that the file stays as it is.
    """

    def __init__(self, path: Path, is_copy: bool = False) -> None:
        self.path = path
        self.migrated_from: int | None = None
        try:
            self.connection = _copy(path) if is_copy else _open(path)
            if self._version() > VERSION:
                raise HistoryError(
                    f"{path} was written by a newer version of the monitor; use that, or choose another --history."
                )
            if self._version() < VERSION:
                with self.transaction():
                    self._migrate()
        except (sqlite3.Error, OSError) as error:
            raise self._explained(error) from None

    def _explained(self, error: Exception) -> HistoryError:
        advice = "choose another --history"
        if "locked" in str(error):
            advice = "another program has locked it: close that program, and run again"
        elif "not a database" in str(error) or "malformed" in str(error):
            advice += ", or move this file away; its records and the messages waiting for Slack stay in it"
        return HistoryError(f"{self.path}: {error}; {advice}.")

    def _version(self) -> int:
        return int(self.connection.execute("pragma user_version").fetchone()[0])

    def _migrate(self) -> None:
        """Create the tables, or migrate those of version 1, unless another run did so while this one waited."""
        if self._version() == VERSION:
            return
        c = self.connection
        names = {name for (name,) in c.execute("select name from sqlite_master")}
        is_old = "day_status" in names
        if names and not is_old:
            raise HistoryError(f"{self.path} is another program's database; choose another --history.")
        if is_old:
            self.migrated_from = 1
            c.execute("drop view incidents")
            c.execute("alter table day_status add column contents text")
            c.execute("alter table acknowledgements rename to old_acknowledgements")
        for statement in tables().values():
            c.execute(statement)
        if is_old:
            c.execute(
                f"insert into acknowledgements select key, acknowledged_on, '{ACCEPTED}', null, '', 'unknown', at "
                "from old_acknowledgements"
            )
            c.execute("drop table old_acknowledgements")
        c.execute(f"pragma user_version = {VERSION}")

    def __enter__(self) -> "History":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run a transaction, all or nothing; a second writer waits until it has ended. Transactions may be nested."""
        if self.connection.in_transaction:
            yield self.connection
            return
        try:
            self.connection.execute("begin immediate")
        except sqlite3.Error as error:
            raise self._explained(error) from None
        try:
            yield self.connection
        except BaseException:
            self.connection.execute("rollback")
            raise
        self.connection.execute("commit")

    def record(self, report: DayReport, hours: int, now: datetime, contents: str | None = None) -> None:
        """Write a day's judgement. A judgement of fewer hours does not replace one of more."""
        with self.transaction() as c:
            day = [_stored(report.day)]
            known = c.execute("select hours from day_status where day = ?", day).fetchone()
            if known and known[0] > hours:
                return
            worst = report.active[0].key if report.active else None
            status = (report.day, hours, report.status, len(report.active), worst, now, contents)
            tables = {
                "day_status": [status],
                "metric_results": _results(report, hours),
                "alarms": _alarms(report, hours),
                "incident_days": _incident_days(report),
            }
            for table, rows in tables.items():
                c.execute(f"delete from {table} where day = ?", day)
                _insert(c, table, rows)

    def recorded(self) -> dict[date, Recorded]:
        """Return the days that were judged, in order."""
        rows = self.connection.execute("select day, hours, contents, status from day_status order by day").fetchall()
        return {date.fromisoformat(day): Recorded(*rest) for day, *rest in rows}

    def state_before(self, day: date, days: list[date]) -> State:
        """Return the state at the end of the days before this one; `days` are those that have a file."""
        before = [_stored(day)]
        rows = self.connection.execute(
            "select day, key, opened, is_rule, verdict, is_closing, last_good, metrics from incident_days "
            "where day < ? order by day",
            before,
        ).fetchall()
        judged = self.connection.execute("select 1 from day_status where day < ? limit 1", before).fetchone()
        state = State.of(map(_incident_day, rows), days, self.acknowledgements(), is_beginning=judged is None)
        sums = "select key, opened, sum(at_stake) from alarms where day < ? group by key, opened"
        costs = {(key, opened): amount for key, opened, amount in self.connection.execute(sums, before)}
        for incident in state.open:
            incident.at_stake = costs.get((incident.key, incident.opened.isoformat()))
        return state

    def acknowledgements(self) -> list[Act]:
        """Return every decision about an alarm, in order of its time."""
        sql = "select key, day, kind, until, reason, who, at from acknowledgements order by at"
        return [
            Act(key, date.fromisoformat(day), kind, _day(until), reason, who, datetime.fromisoformat(at))
            for key, day, kind, until, reason, who, at in self.connection.execute(sql)
        ]

    def acknowledge(self, act: Act) -> None:
        """Keep a decision about an alarm."""
        with self.transaction() as c:
            row = (act.key, act.day, act.kind, act.until, act.reason, act.who, act.at)
            _insert(c, "acknowledgements", [row])

    def notices(self) -> list[Notice]:
        rows = self.connection.execute("select key, opened, day, severity, state, at from notices").fetchall()
        return [
            Notice(k, date.fromisoformat(o), date.fromisoformat(d), s, state, datetime.fromisoformat(at))
            for k, o, d, s, state, at in rows
        ]

    def enqueue(self, message: str, notices: Sequence[Notice]) -> None:
        """Put a message into the outbox with the notices of its alarms; call it within a transaction."""
        row = [_stored(datetime.now(UTC)), message]
        self.connection.execute("insert into outbox (created_at, message) values (?, ?)", row)
        _insert(self.connection, "notices", notices, "insert or replace")

    def claim(self) -> list[Waiting]:
        """Take every message that no other run is delivering, the oldest first; they stay until `delivered`."""
        now = datetime.now(UTC)
        with self.transaction() as c:
            free = "claimed_at is null or claimed_at < ?"
            rows = c.execute(
                f"select id, created_at, message from outbox where {free} order by id", [_stored(now - CLAIM)]
            )
            waiting = [Waiting(number, datetime.fromisoformat(at), message) for number, at, message in rows.fetchall()]
            taken = [(_stored(now), one.number) for one in waiting]
            c.executemany("update outbox set claimed_at = ?, attempts = attempts + 1 where id = ?", taken)
        return waiting

    def delivered(self, messages: Sequence[Waiting]) -> None:
        """Delete messages that were delivered or are no longer wanted."""
        with self.transaction() as c:
            c.executemany("delete from outbox where id = ?", [(one.number,) for one in messages])

    def release(self, messages: Sequence[Waiting], error: str | None) -> None:
        """Release messages that were not delivered, with the error."""
        with self.transaction() as c:
            rows = [(error, one.number) for one in messages]
            c.executemany("update outbox set claimed_at = null, error = ? where id = ?", rows)

    def waiting(self) -> int:
        return int(self.connection.execute("select count(*) from outbox").fetchone()[0])


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    return connection


def _copy(path: Path) -> sqlite3.Connection:
    """Copy a database into memory; return an empty one if there is no file."""
    copy = sqlite3.connect(":memory:", isolation_level=None)
    if path.exists():
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=60)) as file:
            file.backup(copy)
    return copy


def _stored(value: Any) -> Any:
    """Return a value as SQLite keeps it: days and moments (UTC) as text."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value.isoformat() if isinstance(value, date) else value


def _insert(
    connection: sqlite3.Connection, table: str, rows: Iterable[Sequence[object]], insert: str = "insert"
) -> None:
    for row in rows:
        connection.execute(f"{insert} into {table} values ({', '.join('?' * len(row))})", [_stored(v) for v in row])


def _results(report: DayReport, hours: int) -> Iterator[Sequence[object]]:
    for v in report.verdicts:
        s, m = v.score, v.metric
        scores = (s.expected, s.low, s.high, s.z, s.evidence) if s else (None,) * 5
        yield report.day, m.name, hours, m.layer, m.label, m.kind, v.value, *scores, v.days, v.verdict


def _alarms(report: DayReport, hours: int) -> Iterator[Sequence[object]]:
    for a in report.alarms:
        yield (
            report.day, a.key, hours, a.layer, a.severity, a.state, a.opened or a.day, a.day_number, a.last_good,
            a.first_bad, a.segment, a.at_stake, a.at_stake_since,
            f"{a.text} {related(a)}" if a.also else a.text,
        )  # fmt: skip


def _incident_days(report: DayReport) -> Iterator[Sequence[object]]:
    for d in report.incident_days:
        metrics = json.dumps(d.metrics)
        yield d.day, d.key, d.opened, int(d.is_rule), d.verdict, int(d.is_closing), d.last_good, metrics


def _incident_day(row: Sequence[Any]) -> IncidentDay:
    day, key, opened, is_rule, verdict, is_closing, last_good, metrics = row
    return IncidentDay(
        date.fromisoformat(day), key, date.fromisoformat(opened), bool(is_rule), verdict, bool(is_closing),
        _day(last_good), tuple(json.loads(metrics)),
    )  # fmt: skip


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
