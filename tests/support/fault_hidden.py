"""Faults that hide: files that are no table, values that stand for nothing or are cut off, and a limit on rows."""

import re
from collections.abc import Callable
from random import Random

from fault_columns import fill
from fault_files import rewrites, text_of
from fault_kit import Day, day_fault, register, some

# --- columns ----------------------------------------------------------------------------------------------


@day_fault("contract", 1.0, "page", expects="value_truncated query_not_anonymised")
def pages_cut(day: Day, severity: float, rng: Random) -> None:
    """The export's column is too short for the longest tenth of the addresses."""
    pages = day.having("page")
    for limit in (255, 200, 150, 128):
        longer = [row for row in pages if len(day.get(row, "page")) > limit]
        if 10 * len(longer) >= len(pages):
            for row in some(longer, severity, rng):
                day.set(row, "page", day.get(row, "page")[:limit])
            return


def _write_nulls(word: str, *roles: str) -> Callable[[Day, float, Random], None]:
    """Write the nulls of a share of the rows as text, as a database or a data frame does."""

    def mutate(day: Day, severity: float, rng: Random) -> None:
        there = [role for role in roles if day.index(role) is not None]
        for row in some([row for row in day.rows if not all(day.get(row, role) for role in there)], severity, rng):
            for role in there:
                day.set(row, role, day.get(row, role) or word)

    return mutate


for _name, _mutate in (
    ("nulls_of_a_database", _write_nulls(r"\N", "payload", "referrer")),
    ("nulls_of_a_data_frame", _write_nulls("nan", "payload")),
):
    register(_name, "contract", 1.0, _mutate, "payload", expects="null_text")
register(
    "null_text_client", "contract", 0.3, fill("client", lambda old: "NULL"), "client", expects="null_text null_share"
)


@day_fault("columns", 0.5, "client", expects="names_differ column_unexpected")
def two_names_of_client(day: Day, severity: float, rng: Random) -> None:
    """The new name stands beside the old one, with an identifier of its own."""
    old = day.header.cells[day.index("client") or 0] if day.index("client") is not None else ""
    if not old:
        return
    rows = [row for row in day.having("client") if len(row.cells) == len(day.header.cells)]
    others = {id(row) for row in some(rows, severity, rng)}
    for row in day.rows:
        value = day.get(row, "client")
        row.cells.append(f"9{value[1:]}" if id(row) in others else value)
    day.header.cells.append("client_id" if old == "clientId" else "clientId")


# --- files ------------------------------------------------------------------------------------------------

HTML = b"<!DOCTYPE html>\n<html><head><title>504 Gateway Time-out</title></head>\n<body><h1>504</h1></body></html>\n"
XML = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Denied</Message></Error>\n'
PREAMBLE = 'Report: Events\nProperty,Shop\n"Period, in UTC",one day\n# exported by the analytics tool\n\n'
rewrites("html_page", lambda day: HTML, "file_unreadable")
rewrites("xml_document", lambda day: XML, "file_unreadable")
rewrites("json_lines", lambda day: b'{"client_id": "1740268798-abcdefghijkl"}\n' * 9, "file_unreadable")
rewrites("header_missing", lambda day: text_of(day).partition("\n")[2].encode(), "file_unreadable")
rewrites("preamble", lambda day: (PREAMBLE + text_of(day)).encode("utf-8", "surrogateescape"), "header_not_first")
rewrites("separator_line", lambda day: b"sep=,\n" + day.path.read_bytes(), "header_not_first")
rewrites("totals", lambda day: day.path.read_bytes().rstrip(b"\n") + b"\n\nTotal,,,,,,\n3570 rows\n", "totals_at_end")


# --- campaigns and volume ---------------------------------------------------------------------------------


def _campaigns(change: Callable[[str], str]) -> Callable[[Day, float, Random], None]:
    """Change the query of a share of the pages that have a campaign."""

    def mutate(day: Day, severity: float, rng: Random) -> None:
        tagged = [row for row in day.having("page") if "utm_campaign=" in day.get(row, "page")]
        for row in some(tagged, severity, rng):
            day.set(row, "page", change(day.get(row, "page")))

    return mutate


for _name, _serious, _change, _expects in (
    (
        "campaign_not_filled_in", 0.5, lambda page: re.sub(r"(utm_campaign=)[^&#]*", r"\1{{campaign.name}}", page),
        "campaign_placeholder query_not_anonymised",
    ),
    ("campaigns_emptied", 1.0, lambda page: re.sub(r"(utm_[a-z]+=)[^&#]*", r"\1", page), "campaign_shift"),
):  # fmt: skip
    register(_name, "journeys", _serious, _campaigns(_change), "page", expects=_expects)


@day_fault("volume", 1.0, expects="row_cap rows_volume hours_without_events revenue_volume event_volume")
def rows_capped(day: Day, severity: float, rng: Random) -> None:
    """The export stops at a round number of rows, about half of the day."""
    limits = [digit * 10**power for power in (1, 2, 3, 4) for digit in (1, 2, 5)]
    day.rows = day.rows[: max(limit for limit in limits if limit < 0.8 * len(day.rows))]
