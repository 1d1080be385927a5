"""What part 3 writes: recomputed from the files by another route, changed with the data, right at the edges."""

import math
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pytest
import yaml
from analysis.charts.days import draw_revenue, revenue_title
from analysis.charts.flow import evidence_title
from analysis.charts.rates import device_title
from analysis.charts.style import day_axis, source_line, use_style
from analysis.findings import Change, evidence, find_changes, funnel
from analysis.gold import Gold, Segment, read_gold
from analysis.impact import load_assumptions, model
from analysis.incidents import Quality, read_quality
from analysis.intervals import Interval, wilson
from analysis.page import report
from analysis_kit import PICTURES, analyse, build, edit, first_order_only, one, run
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.image import imread
from synthetic_events import generate
from test_part3_statistics import ASSUMPTIONS

REAL = Path(__file__).resolve().parents[3] / "shared" / "data"
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


@pytest.fixture(params=["synthetic", "real"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path, str]:
    """Files, their warehouse, and the summary; of synthetic days, and of the real ones where they lie."""
    if request.param == "real":
        if not list(REAL.glob("events_*.csv")):
            pytest.skip(f"NOT TESTED ON REAL DATA: no events_*.csv in {REAL}")
        made = build(REAL, tmp_path / "w.duckdb")
        return REAL, made, analyse(made, tmp_path / "out")
    made = request.getfixturevalue("warehouse")
    return request.getfixturevalue("fortnight"), made, analyse(made, tmp_path / "out")


EVENTS = """
create table e as
select
    row_number() over () as n, nullif(coalesce(client_id, "clientId"), '') as client, nullif(client_id, '') as tracked,
    cast(replace("timestamp", 'Z', '') as timestamp) as at, event_name as event,
    json_extract_string(nullif(event_data, ''), '$.transaction_id') as id,
    cast(json_extract_string(nullif(event_data, ''), '$.revenue') as decimal(12, 2)) as revenue,
    cast(strptime(regexp_extract(filename, '(\\d{8})', 1), '%Y%m%d') as date) as file_date,
    count(*) over (
        partition by client_id, "clientId", page_url, "timestamp", event_name, event_data, user_agent
    ) as copies
from read_csv(?, header = true, all_varchar = true, union_by_name = true, filename = true, quote = '"', escape = '"')
"""


@dataclass(frozen=True)
class Recomputed:
    """What the files say; `unseen` is revenue without an earlier event, `no_view` orders without a page view before."""

    orders: int
    revenue: Decimal
    views: int
    starts: int
    unseen: dict[str, Decimal]
    no_view: dict[str, int]
    buyers: int
    gaps: int
    sold_since: dict[str, Decimal]


def recomputed(files: Path) -> Recomputed:
    with duckdb.connect() as c:
        c.execute(EVENTS, [[str(p) for p in sorted(files.glob("events_*.csv"))]])

        def row(sql: str) -> tuple:  # type: ignore[type-arg]
            found = c.execute(sql).fetchone()
            assert found is not None
            return tuple(found)

        seen = """select count(*), sum(revenue) from e as o where event = 'checkout_completed'
            and not exists (select 1 from e as x where x.{who} = o.{who} and x.at < o.at {and_})"""
        view = "and x.event = 'page_viewed'"
        steps = """with c as (select client, max(event = 'page_viewed') as v, max(event = 'product_added_to_cart') as a,
                max(event = 'checkout_started') as s, max(event = 'checkout_completed') as o from e
                where client is not null and client in (select client from e group by 1) group by client)
            select count(*) filter (o), count(*) filter (o and not (v and a and s)) from c"""
        orders, revenue = row("select count(*), sum(revenue) from e where event = 'checkout_completed'")
        views, starts = row("""select count(*) filter (event = 'page_viewed'),
            count(*) filter (event = 'checkout_started') from e""")
        buyers, gaps = row(steps)
        unseen = {who: row(seen.format(who=who, and_=""))[1] or Decimal(0) for who in ("client", "tracked")}
        no_view = {who: row(seen.format(who=who, and_=view))[0] for who in ("client", "tracked")}
        sold = "select sum(revenue) from e where event = 'checkout_completed' and file_date >= date '{}'"
        sold_since = {day: row(sold.format(day))[0] for day in ("2025-02-27", "2025-03-04")}
    return Recomputed(orders, revenue, views, starts, unseen, no_view, buyers, gaps, sold_since)


def short_share(part: Decimal | int, whole: Decimal | int) -> str:
    """In percent, with a digit more where it is small."""
    return f"{part / whole:.{2 if part / whole < 0.05 else 1}%}"


def test_the_summary_recomputed_from_the_files(case: tuple[Path, Path, str]) -> None:
    files, warehouse, text = case
    of = recomputed(files)
    assert f"{of.orders:,} orders brought ${of.revenue:,.2f}" in text
    assert f"| {of.orders / of.views:.2%} ({of.orders:,} of {of.views:,})" in text.replace("conversion | ", "| ", 1)
    assert f"| {of.orders / of.starts:.1%} ({of.orders:,} of {of.starts:,})" in text
    for who in ("tracked", "client"):
        assert f"| {short_share(of.unseen[who], of.revenue)} (${of.unseen[who]:,.2f})" in text
        assert f"| {short_share(of.no_view[who], of.orders)} ({of.no_view[who]:,} of {of.orders:,})" in text
    assert f"{of.gaps:,} of {of.buyers:,} buyers lack" in text
    for day, sold in of.sold_since.items():
        row = rf"^\| {date.fromisoformat(day).day} \w+ \| .* \| P0 \| \${re.escape(f'{sold:,.2f}')} \|$"
        assert re.search(row, text, re.MULTILINE)
    converted, sessions = one(warehouse, """select count(*) filter (orders > 0), count(*) from silver.sessions
        where reading = 'healed'""")  # fmt: skip
    assert isinstance(converted, int) and isinstance(sessions, int)
    share = wilson(converted, sessions)
    assert (
        f"**{share.estimate:.2%} of sessions end in an order** (95% interval {share.low:.2%} to {share.high:.2%};"
        in text
    )


def test_the_evidence_recomputed_from_touches(case: tuple[Path, Path, str]) -> None:
    _, warehouse, text = case
    gold = read_gold(warehouse)
    for reading in ("as_tracked", "healed"):
        parts = evidence(gold, reading)
        assert sum(parts.values()) == gold.revenue
        known = one(warehouse, f"""select coalesce(sum(revenue), 0) from silver.orders where order_id in (
            select order_id from silver.order_touches
            where reading = '{reading}' and channel <> 'Direct')""")[0]  # fmt: skip
        assert parts["known"] == known
        assert f"{parts['known'] / gold.revenue:.0%}" in text
        assert f"{parts['known'] / gold.revenue:.0%}" in evidence_title(gold)


def test_pictures_and_summary_agree_with_gold_by_another_route(case: tuple[Path, Path, str]) -> None:
    _, warehouse, text = case
    gold = read_gold(warehouse)
    assert sum(d.orders for d in gold.days) == gold.orders == one(warehouse, "select count(*) from silver.orders")[0]
    # The cross of devices and systems is not in gold; its margins are.
    for device in gold.conversion["device"]:
        parts = [s for (name, _), s in gold.systems.items() if name == device.name]
        assert (sum(s.converted for s in parts), sum(s.sessions for s in parts)) == (device.converted, device.sessions)
    assert device_title(gold) in text
    found = funnel(gold)
    assert found.buyers == one(warehouse, """select (select count(*) from silver.clients where orders > 0)
        + (select count(*) from silver.orders where client_id is null or is_bot)""")[0]  # fmt: skip
    assert found.reached[0] - found.recorded[0] == one(warehouse, """select count(*) from silver.clients
        where page_views = 0 and (carts > 0 or checkouts > 0 or orders > 0)""")[0] + gold.orders_without_id  # fmt: skip


def test_committed_outputs_are_those_of_the_real_days(tmp_path: Path) -> None:
    if not list(REAL.glob("events_*.csv")):
        pytest.skip(f"NOT TESTED ON REAL DATA: no events_*.csv in {REAL}")
    made = build(REAL, tmp_path / "w.duckdb")
    text = analyse(made, tmp_path / "out")
    assert text == (COMMITTED / "executive_summary.md").read_text(encoding="utf-8")
    assert len(text.split()) < 1320, "more than two pages"
    page = (COMMITTED / "report.html").read_text(encoding="utf-8")
    assert page == (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for name in PICTURES:
        # The picture, not its compression, which is another on another machine.
        assert np.allclose(imread(COMMITTED / name), imread(tmp_path / "out" / name), atol=0.02), name


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


def test_the_data_change_and_so_does_the_summary(fortnight: Path, out: Path, tmp_path: Path) -> None:
    days = Path(shutil.copytree(fortnight, tmp_path / "days"))
    edit(days, lambda line: "" if "checkout_completed" in line and "2025-03-0" in line[:400] else line)
    before = (out / "executive_summary.md").read_text(encoding="utf-8")
    after = analyse(build(days, tmp_path / "w.duckdb"), tmp_path / "out")
    assert "nothing in the data shows that the business is" in before
    assert "the business changed with it" in after
    assert "Revenue a day: a clear change" in after or "Conversion: a clear change" in after
    assert (tmp_path / "out" / "revenue_trend.png").read_bytes() != (out / "revenue_trend.png").read_bytes()


def test_days_that_begin_after_the_break_are_broken(fortnight: Path, tmp_path: Path) -> None:
    days = Path(shutil.copytree(fortnight, tmp_path / "days"))
    for path in sorted(days.glob("events_*.csv"))[:10]:
        path.unlink()
    text = analyse(build(days, tmp_path / "w.duckdb"), tmp_path / "out")
    assert "**The measurement is broken from the first day on; " in text
    assert re.search(r"^\| 5 March or before \| client.* \| P0 \|", text, re.MULTILINE)
    assert re.search(r"^\| 5 March or before \| .*referrer.* \| P0 \|", text, re.MULTILINE)
    assert "**At risk: $" in text


def test_days_without_a_file_are_told(fortnight: Path, tmp_path: Path) -> None:
    days = Path(shutil.copytree(fortnight, tmp_path / "days"))
    for day in ("20250224", "20250305", "20250306"):
        (days / f"events_{day}.csv").unlink()
    text = analyse(build(days, tmp_path / "w.duckdb"), tmp_path / "out")
    assert "- **3 days have no usable file**: 24 February, 5 March and 6 March. What was sold then" in text
    assert source_line(read_gold(tmp_path / "w.duckdb")).endswith(
        "events_20250308.csv, 11 files; 3 days between without."
    )


def test_healthy_days_have_no_incident_and_no_action(tmp_path: Path) -> None:
    generate(tmp_path / "days", days=8, events_per_day=500, seed=5, incidents=False)
    text = analyse(build(tmp_path / "days", tmp_path / "w.duckdb"), tmp_path / "out")
    assert "Nothing broke in the measurement" in text
    assert "## What broke" not in text
    assert "## Who does what" not in text


def _no_order(line: str) -> str:
    return "" if "checkout_completed" in line else line


def _nothing(line: str) -> str:
    return ""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_nothing, "No revenue was recorded"),
        (_no_order, "No session ended in an order"),
        (first_order_only(), "1 order brought"),
    ],
    ids=["nothing", "no order", "one order"],
)
def test_days_with_next_to_nothing(tmp_path: Path, change: Callable[[str], str], told: str) -> None:
    generate(tmp_path / "days", days=3, events_per_day=300, seed=2)
    edit(tmp_path / "days", change)
    text = analyse(build(tmp_path / "days", tmp_path / "w.duckdb"), tmp_path / "out")
    assert told in text
    assert not re.search(r"\b(nan|inf|None)\b", text)
    for name in PICTURES:
        assert (tmp_path / "out" / name).stat().st_size > 5000, name


