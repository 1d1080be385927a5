"""A draft of exports with unusual names: the order, the channel, the visitor and the kind of event by their values."""

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from event_data.contract import Contract, load_contract
from event_data.contract.drafting import draft_contract
from event_data.contract.drafting.event_names import event_roles
from event_data.contract.drafting.forms import offset_of, zone_of
from event_data.contract.drafting.roles import channels_of
from event_data.contract.model import Amount, Constant, Field, Parameter, Record, Value
from event_data.reading.folder import find_files

START = datetime(2025, 3, 3, 8, 0)
STEPS = ("page_view", "select_room", "enter_details", "booking_confirmed")
CHANNELS = ("E-Mail", "SEA", "SEO", "Partner", "Direkt")
Event = dict[str, Any]


def bookings(steps: Sequence[str] = STEPS, order: Callable[[int], Event] | None = None) -> list[Event]:
    """Return the events of a booking site on six days: a third of the visits end with the last step."""
    found: list[Event] = []
    values = order or (lambda n: {"booking_id": f"B{70000 + n}", "amount": f"{80 + n * 7 % 300}.50", "currency": "EUR"})
    for n in range(120):
        moment = START + timedelta(days=n // 20, minutes=17 * (n % 20))
        for step, name in enumerate(steps[: 4 if n % 3 == 0 else 2]):
            at = {"time": f"{moment + timedelta(seconds=40 * step):%Y-%m-%dT%H:%M:%S}Z", "event": name}
            found.append({"visitor_id": f"v{n * 7 % 60:05d}x", "session_id": f"s{n:06d}"} | at)
            if name == steps[-1]:
                found[-1] |= values(n)
    return found


def csv_text(rows: Sequence[Event]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def drafted(folder: Path, rows: Sequence[Event], name: str = "export.csv") -> tuple[str, Contract, dict[str, Value]]:
    """Return the draft for these rows, the contract, and where each role's value comes from."""
    data = folder / "data"
    data.mkdir(exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows) if name.endswith("jsonl") else csv_text(rows)
    (data / name).write_text(json.dumps(rows) if name.endswith(".json") else text, encoding="utf-8")
    path = folder / "draft.yaml"
    path.write_text(draft_contract(data), encoding="utf-8")
    contract = load_contract(path)
    found: dict[str, Value] = {role: contract.derived.get(name, Field(name)) for role, name in contract.roles.items()}
    if isinstance(record := found.get("payload"), Record):
        found |= dict(record.values)
    return path.read_text("utf-8"), contract, found


def names_of(contract: Contract, role: str) -> tuple[str, ...]:
    event = contract.event_of(role)
    return tuple(event.names) if event else ()


# ---- orders


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("booking_confirmed", " # check: guessed by"),
        ("fin", " # check: guessed by its values\n"),
        ("Schritt 4", " # check: guessed by its values\n"),
        ("purchase", "\n"),
        ("order_confirmed", "\n"),
    ],
)
def test_an_order_by_its_values(name: str, check: str, tmp_path: Path) -> None:
    draft, contract, found = drafted(tmp_path, bookings([*STEPS[:3], name]))
    assert names_of(contract, "order") == (name,)
    assert f"        role: order{check}" in draft
    assert (found["transaction_id"], found["amount"]) == (Field("booking_id"), Field("amount"))
    assert contract.currency.code == "EUR"


def test_an_order_by_its_values_without_usual_columns(tmp_path: Path) -> None:
    rows = bookings([*STEPS[:3], "fin"], lambda n: {"vorgang": f"{n:05d}K", "nights": n % 7 + 1, "wert": f"{n + 9},95"})
    _, contract, found = drafted(tmp_path, rows)
    assert names_of(contract, "order") == ("fin",)
    assert (found["transaction_id"], found["amount"]) == (Field("vorgang"), Amount(Field("wert"), ",", ""))


def test_a_refund_or_a_form_is_not_an_order(tmp_path: Path) -> None:
    rows = bookings([*STEPS[:3], "refund_sent"], lambda n: {"refund_id": f"R{n:05d}", "refunded": f"{n + 5}.00"})
    _, contract, _ = drafted(tmp_path, rows)
    assert contract.event_of("order") is None
    rows = bookings([*STEPS[:3], "form_sent"], lambda n: {"form_id": f"F{n:05d}"})
    _, contract, _ = drafted(tmp_path, rows)
    assert contract.event_of("order") is None


