"""The conditions that spare most events and addresses the row checks must never spare one that fails."""

from datetime import date, datetime
from pathlib import Path

import duckdb
import faults
import pytest
import synthetic_events
from command_kit import contract
from quality.definitions import PASS, ROW_CHECKS
from quality.engine import connect
from quality.row_checks import expand
from quality.scan import Scan

from event_data.contract import load_contract
from event_data.reading.survey import survey

CONTRACT = load_contract(Path(__file__).parents[2] / "part1-data-quality" / "schema.yaml")
REAL = Path(__file__).parents[3] / "shared" / "data"
DAY = date(2025, 3, 1)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("healthy")
    return synthetic_events.generate(folder, days=1, events_per_day=1500, start=DAY, incidents=False)[0]


def judged(path: Path, work: Path) -> tuple[int, int, dict[str, int]]:
    """Events, sound events, and those that are spared a check and fail it, by check and column."""
    scan = Scan(CONTRACT, work, connect(work))
    scan._prepare()
    day = datetime.strptime(path.name, CONTRACT.file_name).date()
    (batch,) = scan._batches([(0, survey(path, day, ",", work))])
    raw = PASS["raw"].format(received=scan._received(batch), **scan._filled)
    rows = raw[raw.index("with received") : raw.rindex("select\n    file_no, event_at")]
    strict = [c for c in expand(CONTRACT) if c.definition.threshold != "shift" and c.column in batch[0].headers]
    tested = ", ".join(f"count(*) filter ((sound or {c.spared}) and {c.fails})" for c in strict)
    header = batch[0].headers.get("event_name", ("",))[0]
    valid = "payload is not null and not nested_too_deep(payload) and json_valid(payload) as payload_valid"
    source = f"(select *, event = '{header}' as is_header, step_of(event) as step, {valid} from judged)"
    sql = f"{rows} select count(*), count(*) filter (sound), {tested} from {source}"
    total, sound, *failed = scan.connection.execute(sql).fetchone() or ()
    names = [f"{c.definition.check} {c.column}" for c in strict]
    return total, sound, {name: n for name, n in zip(names, failed, strict=True) if n}


@pytest.mark.parametrize("fault", sorted(faults.FAULTS))
def test_no_sound_event_fails_a_check(fault: str, healthy: Path, tmp_path: Path) -> None:
    path = tmp_path / healthy.name
    path.write_bytes(healthy.read_bytes())
    faults.FAULTS[fault].apply(path, 0.5, 1)
    if not path.exists():
        pytest.skip("the fault leaves no file under this name")
    try:
        total, _, wrong = judged(path, tmp_path)
    except (duckdb.Error, ValueError):
        pytest.skip("not readable as it is; recovery.py has its own tests")
    assert total > 0 or fault == "header_only"
    assert wrong == {}


def test_every_check_has_a_column_that_it_looks_at(tmp_path: Path) -> None:
    """A word after `each:` that names no kind of column would leave its check without any."""
    price = {"name": "price", "logicalType": "number", "logicalTypeOptions": {"minimum": 0}}
    path = contract(tmp_path, lambda document, *_: document["schema"][0]["properties"].append(price))
    assert {check.definition.check for check in expand(load_contract(path))} == {check.check for check in ROW_CHECKS}


def test_most_healthy_events_are_sound(healthy: Path, tmp_path: Path) -> None:
    total, sound, wrong = judged(healthy, tmp_path)
    assert wrong == {}
    assert sound > 0.9 * total


@pytest.mark.skipif(not REAL.exists(), reason=f"NOT TESTED ON REAL DATA: {REAL} is absent")
def test_no_sound_event_of_the_real_days_fails_a_check(tmp_path: Path) -> None:
    for path in sorted(REAL.glob("events_*.csv")):
        total, sound, wrong = judged(path, tmp_path)
        assert (wrong, sound > 0.7 * total) == ({}, True), path.name
