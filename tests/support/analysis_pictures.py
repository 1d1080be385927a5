"""What stands written in the five pictures, read from their figures, and what should stand there."""

from collections.abc import Callable, Hashable
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
from analysis_arithmetic import wilson_bounds
from analysis_sentences import REASON_WORDS
from analysis_story import Story
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle, Wedge
from matplotlib.text import Annotation, Text
from printed_numbers import Expected, Money, Sentence, Share, agrees, sentence, sentences

STEPS = ("viewed a page", "added to cart", "started checkout", "ordered")
Key = Callable[[Text], Hashable]


def _place(text: Text) -> tuple[float, float]:
    """Where a text belongs, in the units of its drawing."""
    x, y = text.xy if isinstance(text, Annotation) else text.get_position()
    return round(float(x), 4), round(float(y), 4)


def _beside_donut(text: Text) -> Hashable:
    """Its amount and its name stand on either side of one height; what stands in the middle belongs together."""
    side, (_, y) = text.get_horizontalalignment(), _place(text)
    lift = {"bottom": -0.02, "top": 0.02}.get(text.get_verticalalignment(), 0)
    return side if side == "center" else (side, round(y + lift, 2))


# Texts of one drawing that are read together.
TOGETHER: dict[str, Key] = {
    "funnel_sankey.png": _place,
    "revenue_trend.png": id,
    "attribution_loss_pie.png": _beside_donut,
    "device_cvr.png": lambda t: id(t) if getattr(t, "xycoords", "data") != "data" else _place(t)[1],
    "daily_volume_anomaly.png": id,
}


def picture_texts(name: str, figure: Figure) -> list[str]:
    """Every sentence of a picture but the marks of its axes; title, subtitle and notes by their size of type."""
    by_size: dict[float | str, list[tuple[float, str]]] = {}
    found = []
    for text in figure.texts:
        if text.get_gid() == "incident":
            found.append(text.get_text())
        else:
            by_size.setdefault(text.get_fontsize(), []).append((-text.get_position()[1], text.get_text()))
    for lines in by_size.values():
        found += sentences(" ".join(line for _, line in sorted(lines, key=lambda one: one[0])))
    for axes in figure.axes:
        groups: dict[Hashable, list[str]] = {}
        for text in axes.texts:
            groups.setdefault(TOGETHER[name](text), []).append(text.get_text())
        found += [" ".join(" ".join(words).split()) for words in groups.values()]
    return found


def wrong_marks(figure: Figure, days: list[date]) -> list[str]:
    """Marks of the axes that do not say where they stand: a day at its number, a number at itself."""
    figure.canvas.draw()
    told = []
    for axes in [axes for axes in figure.axes if axes.axison]:
        for axis in (axes.xaxis, axes.yaxis):
            for place, label in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True):
                text = label.get_text()
                if text and not (_is_number(text, float(place)) or (axis is axes.xaxis and _is_day(text, place, days))):
                    told.append(f"{text!r} stands at {place}")
    return told


def _is_number(text: str, place: float) -> bool:
    expected: list[Expected] = [Money(place), Share(place), round(place)]
    return not place if text == "0" else any(agrees(text, number) for number in expected)


def _is_day(text: str, place: float, days: list[date]) -> bool:
    """Day and month, or of many days the month and the year."""
    if not 0 <= round(place) < len(days):
        return False
    day, words = days[round(place)], text.split("\n")
    return set(words) <= {str(day.day), f"{day:%b}", f"{day:%b} {day.year}", str(day.year)} and (
        len(days) > 70 or words[0].split()[0] == str(day.day)
    )


def picture_sentences(story: Story) -> dict[str, list[Sentence]]:
    """Of each picture, all that holds a number."""
    return {
        "funnel_sankey.png": [*_source(story), *_funnel(story)],
        "revenue_trend.png": [*_source(story), *_revenue(story)],
        "attribution_loss_pie.png": [*_source(story), *_evidence(story)],
        "device_cvr.png": [*_source(story), *_devices(story)],
        "daily_volume_anomaly.png": [*_source(story), *_volume(story)],
    }


