"""A second, slow reading of the definitions of part 2: what each table must hold, in loops over plain rows.

It shares the reading of the contract with the pipeline and no other code, so that a rule misread there is not misread
here as well. event_reference.py reads the events, source_reference.py their evidence; order_reference.py classifies
the orders; here they become sessions, touches, people and credit.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from event_reference import days_of, in_utc, local_date, read_events
from order_reference import classify
from source_reference import Row, Shop, read_contract, read_seeds

HALF_LIFE = timedelta(days=7)
ROUNDS = 4
COUNTS = {"page_views": "page_view", "signups": "signup", "carts": "cart", "checkouts": "checkout"}
DIRECT = {"channel": "Direct", "source": "(direct)", "medium": "(none)", "campaign": None}
NO_TOUCH = {"channel": "Unattributed", "source": None, "medium": None, "campaign": None}


@dataclass(frozen=True)
class Tables:
    """The tables by their names in the warehouse; a list of rows each, in no order that matters."""

    rejected_events: list[Row]
    events: list[Row]
    sessions: list[Row]
    received_orders: list[Row]
    people: list[Row]
    orders: list[Row] = field(default_factory=list)
    order_touches: list[Row] = field(default_factory=list)
    attribution: list[Row] = field(default_factory=list)
    no_known_source: list[Row] = field(default_factory=list)


# ---- order in time

Tie = Callable[[str], object]


def in_order(events: Iterable[Row], tie: Tie) -> list[Row]:
    """Return the events in time, those of one moment by step, those of one step by a function of their content's hash.

    The order of lines and files never matters.
    """
    return sorted(events, key=lambda event: (*moment_of(event), tie(event["content_hash"])))


def moment_of(event: Row) -> tuple[datetime, int]:
    return event["event_at"], event["step"]


# ---- sessions and touches


def sessions_of(shop: Shop, events: list[Row], identity: str, tie: Tie) -> list[list[Row]]:
    """Return the events of each session; crawlers and events without an id have none.

    The source's own session id makes a session; else a gap ends it.
    """
    groups: dict[tuple[str, str | None], list[Row]] = defaultdict(list)
    for event in events:
        if event[identity] and not event["is_bot"]:
            groups[event[identity], event["source_session_id"]].append(event)
    gap = timedelta(minutes=shop.contract.session_gap_minutes)
    sessions: list[list[Row]] = []
    for (_, own_id), group in groups.items():
        last = None
        for event in in_order(group, tie):
            if last is None or (own_id is None and event["event_at"] >= last + gap):
                sessions.append([])
            sessions[-1].append(event)
            last = event["event_at"]
    return sessions


def touches_of(session: list[Row]) -> list[Row]:
    """Return a session's touches: the first event with each evidence, or the one Direct touch.

    Evidence that an earlier event carries is not new, even if stronger evidence outranked it there.
    """
    carried: set[tuple[str, ...]] = set()
    touches = []
    for event in session:
        if event["evidence"] and event["evidence"][0] not in carried:
            touches.append(event)
        carried.update(event["evidence"])
    if not carried:
        visits = [event for event in session if event["event"] != "order" and not event["is_confirmation"]]
        touches = [visits[0] | DIRECT] if visits else []
    return [touch | {"session_id": session[0]["event_id"]} for touch in touches]


def session_row(shop: Shop, session: list[Row], reading: str, identity: str, counted: set[int]) -> Row:
    """Return a row of silver.sessions; a session without a touch has no channel."""
    touches = touches_of(session) or [dict.fromkeys(DIRECT)]
    roles = Counter(event["event"] for event in session)
    orders = sum(event["event_id"] in counted for event in session)
    return (
        {
            "reading": reading,
            "session_id": session[0]["event_id"],
            "source_session_id": session[0]["source_session_id"],
            "client_id": session[0][identity],
            "session_date": local_date(session[0]["event_at"], shop.contract.time_zone),
            "started_at": session[0]["event_at"],
            "ended_at": session[-1]["event_at"],
            "events": len(session),
            "orders": orders,
            "converts": orders > 0,
        }
        | {f"first_{name}": touches[0][name] for name in DIRECT}
        | {f"last_{name}": touches[-1][name] for name in DIRECT}
        | {name: roles[role] for name, role in COUNTS.items()}
    )


# ---- orders


def events_by_client(events: list[Row]) -> dict[tuple[str, str], list[Row]]:
    """Return the events of each client, healed and as tracked."""
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for event in events:
        for identity in ("client_id", "client_id_as_tracked"):
            if event[identity]:
                found[identity, event[identity]].append(event)
    return found


def is_own_confirmation(event: Row, order: Row) -> bool:
    """Return whether a client's event is on the order's own confirmation page: two known checkouts must agree."""
    tokens = {event["checkout_token"], order["checkout_token"]} - {None}
    return bool(event["is_confirmation"]) and len(tokens) < 2


def order_row(order: Row, clients: Mapping[tuple[str, str], list[Row]], is_cut_off: bool) -> Row:
    """Return a counted order, and whether its client was seen before."""

    def seen(identity: str, role: str | None = None, own_confirmation: bool = True) -> bool:
        return any(
            event["event_at"] < order["event_at"]
            and (role is None or event["event"] == role)
            and (own_confirmation or not is_own_confirmation(event, order))
            for event in clients.get((identity, order[identity]), [])
        )

    same = ("transaction_id", "client_id", "client_id_as_tracked", "revenue", "is_collision", "is_possible_duplicate")
    return {name: order[name] for name in same} | {
        "order_id": order["event_id"],
        "ordered_at": order["event_at"],
        "has_earlier_event": seen("client_id"),
        "has_earlier_page_view": seen("client_id", "page_view", own_confirmation=False),
        "has_earlier_event_as_tracked": seen("client_id_as_tracked"),
        "has_earlier_page_view_as_tracked": seen("client_id_as_tracked", "page_view"),
        "window_cut_off": is_cut_off,
    }


# ---- people

Key = tuple[str, str]


def keys_of(event: Row) -> list[Key]:
    return [(kind, event[kind]) for kind in ("checkout_token", "customer") if event[kind]]


def links_of(events: list[Row], most_clients: int, most_customers: int) -> dict[Key, set[str]]:
    """Return the clients of each hash and token.

    A value of many clients links nobody, nor does a device of many customers.
    """
    clients: dict[Key, set[str]] = defaultdict(set)
    customers: dict[str, set[str]] = defaultdict(set)
    for event in events:
        if event["client_id"] and not event["is_bot"]:
            for key in keys_of(event):
                clients[key].add(event["client_id"])
            if event["customer"]:
                customers[event["client_id"]].add(event["customer"])
    shared = {client for client, mine in customers.items() if len(mine) > most_customers}
    return {key: mine - shared for key, mine in clients.items() if len(mine) <= most_clients and mine - shared}


def stitch(links: Mapping[Key, set[str]]) -> tuple[dict[str, str], dict[Key, str]]:
    """Return the smallest id along four rounds of links, for every linked client and every usable key."""
    labels = {client: client for mine in links.values() for client in mine}
    for _ in range(ROUNDS):
        key_labels = {key: min(labels[client] for client in mine) for key, mine in links.items()}
        for key, mine in links.items():
            for client in mine:
                labels[client] = min(labels[client], key_labels[key])
    return labels, {key: min(labels[client] for client in mine) for key, mine in links.items()}


# ---- attribution


def path_of(order: Row, touches: Iterable[Row], window: timedelta) -> list[Row]:
    """Return the touches of the window, both of its ends included."""
    return [touch for touch in touches if order["event_at"] - window <= touch["event_at"] <= order["event_at"]]


def seconds_before(order: Row, touch: Row) -> int:
    ordered_at, touched_at = (row["event_at"].replace(microsecond=0) for row in (order, touch))
    return int((ordered_at - touched_at).total_seconds())


def weights_of(path: list[Row], order: Row) -> dict[str, list[int]]:
    """Return what each model gives each touch, as whole numbers."""
    n = len(path)
    not_direct = [k for k in range(n) if path[k]["channel"] != "Direct"]
    last = not_direct[-1] if not_direct else n - 1
    ages = [seconds_before(order, touch) / HALF_LIFE.total_seconds() for touch in path]
    return {
        "first_click": [int(k == 0) for k in range(n)],
        "last_click": [int(k == n - 1) for k in range(n)],
        "last_non_direct": [int(k == last) for k in range(n)],
        "linear": [1] * n,
        "position_based": [1] * n if n <= 2 else [2 * (n - 2) if k in (0, n - 1) else 1 for k in range(n)],
        "time_decay": [round(1_000_000 * 0.5**age) for age in ages],
    }


def attribute(order: Row, path: list[Row], reading: str) -> Iterator[Row]:
    """Yield the credit of each touch in each model; without a touch, all revenue is Unattributed.

    The running sums of the shares are rounded down, so that the credits sum to the revenue.
    """
    row = {"order_id": order["event_id"], "transaction_id": order["transaction_id"], "reading": reading}
    for model, weights in weights_of(path, order).items():
        cents, given, total = int(order["revenue"] * 100), 0, 0
        for position, (touch, weight) in enumerate(zip(path, weights, strict=True), 1):
            total += weight
            due = cents * total // sum(weights)
            if weight:
                place = {"model": model, "position": position, "credit": Decimal(due - given).scaleb(-2)}
                yield row | place | {name: touch[name] for name in DIRECT}
            given = due
        if not path:
            yield row | NO_TOUCH | {"model": model, "position": None, "credit": order["revenue"]}


def order_touches(order: Row, path: list[Row], reading: str) -> Iterator[Row]:
    """Yield the touches of an order, the first one first."""
    for position, touch in enumerate(path, 1):
        yield (
            {"order_id": order["event_id"], "reading": reading, "position": position, "touches": len(path)}
            | {
                "session_id": touch["session_id"],
                "touched_at": touch["event_at"],
                "seconds_before_order": seconds_before(order, touch),
            }
            | {name: touch[name] for name in DIRECT}
        )


def reason_of(path: list[Row], identity: str | None, is_cut_off: bool) -> str | None:
    """Return why an order has no touch, the first reason that holds; that all are Direct; else None."""
    if path:
        return "direct only" if all(touch["channel"] == "Direct" for touch in path) else None
    if identity is None:
        return "no id"
    return "window cut off" if is_cut_off else "no touch in the window"


def identities_of(order: Row, labels: Mapping[str, str], key_labels: Mapping[Key, str]) -> dict[str, str | None]:
    """Return whose touches are an order's in each reading."""
    client = order["client_id"]
    person = min((key_labels[key] for key in keys_of(order) if key in key_labels), default=None)
    return {
        "as_tracked": order["client_id_as_tracked"],
        "healed": client,
        "stitched": labels.get(client, client) if client else person,
    }


