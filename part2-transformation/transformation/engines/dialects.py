"""transform.sql in other engines' own words: sqlglot translates, and a few rules mend what would differ silently.

Each rule says why; tests/engines/test_dialects.py runs the constructs on every engine at hand.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from event_data.errors import UserError

if TYPE_CHECKING:
    from sqlglot import exp


# Functions that sqlglot does not know, in the words of an engine; :a is what they are called with.
_IN_SPARK = {"json_valid": "try_parse_json(:a) is not null", "error": "raise_error(:a)"}
CALLS = {
    "spark": _IN_SPARK,
    "databricks": _IN_SPARK,
    # It has no error(); a text that is no number stops a script, and is in the message.
    "snowflake": {
        "json_valid": "try_parse_json(:a) is not null", "error": "cast(cast(:a as integer) as varchar)",
    },
    "bigquery": {"json_valid": "safe.parse_json(:a, wide_number_mode => 'round') is not null"},
}  # fmt: skip


class DialectError(UserError):
    """A statement cannot be translated for an engine."""


def translate(statement: str, engine: str) -> str:
    """The select of a DuckDB statement (`create ... as select ...`, or the select itself) in an engine's words.

    Raises DialectError where sqlglot is not installed, or the engine has no words for a construct.
    """
    sqlglot = _sqlglot(engine)
    try:
        parsed = sqlglot.parse_one(statement, read="duckdb")
        select = parsed.expression if isinstance(parsed, sqlglot.exp.Create) else parsed
        if not isinstance(select, sqlglot.exp.Query):
            raise DialectError(f"{statement[:60]!r} is no select")
        for node in reversed(list(select.walk())):  # from the inside out
            if (mended := _mended(node, engine)) is not node:
                node.replace(mended)
        # Without comments: sqlglot moves some to where they are not true.
        return str(select.sql(dialect=engine, pretty=True, comments=False, unsupported_level=sqlglot.ErrorLevel.RAISE))
    except sqlglot.errors.SqlglotError as error:
        raise DialectError(f"{engine} has no words for {statement[:60]!r}: {str(error).splitlines()[0]}") from None


def quoted(text: str | None, engine: str) -> str:
    """A text as an engine's literal; raises DialectError where sqlglot is not installed."""
    return "null" if text is None else str(_sqlglot(engine).exp.Literal.string(text).sql(dialect=engine))


def _sqlglot(engine: str) -> Any:
    try:
        import sqlglot
    except ImportError:
        raise DialectError(
            f"SQL for {engine} needs the package sqlglot; install it with pip install sqlglot==30.22.0"
        ) from None
    return sqlglot


def _mended(node: "exp.Expr", engine: str) -> "exp.Expr":
    """Return what stands for a node in an engine's words; the node itself where sqlglot's translation is right."""
    from sqlglot import exp

    if isinstance(node, exp.Anonymous):  # a function that sqlglot does not know
        call = CALLS.get(engine, {}).get(str(node.this).lower())
        return _filled(call, a=node.expressions[0]) if call else node
    return _RULES[engine](node) if engine in _RULES else node


def _snowflake(node: "exp.Expr") -> "exp.Expr":
    from sqlglot import exp

    # Its zone-less type by the name that no session's setting changes, and that the emulator can try.
    if isinstance(node, exp.TryCast) and node.to.this in exp.DataType.TEMPORAL_TYPES:
        return exp.TryCast(this=node.this, to=exp.DataType.build("datetime", udt=True))
    # It tries a cast of text only; where sqlglot does not know the type it writes a plain cast, which raises.
    if isinstance(node, exp.TryCast) and not isinstance(node.this, exp.Cast):
        return exp.TryCast(this=exp.cast(node.this, "text"), to=node.args["to"])
    # Its quotients have six decimals, so that 2999999 / 3000000 is 1: what is divided must leave no remainder.
    if isinstance(node, exp.IntDiv):
        return _filled("cast((:a - :a % :b) / :b as bigint)", a=exp.paren(node.this), b=exp.paren(node.expression))
    return node


def _bigquery(node: "exp.Expr") -> "exp.Expr":
    from sqlglot import exp

    # It has names of its own that begin with _file_.
    if isinstance(node, exp.Identifier) and node.name == "_file_id":
        return exp.to_identifier("file_id_")
    if isinstance(node, exp.Values):
        return _typed_nulls(node)
    if isinstance(node, exp.Cast) and node.to.this == exp.DType.DECIMAL and node.to.expressions:
        return _of_scale(node)
    return node


def _typed_nulls(values: "exp.Values") -> "exp.Values":
    """BigQuery takes a null in a list of rows for an integer, where other rows have text."""
    from sqlglot import exp

    for cells in zip(*(row.expressions for row in values.expressions), strict=True):
        if any(cell.is_string for cell in cells):
            for cell in cells:
                if isinstance(cell, exp.Null):
                    cell.replace(exp.cast(exp.Null(), "text"))
    return values


def _of_scale(node: "exp.Cast") -> "exp.Expr":
    """sqlglot leaves precision and scale out for BigQuery: scale is a rounding, and what has no place is null."""
    from sqlglot import exp

    precision, scale = (int(parameter.name) for parameter in node.to.expressions)
    rounded = _filled(f"round(:a, {scale})", a=type(node)(this=node.this, to=exp.DataType.build("decimal")))
    if isinstance(node, exp.TryCast):
        return _filled(f"case when abs(:a) < {10 ** (precision - scale)} then :a end", a=rounded)
    return rounded


def _filled(sql: str, **expressions: "exp.Expr") -> "exp.Expr":
    import sqlglot

    return sqlglot.exp.replace_placeholders(sqlglot.parse_one(sql), **expressions)


_RULES: dict[str, Callable[["exp.Expr"], "exp.Expr"]] = {"snowflake": _snowflake, "bigquery": _bigquery}
