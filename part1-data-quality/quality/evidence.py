"""Collect each incident's evidence: when, where and in which browsers it happened, example rows, pairs of orders."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice

from event_data.output import printable
from quality.checks import DEFINITIONS
from quality.definitions import statements
from quality.example_rows import browser, earliest, masked, masked_address, path_of, read_rows, shown
from quality.incidents import Incident
from quality.scan import FileFacts, Scan

SQL = statements("evidence.sql")
SEEN = 100  # failed rows of an incident that are read again: the first few of each file
EXAMPLES = 5  # rows shown for an incident
PAIRS = 50  # pairs of orders shown for an incident
PLACES = 3  # pages and browsers named for an incident


@dataclass(frozen=True)
class Example:
    """A failed row: its file and line, and the shown fields, label -> value."""

    file: str
    line: int | None
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Order:
    """An order as it arrived."""

    file: str
    line: int
    transaction_id: str
    amount: Decimal | None


@dataclass
class Evidence:
    """The evidence of an incident besides its counts, from the first failed rows of each of its files."""

    first: str = ""  # the earliest time in the first file, as the file has it
    of_first: int = 0  # failed rows of that file that were examined
    seen: int = 0  # failed rows that were examined for pages and browsers
    pages: Counter[str] = field(default_factory=Counter)
    browsers: Counter[str] = field(default_factory=Counter)
    examples: list[Example] = field(default_factory=list)
    pairs: list[tuple[Order, Order]] = field(default_factory=list)  # the earlier order comes first

    @property
    def main_pages(self) -> list[tuple[str, float]]:
        """Return the most frequent pages with their shares."""
        return _shares(self.pages, self.seen)

    @property
    def main_browsers(self) -> list[tuple[str, float]]:
        """Return the most frequent browsers with their shares."""
        return _shares(self.browsers, self.seen)


Rows = Mapping[tuple[int, int], "_Row"]  # by file number and record


@dataclass(frozen=True)
class _Row:
    """A failed row, read again: the text of each column, and the order's id and amount if it is an order."""

    facts: FileFacts
    line: int
    texts: Mapping[str, str]  # by header name
    roles: Mapping[str, str]
    transaction_id: str | None = None
    amount: Decimal | None = None


def collect(scan: Scan, incidents: Sequence[Incident]) -> dict[int, Evidence]:
    """Return the evidence of each incident by its number."""
    rows = _read_again(scan, incidents)
    pairs = list(_order_pairs(scan, incidents))
    return {i.number: _evidence(scan, i, rows, pairs) for i in incidents}


def _read_again(scan: Scan, incidents: Sequence[Incident]) -> Rows:
    """Return the first failed rows of each incident and file."""
    wanted: dict[int, set[int]] = defaultdict(set)
    for incident in incidents:
        for file_no, record in _looked_at(incident):
            wanted[file_no].add(record)
    keys = [(n, record) for n, records in wanted.items() for record in records]
    if not keys:
        return {}
    named = {"file_nos": [n for n, _ in keys], "records": [record for _, record in keys]}
    orders = {row[:2]: row[2:] for row in scan.connection.execute(SQL["orders"], named).fetchall()}
    rows = {}
    for n, records in wanted.items():
        facts = scan.files[n]
        roles = scan.contract.roles
        header_of = {role: headers[0] for role, name in roles.items() if (headers := facts.headers.get(name))}
        for record, texts in read_rows(facts.file, records).items():
            mine = {role: texts[header] for role, header in header_of.items()}
            line = facts.file.physical_line(record)
            rows[n, record] = _Row(facts, line, texts, mine, *orders.get((n, record), ()))
    return rows


def _looked_at(incident: Incident) -> list[tuple[int, int]]:
    """Return the file number and record of each failed row to read again: the first few of each file."""
    each = max(1, SEEN // len(incident.findings))
    return [(f.file_no, record) for f in incident.findings for record in f.first_records[:each]]


def _evidence(scan: Scan, incident: Incident, rows: Rows, pairs: Sequence[tuple[str, Order, Order]]) -> Evidence:
    first = incident.findings[0]
    mine = [rows[key] for key in _looked_at(incident) if key in rows]
    of_first = [row for row in mine if row.facts.file_no == first.file_no]
    times = [row.roles.get("time", "") for row in of_first]
    files = {f.file for f in incident.findings}
    return Evidence(
        first=printable(earliest([time for time in times if time]))[:40],
        of_first=len(of_first),
        seen=len(mine),
        pages=Counter(path_of(page) for row in mine if (page := row.roles.get("page"))),
        browsers=Counter(browser(agent) for row in mine if (agent := row.roles.get("user_agent"))),
        examples=[_example(scan, incident, row) for row in mine[:EXAMPLES]]
        or list(islice(_bad_lines(scan, incident), EXAMPLES)),
        pairs=[(one, other) for check, one, other in pairs if check == incident.check and other.file in files],
    )


def _example(scan: Scan, incident: Incident, row: _Row) -> Example:
    """Return the fields of an example: enough to locate the row, but nothing that identifies a person."""
    roles = row.roles
    fields = {
        "time": shown(roles.get("time", "")),
        "event": shown(roles.get("event", "")),
        "order": printable(row.transaction_id or ""),
        "amount": scan.contract.currency.exact(row.amount) if row.amount is not None else "",
        "page": masked_address(roles.get("page", "")),
        "browser": browser(roles["user_agent"]) if roles.get("user_agent") else "",
        "client": masked(roles.get("client", "")),
        "referrer": masked_address(roles.get("referrer", "")),
    }
    headers = row.facts.headers.get(incident.column)
    if headers and scan.contract.role_of(incident.column) is None:
        fields[incident.column] = masked(row.texts[headers[0]])
    return Example(row.facts.file.name, row.line, {label: value for label, value in fields.items() if value})


def _bad_lines(scan: Scan, incident: Incident) -> Iterator[Example]:
    """Yield the lines with problems in a file's bytes."""
    kinds = DEFINITIONS[incident.check].problems
    for finding in incident.findings:
        for problem in scan.files[finding.file_no].file.problems:
            if problem.kind in kinds and problem.line:
                yield Example(finding.file, problem.line, {"problem": printable(problem.message)})


def _order_pairs(scan: Scan, incidents: Sequence[Incident]) -> Iterator[tuple[str, Order, Order]]:
    """Yield the check, the earlier and the later order of each pair that an incident is about."""
    checks = {i.check for i in incidents}
    about = {
        "transaction_id_resubmission", "transaction_id_amendment", "transaction_id_collision", "transaction_id_reused",
        "possible_duplicate",
    }  # fmt: skip
    if not checks & about:
        return
    for check, *orders in scan.connection.execute(SQL["order_pairs"]).fetchall():
        if check in checks:
            yield check, _order(scan, *orders[:4]), _order(scan, *orders[4:])


def _order(scan: Scan, file_no: int, record: int, transaction_id: str | None, amount: Decimal | None) -> Order:
    file = scan.files[file_no].file
    return Order(file.name, file.physical_line(record), printable(transaction_id or ""), amount)


def _shares(counts: Counter[str], total: int) -> list[tuple[str, float]]:
    return [(name, count / total) for name, count in counts.most_common(PLACES)]
