"""Read the files with a drafted contract, and describe the result, so that a person sees what to correct."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from event_data.cli import REPOSITORY
from event_data.contract import Contract
from event_data.contract.model import ORDER_ROLES, ROLES
from event_data.known_totals import compare_warehouse
from event_data.output import paragraph, printable, table

TRANSFORM = REPOSITORY / "part2-transformation" / "transform.py"
MOST_ROWS = 25  # of a table
CHANNEL_ROLES = {"page", "referrer", "source", "medium", "click_id", "channel"}
Query = Callable[[str], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Build:
    """A warehouse that was built with the draft; `problem` is the command's sentence if that failed."""

    warehouse: Path
    problem: str


def build(data_dir: Path, contract: Path, work_dir: Path, memory_limit: str | None = None) -> Build:
    """Run part 2 on the files with the contract, into a temporary warehouse."""
    warehouse = work_dir / "draft.duckdb"
    places = ["--data_dir", data_dir, "--contract", contract, "--warehouse", warehouse]
    limit = ["--memory_limit", memory_limit] if memory_limit else []
    done = subprocess.run(
        [sys.executable, str(TRANSFORM), "--quiet", *map(str, places), *limit],
        capture_output=True, text=True, encoding="utf-8", errors="replace", check=False,
    )  # fmt: skip
    if warehouse.exists():
        return Build(warehouse, "")
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return Build(warehouse, lines[-1] if lines else f"{TRANSFORM.name} ended with status {done.returncode}")


def summary(built: Build, contract: Contract, width: int) -> str:
    """Return what the files contain according to the contract: a few totals, tables, and what is not used."""
    unmapped = _unmapped(contract, width)
    if built.problem:
        problem = paragraph(f"The files cannot be transformed with the draft yet: {built.problem}", width)
        return "\n".join([problem, *unmapped, *_cannot_count(None, contract, width)])
    lines = ["The files according to the draft:"]
    with duckdb.connect(str(built.warehouse), read_only=True) as connection:
        for section in (_totals, _events, _sessions, _refused):
            try:
                lines += section(lambda sql: connection.execute(sql).fetchall(), contract, width)
            except (duckdb.CatalogException, duckdb.BinderException):
                continue  # the shop has no such table or column
        if compared := compare_warehouse(connection, contract):
            lines += ["", paragraph(compared.coverage(), width)]
            lines += [paragraph(f"  {detail}", width) for detail in compared.details()]
        cannot = _cannot_count(lambda sql: connection.execute(sql).fetchall(), contract, width)
    return "\n".join([*lines, *unmapped, *cannot])


def _totals(query: Query, contract: Contract, width: int) -> list[str]:
    ((events, clients, days, first, last),) = query("""
        select count(*), count(distinct client_id), count(distinct event_date), min(event_date), max(event_date)
        from silver.events""")
    ((records,),) = query("select coalesce(sum(records), 0)::bigint from silver.files")
    ((orders, revenue),) = query("select count(*), sum(revenue) from silver.orders")
    currency = contract.currency
    code = f" ({currency.code})" if currency.code and currency.code != currency.sign.strip() else ""
    amount = f"{currency.exact(revenue or 0)}{code}" if "amount" in contract.values else "no amount is mapped"
    rows = [
        ("days", f"{days:,}, {first} to {last}" if days else "none"),
        ("rows", f"{records:,}, {'all' if events == records else f'{events:,}'} of them events"),
        ("clients", f"{clients:,}"),
        ("orders", f"{orders:,}, {amount}"),
    ]
    return [f"  {name:<8} {text}" for name, text in rows]


def _events(query: Query, contract: Contract, width: int) -> list[str]:
    found = query("select event_name, any_value(event), count(*) as n from silver.events group by 1 order by n desc, 1")
    rows = [(name or "(none)", role if role != "other" else "-", f"{count:,}") for name, role, count in found]
    return ["", *_table(("EVENT", "ROLE", "EVENTS"), rows, width)]


def _sessions(query: Query, contract: Contract, width: int) -> list[str]:
    if not CHANNEL_ROLES & {*contract.roles, *contract.values}:
        return []  # every session would be Direct
    found = query("""
        select coalesce(first_channel, 'Unattributed'), count(*) as n from silver.sessions
        where reading = 'healed' group by 1 order by n desc, 1""")
    rows = [(channel, f"{count:,}") for channel, count in found]
    return ["", *_table(("CHANNEL", "SESSIONS"), rows, width)]


def _refused(query: Query, contract: Contract, width: int) -> list[str]:
    found = query("select reason, count(*) as n, 'record' from silver.rejected_events group by 1 order by n desc, 1")
    found += query("""
        select coalesce(reason, status), count(*) as n, 'order' from silver.received_orders
        where status = 'quarantined' group by 1 order by n desc, 1""")
    found += [
        (f"{'it' if n == 1 else 'each'} {reason}", n, "file")
        for reason, n in query(
            "select refused, count(*) from silver.files where refused is not null group by 1 order by 1"
        )
    ]
    if not found:
        return ["", "No records are refused."]
    text = "; ".join(f"{count:,} {what}{'s' * (count != 1)}: {reason}" for reason, count, what in found)
    return ["", paragraph(f"Refused: {text}.", width)]


def _cannot_count(query: Query | None, contract: Contract, width: int) -> list[str]:
    """Return a sentence about what is missing to count orders or their revenue; nothing if both are counted."""
    if contract.event_of("order") is None:
        what, problem = "orders", "no event has the role order"
        advice = "`role: order` to the event that is an order, under `events`"
    elif "amount" not in contract.values:
        what, problem = "revenue", "no amount is mapped"
        advice = "`amount` to `columnRoles`, or to `order` if it is in the payload"
        if "transaction_id" not in contract.values:
            what, problem = "orders", "neither an order id nor an amount is mapped"
            advice = "`transaction_id` and `amount` to `columnRoles`"
    elif query and not query("select 1 from silver.orders limit 1"):
        what, problem = "orders", "all order events are refused, as listed above"
        advice = "the right `transaction_id` and `amount` to `columnRoles`"
    else:
        return []
    return ["", paragraph(f"This draft cannot count {what} yet: {problem}; add {advice}.", width)]


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    shown = [tuple(map(printable, row)) for row in rows[:MOST_ROWS]]
    more = [f"  and {len(rows) - MOST_ROWS:,} more"] if len(rows) > MOST_ROWS else []
    return [*table(headings, shown, width, right=(len(headings) - 1,)), *more]


def _unmapped(contract: Contract, width: int) -> list[str]:
    """Return a sentence about the roles and events that are not mapped."""
    known = {*contract.roles, *contract.values}
    if "page" in known:  # its query string has them
        known |= {"source", "medium", "campaign", "click_id"}
    if contract.order and contract.order.checkout_token:
        known.add("checkout")
    missing = [role for role in (*ROLES, *ORDER_ROLES[:-1]) if role not in known and role != "payload"]
    steps = [role for role in ("page_view", "cart", "checkout", "order") if contract.event_of(role) is None]
    sentences = []
    if missing:
        sentences.append(f"Not mapped: {', '.join(missing)}; the figures that need them are left out.")
    if steps:
        sentences.append(f"Roles that no event has: {', '.join(steps)}.")
    return ["", paragraph(" ".join(sentences), width)] if sentences else []
