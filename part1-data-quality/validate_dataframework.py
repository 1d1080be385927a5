#!/usr/bin/env python3
"""Check a shop's daily event files against their contract, and say what is wrong, since when, and what it costs."""

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]  # event_data

if TYPE_CHECKING:
    from quality.scan import Scan

HERE = Path(__file__).resolve().parent
EXAMPLE = """example:
  python part1-data-quality/validate_dataframework.py --data_dir data --out_dir /tmp

exit status:
  0 fine, 2 could not run, 3 findings as severe as --fail_on
"""


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    p.add_argument(
        "--data_dir", type=Path, default=HERE.parent / "data", help="folder of the daily files (default: data/)"
    )
    p.add_argument("--contract", type=Path, help="contract to check against (default: schema.yaml beside this script)")
    p.add_argument("--out_dir", type=Path, default=HERE, help="folder for the reports (default: this script's)")
    p.add_argument(
        "--fail_on", choices=["P0", "P1", "P2", "never"], default="P0", help="severity for exit status 3 (default: P0)"
    )
    p.add_argument("--json", action="store_true", help="write dq_report.json too")
    p.add_argument("--junit", action="store_true", help="write dq_report.xml for a CI server too")
    p.add_argument("--memory_limit", metavar="SIZE", help="most memory for DuckDB, such as 512MB (default: DuckDB's)")
    p.add_argument(
        "--init", action="store_true", help="draft a contract from the files in --data_dir, to --contract or stdout"
    )
    p.add_argument("--quiet", action="store_true", help="print nothing but errors")
    return p


def main(args: Sequence[str], stdout: TextIO, stderr: TextIO) -> int:
    """Run the command; returns the exit status, never raises for a mistake of the user's."""
    args = [re.sub(r"^--[a-z-]+", lambda m: "--" + m[0][2:].replace("-", "_"), a) for a in args]
    options = parser().parse_args(args)
    # After the arguments, so that --help and a mistyped option answer at once.
    from event_data.contract import ContractError
    from event_data.reading.day_file import ReadingError

    try:
        if options.init:
            return draft(options, stdout, stderr)
        return validate(options, stdout, stderr)
    except (ContractError, ReadingError) as error:
        print(f"{Path(__file__).name}: {error}", file=stderr)
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        print(f"{Path(__file__).name}: {what}; choose another --out_dir or free the disk.", file=stderr)
    return 2


def validate(options: argparse.Namespace, stdout: TextIO, stderr: TextIO) -> int:
    from concurrent.futures import ThreadPoolExecutor

    from quality.engine import connect

    with tempfile.TemporaryDirectory(prefix="validate_") as work, ThreadPoolExecutor(1) as pool:
        # Opening DuckDB takes as long as the imports that are left.
        connection = pool.submit(connect, Path(work), options.memory_limit)
        from quality.checks import DEFINITIONS, run_checks
        from quality.console import summary
        from quality.incidents import find_incidents
        from quality.reports import write_reports
        from quality.scan import Scan

        from event_data.contract import Severity, load_contract

        contract = load_contract(options.contract or HERE / "schema.yaml")
        options.out_dir.mkdir(parents=True, exist_ok=True)
        scan = Scan(contract, Path(work), connection.result())
        read(scan, options.data_dir, stderr, options.quiet)
        findings = run_checks(scan)
        incidents = find_incidents(findings, DEFINITIONS, scan.files, contract.currency)
        written = write_reports(options.out_dir, scan, findings, incidents, options.json, options.junit)
    if not options.quiet:
        colour = stdout.isatty() and "NO_COLOR" not in os.environ
        _print(stdout, summary(scan.files, findings, incidents, written, contract.currency, colour))
    stops = options.fail_on != "never" and any(i.severity <= Severity[options.fail_on] for i in incidents)
    return 3 if stops else 0


def read(scan: "Scan", data_dir: Path, stderr: TextIO, quiet: bool) -> None:
    """Read every file; raises ReadingError with a sentence where the memory is too small."""
    import duckdb

    from event_data.reading.day_file import ReadingError

    try:
        scan.run(data_dir, _progress(stderr, quiet))
    except duckdb.OutOfMemoryException:
        raise ReadingError(
            f"there is not enough memory, or not enough disk below {scan.work_dir}, for these files; "
            "free some, or set another --memory_limit."
        ) from None


def draft(options: argparse.Namespace, stdout: TextIO, stderr: TextIO) -> int:
    from event_data.contract import ContractError
    from event_data.contract.drafting import draft_contract

    if options.contract and options.contract.exists():
        raise ContractError(f"{options.contract} exists already; name a new file, so that no contract is overwritten.")
    files = sorted(p for p in options.data_dir.glob("*") if re.search(r"[.]csv([.]gz)?$", p.name, re.IGNORECASE))
    # Where some names tell a day, the others are no days: reports, say.
    files = [p for p in files if re.search(r"\d{4}\D?\d\d\D?\d\d", p.name)] or files
    text = draft_contract(files)
    if options.contract:
        options.contract.write_text(text, encoding="utf-8")
        if not options.quiet:
            print(f"wrote {_shown(options.contract)}; read its `# check:` lines before you rely on it", file=stderr)
    else:
        _print(stdout, text)
    return 0


def _print(stdout: TextIO, text: str) -> None:
    """Print to the end, or to where the reader at the other end of a pipe has seen enough."""
    encoding = stdout.encoding or "utf-8"
    try:
        stdout.write(text.encode(encoding, "replace").decode(encoding))
        stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())


def _progress(stderr: TextIO, quiet: bool) -> Callable[[int], None]:
    """A line that counts the files while a terminal watches."""
    done = 0

    def show(more: int) -> None:
        nonlocal done
        done += more
        if stderr.isatty() and not quiet:
            print(f"\rread {done:,} files \r", end="", file=stderr, flush=True)

    return show


def _shown(path: Path) -> str:
    """A path as short as it can be typed from here."""
    try:
        return os.path.relpath(path) if not os.path.relpath(path).startswith("..") else str(path)
    except ValueError:
        return str(path)


if __name__ == "__main__":
    status = main(sys.argv[1:], sys.stdout, sys.stderr)
    sys.stdout.flush()
    # The system frees the tables at once; one by one it takes a twentieth of a short run.
    os._exit(status)
