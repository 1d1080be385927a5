"""The summary on the terminal: a headline, then the incidents, worst first, within the terminal's width."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from event_data.cli import Terminal
from event_data.contract import Contract, Severity
from event_data.money import Currency
from event_data.output import paragraph, short_path, table, verdict
from quality.evaluation import Finding
from quality.incidents import Incident
from quality.reports import total
from quality.scan import FileFacts

STATUS = {Severity.P0: "RED", Severity.P1: "YELLOW", Severity.P2: "YELLOW", Severity.P3: "GREEN"}
HEADINGS = ("#", "SEV", "SINCE", "UNTIL", "FILES", "CASES", "AT STAKE")


def status_of(incidents: Sequence[Incident]) -> str:
    """Return the colour of the worst incident."""
    return STATUS[min((i.severity for i in incidents), default=Severity.P3)]


def headline(files: Sequence[FileFacts], incidents: Sequence[Incident], contract: Contract) -> str:
    """Return one sentence: what was read, and how bad it is."""
    currency = contract.currency
    events, orders, revenue = total(files)
    gross = f", {currency.exact(revenue)} gross" if revenue or not orders else ", revenue unknown"
    gross = gross if "amount" in contract.values else ""
    days = f"{min(f.day for f in files)} to {max(f.day for f in files)}"
    count = Counter(i.severity for i in incidents)
    if urgent := [i for i in incidents if i.severity == Severity.P0]:
        worst = max(urgent, key=lambda i: i.revenue or 0)
        result = f"{_number(len(urgent), 'incident')} to act on now" + (
            f", the costliest affects {currency.exact(worst.revenue)}" if worst.revenue else ""
        )
    elif others := count[Severity.P1] + count[Severity.P2]:
        result = f"no emergency, {_number(others, 'incident')} to look into"
    else:
        result = "nothing to act on"
    read = f"{_number(len(files), contract.unit_of_files)}, {days}: {events:,} events, {orders:,} orders{gross}"
    return f"{read}; {result}."


def summary(
    files: Sequence[FileFacts],
    findings: Sequence[Finding],
    incidents: Sequence[Incident],
    written: Sequence[Path],
    contract: Contract,
    terminal: Terminal,
) -> str:
    """Return the whole summary."""
    word, width = status_of(incidents), terminal.width
    first = paragraph(f"{word}  {headline(files, incidents, contract)}", width)
    lines = [first.replace(word, verdict(word, terminal.colour), 1)]
    if incidents:
        cells = [_row(i, contract.currency) for i in incidents]
        head, *rows = table(HEADINGS, cells, width, right=(0, 4, 5, 6), indent=0)
        lines += ["", head]
        for row, i in zip(rows, incidents, strict=True):
            good = f" Last good file: {i.last_good}." if i.last_good else ""
            lines += [row, paragraph(f"{i.check}: {i.message}.{good}", width, indent=4)]
            if i.severity < Severity.P3:
                lines.append(paragraph("-> " + i.advice, width, indent=4, hanging=7))
    if sum(bool(i.revenue) for i in incidents) > 1:
        lines += ["", paragraph("One order can be at stake in several incidents; do not add the amounts up.", width)]
    status = Counter(f.status for f in findings)
    checks, deliveries = len({f.check for f in findings}), _number(len(files), contract.unit_of_files)
    lines += ["", paragraph(
        f"{checks} checks on {deliveries}: {status['pass']:,} passed, {status['fail']:,} failed, "
        f"{status['skip']:,} had nothing to check.", width,
    )]  # fmt: skip
    return "\n".join([*lines, *(f"  {short_path(path)}" for path in written)])


def _row(i: Incident, currency: Currency) -> tuple[str, ...]:
    at_stake = currency.exact(i.revenue) if i.revenue else "-"
    days = str(i.first_day), str(i.last_day)
    return str(i.number), str(i.severity), *days, str(len(i.findings)), f"{i.failed:,}", at_stake


def _number(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "s")
