"""events.py: what a role's value, a time and an amount are, and that the fast form of a time is the portable one."""

from pathlib import Path
from random import Random

import duckdb
import pytest
from time_forms import READ, REFUSED

from event_data.contract import load_contract
from event_data.contract.model import Constant, Field, Value
from event_data.events import amount_sql, event_time_sql, usual_time_sql, value_sql
from event_data.sql import identifier

CONTRACT = load_contract(Path(__file__).parents[2] / "part1-data-quality" / "schema.yaml")
ROW = """select '7' as a, cast(null as varchar) as b,
    '{"$id": "x", "page url": {"a.b": "y"}, "list": [{"key": "z"}]}' as props"""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None), (Field("a"), "7"), (Field("b"), None), (Constant("it's"), "it's"),
        (Field("props", ("$id",)), "x"), (Field("props", ("page url", "a.b")), "y"),
        (Field("props", ("list", 0, "key")), "z"), (Field("props", ("none",)), None),
    ],
)  # fmt: skip
def test_values_of_roles(value: Value | None, expected: str | None) -> None:
    assert duckdb.execute(f"select {value_sql(value, identifier, identifier)} from ({ROW})").fetchall() == [(expected,)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12.50", "12.50"), (" 12.5 ", "12.50"), ("1.2e2", "120.00"), ("-3", "-3.00"), ("12,50", None),
        ("1,234.50", None), ("$5", None), ("1_000", None), ("1.2.3", None), ("", None), ("NaN", None), ("12 50", None),
    ],
)  # fmt: skip
def test_amounts(text: str, expected: str | None) -> None:
    ((found,),) = duckdb.execute(f"select cast({amount_sql('x')} as varchar) from (select ? as x)", [text]).fetchall()
    assert found == expected


def test_every_way_reads_the_same_times() -> None:
    random, usual = Random(1), "2025-02-23T01:02:03.456Z"
    texts = [*READ, *REFUSED, usual]
    for _ in range(20_000):
        changed = list(usual)
        for _ in range(random.choice((1, 1, 2, 3))):
            changed[random.randrange(len(changed))] = random.choice("0123456789 TZ:-.+/a,")
        texts.append("".join(changed))
    with duckdb.connect() as connection:
        connection.execute("create table texts as select unnest(?) as time_text", [texts])
        fast, portable, short = (
            dict(connection.execute(f"with {ctes} select time_text, event_at from timed").fetchall())
            for ctes in (
                event_time_sql(CONTRACT, "texts"), event_time_sql(CONTRACT, "texts", portable=True),
                usual_time_sql("texts"),
            )
        )  # fmt: skip
    assert fast == portable
    assert {text: at for text, at in short.items() if at} == {t: fast[t] for t, at in short.items() if at}
    assert [t for t in READ if fast[t] is None] == [t for t in REFUSED if fast[t] is not None] == []
    assert sum(at is not None for at in short.values()) > 300
