"""The synthetic days look like the real export, and are the same bytes every time.

That orders add up, have journeys and are of their day is what part 1 finds of them: test_detection.py.
"""

import csv
import os
import subprocess
import sys
from collections import defaultdict
from datetime import date, datetime
from pathlib import Path

import pytest
import synthetic_events
from synthetic_browsers import CRAWLERS
from synthetic_events import COLUMNS, generate, main

Rows = list[dict[str, str]]


def read(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> dict[date, Rows]:
    """Return a healthy fortnight of the default size."""
    paths = generate(tmp_path_factory.mktemp("healthy"), incidents=False)
    return {datetime.strptime(path.name, "events_%Y%m%d.csv").date(): read(path) for path in paths}


@pytest.fixture(scope="module")
def rows(days: dict[date, Rows]) -> Rows:
    return [row for day in days.values() for row in day]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


# --- same bytes -------------------------------------------------------------------------------------------


def test_the_hash_seed_and_the_process_do_not_matter(tmp_path: Path) -> None:
    for hash_seed in ("0", "4711"):
        command = [sys.executable, synthetic_events.__file__, "--days=4", "--events-per-day=700", "--seed=9"]
        subprocess.run(
            [*command, "--quiet", f"--out_dir={tmp_path / hash_seed}"],
            check=True,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
        )
    generate(tmp_path / "here", days=4, events_per_day=700, seed=9)
    assert contents(tmp_path / "0") == contents(tmp_path / "4711") == contents(tmp_path / "here")


def test_more_days_do_not_change_the_first_ones_and_another_seed_changes_all(tmp_path: Path) -> None:
    generate(tmp_path / "a", days=2, events_per_day=500)
    generate(tmp_path / "b", days=4, events_per_day=500)
    generate(tmp_path / "c", days=2, events_per_day=500, seed=2)
    short, long, other = (contents(tmp_path / name) for name in "abc")
    assert short == {name: long[name] for name in short}
    assert all(short[name] != other[name] for name in short)


# --- dialect and shape ------------------------------------------------------------------------------------


def test_the_dialect_is_that_of_the_export(tmp_path: Path) -> None:
    raw = generate(tmp_path, days=1)[0].read_bytes()
    assert raw.startswith(b"client_id,page_url,referrer,timestamp,event_name,event_data,user_agent\n")
    assert not raw.endswith(b"\n") and b"\r" not in raw and b'""transaction_id""' in raw


def test_incidents_are_there_unless_healthy(tmp_path: Path) -> None:
    headers = [
        path.read_text(encoding="utf-8").split("\n", 1)[0].split(",") for path in generate(tmp_path, events_per_day=200)
    ]
    renamed = ["clientId", *COLUMNS[1:]]
    lost = [name for name in renamed if name != "referrer"]
    assert headers == [list(COLUMNS)] * 4 + [renamed] * 5 + [lost] * 5


@pytest.mark.parametrize(
    ("name", "share", "tolerance"),
    [
        ("page_viewed", 0.920, 0.012), ("product_added_to_cart", 0.0462, 0.006), ("checkout_started", 0.0167, 0.003),
        ("email_filled_on_popup", 0.0110, 0.002), ("checkout_completed", 0.0059, 0.0012),
    ],
)  # fmt: skip
def test_events_have_their_share(rows: Rows, name: str, share: float, tolerance: float) -> None:
    assert sum(row["event_name"] == name for row in rows) / len(rows) == pytest.approx(share, abs=tolerance)


def test_referrers_nulls_and_clients(days: dict[date, Rows], rows: Rows) -> None:
    for day in days.values():
        assert 0.24 < sum(row["referrer"] != "" for row in day) / len(day) < 0.32
    nameless = [row for row in rows if not row["client_id"]]
    assert 0.003 < len(nameless) / len(rows) < 0.010
    assert {row["event_name"] for row in nameless} == {"page_viewed"}
    views = sum(row["event_name"] == "page_viewed" for row in rows)
    assert len({row["client_id"] for row in rows}) / views == pytest.approx(0.75, abs=0.04)
    seen = defaultdict(set)
    for row in rows:
        if row["client_id"]:
            seen[row["client_id"]].add(row["timestamp"][:10])
            assert int(row["client_id"][:10]) <= datetime.fromisoformat(row["timestamp"]).timestamp()
    assert 300 < sum(len(on) > 1 for on in seen.values()) < 3000


def test_crawlers_see_pages_only(rows: Rows) -> None:
    crawlers = {text for text, _ in CRAWLERS}
    crawled = [row for row in rows if row["user_agent"] in crawlers]
    assert len(crawled) / len(rows) == pytest.approx(0.12, abs=0.01)
    assert {row["event_name"] for row in crawled} == {"page_viewed"}


# --- sizes and the command line ---------------------------------------------------------------------------


def test_main_writes_names_and_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--days", "1", "--events_per_day", "200", "--out_dir", str(tmp_path), "--healthy"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "events_20250223.csv")
    (tmp_path / "file").write_text("in the way")
    assert main(["--out_dir", str(tmp_path / "file")]) == 2
    assert "cannot write" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main(["--days", "0", "--out_dir", str(tmp_path)])
    assert stop.value.code == 2
