"""Fill in the checks of row_checks.sql from a contract: one for each column that they apply to."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from event_data.contract import ROLES, Column, Contract
from event_data.contract.roles import columns_of
from event_data.events import NO_EVIDENCE, PLACEHOLDERS
from event_data.sql import literal, values
from quality import contract_sql as sql_text
from quality.definitions import ROW_CHECKS, Comparison, Definition

# The names that the roles' columns have in `raw`.
RAW_NAMES = {role: role for role in ROLES} | {"time": "time_text"}
# Those that `raw` has even if the contract does not map them.
ALWAYS = frozenset(("client", "session", "time_text", "event", "page", "referrer", "payload", "user_agent"))
UUID = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
SQL_TYPES = {"integer": "bigint", "number": "double", "boolean": "boolean", "date": "date"}


@dataclass(frozen=True)
class RowCheck:
    """A row check of one column, as SQL over the events as received; `filter` says which events are checked."""

    definition: Definition
    column: str
    raw_name: str  # of the column in `raw`
    role: str | None  # of the column
    filter: str
    condition: str
    example: str

    @property
    def is_shift(self) -> bool:
        """Return whether a share is compared with the past: then all events are counted, failed or not."""
        return self.definition.threshold.comparison is Comparison.SHIFT


def raw_names(contract: Contract) -> dict[str, str]:
    """Return the name in `raw` of each of the contract's columns."""
    role_of = {name: role for role, name in contract.roles.items()}
    return {
        c.name: RAW_NAMES[role_of[c.name]] if c.name in role_of else f"other_{i}"
        for i, c in enumerate(contract.columns)
    }


def number_of(name: str, contract: Contract) -> int:
    """Return the place of a column in the contract, by which `marks` names it."""
    return [column.name for column in contract.columns].index(name)


def expand(contract: Contract) -> list[RowCheck]:
    """Return each row check for each column that it applies to."""
    return [check for d in ROW_CHECKS for column in contract.columns for check in _of_column(d, column, contract)]


def _of_column(definition: Definition, column: Column, contract: Contract) -> Iterator[RowCheck]:
    role = contract.role_of(column.name)
    if definition.applies_to not in _kinds(column, role, contract):
        return
    filled = _filled(column, role, contract)
    checked, fails = definition.filter.format(**filled), definition.sql.format(**filled)
    if definition.threshold.comparison is not Comparison.SHIFT:
        # A header line fails only its own check.
        events = [sql for sql in ("not is_header", checked) if sql != "true"]
        if definition.check == "header_repeated":
            events = []
        fails = f"coalesce({fails}, false)"
        # DuckDB evaluates both sides of an `and` in a select, but a case only where it must.
        fails = f"case when {' and '.join(events)} then {fails} else false end" if events else fails
    elif checked != "true":
        fails = f"case when {checked} then coalesce({fails}, false) else false end"
    example = definition.example or "left({column}, 40)"
    yield RowCheck(
        definition, column.name, filled["column"], role, checked, fails,
        "null" if example == "none" else example.format(**filled),
    )  # fmt: skip


def _kinds(column: Column, role: str | None, contract: Contract) -> set[str]:
    """Return the words after `applies_to` in row_checks.sql that stand for this column."""
    # A missing order value has its own check.
    feeds_order = column.name in set(columns_of(contract.derived.get(contract.roles.get("payload", ""))))
    is_text = role is None and column.logical_type == "string" and not feeds_order
    kinds = {
        role: role is not None,
        "every": column.name not in contract.derived,
        "renamed": len(column.names) > 1,
        "column": role != "payload",  # its null share depends only on the mix of events
        "required": column.required,
        "identifier": role in ("client", "user_agent") or is_text,
        "utc": role == "time" and contract.time_zone == "UTC" and column.format is not None,
        "campaign": role in ("page", "source", "medium", "campaign"),
        "unquoted": role in ("client", "page", "referrer", "event"),
        "free_text": role in ("client", "page", "referrer", "payload")
        or is_text,  # crawlers put their address into the user agent
        "url_or_payload": role in ("page", "referrer", "payload"),
        "anonymised": role in ("page", "referrer") and contract.hides_values,
        "hidden_host": role == "referrer" and sql_text.known_hosts(contract) is not None,
        "limited": column.max_length is not None,
        "pattern": column.pattern is not None,
        "allowed": bool(_allowed(column, role, contract)),
        "typed": role is None and column.logical_type in SQL_TYPES,
        "bounded": column.minimum is not None or column.maximum is not None,
    }
    return {kind for kind, holds in kinds.items() if kind and holds}


def _allowed(column: Column, role: str | None, contract: Contract) -> tuple[str, ...]:
    if role == "event" and contract.events:
        return tuple(name for e in contract.events for name in e.names)
    return column.allowed


def _filled(column: Column, role: str | None, contract: Contract) -> dict[str, str]:
    """Return the value of each placeholder in row_checks.sql for this column."""
    with_payload = [e for e in contract.events if e.payload]
    return {
        "column": raw_names(contract)[column.name],
        "number": str(number_of(column.name, contract)),
        "pattern": literal(column.pattern),
        "allowed": values(_allowed(column, role, contract)),
        "type": SQL_TYPES.get(column.logical_type, "varchar"),
        "minimum": literal("-infinity" if column.minimum is None else column.minimum),
        "maximum": literal("infinity" if column.maximum is None else column.maximum),
        "max_length": str(column.max_length),
        "known_hosts": literal(sql_text.known_hosts(contract)),
        "synonyms": values(tuple(name for e in contract.events for name in e.synonyms)),
        "payload_events": values(tuple(n for e in with_payload for n in e.names)),
        "words_for_nothing": values(PLACEHOLDERS),
        "no_evidence": values((*NO_EVIDENCE, "$direct")),  # PostHog's word for none
        "identifiers": literal(_identifiers(contract)),
        "email": literal(sql_text.EMAIL),
        "phone": literal(sql_text.PHONE),
        "digits": literal(sql_text.DIGITS),
        "no_number": literal(sql_text.NO_NUMBER),
        "unfilled": literal(sql_text.UNFILLED_PARAMETER if role == "page" else sql_text.UNFILLED),
    }


def _identifiers(contract: Contract) -> str:
    """Return the pattern of texts in a payload or URL that are no card numbers: UUIDs, and keys with a pattern."""
    keys = {key.name.rpartition(".")[2] for event in contract.events for key in event.payload if key.pattern}
    named = [rf'"{re.escape(key)}" ?: ?"[^"]*"' for key in sorted(keys)]
    return "|".join([UUID, *named])
