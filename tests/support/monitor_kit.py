"""Runs of the monitor for tests: days, their warehouse, and the command as a function."""

import json
import shutil
import sqlite3
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import monitor
from commands import REAL, TRANSFORM, call, process
from monitoring.alarms import Alarm, DayReport
from monitoring.incidents import BAD, Act, IncidentDay
from synthetic_events import generate

DAY = date(2025, 3, 4)
NOW = datetime(2025, 3, 5, 7, tzinfo=UTC)


def run(*args: object) -> tuple[int, str, str]:
    """Return the exit status, stdout and stderr of the command."""
    return call(monitor, *args)


def report(*args: object) -> dict[str, Any]:
    """Return the report of a run that could do its work."""
    status, stdout, stderr = run("--json", *args)
    assert status in (0, 3), stderr
    found: dict[str, Any] = json.loads(stdout)
    return found


def keys(found: dict[str, Any]) -> list[str]:
    return [a["key"] for a in found["alarms"]]


def alarm(key: str = "traffic", severity: str = "P1", **more: Any) -> Alarm:
    """Return an alarm of DAY, or of another `day`."""
    chosen: dict[str, Any] = {"opened": DAY, "steps": ("one", "two", "three")} | more
    return Alarm(key, "business", severity, chosen.pop("day", DAY), chosen.pop("text", "fewer"), **chosen)


def day_report(day: date, *keys: str, opened: date = DAY) -> DayReport:
    """Return a report whose alarms began on `opened`."""
    alarms = [Alarm(k, "quality", "P1", day, "x", opened=opened, at_stake=10.0) for k in keys]
    days = [IncidentDay(day, k, opened, False, BAD, False, None, ()) for k in keys]
    return DayReport(day, alarms, [], incident_days=days)


def act(kind: str, key: str, day: date, until: date | None = None) -> Act:
    """Return a decision that was made on the morning after the day."""
    return Act(key, day, kind, until, "", "ann", datetime.combine(day + timedelta(days=1), time(6), UTC))


def dump(path: Path) -> dict[str, list[Any]]:
    """Return the rows of a history's tables, sorted."""
    with sqlite3.connect(path) as connection:
        tables = ("day_status", "metric_results", "alarms", "incident_days", "acknowledgements")
        return {t: sorted(connection.execute(f"select * from {t}").fetchall(), key=str) for t in tables}


def transform(folder: Path) -> Path:
    """Bring the folder's warehouse up to date."""
    process(TRANSFORM, "--quiet", "--data_dir", folder, check=True)
    return folder / "warehouse.duckdb"


def fortnight(folder: Path, events_per_day: int = 600) -> Path:
    """Make a small synthetic fortnight with the two incidents, and its warehouse."""
    generate(folder, events_per_day=events_per_day, seed=1)
    transform(folder)
    return folder


def real_days(folder: Path, last: str) -> list[Path]:
    """Copy the real days up to this one (YYYYMMDD), and return the copies."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [p for p in sorted(REAL.glob("events_*.csv")) if p.stem[-8:] <= last]
    return [Path(shutil.copy2(p, folder)) for p in files]
