"""From what was counted to a verdict on every check, file and column, and from verdicts to incidents."""

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import groupby
from math import ceil
from typing import Any

from event_data.contract import Contract
from quality.definitions import Definition, Measure
from quality.expected_ranges import amount_range, count_range, is_beyond, share_range
from quality.scan import FileFacts
from quality.wording import percent, says

DAYS_BESIDE = 28  # a count is compared with the days of four weeks before and after it
LEAST_DOUBT = 0.01  # an incident goes on while its files without a case had at least this chance of none


@dataclass(frozen=True)
class Finding:
    """One check on one column of one file. `status` is pass, fail or skip (there was nothing to check)."""

    status: str
    severity: str
    check: str
    file_no: int
    file: str
    column: str
    checked: int | None = None
    failed: int | None = None
    threshold: str = ""
    orders: int | None = None
    revenue: Decimal | None = None
    line: int | None = None
    example: str | None = None
    message: str = ""
    advice: str = ""
    expected: str = ""
    place: tuple[str, int] | None = None

    @property
    def failed_share(self) -> float | None:
        return self.failed / self.checked if self.checked and self.failed is not None else None


@dataclass(frozen=True)
class Incident:
    """Consecutive files that fail the same check on the same column."""

    number: int
    severity: str
    check: str
    column: str
    findings: tuple[Finding, ...]
    last_good: str | None  # the nearest earlier file that passed the check
    checked: int
    failed: int
    orders: int | None
    revenue: Decimal | None
    message: str
    advice: str


def judge(
    definition: Definition,
    measures: Iterable[Measure],
    files: Sequence[FileFacts],
    contract: Contract,
    failed_before: Container[tuple[str, int, str]],
) -> list[Finding]:
    """Return a finding for every file and column the check looks at; files it could not see are skips.

    `failed_before` holds (check, file number, column) of the failures that are known already.
    """
    by_column: dict[str, dict[int, Measure]] = {}
    for m in measures:
        by_column.setdefault(m.column, {})[m.file_no] = m
    findings = []
    for column, found in sorted(by_column.items()) if by_column else [("", {})]:
        limits = _Limits(definition, column, found, contract)
        for facts in files:
            measure = found.get(facts.file_no)
            if measure is None or not measure.checked:
                reason = _why_not(definition, column, facts, contract)
                findings.append(_finding("skip", definition, facts, column, message=reason))
            elif better := [c for c in definition.suppressed_by.split() if (c, facts.file_no, column) in failed_before]:
                findings.append(_finding("skip", definition, facts, column, message=f"see {better[0]}"))
            else:
                findings.append(limits.verdict(measure, facts))
    return findings


def _finding(status: str, definition: Definition, facts: FileFacts, column: str, **rest: Any) -> Finding:
    severity = rest.pop("severity", "")
    return Finding(status, severity, definition.check, facts.file_no, facts.file.name, column, **rest)


class _Limits:
    """The limits of one check on one column; those from history need the files in their order."""

    def __init__(self, definition: Definition, column: str, found: dict[int, Measure], contract: Contract):
        self.definition, self.found = definition, found
        rule = contract.rule(definition.check, column)
        self.severity = definition.severity if rule is None or rule.severity is None else str(rule.severity)
        self.advice = (rule and rule.advice) or definition.advice
        self.kind, _, number = definition.threshold.partition(" ")
        self.share = float(number or self.kind) if number or self.kind[0].isdigit() else 0.0
        limit = rule.limit if rule else None
        self.rows = limit.rows if limit else None
        if limit and limit.share is not None:
            self.share = limit.share
        if limit and self.kind != "pooled":
            self.kind = "share"
        self.normal: list[tuple[int, int]] = []  # (failed, checked) of earlier files that passed
        checked, failed = sum(m.checked for m in found.values()), sum(m.failed for m in found.values())
        self.pooled_fails = self.kind == "pooled" and is_beyond(failed, checked, self.share)

    def verdict(self, m: Measure, facts: FileFacts) -> Finding:
        status, threshold, expected, failed = self._compare(m)
        seen = {"checked": m.checked, "failed": failed, "threshold": threshold}
        if status != "fail":
            return _finding(
                status, self.definition, facts, m.column, **seen, message=expected if status == "skip" else ""
            )
        line = m.line if m.line or m.record is None else facts.file.physical_line(m.record)
        return _finding(
            "fail", self.definition, facts, m.column, **seen, severity=self.severity,
            orders=m.orders, revenue=m.revenue, line=line, example=m.example, expected=expected, place=m.place,
            message=m.message or says(self.definition, m, expected), advice=m.advice or self.advice,
        )  # fmt: skip

    def _compare(self, m: Measure) -> tuple[str, str, str, int]:
        """Return status, threshold as printed, what was expected in words, and the cases that fail."""
        if self.kind in ("shift", "others", "rate", "amounts"):
            return self._compare_with_days(m)
        limit = self.share
        if self.rows is not None:
            limit = min(1.0, self.rows / m.checked)
        failed = m.failed / m.checked > limit
        if self.kind == "pooled" and self.pooled_fails:
            # All files together are beyond doubt; one is an exception only if its own cases say so.
            failed = m.failed > 0 and not is_beyond(m.checked - m.failed, m.checked, 1 - limit)
        elif self.kind == "pooled":
            failed = is_beyond(m.failed, m.checked, limit)
        return ("fail" if failed else "pass"), f"{limit:.4f}", "", m.failed

    def _compare_with_days(self, m: Measure) -> tuple[str, str, str, int]:
        if self.kind == "shift":
            limits = share_range(self.normal, m.checked)
            if limits is None:
                self.normal.append((m.failed, m.checked))
        else:
            near = [o for n, o in self.found.items() if 0 < abs(n - m.file_no) <= DAYS_BESIDE and o.checked]
            if self.kind == "rate":
                limits = count_range([round(o.failed * m.checked / o.checked) for o in near])
            else:
                limits = (count_range if self.kind == "others" else amount_range)([o.failed for o in near])
        if limits is None:
            return "skip", "", "too few other days to know what is usual", 0
        low, high = limits
        value = m.failed / m.checked if self.kind == "shift" else m.failed
        status = "pass" if low <= value <= high else "fail"
        if self.kind == "shift":
            if status == "pass":
                self.normal.append((m.failed, m.checked))
            return status, f"{low:.4f}..{high:.4f}", f"{percent(low)} to {percent(high)}", m.failed
        expected = f"{low:,.0f} to {high:,.0f}"
        return status, f"{low:.0f}..{high:.0f}", expected, ceil(max(low - value, value - high, 0))


