"""What a check is, and the checks that are written in SQL.

A check is registered by its definition, apart from its execution: row_checks.sql holds conditions
on one event, checks.sql queries over the tables that the pass leaves, file_checks.py the few that
look at names, headers and bytes. All are known before any runs, so none can vanish.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from event_data.sql import named_statements

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Measure:
    """What one check counted in one file and column: facts only, no verdict.

    `orders` and `revenue` (of the failed cases) and `record` (the first failed one, from 1) are
    None where they cannot be known. `line` is a physical line where a check knows it itself;
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


@dataclass(frozen=True)
class Definition:
    """One check; row_checks.sql and checks.sql say what each field means.

    A check says nothing of a file and column on which a check of `suppressed_by` fails, which explains the same.
    """

    check: str
    severity: str
    dimension: str
    threshold: str
    message: str
    advice: str
    sql: str = ""
    applies_to: str = ""
    needs: tuple[str, ...] = ()
    filter: str = "true"
    example: str = ""
    impact: str = "unknown"
    suppressed_by: str = ""
    run: Callable[[Any], Iterable[Measure]] | None = None


def statements(file_name: str) -> dict[str, str]:
    """Return the SQL of each named part of a file beside this module."""
    return {name: part.sql for name, part in named_statements((HERE / file_name).read_text("utf-8")).items()}


def _definitions(file_name: str) -> list[Definition]:
    """Return the definitions of an SQL file of checks, in its order."""
    found = []
    for part in named_statements((HERE / file_name).read_text("utf-8")).values():
        fields: dict[str, Any] = {**part.fields, "needs": tuple(part.fields.get("needs", "").split())}
        found.append(Definition(check=part.name, sql=part.sql, **fields))
    return found


PASS = statements("pass.sql")
ROW_CHECKS = _definitions("row_checks.sql")
TABLE_CHECKS = _definitions("checks.sql")
