"""Compare periods and segments, with intervals that allow for all comparisons made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from analysis.gold import Day, Gold, Headline, Segment
from analysis.incidents import Incident, Quality
from analysis.intervals import Interval, mean_difference, share_difference, simultaneous
from event_data.shop_roles import STEPS

# Why an order has no source, in the order in which they are shown.
REASONS = ("window cut off", "direct only", "no touch in the window", "no id")
MEASURES = {"revenue a day": "revenue", "orders a day": "orders", "sessions a day": "sessions", "conversion": ""}


@dataclass(frozen=True)
class Change:
    """A measure before and from an incident on; the interval of the difference bears all looks at once."""

    incident: Incident
    measure: str
    before: float
    after: float
    difference: Interval


@dataclass(frozen=True)
class DeviceFinding:
    """The difference between two devices, and whether it remains without one operating system."""

    higher: Segment
    lower: Segment
    difference: Interval
    system: str | None
    higher_without: Segment | None
    lower_without: Segment | None


@dataclass(frozen=True)
class Funnel:
    """Visitors by step: how many got this far or farther, and of them those whose step was recorded."""

    reached: tuple[int, ...]
    recorded: tuple[int, ...]
    # (step, recorded here, recorded at the next step) -> visitors
    flows: dict[tuple[int, bool, bool], int]
    whole_buyers: int
    steps: tuple[str, ...] = STEPS  # those that the shop records

    @property
    def buyers(self) -> int:
        return self.reached[-1]

    @property
    def gaps(self) -> int:
        """Buyers with at least one earlier step that was not recorded."""
        return self.buyers - self.whole_buyers


def find_changes(gold: Gold, quality: Quality) -> tuple[Change, ...]:
    """Return what every measure did when an incident began: the gravest first, and those that last before others."""
    began = [i for i in quality.marks(hours=False) if all(_sides(gold, i.since))]
    measures = _measures(gold)
    confidence = simultaneous(len(began) * len(measures))
    ranked = sorted(began, key=lambda i: (i.severity, i.until is not None, i.since))
    return tuple(_change(gold, i, m, confidence) for i in ranked for m in measures)


def _measures(gold: Gold) -> list[str]:
    """Return the measures that the shop has."""
    absent = set() if gold.roles.has_amount else {"revenue a day"}
    absent |= set() if gold.roles.has_orders else {"orders a day"}
    absent |= set() if gold.roles.has_visits else {"sessions a day"}
    absent |= set() if gold.roles.has_conversion else {"conversion"}
    return [measure for measure in MEASURES if measure not in absent]


def _sides(gold: Gold, since: date) -> tuple[list[Day], list[Day]]:
    """Return the days before and those from a day on, without days of which most orders were refused."""
    refused: dict[date, int] = {}
    for (_, day), (_, orders) in gold.refusals.items():
        refused[day] = refused.get(day, 0) + orders
    days = [d for d in gold.days if refused.get(d.day, 0) <= d.orders]
    return [d for d in days if d.day < since], [d for d in days if d.day >= since]


def _change(gold: Gold, incident: Incident, measure: str, confidence: float) -> Change:
    before, after = _sides(gold, incident.since)
    if measure == "conversion":
        old, new = (
            (sum(d.sessions_with_order for d in side), sum(d.sessions for d in side)) for side in (before, after)
        )
        difference = share_difference(*new, *old, confidence)
        return Change(incident, measure, old[0] / max(old[1], 1), new[0] / max(new[1], 1), difference)
    name = MEASURES[measure]
    old_days, new_days = ([float(getattr(d, name)) for d in side] for side in (before, after))
    difference = mean_difference(new_days, old_days, confidence)
    return Change(incident, measure, sum(old_days) / len(old_days), sum(new_days) / len(new_days), difference)


def compare_devices(gold: Gold) -> DeviceFinding | None:
    """The two devices with most sessions; None when fewer than two have orders enough to be called."""
    devices = list(gold.conversion.get("device", ()))
    ranked = sorted(devices, key=lambda d: (-d.sessions, d.name))[:2]
    if len(ranked) < 2 or any(d.is_small for d in ranked):
        return None
    # Every pair of devices was looked at when these two were chosen.
    looks = max(len(devices) * (len(devices) - 1) // 2, 1)
    higher, lower = sorted(ranked, key=lambda d: -d.converted / d.sessions)
    difference = _difference(higher, lower, looks)
    systems = sorted({system for device, system in gold.systems if device == higher.name})
    candidates = []
    for system in systems if difference.is_clear else []:
        pair = _without(gold, higher, system), _without(gold, lower, system)
        if min(pair[0].sessions, pair[1].sessions) > 0:
            candidates.append((_difference(*pair, looks), system, *pair))
    if not candidates:
        return DeviceFinding(higher, lower, difference, None, None, None)
    rest, system, first, second = min(candidates, key=lambda c: c[0].estimate)
    if rest.is_clear:
        return DeviceFinding(higher, lower, difference, None, None, None)
    return DeviceFinding(higher, lower, difference, system, first, second)


def _difference(a: Segment, b: Segment, looks: int) -> Interval:
    return share_difference(a.converted, a.sessions, b.converted, b.sessions, simultaneous(looks))


def _without(gold: Gold, device: Segment, system: str) -> Segment:
    part = gold.systems.get((device.name, system), Segment(system, 0, 0))
    return Segment(device.name, device.converted - part.converted, device.sessions - part.sessions)


def against_the_rest(segments: Sequence[Segment]) -> dict[str, Interval]:
    """Each segment's share less that of all others together, each interval bearing all of these looks."""
    converted, sessions = sum(s.converted for s in segments), sum(s.sessions for s in segments)
    return {
        s.name: share_difference(
            s.converted, s.sessions, converted - s.converted, sessions - s.sessions, simultaneous(len(segments))
        )
        for s in segments
    }