def _why_not(definition: Definition, column: str, facts: FileFacts, contract: Contract) -> str:
    if facts.file.readable is None:
        return "the file could not be read"
    if column in contract.roles.values() and column not in facts.headers:
        return f"the column {column} is missing"
    for role in definition.needs:
        if role in contract.roles and contract.roles[role] not in facts.headers:
            return f"the column {contract.roles[role]} is missing"
    return "nothing to check"


def find_incidents(
    findings: Sequence[Finding], definitions: Mapping[str, Definition], files: Sequence[FileFacts]
) -> list[Incident]:
    """Join the failures of consecutive files; the worst come first and are numbered from 1.

    A file that passes ends an incident only if it could have shown the fault: four orders in two
    hundred leave most days without one. It could when, at the incident's rate, a file of so many
    cases stays clean less than once in a hundred. A file with nothing to check ends nothing.
    """
    found = []
    ordered = sorted(findings, key=lambda f: (f.check, f.column, f.file_no))
    for (check, _), group in groupby(ordered, key=lambda f: (f.check, f.column)):
        looked = [f for f in group if f.status != "skip"]
        for first, last in _runs(looked):
            before = [f for f in looked[:first] if f.status == "pass"]
            found.append(_incident(looked[first : last + 1], before, definitions[check]))
    found.sort(
        key=lambda i: (i.severity, -(i.revenue or 0), -(i.orders or 0), i.findings[0].file_no, i.check, i.column)
    )
    return [replace(incident, number=n) for n, incident in enumerate(found, 1)]


def _runs(looked: list[Finding]) -> list[tuple[int, int]]:
    """First and last position of each incident among the findings of one check and column."""
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
    if any(f.failed for f in clean):
        return False
    cases = sum(f.checked or 0 for f in run + clean)
    rate = sum(f.failed or 0 for f in run) / max(1, cases)
    return (1 - min(1.0, rate)) ** sum(f.checked or 0 for f in clean) >= LEAST_DOUBT


def _incident(span: list[Finding], before: list[Finding], definition: Definition) -> Incident:
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
    message = first.message if len({f.message for f in failures}) == 1 else says(definition, total, first.expected)
    message += _where(failures, total.failed) + _on_top(definition, failures, before)
    return Incident(
        0, min(f.severity for f in failures), first.check, first.column, tuple(failures),
        before[-1].file if before else None, total.checked, total.failed, total.orders, total.revenue,
        message, first.advice,
    )  # fmt: skip


def _where(failures: list[Finding], failed: int) -> str:
    places = Counter[str]()
    for f in failures:
        places.update({f.place[0]: f.place[1]} if f.place else {})
    place, count = places.most_common(1)[0] if places else ("", 0)
    return f", {percent(count / failed)} of them on {place}" if count > failed / 2 else ""


def _on_top(definition: Definition, failures: list[Finding], before: list[Finding]) -> str:
    """Whether events without a value came on top of the usual ones, or instead of them.

    Said where the events that have one number within an eighth of what they did on the good days.
    """
    if definition.check != "null_share" or not before:
        return ""
    now, usual = ([(f.checked or 0) - (f.failed or 0) for f in some] for some in (failures, before))
    if sum(f.failed or 0 for f in failures) < 0.05 * sum(f.checked or 0 for f in failures):
        return ""
    if abs(sum(now) / len(now) / (sum(usual) / len(usual)) - 1) > 1 / 8:
        return ""
    return "; events that have one are as many as before, so these seem to come on top"
