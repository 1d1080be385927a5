"""Print transform.sql as a script for a warehouse, which loads the files itself; every select is translated.

The files in --data_dir are read for what a script cannot find out: the columns of each file and their order, the number
of records, and the number of lines of an order. The warehouse loads the records from its own location. The shop's books
are read here, because a loader can neither hash a customer nor compute what the contract describes; their records are
written to files that the warehouse loads.
"""

import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import duckdb

from event_data.books.reading import FILES as BOOK_FILES
from event_data.books.reading import ORDERS, SPEND, Landing, land_books
from event_data.contract import Contract
from event_data.events import filled_sql
from event_data.evidence import land_seeds
from event_data.output import write_atomically
from event_data.reading.day_file import DayFile
from event_data.reading.deliveries import survey_days
from event_data.reading.folder import find_book_files, find_files
from event_data.sql import identifier, literal, named_statements
from event_data.statements import Statement, fill, read_statements
from transformation.books import statements_of
from transformation.build import HERE, NOT_PUBLISHED
from transformation.engines.dialects import DialectError, translate
from transformation.engines.sql_engines import LONGEST_LIST, WAREHOUSES, Warehouse
from transformation.landing import column_names, land
from transformation.placeholders import placeholders
from transformation.suite import read_suite

LEDGERS = {"gold.ledger": "check_ledger", "gold.order_list_ledger": "check_order_list_ledger"}
# Problems that our reader can handle, but that would stop or mislead a warehouse's loader.
LOADERS_STOP = (
    "ragged", "stray_quote", "unterminated_quote", "truncated", "field_too_long", "encoding", "nul_byte", "utf_16",
    "surplus_empty",
)  # fmt: skip
LANDINGS = {landing.table: landing for landing in (ORDERS, SPEND)}
PASSED = "case when expected is not distinct from actual then 'PASS' else 'FAIL' end as result"
SQL = named_statements(Path(__file__).with_suffix(".sql").read_text("utf-8"))


def script(
    engine: str, data_dir: Path, contract: Contract, location: str | None = None, books_dir: Path | None = None
) -> str:
    """Return the whole script. `location` is where the engine finds the files: a stage, a URL or a folder.

    The records of the shop's books are written to `books_dir`; the script loads them from `location` too. Raise
    ReadingError for a folder without files. Raise DialectError for a file that a loader cannot read, or if sqlglot is
    not installed.
    """
    warehouse = WAREHOUSES[engine](engine, location)
    if not location and not warehouse.place:
        warehouse.location = str(data_dir.resolve())
    return _text(engine, _statements(warehouse, data_dir, contract, books_dir))


def _land_books(
    connection: duckdb.DuckDBPyConnection, data_dir: Path, contract: Contract, work_dir: Path, books_dir: Path | None
) -> dict[str, int]:
    """Read the contract's books, write their records to `books_dir`, and return the number of records by table.

    Raise DialectError for a file that cannot be read.
    """

    def copy(table: str, path: Path) -> None:
        columns = ", ".join(f"{name} as {_plain(name)}" for name in LANDINGS[table].types)
        connection.execute(f"copy (select {columns} from {table}) to {literal(str(path))} (format csv, header)")

    tables = land_books(connection, contract, partial(find_book_files, data_dir), work_dir)
    refused = connection.execute(f"select name, refused from {BOOK_FILES} where refused is not null").fetchall()
    for name, why in refused:
        raise DialectError(f"{data_dir / name} {why}; correct the file or remove it")
    if books_dir:
        books_dir.mkdir(parents=True, exist_ok=True)
        for table in tables:
            write_atomically(books_dir / _file_of(table), partial(copy, table))
    return {table: connection.execute(f"select count(*) from {table}").fetchall()[0][0] for table in tables}


def _file_of(table: str) -> str:
    return f"{table.replace('.', '_')}.csv"


def _plain(column: str) -> str:
    """Return the name of a column of bronze in the file: BigQuery reserves some that begin with an underscore."""
    return column.removeprefix("_")


def _text(made_for: str, statements: Iterable[str]) -> str:
    heading = f"-- Made by transform.py --print_sql {made_for} from transform.sql, which has the comments."
    return "\n\n".join([heading, *(f"{statement};" for statement in statements)]) + "\n"


