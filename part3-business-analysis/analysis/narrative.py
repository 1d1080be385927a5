"""The executive summary: every sentence with a number is there because the numbers are."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from analysis.charts.rates import device_title
from analysis.charts.style import percent, period
from analysis.findings import Change, called, compare_devices, evidence, funnel, weekdays
from analysis.gold import Gold, Segment
from analysis.impact import Assumptions, Impact, hold_against
from analysis.incidents import HOURS, Incident, Quality
from analysis.intervals import is_small, wilson
from analysis.verdicts import VERDICTS
from event_data.money import Currency

# Checks that, of the column of the id, say that events belong to no visitor.
LOSE_IDS = {"column_missing", "null_share", "null_shift", "value_placeholder"}
# Who mends what a check finds; everything else is for engineering.
OWNERS = {HOURS: "Operations"}
# Measures that need an id to be counted.
VISITS = ("sessions a day", "conversion")
PICTURES = (
    ("attribution_loss_pie.png", "Revenue by what is known of its source"),
    ("revenue_trend.png", "Revenue a day, with the incidents"),
    ("daily_volume_anomaly.png", "Volume and the shares that broke"),
    ("funnel_sankey.png", "The funnel as it was recorded"),
    ("device_cvr.png", "Conversion by device and system"),
)


def summary(gold: Gold, quality: Quality, changes: Sequence[Change], impact: Impact, assumptions: Assumptions) -> str:
    """The whole page, in Markdown."""
    if not gold.days:
        return "# Executive summary\n\n**No day has been loaded yet; there is nothing to say.**\n"
    sections = [
        [f"# Executive summary, {period(gold)}", "", *conclusion(gold, quality, changes)],
        broken(gold, quality),
        certain(gold, quality, changes),
        uncertain(gold, quality, changes),
        headlines(gold),
        cost(gold, quality, impact, assumptions),
        actions(gold, quality, impact),
        [
            "## Pictures",
            "",
            *[f"- [{words}]({name})" for name, words in PICTURES],
            "- [The interactive report](report.html)",
        ],
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def conclusion(gold: Gold, quality: Quality, changes: Sequence[Change]) -> list[str]:
    """Is the business broken, or the measurement, or both, or neither?"""
    text = [f"**{_head(gold, quality, changes)}**", *[line for one in refusals(gold) for line in ("", one)]]
    if not quality.is_checked:
        text += ["", "Part 1 has not checked these files: there is no dq_report.json beside the warehouse."]
    if not gold.revenue:
        return [*text, "", "No revenue was recorded in these days."]
    known = {reading: float(evidence(gold, reading)["known"]) for reading in ("as_tracked", "healed")}
    share = {reading: percent(amount / float(gold.revenue)) for reading, amount in known.items()}
    line = f"{_orders(gold.orders)} brought {gold.currency.exact(gold.revenue)}"
    if is_well(gold, quality) and not gold.line("difference").amount:
        line += ", and the ledger accounts for all of it"
    if known["healed"] > known["as_tracked"]:
        line += (
            f". Dashboards could give a channel to {share['as_tracked']} of it; with the ids repaired it "
            f"is {share['healed']}, {gold.currency.short(known['healed'] - known['as_tracked'])} more. "
            "The sales were made either way: what was lost is knowledge of where they came from."
        )
    else:
        line += f". A channel is known for {share['healed']} of it."
    return [*text, "", line]


def is_well(gold: Gold, quality: Quality) -> bool:
    """Whether the files were checked, all of them was used, and nothing serious was found."""
    return quality.is_checked and gold.is_complete and not quality.is_broken


def _head(gold: Gold, quality: Quality, changes: Sequence[Change]) -> str:
    around = [c for c in changes if c.incident.severity == "P0"]
    clear = {c.measure for c in around if c.difference.is_clear}
    # Where events lost their id, fewer visits are recorded than were made; revenue and orders need no id.
    moved = sorted(clear - set(VISITS) if _ids_are_lost(gold, quality) else clear)
    if not quality.grave:
        if any(a.severity == "P0" for a in quality.alarms):
            return "The measurement is broken: the monitor has an incident open that makes figures unusable."
        if quality.is_broken:
            return "The measurement has faults, but none that makes revenue or identity unusable."
        if not gold.is_complete:
            return "Some of the data could not be used, so these figures are not complete."
        if not quality.is_checked:
            return "Nobody has checked the quality of these files."
        return "Nothing broke in the measurement that the rules can see."
    if moved:
        return f"The measurement is broken, and the business changed with it: {' and '.join(moved)}."
    if clear:
        visits = "recorded visits changed, as lost ids make them"
        return f"The measurement is broken, and {visits}; nothing shows that sales did."
    if any(abs(c.difference.low) < float("inf") for c in around):
        return "The measurement is broken; nothing in the data shows that the business is."
    if not around:
        return "The measurement is broken from the first day on; no day before it says whether the business changed."
    return "The measurement is broken; too few days were recorded to say whether the business changed."


def refusals(gold: Gold) -> list[str]:
    """What could not be used, with exact amounts; a sentence for files, one for orders, one for other records."""
    lines = []
    if gold.unused:
        named = [f"{_cell(file.name)} ({_cell(file.reason)})" for file in gold.unused]
        were = "file was" if len(gold.unused) == 1 else "files were"
        lines.append(f"{len(gold.unused)} {were} not used: {_few(named)}.")
    if gold.refused:
        worth = [f"{gold.currency.exact(r.amount)}, " if r.amount else "" for r in gold.refused]
        parts = [f"{_orders(r.orders)} ({w}{_cell(r.reason)})" for r, w in zip(gold.refused, worth, strict=True)]
        lines.append(f"{_list(parts)} could not be used; they are in the ledger and in no other figure here.")
    records: dict[str, int] = {}
    for (reason, _), (count, orders) in gold.refusals.items():
        records[reason] = records.get(reason, 0) + count - orders
    others = [f"{n:,} ({_cell(reason)})" for reason, n in records.items() if n]
    if others:
        lines.append(f"Records other than orders that could not be used: {_list(others)}.")
    return lines


def _ids_are_lost(gold: Gold, quality: Quality) -> bool:
    return any(i.check in LOSE_IDS and gold.term(i.column) == "client_id" for i in quality.serious)


def broken(gold: Gold, quality: Quality) -> list[str]:
    """What broke by part 1's checks, since when, and what is at stake; and what the monitor has open."""
    rows, shown = ["## What broke", ""], quality.incidents
    for n, i in enumerate(shown):
        rows += [] if n else ["| Since | What | Severity | At stake |", "|---|---|---|---:|"]
        rows.append(f"| {when(gold, i)} | {_cell(i.clause)} | {i.severity} | {at_stake(gold, i)} |")
    if shown:
        lasting = sum(i.until is None for i in shown)
        lesser = len(quality.all_incidents) - len(shown)
        told = [f"Still lasting on {_day(gold.days[-1].day)}: {lasting} of {len(shown)}."] if lasting else []
        told += [f"Part 1's report has {lesser} lesser one{_s(lesser)}."] if lesser else []
        rows += ["", " ".join(told)] if told else []
    if quality.alarms:
        rows += ["", "Open in the monitor:", ""] if shown else ["Open in the monitor:", ""]
        rows += [f"- {a.severity} since {_day(a.since)}: {_cell(a.text)}" for a in quality.alarms]
    return rows if shown or quality.alarms else []