def test_a_value_on_several_events(tmp_path: Path) -> None:
    """The id is on the order alone; the amount is on an earlier step too."""
    rows = bookings([*STEPS[:3], "fin"])
    rows = [row | {"amount": "99.50"} if row["event"] == "enter_details" else row for row in rows]
    _, contract, _ = drafted(tmp_path, rows)
    assert names_of(contract, "order") == ("fin",)


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["view", "subscribed"], ["subscribed"]),
        (["purchase", "subscribed", "booking_confirmed"], ["purchase"]),
        (["booking", "booking_confirmed"], ["booking_confirmed"]),
        (["order_confirmed", "unsubscribed"], ["order_confirmed"]),
        (["booking_cancelled"], []),
    ],
)
def test_order_names(names: list[str], order: list[str]) -> None:
    assert [name for name, role in event_roles(names).items() if role == "order"] == order


# ---- channels


def test_a_channel_column(tmp_path: Path) -> None:
    channels = (*CHANNELS, "Messe")
    rows = [row | {"channel": channels[n % 6]} for n, row in enumerate(bookings())]
    draft, contract, found = drafted(tmp_path, rows)
    assert found["channel"] == Field("channel")
    assert {value.lower(): channel for value, channel in contract.channels.items()} == {
        "e-mail": "Email", "sea": "Paid Search", "seo": "Organic Search", "partner": "Affiliates", "direkt": "Direct",
        "messe": "Unassigned",
    }  # fmt: skip
    assert draft.count("Unassigned # check: map this value") == 1


def test_a_channel_column_without_channels(tmp_path: Path) -> None:
    rows = [row | {"channel": ("web", "app", "kiosk")[n % 3]} for n, row in enumerate(bookings())]
    draft, _, found = drafted(tmp_path, rows)
    assert "channel" not in found
    assert "# check: channel is not used as the channel, because its values are not names of channels" in draft


def test_words_for_channels() -> None:
    found = channels_of(["E-Mail", "Newsletter", "SEM", "Organische Suche", "Direktzugriff", "Social Media", "?"])
    assert found == {
        "E-Mail": "Email", "Newsletter": "Email", "SEM": "Paid Search", "Organische Suche": "Organic Search",
        "Direktzugriff": "Direct", "Social Media": "Organic Social",
    }  # fmt: skip


# ---- the visitor and the session


@pytest.mark.parametrize("name", ["guest_id", "visitor", "member", "memberNo", "shopper_id", "guestRef", "who"])
def test_the_client_is_not_the_session(name: str, tmp_path: Path) -> None:
    rows = [{"session_id": row["session_id"], name: row["visitor_id"]} | row for row in bookings()]
    for row in rows:
        del row["visitor_id"]
    _, _, found = drafted(tmp_path, rows)
    assert (found["client"], found["session"]) == (Field(name), Field("session_id"))


def test_few_visitors(tmp_path: Path) -> None:
    rows = [row | {"visitor_id": f"v{n % 5}"} for n, row in enumerate(bookings())]
    _, _, found = drafted(tmp_path, [{"session_id": row.pop("session_id")} | row for row in rows])
    assert found["client"] == Field("visitor_id")


def test_several_ids(tmp_path: Path) -> None:
    """An id with as many values as there are sessions is another id of the session."""
    rows = [{"cid": f"{row['session_id']}z", "uid": row["visitor_id"]} | row for row in bookings()]
    for row in rows:
        del row["visitor_id"]
    _, _, found = drafted(tmp_path, rows)
    assert found["client"] == Field("uid")


def test_only_a_session(tmp_path: Path) -> None:
    rows = [{key: value for key, value in row.items() if key != "visitor_id"} for row in bookings()]
    draft, _, found = drafted(tmp_path, rows)
    assert found["client"] == Field("session_id")
    assert "# check: a session id; name the visitor's id if there is one" in draft


def test_a_session_for_each_event(tmp_path: Path) -> None:
    check = "# check: each session has one event; remove this if sessions should follow a gap of 30 minutes"
    rows = [row | {"session_id": f"s{n:06d}"} for n, row in enumerate(bookings())]
    draft, _, found = drafted(tmp_path, rows)
    assert found["session"] == Field("session_id") and check in draft
    draft, _, found = drafted(tmp_path, bookings())
    assert found["session"] == Field("session_id") and check not in draft


