"""The first half of the reference of part 2: each record of the files as an event with its evidence.

Device, browser and operating system are left out. See attribution_reference.py, and source_reference.py for evidence.
"""

import csv
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from crawleruseragents import is_crawler as is_crawler_slowly
from source_reference import Row, Shop, evidence_of, host_of, parameters, value_of
from source_reference import hidden_host as hidden_host
from source_reference import hidden_value as hidden_value

from event_data.events import PLACEHOLDERS

CENT = Decimal("0.01")
TIME = re.compile(
    r"([0-9]{4})([-/]?)([0-9]{2})\2([0-9]{2})[T ]([0-9]{1,2}):?([0-9]{2})(?::?([0-9]{2})(?:[.,]([0-9]+))?)?"
    r"\s*([AaPp][Mm])?\s*(Z|UTC|[+-][0-9]{2}(?::?(?:00|15|30|45))?)?"
)
NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")
NO_IDS = {*PLACEHOLDERS, "00000000-0000-0000-0000-000000000000", "\\n"}  # in lower case
# Events of one moment happened in this order; what is no step of the funnel comes last.
STEPS = ("page_view", "signup", "cart", "checkout", "order")
OFFERED_VALUES = ("source", "medium", "campaign", "channel")


# ---- one record


@cache
def is_crawler(agent: str) -> bool:
    """Whether the list of the package crawler-user-agents has it; its patterns are case-sensitive."""
    return bool(is_crawler_slowly(agent))


def event_time(text: str | None) -> datetime | None:
    """A time of any ISO 8601 form in UTC, of 1970 to 2261; without an offset it is UTC."""
    found = TIME.fullmatch((text or "").strip(" "))
    if not found:
        return None
    year, _, month, day, hour, minute, second, fraction, half, offset = found.groups()
    clock = int(hour)
    if half:
        if not 1 <= clock <= 12:
            return None
        clock = clock % 12 + 12 * (half.lower() == "pm")
    elif len(hour) == 1:
        return None
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    try:
        at = datetime(int(year), int(month), int(day), clock, int(minute), int(second or 0), micro)
    except ValueError:
        return None
    if offset and offset[0] in "+-":
        away = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:].lstrip(":") or 0))
        at += away if offset[0] == "-" else -away
    return at if datetime(1970, 1, 1) <= at <= datetime(2262, 1, 1) else None


def payload_text(payload: str | None, path: str | None) -> str | None:
    """The text of a key of a payload; JSON that does not parse is no payload, and empty text is nothing."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        value = json.loads(payload or "", parse_int=str, parse_float=str, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None
    for key in (path or "").split("."):
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return str(value).lower()
    return value if value and isinstance(value, str) else None


def money(text: str | None) -> Decimal | None:
    """Dollars as decimal(12,2), if the text is a number that fits."""
    if not text or not NUMBER.fullmatch(text):
        return None
    amount = Decimal(text)
    amount = amount.quantize(CENT, ROUND_HALF_UP) if abs(amount) < 10**10 else amount
    return amount if abs(amount) < 10**10 else None


# ---- the files


def days_of(shop: Shop, files: Iterable[Path]) -> dict[date, list[Path]]:
    """The files of each day, the first day first; what has another name is no file of the shop."""
    days: dict[date, list[Path]] = defaultdict(list)
    for path in files:
        if named := shop.file_name.fullmatch(path.name):
            with suppress(ValueError):
                days[datetime.strptime(named[1], shop.own_name).date()].append(path)
    return dict(sorted(days.items()))


def without_second_deliveries(paths: Sequence[Path], own: str) -> list[Path | None]:
    """A day's files by number, None for a second delivery: half of it stands in another, which counts.

    Of the two the one with the exact name counts, else the newer.
    """
    lines = {path: path.read_text("utf-8").split("\n") for path in paths}
    rows = {path: Counter(line for line in text[1:] if line) for path, text in lines.items()}
    counting: list[Path] = []
    for path in sorted(paths, key=lambda p: (p.name != own, -p.stat().st_mtime_ns)):
        for other in counting:
            small, large = sorted((path, other), key=lambda p: rows[p].total())
            shared = sum(count for line, count in rows[small].items() if line in rows[large])
            if shared and 2 * shared >= rows[small].total():
                break
        else:
            counting.append(path)
    return [path if path in counting else None for path in paths]


def received(shop: Shop, files: Sequence[Path]) -> Iterator[tuple[Row, dict[str, str | None] | None]]:
    """Every record with its place, and its values by the contract's columns; None if the fields do not fit."""
    for day, paths in days_of(shop, files).items():
        own = f"{day:{shop.own_name}}.csv"
        numbered = without_second_deliveries(sorted(paths, key=lambda p: (p.name != own, p.name)), own)
        for delivery, path in enumerate(numbered):
            if path is None:
                continue
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(file, delimiter=shop.contract.delimiter)
                header = next(reader, [])
                line = reader.line_num + 1
                for cells in reader:
                    number = int(f"{day:%Y%m%d}") * 10**11 + delivery * 10**8 + line
                    place = {"event_id": number, "source_file": path.name, "line": line}
                    line = reader.line_num + 1
                    if len(cells) == len(header):
                        yield place, named_values(shop, dict(zip(header, cells, strict=True)))
                    elif cells:  # a blank line is no record
                        yield place, None


