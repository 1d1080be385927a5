"""Run the monitor and the yardsticks over healthy shops and moderate faults."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
from moderate_faults import FAULTS, Fault, damage_of, is_visible
from monitoring.alarms import OK, RED, YELLOW, Alarm, DayReport
from monitoring.detection import judge_days
from monitoring.incidents import State
from monitoring.metrics import Facts
from monitoring.thresholds import Thresholds, load_thresholds
from shop_model import PROFILES, SIZES, Damage
from shops import START, as_facts, autocorrelated, draw, healthy, make_shop
from yardsticks import elementary, series_of, weekday_median

from event_data.contract import Contract, load_contract

HEALTHY_DAYS, LEARNING, HISTORY, FAULT_DAYS = 90, 28, 70, 14
REPO = Path(__file__).parents[1]
THRESHOLDS = REPO / "part4-monitoring" / "thresholds.yaml"
CONTRACT = REPO / "part1-data-quality" / "schema.yaml"
Rival = Callable[[Facts, date], bool]
Job = tuple[int, str, str]  # seed, size, profile


@cache
def settings() -> tuple[Contract, Thresholds]:
    """Return the contract and the thresholds, read once in each process."""
    return load_contract(CONTRACT), load_thresholds(THRESHOLDS)


@dataclass
class Quiet:
    """The false alarms of the healthy days of a profile: days, and runs of days with the same alarm."""

    days: int = 0
    early_days: int = 0  # of the first four weeks, which are counted apart
    early: int = 0
    yellow: int = 0
    red: int = 0
    median: int = 0
    elementary: int = 0
    alarms: list[str] = field(default_factory=list)

    def add(self, other: "Quiet") -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


@dataclass(frozen=True)
class Result:
    """A fault in a shop: the day on which each found it; 1 is the first, None is never."""

    fault: str
    size: str
    profile: str
    is_visible: bool
    found: int | None
    is_named: bool
    called_over: bool
    median: int | None
    elementary: int | None
    alarms: tuple[str, ...]


def rivals(t: Thresholds) -> dict[str, Rival]:
    """Return the yardsticks, which say only whether anything alarms."""

    def by_elementary(facts: Facts, day: date) -> bool:
        days = [d for d in facts.days if day - timedelta(days=13) <= d <= day]
        return any(elementary(series_of(facts, m.name, m.kind, days)) for m in t.metrics)

    return {"median": lambda facts, day: weekday_median(facts, t.metrics, day), "elementary": by_elementary}


def quiet_run(job: Job) -> tuple[str, str, Quiet]:
    """Judge the healthy days of one shop."""
    (seed, size, profile), (contract, t) = job, settings()
    facts, state, outcome = healthy(seed, HEALTHY_DAYS, contract, size, profile), State(), Quiet()
    formulas = rivals(t)
    for number, day in enumerate(facts.days):
        report = judge_days(facts, [day], contract, t, state)[0]
        if number < LEARNING:
            outcome.early_days += any(v.verdict == OK for v in report.verdicts)
            outcome.early += report.status in (YELLOW, RED)
            continue
        outcome.days += any(v.verdict == OK for v in report.verdicts)
        outcome.yellow += report.status == YELLOW
        outcome.red += report.status == RED
        outcome.median += formulas["median"](facts, day)
        outcome.elementary += formulas["elementary"](facts, day)
        outcome.alarms += [f"{profile} {size} {seed} {day} {report.status} {describe(a)}" for a in report.active]
    return size, profile, outcome


def describe(alarm: Alarm) -> str:
    """Return an alarm with the figures of its first metrics, for a person who tunes the settings."""
    shown = [
        f"{v.metric.name}{' ' + v.segment[1] if v.segment else ''} over {v.window}:"
        f" evidence {v.score.evidence:.1f}, change {v.score.change:+.2f}"
        for v in alarm.verdicts[:3]
        if v.score
    ]
    return f"{alarm.key} {alarm.severity} {alarm.state} {'; '.join(shown)} {alarm.text}"


def broken_run(job: Job) -> list[Result]:
    """Judge each fault on the same shop, beside the same days without it."""
    (seed, size, profile), (contract, t) = job, settings()
    rng = np.random.default_rng(seed)
    days = HISTORY + FAULT_DAYS
    shop = make_shop(rng, SIZES[size], profile, days)
    noise, first = autocorrelated(rng, shop, 1, days)[0], START + timedelta(days=shop.weekday_of_first)
    numbers = np.arange(days)
    before = as_facts(*draw(rng, shop, numbers[:HISTORY], noise[:HISTORY], Damage.none(HISTORY)), first, contract)
    state = State()
    judge_days(before, before.days, contract, t, state)
    formulas, results = rivals(t), []

    def window(damage: Damage) -> Facts:
        drawn = draw(rng, shop, numbers[HISTORY:], noise[HISTORY:], damage)
        return _joined(before, as_facts(*drawn, first + timedelta(days=HISTORY), contract))

    twin = _judged(window(Damage.none(FAULT_DAYS)), state, contract, t, formulas)
    for fault in FAULTS:
        own = _judged(window(damage_of(fault, np.arange(FAULT_DAYS))), state, contract, t, formulas)
        sees = is_visible(np.random.default_rng(seed + 1), shop, HISTORY, fault)
        results.append(_result(fault, size, profile, sees, own, twin))
    return results


def _joined(before: Facts, after: Facts) -> Facts:
    whole = Facts(before.first, after.last)
    for name in ("values", "segments"):
        for key, inner in getattr(before, name).items():
            getattr(whole, name)[key] = (
                inner | getattr(after, name)[key]
                if name == "values"
                else {s: days | getattr(after, name)[key][s] for s, days in inner.items()}
            )
    for name in ("amounts", "files", "scales"):
        getattr(whole, name).update(getattr(before, name) | getattr(after, name))
    whole.by_hour["events"] = before.by_hour["events"] | after.by_hour["events"]
    return whole


def _judged(
    facts: Facts, state: State, contract: Contract, t: Thresholds, formulas: dict[str, Rival]
) -> tuple[list[DayReport], dict[str, list[bool]]]:
    state, days = deepcopy(state), facts.days[-FAULT_DAYS:]
    reports = judge_days(facts, days, contract, t, state)
    return reports, {name: [formula(facts, day) for day in days] for name, formula in formulas.items()}


def _result(
    fault: Fault, size: str, profile: str, sees: bool,
    own: tuple[list[DayReport], dict[str, list[bool]]], twin: tuple[list[DayReport], dict[str, list[bool]]],
) -> Result:  # fmt: skip
    """Count what the days without the fault do not show."""
    keys = [{a.key for a in r.active} - {a.key for a in q.active} for r, q in zip(own[0], twin[0], strict=True)]
    day = next((i for i, k in enumerate(keys) if k), None)
    others = {
        name: next(
            (i + 1 for i, (a, b) in enumerate(zip(own[1][name], twin[1][name], strict=True)) if a and not b), None
        )
        for name in own[1]
    }
    if day is None:
        return Result(fault.name, size, profile, sees, None, False, False, others["median"], others["elementary"], ())
    names = {key.partition(":")[0] for key in keys[day]}
    is_named = bool(names & set(fault.names.split()))
    began = {a.key for a in own[0][day].active} & keys[day]
    is_over = is_named and any(not began & r.open_keys for r in own[0][day:])
    shown = tuple(describe(a) for a in own[0][day].active)
    return Result(
        fault.name, size, profile, sees, day + 1, is_named, is_over, others["median"], others["elementary"], shown
    )


def quiet_jobs(seed: int, shops: int) -> Iterator[Job]:
    for size in SIZES:
        for profile in PROFILES:
            for number in range(shops):
                yield (
                    (seed * 10_000 + number + 100 * list(PROFILES).index(profile) + 1000 * list(SIZES).index(size)),
                    size,
                    profile,
                )


def broken_jobs(seed: int, shops: int) -> Iterator[Job]:
    for number in range(shops):
        for size in SIZES:
            yield seed * 10_000 + 5000 + number + 1000 * list(SIZES).index(size), size, PROFILES[number % len(PROFILES)]
