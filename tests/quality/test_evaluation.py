"""Verdicts: which files fail, against which threshold, and in which words."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from commands import SCHEMA
from quality.definitions import Definition, Measure, Threshold, percent
from quality.evaluation import DAYS_BESIDE, Finding, evaluate
from quality.scan import FileFacts

from event_data.contract import Contract, Limit, Rule, Severity, load_contract
from event_data.money import Currency
from event_data.reading.day_file import DayFile

NO_FAILURE = Threshold.parse("0")
CHECK = Definition("some_check", Severity.P2, "accuracy", NO_FAILURE, "{failed:,} of {checked:,} ({share})", "Look.")


@pytest.fixture(scope="module")
def contract() -> Contract:
    return replace(load_contract(SCHEMA), rules=())


def files(count: int) -> list[FileFacts]:
    days = [date(2025, 3, 1) + timedelta(n) for n in range(count)]
    found = [DayFile(f"events_{day:%Y%m%d}.csv", Path(), day, 1) for day in days]
    return [FileFacts(file_no=n, file=file, day=days[n], headers={}) for n, file in enumerate(found)]


def verdicts(
    contract: Contract, threshold: str, cases: list[tuple[int, int]], **rest: object
) -> tuple[list[str], list[Finding]]:
    """P, F or S for each day, and the findings, of a check that failed so many of so many cases a day."""
    definition = replace(CHECK, threshold=Threshold.parse(threshold), **rest)  # type: ignore[arg-type]
    measures = [Measure(n, "c", checked, failed, record=1) for n, (failed, checked) in enumerate(cases)]
    found = evaluate(definition, measures, files(len(cases)), contract, {("better", 0, "c")})
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
        ("other_days", [(1000, 1)] * 3, "SSS"),
        ("other_days", [(1000, 1)] * 5 + [(500, 1), (2000, 1), (1500, 1)], "PPPPPFFP"),
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
        ("amount", [(1000, 1)] * 6 + [(190, 1), (5500, 1), (0, 1)], "PPPPPPFFF"),
    ],
)
def test_thresholds(contract: Contract, threshold: str, cases: list[tuple[int, int]], expected: str) -> None:
    assert "".join(verdicts(contract, threshold, cases)[0]) == expected


def test_a_pooled_limit_is_printed_as_it_is(contract: Contract) -> None:
    assert {f.threshold for f in verdicts(contract, "pooled 0.1", [(3, 10)] * 6 + [(0, 10)])[1]} == {"0.1000"}


def test_a_count_is_compared_with_the_days_beside_it(contract: Contract) -> None:
    cases = [(100, 1)] * DAYS_BESIDE + [(1000, 1)] * (DAYS_BESIDE + 1)
    got, _ = verdicts(contract, "other_days", cases)
    assert got[0] == got[-1] == "P"  # it sees none of the other level, or as few as do not matter
    assert verdicts(contract, "other_days", [(100, 1)] + [(1000, 1)] * DAYS_BESIDE + [(100, 1)] * 40)[0][0] == "F"


def rule(threshold: float | None = None, rows: float | None = None, column: str | None = "c") -> Rule:
    limit = None if threshold is None and rows is None else Limit(threshold, rows)
    return Rule("some_check", column, Severity.P0, limit, "Call.")


def test_the_contract_overrides_a_threshold(contract: Contract) -> None:
    with_rule = replace(contract, rules=(rule(0.5, column=None), rule(0.2)))  # the column's own rule wins
    for threshold in ("0", "shift", "other_days", "rate"):
        got, findings = verdicts(with_rule, threshold, [(2, 10), (3, 10)])
        assert got == ["P", "F"]
        assert (findings[1].severity, findings[1].advice, findings[1].threshold) == (Severity.P0, "Call.", "0.2000")
    assert verdicts(replace(contract, rules=(rule(rows=5),)), "0", [(5, 10), (5, 10**6), (6, 10**6)])[0] == list("PPF")
    assert verdicts(replace(contract, rules=(rule(),)), "0.1", [(1, 10), (2, 10)])[0] == list("PF")


def test_a_pooled_limit_in_rows(contract: Contract) -> None:
    assert verdicts(replace(contract, rules=(rule(rows=9),)), "pooled 0.1", [(2, 3), (1, 100)])[0] == list("PP")


def test_a_check_is_silent_where_a_better_one_fails(contract: Contract) -> None:
    got, findings = verdicts(contract, "0", [(1, 10), (1, 10)], suppressed_by=("worse", "better"))
    assert got == ["S", "F"] and findings[0].message == "see better"


def test_no_check_vanishes(contract: Contract) -> None:
    for measures in ([], [Measure(1, "c", 5, 0)], [Measure(0, "c", 0, 0), Measure(2, "d", 5, 1)]):
        found = evaluate(CHECK, measures, files(3), contract, ())
        columns = {m.column for m in measures} or {""}
        assert [(f.column, f.file_no) for f in found] == [(c, n) for c in sorted(columns) for n in range(3)]
        assert all(f.status == "skip" and f.message for f in found if f.checked is None)


# ---- words


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0, "0%"), (1, "100%"), (0.5, "50%"), (0.125, "12.5%"), (0.00001, "under 0.1%"), (0.99999, "over 99.9%"),
        (0.001, "0.1%"), (0.1004, "10%"), (1.5, "150%"),
    ],
)  # fmt: skip
def test_percent(share: float, expected: str) -> None:
    assert percent(share) == expected


def test_the_words_of_a_message() -> None:
    told = replace(
        CHECK, message="{failed:,} of {checked:,} ({share}) {column} {example} {expected} {orders} {revenue} {total}"
    )
    measure = Measure(0, "{a} %s", 2000, 1000, 3, Decimal("4.5"), example="{0}")
    assert told.describe(measure, Currency("€"), "{x}") == "1,000 of 2,000 (50%) {a} %s {0} {x} 3 €4.50 €1,000"
    assert told.describe(Measure(0, "c", 0, 0), Currency()) == "0 of 0 (0%) c   0 unknown $0"
