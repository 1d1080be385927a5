"""reading.py: the day's files are found, and classified by their bytes: sound, damaged, or nothing to read."""

import gzip
import os
import zlib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from reading_kit import GOOD, HEAD, day_file, problems_of, read

from event_data.reading import byte_scan, unpacking
from event_data.reading import survey as reading
from event_data.reading.day_file import ReadingError
from event_data.reading.folder import find_book_files, find_files
from event_data.reading.survey import recover, survey

# ---- the folder


def test_a_long_name_is_read_once(tmp_path: Path) -> None:
    """Digits are a number and a hash: a test of every way to read a name of many would never end."""
    names = [f"events_20250301{'_12345678' * 25}{end}.csv" for end in ("", "x")]
    for name in names:
        (tmp_path / name).touch()
    folder = find_files(tmp_path, "events_%Y%m%d.csv")
    assert [[f.name for f in folder.files], [u.name for u in folder.unread]] == [names[:1], names[1:]]


def test_find_files(tmp_path: Path) -> None:
    names = [
        "events_20250302.csv", "events_20250301.csv", "events_20250301.csv.gz", "events_20250301 (1).csv",
        "events_20250301_copy.csv", "events_20250303.CSV", "Copy of events_20250301.csv",
        "events_20250301 - Copy (2).csv", "events_20250301_v2.csv",
    ]  # fmt: skip
    other = [
        "events_2025031.csv", "events_20251301.csv", "notes.txt", ".events_20250301.csv", "events_20250301.csv~",
        "events_20250301_summary.csv", "events_20250301.csv.part", "events_202503011.csv", "events_20250304_2.csv",
    ]  # fmt: skip
    for name in names + other:
        (tmp_path / name).touch()
    (tmp_path / "events_20250310.csv").mkdir()
    (tmp_path / "events_20250311.csv").symlink_to(tmp_path / "nowhere")
    (tmp_path / "events_20250312.csv").symlink_to(tmp_path / "notes.txt")
    os.mkfifo(tmp_path / "events_20250313.csv")
    folder = find_files(tmp_path, "events_%Y%m%d.csv", ["*_summary.csv", "*04_2.csv"])
    assert [file.name for file in folder.files] == [
        "events_20250301.csv",
        *sorted(name for name in names if "20250301" in name and name != "events_20250301.csv"),
        "events_20250302.csv",
        "events_20250303.CSV",
        "events_20250312.csv",
    ]
    assert [file.day.day for file in folder.files] == [1] * 7 + [2, 3, 12]
    assert [file.file_id for file in folder.files[:8]] == [*range(20250301000, 20250301007), 20250302000]
    misnamed = (
        "events_2025031.csv events_20251301.csv events_20250301.csv~ events_20250301.csv.part events_202503011.csv"
    )
    assert {unread.name: unread.reason for unread in folder.unread} == {
        **dict.fromkeys(misnamed.split(), "its name is not like events_%Y%m%d.csv"),
        "events_20250310.csv": "it is a folder",
        "events_20250311.csv": "it cannot be read (No such file or directory)",
        "events_20250313.csv": "it is not a regular file",
    }


@pytest.mark.parametrize(
    "name",
    [
        "events_20250301_part1.csv", "events_20250301-part-00003-of-00010.csv", "events_20250301-000000000000.csv",
        "events_20250301_13.csv", "events_20250301T13.csv", "events_20250301_hour07.csv.gz",
        "events_20250301.part-0001-3f2a9c4e77aa.csv.zst",
    ],
)  # fmt: skip
def test_parts_hours_and_shards_are_read(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    (file,) = find_files(tmp_path, "events_%Y%m%d.csv").files
    assert (file.day, file.number) == (date(2025, 3, 1), 0)


def test_files_of_other_objects_are_not_event_files(tmp_path: Path) -> None:
    names = ["orders_20250302.csv", "orders_20250301.csv.gz", "orders_20250301.csv", "events_20250301.csv"]
    for name in [*names, "refunds_20250301.csv"]:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (3, 3))
    folder = find_files(tmp_path, "events_%Y%m%d.csv", (), ["orders_%Y%m%d.csv"])
    assert [file.name for file in folder.files] == names[3:]
    assert [unread.name for unread in folder.unread] == ["refunds_20250301.csv"]
    books = find_book_files(tmp_path, "orders_%Y%m%d.csv")
    assert [(file.name, file.number) for file in books] == [(names[2], 0), (names[1], 1), (names[0], 2)]
    os.utime(tmp_path / names[2], (2, 2))  # without a date in the name, the newer file has the later state
    assert next(file.name for file in find_book_files(tmp_path, "orders*.csv")) == names[2]
    assert find_book_files(tmp_path, "invoices*.csv") == ()


