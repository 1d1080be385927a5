"""Style every picture: type, colours, title, source line, and labels that do not overlap."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import matplotlib
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis.gold import Gold
from event_data.output import count

# Okabe and Ito's colours: distinct to the colour-blind and, by their lightness, in grey.
BLUE, SKY, ORANGE, SAND = "#0060a0", "#8fc6ea", "#d55e00", "#f2b880"
INK, TEXT, MUTED, RULE, PALE = "#16191d", "#3d434b", "#6b727b", "#dfe3e7", "#eef2f6"
GREY = "#b9bfc6"
DPI, WIDTH = 200, 10.0


def use_style() -> None:
    """Set matplotlib up without a display; the fonts come with the code, so that all machines draw the same."""
    matplotlib.use("Agg")
    # A letter that neither font has is drawn as a box.
    warnings.filterwarnings("ignore", message="Glyph .* missing from font")
    for font in sorted((Path(__file__).parent / "fonts").glob("*.otf")):
        font_manager.fontManager.addfont(str(font))
        # The medium and semibold files name a family of their own. First in the list, they win over a system's Inter.
        entries = font_manager.fontManager.ttflist
        entries.insert(0, replace(entries.pop(), name="Inter"))
    matplotlib.rcParams.update(
        {
            "font.family": ["Inter", "DejaVu Sans"], "font.size": 11, "text.color": TEXT,
            "text.parse_math": False,  # a dollar is a dollar, not the start of a formula
            "axes.edgecolor": GREY, "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False,
            "xtick.color": MUTED, "ytick.color": MUTED,
            "ytick.major.size": 0, "xtick.major.size": 3, "hatch.linewidth": 0.8,
        }
    )  # fmt: skip


def canvas(gold: Gold, height: float, title: str, subtitle: str, note: str = "") -> tuple[Figure, float]:
    """Return a figure with title, subtitle and source line, and how high (0 to 1) the drawing may reach."""
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    left, y = 0.04, 1 - 0.34 / height
    for text, size, weight, colour in ((title, 16, "semibold", INK), (subtitle, 11, "regular", TEXT)):
        for line in balanced(figure, text, size, weight, 0.92):
            figure.text(left, y, line, size=size, weight=weight, color=colour, va="top")
            y -= size * 1.42 / 72 / height
        y -= 0.04 / height
    lines = wrapped(figure, source_line(gold) + (" " + note if note else ""), 8.5, "regular", 0.92)
    for number, line in enumerate(reversed(lines)):
        figure.text(left, (0.16 + 0.16 * number) / height, line, size=8.5, color=MUTED, va="bottom")
    return figure, y - 0.12 / height


def wrapped(figure: Figure, text: str, size: float, weight: str, width: float) -> list[str]:
    """Return the text in lines that fit a width, a fraction of the figure's."""
    if text and text_width(figure, text, size, weight) <= width:
        return [text]
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and text_width(figure, longer, size, weight) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line] if line else lines


def balanced(figure: Figure, text: str, size: float, weight: str, width: float) -> list[str]:
    """Return the text in as few lines as fit a width, none much shorter than the others."""
    lines = wrapped(figure, text, size, weight, width)
    while len(lines) > 1 and width > 0.4:
        narrower = wrapped(figure, text, size, weight, width - 0.03)
        if len(narrower) > len(lines):
            break
        lines, width = narrower, width - 0.03
    return lines


def two_lines(words: str, longest: int) -> str:
    """Return the words, broken at the space nearest their middle if they have more letters than that."""
    spaces = [i for i, c in enumerate(words) if c == " "]
    if len(words) <= longest or not spaces:
        return words
    middle = min(spaces, key=lambda i: abs(i - len(words) / 2))
    return words[:middle] + "\n" + words[middle + 1 :]


def text_width(figure: Figure, text: str, size: float, weight: str = "regular") -> float:
    """Return the width of a text, as a fraction of the figure's width."""
    return _inches(text, size, weight) / float(figure.get_figwidth())


@cache
def _inches(text: str, size: float, weight: str) -> float:
    """Return the width of a text; cached, as measuring is slow."""
    probe = Text(0, 0, text, size=size, weight=weight, figure=_probe().figure)
    renderer = _probe().get_renderer()  # type: ignore[no-untyped-call]
    return float(probe.get_window_extent(renderer).width / DPI)


@cache
def _probe() -> FigureCanvasAgg:
    return FigureCanvasAgg(Figure(figsize=(1, 1), dpi=DPI))


def shortened(figure: Figure, text: str, size: float, weight: str, width: float) -> str:
    """Return the text, cut to fit a width, a fraction of the figure's."""
    kept = text
    while len(kept) > 1 and text_width(figure, kept, size, weight) > width:
        kept = kept.removesuffix("…")[:-1].rstrip() + "…"
    return kept


def source_line(gold: Gold) -> str:
    """Return the names of the files, and how many days between them have none."""
    names = gold.sources
    if not names:
        return "Source: no files yet."
    source = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}, {count(len(names), 'file')}"
    if gold.has_files_of_many_days:
        source += f", {count(len(gold.days), 'day')}"
    missing = len(gold.missing_days)
    return f"Source: {source}" + (f"; {count(missing, 'day')} between without" if missing else "") + "."


def figure_of(axes: Axes) -> Figure:
    """Return the figure that axes stand in."""
    assert isinstance(axes.figure, Figure)
    return axes.figure


def save(draw: Callable[[], Figure], path: Path) -> None:
    """Draw a picture and write it, with the same bytes each time: no date and no version in them."""
    draw().savefig(path, format="png", dpi=DPI, metadata={"Software": None})


def nothing_to_draw(figure: Figure, message: str) -> Figure:
    """Return the picture, which says in its middle why there is nothing else."""
    figure.text(0.5, 0.45, message, size=13, color=MUTED, ha="center", va="center")
    return figure


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return positions as near to those wanted (ascending) as they can be, `gap` apart and within low to high."""
    placed: list[float] = []
    for position in wanted:
        placed.append(max(position, placed[-1] + gap if placed else low))
    if placed and placed[-1] > high:
        ceiling = high
        for i in range(len(placed) - 1, -1, -1):
            placed[i] = min(placed[i], ceiling)
            ceiling = placed[i] - gap
    return placed
