"""The contract (schema.yaml, ODCS 3.2.0), read and checked in one place for every part."""

from event_data.contract.loading import load_contract
from event_data.contract.model import (
    ROLES,
    Column,
    Contract,
    ContractError,
    Event,
    Limit,
    Order,
    Rule,
    Severity,
    host_regexp,
)

__all__ = [
    "ROLES", "Column", "Contract", "ContractError", "Event", "Limit", "Order", "Rule", "Severity", "host_regexp",
    "load_contract",
]  # fmt: skip
