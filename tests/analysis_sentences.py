"""The sentences that part 3 should write of a warehouse, with every number recomputed: what the summary says."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from analysis_arithmetic import newcombe, quantile, triangular_draws, welch, wilson_bounds
from analysis_reference import FAULTS, Break, Reference, is_small, listed, outliers
from printed_numbers import Money, Sentence, Share, sentence

REASON_WORDS = {
    "known": "channel known",
    "window cut off": "data start too late to tell",
    "direct only": "direct visits only",
    "no touch in the window": "no visit in the window",
    "no id": "no id on the order",
}
INPUTS = ("spend_share", "steerable", "gain", "margin", "doubt")


@dataclass(frozen=True)
class Change:
    """A measure before and from a break on, with the bounds of its difference."""

    of: Break
    before: float
    after: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        return self.low > 0 or self.high < 0


class Story:
    """What a reference's numbers add up to."""

    def __init__(self, reference: Reference, assumptions: Path) -> None:
        self.of = reference
        self.days = reference.days
        self.grave = [b for b in reference.breaks if b.severity == "P0"]
        self.unlabelled = {r: reference.revenue - k.get("known", (0, 0.0))[1] for r, k in reference.known.items()}
        self.gained = self.unlabelled["as_tracked"] - self.unlabelled["healed"]
        self.at_risk = sum(
            v["revenue"]
            for d, v in reference.daily.items()
            if any(b.since <= d <= (b.until or self.days[-1]) for b in self.grave)
        )
        missed = sum(n for hours in reference.missed().values() for n in hours.values())
        self.unseen = reference.revenue * missed / max(sum(v["events"] for v in reference.daily.values()), 1)
        self.assumptions: dict[str, Any] = yaml.safe_load(assumptions.read_text(encoding="utf-8"))
        self.corners = [tuple(self.assumptions["inputs"][i][c] for c in ("low", "base", "high")) for i in INPUTS]

    def yearly(self, steerable: Any, gain: Any, margin: Any, doubt: Any) -> Any:
        """Dollars of EBITDA: what the newly labelled revenue would have gained, kept, believed, times the year."""
        return self.gained * (365 / len(self.days)) * steerable * gain * margin * (1 - doubt)

    def ranges(self) -> tuple[float, float, float, float, float, float]:
        """Wasted spend at 5% and 95%, EBITDA at 5% and 95%, its base case, and its best corner."""
        drawn = triangular_draws(self.assumptions["seed"], self.assumptions["draws"], self.corners)
        wasted, yearly = self.gained * drawn[0] * drawn[1] * drawn[2], self.yearly(*drawn[1:])
        (_, _, _), *rest = self.corners
        best = self.yearly(*(high for _, _, high in rest[:3]), rest[3][0])
        base = self.yearly(*(middle for _, middle, _ in rest))
        return (*(quantile(v, q) for v in (wasted, yearly) for q in (0.05, 0.95)), base, best)  # type: ignore[return-value]

    def swings(self) -> list[tuple[str, float, float]]:
        """Of each input but the spend, what its ends do to the yearly effect, the widest first."""
        found, base = [], [middle for _, middle, _ in self.corners]
        for n, name in enumerate(INPUTS[1:], 1):
            ends = [
                self.yearly(*(base[:n] + [end] + base[n + 1 :])[1:]) for end in (self.corners[n][0], self.corners[n][2])
            ]
            found.append((str(self.assumptions["inputs"][name]["label"]), min(ends), max(ends)))
        return sorted(found, key=lambda s: s[1] - s[2])

    def change(self, measure: str, around: Break | None = None) -> Change | None:
        """Around the gravest break that has days on both sides; each interval bears four measures around all of them."""
        lasting = [b for b in self.of.breaks if b.kind != "gap" and self.days[0] < b.since <= self.days[-1]]
        if not lasting:
            return None
        worst = around or min(lasting, key=lambda b: (b.severity, b.since))
        confidence = 1 - 0.05 / (4 * len(lasting))
        sides = [[v for d, v in self.of.daily.items() if (d >= worst.since) == late] for late in (False, True)]
        if measure == "conversion":
            (a, of_a), (b, of_b) = ([sum(v[n] for v in s) for n in ("converted", "sessions")] for s in sides)
            bounds = newcombe(b, of_b, a, of_a, confidence) if of_a and of_b else (-1.0, 1.0)
            return Change(worst, a / max(of_a, 1), b / max(of_b, 1), *bounds)
        old, new = ([v[measure] for v in s] for s in sides)
        bounds = welch(new, old, confidence) if min(len(old), len(new)) > 1 else (float("-inf"), float("inf"))
        return Change(worst, sum(old) / len(old), sum(new) / len(new), *bounds)

    def ids_are_lost(self) -> bool:
        return any(b.what == "client_id_missing_share" for b in self.of.breaks)

    def devices(self) -> Sentence:
        """Whether the two devices most used differ, or one of them less one system, or systems from the rest."""
        found = self.of.segments["device"]
        if not sum(c for c, _ in found.values()):
            return sentence("No session ended in an order")
        ranked = sorted(found, key=lambda d: (-found[d][1], d))[:2]
        if len(ranked) < 2 or any(is_small(*found[d]) for d in ranked):
            return sentence("Too few orders to compare devices")
        low, high = sorted(ranked, key=lambda d: found[d][0] / found[d][1])
        confidence = 1 - 0.05 / (len(found) * (len(found) - 1) / 2)
        numbers: tuple[Share, ...] = ()
        if newcombe(*found[high], *found[low], confidence)[0] > 0:
            for system in sorted({s for d, s in self.of.crossed if d == high}):
                pair = [
                    [
                        whole - part
                        for whole, part in zip(found[d], self.of.crossed.get((d, system), (0, 0)), strict=True)
                    ]
                    for d in (high, low)
                ]
                if min(n for _, n in pair) > 0 and newcombe(*pair[0], *pair[1], confidence)[0] <= 0:
                    return sentence(f"{high} converts more often than {low.lower()}, but not without {system}")
            numbers = (Share(found[high][0] / found[high][1] / (found[low][0] / found[low][1]) - 1),)
            start = f"{high} converts # more often than {low.lower()}"
        else:
            start = f"{low} and {high.lower()} show no clear difference"
        above, below, _ = outliers(self.of.segments["system"])
        parts = [
            f"{' and '.join(names)} convert{'s' if len(names) == 1 else ''} {word} often than the rest"
            for names, word in ((above, "more"), (below, "less"))
            if names
        ]
        tail = f"; {', '.join(parts)}" if parts else " in how often a session ends in an order"
        return sentence(start + tail, *numbers)

    def standing_out(self, kind: str, segments: dict[str, tuple[int, int]]) -> list[Sentence]:
        if len(segments) < 2 or not sum(c for c, _ in segments.values()):
            return []
        above, below, small = outliers(segments)
        if small == len(segments):
            return [sentence(f"All # {kind} are too small to call.", small)]
        parts = [
            f"{listed([f'{n} (#)' for n in names])} convert{'s' if len(names) == 1 else ''} {word} often than the rest"
            for names, word in ((above, "more"), (below, "less"))
            if names
        ]
        words = f"Of # {kind}, {'; '.join(parts) or 'none differs clearly from the rest'}"
        shares = [Share(segments[n][0] / segments[n][1]) for n in (*above, *below)]
        tail, few = (f"; # {'are' if small > 1 else 'is'} too small to call.", (small,)) if small else (".", ())
        return [sentence(words + tail, len(segments), *shares, *few)]


