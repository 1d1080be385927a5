"""Find the events that a paid click may have led to, and count the sessions that arrived from each campaign."""

import csv
from pathlib import Path

from event_data.books.reconciliation import CLICK_SESSIONS
from event_data.contract import Contract
from event_data.events import NO_EVIDENCE, own_currency_values
from event_data.shop_roles import ShopRoles
from event_data.sql import literal, values
from event_data.statements import Statement, fill, read_statements

SQL = Path(__file__).with_suffix(".sql")
SEEDS = Path(__file__).resolve().parents[2] / "part2-transformation" / "seeds"  # the sources of click ids and aliases
COLUMNS = ("page", "session", "source", "medium", "campaign", "click_id")
_EMPTY = "D41D8C"  # an empty value, anonymised


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


def arrival_statements(contract: Contract) -> list[Statement]:
    """Return the statements that compare the paid clicks of each campaign with sessions, in silver.lost_clicks."""
    filled = {
        "no_evidence": values(NO_EVIDENCE),
        "empty_value": literal(_EMPTY if contract.hides_values else ""),
        "values_are_hidden": str(contract.hides_values).lower(),
        "seeds": literal(str(SEEDS)),
        "own_currency": own_currency_values(contract),
        "session_gap_minutes": str(contract.session_gap_minutes),
    }
    *arrivals, lost = read_statements(SQL)
    return [fill(statement, filled) for statement in (*arrivals, *read_statements(CLICK_SESSIONS), lost)]
