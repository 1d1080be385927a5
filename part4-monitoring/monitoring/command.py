"""The command of part 4: refresh the warehouse, judge the day, keep the history and send what is new."""

import argparse
import json
import shlex
import sqlite3
import subprocess
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import NamedTuple

from event_data import cli
from event_data.cli import Terminal
from event_data.contract import Contract, load_contract
from event_data.errors import UserError
from event_data.known_totals import compare_warehouse
from event_data.output import paragraph, short_path, write_atomically
from event_data.warehouse_file import open_warehouse
from monitoring.alarms import Alarm, DayReport
from monitoring.applicability import for_shop
from monitoring.console_report import as_document, calendar, lines
from monitoring.detection import Acknowledgement, judge
from monitoring.expectations import expected_false_alarms
from monitoring.explanation import explain
from monitoring.metrics import Warehouse
from monitoring.notification import update_since
from monitoring.page import page
from monitoring.postgres_mirror import PostgresError, mirror
from monitoring.prometheus import textfile
from monitoring.slack import NOT_SENT, SlackError, deliver, webhook_from_environment
from monitoring.slack_message import as_json, message, simulated
from monitoring.storage import History, HistoryError
from monitoring.thresholds import Thresholds, load_thresholds
from monitoring.wording import Advice, count


class MonitorError(UserError):
    """The day cannot be judged."""


class Failure(NamedTuple):
    """The exit status of a refresh that failed, and part 2's own sentence."""

    status: int
    sentence: str


def execute(options: argparse.Namespace, terminal: Terminal, refresh: "subprocess.Popen[str] | None") -> int:
    """Do what the options ask for; returns the exit status."""
    t, contract = load_thresholds(options.thresholds), load_contract(options.contract)
    notes = list(t.notes)
    if options.renotify_hours is not None:
        options.remind_days = ceil(options.renotify_hours / 24)
        notes.append("--renotify_hours is now --remind_days; the next version reads only that.")
    for note in notes:
        terminal.note(f"note: {note}")
    failure = _wait(refresh, terminal)
    path = Path(options.warehouse or options.data_dir / "warehouse.duckdb")
    path = path / "warehouse.duckdb" if path.is_dir() else path  # of Parquet, with a file of views
    if failure and not path.exists():
        raise MonitorError(failure.sentence.removeprefix("transform.py: "))
    history_path = options.history or path.with_name("monitor.sqlite")
    now = datetime.now(UTC)
    try:
        if options.drop_outbox:
            return _drop_outbox(history_path, terminal, options.dry_run)
        with open_warehouse(path) as connection, History(history_path) as history:
            until = _moment(options.as_of).replace(tzinfo=None) if options.as_of else None
            warehouse = Warehouse(connection, until)
            t = for_shop(t, contract, warehouse.roles)
            run = Run(options, terminal, warehouse, history, contract, t, now)
            return run.execute(failure)
    except sqlite3.Error as error:
        raise HistoryError(
            f"the history could not be written ({error}); free the disk, or choose another --history."
        ) from None


def _wait(refresh: "subprocess.Popen[str] | None", terminal: Terminal) -> Failure | None:
    """Wait for the refresh; return how it failed, None where it did not."""
    if refresh is None:
        return None
    terminal.progress("bringing the warehouse up to date")
    _, errors = refresh.communicate()
    terminal.progress("")
    if refresh.returncode == 0:
        return None
    said = errors.strip().splitlines()
    return Failure(refresh.returncode, said[-1] if said else f"transform.py ended with {refresh.returncode}.")


