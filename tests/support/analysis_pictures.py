"""What the pictures and the page say and draw, read from them, and what they should draw."""

import html
import json
import re
from collections.abc import Callable, Hashable
from datetime import date
from html.parser import HTMLParser
from typing import Any

import numpy as np
from analysis.incidents import Quality
from analysis_arithmetic import wilson_bounds
from analysis_reference import Model, Reference
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle, Wedge
from matplotlib.text import Annotation, Text

REASONS = ("known", "window cut off", "direct only", "no touch in the window", "no id")
Key = Callable[[Text], Hashable]


def _place(text: Text) -> tuple[float, float]:
    """Where a text belongs, in the units of its drawing."""
    x, y = text.xy if isinstance(text, Annotation) else text.get_position()
    return round(float(x), 4), round(float(y), 4)


def _beside_donut(text: Text) -> Hashable:
    """Its amount and its name stand on either side of one height; what stands in the middle belongs together."""
    side, (_, y) = text.get_horizontalalignment(), _place(text)
    lift = {"bottom": -0.02, "top": 0.02}.get(text.get_verticalalignment(), 0)
    return side if side == "center" else (side, round(y + lift, 2))


# Texts of one drawing that are read together.
TOGETHER: dict[str, Key] = {
    "funnel_sankey.png": _place,
    "revenue_trend.png": id,
    "attribution_loss_pie.png": _beside_donut,
    "device_cvr.png": lambda t: id(t) if getattr(t, "xycoords", "data") != "data" else _place(t)[1],
    "daily_volume_anomaly.png": id,
}


def picture_texts(name: str, figure: Figure) -> list[str]:
    """Every text of a picture but the marks of its axes; the lines of title, subtitle and notes by size of type."""
    by_size: dict[float | str, list[tuple[float, str]]] = {}
    for number, text in enumerate(figure.texts):
        key = f"incident {number}" if text.get_gid() == "incident" else text.get_fontsize()
        by_size.setdefault(key, []).append((-text.get_position()[1], text.get_text()))
    found = [" ".join(line for _, line in sorted(lines, key=lambda one: one[0])) for lines in by_size.values()]
    for axes in figure.axes:
        groups: dict[Hashable, list[str]] = {}
        for text in axes.texts:
            groups.setdefault(TOGETHER[name](text), []).append(text.get_text())
        found += [" ".join(" ".join(words).split()) for words in groups.values()]
    return found


def wrong_marks(figure: Figure, days: list[date]) -> list[str]:
    """Marks of the axes that do not say where they stand: a day at its number, a number at itself."""
    figure.canvas.draw()
    told = []
    for axes in [axes for axes in figure.axes if axes.axison]:
        for axis in (axes.xaxis, axes.yaxis):
            for place, label in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True):
                text = label.get_text()
                if text and not (_is_number(text, float(place)) or (axis is axes.xaxis and _is_day(text, place, days))):
                    told.append(f"{text!r} stands at {place}")
    return told


def _is_number(text: str, place: float) -> bool:
    """Whether a mark says its place, to the digits that it shows: a count, an amount or a share."""
    found = re.fullmatch(r"\$?([\d,]+(?:\.\d+)?)([kM%]?)", text)
    if not found:
        return False
    scale = {"k": 1e3, "M": 1e6, "%": 0.01}.get(found[2], 1.0)
    half = scale * 10 ** -len(found[1].partition(".")[2]) / 2
    return bool(abs(float(found[1].replace(",", "")) * scale - place) <= half * (1 + 1e-6) + 1e-9)


def _is_day(text: str, place: float, days: list[date]) -> bool:
    """Day and month, or of many days the month and the year."""
    if not 0 <= round(place) < len(days):
        return False
    day, words = days[round(place)], text.split("\n")
    return set(words) <= {str(day.day), f"{day:%b}", f"{day:%b} {day.year}", str(day.year)} and (
        len(days) > 70 or words[0].split()[0] == str(day.day)
    )


def device_rows(of: Reference) -> list[tuple[bool, str, int, int]]:
    """The rows shown: whether it is a system, its name, sessions with an order, sessions."""
    rows: list[tuple[bool, str, int, int]] = []
    devices = sorted(of.segments["device"].items(), key=lambda d: (-d[1][1], d[0]))
    for name, counts in devices:
        rows.append((False, name, *counts))
        parts = [(True, s, *v) for (d, s), v in of.crossed.items() if d == name and v[1] >= 100]
        rows += sorted(parts, key=lambda r: (-r[3], r[1])) if len(parts) > 1 else []
    return ([r for r in rows if r[3] >= 100] or rows)[:12]


def drawn(name: str, figure: Figure) -> list[float]:
    """What a picture draws rather than writes, in the units of its axes."""
    first = figure.axes[0]
    if name == "attribution_loss_pie.png":
        return [(w.theta2 - w.theta1) / 360 for axes in figure.axes for w in axes.patches if isinstance(w, Wedge)]
    if name == "funnel_sankey.png":
        return [r.get_height() for r in first.patches if isinstance(r, Rectangle) and r.get_hatch()]
    if name == "device_cvr.png":
        return [
            x for line in first.lines if line.get_linewidth() in (7, 11) for x in np.ravel(line.get_xdata()).tolist()
        ]
    line = next(line for line in first.lines if line.get_linewidth() in (1.3, 2.6))
    bars = [r.get_height() for axes in figure.axes[1:] for r in axes.patches if isinstance(r, Rectangle)]
    return [*np.ravel(line.get_ydata()).tolist(), *bars]


