"""What a change of files touches, and how its new rows take the place of the old ones.

A file's records touch their clients; a client's orders, e-mail hashes and checkouts touch the clients
that share them. All records of the clients so reached are looked at again, by the same statements, and
the rows that come out differently are exchanged. Figures by day are made again for the days of those rows.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb

from event_data.sql import identifier, literal
from transformation.statements import Statement


@dataclass(frozen=True)
class Table:
    """How a published table is exchanged: in units of `unit`; rows whose `key` is in `scope` were looked at again."""

    unit: str
    scope: str  # touched_events or touched_clients
    date: str | None = None  # the day under which its rows count
    key: str | None = None  # the unit, unless a number finds the same rows faster


UNITS = {
    "silver.rejected_events": Table("event_id", "touched_events"),
    "silver.events": Table("event_id", "touched_events", "event_date"),
    "silver.sessions": Table("client_id", "touched_events", "session_date", key="session_id"),
    "silver.links": Table("client_id", "touched_clients"),
    "silver.people": Table("client_id", "touched_clients"),
    "silver.received_orders": Table("event_id", "touched_events", "event_date"),
    "silver.orders": Table("order_id", "touched_events", "order_date"),
    "silver.order_items": Table("order_id", "touched_events", "order_date"),
    "silver.clients": Table("client_id", "touched_clients", "first_date"),
    "silver.order_touches": Table("order_id", "touched_events"),
    "gold.attribution": Table("order_id", "touched_events", "order_date"),
    "gold.unattributed": Table("order_id", "touched_events", "order_date"),
}
# Figures by day, in the order of their statements, with the column that holds the day.
DAY_COLUMNS = {
    "gold.channel_performance": "date",
    "gold.funnel": "date",
    "gold.products": "date",
    "silver.event_counts": "event_date",
    "silver.event_metrics": "date",
    "gold.hourly_metrics": "date",
    "gold.daily_metrics": "date",
}
WHOLE = ("silver.files", "gold.ledger", "gold.headline_figures", "gold.shop")


def select_touched(
    connection: duckdb.DuckDBPyConnection,
    filled: Mapping[str, str],
    selects: Sequence[str],
    gone: Sequence[str],
) -> None:
    """Make bronze.events the records to look at again.

    Before, it must hold the records that arrive and those that go, and silver.received stand on it.
    Leaves the tables touched_events and touched_clients, the units to exchange.
    """
    run = connection.execute
    run(f"""create temp table arriving_or_gone as
        select distinct
            client_id,
            -- repeats of a record without an id have its time
            case when client_id is null then event_at end as event_at,
            case when client_id is null then time_text end as time_text,
            {filled["transaction_id"]} as transaction_id, {filled["customer"]} as customer,
            nullif({filled["checkout_token"]}, '') as checkout_token
        from silver.received as received""")
    _reach_clients(connection)
    _fetch_records(connection, filled, gone)
    run("create temp table touched_events as select event_id from silver.received")
    run(
        "create or replace view bronze.events as "
        + " union all by name ".join(
            [*selects, "select * from landed_before", "select * from warehouse.bronze.events where false"]
        )
    )
    run("insert into touched_events select event_id from silver.received")


def _reach_clients(connection: duckdb.DuckDBPyConnection) -> None:
    """Make touched_clients: whoever shares an order, an e-mail hash or a checkout with a client that is reached."""
    run = connection.execute
    keys = " union all ".join(
        f"select {{0}} as member, '{kind}' as kind, {kind} as value from {{1}} where {kind} is not null"
        for kind in ("transaction_id", "customer", "checkout_token")
    )
    # Rows are found by few columns, and then fetched: a search reads all columns that it is asked for.
    run("""create temp table keyed as
        select rowid as row_number from warehouse.silver.events
        where transaction_id is not null or customer is not null or checkout_token is not null""")
    # An event without an id is a member of its own.
    run("""create temp table keyed_events as
        select coalesce(client_id, '#' || event_id) as member, transaction_id, customer, checkout_token
        from warehouse.silver.events where rowid in (from keyed)""")
    run("create temp table members as " + keys.format("member", "keyed_events"))
    run("""create temp table touched_clients as
        select distinct client_id from arriving_or_gone where client_id is not null""")
    touched = keys.format("client_id", "arriving_or_gone")
    run(f"create temp table touched_keys as select distinct kind, value from ({touched})")
    while True:
        before = _count(connection, "touched_clients") + _count(connection, "touched_keys")
        run("""insert into touched_keys
            select distinct kind, value from members where member in (from touched_clients)
            except from touched_keys""")
        run("""insert into touched_clients
            select distinct member from members inner join touched_keys using (kind, value)
            except from touched_clients""")
        if _count(connection, "touched_clients") + _count(connection, "touched_keys") == before:
            break


def _fetch_records(connection: duckdb.DuckDBPyConnection, filled: Mapping[str, str], gone: Sequence[str]) -> None:
    """Make landed_before: of the files that stay, the clients' records, and what may repeat a record without an id."""
    run = connection.execute
    not_gone = f"_source_file not in ({', '.join(map(literal, gone))})" if gone else "true"
    events = "warehouse.bronze.events as events"
    names = {row[0].lower() for row in run("describe warehouse.bronze.events").fetchall()}
    client, time = _existing(filled["client"], names), _existing(filled["time"], names)
    run("""create temp table anonymous as
        select event_id from warehouse.silver.events
        where client_id is null and event_at in (select event_at from arriving_or_gone where event_at is not null)
        union
        select try_cast(substr(client_id, 2) as bigint) from touched_clients where client_id like '#%'""")
    run("""create temp table repeats as
        select event_id from warehouse.silver.rejected_events where reason = 'exact repeat'""")
    by_id = "on events._file_id = event_id // 100000000 and events._line = event_id % 100000000"
    run(f"""create temp table rows_before as
        select events.rowid as row_number from {events} where {not_gone} and {client} in (from touched_clients)
        union
        select events.rowid from {events} inner join anonymous {by_id} where {not_gone} and {client} is null
        union
        select events.rowid from {events} inner join repeats {by_id}
        where {not_gone} and {client} is null
            and {time} in (select time_text from arriving_or_gone where time_text is not null)""")
    run(f"create table landed_before as select events.* from {events} where rowid in (from rows_before)")


