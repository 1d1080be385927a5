"""Test what the four commands share: options, closed streams, errors as one sentence, and exit statuses."""

import argparse
import io
import signal
import subprocess
import sys
import time
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from commands import REPO

from event_data.cli import Terminal, add_places, argument_parser, run
from event_data.errors import UserError

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"  # the cursor


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


class Broken(UserError):
    status = 3


def parser() -> argparse.ArgumentParser:
    made = argument_parser("tool.py", "Do it.", "  python tool.py --quiet", {3: "bad"})
    add_places(made, warehouse="DuckDB file", out_dir=Path("out"))
    return made


def ended(error: BaseException) -> tuple[int, str]:
    """Return the exit status and stderr of a command that ends with an error."""

    def command(options: argparse.Namespace, terminal: Terminal) -> int:
        raise error

    stderr = io.StringIO()
    return run(parser(), command, [], io.StringIO(), stderr, "choose another --out_dir"), stderr.getvalue()


def test_options_may_have_dashes_and_values_keep_theirs() -> None:
    found = []

    def command(options: argparse.Namespace, terminal: Terminal) -> int:
        found.append(options)
        return 0

    args = ["--data-dir", "a-b", "--out-dir=c-d", "--quiet"]
    assert run(parser(), command, args, io.StringIO(), io.StringIO()) == 0
    (options,) = found
    assert (options.data_dir, options.out_dir, options.quiet) == (Path("a-b"), Path("c-d"), True)
    assert options.contract == REPO / "part1-data-quality" / "schema.yaml"


def test_the_help_has_an_example_and_every_status() -> None:
    text = parser().format_help()
    assert "python tool.py --quiet" in text
    assert text.endswith("\n  0    fine\n  2    could not run\n  3    bad\n  130  interrupted\n")


@pytest.mark.parametrize(
    ("error", "status", "expected"),
    [
        (UserError("no file; give one."), 2, "no file; give one."),
        (Broken("bad."), 3, "bad."),
        (KeyboardInterrupt(), 130, "interrupted."),
        (RuntimeError("Query interrupted"), 130, "interrupted."),
        (OSError(28, "Disk full", "/x/y"), 2, "/x/y: Disk full; free up disk space, or choose another --out_dir."),
        (PermissionError(13, "Denied", "/x/y"), 2, "/x/y: Denied; choose another --out_dir."),
        (duckdb.IOException("Disk\nmore"), 2, "Disk; free up disk space, or choose another --out_dir."),
        (duckdb.OutOfMemoryException("x"), 2,
         "there is not enough memory, or not enough disk for what does not fit into it; free some, or set another "
         "--memory_limit."),
    ],
)  # fmt: skip
def test_an_error_is_one_sentence(error: BaseException, status: int, expected: str) -> None:
    assert ended(error) == (status, f"tool.py: {expected}\n")


def test_a_fault_of_the_program_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        ended(ZeroDivisionError())


def test_quiet_keeps_what_was_asked_for_and_errors() -> None:
    stdout, stderr = io.StringIO(), Screen()
    terminal = Terminal(stdout, stderr, quiet=True)
    terminal.print("report")
    terminal.note("note")
    terminal.progress("half")
    terminal.write("data")
    terminal.error("error")
    assert (stdout.getvalue(), stderr.getvalue()) == ("data\n", "error\n")


def test_progress_is_for_terminals() -> None:
    for stderr in (io.StringIO(), Screen()):
        terminal = Terminal(None, stderr)
        terminal.progress("reading", 1, 2)
        terminal.progress("checking")
        terminal.error("Done.")
        shown = stderr.getvalue()
        assert ("reading" in shown and "checking" in shown) is stderr.isatty()
        assert shown.endswith("Done.\n") and ("checking" not in shown.rpartition("\x1b[2K")[2])


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
@pytest.mark.parametrize("is_shown", [True, False])
def test_the_cursor_is_shown_again(error: type[BaseException], is_shown: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ends a command while its bar is shown, or while it is being started."""
    monkeypatch.setenv("TERM", "xterm")

    class Interrupted(Screen):
        def write(self, text: str) -> int:
            is_first = HIDE not in self.getvalue()
            written = super().write(text)
            if is_first and HIDE in text and not is_shown:
                raise error
            return written

    def command(options: argparse.Namespace, terminal: Terminal) -> int:
        terminal.progress("reading", 1, 2)
        raise error

    stderr = Interrupted()
    with suppress(ZeroDivisionError):
        assert run(parser(), command, [], None, stderr) == 130
    assert 0 <= stderr.getvalue().find(HIDE) < stderr.getvalue().rfind(SHOW)


def test_a_result_is_text_or_json() -> None:
    for options, printed in (
        ({}, "2\n"),
        ({"quiet": True}, ""),
        ({"quiet": True, "as_json": True}, '{\n  "n": "2.50"\n}\n'),
    ):
        stdout = io.StringIO()
        Terminal(stdout, None, **options).report(lambda: "2", lambda: {"n": Decimal("2.50")})
        assert stdout.getvalue() == printed


def test_colour_and_width_depend_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    seen = [Terminal(out, None) for out in (None, io.StringIO(), Screen())]
    assert [(t.colour, t.width) for t in seen] == [(False, 80), (False, 80), (True, 100)]
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Terminal(Screen(), None).colour


def test_letters_that_the_encoding_lacks_are_replaced() -> None:
    ascii_only = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Terminal(ascii_only, None).print("événement→")
    ascii_only.seek(0)
    assert ascii_only.read() == "?v?nement?\n"


def test_ctrl_c_ends_a_command_in_a_sentence(tmp_path: Path) -> None:
    """While DuckDB works, where Ctrl-C is no KeyboardInterrupt, and while Python does."""
    started = tmp_path / "started"
    for work in ("duckdb.sql('from range(1000000000) a, range(1000000000) b select sum(a.range + b.range)').fetchall()",
                 "time.sleep(60)"):  # fmt: skip
        code = f"""if True:
            import duckdb, pathlib, sys, time
            from event_data.cli import argument_parser, run
            def command(options, terminal):
                pathlib.Path({str(started)!r}).touch()
                {work}
            sys.exit(run(argument_parser("tool.py", "", "", {{}}), command, [], sys.stdout, sys.stderr))"""
        process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=REPO, stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
        )  # fmt: skip
        while not started.exists() and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert (process.communicate(timeout=60)[1], process.returncode) == ("tool.py: interrupted.\n", 130)
        started.unlink()


def test_the_streams_of_a_process_are_flushed_before_it_leaves() -> None:
    code = "import sys; from event_data.cli import leave; sys.stdout.write('x'); leave(3)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "x")
