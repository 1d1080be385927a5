"""Run part 3: bring the files of parts 1 and 2 up to date, read them, and write the pictures and documents."""

import argparse
import gc
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from analysis.charts import (
    attribution_loss_pie,
    daily_volume_anomaly,
    device_cvr,
    funnel_sankey,
    revenue_trend,
    tracking_coverage,
)
from analysis.charts.style import save, use_style
from analysis.documents import report, summary, verdict
from analysis.findings import Change, find_changes
from analysis.gold import Gold, read_gold, warehouse_file
from analysis.impact import load_assumptions, model
from analysis.incidents import Quality, read_quality
from event_data.cli import CRITICAL, REPOSITORY, Terminal
from event_data.contract import load_contract
from event_data.errors import UserError
from event_data.output import short_path, write_atomically


def execute(options: argparse.Namespace, terminal: Terminal) -> int:
    """Write the pictures, the summary and the report; returns the exit status."""
    warehouse = warehouse_file(options.warehouse or options.data_dir / "warehouse.duckdb")
    status = 0 if options.no_refresh else refresh(options, warehouse, terminal)
    assumptions, contract = load_assumptions(options.assumptions), load_contract(options.contract)
    gold = read_gold(warehouse, contract, options.since, options.until)
    if not len(gold.history):
        raise UserError(
            f"there is no day to report on, as no file in {options.data_dir} could be read; "
            "validate_dataframework.py says what is wrong with each."
        )
    quality = quality_of(warehouse, gold)
    changes = find_changes(gold, quality)
    values = verdict(gold, quality, changes, model(gold, quality, assumptions))
    options.out_dir.mkdir(parents=True, exist_ok=True)
    use_style()
    every = pictures(gold, quality, changes)
    removed = remove_stale(options.out_dir, [name for name, draw in every.items() if not draw])
    drawn = {name: draw for name, draw in every.items() if draw}
    written = [write_atomically(options.out_dir / name, partial(save, draw)) for name, draw in drawn.items()]
    text = summary(values, assumptions, drawn)
    written.append(write_atomically(options.out_dir / "executive_summary.md", text))
    gc.collect()  # the figures and their canvases, ten megabytes each, refer to each other
    written.append(write_atomically(options.out_dir / "report.html", report(values)))
    conclusion = next((line for line in text.splitlines() if line.startswith("**")), "").strip("*")
    lines = [conclusion, "", "wrote:", *[f"  {short_path(path)}" for path in written]]
    if removed:
        lines += ["", "removed (does not apply to this shop):", *[f"  {short_path(path)}" for path in removed]]
    found_critical = is_critical(gold, quality, contract.most_refused)
    document = {
        "conclusion": conclusion,
        "first_day": gold.days.index[0],
        "last_day": gold.days.index[-1],
        "is_critical": found_critical,
        "serious_incidents": [
            {key: getattr(i, key) for key in ("severity", "message", "since", "until", "at_stake", "advice")}
            for i in quality.serious
        ],
        "written": [str(path) for path in written],
        "removed": [str(path) for path in removed],
    }
    terminal.report(lambda: "\n".join(lines), lambda: document)
    return CRITICAL if found_critical else status


def quality_of(warehouse: Path, gold: Gold) -> Quality:
    """Return the verdict on the files of the report's days."""
    files = dict(zip(gold.files["name"], gold.files["content_hash"], strict=True))
    quality = read_quality(warehouse, files)
    return quality.within(gold.days.index[0], gold.days.index[-1]) if len(gold.days) else quality


def refresh(options: argparse.Namespace, warehouse: Path, terminal: Terminal) -> int:
    """Run parts 1 and 2; return part 2's status, which is CRITICAL if the data are."""
    terminal.progress("bringing the warehouse up to date")
    place = ["--quiet", "--data_dir", options.data_dir, "--contract", options.contract]
    checking = _start("part1-data-quality/validate_dataframework.py", *place, "--json", "--out_dir", warehouse.parent)
    building = _start("part2-transformation/transform.py", *place, "--warehouse", options.warehouse or warehouse)
    errors = [process.communicate()[1] for process in (building, checking)]
    terminal.progress("")
    for process, text in zip((building, checking), errors, strict=True):
        if process.returncode not in (0, CRITICAL):
            # The part's own sentence says what to do.
            sentence = text.strip().partition(": ")[2]
            raise UserError(sentence or f"part 1 or part 2 ended with status {process.returncode}; run it alone.")
    if errors[0]:
        terminal.error(errors[0].replace("transform.py: ", "generate_charts.py: "))
    return int(building.returncode)


def _start(script: str, *args: object) -> "subprocess.Popen[str]":
    line = [sys.executable, str(REPOSITORY / script), *map(str, args)]
    return subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")


def is_critical(gold: Gold, quality: Quality, most_refused: float) -> bool:
    """Return whether revenue or identity is unusable, too much was refused, or the ledger does not balance."""
    difference = gold.line("difference")
    balances = not (difference.orders or difference.amount)
    refused = bool(gold.unused["is_refused"].any()) or gold.refused_share > most_refused
    return bool(quality.grave or refused or not balances)


def pictures(gold: Gold, quality: Quality, changes: Sequence[Change]) -> dict[str, Callable[[], Figure] | None]:
    """Return what draws each picture, by the name of its file; None if the picture does not apply to the shop."""
    roles = gold.roles
    trend = partial(revenue_trend.draw, gold, quality, changes) if roles.has_orders else None
    return {
        "funnel_sankey.png": partial(funnel_sankey.draw, gold) if roles.has_funnel else None,
        "revenue_trend.png": trend if roles.has_amount else None,
        "orders_trend.png": None if roles.has_amount else trend,
        "attribution_loss_pie.png": partial(attribution_loss_pie.draw, gold) if roles.has_attribution else None,
        "device_cvr.png": partial(device_cvr.draw, gold) if roles.has_devices and roles.has_conversion else None,
        "tracking_coverage.png": partial(tracking_coverage.draw, gold, quality) if len(gold.coverage) else None,
        "daily_volume_anomaly.png": partial(daily_volume_anomaly.draw, gold, quality),
    }


def remove_stale(out_dir: Path, names: Sequence[str]) -> list[Path]:
    """Remove pictures that an earlier run wrote and that do not apply; return their paths.

    A picture is from an earlier run if the summary beside it links to it; any other file of that name stays.
    """
    try:
        before = (out_dir / "executive_summary.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    is_ours = before.startswith("# Executive summary")
    stale = [out_dir / name for name in names if is_ours and f"]({name})" in before and (out_dir / name).is_file()]
    for path in stale:
        path.unlink()
    return stale
