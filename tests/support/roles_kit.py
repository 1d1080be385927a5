"""Runs of parts 2 to 4 on a shop with few roles, and the words that such a shop's output must not have."""

import html
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import generate_charts
import monitor
import transform
from commands import call

from event_data.contract import load_contract
from event_data.shop_roles import ShopRoles

# Words that only the output of shops with a role may have.
WORDS = {
    ("amount",): r"revenue|\$|€|£|amount|EBITDA|priced?",
    ("page", "referrer", "source", "medium", "click_id", "channel"): (
        r"channels?|known source|unlabelled|budget|attribution|direct visits|Finance"
    ),
    ("user_agent",): r"crawlers?|compare devices|operating system|device_cvr|device and system",
    ("event:page_view",): r"page views?|viewed a page",
    ("event:checkout",): r"checkout completion|started checkout|checkout starts?",
    ("transaction_id",): r"no transaction id|counted twice|ids that collide|deduplicate",
    ("lines",): r"products?|without a price",
}


@dataclass(frozen=True)
class ShopRun:
    """The output of parts 2 to 4 for a shop."""

    warehouse: Path
    roles: ShopRoles
    ledger: str
    error: str
    summary: str
    page: str  # what a reader of the page sees
    pictures: set[str]
    latest: str  # the monitor's report of the newest day
    days: list[dict[str, Any]]  # the monitor's report of every day

    @property
    def alarms(self) -> set[str]:
        """Return the names of all alarms."""
        return {alarm["key"].partition(":")[0] for day in self.days for alarm in day["alarms"]}

    @property
    def metrics(self) -> set[str]:
        """Return the names of all metrics."""
        return {metric["metric"] for day in self.days for metric in day["metrics"]}

    def wrong_words(self) -> dict[str, list[str]]:
        """Return the words about roles that the shop does not have, by where they stand."""
        absent = [words for names, words in WORDS.items() if not self.roles.has(*names)]
        pattern = re.compile(rf"(?<!\w)(?:{'|'.join(absent)})(?!\w)", re.IGNORECASE)
        texts = {"ledger": self.ledger, "error": self.error, "summary": self.summary, "page": self.page}
        texts["monitor"] = self.latest
        found = {name: sorted(set(pattern.findall(text))) for name, text in texts.items()} if absent else {}
        return {name: words for name, words in found.items() if words}


def run_shop(data_dir: Path, contract: Path, folder: Path) -> ShopRun:
    """Run parts 2, 1 and 3 on all days together, and the monitor on every day."""
    warehouse = folder / "w" / "warehouse.duckdb"
    place = ("--data_dir", data_dir, "--contract", contract, "--warehouse", warehouse)
    (folder / "w").mkdir(parents=True)
    status, ledger, error = call(transform, *place)
    assert status in (0, 3), error
    status, _, error = call(generate_charts, *place, "--since", "1900-01-01", "--out_dir", folder)
    assert status in (0, 3), error
    latest, days = (
        call(monitor, "--no_refresh", *place, *args)[1] for args in (["--verbose"], ["--backtest", "--json"])
    )
    return ShopRun(
        warehouse, ShopRoles.of(load_contract(contract)), ledger, error,
        (folder / "executive_summary.md").read_text(encoding="utf-8"),
        visible((folder / "report.html").read_text(encoding="utf-8")),
        {path.name for path in folder.glob("*.png")}, latest, json.loads(days),
    )  # fmt: skip


def page_data(page: str) -> dict[str, Any]:
    """Return the data that the figures of a page draw."""
    return dict(json.loads(page.split('<script type="application/json" id="data">')[1].split("</script>")[0]))


def visible(page: str) -> str:
    """Return the text of a page, with a bar between its parts."""
    return _without_tags(page[page.index("<body") : page.index('<script type="application/json"')])


def visible_lines(page: str) -> list[str]:
    """Return the text of a page, a line for each paragraph and each row of a table."""
    body = page[page.index("<body") : page.index('<script type="application/json"')]
    lines = (_without_tags(part).strip(" |") for part in re.split(r"</(?:p|tr|h1|h2|option|summary|footer)>", body))
    return [line for line in lines if line]


def _without_tags(text: str) -> str:
    return re.sub(r"(\s*\|\s*)+", " | ", html.unescape(re.sub(r"<[^>]+>", " | ", text)))
