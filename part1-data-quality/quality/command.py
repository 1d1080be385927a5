"""The command of part 1: check the files and write the reports, or draft a contract from them."""

import argparse
import re
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from event_data.cli import CONTRACT, Terminal
from event_data.contract import ContractError, Severity, load_contract
from event_data.errors import UserError
from event_data.known_totals import as_yaml, parse_known_total
from event_data.output import short_path, write_atomically
from event_data.reading.day_file import ReadingError
from quality.checks import DEFINITIONS, run_checks
from quality.console import summary
from quality.evidence import collect
from quality.incidents import Incident, find_incidents
from quality.reports import write_reports
from quality.scan import Scan
from quality.ticket import ticket


def execute(options: argparse.Namespace, terminal: Terminal) -> int:
    """Run what the options ask for and return the exit status."""
    options.known_totals = [parse_known_total(text) for text in options.known_total]
    if options.known_totals and not options.init:
        raise UserError("--known_total needs --init; for a contract that exists, add the day to its knownTotals.")
    return draft(options, terminal) if options.init else validate(options, terminal)


def validate(options: argparse.Namespace, terminal: Terminal) -> int:
    """Check the files, write the reports and print the summary."""
    with tempfile.TemporaryDirectory(prefix="validate_") as work, ThreadPoolExecutor(1) as pool:
        connection = pool.submit(connect, Path(work), options.memory_limit)  # takes as long as reading the contract
        pool.submit(_import_reporting)
        contract = load_contract(options.contract or CONTRACT)
        if options.data_dir.is_dir():  # a mistyped --data_dir may be out_dir too: do not create it
            options.out_dir.mkdir(parents=True, exist_ok=True)
        scan = Scan(contract, Path(work), connection.result())
        scan.run(options.data_dir, _progress(terminal, scan), with_hash=options.json)
        terminal.progress("")
        findings = run_checks(scan)
        incidents = find_incidents(findings, DEFINITIONS, scan.files, contract.currency)
        if scan.books:
            from quality.order_list_words import with_order_list  # few contracts have books

            incidents = with_order_list(incidents, scan)
        wanted = _wanted(options.incident, incidents)
        evidence = collect(scan, incidents)
        written, document = write_reports(
            options.out_dir, scan, findings, incidents, evidence, options.json, options.junit
        )
    if wanted:
        terminal.write(ticket(wanted, evidence[wanted.number], contract))
    else:
        text = partial(summary, scan.files, findings, incidents, evidence, written, contract, terminal)
        terminal.report(text, lambda: document)
    stops = options.fail_on != "never" and any(i.severity <= Severity[options.fail_on] for i in incidents)
    return 3 if stops else 0


def _import_reporting() -> None:
    """Import what only the reports need, which takes 70 ms, while DuckDB reads the files."""
    import jinja2  # noqa: F401
    import rich.console
    import rich.table  # noqa: F401


def _wanted(number: int | None, incidents: Sequence[Incident]) -> Incident | None:
    """Return the incident that --incident asks for. Raise UserError if there is none of this number."""
    if number is None:
        return None
    wanted = next((incident for incident in incidents if incident.number == number), None)
    if wanted is None:
        known = f"the files have {len(incidents)}, numbered from 1" if incidents else "the files have none"
        raise UserError(f"--incident {number}: there is no such incident; {known}.")
    return wanted


def connect(work_dir: Path, memory_limit: str | None = None) -> duckdb.DuckDBPyConnection:
    """Return an empty in-memory database that spills to `work_dir`.

    Raise ReadingError for a limit that is not a size.
    """
    # DuckDB would turn `in` with a short list into a join, which also evaluates events that a `case` skips.
    config: dict[str, Any] = {"threads": 1, "temp_directory": str(work_dir), "disabled_optimizers": "in_clause"}
    no_size = ReadingError(f"--memory_limit {memory_limit!r} is not a size; write it like 512MB.")
    if memory_limit is not None:
        # DuckDB takes an empty or negative size for no limit.
        if not re.fullmatch(r"\d+([.]\d+)? ?\w+", memory_limit):
            raise no_size
        config["memory_limit"] = memory_limit
    try:
        return duckdb.connect(config=config)
    except duckdb.Error:
        raise no_size from None


def draft(options: argparse.Namespace, terminal: Terminal) -> int:
    """Draft a contract from the files, to --contract or stdout, and print what the files contain according to it."""
    from event_data.contract.drafting import draft_contract
    from quality import draft_summary

    if options.contract and options.contract.exists():
        raise ContractError(f"{options.contract} exists already; name a new file, so that no contract is overwritten.")
    terminal.progress("reading a sample of the files")
    text = draft_contract(options.data_dir, (options.contract or options.data_dir.resolve()).stem)
    if options.known_totals:
        text = f"{text.rstrip()}\n\n{as_yaml(options.known_totals)}"
    terminal.progress("")
    if options.contract:
        write_atomically(options.contract, text)
        written = short_path(options.contract)
        terminal.note(f"wrote {written}; correct its `# check:` lines, and then use it with --contract {written}")
    else:
        terminal.write(text)
    if terminal.quiet:
        return 0
    with tempfile.TemporaryDirectory(prefix="draft_") as work:
        path = options.contract or write_atomically(Path(work) / "draft.yaml", text)
        terminal.progress("reading the files with the draft")
        built = draft_summary.build(options.data_dir, path, Path(work), options.memory_limit)
        terminal.progress("")
        described = draft_summary.summary(built, load_contract(path), terminal.width)
    (terminal.print if options.contract else terminal.note)(described)
    return 0


def _progress(terminal: Terminal, scan: Scan) -> Callable[[int], None]:
    """Return a function that shows how many of the files have been read."""
    done = 0

    def show(more: int) -> None:
        nonlocal done
        done += more
        if done < len(scan.files):
            terminal.progress("reading the files", done, len(scan.files))
        else:
            terminal.progress("checking the records")

    return show
