"""A draft for another shop's export maps the roles to the same places as the contract that was written by hand."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from commands import SHOPS, needs_shops

from event_data.contract import Contract, load_contract
from event_data.contract.drafting import draft_contract
from event_data.contract.model import EVENT_ROLES, ORDER_ROLES, Constant, Field, Record

MOST_LINES = 5  # that a person has to change
# What the drafts have that the contracts written by hand do not have.
DIFFERENCES: dict[str, set[str]] = {
    "flat_revenue": set(),
    "rees46": set(),
    "ga4_leads": {"event signup"},
    "posthog": set(),
    "ga4_bigquery": set(),
    "clickstream": set(),
}
HARDER = {
    "amplitude": set(),
    "ndjson": set(),
    "two_currencies": set(),
    "ga4_items": set(),
    "invoice_lines": {"currency", "schedule"},
}


def folder_of(name: str, tmp_path: Path) -> Path:
    """Return a folder with the files of one shop."""
    if (SHOPS / name).is_dir():
        return SHOPS / name
    folder = tmp_path / name
    folder.mkdir()
    for path in SHOPS.glob(f"{name}.*"):
        shutil.copyfile(path, folder / path.name)
    return folder


def places_of(contract: Contract) -> dict[str, Any]:
    """Return where the values come from, by the line of a contract that says so."""
    values: dict[str, Any] = {role: Field(column) for role, column in contract.roles.items()}
    values = {role: contract.derived.get(field.column, field) for role, field in values.items()}
    payload = values.pop("payload", None)
    record = payload if isinstance(payload, Record) else Record((), (), payload)
    for role in ORDER_ROLES:
        field = contract.values.get(role)
        if role in dict(record.values):
            values[role] = dict(record.values)[role]
        elif isinstance(field, Field) and isinstance(record.base, Field) and field.path:
            values[role] = Field(record.base.column, (*record.base.path, *field.path))
    found = {role: "constant" if isinstance(value, Constant) else value for role, value in values.items()}
    order = contract.order
    found |= {f"line {part}": value for part, value in record.line}
    for role in EVENT_ROLES:
        event = contract.event_of(role)
        constant = isinstance(values["event"], Constant)
        found[f"event {role}"] = (constant or set(event.names)) if event else None
    return found | {
        "physicalName": contract.file_name,
        "order key": order.key if order and order.line_amount else None,
        "currency": contract.currency,
        "own hosts": contract.own_hosts,
        "time zone": contract.time_zone,
        "schedule": contract.schedule,
        "channels": {value: channel for value, channel in contract.channels.items() if value != channel.lower()},
    }


@needs_shops
@pytest.mark.parametrize("name", [*DIFFERENCES, *HARDER])
def test_a_draft_equals_the_contract_by_hand(name: str, tmp_path: Path) -> None:
    path = tmp_path / "draft.yaml"
    path.write_text(draft_contract(folder_of(name, tmp_path)), encoding="utf-8")
    drafted = places_of(load_contract(path))
    by_hand = places_of(load_contract(Path(__file__).with_name(f"{name}.yaml")))
    different = {
        key: (drafted.get(key), by_hand.get(key)) for key in drafted | by_hand if drafted.get(key) != by_hand.get(key)
    }
    assert set(different) == (DIFFERENCES | HARDER)[name], different
    assert len(different) <= MOST_LINES


@needs_shops
def test_a_draft_of_many_columns_and_nested_contexts(tmp_path: Path) -> None:
    draft = draft_contract(folder_of("snowplow_atomic", tmp_path))
    path = tmp_path / "draft.yaml"
    path.write_text(draft, encoding="utf-8")
    contract = load_contract(path)
    found = places_of(contract)
    assert found["time"] == Field("collector_tstamp") and found["client"] == Field("domain_userid")
    assert found["event order"] == {"transaction"} and contract.currency.code == "EUR"
    assert "# not found: source, medium" in draft
