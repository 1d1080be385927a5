"""Compare customers by a hash: a tag may send one in place of the e-mail address that the shop's list has."""

from event_data.events import known_id_sql

_HASH = "[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}"  # MD5, SHA-1 or SHA-256


def booked_customer_sql(customer: str, function: str) -> str:
    """Return DuckDB SQL for the hash of a customer of the order list by a function; a hash is kept as it is."""
    text = _text(customer)
    # Faster than the portable regexp_extract below.
    is_hash = f"regexp_full_match({text}, '{_HASH}')"
    return f"case when {is_hash} then {text} else {function}({known_id_sql(text)}) end"


def tracked_customer_sql(customer: str) -> str:
    """Return portable SQL for the hash of a customer of the events; a hash is kept as it is."""
    text = _text(customer)
    is_hash = f"regexp_extract({text}, '^({_HASH})$', 1) <> ''"
    return f"case when {is_hash} then {text} else md5({text}) end"


def _text(customer: str) -> str:
    return f"lower(trim({customer}))"
