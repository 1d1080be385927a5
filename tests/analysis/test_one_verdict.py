"""Parts 1 to 3 agree on whether something is broken, and part 3 never says that all is well when it is not."""

import json
import re
import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import transform
import validate_dataframework
from analysis import documents
from analysis.command import is_critical, quality_of
from analysis.documents import report, summary, verdict
from analysis.findings import find_changes
from analysis.gold import Gold, read_gold
from analysis.impact import load_assumptions, model
from analysis.incidents import Quality, read_quality
from analysis.templating import title
from analysis_kit import run
from commands import REAL, call, needs_real_days
from faults import FAULTS
from jinja2 import Template
from synthetic_events import generate
from test_part3_statistics import ASSUMPTIONS

from event_data.page import render_page

DAYS, START, HISTORY = 8, date(2025, 1, 1), 9
ALL_IS_WELL = ["fault was found in the measurement", "the ledger accounts for all of it", "At risk: nothing"]


@dataclass(frozen=True)
class Verdict:
    """The verdicts on some days: part 1's incidents by severity and check, and part 3's documents."""

    statuses: tuple[int, ...]
    broke: list[tuple[str, str, bool]]  # severity, message, and whether the incident began in these days
    text: str
    page: str
    title: str
    error: str
    gold: Gold
    quality: Quality

    @property
    def praise(self) -> list[str]:
        return [words for words in ALL_IS_WELL if words in self.text]

    @property
    def is_broken(self) -> bool:
        return any(severity <= "P1" for severity, _, _ in self.broke) or not self.gold.is_complete


def judge(folder: Path) -> Verdict:
    """Let all three parts look at a folder."""
    place = ("--quiet", "--data_dir", folder)
    first = call(validate_dataframework, *place, "--out_dir", folder)[0]
    second = call(transform, *place)[0]
    third, _, error = run(*place, "--out_dir", folder / "out")
    gold = read_gold(folder / "warehouse.duckdb")
    text, page = ((folder / "out" / name).read_text("utf-8") for name in ("executive_summary.md", "report.html"))
    quality = quality_of(folder / "warehouse.duckdb", gold)
    return Verdict((first, second, third), [], text, page, "", error, gold, quality)


def without_scripts(template: Template, title: str, scripts: Sequence[str], **values: Any) -> str:
    """Return a page without plotly's five megabytes."""
    return render_page(template, title, **values)


def series(folder: Path, names: list[str]) -> dict[str, date]:
    """Check and load a long series in which each fault has a day, between two that are healthy; return these days."""
    paths = generate(folder, HISTORY + 3 * len(names), 300, seed=5, start=START, incidents=False)
    for path, name in zip(paths[HISTORY::3], names, strict=True):
        FAULTS[name].apply(path, FAULTS[name].serious, 1)
    call(validate_dataframework, "--quiet", "--data_dir", folder, "--json", "--out_dir", folder)
    call(transform, "--quiet", "--data_dir", folder)
    return {name: START + timedelta(HISTORY + 3 * number) for number, name in enumerate(names)}


def judge_each(folder: Path, days: dict[str, date]) -> dict[str, Verdict]:
    """Let the parts look at these days of a series, each with the day before."""
    incidents = json.loads((folder / "dq_report.json").read_text("utf-8"))["incidents"]
    assumptions, warehouse = load_assumptions(ASSUMPTIONS), folder / "warehouse.duckdb"
    whole, found = read_quality(warehouse, {}), {}
    for name, last in days.items():
        first = last - timedelta(1)
        gold, quality = read_gold(warehouse, None, first, last), whole.within(first, last)
        changes = find_changes(gold, quality)
        values = verdict(gold, quality, changes, model(gold, quality, assumptions))
        broke = [
            (one["severity"], one["message"], str(first) <= one["first_bad_day"] and one["last_good_day"] is not None)
            for one in incidents
            if one["first_bad_day"] <= str(last) and one["last_bad_day"] >= str(first)
        ]
        status = 3 if is_critical(gold, quality, 0.01) else 0
        words = title("volume", gold=gold, quality=quality)
        texts = summary(values, assumptions, ()), report(values)
        found[name] = Verdict((status,), broke, *texts, words, "", gold, quality)
    return found


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    """Return the verdict on each fault; those that broke nothing are judged away from lasting incidents."""
    folder = tmp_path_factory.mktemp("catalogue")
    days = series(folder / "all", list(FAULTS))
    failed = json.loads((folder / "all" / "dq_report.json").read_text("utf-8"))["findings"]
    serious = {one["file"] for one in failed if one["status"] == "fail" and one["severity"] <= "P1"}
    grave = {name: day for name, day in days.items() if f"events_{day:%Y%m%d}.csv" in serious}
    lesser = series(folder / "lesser", [name for name in FAULTS if name not in grave])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "render_page", without_scripts)
        return judge_each(folder / "all", grave) | judge_each(folder / "lesser", lesser)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("healthy")
    generate(folder, days=DAYS, events_per_day=400, seed=5, incidents=False)
    return folder


