"""Read a contract (schema.yaml, ODCS 3.2.0) into a Contract, or report in one sentence what is wrong.

shape.py checks the structure of the file; this module checks its meaning.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from event_data.contract.books import book_of, read_ad_spend, read_order_list
from event_data.contract.model import (
    DIRECTIVES,
    ORDER_ROLES,
    AdSpend,
    Anonymisation,
    Column,
    Contract,
    Event,
    Field,
    KnownTotal,
    Order,
    OrderList,
    Schedule,
    Value,
)
from event_data.contract.roles import columns_of, read_roles, read_values
from event_data.contract.rules import arguments_of, own_rules, read_rules
from event_data.contract.shape import BOOKS, check_blocks, check_book, check_contract, regexp, schema, weekdays
from event_data.contract.yaml_nodes import Node, near, read_yaml, show
from event_data.money import CODES, Currency

_SECONDS = {"s": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hr": 3600, "hour": 3600}
_SECONDS |= {"d": 86_400, "day": 86_400, "w": 604_800, "week": 604_800, "y": 31_536_000, "year": 31_536_000}
BOOK_TIMES = {"orderList": "created_at", "adSpend": "date"}  # the role of the time
_LINE_PATHS = ("lineId", "lineName", "lineVariant", "lineQuantity", "lineAmount")
_NOT_PATHS = (
    "lineAmountIs", "checkoutToken", "confirmationPath", "duplicates", "possibleDuplicates", "rows", "key", "line",
)  # fmt: skip


def load_contract(path: Path) -> Contract:
    """Read the contract at `path`; raise ContractError with the file, line, key and what to do."""
    root = read_yaml(path)
    check_contract(root)
    table, books = _tables(root)
    custom = _custom(root)
    check_blocks(root, custom, [rule for place in (table, *table.each("properties")) for rule in own_rules(place)])
    names, columns = _columns(table)
    events = _events(custom.get("events"))
    order = _order(custom.get("order"), events, custom["columnRoles"])
    mapped = read_roles(custom["columnRoles"], custom.get("order"), names, columns)
    columns, roles = mapped.columns, mapped.roles

    def setting(name: str) -> Any:
        return custom[name].bare() if name in custom else schema("urn:blocks")["properties"][name]["default"]

    zone = _time_zone(table, mapped.time_column)
    order_list, ad_spend = _books(books, path, zone)
    contract = Contract(
        path=path,
        id=str(root.plain("id")),
        file_name=_file_name(table),
        delimiter=setting("delimiter"),
        currency=_currency(custom.get("currency")),
        time_zone=zone,
        columns=columns,
        roles=roles,
        values=_values(roles, order),
        derived=mapped.derived,
        events=events,
        own_hosts=_hosts(setting("ownHosts")),
        payment_hosts=_hosts(setting("paymentProviders")),
        order=order,
        anonymisation=_anonymisation(custom.get("anonymisation")),
        additional_columns=setting("additionalColumns"),
        rules=tuple(read_rules(table)),
        latency=_latency(root),
        ignored_files=tuple(setting("ignoreFiles")),
        has_header=not setting("headerless"),
        channels={value.strip().lower(): channel for value, channel in setting("channels").items()},
        schedule=_schedule(custom.get("schedule")),
        known_totals=tuple(_known_totals(custom.get("knownTotals"))),
        order_list=order_list,
        ad_spend=ad_spend,
        **_settings(custom.get("transformation")),
    )
    _check_events(contract, custom)
    _check_order(contract, custom)
    for _, _, block in books:
        _check_book(contract, block)
    return contract


def _tables(root: Node) -> tuple[Node, list[tuple[str, Node, Node]]]:
    """Return the object that describes the events, and the others, each with the name of its block and the block."""
    events: list[Node] = []
    books: list[tuple[str, Node, Node]] = []
    for table in root.each("schema"):
        book = book_of(table)
        if book is None:
            events.append(table)
        elif book[0] == "orderList" and any(name == book[0] for name, *_ in books):
            raise table.error(f"there is a `{book[0]}` already; keep one", code="duplicate")
        elif any(table.plain("physicalName") == other.plain("physicalName") for _, other, _ in books):
            problem = "another object has the same files; give each object its own `physicalName`"
            raise (table.get("physicalName") or table).error(problem, code="duplicate")
        else:
            books.append((book[0], table, book[1]))
    if len(events) != 1:
        what = "describes no table" if not events else f"describes {len(events)} tables"
        marks = " or ".join(f"`{name}`" for name in BOOKS)
        advice = f"keep one table of events; another has {marks} in its `customProperties`"
        raise (root.get("schema") or root).error(f"{what}; {advice}")
    return events[0], books


def _book(name: str, table: Node, block: Node, path: Path, zone: str) -> dict[str, Any]:
    """Return the block of an object that is not events, and its fields of Table; `zone` is that of the events."""
    names, columns = _columns(table)
    check_book(name, block)
    values = read_values(block.value["columnRoles"], names)
    column = next((column for column in columns_of(values[BOOK_TIMES[name]]) if column), None)
    time_column = next((name for name, spelt in names.items() if spelt == column), None)
    return {
        "block": block, "values": values, "path": path, "file_name": _file_name(table), "columns": columns,
        "time_zone": _time_zone(table, time_column, zone),
    }  # fmt: skip


def _books(
    books: Iterable[tuple[str, Node, Node]], path: Path, zone: str
) -> tuple[OrderList | None, tuple[AdSpend, ...]]:
    """Return the shop's order list, if the contract describes one, and the objects of its advertising spend."""
    tables = [(name, _book(name, table, block, path, zone)) for name, table, block in books]
    lists = [read_order_list(**of_table) for name, of_table in tables if name == "orderList"]
    spend = tuple(read_ad_spend(**of_table) for name, of_table in tables if name == "adSpend")
    return next(iter(lists), None), spend


