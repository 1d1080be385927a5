"""Building the warehouse: from nothing, or only what new, changed and removed files touch.

Both ways run the statements of transform.sql in a catalog in memory, whose views show them the records to
look at: all of them, or those of the clients that a change touches. What comes out is written to
a new file beside the warehouse, which takes its place in one step when the ledger balances.
"""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from event_data.contract import Contract
from event_data.errors import UserError
from event_data.sql import json_path, literal
from event_data.warehouse_file import lock, refuse_foreign
from transformation.comments import comment
from transformation.daily_files import File, find_files
from transformation.increment import merge_touched, select_touched
from transformation.landing import land, land_seeds, survey
from transformation.placeholders import placeholders
from transformation.published import Published, read_ledger, read_published
from transformation.statements import SCHEMAS, Statement, fill, read_statements

HERE = Path(__file__).resolve().parents[1]
STORAGE_VERSION = "v1.4.0"  # the oldest DuckDB that can open the file is 1.4
# Made on the way, and not published. Each is dropped when its last reader is done, for memory's sake.
WORKING = {
    "silver.received": "silver.file_totals",
    "silver.terms": "silver.sources",
    "silver.known_hosts": "silver.sources",
    "silver.parsed_events": "silver.events",
    "silver.sources": "silver.events",
    "silver.browsers": "silver.events",
    "silver.models": "gold.channel_performance",
    "silver.event_counts": "silver.event_metrics",
    "silver.event_metrics": "gold.daily_metrics",
}
# Tables whose rows are each of one client, and the bytes an event that their windows and joins hold in memory at once.
# Where that is more than there is, they are made for some of the clients at a time.
BY_CLIENT = {"silver.sessions": 400}


class LedgerError(UserError):
    """Revenue was lost or created on the way."""

    status = 3


@dataclass
class Run:
    """What a run did. `how` is full, incremental or unchanged; the names are of files."""

    how: str
    files: list[File]
    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    ledger: list[tuple[str, int, Decimal]] = field(default_factory=list)
    records: int = 0
    unreadable: int = 0


@dataclass(frozen=True)
class Settings:
    data_dir: Path
    warehouse: Path
    contract: Contract
    fingerprint: str
    full_refresh: bool = False
    memory_limit: str | None = None
    sql: Path = HERE / "transform.sql"


def fingerprint(contract: Path) -> str:
    """A hash of everything besides the files that the result depends on, this program among it."""
    digest = hashlib.sha256(f"{STORAGE_VERSION} {duckdb.__version__}".encode())
    endings = ("transformation/**/*.py", "transform.sql", "columns.csv", "seeds/*.csv")
    program = [path for ending in endings for path in sorted(HERE.glob(ending))]
    program += sorted(p for p in (HERE.parent / "event_data").rglob("*") if p.suffix in (".py", ".sql"))
    for path in (contract, *program):
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def silent(text: str) -> None:
    """Say nothing."""


def refresh(settings: Settings, say: Callable[[str], None] = silent, progress: Callable[[str], None] = silent) -> Run:
    """Bring the warehouse up to date with the files.

    Raises LandingError, WarehouseError, LedgerError or duckdb.Error; the old warehouse is then as it was.
    """
    find_files(settings.data_dir, settings.contract)  # before anything is made: the folder may be a mistyped one
    refuse_foreign(settings.warehouse)  # as may the warehouse, which is about to be replaced
    settings.warehouse.parent.mkdir(parents=True, exist_ok=True)
    with lock(settings.warehouse, say), _work_dir(settings.warehouse) as work_dir:
        files = find_files(settings.data_dir, settings.contract)
        published = None if settings.full_refresh else read_published(settings.warehouse)
        if published is None or published.fingerprint != settings.fingerprint:
            return Build(settings, work_dir, progress).full(files)
        run = compare(files, published, settings.contract)
        if run.how == "unchanged":
            run.ledger, run.records, run.unreadable = published.ledger, published.records, published.unreadable
            return run
        if run.how == "full":
            return Build(settings, work_dir, progress).full(files)
        return Build(settings, work_dir, progress).incremental(run)


def compare(files: Sequence[File], published: Published, contract: Contract) -> Run:
    """Which files are new, changed or gone since the warehouse was made, by content where their stamp differs."""
    old = published.files
    run = Run("incremental", list(files))
    for file in files:
        known = old.get(file.name)
        if known is None:
            run.new.append(file.name)
        elif (file.file_id, file.size, file.stamp) == (known["file_id"], known["bytes"], known["stamp"]):
            continue
        elif file.file_id != known["file_id"] or (
            file.size != known["bytes"] or survey(file.path, contract.delimiter).content_hash != known["content_hash"]
        ):
            run.changed.append(file.name)
    run.removed = sorted(old.keys() - {f.name for f in files})
    if not (run.new or run.changed or run.removed):
        run.how = "unchanged"
        return run
    touched = sum(f.size for f in files if f.name in run.new or f.name in run.changed)
    first_day_moves = min(f.day for f in files) != min(f["file_date"] for f in old.values())
    # Whether an order's window was cut off hangs on the first day; and much of everything is faster anew.
    if first_day_moves or 3 * touched > sum(f.size for f in files):
        run.how = "full"
    return run


