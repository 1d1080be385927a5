"""Write an incident as plain text that can be pasted into a ticket."""

from collections.abc import Sequence

from event_data.contract import Contract
from event_data.money import Currency
from event_data.output import count, printable
from quality.definitions import COUNTS, percent
from quality.evidence import Evidence, Example, Order
from quality.incidents import Incident

PAIRS = 10  # of orders; more would fill the ticket


def ticket(incident: Incident, evidence: Evidence, contract: Contract) -> str:
    """Return the incident in Markdown that is also readable as plain text."""
    lines = [f"{incident.severity} {incident.check}: {incident.message}", ""]
    lines += [f"- {label}: {text}" for label, text in facts(incident, evidence, contract)]
    lines += ["", "What to do: " + incident.advice]
    if followers := consequences(incident):
        lines += ["", "Consequences:", *(f"- {name}: {message}" for name, message in followers)]
    if evidence.pairs:
        lines += ["", "Orders to compare:"]
        lines += [f"- {pair_text(pair, contract.currency)}" for pair in evidence.pairs[:PAIRS]]
        lines += [f"- and {more:,} more pairs"] if (more := len(evidence.pairs) - PAIRS) > 0 else []
    elif evidence.examples:
        lines += ["", "Examples (masked):"]
        lines += [f"- {example_text(example)}" for example in evidence.examples]
    return printable_lines(lines)


def facts(incident: Incident, evidence: Evidence, contract: Contract) -> list[tuple[str, str]]:
    """Return the label and text of each fact about an incident, in the order of a report."""
    first, unit = incident.findings[0], contract.unit_of_files
    where = f"{first.file}, line {first.line:,}" if first.line else first.file
    lines = [("Since", f"{incident.first_day} ({where})")]
    if evidence.first:
        is_sample = evidence.of_first < (first.failed or 0)
        among = f" (the earliest of the first {evidence.of_first} failed rows)" if is_sample else ""
        lines.append(("First failure", evidence.first + among))
    ended = "not over yet" if incident.is_open else "over"
    lines.append(("Last bad day", f"{incident.last_day} ({ended}; {count(len(incident.findings), unit)})"))
    lines.append((f"Last good {unit}", incident.last_good or f"none among these {unit}s"))
    if counts_cases(incident):
        share = percent(incident.failed / incident.checked)
        lines.append(("Failed since then", f"{incident.failed:,} of {incident.checked:,} ({share})"))
    if incident.revenue:
        orders = f", {count(incident.orders, 'order')}" if incident.orders else ""
        lines.append(("At stake", f"{contract.currency.exact(incident.revenue)}{orders}"))
    of_seen = f" (of {evidence.seen:,} failed rows examined)" if evidence.seen < incident.failed else ""
    for label, places in (("Pages", evidence.main_pages), ("Browsers", evidence.main_browsers)):
        if places:
            lines.append((label, ", ".join(f"{name} {percent(share)}" for name, share in places) + of_seen))
    return lines


def consequences(incident: Incident) -> list[tuple[str, str]]:
    """Return the checks that fail because of the incident, with the first message and the number of files."""
    by_check: dict[str, list[str]] = {}
    for finding in incident.consequences:
        by_check.setdefault(f"{finding.check} {finding.column}".strip(), []).append(finding.message)
    return [
        (name, messages[0] if len(messages) == 1 else f"in {len(messages):,} files, first: {messages[0]}")
        for name, messages in by_check.items()
    ]


def counts_cases(incident: Incident) -> bool:
    """Return whether a share of cases failed, rather than a whole file or an unusual count."""
    return any(f.comparison not in COUNTS and (f.checked or 0) > 1 for f in incident.findings)


def pair_text(pair: tuple[Order, Order], currency: Currency) -> str:
    """Return two orders on one line, the earlier one first."""
    return " and ".join(
        f"{o.transaction_id or 'an order without an id'} of {currency.exact(o.amount)} ({o.file}, line {o.line:,})"
        for o in pair
    )


def example_text(example: Example) -> str:
    """Return a failed row on one line."""
    where = f"{example.file}, line {example.line:,}" if example.line else example.file
    return f"{where}: " + ", ".join(f"{label} {value}" for label, value in example.fields.items())


def printable_lines(lines: Sequence[str]) -> str:
    """Return the lines as a text in which the data cannot control a terminal."""
    return "\n".join(printable(line) for line in lines)
