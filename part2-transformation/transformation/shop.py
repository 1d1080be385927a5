"""What the contract says of the shop, as the pieces of SQL that transform.sql leaves open in {braces}."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import duckdb
import yaml

from event_data.sql import identifier, json_path, literal

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # safe either way; in C it takes an eighth of the time
ROLES = ("client", "page", "referrer", "time", "event", "payload", "user_agent")
_SAYS_WHERE = "validate_dataframework.py --contract"
_NO_PATHS = ("lineAmountIs", "checkoutToken", "confirmationPath", "duplicates")
# The words of a contract that are read here. A near miss of one is refused: it would leave ids unhealed, or no order.
_COLUMN = ("name", "physicalName", "synonyms", "logicalTypeOptions")
_EVENT = ("name", "role", "synonyms")
_EVENT_ROLES = ("page_view", "signup", "cart", "checkout", "order")
_ORDER = (
    "transactionId", "amount", "customer", "lines", "lineId", "lineName", "lineVariant", "lineAmount", "lineQuantity",
    *_NO_PATHS,
)  # fmt: skip
_CUSTOM = (
    "columnRoles", "events", "ownHosts", "paymentProviders", "anonymisation", "order", "delimiter", "currency",
    "transformation",
)  # fmt: skip
NULL = "cast(null as varchar)"


class ShopError(Exception):
    """A contract that cannot be used; the message is one sentence for the user."""


@dataclass(frozen=True)
class Shop:
    """The parts of a contract that a transformation needs.

    `columns` maps each contract column to its name and synonyms; `roles` maps a role to its column;
    `events` maps an event's name to its role; `order` has the payload paths under the contract's own
    keys; lengths of time are in minutes (session gap) and days (attribution window).
    """

    id: str
    file_name: str
    columns: Mapping[str, tuple[str, ...]]
    roles: Mapping[str, str]
    events: Mapping[str, str]
    own_hosts: tuple[str, ...]
    payment_providers: tuple[str, ...]
    hides_values: bool
    hides_hosts: bool
    order: Mapping[str, str]
    delimiter: str
    currency: str  # what stands before an amount
    time_zone: str  # of the files' days, and of times without an offset
    session_gap_minutes: int = 30
    window_days: int = 7
    most_clients_of_a_person: int = 5


def load_shop(path: Path) -> Shop:
    """Read an ODCS contract; raises ShopError for one that is no contract or lacks what is needed here.

    The validator checks a contract in full, to the line; here only what is read is looked at.
    """
    try:
        document = yaml.load(path.read_text("utf-8"), Loader=LOADER)
        if slip := _misspelt(document):
            raise ShopError(f"{path}: unknown word {slip[0]!r}; did you mean {slip[1]!r}?")
        shop = _shop_of(document)
    except FileNotFoundError:
        raise ShopError(f"{path}: no such contract; name one with --contract.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ShopError(f"{path}: cannot be read ({error}).") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = f", line {mark.line + 1}" if mark else ""
        raise ShopError(f"{path}{at}: is not YAML; {_SAYS_WHERE} {path} says more.") from None
    except KeyError as error:
        raise ShopError(f"{path}: lacks or misspells {error}; {_SAYS_WHERE} {path} says where.") from None
    except (IndexError, TypeError, AttributeError, ValueError):
        raise ShopError(f"{path}: is not a contract; {_SAYS_WHERE} {path} says where.") from None
    paths = {key: path for key, path in shop.order.items() if key not in _NO_PATHS}
    if odd := [key for key, path in paths.items() if not re.fullmatch(r'[^"\\\x00-\x1f]+', str(path))]:
        raise ShopError(f"{path}: the order's {odd[0]} names no key of a payload; {_SAYS_WHERE} {path} says more.")
    if missing := [r for r in ("client", "page", "time", "event") if shop.roles.get(r) not in shop.columns]:
        raise ShopError(f"{path}: columnRoles names no column of the contract for {', '.join(missing)}.")
    return shop


def _shop_of(document: Mapping[str, Any]) -> Shop:
    schema = document["schema"][0]
    custom = {p["property"]: p["value"] for p in document.get("customProperties", [])}
    # what the header says is a property's physicalName, if it has one
    header = {c["name"]: c.get("physicalName") or c["name"] for c in schema["properties"]}
    columns = {
        header[c["name"]]: (header[c["name"]], *(s["synonym"] for s in c.get("synonyms") or []))
        for c in schema["properties"]
    }
    hidden = custom.get("anonymisation") or {}
    events = {}
    for event in custom.get("events", []):
        for name in (event["name"], *(s["synonym"] for s in event.get("synonyms", []))):
            events[name] = event.get("role", "other")
    return Shop(
        id=str(document["id"]),
        file_name=schema["physicalName"],
        columns=columns,
        roles={role: header.get(name, name) for role, name in custom["columnRoles"].items()},
        events=events,
        own_hosts=tuple(h.lower() for h in custom.get("ownHosts", [])),
        payment_providers=tuple(h.lower() for h in custom.get("paymentProviders", [])),
        hides_values="queryValue" in hidden,
        hides_hosts="foreignHost" in hidden,
        order=dict(custom.get("order") or {}),
        delimiter=custom.get("delimiter", ","),
        currency=_currency(custom.get("currency", "$")),
        time_zone=_time_zone(schema["properties"], custom["columnRoles"]["time"]),
        **{_snake(key): int(value) for key, value in (custom.get("transformation") or {}).items()},
    )


def _misspelt(document: Mapping[str, Any]) -> tuple[str, str] | None:
    """A word that is nearly one of those read here, and that one; None if there is none."""
    custom = [p for p in document.get("customProperties") or [] if p.get("vendor") is None]
    values = {p["property"]: p["value"] for p in custom}
    events = values.get("events") or []
    looked_at = [
        *((key, _COLUMN) for column in document["schema"][0]["properties"] for key in column),
        *((p["property"], _CUSTOM) for p in custom),
        *((key, ROLES) for key in values.get("columnRoles") or {}),
        *((key, _EVENT) for event in events for key in event),
        *((event["role"], _EVENT_ROLES) for event in events if event.get("role")),
        *((key, _ORDER) for key in values.get("order") or {}),
    ]
    for word, known in looked_at:
        if word not in known and (near := get_close_matches(str(word), known, 1, 0.8)):
            return str(word), near[0]
    return None


def _currency(sign: str) -> str:
    return sign + " " * sign[-1].isalpha()


def _time_zone(properties: Sequence[Mapping[str, Any]], time: str) -> str:
    """The `defaultTimezone` of the time column; UTC where none is said. Raises ShopError for one that DuckDB lacks."""
    options = next((p.get("logicalTypeOptions") or {} for p in properties if p["name"] == time), {})
    zone = str(options.get("defaultTimezone", "UTC")).removeprefix("Etc/")
    known = "select count(*) from pg_timezone_names() where name = ?"
    if zone != "UTC" and not duckdb.execute(known, [zone]).fetchall()[0][0]:
        raise ShopError(f"the contract's defaultTimezone {zone!r} is no time zone; write one such as Europe/Berlin.")
    return zone


def in_utc(shop: Shop) -> Shop:
    """The shop, for an engine whose time zones nobody has compared with DuckDB's; raises ShopError unless it is UTC."""
    if shop.time_zone != "UTC":
        raise ShopError(
            f"the contract's days are those of {shop.time_zone}, which only --engine duckdb knows; use that."
        )
    return shop


