"""Runs of part 2 for tests, and its tables beside those of the reference."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import transform
from attribution_reference import reference
from commands import PART2, call
from event_reference import Row

SEEDS = PART2 / "seeds"
# What is compared: the schema, the columns that name a row, and the others.
TABLES = {
    "rejected_events": ("silver", "event_id", "source_file line reason revenue"),
    "events": ("silver", "event_id", """client_id client_id_as_tracked event_at event_date event event_name host path
        utm_source utm_medium utm_campaign click_id referrer_host source medium campaign channel is_bot transaction_id
        revenue customer checkout_token"""),
    "sessions": ("silver", "reading session_id", """client_id started_at ended_at first_channel last_channel events
        page_views signups carts checkouts orders"""),
    "received_orders": ("silver", "event_id", """status reason order_id counted_revenue excluded_revenue is_collision
        is_reused_id is_repeated_id is_possible_duplicate transaction_id revenue"""),
    "orders": ("silver", "order_id", """transaction_id revenue has_earlier_event has_earlier_page_view
        has_earlier_event_as_tracked has_earlier_page_view_as_tracked window_cut_off is_collision
        is_possible_duplicate"""),
    "people": ("silver", "client_id", "person_id"),
    "attribution": ("gold", "order_id reading model position", "transaction_id channel source medium credit"),
    "unattributed": ("gold", "order_id reading", "reason revenue"),
}  # fmt: skip


def command(*args: object) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of the command."""
    return call(transform, *args)


def run(data_dir: Path, warehouse: Path, contract: Path, *args: str) -> tuple[int, str, str]:
    """The same, of a quiet run on these files."""
    return command("--data_dir", data_dir, "--warehouse", warehouse, "--contract", contract, "--quiet", *args)


def rows(warehouse: Path, sql: str) -> list[Row]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        found = connection.execute(sql)
        return [dict(zip([column[0] for column in found.description], row, strict=True)) for row in found.fetchall()]


def build(data_dir: Path, warehouse: Path, contract: Path) -> None:
    """Run the command, which must have done its work."""
    status, _, stderr = run(data_dir, warehouse, contract)
    assert status in (0, 3), stderr


def differences(warehouse: Path, files: Sequence[Path], contract: Path, values: bool = True) -> list[str]:
    """Where a table is not what the reference says, a line each; without `values` only rows and columns are named."""
    told = []
    tables = vars(reference(files, contract, SEEDS))
    for table, (schema, names, compared) in TABLES.items():
        key = names.split()
        columns = [*key, *compared.split()]
        quoted = ", ".join(f'"{column}"' for column in columns)
        found = _by_key(key, rows(warehouse, f"select {quoted} from {schema}.{table}"))
        expected = _by_key(key, tables[table])
        for name in sorted(found.keys() | expected.keys(), key=repr):
            here, there = found.get(name, []), expected.get(name, [])
            if len(here) != len(there):
                told.append(f"{table} {name}: {len(here)} rows, the reference has {len(there)}")
            for mine, other in zip(here, there, strict=False):
                wrong = [column for column in columns if mine[column] != other[column]]
                pairs = [f"{c} {mine[c]!r}, the reference has {other[c]!r}" for c in wrong] if values else wrong
                told += [f"{table} {name}: {'; '.join(pairs)}"] if wrong else []
    return told


def differing_tables(one: Path, other: Path) -> list[str]:
    """The tables that only one of two warehouses has, by name, and how others differ, a line each."""
    wrong = []
    with duckdb.connect() as connection:
        connection.execute(f"attach '{one}' as a (read_only); attach '{other}' as b (read_only)")
        names = "select table_schema || '.' || table_name from information_schema.tables where table_catalog = ?"
        tables, others = ({row[0] for row in connection.execute(names, [c]).fetchall()} for c in ("a", "b"))
        assert len(tables) > 20
        wrong += sorted(tables ^ others)
        for table in sorted(tables & others):
            columns, theirs = ([r[0] for r in connection.execute(f"describe {c}.{table}").fetchall()] for c in "ab")
            wrong += [f"{table}: {columns} and {theirs}"] if set(columns) != set(theirs) else []
            # when it was landed, and the file system's own marks of a file and of a build
            compared = ", ".join(f'"{c}"' for c in columns if c not in ("_loaded_at", "stamp"))
            rows = "select {} from {}.{}" + (" where key <> 'folder'" if table == "bronze.build" else "")
            for left, right in (("a", "b"), ("b", "a")):
                more = f"{rows.format(compared, left, table)} except all {rows.format(compared, right, table)}"
                found = connection.execute(f"select count(*) from ({more})").fetchall()[0][0]
                wrong += [f"{table}: {found} rows of {left} only"] if found else []
    return wrong


def _by_key(key: Sequence[str], table: list[Row]) -> dict[tuple[Any, ...], list[Row]]:
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in table:
        found.setdefault(tuple(row[column] for column in key), []).append(row)
    return found


# Each query finds what must not be, beyond what a comparison with the reference shows.
INVARIANTS = {
    "credit is not the order's revenue": """
        select order_id, model, reading, sum(credit) as credit, any_value(revenue) as revenue
        from gold.attribution inner join silver.orders using (order_id)
        group by all having sum(credit) <> any_value(revenue)""",
    "an order is not in every model and reading": """
        select order_id, count(distinct (reading, model)) as combinations
        from silver.orders left join gold.attribution using (order_id)
        group by order_id having count(distinct (reading, model)) <> 18""",
    "revenue that is lost between the events and the orders": """
        select * from
            (select coalesce(sum(revenue), 0) as sent from silver.events),
            (select coalesce(sum(revenue), 0) as judged from silver.received_orders)
        where sent <> judged""",
    "a line of the ledger that is not there, or there twice": """
        select line from gold.ledger group by line having count(*) > 1""",
    "a ledger that does not balance": """
        select sum(orders), sum(amount) from gold.ledger
        where position < (select position from gold.ledger where line = 'counted')
        having (sum(orders), sum(amount)) <> (select (orders, amount) from gold.ledger where line = 'counted')""",
}
# Every dollar that the files name, by what became of it.
LEDGER = """
    select
        coalesce((select sum(counted_revenue) from silver.received_orders), 0)
        + coalesce((select sum(excluded_revenue) from silver.received_orders), 0)
        + coalesce((select sum(revenue) from silver.rejected_events), 0) as accounted"""


def violations(warehouse: Path) -> dict[str, list[Row]]:
    found = {name: rows(warehouse, sql) for name, sql in INVARIANTS.items()}
    return {name: bad[:3] for name, bad in found.items() if bad}
