"""Open a page in Chromium, run a probe after it, and return what the probe saw."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="NOT TESTED IN A BROWSER: install Debian's chromium")

WATCH = "window.seenErrors = []; window.onerror = (m) => window.seenErrors.push(String(m));"
# `seen` goes into the title, which the dump of the page shows.
PROBE = """
window.addEventListener("load", () => setTimeout(async () => {
  const seen = {};
  %s
  seen.themeButton = !document.getElementById("theme").hidden;
  const background = () => getComputedStyle(document.body).backgroundColor;
  const before = background();
  document.getElementById("theme").click();
  seen.themed = before !== background();
  seen.fetched = performance.getEntriesByType("resource").map((e) => e.name).filter((n) => !n.startsWith("data:"));
  seen.wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
  seen.unnamed = [...document.querySelectorAll("select, button, a")]
    .filter((e) => !e.labels?.length && !e.textContent.trim()).length;
  seen.errors = window.seenErrors;
  document.title = "PROBE" + JSON.stringify(seen) + "PROBE";
}, 1500));
"""


def visit(page: Path, probe: str, folder: Path, size: str) -> dict[str, Any]:
    """Return what `probe`, JavaScript that fills `seen`, finds in the page; assert what every page must meet."""
    scripts = WATCH, PROBE % probe
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    text = page.read_text(encoding="utf-8")
    allowed = "".join(f"'sha256-{digest}' " for digest in hashes)
    text = text.replace("script-src ", f"script-src {allowed}", 1)
    head, tail = (f"<script>{script}</script>" for script in scripts)
    text = text.replace("<title>", head + "<title>", 1).replace("</body>", tail + "</body>")
    probed = folder / "probed.html"
    probed.write_text(text, encoding="utf-8")
    line = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={folder}", f"--window-size={size}", "--virtual-time-budget=15000",
        "--enable-logging=stderr", "--dump-dom", probed.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(line, capture_output=True, text=True, encoding="utf-8", timeout=180, check=False)
    match = re.search(r"<title>PROBE(.*?)PROBE</title>", done.stdout)
    assert match, done.stderr[-2000:]
    seen: dict[str, Any] = json.loads(match[1].replace("&quot;", '"').replace("&amp;", "&"))
    assert seen["errors"] == []
    assert ":CONSOLE" not in done.stderr.upper().replace("INFO:CONSOLE(0)", ""), done.stderr[-2000:]
    assert seen["fetched"] == []
    assert seen["themeButton"] and seen["themed"]
    assert not seen["wide"]
    assert seen["unnamed"] == 0
    return seen
