"""Draw the small charts of the page as SVG: a metric with its expected range, and a segment's days."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from markupsafe import Markup

WIDTH, HEIGHT, MARGIN = 3200, 840, 50  # of a chart, in its own units, so that coordinates are short whole numbers
WIDEST = 2.5  # an expected range is drawn up to this many times the largest value


class Dot(NamedTuple):
    """A day of a metric; with no expected value if there was too little history."""

    day: date
    value: float | None
    expected: float | None = None
    low: float | None = None
    high: float | None = None
    is_alarm: bool = False
    words: str = ""


class Frame(NamedTuple):
    """The days and the values that a chart spans."""

    first: date
    last: date
    least: float
    most: float

    def x(self, day: date) -> int:
        days = max((self.last - self.first).days, 1)
        return MARGIN + (WIDTH - 2 * MARGIN) * (day - self.first).days // days

    def y(self, value: float) -> int:
        share = (min(max(value, self.least), self.most) - self.least) / (self.most - self.least)
        return round(HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * share)


def frame(dots: Sequence[Dot], first: date, last: date) -> Frame:
    """Return the frame of a chart, which starts at zero and shows the expected range unless that dwarfs the values."""
    values = [v for d in dots for v in (d.value, d.expected) if v is not None]
    largest = max((d.value for d in dots if d.value is not None), default=0.0)
    highs = [d.high for d in dots if d.high is not None and (not largest or d.high <= largest * WIDEST)]
    return Frame(first, last, min([0.0, *values]), max([*values, *highs], default=0.0) or 1.0)


def chart(dots: Sequence[Dot], within: Frame, label: str) -> Markup:
    """Return the values as a line, the expected range as a band behind it, and alarms as dots that name their day."""
    parts = [Markup('<path class="band" d="{}"/>').format(_band(run, within)) for run in _runs(dots, "low")]
    for name in ("expected", "value"):
        parts += [Markup('<path class="{}" d="{}"/>').format(name, _line(r, name, within)) for r in _runs(dots, name)]
    for dot in dots:
        if dot.is_alarm and dot.value is not None:
            circle = Markup('<circle cx="{}" cy="{}" r="30"><title>{}</title></circle>')
            parts.append(circle.format(within.x(dot.day), within.y(dot.value), dot.words))
    whole = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
    return whole.format(WIDTH, HEIGHT, label, Markup("").join(parts))


def _runs(dots: Sequence[Dot], name: str) -> list[list[Dot]]:
    """Return the runs of consecutive days that have a value of this name."""
    runs: list[list[Dot]] = []
    for dot in (d for d in dots if getattr(d, name) is not None):
        if runs and (dot.day - runs[-1][-1].day).days == 1:
            runs[-1].append(dot)
        else:
            runs.append([dot])
    return runs


def _line(run: Sequence[Dot], name: str, within: Frame) -> str:
    points = [f"{within.x(d.day)} {within.y(getattr(d, name))}" for d in run]
    return f"M{'L'.join(points)}" + ("h1" if len(run) == 1 else "")  # so that a single day is visible


def _band(run: Sequence[Dot], within: Frame) -> str:
    above = [f"{within.x(d.day)} {within.y(d.high or 0.0)}" for d in run]
    below = [f"{within.x(d.day)} {within.y(d.low or 0.0)}" for d in reversed(run)]
    return f"M{'L'.join(above + below)}Z"
