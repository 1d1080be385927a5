#!/usr/bin/env python3
"""Measure what each part costs against the number of rows, and write the table of documentation_scale.md.

A synthetic fortnight for each size, every part as a whole process of its own, one after the other; the middle of
several runs, and the largest memory of any. Parts 3 and 4 read the warehouse that part 2 has just made. The days are
made below data/bench and removed, and what earlier sizes measured on this machine is kept in the page: --rows takes
the sizes to measure now. 3e7 rows are 9 GB of files and as much again for the warehouse.
"""

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

import synthetic_events
from bench_validate import REPO, VALIDATE, Run, middle, run

PAGE = REPO / "documentation_scale.md"
BEGIN, END = "<!-- measured by make scale -->\n", "<!-- end -->\n"
HEAD = (
    "| rows | files, MB | warehouse, MB | part 1, s | MB | part 2, s | MB | nothing new, s | part 3, s | MB "
    "| part 4, s | MB |\n"
)
PARTS = (
    "part2-transformation/transform.py",
    "part3-business-analysis/generate_charts.py",
    "part4-monitoring/monitor.py",
)
TRANSFORM, CHARTS, MONITOR = (str(REPO / part) for part in PARTS)
DAYS = 14


def measure(rows: int, times: int, memory_limit: str) -> str:
    """Return one line of the table."""
    (REPO / "data" / "bench").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=REPO / "data" / "bench") as work:
        days, warehouse, out = Path(work, "days"), Path(work, "w.duckdb"), Path(work, "out")
        synthetic_events.generate(days, days=DAYS, events_per_day=round(rows / DAYS))
        place = ["--data_dir", str(days), "--warehouse", str(warehouse)]
        part1 = [str(VALIDATE), "--data_dir", str(days), "--out_dir", str(out), "--memory_limit", memory_limit]
        part2 = [TRANSFORM, *place, "--memory_limit", memory_limit]
        part3 = [CHARTS, *place, "--no_refresh", "--out_dir", str(out)]
        part4 = [MONITOR, *place, "--no_refresh", "--dry_run"]
        runs: list[Run] = []
        for command in (part1, [*part2, "--full_refresh"], part2, part3, part4):
            runs.append(middle([run([sys.executable, *command, "--quiet"]) for _ in range(times)]))
            print(
                f"{rows:>12,} {Path(command[0]).name:<26}{runs[-1].wall:>9.2f} s {runs[-1].memory:>7,} MB", flush=True
            )
        size = sum(path.stat().st_size for path in days.glob("*.csv")) / 1e6
        made = warehouse.stat().st_size / 1e6
        shutil.rmtree(days)
    check, full, nothing, charts, monitor = runs
    cells = [f"{rows:,}", f"{size:,.0f}", f"{made:,.0f}", f"{check.wall:.2f}", f"{check.memory:,}", f"{full.wall:.2f}"]
    cells += [f"{full.memory:,}", f"{nothing.wall:.2f}", f"{charts.wall:.2f}", f"{charts.memory:,}"]
    cells += [f"{monitor.wall:.2f}", f"{monitor.memory:,}"]
    return f"| {' | '.join(cells)} |\n"


def with_rows(page: str, measured: dict[int, str]) -> str:
    """Return the page with these lines in its table, in place of those of the same size."""
    before, _, rest = page.partition(BEGIN)
    table, _, after = rest.partition(END)
    lines = {int(m[1].replace(",", "")): m[0] for m in re.finditer(r"^\| ([\d,]+) \|.*\n", table, re.M)} | measured
    divider = "|" + "---:|" * HEAD.count(" |") + "\n"
    return before + BEGIN + HEAD + divider + "".join(lines[rows] for rows in sorted(lines)) + END + after


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = [10**4, 10**5, 10**6]
    p.add_argument("--rows", type=lambda s: int(float(s)), nargs="+", default=default, help="sizes (1e4 1e5 1e6)")
    p.add_argument("--times", type=int, default=3, help="runs of each (default: 3)")
    p.add_argument("--memory_limit", default="3GB", help="of parts 1 and 2 (default: 3GB)")
    options = p.parse_args()
    for rows in options.rows:
        line = measure(rows, options.times, options.memory_limit)
        PAGE.write_text(with_rows(PAGE.read_text(encoding="utf-8"), {rows: line}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
