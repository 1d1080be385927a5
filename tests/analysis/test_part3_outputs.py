"""The outputs of part 3: recomputed from the files by another route, changed with the data, right at the edges."""

import math
import re
import shutil
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from analysis.charts import daily_volume_anomaly, revenue_trend
from analysis.charts.days import day_axis
from analysis.charts.style import use_style
from analysis.documents import report, verdict
from analysis.figures import marks
from analysis.findings import Change, find_changes
from analysis.gold import read_gold
from analysis.impact import load_assumptions, model
from analysis.incidents import Incident, Quality
from analysis.intervals import Interval
from analysis.templating import title
from analysis_kit import PICTURES, analyse, build, edit, gold, run
from analysis_pictures import misplaced
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont
from synthetic_events import generate
from test_part3_statistics import ASSUMPTIONS

COMMITTED = ASSUMPTIONS.parent


@pytest.fixture(scope="module")
def fortnight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fortnight")
    generate(folder, days=14, events_per_day=800, seed=3)
    return folder


@pytest.fixture(scope="module")
def warehouse(fortnight: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(fortnight, tmp_path_factory.mktemp("warehouse") / "w.duckdb")


@pytest.fixture(scope="module")
def out(warehouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    analyse(warehouse, folder)
    return folder


def test_what_to_do_has_the_money_of_what_broke() -> None:
    """Each incident of the committed summary has an action of its own, and part 1's amount stands beside both."""
    text = (COMMITTED / "executive_summary.md").read_text(encoding="utf-8")
    broke, actions = (
        [line.strip("| ").split(" | ") for line in text.split(f"## {title}")[1].split("##")[0].splitlines()[4:]]
        for title in ("What broke", "What to do")
    )
    of_incidents = {row[-1] for row in broke if len(row) == 4}
    of_actions = [row[-1] for row in actions if row[0] == "Engineering" and len(row) == 3]
    assert len(of_actions) >= 3 and set(of_actions) <= of_incidents


@pytest.mark.parametrize(("weight", "name"), [("regular", "Regular"), ("medium", "Medium"), ("semibold", "SemiBold")])
def test_each_weight_is_drawn_in_the_type_that_comes_with_the_code(weight: str, name: str) -> None:
    use_style()
    assert (
        Path(findfont(FontProperties(family="Inter", weight=weight)))
        == COMMITTED / "analysis" / "charts" / "fonts" / f"Inter-{name}.otf"
    )


def test_a_second_run_gives_the_same_bytes(warehouse: Path, out: Path, tmp_path: Path) -> None:
    analyse(warehouse, tmp_path)
    for name in (*PICTURES, "executive_summary.md", "report.html"):
        assert (out / name).read_bytes() == (tmp_path / name).read_bytes(), name
    for name in PICTURES:
        assert (out / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_days_that_begin_after_the_break_are_broken(fortnight: Path, tmp_path: Path) -> None:
    days = Path(shutil.copytree(fortnight, tmp_path / "days"))
    for path in sorted(days.glob("events_*.csv"))[:10]:
        path.unlink()
    text = analyse(build(days, tmp_path / "w.duckdb"), tmp_path / "out")
    assert "**The measurement is broken from the first day on; " in text
    assert re.search(r"^\| 5 Mar or before \| client.* \| P0 \|", text, re.MULTILINE)
    assert re.search(r"^\| 5 Mar or before \| .*referrer.* \| P0 \|", text, re.MULTILINE)
    assert "**At risk: $" in text


def test_a_period_is_as_it_is_asked_for(warehouse: Path, tmp_path: Path) -> None:
    text = analyse(warehouse, tmp_path, "--since", "2025-03-02", "--until", "2025-03-06")
    assert text.startswith("# Executive summary, 2 Mar – 6 Mar 2025\n")
    assert "| Compared with the 5 days before | Then | Now |" in text and "stated as" not in text
    assert "| 27 Feb | client" in text and "| 4 Mar | The column referrer" in text
    status, _, stderr = run("--no_refresh", "--warehouse", warehouse, "--out_dir", tmp_path, "--since", "2026-01-01")
    assert status == 2 and "the warehouse has 2025-02-23 to 2025-03-08" in stderr


def test_days_without_an_event(tmp_path: Path) -> None:
    """One order and no order are cases of test_part3_numbers.py."""
    generate(tmp_path / "days", days=3, events_per_day=300, seed=2)
    edit(tmp_path / "days", lambda line: "")
    text = analyse(build(tmp_path / "days", tmp_path / "w.duckdb"), tmp_path / "out")
    assert "No revenue was recorded" in text
    assert not re.search(r"\b(nan|inf|None)\b", text)
    assert min((tmp_path / "out" / name).stat().st_size for name in PICTURES) > 5000


def test_a_single_day(tmp_path: Path) -> None:
    generate(tmp_path / "days", days=1, events_per_day=900, seed=2)
    text = analyse(build(tmp_path / "days", tmp_path / "w.duckdb"), tmp_path / "out")
    assert text.startswith("# Executive summary, 23 Feb 2025\n")
    assert not re.search(r"\b(nan|inf|None)\b", text)
    found = read_gold(tmp_path / "w.duckdb")
    shown = [t.get_text() for t in revenue_trend.draw(found, Quality(), ()).axes[0].texts]
    assert f"{found.currency.short(found.revenue)}\nSun 23 Feb" in shown and found.revenue > 0


@pytest.mark.parametrize(
    ("count", "named"),
    [
        (7, ["1\nJan", "2", "3", "4", "5", "6", "7"]),
        (30, ["6\nJan", "13", "20", "27"]),
        (100, ["Jan\n2025", "Feb", "Mar", "Apr"]),
        (800, ["Jan\n2025", "Mar", "May", "Jul", "Sep", "Nov", "Jan\n2026", "Mar"]),
    ],
)
def test_as_many_days_are_named_as_there_is_room_for(count: int, named: list[str]) -> None:
    """Each, else Mondays, else months, else every second month."""
    axes = Figure().subplots()
    day_axis(axes, [date(2025, 1, 1) + timedelta(n) for n in range(count)])
    assert [label.get_text() for label in axes.get_xticklabels()][: len(named)] == named


@pytest.mark.parametrize(
    ("after", "low", "high", "expected"),
    [
        (50.0, -70.0, -30.0, "Sales fell when tracking broke: $100 per day, then $50"),
        (150.0, 30.0, 70.0, "Sales rose when tracking broke: $100 per day, then $150"),
        (110.0, -20.0, 40.0, "Sales show no clear difference since tracking broke: $100 per day, then $110"),
        (110.0, -math.inf, math.inf, "Revenue averaged $20 per day"),
        (110.0, -190.0, 210.0, "Revenue averaged $20 per day"),
    ],
)
def test_the_revenue_title_says_no_more_than_its_interval(after: float, low: float, high: float, expected: str) -> None:
    days = [(date(2025, 1, 1), 5, 1, 20.0, 3, 1, 0)]
    shop = gold(days=days, ledger=[("counted", 1, 20.0)])
    incident = Incident("P0", "x", "id", date(2025, 1, 1), None, None, None, "It is wrong", "Mend it.")
    change = Change("revenue per day", 100.0, after, Interval(after - 100, low, high), incident)
    assert title("revenue", gold=shop, changes=[change]) == expected


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        ({"Desktop": 400, "Mobile": 200}, "Desktop converts 100% more often than mobile"),
        ({"Desktop": 400, "Mobile": 390}, "Mobile and desktop show no clear difference in how often"),
        ({"Desktop": 400, "Mobile": 800}, "Mobile converts 100% more often than desktop"),
        ({"Desktop": 4, "Mobile": 8}, "Too few orders to compare devices"),
        ({"Other": 400}, "No browser is on record, so devices cannot be told apart"),
    ],
)
def test_the_device_title_says_no_more_than_its_interval(devices: dict[str, int], expected: str) -> None:
    rows = [("device", name, converted, 40_000) for name, converted in devices.items()]
    assert title("device", gold=gold(segments=rows)).startswith(expected)


@pytest.mark.parametrize("count", [1, 3, 14, 90, 300])
def test_texts_stay_on_the_canvas_and_apart(count: int) -> None:
    """With faults on the first and the last days, long names in two scripts, and amounts of many digits."""
    use_style()
    days = [date(2025, 1, 1) + timedelta(n) for n in range(count)]
    rows = [(d, 1_200_000 + 9_000 * (n % 7), 4, 1e6 * (3 + n % 5), 90, 4, 0) for n, d in enumerate(days)]
    shop = gold(days=rows, ledger=[("counted", 4 * count, 5e6)])
    names, shares = (
        ("客户标识符列的名称非常长", "a_column_with_a_name_that_is_longer_than_any"),
        dict.fromkeys(days, 0.5),
    )
    incidents = [
        Incident(
            "P0", "x", f"{names[n % 2]}_{n}", of, None, of - timedelta(1), None, f"No {names[n % 2]}", "Mend.", shares
        )
        for n, of in enumerate(dict.fromkeys([*days[:2], *days[-3:]]))
    ]
    quality = Quality(True, tuple(incidents))
    for figure in (
        revenue_trend.draw(shop, quality, find_changes(shop, quality)), daily_volume_anomaly.draw(shop, quality),
    ):  # fmt: skip
        assert misplaced(figure) == []


def test_faults_of_one_day_share_a_line_on_the_page() -> None:
    days = [date(2025, 1, 1) + timedelta(n) for n in range(4)]
    shop = gold(days=[(d, 10, 1, 5.0, 5, 1, 0) for d in days])
    began = (days[1], days[1], days[2])
    faults = [Incident("P0", "x", f"c{n}", of, None, days[0], None, "No", "Mend.") for n, of in enumerate(began)]
    found = marks(shop, faults)
    assert [(a["x"], a["text"]) for a in found["annotations"]] == [
        (str(days[1]), "<b>A B</b>"),
        (str(days[2]), "<b>C</b>"),
    ]
    assert [shape["x0"] for shape in found["shapes"]] == [str(days[1]), str(days[2])]


def test_odd_names_stay_text(warehouse: Path, tmp_path: Path) -> None:
    made = Path(shutil.copy(warehouse, tmp_path / "w.duckdb"))
    odd = "<b>&$</b></script>|`*_ 渠道"
    with duckdb.connect(str(made)) as c:
        c.execute("update gold.channel_performance set channel = ? where channel = 'Affiliates'", [odd])
        c.execute("update gold.daily_metrics set segment = ? where segment in ('Affiliates', 'Mobile')", [odd])
        c.execute("update silver.sessions set device = ? where device = 'Mobile'", [odd])
    text = analyse(made, tmp_path / "out")
    assert "<b>" not in text
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<b>&$" not in page.split("<body>")[1].split('id="data"')[0]
    assert page.count("</script>") == 4


def test_assumptions_that_cannot_be_are_one_sentence(warehouse: Path, tmp_path: Path) -> None:
    """And nothing is written; each mistake is in test_part3_statistics.py."""
    (tmp_path / "a.yaml").write_text("inputs: {}", encoding="utf-8")
    for name in ("a.yaml", "none.yaml"):
        line = ("--no_refresh", "--warehouse", warehouse, "--out_dir", tmp_path / "out", "--assumptions")
        status, stdout, stderr = run(*line, tmp_path / name)
        assert (status, stdout) == (2, "") and name in stderr
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_an_empty_gold_still_makes_a_page() -> None:
    empty, quality = gold(), Quality()
    impact = model(empty, quality, load_assumptions(ASSUMPTIONS))
    assert "No day has been loaded yet" in report(verdict(empty, quality, (), impact))