def test_a_single_day(tmp_path: Path) -> None:
    generate(tmp_path / "days", days=1, events_per_day=900, seed=2)
    text = analyse(build(tmp_path / "days", tmp_path / "w.duckdb"), tmp_path / "out")
    assert text.startswith("# Executive summary, 23 Feb 2025\n")
    assert not re.search(r"\b(nan|inf|None)\b", text)
    gold = read_gold(tmp_path / "w.duckdb")
    shown = [t.get_text() for t in draw_revenue(gold, Quality(), ()).axes[0].texts]
    assert gold.currency.short(gold.days[0].revenue) in shown and gold.days[0].revenue > 0


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
    ("after", "low", "high", "told"),
    [
        (50.0, -70.0, -30.0, "Sales fell when tracking broke: "),
        (150.0, 30.0, 70.0, "Sales rose when tracking broke: "),
        (110.0, -20.0, 40.0, "Sales show no clear difference since tracking broke: "),
        (110.0, -math.inf, math.inf, "Too few days to tell whether sales moved when tracking broke: "),
    ],
)
def test_the_revenue_title_says_no_more_than_its_interval(
    after: float, low: float, high: float, told: str, warehouse: Path
) -> None:
    gold = read_gold(warehouse)
    incident = read_quality(warehouse, gold.files).grave[0]
    change = Change(incident, "revenue a day", 100.0, after, Interval(after - 100, low, high))
    assert revenue_title(gold, [change]) == f"{told}$100 a day before, ${after:.0f} after"


