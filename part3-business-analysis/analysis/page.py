"""Write the interactive report: one file that opens without a network, with the same bytes each time."""

import json
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from analysis.charts.style import source_line
from analysis.figures import LETTERS, figures, marked
from analysis.findings import device_rows, outliers, segments_of
from analysis.gold import Gold
from analysis.templating import REASON_WORDS, STEP_WORDS, TEMPLATES, environment, plain
from event_data.page import render_page


def report(values: dict[str, Any]) -> str:
    """Return the page, plotly.js and all."""
    gold: Gold = values["gold"]
    channels = segments_of(gold, "channel")
    small = outliers(channels).small
    drawn = figures(gold, values["quality"], values["impact"])
    data = {
        "currency": gold.currency.sign, "figures": drawn, "attribution": attribution(gold), "unit": gold.sales,
    }  # fmt: skip
    plotly = (files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    return render_page(
        environment().get_template("report.html.j2"),
        f"Trust in event data, {values['period']}",
        scripts=(plotly, (TEMPLATES / "report.js").read_text(encoding="utf-8")),
        drawn=drawn,
        letters=LETTERS,
        marked=marked,
        channel_rates=[(0, s, s in small) for s in channels],
        device_rates=[(depth, s, s.is_small) for depth, s in device_rows(gold)],
        reason_words=REASON_WORDS,
        step_words=STEP_WORDS,
        source=source_line(gold),
        # A closing tag in the data must not close the script.
        data=Markup(json.dumps(data, ensure_ascii=False, sort_keys=True).replace("<", "\\u003c")),
        **values,
    )


def attribution(gold: Gold) -> dict[str, dict[str, list[list[Any]]]]:
    """Return each channel's sales by reading and model, the largest last: bars are drawn upwards.

    A row is the name, the name for plotly, revenue and orders; without amounts there is no revenue.
    """
    found: dict[str, dict[str, list[list[Any]]]] = {}
    for row in gold.channels.sort_values([gold.sales, "channel"]).itertuples(index=False):
        amounts = [row.revenue, round(row.orders, 2)] if gold.roles.has_amount else [round(row.orders, 2)]
        models = found.setdefault(row.reading, {})
        models.setdefault(row.model, []).append([row.channel, plain(row.channel), *amounts])
    return found
