"""The report leads to the cause: both orders of a pair, failing rows by file and line, a text for a ticket, a page."""

import csv
import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from browser_kit import needs_browser, visit
from command_kit import add, cells, day, failing, rows, run
from quality.page import Column, columns_of
from synthetic_events import generate

TAG = "<img src=x onerror=alert(1)>"
BIDI = "\u202e"
CLIENT = "1740268798-abcdefghijkl"


def order(number: str, amount: float, token: str, customer: str, hour: int, on: str = "2025-02-26") -> str:
    item = {"item_name": TAG, "item_price": amount, "quantity": 1}
    payload = {"transaction_id": number, "revenue": amount, "items": [item], "user_email": customer * 64}
    page = f"https://checkout.puffy.com/checkouts/cn/{token * 32}/thank-you"
    agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/133.0.0.0 Safari/537.36"
    client = f"17402687{hour:02d}-abcdefghijkl"
    return cells(client, page, "", f"{on}T{hour:02d}:00:00.000Z", "checkout_completed", json.dumps(payload), agent)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """Return days with pairs of orders, events without a client, and hostile texts; their reports; the console."""
    folder = tmp_path_factory.mktemp("evidence")
    data, out = folder / "days", folder / "out"
    generate(data, days=5, events_per_day=300, seed=4, incidents=False)
    add(
        day(data, 3),
        order("ORD-1", 100, "a", "1", 1, "2025-02-25"), order("ORD-2", 50, "b", "2", 2, "2025-02-25"),
        order("ORD-5", 70, "e", "5", 3, "2025-02-25"),
    )  # fmt: skip
    add(
        day(data, 4),
        order("ORD-1", 200, "c", "3", 4),  # a collision
        order("ORD-2", 60, "b", "2", 5),  # an amendment
        order("ORD-2", 60, "b", "2", 6),  # a resubmission
        order("ORD-4", 70, "e", "5", 2),  # a possible duplicate
        cells(CLIENT, "https://puffy.com/jo@example.org/x?a", "", "2025-02-26T08:00:00.000Z", TAG + BIDI, "", "curl/8"),
    )
    text = day(data, 5).read_text(encoding="utf-8")
    header, _, body = text.partition("\n")
    header = header.replace("client_id", "clientId").replace("user_agent", f"my agent: {TAG}")
    day(data, 5).write_text(f"{header}\n{body}", encoding="utf-8")
    view = cells(CLIENT, "https://puffy.com/", "", "2025-02-27T08:00:00.000Z", "page_viewed", "", "curl/8")
    add(day(data, 5), view, order("ORD-9", 90, "f", "6", 98, "2025-02-27").replace("T98", "T09"))
    status, stdout, _ = run("--data_dir", data, "--out_dir", out)
    assert status == 3
    return data, out, stdout


def ticket(found: tuple[Path, Path, str], check: str) -> str:
    """Return the text for a ticket of the incident of a check, from the page."""
    number = failing(rows(found[1]), check)[0]["incident"]
    page = (found[1] / "dq_report.html").read_text(encoding="utf-8")
    text = re.search(f'<pre id="ticket-{number}"[^>]*>(.*?)</pre>', page, re.DOTALL)
    assert text
    return unescape(text[1])


def test_an_incident_is_printed_alone(found: tuple[Path, Path, str], tmp_path: Path) -> None:
    number = failing(rows(found[1]), "possible_duplicate")[0]["incident"]
    status, stdout, _ = run("--data_dir", found[0], "--out_dir", tmp_path, "--quiet", "--incident", number)
    assert status == 3 and stdout == ticket(found, "possible_duplicate") + "\n"


def line_of(data: Path, file: str, number: str) -> str:
    return (data / file).read_text(encoding="utf-8").splitlines()[int(number.replace(",", "")) - 1]


@pytest.mark.parametrize(
    ("check", "orders"),
    [
        ("transaction_id_collision", [("ORD-1", "$100.00"), ("ORD-1", "$200.00")]),
        ("transaction_id_amendment", [("ORD-2", "$50.00"), ("ORD-2", "$60.00")]),
        ("transaction_id_resubmission", [("ORD-2", "$60.00"), ("ORD-2", "$60.00")]),
        ("possible_duplicate", [("ORD-5", "$70.00"), ("ORD-4", "$70.00")]),
    ],
)
def test_both_orders_are_named(found: tuple[Path, Path, str], check: str, orders: list[tuple[str, str]]) -> None:
    named = re.findall(r"(ORD-\d) of (\$[\d.]+) \((\S+), line ([\d,]+)\)", ticket(found, check))
    assert [pair[:2] for pair in named] == orders
    for number, amount, file, line in named:
        received = line_of(found[0], file, line)
        assert number in received and f'"revenue"": {float(amount[1:]):g}' in received
    assert failing(rows(found[1]), check)[0]["example"] == orders[1][0]


def test_a_ticket_has_what_a_person_asks_for(found: tuple[Path, Path, str]) -> None:
    text = ticket(found, "value_invalid")
    assert text.startswith("P1 value_invalid: 1 of ")
    assert "- First failure: 2025-02-26T08:00:00.000Z\n" in text and "- Browsers: curl 100%\n" in text
    assert "- Pages: /.../x 100%\n" in text and "\nWhat to do: " in text
    file, line = re.findall(r"^- (events_\S+), line ([\d,]+): time ", text, re.MULTILINE)[0]
    assert line_of(found[0], file, line).startswith(f"{CLIENT},https://puffy.com/jo@example.org")
    assert "jo@example.org" not in text and CLIENT not in text and BIDI not in text