def placeholders(shop: Shop, present: Iterable[str], click_ids: Sequence[str], order_lines: int) -> dict[str, str]:
    """What stands for each {name} of transform.sql.

    present: the columns that bronze.events has; a contract column among them is read, another is null.
    click_ids: the URL parameters, the strongest first. order_lines: the most lines of any order.
    """
    empty = "D41D8C" if shop.hides_values else ""  # upper(md5('')[:6])
    columns = _columns(shop, present)
    return {
        **columns,
        **_clock(shop.time_zone, columns["time"]),
        "values_are_hidden": str(shop.hides_values).lower(),
        "hosts_are_hidden": str(shop.hides_hosts).lower(),
        "empty_value": literal(empty),
        "click_id": _click_id(click_ids, empty),
        **_order(shop),
        "order_lines": str(order_lines),
        "shop": literal(shop.id),
        "currency": literal(shop.currency),
        "time_zone": literal(shop.time_zone),
        "client_column": literal(shop.roles["client"]),
        "referrer_column": literal(shop.roles.get("referrer", "")),
        "known_columns": literal(
            json.dumps([name for names in shop.columns.values() for name in names], ensure_ascii=False)
        ),
        "session_gap_minutes": str(shop.session_gap_minutes),
        "window_days": str(shop.window_days),
        "most_clients_of_a_person": str(shop.most_clients_of_a_person),
    }


