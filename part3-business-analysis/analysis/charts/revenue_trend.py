"""Draw revenue per day, or orders if they have no amount: revenue_trend.png or orders_trend.png."""

from collections.abc import Callable, Sequence
from datetime import date

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from analysis.charts.days import EDGE, MANY_DAYS, Mark, day_axes, draw_line
from analysis.charts.style import BLUE, MUTED, PALE, canvas, figure_of, nothing_to_draw, text_width
from analysis.findings import Change
from analysis.gold import Gold
from analysis.incidents import Quality
from analysis.intervals import mean_interval
from analysis.templating import title
from event_data.output import day_name

LEFT, RIGHT = 0.085, 0.9


def draw(gold: Gold, quality: Quality, changes: Sequence[Change]) -> Figure:
    """Draw the days of the report after those of the period before, with the mean of each and the incidents."""
    before = gold.before.days if gold.before else gold.days.iloc[:0]
    shown = pd.concat([before, gold.days])
    days, values = list(shown.index), shown[gold.sales].astype(float).tolist()
    what = "Revenue of counted orders" if gold.roles.has_amount else "Counted orders"
    subtitle = f"{what} per day. Lines and bands: mean of each period, with its 95% interval"
    if len(days) > MANY_DAYS:
        subtitle = f"{what}: days, and their 7-day mean. Lines and bands: mean, with its 95% interval"
    elif gold.before:
        subtitle += f". Grey: the {len(before)} days before"
    figure, top = canvas(gold, 5.6, title("revenue", gold=gold, changes=changes), subtitle)
    if not gold.orders:
        return nothing_to_draw(figure, "No order has been recorded yet.")
    axes, marks = day_axes(figure, LEFT, RIGHT, 0.155, top, days, quality.marks(hours=False))
    axes.set_ylim(0, max([*values, 1]) * 1.26)
    axes.yaxis.set_major_formatter(lambda v, _: gold.short(float(v)).replace(".0", "") if v else "0")
    grave = next((c.incident.since for c in changes if c.incident and c.incident.severity == "P0"), None)
    cut = len(before) or (days.index(grave) if grave in days else 0)
    for start, end in ((0, cut), (cut, len(days))):
        if end > start:
            _mean(axes, start, end, values, gold.short)
    draw_line(axes, values, len(before))
    if len(days) <= MANY_DAYS:
        _extremes(axes, days, values, marks, gold.short)
    return figure


def _mean(axes: Axes, start: int, end: int, values: Sequence[float], short: Callable[[float], str]) -> None:
    """Draw the mean of some days with its interval; the last one has its amount beside the axes."""
    mean, x = mean_interval(values[start:end]), [start - 0.5, end - 0.5]
    if mean.is_bounded:
        axes.fill_between(x, [max(mean.low, 0)] * 2, [mean.high] * 2, color=PALE, linewidth=0, zorder=0)
    axes.plot(x, [mean.estimate] * 2, color=MUTED, linewidth=1.4, zorder=1)
    if end == len(values):
        axes.text(
            1.01, mean.estimate, f"mean\n{short(mean.estimate)}", size=10, color=MUTED, va="center", linespacing=1.2,
            transform=axes.get_yaxis_transform(),
        )  # fmt: skip


def _extremes(
    axes: Axes, days: Sequence[date], values: Sequence[float], marks: Sequence[Mark], short: Callable[[float], str]
) -> None:
    """Write the best and the worst day beside the lines of incidents (in days) and within the axes."""
    figure, box = figure_of(axes), axes.get_position()
    for pick in (max, min):
        at = values.index(pick(values))
        # A low day near zero has no room below it, and above it is the line.
        if (values.count(values[at]) > 1 and len(values) > 1) or (pick is min and values[at] < 0.18 * max(values)):
            continue
        below = pick is min and len(values) > 1
        name = f"{days[at]:%a} {day_name(days[at])}"
        width = max(text_width(figure, text, 11, "medium") for text in (name, short(values[at])))
        half = width / box.width * (len(values) + 0.2) / 2
        # From the left edge or a line to the right edge or a line; in the middle where it fits.
        right = (EDGE - box.x0) / box.width * (len(values) + 0.2) - 0.6
        low = max([-0.6, *(m.x + 0.1 for m in marks if m.x < at)]) + half
        high = min([right, *(m.x - 0.1 for m in marks if m.x > at)]) - half
        place = max(min(at, high), low) if low <= high else min(max(at, half - 0.6), right - half)
        axes.annotate(
            f"{short(values[at])}\n{name}", (at, values[at]), xytext=(place, -9 if below else 9),
            textcoords=("data", "offset points"), size=11, weight="medium", color=BLUE, ha="center",
            va="top" if below else "bottom", linespacing=1.2, zorder=6,
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )  # fmt: skip
        if len(values) == 1:
            break