def summary_sentences(story: Story) -> list[Sentence]:
    """All of the executive summary that holds a number, and its conclusions."""
    if not story.days:
        return []
    period = [story.days[0], story.days[-1]] if len(story.days) > 1 else [story.days[0]]
    found = [sentence(f"Executive summary, {' – '.join('#' * len(period))}", *period)]
    return [*found, conclusion(story), *lead(story), *_broken(story), *_certain(story), *_uncertain(story), *_headlines(story),
            *_cost(story), *_actions(story)]  # fmt: skip


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
            "The measurement is broken, and recorded visits changed, as lost ids make them; nothing shows that sales did."
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
        f"# order{'s' * (of.orders != 1)} brought #, and the ledger accounts for every dollar.",
        of.orders,
        Money(of.revenue),
    )
    if story.gained <= 0:
        return [sold, sentence("A channel is known for # of it.", known["healed"])]
    return [sold, sentence("Dashboards could give a channel to # of it; with the ids repaired it is #, # more.",
                           known["as_tracked"], known["healed"], Money(story.gained))]  # fmt: skip


def _broken(story: Story) -> list[Sentence]:
    found = []
    for b in story.of.breaks:
        until = [] if b.until in (None, b.since) else [b.until]
        when = "# to #" if until else "# only" if b.until else "#"
        found.append(
            sentence(
                f"| {when} | {b.words} | {b.severity} | # |", b.since, *until, *_shares(b), Money(story.of.sold(b))
            )
        )
    lasting = sum(b.until is None for b in story.of.breaks)
    if lasting:
        found.append(sentence("Still lasting on #: # of #.", story.days[-1], lasting, len(found)))
    return found


