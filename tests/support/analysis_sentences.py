"""The sentences of the executive summary as they should be, with every number recomputed."""

from typing import Any

from analysis_arithmetic import wilson_bounds
from analysis_headlines import headlines
from analysis_reference import FAULTS, Break, listed
from analysis_story import Story
from printed_numbers import Money, Sentence, Share, sentence

REASON_WORDS = {
    "known": "channel known",
    "window cut off": "data start too late to tell",
    "direct only": "direct visits only",
    "no touch in the window": "no visit in the window",
    "no id": "no id on the order",
}


def summary_sentences(story: Story) -> list[Sentence]:
    """All of the executive summary that holds a number, and its conclusions."""
    if not story.days:
        return []
    period = [story.days[0], story.days[-1]] if len(story.days) > 1 else [story.days[0]]
    found = [sentence(f"Executive summary, {' – '.join('#' * len(period))}", *period)]
    return [
        *found,
        conclusion(story),
        *lead(story),
        *_broken(story),
        *_certain(story),
        *_uncertain(story),
        *headlines(story),
        *_cost(story),
        *_actions(story),
    ]


def conclusion(story: Story) -> Sentence:
    """Whether the measurement broke, and the business with it; lost ids lose visits, never revenue or orders."""
    if not story.of.breaks:
        return sentence("Nothing broke in the measurement that the rules can see.")
    if not story.grave:
        return sentence("The measurement is damaged, but no column was lost.")
    words = {
        "revenue": "revenue a day",
        "orders": "orders a day",
        "sessions": "sessions a day",
        "conversion": "conversion",
    }
    around = [b for b in story.grave if story.days[0] < b.since]
    changes = {(m, b.what): story.change(m, b) for b in around for m in words}
    clear = {m for (m, _), c in changes.items() if c and c.is_clear}
    moved = clear - {"sessions", "conversion"} if story.ids_are_lost() else clear
    if moved:
        names = " and ".join(sorted(words[m] for m in moved))
        return sentence(f"The measurement is broken, and the business changed with it: {names}.")
    if clear:
        return sentence(
            "The measurement is broken, and recorded visits changed, as lost ids make them; "
            "nothing shows that sales did."
        )
    if any(c and abs(c.low) < float("inf") for c in changes.values()):
        return sentence("The measurement is broken; nothing in the data shows that the business is.")
    return sentence("The measurement is broken; too few days were recorded to say whether the business changed.")


def lead(story: Story) -> list[Sentence]:
    """The conclusion's numbers."""
    of = story.of
    if not of.revenue:
        return []
    known = {r: Share(k.get("known", (0, 0.0))[1] / of.revenue) for r, k in of.known.items()}
    sold = sentence(
        f"# order{'s' * (of.orders != 1)} brought #, and the ledger accounts for all of it.",
        of.orders,
        Money(of.revenue),
    )
    if story.gained <= 0:
        return [sold, sentence("A channel is known for # of it.", known["healed"])]
    return [
        sold,
        sentence(
            "Dashboards could give a channel to # of it; with the ids repaired it is #, # more.",
            known["as_tracked"],
            known["healed"],
            Money(story.gained),
        ),
    ]


def _broken(story: Story) -> list[Sentence]:
    found = []
    for b in story.of.breaks:
        until = [] if b.until in (None, b.since) else [b.until]
        when = "# to #" if until else "# only" if b.until else "#"
        found.append(
            sentence(f"| {when} | {b.words} | {b.severity} | # |", b.since, *until, *shares(b), Money(story.of.sold(b)))
        )
    lasting = sum(b.until is None for b in story.of.breaks)
    if lasting:
        found.append(sentence("Still lasting on #: # of #.", story.days[-1], lasting, len(found)))
    return found


def shares(of: Break) -> list[Any]:
    """A break's numbers; a fraction among them is shown in percent."""
    return [Share(n) if isinstance(n, float) else n for n in of.numbers]