class Run(NamedTuple):
    """One run of the monitor with what it reads and writes."""

    options: argparse.Namespace
    terminal: Terminal
    warehouse: Warehouse
    history: History
    contract: Contract
    t: Thresholds
    now: datetime

    def execute(self, failure: Failure | None) -> int:
        """Judge, report and notify; returns the exit status."""
        options, history = self.options, self.history
        day, hours = self.wanted_day()
        reports = self.judged(day, hours)
        if options.acknowledge:
            self.acknowledge(reports[-1])
            reports = self.judged(day, hours)
        if failure:
            self.add_failure(reports[-1], failure)
        for report in reports if options.backtest else reports[-1:]:
            history.record(report, hours, self.now)
        self.show(reports)
        undelivered = None if options.backtest else self.notify(reports[-1], hours)
        if undelivered:
            waiting = f"The message waits in {history.path}; the next run sends it, and --drop_outbox discards it."
            self.terminal.error(f"monitor.py: {undelivered} {waiting if history.waiting() else ''}".rstrip())
        is_exported = self.export(reports[-1])
        is_written = self.write_page()
        return _exit_status(options, reports[-1], undelivered is not None) or (0 if is_exported and is_written else 2)

    def wanted_day(self) -> tuple[date, int]:
        """Return the day to judge, and how many of its hours are over (24: all)."""
        options, warehouse = self.options, self.warehouse
        span = warehouse.span()
        if span is None:
            raise MonitorError("the warehouse holds no day; put the daily files into --data_dir.")
        moment = warehouse.local(_moment(options.as_of) if options.as_of else self.now)
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
            if options.check_date == "latest" and age > 0:
                self.terminal.note(f"note: the newest day is {age} days old; from cron, say --check_date yesterday.")
        if day < span[0]:
            raise MonitorError(f"{day} is before the first day of the warehouse, {span[0]}; give a later day.")
        due = datetime(day.year, day.month, day.day) + timedelta(days=1) + self.contract.latency
        if not options.as_of and day > span[1] and moment < due and self.contract.schedule.is_due(day):
            raise MonitorError(
                f"the file of {day} has not arrived yet; it is due by {due:%Y-%m-%d %H:%M} {warehouse.time_zone}."
            )
        return day, hours

    def judged(self, day: date, hours: int) -> list[DayReport]:
        """Return the reports up to the day; the last one is explained, in a backtest every one."""
        span, every_day = self.warehouse.span(), self.options.backtest
        assert span is not None
        first = span[0] if every_day else max(span[0], day - timedelta(days=2 * self.t.history_days))
        quiet_days = self.contract.schedule.quiet_days
        facts = self.warehouse.read(first, day, self.t.paid_channels, hours, quiet_days)
        facts.known_totals = compare_warehouse(self.warehouse.connection, self.contract)
        reports = judge(facts, self.contract, self.t, self.history.acknowledgements())
        for report in reports:
            report.shop = self.warehouse.shop
        for end in range(1 if every_day else len(reports), len(reports) + 1):
            explain(reports[:end], facts, self.warehouse, self.t)
        return reports

    def acknowledge(self, report: DayReport) -> None:
        """Note an open alarm as known from the report's day on."""
        key = self.options.acknowledge
        alarm = next((a for a in report.alarms if a.key == key), None)
        if alarm is None or alarm.opened is None:
            standing = ", ".join(a.key for a in report.active) or "none"
            raise MonitorError(f"no alarm {key!r} stands on {report.day}; these do: {standing}.")
        self.history.acknowledge(Acknowledgement(key, alarm.opened, report.day), self.now)

    def add_failure(self, report: DayReport, failure: Failure) -> None:
        """Add the alarm of a refresh that failed, where the warehouse does not say itself what is wrong.

        Status 3 has two meanings: data were refused and the rest was published, or the ledger does not balance
        and nothing was.
        """
        is_published = failure.status == 3 and "nothing was published" not in failure.sentence
        if is_published and self.warehouse.has_refusals(self.contract.most_refused):
            of_day = self.warehouse.rows("refusals", first=report.day, last=report.day)
            if not of_day and not any(a.name == "file_refused" for a in report.alarms):
                sentence = failure.sentence.removeprefix("transform.py: published, but ")
                self.terminal.note(f"note: part 2 refused data of other days: {sentence}")
            return
        rule = self.t.rules["ledger_broken" if failure.status == 3 else "refresh_failed"]
        alarm = Alarm(rule.name, rule.layer, rule.severity, report.day, failure.sentence, is_rule=True)
        alarm.opened, alarm.steps = report.day, self.t.runbooks[rule.name]
        report.alarms.insert(0, alarm)

    def show(self, reports: Sequence[DayReport]) -> None:
        """Print the report, the calendar or either as JSON."""
        options, terminal = self.options, self.terminal
        if terminal.quiet:
            return
        if options.json:
            documents = [as_document(r) for r in reports]
            terminal.print(json.dumps(documents if options.backtest else documents[-1], indent=2))
        elif options.backtest:
            terminal.print("\n".join(calendar(reports, terminal.width)))
        else:
            expected = expected_false_alarms(options.thresholds)
            colour, width = terminal.colour, terminal.width
            terminal.print("\n".join(lines(reports[-1], expected, options.verbose, colour, width, self.advice)))

    @property
    def page_path(self) -> Path:
        """Return where the page is: beside the history, under its name."""
        path = self.history.path
        return path.with_name(f"{path.name.removesuffix('.sqlite')}.html")

    @property
    def advice(self) -> Advice:
        """Return what a reader of this run can do."""
        options, script = self.options, short_path(Path(__file__).resolve().parents[1] / "monitor.py")
        given = {
            "--data_dir": (options.data_dir, cli.REPOSITORY / "data"), "--contract": (options.contract, cli.CONTRACT),
            "--warehouse": (options.warehouse, None), "--history": (options.history, None),
        }  # fmt: skip
        more = [word for name, (value, usual) in given.items() if value != usual for word in (name, str(value))]
        return Advice(shlex.join(["python", script, *more]), short_path(self.page_path))

    def notify(self, report: DayReport, hours: int) -> str | None:
        """Send what is new to Slack; return what went wrong, in a sentence, or None."""
        options, history = self.options, self.history
        webhook, trouble = None, None
        if not options.dry_run:
            try:
                webhook = webhook_from_environment()
            except SlackError as error:  # the message waits until the address is corrected
                trouble = str(error)
        if webhook is None and trouble is None:
            update = update_since(report, history.notices(), self.now, options.remind_days, hours == 24)
            if update and not options.json:
                text = message(report, update, self.t, self.advice)
                self.terminal.print("\n".join(["", *(simulated(text) if options.dry_run else [NOT_SENT])]))
            return None
        with history.transaction():  # what another run has just sent is not sent again
            update = update_since(report, history.notices(), self.now, options.remind_days, hours == 24)
            if update:
                history.enqueue(as_json(message(report, update, self.t, self.advice)), update.notices)
        return deliver(history, webhook) if webhook else trouble

    def export(self, report: DayReport) -> bool:
        """Write the state where it was asked for; return whether PostgreSQL took it, which is no part of the day."""
        options = self.options
        if options.prometheus_textfile:
            text = textfile(report, self.history.waiting(), self.now, self.warehouse.end_of(report.day))
            write_atomically(options.prometheus_textfile, text)  # the collector may read at any time
        if options.postgres_url:
            try:
                mirror(self.history.connection, options.postgres_url)
            except PostgresError as error:
                self.terminal.error(f"monitor.py: {error}")
                return False
        return True

    def write_page(self) -> bool:
        """Write the page beside the history; return whether it could be written, which is no part of the day."""
        try:
            write_atomically(self.page_path, page(self.history.connection, self.warehouse, self.t, self.now))
        except OSError as error:
            self.terminal.error(f"monitor.py: {error.filename or self.page_path}: {error.strerror}; free the disk.")
            return False
        return True


