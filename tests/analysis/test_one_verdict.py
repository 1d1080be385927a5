"""Parts 1 to 3 agree on whether something is broken, and part 3 never says that all is well when it is not."""

import json
import re
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
import transform
import validate_dataframework
from analysis.command import quality_of
from analysis.gold import Gold, read_gold
from analysis.incidents import Quality
from analysis.templating import title
from analysis_kit import run
from commands import REAL, call, needs_real_days
from faults import FAULTS
from synthetic_events import generate

DAYS = 8
ALL_IS_WELL = ("Nothing broke", "the ledger accounts for all of it", "At risk: nothing")


@dataclass(frozen=True)
class Verdict:
    """What the three parts said of one folder: exit statuses, part 1's incidents, and part 3's words."""

    statuses: tuple[int, int, int]
    incidents: list[dict[str, Any]]
    text: str
    error: str
    gold: Gold
    quality: Quality

    @property
    def praise(self) -> list[str]:
        return [words for words in ALL_IS_WELL if words in self.text]


def judge(folder: Path) -> Verdict:
    """Let all three parts look at a folder."""
    place = ("--quiet", "--data_dir", folder)
    first = call(validate_dataframework, *place, "--out_dir", folder)[0]
    second = call(transform, *place)[0]
    third, _, error = run(*place, "--out_dir", folder / "out")
    report = json.loads((folder / "dq_report.json").read_text("utf-8"))
    gold = read_gold(folder / "warehouse.duckdb")
    text = (folder / "out" / "executive_summary.md").read_text("utf-8")
    quality = quality_of(folder / "warehouse.duckdb", gold)
    return Verdict((first, second, third), report["incidents"], text, error, gold, quality)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("healthy")
    generate(folder, days=DAYS, events_per_day=400, seed=5, incidents=False)
    return folder


@pytest.mark.parametrize(
    "fault",
    [
        "crlf", "column_dropped_client", "null_client", "time_american", "fields_too_few", "latin1", "order_collided",
        "key_renamed_revenue", "hours_missing", "day_missing", "rows_doubled", "email_in_url",
    ],
)  # fmt: skip
def test_parts_agree_on_a_fault(fault: str, healthy: Path, tmp_path: Path) -> None:
    days = Path(shutil.copytree(healthy, tmp_path / "days"))
    FAULTS[fault].apply(sorted(days.glob("events_*.csv"))[5], FAULTS[fault].serious, 1)
    found = judge(days)
    worst = min((one["severity"] for one in found.incidents), default="P9")
    serious, refused = worst <= "P1", not found.gold.is_complete
    assert found.praise == ([] if serious or refused else list(ALL_IS_WELL))
    assert found.statuses[0] == (3 if worst == "P0" else 0)
    assert found.statuses[2] == (3 if 3 in found.statuses[:2] else 0)
    for one in found.incidents:
        if one["severity"] <= "P1":
            row = rf"^\| .* \| {one['severity']} \| "
            assert re.search(row, found.text, re.MULTILINE)
    began = [one for one in found.incidents if one["severity"] <= "P1" and one["last_good_day"]]
    assert ("no serious fault began" in title("volume", gold=found.gold, quality=found.quality)) == (not began)
    for line in found.gold.refused:
        assert f"{line.orders} order" in found.text and line.reason in found.text
        assert f"${line.amount:,.2f}" in found.text or not line.amount


def test_healthy_days_are_well_to_all(healthy: Path, tmp_path: Path) -> None:
    found = judge(Path(shutil.copytree(healthy, tmp_path / "days")))
    assert (found.statuses, found.praise, found.error) == ((0, 0, 0), list(ALL_IS_WELL), "")


@needs_real_days
def test_refused_orders_are_named_to_the_cent_and_not_estimated(tmp_path: Path) -> None:
    """26 February's times cannot be read: 15 orders, $18,629.00."""
    days = Path(shutil.copytree(REAL, tmp_path / "days"))
    day = days / "events_20250226.csv"
    day.write_text(day.read_text("utf-8").replace(",2025-02-26T", ",26.02.2025 "), "utf-8")
    found = judge(days)
    assert "15 orders ($18,629.00, no readable time) could not be used" in found.text
    assert "- **Refused: $18,629.00** in 15 orders." in found.text
    assert found.praise == [] and found.statuses[2] == 3
    assert set(map(str, found.quality.empty_hours)) == {"2025-03-07"}, "no estimate for the day that was refused"


