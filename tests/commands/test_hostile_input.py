"""Test hostile input: contracts and values that are code, odd folders, headers, payloads, amounts and times."""

import json
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import transform
from command_kit import HEADER, VIEW, add, cells, contract, day, failing, order, report, rows, run, whole_report
from commands import call
from synthetic_events import COLUMNS

Document = dict[str, Any]
ESCAPE = "\x1b[31mred\x1b[0m"
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1+1", "=cmd|' /C calc'!A0", ESCAPE, "a\nb"]


@pytest.fixture
def hostile(tmp_path: Path) -> tuple[Path, Path]:
    """Return days whose names, headers and values are formulas and escapes, and the contract that they need."""
    stem = '=2+3 "it\'s" [e] {n} 50% '

    def change(document: Document, columns: dict[str, Document], custom: dict[str, Document]) -> None:
        document["schema"][0]["physicalName"] = stem.replace("%", "%%") + "%Y%m%d.csv"

    folder = tmp_path / "a [b] 'c' {d} %e"
    folder.mkdir()
    header = cells(*COLUMNS, *[f for f in FORMULAS if "\n" not in f and "\r" not in f])
    for number in range(1, 4):
        lines = [cells(f, f, f, "2025-03-01T10:00:00.000Z", f, f, f, *["x"] * 7) for f in FORMULAS]
        (folder / f"{stem}2025030{number}.csv").write_text("\n".join([header, *lines]), encoding="utf-8", newline="")
    return folder, contract(tmp_path, change)


def test_no_cell_is_a_formula(hostile: tuple[Path, Path], tmp_path: Path) -> None:
    found = report(hostile[0], tmp_path / "out", "--contract", hostile[1], "--json", "--junit")
    assert len({row["file"] for row in found}) == 3 and failing(found, "value_invalid")
    for name in ("dq_report.csv", "dq_profile.csv"):
        for row in rows(tmp_path / "out", name):
            for cell in [*row, *row.values()]:
                assert cell[:1] not in ("=", "+", "-", "@", "\t", "\r") or re.fullmatch(r"-\d+(\.\d+)?", cell), cell
                assert cell.isprintable()
    json.loads((tmp_path / "out" / "dq_report.json").read_text("utf-8"))
    ElementTree.parse(tmp_path / "out" / "dq_report.xml")


def test_no_escape_reaches_the_terminal(hostile: tuple[Path, Path], tmp_path: Path) -> None:
    _, stdout, _ = run("--data_dir", hostile[0], "--out_dir", tmp_path / "out", "--contract", hostile[1])
    assert all(character.isprintable() or character == "\n" for character in stdout)
    assert re.search(r"\?\[31m", stdout)


# ---- contracts of other shops


def payload_item(custom: dict[str, Document]) -> list[Document]:
    payload = custom["events"]["value"][-1]["payload"]
    found: list[Document] = next(key for key in payload if key["name"] == "items")["items"]["properties"]
    return found


def hide_in_names(text: str, document: Document, columns: dict[str, Document], custom: dict[str, Document]) -> None:
    events = custom["events"]["value"]
    columns["client_id"]["synonyms"].append({"synonym": text})
    events[-1]["synonyms"].append({"synonym": text})
    events.append({"name": text + "!", "payload": [{"name": "key"}]})
    columns["event_name"]["enum"] += [{"value": text}, {"value": text + "!"}]


def hide_in_patterns(text: str, document: Document, columns: dict[str, Document], custom: dict[str, Document]) -> None:
    pattern = re.escape(text).replace("/", "[/]")
    columns["user_agent"]["logicalTypeOptions"] = {"pattern": pattern}
    payload_item(custom)[0]["logicalTypeOptions"] = {"pattern": pattern}
    custom["anonymisation"]["value"] |= {"queryValue": pattern, "foreignHost": pattern}
    custom["order"]["value"]["checkoutToken"] = f"({pattern})"


def hide_in_words(text: str, document: Document, columns: dict[str, Document], custom: dict[str, Document]) -> None:
    document["name"] = columns["client_id"]["description"] = text
    for rule in (document["schema"][0]["quality"][0], columns["client_id"]["quality"][0]):
        rule["businessImpact"] = text


