"""Draw what all pictures over time have: the axis of days, the line of values, and the marks of incidents."""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.charts.style import BLUE, INK, MUTED, RULE, SKY, figure_of, shortened, text_width
from analysis.incidents import Incident
from event_data.output import day_name

MANY_DAYS = 60  # more are drawn as a 7-day mean, with the days behind it
EDGE = 0.96  # no text reaches farther right, as a fraction of the figure's width


def day_axis(axes: Axes, days: Sequence[date], labels: bool = True) -> None:
    """Draw days on x as 0, 1, 2...: each is named when there is room, else Mondays, else months."""
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


def draw_line(axes: Axes, values: Sequence[float], subject: int = 0) -> None:
    """Draw daily values, the first `subject` of them in grey; many days as their 7-day mean."""
    if len(values) > MANY_DAYS:
        axes.plot(values, color=SKY, linewidth=0.8, zorder=2, gid="days")
        axes.plot(pd.Series(values).rolling(7, min_periods=1).mean().tolist(), color=BLUE, linewidth=2.4, zorder=3)
        return
    style: dict[str, Any] = {
        "linewidth": 2.6, "marker": "o", "markersize": 7, "markeredgecolor": "white", "solid_joinstyle": "round",
    }  # fmt: skip
    if subject:
        axes.plot(range(subject + 1), values[: subject + 1], color=MUTED, zorder=3, gid="days before", **style)
    axes.plot(range(subject, len(values)), values[subject:], color=BLUE, zorder=4, gid="days", **style)


class Mark(NamedTuple):
    """An incident on a drawing: the position of its line (in days), its text, and where the text starts (0 to 1)."""

    x: float
    text: str
    start: float
    row: int


def day_axes(
    figure: Figure, left: float, right: float, bottom: float, top: float, days: Sequence[date],
    incidents: Sequence[Incident], labels: bool = True,
) -> tuple[Axes, list[Mark]]:  # fmt: skip
    """Return axes of days with a grid, and the marks of incidents, whose names stand above the axes and below `top`."""
    marks = place_marks(figure, (left, right), days, incidents)
    room = 0.06 + 0.21 * max([mark.row + 1 for mark in marks], default=0)
    axes = figure.add_axes((left, bottom, right - left, top - bottom - room / figure.get_figheight()))
    day_axis(axes, days, labels)
    axes.locator_params(axis="y", nbins=5)
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", labelsize=10.5)
    draw_marks(axes, marks)
    return axes, marks


def place_marks(
    figure: Figure, box: tuple[float, float], days: Sequence[date], incidents: Sequence[Incident], rows: int = 5
) -> list[Mark]:
    """Return the marks of incidents above a drawing that spans box[0] to box[1] of the figure's width.

    A name is placed below the names that extend over its line, so that no line crosses a name. An incident that does
    not fit is left out; the summary's table has it.
    """
    placed: list[Mark] = []
    for incident in [i for i in incidents if i.since in days]:
        x = days.index(incident.since) - 0.5
        at = box[0] + (box[1] - box[0]) * (x + 0.6) / (max(len(days), 1) + 0.2)
        text = shortened(figure, f"{day_name(incident.since)}: {incident.label}", 9.5, "medium", EDGE - box[0])
        start = min(at + 0.005, EDGE - text_width(figure, text, 9.5, "medium"))
        ends = [(m.start + text_width(figure, m.text, 9.5, "medium"), m.row) for m in placed]
        row = max([r + 1 for end, r in ends if end > start - 0.01], default=0)
        if row < rows:
            placed.append(Mark(x, text, start, row))
    return placed


def draw_marks(axes: Axes, marks: Sequence[Mark]) -> None:
    """Draw a dotted line where each incident began, up to its name."""
    figure = figure_of(axes)
    box, last = axes.get_position(), max([mark.row for mark in marks], default=0)
    for mark in marks:
        up = (0.05 + 0.21 * (last - mark.row)) / figure.get_figheight()
        axes.plot(
            [mark.x, mark.x], [0, 1 + (up + 0.03 / figure.get_figheight()) / box.height],
            transform=axes.get_xaxis_transform(), color=INK, linewidth=1.1, clip_on=False, linestyle=(0, (1.5, 2)),
            zorder=1.1,
        )  # fmt: skip
        figure.text(
            mark.start, box.y1 + up, mark.text, size=9.5, weight="medium", color=INK, va="bottom", gid="incident"
        )
