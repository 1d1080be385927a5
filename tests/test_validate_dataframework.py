"""The command line: what a user types, reads and is told; files that nobody meant; and any bytes at all."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import validate_dataframework
import yaml
from checks import DEFINITIONS
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from reading import recover, survey
from reports import REPORT_COLUMNS
from synthetic_events import COLUMNS, generate

SCRIPT = Path(validate_dataframework.__file__)
SCHEMA = SCRIPT.with_name("schema.yaml")
HEADER = ",".join(COLUMNS)
VIEW = "1740268798-abcdefghijkl,https://puffy.com/,,2025-02-26T23:59:00.000Z,page_viewed,,Mozilla"
FUZZ = settings(derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), max_examples=25)
Document = dict[str, Any]


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("healthy")
    generate(folder, days=5, events_per_day=300, seed=1, incidents=False)
    return folder


@pytest.fixture
def days(healthy: Path, tmp_path: Path) -> Path:
    """Five small healthy days to break."""
    return Path(shutil.copytree(healthy, tmp_path / "days"))


def day(folder: Path, number: int = 4) -> Path:
    return sorted(folder.iterdir())[number - 1]


def add(path: Path, *lines: str) -> None:
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write("".join("\n" + line for line in lines))


def cells(*values: object) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()


def run(*args: object) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a run; no traceback, and an error is one sentence."""
    stdout, stderr = io.StringIO(), io.StringIO()
    status = validate_dataframework.main([str(a) for a in args], stdout, stderr)
    assert status in (0, 2, 3)
    assert "Traceback" not in stderr.getvalue()
    if status == 2:
        assert re.fullmatch(r"validate_dataframework\.py: [^\n]+\n", stderr.getvalue()), stderr.getvalue()
        assert not stdout.getvalue()
    return status, stdout.getvalue(), stderr.getvalue()


def command(*args: object, **options: Any) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, str(SCRIPT), *map(str, args)]
    chosen: dict[str, Any] = {"capture_output": True, "text": True, "encoding": "utf-8"} | options
    told: subprocess.CompletedProcess[str] = subprocess.run(line, check=False, **chosen)
    return told


