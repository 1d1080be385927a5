"""Verdicts: which files fail, and which failures make one incident."""

import csv
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from quality.definitions import Definition, Measure
from quality.judgement import DAYS_BESIDE, Finding, Incident, find_incidents, judge
from quality.rename_detection import LEAST_MATCH, Profile, likeness, profiles, shape
from quality.scan import FileFacts
from quality.wording import money, percent, says

from event_data.contract import Contract, Limit, Rule, Severity, load_contract
from event_data.reading.day_file import DayFile

SCHEMA = Path(__file__).parents[2] / "part1-data-quality" / "schema.yaml"
CHECK = Definition("some_check", "P2", "accuracy", "0", "{failed:,} of {checked:,} ({share})", "Look.")


@pytest.fixture(scope="module")
def contract() -> Contract:
    return replace(load_contract(SCHEMA), rules=())


# ---- verdicts


def files(count: int) -> list[FileFacts]:
    days = [date(2025, 3, 1) + timedelta(n) for n in range(count)]
    found = [DayFile(f"events_{day:%Y%m%d}.csv", Path(), day, 1) for day in days]
    return [FileFacts(file_no=n, file=file, day=days[n], headers={}) for n, file in enumerate(found)]


def verdicts(
    contract: Contract, threshold: str, cases: list[tuple[int, int]], **rest: object
) -> tuple[list[str], list[Finding]]:
    """P, F or S for each day, and the findings, of a check that failed so many of so many cases a day."""
    definition = replace(CHECK, threshold=threshold, **rest)  # type: ignore[arg-type]
    measures = [Measure(n, "c", checked, failed, record=1) for n, (failed, checked) in enumerate(cases)]
    found = judge(definition, measures, files(len(cases)), contract, {("better", 0, "c")})
    return [f.status[0].upper() for f in found], found


@pytest.mark.parametrize(
    ("threshold", "cases", "expected"),
    [
        ("0", [(0, 10), (1, 10), (0, 0)], "PFS"),
        ("0.1", [(1, 10), (2, 10), (10, 100), (11, 100)], "PFPF"),
        # The first four days tell what is usual; a day that is not usual teaches nothing.
        ("shift", [(100, 1000)] * 4 + [(100, 1000), (300, 1000), (300, 1000), (100, 1000), (0, 1000)], "SSSSPFFPF"),
        ("shift", [(0, 1000)] * 5 + [(25, 1000)], "SSSSPP"),
        ("shift", [(0, 1000)] * 5 + [(40, 1000)], "SSSSPF"),
        ("others", [(1000, 1)] * 3, "SSS"),
        ("others", [(1000, 1)] * 5 + [(500, 1), (2000, 1), (1500, 1)], "PPPPPFFP"),
        # The same rate on a day of half the traffic, and on a day of the usual traffic.
        ("rate", [(100, 1000)] * 6 + [(50, 500), (20, 1000)], "PPPPPPPF"),
        # 2 of 10 may be chance where 10 % are allowed; 200 of 1,000 are not.
        ("pooled 0.1", [(2, 10)] * 3, "PPP"),
        ("pooled 0.1", [(200, 1000), (0, 10), (0, 10)], "FPP"),
        ("pooled 0.1", [(200, 1000), (2, 10), (0, 0)], "FFS"),
        ("pooled 0.1", [(90, 1000), (1, 2)], "PP"),
        ("pooled 0", [(0, 10), (1, 1000)], "PF"),
        # None of six is beyond doubt, all together are; a file without a case is never one of them.
        ("pooled 0.1", [(3, 10)] * 6, "FFFFFF"),
        ("pooled 0.1", [(3, 10)] * 5 + [(0, 10), (5, 10)], "FFFFFPF"),
        # Nor is one whose own cases speak for less; one below the limit by chance is.
        ("pooled 0.1", [(500, 1000), (20, 1000), (95, 1000), (1, 20)], "FPFF"),
        # All together are within it; a file is beyond it by itself.
        ("pooled 0.1", [(8, 20), (10, 1000)], "FP"),
        ("amounts", [(1000, 1)] * 6 + [(190, 1), (5500, 1), (0, 1)], "PPPPPPFFF"),
    ],
)
def test_thresholds(contract: Contract, threshold: str, cases: list[tuple[int, int]], expected: str) -> None:
    assert "".join(verdicts(contract, threshold, cases)[0]) == expected