def _custom(root: Node) -> dict[str, Node]:
    """Return our values in the contract's customProperties; ignore entries with a `vendor`."""
    properties: dict[str, Node] = {}
    known = schema("urn:blocks")["properties"]
    for entry in root.each("customProperties"):
        name, value = entry.plain("property"), entry.get("value")
        if entry.get("vendor") is not None or value is None:
            continue
        if name not in known:
            advice = f"{near(name, known)} (one of another tool needs a `vendor`)"
            raise entry.error(f"unknown property {show(name)}; {advice}", code="unknown_key")
        if name in properties:
            raise entry.error(f"{show(name)} occurs twice; keep one", code="duplicate")
        properties[name] = value
    return properties


def _file_name(table: Node) -> str:
    """Return the pattern of a daily file's name, which must contain the date."""
    node = table.get("physicalName")
    if node is None:
        problem = "`physicalName` is missing; give a day's file name, such as events_%Y%m%d.csv"
        raise table.error(problem, code="missing_key")
    pattern, probe = str(node.value), datetime(2023, 11, 28)
    directives = re.findall("%(.)", pattern.replace("%%", ""))
    try:
        plain = " ".join(f"%{letter}" for letter in dict.fromkeys(directives))
        tells_day = not directives or datetime.strptime(probe.strftime(plain), plain) == probe
    except (ValueError, re.error, OverflowError):
        tells_day = False
    if not set(directives) <= DIRECTIVES.keys() or not tells_day or not pattern.isprintable() or "\\" in pattern:
        raise node.error(
            f"{show(pattern)} does not contain a file's day; write one like events_%Y%m%d.csv, or a name without a "
            "date if a file has many days"
        )
    if pattern.startswith("/") or ".." in pattern.split("/"):
        raise node.error(f"{show(pattern)} leaves the folder of the files; give names below it")
    return pattern


def _currency(node: Node | None) -> Currency:
    """Return the shop's currency, from its sign, its code, or both."""
    given = node.bare() if node is not None else schema("urn:blocks")["properties"]["currency"]["default"]
    if isinstance(given, dict):
        code, sign = given.get("code", ""), given.get("sign") or given.get("code", "")
        if node is not None and not sign:
            raise node.error("has neither `code` nor `sign`; add one", code="missing_key")
    else:
        sign = given
        code = CODES.get(sign) or (sign if re.fullmatch("[A-Z]{3}", sign) else "")
    return Currency(sign + " " * sign[-1].isalpha(), code)


def _schedule(node: Node | None) -> Schedule:
    if node is None:
        return Schedule()
    closed = tuple(map(weekdays().index, node.plain("closedWeekdays", [])))
    return Schedule(closed, tuple(map(_date, node.each("closedDates"))), node.plain("quietDays", False))