# ---- JSON in JSON, and the kind of event


def nested(text: bool) -> list[Event]:
    """Return events of which only the orders have an object `booking`; as JSON text if they are for CSV."""
    write = json.dumps if text else lambda value: value
    found = []
    for n, row in enumerate(bookings([*STEPS[:3], "done"], lambda n: {})):
        event = {"at": row["time"], "what": row["event"], "guest": write({"ref": row["visitor_id"]})}
        if row["event"] == "done":
            booking = {"no": f"H{n:05d}", "price": {"total": f"{300 + n},65", "cur": "CHF"}}
            event |= {"booking": write(booking)}
        found.append(event)
    return found


@pytest.mark.parametrize("name", ["export.jsonl", "export.json", "export.csv"])
def test_nested_objects(name: str, tmp_path: Path) -> None:
    _, contract, found = drafted(tmp_path, nested(text=name.endswith("csv")), name)
    assert found["client"] == Field("guest", ("ref",)) and found["event"] == Field("what")
    assert names_of(contract, "order") == ("done",) and contract.currency.code == "CHF"
    assert contract.values["transaction_id"] in (Field("booking", ("no",)), Field(contract.roles["payload"], ("no",)))
    assert found["amount"] == Amount(Field("booking", ("price", "total")), ",", "")
    order = contract.event_of("order")  # columnRoles adds the amount to the payload
    assert order is not None and "amount" in {key.name for key in order.payload}


@pytest.mark.parametrize("column", ["what", "action", "name", "type", "kind", "hit"])
def test_a_kind_of_event_in_any_words(column: str, tmp_path: Path) -> None:
    words = dict(zip(STEPS, ("gesehen", "Zimmer", "Daten", "Ende"), strict=True))
    rows = [row | {column: words[row["event"]], "url": "https://shop.example/a"} for row in bookings()]
    for row in rows:
        del row["event"]
    _, contract, found = drafted(tmp_path, rows)
    assert found["event"] == Field(column) and names_of(contract, "order") == ("Ende",)


def test_a_product_name_is_not_the_kind_of_event(tmp_path: Path) -> None:
    rows = [
        {"order_no": 500 + n // 3, "name": ("Chair", "Table", "Lamp")[n % 3], "quantity": n % 4 + 1, "price": "2.50",
         "date": f"2025-03-{1 + n // 30:02d} 10:{n // 3 % 60:02d}:00", "customer_id": f"{17000 + n // 6}.0"}
        for n in range(300)
    ]  # fmt: skip
    draft, contract, found = drafted(tmp_path, rows)
    assert isinstance(found["event"], Constant) and contract.event_of("order") is not None
    assert re.search(r"name: customer_id\n +logicalType: string\n", draft)


# ---- sources of GA4


@pytest.mark.parametrize("collected", [False, True])
def test_the_first_source_of_a_user_is_not_used(collected: bool, tmp_path: Path) -> None:
    rows = []
    for row in bookings(["page_view", "view_item", "begin_checkout", "purchase"]):
        texts = {"page_location": "https://shop.example/", "source": "google", "medium": "cpc"}
        entries = [{"key": key, "value": {"string_value": text}} for key, text in texts.items()]
        own = {"collected_traffic_source.manual_source": "bing", "collected_traffic_source.manual_medium": "cpc"}
        rows.append(
            row | {"event_params": json.dumps(entries), "traffic_source.source": "google"} | (own if collected else {})
        )
    draft, _, found = drafted(tmp_path, rows)
    assert "traffic_source.source" not in draft.partition("columnRoles")[2]
    if collected:
        assert "collected_traffic_source.manual_source" in draft.partition("columnRoles")[2]
    else:
        assert found["source"] == Parameter("event_params", "source")


def test_the_only_source_is_that_of_the_user(tmp_path: Path) -> None:
    rows = [row | {"traffic_source.source": ("google", "bing")[n % 2]} for n, row in enumerate(bookings())]
    draft, _, _ = drafted(tmp_path, rows)
    assert "source: traffic_source.source # check: this is the user's first source" in draft
    rows = [row | {"user_properties": json.dumps({"utm_source": ("google", "x")[n % 2]})} for n, row in enumerate(rows)]
    rows = [{key: value for key, value in row.items() if "traffic" not in key} for row in rows]
    draft, _, _ = drafted(tmp_path, rows)
    assert "path: [utm_source]} # check: remove this if it is the source of the user, not of the visit" in draft


