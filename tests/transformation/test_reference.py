"""The reference itself on small days whose answers were found by hand."""

import json
import re
import tempfile
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import journeys
import pytest
import yaml
from attribution_reference import Tables, attribute, links_of, reference, stitch
from command_kit import HEADER, cells
from commands import REAL, SCHEMA
from event_reference import event_time, money, payload_text
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from journeys import Days, contract, days
from source_reference import CLICK_IDS, Row, decoded, host_of, seed_rows
from time_forms import READ, REFUSED

from event_data.contract.model import EVENT_ROLES
from event_data.events import NO_EVIDENCE

SEEDS = SCHEMA.parents[1] / "part2-transformation" / "seeds"
CASES = REAL.parent / "cases" / "attribution"
SHOP, CHECKOUT = "https://puffy.com/", "https://checkout.puffy.com/checkouts/cn/"
needs_cases = pytest.mark.skipif(not CASES.exists(), reason=f"NOT TESTED ON THE SHARED CASES: {CASES} does not exist")


def view(client: str, at: str, query: str = "", referrer: str = "", page: str = SHOP) -> str:
    return cells(client, page + query, referrer, at, "page_viewed", "", "Mozilla")


def thanks(client: str, at: str, token: str = "t", query: str = "", referrer: str = "") -> str:
    """Return a view of an order's confirmation page."""
    return view(client, at, query, referrer, f"{CHECKOUT}{token}/thank-you")


def order(
    client: str, at: str, transaction: str | None, revenue: object = 100, customer: str = "h", token: str = "t"
) -> str:
    payload = {"transaction_id": transaction, "revenue": revenue, "user_email": customer}
    return cells(client, CHECKOUT + token, "", at, "checkout_completed", json.dumps(payload), "Mozilla")


def signup(client: str, at: str, customer: str) -> str:
    return cells(client, SHOP, "", at, "email_filled_on_popup", json.dumps({"user_email": customer}), "Mozilla")


def write(folder: Path, *lines: str, header: str = HEADER, name: str = "events_20250301.csv") -> None:
    (folder / "days").mkdir(exist_ok=True)
    (folder / "days" / name).write_text("\n".join([header, *lines]), encoding="utf-8")


def tables(
    folder: Path, *lines: str, header: str = HEADER, name: str = "events_20250301.csv", chosen: Path = SCHEMA
) -> Tables:
    write(folder, *lines, header=header, name=name)
    return reference(sorted((folder / "days").iterdir()), chosen, SEEDS)


def credit(found: Tables, reading: str, model: str) -> list[tuple[str, str]]:
    rows = [row for row in found.attribution if (row["reading"], row["model"]) == (reading, model)]
    return [(row["channel"], str(row["credit"])) for row in rows]


def channels(found: Tables, reading: str = "healed") -> list[list[str]]:
    """Return the channels of each order's touches, by the orders in time."""
    paths: dict[int, list[str]] = {row["order_id"]: [] for row in sorted(found.orders, key=lambda r: r["ordered_at"])}
    for row in found.order_touches:
        if row["reading"] == reading:
            paths[row["order_id"]].append(row["channel"])
    return list(paths.values())


def reasons(found: Tables, reading: str = "healed") -> list[str]:
    return [row["reason"] for row in found.no_known_source if row["reading"] == reading]


def sessions(found: Tables, reading: str = "healed") -> list[Row]:
    return sorted((row for row in found.sessions if row["reading"] == reading), key=lambda row: row["started_at"])


def changed(folder: Path, **blocks: Any) -> Path:
    """Return a contract of the shop that hides nothing, with other blocks of custom properties."""
    path = contract(SCHEMA, folder / "contract.yaml", hidden=False)
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    custom = {one["property"]: one for one in document["customProperties"]}
    for name, values in blocks.items():
        if isinstance(custom[name]["value"], dict):
            values = custom[name]["value"] | values
        custom[name]["value"] = values
    for column in set(custom["columnRoles"]["value"].values()) - set(HEADER.split(",")):
        document["schema"][0]["properties"].append({"name": column, "logicalType": "string"})
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


# ---- single values


def test_times() -> None:
    assert {event_time(text).date() for text in READ if event_time(text)} == {date(2025, 3, 10)}  # type: ignore[union-attr]
    assert [text for text in READ if not event_time(text)] == [text for text in REFUSED if event_time(text)] == []
    assert event_time("2025-03-01T12:30:00.123+0230") == datetime(2025, 3, 1, 10, 0, 0, 123_000)
    assert event_time("2025-03-01T12:30:00", "Europe/Berlin") == datetime(2025, 3, 1, 11, 30)
    assert event_time("2025-10-26T02:30:00", "Europe/Berlin") == datetime(2025, 10, 26, 1, 30)  # the second one


