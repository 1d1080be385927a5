"""The canonical event as SQL: one definition of role values, times and amounts for every part and engine.

Each part provides the names of its columns. This module defines how they are read, and when a value is unusable.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

from event_data.contract.model import Constant, Contract, Field, Table, Value
from event_data.sql import identifier, json_path, literal, named_statements, values

NULL = "cast(null as varchar)"
# Why a record is rejected or an order is quarantined; every part uses the same words.
UNREADABLE, NO_EVENT, NO_TIME = "unreadable record", "no event name", "no readable time"
NO_TRANSACTION_ID, NO_AMOUNT, OTHER_CURRENCY = "no transaction id", "no readable amount", "currency "
# How databases and data frames write a null as text, in lower case. In any column, these are nulls.
NULL_WORDS = ("null", "none", "nan", "(null)", r"\n")
# What tags write when they have no value. None of these is ever a valid id.
PLACEHOLDERS = (
    *NULL_WORDS, "undefined", "nil", "n/a", "na", "false", "true", "(not set)", "[object object]",
    "00000000-0000-0000-0000-000000000000",
)  # fmt: skip
EMPTY = 0.95  # a column with at least this share of nulls may be as good as missing
# What exports write for a visit without a source.
NO_EVIDENCE = ("", "(direct)", "direct", "(none)", "none", "(not set)", "not set", "null", "undefined")
# The offsets from UTC in use since 1970, without the colon.
OFFSETS = (
    *(f"{sign}{hour:02}00" for sign in "+-" for hour in range(13)), "+1300", "+1400",
    "+0330", "+0430", "+0530", "+0545", "+0630", "+0845", "+0930", "+1030", "+1245", "+1345", "-0230", "-0330", "-0930",
)  # fmt: skip
USUAL_FORM = "case when strlen(time_text) = 24 then try_strptime(time_text, '%Y-%m-%dT%H:%M:%S.%gZ') end"
JSON_DEPTH = 2000  # a deeper payload could overflow a reader's stack


@cache
def _statements() -> dict[str, str]:
    text = Path(__file__).with_name("events.sql").read_text("utf-8")
    return {name: statement.sql for name, statement in named_statements(text).items()}


def value_sql(value: Value | None, column: Callable[[str], str], json: Callable[[str], str]) -> str:
    """Return portable SQL for a role's value as text; null if the role has no value.

    `column` returns SQL for a contract column, `json` SQL for the valid JSON in one. Only a Field or a Constant is
    left when a contract is loaded; reading/derived.py computes the other forms when the files are read.
    """
    match value:
        case None:
            return NULL
        case Field(name, ()):
            return column(name)
        case Field(name, path):
            return f"json_extract_string({json(name)}, {literal(json_path(path))})"
        case Constant(text):
            return literal(text)
        case _:
            raise TypeError(f"{value} is computed when the files are read")


def usual_time_sql(source: str) -> str:
    """Return a short event_time_sql, quick to plan, that reads only times of the usual form; others are null."""
    return _statements()["usual_time"].format(source=source, usual_form=USUAL_FORM)


def event_time_sql(table: Table, source: str, portable: bool = False) -> str:
    """Return CTEs that read `time_text` from `source`; the last one, `timed`, has event_at in UTC.

    `portable` avoids functions that only DuckDB has.
    """
    zone = table.time_zone
    local = "local_at" if zone == "UTC" else f"local_at at time zone {literal(zone)} at time zone 'UTC'"
    return _statements()["event_time"].format(
        source=source,
        usual_form="cast(null as timestamp)" if portable else USUAL_FORM,
        without_offset=local,
        offsets="\n                ".join(_offset(name) for name in ("Z", "UTC", *OFFSETS)),
    )


def _offset(name: str) -> str:
    if not name[1:].isdigit():
        return f"when {literal(name)} then local_at"
    minutes = int(name[1:3]) * 60 + int(name[3:])
    names = [name, name[:3]] if name.endswith("00") else [name]
    away = "-" if name[0] == "+" else "+"
    moved = f"local_at {away} interval {minutes} minute" if minutes else "local_at"
    return " ".join(f"when {literal(one)} then {moved}" for one in names)


def amount_sql(text: str, decimal: str = "decimal(12, 2)") -> str:
    """Return SQL that reads a text as an amount of money, the same on every engine; null if it is not a number."""
    trimmed = f"trim({text})"
    plain = "^([+-]?[0-9.]+[eE]?[+-]?[0-9]*)$"
    return (
        f"case when regexp_extract({trimmed}, {literal(plain)}, 1) = {trimmed} "
        f"then try_cast(cast({trimmed} as varchar) as {decimal}) end"
    )


def known_id_sql(text: str, others: tuple[str, ...] = ()) -> str:
    """Return SQL for an id that is null if it is a placeholder, or one of `others`."""
    words = (*others, *PLACEHOLDERS)
    # Few ids are as short as a placeholder, or as long as the nil UUID; only those are compared with each.
    short = max(len(word) for word in words if len(word) < 20)
    long = "".join(f" and length({text}) <> {length}" for length in sorted({len(w) for w in words if len(w) > short}))
    return (
        f"case when length({text}) > {short}{long} then {text} when lower({text}) not in ({values(words)}) "
        f"then {text} end"
    )


def is_null_word_sql(text: str) -> str:
    """Return a condition that is true for a null that is written as text."""
    return f"lower({text}) in ({values(NULL_WORDS)})"


def filled_sql(text: str, length: str = "length") -> str:
    """Return SQL for a text that is null if it is a null written as text; `length` is a function of the engine."""
    # Few values are as short as a null; only those are compared.
    longest = max(map(len, NULL_WORDS))
    return f"case when {length}({text}) > {longest} or not {is_null_word_sql(text)} then {text} end"


def order_value_sql(contract: Contract, role: str) -> str:
    """Return SQL for an order value as text, null if empty, over a table whose `payload` is valid JSON."""
    value = contract.values.get(role)
    if value is None:
        return NULL
    text = f"trim({value_sql(value, identifier, lambda _: 'payload')})"
    return known_id_sql(text, ("",)) if role in ("transaction_id", "customer") else f"nullif({text}, '')"


def order_amounts_sql(contract: Contract) -> tuple[str, str, str]:
    """Return SQL for an order's amount in the shop's currency, its other currency, and the amount in that.

    Each is null if it does not apply. An order without a currency is in the shop's.
    """
    amount = amount_sql(order_value_sql(contract, "amount"))
    if "currency" not in contract.values:
        return amount, NULL, "cast(null as decimal(12, 2))"
    code = f"upper({order_value_sql(contract, 'currency')})"
    own = f"coalesce({code}, '') in ({own_currency_values(contract)})"
    return (
        f"case when {own} then {amount} end", f"case when {own} then null else {code} end",
        f"case when {own} then null else {amount} end",
    )  # fmt: skip


def own_currency_values(contract: Contract) -> str:
    """Return the contents of an SQL list of what means the shop's currency, in upper case; '' is a missing currency."""
    return values((contract.currency.code, contract.currency.sign.strip().upper(), *map(str.upper, NO_EVIDENCE)))


