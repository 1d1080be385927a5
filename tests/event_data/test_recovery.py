"""recovery.py: whatever the bytes, every record is readable or reported, and nothing raises or hangs."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from reading_kit import GOOD, HEAD, Rows, day_file, problems_of, read, rows_of

from event_data.reading import byte_scan, recovery
from event_data.reading.day_file import DayFile, Problem, ReadingError
from event_data.reading.survey import recover, survey

# ---- damaged lines


@pytest.mark.parametrize(
    ("data", "problems", "lines"),
    [
        # a bad line among two good ones: what is reported, and where the good rows are
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
    assert problems_of(file) == problems
    assert (file.records, file.rejected) == (3, 1)
    assert [file.physical_line(k) for k in (1, 2)] == lines
    assert [problem.rows_lost for problem in file.problems] == [1]


def test_newlines_inside_fields_are_legal_and_stay(tmp_path: Path) -> None:
    file, rows = read(HEAD + b'1,"x\ny\r\n",3\n4,"\n\n\r",6\n7,8\r,9', tmp_path)
    assert rows == [("1", "x\ny\r\n", "3"), ("4", "\n\n\r", "6"), ("7", "8\r", "9")]
    assert file.problems == () and not file.regular and file.multiline and file.records == 3
    assert [file.physical_line(k) for k in (1, 2, 3)] == [2, 5, 8]


def test_quote_over_too_many_lines(tmp_path: Path) -> None:
    file, rows = read(HEAD + b'1,"2,3\n' + b"4,5,6\n" * 2000 + b'1,2",3\n', tmp_path)
    assert problems_of(file) == [("unterminated_quote", 2)]
    assert len(rows) == 2001 and file.records == 2002 and rows[-1] == ("1", '2"', "3")


def test_record_that_grows_too_long_by_its_quotes(tmp_path: Path) -> None:
    file, rows = read(HEAD + b"4,5\n1," + b'x"' * 700_000 + b",3\n4,5,6\n", tmp_path)
    assert rows == [("4", "5", "6")] and problems_of(file) == [("ragged", 2), ("field_too_long", 3)]


def test_encoding_keeps_the_rows(tmp_path: Path) -> None:
    data = HEAD + "1,café,3\n".encode() + b"4,caf\xe9,6\n7,\x80\x81,9\n1,\xed\xa0\x80,2\n"
    file, rows = read(data, tmp_path)
    assert rows[:3] == [("1", "café", "3"), ("4", "café", "6"), ("7", "€\x81", "9")]
    assert problems_of(file) == [("encoding", 3), ("encoding", 4), ("encoding", 5)]
    assert (file.records, file.rejected, file.regular) == (4, 0, True)
    start, end = "a,b,c\n1,2,3\n4,".encode("utf-16-le"), ",6\n".encode("utf-16-le")
    broken = start + b"\x00\xd8" + end + b"7"
    file, rows = read(broken, tmp_path)
    assert rows == [("1", "2", "3"), ("4", "\ufffd", "6")]
    assert problems_of(file) == [("utf_16", None), ("encoding", 3), ("encoding", 4), ("truncated", 4)]


def test_surplus_empty_fields(tmp_path: Path) -> None:
    file, rows = read(HEAD + b"1,2,3,,\n4,5\n4,5,6\n", tmp_path)
    assert rows == GOOD and problems_of(file) == [("surplus_empty", 2), ("ragged", 3)]


def test_many_bad_lines_are_counted(tmp_path: Path) -> None:
    file, rows = read(HEAD + b"1,2\n4,5,6\n" * 3000, tmp_path)
    assert len(rows) == 3000 and file.rejected == 3000 and file.records == 6000
    assert len(file.problems) == 1001 and sum(problem.rows_lost or 0 for problem in file.problems) == 3000
    assert file.problems[-1].message == "and 2,000 more"
    assert [file.physical_line(k) for k in (1, 2, 3000)] == [3, 5, 6001]


def test_latin1_in_bulk(tmp_path: Path) -> None:
    line = b'1,"caf\xe9, ""x""",3\n'
    file, rows = read(HEAD + line * 100_000, tmp_path)
    assert len(rows) == 100_000 and set(rows) == {("1", 'café, "x"', "3")}
    assert len(file.problems) == 1001 and file.problems[-1] == Problem("encoding", None, "and 99,000 more")


