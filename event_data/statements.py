"""The statements of an SQL file, one per table, with descriptions and filled-in placeholders."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SCHEMAS = ("bronze", "silver", "gold")  # of the tables
# The comment, kind, name and select of a statement, which ends at the first line that is not a comment and ends in a
# semicolon.
_CREATE = re.compile(
    r"((?:^--.*\n)*)^create or replace (table|view) (\w+[.]\w+) as\n((?s:.*?)^(?! *--).*); *$",
    re.MULTILINE | re.IGNORECASE,
)
# {for n in 1 2, joined by ,} … {end} repeats the text for each item, with {n} and {n-1} filled in. A table lists items
# of several fields, one per line: {table metrics} orders | count(*) … {end}, used by {for metric value in metrics, …}.
_LOOP = re.compile(r"\{for (?:each line of an order|([\w ]+) in ([\w ]+), joined by ([^}]*))\}(.*?)\{end\}", re.DOTALL)
_TABLE = re.compile(r"\{table (\w+)\}(.*?)\{end\}\s*", re.DOTALL)


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
    """Return the statements of a file in order; raise ValueError for one that creates nothing."""
    return parse_statements(path.read_text("utf-8"), str(path))


def parse_statements(text: str, source: str) -> list[Statement]:
    """Return the statements of a text in order; raise ValueError for one that creates nothing."""
    if other := re.search(r"^(?!--).+", _CREATE.sub("", text), re.MULTILINE):
        raise ValueError(f"{source}: a statement creates no table: {other[0][:60]!r}")
    return [
        Statement(kind.lower(), name, re.sub(r"\n?-- ?", " ", above).strip().removeprefix(f"{name}: "), select)
        for above, kind, name, select in _CREATE.findall(text)
    ]


def fill(statement: Statement, filled: Mapping[str, str]) -> Statement:
    """Fill in every {name} of a statement, and repeat each {for …} block."""
    tables = {
        name: [[field.strip() for field in line.split("|")] for line in lines.strip().splitlines()]
        for name, lines in _TABLE.findall(statement.select)
    }

    def repeat(match: re.Match[str]) -> str:
        names, items, joined, body = match.groups()
        if not names:
            names, joined = "n", "union all"
            items = " ".join(str(n) for n in range(max(1, int(filled["order_lines"]))))
        fields = tables.get(items) or [[item] for item in items.split()]
        branches = [_branch(body.strip(), dict(zip(names.split(), row, strict=True)), filled) for row in fields]
        separator = joined if joined in (",", "") else f"\n\n    {joined}"
        return f"{separator}\n\n    ".join(branches)

    select = _blanks(_LOOP.sub(repeat, _TABLE.sub("", statement.select)), filled)
    description = _blanks(statement.description, filled)
    return Statement(statement.kind, statement.name, description, select)


def _branch(body: str, fields: Mapping[str, str], filled: Mapping[str, str]) -> str:
    """Return a block for one item. What the contract fills in may have the item's name in it too: items[{n}]."""
    for name, item in fields.items():
        body = body.replace(f"{{{name}-1}}", str(int(item) - 1)) if item.isdigit() else body
    body = _blanks(body, {**filled, **fields})
    for name, item in fields.items():
        body = body.replace(f"{{{name}}}", item)
    return body


def _blanks(sql: str, filled: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda m: filled[m[1]], sql)
