"""Parts 1 and 2 give the right values of other shops' exports from a contract alone: shops/README.md has the values."""

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import transform
import validate_dataframework
import zstandard
from command_kit import rows
from commands import call, query

HERE = Path(__file__).parent
SHOPS = HERE.parents[2] / "shared" / "shops"
pytestmark = pytest.mark.skipif(not SHOPS.exists(), reason=f"NOT TESTED ON OTHER SHOPS: no {SHOPS}")


@dataclass(frozen=True)
class Values:
    """The right values of an export, and the status of part 2."""

    records: int
    order_rows: int
    orders: int
    revenue: str | None  # None if the export has no amount
    sessions: int | None = None
    channels: dict[str | None, int] | None = None  # first channel -> sessions
    refused: int = 0  # orders
    critical: bool = False
    gross: str | None = None  # if it is not the revenue
    has_lines: bool = False

    @property
    def order_rows_found(self) -> int:
        """Return how many orders part 1 counts: rows, or orders whose rows are lines."""
        return self.orders if self.has_lines else self.order_rows


SOURCES: dict[str | None, int] = {
    "Paid Search": 93,
    "Email": 86,
    "Organic Search": 77,
    "Direct": 104,
}  # the same visits in three exports
RIGHT = {
    "flat_revenue": Values(16_959, 659, 659, "3612796.95", 8_070, {
        "Organic Search": 2_759, "Paid Search": 1_899, "Organic Social": 1_436, "Direct": 1_355, "Referral": 621}),
    "json_properties": Values(5_000, 265, 265, "51340.14", 5_000),
    "rees46": Values(17_434, 214, 200, "59442.63", has_lines=True),
    "ga4_leads": Values(2_189, 59, 51, None, 937, {
        "Paid Social": 379, "Paid Search": 373, "Direct": 114, "Unassigned": 44, "Organic Search": 15,
        None: 12}, 8, True),
    "posthog": Values(600, 60, 60, "6325.91", 360, SOURCES),
    "amplitude": Values(600, 60, 60, "6325.91", 360, SOURCES),
    "ga4_bigquery": Values(600, 60, 60, "6325.91", 360, SOURCES),
    "ndjson": Values(600, 60, 60, "6325.91"),
    "invoice_lines": Values(10_000, 10_000, 431, "182719.91", has_lines=True),
    "clickstream": Values(31_106, 470, 470, None),
    "ga4_items": Values(16_003, 16_003, 5_242, "362110.00", refused=448, critical=True, has_lines=True),
    "snowplow_atomic": Values(835, 15, 13, "1234863.89", refused=1, critical=True, gross="1234876.89"),
    "two_currencies": Values(16, 16, 3, "37.35", refused=13, critical=True),
}  # fmt: skip
# The true problems of the exports that part 1 calls critical.
CRITICAL = {
    "ga4_items": {"column_missing"},  # no item of the last day has a price, and few of the four days before it
    "snowplow_atomic": {"column_missing"},  # no event of two days has an action
    "rees46": {"file_truncated"}, "ga4_leads": {"order_id_missing"}, "two_currencies": {"order_amount_missing"},
}  # fmt: skip


def folder_of(name: str, folder: Path) -> Path:
    """Return a folder that holds the export alone."""
    if (SHOPS / name).is_dir():
        return SHOPS / name
    for path in SHOPS.glob(f"{name}.*"):
        (folder / path.name).symlink_to(path)
    return folder


@dataclass(frozen=True)
class Shop:
    """The results of parts 1 and 2 for an export."""

    right: Values
    warehouse: Path
    reports: Path
    name: str
    statuses: tuple[int, int]
    printed: str


@pytest.fixture(scope="module", params=RIGHT)
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    name, folder = request.param, tmp_path_factory.mktemp(request.param)
    (folder / "days").mkdir()
    places = ("--data_dir", folder_of(name, folder / "days"), "--contract", HERE / f"{name}.yaml")
    part1, printed, _ = call(validate_dataframework, *places, "--out_dir", folder)
    part2, _, _ = call(transform, *places, "--warehouse", folder / "w.duckdb")
    return Shop(RIGHT[name], folder / "w.duckdb", folder, name, (part1, part2), " ".join(printed.split()))


