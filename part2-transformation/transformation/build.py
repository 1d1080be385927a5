"""Build the warehouse from scratch, or update only what new, changed and removed files affect.

Both ways run the statements of transform.sql in an in-memory catalog, whose views show the records to process:
all of them, or those of the affected clients. The results are written to a new file beside the warehouse. If the
ledger balances, this file replaces the warehouse in one step.
"""

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from event_data.cli import Progress, silent
from event_data.contract import Contract
from event_data.evidence import land_seeds
from event_data.reading.conversion import convert
from event_data.reading.day_file import DayFile
from event_data.reading.deliveries import set_aside, survey_days
from event_data.reading.folder import Folder, Unread, find_book_files, find_files
from event_data.reading.survey import survey
from event_data.sql import literal, values
from event_data.statements import SCHEMAS, Statement, fill, read_statements
from event_data.warehouse_file import lock, refuse_foreign, refuse_own_tables
from transformation.books import WORKING as WORKING_BOOKS
from transformation.books import build_books, list_books
from transformation.increment import merge_touched, select_touched
from transformation.landing import OWN_COLUMNS, column_names, land
from transformation.placeholders import placeholders
from transformation.published import (
    Run,
    balanced_ledger,
    comment,
    delivered,
    note_stamps,
    read_books,
    read_published,
    read_refused,
    write_files,
)  # fmt: skip

HERE = Path(__file__).resolve().parents[1]
# The oldest DuckDB that can open the file is 1.4. Row groups of half the usual size take half the memory to write: at a
# million events 180 MB less, for a file that is 7 % larger.
STORAGE = "storage_version 'v1.4.0', row_group_size 61440"
# Intermediate tables that are not published. Each is dropped after its last reader to save memory.
WORKING = {
    "silver.received": "silver.file_totals",
    "silver.simultaneous": "silver.judged_events",
    "silver.terms": "silver.sources",
    "silver.known_hosts": "silver.sources",
    "silver.confirmations": "silver.judged_events",
    "silver.decoded": "silver.events",
    "silver.sources": "silver.events",
    "silver.browsers": "silver.events",
    "silver.parsed_events": "silver.events",
    "silver.judged_events": "silver.session_events",
    "silver.session_events": "silver.sessions",
    "silver.readings": "gold.channel_performance",
    "silver.models": "gold.channel_performance",
    "silver.event_counts": "silver.event_metrics",
    "silver.event_metrics": "gold.daily_metrics",
}
NOT_PUBLISHED = {*WORKING, *WORKING_BOOKS}
# Tables in which each row belongs to one client, and the bytes of memory that their windows and joins need per event.
# If memory is not enough for all clients at once, such a table is built in slices of clients.
BY_CLIENT = {"silver.session_events": 400}
SLICED = "silver.judged_events"  # the table that they read


@dataclass(frozen=True)
class Settings:
    """The settings of a build.

    `data_dir` is a folder, or an address that the Spark cluster can read, such as s3a://shop/events. `warehouse` is a
    file, or for Spark a folder that both the cluster and this machine can access. Without `master` and `remote`,
    Spark's own configuration applies; by default, Spark uses the cores of this machine.
    """

    data_dir: Path | str
    warehouse: Path
    contract: Contract
    fingerprint: str
    full_refresh: bool = False
    memory_limit: str | None = None
    master: str | None = None
    remote: str | None = None
    sql: Path = HERE / "transform.sql"

    def list_folder(self) -> Folder:
        """Return the files of the folder by day, and the unread files that look like data."""
        contract = self.contract
        return find_files(Path(self.data_dir), contract.file_name, contract.ignored_files, contract.book_files)

    def list_book(self, file_name: str) -> tuple[DayFile, ...]:
        """Return the files of the folder that are named like those of a book, oldest first."""
        return find_book_files(Path(self.data_dir), file_name)


