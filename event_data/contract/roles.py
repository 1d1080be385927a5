"""Read where a contract's roles are: in a column, or computed from columns when the files are read.

A role that is not simply a column becomes a derived column, so that every part sees one column for each role. The
values of an order that are not in the payload are added to it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from event_data.contract.model import (
    NEEDED_ROLES,
    ORDER_ROLES,
    ROLES,
    Amount,
    ClickId,
    Column,
    Constant,
    Field,
    First,
    Joined,
    Parameter,
    Product,
    Record,
    Time,
    Value,
)
from event_data.contract.yaml_nodes import Node, near, show

TIMES = ("time", "created_at", "cancelled_at", "date")
AMOUNTS = ("amount", "quantity", "refunded_amount", "discount", "tax", "shipping", "cost", "clicks", "impressions")
FORMS = ("column", "constant", "first", "joined", "product")
EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}  # microseconds per unit
# The fields of a Unicode date pattern that can be read, and what strptime calls them.
FIELDS = {
    "yyyy": "%Y", "yy": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%-m", "dd": "%d", "d": "%-d", "HH": "%H",
    "H": "%-H", "hh": "%I", "h": "%-I", "mm": "%M", "m": "%-M", "ss": "%S", "s": "%-S", "SSSSSS": "%f", "SSS": "%g",
    "a": "%p", "XXX": "%z", "XX": "%z", "X": "%z", "Z": "%z", "EEE": "%a", "EEEE": "%A",
}  # fmt: skip


@dataclass(frozen=True)
class Roles:
    """The columns of a contract with those that are derived, and which column has which role."""

    columns: tuple[Column, ...]
    roles: Mapping[str, str]  # role -> column name
    derived: Mapping[str, Value]  # name of a derived column -> its value
    time_column: str | None  # the property that the time comes from


def read_roles(node: Node, order: Node | None, names: Mapping[str, str], columns: tuple[Column, ...]) -> Roles:
    """Return the roles of `columnRoles`; `names` gives the column of each property. Raise ContractError."""
    values = {role: _value(entry, names, role) for role, entry in node.value.items() if entry.value is not None}
    line = order.get("line") if order is not None else None
    lines = _line(line, names, values) if order is not None and order.plain("rows") == "lines" else ()
    extra = tuple((role, values[role]) for role in ORDER_ROLES if role in values)
    if extra or lines:
        base = values.get("payload")
        if base is not None and not isinstance(base, Field):
            problem = "must be a column or a path, as values of orders are added to it"
            raise node.value["payload"].error(problem, code="reference")
        values["payload"] = Record(extra, lines, base)
    roles: dict[str, str] = {}
    derived: dict[str, Value] = {}
    by_name = {column.name: column for column in columns}
    for role in ROLES:
        match values.get(role):
            case None:
                continue
            case Field(column, ()):
                if column in roles.values():
                    problem = f"the column {show(node.plain(role))} has a role already; give each its own"
                    raise node.value[role].error(problem, code="duplicate")
                roles[role] = column
            case value:
                name = _unused(_name(role, value), by_name)
                line_number = node.value[role].line if role in node.value else node.line
                logical_type = "object" if role == "payload" else "timestamp" if role == "time" else "string"
                needed = role in NEEDED_ROLES
                by_name[name] = Column(name, logical_type, needed, None, (), None, None, None, line_number)
                roles[role], derived[name] = name, value
    time_column = next((column for column in columns_of(values["time"]) if column), None)
    return Roles(
        tuple(by_name.values()), MappingProxyType(roles), MappingProxyType(derived),
        next((name for name, column in names.items() if column == time_column), None),
    )  # fmt: skip


def read_values(node: Node, names: Mapping[str, str]) -> Mapping[str, Value]:
    """Return where each role's value is; `names` gives the column of each property. Raise ContractError."""
    given = {role: entry for role, entry in node.value.items() if entry.value is not None}
    return MappingProxyType({role: _value(entry, names, role) for role, entry in given.items()})


def _value(node: Node, names: Mapping[str, str], role: str) -> Value:
    """Return a value in any of the forms of the schema's `value`."""
    if not isinstance(node.value, dict):
        return Field(_column(node, names))
    forms = [form for form in FORMS if node.get(form) is not None]
    if len(forms) != 1:
        has = " and ".join(forms) or "none of them"
        raise node.error(f"needs one of {', '.join(FORMS)}; it has {has}", code="missing_key")
    form = forms[0]
    for key, wanted in (("path", "column"), ("parameter", "column"), ("with", "joined")):
        if node.get(key) is not None and form != wanted:
            raise node.value[key].error(f"belongs to `{wanted}`; remove it", code="misplaced_key")
    value = _of_form(node, form, names, role)
    if form == "first" and role == "click_id":
        value = ClickId(tuple((_last_name(part), part) for part in _parts(value)))
    return _declared(node, value, role)


