"""Read the incidents of part 1 and the open alarms of the monitor. Part 3 shows both and judges nothing itself."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from event_data.contract import Severity
from event_data.errors import UserError

REPORT, HISTORY = "dq_report.json", "monitor.sqlite"  # beside the warehouse
HOURS = "hours_without_events"  # the check that finds hours without a record
LETTERS = "ABCDE"  # of the incidents that a figure marks; more of them hide a picture
MOST_SHOWN = 7  # of incidents, unless more are serious
ALARMS = """
select severity, opened, text, last_good is null
from alarms
where day = (select max(day) from day_status) and state not in ('accepted', 'planned')
order by severity, at_stake_since desc, key
"""


class QualityError(UserError):
    """Part 1's report or the monitor's history cannot be used."""


@dataclass(frozen=True)
class Incident:
    """An incident of part 1; `until` is its last bad day, and None if that is the last day of all."""

    severity: str
    check: str
    column: str
    since: date
    until: date | None
    last_good: date | None
    at_stake: Decimal | None
    message: str
    advice: str
    shares: Mapping[date, float] = field(default_factory=dict, compare=False)  # failed of checked, by day
    stakes: Mapping[date, Decimal] = field(default_factory=dict, compare=False)  # revenue at stake, by day
    # Of its orders, how many the shop's order list has, and what they are worth
    in_order_list: tuple[int, int, Decimal] | None = field(default=None, compare=False)
    is_over: bool = True  # later days have shown it

    @property
    def is_serious(self) -> bool:
        return Severity[self.severity].is_serious

    @property
    def clause(self) -> str:
        """Return the message's first clause; part 1's report has the rest."""
        return self.message.split("; ")[0].split(", ")[0]

    @property
    def first_advice(self) -> str:
        """Return the first sentence of the advice."""
        return self.advice.split(". ")[0].rstrip(".")

    @property
    def name(self) -> str:
        """Return the column without the path to it, short enough for a picture."""
        name = self.column.rpartition(".")[2]
        return name if len(name) <= 20 else name[:19] + "…"

    @property
    def label(self) -> str:
        """Return the first clause where a picture has room for it, else the column and the check."""
        words = self.check.replace("_", " ")
        named = words if words.startswith(self.name.replace("_", " ")) else f"{self.name}: {words}"
        return self.clause if len(self.clause) <= 50 else named


@dataclass(frozen=True)
class Alarm:
    """An incident that is open in the monitor's history."""

    severity: str
    since: date
    text: str
    is_older: bool  # it may have begun before the monitor's first day


