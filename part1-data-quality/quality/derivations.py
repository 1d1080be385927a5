"""From what the pass left to what the checks look at; the SQL is in derive.sql."""

from collections.abc import Iterable, Sequence

from event_data.contract import Contract
from event_data.dead_hours import dead_hours_sql, skipped_hours_sql
from event_data.events import order_value_sql
from event_data.orders import classify_orders
from event_data.sql import literal, values
from quality import contract_sql as sql_text
from quality.definitions import statements

DERIVE = statements("derive.sql")
CRAWLER_PATTERNS_AT_ONCE = 200  # more in one expression outgrow RE2's memory and run 400 times slower


def crawler_patterns() -> list[str]:
    """Return the user-agent patterns that crawlers declare themselves by (PyPI: crawler-user-agents)."""
    import crawleruseragents  # 20 ms that the first batch hides

    return [p["pattern"] for p in crawleruseragents.CRAWLER_USER_AGENTS_DATA]


def derivations(
    contract: Contract, files: Sequence[tuple[int, str, int, int]], plain_event: str | None, patterns: Sequence[str]
) -> dict[str, str]:
    """Return the parts of derive.sql, made ready.

    `files` holds (number, day, records, events that were not kept); the latter are all of the kind `plain_event`.
    """
    chunks = [patterns[i : i + CRAWLER_PATTERNS_AT_ONCE] for i in range(0, len(patterns), CRAWLER_PATTERNS_AT_ONCE)]
    crawler = [f"nullif(regexp_extract(user_agent, {literal('|'.join(c))}), '')" for c in chunks]
    described = [name for e in contract.events if e.payload for name in (e.name, *e.synonyms)]
    line_sum, lines_complete = sql_text.line_sql(contract)
    filled = {
        "files": _values(f"{n}, date '{day}', {records}, {plain}" for n, day, records, plain in files),
        "view": literal(plain_event),
        "described_events": values(tuple(described)),
        "contract_events": _values(literal(e.name) for e in contract.events) or "(null)",
        "contract_keys": _values(_key_rows(contract)) or f"({', '.join(['null'] * 7)})",
        "crawler": f"coalesce({', '.join(crawler)})",
        "transaction_id_of_payload": order_value_sql(contract, "transaction_id"),
        "customer_of_payload": order_value_sql(contract, "customer"),
        "classified_orders": classify_orders(contract),
        "line_sum_of_payload": line_sum,
        "lines_complete": lines_complete,
        "breaks_pattern": _breaks_pattern(contract),
        "skipped_hours": skipped_hours_sql("files", contract.time_zone),
        "dead_hours": dead_hours_sql("grid", "file_no"),
    }
    return {name: sql.format(**filled) for name, sql in DERIVE.items()}


def _values(rows: Iterable[str]) -> str:
    return ", ".join(f"({row})" for row in rows)


def _key_rows(contract: Contract) -> list[str]:
    return [
        ", ".join(
            [
                literal(event.name),
                literal(key.name),
                str([*sql_text.TYPES[key.logical_type]]),
                str(key.required).lower(),
                literal(key.minimum),
                literal(key.maximum),
                f"[{values(key.allowed)}]" if key.allowed else "null",
            ]
        )
        for event in contract.events
        for key in event.payload
    ]


def _breaks_pattern(contract: Contract) -> str:
    """Return SQL for whether a node's `value` breaks the pattern that the contract has for its `event` and `path`."""
    whens = [
        f"when event = {literal(e.name)} and path = {literal(k.name)} "
        f"then not regexp_full_match(value, {literal(k.pattern)})"
        for e in contract.events
        for k in e.payload
        if k.pattern
    ]
    return f"case {' '.join(whens)} else false end" if whens else "false"
