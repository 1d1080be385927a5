#!/usr/bin/env python3
"""Judge a day of a shop's events: GREEN, YELLOW or RED, what broke, since when, what it costs and what to do first."""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]  # event_data

if TYPE_CHECKING:
    from monitoring.alarms import DayReport
    from monitoring.detection import Acknowledgement
    from monitoring.metrics import Warehouse
    from monitoring.storage import History
    from monitoring.thresholds import Thresholds

    from event_data.contract import Contract

REFUSALS = ("records_refused", "file_refused")
HERE = Path(__file__).resolve().parent
REPO = HERE.parent
EXAMPLE = """examples:
  python part4-monitoring/monitor.py --check_date 2025-03-04
  python part4-monitoring/monitor.py --backtest
  python part4-monitoring/monitor.py --as_of 2025-02-27T00:05Z

exit status:
  0 fine, 2 could not run, 3 RED (with --strict also YELLOW), 4 an alert could not be delivered and waits
"""


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    p.add_argument("--data_dir", type=Path, default=REPO / "data", help="folder of the daily files (default: data/)")
    p.add_argument(
        "--contract", type=Path, default=REPO / "part1-data-quality" / "schema.yaml",
        help="contract of the files (default: part1-data-quality/schema.yaml)",
    )  # fmt: skip
    p.add_argument(
        "--warehouse", type=Path,
        help="DuckDB file, or folder of Parquet, of part 2 (default: warehouse.duckdb in --data_dir)",
    )  # fmt: skip
    p.add_argument(
        "--thresholds",
        type=Path,
        default=HERE / "thresholds.yaml",
        help="what is watched and how closely (default: thresholds.yaml beside this script)",
    )
    p.add_argument(
        "--history", type=Path, help="SQLite file of all runs (default: monitor.sqlite beside the warehouse)"
    )
    p.add_argument(
        "--no_refresh", action="store_true", help="read the warehouse as it is; do not run transform.py first"
    )
    p.add_argument("--check_date", metavar="DAY", default="latest", help="2025-03-04, yesterday or latest (default)")
    p.add_argument(
        "--as_of", metavar="TIME", help="judge the day of this time by what had come until then (UTC unless it says)"
    )
    p.add_argument("--backtest", action="store_true", help="judge every day by what was known then; print a calendar")
    p.add_argument("--acknowledge", metavar="ALARM", help="note that this alarm of the day is known, or the new level")
    p.add_argument(
        "--renotify_hours", metavar="HOURS", type=float, default=24, help="tell Slack again after so long (default: 24)"
    )
    p.add_argument("--dry_run", action="store_true", help="print the message for Slack and send nothing")
    p.add_argument("--postgres_url", metavar="URL", help="mirror the history there (needs psycopg), for Grafana")
    p.add_argument("--prometheus_textfile", type=Path, metavar="PATH", help="write the state for node_exporter")
    p.add_argument("--json", action="store_true", help="print the report as JSON")
    p.add_argument("--verbose", action="store_true", help="print every metric with its expectation too")
    p.add_argument("--strict", action="store_true", help="exit status 3 for YELLOW as well")
    p.add_argument("--quiet", action="store_true", help="print nothing but errors")
    return p


class MonitorError(Exception):
    """The monitor cannot run."""


