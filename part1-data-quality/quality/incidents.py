"""From verdicts to incidents: consecutive failures are one."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import groupby

from event_data.contract import Severity
from event_data.money import Currency
from quality.definitions import Definition, Measure, percent
from quality.evaluation import Finding
from quality.scan import FileFacts

LEAST_DOUBT = 0.01  # an incident goes on while its files without a case had at least this chance of none


@dataclass(frozen=True)
class Incident:
    """Consecutive files that fail the same check on the same column."""

    number: int
    severity: Severity
    check: str
    column: str
    findings: tuple[Finding, ...]
    first_day: date
    last_day: date
    is_open: bool  # no later file has shown that it is over
    last_good: str | None  # the nearest earlier file that passed the check
    last_good_day: date | None
    checked: int
    failed: int
    orders: int | None
    revenue: Decimal | None
    message: str
    advice: str


def find_incidents(
    findings: Sequence[Finding],
    definitions: Mapping[str, Definition],
    files: Sequence[FileFacts],
    currency: Currency,
) -> list[Incident]:
    """Join the failures of consecutive files; the worst come first and are numbered from 1.

    A file that passes ends an incident only if it could have shown the fault: four orders in two
    hundred leave most days without one. It could when, at the incident's rate, a file of so many
    cases stays clean less than once in a hundred. A file with nothing to check ends nothing.
    """
    days = {facts.file_no: facts.day for facts in files}
    found = []
    ordered = sorted(findings, key=lambda f: (f.check, f.column, f.file_no))
    for (check, _), group in groupby(ordered, key=lambda f: (f.check, f.column)):
        looked = [f for f in group if f.status != "skip"]
        for first, last in _runs(looked):
            span, after = looked[first : last + 1], looked[last + 1 :]
            before = [f for f in looked[:first] if f.status == "pass"]
            is_open = _could_be_chance(span, after)
            found.append(_incident(span, before, is_open, definitions[check], days, currency))
    found.sort(
        key=lambda i: (i.severity, -(i.revenue or 0), -(i.orders or 0), i.findings[0].file_no, i.check, i.column)
    )
    return [replace(incident, number=n) for n, incident in enumerate(found, 1)]


def _runs(looked: list[Finding]) -> list[tuple[int, int]]:
    """Return first and last position of each incident among the findings of one check and column."""
    runs: list[tuple[int, int]] = []
    for at, finding in enumerate(looked):
        if finding.status != "fail":
            continue
        first, last = runs[-1] if runs else (at, at)
        if runs and _could_be_chance(looked[first : last + 1], looked[last + 1 : at]):
            runs[-1] = (first, at)
        else:
            runs.append((at, at))
    return runs


def _could_be_chance(run: list[Finding], clean: list[Finding]) -> bool:
    """Return whether clean files after a run may only have been lucky."""
    if any(f.failed for f in clean):
        return False
    cases = sum(f.checked or 0 for f in run + clean)
    rate = sum(f.failed or 0 for f in run) / max(1, cases)
    return (1 - min(1.0, rate)) ** sum(f.checked or 0 for f in clean) >= LEAST_DOUBT


def _incident(
    span: list[Finding],
    before: list[Finding],
    is_open: bool,
    definition: Definition,
    days: Mapping[int, date],
    currency: Currency,
) -> Incident:
    """Sum up the failures of a span of files, and the cases of all of them."""
    failures = [f for f in span if f.status == "fail"]
    first = failures[0]
    orders = [f.orders for f in failures if f.orders is not None]
    revenue = [f.revenue for f in failures if f.revenue is not None]
    total = Measure(
        0, first.column, sum(f.checked or 0 for f in span), sum(f.failed or 0 for f in failures),
        sum(orders) if orders else None,
        sum(revenue, Decimal(0)) if revenue else None,
        example=next((f.example for f in failures if f.example), None),
    )  # fmt: skip
    same = len({f.message for f in failures}) == 1
    message = first.message if same else definition.describe(total, currency, first.expected)
    message += _where(failures, total.failed) + _on_top(definition, failures, before)
    good = before[-1] if before else None
    return Incident(
        0, min(f.severity for f in failures if f.severity is not None), first.check, first.column, tuple(failures),
        days[first.file_no], days[failures[-1].file_no], is_open, good.file if good else None,
        days[good.file_no] if good else None,
        total.checked, total.failed, total.orders, total.revenue, message, first.advice,
    )  # fmt: skip


def _where(failures: list[Finding], failed: int) -> str:
    """Return the page on which most of the failed events happened."""
    places = Counter[str]()
    for f in failures:
        places.update({f.place[0]: f.place[1]} if f.place else {})
    place, count = places.most_common(1)[0] if places else ("", 0)
    return f", {percent(count / failed)} of them on {place}" if count > failed / 2 else ""


def _on_top(definition: Definition, failures: list[Finding], before: list[Finding]) -> str:
    """Return whether events without a value came on top of the usual ones, or instead of them.

    It is said where the events that have one number within an eighth of what they did on the good days.
    """
    if definition.check != "null_share" or not before:
        return ""
    now, usual = ([(f.checked or 0) - (f.failed or 0) for f in some] for some in (failures, before))
    if sum(f.failed or 0 for f in failures) < 0.05 * sum(f.checked or 0 for f in failures):
        return ""
    if abs(sum(now) / len(now) / (sum(usual) / len(usual)) - 1) > 1 / 8:
        return ""
    return "; as many events as before have one, so these seem to be extra"
