"""reading.py: whatever the bytes, every record is readable or reported, and nothing raises or hangs."""

import glob
import gzip
import os
import tempfile
import time
import zlib
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import byte_scan
import duckdb
import pytest
import reading
import recovery
import unpacking
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from reading import DayFile, ReadingError, find_files, physical_line, recover, survey

DAY = date(2025, 3, 1)
HEAD = b"a,b,c\n"
con = duckdb.connect()


def rows_of(file: DayFile) -> list[tuple[str, ...]]:
    """What DuckDB reads with the options that reading.py recommends."""
    if file.readable is None:
        return []
    columns = {f"c{i}": "VARCHAR" for i in range(len(file.header))}
    rows = con.execute(
        f"select * from read_csv(?, auto_detect=false, columns={columns}, header=true, delim=?, quote='\"', "
        f"escape='\"', compression='none', parallel={not file.multiline})",
        [glob.escape(str(file.readable)), file.delimiter],
    ).fetchall()
    return [tuple(value or "" for value in row) for row in rows]


def read(
    data: bytes, tmp_path: Path, name: str = "events_20250301.csv", delimiter: str = ","
) -> tuple[DayFile, list[tuple[str, ...]]]:
    """The protocol of the caller: survey, DuckDB, and recover when they disagree."""
    path, work = tmp_path / name, tmp_path / "work"
    path.write_bytes(data)
    file = survey(path, DAY, delimiter, work)
    if file.damaged:
        assert file.readable is None
        file = recover(file, delimiter, work)
    try:
        rows = rows_of(file)
        if len(rows) == file.rows:
            return file, rows
    except duckdb.Error:
        pass
    file = recover(file, delimiter, work)
    return file, rows_of(file)


def told(file: DayFile) -> list[tuple[str, int | None]]:
    return [(problem.kind, problem.line) for problem in file.problems]


GOOD = [("1", "2", "3"), ("4", "5", "6")]


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"1,2,3\n4,5,6\n",
        HEAD + b"1,2,3\n4,5,6",
        HEAD + b'1,"2",3\n4,5,"6"',
        HEAD + b"1,2,3\n4,5,6\n\n\n",
    ],
)
def test_healthy(data: bytes, tmp_path: Path) -> None:
    file, rows = read(data, tmp_path)
    assert rows == GOOD
    assert (file.readable, file.regular, file.problems, file.records) == (file.path, True, (), 2)
    assert file.header == ("a", "b", "c") and file.size == len(data)
    assert [physical_line(file, k) for k in (1, 2)] == [2, 3]


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
        (gzip.compress(HEAD + b"1,2,3\n4,5,6"), [("misnamed_gzip", None)]),
    ],
)
def test_loss_free(data: bytes, problems: list[tuple[str, int | None]], tmp_path: Path) -> None:
    file, rows = read(data, tmp_path)
    assert rows == GOOD
    assert file.header == ("a", "b", "c")
    assert (file.records, file.rejected) == (2, 0)
    assert told(file) == problems
    assert sum(problem.rows_lost or 0 for problem in file.problems) == 0


def test_carriage_returns_inside_fields_stay(tmp_path: Path) -> None:
    _, rows = read(HEAD + b'1,"2\r\n2\r",3\n4,5\r,6\n', tmp_path)
    assert rows == [("1", "2\r\n2\r", "3"), ("4", "5\r", "6")]


