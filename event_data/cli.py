"""Shared by the four commands: options, output, and errors as one sentence with an exit status."""

import argparse
import errno
import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol, TextIO

from event_data import __version__
from event_data.errors import UserError

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

REPOSITORY = Path(__file__).resolve().parents[1]
CONTRACT = REPOSITORY / "part1-data-quality" / "schema.yaml"
CRITICAL = 3  # the exit status of a command that worked and found critical data
WIDTH = 80  # columns, when the width of the output is unknown
WIDEST = 120  # columns; longer lines are hard to read
HEIGHT = 50  # lines of a screen, if the output is not a terminal


class Progress(Protocol):
    """A function that shows the current task, the number of steps done, and the number of all steps."""

    def __call__(self, text: str, done: int = 0, steps: int = 0) -> None: ...


def silent(text: str, done: int = 0, steps: int = 0) -> None:
    """Show no progress."""


class _Parser(argparse.ArgumentParser):
    """A parser that reports a mistake in one sentence, without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message.removeprefix('argument ')}; --help lists the options.\n")


class Terminal:
    """The output of a command: data go to stdout, messages to stderr. Either may be closed."""

    def __init__(
        self, stdout: TextIO | None, stderr: TextIO | None, quiet: bool = False, as_json: bool = False
    ) -> None:
        self.stdout, self.stderr, self.quiet, self.as_json = stdout, stderr, quiet, as_json
        is_terminal = stdout is not None and stdout.isatty()
        self.colour = is_terminal and "NO_COLOR" not in os.environ
        size = shutil.get_terminal_size((WIDTH, HEIGHT)) if is_terminal else os.terminal_size((WIDTH, HEIGHT))
        self.width, self.height = max(40, min(size.columns, WIDEST)) if is_terminal else WIDTH, size.lines
        self._watched = stderr is not None and stderr.isatty() and not quiet
        self._bar: Bar | None = None
        self._steps = 0  # of the work that the bar shows

    def report(self, text: Callable[[], str], document: Callable[[], object]) -> None:
        """Print a result: its text, unless --quiet is set; with --json its document, with amounts of money as text."""
        if self.as_json:
            self.write(json.dumps(document(), indent=2, default=str, ensure_ascii=False))
        elif not self.quiet:
            self.write(text())

    def print(self, text: str) -> None:
        """Print a report, unless --quiet is set."""
        if not self.quiet:
            self.write(text)

    def write(self, text: str) -> None:
        """Write the requested output, even with --quiet; stop silently if the reader closes the pipe."""
        self.progress("")
        if self.stdout is None:
            return
        try:
            _write(self.stdout, text)
        except BrokenPipeError:
            _discard(self.stdout)
        except OSError:
            _discard(self.stdout)
            raise

    def note(self, text: str) -> None:
        """Print a message, unless --quiet is set."""
        if not self.quiet:
            self.error(text)

    def error(self, text: str) -> None:
        """Print an error."""
        self.progress("")
        if self.stderr is None:
            return
        try:
            _write(self.stderr, text)
        except OSError:  # there is nowhere left to report it
            _discard(self.stderr)

    def progress(self, text: str, done: int = 0, steps: int = 0) -> None:
        """Show a terminal's user what is being done, and the time left if the number of steps is known.

        An empty text removes the bar.
        """
        if not self._watched:
            return
        if not text or steps != self._steps:
            if self._bar:
                self._bar.stop()
            self._bar, self._steps = None, steps
        if not text:
            return
        if self._bar is None:
            self._bar = _started_bar(self.stderr)
        self._bar.update(self._bar.task_ids[0], description=text, completed=done, total=steps or None)


def _started_bar(stream: TextIO | None) -> "Bar":
    """Return a new bar, which disappears when it is stopped."""
    from rich.console import Console  # 60 ms, which only a terminal's user waits for
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(file=stream), transient=True)
    bar.add_task("", total=None)
    try:
        bar.start()
    except BaseException:  # Ctrl-C: stopping a bar that has half started does not show the cursor that it has hidden
        bar.console.show_cursor()
        raise
    return bar


def argument_parser(
    script: str,
    description: str | None,
    example: str,
    statuses: Mapping[int, str],
    json_help: str = "print the result as JSON instead of text",
) -> argparse.ArgumentParser:
    """Return a parser whose help ends with an example and the exit statuses, including those of every command."""
    meanings = {0: "fine", 2: "could not run", **statuses, 130: "interrupted"}
    width = shutil.get_terminal_size().columns - 2  # as argparse wraps the options
    status_lines = "\n".join(
        textwrap.fill(what, width, initial_indent=f"  {number:<4} ", subsequent_indent=" " * 7)
        for number, what in sorted(meanings.items())
    )
    epilog = f"example:\n{example}\n\nexit status:\n{status_lines}"
    parser = _Parser(
        prog=script, description=textwrap.fill(description or "", width), epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"{script} {__version__}")
    parser.add_argument("--quiet", action="store_true", help="print only errors and what an option asks for")
    parser.add_argument("--json", action="store_true", help=json_help)
    return parser


def add_places(
    parser: argparse.ArgumentParser,
    *,
    data_dir: Callable[[str], object] = Path,
    contract: Path | None = CONTRACT,
    warehouse: str | None = None,
    out_dir: Path | None = None,
) -> None:
    """Add the options for files and folders; `data_dir` converts its value, `warehouse` is the help text."""
    add, beside = parser.add_argument, CONTRACT.relative_to(REPOSITORY).as_posix()
    add("--data_dir", type=data_dir, default=REPOSITORY / "data", help="folder of the daily files (default: data/)")
    add("--contract", type=Path, default=contract, help=f"contract of the files (default: {beside})")
    if warehouse:
        add("--warehouse", type=Path, help=warehouse)
    if out_dir:
        add("--out_dir", type=Path, default=out_dir, help="output folder (default: the script's own)")


def in_any_case(choices: Sequence[str]) -> Callable[[str], str]:
    """Return a function that returns the one of these words that a text is, in whatever case."""
    return lambda text: next((choice for choice in choices if choice.lower() == text.lower()), text)


def day(text: str) -> date:
    """Return the day that an option names."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day; write it like 2025-03-04") from None


