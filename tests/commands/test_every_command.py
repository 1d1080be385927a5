"""What holds for each of the four commands as a process: closed streams, Ctrl-C, --version, no system of its own."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import REPO, SCRIPTS, process

from event_data import __version__

every_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)


def line(script: Path, *args: object) -> list[str]:
    return [sys.executable, str(script), *map(str, args)]


def places(script: Path, data_dir: Path, out_dir: Path) -> list[str]:
    """The options that keep a run in its folders."""
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
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-", "| true"])
def test_a_closed_stream_is_no_error(script: Path, closed: str, tmp_path: Path) -> None:
    for args, status in ((["--version"], 0), (places(script, tmp_path / "none", tmp_path), 2)):
        done = in_a_shell(line(script, *args), closed)
        assert not re.search("Traceback|Exception|BrokenPipe", done.stderr), done.stderr
        assert done.returncode == status
        assert not done.stdout or "--version" in args


@every_script
@pytest.mark.parametrize("closed", [">&-", "| true"])
def test_nobody_needs_to_read_the_report(script: Path, closed: str, five_days: Path, tmp_path: Path) -> None:
    done = in_a_shell(line(script, *places(script, five_days, tmp_path)), closed)
    assert done.returncode in (0, 3)
    assert not re.search("Traceback|Exception|BrokenPipe", done.stderr), done.stderr
    assert {"dq_report.csv", "w.duckdb"} & {path.name for path in tmp_path.iterdir()}


@every_script
def test_a_full_device_is_said(script: Path, five_days: Path, tmp_path: Path) -> None:
    done = in_a_shell(line(script, *places(script, five_days, tmp_path)), "> /dev/full")
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


@every_script
def test_the_version(script: Path) -> None:
    assert process(script, "--version").stdout == f"{script.name} {__version__}\n"


def test_no_module_needs_one_system() -> None:
    for path in (p for part in ("event_data", "part?-*") for p in REPO.glob(f"{part}/**/*.py")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(import|from) (fcntl|resource|pwd|grp|termios|curses)\b", text, re.MULTILINE), path