def _source(story: Story) -> list[Sentence]:
    files = story.of.files
    if len(files) < 2:
        return [sentence(f"Source: {file}.") for file in files]
    return [sentence(f"Source: {files[0]} to {files[-1]}, # files.", len(files))]


def _period(story: Story) -> tuple[str, list[date]]:
    ends = story.days[:1] if len(story.days) == 1 else [story.days[0], story.days[-1]]
    return " – ".join("#" * len(ends)), ends


def funnel_title(story: Story) -> list[Sentence]:
    reached, gaps = story.of.reached(), story.of.gaps_before_orders()
    if gaps:
        return [
            sentence(
                "# of # buyers lack a recorded step before the order: tracking gaps, not shortcuts", gaps, reached[3]
            )
        ]
    if reached[3]:
        return [sentence("# of visitors order, and every step of theirs was recorded", Share(reached[3] / reached[0]))]
    return []


def _funnel(story: Story) -> list[Sentence]:
    of, (words, days) = story.of, _period(story)
    reached, recorded = of.reached(), of.recorded()
    found = [*funnel_title(story), sentence(f"Visitors by the farthest step on record, {words}.", *days)]
    none = sum(n for *seen, n in of.paths if not any(seen))
    if none:
        found.append(sentence("# visitors with none of the four steps are left out.", none))
    if not reached[0]:
        return found
    if reached[3]:
        bounds = map(Share, wilson_bounds(reached[3], reached[0]))
        found.append(sentence("Ordered: # to # with 95% confidence.", *bounds))
    left = [a - b for a, b in pairwise(reached)]
    ratio = left[0] / max(reached[1], 1)
    shrink = (
        1 if ratio <= 2 else min(s for n in range(9) for s in (2 * 10**n, 5 * 10**n, 10 ** (n + 1)) if ratio / s <= 2)
    )
    if shrink > 1:
        found.append(sentence("The grey block of the first column is drawn # times smaller.", shrink))
    height = reached[1] + left[0] / shrink
    # How deep the drawing reaches, for later columns start lower and stand under a gap.
    depth = 1.04 * max(
        height, *(0.012 * height + below * height + n for below, n in zip((0.06, 0.12, 0.12), reached[1:], strict=True))
    )
    for i, step in enumerate(STEPS):
        missing = reached[i] - recorded[i]
        if i == 3:
            found.append(sentence(f"# {step}, #", reached[i], Share(reached[i] / reached[0])))
        elif missing and missing < 0.03 * depth:
            found.append(sentence(f"# {step}; # unrecorded", reached[i], missing))
        else:
            found.append(sentence(f"# {step}", reached[i]))
            found += [sentence("# of them unrecorded", missing)] if missing else []
        if i < 3 and left[i]:
            where = "#, after viewing pages" if i == 0 else "# of those here"
            found.append(sentence(f"# left {where}", left[i], Share(left[i] / reached[i])))
    return found


def revenue_title(story: Story) -> list[Sentence]:
    if not story.of.orders:
        return []
    c = story.change("revenue")
    if not c:
        return [sentence("Revenue averaged # a day", Money(story.of.revenue / len(story.days)))]
    rates = Money(c.before), Money(c.after)
    if c.low == float("-inf"):
        return [
            sentence("Too few days to tell whether sales moved when tracking broke: # a day before, # after", *rates)
        ]
    start = "Sales show no clear difference since tracking broke"
    if c.is_clear:
        start = f"Sales {'rose' if c.after > c.before else 'fell'} when tracking broke"
    return [sentence(f"{start}: # a day before, # after", *rates)]


def _revenue(story: Story) -> list[Sentence]:
    found = [*revenue_title(story), sentence("Lines and bands: mean of each period, with its 95% interval")]
    if not story.of.orders:
        return found
    values = [story.of.daily[d]["revenue"] for d in story.days]
    since = next((b.since for b in story.grave if b.since in story.days[1:]), None)
    cut = story.days.index(since) if since and story.change("revenue") else 0
    # A period of less than a tenth of the days has no room for its name.
    parts = [p for p in (values[:cut], values[cut:]) if p and len(p) >= len(values) / 10]
    found += [sentence("mean #", Money(sum(part) / len(part))) for part in parts]
    if len(set(values)) == 1:
        found.append(sentence("#", Money(values[0])))
    else:
        for value in (v for v in (max(values), min(values)) if values.count(v) == 1):
            day = story.days[values.index(value)]
            found.append(sentence(f"# {day:%a} #", Money(value), day))
    return found + [_incident(b) for b in story.of.breaks if b.kind != "gap"]


