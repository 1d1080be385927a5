"""Locate the commands and the days, and run any command: as a function, or as a process of its own."""

import io
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest

REPO = Path(__file__).parents[2]
SCHEMA = REPO / "part1-data-quality" / "schema.yaml"
PART2 = REPO / "part2-transformation"
REAL = REPO.parent / "shared" / "data"
SHOPS = REAL.parent / "shops"  # other people's exports, with contracts in tests/shops
VALIDATE, TRANSFORM, CHARTS, MONITOR = SCRIPTS = (
    REPO / "part1-data-quality" / "validate_dataframework.py", PART2 / "transform.py",
    REPO / "part3-business-analysis" / "generate_charts.py", REPO / "part4-monitoring" / "monitor.py",
)  # fmt: skip
# The day before the rename, and a day with each of the faults: for engines that take minutes for all fourteen.
FAULTY_DAYS = [REAL / f"events_2025{day}.csv" for day in ("0226", "0227", "0304", "0306", "0307")]
has_real_days = any(REAL.glob("events_*.csv"))
NO_REAL_DAYS = f"NOT TESTED ON REAL DATA: no events_*.csv in {REAL}"
needs_real_days = pytest.mark.skipif(not has_real_days, reason=NO_REAL_DAYS)
needs_shops = pytest.mark.skipif(not SHOPS.is_dir(), reason=f"NOT TESTED ON OTHER SHOPS' EXPORTS: no folder {SHOPS}")


def call(script: ModuleType, *args: object) -> tuple[int, str, str]:
    """Return exit status, stdout and stderr of a command; no traceback, and an error is one sentence."""
    stdout, stderr = io.StringIO(), io.StringIO()
    status = script.main([str(a) for a in args], stdout, stderr)
    assert status in (0, 2, 3, 4) and "Traceback" not in stderr.getvalue()
    if status == 2:
        assert re.fullmatch(r"(note: [^\n]+\n)?\w+\.py: [^\n]+\n", stderr.getvalue()), stderr.getvalue()
    return status, stdout.getvalue(), stderr.getvalue()


def process(script: Path, *args: object, **how: Any) -> "subprocess.CompletedProcess[str]":
    """Run a command as a process; `how` goes to subprocess.run."""
    chosen: dict[str, Any] = {"capture_output": True, "text": True, "encoding": "utf-8", "check": False} | how
    done: subprocess.CompletedProcess[str] = subprocess.run([sys.executable, *map(str, (script, *args))], **chosen)
    return done


def query(warehouse: Path, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """Return the rows of a query of a DuckDB file."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(sql, parameters).fetchall()