def fingerprint(contract: Path) -> str:
    """Return a hash of everything except the files that affects the result, including this program."""
    digest = hashlib.sha256(f"{STORAGE} {duckdb.__version__}".encode())
    endings = ("transformation/**/*.py", "**/*.sql", "columns.csv", "seeds/*.csv")
    program = [path for ending in endings for path in sorted(HERE.glob(ending))]
    program += sorted(p for p in (HERE.parent / "event_data").rglob("*") if p.suffix in (".py", ".sql"))
    for path in (contract, *program):
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def refresh(settings: Settings, say: Callable[[str], None] = silent, progress: Progress = silent) -> Run:
    """Bring the warehouse up to date with the files.

    Raise ReadingError, WarehouseError, LedgerError or duckdb.Error; in that case the old warehouse is unchanged.
    """
    settings.list_folder()  # before anything is created: --data_dir may be mistyped
    owner = None if settings.full_refresh else settings.contract.id
    refuse_foreign(settings.warehouse, owner)  # --warehouse may be mistyped too, and it will be replaced
    settings.warehouse.parent.mkdir(parents=True, exist_ok=True)
    with lock(settings.warehouse, say), _work_dir(settings.warehouse) as work_dir:
        folder = convert(settings.list_folder(), settings.contract, work_dir, memory_limit=settings.memory_limit)
        published = None if settings.full_refresh else read_published(settings.warehouse, settings.fingerprint)
        run, books = None, list_books(settings.list_book, settings.contract)
        if published:
            counting = without_second_deliveries(folder, published, settings.contract, work_dir)
            run = compare(counting, published, settings.contract, work_dir)
            if run.how == "unchanged" and published.books.files != books:
                run.how = "incremental"
        if published and run and run.how == "unchanged":
            note_stamps(settings.warehouse, run, published)
            return run
        is_incremental = run is not None and run.how == "incremental"
        if not is_incremental:
            refuse_own_tables(settings.warehouse)
        build = Build(settings, work_dir, progress)
        return build.incremental(run) if run and is_incremental else build.full(folder)


def without_second_deliveries(folder: Folder, published: Run, contract: Contract, work_dir: Path) -> Folder:
    """Set second deliveries aside; the decision for a day is kept until the day's files change."""
    known, before, now = published.second_deliveries, published.delivered, delivered(folder.files)
    aside: list[Unread] = []
    for day, files in groupby(folder.files, key=lambda f: f.day):
        same_day = list(files)
        if now[day] == before.get(day):
            aside += [known[f.name] for f in same_day if f.name in known]
        elif len(same_day) > 1:
            set_aside(same_day, contract, work_dir, aside)
    names = {unread.name for unread in aside}
    return Folder(tuple(f for f in folder.files if f.name not in names), (*folder.unread, *aside))


def compare(folder: Folder, published: Run, contract: Contract, work_dir: Path) -> Run:
    """Return which files are new, changed or gone since the warehouse was built; compare content if stamps differ."""
    old = {f.name: f for f in published.files}
    run = Run(
        [], list(folder.unread), "incremental", published.ledger, refused=published.refused, books=published.books
    )
    for file in folder.files:
        known = old.get(file.name)
        if known is None:
            run.new.append(file.name)
        elif (file.file_id, file.size, file.stamp) == (known.file_id, known.size, known.stamp):
            file = replace(known, path=file.path)
        else:
            file = survey(file, contract.delimiter, work_dir, True, contract.header_names)
            if (file.file_id, file.content_hash) == (known.file_id, known.content_hash):
                file = replace(known, path=file.path, stamp=file.stamp)
            else:
                run.changed.append(file.name)
        run.files.append(file)
    run.removed = sorted(old.keys() - {f.name for f in folder.files})
    same_unread = {(u.name, u.reason) for u in run.unread} == {(u.name, u.reason) for u in published.unread}
    touched = sum(f.size for f in run.files if f.name in {*run.new, *run.changed})
    first_day_moves = min(f.day for f in run.files) != min(f.day for f in published.files)
    if not (run.new or run.changed or run.removed) and same_unread:
        run.how = "unchanged"
    # The first day decides which attribution windows are cut off. Large changes are faster to build from scratch.
    elif first_day_moves or 3 * touched > sum(f.size for f in run.files):
        run.how = "full"
    return run


