"""Advertising spend beside the events: the totals are those of the file, and clicks meet their sessions."""

import math
import re
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest
from commands import REPO, SCHEMA, query
from synthetic_events import generate
from warehouse_kit import command, differing_tables, run

OBJECT = """
  - name: spend
    physicalName: google_ads.csv
    properties:
      [{{name: Day}}, {{name: Campaign}}, {{name: Currency code}}, {{name: Cost}}, {{name: Clicks}}, {{name: Impr.}}]
    customProperties:
      - property: adSpend
        value:
          columnRoles:
            date: Day
            source: {{constant: Google Ads}}
            medium: {{constant: cpc}}
            campaign: Campaign
            currency: Currency code
            cost: {{column: Cost, thousands: ","}}
            clicks: {{column: Clicks, thousands: ","}}
            impressions: {{column: Impr., thousands: ","}}
          campaigns: {campaigns}
"""
PAID = "source = 'google' and medium = 'cpc' and touch_channel is not null and day is not null"
SESSIONS = (
    "select cast(day as varchar), campaign, count(distinct session_id) from silver.events "
    f"where {PAID} group by all order by all"
)


class Shop(NamedTuple):
    """A folder with the data, the contract and the warehouse of a shop, its paid sessions, and the console."""

    folder: Path
    sessions: list[tuple[str, str | None, int]]  # day, campaign, number
    console: str


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Return a warehouse with the spend of a report of Google Ads, and the sessions of each day and campaign.

    Each session has 1.25 paid clicks of 2.00 each; a thousand more clicks never arrived.
    """
    folder = tmp_path_factory.mktemp("shop")
    data = folder / "data"
    generate(data, days=4, events_per_day=1500, seed=6, incidents=False)
    assert run(data, folder / "before.duckdb", SCHEMA)[0] == 0
    sessions = query(folder / "before.duckdb", SESSIONS)
    assert len({day for day, *_ in sessions}) == 4 and len({campaign for _, campaign, _ in sessions}) > 1
    lines = [
        "Campaign report",
        '"February 23, 2025 - February 26, 2025"',
        "Day,Campaign,Currency code,Cost,Clicks,Impr.",
    ]
    names: dict[str, str] = {}
    for day, campaign, count in sessions:
        name = names.setdefault(campaign or "", f"Campaign no. {len(names)}") if campaign else ""
        lines.append(f'{day},{name},USD,"{2 * 1.25 * count:,.2f}",{1.25 * count:.0f},"{50_000 + count:,}"')
    lines += [
        '2025-02-24,Elsewhere,USD,"2,000.00","1,000",9',
        "2025-02-24,Abroad,EUR,70.00,35,9",
        "20250224,Abroad,EUR,30.00,15,9",
        "2025-02-24,Elsewhere,USD,,,",
        "2025-03-24,Elsewhere,USD,5.00,1,9",
        ",Total: account,,9,9,9",
    ]
    (data / "google_ads.csv").write_text("\n".join(lines) + "\n", "utf-8")
    head, tail = SCHEMA.read_text("utf-8").split("\nslaProperties:", 1)
    spend = OBJECT.format(campaigns={name.upper(): campaign for campaign, name in names.items()})
    (folder / "contract.yaml").write_text(f"{head}\n{spend}\nslaProperties:{tail}", "utf-8")
    places = {"data_dir": data, "warehouse": folder / "w.duckdb", "contract": folder / "contract.yaml"}
    status, stdout, stderr = command(*(word for name, path in places.items() for word in (f"--{name}", path)))
    assert status == 0, stderr
    return Shop(folder, sessions, " ".join(stdout.split()))


def test_what_was_spent_is_in_every_model_once(shop: Shop) -> None:
    folder, sessions, console = shop
    spent = sum(Decimal(2) * Decimal("1.25") * count for *_, count in sessions) + 2000
    totals = query(
        folder / "w.duckdb",
        "select reading, model, sum(spend), sum(sessions), sum(revenue), sum(orders) from gold.channel_returns "
        "group by all",
    )
    assert len(totals) == 18 and {total[2] for total in totals} == {spent}
    visits = dict(
        query(folder / "w.duckdb", "select reading, count(*) from silver.sessions where day is not null group by all")
    )
    revenue, orders = query(folder / "w.duckdb", "select sum(revenue), count(*) from silver.orders")[0]
    for reading, _, _, counted, earned, bought in totals:
        assert (counted, earned) == (visits["healed" if reading == "stitched" else reading], revenue)
        assert math.isclose(bought, orders, abs_tol=0.01)
    elsewhere = "select other_currency, other_cost, cost from silver.ad_spend where campaign = 'Abroad' order by line"
    assert query(folder / "w.duckdb", elsewhere) == [("EUR", Decimal(70), None), ("EUR", Decimal(30), None)]
    assert (
        f"Advertising spend: ${spent + 5:,.2f} on 5 days. $5.00 of it is on days without event files, and is not in "
        "gold.channel_returns. Spend in other currencies is not included: EUR 100.00." in console
    )
    refused = "1 record cannot be used (1 no readable cost); see silver.refused_ad_spend."
    assert console.endswith(refused)
    last = len((folder / "data" / "google_ads.csv").read_text("utf-8").splitlines())
    assert query(folder / "w.duckdb", "select line, reason from silver.refused_ad_spend order by line") == [
        (last - 2, "no readable cost"), (last, "total"),
    ]  # fmt: skip


def test_the_queries_of_the_page_run(shop: Shop) -> None:
    page = (REPO / "docs" / "order_list.md").read_text("utf-8")
    found = re.findall("```sql\n(.*?)```", page, re.S)
    returns, clicks = (sql for sql in found if "channel_returns" in sql or "click" in sql)
    (first, *_) = query(shop.folder / "w.duckdb", returns)
    assert first[0] == "Paid Search" and first[1] > 2000
    assert max(lost for *_, lost in query(shop.folder / "w.duckdb", clicks)) > 0.8


def test_clicks_meet_their_sessions(shop: Shop) -> None:
    folder, sessions, _ = shop
    found = query(
        folder / "w.duckdb",
        "select cast(date as varchar), campaign, clicks, sessions, channel from gold.click_sessions order by all",
    )
    # Elsewhere and Abroad are campaigns that no address names: they are compared with the sessions without a campaign.
    unnamed: dict[tuple[str, str | None], int] = {("2025-02-24", None): 1000 + 35 + 15}
    assert None in {campaign for _, campaign, _ in sessions}
    assert found == sorted(
        (
            day,
            (campaign or "").lower(),
            round(1.25 * count) + unnamed.get((day, campaign), 0),
            count,
            channel_of(campaign),
        )
        for day, campaign, count in sessions
    )


def test_spend_is_in_the_channel_of_its_campaign(shop: Shop) -> None:
    """A campaign's name can decide the channel of its visits; spend in another channel would return nothing."""
    folder, sessions, _ = shop
    assert {channel_of(campaign) for _, campaign, _ in sessions} == {"Paid Search", "Paid Shopping", "Cross-network"}
    spent = dict(query(folder / "w.duckdb", "select distinct coalesce(campaign, ''), channel from silver.ad_spend"))
    named = {campaign or "": channel_of(campaign) for _, campaign, _ in sessions}
    assert spent == named | {"Elsewhere": "Paid Search", "Abroad": "Paid Search"}
    sql = "select distinct coalesce(lower(campaign), ''), channel from silver.events where "
    assert dict(query(folder / "w.duckdb", sql + PAID)) == {name.lower(): channel for name, channel in named.items()}


