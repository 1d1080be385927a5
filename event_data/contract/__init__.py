"""The contract (schema.yaml, ODCS 3.2.0): read once, refused once, and typed for every part."""

from event_data.contract.loading import load_contract
from event_data.contract.model import (
    EVENT_ROLES,
    ROLES,
    Anonymisation,
    Column,
    Constant,
    Contract,
    ContractError,
    Event,
    Field,
    First,
    Joined,
    Key,
    Limit,
    Order,
    Product,
    Rule,
    Severity,
    Value,
    host_regexp,
)  # fmt: skip

__all__ = [
    "EVENT_ROLES", "ROLES", "Anonymisation", "Column", "Constant", "Contract", "ContractError", "Event", "Field",
    "First", "Joined", "Key", "Limit", "Order", "Product", "Rule", "Severity", "Value", "host_regexp",
    "load_contract",
]  # fmt: skip