class Build:
    """A build: a connection with an in-memory catalog and the new warehouse attached."""

    def __init__(self, settings: Settings, work_dir: Path, progress: Progress):
        self.settings = settings
        self.work_dir = work_dir
        self.progress = progress
        # Checkpoint once, at the end, and leave the row groups as they were written.
        config: dict[str, Any] = {"checkpoint_threshold": "1TB", "max_vacuum_tasks": 0}
        config |= {"temp_directory": str(work_dir), "preserve_insertion_order": False}
        if settings.memory_limit:
            config["memory_limit"] = settings.memory_limit
        self.connection = duckdb.connect(config=config)
        self.target = settings.warehouse.with_name(settings.warehouse.name + ".building")
        land_seeds(self.connection, settings.contract)

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
        for number, statement in enumerate(statements):
            self.progress(statement.name, number, len(statements))
            if statement.name in WORKING:
                self._run(statement)
            else:
                self._make(statement)
                self.connection.execute(f"create view {statement.name} as from warehouse.{statement.name}")
            for name in [n for n, last in WORKING.items() if last == statement.name]:
                self.connection.execute(f"drop {kinds[name]} {name}")
        return self._publish(Run(landed, unread), statements)

    def _make(self, statement: Statement) -> None:
        """Build a published table."""
        self.connection.execute(f"create table warehouse.{statement.name} as {statement.select}")

    def _run(self, statement: Statement) -> None:
        """Build an intermediate table; if it does not fit into memory, build it in slices of clients."""
        slices = 1
        if size := BY_CLIENT.get(statement.name):
            ((needed, limit),) = self._rows(
                f"select {size} * count(*), parse_formatted_bytes(current_setting('memory_limit')) from {SLICED}"
            )
            slices = 1 + needed // limit
        if slices == 1:
            self.connection.execute(statement.sql)
            return
        for n in range(slices):
            self.progress(statement.name, n, slices)
            slice_of = f"(select * from {SLICED} where hash(client_id) % {slices} = {n})"
            into = f"insert into {statement.name}" if n else f"create table {statement.name} as"
            self.connection.execute(f"{into} {statement.select.replace(SLICED, slice_of)}")

    def incremental(self, run: Run) -> Run:
        """Update only what the files of `run` affect, in a copy of the warehouse."""
        contract, touched = self.settings.contract, {*run.new, *run.changed}
        arriving = [
            f if f.content_hash else survey(f, contract.delimiter, self.work_dir, True, contract.header_names)
            for f in run.files
            if f.name in touched
        ]
        with ThreadPoolExecutor(1) as pool:
            copying = pool.submit(shutil.copyfile, self.settings.warehouse, self.target)
            landed, selects = self._land(arriving)
            self.progress("copying the warehouse")
            copying.result()
        self._attach()
        as_landed = {f.name: f for f in landed}
        run.files = [as_landed.get(f.name, f) for f in run.files]
        columns = self._columns(run.files)
        gone = [*run.changed, *run.removed]
        dropped = f"_source_file in ({values(gone)})"
        self._bronze(run.files, [*selects, f"select * from warehouse.bronze.events where {dropped}"], run.unread)
        have = [name for name, *_ in self._rows("describe warehouse.bronze.events") if name not in OWN_COLUMNS]
        statements = self._statements([*columns, *have])
        self.connection.execute(statements[0].sql)
        select_touched(self.connection, self.filled, selects, gone)
        statements = self._statements([*columns, *have])  # a reprocessed record may have more order lines
        merge_touched(self.connection, statements, WORKING, gone, list(as_landed), columns)
        return self._publish(run, statements)

    def _attach(self) -> None:
        self.connection.execute(f"attach {literal(str(self.target))} as warehouse ({STORAGE})")
        for schema in SCHEMAS:
            self.connection.execute(f"create schema if not exists warehouse.{schema}")

    def _columns(self, files: Sequence[DayFile]) -> list[str]:
        return [name for file in files for name in column_names(file.header, self.settings.contract)]

    def _land(self, files: Sequence[DayFile], into: str | None = None) -> tuple[list[DayFile], list[str]]:
        done = 0

        def count(landed: int) -> None:
            nonlocal done
            done += landed
            self.progress("reading the files", done, len(files))

        return land(self.connection, files, self.settings.contract, self.work_dir, count, into)

    def _bronze(self, files: Sequence[DayFile], parts: Sequence[str], unread: Sequence[Unread]) -> None:
        """Create bronze.events as a view of the landed records, and the tables of files."""
        self.connection.execute("create or replace view bronze.events as " + " union all by name ".join(parts))
        write_files(self.connection, files, unread)

    def _statements(self, columns: Sequence[str]) -> list[Statement]:
        self.filled = placeholders(self.connection, self.settings.contract, columns)
        return [fill(s, self.filled) for s in read_statements(self.settings.sql)]

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def _publish(self, run: Run, statements: Sequence[Statement]) -> Run:
        """Add the shop's books, and replace the old warehouse by the new one if its ledgers balance."""
        settings = self.settings
        books = build_books(self.connection, settings.contract, settings.list_book, self.work_dir, self.progress)
        run.ledger = balanced_ledger(self.connection)
        run.books = read_books(self.connection, "warehouse.")
        run.refused = read_refused(self.connection, "warehouse.")
        self.connection.execute("create or replace table warehouse.bronze.build (key varchar, value varchar)")
        build = [settings.fingerprint]
        self.connection.execute("insert into warehouse.bronze.build values ('fingerprint', ?)", build)
        comment(self.connection, [*(s for s in statements if s.name not in WORKING), *books])
        self.progress("publishing")
        self.connection.execute("checkpoint warehouse")
        self.connection.execute("detach warehouse")
        self.connection.close()
        self.target.replace(settings.warehouse)
        return run


@contextlib.contextmanager
def _work_dir(warehouse: Path) -> Iterator[Path]:
    """Provide a folder beside the warehouse for data that do not fit into memory; remove leftovers of killed runs."""
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
