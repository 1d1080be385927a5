"""Every part refuses the contracts that any part refuses, with the same sentence."""

from pathlib import Path
from types import ModuleType

import generate_charts
import monitor
import pytest
import transform
import validate_dataframework
from commands import REPO, call
from contract_mistakes import MISTAKES, SMALL

from event_data.contract import ContractError, load_contract

SOME_CODES = list({code: mistake for mistake in MISTAKES for code in [mistake[3]]}.values())[::3]


@pytest.mark.parametrize(
    ("script", "options", "mistakes"),
    [
        (validate_dataframework, ["--out_dir", "{}"], MISTAKES),
        (transform, [], MISTAKES),
        (generate_charts, ["--out_dir", "{}"], SOME_CODES),  # it prints what part 2 says, a process each time
        (monitor, ["--no_refresh", "--dry_run"], MISTAKES),
    ],
    ids=["part 1", "part 2", "part 3", "part 4"],
)
def test_a_refused_contract(
    tmp_path: Path, script: ModuleType, options: list[str], mistakes: list[tuple[str, ...]]
) -> None:
    path, differing = tmp_path / "c.yaml", []
    line = ["--data_dir", str(tmp_path), "--contract", str(path), *[option.format(tmp_path) for option in options]]
    (tmp_path / "hits-2025-03-01.csv").write_text("visitor,url,ts,e,props\n", "utf-8")
    for old, new, *_ in mistakes:
        path.write_text(SMALL.replace(old, new).replace("«", ""), "utf-8")
        with pytest.raises(ContractError) as caught:
            load_contract(path)
        result = call(script, *line)
        if result != (2, "", f"{script.__name__}.py: {caught.value}\n"):
            differing.append((new, result))
    assert not differing


@pytest.mark.parametrize("name", ["part1-data-quality/schema.yaml", "examples/another_shop/contract.yaml"])
def test_the_contracts_of_the_repository_are_accepted(name: str) -> None:
    assert load_contract(REPO / name).roles["client"]
