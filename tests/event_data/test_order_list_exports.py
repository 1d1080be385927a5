"""Several exports of the order list: what is the same order, which record of it counts, and what stays visible."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from books_kit import contract_in, landed
from synthetic_orders import SHOPIFY

from event_data.books.reconciliation import RECONCILIATION, book_placeholders
from event_data.statements import fill, read_statements

Record = tuple[str, str, str, str]  # id, time, amount, customer
FULL, SHORT = "2026-03-01 10:00:37", "2026-03-01 10:00"


def orders_of(folder: Path, files: Sequence[Sequence[Record]]) -> list[tuple[str, int, str, str]]:
    """Return the id, the number of the file that counts, the amount and the first amount of each order of the files."""
    names = ("Name", "Created at", "Total", "Email")
    for number, records in enumerate(files, 1):
        lines = [
            ",".join(dict(zip(names, record, strict=True)).get(name, "") for name in SHOPIFY) for record in records
        ]
        text = "\n".join([",".join(SHOPIFY), *lines])
        (folder / f"orders_export_2026040{number}.csv").write_text(text + "\n", "utf-8")
    return reconciled(folder)


def reconciled(folder: Path) -> list[tuple[str, int, str, str]]:
    """Return the same of the files in a folder."""
    contract = contract_in(folder)
    assert contract.order_list
    with landed(folder, contract) as connection:
        for statement in read_statements(RECONCILIATION)[:2]:
            connection.execute(fill(statement, book_placeholders(contract, contract.order_list)).sql)
        sql = (
            "select order_id, shop_order_id // 100000000 + 1, amount, first_amount from silver.shop_orders order by all"
        )
        rows = connection.execute(sql).fetchall()
    return [(name, file, f"{amount}", f"{first}") for name, file, amount, first in rows]


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (("#1001", FULL), ("#1001", FULL)),
        (("#1001", FULL), ("#1001", SHORT)),
        (("#1001", SHORT), ("#1001", FULL)),
        (("#1001", FULL), ("1001", SHORT)),
        (("0001001", FULL), ("1001", FULL)),
        (("1001", SHORT), ("#0001001", FULL)),
        (("ab-1", FULL), ("#AB-1", f"{FULL} +0000")),
        (("1001", FULL), ("1001", f"{FULL}.250")),
    ],
)
@pytest.mark.parametrize("email", ["a@shop.example", ""])
def test_the_newer_record_of_an_order_counts(
    older: tuple[str, str], newer: tuple[str, str], email: str, tmp_path: Path
) -> None:
    files = [[(*older, "10.00", email)], [(*newer, "12.50", email)]]
    assert orders_of(tmp_path, files) == [(newer[0], 2, "12.50", "10.00")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("1001", FULL), ("1001", "2025-03-01 10:00:37")),  # another year
        (("1001", FULL), ("1001", "2026-03-01 09:00:37")),  # another time zone, perhaps
        (("1001", "2026-03-01 10:00:59"), ("1001", "2026-03-01 10:01")),  # seconds are dropped, not rounded
        (("1001", FULL), ("1001", "2026-03-01 10:00:12")),  # both have seconds
        (("1001", FULL), ("10010", FULL)),
        (("A-001", FULL), ("A-1", FULL)),  # a spreadsheet keeps these zeros
        (("0", FULL), ("00", FULL)),
    ],
)
def test_orders_that_only_seem_the_same_are_two(one: tuple[str, str], other: tuple[str, str], tmp_path: Path) -> None:
    files = [[(*one, "10.00", "a@shop.example")], [(*other, "10.00", "a@shop.example")]]
    assert sorted(orders_of(tmp_path, files)) == sorted(
        [(one[0], 1, "10.00", "10.00"), (other[0], 2, "10.00", "10.00")]
    )


def test_orders_that_one_file_has_are_two_in_every_file(tmp_path: Path) -> None:
    both = [("#1001", SHORT, "10.00", "a"), ("1001", SHORT, "20.00", "a"), ("7", SHORT, "1.00", "a")]
    later = [("7", FULL, "2.00", "a"), ("#1001", SHORT, "11.00", "a")]
    assert orders_of(tmp_path, [both, later]) == [
        ("#1001", 2, "11.00", "10.00"), ("1001", 1, "20.00", "20.00"), ("7", 2, "2.00", "1.00"),
    ]  # fmt: skip


def test_the_newest_of_many_exports_counts(tmp_path: Path) -> None:
    """The amount changes in the third one, and the last one is a spreadsheet's."""
    files = [[("007", FULL, f"{10 + (number > 2)}", "a"), ("8", FULL, "1", "a")] for number in range(1, 6)]
    files.append([("7", SHORT, "11", "a")])
    assert orders_of(tmp_path, files) == [("7", 6, "11.00", "10.00"), ("8", 5, "1.00", "1.00")]


def test_amounts_in_two_currencies_are_not_compared(tmp_path: Path) -> None:
    """The older export has the amount in euros."""
    one = f"#1,,paid,,EUR,,,,10.00,,,{FULL}"
    for number, record in enumerate((one, one.replace("EUR", "USD").replace("10.00", "12.00")), 1):
        text = f"{','.join(SHOPIFY)}\n{record}{',' * (len(SHOPIFY) - record.count(',') - 1)}\n"
        (tmp_path / f"orders_export_{number}.csv").write_text(text, "utf-8")
    assert reconciled(tmp_path) == [("#1", 2, "12.00", "None")]
