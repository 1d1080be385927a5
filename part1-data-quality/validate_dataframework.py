#!/usr/bin/env python3
"""Check a shop's daily event files against their contract, and say what is wrong, since when, and what it costs."""

import argparse
import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]  # event_data

from event_data import cli  # noqa: E402

EXAMPLE = "  python part1-data-quality/validate_dataframework.py --data_dir data --out_dir /tmp"
STATUSES = {3: "findings as severe as --fail_on"}
FAIL_ON = ("P0", "P1", "P2", "never")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    p = cli.argument_parser(
        Path(__file__).name, __doc__, EXAMPLE, STATUSES, "print the report as JSON, and write it to dq_report.json"
    )
    # --init writes to --contract, and so must know whether one was named.
    cli.add_places(p, contract=None, out_dir=Path(__file__).resolve().parent)
    p.add_argument(
        "--fail_on", type=cli.in_any_case(FAIL_ON), choices=FAIL_ON, default="P0",
        help="severity for exit status 3 (default: P0)",
    )  # fmt: skip
    p.add_argument(
        "--incident", type=int, metavar="N", help="print incident N of the report with example rows, for a ticket"
    )
    p.add_argument("--junit", action="store_true", help="write dq_report.xml for a CI server too")
    p.add_argument(
        "--memory_limit", metavar="SIZE", help="memory limit for DuckDB, such as 512MB (default: DuckDB's own)"
    )
    p.add_argument(
        "--init", action="store_true",
        help="draft a contract from the files in --data_dir, to --contract or stdout, and print what they contain",
    )  # fmt: skip
    p.add_argument(
        "--known_total", metavar="DAY:ORDERS:REVENUE", action="append", default=[],
        help="with --init: a day's totals on the shop's admin page, such as 2025-03-01:31:28450.00; repeatable",
    )  # fmt: skip
    return p


def command(options: argparse.Namespace, terminal: cli.Terminal) -> int:
    """Run part 1, which is imported only now: --help and a mistyped option answer at once."""
    if options.init:
        cli.refuse_unused(parser(), options, "--init", ("out_dir", "fail_on", "incident", "json", "junit"))
    if options.incident is not None:
        cli.refuse_unused(parser(), options, "--incident", ("json",))
    from quality.command import execute

    return execute(options, terminal)


def main(args: Sequence[str], stdout: TextIO | None, stderr: TextIO | None) -> int:
    """Run the command and return its exit status; a mistake of the user's is one sentence on stderr."""
    place = "--contract" if "--init" in args else "--out_dir"
    return cli.run(parser(), command, args, stdout, stderr, advice=f"choose another {place}")


if __name__ == "__main__":
    gc.disable()  # the process ends before collecting cycles pays off: each collection walks through all findings
    cli.leave(main(sys.argv[1:], sys.stdout, sys.stderr))
