"""The numbers of part 3, found again by another route: from silver, from part 1's CSV, by other formulas."""

import csv
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml
from analysis.charts.style import use_style
from analysis.command import pictures, quality_of
from analysis.documents import report, summary, verdict
from analysis.findings import called, evidence, find_changes, funnel, repaired, segments_of, weekdays, whole_percents
from analysis.gold import Gold, read_gold
from analysis.impact import Impact, hold_against, load_assumptions, model
from analysis.incidents import Quality
from analysis_arithmetic import newcombe, product_quantiles, welch, wilson_bounds, z_of
from analysis_kit import PICTURES, build, differences_from_gold, edit, first_order_only
from analysis_pictures import (
    drawn,
    misplaced,
    page_numbers,
    right_numbers,
    should_draw,
    texts_of,
    wrong_marks,
)
from analysis_reference import BEFORE_THE_ORDER, Model, Reference, change, outliers
from commands import NO_REAL_DAYS, REAL, has_real_days
from matplotlib.figure import Figure
from matplotlib.image import imread
from roles_kit import page_data, visible_lines
from synthetic_events import generate
from test_part3_statistics import ASSUMPTIONS

GOLDEN = Path(__file__).parent / "golden"


@dataclass(frozen=True)
class Case:
    """A warehouse, what part 3 makes of it, and what it should make."""

    folder: Path
    summary: str
    page: str
    gold: Gold
    quality: Quality
    impact: Impact
    figures: dict[str, Figure]
    model: Model
    before: Reference | None


def _edited(change: Callable[[str], str], days: int = 14, incidents: bool = True) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        generate(folder, days=days, events_per_day=800 if days < 30 else 300, seed=3, incidents=incidents)
        edit(folder, change)

    return make


def _same(line: str) -> str:
    return line


def _astray(line: str) -> str:
    """Date half of 25 February in January, and make an amount and two times of 23 February's orders unreadable."""
    line = re.sub(r"2025-02-25T(\d\d:\d[02468])", r"2025-01-10T\1", line)
    if "checkout_completed" in line and "2025-02-23T1" in line:
        line = re.sub(r'(2025-02-23T14.*""revenue"":)[\d.]+', r'\1""n/a""', line)
        return re.sub(r"2025-02-23T1[5-9]", "23. 2. 2025", line)
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
    "three days": _edited(_astray, days=3),
    "two months": _edited(_same, days=60),
    "one order": _edited(first_order_only(), days=2),
    "no order": _edited(lambda line: "" if "checkout_completed" in line else line, days=5),
}


def _case(folder: Path, days: Path) -> Case:
    warehouse, assumptions = build(days, folder / "w.duckdb", (0, 3)), load_assumptions(ASSUMPTIONS)
    gold = read_gold(warehouse)
    quality = quality_of(warehouse, gold)
    changes, impact = find_changes(gold, quality), model(gold, quality, assumptions)
    use_style()
    values = verdict(gold, quality, changes, impact)
    figures = {name: draw() for name, draw in pictures(gold, quality, changes).items() if draw}
    period = () if gold.is_all else (gold.days.index[0], gold.days.index[-1])
    before = Reference(warehouse, period[0] - timedelta(28), period[0] - timedelta(1)) if period else None
    return Case(
        folder, summary(values, assumptions, list(figures)), report(values), gold, quality, impact, figures,
        Model(Reference(warehouse, *period), ASSUMPTIONS), before,
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Case]:
    """Return cases by name, each made once."""

    @cache
    def make(name: str) -> Case:
        folder = tmp_path_factory.mktemp("case")
        if name != "real":
            CASES[name](folder / "days")
        elif not has_real_days:
            pytest.skip(NO_REAL_DAYS)
        return _case(folder, REAL if name == "real" else folder / "days")

    return make


@pytest.fixture(params=[*CASES, "real"])
def case(request: pytest.FixtureRequest, made: Callable[[str], Case]) -> Case:
    return made(request.param)


def near(amounts: object) -> object:
    """Compare money and shares to within the rounding of floats."""
    return pytest.approx(amounts, abs=1e-6)


