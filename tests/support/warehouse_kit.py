"""Runs of part 2 for tests, and its tables beside those of the reference."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import transform
from attribution_reference import Tie, read, start_of, tables_of
from commands import PART2, call
from source_reference import Row
from transformation.suite import Suite

SEEDS = PART2 / "seeds"
# What is compared: the schema, the columns that name a row, and the others.
TABLES = {
    "rejected_events": ("silver", "event_id", "source_file line reason revenue"),
    "events": ("silver", "event_id", """client_id client_id_as_tracked event_at event_date event event_name host path
        utm_source utm_medium utm_campaign click_id referrer_host source medium campaign channel is_bot transaction_id
        revenue customer checkout_token"""),
    "sessions": ("silver", "reading client_id started_at", """session_id ended_at session_date first_channel
        first_source first_medium first_campaign last_channel last_source last_medium last_campaign events page_views
        signups carts checkouts orders"""),
    "received_orders": ("silver", "event_id", """status reason order_id counted_revenue excluded_revenue is_collision
        is_reused_id is_repeated_id is_possible_duplicate transaction_id revenue"""),
    "orders": ("silver", "order_id", """transaction_id revenue has_earlier_event has_earlier_page_view
        has_earlier_event_as_tracked has_earlier_page_view_as_tracked window_cut_off is_collision
        is_possible_duplicate"""),
    "people": ("silver", "client_id", "person_id"),
    "order_touches": ("silver", "order_id reading position", """touches session_id touched_at seconds_before_order
        channel source medium campaign"""),
    "attribution": ("gold", "order_id reading model position", "transaction_id channel source medium credit"),
    "no_known_source": ("gold", "order_id reading", "reason revenue"),
}  # fmt: skip
# Orders of the events of one client, moment and step, by the hash of their content.
TIES: list[Tie] = [
    str,
    lambda content_hash: -int(content_hash, 16),
    *(
        lambda content_hash, salt=salt: hashlib.md5((salt + content_hash).encode()).hexdigest()
        for salt in "abcdefghijklmn"
    ),
]


def command(*args: object) -> tuple[int, str, str]:
    """Return the exit status, stdout and stderr of the command."""
    return call(transform, *args)


def run(data_dir: Path, warehouse: Path, contract: Path, *args: str) -> tuple[int, str, str]:
    """Return the same for a quiet run on these files."""
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
    """Return where a table is not what the reference says, a line each; without `values` only rows and columns.

    A value that changes with the order of events of one client, moment and step is not compared: a hash decides it, and
    the warehouse's may be another.
    """
    differing = []
    variants = variants_of(files, contract)
    for table, (schema, names, compared) in TABLES.items():
        key = names.split()
        columns = [*key, *compared.split()]
        quoted = ", ".join(f'"{column}"' for column in columns)
        found = _by_key(key, rows(warehouse, f"select {quoted} from {schema}.{table}"))
        expected = [_by_key(key, variant[table]) for variant in variants]
        for name in sorted(found.keys() | {name for one in expected for name in one}, key=repr):
            here, there = found.get(name, []), [one.get(name, []) for one in expected]
            if len({len(one) for one in there}) > 1:
                continue
            if len(here) != len(there[0]):
                differing.append(f"{table} {name}: {len(here)} rows, the reference has {len(there[0])}")
            for mine, *others in zip(here, *there, strict=False):
                settled = [column for column in columns if all(one[column] == others[0][column] for one in others)]
                wrong = [column for column in settled if mine[column] != others[0][column]]
                pairs = [f"{c} {mine[c]!r}, the reference has {others[0][c]!r}" for c in wrong] if values else wrong
                differing += [f"{table} {name}: {'; '.join(pairs)}"] if wrong else []
    return differing


def variants_of(files: Sequence[Path], contract: Path) -> list[dict[str, list[Row]]]:
    """Return the reference's tables by several orders of ties; how many depends on the most events of one tie."""
    shop, events, rejected = read(files, contract, SEEDS)
    ids = ("client_id", "client_id_as_tracked")
    ties = Counter((id, event[id], event["event_at"], event["step"]) for event in events for id in ids if event[id])
    orders = TIES[: {0: 1, 1: 1, 2: 4}.get(max(ties.values(), default=0), len(TIES))]
    return [vars(tables_of(shop, events, rejected, start_of(shop, files), tie)) for tie in orders]


def differing_tables(one: Path, other: Path, digits: int = 17) -> list[str]:
    """Return the tables that only one of two warehouses has, by name, and how others differ, one line each.

    Doubles are the same if these digits are: the last ones depend on the order in which an engine adds them up.
    """
    wrong = []
    with duckdb.connect() as connection:
        connection.execute(f"attach '{one}' as a (read_only); attach '{other}' as b (read_only)")
        names = "select table_schema || '.' || table_name from information_schema.tables where table_catalog = ?"
        tables, others = ({row[0] for row in connection.execute(names, [c]).fetchall()} for c in ("a", "b"))
        assert len(tables) > 20
        wrong += sorted(tables ^ others)
        for table in sorted(tables & others):
            types, theirs = ({r[0]: r[1] for r in connection.execute(f"describe {c}.{table}").fetchall()} for c in "ab")
            columns = list(types)
            if set(columns) != set(theirs):
                wrong.append(f"{table}: {columns} and {list(theirs)}")
                continue
            # when it was landed, and the file system's own marks of a file and of a build
            compared = ", ".join(
                f"""printf('%.{digits - 1}e', "{c}" + 0.0)""" if types[c] == "DOUBLE" else f'"{c}"'
                for c in columns
                if c not in ("_loaded_at", "stamp")
            )
            rows = "select {} from {}.{}" + (" where key <> 'folder'" if table == "bronze.build" else "")
            for left, right in (("a", "b"), ("b", "a")):
                more = f"{rows.format(compared, left, table)} except all {rows.format(compared, right, table)}"
                found = connection.execute(f"select count(*) from ({more})").fetchall()[0][0]
                wrong += [f"{table}: {found} rows of {left} only"] if found else []
    return wrong


def without_unread_tables(suite: Suite) -> Suite:
    """Return the suite in SQL without the statements whose tables neither its tests nor other statements read."""
    made = {statement.name: statement.select for statement in suite.statements}

    def read_by(sql: str) -> set[str]:
        return {name for name in made if re.search(rf"\b{re.escape(name)}\b", sql)}

    needed: set[str] = set()
    more = set().union(*map(read_by, suite.tests))
    while more:
        needed |= more
        more = set().union(*(read_by(made[name]) for name in more)) - needed
    return replace(suite, statements=[statement for statement in suite.statements if statement.name in needed])


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
