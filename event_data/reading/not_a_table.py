"""Recognise what a delivered file is when it is no table: a page, a document, or a table with text around it."""

import re
from collections.abc import Collection

MAGIC = {
    b"%PDF": "a PDF",
    b"PAR1": "a Parquet file",
    b"ORC": "an ORC file",
    b"Obj\x01": "an Avro file",
    b"SQLite format 3": "an SQLite database",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls)",
    b"{\\rtf": "a rich text document",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
}
ZIP, WORKBOOK = b"PK\x03\x04", b"[Content_Types].xml"
HTML = re.compile(rb"\s*(?:<[?]xml[^>]*>\s*)?<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
XML = re.compile(rb"\s*<(?:[?]xml|!--|[a-z][\w:.-]*[\s/>])", re.IGNORECASE)
SPREADSHEET = b"urn:schemas-microsoft-com:office:spreadsheet"
JSON = re.compile(rb'\s*(?:\{\s*["}]|\[\s*[\[{"\]])')
# What only a record has: an address, or a time.
RECORD = re.compile(rb"https?://|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}")
# A total, a count of rows, or an end mark below the records. Spark looks for the same.
_TOTALS = "(?:grand |sub ?)?totals?|sum|summe|gesamt|total general|end of (?:file|report|data)"
FOOTER = rf'^[\s"(]*(?:(?:{_TOTALS})(?:[\s":,;|)]|$)|[0-9][0-9,. ]* (?:rows?|records?|lines?|events?)\b)'
_FOOTER = re.compile(FOOTER.encode(), re.IGNORECASE)
MOST_LINES_BEFORE, MOST_LINES_AFTER = 50, 5
_CELLS = re.compile(r"[,;\t|]")


def kind_of_bytes(start: bytes) -> str | None:
    """Return what a file is by its first bytes, if these are no text; None if they may be."""
    if start.startswith(ZIP):
        return "an Excel workbook (.xlsx)" if WORKBOOK in start else "a zip or xlsx file"
    return next((what for magic, what in MAGIC.items() if start.startswith(magic)), None)


def kind_of_text(start: bytes) -> str | None:
    """Return what a text is if it is markup or JSON; None if it may be a CSV."""
    if HTML.match(start):
        return "an HTML page"
    if XML.match(start):
        return "a spreadsheet saved as XML" if SPREADSHEET in start else "an XML document"
    return "JSON" if JSON.match(start) else None


def lines_before_header(start: bytes, names: Collection[str]) -> int | None:
    """Return how many lines precede the header, the first line with two of these names; None if there is none.

    `names` are in lower case. One of them in the first line makes that the header.
    """
    lines = start.split(b"\n")[: MOST_LINES_BEFORE + 1]
    known = [_known(line, names) for line in lines]
    if known[0]:
        return 0
    return next((number for number, count in enumerate(known) if count >= 2), None)


def _known(line: bytes, names: Collection[str]) -> int:
    return len(
        {cell.strip(' "\r\ufeff').lower() for cell in _CELLS.split(line.decode("utf-8", "replace"))} & set(names)
    )


def is_record(line: bytes) -> bool:
    """Return whether a first line looks like a record, so that the file has no header."""
    return RECORD.search(line) is not None


def lines_of_footer(tail: bytes) -> int:
    """Return how many lines at the end of a file are totals; blank lines between them count."""
    lines = tail.rstrip(b"\r\n").split(b"\n")[-MOST_LINES_AFTER:]
    count = 0
    for number, line in enumerate(reversed(lines), 1):
        if _FOOTER.match(line):
            count = number
        elif line.strip(b"\r "):
            break
    return count
