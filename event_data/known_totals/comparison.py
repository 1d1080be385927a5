"""The comparison of the known days, in words."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from event_data.contract.model import Contract, KnownTotal
from event_data.known_totals.counts import SQL, ComparedDay, Counts, order_event
from event_data.known_totals.explanations import Explanation, explain, listed
from event_data.money import Currency
from event_data.sql import identifier, literal

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Comparison:
    """The known days that have a file, those without one, and the explanation if a day differs."""

    days: tuple[ComparedDay, ...]
    without_file: tuple[date, ...]
    explanation: Explanation | None
    currency: Currency

    @property
    def differing(self) -> list[ComparedDay]:
        """Return the days whose totals differ."""
        return [day for day in self.days if not day.matches]

    def on(self, day: date) -> ComparedDay | None:
        """Return the comparison of a day; None if it is not a known day with a file."""
        return next((one for one in self.days if one.known.day == day), None)

    def difference(self, day: ComparedDay) -> str:
        """Return both totals of a day that differs, and the explanation, without a full stop."""
        counted, known = (_totals(total, day.known, self.currency) for total in (day.counted, day.known))
        reason = f"; {self.explanation.clause}" if self.explanation else ""
        return f"{counted} counted, where knownTotals has {known}{reason}"

    def details(self) -> list[str]:
        """Return both totals of each day that differs, one sentence per day."""
        return [
            f"{day.known.day}: counted {_totals(day.counted, day.known, self.currency)}; "
            f"expected {_totals(day.known, day.known, self.currency)}."
            for day in self.differing
        ]

    def coverage(self) -> str:
        """Return how many days match, which differ or have no file, and the explanation, as one or two sentences."""
        matching, known = len(self.days) - len(self.differing), len(self.days) + len(self.without_file)
        parts = [f"{matching} of {known} days {'matches' if matching == 1 else 'match'}"] if known > 1 else []
        if matching == known == 1:
            parts.append(f"{self.days[0].known.day} matches")
        if differing := [day.known.day for day in self.differing]:
            parts.append(f"{listed(differing)} {'differs' if len(differing) == 1 else 'differ'}")
        if self.without_file:
            parts.append(f"{listed(self.without_file)} {'has' if len(self.without_file) == 1 else 'have'} no file")
        sentence = f"Known totals: {'; '.join(parts)}."
        if self.explanation and self.explanation.kind != "some_days":
            clause = self.explanation.clause
            sentence += f" {clause[0].upper()}{clause[1:]}."
        return sentence


def compare(
    connection: "duckdb.DuckDBPyConnection", order_like: str, contract: Contract, days: Collection[date],
    offset: timedelta | None = None,
) -> Comparison | None:  # fmt: skip
    """Compare the contract's known totals with the rows of the select `order_like`; None if it has no known totals.

    counts.sql describes the columns of `order_like`. `days` are those that have a file; the others are not compared.
    `offset` is that of all times in the files from UTC, if it is known.
    """
    if not contract.known_totals:
        return None
    known = [total for total in contract.known_totals if total.day in days]
    without_file = tuple(total.day for total in contract.known_totals if total.day not in days)
    if not known:
        return Comparison((), without_file, None, contract.currency)
    counts = Counts(connection, order_like, contract, known, offset)
    compared = tuple(counts.compared(counts.usual))
    explanation = None if all(day.matches for day in compared) else explain(counts)
    return Comparison(compared, without_file, explanation, contract.currency)


def compare_warehouse(connection: "duckdb.DuckDBPyConnection", contract: Contract) -> Comparison | None:
    """Compare the contract's known totals with a warehouse; None if it has no known totals."""
    if not contract.known_totals:
        return None
    dates = connection.execute("select distinct file_date from silver.files where refused is null").fetchall()
    order_like = SQL["warehouse"].format(
        order_event=literal(order_event(contract)), time_zone=literal(contract.time_zone)
    )
    return compare(connection, order_like, contract, {day for (day,) in dates}, _offset(connection, contract))


def _offset(connection: "duckdb.DuckDBPyConnection", contract: Contract) -> timedelta | None:
    """Return the offset from UTC that all times of a warehouse have; None if they have several, or none."""
    import duckdb

    column = contract.column_of("time")
    if column is None:
        return None
    try:
        sql = SQL["offsets"].format(time=identifier(column.name))
        offsets = [text for (text,) in connection.execute(sql).fetchall()]
    except duckdb.Error:
        return None  # a warehouse of another engine, or the time is computed
    if len(offsets) != 1 or not offsets[0]:
        return None
    if offsets[0] in ("Z", "UTC"):
        return timedelta(0)
    digits = offsets[0].replace(":", "")
    span = timedelta(hours=int(digits[1:3]), minutes=int(digits[3:]))
    return -span if digits[0] == "-" else span


def _totals(total: KnownTotal, known: KnownTotal, currency: Currency) -> str:
    """Return those of a day's totals that are known, as `31 orders and $28,450.00`."""
    words: Sequence[str] = ()
    if known.orders is not None and total.orders is not None:
        words = [f"{total.orders:,} order{'s' * (total.orders != 1)}"]
    if known.revenue is not None:
        words = [*words, "no revenue" if total.revenue is None else currency.exact(total.revenue)]
    return " and ".join(words)
