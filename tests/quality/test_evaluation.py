"""Verdicts: which files fail, against which threshold, and in which words."""

import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from commands import SCHEMA
from quality.checks import DEFINITIONS
from quality.definitions import Count, Definition, Measure, Threshold, percent
from quality.evaluation import Finding, evaluate
from quality.expected_ranges import DAYS_BEFORE
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
    """Return P, F or S for each day, and the findings, of a check that failed so many of so many cases per day."""
    definition = replace(CHECK, threshold=Threshold.parse(threshold), **rest)  # type: ignore[arg-type]
    measures = [Measure(n, "c", checked, failed, record=1) for n, (failed, checked) in enumerate(cases)]
    found = evaluate(definition, measures, files(len(cases)), contract)
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
        # While an incident is open, a day is well only if its own cases show that.
        ("pooled 0.1", [(200, 1000), (2, 10), (0, 0)], "FFS"),
        ("pooled 0.1", [(90, 1000), (1, 2)], "PP"),
        ("pooled 0", [(0, 10), (1, 1000)], "PF"),
        # Days of few cases fail once they exceed the limit together, and not those before.
        ("pooled 0.1", [(3, 10)] * 6, "PPPFFF"),
        ("pooled 0.1", [(3, 10)] * 4 + [(0, 10), (3, 10)], "PPPFPF"),
        ("pooled 0.1", [(500, 1000), (20, 1000), (95, 1000), (1, 20)], "FPPP"),
        ("pooled 0.1", [(8, 20), (10, 1000)], "FP"),
        # None of these are usual where the days before have ten or more, and no file tells of those before it.
        ("gone 10", [(20, 1)] * 5 + [(0, 1)] * 2 + [(15, 1)], "PPPPPFFP"),
        ("gone 10", [(9, 1)] * 5 + [(0, 1)], "PPPPPP"),
        ("gone 10", [(20, 1)] * 4 + [(0, 1)] * 40, "PPPP" + "F" * 40),
        ("amount", [(1000, 1)] * 6 + [(190, 1), (5500, 1), (0, 1)], "PPPPPPFFF"),
        # The first days have none before them, and are compared with the first eight.
        ("other_days", [(100, 1), (1000, 1), (1000, 1), (300, 1)] + [(1000, 1)] * 4, "FPPFPPPP"),
        # A long rise does not make the level before it unusual, unless it stays.
        ("other_days", [(1000, 1)] * 8 + [(3000, 1)] * 14 + [(1000, 1)], "P" * 8 + "F" * 14 + "P"),
        ("other_days", [(1000, 1)] * 8 + [(3000, 1)] * 30, "P" * 8 + "F" * 28 + "PP"),
    ],
)
def test_thresholds(contract: Contract, threshold: str, cases: list[tuple[int, int]], expected: str) -> None:
    assert "".join(verdicts(contract, threshold, cases)[0]) == expected


def test_a_pooled_limit_is_printed_as_it_is(contract: Contract) -> None:
    assert {f.threshold for f in verdicts(contract, "pooled 0.1", [(3, 10)] * 6 + [(0, 10)])[1]} == {"0.1000"}


def test_a_count_is_compared_with_the_days_before_it(contract: Contract) -> None:
    grown = [(round(100 * 1.02**n), 1) for n in range(4 * DAYS_BEFORE)]  # nine times as many in the end
    assert set(verdicts(contract, "other_days", grown)[0]) == {"P"}
    assert verdicts(contract, "other_days", [*grown, (100, 1)])[0][-1] == "F"


@pytest.mark.parametrize("threshold", ["0.1", "pooled 0.1", "shift", "other_days", "rate", "amount", "gone 10"])
def test_no_file_changes_the_verdict_on_an_earlier_one(contract: Contract, threshold: str) -> None:
    rng = Random(threshold)
    for _ in range(20):
        cases = [(rng.choice((0, 3, 20, 30, 90)), 100) for _ in range(20)]
        all_days = verdicts(contract, threshold, cases)[1]
        for count in range(8, 20):
            assert verdicts(contract, threshold, cases[:count])[1] == all_days[:count]


