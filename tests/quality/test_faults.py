"""Every fault breaks its file and nothing else, and reports exactly what it broke."""

import csv
import json
import shutil
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest
from fault_kit import Day
from faults import FAULTS, Broken, Fault
from synthetic_events import generate

DAY = "events_20250302.csv"
GROUPS = {"reading", "contract", "columns", "payload", "uniqueness", "journeys", "traffic", "privacy", "volume"}
BENIGN = {"byte_order_mark", "crlf", "gzipped", "embedded_newlines", "event_synonym"}


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("healthy")
    generate(folder, days=9, events_per_day=900, seed=3, incidents=False)
    for path in sorted(folder.iterdir())[:6]:
        path.unlink()
    return folder


def broken(healthy: Path, into: Path, fault: Fault, severity: float, seed: int = 1) -> Broken:
    shutil.copytree(healthy, into)
    return fault.apply(into / DAY, severity, seed)


def lines(folder: Path, name: str = DAY) -> list[str]:
    """Return the physical lines, as Latin-1 so that any bytes will do."""
    path = folder / name
    return path.read_bytes().decode("latin-1").split("\n") if path.exists() else []


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def revenue(header: str, rows: Iterable[str]) -> list[Decimal]:
    events = csv.DictReader([header, *rows])
    return [
        Decimal(str(json.loads(row["event_data"], parse_float=Decimal)["revenue"]))
        for row in events
        if row["event_name"] in ("checkout_completed", "purchase")
    ]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_a_fault_reports_exactly_what_it_broke(fault: Fault, healthy: Path, tmp_path: Path) -> None:
    damage = broken(healthy, tmp_path / "a", fault, fault.serious)
    before, after = contents(healthy), contents(tmp_path / "a")
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed and {name[:15] for name in changed} == {DAY[:15]}
    assert damage.fault == fault.name and damage.rows > 0
    was, now = lines(healthy), lines(tmp_path / "a", damage.file)
    gone, new = Counter(was) - Counter(now), Counter(now) - Counter(was)
    whole = not damage.lines and damage.rows == len(was) - 1
    if not whole:
        continued = sum(not line.endswith('"') for line in new) if fault.name == "embedded_newlines" else 0
        assert damage.rows == max(gone.total(), new.total() - continued)
        for line in damage.lines:
            assert now[line - 1] in new
        if fault.group != "reading" or not fault.name.startswith("truncated"):
            assert len(damage.lines) == min(1000, new.total() - continued)
    affected = list((gone if gone else new).elements()) if not whole else was[1:]
    worth = revenue(was[0], [line for line in affected if line != was[0]])
    assert (damage.orders, damage.revenue) == (len(worth), sum(worth))
    assert damage.column is None or damage.column in was[0].split(",")


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_the_same_seed_breaks_the_same_and_more_severity_breaks_more(
    fault: Fault, healthy: Path, tmp_path: Path
) -> None:
    first, again = (broken(healthy, tmp_path / name, fault, fault.serious, seed=5) for name in "ab")
    assert first == again
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    mild = broken(healthy, tmp_path / "mild", fault, 0.05)
    full = broken(healthy, tmp_path / "full", fault, 1.0)
    assert mild.rows <= full.rows and mild.rows > 0


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_columns_may_be_absent_already(fault: Fault, tmp_path: Path) -> None:
    path = generate(tmp_path, days=10, events_per_day=250, seed=2)[-1]  # clientId, no referrer
    before = contents(tmp_path)
    damage = fault.apply(path, fault.serious, 1)
    assert (damage.rows == 0) == (contents(tmp_path) == before)


def test_the_catalogue_is_well_formed() -> None:
    assert {fault.group for fault in FAULTS.values()} == GROUPS
    assert {fault.name for fault in FAULTS.values() if fault.benign} == BENIGN
    assert all(name == fault.name and 0 < fault.serious <= 1 for name, fault in FAULTS.items())


@pytest.mark.parametrize("ending", [False, True])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_reading_and_saving_changes_no_byte(tmp_path: Path, newline: str, ending: bool) -> None:
    path = tmp_path / DAY
    rows = ["client_id,page_url,event_data", '1-a,"https://x.example/?a=1",', ',\xfc,"{""a\n b"":1}"', 'a "b",c,d,e']
    path.write_bytes((newline.join(rows) + newline * ending).encode("latin-1"))
    raw = path.read_bytes()
    Day.read(path).save()
    assert path.read_bytes() == raw
