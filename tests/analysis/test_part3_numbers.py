"""The numbers that part 3 tells, found again by another route: from silver, from part 1's CSV, by other formulas."""

import csv
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
import yaml
from analysis.charts.style import use_style
from analysis.command import pictures
from analysis.findings import Change, called, evidence, find_changes, funnel, weekdays
from analysis.gold import Gold, read_gold
from analysis.impact import Impact, hold_against, load_assumptions, model
from analysis.incidents import Quality, read_quality
from analysis.intervals import is_small
from analysis_arithmetic import newcombe, product_quantiles, triangular_draws, welch, wilson_bounds, z_of
from analysis_kit import analyse, build, edit, first_order_only
from analysis_pictures import drawn, drawn_data, picture_texts, report_data, report_texts, should_draw, wrong_marks
from analysis_reference import BEFORE_THE_ORDER, INPUTS, Model, Reference, change, outliers
from analysis_reference import is_small as is_small_by_hand
from commands import NO_REAL_DAYS, REAL, has_real_days
from matplotlib.figure import Figure
from synthetic_events import generate
from test_part3_statistics import ASSUMPTIONS

GOLDEN = Path(__file__).parent / "golden"
MEASURES = {
    "revenue a day": "revenue",
    "orders a day": "orders",
    "sessions a day": "sessions",
    "conversion": "conversion",
}


@dataclass(frozen=True)
class Case:
    """A warehouse, what part 3 made of it, and what it should have made."""

    warehouse: Path
    summary: str
    page: str
    gold: Gold
    quality: Quality
    changes: tuple[Change, ...]
    impact: Impact
    figures: dict[str, Figure]
    model: Model


def _edited(change: Callable[[str], str], days: int = 14, incidents: bool = True) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        generate(folder, days=days, events_per_day=800, seed=3, incidents=incidents)
        edit(folder, change)

    return make


def _same(line: str) -> str:
    return line


def _no_orders_in_march(line: str) -> str:
    return "" if "checkout_completed" in line and re.search(r"2025-03-0\dT", line) else line


def _much_broken(line: str) -> str:
    """Two dead hours, orders sent twice, lines without a price from 5 March, a third of the ids gone from 3 March."""
    if "2025-03-06T15:" in line or "2025-03-06T16:" in line:
        return ""
    if "checkout_completed" in line and line[line.index("2025-") :] >= "2025-03-05T":
        line = line.replace('""item_price""', '""item_cost""')
    if re.search(r",2025-03-0[3-8]T\d\d:\d[048]", line):
        line = line[line.index(",") :]
    if "checkout_completed" in line and re.search(r"T\d\d:\d[1-4]:", line):
        return line + "\n" + line + "\n" + re.sub(r"(T\d\d:\d\d):\d\d", r"\1:59", line)
    return line


CASES: dict[str, Callable[[Path], None]] = {
    "fortnight": _edited(_same),
    "no orders in March": _edited(_no_orders_in_march),
    "much broken": _edited(_much_broken),
    "healthy": _edited(_same, days=8, incidents=False),
    "three days": _edited(_same, days=3),
    "six days": _edited(_same, days=6),
    "one order": _edited(first_order_only(), days=2),
    "no order": _edited(lambda line: "" if "checkout_completed" in line else line, days=5),
}


def _case(warehouse: Path, out: Path) -> Case:
    summary = analyse(warehouse, out)
    gold = read_gold(warehouse)
    quality = read_quality(warehouse, gold.files)
    changes = find_changes(gold, quality)
    use_style()
    return Case(
        warehouse, summary, (out / "report.html").read_text(encoding="utf-8"), gold, quality, changes,
        model(gold, quality, load_assumptions(ASSUMPTIONS)), pictures(gold, quality, changes),
        Model(Reference(warehouse), ASSUMPTIONS),
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Case]:
    """Cases by name, each made once."""

    @cache
    def make(name: str) -> Case:
        folder = tmp_path_factory.mktemp("case")
        days = REAL if name == "real" else folder / "days"
        if name != "real":
            CASES[name](days)
        elif not has_real_days:
            pytest.skip(NO_REAL_DAYS)
        return _case(build(days, folder / "w.duckdb"), folder / "out")

    return make