@pytest.mark.parametrize(
    ("data", "problems", "lines"),
    [
        # a bad line among two good ones: what is told, and where the good rows stand
        (b"1,2,3\n4,5\n4,5,6\n", [("ragged", 3)], [2, 4]),
        (b"1,2,3\n4,5,6,7\n4,5,6\n", [("ragged", 3)], [2, 4]),
        (b'1,2,3\n4,"5"x,6\n4,5,6\n', [("stray_quote", 3)], [2, 4]),
        (b'1,2,3\n4,x,5"6",6\n4,5,6\n', [("stray_quote", 3)], [2, 4]),
        (b'1,2,3\n4,"5,6\n4,5,6\n', [("unterminated_quote", 3)], [2, 4]),
        (b'1,2,3\n4,"5\\"x",6\n4,5,6\n', [("stray_quote", 3)], [2, 4]),
        (b'1,2,3\n"\n4,5,6\n', [("unterminated_quote", 3)], [2, 4]),
        (b'1,2,3\n4,5,"6\n4,5,"6"\n', [("unterminated_quote", 3)], [2, 4]),
        (b"1,2,3\n4,5,6\n7,8", [("truncated", 4)], [2, 3]),
        (b'1,2,3\n4,5,6\n7,8,"9', [("truncated", 4)], [2, 3]),
        (b'1,2,3\n4,5,6\n7,8,"9\n', [("unterminated_quote", 4)], [2, 3]),
        (b"1,2,3\n4," + b"x" * 2_000_001 + b",6\n4,5,6\n", [("field_too_long", 3)], [2, 4]),
        (b"1,2,3\n4," + b"x" * 5_000_001 + b",6\n4,5,6\n", [("field_too_long", 3)], [2, 4]),
    ],
)
def test_one_bad_line(data: bytes, problems: list[tuple[str, int]], lines: list[int], tmp_path: Path) -> None:
    file, rows = read(HEAD + data, tmp_path)
    assert rows == GOOD
    assert told(file) == problems
    assert (file.records, file.rejected) == (3, 1)
    assert [physical_line(file, k) for k in (1, 2)] == lines
    assert [problem.rows_lost for problem in file.problems] == [1]


def test_embedded_newlines_are_legal(tmp_path: Path) -> None:
    file, rows = read(HEAD + b'1,"x\ny\r\n",3\n4,"\n\n",6\n7,8,9', tmp_path)
    assert rows == [("1", "x\ny\r\n", "3"), ("4", "\n\n", "6"), ("7", "8", "9")]
    assert file.problems == () and not file.regular and file.multiline and file.records == 3
    assert [physical_line(file, k) for k in (1, 2, 3)] == [2, 5, 8]


def test_quote_over_too_many_lines(tmp_path: Path) -> None:
    file, rows = read(HEAD + b'1,"2,3\n' + b"4,5,6\n" * 2000 + b'1,2",3\n', tmp_path)
    assert told(file) == [("unterminated_quote", 2)]
    assert len(rows) == 2001 and file.records == 2002 and rows[-1] == ("1", '2"', "3")


def test_record_that_grows_too_long_by_its_quotes(tmp_path: Path) -> None:
    file, rows = read(HEAD + b"4,5\n1," + b'x"' * 700_000 + b",3\n4,5,6\n", tmp_path)
    assert rows == [("4", "5", "6")] and told(file) == [("ragged", 2), ("field_too_long", 3)]


def test_encoding_keeps_the_rows(tmp_path: Path) -> None:
    data = HEAD + "1,café,3\n".encode() + b"4,caf\xe9,6\n7,\x80\x81,9\n1,\xed\xa0\x80,2\n"
    file, rows = read(data, tmp_path)
    assert rows[:3] == [("1", "café", "3"), ("4", "café", "6"), ("7", "€\x81", "9")]
    assert told(file) == [("encoding", 3), ("encoding", 4), ("encoding", 5)]
    assert (file.records, file.rejected, file.regular) == (4, 0, True)
    start, end = "a,b,c\n1,2,3\n4,".encode("utf-16-le"), ",6\n".encode("utf-16-le")
    broken = start + b"\x00\xd8" + end + b"7"
    file, rows = read(broken, tmp_path)
    assert rows == [("1", "2", "3"), ("4", "\ufffd", "6")]
    assert told(file) == [("utf_16", None), ("encoding", 3), ("encoding", 4), ("truncated", 4)]