def _statements(warehouse: Warehouse, data_dir: Path, contract: Contract, books_dir: Path | None) -> Iterator[str]:
    if contract.is_converted:
        raise DialectError(
            f"{contract.path} describes files that are converted when they are read (computed roles, another format, "
            "or many days in a file), which a warehouse's loader cannot do; build with --engine duckdb or spark"
        )
    with duckdb.connect() as connection, tempfile.TemporaryDirectory() as work_dir:
        folder = find_files(data_dir, contract.file_name, contract.ignored_files, contract.book_files)
        surveyed = survey_days(folder.files, contract, Path(work_dir), [])
        files, selects = land(connection, surveyed, contract, Path(work_dir))
        for file in files:
            if file.refused or (problem := next((p for p in file.problems if p.kind in LOADERS_STOP), None)):
                what = file.refused or f"{problem.message} (line {problem.line})"  # type: ignore[union-attr]
                raise DialectError(f"{file.path} {what}: a loader would stop there; correct the file")
        land_seeds(connection, contract)
        connection.execute("create view bronze.events as " + " union all by name ".join(selects))
        columns = [name for file in files for name in column_names(file.header, contract)]
        filled = placeholders(connection, contract, columns, portable=True)
        yield from warehouse.schemas()
        yield from warehouse.stage()
        yield from _seeds(warehouse, connection)
        books = _land_books(connection, data_dir, contract, Path(work_dir), books_dir)
    yield from _bronze(warehouse, files, contract)
    for table, records in books.items():
        yield from _book(warehouse, LANDINGS[table], records)
    made = _ledgers_first(
        [fill(s, filled) for s in read_statements(HERE / "transform.sql")],
        statements_of(contract, books.keys() & {ORDERS.table}, portable=True),
    ) + statements_of(contract, books.keys() & {SPEND.table}, portable=True)
    for statement in made:
        yield from _described(warehouse, statement)
        if statement.name in LEDGERS:
            yield translate(SQL[LEDGERS[statement.name]].sql, warehouse.engine)
    yield from (f"drop {s.kind} if exists {s.name}" for s in made if s.name in NOT_PUBLISHED)


def suite_script(engine: str, contract: Contract) -> str:
    """Return the SQL test suite as a script with its own schemas; the last statement lists each test and its result.

    Raise DialectError if sqlglot is not installed.
    """
    return _text(
        f"{engine} --validate", map(_in_schemas_of_its_own, _suite_statements(WAREHOUSES[engine](engine), contract))
    )


def _suite_statements(warehouse: Warehouse, contract: Contract) -> Iterator[str]:
    suite = read_suite(contract, portable=True)
    yield from warehouse.schemas()
    with duckdb.connect() as connection:
        land_seeds(connection, contract)
        yield from _seeds(warehouse, connection)
    for statement in (*suite.rows, *suite.statements):
        yield from _described(warehouse, statement)
    tests = "\nunion all\n".join(f"select * from ({test.strip().rstrip(';')}) as test" for test in suite.tests)
    yield translate(f"select *, {PASSED} from ({tests}) as tests order by test nulls first", warehouse.engine)


def _in_schemas_of_its_own(statement: str) -> str:
    return re.sub(r"\b(bronze|silver|gold)\b(?=[.]|$)", r"test_\1", statement)


def _described(warehouse: Warehouse, statement: Statement) -> Iterator[str]:
    first, *rest = warehouse.create(statement.kind, statement.name, statement.select)
    yield f"-- {statement.name}: {statement.description}\n{first}"
    yield from rest


