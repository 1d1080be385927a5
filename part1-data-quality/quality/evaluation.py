"""Turn the counts into a verdict for every check, file and column."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from math import ceil
from typing import Any, TypeVar

from event_data.contract import Contract, Severity
from quality.definitions import Comparison, Definition, Measure, percent
from quality.expected_ranges import amount_range, count_range, is_beyond, share_range
from quality.scan import FileFacts

OF_DAYS = (Comparison.SHIFT, Comparison.OTHER_DAYS, Comparison.RATE, Comparison.AMOUNT)
Number = TypeVar("Number", int, Decimal)
DAYS_BESIDE = 28  # a count is compared with this many days before and after it


@dataclass(frozen=True)
class Finding:
    """The result of a check on a column of a file. `status` is pass, fail or skip (there was nothing to check)."""

    status: str
    severity: Severity | None  # only for a failure
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
    first_records: tuple[int, ...] = ()  # that failed

    @property
    def failed_share(self) -> float | None:
        """Return the share of cases that failed."""
        return self.failed / self.checked if self.checked and self.failed is not None else None


def evaluate(
    definition: Definition,
    measures: Iterable[Measure],
    files: Sequence[FileFacts],
    contract: Contract,
    failed_before: Container[tuple[str, int, str]],
) -> list[Finding]:
    """Return a finding for every file and column that the check looks at; skip files that it cannot check.

    `failed_before` has the (check, file number, column) of the failures found so far, and each without its column.
    """
    by_column: dict[str, dict[int, Measure]] = {}
    for m in measures:
        by_column.setdefault(m.column, {})[m.file_no] = m
    findings = []
    for column, found in sorted(by_column.items()) if by_column else [("", {})]:
        if definition.threshold.comparison in OF_DAYS:
            found = _by_day(found, files)
        limits = _Limits(definition, column, found, contract)
        for facts in files:
            measure = found.get(facts.file_no)
            if measure is None or not measure.checked:
                reason = _why_not(definition, column, facts, contract)
                findings.append(_finding("skip", definition, facts, column, message=reason))
            elif better := [
                *(c for c in definition.suppressed_by if (c, facts.file_no, column) in failed_before),
                *(c for c in definition.explained_by if (c, facts.file_no, "") in failed_before),
            ]:
                findings.append(_finding("skip", definition, facts, column, message=f"see {better[0]}"))
            else:
                findings.append(limits.verdict(measure, facts))
    return findings


def _by_day(found: dict[int, Measure], files: Sequence[FileFacts]) -> dict[int, Measure]:
    """Add up the measures of each day under its first file: counts are compared by day, not by part."""
    first: dict[date, int] = {}
    days: dict[int, Measure] = {}
    for facts in files:
        if (measure := found.get(facts.file_no)) is None:
            continue
        day = first.setdefault(facts.day, facts.file_no)
        whole = days.get(day)
        days[day] = measure if whole is None else replace(
            whole, checked=whole.checked + measure.checked, failed=whole.failed + measure.failed,
            orders=_sum(whole.orders, measure.orders), revenue=_sum(whole.revenue, measure.revenue),
        )  # fmt: skip
    return days


def _sum(one: Number | None, other: Number | None) -> Number | None:
    return one if other is None else other if one is None else one + other


def _finding(status: str, definition: Definition, facts: FileFacts, column: str, **rest: Any) -> Finding:
    severity = rest.pop("severity", None)
    return Finding(status, severity, definition.check, facts.file_no, facts.file.name, column, **rest)


class _Limits:
    """The limits of a check on a column; limits from history need the files in order."""

    def __init__(self, definition: Definition, column: str, found: dict[int, Measure], contract: Contract):
        self.definition, self.found, self.currency = definition, found, contract.currency
        rule = contract.rule(definition.check, column)
        self.severity = definition.severity if rule is None or rule.severity is None else rule.severity
        self.advice = (rule and rule.advice) or definition.advice
        self.comparison, self.share = definition.threshold.comparison, definition.threshold.share
        limit = rule.limit if rule else None
        self.rows = limit.rows if limit else None
        if limit and limit.share is not None:
            self.share = limit.share
        if limit and self.comparison is not Comparison.POOLED:
            self.comparison = Comparison.SHARE
        self.days = sorted(found)  # the file_no of each day to compare with the others
        self.normal: list[tuple[int, int]] = []  # (failed, checked) of earlier files that passed
        checked, failed = sum(m.checked for m in found.values()), sum(m.failed for m in found.values())
        self.pooled_fails = self.comparison is Comparison.POOLED and is_beyond(failed, checked, self.share)

    def verdict(self, m: Measure, facts: FileFacts) -> Finding:
        """Return the finding for a file."""
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
            first_records=m.first_records,
            message=m.message or self.definition.describe(m, self.currency, expected),
            advice=(m.advice or self.advice).replace("{column}", m.column),
        )  # fmt: skip

    def _compare(self, m: Measure) -> tuple[str, str, str, int]:
        """Return the status, the threshold as printed, the expectation in words, and the number of failures."""
        if self.comparison not in (Comparison.SHARE, Comparison.POOLED):
            return self._compare_with_days(m)
        limit = self.share
        if self.rows is not None:
            limit = min(1.0, self.rows / m.checked)
        failed = m.failed / m.checked > limit
        if self.comparison is Comparison.POOLED and self.pooled_fails:
            # All files together exceed the limit; a file passes only if its own cases prove it an exception.
            failed = m.failed > 0 and not is_beyond(m.checked - m.failed, m.checked, 1 - limit)
        elif self.comparison is Comparison.POOLED:
            failed = is_beyond(m.failed, m.checked, limit)
        return ("fail" if failed else "pass"), f"{limit:.4f}", "", m.failed

    def _compare_with_days(self, m: Measure) -> tuple[str, str, str, int]:
        is_shift = self.comparison is Comparison.SHIFT
        if is_shift:
            limits = share_range(self.normal, m.checked)
            if limits is None:
                self.normal.append((m.failed, m.checked))
        else:
            place = self.days.index(m.file_no)
            beside = self.days[max(place - DAYS_BESIDE, 0) : place] + self.days[place + 1 : place + 1 + DAYS_BESIDE]
            near = [self.found[n] for n in beside if self.found[n].checked]
            if self.comparison is Comparison.RATE:
                limits = count_range([round(o.failed * m.checked / o.checked) for o in near])
            else:
                range_of = count_range if self.comparison is Comparison.OTHER_DAYS else amount_range
                limits = range_of([o.failed for o in near])
        if limits is None:
            return "skip", "", "too few other days to know what is usual", 0
        low, high = limits
        value = m.failed / m.checked if is_shift else m.failed
        status = "pass" if low <= value <= high else "fail"
        if is_shift:
            if status == "pass":
                self.normal.append((m.failed, m.checked))
            return status, f"{low:.4f}..{high:.4f}", f"{percent(low)} to {percent(high)}", m.failed
        expected = f"{low:,.0f} to {high:,.0f}"
        return status, f"{low:.0f}..{high:.0f}", expected, ceil(max(low - value, value - high, 0))


def _why_not(definition: Definition, column: str, facts: FileFacts, contract: Contract) -> str:
    """Return why there was nothing to check."""
    if facts.file.readable is None:
        return "the file could not be read"
    if column in contract.roles.values() and column not in facts.headers:
        return f"the column {column} is missing"
    for role in definition.needs:
        if role in contract.roles and contract.roles[role] not in facts.headers:
            return f"the column {contract.roles[role]} is missing"
    return "nothing to check"