def _known_totals(node: Node | None) -> Iterator[KnownTotal]:
    seen: set[date] = set()
    for entry in node.value if node is not None else ():
        day = _date(entry.get("day"))
        if day in seen:
            raise entry.error(f"{day} occurs twice; keep one", code="duplicate")
        seen.add(day)
        revenue = entry.plain("revenue")
        orders = entry.plain("orders")
        if revenue is None and orders is None:
            raise entry.error("has neither `orders` nor `revenue`; add one", code="missing_key")
        yield KnownTotal(day, orders, None if revenue is None else Decimal(str(revenue)))


def _date(node: Node) -> date:
    try:
        return date.fromisoformat(str(node.value))
    except ValueError:
        raise node.error(f"{show(node.value)} is not a date; write one such as 2025-03-01") from None


def _time_zone(table: Node, time_column: str | None, default: str = "UTC") -> str:
    """Return the `defaultTimezone` of the time column; `default` if it has none."""
    column = next((node for node in table.each("properties") if node.plain("name") == time_column), None)
    options = column.get("logicalTypeOptions") if column is not None else None
    node = options.get("defaultTimezone") if options is not None else None
    if node is None or node.value in ("UTC", "Etc/UTC"):
        return default if node is None else "UTC"
    import duckdb  # it has the same zones on every machine

    if not duckdb.execute("select count(*) from pg_timezone_names() where name = ?", [node.value]).fetchall()[0][0]:
        raise node.error(f"{show(node.value)} is not a time zone; write one such as Europe/Berlin")
    return str(node.value)


def _columns(table: Node) -> tuple[dict[str, str], tuple[Column, ...]]:
    """Return property name -> column name, which is the one in the header (`physicalName`), and the columns."""
    claimed: dict[str, str] = {}
    names: dict[str, str] = {}
    columns: list[Column] = []
    for node in table.each("properties"):
        name = str(node.plain("physicalName", node.plain("name")))
        synonyms = [entry.value["synonym"] for entry in node.each("synonyms")]
        for spelt, where in [(name, node), *((str(synonym.value), synonym) for synonym in synonyms)]:
            if not spelt.strip() or any(ord(c) < 32 or c in "\x7f\x85\u2028\u2029" for c in spelt):
                raise where.error("a column's name may not be empty or hold line breaks; rename it")
            is_new = spelt.casefold() not in claimed
            owner = claimed.setdefault(spelt.casefold(), name)
            if owner != name or (where is node and not is_new):
                raise where.error(f"{show(spelt)} is column {show(owner)} already; remove one", code="duplicate")
        names[str(node.plain("name"))] = name
        columns.append(_column(node, name, (str(synonym.value) for synonym in synonyms)))
    if not columns:
        raise table.error("`properties` is empty; describe at least the columns that have a role", code="missing_key")
    return names, tuple(columns)


def _column(node: Node, name: str, synonyms: Iterable[str] = ()) -> Column:
    logical, required = node.plain("logicalType", "string"), node.plain("required", False)
    values = _pattern(node), _allowed(node), *_bounds(node)
    options = node.get("logicalTypeOptions")
    form = options.plain("format") if options is not None else None
    return Column(name, logical, required, *values, node.line, tuple(dict.fromkeys(synonyms)), form)


def _pattern(node: Node) -> str | None:
    """Return the pattern of valid values: the option `pattern`, or an argument of the rule for invalid values."""
    options, argument = node.get("logicalTypeOptions"), arguments_of(node).get("pattern")
    own = None if options is None else options.get("pattern")
    if own is not None and argument is not None:
        raise argument.error("the column has a `pattern` already; keep one", code="duplicate")
    return regexp(argument if own is None else own)


def _allowed(node: Node) -> tuple[str, ...]:
    """Return the allowed values: `enum`, or `validValues` of the rule for invalid values."""
    argument = arguments_of(node).get("validValues")
    entries = [entry.value["value"] for entry in node.each("enum")]
    if argument is not None:
        if entries:
            raise argument.error("the column has an `enum` already; keep one", code="duplicate")
        entries = argument.value
    values: dict[str, None] = {}
    for entry in entries:
        text = str(entry.value).lower() if isinstance(entry.value, bool) else str(entry.value)
        if text in values:
            raise entry.error(f"the value {show(text)} occurs twice; keep one", code="duplicate")
        values[text] = None
    return tuple(values)


def _bounds(node: Node) -> tuple[float | None, float | None, int | None]:
    """Return the minimum and maximum of numbers, and the maximum length of texts."""
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
        raise options.error("the minimum is above the maximum; no value is valid")
    return low, high, options.plain("maxLength")


