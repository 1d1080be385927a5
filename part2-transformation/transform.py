#!/usr/bin/env python3
"""Turn a shop's daily event files into a warehouse of visits, orders and channels, every dollar accounted for."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]  # event_data

from transformation.engines.sql_engines import WAREHOUSES  # noqa: E402

if TYPE_CHECKING:
    import duckdb
    from transformation.build import Run
    from transformation.engines.spark import Job

Say = Callable[[str], None]

HERE = Path(__file__).resolve().parent
REPO = HERE.parent
EXAMPLE = """example:
  python part2-transformation/transform.py --data_dir data --warehouse data/warehouse.duckdb
  python part2-transformation/transform.py --data_dir data --engine spark --master spark://host:7077

exit status:
  0 fine, 2 could not run, 3 the ledger does not balance or a test of --validate failed
"""


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    p.add_argument("--data_dir", type=place, default=REPO / "data", help="folder of the daily files (default: data/)")
    p.add_argument(
        "--contract", type=Path, default=REPO / "part1-data-quality" / "schema.yaml",
        help="contract of the files (default: part1-data-quality/schema.yaml)",
    )  # fmt: skip
    p.add_argument(
        "--warehouse", type=Path,
        help="DuckDB file to write (default: warehouse.duckdb in --data_dir), or of Spark a folder "
        "(default: warehouse_spark there)",
    )  # fmt: skip
    p.add_argument(
        "--engine", choices=("duckdb", "spark"), help="what does the work (default: what made the warehouse, or duckdb)"
    )
    cluster = p.add_mutually_exclusive_group()
    cluster.add_argument("--master", metavar="URL", help="Spark's cluster, such as spark://host:7077")
    cluster.add_argument("--remote", metavar="URL", help="or its Spark Connect server, such as sc://host:15002")
    p.add_argument("--full_refresh", action="store_true", help="make everything anew, not only what changed")
    p.add_argument("--export", type=Path, metavar="DIR", help="write the gold tables there as Parquet and CSV too")
    p.add_argument("--validate", action="store_true", help="run the test suite validation_tr.sql instead")
    p.add_argument(
        "--print_sql", choices=WAREHOUSES, metavar="ENGINE",
        help=f"print it all as a script instead, for {', '.join(WAREHOUSES)}",
    )  # fmt: skip
    p.add_argument("--location", metavar="URL", help="where that script finds the files: a stage, bucket or folder")
    p.add_argument(
        "--memory_limit", metavar="SIZE", default="3GB", help="most memory for DuckDB, or Spark's driver (default: 3GB)"
    )
    p.add_argument("--quiet", action="store_true", help="print nothing but errors")
    return p


def place(text: str) -> Path | str:
    """A folder, or an address such as s3a://shop/events, which only Spark can read."""
    return text if "://" in text else Path(text)


def main(args: Sequence[str], stdout: TextIO, stderr: TextIO) -> int:
    """Run the command; returns the exit status, never raises for a mistake of the user's."""
    args = [re.sub(r"^--[a-z-]+", lambda m: "--" + m[0][2:].replace("-", "_"), a) for a in args]
    options = parser().parse_args(args)
    # After the arguments, so that --help and a mistyped option answer at once.
    import duckdb
    from transformation.build import LedgerError
    from transformation.daily_files import LandingError
    from transformation.engines.dialects import DialectError
    from transformation.engines.spark import CATALOG, SparkError

    from event_data.contract import ContractError

    name = Path(__file__).name
    made_by_spark = bool(options.warehouse) and (options.warehouse / CATALOG).is_file()
    options.engine = options.engine or ("spark" if made_by_spark else "duckdb")
    try:
        if isinstance(options.data_dir, str) and not (options.engine == "spark" and options.warehouse):
            raise SparkError(f"{options.data_dir} needs --engine spark, and a folder for --warehouse.")
        if options.print_sql:
            return print_sql(options, stdout)
        return validate(options, stdout) if options.validate else transform(options, stdout, stderr)
    except (ContractError, LandingError, DialectError, SparkError) as error:
        print(f"{name}: {error}", file=stderr)
    except LedgerError as error:
        print(f"{name}: {error}", file=stderr)
        return 3
    except duckdb.OutOfMemoryException:
        print(f"{name}: the memory is not enough; give more with --memory_limit, or free the disk.", file=stderr)
    except (duckdb.InvalidInputException, duckdb.ParserException) as error:
        print(f"{name}: {str(error).splitlines()[0]}.", file=stderr)
    # a disk that is full ends a write, a commit, or the database
    except (duckdb.IOException, duckdb.TransactionException, duckdb.FatalException, OSError) as error:
        named = isinstance(error, OSError) and error.filename
        what = f"{error.filename}: {error.strerror}" if named else str(error).splitlines()[0]  # type: ignore[union-attr]
        print(f"{name}: {what}; the warehouse is as it was. Free the disk, or choose another --warehouse.", file=stderr)
    return 2


def transform(options: argparse.Namespace, stdout: TextIO, stderr: TextIO) -> int:
    from event_data.contract import load_contract

    watched = stderr.isatty() and not options.quiet

    def progress(text: str) -> None:
        if watched:
            print(f"\r\033[K{text}", end="", file=stderr, flush=True)

    def say(text: str) -> None:
        if not options.quiet:
            print(text, file=stderr)

    run, warehouse = (on_spark if options.engine == "spark" else on_duckdb)(options, say, progress)
    progress("")
    exported = _export(warehouse, options.export) if options.export else []
    if not options.quiet:
        lines = summary(run, warehouse, load_contract(options.contract).currency.sign)
        _print(stdout, [*lines, f"exported: {len(exported)} files to {options.export}"] if exported else lines)
    return 0


