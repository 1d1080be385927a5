"""The interactive report: one file that opens without a network, the same bytes each time."""

import json
from collections.abc import Container, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from analysis.charts.days import revenue_title, volume_title
from analysis.charts.flow import REASON_WORDS, evidence_title, funnel_title
from analysis.charts.rates import device_rows, device_title
from analysis.charts.style import period, source_line
from analysis.findings import Change, called, evidence, funnel
from analysis.gold import Gold, Segment
from analysis.impact import Impact
from analysis.incidents import Quality
from analysis.intervals import is_small, wilson
from analysis.narrative import at_risk, at_stake, conclusion, when
from analysis.page_figures import STEPS, attribution, figures, ranked
from event_data.output import page

TEMPLATES = Path(__file__).with_name("templates")
READINGS = {"healed": "Healed ids", "as_tracked": "As tracked", "stitched": "Stitched by e-mail and checkout"}
MODELS = {
    "last_non_direct": "Last click that is not direct", "last_click": "Last click", "first_click": "First click",
    "linear": "Linear", "position_based": "Position based (40/20/40)", "time_decay": "Time decay (halves in 7 days)",
}  # fmt: skip
RATE_HEAD = ("Segment", "With an order", "Sessions", "Share", "95% interval", "")


class Section(NamedTuple):
    """A heading, a sentence, and a table or a figure with its table; columns from `numbers_from` on hold numbers."""

    name: str
    title: str
    text: str
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    is_figure: bool = False
    numbers_from: int = 1
    choices: Mapping[str, tuple[str, Mapping[str, str]]] = {}


def report(gold: Gold, quality: Quality, changes: Sequence[Change], impact: Impact) -> str:
    """Return the page, plotly.js and all."""
    lead = ["**No day has been loaded yet.**"]
    if gold.days:
        lead = [line for line in conclusion(gold, quality, changes) if line]
    data = {
        "currency": gold.currency.sign, "figures": figures(gold, quality, impact), "attribution": attribution(gold),
    }  # fmt: skip
    return page(
        f"Trust in event data, {period(gold)}",
        "",
        TEMPLATES / "report_page.html",
        heading=lead[0].strip("*"),
        period=period(gold),
        lead=" ".join(lead[1:]).replace("\\", ""),
        sections=[*_main_sections(gold, quality, changes), *_other_sections(gold, quality, impact)],
        source=source_line(gold),
        # A closing tag in the data must not close the script.
        data=Markup(json.dumps(data, ensure_ascii=False, sort_keys=True).replace("<", "\\u003c")),
        plotly=Markup((files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")),
        script=Markup((TEMPLATES / "report_page.js").read_text(encoding="utf-8")),
    )


def _main_sections(gold: Gold, quality: Quality, changes: Sequence[Change]) -> list[Section]:
    """Return what broke, what was sold, and where it came from."""
    exact, channels = gold.currency.exact, gold.conversion.get("channel", ())
    broke = [(when(gold, i), i.severity, i.message, at_stake(gold, i)) for i in quality.incidents]
    sold = [
        (d.day.isoformat(), f"{d.events:,}", f"{d.sessions:,}", f"{d.orders:,}", exact(d.revenue)) for d in gold.days
    ]
    tracked, healed = evidence(gold, "as_tracked"), evidence(gold, "healed")
    known = [(REASON_WORDS.get(r, r), exact(tracked.get(r, 0)), exact(amount)) for r, amount in healed.items()]
    rates, clear = _rates([(0, s) for s in ranked(channels)], called(channels)), "Bars: 95% intervals (Wilson)"
    days = ("Day", "Events", "Sessions", "Orders", "Revenue")
    choices = {"reading": ("Reading", READINGS), "model": ("Model", MODELS)}
    source, models = "Revenue by what is known of its source", "Every model shares out the same revenue, to the cent."
    return [
        Section(
            "incidents", "What broke", volume_title(gold, quality) + ".",
            ("Since", "Severity", "What", "At stake"), broke, numbers_from=3,
        ),
        Section("trend", "Revenue a day", revenue_title(gold, changes) + ".", days, sold, True),
        Section("evidence", source, evidence_title(gold) + ".", ("Evidence", "As tracked", "Healed"), known),
        Section("attribution", "Revenue by channel", models, choices=choices),
        Section(
            "channels", "Conversion by the channel a session came by", f"{clear}; grey: too small to call.",
            RATE_HEAD, rates, True,
        ),
        Section(
            "devices", "Conversion by device and system", device_title(gold) + ".",
            RATE_HEAD, _rates(device_rows(gold)), True,
        ),
    ]  # fmt: skip


def _other_sections(gold: Gold, quality: Quality, impact: Impact) -> list[Section]:
    """Return the sections that need no incident: funnel, hours, products, ledger, model."""
    exact, short, steps, reached = gold.currency.exact, gold.currency.short, funnel(gold), "Got this far"
    funnel_rows = [
        (s, f"{r:,}", f"{k:,}", f"{r - k:,}") for s, r, k in zip(STEPS, steps.reached, steps.recorded, strict=True)
    ]
    goods = [
        (p.name, f"{p.units:,}", f"{p.lines:,}", f"{p.lines_without_amount:,}", exact(p.revenue)) for p in gold.products
    ]
    ledger = [(line.name, f"{line.orders:,}", exact(line.amount)) for line in gold.ledger]
    swings = [(s.label, exact(s.low, 0), exact(s.high, 0)) for s in impact.tornado]
    model = (
        f"A model over assumptions, not a measurement: {short(impact.ebitda.low)} to {short(impact.ebitda.high)} a "
        f"year in nine of ten draws. At risk: {at_risk(gold, quality, impact)}; unlabelled after the repair: "
        f"{short(impact.money.unlabelled_healed)}; no lost sale can be shown."
    )
    return [
        Section(
            "funnel", "The funnel as it was recorded",
            funnel_title(steps) + ". The bands are those who went further; the table counts all.",
            ("Step", reached, "Recorded", "Not recorded"), funnel_rows, True,
        ),
        Section(
            "heat", "Events by day and hour",
            "Crawlers are among them. An empty hour among full ones is a gap in the recording.", is_figure=True,
        ),
        Section(
            "products", "Products", "The 25 with most revenue. Lines without a price are counted, not guessed.",
            ("Product", "Units", "Lines", "Without a price", "Revenue"), goods,
        ),
        Section(
            "ledger", "Ledger", "Every amount from the files to the orders.", ("Line", "Orders", "Amount"), ledger
        ),
        Section("tornado", "What drives the yearly effect", model, ("Assumption", "Worse", "Better"), swings, True),
    ]  # fmt: skip


def _rates(rows: Sequence[tuple[int, Segment]], clear: Container[str] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for depth, s in rows:
        i = wilson(s.converted, s.sessions)
        note = "too small to call" if is_small(s.converted, s.sessions) and s.name not in clear else ""
        shares = f"{i.estimate:.2%}", f"{i.low:.2%} to {i.high:.2%}"
        found.append(("\u2003" * (depth > 0) + s.name, f"{s.converted:,}", f"{s.sessions:,}", *shares, note))
    return found