def should_draw(name: str, of: Reference, quality: Quality, right: float) -> list[float]:
    """The same, recomputed; intervals that reach beyond the right end of their axis (`right`) are cut there."""
    if name == "attribution_loss_pie.png":
        return [
            of.known[r][k][1] / of.revenue
            for r in ("as_tracked", "healed")
            for k in REASONS
            if of.known[r].get(k, (0, 0))[1]
        ]
    if name == "funnel_sankey.png":
        return [r - k for r, k in zip(of.reached(), of.recorded(), strict=True) if r > k]
    if name == "device_cvr.png":
        bounds = [wilson_bounds(c, n) for _, _, c, n in device_rows(of)]
        return [x for low, high in bounds for x in (low, min(high, right))]
    if name == "revenue_trend.png":
        return [of.daily[d]["revenue"] for d in of.days]
    bars = [i.shares[d] for i in quality.marks(hours=False) for d in of.days if d in i.shares]
    return [of.daily[d]["events"] for d in of.days] + bars


class _Page(HTMLParser):
    """Paragraphs and choices as they are, rows of tables with a bar between cells, each after its section's name."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.data: dict[str, Any] = {}
        self.section, self.inside, self.cells = "", "", [""]

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = dict(attributes)
        if tag == "section":
            self.section = f"{names['aria-labelledby']}: ".replace("-title", "")
        if tag in ("p", "h1", "h2", "option", "footer", "title", "script", "tr"):
            self.inside, self.cells = "data" if names.get("id") == "data" else tag, [""]
        elif tag in ("td", "th") and self.cells != [""]:
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.inside == "data":
            self.data = json.loads(data)
            self.inside = ""
        elif self.inside not in ("", "script") and (self.inside != "tr" or data.strip()):
            self.cells[-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == self.inside:
            if tag == "tr":
                self.texts.append((self.section + " | ".join(cell.strip() for cell in self.cells)).strip())
            elif tag != "script":
                self.texts.append(self.cells[0])
            self.inside = ""


def report_texts(page: str) -> tuple[list[str], dict[str, Any]]:
    """The texts of the page, those of its figures among them, and the data that the figures draw."""
    # Of the scripts only the data: 4 MB of plotly.js say nothing of the shop.
    parser = _Page()
    parser.feed(re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL))
    figures = parser.data["figures"]
    texts = [
        *parser.texts,
        *(f"funnel: {label}" for trace in figures["funnel"]["data"] for label in trace["node"]["label"]),
    ]
    texts += [f"trend: {note['text']}" for note in figures["trend"]["layout"]["annotations"]]
    texts += [
        f"{name}: {text}"
        for name in ("channels", "devices")
        for trace in figures[name]["data"]
        for text in trace["text"]
    ]
    return [html.unescape(text) for text in texts], parser.data


def _cents(amount: float) -> float:
    """Half a cent falls the same way by whatever route it was reached."""
    return round(amount + 1e-6, 2)


def report_data(model: Model) -> dict[str, Any]:
    """What the figures should draw, in the shape that `drawn_data` gives."""
    of = model.of
    credits: dict[str, dict[str, list[tuple[str, float, float]]]] = {}
    for (reading, way, channel), (orders, amount) in of.credits.items():
        if orders or amount:
            credits.setdefault(reading, {}).setdefault(way, []).append((channel, _cents(amount), round(orders, 2)))
    flows: dict[tuple[int, bool, bool], int] = {}
    for *seen, n in of.paths:
        for step in range(3):
            if n and any(seen[step + 1 :]):
                key = (step, seen[step], seen[step + 1])
                flows[key] = flows.get(key, 0) + n
    return {
        "revenue": [_cents(of.daily[d]["revenue"]) for d in of.days],
        "orders": [int(of.daily[d]["orders"]) for d in of.days],
        "hours": [[of.hours.get((d, h), 0) for h in range(24)] for d in of.days],
        "flows": sorted(flows.values()),
        "credits": {r: {m: sorted(rows) for m, rows in models.items()} for r, models in credits.items()},
        # Without revenue that the repair of ids labels, the model has nothing to rest on and is absent.
        "tornado": sorted((label, _cents(low), _cents(high)) for label, low, high in model.swings() if of.gained > 0),
    }


def drawn_data(data: dict[str, Any]) -> dict[str, Any]:
    """What the figures of the page draw."""
    figures = data["figures"]
    tornado = figures["tornado"]["data"] if "tornado" in figures else [{"customdata": [], "y": []}] * 2
    worse, better = (trace["customdata"] for trace in tornado)
    names = [html.unescape(name) for name in tornado[0]["y"]]
    return {
        "revenue": [_cents(v) for v in figures["trend"]["data"][0]["y"]],
        "orders": figures["trend"]["data"][1]["y"],
        "hours": figures["heat"]["data"][0]["z"],
        "flows": sorted(figures["funnel"]["data"][0]["link"]["value"]),
        "credits": {
            reading: {
                model: sorted((row[0], _cents(row[2]), round(row[3], 2)) for row in rows)
                for model, rows in models.items()
            }
            for reading, models in data["attribution"].items()
        },
        "tornado": sorted((n, _cents(a), _cents(b)) for n, a, b in zip(names, worse, better, strict=True)),
    }
