"""The pictures of shares of a whole: how far visitors got, and what is known of where revenue came from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, PathPatch, Rectangle, Wedge
from matplotlib.path import Path

from analysis.charts.style import (
    BLUE,
    GREY,
    INK,
    MUTED,
    ORANGE,
    PALE,
    SAND,
    SKY,
    TEXT,
    canvas,
    nothing_to_draw,
    period,
    spread,
    two_lines,
)
from analysis.findings import Funnel, evidence, funnel
from analysis.gold import Gold
from analysis.intervals import wilson
from analysis.templating import number_word, percent, title
from event_data.output import count

WIDTH = 1.3  # of a block of the funnel, of 100
STEP_WORDS = {
    "page_view": "viewed a page", "cart": "added to cart", "checkout": "started checkout", "order": "ordered",
}  # fmt: skip
# Where the columns stand, by the number of steps.
PLACES = {4: (0.0, 31.0, 60.0, 98.7), 3: (0.0, 46.0, 98.7), 2: (0.0, 98.7)}
REASON_WORDS = {
    "known": "channel known", "direct only": "direct visits only", "no touch in the window": "no visit in the window",
    "window cut off": "data start too late to tell", "no id": "no id on the order",
}  # fmt: skip
REASON_COLOURS = {
    "known": BLUE, "window cut off": PALE, "direct only": SKY, "no touch in the window": SAND, "no id": ORANGE,
}  # fmt: skip


def draw_funnel(gold: Gold) -> Figure:
    found = funnel(gold)
    subtitle = (
        f"Visitors by the farthest step on record, {period(gold)}. Hatched: not recorded, though a later step was"
    )
    # Those who only browse would press all else into a line: their block is drawn smaller, and the note says so.
    further = max(found.reached[1], 1)
    ratio = (found.reached[0] - found.reached[1]) / further
    shrink = (
        1 if ratio <= 2 else next(s for n in range(9) for s in (2 * 10**n, 5 * 10**n, 10 ** (n + 1)) if ratio / s <= 2)
    )
    notes = [f"The grey block of the first column is drawn {shrink} times smaller." if shrink > 1 else ""]
    if found.buyers:
        ordered = wilson(found.buyers, found.reached[0])
        notes.append(f"Ordered: {ordered.low:.2%} to {ordered.high:.2%} with 95% confidence.")
    if gold.sign_up_only:
        notes.append(
            f"{gold.sign_up_only:,} visitors with none of the {number_word(len(found.steps))} steps are left out."
        )
    figure, top = canvas(gold, 6.4, title("funnel", gold=gold), subtitle, " ".join(n for n in notes if n))
    if not found.reached[0]:
        nothing_to_draw(figure, "No visit has been recorded yet.")
        return figure
    axes = figure.add_axes((0.04, 0.09, 0.92, top - 0.09 - 0.09))
    axes.set_axis_off()
    _draw_steps(axes, found, shrink)
    return figure


@dataclass(frozen=True)
class Column:
    """The positions of a step's blocks: unrecorded on top, recorded below it, with the part that continues."""

    x: float
    top: float
    missing: float
    onward: float
    gap: float

    @property
    def start(self) -> float:
        """The upper end of what was recorded."""
        return self.top + self.missing + (self.gap if self.missing else 0)


def _draw_steps(axes: Axes, found: Funnel, shrink: int) -> None:
    last = len(found.steps) - 1
    leaving = [found.reached[i] - found.reached[i + 1] for i in range(last)]
    height = found.reached[1] + leaving[0] / shrink if found.reached[1] else leaving[0] / shrink
    axes.set_xlim(0, 100)
    xs = PLACES[len(found.steps)]
    columns: list[Column] = []
    for i in range(last + 1):
        missing = found.reached[i] - found.recorded[i]
        onward = found.reached[min(i + 1, last)] - missing
        top = 0.0 if i == 0 else columns[-1].top + (height * 0.06 if i < last else 0)
        columns.append(Column(xs[i], top, missing, onward, height * 0.012))
    deepest = max([height, *(c.top + c.gap + n for c, n in zip(columns[1:], found.reached[1:], strict=True))])
    axes.set_ylim(deepest * 1.04, -height * 0.02)
    for i in range(last):
        _flows(axes, found, i, columns)
    for i, column in enumerate(columns):
        _block(axes, column, leaving[i] / (shrink if i == 0 else 1) if i < last else 0, i == last)
        _step_label(axes, found, i, column)
    for i in range(last):
        if leaving[i]:
            words = "after viewing pages" if found.steps[i] == "page_view" else "of those here"
            _leavers(axes, columns[i], leaving[i], shrink if i == 0 else 1, found.reached[i], words)


