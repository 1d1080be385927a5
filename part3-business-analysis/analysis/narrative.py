"""The executive summary: every sentence with a number is there because the numbers are."""

from collections.abc import Sequence
from datetime import date

from analysis.charts.rates import device_title
from analysis.charts.style import percent, period
from analysis.currency import exact, short
from analysis.findings import Change, called, compare_devices, evidence, funnel, weekdays
from analysis.gold import Gold, Segment
from analysis.impact import Assumptions, Impact, hold_against
from analysis.incidents import WORDS, Incident
from analysis.intervals import is_small, wilson
from analysis.verdicts import VERDICTS

# What a lost column's return would bring, by gold's word for it.
LOST = {
    "client_id": WORDS["client_id_missing_share"].effect,
    "referrer": "search, social and referral visits can be told from direct ones",
}
# Measures that need an id to be counted.
VISITS = ("sessions a day", "conversion")
PICTURES = (
    ("attribution_loss_pie.png", "Revenue by what is known of its source"),
    ("revenue_trend.png", "Revenue a day, with the incidents"),
    ("daily_volume_anomaly.png", "Volume and the shares that broke"),
    ("funnel_sankey.png", "The funnel as it was recorded"),
    ("device_cvr.png", "Conversion by device and system"),
)


def summary(
    gold: Gold, incidents: Sequence[Incident], changes: Sequence[Change], impact: Impact, assumptions: Assumptions
) -> str:
    """The whole page, in Markdown."""
    if not gold.days:
        return "# Executive summary\n\n**No day has been loaded yet; there is nothing to say.**\n"
    sections = [
        [f"# Executive summary, {period(gold)}", "", *conclusion(gold, incidents, changes)],
        broken(gold, incidents),
        certain(gold, incidents, changes),
        uncertain(gold, incidents, changes),
        headlines(gold),
        cost(gold, impact, assumptions),
        actions(gold, incidents, impact),
        [
            "## Pictures",
            "",
            *[f"- [{words}]({name})" for name, words in PICTURES],
            "- [The interactive report](report.html)",
        ],
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def conclusion(gold: Gold, incidents: Sequence[Incident], changes: Sequence[Change]) -> list[str]:
    """Is the business broken, or the measurement, or both, or neither?"""
    grave = [i for i in incidents if i.severity == "P0"]
    clear = {c.measure for c in changes if c.difference.is_clear and c.incident in grave}
    # Where events lost their id, fewer visits are recorded than were made; revenue and orders need no id.
    moved = sorted(clear - set(VISITS) if _ids_are_lost(incidents) else clear)
    measurable = any(abs(c.difference.low) < float("inf") for c in changes if c.incident in grave)
    if not incidents:
        head = "Nothing broke in the measurement that the rules can see."
    elif not grave:
        head = "The measurement is damaged, but no column was lost."
    elif moved:
        head = f"The measurement is broken, and the business changed with it: {' and '.join(moved)}."
    elif clear:
        head = (
            "The measurement is broken, and recorded visits changed, as lost ids make them; "
            "nothing shows that sales did."
        )
    elif measurable:
        head = "The measurement is broken; nothing in the data shows that the business is."
    elif not any(c.incident in grave for c in changes):
        head = "The measurement is broken from the first day on; no day before it says whether the business changed."
    else:
        head = "The measurement is broken; too few days were recorded to say whether the business changed."
    text = [f"**{head}**"]
    if not gold.revenue:
        return [*text, "", "No revenue was recorded in these days."]
    known = {reading: float(evidence(gold, reading)["known"]) for reading in ("as_tracked", "healed")}
    share = {reading: percent(amount / float(gold.revenue)) for reading, amount in known.items()}
    orders = f"{gold.orders:,} order{_s(gold.orders)}"
    line = f"{orders} brought {exact(gold.revenue)}, and the ledger accounts for all of it. "
    if known["healed"] > known["as_tracked"]:
        line += (
            f"Dashboards could give a channel to {share['as_tracked']} of it; with the ids repaired it "
            f"is {share['healed']}, "
            f"{short(known['healed'] - known['as_tracked'])} more. The sales were made either way: what was lost is "
            "knowledge of where they came from."
        )
    else:
        line += f"A channel is known for {share['healed']} of it."
    return [*text, "", line]


def _ids_are_lost(incidents: Sequence[Incident]) -> bool:
    return any(i.kind == "share" and i.what == "client_id_missing_share" for i in incidents)


def broken(gold: Gold, incidents: Sequence[Incident]) -> list[str]:
    """What broke, when, and how much was sold meanwhile."""
    if not incidents:
        return []
    rows = ["## What broke", "", "| Since | What | Severity | Sold on these days |", "|---|---|---|---:|"]
    for i in incidents:
        days = [d for d in gold.days if d.day >= i.since and (i.until is None or d.day <= i.until)]
        before = " or before" if i.kind in ("renamed", "lost") and i.since == gold.days[0].day else ""
        until = "" if i.until is None else " only" if i.until == i.since and not before else f" to {_day(i.until)}"
        when = _day(i.since) + before + until
        rows.append(f"| {when} | {_cell(i.sentence)} | {i.severity} | {exact(sum(d.revenue for d in days))} |")
    lasting = [i for i in incidents if i.until is None]
    if lasting:
        rows += ["", f"Still lasting on {_day(gold.days[-1].day)}: {len(lasting)} of {len(incidents)}."]
    return rows


def certain(gold: Gold, incidents: Sequence[Incident], changes: Sequence[Change]) -> list[str]:
    """What can be said with confidence, with intervals."""
    lines = []
    sessions, converted = (sum(getattr(d, n) for d in gold.days) for n in ("sessions", "sessions_with_order"))
    if sessions:
        share = wilson(converted, sessions)
        lines.append(
            f"**{share.estimate:.2%} of sessions end in an order** (95% interval {share.low:.2%} to {share.high:.2%}; "
            f"{converted:,} of {sessions:,})."
        )
    for change in _first_grave(changes):
        line = _change_line(change)
        if change.measure in VISITS and change.difference.is_clear and _ids_are_lost(incidents):
            line += " Visits without an id are not among them, so this may be the measurement."
        lines.append(line)
    if gold.conversion.get("device"):
        looks = " The intervals allow for every pair of devices and for every system." if compare_devices(gold) else ""
        lines.append(f"**{_cell(device_title(gold))}.**{looks}")
    channels = _standing_out("channels", gold.conversion.get("channel", ()))
    if channels:
        channels += "".join(
            f" Direct has held search and referral visits too since {_day(i.since)}."
            for i in _lost_referrer(gold, incidents)
        )
    lines += [channels, _standing_out("weekdays", weekdays(gold))]
    said = [f"- {line}" for line in lines if line]
    return ["## What can be said", "", *said] if said else []


def _first_grave(changes: Sequence[Change]) -> list[Change]:
    """The changes around the first of the gravest incidents, as far as days allow."""
    ranked = sorted(changes, key=lambda c: (c.incident.severity, c.incident.since))
    return [
        c
        for c in ranked
        if c.incident == ranked[0].incident
        and abs(c.difference.low) < float("inf")
        and c.measure in ("revenue a day", "conversion")
    ]


def _change_line(c: Change) -> str:
    if c.measure == "conversion":
        shown = [
            f"{c.before:.2%}",
            f"{c.after:.2%}",
            f"{c.difference.low * 100:+.2f}",
            f"{c.difference.high * 100:+.2f} points",
        ]
    else:
        shown = [short(c.before), short(c.after), _signed(c.difference.low), _signed(c.difference.high)]
    verdict = "a clear change" if c.difference.is_clear else "no clear change"
    return (
        f"**{c.measure.capitalize()}: {verdict}** from {_day(c.incident.since)} on: {shown[0]} before, "
        f"{shown[1]} after (difference {shown[2]} to {shown[3]}, allowing for every comparison made)."
    )


def _standing_out(kind: str, segments: Sequence[Segment]) -> str:
    """Segments whose conversion differs from all the others' together; small cells are not called."""
    if len(segments) < 2 or not any(s.converted for s in segments):
        return ""
    by_name = {s.name: s for s in segments}
    clear = called(segments)
    small = [s.name for s in segments if is_small(s.converted, s.sessions) and s.name not in clear]
    shares = {n: f"{_cell(n)} ({by_name[n].converted / by_name[n].sessions:.2%})" for n in clear}
    higher = [shares[n] for n, i in clear.items() if i.estimate > 0]
    lower = [shares[n] for n, i in clear.items() if i.estimate < 0]
    parts = [
        f"{_list(names)} convert{'s' if len(names) == 1 else ''} {word} often than the rest"
        for names, word in ((higher, "more"), (lower, "less"))
        if names
    ]
    if len(small) == len(segments):
        return f"All {len(segments)} {kind} are too small to call."
    text = f"Of {len(segments)} {kind}, " + ("; ".join(parts) if parts else "none differs clearly from the rest")
    if not small:
        return text + "."
    few = f"{len(small)} {'are' if len(small) > 1 else 'is'} too small to call"
    return f"{text}; {few}."


def uncertain(gold: Gold, incidents: Sequence[Incident], changes: Sequence[Change]) -> list[str]:
    """What cannot be said, and why."""
    found, lines = funnel(gold), []
    if missing := gold.missing_days:
        named = [_day(d) for d in missing[:4]] + ([f"{len(missing) - 4} more"] if len(missing) > 4 else [])
        have = "day has" if len(missing) == 1 else "days have"
        lines.append(f"**{len(missing):,} {have} no file**: {_list(named)}. What was sold then is in no figure here.")
    lost = found.reached[0] - found.recorded[0]
    if lost:
        lines.append(
            f"**Orders over page views are no conversion rate.** {lost:,} of the {found.reached[1]:,} "
            f"visitors who did more than browse ({percent(lost / found.reached[1])}) have no page view on record."
        )
    if found.gaps:
        lines.append(
            f"**Where the funnel leaks is not known.** {found.gaps:,} of {found.buyers:,} buyers lack a "
            f"recorded step before their order; a missing step is a missing event, not a shorter journey."
        )
    parts = evidence(gold, "healed")
    rest = gold.revenue - parts["known"]
    if rest > 0:
        share = percent(float(rest / gold.revenue))
        line = f"**{short(float(rest))} ({share}) has no known channel** even after the repair"
        if cut := parts["window cut off"]:
            part = "all" if cut == rest else short(float(cut))
            line += f", {part} of it sold so early that the visits before it may not be in the files"
        lines.append(line + ".")
    for i in _lost_referrer(gold, incidents):
        lines.append(
            f"**Search and referral visits without a campaign** look direct since {_day(i.since)}, for the referrer is "
            "gone."
        )
    for c in [
        c for c in _first_grave(changes) if c.measure == "revenue a day" and c.before and not c.difference.is_clear
    ]:
        worst = max(-c.difference.low / c.before, 0)
        fall = f"a fall of daily revenue by up to {worst:.0%}" if worst < 1 else "even an end of all sales"
        lines.append(
            f"**{'Small' if worst < 1 else 'Any'} changes of sales.** With {len(gold.days)} days, {fall} "
            "cannot be ruled out."
        )
    return ["## What cannot be said", "", *[f"- {line}" for line in lines]] if lines else []


def _lost_referrer(gold: Gold, incidents: Sequence[Incident]) -> list[Incident]:
    return [i for i in incidents if i.kind == "lost" and gold.term(i.what) == "referrer" and i.until is None]


def headlines(gold: Gold) -> list[str]:
    """The figures that were reported, by their definitions, as tracked beside healed, each with a verdict."""
    names = list(dict.fromkeys(figure for figure, _ in gold.headline))
    if not names or not gold.orders:
        return []
    rows = ["## The reported figures", "", "| Figure | As tracked | Healed | What to make of it |", "|---|---|---|---|"]
    for name in names:
        cells = []
        for reading in ("as_tracked", "healed"):
            f = gold.figure(name, reading)
            amount = exact(f.numerator) if "revenue" in name else f"{f.numerator:,.0f} of {f.denominator:,.0f}"
            share = f"{f.share:.{2 if f.share < 0.05 else 1}%}" if f.denominator else "not defined"
            cells.append(f"{share} ({amount}): {_cell(f.definition)}")
        rows.append(f"| {name} | {cells[0]} | {cells[1]} | {VERDICTS[name](gold) if name in VERDICTS else ''} |")
    return rows


def cost(gold: Gold, impact: Impact, assumptions: Assumptions) -> list[str]:
    """Money at risk, unlabelled and lost, apart; the model's ranges; and what the claims would need."""
    if not gold.revenue:
        return []
    m = impact.money
    unseen = "No hour without events was found."
    if m.unseen_hours:
        unseen = (
            f"The hours without events would have held about {short(m.unseen_hours)} of recorded revenue; the shop's "
            "order list knows whether it was sold."
        )
    lines = [
        "## What it cost",
        "",
        f"- **At risk: {short(m.at_risk)}** was sold while an id or source column was broken. It was earned."
        if m.at_risk
        else "- **At risk: nothing.** No id or source column broke while anything was sold.",
        f"- **Unlabelled: {short(m.unlabelled_as_tracked)}** as tracked, {short(m.unlabelled_healed)} after the "
        "repair. An order without a channel is still a sale.",
        f"- **Lost: no lost sale can be shown.** {unseen}",
    ]
    if not impact.blind:
        return [
            *lines,
            "",
            "The repair labels no further revenue, so the model of what it is worth has nothing to rest on.",
        ]
    wasted, yearly = impact.waste, impact.ebitda
    lines += [
        "",
        "**Model, not measurement** ([assumptions](assumptions.yaml)): advertising placed worse for want of channels, "
        f"{_range(wasted.low, wasted.high)} in {impact.days} day{_s(impact.days)}; yearly EBITDA effect "
        f"{_range(yearly.low, yearly.high)} (nine of ten draws), at the very most {short(yearly.most)}.",
    ]
    return [*lines, *_claims(gold, impact, assumptions)]


def _claims(gold: Gold, impact: Impact, assumptions: Assumptions) -> list[str]:
    """What would have to be true for what was stated."""
    unseen = gold.figure("revenue without an earlier event", "as_tracked").share
    lines = []
    for name, claim in assumptions.claims.items() if gold.shop == assumptions.claims_about else ():
        test = hold_against(impact, claim, unseen)
        stated = f"The {_range(claim.low, claim.high)} stated as {claim.label}"
        if name.startswith("ebitda"):
            low, high = test.product_needed
            lines.append(
                f"{stated} would need gain × steerable × margin × certainty to be {low:.0%} to {high:.0%}; "
                f"the base case has {impact.product:.1%}, the best corner {impact.product_most:.1%}."
            )
        elif unseen:
            low, high = test.share_of_revenue
            lines.append(
                f"{stated} is {low:.1f} to {high:.1f} times all revenue of such a period. It comes about only if "
                f"{_range(*test.spend_needed)} was spent on advertising and the whole {unseen:.1%} of it, as the "
                "share of revenue without a recorded journey, was wasted."
            )
    return ["", " ".join(lines)] if lines else []


def actions(gold: Gold, incidents: Sequence[Incident], impact: Impact) -> list[str]:
    """Who should do what, and what it would bring."""
    rows = [("Engineering", *_repair(i, impact, gold.term(i.what))) for i in incidents if i.kind != "gap"]
    gaps = [_day(i.since) for i in incidents if i.kind == "gap"]
    if gaps:
        rows.append(
            (
                "Operations",
                f"Compare the orders of {_list(gaps)} with the shop's order list",
                f"about {short(impact.money.unseen_hours)} accounted for",
            )
        )
    collisions = gold.line("of counted: ids that collide")
    if collisions.orders:
        kept = f"{exact(collisions.amount)} of real orders kept"
        rows.append(("Analytics", "Do not deduplicate by transaction id alone", kept))
    if any(i.severity == "P0" for i in incidents):
        rows.append(
            (
                "Marketing",
                "Move no budget on channel figures of these days unless they are healed ones",
                f"decisions on {short(impact.money.at_risk)} of sales rest on evidence",
            )
        )
        rows.append(("Finance", "Replace the assumptions by the books: spend, margin", "the range above narrows"))
    if not rows:
        return []
    return [
        "## Who does what",
        "",
        "| Owner | Action | Effect |",
        "|---|---|---|",
        *[f"| {a} | {b} | {c} |" for a, b, c in rows],
    ]


def _repair(incident: Incident, impact: Impact, term: str) -> tuple[str, str]:
    """What mends an incident, and what that would bring; `term` is gold's word for a column."""
    i, money = incident, impact.money
    back = LOST.get(term, "what reports read from it is there again")
    if i.kind == "renamed":
        gained = short(money.unlabelled_as_tracked - money.unlabelled_healed)
        return (
            f"Send {_cell(i.what)} under its old name, or move every report to the new one",
            f"{gained} of these days gets its channel back" if term == "client_id" else back,
        )
    if i.kind == "lost":
        return f"Put the column {_cell(i.what)} back, and export the days again", back
    return f"Find what changed on {_day(i.since)}: {i.sentence}", WORDS[i.what].effect


def _day(day: date) -> str:
    return f"{day.day} {day:%B}"


def _signed(amount: float) -> str:
    return ("+" if amount >= 0 else "") + short(amount)


def _range(low: float, high: float) -> str:
    return f"{short(low)} to {short(high)}"


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _list(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _cell(text: str) -> str:
    """Text of the data as plain text in Markdown, in a table or out of it."""
    return "".join("\\" + c if c in "\\`*_[]<>|#$&~" else " " if c in "\r\n" else c for c in text)