@pytest.mark.parametrize(
    "name", ["events_20250301.staging.csv", "events_20250301_test.csv", "orders.csv", "x-2025-03-01.json"]
)
def test_what_looks_like_data_and_is_not_read_is_named(name: str, tmp_path: Path) -> None:
    for one in (name, "events_20250301.csv", "dq_report.csv", "dq_profile.csv", "notes.txt", "warehouse.duckdb"):
        (tmp_path / one).touch()
    folder = find_files(tmp_path, "events_%Y%m%d.csv")
    assert [file.name for file in folder.files] == ["events_20250301.csv"]
    assert [unread.name for unread in folder.unread] == [name]


def test_a_day_has_a_thousand_files_at_most(tmp_path: Path) -> None:
    for number in range(1001):
        (tmp_path / f"events_20250301_{number:04}.csv").touch()
    with pytest.raises(ReadingError, match="1,001 files of 2025-03-01"):
        find_files(tmp_path, "events_%Y%m%d.csv")


def test_find_files_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder, word in (
        (tmp_path / "no", "does not exist"),
        (tmp_path / "file", "not a folder"),
        (tmp_path, "has no file named like .*--init. It has 'other.csv', 'file'"),
        (Path("a\udcff"), "cannot be read"),
    ):
        (tmp_path / "other.csv").touch()
        with pytest.raises(ReadingError, match=word):
            find_files(folder, "events_%Y%m%d.csv")


# ---- one file


@pytest.mark.parametrize(
    "data", [HEAD + b"1,2,3\n4,5,6\n", HEAD + b"1,2,3\n4,5,6", HEAD + b'1,"2",3\n4,5,"6"', HEAD + b"1,2,3\n4,5,6\n\n\n"]
)
def test_healthy(data: bytes, tmp_path: Path) -> None:
    file, rows = read(data, tmp_path)
    assert rows == GOOD
    assert (file.readable, file.regular, file.problems, file.records) == (file.path, True, (), 2)
    assert file.header == ("a", "b", "c") and file.size == len(data)
    assert [file.physical_line(k) for k in (1, 2)] == [2, 3]


@pytest.mark.parametrize(
    ("data", "problems"),
    [
        (b"\xef\xbb\xbf" + HEAD + b"1,2,3\n4,5,6", [("bom", None)]),
        (b"\xef\xbb\xbf" * 2 + HEAD + b"1,2,3\n4,5,6", [("bom", None)]),
        (b'\xef\xbb\xbf"a",b,c\n1,2,3\n4,5,6', [("bom", None)]),
        ((HEAD + b"1,2,3\n4,5,6").replace(b"\n", b"\r\n"), [("line_ends", None)]),
        ((HEAD + b"1,2,3\n4,5,6\n\n").replace(b"\n", b"\r\n"), [("line_ends", None)]),
        ((HEAD + b"1,2,3\n4,5,6\n").replace(b"\n", b"\r"), [("line_ends", None)]),
        (HEAD + b"1,2,3\r\n4,5,6\n", [("line_ends", None)]),
        (HEAD + b"1,2,3\n4,5,6\r", []),
        ((HEAD + b"1,2,3\n4,5,6").decode().encode("utf-16"), [("utf_16", None)]),
        ((HEAD + b"1,2,3\n4,5,6").decode().encode("utf-16-be"), [("utf_16", None)]),
        ((HEAD + b"1,2,3\n4,5,6").decode().encode("utf-32"), [("utf_16", None)]),
        ((HEAD + b"1,2,3\n4,5,6").replace(b",", b";"), [("delimiter", None)]),
        ((HEAD + b"1,2,3\n4,5,6").replace(b",", b"\t"), [("delimiter", None)]),
        ((HEAD + b"1,2,3\n4,5,6").replace(b",", b"|"), [("delimiter", None)]),
        (b"\n \r\n" + HEAD + b"1,2,3\n4,5,6", [("blank_lines", None)]),
        (HEAD + b"1,2,3\n\n   \n4,5,6\n\n", [("blank_lines", None)]),
        (HEAD + b'1, "2" ,3\n4,5,6\n', []),
        (HEAD + b"\x001,2,\x003\n4,5,6", [("nul_byte", 2)]),
        (gzip.compress(HEAD + b"1,2,3\n4,5,6", mtime=0), [("misnamed_archive", None)]),
    ],
)
def test_loss_free(data: bytes, problems: list[tuple[str, int | None]], tmp_path: Path) -> None:
    file, rows = read(data, tmp_path)
    assert rows == GOOD
    assert file.header == ("a", "b", "c")
    assert (file.records, file.rejected) == (2, 0)
    assert problems_of(file) == problems
    assert sum(problem.rows_lost or 0 for problem in file.problems) == 0


