"""Hours without events: the SQL and the Python follow the same rule, and the clocks are known."""

from datetime import date
from pathlib import Path
from random import Random

import duckdb
import yaml

from event_data.dead_hours import LEAST_EVENTS, dead_hours_sql, dead_runs, skipped_hours_sql

THRESHOLDS = Path(__file__).parents[2] / "part4-monitoring" / "thresholds.yaml"


def test_sql_and_python_find_the_same_dead_hours() -> None:
    rng = Random(7)
    with duckdb.connect() as connection:
        connection.execute("create table grid (day integer, hour integer, is_empty boolean, usual double)")
        expected = set()
        for day in range(60):
            usual = [rng.choice((0.0, 3.0, 8.0, 12.0, 20.0)) for _ in range(24)]
            empty = [h for h in range(24) if rng.random() < 0.4]
            rows = [(day, h, h in empty, usual[h]) for h in range(24)]
            connection.executemany("insert into grid values (?, ?, ?, ?)", rows)
            expected |= {(day, hour) for run in dead_runs(empty, usual) for hour in run}
        found = connection.execute(dead_hours_sql("grid", "day")).fetchall()
    assert {(day, hour) for day, hour, is_dead in found if is_dead} == expected
    assert 100 < len(expected) < 500 and len(found) == 60 * 24


def test_hours_that_the_clocks_skip() -> None:
    days = "(select unnest([date '2025-03-29', date '2025-03-30', date '2025-10-26']) as day)"
    assert duckdb.execute(skipped_hours_sql(days, "Europe/Berlin")).fetchall() == [(date(2025, 3, 30), 2)]
    assert not duckdb.execute(skipped_hours_sql(days, "UTC")).fetchall()


def test_the_monitors_settings_are_the_shared_ones() -> None:
    assert yaml.safe_load(THRESHOLDS.read_text("utf-8"))["silent_events"] == LEAST_EVENTS