def test_what_gold_holds(case: Case) -> None:
    gold, of = case.gold, case.model.of
    columns = ["events", "orders", "revenue", "sessions", "converted", "refused_orders"]
    daily = {day: tuple(row) for day, row in zip(gold.days.index, gold.days[columns].to_numpy(), strict=True)}
    assert daily == {day: near(tuple(counts.values())) for day, counts in of.daily.items()}
    assert (gold.orders, gold.revenue) == (of.orders, near(of.revenue))
    assert {line.line: (line.orders, line.amount) for line in gold.lines} == {
        name: (orders, near(amount)) for name, (orders, amount) in of.ledger.items()
    }
    hours = gold.hours.set_index(["date", "hour"])
    assert {key: n for key, n in hours["events"].items() if n} == of.hours
    assert {key: n for key, n in hours["orders"].items() if n} == {k: n for k, n in of.orders_by_hour.items() if n}
    products = [(p.name, p.units, p.lines, p.lines_without_amount, near(p.revenue)) for p in gold.products.itertuples()]
    assert products == of.products
    refused = {n: (-k, near(-a)) for n, (k, a) in of.ledger.items() if n.startswith(("rejected", "quarantined")) and k}
    assert {line.line: (line.orders, line.amount) for line in gold.refused} == refused


def test_all_days_are_as_gold_has_them(case: Case) -> None:
    assert differences_from_gold(case.folder / "w.duckdb") == {}


def test_what_was_recorded_of_visits(case: Case) -> None:
    gold, of = case.gold, case.model.of
    found = funnel(gold)
    assert (list(found.reached), list(found.recorded)) == (of.reached(), of.recorded())
    assert (found.buyers, found.gaps) == (of.reached()[3], of.gaps_before_orders())
    assert found.lacking == {
        step: sum(n for *seen, n in of.paths if seen[3] and not seen[i])
        for i, step in enumerate(("page_view", "cart", "checkout"))
    }
    for kind, name in {"device": "device", "operating_system": "system", "channel": "channel"}.items():
        cells = segments_of(gold, kind)
        assert {s.name: (s.converted, s.sessions) for s in cells} == of.segments[name]
        above, below, small = outliers(of.segments[name])
        clear = called(cells)
        assert {n: i.estimate > 0 for n, i in clear.items()} == dict.fromkeys(above, True) | dict.fromkeys(below, False)
        assert sum(s.is_small and s.name not in clear for s in cells) == small
    crossed = {(r.device, r.name): (r.converted, r.sessions) for r in gold.systems.itertuples()}
    assert crossed == of.crossed
    shown = {s.name: (s.converted, s.sessions) for s in weekdays(gold)}
    assert shown == (of.weekdays() if len(of.days) >= 14 else {})


def test_what_is_known_of_sources(case: Case) -> None:
    gold, of = case.gold, case.model.of
    for reading in ("as_tracked", "healed"):
        parts = {reason: amount for reason, amount in evidence(gold, reading).items() if amount}
        assert parts == {reason: near(amount) for reason, (_, amount) in of.known[reading].items() if amount}
    assert repaired(gold) == near(of.gained)


def test_the_reported_figures(case: Case) -> None:
    of = case.model.of
    if case.before:
        assert not len(case.gold.headline) and "The reported figures" not in case.summary
        return
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
    for reading, column in (("as_tracked", "client_id_as_tracked"), ("healed", "client_id")):
        wanted["revenue without an earlier event", reading] = (float(of.seen[column, "true"][1]), of.revenue)
        views = of.seen[column, BEFORE_THE_ORDER if reading == "healed" else "e.event = 'page_view'"][0]
        wanted["orders without an earlier page view", reading] = (views, of.orders)
        wanted["revenue without a known source", reading] = (of.unlabelled[reading], of.revenue)
    found = {(f.figure, f.reading): (f.numerator, f.denominator) for f in case.gold.headline.itertuples()}
    assert found == {key: near(pair) for key, pair in wanted.items()}