def _shares(of: Break) -> list[Any]:
    return [Share(n) if isinstance(n, float) else n for n in of.numbers]


def _certain(story: Story) -> list[Sentence]:
    of, found = story.of, []
    converted, sessions = (int(sum(v[n] for v in of.daily.values())) for n in ("converted", "sessions"))
    if sessions:
        low, high = wilson_bounds(converted, sessions)
        found.append(sentence("# of sessions end in an order (95% interval # to #; # of #).",
                              Share(converted / sessions), Share(low), Share(high), converted, sessions))  # fmt: skip
    for measure in ("revenue", "conversion"):
        c = story.change(measure)
        if c and c.low > float("-inf"):
            words = f"{'Revenue a day' if measure == 'revenue' else 'Conversion'}: {'a' if c.is_clear else 'no'} clear change from # on: "
            if measure == "revenue":
                numbers: list[Any] = [Money(x) for x in (c.before, c.after, c.low, c.high)]
            else:
                numbers = [Share(c.before), Share(c.after), c.low * 100, c.high * 100]
            unit = " points" if measure == "conversion" else ""
            found.append(sentence(f"{words}# before, # after (difference # to #{unit}, allowing for every comparison made).",
                                  c.of.since, *numbers))  # fmt: skip
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
        found.append(sentence("# of the # visitors who did more than browse (#) have no page view on record.",
                              lost, reached[1], Share(lost / reached[1])))  # fmt: skip
    if of.gaps_before_orders():
        found.append(sentence("# of # buyers lack a recorded step before their order; a missing step is a missing event, not a "
                              "shorter journey.", of.gaps_before_orders(), reached[3]))  # fmt: skip
    rest = story.unlabelled["healed"]
    if rest > 0:
        cut = of.known["healed"].get("window cut off", (0, 0.0))[1]
        share = "all" if abs(cut - rest) < 0.005 else "#"
        tail = f", {share} of it because the days before the first file are not here." if cut else "."
        found.append(sentence(f"# (#) has no known channel even after the repair{tail}",
                              Money(rest), Share(rest / of.revenue), *([Money(cut)] if "#" in tail else [])))  # fmt: skip
    found += [
        sentence("Search and referral visits since # look direct, for the referrer is gone.", b.since)
        for b in _no_referrer(story)
    ]
    c = story.change("revenue")
    if c and c.before and c.low > float("-inf") and not c.is_clear and -c.low >= c.before:
        found.append(sentence("With # days, even an end of all sales cannot be ruled out.", len(story.days)))
    elif c and c.before and c.low > float("-inf") and not c.is_clear:
        found.append(sentence("With # days, a fall of daily revenue by up to # cannot be ruled out.",
                              len(story.days), Share(min(max(-c.low / c.before, 0), 1))))  # fmt: skip
    return found


