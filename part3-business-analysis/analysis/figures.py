"""Build the interactive figures of the page with plotly; the page draws them in its own colours."""

from collections.abc import Container, Sequence
from datetime import date, timedelta
from typing import Any

import plotly.graph_objects as go

from analysis import findings
from analysis.charts.days import MANY_DAYS
from analysis.charts.style import GREY, MUTED, ORANGE, RULE, SAND, SKY
from analysis.gold import Gold
from analysis.impact import Impact
from analysis.incidents import LETTERS, Incident, Quality
from analysis.intervals import Interval
from analysis.templating import REASON_WORDS, plain, share_texts
from event_data.output import day_name

BLUE = "#2a7fc1"  # lighter than in the pictures: it is seen on dark paper, too
# The first is dark enough to differ from the last in grey, too.
REASON_COLOURS = {
    "known": "#1668ad", "direct only": SKY, "no touch in the window": SAND, "window cut off": RULE, "no id": ORANGE,
}  # fmt: skip

Figure = dict[str, Any]


def figures(gold: Gold, quality: Quality, impact: Impact) -> dict[str, Figure]:
    """Return the figures that apply to the shop, by name."""
    roles = gold.roles
    found = {"volume": _volume(gold, quality), "heat": _heat(gold)}
    if roles.has_orders:
        found["trend"] = _trend(gold, quality)
    if roles.has_attribution and gold.sold:
        found["evidence"] = _evidence(gold)
    if roles.has_funnel:
        found["funnel"] = _funnel(findings.funnel(gold))
    if roles.has_conversion and roles.has_channels:
        channels = findings.segments_of(gold, "channel")
        found["channels"] = _rates([(0, s) for s in channels], findings.outliers(channels).small)
    if roles.has_conversion and roles.has_devices:
        devices = findings.device_rows(gold)
        found["devices"] = _rates(devices, [s for _, s in devices if s.is_small])
    advertising = findings.returns(gold)
    if advertising and roles.has_amount:
        found["returns"] = _returns(gold, advertising)
    if impact.blind > 0 and roles.has_channels:
        found["tornado"] = _tornado(gold, impact)
    return found


def _figure(traces: Sequence[Any], **layout: Any) -> Figure:
    return {"data": [trace.to_plotly_json() for trace in traces], "layout": go.Layout(**layout).to_plotly_json()}


def _days(gold: Gold) -> list[str]:
    return [str(day) for day in gold.days.index]


def marks(gold: Gold, incidents: Sequence[Incident], low: float = 0) -> dict[str, Any]:
    """Return a dotted line on each day on which incidents began, with their letters above it; the page names these."""
    shapes, letters, began = [], [], dict[str, list[str]]()
    for letter, incident in zip(LETTERS, [i for i in incidents if i.since in gold.days.index], strict=False):
        began.setdefault(str(incident.since), []).append(letter)
    for since, named in began.items():
        line = {"dash": "dot", "width": 1.5, "color": ORANGE}
        shapes.append({"type": "line", "x0": since, "x1": since, "yref": "paper", "y0": low, "y1": 1, "line": line})
        place = {"x": since, "yref": "paper", "y": 1, "yanchor": "bottom", "showarrow": False}
        letters.append({**place, "text": f"<b>{' '.join(named)}</b>", "font": {"size": 12}})
    return {"shapes": shapes, "annotations": letters, "margin": {"l": 62, "r": 40, "t": 30, "b": 40}}


def _over_time(gold: Gold, column: str, name: str, hover: str) -> list[go.Scatter]:
    """Return the line of a daily measure; of many days the 7-day mean, with the days behind it."""
    series, days = gold.days[column], _days(gold)
    many = len(days) > MANY_DAYS
    style = {"color": SKY, "width": 1} if many else {"color": BLUE, "width": 3}
    found = [
        go.Scatter(
            x=days, y=series.tolist(), name=name, line=style, mode="lines" if many else "lines+markers",
            hovertemplate=f"%{{x|%a %-d %b}}<br>{hover}<extra></extra>",
        )
    ]  # fmt: skip
    if many:
        mean = series.rolling(7, min_periods=1).mean().tolist()
        found.append(go.Scatter(x=days, y=mean, name="7-day mean", line={"color": BLUE, "width": 3}, mode="lines"))
    return found


def _x_of_days(gold: Gold) -> dict[str, Any]:
    days = list(gold.days.index) or [date(2000, 1, 1)]
    # Without a range, the incidents' letters would widen the axis.
    ends = [f"{days[0] - timedelta(1)} 12:00:00", f"{days[-1]} 12:00:00"]
    ticks = {"dtick": 86_400_000} if len(days) <= 7 else {"nticks": 6}  # no tick between two days
    return {"type": "date", "tickformat": "%-d %b", "range": ends, **ticks}


