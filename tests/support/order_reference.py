"""A second, slow reading of the design's paragraph "Order": what each order event is, in loops over plain rows.

It shares nothing with event_data/orders.sql, so that a rule misread there is not misread here as well.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

Row = dict[str, Any]
PROOFS = ("checkout_token", "customer", "client_id")
CONTENT = ("event_at", "revenue", *PROOFS, "event_id")


def by_time(events: Iterable[Row]) -> list[Row]:
    """Return the events by time; those of one moment by their content, the event's id last."""
    return sorted(events, key=lambda event: [(event[name] is not None, event[name]) for name in CONTENT])


def proof_of(one: Row, other: Row) -> int | None:
    """Return the place among PROOFS of what shows that two events of one id are one order; None where they are not.

    3: there is nothing to compare, so that the id alone decides.
    """
    for place, name in enumerate(PROOFS):
        if one[name] is not None and other[name] is not None:
            return place if one[name] == other[name] else None
    return len(PROOFS)


def orders_of_id(events: Sequence[Row], by_id_alone: bool) -> list[list[Row]]:
    """Return the events of one transaction id as orders, by the time of their first events."""
    in_time = by_time(events)
    if by_id_alone:
        return [in_time]
    orders: list[list[Row]] = []
    # Whoever has a checkout comes first, then whoever has a customer.
    for event in sorted(in_time, key=lambda e: next((n for n, name in enumerate(PROOFS) if e[name] is not None), 3)):
        proofs = [
            (proof, order[0]["checkout_token"] is None and order[0]["customer"] is None, in_time.index(order[0]), order)
            for order in orders
            for other in order
            if (proof := proof_of(event, other)) is not None
        ]
        if proofs:
            min(proofs, key=lambda one: one[:3])[3].append(event)
        else:
            orders.append([event])
    return sorted(map(by_time, orders), key=lambda order: in_time.index(order[0]))


def classify(events: Sequence[Row], order: Mapping[str, str]) -> list[Row]:
    """Return each order event with its status, its reason, what it counts, and what it keeps out of revenue."""
    judged: list[Row] = []
    ids: dict[str, list[Row]] = {}
    for event in events:
        if event["transaction_id"] is None or event["revenue"] is None:
            other = event.get("other_currency")
            reason = f"currency {other}" if other else "no readable amount"
            reason = "no transaction id" if event["transaction_id"] is None else reason
            judged.append(_row(event, "quarantined", reason=reason))
        elif event["revenue"] < 0:
            judged.append(_row(event, "negative", reason="negative amount"))
        else:
            ids.setdefault(event["transaction_id"], []).append(event)
    orders = []
    for mine in ids.values():
        uses = [event["event_id"] for event in by_time(mine)]
        for one in orders_of_id(mine, order.get("duplicates") == "transaction_id"):
            rows = rows_of(one)
            for row in rows:
                row["is_repeated_id"] = row["event_id"] != uses[0]
            if rows[0]["is_repeated_id"]:
                last_use = by_time(mine)[uses.index(rows[0]["event_id"]) - 1]["event_at"]
                is_reused = one[0]["event_at"] > last_use + timedelta(days=30)
                rows[0] |= {"is_collision": True, "is_reused_id": is_reused}
            orders.append(rows)
            judged += rows
    mark_possible_duplicates(orders, order.get("possibleDuplicates") == "once")
    return sorted(judged, key=lambda row: row["event_id"])


def rows_of(order: list[Row]) -> list[Row]:
    """Return the rows of one order: its first event is counted with its last amount."""
    rows = []
    for number, event in enumerate(order):
        before = order[number - 1]["revenue"]
        if number == 0:
            rows.append(_row(event, "counted"))
        elif event["revenue"] == before:
            rows.append(_row(event, "resubmission"))
        else:
            rows.append(_row(event, "amendment", excluded=before))
    rows[0] |= {"counted_revenue": order[-1]["revenue"], "excluded_revenue": None}
    for row in rows:
        row["order_id"] = order[0]["event_id"]
    return rows


def mark_possible_duplicates(orders: list[list[Row]], counts_once: bool) -> None:
    """Mark an order within a day of another with its checkout, customer and amount, but not its id."""
    former: dict[tuple[Any, ...], Row] = {}
    for rows in sorted(orders, key=lambda rows: (rows[0]["event_at"], rows[0]["transaction_id"], rows[0]["event_id"])):
        first = rows[0]
        known = [[row[name] for row in rows if row[name] is not None] for name in ("checkout_token", "customer")]
        if not all(known):
            continue
        bought = (min(known[0]), min(known[1]), first["counted_revenue"])
        earlier, former[bought] = former.get(bought), first
        if earlier and first["event_at"] <= earlier["event_at"] + timedelta(days=1):
            first["is_possible_duplicate"] = True
            if counts_once:
                amount = first["counted_revenue"]
                first |= {"status": "possible duplicate", "counted_revenue": None, "excluded_revenue": amount}
                first |= {"is_collision": False, "is_reused_id": False}


def _row(event: Row, status: str, reason: str | None = None, excluded: Any = None) -> Row:
    flags = dict.fromkeys(("is_repeated_id", "is_collision", "is_reused_id", "is_possible_duplicate"), False)
    excluded = event["revenue"] if excluded is None else excluded
    amounts = {"counted_revenue": None, "excluded_revenue": excluded}
    return event | flags | amounts | {"status": status, "reason": reason, "order_id": None}
