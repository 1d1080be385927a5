"""The checks of row_checks.sql, made ready for a contract: one for each column that they apply to."""

from collections.abc import Iterator
from dataclasses import dataclass

import sql_text
from contract import Column, Contract
from definitions import ROW_CHECKS, Definition

# The names that the roles' columns have in `raw`.
RAW_NAMES = {
    "client": "client",
    "page": "page",
    "referrer": "referrer",
    "time": "time_text",
    "event": "event",
    "payload": "payload",
    "user_agent": "user_agent",
}
SQL_TYPES = {"integer": "bigint", "number": "double", "boolean": "boolean", "date": "date"}


@dataclass(frozen=True)
class RowCheck:
    """A row check of one column, as SQL over `raw`: `applies` and `condition` are never null."""

    definition: Definition
    column: str
    applies: str
    condition: str
    example: str


def raw_names(contract: Contract) -> dict[str, str]:
    """The name in `raw` of each of the contract's columns."""
    role_of = {name: role for role, name in contract.roles.items()}
    return {
        c.name: RAW_NAMES[role_of[c.name]] if c.name in role_of else f"other_{i}"
        for i, c in enumerate(contract.columns)
    }


def expand(contract: Contract) -> list[RowCheck]:
    """Every row check of every column it looks at."""
    return [check for d in ROW_CHECKS for column in contract.columns for check in _of_column(d, column, contract)]


def _of_column(definition: Definition, column: Column, contract: Contract) -> Iterator[RowCheck]:
    role = next((r for r, name in contract.roles.items() if name == column.name), None)
    if definition.each not in _kinds(column, role, contract):
        return
    filled = _filled(column, role, contract)
    applies, suspect, fails = (t.format(**filled) for t in (definition.applies, definition.suspect, definition.sql))
    if definition.check != "header_repeated":  # a header line fails its own check and no other
        applies = f"({applies}) and not is_header"
    example = definition.example or "left({column}, 40)"
    yield RowCheck(
        definition,
        column.name,
        f"coalesce({applies}, false)",
        # DuckDB evaluates both sides of an `and` in a select, but a case only where it must.
        f"case when {applies} then case when {suspect} then coalesce({fails}, false) else false end else false end",
        "null" if example == "none" else example.format(**filled),
    )


def _kinds(column: Column, role: str | None, contract: Contract) -> set[str]:
    """The words after `each` in row_checks.sql that this column answers to."""
    is_text = role is None and column.logical_type == "string"
    anonymised = contract.anonymisation is not None and contract.anonymisation.query_value is not None
    kinds = {
        role: role is not None,
        "column": role != "payload",  # its null share only follows the mix of events
        "required": column.required,
        "identifier": role in ("client", "user_agent") or is_text,
        "plain": role in ("client", "page", "referrer", "event"),
        "free": role in ("client", "page", "referrer", "payload") or is_text,  # crawlers sign their user agent
        "url": role in ("page", "referrer"),
        "url_or_payload": role in ("page", "referrer", "payload"),
        "anonymised": role in ("page", "referrer") and anonymised,
        "pattern": column.pattern is not None and role != "time",
        "allowed": bool(_allowed(column, role, contract)),
        "typed": role is None and column.logical_type in SQL_TYPES,
        "bounded": column.minimum is not None or column.maximum is not None,
    }
    return {kind for kind, holds in kinds.items() if kind and holds}


def _allowed(column: Column, role: str | None, contract: Contract) -> tuple[str, ...]:
    if role == "event" and contract.events:
        return tuple(name for e in contract.events for name in (e.name, *e.synonyms))
    return column.allowed


def _filled(column: Column, role: str | None, contract: Contract) -> dict[str, str]:
    """What the placeholders of row_checks.sql stand for, for this column."""
    with_payload = [e for e in contract.events if e.payload]
    return {
        "column": raw_names(contract)[column.name],
        "pattern": sql_text.literal(column.pattern),
        "allowed": sql_text.values(_allowed(column, role, contract)),
        "type": SQL_TYPES.get(column.logical_type, "varchar"),
        "minimum": sql_text.literal("-infinity" if column.minimum is None else column.minimum),
        "maximum": sql_text.literal("infinity" if column.maximum is None else column.maximum),
        "synonyms": sql_text.values(tuple(name for e in contract.events for name in e.synonyms)),
        "payload_events": sql_text.values(tuple(n for e in with_payload for n in (e.name, *e.synonyms))),
        "email": sql_text.literal(sql_text.EMAIL),
        "phone": sql_text.literal(sql_text.PHONE),
        "digits": sql_text.literal(sql_text.DIGITS),
        "not_clean": f"not {role}_clean" if role in ("page", "referrer") else "true",
    }
