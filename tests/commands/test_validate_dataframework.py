"""The command line: what a user types and reads, and what is written."""

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from command_kit import CHECKS, HEADER, VIEW, add, day, failing, order, report, rows, run
from commands import SCHEMA, VALIDATE, process
from quality.reports import REPORT_COLUMNS

from event_data.contract.shape import schema

# ---- options and exit status


@pytest.mark.parametrize(
    "args", [("--data-dri", "x"), ("--fail-on", "P9"), ("--data-dir",), ("stray",), ("--data", "x")]
)
def test_a_mistyped_option_is_refused(args: tuple[str, ...]) -> None:
    done = process(VALIDATE, *args)
    assert (
        done.returncode == 2
        and not done.stdout
        and done.stderr.endswith("; --help lists the options.\n")
        and "Traceback" not in done.stderr
    )


def test_options_may_be_dashed(days: Path, tmp_path: Path) -> None:
    dashed = ["--data-dir", days, f"--out-dir={tmp_path / 'out'}", "--fail-on=never", "--memory-limit", "512MB"]
    status, stdout, stderr = run(*dashed, "--contract", SCHEMA, "--quiet", "--json", "--junit")
    assert (status, stderr) == (0, "") and json.loads(stdout)["files"]
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "dq_report.html", "dq_report.csv", "dq_profile.csv", "dq_report.json", "dq_report.xml",
    }  # fmt: skip


BREAK: dict[str, Callable[[Path], object]] = {
    "P3": lambda path: path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes()),
    "P2": lambda path: path.write_text(path.read_text().replace(",", ";")),
    "P1": lambda path: add(path, VIEW.replace("page_viewed", "page_seen")),
    "P0": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("found", BREAK)
def test_exit_status(found: str, days: Path, tmp_path: Path) -> None:
    if found == "P2":  # a payload holds commas, so take a file without one
        day(days).write_text("\n".join([HEADER, *[VIEW.replace("T23", f"T{n:02}") for n in range(24)]]))
    BREAK[found](day(days))
    args = ["--data_dir", days, "--out_dir", tmp_path]
    assert run(*args)[0] == (3 if found == "P0" else 0)  # as with --fail_on P0
    assert any(row["severity"] == found for row in rows(tmp_path) if row["status"] == "fail")
    worst = min(row["severity"] for row in rows(tmp_path) if row["status"] == "fail")
    for limit in ("P1", "P2", "never"):
        assert run(*args, "--fail_on", limit)[0] == (3 if worst <= limit != "never" else 0), (worst, limit)