def _trend(gold: Gold, quality: Quality) -> Figure:
    layout: dict[str, Any] = {
        **marks(gold, quality.marks(hours=False)), "height": 440, "xaxis": _x_of_days(gold),
        "legend": {"orientation": "h", "y": -0.15}, "hovermode": "x unified",
    }  # fmt: skip
    y: dict[str, Any] = {"rangemode": "tozero", "separatethousands": True, "title": {"text": f"{gold.sales} per day"}}
    orders = gold.days["orders"].tolist()
    if not gold.roles.has_amount:
        return _figure(_over_time(gold, "orders", "Orders", "%{y:,} orders"), yaxis=y, **layout)
    bars = go.Bar(
        x=_days(gold), y=orders, name="Orders", yaxis="y2", marker={"color": GREY}, opacity=0.55,
        hovertemplate="%{y} orders<extra></extra>",
    )  # fmt: skip
    y2: dict[str, Any] = {"overlaying": "y", "side": "right", "range": [0, 3 * max([*orders, 1])]}
    y2 |= {"showgrid": False, "tickmode": "auto", "title": {"text": "orders per day"}}
    lines = _over_time(gold, "revenue", "Revenue", f"{gold.currency.sign}%{{y:,.2f}}")
    return _figure([*lines, bars], yaxis={**y, "tickprefix": gold.currency.sign}, yaxis2=y2, **layout)


def _volume(gold: Gold, quality: Quality) -> Figure:
    """Return the events per day in their usual range, and the days and shares of each fault that began."""
    strips, band = quality.marks(hours=False), findings.usual_volume(gold)
    strip = 0.7 / (len(strips) + 2.5)
    top = strip * 1.45 * len(strips)
    bottom = top + 0.06 if strips else 0
    layout = marks(gold, quality.marks(hours=True), bottom)
    if band:
        layout["shapes"].append(
            {
                "type": "rect", "xref": "paper", "x0": 0, "x1": 1, "y0": band[0], "y1": band[1], "layer": "below",
                "fillcolor": "rgba(143,198,234,0.18)", "line": {"width": 0},
            }
        )  # fmt: skip
    traces: list[Any] = _over_time(gold, "events", "Events", "%{y:,} events")
    for n, incident in enumerate(strips):
        axis, low = n + 2, top - strip * 1.45 * (n + 1)
        shares = {str(day): share for day, share in incident.shares.items() if day in gold.days.index}
        traces.append(
            go.Bar(
                x=list(shares), y=list(shares.values()), yaxis=f"y{axis}", marker={"color": ORANGE}, showlegend=False,
                hovertemplate="%{x|%a %-d %b}: %{y:.1%} fail<extra></extra>",
            )
        )  # fmt: skip
        high = max([*shares.values(), 0.01])
        layout[f"yaxis{axis}"] = {
            "domain": [low, low + strip * 0.75], "tickformat": ".0%", "range": [0, 1 if high > 0.5 else high * 1.15],
            "nticks": 2,
        }  # fmt: skip
        layout["annotations"].append(
            {
                "xref": "paper", "x": 0, "yref": "paper", "y": low + strip * 0.78, "yanchor": "bottom",
                "xanchor": "left", "showarrow": False, "font": {"size": 11},
                "text": plain(f"{day_name(incident.since)}: {incident.name}"),
            }
        )  # fmt: skip
    layout["yaxis"] = {"domain": [bottom, 1], "rangemode": "tozero", "separatethousands": True}
    return _figure(
        traces, height=330 + 84 * len(strips), showlegend=False, xaxis={**_x_of_days(gold), "anchor": "free"}, **layout
    )


def _evidence(gold: Gold) -> Figure:
    """Return a ring for each reading, or one ring if the repair changes nothing."""
    readings = {"as_tracked": "As<br>dashboards<br>saw it", "healed": "After<br>the repair"}
    if findings.repaired(gold) <= 0:
        readings = {"healed": ""}
    traces, names = [], []
    for n, (reading, name) in enumerate(readings.items()):
        parts = findings.evidence(gold, reading)
        shares = share_texts(parts)
        start, end = n / len(readings), (n + 1) / len(readings)
        sign = gold.currency.sign if gold.roles.has_amount else ""
        traces.append(
            go.Pie(
                values=[parts[reason] for reason in shares], hole=0.62, sort=False, direction="clockwise",
                labels=[REASON_WORDS.get(reason, reason) for reason in shares], text=list(shares.values()),
                textinfo="text", insidetextorientation="horizontal",
                marker={"colors": [REASON_COLOURS.get(reason, GREY) for reason in shares]},
                domain={"x": [start + 0.02, end - 0.02]},
                hovertemplate=f"%{{label}}: {sign}%{{value:,.{2 * bool(sign)}f}}<extra></extra>",
            )
        )  # fmt: skip
        names.append({"x": (start + end) / 2, "xanchor": "center", "y": 0.5, "text": name, "showarrow": False})
    # Above a ring stands the share of a part too thin to hold it.
    margin = {"l": 10, "r": 10, "t": 36, "b": 10}
    return _figure(traces, height=400, margin=margin, legend={"orientation": "h", "y": -0.05}, annotations=names)


