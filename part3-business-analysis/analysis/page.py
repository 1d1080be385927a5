"""The interactive report: one file that opens without a network, the same bytes each time."""

import json
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from importlib.resources import files
from typing import Any, NamedTuple

from markupsafe import Markup

from analysis.charts.flow import REASON_WORDS, STEP_WORDS
from analysis.charts.rates import device_rows
from analysis.charts.style import source_line
from analysis.findings import Change, Funnel, called, funnel
from analysis.gold import Gold, Segment
from analysis.impact import Impact
from analysis.incidents import Quality
from analysis.summary import verdict
from analysis.templating import TEMPLATES, environment, plain, render_json
from event_data.page import render_page


class Node(NamedTuple):
    """Visitors who got as far as a step, with it on record or without."""

    step: int
    is_seen: bool
    visitors: int


class Link(NamedTuple):
    """Visitors from one node to another; both steps were seen, or one was not."""

    source: int
    target: int
    visitors: int
    is_seen: bool


@dataclass(frozen=True)
class Rate(Segment):
    """A segment's row, counted from below; grey if it is too small to call and does not differ clearly."""

    number: int
    label: str
    is_grey: bool

    @property
    def above(self) -> float:
        """The upper half of the interval."""
        return self.share.high - self.share.estimate

    @property
    def below(self) -> float:
        """The lower half of the interval."""
        return self.share.estimate - self.share.low


def report(gold: Gold, quality: Quality, changes: Sequence[Change], impact: Impact) -> str:
    """Return the page, plotly.js and all."""
    roles = gold.roles
    channels = sorted(gold.conversion.get("channel", ()), key=lambda s: (-s.sessions, s.name))
    has_channels, has_devices = (roles.has_conversion and has for has in (roles.has_channels, roles.has_devices))
    values = {
        **verdict(gold, quality, changes),
        "impact": impact,
        "channel_rates": rates([(0, s) for s in channels], called(channels)) if has_channels else None,
        "device_rates": rates(device_rows(gold)) if has_devices else None,
        # Without revenue that the repair of ids labels, the model has nothing to rest on.
        "has_model": roles.has_amount and roles.has_channels and impact.blind > 0,
    }
    nodes, links = flows(funnel(gold)) if roles.has_funnel else ([], [])
    hours = [[gold.hours.get((d.day, hour), 0.0) for hour in range(24)] for d in gold.days]
    figures = render_json("figures.json.j2", nodes=nodes, links=links, hours=hours, around_days=around(gold), **values)
    data = {"currency": gold.currency.sign, "figures": figures}
    if roles.has_attribution:
        data["attribution"] = attribution(gold)
    if not roles.has_amount:
        data["unit"] = "orders"
    plotly = (files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    return render_page(
        environment().get_template("report.html.j2"),
        f"Trust in event data, {values['period']}",
        scripts=(plotly, (TEMPLATES / "report.js").read_text(encoding="utf-8")),
        reason_words=REASON_WORDS,
        step_words=STEP_WORDS,
        source=source_line(gold),
        # A closing tag in the data must not close the script.
        data=Markup(json.dumps(data, ensure_ascii=False, sort_keys=True).replace("<", "\\u003c")),
        **values,
    )


def rates(rows: Sequence[tuple[int, Segment]], clear: Container[str] = ()) -> list[Rate]:
    """Return the rows of segments, those of the second depth indented."""
    return [
        Rate(s.name, s.converted, s.sessions, number, "\u2003" * depth + s.name, s.is_small and s.name not in clear)
        for number, (depth, s) in zip(range(len(rows) - 1, -1, -1), rows, strict=True)
    ]


def flows(found: Funnel) -> tuple[list[Node], list[Link]]:
    """Return the funnel as a graph: a node for what was recorded of each step, and one for what was not."""
    nodes = [
        Node(step, is_seen, visitors)
        for step, (reached, recorded) in enumerate(zip(found.reached, found.recorded, strict=True))
        for is_seen, visitors in ((False, reached - recorded), (True, recorded))
        if visitors
    ]
    index = {(node.step, node.is_seen): n for n, node in enumerate(nodes)}
    links = [Link(index[i, a], index[i + 1, b], n, a and b) for (i, a, b), n in sorted(found.flows.items())]
    return nodes, links


def attribution(gold: Gold) -> dict[str, dict[str, list[list[Any]]]]:
    """Return each channel's sales by reading and model, the largest last: bars are drawn upwards.

    A row is the name, the name for plotly, revenue and orders; without amounts there is no revenue.
    """
    has_amount = gold.roles.has_amount
    found: dict[str, dict[str, list[list[Any]]]] = {}
    for c in sorted(gold.channels, key=lambda c: (float(c.revenue) if has_amount else c.orders, c.name)):
        if c.orders or (has_amount and c.revenue):
            row = [c.name, plain(c.name), *[float(c.revenue)] * has_amount, round(c.orders, 2)]
            found.setdefault(c.reading, {}).setdefault(c.model, []).append(row)
    return found


def around(gold: Gold) -> list[str]:
    """Return half a day before the first day and half a day after the last."""
    if not gold.days:
        return ["2000-01-01", "2000-01-02"]
    ends = (gold.days[0].day, -12), (gold.days[-1].day, 12)
    return [(datetime.combine(day, time()) + timedelta(hours=hours)).isoformat(" ") for day, hours in ends]