def main(args: Sequence[str], stdout: TextIO, stderr: TextIO) -> int:
    """Run the command; returns the exit status, never raises for a mistake of the user's."""
    args = [re.sub(r"^--[a-z-]+", lambda m: "--" + m[0][2:].replace("-", "_"), a) for a in args]
    options = parser().parse_args(args)
    refresh = None if options.no_refresh else start_refresh(options)  # while the rest is imported
    # After the arguments, so that --help and a mistyped option answer at once.
    import sqlite3

    import duckdb
    from monitoring.slack import SlackError
    from monitoring.storage import HistoryError

    from event_data.errors import UserError

    name = Path(__file__).name
    try:
        return monitor(options, refresh, stdout, stderr)
    except (MonitorError, UserError, HistoryError, SlackError) as error:
        print(f"{name}: {error}", file=stderr)
    except duckdb.Error as error:
        reason, advice = str(error).splitlines()[0].rstrip("."), "make it anew with transform.py --full_refresh."
        if "lock" in reason:
            reason, advice = "is in use by another program", "close it there, and run again."
        print(f"{name}: {warehouse_path(options)} {reason}; {advice}", file=stderr)
    except sqlite3.Error as error:
        print(
            f"{name}: the history could not be written ({error}); free the disk, or choose another --history.",
            file=stderr,
        )
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        print(f"{name}: {what}; choose another place or free the disk.", file=stderr)
    finally:
        if refresh and refresh.poll() is None:
            refresh.communicate()
    return 2


def warehouse_path(options: argparse.Namespace) -> Path:
    return Path(options.warehouse or options.data_dir / "warehouse.duckdb")


