"""The reference itself on small days whose answers were found by hand."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from attribution_reference import Tables, attribute, reference, stitch
from command_kit import HEADER, cells
from commands import SCHEMA
from event_reference import Row, event_time, money, payload_text
from time_forms import READ, REFUSED

SEEDS = SCHEMA.parents[1] / "part2-transformation" / "seeds"
SHOP, CHECKOUT = "https://puffy.com/", "https://checkout.puffy.com/checkouts/cn/"


def view(client: str, at: str, query: str = "", referrer: str = "") -> str:
    return cells(client, SHOP + query, referrer, at, "page_viewed", "", "Mozilla")


def order(
    client: str, at: str, transaction: str | None, revenue: object = 100, customer: str = "h", token: str = "t"
) -> str:
    payload = {"transaction_id": transaction, "revenue": revenue, "user_email": customer}
    return cells(client, CHECKOUT + token, "", at, "checkout_completed", json.dumps(payload), "Mozilla")


def tables(folder: Path, *lines: str, header: str = HEADER, name: str = "events_20250301.csv") -> Tables:
    (folder / name).write_text("\n".join([header, *lines]), encoding="utf-8")
    return reference(sorted(folder.iterdir()), SCHEMA, SEEDS)


def credit(found: Tables, reading: str, model: str) -> list[tuple[str, str]]:
    rows = [row for row in found.attribution if (row["reading"], row["model"]) == (reading, model)]
    return [(row["channel"], str(row["credit"])) for row in rows]


def test_times() -> None:
    assert {event_time(text).date() for text in READ if event_time(text)} == {date(2025, 3, 10)}  # type: ignore[union-attr]
    assert [text for text in READ if not event_time(text)] == [text for text in REFUSED if event_time(text)] == []
    assert event_time("2025-03-01T12:30:00.123+0230") == datetime(2025, 3, 1, 10, 0, 0, 123_000)


def test_payloads() -> None:
    assert payload_text('{"a": 5.0}', "a") == "5.0" and payload_text('{"a": {"b": "x"}}', "a.b") == "x"
    for payload in ("", None, "{", "[1]", "null", '{"a": ""}', '{"a": null}', '{"a": {}}', '{"a": NaN}'):
        assert payload_text(payload, "a") is None
    assert (money("5"), money("5.005"), money("-1")) == (Decimal("5.00"), Decimal("5.01"), Decimal("-1.00"))
    assert [money(text) for text in ("9 USD", "true", None, "1e10", "")] == [None] * 5


def test_rejected_events(tmp_path: Path) -> None:
    """Line 4 is broken by a newline within its payload; line 8 repeats line 3 in another column's name."""
    spread = cells("a", SHOP, "", "2025-03-01T10:00:00Z", "page_viewed", '{\n"x": 1}', "Mozilla")
    found = tables(
        tmp_path, view("a", "2025-03-01T09:00:00Z"), view("b", "2025-03-01T09:00:00Z"), spread,
        "too,short", view("b", "soon"), view("b", "2025-03-01T09:00:00Z"), order("b", "soon", "i1", 7),
        cells("a", SHOP, "", "", "", "", ""),
    )  # fmt: skip
    assert [(row["line"], row["reason"], row["revenue"]) for row in found.rejected_events] == [
        (6, "unreadable record", None), (7, "no readable time", None), (8, "exact repeat", None),
        (9, "no readable time", Decimal("7.00")), (10, "no event name", None),
    ]  # fmt: skip
    assert [event["event_id"] % 1000 for event in found.events] == [2, 3, 4]
    healed = HEADER.replace("client_id", "clientId")
    more = (view("b", "2025-03-01T09:00:00Z"), view("d", "2025-03-01T09:00:00Z"), view("e", "2025-03-01T09:00:00Z"))
    found = tables(tmp_path, *more, header=healed, name="events_20250301 (1).csv")
    assert found.rejected_events[-1]["event_id"] == 20250301_001_00000002
    assert found.rejected_events[-1]["reason"] == "exact repeat"


def test_sessions(tmp_path: Path) -> None:
    """Half an hour is a gap, a millisecond less is none; midnight is none."""
    found = tables(
        tmp_path, view("a", "2025-03-01T23:30:00.001Z"), view("a", "2025-03-02T00:00:00.000Z", "?gclid=x"),
        view("a", "2025-03-02T00:30:00.000Z"), view("", "2025-03-02T00:30:00.000Z"),
        cells("a", SHOP, "", "2025-03-02T00:31:00Z", "page_viewed", "", "Googlebot/2.1"),
    )  # fmt: skip
    healed = [row for row in found.sessions if row["reading"] == "healed"]
    assert [(row["session_id"] % 1000, row["events"], row["first_channel"]) for row in healed] == [
        (2, 2, "Paid Search"),
        (4, 1, "Direct"),
    ]
    assert not found.people  # nothing links a with anybody


