"""Draw the share of the shop's orders that were tracked, per day with its interval: tracking_coverage.png."""

from matplotlib.figure import Figure

from analysis.charts.days import day_axis, draw_line, draw_marks, grid, marks_height, place_marks
from analysis.charts.style import PALE, canvas, nothing_to_draw
from analysis.gold import Gold
from analysis.incidents import Quality
from analysis.intervals import wilson
from analysis.templating import title

LEFT, RIGHT, HEIGHT = 0.085, 0.955, 4.6


def draw(gold: Gold, quality: Quality) -> Figure:
    """Draw the days that have orders in the shop's list, with the incidents."""
    days = list(gold.coverage.index)
    subtitle = "Tracked orders of those in the shop's order list, per day. Band: 95% interval (Wilson)"
    figure, top = canvas(gold, HEIGHT, title("coverage", gold=gold), subtitle)
    if not days:
        nothing_to_draw(figure, "The order list has no order of these days.")
        return figure
    marks = place_marks(figure, (LEFT, RIGHT), days, quality.marks(hours=False))
    axes = figure.add_axes((LEFT, 0.19, RIGHT - LEFT, top - 0.19 - marks_height(marks) / HEIGHT))
    shares = [wilson(row.tracked, row.expected) for row in gold.coverage.itertuples()]
    day_axis(axes, days)
    axes.set_ylim(0, 1.06)
    grid(axes)
    axes.yaxis.set_major_formatter(lambda v, _: f"{v:.0%}")
    at = range(len(days))
    axes.fill_between(at, [s.low for s in shares], [s.high for s in shares], color=PALE, linewidth=0, zorder=0)
    draw_line(axes, [s.estimate for s in shares])
    draw_marks(axes, marks)
    return figure
