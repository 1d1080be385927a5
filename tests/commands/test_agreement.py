"""Parts 1 and 2 agree on which files are read, how many records they hold, and which of these are refused and why.

The engines' tests hold Spark and the printed scripts against part 2 on files of the same kinds.
"""

import shutil
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path

import command_kit
import faults
import pytest
import warehouse_kit
from commands import SCHEMA, query
from synthetic_events import generate
from time_forms import READ, REFUSED

FIRST = date(2025, 1, 1)
Delivery = Callable[[Path], object]
UTF8_AND_LATIN1 = "Mozilla/5.0 (Grüße)".encode() + b"\xe4"


def times(path: Path) -> None:
    """Give the day's first records the times that every part reads, and the next ones those that none reads."""
    lines = path.read_text("utf-8").split("\n")
    at = lines[0].split(",").index("timestamp")
    for number, text in enumerate((*READ, *REFUSED), 1):
        cells = ["" for _ in lines[0].split(",")]
        cells[:2], cells[at], cells[at + 1] = ["t", "https://puffy.com/"], f'"{text}"', "page_viewed"
        lines[number] = ",".join(cells)
    path.write_text("\n".join(lines), "utf-8")


def _bytes(change: Callable[[bytes], bytes]) -> Delivery:
    return lambda path: path.write_bytes(change(path.read_bytes()))


def _lines(*more: str) -> Delivery:
    return _bytes(lambda data: data.rstrip(b"\n") + b"\n" + "\n".join(more).encode() + b"\n")


def _renamed(name: str) -> Delivery:
    return lambda path: path.rename(path.with_name(name.format(path.stem)))


def _beside(name: str) -> Delivery:
    return lambda path: shutil.copy(path, path.with_name(name.format(path.stem)))


def in_parts(path: Path) -> None:
    header, *lines = path.read_text("utf-8").split("\n")
    for part in range(3):
        path.with_name(f"{path.stem}_part{part}.csv").write_text("\n".join([header, *lines[part::3]]), "utf-8")
    path.unlink()


