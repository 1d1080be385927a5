"""Write values as YAML in one line."""

import re
from collections.abc import Sequence
from typing import Any

from event_data.contract.model import Amount, Constant, Field, First, Joined, Parameter, Product, Time, Value
from event_data.contract.yaml_nodes import quoted

# The lines to check first: what the line begins with, and what it decides.
_FIRST = (
    (r" +defaultTimezone: ", "the shop's time zone"),
    (r" +role: order\b", "the event that is an order"),
    (r" +(transaction_id|transactionId): ", "the order id"),
    (r" +key: ", "what the lines of one order share"),
    (r" +amount: ", "the order amount"),
    (r" +client: ", "the visitor's id"),
    (r" +- property: currency\b", "the currency"),
)


def flow(value: Value) -> str:
    """Return a role's value as in `columnRoles`."""
    return _written(_form(value))


def with_first_checks(text: str) -> str:
    """Return a draft that begins with the lines which decide the figures: zone, orders, amount, client and currency."""
    lines = text.splitlines(keepends=True)
    lines_to_check = [(number, what) for pattern, what in _FIRST if (number := _line_of(lines, pattern)) is not None]
    start = lines.index("apiVersion: v3.2.0\n")
    added = [f"#   line {number + len(lines_to_check) + 2}: {what}\n" for number, what in lines_to_check]
    return "".join(
        [
            *lines[:start],
            "# These lines decide the figures; read them first, also those without a remark:\n",
            *added,
            *lines[start:],
        ]
    )


def _line_of(lines: Sequence[str], pattern: str) -> int | None:
    return next((number for number, line in enumerate(lines) if re.match(pattern, line)), None)


def _form(value: Value) -> Any:
    match value:
        case Field(column, ()):
            return column
        case Field(column, path):
            return {"column": column, "path": list(path)}
        case Parameter(column, key):
            return {"column": column, "parameter": key}
        case Constant(text):
            return {"constant": text}
        case First(values):
            return {"first": [_form(part) for part in values]}
        case Joined(values, separator):
            return {"joined": [_form(part) for part in values]} | ({} if separator == " " else {"with": separator})
        case Product(left, right):
            return {"product": [_form(left), _form(right)]}
        case Time(inner, pattern):
            return _mapping(inner) | {"format": pattern}
        case Amount(inner, decimal, thousands):
            return _mapping(inner) | {"decimal": decimal} | ({"thousands": thousands} if thousands else {})
        case _:
            raise ValueError(f"a contract cannot contain a {type(value).__name__}")


def _mapping(value: Value) -> dict[str, Any]:
    form = _form(value)
    return form if isinstance(form, dict) else {"column": form}


def _written(form: Any) -> str:
    if isinstance(form, dict):
        return "{" + ", ".join(f"{key}: {_written(inner)}" for key, inner in form.items()) + "}"
    if isinstance(form, list):
        return "[" + ", ".join(map(_written, form)) + "]"
    return str(form) if isinstance(form, int) else quoted(form)
