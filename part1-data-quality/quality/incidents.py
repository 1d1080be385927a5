"""Join failures on consecutive days into incidents."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import groupby

from event_data.contract import Severity
from event_data.money import Currency
from event_data.output import day_name
from quality.course import Cases, Course
from quality.definitions import COUNTS, OF_DAYS, Definition, Measure, percent
from quality.evaluation import Finding
from quality.scan import FileFacts

MOST_EXAMPLES = 3  # in the message of an incident over several files


@dataclass(frozen=True)
class InOrderList:
    """The orders of an incident that are in the shop's order list, and their value."""

    orders: int
    found: int
    amount: Decimal


@dataclass(frozen=True)
class Incident:
    """Failures of a check on a column, from the first bad day until two consecutive days are good.

    `consequences` are the failures of other checks that follow from these; they are not incidents of their own.
    """

    number: int
    severity: Severity
    check: str
    column: str
    findings: tuple[Finding, ...]
    first_day: date
    last_day: date
    is_open: bool  # no later good days have ended it
    last_good: str | None  # the nearest earlier file that passed the check
    last_good_day: date | None
    checked: int
    failed: int
    orders: int | None
    revenue: Decimal | None
    message: str
    advice: str
    consequences: tuple[Finding, ...] = ()
    in_order_list: InOrderList | None = None


def find_incidents(
    findings: Sequence[Finding],
    definitions: Mapping[str, Definition],
    files: Sequence[FileFacts],
    currency: Currency,
) -> list[Incident]:
    """Join the failures of a check and column by course.Course; the worst come first, numbered from 1.

    A file with nothing to check, or with a failure that follows from another one, does not end an incident.
    """
    days = {facts.file_no: facts.day for facts in files}
    followers: dict[tuple[str, int, str], list[Finding]] = {}
    for f in findings:
        if f.cause:
            followers.setdefault(f.cause, []).append(f)
    incidents = []
    ordered = sorted(findings, key=lambda f: (f.check, f.column, f.file_no))
    for (check, _), group in groupby(ordered, key=lambda f: (f.check, f.column)):
        looked = [f for f in group if f.status != "skip" and not f.cause]
        for first, last, is_open in _spans(looked, definitions[check], days):
            before = [f for f in looked[:first] if f.status == "pass"]
            span = looked[first : last + 1]
            follow = [f for one in span for f in followers.get((one.check, one.file_no, one.column), ())]
            incidents.append(_incident(span, before, is_open, definitions[check], days, currency, follow))
    incidents.sort(
        key=lambda i: (i.severity, -(i.revenue or 0), -(i.orders or 0), i.findings[0].file_no, i.check, i.column)
    )
    return [replace(incident, number=n) for n, incident in enumerate(incidents, 1)]


def _spans(looked: Sequence[Finding], definition: Definition, days: Mapping[int, date]) -> list[tuple[int, int, bool]]:
    """Return the positions of each incident's first and last failure, and whether it is open."""
    course = Course(definition.days_to_end, any(definition.may_pass_by_chance(f.comparison) for f in looked))
    spans: list[tuple[int, int, bool]] = []
    for _, group in groupby(enumerate(looked), key=lambda one: days[one[1].file_no]):
        of_day = list(group)
        cases = Cases(sum(f.failed or 0 for _, f in of_day), sum(f.checked or 0 for _, f in of_day))
        failed = [(at, f) for at, f in of_day if f.status == "fail"]
        if failed:
            if course.fail(cases, failed[0][1].side):
                spans.append((failed[0][0], failed[-1][0], True))
            spans[-1] = (spans[-1][0], failed[-1][0], True)
        elif course.succeed(cases):
            spans[-1] = (*spans[-1][:2], False)
    last = len(spans) - 1
    return [(first, end, is_open and at == last) for at, (first, end, is_open) in enumerate(spans)]