def hide_everywhere(text: str, document: Document, columns: dict[str, Document], custom: dict[str, Document]) -> None:
    """Write the text wherever a contract takes any text."""
    document["schema"][0]["properties"].append({"name": text + "?", "logicalType": "string", "required": True})
    payload_item(custom)[2].update(enum=[{"value": text}])
    columns["referrer"].update(enum=[{"value": text}])
    for hide in (hide_in_patterns, hide_in_words, hide_in_names):  # the last adds an event
        hide(text, document, columns, custom)


PLACES: dict[str, Callable[..., object]] = {
    "everywhere": hide_everywhere,
    "header": lambda text, document, columns, custom: None,
    "key": lambda text, document, columns, custom: payload_item(custom).append({"name": text, "required": True}),
    "hosts": lambda text, document, columns, custom: custom["ownHosts"]["value"].append(text),
    "delimiter": lambda text, document, columns, custom: custom["delimiter"].update(value=text[:1]),
}
REFUSED = ("key", "hosts", "delimiter")  # the contract may say that this is none
TEXTS = [
    "'; copy (select 42) to 'CANARY'; --",
    "\"']); copy (select 42) to $$CANARY$$; --",
    "{failed} {} {0} {nothing} %s %(x)s {{ \\",
]


@pytest.mark.parametrize("text", TEXTS, ids=["quote", "both quotes", "braces"])
@pytest.mark.parametrize("place", PLACES)
def test_a_contract_cannot_run_anything(place: str, text: str, days: Path, tmp_path: Path) -> None:
    """Neither in part 1 nor in part 2, whose second run adds a day to what the first one published."""
    canary = tmp_path / "canary"
    odd = text.replace("CANARY", str(canary))
    path = contract(tmp_path, partial(PLACES[place], odd))
    lines = day(days).read_text().splitlines()
    if place in ("everywhere", "header"):
        lines[0] = lines[0].replace("client_id", '"' + odd.replace('"', '""') + '"')
    day(days).write_text("\n".join(line.replace("Mozilla", "{x}Mozilla") for line in lines))
    last = day(days, 5).rename(tmp_path / day(days, 5).name)
    status, _, stderr = run("--data_dir", days, "--out_dir", tmp_path / "out", "--contract", path)
    line = ["--data_dir", days, "--warehouse", tmp_path / "w.duckdb", "--contract", path, "--quiet"]
    for _ in range(2):
        assert (call(transform, *line)[0] == 2) == (status == 2)
        shutil.copy(last, days)
    assert not canary.exists()
    if status == 2:
        assert place in REFUSED and "contract.yaml" in stderr, stderr
    else:
        whole_report(tmp_path / "out")


MINIMAL = """
apiVersion: v3.2.0
kind: DataContract
id: shop
version: 1.0.0
schema:
  - name: hits
    physicalName: hits-%Y-%m-%d.csv
    properties:
      - {name: visitor, logicalType: string, required: true}
      - {name: url, logicalType: string, required: true}
      - {name: ts, logicalType: timestamp, required: true}
      - {name: kind, logicalType: string, required: true}
      - {name: price, logicalType: number, logicalTypeOptions: {minimum: 0, maximum: 10}}
customProperties:
  - {property: columnRoles, value: {client: visitor, page: url, time: ts, event: kind}}
  - {property: delimiter, value: ";"}
"""


def test_another_shop(tmp_path: Path) -> None:
    """No payload, referrer, user agent, orders, hosts or anonymisation; semicolons."""
    path = tmp_path / "shop.yaml"
    path.write_text(MINIMAL)
    (tmp_path / "days").mkdir()
    for number in range(1, 8):
        lines = [
            f"v{n % 30};https://a.example/;2025-01-0{number} {n // 60:02}:{n % 60:02}:00;view;{n % 11}"
            for n in range(1440 - number)
        ]
        if number == 6:
            for n in (100, 101):
                lines[n] = lines[n].replace(";https", ";ftp").rpartition(";")[0] + ";11"
            lines[200] = lines[200].rpartition(";")[0] + ";dear"
            lines[300] = ";" + lines[300].partition(";")[2]
        (tmp_path / "days" / f"hits-2025-01-0{number}.csv").write_text("\n".join(["visitor;url;ts;kind;price", *lines]))
    found = report(tmp_path / "days", tmp_path / "out", "--contract", path)
    failed = [
        (r["check"], r["column"], r["failed"], r["first_bad_line"], r["file"]) for r in found if r["status"] == "fail"
    ]
    assert sorted(failed) == [
        ("null_share", "visitor", "1", "302", "hits-2025-01-06.csv"),
        ("url_malformed", "url", "2", "102", "hits-2025-01-06.csv"),
        ("value_range", "price", "2", "102", "hits-2025-01-06.csv"),
        ("value_type", "price", "1", "202", "hits-2025-01-06.csv"),
    ]