def _columns(shop: Shop, present: Iterable[str]) -> dict[str, str]:
    """Each role's column, the first of its names that has a value; and the columns without a role, as one text."""
    there = {name.lower() for name in present}

    def healed(names: Sequence[str]) -> str:
        found = [f"events.{identifier(name)}" for name in names if name.lower() in there]
        if not found:
            return NULL
        return found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"

    others = [healed(names) for name, names in shop.columns.items() if name not in shop.roles.values()]
    return {
        **{role: healed(shop.columns[shop.roles[role]]) if role in shop.roles else NULL for role in ROLES},
        "client_as_tracked": healed([shop.roles["client"]]),
        "other_columns": " || '|' || ".join(f"coalesce({sql}, '')" for sql in others) or NULL,
    }


def _order(shop: Shop) -> dict[str, str]:
    """Where the payload holds an order's values and those of its lines, and how these are to be read."""
    lines = {"item_id": "lineId", "item_name": "lineName", "item_variant": "lineVariant"}
    lines |= {"quantity": "lineQuantity", "line_amount": "lineAmount"}
    paths = {name: shop.order.get(key, "") for name, key in lines.items()}
    return {
        "transaction_id": _payload(shop, "transactionId"),
        "amount": _payload(shop, "amount"),
        "customer": _payload(shop, "customer"),
        "checkout_token": _token(shop.order.get("checkoutToken")),
        "by_transaction_id_alone": str(shop.order.get("duplicates") == "transaction_id").lower(),
        "pieces": "quantity" if shop.order.get("lineAmountIs") == "unit" else "1",
        **{name: _extract(path.replace("[]", "[{n}]")) if "[]" in path else NULL for name, path in paths.items()},
    }


def _clock(zone: str, time: str) -> dict[str, str]:
    """How a time is read, and the suffix that turns UTC into the shop's own clock; both are plain where that is UTC."""
    spaced = f"replace({time}, 'T', ' ')"
    read = "try_cast(cast(plain_time as varchar) as timestamp)"
    if zone == "UTC":
        return {"plain_time": f"replace({spaced}, 'Z', '')", "event_at": read, "in_zone": ""}
    local, utc = f" at time zone {literal(zone)}", " at time zone 'UTC'"
    offset = "(Z|[+-][0-9][0-9](:?[0-9][0-9])?)$"
    return {
        # an offset is no part of it; the dashes of a day alone are none
        "plain_time": f"case when length({time}) > 10 then regexp_replace({spaced}, {literal(offset)}, '') "
        f"else {time} end",
        "event_at": f"case when length(plain_time) < length(time_text) then try_cast(time_text as timestamptz){utc} "
        f"else {read}{local}{utc} end",
        "in_zone": utc + local,
    }  # fmt: skip


def _extract(path: str) -> str:
    return f"json_extract_string(payload, {literal(json_path(path))})"


def _payload(shop: Shop, key: str) -> str:
    return _extract(shop.order[key]) if key in shop.order else NULL


def _token(pattern: str | None) -> str:
    if pattern is None:
        return NULL
    found = f"regexp_extract(received.page_url, {literal(pattern)}, 1)"
    # The plain text that the pattern starts with tells most pages apart at a fraction of the cost.
    start = re.match(r"[A-Za-z0-9/_-]*", pattern)[0]  # type: ignore[index]
    start = start[:-1] if pattern[len(start) : len(start) + 1] in ("?", "*", "{", "|") else start
    if "|" in pattern or len(start) < 3:
        return found
    return f"case when strpos(received.page_url, {literal(start)}) > 0 then {found} end"


def _click_id(parameters: Sequence[str], empty: str) -> str:
    cases = []
    for parameter in parameters:
        needle = literal(f"&{parameter}=")
        value = f"strpos(query, {needle}) + {len(parameter) + 2}"
        cases.append(
            f"when strpos(query, {needle}) > 0 and substr(query, {value}, 1) not in ('', '&') "
            f"and substr(query, {value}, 6) <> {literal(empty)} then {literal(parameter)}"
        )
    return f"case {' '.join(cases)} end" if cases else NULL


def _snake(name: str) -> str:
    return re.sub("(?<!^)([A-Z])", lambda m: "_" + m[1].lower(), name)