def _headlines(story: Story) -> list[Sentence]:
    of = story.of
    if not of.orders:
        return []
    received = {e: of.received.get(e, 0) for e in ("page_view", "checkout", "order")}
    converted, sessions = (sum(v[n] for v in of.segments["device"].values()) for n in (0, 1))
    reached, recorded = of.reached(), of.recorded()
    lost = reached[0] - recorded[0]
    rows: list[tuple[str, list[tuple[float, float, str]], str, list[Any]]] = []
    rows.append(("conversion", [
        (received["order"], received["page_view"], "order events / page views, as received"),
        (converted, sessions, "sessions with an order / sessions, without declared crawlers"),
    ], *(("No conversion rate: page views are not visits, and # of visitors who did more than browse have none on record. "
          "Use the healed one.", [Share(lost / max(reached[1], 1))]) if lost
         else ("Page views are not visits. Use the healed one.", []))))  # fmt: skip
    without = of.orders - of.started
    rows.append(("checkout completion", [
        (received["order"], received["checkout"], "order events / checkout starts, as received"),
        (of.started, of.starts, "orders whose start was recorded / checkouts started, each once"),
    ], *(("Its two sides do not match: # of # orders have no start on record. With a start for each it is # at most, and less if "
          "starts that led nowhere are missing too.",
          [without, of.orders, Share(of.orders / (of.starts + without))]) if without > 0
         else ("Starts and completions belong together; it can be used.", []))))  # fmt: skip
    unseen = [float(of.seen[i, "true"][1]) for i in ("client_id_as_tracked", "client_id")]
    rows.append(("revenue without an earlier event", [
        (unseen[0], of.revenue, "by the column alone"), (unseen[1], of.revenue, "by the healed id"),
    ], *(("True of the dashboards, not of the shop: the id was renamed, and # comes back.", [Share((unseen[0] - unseen[1]) / of.revenue)])
         if unseen[0] > unseen[1] else ("The same in both readings: the repair changes nothing.", []))))  # fmt: skip
    views = [int(of.seen[i, "e.event = 'page_view'"][0]) for i in ("client_id_as_tracked", "client_id")]
    rows.append(("orders without an earlier page view", [
        (views[0], of.orders, "by the column alone"), (views[1], of.orders, "by the healed id"),
    ], *(("As above: # orders get their journey back.", [views[0] - views[1]]) if views[0] > views[1]
         else ("The same in both readings.", []))))  # fmt: skip
    cut = of.known["healed"].get("window cut off", (0, 0.0))[1]
    rows.append(("revenue without a known source", [
        (story.unlabelled[r], of.revenue, "no touch but direct in the window / counted") for r in ("as_tracked", "healed")
    ], *(("# of what is left is for want of earlier days, and shrinks as files come in.", [Share(cut / story.unlabelled["healed"])])
         if cut else ("What is left has no source in its window.", []))))  # fmt: skip
    collide, again = of.ledger["of counted: ids that collide"][0], -of.ledger["resubmissions"][0]
    twice: tuple[str, list[Any]] = ("No order came twice, and no id is shared by two customers.", [])
    if again:
        twice = f"# order event{'s' * (again > 1)} came again; here each order counts once.", [again]
    rows.append(("revenue counted twice", [
        (of.ledger["deduplicating by transaction id alone would remove"][1], of.revenue, "what deduplicating by transaction id alone removes"),
        (-of.ledger["resubmissions"][1], of.revenue, "resubmissions of the same order"),
    ], *((f"Not counted twice: # order{'s' * (collide > 1)} of other customers and checkouts under a used id. Removing them would lose "
          "real sales.", [collide]) if collide else twice)))  # fmt: skip
    return [_headline(*row) for row in rows]


