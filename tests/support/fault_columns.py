"""Faults of the contract: columns renamed, dropped or moved; values absent or misshapen; event names."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from random import Random

from fault_kit import CART, ORDER, ORDERS, VIEW, Day, Row, day_fault, register, some, stamp

# --- columns ----------------------------------------------------------------------------------------------


def _rename(role: str, name: Callable[[str], str]) -> Callable[[Day, float, Random], None]:
    def mutate(day: Day, severity: float, rng: Random) -> None:
        place = day.index(role)
        if place is not None:
            day.header.cells[place] = name(day.header.cells[place])

    return mutate


def _drop(role: str) -> Callable[[Day, float, Random], None]:
    def mutate(day: Day, severity: float, rng: Random) -> None:
        place = day.index(role)
        if place is not None:
            for row in [day.header, *day.rows]:
                del row.cells[place : place + 1]

    return mutate


for _name, _role, _new in (
    ("column_renamed_client", "client", lambda old: "visitor_id"),
    ("column_renamed_time", "time", lambda old: "event_time"),
    ("column_recased_page", "page", lambda old: "Page_URL"),
    # A file that already has the synonym gets the first name again.
    ("column_synonym_client", "client", lambda old: "client_id" if old == "clientId" else "clientId"),
):
    _expects = "column_renamed orders_lost_to_rename" if "synonym" in _name else "column_missing"
    register(_name, "columns", 1.0, _rename(_role, _new), _role, expects=_expects)
for _role in ("referrer", "client", "payload"):
    register(f"column_dropped_{_role}", "columns", 1.0, _drop(_role), _role, expects="column_missing")


@day_fault("columns", 1.0, "payload", expects="column_missing")
def payload_flattened(day: Day, severity: float, rng: Random) -> None:
    """The payload is split into a column for each key."""
    place = day.index("payload")
    if place is None:
        return
    name = day.header.cells[place]
    payloads = [json.loads(day.get(row, "payload") or "{}") for row in day.rows]
    keys = list(dict.fromkeys(key for payload in payloads for key in payload))
    day.header.cells[place : place + 1] = [f"{name}.{key}" for key in keys]
    for row, payload in zip(day.rows, payloads, strict=True):
        row.cells[place : place + 1] = [str(payload.get(key, "")) for key in keys]


def _copied(new: str) -> Callable[[Day, float, Random], None]:
    """Keep the client's column, empty, and give its values to a new one."""

    def mutate(day: Day, severity: float, rng: Random) -> None:
        if day.index("client") is not None:
            for row in day.rows:
                row.cells.append(day.get(row, "client"))
                day.set(row, "client", "")
            day.header.cells.append(new)

    return mutate


register("column_moved_client", "columns", 1.0, _copied("visitor_id"), "client", expects="column_missing")
_expects = "column_renamed orders_lost_to_rename"
register("column_moved_to_synonym", "columns", 1.0, _copied("clientId"), "client", expects=_expects)


@day_fault("columns", 1.0, expects="column_unexpected")
def column_added(day: Day, severity: float, rng: Random) -> None:
    """A column that nobody announced."""
    for row in day.rows:
        row.cells.append(f"{rng.getrandbits(32):08x}")
    day.header.cells.append("session_ref")


@day_fault("columns", 1.0, expects="column_order")
def columns_reordered(day: Day, severity: float, rng: Random) -> None:
    """The columns stand in another order."""
    order = list(range(len(day.header.cells)))
    while order == sorted(order):
        rng.shuffle(order)
    for row in [day.header, *day.rows]:
        if len(row.cells) == len(order):
            row.cells = [row.cells[i] for i in order]


# --- values -----------------------------------------------------------------------------------------------


def fill(role: str, value: Callable[[str], str], only: tuple[str, ...] = ()) -> Callable[[Day, float, Random], None]:
    """Give a share of the filled cells of a column another value."""

    def mutate(day: Day, severity: float, rng: Random) -> None:
        rows = [row for row in day.having(role) if not only or day.get(row, "event") in only]
        for row in some(rows, severity, rng):
            day.set(row, role, value(day.get(row, role)))

    return mutate


def _empty(value: str) -> str:
    return ""


def _american(time: str) -> str:
    return re.sub(r"^(\d{4})-(\d\d)-(\d\d)T(\d\d:\d\d).*", r"\2/\3/\1 \4", time)


for _role, _serious, _expects in (
    ("client", 0.3, "null_share"),
    ("page", 0.1, "null_share confirmations_without_order"),
    ("time", 0.05, "null_share"),
    ("event", 0.05, "null_share"),
    ("user_agent", 0.3, "null_share"),
    ("referrer", 0.8, "null_shift"),
):
    register(f"null_{_role}", "contract", _serious, fill(_role, _empty), _role, expects=_expects)
