"""The classification of orders beside a slow reference, and its rules one by one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from commands import SCHEMA
from hypothesis import given, settings
from hypothesis import strategies as st
from order_reference import Row, classify

from event_data.contract import load_contract
from event_data.orders import classify_orders

START = datetime(2025, 3, 1, 12)
NAMES = {"event_id": "bigint", "event_at": "timestamp", "transaction_id": "varchar", "checkout_token": "varchar",
         "customer": "varchar", "client_id": "varchar", "revenue": "decimal(12, 2)", "other_currency": "varchar",
         "order_key": "varchar"}  # fmt: skip
ROLES = ("transaction_id", "amount")
COMPARED = ("status", "reason", "order_id", "counted_revenue", "excluded_revenue", "is_repeated_id",
            "is_collision", "is_reused_id", "is_possible_duplicate")  # fmt: skip


def select(roles: Sequence[str] = ROLES, **settings: Any) -> str:
    """Return orders.sql for a contract that maps these roles and has these settings."""
    contract = load_contract(SCHEMA)
    assert contract.order
    values = {role: value for role, value in contract.values.items() if role in roles}
    return classify_orders(replace(contract, values=values, order=replace(contract.order, **settings)))


def classified(
    events: Sequence[Row], roles: Sequence[str] = ("transaction_id", "amount"), **settings: Any
) -> dict[int, tuple[Any, ...]]:
    """Return the row of orders.sql for each event, by its id."""
    with duckdb.connect() as connection:
        connection.execute(f"create table rows ({', '.join(f'{n} {t}' for n, t in NAMES.items())})")
        connection.executemany(
            f"insert into rows values ({', '.join('?' * len(NAMES))})", [[e.get(n) for n in NAMES] for e in events]
        )
        connection.execute("""create view order_events as
            select * rename (checkout_token as checkout, client_id as client, revenue as amount) from rows""")
        columns = ", ".join(name.replace("_revenue", "_amount") for name in ("event_id", *COMPARED))
        found = connection.execute(f"select {columns} from ({select(roles, **settings)})").fetchall()
    assert len(found) == len(events)
    return {row[0]: row[1:] for row in found}


def event(
    number: int,
    minute: float = 0,
    id: str | None = "i",
    checkout: str | None = None,
    customer: str | None = None,
    client: str | None = None,
    amount: float | None = 100,
) -> Row:
    revenue = None if amount is None else Decimal(str(amount)).quantize(Decimal("0.01"))
    at = START + timedelta(minutes=minute)
    values = (number, at, id, checkout, customer, client, revenue)
    return dict(zip(NAMES, values, strict=False))


def statuses(*events: Row, **settings: Any) -> list[str]:
    """Return the status of each event in turn; `collision` for a counted order whose id is another's."""
    found = classified(events, **settings)
    place = COMPARED.index("is_collision")
    return ["collision" if found[e["event_id"]][place] else found[e["event_id"]][0] for e in events]


DAY = 24 * 60
MINUTES = [0, 0, 0, 1, 5, DAY - 1, DAY, DAY + 1, 2 * DAY, 31 * DAY, 32 * DAY, 62 * DAY]
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(MINUTES),
        st.sampled_from(["i", "i", "i", "j", "k", "l", None]),
        st.sampled_from([None, None, "A", "B", "C"]),
        st.sampled_from([None, None, "g", "h"]),
        st.sampled_from([None, None, "c", "d"]),
        st.sampled_from([100, 100, 70.5, 0, -3, None]),
    ),
    min_size=1,
    max_size=25,
)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(EVENTS, st.sampled_from(["resubmission", "resubmission", "transaction_id"]), st.sampled_from(["both", "once"]))
def test_any_orders(drawn: list[tuple[Any, ...]], duplicates: str, possible: str) -> None:
    """Each event is what the reference says; amounts balance; and the order of the rows does not matter."""
    events = [event(number, *values) for number, values in enumerate(drawn, 1)]
    found = classified(events, duplicates=duplicates, possible_duplicates=possible)
    expected = classify(events, {"duplicates": duplicates, "possibleDuplicates": possible})
    assert found == {row["event_id"]: tuple(row[name] for name in COMPARED) for row in expected}
    counted, excluded = (
        sum(row[COMPARED.index(name)] or 0 for row in found.values())
        for name in ("counted_revenue", "excluded_revenue")
    )
    assert counted + excluded == sum(e["revenue"] or 0 for e in events)
    renumbered = [e | {"event_id": 100 - e["event_id"]} for e in events]
    again = classified(renumbered, duplicates=duplicates, possible_duplicates=possible)
    assert Counter(row[:2] + row[4:] for row in again.values()) == Counter(row[:2] + row[4:] for row in found.values())