def test_payloads() -> None:
    assert payload_text('{"a": 5.0}', "a") == "5.0" and payload_text('{"a": {"b": "x"}}', "a.b") == "x"
    for payload in ("", None, "{", "[1]", "null", '{"a": ""}', '{"a": null}', '{"a": {}}', '{"a": NaN}'):
        assert payload_text(payload, "a") is None
    assert (money("5"), money("5.005"), money("-1")) == (Decimal("5.00"), Decimal("5.01"), Decimal("-1.00"))
    assert [money(text) for text in ("9 USD", "true", None, "1e10", "")] == [None] * 5


def test_decoding() -> None:
    """A plus sign is a blank as it stands; one that was encoded is a plus sign. A third encoding is left."""
    values = (
        "paid%20social",
        "paid+social",
        "paid%2520social",
        "a%2Bb",
        "a%252Bb",
        "a%25252Bb",
        "100%",
        "%C3%A9",
        "+x+",
    )
    expected = ("paid social", "paid social", "paid social", "a+b", "a+b", "a%2Bb", "100%", "é", "x")
    assert tuple(map(decoded, values)) == expected


def test_hosts() -> None:
    for url in ("https://Bing.com:443/x", "https://bing.com./", "https://me:pw@bing.com?a@b", "http://bing.com.:80#x"):
        assert host_of(url) == "bing.com"
    assert [host_of(url) for url in ("bing.com", "about:blank", "https:///x", "")] == [None] * 4


def test_the_seeds_hold_what_the_design_says() -> None:
    seed = {row["parameter"].lower(): (row["source"], row["medium"]) for row in seed_rows(SEEDS, "click_ids.csv")}
    assert seed == {parameter.lower(): meant for parameter, meant in CLICK_IDS.items()}
    assert {"(direct)", "direct", "(none)", "(not set)", ""} <= set(NO_EVIDENCE)


# ---- events


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


def test_a_placeholder_is_not_an_id(tmp_path: Path) -> None:
    """Neither in the column nor in its synonym; a real id in the synonym heals the placeholder."""
    nil = "00000000-0000-0000-0000-000000000000"
    words = ["undefined", "NULL", "(not set)", "[object Object]", "\\N", nil, "", "a"]
    lines = [view(word, f"2025-03-01T10:00:0{n}Z") + f",{other}" for n, (word, other) in enumerate(
        zip(words, ["", "null", "b", nil, "NaN", "b", "b", "b"], strict=True)
    )]  # fmt: skip
    found = tables(tmp_path, *lines, header=HEADER + ",clientId")
    assert [event["client_id"] for event in found.events] == [None, None, "b", None, None, "b", "b", "a"]
    assert [event["client_id_as_tracked"] for event in found.events] == [None] * 7 + ["a"]