def touches_by_identity(
    tracked: list[list[Row]], healed: list[list[Row]], labels: Mapping[str, str], tie: Tie
) -> dict[tuple[str, str | None], list[Row]]:
    """Return the touches in time of each reading and identity."""
    found: dict[tuple[str, str | None], list[Row]] = defaultdict(list)
    for touch in in_order((touch for session in tracked for touch in touches_of(session)), tie):
        found["as_tracked", touch["client_id_as_tracked"]].append(touch)
    for touch in in_order((touch for session in healed for touch in touches_of(session)), tie):
        client = touch["client_id"]
        found["healed", client].append(touch)
        found["stitched", labels.get(client, client)].append(touch)
    return found


def reference(files: Sequence[Path], contract: Path, seeds: Path) -> Tables:
    """Return every table from the files, the contract and the seeds alone."""
    shop, events, rejected = read(files, contract, seeds)
    return tables_of(shop, events, rejected, start_of(shop, files))


def read(files: Sequence[Path], contract: Path, seeds: Path) -> tuple[Shop, list[Row], list[Row]]:
    """Return the shop, its events and the rejected records."""
    shop = read_contract(contract)
    read_seeds(shop, seeds)
    return shop, *read_events(shop, files)


def start_of(shop: Shop, files: Sequence[Path]) -> datetime:
    """Return when the data begin: with the first file's day in the shop's time zone."""
    return in_utc(datetime.combine(min(days_of(shop, files)), datetime.min.time()), shop.contract.time_zone)


