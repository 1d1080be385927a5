"""The share of the paid clicks that lead to a session is watched, by day, channel and campaign."""

from datetime import date
from pathlib import Path

import pytest
import transform
from command_kit import failing
from command_kit import report as quality_report
from commands import SCHEMA, call, query
from monitor_kit import keys, report
from synthetic_events import generate
from synthetic_orders import contract_with_books, strip_parameters, write_clicks

STEP = date(2025, 3, 5)  # from this day on, half of the landings of one campaign lose their parameters


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    generate(folder, days=12, events_per_day=6000, seed=8, incidents=False)
    write_clicks(folder)
    strip_parameters(folder, STEP, share=0.5)
    (folder / "contract.yaml").write_text(contract_with_books(SCHEMA.read_text("utf-8")), "utf-8")
    args = ("--data_dir", folder, "--contract", folder / "contract.yaml", "--quiet")
    assert call(transform, *args)[0] == 0
    return folder


def judged(folder: Path, day: date) -> dict[str, object]:
    places = ("--data_dir", folder, "--contract", folder / "contract.yaml", "--no_refresh")
    return report(*places, "--history", folder / f"{day}.sqlite", "--check_date", day)


def test_a_campaign_that_loses_its_parameters_is_an_alarm_on_that_day(shop: Path) -> None:
    assert "paid_clicks" not in keys(judged(shop, date(2025, 3, 4)))
    found = judged(shop, STEP)
    (alarm,) = [alarm for alarm in found["alarms"] if alarm["key"] == "paid_clicks"]  # type: ignore[attr-defined]
    assert alarm["text"].startswith("Fewer paid clicks that led to a session") and alarm["severity"] == "P1"
    assert "google / cpc / brand" in alarm["segment"] + alarm["text"]
    sql = (
        "select sum(spend * (clicks - sessions) / clicks) from gold.click_sessions where date = ? and clicks > sessions"
    )
    ((lost,),) = query(shop / "warehouse.duckdb", sql, [STEP])
    assert alarm["at_stake"] == pytest.approx(lost)
    assert not {"campaigns", "sources"} & {*keys(found)}  # they follow from it


def test_part_1_and_part_4_agree_on_each_day(shop: Path) -> None:
    rows = quality_report(shop, shop / "out", "--contract", shop / "contract.yaml")
    failed = {row["file"] for row in failing(rows, "click_arrival_shift")}
    for day in (date(2025, 3, 3), date(2025, 3, 4), STEP, date(2025, 3, 6)):
        assert ("paid_clicks" in keys(judged(shop, day))) == (f"events_{day:%Y%m%d}.csv" in failed) == (day >= STEP)


def test_without_clicks_it_is_not_watched(shop: Path) -> None:
    contract = shop / "without.yaml"
    contract.write_text((shop / "contract.yaml").read_text("utf-8").replace(", clicks: clicks}", "}"), "utf-8")
    places = ("--data_dir", shop, "--contract", contract, "--warehouse", shop / "without.duckdb")
    assert call(transform, *places, "--quiet")[0] == 0
    found = report(*places, "--no_refresh", "--history", shop / "without.sqlite", "--check_date", STEP)
    assert "click_arrival" not in {metric["metric"] for metric in found["metrics"]}
    assert "paid_clicks" not in keys(found)