def blanks(
    connection: duckdb.DuckDBPyConnection, contract: Contract, columns: Sequence[str], order_lines: int | None = None
) -> dict[str, str]:
    """What fills the blanks of transform.sql, for the records in bronze.events, which has these columns.

    order_lines: the most lines of any order, where another engine has bronze.events and counted them.
    """
    click_ids = connection.execute(
        "select parameter from bronze.click_ids order by cast(priority as integer)"
    ).fetchall()
    return placeholders(contract, columns, [p for (p,) in click_ids], order_lines or _order_lines(connection, contract))


def _order_lines(connection: duckdb.DuckDBPyConnection, contract: Contract) -> int:
    """The most lines that an order has."""
    if contract.order is None or contract.order.lines is None:
        return 1
    longest = connection.execute(
        f"select max(json_array_length(_payload, {literal(json_path(contract.order.lines))})) from bronze.events "
        "where _payload is not null"
    ).fetchone()
    return (longest and longest[0]) or 1


def write_files(connection: duckdb.DuckDBPyConnection, files: Sequence[File]) -> None:
    """bronze.files, in the connection's own catalog."""
    connection.execute(
        "create or replace table bronze.files (name varchar, file_date date, file_id bigint, header varchar, "
        "records bigint, unreadable bigint, bytes bigint, content_hash varchar, stamp varchar)"
    )
    connection.executemany(
        "insert into bronze.files values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                *(f.name, f.day, f.file_id, json.dumps(f.header), f.records, f.unreadable),
                *(f.size, f.content_hash, f.stamp),
            )
            for f in files
        ],
    )


def balanced(ledger: list[tuple[str, int, Decimal]]) -> list[tuple[str, int, Decimal]]:
    """The ledger, if its difference is zero; else raises LedgerError."""
    difference = next(row for row in ledger if row[0] == "difference")
    if difference[1] != 0 or difference[2] != 0:
        raise LedgerError(
            f"the ledger does not balance: {difference[1]} orders and {difference[2]:,.2f} are neither counted nor "
            "named; nothing was published. Please report this with the ledger above."
        )
    return ledger


