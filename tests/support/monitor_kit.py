"""Runs of the monitor for tests: days, their warehouse, and the command as a function."""

import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import monitor
from synthetic_events import generate

REPO = Path(__file__).parents[2]
REAL = REPO.parent / "shared" / "data"
SCRIPT = Path(monitor.__file__)
TRANSFORM = REPO / "part2-transformation" / "transform.py"


def run(*args: object) -> tuple[int, str, str]:
    """Exit status, stdout and stderr; an error is one sentence, and never a traceback."""
    stdout, stderr = io.StringIO(), io.StringIO()
    status = monitor.main([str(a) for a in args], stdout, stderr)
    assert status in (0, 2, 3, 4)
    assert "Traceback" not in stderr.getvalue()
    if status == 2:
        assert re.fullmatch(r"(note: [^\n]+\n)?monitor\.py: [^\n]+\n", stderr.getvalue()), stderr.getvalue()
    return status, stdout.getvalue(), stderr.getvalue()


def report(*args: object) -> dict[str, Any]:
    """The report of a run that could do its work."""
    status, stdout, stderr = run("--json", *args)
    assert status in (0, 3), stderr
    found: dict[str, Any] = json.loads(stdout)
    return found


def keys(found: dict[str, Any]) -> list[str]:
    return [a["key"] for a in found["alarms"]]


def transform(folder: Path) -> Path:
    """The folder's warehouse, up to date."""
    warehouse = folder / "warehouse.duckdb"
    line = [sys.executable, TRANSFORM, "--quiet", "--data_dir", folder, "--warehouse", warehouse]
    subprocess.run(list(map(str, line)), check=True, capture_output=True)
    return warehouse


def fortnight(folder: Path, events_per_day: int = 600) -> Path:
    """A small synthetic fortnight with the two incidents, and its warehouse."""
    generate(folder, events_per_day=events_per_day, seed=1)
    transform(folder)
    return folder


def real_days(folder: Path, last: str) -> list[Path]:
    """Copies of the real days up to this one, as YYYYMMDD."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [p for p in sorted(REAL.glob("events_*.csv")) if p.stem[-8:] <= last]
    return [Path(shutil.copy2(p, folder)) for p in files]
