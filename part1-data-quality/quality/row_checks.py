"""The checks of row_checks.sql, made ready for a contract: one for each column that they apply to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb

from event_data.contract import Column, Contract
from event_data.sql import literal, values
from quality import contract_sql as sql_text
from quality.definitions import PASS, ROW_CHECKS, Definition, Measure

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
# The kinds of check on which no harmless address fails.
OF_ADDRESSES = ("page", "referrer", "plain", "free", "url", "url_or_payload", "anonymised", "hidden_host")
SQL_TYPES = {"integer": "bigint", "number": "double", "boolean": "boolean", "date": "date"}


@dataclass(frozen=True)
class RowCheck:
    """A row check of one column, as SQL over the events as received: what it `applies` to, and what fails it."""

    definition: Definition
    column: str
    applies: str
    condition: str
    example: str
    spared: str  # what holds for many events, and for none that fails

    @property
    def fails(self) -> str:
        """The condition over the table `unsound`, where a header line fails its own check and no other."""
        return self.condition if self.definition.check == "header_repeated" else f"not is_header and {self.condition}"


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


def sound(contract: Contract, checks: list[RowCheck]) -> str:
    """A condition that holds only for events on which no check can fail, cheap for the many that are in order.

    One pattern stands for all the checks of a page, and an event with a payload is never called
    sound. A test holds it against every check, for it must never hold for too much.
    """
    names = tuple(e.name for e in contract.events)
    silent = tuple(e.name for e in contract.events if not e.payload)
    client = contract.column_of("client")
    pattern = client.pattern if client and client.pattern else None
    marks = () if pattern and sql_text.is_plain(pattern) else ("@", "%40", '"')
    quick = {
        "client": " and ".join(["strlen(client) >= 16", *(f"not contains(client, '{mark}')" for mark in marks)]),
        "time": "cast(event_at as date) = file_day"
        + (" and ends_with(time_text, 'Z')" if contract.time_zone == "UTC" else ""),
        "event": f"event in ({values(names)})" if names else "event is not null",
        "payload": f"payload is null and event in ({values(silent)})" if names else "payload is null",
        "user_agent": "strlen(user_agent) >= 16",
    }
    if "payload" in contract.roles and silent:
        del quick["event"]  # the payload's condition says as much
    used = [sql for role, sql in quick.items() if role in contract.roles]
    # Columns of the shop's own, and what the contract says of a role's column beyond its form.
    covered = {"value_pattern": ("client",), "value_invalid": ("event",)}
    for check in checks:
        role = next((r for r, name in contract.roles.items() if name == check.column), None)
        name = check.definition.check
        beyond = name in ("value_pattern", "value_invalid", "value_range", "value_length") and role not in covered.get(
            name, ()
        )
        if check.definition.threshold != "shift" and (role is None or beyond):
            used.append(f"not ({check.condition})")
    # RE2 costs 50 ns a call and 4 ns a byte.
    patterns = [f"regexp_full_match(client, {literal(pattern)})"] if pattern else []
    patterns += [f"harmless_page(page){' and harmless_referrer(referrer)' * ('referrer' in contract.roles)}"]
    return f"""case when {" and ".join(f"({sql})" for sql in used)}
        then coalesce({" and ".join(patterns)}, false) else false end"""


def settled(contract: Contract) -> dict[str, bool]:
    """Conditions that hold for every sound event, or for none, so that only the others need counting."""
    known = {f"{RAW_NAMES[role]} is null": role == "payload" for role in contract.roles if role != "referrer"}
    known |= {f"{RAW_NAMES[role]} is not null": role != "payload" for role in contract.roles if role != "referrer"}
    with_payload = tuple(n for e in contract.events if e.payload for n in (e.name, *e.synonyms))
    return known | {"event_at is not null": True, f"event in ({values(with_payload)})": False}


def plain_event(contract: Contract) -> str | None:
    """The event that is plain when it is sound: the view of a page."""
    event = contract.event_of("page_view")
    return event.name if event and not event.payload else None


def _of_column(definition: Definition, column: Column, contract: Contract) -> Iterator[RowCheck]:
    role = next((r for r, name in contract.roles.items() if name == column.name), None)
    if definition.each not in _kinds(column, role, contract):
        return
    filled = _filled(column, role, contract)
    applies, suspect, fails = (t.format(**filled) for t in (definition.applies, definition.suspect, definition.sql))
    if definition.threshold != "shift" or applies != "true":
        fails = f"coalesce({fails}, false)"
        # DuckDB evaluates both sides of an `and` in a select, but a case only where it must.
        for guard in (suspect, applies):
            fails = fails if guard == "true" else f"case when {guard} then {fails} else false end"
    example = definition.example or "left({column}, 40)"
    harmless = (
        f" or harmless_{role}({role})" if role in ("page", "referrer") and definition.each in OF_ADDRESSES else ""
    )
    yield RowCheck(
        definition,
        column.name,
        applies,
        fails,
        "null" if example == "none" else example.format(**filled),
        "false" if definition.check == "header_repeated" else f"is_header{harmless}",
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
        "utc": role == "time" and contract.time_zone == "UTC",
        "plain": role in ("client", "page", "referrer", "event"),
        "free": role in ("client", "page", "referrer", "payload") or is_text,  # crawlers sign their user agent
        "url": role in ("page", "referrer"),
        "url_or_payload": role in ("page", "referrer", "payload"),
        "anonymised": role in ("page", "referrer") and anonymised,
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
    """What the placeholders of row_checks.sql stand for, for this column."""
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
        "email": literal(sql_text.EMAIL),
        "phone": literal(sql_text.PHONE),
        "digits": literal(sql_text.DIGITS),
    }


def run(
    connection: duckdb.DuckDBPyConnection,
    checks: Sequence[RowCheck],
    tallies: Mapping[int, dict[str, int]],
    settled: Mapping[str, bool],
) -> dict[str, list[Measure]]:
    """Count each check's failures in the table `unsound`.

    `tallies` holds, by file number, how many of its events meet each `applies`, and each condition of a
    share that may shift. Those that are `settled` for the sound events are counted and added here.
    """
    strict = [c for c in checks if c.definition.threshold != "shift"]
    spared = sorted({c.spared for c in strict})
    sql = PASS["failed"].format(
        spared=", ".join(f"{sql} as spared_{i}" for i, sql in enumerate(spared)),
        tested=", ".join(
            f"case when spared_{spared.index(c.spared)} then false else {c.condition} end as f{i}"
            for i, c in enumerate(strict)
        ),
        counted=", ".join(f"count(*) filter (f{i})" for i in range(len(strict))),
        settled=", ".join(f"count(*) filter ({sql})" for sql in settled),
    )
    counted = {n: counts for n, *counts in connection.execute(sql).fetchall()}
    failed: dict[tuple[int, RowCheck], int] = {}
    for n, tally in tallies.items():
        unsound, *counts = counted.get(n, [0] * (1 + len(settled) + len(strict)))
        for (condition, holds), count in zip(settled.items(), counts, strict=False):
            tally[condition] = count + (tally["true"] - unsound if holds else 0)
        failed |= {(n, check): count for check, count in zip(strict, counts[len(settled) :], strict=True)}
    measures: dict[str, list[Measure]] = {}
    for check in checks:
        found = {n: failed.get((n, check), tally.get(check.condition, 0)) for n, tally in tallies.items()}
        # Where a share shifts there is no first bad event to show.
        details = _details(connection, check) if check in strict and any(found.values()) else {}
        measures.setdefault(check.definition.check, []).extend(
            replace(details.get(n, Measure(n, check.column, 0, 0)), checked=tally[check.applies], failed=found[n])
            for n, tally in tallies.items()
        )
    return measures


def _details(connection: duckdb.DuckDBPyConnection, check: RowCheck) -> dict[int, Measure]:
    """Where a check failed, and what that touches. A page says where, for events that lack something."""
    places = {}
    if check.example == "null":
        found = connection.execute(PASS["places"].format(condition=check.fails)).fetchall()
        places = {n: (place, events) for n, place, events in found}
    details = {}
    sql = PASS["details"].format(condition=check.fails, example=check.example)
    for n, orders, revenue, record, example in connection.execute(sql).fetchall():
        at_stake = check.definition.stake == "orders" and orders > 0
        details[n] = Measure(
            n, check.column, 0, 0, orders if at_stake else None, revenue if at_stake else None, record,
            example=example, place=places.get(n),
        )  # fmt: skip
    return details