def test_the_summary_says_its_numbers(case: Case) -> None:
    of, text = case.model.of, case.summary
    orders, views, starts = (of.received.get(event, 0) for event in ("order", "page_view", "checkout"))
    converted, sessions = (sum(v[n] for v in of.segments["device"].values()) for n in (0, 1))
    said = [f"**{converted / sessions:.2%} of sessions end in an order**"] if converted else []
    if of.orders > 1:
        said += [f"{of.orders:,} orders brought ${of.revenue:,.2f}"]
        gaps, buyers = of.gaps_before_orders(), of.reached()[3]
        said += [f"{gaps:,} of {buyers:,} buyers lack"] * (gaps >= 0.1 * buyers)
        for known in of.known.values():
            percents = whole_percents([amount for _, amount in known.values()])
            share = dict(zip(known, percents, strict=True)).get("known", 0)
            said += [f"{share}%"] if known.get("known", (0, 0.0))[1] else []
    if of.orders > 1 and not case.before:
        said += [f"{orders / views:.2%} ({orders:,} of {views:,})", f"{orders / starts:.1%} ({orders:,} of {starts:,})"]
        said += [f"(${amount:,.2f})" for (_, which), (_, amount) in of.seen.items() if which == "true"]
        shown = (("client_id", BEFORE_THE_ORDER), ("client_id_as_tracked", "e.event = 'page_view'"))
        said += [f"({of.seen[key][0]:,} of {of.orders:,})" for key in shown]
    assert [one for one in said if one not in text] == []


def test_changes_bear_every_look(case: Case) -> None:
    """Recompute the bounds, for every measure around every incident that is marked and from the period before."""
    daily = {**(case.before.daily if case.before else {}), **case.model.of.daily}
    began = [i for i in case.quality.marks(hours=False) if min(daily) < i.since]
    since = {i.since for i in began}
    changes = find_changes(case.gold, case.quality)
    first = min(case.model.of.days)
    looks = 4 * (len(began) + bool(case.before))
    assert {c.incident.since if c.incident else first for c in changes} == since | ({first} if case.before else set())
    for c in changes:
        cut = c.incident.since if c.incident else first
        sides = [[v for d, v in daily.items() if (d >= cut) == late] for late in (False, True)]
        measure = c.measure.removesuffix(" per day")
        before, after, low, high = change(measure, sides, looks)
        assert (c.before, c.after) == near((before, after))
        assert (c.difference.low, c.difference.high) == pytest.approx((low, high), rel=1e-6, abs=1e-9)
        assert not c.is_telling or low > 0 or high < 0 or (high - low) / 2 < before


def test_what_it_cost(case: Case) -> None:
    impact, of = case.impact, case.model
    low, high, least, most, base, best = of.ranges()
    assert (impact.waste.low, impact.waste.high) == pytest.approx((low, high), abs=0.005)
    assert (impact.ebitda.low, impact.ebitda.high) == pytest.approx((least, most), abs=0.005)
    assert (impact.ebitda.base, impact.ebitda.most) == pytest.approx((base, best), abs=0.005)
    swings = sorted((s.label, s.low, s.high) for s in impact.tornado)
    assert swings == [(n, near(a), near(b)) for n, a, b in sorted(of.swings())]
    assert impact.unlabelled_as_tracked == near(of.of.unlabelled["as_tracked"])
    assert impact.unlabelled_healed == near(of.of.unlabelled["healed"])
    assert impact.unseen_hours == near(0 if case.before else of.unseen())
    if impact.blind:
        a_year = of.of.gained * 365 / len(of.of.days)
        assert (impact.product(base), impact.product(best)) == near((base / a_year, best / a_year))
        claim = load_assumptions(ASSUMPTIONS).claims["wasted_in_window"]
        test, sold = hold_against(impact, claim, 0.5), of.of.revenue / len(of.of.days) * claim.days
        assert test.share_of_revenue == near((claim.low / sold, claim.high / sold))
        assert test.spend_needed == near((claim.low / 0.5, claim.high / 0.5))
        needed = tuple(x / claim.days * len(of.of.days) / of.of.gained for x in (claim.low, claim.high))
        assert test.product_needed == near(needed)


