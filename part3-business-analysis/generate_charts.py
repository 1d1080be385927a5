#!/usr/bin/env python3
"""Draw the five pictures, and write the executive summary and the interactive report, from the warehouse's gold."""

import argparse
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]  # event_data

if TYPE_CHECKING:
    from analysis.findings import Change
    from analysis.gold import Gold
    from analysis.incidents import Incident
    from matplotlib.figure import Figure

HERE = Path(__file__).resolve().parent
REPO = HERE.parent
EXAMPLE = """example:
  python part3-business-analysis/generate_charts.py --data_dir data --out_dir data/analysis

exit status:
  0 fine, 2 could not run, 3 the warehouse's ledger does not balance
"""


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    p.add_argument("--data_dir", type=Path, default=REPO / "data", help="folder of the daily files (default: data/)")
    p.add_argument("--contract", type=Path, help="contract of the files (default: part1-data-quality/schema.yaml)")
    p.add_argument(
        "--warehouse", type=Path,
        help="DuckDB file, or folder of Parquet, to read (default: warehouse.duckdb in --data_dir)",
    )  # fmt: skip
    p.add_argument("--out_dir", type=Path, default=HERE, help="folder for what is made (default: this script's)")
    p.add_argument(
        "--assumptions",
        type=Path,
        default=HERE / "assumptions.yaml",
        help="inputs of the financial model (default: assumptions.yaml beside this script)",
    )
    p.add_argument(
        "--no_refresh", action="store_true", help="read the warehouse as it is; do not run transform.py first"
    )
    p.add_argument("--quiet", action="store_true", help="print nothing but errors")
    return p


def main(args: Sequence[str], stdout: TextIO, stderr: TextIO) -> int:
    """Run the command; returns the exit status, never raises for a mistake of the user's."""
    args = [re.sub(r"^--[a-z-]+", lambda m: "--" + m[0][2:].replace("-", "_"), a) for a in args]
    options = parser().parse_args(args)
    # After the arguments, so that --help and a mistyped option answer at once.
    from analysis.gold import GoldError
    from analysis.impact import AssumptionsError

    name = Path(__file__).name
    try:
        warehouse = options.warehouse or options.data_dir / "warehouse.duckdb"
        if not options.no_refresh:
            status = refresh(options, warehouse, stderr)
            if status:
                return status
        return analyse(options, warehouse, stdout)
    except (GoldError, AssumptionsError) as error:
        print(f"{name}: {error}", file=stderr)
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        print(f"{name}: {what}; choose another --out_dir or free the disk.", file=stderr)
    return 2


def refresh(options: argparse.Namespace, warehouse: Path, stderr: TextIO) -> int:
    """Bring the warehouse up to date by part 2's own command; its exit status."""
    line = [
        sys.executable,
        str(REPO / "part2-transformation" / "transform.py"),
        "--quiet",
        "--data_dir",
        str(options.data_dir),
        "--warehouse",
        str(warehouse),
    ]
    if options.contract:
        line += ["--contract", str(options.contract)]
    watched = stderr.isatty() and not options.quiet
    print("\rbringing the warehouse up to date " * watched, end="", file=stderr, flush=True)
    done = subprocess.run(line, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False)
    print("\r\033[K" * watched, end="", file=stderr, flush=True)
    # Its sentence says what to do; a sentence of ours about it would say less.
    stderr.write(done.stderr.replace("transform.py: ", f"{Path(__file__).name}: ", 1))
    return done.returncode


def analyse(options: argparse.Namespace, warehouse: Path, stdout: TextIO) -> int:
    # That the fallback for letters that Inter lacks has fewer weights, or that there is no home to keep a list of fonts
    # in, is no news to the user.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    from analysis.charts.style import save, use_style
    from analysis.currency import use_currency
    from analysis.findings import find_changes
    from analysis.gold import read_gold
    from analysis.impact import load_assumptions, model
    from analysis.incidents import find_incidents
    from analysis.narrative import summary
    from analysis.page import report

    assumptions = load_assumptions(options.assumptions)
    gold = read_gold(warehouse)
    use_currency(gold.currency)
    incidents = find_incidents(gold)
    changes = find_changes(gold, incidents)
    impact = model(gold, incidents, assumptions)
    options.out_dir.mkdir(parents=True, exist_ok=True)
    use_style()
    written = []
    for name, figure in pictures(gold, incidents, changes).items():
        written.append(whole(options.out_dir / name, partial(save, figure)))
    text = summary(gold, incidents, changes, impact, assumptions)
    page = report(gold, incidents, changes, impact)
    for name, content in (("executive_summary.md", text), ("report.html", page)):
        written.append(
            whole(options.out_dir / name, partial(Path.write_text, data=content, encoding="utf-8", newline="\n"))
        )
    if not options.quiet:
        conclusion = next((line for line in text.splitlines() if line.startswith("**")), "").strip("*")
        _print(stdout, "\n".join([conclusion, "", "wrote:", *[f"  {_shown(path)}" for path in written], ""]))
    return 3 if gold.line("difference").amount or gold.line("difference").orders else 0


def whole(path: Path, write: Callable[[Path], object]) -> Path:
    """Write a file so that it is whole or as it was; returns its path."""
    part = path.with_name(f".{path.name}.part")
    try:
        write(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def pictures(gold: "Gold", incidents: "Sequence[Incident]", changes: "Sequence[Change]") -> "dict[str, Figure]":
    """The five pictures by the name of their file."""
    from analysis.charts.days import draw_revenue, draw_volume
    from analysis.charts.flow import draw_evidence, draw_funnel
    from analysis.charts.rates import draw_devices

    return {
        "funnel_sankey.png": draw_funnel(gold),
        "revenue_trend.png": draw_revenue(gold, incidents, changes),
        "attribution_loss_pie.png": draw_evidence(gold),
        "device_cvr.png": draw_devices(gold),
        "daily_volume_anomaly.png": draw_volume(gold, incidents),
    }


def _print(stdout: TextIO, text: str) -> None:
    """Print to the end, or to where the reader at the other end of a pipe has seen enough."""
    encoding = stdout.encoding or "utf-8"
    try:
        stdout.write(text.encode(encoding, "replace").decode(encoding))
        stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())


def _shown(path: Path) -> str:
    """A path as short as it can be typed from here."""
    try:
        return os.path.relpath(path) if not os.path.relpath(path).startswith("..") else str(path)
    except ValueError:
        return str(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout, sys.stderr))
