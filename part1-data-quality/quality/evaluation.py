"""Turn the counts into a verdict for every check, file and column.

Days are judged in order, each by itself and by the days before it, so that no file changes the verdict on an earlier
one. Only the first days, which have too few days before them, are compared with the first FIRST_DAYS.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from statistics import median
from typing import Any, TypeVar

from event_data.contract import Contract, Severity
from quality.course import Cases, Course, is_worse, total
from quality.definitions import OF_DAYS, SHIFTS, Comparison, Definition, Measure, percents
from quality.expected_ranges import (
    DAYS_BEFORE,
    DOUBT,
    FIRST_DAYS,
    FORTNIGHT,
    LEAST_DAYS,
    amount_range,
    count_range,
    is_below,
    is_beyond,
    log_likelihood_ratio,
    share_range,
)
from quality.scan import FileFacts

Number = TypeVar("Number", int, Decimal)


@dataclass(frozen=True)
class Finding:
    """The result of a check on a column of a file. `status` is pass, fail or skip (there was nothing to check).

    `comparison` is the one that judged it; the contract may replace that of the definition by a share. `cause` is the
    check, file number and column of another failure, from which this one follows. `side` is 1 above and -1 below an
    expected range. `before` is the level of the days before, if it has become much worse.
    """

    status: str
    severity: Severity | None  # only for a failure
    check: str
    file_no: int
    file: str
    column: str
    comparison: Comparison = Comparison.SHARE
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
    first_records: tuple[int, ...] = ()  # the first records that failed
    cause: tuple[str, int, str] | None = None
    side: int = 0
    before: Cases | None = None

    @property
    def failed_share(self) -> float | None:
        """Return the share of cases that failed."""
        return self.failed / self.checked if self.checked and self.failed is not None else None


def evaluate(
    definition: Definition, measures: Iterable[Measure], files: Sequence[FileFacts], contract: Contract
) -> list[Finding]:
    """Return a finding for every file and column that the check looks at; skip files that it cannot check."""
    by_column: dict[str, dict[int, Measure]] = {}
    for m in measures:
        by_column.setdefault(m.column, {})[m.file_no] = m
    findings = []
    for column, found in sorted(by_column.items()) if by_column else [("", {})]:
        days = _by_day(found, files)
        limits = _Limits(definition, column, days, contract)
        verdicts = {day: limits.verdict(measure) for day, measure in days.items() if measure.checked}
        if limits.comparison in OF_DAYS:
            found = {measure.file_no: measure for measure in days.values()}
        for facts in files:
            measure = found.get(facts.file_no)
            if measure is None or not measure.checked:
                reason = _why_not(definition, column, facts, contract)
                findings.append(limits.skip(facts, reason))
            else:
                findings.append(limits.finding(verdicts[facts.day], measure, facts))
    return findings


def _by_day(measures: Mapping[int, Measure], files: Sequence[FileFacts]) -> dict[date, Measure]:
    """Add up the measures of each day under its first file: the parts of a day are judged as one."""
    days: dict[date, Measure] = {}
    for facts in files:
        if (measure := measures.get(facts.file_no)) is not None:
            whole = days.get(facts.day)
            days[facts.day] = measure if whole is None else replace(
                whole, checked=whole.checked + measure.checked, failed=whole.failed + measure.failed,
                orders=_sum(whole.orders, measure.orders), revenue=_sum(whole.revenue, measure.revenue),
            )  # fmt: skip
    return days


def _sum(one: Number | None, other: Number | None) -> Number | None:
    return one if other is None else other if one is None else one + other


@dataclass(frozen=True)
class _Verdict:
    """The verdict on a day; `failed` is the distance from the expected range of a count."""

    status: str
    threshold: str = ""
    expected: str = ""
    failed: int | None = None
    side: int = 0
    before: Cases | None = None
    limit: float = 0.0  # the share that may fail in a part of a bad day
    since: Cases | None = None  # the cases of days that exceed the limit only together


class _Limits:
    """The limits of a check on a column; its days must be judged in their order."""

    def __init__(self, definition: Definition, column: str, days: Mapping[date, Measure], contract: Contract):
        self.definition, self.column, self.currency = definition, column, contract.currency
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
        self.days = [m for m in days.values() if m.checked]
        self.judged = 0
        self.normal: list[Measure] = []  # days judged good
        self.course = Course(definition.days_to_end, definition.may_pass_by_chance(self.comparison))

    def skip(self, facts: FileFacts, reason: str) -> Finding:
        """Return the finding for a file in which there is nothing to check."""
        return self._finding("skip", facts, message=reason)

    def _finding(self, status: str, facts: FileFacts, severity: Severity | None = None, **rest: Any) -> Finding:
        check, name = self.definition.check, facts.file.name
        return Finding(status, severity, check, facts.file_no, name, self.column, self.comparison, **rest)

    def finding(self, verdict: _Verdict, m: Measure, facts: FileFacts) -> Finding:
        """Return the finding for a file: of the parts of a bad day, those beyond the limit fail."""
        failed = m.failed if verdict.failed is None else verdict.failed
        seen: dict[str, Any] = {"checked": m.checked, "failed": failed, "threshold": verdict.threshold}
        if verdict.status == "skip":
            return self._finding("skip", facts, **seen, message=verdict.expected)
        if verdict.status == "pass" or (self.comparison not in OF_DAYS and failed <= verdict.limit * m.checked):
            return self._finding("pass", facts, **seen)
        line = m.line if m.line or m.record is None else facts.file.physical_line(m.record)
        message = m.message or self.definition.describe(m, self.currency, verdict.expected)
        if verdict.since:
            message += f"; with the days before, {verdict.since.failed:,} of {verdict.since.checked:,}"
        if verdict.before:
            message += f"; before, {verdict.before.failed:,} of {verdict.before.checked:,}"
        return self._finding(
            "fail", facts, **seen, severity=self._severity(verdict, m),
            orders=m.orders, revenue=m.revenue, line=line, example=m.example, expected=verdict.expected, place=m.place,
            first_records=m.first_records, side=verdict.side, before=verdict.before, message=message,
            advice=(m.advice or self.advice).replace("{column}", m.column),
        )  # fmt: skip

    def _severity(self, verdict: _Verdict, m: Measure) -> Severity:
        """Return the severity, one step higher if the incident got much worse; a note stays a note.

        It rises to P0 only if half of the cases fail: then revenue or identity cannot be used.
        """
        if not verdict.before or self.severity not in (Severity.P1, Severity.P2):
            return self.severity
        half = self.comparison not in SHIFTS and 2 * m.failed >= m.checked
        return Severity(self.severity - 1) if self.severity == Severity.P2 or half else self.severity

    def verdict(self, m: Measure) -> _Verdict:
        """Return the verdict on the next day."""
        self.judged += 1
        match self.comparison:
            case Comparison.SHARE | Comparison.POOLED:
                return self._compare_share(m)
            case Comparison.SHIFT | Comparison.RISE:
                return self._compare_shift(m)
            case _:
                return self._compare_count(m)

    def _compare_share(self, m: Measure) -> _Verdict:
        limit = self.share if self.rows is None else min(1.0, self.rows / m.checked)
        day, since, threshold = Cases(m.failed, m.checked), None, f"{limit:.4f}"
        fails = m.failed / m.checked > limit
        if self.comparison is Comparison.POOLED:
            fails, since = self._pooled(day, limit)
        if not fails:
            self.course.succeed(day)
            self.normal.append(m)
            return _Verdict("pass", threshold)
        level, least_days = self.course.bad, 1
        if self.comparison is Comparison.POOLED and not self.course.is_open:
            level, least_days = [Cases(n.failed, n.checked) for n in self.normal[-DAYS_BEFORE:]], LEAST_DAYS
        before = total(level) if is_worse(day, level, least_days=least_days) else None
        self.course.fail(since or day, is_worse=before is not None)
        within = limit if self.comparison is Comparison.SHARE else 0.0
        return _Verdict("fail", threshold, before=before, limit=within, since=since)

    def _pooled(self, day: Cases, limit: float) -> tuple[bool, Cases | None]:
        """Return whether a day of few cases exceeds the limit, alone or as the last of several days.

        While an incident is open, a day is good if its own cases show it: their share is within the limit, or far
        below the incident's.
        """
        doubt = DOUBT * FORTNIGHT / max(self.judged, FORTNIGHT)
        if not day.failed or is_below(day.failed, day.checked, limit, doubt):
            return False, None
        if is_beyond(*day, limit, doubt):
            return True, None
        if self.course.is_open:
            level = total(self.course.bad)
            return not is_below(*day, level.failed / level.checked, DOUBT), None
        return (True, found) if (found := self._days_beyond(day, limit, doubt)) else (False, None)

    def _days_beyond(self, day: Cases, limit: float, doubt: float) -> Cases | None:
        """Return the cases of the last days, if together they exceed the limit: from the likeliest first day on."""
        likeliest, best, window = None, 0.0, day
        for m in reversed(self.normal[-DAYS_BEFORE:]) if day.failed > limit * day.checked else ():
            window = Cases(window.failed + m.failed, window.checked + m.checked)
            likelihood = log_likelihood_ratio(*window, limit)
            if likelihood > best and is_beyond(*window, limit, doubt):
                likeliest, best = window, likelihood
        return likeliest

    def _compare_shift(self, m: Measure) -> _Verdict:
        limits = share_range([(n.failed, n.checked) for n in self.normal], m.checked)
        if limits is None:
            self.normal.append(m)
            return _Verdict("skip", expected=TOO_FEW, failed=0)
        (low, high), share, day = limits, m.failed / m.checked, Cases(m.failed, m.checked)
        side = (share > high) - (share < low)
        shown = percents(low, high, share)
        threshold, expected = f"{low:.4f}..{high:.4f}", f"{shown[0]} to {shown[1]}"
        if not side or (side < 0 and self.comparison is Comparison.RISE):
            self.course.succeed(day)
            if not side:
                self.normal.append(m)
            return _Verdict("pass", threshold, expected)
        is_open = self.course.is_open and side == self.course.side
        before = total(self.course.bad) if is_open and is_worse(day, self.course.bad, side) else None
        self.course.fail(day, side, before is not None)
        return _Verdict("fail", threshold, expected, side=side, before=before)

    def _compare_count(self, m: Measure) -> _Verdict:
        near = self._days_beside()
        limits = self._range_of(near, m)
        if limits is None:
            self.normal.append(m)
            return _Verdict("skip", expected=TOO_FEW, failed=0)
        low, high, expected = limits
        side = (m.failed > high) - (m.failed < low)
        if not side:
            self.normal.append(m)
            self.course.succeed(Cases(0, 1))
            return _Verdict("pass", f"{low}..{high}", expected, 0)
        self.course.fail(Cases(1, 1), side)
        if len(self.course.bad) >= DAYS_BEFORE and self.comparison is not Comparison.GONE:
            # A level that lasts this long becomes the usual one.
            self.normal = self.days[self.judged - DAYS_BEFORE : self.judged]
        return _Verdict("fail", f"{low}..{high}", expected, max(low - m.failed, m.failed - high), side)

    def _days_beside(self) -> list[Measure]:
        """Return the days with which the next day is compared."""
        place = self.judged - 1
        if place < LEAST_DAYS:
            first = self.days[:FIRST_DAYS]
            return first[:place] + first[place + 1 :]
        return self.normal[-DAYS_BEFORE:] if len(self.normal) >= LEAST_DAYS else self.days[:place][-DAYS_BEFORE:]

    def _range_of(self, near: Sequence[Measure], m: Measure) -> tuple[int, int, str] | None:
        """Return the lowest and highest usual count, and both in words; None if there are too few days."""
        counts = [o.failed for o in near if o.checked]
        if self.comparison is Comparison.GONE:
            usual = median(counts) if len(counts) >= LEAST_DAYS else 0
            return int(usual >= self.share), max([m.failed, *counts]), f"{usual:,.0f}"
        if self.comparison is Comparison.AMOUNT:
            limits = amount_range(counts)
            return limits and (*limits, " to ".join(self.currency.exact(x, 0) for x in limits))
        if self.comparison is Comparison.RATE:
            counts = [round(o.failed * m.checked / o.checked) for o in near]
        limits = count_range(counts, self.judged)
        return limits and (*limits, f"{limits[0]:,} to {limits[1]:,}")


TOO_FEW = "too few other days to know what is usual"


def _why_not(definition: Definition, column: str, facts: FileFacts, contract: Contract) -> str:
    """Return the reason why there was nothing to check."""
    if facts.file.readable is None:
        return "the file could not be read"
    if column in contract.roles.values() and column not in facts.filled:
        return f"the column {column} is {facts.lacks(column)}"
    for needed in definition.columns_needed(contract):
        if needed not in facts.filled:
            return f"the column {needed} is {facts.lacks(needed)}"
    return "nothing to check"
