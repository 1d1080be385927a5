"""The command of part 2: what it prints, what it keeps safe, and that a part of the work equals the whole."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
import transform
import transformation.build
from commands import PART2, SCHEMA, TRANSFORM, call, process, query
from synthetic_events import generate
from synthetic_orders import contract_with_books, write_books, write_spend
from transformation.books import BOOKS, SPENT
from transformation.build import Build, Settings, fingerprint, refresh
from transformation.published import Run, column_descriptions
from warehouse_kit import differing_tables, run

from event_data.books.reconciliation import RECONCILIATION
from event_data.contract import load_contract
from event_data.reading.day_file import DayFile
from event_data.reading.survey import survey
from event_data.statements import read_statements

SQL = (PART2 / "transform.sql").read_text("utf-8")
BOOKS_SQL = "".join(path.read_text("utf-8") for path in (RECONCILIATION, BOOKS, SPENT))
UNBALANCED = SQL.replace("where status = 'counted'", "where status = 'counted' and revenue > 500")
STEPS = int(os.environ.get("INCREMENT_STEPS", "5"))


@pytest.fixture(scope="session")
def fortnight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fortnight")
    generate(folder, days=10, events_per_day=120, seed=5)
    return folder


def build(data: Path, warehouse: Path, *args: str) -> None:
    status, _, stderr = run(data, warehouse, SCHEMA, *args)
    assert status == 0, stderr


def arrive(rng: random.Random, folder: Path, source: Path) -> None:
    """Do one of the things that happen to a folder of files."""
    here = sorted(folder.iterdir())
    missing = [f for f in sorted(source.iterdir()) if not (folder / f.name).exists()]
    happens = rng.choice(["arrive", "arrive", "leave", "cut", "again", "correct"])
    file = rng.choice(here[1:])
    if happens == "arrive" and missing:
        shutil.copy(rng.choice(missing), folder)
    elif happens == "leave":
        file.unlink()
    elif happens == "cut":
        lines = file.read_text("utf-8").split("\n")
        file.write_text("\n".join(lines[: rng.randrange(2, len(lines))]), "utf-8")
    elif happens == "again":
        shutil.copy(file, folder / file.name.replace(".csv", "_again.csv"))
    elif (source / file.name).exists():
        shutil.copy(source / file.name, file)


def test_a_part_of_the_work_equals_the_whole(fortnight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(7)
    parts, incremental = [], Build.incremental

    def recorded(build: Build, changes: Run) -> Run:
        parts.append(changes)
        return incremental(build, changes)

    monkeypatch.setattr(Build, "incremental", recorded)
    data = tmp_path / "data"
    data.mkdir()
    for file in sorted(fortnight.iterdir())[:7]:
        shutil.copy(file, data)
    build(data, tmp_path / "part.duckdb")
    for step in range(STEPS):
        arrive(rng, data, fortnight)
        build(data, tmp_path / "part.duckdb")
        build(data, tmp_path / "whole.duckdb", "--full_refresh")
        assert differing_tables(tmp_path / "part.duckdb", tmp_path / "whole.duckdb") == [], step
    assert len(parts) >= 2  # and not the whole every time


def test_files_that_come_and_go_beside_others_of_their_day(fortnight: Path, tmp_path: Path) -> None:
    """The files that count for a day are chosen again when one of them comes or goes, not only when one changes."""
    data = tmp_path / "data"
    data.mkdir()
    for file in sorted(fortnight.iterdir())[3:7]:  # the column has its new name from the second of them
        shutil.copy(file, data)
    day = sorted(data.iterdir())[2]
    copy, header = data / f"{day.stem} (1).csv", day.read_text("utf-8").partition("\n")[0]
    part, whole = tmp_path / "part.duckdb", tmp_path / "whole.duckdb"

    def settle(*names: str, refused: Sequence[str] = ()) -> None:
        status, _, message = run(data, part, SCHEMA)
        assert (status, run(data, whole, SCHEMA, "--full_refresh")[0]) == ((3,) * 2 if refused else (0,) * 2)
        assert differing_tables(part, whole) == []
        found = "select name, refused from silver.files where name like ? order by name"
        files = query(part, found, [f"{day.stem}%"])
        assert [name for name, _ in files] == list(names)
        assert {name for name, why in files if why} == set(refused)
        assert all(f"{name} could not be read (" in message for name in refused)

    assert run(data, part, SCHEMA)[0] == 0
    shutil.copy(day, copy)
    settle(day.name)
    day.unlink()
    settle(copy.name)
    shutil.copy(copy, day)
    settle(day.name)
    day.unlink()
    copy.unlink()
    for name in ("a", "b"):  # of a form that the contract does not describe: no record can be used
        (data / f"{day.stem}_part{'ab'.index(name)}.csv").write_text(f"when,who,what\n2025,{name},sale\n", "utf-8")
    settle(parts := f"{day.stem}_part0.csv", f"{day.stem}_part1.csv", refused=[parts, f"{day.stem}_part1.csv"])
    (data / parts).write_text(header.replace("event_name", "action") + "\n", "utf-8")
    (data / f"{day.stem}_part1.csv").write_bytes(b"PK\x03\x04")
    settle(parts, f"{day.stem}_part1.csv", refused=[f"{day.stem}_part1.csv"])
    (data / "sales.csv").write_text("a\n", "utf-8")
    settle(parts, f"{day.stem}_part1.csv", refused=[f"{day.stem}_part1.csv"])


def test_a_file_without_usable_records_is_refused(fortnight: Path, tmp_path: Path) -> None:
    data = shutil.copytree(fortnight, tmp_path / "data")
    day = sorted(data.iterdir())[5]
    day.write_text(day.read_text("utf-8").replace(",event_name,", ",action,", 1), "utf-8")
    for _ in range(2):  # the second run finds nothing changed
        status, _, message = run(data, tmp_path / "w.duckdb", SCHEMA)
        assert status == 3 and f"{day.name} could not be read (it has no usable records)" in message


def test_every_table_and_column_is_described(fortnight: Path, tmp_path: Path) -> None:
    data = shutil.copytree(fortnight, tmp_path / "data")
    write_books(data)
    write_spend(data)
    contract = tmp_path / "contract.yaml"
    contract.write_text(contract_with_books(SCHEMA.read_text("utf-8")), "utf-8")
    run(data, tmp_path / "w.duckdb", contract)
    names = "schema_name || '.' || table_name, column_name, comment"
    described = query(tmp_path / "w.duckdb", f"select {names} from duckdb_columns() where not internal")
    tables = query(tmp_path / "w.duckdb", "select comment from duckdb_tables() where schema_name in ('silver', 'gold')")
    assert all(comment for (comment,) in tables) and len(tables) > 20
    ours = [row for row in described if row[0] != "bronze.events" or row[1].startswith("_")]
    assert [row[:2] for row in ours if not row[2]] == []
    known = {f"{table}.{column}" for table, column, _ in ours} | {column for _, column, _ in ours}
    assert column_descriptions().keys() - known == set(), "columns.csv describes what is not there"


def test_nothing_changed(fortnight: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "w.duckdb"
    build(fortnight, warehouse)
    before = warehouse.read_bytes()
    build(fortnight, warehouse)
    assert warehouse.read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} == {"w.duckdb", "w.duckdb.lock"}


def test_a_touched_file_is_read_once_more_and_not_again(
    fortnight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Path(shutil.copytree(fortnight, tmp_path / "data"))
    touched, changed = sorted(data.iterdir())[3:5]
    warehouse = tmp_path / "w.duckdb"
    build(data, warehouse)
    read: list[str] = []

    def recorded(file: DayFile, *args: Any, **kwargs: Any) -> DayFile:
        read.append(file.name)
        return survey(file, *args, **kwargs)

    monkeypatch.setattr(transformation.build, "survey", recorded)
    os.utime(touched, (2, 2))
    build(data, warehouse)
    assert read == [touched.name]
    build(data, warehouse)
    assert read == [touched.name], "its new time of change is noted"
    changed.write_bytes(changed.read_bytes()[:-200])
    build(data, warehouse)
    assert read == [touched.name, changed.name], "a changed file is hashed once"


def test_a_column_goes_with_the_last_file_that_has_it(fortnight: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(fortnight, tmp_path / "data"))
    day = sorted(data.iterdir())[5]
    header, _, rest = day.read_text("utf-8").partition("\n")
    day.write_text(f"{header},basket\n" + "".join(f"{line},7\n" for line in rest.splitlines()[:50]), "utf-8")
    warehouse = tmp_path / "w.duckdb"
    here = "select count(*) from duckdb_columns() where table_name = 'events' and column_name = 'basket'"
    build(data, warehouse)
    assert query(warehouse, here) == [(1,)]
    shutil.copy(fortnight / day.name, day)
    build(data, warehouse)
    assert query(warehouse, here) == [(0,)]


def test_columns_that_only_the_careful_reader_recognises(fortnight: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(fortnight, tmp_path / "data"))
    sound, *damaged = sorted(data.iterdir())
    header, *lines = sound.read_text("utf-8").splitlines()
    sound.write_text("\n".join([header, *lines * 100]) + "\n", "utf-8")  # read while the others bring their columns
    for number, day in enumerate(damaged):
        header, _, rest = day.read_text("utf-8").partition("\n")
        lines = [f"{header},\x81{number}", *(f"{line},7" for line in rest.splitlines())]
        day.write_bytes(("\n".join(lines) + "\n").encode("latin-1"))
    build(data, tmp_path / "w.duckdb")
    for number, day in enumerate(damaged):
        read = f"select count(*), count(\"\x81{number}\") from bronze.events where _source_file = '{day.name}'"
        rows = len(day.read_bytes().splitlines()) - 1
        assert rows and query(tmp_path / "w.duckdb", read) == [(rows, rows)]


def test_killed_at_any_moment(fortnight: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(fortnight, tmp_path / "data"))
    warehouse = tmp_path / "w.duckdb"
    build(data, warehouse)
    shutil.copy(warehouse, tmp_path / "first.duckdb")
    before = warehouse.read_bytes()
    line = [TRANSFORM, "--quiet", "--full_refresh", "--data_dir", data, "--warehouse", warehouse]
    for delay in (0.3, 0.6, 0.9):
        killed = subprocess.Popen([sys.executable, *map(str, line)])
        time.sleep(delay)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        # the old one, or the new one where the kill came too late
        assert warehouse.read_bytes() == before or differing_tables(warehouse, tmp_path / "first.duckdb") == []
        before = warehouse.read_bytes()
    sorted(data.iterdir())[-1].unlink()
    build(data, warehouse)
    build(data, tmp_path / "whole.duckdb")
    assert differing_tables(warehouse, tmp_path / "whole.duckdb") == []


def test_a_table_that_outgrows_the_memory_is_made_in_slices(
    fortnight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, sliced, said = tmp_path / "whole.duckdb", tmp_path / "sliced.duckdb", list[tuple[str, int, int]]()

    def progress(text: str, done: int = 0, steps: int = 0) -> None:
        said.append((text, done, steps))

    settings = Settings(fortnight, whole, load_contract(SCHEMA), fingerprint(SCHEMA), memory_limit="1GB")
    records = refresh(settings).records
    monkeypatch.setattr("transformation.build.BY_CLIENT", {"silver.session_events": 5 * 10**9 // (2 * records)})
    refresh(replace(settings, warehouse=sliced), progress=progress)
    assert {("silver.session_events", n, 3) for n in range(3)} <= set(said)
    assert differing_tables(whole, sliced) == []


def test_a_ledger_that_does_not_balance_is_status_3_and_publishes_nothing(fortnight: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "w" / "w.duckdb"
    warehouse.parent.mkdir()
    build(fortnight, warehouse)
    before = warehouse.read_bytes()
    part2 = shutil.copytree(PART2, tmp_path / "part2", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "event_data").symlink_to(PART2.parent / "event_data")
    (part2 / "transform.sql").write_text(UNBALANCED, "utf-8")
    line = ("--data_dir", fortnight, "--contract", SCHEMA, "--warehouse", warehouse, "--full_refresh")
    done = process(part2 / "transform.py", *line)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (3, "", 1), done.stderr
    assert re.match(r"transform\.py: the ledger does not balance: -?[0-9]+ orders and", done.stderr)
    assert warehouse.read_bytes() == before and not list(warehouse.parent.glob("*.building"))


@pytest.mark.parametrize("args", [(), ("--full_refresh",)])
def test_a_file_that_is_not_a_warehouse_is_left_unchanged(
    args: tuple[str, ...], fortnight: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.duckdb"
    with duckdb.connect(str(other)) as connection:
        connection.execute("create table mine as select 1 as kept")
    copied = Path(shutil.copy(next(fortnight.glob("*.csv")), tmp_path))
    for path in (other, copied):
        before = path.read_bytes()
        status, _, stderr = run(fortnight, path, SCHEMA, *args)
        assert (status, stderr.count("\n"), "is not a warehouse and was left unchanged" in stderr) == (2, 1, True)
        assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == sorted([other, copied])


def test_what_it_prints_and_exports(fortnight: Path, tmp_path: Path) -> None:
    line = ("--data-dir", fortnight, "--warehouse", tmp_path / "w.duckdb", "--export", tmp_path / "out")
    status, stdout, _ = call(transform, *line)
    assert status == 0 and re.search(r"^  difference +0 +\$0\.00$", stdout, re.MULTILINE)
    assert max(len(line) for line in stdout.splitlines() if line.startswith("  ")) <= 80
    exported = {p.name for p in (tmp_path / "out").iterdir()}
    assert {"ledger.csv", "ledger.parquet", "attribution.csv", "daily_metrics.parquet"} <= exported


# What runs on DuckDB and silently means something else, or nothing, on Spark, Snowflake or BigQuery.
NOT_PORTABLE = {
    "list": r"\blist\s*\(", "regexp_matches": r"\bregexp_matches\b", "min_by": r"\b(arg_min|arg_max|min_by|max_by)\b",
    "date_diff": r"date_diff\('(?!day')", "regexp_replace": r"\bregexp_replace\b", "concat_ws": r"\bconcat_ws\b",
    "greatest": r"\b(greatest|least)\s*\(", "count_if": r"\bcount_if\b", "asof": r"\basof\b",
    "read_csv": r"\bread_csv\b",
    "epoch": r"\bepoch\w*\s*\(", "json": r"\bjson_(valid|array_length)\b", "strptime": r"\b(try_)?strptime\b",
    "first": r"\b(first|last|any_value)\s*\(", "star": r"\*\s*(replace|exclude)\b", "by_name": r"\bby name\b",
    "range": r"\brange between\b", "by_all": r"\b(group|order) by all\b", "lateral": r"\blateral\b",
    "contains": r"\b(contains|split_part|url_decode|generate_series|unnest)\s*\(", "ilike": r"\bilike\b",
    "filter": r"\bfilter\s*\(", "flags": r"\(\?",
    "reserved": r"\bas (all|groups|hash|increment|issue|range|row|rows|sample|set|some|start|to|values|window)\b",
    "money as text": r"cast\((amount|revenue|credit|sum\([^()]*\)) as varchar\)",
}  # fmt: skip


@pytest.mark.parametrize("construct", NOT_PORTABLE)
def test_the_sql_runs_everywhere(construct: str) -> None:
    suite = (PART2 / "validation_tr.sql").read_text("utf-8")
    plain = re.sub(r"--[^\n]*", "", SQL + BOOKS_SQL if construct != "money as text" else SQL + suite)
    assert not re.findall(NOT_PORTABLE[construct], plain)


def test_windows_say_where_nulls_go() -> None:
    plain = re.sub(r"(\w+)\((\w+)\)", r"\1_\2", re.sub(r"--[^\n]*", "", SQL + BOOKS_SQL))  # a call is one word
    orders = re.findall(r"\border by\b(.*?)(?:\brows\b|\n? *\))", plain, re.S)
    assert len(orders) > 10
    for order in orders:
        keys = re.sub(r"\([^()]*\)?", "", order).split(",")
        assert all(re.search(r"nulls (first|last)\s*$", key.strip()) for key in keys), order
    for before in re.split(r"\bqualify\b", plain)[:-1]:
        assert re.search(r"\bwhere\b", before.rpartition("from ")[2]), "BigQuery takes no qualify without a where"


def test_every_statement_says_what_it_makes() -> None:
    statements = [s for path in (PART2 / "transform.sql", RECONCILIATION, BOOKS, SPENT) for s in read_statements(path)]
    page = (PART2 / "documentation_transformation.md").read_text("utf-8")
    assert all(s.description and s.name.split(".")[0] in ("silver", "gold") for s in statements)
    assert [s.name for s in statements if s.name not in page] == []
