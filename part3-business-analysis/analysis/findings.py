"""Compare periods and segments, with intervals that allow for all comparisons made."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, NamedTuple

import pandas as pd

from analysis import intervals
from analysis.gold import Gold
from analysis.incidents import Incident, Quality
from analysis.intervals import Interval
from event_data.shop_roles import STEPS

# Why an order has no source, in the order in which they are shown.
REASONS = ("window cut off", "direct only", "no touch in the window", "no id")
MEASURES = ("revenue per day", "orders per day", "sessions per day", "conversion")
USUAL_DAYS = 56  # up to the last one, from which the usual volume is estimated
FEWEST_SESSIONS = 100  # of a system that is shown
MOST_ROWS = 12  # of devices and systems
WEEK = 7


class Segment(NamedTuple):
    """Sessions of a segment, and those of them with an order."""

    name: str
    converted: int
    sessions: int

    @property
    def share(self) -> Interval:
        """Return the share with an order and its 95% interval."""
        return intervals.wilson(self.converted, self.sessions)

    @property
    def is_small(self) -> bool:
        """Return whether the segment is too small to call."""
        return intervals.is_small(self.converted, self.sessions)


@dataclass(frozen=True)
class Change:
    """A measure before and after; the interval of the difference allows for all comparisons.

    After means from an incident on, or in the days of the report, which are compared with the period before.
    """

    measure: str
    before: float
    after: float
    difference: Interval
    incident: Incident | None = None
    since: date | None = None  # the first day after, of a step within the days of the report

    @property
    def is_telling(self) -> bool:
        """Return whether the difference is clear, or its uncertainty is smaller than the measure itself."""
        reach = (self.difference.high - self.difference.low) / 2
        return self.difference.is_bounded and (self.difference.is_clear or reach < self.before)


class Return(NamedTuple):
    """Spend on a channel's advertising, and what the last click that is not direct credits to the channel."""

    channel: str
    spend: float
    clicks: int  # paid ones
    arrived: int  # sessions with a touch of the clicked campaigns
    orders: float
    revenue: float
    per_unit: Interval  # revenue for each unit of spend
    cost: Interval  # for each order; without orders it has only a lower bound
    models: tuple[float, float]  # the least and the most revenue for each unit that another model credits

    @property
    def is_loss(self) -> bool:
        """Return whether the channel is clearly credited with less than was spent on it."""
        return self.per_unit.high < 1


class DeviceFinding(NamedTuple):
    """The difference between two devices, and the operating system without which it is not clear."""

    higher: Segment
    lower: Segment
    difference: Interval
    system: str | None = None


@dataclass(frozen=True)
class Funnel:
    """Visitors by step: how many got this far or farther, and of them those whose step is on record."""

    reached: tuple[int, ...]
    recorded: tuple[int, ...]
    flows: dict[tuple[int, bool, bool], int]  # (step, recorded here, recorded at the next step) -> visitors
    lacking: dict[str, int]  # buyers without a step on record, by step
    gaps: int  # buyers who lack at least one
    steps: tuple[str, ...] = STEPS  # those that the shop records
    others: int = 0  # visitors with none of the steps

    @property
    def buyers(self) -> int:
        """Return the number of visitors who ordered."""
        return self.reached[-1]

    @property
    def leaving(self) -> list[int]:
        """Return the number of visitors who went no farther than each step but the last."""
        return [here - there for here, there in zip(self.reached, self.reached[1:], strict=False)]


def find_changes(gold: Gold, quality: Quality) -> tuple[Change, ...]:
    """Return how every measure changed when an incident began, the gravest first, and since the period before."""
    began = [i for i in quality.marks(hours=False) if all(map(len, _sides(gold, i.since)))]
    roles = gold.roles
    has = roles.has_amount and roles.has_orders, roles.has_orders, roles.has_visits, roles.has_conversion
    measures = [measure for measure, has_it in zip(MEASURES, has, strict=True) if has_it]
    has_before = gold.before is not None and len(_usable(gold.before.days)) > 0
    confidence = intervals.simultaneous((len(began) + has_before) * len(measures))
    ranked = sorted(began, key=lambda i: (i.severity, i.until is not None, i.since))
    found = [_change(m, *_sides(gold, i.since), confidence, i) for i in ranked for m in measures]
    if has_before and gold.before is not None and len(_usable(gold.days)):
        found += [_change(m, _usable(gold.before.days), _usable(gold.days), confidence) for m in measures]
    return tuple(found)


