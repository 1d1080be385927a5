"""Part 1 compares paid clicks with the sessions that arrive: since when fewer do, and what was spent on the others."""

import csv
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from urllib.parse import quote, quote_plus

import pytest
import transform
from command_kit import failing, report
from commands import SCHEMA, call, query
from synthetic_events import generate
from synthetic_orders import CLICKED, contract_with_books, hidden, strip_parameters, write_books, write_clicks

STEP = date(2025, 3, 5)  # from this day on, most landings of one campaign lose their parameters
CHECKS = ("clicks_without_session", "click_arrival_shift")


def shop_with(folder: Path, lost: float, clicks_per_session: float = 1.25) -> tuple[Path, Path]:
    """Return the data and the contract of a shop of which a share of the landings is lost from STEP on."""
    data = folder / "data"
    generate(data, days=14, events_per_day=6000, seed=8, incidents=False)
    write_clicks(data, clicks_per_session)
    if lost:
        strip_parameters(data, STEP, lost)
    (folder / "contract.yaml").write_text(contract_with_books(SCHEMA.read_text("utf-8")), "utf-8")
    return data, folder / "contract.yaml"


def found_in(folder: Path, lost: float) -> list[dict[str, str]]:
    data, contract = shop_with(folder, lost)
    return report(data, folder / "out", "--contract", contract)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, str]]]:
    folder = tmp_path_factory.mktemp("broken")
    return folder, found_in(folder, lost=0.5)


def test_a_campaign_that_loses_its_parameters_is_detected_on_that_day(
    broken: tuple[Path, list[dict[str, str]]],
) -> None:
    shifted = failing(broken[1], "click_arrival_shift")
    assert len(shifted) == 4 and {row["column"] for row in shifted} == {"google / cpc / brand"}
    assert min(row["file"] for row in shifted) == f"events_{STEP:%Y%m%d}.csv"
    assert {(row["severity"], row["incident"]) for row in shifted} == {("P1", shifted[0]["incident"])}
    assert all(float(row["revenue_at_stake"]) == 2 * int(row["failed"]) for row in shifted)  # each click cost 2.00
    limit = failing(broken[1], "clicks_without_session")
    assert limit and {row["incident"] for row in limit} == {shifted[0]["incident"]}  # it follows from the step


def compare_parts(
    folder: Path, data: Path, contract: Path, rows: list[dict[str, str]]
) -> list[tuple[str, str, int, int]]:
    """Assert that gold.click_sessions has the figures of part 1's report, and return them."""
    warehouse = folder / "w.duckdb"
    args = ("--data_dir", data, "--warehouse", warehouse, "--contract", contract, "--quiet")
    assert call(transform, *args)[0] in (0, 3)
    gold: list[tuple[str, str, int, int]] = query(
        warehouse,
        "select strftime(date, 'events_%Y%m%d.csv'), "
        "concat_ws(' / ', source, nullif(medium, ''), nullif(campaign, '')), clicks, "
        "greatest(clicks - sessions, 0) from gold.click_sessions order by all",
    )
    shown = [row for row in rows if row["check"] == "clicks_without_session"]
    assert sorted((r["file"], r["column"], int(r["checked"]), int(r["failed"])) for r in shown) == gold
    return gold


def test_part_1_and_part_2_count_the_same_sessions(broken: tuple[Path, list[dict[str, str]]]) -> None:
    folder, rows = broken
    assert len(compare_parts(folder, folder / "data", folder / "contract.yaml", rows)) == 14 * len(CLICKED)


