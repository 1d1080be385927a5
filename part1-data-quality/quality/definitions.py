"""What a check is, and the checks that are written in SQL.

A check is registered by its definition, apart from its execution: row_checks.sql holds conditions
on one event, checks.sql queries over the tables that the pass leaves, file_checks.py the few that
look at names, headers and bytes. All are known before any runs, so none can vanish.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

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

    A check is silent about a file and column on which the check `unless` fails: it would say the same.
    """

    check: str
    severity: str
    dimension: str
    threshold: str
    says: str
    advice: str
    sql: str = ""
    each: str = ""
    needs: tuple[str, ...] = ()
    applies: str = "true"
    suspect: str = "true"
    example: str = ""
    stake: str = "unknown"
    unless: str = ""
    run: Callable[[Any], Iterable[Measure]] | None = None


def statements(text: str) -> dict[str, str]:
    """Return the named parts of an SQL file: `-- name` on a line of its own starts one."""
    parts = re.split(r"^-- (\w+)\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def parse(text: str) -> list[Definition]:
    """Return the definitions of an SQL file of checks, in its order."""
    found = []
    for block in re.split(r"^(?=-- check: )", text, flags=re.M)[1:]:
        head = re.match(r"(?:--.*\n)+", block)
        assert head is not None
        fields = dict(re.findall(r"^-- (\w+): +(.*)$", head[0], flags=re.M))
        fields["needs"] = tuple(fields.get("needs", "").split())
        found.append(Definition(sql=block[head.end() :].strip(), **fields))
    return found


PASS = statements((HERE / "pass.sql").read_text(encoding="utf-8"))
ROW_CHECKS = parse((HERE / "row_checks.sql").read_text(encoding="utf-8"))
TABLE_CHECKS = parse((HERE / "checks.sql").read_text(encoding="utf-8"))