def _certain(story: Story) -> list[Sentence]:
    of, found = story.of, []
    converted, sessions = (int(sum(v[n] for v in of.daily.values())) for n in ("converted", "sessions"))
    if sessions:
        low, high = wilson_bounds(converted, sessions)
        found.append(
            sentence(
                "# of sessions end in an order (95% interval # to #; # of #).",
                Share(converted / sessions),
                Share(low),
                Share(high),
                converted,
                sessions,
            )
        )
    for measure in ("revenue", "conversion"):
        c = story.change(measure)
        if c and c.low > float("-inf"):
            name = "Revenue a day" if measure == "revenue" else "Conversion"
            words = f"{name}: {'a' if c.is_clear else 'no'} clear change from # on: "
            if measure == "revenue":
                numbers: list[Any] = [Money(x) for x in (c.before, c.after, c.low, c.high)]
            else:
                numbers = [Share(c.before), Share(c.after), c.low * 100, c.high * 100]
            unit = " points" if measure == "conversion" else ""
            found.append(
                sentence(
                    f"{words}# before, # after (difference # to #{unit}, allowing for every comparison made).",
                    c.of.since,
                    *numbers,
                )
            )
            if measure == "conversion" and c.is_clear and story.ids_are_lost():
                found.append(sentence("Visits without an id are not among them, so this may be the measurement."))
    if of.segments["device"]:
        devices = story.devices()
        found.append(Sentence(devices.words + ".", devices.numbers))
    channels = story.standing_out("channels", of.segments["channel"])
    found += channels + story.standing_out("weekdays", of.weekdays())
    if channels:
        found += [
            sentence("Direct has held search and referral visits too since #.", b.since) for b in _no_referrer(story)
        ]
    return found


def _no_referrer(story: Story) -> list[Break]:
    return [b for b in story.of.breaks if b.kind == "lost" and b.what == "referrer" and b.until is None]


def _uncertain(story: Story) -> list[Sentence]:
    of, found = story.of, []
    reached, recorded = of.reached(), of.recorded()
    lost = reached[0] - recorded[0]
    if lost:
        found.append(
            sentence(
                "# of the # visitors who did more than browse (#) have no page view on record.",
                lost,
                reached[1],
                Share(lost / reached[1]),
            )
        )
    if of.gaps_before_orders():
        found.append(
            sentence(
                "# of # buyers lack a recorded step before their order; a missing step is a missing event, "
                "not a shorter journey.",
                of.gaps_before_orders(),
                reached[3],
            )
        )
    found += _without_channel(story)
    found += [
        sentence(
            "Search and referral visits without a campaign look direct since #, for the referrer is gone.", b.since
        )
        for b in _no_referrer(story)
    ]
    return [*found, *_not_ruled_out(story)]


def _without_channel(story: Story) -> list[Sentence]:
    """What the repair leaves without a channel, and how much of it because the files start too late."""
    rest = story.unlabelled["healed"]
    if rest <= 0:
        return []
    cut = story.of.known["healed"].get("window cut off", (0, 0.0))[1]
    share = "all" if abs(cut - rest) < 0.005 else "#"
    early = f", {share} of it sold so early that the visits before it may not be in the files."
    tail = early if cut else "."
    return [
        sentence(
            f"# (#) has no known channel even after the repair{tail}",
            Money(rest),
            Share(rest / story.of.revenue),
            *([Money(cut)] if "#" in tail else []),
        )
    ]


def _not_ruled_out(story: Story) -> list[Sentence]:
    """The fall of revenue that so few days cannot exclude."""
    c, days = story.change("revenue"), len(story.days)
    if not c or not c.before or c.low == float("-inf") or c.is_clear:
        return []
    if -c.low >= c.before:
        return [sentence("With # days, even an end of all sales cannot be ruled out.", days)]
    fall = Share(max(-c.low / c.before, 0))
    return [sentence("With # days, a fall of daily revenue by up to # cannot be ruled out.", days, fall)]


