"""Find the events that a paid click may have led to, and count the sessions that arrived from each campaign."""

import csv
from pathlib import Path

import duckdb

from event_data.books.reconciliation import CLICK_SESSIONS
from event_data.contract import Contract
from event_data.events import own_currency_values
from event_data.evidence import SEEDS, TRANSFORM, evidence_placeholders, land_seeds
from event_data.shop_roles import ShopRoles
from event_data.sql import literal
from event_data.statements import fill, read_statements

SQL = Path(__file__).with_suffix(".sql")
COLUMNS = ("page", "session", "source", "medium", "campaign", "click_id")
# The statements of transform.sql that decide which sessions arrived, between our silver.received and silver.events.
DECIDING = (
    "silver.terms", "silver.known_hosts", "silver.parsed_events", "silver.confirmations", "silver.decoded",
    "silver.sources", "silver.judged_events", "silver.session_events",
)  # fmt: skip


def landing_sql(contract: Contract) -> str:
    """Return SQL for another column of `raw`: the source and click id of an event, or null."""
    if not ShopRoles.of(contract).has("paid_clicks"):
        return ""
    with (SEEDS / "click_ids.csv").open(encoding="utf-8") as file:
        parameters = ["utm_source", "utm_medium", *(row["parameter"] for row in csv.DictReader(file))]
    pattern = literal(f"[?&](?:{'|'.join(parameters)})=")
    carries = [f"{role} is not null" for role in ("source", "medium", "click_id") if role in contract.roles]
    carries.append(f"strpos(page, '?') > 0 and regexp_matches(page, {pattern})")
    always = ("page", "session")
    packed = (
        f"{name} := {name if name in always or name in contract.roles else 'cast(null as varchar)'}" for name in COLUMNS
    )
    return f", case when {' or '.join(carries)} then struct_pack({', '.join(packed)}) end as landing"


def compare_with_sessions(connection: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """Compare the paid clicks of each campaign with the sessions that arrived, in silver.lost_clicks."""
    land_seeds(connection, contract)
    filled = evidence_placeholders(connection, contract) | {
        "checkout_token": "cast(null as varchar)",
        "own_currency": own_currency_values(contract),
    }
    *before, events, lost = read_statements(SQL)
    deciding = [statement for statement in read_statements(TRANSFORM) if statement.name in DECIDING]
    for statement in (*before, *deciding, events, *read_statements(CLICK_SESSIONS), lost):
        connection.execute(fill(statement, filled).sql)
