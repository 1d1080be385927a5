"""Every number that part 3 prints, found again by another route; one that is not, and one that is missing, is told."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
import pytest
import yaml
from analysis.charts.style import use_style
from analysis.findings import find_changes
from analysis.gold import read_gold
from analysis.incidents import find_incidents
from analysis_arithmetic import newcombe, product_quantiles, triangular_draws, welch, wilson_bounds, z_of
from analysis_kit import analyse, build, edit, first_order_only, run
from analysis_pictures import drawn, picture_sentences, picture_texts, should_draw, wrong_marks
from analysis_reference import Reference
from analysis_report import drawn_data, report_data, report_sentences, report_texts
from analysis_sentences import summary_sentences
from analysis_story import INPUTS, Story
from generate_charts import pictures
from matplotlib.figure import Figure
from printed_numbers import TOKEN, Money, Sentence, Share, agrees, check, markdown_texts
from synthetic_events import generate
from test_part3_outputs import REAL
from test_part3_statistics import ASSUMPTIONS

ODD = "<b>&$ 7-fold"


@dataclass(frozen=True)
class Case:
    """A warehouse, what part 3 made of it, and what it should have made."""

    warehouse: Path
    summary: list[str]
    page: str
    figures: dict[str, Figure]
    story: Story


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
    incidents = find_incidents(gold)
    use_style()
    figures = pictures(gold, incidents, find_changes(gold, incidents))
    story = Story(Reference(warehouse), ASSUMPTIONS)
    return Case(warehouse, markdown_texts(summary), (out / "report.html").read_text(encoding="utf-8"), figures, story)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Case]:
    """Cases by name, each made once."""

    @cache
    def make(name: str) -> Case:
        folder = tmp_path_factory.mktemp("case")
        days = REAL if name == "real" else folder / "days"
        if name != "real":
            CASES.get(name, CASES["fortnight"])(days)
        elif not list(REAL.glob("events_*.csv")):
            pytest.skip(f"NOT TESTED ON REAL DATA: no events_*.csv in {REAL}")
        warehouse = build(days, folder / "w.duckdb")
        if name == "odd names":
            _rename(warehouse)
        return _case(warehouse, folder / "out")

    return make


def _rename(warehouse: Path) -> None:
    """Give a channel and a device a name that is a tag, a formula and a number."""
    with duckdb.connect(str(warehouse)) as c:
        for table, column in (
            ("silver.sessions", "first_channel"),
            ("silver.sessions", "device"),
            ("gold.attribution", "channel"),
            ("gold.channel_performance", "channel"),
            ("gold.daily_metrics", "segment"),
        ):
            c.execute(f"update {table} set {column} = ? where {column} in ('Affiliates', 'Mobile')", [ODD])


@pytest.fixture(params=[*CASES, "odd names", "real"])
def case(request: pytest.FixtureRequest, made: Callable[[str], Case]) -> Case:
    return made(request.param)


def test_every_number_of_the_summary(case: Case) -> None:
    assert check(case.summary, summary_sentences(case.story)) == []


def test_every_number_of_the_pictures(case: Case) -> None:
    for name, expected in picture_sentences(case.story).items():
        figure = case.figures[name]
        assert check(picture_texts(name, figure), expected) == [], name
        assert wrong_marks(figure, case.story.days) == [], name
        if figure.axes:
            shown = should_draw(name, case.story, figure.axes[0].get_xlim()[1])
            assert drawn(name, figure) == pytest.approx(shown, abs=1e-9), name


def test_every_number_of_the_report(case: Case) -> None:
    texts, data = report_texts(case.page)
    assert check(texts, report_sentences(case.story)) == []
    assert drawn_data(data) == report_data(case.story)


def test_every_number_of_other_assumptions(made: Callable[[str], Case], tmp_path: Path) -> None:
    case = made("fortnight")
    document = yaml.safe_load(ASSUMPTIONS.read_text(encoding="utf-8")) | {"seed": 11, "draws": 900}
    document["inputs"]["spend_share"].update(low=0.3, base=0.3, high=0.3)
    document["inputs"]["gain"].update(low=0.4, base=0.6, high=0.9)
    document["claims"]["wasted_in_window"].update(label="wasted in 30 days", days=30, low=1200, high=2.5e6)
    path = tmp_path / "assumptions.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    told = run("--no_refresh", "--quiet", "--warehouse", case.warehouse, "--out_dir", tmp_path, "--assumptions", path)
    assert told == (0, "", "")
    texts = markdown_texts((tmp_path / "executive_summary.md").read_text(encoding="utf-8"))
    assert check(texts, summary_sentences(Story(case.story.of, path))) == []
    assert check(texts, summary_sentences(case.story)) != []


def _changed(token: str) -> str:
    """The least change that can be seen: one more in the last digit; of a word, another."""
    at = max((i for i, c in enumerate(token) if c.isdigit()), default=None)
    if at is None:
        return "three" if token == "two" else "two"
    return token[:at] + str((int(token[at]) + 1) % 10) + token[at + 1 :]


def test_a_changed_a_lost_and_an_added_number_are_told(made: Callable[[str], Case]) -> None:
    fortnight = made("much broken")
    assert {b.kind for b in fortnight.story.of.breaks} == {"renamed", "lost", "share", "gap"}
    places = [("the summary", fortnight.summary, summary_sentences(fortnight.story))]
    places += [(n, picture_texts(n, fortnight.figures[n]), s) for n, s in picture_sentences(fortnight.story).items()]
    tried = 0
    for name, texts, expected in places:
        assert check(texts, expected) == []
        assert check([*texts, "Sales rose by 12%."], expected) == ["'Sales rose by 12%.': no such sentence expected"]
        for n, text in enumerate(texts):
            rest = texts[:n], texts[n + 1 :]
            for token in TOKEN.finditer(text):
                wrong = text[: token.start()] + _changed(token[0]) + text[token.end() :]
                told = check([*rest[0], wrong, *rest[1]], expected)
                assert any(repr(wrong) in line for line in told), (name, wrong)
                tried += 1
            if TOKEN.search(text):
                assert any(line.startswith("nowhere") for line in check([*rest[0], *rest[1]], expected)), (name, text)
    assert tried > 200


def test_tokens_agree_to_the_digits_shown() -> None:
    assert (
        agrees("$19.5k", Money(19_549.9)) and not agrees("$19.5k", Money(19_551)) and not agrees("19.5k", Money(19_500))
    )
    assert agrees("0.90%", Share(0.00904)) and not agrees("0.90%", Share(0.0091)) and not agrees("0.90", Share(0.009))
    assert agrees("-$11.8k", Money(-11_800)) and not agrees("$11.8k", Money(-11_800))
    assert agrees("2,516", 2516) and not agrees("2,516", 2517) and not agrees("$2,516", 2516)
    assert check(["7 of 8"], [Sentence("# of #", (7, 8))]) == []


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
    _, steerable, gain, margin, doubt = fortnight.story.corners
    believed = (1 - doubt[2], 1 - doubt[1], 1 - doubt[0])
    exact = product_quantiles([steerable, gain, margin, believed], (0.05, 0.95))
    count = fortnight.story.assumptions["draws"]
    found = fortnight.story.ranges()[2:4]
    for share, (value, density), drawn_value in zip((0.05, 0.95), exact, found, strict=True):
        error = (share * (1 - share) / count) ** 0.5 / density
        a_year = fortnight.story.yearly(value, 1, 1, 0)
        assert drawn_value == pytest.approx(a_year, abs=4 * error / value * a_year)
    assert len(triangular_draws(1, 5, [(0.1, 0.1, 0.1)])[0]) == 5
    assert len(INPUTS) == len(fortnight.story.corners)
