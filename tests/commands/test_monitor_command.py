"""The monitor as a command: on a synthetic fortnight with two incidents, and on the real days where they are."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import monitor
import pytest
from bench_detection import NAMED, as_markdown, break_one, prepare
from commands import MONITOR, SCHEMA, needs_real_days
from monitor_kit import dump, fortnight, keys, real_days, report, run, transform
from monitoring.thresholds import load_thresholds
from synthetic_events import generate

THRESHOLDS = MONITOR.with_name("thresholds.yaml")
# The alarms of the real days by what was known then; documentation_monitoring.md explains each.
CALENDAR = {
    "2025-02-26": ("YELLOW", {"id_collision"}),
    "2025-02-27": ("RED", {"column_renamed:client_id", "id_collision"}),
    "2025-02-28": ("RED", {"column_renamed:client_id"}),
    "2025-03-01": ("RED", {"column_renamed:client_id", "id_collision", "sources"}),
    "2025-03-02": ("RED", {"column_renamed:client_id", "identity", "sources"}),
    "2025-03-03": ("RED", {"column_renamed:client_id", "identity", "sources"}),
    "2025-03-04": ("RED", {"column_renamed:client_id", "column_lost:referrer", "identity", "crawlers_in_checkout"}),
}


@pytest.fixture(scope="session")
def incidents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a synthetic fortnight with both incidents and its warehouse, to be read only."""
    return fortnight(tmp_path_factory.mktemp("monitored") / "days")


@pytest.fixture
def line(incidents: Path, tmp_path: Path) -> Callable[..., tuple[object, ...]]:
    def build(day: str, *more: object) -> tuple[object, ...]:
        return ("--data_dir", incidents, "--no_refresh", "--history", tmp_path / "h.sqlite", "--check_date", day, *more)

    return build


@pytest.fixture(autouse=True)
def no_webhook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_WEBHOOK", raising=False)


Line = Callable[..., tuple[object, ...]]


# --- synthetic incidents ----------------------------------------------------------------------------------


def test_the_rename_and_the_lost_referrer_are_red_on_their_day_by_rule(line: Line) -> None:
    before, renamed, lost = (report(*line(d)) for d in ("2025-02-26", "2025-02-27", "2025-03-04"))
    assert before["status"] == "INSUFFICIENT HISTORY" and not before["alarms"]
    assert (renamed["status"], keys(renamed)) == ("RED", ["column_renamed:client_id"])
    assert set(keys(lost)) == {"column_renamed:client_id", "column_lost:referrer"}
    assert [a["day_number"] for a in lost["alarms"]] == [6, 1]


def test_exit_statuses_and_decisions(line: Line) -> None:
    key = "column_renamed:client_id"
    assert run(*line("2025-02-25"))[0] == 0
    assert run(*line("2025-02-27"))[0] == 3
    status, stdout, stderr = run(*line("2025-02-28", "--acknowledge", key, "--until", "2025-03-01", "--reason", "soon"))
    assert status == 3 and stdout.startswith("RED")
    assert "Acknowledged until 1 March" in " ".join(stdout.split())
    assert f"note: {key}, open since 27 February 2025, is acknowledged" in stderr and f"--undo {key}" in stderr
    assert "urgent alarm" in run(*line("2025-03-02"))[1]  # the day after the last one without messages
    status, stdout, stderr = run(*line("2025-03-02", "--new_level", key))
    assert (status, stdout.split()[0]) == (0, "GREEN") and "is accepted as the new level" in stderr
    assert run(*line("2025-03-03"))[0] == 0
    status, _, stderr = run(*line("2025-03-03", "--undo", key))
    assert status == 3 and "is treated like any other alarm again" in stderr
    status, _, stderr = run(*line("2025-03-03", "--undo", key))
    assert status == 2 and "there is no decision about" in stderr
    assert [run("--backtest", "--json", *line(day))[0] for day in ("2025-03-01",)] == [0]


def test_a_dry_run_writes_nothing(line: Line, tmp_path: Path) -> None:
    run(*line("2025-02-27"))
    before = dump(tmp_path / "h.sqlite")
    for more in ("--acknowledge", "--new_level"):
        status, _, stderr = run(*line("2025-02-28", "--dry_run", more, "column_renamed:client_id"))
        assert status == 3 and "because of --dry_run; without it: column_renamed:client_id" in stderr
    assert run(*line("2025-03-01", "--dry_run", "--backtest"))[0] == 0
    assert dump(tmp_path / "h.sqlite") == before


def test_a_later_decision_does_not_change_the_backtest(line: Line) -> None:
    before = run("--backtest", "--json", *line("2025-03-06"))[1]
    assert run(*line("2025-03-02", "--new_level", "column_renamed:client_id"))[0] == 0
    assert run("--backtest", "--json", *line("2025-03-06"))[1] == before