def channel_of(campaign: str | None) -> str:
    return {"cross-network": "Cross-network", "shopping": "Paid Shopping"}.get(campaign or "", "Paid Search")


def test_the_bounds_are_wide_where_orders_are_few(shop: Shop) -> None:
    folder = shop.folder
    rows = query(
        folder / "w.duckdb",
        "select spend, orders, revenue, least_orders, most_orders, cost_per_order, least_cost_per_order, "
        "most_cost_per_order, return_on_ad_spend, least_return_on_ad_spend, most_return_on_ad_spend "
        "from gold.channel_returns",
    )
    assert any(orders for _, orders, *_ in rows)
    for spend, orders, revenue, least, most, cost, low, high, returned, worst, best in rows:
        assert 0 <= least <= orders < most and (orders > 0 or abs(most - 3.69) < 0.03)  # the exact bound is 3.69
        assert (cost is None) == (orders == 0) and (high is None) == (least == 0)
        assert cost is None or math.isclose(cost, float(spend) / orders)
        assert low is not None and (cost is None or low <= cost) and (high is None or high >= cost)
        assert (returned is None) == (spend == 0) and (worst is None or worst <= float(revenue) / float(spend) <= best)


def test_what_was_spent_without_an_order_is_in_every_model_too(shop: Shop, tmp_path: Path) -> None:
    """And a campaign that a later file spells in another case counts once."""
    data, warehouse = tmp_path / "data", tmp_path / "w.duckdb"
    data.mkdir()
    for path in (shop.folder / "data").glob("events_*.csv"):
        lines = path.read_text("utf-8").splitlines()
        (data / path.name).write_text("\n".join(one for one in lines if "checkout_completed" not in one), "utf-8")
    text = (shop.folder / "contract.yaml").read_text("utf-8").replace("google_ads.csv", "google_ads*.csv")
    (tmp_path / "contract.yaml").write_text(text, "utf-8")
    for number, record in enumerate(("SALE,USD,70.00", "Sale,USD,80.00"), 1):
        (data / f"google_ads_{number}.csv").write_text(
            f"Day,Campaign,Currency code,Cost,Clicks,Impr.\n2025-02-24,{record},40,9\n", "utf-8"
        )
    assert run(data, warehouse, tmp_path / "contract.yaml")[0] == 0
    assert query(warehouse, "select * from gold.attribution") == []
    spent = "select sum(spend) from gold.channel_returns group by reading, model"
    assert query(warehouse, spent) == [(Decimal(80),)] * 18