def test_out_dir(days: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("precious")
    for out_dir in (file, file / "below"):
        status, _, stderr = run("--data_dir", days, "--out_dir", out_dir)
        assert status == 2 and str(file) in stderr
    out_dir = tmp_path / "new" / "folder"
    assert run("--data_dir", days, "--out_dir", out_dir)[0] == 0
    assert file.read_text() == "precious"


@pytest.mark.parametrize("size", ["lots", "0", " ", "", "-1", "-1GB", "512 parsecs", "1GB'; select 1"])
def test_a_limit_that_is_not_a_size(size: str, days: Path, tmp_path: Path) -> None:
    status, _, stderr = run("--data_dir", days, "--out_dir", tmp_path, f"--memory_limit={size}")
    assert status == 2 and stderr.endswith(f"--memory_limit {size!r} is not a size; write it like 512MB.\n")


@pytest.mark.parametrize("size", ["0B", "1B", "5MB"])
def test_a_limit_that_cannot_be_met(size: str, days: Path, tmp_path: Path) -> None:
    status, _, stderr = run("--data_dir", days, "--out_dir", tmp_path, f"--memory_limit={size}")
    assert status == 2 and "there is not enough memory" in stderr


# ---- the reports


def test_json_and_junit_agree_with_the_csv(days: Path, tmp_path: Path) -> None:
    day(days).write_bytes(b"")
    add(day(days, 3), VIEW.replace("page_viewed", "<&\x01'\"\ud7ff>"))
    found = report(days, tmp_path, "--json", "--junit")
    document = json.loads((tmp_path / "dq_report.json").read_text("utf-8"))
    key = ("check", "file", "column", "status", "severity")
    assert [[one[k] for k in key] for one in document["findings"]] == [[row[k] for k in key] for row in found]
    assert [one["failed"] for one in document["findings"]] == [int(r["failed"]) if r["failed"] else None for r in found]
    dimensions = {one["check"]: one["dimension"] for one in document["findings"]}
    assert (dimensions["event_fired_twice"], dimensions["null_share"]) == ("uniqueness", "completeness")
    rule = schema("urn:odcs")["$defs"]["DataQuality"]["properties"]
    assert set(dimensions.values()) <= set(rule["dimension"]["enum"])
    assert [one["file"] for one in document["files"]] == [row["file"] for row in rows(tmp_path, "dq_profile.csv")]
    contents = [path.read_bytes() for path in sorted(days.glob("events_*.csv"))]
    hashes = [hashlib.sha256(content).hexdigest() if content else None for content in contents]
    assert [one["content_hash"] for one in document["files"]] == hashes
    day_of = {file["file"]: file["day"] for file in document["files"]}
    assert all(day_of[one["last_bad_file"]] == one["last_bad_day"] for one in document["incidents"])
    assert all(len(one["empty_hours"]) <= 24 for one in document["files"])
    numbers = {row["incident"] for row in found if row["status"] == "fail"}
    assert {str(one["incident"]) for one in document["incidents"]} == numbers
    assert all(row["incident"] == "" for row in found if row["status"] != "fail")
    suite = ElementTree.parse(tmp_path / "dq_report.xml").getroot()
    cases = [(case.get("classname"), case.get("name")) for case in suite.iter("testcase")]
    assert cases == [(row["file"], f"{row['check']} {row['column']}".strip()) for row in found]
    failures = sum(row["status"] == "fail" and row["severity"] < "P3" for row in found)
    assert len(list(suite.iter("failure"))) == int(suite.get("failures") or 0) == failures
    assert len(list(suite.iter("skipped"))) == sum(row["status"] == "skip" for row in found)


def test_the_columns_and_the_cells(days: Path, tmp_path: Path) -> None:
    day(days).write_bytes(b"")
    found = report(days, tmp_path)
    columns = (
        "incident,severity,status,check,file,column,checked,failed,failed_share,threshold,"
        "revenue_at_stake,first_bad_line,example,message,advice"
    )
    assert (tmp_path / "dq_report.csv").read_text("utf-8").splitlines()[0] == ",".join(REPORT_COLUMNS) == columns
    for row in found:
        assert row["status"] in ("pass", "fail", "skip")
        if row["status"] == "fail":
            assert row["severity"] in ("P0", "P1", "P2", "P3") and row["message"] and row["advice"]
            volumes = ("event_volume", "rows_volume", "revenue_volume")
            assert 0 < int(row["failed"]) <= int(row["checked"]) or row["check"] in volumes


def test_the_same_files_give_the_same_bytes(days: Path, tmp_path: Path) -> None:
    add(day(days), *[VIEW.replace("page_viewed", f"event {n}") for n in range(50)], VIEW, VIEW)
    day(days, 2).rename(days / "events_20250224.csv.gz")  # misnamed
    written = []
    for number, seed in enumerate(("0", "1", "2")):
        out_dir, cwd = tmp_path / f"out{number}", tmp_path / f"cwd{number}"
        cwd.mkdir()
        environment = {"PYTHONHASHSEED": seed, "TZ": f"UTC{number * 5}", "LC_ALL": ("C", "C.UTF-8")[number % 2]}
        environment |= os.environ | environment
        done = process(
            VALIDATE, "--data_dir", days, "--out_dir", out_dir, "--json", "--junit", env=environment, cwd=cwd
        )
        assert done.returncode in (0, 3), done.stderr
        assert not list(cwd.iterdir())
        written.append([path.read_bytes() for path in sorted(out_dir.iterdir())])
    assert written[0] == written[1] == written[2]


# ---- the summary


def test_the_summary(days: Path, tmp_path: Path) -> None:
    day(days).write_bytes(b"")
    status, stdout, stderr = run("--data_dir", days, "--out_dir", tmp_path)
    assert status == 3 and not stderr
    assert stdout.startswith("RED  5 files, 2025-02-23 to 2025-02-27: ") and "dq_report.csv" in stdout
    assert f"{len(CHECKS)} checks on 5 files" in stdout


def test_the_summary_is_eighty_columns_wide(days: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # paths are as long as the way to them
    path = day(days)
    path.write_text(
        "\n".join(line for line in path.read_text().splitlines() if "page_viewed" not in line or "T2" in line)
    )
    add(path, order(120_000_000), order(240_000_000))
    _, stdout, _ = run("--data_dir", days, "--out_dir", tmp_path)
    assert "steps_without_page_view, " in stdout or "hours_without_events, " in stdout
    assert " $360,000,000.00\n" in stdout  # as wide as its column
    assert max(map(len, stdout.splitlines())) <= 80


def test_an_incident_says_what_since_when_and_what_to_do(days: Path, tmp_path: Path) -> None:
    add(day(days), VIEW.replace("page_viewed", "page_seen"))
    _, stdout, _ = run("--data_dir", days, "--out_dir", tmp_path)
    (said,) = failing(rows(tmp_path), "value_invalid")
    head, *lines = stdout.split("\n\n")[1].splitlines()
    assert head.split() == ["#", "SEV", "INCIDENT", "AT", "STAKE"]
    assert lines[0].startswith("1  P1   ") and lines[0].endswith(" -")
    text = " ".join(" ".join(lines).replace("1  P1 ", "").split())
    assert f"{said['message']}." in text.replace(" -", "") and "value_invalid, since 2025-02-26, 1 file" in text
    assert f"-> {said['advice']}" in text


# ---- a first contract


def test_init(five_days: Path, tmp_path: Path) -> None:
    status, text, printed = run("--init", "--data_dir", five_days)
    assert status == 0 and yaml.safe_load(text)["kind"] == "DataContract"
    assert printed.startswith("The files according to the draft:\n  days     5, 2025-02-23 to 2025-02-27\n")
    assert re.search(r"checkout_completed +order +\d", printed) and "Not mapped: session" in printed
    assert run("--init", "--quiet", "--data_dir", five_days) == (0, text, "")
    draft = tmp_path / f"{five_days.name}.yaml"  # so that both drafts have the same id
    status, stdout, stderr = run("--init", "--data_dir", five_days, "--contract", draft)
    assert (status, stdout) == (0, printed) and draft.name in stderr and draft.read_text("utf-8") == text
    draft.write_text("mine")
    status, _, stderr = run("--init", "--data_dir", five_days, "--contract", draft)
    assert status == 2 and draft.name in stderr and draft.read_text() == "mine"
    draft.write_text(text, encoding="utf-8")
    found = report(five_days, tmp_path / "out", "--contract", draft)
    assert not [row for row in found if row["status"] == "fail" and row["severity"] < "P2"]
    (tmp_path / "none").mkdir()
    for nowhere in (tmp_path / "none", tmp_path / "nowhere", day(five_days)):
        assert run("--init", "--data_dir", nowhere)[0] == 2
    assert run("--init", "--data_dir", five_days, "--contract", tmp_path / "none" / "below" / "x.yaml")[0] == 2
