"""Time what must stay fast: a contract, odd quotes, one id for all orders, and a whole run of the monitor."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
import pytest
from commands import MONITOR, SCHEMA, TRANSFORM, needs_real_days
from monitor_kit import real_days, transform
from reading_kit import HEAD, read

from event_data.contract import load_contract
from event_data.orders import classify_orders


def test_a_contract_is_loaded() -> None:
    assert min(_seconds_of_cpu(lambda: load_contract(SCHEMA)) for _ in range(10)) < 0.025


@pytest.mark.parametrize("line", [b'x","\n', b'"\n', b'a,"""\n', b'"",""\n', b',"b\n', b'"a""b\n', b' "\n'])
def test_odd_quotes_take_no_quadratic_time(line: bytes, tmp_path: Path) -> None:
    assert _seconds_of_cpu(lambda: read(HEAD + line * 60_000, tmp_path)) < 5


@pytest.mark.parametrize("known", [True, False])
def test_one_id_for_all_orders_takes_no_longer(known: bool) -> None:
    """A tag that sends one id for every order; events are grouped, never compared pair by pair."""
    person = "'g' || i % 20000" if known else "null"
    with duckdb.connect() as connection:
        connection.execute(f"""create table order_events as
            select i as event_id, timestamp '2025-03-01' + i * interval 1 second as event_at,
                'undefined' as transaction_id,
                case when i % 3 = 0 and {known} then 't' || i end as checkout, {person} as customer, null as client,
                cast(i % 7 as decimal(12, 2)) as amount
            from range(60_000) as r (i)""")
        select = f"select count(*), count(counted_amount) from ({classify_orders(load_contract(SCHEMA))})"
        assert _seconds_of_cpu(lambda: connection.execute(select).fetchall()) < 10
        assert connection.execute(select).fetchall() == [(60_000, 20_000 if known else 1)]


@needs_real_days
def test_the_whole_run_is_quick(tmp_path: Path) -> None:
    """Less than twice the time of importing DuckDB and of a transform.py that has nothing to do; the best of five."""
    folder = tmp_path / "days"
    real_days(folder, "20250308")
    refresh = [TRANSFORM, "--data_dir", folder, "--warehouse", transform(folder)]
    monitor = [MONITOR, "--data_dir", folder, "--check_date", "2025-03-04"]
    runs = (("import", ["-c", "import duckdb"]), ("refresh", refresh), ("monitor", monitor))
    best = {name: min(_seconds(args) for _ in range(5)) for name, args in runs}
    assert best["monitor"] < 2 * (best["import"] + best["refresh"]), best


def _seconds_of_cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _seconds(args: Sequence[object]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *map(str, args)], capture_output=True, check=False)
    return time.perf_counter() - started
