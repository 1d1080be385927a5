"""Test that parts 2 to 4 leave out what needs a role that a shop lacks, on synthetic days and hand-made facts."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from analysis.charts.style import source_line
from analysis.command import remove_stale
from analysis.findings import evidence, funnel
from analysis.incidents import Incident, Quality, stake_of
from analysis_kit import day, gold
from commands import MONITOR, SCHEMA
from monitoring.alarms import GREEN, DayReport
from monitoring.applicability import for_shop
from monitoring.console_report import headline
from monitoring.detection import judge
from monitoring.metrics import Facts, Refusal
from monitoring.thresholds import load_thresholds
from roles_kit import ShopRun, run_shop
from shops import healthy
from synthetic_events import generate

from event_data.contract import load_contract
from event_data.contract.model import Schedule
from event_data.ledger import applies, currency_of
from event_data.money import Currency
from event_data.shop_roles import ALL_ROLES, ShopRoles

CONTRACT = load_contract(SCHEMA)
THRESHOLDS = load_thresholds(MONITOR.with_name("thresholds.yaml"))
DAY = date(2025, 3, 4)
TEXT = """
apiVersion: v3.2.0
kind: DataContract
id: few_roles
version: 1.0.0
status: active
schema:
  - name: events
    physicalName: events_%Y%m%d.csv
    properties: [{name: client_id}, {name: timestamp}, {name: event_name}]
customProperties:
  - property: columnRoles
    value: {client: client_id, time: timestamp, event: event_name}
  - property: events
    value:
      - {name: checkout_completed, role: order}
      - {name: product_added_to_cart, role: cart}
      - {name: page_viewed}
      - {name: checkout_started}
      - {name: email_filled_on_popup}