@pytest.fixture(params=[*CASES, "real"])
def case(request: pytest.FixtureRequest, made: Callable[[str], Case]) -> Case:
    return made(request.param)


def near(amounts: object) -> object:
    """Money and shares to within the rounding of floats."""
    return pytest.approx(amounts, abs=1e-6)


def test_what_gold_holds(case: Case) -> None:
    gold, of = case.gold, case.model.of
    daily = {d.day: (d.events, d.orders, d.revenue, d.sessions, d.sessions_with_order) for d in gold.days}
    assert daily == {day: near(tuple(counts.values())) for day, counts in of.daily.items()}
    assert (gold.orders, float(gold.revenue)) == (of.orders, near(of.revenue))
    assert {line.name: (line.orders, float(line.amount)) for line in gold.ledger} == {
        name: (orders, near(amount)) for name, (orders, amount) in of.ledger.items()
    }
    assert {k: n for k, n in gold.hours.items() if n} == of.hours
    assert {k: n for k, n in gold.hour_orders.items() if n} == {k: n for k, n in of.orders_by_hour.items() if n}
    products = [(p.name, p.units, p.lines, p.lines_without_amount, near(float(p.revenue))) for p in gold.products]
    assert products == of.products
    lines = {(n, -k): -a for n, (k, a) in of.ledger.items() if n.startswith(("rejected", "quarantined")) and (k or a)}
    refused = {(r.name, r.orders): float(r.amount) for r in gold.refused}
    assert refused == {line: near(amount) for line, amount in lines.items()}


def test_what_was_recorded_of_visits(case: Case) -> None:
    gold, of = case.gold, case.model.of
    found = funnel(gold)
    assert (list(found.reached), list(found.recorded)) == (of.reached(), of.recorded())
    assert (found.buyers, found.gaps) == (of.reached()[3], of.gaps_before_orders())
    segments = {"device": "device", "operating_system": "system", "channel": "channel"}
    for kind, name in segments.items():
        cells = gold.conversion.get(kind, ())
        assert {s.name: (s.converted, s.sessions) for s in cells} == of.segments[name]
        assert [is_small(s.converted, s.sessions) for s in cells] == [
            is_small_by_hand(s.converted, s.sessions) for s in cells
        ]
        clear = {n: i.estimate > 0 for n, i in called(cells).items()}
        above, below, _ = outliers(of.segments[name])
        assert clear == dict.fromkeys(above, True) | dict.fromkeys(below, False)
    assert {key: (s.converted, s.sessions) for key, s in gold.systems.items()} == of.crossed
    assert {s.name: (s.converted, s.sessions) for s in weekdays(gold)} == of.weekdays()


def test_what_is_known_of_sources(case: Case) -> None:
    gold, of = case.gold, case.model.of
    for reading in ("as_tracked", "healed"):
        parts = {reason: float(amount) for reason, amount in evidence(gold, reading).items() if amount}
        assert parts == {reason: near(amount) for reason, (_, amount) in of.known[reading].items() if amount}
    tracked, healed = "client_id_as_tracked", "client_id"
    converted, sessions = (sum(v[n] for v in of.segments["device"].values()) for n in (0, 1))
    received = {event: of.received.get(event, 0) for event in ("order", "page_view", "checkout")}
    wanted = {
        ("conversion", "as_tracked"): (received["order"], received["page_view"]),
        ("conversion", "healed"): (converted, sessions),
        ("checkout completion", "as_tracked"): (received["order"], received["checkout"]),
        ("checkout completion", "healed"): (of.started, of.starts),
        ("revenue counted twice", "as_tracked"): (
            of.ledger["deduplicating by transaction id alone would remove"][1], of.revenue
        ),
        ("revenue counted twice", "healed"): (-of.ledger["resubmissions"][1], of.revenue),
    }  # fmt: skip
    for reading, column in (("as_tracked", tracked), ("healed", healed)):
        wanted["revenue without an earlier event", reading] = (float(of.seen[column, "true"][1]), of.revenue)
        views = of.seen[column, BEFORE_THE_ORDER if reading == "healed" else "e.event = 'page_view'"][0]
        wanted["orders without an earlier page view", reading] = (views, of.orders)
        wanted["revenue without a known source", reading] = (of.unlabelled[reading], of.revenue)
    found = {key: (float(f.numerator), float(f.denominator)) for key, f in gold.headline.items()}
    assert found == {key: near(pair) for key, pair in wanted.items()}