class Build:
    """One build: a connection whose own catalog is in memory, with the new warehouse attached."""

    def __init__(self, settings: Settings, work_dir: Path, progress: Callable[[str], None]):
        self.settings = settings
        self.work_dir = work_dir
        self.progress = progress
        # One checkpoint, at the end, which leaves the row groups as they were written.
        config: dict[str, Any] = {"checkpoint_threshold": "1TB", "max_vacuum_tasks": 0}
        config |= {"temp_directory": str(work_dir), "preserve_insertion_order": False}
        if settings.memory_limit:
            config["memory_limit"] = settings.memory_limit
        self.connection = duckdb.connect(config=config)
        self.target = settings.warehouse.with_name(settings.warehouse.name + ".building")
        land_seeds(self.connection, settings.contract, HERE / "seeds")

    def full(self, files: Sequence[File]) -> Run:
        """Everything anew."""
        self._attach()
        landed, _ = self._land(files, into="warehouse.bronze.events")
        self._bronze(landed, ["select * from warehouse.bronze.events"])
        self.connection.execute("create table warehouse.bronze.files as from bronze.files")
        statements = self._statements([name for f in landed for name in f.header])
        kinds = {s.name: s.kind for s in statements}
        for statement in statements:
            self.progress(statement.name)
            if statement.name in WORKING:
                self.connection.execute(statement.sql)
            else:
                self._make(statement)
                self.connection.execute(f"create view {statement.name} as from warehouse.{statement.name}")
            for name in [n for n, last in WORKING.items() if last == statement.name]:
                self.connection.execute(f"drop {kinds[name]} {name}")
        run = Run("full", list(landed), new=[f.name for f in landed])
        return self._publish(run, landed, statements)

    def _make(self, statement: Statement) -> None:
        """A published table of a full build; one that outgrows the memory in slices, each of some of the clients."""
        slices, table = 1, f"warehouse.{statement.name}"
        if size := BY_CLIENT.get(statement.name):
            ((needed, limit),) = self._rows(
                f"select {size} * count(*), parse_formatted_bytes(current_setting('memory_limit')) from silver.events"
            )
            slices = 1 + needed // limit
        for n in range(slices):
            if slices > 1:
                self.progress(f"{statement.name} {n + 1} of {slices}")
                self._show_events(f"where hash(client_id) % {slices} = {n}")
            self.connection.execute(f"{f'insert into {table}' if n else f'create table {table} as'} {statement.select}")
        if slices > 1:
            self._show_events()

    def _show_events(self, where: str = "") -> None:
        """Let the statements see these events of the new warehouse."""
        self.connection.execute(f"create or replace view silver.events as from warehouse.silver.events {where}")

    def incremental(self, run: Run) -> Run:
        """Only what the files of `run` touch, on a copy of the warehouse."""
        arriving = [f for f in run.files if f.name in {*run.new, *run.changed}]
        with ThreadPoolExecutor(1) as pool:
            copying = pool.submit(shutil.copyfile, self.settings.warehouse, self.target)
            landed, selects = self._land(arriving)
            self.progress("copying the warehouse")
            copying.result()
        self._attach()
        headers = self._rows("select name, header from warehouse.bronze.files")
        known = {name: json.loads(header) for name, header in headers}
        columns = [n for f in landed for n in f.header]
        columns += [n for f in run.files if f.name in known for n in known[f.name]]
        gone = [*run.changed, *run.removed]
        old_columns = [n for name in gone for n in known[name]]
        files = self._all_files(run.files, landed)
        dropped = f"_source_file in ({', '.join(map(literal, gone))})" if gone else "false"
        self._bronze(files, [*selects, f"select * from warehouse.bronze.events where {dropped}"])
        statements = self._statements([*columns, *old_columns])
        self.connection.execute(statements[0].sql)
        select_touched(self.connection, self.filled, selects, gone)
        statements = self._statements([*columns, *old_columns])  # a record looked at again may have more order lines
        merge_touched(self.connection, statements, WORKING, gone, [f.name for f in landed], columns)
        return self._publish(run, files, statements)

    def _attach(self) -> None:
        self.connection.execute(
            f"attach {literal(str(self.target))} as warehouse (storage_version {literal(STORAGE_VERSION)})"
        )
        for schema in SCHEMAS:
            self.connection.execute(f"create schema if not exists warehouse.{schema}")

    def _land(self, files: Sequence[File], into: str | None = None) -> tuple[list[File], list[str]]:
        done = 0

        def count(landed: int) -> None:
            nonlocal done
            done += landed
            self.progress(f"reading {done} of {len(files)} files")

        return land(self.connection, files, self.settings.contract, self.work_dir, count, into)

    def _bronze(self, files: Sequence[File], parts: Sequence[str]) -> None:
        """bronze.events as a view of what was landed, and bronze.files."""
        self.connection.execute("create or replace view bronze.events as " + " union all by name ".join(parts))
        write_files(self.connection, files)

    def _all_files(self, files: Sequence[File], landed: Sequence[File]) -> list[File]:
        """All files as they are now known: those just landed, and the others as the warehouse has them."""
        fresh = {f.name: f for f in landed}
        names = "name, content_hash, header, records, unreadable"
        rows = {name: rest for name, *rest in self._rows(f"select {names} from warehouse.bronze.files")}
        result = []
        for f in files:
            if f.name in fresh:
                result.append(fresh[f.name])
            else:
                content_hash, header, records, unreadable = rows[f.name]
                kept = {"header": tuple(json.loads(header)), "records": records, "unreadable": unreadable}
                result.append(replace(f, content_hash=content_hash, **kept))
        return result

    def _statements(self, columns: Sequence[str]) -> list[Statement]:
        self.filled = blanks(self.connection, self.settings.contract, columns)
        return [fill(s, self.filled) for s in read_statements(self.settings.sql)]

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def _publish(self, run: Run, files: Sequence[File], statements: Sequence[Statement]) -> Run:
        """Let the new warehouse take the old one's place, if its ledger balances."""
        run.ledger = balanced(read_ledger(self.connection, "warehouse."))
        run.records, run.unreadable = sum(f.records for f in files), sum(f.unreadable for f in files)
        self.connection.execute("create or replace table warehouse.bronze.build (key varchar, value varchar)")
        build = [self.settings.fingerprint]
        self.connection.execute("insert into warehouse.bronze.build values ('fingerprint', ?)", build)
        comment(self.connection, [s for s in statements if s.name not in WORKING])
        self.progress("publishing")
        self.connection.execute("checkpoint warehouse")
        self.connection.execute("detach warehouse")
        self.connection.close()
        self.target.replace(self.settings.warehouse)
        return run


@contextlib.contextmanager
def _work_dir(warehouse: Path) -> Iterator[Path]:
    """A folder beside the warehouse for what does not fit into memory; leftovers of a killed run are removed."""
    work_dir = warehouse.with_name(warehouse.name + ".work")
    building = warehouse.with_name(warehouse.name + ".building")

    def clean() -> None:
        shutil.rmtree(work_dir, ignore_errors=True)
        for path in (building, building.with_name(building.name + ".wal")):
            path.unlink(missing_ok=True)

    clean()
    work_dir.mkdir()
    try:
        yield work_dir
    finally:
        clean()