def _block(axes: Axes, column: Column, leaving: float, last: bool) -> None:
    if column.missing:
        axes.add_patch(
            Rectangle(
                (column.x, column.top), WIDTH, column.missing, facecolor="white", edgecolor=ORANGE, hatch="//////",
                linewidth=1.0, zorder=4,
            )
        )  # fmt: skip
    start = column.start
    axes.add_patch(
        Rectangle((column.x, start), WIDTH, column.onward, color=INK if last else BLUE, linewidth=0, zorder=4)
    )
    if leaving:
        axes.add_patch(Rectangle((column.x, start + column.onward), WIDTH, leaving, color=GREY, linewidth=0, zorder=4))


def _flows(axes: Axes, found: Funnel, i: int, columns: Sequence[Column]) -> None:
    """From each block to each block of the next step, in the order in which they stand."""
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


def _leavers(axes: Axes, column: Column, leaving: int, shrink: int, of: int, words: str) -> None:
    """Those who went no farther fade out to the right."""
    top = column.start + column.onward
    size, reach = leaving / shrink, 11.0
    # Grey that fades: an image a pixel high, whose opacity falls to nothing.
    grey = tuple(int(GREY[i : i + 2], 16) / 255 for i in (1, 3, 5))
    fading = [[(*grey, 0.55 * (1 - n / 255) ** 1.3) for n in range(256)]]
    x = column.x + WIDTH
    axes.imshow(fading, extent=(x, x + reach, top + size, top), aspect="auto", interpolation="bilinear", zorder=1)
    axes.text(
        column.x + WIDTH + 1.6, top + size / 2, f"{leaving:,} left", size=12, weight="semibold", color=INK,
        va="bottom", zorder=6,
    )  # fmt: skip
    share = f"{leaving / of:.0%} {words}" if words.startswith("of") else f"{leaving / of:.1%}, {words}"
    axes.text(column.x + WIDTH + 1.6, top + size / 2, share, size=10, color=TEXT, va="top", zorder=6)


def _step_label(axes: Axes, found: Funnel, i: int, column: Column) -> None:
    right = i == len(found.steps) - 1
    x = column.x + (WIDTH if right else 0)
    head = f"{found.reached[i]:,}"
    axes.annotate(
        head, (x, column.top), xytext=(0, 19), textcoords="offset points", size=15, weight="semibold", color=INK,
        ha="right" if right else "left", va="bottom", annotation_clip=False,
    )  # fmt: skip
    # A block too thin to be written beside is told of in the words above it.
    is_thin = column.missing < 0.03 * abs(axes.get_ylim()[0])
    words = STEP_WORDS[found.steps[i]] + (f", {found.reached[-1] / found.reached[0]:.1%}" if right else "")
    if column.missing and is_thin and not right:
        words += f"; {column.missing:,.0f} unrecorded"
    axes.annotate(
        words, (x, column.top), xytext=(0, 6), textcoords="offset points", size=10.5, color=TEXT,
        ha="right" if right else "left", va="bottom", annotation_clip=False,
    )  # fmt: skip
    if column.missing and not right and not is_thin:
        axes.annotate(
            f"{column.missing:,.0f} of them unrecorded", (column.x + WIDTH, column.top + column.missing / 2),
            xytext=(6, 0), textcoords="offset points", size=10, weight="medium", color="#8a3b00", va="center",
            zorder=7,
        )  # fmt: skip


