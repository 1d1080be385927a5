"""Test a new user's mistakes: each gives one sentence with the next step, and no file is left half-written.

Every run is a process of its own, as cron or a shell starts it.
"""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from commands import REPO, query
from synthetic_events import generate

SCHEMA = Path("part1-data-quality", "schema.yaml")
VALIDATE, TRANSFORM, CHARTS, MONITOR = SCRIPTS = (
    "part1-data-quality/validate_dataframework.py",
    "part2-transformation/transform.py",
    "part3-business-analysis/generate_charts.py",
    "part4-monitoring/monitor.py",
)
MAKES_FILES = {VALIDATE: "--out_dir", CHARTS: "--out_dir"}
DAYS = 7
every_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda s: Path(s).stem)


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return days with the renamed column, in a folder with a space, and their warehouse; to be read only."""
    folder = tmp_path_factory.mktemp("a week")
    generate(folder, days=DAYS, events_per_day=400, seed=5)
    assert run(TRANSFORM, "--data_dir", folder).returncode == 0
    return folder


@pytest.fixture
def days(week: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(week, tmp_path / "some days"))


def run(
    script: str, *args: object, out: Path | None = None, prefix: tuple[str, ...] = (), repo: Path = REPO, **how: Any
) -> subprocess.CompletedProcess[str]:
    line = [*prefix, sys.executable, str(repo / script), *map(str, args)]
    if out and script in MAKES_FILES:
        line += [MAKES_FILES[script], str(out)]
    environment = {k: v for k, v in os.environ.items() if k not in ("SLACK_WEBHOOK", "PYTHONPATH")}
    chosen: dict[str, Any] = {"env": environment, "timeout": 120} | how
    return subprocess.run(line, capture_output=True, text=True, encoding="utf-8", check=False, **chosen)


def sentence(done: subprocess.CompletedProcess[str], script: str) -> str:
    """Return the one sentence of a run that failed, without the name of the script at its start."""
    assert done.returncode == 2, done.stdout + done.stderr
    lines = done.stderr.splitlines()
    name = Path(script).name
    assert len(lines) == 1 and lines[0].startswith(f"{name}: ") and not done.stdout, done.stderr
    return lines[0].removeprefix(f"{name}: ")


@every_script
def test_no_data(script: str, tmp_path: Path) -> None:
    """The same words in all four: a folder that is none, an empty one, one with other files, a file."""
    for name in ("empty", "others"):
        (tmp_path / name).mkdir()
    (tmp_path / "others" / "sales.csv").write_text("a,b\n1,2\n")
    (tmp_path / "file").write_text("x")
    unlike = "has no file named like events_%Y%m%d.csv"
    wrong = {"none": "does not exist; ", "file": "is not a folder; ", "empty": unlike, "others": unlike}
    for folder, problem in wrong.items():
        done = run(script, "--data_dir", tmp_path / folder, out=tmp_path / "out")
        said = sentence(done, script)
        assert said.startswith(f"{tmp_path / folder} {problem}") and "--data_dir" in said
    assert {p.name for p in tmp_path.iterdir()} - {"out"} == {"empty", "others", "file"}
    assert not list((tmp_path / "empty").iterdir())


@every_script
def test_yesterdays_contract(script: str, days: Path, tmp_path: Path) -> None:
    """The export has a new name that the contract does not know yet: the column is named, and no run ends for it."""
    document = yaml.safe_load((REPO / SCHEMA).read_text("utf-8"))
    for column in document["schema"][0]["properties"]:
        column.pop("synonyms", None)
    (tmp_path / "old.yaml").write_text(yaml.safe_dump(document))
    done = run(script, "--data_dir", days, "--contract", tmp_path / "old.yaml", out=tmp_path / "out")
    assert done.returncode in (0, 3), done.stderr
    shown = done.stdout + "".join(p.read_text("utf-8") for p in (tmp_path / "out").glob("executive_summary.md"))
    shown = shown.replace("\\", "")
    if script != TRANSFORM:
        assert "client_id" in shown and "clientId" in " ".join(shown.split())


@pytest.fixture
def in_use(days: Path) -> Iterator[Path]:
    """Return a warehouse that another process has open for writing, as an analyst's shell has."""
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    line = [sys.executable, "-c", code, str(days / "warehouse.duckdb")]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout and other.stdout.readline() == "open\n"
        yield days
        other.communicate()


def test_a_warehouse_in_use(in_use: Path, tmp_path: Path) -> None:
    """Readers say so; the writer makes a new file, which takes the old one's place for all who open it later."""
    for script in (CHARTS, MONITOR):
        done = run(script, "--data_dir", in_use, "--no_refresh", out=tmp_path / "out")
        expected = f"{in_use / 'warehouse.duckdb'} is in use by another program; close it there, and run again."
        assert sentence(done, script) == expected
    assert run(TRANSFORM, "--data_dir", in_use).returncode == 0
    assert run(MONITOR, "--data_dir", in_use, "--no_refresh", "--dry_run").returncode == 3


