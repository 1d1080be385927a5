"""Faults of orders: payloads that are malformed, incomplete or wrong, and orders and events that repeat."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

from fault_kit import ORDERS, VIEW, Day, Row, day_fault, register, some

Payload = dict[str, Any]


def _payload(day: Day, row: Row) -> Payload:
    try:
        found = json.loads(day.get(row, "payload"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _put(day: Day, row: Row, payload: Payload) -> None:
    day.set(row, "payload", json.dumps(payload, separators=(",", ":"), ensure_ascii=False))


def _orders(day: Day) -> list[Row]:
    """Orders whose payload can be read."""
    return [row for row in day.events(*ORDERS) if _payload(day, row).get("transaction_id")]


# --- payload ----------------------------------------------------------------------------------------------


def _edit(change: Callable[[Payload], None]) -> Callable[[Day, float, Random], None]:
    """Change a share of those payloads that the change does something to."""

    def mutate(day: Day, severity: float, rng: Random) -> None:
        changed = {row: _payload(day, row) for row in _orders(day)}
        for payload in changed.values():
            change(payload)
        for row in some([row for row in changed if changed[row] != _payload(day, row)], severity, rng):
            _put(day, row, changed[row])

    return mutate


def _text(change: Callable[[str], str]) -> Callable[[Day, float, Random], None]:
    def mutate(day: Day, severity: float, rng: Random) -> None:
        for row in some(_orders(day), severity, rng):
            day.set(row, "payload", change(day.get(row, "payload")))

    return mutate


def _rename_revenue(payload: Payload) -> None:
    for key in list(payload):  # in place, so that the keys keep their order
        payload["value" if key == "revenue" else key] = payload.pop(key)


def _null_price(payload: Payload) -> None:
    for item in payload.get("items") or []:
        item["item_price"] = None


def _set_revenue(change: Callable[[Any], Any]) -> Callable[[Payload], None]:
    def edit(payload: Payload) -> None:
        payload["revenue"] = change(payload.get("revenue") or 0)

    return edit


def _cents(dollars: Any) -> int:
    return int(Decimal(str(dollars)) * 100)


def _hundredth(dollars: Any) -> float:
    return round(float(dollars) / 100, 2)


def _no_number(text: str) -> str:
    """Return a payload as a serialiser that knows NaN writes prices that were not computed."""
    return re.sub(r'("item_price": ?)[0-9.]+', r"\1NaN", text)


def _no_lines(payload: Payload) -> None:
    payload["items"] = []


def _lines_off(payload: Payload) -> None:
    """The first line is dearer by a third of the revenue and a dollar."""
    items = payload.get("items") or [{}]
    items[0]["item_price"] = (items[0].get("item_price") or 0) + float(payload.get("revenue") or 0) // 3 + 1


for _name, _serious, _mutate, _expects in (
    ("payload_malformed", 0.2, _text(lambda text: text.replace('"', "'")), "payload_malformed"),
    ("payload_truncated", 0.2, _text(lambda text: text[: len(text) // 2]), "payload_malformed"),
    ("payload_encoded_twice", 0.3, _text(json.dumps), "payload_encoded_twice"),
    ("payload_in_a_list", 0.3, _text(lambda text: f"[{text}]"), "payload_not_object"),
    ("price_not_a_number", 0.3, _text(_no_number), "payload_not_a_number"),
    ("lines_empty", 0.3, _edit(_no_lines), "order_lines_empty"),
    ("key_missing_email", 0.3, _edit(lambda payload: payload.pop("user_email", None)), "payload_key_missing"),
    ("key_renamed_revenue", 1.0, _edit(_rename_revenue), "order_amount_missing payload_key_unexpected revenue_volume"),
    ("key_null_price", 0.5, _edit(_null_price), "payload_key_missing"),
    ("revenue_negative", 0.1, _edit(_set_revenue(lambda old: -old)), "payload_key_range order_lines_mismatch"),
    ("revenue_text", 0.5, _edit(_set_revenue(lambda old: f"{old:,.2f} USD")), "payload_key_type order_amount_missing"),
    ("revenue_in_cents", 1.0, _edit(_set_revenue(_cents)), "order_amount_shift order_lines_mismatch revenue_volume"),
    (
        "revenue_a_hundredth",
        0.3,
        _edit(_set_revenue(lambda old: round(old / 100, 2))),
        "order_amount_low order_lines_mismatch",
    ),
    ("revenue_zero", 0.3, _edit(_set_revenue(lambda old: 0)), "order_amount_zero order_lines_mismatch"),
    ("lines_do_not_add_up", 0.2, _edit(_lines_off), "order_lines_mismatch"),
):
    register(_name, "payload", _serious, _mutate, "payload", expects=_expects)


# --- uniqueness -------------------------------------------------------------------------------------------


@day_fault("uniqueness", 0.1, "payload", expects="transaction_id_resubmission")
def order_resubmitted(day: Day, severity: float, rng: Random) -> None:
    """The same order again some minutes later: same checkout, customer and transaction id."""
    chosen = some(_orders(day), severity, rng)
    day.insert([day.copy(row, timedelta(minutes=rng.randint(2, 9))) for row in chosen])


@day_fault("uniqueness", 0.1, "payload", expects="transaction_id_amendment")
def order_amended(day: Day, severity: float, rng: Random) -> None:
    """The same order again some minutes later, with one more line."""
    rows = []
    for row in some(_orders(day), severity, rng):
        rows.append(day.copy(row, timedelta(minutes=rng.randint(2, 9))))
        payload = _payload(day, row)
        items = payload.get("items") or [{}]
        more = {"revenue": round(float(payload.get("revenue") or 0) + 20, 2)}
        _put(day, rows[-1], payload | more | {"items": [*items, items[0] | {"quantity": 1, "item_price": 20}]})
    day.insert(rows)


@day_fault("uniqueness", 0.1, "payload", expects="possible_duplicate")
def order_under_two_ids(day: Day, severity: float, rng: Random) -> None:
    """The same order again some seconds later, under an id of its own."""
    rows = []
    for row in some(_orders(day), severity, rng):
        rows.append(day.copy(row, timedelta(seconds=rng.randint(2, 9))))
        payload = _payload(day, row)
        _put(day, rows[-1], payload | {"transaction_id": f"{payload['transaction_id']}{rng.randint(1000, 9999)}"})
    day.insert(rows)


@day_fault("uniqueness", 0.1, "payload", expects="transaction_id_collision")
def order_collided(day: Day, severity: float, rng: Random) -> None:
    """An order carries the transaction id of another customer's order."""
    orders = _orders(day)
    chosen = some(orders[1:], severity, rng)
    for row in chosen:
        mine = _payload(day, row)
        others = [
            _payload(day, other)
            for other in orders
            if other not in chosen and day.get(other, "client") != day.get(row, "client")
        ]
        others = [other for other in others if other.get("user_email") != mine.get("user_email")]
        if others:
            _put(day, row, mine | {"transaction_id": rng.choice(others)["transaction_id"]})