"""


@pytest.fixture(scope="module")
def few_roles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopRun]:
    """Run a shop whose files have an id, a time and the kind of event, and nothing else."""
    folder = tmp_path_factory.mktemp("few_roles")
    for path in generate(folder / "data", days=7, events_per_day=800, incidents=False):
        with path.open(encoding="utf-8", newline="") as file:
            rows = [[row["client_id"], row["timestamp"], row["event_name"]] for row in csv.DictReader(file)]
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["client_id", "timestamp", "event_name"], *rows])
    (folder / "contract.yaml").write_text(TEXT.lstrip(), encoding="utf-8")
    yield run_shop(folder / "data", folder / "contract.yaml", folder / "out")


def test_a_shop_of_three_columns(few_roles: ShopRun) -> None:
    assert few_roles.wrong_words() == {}
    assert few_roles.pictures == {"funnel_sankey.png", "orders_trend.png", "daily_volume_anomaly.png"}
    assert "of sessions end in an order" in few_roles.summary and "orders were counted" in few_roles.summary
    assert "As tracked" in few_roles.summary  # the share of sessions is a reported figure
    assert not few_roles.alarms & {"zero_revenue", "sources", "pages", "browsers", "attribution", "order_payload"}
    assert few_roles.metrics == {
        "unreadable_share", "unusable_share", "repeated_share", "records", "outside_day_share", "unknown_event_share",
        "client_id_missing_share", "client_placeholder_share", "client_id_missing_share_as_tracked",
        "event_twice_share", "sessions", "visitors", "carts", "orders", "conversion",
    }  # fmt: skip


def test_the_roles_of_this_shop_are_all_but_a_few() -> None:
    roles = ShopRoles.of(CONTRACT)
    assert roles == ShopRoles.from_json(roles.to_json())
    assert roles.names <= ALL_ROLES.names
    # It maps no currency, and has no books.
    of_others = ("other_currency_share", "tracking_coverage", "click_arrival")
    metrics = tuple(m for m in THRESHOLDS.metrics if m.name not in of_others)
    segments = tuple(m for m in THRESHOLDS.segments if m.of not in of_others)
    assert for_shop(THRESHOLDS, CONTRACT, roles) == replace(THRESHOLDS, metrics=metrics, segments=segments)
    assert roles.steps == ("page_view", "cart", "checkout", "order")


def test_a_shop_of_orders_only_has_no_visits() -> None:
    roles = ShopRoles(frozenset(["client", "time", "event", "amount", "event:order"]))
    assert (roles.has_visits, roles.has_funnel, roles.has_channels, roles.has_amount) == (False, False, False, True)
    named = {metric.name for metric in for_shop(THRESHOLDS, CONTRACT, roles).metrics}
    assert {"orders", "order_amount", "records"} <= named
    assert not named & {"sessions", "visitors", "conversion", "page_views", "direct_order_share"}


def test_a_role_that_is_mapped_and_never_filled_keeps_its_metrics() -> None:
    roles = ShopRoles(frozenset(["client", "time", "event", "referrer", "event:order", "event:page_view"]))
    assert "referrer_missing_share" in {m.name for m in for_shop(THRESHOLDS, CONTRACT, roles).metrics}


def test_steps_of_a_runbook_name_only_what_the_shop_has() -> None:
    roles = ShopRoles(frozenset(["client", "time", "event", "event:order", "event:other"]))
    runbooks = for_shop(THRESHOLDS, CONTRACT, roles).runbooks
    words = " ".join(step for steps in runbooks.values() for step in steps).lower()
    for word in ("revenue", "amount", "channel", "campaign", "referrer", "browser", "crawler", "page views", "cart"):
        assert f" {word}" not in words, word
    assert "Have the tag or the export corrected, and the day exported again." in runbooks["records_refused"]


def test_the_ledgers_lines_have_their_own_currency() -> None:
    euro = Currency("€", "EUR")
    assert currency_of("not counted: orders in JPY", euro).exact(Decimal("1234.5")) == "JPY 1,234.50"
    assert currency_of("counted", euro) == euro
    bare = ShopRoles(frozenset(["client", "time", "event", "event:order"]))
    assert applies("counted", 0, bare) and not applies("resubmissions", 0, bare) and applies("resubmissions", 1, bare)


def report_of(facts: Facts, schedule: Schedule) -> DayReport:
    return judge(facts, replace(CONTRACT, schedule=schedule), THRESHOLDS)[-1]


def test_a_day_without_a_file_is_an_alarm_only_if_one_is_due() -> None:
    facts = healthy(5, 14, CONTRACT)
    facts.files.pop(facts.last)
    for by_day in facts.values.values():
        by_day.pop(facts.last, None)
    assert [a.key for a in report_of(facts, Schedule()).alarms] == ["no_file"]
    for schedule in (
        Schedule(weekdays=(facts.last.weekday(),)), Schedule(dates=(facts.last,)), Schedule(quiet_days=True),
    ):  # fmt: skip
        report = report_of(facts, schedule)
        assert (report.status, report.alarms, report.verdicts) == (GREEN, [], [])
        assert headline(report) == f"GREEN  {facts.last}: no problems found; no file is due."


def test_quiet_days_are_days_of_zero_in_the_history() -> None:
    facts = healthy(5, 14, CONTRACT)
    quiet = facts.last - timedelta(days=3)
    facts.files.pop(quiet)
    facts.values["records"].pop(quiet)
    assert facts.value("records", quiet, "count") is None
    facts.has_quiet_days = True
    assert facts.value("records", quiet, "count") == (0.0, None)


def test_refused_orders_without_amounts_are_counted_only() -> None:
    facts = healthy(5, 14, CONTRACT)
    facts.roles = ShopRoles(facts.roles.names - {"amount"})
    facts.received[facts.last] = (20, Decimal(0))
    facts.refusals[facts.last] = [Refusal("no transaction id", 3, Decimal(0), True)]
    (alarm,) = report_of(facts, Schedule()).alarms
    assert alarm.text == "3 of 20 orders are refused or quarantined and not counted. Why: no transaction id: 3."


def test_no_revenue_is_not_an_alarm_where_orders_have_no_amount() -> None:
    facts = healthy(5, 14, CONTRACT)
    facts.values["revenue"] = dict.fromkeys(facts.days, (0.0, None))
    assert "zero_revenue" in [a.key for a in report_of(facts, Schedule()).alarms]
    facts.roles = ShopRoles(facts.roles.names - {"amount"})
    assert "zero_revenue" not in [a.key for a in report_of(facts, Schedule()).alarms]


def test_steps_that_a_shop_does_not_record_are_not_missing() -> None:
    rows = [
        (False, True, False, True, 3), (False, True, False, False, 5), (False, False, False, True, 1),
        (True, False, False, False, 2),
    ]  # fmt: skip
    found = funnel(gold(visitors=rows, roles=ShopRoles(frozenset(["event:cart", "event:order"]))))
    assert (found.steps, found.reached, found.recorded) == (("cart", "order"), (9, 4), (8, 4))
    assert (found.buyers, found.gaps) == (4, 1)


def test_missing_days_are_those_whose_file_is_due() -> None:
    days = [day(DAY + timedelta(n)) for n in (0, 1, 4)]
    closed = Schedule(weekdays=((DAY + timedelta(2)).weekday(),))
    assert gold(days=days).missing_days == [DAY + timedelta(2), DAY + timedelta(3)]
    assert gold(days=days, schedule=closed).missing_days == [DAY + timedelta(3)]


def test_a_file_of_many_days_is_one_source() -> None:
    days = [DAY + timedelta(n) for n in range(3)]
    files = [(f"all.csv of {of}", of, "") for of in days]
    assert source_line(gold(files=files, days=list(map(day, days)))) == "Source: all.csv, 3 days."


def test_orders_stand_in_for_revenue_where_they_have_no_amount() -> None:
    roles, unsourced = ShopRoles(ALL_ROLES.names - {"amount"}), [("healed", "direct only", 0.0, 8)]
    shop = gold(ledger=[("counted", 51, 0.0)], roles=roles, unsourced=unsourced)
    assert (shop.sales, shop.sold, evidence(shop, "healed")["direct only"]) == ("orders", 51, 8)


def incident(since: date, stake: Decimal | None = None, column: str = "events") -> Incident:
    return Incident("P1", "event_volume", column, since, None, None, stake, "m", "Do this. Then that.", {}, {
        since: stake,
    } if stake else {})  # fmt: skip


def test_equal_actions_are_grouped() -> None:
    first, second = incident(DAY, Decimal(5)), incident(DAY + timedelta(1), Decimal(7))
    other = incident(DAY, None, "rows")
    groups = Quality(True, (first, other, second)).actions
    assert groups == [[first, second], [other]]
    assert (stake_of(groups[0]), stake_of(groups[1])) == (Decimal(12), None)


def test_only_pictures_of_an_earlier_run_are_removed(tmp_path: Path) -> None:
    names = ["device_cvr.png", "funnel_sankey.png"]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    assert remove_stale(tmp_path, names) == []
    summary = tmp_path / "executive_summary.md"
    summary.write_text("# Executive summary, 1 Mar\n\n- [Conversion](device_cvr.png)\n", encoding="utf-8")
    assert remove_stale(tmp_path, names) == [tmp_path / "device_cvr.png"]
    assert [path.name for path in tmp_path.glob("*.png")] == ["funnel_sankey.png"]


def test_a_shop_without_orders(tmp_path: Path) -> None:
    for path in generate(tmp_path / "data", days=6, events_per_day=300, incidents=False):
        with path.open(encoding="utf-8", newline="") as file:
            rows = [[row["client_id"], row["timestamp"], row["event_name"]] for row in csv.DictReader(file)]
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["client_id", "timestamp", "event_name"], *rows])
    contract = TEXT.replace("{name: checkout_completed, role: order}", "{name: checkout_completed}")
    (tmp_path / "contract.yaml").write_text(contract.lstrip(), encoding="utf-8")
    run = run_shop(tmp_path / "data", tmp_path / "contract.yaml", tmp_path / "out")
    assert run.pictures == {"daily_volume_anomaly.png"}
    assert "order" not in run.summary.lower() and "orders" not in run.page.lower()
    assert {"orders", "conversion"}.isdisjoint(run.metrics) and "sessions" in run.metrics