def start_refresh(options: argparse.Namespace) -> "subprocess.Popen[str]":
    """Part 2's command, which does nothing when nothing changed."""
    script = REPO / "part2-transformation" / "transform.py"
    line = [sys.executable, script, "--quiet", "--data_dir", options.data_dir]
    line += ["--warehouse", warehouse_path(options), "--contract", options.contract]
    return subprocess.Popen(list(map(str, line)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def existing_warehouse(options: argparse.Namespace, failure: tuple[int, str] | None) -> Path:
    """The DuckDB file to read; raises MonitorError where there is none, with the `failure` to make it."""
    path = warehouse_path(options)
    if path.is_dir():  # of Parquet, with a file of views
        path = path / "warehouse.duckdb"
    if not path.exists():
        raise MonitorError(
            failure[1].removeprefix("transform.py: ")
            if failure
            else f"there is no warehouse {path}; make it with transform.py, or name another --warehouse."
        )
    with path.open("rb") as file:
        if file.read(12)[8:] != b"DUCK":  # for one of SQLite, DuckDB would fetch an extension from the network
            raise MonitorError(f"{path} is no warehouse; name another with --warehouse.")
    return path


def monitor(
    options: argparse.Namespace, refresh: "subprocess.Popen[str] | None", stdout: TextIO, stderr: TextIO
) -> int:
    import duckdb
    from monitoring.metrics import Warehouse
    from monitoring.storage import History
    from monitoring.thresholds import load_thresholds

    from event_data.contract import load_contract

    t, contract = load_thresholds(options.thresholds), load_contract(options.contract)
    for note in () if options.quiet else t.notes:
        print(f"note: {note}", file=stderr)
    now = datetime.now(UTC)
    failure = refresh_failure(refresh, stderr.isatty() and not options.quiet)
    path = existing_warehouse(options, failure)
    history_path = options.history or path.with_name("monitor.sqlite")
    with duckdb.connect(str(path), read_only=True) as connection, History(history_path) as history:
        until = _moment(options.as_of).replace(tzinfo=None) if options.as_of else None
        warehouse = Warehouse(connection, until)
        day, hours = wanted_day(options, warehouse, now, contract.latency, stderr)
        reports = judged(warehouse, day, hours, contract, t, history.acknowledgements(), options.backtest)
        if options.acknowledge:
            acknowledge(options.acknowledge, reports[-1], history, now)
            reports = judged(warehouse, day, hours, contract, t, history.acknowledgements(), options.backtest)
        if failure and (rule := broken_rule(*failure, warehouse, contract)):
            _add_failure(reports[-1], rule, failure[1], t)
        elif failure and not options.quiet and not any(a.name in REFUSALS for a in reports[-1].alarms):
            print(f"note: part 2 refused data of other days: {failure[1]}", file=stderr)
        for report in reports if options.backtest else reports[-1:]:
            history.record(report, hours, now)
        show(options, reports, stdout)
        undelivered = [] if options.backtest else notify(options, reports[-1], hours, history, now, stdout)
        unmirrored = _export(options, reports[-1], history, now, warehouse)
    for sentence in undelivered:
        print(f"{Path(__file__).name}: {sentence} The message waits in {history_path}.", file=stderr)
    for sentence in unmirrored:
        print(f"{Path(__file__).name}: {sentence}", file=stderr)
    return exit_status(options, reports[-1], bool(undelivered)) or (2 if unmirrored else 0)


def exit_status(options: argparse.Namespace, report: "DayReport", undelivered: bool) -> int:
    """4 goes before 3: where nobody could be told, cron has to."""
    if undelivered:
        return 4
    if options.backtest:
        return 0
    return 3 if report.status == "RED" or (options.strict and report.status == "YELLOW") else 0


def refresh_failure(refresh: "subprocess.Popen[str] | None", watched: bool) -> tuple[int, str] | None:
    """Return the exit status of a refresh that failed, and part 2's own sentence."""
    if refresh is None:
        return None
    print("\rbringing the warehouse up to date " * watched, end="", file=sys.stderr, flush=True)
    _, errors = refresh.communicate()
    print("\r\033[K" * watched, end="", file=sys.stderr, flush=True)
    if refresh.returncode == 0:
        return None
    sentence = errors.strip().splitlines()[-1] if errors.strip() else f"transform.py ended with {refresh.returncode}."
    return refresh.returncode, sentence


def broken_rule(status: int, sentence: str, warehouse: "Warehouse", contract: "Contract") -> str | None:
    """Return the rule that a failed refresh breaks; None where the published warehouse itself says what is wrong.

    Status 3 has two meanings: data were refused and the rest was published, or the ledger does not balance and
    nothing was.
    """
    if status != 3:
        return "refresh_failed"
    is_published = "nothing was published" not in sentence and warehouse.has_refusals(contract.most_refused)
    return None if is_published else "ledger_broken"


def _add_failure(report: "DayReport", name: str, sentence: str, t: "Thresholds") -> None:
    from monitoring.alarms import Alarm

    rule = t.rules[name]
    alarm = Alarm(name, rule.layer, rule.severity, report.day, sentence, is_rule=True, opened=report.day)
    alarm.steps = t.runbooks[rule.name]
    report.alarms.insert(0, alarm)


def wanted_day(
    options: argparse.Namespace, warehouse: "Warehouse", now: datetime, latency: timedelta, stderr: TextIO
) -> tuple[date, int]:
    """The day to judge, and how many of its hours are over (24: all)."""
    span = warehouse.span()
    if span is None:
        raise MonitorError("the warehouse holds no day; put the daily files into --data_dir.")
    moment = warehouse.local(_moment(options.as_of) if options.as_of else now)
    if options.as_of:
        day = moment.date()
        if options.check_date not in ("latest", day.isoformat()):
            raise MonitorError("--check_date and --as_of name different days; give one of them.")
        hours = moment.hour
    else:
        hours = 24
        yesterday = moment.date() - timedelta(days=1)
        day = {"latest": span[1], "yesterday": yesterday}.get(options.check_date) or _day(options.check_date)
        age = (yesterday - day).days
        if options.check_date == "latest" and age > 0 and not options.quiet:
            print(f"note: the newest day is {age} days old; from cron, say --check_date yesterday.", file=stderr)
    if day < span[0]:
        raise MonitorError(f"{day} is before the first day of the warehouse, {span[0]}; give a later day.")
    due = datetime(day.year, day.month, day.day) + timedelta(days=1) + latency
    if not options.as_of and day > span[1] and moment < due:
        raise MonitorError(
            f"the file of {day} has not come, and is due at {due:%Y-%m-%d %H:%M} {warehouse.time_zone} only; ask later."
        )
    return day, hours


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise MonitorError(f"--check_date {text!r} is no day; write it like 2025-03-04, yesterday or latest.") from None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise MonitorError(f"--as_of {text!r} is no time; write it like 2025-02-27T00:05Z.") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def judged(
    warehouse: "Warehouse", day: date, hours: int, contract: "Contract", t: "Thresholds",
    acknowledged: "Sequence[Acknowledgement]", every_day: bool,
) -> "list[DayReport]":  # fmt: skip
    """The reports up to the day; the last one is explained, in a backtest every one."""
    from monitoring.detection import judge
    from monitoring.explanation import explain

    span = warehouse.span()
    assert span is not None
    first = span[0] if every_day else max(span[0], day - timedelta(days=2 * t.history_days))
    facts = warehouse.read(first, day, t.paid_channels, hours)
    reports = judge(facts, contract, t, acknowledged)
    for end in range(1 if every_day else len(reports), len(reports) + 1):
        explain(reports[:end], facts, warehouse, t)
    return reports


def acknowledge(key: str, report: "DayReport", history: "History", now: datetime) -> None:
    """Note an open alarm as known from the report's day on."""
    from monitoring.detection import Acknowledgement

    alarm = next((a for a in report.alarms if a.key == key), None)
    if alarm is None or alarm.opened is None:
        standing = ", ".join(a.key for a in report.active) or "none"
        raise MonitorError(f"no alarm {key!r} stands on {report.day}; these do: {standing}.")
    history.acknowledge(Acknowledgement(key, alarm.opened, report.day), now)


def show(options: argparse.Namespace, reports: "Sequence[DayReport]", stdout: TextIO) -> None:
    from monitoring.console_report import as_document, calendar, lines
    from monitoring.expectations import expected_false_alarms

    if options.quiet:
        return
    colour = stdout.isatty() and "NO_COLOR" not in os.environ
    if options.json:
        documents = [as_document(r) for r in reports]
        shown = [json.dumps(documents if options.backtest else documents[-1], indent=2)]
    elif options.backtest:
        shown = calendar(reports)
    else:
        shown = lines(reports[-1], expected_false_alarms(options.thresholds), options.verbose, colour)
    _print(stdout, shown)


def notify(
    options: argparse.Namespace, report: "DayReport", hours: int, history: "History", now: datetime, stdout: TextIO
) -> list[str]:
    """Send what is new to Slack; return what could not be delivered, in sentences."""
    from monitoring.notification import update_since
    from monitoring.slack import NOT_SENT, as_json, deliver, message, simulated, webhook_from_environment

    webhook = None if options.dry_run else webhook_from_environment()
    if webhook is None:
        update = update_since(report, history.notices(), now, options.renotify_hours, hours == 24)
        if update and not options.quiet and not options.json:
            _print(stdout, ["", *(simulated(message(report, update)) if options.dry_run else [NOT_SENT])])
        return []
    with history.transaction():  # what another run has just sent is not sent again
        update = update_since(report, history.notices(), now, options.renotify_hours, hours == 24)
        if update:
            history.enqueue(as_json(message(report, update)), update.notices)
    return deliver(history, webhook)


def _export(
    options: argparse.Namespace, report: "DayReport", history: "History", now: datetime, warehouse: "Warehouse"
) -> list[str]:
    """Write the state where it was asked for; returns what went wrong with PostgreSQL, which is no part of the day."""
    if options.prometheus_textfile:
        from monitoring.prometheus import textfile, write_textfile

        write_textfile(
            options.prometheus_textfile, textfile(report, history.waiting(), now, warehouse.end_of(report.day))
        )
    if options.postgres_url:
        from monitoring.postgres_mirror import PostgresError, mirror

        try:
            mirror(history.connection, options.postgres_url)
        except PostgresError as error:
            return [str(error)]
    return []


def _print(stdout: TextIO, lines: Sequence[str]) -> None:
    """Print to the end, or to where the reader at the other end of a pipe has seen enough."""
    try:
        print("\n".join(lines), file=stdout, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout, sys.stderr))