def test_the_summary_says_its_numbers(case: Case) -> None:
    of, text = case.model.of, case.summary
    orders, views, starts = (of.received.get(event, 0) for event in ("order", "page_view", "checkout"))
    converted, sessions = (sum(v[n] for v in of.segments["device"].values()) for n in (0, 1))
    said = [f"**{converted / sessions:.2%} of sessions end in an order**"] if converted else []
    if of.orders > 1:
        said += [f"{of.orders:,} orders brought ${of.revenue:,.2f}", f"{orders / views:.2%} ({orders:,} of {views:,})"]
        said += [f"{orders / starts:.1%} ({orders:,} of {starts:,})"]
        said += [f"{of.gaps_before_orders():,} of {of.reached()[3]:,} buyers lack"]
        said += [f"{known.get('known', (0, 0.0))[1] / of.revenue:.0%}" for known in of.known.values()]
        said += [f"(${amount:,.2f})" for (_, which), (_, amount) in of.seen.items() if which == "true"]
        shown = (("client_id", BEFORE_THE_ORDER), ("client_id_as_tracked", "e.event = 'page_view'"))
        said += [f"({of.seen[key][0]:,} of {of.orders:,})" for key in shown]
    assert [one for one in said if one not in text] == []


def test_changes_bear_every_look(case: Case) -> None:
    """Bounds by the other formulas, for every measure around every incident that is marked."""
    around = [i for i in case.quality.marks(hours=False) if case.gold.days[0].day < i.since]
    assert {c.incident for c in case.changes} == set(around)
    for c in case.changes:
        before, after, low, high = change(case.model.of, MEASURES[c.measure], c.incident.since, 4 * len(around))
        assert (c.before, c.after) == near((before, after))
        assert (c.difference.low, c.difference.high) == pytest.approx((low, high), rel=1e-6, abs=1e-9)


def test_what_it_cost(case: Case) -> None:
    impact, of = case.impact, case.model
    low, high, least, most, base, best = of.ranges()
    assert (impact.waste.low, impact.waste.high) == pytest.approx((low, high), abs=0.005)
    assert (impact.ebitda.low, impact.ebitda.high) == pytest.approx((least, most), abs=0.005)
    assert (impact.ebitda.base, impact.ebitda.most) == pytest.approx((base, best), abs=0.005)
    swings = sorted((s.label, s.low, s.high) for s in impact.tornado)
    assert swings == [(n, near(a), near(b)) for n, a, b in sorted(of.swings())]
    assert impact.money.unlabelled_as_tracked == near(of.of.unlabelled["as_tracked"])
    assert impact.money.unlabelled_healed == near(of.of.unlabelled["healed"])
    assert impact.money.unseen_hours == near(of.unseen())
    if impact.blind:
        a_year = of.of.gained * 365 / len(of.of.days)
        assert (impact.product, impact.product_most) == near((base / a_year, best / a_year))
        claim = load_assumptions(ASSUMPTIONS).claims["wasted_in_window"]
        test, sold = hold_against(impact, claim, 0.5), of.of.revenue / len(of.of.days) * claim.days
        assert test.share_of_revenue == near((claim.low / sold, claim.high / sold))
        assert test.spend_needed == near((claim.low / 0.5, claim.high / 0.5))
        needed = tuple(x / claim.days * len(of.of.days) / of.of.gained for x in (claim.low, claim.high))
        assert test.product_needed == near(needed)


