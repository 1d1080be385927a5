"""The report as files: CSV for people and spreadsheets, JSON and JUnit XML for machines."""

import csv
import hashlib
import io
import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from quality.judgement import Finding, Incident
from quality.scan import FileFacts, Scan

REPORT_COLUMNS = (
    "incident", "severity", "status", "check", "file", "column", "checked", "failed", "failed_share", "threshold",
    "revenue_at_stake", "first_bad_line", "example", "message", "advice",
)  # fmt: skip


def report_rows(findings: Sequence[Finding], incidents: Sequence[Incident]) -> list[dict[str, Any]]:
    """One row for each file, check and column; `incident` is the number on the console."""
    number = {id(f): i.number for i in incidents for f in i.findings}
    return [
        {
            "incident": number.get(id(f)),
            "severity": f.severity,
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
            "message": f.message,
            "advice": f.advice,
        }
        for f in findings
    ]


def profile_rows(scan: Scan) -> list[dict[str, Any]]:
    """One row for each file: what is in it, whether right or wrong."""
    found = scan.connection.execute("select * from journey_profile")
    names = [d[0] for d in found.description][1:]
    journeys = {row[0]: row[1:] for row in found.fetchall()}
    rows = []
    for facts in scan.files:
        row: dict[str, Any] = {
            "file": facts.file.name,
            "day": facts.day,
            "bytes": facts.file.size,
            "rows": facts.records,
            "unreadable": facts.file.rejected,
            "clients": facts.clients,
        }
        for event in scan.contract.events:
            row[f"events_{event.name}"] = sum(facts.events.get(n, 0) for n in (event.name, *event.synonyms))
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


def add_facts(scan: Scan, profile: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the profile with what a program needs besides: which content was checked, and its empty hours."""
    empty = dict(
        scan.connection.execute(
            "select file_no, list(hour order by hour) from hour_grid where is_dead group by 1"
        ).fetchall()
    )
    return [
        row | {"content_hash": _content_hash(facts.file.source), "empty_hours": empty.get(facts.file_no, [])}
        for row, facts in zip(profile, scan.files, strict=True)
    ]


def _content_hash(path: Path | None) -> str | None:
    """Return the SHA-256 of the uncompressed bytes, as bronze.files has it; None where none could be read."""
    if path is None:
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_csv(path: Path, columns: Collection[str], rows: Iterable[dict[str, Any]]) -> None:
    """Write rows that are safe to open in a spreadsheet, whole or not at all."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row[c]) for c in columns] for row in rows)
    write_whole(path, text.getvalue())


def write_json(
    path: Path,
    rows: list[dict[str, Any]],
    files: list[dict[str, Any]],
    incidents: Sequence[Incident],
    dimensions: Mapping[str, str],
) -> None:
    """The rows of both CSVs, add_facts() and the incidents, amounts as text so that no cent is rounded.

    `dimensions` maps a check to its dimension of quality (ODCS), by which a data catalogue groups findings.
    """
    findings = [row | {"dimension": dimensions[row["check"]]} for row in rows]
    days = {file["file"]: file["day"] for file in files}
    document = {"incidents": [incident_row(i, days) for i in incidents], "findings": findings, "files": files}
    write_whole(path, json.dumps(document, indent=1, default=str, ensure_ascii=False) + "\n")


def write_junit(path: Path, findings: Sequence[Finding]) -> None:
    """One test case for each finding; a check that fails at P3, a note, passes."""
    failures = sum(f.status == "fail" and f.severity < "P3" for f in findings)
    skipped = sum(f.status == "skip" for f in findings)
    suite = ElementTree.Element(
        "testsuite", name="data quality", tests=str(len(findings)), failures=str(failures), skipped=str(skipped)
    )
    for f in findings:
        case = ElementTree.SubElement(
            suite, "testcase", classname=_xml(f.file), name=_xml(f"{f.check} {f.column}".strip())
        )
        if f.status == "skip":
            ElementTree.SubElement(case, "skipped", message=_xml(f.message))
        elif f.status == "fail" and f.severity < "P3":
            failure = ElementTree.SubElement(case, "failure", type=f.severity, message=_xml(f.message))
            failure.text = _xml(f.advice)
    ElementTree.indent(suite)
    write_whole(path, ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n")


def incident_row(i: Incident, days: Mapping[str, date]) -> dict[str, Any]:
    """Return an incident as the JSON report has it; `days` are the files' days by name."""
    return {
        "incident": i.number, "severity": i.severity, "check": i.check, "column": i.column,
        "first_bad_day": days[i.findings[0].file], "last_bad_day": days[i.findings[-1].file],
        "last_good_day": days[i.last_good] if i.last_good else None,
        "first_bad_file": i.findings[0].file, "last_bad_file": i.findings[-1].file, "last_good_file": i.last_good,
        "files": len(i.findings), "failed": i.failed, "checked": i.checked, "orders": i.orders,
        "revenue_at_stake": i.revenue, "message": i.message, "advice": i.advice,
    }  # fmt: skip


def write_whole(path: Path, text: str) -> None:
    """Write beside the file and put it in its place at once; raises OSError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8", newline="")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula gets an apostrophe (OWASP, CSV injection)."""
    if isinstance(value, str):
        if not value.isprintable():
            value = "".join(c if c.isprintable() else " " for c in value)
        return "'" + value if value[:1] in ("=", "+", "-", "@") else value
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".") or "0"
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    return value


def _xml(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def total(files: Sequence[FileFacts]) -> tuple[int, int, Decimal]:
    """Events, orders and gross revenue of all files."""
    return sum(f.records for f in files), sum(f.orders for f in files), sum((f.revenue for f in files), Decimal(0))