def rows(out_dir: Path, name: str = "dq_report.csv") -> list[dict[str, str]]:
    with (out_dir / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def report(data_dir: Path, out_dir: Path, *args: object) -> list[dict[str, str]]:
    """The report of a run that could do its work."""
    status, _, stderr = run("--data_dir", data_dir, "--out_dir", out_dir, *args)
    assert status in (0, 3), stderr
    found = rows(out_dir)
    files = {row["file"] for row in rows(out_dir, "dq_profile.csv")}
    for check in DEFINITIONS:  # none may vanish
        assert {row["file"] for row in found if row["check"] == check} == files, check
    return found


def failing(found: list[dict[str, str]], check: str) -> list[dict[str, str]]:
    return [row for row in found if row["check"] == check and row["status"] == "fail"]


def contract(tmp_path: Path, change: Callable[[Document, dict[str, Document], dict[str, Document]], object]) -> Path:
    """schema.yaml after `change` had its document, its columns and its custom properties by name."""
    document = yaml.safe_load(SCHEMA.read_text("utf-8"))
    columns = {column["name"]: column for column in document["schema"][0]["properties"]}
    change(document, columns, {one["property"]: one for one in document["customProperties"]})
    path = tmp_path / "contract.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


# ---- options and exit status


def test_help_names_every_option_and_an_example() -> None:
    told = command("--help")
    assert told.returncode == 0 and "example:" in told.stdout and not told.stderr
    for option in ("data_dir", "contract", "out_dir", "fail_on", "json", "junit", "memory_limit", "init", "quiet"):
        assert f"--{option}" in told.stdout


@pytest.mark.parametrize(
    "args", [("--data-dri", "x"), ("--fail-on", "P9"), ("--data-dir",), ("stray",), ("--data", "x")]
)
def test_a_mistyped_option_is_refused(args: tuple[str, ...]) -> None:
    told = command(*args)
    assert told.returncode == 2 and not told.stdout and "error: " in told.stderr and "Traceback" not in told.stderr


def test_options_may_be_dashed(days: Path, tmp_path: Path) -> None:
    dashed = ["--data-dir", days, f"--out-dir={tmp_path / 'out'}", "--fail-on=never", "--memory-limit", "512MB"]
    status, stdout, stderr = run(*dashed, "--contract", SCHEMA, "--quiet", "--json", "--junit")
    assert (status, stdout, stderr) == (0, "", "")
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "dq_report.csv", "dq_profile.csv", "dq_report.json", "dq_report.xml",
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
    default = run(*args)[0]
    assert default == (3 if found == "P0" else 0)
    assert any(row["severity"] == found for row in rows(tmp_path) if row["status"] == "fail")
    worst = min(row["severity"] for row in rows(tmp_path) if row["status"] == "fail")
    for limit in ("P0", "P1", "P2", "never"):
        assert run(*args, "--fail_on", limit)[0] == (3 if worst <= limit != "never" else 0), (worst, limit)


def test_nothing_to_read(days: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "sales.csv").write_text("a,b\n1,2\n")
    for data_dir, word in (
        (tmp_path / "nowhere", "does not exist"),
        (tmp_path / "empty", "events_%Y%m%d.csv"),
        (tmp_path / "others", "events_%Y%m%d.csv"),
        (day(days), "not a folder"),
    ):
        status, _, stderr = run("--data_dir", data_dir, "--out_dir", tmp_path / "out")
        assert status == 2 and str(data_dir) in stderr and word in stderr
    assert not list((tmp_path / "out").iterdir())


def test_a_contract_that_cannot_be_used(days: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    for text, word in (
        (SCHEMA.read_text("utf-8").replace("required: true", "requred: true", 1), "line 59"),
        ("a: [1\n", "line"),
        ("", "broken.yaml"),
        ("\0\xff", "broken.yaml"),
    ):
        broken.write_text(text, encoding="latin-1" if "\xff" in text else "utf-8")
        status, _, stderr = run("--data_dir", days, "--contract", broken, "--out_dir", tmp_path / "out")
        assert status == 2 and word in stderr, stderr
    status, _, stderr = run("--data_dir", days, "--contract", tmp_path / "no.yaml", "--out_dir", tmp_path / "out")
    assert status == 2 and "no.yaml" in stderr
    assert run("--data_dir", days, "--contract", tmp_path, "--out_dir", tmp_path / "out")[0] == 2


def test_out_dir(days: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("precious")
    for out_dir in (file, file / "below"):
        status, _, stderr = run("--data_dir", days, "--out_dir", out_dir)
        assert status == 2 and str(file) in stderr
    out_dir = tmp_path / "new" / "folder"
    assert run("--data_dir", days, "--out_dir", out_dir)[0] == 0
    before = {path.name: path.read_bytes() for path in out_dir.iterdir()}

    def full(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    day(days).write_bytes(b"")
    for function in ("os.replace", "pathlib.Path.write_text"):
        with monkeypatch.context() as patch:
            patch.setattr(function, full)
            status, _, stderr = run("--data_dir", days, "--out_dir", out_dir, "--json", "--junit")
        assert status == 2 and "No space left" in stderr
        assert {path.name: path.read_bytes() for path in out_dir.iterdir()} == before
    assert file.read_text() == "precious"


@pytest.mark.xfail(strict=True, reason="duckdb.Error is not caught: a traceback")
@pytest.mark.parametrize("size", ["lots", "1B", "5MB", "-1GB", "0", "", "512 parsecs", "1GB'; select 1"])
def test_a_limit_that_cannot_be_met(size: str, days: Path, tmp_path: Path) -> None:
    status, _, stderr = run("--data_dir", days, "--out_dir", tmp_path, f"--memory_limit={size}")
    assert status == 2 and "memory" in stderr


# ---- the reports


def test_json_and_junit_agree_with_the_csv(days: Path, tmp_path: Path) -> None:
    day(days).write_bytes(b"")
    add(day(days, 3), VIEW.replace("page_viewed", "<&\x01'\"\ud7ff>"))
    found = report(days, tmp_path, "--json", "--junit")
    document = json.loads((tmp_path / "dq_report.json").read_text("utf-8"))
    key = ("check", "file", "column", "status", "severity")
    assert [[one[k] for k in key] for one in document["findings"]] == [[row[k] for k in key] for row in found]
    assert [one["failed"] for one in document["findings"]] == [int(r["failed"]) if r["failed"] else None for r in found]
    assert [one["file"] for one in document["files"]] == [row["file"] for row in rows(tmp_path, "dq_profile.csv")]
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
    assert (
        (tmp_path / "dq_report.csv").read_text("utf-8").splitlines()[0]
        == ",".join(REPORT_COLUMNS)
        == (
            "incident,severity,status,check,file,column,checked,failed,failed_share,threshold,"
            "revenue_at_stake,first_bad_line,example,message,advice"
        )
    )
    for row in found:
        assert row["status"] in ("pass", "fail", "skip")
        if row["status"] == "fail":
            assert row["severity"] in ("P0", "P1", "P2", "P3") and row["message"] and row["advice"]
            assert 0 < int(row["failed"]) <= int(row["checked"]) or row["check"] in ("event_volume", "rows_volume")


def test_the_same_files_give_the_same_bytes(days: Path, tmp_path: Path) -> None:
    add(day(days), *[VIEW.replace("page_viewed", f"event {n}") for n in range(50)], VIEW, VIEW)
    day(days, 2).rename(days / "events_20250224.csv.gz")  # misnamed
    written = []
    for number, seed in enumerate(("0", "1", "2")):
        out_dir, cwd = tmp_path / f"out{number}", tmp_path / f"cwd{number}"
        cwd.mkdir()
        environment = os.environ | {
            "PYTHONHASHSEED": seed,
            "TZ": f"UTC{number * 5}",
            "LC_ALL": ("C", "C.UTF-8")[number % 2],
        }
        told = command("--data_dir", days, "--out_dir", out_dir, "--json", "--junit", env=environment, cwd=cwd)
        assert told.returncode in (0, 3), told.stderr
        assert not list(cwd.iterdir())
        written.append([path.read_bytes() for path in sorted(out_dir.iterdir())])
    assert written[0] == written[1] == written[2]


FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "=cmd|' /C calc'!A0",
    "\x1b[31mred\x1b[0m",
    "a\nb",
]


@pytest.fixture
def hostile(tmp_path: Path) -> tuple[Path, Path]:
    """Days whose names, headers and values are formulas and escapes, and the contract that they need."""
    stem = '=2+3 "it\'s" [e] {n} 50% '

    def change(document: Document, columns: dict[str, Document], custom: dict[str, Document]) -> None:
        document["schema"][0]["physicalName"] = stem.replace("%", "%%") + "%Y%m%d.csv"

    folder = tmp_path / "a [b] 'c' {d} %e"
    folder.mkdir()
    header = cells(*COLUMNS, *[f for f in FORMULAS if "\n" not in f and "\r" not in f])
    for number in range(1, 4):
        lines = [cells(f, f, f, "2025-03-01T10:00:00.000Z", f, f, f, *["x"] * 7) for f in FORMULAS]
        (folder / f"{stem}2025030{number}.csv").write_text("\n".join([header, *lines]), encoding="utf-8", newline="")
    return folder, contract(tmp_path, change)


def test_no_cell_is_a_formula(hostile: tuple[Path, Path], tmp_path: Path) -> None:
    found = report(hostile[0], tmp_path / "out", "--contract", hostile[1], "--json", "--junit")
    assert len({row["file"] for row in found}) == 3 and failing(found, "value_invalid")
    for name in ("dq_report.csv", "dq_profile.csv"):
        for row in rows(tmp_path / "out", name):
            for cell in [*row, *row.values()]:
                assert cell[:1] not in ("=", "+", "-", "@", "\t", "\r") or re.fullmatch(r"-\d+(\.\d+)?", cell), cell
                assert cell.isprintable()
    json.loads((tmp_path / "out" / "dq_report.json").read_text("utf-8"))
    ElementTree.parse(tmp_path / "out" / "dq_report.xml")


@pytest.mark.xfail(strict=True, reason="examples go to the terminal as they are")
def test_no_escape_reaches_the_terminal(hostile: tuple[Path, Path], tmp_path: Path) -> None:
    _, stdout, _ = run("--data_dir", hostile[0], "--out_dir", tmp_path / "out", "--contract", hostile[1])
    assert all(character.isprintable() or character == "\n" for character in stdout)


# ---- the summary


def test_the_summary(days: Path, tmp_path: Path) -> None:
    day(days).write_bytes(b"")
    status, stdout, stderr = run("--data_dir", days, "--out_dir", tmp_path)
    assert status == 3 and not stderr
    assert stdout.startswith("RED  5 files, 2025-02-23 to 2025-02-27: ") and "dq_report.csv" in stdout
    assert f"{len(DEFINITIONS)} checks on 5 files" in stdout


@pytest.mark.xfail(strict=True, reason="61 columns stand before the name of the check, and names have up to 32")
def test_the_summary_is_eighty_columns_wide(days: Path, tmp_path: Path) -> None:
    path = day(days)
    path.write_text(
        "\n".join(line for line in path.read_text().splitlines() if "page_viewed" not in line or "T2" in line)
    )
    _, stdout, _ = run("--data_dir", days, "--out_dir", tmp_path)
    assert "steps_without_page_view" in stdout or "hours_without_events" in stdout
    assert max(map(len, stdout.splitlines())) <= 80


def test_colour_is_for_terminals(days: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def shown() -> tuple[str, str]:
        stdout, stderr = Terminal(), Terminal()
        args = ["--data_dir", str(days), "--out_dir", str(tmp_path)]
        assert validate_dataframework.main(args, stdout, stderr) == 0
        return stdout.getvalue(), stderr.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b" in shown()[0] and "5 files" in shown()[1]
    assert "\x1b" not in run("--data_dir", days, "--out_dir", tmp_path)[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in "".join(shown())


def test_a_reader_that_has_gone(days: Path, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    told = command(
        "--data_dir", days, "--out_dir", tmp_path, capture_output=False, stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    assert "Traceback" not in told.stderr and "Exception" not in told.stderr
    script = f'"{sys.executable}" "{SCRIPT}" --data_dir "{days}" --out_dir "{tmp_path}" | head -1'
    piped = subprocess.run(script, shell=True, check=False, capture_output=True, text=True)
    assert piped.stdout.startswith("GREEN") and not piped.stderr


@pytest.mark.xfail(strict=True, reason="UnicodeEncodeError: a traceback")
def test_a_terminal_of_ascii(days: Path, tmp_path: Path) -> None:
    add(day(days), VIEW.replace("page_viewed", "événement→"))
    told = command("--data_dir", days, "--out_dir", tmp_path, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert told.returncode == 0 and "Traceback" not in told.stderr


# ---- a first contract


def test_init(healthy: Path, tmp_path: Path) -> None:
    status, text, stderr = run("--init", "--data_dir", healthy)
    assert status == 0 and not stderr and yaml.safe_load(text)["kind"] == "DataContract"
    draft = tmp_path / "draft.yaml"
    status, stdout, stderr = run("--init", "--data_dir", healthy, "--contract", draft)
    assert (status, stdout) == (0, "") and "draft.yaml" in stderr and draft.read_text("utf-8") == text
    draft.write_text("mine")
    status, _, stderr = run("--init", "--data_dir", healthy, "--contract", draft)
    assert status == 2 and "draft.yaml" in stderr and draft.read_text() == "mine"
    draft.write_text(text, encoding="utf-8")
    found = report(healthy, tmp_path / "out", "--contract", draft)
    assert not [row for row in found if row["status"] == "fail" and row["severity"] < "P2"]
    (tmp_path / "none").mkdir()
    for nowhere in (tmp_path / "none", tmp_path / "nowhere", day(healthy)):
        assert run("--init", "--data_dir", nowhere)[0] == 2
    assert run("--init", "--data_dir", healthy, "--contract", tmp_path / "none" / "below" / "x.yaml")[0] == 2


# ---- contracts of other shops


def payload_item(custom: dict[str, Document]) -> list[Document]:
    payload = custom["events"]["value"][-1]["payload"]
    found: list[Document] = next(key for key in payload if key["name"] == "items")["items"]["properties"]
    return found


def hide_in_names(text: str, document: Document, columns: dict[str, Document], custom: dict[str, Document]) -> None:
    events = custom["events"]["value"]
    columns["client_id"]["synonyms"].append({"synonym": text})
    events[-1]["synonyms"].append({"synonym": text})
    events.append({"name": text + "!", "payload": [{"name": "key"}]})
    columns["event_name"]["enum"] += [{"value": text}, {"value": text + "!"}]


def hide_in_patterns(text: str, document: Document, columns: dict[str, Document], custom: dict[str, Document]) -> None:
    pattern = re.escape(text).replace("/", "[/]")
    columns["user_agent"]["logicalTypeOptions"] = {"pattern": pattern}
    payload_item(custom)[0]["logicalTypeOptions"] = {"pattern": pattern}
    custom["anonymisation"]["value"] |= {"queryValue": pattern, "foreignHost": pattern}
    custom["order"]["value"]["checkoutToken"] = f"({pattern})"


def hide_in_words(text: str, document: Document, columns: dict[str, Document], custom: dict[str, Document]) -> None:
    document["name"] = columns["client_id"]["description"] = text
    for rule in (document["schema"][0]["quality"][0], columns["client_id"]["quality"][0]):
        rule["businessImpact"] = text


PLACES: dict[str, Callable[..., object]] = {
    "column": lambda text, document, columns, custom: document["schema"][0]["properties"].append(
        {"name": text, "logicalType": "string", "required": True}
    ),
    "names": hide_in_names,
    "key": lambda text, document, columns, custom: payload_item(custom).append({"name": text, "required": True}),
    "key's values": lambda text, document, columns, custom: payload_item(custom)[2].update(enum=[{"value": text}]),
    "patterns": hide_in_patterns,
    "values": lambda text, document, columns, custom: columns["referrer"].update(enum=[{"value": text}]),
    "words": hide_in_words,
    "hosts": lambda text, document, columns, custom: custom["ownHosts"]["value"].append(text),
    "delimiter": lambda text, document, columns, custom: custom["delimiter"].update(value=text[:1]),
}
BROKEN = pytest.mark.xfail(strict=True, reason="is_header is not in reach of a check of an added column or pattern")
REFUSED = ("key", "hosts", "delimiter")  # the contract may say that this is none
TEXTS = [
    "'; copy (select 42) to 'CANARY'; --",
    "\"']); copy (select 42) to $$CANARY$$; --",
    "{failed} {} {0} {nothing} %s %(x)s {{ \\",
]


@pytest.mark.parametrize("text", TEXTS, ids=["quote", "both quotes", "braces"])
@pytest.mark.parametrize(
    "place", [pytest.param(p, marks=BROKEN) if p in ("column", "patterns", "values") else p for p in PLACES]
)
def test_a_contract_cannot_run_anything(place: str, text: str, days: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    path = contract(tmp_path, partial(PLACES[place], text.replace("CANARY", str(canary))))
    lines = day(days).read_text().splitlines()
    day(days).write_text("\n".join(line.replace("Mozilla", "{x}Mozilla") for line in lines))
    status, _, stderr = run("--data_dir", days, "--out_dir", tmp_path / "out", "--contract", path)
    assert not canary.exists()
    assert status in (0, 3) or (place in REFUSED and "contract.yaml" in stderr), stderr
    if status != 2:
        report(days, tmp_path / "out", "--contract", path)


MINIMAL = """
apiVersion: v3.2.0
kind: DataContract
id: shop
version: 1.0.0
schema:
  - name: hits
    physicalName: hits-%Y-%m-%d.csv
    properties:
      - {name: visitor, logicalType: string, required: true}
      - {name: url, logicalType: string, required: true}
      - {name: ts, logicalType: timestamp, required: true}
      - {name: kind, logicalType: string, required: true}
      - {name: price, logicalType: number, logicalTypeOptions: {minimum: 0, maximum: 10}}
customProperties:
  - {property: columnRoles, value: {client: visitor, page: url, time: ts, event: kind}}
  - {property: delimiter, value: ";"}
"""


@pytest.mark.xfail(strict=True, reason="is_header, as above; and url_malformed is off without own hosts")
def test_another_shop(tmp_path: Path) -> None:
    """No payload, referrer, user agent, orders, hosts or anonymisation; semicolons."""
    path = tmp_path / "shop.yaml"
    path.write_text(MINIMAL)
    (tmp_path / "days").mkdir()
    for number in range(1, 8):
        lines = [
            f"v{n % 30};https://a.example/;2025-01-0{number} {n // 60:02}:{n % 60:02}:00;view;{n % 11}"
            for n in range(1440)
        ]
        if number == 6:
            for n in (100, 101):
                lines[n] = lines[n].replace(";https", ";ftp").rpartition(";")[0] + ";11"
            lines[200] = lines[200].rpartition(";")[0] + ";dear"
            lines[300] = ";" + lines[300].partition(";")[2]
        (tmp_path / "days" / f"hits-2025-01-0{number}.csv").write_text("\n".join(["visitor;url;ts;kind;price", *lines]))
    found = report(tmp_path / "days", tmp_path / "out", "--contract", path)
    failed = [
        (r["check"], r["column"], r["failed"], r["first_bad_line"], r["file"]) for r in found if r["status"] == "fail"
    ]
    assert sorted(failed) == [
        ("null_share", "visitor", "1", "302", "hits-2025-01-06.csv"),
        ("url_malformed", "url", "2", "102", "hits-2025-01-06.csv"),
        ("value_range", "price", "2", "102", "hits-2025-01-06.csv"),
        ("value_type", "price", "1", "202", "hits-2025-01-06.csv"),
    ]


# ---- files that nobody meant


def test_odd_folders(healthy: Path, tmp_path: Path) -> None:
    one = tmp_path / "one"
    one.mkdir()
    shutil.copy(day(healthy), one)
    assert {row["file"] for row in report(one, tmp_path / "out")} == {day(healthy).name}
    gap = Path(shutil.copytree(healthy, tmp_path / "gap"))
    name = day(gap, 3).name
    day(gap, 3).unlink()
    assert [row["file"] for row in failing(report(gap, tmp_path / "out"), "file_missing")] == [name]
    for odd in ("a folder", "a dangling link"):
        (gap / name).mkdir() if odd == "a folder" else (gap / name).symlink_to(tmp_path / "nowhere")
        found = report(gap, tmp_path / "out")
        assert [r["file"] for c in ("file_missing", "file_unreadable") for r in failing(found, c)] == [name]
        (gap / name).rmdir() if odd == "a folder" else (gap / name).unlink()
    for path in gap.iterdir():
        path.write_bytes(b"" if path.name < name else (HEADER + "\n").encode())
    assert len(failing(report(gap, tmp_path / "out"), "file_empty")) == 4


@pytest.mark.xfail(strict=True, reason="no unknown column is among the profiles: max() of nothing, a traceback")
def test_an_odd_header(days: Path, tmp_path: Path) -> None:
    day(days).write_bytes(b"\x01\r" + day(days).read_bytes())
    report(days, tmp_path)


@pytest.mark.xfail(run=False, reason="36,500 days are missing, and a check of them takes the square of that: minutes")
def test_a_century_between_two_days(days: Path, tmp_path: Path) -> None:
    shutil.copy(day(days), days / "events_21250223.csv")
    assert run("--data_dir", days, "--out_dir", tmp_path)[0] in (2, 3)


@pytest.mark.xfail(run=False, reason="json_tree takes the square of the depth: 25 s at 20,000, 18 GB at 100,000")
def test_a_bottomless_payload(days: Path, tmp_path: Path) -> None:
    add(day(days), VIEW.replace("page_viewed,", "purchase," + "[" * 100_000 + "]" * 100_000))
    report(days, tmp_path)


PAYLOADS = {
    "text": "5", "null": "null", "list": "[1,2]", "odd keys": '{"":1,"a.b":2,"a[0]":3,"*":4,"\\"":5,"$":{"#":6}}',
    "items an object": '{"transaction_id":"a","revenue":1,"items":{"item_price":1}}',
    "items mixed": '{"transaction_id":"a","revenue":1,"items":[1,"a",null,[],{}]}',
    "types": '{"transaction_id":{"a":1},"revenue":[1],"user_email":true}',
    "escapes": '{"transaction_id":"a\\u0000b\\ud800","revenue":1,"user_email":"\\u0000"}',
    "numbers": '{"transaction_id":12345678901234567890123456789,"revenue":1e9999,"items":[{"item_price":-0}]}',
    "twice": '{"revenue":1,"revenue":2,"transaction_id":"x","transaction_id":"y"}',
    "deep": '{"a":' * 300 + "1" + "}" * 300, "not a number": '{"revenue":NaN}', "rest": '{"revenue":1} x',
}  # fmt: skip


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=list(PAYLOADS))
def test_odd_payloads(payload: str, days: Path, tmp_path: Path) -> None:
    line = cells(
        "1740268798-abcdefghijkl", "https://puffy.com/", "", "2025-02-26T23:59:00.000Z", "purchase", payload, "x"
    )
    add(day(days), line, line)
    report(days, tmp_path)


def huge(amount: object) -> str:
    payload = json.dumps(
        {"transaction_id": "a", "revenue": amount, "items": [{"item_price": amount, "quantity": amount}]}
    )
    return cells("1740268798-abcdefghijkl", "https://puffy.com/", "", "2025-02-26T23:59:00Z", "purchase", payload, "x")


@pytest.mark.parametrize("amount", [10**10, 1e300, -0.0, "NaN", "Infinity", "1e3", 0.005, -(10**9)])
def test_odd_amounts(amount: object, days: Path, tmp_path: Path) -> None:
    add(day(days), *[huge(amount)] * 3)
    report(days, tmp_path)


@pytest.mark.xfail(strict=True, reason="the sum of repeats is a decimal(12, 2) and overflows: a traceback")
def test_amounts_that_overflow(days: Path, tmp_path: Path) -> None:
    add(day(days), *[huge(9_999_999_999)] * 3)
    report(days, tmp_path)


@pytest.mark.parametrize(
    "time", ["epoch", "now", "294247-01-10 04:00:54", "0001-01-01T00:00:00Z", "2025-02-26T23:59:60Z"]
)
def test_odd_times(time: str, days: Path, tmp_path: Path) -> None:
    add(day(days), *[VIEW.replace("2025-02-26T23:59:00.000Z", time)] * 2, VIEW)
    report(days, tmp_path)


@pytest.mark.xfail(strict=True, reason="one cannot be subtracted from another: a traceback")
@pytest.mark.parametrize("time", ["infinity", "-infinity", "290309-12-22 (BC) 00:00:00"])
def test_endless_times(time: str, days: Path, tmp_path: Path) -> None:
    add(day(days), *[VIEW.replace("2025-02-26T23:59:00.000Z", time)] * 2, VIEW)
    report(days, tmp_path)


# ---- any bytes at all


def hold(data: bytes, name: str, healthy: Path) -> None:
    """A run beside a healthy day raises nothing, and what it read and could not read adds up."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        data_dir, out_dir, work = (Path(folder, part) for part in ("data", "out", "work"))
        data_dir.mkdir()
        work.mkdir()
        shutil.copy(day(healthy, 1), data_dir)
        path = data_dir / name
        path.write_bytes(data)
        status, _, stderr = run("--data_dir", data_dir, "--out_dir", out_dir)
        assert status in (0, 3), stderr
        (told,) = [row for row in rows(out_dir, "dq_profile.csv") if row["file"] == name]
        surveyed = survey(path, None, ",", work)
        records = recover(surveyed, ",", work).records if surveyed.source else 0
        assert int(told["rows"]) + int(told["unreadable"]) == records
        assert {row["check"] for row in rows(out_dir)} == set(DEFINITIONS)


PIECES = [
    b'"',
    b",",
    b"\n",
    b"\r",
    b"\0",
    b"\xff",
    b";",
    b"''",
    b'""',
    b"\xef\xbb\xbf",
    b"{",
    b"\\",
    b"x" * 5000,
    HEADER.encode(),
]
changes = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 40), st.one_of(st.sampled_from(PIECES), st.binary(max_size=8))),
    max_size=8,
)


@FUZZ
@given(st.binary(max_size=300))
@example(b"\xff\xfe,\0\n\0")
@example(b"\x1f\x8b\x08\x00")
@example(HEADER.encode() + b'\n"')
@example(b'"' * 7 + b"\n,,,,,,")
def test_any_bytes(healthy: Path, data: bytes) -> None:
    hold(data, "events_20250224.csv", healthy)


@pytest.mark.xfail(strict=True, reason="see test_an_odd_header; the fuzzer finds it at once")
@FUZZ
@given(changes)
def test_a_damaged_day(healthy: Path, damage: list[tuple[float, int, bytes]]) -> None:
    data = b"\n".join(day(healthy, 2).read_bytes().split(b"\n")[:60])
    for where, gone, new in damage:
        at = int(where * len(data))
        data = data[:at] + new + data[at + gone :]
    hold(data, "events_20250224.csv", healthy)


# ---- the same counts as an obvious program

event = st.tuples(
    st.sampled_from(["", "a", "b"]),  # client
    st.sampled_from(
        ["", "https://puffy.com/checkouts/cn/t1", "https://puffy.com/checkouts/cn/t2/x", "https://puffy.com/"]
    ),
    st.integers(0, 20),  # second
    st.sampled_from(["", "page_viewed", "checkout_completed", "purchase"]),
    st.sampled_from([None, "i1", "i2"]),  # transaction id
    st.sampled_from([None, 5, 5.0, 7.25]),  # revenue
    st.sampled_from([None, "c1", "c2"]),  # customer
)


def written(one: tuple[str, str, int, str, str | None, float | None, str | None], date: str) -> list[str]:
    client, page, second, name, transaction, revenue, customer = one
    payload = {"transaction_id": transaction, "revenue": revenue, "user_email": customer}
    text = (
        json.dumps({k: v for k, v in payload.items() if v is not None})
        if name[:1] in "cp" and name[1:2] in "hu"
        else ""
    )
    return [client, page, "", f"{date}T10:00:{second:02}.000Z", name, text, "x"]


def obvious(files: list[Path]) -> Iterator[tuple[str, str, str, int]]:
    """Check, file, column and count, by reading every row and comparing it with every earlier one."""
    orders: list[tuple[str, int, str, dict[str, Any], str]] = []
    for number, path in enumerate(files):
        with path.open(encoding="utf-8", newline="") as file:
            events = list(csv.DictReader(file))
        for column in ("client_id", "page_url", "timestamp", "event_name", "user_agent"):
            yield "null_share", path.name, column, sum(not e[column] for e in events)
        yield "rows_repeated", path.name, "rows", sum(e in events[:n] for n, e in enumerate(events))
        for e in events:
            if e["event_name"] in ("checkout_completed", "purchase"):
                found = re.search("/checkouts/[a-z]+/([^/?#]+)", e["page_url"])
                order = json.loads(e["event_data"])
                orders.append((e["timestamp"], number, path.name, order, found[1] if found else ""))
    told = {(check, path.name): 0 for check in ("resubmission", "collision") for path in files}
    orders.sort(key=lambda order: order[:2])
    for at, (_, _, name, order, token) in enumerate(orders):
        same = [
            o
            for o in orders[:at]
            if order.get("transaction_id") and o[3].get("transaction_id") == order["transaction_id"]
        ]
        again = any(
            (token and o[4] == token)
            or (all(k in order and k in o[3] and order[k] == o[3][k] for k in ("user_email", "revenue")))
            for o in same
        )
        if same:
            told["resubmission" if again else "collision", name] += 1
    for (check, name), count in told.items():
        yield f"transaction_id_{check}", name, "checkout_completed.transaction_id", count


@settings(FUZZ, max_examples=30)
@given(st.lists(st.lists(event, min_size=1, max_size=12), min_size=1, max_size=3))
def test_the_counts_are_those_of_an_obvious_program(generated: list[list[Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data_dir, files = Path(folder, "data"), []
        data_dir.mkdir()
        for number, events in enumerate(generated, 1):
            files.append(data_dir / f"events_2025030{number}.csv")
            lines = [HEADER, *[cells(*written(one, f"2025-03-0{number}")) for one in events]]
            files[-1].write_text("\n".join(lines), encoding="utf-8")
        found = {(r["check"], r["file"], r["column"]): r for r in report(data_dir, Path(folder, "out"))}
        for check, file, column, count in obvious(files):
            row = found.get((check, file, column))
            assert (int(row["failed"] or 0) if row else 0) == count, (check, file, column)
