"""The interactive report: one file that opens without a network, the same bytes each time."""

import html
import json
from collections.abc import Container, Sequence
from datetime import date
from importlib.resources import files
from pathlib import Path
from string import Template

from analysis.charts.days import revenue_title, volume_title
from analysis.charts.flow import REASON_WORDS, evidence_title, funnel_title
from analysis.charts.rates import device_rows, device_title
from analysis.charts.style import day_name, period, source_line
from analysis.currency import exact, short
from analysis.findings import Change, called, evidence, funnel
from analysis.gold import Gold, Segment
from analysis.impact import Impact
from analysis.incidents import Incident
from analysis.intervals import is_small, wilson
from analysis.narrative import conclusion
from analysis.page_figures import STEPS, attribution, figures, ranked

TEMPLATES = Path(__file__).with_name("templates")
READINGS = {"healed": "Healed ids", "as_tracked": "As tracked", "stitched": "Stitched by e-mail and checkout"}
MODELS = {
    "last_non_direct": "Last click that is not direct",
    "last_click": "Last click",
    "first_click": "First click",
    "linear": "Linear",
    "position_based": "Position based (40/20/40)",
    "time_decay": "Time decay (halves in 7 days)",
}
Rows = Sequence[Sequence[str]]


def report(gold: Gold, incidents: Sequence[Incident], changes: Sequence[Change], impact: Impact) -> str:
    """The page, plotly.js and all."""
    lead = (
        [line for line in conclusion(gold, incidents, changes) if line]
        if gold.days
        else ["**No day has been loaded yet.**"]
    )
    data = {"currency": gold.currency, "figures": figures(gold, incidents, impact), "attribution": attribution(gold)}
    template = Template((TEMPLATES / "report_page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=html.escape(f"Trust in event data, {period(gold)}"),
        heading=html.escape(lead[0].strip("*")),
        period=html.escape(period(gold)),
        lead=html.escape(" ".join(lead[1:]).replace("\\", "")),
        sections="\n".join(_sections(gold, incidents, changes, impact)),
        source=html.escape(source_line(gold)),
        # A closing tag in the data must not close the script.
        data=json.dumps(data, ensure_ascii=False, sort_keys=True).replace("<", "\\u003c"),
        plotly=(files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8"),
        script=(TEMPLATES / "report_page.js").read_text(encoding="utf-8"),
    )


def _sections(gold: Gold, incidents: Sequence[Incident], changes: Sequence[Change], impact: Impact) -> list[str]:
    sold = [
        [d.day.isoformat(), f"{d.events:,}", f"{d.sessions:,}", f"{d.orders:,}", exact(d.revenue)] for d in gold.days
    ]
    broke = [
        [_unbroken(i.since), _unbroken(i.until) if i.until else "lasts", i.severity, i.sentence] for i in incidents
    ]
    channels = gold.conversion.get("channel", ())
    return [
        _section(
            "incidents",
            "What broke",
            volume_title(gold, incidents) + ".",
            table(("Since", "Until", "Severity", "What"), broke),
        ),
        _figure(
            "trend",
            "Revenue a day",
            revenue_title(gold, changes) + ".",
            ("Day", "Events", "Sessions", "Orders", "Revenue"),
            sold,
        ),
        _section("evidence", "Revenue by what is known of its source", evidence_title(gold) + ".", _evidence(gold)),
        _attribution(),
        _figure(
            "channels",
            "Conversion by the channel a session came by",
            "Bars: 95% intervals (Wilson); grey: too small to call.",
            RATE_HEAD,
            _rates([(0, s) for s in ranked(channels)], called(channels)),
        ),
        _figure(
            "devices", "Conversion by device and system", device_title(gold) + ".", RATE_HEAD, _rates(device_rows(gold))
        ),
        *_what_else(gold, impact),
    ]


def _what_else(gold: Gold, impact: Impact) -> list[str]:
    """The sections that need no incident: funnel, hours, products, ledger, model."""
    steps = funnel(gold)
    reached = [
        [s, f"{r:,}", f"{k:,}", f"{r - k:,}"] for s, r, k in zip(STEPS, steps.reached, steps.recorded, strict=True)
    ]
    ledger = [[line.name, f"{line.orders:,}", exact(line.amount)] for line in gold.ledger]
    goods = [
        [p.name, f"{p.units:,}", f"{p.lines:,}", f"{p.lines_without_amount:,}", exact(p.revenue)] for p in gold.products
    ]
    swings = [[s.label, exact(s.low, 0), exact(s.high, 0)] for s in impact.tornado]
    return [
        _figure(
            "funnel",
            "The funnel as it was recorded",
            funnel_title(steps) + ". The bands are those who went further; the table counts all.",
            ("Step", "Got this far", "Recorded", "Not recorded"),
            reached,
        ),
        _figure(
            "heat",
            "Events by day and hour",
            "Crawlers are among them. An empty hour among full ones is a gap in the recording.",
        ),
        _section(
            "products",
            "Products",
            "The 25 with most revenue. Lines without a price are counted, not guessed.",
            table(("Product", "Units", "Lines", "Without a price", "Revenue"), goods, 1),
        ),
        _section(
            "ledger",
            "Ledger",
            "Every amount from the files to the orders.",
            table(("Line", "Orders", "Amount"), ledger, 1),
        ),
        _figure(
            "tornado",
            "What the yearly effect hangs on",
            _impact_text(impact),
            ("Assumption", "Worse", "Better"),
            swings,
        ),
    ]


RATE_HEAD = ("Segment", "With an order", "Sessions", "Share", "95% interval", "")


def _rates(rows: Sequence[tuple[int, Segment]], clear: Container[str] = ()) -> Rows:
    found = []
    for depth, s in rows:
        i = wilson(s.converted, s.sessions)
        note = "too small to call" if is_small(s.converted, s.sessions) and s.name not in clear else ""
        name = ("\u2003" if depth else "") + s.name
        found.append(
            [name, f"{s.converted:,}", f"{s.sessions:,}", f"{i.estimate:.2%}", f"{i.low:.2%} to {i.high:.2%}", note]
        )
    return found


def _unbroken(day: date) -> str:
    return day_name(day).replace(" ", "\u00a0")


def _evidence(gold: Gold) -> str:
    tracked, healed = evidence(gold, "as_tracked"), evidence(gold, "healed")
    rows = [[REASON_WORDS.get(r, r), exact(tracked.get(r, 0)), exact(healed[r])] for r in healed]
    return table(("Evidence", "As tracked", "Healed"), rows, 1)


def _impact_text(impact: Impact) -> str:
    m = impact.money
    return (
        f"A model over assumptions, not a measurement: {short(impact.ebitda.low)} to {short(impact.ebitda.high)} "
        f"a year in nine of ten draws. At risk {short(m.at_risk)}, unlabelled {short(m.unlabelled_healed)} after "
        "the repair; no lost sale can be shown."
    )


def _attribution() -> str:
    choices = "".join(
        f'<label for="{name}">{label}<select id="{name}">'
        + "".join(f'<option value="{value}">{html.escape(words)}</option>' for value, words in options.items())
        + "</select></label>"
        for name, label, options in (("reading", "Reading", READINGS), ("model", "Model", MODELS))
    )
    body = (
        f'<div class="controls">{choices}</div><div class="plot" id="plot-attribution" role="img" '
        'aria-label="Revenue by channel, as in the table below"></div>'
        '<details><summary>As a table</summary><div class="scroll"><table aria-live="polite"><thead><tr>'
        '<th scope="col">Channel</th><th scope="col" class="number">Revenue</th>'
        '<th scope="col" class="number">Orders</th></tr></thead>'
        '<tbody id="attribution-rows"></tbody></table></div></details>'
    )
    return _section("attribution", "Revenue by channel", "Every model shares out the same revenue, to the cent.", body)


def _figure(name: str, title: str, text: str, head: Sequence[str] = (), rows: Rows = ()) -> str:
    body = f'<div class="plot" id="plot-{name}" role="img" aria-label="{html.escape(title)}"></div>'
    if head:
        body += f"<details><summary>As a table</summary>{table(head, rows, 1)}</details>"
    return _section(name, title, text, body)


def _section(name: str, title: str, text: str, body: str) -> str:
    return (
        f'<section aria-labelledby="{name}-title"><h2 id="{name}-title">{html.escape(title)}</h2>'
        f"<p>{html.escape(text)}</p>{body}</section>"
    )


def table(head: Sequence[str], rows: Rows, numbers_from: int = 99) -> str:
    """A table; columns from `numbers_from` on hold numbers."""
    mark = [' class="number"' if i >= numbers_from else "" for i in range(len(head))]
    heads = "".join(f'<th scope="col"{m}>{html.escape(h)}</th>' for h, m in zip(head, mark, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{m}>{html.escape(c)}</td>" for c, m in zip(row, mark, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'
