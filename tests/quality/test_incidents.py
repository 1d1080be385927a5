"""Which failures make one incident, and what it sums up."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from quality.definitions import Definition, Threshold
from quality.evaluation import Finding
from quality.incidents import Incident, find_incidents
from quality.scan import FileFacts

from event_data.contract import Severity
from event_data.money import Currency
from event_data.reading.day_file import DayFile

NO_FAILURE = Threshold.parse("0")
CHECK = Definition("some_check", Severity.P2, "accuracy", NO_FAILURE, "{failed:,} of {checked:,} ({share})", "Look.")
DAY = date(2025, 3, 1)
FILES = [FileFacts(n, DayFile(f"day{n}", Path(), DAY, 1), DAY + timedelta(n), {}) for n in range(9)]


def run_of(days: str, checked: int = 100, failed: int = 50, **rest: object) -> list[Finding]:
    """Findings of a check: F failed, P passed, S skipped, one a day."""
    status = {"F": "fail", "P": "pass", "S": "skip"}
    cases = {"F": (checked, failed), "P": (checked, 0), "S": (None, None)}
    return [
        Finding(status[d], Severity.P1, "some_check", n, f"day{n}", "c", *cases[d], message="m", **rest)  # type: ignore[arg-type]
        for n, d in enumerate(days)
    ]


def incidents(findings: list[Finding]) -> list[Incident]:
    return find_incidents(findings, {"some_check": CHECK}, FILES, Currency())


def spans(findings: list[Finding]) -> list[tuple[int, int, str | None]]:
    found = [(i.findings[0].file_no, i.findings[-1].file_no, i.last_good) for i in incidents(findings)]
    return sorted(found, key=lambda one: one[0])


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ("PPPP", []),
        ("SSSS", []),
        ("FFFF", [(0, 3, None)]),
        ("PFFP", [(1, 2, "day0")]),
        ("FPF", [(0, 0, None), (2, 2, "day1")]),
        ("PFSSF", [(1, 4, "day0")]),  # a file with nothing to check ends nothing
        ("PSFFSP", [(2, 3, "day0")]),  # nor is it the last good one
        ("PFPSF", [(1, 1, "day0"), (4, 4, "day2")]),
    ],
)
def test_consecutive_failures_are_one_incident(days: str, expected: list[tuple[int, int, str | None]]) -> None:
    assert spans(run_of(days)) == expected


@pytest.mark.parametrize(
    ("checked", "failed", "days", "joined"),
    [
        (20, 1, "FPF", True),  # one in forty: a clean file of twenty is chance (60 %)
        (20, 1, "FPPPPPF", True),  # one in 120, a hundred clean cases: still 43 %
        (20, 2, "FPPF", True),  # one in thirty, forty clean cases: 26 %
        (20, 6, "FPPF", True),  # one in ten: 1.5 %, still more than one in a hundred
        (20, 7, "FPPF", False),  # 0.7 %
        (20, 10, "FPF", False),
        (2000, 20, "FPF", False),  # one in two hundred would have shown among two thousand
    ],
)
def test_a_clean_file_ends_an_incident_only_if_it_could_have_shown_it(
    checked: int, failed: int, days: str, joined: bool
) -> None:
    assert (len(incidents(run_of(days, checked, failed))) == 1) == joined


@pytest.mark.parametrize(
    ("days", "checked", "failed", "is_open"),
    [
        ("PFF", 100, 50, True),
        ("PFFS", 100, 50, True),  # a file with nothing to check shows nothing
        ("PFFP", 100, 50, False),
        ("PFP", 20, 1, True),  # a clean file of twenty may be chance
    ],
)
def test_an_incident_is_open_until_a_file_shows_that_it_is_over(
    days: str, checked: int, failed: int, is_open: bool
) -> None:
    (incident,) = incidents(run_of(days, checked, failed))
    assert incident.is_open == is_open
    assert (incident.last_good_day, incident.first_day) == (DAY, DAY + timedelta(1))
    assert incident.last_day == DAY + timedelta(days.rindex("F"))


def test_a_tolerated_share_is_a_pass_like_any_other() -> None:
    found = run_of("FPF", 20, 1)
    found[1] = replace(found[1], failed=1)
    assert len(incidents(found)) == 2


def test_an_incident_sums_what_is_known() -> None:
    known, unknown = run_of("FF", orders=2, revenue=Decimal("10.10")), run_of("FF")
    for findings, orders, revenue in (
        (known, 4, Decimal("20.20")),
        ([known[0], unknown[1]], 2, Decimal("10.10")),
        (unknown, None, None),
    ):
        (incident,) = incidents(findings)
        assert (incident.orders, incident.revenue) == (orders, revenue)
        assert (incident.checked, incident.failed, incident.message) == (200, 100, "m")
    (incident,) = incidents(
        [replace(known[0], message="one"), replace(known[1], message="other", severity=Severity.P0)]
    )
    assert incident.message == "100 of 200 (50%)" and incident.severity == Severity.P0


def test_an_incident_counts_the_cases_of_all_its_files() -> None:
    """Those of clean files between the first and the last failure are cases too; those before and after are not."""
    found = [replace(f, message=f"day {n}") for n, f in enumerate(run_of("PFPSFP", 20, 1))]
    (incident,) = incidents(found)
    assert (incident.failed, incident.checked, len(incident.findings)) == (2, 60, 2)
    assert incident.message == "2 of 60 (3.3%)"


@pytest.mark.parametrize(
    ("before", "since", "is_said"),
    [
        ((0, 100), (50, 150), True),  # a hundred with a value before and since
        ((0, 100), (50, 138), True),  # within an eighth
        ((0, 100), (50, 137), False),
        ((0, 100), (50, 163), False),
        ((0, 100), (5, 101), False),  # too few to tell
        ((0, 100), (50, 100), False),  # instead of the usual ones
    ],
)
def test_nulls_may_come_on_top(before: tuple[int, int], since: tuple[int, int], is_said: bool) -> None:
    good = replace(run_of("P")[0], checked=before[1], failed=before[0])
    bad = replace(run_of("PF")[1], checked=since[1], failed=since[0])
    for check in ("null_share", "some_check"):
        found = [replace(f, check=check) for f in (good, bad)]
        (incident,) = find_incidents(found, {check: replace(CHECK, check=check)}, FILES, Currency())
        top = "; as many events as before have one, so these seem to be extra"
        assert incident.message == "m" + (top if is_said and check == "null_share" else "")
    alone = replace(bad, check="null_share")
    assert find_incidents([alone], {"null_share": CHECK}, FILES, Currency())[0].message == "m"


def test_an_incident_names_the_page_where_most_of_it_happened() -> None:
    at = [replace(f, place=place) for f, place in zip(run_of("FF"), [("/a", 40), ("/b", 11)], strict=True)]
    assert incidents(at)[0].message == "m"  # 40 of 100 are not most
    at = [replace(f, place=("/a", 30)) for f in at]
    assert incidents(at)[0].message == "m, 60% of them on /a"


def test_the_worst_incident_is_the_first() -> None:
    def one(column: str, severity: Severity, revenue: str | None, orders: int | None = None) -> Finding:
        money = None if revenue is None else Decimal(revenue)
        return replace(run_of("F")[0], column=column, severity=severity, revenue=money, orders=orders)

    given = [
        one("a", Severity.P2, "9000"), one("b", Severity.P1, None), one("c", Severity.P1, "5"),
        one("d", Severity.P0, None), one("e", Severity.P1, "7"),
    ]  # fmt: skip
    found = incidents([*given, one("f", Severity.P1, None, 3)])
    assert [(i.number, i.column) for i in found] == [(1, "d"), (2, "e"), (3, "c"), (4, "f"), (5, "b"), (6, "a")]
