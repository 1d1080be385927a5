"""Run part 4: refresh the warehouse, judge the day, keep the history and send what is new."""

import argparse
import json
import shlex
import sqlite3
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from math import ceil, isfinite
from pathlib import Path
from typing import Any, NamedTuple

from event_data import cli
from event_data.cli import Terminal
from event_data.contract import Contract, load_contract
from event_data.errors import UserError
from event_data.output import count, paragraph, short_path, write_atomically
from event_data.warehouse_file import open_warehouse
from monitoring.alarms import Breach, DayReport
from monitoring.applicability import for_shop
from monitoring.console_report import as_document, calendar, lines
from monitoring.decisions import check_options, consequence, decision
from monitoring.expectations import expected_false_alarms
from monitoring.incidents import Act
from monitoring.judging import Judge, Judged
from monitoring.metrics import Warehouse
from monitoring.notification import update_since
from monitoring.page import page
from monitoring.postgres_mirror import PostgresError, mirror
from monitoring.prometheus import textfile
from monitoring.slack import NOT_SENT, SlackError, deliver, webhook_from_environment
from monitoring.slack_message import as_json, message, simulated
from monitoring.storage import History, HistoryError
from monitoring.thresholds import Thresholds, load_thresholds
from monitoring.wording import Advice, earlier_days


class MonitorError(UserError):
    """The day cannot be judged."""


class Failure(NamedTuple):
    """The exit status of a refresh that failed, and part 2's own sentence."""

    status: int
    sentence: str


class Message(NamedTuple):
    """A message for Slack, and where to send it; `trouble`: why it cannot be sent now."""

    text: dict[str, Any] | None
    webhook: str | None
    trouble: str | None


def execute(options: argparse.Namespace, terminal: Terminal, refresh: "subprocess.Popen[str] | None") -> int:
    """Run what the options ask for and return the exit status."""
    check_options(options)
    t, contract = load_thresholds(options.thresholds), load_contract(options.contract)
    notes = list(t.notes)
    if options.remind_days < 0:
        raise MonitorError(f"--remind_days {options.remind_days} is below 0; give a number of days.")
    if options.renotify_hours is not None:
        if not isfinite(options.renotify_hours):
            raise MonitorError(
                f"--renotify_hours {options.renotify_hours} is not a number of hours; use --remind_days."
            )
        options.remind_days = ceil(options.renotify_hours / 24)
        notes.append("--renotify_hours is now called --remind_days; the next version accepts only the new name.")
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
        with open_warehouse(path, shop=contract.id) as connection, History(history_path, options.dry_run) as history:
            until = _moment(options.as_of).replace(tzinfo=None) if options.as_of else None
            warehouse = Warehouse(connection, until)
            t = for_shop(t, contract, warehouse.roles)
            if history.migrated_from and not options.dry_run:
                terminal.note(f"note: {history_path} was written by an earlier version; its days are judged again.")
            moment = warehouse.local(_moment(options.as_of) if options.as_of else now)
            judge = Judge(warehouse, history, contract, t, moment, terminal.progress)
            return Run(options, terminal, warehouse, history, contract, t, now, judge).execute(failure)
    except sqlite3.Error as error:
        raise HistoryError(
            f"the history could not be written ({error}); free up disk space, or choose another --history."
        ) from None


def _wait(refresh: "subprocess.Popen[str] | None", terminal: Terminal) -> Failure | None:
    """Wait for the refresh; return how it failed, or None if it did not."""
    if refresh is None:
        return None
    terminal.progress("bringing the warehouse up to date")
    _, errors = refresh.communicate()
    terminal.progress("")
    if refresh.returncode == 0:
        return None
    said = errors.strip().splitlines()
    return Failure(refresh.returncode, said[-1] if said else f"transform.py ended with {refresh.returncode}.")