@pytest.fixture(scope="module")
def judged(healthy: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Verdict]:
    """Return a healthy folder that all three parts have judged, to be copied, and their verdicts on it."""
    days = Path(shutil.copytree(healthy, tmp_path_factory.mktemp("judged") / "days"))
    return days, judge(days)


@pytest.fixture
def days(judged: tuple[Path, Verdict], tmp_path: Path) -> Path:
    return Path(shutil.copytree(judged[0], tmp_path / "days"))


@pytest.mark.parametrize("fault", FAULTS)
def test_parts_agree_on_a_fault(fault: str, verdicts: dict[str, Verdict]) -> None:
    found = verdicts[fault]
    # Days without an order have nothing to account for.
    assert found.praise == ([] if found.is_broken else ALL_IS_WELL if found.gold.orders else ALL_IS_WELL[:1])
    assert not found.is_broken or "fault was found in the measurement" not in found.page
    assert found.statuses == (3,) or not any(severity == "P0" for severity, _, _ in found.broke)
    assert found.statuses == (0,) or found.is_broken
    for severity in {severity for severity, _, _ in found.broke if severity <= "P1"}:
        rows = sum(one == severity for one, _, _ in found.broke)
        assert len(re.findall(rf"^\| .* \| {severity} \| ", found.text, re.MULTILINE)) == rows
        assert found.page.count(f"<td>{severity}</td>") == rows
    began = any(began and severity <= "P1" for severity, _, began in found.broke)
    assert ("no serious fault began" in found.title) == (not began)
    for line in found.gold.refused:
        assert f"{line.orders} order" in found.text and line.reason in found.text
        assert f"${line.amount:,.2f}" in found.text or not line.amount


def test_the_catalogue_has_faults_of_both_kinds(verdicts: dict[str, Verdict]) -> None:
    broken = [name for name, found in verdicts.items() if found.is_broken]
    assert len(broken) > 60 and len(verdicts) - len(broken) > 20


@pytest.mark.parametrize("fault", ["column_dropped_client", "hours_missing", "time_american", "crlf"])
def test_the_commands_agree_on_a_fault(fault: str, healthy: Path, tmp_path: Path) -> None:
    days = Path(shutil.copytree(healthy, tmp_path / "days"))
    FAULTS[fault].apply(sorted(days.glob("events_*.csv"))[5], FAULTS[fault].serious, 1)
    found = judge(days)
    assert found.praise == ([] if found.quality.is_broken or not found.gold.is_complete else ALL_IS_WELL)
    assert found.statuses[0] == (3 if found.quality.grave else 0)
    assert found.statuses[2] == (3 if 3 in found.statuses[:2] else 0)


def test_healthy_days_are_well_to_all(judged: tuple[Path, Verdict]) -> None:
    found = judged[1]
    assert (found.statuses, found.praise, found.error) == ((0, 0, 0), ALL_IS_WELL, "")


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


def test_a_report_of_other_files_is_refused(days: Path) -> None:
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


def test_an_old_warehouse_is_to_be_rebuilt(days: Path) -> None:
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


def test_what_the_monitor_has_open_is_listed(days: Path) -> None:
    with sqlite3.connect(days / "monitor.sqlite") as history:
        history.executescript(
            """
            create table day_status (day text);
            create table alarms (day, severity, opened, state, text, key, at_stake_since, last_good);
            insert into day_status values ('2025-03-01'), ('2025-03-02');
            insert into alarms values
                ('2025-03-01', 'P0', '2025-03-01', 'new', 'recovered since', 'a', 1, '2025-02-28'),
                ('2025-03-02', 'P0', '2025-03-02', 'new', 'orders: 4, expected 21', 'b', 1, '2025-03-01'),
                ('2025-03-02', 'P1', '2025-02-22', 'ongoing', 'ids are lost', 'd', 1, null),
                ('2025-03-02', 'P1', '2025-02-25', 'accepted', 'known', 'c', 1, null);
            """
        )
    status, _, _ = run("--no_refresh", "--data_dir", days, "--out_dir", days / "out")
    text = (days / "out" / "executive_summary.md").read_text("utf-8")
    assert status == 0 and "- P0 since 2 March: orders: 4, expected 21" in text
    assert "- P1 since 22 February or earlier: ids are lost" in text
    assert "recovered since" not in text and "known\n" not in text
    assert text.count("The measurement is broken") == 1 and not any(words in text for words in ALL_IS_WELL)
    (days / "monitor.sqlite").write_text("no database", "utf-8")
    status, _, error = run("--no_refresh", "--data_dir", days, "--out_dir", days / "out")
    assert status == 2 and "the monitor's history" in error
