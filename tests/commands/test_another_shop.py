"""The worked example: a shop that shares no name, currency, day or dialect with the one the contract is of."""

import csv
import json
import re
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import generate_charts
import monitor
import pytest
import transform
import validate_dataframework
from analysis_kit import PICTURES
from command_kit import contract, rows
from commands import call, query
from make_days import LOST_FROM, RENAMED_FROM, make
from synthetic_events import generate

CONTRACT = Path(__file__).parents[2] / "examples" / "another_shop" / "contract.yaml"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the example's days in a folder `days`, beside the folder that its reports go to."""
    folder = tmp_path_factory.mktemp("another shop")
    make(folder / "days")
    return folder


def run(script: ModuleType, shop: Path, *args: object) -> tuple[int, str]:
    status, stdout, stderr = call(script, "--data_dir", shop / "days", "--contract", CONTRACT, *args)
    assert status in (0, 3) and "$" not in stdout, stderr
    return status, stdout


def orders(shop: Path) -> dict[str, list[Decimal]]:
    """Return each file's orders, by Python's own reader."""
    found: dict[str, list[Decimal]] = defaultdict(list)
    for path in sorted((shop / "days").glob("web-*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter=";"):
                if row["action"] == "bestellung":
                    found[path.stem.removeprefix("web-")].append(Decimal(str(json.loads(row["details"])["summe"])))
    return found


def test_data_quality(shop: Path) -> None:
    status, printed = run(validate_dataframework, shop, "--out_dir", str(shop))
    assert status == 3
    whole = [amount for day in orders(shop).values() for amount in day]
    assert f"{len(whole)} orders, €{sum(whole):,.2f} gross" in " ".join(printed.split())
    failed = {(r["check"], r["column"]) for r in rows(shop) if r["status"] == "fail" and r["severity"] < "P3"}
    expected = {("column_renamed", "visitor"), ("column_missing", "came_from")}
    assert {one for one in failed if one[0] != "orders_lost_to_rename"} == expected


def test_warehouse(shop: Path) -> None:
    assert run(transform, shop)[0] == 0
    warehouse = shop / "days" / "warehouse.duckdb"
    days = "select cast(order_date as varchar), count(*), sum(revenue) from silver.orders group by all order by all"
    counted = query(warehouse, days)
    channels = {name for (name,) in query(warehouse, "select distinct channel from gold.channel_performance")}
    (products,) = query(warehouse, "select sum(revenue), count(*) filter (item_name is null) from gold.products")
    # A day is Berlin's: each order counts on the day of its file, also in the night that is two hours or one off UTC.
    assert counted == [(day, len(amounts), sum(amounts)) for day, amounts in sorted(orders(shop).items())]
    whole = sum(sum(amounts) for amounts in orders(shop).values())
    assert products == (whole, 0), "a price of one piece, times the pieces"
    assert {"Paid Search", "Paid Social", "Organic Search", "Email", "Affiliates", "Referral", "SMS"} <= channels
    assert "Unassigned" not in channels


def test_analysis(shop: Path) -> None:
    status, _ = run(generate_charts, shop, "--out_dir", str(shop))
    text = (shop / "executive_summary.md").read_text(encoding="utf-8")
    whole = [amount for day in orders(shop).values() for amount in day]
    assert status == 3 and all((shop / name).stat().st_size > 10_000 for name in PICTURES)
    assert f"{len(whole)} orders brought €{sum(whole):,.2f}" in text
    broken = re.findall(r"^\| (\d+ \w+) \| (.*?) \| P0", text, re.M)
    assert broken == [("30 Mar", "visitor arrives as visitorId"), ("2 Apr", r"The column came\_from is missing")]
    assert "look direct since 2 April" in text  # the referrer is known by its role
    page = re.sub(r"<script>.*?</script>", "", (shop / "report.html").read_text(encoding="utf-8"), flags=re.S)
    assert "Europe/Berlin" in page and "UTC" not in page
    for shown in (text, page):
        assert not re.search(r"\$\d|dollar|puffy|client.?id|650,?000|stated as", shown, re.IGNORECASE)


def test_monitor(shop: Path) -> None:
    status, printed = run(monitor, shop, "--backtest")
    colours = dict(re.findall(r"^  (2025-\d\d-\d\d)  (GREEN|YELLOW|RED|INSUFFICIENT)", printed, re.M))
    days = sorted(orders(shop))
    assert status == 0 and list(colours) == days
    assert {colours[day] for day in days[:4]} == {"INSUFFICIENT"}
    assert {colours[day] for day in days[4:] if day < RENAMED_FROM} == {"GREEN"}
    assert {colours[day] for day in days if day >= RENAMED_FROM} == {"RED"}
    first = dict(re.findall(r"^  (column_\w+:\w+) +(\d{4}-\d\d-\d\d) ", printed, re.M))
    assert first == {"column_renamed:visitor": RENAMED_FROM, "column_lost:came_from": LOST_FROM}
    status, printed = run(monitor, shop, "--check_date", RENAMED_FROM, "--dry_run")
    said = r"Since 30 March, from 00:\d\d:\d\d Europe/Berlin; the last good day was 29\s+March\."
    assert (status, RENAMED_FROM) == (3, "2025-03-30") and re.search(said, printed)
    # Half past midnight in Berlin is the day before in UTC; no hour of the new day is over.
    status, printed = run(monitor, shop, "--as_of", f"{RENAMED_FROM}T00:30+01:00", "--dry_run")
    assert printed.startswith(f"RED  {RENAMED_FROM}")


def test_the_hour_that_the_clocks_skip_is_not_a_gap(shop: Path) -> None:
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
    line = ("--quiet", "--data_dir", tmp_path, "--contract", CONTRACT)
    assert call(transform, *line)[0] == 0
    columns = "event_at::varchar, event_date::varchar, event_hour"
    found = query(tmp_path / "warehouse.duckdb", f"select {columns} from silver.events order by event_id")
    assert found == [("2025-03-30 00:59:59.5", "2025-03-30", 1), *[("2025-03-30 21:30:00", "2025-03-30", 23)] * 2]
    assert call(validate_dataframework, *line, "--out_dir", tmp_path)[0] in (0, 3)
    assert {r["failed"] for r in rows(tmp_path) if r["check"] == "timestamp_outside_day"} == {"0"}


def test_a_column_is_read_under_its_physical_name(tmp_path: Path) -> None:
    """ODCS gives a property a `name`, and the header's word for it where that is another."""

    def rename(document: dict, columns: dict, _: dict) -> None:  # type: ignore[type-arg]
        columns["client_id"] |= {"name": "browser", "physicalName": "client_id"}
        next(c for c in document["customProperties"] if c["property"] == "columnRoles")["value"]["client"] = "browser"

    path, days = contract(tmp_path, rename), tmp_path / "days"
    generate(days, days=6, events_per_day=400, seed=2)
    line = ("--data_dir", days, "--contract", path)
    assert call(transform, *line, "--quiet")[0] == 0
    ((with_id, events),) = query(days / "warehouse.duckdb", "select count(client_id), count(*) from silver.events")
    assert with_id > 0.9 * events
    status, stdout, _ = call(monitor, *line, "--no_refresh", "--dry_run")
    assert status == 3 and "column_renamed:client_id" in stdout


@pytest.mark.parametrize("how", [("--engine", "spark"), ("--print_sql", "snowflake"), ("--print_sql", "bigquery")])
def test_other_engines_refuse_another_time_zone(shop: Path, how: tuple[str, str]) -> None:
    """An engine refuses a contract that has not been compared with DuckDB there."""
    status, _, stderr = call(transform, "--data_dir", shop / "days", "--contract", CONTRACT, *how)
    assert status == 2 and "Europe/Berlin, which only --engine duckdb supports" in stderr