def test_surplus_empty_fields(tmp_path: Path) -> None:
    file, rows = read(HEAD + b"1,2,3,,\n4,5\n4,5,6\n", tmp_path)
    assert rows == GOOD and told(file) == [("surplus_empty", 2), ("ragged", 3)]


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
        (gzip.compress(b""), (), ["misnamed_gzip", "empty"]),
    ],
)
def test_nothing_to_read(data: bytes, header: tuple[str, ...], problems: list[str], tmp_path: Path) -> None:
    file, rows = read(data, tmp_path)
    assert (rows, file.records, file.header) == ([], 0, header)
    assert [kind for kind, _ in told(file) if kind != "line_ends"] == problems


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
    assert [kind for kind, _ in told(file)] == problems
    assert physical_line(file, 2) == 3


def test_single_column(tmp_path: Path) -> None:
    file, rows = read(b"a\n1\n\n2\n", tmp_path)
    assert rows == [("1",), ("",), ("2",)] and file.problems == ()
    assert recover(file, ",", tmp_path / "work").records == 3


def test_gzip(tmp_path: Path) -> None:
    packed = gzip.compress(HEAD + b"1,2,3\n") + gzip.compress(b"4,5,6\n") + b"\0" * 5
    file, rows = read(packed, tmp_path, "events_20250301.csv.gz")
    assert rows == GOOD and file.problems == () and file.regular
    file, rows = read(HEAD + b"1,2,3\n4,5,6", tmp_path, "events_20250302.csv.gz")
    assert rows == GOOD and told(file) == [("misnamed_gzip", None)]
    body = HEAD + os.urandom(4000).hex().encode().replace(b"a", b",x,y\n")
    for cut in (packed[:20], gzip.compress(body)[:-1000], gzip.compress(body)[:-8] + b"x" * 8):
        file, rows = read(cut, tmp_path, "events_20250303.csv.gz")
        assert "gzip_broken" in [problem.kind for problem in file.problems if problem.rows_lost is None]
        assert len(rows) == file.rows


def test_gzip_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    squeeze = zlib.compressobj(9, wbits=31)
    bomb = squeeze.compress(b"\0" * 40_000_000) + squeeze.flush()
    file, _ = read(bomb, tmp_path, "events_20250301.csv.gz")
    assert told(file) == [("gzip_bomb", None)]
    assert file.readable is None and not list((tmp_path / "work").iterdir())
    monkeypatch.setattr(unpacking, "GZIP_BYTES", 1000)
    file, _ = read(gzip.compress(os.urandom(2000)), tmp_path, "events_20250301.csv.gz")
    assert told(file) == [("gzip_bomb", None)]


def test_many_bad_lines_are_counted(tmp_path: Path) -> None:
    file, rows = read(HEAD + b"1,2\n4,5,6\n" * 3000, tmp_path)
    assert len(rows) == 3000 and file.rejected == 3000 and file.records == 6000
    assert len(file.problems) == 1001 and sum(problem.rows_lost or 0 for problem in file.problems) == 3000
    assert file.problems[-1].message == "and 2,000 more"
    assert [physical_line(file, k) for k in (1, 2, 3000)] == [3, 5, 6001]


@pytest.mark.parametrize("line", [b'x","\n', b'"\n', b'a,"""\n', b'"",""\n', b',"b\n', b'"a""b\n', b' "\n'])
def test_no_quadratic_time(line: bytes, tmp_path: Path) -> None:
    began = time.monotonic()
    file, rows = read(HEAD + line * 60_000, tmp_path)
    assert file.records == file.rejected + len(rows)
    assert time.monotonic() - began < 5