def merge_touched(
    connection: duckdb.DuckDBPyConnection,
    statements: Sequence[Statement],
    working: Collection[str],
    gone: Sequence[str],
    landed: Sequence[str],
    columns: Sequence[str],
) -> None:
    """Run the statements on the records to look at again, and exchange in the warehouse what comes out differently."""
    run = connection.execute
    run("create temp table changed_days (name varchar, day date)")
    for statement in statements:
        if statement.name not in DAY_COLUMNS and statement.name not in WHOLE:
            run(statement.sql)
    _exchange_bronze(connection, gone, landed, columns)
    files = ", ".join(map(literal, [*gone, *landed]))
    run(f"delete from warehouse.silver.file_totals where source_file in ({files})")
    if landed:
        run(f"""insert into warehouse.silver.file_totals by name
            select * from silver.file_totals where source_file in ({", ".join(map(literal, landed))})""")
    for name, table in UNITS.items():
        _exchange(connection, name, table)
    _renew_figures(connection, statements, working)


def _renew_figures(
    connection: duckdb.DuckDBPyConnection, statements: Sequence[Statement], working: Collection[str]
) -> None:
    """Make the figures of the changed days again, and those of the whole; the statements see the warehouse now."""
    run = connection.execute
    by_name = {s.name: s for s in statements}
    _look_at(connection, "silver.rejected_events", "true")
    run(by_name["silver.files"].sql)
    run("""insert into changed_days
        select 'silver.files', file_date from (
            (from silver.files except from warehouse.silver.files)
            union all (from warehouse.silver.files except from silver.files)
        )""")
    run("create or replace table warehouse.silver.files as from silver.files")
    changed: dict[str, set[date]] = {}
    for name, day in run("from changed_days").fetchall():
        changed.setdefault(name, set()).add(day)
    dates = {"silver.files": "file_date", **DAY_COLUMNS}
    dates |= {name: table.date for name, table in UNITS.items() if table.date}
    reads = {
        name: dates.keys() & set(re.findall(r"(?:silver|gold)[.]\w+", by_name[name].select)) for name in DAY_COLUMNS
    }
    # A figure is made for the days on which anything changed that it is made of; what is made on the way, and
    # all that is made of it, for the same days.
    made_of = {name: set(tables) for name, tables in reads.items()}
    for tables in made_of.values():  # in the order of the statements, each of which reads earlier ones
        tables |= {deeper for table in list(tables) for deeper in made_of.get(table, ())}
    days = {name: {day for table in tables for day in changed.get(table, ())} for name, tables in made_of.items()}
    for name in DAY_COLUMNS:
        if name in working:
            users = [user for user, tables in made_of.items() if name in tables]
            days |= {table: {day for user in users for day in days[user]} for table in (name, *users)}
    for name in DAY_COLUMNS:
        for table in reads[name] - set(working):
            _look_at(connection, table, _among(dates[table], days[name]))
        run(by_name[name].sql)
        if name not in working:
            run(f"delete from warehouse.{name} where {_among(dates[name], days[name])}")
            run(f"insert into warehouse.{name} by name select * from {name}")
    for name in (*UNITS, *(DAY_COLUMNS.keys() - set(working)), "silver.file_totals", "silver.files"):
        _look_at(connection, name, "true")
    for name in ("gold.ledger", "gold.headline_figures"):
        run(by_name[name].sql)
        run(f"create or replace table warehouse.{name} as from memory.{name}")
    run("create or replace table warehouse.bronze.files as from bronze.files")
    run("create or replace table warehouse.bronze.unread_files as from bronze.unread_files")


