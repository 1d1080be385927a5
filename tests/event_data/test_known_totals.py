"""Known totals: which days match, and the one change that explains why they do not."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import duckdb
import pytest
from commands import SCHEMA

from event_data.contract import Contract, load_contract
from event_data.contract.model import KnownTotal
from event_data.errors import UserError
from event_data.known_totals import Comparison, as_yaml, compare, compare_warehouse, parse_known_total

DAYS = (date(2025, 2, 28), date(2025, 3, 1), date(2025, 3, 2))


@dataclass(frozen=True)
class Row:
    """One row of `order_like`."""

    at: datetime
    amount: str | None
    id: str | None
    status: str | None = "counted"
    event: str = "checkout_completed"
    possible: bool = False


def orders(day: date, *amounts: str, hour: float = 12.0, prefix: str = "") -> list[Row]:
    """Return the orders of a day, ten minutes apart."""
    start = datetime(day.year, day.month, day.day) + timedelta(hours=hour)
    return [Row(start + timedelta(minutes=10 * n), a, f"{prefix}{day}-{n}") for n, a in enumerate(amounts)]


def usual() -> list[Row]:
    """Return two, three and four orders on three days, of 300, 700 and 1,130.50."""
    return [
        *orders(DAYS[0], "100.00", "200.00"), *orders(DAYS[1], "100.00", "250.00", "350.00"),
        *orders(DAYS[2], "130.50", "200.00", "300.00", "500.00"),
    ]  # fmt: skip


def known(*totals: tuple[int | None, str | None]) -> tuple[KnownTotal, ...]:
    return tuple(
        KnownTotal(day, orders, None if revenue is None else Decimal(revenue))
        for day, (orders, revenue) in zip(DAYS, totals, strict=False)
    )


USUAL = known((2, "300"), (3, "700"), (4, "1130.50"))


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load_contract(SCHEMA)


def compared(
    contract: Contract, rows: Iterable[Row], totals: Iterable[KnownTotal], zone: str = "UTC", offset: int | None = None
) -> Comparison:
    with duckdb.connect() as connection:
        connection.execute(
            "create table rows (event varchar, event_at timestamp, transaction_id varchar, amount decimal(12, 2), "
            "status varchar, counted_amount decimal(12, 2), is_possible_duplicate boolean)"
        )
        for row in rows:
            counted = row.amount if row.status == "counted" else None
            values = [row.event, row.at, row.id, row.amount, row.status, counted, row.possible]
            connection.execute("insert into rows values (?, ?, ?, ?, ?, ?, ?)", values)
        chosen = replace(contract, known_totals=tuple(totals), time_zone=zone)
        span = None if offset is None else timedelta(hours=offset)
        found = compare(connection, "select * from rows", chosen, {*DAYS, date(2025, 4, 10)}, span)
    assert found is not None
    return found


def explanation(contract: Contract, rows: Iterable[Row], totals: Iterable[KnownTotal]) -> tuple[str, str]:
    found = compared(contract, rows, totals).explanation
    assert found is not None
    return found.kind, found.clause


def test_days_that_match(contract: Contract) -> None:
    found = compared(contract, usual(), USUAL)
    assert not found.differing and found.explanation is None
    assert found.coverage() == "Known totals: 3 of 3 days match."
    assert compared(contract, usual(), USUAL[:1]).coverage() == "Known totals: 2025-02-28 matches."
    assert not compared(contract, usual(), known((2, None), (None, "700"))).differing
    assert compared(contract, usual(), known((3, None))).coverage() == (
        "Known totals: 2025-02-28 differs. No single change explains the difference of -1 order."
    )


def test_no_known_totals(contract: Contract) -> None:
    with duckdb.connect() as connection:
        assert compare(connection, "not even SQL", contract, DAYS) is None


def test_revenue_is_compared_to_the_cent(contract: Contract) -> None:
    assert not compared(contract, usual(), known((2, "300.00"))).differing
    assert compared(contract, usual(), known((2, "300.01"))).differing


def test_a_known_day_without_a_file(contract: Contract) -> None:
    later = KnownTotal(date(2025, 5, 1), 5, None)
    found = compared(contract, usual(), [*USUAL[:1], later])
    assert found.without_file == (later.day,) and found.on(later.day) is None
    assert found.coverage() == "Known totals: 1 of 2 days matches; 2025-05-01 has no file."
    assert compared(contract, usual(), [later]).days == ()


def test_the_sentences(contract: Contract) -> None:
    found = compared(contract, usual(), known((2, "357"), (3, "833"), (4, "1345.30")))
    first, *_ = found.days
    assert found.difference(first) == (
        "2 orders and $300.00 counted, where knownTotals has 2 orders and $357.00; amounts with 19% tax would match"
    )
    assert found.coverage() == (
        "Known totals: 0 of 3 days match; 2025-02-28, 2025-03-01 and 2025-03-02 differ. "
        "Amounts with 19% tax would match."
    )


def test_the_totals_of_each_day_that_differs(contract: Contract) -> None:
    found = compared(contract, usual(), known((2, "300"), (1, "833"), (None, "1345.30")))
    assert found.details() == [
        "2025-03-01: counted 3 orders and $700.00; expected 1 order and $833.00.",
        "2025-03-02: counted $1,130.50; expected $1,345.30.",
    ]


def test_an_event_keeps_its_name(contract: Contract) -> None:
    rows = [replace(row, event="form_submit", status=None) for row in usual()]
    assert compared(contract, rows, USUAL).coverage().endswith(" The form_submit events would match.")


@pytest.mark.parametrize(("offset", "zone"), [(3, "Europe/Moscow"), (2, "Europe/Helsinki"), (None, "Europe/Helsinki")])
def test_the_zone_with_the_offset_of_the_times(offset: int | None, zone: str, contract: Contract) -> None:
    rows = [*usual(), *orders(DAYS[0], "5.00", hour=22.25), *orders(DAYS[1], "5.00", hour=19.25)]
    found = compared(contract, rows, known((2, "300"), (5, "710")), offset=offset)
    assert found.explanation is not None and found.explanation.clause.endswith(f"for example those of {zone}")


@pytest.mark.parametrize(
    ("times", "zone"),
    [
        (["2025-02-28T23:30:00+03:00", "2025-03-01T00:30:00+03:00"], "Europe/Moscow"),
        (["2025-02-28T20:30:00Z", "2025-02-28 21:30:00"], "Europe/Helsinki"),
        (["2025-02-28T20:30:00+00:00", "2025-02-28T21:30:00Z"], "Europe/Helsinki"),
        (["2025-02-28T17:00:00-0330", "2025-02-28T18:00:00-0330"], "Europe/Helsinki"),
    ],
)
def test_the_offset_of_a_warehouse(times: list[str], zone: str, contract: Contract) -> None:
    rows = [*usual(), *orders(DAYS[0], "5.00", hour=22.25), *orders(DAYS[1], "5.00", hour=19.25)]
    chosen = replace(contract, known_totals=known((2, "300"), (5, "710")))
    with duckdb.connect() as connection:
        connection.execute(
            "create schema silver; create schema bronze; create table bronze.events (timestamp varchar);"
            "create table silver.files as select unnest([date '2025-02-28', date '2025-03-01']) as file_date, "
            "null as refused, 'f' as name; create table bronze.files as select 'f' as name, null::date as file_date;"
            "create table silver.events (event_name varchar, event varchar, event_at timestamp);"
            "create table silver.rejected_events (source_file varchar, event varchar, reason varchar, revenue decimal);"
            "create table silver.received_orders (event_at timestamp, transaction_id varchar, revenue decimal(12, 2), "
            "status varchar, counted_revenue decimal(12, 2), is_possible_duplicate boolean)"
        )
        connection.executemany("insert into bronze.events values (?)", [[text] for text in times])
        for row in rows:
            values = [row.at, row.id, row.amount, row.status, row.amount, False]
            connection.execute("insert into silver.received_orders values (?, ?, ?, ?, ?, ?)", values)
        found = compare_warehouse(connection, chosen)
    assert found is not None and found.explanation is not None
    assert found.explanation.clause.endswith(f"for example those of {zone}")


CENTS = [replace(row, amount=f"{Decimal(row.amount or 0) * 100}") for row in usual()]
LINES = [  # two rows per order, of which the last amount counts
    row for order in usual() for row in (replace(order, status="amendment", amount="10.00"), order)
]
SENT_AGAIN = [*usual(), replace(usual()[0], status="resubmission"), replace(usual()[4], status="resubmission")]
COLLISION = [*usual(), replace(usual()[0], at=usual()[1].at, amount="50.00")]
POSSIBLE = [*usual(), replace(usual()[3], id="other", possible=True)]
EXCLUDED = [*usual(), replace(usual()[3], id="other", status="possible duplicate")]
REFUND = [*usual(), replace(usual()[3], id="refund", amount="-40.00", status="negative")]
WITHOUT_ID = [*usual(), replace(usual()[3], id=None, status="quarantined")]
OTHER_EVENT = [
    *orders(DAYS[0], "1.00"), *orders(DAYS[2], "1.00"),
    *(replace(row, event="purchase", status=None) for row in usual()),
]  # fmt: skip
OTHER_NUMBER = [
    *orders(DAYS[0], "1.00"), *(replace(row, event="order_paid", status=None, amount=None) for row in usual())
]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "totals", "kind", "clause"),
    [
        (CENTS, USUAL, "cents", "amounts divided by 100 would match"),
        (usual(), known((2, "30000"), (3, "70000")), "cents", "amounts multiplied by 100 would match"),
        (SENT_AGAIN, known((3, "400"), (4, "1050")), "rows", "every order event counted as one order would match"),
        (LINES, known((2, "320"), (3, "730")), "rows_are_lines",
         "one order per transaction id, with the amounts of all its rows, would match"),
        (COLLISION, USUAL, "transaction_ids", "one order per transaction id would match"),
        (POSSIBLE, USUAL, "possible_duplicates_once", "possible duplicates counted once would match"),
        (EXCLUDED, known((2, "300"), (4, "950")), "possible_duplicates_both",
         "possible duplicates counted as two orders would match"),
        (REFUND, known((2, "300"), (3, "660")), "refunds", "revenue less negative amounts would match"),
        (REFUND, known((2, "300"), (4, "660")), "refunds_as_orders",
         "negative amounts counted as orders would match"),
        (WITHOUT_ID, known((2, "300"), (4, "950")), "quarantined",
         "orders without an id or a readable amount, if they were counted, would match"),
        (usual(), known((2, "300.01")), "rounding", "the difference is no more than the rounding of each order"),
        (usual(), known((2, "300.01"), (3, "699.98")), "rounding",
         "the difference is no more than the rounding of each order"),
        (usual(), known((2, "357.00")), "tax", "amounts with 19% tax would match"),
        (usual(), known((2, "375.10")), "none", "no single change explains the difference of -$75.10"),
        (usual(), known((2, "321"), (3, "749")), "tax", "amounts with 7% tax would match"),
        (usual(), known((2, "252.10"), (3, "588.24")), "tax", "amounts without 19% tax would match"),
        (usual(), known((2, "324.39"), (3, "756.91"), (4, "1222.41")), "ratio",
         "amounts 8.13% higher would match, for example with other tax or shipping"),
        (usual(), known((2, "3279"), (3, "7651")), "ratio", "amounts multiplied by 10.93 would match"),
        (usual(), known((2, "309.90"), (3, "714.85"), (4, "1150.30")), "per_order",
         "$4.95 more per order would match, for example for shipping"),
        (OTHER_EVENT, USUAL, "event", "the purchase events would match"),
        (OTHER_NUMBER, known((2, "999"), (3, "777")), "event", "the number of order_paid events would match"),
        (usual(), known((2, "300"), (3, "700"), (5, "1400")), "some_days",
         "2025-02-28 and 2025-03-01 match, so the contract may be right"),
        (usual(), known((9, "12"), (7, "3000"), (1, "5")), "none",
         "no single change explains the difference of -8 orders and -$886.50"),
        (usual(), known((3, None), (2, None)), "none", "no single change explains the differences"),
        (usual(), known((3, None)), "none", "no single change explains the difference of -1 order"),
        (usual(), known((None, "123.45")), "none", "no single change explains the difference of +$176.55"),
    ],
)  # fmt: skip
def test_explanations(
    rows: list[Row], totals: tuple[KnownTotal, ...], kind: str, clause: str, contract: Contract
) -> None:
    assert explanation(contract, rows, totals) == (kind, clause)
    assert explanation(contract, reversed(rows), totals) == (kind, clause)


def shifted(hours: float) -> list[Row]:
    """Return the usual orders, and one more in the first and last hour of each day in a zone ahead of UTC."""
    ahead = timedelta(hours=hours)
    edges = [
        row for day in DAYS for row in orders(day, "10.00", hour=0.1) + orders(day, "10.00", hour=23.6, prefix="x")
    ]
    return [*usual(), *(replace(row, at=row.at - ahead) for row in edges)]


@pytest.mark.parametrize(
    ("hours", "clause"),
    [
        (1, "days that begin 1 hour earlier would match, for example those of Europe/Berlin"),
        (-5, "days that begin 5 hours later would match, for example those of America/New_York"),
        (5.5, "days that begin 5.5 hours earlier would match, for example those of Asia/Kolkata"),
        (9, "days that begin 9 hours earlier would match, for example those of Asia/Tokyo"),
    ],
)
def test_a_wrong_time_zone(hours: float, clause: str, contract: Contract) -> None:
    totals = known((4, "320"), (5, "720"), (6, "1150.50"))
    assert explanation(contract, shifted(hours), totals) == ("time_zone", clause)


def test_several_time_zones(contract: Contract) -> None:
    """Two hours ahead of UTC, an order at 22:15 belongs to the next day; five hours ahead, so does one at 19:15."""
    rows = [*usual(), *orders(DAYS[0], "5.00", hour=22.25), *orders(DAYS[1], "5.00", hour=19.25)]
    clause = "days that begin 2 to 4 hours earlier would match, for example those of Europe/Helsinki"
    assert explanation(contract, rows, known((2, "300"), (5, "710"))) == ("time_zone", clause)


def test_daylight_saving_time(contract: Contract) -> None:
    """Berlin is one hour ahead of UTC in February and two hours in April."""
    april = date(2025, 4, 10)
    rows = [
        *orders(DAYS[0], "10.00"), *orders(DAYS[0], "5.00", hour=22.5), *orders(DAYS[0], "7.00", hour=23.5),
        *orders(april, "10.00"), *orders(april, "5.00", hour=21.5), *orders(april, "7.00", hour=22.5),
    ]  # fmt: skip
    totals = (KnownTotal(DAYS[0], 2, Decimal(15)), KnownTotal(april, 2, Decimal(15)))
    assert explanation(contract, rows, totals) == ("time_zone", "the days of Europe/Berlin would match")
    assert not compared(contract, rows, totals, "Europe/Berlin").differing


def test_a_contract_without_an_amount(contract: Contract) -> None:
    values = {role: value for role, value in contract.values.items() if role != "amount"}
    without = replace(contract, values=values)
    kind, clause = explanation(without, usual(), USUAL)
    assert (kind, clause) == ("no_amount", "the contract does not map an order amount")
    assert not compared(without, usual(), known((2, None))).differing


def test_a_contract_without_an_order_event(contract: Contract) -> None:
    events = tuple(replace(event, role=None) if event.role == "order" else event for event in contract.events)
    rows = [replace(row, status=None) for row in usual()]
    without = replace(contract, events=events)
    assert explanation(without, rows, USUAL) == ("event", "the checkout_completed events would match")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-03-01:31:28450.00", KnownTotal(date(2025, 3, 1), 31, Decimal("28450.00"))),
        ("2025-03-01:31", KnownTotal(date(2025, 3, 1), 31, None)),
        ("2025-03-01::28450", KnownTotal(date(2025, 3, 1), None, Decimal(28450))),
        ("2025-03-01:0:0", KnownTotal(date(2025, 3, 1), 0, Decimal(0))),
    ],
)
def test_the_option(text: str, expected: KnownTotal) -> None:
    assert parse_known_total(text) == expected


@pytest.mark.parametrize(
    "text", ["", "2025-03-01", "2025-03-01::", "1.3.2025:1:2", "2025-03-01:x", "2025-03-01:1:1,000", "2025-03-01:-1",
             "2025-03-01:1:NaN", "2025-03-01:1:2:3", "2025-03-01:1:-2"],
)  # fmt: skip
def test_a_mistyped_option(text: str) -> None:
    with pytest.raises(UserError, match=r"is not a day and its totals; write it like 2025-03-01:31:28450\.00"):
        parse_known_total(text)


def test_as_yaml(tmp_path_factory: pytest.TempPathFactory) -> None:
    totals = (*USUAL[:2], KnownTotal(DAYS[2], None, Decimal("1E+3")))
    text = SCHEMA.read_text("utf-8")
    path = tmp_path_factory.mktemp("yaml") / "contract.yaml"
    path.write_text(text.rstrip("\n") + "\n" + as_yaml(totals), "utf-8")
    assert load_contract(path).known_totals == totals
    assert as_yaml(()) == ""