# ---- files that nobody meant


def test_odd_folders(five_days: Path, tmp_path: Path) -> None:
    one = tmp_path / "one"
    one.mkdir()
    shutil.copy(day(five_days), one)
    assert {row["file"] for row in report(one, tmp_path / "out")} == {day(five_days).name}
    gap = Path(shutil.copytree(five_days, tmp_path / "gap"))
    name = day(gap, 3).name
    day(gap, 3).unlink()
    assert [row["file"] for row in failing(report(gap, tmp_path / "out"), "file_missing")] == [name]
    for odd in ("a folder", "a dangling link"):
        (gap / name).mkdir() if odd == "a folder" else (gap / name).symlink_to(tmp_path / "nowhere")
        found = report(gap, tmp_path / "out")
        assert [r["file"] for c in ("file_missing", "file_unreadable") for r in failing(found, c)] == [name]
        (gap / name).rmdir() if odd == "a folder" else (gap / name).unlink()
    for path in gap.iterdir():
        path.write_bytes(b"" if path.name < name else (HEADER + "\n").encode())
    assert len(failing(report(gap, tmp_path / "out"), "file_empty")) == 4


def test_an_odd_header(days: Path, tmp_path: Path) -> None:
    day(days).write_bytes(b"\x01\r" + day(days).read_bytes())
    report(days, tmp_path)


def test_a_year_between_two_days_is_the_most(days: Path, tmp_path: Path) -> None:
    gap = Path(shutil.copytree(days, tmp_path / "gap"))
    for name in ("events_20260301.csv", "events_21250223.csv"):
        path = Path(shutil.copy(day(days), gap / name))
        status, _, stderr = run("--data_dir", gap, "--out_dir", tmp_path)
        assert status == 2 and f"no file between 2025-02-27 and {name[7:11]}-0" in stderr
        path.unlink()
    shutil.copy(day(days), gap / "events_20260228.csv")  # 366 days
    missing = [row["file"] for row in failing(report(gap, tmp_path), "file_missing")]
    assert len(missing) == 365 and "events_20250228.csv" in missing and "events_20260227.csv" in missing


def nested(depth: int) -> str:
    """Return an order whose payload is an object with so many arrays inside each other."""
    return VIEW.replace("page_viewed,", 'purchase,"{""a"":' + "[" * depth + "]" * depth + '}"')


@pytest.mark.parametrize(("depth", "is_malformed"), [(1500, 0), (1997, 0), (1999, 0), (2000, 1), (100_000, 1)])
def test_an_endlessly_nested_payload(depth: int, is_malformed: int, days: Path, tmp_path: Path) -> None:
    """More than 2,000 opening brackets in more than 4,000 bytes are more than anybody means."""
    add(day(days), nested(depth))
    found = report(days, tmp_path)
    assert len(failing(found, "payload_malformed")) == is_malformed
    assert len(failing(found, "order_id_missing")) == 1 - is_malformed


PAYLOADS = {
    "text": "5", "null": "null", "list": "[1,2]", "odd keys": '{"":1,"a.b":2,"a[0]":3,"*":4,"\\"":5,"$":{"#":6}}',
    "items an object": '{"transaction_id":"a","revenue":1,"items":{"item_price":1}}',
    "items mixed": '{"transaction_id":"a","revenue":1,"items":[1,"a",null,[],{}]}',
    "types": '{"transaction_id":{"a":1},"revenue":[1],"user_email":true}',
    "escapes": '{"transaction_id":"a\\u0000b\\ud800","revenue":1,"user_email":"\\u0000"}',
    "numbers": '{"transaction_id":12345678901234567890123456789,"revenue":1e9999,"items":[{"item_price":-0}]}',
    "twice": '{"revenue":1,"revenue":2,"transaction_id":"x","transaction_id":"y"}',
    "deep": '{"a":' * 300 + "1" + "}" * 300, "not a number": '{"revenue":NaN}', "rest": '{"revenue":1} x',
}  # fmt: skip


