"""The SQL that classifies order events, filled in from the contract; orders.sql has the definitions."""

import re
from pathlib import Path

from event_data.contract import Contract
from event_data.events import NO_AMOUNT, NO_TRANSACTION_ID, OTHER_CURRENCY
from event_data.sql import literal

_SQL = re.sub(r"\A(--.*\n)+", "", Path(__file__).with_suffix(".sql").read_text("utf-8")).strip()


def classify_orders(contract: Contract) -> str:
    """Return the select that classifies the rows of `order_events` by the contract's rules."""
    order = contract.order
    conditions = {
        "has_transaction_id": "transaction_id" in contract.values,
        "has_amount": "amount" in contract.values,
        "by_id_alone": order is not None and order.duplicates == "transaction_id",
        "rows_are_lines": order is not None and bool(order.key),
        "counts_once": order is not None and order.possible_duplicates == "once",
    }
    reasons = {"no_transaction_id": literal(NO_TRANSACTION_ID), "no_amount": literal(NO_AMOUNT)}
    reasons["other_currency"] = literal(OTHER_CURRENCY)
    return _SQL.format(**reasons, **{name: str(holds).lower() for name, holds in conditions.items()})
