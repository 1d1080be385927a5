"""Read a contract (schema.yaml, ODCS 3.2.0) into a Contract, or say in one sentence what is wrong.

Regular expressions are run by DuckDB, which is RE2: no lookaround, no backreferences,
no possessive or atomic groups, no repeat above 1000. They must compile in Python too.
The shape of the file is checked in contract_shape.py; what it means is checked here.
"""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from event_data.contract.model import (
    NEEDED_ROLES,
    ROLES,
    Anonymisation,
    Column,
    Contract,
    Event,
    Field,
    Key,
    Order,
    Value,
)
from event_data.contract.rules import arguments_of, read_rules
from event_data.contract.shape import CUSTOM, check_shape, regexp
from event_data.contract.yaml_nodes import Node, near, read_yaml, show
from event_data.money import Currency

_SECONDS = {"s": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hr": 3600, "hour": 3600}
_SECONDS |= {"d": 86_400, "day": 86_400, "w": 604_800, "week": 604_800, "y": 31_536_000, "year": 31_536_000}


def load_contract(path: Path, known_checks: Collection[str] = ()) -> Contract:
    """Read the contract at `path`; custom rules must name one of `known_checks`, if there are any.

    Raise ContractError, whose text is one sentence: file, line, key, what to do.
    """
    root = read_yaml(path)
    check_shape(root, "contract")
    tables = list(root.each("schema"))
    if len(tables) != 1:
        what = "describes no table" if not tables else f"describes {len(tables)} tables"
        raise (root.get("schema") or root).error(f"{what}; keep one table a contract")
    table, custom = tables[0], _custom(root)
    names, columns = _columns(table)
    events = _events(custom.get("events"))
    roles = _roles(root, custom.get("columnRoles"), names)
    order, sla = _order(custom.get("order"), events), _sla(root)
    contract = Contract(
        path=path,
        id=str(root.plain("id")),
        file_name=_file_name(table),
        delimiter=_delimiter(custom.get("delimiter")),
        currency=_currency(custom.get("currency")),
        time_zone=_time_zone(table, custom.get("columnRoles")),
        columns=columns,
        roles=roles,
        values=_values(roles, order),
        events=events,
        own_hosts=_hosts(custom.get("ownHosts")),
        payment_hosts=_hosts(custom.get("paymentProviders")),
        order=order,
        anonymisation=_anonymisation(custom.get("anonymisation")),
        additional_columns=custom["additionalColumns"].value if "additionalColumns" in custom else "report",
        rules=tuple(read_rules(table, known_checks)),
        sla=sla,
        latency=_latency(root, sla),
        ignored_files=tuple(
            str(entry.value) for entry in (custom["ignoreFiles"].value if "ignoreFiles" in custom else ())
        ),
        **_transformation(custom.get("transformation")),
    )
    _check_events(contract, custom)
    return contract


def _custom(root: Node) -> dict[str, Node]:
    """The values of the contract's customProperties that are ours; another `vendor`'s are left alone."""
    found: dict[str, Node] = {}
    for entry in root.each("customProperties"):
        name, value = entry.plain("property"), entry.get("value")
        if entry.get("vendor") is not None or value is None:
            continue
        if name not in CUSTOM:
            advice = f"{near(name, CUSTOM)} (another tool's needs a `vendor`)"
            raise entry.error(f"unknown property {show(name)}; {advice}")
        if name in found:
            raise entry.error(f"{show(name)} stands here twice; keep one")
        check_shape(value, CUSTOM[name])
        found[name] = value
    return found


def _file_name(table: Node) -> str:
    """The pattern of a day's file name, which must tell the day."""
    node = table.get("physicalName")
    if node is None:
        raise table.error("`physicalName` is missing; give a day's file name, such as events_%Y%m%d.csv")
    pattern, probe = str(node.value), date(2023, 11, 28)
    try:
        told = datetime.strptime(probe.strftime(pattern), pattern).date() == probe
    except (ValueError, re.error, OverflowError):
        told = False
    if not told or not pattern.isprintable() or "/" in pattern or "\\" in pattern:
        raise node.error(f"{show(pattern)} does not tell a file's day; write one like events_%Y%m%d.csv")
    return pattern


def _delimiter(node: Node | None) -> str:
    value = "," if node is None else node.value
    if node is not None and (len(value) != 1 or not value.isascii() or value.isalnum() or value in "\"'\r\n\0 "):
        raise node.error(f'{show(value)} is no delimiter; write one character in quotes, such as ";"')
    return str(value)


def _currency(node: Node | None) -> Currency:
    sign = "$" if node is None else str(node.value)
    if node is not None and not re.fullmatch(r"[^\W\d_]{1,4}|[^\w\s<>&\"'\\`*|~\[\]#{}%]{1,4}|[A-Z]{1,2}[$]", sign):
        raise node.error(f"{show(sign)} is no sign of a currency; write one such as $, € or CHF")
    return Currency(sign + " " * sign[-1].isalpha())


def _time_zone(table: Node, roles: Node | None) -> str:
    """The `defaultTimezone` of the time column; UTC where none is said."""
    time = roles.plain("time") if roles is not None else None
    column = next((node for node in table.each("properties") if node.plain("name") == time), None)
    options = column.get("logicalTypeOptions") if column is not None else None
    node = options.get("defaultTimezone") if options is not None else None
    if node is None or node.value in ("UTC", "Etc/UTC"):
        return "UTC"
    import duckdb  # it knows the zones on every machine

    if not duckdb.execute("select count(*) from pg_timezone_names() where name = ?", [node.value]).fetchall()[0][0]:
        raise node.error(f"{show(node.value)} is no time zone; write one such as Europe/Berlin")
    return str(node.value)


def _columns(table: Node) -> tuple[dict[str, str], tuple[Column, ...]]:
    """The columns, and for each property's name the column's: a `physicalName` is what the header says."""
    claimed: dict[str, str] = {}
    names: dict[str, str] = {}
    columns: list[Column] = []
    for node in table.each("properties"):
        name = str(node.plain("physicalName", node.plain("name")))
        synonyms = [entry.get("synonym") or entry for entry in node.each("synonyms")]
        for spelt, where in [(name, node), *((str(synonym.value), synonym) for synonym in synonyms)]:
            if not spelt.strip() or any(ord(c) < 32 or c in "\x7f\x85\u2028\u2029" for c in spelt):
                raise where.error("a column's name may not be empty or hold line breaks; rename it")
            owner = claimed.setdefault(spelt.casefold(), name)
            if owner != name or (where is node and name in names.values()):
                raise where.error(f"{show(spelt)} is column {show(owner)} already; take one out")
        names[str(node.plain("name"))] = name
        low, high, length = _bounds(node)
        columns.append(Column(
            name, node.plain("logicalType", "string"), node.plain("required", False),
            tuple(dict.fromkeys(str(synonym.value) for synonym in synonyms)), _pattern(node), _allowed(node),
            low, high, length, node.line,
        ))  # fmt: skip
    if not columns:
        raise table.error("`properties` is empty; describe at least the columns that have a role")
    return names, tuple(columns)


def _roles(root: Node, node: Node | None, names: Mapping[str, str]) -> Mapping[str, str]:
    if node is None:
        needed = ", ".join(NEEDED_ROLES)
        raise root.error(f"no column has a role; add the custom property `columnRoles` with {needed}")
    roles: dict[str, str] = {}
    for role in ROLES:
        entry = node.get(role)
        if entry is None:
            continue
        if entry.value not in names:
            raise entry.error(f"there is no column {show(entry.value)}; {near(entry.value, names)}")
        if names[entry.value] in roles.values():
            raise entry.error(f"the column {show(entry.value)} has a role already; give each its own")
        roles[role] = names[entry.value]
    return MappingProxyType(roles)


def _pattern(node: Node) -> str | None:
    """What a value looks like: the option `pattern`, or an argument of the rule for invalid values."""
    options, told = node.get("logicalTypeOptions"), arguments_of(node).get("pattern")
    own = None if options is None else options.get("pattern")
    if own is not None and told is not None:
        raise told.error("the column has a `pattern` already; keep one")
    return regexp(told if own is None else own)


def _allowed(node: Node) -> tuple[str, ...]:
    """The values that there may be: `enum`, or `validValues` of the rule for invalid values."""
    told = arguments_of(node).get("validValues")
    entries = [*node.each("enum")]
    if told is not None:
        if entries:
            raise told.error("the column has an `enum` already; keep one")
        entries = told.value
    values: dict[str, None] = {}
    for entry in entries:
        value = entry.plain("value") if isinstance(entry.value, dict) else entry.value
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if text in values:
            raise entry.error(f"the value {show(text)} stands here twice; keep one")
        values[text] = None
    return tuple(values)


def _bounds(node: Node) -> tuple[float | None, float | None, int | None]:
    """Smallest and largest value (of numbers), and longest text."""
    options = node.get("logicalTypeOptions")
    if options is None:
        return None, None, None
    for less, more in (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems")):
        low, high = options.plain(less), options.plain(more)
        if low is not None and high is not None and low > high:
            raise (options.get(less) or options).error(f"{low} is above {more} {high}; no value is valid")
    low = _bound(options, "minimum", "exclusiveMinimum", math.inf)
    high = _bound(options, "maximum", "exclusiveMaximum", -math.inf)
    if low is not None and high is not None and low > high:
        raise options.error("the minimum is above the maximum; no value could be valid")
    return low, high, options.plain("maxLength")


def _bound(options: Node, closed: str, opened: str, inwards: float) -> float | None:
    """A bound that includes itself; an exclusive one becomes the next number there is."""
    bounds = [options.plain(closed)]
    if isinstance(exclusive := options.plain(opened), int | float):
        bounds.append(math.nextafter(float(exclusive), inwards))
    numbers = [float(bound) for bound in bounds if isinstance(bound, int | float)]
    return (max(numbers) if inwards > 0 else min(numbers)) if numbers else None


def _events(node: Node | None) -> tuple[Event, ...]:
    events: list[Event] = []
    claimed: set[str] = set()
    for entry in node.value if node is not None else ():
        name, role = str(entry.plain("name")), entry.plain("role")
        synonyms = tuple(str(synonym.plain("synonym")) for synonym in entry.each("synonyms"))
        for spelt in (name, *synonyms):
            if spelt in claimed:
                raise entry.error(f"{show(spelt)} is an event already; a name belongs to one event")
            claimed.add(spelt)
        if role is not None and role in [event.role for event in events]:
            raise entry.error(f"the role {role} is taken; list this name under the other event's `synonyms`")
        keys: dict[str, Key] = {}
        for key, where in _keys(entry.each("payload"), ""):
            if key.path in keys:
                raise where.error(f"the key {show(key.path)} stands here twice; keep one")
            keys[key.path] = key
        events.append(Event(name, synonyms, role, tuple(keys.values())))
    return tuple(events)


def _keys(nodes: Iterator[Node], above: str) -> Iterator[tuple[Key, Node]]:
    """The payload's keys, flattened, each parent before its children."""
    for node in nodes:
        name = node.plain("name")
        if not name or re.search(r'[.\[\]"\x00-\x1f]', name):
            raise node.error('a payload key may not be empty or hold . [ ] " or line breaks; leave it out')
        yield from _key(node, above + name)


def _key(node: Node, path: str) -> Iterator[tuple[Key, Node]]:
    if (rules := node.get("quality")) is not None:
        raise rules.error("is not run for a payload key; say `required`, `enum` or `logicalTypeOptions` instead")
    low, high, _ = _bounds(node)
    logical = node.plain("logicalType", "string")
    required = node.plain("required", False)
    yield Key(path, logical, required, _pattern(node), _allowed(node), low, high), node
    yield from _keys(node.each("properties"), path + ".")
    if (items := node.get("items")) is not None:
        nested = items.get("properties") is not None or items.get("items") is not None
        found = _key(items, path + "[]")
        for key, where in found:
            if key.path != path + "[]" or not nested:  # `items[]` itself is a key only of plain values
                yield key, where


def _order(node: Node | None, events: tuple[Event, ...]) -> Order | None:
    if node is None:
        return None
    event = next((event for event in events if event.role == "order"), None)
    if event is None:
        raise node.error("no event has the role order; give one `role: order`, or take this out")
    paths = [key.path for key in event.payload]
    of_lines = ("lineId", "lineName", "lineVariant", "lineQuantity", "lineAmount")
    for part in ("transactionId", "amount", "customer", "lines", *of_lines):
        entry = node.get(part)
        if entry is not None and not re.fullmatch(r'[^"\\\x00-\x1f]+', entry.value):
            raise entry.error(f"{show(entry.value)} is not the path of a payload key; write one such as order.id")
        if entry is not None and paths and entry.value not in paths:
            raise entry.error(f"{show(entry.value)} is no key of {event.name!r}; {near(entry.value, paths)}")
        if entry is not None and part in of_lines:
            lines = node.plain("lines")
            if lines is None or not entry.value.startswith(f"{lines}[]."):
                raise entry.error("must stand below `lines`, such as items[].price; correct one of the two")
    return Order(
        transaction_id=node.plain("transactionId"),
        amount=node.plain("amount"),
        customer=node.plain("customer"),
        lines=node.plain("lines"),
        line_id=node.plain("lineId"),
        line_name=node.plain("lineName"),
        line_variant=node.plain("lineVariant"),
        line_amount=node.plain("lineAmount"),
        line_quantity=node.plain("lineQuantity"),
        line_amount_is=node.plain("lineAmountIs", "line"),
        checkout_token=regexp(node.get("checkoutToken"), groups=1),
        duplicates=node.plain("duplicates", "resubmission"),
        possible_duplicates=node.plain("possibleDuplicates", "both"),
        confirmation_path=node.plain("confirmationPath"),
    )


def _values(roles: Mapping[str, str], order: Order | None) -> Mapping[str, Value]:
    """Return where the value of each role stands."""
    values: dict[str, Value] = {role: Field(column) for role, column in roles.items()}
    paths = {
        "transaction_id": order and order.transaction_id,
        "amount": order and order.amount,
        "customer": order and order.customer,
        "lines": order and order.lines,
    }
    if "payload" in roles:
        values |= {role: Field(roles["payload"], _path(path)) for role, path in paths.items() if path}
    return MappingProxyType(values)


def _path(text: str) -> tuple[str | int, ...]:
    """Return the keys and indexes of a path such as `orders[0].id`."""
    steps: list[str | int] = []
    for part in text.split("."):
        name, *indexes = re.split(r"\[(\d+)\]", part)
        steps += [name, *(int(index) for index in indexes if index)]
    return tuple(steps)


def _transformation(node: Node | None) -> dict[str, Any]:
    """Return what the contract says of sessions, windows and refusals, by the field of Contract."""
    if node is None:
        return {}
    names = {"sessionGapMinutes": "session_gap_minutes", "windowDays": "window_days"}
    names |= {"mostClientsOfAPerson": "most_clients_of_a_person"}
    settings: dict[str, Any] = {}
    for key, name in names.items():
        if (entry := node.get(key)) is not None:
            if not 1 <= entry.value <= 10**6:
                raise entry.error("must be at least 1, and at most a million")
            settings[name] = entry.value
    if (entry := node.get("mostRefusedPercent")) is not None:
        if not 0 <= entry.value <= 100:
            raise entry.error(f"{entry.value} is not a percentage; write one from 0 to 100")
        settings["most_refused"] = entry.value / 100
    return settings


def _anonymisation(node: Node | None) -> Anonymisation | None:
    if node is None:
        return None
    hidden = regexp(node.get("queryValue")), regexp(node.get("foreignHost"))
    if hidden == (None, None):
        raise node.error("names neither `queryValue` nor `foreignHost`; add one, or take this out")
    return Anonymisation(*hidden, plain_hosts=_hosts(node.get("plainHosts")))


def _hosts(node: Node | None) -> tuple[str, ...]:
    hosts: dict[str, None] = {}
    for entry in node.value if node is not None else ():
        if not re.fullmatch(r"[\w-]+(\.[\w-]+)*(\.\*|:\d+)?", entry.value):
            raise entry.error(f"{show(entry.value)} is no host; write it alone, such as shop.example")
        hosts[entry.value.lower()] = None
    return tuple(hosts)


def _check_events(contract: Contract, custom: Mapping[str, Node]) -> None:
    """The events and the values that the event column allows must agree."""
    column = contract.column_of("event")
    allowed = column.allowed if column else ()
    nodes = custom["events"].value if "events" in custom else ()
    for event, node in zip(contract.events, nodes, strict=True):
        for name in (event.name, *event.synonyms):
            if allowed and name not in allowed:
                where = show(contract.roles["event"])
                raise node.error(f"the `enum` of {where} lacks {show(name)}; add it there, or correct it here")
    if "payload" not in contract.roles and any(event.payload for event in contract.events):
        raise custom["columnRoles"].error("events have a payload, but no column has the role; add `payload:`")


def _sla(root: Node) -> Mapping[str, Any]:
    """Service levels by name, each the first of its name; with a unit of time as a timedelta."""
    levels: dict[str, Any] = {}
    for node in root.each("slaProperties"):
        value, unit = node.plain("value"), str(node.plain("unit", "")).lower()
        seconds = _SECONDS.get(unit) or _SECONDS.get(unit.removesuffix("s"))
        if seconds and isinstance(value, int | float) and not isinstance(value, bool):
            if not 0 <= value * seconds <= 10**11:
                raise node.error(f"{value} {unit} is no span of time; correct it")
            value = timedelta(seconds=value * seconds)
        levels.setdefault(node.plain("property"), value)
    return MappingProxyType(levels)


def _latency(root: Node, sla: Mapping[str, Any]) -> timedelta:
    """Return how long after a day's end its file is due; no time where the contract says nothing."""
    value = sla.get("latency", timedelta())
    if not isinstance(value, timedelta):
        node = next(node for node in root.each("slaProperties") if node.plain("property") == "latency")
        raise node.error(f"the latency {value} is not a span of time; write `value: 6` and `unit: h`")
    return value