@pytest.mark.parametrize(
    ("mobile", "told"),
    [
        (200, "Desktop converts 100% more often than mobile"),
        (390, "Mobile and desktop show no clear difference in how often a session ends in an order"),
        (800, "Mobile converts 100% more often than desktop"),
    ],
)
def test_the_device_title_says_no_more_than_its_interval(mobile: int, told: str, warehouse: Path) -> None:
    devices = (Segment("Desktop", 400, 40_000), Segment("Mobile", mobile, 40_000))
    gold = replace(read_gold(warehouse), conversion={"device": devices}, systems={})
    assert device_title(gold) == told


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
    assert page.count("</script>") == 3


def test_an_empty_gold_still_makes_a_page() -> None:
    empty, quality = Gold((), (), {}, {}, 0, 0, {}, {}, {}, (), (), {}, ()), Quality()
    impact = model(empty, quality, load_assumptions(ASSUMPTIONS))
    assert "No day has been loaded yet" in report(empty, quality, find_changes(empty, quality), impact)


def test_the_model_keeps_its_order_and_its_seed(warehouse: Path, tmp_path: Path) -> None:
    gold = read_gold(warehouse)
    quality = read_quality(warehouse, gold.files)
    found = model(gold, quality, load_assumptions(ASSUMPTIONS))
    document = yaml.safe_load(ASSUMPTIONS.read_text(encoding="utf-8"))
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(document | {"seed": 7}), encoding="utf-8")
    other = model(gold, quality, load_assumptions(tmp_path / "a.yaml"))
    for mine, again in ((found.waste, other.waste), (found.ebitda, other.ebitda)):
        assert mine.least < mine.low < mine.median < mine.high < mine.most
        assert mine.least < mine.base < mine.most
        assert (again.low, again.median, again.high) == pytest.approx((mine.low, mine.median, mine.high), rel=0.03)
        assert again.low != mine.low
    assert [s.high - s.low for s in found.tornado] == sorted((s.high - s.low for s in found.tornado), reverse=True)
    assert found.money.unlabelled_healed < found.money.unlabelled_as_tracked <= float(gold.revenue)


