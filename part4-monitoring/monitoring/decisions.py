"""Read a person's decision about an alarm: acknowledged, accepted as the new level, or a decision undone."""

import argparse
import getpass
from datetime import date, datetime

from event_data.errors import UserError
from monitoring.alarms import DayReport
from monitoring.incidents import ACCEPTED, ACKNOWLEDGED, UNDONE, Act
from monitoring.wording import day_words


class DecisionError(UserError):
    """There is nothing to decide about."""


def check_options(options: argparse.Namespace) -> None:
    """Raise DecisionError for an option without a value, or without the option that it needs."""
    for name in ("acknowledge", "new_level", "undo", "until", "reason"):
        if getattr(options, name) is not None and not getattr(options, name).strip():
            raise DecisionError(f"--{name} has no value; give one, or leave it out.")
    if options.acknowledge or options.new_level or options.undo:
        for name in ("backtest", "drop_outbox"):
            if getattr(options, name):
                raise DecisionError(
                    f"--{name} cannot be combined with a decision about an alarm; run one after the other."
                )
    if options.until and not options.acknowledge:
        raise DecisionError("--until needs --acknowledge: it is the last day without messages about the alarm.")
    if options.reason and not (options.acknowledge or options.new_level):
        raise DecisionError("--reason needs --acknowledge or --new_level.")


def decision(options: argparse.Namespace, report: DayReport, now: datetime) -> Act | None:
    """Return what the options decide about an alarm of the report's day; None if nothing."""
    key = options.acknowledge or options.new_level or options.undo
    if not key:
        return None
    if options.undo:
        decided = {a.key for a in report.alarms if a.act} | set(report.levels)
        if key not in decided:
            raise DecisionError(
                f"there is no decision about {key!r} on {report.day}; "
                f"the decisions are about: {', '.join(sorted(decided)) or 'none'}."
            )
        return Act(key, report.day, UNDONE, None, "", _user(), now)
    if key not in {a.key for a in report.alarms}:
        keys = ", ".join(a.key for a in report.alarms) or "none"
        raise DecisionError(f"there is no alarm {key!r} on {report.day}; the alarms of that day are: {keys}.")
    kind = ACKNOWLEDGED if options.acknowledge else ACCEPTED
    until = _until(options.until, report.day) if options.until else None
    return Act(key, report.day, kind, until, options.reason or "", _user(), now)


def consequence(act: Act, report: DayReport) -> str:
    """Return what a decision changes, and how to undo it, in sentences."""
    alarm = next((a for a in report.alarms if a.key == act.key), None)
    since = f", open since {day_words(alarm.opened or alarm.day)}," if alarm else ""
    if act.kind == UNDONE:
        return f"{act.key}{since} is treated like any other alarm again."
    if act.kind == ACKNOWLEDGED:
        end = f"until {day_words(act.until)}" if act.until else "until it is over"
        what = f"is acknowledged: it keeps its severity, and Slack gets no messages about it {end}"
    else:
        what = (
            "is accepted as the new level: it no longer raises an alarm, "
            "and later days are compared with the days since then"
        )
    return f"{act.key}{since} {what}. To undo this: --undo {act.key}."


def _until(text: str, day: date) -> date:
    try:
        until = date.fromisoformat(text)
    except ValueError:
        raise DecisionError(f"--until {text!r} is not a day; write it like 2025-03-04.") from None
    if until < day:
        raise DecisionError(f"--until {until} is before {day}, the day of the alarm; give a later day.")
    return until


def _user() -> str:
    """Return the name of the person who runs the command; "unknown" where the system does not know."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
