"""Escape outside values for SQL, and read .sql files with several named statements.

Every name, value and path of a contract goes through this module before it reaches an engine, so that none of
them can inject SQL.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_STEP = re.compile(r'"(?P<quoted>[^"]+)"|\[(?P<index>\d+|\*|\{n\}|)\]|(?P<key>(?:[^.\["]|\[(?!(?:\d+|\*|\{n\}|)\]))+)')


@dataclass(frozen=True)
class Statement:
    """A named part of an SQL file: its SQL, and the fields above it."""

    name: str
    sql: str
    fields: Mapping[str, str]


def identifier(name: str) -> str:
    """Return a name in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str | float | bool | None) -> str:
    """Return a value as an SQL literal."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value)


def values(items: Iterable[str]) -> str:
    """Return the contents of an SQL list; null if it is empty, because `in ()` is not valid SQL."""
    return ", ".join(literal(i) for i in items) or "null"


def json_path(path: str | Sequence[str | int], bracketed: bool = False) -> str:
    """Return a contract's payload path as a JSON path: `items[].a.b` gives `$."items"[*]."a"."b"`.

    A path is a text, in which a key that contains a dot is in double quotes, or a sequence of keys and indexes.
    `bracketed` writes the keys in Spark's form: `$['items'][*]`.
    """

    def key(name: str) -> str:
        return f"['{name}']" if bracketed else "." + json.dumps(name, ensure_ascii=False)

    if isinstance(path, str):
        matches = _STEP.finditer(path)
        steps = [key(m["quoted"] or m["key"]) if m["index"] is None else f"[{m['index'] or '*'}]" for m in matches]
    else:
        steps = [key(step) if isinstance(step, str) else f"[{step}]" for step in path]
    return "$" + "".join(steps)


def named_statements(text: str) -> dict[str, Statement]:
    """Return the parts of an SQL file by name, in the order of the file.

    A line `-- name: x` starts a part. The lines `-- key: value` that follow it are its fields. Text above the
    first part is a comment. Raise ValueError if a name occurs twice.
    """
    statements: dict[str, Statement] = {}
    for part in re.split(r"^-- name: ", text, flags=re.MULTILINE)[1:]:
        name, _, rest = part.partition("\n")
        head = re.match(r"(?:-- \w+: .*\n)*", rest)
        fields = dict(re.findall(r"^-- (\w+): +(.*)$", head[0], flags=re.MULTILINE)) if head else {}
        if name in statements:
            raise ValueError(f"two statements are named {name}")
        statements[name] = Statement(name, rest[head.end() if head else 0 :].strip().removesuffix(";"), fields)
    return statements
