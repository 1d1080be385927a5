"""Read the texts and numbers of the pictures and the page, and compute the numbers that they should have."""

import re
from datetime import date
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from analysis.gold import Gold
from analysis.incidents import Quality
from analysis_arithmetic import wilson_bounds
from analysis_reference import Model, Reference
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle, Wedge
from matplotlib.text import Text
from matplotlib.transforms import Bbox

REASONS = ("known", "window cut off", "direct only", "no touch in the window", "no id")


def texts_of(figure: Figure) -> list[Text]:
    """Return the texts of a picture without those of its axes' marks."""
    texts = [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]
    return [text for text in texts if text.get_text().strip()]


def misplaced(figure: Figure) -> list[str]:
    """Return the texts that leave the canvas, lie over another text, or cover the dots of a line."""
    figure.draw_without_rendering()
    canvas = figure.bbox
    marks = [
        label
        for axes in figure.axes
        for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim()))
        for place, label in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True)
        if axes.axison and min(low, high) <= place <= max(low, high)
    ]
    boxes = [(t.get_text(), t.get_window_extent()) for t in (*texts_of(figure), *marks) if t.get_text().strip()]
    found = [
        f"{text!r} leaves the canvas"
        for text, box in boxes
        if min(box.x0, box.y0, canvas.x1 - box.x1, canvas.y1 - box.y1) < 0
    ]
    # The halves of a pixel that type needs above and below its letters may touch.
    tight = [(text, Bbox.from_extents(b.x0 + 2, b.y0 + 5, b.x1 - 2, b.y1 - 5)) for text, b in boxes]
    found += [f"{a!r} lies over {b!r}" for (a, one), (b, other) in combinations(tight, 2) if one.overlaps(other)]
    for axes in figure.axes:
        lines = [line for line in axes.lines if line.get_marker() == "o"]
        dots = [axes.transData.transform(point) for line in lines for point in np.asarray(line.get_xydata())]
        found += [f"{text!r} covers a day" for text, box in tight for x, y in dots if box.contains(x, y)]
    return found


def wrong_marks(figure: Figure, days: list[date]) -> list[str]:
    """Return the marks of the axes that do not say where they are: a day at its number, a number at itself."""
    figure.draw_without_rendering()
    wrong = []
    for axes in [axes for axes in figure.axes if axes.axison]:
        for axis in (axes.xaxis, axes.yaxis):
            for place, label in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True):
                text = label.get_text()
                if text and not (_is_number(text, float(place)) or (axis is axes.xaxis and _is_day(text, place, days))):
                    wrong.append(f"{text!r} is at {place}")
    return wrong


def _is_number(text: str, place: float) -> bool:
    """Return whether a mark says its place, to the digits that it shows: a count, an amount or a share."""
    found = re.fullmatch(r"\$?([\d,]+(?:\.\d+)?)([kM%]?)", text)
    if not found:
        return False
    scale = {"k": 1e3, "M": 1e6, "%": 0.01}.get(found[2], 1.0)
    half = scale * 10 ** -len(found[1].partition(".")[2]) / 2
    return bool(abs(float(found[1].replace(",", "")) * scale - place) <= half * (1 + 1e-6) + 1e-9)


def _is_day(text: str, place: float, days: list[date]) -> bool:
    """Return whether a mark names its day and month, or of many days the month and the year."""
    if not 0 <= round(place) < len(days):
        return False
    day, words = days[round(place)], text.split("\n")
    named = {str(day.day), f"{day.day} {day.year}", f"{day:%b}", f"{day:%b} {day.year}", str(day.year)}
    return set(words) <= named and (len(days) > 70 or words[0].split()[0] == str(day.day))


def drawn(name: str, figure: Figure) -> list[float]:
    """Return what a picture draws rather than writes, in the units of its axes."""
    first = figure.axes[0]
    if name == "attribution_loss_pie.png":
        return [(w.theta2 - w.theta1) / 360 for axes in figure.axes for w in axes.patches if isinstance(w, Wedge)]
    if name == "funnel_sankey.png":
        return [r.get_height() for r in first.patches if isinstance(r, Rectangle) and r.get_hatch()]
    if name == "device_cvr.png":
        bars = [line.get_xdata() for line in first.lines if line.get_linewidth() in (7, 11)]
        return [float(x) for bar in bars for x in np.ravel(bar)]
    line = next(line for line in first.lines if line.get_gid() == "days")
    heights = [r.get_height() for axes in figure.axes[1:] for r in axes.patches if isinstance(r, Rectangle)]
    return [*map(float, np.ravel(line.get_ydata())), *heights]


