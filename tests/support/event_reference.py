"""The first half of the reference of part 2: the contract, the seeds, and each record as an event with its touch.

Device, browser and operating system are left out. See attribution_reference.py.
"""

import csv
import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any

from crawleruseragents import is_crawler as is_crawler_slowly

from event_data.contract import Contract, Order, load_contract

Row = dict[str, Any]
CENT = Decimal("0.01")
TIME = re.compile(
    r"([0-9]{4})([-/]?)([0-9]{2})\2([0-9]{2})[T ]([0-9]{1,2}):?([0-9]{2})(?::?([0-9]{2})(?:[.,]([0-9]+))?)?"
    r"\s*([AaPp][Mm])?\s*(Z|UTC|[+-][0-9]{2}(?::?(?:00|15|30|45))?)?"
)
NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")
SHOP = re.compile(r"^(.*(([^a-df-z]|^)shop|shopping).*)$")
PAID = re.compile(r"^(.*cp.*|ppc|retargeting|paid.*)$")
VIDEO = re.compile(r"^(.*video.*)$")
EMAIL = ("email", "e-mail", "e_mail", "e mail")
SOCIAL = ("social", "social-network", "social-media", "sm", "social network", "social media")


@dataclass
class Shop:
    """What the contract and the seeds say."""

    contract: Contract
    order: Order | None
    file_name: re.Pattern[str]
    own_name: str
    categories: dict[str, str] = field(default_factory=dict)  # source -> SEARCH, SOCIAL, ...
    terms: dict[str, str] = field(default_factory=dict)  # hash of a variant -> term
    hosts: dict[str, str] = field(default_factory=dict)  # known host or its hash -> source
    hidden_providers: set[str] = field(default_factory=set)
    click_ids: list[Row] = field(default_factory=list)
    overrides: list[Row] = field(default_factory=list)


def read_contract(path: Path) -> Shop:
    """The contract, and the names of its files."""
    contract = load_contract(path)
    stem = contract.file_name.removesuffix(".csv")
    digits = {"%Y": "[0-9]{4}", "%m": "[0-9]{2}", "%d": "[0-9]{2}"}
    name = "".join(digits.get(part, re.escape(part)) for part in re.split("(%[Ymd])", stem))
    return Shop(contract, contract.order, re.compile(f"({name})(?:-[0-9]+| \\([0-9]+\\))?\\.csv"), stem)


def seed_rows(folder: Path, name: str) -> list[Row]:
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_seeds(shop: Shop, folder: Path) -> None:
    """Fill the seeds into the shop, with every hash that a standard term or a provider may hide behind."""
    sources = seed_rows(folder, "sources.csv")
    shop.categories = {row["source"].lower(): row["category"] for row in sources}
    terms = [row["source"] for row in sources] + [row["medium"] for row in seed_rows(folder, "media.csv")]
    terms += [row["source"] for row in seed_rows(folder, "click_ids.csv")]
    for term in sorted(terms, key=str.lower, reverse=True):  # the alphabetically first is put in last
        for variant in (term, term.lower(), term.upper(), term[:1].upper() + term[1:].lower()):
            shop.terms[hidden_value(variant)] = term.lower()
    shop.hosts = known_hosts(folder, shop.contract.hides_hosts)
    if shop.contract.hides_hosts:
        prefixes = ["", *(row["prefix"] for row in seed_rows(folder, "host_prefixes.csv"))]
        shop.hidden_providers = {hidden_host(prefix + p) for prefix in prefixes for p in shop.contract.payment_hosts}
    shop.click_ids = sorted(seed_rows(folder, "click_ids.csv"), key=lambda row: int(row["priority"]))
    shop.overrides = seed_rows(folder, "channel_overrides.csv")


@cache
def known_hosts(folder: Path, hides_hosts: bool) -> dict[str, str]:
    """The source of every known host, and of its hash: an alias first, else the shortest, then by the alphabet."""
    prefixes = ["", *(row["prefix"] for row in seed_rows(folder, "host_prefixes.csv"))]
    endings = [row["ending"] for row in seed_rows(folder, "host_endings.csv")]
    aliases = seed_rows(folder, "host_aliases.csv")
    known = [((0, 0, ""), row["host"].lower(), row["source"].lower()) for row in aliases]
    for row in seed_rows(folder, "sources.csv"):
        source = row["source"].lower()
        # Search engines have a host in every country; the list names the hosts of the others.
        ends = [""] if "." in source else endings if row["category"] == "SEARCH" else []
        for prefix in prefixes:
            for ending in ends:
                known.append(((1, len(source), source), (prefix + source + ending).lower(), source))
    hosts = {}
    for _, host, source in sorted(known, reverse=True):  # the best fit is put in last
        hosts[host] = source
        if hides_hosts:
            hosts[hidden_host(host)] = source
    return hosts


