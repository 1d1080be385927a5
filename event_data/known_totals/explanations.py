"""Find the simplest single change after which all known days match.

Revenue has to be equal to the cent; if amounts are multiplied, each order and the sum may be rounded.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from event_data.known_totals.counts import CENT, Count, Counts, Window
from event_data.output import printable

# The hours by which the days of two zones can differ; whole and few hours come first.
SHIFTS = sorted((n / 2 for n in range(-52, 53) if n), key=lambda hours: (hours % 1 != 0, abs(hours), -hours))
COMPARE = "Compare the orders of one of these days with the shop's order list."
TAX = "Find out whether the shop's page includes tax and shipping, and map the amount that it shows."


@dataclass(frozen=True)
class Explanation:
    """A change after which all known days match, as a clause, with advice; `kind` names the change."""

    kind: str
    clause: str
    advice: str


class Reading(NamedTuple):
    """Another way to count order events; `orders` and `revenue` are arguments of `Counts.read`."""

    kind: str
    orders: str
    revenue: str
    clause: str
    advice: str


READINGS = (
    Reading(
        "possible_duplicates_once", "counted -possible", "counted -possible",
        "possible duplicates counted once would match", "Set `possibleDuplicates: once` in `order`.",
    ),
    Reading(
        "possible_duplicates_both", "counted possible_excluded", "counted possible_excluded",
        "possible duplicates counted as two orders would match", "Set `possibleDuplicates: both` in `order`.",
    ),
    Reading(
        "refunds", "counted", "counted negative", "revenue less negative amounts would match",
        "The shop's page subtracts refunds; enter its revenue without them.",
    ),
    Reading(
        "refunds_as_orders", "counted negative", "counted negative", "negative amounts counted as orders would match",
        "The shop's page counts refunds as orders; enter its totals without them.",
    ),
    Reading(
        "quarantined", "counted quarantined", "counted quarantined",
        "orders without an id or a readable amount, if they were counted, would match",
        "Correct `transactionId` and `amount` in `order`: the shop has these orders.",
    ),
    Reading(
        "rows", "rows", "rows", "every order event counted as one order would match",
        "The shop counts order events that are excluded here; check `rows`, `transactionId` and `duplicates`.",
    ),
    Reading(
        "rows_are_lines", "ids", "rows", "one order per transaction id, with the amounts of all its rows, would match",
        "Each row seems to be a line item: set `rows: lines` in `order`.",
    ),
    Reading(
        "transaction_ids", "ids", "ids", "one order per transaction id would match",
        "If the shop never uses an id twice, set `duplicates: transaction_id` in `order`.",
    ),
)  # fmt: skip


def explain(counts: Counts) -> Explanation:
    """Return the first explanation that fits, the simplest ones first."""
    for way in WAYS:
        if explanation := way(counts):
            return explanation
    compared = counts.compared(counts.usual)
    if matching := [day.known.day for day in compared if day.matches]:
        clause = f"{listed(matching)} {'matches' if len(matching) == 1 else 'match'}, so the contract may be right"
        advice = f"Look for missing or additional events on the days that differ. {COMPARE}"
        return Explanation("some_days", clause, advice)
    return Explanation("none", f"no single change explains the {_difference(counts)}", COMPARE)


def _difference(counts: Counts) -> str:
    """Return by how much the totals of all known days differ: difference of +7 orders and +$2,750.00."""
    known = [total.orders for total in counts.known]
    pairs = zip(counts.usual, known, strict=True)
    orders = sum(counted - expected for (counted, _), expected in pairs if expected is not None)
    revenue = sum((counted - expected for _, counted, expected in counts.revenues()), Decimal(0))
    gaps = [f"{orders:+,} order{'s' * (abs(orders) != 1)}"] if orders else []
    gaps += [f"{'+' * (revenue > 0)}{counts.currency.exact(revenue)}"] if revenue else []
    return f"difference of {' and '.join(gaps)}" if gaps else "differences"


def _no_amount(counts: Counts) -> Explanation | None:
    if counts.has_amount or not counts.order_event or not any(known.revenue is not None for known in counts.known):
        return None
    clause = "the contract does not map an order amount"
    return Explanation("no_amount", clause, "Add `amount` to `order`, or omit `revenue` from knownTotals.")


def _cents(counts: Counts) -> Explanation | None:
    for scale, verb, cause in (
        (Decimal("0.01"), "divided", "Amounts are in cents"), (Decimal(100), "multiplied", "Amounts are too small"),
    ):  # fmt: skip
        if counts.match((orders, revenue * scale) for orders, revenue in counts.usual):
            clause = f"amounts {verb} by 100 would match"
            return Explanation("cents", clause, f"{cause}; correct the amount and its decimal sign in the contract.")
    return None


def _reading(counts: Counts) -> Explanation | None:
    for reading in READINGS:
        if counts.match(counts.read(reading.orders, reading.revenue)):
            return Explanation(reading.kind, reading.clause, reading.advice)
    return None


def _time_zone(counts: Counts) -> Explanation | None:
    """Explain the difference by days that begin earlier or later, or by a zone with another daylight saving time.

    A single number proves nothing: some shift nearly always fits.
    """
    if sum(total is not None for known in counts.known for total in (known.orders, known.revenue)) < 2:
        return None

    def fits(windows: Mapping[date, Window]) -> bool:
        return counts.match(counts.read("counted", "counted", windows=windows))

    def shifted(hours: float) -> dict[date, Window]:
        span, days = timedelta(hours=hours), counts.zones[counts.zone]
        return {day: (begin - span, end - span) for day, (begin, end) in days.items()}

    shifts = [hours for hours in SHIFTS if fits(shifted(hours))]
    zones = sorted((zone for zone, windows in counts.zones.items() if fits(windows)), key=counts.has_other_offset)
    advice = "Set `defaultTimezone` of the time column to the time zone of the shop's admin page."
    if not shifts:
        return Explanation("time_zone", f"the days of {zones[0]} would match", advice) if zones else None
    low = high = shifts[0]
    step = 0.5 if low % 1 else 1  # half hours only if no whole hour fits
    while low - step in shifts:
        low -= step
    while high + step in shifts:
        high += step
    few, many = sorted((abs(low), abs(high)))
    span = f"{few:g}" if few == many else f"{few:g} to {many:g}"
    clause = f"days that begin {span} hour{'s' * (many != 1)} {'earlier' if high > 0 else 'later'} would match"
    example = f", for example those of {zones[0]}" if zones else ""
    return Explanation("time_zone", clause + example, advice)


def _ratio(counts: Counts) -> Explanation | None:
    """Explain the difference by one factor for all amounts; one day alone proves only multiples of 0.5%."""
    days = list(counts.revenues())
    if not counts.orders_match or not days or any(revenue <= 0 or known <= 0 for _, revenue, known in days):
        return None
    rounding = [(orders + 1) * CENT / 2 for orders, _, _ in days]
    low = max((known - cents) / revenue for (_, revenue, known), cents in zip(days, rounding, strict=True))
    high = min((known + cents) / revenue for (_, revenue, known), cents in zip(days, rounding, strict=True))
    if not 0 < low <= high or (len(days) == 1 and high - low > Decimal("0.0005")):
        return None
    if low <= 1 <= high:
        clause = "the difference is no more than the rounding of each order"
        return Explanation("rounding", clause, "Enter the sum of the order amounts, to the cent.")
    for step in (Decimal(1), Decimal("0.5")):
        for least, most, word in ((low, high, "with"), (1 / high, 1 / low, "without")):
            percent = round(((least + most) * 50 - 100) / step) * step
            if 0 < percent <= 50 and least <= 1 + percent / 100 <= most:
                return Explanation("tax", f"amounts {word} {percent.normalize():f}% tax would match", TAX)
    if len(days) == 1:
        return None
    factor = (low + high) / 2
    if Decimal("0.5") <= factor <= Decimal("1.5"):
        change = f"{abs(factor - 1) * 100:.2f}% {'higher' if factor > 1 else 'lower'}"
        return Explanation("ratio", f"amounts {change} would match, for example with other tax or shipping", TAX)
    advice = "Check whether the amounts are in another currency or unit."
    return Explanation("ratio", f"amounts multiplied by {factor:.4g} would match", advice)


def _per_order(counts: Counts) -> Explanation | None:
    """Explain the difference by the same amount for each order, which takes two days to prove."""
    days = list(counts.revenues())
    if not counts.orders_match or len(days) < 2 or not all(orders for orders, _, _ in days):
        return None
    orders, revenue, known = days[0]
    fee = ((known - revenue) / orders).quantize(CENT)
    if not counts.match((orders, revenue + fee * orders) for orders, revenue in counts.usual):
        return None
    change = f"{counts.currency.exact(abs(fee))} {'more' if fee > 0 else 'less'}"
    return Explanation("per_order", f"{change} per order would match, for example for shipping", TAX)


def _event(counts: Counts) -> Explanation | None:
    """Explain the difference by other events; those without amounts are compared by their number only."""
    equal, equal_in_number = [], []
    for event in sorted(counts.counts.keys() - {counts.order_event}):
        readings = [counts.read(one, one, event) for one in ("rows", "ids")]
        name = printable(event, " ")[:60]
        if any(map(counts.match, readings)):
            equal.append(name)
        elif any(known.orders for known in counts.known) and any(_is_number(counts, found) for found in readings):
            equal_in_number.append(name)
    advice = "Find out which event the shop sends for an order, and give it the role `order` in `events`."
    if equal:
        return Explanation("event", f"the {' or '.join(equal[:3])} events would match", advice)
    if equal_in_number:
        return Explanation("event", f"the number of {' or '.join(equal_in_number[:3])} events would match", advice)
    return None


def _is_number(counts: Counts, reading: Sequence[Count]) -> bool:
    """Return whether events without amounts match in number."""
    return not any(revenue for _, revenue in reading) and counts.has_orders(reading)


def listed(days: Sequence[date]) -> str:
    """Return up to four days as a list: 2025-03-01, 2025-03-02 and 3 more."""
    names = [str(day) for day in days[:4]] + [f"{len(days) - 4:,} more"] * (len(days) > 4)
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


WAYS: tuple[Callable[[Counts], Explanation | None], ...] = (
    _no_amount, _cents, _reading, _time_zone, _ratio, _per_order, _event,
)  # fmt: skip
