"""Compute, in DuckDB, the roles that are not simply a column: each becomes a column of text when a file is read."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from event_data.contract.model import (
    Amount,
    ClickId,
    Contract,
    Field,
    First,
    Joined,
    Parameter,
    Product,
    Record,
    Time,
    Value,
)
from event_data.contract.roles import EPOCHS, to_strptime
from event_data.events import NULL, PLACEHOLDERS, amount_sql, valid_json_sql, value_sql
from event_data.sql import json_path, literal, values

PARAMETER_KINDS = ("string_value", "int_value", "double_value", "float_value")
PARAMETERS = (
    '[{"key": "VARCHAR", "value": {' + ", ".join(f'"{kind}": "VARCHAR"' for kind in PARAMETER_KINDS) + "}}]"
)  # of GA4's export, for json_transform
LAST_MICROSECOND = 9_214_646_400_000_000  # 2262-01-01
NUMBERS = ("BIGINT", "UBIGINT", "HUGEINT", "DOUBLE")  # of json_type
MINUS = "\u2212"
# A currency symbol, an ISO 4217 code, or a common abbreviation.
CURRENCY = r"(?:[A-Z]{1,2}[$]|\p{Sc}|[A-Z]{3}|kr[.]?|Kč|zł|lei|Ft|Fr[.]?|TL)"
IDS = ("client", "session", "transaction_id", "customer", "checkout")


def derived_sql(
    contract: Contract, name: str, column: Callable[[str], str], is_number: Callable[[str], str] = lambda _: "false"
) -> str:
    """Return SQL for a derived column, as text, null if empty.

    `column` returns SQL for a contract column, `is_number` SQL for whether the file has it as a number, not as text.
    """

    def json(of: str) -> str:
        return f"case when {valid_json_sql(column(of))} then {column(of)} end"

    forms = _Forms(column, json, is_number)
    value = contract.derived[name]
    if isinstance(value, Record):
        return _record(contract, value, forms)
    role = contract.role_of(name)
    text = f"nullif(trim({forms.sql(value)}), '')"
    return _void_placeholders(text) if role in IDS else text


def computed_sql(
    value: Value, column: Callable[[str], str], json: Callable[[str], str],
    is_number: Callable[[str], str] = lambda _: "false",
) -> str:  # fmt: skip
    """Return SQL for a value in any form but Record, as text; the arguments are those of value_sql and derived_sql."""
    return _Forms(column, json, is_number).sql(value)


def _void_placeholders(text: str) -> str:
    return f"case when lower({text}) not in ({values(PLACEHOLDERS)}) then {text} end"


@dataclass(frozen=True)
class _Forms:
    """SQL for each form of a value; `column` returns SQL for a contract column, `json` for the valid JSON in one."""

    column: Callable[[str], str]
    json: Callable[[str], str]
    is_number: Callable[[str], str] = lambda _: "false"

    def sql(self, value: Value | None) -> str:
        """Return SQL for a value as text."""
        match value:
            case Parameter(name, key):
                return self._parameter(name, key)
            case First(parts):
                filled = (f"nullif({self.sql(part)}, '')" for part in parts)
                return f"coalesce({', '.join(filled)})"
            case Joined(parts, separator):
                return f" || {literal(separator)} || ".join(map(self.sql, parts))
            case Product(left, right):
                numbers = (amount_sql(self.sql(part), "decimal(18, 4)") for part in (left, right))
                return f"cast(try({' * '.join(numbers)}) as varchar)"
            case Time(inner, form):
                return _declared_time(self.sql(inner), form)
            case Amount():
                return self._amount(value)
            case ClickId(names):
                arms = (f"when nullif({self.sql(part)}, '') is not null then {literal(name)}" for name, part in names)
                return f"case {' '.join(arms)} end"
            case _:
                return value_sql(value, self.column, self.json)

    def _parameter(self, name: str, key: str) -> str:
        if self.column(name) == NULL:
            return NULL
        listed = f"json_transform({self.json(name)}, {literal(PARAMETERS)})"
        entry = f"list_filter({listed}, lambda entry: entry.key = {literal(key)})[1]"
        kinds = (f"nullif({entry}.value.{kind}, '')" for kind in PARAMETER_KINDS)
        return f"coalesce({', '.join(kinds)})"

    def _amount(self, amount: Amount) -> str:
        """Return SQL for an amount in its declared form; a number of the file itself always has a point."""
        inner = amount.value
        text = _declared_amount(self.sql(inner), amount.decimal, amount.thousands)
        if not isinstance(inner, Field):
            return text
        is_number = self.is_number(inner.column)
        if inner.path:
            kind = f"json_type({self.json(inner.column)}, {literal(json_path(inner.path))})"
            is_number = f"{kind} in ({values(NUMBERS)})"
        return text if is_number == "false" else f"case when {is_number} then {self.sql(inner)} else {text} end"


def _record(contract: Contract, record: Record, forms: _Forms) -> str:
    """Return SQL for a payload with the order's values added to it, on orders alone."""
    base = forms.sql(record.base)
    texts = ((role, forms.sql(value)) for role, value in record.values)
    texts_by_role = {role: _void_placeholders(text) if role in IDS else text for role, text in texts}
    pairs = [_pair(role, text) for role, text in texts_by_role.items()]
    if record.line:
        line = ", ".join(_pair(key, forms.sql(value)) for key, value in record.line)
        pairs.append(f"'\"items\":[{{' || nullif(concat_ws(',', {line}), '') || '}}]'")
    added = f"'{{' || nullif(concat_ws(',', {', '.join(pairs)}), '') || '}}'"
    # A null takes the payload's own key of the same name out.
    absent = ", ".join(
        f"case when {text} is null then {literal(_key(role) + 'null')} end" for role, text in texts_by_role.items()
    )
    merged = f"'{{' || concat_ws(',', {', '.join(pairs)}, {absent}) || '}}'" if absent else added
    order, event = contract.event_of("order"), contract.roles["event"]
    kind = forms.sql(contract.derived.get(event, Field(event)))
    return f"""case
            when {kind} not in ({values(order.names if order else ())}) then nullif({base}, '')
            when nullif({base}, '') is null then {added}
            when {valid_json_sql(base)} then cast(json_merge_patch({base}, {merged}) as varchar)
            else {base}
        end"""


