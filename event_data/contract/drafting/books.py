"""Recognise the shop's own books among the files of a folder, by the columns of common exports."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from event_data.contract.model import Amount, Constant, Field, Value

HEAD = 65_536  # bytes
MOST_TITLES = 10  # lines above a header
DELIMITERS = (",", ";", "\t")
_PARENTHESES = re.compile(r"(.*) \(([A-Z]{3})\)")  # Amount spent (USD)


@dataclass(frozen=True)
class Export:
    """An export of orders or advertising spend: its roles and their columns, of which the first `needed` identify it.

    A column named `Amount spent (*)` has the code of its currency in the place of the asterisk.
    """

    block: str  # orderList or adSpend
    name: str  # of the object in the contract
    roles: Mapping[str, str | tuple[str, ...]]  # several names are alternatives
    needed: int = 3
    constants: Mapping[str, str] = field(default_factory=dict)
    thousands: str = ""

    def values(self, header: Sequence[str]) -> dict[str, Value] | None:
        """Return the value of each role in the files with this header; None if it is not that of the export."""
        plain = {_PARENTHESES.sub(r"\1 (*)", column): column for column in reversed(header)}
        values: dict[str, Value] = {}
        for place, (role, names) in enumerate(self.roles.items()):
            choices = (names,) if isinstance(names, str) else names
            column = next((plain[name] for name in choices if name in plain), None)
            if column is None and place < self.needed:
                return None
            if column is not None:
                value: Value = Field(column)
                values[role] = Amount(value, thousands=self.thousands) if self.thousands and role in _NUMBERS else value
                if names == "Amount spent (*)" and (code := _PARENTHESES.fullmatch(column)):
                    values["currency"] = Constant(code[2])
        return values | {role: Constant(text) for role, text in self.constants.items()}


@dataclass(frozen=True)
class BookDraft:
    """The files of an order list or of advertising spend, with the value of each role that they have."""

    export: Export
    names: tuple[str, ...]
    file_name: str  # the pattern of the names
    delimiter: str
    values: Mapping[str, Value]

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that have a role."""
        inner = (value.value if isinstance(value, Amount) else value for value in self.values.values())
        return tuple(dict.fromkeys(value.column for value in inner if isinstance(value, Field)))


_NUMBERS = ("cost", "clicks", "impressions")
EXPORTS = (
    Export("orderList", "orders", {  # Shopify
        "order_id": "Name", "created_at": "Created at", "financial_status": "Financial Status", "amount": "Total",
        "currency": "Currency", "refunded_amount": "Refunded Amount", "discount": "Discount Amount", "tax": "Taxes",
        "shipping": "Shipping", "cancelled_at": "Cancelled at", "sales_channel": "Source",
        "payment_method": "Payment Method", "customer": "Email",
    }),
    Export("orderList", "orders", {  # WooCommerce
        "order_id": "order_number", "created_at": "date", "amount": "order_total", "financial_status": "status",
        "currency": "currency", "refunded_amount": "refunded_total", "payment_method": "payment_method",
        "customer": "billing_email",
    }),
    Export("adSpend", "google_ads", {
        "date": ("Day", "Date"), "campaign": "Campaign", "cost": "Cost", "clicks": "Clicks",
        "currency": ("Currency code", "Currency"), "impressions": ("Impr.", "Impressions"),
    }, 4, {"source": "google", "medium": "cpc"}, thousands=","),
    Export("adSpend", "meta_ads", {
        "date": ("Day", "Reporting starts"), "campaign": "Campaign name", "cost": "Amount spent (*)",
        "clicks": "Link clicks", "impressions": "Impressions",
    }, constants={"source": "facebook", "medium": "paid"}),
    Export("adSpend", "ad_spend", {  # Google Analytics' import of costs
        "date": "date", "source": "utm_source", "cost": "cost", "medium": "utm_medium",
        "campaign": ("utm_campaign", "utm_id"), "clicks": "clicks", "impressions": "impressions",
    }),
)  # fmt: skip


def find_books(data_dir: Path, names: Sequence[str]) -> tuple[BookDraft, ...]:
    """Return the books among these files of a folder: an order list, and one object for each export of spend."""
    drafts: dict[tuple[str, str, str, tuple[str, ...]], tuple[Export, Mapping[str, Value], list[str]]] = {}
    for name in names:
        if name.lower().endswith(".csv") and (recognised := _export_of(data_dir / name)):
            delimiter, export, values = recognised
            key = (export.block, export.name, delimiter, tuple(values))
            drafts.setdefault(key, (export, values, []))[2].append(name)
    books: dict[str, BookDraft] = {}
    for (_, _, delimiter, _), (export, of_roles, found_names) in drafts.items():
        pattern, taken = _pattern(found_names, names)
        books.setdefault(export.name, BookDraft(export, taken, pattern, delimiter, of_roles))
    return tuple(books.values())


def _pattern(files: Sequence[str], names: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return a pattern for the names that takes no other file, and the names; the last name if there is none."""
    start = _start(files)
    if any(name.startswith(start) for name in names if name not in files):
        return files[-1].replace("%", "%%"), (files[-1],)
    return f"{start}*.csv".replace("%", "%%"), tuple(files)


def _start(names: Sequence[str]) -> str:
    """Return what the names begin with, without a number or a date at the end."""
    first, *others = (name.rpartition(".")[0] for name in names)
    at = next((at for at, letter in enumerate(first) if any(o[at : at + 1] != letter for o in others)), len(first))
    return re.sub(r"[-_. (0-9)]+$", "", first[:at])


def _export_of(path: Path) -> tuple[str, Export, dict[str, Value]] | None:
    """Return the delimiter, the export and the values of the roles of a book; None for another file."""
    try:
        with path.open("rb") as file:
            lines = re.split("\r\n|[\r\n]", file.read(HEAD).decode("utf-8-sig", "replace"), maxsplit=MOST_TITLES)
    except OSError:
        return None
    for line, delimiter in _headers(lines):
        header = next(csv.reader([line], delimiter=delimiter), [])
        for export in EXPORTS:
            if (values := export.values(header)) is not None:
                return delimiter, export, values
    return None


def _headers(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the first lines, each with every delimiter that it may have."""
    for line in islice(lines, MOST_TITLES):
        yield from ((line, delimiter) for delimiter in DELIMITERS if delimiter in line)
