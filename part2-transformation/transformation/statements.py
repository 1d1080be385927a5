"""transform.sql as a list of statements: one a table, with its description, its blanks filled in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SCHEMAS = ("bronze", "silver", "gold")  # where the tables stand
_CREATE = re.compile(r"create or replace (table|view) (\w+[.]\w+) as\n", re.IGNORECASE)
_REPEATED = re.compile(r"\{for each line of an order\}(.*?)\{end\}", re.DOTALL)


@dataclass(frozen=True)
class Statement:
    """`create or replace <kind> <name> as <select>`; `description` is the comment above it."""

    kind: str
    name: str
    description: str
    select: str

    @property
    def sql(self) -> str:
        return f"create or replace {self.kind} {self.name} as\n{self.select}"


def read_statements(path: Path) -> list[Statement]:
    """The statements of a file in their order; raises ValueError for one that creates nothing."""
    return parse_statements(path.read_text("utf-8"), str(path))


def parse_statements(text: str, source: str) -> list[Statement]:
    """The statements of a text in their order; raises ValueError, with its source, for one that creates nothing."""
    statements: list[Statement] = []
    comments: list[str] = []
    lines: list[str] = []
    for line in text.splitlines():
        if not lines and (line.startswith("--") or not line.strip()):
            comments = [*comments, line.removeprefix("--").strip()] if line.strip() else []
            continue
        lines.append(line)
        if line.rstrip().endswith(";") and not line.lstrip().startswith("--"):
            sql = "\n".join(lines).rstrip()[:-1]
            match = _CREATE.match(sql)
            if match is None:
                raise ValueError(f"{source}: a statement creates no table: {sql[:60]!r}")
            description = " ".join(comments).removeprefix(f"{match[2]}: ")
            statements.append(Statement(match[1].lower(), match[2], description, sql[match.end() :]))
            comments, lines = [], []
    return statements


def fill(statement: Statement, filled: Mapping[str, str]) -> Statement:
    """A statement with every {name} filled in; a {for each line of an order} block once for each line."""

    def repeat(match: re.Match[str]) -> str:
        branches = (
            _blanks(match[1], {**filled, "n": str(n)}).replace("{n}", str(n)).strip()
            for n in range(max(1, int(filled["order_lines"])))
        )
        return "\n\n    union all\n\n    ".join(branches)

    select = _blanks(_REPEATED.sub(repeat, statement.select), filled)
    description = _blanks(statement.description, filled)
    return Statement(statement.kind, statement.name, description, select)


def _blanks(sql: str, filled: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda m: filled[m[1]], sql)
