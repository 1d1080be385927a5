"""Which days a run judges: those since the last one, and again those whose files came or changed later."""

import json
import shutil
import sqlite3
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from commands import MONITOR
from faults import FAULTS
from monitor_kit import fortnight, keys, run, transform
from synthetic_events import generate

DAYS = [f"2025-02-{day}" for day in range(23, 29)] + [f"2025-03-0{day}" for day in range(1, 9)]


@pytest.fixture(scope="module")
def monitored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic fortnight without the file of 2 March, which lies in a folder beside it and has lost its referrer.

    The monitor has run on three of its first six days.
    """
    folder = fortnight(tmp_path_factory.mktemp("judging") / "days", 150)
    (folder.parent / "late").mkdir()
    late = Path(shutil.move(folder / "events_20250302.csv", folder.parent / "late"))
    FAULTS["column_dropped_referrer"].apply(late, 1.0, 1)
    transform(folder)
    for day in ("2025-02-24", "2025-02-26", "2025-02-28"):
        run("--data_dir", folder, "--no_refresh", "--check_date", day)
    return folder


@pytest.fixture
def folder(monitored: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(monitored, tmp_path / "days"))


def judged(folder: Path, *more: object) -> dict[str, Any]:
    status, stdout, stderr = run("--json", "--data_dir", folder, "--no_refresh", *more)
    assert status in (0, 3), stderr
    found: dict[str, Any] = json.loads(stdout)
    return found


def earlier(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(r["day"], r["note"], r["status"]) for r in found["earlier"]]


def statuses(folder: Path) -> dict[str, str]:
    with sqlite3.connect(folder / "monitor.sqlite") as history:
        return dict(history.execute("select day, status from day_status order by day"))


def incidents(folder: Path) -> list[tuple[str, str, str, str]]:
    sql = "select key, opened, last_day, state from incidents where key in ('no_file', 'column_lost:referrer')"
    with sqlite3.connect(folder / "monitor.sqlite") as history:
        return sorted(history.execute(sql).fetchall())


def test_every_day_since_the_last_run_is_judged_and_told_if_it_was_bad(folder: Path) -> None:
    assert list(statuses(folder)) == DAYS[:6]  # also those without a run of their own
    found = judged(folder, "--check_date", "2025-03-03")
    assert earlier(found) == [("2025-03-01", "no run on its day", "RED"), ("2025-03-02", "no run on its day", "RED")]
    assert keys(found["earlier"][1]) == ["no_file"]
    assert list(statuses(folder)) == DAYS[:9]
    assert earlier(judged(folder, "--check_date", "2025-03-03")) == []
    shown = dict(statuses(folder))
    assert judged(folder, "--check_date", "2025-02-26")["status"] == shown["2025-02-26"]  # looked at, and left alone
    assert statuses(folder) == shown


def test_files_that_come_or_change_later_correct_the_history(folder: Path, monitored: Path) -> None:
    judged(folder, "--check_date", "2025-03-05")
    lost = "column_lost:referrer"
    assert incidents(folder) == [
        (lost, "2025-03-04", "2025-03-05", "open"), ("no_file", "2025-03-02", "2025-03-02", "recovered")
    ]  # fmt: skip
    shutil.copy(monitored.parent / "late" / "events_20250302.csv", folder)
    FAULTS["column_dropped_referrer"].apply(folder / "events_20250225.csv", 1.0, 1)
    transform(folder)
    found = judged(folder, "--check_date", "2025-03-06")
    assert earlier(found) == [("2025-02-25", "files changed", "RED"), ("2025-03-02", "delivered late", "RED")]
    assert all(lost in keys(r) for r in found["earlier"])
    assert incidents(folder) == [
        (lost, "2025-02-25", "2025-02-25", "recovered"), (lost, "2025-03-02", "2025-03-02", "recovered"),
        (lost, "2025-03-04", "2025-03-06", "open"),
    ]  # fmt: skip


def test_the_first_run_and_a_looked_at_day_tell_of_no_other(folder: Path) -> None:
    (folder / "monitor.sqlite").unlink()
    assert earlier(judged(folder, "--check_date", "2025-03-05")) == []
    assert len(statuses(folder)) == 11


def test_a_day_is_judged_whole_when_its_file_is_due(folder: Path) -> None:
    judged(folder, "--as_of", "2025-03-01T00:00Z")
    assert judged(folder, "--as_of", "2025-03-01T10:00Z")["status"] == "RED"
    assert earlier(judged(folder, "--as_of", "2025-03-02T00:10Z")) == []  # the last minutes may be on their way
    assert earlier(judged(folder, "--as_of", "2025-03-02T07:00Z")) == [("2025-03-01", "complete", "RED")]
    with sqlite3.connect(folder / "monitor.sqlite") as history:
        hours = dict(history.execute("select day, hours from day_status where day >= '2025-02-28'"))
    assert hours == {"2025-02-28": 24, "2025-03-01": 24, "2025-03-02": 7}


def test_the_backtest_fills_in_what_is_before_the_history(folder: Path) -> None:
    (folder / "monitor.sqlite").unlink()
    text = Path(MONITOR.with_name("thresholds.yaml")).read_text("utf-8")
    short = folder / "thresholds.yaml"
    short.write_text(text.replace("history_days: 56", "history_days: 5"), "utf-8")
    assert len(judged(folder, "--check_date", "2025-03-05", "--thresholds", short)["alarms"]) >= 2
    assert list(statuses(folder)) == DAYS[5:11]
    assert run("--data_dir", folder, "--no_refresh", "--backtest", "--thresholds", short)[0] == 0
    assert list(statuses(folder)) == DAYS
    assert ("column_lost:referrer", "2025-03-04", "2025-03-08", "open") in incidents(folder)


def test_events_of_the_next_day_are_found_in_the_newest_file(tmp_path: Path) -> None:
    *_, path = generate(tmp_path / "days", days=6, events_per_day=300, incidents=False)
    day = f"{path.stem[-8:-4]}-{path.stem[-4:-2]}-{path.stem[-2:]}"
    tomorrow = str(date.fromisoformat(day) + timedelta(days=1))
    lines = path.read_text("utf-8").split("\n")
    path.write_text("\n".join(x.replace(day, tomorrow) if n % 4 == 3 else x for n, x in enumerate(lines)), "utf-8")
    transform(tmp_path / "days")
    live = judged(tmp_path / "days", "--check_date", day)
    assert "days" in keys(live)
    past = json.loads(run("--json", "--backtest", "--data_dir", tmp_path / "days", "--no_refresh")[1])[-1]
    assert keys(past) == keys(live)