# What deliveries do to a day's file; the catalogue of faults comes besides.
DELIVERIES: dict[str, Delivery] = {
    "times": times,
    "a Latin-1 byte": _bytes(lambda data: data.replace(b"Mozilla", UTF8_AND_LATIN1, 3)),
    "Latin-1": _bytes(lambda data: data.decode().replace("Mozilla", "Mözilla").encode("latin-1")),
    "UTF-16": _bytes(lambda data: data.decode().encode("utf-16")),
    "a byte order mark": _bytes(lambda data: b"\xef\xbb\xbf" + data),
    "NUL bytes": _bytes(lambda data: data.replace(b"Mozilla", b"Moz\0illa", 2)),
    "Windows line endings": _bytes(lambda data: data.replace(b"\n", b"\r\n")),
    "returns alone": _bytes(lambda data: data.replace(b"\n", b"\r")),
    "semicolons": _bytes(lambda data: data.replace(b",", b";")),
    "a surplus empty field": _lines("c,https://puffy.com/,,2025-03-01T00:00:00Z,page_viewed,,x,", "a,b"),
    "no event and no time": _lines("c,https://puffy.com/,,2025-03-01T00:00:00Z,,,x", "c,,,,page_viewed,,x", "c,,,,,,x"),
    "quotes": _lines('a,"open quote,x', 'a,b"c,d,e,f,g,h', 'a,"b"c,d,e,f,g,h', '"c","https://puffy.com/",,,"x",,"y\nz"'),
    "gzip": lambda path: command_kit.packed(path, ".gz"),
    "Zstandard": lambda path: command_kit.packed(path, ".zst"),
    "a zip": _bytes(lambda data: b"PK\x03\x04" + data),
    "nothing": _bytes(lambda data: b""),
    "another case of a name": _bytes(lambda data: data.replace(b"client_id", b"Client_ID", 1)),
    "blanks around names": _bytes(lambda data: data.replace(b"timestamp", b"timestamp ", 1)),
    "a tab in a name": _bytes(lambda data: data.replace(b"event_name", b"event_name\t", 1)),
    "a repeated header": _bytes(lambda data: data + b"\n" + data),
    "HTML": _bytes(lambda data: b"<!doctype html>\n<html>\n<body>\nNot found, sorry\n</body></html>\n"),
    "a copy's name": _renamed("Copy of {}.csv"),
    "a name of no day": _renamed("Events {}.csv"),
    "parts": in_parts,
    "a second delivery": _beside("{} (1).csv"),
    "test orders": _beside("{}.staging.csv"),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("deliveries")
    days = generate(data, days=len(DELIVERIES) + len(faults.FAULTS), events_per_day=120, seed=5, start=FIRST)
    for (_, deliver), path in zip(DELIVERIES.items(), days, strict=False):
        deliver(path)
    for fault, path in zip(faults.FAULTS.values(), days[len(DELIVERIES) :], strict=True):
        fault.apply(path, max(fault.serious, 0.3), 1)
    return data


Counts = dict[str, tuple[int, int, int, int]]  # by file: records, unreadable, without an event, without a time


@pytest.fixture(scope="module")
def reports(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("reports")
    assert command_kit.run("--data_dir", folder, "--out_dir", out, "--quiet")[0] == 3
    return out


@pytest.fixture(scope="module")
def by_part_1(reports: Path) -> Counts:
    keys = ("rows", "unreadable", "no_event_name", "no_readable_time")
    profile = command_kit.rows(reports, "dq_profile.csv")
    missing = {r["file"] for r in command_kit.rows(reports) if (r["check"], r["status"]) == ("file_missing", "fail")}
    return {
        row["file"]: (rows + unreadable, unreadable, no_event, no_time)
        for row in profile
        for rows, unreadable, no_event, no_time in [tuple(int(row[key]) for key in keys)]
        if row["file"] not in missing
    }


@pytest.fixture(scope="module")
def warehouse(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("warehouse") / "w.duckdb"
    assert warehouse_kit.run(folder, path, SCHEMA)[0] == 3
    return path


def test_the_same_files_records_and_refusals(by_part_1: Counts, warehouse: Path) -> None:
    files = query(warehouse, "select name, records from bronze.files")
    rejected = query(warehouse, "select source_file, reason, count(*) from silver.rejected_events group by all")
    refused = Counter({(name, reason): records for name, reason, records in rejected})
    reasons = ("unreadable record", "no event name", "no readable time")
    by_part_2 = {name: (records, *(refused[name, reason] for reason in reasons)) for name, records in files}
    assert len(by_part_2) > 90 and sum(counts[0] for counts in by_part_2.values()) > 10_000
    assert {name: counts for name, counts in by_part_2.items() if by_part_1.get(name) != counts} == {}
    assert by_part_1.keys() == by_part_2.keys()
    times_file = f"events_{FIRST:%Y%m%d}.csv"
    assert by_part_2[times_file][3] == len(REFUSED)


def test_every_line_is_a_record_or_is_named(folder: Path, warehouse: Path) -> None:
    """Each record that is none is kept as text, with its file and line."""
    kept = query(warehouse, "select _source_file, _line, _unreadable from bronze.events where _unreadable is not null")
    ((records,),) = query(warehouse, "select sum(records) from bronze.files")
    assert [(records,)] == query(warehouse, "select count(*) from bronze.events")
    assert len(kept) > 20
    for name, line, text in kept:
        if not name.endswith((".gz", ".zst")) and text.isascii() and "\0" not in text:
            lines = (folder / name).read_bytes().replace(b"\0", b"").split(b"\n")
            first = text.partition("\n")[0][:1000]
            assert lines[line - 1].removesuffix(b"\r").decode("latin-1").startswith(first), (name, line)


def test_what_is_not_read_is_in_both(reports: Path, warehouse: Path) -> None:
    unread = {name for (name,) in query(warehouse, "select name from bronze.unread_files")}
    checks = ("file_unread", "day_delivered_twice")
    failing = [r for r in command_kit.rows(reports) if r["status"] == "fail" and r["check"] in checks]
    messages = [r["message"] for r in failing]
    assert {r["severity"] for r in failing} == {"P1"}
    assert len(unread) >= 4
    assert all(any(name in message for message in messages) for name in unread), (unread, messages)


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"", b"\0" * 100])
def test_a_folder_without_readable_files(content: bytes, tmp_path: Path) -> None:
    for path in generate(data := tmp_path / "data", days=3, events_per_day=5, seed=5, start=FIRST):
        path.write_bytes(content)
    assert command_kit.run("--data_dir", data, "--out_dir", tmp_path)[0] == 3
    (status, _, error), profile = warehouse_kit.run(data, tmp_path / "w.duckdb", SCHEMA), "dq_profile.csv"
    assert (status, error.count("could not be read")) == (3, 3)
    assert [row["rows"] for row in command_kit.rows(tmp_path, profile)] == ["0"] * 3


def test_a_null_written_as_text_is_a_null(warehouse: Path) -> None:
    kept = query(warehouse, "select event_data, _payload from bronze.events where event_data in ('nan', '\\N')")
    assert len(kept) > 50 and {payload for _, payload in kept} == {None}
    ((ids,),) = query(warehouse, "select count(*) from bronze.events where 'NULL' in (client_id, clientId)")
    assert ids > 10
    assert query(warehouse, "select count(*) from silver.events where lower(client_id) = 'null'") == [(0,)]