def test_incidents_are_those_of_the_csv(case: Case) -> None:
    """Part 1's report for people says the same as what part 3 shows: since when, how long, how much."""
    with (case.warehouse.parent / "dq_report.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["status"] != "skip"]
    numbers = sorted({int(row["incident"]) for row in rows if row["incident"]})
    assert len(numbers) == len(case.quality.all_incidents)
    stakes: dict[date, list[Decimal]] = {}
    for number, found in zip(numbers, case.quality.all_incidents, strict=True):
        named = [row for row in rows if row["incident"] == str(number)]
        bad = [row for row in named if (row["check"], row["column"]) == (found.check, found.column)]
        days = sorted(_day(row["file"]) for row in bad)
        amounts = [Decimal(row["revenue_at_stake"]) for row in bad if row["revenue_at_stake"]]
        assert found.severity == min(row["severity"] for row in named)
        assert (found.since, found.until) == (days[0], None if days[-1] == case.gold.days[-1].day else days[-1])
        assert found.at_stake == (sum(amounts) if amounts else None)
        for row in bad if found.severity in ("P0", "P1") else []:
            stakes.setdefault(_day(row["file"]), []).append(Decimal(row["revenue_at_stake"] or 0))
            assert found.shares[_day(row["file"])] == pytest.approx(min(float(row["failed_share"]), 1), abs=1e-6)
    assert case.quality.at_stake == sum(map(max, stakes.values()))
    assert case.quality.empty_hours == case.model.of.empty_hours()


def _day(file: str) -> date:
    return date.fromisoformat(file[7:15])


def test_every_picture_draws_its_numbers(case: Case) -> None:
    for name, figure in case.figures.items():
        assert wrong_marks(figure, case.model.of.days) == [], name
        if figure.axes:
            shown = should_draw(name, case.model.of, case.quality, figure.axes[0].get_xlim()[1])
            assert drawn(name, figure) == pytest.approx(shown, abs=1e-9), name


def test_the_page_draws_its_numbers(case: Case) -> None:
    assert drawn_data(report_texts(case.page)[1]) == report_data(case.model)


@pytest.mark.parametrize("name", ["much broken", "healthy", "one order", "no order"])
def test_the_words_are_those_that_were_reviewed(name: str, made: Callable[[str], Case]) -> None:
    """Every word of summary, pictures and page. After a change: UPDATE_GOLDEN=1, and read the difference."""
    case = made(name)
    parts = [case.summary]
    for picture, figure in case.figures.items():
        parts.append("\n".join([f"## {picture}", "", *picture_texts(picture, figure)]))
    parts.append("\n".join(["## report.html", "", *report_texts(case.page)[0]]))
    text = "\n\n".join(part.strip() for part in parts) + "\n"
    path = GOLDEN / f"{name.replace(' ', '_')}.md"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_other_assumptions_make_other_ranges(made: Callable[[str], Case], tmp_path: Path) -> None:
    case = made("fortnight")
    document = yaml.safe_load(ASSUMPTIONS.read_text(encoding="utf-8")) | {"seed": 11, "draws": 900}
    document["inputs"]["spend_share"].update(low=0.3, base=0.3, high=0.3)
    document["inputs"]["gain"].update(low=0.4, base=0.6, high=0.9)
    path = tmp_path / "assumptions.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    other = model(case.gold, case.quality, load_assumptions(path))
    test_what_it_cost(replace(case, impact=other, model=Model(case.model.of, path)))
    assert other.ebitda != case.impact.ebitda


def test_the_reference_as_published() -> None:
    # Newcombe 1998, Statistics in Medicine 17; Student's 97.5% at 4 degrees by Welch on two equal halves.
    assert z_of(0.95) == pytest.approx(1.959964, abs=1e-6)
    assert wilson_bounds(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert newcombe(56, 70, 48, 80, 0.95) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    low, high = welch([1.0, 2, 3], [1.0, 2, 3], 0.95)
    assert (high - low) / 2 == pytest.approx(2.776445 * (2 / 3) ** 0.5, abs=1e-5)


def test_the_draws_follow_the_exact_distribution(made: Callable[[str], Case]) -> None:
    """The draws' quantiles are within four standard errors of the product's, which convolution gives."""
    fortnight = made("fortnight")
    _, steerable, gain, margin, doubt = fortnight.model.corners
    believed = (1 - doubt[2], 1 - doubt[1], 1 - doubt[0])
    exact = product_quantiles([steerable, gain, margin, believed], (0.05, 0.95))
    count = fortnight.model.assumptions["draws"]
    found = fortnight.model.ranges()[2:4]
    for share, (value, density), drawn_value in zip((0.05, 0.95), exact, found, strict=True):
        error = (share * (1 - share) / count) ** 0.5 / density
        a_year = fortnight.model.yearly(value, 1, 1, 0)
        assert drawn_value == pytest.approx(a_year, abs=4 * error / value * a_year)
    assert len(triangular_draws(1, 5, [(0.1, 0.1, 0.1)])[0]) == 5
    assert len(INPUTS) == len(fortnight.model.corners)