def _seeds(warehouse: Warehouse, connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    tables = connection.execute(
        "select table_name from information_schema.tables where table_schema = 'bronze' and table_type = 'BASE TABLE' "
        "order by table_name"
    ).fetchall()
    for (table,) in tables:
        seed = connection.execute(f"from bronze.{table}")
        columns = ", ".join(f"{column[0]} {warehouse.text}" for column in seed.description)
        rows = [f"({', '.join(map(warehouse.literal, row))})" for row in seed.fetchall()]
        yield from _table(warehouse, f"bronze.{table}", columns, rows)


def _table(warehouse: Warehouse, name: str, columns: str, rows: Sequence[str]) -> Iterator[str]:
    yield from warehouse.empty_table(name, columns)
    for start in range(0, len(rows), LONGEST_LIST):
        yield f"insert into {name} values\n" + ",\n".join(rows[start : start + LONGEST_LIST])


def _bronze(warehouse: Warehouse, files: Sequence[DayFile], contract: Contract) -> Iterator[str]:
    """Load files with the same header together, then rename their columns to the contract's names."""
    integer = warehouse.integer
    rows = [f"({warehouse.literal(f.name)}, date '{f.day}', {f.file_id}, {f.records})" for f in files]
    columns = f"name {warehouse.text}, file_date date, file_id {integer}, records {integer}"
    yield from _table(warehouse, "bronze.listed_files", columns, rows)
    known = {name for column in contract.columns for name in column.names}
    groups: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for file in files:
        header = tuple(name if name in known else f"column_{i}" for i, name in enumerate(file.header, 1))
        groups.setdefault((header, file.delimiter), []).append(file.name)
    in_order = (name for column in contract.columns for name in column.names)
    present = [name for name in in_order if any(name in header for header, _ in groups)]
    selects, unloads = [], []
    for number, ((header, delimiter), names) in enumerate(groups.items(), 1):
        landed = warehouse.landed.format(number)
        yield from warehouse.load(landed, header, names, delimiter)
        unloads.append(warehouse.unload(landed))
        selects.append(_landed(warehouse, landed, header, present, contract))
    payloads = [name for name in contract.names_of("payload") if name in present]
    payload = ", ".join(filled_sql(identifier(name)) for name in payloads) or "cast(null as varchar)"
    payload = f"coalesce({payload})" if len(payloads) > 1 else payload
    events = f"""
with landed as (
    {" union all ".join(selects)}
)
select
    files.name as _source_file, files.file_id as _file_id, landed._row + 1 as _line,
    cast(null as varchar) as _unreadable, case when json_valid({payload}) then {payload} end as _payload,
    {", ".join(f"landed.{identifier(name)}" for name in present)}
from landed
inner join bronze.listed_files as files on regexp_extract(landed._path, '([^/]*)$', 1) = files.name"""
    yield from warehouse.create("table", "bronze.events", events)
    yield from warehouse.create("table", "bronze.files", SQL["files"].sql)
    yield translate(SQL["check_load"].sql, warehouse.engine)
    yield from unloads
    yield "drop table bronze.listed_files"


def _landed(
    warehouse: Warehouse, landed: str, header: Sequence[str], present: Sequence[str], contract: Contract
) -> str:
    """Return the select of records of files with one header; empty fields and missing columns are null."""
    # If the engine keeps no order, sort by time, then by all other columns.
    times = set(contract.names_of("time"))
    keys = [f"{identifier(name)} nulls first" for name in sorted(header, key=lambda name: name not in times)]
    row = warehouse.row or f"row_number() over (partition by {warehouse.path} order by {', '.join(keys)})"
    columns = ", ".join(
        f"nullif({identifier(name)}, '') as {identifier(name)}" if name in header
        else f"cast(null as varchar) as {identifier(name)}"
        for name in present
    )  # fmt: skip
    return f"select {warehouse.path} as _path, {row} as _row, {columns} from {landed}"


def _book(warehouse: Warehouse, book: Landing, records: int) -> Iterator[str]:
    """Load the records of a book from its file, and stop if not all are loaded."""
    landed = warehouse.landed.format(book.table.rpartition(".")[2])
    yield from warehouse.load(landed, [_plain(name) for name in book.types], [_file_of(book.table)], ",")
    columns = ", ".join(
        f"cast(nullif({identifier(_plain(name))}, '') as {kind}) as {name}" for name, kind in book.types.items()
    )
    yield from warehouse.create("table", book.table, f"select {columns} from {landed}")
    check = SQL["check_book"].sql.format(records=records, file=_file_of(book.table), table=book.table)
    yield translate(check, warehouse.engine)
    yield warehouse.unload(landed)


def _ledgers_first(statements: Sequence[Statement], order_list: Sequence[Statement]) -> list[Statement]:
    """Move the ledgers before the other gold tables, which are unchanged if a ledger stops the script."""
    ledger = next(s for s in statements if s.name == "gold.ledger")
    others = [s for s in statements if s is not ledger]
    first = next(i for i, s in enumerate(others) if s.name.startswith("gold."))
    return [*others[:first], ledger, *order_list, *others[first:]]