def _cost(story: Story) -> list[Sentence]:
    of = story.of
    if not of.revenue:
        return []
    found = [
        sentence("At risk: # was sold while an id or source column was broken.", Money(story.at_risk))
        if story.at_risk
        else sentence("At risk: nothing."),
        sentence(
            "Unlabelled: # as tracked, # after the repair.",
            Money(story.unlabelled["as_tracked"]),
            Money(story.unlabelled["healed"]),
        ),
    ]
    if story.unseen:
        found.append(
            sentence(
                "The hours without events would have held about # of recorded revenue; the shop's order list knows "
                "whether it was sold.",
                Money(story.unseen),
            )
        )
    if story.gained <= 0:
        return found
    waste_low, waste_high, low, high, base, best = story.ranges()
    days = len(story.days)
    found.append(
        sentence(
            "Model, not measurement ([assumptions](assumptions.yaml)): advertising placed worse for want of channels, "
            f"# to # in # day{'s' * (days != 1)}; yearly EBITDA effect # to # (nine of ten draws), at the very most #.",
            Money(waste_low),
            Money(waste_high),
            days,
            Money(low),
            Money(high),
            Money(best),
        )
    )
    return [*found, *_claims(story, base, best)]


def _claims(story: Story, base: float, best: float) -> list[Sentence]:
    """What would have to be true for what was stated, beside the model's base case and best corner."""
    of, days, found = story.of, len(story.days), []
    a_year, unseen = story.gained * 365 / days, float(of.seen["client_id_as_tracked", "true"][1]) / of.revenue
    for name, claim in story.assumptions.get("claims", {}).items():
        ends = claim["low"], claim["high"]
        if name.startswith("ebitda"):
            needed = [Share(x / claim["days"] * days / story.gained) for x in ends]
            found.append(
                sentence(
                    f"The # to # stated as {claim['label']} would need gain × steerable × margin × certainty "
                    "to be # to #; the base case has #, the best corner #.",
                    *map(Money, ends),
                    *needed,
                    Share(base / a_year),
                    Share(best / a_year),
                )
            )
        elif unseen:
            found.append(
                sentence(
                    f"The # to # stated as {claim['label']} is # to # times all revenue of such a period.",
                    *map(Money, ends),
                    *(x / (of.revenue / days * claim["days"]) for x in ends),
                )
            )
            found.append(
                sentence(
                    "It comes about only if # to # was spent on advertising and the whole # of it, as the share "
                    "of revenue without a recorded journey, was wasted.",
                    *(Money(x / unseen) for x in ends),
                    Share(unseen),
                )
            )
    return found


def _actions(story: Story) -> list[Sentence]:
    found, gaps = [], [b.since for b in story.of.breaks if b.kind == "gap"]
    for b in story.of.breaks:
        if b.kind == "renamed":
            found.append(
                sentence(
                    f"| Engineering | Send {b.what} under its old name, or move every report to the new one "
                    "| # of these days gets its channel back |",
                    Money(story.gained),
                )
            )
        elif b.kind == "share":
            found.append(
                sentence(
                    f"| Engineering | Find what changed on #: {b.words} | {FAULTS[b.what][2]} |", b.since, *shares(b)
                )
            )
    if gaps:
        days = listed(["#"] * len(gaps))
        found.append(
            sentence(
                f"| Operations | Compare the orders of {days} with the shop's order list | about # accounted for |",
                *gaps,
                Money(story.unseen),
            )
        )
    orders, amount = story.of.ledger["of counted: ids that collide"]
    if orders:
        found.append(
            sentence(
                "| Analytics | Do not deduplicate by transaction id alone | # of real orders kept |", Money(amount)
            )
        )
    if story.grave:
        found.append(
            sentence(
                "| Marketing | Move no budget on channel figures of these days unless they are healed ones "
                "| decisions on # of sales rest on evidence |",
                Money(story.at_risk),
            )
        )
    return found
