"""Draw the share of the shop's orders that were tracked, per day with its interval: tracking_coverage.png."""

from matplotlib.figure import Figure

from analysis.charts.days import day_axes, draw_line
from analysis.charts.style import PALE, canvas, nothing_to_draw
from analysis.gold import Gold
from analysis.incidents import Quality
from analysis.intervals import wilson
from analysis.templating import title

LEFT, RIGHT = 0.085, 0.955


def draw(gold: Gold, quality: Quality) -> Figure:
    """Draw the days that have orders in the shop's list, with the incidents."""
    days = list(gold.coverage.index)
    subtitle = "Tracked orders of those in the shop's order list, per day. Band: 95% interval (Wilson)"
    figure, top = canvas(gold, 4.6, title("coverage", gold=gold), subtitle)
    if not days:
        return nothing_to_draw(figure, "The order list has no order of these days.")
    axes, _ = day_axes(figure, LEFT, RIGHT, 0.19, top, days, quality.marks(hours=False))
    shares = [wilson(row.tracked, row.expected) for row in gold.coverage.itertuples()]
    axes.set_ylim(0, 1.06)
    axes.yaxis.set_major_formatter(lambda v, _: f"{v:.0%}")
    at = range(len(days))
    axes.fill_between(at, [s.low for s in shares], [s.high for s in shares], color=PALE, linewidth=0, zorder=0)
    draw_line(axes, [s.estimate for s in shares])
    return figure