def _declared(node: Node, value: Value, role: str) -> Value:
    """Return a value with the declared form of its text."""
    pattern = node.get("format")
    if pattern is not None:
        if role not in TIMES:
            raise pattern.error("only a time has a `format`; remove it", code="misplaced_key")
        _check_format(pattern)
        value = Time(value, str(pattern.value))
    sign = node.get("decimal") or node.get("thousands")
    if sign is not None:
        if role not in AMOUNTS:
            raise sign.error("only an amount has a decimal sign; remove it", code="misplaced_key")
        decimal, thousands = node.plain("decimal", "."), node.plain("thousands", "")
        if decimal == thousands:
            raise node.error("`decimal` and `thousands` are the same; correct one")
        value = Amount(value, decimal, thousands)
    return value


def _of_form(node: Node, form: str, names: Mapping[str, str], role: str) -> Value:
    if form == "constant":
        return Constant(str(node.plain(form)))
    if form == "column":
        column = _column(node.value[form], names)
        if node.get("parameter") is not None:
            if node.get("path") is not None:
                raise node.value["path"].error("`parameter` is already there; keep one", code="duplicate")
            return Parameter(column, str(node.plain("parameter")))
        return Field(column, tuple(node.plain("path", [])))
    parts = tuple(_value(part, names, role) for part in node.value[form].value)
    if form == "first":
        return First(parts)
    if form == "joined":
        return Joined(parts, str(node.plain("with", " ")))
    return Product(parts[0], parts[1])


def _column(node: Node, names: Mapping[str, str]) -> str:
    if node.value not in names:
        raise node.error(
            f"the contract has no column {show(node.value)}; {near(str(node.value), names)}", code="reference"
        )
    return names[str(node.value)]


def _line(node: Node | None, names: Mapping[str, str], values: Mapping[str, Value]) -> tuple[tuple[str, Value], ...]:
    """Return the values of the line item in a row, with the row's amount."""
    given = {key: entry for key, entry in node.value.items() if entry.value is not None} if node is not None else {}
    line = [(key, _value(entry, names, key)) for key, entry in given.items()]
    return (*line, *(("amount", values[role]) for role in ("amount",) if role in values))


def _check_format(node: Node) -> None:
    """Raise ContractError unless a time's format is an epoch unit or a pattern that can be read."""
    text = str(node.value)
    if text in EPOCHS:
        return
    strptime = to_strptime(text)
    fields = (strptime or "").replace("-", "").lower()
    if "%d" not in fields or not ("%m" in fields or "%b" in fields):
        raise node.error(
            f"{show(text)} is not a time format; write epoch_s, epoch_ms, epoch_us, or a pattern such as "
            "dd.MM.yyyy HH:mm:ss"
        )


def to_strptime(pattern: str) -> str | None:
    """Return a Unicode date pattern as one for strptime; None if a field cannot be read."""
    made, at = "", 0
    while at < len(pattern):
        letter = pattern[at]
        if letter == "'":
            end = pattern.find("'", at + 1)
            if end < 0:
                return None
            made += pattern[at + 1 : end].replace("%", "%%") or "'"
            at = end + 1
            continue
        if not letter.isascii() or not letter.isalpha():
            made += "%%" if letter == "%" else letter
            at += 1
            continue
        end = at
        while end < len(pattern) and pattern[end] == letter:
            end += 1
        if pattern[at:end] not in FIELDS:
            return None
        made += FIELDS[pattern[at:end]]
        at = end
    return made


def _parts(value: Value) -> tuple[Value, ...]:
    return value.values if isinstance(value, First) else (value,)


def _last_name(value: Value) -> str:
    """Return the last name of a column or path: the parameter of a click id."""
    match value:
        case Parameter(_, key):
            return key.lower()
        case Field(column, path):
            return str((column, *path)[-1]).lower()
        case _:
            return ""


def _name(role: str, value: Value) -> str:
    """Return the name of a derived column: its place in a JSON column, or its role."""
    match value:
        case Field(column, path):
            return ".".join(map(str, (column, *path)))
        case Parameter(column, key):
            return f"{column}.{key}"
        case _:
            return role


def _unused(name: str, taken: Mapping[str, Any]) -> str:
    folded = {one.casefold() for one in taken}
    number, free = 2, name
    while free.casefold() in folded:
        free, number = f"{name} ({number})", number + 1
    return free


def parts_of(value: Value | None) -> Iterator[Value]:
    """Yield a value and all values that it is computed from."""
    if value is None:
        return
    yield value
    inner: tuple[Value | None, ...] = ()
    match value:
        case First(values) | Joined(values, _):
            inner = values
        case Product(left, right):
            inner = (left, right)
        case Time(part, _) | Amount(part, _, _):
            inner = (part,)
        case ClickId(names):
            inner = tuple(part for _, part in names)
        case Record(fields, line, base):
            inner = (*(part for _, part in (*fields, *line)), base)
    for each in inner:
        yield from parts_of(each)


def columns_of(value: Value | None) -> Iterator[str]:
    """Yield the columns that a value is computed from."""
    for part in parts_of(value):
        if isinstance(part, Field | Parameter):
            yield part.column
