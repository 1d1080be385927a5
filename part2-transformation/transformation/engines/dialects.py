"""Translate transform.sql for other engines with sqlglot, and with a few rules for what would silently differ.

Each rule says why it exists. tests/engines/test_dialects.py runs the constructs on every available engine.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from event_data.errors import UserError

if TYPE_CHECKING:
    from sqlglot import exp


# Functions that sqlglot does not know, as each engine writes them; :a is the argument.
_IN_SPARK = {"json_valid": "try_parse_json(:a) is not null", "error": "raise_error(:a)"}
CALLS = {
    "spark": _IN_SPARK,
    "databricks": _IN_SPARK,
    # Snowflake has no error(). Casting a text that is not a number stops the script, and the message quotes it.
    "snowflake": {
        "json_valid": "try_parse_json(:a) is not null", "error": "cast(cast(:a as integer) as varchar)",
    },
    "bigquery": {"json_valid": "safe.parse_json(:a, wide_number_mode => 'round') is not null"},
}  # fmt: skip


class DialectError(UserError):
    """A statement cannot be translated for an engine."""


def translate(statement: str, engine: str) -> str:
    """Translate the select of a DuckDB statement (`create ... as select ...`, or the select itself) for an engine.

    Raise DialectError if sqlglot is not installed, or the engine does not support a construct.
    """
    sqlglot = _sqlglot(engine)
    try:
        parsed = sqlglot.parse_one(statement, read="duckdb")
        select = parsed.expression if isinstance(parsed, sqlglot.exp.Create) else parsed
        if not isinstance(select, sqlglot.exp.Query):
            raise DialectError(f"{statement[:60]!r} is no select")
        for node in reversed(list(select.walk())):  # innermost nodes first
            if (mended := _mended(node, engine)) is not node:
                node.replace(mended)
        # Omit comments: sqlglot moves some to where they do not apply.
        return str(select.sql(dialect=engine, pretty=True, comments=False, unsupported_level=sqlglot.ErrorLevel.RAISE))
    except sqlglot.errors.SqlglotError as error:
        raise DialectError(f"{engine} does not support {statement[:60]!r}: {str(error).splitlines()[0]}") from None


def quoted(text: str | None, engine: str) -> str:
    """Return a text as a literal of an engine; raise DialectError if sqlglot is not installed."""
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
    """Return the replacement of a node for an engine, or the node itself if sqlglot translates it correctly."""
    from sqlglot import exp

    if isinstance(node, exp.Anonymous):  # a function that sqlglot does not know
        call = CALLS.get(engine, {}).get(str(node.this).lower())
        return _filled(call, a=node.expressions[0]) if call else node
    return _RULES[engine](node) if engine in _RULES else node


def _snowflake(node: "exp.Expr") -> "exp.Expr":
    from sqlglot import exp

    # DATETIME is a type without a time zone whatever the session settings, and the emulator can try_cast to it.
    if isinstance(node, exp.TryCast) and node.to.this in exp.DataType.TEMPORAL_TYPES:
        return exp.TryCast(this=node.this, to=exp.DataType.build("datetime", udt=True))
    # try_cast only takes text. If sqlglot does not know the type, it writes a plain cast, which raises an error.
    if isinstance(node, exp.TryCast) and not isinstance(node.this, exp.Cast):
        return exp.TryCast(this=exp.cast(node.this, "text"), to=node.args["to"])
    # Quotients have six decimals, so 2999999 / 3000000 would be 1: subtract the remainder first.
    if isinstance(node, exp.IntDiv):
        return _filled("cast((:a - :a % :b) / :b as bigint)", a=exp.paren(node.this), b=exp.paren(node.expression))
    return node


def _bigquery(node: "exp.Expr") -> "exp.Expr":
    from sqlglot import exp

    # BigQuery reserves names that start with _file_; _FILE_NAME is its own.
    if isinstance(node, exp.Identifier) and node.name.startswith("_file_"):
        return exp.to_identifier(f"{node.name[1:]}_")
    if isinstance(node, exp.Values):
        return _typed_nulls(node)
    if isinstance(node, exp.Cast) and node.to.this == exp.DType.DECIMAL and node.to.expressions:
        return _of_scale(node)
    return node


def _typed_nulls(values: "exp.Values") -> "exp.Values":
    """Cast nulls in a text column to text: BigQuery treats a null in a list of rows as an integer."""
    from sqlglot import exp

    for cells in zip(*(row.expressions for row in values.expressions), strict=True):
        if any(cell.is_string for cell in cells):
            for cell in cells:
                if isinstance(cell, exp.Null):
                    cell.replace(exp.cast(exp.Null(), "text"))
    return values


def _of_scale(node: "exp.Cast") -> "exp.Expr":
    """Round to the scale, and return null on overflow: for BigQuery, sqlglot drops precision and scale."""
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
