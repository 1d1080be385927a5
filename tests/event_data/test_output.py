"""Files written whole, text made safe, tables and paragraphs, and the page that all pages are made of."""

import base64
import hashlib
import re
from decimal import Decimal
from pathlib import Path

import pytest
from markupsafe import Markup

from event_data.money import Currency
from event_data.output import paragraph, short_path, spreadsheet_safe, table, templates, verdict, write_atomically
from event_data.page import render_page


def test_a_file_is_complete_or_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    assert write_atomically(path, "one\r\n") == path
    assert path.read_bytes() == b"one\r\n"
    write_atomically(path, lambda beside: beside.write_bytes(b"two"))
    assert path.read_bytes() == b"two"

    def fail(beside: Path) -> None:
        beside.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_atomically(path, fail)
    assert path.read_bytes() == b"two" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileNotFoundError) as error:
        write_atomically(tmp_path / "none" / "b.txt", "text")
    assert error.value.filename == str(tmp_path / "none" / "b.txt")


def test_a_path_is_as_short_as_it_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path / "in")
    assert short_path(tmp_path / "in" / "x" / "y.csv") == str(Path("x", "y.csv"))
    assert short_path(tmp_path / "y.csv") == str(tmp_path / "y.csv")


def test_no_formula_reaches_a_spreadsheet() -> None:
    for text in ("=1+1", "+1", "-1", "@a", "\tx", "\rx"):
        assert spreadsheet_safe(text) == "'" + text
    for text in ("", "a=1", "1-1", " =1", "'=1"):
        assert spreadsheet_safe(text) == text


def test_a_table_has_columns_and_fits() -> None:
    rows = [("counted", "294", "$294,461.40"), ("[b]not markup[/b] \x1b[31m", "1", "-")]
    lines = table(("ledger", "orders", "amount"), rows, 80, right=(1, 2))
    assert lines == [
        "  ledger                   orders       amount",
        "  counted                     294  $294,461.40",
        "  [b]not markup[/b] ?[31m       1            -",
    ]
    narrow = table(("name", "n", "text"), [("a", "1", "one two three four five six seven")], 24, right=(1,))
    assert len(narrow) > 2 and max(map(len, narrow)) <= 24
    assert " ".join(" ".join(narrow[1:]).split()) == "a 1 one two three four five six seven"


def test_a_paragraph_wraps_and_hangs() -> None:
    text = paragraph("-> one two three four \x07five", 14, 2, 5)
    assert text.splitlines() == ["  -> one two", "     three", "     four", "     ?five"]


def test_a_verdict_has_colour_on_request() -> None:
    assert verdict("RED", colour=False) == "RED"
    assert verdict("RED", colour=True) == "\033[1;31mRED\033[0m"


def test_a_page_escapes_all_but_markup(tmp_path: Path) -> None:
    (tmp_path / "mine.html").write_text(
        '{% extends "base.html" %}{% block main %}{{ body }}, {{ rows | length }} rows{% endblock %}'
    )
    page = templates(tmp_path, autoescape=True).get_template("mine.html")
    text = render_page(page, "<A & B>", ("run('<b>')\r\n",), body=Markup("<p>body</p>"), footer="<i>", rows=[1, 2])
    assert text.startswith("<!doctype html>")
    assert "<title>&lt;A &amp; B&gt;</title>" in text and "<h1>&lt;A &amp; B&gt;</h1>" in text
    assert "\n<p>body</p>, 2 rows\n" in text and "&lt;i&gt;" in text
    assert "prefers-color-scheme: dark" in text and "@media print" in text
    assert "http" not in text.replace("http-equiv", "")
    assert "&lt;p&gt;" in render_page(page, "x", body="<p>", rows=[])
    # The page allows the scripts by their digest, and no other.
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert scripts[-1] == "run('<b>')\n" and len(scripts) == 2
    assert "script-src " + " ".join(f"'sha256-{digest}'" for digest in digests) + ";" in text


def test_a_template_kept_as_plain_text_is_compiled_again_for_a_page(tmp_path: Path) -> None:
    """The bytecode of one way to escape must not serve another: names of the data would become markup."""
    (tmp_path / "mine.txt").write_text("{{ name }}")
    texts = [
        templates(tmp_path, **options).get_template("mine.txt").render(name="<b>")
        for options in ({}, {"autoescape": True}, {"finalize": len}, {})
    ]
    assert texts == ["<b>", "&lt;b&gt;", "3", "<b>"]


def test_a_cell_may_be_paragraphs_and_a_severity_has_a_colour() -> None:
    rows = [("P0", ["one two three four", "-> do\x1bit"], "$1.00"), ("x", "P0 is no severity here", "-")]
    plain = table(("SEV", "WHAT", "STAKE"), rows, 26, right=(2,), indent=0)
    assert plain == [
        "SEV  WHAT            STAKE", "P0   one two three   $1.00", "     four", "     -> do?it",
        "x    P0 is no            -", "     severity here",
    ]  # fmt: skip
    coloured = table(("SEV", "WHAT", "STAKE"), rows, 26, right=(2,), indent=0, colour=True)
    assert [re.sub("\x1b\\[[0-9;]*m", "", line).rstrip() for line in coloured] == plain
    assert coloured[1].startswith("\x1b[1;31mP0") and sum("\x1b" in line for line in coloured) == 1


def test_amounts_in_words() -> None:
    dollars, francs = Currency(), Currency("CHF ")
    assert [dollars.exact(x) for x in (Decimal("19512.4"), -3, 0.0, None)] == [
        "$19,512.40", "-$3.00", "$0.00", "unknown",
    ]  # fmt: skip
    assert dollars.exact(1234.5, 0) == "$1,234" and francs.exact(1) == "CHF 1.00"
    found = [dollars.short(x) for x in (950, 19_512, Decimal(294_461), 2_500_000, -1500, 999.6, 99_960, 999_600)]
    assert found == ["$950", "$19.5k", "$294k", "$2.5M", "-$1.5k", "$1.0k", "$100k", "$1.0M"]