def _bound(options: Node, closed: str, opened: str, inwards: float) -> float | None:
    """Return an inclusive bound; an exclusive one becomes the next possible number."""
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
                raise entry.error(f"{show(spelt)} is an event already; a name belongs to one event", code="duplicate")
            claimed.add(spelt)
        if role is not None and role in [event.role for event in events]:
            problem = f"the role {role} is taken; list this name under the other event's `synonyms`"
            raise entry.error(problem, code="duplicate")
        keys: dict[str, Column] = {}
        for key, where in _keys(entry.each("payload"), ""):
            if key.name in keys:
                raise where.error(f"the key {show(key.name)} occurs twice; keep one", code="duplicate")
            keys[key.name] = key
        events.append(Event(name, synonyms, role, tuple(keys.values())))
    return tuple(events)


def _keys(nodes: Iterator[Node], above: str) -> Iterator[tuple[Column, Node]]:
    """Yield the payload's keys, flattened, with each parent before its children."""
    for node in nodes:
        name = node.plain("name")
        if not name or re.search(r'[.\[\]"\x00-\x1f]', name):
            raise node.error('a payload key may not be empty or hold . [ ] " or line breaks; leave it out')
        yield from _key(node, above + name)


def _key(node: Node, path: str) -> Iterator[tuple[Column, Node]]:
    if (rules := node.get("quality")) is not None:
        problem = "is not run for a payload key; use `required`, `enum` or `logicalTypeOptions` instead"
        raise rules.error(problem, code="misplaced_key")
    yield _column(node, path), node
    yield from _keys(node.each("properties"), path + ".")
    if (items := node.get("items")) is not None:
        nested = items.get("properties") is not None or items.get("items") is not None
        for key, where in _key(items, path + "[]"):
            if key.name != path + "[]" or not nested:  # `items[]` itself is a key only if its items are plain values
                yield key, where


def _order(node: Node | None, events: tuple[Event, ...], roles: Node) -> Order | None:
    """Return where an order's values are in the payload; a value that is a column role is added to it."""
    added: dict[str, Any] = {role: role for role in ORDER_ROLES if roles.get(role) is not None}
    event = next((event for event in events if event.role == "order"), None)
    if node is None and not added:
        return None
    if event is None:
        node = node or roles
        raise node.error("no event has the role order; give one `role: order`, or remove this", code="reference")
    if node is None:
        return Order(**added)
    known = [key.name for key in event.payload]
    paths = {name: entry for name, entry in node.value.items() if name not in _NOT_PATHS and entry.value is not None}
    for name, entry in paths.items():
        if known and entry.value not in known:
            problem = f"{show(entry.value)} is not a key of {event.name!r}; {near(entry.value, known)}"
            raise entry.error(problem, code="reference")
        if name in _LINE_PATHS and not ("lines" in paths and entry.value.startswith(f"{paths['lines'].value}[].")):
            problem = "must be below `lines`, such as items[].price; correct one of the two"
            raise entry.error(problem, code="reference")
    fields = {_snake(name): entry.value for name, entry in paths.items()}
    if twice := next((name for name, entry in paths.items() if _snake(name) in added), None):
        raise paths[twice].error(f"{show(twice)} is a column role already; keep one", code="duplicate")
    token = regexp(node.get("checkoutToken"), groups=1)
    settings = {_snake(name): node.plain(name) for name in _NOT_PATHS[:5] if node.get(name) is not None}
    return Order(**fields | added | settings | _order_lines(node, paths) | {"checkout_token": token})


def _order_lines(node: Node, paths: Mapping[str, Node]) -> dict[str, Any]:
    """Return the settings of an order whose rows are its lines; none if rows are orders."""
    if node.plain("rows") == "lines":
        if "lines" in paths:
            raise paths["lines"].error("rows are lines already; remove this, or `rows: lines`", code="misplaced_key")
        names = {f"line_{name}": f"items[].{name}" for name in node.plain("line", {})}
        key = tuple(node.plain("key", ["transaction_id"]))
        return {"key": key, "lines": "items", "line_amount": "items[].amount", **names}
    if other := node.get("key") or node.get("line"):
        raise other.error("belongs to `rows: lines`; add that, or remove this", code="misplaced_key")
    return {}


def _snake(name: str) -> str:
    return re.sub("(?<!^)([A-Z])", lambda m: "_" + m[1].lower(), name)


