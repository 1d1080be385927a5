"""The SQL that fills the {braces} of transform.sql, from the contract."""

import json
import re
from collections.abc import Iterable

import duckdb

from event_data.contract import ROLES, Contract, ContractError
from event_data.events import (
    NULL,
    columns_sql,
    event_time_sql,
    in_zone_sql,
    known_id_sql,
    order_amounts_sql,
    order_key_sql,
    order_value_sql,
    value_sql,
)  # fmt: skip
from event_data.evidence import evidence_placeholders
from event_data.orders import classify_orders
from event_data.shop_roles import ShopRoles
from event_data.sql import identifier, json_path, literal
from event_data.user_agents import BROWSERS, SYSTEMS, device_sql, name_sql

# The roles that silver.received has as columns of the same meaning; exact repeats compare all others as one text.
NAMED = ("client", "page", "referrer", "time", "event", "payload", "user_agent")
# The columns of silver.events that an order's lines may share.
ORDER_KEYS = {
    "transaction_id": "transaction_id", "session": "source_session_id", "client": "client_id", "time": "event_at",
    "customer": "customer", "checkout": "checkout_token",
}  # fmt: skip


def in_utc(contract: Contract) -> Contract:
    """Return the contract for an engine whose time zones have not been compared with DuckDB's.

    Raise ContractError unless its time zone and those of its books are UTC.
    """
    for table in (contract, *contract.books):
        if table.time_zone != "UTC":
            of_what = "the contract's days" if table is contract else f"the times of {table.file_name}"
            raise ContractError(
                f"{of_what} are those of {table.time_zone}, which only --engine duckdb supports; use that.",
                contract.path, code="time_zone",
            )  # fmt: skip
    return contract


def placeholders(
    connection: duckdb.DuckDBPyConnection, contract: Contract, present: Iterable[str], order_lines: int | None = None,
    portable: bool = False,
) -> dict[str, str]:  # fmt: skip
    """Return the value of each {name} in transform.sql, for the records in bronze.events.

    present: the columns of bronze.events; a contract column that is not among them is null. order_lines: the most
    lines of any order, if another engine has counted them. portable: for an engine other than DuckDB.
    """
    columns = _columns(contract, list(present))
    known_columns = [name for column in contract.columns for name in column.names]
    return {
        **columns,
        **evidence_placeholders(connection, contract),
        "client_id": known_id_sql(columns["client"]),
        "client_id_as_tracked": known_id_sql(columns["client_as_tracked"]),
        "event_time": event_time_sql(contract, "imported", portable),
        "in_zone": in_zone_sql("", contract.time_zone),
        "device": device_sql("a"),
        "browser": name_sql(BROWSERS, "a"),
        "operating_system": name_sql(SYSTEMS, "a"),
        **_order(contract),
        "order_lines": str(order_lines or _order_lines(connection, contract)),
        "shop": literal(contract.id),
        "currency": literal(contract.currency.sign),
        "time_zone": literal(contract.time_zone),
        "client_column": literal(contract.roles["client"]),
        "referrer_column": literal(contract.roles.get("referrer", "")),
        "roles": literal(ShopRoles.of(contract).to_json()),
        "known_columns": literal(json.dumps(known_columns, ensure_ascii=False)),
        "window_days": str(contract.window_days),
        "most_clients_of_a_person": str(contract.most_clients_of_a_person),
        "most_customers_of_a_device": str(contract.most_customers_of_a_device),
    }


def _order_lines(connection: duckdb.DuckDBPyConnection, contract: Contract) -> int:
    """Return the largest number of lines in an order."""
    if contract.order is None or contract.order.lines is None:
        return 1
    longest = connection.execute(
        f"select max(json_array_length(_payload, {literal(json_path(contract.order.lines))})) from bronze.events "
        "where _payload is not null"
    ).fetchone()
    return (longest and longest[0]) or 1


def _columns(contract: Contract, present: Iterable[str]) -> dict[str, str]:
    """Return SQL for each role's column (the first of its names with a value), and for all other columns as one."""
    column = columns_sql(contract, present, "events.")
    client = contract.roles["client"]
    named = {contract.roles.get(role) for role in NAMED}
    others = [column(one.name) for one in contract.columns if one.name not in named]
    return {
        **{role: value_sql(contract.values.get(role), column, column) for role in ROLES},
        "client_as_tracked": f"events.{identifier(client)}" if client in set(present) else NULL,
        "other_columns": " || '|' || ".join(f"coalesce({sql}, '')" for sql in others) or NULL,
    }


def _order(contract: Contract) -> dict[str, str]:
    """Return where the payload has the values of an order and of its lines, and how to read them."""
    order = contract.order
    lines = {"item_id": order and order.line_id, "item_name": order and order.line_name}
    lines |= {"item_variant": order and order.line_variant, "quantity": order and order.line_quantity}
    lines["line_amount"] = order and order.line_amount
    return {
        **{role: order_value_sql(contract, role) for role in ("transaction_id", "customer")},
        **dict(zip(("amount", "other_currency", "other_amount"), order_amounts_sql(contract), strict=True)),
        "rows_are_lines": str(bool(order and order.key)).lower(),
        "order_key": order_key_sql(contract, ORDER_KEYS),
        "checkout_token": _checkout(contract),
        "classified_orders": classify_orders(contract),
        "pieces": "quantity" if order and order.line_amount_is == "unit" else "1",
        **{name: _extract(path.replace("[]", "[{n}]")) if path else NULL for name, path in lines.items()},
    }


def _extract(path: str) -> str:
    return f"json_extract_string(payload, {literal(json_path(path))})"


def _checkout(contract: Contract) -> str:
    """Return SQL for the checkout of an event: its own column, or else the token in the page."""
    token = _token(contract.order.checkout_token if contract.order else None)
    return f"coalesce(received.checkout, {token})" if "checkout" in contract.roles else token


def _token(pattern: str | None) -> str:
    if pattern is None:
        return NULL
    token = f"regexp_extract(received.page_url, {literal(pattern)}, 1)"
    # The plain text at the start of the pattern excludes most pages at a fraction of the cost.
    start = re.match(r"[A-Za-z0-9/_-]*", pattern)[0]  # type: ignore[index]
    start = start[:-1] if pattern[len(start) : len(start) + 1] in ("?", "*", "{", "|") else start
    if "|" in pattern or len(start) < 3:
        return token
    return f"case when strpos(received.page_url, {literal(start)}) > 0 then {token} end"
