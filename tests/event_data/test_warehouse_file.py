"""The warehouse as a file: a file that cannot be opened is one sentence, and one run at a time writes."""

import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from commands import REPO

from event_data.warehouse_file import WarehouseError, lock, open_warehouse, refuse_foreign, refuse_own_tables

HOLD = """if True:
    import sys, pathlib
    from event_data.warehouse_file import lock
    with lock(pathlib.Path(sys.argv[1]), lambda text: print(text, flush=True)):
        print("held", flush=True)
        sys.stdin.read()
"""


def make(path: Path, *statements: str) -> Path:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


def holder(path: Path) -> "subprocess.Popen[str]":
    line = [sys.executable, "-c", HOLD, str(path)]
    return subprocess.Popen(line, cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline()


def test_a_warehouse_is_read(tmp_path: Path) -> None:
    for path in (make(tmp_path / "w.duckdb", "create table t as select 1"), tmp_path / "folder"):
        if not path.exists():
            path.mkdir()
            make(path / "warehouse.duckdb", "create table t as select 1")
        with open_warehouse(path) as connection:
            assert connection.execute("from t").fetchall() == [(1,)]
            with pytest.raises(duckdb.InvalidInputException, match="read-only"):
                connection.execute("create table u as select 1")


@pytest.mark.parametrize("content", ["", "not a database", "SQLite format 3\0"])
def test_what_is_not_a_warehouse_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    path.write_text(content)
    with pytest.raises(WarehouseError, match="cannot be read as a warehouse; name another"), open_warehouse(path):
        pass


def test_a_query_that_fails_says_to_rebuild(tmp_path: Path) -> None:
    path = make(tmp_path / "w.duckdb", "create table t as select 1")
    with (
        pytest.raises(WarehouseError, match=r"w[.]duckdb cannot be read as a warehouse \(.*gold.*\); rebuild it"),
        open_warehouse(path) as connection,
    ):
        connection.execute("from gold.ledger")
    with pytest.raises(WarehouseError, match="there is no warehouse"), open_warehouse(tmp_path / "none"):
        pass


def test_a_file_of_the_users_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("a,b\n1,2\n")
    for path in (tmp_path / "events.csv", make(tmp_path / "mine.duckdb", "create table mine as select 1")):
        with pytest.raises(WarehouseError, match="is not a warehouse and was left unchanged"):
            refuse_foreign(path)
    (tmp_path / "empty").touch()
    ours = make(tmp_path / "w.duckdb", "create schema bronze", "create table bronze.build as select 1")
    for path in (ours, make(tmp_path / "new.duckdb"), tmp_path / "empty", tmp_path / "none"):
        refuse_foreign(path)


def test_tables_of_the_users_are_not_dropped(tmp_path: Path) -> None:
    built = ("create schema bronze", "create table bronze.build as select 1")
    with pytest.raises(WarehouseError, match=r"which a rebuild would drop: main[.]notes, main[.]v;"):
        own = ("create table notes as select 1", "create view v as select 1")
        refuse_own_tables(make(tmp_path / "own.duckdb", *built, *own))
    for path in (make(tmp_path / "w.duckdb", *built), tmp_path / "none"):
        refuse_own_tables(path)


def test_a_second_run_says_so_and_waits(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    with holder(path) as first:
        assert first_line(first) == "held\n"
        with holder(path) as second:
            assert first_line(second) == f"waiting for another run on {path} to end\n"
            first.communicate()
            assert first_line(second) == "held\n"
            second.communicate()


def test_a_killed_run_blocks_nobody(tmp_path: Path) -> None:
    path, notes = tmp_path / "w.duckdb", list[str]()
    with holder(path) as first:
        assert first_line(first) == "held\n"
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert (tmp_path / "w.duckdb.lock").exists()
    with lock(path, notes.append):
        pass
    assert notes == []