def test_odd_payloads(days: Path, tmp_path: Path) -> None:
    for number, payload in enumerate(PAYLOADS.values()):
        who = ("1740268798-abcdefghijkl", "https://puffy.com/", "")
        line = cells(*who, f"2025-02-26T23:59:{number:02}.000Z", "purchase", payload, "x")
        add(day(days, number % 5 + 1), line, line)
    found = report(days, tmp_path)
    malformed = sum(int(row["failed"]) for row in failing(found, "payload_malformed"))
    assert malformed == 4  # the two that are not JSON, twice each


def test_keys_that_are_not_words(days: Path, tmp_path: Path) -> None:
    """A key of the contract is found however it is spelt, and counted where it stands."""

    def change(document: Document, columns: dict[str, Document], custom: dict[str, Document]) -> None:
        events = {event["name"]: event for event in custom["events"]["value"]}
        added = [{"name": key, "logicalType": "integer", "required": True} for key in ("_net", "gift-card", "é")]
        parcel = {"name": "9 kg", "logicalType": "object", "properties": [{"name": "_id", "logicalType": "string"}]}
        events["checkout_completed"]["payload"] += [*added, parcel]

    payload = {"transaction_id": "a", "revenue": 1, "_net": 1, "gift-card": "x", "é": None, "9 kg": {"_id": "p"}}
    who = ("1740268798-abcdefghijkl", "https://puffy.com/", "", "2025-02-26T23:59:00Z", "purchase")
    add(day(days), cells(*who, json.dumps(payload), "x"))
    found = [
        row for row in report(days, tmp_path, "--contract", contract(tmp_path, change)) if row["file"] == day(days).name
    ]
    shown = {
        check: {row["column"]: row["failed"] for row in found if row["check"] == check}
        for check in ("payload_key_missing", "payload_key_type")
    }
    orders = day(days).read_text("utf-8").count(",checkout_completed,") + 1
    start = "checkout_completed."
    assert shown["payload_key_missing"][start + "_net"] == str(orders - 1)
    assert shown["payload_key_missing"][start + "é"] == str(orders)
    assert shown["payload_key_type"][start + "_net"] == "0"
    assert shown["payload_key_type"][start + "gift-card"] == "1"
    assert shown["payload_key_type"][start + "9 kg._id"] == "0"


@pytest.mark.parametrize("column", ["client_id", "page_url", "timestamp", "event_name", "user_agent"])
def test_a_rule_of_invalid_values_is_run_on_any_column(column: str, days: Path, tmp_path: Path) -> None:
    def change(document: Document, columns: dict[str, Document], custom: dict[str, Document]) -> None:
        columns[column].pop("logicalTypeOptions", None)
        rule = {"metric": "invalidValues", "arguments": {"pattern": "^[^0-9a-zA-Z]"}, "mustBe": 0, "severity": "P2"}
        columns[column]["quality"] = [rule]

    found = report(days, tmp_path, "--contract", contract(tmp_path, change))
    failures = [row for row in failing(found, "value_pattern") if row["column"] == column]
    assert {row["file"] for row in failures} == {path.name for path in days.iterdir()}
    assert all(row["failed"] == row["checked"] != "0" and row["severity"] == "P2" for row in failures)


@pytest.mark.parametrize("amount", [9_999_999_999, 10**10, 1e300, -0.0, "NaN", "Infinity", "1e3", 0.005, -(10**9)])
def test_amounts_that_overflow(amount: object, days: Path, tmp_path: Path) -> None:
    add(day(days), *[order(amount)] * 3)
    report(days, tmp_path)


ELSEWHEN = ["1970-01-01T00:00:00Z", "2262-01-01T00:00:00Z"]
NEVER = [
    "now", "epoch", "2025-02-26T23:59:60Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2263-01-01T00:00:00Z",
    "294247-01-10 04:00:54", "infinity", "-infinity", "290309-12-22 (BC) 00:00:00",
]  # fmt: skip


TIMES = {"timestamp_outside_day": ELSEWHEN, "timestamp_unparseable": NEVER}


@pytest.mark.parametrize(("check", "times"), TIMES.items(), ids=["elsewhen", "never"])
def test_odd_times(check: str, times: list[str], days: Path, tmp_path: Path) -> None:
    for time in times:
        add(day(days), *[VIEW.replace("2025-02-26T23:59:00.000Z", time)] * 2, VIEW)
    found = report(days, tmp_path)
    for each in ("timestamp_outside_day", "timestamp_unparseable"):
        failures = [int(row["failed"]) for row in failing(found, each)]
        assert failures == ([2 * len(times)] if each == check else []), each
