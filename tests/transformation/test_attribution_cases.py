"""The small days of shared/cases/attribution, each with what should come out."""

from decimal import Decimal
from pathlib import Path

import pytest
from journeys import contract
from warehouse_kit import build, rows

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "attribution"
PLAIN = CASES / "plain_contract.yaml"
pytestmark = pytest.mark.skipif(not PLAIN.exists(), reason=f"NOT TESTED ON THE SHARED CASES: {CASES} does not exist")
LATER = (
    "stale_referrer stale_referrer_app stale_referrer_two_visits confirmation_page placeholder_id tie_a refund"
    " currencies session_begins_with_an_order hashed_payment_subdomains reload google_countries"
)


def ledger(case: str, warehouse: Path, chosen: Path = PLAIN) -> dict[str, tuple[int, Decimal]]:
    """The lines of a case's ledger that have an order on them."""
    build(CASES / case, warehouse, chosen)
    found = rows(warehouse, "select line, orders, amount from gold.ledger where orders <> 0")
    return {row["line"]: (row["orders"], row["amount"]) for row in found}


def test_a_negative_order_is_not_counted(tmp_path: Path) -> None:
    warehouse = tmp_path / "w.duckdb"
    assert ledger("negative_order", warehouse) == {"gross": (1, Decimal(-100)), "negative": (-1, Decimal(100))}
    assert rows(warehouse, "select status, reason from silver.received_orders") == [
        {"status": "negative", "reason": "negative amount"}
    ]
    assert rows(warehouse, "from silver.orders") == []


@pytest.mark.parametrize("counts", ["both", "once"])
def test_one_purchase_under_two_ids_counts_as_the_contract_says(counts: str, tmp_path: Path) -> None:
    chosen = contract(PLAIN, tmp_path / "contract.yaml", possible_duplicates=counts)
    found = ledger("two_ids", tmp_path / "w.duckdb", chosen)
    gross, one = {"gross": (2, Decimal(200))}, (1, Decimal(100))
    if counts == "both":
        assert found == gross | {"counted": (2, Decimal(200)), "of counted: possible duplicates": one}
    else:
        assert found == gross | {"possible duplicates not counted": (-1, Decimal(-100)), "counted": one}


@pytest.mark.parametrize("case", LATER.split())
def test_cases_of_other_definitions(case: str) -> None:
    pytest.skip(f"NOT TESTED YET: the definition that {case} is about")
