"""What broke, and when: rules over the files' headers and gold's daily shares. Nothing here knows a date or a shop."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import fmean

from analysis.gold import DataFile, Gold, Ratio
from analysis.intervals import wilson

# A share must rise this far above the worst earlier day, by the lower bound of its interval, to be a break.
RISE = 0.05
# An hour without events is a gap where this many were to be expected: by chance one in e**20 such hours is empty.
EXPECTED_EVENTS = 20.0


@dataclass(frozen=True)
class Words:
    """A share in words: what is counted, of what, what is wrong with it, and what its repair would bring."""

    subject: str
    whole: str
    fault: str
    effect: str


WORDS = {
    "client_id_missing_share": Words(
        "events without an id", "events", "have no client id", "these events belong to a visit again"
    ),
    "referrer_missing_share": Words(
        "events without a referrer", "events", "have no referrer", "visits without a campaign have a source again"
    ),
    "line_amount_missing_share": Words(
        "order lines without a price", "order lines", "have no price", "revenue can be told by product again"
    ),
    "item_missing_share": Words(
        "order lines without an item id", "order lines", "have no item id", "units can be told by product again"
    ),
    "unknown_event_share": Words(
        "events of an unknown name",
        "events",
        "have a name nobody declared",
        "these events are counted as what they are",
    ),
    "unreadable_share": Words("records that cannot be read", "records", "cannot be read", "these records count again"),
    "rejected_share": Words("records refused", "records", "are refused", "these records count again"),
    "held_order_share": Words(
        "orders without id or amount", "order events", "have no order id or no amount", "these orders count as sales"
    ),
    "resubmission_share": Words(
        "orders sent again", "order events", "repeat an order", "no order is counted twice elsewhere"
    ),
}


@dataclass(frozen=True)
class Incident:
    """Something that broke on `since`; `until` is its last day, None while it lasts."""

    kind: str
    what: str
    since: date
    until: date | None
    severity: str
    label: str
    sentence: str


def find_incidents(gold: Gold) -> tuple[Incident, ...]:
    """All incidents, first the earliest and gravest."""
    by_header = _header_incidents(gold)
    found = [*by_header, *_share_incidents(gold, by_header), *_gaps(gold)]
    return tuple(sorted(found, key=lambda i: (i.since, i.severity, i.what)))


def _header_incidents(gold: Gold) -> list[Incident]:
    """A contract column that a day's files had and the next day's have not; a rename when another took its place.

    The first day is held against the contract, of which gold knows the columns of the id and the referrer. An empty
    file has lost no column; that it holds no event is another matter.
    """
    files = [file for file in gold.files if file.columns]
    days = sorted({file.day for file in files})
    headers = {day: [set(f.columns) for f in files if f.day == day] for day in days}
    columns = {day: set.intersection(*sets) for day, sets in headers.items()}
    agreed = {name for name in gold.terms if name}
    found = []
    for day, before in zip(days, [agreed, *columns.values()], strict=False):
        came = sorted(columns[day] - before)
        gone = (before - columns[day]) & gold.known_columns
        for name in [c for c in dict.fromkeys([*_in_order(files), *gold.terms]) if c in gone]:
            back = next((d for d in days if d > day and name in columns[d]), None)
            until = days[days.index(back) - 1] if back else None
            heir = min(came, key=lambda c: (_plain(c) != _plain(name), c)) if came else None
            if heir and day == days[0] and _plain(heir) != _plain(name):
                heir = None
            if heir:
                came.remove(heir)
                label, sentence = f"{name} renamed {heir}", f"the column {name} arrives as {heir}"
            else:
                label, sentence = f"{name} column lost", f"the column {name} is gone"
            found.append(Incident("renamed" if heir else "lost", name, day, until, "P0", label, sentence))
    return found


def _share_incidents(gold: Gold, by_header: Sequence[Incident]) -> list[Incident]:
    """Shares that rose, other than those that a change of the header explains from the same day on."""
    found = []
    for metric, words in WORDS.items():
        onset = rise(gold.shares.get(metric, ()))
        if onset is None:
            continue
        first, last, level = onset
        if any(metric.startswith(gold.term(i.what)) and i.since == first for i in by_header):
            continue
        until = None if gold.days and last == gold.days[-1].day else last
        many = "all" if level > 0.995 else f"{level:.0%} of"
        label = f"{many} {words.whole} {words.fault}"
        found.append(Incident("share", metric, first, until, "P1", label, label))
    return found


def rise(ratios: Sequence[Ratio]) -> tuple[date, date, float] | None:
    """First day of the first rise of a share, its last day, and the share between; None when it never rose.

    It begins when the lower bound of a day's share (Wilson, 99.9%) is RISE above every earlier day, and ends when a
    day is back within half of that.
    """
    broken: list[Ratio] = []
    worst: float | None = None
    for ratio in ratios:
        if (broken and ratio.share > (worst or 0.0) + RISE / 2) or (
            not broken and worst is not None and wilson(ratio.cases, ratio.whole, 0.999).low > worst + RISE
        ):
            broken.append(ratio)
        elif broken:
            break
        else:
            worst = max(worst or 0.0, ratio.share)
    if not broken:
        return None
    return broken[0].day, broken[-1].day, sum(r.cases for r in broken) / sum(r.whole for r in broken)


def empty_hours(gold: Gold) -> dict[date, tuple[list[int], float]]:
    """Days with hours that have no event where many were expected, and how many orders that makes.

    What is expected is the mean of the same hours of the other days.
    """
    days = [d.day for d in gold.days]
    found: dict[date, tuple[list[int], float]] = {}
    for day in days:
        empty, missed = [], 0.0
        for hour in range(24):
            others = [(other, hour) for other in days if other != day]
            expected = fmean(gold.hours.get(one, 0.0) for one in others) if others else 0.0
            if (
                gold.hours.get((day, hour), 0.0) == 0
                and expected >= EXPECTED_EVENTS
                and (day, hour) not in gold.skipped_hours
            ):
                empty.append(hour)
                missed += fmean(gold.hour_orders.get(one, 0.0) for one in others)
        if empty:
            found[day] = (empty, missed)
    return found


def _gaps(gold: Gold) -> list[Incident]:
    found = []
    for day, (empty, _) in empty_hours(gold).items():
        hours = f"{len(empty)} hour{'s' if len(empty) > 1 else ''}"
        sentence = f"{hours} hold no event, the first from {empty[0]:02d}:00 {gold.time_zone}"
        found.append(Incident("gap", "events", day, day, "P1", f"{hours} without events", sentence))
    return found


def _in_order(files: Sequence[DataFile]) -> list[str]:
    return list(dict.fromkeys(c for f in files for c in f.columns))


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())