def confirmation_sql(contract: Contract, page: str) -> str:
    """Return a condition that is true for the confirmation page of an order; `page` is SQL for the URL."""
    path = contract.order.confirmation_path if contract.order else None
    return f"strpos({page}, {literal(path)}) > 0" if path else "cast(false as boolean)"


def order_key_sql(contract: Contract, columns: Mapping[str, str]) -> str:
    """Return SQL for what the lines of one order share, null unless rows are order lines; `columns` has SQL by role."""
    roles = contract.order.key if contract.order else ()
    if not roles:
        return NULL
    return " || '|' || ".join(f"cast({columns[role]} as varchar)" for role in roles)


def in_zone_sql(instant: str, zone: str) -> str:
    """Return DuckDB SQL that converts a UTC time to local time in a zone."""
    return instant if zone == "UTC" else f"{instant} at time zone 'UTC' at time zone {literal(zone)}"


def is_as_good_as_missing(filled: float, events: float, usual: float) -> bool:
    """Return whether so few events have a value in a column that it might as well be missing.

    It is at least 95 % empty, and at most half as filled as `usual`: the share on good days, or the least that the
    contract allows.
    """
    return filled <= (1 - EMPTY) * events and 2 * filled <= usual * events


def valid_json_sql(text: str) -> str:
    """Return a DuckDB condition that is true if the text is JSON that every reader can parse."""
    brackets = f"strlen({text}) - strlen(replace(replace({text}, '{{', ''), '[', ''))"
    return f"{text} is not null and not (strlen({text}) > 4000 and {brackets} > {JSON_DEPTH}) and json_valid({text})"


def columns_sql(
    table: Table, present: Iterable[str], prefix: str = "", rename: Callable[[str], str] = identifier,
    is_filled: bool = False,
) -> Callable[[str], str]:  # fmt: skip
    """Return a function that returns SQL for a contract column: the first of its names in `present` with a value.

    A null that is written as text is no value; `is_filled` says that `filled_sql` has made these null.
    """
    there = set(present)

    def column(name: str) -> str:
        known = table.column(name)
        names = [prefix + rename(n) for n in (known.names if known else (name,)) if n in there]
        names = names if is_filled else [filled_sql(n) for n in names]
        return NULL if not names else names[0] if len(names) == 1 else f"coalesce({', '.join(names)})"

    return column
