"""Runs of part 3 for tests: warehouses of synthetic days, and what the command makes of them."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import generate_charts
import transform
import validate_dataframework

PICTURES = (
    "funnel_sankey.png",
    "revenue_trend.png",
    "attribution_loss_pie.png",
    "device_cvr.png",
    "daily_volume_anomaly.png",
)


def build(data_dir: Path, warehouse: Path) -> Path:
    """A warehouse of the files in a folder, and part 1's report of them beside it."""
    stderr = io.StringIO()
    place = ["--quiet", "--data_dir", str(data_dir)]
    assert transform.main([*place, "--warehouse", str(warehouse)], io.StringIO(), stderr) == 0, stderr.getvalue()
    report = [*place, "--json", "--out_dir", str(warehouse.parent)]
    assert validate_dataframework.main(report, io.StringIO(), stderr) in (0, 3), stderr.getvalue()
    return warehouse


def run(*args: object) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of the command; an error is one sentence."""
    stdout, stderr = io.StringIO(), io.StringIO()
    status = generate_charts.main([str(a) for a in args], stdout, stderr)
    if status == 2:
        assert re.fullmatch(r"\w+\.py: [^\n]+\n", stderr.getvalue()), stderr.getvalue()
    return status, stdout.getvalue(), stderr.getvalue()


def analyse(warehouse: Path, out_dir: Path) -> str:
    """The summary of a warehouse, made with everything else."""
    status, _, stderr = run("--no_refresh", "--quiet", "--warehouse", warehouse, "--out_dir", out_dir)
    assert status in (0, 3) and not stderr, stderr
    return (out_dir / "executive_summary.md").read_text(encoding="utf-8")


def one(warehouse: Path, sql: str) -> tuple[Any, ...]:
    """The first row of a query."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        row = connection.execute(sql).fetchone()
    assert row is not None
    return tuple(row)


def edit(folder: Path, change: Callable[[str], str]) -> None:
    """Rewrite every file of a folder, line by line below the header."""
    for path in sorted(folder.glob("events_*.csv")):
        header, *lines = path.read_text(encoding="utf-8").splitlines()
        kept = [changed for line in lines if (changed := change(line))]
        path.write_text("\n".join([header, *kept]) + "\n", encoding="utf-8")


def first_order_only() -> Callable[[str], str]:
    """Keeps the first order that it sees, and nothing else."""
    kept: list[str] = []

    def keep(line: str) -> str:
        if kept or "checkout_completed" not in line:
            return ""
        kept.append(line)
        return line

    return keep
