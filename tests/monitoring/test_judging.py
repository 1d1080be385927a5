"""The days that a run judges: those since the last one, and again those whose files arrived or changed later."""

import json
import re
import shutil
import sqlite3
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from commands import MONITOR
from faults import FAULTS
from monitor_kit import dump, fortnight, keys, run, transform
from synthetic_events import generate

DAYS = [f"2025-02-{day}" for day in range(23, 29)] + [f"2025-03-0{day}" for day in range(1, 9)]


@pytest.fixture(scope="module")
def monitored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a synthetic fortnight whose file of 2 March lies in a folder beside it and has lost its referrer.

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


def test_every_day_since_the_last_run_is_judged_and_sent_if_it_was_bad(folder: Path) -> None:
    assert list(statuses(folder)) == DAYS[:6]  # also those without a run of their own
    found = judged(folder, "--check_date", "2025-03-03")
    assert earlier(found) == [(day, "not judged until now", "RED") for day in ("2025-03-01", "2025-03-02")]
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


def test_the_first_run_and_a_chosen_day_report_no_other_days(folder: Path) -> None:
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


def test_a_decision_about_an_earlier_day_holds_on_the_later_ones(folder: Path) -> None:
    judged(folder, "--check_date", "2025-03-08")
    judged(folder, "--check_date", "2025-03-05", "--acknowledge", "column_lost:referrer")
    sql = "select day, state from alarms where key = 'column_lost:referrer' order by day"
    with sqlite3.connect(folder / "monitor.sqlite") as history:
        found = dict(history.execute(sql).fetchall())
    assert found == {day: "new" if day == "2025-03-04" else "acknowledged" for day in DAYS[9:]}


def test_the_history_has_an_alarm_in_the_words_of_the_console(folder: Path) -> None:
    also = {alarm["key"]: alarm["also"] for alarm in judged(folder, "--check_date", "2025-03-05")["alarms"]}
    assert any(also.values())
    with sqlite3.connect(folder / "monitor.sqlite") as history:
        texts = dict(history.execute("select key, text from alarms where day = '2025-03-05'").fetchall())
    shown = " ".join(run("--data_dir", folder, "--no_refresh", "--check_date", "2025-03-05")[1].split())
    for key, changes in also.items():
        assert ("Also: " in texts[key]) == bool(changes)
        assert all(sentence in shown for sentence in texts[key].split(". "))


def test_a_part_of_a_day_is_not_judged_as_a_whole_one_with_those_before_it(folder: Path) -> None:
    judged(folder, "--check_date", "2025-03-01")
    judged(folder, "--as_of", "2025-03-03T01:10Z")
    judged(folder, "--check_date", "2025-03-01", "--acknowledge", "column_renamed:client_id")
    with sqlite3.connect(folder / "monitor.sqlite") as history:
        hours = dict(history.execute("select day, hours from day_status where day > '2025-03-01'"))
        states = history.execute("select state from alarms where day = '2025-03-01'").fetchall()
    assert hours == {"2025-03-03": 1}
    assert states == [("acknowledged",)]


def test_a_look_at_a_part_of_a_past_day_changes_no_other(folder: Path) -> None:
    judged(folder, "--check_date", "2025-03-08")
    with sqlite3.connect(folder / "monitor.sqlite") as history:
        history.execute("update day_status set contents = 'before', status = 'GREEN' where day = '2025-02-27'")
    before = statuses(folder)
    judged(folder, "--as_of", "2025-03-04T10:00Z")
    assert statuses(folder) == before
    assert earlier(judged(folder, "--check_date", "2025-03-08"))[0] == ("2025-02-27", "files changed", "RED")


def test_a_day_before_the_history_corrects_what_follows_and_reports_no_other_days(folder: Path) -> None:
    (folder / "monitor.sqlite").unlink()
    text = Path(MONITOR.with_name("thresholds.yaml")).read_text("utf-8")
    short = folder / "thresholds.yaml"
    short.write_text(re.sub(r"history_days: \d+", "history_days: 2", text), "utf-8")
    judged(folder, "--check_date", "2025-03-08", "--thresholds", short)
    assert incidents(folder)[0][:2] == ("column_lost:referrer", "2025-03-06")
    assert earlier(judged(folder, "--check_date", "2025-03-05")) == []
    assert incidents(folder)[0][:2] == ("column_lost:referrer", "2025-03-04")


def test_a_dry_run_keeps_nothing(folder: Path, tmp_path: Path) -> None:
    history, textfile = folder / "monitor.sqlite", tmp_path / "state.prom"
    before = dump(history)
    for more in ([], ["--acknowledge", "column_lost:referrer"], ["--backtest"]):
        status, _, stderr = run(
            "--data_dir", folder, "--no_refresh", "--dry_run", "--prometheus_textfile", textfile, *more
        )
        assert status in (0, 3), stderr
    assert dump(history) == before
    history.unlink()
    run("--data_dir", folder, "--no_refresh", "--dry_run")
    assert not history.exists() and not textfile.exists()


@pytest.mark.parametrize(
    "given",
    [
        ["--acknowledge", ""], ["--acknowledge", "identity", "--until", ""], ["--undo", "identity", "--backtest"],
        ["--new_level", "identity", "--drop_outbox"], ["--undo", "identity", "--reason", "x"],
        ["--as_of", "2999-01-01T00:00Z"], ["--remind_days", -3], ["--renotify_hours", "nan"],
    ],
)  # fmt: skip
def test_an_option_that_would_be_ignored_or_does_harm_is_refused(monitored: Path, given: list[str]) -> None:
    status, _, stderr = run("--data_dir", monitored, "--no_refresh", *given)
    assert status == 2 and stderr.startswith("monitor.py: --") and stderr.count("\n") == 1


def test_many_missed_days_are_summed_up(folder: Path) -> None:
    found = run("--data_dir", folder, "--no_refresh", "--check_date", "2025-05-20")[1]
    line = next(part for part in found.split("\n\n") if "not judged until now" in part)
    words = " ".join(line.split())
    assert words == (
        "1 March to 19 May 2025, not judged until now: RED. Column renamed (client_id), 7 days from 1 to 8 March; "
        "no file, 73 days from 2 March to 19 May; column lost (referrer), 4 to 8 March."
    )


def test_events_of_the_next_day_are_read_from_the_newest_file(tmp_path: Path) -> None:
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