for _role, _serious in (
    ("client", 1.0),
    ("page", 0.97),
    ("time", 1.0),
    ("event", 1.0),
    ("payload", 1.0),
    ("referrer", 1.0),
):
    register(f"emptied_{_role}", "columns", _serious, fill(_role, _empty), _role, expects="column_missing")
for _name, _serious, _mutate, _role, _expects in (
    ("null_payload_of_orders", 0.3, fill("payload", _empty, ORDERS), "payload", "payload_missing"),
    ("undefined_client", 0.3, fill("client", lambda old: "undefined"), "client", "value_placeholder value_pattern"),
    ("time_unparseable", 0.05, fill("time", lambda old: "soon"), "time", "timestamp_unparseable"),
    ("time_american", 0.3, fill("time", _american), "time", "timestamp_unparseable"),
):
    register(_name, "contract", _serious, _mutate, _role, expects=_expects)


def _new_id(rng: Random) -> str:
    return f"{rng.randint(1_700_000_000, 1_799_999_999)}-{rng.getrandbits(48):012x}"


def _new_ids(day: Day, severity: float, rng: Random) -> None:
    """Events get an id of their own."""
    for row in some(day.having("client"), severity, rng):
        day.set(row, "client", _new_id(rng))


def _one_id(day: Day, severity: float, rng: Random) -> None:
    """Events get the same well-formed id."""
    same = _new_id(rng)
    for row in some(day.having("client"), severity, rng):
        day.set(row, "client", same)


for _name, _serious, _mutate, _expects in (
    ("id_nil", 0.08, fill("client", lambda old: "00000000-0000-0000-0000-000000000000"), "value_placeholder"),
    ("id_shared", 0.25, _one_id, "client_id_shared"),
    ("ids_new", 1.0, _new_ids, "client_id_unique"),
    ("ids_new_for_half", 0.5, _new_ids, "client_id_unstable"),
):
    register(_name, "contract", _serious, _mutate, "client", expects=_expects)


def _move(hours: int, suffix: str = "Z") -> Callable[[Day, float, Random], None]:
    def mutate(day: Day, severity: float, rng: Random) -> None:
        for row in some(day.having("time"), severity, rng):
            moved = stamp(day.time(row) + timedelta(hours=hours))
            day.set(row, "time", moved.removesuffix("Z") + suffix)

    return mutate


for _name, _serious, _mutate, _expects in (
    ("time_local_with_offset", 1.0, _move(-8, "-08:00"), "timestamp_offset timestamp_outside_day"),
    ("time_local_as_utc", 1.0, _move(-8), "timestamp_outside_day"),
    ("time_a_day_back", 0.1, _move(-24), "timestamp_outside_day"),
):
    register(_name, "contract", _serious, _mutate, "time", expects=_expects)


def _on_12_hours(time: str) -> str:
    return f"{time[:11]}{int(time[11:13]) % 12 or 12:02}{time[13:]}"


for _name, _mutate, _expects in (
    ("time_cut_to_the_minute", fill("time", lambda old: f"{old[:17]}00.000Z"), "timestamp_precision"),
    ("time_on_12_hours", fill("time", _on_12_hours), "timestamp_half_day"),
):
    register(_name, "contract", 1.0, _mutate, "time", expects=_expects)

# --- event names ------------------------------------------------------------------------------------------

_renamed = fill("event", lambda old: "purchase_done", ORDERS)
_synonym = fill("event", lambda old: "purchase", (ORDER,))
_expects = "value_invalid orders_gone confirmations_without_order"
register("event_renamed", "contract", 1.0, _renamed, "event", expects=_expects)
register("event_synonym", "contract", 1.0, _synonym, "event", benign=True, expects="event_synonym")


@day_fault("contract", 0.05, "event", expects="value_invalid")
def event_new(day: Day, severity: float, rng: Random) -> None:
    """Beside a share of the page views stands an event that nobody announced."""
    added: list[Row] = []
    for row in some(day.events(VIEW), severity, rng):
        added.append(day.copy(row, timedelta(seconds=2)))
        day.set(added[-1], "event", "wishlist_opened")
    day.insert(added)


@day_fault("contract", 1.0, "event", expects="event_volume orders_without_earlier_cart")
def event_gone(day: Day, severity: float, rng: Random) -> None:
    """Additions to the cart are no longer tracked."""
    day.remove(some(day.events(CART), severity, rng))
