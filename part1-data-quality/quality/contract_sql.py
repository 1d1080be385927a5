"""SQL made from the contract: quoted names and values, JSON paths, and what fills macros.sql and derive.sql.

Everything of the contract that reaches DuckDB goes through `literal`, so that no name or pattern in
it can end a string and start a statement.
"""

from collections.abc import Iterable, Sequence

from event_data.contract import Contract, Event, host_regexp
from event_data.dead_hours import USUAL_PART, dead_hours_sql, skipped_hours_sql
from event_data.events import (
    confirmation_sql,
    known_id_sql,
    order_amounts_sql,
    order_key_sql,
    order_value_sql,
    valid_json_sql,
)
from event_data.orders import classify_orders
from event_data.sql import json_path, literal, values
from quality.definitions import HERE, statements
from quality.expected_ranges import DAYS_BEFORE, FIRST_DAYS, LEAST_DAYS

MACROS = (HERE / "macros.sql").read_text(encoding="utf-8")
DERIVE = statements("derive.sql")
CRAWLER_PATTERNS_AT_ONCE = 200  # more in one expression exceed RE2's memory and run 400 times slower

EMAIL = r"[A-Za-z0-9._+-]+(?:@|%40)[A-Za-z0-9-]+(?:[.][A-Za-z0-9-]+)*[.][A-Za-z]{2,}"
# A number with its country code, one under a key such as `phone`, or one in the American form.
PHONE = (
    r"(?:[=/:,\"+ ]|%20|^)(?:[+]|%2B)[1-9][0-9 -]{7,16}[0-9]"
    r"|(?:phone|mobile|[?&_\"]tel)[a-z_]*(?:=|\"?: ?\"?)(?:[+]|%2B)?[(0-9][0-9() .-]{6,18}[0-9]"
    r"|(?:^|[^0-9A-Za-z])[(]?[2-9][0-9]{2}[)]?[-. ][2-9][0-9]{2}[-. ][0-9]{4}(?:[^0-9A-Za-z]|$)"
)
# ISO/IEC 7812 prefixes and lengths of Visa, Mastercard, Discover and American Express.
CARD = (
    r"(?:^|[^0-9A-Za-z])((?:4[0-9]{3}|5[1-5][0-9]{2}|2[2-7][0-9]{2}|6011|65[0-9]{2})(?:[ -]?[0-9]{4}){3}"
    r"|3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5})(?:[^0-9A-Za-z]|$)"
)
# Placeholders that a platform did not replace by a campaign's name: {campaign.name}, {{...}}, ${...}, [CAMPAIGN],
# %%x%%, __CAMPAIGN__, <campaign>; percent-encoded or not.
_UNFILLED = (
    r"(?:(?:\$|%24)?(?:\{|%7[Bb])[^&#]*(?:\}|%7[Dd])|(?:\[|%5[Bb])[A-Za-z_. ]+(?:\]|%5[Dd])"
    r"|(?:%%|%25%25)[^&#%]+(?:%%|%25%25)|__[A-Za-z_]+__|(?:<|%3[Cc])[A-Za-z_. ]+(?:>|%3[Ee])"
    r"|undefined|null)(?:&|#|$)"
)
UNFILLED = f"^({_UNFILLED})"
UNFILLED_PARAMETER = f"^[^?#]*[?](?:[^#]*&)?(utm_[a-z_]+={_UNFILLED})"
# Nine digits with at most separators between them: a cheap test before the two above.
DIGITS = r"[0-9](?:[ ().-]?[0-9]){8}"
# A value that some JSON writers use instead of a number, with its key.
NO_NUMBER = r'(?:"[A-Za-z0-9_]{1,30}" ?: ?|[\[,] ?)-?(?:NaN|Infinity)\b'

# The types of DuckDB's json_type that a logical type may have.
TYPES = {
    "integer": ["UBIGINT", "BIGINT"], "number": ["UBIGINT", "BIGINT", "DOUBLE", "HUGEINT"], "boolean": ["BOOLEAN"],
    "object": ["OBJECT"], "array": ["ARRAY"],
}  # fmt: skip


# The columns of derive.sql's orders that the lines of one order may share.
ORDER_KEYS = {
    "transaction_id": "transaction_id", "session": known_id_sql("session"), "client": "client_key", "time": "event_at",
    "customer": "customer", "checkout": "token",
}  # fmt: skip


def rows_are_lines(contract: Contract) -> bool:
    """Return whether a row of an order is one of its lines."""
    return contract.order is not None and bool(contract.order.key)


def line_sql(contract: Contract) -> tuple[str, str]:
    """Return the sum of an order's lines, and whether each line has its amount, as SQL over `payload`."""
    order = contract.order
    if not order or not order.lines or not order.line_amount:
        return "null", "false"
    lines = f"json_extract(payload, {literal(json_path(order.lines + '[]'))})"

    def amount(key: str) -> str:
        return f"try_cast(json_extract_string(line, {literal(json_path(key.split('[].')[-1]))}) as decimal(12, 2))"

    each = amount(order.line_amount)
    if order.line_amount_is == "unit" and order.line_quantity:
        each = f"cast({each} * coalesce({amount(order.line_quantity)}, 1) as decimal(18, 2))"
    amounts = f"list_transform({lines}, lambda line: {each})"
    return f"coalesce(list_sum({amounts}), 0)", f"(len({lines}) > 0 and list_count({amounts}) = len({lines}))"