def test_incidents_are_those_of_the_csv(case: Case) -> None:
    """Compare with part 1's report for people: since when, how long, how much in the days of the report."""
    with (case.folder / "dq_report.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["status"] != "skip" and row["incident"]]
    first, last = case.gold.days.index[0], case.gold.days.index[-1]
    stakes: dict[date, list[Decimal]] = {}
    found = list(case.quality.all_incidents)
    for number in sorted({int(row["incident"]) for row in rows}):
        named = [row for row in rows if row["incident"] == str(number)]
        one = found[0]
        bad = [row for row in named if (row["check"], row["column"]) == (one.check, one.column)]
        days = sorted(_day(row["file"]) for row in bad)
        if not bad or days[0] != one.since or days[-1] < first:
            continue  # it ended before the report began
        found.pop(0)
        shown = [row for row in bad if first <= _day(row["file"]) <= last]
        amounts = [Decimal(row["revenue_at_stake"]) for row in shown if row["revenue_at_stake"]]
        assert one.severity == min(row["severity"] for row in named)
        assert one.until == (None if days[-1] >= last else days[-1])
        assert one.at_stake == (sum(amounts) if amounts else None)
        for row in shown if one.severity in ("P0", "P1") else []:
            stakes.setdefault(_day(row["file"]), []).append(Decimal(row["revenue_at_stake"] or 0))
            assert one.shares[_day(row["file"])] == pytest.approx(min(float(row["failed_share"]), 1), abs=1e-6)
    assert found == [] and case.quality.at_stake == sum(map(max, stakes.values()))
    if not case.before:
        assert case.quality.empty_hours == case.model.of.empty_hours()


def _day(file: str) -> date:
    return date.fromisoformat(file[7:15])


def test_every_picture_draws_its_numbers(case: Case) -> None:
    days = [*(case.before.days if case.before else ()), *case.model.of.days]
    for name, figure in case.figures.items():
        shown = days if name == "revenue_trend.png" else case.model.of.days
        assert wrong_marks(figure, shown) == [], name
        assert misplaced(figure) == [], name
        if figure.axes:
            right = should_draw(name, case.model.of, case.quality, figure.axes[0].get_xlim()[1])
            assert drawn(name, figure) == pytest.approx(right, abs=1e-9), name


def test_the_page_draws_its_numbers(case: Case) -> None:
    assert page_numbers(page_data(case.page), case.gold) == right_numbers(case.model)


@pytest.mark.parametrize("name", ["much broken", "two months", "healthy", "one order", "no order"])
def test_the_words_are_those_that_were_reviewed(name: str, made: Callable[[str], Case]) -> None:
    """Every word of summary, pictures and page. After a change: UPDATE_GOLDEN=1, and read the difference."""
    case = made(name)
    parts = [case.summary]
    for picture, figure in case.figures.items():
        parts.append("\n".join([f"## {picture}", "", *(" ".join(t.get_text().split()) for t in texts_of(figure))]))
    parts.append("\n".join(["## report.html", "", *visible_lines(case.page)]))
    text = "\n\n".join(part.strip() for part in parts) + "\n"
    path = GOLDEN / f"{name.replace(' ', '_')}.md"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_the_committed_outputs_are_those_of_the_real_days(made: Callable[[str], Case], tmp_path: Path) -> None:
    case, committed = made("real"), ASSUMPTIONS.parent
    assert case.summary == (committed / "executive_summary.md").read_text(encoding="utf-8")
    assert len(case.summary.split()) < 1140, "more than two pages"
    assert case.figures.keys() == set(PICTURES)
    for name, figure in case.figures.items():
        figure.savefig(tmp_path / name)
        # The picture, not its compression, which is another on another machine.
        assert np.allclose(imread(committed / name), imread(tmp_path / name), atol=0.02), name


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
    assert other.ebitda.low < other.ebitda.base < other.ebitda.high < other.ebitda.most


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