def _key(name: str) -> str:
    return '"' + name + '":'


def _pair(key: str, text: str) -> str:
    return f"{literal(_key(key))} || to_json(nullif({text}, ''))"


def _declared_time(text: str, form: str) -> str:
    """Return SQL for a time as ISO 8601; the text itself if it is not in the declared form."""
    trimmed = f"trim({text})"
    if form in EPOCHS:
        ticks = f"try_cast(try_cast({trimmed} as decimal(28, 6)) * {EPOCHS[form]} as bigint)"
        moment = f"make_timestamp(case when {ticks} between 0 and {LAST_MICROSECOND} then {ticks} end)"
        return f"coalesce(strftime({moment}, '%Y-%m-%dT%H:%M:%S.%fZ'), {text})"
    pattern = to_strptime(form) or form
    offset = "Z" if "%z" in pattern else ""
    moment = f"cast(try_strptime({trimmed}, {literal(pattern)}) as timestamp)"
    return f"coalesce(strftime({moment}, '%Y-%m-%dT%H:%M:%S.%f{offset}'), {text})"


def _declared_amount(text: str, decimal: str, thousands: str) -> str:
    """Return SQL for an amount with a decimal point; a text in another form is marked, so that it cannot be misread."""
    whole = f"[0-9]{{1,3}}(?:{re.escape(thousands)}[0-9]{{3}})+|[0-9]+" if thousands else "[0-9]+"
    blank = f"replace(replace(trim({text}), chr(160), ' '), chr(8239), ' ')"
    before, after = literal(rf"^([+\-{MINUS}]?)\s*{CURRENCY}\s*"), literal(rf"\s*{CURRENCY}$")
    bare = f"regexp_replace(regexp_replace({blank}, {before}, '\\1'), {after}, '')"
    number = rf"^([+\-{MINUS}]?(?:{whole})?(?:{re.escape(decimal)}[0-9]*)?)$"
    digits = f"regexp_extract({bare}, {literal(number)}, 1)"
    plain = f"replace({digits}, {literal(thousands)}, '')" if thousands else digits
    plain = f"replace(replace({plain}, {literal(decimal)}, '.'), '{MINUS}', '-')"
    return f"case when {digits} <> '' then {plain} else {text} || ' (not in the declared form)' end"
