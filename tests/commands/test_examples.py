"""The example contracts: ten exports of the same shop give the same figures through all four commands."""

import gzip
import re
import shutil
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import generate_charts
import make_samples
import monitor
import pytest
import transform
import validate_dataframework
from command_kit import rows
from commands import REPO, call, query
from make_samples import EXPORTS, write
from sample_shop import DAYS, events, sessions, totals

from event_data.contract import load_contract

EXAMPLES = REPO / "examples"
EVENTS = events()
TOTALS, SESSIONS = totals(EVENTS), sessions(EVENTS)
WITHOUT_VISITS = {"order_lines"}
WITH_LINES = {"segment", "posthog", "amplitude", "mixpanel", "shopify_customer_events", "order_lines"}
VARIANTS = [*EXPORTS, "ga4_bigquery as Parquet"]


class Example:
    """A copy of an export's sample, with its contract."""

    def __init__(self, variant: str, folder: Path) -> None:
        self.export, _, parquet = variant.partition(" as ")
        self.contract, self.days = EXAMPLES / self.export / "contract.yaml", folder / "days"
        shutil.copytree(EXAMPLES / self.export / ("sample_parquet" if parquet else "sample"), self.days)
        if parquet:  # the one change that the contract's comment names
            text = self.contract.read_text("utf-8")
            self.contract = folder / "contract.yaml"
            self.contract.write_text(text.replace("events_%Y%m%d.jsonl", "events_%Y%m%d.parquet"), encoding="utf-8")

    def run(self, script: ModuleType, *args: object) -> str:
        """Run a command that must end with status 0, and return what it prints."""
        status, stdout, stderr = call(script, "--data_dir", self.days, "--contract", self.contract, *args)
        assert status == 0, stdout + stderr
        return stdout

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return query(self.days / "warehouse.duckdb", sql)


@pytest.fixture(scope="module", params=VARIANTS)
def example(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Example:
    made = Example(request.param, tmp_path_factory.mktemp(request.param))
    made.run(transform, "--quiet")
    return made


def test_the_shop_has_what_the_examples_show() -> None:
    assert list(TOTALS.items()) == [
        ("2025-06-02", (4, Decimal("99.65"))),
        ("2025-06-03", (5, Decimal("195.60"))),
        ("2025-06-04", (6, Decimal("300.30"))),
    ]
    assert SESSIONS == {"Direct": 9, "Email": 6, "Organic Search": 9, "Paid Search": 9, "Referral": 3}
    orders = [event.order.order_id for event in EVENTS if event.kind == "purchase" and event.order]
    assert len(orders) == len(set(orders)) + 1, "one order is sent twice"
    days = {visit: {e.at.date() for e in EVENTS if e.visit == visit} for visit in {e.visit for e in EVENTS}}
    assert sum(len(found) == 2 for found in days.values()) == 1, "one visit spans midnight"


def content(path: Path) -> bytes | list[tuple[Any, ...]]:
    """Return what a file holds: compressed bytes differ from one version of a library to the next."""
    if path.suffix == ".parquet":
        return duckdb.execute(f"from '{path}'").fetchall()
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def test_samples_are_what_the_script_writes(tmp_path: Path) -> None:
    written = {path.relative_to(tmp_path) for path in write(tmp_path)}
    committed = {
        path.relative_to(EXAMPLES) for path in EXAMPLES.glob("*/sample*/**/*") if path.is_file() and path.name[0] != "."
    }
    assert written == committed
    for name in sorted(written):
        assert content(tmp_path / name) == content(EXAMPLES / name), name
        assert (EXAMPLES / name).stat().st_size < 33_000, name


def test_the_script_names_what_it_wrote_and_what_it_cannot_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["make_samples.py", "order_lines", "--out_dir", str(tmp_path)])
    assert make_samples.main() == 0
    assert "2025-06-03: 5 orders, €195.60" in capsys.readouterr().out
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("sys.argv", ["make_samples.py", "order_lines", "--out_dir", str(tmp_path / "file")])
    assert make_samples.main() == 2
    assert "choose another --out_dir" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["make_samples.py", "ga5"])
    with pytest.raises(SystemExit):
        make_samples.main()
    assert "there is no export ga5" in capsys.readouterr().err


@pytest.mark.parametrize("export", EXPORTS)
def test_known_totals_of_the_contract_are_those_of_the_sample(export: str) -> None:
    contract = load_contract(EXAMPLES / export / "contract.yaml")
    known = {str(one.day): (one.orders, one.revenue) for one in contract.known_totals}
    assert known == {day: TOTALS[day] for day in sorted(TOTALS)[:2]}


def test_data_quality(example: Example, tmp_path: Path) -> None:
    """Only the order that is sent twice is worse than P3; a database has each order once."""
    example.run(validate_dataframework, "--out_dir", tmp_path)
    failed = {row["check"] for row in rows(tmp_path) if row["status"] == "fail" and row["severity"] < "P3"}
    assert failed == (set() if example.export in WITHOUT_VISITS else {"transaction_id_resubmission"})


def test_orders_and_revenue(example: Example) -> None:
    days = "select cast(order_date as varchar), count(*), sum(revenue) from silver.orders group by all order by all"
    assert example.query(days) == [(day, *figures) for day, figures in TOTALS.items()]
    ids = {event.order.order_id for event in EVENTS if event.kind == "purchase" and event.order}
    assert {order_id for (order_id,) in example.query("select transaction_id from silver.orders")} == ids
    refused = "select line from gold.ledger where amount <> 0 and (line like 'rejected%' or line like 'quarantined%')"
    assert example.query(refused) == []