def draw_evidence(gold: Gold) -> Figure:
    what = "Revenue of counted orders" if gold.roles.has_amount else "Counted orders"
    subtitle = f"{what}, {period(gold)}, by what is known of where each order came from"
    days = f"{number_word(gold.window_days)} day{'s' * (gold.window_days > 1)}"
    note = f"A channel is known when a visit in the {days} before the order has a source other than direct."
    figure, top = canvas(gold, 5.0, title("evidence", gold=gold), subtitle, note)
    if not gold.sold:
        what = "revenue" if gold.roles.has_amount else "order"
        nothing_to_draw(figure, f"No {what} has been recorded yet.")
        return figure
    for n, (reading, words) in enumerate((("as_tracked", "As dashboards saw it"), ("healed", "After the repair"))):
        axes = figure.add_axes((0.022 + 0.486 * n, 0.075, 0.47, top - 0.075))
        _donut(axes, gold, evidence(gold, reading), words)
    arrow = FancyArrowPatch(
        (0.488, 0.39), (0.514, 0.39), transform=figure.transFigure, arrowstyle="-|>", mutation_scale=18,
        linewidth=2.2, color=MUTED,
    )  # fmt: skip
    figure.add_artist(arrow)
    return figure


def _donut(axes: Axes, gold: Gold, parts: dict[str, Decimal], words: str) -> None:
    axes.set_axis_off()
    axes.set_aspect("equal")
    axes.set_xlim(-2.4, 2.4)
    axes.set_ylim(-1.42, 1.72)
    axes.text(0, 1.68, words, size=12.5, weight="semibold", color=INK, ha="center", va="top")
    whole, angle, labels = float(gold.sold), 90.0, []
    for reason, amount in parts.items():
        if amount <= 0:
            continue
        sweep = float(amount) / whole * 360
        axes.add_patch(
            Wedge(
                (0, 0), 1.05, angle - sweep, angle, width=0.36, facecolor=REASON_COLOURS.get(reason, GREY),
                edgecolor=MUTED if reason == "window cut off" else "white",
                hatch="////" if reason == "window cut off" else None,
                linewidth=0 if reason == "window cut off" else 2,
            )
        )  # fmt: skip
        middle = math.radians(angle - sweep / 2)
        labels.append((reason, amount, math.cos(middle), math.sin(middle)))
        angle -= sweep
    known = parts["known"] / gold.sold
    axes.text(0, 0.17, percent(float(known)), size=25, weight="semibold", color=BLUE, ha="center", va="center")
    axes.text(
        0, -0.21, f"of {_sold(gold)} a\nknown channel", size=9.5, color=TEXT, ha="center",
        va="center", linespacing=1.3,
    )  # fmt: skip
    for side in (1, -1):
        _labels(axes, [one for one in labels if (one[2] >= 0) == (side > 0)], side, gold)


def _sold(gold: Gold) -> str:
    """Return what was sold with its verb: revenue, or orders if they have no amount."""
    if gold.roles.has_amount:
        return f"{gold.currency.short(gold.sold)} has"
    return f"{count(gold.orders, 'order')} {'has' if gold.orders == 1 else 'have'}"


def _labels(axes: Axes, labels: Sequence[tuple[str, Decimal, float, float]], side: int, gold: Gold) -> None:
    """Labels of one side, moved apart where they would collide, each joined to its part."""
    whole = float(gold.sold)
    ordered = sorted(labels, key=lambda one: one[3])
    heights = spread([1.22 * one[3] for one in ordered], 0.66, -1.1, 1.2)
    for (reason, amount, x, y), height in zip(ordered, heights, strict=True):
        axes.plot(
            [1.06 * x, side * 1.17, side * 1.27], [1.06 * y, height, height], color=GREY, linewidth=1.1,
            solid_joinstyle="round",
        )  # fmt: skip
        sold = gold.currency.short(float(amount)) if gold.roles.has_amount else f"{amount:,.0f}"
        axes.text(
            side * 1.31, height + 0.02, f"{percent(float(amount) / whole)}  {sold}", size=12,
            weight="semibold", color=INK, ha="left" if side > 0 else "right", va="bottom",
        )  # fmt: skip
        axes.text(
            side * 1.31, height - 0.02, two_lines(REASON_WORDS.get(reason, reason), longest=16), size=9.2, color=TEXT,
            ha="left" if side > 0 else "right", va="top", linespacing=1.25,
        )  # fmt: skip
