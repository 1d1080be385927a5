"""The same warehouse on Apache Spark, row for row: on a cluster of three processes, one of which does not survive."""

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import monitor
import pytest
import transformation.command
from analysis_kit import analyse
from commands import FAULTY_DAYS, PART2, SCHEMA, TRANSFORM, call, needs_real_days, process, query
from spark_kit import (
    FRUGAL,
    FRUGAL_SESSION,
    REAL_PART,
    Cluster,
    add_real_days,
    free_port,
    listens,
    missing,
    wait_for,
    write_odd_files,
)  # fmt: skip
from synthetic_events import generate
from synthetic_orders import contract_with_books
from time_forms import REFUSED
from transformation.build import Settings, fingerprint
from transformation.engines.spark import CATALOG, list_address, refresh
from transformation.engines.spark_session import SparkError, Tables
from transformation.published import LedgerError
from transformation.suite import read_suite
from warehouse_kit import command, differing_tables, run, without_unread_tables

from event_data.contract import load_contract
from event_data.reading.folder import find_files, match_book_files, match_files

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ABSENT = missing()
EXAMPLES = PART2.parent / "examples"
# Statements for runs that are about the files, or about publishing: the whole of transform.sql takes Spark minutes.
FEW = """-- silver.files: each file, and why it could not be used.
create or replace table silver.files as
select name, refused
from bronze.files;


-- gold.ledger: one line.
create or replace table gold.ledger as
select 1 as position, 'difference' as line, DIFFERENCE as orders, cast(DIFFERENCE as decimal(18, 2)) as amount;
"""

needs_spark = pytest.mark.skipif(ABSENT is not None, reason=f"NOT TESTED ON SPARK: {ABSENT}")


def on_duckdb(data: Path, warehouse: Path, contract: Path = SCHEMA) -> Path:
    status, _, stderr = run(data, warehouse, contract)
    assert status in (0, 3), stderr  # 3: some of the files cannot be read
    return warehouse


def job_of(data: Path | str, warehouse: Path, contract: Path = SCHEMA) -> Settings:
    return Settings(data, warehouse, load_contract(contract), fingerprint(contract))


def few_statements(path: Path, difference: int = 0) -> Path:
    path.write_text(FEW.replace("DIFFERENCE", str(difference)), "utf-8")
    return path


def assert_same_bronze(warehouse: Path, folder: Path) -> None:
    bronze = ("bronze.events", "bronze.files", "bronze.unread_files")
    assert set(bronze) <= tables_of(folder / CATALOG)
    assert [line for line in differing_tables(warehouse, folder / CATALOG) if line.startswith(bronze)] == []


def tables_of(warehouse: Path) -> set[str]:
    names = "select table_schema || '.' || table_name from information_schema.tables"
    return {name for (name,) in query(warehouse, names)}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def session(cluster: Cluster, odd_files: Path) -> Iterator["SparkSession"]:
    """Return the driver's session, which the command uses too; it has one more file system than Spark's own."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master(cluster.master).appName("tests")
    for key, value in {
        "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.driver.memory": "2g",
        "spark.executor.memory": "800m", "spark.log.level": "ERROR", "spark.sql.shuffle.partitions": "4",
        "spark.local.dir": str(cluster.folder), **FRUGAL_SESSION,
        "spark.driver.extraJavaOptions": FRUGAL, "spark.executor.extraJavaOptions": FRUGAL,
        "spark.hadoop.fs.viewfs.mounttable.shop.link./events": odd_files.as_uri(),
    }.items():  # fmt: skip
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


def executors(session: "SparkSession") -> int:
    return int(session._jsc.sc().getExecutorMemoryStatus().size()) - 1  # the driver is one of them


@pytest.fixture(scope="module")
def odd_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("odd [files]")
    write_odd_files(data)
    return data


@pytest.fixture(scope="module")
def with_books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a contract that describes the order list and the advertising spend of the odd files."""
    contract = tmp_path_factory.mktemp("contract") / "contract.yaml"
    contract.write_text(contract_with_books(SCHEMA.read_text("utf-8")), "utf-8")
    return contract


