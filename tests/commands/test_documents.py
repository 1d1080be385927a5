"""Run the commands that the documents show, and compare the figures."""

import argparse
import os
import re
import shutil
import subprocess
import sys
from datetime import date, timedelta
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
DOCS = {path.stem: path.read_text(encoding="utf-8") for path in sorted((REPO / "docs").glob("*.md"))}
PAGE = (PART1 / "validation-dataframework.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n([^`]*)```\n\n((?:\|.*\n)+)", PAGE)


def table(sql: str) -> str:
    """Return the result of a query over the committed reports, as a Markdown table."""
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
    """Return the repository as a newcomer gets it, in a folder with a space, with this environment for its own."""
    copy = tmp_path_factory.mktemp("a newcomer") / "repo"
    ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", "*cache", "data", ".hypothesis", ".coverage*")
    shutil.copytree(REPO, copy, ignore=ignored)
    (copy / ".venv").symlink_to(sys.prefix)
    subprocess.run(["make", "run"], cwd=copy, check=True, capture_output=True)
    for day in (copy / "data" / "demo").glob("events_*.csv"):
        shutil.copy(day, copy / "data")
    make(copy / "data" / "another_shop")
    return copy


PAGES = (README, *DOCS.values())
COMMANDS = dict.fromkeys(command for page in PAGES for command in re.findall(r"^\$ (.*)$", page, re.M))
ELSEWHERE = {
    "make test": "this is it",
    "make bench": "takes minutes",
    "pip install -r requirements.txt": "make run does it",
}


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in ELSEWHERE])
def test_commands_of_the_pages(command: str, clone: Path) -> None:
    """Each runs as printed, where `make run` has made the demonstration's days, and data/ has them too."""
    if "--print_sql" in command:
        pytest.importorskip("sqlglot", reason="sqlglot is not installed: pip install -r requirements-dialects.txt")
    environment = {**os.environ, "PATH": f"{clone / '.venv' / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(command, shell=True, cwd=clone, env=environment, capture_output=True, text=True)
    assert done.returncode in (0, 3), done.stderr
    assert "Traceback" not in done.stderr
    for page in PAGES:
        for shown in re.findall(rf"^\$ {re.escape(command)}\n((?:(?!\$|```).*\n)*)", page, re.M):
            if "another_shop" in command and shown:
                assert done.stdout.startswith(shown.removesuffix("...\n"))


def test_the_line_for_cron(clone: Path) -> None:
    """It runs where the folders are, and prints what is wrong: yesterday's file is missing here."""
    (command,) = re.findall(r"^15 6 \* \* \*  (.*)$", README, re.M)
    contract = REPO / "part1-data-quality" / "schema.yaml"
    places = {"/srv/trust": clone, "/srv/exports": clone / "data" / "demo", "/srv/my_shop.yaml": contract}
    for place, path in places.items():
        assert place in command
        command = command.replace(place, f"'{path}'")
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert "usage:" not in done.stdout and "Traceback" not in done.stdout
    assert str(date.today() - timedelta(days=1)) in done.stdout, done.stdout


def test_options_of_the_pages_are_those_of_the_commands() -> None:
    """No page names an option that is not there, and the page of the commands has every option that --help shows."""
    scripts = (validate_dataframework, transform, generate_charts, monitor)
    parsers = [script.parser() for script in scripts]
    known = {
        option
        for parser in parsers
        for action in parser._actions
        if action.help != argparse.SUPPRESS
        for option in action.option_strings
    }
    shown = {option for page in (README, *DOCS.values()) for option in re.findall(r"`(--\w+)", page)}
    assert shown - {"--require"} <= known
    assert {o for o in known if o.startswith("--")} <= set(re.findall(r"`(--\w+)", DOCS["commands"]))


@needs_real_days
def test_figures_of_the_warehouse_and_the_monitor(tmp_path: Path) -> None:
    """The figures of part 2 are gold's, and the transcripts of parts 2 and 4 are what the commands print."""
    warehouse = tmp_path / "warehouse.duckdb"
    line = ("--data_dir", REAL, "--warehouse", warehouse)
    status, stdout, _ = call(transform, *line)
    (printed,) = re.findall(r"\$ python part2-transformation/transform.py\n(.*?)\.\.\.\n", README, re.S)
    assert status == 0 and stdout.startswith(printed)
    shares = dict(query(warehouse, "select position, share from gold.headline_figures"))
    ((orders, gross),) = query(warehouse, "select orders, amount from gold.ledger where line = 'gross'")
    shown = re.findall(r"^\|.*\| ([0-9.]+) % \| ([0-9.]+) % \|$", DOCS["commands"], re.M)
    figures = ((5, 6, 1), (7, 8, 1), (9, 10, 1), (1, 2, 2))
    assert shown == [(f"{shares[a]:.{n}%}"[:-1], f"{shares[b]:.{n}%}"[:-1]) for a, b, n in figures]
    assert f"{orders} orders and ${gross:,.2f} go in and come out" in DOCS["commands"]
    (command, printed) = re.findall(
        r"\$ python part4-monitoring/monitor.py (--check_date \S+)\n(.*?)\.\.\.\n", README, re.S
    )[0]
    status, stdout, _ = call(monitor, *line, *command.split(), "--no_refresh", "--dry_run")
    assert status == 3 and stdout.startswith(printed)
    (alarm,) = re.findall(r"```\n(P0 .*?)```", DOCS["commands"], re.S)
    assert alarm in stdout


def test_the_lock_is_of_the_requirements() -> None:
    """Every pin of requirements.txt stands in the lock, and every package of the lock has hashes (`make lock`)."""
    pins = re.findall(r"^[\w-]+==\S+$", (REPO / "requirements.txt").read_text(), re.M)
    lock = (REPO / "requirements.lock").read_text()
    locked = re.findall(r"^([\w-]+==\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", lock, re.M)
    assert len(pins) >= 5 and set(pins) <= {name for name, _ in locked}
    assert len(locked) == len(re.findall(r"^\S+==", lock, re.M)) and "http" not in lock


def test_every_locked_package_has_its_licence() -> None:
    page = DOCS["dependencies"]
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
    readme = " ".join(re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", README).split())
    deliverables = " ".join(DOCS["deliverables"].split())
    (shown,) = re.findall(
        r"^(\d+) orders brought (\S+)\. .* a channel to (\d+%) of it; .* it is (\d+%), (\S+) more\.", summary, re.M
    )
    orders, revenue, tracked, healed, gained = shown
    assert f"of {revenue} in {orders} orders, dashboards could give a channel to {tracked}" in readme
    assert f"healed, it is {healed}, {gained} more" in readme
    (conclusion,) = re.findall(r"^\*\*(.*)\*\*$", summary.split("##")[0], re.M)
    assert f"generate_charts.py\n{conclusion}\n...\n" in README
    for pattern in (
        r"(\d[\d.]* to [\d.]+ times all revenue of such a period)",
        r"yearly EBITDA effect (\S+ to \S+) \(",
        r"(at most \S+[kM])",
        r"(\d+% of visitors who did more than browse have)",
        r"(\d+ of \d+ orders) have no start on record",
        r"revenue counted twice \| [\d.]+% \((\S+)\)",
        r"(nothing in the data shows that the business is)",
    ):
        (said,) = set(re.findall(pattern, summary))
        assert said in deliverables, said


def test_the_suite_of_the_readme_is_that_of_the_command() -> None:
    status, stdout, _ = call(transform, "--validate")
    owners, whole = re.findall(r"(\d+/\d+) passed", stdout)
    assert status == 0 and "9/9 passed" in stdout and "FAIL" not in stdout
    assert f"{owners} of the owner's suite and {whole} in all" in DOCS["deliverables"]


def test_links_lead_somewhere() -> None:
    """To a file that is there, and to a heading that the page has."""
    pages = [*REPO.glob("*.md"), *REPO.glob("docs/*.md"), *REPO.glob("part?-*/*documentation*.md")]
    for page in (*pages, PART1 / "validation-dataframework.md", REPO / "examples" / "README.md"):
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", page.read_text(encoding="utf-8")):
            path = page.parent / target if target else page
            assert path.exists(), (page, target)
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.M) if anchor else ()
            anchors = [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
            assert not anchor or anchor in anchors, (page, target, anchor)


def test_the_readme_links_its_terms_where_they_first_appear() -> None:
    terms = re.findall(r"^### (.*)$", DOCS["glossary"], re.M)
    assert 10 <= len(terms) <= 15 and terms == sorted(terms, key=str.lower)
    linked = re.findall(r"\(docs/glossary\.md#([\w-]+)\)", README)
    assert len(linked) >= 6 and len(linked) == len(set(linked))
    prose = re.sub(r"```.*?```|!\[[^]]*\]\([^)]*\)|^#.*?$|`[^`]*`", "", README, flags=re.S | re.M)
    prose = " ".join(prose.split()).lower()
    for anchor in linked:
        before, _, after = prose.partition(anchor.replace("-", " "))
        assert re.match(rf"\w*\]\(docs/glossary\.md#{anchor}\)", after), (anchor, before[-40:])


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 130
    for picture in re.findall(r"!\[.*?\]\((docs/.*?)\)", README):
        assert (REPO / picture).stat().st_size < 300_000, picture


def test_names_of_the_recipes_are_those_of_the_code() -> None:
    """A file or a name that a recipe speaks of is there, also after it was called something else."""
    files = [path for path in REPO.rglob("*") if not {".venv", ".git", "data"} & set(path.relative_to(REPO).parts)]
    code = "\n".join(
        path.read_text("utf-8") for path in files if re.search("[.](py|sql|csv|yaml)$|Makefile$", path.name)
    )
    recipes = (REPO / "CONTRIBUTING.md").read_text("utf-8")
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
