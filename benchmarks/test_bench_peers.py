"""The benchmark beside other tools, where none of them is installed; and that it refuses one that checks nothing."""

import json
import sys
from pathlib import Path

import bench_peers
import pytest
from bench_transform import HEADER
from peer_checks import COLUMNS, EVENTS, PEERS, QUIET, Peer, data_contract, data_contract_of_table, dbt_project

NOWHERE = [part for peer in PEERS for part in (f"--{peer.option}", "/nowhere/python")]
SAYS = "import json, sys; json.dump({}, open(sys.argv[1], 'w'))"


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variables that the benchmark sets, so that they are restored afterwards."""
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)


def test_without_the_tools_it_says_so_and_times_the_validator(
    five_days: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench_peers.main(["--data_dir", str(five_days), "--runs", "1", *NOWHERE]) == 0
    first, header, *lines = capsys.readouterr().out.splitlines()
    assert first == (
        "not installed, and left out: great_expectations (--gx), soda-duckdb (--soda), "
        "datacontract-cli[duckdb] (--datacontract), dbt-duckdb (--dbt)"
    )
    assert header == HEADER
    assert [line[:26] for line in lines] == ["this validator, all checks"]


@pytest.mark.parametrize(
    "says, folder", [([], "time"), (["time"], "sound"), (["rows"], "sound")], ids=["nothing", "always", "wrong"]
)
def test_a_tool_that_does_not_find_the_faults_is_not_timed(
    says: list[str], folder: str, five_days: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blind = Peer("Blind {}", "pytest", "gx", "pytest", SAYS.format(says), lambda place, files: None)
    monkeypatch.setattr(bench_peers, "PEERS", (blind,))
    with pytest.raises(SystemExit, match=rf"/{folder} Blind .* found \[.*\] where \[.*\] is wrong"):
        bench_peers.main(["--data_dir", str(five_days), "--gx", sys.executable])
    assert capsys.readouterr().out == ""


def test_a_tool_that_ends_with_an_error_is_reported(five_days: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lame = Peer("Lame {}", "pytest", "gx", "pytest", "raise OSError('no legs')", lambda place, files: None)
    monkeypatch.setattr(bench_peers, "PEERS", (lame,))
    with pytest.raises(SystemExit, match=r"Lame [\d.]+ came to no result: (?s:.*)OSError: no legs"):
        bench_peers.main(["--data_dir", str(five_days), "--gx", sys.executable])


def test_what_the_tools_are_given_names_the_nine(tmp_path: Path) -> None:
    """Without the tools: their contracts ask for every check and every column."""
    files = ["/days/events_20250223.csv", "/days/events_20250224.csv"]
    for write in (data_contract, data_contract_of_table):
        write(tmp_path / "contract", files)
        (table,) = json.loads((tmp_path / "contract").read_text())["schema"]
        rules = [*table["quality"], *(rule for column in table["properties"] for rule in column["quality"])]
        assert {rule["id"] for rule in rules} | {"columns"} == bench_peers.NINE
        assert {column["name"] for column in table["properties"]} >= set(COLUMNS)
    dbt_project(tmp_path / "project", files)
    (model,) = json.loads((tmp_path / "project" / "models" / "events.yml").read_text())["models"]
    own = [test["name"] for column in model["columns"] for kind in column["data_tests"] for test in kind.values()]
    assert {*own, *(path.stem for path in (tmp_path / "project" / "tests").iterdir())} == bench_peers.NINE
    assert str(files) in (tmp_path / "project" / "models" / "events.sql").read_text()
    assert all(event in str(model) for event in EVENTS)
