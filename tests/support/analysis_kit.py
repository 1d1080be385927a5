"""Runs of part 3 for tests: warehouses of synthetic days, and what the command makes of them."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import generate_charts
import transform
import validate_dataframework
from commands import call

PICTURES = (
    "funnel_sankey.png", "revenue_trend.png", "attribution_loss_pie.png", "device_cvr.png", "daily_volume_anomaly.png",
)  # fmt: skip


def run(*args: object) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of the command."""
    return call(generate_charts, *args)


def build(data_dir: Path, warehouse: Path) -> Path:
    """A warehouse of the files in a folder, and part 1's report of them beside it."""
    place = ("--quiet", "--data_dir", data_dir)
    assert call(transform, *place, "--warehouse", warehouse)[0] == 0
    assert call(validate_dataframework, *place, "--json", "--out_dir", warehouse.parent)[0] in (0, 3)
    return warehouse


def analyse(warehouse: Path, out_dir: Path, *args: object) -> str:
    """The summary of a warehouse, made with everything else."""
    status, _, stderr = run("--no_refresh", "--quiet", "--warehouse", warehouse, "--out_dir", out_dir, *args)
    assert status in (0, 3) and not stderr, stderr
    return (out_dir / "executive_summary.md").read_text(encoding="utf-8")


def edit(folder: Path, change: Callable[[str], str]) -> None:
    """Rewrite every file of a folder, line by line below the header."""
    for path in sorted(folder.glob("events_*.csv")):
        header, *lines = path.read_text(encoding="utf-8").splitlines()
        kept = [changed for line in lines if (changed := change(line))]
        path.write_text("\n".join([header, *kept]) + "\n", encoding="utf-8")


def first_order_only() -> Callable[[str], str]:
    """Keeps the first order that it sees, and nothing else."""
    seen = count()
    return lambda line: line if "checkout_completed" in line and not next(seen) else ""