@dataclass(frozen=True)
class Quality:
    """The verdict on the files: what part 1 found, gravest first, and what the monitor has open."""

    is_checked: bool = False
    all_incidents: tuple[Incident, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    empty_hours: Mapping[date, list[int]] = field(default_factory=dict)

    def within(self, since: date, until: date) -> "Quality":
        """Return the verdict on some days: the incidents that touch them, with what they put at stake there."""
        touching = []
        for one in self.all_incidents:
            if one.since > until or (one.until or date.max) < since:
                continue
            stakes = {day: amount for day, amount in one.stakes.items() if since <= day <= until}
            at_stake = one.at_stake if stakes == one.stakes else sum(stakes.values(), Decimal(0))
            last = None if (one.until or date.max) >= until else one.until
            is_within = since <= one.since and (one.until or date.min) <= until and stakes == one.stakes
            in_list = one.in_order_list if is_within else None
            touching.append(replace(one, until=last, at_stake=at_stake, stakes=stakes, in_order_list=in_list))
        hours = {day: empty for day, empty in self.empty_hours.items() if since <= day <= until}
        alarms = tuple(alarm for alarm in self.alarms if alarm.since <= until)
        return replace(self, all_incidents=tuple(touching), alarms=alarms, empty_hours=hours)

    @property
    def incidents(self) -> list[Incident]:
        """Return those that an executive sees: P0, P1, and as room allows P2 with money at stake after a good day.

        What is P2 from the first day on is how the tracking is, and no break.
        """
        lesser = [i for i in self.all_incidents if i.severity == "P2" and i.at_stake and i.last_good]
        return self.serious + lesser[: max(MOST_SHOWN - len(self.serious), 0)]

    @property
    def serious(self) -> list[Incident]:
        return [i for i in self.all_incidents if i.is_serious]

    @property
    def grave(self) -> list[Incident]:
        return self.of_severity("P0")

    def of_severity(self, severity: str) -> list[Incident]:
        return [i for i in self.all_incidents if i.severity == severity]

    @property
    def is_broken(self) -> bool:
        """Return whether anything serious was found, or is open in the monitor."""
        return bool(self.serious) or any(Severity[a.severity].is_serious for a in self.alarms)

    @property
    def faults(self) -> list[Incident]:
        """Return the serious incidents, of each column and first day the gravest: the others follow from it."""
        first: dict[tuple[str, date], Incident] = {}
        for incident in self.serious:
            first.setdefault((incident.column, incident.since), incident)
        return list(first.values())

    @property
    def actions(self) -> list[list[Incident]]:
        """Return the faults in groups that need the same action, ordered by the first of each group."""
        groups: dict[tuple[str, str], list[Incident]] = {}
        for fault in self.faults:
            key = (HOURS, "") if fault.check == HOURS else (fault.column, fault.first_advice)
            groups.setdefault(key, []).append(fault)
        return list(groups.values())

    @property
    def onsets(self) -> list[Incident]:
        """Return the faults that began after a good day."""
        return [i for i in self.faults if i.last_good]

    def marks(self, hours: bool) -> list[Incident]:
        """Return the onsets to mark on a picture, by day: the gravest hours without events, or the gravest others."""
        return sorted([i for i in self.onsets if (i.check == HOURS) == hours][: len(LETTERS)], key=lambda i: i.since)

    def in_order_list(self, check: str) -> tuple[int, int, Decimal] | None:
        """Return how many orders the incidents of a check are about, and of these how many the shop's list has."""
        known = [i.in_order_list for i in self.all_incidents if i.check == check and i.in_order_list]
        orders, found, amounts = zip(*known, strict=True) if known else ((), (), ())
        return (sum(orders), sum(found), sum(amounts, Decimal(0))) if known else None

    @property
    def at_stake(self) -> Decimal:
        """Return revenue that serious incidents affect. Incidents share orders: of a day only the largest counts."""
        return _stake_by_day(self.serious)


def stake_of(incidents: Sequence[Incident]) -> Decimal | None:
    """Return the revenue that incidents affect together."""
    return incidents[0].at_stake if len(incidents) == 1 else _stake_by_day(incidents)


def _stake_by_day(incidents: Sequence[Incident]) -> Decimal:
    """Return the sum of the largest stake of each day."""
    days = {day for incident in incidents for day in incident.stakes}
    return sum((max(i.stakes.get(day, Decimal(0)) for i in incidents) for day in days), Decimal(0))


def read_quality(warehouse: Path, files: Mapping[str, str]) -> Quality:
    """Read part 1's report and the monitor's history beside a warehouse file.

    `files` has the content hash of each file of the warehouse. Raise QualityError for a report of other files. Without
    a report nothing is checked.
    """
    alarms = _alarms(warehouse.with_name(HISTORY))
    path = warehouse.with_name(REPORT)
    if not path.is_file():
        return Quality(alarms=alarms)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        days = {file["file"]: date.fromisoformat(file["day"]) for file in document["files"]}
        hashes = {file["file"]: file["content_hash"] for file in document["files"]}
        dark = {f["file"] for f in document["findings"] if f["check"] == HOURS and f["status"] == "fail"}
        hours = {days[f["file"]]: list(f["empty_hours"]) for f in document["files"] if f["file"] in dark}
        judged: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
        for finding in document["findings"]:
            if finding["status"] != "skip":
                judged[finding["check"], finding["column"]].append(finding)
        incidents = tuple(_incident(i, judged[i["check"], i["column"]], days) for i in document["incidents"])
    except (OSError, ValueError, KeyError, TypeError):
        raise QualityError(
            f"{path} cannot be read as a report; make it again with validate_dataframework.py --json."
        ) from None
    for name, content_hash in files.items():
        if hashes.get(name, "") not in (None, content_hash):
            raise QualityError(
                f"{path} does not describe the files of {warehouse.name}: {name} differs; "
                "run again without --no_refresh."
            )
    return Quality(True, incidents, alarms, hours)


def _incident(one: Mapping[str, Any], findings: Iterable[Mapping[str, Any]], days: Mapping[str, date]) -> Incident:
    """Return an incident with its share of failures and its revenue by day; `findings` are those of its check."""
    counts: dict[date, tuple[int, int]] = {}
    stakes: dict[date, Decimal] = {}
    for f in findings:
        day = days[f["file"]]
        failed, checked = counts.get(day, (0, 0))
        counts[day] = failed + f["failed"], checked + f["checked"]
        if f["incident"] == one["incident"] and f["revenue_at_stake"]:
            stakes[day] = stakes.get(day, Decimal(0)) + Decimal(f["revenue_at_stake"])
    first, last, good = (
        date.fromisoformat(one[day]) if one[day] else None for day in ("first_bad_day", "last_bad_day", "last_good_day")
    )
    assert first and last
    amount, listed = one["revenue_at_stake"], one.get("in_order_list")
    return Incident(
        one["severity"], one["check"], one["column"], first, None if last == max(days.values()) else last, good,
        None if amount is None else Decimal(amount), one["message"], one["advice"],
        {day: min(failed / checked, 1.0) for day, (failed, checked) in counts.items()}, stakes,
        (listed["orders"], listed["found"], Decimal(listed["amount"])) if listed else None,
        not one["open"],
    )  # fmt: skip


def _alarms(history: Path) -> tuple[Alarm, ...]:
    """Return the alarms that are open on the last day that the monitor judged; none without a history."""
    if not history.is_file():
        return ()
    try:
        with closing(sqlite3.connect(f"{history.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            rows = connection.execute(ALARMS).fetchall()
    except sqlite3.Error as error:
        raise QualityError(f"{history} cannot be read as the monitor's history ({error}); move it away.") from None
    return tuple(Alarm(severity, date.fromisoformat(opened), *rest) for severity, opened, *rest in rows)
