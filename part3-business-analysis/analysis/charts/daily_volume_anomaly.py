"""Draw the events per day in their usual range, and below them the shares that fail a check."""

from collections.abc import Sequence
from datetime import date

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.charts.days import EDGE, MANY_DAYS, day_axes, day_axis, draw_line, draw_marks, place_marks
from analysis.charts.style import BLUE, MUTED, ORANGE, PALE, RULE, TEXT, canvas, figure_of, nothing_to_draw, shortened
from analysis.findings import usual_volume
from analysis.gold import Gold
from analysis.incidents import Incident, Quality
from analysis.templating import percent, title

LEFT, RIGHT = 0.085, 0.82


def draw(gold: Gold, quality: Quality) -> Figure:
    """Draw the volume, with a strip for each fault that began."""
    days, strips = list(gold.days.index), quality.marks(hours=False)
    height = 5.0 + 1.05 * len(strips)
    band = usual_volume(gold)
    subtitle = "Events per day, crawlers included" if gold.roles.has_devices else "Events per day"
    if len(days) > MANY_DAYS:
        subtitle += ", and their 7-day mean"
    if band:
        subtitle += "; band: usual range (median and robust deviations)"
    if strips:
        subtitle += ". Below: shares that fail a check"
    figure, top = canvas(gold, height, title("volume", gold=gold, quality=quality), subtitle)
    if not days:
        return nothing_to_draw(figure, "No day has been loaded yet.")
    bottom, strip = 0.8 / height, 1.05 / height
    base = bottom + strip * len(strips) + (0.12 / height if strips else 0)
    axes, _ = day_axes(figure, LEFT, RIGHT, base, top, days, quality.marks(hours=True), labels=not strips)
    _events(axes, gold.days["events"].tolist(), band)
    for n, incident in enumerate(strips):
        panel = figure.add_axes((LEFT, bottom + strip * (len(strips) - 1 - n), RIGHT - LEFT, 0.55 / height))
        day_axis(panel, days, labels=n == len(strips) - 1)
        _strip(panel, days, incident)
    return figure


def _events(axes: Axes, values: Sequence[int], band: tuple[float, float] | None) -> None:
    if band:
        axes.axhspan(*band, color=PALE, zorder=0)
    draw_line(axes, list(map(float, values)))
    axes.set_ylim(0, max([*values, band[1] if band else 0, 1]) * 1.08)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(lambda v, _: f"{v:,.0f}")
    axes.text(
        1.015, values[-1], f"{values[-1]:,.0f}\non the last day", size=9.5, weight="medium", color=BLUE, va="center",
        transform=axes.get_yaxis_transform(), linespacing=1.25,
    )  # fmt: skip
    if band and abs(band[1] - values[-1]) > 0.2 * axes.get_ylim()[1]:
        axes.text(1.015, band[1], "usual range", size=9.5, color=MUTED, va="top", transform=axes.get_yaxis_transform())


def _strip(axes: Axes, days: Sequence[date], incident: Incident) -> None:
    """Draw the share of failures by day, with the day on which they began."""
    x = [i for i, day in enumerate(days) if day in incident.shares]
    y = [incident.shares[days[i]] for i in x]
    axes.bar(x, y, width=1.0 if len(days) > MANY_DAYS else 0.82, color=ORANGE, linewidth=0, zorder=2)
    ceiling = 1.0 if max(y) > 0.5 else max(y) * 1.15 or 1.0
    axes.set_ylim(0, ceiling)
    axes.set_yticks([0, 1.0] if ceiling == 1.0 else [0, max(y)])
    axes.yaxis.set_major_formatter(lambda v, _: percent(float(v)))
    axes.tick_params(axis="y", labelsize=9.5)
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    draw_marks(axes, place_marks(figure_of(axes), (LEFT, RIGHT), days, [incident]))
    name = shortened(figure_of(axes), incident.name, 9.5, "regular", EDGE - RIGHT - 0.01)
    axes.text(
        1.015, 0.5, f"{name}\n{percent(y[-1])} last day", size=9.5, color=TEXT, va="center",
        transform=axes.transAxes, linespacing=1.3,
    )  # fmt: skip
