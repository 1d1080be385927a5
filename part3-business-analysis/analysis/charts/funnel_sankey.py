"""Draw how far visitors got, and which of their steps are on record."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Polygon, Rectangle
from matplotlib.path import Path

from analysis.charts.style import BLUE, GREY, INK, ORANGE, SAND, SKY, TEXT, canvas, nothing_to_draw, text_width
from analysis.findings import Funnel, funnel
from analysis.gold import Gold
from analysis.intervals import wilson
from analysis.templating import STEP_WORDS, number_word, percent, period, title

WIDTH, HEIGHT = 1.3, 6.8  # of a block, of 100; of the figure, in inches
FADE = 11.0  # how far those who went no farther reach to the right, of 100
PLACES = {4: (0.0, 31.0, 60.0, 98.7), 3: (0.0, 46.0, 98.7), 2: (0.0, 98.7)}  # of the columns, by the number of steps
LONGEST = 1.3  # the first column's grey block, in heights of the second column; a longer one has an axis break
DARK_ORANGE = "#8a3b00"
HATCHED: dict[str, Any] = {"facecolor": "white", "edgecolor": ORANGE, "hatch": "//////", "linewidth": 1.0}


def draw(gold: Gold) -> Figure:
    """Draw the funnel; areas are proportional to visitors, except for a block with a visible break."""
    found = funnel(gold)
    notes = []
    if found.buyers:
        ordered = wilson(found.buyers, found.reached[0])
        notes.append(f"Ordered: {ordered.low:.2%} to {ordered.high:.2%} with 95% confidence.")
    if found.gaps:
        notes.append("A step that is not on record was skipped, as express checkouts do, or its event was lost.")
    if found.others:
        notes.append(f"{found.others:,} visitors with none of the {number_word(len(found.steps))} steps are left out.")
    subtitle = f"Visitors by the farthest step on record, {period(gold)}"
    figure, top = canvas(gold, HEIGHT, title("funnel", gold=gold), subtitle, " ".join(notes))
    if not found.reached[0]:
        return nothing_to_draw(figure, "No visit has been recorded yet.")
    _legend(figure, top, found)
    axes = figure.add_axes((0.04, 0.1, 0.92, top - 0.1 - 0.17))
    axes.set_axis_off()
    axes.set_xlim(0, 100)
    _draw_steps(axes, found)
    return figure


def _legend(figure: Figure, top: float, found: Funnel) -> None:
    """Say what the colours mean, in a row under the subtitle."""
    entries: list[tuple[str, dict[str, Any]]] = [("step on record", {"facecolor": BLUE})]
    if sum(found.reached) > sum(found.recorded):
        entries.append(("not on record, though a later step is", HATCHED))
    if any(found.leaving):
        entries.append(("went no farther", {"facecolor": GREY}))
    x = 0.04
    for words, style in entries:
        figure.add_artist(Rectangle((x, top - 0.014), 0.016, 0.02, transform=figure.transFigure, **style))
        figure.text(x + 0.022, top - 0.004, words, size=10, color=TEXT, va="center", gid="legend")
        x += 0.022 + text_width(figure, words, 10) + 0.03


@dataclass(frozen=True)
class Column:
    """The positions of a step's blocks: not on record on top, on record below it, with the part that continues."""

    x: float
    top: float
    missing: float
    onward: float
    gap: float

    @property
    def start(self) -> float:
        """Return the upper end of what is on record."""
        return self.top + self.missing + (self.gap if self.missing else 0)


def _draw_steps(axes: Axes, found: Funnel) -> None:
    last, leaving = len(found.steps) - 1, list(map(float, found.leaving))
    is_broken = leaving[0] > 2 * max(found.reached[1], 1)
    if is_broken:
        leaving[0] = LONGEST * max(found.reached[1], 1)
    height = found.reached[1] + leaving[0]
    columns: list[Column] = []
    for i, x in enumerate(PLACES[len(found.steps)]):
        missing = found.reached[i] - found.recorded[i]
        top = 0.0 if i == 0 else columns[-1].top + (height * 0.06 if i < last else 0)
        columns.append(Column(x, top, missing, found.reached[min(i + 1, last)] - missing, height * 0.012))
    deepest = max([height, *(c.top + c.gap + n for c, n in zip(columns[1:], found.reached[1:], strict=True))])
    axes.set_ylim(deepest * 1.05, -height * 0.02)
    for i in range(last):
        _flows(axes, found, i, columns)
    for i, column in enumerate(columns):
        is_last = i == last
        for y, size, style in (
            (column.top, column.missing, HATCHED),
            (column.start, column.onward, {"color": INK if is_last else BLUE, "linewidth": 0}),
            (column.start + column.onward, 0 if is_last else leaving[i], {"color": GREY, "linewidth": 0}),
        ):
            if size:
                axes.add_patch(Rectangle((column.x, y), WIDTH, size, zorder=4, **style))
        _step_label(axes, found, i, column)
        if not is_last and found.leaving[i]:
            _leavers(axes, column, leaving[i], found.leaving[i], found.reached[i], is_broken and i == 0)