def test_mistakes_are_told_in_a_sentence(fortnight: Path, tmp_path: Path) -> None:
    status, _, stderr = run("--no-refresh", "--warehouse", tmp_path / "none.duckdb", "--out-dir", tmp_path)
    assert (status, "there is no warehouse" in stderr) == (2, True)
    for head in ("not a database", "SQLite format 3\0", ""):
        (tmp_path / "bad.duckdb").write_text(head)
        status, _, stderr = run("--no_refresh", "--warehouse", tmp_path / "bad.duckdb", "--out_dir", tmp_path)
        assert (status, "cannot be read as a warehouse; name another" in stderr) == (2, True)
    status, _, stderr = run("--data_dir", tmp_path / "nowhere", "--out_dir", tmp_path)
    assert status == 2 and stderr
    status, _, stderr = run("--assumptions", tmp_path / "no.yaml", "--no_refresh", "--out_dir", tmp_path)
    assert (status, "--assumptions" in stderr) == (2, True)


@pytest.mark.parametrize(
    ("section", "name", "fields", "told"),
    [
        ("inputs", "spend_share", {"low": 0}, "spend_share must be more than 0"),
        ("inputs", "spend_share", {"low": 9}, "spend_share must have 0 <= low <= base"),
        ("inputs", "spend_share", {"base": "much"}, "low, base and high of spend_share must be numbers"),
        ("claims", "first", {"label": "a claim"}, "the claim first needs label, days, low and high"),
    ],
)
def test_an_assumption_that_cannot_be_is_one_sentence(
    section: str, name: str, fields: dict[str, object], told: str, warehouse: Path, tmp_path: Path
) -> None:
    document = yaml.safe_load(ASSUMPTIONS.read_text(encoding="utf-8"))
    document[section] = {**(document.get(section) or {})}
    document[section][name] = {**document[section].get(name, {}), **fields}
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    out = tmp_path / "out"
    line = ("--no_refresh", "--warehouse", warehouse, "--out_dir", out, "--assumptions", tmp_path / "a.yaml")
    status, stdout, stderr = run(*line)
    assert (status, stdout, len(stderr.splitlines())) == (2, "", 1) and told in stderr
    assert not out.exists() or not list(out.iterdir())


def test_it_refreshes_first(fortnight: Path, tmp_path: Path) -> None:
    made = tmp_path / "w.duckdb"
    status, stdout, _ = run("--data_dir", fortnight, "--warehouse", made, "--out_dir", tmp_path / "out")
    assert (status, made.is_file(), "report.html" in stdout) == (3, True, True)
    assert "the column was not" not in (tmp_path / "out" / "executive_summary.md").read_text(encoding="utf-8")
