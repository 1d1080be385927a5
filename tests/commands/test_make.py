"""`make run`: which parts run after one that ended with a status, and with what it ends itself."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands import REPO

from event_data.outcome import main

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
    (tmp_path / "data" / "dq_report.json").write_text('{"incidents": []}')
    real = f'"{sys.executable}" -m event_data.outcome --data_dir "{tmp_path}/data"'
    outcome = f'-m) cd "{REPO}" && shift 4 && exec {real} "$@";;'
    python.write_text(
        f'#!/bin/sh\ncase "$1" in {outcome} esac\necho "$1" >> log\ncase "$1" in */{failing}) exit {status};; esac\n'
    )
    python.chmod(0o755)
    # Below another make, it would also print the folders that it enters.
    done = subprocess.run(
        ["make", "--no-print-directory", "run", f"PY={python}"], cwd=tmp_path, capture_output=True, text=True
    )
    assert [Path(line).name for line in (tmp_path / "log").read_text().splitlines()] == PARTS[:runs]
    assert (f"Error {ends}" in done.stderr) if ends else done.returncode == 0
    if runs == 4:
        end = done.stdout.split("\n\n")[-1].splitlines()
        assert [line.partition(":")[0] for line in end if line[0] != " "] == ["Broken", "Do first", "Look at"]
        assert ("part 2 " in end[0]) == (failing == "transform.py")
        assert ("part 4 " in end[0]) == (failing == "monitor.py")


def test_the_end_of_a_run_names_the_worst_incident(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its day, its money and its advice, within the width of a terminal; a lesser one is only counted."""
    worst = {
        "severity": "P0", "message": "client_id arrives as clientId", "first_bad_day": "2025-02-27",
        "revenue_at_stake": "1234.50", "advice": "Restore the old name.",
    }  # fmt: skip
    lesser = worst | {"severity": "P2", "message": "Few browsers are known"}
    endings = {}
    for name, incidents in {"worst": [worst, worst, lesser], "lesser": [lesser], "none": []}.items():
        (tmp_path / "dq_report.json").write_text(json.dumps({"incidents": incidents}))
        assert main(["--data_dir", str(tmp_path), "--part2", "3" if name == "worst" else "0"], sys.stdout, None) == 0
        printed = capsys.readouterr().out
        assert all(len(line) <= 80 for line in printed.splitlines() if str(tmp_path) not in line)
        endings[name] = " ".join(printed.split())
    assert "part 2 refused data" in endings["worst"] and "Restore the old name." in endings["worst"]
    assert "clientId. Since 27 Feb; $1,234.50 at stake. 1 other serious incident." in endings["worst"]
    assert "nothing serious; 1 lesser incident." in endings["lesser"] and "Few browsers" not in endings["lesser"]
    assert endings["none"].startswith("Broken: nothing that the four parts can see. Do first: nothing. Look at: ")
    (tmp_path / "dq_report.json").unlink()
    assert main(["--data_dir", str(tmp_path)], sys.stdout, sys.stderr) == 2