@pytest.mark.parametrize(
    ("data", "header", "problems"),
    [
        (b"", (), ["empty"]),
        (b"\n\r\n \n", (), ["empty"]),
        (b"\0\0\0", (), ["empty"]),
        (b"\xef\xbb\xbf", (), ["bom", "empty"]),
        (HEAD, ("a", "b", "c"), ["no_records"]),
        (b"a,b,c", ("a", "b", "c"), ["no_records"]),
        (b"\r\n" + HEAD, ("a", "b", "c"), ["blank_lines", "no_records"]),
        (b"PK\x03\x04 rest", (), ["not_csv"]),
        (b"x" * 2_000_000, (), ["not_csv"]),
        (b"\0" * 3_000_000, (), ["not_csv"]),
        (gzip.compress(b"", mtime=0), (), ["misnamed_archive", "empty"]),
    ],
)
def test_nothing_to_read(data: bytes, header: tuple[str, ...], problems: list[str], tmp_path: Path) -> None:
    file, rows = read(data, tmp_path)
    assert (rows, file.records, file.header) == ([], 0, header)
    assert [kind for kind, _ in problems_of(file) if kind != "line_ends"] == problems


@pytest.mark.parametrize(
    ("line", "header", "problems"),
    [
        (b"a,b,a", ("a", "b", "a"), ["header_duplicate"]),
        (b"a,, ", ("a", "", " "), ["header_empty_name"]),
        (b'"a,b",c,d', ("a,b", "c", "d"), []),
        (b'a," b""",c', ("a", ' b"', "c"), []),
        (b'a,"b,c', ("a", "b", "c"), ["header_damaged"]),
        (b"a,caf\xe9,c", ("a", "café", "c"), ["encoding"]),
    ],
)
def test_headers(line: bytes, header: tuple[str, ...], problems: list[str], tmp_path: Path) -> None:
    file, rows = read(line + b"\n1,2,3\n4,5,6\n", tmp_path)
    assert rows == GOOD and file.header == header
    assert [kind for kind, _ in problems_of(file)] == problems
    assert file.physical_line(2) == 3


def test_single_column(tmp_path: Path) -> None:
    file, rows = read(b"a\n1\n\n2\n", tmp_path)
    assert rows == [("1",), ("",), ("2",)] and file.problems == ()
    assert recover(file, tmp_path / "work").records == 3


def test_gzip(tmp_path: Path) -> None:
    packed = gzip.compress(HEAD + b"1,2,3\n") + gzip.compress(b"4,5,6\n") + b"\0" * 5
    file, rows = read(packed, tmp_path, "events_20250301.csv.gz")
    assert rows == GOOD and file.problems == () and file.regular
    file, rows = read(HEAD + b"1,2,3\n4,5,6", tmp_path, "events_20250302.csv.gz")
    assert rows == GOOD and problems_of(file) == [("misnamed_archive", None)]
    body = HEAD + os.urandom(4000).hex().encode().replace(b"a", b",x,y\n")
    for cut in (packed[:20], gzip.compress(body)[:-1000], gzip.compress(body)[:-8] + b"x" * 8):
        file, rows = read(cut, tmp_path, "events_20250303.csv.gz")
        assert "archive_broken" in [problem.kind for problem in file.problems if problem.rows_lost is None]
        assert len(rows) == file.rows


def test_gzip_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    squeeze = zlib.compressobj(9, wbits=31)
    bomb = squeeze.compress(b"\0" * 40_000_000) + squeeze.flush()
    file, _ = read(bomb, tmp_path, "events_20250301.csv.gz")
    assert problems_of(file) == [("archive_bomb", None)]
    assert file.readable is None and not list((tmp_path / "work").iterdir())
    monkeypatch.setattr(unpacking, "MOST_BYTES", 1000)
    file, _ = read(gzip.compress(os.urandom(2000)), tmp_path, "events_20250301.csv.gz")
    assert problems_of(file) == [("archive_bomb", None)]


def test_unreadable(tmp_path: Path) -> None:
    gone = survey(day_file(tmp_path / "no.csv"), ",", tmp_path)
    assert problems_of(gone) == [("unreadable", None)] and gone.problems[0].rows_lost is None
    os.mkfifo(tmp_path / "pipe")
    assert problems_of(survey(day_file(tmp_path / "pipe"), ",", tmp_path)) == [("unreadable", None)]


def test_contracts_own_delimiter(tmp_path: Path) -> None:
    file, rows = read(b'a;b;c\n1;"2,;";3\n4;5\n', tmp_path, delimiter=";")
    assert rows == [("1", "2,;", "3")] and problems_of(file) == [("ragged", 3)]


def test_changed_while_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events_20250301.csv"
    path.write_bytes(HEAD + b"1,2,3\n")
    count = byte_scan.count_bytes

    def grow(*args: Any) -> byte_scan.Bytes:
        seen = count(*args)
        path.write_bytes(HEAD + b"1,2,3\n4,5,6\n")
        return seen

    monkeypatch.setattr(reading, "count_bytes", grow)
    assert problems_of(survey(day_file(path), ",", tmp_path)) == [("changed", None)]


def test_odd_names_and_nothing_beside_the_data(tmp_path: Path) -> None:
    folder = tmp_path / "a [b]*'?"
    folder.mkdir()
    file, rows = read(HEAD + b"1,2,3\n4,5\n", folder, "x[1]*?'\".csv")
    assert rows == [("1", "2", "3")] and file.rejected == 1
    assert sorted(path.name for path in folder.iterdir()) == ["work", "x[1]*?'\".csv"]
