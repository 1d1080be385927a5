#!/usr/bin/env python3
"""Turn a shop's daily event files into a warehouse of visits, orders and channels, every dollar accounted for."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]  # event_data

from transformation.engines.sql_engines import WAREHOUSES  # noqa: E402

from event_data import cli  # noqa: E402

EXAMPLE = """\
  python part2-transformation/transform.py --data_dir data --warehouse data/warehouse.duckdb
  python part2-transformation/transform.py --data_dir data --engine spark --master spark://host:7077"""
STATUSES = {3: "the ledger does not balance, too much was refused, or a test of --validate failed"}
WAREHOUSE = (
    "DuckDB file to write (default: warehouse.duckdb in --data_dir), or a folder with Spark "
    "(default: warehouse_spark there)"
)

EXPORT = (
    "write the gold tables there as Parquet and CSV too; with --print_sql, the records of the shop's books, which the "
    "script loads"
)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    p = cli.argument_parser(Path(__file__).name, __doc__, EXAMPLE, STATUSES)
    cli.add_places(p, data_dir=folder_or_address, warehouse=WAREHOUSE)
    p.add_argument(
        "--engine",
        choices=("duckdb", "spark"),
        help="the engine to use (default: the one that built the warehouse, or duckdb)",
    )
    cluster = p.add_mutually_exclusive_group()
    cluster.add_argument("--master", metavar="URL", help="Spark master URL, such as spark://host:7077")
    cluster.add_argument("--remote", metavar="URL", help="Spark Connect server, such as sc://host:15002")
    p.add_argument("--full_refresh", action="store_true", help="rebuild everything from scratch")
    p.add_argument("--export", type=Path, metavar="DIR", help=EXPORT)
    p.add_argument("--validate", action="store_true", help="run the test suite validation_tr.sql instead")
    p.add_argument(
        "--print_sql", choices=WAREHOUSES, metavar="ENGINE",
        help=f"print everything as a script instead, for {', '.join(WAREHOUSES)}",
    )  # fmt: skip
    p.add_argument("--location", metavar="URL", help="where that script reads the files: a stage, bucket or folder")
    p.add_argument(
        "--memory_limit",
        metavar="SIZE",
        default="3GB",
        help="memory limit for DuckDB, or for Spark's driver (default: 3GB)",
    )
    return p


def folder_or_address(text: str) -> Path | str:
    """Return a folder, or an address such as s3a://shop/events, which only Spark can read."""
    return text if "://" in text else Path(text)


def command(options: argparse.Namespace, terminal: cli.Terminal) -> int:
    """Run part 2, which is imported only now: --help and a mistyped option answer at once."""
    p = parser()
    if options.validate:
        mode, unused = "--validate runs the tests' own rows and", ["data_dir", "contract", "full_refresh", "export"]
        cli.refuse_unused(p, options, mode, [*unused, "location"])
    if options.print_sql:
        unused = ["warehouse", "engine", "master", "remote", "full_refresh", "json"]
        cli.refuse_unused(p, options, "--print_sql", unused)
    else:
        cli.refuse_unused(p, options, "a run without --print_sql", ["location"])
    from transformation.command import execute

    return execute(options, terminal)


def main(args: Sequence[str], stdout: TextIO | None, stderr: TextIO | None) -> int:
    """Run the command and return its exit status; a mistake of the user's is one sentence on stderr."""
    advice = "choose another --warehouse; the warehouse is unchanged"
    return cli.run(parser(), command, args, stdout, stderr, advice)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout, sys.stderr))