def test_what_follows_is_listed_under_the_cause(found: tuple[Path, Path, str]) -> None:
    text = ticket(found, "column_renamed")
    assert re.search(r"\nConsequences:\n- orders_lost_to_rename client_id: \d+ of \d+ orders", text)
    assert "also: orders_lost_to_rename" in found[2]


def test_there_may_be_no_such_incident(found: tuple[Path, Path, str], tmp_path: Path) -> None:
    status, stdout, stderr = run("--data_dir", found[0], "--out_dir", tmp_path, "--incident", "0")
    assert (status, stdout) == (2, "") and "--incident 0" in stderr and not list(tmp_path.iterdir())


def test_the_console_is_a_screen(found: tuple[Path, Path, str]) -> None:
    lines = found[2].splitlines()
    assert len(lines) <= 52 and max(map(len, lines)) <= 80
    assert found[2].startswith("RED  5 files, ") and "dq_report.html" in found[2]
    assert re.search(r"^ *and \d+ more \(.*\d+ P\d\), see ", found[2], re.MULTILINE)
    assert not re.search("[\x1b\u202e]|{column}", found[2])


def test_what_to_paste_into_the_contract_is_yaml(found: tuple[Path, Path, str]) -> None:
    (advice,) = {row["advice"] for row in failing(rows(found[1]), "column_missing")}
    pasted = re.search(r"`(synonyms: .*)` to ", advice)
    assert pasted and yaml.safe_load(pasted[1]) == {"synonyms": [{"synonym": f"my agent: {TAG}"}]}


class Page(HTMLParser):
    """The elements of a page, with the text of each kind."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page(found: tuple[Path, Path, str]) -> None:
    text = (found[1] / "dq_report.html").read_text(encoding="utf-8")
    tags = Page(text).tags
    incidents = {row["incident"] for row in rows(found[1]) if row["incident"]}
    ids = [attributes["id"] for _, attributes in tags if attributes.get("id")]
    assert len(ids) == len(set(ids)) and {f"incident-{number}" for number in incidents} <= set(ids)
    targets = {str(attributes["href"]) for tag, attributes in tags if tag == "a"}
    assert {target.removeprefix("#") for target in targets} <= set(ids)
    assert not any(tag in ("img", "iframe", "object") for tag, _ in tags) and "&lt;img src=x" in text
    assert [tag for tag, _ in tags].count("script") == 1 and BIDI not in text
    assert "jo@example.org" not in text and CLIENT not in text
    assert len(text) < 200_000
    assert not re.search(r"(src|href)=[\"']?http", text)


PROBE = """
seen.cells = document.querySelectorAll(".calendar td a").length;
const article = document.querySelector("article:last-of-type");
const details = article.querySelector("details.ticket");
document.querySelector(".calendar tbody a").focus();
seen.focused = document.activeElement.tagName;
details.open = true;
const button = details.querySelector("button");
button.click();
seen.selected = window.getSelection().toString();
window.dispatchEvent(new Event("beforeprint"));
seen.closed = document.querySelectorAll("details:not([open])").length;
window.dispatchEvent(new Event("afterprint"));
seen.closedAgain = document.querySelectorAll("details:not([open])").length;
"""


@needs_browser
@pytest.mark.parametrize("size", ["1280,900", "500,900"])
def test_in_a_browser(found: tuple[Path, Path, str], tmp_path: Path, size: str) -> None:
    seen = visit(found[1] / "dq_report.html", PROBE, tmp_path, size)
    assert seen["cells"] > 5 and seen["focused"] == "A"
    assert seen["selected"].startswith("P") and "What to do: " in seen["selected"]
    assert seen["closed"] == 0 and seen["closedAgain"] > 0


def test_a_long_calendar_has_weeks() -> None:
    first = date(2025, 3, 1)  # a Saturday
    assert columns_of([first, first + timedelta(days=2)]) == [Column(d, d) for d in map(next_day(first), range(3))]
    weeks = columns_of([first, first + timedelta(days=299)])
    assert weeks[:2] == [Column(first, date(2025, 3, 2)), Column(date(2025, 3, 3), date(2025, 3, 9))]
    assert len(weeks) == 44 and weeks[-1].last == first + timedelta(days=299)
    assert all(one.last + timedelta(days=1) == other.first for one, other in pairwise(weeks))


def next_day(first: date) -> Callable[[int], date]:
    return lambda n: first + timedelta(days=n)


def test_a_healthy_week_has_a_page(tmp_path: Path) -> None:
    generate(tmp_path / "days", days=7, events_per_day=2000, seed=1, incidents=False)
    status, stdout, _ = run("--data_dir", tmp_path / "days", "--out_dir", tmp_path)
    text = (tmp_path / "dq_report.html").read_text(encoding="utf-8")
    assert status == 0 and "INCIDENT" not in stdout
    assert ">GREEN<" in text and 'id="incidents"' not in text and "7 files" in text
    assert len(list(csv.reader((tmp_path / "dq_report.csv").open()))) > 100