def test_the_checkout_decides_where_both_are_known() -> None:
    first = event(1, 0, checkout="A", customer="g", client="c")
    assert statuses(first, event(2, 5, checkout="A", customer="h", client="d")) == ["counted", "resubmission"]
    assert statuses(first, event(2, 5, checkout="B", customer="g", client="c")) == ["counted", "collision"]


def test_else_the_customer_decides_then_the_client_then_the_id_alone() -> None:
    first = event(1, 0, checkout="A", customer="g", client="c")
    assert statuses(first, event(2, 5, customer="g", client="d")) == ["counted", "resubmission"]
    assert statuses(first, event(2, 5, customer="h", client="c")) == ["counted", "collision"]
    assert statuses(first, event(2, 5, client="c")) == ["counted", "resubmission"]
    assert statuses(first, event(2, 5, client="d")) == ["counted", "collision"]
    assert statuses(first, event(2, 5)) == ["counted", "resubmission"]
    assert statuses(event(1, customer="g"), event(2, 5, client="d")) == ["counted", "resubmission"]


def test_an_event_between_two_checkouts_does_not_make_them_one_order() -> None:
    """Whenever it comes, it belongs to the first of them that it agrees with."""
    two = event(1, 0, checkout="A", customer="g"), event(2, 5, checkout="B", customer="g")
    for minute in (-1, 1, 9):
        found = classified([*two, event(3, minute, customer="g")])
        assert [found[n][COMPARED.index("order_id")] for n in (1, 2, 3)] == ([1, 2, 1] if minute > 0 else [3, 2, 3])


def test_the_id_alone_decides_where_the_contract_says_so() -> None:
    events = event(1, 0, checkout="A"), event(2, 5, checkout="B"), event(3, 9, checkout="C", amount=90)
    assert statuses(*events) == ["counted", "collision", "collision"]
    assert statuses(*events, duplicates="transaction_id") == ["counted", "resubmission", "amendment"]


def test_a_chain_of_submissions_counts_the_last_amount_at_the_first_time() -> None:
    amounts = [100, 100, 120, 120, 100]
    events = [event(n, n, checkout="A", amount=amount) for n, amount in enumerate(amounts, 1)]
    assert statuses(*events) == ["counted", "resubmission", "amendment", "resubmission", "amendment"]
    found = classified(events)
    assert classified(events[::-1]) == found == classified([*events[3:], *events[:3]])
    counted, excluded = (COMPARED.index(name) for name in ("counted_revenue", "excluded_revenue"))
    assert [found[n][counted] for n in range(1, 6)] == [100, None, None, None, None]
    assert [found[n][excluded] for n in range(1, 6)] == [None, 100, 100, 120, 120]


def test_an_uncounted_order_is_never_the_original() -> None:
    events = event(1, id=None), event(2, amount=None), event(3, 1, amount=-5), event(4, 2), event(5, 3)
    assert statuses(*events) == ["quarantined", "quarantined", "negative", "counted", "resubmission"]
    reasons = [row[1] for _, row in sorted(classified(events).items())]
    assert reasons == ["no transaction id", "no readable amount", "negative amount", None, None]


def test_without_a_mapped_id_each_event_is_an_order_and_without_an_amount_none_is_quarantined() -> None:
    events = [event(n, n, None, "A", "g", "c", None) for n in (1, 2)]
    assert statuses(*events, roles=()) == ["counted", "counted"]
    assert statuses(*events) == ["quarantined", "quarantined"]


def test_ids_are_reused_where_more_than_thirty_days_lie_between_two_orders() -> None:
    events = [event(1, 0, checkout="A"), event(2, 30 * DAY, checkout="B"), event(3, 60 * DAY + 1, checkout="C")]
    found = classified(events)
    assert [found[n][COMPARED.index("is_collision")] for n in (1, 2, 3)] == [False, True, True]
    assert [found[n][COMPARED.index("is_reused_id")] for n in (1, 2, 3)] == [False, False, True]


