"""The small days of shared/cases/attribution, each with what should come out."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from commands import REAL, SCHEMA, query
from journeys import contract
from warehouse_kit import build, rows

CASES = REAL.parent / "cases" / "attribution"
PLAIN = CASES / "plain_contract.yaml"
pytestmark = pytest.mark.skipif(not PLAIN.exists(), reason=f"NOT TESTED ON THE SHARED CASES: {CASES} does not exist")
MODELS = ["first_click", "last_click", "last_non_direct", "linear", "position_based", "time_decay"]


def built(case: str, folder: Path, chosen: Path = PLAIN) -> Path:
    """Return the warehouse of a case."""
    build(CASES / case, folder / f"{case}.duckdb", chosen)
    return folder / f"{case}.duckdb"


def ledger(case: str, folder: Path, chosen: Path = PLAIN) -> dict[str, tuple[int, Decimal]]:
    """Return the lines of a case's ledger that have an order on them."""
    found = rows(built(case, folder, chosen), "select line, orders, amount from gold.ledger where orders <> 0")
    return {row["line"]: (row["orders"], row["amount"]) for row in found}


def changed(path: Path, **settings: Any) -> Path:
    """Return the plain contract with other values of its custom properties, merged into its dictionaries."""
    document: dict[str, Any] = yaml.safe_load(PLAIN.read_text("utf-8"))
    for column in document["schema"][0]["properties"]:
        if column["name"] == "event_name":
            column["enum"] += [{"value": event["name"]} for event in settings.get("events", ())]
    for custom in document["customProperties"]:
        if custom["property"] == "events":  # the cases' orders may have a currency
            next(e for e in custom["value"] if e.get("role") == "order")["payload"].append({"name": "currency"})
        if given := settings.get(custom["property"]):
            custom["value"] = custom["value"] | given if isinstance(given, dict) else [*custom["value"], *given]
    path.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
    return path


def paths(warehouse: Path) -> dict[str, list[str]]:
    """Return the channels of each order's path in the healed reading, first to last."""
    found = query(
        warehouse,
        "select transaction_id, channel from silver.orders left join silver.order_touches using (order_id) "
        "where coalesce(reading, 'healed') = 'healed' order by transaction_id, position",
    )
    return {order: [c for o, c in found if o == order and c is not None] for order, _ in found}


def channels(warehouse: Path, transaction_id: str) -> dict[str, str]:
    """Return the channel that each model gives an order, in the healed reading."""
    found = query(
        warehouse,
        "select model, channel from gold.attribution where transaction_id = ? and reading = 'healed' and credit <> 0",
        [transaction_id],
    )
    return dict(found)


def test_later_pages_repeat_the_referrer_of_the_landing(tmp_path: Path) -> None:
    warehouse = built("stale_referrer", tmp_path)
    assert paths(warehouse) == {"ORD-20250301-1": ["Affiliates"], "ORD-20250301-2": ["Paid Search"]}
    assert channels(warehouse, "ORD-20250301-1") == dict.fromkeys(MODELS, "Affiliates")
    assert channels(warehouse, "ORD-20250301-2") == dict.fromkeys(MODELS, "Paid Search")


def test_later_pages_repeat_the_mail_app(tmp_path: Path) -> None:
    warehouse = built("stale_referrer_app", tmp_path)
    assert channels(warehouse, "ORD-20250301-1") == dict.fromkeys(MODELS, "Email")


def test_a_direct_visit_after_one_whose_pages_repeat_the_referrer(tmp_path: Path) -> None:
    warehouse = built("stale_referrer_two_visits", tmp_path)
    assert paths(warehouse) == {"ORD-20250303-1": ["Paid Search", "Direct"]}
    found = channels(warehouse, "ORD-20250303-1")
    assert (found["last_non_direct"], found["last_click"]) == ("Paid Search", "Direct")


def test_an_orders_own_confirmation_page(tmp_path: Path) -> None:
    warehouse = built("confirmation_page", tmp_path)
    assert paths(warehouse) == {"ORD-20250301-1": [], "ORD-20250301-2": []}
    reasons = query(warehouse, "select distinct reason from gold.unattributed where reading = 'healed'")
    assert reasons == [("window cut off",)]
    seen = "select distinct has_earlier_page_view, has_earlier_event from silver.orders order by all"
    assert query(warehouse, seen) == [(False, False), (False, True)]
    assert query(warehouse, "select distinct first_channel from silver.sessions") == [(None,)]
    assert query(warehouse, "select distinct channel from gold.channel_sessions") == [("Unattributed",)]


def test_a_placeholder_is_not_an_id(tmp_path: Path) -> None:
    warehouse = built("placeholder_id", tmp_path)
    assert query(warehouse, "select count(*), count(client_id), count(client_id_as_tracked) from silver.orders") == [
        (20, 0, 0)
    ]
    reasons = "select reading, reason, count(*) from gold.unattributed group by all order by all"
    assert query(warehouse, reasons) == [(r, "no id", 20) for r in ("as_tracked", "healed", "stitched")]
    assert query(warehouse, "from silver.sessions") == []


