"""The history for others: the page, Prometheus' textfile, and PostgreSQL for Grafana, whose every panel shows data."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from browser_kit import needs_browser, visit
from commands import MONITOR
from monitor_kit import DAY, NOW, day_report, dump, fortnight, run
from monitoring.prometheus import textfile
from prometheus_client.parser import text_string_to_metric_families
from spark_kit import free_port

DASHBOARD = MONITOR.with_name("grafana_dashboard.json")
RULES = MONITOR.with_name("prometheus_alerts.yaml")
SERVERS = [Path("/usr/lib/postgresql"), Path("/usr/local/pgsql")]


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a history of a synthetic fortnight, filled by the command."""
    folder = fortnight(tmp_path_factory.mktemp("history") / "days", 300)
    history = folder / "monitor.sqlite"
    assert run("--data_dir", folder, "--no_refresh", "--backtest")[0] == 0
    known = ("--acknowledge", "column_renamed:client_id", "--check_date", "2025-03-08")
    run("--data_dir", folder, "--no_refresh", *known)
    return history


def test_every_day_and_metric_of_a_run_is_kept(filled: Path) -> None:
    found = dump(filled)
    assert len(found["day_status"]) == 14
    assert len({row[1] for row in found["metric_results"]}) > 30
    assert {row[1] for row in found["alarms"]} >= {"column_renamed:client_id", "column_lost:referrer"}
    assert len(found["acknowledgements"]) == 1


# --- the page ---------------------------------------------------------------------------------------------


def test_the_page_has_every_day_incident_and_metric(filled: Path) -> None:
    text = unescape(filled.with_name("monitor.html").read_text("utf-8"))
    found = dump(filled)
    assert len(re.findall(r'<(?:a|span) class="(?:red|yellow|green|p3)"[^>]* title="', text)) == 14
    assert text.count('<div class="incident">') == len({(row[1], row[6]) for row in found["alarms"]})
    for title in ("The column client_id arrives as clientId", "The column referrer is missing"):
        assert f"</span> {title}</h4>" in text
    charted = {row[4] for row in found["metric_results"] if row[6] is not None}
    assert len(charted) > 30 and all(f"<b>{label[:1].upper()}{label[1:]}</b>" in text for label in charted)
    alarms = [row for row in found["metric_results"] if row[-1] == "alarm"]
    assert alarms and text.count("<circle ") >= len(alarms)
    for words in ("Sessions by channel", "Orders by device", "Acknowledged by "):
        assert words in text
    assert list(filled.parent.glob(".*part")) == []


@pytest.fixture
def hostile(filled: Path, tmp_path: Path) -> Path:
    """Return a page of a history whose every text would be markup."""
    folder = filled.parent
    history = Path(shutil.copy(filled, tmp_path / "h.sqlite"))
    mark = "<img src=x onerror=alert(1)>\"'</script><script>document.title=1</script>{{7*7}}"
    with sqlite3.connect(history) as connection:
        connection.execute("update alarms set text = ? || text, segment = ?", [mark, mark])
        connection.execute("update metric_results set label = ? || label", [mark])
    run("--data_dir", folder, "--no_refresh", "--history", history, "--check_date", "2025-02-25")
    return tmp_path / "h.html"


@needs_browser
@pytest.mark.parametrize("size", ["1280,900", "500,900"])
def test_the_page_in_a_browser(hostile: Path, tmp_path: Path, size: str) -> None:
    probe = """
    for (const one of document.querySelectorAll("details")) one.open = true;
    seen.charts = [...document.querySelectorAll("svg")].filter((s) => s.getBoundingClientRect().height > 20).length;
    seen.wanted = document.querySelectorAll("figure").length;
    seen.days = document.querySelectorAll(".grid [title]").length;
    seen.foreign = document.querySelectorAll("img").length;
    seen.stale = document.getElementById("stale").hidden;
    seen.links = [...document.querySelectorAll("main a[href^='#']")].every((a) => document.querySelector(a.hash));
    """
    seen = visit(hostile, probe, tmp_path, size)
    assert seen["charts"] == seen["wanted"] > 30
    assert (seen["days"], seen["foreign"], seen["stale"], seen["links"]) == (14, 0, True, True)


# --- Prometheus -------------------------------------------------------------------------------------------


