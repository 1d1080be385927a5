"""The monitor's history: the same judgement leaves the same rows, and two runs at once lose nothing."""

import sqlite3
import threading
from datetime import date, timedelta
from pathlib import Path

import pytest
from monitor_kit import DAY, NOW, day_report, dump
from monitoring.detection import Acknowledgement
from monitoring.storage import History, HistoryError


def test_the_same_judgement_leaves_the_same_rows(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    found = []
    for _ in range(2):
        with History(path) as history:
            history.record(day_report(DAY, "a", "b"), 24, NOW)
        found.append(dump(path))
    assert found[0] == found[1] and len(found[0]["alarms"]) == 2


def test_nobody_is_told_to_remove_a_history_that_is_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, connect = tmp_path / "h.sqlite", sqlite3.connect
    with History(path):
        pass
    monkeypatch.setattr(sqlite3, "connect", lambda at, **options: connect(at, **options | {"timeout": 0.05}))
    other = connect(path, isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(HistoryError, match="locked; another program holds it: close that, and run again"):
        History(path)
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
    one, two, three = (DAY + timedelta(days=i) for i in range(3))
    with History(path) as history:
        history.record(day_report(one, "short", "long", "known"), 24, NOW)
        history.record(day_report(two, "long", "known"), 24, NOW)
        history.record(day_report(three, "long", "known"), 24, NOW)
        history.acknowledge(Acknowledgement("known", DAY, three), NOW)
        history.acknowledge(Acknowledgement("known", DAY, three + timedelta(days=1)), NOW)
        assert history.acknowledgements() == [Acknowledgement("known", DAY, three)]
        rows = history.connection.execute("select key, state, days, at_stake, recovered_on from incidents").fetchall()
    assert sorted(rows) == [
        ("known", "acknowledged", 3, 30.0, None), ("long", "open", 3, 30.0, None),
        ("short", "recovered", 1, 10.0, two.isoformat()),
    ]  # fmt: skip
