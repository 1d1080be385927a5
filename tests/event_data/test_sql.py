"""SQL made of values from outside, held against DuckDB; and the format of .sql files with named parts."""

import duckdb
import pytest

from event_data.sql import identifier, json_path, literal, named_statements, values

Path = str | tuple[str | int, ...]
HOSTILE = 'it\'s; drop table x -- "y" \\'


def test_values_and_names_stay_what_they_are() -> None:
    names = f"select {literal(HOSTILE)} as {identifier(HOSTILE)}, {literal(None)}, {literal(1.5)}, {literal(True)}"
    found = duckdb.execute(names)
    assert found.description[0][0] == HOSTILE
    assert [str(v) for v in found.fetchall()[0]] == [HOSTILE, "None", "1.5", "True"]
    assert duckdb.execute(f"select 'b' in ({values(['a', 'b'])}), 'b' in ({values([])})").fetchall() == [(True, None)]


@pytest.mark.parametrize(
    "path, duckdb_path, spark_path",
    [
        ("a.b", '$."a"."b"', "$['a']['b']"),
        ("items[].price", '$."items"[*]."price"', "$['items'][*]['price']"),
        ("items[*]", '$."items"[*]', "$['items'][*]"),
        ("items[{n}].price", '$."items"[{n}]."price"', "$['items'][{n}]['price']"),
        ("a[0].b[12]", '$."a"[0]."b"[12]', "$['a'][0]['b'][12]"),
        ("größe in-cm.x", '$."größe in-cm"."x"', "$['größe in-cm']['x']"),
        ('"a.b".c', '$."a.b"."c"', "$['a.b']['c']"),
        (("a.b", 0, "c"), '$."a.b"[0]."c"', "$['a.b'][0]['c']"),
        ("a[b].c", '$."a[b]"."c"', "$['a[b]']['c']"),
    ],
)
def test_every_key_of_a_path_is_quoted_and_indexes_are_not(path: Path, duckdb_path: str, spark_path: str) -> None:
    assert json_path(path) == duckdb_path
    assert json_path(path, bracketed=True) == spark_path


@pytest.mark.parametrize(
    "path, payload, found",
    [
        ("a[1].b", '{"a": [{"b": 1}, {"b": 2}]}', "2"),
        ("größe in-cm", '{"größe in-cm": 3}', "3"),
        ('"a.b"', '{"a.b": 4, "a": {"b": 5}}', "4"),
        ("a[b]", '{"a[b]": 6}', "6"),
        ("items[].p", '{"items": [{"p": 1}, {}, {"p": 2}]}', ["1", "2"]),
    ],
)
def test_duckdb_finds_what_a_path_names(path: str, payload: str, found: object) -> None:
    sql = f"select json_extract_string({literal(payload)}, {literal(json_path(path))})"
    assert duckdb.execute(sql).fetchall() == [(found,)]


def test_named_statements() -> None:
    parts = named_statements(
        "-- What the file is for.\n\n-- name: first\n-- severity: P1\n-- says: a: b\n-- Why.\nselect 1;\n\n"
        "-- name: second\nselect 2;\nselect 3;\n"
    )
    assert [p.name for p in parts.values()] == ["first", "second"]
    assert parts["first"].fields == {"severity": "P1", "says": "a: b"}
    assert parts["first"].sql == "-- Why.\nselect 1"
    assert parts["second"].sql == "select 2;\nselect 3"
    with pytest.raises(ValueError, match="named x"):
        named_statements("-- name: x\nselect 1;\n-- name: x\nselect 2;\n")
