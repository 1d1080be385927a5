"""Define a verdict on a metric, a broken rule, an alarm, and the report of a day."""

from dataclasses import dataclass, field
from datetime import date

from event_data.money import Currency
from monitoring.baselines import Score
from monitoring.incidents import Act, IncidentDay
from monitoring.thresholds import Metric

OK, ALARM, INSUFFICIENT, NO_DATA = "ok", "alarm", "insufficient history", "no data"
NOTE = "note"  # the state of an alarm that trading explains
GREEN, YELLOW, RED, TOO_LITTLE = "GREEN", "YELLOW", "RED", "INSUFFICIENT HISTORY"
URGENT_EVIDENCE = 4.0  # a change that happens by chance every few years is not a P0


@dataclass(frozen=True)
class Verdict:
    """The judgement of one metric on one day; `history` is the days that it was compared with.

    segment: the kind and name of the segment judged, such as browser and Safari; None: all.
    window: the number of days judged together.
    is_part: a segment's count was judged as a share of the whole.
    """

    metric: Metric
    verdict: str
    history: tuple[date, ...]
    score: Score | None = None
    value: float | None = None
    segment: tuple[str, str] | None = None
    window: int = 1
    is_part: bool = False

    @property
    def days(self) -> int:
        return len(self.history)

    @property
    def severity(self) -> str:
        urgent = self.metric.urgent
        s = self.score
        bad = s is not None and urgent is not None and abs(s.change) >= urgent and abs(s.evidence) >= URGENT_EVIDENCE
        return "P0" if bad else self.metric.severity


@dataclass(frozen=True)
class Breach:
    """A rule that a day breaks; `key` is the rule and what it concerns, such as column_renamed:client_id."""

    key: str
    layer: str
    severity: str
    text: str
    suppresses: tuple[str, ...]
    metric: str | None = None
    first_bad: str = ""  # the hour in which it began, where the rule knows it


@dataclass
class Alarm:
    """One problem, however many metrics show it.

    Its state is new; ongoing; level, if the level has changed and nobody has accepted it; acknowledged, if it is known
    and being fixed, so that no message is sent; accepted, as the new level; planned; or note, if trading explains it.
    Accepted alarms, planned alarms and notes do not count in the status.
    """

    key: str
    layer: str
    severity: str
    day: date
    text: str
    verdicts: list[Verdict] = field(default_factory=list)
    also: list[str] = field(default_factory=list)
    suppresses: tuple[str, ...] = ()
    is_rule: bool = False
    opened: date | None = None
    day_number: int = 1
    last_good: date | None = None
    state: str = "new"
    reason: str = ""
    act: Act | None = None  # somebody's decision about it
    reference: tuple[date, ...] = ()  # the days before the incident that show what is usual
    at_stake_before: float | None = None  # the incident's earlier days
    segment: str = ""
    first_bad: str = ""
    at_stake: float | None = None  # this day, in the shop's currency
    at_stake_since: float | None = None  # this day and the incident's earlier days
    stake_text: str = ""
    steps: tuple[str, ...] = ()

    @property
    def counts(self) -> bool:
        return self.state not in ("accepted", "planned")

    @property
    def is_known(self) -> bool:
        """Return whether the alarm was planned or decided about, so that no message mentions it."""
        return self.state in ("acknowledged", "accepted", "planned")

    @property
    def name(self) -> str:
        """Return the rule or group without what it concerns: the name of its runbook."""
        return self.key.partition(":")[0]


@dataclass
class DayReport:
    """The alarms and verdicts of one day; amounts are in `currency`, hours in `time_zone`.

    On a closed day there is no file, and none is due. `unfinished` lists the open incidents that raise no alarm on this
    day, and `levels` those whose level was accepted. `note` says why a later run judged the day.
    """

    day: date
    alarms: list[Alarm]
    verdicts: list[Verdict]
    currency: Currency = field(default_factory=Currency)
    time_zone: str = "UTC"
    is_closed: bool = False
    shop: str = ""
    incident_days: list[IncidentDay] = field(default_factory=list)
    unfinished: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    note: str = ""

    @property
    def active(self) -> list[Alarm]:
        return [a for a in self.alarms if a.counts and a.severity != "P3"]

    @property
    def open_keys(self) -> set[str]:
        """Return the keys of the incidents that are still open after the day."""
        return {a.key for a in self.alarms} | {d.key for d in self.incident_days if not d.is_closing}

    @property
    def status(self) -> str:
        """Return RED for a P0, YELLOW for a P1 or P2; else GREEN, if most metrics could be judged at all."""
        worst = min((a.severity for a in self.active), default="P9")
        if worst <= "P2":
            return RED if worst == "P0" else YELLOW
        return TOO_LITTLE if len(self.insufficient) > len(self.judged) else GREEN

    @property
    def judged(self) -> list[Verdict]:
        return [v for v in self.verdicts if v.verdict in (OK, ALARM)]

    @property
    def insufficient(self) -> list[Verdict]:
        return [v for v in self.verdicts if v.verdict == INSUFFICIENT]
