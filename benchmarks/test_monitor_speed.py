"""How long a whole run of the monitor takes on the real days."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from monitor_kit import REAL, SCRIPT, TRANSFORM, real_days, transform


@pytest.mark.skipif(not list(REAL.glob("events_*.csv")), reason=f"NOT TESTED ON REAL DATA: no events_*.csv in {REAL}")
def test_the_whole_run_is_quick(tmp_path: Path) -> None:
    """Less than twice the time of importing DuckDB and of a transform.py that has nothing to do; the best of five."""
    folder = tmp_path / "days"
    real_days(folder, "20250308")
    refresh = [TRANSFORM, "--data_dir", folder, "--warehouse", transform(folder)]
    monitor = [SCRIPT, "--data_dir", folder, "--check_date", "2025-03-04"]
    runs = (("import", ["-c", "import duckdb"]), ("refresh", refresh), ("monitor", monitor))
    best = {name: min(_seconds(args) for _ in range(5)) for name, args in runs}
    assert best["monitor"] < 2 * (best["import"] + best["refresh"]), best


def _seconds(args: Sequence[object]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *map(str, args)], capture_output=True, check=False)
    return time.perf_counter() - started
