"""The warehouse beside a slow reference, row for row: on random journeys, a synthetic fortnight and the real days.

REFERENCE_EXAMPLES=500 looks at so many random journeys instead of a few, and at others every time.
"""

import csv
import json
import os
import tempfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from command_kit import HEADER, cells
from commands import REAL, SCHEMA, needs_real_days
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journeys import Days, contract, days, write
from synthetic_events import generate
from warehouse_kit import LEDGER, build, differences, rows, violations

EXAMPLES = int(os.environ.get("REFERENCE_EXAMPLES", "4"))


def gross(files: Sequence[Path]) -> Decimal:
    """Return the revenue of every order line of sound files."""
    total = Decimal(0)
    for path in files:
        with path.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                if row["event_name"] in ("checkout_completed", "purchase"):
                    total += Decimal(str(json.loads(row["event_data"])["revenue"]))
    return total


@settings(
    derandomize="REFERENCE_EXAMPLES" not in os.environ,
    deadline=None,
    max_examples=EXAMPLES,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
@given(
    files=days(),
    hidden=st.booleans(),
    duplicates=st.sampled_from(["resubmission", "resubmission", "transaction_id"]),
    possible_duplicates=st.sampled_from(["both", "once"]),
)
def test_random_journeys(files: Days, hidden: bool, duplicates: str, possible_duplicates: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        chosen = contract(SCHEMA, Path(folder, "contract.yaml"), hidden, duplicates, possible_duplicates)
        written = write(files, Path(folder, "data"))
        warehouse = Path(folder, "warehouse.duckdb")
        build(Path(folder, "data"), warehouse, chosen)
        assert differences(warehouse, written, chosen) == []
        assert violations(warehouse) == {}


def test_files_that_need_care_beside_one_that_does_not(tmp_path: Path) -> None:
    """Two files of one header, each with a record too short, and a file of another header."""
    view = cells("a", "https://puffy.com/", "", "2025-03-01T10:00:00Z", "page_viewed", "", "Mozilla")
    renamed = HEADER.replace("client_id", "clientId")
    (tmp_path / "data").mkdir()
    for day, lines in enumerate(([HEADER, "x,y", view], [HEADER, "x,y"], [renamed, view.replace("a", "b", 1)]), 1):
        (tmp_path / "data" / f"events_2025030{day}.csv").write_text("\n".join(lines), encoding="utf-8")
    build(tmp_path / "data", tmp_path / "warehouse.duckdb", SCHEMA)
    assert differences(tmp_path / "warehouse.duckdb", sorted((tmp_path / "data").iterdir()), SCHEMA) == []


@pytest.mark.parametrize("anonymised", [True, False])
def test_a_synthetic_fortnight(tmp_path: Path, anonymised: bool) -> None:
    files = generate(tmp_path / "data", days=14, events_per_day=400, seed=3, anonymised=anonymised)
    chosen, warehouse = contract(SCHEMA, tmp_path / "contract.yaml", anonymised), tmp_path / "warehouse.duckdb"
    build(tmp_path / "data", warehouse, chosen)
    assert differences(warehouse, files, chosen) == []
    assert violations(warehouse) == {}
    assert rows(warehouse, LEDGER) == [{"accounted": gross(files)}] and gross(files) > 1000


@needs_real_days
def test_the_real_days(tmp_path: Path) -> None:
    """No value of the real rows reaches a failure's message, only where it stands."""
    warehouse = tmp_path / "warehouse.duckdb"
    build(REAL, warehouse, SCHEMA)
    files = sorted(REAL.glob("events_*.csv"))
    wrong = differences(warehouse, files, SCHEMA, values=False)
    assert wrong[:20] == []
    assert sorted(violations(warehouse)) == []
    assert rows(warehouse, LEDGER) == [{"accounted": Decimal("294461.40")}]
    assert gross(files) == Decimal("294461.40")