def called(segments: Sequence[Segment]) -> dict[str, Interval]:
    """Those of against_the_rest() that differ clearly, and are no cells too small to call.

    No cell is too small that would hold five orders if it were like the others (Cochran 1954): one order where twelve
    were due says something, two of two sessions nothing.
    """
    converted, sessions = sum(s.converted for s in segments), sum(s.sessions for s in segments)
    large = {
        s.name
        for s in segments
        if not s.is_small or s.sessions * (converted - s.converted) >= 5 * (sessions - s.sessions) > 0
    }
    return {n: i for n, i in against_the_rest(segments).items() if i.is_clear and n in large}


@dataclass(frozen=True)
class Outliers:
    """Segments that differ clearly from all others together, by direction, and those too small to call."""

    higher: list[Segment]
    lower: list[Segment]
    small: list[Segment]


def outliers(segments: Sequence[Segment]) -> Outliers:
    """Return the segments that stand out."""
    clear = called(segments)
    return Outliers(
        [s for s in segments if s.name in clear and clear[s.name].estimate > 0],
        [s for s in segments if s.name in clear and clear[s.name].estimate < 0],
        [s for s in segments if s.is_small and s.name not in clear],
    )


def weekdays(gold: Gold) -> tuple[Segment, ...]:
    """Sessions and those with an order by weekday, Monday first."""
    parts = [[d for d in gold.days if d.day.weekday() == n] for n in range(7)]
    totals = [
        Segment(f"{days[0].day:%A}", sum(d.sessions_with_order for d in days), sum(d.sessions for d in days))
        for days in parts
        if days
    ]
    return tuple(s for s in totals if s.sessions)


def evidence(gold: Gold, reading: str) -> dict[str, Decimal]:
    """Return revenue, or orders if they have no amount, by what is known of their source; the parts add up to all."""
    parts = {reason: Decimal(0) for reason in REASONS}
    for (of, reason), amount in gold.unsourced.items():
        if of == reading:
            parts[reason] = parts.get(reason, Decimal(0)) + amount
    return {"known": gold.sold - sum(parts.values()), **parts}


def is_reported(gold: Gold, figure: Headline) -> bool:
    """Return whether the shop has what a reported figure is made of."""
    roles, are_orders = gold.roles, not gold.counts_lines
    is_healed = figure.reading == "healed"
    reported = {
        "conversion": roles.has_conversion and (is_healed or (roles.has("event:page_view") and are_orders)),
        "checkout completion": roles.has("event:checkout") and (is_healed or are_orders),
        "revenue without an earlier event": roles.has_amount and roles.has_conversion,
        "orders without an earlier page view": roles.has("event:page_view"),
        "revenue without a known source": roles.has_amount and roles.has_attribution,
        "revenue counted twice": roles.has_amount and roles.has("transaction_id") and are_orders,
    }
    return reported.get(figure.figure, True)


def reported_figures(gold: Gold) -> list[str]:
    """Return the names of the reported figures that apply to the shop, in order."""
    return list(dict.fromkeys(f.figure for f in gold.headline.values() if is_reported(gold, f)))


def funnel(gold: Gold) -> Funnel:
    """Each visitor goes as far as the farthest step on record; earlier steps were recorded, or not."""
    steps = gold.roles.steps
    flows: dict[tuple[int, bool, bool], int] = {}
    reached, recorded, whole = [0] * len(steps), [0] * len(steps), 0
    # An order that belongs to no visitor is a visit of which only the order was recorded.
    visitors = dict(gold.paths)
    if gold.orders_without_id:
        visitors[("order",)] = visitors.get(("order",), 0) + gold.orders_without_id
    for path, units in visitors.items():
        seen = [step in path for step in steps]
        if not any(seen):
            continue
        farthest = max(i for i, s in enumerate(seen) if s)
        whole += units if all(seen) else 0
        for i in range(farthest + 1):
            reached[i] += units
            recorded[i] += units if seen[i] else 0
            if i < farthest:
                key = (i, seen[i], seen[i + 1])
                flows[key] = flows.get(key, 0) + units
    return Funnel(tuple(reached), tuple(recorded), flows, whole, steps)
