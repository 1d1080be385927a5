"""What the documents show is what happens: their commands are run, and their figures compared."""

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
from commands import PART2, REAL, REPO, call, needs_real_days, query
from make_days import make
from transformation.build import WORKING

from event_data.statements import read_statements

PART1 = REPO / "part1-data-quality"
README = (REPO / "README.md").read_text(encoding="utf-8")
PAGE = (PART1 / "validation-dataframework.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n([^`]*)```\n\n((?:\|.*\n)+)", PAGE)


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
    status, stdout, _ = call(validate_dataframework, "--data_dir", REAL, "--out_dir", tmp_path)
    assert status == 3
    for name in ("dq_report.csv", "dq_profile.csv"):
        assert (tmp_path / name).read_bytes() == (PART1 / name).read_bytes(), f"{name} is not what the command writes"
    (shown,) = re.findall(
        r"```console\n\$ python part1-data-quality/validate_dataframework.py\n(.*?)\.\.\.\n", README, re.S
    )
    assert stdout.startswith(shown)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository as a newcomer gets it, in a folder with a space, with this environment for its own."""
    copy = tmp_path_factory.mktemp("a newcomer") / "repo"
    ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", "*cache", "data", ".hypothesis", ".coverage*")
    shutil.copytree(REPO, copy, ignore=ignored)
    (copy / ".venv").symlink_to(sys.prefix)
    subprocess.run(["make", "run"], cwd=copy, check=True, capture_output=True)
    for day in (copy / "data" / "demo").glob("events_*.csv"):
        shutil.copy(day, copy / "data")
    make(copy / "data" / "another_shop")
    return copy


COMMANDS = re.findall(r"^\$ (.*)$", README, re.M)
ELSEWHERE = {
    "make test": "this is it",
    "make bench": "takes minutes",
    "pip install -r requirements.txt": "make run does it",
}


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in ELSEWHERE])
def test_commands_of_the_readme(command: str, clone: Path) -> None:
    """Each runs as printed, where `make run` has made the demonstration's days, and data/ has them too."""
    if "--print_sql" in command:
        pytest.importorskip("sqlglot", reason="sqlglot is not installed: pip install -r requirements-dialects.txt")
    environment = {**os.environ, "PATH": f"{clone / '.venv' / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(command, shell=True, cwd=clone, env=environment, capture_output=True, text=True)
    assert done.returncode in (0, 3), done.stderr
    assert "Traceback" not in done.stderr
    (shown,) = re.findall(rf"^\$ {re.escape(command)}\n((?:(?!\$|```).*\n)*)", README, re.M)
    if "another_shop" in command and shown:
        assert done.stdout.startswith(shown.removesuffix("...\n"))


def test_options_of_the_readme_are_those_of_the_command() -> None:
    shown = set(re.findall(r"`(--\w+)", README))
    scripts = (validate_dataframework, transform, generate_charts, monitor)
    parsers = [script.parser() for script in scripts]
    known = {o for p in parsers for a in p._actions for o in a.option_strings}
    assert shown <= known


@needs_real_days
def test_figures_of_the_warehouse_and_the_monitor(tmp_path: Path) -> None:
    """README's table of part 2 is gold's, and its transcript of part 4 is what the monitor prints."""
    warehouse = tmp_path / "w.duckdb"
    line = ("--data_dir", REAL, "--warehouse", warehouse)
    assert call(transform, *line, "--quiet")[0] == 0
    shares = dict(query(warehouse, "select position, share from gold.headline_figures"))
    ((orders, gross),) = query(warehouse, "select orders, amount from gold.ledger where line = 'gross'")
    shown = re.findall(r"^\|.*\| ([0-9.]+) % \| ([0-9.]+) % \|$", README, re.M)
    figures = ((5, 6, 1), (7, 8, 1), (9, 10, 1), (1, 2, 2))
    assert shown == [(f"{shares[a]:.{n}%}"[:-1], f"{shares[b]:.{n}%}"[:-1]) for a, b, n in figures]
    assert f"{orders} orders and ${gross:,.2f} go in and come out" in README
    (command, printed) = re.findall(
        r"\$ python part4-monitoring/monitor.py (--check_date \S+)\n(.*?)\.\.\.\n", README, re.S
    )[0]
    status, stdout, _ = call(monitor, *line, *command.split(), "--no_refresh", "--dry_run")
    assert status == 3 and stdout.startswith(printed)


def test_the_lock_is_of_the_requirements() -> None:
    """Every pin of requirements.txt stands in the lock, and every package of the lock has hashes (`make lock`)."""
    pins = re.findall(r"^[\w-]+==\S+$", (REPO / "requirements.txt").read_text(), re.M)
    lock = (REPO / "requirements.lock").read_text()
    locked = re.findall(r"^([\w-]+==\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", lock, re.M)
    assert len(pins) >= 5 and set(pins) <= {name for name, _ in locked}
    assert len(locked) == len(re.findall(r"^\S+==", lock, re.M)) and "http" not in lock


def test_every_locked_package_has_its_licence() -> None:
    page = (REPO / "CONTRIBUTING.md").read_text()
    for name in re.findall(r"^([\w-]+)==", (REPO / "requirements.lock").read_text(), re.M):
        assert re.search(rf"\| {re.escape(name)}( \([\w-]+\))? \| [A-Za-z]", page), name


def test_the_diagram_has_the_tables_that_are_published() -> None:
    drawn = re.findall(r">((?:bronze|silver|gold)\.\w+)<", (PART2 / "architecture_diagram.dot").read_text())
    made = [s.name for s in read_statements(PART2 / "transform.sql") if s.name not in WORKING]
    assert sorted(drawn) == sorted([*made, "bronze.events", "bronze.files", "bronze.build"])
    assert (PART2 / "architecture_diagram.png").read_bytes().startswith(b"\x89PNG")


def test_figures_of_the_readme_are_those_of_the_summary() -> None:
    """executive_summary.md is held against the real days; what README repeats of it must be the same."""
    summary = (REPO / "part3-business-analysis" / "executive_summary.md").read_text(encoding="utf-8")
    readme = " ".join(README.split())
    (told,) = re.findall(
        r"^(\d+) orders brought (\S+)\. .* a channel to (\d+%) of it; .* it is (\d+%), (\S+) more\.", summary, re.M
    )
    orders, revenue, tracked, healed, gained = told
    assert f"of {revenue} in {orders} orders, dashboards could give a channel to {tracked}" in readme
    assert f"healed, it is {healed}, {gained} more" in readme
    for pattern in (
        r"(\d[\d.]* to [\d.]+ times all revenue of such a period)",
        r"yearly EBITDA effect (\S+ to \S+) \(",
        r"(at the very most \S+[kM])",
        r"(\d+% of visitors who did more than browse have)",
        r"(\d+ of \d+ orders) have no start on record",
        r"revenue counted twice \| [\d.]+% \((\S+)\)",
        r"(nothing in the data shows that the business is)",
    ):
        (said,) = set(re.findall(pattern, summary))
        assert said in readme, said


def test_the_suite_of_the_readme_is_that_of_the_command() -> None:
    status, stdout, _ = call(transform, "--validate")
    owners, whole = re.findall(r"(\d+/\d+) passed", stdout)
    assert status == 0 and "9/9 passed" in stdout and "FAIL" not in stdout
    assert f"{owners} of the owner's suite and {whole} in all" in README


def test_links_lead_somewhere() -> None:
    for page in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "documentation_scale.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", (REPO / page).read_text(encoding="utf-8")):
            assert (REPO / target).exists(), (page, target)


def test_names_of_the_recipes_are_those_of_the_code() -> None:
    """A file or a name that a recipe speaks of is there, also after it was called something else."""
    files = [path for path in REPO.rglob("*") if not {".venv", ".git", "data"} & set(path.relative_to(REPO).parts)]
    code = "\n".join(
        path.read_text("utf-8") for path in files if re.search("[.](py|sql|csv|yaml)$|Makefile$", path.name)
    )
    recipes = (REPO / "CONTRIBUTING.md").read_text("utf-8").partition("## Licences")[0]
    recipes = re.sub("```.*?```", "", recipes, flags=re.S)
    named = re.findall(r"`([^`]+)`", recipes)
    assert len(named) > 40
    for name in (name.split()[-1] if name.endswith(".py") else name for name in named):
        if name.endswith("/"):
            assert (REPO / name).is_dir(), name
        elif re.search(r"[\w*][.](py|sql|csv|yaml|json|md|txt)$", name):
            assert name in code or any(path.match(name.replace("…", "*")) for path in files), name
        else:
            bare = re.escape(name.partition("(")[0]).replace("…", r"\w+")
            assert re.search(bare.replace(r"make\ ", "^") + r"(?!\w)", code, re.M), name
