"""Refunds are a note with their sum, whatever their sign; they are never subtracted from revenue."""

from pathlib import Path
from typing import Any

from command_kit import add, cells, contract, report
from synthetic_events import generate

CLIENT, PAGE, AT = "1740268798-abcdefghijkl", "https://puffy.com/", "2025-03-01T10:00:00Z"


def with_refunds(document: dict[str, Any], columns: dict[str, Any], custom: dict[str, Any]) -> None:
    columns["event_name"]["enum"].append({"value": "order_refunded"})
    keys = [{"name": "revenue", "logicalType": "number"}, {"name": "transaction_id"}]
    custom["events"]["value"].append({"name": "order_refunded", "role": "refund", "payload": keys})


def test_refunds_are_summed(tmp_path: Path) -> None:
    (tmp_path / "days").mkdir()
    (path,) = generate(tmp_path / "days", days=1, events_per_day=50, incidents=False)
    for amount in (120.5, -79.5):
        payload = f'{{"transaction_id": "ORD-20250301-7", "revenue": {amount}}}'
        add(path, cells(CLIENT, PAGE, "", AT, "order_refunded", payload, "Mozilla/5.0 (X11; Linux x86_64)"))
    found = report(tmp_path / "days", tmp_path, "--contract", contract(tmp_path, with_refunds))
    (note,) = [row for row in found if row["check"] == "refunds" and row["status"] == "fail"]
    assert (note["severity"], note["failed"], note["revenue_at_stake"]) == ("P3", "2", "200.00")
    assert note["column"] == "order_refunded.revenue"