def test_strict_makes_yellow_3_as_well(tmp_path: Path, incidents: Path) -> None:
    folder = Path(shutil.copytree(incidents, tmp_path / "days"))
    path = folder / "events_20250226.csv"
    header, _, rows = path.read_text("utf-8").partition("\n")
    path.write_text(header + ",extra\n" + "\n".join(r + ",1" for r in rows.split("\n")), encoding="utf-8")
    args = ("--data_dir", folder, "--check_date", "2025-02-26")
    assert [run(*args)[0], run(*args, "--strict")[0]] == [0, 3]
    assert keys(report(*args)) == ["column_added:extra"]


def test_the_console_begins_with_the_status_and_is_one_line_when_green(line: Line, tmp_path: Path) -> None:
    known = line("2025-03-03", "--acknowledge", "column_renamed:client_id", "--quiet")
    assert run(*known)[1] == ""
    _, red, _ = run(*line("2025-03-04"))
    assert red.startswith("RED  2025-03-04")
    assert "last good day was 3 March" in red and "\n    1. Compare the header" in red
    assert all(len(row) <= 80 for row in red.splitlines() if str(tmp_path) not in row)  # a path is to be copied
    _, verbose, _ = run(*line("2025-03-04", "--verbose"))
    assert "detects -" in verbose and "Expected false alarms" in verbose and "crawler_share_of_checkout" in verbose


def test_green_is_one_line(five_days: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(five_days, tmp_path / "days"))
    status, stdout, _ = run("--data-dir", folder, "--check-date", "2025-02-27")
    assert status == 0
    assert stdout.startswith("GREEN  2025-02-27, puffy-events: no problems found") and stdout.count("\n") == 1


def test_json_is_complete(line: Line) -> None:
    found = report(*line("2025-03-04"))
    assert {"day", "status", "alarms", "metrics"} <= set(found)
    assert all(len(a["check"]) == 3 and a["opened"] and a["last_good"] for a in found["alarms"])
    assert all(m["sees"] for m in found["metrics"])
    assert len(json.loads(run("--backtest", "--json", *line("latest"))[1])) == 14


def test_the_backtest_knows_no_more_than_each_day_did(line: Line) -> None:
    """A day's judgement is the same whether later days exist or not."""
    backtest = {r["day"]: r for r in json.loads(run("--backtest", "--json", *line("latest"))[1])}
    for day in ("2025-02-27", "2025-03-02", "2025-03-04"):
        alone = report(*line(day))
        notes = {earlier["note"] for earlier in alone.pop("earlier")}
        assert backtest[day] == alone and notes <= {"not judged until now"}
    calendar = run("--backtest", *line("latest"))[1]
    assert "2025-02-27  RED" in calendar and "since       first bad" in calendar


def test_the_money_of_an_unfinished_day_is_what_arrived_so_far(incidents: Path, line: Line) -> None:
    """Counted from the files: what the incident's earlier days sold, and this day before the time."""
    until, files = "2025-03-05T18:00:00Z", str(incidents / "events_*.csv")
    sold, lost = duckdb.execute(
        f"""
        with events as (
            select coalesce(client_id, "clientId") as client, timestamp, event_name, event_data
            from read_csv('{files}', union_by_name = true, all_varchar = true)
        ),
        sales as (
            select
                timestamp, cast(event_data ->> 'revenue' as double) as revenue,
                exists (from events as e where e.client = sale.client and e.timestamp < sale.timestamp) as known
            from events as sale
            where event_name = 'checkout_completed' and timestamp < '{until}'
        )
        select
            sum(revenue) filter (timestamp > '2025-03-04'), sum(revenue) filter (timestamp > '2025-02-27' and known)
        from sales
        """
    ).fetchall()[0]
    found = {a["key"]: a["at_stake_since"] for a in report(*line("2025-03-05", "--as_of", until))["alarms"]}
    assert found["column_lost:referrer"] == pytest.approx(sold) and sold > 0
    assert found["column_renamed:client_id"] == pytest.approx(lost) and lost > 0
    whole = {a["key"]: a["at_stake_since"] for a in report(*line("2025-03-05"))["alarms"]}
    assert whole["column_lost:referrer"] > sold and whole["column_renamed:client_id"] > lost


def test_an_unfinished_day_is_explained_by_its_completed_hours(tmp_path: Path) -> None:
    """At noon half of every device's usual day is still to come; what is missing are the telephones."""
    *_, path = generate(tmp_path / "days", days=10, events_per_day=3570, incidents=False)
    rows = path.read_text("utf-8").splitlines(keepends=True)
    kept = [row for row in rows if "Mobile" not in row]
    path.write_text("".join(kept), encoding="utf-8")
    day = f"{path.stem[-8:-4]}-{path.stem[-4:-2]}-{path.stem[-2:]}"
    found = {a["key"]: a for a in report("--data_dir", tmp_path / "days", "--as_of", f"{day}T12:00Z")["alarms"]}
    assert found["checkouts"]["segment"] == "mostly on Mobile devices (88% of it)"