def test_the_textfile_is_in_the_exposition_format(tmp_path: Path, filled: Path) -> None:
    path = tmp_path / "event_trust.prom"
    folder = filled.parent
    line = ("--data_dir", folder, "--no_refresh", "--check_date", "2025-03-04", "--history", tmp_path / "h.sqlite")
    assert run(*line, "--prometheus_textfile", path)[0] == 3
    samples = [s for family in text_string_to_metric_families(path.read_text("utf-8")) for s in family.samples]
    found = {(s.name.removeprefix("event_trust_"), s.labels.get("severity")): s.value for s in samples}
    assert found["status", None] == 2 and found["alarms", "P0"] == 2 and found["outbox_messages", None] == 0
    assert found["checked_day_end_timestamp_seconds", None] == 1741132800
    assert list(tmp_path.glob(".*part")) == []


def test_the_alert_rules_read_what_is_written() -> None:
    written = set(re.findall(r"^(event_trust_\w+)", textfile(day_report(DAY), 0, NOW, 1741219200.0), re.MULTILINE))
    read = set(re.findall(r"event_trust_\w+", "\n".join(re.findall(r"expr: (.+)", RULES.read_text("utf-8")))))
    assert read and read <= written


@pytest.mark.skipif(not shutil.which("promtool"), reason="NOT TESTED: promtool is not installed (Debian: prometheus)")
def test_promtool_takes_the_rules_and_the_textfile() -> None:
    subprocess.run(["promtool", "check", "rules", str(RULES)], check=True, capture_output=True)
    text = textfile(day_report(DAY, "a"), 1, NOW, 1741219200.0)
    subprocess.run(["promtool", "check", "metrics"], input=text, text=True, check=True, capture_output=True)


# --- Grafana ----------------------------------------------------------------------------------------------


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text("utf-8"))
    return found