def test_a_later_file_and_its_absence(shop: Shop, tmp_path: Path) -> None:
    folder = shop.folder
    spend, contract, part = folder / "data" / "google_ads.csv", folder / "contract.yaml", folder / "w.duckdb"
    text = spend.read_text("utf-8")
    spend.write_text(
        re.sub("^(2025)-([0-9]+)-([0-9]+)", r"\3.\2.\1", text, flags=re.M).replace("20250224,", ","), "utf-8"
    )
    status, _, stderr = run(folder / "data", part, contract)
    assert status == 3 and stderr.endswith(
        "google_ads.csv could not be read (it has no usable records); see bronze.book_files.\n"
    )
    assert query(part, "select distinct reason from silver.refused_ad_spend order by reason") == [
        ("no day",), ("no readable day",), ("total",),
    ]  # fmt: skip
    spend.write_text(text.replace(",1,", ",2,").replace("Elsewhere", "Anywhere"), "utf-8")
    for _ in range(2):
        assert run(folder / "data", part, contract)[0] == 0
        assert run(folder / "data", tmp_path / "whole.duckdb", contract, "--full_refresh")[0] == 0
        assert differing_tables(part, tmp_path / "whole.duckdb") == []
        spend.unlink(missing_ok=True)
    status, stdout, _ = command("--data_dir", folder / "data", "--warehouse", part, "--contract", contract)
    assert "Advertising spend is not measured: there is no file like google_ads.csv." in " ".join(stdout.split())
    assert not query(
        part, "select * from information_schema.tables where table_name in ('ad_spend', 'channel_returns')"
    )
