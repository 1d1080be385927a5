"""Summarise the verdict on all files: a colour and a sentence."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from event_data.contract import Contract, Severity
from event_data.output import count
from quality.incidents import Incident
from quality.scan import FileFacts

STATUS = {Severity.P0: "RED", Severity.P1: "YELLOW", Severity.P2: "YELLOW", Severity.P3: "GREEN"}


def status_of(incidents: Sequence[Incident]) -> str:
    """Return the colour of the worst incident."""
    return STATUS[min((i.severity for i in incidents), default=Severity.P3)]


def headline(files: Sequence[FileFacts], incidents: Sequence[Incident], contract: Contract) -> str:
    """Return one sentence about what was read, and how serious the incidents are."""
    currency = contract.currency
    events, orders, revenue = total(files)
    gross = f", {currency.exact(revenue)} gross" if revenue or not orders else ", revenue unknown"
    gross = gross if "amount" in contract.values else ""
    days = days_of(files)
    severities = Counter(i.severity for i in incidents)
    if urgent := [i for i in incidents if i.severity == Severity.P0]:
        worst = max(urgent, key=lambda i: i.revenue or 0)
        result = f"{count(len(urgent), 'incident')} to act on now" + (
            f", the costliest with {currency.exact(worst.revenue)} at stake" if worst.revenue else ""
        )
    elif others := severities[Severity.P1] + severities[Severity.P2]:
        result = f"no emergency, {count(others, 'incident')} to look into"
    else:
        result = "nothing to act on"
    read = f"{deliveries(files, contract)}, {days}: {events:,} events, {orders:,} orders{gross}"
    return f"{read}; {result}."


def deliveries(files: Sequence[FileFacts], contract: Contract) -> str:
    """Return how many files or days have arrived, and how many have not."""
    missing = sum(facts.missing for facts in files)
    return count(len(files) - missing, contract.unit_of_files) + (f" ({missing:,} missing)" if missing else "")


def days_of(files: Sequence[FileFacts]) -> str:
    """Return the first and the last day of the files."""
    first, last = min(f.day for f in files), max(f.day for f in files)
    return f"{first} to {last}" if first < last else str(first)


def total(files: Sequence[FileFacts]) -> tuple[int, int, Decimal]:
    """Return events, orders and gross revenue of all files."""
    return sum(f.records for f in files), sum(f.orders for f in files), sum((f.revenue for f in files), Decimal(0))
