#!/usr/bin/env python3
"""Judge a day of a shop's events: GREEN, YELLOW or RED, what broke, since when, what it costs and what to do first."""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]  # event_data

from event_data import cli  # noqa: E402

EXAMPLE = """\
  python part4-monitoring/monitor.py --check_date 2025-03-04
  python part4-monitoring/monitor.py --backtest
  python part4-monitoring/monitor.py --as_of 2025-02-27T00:05Z
  python part4-monitoring/monitor.py --acknowledge identity --until 2025-03-10 --reason "fix is on its way\""""
STATUSES = {3: "RED (with --strict also YELLOW)", 4: "an alert could not be delivered and waits"}
WAREHOUSE = "DuckDB file, or folder of Parquet, of part 2 (default: warehouse.duckdb in --data_dir)"


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    p = cli.argument_parser(Path(__file__).name, __doc__, EXAMPLE, STATUSES)
    cli.add_places(p, warehouse=WAREHOUSE)
    p.add_argument(
        "--thresholds", type=Path, default=Path(__file__).resolve().with_name("thresholds.yaml"),
        help="the monitor's settings (default: thresholds.yaml beside this script)",
    )  # fmt: skip
    p.add_argument(
        "--history", type=Path, help="SQLite file of all runs (default: monitor.sqlite beside the warehouse)"
    )
    p.add_argument(
        "--no_refresh", action="store_true", help="read the warehouse as it is; do not run transform.py first"
    )
    p.add_argument(
        "--check_date", metavar="DAY", default="latest", help="day to judge: 2025-03-04, yesterday or latest (default)"
    )
    p.add_argument(
        "--as_of",
        metavar="TIME",
        help="judge the day of this time from the data available then (UTC unless it has an offset)",
    )
    p.add_argument(
        "--backtest", action="store_true", help="judge every day by what was known then, and print a calendar"
    )
    decision = p.add_mutually_exclusive_group()
    decision.add_argument(
        "--acknowledge",
        metavar="ALARM",
        help="mark this alarm of the day as known and being fixed: send no messages about it",
    )
    decision.add_argument(
        "--new_level",
        metavar="ALARM",
        help="accept this alarm of the day as the new level: it no longer raises an alarm",
    )
    decision.add_argument("--undo", metavar="ALARM", help="undo the decision about this alarm")
    p.add_argument("--until", metavar="DAY", help="with --acknowledge: the last day without messages")
    p.add_argument("--reason", metavar="TEXT", help="with --acknowledge or --new_level: the reason")
    p.add_argument(
        "--remind_days", metavar="DAYS", type=int, default=1,
        help="repeat an open alarm in Slack after this many calendar days (default: 1)",
    )  # fmt: skip
    p.add_argument("--renotify_hours", metavar="HOURS", type=float, help=argparse.SUPPRESS)  # until the next version
    p.add_argument("--dry_run", action="store_true", help="print the message for Slack; send and save nothing")
    p.add_argument("--drop_outbox", action="store_true", help="discard the messages waiting for Slack, and exit")
    p.add_argument("--postgres_url", metavar="URL", help="mirror the history to this database (psycopg)")
    p.add_argument(
        "--prometheus_textfile", type=Path, metavar="PATH", help="write a file for node_exporter's textfile collector"
    )
    p.add_argument("--verbose", action="store_true", help="also print every metric with its expected range")
    p.add_argument("--strict", action="store_true", help="exit status 3 for YELLOW as well")
    return p


def start_refresh(options: argparse.Namespace) -> "subprocess.Popen[str]":
    """Start part 2's command, which does nothing if nothing has changed."""
    script = cli.REPOSITORY / "part2-transformation" / "transform.py"
    line = [sys.executable, script, "--quiet", "--data_dir", options.data_dir, "--contract", options.contract]
    if options.warehouse:
        line += ["--warehouse", options.warehouse]
    return subprocess.Popen(list(map(str, line)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def command(options: argparse.Namespace, terminal: cli.Terminal) -> int:
    """Run part 4, which is imported while part 2 refreshes the warehouse."""
    refresh = None if options.no_refresh or options.drop_outbox else start_refresh(options)
    try:
        from monitoring.command import execute

        return execute(options, terminal, refresh)
    finally:
        if refresh and refresh.poll() is None:
            refresh.communicate()


def main(args: Sequence[str], stdout: TextIO | None, stderr: TextIO | None) -> int:
    """Run the command and return its exit status; a mistake of the user's is one sentence on stderr."""
    return cli.run(parser(), command, args, stdout, stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout, sys.stderr))