def when(gold: Gold, incident: Incident) -> str:
    """The first bad day, and the last one unless that is the last day of all."""
    i, before = incident, ""
    if i.since == gold.days[0].day and not i.last_good:
        before = " or before"
    until = "" if i.until is None else " only" if i.until == i.since and not before else f" to {_day(i.until)}"
    return _day(i.since) + before + until


def at_stake(gold: Gold, incident: Incident) -> str:
    """The revenue that part 1 puts at stake."""
    return "not known" if incident.at_stake is None else gold.currency.exact(incident.at_stake)


def at_risk(gold: Gold, quality: Quality, impact: Impact) -> str:
    """The revenue at risk; it is "nothing" only where nothing is wrong."""
    if impact.money.at_risk:
        return gold.currency.short(impact.money.at_risk)
    return "nothing" if is_well(gold, quality) else "not known"


def certain(gold: Gold, quality: Quality, changes: Sequence[Change]) -> list[str]:
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
        line = _change_line(gold, change)
        if change.measure in VISITS and change.difference.is_clear and _ids_are_lost(gold, quality):
            line += " Visits without an id are not among them, so this may be the measurement."
        lines.append(line)
    if gold.conversion.get("device"):
        looks = " The intervals allow for every pair of devices and for every system." if compare_devices(gold) else ""
        lines.append(f"**{_cell(device_title(gold))}.**{looks}")
    channels = _standing_out("channels", gold.conversion.get("channel", ()))
    if channels:
        channels += "".join(
            f" Direct has held search and referral visits too since {_day(i.since)}."
            for i in _lost_referrer(gold, quality)
        )
    lines += [channels, _standing_out("weekdays", weekdays(gold))]
    said = [f"- {line}" for line in lines if line]
    return ["## What can be said", "", *said] if said else []