def tables_of(shop: Shop, events: list[Row], rejected: list[Row], start: datetime, tie: Tie = str) -> Tables:
    """Return every table from the events; `tie` of their hashes orders those of one client, moment and step."""
    contract = shop.contract
    window = timedelta(days=contract.window_days)
    most_customers = getattr(contract, "most_customers_of_a_device", 5)
    labels, key_labels = stitch(links_of(events, contract.most_clients_of_a_person, most_customers))
    assert shop.order
    how = {"duplicates": shop.order.duplicates, "possibleDuplicates": shop.order.possible_duplicates}
    judged = classify([event for event in events if event["event"] == "order"], how)
    counted = {row["event_id"] for row in judged if row["status"] == "counted"}
    tracked, healed = (sessions_of(shop, events, identity, tie) for identity in ("client_id_as_tracked", "client_id"))
    touches = touches_by_identity(tracked, healed, labels, tie)
    tables = Tables(
        rejected_events=rejected,
        events=events,
        sessions=[session_row(shop, session, "as_tracked", "client_id_as_tracked", counted) for session in tracked]
        + [session_row(shop, session, "healed", "client_id", counted) for session in healed],
        received_orders=judged,
        people=[{"client_id": client, "person_id": label} for client, label in labels.items()],
    )
    clients = events_by_client(events)
    for received in judged:
        if received["status"] != "counted":
            continue
        order = received | {"revenue": received["counted_revenue"]}
        is_cut_off = order["event_at"] - window < start
        tables.orders.append(order_row(order, clients, is_cut_off))
        for reading, identity in identities_of(order, labels, key_labels).items():
            path = path_of(order, touches.get((reading, identity), []), window)
            tables.order_touches.extend(order_touches(order, path, reading))
            tables.attribution.extend(attribute(order, path, reading))
            if reason := reason_of(path, identity, is_cut_off):
                row = {"order_id": order["event_id"], "reading": reading, "reason": reason}
                tables.no_known_source.append(row | {"revenue": order["revenue"]})
    return tables