def test_the_dashboard_is_of_the_current_schema() -> None:
    """Check the dashboard as strictly as is possible without a Grafana server."""
    found = dashboard()
    assert found["schemaVersion"] == 42 and found["id"] is None and found["uid"]
    assert found["time"] == {"from": "now-30d", "to": "now"} and found["timezone"] == "utc"
    assert {p["type"] for p in found["panels"]} == {"stat", "timeseries", "state-timeline", "table"}
    assert len({p["id"] for p in found["panels"]}) == len(found["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in found["panels"]:
        grid = panel["gridPos"]
        assert grid["x"] >= 0 and grid["x"] + grid["w"] <= 24
        cells = {
            (x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["title"] and panel["description"] and panel["datasource"]["uid"] == "${datasource}"
        for target in panel["targets"]:
            assert target["format"] in ("table", "time_series") and target["rawQuery"] and target["refId"]
            assert panel["type"] != "timeseries" or target["format"] == "time_series"
    variables = {v["name"]: v for v in found["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource" and variables["metric"]["type"] == "query"
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(found["panels"]))) - {"__timeFilter"}
    assert used == {"datasource", "metric"}
    assert any(a["name"] == "Incidents" for a in found["annotations"]["list"])


def queries() -> list[tuple[str, str, str]]:
    """Return every query of the dashboard as (title, format, SQL)."""
    found = dashboard()
    panels = [(p["title"], t["format"], t["rawSql"]) for p in found["panels"] for t in p["targets"]]
    notes = [("annotations", "table", a["target"]["rawSql"]) for a in found["annotations"]["list"] if "target" in a]
    variables = [("variable", "list", v["query"]) for v in found["templating"]["list"] if v["type"] == "query"]
    return panels + notes + variables


SHOWN = "2025-02-20T00:00:00Z", "2025-03-12T00:00:00Z"  # the range of the fixture's days


def expand(sql: str, start: str, end: str) -> str:
    """Return a query with Grafana's macros and variables expanded as its PostgreSQL source does."""
    sql = re.sub(r"\$__timeFilter\(([^()]*)\)", rf"\1 BETWEEN '{start}' AND '{end}'", sql)
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            sql = sql.replace(f"${{{variable['name']}:sqlstring}}", f"'{variable['current']['value']}'")
    assert "$" not in sql
    return sql


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """Return the URL of a PostgreSQL server of this test's own."""
    psycopg = pytest.importorskip("psycopg", exc_type=ImportError, reason="NOT TESTED ON POSTGRESQL: no psycopg")
    found = sorted(p for folder in SERVERS for p in folder.glob("**/bin/initdb"))
    if not found:
        pytest.skip("NOT TESTED ON POSTGRESQL: no server is installed (Debian: apt-get install postgresql)")
    # Not below pytest's own folder: PostgreSQL refuses to run as root, and another user may not look into that.
    home = Path(tempfile.mkdtemp(prefix="monitor_pg_"))
    data, port = home / "data", free_port()
    user: list[str] = []
    if os.getuid() == 0:
        if not shutil.which("runuser"):
            pytest.skip("NOT TESTED ON POSTGRESQL: as root, runuser is needed")
        user = ["runuser", "-u", "postgres", "--"]
        shutil.chown(home, "postgres")
    binaries = found[-1].parent
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c fsync=off"

    def call(*line: object) -> None:
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([*user, *map(str, line)], check=True, cwd="/", **quiet)  # type: ignore[call-overload]

    call(binaries / "initdb", "-D", data, "-A", "trust", "-U", "monitor", "--encoding=UTF8", "--no-sync")
    call(binaries / "pg_ctl", "-D", data, "-w", "-l", home / "data" / "log", "-o", options, "start")
    url = f"postgresql://monitor@127.0.0.1:{port}/postgres"
    try:
        psycopg.connect(url).close()
        yield url
    finally:
        call(binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(home)


def test_postgresql_holds_the_same_and_every_panel_shows_data(filled: Path, postgres: str) -> None:
    import psycopg

    line = ("--data_dir", filled.parent, "--no_refresh", "--check_date", "2025-03-08", "--postgres_url", postgres)
    for _ in range(2):
        assert run(*line)[0] in (0, 3)
    with sqlite3.connect(filled) as here, psycopg.connect(postgres) as there:
        for table in ("day_status", "metric_results", "alarms", "incident_days", "acknowledgements"):
            mine = {tuple(map(_plain, row)) for row in here.execute(f"select * from {table}")}
            theirs = {tuple(map(_plain, row)) for row in there.execute(f"select * from event_trust.{table}")}
            assert mine == theirs, table
        lives = "select key, opened, last_day, severity, days, at_stake, state, recovered_on from {}incidents"
        mine = {tuple(map(_plain, row)) for row in here.execute(lives.format(""))}
        assert mine == {tuple(map(_plain, row)) for row in there.execute(lives.format("event_trust."))}
        shares: dict[str, list[Any]] = {}
        for title, kind, sql in queries():
            if "kind = 'share'" in sql or "kind <> 'share'" in sql:  # one of the two, as the metric is
                shares[sql.partition(" and kind")[2]] = there.execute(expand(sql, *SHOWN)).fetchall()
                continue
            found = []
            for zone in ("America/New_York", "Pacific/Auckland"):
                there.execute(f"set time zone '{zone}'")
                cursor = there.execute(expand(sql, *SHOWN))
                found.append(cursor.fetchall())
            assert found[0] and found[0] == found[1], title
            columns = cursor.description or []
            if kind == "time_series":
                assert columns[0].name == "time" and columns[0].type_code == 1184, title  # timestamptz
        assert sorted(map(len, shares.values())) == [0, 14]


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return round(value, 9) if isinstance(value, float) else value


def test_a_day_that_was_judged_again_is_mirrored_again(filled: Path, postgres: str) -> None:
    import psycopg

    line = ("--data_dir", filled.parent, "--no_refresh", "--postgres_url", postgres)
    found = []
    for _ in range(2):
        run(*line)
        with psycopg.connect(postgres) as there:
            found += there.execute("select max(judged_at) from event_trust.day_status").fetchall()
    assert found[1] > found[0]


def test_postgresql_away_is_one_sentence_without_the_password(filled: Path) -> None:
    pytest.importorskip("psycopg", exc_type=ImportError, reason="NOT TESTED ON POSTGRESQL: no psycopg")
    url = "postgresql://monitor:hunter2@127.0.0.1:1/postgres"
    line = ("--data_dir", filled.parent, "--no_refresh", "--postgres_url", url, "--check_date")
    (red, *_), (fine, stdout, stderr) = run(*line, "2025-03-04"), run(*line, "2025-02-25")
    assert (red, fine) == (3, 2)
    assert stderr.startswith("monitor.py: the history could not be written to PostgreSQL") and stderr.count("\n") == 1
    assert "hunter2" not in stdout + stderr