def named_values(shop: Shop, record: dict[str, str]) -> dict[str, str | None]:
    """The contract's column, else its synonyms; and, as tracked, what its own column alone held."""
    values: dict[str, str | None] = {}
    for column in shop.contract.columns:
        values[column.name] = next((record[name] for name in column.names if record.get(name)), None)
    return values | {"as tracked": record.get(shop.contract.roles["client"]) or None}


def read_events(shop: Shop, files: Sequence[Path]) -> tuple[list[Row], list[Row]]:
    """The events that are left, and the rejected records with the first reason that applies."""
    events: list[Row] = []
    rejected: list[Row] = []
    seen: set[tuple[str | None, ...]] = set()
    for place, values in received(shop, files):
        event = event_of(shop, place["event_id"], values) if values else None
        key = tuple(values[column.name] for column in shop.contract.columns) if values else ()
        if event is None:
            reason = "unreadable record"
        elif event["event_name"] is None:
            reason = "no event name"
        elif event["event_at"] is None:
            reason = "no readable time"
        elif key in seen:
            reason = "exact repeat"
        else:
            seen.add(key)
            events.append(event)
            continue
        rejected.append(place | {"reason": reason, "revenue": event["revenue"] if event else None})
    return events, rejected


def event_of(shop: Shop, event_id: int, values: dict[str, str | None]) -> Row:
    """A row of silver.events."""

    def get(role: str) -> str | None:
        return values.get(shop.contract.roles.get(role, ""))

    at, page, agent = event_time(get("time")), get("page"), get("user_agent")
    role = shop.contract.event_roles.get(get("event") or "", "other")
    address = (page or "").partition("#")[0].partition("?")[0]
    host, slash, path = address.partition("://")[2].partition("/")
    query = parameters(page or "")
    referrer = (get("referrer") or "").partition("://")[2]
    clicked = [row["parameter"] for row in shop.click_ids if value_of(shop, query, row["parameter"])]
    token = re.search(shop.order.checkout_token, page or "") if shop.order and shop.order.checkout_token else None

    def payload(key: str) -> str | None:
        return payload_text(get("payload"), getattr(shop.order, key, None))

    event: Row = {
        "event_id": event_id,
        "client_id": get("client"),
        "client_id_as_tracked": values["as tracked"],
        "event_at": at,
        "event_date": at.date() if at else None,
        "event": role,
        "event_name": get("event"),
        "host": host.lower() or None,
        "path": slash + path or "/" if "://" in address else None,
        "utm_source": value_of(shop, query, "utm_source"),
        "utm_medium": value_of(shop, query, "utm_medium"),
        "utm_campaign": value_of(shop, query, "utm_campaign"),
        "click_id": clicked[0] if clicked else None,
        "referrer_host": re.split("[/?#]", referrer)[0].lower() or None,
        "is_bot": bool(agent and is_crawler(agent)),
        "transaction_id": payload("transaction_id") if role == "order" else None,
        "revenue": money(payload("amount")) if role == "order" else None,
        "customer": payload("customer") if role in ("order", "signup") else None,
        "checkout_token": token[1] or None if token else None,
    }
    source, medium, campaign = touch_of(shop, event) or (None, None, None)
    channel = channel_of(shop, source, medium, campaign) if source is not None and medium else None
    return event | {"source": source, "medium": medium, "campaign": campaign, "channel": channel}