def test_the_window_has_both_ends(tmp_path: Path) -> None:
    tables(tmp_path, view("z", "2025-02-01T00:00:00Z"), name="events_20250201.csv")
    found = tables(
        tmp_path, view("a", "2025-03-01T10:00:00.000Z", "?gclid=x"), view("b", "2025-03-01T09:59:59.999Z", "?gclid=x"),
        order("a", "2025-03-08T10:00:00.000Z", "i1"), order("b", "2025-03-08T10:00:00.000Z", "i2", token="t2"),
    )  # fmt: skip
    assert credit(found, "healed", "linear") == [("Paid Search", "100.00"), ("Unattributed", "100.00")]
    reasons = {(row["reading"], row["reason"]) for row in found.unattributed}
    # Both orders carry the same customer, so stitching lends the one's touch to the other.
    assert reasons == {("as_tracked", "no touch in the window"), ("healed", "no touch in the window")}
    assert [order["window_cut_off"] for order in found.orders] == [False, False]


def test_a_path_of_two_sessions(tmp_path: Path) -> None:
    """Paid Search, Email in the first session, Direct in the second; what follows the order is no touch."""
    found = tables(
        tmp_path, view("a", "2025-03-01T10:00:00Z", "?gclid=x"), view("a", "2025-03-01T10:05:00Z", "?utm_source=sms"),
        view("a", "2025-03-01T10:06:00Z", "?_kx=x"), view("a", "2025-03-01T20:00:00Z"),
        order("a", "2025-03-01T20:01:00Z", "i1", "10.00"), view("a", "2025-03-01T20:02:00Z", "?fbclid=x"),
    )  # fmt: skip
    assert credit(found, "healed", "first_click") == [("Paid Search", "10.00")]
    assert credit(found, "healed", "last_click") == [("Direct", "10.00")]
    assert credit(found, "healed", "last_non_direct") == [("Email", "10.00")]
    assert credit(found, "healed", "linear") == [("Paid Search", "3.33"), ("Email", "3.33"), ("Direct", "3.34")]
    assert credit(found, "healed", "position_based") == [("Paid Search", "4.00"), ("Email", "2.00"), ("Direct", "4.00")]
    # 36,060, 35,700 and 60 s before: weights 959,508, 959,904 and 999,931.
    assert credit(found, "healed", "time_decay") == [("Paid Search", "3.28"), ("Email", "3.29"), ("Direct", "3.43")]
    assert not found.unattributed


def test_a_session_that_begins_with_the_order_is_no_evidence(tmp_path: Path) -> None:
    found = tables(tmp_path, order("a", "2025-03-01T10:00:00Z", "i1"), view("a", "2025-03-01T10:00:01Z", "?gclid=x"))
    assert credit(found, "healed", "linear") == [("Unattributed", "100.00")]
    assert {row["reason"] for row in found.unattributed} == {"window cut off"}


def test_position_based_is_forty_twenty_forty() -> None:
    at = datetime(2025, 3, 1)
    for n, shares in ((1, ["1.00"]), (2, ["0.50", "0.50"]), (4, ["0.40", "0.10", "0.10", "0.40"])):
        path: list[Row] = [{"event_at": at, "channel": "Email", "source": "x", "medium": "y"}] * n
        row = {"event_id": 1, "transaction_id": "i", "revenue": Decimal("1.00"), "event_at": at + timedelta(days=1)}
        given = [r["credit"] for r in attribute(row, path, "healed") if r["model"] == "position_based"]
        assert [str(amount) for amount in given] == shares


def seen(client: str, customer: str | None = None, token: str | None = None, is_bot: bool = False) -> Row:
    return {"client_id": client, "customer": customer, "checkout_token": token, "is_bot": is_bot}


def test_people() -> None:
    """Two hops in either direction; a hash of six clients and a crawler's hash link nobody."""
    events = [
        seen("c", "h1"), seen("b", "h1", "t1"), seen("a", None, "t1"), seen("d", "h2", None, True), seen("a", "h2"),
    ]  # fmt: skip
    events += (
        [seen("a", "h2")]
        + [seen(client, "staff") for client in "efghij"]
        + [seen("", "h9"), seen("k", "h3"), seen("l", "h3")]
    )
    labels, keys = stitch(events)
    assert labels == dict.fromkeys("abc", "a") | {client: client for client in "efghijk"} | {"l": "k"}
    assert keys == {("customer", "h1"): "a", ("checkout_token", "t1"): "a", ("customer", "h2"): "a",
                    ("customer", "h3"): "k"}  # fmt: skip


def test_a_chain_of_people_is_followed_for_four_rounds() -> None:
    events = [seen(client, token=link) for k, client in enumerate("abcdefgh") for link in (f"t{k}", f"t{k + 1}")]
    labels, _ = stitch(events)
    assert "".join(labels[client] for client in "abcdefgh") == "aaaaabcd"
