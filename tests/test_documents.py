"""What the documents show is what happens: their commands are run, and their figures compared."""

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import generate_charts
import monitor
import pytest
import transform
import validate_dataframework

REPO = Path(__file__).parents[1]
PART1 = REPO / "part1-data-quality"
REAL = REPO.parent / "shared" / "data"
README = (REPO / "README.md").read_text(encoding="utf-8")
PAGE = (PART1 / "validation-dataframework.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n([^`]*)```\n\n((?:\|.*\n)+)", PAGE)

needs_real_days = pytest.mark.skipif(not REAL.exists(), reason=f"NOT TESTED ON REAL DATA: {REAL} is absent")


def table(sql: str) -> str:
    """The result of a query over the committed reports, as a Markdown table."""
    result = duckdb.connect().execute(sql.replace("'dq_", f"'{PART1}/dq_"))
    names = [column[0] for column in result.description]
    rows = [names, ["---"] * len(names), *result.fetchall()]
    cells = [
        ["" if v is None else f"{v:,.2f}".removesuffix(".00") if isinstance(v, float) else str(v) for v in row]
        for row in rows
    ]
    return "".join("|" + ("|".join(row) if row[0] == "---" else f" {' | '.join(row)} ") + "|\n" for row in cells)


@pytest.mark.parametrize("sql, shown", QUERIES)
def test_tables_of_the_validation_page(sql: str, shown: str) -> None:
    assert shown == table(sql)


@needs_real_days
def test_committed_reports_are_those_of_the_real_days(tmp_path: Path) -> None:
    out = io.StringIO()
    assert validate_dataframework.main(["--data_dir", str(REAL), "--out_dir", str(tmp_path)], out, io.StringIO()) == 3
    for name in ("dq_report.csv", "dq_profile.csv"):
        assert (tmp_path / name).read_bytes() == (PART1 / name).read_bytes(), f"{name} is not what the command writes"
    (shown,) = re.findall(
        r"```console\n\$ python part1-data-quality/validate_dataframework.py\n(.*?)\.\.\.\n", README, re.S
    )
    assert out.getvalue().startswith(shown)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository as a newcomer gets it, in a folder with a space, with this environment for its own."""
    copy = tmp_path_factory.mktemp("a newcomer") / "repo"
    ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", "*cache", "data", ".hypothesis")
    shutil.copytree(REPO, copy, ignore=ignored)
    (copy / ".venv").symlink_to(sys.prefix)
    return copy


COMMANDS = re.findall(r"^\$ (.*)$", README, re.M)
ELSEWHERE = {
    "make test": "this is it",
    "make bench": "takes minutes",
    "pip install -r requirements.txt": "make run does it",
}


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in ELSEWHERE])
def test_commands_of_the_readme(command: str, clone: Path, tmp_path: Path) -> None:
    """Each runs as printed, from the repository, where `make run` has made the demonstration's days."""
    if "--print_sql" in command:
        pytest.importorskip("sqlglot", reason="sqlglot is not installed: pip install -r requirements-dialects.txt")
    subprocess.run(["make", "run"], cwd=clone, check=True, capture_output=True)
    days = clone / "data" / "demo"
    for day in days.glob("events_*.csv"):
        if "--data_dir" not in command:
            shutil.copy(day, clone / "data")
    environment = {**os.environ, "PATH": f"{clone / '.venv' / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(command, shell=True, cwd=clone, env=environment, capture_output=True, text=True)
    assert done.returncode in (0, 3), done.stderr
    assert "Traceback" not in done.stderr


def test_options_of_the_readme_are_those_of_the_command() -> None:
    shown = set(re.findall(r"`(--\w+)", README))
    scripts = (validate_dataframework, transform, generate_charts, monitor)
    parsers = [script.parser() for script in scripts]
    known = {o for p in parsers for a in p._actions for o in a.option_strings}
    assert shown <= known


@needs_real_days
def test_figures_of_the_warehouse_and_the_monitor(tmp_path: Path) -> None:
    """README's table of part 2 is gold's, and its transcript of part 4 is what the monitor prints."""
    line = ["--data_dir", str(REAL), "--warehouse", str(tmp_path / "w.duckdb")]
    out = io.StringIO()
    assert transform.main([*line, "--quiet"], out, io.StringIO()) == 0
    with duckdb.connect(str(tmp_path / "w.duckdb"), read_only=True) as connection:
        shares = dict(
            connection.execute("select position, share from gold.headline_figures order by position").fetchall()
        )
        orders, gross = connection.execute("select orders, amount from gold.ledger where line = 'gross'").fetchall()[0]
    shown = re.findall(r"^\|.*\| ([0-9.]+) % \| ([0-9.]+) % \|$", README, re.M)
    figures = ((5, 6, 1), (7, 8, 1), (9, 10, 1), (1, 2, 2))
    assert shown == [(f"{shares[a]:.{n}%}"[:-1], f"{shares[b]:.{n}%}"[:-1]) for a, b, n in figures]
    assert f"{orders} orders and ${gross:,.2f} go in and come out" in README
    (command, printed) = re.findall(
        r"\$ python part4-monitoring/monitor.py (--check_date \S+)\n(.*?)\.\.\.\n", README, re.S
    )[0]
    status = monitor.main([*line, *command.split(), "--no_refresh", "--dry_run"], out, io.StringIO())
    assert status == 3
    assert out.getvalue().startswith(printed)
