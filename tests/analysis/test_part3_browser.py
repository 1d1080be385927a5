"""The report in a real browser: it draws without an error and without a network, and its controls work."""

from pathlib import Path

import pytest
from analysis_kit import analyse, build
from browser_kit import needs_browser, visit
from synthetic_events import generate

pytestmark = needs_browser

PROBE = """
const bars = () => JSON.stringify(document.getElementById("plot-attribution").data[0].x);
seen.before = bars();
for (const id of ["reading", "model"]) {
  const box = document.getElementById(id);
  box.value = id === "reading" ? "as_tracked" : "first_click";
  box.dispatchEvent(new Event("change"));
}
seen.after = bars();
seen.rows = document.getElementById("attribution-rows").rows.length;
const ink = () => document.querySelector("#plot-trend text").style.fill;
seen.ink = ink();
document.getElementById("theme").click();
seen.otherInk = ink();
const bands = [...document.querySelectorAll(".sankey-link")];
seen.bands = bands.filter((b) => getComputedStyle(b).opacity === "1").length;
seen.allBands = bands.length;
seen.plots = [...document.querySelectorAll(".plot")].filter((p) => p.querySelector("svg.main-svg")).length;
seen.wanted = document.querySelectorAll(".plot").length;
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    generate(folder / "days", days=10, events_per_day=300, seed=4)
    analyse(build(folder / "days", folder / "w.duckdb"), folder)
    return folder / "report.html"


@pytest.mark.parametrize("size", ["1280,900", "500,900"])
def test_in_a_browser(page: Path, tmp_path: Path, size: str) -> None:
    seen = visit(page, PROBE, tmp_path, size)
    assert seen["plots"] == seen["wanted"] == 9
    assert seen["before"] != seen["after"]
    assert seen["rows"] > 1
    assert seen["ink"] != seen["otherInk"]
    assert seen["bands"] == seen["allBands"] > 0