def test_a_pooled_limit_is_printed_as_it_is(contract: Contract) -> None:
    assert {f.threshold for f in verdicts(contract, "pooled 0.1", [(3, 10)] * 6 + [(0, 10)])[1]} == {"0.1000"}


def test_a_count_is_compared_with_the_days_beside_it(contract: Contract) -> None:
    cases = [(100, 1)] * DAYS_BESIDE + [(1000, 1)] * (DAYS_BESIDE + 1)
    got, _ = verdicts(contract, "others", cases)
    assert got[0] == got[-1] == "P"  # it sees none of the other level, or as few as do not matter
    assert verdicts(contract, "others", [(100, 1)] + [(1000, 1)] * DAYS_BESIDE + [(100, 1)] * 40)[0][0] == "F"


def rule(threshold: float | None = None, rows: float | None = None, column: str | None = "c") -> Rule:
    limit = None if threshold is None and rows is None else Limit(threshold, rows)
    return Rule("some_check", column, Severity.P0, limit, "Call.")


def test_the_contract_overrides_a_threshold(contract: Contract) -> None:
    with_rule = replace(contract, rules=(rule(0.5, column=None), rule(0.2)))  # the column's own rule wins
    for threshold in ("0", "shift", "others", "rate"):
        got, findings = verdicts(with_rule, threshold, [(2, 10), (3, 10)])
        assert got == ["P", "F"]
        assert (findings[1].severity, findings[1].advice, findings[1].threshold) == ("P0", "Call.", "0.2000")
    assert verdicts(replace(contract, rules=(rule(rows=5),)), "0", [(5, 10), (5, 10**6), (6, 10**6)])[0] == list("PPF")
    assert verdicts(replace(contract, rules=(rule(),)), "0.1", [(1, 10), (2, 10)])[0] == list("PF")


def test_a_pooled_limit_in_rows(contract: Contract) -> None:
    assert verdicts(replace(contract, rules=(rule(rows=9),)), "pooled 0.1", [(2, 3), (1, 100)])[0] == list("PP")


def test_a_check_is_silent_where_a_better_one_fails(contract: Contract) -> None:
    got, findings = verdicts(contract, "0", [(1, 10), (1, 10)], suppressed_by="worse better")
    assert got == ["S", "F"] and findings[0].message == "see better"


def test_no_check_vanishes(contract: Contract) -> None:
    for measures in ([], [Measure(1, "c", 5, 0)], [Measure(0, "c", 0, 0), Measure(2, "d", 5, 1)]):
        found = judge(CHECK, measures, files(3), contract, ())
        columns = {m.column for m in measures} or {""}
        assert [(f.column, f.file_no) for f in found] == [(c, n) for c in sorted(columns) for n in range(3)]
        assert all(f.status == "skip" and f.message for f in found if f.checked is None)


# ---- incidents


def run_of(days: str, checked: int = 100, failed: int = 50, **rest: object) -> list[Finding]:
    """Findings of a check: F failed, P passed, S skipped, one a day."""
    status = {"F": "fail", "P": "pass", "S": "skip"}
    return [
        Finding(
            status[letter],
            "P1",
            "some_check",
            n,
            f"day{n}",
            "c",
            None if letter == "S" else checked,
            failed if letter == "F" else 0 if letter == "P" else None,
            message="m",
            **rest,  # type: ignore[arg-type]
        )
        for n, letter in enumerate(days)
    ]


def incidents(findings: list[Finding]) -> list[Incident]:
    return find_incidents(findings, {"some_check": CHECK}, files(9))


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
    (incident,) = incidents([replace(known[0], message="one"), replace(known[1], message="other", severity="P0")])
    assert incident.message == "100 of 200 (50%)" and incident.severity == "P0"


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
        (incident,) = find_incidents(found, {check: replace(CHECK, check=check)}, files(9))
        top = "; events that have one are as many as before, so these seem to come on top"
        assert incident.message == "m" + (top if is_said and check == "null_share" else "")
    alone = find_incidents([replace(bad, check="null_share")], {"null_share": replace(CHECK, check="null_share")}, [])
    assert alone[0].message == "m"


