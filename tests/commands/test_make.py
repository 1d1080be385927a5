"""`make run`: which parts run after one that ended with a status, and with what it ends itself."""

import shutil
import subprocess
from pathlib import Path

import pytest
from commands import REPO

PARTS = ["validate_dataframework.py", "transform.py", "generate_charts.py", "monitor.py"]


@pytest.mark.parametrize(
    ("failing", "status", "runs", "ends"),
    [
        ("none", 0, 4, 0), ("validate_dataframework.py", 3, 4, 0), ("monitor.py", 3, 4, 0), ("transform.py", 3, 4, 3),
        ("transform.py", 2, 2, 2), ("validate_dataframework.py", 2, 1, 2),
    ],
)  # fmt: skip
def test_make_run_goes_on_after_critical_data(tmp_path: Path, failing: str, status: int, runs: int, ends: int) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "events_20250223.csv").touch()
    (tmp_path / ".venv").mkdir()
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(REPO / name, tmp_path)
    shutil.copy(REPO / "requirements.txt", tmp_path / ".venv")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "$1" >> log\ncase "$1" in */{failing}) exit {status};; esac\n')
    python.chmod(0o755)
    done = subprocess.run(["make", "run", f"PY={python}"], cwd=tmp_path, capture_output=True, text=True)
    assert [Path(line).name for line in (tmp_path / "log").read_text().splitlines()] == PARTS[:runs]
    assert (f"Error {ends}" in done.stderr) if ends else done.returncode == 0
    if status == 3:
        part = 1 + PARTS.index(failing)
        assert f"\nPart {part} " in done.stdout and "report.html" in done.stdout
