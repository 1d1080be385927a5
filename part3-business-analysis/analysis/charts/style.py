"""Style every picture: type, colours, title, source line, and labels that do not overlap."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import matplotlib
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis.gold import Gold
from analysis.incidents import Incident
from event_data.output import day_name

# Okabe and Ito's colours, told apart by the colour-blind and, by their lightness, in grey.
BLUE, SKY, ORANGE, SAND = "#0060a0", "#8fc6ea", "#d55e00", "#f2b880"
INK, TEXT, MUTED, RULE, PALE = "#16191d", "#3d434b", "#6b727b", "#dfe3e7", "#eef2f6"
GREY = "#b9bfc6"
DPI, WIDTH = 200, 10.0


def use_style() -> None:
    """Set matplotlib up without a display; the type comes with the code, so that every machine draws alike."""
    matplotlib.use("Agg")
    # A letter that neither has is drawn as a box.
    warnings.filterwarnings("ignore", message="Glyph .* missing from font")
    for font in sorted((Path(__file__).parent / "fonts").glob("*.otf")):
        font_manager.fontManager.addfont(str(font))
        # Medium and semibold call themselves families of their own; and an Inter of the machine's own is not drawn.
        entries = font_manager.fontManager.ttflist
        entries.insert(0, replace(entries.pop(), name="Inter"))
    matplotlib.rcParams.update(
        {
            "font.family": ["Inter", "DejaVu Sans"],
            "font.size": 11,
            # A dollar is a dollar, not the start of a formula.
            "text.parse_math": False,
            "text.color": TEXT,
            "axes.edgecolor": GREY,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.spines.left": False,
            "xtick.color": MUTED,
            "ytick.color": MUTED,
            "ytick.major.size": 0,
            "xtick.major.size": 3,
            "hatch.linewidth": 0.8,
            "svg.hashsalt": "part3",
        }
    )


def canvas(gold: Gold, height: float, title: str, subtitle: str, note: str = "") -> tuple[Figure, float]:
    """A figure with title, subtitle and source line; returns it and how high (0 to 1) the drawing may reach."""
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    left, y = 0.04, 1 - 0.34 / height
    for text, size, weight, colour in ((title, 16, "semibold", INK), (subtitle, 11, "regular", TEXT)):
        for line in wrapped(figure, text, size, weight, 0.93):
            figure.text(left, y, line, size=size, weight=weight, color=colour, va="top")
            y -= size * 1.42 / 72 / height
        y -= 0.04 / height
    lines = wrapped(figure, source_line(gold) + (" " + note if note else ""), 8.5, "regular", 0.93)
    for number, line in enumerate(reversed(lines)):
        figure.text(left, (0.16 + 0.16 * number) / height, line, size=8.5, color=MUTED, va="bottom")
    return figure, y - 0.12 / height


def wrapped(figure: Figure, text: str, size: float, weight: str, width: float) -> list[str]:
    """Text in lines that fit the figure's width (a fraction of it)."""
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


def two_lines(words: str, longest: int) -> str:
    """Words broken at the space nearest their middle, if they have more letters than that."""
    spaces = [i for i, c in enumerate(words) if c == " "]
    if len(words) <= longest or not spaces:
        return words
    middle = min(spaces, key=lambda i: abs(i - len(words) / 2))
    return words[:middle] + "\n" + words[middle + 1 :]


def text_width(figure: Figure, text: str, size: float, weight: str = "regular") -> float:
    """Return the width of a text, as a fraction of the figure's width."""
    canvas = figure.canvas if isinstance(figure.canvas, FigureCanvasAgg) else FigureCanvasAgg(figure)
    probe = Text(0, 0, text, size=size, weight=weight, figure=figure)
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    return float(probe.get_window_extent(renderer).width / figure.bbox.width)


def source_line(gold: Gold) -> str:
    if not gold.files:
        return "Source: no files yet."
    files = list(dict.fromkeys(file.source for file in gold.files))
    names = files[0] if len(files) == 1 else f"{files[0]} to {files[-1]}, {len(files)} files"
    if gold.has_files_of_many_days:
        names += f", {len(gold.days)} day{'s' if len(gold.days) > 1 else ''}"
    missing = len(gold.missing_days)
    return (
        f"Source: {names}" + (f"; {missing} day{'s' if missing > 1 else ''} between without" if missing else "") + "."
    )


def figure_of(axes: Axes) -> Figure:
    """Return the figure that axes stand in."""
    assert isinstance(axes.figure, Figure)
    return axes.figure


