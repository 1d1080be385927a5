"""Recognise the shop's order list among the files of a folder, by the columns of common exports."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HEAD = 65_536  # bytes
DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class Export:
    """An export of orders: its roles and their columns, of which the first three are always there."""

    roles: Mapping[str, str]

    def fits(self, header: Sequence[str]) -> bool:
        """Return whether a header is that of the export."""
        return set(list(self.roles.values())[:3]) <= set(header)


@dataclass(frozen=True)
class OrderListDraft:
    """The files of an order list, with the columns that have a role."""

    names: tuple[str, ...]
    file_name: str  # the pattern of the names
    delimiter: str
    roles: Mapping[str, str]


EXPORTS = (
    Export({  # Shopify
        "order_id": "Name", "created_at": "Created at", "financial_status": "Financial Status", "amount": "Total",
        "currency": "Currency", "refunded_amount": "Refunded Amount", "discount": "Discount Amount", "tax": "Taxes",
        "shipping": "Shipping", "cancelled_at": "Cancelled at", "sales_channel": "Source",
        "payment_method": "Payment Method", "customer": "Email",
    }),
    Export({  # WooCommerce
        "order_id": "order_number", "created_at": "date", "amount": "order_total", "financial_status": "status",
        "currency": "currency", "refunded_amount": "refunded_total", "payment_method": "payment_method",
        "customer": "billing_email",
    }),
)  # fmt: skip


def find_order_list(data_dir: Path, names: Sequence[str]) -> OrderListDraft | None:
    """Return the order list among these files of a folder; None if no header is that of a known export."""
    drafts: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name in names:
        if name.lower().endswith(".csv") and (found := _export_of(data_dir / name)):
            delimiter, export, header = found
            columns = tuple(role for role, column in export.roles.items() if column in header)
            drafts.setdefault((delimiter, columns), []).append(name)
            roles = {role: export.roles[role] for role in columns}
            if len(drafts) == 1:
                first = delimiter, roles
    if not drafts:
        return None
    lists = next(iter(drafts.values()))
    start = _start(lists)
    if any(name.startswith(start) for name in names if name not in lists):  # the pattern would take other files
        lists = lists[-1:]
        return OrderListDraft(tuple(lists), lists[0].replace("%", "%%"), *first)
    return OrderListDraft(tuple(lists), f"{start}*.csv".replace("%", "%%"), *first)


def _start(names: Sequence[str]) -> str:
    """Return what the names begin with, without a number or a date at the end."""
    first, *others = (name.rpartition(".")[0] for name in names)
    at = next((at for at, letter in enumerate(first) if any(o[at : at + 1] != letter for o in others)), len(first))
    return re.sub(r"[-_. (0-9)]+$", "", first[:at])


def _export_of(path: Path) -> tuple[str, Export, list[str]] | None:
    """Return the delimiter, the export and the header of a file of orders."""
    try:
        with path.open("rb") as file:
            line = re.split("[\r\n]", file.read(HEAD).decode("utf-8-sig", "replace"), maxsplit=1)[0]
    except OSError:
        return None
    for delimiter in DELIMITERS:
        header = next(csv.reader([line], delimiter=delimiter), [])
        for export in EXPORTS:
            if export.fits(header):
                return delimiter, export, header
    return None