def _funnel(found: findings.Funnel) -> Figure:
    """Return the funnel: for each step those on record and not, and those who went no farther."""
    labels: list[str] = []
    colours: list[str] = []
    index: dict[tuple[int, bool], int] = {}
    for step, (reached, recorded) in enumerate(zip(found.reached, found.recorded, strict=True)):
        short = {"page_view": "viewed a page", "order": "ordered"}.get(found.steps[step], found.steps[step])
        # Short, so that the labels of four steps stand side by side on a phone; the page explains the colours.
        for is_seen, visitors, words in (
            (False, reached - recorded, f"{reached - recorded:,}"), (True, recorded, f"{recorded:,}<br>{short}"),
        ):  # fmt: skip
            if visitors:
                index[step, is_seen] = len(labels)
                labels.append(words)
                colours.append(BLUE if is_seen else SAND)
    links = [
        (index[i, a], index[i + 1, b], n, "rgba(143,198,234,0.6)" if a and b else "rgba(242,184,128,0.6)")
        for (i, a, b), n in sorted(found.flows.items())
    ]
    for step, leaving in enumerate(found.leaving):
        if leaving:
            links.append((index[step, True], len(labels), leaving, "rgba(185,191,198,0.45)"))
            labels.append(f"{leaving:,}")
            colours.append(GREY)
    sources, targets, values, bands = zip(*links, strict=True) if links else ((), (), (), ())
    sankey = go.Sankey(
        arrangement="snap", valueformat=",", textfont={"shadow": "none"},
        node={"label": labels, "color": colours, "align": "left", "pad": 26, "thickness": 14, "line": {"width": 0}},
        link={"source": sources, "target": targets, "value": values, "color": bands},
    )  # fmt: skip
    return _figure([sankey], height=560, margin={"l": 8, "r": 8, "t": 12, "b": 12})


def _rates(rows: Sequence[tuple[int, findings.Segment]], small: Container[findings.Segment]) -> Figure:
    """Return shares with their intervals; those too small to call are grey."""
    numbered = list(zip(range(len(rows) - 1, -1, -1), rows, strict=True))
    traces = []
    for is_grey, dot, bar in ((False, BLUE, SKY), (True, MUTED, GREY)):
        shown = [(y, s) for y, (_, s) in numbered if (s in small) == is_grey]
        texts = [_rate_text(s) + ("; too small to call" if is_grey else "") for _, s in shown]
        traces.append(_dots([y for y, _ in shown], [s.share for _, s in shown], texts, dot, bar))
    has_parts = any(depth for depth, _ in rows)
    names = [f"<b>{plain(s.name)}</b>" if has_parts and not depth else plain(s.name) for depth, s in rows]
    right = max([0.001, *(s.share.high for _, s in rows if not s.is_small), *(1.6 * s.share.estimate for _, s in rows)])
    # A rule above each device but the first keeps its systems with it.
    line = {"width": 1, "color": GREY}
    rules = [
        {"type": "line", "xref": "paper", "x0": -1, "x1": 1, "y0": y + 0.5, "y1": y + 0.5, "line": line}
        for y, (depth, _) in numbered[1:]
        if has_parts and not depth
    ]  # fmt: skip
    return _figure(
        traces, height=110 + 34 * max(len(rows), 2), margin={"l": 130, "r": 16, "t": 10, "b": 40}, showlegend=False,
        xaxis={"tickformat": ".1%", "range": [0, min(1, 1.1 * right)]}, yaxis=_names(names), shapes=rules,
    )  # fmt: skip


def _names(names: Sequence[str]) -> dict[str, Any]:
    """Return the axis of rows with these names, the first at the top."""
    return {
        "tickmode": "array", "tickvals": list(range(len(names) - 1, -1, -1)), "ticktext": list(names),
        "showgrid": False, "range": [-0.6, len(names) - 0.4], "zeroline": False,
    }  # fmt: skip