@pytest.mark.parametrize(
    ("threshold", "cases", "severities", "before"),
    [
        # Of the open incident.
        ("0.01", [(0, 1000), (100, 1000), (110, 1000), (300, 1000)], "P2 P2 P1", (210, 2000)),
        ("0.01", [(0, 1000), (100, 1000), (170, 1000)], "P2 P2", None),  # less than 1.8 times as many
        ("0.01", [(100, 1000), (0, 1000), (0, 1000), (300, 1000)], "P2 P2", None),  # the first one is over
        ("0.01", [(100, 1000), (300, 1000), (310, 1000), (100, 1000)], "P2 P1 P1 P2", (100, 1000)),
        ("0.1", [(450, 1000), (750, 1000)], "P2 P1", (450, 1000)),  # from half to three quarters
        # What is never zero is compared with the good days, too.
        ("pooled 0.1", [(1, 20)] * 6 + [(18, 20)], "P1", (6, 120)),
        ("pooled 0.1", [(7, 19)] * 6 + [(19, 19)], "P2 P2 P2 P2 P2 P1", (42, 114)),
        ("shift", [(10, 100)] * 5 + [(30, 100), (90, 100)], "P2 P1", (30, 100)),
        ("shift", [(50, 100)] * 5 + [(99, 100), (1, 100)], "P2 P2", None),  # the other side
    ],
)
def test_what_gets_much_worse_is_more_severe(
    contract: Contract, threshold: str, cases: list[tuple[int, int]], severities: str, before: tuple[int, int] | None
) -> None:
    failures = [f for f in verdicts(contract, threshold, cases)[1] if f.status == "fail"]
    assert " ".join(str(f.severity) for f in failures) == severities
    assert next((f.before for f in failures if f.before), None) == before


def test_parts_of_a_day_are_judged_together(contract: Contract) -> None:
    """One of 10 is more than the limit of a part and not of the day; of a bad day, the parts with a failure are bad."""
    parts = [replace(f, day=date(2025, 3, 1)) for f in files(3)]
    for cases, expected in (([(1, 10), (0, 500), (0, 500)], "PPP"), ([(1, 10), (0, 500), (30, 500)], "FPF")):
        measures = [Measure(n, "c", checked, failed, record=1) for n, (failed, checked) in enumerate(cases)]
        found = evaluate(replace(CHECK, threshold=Threshold.parse("0.01")), measures, parts, contract)
        assert "".join(f.status[0].upper() for f in found) == expected
        assert [f.failed for f in found] == [failed for failed, _ in cases]


def test_a_message_fits_its_limits(contract: Contract) -> None:
    """A finding is visibly outside what it calls usual."""
    words = {"message": "{failed} {share} {expected}"}
    for count in range(60):
        found = verdicts(contract, "other_days", [(20, 1)] * 6 + [(count, 1)], **words)[1][-1]
        if found.status == "fail":
            value, _, low, _, high = found.message.split()
            assert int(value) == count and not int(low) <= count <= int(high)
    for failed in range(10_000, 15_000, 7):
        found = verdicts(contract, "shift", [(10_000, 100_000)] * 6 + [(failed, 100_000)], **words)[1][-1]
        if found.status == "fail":
            _, share, low, _, high = found.message.split()
            assert share not in (low, high)


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


def test_no_check_vanishes(contract: Contract) -> None:
    for measures in ([], [Measure(1, "c", 5, 0)], [Measure(0, "c", 0, 0), Measure(2, "d", 5, 1)]):
        found = evaluate(CHECK, measures, files(3), contract)
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
    worded = replace(
        CHECK, message="{failed:,} of {checked:,} ({share}) {column} {example} {expected} {orders} {revenue} {total}"
    )
    measure = Measure(0, "{a} %s", 2000, 1000, 3, Decimal("4.5"), example="{0}")
    assert worded.describe(measure, Currency("€"), "{x}") == "1,000 of 2,000 (50%) {a} %s {0} {x} 3 €4.50 €1,000"
    assert worded.describe(Measure(0, "c", 0, 0), Currency()) == "0 of 0 (0%) c   0 unknown $0"


def test_every_message_is_singular_where_its_count_is_one(contract: Contract) -> None:
    for definition in DEFINITIONS.values():
        for text in filter(None, (definition.message, definition.of_several)):
            one, two = (
                replace(definition, message=text).describe(Measure(0, "page", n, n), contract.currency) for n in (1, 2)
            )
            if counted := re.match(r"1 of 1 ((?:page |paid |counted |checkout and order )?)([a-z]+)", one):
                assert counted[2] == "address" or not counted[2].endswith("s"), one
                assert re.match(rf"2 of 2 {counted[1]}{counted[2]}(s|es)?\b", two), two
            verb = re.match(r"1 of 1 [^(]*\(100%\)(?: in the [^,]*)? ([a-z]+)", one)
            assert not verb or verb[1] in ("cannot", "did", "led") or verb[1].endswith("s"), one


def test_a_count_chooses_a_word() -> None:
    text = "{0:,} {0:orders|order} {0:have|has}{0:!|} no id"
    assert text.format(Count(1)) == "1 order has no id" and text.format(Count(0)) == "0 orders have! no id"
    assert text.format(Count(1234)) == "1,234 orders have! no id"