def test_over_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "BLOCK", 7)
    monkeypatch.setattr(recovery, "RECORD_BYTES", 40)
    monkeypatch.setattr(byte_scan, "CHUNK", 64)
    monkeypatch.setattr(byte_scan, "HEAD", 64)
    data = HEAD + "1,€€€,3\r\n".encode() * 50 + b"4,5\n" + b"y" * 41 + b"\n" + b'7,"8\n\n8",9\n' * 20
    file, rows = read(data, tmp_path)
    assert rows == [("1", "€€€", "3")] * 50 + [("7", "8\n\n8", "9")] * 20
    assert [one for one in problems_of(file) if one[1]] == [("ragged", 52), ("field_too_long", 53)]


def test_gone_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "events_20250301.csv"
    path.write_bytes(HEAD + b"1,2\n")
    file = survey(day_file(path), ",", tmp_path / "work")
    path.unlink()
    assert problems_of(recover(file, tmp_path / "work")) == [("unreadable", None)]


def test_no_room_for_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "events_20250301.csv"
    path.write_bytes(HEAD + b"1,2\n")
    (tmp_path / "flat").touch()
    with pytest.raises(ReadingError, match="cannot be written"):
        recover(survey(day_file(path), ",", tmp_path), tmp_path / "flat")


# ---- properties

FUZZ = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), database=None)
CELL = st.text(
    st.sampled_from('ab ,"\n\r;é€😀\t\\') | st.characters(codec="utf-8", exclude_characters="\0"), max_size=8
)
TOKENS = [
    b'"', b",", b"\n", b"\r", b"\r\n", b"\n\n", b"\0", b"\xe9", b"", b"\xef\xbb\xbf", b'""', b' "', b'" ', b";", b"a",
]  # fmt: skip
SEED = (
    b'id,url,data,agent\n1,http://x/?a=b,"{""k"": ""v, w""}","Mozilla (X, like Y)"\n2,,,\n'
    b'3,"two\nlines",caf\xc3\xa9,"z"\n4,d,e,"f"\n5,g,"{""k"": 1}",h'
)


def as_csv(rows: Sequence[Sequence[str]], end: str) -> bytes:
    def quoted(cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"' if set(cell) & set('",\r\n') else cell

    return "".join(",".join(map(quoted, row)) + end for row in rows).encode()


def in_place(data: bytes) -> tuple[DayFile, Rows]:
    with tempfile.TemporaryDirectory() as folder:
        file, rows = read(data, Path(folder))
        assert file.damaged is False
        assert len(rows) + file.rejected == file.records
        assert sum(problem.rows_lost or 0 for problem in file.problems) == file.rejected
        last = max(data.count(b"\n"), data.count(b"\r")) + 1
        lines = [file.physical_line(k) for k in range(1, len(rows) + 1)]
        assert lines == sorted(set(lines)) and (not lines or lines[-1] <= last)
        bad = [p.line for p in file.problems if p.line and p.rows_lost]
        assert not set(bad) & set(lines)
        again = recover(file, Path(folder, "again"))
        if file.source and again.readable:
            back = rows_of(again)
            assert len(back) == again.rows
            # The careful reader refuses a few things that DuckDB mends in silence (`"a" "b"`).
            assert back == rows if again.rejected == file.rejected else set(back) < set(rows)
        return file, rows


@FUZZ
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


@FUZZ
@given(mutated())
@example(SEED)
def test_mutations(data: bytes) -> None:
    in_place(data)


@FUZZ
@given(
    st.binary(max_size=60) | st.lists(st.sampled_from(TOKENS), max_size=30).map(b"".join), st.sampled_from([b"", HEAD])
)
def test_any_bytes(data: bytes, head: bytes) -> None:
    in_place(head + data)