def test_the_order_list(tmp_path: Path) -> None:
    """Every order of the events is in Shopify's list, which has one that was never tracked."""
    shop = Example("shopify_customer_events", tmp_path)
    printed = shop.run(transform)
    found = (
        "select status, coalesce(reason, ''), count(*), sum(booked_amount) from gold.order_reconciliation group by all"
    )
    assert sorted(shop.query(found)) == [
        ("matched", "", 15, sum(amount for _, amount in TOTALS.values())),
        ("not expected", "pos", 1, Decimal("25.00")),
        ("not expected", "shopify_draft_order", 1, Decimal("117.00")),
        ("not tracked", "no order event", 1, Decimal("24.90")),
    ]
    page = (REPO / "docs" / "order_list.md").read_text("utf-8")
    table = page[page.index("| order list") :].partition("\n\n")[0].splitlines()
    shown = [" ".join(line.replace("|", " ").split()) for line in table if not line.startswith("|--")]
    assert shown == [
        line for line in (" ".join(line.split()) for line in printed.splitlines()) if line in shown
    ]  # the page shows what the command prints
    queries = [sql for sql in re.findall("```sql\n(.*?)```", page, re.S) if "order_id" in sql or "coverage" in sql]
    assert len(queries) == 2 and all(shop.query(sql) for sql in queries)
    evidence = "select evidence, max(line_items) from gold.order_reconciliation inner join silver.shop_orders "
    ((how, lines),) = shop.query(f"{evidence} using (shop_order_id) where evidence is not null group by all")
    assert how == "transaction id and amount" and lines > 1
    assert b"@mail.example" not in (shop.days / "warehouse.duckdb").read_bytes()


def test_the_spend_of_two_platforms(tmp_path: Path) -> None:
    """Each export has its own columns; the campaign of Google Ads has another name in the addresses."""
    shop = Example("shopify_customer_events", tmp_path)
    printed = " ".join(shop.run(transform).split())
    assert "Advertising spend: €44.40 on 3 days." in printed and "cannot be used" not in printed
    spent = "select source, campaign, channel, sum(cost), sum(clicks) from silver.ad_spend group by all order by all"
    assert shop.query(spent) == [
        ("facebook", "June sale", "Unassigned", Decimal("22.20"), 3),
        ("google", "brand", "Paid Search", Decimal("22.20"), 12),
    ]
    arrived = "select source, sum(clicks), sum(sessions) from gold.click_sessions group by all order by all"
    assert shop.query(arrived) == [("facebook", 3, 0), ("google", 12, SESSIONS["Paid Search"])]
    assert shop.query("select source_file, line, reason from silver.refused_ad_spend") == [
        ("google_ads.csv", 7, "total")
    ]


def test_sessions_and_channels(example: Example) -> None:
    """A visit that spans midnight is one session, and a direct visit after a campaign is direct."""
    found = "select first_channel, count(*) from silver.sessions where reading = 'healed' group by all order by all"
    channels = dict(example.query(found))
    if example.export in WITHOUT_VISITS:
        assert set(channels) == {None}  # an order is no visit of a channel
        return
    assert channels == SESSIONS
    steps = "select sum(page_views), sum(carts), sum(checkouts) from silver.sessions where reading = 'healed'"
    kinds = [event.kind for event in EVENTS]
    assert example.query(steps) == [tuple(map(kinds.count, ("page_view", "add_to_cart", "begin_checkout")))]


def test_products(example: Example) -> None:
    if example.export not in WITH_LINES:
        assert example.query("select * from gold.products") == []
        return
    revenue = "select sum(revenue), count(*) filter (item_name is null) from gold.products"
    assert example.query(revenue) == [(sum(amount for _, amount in TOTALS.values()), 0)]


def test_monitor(example: Example) -> None:
    """Three days are too few to judge a metric; nothing else is wrong."""
    printed = example.run(monitor, "--check_date", DAYS[-1], "--no_refresh", "--dry_run")
    alarms = set(re.findall(r"^  P\d (\w+)", printed, re.M))
    assert "INSUFFICIENT HISTORY" in printed
    assert alarms == set()


@pytest.mark.slow
def test_analysis(example: Example, tmp_path: Path) -> None:
    example.run(generate_charts, "--out_dir", tmp_path)
    text = (tmp_path / "executive_summary.md").read_text("utf-8")
    assert "15 orders brought €595.55" in text
    linked = set(re.findall(r"\]\((\w+\.png)\)", text))
    assert linked == {path.name for path in tmp_path.glob("*.png")} and "revenue_trend.png" in linked
    assert all((tmp_path / name).stat().st_size > 10_000 for name in linked)


def test_source_roles_that_stick_to_a_client_are_left_out(tmp_path: Path) -> None:
    """The contracts say why: these exports repeat a client's last campaign on its later, direct visits."""
    role = "      source: {column: properties, path: [utm_source]}\n"
    for export in ("posthog", "mixpanel"):
        copy = Example(export, tmp_path / export)
        copy.contract = tmp_path / export / "contract.yaml"
        text = (EXAMPLES / export / "contract.yaml").read_text("utf-8")
        copy.contract.write_text(text.replace("      page: {", role + "      page: {"), encoding="utf-8")
        copy.run(transform, "--quiet")
        direct = "select count(*) from silver.sessions where reading = 'healed' and first_channel = 'Direct'"
        assert copy.query(direct) == [(SESSIONS["Direct"] - 2,)]