def _drop_outbox(path: Path, terminal: Terminal, dry_run: bool) -> int:
    """Discard what waits for Slack, and say what it was."""
    if not path.exists():
        raise HistoryError(f"{path}: no such file; name the history with --history.")
    with History(path) as history:
        messages = history.claim()
        if dry_run:
            history.release(messages, None)
        else:
            history.delivered(messages)
    would = "would be " * dry_run
    first = [f"{one.created_at:%Y-%m-%d %H:%M} UTC  {json.loads(one.message)['text']}" for one in messages]
    terminal.print(f"{count(len(messages), 'message')} {would}discarded{':' if messages else '.'}")
    for line in first:
        terminal.print(paragraph(line, terminal.width, 2, 4))
    return 0


def _exit_status(options: argparse.Namespace, report: DayReport, undelivered: bool) -> int:
    """Return the status of the run; 4 goes before 3: where nobody could be told, cron has to."""
    if undelivered:
        return 4
    if options.backtest:
        return 0
    return 3 if report.status == "RED" or (options.strict and report.status == "YELLOW") else 0


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise MonitorError(
            f"--check_date {text!r} is not a day; write it like 2025-03-04, yesterday or latest."
        ) from None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise MonitorError(f"--as_of {text!r} is not a time; write it like 2025-02-27T00:05Z.") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