ODD = ("brand", "\u00e9t\u00e9 sale", "rocket\U0001f680", "\u65e5\u672c", "100%", "a+b")  # campaigns
ADDRESSES: tuple[Callable[[str], str], ...] = (
    lambda name: f"utm_source=google&utm_medium=cpc&utm_campaign={quote(name)}",
    lambda name: f"utm_source=AdWords&utm_medium=CPC&utm_campaign={quote_plus(name.upper())}",
    lambda name: f"a=1&utm_source=google&utm_medium=cpc&utm_campaign={quote(quote(name))}&gclid=x",
    lambda name: f"utm_source=&utm_medium=cpc&utm_campaign={quote(name)}",
    lambda name: f"gclid=x&utm_campaign={quote(name)}",
    lambda name: f"#utm_source=google&utm_medium=cpc&utm_campaign={quote(name)}",
    lambda name: f"utm_source=google;utm_medium=cpc&utm_campaign={quote(name)}&utm_campaign=brand",
)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_odd_addresses_and_records_count_the_same(tmp_path: Path, zone: str) -> None:
    """Encoded twice, in any script, without an event name or a time, by a crawler."""
    rng, data, moments = Random(7), tmp_path / "data", count()
    paths = generate(data, days=3, events_per_day=300, seed=3, incidents=False, anonymised=False)
    for path in paths:
        header, *_ = path.read_text("utf-8").splitlines()
        assert header == "client_id,page_url,referrer,timestamp,event_name,event_data,user_agent"
        day = datetime.strptime(path.stem, "events_%Y%m%d")
        with path.open("a", encoding="utf-8", newline="") as file:
            for _ in range(120):
                at = day + timedelta(seconds=rng.choice([0, 36_000, 37_800, rng.randrange(80_000)]))
                number = rng.randrange(100, 115)
                client, agent = f"1740355{number}-b3DjbSAfux13", "Googlebot/2.1" if number == 100 else "Mozilla/5.0"
                for _ in range(rng.choice([1, 2, 4])):
                    page = f"https://puffy.com/p?{rng.choice(ADDRESSES)(rng.choice(ODD))}"
                    event = rng.choice(["page_viewed", "product_added_to_cart", "unheard_of", ""])
                    when = rng.choice([f"{at:%Y-%m-%dT%H:%M:%S}.{next(moments) % 1000:03}Z"] * 9 + ["soon"])
                    csv.writer(file, lineterminator="\n").writerow([client, page, "", when, event, "", agent])
                    at += timedelta(seconds=rng.choice([0, 60, 1_799, 1_800]))
    names = [*ODD, *map(quote, ODD[2:4]), ""]
    lines = [
        f'{path.stem[7:11]}-{path.stem[11:13]}-{path.stem[13:]},google,cpc,"{name}",9,900'
        for path in paths
        for name in names
    ]
    (data / "ad_spend.csv").write_text("\n".join(["date,source,medium,campaign,cost,clicks", *lines]), "utf-8")
    contract = tmp_path / "contract.yaml"
    text = re.sub(r"\n  - property: anonymisation\n(    .*\n)+", "\n", SCHEMA.read_text("utf-8"))
    contract.write_text(contract_with_books(text).replace("defaultTimezone: UTC", f"defaultTimezone: {zone}"), "utf-8")
    rows = report(data, tmp_path / "out", "--contract", contract)
    gold = compare_parts(tmp_path, data, contract, rows)
    arrived = {campaign for _, campaign, clicks, lost in gold if lost < clicks}
    named = {f"google / cpc / {name}" for name in ODD[:5]}
    assert len(gold) >= 3 * 5 and {*named, "google / cpc"} <= arrived


def test_healthy_campaigns_raise_nothing_but_one_that_never_arrives_is_named(tmp_path: Path) -> None:
    data, contract = shop_with(tmp_path, lost=0)
    rows = report(data, tmp_path / "out", "--contract", contract)
    assert not any(failing(rows, check) for check in CHECKS)
    write_clicks(data, 0.05)
    rows = report(data, tmp_path / "few", "--contract", contract)
    few = [int(row["checked"]) for row in rows if row["check"] == "clicks_without_session" and row["checked"]]
    assert few and max(few) < 10 and {r["status"] for r in rows if r["check"] == "click_arrival_shift"} == {"skip"}
    write_clicks(data)
    spend = data / "ad_spend.csv"
    text = spend.read_text("utf-8")
    spend.write_text(text.replace(",prospecting,", ",Spring sale,"), "utf-8")
    rows = report(data, tmp_path / "again", "--contract", contract)
    (column,) = {row["column"] for row in failing(rows, "clicks_without_session")}
    assert column == "facebook / paid / spring sale" and not failing(rows, "click_arrival_shift")
    found = failing(rows, "clicks_without_session")
    assert len(found) == 14 and {row["severity"] for row in found} == {"P2"}
    assert all("map the name with `campaigns`" in row["message"] for row in found)


def test_campaigns_known_only_by_click_id_are_compared_together(tmp_path: Path) -> None:
    """With auto-tagging, an address has the click id, and no campaign."""
    data, contract = shop_with(tmp_path, lost=0)
    for path in data.glob("events_*.csv"):
        for name in CLICKED[:2]:
            tags = "&".join(
                f"utm_{key}={hidden(word)}" for key, word in zip(("source", "medium", "campaign"), name, strict=True)
            )
            path.write_text(path.read_text("utf-8").replace(tags, f"kept={hidden('1')}"), "utf-8")
    rows = report(data, tmp_path / "out", "--contract", contract)
    shown = [row for row in rows if row["check"] == "clicks_without_session" and row["column"].startswith("google")]
    assert {row["column"] for row in shown} == {"google / cpc"} and {row["status"] for row in shown} == {"pass"}
    assert sum(int(row["failed"]) for row in shown) < 0.25 * sum(int(row["checked"]) for row in shown)


def test_without_clicks_nothing_is_checked(tmp_path: Path) -> None:
    data, contract = shop_with(tmp_path, lost=0)
    contract.write_text(contract.read_text("utf-8").replace(", clicks: clicks}", "}"), "utf-8")
    write_books(data, fates={"matched": 1})
    rows = report(data, tmp_path / "out", "--contract", contract)
    assert not [row for row in rows if row["check"] in CHECKS]
