"""Parts 1 and 4 agree on every fault of the catalogue, each on a day of its own in one long series of days."""

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import command_kit
import pytest
from commands import MONITOR, TRANSFORM, process
from faults import FAULTS
from monitor_kit import run
from monitoring.alarms import GREEN, RED, TOO_LITTLE
from monitoring.thresholds import load_thresholds
from synthetic_events import generate

START, HISTORY, EVENTS = date(2025, 1, 1), 9, 300
RULES = load_thresholds(MONITOR.with_name("thresholds.yaml")).rules
# What exposes a person breaks no figure; part 1 alone reads every value for it.
PRIVACY = {"card_exposed"}


@dataclass(frozen=True)
class Day:
    """The verdicts on one day: part 1's failing checks by severity, and part 4's status and alarms."""

    checks: dict[str, set[str]]
    status: str
    keys: list[str]


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Day]:
    """Return each fault's day by its name, and the healthy day after it by date."""
    folder = tmp_path_factory.mktemp("catalogue") / "days"
    paths = generate(folder, HISTORY + 2 * len(FAULTS), EVENTS, seed=5, start=START, incidents=False)
    names = {day: str(day) for day in (START + timedelta(days=n) for n in range(len(paths)))}
    for number, fault in enumerate(FAULTS.values()):
        names[START + timedelta(days=HISTORY + 2 * number)] = fault.name
        fault.apply(paths[HISTORY + 2 * number], fault.serious, 1)
    assert command_kit.run("--quiet", "--data_dir", folder, "--out_dir", folder)[0] == 3
    assert process(TRANSFORM, "--quiet", "--data_dir", folder).returncode == 3
    status, stdout, _ = run("--json", "--backtest", "--dry_run", "--no_refresh", "--data_dir", folder)
    assert status == 0
    found = part_1(folder)
    reports = {date.fromisoformat(r["day"]): r for r in json.loads(stdout)}
    return {
        name: Day(found[day], reports[day]["status"], [a["key"] for a in reports[day]["alarms"]])
        for day, name in names.items()
        if day >= START + timedelta(days=HISTORY)
    }


def part_1(folder: Path) -> dict[date, dict[str, set[str]]]:
    """Return the failing checks of each day by severity."""
    found: dict[date, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in command_kit.rows(folder):
        if row["status"] == "fail":
            number = re.search(r"\d{8}", row["file"])
            assert number, row
            found[datetime.strptime(number[0], "%Y%m%d").date()][row["severity"]].add(row["check"])
    return found


def test_a_p0_of_part_1_is_a_red_day_of_part_4(days: dict[str, Day]) -> None:
    grave = {name: day.checks["P0"] - PRIVACY for name, day in days.items() if day.checks["P0"] - PRIVACY}
    assert len(grave) >= 20
    missed = {name: checks for name, checks in grave.items() if days[name].status != RED}
    assert missed == {}


def test_a_rules_alarm_of_part_4_is_a_finding_of_part_1(days: dict[str, Day]) -> None:
    broken = {
        name: rules for name, day in days.items() if (rules := [k for k in day.keys if k.partition(":")[0] in RULES])
    }
    assert len(broken) >= 20
    serious = {name: [day.checks[severity] for severity in ("P0", "P1", "P2")] for name, day in days.items()}
    assert {name: rules for name, rules in broken.items() if not any(serious[name])} == {}


def test_healthy_days_between_faults_are_well_to_both(days: dict[str, Day]) -> None:
    healthy = {name: day for name, day in days.items() if name not in FAULTS}
    assert len(healthy) == len(FAULTS)
    assert {name: day for name, day in healthy.items() if day.checks["P0"]} == {}
    assert {name: day.keys for name, day in healthy.items() if day.status not in (GREEN, TOO_LITTLE)} == {}