def _incident(of: Any) -> Sentence:
    return sentence(
        f"#: {of.label}",
        of.since,
        *[Share(n) if isinstance(n, float) else n for n in of.numbers][: of.label.count("#")],
    )


def evidence_title(story: Story) -> list[Sentence]:
    if not story.of.revenue:
        return []
    known = {r: Share(k.get("known", (0, 0.0))[1] / story.of.revenue) for r, k in story.of.known.items()}
    if story.gained <= 0:
        return [sentence("# of revenue has a known channel; the repair of ids adds none", known["healed"])]
    return [
        sentence(
            "Repairing the id names a channel for # more: # of revenue, not #",
            Money(story.gained),
            known["healed"],
            known["as_tracked"],
        )
    ]


def _evidence(story: Story) -> list[Sentence]:
    words, days = _period(story)
    found = [
        *evidence_title(story),
        sentence(f"Revenue of counted orders, {words}, by what is known of where each order came from", *days),
        sentence("A channel is known when a visit in the seven days before the order has a source other than direct."),
    ]
    whole = story.of.revenue
    if not whole:
        return found
    for reading, head in (("as_tracked", "As dashboards saw it"), ("healed", "After the repair")):
        parts = {r: amount for r, (_, amount) in story.of.known[reading].items() if amount}
        found.append(sentence(f"{head} # of # has a known channel", Share(parts.get("known", 0) / whole), Money(whole)))
        found += [
            sentence(f"# # {REASON_WORDS[r]}", Share(amount / whole), Money(amount)) for r, amount in parts.items()
        ]
    return found


def device_rows(story: Story) -> list[tuple[bool, str, int, int]]:
    """The rows shown: whether it is a system, its name, sessions with an order, sessions."""
    rows: list[tuple[bool, str, int, int]] = []
    devices = sorted(story.of.segments["device"].items(), key=lambda d: (-d[1][1], d[0]))
    for name, counts in devices:
        rows.append((False, name, *counts))
        parts = [(True, s, *v) for (d, s), v in story.of.crossed.items() if d == name and v[1] >= 100]
        rows += sorted(parts, key=lambda r: (-r[3], r[1])) if len(parts) > 1 else []
    return ([r for r in rows if r[3] >= 100] or rows)[:12]


def _devices(story: Story) -> list[Sentence]:
    words, days = _period(story)
    rows, devices = device_rows(story), story.of.segments["device"]
    found = [
        story.devices(),
        sentence(
            f"Share of sessions with an order, {words}; bar: 95% interval (Wilson); grey: too small to call", *days
        ),
    ]
    shown = {name for is_system, name, _, _ in rows if not is_system}
    if set(devices) - shown:
        found.append(sentence(f"Not shown, under 100 sessions: {', '.join(d for d in devices if d not in shown)}."))
    if rows:
        found.append(
            sentence("all sessions #", Share(sum(c for c, _ in devices.values()) / sum(n for _, n in devices.values())))
        )
    return found + [sentence(f"# {name} # of #", Share(c / n), c, n) for _, name, c, n in rows]


def usual_range(story: Story) -> tuple[float, float] | None:
    """Median +/- 3 robust standard deviations of the daily events; none for under seven days."""
    events = [story.of.daily[d]["events"] for d in story.days]
    if len(events) < 7:
        return None
    middle = float(np.median(events))
    reach = 3 * 1.4826 * float(np.median(np.abs(np.array(events) - middle)))
    return max(middle - reach, 0), middle + reach


