"""Output for every part: atomic file writes, safe text, tables, paragraphs, and page templates."""

import io
import os
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import jinja2

TEMPLATES = Path(__file__).with_name("templates")
FORMULA = "=+@\t\r-"  # first characters that a spreadsheet reads as a formula (OWASP, CSV injection)
# The colour of a status or a severity: for a terminal, and for rich.
COLOURS = {
    "RED": ("1;31", "bold red"), "YELLOW": ("1;33", "bold yellow"), "GREEN": ("1;32", "bold green"),
    "P0": ("1;31", "bold red"), "P1": ("1;33", "bold yellow"), "P2": ("33", "yellow"),
}  # fmt: skip


def write_atomically(path: Path, content: str | Callable[[Path], object]) -> Path:
    """Write a file in one step, by way of a temporary file, and return its path; `content` is a text or a writer."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if isinstance(content, str):
            beside.write_text(content, encoding="utf-8", newline="")
        else:
            content(beside)
        beside.replace(path)
    except OSError as error:
        if str(error.filename) == str(beside):
            error.filename = str(path)  # the path that the user knows
        raise
    finally:
        beside.unlink(missing_ok=True)
    return path


def short_path(path: Path) -> str:
    """Return the path relative to the current folder if it is below it."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive
        return str(path)
    return str(path) if relative.startswith("..") else relative


def spreadsheet_safe(text: str) -> str:
    """Return the text, with an apostrophe in front if a spreadsheet would run it as a formula."""
    return "'" + text if text[:1] and text[0] in FORMULA else text


def printable(text: str, instead: str = "?") -> str:
    """Return the text with its control characters replaced, so that data cannot control the terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else instead for c in text)


def count(number: int, noun: str) -> str:
    """Return a number with its noun: 1 file, 1,234 files."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def day_name(day: date) -> str:
    """Return a day as 27 Feb."""
    return f"{day.day} {day:%b}"


def verdict(status: str, colour: bool) -> str:
    """Return a word that is a status or a severity, coloured if the terminal supports it."""
    code, _ = COLOURS.get(status, ("1;36", ""))
    return f"\033[{code}m{status}\033[0m" if colour else status


def paragraph(text: str, width: int, indent: int = 0, hanging: int | None = None) -> str:
    """Return the text wrapped to the width; `hanging` indents the second and later lines."""
    later = indent if hanging is None else hanging
    return fill(printable(text), width, initial_indent=" " * indent, subsequent_indent=" " * later)


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str | Sequence[str]]],
    width: int,
    right: Collection[int] = (),
    indent: int = 2,
    colour: bool = False,
) -> list[str]:
    """Return the lines of a table as wide as it needs to be, at most `width`.

    Columns in `right` are right-aligned and whole, the others wrap. A cell may be several paragraphs. With `colour`,
    cells that are a status or a severity are coloured.
    """
    from rich.console import Console  # takes 30 ms
    from rich.table import Table
    from rich.text import Text

    def cell(content: str | Sequence[str]) -> Text:
        if isinstance(content, str):
            return Text(printable(content), style=COLOURS.get(content, ("", "none"))[1])
        return Text("\n".join(map(printable, content)))

    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="none")
    for number, heading in enumerate(headings):
        drawn.add_column(
            Text(heading), justify="right" if number in right else "left", no_wrap=number in right, overflow="fold"
        )
    for row in rows:
        drawn.add_row(*map(cell, row))
    text = io.StringIO()
    system: Literal["standard"] | None = "standard" if colour else None
    console = Console(
        file=text, width=width - indent, color_system=system, force_terminal=colour, legacy_windows=False,
        no_color=False,
    )  # fmt: skip
    console.print(drawn)
    return [(" " * indent + line).rstrip() for line in text.getvalue().splitlines()]


def templates(
    folder: Path, autoescape: bool = False, finalize: Callable[[object], object] | None = None, **options: Any
) -> "jinja2.Environment":
    """Return the templates of a folder, including those that all parts share."""
    import jinja2  # takes 40 ms

    kind = f"{autoescape} {finalize.__qualname__ if finalize else ''}"
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, TEMPLATES]), bytecode_cache=_bytecode_cache(folder, kind),
        autoescape=autoescape, finalize=finalize, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True, **options,
    )  # fmt: skip


def _bytecode_cache(folder: Path, kind: str) -> "jinja2.BytecodeCache | None":
    """Return where compiled templates are kept, as Python keeps its modules; None where that cannot be written.

    A template is compiled differently for each way to escape, which `kind` names: one compiled for plain text must
    not be used for a page.
    """
    import jinja2

    class Cache(jinja2.FileSystemBytecodeCache):
        def get_cache_key(self, name: str, filename: str | None = None) -> str:
            return super().get_cache_key(f"{kind} {name}", filename)

        def dump_bytecode(self, bucket: "jinja2.bccache.Bucket") -> None:
            with suppress(OSError):  # as on a full disk: it is compiled again next time
                super().dump_bytecode(bucket)

    place = folder / "__pycache__"
    try:
        place.mkdir(exist_ok=True)
    except OSError:
        return None
    return Cache(str(place)) if os.access(place, os.W_OK) else None
