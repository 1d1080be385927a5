"""Add to an incident what the shop's order list shows: which orders exist, and which of them explain a gap."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log
from typing import Any

from event_data.books.customers import tracked_customer_sql
from event_data.contract import Contract
from event_data.output import count
from event_data.sql import literal
from event_data.user_agents import BROWSERS, SYSTEMS, device_sql, name_sql
from quality.checks import DEFINITIONS
from quality.definitions import statements
from quality.incidents import Incident, InOrderList
from quality.scan import Scan

SQL = statements("order_list_words.sql")
GAPS = ("orders_not_tracked", "tracking_coverage_shift")  # a segment may explain these
PLACES = {
    "payment method": "were paid with {}", "hour": "were placed from {}", "browser": "were placed in {}",
    "operating system": "were placed on {}", "device": "were placed on {} devices",
}  # fmt: skip
TEST_ORDERS = {  # where to place one; for hours, the general advice holds
    "payment method": "paid with {}", "browser": "in {}", "operating system": "on {}", "device": "on a {} device",
}  # fmt: skip
LEAST_LOST = 3  # fewer orders are no explanation
LEAST_EVIDENCE = 15.0  # likelihood ratio: 1 in 10,000 by chance; a shop has dozens of segments
LEAST_FACTOR = 3  # a segment's share of lost orders is at least this multiple of the others' share


@dataclass(frozen=True)
class Segment:
    """The orders of a segment that should have been tracked, and of all others."""

    kind: str
    name: str
    orders: int
    lost: int
    other_orders: int
    other_lost: int

    @property
    def evidence(self) -> float:
        """Return twice the log-likelihood ratio of two rates of loss against one (a G-test)."""
        together = _likelihood(self.lost + self.other_lost, self.orders + self.other_orders)
        return 2 * (_likelihood(self.lost, self.orders) + _likelihood(self.other_lost, self.other_orders) - together)

    @property
    def explains(self) -> bool:
        """Return whether most of the lost orders are in the segment, which loses far more than the others."""
        if self.lost < max(LEAST_LOST, self.other_lost) or not self.other_orders:
            return False
        is_worse = self.lost * self.other_orders >= LEAST_FACTOR * self.other_lost * self.orders
        return is_worse and self.evidence >= LEAST_EVIDENCE

    @property
    def words(self) -> str:
        there = f"{self.lost:,} of the {self.orders:,}" if self.lost < self.orders else f"all {self.orders:,}"
        elsewhere = f"{self.other_lost:,} of the other {self.other_orders:,}"
        who = PLACES[self.kind].format(self.name)
        return f"{self.lost:,} of these {self.lost + self.other_lost:,} {who}: {there} there were lost, and {elsewhere}"

    @property
    def advice(self) -> str:
        """Return what to do if the segment explains the gap; nothing for hours."""
        if self.kind not in TEST_ORDERS:
            return ""
        where = TEST_ORDERS[self.kind].format(self.name)
        released = "Ask what was released on the first of these days."
        return f"Place a test order {where}, and look for its order event. {released}"


def with_order_list(incidents: Sequence[Incident], scan: Scan) -> list[Incident]:
    """Return the incidents; where the order list has their orders, their message ends with that.

    Advice to compare with the order list, or to compare segments, becomes the step after the comparison.
    """
    if "order_list" not in scan.books:
        return list(incidents)
    extended = []
    for incident in incidents:
        known, words, advice = None, "", ""
        if incident.check in GAPS:
            if segment := explaining_segment(_rows("segments", incident, scan)):
                words, advice = segment.words, segment.advice
        elif incident.check in SQL and (known := _known(incident, scan)):
            words, advice = WORDS[incident.check](known, scan.contract), NEXT_STEPS[incident.check](known)
        message = f"{incident.message}; {words}" if words else incident.message
        # the contract's own advice stays, unless it is to look into the order list
        is_answered = incident.advice == DEFINITIONS[incident.check].advice or "order list" in incident.advice
        advice = advice if advice and is_answered else incident.advice
        extended.append(replace(incident, message=message, advice=advice, in_order_list=known))
    return extended


def explaining_segment(rows: Sequence[tuple[str, str | None, int, int]]) -> Segment | None:
    """Return the segment that explains a gap best, of (kind, segment, orders, lost); None if none does."""
    kinds: dict[str, list[tuple[str | None, int, int]]] = defaultdict(list)
    for kind, name, orders, lost in rows:
        kinds[kind].append((name, orders, lost))
    candidates = []
    for kind, segments in kinds.items():
        all_orders, all_lost = sum(n for _, n, _ in segments), sum(n for *_, n in segments)
        candidates += [Segment(kind, name, n, x, all_orders - n, all_lost - x) for name, n, x in segments if name]
    explaining = [segment for segment in candidates if segment.explains]
    return max(explaining, key=lambda segment: segment.evidence, default=None)


def _known(incident: Incident, scan: Scan) -> InOrderList | None:
    """Return the orders of an incident that are in the list; None if it has none of them."""
    rows = [InOrderList(*row) for row in _rows(incident.check, incident, scan)]
    return next((known for known in rows if known.orders or incident.check == "hours_without_events"), None)


def _collisions(known: InOrderList, contract: Contract) -> str:
    part = _part(known.found, known.orders, "order")
    return f"{part} with these ids {'exist' if known.found > 1 else 'exists'} in the shop's order list"


def _confirmations(known: InOrderList, contract: Contract) -> str:
    part = _part(known.found, known.orders, "checkout")
    have = "have" if known.found > 1 else "has"
    return f"{part} {have} an order in the shop's order list{_worth(known, contract, ', ')}"


def _hours(known: InOrderList, contract: Contract) -> str:
    booked = count(known.found, "order") if known.found else "no order"
    return f"in these hours, the shop booked {booked}{_worth(known, contract, ' of ')}"


WORDS = {
    "transaction_id_collision": _collisions,
    "confirmations_without_order": _confirmations,
    "hours_without_events": _hours,
}


def _after_collisions(known: InOrderList) -> str:
    if known.found == known.orders:
        return "Delete none of these orders: the shop has them all. Ask the developers how the id is generated."
    kept = "Keep the orders that the list has. " if known.found else ""
    others = "the others" if known.found else "these orders"
    return f"{kept}gold.order_reconciliation has the status of {others}. Ask the developers how the id is generated."


def _after_confirmations(known: InOrderList) -> str:
    if not known.found:
        return "No booked order is missing. Find out who opens the confirmation page without an order, such as a test."
    others = "" if known.found == known.orders else " Look for the other checkouts in the shop's admin."
    return f"Add the booked orders to reports of revenue, and send the order event from the server.{others}"


def _after_hours(known: InOrderList) -> str:
    down = "The tag or its collector was down, or the file is incomplete"
    return f"{down}; {'add these orders to reports of revenue' if known.found else 'no booked order is missing'}."


NEXT_STEPS = {
    "transaction_id_collision": _after_collisions,
    "confirmations_without_order": _after_confirmations,
    "hours_without_events": _after_hours,
}


def _worth(known: InOrderList, contract: Contract, before: str) -> str:
    has_amount = contract.order_list is not None and "amount" in contract.order_list.values
    return f"{before}{contract.currency.exact(known.amount)}" if has_amount and known.found else ""


def _part(found: int, orders: int, noun: str) -> str:
    if found == orders:
        return f"all {count(orders, noun)}" if orders > 1 else f"the {noun}"
    return f"{f'{found:,}' if found else 'none'} of the {count(orders, noun)}"


def _rows(name: str, incident: Incident, scan: Scan) -> list[tuple[Any, ...]]:
    days = {scan.files[finding.file_no].day for finding in incident.findings}
    filled = {
        "days": ", ".join(f"date {literal(str(day))}" for day in sorted(days)),
        "device": device_sql("agent"), "browser": name_sql(BROWSERS, "agent"),
        "operating_system": name_sql(SYSTEMS, "agent"), "tracked_customer": tracked_customer_sql("customer"),
        "time_zone": literal(scan.contract.time_zone),
    }  # fmt: skip
    return scan.connection.execute(SQL[name].format(**filled)).fetchall()


def _likelihood(lost: int, orders: int) -> float:
    return sum(n * log(n / orders) for n in (lost, orders - lost) if n)