def test_latin1_in_bulk_and_over_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = b'1,"caf\xe9, ""x""",3\n'
    file, rows = read(HEAD + line * 100_000, tmp_path)
    assert len(rows) == 100_000 and set(rows) == {("1", 'café, "x"', "3")} and len(file.problems) == 1001
    monkeypatch.setattr(recovery, "BLOCK", 7)
    monkeypatch.setattr(recovery, "RECORD_BYTES", 40)
    monkeypatch.setattr(byte_scan, "CHUNK", 64)
    monkeypatch.setattr(byte_scan, "HEAD", 64)
    data = HEAD + "1,€€€,3\r\n".encode() * 50 + b"4,5\n" + b"y" * 41 + b"\n" + b'7,"8\n\n8",9\n' * 20
    file, rows = read(data, tmp_path)
    assert rows == [("1", "€€€", "3")] * 50 + [("7", "8\n\n8", "9")] * 20
    assert [one for one in told(file) if one[1]] == [("ragged", 52), ("field_too_long", 53)]


def test_find_files(tmp_path: Path) -> None:
    names = [
        "events_20250302.csv",
        "events_20250301.csv",
        "events_20250301.csv.gz",
        "events_20250301 (1).csv",
        "events_20250301_copy.csv",
        "events_20250303.CSV",
        "Copy of events_20250301.csv",
        "events_20250301 - Copy (2).csv",
        "events_20250301_v2.csv",
    ]
    other = [
        "events_2025031.csv",
        "events_20251301.csv",
        "notes.txt",
        ".events_20250301.csv",
        "events_20250301.csv~",
        "events_20250301_summary.csv",
        "events_20250301.csv.part",
        "events_202503011.csv",
    ]
    for name in names + other:
        (tmp_path / name).touch()
    (tmp_path / "events_20250310.csv").mkdir()
    (tmp_path / "events_20250311.csv").symlink_to(tmp_path / "nowhere")
    (tmp_path / "events_20250312.csv").symlink_to(tmp_path / "notes.txt")
    os.mkfifo(tmp_path / "events_20250313.csv")
    found = find_files(tmp_path, "events_%Y%m%d.csv")
    assert [path.name for path, _ in found] == [
        *sorted(name for name in names if "20250301" in name),
        "events_20250302.csv",
        "events_20250303.CSV",
        "events_20250312.csv",
    ]
    assert [day.day for _, day in found] == [1] * 7 + [2, 3, 12]


def test_find_files_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder, word in (
        (tmp_path / "no", "does not exist"),
        (tmp_path / "file", "not a folder"),
        (Path("a\udcff"), "cannot be read"),
    ):
        with pytest.raises(ReadingError, match=word):
            find_files(folder, "events_%Y%m%d.csv")
    for pattern in ("events.csv", "events_%Y%m.csv", "events_%Q.csv", "%"):
        with pytest.raises(ReadingError, match="does not name a day"):
            find_files(tmp_path, pattern)


def test_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = survey(tmp_path / "no.csv", DAY, ",", tmp_path)
    assert told(gone) == [("unreadable", None)] and gone.problems[0].rows_lost is None
    os.mkfifo(tmp_path / "pipe")
    assert told(survey(tmp_path / "pipe", DAY, ",", tmp_path)) == [("unreadable", None)]
    path = tmp_path / "events_20250301.csv"
    path.write_bytes(HEAD + b"1,2\n")
    file = survey(path, DAY, ",", tmp_path / "work")
    path.unlink()
    assert told(recover(file, ",", tmp_path / "work")) == [("unreadable", None)]
    path.write_bytes(HEAD + b"1,2\n")
    (tmp_path / "flat").touch()
    with pytest.raises(ReadingError, match="cannot be written"):
        recover(file, ",", tmp_path / "flat")
    for delimiter in ("", ",,", '"', "\n", "é", "x"):
        with pytest.raises(ReadingError, match="delimiter"):
            survey(path, DAY, delimiter, tmp_path)


def test_changed_while_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events_20250301.csv"
    path.write_bytes(HEAD + b"1,2,3\n")
    count = byte_scan.count_bytes

    def grow(source: Path) -> byte_scan.Bytes:
        seen = count(source)
        path.write_bytes(HEAD + b"1,2,3\n4,5,6\n")
        return seen

    monkeypatch.setattr(reading, "count_bytes", grow)
    assert told(survey(path, DAY, ",", tmp_path)) == [("changed", None)]