def _first_grave(changes: Sequence[Change]) -> list[Change]:
    """The changes around the first of the gravest incidents, as far as days allow."""
    return [
        c
        for c in changes
        if c.incident == changes[0].incident
        and abs(c.difference.low) < float("inf")
        and c.measure in ("revenue a day", "conversion")
    ]


def _change_line(gold: Gold, c: Change) -> str:
    if c.measure == "conversion":
        shown = [
            f"{c.before:.2%}", f"{c.after:.2%}", f"{c.difference.low * 100:+.2f}",
            f"{c.difference.high * 100:+.2f} points",
        ]  # fmt: skip
    else:
        short, (low, high) = gold.currency.short, (c.difference.low, c.difference.high)
        shown = [short(c.before), short(c.after), *("+" * (x >= 0) + short(x) for x in (low, high))]
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


def uncertain(gold: Gold, quality: Quality, changes: Sequence[Change]) -> list[str]:
    """What cannot be said, and why."""
    found, lines = funnel(gold), []
    if missing := gold.missing_days:
        have, named = "day has" if len(missing) == 1 else "days have", _few([_day(d) for d in missing])
        lines.append(f"**{len(missing):,} {have} no usable file**: {named}. What was sold then is in no figure here.")
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
        line = f"**{gold.currency.short(float(rest))} ({share}) has no known channel** even after the repair"
        if cut := parts["window cut off"]:
            part = "all" if cut == rest else gold.currency.short(float(cut))
            line += f", {part} of it sold so early that the visits before it may not be in the files"
        lines.append(line + ".")
    for i in _lost_referrer(gold, quality):
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


def _lost_referrer(gold: Gold, quality: Quality) -> list[Incident]:
    lost = [i for i in quality.grave if gold.term(i.column) == "referrer" and i.check != "column_renamed"]
    return [i for i in lost if i.until is None][:1]


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
            counts = f"{f.numerator:,.0f} of {f.denominator:,.0f}"
            amount = gold.currency.exact(f.numerator) if "revenue" in name else counts
            share = f"{f.share:.{2 if f.share < 0.05 else 1}%}" if f.denominator else "not defined"
            cells.append(f"{share} ({amount}): {_cell(f.definition)}")
        rows.append(f"| {name} | {cells[0]} | {cells[1]} | {VERDICTS[name](gold) if name in VERDICTS else ''} |")
    return rows


