"""Known totals in the commands: part 1's check, part 3's sentence and part 4's alarm."""

import csv
import json
from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import monitor_kit
import pytest
import yaml
from analysis_kit import analyse
from command_kit import CHECKS, contract, failing, rows, run
from commands import SCHEMA, TRANSFORM, process
from synthetic_events import generate

from event_data.contract import load_contract

DAYS = [date(2025, 2, 24), date(2025, 2, 25), date(2025, 2, 26)]
Totals = dict[date, tuple[int, Decimal]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return five healthy days with some twenty orders each."""
    made = tmp_path_factory.mktemp("days")
    generate(made, days=5, events_per_day=2500, seed=3, incidents=False)
    return made


def totals(folder: Path, zone: str = "UTC") -> Totals:
    """Return each day's orders and revenue in a zone, from the files alone; the shop sends each order once."""
    found: dict[date, list[Decimal]] = defaultdict(list)
    for path in sorted(folder.glob("events_*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["event_name"] == "checkout_completed":
                    day = datetime.fromisoformat(row["timestamp"]).astimezone(ZoneInfo(zone)).date()
                    found[day].append(Decimal(str(json.loads(row["event_data"])["revenue"])))
    return {day: (len(amounts), sum(amounts, Decimal(0))) for day, amounts in found.items()}


def with_totals(tmp_path: Path, found: Totals, days: list[date]) -> Path:
    """Return the owner's contract with these known totals of these days."""
    value = [{"day": str(d), "orders": found[d][0], "revenue": float(found[d][1])} for d in days]
    tmp_path.mkdir(exist_ok=True)
    return contract(
        tmp_path, lambda document, *_: document["customProperties"].append({"property": "knownTotals", "value": value})
    )


def validate(folder: Path, tmp_path: Path, path: Path) -> tuple[list[dict[str, str]], str]:
    status, stdout, stderr = run("--data_dir", folder, "--out_dir", tmp_path, "--contract", path, "--junit")
    assert status in (0, 3), stderr
    return rows(tmp_path), stdout


def test_the_days_have_orders(folder: Path) -> None:
    assert all(count > 5 for count, _ in totals(folder).values())


def test_a_contract_without_known_totals(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("event_data.known_totals.comparison.Counts", None)  # a call would fail
    found, stdout = validate(folder, tmp_path, SCHEMA)
    assert not [row for row in found if row["check"].startswith("known_total")]
    assert f"{len(CHECKS)} checks on 5 files" in stdout


def test_a_contract_that_is_right(folder: Path, tmp_path: Path) -> None:
    found, stdout = validate(folder, tmp_path, with_totals(tmp_path, totals(folder), DAYS))
    status = {row["file"]: row["status"] for row in found if row["check"] == "known_totals"}
    assert list(status.values()) == ["skip", "pass", "pass", "pass", "skip"]
    assert not failing(found, "known_total_without_file")
    assert f"{len(CHECKS) + 2} checks on 5 files" in stdout


def test_a_contract_with_the_wrong_time_zone(folder: Path, tmp_path: Path) -> None:
    usual, local = totals(folder), totals(folder, "America/Los_Angeles")
    assert usual[DAYS[0]] != local[DAYS[0]]
    found, stdout = validate(folder, tmp_path, with_totals(tmp_path, local, DAYS))
    failed = failing(found, "known_totals")
    assert {row["severity"] for row in failed} == {"P1"} and failed[0]["column"] == "file"
    (count, revenue), (known, amount) = usual[DAYS[0]], local[DAYS[0]]
    sentence = f"{count} orders and ${revenue:,.2f} counted, where knownTotals has {known} orders and ${amount:,.2f}; "
    assert failed[0]["message"].startswith(sentence + "days that begin ")
    assert "later would match, for example those of America/" in failed[0]["message"]
    assert failed[0]["advice"].startswith("Set `defaultTimezone` of the time column")
    assert "known_totals, since 2025-02-24, last seen 2025-02-26, 3 files" in stdout

    right = with_totals(tmp_path, local, DAYS)
    document = yaml.safe_load(right.read_text("utf-8"))
    time = next(c for c in document["schema"][0]["properties"] if c["name"] == "timestamp")
    time.setdefault("logicalTypeOptions", {})["defaultTimezone"] = "America/Los_Angeles"
    right.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
    found, _ = validate(folder, tmp_path, right)
    assert not failing(found, "known_totals")


def test_a_contract_without_an_order_event(folder: Path, tmp_path: Path) -> None:
    path = with_totals(tmp_path, totals(folder), DAYS)
    document = yaml.safe_load(path.read_text("utf-8"))
    custom = {one["property"]: one for one in document["customProperties"]}
    for event in custom["events"]["value"]:
        if event.get("role") == "order":
            del event["role"]
    document["customProperties"].remove(custom["order"])
    path.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
    found, _ = validate(folder, tmp_path, path)
    assert all(row["message"].startswith("0 orders and no revenue counted") for row in failing(found, "known_totals"))
    ends = {row["message"].partition("; ")[2] for row in failing(found, "known_totals")}
    assert ends == {"the number of checkout_completed events would match"}


def test_a_day_in_two_files(folder: Path, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    for path in sorted(folder.glob("events_*.csv")):
        header, *lines = path.read_text("utf-8").splitlines()
        for part in (0, 1):
            half = lines[: len(lines) // 2] if part == 0 else lines[len(lines) // 2 :]
            (parts / f"{path.stem}_0{part}.csv").write_text("\n".join([header, *half]), "utf-8")
    found, _ = validate(parts, tmp_path / "out", with_totals(tmp_path, totals(folder), DAYS))
    status = [row["status"] for row in found if row["check"] == "known_totals"]
    assert status == ["skip", "skip", *["pass", "skip"] * 3, "skip", "skip"]


def test_known_days_without_a_file(folder: Path, tmp_path: Path) -> None:
    usual = totals(folder)
    usual |= dict.fromkeys((date(2025, 1, 7), date(2025, 4, 1), date(2025, 4, 2)), usual[DAYS[0]])
    gap = tmp_path / "gap"
    gap.mkdir()
    for path in folder.glob("events_*.csv"):
        if "0225" not in path.name:
            (gap / path.name).write_bytes(path.read_bytes())
    found, _ = validate(gap, tmp_path / "out", with_totals(tmp_path, usual, sorted(usual)))
    assert not failing(found, "known_totals")
    reported = [(row["file"], row["severity"], row["message"]) for row in failing(found, "known_total_without_file")]
    assert reported == [
        ("events_20250223.csv", "P3", "knownTotals has 2025-01-07, and there is no file to compare"),
        (
            "events_20250225.csv",
            "P3",
            "follows from file_missing: knownTotals has 2025-02-25, and there is no file to compare",
        ),
        ("events_20250227.csv", "P3", "knownTotals has 2025-04-01 and 2025-04-02, and there is no file to compare"),
    ]


def test_an_empty_file_is_reported_once(folder: Path, tmp_path: Path) -> None:
    days = tmp_path / "days"
    days.mkdir()
    for path in folder.glob("events_*.csv"):
        (days / path.name).write_bytes(b"" if "0225" in path.name else path.read_bytes())
    found, _ = validate(days, tmp_path / "out", with_totals(tmp_path, totals(folder), DAYS))
    assert {row["message"].partition(":")[0] for row in failing(found, "known_totals")} == {"follows from file_empty"}


def test_the_option_needs_init(folder: Path, tmp_path: Path) -> None:
    status, _, stderr = run("--data_dir", folder, "--out_dir", tmp_path, "--known_total", "2025-02-24:1:2")
    assert status == 2 and "--known_total needs --init" in stderr
    status, _, stderr = run("--data_dir", folder, "--init", "--known_total", "2025-02-24")
    assert status == 2 and "is not a day and its totals" in stderr


def test_the_coverage_of_a_draft(folder: Path, tmp_path: Path) -> None:
    usual = totals(folder)
    given = [f"--known_total={day}:{usual[day][0]}:{usual[day][1]}" for day in DAYS]
    drafted = tmp_path / "c.yaml"
    status, printed, _ = run("--data_dir", folder, "--init", "--contract", drafted, *given)
    assert status == 0 and "Known totals: 3 of 3 days match." in " ".join(printed.split())
    assert len(load_contract(drafted).known_totals) == 3


@pytest.fixture(scope="module")
def warehouse(folder: Path) -> Path:
    process(TRANSFORM, "--quiet", "--data_dir", folder, check=True)
    return folder / "warehouse.duckdb"


def judged(warehouse: Path, tmp_path: Path, path: Path, *args: object) -> tuple[str, list[str], list[str]]:
    """Return the status of a day, the keys of its alarms, and their texts."""
    place = ("--no_refresh", "--dry_run", "--warehouse", warehouse, "--history", tmp_path / "history.sqlite")
    found = monitor_kit.report(*place, "--contract", path, *args)
    return found["status"], monitor_kit.keys(found), [alarm["text"] for alarm in found["alarms"]]


def test_the_monitor(folder: Path, warehouse: Path, tmp_path: Path) -> None:
    usual, local = totals(folder), totals(folder, "America/Los_Angeles")
    right, wrong = (with_totals(tmp_path / name, found, DAYS) for name, found in (("r", usual), ("w", local)))
    day = ("--check_date", DAYS[1])
    assert "known_totals" not in judged(warehouse, tmp_path, SCHEMA, *day)[1]
    assert "known_totals" not in judged(warehouse, tmp_path, right, *day)[1]
    status, keys, texts = judged(warehouse, tmp_path, wrong, *day)
    assert (status, keys) == ("YELLOW", ["known_totals"])
    (count, revenue), (known, amount) = usual[DAYS[1]], local[DAYS[1]]
    assert texts[0].startswith(
        f"{count} orders and ${revenue:,.2f} counted, where knownTotals has {known} orders and ${amount:,.2f}; days"
    )
    assert "later would match, for example those of America/" in texts[0]
    assert "known_totals" not in judged(warehouse, tmp_path, wrong, "--check_date", "2025-02-27")[1]


def test_part_1_and_the_monitor_agree(folder: Path, warehouse: Path, tmp_path: Path) -> None:
    wrong = with_totals(tmp_path, totals(folder, "America/Los_Angeles"), DAYS)
    found, _ = validate(folder, tmp_path, wrong)
    messages = {row["file"]: row["message"] + "." for row in failing(found, "known_totals")}
    for day in DAYS:
        _, _, texts = judged(warehouse, tmp_path, wrong, "--check_date", day)
        assert texts == [messages[f"events_{day:%Y%m%d}.csv"]]


def test_the_summary_and_the_report(folder: Path, warehouse: Path, tmp_path: Path) -> None:
    for name, zone, expected in (
        ("right", "UTC", "Known totals: 3 of 3 days match."),
        ("wrong", "America/Los_Angeles", "Known totals: 0 of 3 days match; 2025-02-24, 2025-02-25 and"),
    ):
        path = with_totals(tmp_path / name, totals(folder, zone), DAYS)
        text = analyse(warehouse, tmp_path / name, "--contract", path)
        assert expected in text and expected in (tmp_path / name / "report.html").read_text("utf-8")
    assert "Days that begin " in text and "**Orders or revenue of 3 days differ from the shop's own totals;" in text
    assert "Known totals" not in analyse(warehouse, tmp_path / "none")
