"""Write the summary, and the interactive report: one file that opens without a network."""

import json
from collections.abc import Collection, Sequence
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from analysis.charts.style import source_line
from analysis.figures import figures
from analysis.findings import Change
from analysis.gold import Gold
from analysis.impact import Assumptions, Impact
from analysis.incidents import Quality
from analysis.templating import TEMPLATES, environment, period, render_markdown
from event_data.page import render_page

# Checks whose failure on the id's column means that events belong to no visitor.
LOSE_IDS = {"column_missing", "null_share", "null_shift", "value_placeholder"}
VISITS = ("sessions per day", "conversion")  # measures that need an id to be counted


def summary(values: dict[str, Any], assumptions: Assumptions, pictures: Collection[str]) -> str:
    """Return the executive summary, in Markdown, with links to these pictures."""
    gold: Gold = values["gold"]
    claims = assumptions.claims if gold.is_all and gold.shop == assumptions.claims_about else {}
    return render_markdown("executive_summary.md.j2", **values, claims=claims, pictures=pictures)


def verdict(gold: Gold, quality: Quality, changes: Sequence[Change], impact: Impact) -> dict[str, Any]:
    """Return the values that both documents show."""
    around = [c for c in changes if c.incident and c.incident.severity == "P0"]
    changed = {c.measure for c in around if c.difference.is_clear}
    ids_are_lost = any(i.check in LOSE_IDS and gold.term(i.column) == "client_id" for i in quality.serious)
    lost = [i for i in quality.grave if gold.term(i.column) == "referrer" and i.check != "column_renamed"]
    compared = gold.known_totals.differing if gold.known_totals else []
    differing = [one for one in compared if gold.is_all or one.known.day in gold.days.index]
    shown = [c for c in changes if c.is_telling and c.measure in (f"{gold.sales} per day", "conversion")]
    return {"gold": gold, "quality": quality, "changes": changes, "impact": impact, "period": period(gold)} | {
        "visits": VISITS,
        # The files were checked and used completely, nothing serious was found, and no known total differs.
        "is_well": quality.is_checked and gold.is_complete and not quality.is_broken and not differing,
        "differing": differing,
        "around": around,
        "changed": changed,
        # Without ids, fewer visits are recorded than were made; revenue and orders need no id.
        "moved": sorted(changed - set(VISITS) if ids_are_lost else changed),
        "ids_are_lost": ids_are_lost,
        "lost_referrer": [i for i in lost if i.until is None][:1],
        # Around the first grave incident, and against the period before.
        "first_changes": [c for c in shown if c in around and c.incident == around[0].incident],
        "beside": [c for c in changes if c.is_telling and not c.incident],
    }


def report(values: dict[str, Any]) -> str:
    """Return the page, plotly.js and all; the same data give the same bytes."""
    gold: Gold = values["gold"]
    drawn = figures(gold, values["quality"], values["impact"])
    # The largest last: bars are drawn upwards.
    credits = gold.channels.sort_values([gold.sales, "channel"])
    columns = ["reading", "model", "channel", "orders", *["revenue"] * gold.roles.has_amount]
    data = {"currency": gold.currency.sign, "figures": drawn, "attribution": credits[columns].to_numpy().tolist()}
    plotly = (files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    return render_page(
        environment().get_template("report.html.j2"),
        f"Trust in event data, {values['period']}",
        scripts=(plotly, (TEMPLATES / "report.js").read_text(encoding="utf-8")),
        drawn=drawn,
        source=source_line(gold),
        # A closing tag in the data must not close the script.
        data=Markup(json.dumps(data, ensure_ascii=False, sort_keys=True).replace("<", "\\u003c")),
        **values,
    )