def refuse_unused(
    parser: argparse.ArgumentParser, options: argparse.Namespace, mode: str, unused: Sequence[str]
) -> None:
    """Raise UserError if an option is given that `mode`, another option, would ignore."""
    given = [f"--{name}" for name in unused if getattr(options, name) != parser.get_default(name)]
    if given:
        raise UserError(f"{mode} does not use {' or '.join(given)}; leave {'them' if given[1:] else 'it'} out.")


def run(
    parser: argparse.ArgumentParser,
    command: Callable[[argparse.Namespace, Terminal], int],
    args: Sequence[str],
    stdout: TextIO | None,
    stderr: TextIO | None,
    advice: str = "choose another place",
) -> int:
    """Run a command and return its exit status; report an expected error as one sentence, without a traceback.

    Options may be spelled with dashes. `advice` ends the sentence about a file or disk that cannot be used.
    """
    _occupy_closed_descriptors(stdout, stderr)
    args = [re.sub(r"^--[a-z-]+", lambda m: "--" + m[0][2:].replace("-", "_"), a) for a in args]
    try:
        options = parser.parse_args(args)
    except SystemExit:  # --help, --version or an invalid option
        Terminal(sys.stdout, None).write("")
        raise
    terminal = Terminal(stdout, stderr, options.quiet, options.json)
    try:
        return command(options, terminal)
    except KeyboardInterrupt:
        sentence, status = "interrupted.", 130
    except Exception as error:
        explained = _explained(error, advice)
        if explained is None:
            raise
        sentence, status = explained
    finally:
        terminal.progress("")
    terminal.error(f"{parser.prog}: {sentence}")
    return status


def _explained(error: Exception, advice: str) -> tuple[str, int] | None:
    """Return the sentence and exit status for an error that is not a bug; None for a bug."""
    if isinstance(error, UserError):
        return str(error), error.status
    if isinstance(error, RuntimeError) and str(error) == "Query interrupted":  # DuckDB's error for Ctrl-C
        return "interrupted.", 130
    if isinstance(error, OSError):
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        full = error.errno in (None, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
        return f"{what}; {'free up disk space, or ' * full}{advice}.", 2
    if duckdb := sys.modules.get("duckdb"):
        first = (str(error).splitlines() or [""])[0].rstrip(".")
        if isinstance(error, duckdb.OutOfMemoryException):
            what = "there is not enough memory, or not enough disk for what does not fit into it"
            return f"{what}; free some, or set another --memory_limit.", 2
        # a full disk can fail a write or a commit, or invalidate the database
        if isinstance(error, (duckdb.IOException, duckdb.TransactionException, duckdb.FatalException)):
            return f"{first}; free up disk space, or {advice}.", 2
        if isinstance(error, (duckdb.InvalidInputException, duckdb.ParserException)):
            return f"{first}.", 2
    return None


def leave(status: int) -> NoReturn:
    """End the process at once: freeing DuckDB's tables takes 5% of a short run."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(status)


def _write(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))
    if text and not text.endswith("\n"):
        stream.write("\n")
    stream.flush()


def _discard(stream: TextIO) -> None:
    """Redirect a stream to the null device, so that flushing its buffer at exit cannot raise."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _occupy_closed_descriptors(*streams: TextIO | None) -> None:
    """Occupy the numbers of closed standard streams; a file that got one would receive a library's output."""
    if None not in (sys.stdin, *streams):
        return
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= 2:
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)
