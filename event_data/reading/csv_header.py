"""The header line of a file: its names, its delimiter, and what is wrong with it."""

from dataclasses import replace

from event_data.reading.day_file import DayFile, Problem

DELIMITERS = ",;\t|"


def with_header(file: DayFile, body: bytes) -> tuple[DayFile, bool]:
    """Return `file` with the header, delimiter and their problems from `body`, UTF-8 that starts with the header.

    A header is one line. The flag says whether its quotes close on that line, so that DuckDB reads the same header.
    """
    line = body.partition(b"\n")[0].strip(b"\r")
    delimiter, problems = file.delimiter, list(file.problems)
    best = max(DELIMITERS, key=lambda mark: line.count(mark.encode()))
    if delimiter.encode() not in line and best.encode() in line:
        delimiter = best
        problems.append(Problem("delimiter", None, f"is delimited by {delimiter!a}, not {file.delimiter!a}"))
    cells, sound = line.split(delimiter.encode()), True
    if b'"' in line:
        from event_data.reading import csv_record  # needed only for headers with quotes

        parsed = csv_record.parse(line, 0, len(line), delimiter.encode(), None)
        sound = parsed.fault is None
        cells = parsed.fields if sound else [cell.strip(b' "') for cell in cells]
        if not sound:
            problems.append(Problem("header_damaged", 1, "has quotes that do not close in the header"))
    header = tuple(_text(cell).lstrip("\ufeff") for cell in cells)
    if empty := [str(i) for i, name in enumerate(header, 1) if not name.strip()]:
        problems.append(Problem("header_empty_name", 1, f"has no name for column {', '.join(empty[:10])}"))
    if twice := sorted({name for name in header if name.strip() and header.count(name) > 1}):
        names = ", ".join(map(_shown, twice[:5]))
        problems.append(Problem("header_duplicate", 1, f"names a column twice: {names}"))
    return replace(file, header=header, delimiter=delimiter, problems=tuple(problems)), sound


def _text(cell: bytes) -> str:
    try:
        return cell.decode()
    except UnicodeDecodeError:
        return cell.decode("cp1252", "replace")


def _shown(name: str) -> str:
    """Return a name from a file, shortened and safe to print."""
    return ascii(name[:40]) if not name.isprintable() else repr(name[:40])
