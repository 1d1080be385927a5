"""The first half of the reference of part 2: each record of the files as an event with its evidence.

Device, browser and operating system are left out. See attribution_reference.py, and source_reference.py for evidence.
"""

import csv
import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from crawleruseragents import is_crawler as is_crawler_slowly
from source_reference import Row, Shop, evidence_of, host_of, parameters
from source_reference import hidden_host as hidden_host
from source_reference import hidden_value as hidden_value

from event_data.contract import Order
from event_data.events import PLACEHOLDERS

CENT = Decimal("0.01")
TIME = re.compile(
    r"([0-9]{4})([-/]?)([0-9]{2})\2([0-9]{2})[T ]([0-9]{1,2}):?([0-9]{2})(?::?([0-9]{2})(?:[.,]([0-9]+))?)?"
    r"\s*([AaPp][Mm])?\s*(Z|UTC|[+-][0-9]{2}(?::?(?:00|15|30|45))?)?"
)
NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")
NULLS = {"null", "none", "nan", "(null)", "\\n"}  # in any column, in lower case
NO_IDS = {*PLACEHOLDERS, "00000000-0000-0000-0000-000000000000", "\\n"}  # in lower case
# Events of one moment happened in this order; what is no step of the funnel comes last.
STEPS = ("page_view", "signup", "cart", "checkout", "order")
SOURCE_ROLES = ("source", "medium", "campaign", "channel")


# ---- one record


@cache
def is_crawler(agent: str) -> bool:
    """Return whether the package crawler-user-agents lists the agent; its patterns are case-sensitive."""
    return bool(is_crawler_slowly(agent))


def event_time(text: str | None, zone: str = "UTC") -> datetime | None:
    """Return a time of any ISO 8601 form in UTC, of 1970 to 2261; without an offset it is of the zone.

    A local time that occurs twice in autumn is the second one.
    """
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
    elif not offset:
        at = in_utc(at, zone)
    return at if datetime(1970, 1, 1) <= at <= datetime(2262, 1, 1) else None


def in_utc(local: datetime, zone: str) -> datetime:
    if zone == "UTC":
        return local
    return local.replace(tzinfo=ZoneInfo(zone), fold=1).astimezone(UTC).replace(tzinfo=None)


def payload_text(payload: str | None, path: str | None) -> str | None:
    """Return the text of a payload's key; None if the payload is not valid JSON or the text is empty."""

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
    """Return an amount as decimal(12,2), if the text is a number that fits."""
    if not text or not NUMBER.fullmatch(text):
        return None
    amount = Decimal(text)
    amount = amount.quantize(CENT, ROUND_HALF_UP) if abs(amount) < 10**10 else amount
    return amount if abs(amount) < 10**10 else None


# ---- the files


def days_of(shop: Shop, files: Iterable[Path]) -> dict[date, list[Path]]:
    """Return the files of each day, the first day first; a file with another name is not read."""
    days: dict[date, list[Path]] = defaultdict(list)
    for path in files:
        if named := shop.file_name.fullmatch(path.name):
            with suppress(ValueError):
                days[datetime.strptime(named[1], shop.own_name).date()].append(path)
    return dict(sorted(days.items()))


def without_second_deliveries(paths: Sequence[Path], own: str) -> list[Path | None]:
    """Return a day's files by number, None for a second delivery: half of it is in another file, which counts.

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
    """Yield every record with its place, and its values by the contract's columns; None if its fields do not fit."""
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
    """Return the value of each column, else of its synonyms; and the client's id, healed and as tracked."""
    values: dict[str, str | None] = {}
    for column in shop.contract.columns:
        filled = (record[name] for name in column.names if record.get(name))
        values[column.name] = next((value for value in filled if value.lower() not in NULLS), None)
    ids = [real_id(record.get(name)) for name in shop.contract.names_of("client")]
    return values | {"healed": next(filter(None, ids), None), "as tracked": ids[0]}


def real_id(value: str | None) -> str | None:
    """Return an id; None for a placeholder, which is no id."""
    return value if value and value.lower() not in NO_IDS else None


def read_events(shop: Shop, files: Sequence[Path]) -> tuple[list[Row], list[Row]]:
    """Return the events, and the rejected records with the first reason that applies."""
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
    """Return a row of silver.events."""

    def get(role: str) -> str | None:
        return values.get(shop.contract.roles.get(role, ""))

    at, page, agent = event_time(get("time"), shop.contract.time_zone), get("page") or "", get("user_agent")
    role = shop.contract.event_roles.get(get("event") or "", "other")
    address = page.partition("#")[0].partition("?")[0]
    query, referrer_host = parameters(shop, page), host_of(get("referrer") or "")
    confirmation = shop.order.confirmation_path if shop.order else None
    event: Row = {
        "event_id": event_id,
        "client_id": values["healed"],
        "client_id_as_tracked": values["as tracked"],
        "source_session_id": real_id(get("session")),
        "event_at": at,
        "event_date": local_date(at, shop.contract.time_zone) if at else None,
        "event": role,
        "event_name": get("event"),
        "host": host_of(page),
        "path": "/" + address.partition("://")[2].partition("/")[2] if "://" in address else None,
        "utm_source": query.get("utm_source"),
        "utm_medium": query.get("utm_medium"),
        "utm_campaign": query.get("utm_campaign"),
        "click_id": next((parameter for parameter in shop.click_ids if parameter in query), None),
        "referrer_host": referrer_host,
        "is_bot": bool(agent and is_crawler(agent)),
        "is_confirmation": bool(confirmation and confirmation in page),
        "step": STEPS.index(role) if role in STEPS else len(STEPS),
        "content_hash": hashlib.md5("\x1f".join(value or "" for value in values.values()).encode()).hexdigest(),
    }
    event |= order_values(shop, role, page, get)
    if event["is_confirmation"]:
        query, referrer_host = {}, None
    evidence = evidence_of(shop, query, referrer_host, {name: get(name) for name in SOURCE_ROLES})
    event |= {name: getattr(evidence[0], name) if evidence else None for name in SOURCE_ROLES}
    return event | {"evidence": [one.identity for one in evidence]}


def order_values(shop: Shop, role: str, page: str, get: Callable[[str], str | None]) -> Row:
    """Return an event's transaction id, amount, customer and checkout."""
    order = shop.order or Order()
    token = re.search(order.checkout_token, page) if order.checkout_token else None

    def payload(key: str) -> str | None:
        return payload_text(get("payload"), getattr(order, key))

    is_order, own = role == "order", shop.contract.currency.code
    currency = (payload("currency") or "").strip().upper() if is_order else ""
    other = currency if currency not in ("", own) else None
    return {
        "transaction_id": real_id(payload("transaction_id")) if is_order else None,
        "revenue": money(payload("amount")) if is_order and not other else None,
        "other_currency": other,
        "customer": real_id(payload("customer")) if role in ("order", "signup", "checkout") else None,
        "checkout_token": real_id(get("checkout") or (token[1] if token else None)),
    }


def local_date(at: datetime, zone: str) -> date:
    return at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date()
