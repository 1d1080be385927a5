"""Test each of the four commands as a process: closed streams, Ctrl-C, --version, and no code for one system only."""

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import generate_charts
import monitor
import pytest
import transform
import validate_dataframework
from commands import REPO, SCRIPTS, call, process

from event_data import __version__

every_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)


def line(script: Path, *args: object) -> list[str]:
    return [sys.executable, str(script), *map(str, args)]


def places(script: Path, data_dir: Path, out_dir: Path) -> list[str]:
    """Return the options that keep a run in its folders."""
    found = ["--data_dir", str(data_dir)]
    if script.stem != "validate_dataframework":
        found += ["--warehouse", str(out_dir / "w.duckdb")]
    if script.stem in ("validate_dataframework", "generate_charts"):
        found += ["--out_dir", str(out_dir)]
    return found


def in_a_shell(command: list[str], ending: str) -> "subprocess.CompletedProcess[str]":
    quoted = " ".join(f"'{word}'" for word in command)
    shell = ["bash", "-c", f"set -o pipefail; {quoted} {ending}"]
    return subprocess.run(shell, capture_output=True, text=True, check=False)


@every_script
@pytest.mark.parametrize(
    ("closed", "runs"),
    [
        (">&-", ("prints", "fails")),
        ("2>&-", ("fails",)),
        ("<&-", ("fails",)),
        (">&- 2>&- <&-", ("prints", "fails")),
        ("| true", ("prints",)),
    ],
)
def test_a_closed_stream_is_not_an_error(script: Path, closed: str, runs: tuple[str, ...], tmp_path: Path) -> None:
    """Neither to a run that prints, nor to one that has an error to report."""
    lines = {"prints": (["--version"], 0), "fails": (places(script, tmp_path / "none", tmp_path), 2)}
    for args, status in (lines[run] for run in runs):
        done = in_a_shell(line(script, *args), closed)
        assert not re.search("Traceback|Exception|BrokenPipe", done.stderr), done.stderr
        assert done.returncode == status
        assert not done.stdout or "--version" in args


@pytest.fixture(scope="module")
def warehouse(five_days: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("warehouse") / "w.duckdb"
    assert call(transform, "--quiet", "--data_dir", five_days, "--warehouse", path)[0] == 0
    return path


def without_refresh(script: Path, warehouse: Path, out_dir: Path) -> list[str]:
    """Give parts 3 and 4 this warehouse, so that they start no other part, and return the option that says so."""
    if script.stem not in ("generate_charts", "monitor"):
        return []
    shutil.copy(warehouse, out_dir)
    return ["--no_refresh"]


@every_script
@pytest.mark.parametrize("closed", [">&-", "| true"])
def test_nobody_needs_to_read_the_report(
    script: Path, closed: str, five_days: Path, warehouse: Path, tmp_path: Path
) -> None:
    """Also where the parts that it starts have the closed stream as well."""
    more = without_refresh(script, warehouse, tmp_path) if closed == "| true" else []
    done = in_a_shell(line(script, *places(script, five_days, tmp_path), *more), closed)
    assert done.returncode in (0, 3)
    assert not re.search("Traceback|Exception|BrokenPipe", done.stderr), done.stderr
    assert {"dq_report.csv", "w.duckdb"} & {path.name for path in tmp_path.iterdir()}


@every_script
def test_a_full_device_is_reported(script: Path, five_days: Path, warehouse: Path, tmp_path: Path) -> None:
    more = without_refresh(script, warehouse, tmp_path)
    done = in_a_shell(line(script, *places(script, five_days, tmp_path), *more), "> /dev/full")
    assert done.returncode == 2
    assert re.search(rf"{script.name}: .*No space left on device; free up disk space, or .*[.]\n$", done.stderr), (
        done.stderr
    )


@every_script
def test_ctrl_c_ends_in_a_sentence(script: Path, five_days: Path, tmp_path: Path) -> None:
    """It comes once the options are read, while DuckDB is imported."""
    process = subprocess.Popen(
        line(script, *places(script, five_days, tmp_path)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
    )  # fmt: skip
    while process.poll() is None and "duckdb" not in Path(f"/proc/{process.pid}/maps").read_text():
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == f"{script.name}: interrupted."
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("script", "args", "says"),
    [
        (validate_dataframework, "--init --json --out_dir o", "--init does not use --out_dir or --json"),
        (validate_dataframework, "--init --fail_on p1", "--init does not use --fail_on"),
        (validate_dataframework, "--incident 1 --json", "--incident does not use --json"),
        (transform, "--print_sql spark --json", "--print_sql does not use --json"),
        (transform, "--validate --contract c.yaml", "does not use --contract"),
        (transform, "--validate --data_dir d --export e", "does not use --data_dir or --export"),
        (transform, "--print_sql spark --full_refresh", "--print_sql does not use --full_refresh"),
        (transform, "--location gs://shop", "without --print_sql does not use --location"),
        (generate_charts, "--since 2025-03-05 --until 2025-03-01", "--since 2025-03-05 is after --until 2025-03-01"),
        (monitor, "--backtest --undo identity", "--backtest cannot be combined with a decision"),
    ],
)
def test_options_that_exclude_each_other(script: ModuleType, args: str, says: str) -> None:
    status, stdout, stderr = call(script, *args.split(), *["--no_refresh"] * (script is monitor))
    assert (status, stdout) == (2, "") and says in stderr and stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("script", "args", "says"),
    [
        (validate_dataframework, ["--fail_on", "p9"], "--fail_on: invalid choice: 'p9'"),
        (transform, ["--warehose", "w"], "unrecognized arguments: --warehose"),
        (generate_charts, ["--since", "05.03.2025"], "'05.03.2025' is not a day; write it like 2025-03-04"),
        (monitor, ["--remind_days", "x"], "--remind_days: invalid int value: 'x'"),
    ],
)
def test_a_mistyped_option_is_one_sentence(
    script: ModuleType, args: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        script.parser().parse_args(args)
    printed = capsys.readouterr()
    assert ended.value.code == 2 and not printed.out
    assert says in printed.err and printed.err.endswith("; --help lists the options.\n")
    assert printed.err.count("\n") == 1


def test_a_severity_in_any_case() -> None:
    assert validate_dataframework.parser().parse_args(["--fail_on", "p1"]).fail_on == "P1"
    assert validate_dataframework.parser().parse_args(["--fail_on", "Never"]).fail_on == "never"


@every_script
def test_the_version(script: Path) -> None:
    assert process(script, "--version").stdout == f"{script.name} {__version__}\n"


def test_no_module_needs_one_system() -> None:
    for path in (p for part in ("event_data", "part?-*") for p in REPO.glob(f"{part}/**/*.py")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(import|from) (fcntl|resource|pwd|grp|termios|curses)\b", text, re.MULTILINE), path