def _incident(
    span: list[Finding],
    before: list[Finding],
    is_open: bool,
    definition: Definition,
    days: Mapping[int, date],
    currency: Currency,
    consequences: Sequence[Finding],
) -> Incident:
    """Sum up the failures of a span of files, and the cases of all of them."""
    failures = [f for f in span if f.status == "fail"]
    first = failures[0]
    orders = [f.orders for f in failures if f.orders is not None]
    revenue = [f.revenue for f in failures if f.revenue is not None]
    counted = failures if first.comparison in OF_DAYS else span
    total = Measure(
        0, first.column, sum(f.checked or 0 for f in counted), sum(f.failed or 0 for f in counted),
        sum(orders) if orders else None,
        sum(revenue, Decimal(0)) if revenue else None,
        example=_example(definition, failures),
    )  # fmt: skip
    if len({f.message for f in failures}) == 1:
        message = first.message
    elif first.comparison in COUNTS:
        worst = max(failures, key=lambda f: f.failed or 0)  # counts of several days cannot be summed
        message = f"{worst.message} (on {day_name(days[worst.file_no])}, the worst of {len(failures)} days)"
    else:
        message = definition.describe(total, currency, first.expected, True) + _worse(failures, days)
    message += _where(failures, total.failed) + _on_top(definition, failures, before)
    good = before[-1] if before else None
    return Incident(
        0, min(f.severity for f in (*failures, *consequences) if f.severity is not None), first.check, first.column,
        tuple(failures), days[first.file_no], days[failures[-1].file_no], is_open, good.file if good else None,
        days[good.file_no] if good else None,
        total.checked, total.failed, total.orders, total.revenue, message, first.advice, tuple(consequences),
    )  # fmt: skip


def _example(definition: Definition, failures: Sequence[Finding]) -> str | None:
    """Return the first example, or the first few of them where the message is about several files."""
    examples = [f.example for f in failures if f.example]
    if not definition.of_several:
        return examples[0] if examples else None
    more = f" and {len(examples) - MOST_EXAMPLES:,} more" if len(examples) > MOST_EXAMPLES else ""
    return ", ".join(examples[:MOST_EXAMPLES]) + more


def _worse(failures: Sequence[Finding], days: Mapping[int, date]) -> str:
    """Return since when, or on which days, an incident has been much worse than before."""
    worse = [f for f in failures if f.before]
    before = worse[0].before if worse else None
    if before is None:
        return ""
    first, last = worse[0], worse[-1]
    failed, checked = sum(f.failed or 0 for f in worse), sum(f.checked or 0 for f in worse)
    since = f"since {day_name(days[first.file_no])}"
    if last is not failures[-1]:
        since = f"on {day_name(days[first.file_no])}"
        if days[last.file_no] != days[first.file_no]:
            since = f"from {day_name(days[first.file_no])} to {day_name(days[last.file_no])}"
    return f"; {since}: {failed:,} of {checked:,}, before {before.failed:,} of {before.checked:,}"


def _where(failures: list[Finding], failed: int) -> str:
    """Return the page on which most of the failed events happened."""
    places = Counter[str]()
    for f in failures:
        places.update({f.place[0]: f.place[1]} if f.place else {})
    place, count = places.most_common(1)[0] if places else ("", 0)
    return f", {percent(count / failed)} of them on {place}" if count > failed / 2 else ""


def _on_top(definition: Definition, failures: list[Finding], before: list[Finding]) -> str:
    """Return a clause if the events without a value are additional to the usual ones, not in their place.

    They are if the number of events with a value is within an eighth of that of the good days.
    """
    if definition.check != "null_share" or not before:
        return ""
    now, usual = ([(f.checked or 0) - (f.failed or 0) for f in some] for some in (failures, before))
    if sum(f.failed or 0 for f in failures) < 0.05 * sum(f.checked or 0 for f in failures):
        return ""
    if abs(sum(now) / len(now) / (sum(usual) / len(usual)) - 1) > 1 / 8:
        return ""
    return "; as many events as before have one, so these seem to be extra"