def test_odd_names_and_nothing_beside_the_data(tmp_path: Path) -> None:
    folder = tmp_path / "a [b]*'?"
    folder.mkdir()
    file, rows = read(HEAD + b"1,2,3\n4,5\n", folder, "x[1]*?'\".csv")
    assert rows == [("1", "2", "3")] and file.rejected == 1
    assert sorted(path.name for path in folder.iterdir()) == ["work", "x[1]*?'\".csv"]


def test_contracts_own_delimiter(tmp_path: Path) -> None:
    file, rows = read(b'a;b;c\n1;"2,;";3\n4;5\n', tmp_path, delimiter=";")
    assert rows == [("1", "2,;", "3")] and told(file) == [("ragged", 3)]


# ---- properties

FAST = settings(max_examples=400, deadline=2000, suppress_health_check=list(HealthCheck), database=None)
CELL = st.text(
    st.sampled_from('ab ,"\n\r;é€😀\t\\') | st.characters(codec="utf-8", exclude_characters="\0"), max_size=8
)
TOKENS = [
    b'"',
    b",",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"\0",
    b"\xe9",
    b"",
    b"\xef\xbb\xbf",
    b'""',
    b' "',
    b'" ',
    b";",
    b"a",
]
SEED = (
    b'id,url,data,agent\n1,http://x/?a=b,"{""k"": ""v, w""}","Mozilla (X, like Y)"\n2,,,\n'
    b'3,"two\nlines",caf\xc3\xa9,"z"\n4,d,e,"f"\n5,g,"{""k"": 1}",h'
)


def as_csv(rows: Sequence[Sequence[str]], end: str) -> bytes:
    def quoted(cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"' if set(cell) & set('",\r\n') else cell

    return "".join(",".join(map(quoted, row)) + end for row in rows).encode()


def in_place(data: bytes) -> tuple[DayFile, list[tuple[str, ...]]]:
    with tempfile.TemporaryDirectory() as folder:
        file, rows = read(data, Path(folder))
        assert file.damaged is False
        assert len(rows) + file.rejected == file.records
        assert sum(problem.rows_lost or 0 for problem in file.problems) == file.rejected
        last = max(data.count(b"\n"), data.count(b"\r")) + 1
        lines = [physical_line(file, k) for k in range(1, len(rows) + 1)]
        assert lines == sorted(set(lines)) and (not lines or lines[-1] <= last)
        bad = [p.line for p in file.problems if p.line and p.rows_lost]
        assert not set(bad) & set(lines)
        again = recover(file, ",", Path(folder, "again"))
        if file.source and again.readable:
            back = rows_of(again)
            assert len(back) == again.rows
            # The careful reader refuses a few things that DuckDB mends in silence (`"a" "b"`).
            assert back == rows if again.rejected == file.rejected else set(back) < set(rows)
        return file, rows


@FAST
@given(st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_healthy_rows_come_back_exactly(rows: list[list[str]], end: str) -> None:
    file, back = in_place(as_csv([["a", "b", "c"], *rows], end))
    assert back == [tuple(row) for row in rows]
    assert file.rejected == 0
    assert not {problem.kind for problem in file.problems} - {"no_records", "line_ends"}


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = SEED
    for _ in range(draw(st.integers(1, 4))):
        at, to = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        new = draw(st.sampled_from(TOKENS) | st.binary(max_size=4))
        end = draw(st.sampled_from([at, min(at + 1, len(data)), to]))
        data = data[:at] + new + data[end:]
    return data


@FAST
@given(mutated())
@example(SEED)
def test_mutations(data: bytes) -> None:
    in_place(data)


@FAST
@given(
    st.binary(max_size=60) | st.lists(st.sampled_from(TOKENS), max_size=30).map(b"".join), st.sampled_from([b"", HEAD])
)
def test_any_bytes(data: bytes, head: bytes) -> None:
    in_place(head + data)
