"""Write values as YAML in one line."""

import re
from typing import Any

from event_data.contract.model import Amount, Constant, Field, First, Joined, Parameter, Product, Time, Value

_WORDS = ("true", "false", "yes", "no", "on", "off", "y", "n", "null")


def quoted(text: str) -> str:
    """Return a YAML scalar that is read as text, without quotes if possible."""
    if re.fullmatch(r"[A-Za-z_][\w.-]*", text, re.ASCII) and text.lower() not in _WORDS:
        return text
    return "'" + text.replace("'", "''") + "'"


def flow(value: Value) -> str:
    """Return a role's value as in `columnRoles`."""
    return _written(_form(value))


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
            raise ValueError(f"{type(value).__name__} is not written in a contract")


def _mapping(value: Value) -> dict[str, Any]:
    form = _form(value)
    return form if isinstance(form, dict) else {"column": form}


def _written(form: Any) -> str:
    if isinstance(form, dict):
        return "{" + ", ".join(f"{key}: {_written(inner)}" for key, inner in form.items()) + "}"
    if isinstance(form, list):
        return "[" + ", ".join(map(_written, form)) + "]"
    return str(form) if isinstance(form, int) else quoted(form)
