"""Define the checks.

A check is registered by its definition, apart from its execution: row_checks.sql has conditions
on one event, checks.sql queries over the tables that the pass leaves, file_checks.txt the few that
look at names, headers and bytes. All are known before any runs, so none can vanish.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

from event_data.contract import Contract, Severity
from event_data.money import Currency
from event_data.sql import named_statements

HERE = Path(__file__).parent
DAYS_TO_END = 2  # consecutive good days that end an incident


class Comparison(Enum):
    """The limit or expectation that the failures of a file are compared with."""

    SHARE = "share"  # the largest share that may fail
    POOLED = "pooled"  # the same, over all files together, where a single file has few cases
    SHIFT = "shift"  # the share in the file's own past
    RISE = "rise"  # the same, but only a higher share fails
    OTHER_DAYS = "other_days"  # the count on other days
    RATE = "rate"  # the count on other days, for the number of events
    AMOUNT = "amount"  # the sum of money on other days
    GONE = "gone"  # no cases, although at least this many are usual


SHIFTS = (Comparison.SHIFT, Comparison.RISE)
COUNTS = (Comparison.OTHER_DAYS, Comparison.RATE, Comparison.AMOUNT, Comparison.GONE)
OF_DAYS = SHIFTS + COUNTS
OF_CASES = (Comparison.SHARE, Comparison.POOLED)


@dataclass(frozen=True)
class Threshold:
    """The limit of a check; `share` is the largest allowed share (SHARE, POOLED) or the least usual count (GONE)."""

    comparison: Comparison
    share: float = 0.0

    @classmethod
    def parse(cls, text: str) -> "Threshold":
        """Return the threshold that an SQL file writes as `0.001`, `pooled 0.1` or `shift`."""
        word, _, share = text.rpartition(" ") if text[-1].isdigit() else (text, "", "0")
        return cls(Comparison(word or "share"), float(share))


@dataclass(frozen=True)
class Measure:
    """The counts of one check in one file and column, without a verdict.

    `orders` and `revenue` (of the failed cases) and `record` (the first failed one, from 1) are
    None where they cannot be known. `first_records` are the first 20 failed ones; the evidence of an incident is taken
    from them. `line` is a physical line where a check knows it itself;
    `message` and `advice` replace the definition's where a check has more to say; `place` is the page
    on which most of the failed events happened, and how many of them did.
    """

    file_no: int
    column: str
    checked: int
    failed: int
    orders: int | None = None
    revenue: Decimal | None = None
    record: int | None = None
    line: int | None = None
    example: str | None = None
    message: str | None = None
    advice: str | None = None
    place: tuple[str, int] | None = None
    first_records: tuple[int, ...] = ()


class Count(int):
    """A number that also chooses a word: `{failed:have|has}` is has for 1."""

    def __format__(self, spec: str) -> str:
        several, bar, one = spec.partition("|")
        return (one if self == 1 else several) if bar else super().__format__(spec)


@dataclass(frozen=True)
class Definition:
    """One check; row_checks.sql and checks.sql say what each field means.

    Where a check of `suppressed_by` fails too, on the same column or one that it depends on, the failure follows from
    that one and is not an incident of its own. The same applies if a check of `explained_by` fails on any column of the
    file.
    """

    check: str
    severity: Severity
    dimension: str
    threshold: Threshold
    message: str
    advice: str
    sql: str = ""
    applies_to: str = ""
    needs: tuple[str, ...] = ()
    filter: str = "true"
    example: str = ""
    impact: str = "unknown"
    suppressed_by: tuple[str, ...] = ()
    explained_by: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    of_several: str = ""
    cases: str = "independent"

    def may_pass_by_chance(self, comparison: Comparison) -> bool:
        """Return whether few cases may hide a fault that continues: not if they fail together, as an outage's hours."""
        return comparison in OF_CASES and self.cases == "independent"

    @property
    def days_to_end(self) -> int:
        """Return how many consecutive good days end an incident: one for rules about the file."""
        return DAYS_TO_END if self.sql else 1

    def columns_needed(self, contract: Contract) -> list[str]:
        """Return the columns without which a file has nothing to check; events are known by the event's column."""
        needs = list(self.needs)
        if not {"orders", "journey", "checkout_started", "confirmation"}.isdisjoint(needs) or any(
            contract.event_of(need) for need in needs
        ):
            needs.append("event")
        return [contract.roles[need] for need in dict.fromkeys(needs) if need in contract.roles]

    def describe(self, m: Measure, currency: Currency, expected: str = "", is_of_several: bool = False) -> str:
        """Return the message with the measure's numbers in it; `is_of_several`: of an incident over several files."""
        message = self.of_several if is_of_several and self.of_several else self.message
        return message.format(
            failed=Count(m.failed),
            checked=Count(m.checked),
            share=percent(m.failed / m.checked if m.checked else 0),
            column=m.column,
            example=m.example or "",
            expected=expected,
            orders=m.orders or 0,
            revenue=currency.exact(m.revenue),
            total=currency.exact(m.failed, 0),
        )


def percent(share: float) -> str:
    """Return a share in per cent that is never rounded to 0% or 100% unless it is exactly that."""
    if 0 < share < 0.001:
        return "under 0.1%"
    if 0.999 < share < 1:
        return "over 99.9%"
    return f"{share:.1%}".replace(".0%", "%")


def percents(*shares: float) -> list[str]:
    """Return a range and a share in per cent, with as many digits as they need to differ."""
    for digits in range(1, 9):
        shown = [percent(share) if digits == 1 else f"{share:.{digits}%}" for share in shares]
        if (shares[2] == shares[0] or shown[2] != shown[0]) and (shares[2] == shares[1] or shown[2] != shown[1]):
            break
    return shown


def statements(file_name: str) -> dict[str, str]:
    """Return the SQL of each named part of a file beside this module."""
    return {name: part.sql for name, part in named_statements((HERE / file_name).read_text("utf-8")).items()}


def _definitions(file_name: str) -> list[Definition]:
    """Return the definitions of an SQL file of checks, in its order."""
    definitions = []
    for part in named_statements((HERE / file_name).read_text("utf-8")).values():
        fields: dict[str, Any] = {**part.fields}
        fields["severity"] = Severity[fields["severity"]]
        fields["threshold"] = Threshold.parse(fields["threshold"])
        fields |= {
            name: tuple(fields.get(name, "").split()) for name in ("needs", "suppressed_by", "explained_by", "problems")
        }
        definitions.append(Definition(check=part.name, sql=part.sql, **fields))
    return definitions


PASS = statements("pass.sql")
FILE_CHECKS = _definitions("file_checks.txt")
ROW_CHECKS = _definitions("row_checks.sql")
TABLE_CHECKS = _definitions("checks.sql")
