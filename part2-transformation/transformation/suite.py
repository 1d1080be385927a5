"""The SQL test suite: test rows, transform.sql applied to them, and the expected results."""

from dataclasses import dataclass, replace

import duckdb

from event_data.contract import Contract
from event_data.evidence import land_seeds
from event_data.output import table
from event_data.statements import Statement, fill, parse_statements, read_statements
from transformation.build import HERE
from transformation.placeholders import placeholders

OWNERS = "ABCDEFGHI"  # the nine tests that the owner asked for
MARK = "-- transform.sql\n"
SUITE = HERE / "validation_tr.sql"


@dataclass(frozen=True)
class Outcome:
    test: str
    name: str
    expected: str | None
    actual: str | None

    @property
    def passed(self) -> bool:
        return self.expected == self.actual


@dataclass(frozen=True)
class Suite:
    """The statements of the test suite, in order: the tables of test rows, transform.sql, and the tests."""

    rows: list[Statement]
    statements: list[Statement]
    tests: list[str]


def read_suite(contract: Contract, portable: bool = False) -> Suite:
    """Return the suite with every placeholder filled in; `portable` is for engines other than DuckDB.

    Its rows follow the contract, with the time settings that the tests expect.
    """
    contract = replace(
        contract, session_gap_minutes=30, window_days=7, most_clients_of_a_person=5, most_customers_of_a_device=5
    )
    text, _, tests = SUITE.read_text("utf-8").partition(MARK)
    rows = parse_statements(text, str(SUITE))
    with duckdb.connect() as connection:
        land_seeds(connection, contract)
        for statement in rows:
            connection.execute(statement.sql)
        columns = [row[0] for row in connection.execute("describe bronze.events").fetchall()]
        filled = placeholders(connection, contract, columns, portable=portable)
    statements = [fill(s, filled) for s in read_statements(HERE / "transform.sql")]
    return Suite(rows, statements, [test.query for test in duckdb.extract_statements(tests)])


def run_suite(contract: Contract, suite: Suite) -> list[Outcome]:
    """Run every test on DuckDB; raise duckdb.Error if a statement of the suite or of transform.sql fails."""
    with duckdb.connect() as connection:
        land_seeds(connection, contract)
        for statement in (*suite.rows, *suite.statements):
            connection.execute(statement.sql)
        return [Outcome(*row) for test in suite.tests for row in connection.execute(test).fetchall()]


def outcome_lines(outcomes: list[Outcome], width: int) -> list[str]:
    """Return lines that report how many tests passed, and the outcome of each."""
    rows = [
        (o.test, o.name, o.expected or "null", o.actual or "null", "PASS" if o.passed else "FAIL") for o in outcomes
    ]
    owners = [o for o in outcomes if o.test in OWNERS]
    passed = (
        f"{sum(o.passed for o in owners)}/{len(owners)} passed of the owner's suite, "
        f"{sum(o.passed for o in outcomes)}/{len(outcomes)} passed in all."
    )
    return [passed, "", *table(("test", "name", "expected", "actual", ""), rows, width)]