def test_the_warehouse_has_the_right_values(shop: Shop) -> None:
    right, warehouse = shop.right, shop.warehouse
    assert shop.statuses[1] == (3 if right.critical else 0)
    assert query(warehouse, "select sum(records - unreadable) from bronze.files") == [(right.records,)]
    counted = query(warehouse, "select count(*), sum(revenue) from silver.orders")
    assert counted == [(right.orders, Decimal(right.revenue or "0.00"))]
    lines = query(warehouse, "select line, orders, amount from gold.ledger")
    ledger = {line: (orders, amount) for line, orders, amount in lines}
    assert ledger["gross"] == (right.order_rows, Decimal(right.gross or right.revenue or "0.00"))
    assert ledger["difference"] == (0, 0)
    refused = "select count(*) from silver.received_orders where status in ('quarantined', 'negative')"
    assert query(warehouse, refused) == [(right.refused,)]
    if right.sessions:
        assert query(warehouse, "select count(*) from silver.sessions where reading = 'healed'") == [(right.sessions,)]
    if right.channels:
        by_channel = "select first_channel, count(*) from silver.sessions where reading = 'healed' group by all"
        assert dict(query(warehouse, by_channel)) == right.channels


def test_part_1_calls_nothing_critical_that_is_not(shop: Shop) -> None:
    failed = [row for row in rows(shop.reports) if row["status"] == "fail"]
    critical = {row["check"] for row in failed if row["severity"] == "P0"}
    assert critical == CRITICAL.get(shop.name, set()) and shop.statuses[0] == (3 if critical else 0)
    absent = {"url_malformed", "referrer_malformed", "value_placeholder", "orders_lost_to_rename"}
    assert not absent & {row["check"] for row in failed}


def test_parts_1_and_2_agree_on_every_file(shop: Shop) -> None:
    right, profile = shop.right, rows(shop.reports, "dq_profile.csv")
    assert f"{right.records:,} events, {right.order_rows_found:,} orders" in shop.printed
    assert ("gross" in shop.printed) is (right.revenue is not None)
    assert sum(Decimal(row["revenue"] or 0) for row in profile) == Decimal(right.gross or right.revenue or 0)
    by_part_1 = {
        row["file"]: tuple(int(row[key]) for key in ("rows", "unreadable", "no_event_name", "no_readable_time"))
        for row in profile
    }
    by_part_2 = query(shop.warehouse, """
        select
            name, records - unreadable, unreadable,
            (select count(*) from silver.rejected_events where source_file = name and reason = 'no event name'),
            (select count(*) from silver.rejected_events where source_file = name and reason = 'no readable time')
        from bronze.files""")  # fmt: skip
    assert by_part_1 == {name: tuple(counts) for name, *counts in by_part_2}


# ---- flat_revenue in every form of file