def should_draw(name: str, of: Reference, quality: Quality, right: float) -> list[float]:
    """Return the same, recomputed; intervals that reach beyond the right end of their axis (`right`) are cut there."""
    if name == "attribution_loss_pie.png":
        readings = ("as_tracked", "healed") if of.gained > 0.005 else ("healed",)
        return [of.known[r][k][1] / of.revenue for r in readings for k in REASONS if of.known[r].get(k, (0, 0))[1]]
    if name == "funnel_sankey.png":
        return [r - k for r, k in zip(of.reached(), of.recorded(), strict=True) if r > k]
    if name == "device_cvr.png":
        bounds = [wilson_bounds(c, n) for _, c, n in device_rows(of)]
        return [x for low, high in bounds for x in (low, min(high, right))]
    if name == "revenue_trend.png":
        return [of.daily[d]["revenue"] for d in of.days]
    bars = [i.shares[d] for i in quality.marks(hours=False) for d in of.days if d in i.shares]
    return [of.daily[d]["events"] for d in of.days] + bars


def device_rows(of: Reference) -> list[tuple[str, int, int]]:
    """Return the rows of devices and systems that are shown: name, sessions with an order, sessions."""
    rows: list[tuple[str, int, int]] = []
    for name, counts in sorted(of.segments["device"].items(), key=lambda d: (-d[1][1], d[0])):
        parts = [(s, *v) for (d, s), v in of.crossed.items() if d == name and v[1] >= 100]
        rows += [(name, *counts), *(sorted(parts, key=lambda r: (-r[2], r[0])) if len(parts) > 1 else [])]
    return ([r for r in rows if r[2] >= 100] or rows)[:12]


def page_numbers(data: dict[str, Any], gold: Gold) -> dict[str, Any]:
    """Return what the figures of the page draw."""
    figures = data["figures"]
    swings = figures["tornado"]["data"] if "tornado" in figures else [{"customdata": [], "y": []}] * 2
    return {
        "revenue": [_cents(v) for v in figures["trend"]["data"][0]["y"]],
        "orders": figures["trend"]["data"][-1]["y"],
        "events": figures["volume"]["data"][0]["y"],
        "hours": figures["heat"]["data"][0]["z"],
        "flows": sorted(figures["funnel"]["data"][0]["link"]["value"]),
        "known": sorted(_cents(v) for ring in figures["evidence"]["data"] for v in ring["values"]) if gold.sold else [],
        "credits": sorted((*way, _cents(revenue), round(orders, 2)) for *way, orders, revenue in data["attribution"]),
        "tornado": sorted(
            (name, _cents(low), _cents(high))
            for name, low, high in zip(swings[0]["y"], swings[0]["customdata"], swings[1]["customdata"], strict=True)
        ),
    }


def right_numbers(model: Model) -> dict[str, Any]:
    """Return what the figures should draw, in the shape of `page_numbers`."""
    of = model.of
    flows: dict[tuple[int, bool, bool], int] = {}
    for *seen, n in of.paths:
        for step in range(3):
            if n and any(seen[step + 1 :]):
                key = (step, seen[step], seen[step + 1])
                flows[key] = flows.get(key, 0) + n
    reached = of.reached()
    leaving = [here - there for here, there in pairwise(reached) if here > there]
    readings = ("as_tracked", "healed") if of.gained > 0.005 else ("healed",)
    return {
        "revenue": [_cents(of.daily[d]["revenue"]) for d in of.days],
        "orders": [int(of.daily[d]["orders"]) for d in of.days],
        "events": [int(of.daily[d]["events"]) for d in of.days],
        "hours": [[of.hours.get((d, h), 0) for h in range(24)] for d in of.days],
        "flows": sorted([*flows.values(), *leaving]),
        "known": sorted(_cents(a) for r in readings for _, a in of.known[r].values() if a and of.revenue),
        "credits": sorted(
            (*way, _cents(amount), round(orders, 2)) for way, (orders, amount) in of.credits.items() if orders or amount
        ),
        # Without revenue that the repair of ids labels, the model has nothing to rest on and is absent.
        "tornado": sorted(
            (label, _cents(low), _cents(high)) for label, low, high in model.swings() if of.gained > 0.005
        ),
    }


def _cents(amount: float) -> float:
    """Return an amount of which half a cent falls the same way by whatever route it was reached."""
    return round(amount + 1e-6, 2)