def find_step(gold: Gold, measure: str) -> Change | None:
    """Return the clearest step of a number per day within a report that has a period before it; None if none is clear.

    Means of whole periods hide it. A week is needed on both sides, and the interval allows for every day and measure.
    """
    days, column = _usable(gold.days), _column(measure)
    splits = days.index[WEEK : len(days) - WEEK + 1] if gold.before and column in days else []
    found = []
    for since in splits:
        sides = [days.loc[when, column].astype(float) for when in (days.index < since, days.index >= since)]
        error = math.sqrt(sum(side.var() / len(side) for side in sides))
        found.append((abs(sides[1].mean() - sides[0].mean()) / (error or math.inf), since))
    if not found:
        return None
    since = max(found)[1]
    confidence = intervals.simultaneous(len(found) * len(MEASURES))
    step = _change(measure, days[days.index < since], days[days.index >= since], confidence)
    return replace(step, since=since) if step.difference.is_clear else None


def _column(measure: str) -> str:
    return measure.removesuffix(" per day")


def _usable(days: pd.DataFrame) -> pd.DataFrame:
    """Return the days without those on which most orders were refused: what was sold then is not known."""
    return days[days["refused_orders"] <= days["orders"]]


def _sides(gold: Gold, since: date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the usable days before and those from a day on; before are those of the period before, too."""
    days = _usable(pd.concat([gold.before.days, gold.days]) if gold.before else gold.days)
    return days[days.index < since], days[days.index >= since]


def _change(
    measure: str, before: pd.DataFrame, after: pd.DataFrame, confidence: float, incident: Incident | None = None
) -> Change:
    if measure == "conversion":
        old, new = ((int(side["converted"].sum()), int(side["sessions"].sum())) for side in (before, after))
        difference = intervals.share_difference(*new, *old, confidence)
        return Change(measure, old[0] / max(old[1], 1), new[0] / max(new[1], 1), difference, incident)
    old_days, new_days = (side[_column(measure)].astype(float).tolist() for side in (before, after))
    difference = intervals.mean_difference(new_days, old_days, confidence)
    return Change(measure, sum(old_days) / len(old_days), sum(new_days) / len(new_days), difference, incident)


def segments_of(gold: Gold, kind: str) -> list[Segment]:
    """Return the segments of a kind, the largest first."""
    rows = gold.segments[gold.segments["kind"] == kind]
    return [Segment(r.name, r.converted, r.sessions) for r in rows.itertuples(index=False)]


def moved_segments(gold: Gold, kind: str) -> list[tuple[Segment, Segment, Interval]]:
    """Return the segments whose conversion clearly differs from the period before: before, now, and the difference."""
    if gold.before is None:
        return []
    old = {segment.name: segment for segment in segments_of(gold.before, kind)}
    pairs = [(old[segment.name], segment) for segment in segments_of(gold, kind) if segment.name in old]
    found = [(before, now, _difference(now, before, len(pairs))) for before, now in pairs]
    return [one for one in found if one[2].is_clear]


def all_sessions(gold: Gold) -> Segment:
    """Return all sessions of the report, also those that belong to no day."""
    return _all_of(_systems(gold))


def weekdays(gold: Gold) -> list[Segment]:
    """Return the sessions of each weekday, Monday first; none for fewer than two weeks."""
    if len(gold.days) < 2 * WEEK:
        return []
    by_day = gold.days.groupby([day.weekday() for day in gold.days.index])[["converted", "sessions"]].sum()
    names = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    return [Segment(names[row.Index], row.converted, row.sessions) for row in by_day.itertuples() if row.sessions]


def device_rows(gold: Gold) -> list[tuple[int, Segment]]:
    """Return the devices and under each its operating systems, as (depth, segment), without the smallest."""
    rows: list[tuple[int, Segment]] = []
    for device in segments_of(gold, "device"):
        parts = [s for s in _systems(gold, device) if s.sessions >= FEWEST_SESSIONS]
        rows += [(0, device), *((1, s) for s in parts if len(parts) > 1)]
    return ([row for row in rows if row[1].sessions >= FEWEST_SESSIONS] or rows)[:MOST_ROWS]


def _systems(gold: Gold, device: Segment | None = None) -> list[Segment]:
    """Return the operating systems of a device, or those of every device."""
    rows = gold.systems[gold.systems["device"] == device.name] if device else gold.systems
    return [Segment(r.name, r.converted, r.sessions) for r in rows.itertuples(index=False)]


def compare_devices(gold: Gold) -> DeviceFinding | None:
    """Return the two devices with most sessions; None if fewer than two are large enough to be called."""
    devices = segments_of(gold, "device")
    ranked = devices[:2]
    if len(ranked) < 2 or any(d.is_small for d in ranked):
        return None
    # Every pair of devices was looked at when these two were chosen.
    looks = len(devices) * (len(devices) - 1) // 2
    higher, lower = sorted(ranked, key=lambda d: -d.converted / d.sessions)
    difference = _difference(higher, lower, looks)
    if not difference.is_clear:
        return DeviceFinding(higher, lower, difference)
    rest = []
    for system in sorted(s.name for s in _systems(gold, higher)):
        first, second = (_without(gold, device, system) for device in (higher, lower))
        if min(first.sessions, second.sessions) > 0:
            rest.append((_difference(first, second, looks), system))
    least, name = min(rest, key=lambda one: one[0].estimate, default=(difference, None))
    return DeviceFinding(higher, lower, difference, None if least.is_clear else name)


def _difference(a: Segment, b: Segment, looks: int) -> Interval:
    return intervals.share_difference(a.converted, a.sessions, b.converted, b.sessions, intervals.simultaneous(looks))


def _without(gold: Gold, device: Segment, system: str) -> Segment:
    part = next((s for s in _systems(gold, device) if s.name == system), Segment(system, 0, 0))
    return Segment(device.name, device.converted - part.converted, device.sessions - part.sessions)


def called(segments: Sequence[Segment]) -> dict[str, Interval]:
    """Return each share minus that of all others, where that is clear and the segment is large enough to be called.

    The intervals allow for all these comparisons. A cell that would have five orders at the others' share is never too
    small (Cochran 1954): one order instead of twelve is telling, two orders in two sessions are not.
    """
    whole = _all_of(segments)
    found = {}
    for s in segments:
        rest = Segment("rest", whole.converted - s.converted, whole.sessions - s.sessions)
        difference = _difference(s, rest, len(segments))
        if difference.is_clear and (not s.is_small or s.sessions * rest.converted >= 5 * rest.sessions > 0):
            found[s.name] = difference
    return found


def _all_of(segments: Sequence[Segment]) -> Segment:
    return Segment("all", sum(s.converted for s in segments), sum(s.sessions for s in segments))


class Outliers(NamedTuple):
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


def usual_volume(gold: Gold) -> tuple[float, float] | None:
    """Return the usual range of events per day, from up to eight weeks that end with the report; None for too few."""
    return intervals.robust_band(gold.history["events"].tail(max(USUAL_DAYS, len(gold.days))).tolist(), len(gold.days))


def unusual_days(gold: Gold) -> list[date]:
    """Return the days whose volume is outside the usual range."""
    band = usual_volume(gold)
    return [] if band is None else [d for d, n in gold.days["events"].items() if not band[0] <= n <= band[1]]


def evidence(gold: Gold, reading: str) -> dict[str, float]:
    """Return revenue, or orders if they have no amount, by what is known of their source; the parts sum to all."""
    rows = gold.unsourced[gold.unsourced["reading"] == reading]
    amounts = dict(zip(rows["reason"], rows[gold.sales].astype(float), strict=True))
    parts = {reason: amounts.get(reason, 0.0) for reason in dict.fromkeys([*REASONS, *amounts])}
    return {"known": round(gold.sold - sum(parts.values()), 2), **parts}


def repaired(gold: Gold) -> float:
    """Return the sales that have a known channel with healed ids but not as tracked."""
    return round(evidence(gold, "healed")["known"] - evidence(gold, "as_tracked")["known"], 2)


def best_channel(gold: Gold) -> tuple[str, float] | None:
    """Return the known channel that the last click that is not direct credits with most sales."""
    rows = gold.channels[(gold.channels["reading"] == "healed") & (gold.channels["model"] == "last_non_direct")]
    rows = rows[~rows["channel"].isin(["Direct", "Unattributed"])].sort_values([gold.sales, "channel"])
    return (str(rows["channel"].iloc[-1]), float(rows[gold.sales].iloc[-1])) if len(rows) else None


def returns(gold: Gold) -> list[Return]:
    """Return what advertising returned: all channels together if there are several, then each by its spend."""
    if not (len(gold.returns) and gold.roles.has_attribution):
        return []
    spent = gold.returns.groupby("channel")["spend"].max().sort_values(ascending=False, kind="stable")
    channels = [str(channel) for channel, spend in spent.items() if spend > 0]
    looked_at = [("All advertising", channels)] * (len(channels) > 1) + [(channel, [channel]) for channel in channels]
    confidence = intervals.simultaneous(len(looked_at))
    return [_return(gold, name, of, confidence) for name, of in looked_at]


def _return(gold: Gold, name: str, channels: Sequence[str], confidence: float) -> Return:
    rows = gold.returns[gold.returns["channel"].isin(channels)]
    sums = rows.groupby("model")[["spend", "orders", "revenue", "squares"]].sum()
    of = sums.loc["last_non_direct"]
    spend, orders, revenue = float(of["spend"]), float(of["orders"]), float(of["revenue"])
    earned = intervals.poisson_sum(revenue, float(of["squares"]), confidence)
    number = intervals.poisson(orders, confidence)
    if not revenue:
        # As many of the shop's usual orders as there may have been without one being seen.
        earned = Interval(0.0, 0.0, number.high * gold.revenue / max(gold.orders, 1))
    cost = Interval(*(spend / n if n else math.inf for n in (number.estimate, number.high, number.low)))
    others = sums["revenue"] / spend
    clicks = gold.clicks[gold.clicks["channel"].isin(channels)] if len(gold.clicks) else gold.clicks
    clicked, arrived = (int(clicks[column].sum()) if len(clicks) else 0 for column in ("clicks", "sessions"))
    per_unit = Interval(earned.estimate / spend, earned.low / spend, earned.high / spend)
    models = float(others.min()), float(others.max())
    return Return(name, spend, clicked, arrived, orders, revenue, per_unit, cost, models)


def uncredited(gold: Gold) -> float:
    """Return the sales of the days with spend that the last click that is not direct credits to no known channel.

    Without those of channels with spend, which `returns` has.
    """
    rows = gold.returns[(gold.returns["model"] == "last_non_direct") & ~(gold.returns["spend"] > 0)]
    return float(rows.loc[rows["channel"].isin(["Direct", "Unattributed"]), gold.sales].sum())


def over_credited(gold: Gold) -> list[tuple[str, float]]:
    """Return the channels whose credit notes exceed their spend, with the difference; `returns` leaves them out."""
    rows = gold.returns[(gold.returns["model"] == "last_non_direct") & (gold.returns["spend"] < 0)]
    return [(str(row.channel), float(row.spend)) for row in rows.itertuples()]


def whole_percents(amounts: Sequence[float]) -> list[int]:
    """Return shares in whole percents that sum to 100: the largest remainders are rounded up."""
    exact = [100 * amount / sum(amounts) for amount in amounts]
    found = [int(share) for share in exact]
    for n in sorted(range(len(exact)), key=lambda n: found[n] - exact[n])[: 100 - sum(found)]:
        found[n] += 1
    return found


def reported_figures(gold: Gold) -> dict[str, dict[str, Any]]:
    """Return the reported figures by name and reading: those of which the shop has what they are made of."""
    roles, are_orders = gold.roles, not gold.counts_lines
    has_revenue, has_views = roles.has_amount, roles.has("event:page_view")
    needed = {  # for the figure, and for its reading as tracked
        "conversion": (roles.has_conversion, has_views and are_orders),
        "checkout completion": (roles.has("event:checkout"), are_orders),
        "revenue without an earlier event": (has_revenue and roles.has_conversion, True),
        "orders without an earlier page view": (has_views, True),
        "revenue without a known source": (has_revenue and roles.has_attribution, True),
        "revenue counted twice": (has_revenue and roles.has("transaction_id") and are_orders, True),
    }
    found: dict[str, dict[str, Any]] = {}
    for figure in gold.headline.itertuples(index=False):
        applies, as_tracked = needed.get(figure.figure, (True, True))
        if applies and (as_tracked or figure.reading == "healed"):
            found.setdefault(figure.figure, {})[figure.reading] = figure
    return found


def funnel(gold: Gold) -> Funnel:
    """Return the funnel: each visitor goes as far as the farthest step on record; earlier ones are on record or not."""
    steps = gold.roles.steps
    flows: dict[tuple[int, bool, bool], int] = {}
    reached, recorded, gaps, others = [0] * len(steps), [0] * len(steps), 0, 0
    lacking = dict.fromkeys(steps[:-1], 0)
    for row in gold.visitors.to_dict("records"):
        seen, units = [bool(row[step]) for step in steps], int(row["visitors"])
        if not any(seen):
            others += units
            continue
        farthest = max(i for i, s in enumerate(seen) if s)
        if seen[-1]:
            gaps += units * (not all(seen))
            for step, is_seen in zip(steps[:-1], seen, strict=False):
                lacking[step] += units * (not is_seen)
        for i in range(farthest + 1):
            reached[i] += units
            recorded[i] += units * seen[i]
            if i < farthest:
                key = (i, seen[i], seen[i + 1])
                flows[key] = flows.get(key, 0) + units
    return Funnel(tuple(reached), tuple(recorded), flows, lacking, gaps, steps, others)
