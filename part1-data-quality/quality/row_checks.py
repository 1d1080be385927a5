"""The checks of row_checks.sql, made ready for a contract: one for each column that they apply to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import duckdb

from event_data.contract import Column, Contract
from event_data.events import PLACEHOLDERS
from event_data.sql import literal, values
from quality import contract_sql as sql_text
from quality.definitions import PASS, ROW_CHECKS, Comparison, Definition, Measure

if TYPE_CHECKING:
    from quality.prefilter import Prefilter

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


def expand(contract: Contract) -> list[RowCheck]:
    """Return every row check of every column it looks at."""
    return [check for d in ROW_CHECKS for column in contract.columns for check in _of_column(d, column, contract)]


def _of_column(definition: Definition, column: Column, contract: Contract) -> Iterator[RowCheck]:
    role = contract.role_of(column.name)
    if definition.applies_to not in _kinds(column, role, contract):
        return
    filled = _filled(column, role, contract)
    checked, fails = definition.filter.format(**filled), definition.sql.format(**filled)
    if definition.threshold.comparison is not Comparison.SHIFT:
        # A header line fails its own check and no other.
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
    is_text = role is None and column.logical_type == "string"
    kinds = {
        role: role is not None,
        "column": role != "payload",  # its null share only follows the mix of events
        "required": column.required,
        "identifier": role in ("client", "user_agent") or is_text,
        "utc": role == "time" and contract.time_zone == "UTC",
        "unquoted": role in ("client", "page", "referrer", "event"),
        "free_text": role in ("client", "page", "referrer", "payload") or is_text,  # crawlers sign their user agent
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
        return tuple(name for e in contract.events for name in (e.name, *e.synonyms))
    return column.allowed


def _filled(column: Column, role: str | None, contract: Contract) -> dict[str, str]:
    """Return what the placeholders of row_checks.sql stand for, for this column."""
    with_payload = [e for e in contract.events if e.payload]
    return {
        "column": raw_names(contract)[column.name],
        "pattern": literal(column.pattern),
        "allowed": values(_allowed(column, role, contract)),
        "type": SQL_TYPES.get(column.logical_type, "varchar"),
        "minimum": literal("-infinity" if column.minimum is None else column.minimum),
        "maximum": literal("infinity" if column.maximum is None else column.maximum),
        "max_length": str(column.max_length),
        "known_hosts": literal(sql_text.known_hosts(contract)),
        "synonyms": values(tuple(name for e in contract.events for name in e.synonyms)),
        "payload_events": values(tuple(n for e in with_payload for n in (e.name, *e.synonyms))),
        "words_for_nothing": values(PLACEHOLDERS),
        "email": literal(sql_text.EMAIL),
        "phone": literal(sql_text.PHONE),
        "digits": literal(sql_text.DIGITS),
    }


def run(
    connection: duckdb.DuckDBPyConnection,
    checks: Sequence[RowCheck],
    tallies: Mapping[int, dict[str, int]],
    prefilter: "Prefilter",
) -> dict[str, list[Measure]]:
    """Return how often each check failed, by its name.

    `tallies` holds, by file number, how many of its events meet each `filter`, and each condition of a share
    that may shift. Those that the prefilter knows of the clean events are counted and added here.
    """
    strict = [c for c in checks if not c.is_shift]
    known = prefilter.known
    conditions = {c: prefilter.guarded(c) for c in strict}
    tests = {c: prefilter.covering_test(c) for c in strict}
    failures = [
        f"case when {tests[c]}_in_order then false else {sql} end" if tests[c] else sql for c, sql in conditions.items()
    ]
    sql = PASS["failed"].format(
        address_tests="".join(f", {sql} as {role}_in_order" for role, sql in prefilter.address_tests.items()),
        failures="".join(f", {sql} as f{i}" for i, sql in enumerate(failures)),
        counted="".join(f", count(*) filter ({sql})" for sql in [*known, *(f"f{i}" for i in range(len(strict)))]),
    )
    counted = {n: counts for n, *counts in connection.execute(sql).fetchall()}
    failed: dict[tuple[int, RowCheck], int] = {}
    for n, tally in tallies.items():
        candidates, *counts = counted.get(n, [0] * (1 + len(known) + len(strict)))
        for (condition, holds), count in zip(known.items(), counts, strict=False):
            tally[condition] = count + (tally["true"] - candidates if holds else 0)
        failed |= {(n, check): count for check, count in zip(strict, counts[len(known) :], strict=True)}
    measures: dict[str, list[Measure]] = {}
    for check in checks:
        found = {n: failed.get((n, check), tally.get(check.condition, 0)) for n, tally in tallies.items()}
        # Where a share shifts there is no first bad event to show.
        details = _details(connection, check, conditions[check]) if check in conditions and any(found.values()) else {}
        measures.setdefault(check.definition.check, []).extend(
            replace(details.get(n, Measure(n, check.column, 0, 0)), checked=tally[check.filter], failed=found[n])
            for n, tally in tallies.items()
        )
    return measures


def _details(connection: duckdb.DuckDBPyConnection, check: RowCheck, condition: str) -> dict[int, Measure]:
    """Return where a check failed and what that affects; the page tells where, for events that lack something."""
    places = {}
    if check.example == "null":
        found = connection.execute(PASS["places"].format(condition=condition)).fetchall()
        places = {n: (place, events) for n, place, events in found}
    details = {}
    sql = PASS["details"].format(condition=condition, example=check.example)
    for n, orders, revenue, record, example in connection.execute(sql).fetchall():
        at_stake = check.definition.impact == "orders" and orders > 0
        details[n] = Measure(
            n, check.column, 0, 0, orders if at_stake else None, revenue if at_stake else None, record,
            example=example, place=places.get(n),
        )  # fmt: skip
    return details
