"""Files that are not tables are recognised by their first bytes; text above the header and totals below are skipped."""

from dataclasses import replace
from pathlib import Path

import pytest
from reading_kit import day_file, problems_of, rows_of

from event_data.reading.day_file import DayFile
from event_data.reading.not_a_table import kind_of_bytes, kind_of_text, lines_before_header, lines_of_footer
from event_data.reading.survey import recover, survey

NAMES = frozenset(("client_id", "page_url", "event_name"))
TABLE = b"client_id,page_url,event_name\na,https://a.example/,view\nb,https://b.example/,view\n"


def read(data: bytes, tmp_path: Path) -> DayFile:
    path = tmp_path / "events_20250301.csv"
    path.write_bytes(data)
    file = survey(day_file(path), ",", tmp_path / "work", names=NAMES)
    return recover(file, tmp_path / "work") if file.damaged else file


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"<!DOCTYPE html>\n<html>", "an HTML page"),
        (b"\n <HTML lang='en'>", "an HTML page"),
        (b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC', "an HTML page"),
        (b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code>', "an XML document"),
        (b'<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">', "a spreadsheet saved as XML"),
        (b'{"client_id": 1}\n', "JSON"),
        (b'[\n  {"client_id": 1}', "JSON"),
        (b"client_id,page_url\n", None),
        (b'"<client>",page_url\n', None),
        (b"<5 minutes,page_url\n", None),
        (b"{braces},page_url\n", None),
    ],
)
def test_the_kind_of_a_text(start: bytes, kind: str | None) -> None:
    assert kind_of_text(start) == kind


def test_the_kind_of_bytes() -> None:
    assert kind_of_bytes(b"PK\x03\x04\x14\0\6\0[Content_Types].xml") == "an Excel workbook (.xlsx)"
    assert kind_of_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1") == "an old Excel workbook (.xls)"
    assert kind_of_bytes(b"client_id,page_url") is None


@pytest.mark.parametrize(
    ("start", "lines"),
    [
        (b"client_id,other\n", 0),
        (b"Client_ID;Page_URL\n1;2\n", 0),
        (b'sep=;\n"client_id";"page_url"\n', 1),
        (b"Report\n\nfrom,to\nclient_id,page_url\n", 3),
        (b"a,https://a.example/,view\nb,https://b.example/,view\n", None),
        (b"report of client_id\nother,names\n", None),
    ],
)
def test_the_lines_before_a_header(start: bytes, lines: int | None) -> None:
    assert lines_before_header(start, NAMES) == lines


@pytest.mark.parametrize(
    ("tail", "lines"),
    [
        (b"a,b\nc,d\n", 0),
        (b"a,b\nTotal,12\n", 1),
        (b"a,b\n\n\"Grand total\";12\n\n(3570 rows)\n\n", 3),
        (b"a,b\nSumme: 12\r\n", 1),
        (b"Total,1\na,b\n", 0),
        (b"a,b\ntotally,different\n", 0),
        (b"a,b\n1740268798-abc,page\n", 0),
    ],
)  # fmt: skip
def test_the_lines_of_a_footer(tail: bytes, lines: int) -> None:
    assert lines_of_footer(tail) == lines


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf", b"\n\n"])
def test_the_records_between_are_read(mark: bytes, newline: bytes, tmp_path: Path) -> None:
    """Rows keep their physical lines, whatever precedes the header."""
    above, below = b"Report: events\nby,day\n\n", b"\nTotal,,\n2 rows\n"
    file = read((mark + above + TABLE + below).replace(b"\n", newline), tmp_path)
    first = mark.count(b"\n") + 4
    assert rows_of(file) == [("a", "https://a.example/", "view"), ("b", "https://b.example/", "view")]
    assert [file.physical_line(1), file.physical_line(2)] == [first + 1, first + 2]
    assert (file.records, file.rejected, file.header) == (4, 2, ("client_id", "page_url", "event_name"))
    found = [problem for problem in problems_of(file) if problem[0] in ("preamble", "footer")]
    assert found == [("preamble", first), ("footer", first + 4), ("footer", first + 5)]


def test_a_file_without_a_header_is_refused(tmp_path: Path) -> None:
    file = read(TABLE.partition(b"\n")[2], tmp_path)
    assert problems_of(file) == [("not_csv", None)] and file.refused == "has no header: its first line is a record"
    assert replace(file, problems=()).readable is None