def volume_title(story: Story) -> list[Sentence]:
    times = sum(b.kind != "gap" for b in story.of.breaks)
    number = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    broke = (
        ("no field broke", "tracking broke once", "tracking broke twice")[times]
        if times < 3
        else (f"tracking broke {number[times]} times")
    )
    band = usual_range(story)
    if band is None:
        return [
            sentence(
                f"# day{'s are' if len(story.days) > 1 else ' is'} too few to say what volume is normal; {broke}",
                len(story.days),
            )
        ]
    outside = [d for d in story.days if not band[0] <= story.of.daily[d]["events"] <= band[1]]
    if outside:
        more, numbers = (" and # more", [len(outside) - 1]) if len(outside) > 1 else ("", [])
        return [sentence(f"Volume left its usual range on #{more}; {broke}", outside[0], *numbers)]
    return [
        sentence(
            f"Volume stayed in its usual range {'while' if times else 'and'} {broke}".replace("range and", "range, and")
        )
    ]


def broken_shares(story: Story) -> list[tuple[str, str, Any]]:
    """The shares drawn below the volume: metric, words, and the break."""
    found: dict[str, tuple[str, str, Any]] = {}
    words = {
        "client_id_missing_share": "events without an id",
        "line_amount_missing_share": "order lines without a price",
        "referrer_missing_share": "events without a referrer",
    }
    for b in story.of.breaks:
        metric = b.what if b.kind == "share" else f"{b.what}_missing_share" + "_as_tracked" * (b.kind == "renamed")
        if any(of for _, of in story.of.shares.get(metric, {}).values()):
            found.setdefault(metric, (metric, words[b.what] if b.kind == "share" else f"column {b.what} empty", b))
    return list(found.values())[:4]


def _volume(story: Story) -> list[Sentence]:
    found = volume_title(story)
    tail = "; band: median ± 3 robust standard deviations" if len(story.days) >= 7 else ""
    shares = broken_shares(story)
    found.append(sentence(f"Events a day, crawlers among them{tail}{'.' if shares else ''}"))
    found.append(sentence("events #", int(story.of.daily[story.days[-1]]["events"])))
    for metric, words, b in shares:
        of_day = story.of.shares[metric]
        n, of = of_day[max(d for d in of_day if d in story.of.daily and of_day[d][1])]
        found += [sentence(f"{words} # last day", Share(n / of)), _incident(b)]
    return found + [_incident(b) for b in story.of.breaks if b.kind == "gap"]


def drawn(name: str, figure: Figure) -> list[float]:
    """What a picture draws rather than writes, in the units of its axes."""
    first = figure.axes[0]
    if name == "attribution_loss_pie.png":
        return [(w.theta2 - w.theta1) / 360 for axes in figure.axes for w in axes.patches if isinstance(w, Wedge)]
    if name == "funnel_sankey.png":
        return [r.get_height() for r in first.patches if isinstance(r, Rectangle) and r.get_hatch()]
    if name == "device_cvr.png":
        return [
            x for line in first.lines if line.get_linewidth() in (7, 11) for x in np.ravel(line.get_xdata()).tolist()
        ]
    line = next(line for line in first.lines if line.get_linewidth() in (1.3, 2.6))
    bars = [r.get_height() for axes in figure.axes[1:] for r in axes.patches if isinstance(r, Rectangle)]
    return [*np.ravel(line.get_ydata()).tolist(), *bars]


def should_draw(name: str, story: Story, right: float) -> list[float]:
    """The same, recomputed; intervals that reach beyond the right end of their axis (`right`) are cut there."""
    of = story.of
    if name == "attribution_loss_pie.png":
        return [
            of.known[r][k][1] / of.revenue
            for r in ("as_tracked", "healed")
            for k in REASON_WORDS
            if of.known[r].get(k, (0, 0))[1]
        ]
    if name == "funnel_sankey.png":
        return [r - k for r, k in zip(of.reached(), of.recorded(), strict=True) if r > k]
    if name == "device_cvr.png":
        bounds = [wilson_bounds(c, n) for _, _, c, n in device_rows(story)]
        return [x for low, high in bounds for x in (low, min(high, right))]
    if name == "revenue_trend.png":
        return [of.daily[d]["revenue"] for d in story.days]
    shares = [of.shares[metric] for metric, _, _ in broken_shares(story)]
    bars = [n[d][0] / n[d][1] for n in shares for d in story.days if d in n and n[d][1]]
    return [of.daily[d]["events"] for d in story.days] + bars
