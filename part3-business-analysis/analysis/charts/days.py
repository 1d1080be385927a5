"""The pictures over time: revenue a day, and the volume of events beside the shares that broke."""

from collections.abc import Callable, Sequence
from datetime import date

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from analysis.charts.style import (
    BLUE,
    MUTED,
    ORANGE,
    PALE,
    RULE,
    TEXT,
    canvas,
    day_axis,
    draw_marks,
    figure_of,
    marks_height,
    nothing_to_draw,
    place_marks,
    text_width,
)
from analysis.findings import Change
from analysis.gold import Gold
from analysis.incidents import Incident, Quality
from analysis.intervals import mean_interval, robust_band
from analysis.templating import percent, title
from event_data.output import day_name

Short = Callable[[float], str]  # writes revenue or a number of orders
# More than so many are a line without dots.
MANY_DAYS = 60


def draw_sales(gold: Gold, quality: Quality, changes: Sequence[Change]) -> Figure:
    """Draw revenue by day, or orders if they have no amount."""
    has_amount = gold.roles.has_amount
    what = "Revenue of counted orders" if has_amount else "Counted orders"
    subtitle = f"{what} a day. Lines and bands: mean of each period, with its 95% interval"
    figure, top = canvas(gold, 5.6, title("revenue", gold=gold, changes=changes), subtitle)
    if not gold.orders:
        nothing_to_draw(figure, "No order has been recorded yet.")
        return figure
    shown = quality.marks(hours=False)
    days, values = [d.day for d in gold.days], [d.revenue if has_amount else float(d.orders) for d in gold.days]
    short = gold.currency.short if has_amount else _number
    # Many days have the mean's name beside them.
    right = 0.93 if len(days) > MANY_DAYS else 0.96
    marks = place_marks(figure, (0.085, right), days, shown)
    axes = figure.add_axes((0.085, 0.155, right - 0.085, top - 0.155 - marks_height(marks) / 5.6))
    day_axis(axes, days)
    axes.set_ylim(0, max([*values, 1]) * 1.26)
    _axis_of_sales(axes, short)
    since = next((c.incident.since for c in changes if c.incident.severity == "P0"), None)
    _means(axes, days, values, since, short)
    _line(axes, values)
    _extremes(axes, days, values, [mark.x for mark in marks], short)
    draw_marks(axes, marks)
    return figure


def _number(orders: float) -> str:
    """Return a number of orders, or their mean, with one digit at most."""
    return f"{orders:,.1f}".removesuffix(".0")


def _means(axes: Axes, days: Sequence[date], values: Sequence[float], since: date | None, short: Short) -> None:
    """The mean before and from the gravest incident on; one mean when there is none."""
    cut = days.index(since) if since in days else 0
    for start, end in ((0, cut), (cut, len(days))):
        if end <= start:
            continue
        mean = mean_interval(values[start:end])
        x = [start - 0.5, end - 0.5]
        if mean.high < float("inf"):
            axes.fill_between(x, [max(mean.low, 0)] * 2, [mean.high] * 2, color=PALE, linewidth=0, zorder=0)
        axes.plot(x, [mean.estimate] * 2, color=MUTED, linewidth=1.4, zorder=1)
        if end - start < len(days) / 10:
            continue
        # Beside a line of many days; else under the band, or on the mean where the band reaches the days' names.
        is_crowded, is_low = len(days) > MANY_DAYS, mean.low < 0.12 * axes.get_ylim()[1]
        axes.annotate(
            f"mean{chr(10) if is_crowded else ' '}{short(mean.estimate)}",
            (x[1] if is_crowded else x[0], mean.estimate if is_crowded or is_low else mean.low),
            xytext=(4, 0 if is_crowded else 3 if is_low else -4), textcoords="offset points", size=10, color=MUTED,
            va="center" if is_crowded else "bottom" if is_low else "top", annotation_clip=False, zorder=5,
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )  # fmt: skip


def _line(axes: Axes, values: Sequence[float]) -> None:
    many = len(values) > MANY_DAYS
    axes.plot(values, color=BLUE, linewidth=1.3 if many else 2.6, zorder=3, solid_joinstyle="round")
    if not many:
        axes.plot(values, linestyle="", marker="o", markersize=7, color=BLUE, markeredgecolor="white", zorder=4)