@day_fault("uniqueness", 0.1, expects="rows_repeated transaction_id_resubmission")
def rows_doubled(day: Day, severity: float, rng: Random) -> None:
    """Exact repeats, each right after its original."""
    chosen = set(map(id, some(day.rows, severity, rng)))
    day.rows = [each for row in day.rows for each in ([row, day.copy(row)] if id(row) in chosen else [row])]


@day_fault("uniqueness", 0.1, expects="event_fired_twice")
def events_fired_twice(day: Day, severity: float, rng: Random) -> None:
    """The same page view of the same client again within the second."""
    views = [row for row in day.events(VIEW) if day.get(row, "client")]
    day.insert([day.copy(row, timedelta(milliseconds=rng.randint(20, 800))) for row in some(views, severity, rng)])


@day_fault("uniqueness", 0.3, "payload", expects="customer_shared")
def email_shared(day: Day, severity: float, rng: Random) -> None:
    """One e-mail hash stands for many clients, as when a form is filled by the staff."""
    rows = [row for row in day.having("payload") if _payload(day, row).get("user_email")]
    chosen = some(rows, max(severity, 4 / (len(rows) or 1)), rng)  # two clients may well share one
    for row in chosen[1:]:
        _put(day, row, _payload(day, row) | {"user_email": _payload(day, chosen[0])["user_email"]})
