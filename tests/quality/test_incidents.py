"""Test which failures make one incident, and its totals."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from commands import SCHEMA
from quality.causes import with_causes
from quality.course import Cases
from quality.definitions import Definition, Threshold
from quality.evaluation import Finding
from quality.incidents import Incident, find_incidents
from quality.scan import FileFacts

from event_data.contract import Severity, load_contract
from event_data.money import Currency
from event_data.reading.day_file import DayFile

NO_FAILURE = Threshold.parse("0")
OF_FILES = Definition("some_check", Severity.P2, "accuracy", NO_FAILURE, "{failed:,} of {checked:,} ({share})", "Look.")
CHECK = replace(OF_FILES, sql="true")
DAY = date(2025, 3, 1)
FILES = [FileFacts(n, DayFile(f"day{n}", Path(), DAY, 1), DAY + timedelta(n), {}) for n in range(9)]


def run_of(days: str, checked: int = 100, failed: int = 50, **rest: object) -> list[Finding]:
    """Return findings of a check, one per day: F failed, P passed, S skipped."""
    status = {"F": "fail", "P": "pass", "S": "skip"}
    cases = {"F": (checked, failed), "P": (checked, 0), "S": (None, None)}
    return [
        Finding(
            status[d], Severity.P1, "some_check", n, f"day{n}", "c", CHECK.threshold.comparison, *cases[d],
            message="m", **rest,  # type: ignore[arg-type]
        )
        for n, d in enumerate(days)
    ]  # fmt: skip


def incidents(findings: list[Finding], check: Definition = CHECK) -> list[Incident]:
    return find_incidents(findings, {"some_check": check}, FILES, Currency())


def spans(findings: list[Finding], check: Definition = CHECK) -> list[tuple[int, int, str | None]]:
    found = [(i.findings[0].file_no, i.findings[-1].file_no, i.last_good) for i in incidents(findings, check)]
    return sorted(found, key=lambda one: one[0])


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ("PPPP", []),
        ("SSSS", []),
        ("FFFF", [(0, 3, None)]),
        ("PFFP", [(1, 2, "day0")]),
        ("FPF", [(0, 2, None)]),  # one good day may be luck
        ("FPPF", [(0, 0, None), (3, 3, "day2")]),
        ("PFSSF", [(1, 4, "day0")]),  # a file with nothing to check ends nothing
        ("PFPSPF", [(1, 1, "day0"), (5, 5, "day4")]),  # nor does it come between two good days
        ("PSFFSP", [(2, 3, "day0")]),  # nor is it the last good one
    ],
)
def test_failures_before_two_good_days_are_one_incident(days: str, expected: list[tuple[int, int, str | None]]) -> None:
    assert spans(run_of(days)) == expected


def test_one_good_file_ends_an_incident_of_the_files_themselves() -> None:
    assert spans(run_of("PFPSF"), OF_FILES) == [(1, 1, "day0"), (4, 4, "day2")]


def test_an_incident_over_several_files_names_the_first_of_them() -> None:
    check = replace(OF_FILES, message="{example} is missing", of_several="{failed:,} files are missing: {example}")

    def message(days: str) -> str:
        (incident,) = incidents(
            [replace(f, example=f.file, message=f"{f.file} is missing") for f in run_of(days, 1, 1)], check
        )
        return incident.message

    assert message("F") == "day0 is missing"
    assert message("FF") == "2 files are missing: day0, day1"
    assert message("FFFFF") == "5 files are missing: day0, day1, day2 and 2 more"


@pytest.mark.parametrize(
    ("checked", "failed", "days", "joined"),
    [
        (20, 1, "FPPF", True),  # one in sixty: two clean files of twenty are chance (51 %)
        (20, 1, "FPPPPPF", True),  # one in 120, a hundred clean cases: still 43 %
        (20, 6, "FPPF", True),  # one in ten: 1.5 %, still more than one in a hundred
        (20, 7, "FPPF", False),  # 0.7 %
        (2000, 20, "FPPF", False),  # one in two hundred would have shown among two thousand
    ],
)
def test_clean_files_end_an_incident_only_if_they_could_have_shown_it(
    checked: int, failed: int, days: str, joined: bool
) -> None:
    assert (len(incidents(run_of(days, checked, failed))) == 1) == joined


@pytest.mark.parametrize(
    ("days", "checked", "failed", "is_open"),
    [
        ("PFF", 100, 50, True),
        ("PFFS", 100, 50, True),  # a file with nothing to check shows nothing
        ("PFFP", 100, 50, True),
        ("PFFPP", 100, 50, False),
        ("PFPP", 20, 1, True),  # two clean files of twenty may be chance
    ],
)
def test_an_incident_is_open_until_files_show_that_it_is_over(
    days: str, checked: int, failed: int, is_open: bool
) -> None:
    (incident,) = incidents(run_of(days, checked, failed))
    assert incident.is_open == is_open
    assert (incident.last_good_day, incident.first_day) == (DAY, DAY + timedelta(1))
    assert incident.last_day == DAY + timedelta(days.rindex("F"))


def test_two_good_days_end_an_outage_of_a_few_hours() -> None:
    """Hours of an outage fail together, so good days are no luck."""
    days = run_of("PFPP", 24, 3)
    assert incidents(days)[0].is_open and not incidents(days, replace(CHECK, cases="together"))[0].is_open


def test_what_failed_before_its_cause_does_not_follow_from_it() -> None:
    contract = load_contract(SCHEMA)
    cause = replace(CHECK, check="cause")
    check = replace(CHECK, explained_by=("cause",))
    outage = [replace(f, check="cause", column="time") for f in run_of("PPFP")]
    for days, causes in (("PPFP", 1), ("PFFF", 0), ("SSFP", 1)):
        found = with_causes([*run_of(days), *outage], {"some_check": check, "cause": cause}, FILES, contract)
        assert sum(f.cause is not None for f in found) == causes


@pytest.mark.parametrize(("tolerated", "is_open"), [(20, False), (35, True)])
def test_tolerated_shares_end_an_incident_if_they_are_far_below_its_own(tolerated: int, is_open: bool) -> None:
    found = run_of("FPP")
    found[1:] = [replace(f, failed=tolerated) for f in found[1:]]
    assert incidents(found)[0].is_open == is_open


def test_the_parts_of_a_day_are_one_day() -> None:
    """Two good parts of a day are one good day, and so is a day with a bad part."""
    parts = [replace(facts, day=DAY + timedelta(facts.file_no // 2)) for facts in FILES]
    for days, count in (("FFPPFF", 1), ("FFPFPPPPFF", 2), ("PFPPPPFF", 2)):
        found = find_incidents(run_of(days[:9]), {"some_check": CHECK}, parts, Currency())
        assert len(found) == count


def test_the_other_side_of_an_expected_range_is_another_incident() -> None:
    found = run_of("FFF")
    assert spans([replace(f, side=side) for f, side in zip(found, (1, 1, -1), strict=True)]) == [
        (0, 1, None),
        (2, 2, None),
    ]


def test_an_incident_lists_what_follows_from_it() -> None:
    """A failure that follows from another one begins, continues and ends no incident; its severity counts."""
    worse = replace(CHECK, check="worse")
    causes = run_of("PFFPP")
    follows = [
        replace(f, check="worse", column="d", severity=Severity.P0, cause=("some_check", f.file_no, "c"))
        for f in causes
        if f.status == "fail"
    ]
    own = replace(run_of("FFFFF")[4], check="worse", column="d")
    found = find_incidents([*causes, *follows, own], {"some_check": CHECK, "worse": worse}, FILES, Currency())
    assert [(i.check, i.severity, len(i.findings), i.consequences) for i in found] == [
        ("some_check", Severity.P0, 2, tuple(follows)),
        ("worse", Severity.P1, 1, ()),
    ]


def test_an_incident_says_since_when_it_is_worse() -> None:
    found = [replace(f, message=f"day {f.file_no}") for f in run_of("FFFF")]
    found[2:] = [replace(f, failed=90, before=Cases(100, 200)) for f in found[2:]]
    assert incidents(found)[0].message == "280 of 400 (70%); since 3 Mar: 180 of 200, before 100 of 200"
    found[3] = replace(found[3], failed=50, before=None)
    assert incidents(found)[0].message == "240 of 400 (60%); on 3 Mar: 90 of 100, before 100 of 200"


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
def test_nulls_may_be_additional(before: tuple[int, int], since: tuple[int, int], is_said: bool) -> None:
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
