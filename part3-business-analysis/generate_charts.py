#!/usr/bin/env python3
"""Draw the five pictures, and write the executive summary and the interactive report, from the warehouse's gold."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]  # event_data

from event_data import cli  # noqa: E402
from event_data.errors import UserError  # noqa: E402

HERE = Path(__file__).resolve().parent
EXAMPLE = "  python part3-business-analysis/generate_charts.py --data_dir data --out_dir data/analysis"
STATUSES = {3: "the data are critical: a P0 incident, too much refused, or a ledger that does not balance"}
WAREHOUSE = "DuckDB file, or folder of Parquet, to read (default: warehouse.duckdb in --data_dir)"


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    p = cli.argument_parser(Path(__file__).name, __doc__, EXAMPLE, STATUSES)
    cli.add_places(p, warehouse=WAREHOUSE, out_dir=HERE)
    p.add_argument(
        "--assumptions", type=Path, default=HERE / "assumptions.yaml",
        help="inputs of the financial model (default: assumptions.yaml beside this script)",
    )  # fmt: skip
    for name, end in (("--since", "first"), ("--until", "last")):
        p.add_argument(
            name, type=cli.day, metavar="YYYY-MM-DD",
            help=f"{end} day of the report (default: all days, or the last 28 of more than five weeks)",
        )  # fmt: skip
    p.add_argument(
        "--no_refresh", action="store_true",
        help="read the warehouse and dq_report.json beside it as they are; do not run parts 1 and 2 first",
    )  # fmt: skip
    return p


def command(options: argparse.Namespace, terminal: cli.Terminal) -> int:
    """Run part 3, which is imported only now: --help and a mistyped option answer at once."""
    if options.since and options.until and options.since > options.until:
        raise UserError(f"--since {options.since} is after --until {options.until}; exchange them.")
    # Before the import: a fallback font of fewer weights, or no home for a list of fonts, is no news to the user.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    from analysis.command import execute

    return execute(options, terminal)


def main(args: Sequence[str], stdout: TextIO | None, stderr: TextIO | None) -> int:
    """Run the command and return its exit status; a mistake of the user's is one sentence on stderr."""
    return cli.run(parser(), command, args, stdout, stderr, "choose another --out_dir")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout, sys.stderr))
