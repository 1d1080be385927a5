"""The worked example: a shop that shares no name, currency, day or dialect with the one the contract is of."""

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import generate_charts
import monitor
import pytest
import transform
import validate_dataframework
from analysis_kit import PICTURES
from command_kit import contract, rows
from make_days import LOST_FROM, RENAMED_FROM, make
from synthetic_events import generate

CONTRACT = Path(__file__).parents[2] / "examples" / "another_shop" / "contract.yaml"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's days in a folder `days`, beside the folder that its reports go to."""
    folder = tmp_path_factory.mktemp("another shop")
    make(folder / "days")
    return folder


def run(main: Callable[..., int], shop: Path, *args: str) -> tuple[int, str]:
    out, err = io.StringIO(), io.StringIO()
    status = main(["--data_dir", str(shop / "days"), "--contract", str(CONTRACT), *args], out, err)
    assert "Traceback" not in err.getvalue() and status in (0, 3), err.getvalue()
    assert "$" not in out.getvalue()
    return status, out.getvalue()


def orders(shop: Path) -> dict[str, list[Decimal]]:
    """Each file's orders, by Python's own reader."""
    found: dict[str, list[Decimal]] = defaultdict(list)
    for path in sorted((shop / "days").glob("web-*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter=";"):
                if row["action"] == "bestellung":
                    found[path.stem.removeprefix("web-")].append(Decimal(str(json.loads(row["details"])["summe"])))
    return found


def test_data_quality(shop: Path) -> None:
    status, printed = run(validate_dataframework.main, shop, "--out_dir", str(shop))
    assert status == 3
    whole = [amount for day in orders(shop).values() for amount in day]
    assert f"{len(whole)} orders, €{sum(whole):,.2f} gross" in " ".join(printed.split())
    failed = {(r["check"], r["column"]) for r in rows(shop) if r["status"] == "fail" and r["severity"] < "P3"}
    expected = {("column_renamed", "visitor"), ("column_missing", "came_from")}
    assert {one for one in failed if one[0] != "orders_lost_to_rename"} == expected


def test_warehouse(shop: Path) -> None:
    assert run(transform.main, shop)[0] == 0
    with duckdb.connect(str(shop / "days" / "warehouse.duckdb"), read_only=True) as connection:
        counted = connection.execute(
            "select cast(order_date as varchar), count(*), sum(revenue) from silver.orders group by all order by all"
        ).fetchall()
        channels = {
            c for (c,) in connection.execute("select distinct channel from gold.channel_performance").fetchall()
        }
        (nameless,) = connection.execute("select count(*) from gold.products where item_name is null").fetchall()[0]
        lines = connection.execute("select sum(revenue) from gold.products").fetchall()[0][0]
    # A day is Berlin's: each order counts on the day of its file, also in the night that is two hours or one off UTC.
    assert counted == [(day, len(amounts), sum(amounts)) for day, amounts in sorted(orders(shop).items())]
    assert lines == sum(sum(amounts) for amounts in orders(shop).values()), "a price of one piece, times the pieces"
    assert not nameless
    assert {"Paid Search", "Paid Social", "Organic Search", "Email", "Affiliates", "Referral", "SMS"} <= channels
    assert "Unassigned" not in channels


def test_analysis(shop: Path) -> None:
    status, _ = run(generate_charts.main, shop, "--out_dir", str(shop))
    text = (shop / "executive_summary.md").read_text(encoding="utf-8")
    whole = [amount for day in orders(shop).values() for amount in day]
    assert status == 3 and all((shop / name).stat().st_size > 10_000 for name in PICTURES)
    assert f"{len(whole)} orders brought €{sum(whole):,.2f}" in text
    broken = re.findall(r"^\| (\d+ \w+) \| (.*?) \| P0", text, re.M)
    assert broken == [("30 March", "visitor arrives as visitorId"), ("2 April", r"The column came\_from is missing")]
    assert "look direct since 2 April" in text  # the referrer is known by its role
    page = re.sub(r"<script>.*?</script>", "", (shop / "report.html").read_text(encoding="utf-8"), flags=re.S)
    assert "Europe/Berlin" in page and "UTC" not in page
    for shown in (text, page):
        assert not re.search(r"\$\d|dollar|puffy|client.?id|650,?000|stated as", shown, re.IGNORECASE)


def test_monitor(shop: Path) -> None:
    status, printed = run(monitor.main, shop, "--backtest")
    colours = dict(re.findall(r"^  (2025-\d\d-\d\d)  (GREEN|YELLOW|RED|INSUFFICIENT)", printed, re.M))
    days = sorted(orders(shop))
    assert status == 0 and list(colours) == days
    assert {colours[day] for day in days[:4]} == {"INSUFFICIENT"}
    assert {colours[day] for day in days[4:] if day < RENAMED_FROM} == {"GREEN"}
    assert {colours[day] for day in days if day >= RENAMED_FROM} == {"RED"}
    first = dict(re.findall(r"^  (column_\w+:\w+) +(\d{4}-\d\d-\d\d) ", printed, re.M))
    assert first == {"column_renamed:visitor": RENAMED_FROM, "column_lost:came_from": LOST_FROM}
    status, printed = run(monitor.main, shop, "--check_date", RENAMED_FROM, "--dry_run")
    assert status == 3 and re.search(
        rf"since {RENAMED_FROM} 00:\d\d:\d\d Europe/Berlin; last\s+good day 2025-03-29", printed
    )
    # Half past midnight in Berlin is the day before in UTC; no hour of the new day is over.
    status, printed = run(monitor.main, shop, "--as_of", f"{RENAMED_FROM}T00:30+01:00", "--dry_run")
    assert printed.startswith(f"RED  {RENAMED_FROM}")


def test_the_hour_that_the_clocks_jump_over_is_no_gap(shop: Path) -> None:
    """The other tests would see a gap in the night of 30 March: other days have enough events in that hour."""
    hours: dict[str, int] = {}
    for path in sorted((shop / "days").glob("web-*.csv")):
        hours[path.stem[4:]] = path.read_text(encoding="utf-8").count(f"\n{path.stem[4:]}T02:")
    assert hours.pop("2025-03-30") == 0 and min(hours.values()) >= 20


@pytest.mark.parametrize(
    "written", ["2025-03-30T01:59:59.5+01:00", "2025-03-30 00:59:59.5Z", "2025-03-30T01:59:59.500"]
)
def test_a_time_is_read_with_its_offset_or_by_the_shops_clock(tmp_path: Path, written: str) -> None:
    data = tmp_path / "web-2025-03-30.csv"
    data.write_text(
        "moment;action;visitor;address;came_from;details;agent\n"
        f"{written};seite;0123456789abcdef0123;https://www.schlafgut.example/;;;Mozilla/5.0 (X11)\n"
        "2025-03-30T23:30:00+02:00;seite;0123456789abcdef0124;https://www.schlafgut.example/;;;Mozilla/5.0 (X11)\n"
        "2025-03-30T23:30;seite;0123456789abcdef0125;https://www.schlafgut.example/;;;Mozilla/5.0 (X11)\n",
        encoding="utf-8",
    )
    line = ["--data_dir", str(tmp_path), "--contract", str(CONTRACT)]
    assert transform.main([*line, "--quiet"], io.StringIO(), io.StringIO()) == 0
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as connection:
        found = connection.execute(
            "select event_at::varchar, event_date::varchar, event_hour from silver.events order by event_id"
        ).fetchall()
        rejected = connection.execute("select reason from silver.rejected_events").fetchall()
    assert found == [("2025-03-30 00:59:59.5", "2025-03-30", 1), *[("2025-03-30 21:30:00", "2025-03-30", 23)] * 2]
    assert rejected == []
    assert validate_dataframework.main(
        [*line, "--out_dir", str(tmp_path), "--quiet"], io.StringIO(), io.StringIO()
    ) in (0, 3)
    assert {r["failed"] for r in rows(tmp_path) if r["check"] == "timestamp_outside_day"} == {"0"}


def test_a_column_is_found_under_its_physical_name(tmp_path: Path) -> None:
    """ODCS gives a property a `name`, and the header's word for it where that is another."""

    def rename(document: dict, columns: dict, _: dict) -> None:  # type: ignore[type-arg]
        columns["client_id"] |= {"name": "browser", "physicalName": "client_id"}
        next(c for c in document["customProperties"] if c["property"] == "columnRoles")["value"]["client"] = "browser"

    path, days = contract(tmp_path, rename), tmp_path / "days"
    generate(days, days=6, events_per_day=400, seed=2)
    line = ["--data_dir", str(days), "--contract", str(path)]
    assert transform.main([*line, "--quiet"], io.StringIO(), io.StringIO()) == 0
    with duckdb.connect(str(days / "warehouse.duckdb"), read_only=True) as connection:
        with_id, all_of_them = connection.execute("select count(client_id), count(*) from silver.events").fetchall()[0]
        assert with_id > 0.9 * all_of_them
    out = io.StringIO()
    assert monitor.main([*line, "--no_refresh", "--dry_run"], out, io.StringIO()) == 3
    assert "column_renamed:client_id" in out.getvalue()


@pytest.mark.parametrize("how", [("--engine", "spark"), ("--print_sql", "snowflake"), ("--print_sql", "bigquery")])
def test_other_engines_refuse_another_time_zone(shop: Path, how: tuple[str, str]) -> None:
    """What nobody has compared with DuckDB is refused, not done somehow."""
    error = io.StringIO()
    line = ["--data_dir", str(shop / "days"), "--contract", str(CONTRACT), *how]
    assert transform.main(line, io.StringIO(), error) == 2
    assert "Europe/Berlin, which only --engine duckdb knows" in error.getvalue()
