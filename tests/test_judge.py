"""Verdicts: what is usual for a day, when few cases are believed, and which files make one incident."""

import csv
from dataclasses import replace
from datetime import date
from decimal import Decimal
from math import inf, isfinite, sqrt
from pathlib import Path

import pytest
from contract import Contract, Rule, load_contract
from definitions import Definition, Measure
from drift import LEAST_MATCH, Profile, likeness, profiles, shape
from history import LEAST_DAYS, LEAST_FOLD, LEAST_SHIFT, Z_LIMIT, count_range, share_range
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import Finding, Incident, find_incidents, judge
from reading import DayFile
from scan import FileFacts
from wording import money, percent, says

SCHEMA = Path(__file__).parents[1] / "part1-data-quality" / "schema.yaml"
CHECK = Definition("some_check", "P2", "accuracy", "0", "{failed:,} of {checked:,} ({share})", "Look.")


@pytest.fixture(scope="module")
def contract() -> Contract:
    return replace(load_contract(SCHEMA), rules=())


# ---- a share beside the file's own past


def test_a_share_is_usual_within_its_own_spread() -> None:
    past = [(100, 1000)] * 6
    low, high = share_range(past, 1000) or (inf, inf)
    share = 600.5 / 6001
    spread = Z_LIMIT * sqrt(share * (1 - share) * (1 / 1000 + 1 / 6000))  # no over-dispersion: phi is 1
    assert (low, high) == pytest.approx((share - spread, share + spread))
    wild = share_range([(50, 1000), (150, 1000)] * 3, 1000) or (inf, inf)
    phi = 6 * (1000 * share - 50.1) ** 2 / (1000 * share * (1 - share)) / 5
    assert wild[1] - share == pytest.approx(spread * sqrt(phi), rel=0.01)


@pytest.mark.parametrize(
    ("past", "checked", "low", "high"),
    [
        ([(0, 10**6)] * 9, 10**6, 0, LEAST_SHIFT),  # nothing ever failed: a shift of three points is needed
        ([(10**6, 10**6)] * 9, 10**6, 1 - LEAST_SHIFT, 1),
        ([(500_000, 10**6)] * 9, 10**6, 0.5 - LEAST_SHIFT, 0.5 + LEAST_SHIFT),
        ([(0, 5), (5, 5)] * 4, 1, 0, 1),  # anything can be, when so few cases vary so much
    ],
)
def test_the_ends_of_a_share(past: list[tuple[int, int]], checked: int, low: float, high: float) -> None:
    assert share_range(past, checked) == pytest.approx((low, high), abs=1e-5)


def test_few_days_say_nothing() -> None:
    assert share_range([(1, 10)] * (LEAST_DAYS - 1), 10) is None
    assert share_range([(1, 10)] * (LEAST_DAYS - 1) + [(0, 0)] * 5, 10) is None  # an empty day is none
    assert share_range([(1, 10)] * LEAST_DAYS, 0) is None
    assert count_range([5] * (LEAST_DAYS - 1)) is None


days = st.lists(
    st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=4, max_size=14
)


@settings(derandomize=True, max_examples=200)
@given(days, st.integers(1, 10**6))
def test_a_range_of_shares_is_a_range(past: list[tuple[int, int]], checked: int) -> None:
    low, high = share_range(past, checked) or (inf, -inf)
    share = sum(f for f, _ in past) / sum(n for _, n in past)
    assert 0 <= low <= share <= high <= 1
    assert share_range(past[::-1], checked) == pytest.approx((low, high))
    wider = share_range(past, max(1, checked // 2)) or (inf, -inf)
    assert wider[0] <= low and high <= wider[1]  # fewer cases prove less
    other_way = share_range([(n - f, n) for f, n in past], checked) or (inf, -inf)
    # Symmetric, but for the half case that keeps the variance positive.
    assert (1 - other_way[1], 1 - other_way[0]) == pytest.approx((low, high), abs=0.5 / len(past))


# ---- a count beside the other days'


@pytest.mark.parametrize(
    ("others", "low", "high"),
    [
        ([0] * 9, 0, ((2 * sqrt(0.375) + COUNT_Z * sqrt(10 / 9)) / 2) ** 2 - 0.375),
        ([10_000] * 9, 10_000 / LEAST_FOLD, 10_000 * LEAST_FOLD),  # the fold is wider than the noise
        ([10_000] * 8 + [0], 10_000 / LEAST_FOLD, 10_000 * LEAST_FOLD),  # one broken day hides nothing
        ([20] * 13, *(((2 * sqrt(20.375) + s * COUNT_Z * sqrt(14 / 13)) / 2) ** 2 - 0.375 for s in (-1, 1))),
    ],
)
def test_a_count_by_hand(others: list[int], low: float, high: float) -> None:
    assert count_range(others) == pytest.approx((low, high), rel=1e-4)


@settings(derandomize=True, max_examples=200)
@given(st.lists(st.integers(0, 10**7), min_size=4, max_size=14), st.integers(0, 10**5))
def test_a_range_of_counts_is_a_range(others: list[int], more: int) -> None:
    low, high = count_range(others) or (inf, -inf)
    assert 0 <= low <= high and isfinite(low + high)
    assert low <= sorted(others)[len(others) // 2] and high >= sorted(others)[(len(others) - 1) // 2]
    assert count_range(others[::-1]) == (low, high)
    assert (count_range([others[0]] * 5) or (inf, inf))[0] <= (count_range([others[0] + more] * 5) or (0, 0))[0]
    assert (count_range([others[0]] * 5) or (inf, inf))[1] <= (count_range([others[0] + more] * 5) or (0, 0))[1]


# ---- verdicts


def files(count: int) -> list[FileFacts]:
    days = [date(2025, 3, n) for n in range(1, count + 1)]
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
    ],
)
def test_thresholds(contract: Contract, threshold: str, cases: list[tuple[int, int]], expected: str) -> None:
    assert "".join(verdicts(contract, threshold, cases)[0]) == expected


def rule(threshold: float | None = None, rows: float | None = None, column: str | None = "c") -> Rule:
    return Rule("some_check", column, "P0", None, threshold, rows, None, "Call.", {}, 1)


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
    got, findings = verdicts(contract, "0", [(1, 10), (1, 10)], unless="worse better")
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
        (20, 1, "FPF", True),  # one in sixty: a clean file of twenty is chance (71 %)
        (20, 1, "FPPPPPF", True),  # one in 120, a hundred clean cases: still 43 %
        (20, 2, "FPPF", True),  # one in thirty, forty clean cases: 26 %
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
    told = replace(CHECK, says="{failed:,} of {checked:,} ({share}) {column} {example} {expected} {orders} {revenue}")
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