def _flows(axes: Axes, found: Funnel, i: int, columns: Sequence[Column]) -> None:
    """Draw a band from each block to each block of the next step, in the order in which they stand."""
    here, there = columns[i], columns[i + 1]
    start, end = {False: here.top, True: here.start}, {False: there.top, True: there.start}
    for (step, source, target), size in sorted(found.flows.items()):
        if step == i:
            colour, alpha = (SKY, 0.75) if source and target else (SAND, 0.6)
            _band(axes, here.x + WIDTH, there.x, start[source], end[target], size, colour, alpha)
            start[source] += size
            end[target] += size


def _band(axes: Axes, x0: float, x1: float, y0: float, y1: float, size: float, colour: str, alpha: float) -> None:
    mid = (x0 + x1) / 2
    points = [
        (x0, y0), (mid, y0), (mid, y1), (x1, y1), (x1, y1 + size), (mid, y1 + size), (mid, y0 + size),
        (x0, y0 + size), (x0, y0),
    ]  # fmt: skip
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    axes.add_patch(PathPatch(Path(points, codes), facecolor=colour, alpha=alpha, linewidth=0, zorder=2))


def _leavers(axes: Axes, column: Column, size: float, leaving: int, of: int, is_broken: bool) -> None:
    """Let those who went no farther fade out to the right; a block that is cut short has a break through it."""
    top, x = column.start + column.onward, column.x + WIDTH
    grey = tuple(int(GREY[i : i + 2], 16) / 255 for i in (1, 3, 5))
    fading = [[(*grey, 0.55 * (1 - n / 255) ** 1.3) for n in range(256)]]
    axes.imshow(fading, extent=(x, x + FADE, top + size, top), aspect="auto", interpolation="bilinear", zorder=1)
    words = [f"{leaving:,} went no farther", f"{percent(leaving / of)} of those who got here"]
    if is_broken:
        words.append(f"cut at the break: to scale, {leaving / size:,.0f} times as long")
        low, rise, thick = top + 0.78 * size, 0.05 * size, 0.045 * size
        teeth = [(column.x - 0.8 + n * (WIDTH + FADE) / 8, low + rise * (n % 2)) for n in range(9)]
        lower = [(px, py + thick) for px, py in reversed(teeth)]
        axes.add_patch(Polygon([*teeth, *lower], color="white", linewidth=0, zorder=5, clip_on=False, gid="break"))
        for edge in (teeth, lower):
            axes.plot(*zip(*edge, strict=True), color=GREY, linewidth=1.0, zorder=6, clip_on=False)
    # In the middle of the block, or from its top where that is too thin: the band above must stay free.
    points = axes.get_ylim()[0] / (axes.get_position().height * HEIGHT * 72)
    y = top + max(0.0, ((0.72 if is_broken else 1) * size - 17 * len(words) * points) / 2)
    for n, (text, big, weight, colour) in enumerate(
        [(words[0], 12, "semibold", INK), *((text, 10, "regular", TEXT) for text in words[1:])]
    ):
        axes.annotate(
            text, (x + 1.6, y), xytext=(0, -3 - 17 * n), textcoords="offset points", size=big, weight=weight,
            color=colour, va="top", zorder=7,
        )  # fmt: skip


def _step_label(axes: Axes, found: Funnel, i: int, column: Column) -> None:
    """Write above a column how many got this far, and how many of them have the step not on record."""
    is_last = i == len(found.steps) - 1
    x, side = column.x + (WIDTH if is_last else 0), "right" if is_last else "left"
    words = STEP_WORDS[found.steps[i]] + (f", {percent(found.buyers / found.reached[0])}" if is_last else "")
    lines = [(f"{found.reached[i]:,}", 15, "semibold", INK), (words, 10.5, "regular", TEXT)]
    if column.missing and not is_last:
        lines.append((f"{column.missing:,.0f} of them not on record", 10, "medium", DARK_ORANGE))
    up = 6.0
    for text, size, weight, colour in reversed(lines):
        axes.annotate(
            text, (x, column.top), xytext=(0, up), textcoords="offset points", size=size, weight=weight, color=colour,
            ha=side, va="bottom", annotation_clip=False,
        )  # fmt: skip
        up += size + 3
