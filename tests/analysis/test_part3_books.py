"""Part 3 with the shop's books: orders that were not tracked and spend are measured if a file covers the days."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from analysis.charts import tracking_coverage
from analysis.charts.style import use_style
from analysis.findings import returns, uncredited
from analysis.gold import Gold, read_gold
from analysis.impact import load_assumptions, with_measured_spend
from analysis.incidents import Incident, Quality
from analysis.intervals import poisson, poisson_sum, simultaneous, wilson
from analysis.templating import environment, title
from analysis_kit import analyse, day, differences_from_gold, gold
from commands import REPO, SCHEMA, query
from synthetic_events import generate
from synthetic_orders import contract_with_books, write_books, write_spend
from warehouse_kit import build

from event_data.contract import load_contract
from event_data.shop_roles import ALL_ROLES, ShopRoles

DAYS = [date(2025, 3, number) for number in range(1, 4)]
TRACKED, EXPECTED, MISSING = [9, 5, 0], [10, 10, 4], [120.5, 400.0, 99.5]
ASSUMPTIONS = REPO / "part3-business-analysis" / "assumptions.yaml"


def shop(spend: dict[date, float]) -> Gold:
    coverage = pd.DataFrame({"tracked": TRACKED, "expected": EXPECTED, "missing_amount": MISSING}, index=DAYS)
    return gold(
        days=[day(one) for one in DAYS], ledger=[("counted", 14, 2000.0)], coverage=coverage,
        spend=pd.DataFrame({"spend": spend.values()}, index=list(spend)),
    )  # fmt: skip


def test_the_picture_has_the_share_of_each_day_with_its_interval() -> None:
    use_style()
    found = shop({})
    figure = tracking_coverage.draw(found, Quality())
    (axes,) = figure.axes
    (line,) = [line for line in axes.lines if line.get_gid() == "days"]
    assert np.asarray(line.get_ydata()).tolist() == pytest.approx([0.9, 0.5, 0.0])
    band = np.asarray(axes.collections[0].get_paths()[0].vertices).tolist()
    for at, (tracked, expected) in enumerate(zip(TRACKED, EXPECTED, strict=True)):
        interval = wilson(tracked, expected)
        heights = {round(float(y), 6) for x, y in band if x == at}
        assert {round(interval.low, 6), round(interval.high, 6)} <= heights
    assert title("coverage", gold=found) == "58% of the shop's 24 orders were tracked"


def test_orders_that_were_not_tracked_are_named_with_their_amount() -> None:
    phrases = environment(autoescape=False).get_template("phrases.j2").make_module({"gold": shop({})})
    sentence = " ".join(str(phrases.lost_sales()).split())  # type: ignore[attr-defined]
    assert sentence == "Not tracked: 10 of 24 orders in the shop's order list, $620.00, have no usable order event."


def with_spend(folder: Path, cost: int, *records: str) -> Path:
    """Return the warehouse of the days in a folder, with spend and these further records of it."""
    write_spend(folder / "data", cost=cost)
    with (folder / "data" / "ad_spend.csv").open("a", encoding="utf-8") as file:
        file.write("".join(f"\n{record}" for record in records))
    (folder / "contract.yaml").write_text(contract_with_books(SCHEMA.read_text("utf-8")), "utf-8")
    build(folder / "data", folder / "w.duckdb", folder / "contract.yaml")
    return folder / "w.duckdb"


def test_the_books_are_as_gold_has_them(tmp_path: Path) -> None:
    generate(tmp_path / "data", days=3, events_per_day=1500, seed=5, incidents=False)
    write_books(tmp_path / "data", lost=lambda order: order.at.hour < 8)
    warehouse = with_spend(tmp_path, 321, "2025-02-23,google,cpc,,much,250")
    found = read_gold(warehouse)
    ledger = (
        "select sum(booked_orders), sum(booked_amount) from gold.order_list_ledger where line like 'not tracked: %'"
    )
    ((orders, amount),) = query(warehouse, ledger)
    assert found.untracked_orders == orders > 0
    assert found.coverage["missing_amount"].sum() == pytest.approx(float(amount))
    spent = "select sum(spend) from gold.channel_returns where reading = 'healed' and model = 'last_click'"
    assert found.measured_spend == float(query(warehouse, spent)[0][0]) == 3 * 321
    assert found.refused_spend.to_numpy().tolist() == [["no readable cost", 1]]
    assert differences_from_gold(warehouse) == {}


def test_what_advertising_returned_is_as_gold_has_it(tmp_path: Path) -> None:
    generate(tmp_path / "data", days=4, events_per_day=1500, seed=5, incidents=False)
    records = "2025-02-24,facebook,paid,,50000,9", "2025-02-25,nobody,cpm,,70,1", "2030-01-01,google,cpc,,9,9"
    warehouse = with_spend(tmp_path, 100, *records)
    found = read_gold(warehouse)
    every, *channels = returns(found)
    assert [(r.channel, r.spend) for r in channels][:2] == [("Paid Social", 50_000.0), ("Paid Search", 400.0)]
    assert len(channels) == 3 and every.spend == sum(r.spend for r in channels) == 50_470.0
    credit = (
        "select channel, credit::double from gold.attribution where reading = 'healed' and model = 'last_non_direct'"
    )
    rows = query(warehouse, credit)
    for r in channels:
        amounts = [amount for channel, amount in rows if channel == r.channel]
        assert r.orders == len(amounts) and r.revenue == pytest.approx(sum(amounts))
        assert r.per_unit.estimate == pytest.approx(sum(amounts) / r.spend)
        assert r.models[0] <= r.per_unit.estimate <= r.models[1]
        if amounts:
            squares = sum(amount * amount for amount in amounts)
            expected = poisson_sum(sum(amounts), squares, simultaneous(4))
            assert (r.per_unit.low * r.spend, r.per_unit.high * r.spend) == pytest.approx((expected.low, expected.high))
            assert r.cost.low < r.spend / len(amounts) == r.cost.estimate < r.cost.high
    social, _, unknown = channels
    assert (unknown.channel, unknown.orders, unknown.per_unit.estimate) == ("Unassigned", 0, 0.0)
    usual = found.revenue / found.orders
    assert unknown.per_unit.high == pytest.approx(poisson(0, simultaneous(4)).high * usual / unknown.spend)
    clicks = query(
        warehouse, "select sum(clicks), sum(sessions) from gold.click_sessions where channel = 'Paid Search'"
    )
    assert [(r.clicks, r.arrived) for r in channels if r.channel == "Paid Search"] == clicks
    direct = sum(amount for channel, amount in rows if channel in ("Direct", "Unattributed"))
    assert uncredited(found) == pytest.approx(direct)
    assert social.is_loss and not unknown.is_loss
    assert title("returns", gold=found).endswith("of revenue; Paid Social with clearly less than it cost")
    day_one = read_gold(warehouse, since=date(2025, 2, 23), until=date(2025, 2, 23))
    assert [(r.channel, r.spend) for r in returns(day_one)] == [("Paid Search", 100.0)]


def test_the_interval_of_a_number_of_orders_is_that_of_a_poisson_number() -> None:
    for number, low, high in ((0, 0.0, 3.69), (1, 0.025, 5.57), (10, 4.80, 18.39), (100, 81.36, 121.63)):  # exact
        found = poisson(number)
        assert (found.low, found.high) == pytest.approx((low, high), rel=0.004, abs=0.03)
    equal, unequal = poisson_sum(50.0, 250.0), poisson_sum(50.0, 9 * 1.0 + 41.0**2)
    assert (equal.low, equal.high) == pytest.approx((5 * poisson(10).low, 5 * poisson(10).high))
    assert unequal.low < equal.low and unequal.high > equal.high


def test_a_return_is_in_words_for_every_kind_of_shop() -> None:
    def rows(*channels: tuple[str, float, float, float]) -> pd.DataFrame:
        names = ["model", "channel", "spend", "orders", "revenue", "squares"]
        return pd.DataFrame(
            [(m, *one, one[-1] ** 2) for m in ("last_click", "last_non_direct") for one in channels], columns=names
        )

    days = {"days": [day(one) for one in DAYS], "ledger": [("counted", 14, 2000.0)]}
    spend = pd.DataFrame({"spend": [5.0]}, index=DAYS[:1])
    other = pd.DataFrame({"currency": ["EUR", "SEK"], "spend": [7.0, 1000.0]})
    some = rows(("Unassigned", 40.0, 2.0, 90.0), ("Direct", 0.0, 1.0, 50.0))
    with_orders = gold(**days, returns=some, spend=spend, other_spend=other)
    assert title("returns", gold=with_orders) == "Each $1 spent on advertising is credited with $2.25 of revenue"
    values = {"gold": with_orders, "quality": Quality()}
    phrases = environment(autoescape=False).get_template("phrases.j2").make_module(values)
    assert " ".join(str(phrases.returns_basis()).split()) == (  # type: ignore[attr-defined]
        "By the last click that is not direct, with healed ids. The intervals allow for few orders, for their "
        "different amounts and for the number of channels. No channel is known for $50 of revenue of these days; "
        "as far as advertising brought it, the true return is higher. Unassigned is spend on a source and medium that "
        "no visit has, or that belong to no channel. There is spend for 1 of the 3 days. Not included is spend of EUR "
        "7.00 and SEK 1,000.00."
    )
    days_before = pd.DataFrame({"spend": 5.0}, index=[*DAYS[:2], *(date(2025, 2, number) for number in range(1, 20))])
    credited = rows(("Direct", 9.0, 1.0, 50.0), ("Paid Search", 40.0, 1.0, 90.0), ("Paid Social", -7.5, 0.0, 0.0))
    odd = gold(**days, returns=credited, spend=days_before)
    assert uncredited(odd) == 0.0 and [r.spend for r in returns(odd)] == [49.0, 40.0, 9.0]
    phrases = environment(autoescape=False).get_template("phrases.j2").make_module({"gold": odd, "quality": Quality()})
    assert " ".join(str(phrases.returns_basis()).split()).endswith(  # type: ignore[attr-defined]
        "number of channels. There is spend for 2 of the 3 days. Credit notes exceed the spend of Paid Social "
        "(-$7.50), which is not included."
    )
    without = gold(**days, returns=rows(("Paid Search", 40.0, 0.0, 0.0)))
    assert title("returns", gold=without) == "No order is credited to $40 of advertising"
    unpriced = gold(**days, returns=some, roles=ShopRoles(ALL_ROLES.names - {"amount"}))
    assert title("returns", gold=unpriced) == "An order that is credited to advertising cost $20.00"
    assert returns(gold(**days)) == []


def test_spend_on_days_without_a_file_counts_only_if_they_may_have_no_events(tmp_path: Path) -> None:
    data, contract, warehouse = tmp_path / "data", tmp_path / "contract.yaml", tmp_path / "w.duckdb"
    generate(data, days=4, events_per_day=600, seed=5, incidents=False)
    write_spend(data, cost=100)
    (data / "events_20250224.csv").unlink()
    usual = contract_with_books(SCHEMA.read_text("utf-8"))
    schedule = "\ncustomProperties:\n  - property: schedule\n    value: {quietDays: true}\n"
    for text, spend in ((usual, 300.0), (usual.replace("\ncustomProperties:\n", schedule, 1), 400.0)):
        contract.write_text(text, "utf-8")
        build(data, warehouse, contract)
        found = read_gold(warehouse, load_contract(contract))
        assert [r.spend for r in returns(found)] == [found.measured_spend] == [spend]
        phrases = (
            environment(autoescape=False).get_template("phrases.j2").make_module({"gold": found, "quality": Quality()})
        )
        sentence = "Not included is the spend of $100 on days without a usable file."
        assert (sentence in str(phrases.returns_basis())) == (spend == 300.0)  # type: ignore[attr-defined]


def test_spend_in_another_currency_only_is_named(tmp_path: Path) -> None:
    data, contract = tmp_path / "data", tmp_path / "contract.yaml"
    generate(data, days=2, events_per_day=300, seed=5, incidents=False)
    (data / "ad_spend.csv").write_text("date,source,medium,cost,currency\n2025-02-23,google,cpc,1200,EUR\n", "utf-8")
    text = contract_with_books(SCHEMA.read_text("utf-8"))
    text = text.replace("{name: clicks}", "{name: clicks}, {name: currency}")
    contract.write_text(text.replace("clicks: clicks}", "clicks: clicks, currency: currency}"), "utf-8")
    build(data, tmp_path / "w.duckdb", contract)
    summary = analyse(tmp_path / "w.duckdb", tmp_path, "--contract", contract)
    assert "The spend of EUR 1,200.00 is not in the shop's currency." in summary
    assert "What advertising returned" not in summary


def test_what_part_1_found_qualifies_the_figures_that_it_may_explain() -> None:
    found = replace(
        shop(dict.fromkeys(DAYS, 10.0)), returns=pd.DataFrame(
            [(m, "Paid Search", 30.0, 2.0, 90.0, 4050.0) for m in ("last_click", "last_non_direct")],
            columns=["model", "channel", "spend", "orders", "revenue", "squares"],
        ),
    )  # fmt: skip
    gap = Incident("P1", "orders_not_tracked", "order_list", DAYS[0], None, None, None, "Lost", "Look.")
    clicks = replace(gap, check="click_arrival_shift", column="paid clicks of google / cpc / brand")

    def words(*incidents: Incident) -> tuple[str, ...]:
        values = {"gold": found, "quality": Quality(True, incidents), "is_well": False, "differing": []}
        phrases = environment(autoescape=False).get_template("phrases.j2").make_module(values)
        macros = (phrases.lead, phrases.conversion_basis, phrases.returns_basis)  # type: ignore[attr-defined]
        return tuple(" ".join(str(macro()).split()) for macro in macros)

    lead, conversion, basis = words()
    assert "leave them out" not in lead and conversion == "" and "judge" not in basis and "not tracked" not in basis
    _, _, basis = words(replace(gap, check="clicks_without_session", column="brand"), replace(clicks, column="brand"))
    assert "Do not judge brand by these figures" in basis
    lead, conversion, basis = words(gap, clicks)
    assert lead.endswith("10 of 24 orders in the shop's order list were not tracked; the figures here leave them out.")
    assert conversion.startswith("Only tracked orders count, and 42% of the shop's orders were not tracked")
    assert "Do not judge paid clicks of google / cpc / brand by these figures" in basis
    assert (
        "42% of the shop's orders were not tracked and are credited to no channel; the true return is higher." in basis
    )


def test_spend_is_measured_only_if_its_file_covers_the_days() -> None:
    assumed = load_assumptions(ASSUMPTIONS)
    assert shop(dict.fromkeys(DAYS[:2], 100.0)).measured_spend is None
    assert with_measured_spend(assumed, shop(dict.fromkeys(DAYS[:2], 100.0))) == assumed
    whole = shop(dict.fromkeys([*DAYS, date(2025, 3, 9)], 100.0))
    assert whole.measured_spend == 300.0
    share = with_measured_spend(assumed, whole).inputs["spend_share"]
    assert (share.low, share.base, share.high) == (0.15, 0.15, 0.15)
