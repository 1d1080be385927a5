"""The report as files: a page for people, CSV for spreadsheets, JSON and JUnit XML for machines."""

import csv
import io
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from event_data.contract import Severity
from event_data.output import printable, spreadsheet_safe, write_atomically
from quality.checks import DEFINITIONS
from quality.evaluation import Finding
from quality.evidence import Evidence
from quality.incidents import Incident
from quality.page import page
from quality.scan import Scan

REPORT_COLUMNS = (
    "incident", "severity", "status", "check", "file", "column", "checked", "failed", "failed_share", "threshold",
    "revenue_at_stake", "first_bad_line", "example", "message", "advice",
)  # fmt: skip


def write_reports(
    out_dir: Path,
    scan: Scan,
    findings: Sequence[Finding],
    incidents: Sequence[Incident],
    evidence: Mapping[int, Evidence],
    as_json: bool = False,
    as_junit: bool = False,
) -> tuple[list[Path], dict[str, Any]]:
    """Write the reports, each in one step; return their paths, and the document of dq_report.json if wanted.

    The document's amounts are exact.
    """
    rows, profile = report_rows(findings, incidents), profile_rows(scan)
    document = _document(rows, _add_facts(scan, profile), incidents) if as_json else {}
    written = {
        "dq_report.html": page(scan, findings, incidents, evidence),
        "dq_report.csv": _csv(REPORT_COLUMNS, rows),
        "dq_profile.csv": _csv(profile[0], profile),
    }
    if as_json:  # amounts are text, so that no cent is rounded
        written["dq_report.json"] = json.dumps(document, indent=1, default=str, ensure_ascii=False) + "\n"
    if as_junit:
        written["dq_report.xml"] = _junit(findings, incidents)
    return [write_atomically(out_dir / name, text) for name, text in written.items()], document


def report_rows(findings: Sequence[Finding], incidents: Sequence[Incident]) -> list[dict[str, Any]]:
    """Return one row for each file, check and column; `incident` is the number on the console."""
    answered = _answered(incidents)
    number = {id(f): i.number for i in incidents for f in (*i.findings, *i.consequences)}
    return [
        {
            "incident": number.get(id(f)),
            "severity": "" if f.severity is None else str(f.severity),
            "status": f.status,
            "check": f.check,
            "file": f.file,
            "column": f.column,
            "checked": f.checked,
            "failed": f.failed,
            "failed_share": None if f.failed_share is None else round(f.failed_share, 6),
            "threshold": f.threshold,
            "revenue_at_stake": f.revenue,
            "first_bad_line": f.line,
            "example": f.example,
            "message": f"follows from {f.cause[0]}: {f.message}" if f.cause else f.message,
            "advice": answered.get(id(f), f.advice),
        }
        for f in findings
    ]


def profile_rows(scan: Scan) -> list[dict[str, Any]]:
    """Return one row for each file, with its totals."""
    result = scan.connection.execute("select * from journey_profile")
    names = [d[0] for d in result.description][1:]
    journeys = {row[0]: row[1:] for row in result.fetchall()}
    rows = []
    for facts in scan.files:
        row: dict[str, Any] = {
            "file": facts.file.name,
            "day": facts.day,
            "bytes": facts.file.size,
            "rows": facts.records,
            "unreadable": facts.file.rejected,
            "no_event_name": facts.no_event_name,
            "no_readable_time": facts.no_readable_time,
            "clients": facts.clients,
        }
        for event in scan.contract.events:
            row[f"events_{event.name}"] = sum(facts.events.get(n, 0) for n in event.names)
        row["events_other"] = facts.records - sum(v for k, v in row.items() if k.startswith("events_"))
        row |= {"orders": facts.orders, "revenue": facts.revenue}
        row |= dict(zip(names, journeys.get(facts.file_no, [0] * len(names)), strict=True))
        for column in scan.contract.columns:
            share = scan.null_share(facts, column.name)
            row[f"null_share_{column.name}"] = None if share is None else round(share, 6)
        crawlers = facts.crawler_events
        row["crawler_share"] = round(crawlers / facts.records, 6) if crawlers is not None and facts.records else None
        rows.append(row)
    return rows


def _add_facts(scan: Scan, profile: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the profile with two more fields for programs: the hash of the checked content, and the empty hours."""
    empty = dict(
        scan.connection.execute(
            "select file_no, list(hour order by hour) from hour_grid where is_dead group by 1"
        ).fetchall()
    )
    return [
        row | {"content_hash": facts.file.content_hash or None, "empty_hours": empty.get(facts.file_no, [])}
        for row, facts in zip(profile, scan.files, strict=True)
    ]


def _csv(columns: Collection[str], rows: Iterable[dict[str, Any]]) -> str:
    """Return rows as CSV that is safe to open in a spreadsheet."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row[c]) for c in columns] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return spreadsheet_safe(printable(value, " "))
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".") or "0"
    return f"{value:.2f}" if isinstance(value, Decimal) else value


def _document(rows: list[dict[str, Any]], files: list[dict[str, Any]], incidents: Sequence[Incident]) -> dict[str, Any]:
    """Return the report for programs."""
    # A data catalogue groups findings by their dimension of quality (ODCS).
    findings = [row | {"dimension": DEFINITIONS[row["check"]].dimension} for row in rows]
    return {"incidents": list(map(_incident_row, incidents)), "findings": findings, "files": files}


def _incident_row(i: Incident) -> dict[str, Any]:
    """Return an incident with everything that another program needs to show it."""
    return {
        "incident": i.number, "severity": str(i.severity), "check": i.check,
        "dimension": DEFINITIONS[i.check].dimension, "column": i.column,
        "first_bad_day": i.first_day, "last_bad_day": i.last_day, "open": i.is_open, "last_good_day": i.last_good_day,
        "first_bad_file": i.findings[0].file, "last_bad_file": i.findings[-1].file, "last_good_file": i.last_good,
        "files": len(i.findings), "failed": i.failed, "checked": i.checked, "orders": i.orders,
        "revenue_at_stake": i.revenue, "message": i.message, "advice": i.advice,
        "in_order_list": i.in_order_list and asdict(i.in_order_list),
        "consequences": [
            {"check": f.check, "column": f.column, "file": f.file, "severity": str(f.severity), "message": f.message}
            for f in i.consequences
        ],
    }  # fmt: skip


def _answered(incidents: Sequence[Incident]) -> dict[int, str]:
    """Return the advice on each finding, by its identity, that the shop's order list has made more exact."""
    return {id(f): i.advice for i in incidents if i.advice not in [f.advice for f in i.findings] for f in i.findings}


def _junit(findings: Sequence[Finding], incidents: Sequence[Incident]) -> str:
    """Return one test case for each finding; a check that fails at P3, a note, passes."""
    from xml.etree import ElementTree

    answered = _answered(incidents)
    failed = [f for f in findings if f.severity is not None and f.severity < Severity.P3]
    skipped = sum(f.status == "skip" for f in findings)
    suite = ElementTree.Element(
        "testsuite", name="data quality", tests=str(len(findings)), failures=str(len(failed)), skipped=str(skipped)
    )
    for f in findings:
        name = printable(f"{f.check} {f.column}".strip(), " ")
        case = ElementTree.SubElement(suite, "testcase", classname=printable(f.file, " "), name=name)
        if f.status == "skip":
            ElementTree.SubElement(case, "skipped", message=printable(f.message, " "))
        elif f.severity is not None and f.severity < Severity.P3:
            failure = ElementTree.SubElement(case, "failure", type=str(f.severity), message=printable(f.message, " "))
            failure.text = printable(answered.get(id(f), f.advice), " ")
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
