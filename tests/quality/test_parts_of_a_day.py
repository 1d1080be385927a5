"""Parts of a day are compared with other days as one day."""

import csv
from pathlib import Path

import pytest
from command_kit import rows, run
from synthetic_events import generate


def in_hours(folder: Path) -> None:
    """Split each day's file into one per hour."""
    for path in sorted(folder.iterdir()):
        with path.open(encoding="utf-8", newline="") as file:
            header, *records = csv.reader(file)
        at = header.index("timestamp")
        for hour in sorted({record[at][11:13] for record in records}):
            with path.with_name(f"{path.stem}_{hour}.csv").open("w", encoding="utf-8", newline="") as part:
                csv.writer(part).writerows([header, *(record for record in records if record[at][11:13] == hour)])
        path.unlink()


def split(folder: Path, number: int, *shares: tuple[float, float]) -> None:
    """Give a day several files, each with the rows from one share of the day's to another."""
    path = sorted(folder.iterdir())[number]
    header, *lines = path.read_text("utf-8").splitlines()
    path.unlink()
    for part, (first, last) in enumerate(shares):
        kept = lines[int(first * len(lines)) : int(last * len(lines))]
        path.with_name(f"{path.stem}_{part}.csv").write_text("\n".join([header, *kept]), encoding="utf-8")


@pytest.fixture
def days(tmp_path: Path) -> Path:
    generate(tmp_path / "days", days=8, events_per_day=600, seed=4, incidents=False)
    return tmp_path / "days"


def failures(days: Path, out_dir: Path) -> dict[tuple[str, str], dict[str, str]]:
    run("--data_dir", days, "--out_dir", out_dir, "--quiet")
    failed = [r for r in rows(out_dir) if r["status"] == "fail" and r["severity"] < "P3"]
    return {(r["check"], r["file"]): r for r in failed if not r["message"].startswith("follows from")}


def test_parts_that_overlap_repeat_rows(days: Path, tmp_path: Path) -> None:
    name = sorted(days.iterdir())[6].stem
    split(days, 6, (0, 0.6), (0.4, 1))
    found = failures(days, tmp_path)
    assert set(found) == {("rows_repeated", f"{name}_1.csv")}
    repeated, part = (int(found["rows_repeated", f"{name}_1.csv"][key]) for key in ("failed", "checked"))
    assert repeated / part == pytest.approx(1 / 3, abs=0.01)


def test_halves_of_a_day_are_not_a_second_delivery(days: Path, tmp_path: Path) -> None:
    split(days, 6, (0, 0.5), (0.5, 1))
    assert not failures(days, tmp_path)


def test_the_advice_deletes_no_half_of_a_day(days: Path, tmp_path: Path) -> None:
    """A delivery with more rows than the one that counts is kept; one with none of its own may go."""
    name = sorted(days.iterdir())[6].stem
    split(days, 6, (0, 0.5), (0, 1))
    (days / f"{name}_0.csv").rename(days / f"{name}.csv")
    (found,) = [r for (check, _), r in failures(days, tmp_path).items() if check == "day_delivered_twice"]
    assert "are not in" in found["message"] and found["advice"].startswith("Delete neither")
    (days / f"{name}_1.csv").write_bytes((days / f"{name}.csv").read_bytes())
    (found,) = [r for (check, _), r in failures(days, tmp_path).items() if check == "day_delivered_twice"]
    assert found["advice"].startswith("Delete the file that is not counted")


def test_counts_shares_and_hours_are_those_of_the_day(tmp_path: Path) -> None:
    generate(tmp_path / "days", days=8, events_per_day=1500, seed=4, incidents=False)
    run("--data_dir", tmp_path / "days", "--out_dir", tmp_path / "whole", "--quiet")
    in_hours(tmp_path / "days")
    run("--data_dir", tmp_path / "days", "--out_dir", tmp_path / "parts", "--quiet")
    compared = [r for r in rows(tmp_path / "whole") if ".." in r["threshold"] or r["check"] == "hours_without_events"]
    assert len(compared) > 50
    by_day = {
        (r["check"], r["column"], r["file"][:15]): r
        for r in rows(tmp_path / "parts")
        if r["status"] != "skip" and (".." in r["threshold"] or r["check"] == "hours_without_events")
    }
    for whole in compared:
        part = by_day[whole["check"], whole["column"], whole["file"][:15]]
        keys = ("status", "checked", "failed", "threshold")
        assert [part[key] for key in keys] == [whole[key] for key in keys], whole
