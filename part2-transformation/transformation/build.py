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
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from event_data.contract import Contract
from event_data.errors import UserError
from event_data.reading.day_file import DayFile, Problem
from event_data.reading.deliveries import set_aside, survey_days
from event_data.reading.folder import Folder, Unread, find_files
from event_data.reading.survey import survey
from event_data.sql import json_path, literal
from event_data.warehouse_file import lock, refuse_foreign
from transformation.comments import comment
from transformation.increment import merge_touched, select_touched
from transformation.landing import column_names, land, land_seeds
from transformation.placeholders import placeholders
from transformation.published import Published, read_ledger, read_published, read_refused
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
    files: list[DayFile]
    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    ledger: list[tuple[str, int, Decimal]] = field(default_factory=list)
    records: int = 0
    unreadable: int = 0
    refused: dict[str, str] = field(default_factory=dict)  # files that could not be read, and why
    unread: dict[str, str] = field(default_factory=dict)  # files that look like data and are not read, and why


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

    Raise ReadingError, WarehouseError, LedgerError or duckdb.Error; the old warehouse is then as it was.
    """
    list_folder(settings)  # before anything is made: the folder may be a mistyped one
    refuse_foreign(settings.warehouse)  # as may the warehouse, which is about to be replaced
    settings.warehouse.parent.mkdir(parents=True, exist_ok=True)
    with lock(settings.warehouse, say), _work_dir(settings.warehouse) as work_dir:
        folder = list_folder(settings)
        published = None if settings.full_refresh else read_published(settings.warehouse)
        if published is None or published.fingerprint != settings.fingerprint:
            return Build(settings, work_dir, progress).full(folder)
        counting = without_second_deliveries(folder, published, settings.contract, work_dir)
        run = compare(counting, published, settings.contract, work_dir)
        if run.how == "full":
            return Build(settings, work_dir, progress).full(folder)
        if run.how == "unchanged":
            run.ledger, run.records, run.unreadable = published.ledger, published.records, published.unreadable
            run.refused = published.refused
            return run
        return Build(settings, work_dir, progress).incremental(run, counting.unread)


def list_folder(settings: Settings) -> Folder:
    """Return the files of the folder by day, and those that look like data and are not read."""
    contract = settings.contract
    return find_files(settings.data_dir, contract.file_name, contract.ignored_files)


def without_second_deliveries(folder: Folder, published: Published, contract: Contract, work_dir: Path) -> Folder:
    """Set second deliveries aside. What was decided for a day holds until its files change, or one comes or goes."""
    days: dict[date, list[DayFile]] = {}
    for file in folder.files:
        days.setdefault(file.day, []).append(file)
    files: list[DayFile] = []
    aside: list[Unread] = []
    for same_day in days.values():
        if {f.name: f.stamp for f in same_day} == published.stamps.get(same_day[0].day):
            aside += [published.aside[f.name] for f in same_day if f.name in published.aside]
        elif len(same_day) > 1:
            set_aside(same_day, contract, work_dir, aside)
        names = {unread.name for unread in aside}
        files += [f for f in same_day if f.name not in names]
    return Folder(tuple(files), (*folder.unread, *aside))


def compare(folder: Folder, published: Published, contract: Contract, work_dir: Path) -> Run:
    """Return which files are new, changed or gone since the warehouse was made; by content where stamps differ."""
    old, files = published.files, folder.files
    run = Run("incremental", list(files), unread={u.name: u.reason for u in folder.unread})
    for file in files:
        known = old.get(file.name)
        if known is None:
            run.new.append(file.name)
        elif (file.file_id, file.size, file.stamp) == (known["file_id"], known["bytes"], known["stamp"]):
            continue
        elif file.file_id != known["file_id"] or (
            file.size != known["bytes"]
            or survey(file, contract.delimiter, work_dir, with_hash=True).content_hash != known["content_hash"]
        ):
            run.changed.append(file.name)
    run.removed = sorted(old.keys() - {f.name for f in files})
    if not (run.new or run.changed or run.removed) and run.unread == published.unread:
        run.how = "unchanged"
        return run
    touched = sum(f.size for f in files if f.name in run.new or f.name in run.changed)
    first_day_moves = min(f.day for f in files) != min(f["file_date"] for f in old.values())
    # Whether an order's window was cut off hangs on the first day; and much of everything is faster anew.
    if first_day_moves or 3 * touched > sum(f.size for f in files):
        run.how = "full"
    return run


def blanks(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    columns: Sequence[str],
    order_lines: int | None = None,
    portable: bool = False,
) -> dict[str, str]:
    """What fills the blanks of transform.sql, for the records in bronze.events, which has these columns.

    order_lines: the most lines of any order, where another engine has bronze.events and counted them. portable: for
    another engine than DuckDB.
    """
    click_ids = connection.execute(
        "select parameter from bronze.click_ids order by cast(priority as integer)"
    ).fetchall()
    lines = order_lines or _order_lines(connection, contract)
    return placeholders(contract, columns, [p for (p,) in click_ids], lines, portable)


def _order_lines(connection: duckdb.DuckDBPyConnection, contract: Contract) -> int:
    """The most lines that an order has."""
    if contract.order is None or contract.order.lines is None:
        return 1
    longest = connection.execute(
        f"select max(json_array_length(_payload, {literal(json_path(contract.order.lines))})) from bronze.events "
        "where _payload is not null"
    ).fetchone()
    return (longest and longest[0]) or 1


def write_files(connection: duckdb.DuckDBPyConnection, files: Sequence[DayFile], unread: Sequence[Unread]) -> None:
    """Make bronze.files and bronze.unread_files, in the connection's own catalog."""
    connection.execute(
        "create or replace table bronze.files (name varchar, file_date date, file_id bigint, header varchar, "
        "records bigint, unreadable bigint, bytes bigint, content_hash varchar, stamp varchar, refused varchar)"
    )
    connection.executemany(
        "insert into bronze.files values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                *(f.name, f.day, f.file_id, json.dumps(f.header), f.records, f.rejected),
                *(f.size, f.content_hash, f.stamp, f.refused),
            )
            for f in files
        ],
    )
    connection.execute(
        "create or replace table bronze.unread_files (name varchar, reason varchar, file_date date, bytes bigint, "
        "stamp varchar, counts_instead varchar)"
    )
    rows = [(u.name, u.reason, u.day, u.size, u.stamp, u.counts_instead or None) for u in unread]
    if rows:
        connection.executemany("insert into bronze.unread_files values (?, ?, ?, ?, ?, ?)", rows)


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

    def full(self, folder: Folder) -> Run:
        """Build everything from scratch."""
        self._attach()
        unread = list(folder.unread)
        surveyed = survey_days(folder.files, self.settings.contract, self.work_dir, unread, with_hash=True)
        landed, _ = self._land(list(surveyed), into="warehouse.bronze.events")
        self._bronze(landed, ["select * from warehouse.bronze.events"], unread)
        for table in ("files", "unread_files"):
            self.connection.execute(f"create table warehouse.bronze.{table} as from bronze.{table}")
        statements = self._statements(self._columns(landed))
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
        run = Run("full", landed, new=[f.name for f in landed], unread={u.name: u.reason for u in unread})
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

    def incremental(self, run: Run, unread: Sequence[Unread]) -> Run:
        """Build only what the files of `run` touch, on a copy of the warehouse."""
        contract = self.settings.contract
        arriving = [
            survey(f, contract.delimiter, self.work_dir, with_hash=True)
            for f in run.files if f.name in {*run.new, *run.changed}
        ]  # fmt: skip
        with ThreadPoolExecutor(1) as pool:
            copying = pool.submit(shutil.copyfile, self.settings.warehouse, self.target)
            landed, selects = self._land(arriving)
            self.progress("copying the warehouse")
            copying.result()
        self._attach()
        headers = self._rows("select name, header from warehouse.bronze.files")
        known = {name: json.loads(header) for name, header in headers}
        columns = self._columns(landed)
        gone = [*run.changed, *run.removed]
        stay = [f.name for f in run.files if f.name in known.keys() - set(gone)]
        columns += [n for name in stay for n in column_names(known[name], contract)]
        old_columns = [n for name in gone for n in column_names(known[name], contract)]
        files = self._all_files(run.files, landed)
        dropped = f"_source_file in ({', '.join(map(literal, gone))})" if gone else "false"
        self._bronze(files, [*selects, f"select * from warehouse.bronze.events where {dropped}"], unread)
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

    def _columns(self, files: Sequence[DayFile]) -> list[str]:
        return [name for file in files for name in column_names(file.header, self.settings.contract)]

    def _land(self, files: Sequence[DayFile], into: str | None = None) -> tuple[list[DayFile], list[str]]:
        done = 0

        def count(landed: int) -> None:
            nonlocal done
            done += landed
            self.progress(f"reading {done} of {len(files)} files")

        return land(self.connection, files, self.settings.contract, self.work_dir, count, into)

    def _bronze(self, files: Sequence[DayFile], parts: Sequence[str], unread: Sequence[Unread]) -> None:
        """Make bronze.events a view of what was landed, and the tables of files."""
        self.connection.execute("create or replace view bronze.events as " + " union all by name ".join(parts))
        write_files(self.connection, files, unread)

    def _all_files(self, files: Sequence[DayFile], landed: Sequence[DayFile]) -> list[DayFile]:
        """Return all files as they are now known: those just landed, and the others as the warehouse has them."""
        fresh = {f.name: f for f in landed}
        names = "name, content_hash, header, records, unreadable, refused"
        rows = {name: rest for name, *rest in self._rows(f"select {names} from warehouse.bronze.files")}
        result = []
        for f in files:
            if f.name in fresh:
                result.append(fresh[f.name])
            else:
                content_hash, header, records, unreadable, refused = rows[f.name]
                problems = (Problem("not_csv", None, refused, None),) if refused else ()
                known = replace(f, content_hash=content_hash, header=tuple(json.loads(header)), problems=problems)
                result.append(replace(known, records=records, rejected=unreadable))
        return result

    def _statements(self, columns: Sequence[str]) -> list[Statement]:
        self.filled = blanks(self.connection, self.settings.contract, columns)
        return [fill(s, self.filled) for s in read_statements(self.settings.sql)]

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def _publish(self, run: Run, files: Sequence[DayFile], statements: Sequence[Statement]) -> Run:
        """Let the new warehouse take the old one's place, if its ledger balances."""
        run.ledger = balanced(read_ledger(self.connection, "warehouse."))
        run.records, run.unreadable = sum(f.records for f in files), sum(f.rejected for f in files)
        run.refused = read_refused(self.connection, "warehouse.")
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