def _dots(heights: Sequence[int], spans: Sequence[Interval], texts: Sequence[str], dot: str, bar: str) -> go.Scatter:
    """Return a dot on its interval for each row."""
    return go.Scatter(
        mode="markers", x=[i.estimate for i in spans], y=list(heights), text=list(texts),
        hovertemplate="%{text}<extra></extra>", marker={"size": 11, "color": dot},
        error_x={
            "type": "data", "symmetric": False, "color": bar, "thickness": 4, "width": 0,
            "array": [i.high - i.estimate for i in spans], "arrayminus": [i.estimate - i.low for i in spans],
        },
    )  # fmt: skip


def _returns(gold: Gold, rows: Sequence[findings.Return]) -> Figure:
    """Return the revenue for each unit of spend, with its interval, beside a line where revenue equals spend."""
    heights, money = list(range(len(rows) - 1, -1, -1)), gold.currency.exact
    spans = [r.per_unit for r in rows]
    texts = [
        f"{plain(r.channel)}: {money(i.estimate)}, interval {money(i.low)} to {money(i.high)}"
        for r, i in zip(rows, spans, strict=True)
    ]
    # One channel with few orders must not press the others together.
    right = max(1.5, min(max(i.high for i in spans), 1.5 * max(i.estimate for i in spans)))
    line = {"type": "line", "x0": 1, "x1": 1, "yref": "paper", "y0": 0, "y1": 1}
    words = {"x": 1, "yref": "paper", "y": 1, "yanchor": "bottom", "showarrow": False, "text": "what it cost"}
    return _figure(
        [_dots(heights, spans, texts, BLUE, SKY)], height=120 + 34 * max(len(rows), 2),
        margin={"l": 130, "r": 16, "t": 26, "b": 40}, showlegend=False, annotations=[words],
        yaxis=_names([plain(r.channel) for r in rows]),
        xaxis={"range": [0, 1.08 * right], "tickprefix": gold.currency.sign, "nticks": 7, "rangemode": "tozero"},
        shapes=[{**line, "line": {"dash": "dot", "width": 1.5, "color": ORANGE}}],
    )  # fmt: skip


def _rate_text(segment: findings.Segment) -> str:
    share = segment.share
    counts = f"{segment.converted:,} of {segment.sessions:,}"
    return f"{plain(segment.name)}: {share.estimate:.2%} ({counts}), 95% interval {share.low:.2%} to {share.high:.2%}"


def _tornado(gold: Gold, impact: Impact) -> Figure:
    """Return the yearly effect at the ends of each assumption."""
    swings, base = impact.tornado[::-1], impact.ebitda.base
    traces = [
        go.Bar(
            orientation="h", name=name, base=base, marker={"color": colour}, y=[plain(s.label) for s in swings],
            x=[getattr(s, end) - base for s in swings], customdata=[getattr(s, end) for s in swings],
            hovertemplate=f"%{{y}}: {gold.currency.sign}%{{customdata:,.0f}} a year<extra></extra>",
        )
        for name, colour, end in (("worse", SAND, "low"), ("better", BLUE, "high"))
    ]  # fmt: skip
    return _figure(
        traces, height=300, barmode="overlay", margin={"l": 10, "r": 16, "t": 10, "b": 40}, yaxis={"automargin": True},
        legend={"orientation": "h", "y": -0.2},
        xaxis={"tickprefix": gold.currency.sign, "separatethousands": True, "rangemode": "tozero", "nticks": 5},
    )  # fmt: skip


def _heat(gold: Gold) -> Figure:
    counts = gold.hours.set_index(["date", "hour"])["events"].to_dict()
    heat = go.Heatmap(
        x=list(range(24)), z=[[counts.get((day, hour), 0) for hour in range(24)] for day in gold.days.index],
        y=[f"{day:%a} {day_name(day)}" for day in gold.days.index],
        colorscale=[[0, "#f4f7fa"], [0.5, SKY], [1, "#0060a0"]], xgap=1, ygap=1,
        colorbar={"title": {"text": "events"}, "thickness": 12},
        hovertemplate=f"%{{y}}, %{{x}}:00 {gold.time_zone}: %{{z:,}} events<extra></extra>",
    )  # fmt: skip
    return _figure(
        [heat], height=120 + min(22 * max(len(gold.days), 3), 700), margin={"l": 86, "r": 10, "t": 10, "b": 44},
        xaxis={"title": {"text": f"hour, {gold.time_zone}"}, "dtick": 3},
        yaxis={"autorange": "reversed", "type": "category"},
    )  # fmt: skip
