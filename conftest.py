"""Small synthetic days for every test of the command."""

import shutil
from pathlib import Path

import pytest
from synthetic_events import generate

# Files of tests that `make check` leaves out; in the others, @pytest.mark.slow does the same for a single test.
SLOW = {
    "test_spark", "test_dialects", "test_first_run", "test_documents", "test_security", "test_hostile_input",
    "test_any_input", "test_detection", "test_faults", "test_real_days", "test_reference", "test_attribution",
    "test_part3_browser", "test_part3_outputs", "test_part3_numbers", "test_agreement", "test_bench_peers",
    "test_prefilter", "test_attribution_cases", "test_monitor_command", "test_recovery",
    "test_one_judgement", "test_one_verdict", "test_transform", "test_shop_values", "test_shops_in_parts_3_and_4",
    "test_shop_drafts", "test_examples", "test_order_list", "test_another_shop", "test_known_totals_everywhere",
    "test_every_command", "test_any_contract", "test_paid_clicks",
}  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow; what takes longest comes first, so that the cores end their work together."""
    for item in items:
        if item.path.stem in SLOW:
            item.add_marker(pytest.mark.slow)
    first = ("test_spark", "test_dialects")
    items.sort(key=lambda item: (item.path.stem not in first, item.path.stem not in SLOW))


@pytest.fixture(scope="session")
def five_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five small healthy days, to be read only."""
    folder = tmp_path_factory.mktemp("five_days")
    generate(folder, days=5, events_per_day=300, seed=1, incidents=False)
    return folder


@pytest.fixture
def days(five_days: Path, tmp_path: Path) -> Path:
    """Five small healthy days to break."""
    return Path(shutil.copytree(five_days, tmp_path / "days"))