def _exchange(connection: duckdb.DuckDBPyConnection, name: str, table: Table) -> None:
    run = connection.execute
    unit, key = table.unit, table.key or table.unit
    touched = f"{key} in (select {'event_id' if table.scope == 'touched_events' else 'client_id'} from {table.scope})"
    run(f"""create or replace temp table rows_before as
        select rowid as row_number from warehouse.{name} where {touched}""")
    run(f"""create or replace temp table before as
        select rowid as row_number, * from warehouse.{name} where rowid in (from rows_before)""")
    run(f"create or replace temp table after as select * from memory.{name} where {touched}")
    # Most keys are on one side only; no more than the others have to be compared in full.
    day = table.date or "null"
    both = f"{key} in (select {key} from before) and {key} in (select {key} from after)"
    run(f"""create or replace temp table differences as
        select {unit} as unit, {day} as day from before where {key} not in (select {key} from after)
        union all
        select {unit}, {day} from after where {key} not in (select {key} from before)
        union all
        select {unit}, {day} from (
            (select * exclude (row_number) from before where {both} except all select * from after where {both})
            union all
            (select * from after where {both} except all select * exclude (row_number) from before where {both})
        )""")
    run("create or replace temp table changed as select distinct unit from differences")
    run(f"insert into changed_days select distinct '{name}', day from differences where day is not null")
    run(f"""delete from warehouse.{name}
        where rowid in (select row_number from before where {unit} in (from changed))""")
    run(f"insert into warehouse.{name} by name select * from after where {unit} in (from changed)")


def _exchange_bronze(
    connection: duckdb.DuckDBPyConnection, gone: Sequence[str], landed: Sequence[str], columns: Sequence[str]
) -> None:
    run = connection.execute
    if gone:
        run(f"delete from warehouse.bronze.events where _source_file in ({', '.join(map(literal, gone))})")
    have = {row[0].lower(): row[0] for row in run("describe warehouse.bronze.events").fetchall()}
    wanted = {name.lower(): name for name in reversed(list(columns))}
    for name in [wanted[n] for n in wanted if n not in have]:
        run(f"alter table warehouse.bronze.events add column {identifier(name)} varchar")
    for name in [have[n] for n in have if n not in wanted and not n.startswith("_")]:
        run(f"alter table warehouse.bronze.events drop column {identifier(name)}")
    if landed:
        there = {row[0].lower(): row[0] for row in run("describe bronze.events").fetchall()}
        names = ", ".join(identifier(there[n]) for n in there if n in wanted or n.startswith("_"))
        run(f"""insert into warehouse.bronze.events by name
            select {names} from bronze.events where _source_file in ({", ".join(map(literal, landed))})""")


def _look_at(connection: duckdb.DuckDBPyConnection, name: str, condition: str) -> None:
    """Let the statements see the warehouse's rows of a table instead of those made in memory."""
    schema, table = name.split(".")
    found = connection.execute(
        "select table_type from information_schema.tables "
        "where table_catalog = 'memory' and table_schema = ? and table_name = ?", [schema, table]
    ).fetchone()  # fmt: skip
    if found:
        connection.execute(f"drop {'view' if found[0] == 'VIEW' else 'table'} memory.{name}")
    connection.execute(f"create view memory.{name} as select * from warehouse.{name} where {condition}")


def _among(column: str, days: Collection[date]) -> str:
    """A condition in plain words, by which DuckDB passes over what lies outside."""
    listed = ", ".join(f"date '{day}'" for day in sorted(days))
    return f"{column} in ({listed})" if days else "false"


def _existing(sql: str, names: Collection[str]) -> str:
    """An expression over columns of the files, with null for those that the warehouse has not."""
    for part in sql.removeprefix("coalesce(").removesuffix(")").split(", "):
        name = part.removeprefix("events.").strip('"').lower()
        if part.startswith("events.") and name not in names:
            sql = sql.replace(part, "cast(null as varchar)")
    return sql


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    row = connection.execute(f"select count(*) from {table}").fetchone()
    return int(row[0]) if row else 0