def hidden_value(value: str) -> str:
    return hashlib.md5(value.encode()).hexdigest()[:6].upper()


def hidden_host(host: str) -> str:
    return f"source-{hashlib.md5(host.encode()).hexdigest()[:8]}.com"


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


def parameters(page: str) -> dict[str, str]:
    """Name and value of each parameter, of the first occurrence only; what is empty stays out later."""
    found: dict[str, str] = {}
    for pair in page.partition("#")[0].partition("?")[2].split("&"):
        name, _, value = pair.partition("=")
        found.setdefault(name, value)
    return found


def value_of(shop: Shop, query: dict[str, str], name: str) -> str | None:
    value = query.get(name, "")
    if not value or (shop.contract.hides_values and value == hidden_value("")):
        return None
    return value.replace("+", " ").replace("%20", " ")


def revealed(shop: Shop, value: str | None) -> str | None:
    """The standard term whose hash this is; any other value as it stands."""
    return shop.terms.get(value, value) if shop.contract.hides_values and value else value


def is_below(host: str, hosts: Iterable[str]) -> bool:
    return any(host == one or host.endswith("." + one) for one in hosts)


def touch_of(shop: Shop, event: Row) -> tuple[str, str, str | None] | None:
    """Source, medium and campaign: by UTM parameters, else click id, else outside referrer, else none."""
    if event["utm_source"] or event["utm_medium"]:
        source, medium, campaign = (revealed(shop, event["utm_" + name]) for name in ("source", "medium", "campaign"))
        return source or "(not set)", medium or "(not set)", campaign
    for row in shop.click_ids:
        if row["parameter"] == event["click_id"]:
            return row["source"], row["medium"], None
    host = event["referrer_host"]
    if not host or is_below(host, shop.contract.own_hosts):
        return None
    if is_below(host, shop.contract.payment_hosts) or host in shop.hidden_providers:
        return None
    source = shop.hosts.get(host)
    if source is None:
        return host.removeprefix("www."), "referral", None
    medium = {"SEARCH": "organic", "AI": "ai-assistant"}.get(shop.categories.get(source, ""), "referral")
    return source, medium, None


def channel_of(shop: Shop, source: str, medium: str, campaign: str | None) -> str:
    """The owner's overrides, then the table of channels in its order."""
    s, m, c = source.lower(), medium.lower(), (campaign or "").lower()
    for row in shop.overrides:
        if row["source"].lower() == s and row["medium"].lower() in ("", m):
            return str(row["channel"])
    category = shop.categories.get(s)
    is_paid, is_shopping = bool(PAID.match(m)), category == "SHOPPING" or bool(SHOP.match(c))
    rules = [
        ("Direct", s == "(direct)" and m in ("(none)", "(not set)")),
        ("Cross-network", "cross-network" in c),
        ("Paid Shopping", is_shopping and is_paid),
        ("Paid Search", category == "SEARCH" and is_paid),
        ("Paid Social", category == "SOCIAL" and is_paid),
        ("Paid Video", category == "VIDEO" and is_paid),
        ("Display", m in ("display", "banner", "expandable", "interstitial", "cpm")),
        ("Paid Other", is_paid),
        ("Organic Shopping", is_shopping),
        ("Organic Social", category == "SOCIAL" or m in SOCIAL),
        ("Organic Video", category == "VIDEO" or bool(VIDEO.match(m))),
        ("AI Assistant", category == "AI" or m == "ai-assistant"),
        ("Organic Search", category == "SEARCH" or m == "organic"),
        ("Referral", m in ("referral", "app", "link")),
        ("Email", s in EMAIL or m in EMAIL),
        ("Affiliates", m in ("affiliate", "affiliates")),
        ("Audio", m == "audio"),
        ("SMS", "sms" in (s, m)),
        ("Mobile Push Notifications", m.endswith("push") or "mobile" in m or "notification" in m or s == "firebase"),
    ]
    return next((channel for channel, applies in rules if applies), "Unassigned")


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