def _extremes(axes: Axes, days: Sequence[date], values: Sequence[float], lines: Sequence[float], short: Short) -> None:
    """The best and the worst day, by name, beside the lines of incidents (in days) and not across them."""
    figure = figure_of(axes)
    if len(set(values)) < 2:
        if any(values):
            axes.annotate(
                short(values[0]), (0, values[0]), xytext=(0, 10), textcoords="offset points", size=11,
                weight="medium", color=BLUE, ha="center", va="bottom",
            )  # fmt: skip
        return
    for pick in (max, min):
        at = values.index(pick(values))
        if values.count(values[at]) > 1:
            continue
        below = pick is min and values[at] > 0.15 * max(values)
        name = f"{days[at]:%a} {day_name(days[at])}"
        half = text_width(figure, name, 11, "medium") / axes.get_position().width * len(values) / 2
        # From the left edge or a line to the right edge or a line; in the middle where it fits.
        low = max([-0.6, *(x + 0.1 for x in lines if x < at)])
        high = min([len(values) - 0.4, *(x - 0.1 for x in lines if x > at)])
        axes.annotate(
            f"{short(values[at])}\n{name}", (at, values[at]),
            xytext=(max(min(at, high - half), low + half), -9 if below else 9), textcoords=("data", "offset points"),
            size=11, weight="medium", color=BLUE, ha="center", va="top" if below else "bottom", linespacing=1.2,
            zorder=6, path_effects=[withStroke(linewidth=3, foreground="white")],
        )  # fmt: skip


def _axis_of_sales(axes: Axes, short: Short) -> None:
    _grid(axes)
    axes.yaxis.set_major_formatter(lambda v, _: short(float(v)).replace(".0", "") if v else "0")


def _grid(axes: Axes) -> None:
    axes.locator_params(axis="y", nbins=5)
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", labelsize=10.5)


def draw_volume(gold: Gold, quality: Quality) -> Figure:
    strips = quality.marks(hours=False)
    height = 5.0 + 1.05 * len(strips)
    subtitle = "Events a day, crawlers among them" if gold.roles.has_devices else "Events a day"
    if len(gold.days) >= 7:
        subtitle += "; band: median ± 3 robust standard deviations"
    if strips:
        subtitle += ". Below: shares that fail a check"
    figure, top = canvas(gold, height, title("volume", gold=gold, quality=quality), subtitle)
    if not gold.days:
        nothing_to_draw(figure, "No day has been loaded yet.")
        return figure
    days = [d.day for d in gold.days]
    bottom, strip = 0.8 / height, 1.05 / height
    base = bottom + strip * len(strips) + (0.12 / height if strips else 0)
    marks = place_marks(figure, (0.085, 0.82), days, quality.marks(hours=True))
    axes = figure.add_axes((0.085, base, 0.735, top - base - marks_height(marks) / height))
    day_axis(axes, days, labels=not strips)
    _events(axes, gold)
    draw_marks(axes, marks)
    for n, incident in enumerate(strips):
        box = (0.085, bottom + strip * (len(strips) - 1 - n), 0.735, 0.55 / height)
        panel = figure.add_axes(box)
        day_axis(panel, days, labels=n == len(strips) - 1)
        _strip(panel, days, incident)
    return figure


def _events(axes: Axes, gold: Gold) -> None:
    values = [float(d.events) for d in gold.days]
    band = robust_band(values)
    if band:
        axes.axhspan(*band, color=PALE, zorder=0)
        axes.text(
            0.01, band[0], "usual range", size=9.5, color=MUTED, va="bottom", transform=axes.get_yaxis_transform()
        )
    _grid(axes)
    _line(axes, values)
    axes.set_ylim(0, max([*values, band[1] if band else 0, 1]) * 1.08)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(lambda v, _: f"{v:,.0f}")
    axes.text(
        1.015, values[-1], f"events\n{values[-1]:,.0f}", size=11, weight="medium", color=BLUE, va="center",
        transform=axes.get_yaxis_transform(), linespacing=1.25,
    )  # fmt: skip


def _strip(axes: Axes, days: Sequence[date], incident: Incident) -> None:
    """The share of failures by day, filled, with the day on which they began."""
    x = [i for i, day in enumerate(days) if day in incident.shares]
    y = [incident.shares[days[i]] for i in x]
    axes.bar(x, y, width=1.0 if len(days) > MANY_DAYS else 0.82, color=ORANGE, linewidth=0, zorder=2)
    ceiling = 1.0 if max(y) > 0.5 else max(y) * 1.15 or 1.0
    axes.set_ylim(0, ceiling)
    axes.set_yticks([0, 1.0] if ceiling == 1.0 else [0, max(y)])
    axes.yaxis.set_major_formatter(lambda v, _: f"{v:.0%}")
    axes.tick_params(axis="y", labelsize=9.5)
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    figure = figure_of(axes)
    draw_marks(axes, place_marks(figure, (0.085, 0.82), days, [incident]))
    axes.text(
        1.015, 0.5, f"{incident.name}\n{percent(y[-1])} last day", size=9.5, color=TEXT, va="center",
        transform=axes.transAxes, linespacing=1.3,
    )  # fmt: skip
