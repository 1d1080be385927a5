"""The interactive figures as plain data for plotly.js: a name, traces and a layout each."""

from collections.abc import Container, Sequence
from datetime import datetime, time, timedelta
from typing import Any

from analysis.charts.rates import device_rows
from analysis.charts.style import GREY, MUTED, ORANGE, SAND, SKY, day_name
from analysis.findings import called, funnel
from analysis.gold import Gold, Segment
from analysis.impact import Impact
from analysis.incidents import Incident, Quality
from analysis.intervals import Interval, is_small, wilson

Spec = dict[str, Any]
# Told apart from white paper and from dark alike.
BLUE = "#2a7fc1"
STEPS = ("Viewed a page", "Added to cart", "Started checkout", "Ordered")
# Short, so that four of them stand side by side on a phone.
SHORT_STEPS = ("viewed a page", "cart", "checkout", "ordered")


def figures(gold: Gold, quality: Quality, impact: Impact) -> dict[str, Spec]:
    channels = gold.conversion.get("channel", ())
    return {
        "funnel": sankey(gold), "trend": trend(gold, quality),
        "channels": rates([(0, s) for s in ranked(channels)], called(channels)), "devices": rates(device_rows(gold)),
        "heat": heat(gold), "tornado": tornado(impact, gold.currency.sign),
    }  # fmt: skip


def plain(text: str) -> str:
    """Text of the data for plotly, which reads tags and entities in its labels."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def sankey(gold: Gold) -> Spec:
    found = funnel(gold)
    labels: list[str] = []
    colours: list[str] = []
    index: dict[tuple[int, bool], int] = {}
    for i, step in enumerate(SHORT_STEPS):
        for seen in (False, True):
            count = found.recorded[i] if seen else found.reached[i] - found.recorded[i]
            if count:
                index[i, seen] = len(labels)
                labels.append(f"{count:,}<br>{step}" if seen else f"{count:,} not<br>recorded")
                colours.append(BLUE if seen else SAND)
    links = [
        (index[i, a], index[i + 1, b], n, SKY if a and b else SAND) for (i, a, b), n in sorted(found.flows.items())
    ]
    trace = {
        "type": "sankey",
        "arrangement": "fixed",
        "valueformat": ",",
        "node": {"label": labels, "color": colours, "pad": 34, "thickness": 16, "line": {"width": 0}},
        "link": {
            "source": [x[0] for x in links], "target": [x[1] for x in links], "value": [x[2] for x in links],
            "color": [_faint(x[3]) for x in links],
        },
    }  # fmt: skip
    return {"data": [trace], "layout": {"height": 420, "margin": _margin(8, 8, 12, 12)}}


def trend(gold: Gold, quality: Quality) -> Spec:
    shown = quality.marks(hours=False)
    shapes, notes = _marks(shown, gold)
    top = max([d.orders for d in gold.days], default=1)
    layout = {
        "height": 440,
        "margin": _margin(62, 40, 36 + 26 * len(shown), 40),
        "shapes": shapes,
        "annotations": notes,
        # The names of incidents would widen it otherwise.
        "xaxis": {"type": "date", "tickformat": "%-d %b", "nticks": 6, "range": _around(gold)},
        "yaxis": {
            "rangemode": "tozero",
            "tickprefix": gold.currency.sign,
            "separatethousands": True,
            "title": {"text": "revenue a day"},
        },
        "yaxis2": {
            "overlaying": "y",
            "side": "right",
            "range": [0, 3 * max(top, 1)],
            "showgrid": False,
            "tickmode": "auto",
        },
        "legend": {"orientation": "h", "y": -0.15},
        "hovermode": "x unified",
    }
    return {"data": _sales(gold), "layout": layout}


def _sales(gold: Gold) -> list[Spec]:
    """Each day's revenue as a line, its orders as bars behind it."""
    days = [d.day.isoformat() for d in gold.days]
    return [
        {
            "type": "scatter", "mode": "lines+markers", "name": "Revenue", "x": days,
            "y": [d.revenue for d in gold.days], "line": {"color": BLUE, "width": 3},
            "hovertemplate": f"%{{x|%a %-d %b}}<br>{gold.currency.sign}%{{y:,.2f}}<extra></extra>",
        },
        {
            "type": "bar", "name": "Orders", "x": days, "y": [d.orders for d in gold.days], "yaxis": "y2",
            "marker": {"color": GREY}, "opacity": 0.55, "hovertemplate": "%{y} orders<extra></extra>",
        },
    ]  # fmt: skip


def _marks(incidents: Sequence[Incident], gold: Gold) -> tuple[list[Spec], list[Spec]]:
    """A dotted line where each incident began, and its name above the others'."""
    shapes, notes = [], []
    for n, i in enumerate(incidents):
        x = i.since.isoformat()
        place = (i.since - gold.days[0].day) / max(gold.days[-1].day - gold.days[0].day, timedelta(days=1))
        shapes.append(
            {
                "type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1,
                "line": {"dash": "dot", "width": 1.5, "color": ORANGE},
            }
        )  # fmt: skip
        notes.append(
            {
                "x": x,
                "yref": "paper",
                "y": 1.02 + 0.075 * (len(incidents) - 1 - n),
                "yanchor": "bottom",
                "xanchor": "left" if place < 1 / 3 else "center" if place < 2 / 3 else "right",  # fits a telephone
                "showarrow": False,
                "text": plain(f"{day_name(i.since)}: {i.label}"),
                "font": {"size": 11},
            }
        )
    return shapes, notes


