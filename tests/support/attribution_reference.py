"""A second, slow reading of the definitions of part 2: what each table must hold, in loops over plain rows.

It shares the reading of the contract with the pipeline and no other code, so that a rule misread there is not misread
here as well. event_reference.py reads the events; order_reference.py classifies the orders; here they become sessions,
people and credit.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from event_reference import Row, days_of, read_contract, read_events, read_seeds
from order_reference import classify

GAP, WINDOW = timedelta(minutes=30), timedelta(days=7)
MANY_CLIENTS = 5  # a hash or token of more clients tells nothing about a person
ROUNDS = 4
COUNTS = {
    "page_views": "page_view", "signups": "signup", "carts": "cart", "checkouts": "checkout", "orders": "order",
}  # fmt: skip


@dataclass(frozen=True)
class Tables:
    """The tables by their names in the warehouse; a list of rows each, in no order that matters."""

    rejected_events: list[Row]
    events: list[Row]
    sessions: list[Row]
    received_orders: list[Row]
    people: list[Row]
    orders: list[Row] = field(default_factory=list)
    attribution: list[Row] = field(default_factory=list)
    unattributed: list[Row] = field(default_factory=list)


# ---- sessions and orders


def in_time(row: Row) -> tuple[datetime, int]:
    return row["event_at"], row["event_id"]


def sessions_of(events: list[Row], identity: str) -> list[list[Row]]:
    """The events of each session: the same id, no crawler, no gap of 30 minutes or more."""
    clients: dict[str, list[Row]] = defaultdict(list)
    for event in sorted(events, key=in_time):
        if event[identity] and not event["is_bot"]:
            clients[event[identity]].append(event)
    sessions: list[list[Row]] = []
    for mine in clients.values():
        for number, event in enumerate(mine):
            if number == 0 or event["event_at"] >= mine[number - 1]["event_at"] + GAP:
                sessions.append([])
            sessions[-1].append(event)
    return sessions


def session_row(session: list[Row], reading: str, identity: str) -> Row:
    channels = [event["channel"] for event in session if event["channel"]] or ["Direct"]
    roles = Counter(event["event"] for event in session)
    return {
        "reading": reading,
        "session_id": session[0]["event_id"],
        "client_id": session[0][identity],
        "started_at": session[0]["event_at"],
        "ended_at": session[-1]["event_at"],
        "first_channel": channels[0],
        "last_channel": channels[-1],
        "events": len(session),
    } | {name: roles[role] for name, role in COUNTS.items()}


def first_times(events: list[Row]) -> dict[tuple[str, str, str], datetime]:
    """When each client, healed and as tracked, was first seen at all ("") and in each role."""
    first: dict[tuple[str, str, str], datetime] = {}
    for event in sorted(events, key=in_time):
        for identity in ("client_id", "client_id_as_tracked"):
            for role in ("", event["event"]):
                if event[identity]:
                    first.setdefault((identity, event[identity], role), event["event_at"])
    return first


def order_row(order: Row, first: dict[tuple[str, str, str], datetime], start: datetime) -> Row:
    """A counted order, and whether its client was seen before."""

    def seen(identity: str, role: str = "") -> bool:
        at = first.get((identity, order[identity], role))
        return at is not None and at < order["event_at"]

    same = ("transaction_id", "client_id", "client_id_as_tracked", "revenue", "is_collision", "is_possible_duplicate")
    return {name: order[name] for name in same} | {
        "order_id": order["event_id"],
        "ordered_at": order["event_at"],
        "has_earlier_event": seen("client_id"),
        "has_earlier_page_view": seen("client_id", "page_view"),
        "has_earlier_event_as_tracked": seen("client_id_as_tracked"),
        "has_earlier_page_view_as_tracked": seen("client_id_as_tracked", "page_view"),
        "window_cut_off": order["event_at"] - WINDOW < start,
    }


# ---- people


def keys_of(event: Row) -> list[tuple[str, str]]:
    return [(kind, event[kind]) for kind in ("checkout_token", "customer") if event[kind]]


def stitch(events: list[Row]) -> tuple[dict[str, str], dict[tuple[str, str], str]]:
    """The label of every client after four rounds, and then of every usable key."""
    clients: dict[tuple[str, str], set[str]] = defaultdict(set)
    labels: dict[str, str] = {}
    for event in events:
        if event["client_id"] and not event["is_bot"]:
            labels[event["client_id"]] = event["client_id"]
            for key in keys_of(event):
                clients[key].add(event["client_id"])
    usable = {key: mine for key, mine in clients.items() if len(mine) <= MANY_CLIENTS}
    for _ in range(ROUNDS):
        key_labels = {key: min(labels[client] for client in mine) for key, mine in usable.items()}
        for key, mine in usable.items():
            for client in mine:
                labels[client] = min(labels[client], key_labels[key])
    return labels, {key: min(labels[client] for client in mine) for key, mine in usable.items()}


# ---- attribution


def path_of(order: Row, sessions: Iterable[list[Row]]) -> list[Row]:
    """The touches that share an order: one or two of each session that starts in the window."""
    path: list[Row] = []
    for session in sorted(sessions, key=lambda session: in_time(session[0])):
        started_at = session[0]["event_at"]
        if not order["event_at"] - WINDOW <= started_at <= order["event_at"]:
            continue
        touches = [event for event in session if event["channel"] and event["event_at"] <= order["event_at"]]
        if touches:
            path.append(touches[0])
            if touches[-1]["channel"] != touches[0]["channel"]:
                path.append(touches[-1])
        elif session[0]["event"] != "order":
            path.append({"event_at": started_at, "channel": "Direct", "source": "(direct)", "medium": "(none)"})
    return path


def weights_of(path: list[Row], ordered_at: datetime) -> dict[str, list[int]]:
    """What each model gives each touch, as whole numbers."""
    n = len(path)
    not_direct = [k for k in range(n) if path[k]["channel"] != "Direct"]
    last = not_direct[-1] if not_direct else n - 1
    ages = [(ordered_at.replace(microsecond=0) - t["event_at"].replace(microsecond=0)).total_seconds() for t in path]
    return {
        "first_click": [int(k == 0) for k in range(n)],
        "last_click": [int(k == n - 1) for k in range(n)],
        "last_non_direct": [int(k == last) for k in range(n)],
        "linear": [1] * n,
        "position_based": [1] * n if n <= 2 else [2 * (n - 2) if k in (0, n - 1) else 1 for k in range(n)],
        "time_decay": [round(1_000_000 * 0.5 ** (age / 604_800)) for age in ages],
    }


def attribute(order: Row, path: list[Row], reading: str) -> Iterator[Row]:
    """The credit of each touch in each model; all of the revenue to Unattributed when there is none."""
    row = {"order_id": order["event_id"], "transaction_id": order["transaction_id"], "reading": reading}
    for model, weights in weights_of(path, order["event_at"]).items():
        cents, given, total = int(order["revenue"] * 100), 0, 0
        for position, (touch, weight) in enumerate(zip(path, weights, strict=True), 1):
            total += weight
            due = cents * total // sum(weights)
            if weight:
                place = {"model": model, "position": position, "credit": Decimal(due - given).scaleb(-2)}
                yield row | place | {name: touch[name] for name in ("channel", "source", "medium")}
            given = due
        if not path:
            nobody = {"channel": "Unattributed", "source": None, "medium": None}
            yield row | nobody | {"model": model, "position": None, "credit": order["revenue"]}


def unattributed_row(order: Row, path: list[Row], reading: str, identity: str | None, start: datetime) -> Row:
    """An order without a touch other than Direct, and the first reason that applies."""
    if identity is None:
        reason = "no id"
    elif order["event_at"] - WINDOW < start:
        reason = "window cut off"
    else:
        reason = "direct only" if path else "no touch in the window"
    return {"order_id": order["event_id"], "reading": reading, "reason": reason, "revenue": order["revenue"]}


def sessions_by_identity(
    tracked: list[list[Row]], healed: list[list[Row]], labels: dict[str, str]
) -> dict[tuple[str, str], list[list[Row]]]:
    """The sessions of each identity, by reading and identity."""
    mine: dict[tuple[str, str], list[list[Row]]] = defaultdict(list)
    for session in tracked:
        mine["as_tracked", session[0]["client_id_as_tracked"]].append(session)
    for session in healed:
        mine["healed", session[0]["client_id"]].append(session)
        mine["stitched", labels[session[0]["client_id"]]].append(session)
    return mine


def reference(files: Sequence[Path], contract: Path, seeds: Path) -> Tables:
    """Every table from the files, the contract and the seeds alone."""
    shop = read_contract(contract)
    read_seeds(shop, seeds)
    events, rejected = read_events(shop, files)
    start = datetime.combine(min(days_of(shop, files)), datetime.min.time())
    first = first_times(events)
    labels, key_labels = stitch(events)
    linked = {
        event["client_id"]
        for event in events
        if event["client_id"] and not event["is_bot"] and any(key in key_labels for key in keys_of(event))
    }
    assert shop.order
    how = {"duplicates": shop.order.duplicates, "possibleDuplicates": shop.order.possible_duplicates}
    judged = classify([event for event in events if event["event"] == "order"], how)
    tracked, healed = (sessions_of(events, identity) for identity in ("client_id_as_tracked", "client_id"))
    mine = sessions_by_identity(tracked, healed, labels)
    tables = Tables(
        rejected_events=rejected,
        events=events,
        sessions=[session_row(session, "as_tracked", "client_id_as_tracked") for session in tracked]
        + [session_row(session, "healed", "client_id") for session in healed],
        received_orders=judged,
        people=[{"client_id": client, "person_id": label} for client, label in labels.items() if client in linked],
    )
    for received in judged:
        if received["status"] != "counted":
            continue
        order = received | {"revenue": received["counted_revenue"]}
        tables.orders.append(order_row(order, first, start))
        client = order["client_id"]
        person = min((key_labels[key] for key in keys_of(order) if key in key_labels), default=None)
        identities = {
            "as_tracked": order["client_id_as_tracked"],
            "healed": client,
            "stitched": labels.get(client, client) if client else person,
        }
        for reading, identity in identities.items():
            path = path_of(order, mine.get((reading, identity), []))
            tables.attribution.extend(attribute(order, path, reading))
            if all(touch["channel"] == "Direct" for touch in path):
                tables.unattributed.append(unattributed_row(order, path, reading, identity, start))
    return tables
