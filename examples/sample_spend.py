"""The advertising spend of the sample shop, as Google Ads and Meta's Ads Manager export it."""

import csv
import io
from collections.abc import Iterable, Sequence

from sample_shop import DAYS, Event

CLICKS_PER_VISIT = (5, 4)  # five clicks for every four visits, rounded down: some never arrive


def google_ads(events: Sequence[Event]) -> bytes:
    """Return a campaign report by day: titles above the header, separators in numbers, and a total at the end."""
    rows: list[tuple[object, ...]] = [
        ("Campaign report",),
        (f"{DAYS[0]:%B} {DAYS[0].day}, {DAYS[0].year} - {DAYS[-1]:%B} {DAYS[-1].day}, {DAYS[-1].year}",),
        ("Day", "Campaign", "Campaign ID", "Currency code", "Cost", "Clicks", "Impr.", "Conversions"),
    ]
    for number, day in enumerate(DAYS):
        visits = {e.visit for e in events if e.visit.source.channel == "Paid Search" and e.visit.start.date() == day}
        clicks = len(visits) * CLICKS_PER_VISIT[0] // CLICKS_PER_VISIT[1] + number
        cost = f"{1.85 * clicks:,.2f}"
        rows.append((day, "Brand - Search", "2101", "EUR", cost, clicks, f"{1040 + 30 * number:,}", "1.00"))
    rows.append((" --", "Total: Account", "", "EUR", "22.20", "12", "3,210", "3.00"))
    return _csv(rows)


def meta_ads() -> bytes:
    """Return a report of campaigns broken down by day; `--` stands for none, and the currency is in a column's name."""
    header = (
        "Reporting starts", "Reporting ends", "Campaign name", "Amount spent (EUR)", "Impressions", "Link clicks",
        "Purchases", "Purchase conversion value (EUR)",
    )  # fmt: skip
    rows: list[tuple[object, ...]] = [header]
    for number, (day, clicks) in enumerate(zip(DAYS, ("2", "--", "1"), strict=True)):
        rows.append((day, day, "June sale", f"{6 + number}.40", 900 + number, clicks, "--", "--"))
    return _csv(rows)


def _csv(rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