def test_a_warehouse_of_another_shop(days: Path, tmp_path: Path) -> None:
    """It is neither reported on nor replaced, except by --full_refresh."""
    document = yaml.safe_load((REPO / SCHEMA).read_text("utf-8"))
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(document | {"id": "another-shop"}))
    line = ("--data_dir", days, "--contract", tmp_path / "other.yaml")
    before = (days / "warehouse.duckdb").read_bytes()
    for script, args in ((TRANSFORM, ()), (CHARTS, ("--no_refresh",)), (MONITOR, ("--no_refresh",)), (MONITOR, ())):
        said = sentence(run(script, *line, *args, out=tmp_path / "out"), script)
        assert f"'{document['id']}'" in said and "'another-shop'" in said and "--warehouse" in said
        assert (days / "warehouse.duckdb").read_bytes() == before
    assert run(TRANSFORM, *line, "--full_refresh").returncode == 0
    assert query(days / "warehouse.duckdb", "select shop from gold.shop") == [("another-shop",)]


@pytest.mark.parametrize("script", [VALIDATE, CHARTS], ids=lambda s: Path(s).stem)
def test_a_folder_of_spreadsheets(script: str, tmp_path: Path) -> None:
    """Part 1 names the file and what it is; part 3 has no day to report on, and says so."""
    (tmp_path / "events_20250301.csv").write_bytes(b"PK\x03\x04" + bytes(100))
    done = run(script, "--data_dir", tmp_path, out=tmp_path / "out")
    assert done.returncode == (3 if script == VALIDATE else 2), done.stderr
    assert "xlsx" in done.stdout + done.stderr and "Traceback" not in done.stderr
    assert script == VALIDATE or "no day to report on" in done.stderr.splitlines()[-1]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@every_script
def test_a_full_disk(script: str, days: Path, tmp_path: Path) -> None:
    """Nothing that was there is lost or cut, nothing else is left, and the next run is right.

    A limit on a file's size (setrlimit) ends a write in the middle as a full disk does, and needs no rights.
    """
    out = tmp_path / "out"
    out.mkdir()
    line: list[object] = ["--data_dir", days]
    if script in (CHARTS, MONITOR):
        line.append("--no_refresh")
    for name in ("dq_report.csv", "dq_report.html", "executive_summary.md", "report.html", "funnel_sankey.png"):
        (out / name).write_text("yesterday's")
    if script == TRANSFORM:  # something to do, so that it writes
        sorted(days.glob("events_*.csv"))[-1].unlink()
    before = contents(tmp_path)
    small = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (8192, 8192))
    # What measures coverage writes files of its own.
    dropped = ("COVERAGE", "COV_", "SLACK_WEBHOOK", "PYTHONPATH")
    plain = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    done = run(script, *line, out=out, preexec_fn=small, env=plain)
    words = sentence(done, script)
    assert "disk" in words, words
    after = contents(tmp_path)  # SQLite leaves its own files whole
    assert {name: content for name, content in after.items() if "monitor.sqlite" not in name} == before
    done = run(script, *line, out=out)
    assert done.returncode in (0, 3), done.stderr
    if script == TRANSFORM:
        assert query(days / "warehouse.duckdb", "select count(*) from bronze.files") == [(DAYS - 1,)]


@pytest.fixture(scope="module")
def read_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a checkout that nothing may be written to, in a folder with a space."""
    checkout = tmp_path_factory.mktemp("a read only checkout")
    for folder in (REPO / "event_data", *sorted(REPO.glob("part?-*"))):
        shutil.copytree(folder, checkout / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [checkout, *checkout.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield checkout
    for path in [checkout, *checkout.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def as_an_ordinary_user() -> tuple[str, ...]:
    """Return a command prefix that takes away root's rights, if root runs the tests."""
    if os.geteuid() != 0:
        return ()
    prefix = ("unshare", "--user", "--map-user=1000")
    if shutil.which("unshare") is None or subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip("NOT TESTED AS AN ORDINARY USER: root cannot become one here")
    return prefix


def test_an_ordinary_user_of_a_read_only_checkout(week: Path, read_only: Path, tmp_path: Path) -> None:
    prefix, out = as_an_ordinary_user(), tmp_path / "my outputs"
    environment = {"PATH": os.environ["PATH"], "HOME": "/proc/none"}
    where: dict[str, Any] = {"prefix": prefix, "repo": read_only, "cwd": "/", "env": environment}
    warehouse = ("--warehouse", tmp_path / "w.duckdb")
    for script, args, status in (
        (VALIDATE, (), 3), (TRANSFORM, warehouse, 0), (CHARTS, warehouse, 3), (MONITOR, (*warehouse, "--dry_run"), 3)
    ):  # fmt: skip
        done = run(script, "--data_dir", week, *args, out=out, **where)
        assert (done.returncode, done.stderr) == (status, "" if script != MONITOR else done.stderr)
    assert {"dq_report.csv", "executive_summary.md", "report.html"} <= {p.name for p in out.iterdir()}
    done = run(VALIDATE, "--data_dir", week, **where)  # the reports' usual place is the checkout
    assert sentence(done, VALIDATE).endswith("Permission denied; choose another --out_dir.")


@every_script
def test_without_a_network(script: str, week: Path, tmp_path: Path) -> None:
    """No socket but that of the loop is there, and no name can be asked for."""
    prefix = ("unshare", "--net") if os.geteuid() == 0 else ("unshare", "--user", "--map-root-user", "--net")
    if shutil.which("unshare") is None or subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip("NOT TESTED WITHOUT A NETWORK: a namespace of its own is not allowed here")
    place = () if script == VALIDATE else ("--warehouse", tmp_path / "w.duckdb")
    done = run(script, "--data_dir", week, *place, out=tmp_path / "out", prefix=prefix)
    assert done.returncode in (0, 3), done.stderr
    assert not (tmp_path / "w.duckdb").exists() or script != VALIDATE