def cost(gold: Gold, quality: Quality, impact: Impact, assumptions: Assumptions) -> list[str]:
    """Money at risk, refused, unlabelled and lost, apart; the model's ranges; and what the claims would need."""
    if not gold.revenue:
        return []
    m, short, lines = impact.money, gold.currency.short, ["## What it cost", ""]
    why = "The P0 and P1 incidents above affect this revenue; it is not lost."
    if not m.at_risk:
        why = "No serious fault began or lasted." if is_well(gold, quality) else "What is wrong has no amount."
    lines.append(f"- **At risk: {at_risk(gold, quality, impact)}.** {why}")
    if gold.refused:
        amount = gold.currency.exact(sum((r.amount for r in gold.refused), Decimal(0)))
        lines.append(
            f"- **Refused: {amount}** in {_orders(sum(r.orders for r in gold.refused))}. The files have them; no other "
            "figure here does."
        )
    unseen = "No hour without events was found." if quality.is_checked else "Hours without events were not looked for."
    if quality.empty_hours:
        unseen = (
            f"The hours without events would have held about {short(m.unseen_hours)} of recorded revenue; the shop's "
            "order list knows whether it was sold."
        )
    lines += [
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
        f"{_range(gold.currency, wasted.low, wasted.high)} in {impact.days} day{_s(impact.days)}; yearly EBITDA effect "
        f"{_range(gold.currency, yearly.low, yearly.high)} (nine of ten draws), at the very most {short(yearly.most)}.",
    ]
    return [*lines, *_claims(gold, impact, assumptions)]


def _claims(gold: Gold, impact: Impact, assumptions: Assumptions) -> list[str]:
    """What would have to be true for what was stated."""
    unseen = gold.figure("revenue without an earlier event", "as_tracked").share
    lines = []
    for name, claim in assumptions.claims.items() if gold.shop == assumptions.claims_about else ():
        test = hold_against(impact, claim, unseen)
        stated = f"The {_range(gold.currency, claim.low, claim.high)} stated as {claim.label}"
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
                f"{_range(gold.currency, *test.spend_needed)} was spent on advertising and the whole "
                f"{unseen:.1%} of it, as the share of revenue without a recorded journey, was wasted."
            )
    return ["", " ".join(lines)] if lines else []


def actions(gold: Gold, quality: Quality, impact: Impact) -> list[str]:
    """Who should do what, and what it would bring."""
    rows = [
        (OWNERS.get(i.check, "Engineering"), *_repair(gold, quality, i, impact))
        for i in quality.faults
        if i.check != "transaction_id_collision"
    ]
    collisions = gold.line("of counted: ids that collide")
    if collisions.orders:
        kept = f"{gold.currency.exact(collisions.amount)} of real orders kept"
        rows.append(("Analytics", "Do not deduplicate by transaction id alone", kept))
    if quality.grave:
        advice = "Do not move budget based on these days' channel figures; use the healed ones"
        risk = f" ({gold.currency.short(impact.money.at_risk)} at risk)" if impact.money.at_risk else ""
        rows.append(("Marketing", advice, f"decisions rest on evidence{risk}"))
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


def _repair(gold: Gold, quality: Quality, incident: Incident, impact: Impact) -> tuple[str, str]:
    """Part 1's advice for an incident, and what following it would bring."""
    money = impact.money
    gained = money.unlabelled_as_tracked - money.unlabelled_healed
    effect = f"{at_stake(gold, incident)} of revenue is affected" if incident.at_stake else ""
    if incident.check == HOURS:
        days = _few([_day(day) for day in sorted(quality.empty_hours)])
        what = f"Compare the orders of {days} with the shop's order list"
        return what, f"about {gold.currency.short(money.unseen_hours)} accounted for"
    if incident.check == "column_renamed" and gold.term(incident.column) == "client_id" and gained > 0:
        effect = f"{gold.currency.short(gained)} of these days gets its channel back"
    first = incident.advice.split(". ")[0].rstrip(".")
    return _cell(f"{incident.column}: {first}"), effect


def _day(day: date) -> str:
    return f"{day.day} {day:%B}"


def _range(currency: Currency, low: float, high: float) -> str:
    return f"{currency.short(low)} to {currency.short(high)}"


def _orders(count: int) -> str:
    return f"{count:,} order{_s(count)}"


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _list(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _few(names: Sequence[str]) -> str:
    return _list([*names[:4], f"{len(names) - 4} more"] if len(names) > 4 else names)


def _cell(text: str) -> str:
    """Text of the data as plain text in Markdown, in a table or out of it."""
    return "".join("\\" + c if c in "\\`*_[]<>|#$&~" else " " if c in "\r\n" else c for c in text)
