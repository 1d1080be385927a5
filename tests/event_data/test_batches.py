"""batches.py and deliveries.py: every record of every file, and no day twice."""

import os
from pathlib import Path

import duckdb
import pytest
from commands import SCHEMA

from event_data.contract import load_contract
from event_data.reading.batches import Reader, read_csv_sql
from event_data.reading.day_file import DayFile, ReadingError
from event_data.reading.deliveries import survey_days
from event_data.reading.folder import Unread, find_files

CONTRACT = load_contract(SCHEMA)
HEAD = "client_id,page_url,referrer,timestamp,event_name,event_data,user_agent\n"


def rows(first: int, last: int, client: str = "c") -> str:
    return "".join(
        f"{client}{n},https://puffy.com/,,2025-03-01T10:00:00.000Z,page_viewed,,\n" for n in range(first, last)
    )


def surveyed(folder: Path, work: Path) -> tuple[list[DayFile], list[Unread]]:
    aside: list[Unread] = []
    return list(survey_days(find_files(folder, "events_%Y%m%d.csv").files, CONTRACT, work, aside)), aside


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"events_20250301{name.removeprefix('x')}.csv").write_text(HEAD + text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    return data


def test_parts_of_a_day_count_all(folder: Path, tmp_path: Path) -> None:
    write(folder, x_part1=rows(0, 10), x_part2=rows(10, 20), x_part3=rows(16, 25))
    files, aside = surveyed(folder, tmp_path)
    assert [f.records for f in files] == [10, 10, 9] and aside == []


@pytest.mark.parametrize(("shared", "is_second"), [(4, False), (5, True), (10, True)])
def test_half_of_the_smaller_file_makes_a_second_delivery(
    shared: int, is_second: bool, folder: Path, tmp_path: Path
) -> None:
    write(folder, x=rows(0, 30), x_2=rows(30 - shared, 40 - shared))
    files, aside = surveyed(folder, tmp_path)
    assert [f.name for f in files] == ["events_20250301.csv"] + ["events_20250301_2.csv"] * (not is_second)
    assert [(u.name, u.counts_instead) for u in aside] == [("events_20250301_2.csv", "events_20250301.csv")] * is_second


def test_without_the_exact_name_the_newer_delivery_counts(folder: Path, tmp_path: Path) -> None:
    write(folder, x_v1=rows(0, 30), x_v2=rows(0, 31))
    os.utime(folder / "events_20250301_v1.csv", (2_000_000_000, 2_000_000_000))
    (file,), (aside,) = surveyed(folder, tmp_path)
    assert (file.name, aside.name) == ("events_20250301_v1.csv", "events_20250301_v2.csv")


def test_of_files_that_grow_during_the_day_the_newest_counts(folder: Path, tmp_path: Path) -> None:
    write(folder, x_1=rows(0, 10), x_2=rows(0, 20), x_3=rows(0, 30))
    for hour in (1, 2, 3):
        os.utime(folder / f"events_20250301_{hour}.csv", (1_700_000_000 + hour, 1_700_000_000 + hour))
    (file,), aside = surveyed(folder, tmp_path)
    assert file.records == 30 and {u.counts_instead for u in aside} == {"events_20250301_3.csv"} and len(aside) == 2


def test_a_line_too_long_to_compare_stops_nothing(folder: Path, tmp_path: Path) -> None:
    write(folder, x=rows(0, 30), x_2=rows(0, 30) + rows(0, 1, "x" * 9_000_000))
    files, aside = surveyed(folder, tmp_path)
    assert (len(files), len(aside)) == (1, 1)


def test_line_endings_and_the_header_make_no_difference(folder: Path, tmp_path: Path) -> None:
    write(folder, x=rows(0, 10))
    text = HEAD.replace("client_id", "clientId") + rows(0, 10)
    (folder / "events_20250301 (1).csv").write_bytes(text.replace("\n", "\r\n").encode())
    files, aside = surveyed(folder, tmp_path)
    assert len(files) == 1 and len(aside) == 1


def test_a_contract_of_other_files_is_refused_once(folder: Path, tmp_path: Path) -> None:
    (folder / "events_20250301.csv").write_text("id,when,what\n1,2,3\n")
    with pytest.raises(ReadingError, match=r"describes other files: of its 7 columns the files here have 0.*--init"):
        surveyed(folder, tmp_path)


def read(folder: Path, tmp_path: Path, error: type[duckdb.Error], stable: bool = True) -> None:
    def load(cursor: duckdb.DuckDBPyConnection, batch: list[DayFile]) -> dict[int, int]:
        raise error("No space left on device")

    files, _ = surveyed(folder, tmp_path)
    with duckdb.connect() as connection:
        Reader(connection, tmp_path, load, lambda cursor, batch: None, 1 << 20, stable).read(files)


def test_a_full_disk_is_not_blamed_on_a_file(folder: Path, tmp_path: Path) -> None:
    write(folder, x=rows(0, 10))
    with pytest.raises(duckdb.IOException, match="No space"):
        read(folder, tmp_path, duckdb.IOException)
    with pytest.raises(duckdb.OutOfMemoryException, match="No space"):
        read(folder, tmp_path, duckdb.OutOfMemoryException)
    with pytest.raises(ReadingError, match="changed while it was being read"):
        read(folder, tmp_path, duckdb.InvalidInputException)  # which recovery has ruled out


def test_a_file_that_grows_meanwhile_is_not_kept(folder: Path, tmp_path: Path) -> None:
    write(folder, x=rows(0, 10))
    files, _ = surveyed(folder, tmp_path)

    def load(cursor: duckdb.DuckDBPyConnection, batch: list[DayFile]) -> dict[int, int]:
        columns = [f"c{i}" for i in range(7)]
        cursor.execute(f"create table t as select * from {read_csv_sql(batch, columns)}")
        files[0].path.write_text(HEAD + rows(0, 20))
        return {batch[0].file_id: 10}

    with duckdb.connect() as connection:
        with pytest.raises(ReadingError, match="changed while it was being read"):
            Reader(connection, tmp_path, load, lambda cursor, batch: None, 1 << 20, True).read(files)
        assert connection.execute("select count(*) from duckdb_tables()").fetchall() == [(0,)]


def test_small_files_are_read_together(folder: Path, tmp_path: Path) -> None:
    """Files that exceed a batch are read in pieces; one that DuckDB reads differently is found by halving."""
    for number in range(16):
        write(folder, **{f"x_part{number:02}": rows(1000 * number, 1000 * number + 100)})
    files, _ = surveyed(folder, tmp_path)
    reads: list[list[int]] = []

    def load(cursor: duckdb.DuckDBPyConnection, batch: list[DayFile]) -> dict[int, int]:
        reads.append([file.number for file in batch])
        lost = int(any(file.number == 5 and file.source == file.readable for file in batch))
        return {file.file_id: file.rows - lost for file in batch}

    with duckdb.connect() as connection:
        batch = 4 * sum(file.size for file in files[8:])
        done = Reader(connection, tmp_path, load, lambda cursor, batch: None, batch, spread=True).read(files)
    assert sorted(file.number for file in done) == list(range(16)) and all(file.records == 100 for file in done)
    halves = [[*range(8)], [0, 1, 2, 3], [4, 5, 6, 7], [4, 5], [4], [5], [5], [6, 7]]  # 5 alone, then recovered
    assert sorted(reads) == sorted([*halves, [*range(8, 16)]])