def test_a_purchase_under_two_ids_within_a_day_is_a_possible_duplicate() -> None:
    first = event(1, 0, "i", "A", "g", "c")

    def possible(other: Row) -> bool:
        return bool(classified([first, other])[2][COMPARED.index("is_possible_duplicate")])

    assert possible(event(2, DAY, "j", "A", "g", "d"))
    assert not possible(event(2, DAY + 0.001, "j", "A", "g", "c"))
    assert not possible(event(2, 1, "j", "A", "h", "c")) and not possible(event(2, 1, "j", "B", "g", "c"))
    assert not possible(event(2, 1, "j", "A", "g", "c", 99)) and not possible(event(2, 1, "j", "A", None, "c"))
    assert not possible(event(2, 1, "i", "A", "g", "c"))  # a resubmission
    again = event(2, 1, "j", "A", "g", "c")
    assert statuses(first, again) == ["counted", "counted"]
    assert statuses(first, again, possible_duplicates="once") == ["counted", "possible duplicate"]


def test_an_amended_order_is_compared_by_its_last_amount() -> None:
    events = event(1, 0, "i", "A", "g"), event(2, 5, "j", "A", "g", amount=80), event(3, 6, "j", "A", "g")
    assert statuses(*events, possible_duplicates="once") == ["counted", "possible duplicate", "amendment"]


def test_lines_of_one_order_are_summed_before_it_is_classified() -> None:
    lines = [
        event(1, 0, "a", amount=10) | {"order_key": "a"},
        event(2, 0, "a", amount=10) | {"order_key": "a"},  # an equal line is a line
        event(3, 1, "a", amount=-5) | {"order_key": "a"},  # a discount
        event(4, 2, "a", amount=None) | {"order_key": "a"},
        event(5, 3, "b", amount=7) | {"order_key": "b"},
        event(6, 3, "c", amount=-7) | {"order_key": "c"},
        event(7, 3, None, amount=7) | {"order_key": None},
    ]
    found = classified(lines, key=("transaction_id",))
    status, reason, order_id, counted, excluded = (COMPARED.index(name) for name in COMPARED[:5])
    assert [found[n][status] for n in range(1, 8)] == [
        "counted", "order line", "order line", "quarantined", "counted", "negative", "quarantined",
    ]  # fmt: skip
    assert [found[n][reason] for n in (4, 7)] == ["no readable amount", "no transaction id"]
    assert [found[n][order_id] for n in range(1, 4)] == [1, 1, 1]
    assert found[1][counted] == 15 and found[2][excluded] == found[3][excluded] == 0
    assert sum((row[counted] or 0) + (row[excluded] or 0) for row in found.values()) == sum(
        e["revenue"] or 0 for e in lines
    )


def test_an_order_in_another_currency_is_quarantined_by_name() -> None:
    foreign = event(1, amount=None) | {"other_currency": "JPY"}
    found = classified([foreign, event(2, 1, "j")])
    assert found[1][:2] == ("quarantined", "currency JPY") and found[2][0] == "counted"


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ((), [("counted", None, None), ("counted", None, None), ("counted", None, None)]),
        (("amount",), [("counted", None, 100), ("quarantined", "no readable amount", None), ("counted", None, 100)]),
        (
            ("transaction_id",),
            [("counted", None, 100), ("resubmission", None, None), ("quarantined", "no transaction id", None)],
        ),
    ],
)
def test_what_the_contract_does_not_map(roles: tuple[str, ...], expected: list[tuple[object, ...]]) -> None:
    """Without ids each event is an order; without amounts none is missing one."""
    events = [event(1, 0, "i"), event(2, 1, "i", amount=None), event(3, 2, None)]
    if not roles:
        events = [one | {"revenue": None} for one in events]
    if roles == ("transaction_id",):
        events[1] = event(2, 1, "i")
    found = classified(events, roles=roles)
    status, reason, counted = (COMPARED.index(name) for name in ("status", "reason", "counted_revenue"))
    assert [(found[n][status], found[n][reason], found[n][counted]) for n in (1, 2, 3)] == expected