def _day_files(events: duckdb.DuckDBPyConnection, folder: Path, name: str, where: str = "true") -> list[Path]:
    """Write a CSV for each day; `name` is a strftime pattern."""
    written = []
    for day in (date(2026, 1, 1) + timedelta(days=n) for n in range(45)):
        path = folder / day.strftime(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        events.execute(
            f"copy (select * from events where event_date = '{day}' and {where} order by n) to '{path}' (header)"
        )
        written.append(path)
    return written


def _by_hour(events: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write four files a day; each holds six hours, and its name has the last of them."""
    for last in (5, 11, 17, 23):
        hours = f"event_timestamp[12:13] between '{last - 5:02}' and '{last:02}'"
        _day_files(events, folder, f"flat_%Y-%m-%d-{last:02}.csv", hours)


def _parts(events: duckdb.DuckDBPyConnection, folder: Path) -> None:
    _day_files(events, folder, "flat_%Y-%m-%d_part0.csv", "n % 2 = 0")
    _day_files(events, folder, "flat_%Y-%m-%d_part1.csv", "n % 2 = 1")


def _packed(pack: Callable[[bytes], bytes], ending: str) -> Callable[[duckdb.DuckDBPyConnection, Path], object]:
    def write(events: duckdb.DuckDBPyConnection, folder: Path) -> None:
        for path in _day_files(events, folder, "flat_%Y-%m-%d.csv"):
            path.with_name(path.name + ending).write_bytes(pack(path.read_bytes()))
            path.unlink()

    return write


def _copy(form: str, name: str) -> Callable[[duckdb.DuckDBPyConnection, Path], object]:
    return lambda events, folder: events.execute(
        f"copy (select * from events order by n) to '{folder / name}' (format {form})"
    )


FORMS: dict[str, tuple[str, Callable[[duckdb.DuckDBPyConnection, Path], object]]] = {
    "one Parquet file": ("flat.parquet", _copy("parquet", "flat.parquet")),
    "one JSON lines file": ("flat.ndjson", _copy("json", "flat.ndjson")),
    "daily": ("flat_%Y-%m-%d.csv", lambda events, folder: _day_files(events, folder, "flat_%Y-%m-%d.csv")),
    "gzip": ("flat_%Y-%m-%d.csv", _packed(gzip.compress, ".gz")),
    "Zstandard": ("flat_%Y-%m-%d.csv", _packed(zstandard.ZstdCompressor().compress, ".zst")),
    "by hour": ("flat_%Y-%m-%d-%H.csv", _by_hour),
    "two parts": ("flat_%Y-%m-%d.csv", _parts),
    "folders": (
        "dt=%Y-%m-%d/*.csv",
        lambda events, folder: _day_files(events, folder, "dt=%Y-%m-%d/part-0.csv") and None,
    ),
}
GOLD = ("attribution", "unattributed", "channel_performance", "funnel", "products", "ledger", "headline_figures")


def gold(warehouse: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return the tables of gold without the columns that name an event."""
    ids = "exclude (order_id)"
    sessions = "exclude (order_id, session_id, event_id)"
    excluded = {"attribution": sessions, "unattributed": ids}
    tables = {
        name: query(warehouse, f"select * {excluded.get(name, '')} from gold.{name} order by all") for name in GOLD
    }
    # a day's files and hours of files are not the same
    metrics = "select * from gold.daily_metrics where metric <> 'files' order by all"
    return tables | {"daily_metrics": query(warehouse, metrics)}


def built(name: str, data: Path, folder: Path) -> Path:
    """Build the warehouse of flat_revenue with this file name."""
    contract = folder / "contract.yaml"
    text = (HERE / "flat_revenue.yaml").read_text().replace("physicalName: flat_revenue.csv", f"physicalName: {name}")
    contract.write_text(text)
    status, _, stderr = call(transform, "--data_dir", data, "--contract", contract, "--warehouse", folder / "w.duckdb")
    assert status == 0, stderr
    return folder / "w.duckdb"


@pytest.fixture(scope="module")
def one_file(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[object, ...]]]:
    folder = tmp_path_factory.mktemp("one file")
    (folder / "days").mkdir()
    return gold(built("flat_revenue.csv", folder_of("flat_revenue", folder / "days"), folder))


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_each_form_gives_the_same_gold(form: str, one_file: dict[str, object], tmp_path: Path) -> None:
    name, write = FORMS[form]
    data = tmp_path / "days"
    data.mkdir()
    with duckdb.connect() as events:
        events.execute(
            "create table events as select *, row_number() over () as n "
            f"from read_csv('{SHOPS / 'flat_revenue.csv'}', all_varchar = true)"
        )
        write(events, data)
    found = gold(built(name, data, tmp_path))
    for table, expected in one_file.items():
        assert found[table] == expected, table


def test_a_growing_file_of_many_days_is_built_again_only_for_its_new_days(tmp_path: Path) -> None:
    lines = (SHOPS / "flat_revenue.csv").read_text().splitlines(keepends=True)
    data, places = tmp_path / "days", []
    data.mkdir()
    header, rest = lines[0], sorted(lines[1:], key=lambda line: line.split(",")[3])
    cut = next(n for n, line in enumerate(rest) if line.split(",")[3].startswith("2026-02-14"))
    places = ["--data_dir", data, "--contract", HERE / "flat_revenue.yaml", "--warehouse", tmp_path / "w.duckdb"]
    for until in (cut, len(rest)):
        (data / "flat_revenue.csv").write_text(header + "".join(rest[:until]))
        status, printed, stderr = call(transform, *places)
        assert status == 0, stderr
    assert "1 day new" in printed
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    assert gold(tmp_path / "w.duckdb") == gold(built("flat_revenue.csv", data, fresh))
    status, printed, _ = call(transform, *places)
    assert (status == 0 and "unchanged" in printed.lower()) or "nothing" in printed.lower()
    shutil.rmtree(fresh)
    assert json.loads(query(tmp_path / "w.duckdb", "select header from bronze.files limit 1")[0][0])[-1] == "payload"
