"""The report in a real browser: it draws without an error and without a network, and its controls work."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from analysis_kit import analyse, build
from synthetic_events import generate

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="NOT TESTED IN A BROWSER: install Debian's chromium")

# Runs after the page: uses every control, and leaves what it saw where the dump of the page shows it.
PROBE = """
<script>
window.addEventListener("load", () => setTimeout(() => {
  const bars = () => JSON.stringify(document.getElementById("plot-attribution").data[0].x);
  const seen = { before: bars() };
  for (const id of ["reading", "model"]) {
    const box = document.getElementById(id);
    box.value = id === "reading" ? "as_tracked" : "first_click";
    box.dispatchEvent(new Event("change"));
  }
  seen.after = bars();
  seen.rows = document.getElementById("attribution-rows").rows.length;
  const theme = document.documentElement.dataset.theme;
  document.getElementById("theme").click();
  seen.themed = theme !== document.documentElement.dataset.theme;
  const bands = [...document.querySelectorAll(".sankey-link")];
  seen.bands = bands.filter((b) => getComputedStyle(b).opacity === "1").length;
  seen.allBands = bands.length;
  seen.plots = [...document.querySelectorAll(".plot")].filter((p) => p.querySelector("svg.main-svg")).length;
  seen.wanted = document.querySelectorAll(".plot").length;
  seen.fetched = performance.getEntriesByType("resource").map((e) => e.name).filter((n) => !n.startsWith("data:"));
  seen.wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
  seen.unnamed = [...document.querySelectorAll("select, button")]
    .filter((e) => !e.labels?.length && !e.textContent).length;
  seen.errors = window.seenErrors;
  document.title = "PROBE" + JSON.stringify(seen) + "PROBE";
}, 1500));
</script>
"""
WATCH = "<script>window.seenErrors = []; window.onerror = (m) => window.seenErrors.push(String(m));</script>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    generate(folder / "days", days=10, events_per_day=300, seed=4)
    analyse(build(folder / "days", folder / "w.duckdb"), folder)
    text = (folder / "report.html").read_text(encoding="utf-8")
    path = folder / "probed.html"
    path.write_text(text.replace("<head>", "<head>" + WATCH, 1).replace("</body>", PROBE + "</body>"), encoding="utf-8")
    return path


@pytest.mark.parametrize("size", ["1280,900", "500,900"])
def test_in_a_browser(page: Path, tmp_path: Path, size: str) -> None:
    line = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={tmp_path}", f"--window-size={size}", "--virtual-time-budget=15000",
        "--enable-logging=stderr", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(line, capture_output=True, text=True, encoding="utf-8", timeout=180, check=False)
    told = re.search(r"<title>PROBE(.*?)PROBE</title>", done.stdout)
    assert told, done.stderr[-2000:]
    seen = json.loads(told[1].replace("&quot;", '"').replace("&amp;", "&"))
    assert seen["errors"] == []
    assert ":CONSOLE" not in done.stderr.upper().replace("INFO:CONSOLE(0)", ""), done.stderr[-2000:]
    assert seen["fetched"] == []
    assert seen["plots"] == seen["wanted"] == 7
    assert seen["before"] != seen["after"]
    assert seen["rows"] > 1
    assert seen["themed"]
    assert seen["bands"] == seen["allBands"] > 0
    assert not seen["wide"]
    assert seen["unnamed"] == 0