def save(figure: Figure, path: Path) -> None:
    """Write the same bytes each time: no date and no version in them."""
    figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None})


def nothing_to_draw(figure: Figure, message: str) -> None:
    figure.text(0.5, 0.45, message, size=13, color=MUTED, ha="center", va="center")


def period(gold: Gold) -> str:
    if not gold.days:
        return "no days"
    first, last = gold.days[0].day, gold.days[-1].day
    if first == last:
        return f"{first.day} {first:%b %Y}"
    head = f"{first.day} {first:%b}" + (f" {first.year}" if first.year != last.year else "")
    return f"{head} – {last.day} {last:%b %Y}"


def day_axis(axes: Axes, days: Sequence[date], labels: bool = True) -> None:
    """Days on x as 0, 1, 2...: each named when there is room, else weeks or months."""
    count = len(days)
    if count <= 16:
        marks = list(range(count))
    elif count <= 70:
        marks = [i for i, d in enumerate(days) if d.weekday() == 0]
    else:
        step = max(1, round(count / 365))
        marks = [i for i, d in enumerate(days) if d.day == 1 and (d.month - 1) % step == 0]
    names, month = [], None
    for i in marks:
        day = days[i]
        under = f"\n{day:%b}" if day.month != month else ""
        year = f" {day.year}" if month is None and days[0].year != days[-1].year else ""
        names.append(
            f"{day.day}{under}{year}"
            if count <= 70
            else f"{day:%b}" + ("\n" + str(day.year) if day.month == 1 or month is None else "")
        )
        month = day.month
    axes.set_xticks(marks, names if labels else [""] * len(marks), size=10.5)
    axes.set_xlim(-0.6, max(count, 1) - 0.4)


@dataclass(frozen=True)
class Mark:
    """An incident on a drawing: where its line stands (in days), its words, and where these start (0 to 1)."""

    x: float
    text: str
    start: float
    row: int


def place_marks(
    figure: Figure, box: tuple[float, float], days: Sequence[date], incidents: Sequence[Incident], rows: int = 5
) -> list[Mark]:
    """Rows for the incidents' names above a drawing that reaches from box[0] to box[1] of the figure's width.

    Each stands under the names that reach over its line, so that no line runs through a name. One that finds no row is
    left out; it stands in the summary's table.
    """
    placed: list[Mark] = []
    ends: list[tuple[float, int]] = []
    for incident in [i for i in incidents if i.since in days]:
        x = days.index(incident.since) - 0.5
        at = box[0] + (box[1] - box[0]) * (x + 0.6) / (max(len(days), 1) + 0.2)
        text = f"{day_name(incident.since)}: {incident.label}"
        width = text_width(figure, text, 9.5, "medium")
        start = min(at + 0.005, 0.99 - width)
        row = max([r + 1 for end, r in ends if end > start - 0.01], default=0)
        if row < rows:
            placed.append(Mark(x, text, start, row))
            ends.append((start + width, row))
    return placed


def marks_height(marks: Sequence[Mark]) -> float:
    """Inches that the names of incidents take above a drawing."""
    return 0.06 + 0.21 * max([mark.row + 1 for mark in marks], default=0)


def draw_marks(axes: Axes, marks: Sequence[Mark]) -> None:
    """A dotted line where each incident began, up to its name."""
    figure = figure_of(axes)
    box, last = axes.get_position(), max([mark.row for mark in marks], default=0)
    for mark in marks:
        up = (0.05 + 0.21 * (last - mark.row)) / figure.get_figheight()
        axes.plot(
            [mark.x, mark.x], [0, 1 + (up + 0.03 / figure.get_figheight()) / box.height],
            transform=axes.get_xaxis_transform(), color=INK, linewidth=1.1, clip_on=False, linestyle=(0, (1.5, 2)),
            zorder=1,
        )  # fmt: skip
        figure.text(
            mark.start, box.y1 + up, mark.text, size=9.5, weight="medium", color=INK, va="bottom", gid="incident"
        )


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions as near to those wanted (ascending) as they can be, `gap` apart and within low to high."""
    placed: list[float] = []
    for position in wanted:
        placed.append(max(position, placed[-1] + gap if placed else low))
    if placed and placed[-1] > high:
        ceiling = high
        for i in range(len(placed) - 1, -1, -1):
            placed[i] = min(placed[i], ceiling)
            ceiling = placed[i] - gap
    return placed