def test_a_report_of_other_files_is_refused(healthy: Path, tmp_path: Path) -> None:
    days = Path(shutil.copytree(healthy, tmp_path / "days"))
    judge(days)
    line = ("--no_refresh", "--data_dir", days, "--out_dir", days / "out")
    assert run(*line)[0] == 0
    report = json.loads((days / "dq_report.json").read_text("utf-8"))
    report["files"][3]["content_hash"] = "0" * 64
    (days / "dq_report.json").write_text(json.dumps(report), "utf-8")
    status, _, error = run(*line)
    assert status == 2 and "does not describe the files of" in error and report["files"][3]["file"] in error
    (days / "dq_report.json").write_text("{", "utf-8")
    assert (run(*line)[0], "cannot be read as a report" in run(*line)[2]) == (2, True)
    (days / "dq_report.json").unlink()
    assert run(*line)[0] == 0
    text = (days / "out" / "executive_summary.md").read_text("utf-8")
    assert "Nobody has checked the quality of these files." in text and not any(words in text for words in ALL_IS_WELL)


def test_an_old_warehouse_is_to_be_rebuilt(healthy: Path, tmp_path: Path) -> None:
    days = Path(shutil.copytree(healthy, tmp_path / "days"))
    judge(days)
    with duckdb.connect(str(days / "warehouse.duckdb")) as connection:
        connection.execute("drop table bronze.unread_files")
    status, _, error = run("--no_refresh", "--data_dir", days, "--out_dir", days / "out")
    assert status == 2 and "rebuild it with transform.py --full_refresh" in error


def test_what_is_not_used_is_named(healthy: Path, tmp_path: Path) -> None:
    days = Path(shutil.copytree(healthy, tmp_path / "days"))
    files = sorted(days.glob("events_*.csv"))
    shutil.copy(files[2], days / f"{files[2].stem}.staging.csv")
    files[5].write_bytes(b"PK\x03\x04" + b"x" * 2000)
    found = judge(days)
    assert found.statuses == (3, 3, 3) and found.praise == []
    assert "2 files were not used: " in found.text and "is a zip or xlsx file" in found.text
    assert f"{files[2].stem}.staging.csv".replace("_", "\\_") in found.text
    assert "**1 day has no usable file**: 28 February." in found.text
    assert "published, but" in found.error and files[5].name in found.error


def test_what_the_monitor_has_open_is_listed(healthy: Path, tmp_path: Path) -> None:
    days = Path(shutil.copytree(healthy, tmp_path / "days"))
    judge(days)
    with sqlite3.connect(days / "monitor.sqlite") as history:
        history.executescript(
            """
            create table day_status (day text);
            create table alarms (day text, severity text, opened text, state text, text text, key text, at_stake_since);
            insert into day_status values ('2025-03-01'), ('2025-03-02');
            insert into alarms values
                ('2025-03-01', 'P0', '2025-03-01', 'new', 'recovered since', 'a', 1),
                ('2025-03-02', 'P0', '2025-03-02', 'new', 'orders: 4, expected 21', 'b', 1),
                ('2025-03-02', 'P1', '2025-02-25', 'accepted', 'known', 'c', 1);
            """
        )
    status, _, _ = run("--no_refresh", "--data_dir", days, "--out_dir", days / "out")
    text = (days / "out" / "executive_summary.md").read_text("utf-8")
    assert status == 0 and "- P0 since 2 March: orders: 4, expected 21" in text
    assert "recovered since" not in text and "known\n" not in text
    assert text.count("The measurement is broken") == 1 and not any(words in text for words in ALL_IS_WELL)
    (days / "monitor.sqlite").write_text("no database", "utf-8")
    status, _, error = run("--no_refresh", "--data_dir", days, "--out_dir", days / "out")
    assert status == 2 and "the monitor's history" in error