def _values(roles: Mapping[str, str], order: Order | None) -> Mapping[str, Value]:
    """Return the place of each role's value."""
    values: dict[str, Value] = {role: Field(column) for role, column in roles.items()}
    for role in ORDER_ROLES:
        if "payload" in roles and (path := getattr(order, role, None)):
            values[role] = Field(roles["payload"], _path(path))
    return MappingProxyType(values)


def _path(text: str) -> tuple[str | int, ...]:
    """Return the keys and indexes of a path such as `orders[0].id`."""
    steps: list[str | int] = []
    for part in text.split("."):
        name, *indexes = re.split(r"\[(\d+)\]", part)
        steps += [*([name] if name else []), *(int(index) for index in indexes if index)]
    return tuple(steps)


def _settings(node: Node | None) -> dict[str, Any]:
    """Return the warehouse settings by their field of Contract."""
    given = node.value.items() if node else ()
    settings = {_snake(key): entry.value for key, entry in given if entry.value is not None}
    if "most_refused_percent" in settings:
        settings["most_refused"] = settings.pop("most_refused_percent") / 100
    return settings


def _anonymisation(node: Node | None) -> Anonymisation:
    if node is None:
        return Anonymisation()
    hidden = regexp(node.get("queryValue")), regexp(node.get("foreignHost"))
    if hidden == (None, None):
        problem = "has neither `queryValue` nor `foreignHost`; add one, or remove this"
        raise node.error(problem, code="missing_key")
    return Anonymisation(*hidden, plain_hosts=_hosts(node.plain("plainHosts", [])))


def _hosts(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.lower() for name in names))


def _check_events(contract: Contract, custom: Mapping[str, Node]) -> None:
    """Raise ContractError unless the events match the values that the event column allows."""
    column = contract.column_of("event")
    allowed = column.allowed if column else ()
    nodes = custom["events"].value if "events" in custom else ()
    for event, node in zip(contract.events, nodes, strict=True):
        if missing := [name for name in event.names if allowed and name not in allowed]:
            where = show(contract.roles["event"])
            problem = f"the `enum` of {where} does not have {show(missing[0])}; add it there, or correct it here"
            raise node.error(problem, code="reference")
    if "payload" not in contract.roles and any(event.payload for event in contract.events):
        problem = "events have a payload, but no column has the role; add `payload:`"
        raise custom["columnRoles"].error(problem, code="missing_key")


def _check_order(contract: Contract, custom: Mapping[str, Node]) -> None:
    """Raise ContractError if an order's values cannot be read, or the shop's currency cannot be compared."""
    order, node = contract.order, custom.get("order", custom["columnRoles"])
    if order is None:
        return
    if "payload" not in contract.roles and (order.transaction_id or order.amount):
        problem = "an order has values in the payload, but no column has the role; add `payload:` to `columnRoles`"
        raise node.error(problem, code="missing_key")
    if missing := [role for role in order.key if role not in contract.values]:
        problem = f"{show(missing[0])} is not a role of this contract; map it, or remove it"
        raise (node.get("key") or node).error(problem, code="reference")
    if order.currency and not contract.currency.code:
        problem = "orders have a currency; give the shop's ISO 4217 code, as `currency: {code: SEK, sign: kr}`"
        raise custom.get("currency", node).error(problem, code="missing_key")


def _check_book(contract: Contract, block: Node) -> None:
    """Raise ContractError if the currency of an object that is not events cannot be compared with the shop's."""
    currency = block.value["columnRoles"].get("currency")
    if currency is not None and not contract.currency.code:
        problem = "needs the shop's ISO 4217 code; add it, as `currency: {code: SEK, sign: kr}`"
        raise currency.error(problem, code="missing_key")


def _latency(root: Node) -> timedelta:
    """Return how long after the end of a day its file is due; zero if the contract does not say."""
    node = next((node for node in root.each("slaProperties") if node.plain("property") == "latency"), None)
    if node is None:
        return timedelta()
    value, unit = node.plain("value"), str(node.plain("unit", "")).lower()
    seconds = _SECONDS.get(unit) or _SECONDS.get(unit.removesuffix("s"))
    if not seconds or not isinstance(value, int | float) or isinstance(value, bool):
        raise node.error(f"the latency {value} is not a span of time; write `value: 6` and `unit: h`")
    if not 0 <= value * seconds <= 10**11:
        raise node.error(f"{value} {unit} is not a span of time; correct it")
    return timedelta(seconds=value * seconds)