def _headline(name: str, cells: list[tuple[float, float, str]], verdict: str, numbers: list[Any]) -> Sentence:
    shown: list[Any] = []
    words = []
    for part, whole, definition in cells:
        amount = [Money(part)] if "revenue" in name else [int(part), int(whole)]
        shown += ([Share(part / whole)] if whole else []) + amount
        words.append(f"{'#' if whole else 'not defined'} ({' of '.join('#' * len(amount))}): {definition}")
    return sentence(f"| {name} | {words[0]} | {words[1]} | {verdict} |", *shown, *numbers)


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
        found.append(sentence("The hours without events would have held about # of recorded revenue; the shop's order list knows "
                              "whether it was sold.", Money(story.unseen)))  # fmt: skip
    if story.gained <= 0:
        return found
    waste_low, waste_high, low, high, base, best = story.ranges()
    days = len(story.days)
    found.append(sentence(
        "Model, not measurement ([assumptions](assumptions.yaml)): advertising placed worse for want of channels, # to # in # "
        f"day{'s' * (days != 1)}; yearly EBITDA effect # to # (nine of ten draws), at the very most #.",
        Money(waste_low), Money(waste_high), days, Money(low), Money(high), Money(best)))  # fmt: skip
    a_year, unseen = story.gained * 365 / days, float(of.seen["client_id_as_tracked", "true"][1]) / of.revenue
    for name, claim in story.assumptions.get("claims", {}).items():
        ends = claim["low"], claim["high"]
        if name.startswith("ebitda"):
            needed = [Share(x / claim["days"] * days / story.gained) for x in ends]
            found.append(sentence(f"The # to # stated as {claim['label']} would need gain × steerable × margin × certainty to be # to #; "
                                  "the base case has #, the best corner #.", *map(Money, ends), *needed, Share(base / a_year), Share(best / a_year)))  # fmt: skip
        elif unseen:
            found.append(sentence(f"The # to # stated as {claim['label']} is # to # times all revenue of such a period.", *map(Money, ends),
                                  *(x / (of.revenue / days * claim["days"]) for x in ends)))  # fmt: skip
            found.append(sentence("It comes about only if # to # was spent on advertising and the whole # of it, as the share of revenue "
                                  "without a recorded journey, was wasted.", *(Money(x / unseen) for x in ends), Share(unseen)))  # fmt: skip
    return found


def _actions(story: Story) -> list[Sentence]:
    found, gaps = [], [b.since for b in story.of.breaks if b.kind == "gap"]
    for b in story.of.breaks:
        if b.kind == "renamed":
            found.append(sentence(f"| Engineering | Send {b.what} under its old name, or move every report to the new one | # of these days "
                                  "gets its channel back |", Money(story.gained)))  # fmt: skip
        elif b.kind == "share":
            found.append(
                sentence(
                    f"| Engineering | Find what changed on #: {b.words} | {FAULTS[b.what][2]} |", b.since, *_shares(b)
                )
            )
    if gaps:
        days = listed(["#"] * len(gaps))
        found.append(sentence(f"| Operations | Compare the orders of {days} with the shop's order list | about # accounted for |",
                              *gaps, Money(story.unseen)))  # fmt: skip
    orders, amount = story.of.ledger["of counted: ids that collide"]
    if orders:
        found.append(
            sentence(
                "| Analytics | Do not deduplicate by transaction id alone | # of real orders kept |", Money(amount)
            )
        )
    if story.grave:
        found.append(sentence("| Marketing | Move no budget on channel figures of these days unless they are healed ones | decisions on # of "
                              "sales rest on evidence |", Money(story.at_risk)))  # fmt: skip
    return found