@pytest.fixture(scope="module")
def files(odd_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The odd files, and beside them five real days as further parts of their days."""
    data = Path(shutil.copytree(odd_files, tmp_path_factory.mktemp("files") / "odd [files]"))
    add_real_days(FAULTY_DAYS, data)
    return data


@pytest.fixture(scope="module")
def expected(files: Path, with_books: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse that DuckDB makes of these files."""
    return on_duckdb(files, tmp_path_factory.mktemp("duckdb") / "w.duckdb", with_books)


@pytest.fixture(scope="module")
def built(
    session: "SparkSession",
    cluster: Cluster,
    files: Path,
    with_books: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, dict[str, Any]]:
    """Return the folder of a run during which a worker died with all that it had computed, and what was seen of it."""
    folder = tmp_path_factory.mktemp("spark")
    wait_for(lambda: executors(session) == 2)
    seen: dict[str, Any] = {"statement": "", "tasks": 0}

    def kill() -> None:
        tracker = session.sparkContext.statusTracker()
        while not seen["tasks"]:
            for stage in tracker.getActiveStageIds():
                info = tracker.getStageInfo(stage)
                seen["tasks"] += info.numActiveTasks if info else 0
            time.sleep(0.01)
        seen["in"] = seen["statement"]
        cluster.kill(cluster.workers[0])

    killer = threading.Thread(target=kill)

    def progress(text: str, done: int = 0, steps: int = 0) -> None:
        seen["statement"] = text
        if text == "silver.sessions":
            killer.start()

    seen["run"] = refresh(job_of(files, folder, with_books), progress=progress)
    killer.join()
    return folder, seen


@needs_spark
def test_a_fortnight_of_odd_files_and_a_worker_that_dies(
    built: tuple[Path, dict[str, Any]], session: "SparkSession", expected: Path
) -> None:
    folder, seen = built
    assert seen["in"] == "silver.sessions" and seen["tasks"] > 0
    wait_for(lambda: executors(session) == 1)
    assert differing_tables(expected, folder / CATALOG, digits=9) == []
    rejected = dict(query(folder / CATALOG, "select reason, count(*) from silver.rejected_events group by all"))
    headers = query(folder / CATALOG, "select count(distinct header) from bronze.files")
    columns = "duckdb_columns() where schema_name = 'gold'"
    undescribed = query(folder / CATALOG, f"select table_name from {columns} and comment is null")
    assert rejected["unreadable record"] >= 4 and rejected["no readable time"] >= len(REFUSED)
    assert headers[0][0] >= 4 and undescribed == []


@needs_spark
@needs_real_days
def test_the_real_days(built: tuple[Path, dict[str, Any]]) -> None:
    """All their records are in the tables that are compared with DuckDB's above, and Spark itself read them."""
    real = query(
        built[0] / CATALOG,
        "select sum(records), sum(unreadable) from bronze.files where contains(name, ?)",
        [REAL_PART],
    )
    delivered = "select count(*), 0 from read_csv(?, union_by_name = true)"
    with duckdb.connect() as connection:
        assert connection.execute(delivered, [[str(day) for day in FAULTY_DAYS]]).fetchall() == real


@needs_spark
def test_the_books_cover_every_status_of_an_order(built: tuple[Path, dict[str, Any]]) -> None:
    """The tables are compared with DuckDB's above; each status and each refusal is in them."""
    folder, seen = built
    statuses = {status for (status,) in query(folder / CATALOG, "select status from gold.order_reconciliation")}
    assert statuses >= {
        "matched", "another amount", "not tracked", "not expected", "not booked", "not in the books", "tracked twice",
        "ambiguous", "outside the events",
    }  # fmt: skip
    for table, reasons in (
        ("silver.refused_shop_orders", {"unreadable record", "no order id", "no readable time"}),
        ("silver.refused_ad_spend", {"no day", "no readable cost"}),
    ):
        assert {reason for (reason,) in query(folder / CATALOG, f"select reason from {table}")} == reasons
    ((spend, revenue),) = query(folder / CATALOG, "select sum(spend), sum(revenue) from gold.channel_returns")
    assert spend == 18 * 7070 and revenue > 0
    assert query(folder / CATALOG, "select sum(clicks) from gold.click_sessions") == [(14 * 250,)]
    assert seen["run"].refused["orders_export_3.csv"] == "has no usable records"


@needs_spark
def test_nothing_changed(built: tuple[Path, dict[str, Any]], files: Path, with_books: Path) -> None:
    """The folder says which engine built it, and from what."""
    folder, seen = built
    before = (folder / CATALOG).read_bytes()
    status, stdout, _ = command("--data_dir", files, "--warehouse", folder, "--contract", with_books)
    assert status == 3  # a file ends early
    assert "nothing changed" in stdout and f"{seen['run'].records:,} records" in stdout
    assert " ".join(stdout.split()).count("order list tracked amount booked amount") == 1
    assert "Advertising spend: $7,070.00 on 14 days." in " ".join(stdout.split())
    assert (folder / CATALOG).read_bytes() == before


@needs_spark
@pytest.mark.parametrize("engine", ["duckdb", "spark"])
def test_the_warehouse_of_another_shop_is_left_unchanged(
    engine: str, built: tuple[Path, dict[str, Any]], five_days: Path, tmp_path: Path
) -> None:
    """Both engines refuse it in the same words, and tables of the user's as well."""
    folder, _ = built
    if engine == "duckdb":
        warehouse = catalog = on_duckdb(five_days, tmp_path / "w.duckdb")
    else:
        warehouse, catalog = folder, folder / CATALOG
    other = tmp_path / "contract.yaml"
    other.write_text(re.sub("^id: .*$", "id: another", SCHEMA.read_text("utf-8"), flags=re.M), "utf-8")
    before = catalog.read_bytes()
    place = ("--data_dir", five_days, "--warehouse", warehouse, "--engine", engine)
    status, _, stderr = command(*place, "--contract", other)
    assert status == 2 and catalog.read_bytes() == before
    assert stderr.startswith(
        f"transform.py: {catalog} is the warehouse of 'puffy-events' and was left unchanged, because the contract is "
        "that of 'another'; name the right --contract or another --warehouse"
    )
    own = tmp_path / "own"
    own.mkdir()
    warehouse = own if engine == "spark" else own / CATALOG
    shutil.copy(catalog, own / CATALOG)
    with duckdb.connect(str(own / CATALOG)) as connection:
        connection.execute("create table main.notes as select 1 as x")
    status, _, stderr = command("--data_dir", five_days, "--warehouse", warehouse, "--engine", engine, "--full_refresh")
    assert status == 2 and "has tables that are not part 2's, which a rebuild would drop: main.notes" in stderr


@needs_spark
def test_parts_3_and_4_read_the_folder(
    built: tuple[Path, dict[str, Any]], files: Path, with_books: Path, expected: Path, tmp_path: Path
) -> None:
    folder, _ = built
    shop = ("--contract", with_books)
    assert analyse(folder, tmp_path / "of_folder", *shop) == analyse(expected, tmp_path / "of_file", *shop)
    runs = []
    for place in (folder, expected):
        line = ("--no_refresh", "--dry_run", "--data_dir", files, "--warehouse", place, "--verbose", *shop)
        status, stdout, stderr = call(monitor, *line, "--check_date", "2025-03-04", "--history", tmp_path / "h")
        # The commands in the message name the warehouse.
        runs.append((status, "".join(stdout.split()).replace("".join(str(place).split()), "WAREHOUSE"), stderr))
    assert not (tmp_path / "h").exists()  # a dry run keeps nothing
    assert runs[0] == runs[1] and runs[0][0] == 3


@needs_spark
def test_a_ledger_that_does_not_balance_leaves_the_previous_folder(
    built: tuple[Path, dict[str, Any]], odd_files: Path, tmp_path: Path
) -> None:
    folder, _ = built

    def state() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    before = state()
    with pytest.raises(LedgerError, match="does not balance"):
        refresh(replace(job_of(odd_files, folder), sql=few_statements(tmp_path / "sql", 1), full_refresh=True))
    assert state() == before


@needs_spark
@pytest.mark.parametrize("name", ["order_lines"])
def test_converted_exports(session: "SparkSession", name: str, tmp_path: Path) -> None:
    text, data = (EXAMPLES / name / "contract.yaml").read_text("utf-8"), EXAMPLES / name / "sample"
    shop = tmp_path / "contract.yaml"
    shop.write_text(text.replace("Europe/Berlin", "UTC"), "utf-8")  # Spark knows no other zone
    job = Settings(data, tmp_path / "spark", load_contract(shop), fingerprint(shop))
    refresh(replace(job, sql=few_statements(tmp_path / "sql")))
    places = ("--data_dir", data, "--contract", shop, "--warehouse", tmp_path / "w.duckdb", "--quiet")
    assert command(*places)[0] == 0
    assert_same_bronze(tmp_path / "w.duckdb", tmp_path / "spark")


@needs_spark
def test_another_file_system_is_read_by_its_address(session: "SparkSession", odd_files: Path, tmp_path: Path) -> None:
    """viewfs:// is one that needs no server: an address goes to Spark as it is, and bronze is the same."""
    from transformation.engines.spark_landing import fetched_file, land_with_spark, set_aside

    job = job_of("viewfs://shop/events", tmp_path)
    with duckdb.connect() as connection:
        tables = Tables(session, connection, tmp_path / "work")
        entries = list_address(session, str(job.data_dir))
        files = match_files(str(job.data_dir), entries, job.contract.file_name).files
        assert [(f.name, f.file_id, f.size) for f in files] == [
            (f.name, f.file_id, f.size) for f in find_files(odd_files, job.contract.file_name).files
        ]
        lists = match_book_files(str(job.data_dir), entries, "orders_export*.csv")
        for file in lists:
            copy = fetched_file(tables, file, str(job.data_dir)).path
            assert copy.read_bytes() == (odd_files / file.name).read_bytes()
        assert len(lists) == 3
        aside = {one.name for one in set_aside(tables, files, str(job.data_dir), job.contract)}
        assert len(aside) == 1
        files = tuple(file for file in files if file.name not in aside)
        landed, events = land_with_spark(tables, files, str(job.data_dir), job.contract, tmp_path)
        events.drop("_loaded_at").write.parquet((tmp_path / "events").as_uri())
        expected = on_duckdb(odd_files, tmp_path / "w.duckdb")
        connection.execute(f"attach '{expected}' as w (read_only)")
        names = ", ".join(f'"{n}"' for n in events.columns if n != "_loaded_at")
        ours = f"select {names} from '{tmp_path}/events/*.parquet'"
        for more in (f"{ours} except all select {names} from w.bronze.events",
                     f"select {names} from w.bronze.events except all {ours}"):  # fmt: skip
            assert connection.execute(f"select count(*) from ({more})").fetchall() == [(0,)]
        known = dict(connection.execute("select name, content_hash from w.bronze.files").fetchall())
        assert {f.name: f.content_hash for f in landed} == known


@needs_spark
@pytest.mark.parametrize(
    ("payload", "more", "message"),
    [
        (
            '{"transaction_id": "X-1", "revenue": 5, "revenue": 6}',
            "",
            "the payload is JSON for DuckDB and not for Spark",
        ),
        ('{"transaction_id": "X-1", "revenue": NaN}', "\ntoo,few", "the payload is JSON for DuckDB and not for Spark"),
        (
            '{"transaction_id": 12345678.5, "revenue": 5}',
            "",
            "transaction_id is 12345678.5 for DuckDB and 1.23456785E7",
        ),
    ],
)
def test_what_the_engines_read_differently_is_refused(
    payload: str, more: str, message: str, session: "SparkSession", tmp_path: Path
) -> None:
    """In a sound file, which Spark reads, and in a damaged one, which it does not."""
    data = tmp_path / "data"
    (day,) = generate(data, days=1, events_per_day=30, seed=3)
    text = day.read_text("utf-8")
    cells = {
        "timestamp": "2025-02-23T12:00:00Z", "event_name": "checkout_completed",
        "event_data": '"' + payload.replace('"', '""') + '"',
    }  # fmt: skip
    text += "\n" + ",".join(cells.get(name, "") for name in text.split("\n")[0].split(","))
    day.write_text(text + more, "utf-8")
    with pytest.raises(SparkError, match=f"{day.name}, line {text.count(chr(10)) + 1}: {message}"):
        refresh(job_of(data, tmp_path / "spark"))
    assert [path.name for path in (tmp_path / "spark").iterdir()] == [f"{CATALOG}.lock"]


@needs_spark
def test_a_line_is_counted_over_the_parts_of_a_file(session: "SparkSession", tmp_path: Path) -> None:
    data = tmp_path / "data"
    generate(data, days=2, events_per_day=400, seed=4)
    from transformation.engines.spark_landing import land_with_spark

    job = job_of(data, tmp_path)
    session.conf.set("spark.sql.files.maxPartitionBytes", "20000")
    try:
        with duckdb.connect() as connection:
            tables = Tables(session, connection, tmp_path / "work")
            files = find_files(data, job.contract.file_name).files
            _, events = land_with_spark(tables, files, str(data), job.contract, tmp_path)
            places = session.table(tables.views["work.places"])
            assert places.count() > 8
            found = {(r._source_file, r._line): r.page_url for r in events.collect()}
    finally:
        session.conf.unset("spark.sql.files.maxPartitionBytes")
    rows = query(on_duckdb(data, tmp_path / "w.duckdb"), "select _source_file, _line, page_url from bronze.events")
    assert found == {(file, line): url for file, line, url in rows}


CLIENT = """
import sys
from dataclasses import replace
from pathlib import Path
import transform
from transformation.command import settings_of
from transformation.engines.spark import refresh

options = transform.parser().parse_args(sys.argv[2:])
refresh(replace(settings_of(options, options.contract), sql=Path(sys.argv[1])))
"""


@needs_spark
def test_the_suite_in_sql(session: "SparkSession", monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test of it; tables that none reads take as long as all others, and the build above has them."""
    expected = command("--validate", "--engine", "duckdb")
    monkeypatch.setattr(
        transformation.command, "read_suite", lambda *how, **more: without_unread_tables(read_suite(*how, **more))
    )
    assert command("--validate", "--engine", "spark") == expected


@needs_spark
def test_files_by_spark_connect(cluster: Cluster, five_days: Path, tmp_path: Path) -> None:
    """As a thin client, without a Java of its own."""
    data, port = tmp_path / "data", free_port()
    data.mkdir()
    for day in sorted(five_days.iterdir())[:2]:
        shutil.copy(day, data)
    server = cluster.start(
        "org.apache.spark.deploy.SparkSubmit", "--master", "local[2]",
        "--class", "org.apache.spark.sql.connect.service.SparkConnectServer",
        "--conf", f"spark.connect.grpc.binding.port={port}", "--conf", "spark.connect.grpc.binding.address=127.0.0.1",
        "--conf", "spark.ui.enabled=false", "--conf", "spark.sql.shuffle.partitions=4", "spark-internal",
        memory="1g",
    )  # fmt: skip
    wait_for(lambda: listens(port))
    sql = few_statements(tmp_path / "sql")
    line = ["--data_dir", str(data), "--warehouse", str(tmp_path / "spark"), "--engine", "spark"]
    client = tmp_path / "client.py"  # a file: pyspark takes python -c for a run of its doctests
    client.write_text(CLIENT, "utf-8")
    done = subprocess.run(
        [sys.executable, str(client), str(sql), *line, "--remote", f"sc://127.0.0.1:{port}"],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": "/nowhere", "JAVA_HOME": "/nowhere", "PYTHONPATH": str(PART2)},
    )  # fmt: skip
    cluster.kill(server)
    assert done.returncode == 0, done.stderr
    assert_same_bronze(on_duckdb(data, tmp_path / "w.duckdb"), tmp_path / "spark")


@needs_spark
def test_an_unreachable_cluster_is_one_sentence(five_days: Path, tmp_path: Path) -> None:
    """In a process of its own, since a session that is there already is taken."""
    line = ["--data_dir", str(five_days), "--warehouse", str(tmp_path / "w"), "--engine", "spark"]
    line += ["--master", "nowhere://host", "--memory_limit", "512MB"]
    done = process(TRANSFORM, *line)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert done.stderr.startswith("transform.py: Spark failed (")
    assert "SparkException" in (tmp_path / "w" / "spark.log").read_text("utf-8")  # as the sentence says
    assert not list(tmp_path.glob("w/build-*"))


@pytest.mark.parametrize(
    ("absent", "message"),
    [
        ("pyspark", "needs the package pyspark"),
        ("sqlglot", "needs the package sqlglot"),
        ("java", "needs Java 17"),
        ("address", "needs --engine spark"),
        ("server", "no server answers"),
        ("folder", "is a file, and Spark writes a folder"),
    ],
)
def test_missing_requirements_are_named(
    absent: str, message: str, five_days: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ["--data_dir", str(five_days), "--engine", "spark", "--warehouse", str(tmp_path / "w")]
    if absent in ("pyspark", "sqlglot"):
        if absent == "sqlglot" and ABSENT and "pyspark" in ABSENT:
            pytest.skip(f"NOT TESTED ON SPARK: {ABSENT}")
        monkeypatch.setitem(sys.modules, {"pyspark": "pyspark.sql"}.get(absent, absent), None)
    elif absent == "java":
        if ABSENT and "package" in ABSENT:
            pytest.skip(f"NOT TESTED ON SPARK: {ABSENT}")
        from pyspark.sql import SparkSession

        monkeypatch.setattr(SparkSession, "getActiveSession", lambda: None)
        monkeypatch.setenv("PATH", "/nowhere")
        monkeypatch.delenv("JAVA_HOME", raising=False)
    elif absent == "server":
        line += ["--remote", f"sc://127.0.0.1:{free_port()}"]
        if ABSENT:
            pytest.skip(f"NOT TESTED ON SPARK: {ABSENT}")
        from pyspark.sql import SparkSession

        monkeypatch.setattr(SparkSession, "getActiveSession", lambda: None)
    elif absent == "folder":
        (tmp_path / "w").write_text("", "utf-8")
    else:
        line = ["--data_dir", "s3a://shop/events", "--warehouse", str(tmp_path / "w")]
    status, stdout, stderr = command(*line)
    assert (status, stdout) == (2, "")
    assert message in stderr and len(stderr.splitlines()) == 1
    assert not list(tmp_path.glob("w/build-*"))
