"""The classification of order events in SQL, filled in from the contract; orders.sql has the definitions."""

import re
from pathlib import Path

_SQL = re.sub(r"\A(--.*\n)+", "", Path(__file__).with_suffix(".sql").read_text("utf-8")).strip()


def classify_orders(
    duplicates: str = "resubmission",
    possible_duplicates: str = "both",
    has_transaction_id: bool = True,
    has_amount: bool = True,
) -> str:
    """Return the select that classifies the rows of `order_events`.

    duplicates: `transaction_id` where the id alone decides which events are one order.
    possible_duplicates: `once` where an order counts once that has the checkout, customer and amount of another.
    has_transaction_id, has_amount: whether the contract maps them; an order without one is quarantined where it does.
    """
    return _SQL.format(
        by_id_alone=str(duplicates == "transaction_id").lower(),
        counts_once=str(possible_duplicates == "once").lower(),
        has_transaction_id=str(has_transaction_id).lower(),
        has_amount=str(has_amount).lower(),
    )