@dataclass
class Run:
    """One run of the monitor with what it reads and writes."""

    options: argparse.Namespace
    terminal: Terminal
    warehouse: Warehouse
    history: History
    contract: Contract
    t: Thresholds
    now: datetime
    judge: Judge

    def execute(self, failure: Failure | None) -> int:
        """Judge, report and notify; return the exit status."""
        options, history = self.options, self.history
        day, hours = self.wanted_day()
        broken = self.failed_refresh(failure, day) if failure else None
        if options.backtest:
            return self.backtest(day)
        with history.transaction():  # so that two runs at once send each day once
            judged = self.judge.judge(day, hours, bool(options.as_of), broken)
            if act := decision(options, judged.reports[-1], self.now):
                again = partial(self.judge.judge, day, hours, bool(options.as_of), broken, is_decided=True)
                judged = self.decide(act, judged, again)
            if judged.is_new and not options.dry_run:
                self.record([*judged.reports, *judged.later], hours)
            outgoing = self.enqueue(judged, hours)
        self.show(judged, outgoing)
        undelivered = deliver(history, outgoing.webhook) if outgoing.webhook else outgoing.trouble
        if undelivered:
            waiting = f"The message waits in {history.path}; the next run sends it, and --drop_outbox discards it."
            self.terminal.error(f"monitor.py: {undelivered} {waiting if history.waiting() else ''}".rstrip())
        report = judged.reports[-1]
        published = self.publish(report)
        return _exit_status(options, report, undelivered is not None) or published

    def decide(self, act: Act, judged: Judged, judge: Callable[[], Judged]) -> Judged:
        """Keep a person's decision, say what it changes, and judge again; a dry run only says what it would change."""
        follows = consequence(act, judged.reports[-1])
        if self.options.dry_run:
            self.terminal.note(f"note: nothing was saved because of --dry_run; without it: {follows}")
            return judged
        self.history.acknowledge(act)
        self.terminal.note(f"note: {follows}")
        return judge()

    def backtest(self, last: date) -> int:
        """Show every day up to the last as it would have been judged; the history gets the days that it lacks."""
        reports = self.judge.backtest(last)
        if not self.options.dry_run:
            with self.history.transaction():
                self.record(self.judge.past(last, reports), 24)
        terminal = self.terminal
        terminal.report(
            lambda: "\n".join(calendar(reports, terminal.width, terminal.colour)),
            lambda: [as_document(r) for r in reports],
        )
        return self.publish(reports[-1])

    def publish(self, report: DayReport) -> int:
        """Write the state and the page; return 2 if either failed, which does not change the day's verdict."""
        if self.options.dry_run:
            return 0
        is_exported, is_written = self.export(report), self.write_page()
        return 0 if is_exported and is_written else 2

    def record(self, reports: Sequence[DayReport], hours: int) -> None:
        """Write reports to the history; only the last of a run may be for less than a whole day."""
        for report in reports:
            is_whole = hours == 24 or report is not reports[-1]
            contents = self.judge.contents.get(report.day, "") if is_whole else None
            self.history.record(report, 24 if is_whole else hours, self.now, contents)

    def wanted_day(self) -> tuple[date, int]:
        """Return the day to judge, and how many of its hours are over (24: all)."""
        options, warehouse, moment = self.options, self.warehouse, self.judge.moment
        if not self.judge.contents:
            raise MonitorError("the warehouse has no days; put the daily files into --data_dir.")
        span = self.judge.first, max(self.judge.contents)
        if options.as_of:
            day = moment.date()
            if moment > warehouse.local(self.now):
                raise MonitorError(f"--as_of {options.as_of} is in the future; give a time that has passed.")
            if options.check_date not in ("latest", day.isoformat()):
                raise MonitorError("--check_date and --as_of name different days; give one of them.")
            hours = moment.hour
        else:
            hours = 24
            yesterday = moment.date() - timedelta(days=1)
            day = {"latest": span[1], "yesterday": yesterday}.get(options.check_date) or _day(options.check_date)
            age = (yesterday - day).days
            if options.check_date == "latest" and age > 0:
                self.terminal.note(f"note: the newest day is {age} days old; from cron, use --check_date yesterday.")
        if day < span[0]:
            raise MonitorError(f"{day} is before the first day of the warehouse, {span[0]}; give a later day.")
        due = self.judge.due(day)
        if not options.as_of and day > span[1] and moment < due and self.contract.schedule.is_due(day):
            raise MonitorError(
                f"the file of {day} has not arrived yet; it is due by {due:%Y-%m-%d %H:%M} {warehouse.time_zone}."
            )
        return day, hours

    def failed_refresh(self, failure: Failure, day: date) -> Breach | None:
        """Return the alarm of a refresh that failed, unless the warehouse itself shows what is wrong.

        Status 3 has two meanings: data were refused and the rest was published, or the ledger does not balance
        and nothing was.
        """
        is_published = failure.status == 3 and "nothing was published" not in failure.sentence
        if is_published and self.warehouse.has_refusals(self.contract.most_refused):
            limits = {"first": day, "last": day}
            of_day = self.warehouse.rows("refusals", **limits)
            if not of_day and not any(refused for *_, refused in self.warehouse.rows("files", **limits)):
                sentence = failure.sentence.removeprefix("transform.py: published, but ")
                self.terminal.note(f"note: part 2 refused data of other days: {sentence}")
            return None
        rule = self.t.rules["ledger_broken" if failure.status == 3 else "refresh_failed"]
        return Breach(rule.name, rule.layer, rule.severity, failure.sentence, ())

    def enqueue(self, judged: Judged, hours: int) -> Message:
        """Put what is new into the outbox, if there is a webhook; a day that is only shown again sends nothing."""
        report, options, history = judged.reports[-1], self.options, self.history
        webhook, trouble, text = None, None, None
        if not options.dry_run:
            try:
                webhook = webhook_from_environment()
            except SlackError as error:  # the message waits until the address is corrected
                trouble = str(error)
        if judged.is_new:
            before, earlier = history.notices(), judged.earlier
            update = update_since(report, before, self.now, options.remind_days, hours == 24, earlier)
            text = message(report, update, self.t, self.advice) if update else None
            if text and (webhook or trouble):
                history.enqueue(as_json(text), update.notices)
        return Message(text, webhook, trouble)

    def show(self, judged: Judged, outgoing: Message) -> None:
        """Print the report, and the message for Slack where none can be sent."""
        document = as_document(judged.reports[-1]) | {"earlier": [as_document(r) for r in judged.earlier]}
        self.terminal.report(lambda: self.text(judged, outgoing), lambda: document)

    def text(self, judged: Judged, outgoing: Message) -> str:
        """Return the report for the console."""
        options, terminal, report = self.options, self.terminal, judged.reports[-1]
        expected, width = expected_false_alarms(options.thresholds), terminal.width
        shown = lines(report, self.t, expected, options.verbose, terminal.colour, width, self.advice)
        if judged.earlier:
            shown += ["", *(paragraph(one, width, 0, 2) for one in earlier_days(judged.earlier, self.t))]
        if outgoing.text and not (outgoing.webhook or outgoing.trouble):
            shown += ["", *(simulated(outgoing.text) if options.dry_run else [NOT_SENT])]
        return "\n".join(shown)

    @property
    def page_path(self) -> Path:
        """Return the path of the page: beside the history, with the same name."""
        path = self.history.path
        return path.with_name(f"{path.name.removesuffix('.sqlite')}.html")

    @property
    def advice(self) -> Advice:
        """Return the command and the page to name in this run's messages."""
        options, script = self.options, short_path(Path(__file__).resolve().parents[1] / "monitor.py")
        given = {
            "--data_dir": (options.data_dir, cli.REPOSITORY / "data"), "--contract": (options.contract, cli.CONTRACT),
            "--warehouse": (options.warehouse, None), "--history": (options.history, None),
        }  # fmt: skip
        more = [word for name, (value, usual) in given.items() if value != usual for word in (name, str(value))]
        return Advice(shlex.join(["python", script, *more]), short_path(self.page_path))

    def export(self, report: DayReport) -> bool:
        """Write the state where the options ask for it; return whether PostgreSQL accepted it."""
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
        """Write the page beside the history; return whether it could be written."""
        try:
            write_atomically(self.page_path, page(self.history.connection, self.warehouse, self.t, self.now))
        except OSError as error:
            self.terminal.error(
                f"monitor.py: {error.filename or self.page_path}: {error.strerror}; the page was not written."
            )
            return False
        return True


def _drop_outbox(path: Path, terminal: Terminal, dry_run: bool) -> int:
    """Discard what waits for Slack, and say what it was."""
    if not path.exists():
        raise HistoryError(f"{path}: no such file; name the history with --history.")
    with History(path, dry_run) as history:
        messages = history.claim()
        history.delivered(messages)
    would = "would be " * dry_run
    texts = [(one.created_at, json.loads(one.message)["text"]) for one in messages]
    lines = [f"{count(len(texts), 'message')} {would}discarded{':' if texts else '.'}"]
    lines += [paragraph(f"{at:%Y-%m-%d %H:%M} UTC  {text}", terminal.width, 2, 4) for at, text in texts]
    document = {
        "is_dry_run": dry_run,
        "discarded": [{"created_at": at.isoformat(), "text": text} for at, text in texts],
    }
    terminal.report(lambda: "\n".join(lines), lambda: document)
    return 0


def _exit_status(options: argparse.Namespace, report: DayReport, undelivered: bool) -> int:
    """Return the status of the run; 4 takes precedence over 3, so that cron reports what Slack could not."""
    if undelivered:
        return 4
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