def test_lines_of_the_same_time_in_another_order(tmp_path: Path) -> None:
    warehouses = [built(case, tmp_path) for case in ("tie_a", "tie_b")]
    for table, columns in {
        "silver.sessions": "* exclude (session_id)", "gold.attribution": "* exclude (order_id, session_id, event_id)",
        "silver.events": "event, tie, touch_channel", "gold.daily_metrics": "*", "gold.funnel": "*",
        "silver.orders": "* exclude (order_id, session_id)",
    }.items():  # fmt: skip
        one, other = (query(w, f"select {columns} from {table} order by all") for w in warehouses)
        assert one == other and one, table
    assert query(warehouses[0], "select distinct first_event from silver.sessions") == [("page_view",)]


def test_a_refund_is_below_the_balance(tmp_path: Path) -> None:
    chosen = changed(tmp_path / "c.yaml", events=[{"name": "refund", "role": "refund"}])
    found = ledger("refund", tmp_path, chosen)
    assert found["refunds"] == (1, Decimal(-100))
    assert found["gross"] == (2, Decimal(0)) and found["negative"] == (-1, Decimal(100))
    assert found["counted"] == (1, Decimal(100))


def test_currencies_are_never_added(tmp_path: Path) -> None:
    chosen = changed(tmp_path / "c.yaml", order={"currency": "currency"})
    found = ledger("currencies", tmp_path, chosen)
    assert found["gross"] == (3, Decimal(100)) and found["counted"] == (1, Decimal(100))
    others = {line: row for line, row in found.items() if line.startswith("not counted: orders in ")}
    assert others == {
        "not counted: orders in JPY": (1, Decimal(150000)), "not counted: orders in CAD": (1, Decimal(100)),
    }  # fmt: skip


def test_a_session_that_begins_with_an_order(tmp_path: Path) -> None:
    warehouse = built("session_begins_with_an_order", tmp_path)
    assert paths(warehouse) == {"ORD-20250301-1": [], "ORD-20250302-1": ["Direct", "Email"]}


def test_hidden_subdomains_of_payment_providers(tmp_path: Path) -> None:
    warehouse = built("hashed_payment_subdomains", tmp_path, SCHEMA)
    found = paths(warehouse)
    assert len(found) == 19
    # the two that no list can know are referrals, and said to be
    assert sorted(path for path in found.values() if path != ["Paid Search"]) == [["Paid Search", "Referral"]] * 2
    hidden = "select cast(numerator as integer) from gold.headline_figures where figure = 'revenue of hidden hosts'"
    assert query(warehouse, hidden) == [(200,)]


def test_a_confirmation_page_that_is_loaded_again(tmp_path: Path) -> None:
    warehouse = built("reload", tmp_path)
    converting = "select count(*) from silver.sessions where reading = 'healed' and orders > 0"
    assert query(warehouse, converting) == [(1,)]
    assert query(warehouse, "select sum(conversions) from gold.channel_sessions where reading = 'healed'") == [(1,)]
    metric = (
        "select cast(sum(numerator) as integer) from gold.daily_metrics where metric = 'conversion' and segment = 'all'"
    )
    assert query(warehouse, metric) == [(1,)]
    assert query(warehouse, "select sum(orders) from gold.funnel where unit = 'session'") == [(1,)]


def test_a_negative_order_is_not_counted(tmp_path: Path) -> None:
    found = ledger("negative_order", tmp_path)
    assert found == {"gross": (1, Decimal(-100)), "negative": (-1, Decimal(100))}
    warehouse = tmp_path / "negative_order.duckdb"
    assert rows(warehouse, "select status, reason from silver.received_orders") == [
        {"status": "negative", "reason": "negative amount"}
    ]
    assert rows(warehouse, "from silver.orders") == []
    assert query(warehouse, "select sum(conversions) from gold.channel_sessions") == [(0,)]


def test_google_in_every_country(tmp_path: Path) -> None:
    warehouse = built("google_countries", tmp_path)
    found = query(warehouse, "select channel, source, medium, count(*) from silver.events group by all")
    assert found == [("Organic Search", "google", "organic", 188)]


@pytest.mark.parametrize("counts", ["both", "once"])
def test_one_purchase_under_two_ids_counts_as_the_contract_says(counts: str, tmp_path: Path) -> None:
    chosen = contract(PLAIN, tmp_path / "contract.yaml", possible_duplicates=counts)
    found = ledger("two_ids", tmp_path, chosen)
    gross, one = {"gross": (2, Decimal(200))}, (1, Decimal(100))
    if counts == "both":
        assert found == gross | {"counted": (2, Decimal(200)), "of counted: possible duplicates": one}
    else:
        assert found == gross | {"possible duplicates not counted": (-1, Decimal(-100)), "counted": one}