def on_duckdb(options: argparse.Namespace, say: Say, progress: Say) -> tuple["Run", Path]:
    from transformation.build import Settings, fingerprint, refresh

    from event_data.contract import load_contract

    warehouse = options.warehouse or options.data_dir / "warehouse.duckdb"
    settings = Settings(
        options.data_dir, warehouse, load_contract(options.contract), fingerprint(options.contract),
        options.full_refresh, options.memory_limit,
    )  # fmt: skip
    return refresh(settings, say, progress), warehouse


def on_spark(options: argparse.Namespace, say: Say, progress: Say) -> tuple["Run", Path]:
    from transformation.engines.spark import CATALOG, refresh

    job = spark_job(options, options.contract)
    return refresh(job, say, progress), job.warehouse / CATALOG


def spark_job(options: argparse.Namespace, contract: Path) -> "Job":
    from transformation.build import fingerprint
    from transformation.engines.spark import Job
    from transformation.placeholders import in_utc

    from event_data.contract import load_contract

    return Job(
        str(options.data_dir), options.warehouse or options.data_dir / "warehouse_spark",
        in_utc(load_contract(contract)), fingerprint(contract), options.full_refresh, options.master,
        options.remote, options.memory_limit,
    )  # fmt: skip


def summary(run: "Run", warehouse: Path, currency: str) -> list[str]:
    """What a run did, and the ledger, as lines of at most 80 columns."""
    days = f"{run.files[0].day} to {run.files[-1].day}" if run.files else ""
    what = {
        "unchanged": "nothing changed",
        "full": f"made anew from {_count(len(run.files), 'file')}",
        "incremental": ", ".join(
            f"{_count(len(names), 'file')} {word}"
            for word, names in (("new", run.new), ("changed", run.changed), ("removed", run.removed))
            if names
        ),
    }[run.how]
    lines = [f"{warehouse.name}: {what}; {_count(run.records, 'record')}, {days}."]
    if run.unreadable:
        lines.append(f"{_count(run.unreadable, 'record')} could not be read; see silver.rejected_events.")
    lines += ["", f"  {'ledger':<52}{'orders':>8}{'amount':>17}"]
    for line, orders, amount in run.ledger:
        money = f"{'-' * (amount < 0)}{currency}{abs(amount):,.2f}"
        lines.append(f"  {line:<52}{orders:>8,}{money:>17}")
    return lines


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _export(warehouse: Path, folder: Path) -> list[Path]:
    """Write each gold table as Parquet and as CSV; a file is whole or not there."""
    import duckdb

    from event_data.sql import literal

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        tables = connection.execute(
            "select table_name from information_schema.tables where table_schema = 'gold' order by table_name"
        ).fetchall()
        for (table,) in tables:
            for ending, rows, how in (
                (".parquet", f"from gold.{table} order by all", "format parquet"),
                (".csv", _without_formulas(connection, table), "format csv, header"),
            ):
                path = folder / f"{table}{ending}"
                part = path.with_name(path.name + ".part")
                try:
                    connection.execute(f"copy ({rows}) to {literal(str(part))} ({how})")
                    part.replace(path)
                finally:
                    part.unlink(missing_ok=True)
                written.append(path)
    return written


def _without_formulas(connection: "duckdb.DuckDBPyConnection", table: str) -> str:
    """A gold table's rows, where a text that a spreadsheet would run gets an apostrophe (OWASP, CSV injection)."""
    columns = connection.execute(f"describe gold.{table}").fetchall()
    texts = [name for name, kind, *_ in columns if kind == "VARCHAR"]
    spared = ", ".join(f"regexp_replace({name}, '^[=+@\\t\\r-]', '''\\0') as {name}" for name in texts)
    return f"select *{f' replace ({spared})' if texts else ''} from (from gold.{table} order by all)"


def validate(options: argparse.Namespace, stdout: TextIO) -> int:
    from transformation.engines import spark
    from transformation.suite import read_suite, run_suite, table

    from event_data.contract import load_contract

    # The suite's rows are of this repository's contract, whichever shop's data are transformed.
    contract = REPO / "part1-data-quality" / "schema.yaml"
    loaded = load_contract(contract)
    if options.engine == "spark":
        outcomes = spark.run_suite(read_suite(loaded), spark_job(options, contract))
    else:
        outcomes = run_suite(loaded, read_suite(loaded))
    if not options.quiet:
        _print(stdout, table(outcomes))
    return 0 if outcomes and all(o.passed for o in outcomes) else 3


def print_sql(options: argparse.Namespace, stdout: TextIO) -> int:
    from transformation.engines.printed_script import script, suite_script
    from transformation.placeholders import in_utc

    from event_data.contract import load_contract

    if options.validate:
        text = suite_script(options.print_sql, load_contract(REPO / "part1-data-quality" / "schema.yaml"))
    else:
        text = script(options.print_sql, options.data_dir, in_utc(load_contract(options.contract)), options.location)
    _print(stdout, text.splitlines())
    return 0


def _print(stdout: TextIO, lines: Sequence[str]) -> None:
    try:
        print("\n".join(lines), file=stdout, flush=True)
    except BrokenPipeError:  # the reader has seen enough
        sys.stdout = open("/dev/null", "w")  # noqa: SIM115


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout, sys.stderr))
