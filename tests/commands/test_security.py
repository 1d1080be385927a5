"""The claims of SECURITY.md that no other test holds: each input that a stranger may write stays data."""

import csv
import re
import shutil
from pathlib import Path
from types import ModuleType

import duckdb
import generate_charts
import monitor
import pytest
import transform
import validate_dataframework
from analysis_kit import analyse, build
from command_kit import day
from commands import REPO, call

SCRIPTS = (validate_dataframework, transform, generate_charts, monitor)


def test_every_claim_names_a_test_that_there_is() -> None:
    page = (REPO / "SECURITY.md").read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+)` in \[(\w+\.py)\]\(((?:tests/\w+|part4-monitoring)/\w+\.py)\)", page)
    assert len(named) >= 12
    for test, file, path in named:
        assert path.endswith(file) and f"def {test}(" in (REPO / path).read_text(encoding="utf-8"), test
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith(("| input", "| ---"))]
    assert all("`test_" in row for row in rows)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda s: s.__name__)
def test_a_bomb_of_aliases_ends_at_once(script: ModuleType, five_days: Path, tmp_path: Path) -> None:
    """Ten levels of ten aliases: written out, ten thousand million values, which no test would live to see."""
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 11)]
    bomb = tmp_path / "bomb.yaml"
    bomb.write_text("\n".join([*levels, "schema: *a10", "customProperties: *a10", ""]))
    place = () if script is validate_dataframework else ("--warehouse", tmp_path / "w.duckdb")
    status, _, error = call(script, "--data_dir", five_days, "--contract", bomb, *place)
    assert status == 2 and len(error) < 2000


def test_an_export_holds_no_formula(five_days: Path, tmp_path: Path) -> None:
    """Gold's CSVs are opened in a spreadsheet; Parquet has every value as it is."""
    data = Path(shutil.copytree(five_days, tmp_path / "days"))
    formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]
    lines = []
    for number, formula in enumerate(formulas):
        item = '{""item_id"":""%s"",""item_name"":""%s"",""quantity"":1,""item_price"":9}' % ((formula,) * 2)
        payload = item.replace("\t", "\\t").replace("\r", "\\r")
        lines.append(
            f"1740268798-abcdefghijk{number},https://puffy.com/?utm_source=x,,2025-02-26T12:00:0{number}.000Z,"
            f'checkout_completed,"{{""transaction_id"":""ORD-20250226-9{number}"",""revenue"":9,""items"":[{payload}],'
            f'""user_email"":""{number:064x}""}}",Mozilla'
        )
    with day(data).open("a", encoding="utf-8") as file:
        file.write("\n" + "\n".join(lines))
    line = ("--data_dir", data, "--warehouse", tmp_path / "w.duckdb", "--export", tmp_path / "out", "--quiet")
    assert call(transform, *line)[0] == 0
    with (tmp_path / "out" / "products.csv").open(encoding="utf-8", newline="") as shown:
        cells = {row["item_name"] for row in csv.DictReader(shown)}
    assert {"'" + formula for formula in formulas} <= cells
    for path in (tmp_path / "out").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                assert not [cell for cell in row if re.match(r"[=@\t\r]|[+-](?![\d.]+$)", cell)], path.name
    names = duckdb.execute("select item_name from read_parquet(?)", [str(tmp_path / "out" / "products.parquet")])
    assert set(formulas) <= {name for (name,) in names.fetchall()}


def test_no_secret_is_an_option() -> None:
    """Arguments are seen by every user of the machine; a webhook comes from the environment alone."""
    options = {o for s in SCRIPTS for a in s.parser()._actions for o in a.option_strings}
    assert not [o for o in options if re.search("hook|token|password|secret|key", o)]
    for path in (*REPO.glob("part*/*.py"), *REPO.glob("part*/*.yaml")):
        assert "hooks.slack.com/services/T" not in path.read_text(encoding="utf-8"), path


def test_the_report_may_fetch_nothing(five_days: Path, tmp_path: Path) -> None:
    """Whatever came into the page, the page tells the browser to load and send nothing."""
    analyse(build(five_days, tmp_path / "w.duckdb"), tmp_path)
    head = (tmp_path / "report.html").read_text(encoding="utf-8").partition("</head>")[0]
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', head)
    assert policy.startswith("default-src 'none';") and "http" not in policy and "connect-src" not in policy
