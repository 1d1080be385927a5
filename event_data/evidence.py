"""Fill in the statements of transform.sql that say where a visit comes from: every part runs these."""

from collections.abc import Sequence
from glob import escape
from pathlib import Path

import duckdb

from event_data.contract import Contract
from event_data.contract.shape import channels
from event_data.events import NO_EVIDENCE, NULL, PLACEHOLDERS, confirmation_sql
from event_data.sql import literal, values
from event_data.statements import SCHEMAS

TRANSFORM = Path(__file__).resolve().parents[1] / "part2-transformation" / "transform.sql"
SEEDS = TRANSFORM.with_name("seeds")
# The columns of silver.parsed_events that say where a visit comes from.
EVIDENCE = ("utm_source", "utm_medium", "utm_campaign", "click_ids", "source_channel", "referrer_host")


def land_seeds(connection: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """Create the schemas, and bronze tables of the seeds and the contract's lists."""
    for schema in SCHEMAS:
        connection.execute(f"create schema if not exists {schema}")
    for seed in sorted(SEEDS.glob("*.csv")):
        connection.execute(
            f"create table bronze.{seed.stem} as from read_csv({literal(escape(str(seed)))}, header = true, "
            "all_varchar = true, delim = ',', quote = '\"')"
        )
    connection.execute("create table bronze.event_roles (event_name varchar, event varchar)")
    connection.execute("create table bronze.own_hosts (host varchar, kind varchar)")
    hosts = [*((h, "own") for h in contract.own_hosts), *((h, "payment") for h in contract.payment_hosts)]
    connection.execute("create table bronze.channels (value varchar, channel varchar)")
    named = {channel.lower(): channel for channel in channels()} | dict(contract.channels)
    lists = {"event_roles": contract.event_roles.items(), "own_hosts": hosts, "channels": named.items()}
    for table, rows in ((name, list(pairs)) for name, pairs in lists.items()):
        if rows:
            connection.executemany(f"insert into bronze.{table} values (?, ?)", rows)


def evidence_placeholders(connection: duckdb.DuckDBPyConnection, contract: Contract) -> dict[str, str]:
    """Return the value of each {name} in the statements from silver.terms to silver.session_events."""
    strongest_first = "select parameter from bronze.click_ids order by cast(priority as integer)"
    click_ids = [parameter for (parameter,) in connection.execute(strongest_first).fetchall()]
    empty = "D41D8C" if contract.hides_values else ""  # upper(md5('')[:6])
    return {
        "values_are_hidden": str(contract.hides_values).lower(),
        "hosts_are_hidden": str(contract.hides_hosts).lower(),
        "empty_value": literal(empty),
        "click_ids_in_page": _click_ids(click_ids, empty),
        "evidence_key": " || chr(31) || ".join(f"coalesce({column}, '')" for column in EVIDENCE),
        "has_channel_column": str("channel" in contract.roles).lower(),
        "own_hosts": values(contract.own_hosts or ("",)),
        "is_confirmation_page": confirmation_sql(contract, "received.page_url"),
        "placeholders": values(PLACEHOLDERS),
        "no_evidence": values(NO_EVIDENCE),
        "session_gap_minutes": str(contract.session_gap_minutes),
    }


def _click_ids(parameters: Sequence[str], empty: str) -> str:
    """Return SQL for the names of the click ids in `query` that have a value, each with a blank; empty or null without.

    A look at the ends that several names share saves half of the time of silver.parsed_events.
    """
    groups: dict[str, list[str]] = {}
    for parameter in parameters:
        end = next((end for end in ("clid=", "raid=") if f"{parameter}=".endswith(end)), f"&{parameter}=")
        groups.setdefault(end, []).append(_click_id(parameter, empty))
    filled = [
        f"case when strpos(query, {literal(end)}) > 0 then {' || '.join(names)} else '' end" if names[1:] else names[0]
        for end, names in groups.items()
    ]
    ends = dict.fromkeys("id=" if parameter.endswith("id") else f"&{parameter}=" for parameter in parameters)
    any_of_them = " or ".join(f"strpos(query, {literal(end)}) > 0" for end in ends)
    return f"case when {any_of_them} then {' || '.join(filled)} end" if filled else NULL


def _click_id(parameter: str, empty: str) -> str:
    needle = literal(f"&{parameter}=")
    value = f"strpos(query, {needle}) + {len(parameter) + 2}"
    return (
        f"case when strpos(query, {needle}) > 0 and substr(query, {value}, 1) not in ('', '&') "
        f"and substr(query, {value}, 6) <> {literal(empty)} then {literal(parameter + ' ')} else '' end"
    )
