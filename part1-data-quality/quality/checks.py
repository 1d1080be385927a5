"""List all checks, and run them in one way."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from event_data.contract import Contract
from event_data.events import NO_AMOUNT
from event_data.sql import literal
from quality import file_checks, known_totals
from quality.causes import with_causes
from quality.definitions import FILE_CHECKS, ROW_CHECKS, TABLE_CHECKS, Definition, Measure
from quality.evaluation import Finding, evaluate
from quality.scan import Scan

DEFINITIONS: dict[str, Definition] = {d.check: d for d in [*FILE_CHECKS, *ROW_CHECKS, *TABLE_CHECKS]}
RUNS = file_checks.RUNS | known_totals.RUNS


def checks_of(contract: Contract) -> list[Definition]:
    """Return the checks that report on every file: those of known totals and books only if the contract has any."""
    optional = {
        "known_totals": bool(contract.known_totals),
        "order_list": contract.order_list is not None,
        "ad_spend": bool(contract.ad_spend),
        "paid_clicks": any("clicks" in book.values for book in contract.ad_spend),
    }
    return [d for d in DEFINITIONS.values() if all(optional.get(need, True) for need in d.needs)]


def run_checks(scan: Scan) -> list[Finding]:
    """Return a finding for every check, column and file, in the order of registration."""
    definitions = checks_of(scan.contract)
    file_checks.find_empty_columns(scan)
    findings: list[Finding] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        measured = pool.map(lambda definition: _measures(definition, scan), definitions)
        for definition, measures in zip(definitions, measured, strict=True):
            findings += evaluate(definition, measures, scan.files, scan.contract)
    return with_causes(findings, DEFINITIONS, scan.files, scan.contract)


def _measures(definition: Definition, scan: Scan) -> list[Measure]:
    contract = scan.contract
    if not all(_declared(need, scan) for need in definition.needs):
        return []
    if definition.problems:
        measures = list(file_checks.problems(scan, definition.problems))
    elif run := RUNS.get(definition.check):
        measures = list(run(scan))
    elif definition.applies_to:
        # A missing column fails only the check for missing columns.
        measures = [m for m in scan.measures.get(definition.check, ()) if m.column in scan.files[m.file_no].filled]
    else:
        measures = _query(definition, scan)
    columns = definition.columns_needed(contract)
    return [m for m in measures if all(c in scan.files[m.file_no].filled for c in columns)]


def _declared(need: str, scan: Scan) -> bool:
    """Return whether the contract has what a check needs: a column's role, an event's, or the order's parts."""
    contract, order = scan.contract, scan.contract.order
    has_checkout = "checkout" in contract.roles or (order is not None and order.checkout_token is not None)
    if need == "confirmation":
        return order is not None and order.confirmation_path is not None and has_checkout
    if need == "orders":
        return contract.event_of("order") is not None
    if need == "journey":  # something happens before an order
        return len(contract.events) > 1
    if need == "checkout_started":
        return contract.event_of("checkout") is not None
    if need == "order_checkout":
        return has_checkout and "customer" in contract.values
    if need == "order_lines":
        return order is not None and order.line_amount is not None and not order.key
    if need in ("order_list", "ad_spend", "paid_clicks"):
        return need in scan.books
    if need == "known_totals":
        return bool(contract.known_totals)
    return need in contract.values or contract.event_of(need) is not None


_NAMED_ROLES = ("client", "time", "event", "page", "referrer", "user_agent")


def _query(definition: Definition, scan: Scan) -> list[Measure]:
    order = scan.contract.order
    names = {role: scan.contract.roles.get(role, role) for role in _NAMED_ROLES}
    for key in ("transaction_id", "amount", "currency", "lines", "customer"):
        names[key] = (getattr(order, key) if order else None) or key
    event = scan.contract.event_of("order")
    names["time_zone"], names["no_amount"] = scan.contract.time_zone, NO_AMOUNT
    names["order"] = f"{event.name}." if event else ""
    names["order_event"] = event.name if event else ""
    refund = scan.contract.event_of("refund")
    names["refund_event"], names["refund"] = (refund.name, f"{refund.name}.") if refund else ("", "")
    derived = scan.contract.roles.get("payload") in scan.contract.derived
    sql = definition.sql.format(**{k: literal(v) for k, v in names.items()}, payload_is_derived=str(derived).lower())
    with scan.connection.cursor() as cursor:
        result = cursor.execute(sql)
        fields = [d[0] for d in result.description]
        measures = [_measure(dict(zip(fields, row, strict=True))) for row in result.fetchall()]
    return sorted(measures, key=lambda m: (m.column, m.file_no))


def _measure(row: dict[str, Any]) -> Measure:
    """Return the measure of a query's row; the row has the first failed records of the file, or only the first one."""
    records = row.pop("first_records", None) or [record for record in [row.pop("record", None)] if record is not None]
    return Measure(**row, record=records[0] if records else None, first_records=tuple(records))