def test_mistakes_are_one_sentence(line: Line, tmp_path: Path, incidents: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    broken = tmp_path / "broken.sqlite"
    broken.write_text("no database " * 100)
    for args in (
        line("soon"), line("2025-01-01"), line("2025-03-04", "--as_of", "noon"),
        line("2025-03-04", "--as_of", "2025-03-01"),
        line("2025-03-04", "--acknowledge", "nothing"), line("2025-03-04", "--undo", "column_lost:referrer"),
        line("2025-03-04", "--acknowledge", "column_lost:referrer", "--until", "2025-03-01"),
        line("2025-03-04", "--until", "2025-03-08"), line("2025-03-04", "--undo", "x", "--reason", "y"),
        ("--data_dir", empty), ("--data_dir", empty, "--no_refresh"),
        line("2025-03-04", "--thresholds", tmp_path / "none.yaml"), line("2025-03-04", "--contract", THRESHOLDS),
        ("--data_dir", incidents, "--no_refresh", "--history", broken),
        ("--data_dir", incidents, "--no_refresh", "--history", tmp_path / "h", "--warehouse", broken),
        line("2025-03-04", "--prometheus_textfile", tmp_path / "none" / "x.prom"),
    ):  # fmt: skip
        assert run(*args)[0] == 2, args


def test_a_day_that_has_not_arrived_is_red(line: Line) -> None:
    found = report(*line("2025-03-10"))
    assert (found["status"], "no_file" in keys(found)) == ("RED", True)


@pytest.mark.parametrize(
    ("latency", "status"), [("value: 2000000\n    unit: h", "has not arrived yet"), ("value: 0\n    unit: days", "RED")]
)
def test_a_file_is_late_when_the_contract_says_so(latency: str, status: str, line: Line, tmp_path: Path) -> None:
    text = SCHEMA.read_text("utf-8")
    assert "value: 6\n    unit: h" in text
    (tmp_path / "c.yaml").write_text(text.replace("value: 6\n    unit: h", latency), encoding="utf-8")
    code, stdout, stderr = run(*line("2025-03-10", "--contract", tmp_path / "c.yaml"))
    if status == "RED":
        assert code == 3 and stdout.startswith("RED")
    else:
        assert (code, stdout) == (2, "") and status in stderr


@pytest.fixture(scope="session")
def refused(five_days: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return days whose last has no readable time on its orders, with their warehouse; and the file."""
    folder = Path(shutil.copytree(five_days, tmp_path_factory.mktemp("refused") / "days"))
    *_, path = sorted(folder.glob("events_*.csv"))
    path.write_text(re.sub(r"[^,]*,checkout_completed", "noon,checkout_completed", path.read_text("utf-8")), "utf-8")
    run("--data_dir", folder)
    return folder, path


def test_refused_orders_are_red_with_their_reason_and_amount(refused: tuple[Path, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(refused[0], tmp_path / "days"))
    path = folder / refused[1].name
    amounts = duckdb.execute(
        "select cast(event_data ->> 'revenue' as decimal(12, 2)) from read_csv(?, all_varchar = true) "
        "where event_name = 'checkout_completed'",
        [str(path)],
    ).fetchall()
    whole = sum(a for (a,) in amounts)
    found = report("--data_dir", folder, "--history", tmp_path / "h.sqlite")
    assert (found["status"], keys(found)) == ("RED", ["records_refused"])
    (alarm,) = found["alarms"]
    assert f"no readable time: {len(amounts)}, ${whole:,.2f}" in alarm["text"] and alarm["at_stake"] == float(whole)
    assert len(alarm["check"]) == 3
    path.write_text(re.sub(r"[^,]*Z,(page|checkout|product|email)", r"noon,\1", path.read_text("utf-8")), "utf-8")
    (alarm,) = report("--data_dir", folder, "--history", tmp_path / "h.sqlite")["alarms"]
    assert (alarm["key"], alarm["at_stake"]) == (f"file_refused:{path.name}", float(whole))  # known, not estimated


@pytest.mark.parametrize(
    ("said", "is_refused", "key"),
    [
        ("the ledger does not balance; nothing was published.", False, "ledger_broken"),
        ("the ledger does not balance; nothing was published.", True, "ledger_broken"),
        ("15 orders were refused.", True, None),
        ("the disk is full.", False, "refresh_failed"),
    ],
)
def test_what_part_2_ended_with(
    said: str, is_refused: bool, key: str | None, refused: tuple[Path, Path], incidents: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    status = 2 if key == "refresh_failed" else 3
    code = f"import sys; print('transform.py: {said}', file=sys.stderr); sys.exit({status})"
    refresh = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    monkeypatch.setattr(monitor, "start_refresh", lambda _: refresh)
    line = ("--data_dir", refused[0] if is_refused else incidents, "--history", tmp_path / "h.sqlite")
    found = report(*line, "--check_date", "2025-02-25" if key else "latest")
    ours = {"ledger_broken", "refresh_failed", "records_refused"} & set(keys(found))
    assert ours == {key or "records_refused"} and found["status"] == "RED"


def test_unread_and_refused_files_are_alarms(five_days: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(five_days, tmp_path / "days"))
    for copy in ("events_20250226.staging.csv", "events_20250225 (1).csv", "test orders.csv"):
        shutil.copy(folder / "events_20250225.csv", folder / copy)
    (folder / "events_20250224.csv").write_bytes(b"")
    found = {
        day: (found["status"], keys(found))
        for day in ("2025-02-24", "2025-02-25", "2025-02-26", "2025-02-27")
        for found in [report("--data_dir", folder, "--check_date", day)]
    }
    assert found["2025-02-24"] == ("RED", ["file_refused:events_20250224.csv"])
    assert found["2025-02-25"] == ("YELLOW", ["delivered_twice"])
    assert found["2025-02-26"] == ("YELLOW", ["file_unread:events_20250226.staging.csv"])
    assert found["2025-02-27"] == ("YELLOW", ["file_unread:test orders.csv"])


def test_the_documents_figures_are_those_that_were_measured() -> None:
    measured = as_markdown(json.loads(MONITOR.with_name("detection.json").read_text("utf-8")))
    assert measured in MONITOR.with_name("documentation_monitoring.md").read_text("utf-8")


# --- a sample of the fault catalogue; all of it by make detection -------------------------------------------


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return prepare(tmp_path_factory.mktemp("faults"), seed=5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    ["null_client", "hours_missing", "key_null_price", "revenue_in_cents", "events_fired_twice", "orders_falling"],
)
def test_a_serious_fault_is_alarmed_and_named_on_its_first_day(
    fault: str, prepared: list[Path], tmp_path: Path
) -> None:
    found = break_one(fault, prepared[-1], tmp_path, load_thresholds(THRESHOLDS), 1)
    assert found.named, f"{found}; expected {NAMED[fault]}"
    assert found.status in ("YELLOW", "RED")


# --- the real days ----------------------------------------------------------------------------------------


@needs_real_days
@pytest.mark.slow
def test_the_real_days_by_what_was_known_then(tmp_path: Path) -> None:
    real_days(tmp_path / "days", "20250308")
    transform(tmp_path / "days")
    _, stdout, _ = run("--backtest", "--json", "--data_dir", tmp_path / "days", "--no_refresh")
    found = {r["day"]: r for r in json.loads(stdout)}
    for day, (status, expected) in CALENDAR.items():
        assert (found[day]["status"], set(keys(found[day]))) == (status, expected), day
    assert all(r["status"] == "INSUFFICIENT HISTORY" for day, r in found.items() if day < "2025-02-26")
    lasting = {"column_renamed:client_id", "column_lost:referrer", "identity"}
    assert all(lasting <= set(keys(r)) for day, r in found.items() if day >= "2025-03-04")
    assert {"silent_hours", "all_null:line_amount_missing_share", "repeats"} <= set(keys(found["2025-03-07"]))
    identity = next(a for a in found["2025-03-02"]["alarms"] if a["key"] == "identity")
    assert identity["segment"].startswith("mostly on the home page")
    assert identity["first_bad"] == "07:00"


@needs_real_days
@pytest.mark.slow
@pytest.mark.parametrize(
    ("day", "rule"), [("20250227", "column_renamed:client_id"), ("20250304", "column_lost:referrer")]
)
def test_the_growing_real_day_is_red_with_its_first_five_minutes(tmp_path: Path, day: str, rule: str) -> None:
    """The day's file grows by five minutes, as it would while it is written; the first step says P0."""
    *_, path = real_days(tmp_path / "days", day)
    whole = path.read_text("utf-8")
    header, _, body = whole.partition("\n")
    iso = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    for minute in (5, 10):
        rows = [r for r in body.split("\n") if _time(r, iso) < f"{iso}T00:{minute:02}"]
        path.write_text("\n".join([header, *rows]), encoding="utf-8")
        found = report("--data_dir", tmp_path / "days", "--as_of", f"{iso}T00:{minute:02}Z")
        alarm = next(a for a in found["alarms"] if a["key"] == rule)
        assert (found["status"], alarm["severity"], alarm["opened"]) == ("RED", "P0", iso)


def _time(row: str, iso: str) -> str:
    """The row's time to the minute, or something late where it has none of this day."""
    found = row.partition(f",{iso}T")[2][:5]
    return f"{iso}T{found or '99:99'}"