SINGLE = [  # query and referrer of an event; its source, medium, campaign and channel
    ("utm_source=Google%20Ads&utm_medium=CPC&utm_campaign=x%252By", "", "google", "CPC", "x+y", "Paid Search"),
    ("utm_source=Meta&utm_medium=paid%2520social", "", "facebook", "paid social", None, "Paid Social"),
    ("utm_source=(direct)&utm_medium=(none)&gclid=x", "", "google", "cpc", None, "Paid Search"),
    ("utm_source=%28direct%29&utm_medium=email", "", "(not set)", "email", None, "Email"),
    ("utm_source=direct", "https://www.bing.com/", "bing", "organic", None, "Organic Search"),
    ("utm_source=Direct&utm_medium=(not+set)&utm_campaign=x", "", None, None, None, None),
    ("utm_campaign=x", "", None, None, None, None),
    ("utm_campaign=x&gclid=y", "", "google", "cpc", "x", "Paid Search"),
    ("utm_campaign=cross-network&gad_source=1", "", "google", "cpc", "cross-network", "Cross-network"),
    ("dclid=x", "", "google", "cpm", None, "Paid Search"),
    ("twclid=x", "", "twitter", "paid", None, "Paid Social"),
    ("li_fat_id=x", "", "linkedin", "paid", None, "Paid Social"),
    ("rdt_cid=x", "", "reddit", "paid", None, "Paid Social"),
    ("epik=x", "", "pinterest", "paid", None, "Paid Social"),
    ("ScCid=x", "", "snapchat", "paid", None, "Paid Social"),
    ("yclid=x", "", "yandex", "cpc", None, "Paid Search"),
    ("srsltid=x", "https://www.google.com/", "google", "organic", None, "Organic Search"),
    ("fbclid=x", "https://l.facebook.com/", "facebook", "social", None, "Organic Social"),
    ("", "https://www.google.co.uk:443/", "google", "organic", None, "Organic Search"),
    ("", "https://www.google.com.mt./", "google", "organic", None, "Organic Search"),
    ("", "https://user@google.ac/", "google", "organic", None, "Organic Search"),
    ("", "https://r.search.yahoo.com/", "yahoo", "organic", None, "Organic Search"),
    ("", "https://search.yahoo.com/", "yahoo", "organic", None, "Organic Search"),
    ("", "https://m.t.co/x", "twitter", "referral", None, "Organic Social"),
    ("", "https://rakuten.com/", "rakuten.com", "referral", None, "Referral"),
    ("", "https://www.cnn.com/", "cnn.com", "referral", None, "Referral"),
    ("", "https://google.evil.example/", "google.evil.example", "referral", None, "Referral"),
    ("", "https://mail.google.com/", "mail.google.com", "referral", None, "Referral"),
    ("", "https://puffy.com:8080/", None, None, None, None),
    ("", "https://checkout.puffy.com./", None, None, None, None),
    ("", "https://hooks.stripe.com/", None, None, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("query", "referrer", "source", "medium", "campaign", "channel"), SINGLE)
def test_sources(
    query: str, referrer: str, source: str | None, medium: str | None, campaign: str | None, channel: str | None,
    tmp_path: Path,
) -> None:  # fmt: skip
    line = view("a", "2025-03-01T10:00:00Z", "?" + query, referrer)
    event = tables(tmp_path, line, chosen=changed(tmp_path)).events[0]
    assert [event[name] for name in ("source", "medium", "campaign", "channel")] == [source, medium, campaign, channel]


def test_source_columns_count_on_every_row(tmp_path: Path) -> None:
    """UTM parameters of the address come first; those columns that only repeat them are no second touch."""
    chosen = changed(tmp_path, columnRoles={"source": "src", "medium": "med"})
    found = tables(
        tmp_path, view("a", "2025-03-01T10:00:00Z", "?utm_source=bing&utm_medium=cpc") + ",google,cpc",
        view("a", "2025-03-01T10:01:00Z") + ",google,cpc", thanks("a", "2025-03-01T10:02:00Z") + ",k,email",
        order("a", "2025-03-01T10:03:00Z", "i1") + ",(direct),(none)", header=HEADER + ",src,med", chosen=chosen,
    )  # fmt: skip
    assert [event["source"] for event in found.events] == ["bing", "google", "k", None]
    assert channels(found) == [["Paid Search", "Email"]]


def test_a_channel_column(tmp_path: Path) -> None:
    """Its values are evidence; the address is none beside it."""
    chosen = changed(tmp_path, columnRoles={"channel": "how"})
    lines = [
        view("a", f"2025-03-01T10:00:0{n}Z", "?gclid=x") + "," + value
        for n, value in enumerate(["(none)", "organic search", "Organic Search", "newsletter"])
    ]
    found = tables(
        tmp_path, *lines, order("a", "2025-03-01T10:03:00Z", "i1") + ",", header=HEADER + ",how", chosen=chosen
    )
    assert [event["channel"] for event in found.events] == [
        None,
        "Organic Search",
        "Organic Search",
        "Unassigned",
        None,
    ]
    assert channels(found) == [["Organic Search", "Unassigned"]]


# ---- sessions


def test_sessions(tmp_path: Path) -> None:
    """Half an hour is a gap, a millisecond less is none; midnight is none."""
    found = tables(
        tmp_path, view("a", "2025-03-01T23:30:00.001Z"), view("a", "2025-03-02T00:00:00.000Z", "?gclid=x"),
        view("a", "2025-03-02T00:30:00.000Z"), view("", "2025-03-02T00:30:00.000Z"),
        cells("a", SHOP, "", "2025-03-02T00:31:00Z", "page_viewed", "", "Googlebot/2.1"),
    )  # fmt: skip
    assert [(row["session_id"] % 1000, row["events"], row["first_channel"]) for row in sessions(found)] == [
        (2, 2, "Paid Search"),
        (4, 1, "Direct"),
    ]
    assert [row["session_date"].day for row in sessions(found)] == [1, 2]
    assert not found.people  # nothing links a with anybody


def test_the_sources_own_sessions(tmp_path: Path) -> None:
    """A session of one id spans days; events without an id, or with a placeholder, follow the gap."""
    chosen = changed(tmp_path, columnRoles={"session": "sid"})
    found = tables(
        tmp_path, view("a", "2025-03-01T10:00:00Z", "?gclid=x") + ",s1", view("a", "2025-03-01T10:01:00Z") + ",s2",
        view("a", "2025-03-01T10:02:00Z") + ",", view("a", "2025-03-01T10:40:00Z") + ",null",
        view("b", "2025-03-01T10:00:00Z") + ",s1", view("a", "2025-03-05T10:00:00Z") + ",s1",
        header=HEADER + ",sid", chosen=chosen,
    )  # fmt: skip
    assert [(row["session_id"] % 1000, row["source_session_id"], row["events"]) for row in sessions(found)] == [
        (2, "s1", 2), (6, "s1", 1), (3, "s2", 1), (4, None, 1), (5, None, 1),
    ]  # fmt: skip


def test_a_conversion_is_a_session_with_a_counted_order(tmp_path: Path) -> None:
    """A resubmission, an order without an id and one with a negative amount convert no session."""
    found = tables(
        tmp_path, view("a", "2025-03-01T10:00:00Z"), order("a", "2025-03-01T10:05:00Z", "i1"),
        order("a", "2025-03-01T12:00:00Z", "i1"), order("a", "2025-03-01T13:00:00Z", None),
        order("a", "2025-03-01T14:00:00Z", "i2", -5), order("a", "2025-03-01T14:01:00Z", "i3"),
    )  # fmt: skip
    assert [row["orders"] for row in sessions(found)] == [1, 0, 0, 1]
    assert [row["converts"] for row in sessions(found)] == [True, False, False, True]
    assert [row["first_channel"] for row in sessions(found)] == ["Direct", None, None, None]


# ---- touches


def test_a_repeated_referrer_is_not_a_touch(tmp_path: Path) -> None:
    """Neither after UTM parameters nor after a click id, which carry it; in a new session it is one."""
    partner, google = "https://partner.example/", "https://www.google.com/"
    found = tables(
        tmp_path, view("a", "2025-03-01T10:00:00Z", "?utm_source=k&utm_medium=affiliates", partner),
        view("a", "2025-03-01T10:01:00Z", "", partner), order("a", "2025-03-01T10:02:00Z", "i1"),
        view("b", "2025-03-01T10:00:00Z", "?gclid=x", google), view("b", "2025-03-01T10:01:00Z", "", google),
        view("b", "2025-03-01T11:00:00Z", "", google), order("b", "2025-03-01T11:02:00Z", "i2", token="t2"),
    )  # fmt: skip
    assert channels(found) == [["Affiliates"], ["Paid Search", "Organic Search"]]
    assert [row["last_channel"] for row in sessions(found)] == ["Affiliates", "Paid Search", "Organic Search"]


def test_evidence_is_new_until_an_event_carries_it(tmp_path: Path) -> None:
    """The session carries A, then B without A's rank, then C; each of them once, in any case of letters."""
    found = tables(
        tmp_path, view("a", "2025-03-01T10:00:00Z", "", "https://www.google.com/"),
        view("a", "2025-03-01T10:01:00Z", "?utm_source=K&utm_medium=email&gclid=x", "https://www.google.com/"),
        view("a", "2025-03-01T10:02:00Z", "?utm_source=k&utm_medium=EMAIL"),
        view("a", "2025-03-01T10:03:00Z", "?gclid=y"),
        view("a", "2025-03-01T10:04:00Z", "?utm_source=k&utm_medium=email&utm_campaign=new"),
        view("a", "2025-03-01T10:05:00Z", "?msclkid=x&gclid=x"), view("a", "2025-03-01T10:06:00Z", "?msclkid=x"),
        order("a", "2025-03-01T10:07:00Z", "i1"),
    )  # fmt: skip
    touches = [row for row in found.order_touches if row["reading"] == "healed"]
    assert [(row["touched_at"].minute, row["medium"]) for row in touches] == [
        (0, "organic"),
        (1, "email"),
        (4, "email"),
    ]


def test_one_direct_touch(tmp_path: Path) -> None:
    """The first event that is neither an order nor a confirmation page; none beside any evidence."""
    found = tables(
        tmp_path, thanks("a", "2025-03-01T10:00:00Z", "t0"), order("a", "2025-03-01T10:00:01Z", "i0", token="t0"),
        view("a", "2025-03-01T10:05:00Z"), view("a", "2025-03-01T10:06:00Z"),
        order("a", "2025-03-01T10:07:00Z", "i1", token="t1"), view("b", "2025-03-01T10:00:00Z"),
        order("b", "2025-03-01T10:01:00Z", "i2", token="t2"), view("b", "2025-03-01T10:02:00Z", "?gclid=x"),
    )  # fmt: skip
    # b's session has evidence, if only after the order, and so no Direct touch.
    assert channels(found) == [[], [], ["Direct"]]
    assert [row["touched_at"].minute for row in found.order_touches if row["reading"] == "healed"] == [5]
    assert [row["first_channel"] for row in sessions(found)] == ["Direct", "Paid Search"]


@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_the_orders_own_confirmation_page(seconds: int, tmp_path: Path) -> None:
    """Before, with and after the order: no touch and no earlier page view, whatever its address says."""
    at = f"2025-03-01T10:00:{10 + seconds:02}Z"
    page = thanks("a", at, "t", "?utm_source=bing&utm_medium=cpc&gclid=x", "https://partner.example/")
    found = tables(tmp_path, page, order("a", "2025-03-01T10:00:10Z", "i1"))
    assert channels(found) == [[]] and reasons(found) == ["window cut off"]
    assert [row["has_earlier_page_view"] for row in found.orders] == [False]
    assert [row["has_earlier_event"] for row in found.orders] == [seconds < 0]
    assert [row["first_channel"] for row in sessions(found)] == [None]


def test_the_confirmation_page_of_another_order(tmp_path: Path) -> None:
    """It is an earlier page view, but no touch; a session that goes on after it has one."""
    found = tables(
        tmp_path, order("a", "2025-03-01T10:00:00Z", "i0", token="t0"), thanks("a", "2025-03-01T10:00:01Z", "t0"),
        order("a", "2025-03-01T12:00:00Z", "i1", token="t1"), thanks("a", "2025-03-01T12:00:01Z", "t1"),
        view("a", "2025-03-01T12:10:00Z", "?_kx=x"), order("a", "2025-03-01T12:20:00Z", "i2", token="t2"),
    )  # fmt: skip
    assert channels(found) == [[], [], ["Email"]]
    assert [row["has_earlier_page_view"] for row in found.orders] == [False, True, True]


@pytest.mark.parametrize("swapped", [False, True])
def test_ties_do_not_depend_on_lines(swapped: bool, tmp_path: Path) -> None:
    """Steps first: page view, sign-up, order. Of two page views a hash decides."""
    at = "2025-03-01T10:00:00Z"
    lines = [view("a", at, "?gclid=x"), signup("a", at, "h"), order("a", at, "i1"), view("b", at, "?gclid=x"),
             view("b", at, "?_kx=x"), view("b", at, "", "https://www.google.com/"), order("b", at, "i2")]  # fmt: skip
    found = tables(tmp_path, *(reversed(lines) if swapped else lines))
    ids = {row["order_id"]: row["transaction_id"] for row in found.orders}
    touches = [(ids[row["order_id"]], row["channel"]) for row in found.order_touches if row["reading"] == "healed"]
    paths = {name: [channel for order_id, channel in touches if order_id == name] for name in ("i1", "i2")}
    assert paths["i1"] == ["Paid Search"]
    assert paths["i2"] == ["Paid Search", "Organic Search", "Email"]  # by the hash, and the same when swapped
    assert [row["has_earlier_page_view"] for row in found.orders] == [False, False]  # not at the same time


# ---- orders and their touches


def test_the_window_has_both_ends(tmp_path: Path) -> None:
    write(tmp_path, view("z", "2025-02-01T00:00:00Z"), name="events_20250201.csv")
    found = tables(
        tmp_path, view("a", "2025-03-01T10:00:00.000Z", "?gclid=x"), view("b", "2025-03-01T09:59:59.999Z", "?gclid=x"),
        order("a", "2025-03-08T10:00:00.000Z", "i1"), order("b", "2025-03-08T10:00:00.000Z", "i2", token="t2"),
    )  # fmt: skip
    assert credit(found, "healed", "linear") == [("Paid Search", "100.00"), ("Unattributed", "100.00")]
    # Both orders carry the same customer, so stitching lends the one's touch to the other.
    assert {row["reading"] for row in found.no_known_source} == {"as_tracked", "healed"}
    assert set(reasons(found) + reasons(found, "as_tracked")) == {"no touch in the window"}
    assert [order["window_cut_off"] for order in found.orders] == [False, False]


def test_a_touch_at_the_time_of_the_order(tmp_path: Path) -> None:
    """It counts up to the order's own moment, whatever its step."""
    found = tables(
        tmp_path, order("a", "2025-03-01T10:00:00Z", "i1"), view("a", "2025-03-01T10:00:00Z", "?gclid=x"),
        view("a", "2025-03-01T10:00:00.001Z", "?_kx=x"),
    )  # fmt: skip
    assert channels(found) == [["Paid Search"]]


def test_a_session_of_eight_days(tmp_path: Path) -> None:
    """Touches count by their own time, not by the session's start; what is only repeated is no touch."""
    write(tmp_path, view("z", "2025-02-01T00:00:00Z"), name="events_20250201.csv")
    chosen = changed(tmp_path, columnRoles={"session": "sid"})
    path = tmp_path / "days" / "events_20250201.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("agent", "agent,sid").replace("Mozilla", "Mozilla,s0"))
    lines = [
        view("a", "2025-03-01T10:00:00Z", "?gclid=x") + ",s1", view("a", "2025-03-04T10:00:00Z", "?_kx=x") + ",s1",
        order("a", "2025-03-09T10:00:00Z", "i1") + ",s1", view("b", "2025-03-01T10:00:00Z", "?gclid=x") + ",s2",
        view("b", "2025-03-04T10:00:00Z", "?gclid=x") + ",s2",
        order("b", "2025-03-09T10:00:00Z", "i2", customer="g", token="t2") + ",s2",
    ]  # fmt: skip
    found = tables(tmp_path, *lines, header=HEADER + ",sid", chosen=chosen)
    assert channels(found) == [["Email"], []] and reasons(found) == ["no touch in the window"]
    assert [row["events"] for row in sessions(found)] == [1, 3, 3]


def test_a_path_of_two_sessions(tmp_path: Path) -> None:
    """Paid Search, SMS, Email in the first session, Direct in the second; what follows the order is no touch."""
    found = tables(
        tmp_path, view("a", "2025-03-01T10:00:00Z", "?gclid=x"), view("a", "2025-03-01T10:05:00Z", "?utm_source=sms"),
        view("a", "2025-03-01T10:06:00Z", "?_kx=x"), view("a", "2025-03-01T20:00:00Z"),
        order("a", "2025-03-01T20:01:00Z", "i1", "10.00"), view("a", "2025-03-01T21:02:00Z", "?fbclid=x"),
    )  # fmt: skip
    path = ["Paid Search", "SMS", "Email", "Direct"]
    assert credit(found, "healed", "first_click") == [("Paid Search", "10.00")]
    assert credit(found, "healed", "last_click") == [("Direct", "10.00")]
    assert credit(found, "healed", "last_non_direct") == [("Email", "10.00")]
    assert credit(found, "healed", "linear") == [(channel, "2.50") for channel in path]
    assert credit(found, "healed", "position_based") == list(zip(path, ["4.00", "1.00", "1.00", "4.00"], strict=True))
    # 36,060, 35,760, 35,700 and 60 s before: weights 959,508, 959,838, 959,904 and 999,931 of 3,879,181.
    assert credit(found, "healed", "time_decay") == list(zip(path, ["2.47", "2.47", "2.48", "2.58"], strict=True))
    assert not found.no_known_source


def test_position_based_is_forty_twenty_forty() -> None:
    at = datetime(2025, 3, 1)
    for n, shares in ((1, ["1.00"]), (2, ["0.50", "0.50"]), (4, ["0.40", "0.10", "0.10", "0.40"])):
        path: list[Row] = [{"event_at": at, "channel": "Email", "source": "x", "medium": "y", "campaign": None}] * n
        row = {"event_id": 1, "transaction_id": "i", "revenue": Decimal("1.00"), "event_at": at + timedelta(days=1)}
        given = [r["credit"] for r in attribute(row, path, "healed") if r["model"] == "position_based"]
        assert [str(amount) for amount in given] == shares


def test_the_first_reason_that_holds(tmp_path: Path) -> None:
    """No id, though the window is cut off too; direct only, though it is cut off; cut off; no touch in the window."""
    found = tables(
        tmp_path, order("", "2025-03-01T10:00:00Z", "i1", customer="g1", token="t1"),
        view("a", "2025-03-01T10:00:00Z"), order("a", "2025-03-01T11:00:00Z", "i2", customer="g2", token="t2"),
        order("b", "2025-03-07T23:59:59Z", "i3", customer="g3", token="t3"),
        order("c", "2025-03-08T00:00:00Z", "i4", customer="g4", token="t4"),
        order("null", "2025-03-09T00:00:00Z", "i5", customer="g5", token="t5"),
    )  # fmt: skip
    assert reasons(found) == ["no id", "direct only", "window cut off", "no touch in the window", "no id"]
    assert reasons(found) == reasons(found, "stitched") == reasons(found, "as_tracked")


def test_three_readings(tmp_path: Path) -> None:
    """As tracked the order has no id; healed it is Direct; stitched it has the click of the phone."""
    write(tmp_path, view("phone", "2025-03-01T10:00:00Z", "?gclid=x"), signup("phone", "2025-03-01T10:01:00Z", "h"))
    renamed = HEADER.replace("client_id", "clientId")
    lines = (view("desk", "2025-03-02T10:00:00Z"), order("desk", "2025-03-02T10:05:00Z", "i1"))
    found = tables(tmp_path, *lines, header=renamed, name="events_20250302.csv")
    readings = ("as_tracked", "healed", "stitched")
    assert [channels(found, reading) for reading in readings] == [[[]], [["Direct"]], [["Paid Search", "Direct"]]]
    assert [reasons(found, reading) for reading in readings] == [["no id"], ["direct only"], []]


# ---- people


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
    labels, keys = stitch(links_of(events, 5, 5))
    assert labels == dict.fromkeys("abc", "a") | {"k": "k", "l": "k"}
    assert keys == {("customer", "h1"): "a", ("checkout_token", "t1"): "a", ("customer", "h2"): "a",
                    ("customer", "h3"): "k"}  # fmt: skip


def test_a_chain_of_people_is_followed_for_four_rounds() -> None:
    events = [seen(client, token=link) for k, client in enumerate("abcdefgh") for link in (f"t{k}", f"t{k + 1}")]
    labels, _ = stitch(links_of(events, 5, 5))
    assert "".join(labels[client] for client in "abcdefgh") == "aaaaabcd"


def test_a_device_of_many_customers_links_nobody(tmp_path: Path) -> None:
    """Six customers buy at a kiosk; each has a phone, whose click is not the kiosk's nor another customer's."""
    lines = []
    for n in range(6):
        phone = [
            view(f"p{n}", f"2025-03-01T0{n}:00:00Z", "?gclid=x"),
            signup(f"p{n}", f"2025-03-01T0{n}:01:00Z", f"h{n}"),
        ]
        lines += [*phone, order("kiosk", f"2025-03-01T1{n}:00:00Z", f"i{n}", customer=f"h{n}", token=f"t{n}")]
    found = tables(tmp_path, *lines)
    assert "kiosk" not in {row["client_id"] for row in found.people}
    assert channels(found, "stitched") == [[]] * 6
    del lines[-1]  # five customers may share a device
    found = tables(tmp_path, *lines)
    assert {row["client_id"]: row["person_id"] for row in found.people}["p0"] == "kiosk"
    assert channels(found, "stitched")[0] == ["Paid Search"] * 5


# ---- random journeys


@settings(derandomize=True, deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
@given(files=days(), hidden=st.booleans())
def test_any_journey(files: Days, hidden: bool) -> None:
    """Credit is the revenue in each model and reading; sessions hold each event once; touches stand in the window."""
    with tempfile.TemporaryDirectory() as folder:
        chosen = contract(SCHEMA, Path(folder, "contract.yaml"), hidden)
        assume(any(re.fullmatch(r"events_[0-9]{8}(-2| \(1\))?.csv", name) for name in files))
        found = reference(journeys.write(files, Path(folder, "days")), chosen, SEEDS)
    sums: dict[tuple[int, str, str], Decimal] = defaultdict(Decimal)
    for row in found.attribution:
        sums[row["order_id"], row["model"], row["reading"]] += row["credit"]
    revenue = {row["order_id"]: row["revenue"] for row in found.orders}
    assert len(sums) == 18 * len(revenue) and all(sums[key] == revenue[key[0]] for key in sums)
    visits = [event for event in found.events if event["client_id"] and not event["is_bot"]]
    assert sum(row["events"] for row in sessions(found)) == len(visits)
    assert sum(row["orders"] for row in sessions(found)) <= len(revenue)
    assert all(0 <= row["seconds_before_order"] <= 7 * 86_400 for row in found.order_touches)
    unattributed = [row for row in found.attribution if row["channel"] == "Unattributed" and row["model"] == "linear"]
    assert len(unattributed) == len([row for row in found.no_known_source if row["reason"] != "direct only"])


def facts(found: Tables) -> list[list[str]]:
    """Return the rows of credit, sessions and orders without the ids of events, which name lines."""
    orders = {row["order_id"]: (row["transaction_id"], row["ordered_at"]) for row in found.orders}
    ids = {"order_id", "session_id"}
    attribution = [row | {"order": orders[row["order_id"]]} for row in found.attribution]
    tables = (attribution, found.sessions, found.orders)
    return [sorted(repr({name: row[name] for name in row if name not in ids}) for row in table) for table in tables]


@settings(derandomize=True, deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
@given(files=days())
def test_the_order_of_lines_changes_nothing(files: Days) -> None:
    """Except with both names of the client's column: the first of two repeats keeps its id as tracked."""
    files = {name: file for name, file in files.items() if file[0] != journeys.HEADERS["both"]}
    assume(any(re.fullmatch(r"events_[0-9]{8}(-2| \(1\))?.csv", name) for name in files))
    with tempfile.TemporaryDirectory() as folder:
        reverse = {name: (header, rows[::-1]) for name, (header, rows) in files.items()}
        one, other = (
            reference(journeys.write(written, Path(folder, name)), SCHEMA, SEEDS)
            for name, written in (("one", files), ("other", reverse))
        )
    assert facts(one) == facts(other)


# ---- the shared cases


def case(name: str, chosen: Path = CASES / "plain_contract.yaml") -> Tables:
    return reference(sorted((CASES / name).iterdir()), chosen, SEEDS)


@needs_cases
@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("stale_referrer", [["Affiliates"], ["Paid Search"]]),
        ("stale_referrer_app", [["Email"]]),
        ("stale_referrer_two_visits", [["Paid Search", "Direct"]]),
        ("confirmation_page", [[], []]),
        ("session_begins_with_an_order", [[], ["Direct", "Email"]]),
        ("tie_a", [[]]),
        ("tie_b", [[]]),
        ("two_ids", [["Paid Search"], ["Paid Search"]]),
        ("negative_order", []),
        ("reload", [["Paid Search"]]),
        ("refund", [["Paid Search"]]),
        ("placeholder_id", [[]] * 20),
    ],
)
def test_touches_of_the_cases(name: str, paths: list[list[str]]) -> None:
    assert channels(case(name)) == paths


@needs_cases
def test_last_non_direct_of_two_visits() -> None:
    assert credit(case("stale_referrer_two_visits"), "healed", "last_non_direct") == [("Paid Search", "100.00")]


@needs_cases
def test_reasons_of_the_cases() -> None:
    assert reasons(case("confirmation_page")) == ["window cut off"] * 2
    assert reasons(case("tie_a")) == reasons(case("tie_b")) == ["window cut off"]
    assert [row["has_earlier_page_view"] for row in case("confirmation_page").orders] == [False, False]
    found = case("placeholder_id")
    assert [reasons(found, reading) for reading in ("as_tracked", "healed", "stitched")] == [["no id"] * 20] * 3
    assert found.sessions == []


@needs_cases
def test_orders_of_the_cases() -> None:
    statuses = {name: [row["status"] for row in case(name).received_orders] for name in ("negative_order", "reload")}
    assert statuses == {"negative_order": ["negative"], "reload": ["counted", "resubmission", "resubmission"]}
    assert [row["orders"] for row in sessions(case("reload"))] == [1, 0, 0, 0]
    assert [row["converts"] for row in sessions(case("negative_order"))].count(True) == 0
    assert [row["is_possible_duplicate"] for row in case("two_ids").orders] == [False, True]


@needs_cases
def test_ties_of_the_cases() -> None:
    """Both give the same, but for the lines that their events are on."""
    one, other = ([row["credit"] for row in case(name).attribution] for name in ("tie_a", "tie_b"))
    assert one == other


@needs_cases
def test_google_in_all_countries() -> None:
    found = case("google_countries")
    assert {row["first_channel"] for row in found.sessions} == {"Organic Search"} and len(sessions(found)) == 188


@needs_cases
def test_payment_providers_behind_a_hash() -> None:
    """Two of the hosts are behind a hash that no list of sub-domains knows: they stay referrals."""
    found = case("hashed_payment_subdomains", SCHEMA)
    assert [path[0] for path in channels(found)] == ["Paid Search"] * len(found.orders)
    unknown = [event["referrer_host"] for event in found.events if event["channel"] == "Referral"]
    assert len(unknown) == 2


@needs_cases
def test_orders_of_other_currencies_are_not_added(tmp_path: Path) -> None:
    chosen = changed(tmp_path, order={"currency": "currency"}, currency={"code": "USD", "sign": "$"})
    document = yaml.safe_load(chosen.read_text(encoding="utf-8"))
    custom = {one["property"]: one["value"] for one in document["customProperties"]}
    custom["events"][-1]["payload"].append({"name": "currency"})
    chosen.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    found = case("currencies", chosen)
    assert {row["revenue"] for row in found.orders} == {Decimal(100)}
    assert {row["reason"] for row in found.received_orders if row["status"] == "quarantined"} == {
        "currency JPY", "currency CAD",
    }  # fmt: skip


@needs_cases
def test_a_refund_converts_nothing(tmp_path: Path) -> None:
    found = case("refund")
    assert [row["orders"] for row in sessions(found)] == [1, 0, 0]
    if "refund" not in EVENT_ROLES:
        pytest.skip("NOT TESTED WITH ITS ROLE: the contract has no role refund")
    document = yaml.safe_load((CASES / "plain_contract.yaml").read_text(encoding="utf-8"))
    custom = {one["property"]: one["value"] for one in document["customProperties"]}
    custom["events"].append({"name": "refund", "role": "refund"})
    for column in document["schema"][0]["properties"]:
        if column["name"] == "event_name":
            column["enum"].append({"value": "refund"})
    (tmp_path / "contract.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    assert [row["orders"] for row in sessions(case("refund", tmp_path / "contract.yaml"))] == [1, 0, 0]


@needs_cases
def test_no_case_is_left_out() -> None:
    """Every folder of the shared cases is one of the above."""
    tested = Path(__file__).read_text(encoding="utf-8")
    assert [folder.name for folder in CASES.iterdir() if folder.is_dir() and f'"{folder.name}"' not in tested] == []