def _lines_empty(contract: Contract) -> str:
    """Return SQL over `payload` for whether the list of an order's lines exists and is empty."""
    if not contract.order or not contract.order.lines:
        return "false"
    path = literal(json_path(contract.order.lines))
    return f"coalesce(json_type(payload, {path}) = 'ARRAY' and json_array_length(payload, {path}) = 0, false)"


def event_case(events: tuple[Event, ...], column: str, result: str, otherwise: str, type_: str = "varchar") -> str:
    """Return a `case` from each event to its name or step; without typed constants, each event would be cast."""
    arms = []
    for event in events:
        value = getattr(event, result)
        if value and (result, value) != ("role", "refund"):  # a refund is not a step of the funnel
            arms += [f"when {literal(name)} then {literal(value)}::{type_}" for name in event.names]
    return f"case {column} {' '.join(arms)} else {otherwise} end" if arms else otherwise


def _query_pair(contract: Contract) -> str:
    """Return the pattern of one `key=value` in a query that complies with the contract, anonymised or not."""
    value = contract.anonymisation.query_value or "[^&#]*"
    return f"[^=&#@]*(?:=(?:{unanchored(value)})?)?"


def unanchored(pattern: str) -> str:
    """Return a pattern for a whole value in a form that can be part of another pattern."""
    return pattern.removeprefix("^").removesuffix("$")


def known_hosts(contract: Contract) -> str | None:
    """Return the pattern of the hosts that a referrer may have; None if the contract allows any host."""
    hidden = contract.anonymisation
    if hidden.foreign_host is None:
        return None
    plain = host_regexp([*contract.own_hosts, *contract.payment_hosts, *hidden.plain_hosts])
    return f"{unanchored(hidden.foreign_host)}|{plain}"


def macros(contract: Contract) -> str:
    """Return macros.sql, filled in from the contract."""
    hosts = contract.own_hosts
    below = [f"ends_with(host, {literal('.' + h)})" for h in hosts]
    order = contract.order
    token = order.checkout_token if order else None
    pair = _query_pair(contract)
    return MACROS.format(
        own_host=f"host in ({values(hosts)})" if hosts else "true",
        own_domain=" or ".join(below) or "false",
        step=event_case(contract.events, "event", "role", "null::funnel_step", "funnel_step"),
        event_name=event_case(contract.events, "event", "name", "event"),
        token=f"nullif(regexp_extract(page, {literal(token)}, 1), '')" if token else "null",
        is_confirmation=confirmation_sql(contract, "page"),
        amount=order_amounts_sql(contract)[0],
        valid_json=valid_json_sql("text"),
        clean_url=literal(f"[^?#]*[?](?:{pair}&)*{pair}(?:#.*)?"),
        pair=literal(pair),
        card=literal(CARD),
    )


def crawler_patterns() -> list[str]:
    """Return the user-agent patterns of declared crawlers (PyPI: crawler-user-agents)."""
    import crawleruseragents  # takes 20 ms, while the first batch is read

    return [p["pattern"] for p in crawleruseragents.CRAWLER_USER_AGENTS_DATA]


def derivations(
    contract: Contract, files: Sequence[tuple[int, str, int, int]], plain_event: str | None, patterns: Sequence[str]
) -> dict[str, str]:
    """Return the parts of derive.sql, filled in from the contract.

    `files` holds (number, day, records, events that were not kept); the latter are all of the kind `plain_event`.
    """
    chunks = [patterns[i : i + CRAWLER_PATTERNS_AT_ONCE] for i in range(0, len(patterns), CRAWLER_PATTERNS_AT_ONCE)]
    crawler = [f"nullif(regexp_extract(user_agent, {literal('|'.join(c))}), '')" for c in chunks]
    described = [name for e in contract.events if e.payload for name in e.names]
    line_sum, lines_complete = line_sql(contract)
    filled = {
        "files": _values(f"{n}, date '{day}', {records}, {plain}" for n, day, records, plain in files),
        "view": literal(plain_event),
        "described_events": values(tuple(described)),
        "contract_events": _values(literal(e.name) for e in contract.events) or "(null)",
        "contract_keys": _values(_key_rows(contract)) or f"({', '.join(['null'] * 7)})",
        "crawler": f"coalesce({', '.join(crawler)})",
        "transaction_id_of_payload": order_value_sql(contract, "transaction_id"),
        "customer_of_payload": order_value_sql(contract, "customer"),
        "currency_of_payload": order_value_sql(contract, "currency"),
        "other_currency": order_amounts_sql(contract)[1],
        "order_key": order_key_sql(contract, ORDER_KEYS),
        "rows_are_lines": str(rows_are_lines(contract)).lower(),
        "classified_orders": classify_orders(contract),
        "line_sum_of_payload": line_sum,
        "lines_empty": _lines_empty(contract),
        "lines_complete": lines_complete,
        "breaks_pattern": _breaks_pattern(contract),
        "least_days": str(LEAST_DAYS),
        "first_days": str(FIRST_DAYS),
        "days_before": str(DAYS_BEFORE),
        "skipped_hours": skipped_hours_sql("files", contract.time_zone),
        "dead_hours": dead_hours_sql("grid", "file_no"),
        "usual_part": str(USUAL_PART),
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
                str(TYPES.get(key.logical_type, ["VARCHAR"])),
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
    """Return SQL for whether a node's `value` does not match the contract's pattern for its `event` and `path`."""
    whens = [
        f"when event = {literal(e.name)} and path = {literal(k.name)} "
        f"then not regexp_full_match(value, {literal(k.pattern)})"
        for e in contract.events
        for k in e.payload
        if k.pattern
    ]
    return f"case {' '.join(whens)} else false end" if whens else "false"
