"""What report.html says in text, tables and figures, and what it should."""

import html
import json
import re
from html.parser import HTMLParser
from typing import Any

from analysis_arithmetic import wilson_bounds
from analysis_pictures import device_rows, evidence_title, funnel_title, revenue_title, volume_title
from analysis_reference import is_small, outliers
from analysis_sentences import REASON_WORDS, lead, shares
from analysis_story import Story
from printed_numbers import Money, Sentence, Share, sentence, sentences

STEPS = ("Viewed a page", "Added to cart", "Started checkout", "Ordered")
SHORT = ("viewed a page", "cart", "checkout", "ordered")


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
        elif self.inside not in ("", "script"):
            self.cells[-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == self.inside:
            if tag == "tr":
                self.texts.append((self.section + " | ".join(cell.strip() for cell in self.cells)).strip())
            elif tag != "script":
                self.texts += sentences(self.cells[0])
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


def report_sentences(story: Story) -> list[Sentence]:
    """All of the report that holds a number."""
    of = story.of
    return [
        *_head(story),
        *_fixed_words(),
        *_breaks(story),
        *_days(story),
        *_evidence(story),
        *_rates(story),
        *_funnel(story),
        *(sentence(f"products: {name} | # | # | # | #", u, n, w, Money(x)) for name, u, n, w, x in of.products),
        *(sentence(f"ledger: {line} | # | #", n, Money(amount)) for line, (n, amount) in of.ledger.items()),
        *(_model(story) if story.days else []),
    ]


def _head(story: Story) -> list[Sentence]:
    """The page's title, period, source and lead, and the sentences above its figures."""
    ends = story.days[:1] if len(story.days) == 1 else [story.days[0], story.days[-1]]
    period = " – ".join("#" * len(ends))
    files = story.of.files
    source = (
        sentence(f"Source: {files[0]} to {files[-1]}, # files.", len(files))
        if len(files) > 1
        else sentence(f"Source: {files[0]}.")
    )
    titles = [
        *volume_title(story),
        *revenue_title(story),
        *evidence_title(story),
        story.devices(),
        *funnel_title(story),
    ]
    return [
        sentence(f"Trust in event data, {period}", *ends),
        sentence(period, *ends),
        source,
        *lead(story),
        *(Sentence(title.words + ".", title.numbers) for title in titles),
    ]


def _fixed_words() -> list[Sentence]:
    """What stands there whatever the data are."""
    heads = [f"{s}: Segment | With an order | Sessions | Share | 95% interval |" for s in ("channels", "devices")]
    return [
        sentence(words)
        for words in (
            "The 25 with most revenue.",
            "Bars: 95% intervals (Wilson); grey: too small to call.",
            *heads,
            "Position based (40/20/40)",
            "Time decay (halves in 7 days)",
        )
    ]


def _breaks(story: Story) -> list[Sentence]:
    found = []
    for b in story.of.breaks:
        until = ["#", b.until] if b.until else ["lasts"]
        numbers = shares(b)
        found.append(sentence(f"incidents: # | {until[0]} | {b.severity} | {b.words}", b.since, *until[1:], *numbers))
        if b.kind != "gap":
            found.append(sentence(f"trend: #: {b.label}", b.since, *numbers))
    return found


def _days(story: Story) -> list[Sentence]:
    return [
        sentence(
            "trend: # | # | # | # | #", day, int(v["events"]), int(v["sessions"]), int(v["orders"]), Money(v["revenue"])
        )
        for day, v in story.of.daily.items()
    ]


def _evidence(story: Story) -> list[Sentence]:
    known = story.of.known
    assert set(known["healed"]) <= set(REASON_WORDS)
    return [
        sentence(
            f"evidence: {words} | # | #", *(Money(known[r].get(reason, (0, 0.0))[1]) for r in ("as_tracked", "healed"))
        )
        for reason, words in REASON_WORDS.items()
    ]


def _rates(story: Story) -> list[Sentence]:
    """Each share twice: as a row of the table, and as what its dot says when pointed at."""
    found = []
    channels = [("channels", False, name, c, n) for name, (c, n) in story.of.segments["channel"].items()]
    above, below, _ = outliers(story.of.segments["channel"])
    for section, _, name, c, n in [*channels, *(("devices", *row) for row in device_rows(story))]:
        small = is_small(c, n) and not (section == "channels" and name in (*above, *below))
        low, high = wilson_bounds(c, n)
        few, note = ("too small to call", "; too small to call") if small else ("", "")
        row = f"{section}: {name} | # | # | # | # to # | {few}".strip()
        found.append(sentence(row, c, n, Share(c / n), Share(low), Share(high)))
        label = f"{section}: {name}: # (# of #), 95% interval # to #{note}"
        found.append(sentence(label, Share(c / n), c, n, Share(low), Share(high)))
    return found


def _funnel(story: Story) -> list[Sentence]:
    found = []
    reached, recorded = story.of.reached(), story.of.recorded()
    for step, short, r, k in zip(STEPS, SHORT, reached, recorded, strict=True):
        found.append(sentence(f"funnel: {step} | # | # | #", r, k, r - k))
        found += [sentence(f"funnel: #<br>{short}", k)] if k else []
        found += [sentence("funnel: # not<br>recorded", r - k)] if r - k else []
    return found


def _model(story: Story) -> list[Sentence]:
    low, high = story.ranges()[2:4]
    return [
        sentence(
            "A model over assumptions, not a measurement: # to # a year in nine of ten draws.", Money(low), Money(high)
        ),
        sentence(
            "At risk #, unlabelled # after the repair; no lost sale can be shown.",
            Money(story.at_risk),
            Money(story.unlabelled["healed"]),
        ),
        *(sentence(f"tornado: {label} | # | #", Money(low), Money(high)) for label, low, high in story.swings()),
    ]


def _cents(amount: float) -> float:
    """Half a cent falls the same way by whatever route it was reached."""
    return round(amount + 1e-6, 2)


def report_data(story: Story) -> dict[str, Any]:
    """What the figures should draw, in the shape that `drawn_data` gives."""
    of = story.of
    credits: dict[str, dict[str, list[tuple[str, float, float]]]] = {}
    for (reading, model, channel), (orders, amount) in of.credits.items():
        if orders or amount:
            credits.setdefault(reading, {}).setdefault(model, []).append((channel, _cents(amount), round(orders, 2)))
    flows: dict[tuple[int, bool, bool], int] = {}
    for *seen, n in of.paths:
        for step in range(3):
            if n and any(seen[step + 1 :]):
                key = (step, seen[step], seen[step + 1])
                flows[key] = flows.get(key, 0) + n
    return {
        "revenue": [_cents(of.daily[d]["revenue"]) for d in story.days],
        "orders": [int(of.daily[d]["orders"]) for d in story.days],
        "hours": [[of.hours.get((d, h), 0) for h in range(24)] for d in story.days],
        "flows": sorted(flows.values()),
        "credits": {r: {m: sorted(rows) for m, rows in models.items()} for r, models in credits.items()},
        "tornado": sorted((label, _cents(low), _cents(high)) for label, low, high in story.swings()),
    }


def drawn_data(data: dict[str, Any]) -> dict[str, Any]:
    """What the figures of the page draw."""
    figures = data["figures"]
    worse, better = (trace["customdata"] for trace in figures["tornado"]["data"])
    names = [html.unescape(name) for name in figures["tornado"]["data"][0]["y"]]
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
