"""Hours without events: one rule for every part, as SQL (dead_hours.sql) and as Python."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from event_data.sql import literal, named_statements

LEAST_EVENTS = 20.0  # a run of empty hours is dead if it usually has at least this many events
# Events come in visits, and quiet hours are sometimes empty by chance: usual is what nine of ten other days have.
USUAL_PART = 0.1
RECENT_DAYS = 28  # over a year, a shop grows
SQL = Path(__file__).with_suffix(".sql")


def skipped_hours_sql(days: str, time_zone: str) -> str:
    """Return a select of the (day, hour) pairs that the clocks skip; `days` is a relation with a column `day`."""
    return _statement("skipped_hours").format(days=days, time_zone=literal(time_zone))


def dead_hours_sql(grid: str, key: str) -> str:
    """Return a select of the grid's columns with `is_dead` in place of `is_empty` and `usual`.

    `grid` is a relation with one row for each `key` and `hour`; `usual` is the usual number of events.
    """
    return _statement("dead_hours").format(grid=grid, key=key, least_events=LEAST_EVENTS)


def dead_runs(
    empty: Collection[int], usual: Mapping[int, float] | Sequence[float], least_events: float = LEAST_EVENTS
) -> list[list[int]]:
    """Return the dead runs of empty hours, by the same rule."""
    runs: list[list[int]] = []
    for hour in sorted(empty):
        if runs and runs[-1][-1] == hour - 1:
            runs[-1].append(hour)
        else:
            runs.append([hour])
    return [run for run in runs if sum(usual[hour] for hour in run) >= least_events]


def usual_events(events: Sequence[float]) -> float:
    """Return the usual number of events of an hour by the other days' numbers: DuckDB's quantile_cont of USUAL_PART."""
    if not events:
        return 0.0
    values, at = sorted(events), USUAL_PART * (len(events) - 1)
    low = int(at)
    return values[low] + (at - low) * (values[min(low + 1, len(values) - 1)] - values[low])


def _statement(name: str) -> str:
    return named_statements(SQL.read_text("utf-8"))[name].sql
