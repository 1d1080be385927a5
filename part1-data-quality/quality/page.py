"""Write the report as a page that needs no network: a calendar of checks and days, and each incident's evidence."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from event_data.contract import Severity
from event_data.output import day_name, printable, templates
from event_data.page import render_page
from quality.definitions import percent
from quality.evaluation import Finding
from quality.evidence import Evidence
from quality.headline import days_of, headline, status_of
from quality.incidents import Incident
from quality.scan import FileFacts, Scan
from quality.ticket import consequences, counts_cases, facts, ticket

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

TEMPLATES = Path(__file__).with_name("templates")
MOST_DAYS = 42  # columns; a longer calendar has a column per week
LEAST_SHARE = 0.05  # of the cases; from here on, a row of the calendar shows shares instead of counts
LABELS = ("time", "event", "order", "amount", "page", "browser", "client", "referrer")  # of an example, in this order
MOST_FILES = 31  # listed for an incident; dq_report.csv has all


class Column(NamedTuple):
    """A day of the calendar, or a week."""

    first: date
    last: date

    @property
    def label(self) -> str:
        """Return the label for a mouse pointer or a screen reader: 27 Feb, or 24 Feb to 2 Mar."""
        return day_name(self.first) if self.first == self.last else f"{day_name(self.first)} to {day_name(self.last)}"


class Cell(NamedTuple):
    """Columns that look the same. A failed column has its own cell; `text` is the extent, `title` says it in words."""

    kind: str  # p0 to p3, good, or none
    span: int
    text: str
    title: str
    incident: int | None


@dataclass(frozen=True)
class Row:
    """A check and column of the calendar, with its worst incident."""

    check: str
    column: str
    incident: int
    severity: Severity
    cells: list[Cell]


def page(
    scan: Scan, findings: Sequence[Finding], incidents: Sequence[Incident], evidence: Mapping[int, Evidence]
) -> str:
    """Return the page."""
    contract, files = scan.contract, scan.files
    columns = columns_of([f.day for f in files])
    rows = calendar(findings, incidents, files, columns)
    failed = {f.check for f in findings if f.status == "fail"}
    looked = {f.check for f in findings if f.status == "pass"} - failed
    return render_page(
        environment().get_template("dq_report.html.j2"),
        f"Data quality, {days_of(files)}",
        status=status_of(incidents),
        headline=headline(files, incidents, contract),
        columns=columns,
        weekly=is_weekly(columns),
        months=[(f"{first:%b %Y}", span) for first, span in _months(columns)],
        rows=rows,
        whole=worst_of_day(columns, findings, incidents, files),
        incidents=[(i, evidence[i.number]) for i in incidents],
        facts={i.number: facts(i, evidence[i.number], contract) for i in incidents},
        tickets={i.number: ticket(i, evidence[i.number], contract) for i in incidents},
        consequences={i.number: consequences(i) for i in incidents},
        labels={i.number: _labels(evidence[i.number]) for i in incidents},
        files=files,
        failures=Counter(f.file_no for f in findings if f.status == "fail"),
        passed=sorted(looked),
        skipped=sorted({f.check for f in findings} - looked - failed),
        number_of_checks=len({f.check for f in findings}),
        currency=contract.currency,
        unit=contract.unit_of_files,
        has_orders=contract.event_of("order") is not None,
        has_amount="amount" in contract.values,
        several_at_stake=sum(bool(i.revenue) for i in incidents) > 1,
        most_files=MOST_FILES,
    )


@cache
def environment() -> "jinja2.Environment":
    """Return the templates of part 1; whatever comes from the files is escaped."""
    made = templates(TEMPLATES, autoescape=True, finalize=_finalized)
    made.filters |= {"percent": percent, "breakable": _breakable}
    return made


def _finalized(value: object) -> object:
    """Return text without control characters, which can hide or reorder the text after them."""
    return printable(value, " ") if type(value) is str and "\n" not in value else value


def columns_of(days: Iterable[date]) -> list[Column]:
    """Return a column for each day from the first to the last, or for each week if that would be too many."""
    first, last = min(days), max(days)
    count = (last - first).days + 1
    if count <= MOST_DAYS:
        return [Column(day, day) for day in (first + timedelta(days=n) for n in range(count))]
    monday = first - timedelta(days=first.weekday())
    weeks = (monday + timedelta(days=n) for n in range(0, (last - monday).days + 1, 7))
    return [Column(max(day, first), min(day + timedelta(days=6), last)) for day in weeks]


def is_weekly(columns: Sequence[Column]) -> bool:
    """Return whether the columns are weeks; the first and the last may be shorter."""
    return any(column.first < column.last for column in columns)


def calendar(
    findings: Sequence[Finding], incidents: Sequence[Incident], files: Sequence[FileFacts], columns: Sequence[Column]
) -> list[Row]:
    """Return a row for each check and column that failed, in the order of their worst incidents."""
    of_finding = {id(f): i.number for i in incidents for f in (*i.findings, *i.consequences)}
    by_key: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        by_key[finding.check, finding.column].append(finding)
    place, weekly = _places(columns), is_weekly(columns)
    rows = {}
    for incident in incidents:
        key = incident.check, incident.column
        if key in rows:
            continue
        here: dict[int, list[Finding]] = defaultdict(list)
        for finding in by_key[key]:
            here[place[files[finding.file_no].day]].append(finding)
        form = "" if weekly else _form(incident)
        cells = [_cell(here.get(n, []), of_finding, column, form) for n, column in enumerate(columns)]
        rows[key] = Row(*key, incident.number, incident.severity, _merged(cells))
    return list(rows.values())


def worst_of_day(
    columns: Sequence[Column], findings: Sequence[Finding], incidents: Sequence[Incident],
    files: Sequence[FileFacts],
) -> list[Cell]:  # fmt: skip
    """Return the worst severity in each column over all checks."""
    place = _places(columns)
    worst: dict[int, tuple[Severity, int | None]] = {}
    of_finding = {id(f): i.number for i in incidents for f in (*i.findings, *i.consequences)}
    seen = {place[f.day] for f in files}
    for finding in findings:
        if finding.severity is not None:
            at = place[files[finding.file_no].day]
            if at not in worst or finding.severity < worst[at][0]:
                worst[at] = finding.severity, of_finding.get(id(finding))
    cells = []
    for n, column in enumerate(columns):
        if n in worst:
            word, incident = str(worst[n][0]), worst[n][1]
            cells.append(Cell(word.lower(), 1, word, f"{column.label}: {word}", incident))
        else:
            cells.append(Cell("good" if n in seen else "none", 1, "", column.label, None))
    return _merged(cells)


def _form(incident: Incident) -> str:
    """Return the form in which a row shows how much failed; empty for whole files and unusual counts."""
    if counts_cases(incident):
        return "share" if incident.failed >= LEAST_SHARE * incident.checked else "count"
    return ""


def _cell(findings: Sequence[Finding], numbers: Mapping[int, int], column: Column, form: str) -> Cell:
    failures = [f for f in findings if f.severity is not None]
    if not failures:
        return Cell("good" if any(f.status == "pass" for f in findings) else "none", 1, "", "", None)
    worst = min(failures, key=lambda f: f.severity or 0)
    checked, failed = sum(f.checked or 0 for f in failures), sum(f.failed or 0 for f in failures)
    text = {"share": f"{failed / max(checked, 1):.0%}", "count": _short(failed)}.get(form, "")
    words = f"{column.label}: {worst.severity}" + (f", {failed:,} of {checked:,}" if text else "")
    return Cell(str(worst.severity).lower(), 1, text, words, numbers.get(id(worst)))


def _merged(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells, with neighbouring empty ones joined, so that a long page stays small."""
    merged: list[Cell] = []
    for cell in cells:
        if merged and cell.incident is None and merged[-1].incident is None and merged[-1].kind == cell.kind:
            merged[-1] = merged[-1]._replace(span=merged[-1].span + 1, title="")
        else:
            merged.append(cell)
    return merged


def _places(columns: Sequence[Column]) -> dict[date, int]:
    return {
        column.first + timedelta(days=d): n
        for n, column in enumerate(columns)
        for d in range((column.last - column.first).days + 1)
    }


def _months(columns: Sequence[Column]) -> list[tuple[date, int]]:
    months: list[tuple[date, int]] = []
    for column in columns:
        if months and (months[-1][0].year, months[-1][0].month) == (column.first.year, column.first.month):
            months[-1] = months[-1][0], months[-1][1] + 1
        else:
            months.append((column.first, 1))
    return months


def _labels(evidence: Evidence) -> list[str]:
    """Return the columns for which an incident's examples have values."""
    filled = {label for example in evidence.examples for label in example.fields}
    return [label for label in LABELS if label in filled] + sorted(filled.difference(LABELS))


def _breakable(name: str) -> "Markup":
    """Return a name that may be broken after an underscore or a dot."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"(?<=[._])(?=\w)", "<wbr>", str(escape(printable(name)))))


def _short(number: int) -> str:
    return f"{number:,}" if number < 1000 else f"{number / 1000:.1f}k" if number < 99_950 else f"{number / 1000:.0f}k"