def rates(rows: Sequence[tuple[int, Segment]], clear: Container[str] = ()) -> Spec:
    """Shares with their Wilson intervals; small cells in grey, but for those that differ clearly."""
    shown = list(reversed(rows))
    spans = [wilson(s.converted, s.sessions) for _, s in shown]
    small = [is_small(s.converted, s.sessions) and s.name not in clear for _, s in shown]
    text = [
        f"{plain(s.name)}: {i.estimate:.2%} ({s.converted:,} of {s.sessions:,}), 95% interval "
        f"{i.low:.2%} to {i.high:.2%}" + ("; too small to call" if few else "")
        for (_, s), i, few in zip(shown, spans, small, strict=True)
    ]
    # Rows by number, for a system's name comes under more than one device.
    rows_by_number = list(zip(range(len(shown)), spans, text, small, strict=True))
    traces = [
        _dots([(n, span, words) for n, span, words, few in rows_by_number if few == is_few], dot, bar)
        for is_few, dot, bar in ((False, BLUE, SKY), (True, MUTED, GREY))
    ]
    firm = [i.high for i, few in zip(spans, small, strict=True) if not few] + [1.6 * i.estimate for i in spans]
    names = [("\u2003" if depth else "") + plain(s.name) for depth, s in shown]
    layout = {
        "height": 110 + 34 * max(len(shown), 2),
        "margin": _margin(130, 16, 10, 40),
        "showlegend": False,
        "xaxis": {"tickformat": ".1%", "range": [0, min(1, 1.1 * max([*firm, 0.001]))]},
        "yaxis": {
            "tickmode": "array", "tickvals": list(range(len(shown))), "ticktext": names,
            "range": [-0.6, len(shown) - 0.4], "showgrid": False, "zeroline": False,
        },
    }  # fmt: skip
    return {"data": traces, "layout": layout}


def _dots(rows: Sequence[tuple[int, Interval, str]], dot: str, bar: str) -> Spec:
    """Shares as dots of one colour, with their intervals; each row by its number, with what it says when pointed at."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [i.estimate for _, i, _ in rows],
        "y": [number for number, _, _ in rows],
        "text": [words for _, _, words in rows],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"size": 11, "color": dot},
        "error_x": {
            "type": "data", "symmetric": False, "array": [i.high - i.estimate for _, i, _ in rows],
            "arrayminus": [i.estimate - i.low for _, i, _ in rows], "color": bar, "thickness": 4, "width": 0,
        },
    }  # fmt: skip


def heat(gold: Gold) -> Spec:
    days = [d.day for d in gold.days]
    grid = [[gold.hours.get((day, hour), 0.0) for hour in range(24)] for day in days]
    trace = {
        "type": "heatmap", "x": list(range(24)), "y": [f"{d:%a} {day_name(d)}" for d in days], "z": grid,
        "colorscale": [[0, "#f4f7fa"], [0.5, SKY], [1, "#0060a0"]],
        "colorbar": {"title": {"text": "events"}, "thickness": 12},
        "hovertemplate": f"%{{y}}, %{{x}}:00 {gold.time_zone}: %{{z:,}} events<extra></extra>", "xgap": 1, "ygap": 1,
    }  # fmt: skip
    layout = {
        "height": 120 + min(22 * max(len(days), 3), 700), "margin": _margin(86, 10, 10, 44),
        "xaxis": {"title": {"text": f"hour, {gold.time_zone}"}, "dtick": 3},
        "yaxis": {"autorange": "reversed", "type": "category"},
    }  # fmt: skip
    return {"data": [trace], "layout": layout}


def tornado(impact: Impact, sign: str) -> Spec:
    swings = list(reversed(impact.tornado))
    base = impact.ebitda.base
    names = [plain(s.label) for s in swings]
    ends = (("worse", SAND, [s.low for s in swings]), ("better", BLUE, [s.high for s in swings]))
    bars = [
        {
            "type": "bar", "orientation": "h", "name": name, "y": names, "base": base,
            "x": [value - base for value in values], "marker": {"color": colour}, "customdata": values,
            "hovertemplate": f"%{{y}}: {sign}%{{customdata:,.0f}} a year<extra></extra>",
        }
        for name, colour, values in ends
    ]  # fmt: skip
    layout = {
        "height": 300, "barmode": "overlay", "margin": _margin(10, 16, 10, 40),
        "legend": {"orientation": "h", "y": -0.2},
        "xaxis": {"tickprefix": sign, "separatethousands": True, "rangemode": "tozero"},
        "yaxis": {"automargin": True},
    }  # fmt: skip
    return {"data": bars, "layout": layout}


def attribution(gold: Gold) -> dict[str, dict[str, list[list[Any]]]]:
    """Dollars and orders of each channel by reading and model, the largest last, as bars are drawn upwards."""
    found: dict[str, dict[str, list[list[Any]]]] = {}
    for c in gold.channels:
        if c.revenue or c.orders:
            rows = found.setdefault(c.reading, {}).setdefault(c.model, [])
            rows.append([c.name, plain(c.name), float(c.revenue), round(c.orders, 2)])
    for models in found.values():
        for rows in models.values():
            rows.sort(key=lambda row: (row[2], row[0]))
    return found


def _around(gold: Gold) -> list[str]:
    """From half a day before the first day to half a day after the last."""
    if not gold.days:
        return ["2000-01-01", "2000-01-02"]
    ends = (gold.days[0].day, -12), (gold.days[-1].day, 12)
    return [(datetime.combine(day, time()) + timedelta(hours=hours)).isoformat(" ") for day, hours in ends]


def ranked(segments: Sequence[Segment]) -> list[Segment]:
    return sorted(segments, key=lambda s: (-s.sessions, s.name))


def _margin(left: int, right: int, top: int, bottom: int) -> dict[str, int]:
    return {"l": left, "r": right, "t": top, "b": bottom}


def _faint(colour: str) -> str:
    r, g, b = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({r},{g},{b},0.6)"