def test_an_incident_names_the_page_where_most_of_it_happened() -> None:
    at = [replace(f, place=place) for f, place in zip(run_of("FF"), [("/a", 40), ("/b", 11)], strict=True)]
    assert incidents(at)[0].message == "m"  # 40 of 100 are not most
    at = [replace(f, place=("/a", 30)) for f in at]
    assert incidents(at)[0].message == "m, 60% of them on /a"


def test_the_worst_incident_is_the_first() -> None:
    def one(column: str, severity: str, revenue: str | None, orders: int | None = None) -> Finding:
        money = None if revenue is None else Decimal(revenue)
        return replace(run_of("F")[0], column=column, severity=severity, revenue=money, orders=orders)

    given = [
        one("a", "P2", "9000"),
        one("b", "P1", None),
        one("c", "P1", "5"),
        one("d", "P0", None),
        one("e", "P1", "7"),
    ]
    found = incidents([*given, one("f", "P1", None, 3)])
    assert [(i.number, i.column) for i in found] == [(1, "d"), (2, "e"), (3, "c"), (4, "f"), (5, "b"), (6, "a")]


# ---- words


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0, "0%"),
        (1, "100%"),
        (0.5, "50%"),
        (0.125, "12.5%"),
        (0.00001, "under 0.1%"),
        (0.99999, "over 99.9%"),
        (0.001, "0.1%"),
        (0.1004, "10%"),
        (1.5, "150%"),
    ],
)
def test_percent(share: float, expected: str) -> None:
    assert percent(share) == expected


def test_money() -> None:
    assert (
        money(None) == "unknown" and money(Decimal(0)) == "$0.00" and money(Decimal("1234567.891")) == "$1,234,567.89"
    )


def test_says() -> None:
    told = replace(
        CHECK, message="{failed:,} of {checked:,} ({share}) {column} {example} {expected} {orders} {revenue}"
    )
    measure = Measure(0, "{a} %s", 2000, 1000, 3, Decimal("4.5"), example="{0}")
    assert says(told, measure, "{x}") == "1,000 of 2,000 (50%) {a} %s {0} {x} 3 $4.50"
    assert says(told, Measure(0, "c", 0, 0)) == "0 of 0 (0%) c   0 unknown"


# ---- a column under another name


def profile(*values: str) -> Profile:
    n = max(1, len([v for v in values if v]))
    filled = [v for v in values if v]
    return Profile(
        1 - len(filled) / max(1, len(values)),
        {s: sum(shape(v) == s for v in filled) / n for s in map(shape, filled)},
        {v: filled.count(v) / n for v in filled},
        sum(map(len, filled)) / n,
    )


IDS, MORE_IDS = (
    ("1740268798-lvfV1k5nHCN8", "1740268799-aaaaa1111122"),
    ("1740300000-zzzzzzzzzzzz", "1740300001-bQbQbQbQ0000"),
)
URLS = ("https://shop.example/a?b=1", "https://shop.example/")


@pytest.mark.parametrize(
    ("old", "new", "low", "high"),
    [
        (IDS, IDS, 1, 1),
        (IDS, MORE_IDS, 1, 1),  # no value in common, and all of the same form
        (IDS, URLS, 0, 0),
        (("a", "a", "b"), ("a", "b", "b"), 0.66, 1),
        (IDS, ("", ""), 0, 0),
        (("", ""), IDS, 0, 0),
        (IDS, (*MORE_IDS, *[""] * 18), 0, 0.2),  # nearly always empty now
        (("yes", "no"), ("something much longer", "than it was before"), 0, LEAST_MATCH),
    ],
)
def test_likeness(old: tuple[str, ...], new: tuple[str, ...], low: float, high: float) -> None:
    assert low <= likeness(profile(*old), profile(*new)) <= high + 1e-9
    assert likeness(profile(*old), profile(*new)) == pytest.approx(likeness(profile(*new), profile(*old)))


def test_profiles_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "day.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=";").writerows([["id", "x"], *[[v, ""] for v in IDS], ["ragged"], ["a;\nb", "1"]])
    found = profiles(path, ";")
    assert found["id"].values == {
        IDS[0]: pytest.approx(1 / 3),
        IDS[1]: pytest.approx(1 / 3),
        "a;\nb": pytest.approx(1 / 3),
    }
    assert found["x"].nulls == pytest.approx(2 / 3) and found["x"].mean_length == 1
    path.write_bytes(b"")
    assert profiles(path, ",") == {}