# ---- times


@pytest.mark.parametrize(
    ("offset", "zone", "check"),
    [
        ("+03:00", "Etc/GMT-3", "the times have the offset +03:00; name the shop's zone, such as Europe/Moscow"),
        ("-0500", "Etc/GMT+5", "the times have the offset -05:00; name the shop's zone, such as America/New_York"),
        ("+05:30", "Asia/Kolkata", "the times have the offset +05:30; name the shop's zone, such as Asia/Kolkata"),
        ("Z", "UTC", "days are in UTC; name the shop's zone, such as Europe/Berlin"),
        ("", "UTC", "the time zone of the files, such as Europe/Berlin"),
    ],
)
def test_times_with_one_offset(offset: str, zone: str, check: str, tmp_path: Path) -> None:
    rows = [row | {"time": row["time"].replace("Z", offset)} for row in bookings()]
    draft, contract, _ = drafted(tmp_path, rows)
    assert contract.time_zone == zone
    assert f"defaultTimezone: {zone} # check: {check}\n" in draft


def test_offsets() -> None:
    assert [offset_of(f"2025-03-01T10:00:00{end}") for end in ("Z", "+0530", "-03", ".5+01:00", "")] == [
        0, 330, -180, 60, None
    ]  # fmt: skip
    assert offset_of("2025-03-01") is None
    assert (zone_of([120, 60]), zone_of([0]), zone_of([60, 300]), zone_of([7])) == ("Europe/Berlin", "UTC", None, None)


# ---- what the draft says


def test_what_to_check_first(tmp_path: Path) -> None:
    draft, _, _ = drafted(tmp_path, bookings())
    lines = draft.splitlines()
    found = {what: lines[int(number) - 1].strip() for number, what in re.findall(r"#   line (\d+): (.*)", draft)}
    assert {what: line.partition(" #")[0] for what, line in found.items()} == {
        "the shop's time zone": "defaultTimezone: UTC", "the event that is an order": "role: order",
        "the order id": "transaction_id: booking_id", "the order amount": "amount: amount",
        "the visitor's id": "client: visitor_id", "the currency": "- property: currency",
    }  # fmt: skip
    assert not re.search(r"# check\s*$", draft, re.MULTILINE)
    assert draft.count("# check: ") <= 4


def test_missing_values_in_one_file(tmp_path: Path) -> None:
    for day in range(6):
        rows = [row | {"coupon": "" if day == 3 or n % 2 else "SPRING"} for n, row in enumerate(bookings())]
        rows = [row | {"time": f"2025-03-0{day + 1}{row['time'][10:]}"} for row in rows]
        (tmp_path / f"e_2025-03-0{day + 1}.csv").write_text(csv_text(rows))
    assert "# check: 100% of the values are missing in one file, and 50% in a typical one" in draft_contract(tmp_path)


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (["bookings-2026-W05.json", "bookings-2026-W06.json"], "bookings-*.json"),
        (["bookings-2026-W52.json", "bookings-2027-W01.json"], "bookings-*.json"),
        (["bookings-2026-W05.json"], "bookings-*.json"),
        (["2026_KW5_shop.json", "2026_KW12_shop.json"], "*_shop.json"),
        (["export_202601.json", "export_202602.json"], "export_*.json"),
        (["sales March 2026.json", "sales Juni 2026.json"], "sales *.json"),
        (["part-2026-1.json", "part-2026-2.json"], "part-*.json"),
    ],
)
def test_weeks_and_months_in_names(names: list[str], pattern: str, tmp_path: Path) -> None:
    rows = bookings()
    for place, name in enumerate(names):
        (tmp_path / name).write_text(json.dumps(rows[place :: len(names)]))
    path = tmp_path / "draft.yaml"
    path.write_text(draft_contract(tmp_path), encoding="utf-8")
    contract = load_contract(path)
    assert contract.file_name == pattern
    assert len(find_files(tmp_path, pattern).files) == len(names)
