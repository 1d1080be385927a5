"""What a change of files touches, and how its new rows take the place of the old ones.

A file's records touch their clients; a client's orders, e-mail hashes and checkouts touch the clients
that share them. All records of the clients so reached are looked at again, by the same statements, and
the rows that come out differently are exchanged. Figures by day are made again for the days of those rows.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import duckdb
from shop import identifier, literal
from statements import Statement


@dataclass(frozen=True)
class Table:
    """How a published table is exchanged: in units of `unit`, of which those in `scope` were looked at again."""

    unit: str
    scope: str  # touched_events or touched_clients
    date: str | None = None  # the day under which its rows count


UNITS = {
    "silver.rejected_events": Table("event_id", "touched_events"),
    "silver.events": Table("event_id", "touched_events", "event_date"),
    "silver.sessions": Table("client_id", "touched_clients", "session_date"),
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
BY_DAY = (
    "gold.channel_performance", "gold.funnel", "gold.products", "gold.hourly_metrics", "gold.daily_metrics"
)  # fmt: skip
WHOLE = ("silver.files", "gold.ledger", "gold.headline_figures")


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
            client_id, case when client_id is null then time_text end as time_text,
            {filled["transaction_id"]} as transaction_id, {filled["customer"]} as customer,
            nullif({filled["checkout_token"]}, '') as checkout_token
        from silver.received as received""")
    keys = " union all ".join(
        f"select {{0}} as member, '{kind}' as kind, {kind} as value from {{1}} where {kind} is not null"
        for kind in ("transaction_id", "customer", "checkout_token")
    )
    # An event without an id is a member of its own.
    member = "coalesce(client_id, '#' || event_id)"
    run("create temp table members as " + keys.format(member, "warehouse.silver.events"))
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
    not_gone = f"_source_file not in ({', '.join(map(literal, gone))})" if gone else "true"
    events = "warehouse.bronze.events as events"
    names = {row[0].lower() for row in run("describe warehouse.bronze.events").fetchall()}
    client, time = _existing(filled["client"], names), _existing(filled["time"], names)
    run(f"""create table landed_before as
        select events.* from {events}
        where {not_gone} and {client} in (from touched_clients)
        union all
        select events.* from {events}
        where {not_gone} and {client} is null and (
            {time} in (select time_text from arriving_or_gone where time_text is not null)
            or '#' || (_file_id * 1000000000 + _line) in (from touched_clients)
        )""")
    run("create temp table touched_events as select event_id from silver.received")
    run(
        "create or replace view bronze.events as "
        + " union all by name ".join(
            [*selects, "select * from landed_before", "select * from warehouse.bronze.events where false"]
        )
    )
    run("insert into touched_events select event_id from silver.received")


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
    run("create temp table changed_days (day date)")
    day_tables = {*BY_DAY, "silver.event_counts", "silver.event_metrics"}
    for statement in statements:
        if statement.name not in day_tables and statement.name not in WHOLE:
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
    day_tables = {*BY_DAY, "silver.event_counts", "silver.event_metrics"}
    _look_at(connection, "silver.rejected_events", "true")
    run(by_name["silver.files"].sql)
    run("""insert into changed_days
        select file_date from (
            (from silver.files except from warehouse.silver.files)
            union all (from warehouse.silver.files except from silver.files)
        )""")
    for name, table in UNITS.items():
        if table.date:
            _look_at(connection, name, f"{table.date} in (from changed_days)")
    run("create or replace table warehouse.silver.files as from silver.files")
    _look_at(connection, "silver.files", "file_date in (from changed_days)")
    for statement in statements:
        if statement.name in day_tables:
            run(statement.sql)
            if statement.name not in working:
                run(f"delete from warehouse.{statement.name} where date in (from changed_days)")
                run(f"insert into warehouse.{statement.name} by name select * from {statement.name}")
    for name in (*UNITS, *BY_DAY, "silver.file_totals", "silver.files"):
        _look_at(connection, name, "true")
    for name in ("gold.ledger", "gold.headline_figures"):
        run(by_name[name].sql)
        run(f"create or replace table warehouse.{name} as from memory.{name}")
    run("create or replace table warehouse.bronze.files as from bronze.files")


def _exchange(connection: duckdb.DuckDBPyConnection, name: str, table: Table) -> None:
    run = connection.execute
    unit = table.unit
    key = "event_id" if table.scope == "touched_events" else "client_id"
    run(f"""create or replace temp table before as
        select * from warehouse.{name} where {unit} in (select {key} from {table.scope})""")
    run(f"""create or replace temp table after as
        select * from memory.{name} where {unit} in (select {key} from {table.scope})""")
    run(f"""create or replace temp table changed as
        select distinct {unit} as unit from (
            (select * from before except all select * from after) union all
            (select * from after except all select * from before)
        )""")
    if table.date:
        for rows in ("before", "after"):
            run(f"insert into changed_days select distinct {table.date} from {rows} where {unit} in (from changed)")
    run(f"delete from warehouse.{name} where {unit} in (from changed)")
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
