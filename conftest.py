"""Small synthetic days for every test of the command."""

import shutil
from pathlib import Path

import pytest
from synthetic_events import generate


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes comes first, so that the cores end their work together."""
    items.sort(key=lambda item: not item.path.name.startswith(("test_spark", "test_dialects")))


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
