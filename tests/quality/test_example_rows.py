"""Rows that are read again are the right ones, and what is shown of them names no person."""

from datetime import date
from pathlib import Path

import pytest
from quality import example_rows
from quality.example_rows import browser, earliest, masked, masked_address, path_of, read_rows

from event_data.reading.day_file import DayFile


def file_of(path: Path, text: str, multiline: bool = False) -> DayFile:
    path.write_bytes(text.encode())
    return DayFile("a.csv", path, date(2025, 3, 1), header=("a", "b"), readable=path, multiline=multiline)


@pytest.mark.parametrize("chunk", [1, 2, 5, 1 << 18])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_record_is_read_by_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, end: str) -> None:
    monkeypatch.setattr(example_rows, "CHUNK", chunk)
    file = file_of(tmp_path / "a.csv", end.join(["a,b", "1,one", '2,"two, too"', "3", "4,ü"]))
    assert read_rows(file, {1, 2, 3, 4, 9}) == {
        1: {"a": "1", "b": "one"}, 2: {"a": "2", "b": "two, too"}, 4: {"a": "4", "b": "ü"},
    }  # fmt: skip
    assert read_rows(file, {4}) == {4: {"a": "4", "b": "ü"}}


def test_a_record_may_span_lines(tmp_path: Path) -> None:
    file = file_of(tmp_path / "a.csv", 'a,b\n1,"one\nmore"\n2,two\n', multiline=True)
    assert read_rows(file, {2}) == {2: {"a": "2", "b": "two"}}
    assert read_rows(file, {1}) == {1: {"a": "1", "b": "one\nmore"}}


def test_a_line_without_an_end_fits_into_memory(tmp_path: Path) -> None:
    long = "x" * (3 * example_rows.LONGEST)
    file = file_of(tmp_path / "a.csv", f"a,b\n1,{long}\n2,two")
    assert read_rows(file, {1, 2}) == {2: {"a": "2", "b": "two"}}


def test_an_address_shows_no_person() -> None:
    shown = {
        "https://shop.de/products/the-long-name-of-a-mattress?utm_source=x&email=jo@x.de#top":
            "shop.de/products/the-long-name-of-a-mattress?utm_source&email",
        "https://shop.de/account/jo@x.de/orders": "shop.de/account/.../orders",
        "https://shop.de/checkouts/cn/Z2NwLXVzLWNlbnRyYWwxOjAxSk0/thank-you": "shop.de/checkouts/cn/.../thank-you",
        "https://shop.de/tel/01701234567?01701234567=1": "shop.de/tel/...?...",
        "\u202egnp.exe": "?gnp.exe",
        "": "",
    }  # fmt: skip
    assert {url: masked_address(url) for url in shown} == shown
    assert path_of("https://shop.de/a?b=c") == "/a" and path_of("https://shop.de") == "/"
    assert masked("1740268798-lvfV1k5n") == "1740******-***..." and masked("") == ""


def test_a_browser_has_a_name() -> None:
    webkit = "AppleWebKit/537.36 (KHTML, like Gecko)"
    agents = {
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/133.0.0.0 Safari/537.36": "Chrome on Windows",
        f"Mozilla/5.0 (Windows NT 10.0) {webkit} Chrome/133.0.0.0 Safari/537.36 Edg/133.0.0.0": "Edge on Windows",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605 Safari/604": "Safari on iOS",
        "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)": "AhrefsBot",
        "curl/8.5": "curl",
        "Mozilla": "another browser",
    }  # fmt: skip
    assert {agent: browser(agent) for agent in agents} == agents


def test_the_earliest_time() -> None:
    assert earliest(["2025-03-01T09:00:00Z", "2025-03-01T09:30:00+02:00"]) == "2025-03-01T09:30:00+02:00"
    assert earliest(["1:05 PM", "11:00 AM"]) == "1:05 PM"  # unknown forms: the first one
    assert earliest([]) == ""
