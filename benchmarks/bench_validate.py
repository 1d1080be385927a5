#!/usr/bin/env python3
"""Time the validator, as a whole process, beside a bare DuckDB scan of the same files, in turn.

The scan reads every column of every event, `sum(length(column))`, with the columns and the dialect
given to it. Both are run several times, one after the other; medians and their ratio are printed,
for machines differ and drift. The data are synthetic: a fortnight of the usual size, and of 20 and
200 times as many events a day (3 GB below data/bench), with the incidents of the demonstration.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import synthetic_events

REPO = Path(__file__).resolve().parents[1]
VALIDATE = REPO / "part1-data-quality" / "validate_dataframework.py"
SCAN = """
import sys, duckdb
groups = {}
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as lines:
        groups.setdefault(lines.readline().strip(), []).append(path)
connection = duckdb.connect()
for header, paths in groups.items():
    columns = {name: "varchar" for name in header.split(",")}
    total = " + ".join(f'coalesce(sum(length("{name}")), 0)' for name in columns)
    connection.execute(
        f"select {total} from read_csv($paths, auto_detect = false, columns = {columns}, header = true, "
        "delim = ',', quote = '\\"', escape = '\\"')", {"paths": paths}).fetchall()
"""


@dataclass(frozen=True)
class Run:
    wall: float  # seconds
    cpu: float  # seconds, of all cores
    memory: int  # MB, the peak


def run(command: list[str]) -> Run:
    """Run a command to its end; a status other than 0 and 3 ends the benchmark."""
    # As a second run: Python keeps what it has compiled.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 3):
        sys.exit(f"bench_validate.py: exit status {process.returncode} of {' '.join(command[:3])}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024)


def middle(runs: list[Run]) -> Run:
    return Run(median(r.wall for r in runs), median(r.cpu for r in runs), max(r.memory for r in runs))


def fortnight(factor: int) -> Path:
    """Return the folder of the synthetic fortnight with so many times the usual events; made once, then kept."""
    folder = REPO / "data" / "bench" / f"x{factor}"
    if not folder.exists():
        folder.mkdir(parents=True)
        synthetic_events.generate(folder, events_per_day=3570 * factor)
    return folder


def compare(name: str, folder: Path, times: int, *options: str) -> None:
    """Print one line: the scan, the validator, and their ratios."""
    files = sorted(str(p) for p in folder.glob("events_*.csv"))
    scans, checks = [], []
    with tempfile.TemporaryDirectory() as out:
        validate = [sys.executable, str(VALIDATE), "--data_dir", str(folder), "--out_dir", out, "--quiet", *options]
        for turn in range(times + 1):
            scan, check = run([sys.executable, "-c", SCAN, *files]), run(validate)
            if turn:  # the first round warms the page cache
                scans.append(scan)
                checks.append(check)
    scan, check = middle(scans), middle(checks)
    size = sum(Path(f).stat().st_size for f in files) / 1e6
    print(
        f"{name:<22}{size:>8,.0f}{scan.wall:>9.2f}{check.wall:>11.2f}{check.wall / scan.wall:>8.1f}"
        f"{check.cpu / scan.cpu:>8.1f}{check.memory:>9,}",
        flush=True,
    )


def main(args: list[str]) -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data_dir", type=Path, help="time these files instead of the synthetic ones")
    p.add_argument("--sizes", type=int, nargs="*", default=[1, 20, 200], help="times the usual day (default: 1 20 200)")
    p.add_argument("--runs", type=int, default=5, help="counted runs of each command (default: 5)")
    options = p.parse_args(args)
    bare = median(run([sys.executable, "-c", "import duckdb"]).wall for _ in range(options.runs))
    print(f"import duckdb: {bare:.2f} s")
    print(f"{'events':<22}{'MB':>8}{'scan s':>9}{'validate s':>11}{'ratio':>8}{'CPU':>8}{'peak MB':>9}")
    if options.data_dir:
        compare(str(options.data_dir.name), options.data_dir, options.runs)
        return 0
    for factor in options.sizes:
        folder = fortnight(factor)
        compare(f"usual day x{factor}", folder, options.runs)
        if factor >= 100:
            compare(f"x{factor} --memory_limit", folder, 1, "--memory_limit", "512MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
