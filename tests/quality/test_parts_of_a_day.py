"""Parts of a day are compared with other days as one day."""

import csv
from pathlib import Path

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


def test_counts_shares_and_hours_are_those_of_the_day(tmp_path: Path) -> None:
    generate(tmp_path / "days", days=8, events_per_day=1500, seed=4, incidents=False)
    run("--data_dir", tmp_path / "days", "--out_dir", tmp_path / "whole", "--quiet")
    in_hours(tmp_path / "days")
    run("--data_dir", tmp_path / "days", "--out_dir", tmp_path / "parts", "--quiet")
    compared = [r for r in rows(tmp_path / "whole") if ".." in r["threshold"] or r["check"] == "hours_empty"]
    assert len(compared) > 50
    by_day = {
        (r["check"], r["column"], r["file"][:15]): r
        for r in rows(tmp_path / "parts")
        if r["status"] != "skip" and (".." in r["threshold"] or r["check"] == "hours_empty")
    }
    for whole in compared:
        part = by_day[whole["check"], whole["column"], whole["file"][:15]]
        keys = ("status", "checked", "failed", "threshold")
        assert [part[key] for key in keys] == [whole[key] for key in keys], whole
