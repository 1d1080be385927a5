"""The monitor's history: the same judgement leaves the same rows, and two runs at once lose nothing."""

import sqlite3
import threading
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from monitor_kit import DAY, NOW, act, day_report, dump
from monitoring.incidents import ACCEPTED, ACKNOWLEDGED, UNDONE, WELL, IncidentDay
from monitoring.storage import VERSION, History, HistoryError


def test_the_same_judgement_leaves_the_same_rows(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    found = []
    for _ in range(2):
        with History(path) as history:
            history.record(day_report(DAY, "a", "b"), 24, NOW)
        found.append(dump(path))
    assert found[0] == found[1] and len(found[0]["alarms"]) == 2


def test_the_advice_does_not_remove_a_history_that_is_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, connect = tmp_path / "h.sqlite", sqlite3.connect
    with History(path):
        pass
    monkeypatch.setattr(sqlite3, "connect", lambda at, **options: connect(at, **options | {"timeout": 0.05}))
    other = connect(path, isolation_level=None)
    other.execute("begin immediate")
    with (
        History(path) as history,
        pytest.raises(HistoryError, match="locked; another program has locked it: close that"),
    ):
        history.record(day_report(DAY), 24, NOW)
    other.close()
    path.write_bytes(b"no database, but a text of some length")
    with pytest.raises(HistoryError, match="not a database; choose another --history, or move this file away; "):
        History(path)


def test_a_part_of_a_day_does_not_replace_the_whole(tmp_path: Path) -> None:
    with History(tmp_path / "h.sqlite") as history:
        history.record(day_report(DAY, "early"), 5, NOW)
        history.record(day_report(DAY, "whole"), 24, NOW)
        history.record(day_report(DAY, "late"), 6, NOW)
    assert [row[1] for row in dump(tmp_path / "h.sqlite")["alarms"]] == ["whole"]


def test_two_runs_at_once_lose_nothing_and_readers_can_read(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    days = [DAY + timedelta(days=i) for i in range(40)]
    errors: list[Exception] = []

    def write(mine: list[date]) -> None:
        try:
            for day in mine:
                with History(path) as history:
                    history.record(day_report(day, "a"), 24, NOW)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(days[i::4],)) for i in range(4)]
    for thread in threads:
        thread.start()
    while any(t.is_alive() for t in threads):
        if path.exists() and path.stat().st_size > 30_000:
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5) as reader:
                reader.execute("select count(*) from sqlite_master").fetchone()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(dump(path)["day_status"]) == len(dump(path)["alarms"]) == 40


def test_an_incident_has_a_life(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    days = [DAY + timedelta(days=i) for i in range(3)]
    with History(path) as history:
        for day in days:
            report = day_report(day, "long", "known", "level", "undone", *(["short"] if day == DAY else []))
            if day > DAY:
                report.incident_days.append(IncidentDay(day, "short", DAY, False, WELL, day == days[2], None, ()))
            history.record(report, 24, NOW)
        history.acknowledge(act(ACKNOWLEDGED, "known", days[1], until=days[2]))
        history.acknowledge(act(ACKNOWLEDGED, "long", days[0], until=days[1]))
        history.acknowledge(act(ACCEPTED, "level", days[1]))
        history.acknowledge(act(ACCEPTED, "undone", days[1]))
        history.acknowledge(act(UNDONE, "undone", days[2]))
        sql = "select key, state, days, at_stake, recovered_on, closed, acknowledged_by, silenced_until from incidents"
        rows = history.connection.execute(sql).fetchall()
    two, three = days[1].isoformat(), days[2].isoformat()
    assert sorted(rows) == [
        ("known", "acknowledged", 3, 30.0, None, None, "ann", three),
        ("level", "accepted", 3, 30.0, None, None, "ann", None),
        ("long", "open", 3, 30.0, None, None, "ann", two),
        ("short", "recovered", 1, 10.0, two, three, None, None),
        ("undone", "open", 3, 30.0, None, None, None, None),
    ]


VERSION_1 = """
create table day_status (
    day text primary key, hours integer not null, status text not null, alarms integer not null, worst text,
    judged_at text not null
);
create table metric_results (day text not null, metric text not null, primary key (day, metric));
create table alarms (
    day text not null, key text not null, hours integer not null, layer text not null, severity text not null,
    state text not null, opened text not null, day_number integer not null, last_good text, first_bad text not null,
    segment text not null, at_stake real, at_stake_since real, text text not null, primary key (day, key)
);
create table acknowledgements (
    key text not null, since text not null, acknowledged_on text not null, at text not null, primary key (key, since)
);
create view incidents as select key, opened from alarms;
create table outbox (
    id integer primary key autoincrement, created_at text not null, message text not null, claimed_at text,
    attempts integer not null default 0, error text
);
insert into day_status values ('2025-03-04', 24, 'RED', 1, 'identity', '2025-03-05T07:00:00.000000+00:00');
insert into acknowledgements values ('identity', '2025-03-03', '2025-03-04', '2025-03-05T07:00:00.000000+00:00');
insert into outbox (created_at, message) values ('2025-03-05', 'waits');
"""


def test_a_history_of_version_1_keeps_what_people_decided_and_what_waits(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    with sqlite3.connect(path) as old:
        old.executescript(VERSION_1)
    with History(path) as history:
        assert history.migrated_from == 1
        assert history.acknowledgements() == [replace(act(ACCEPTED, "identity", DAY), who="unknown", at=NOW)]
        assert history.waiting() == 1 and history.recorded()[DAY].contents is None
        history.record(day_report(DAY, "identity"), 24, NOW, "hash")
        assert history.connection.execute("select key, state from incidents").fetchall() == [("identity", "accepted")]
    with History(path) as history:
        assert history.migrated_from is None


def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.sqlite") as other:
        other.execute("create table orders (id integer)")
    with pytest.raises(HistoryError, match="another program's database"):
        History(tmp_path / "other.sqlite")
    assert other.execute("select name from sqlite_master").fetchall() == [("orders",)]


def test_a_history_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    with sqlite3.connect(path) as newer:
        newer.execute(f"pragma user_version = {VERSION + 1}")
    with pytest.raises(HistoryError, match="newer version"):
        History(path)


def test_the_state_of_an_earlier_day_is_what_was_known_then(tmp_path: Path) -> None:
    days = [DAY + timedelta(days=i) for i in range(4)]
    with History(tmp_path / "h.sqlite") as history:
        for day in days[:3]:
            history.record(day_report(day, "a", *(["b"] if day == days[2] else [])), 24, NOW)
        history.acknowledge(act(ACCEPTED, "a", days[1]))
        states = [history.state_before(day, []) for day in days]
    assert [[(i.key, len(i.bad_days), i.at_stake) for i in state.open] for state in states] == [
        [], [("a", 1, 10.0)], [("a", 2, 20.0)], [("a", 3, 30.0), ("b", 1, 10.0)],
    ]  # fmt: skip
    assert [state.is_beginning for state in states] == [True, False, False, False]
    assert [bool(state.act(state.open[0], day)) for state, day in zip(states[1:], days[1:], strict=True)] == [
        False, True, True
    ]  # fmt: skip
