"""`--init`: draft a contract from the files, for a person to read and correct.

Every guess to look at has a `# check:` comment. The draft holds no value of the data except the names of events
and payload keys, and the shop's own hosts.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from event_data.contract.guessing import (
    NEAR,
    Roles,
    Sample,
    Shape,
    find_renames,
    find_roles,
    hidden_hosts,
    hidden_pattern,
    host_of,
    kind_of,
    paths_of,
    pattern_of,
    pick,
)
from event_data.contract.model import EVENT_ROLES, ROLES, ContractError, host_regexp
from event_data.contract.sampling import (
    Events,
    Row,
    Table,
    find_events,
    find_samples,
    heal,
    read_row,
    read_table,
)
from event_data.output import printable

MAX_FILES = 20
_DATE = re.compile(r"(?<!\d)20\d\d([-_.]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])(?!\d)")
_LATENCY = (
    "", "slaProperties:", "  - property: latency",
    "    value: 6 # check: how long after a day's end its file arrives; the monitor waits that long", "    unit: h",
)  # fmt: skip
_CURRENCY = ("", "  - property: currency", "    value: $ # check: the currency symbol, such as € or CHF")
_TYPES = {"timestamp": "timestamp", "epoch": "integer", "json": "object"}
_TYPES |= {name: name for name in ("integer", "number", "boolean")}
# Hosts that many shops see; one is drafted only if it occurs in the files.
_KNOWN_HOSTS = (
    "google.* bing.com duckduckgo.com yahoo.* ecosia.org yandex.* baidu.com facebook.com instagram.com "
    "pinterest.* linkedin.com reddit.com youtube.com tiktok.com t.co twitter.com x.com chatgpt.com "
    "com.google.android.* com.linkedin.android com.pinterest com.reddit.frontpage"
)
_PAYMENT = "shop.app paypal.com klarna.com affirm.com afterpay.com stripe.com adyen.com mollie.com"


def draft_contract(files: Sequence[Path]) -> str:
    """Return a first contract for these files: YAML that load_contract() reads.

    It is drafted from up to 5,000 rows of each of up to 20 files. Raise ContractError if they are too few.
    """
    chosen = sorted(files, key=lambda path: path.name)
    if not chosen:
        raise ContractError("there is no file to draft a contract from; give at least one day's CSV")
    tables: list[Table] = []
    problems: list[ContractError] = []
    for path in chosen[:: math.ceil(len(chosen) / MAX_FILES)]:
        try:
            tables.append(read_table(path))
        except ContractError as error:
            problems.append(error)
    if not tables:
        raise problems[0]
    notes = [f"left out: {error}" for error in problems]
    samples = find_samples(tables, notes)
    renames = find_renames(samples)
    columns = heal(samples, renames)
    if len(columns) < 4:
        raise ContractError(
            f"{chosen[0]}, line 1: {len(columns)} columns are too few (delimiter {tables[0].delimiter!r}); "
            "a contract needs a client, a page, a time and an event"
        )
    roles = find_roles(columns)
    rows = [read_row(table.header, row, renames) for table in tables for row in table.rows]
    events = find_events(rows, roles)
    lines = _head(chosen, notes)
    for sample in columns:
        late_names = [late for late, early in renames.items() if early == sample.name]
        lines += _column(sample, late_names, roles, events, len(tables))
    lines += [*_LATENCY, "", "customProperties:", *_column_roles(roles), *_event_lines(events)]
    lines += [*_hosts(rows, roles), *_order(events, roles), *_CURRENCY, *_delimiter(tables)]
    return "\n".join(lines) + "\n"


def _quote(text: str) -> str:
    """Return a YAML scalar that reads as text; without quotes where possible."""
    if re.fullmatch(r"[A-Za-z_][\w.-]*", text, re.ASCII) and text.lower() not in (
        "true", "false", "yes", "no", "on", "off", "y", "n", "null",
    ):  # fmt: skip
        return text
    return "'" + text.replace("'", "''") + "'"


def _comment(text: str) -> str:
    return "# check: " + printable(text)


def _head(files: Sequence[Path], notes: Iterable[str]) -> list[str]:
    # The name in the contract is that of the unpacked file.
    names = [re.sub(r"[.]gz\Z", "", path.name, flags=re.IGNORECASE) for path in files]
    patterns = Counter(_DATE.sub(r"%Y\1%m\1%d", name.replace("%", "%%"), count=1) for name in names)
    pattern, hint = patterns.most_common(1)[0][0], ""
    if "%Y" not in pattern.replace("%%", "") or not pattern.isprintable():
        pattern = "events_%Y%m%d.csv"
        hint = " # check: the names hold no date; rename the files, or correct this"
    elif len(patterns) > 1:
        hint = " # check: some files have other names"
    return [
        "# A first contract, drafted from the files. Read it from top to bottom, correct every line that",
        "# has a `check:`, and delete the remark. docs/contract.md describes every key.",
        "apiVersion: v3.2.0",
        "kind: DataContract",
        "id: events",
        "name: Web events",
        "version: 0.1.0",
        "status: draft",
        *[_comment(note) for note in dict.fromkeys(notes)],
        "",
        "schema:",
        "  - name: events",
        f"    physicalName: {_quote(pattern)}{hint}",
        "    properties:",
    ]


def _column(sample: Sample, late_names: Sequence[str], roles: Roles, events: Events, files: int) -> list[str]:
    """Return the entry of `properties` for a column; `files` is the number of files that were read."""
    role = next((role for role, (name, _) in roles.items() if name == sample.name), None)
    kind, worst = kind_of(sample.values), max(sample.empty.values())
    lines = [f"- name: {_quote(sample.name)}"]
    if len(sample.empty) < files:
        lines.append("  " + _comment(f"missing from {files - len(sample.empty)} of {files} files"))
    if worst > sample.healthy + NEAR:
        hint = f"up to {worst:.0%} of a file's rows are empty, {sample.healthy:.1%} of a good file's"
        lines.append("  " + _comment(hint))
    required = sample.healthy <= 2 * NEAR
    lines += [
        f"  logicalType: {_TYPES.get(kind, 'string')}",
        f"  required: {'true' if required else 'false'}",
    ]
    if late_names:
        lines.append("  synonyms: # check: a later name of the same column")
        lines += [f"    - synonym: {_quote(name)}" for name in late_names]
    lines += _options(sample.values, kind, role)
    if role == "event" and events.names:
        lines += ["  enum: # check: these occur; add any others"]
        lines += [f"    - value: {_quote(name)}" for name in events.names]
    if required and sample.healthy > 0:
        lines += [
            "  quality:",
            "    - metric: nullValues",
            f"      mustBeLessThan: {math.ceil(100 * sample.healthy) + 1} # check: the share that you tolerate",
            "      unit: percent",
            "      severity: P1",
            "      dimension: completeness",
        ]
    return ["      " + line for line in lines]


def _options(values: Sequence[str], kind: str, role: str | None) -> list[str]:
    """Return the pattern of an identifier's values, and the zone of times without an offset."""
    pattern = pattern_of(values) if kind in ("word", "id") and role in ("client", None) else None
    if pattern:
        return ["  logicalTypeOptions: # check: all values that were read match it", f"    pattern: {_quote(pattern)}"]
    if role == "time" and kind == "timestamp" and not all(re.search("(Z|UTC|[+-]00:?00)$", v) for v in values if v):
        zone = "UTC # check: the time zone of the files, such as Europe/Berlin"
        return ["  logicalTypeOptions:", f"    defaultTimezone: {zone}"]
    return []


def _column_roles(roles: Roles) -> list[str]:
    lines = ["  - property: columnRoles", "    value:"]
    for role in (role for role in ROLES if role in roles):
        name, sure = roles[role]
        lines.append(f"      {role}: {_quote(name)}" + ("" if sure else " # check: a guess"))
    lines += [f"      # {role}: ... # check: no column looks like it" for role in ROLES if role not in roles]
    return lines


def _event_lines(events: Events) -> list[str]:
    if not events.names:
        return ["  # check: list the kinds of event in the property `events`; the column has too many values"]
    lines = ["", "  - property: events", "    value:"]
    for name in events.names:
        role = events.roles.get(name)
        lines.append(f"      - name: {_quote(name)}")
        lines += [f"        role: {role} # check: guessed by the name"] if role else []
        shape = events.shapes.get(name)
        if shape is not None and shape.is_record:
            lines += ["        payload:", *_payload(shape, "          ")]
    lacking = [role for role in EVENT_ROLES if role not in events.roles.values()]
    return lines + ([f"  # check: no event has the role {', '.join(lacking)}"] if lacking else [])


def _payload(shape: Shape, indent: str) -> Iterator[str]:
    """Yield the keys of an object, in the shape of ODCS properties."""
    objects = max(1, shape.kinds["object"])
    for key, inner in shape.keys.items():
        if not inner.kinds:
            continue  # always null
        filled = sum(inner.kinds.values()) / objects
        yield f"{indent}- name: {_quote(key)}" + (" # check: other types occur" if inner.mixed else "")
        if inner.logical_type != "string":
            yield f"{indent}  logicalType: {inner.logical_type}"
        if filled >= 1 - 2 * NEAR:
            yield f"{indent}  required: true"
        elif filled >= 0.5:
            yield f"{indent}  required: false # check: filled in {filled:.0%}"
        pattern = pattern_of(inner.texts) if inner.logical_type == "string" and not inner.mixed else None
        if pattern:
            yield f"{indent}  logicalTypeOptions: {{pattern: {_quote(pattern)}}} # check"
        if inner.logical_type == "object" and inner.is_record:
            yield f"{indent}  properties:"
            yield from _payload(inner, indent + "    ")
        element = inner.element
        if inner.logical_type == "array" and element is not None and element.kinds:
            yield f"{indent}  items:"
            yield f"{indent}    logicalType: {element.logical_type}"
            if element.logical_type == "object" and element.is_record:
                yield f"{indent}    properties:"
                yield from _payload(element, indent + "      ")


def _hosts(rows: Sequence[Row], roles: Roles) -> list[str]:
    """Return the hosts, and how foreign ones and query values are hidden."""
    page, referrer = roles["page"][0], roles.get("referrer", ("", False))[0]
    pages = Counter(host_of(row.get(page, "")) for row in rows)
    own = [host for host, count in pages.most_common() if host and count >= NEAR * len(rows)]
    foreign = {host_of(row.get(referrer, "")) for row in rows} - {"", *own}
    queries = re.findall(r"[?&][^=&#]+=([^&#\s]+)", "\n".join(row.get(page, "") for row in rows[::3]))
    lines = [
        "",
        "  - property: ownHosts # check: every host of the shop",
        f"    value: [{', '.join(map(_quote, own))}]",
    ]
    lines += ["", "  - property: paymentProviders # check: the payment providers of the shop"]
    lines += [f"    value: [{', '.join(_PAYMENT.split())}]"]
    query, host = hidden_pattern(queries), hidden_hosts(foreign)
    if query or host:
        plain = [known for known in _KNOWN_HOSTS.split() if _occurs(known, foreign)]
        lines += ["", "  - property: anonymisation # check: how values are hidden", "    value:"]
        lines += [f"      queryValue: {_quote(query)}"] if query else []
        lines += [f"      foreignHost: {_quote(host)}"] if host else []
        lines += ["      plainHosts:", *[f"        - {_quote(known)}" for known in plain]] if plain else []
    return lines


def _occurs(known: str, hosts: Iterable[str]) -> bool:
    pattern = re.compile(host_regexp([known]))
    return any(pattern.fullmatch(host) for host in hosts)


def _order(events: Events, roles: Roles) -> list[str]:
    """Return the payload keys that make an order, tried on the orders themselves."""
    paths = paths_of(events.shapes[events.order]) if events.order in events.shapes else {}
    known, number = ("string", "integer"), ("number", "integer", "string")
    transaction = pick(paths, "transactionid orderid ordernumber ordername id order", known)
    amount = pick(paths, "revenue value total totalprice amount grandtotal ordertotal totalvalue price", number)
    if transaction is None or amount is None:
        return [
            "",
            "  # check: no order was recognised. Fill in the payload's keys and uncomment:",
            "  # - property: order",
            "  #   value:",
            "  #     transactionId: ... # the order's id",
            "  #     amount: ...",
            "  #     customer: ... # optional, like all below",
            "  #     lines: ... # the list of the order's lines; then, below it:",
            "  #     lineAmount: ...[]. ...",
            "  #     lineQuantity: ...[]. ...",
            "  #     lineAmountIs: line # or unit",
        ]
    lines = pick(paths, "items products lines lineitems contents cart", ("array",))
    price = pick(paths, "price itemprice unitprice lineprice linetotal amount total value", number, lines)
    pieces = pick(paths, "quantity qty count", number, lines)
    customer = pick(paths, "useremail email customeremail emailhash hashedemail customerid userid", known)
    found = {"transactionId": transaction, "amount": amount, "customer": customer, "lines": lines}
    if lines:
        found |= {
            "lineId": pick(paths, "itemid productid sku variantid id", known, lines),
            "lineName": pick(paths, "itemname productname name title", ("string",), lines),
            "lineVariant": pick(paths, "itemvariant variantname varianttitle variant option", known, lines),
            "lineAmount": price,
            "lineQuantity": pieces,
        }
    out = ["", "  - property: order", "    value:"]
    out += [f"      {key}: {_quote(path)} # check" for key, path in found.items() if path is not None]
    if lines and price and pieces:
        out.append(_line_amount_is([payload for _, payload in events.orders], amount, lines, price, pieces))
    urls = [row.get(roles["page"][0], "") for row, _ in events.orders]
    if token := _token(urls):
        out.append(f"      checkoutToken: {_quote(token)} # check: the part that identifies the checkout")
    if page := _confirmation(urls):
        out.append(f"      confirmationPath: {_quote(page)} # check: the page that only a buyer sees")
    return [*out, "      duplicates: resubmission"]


def _line_amount_is(payloads: Iterable[Any], amount: str, lines: str, price: str, pieces: str) -> str:
    """Return whether the lines' prices sum to the amount as they are, or times the quantity."""
    as_line = as_unit = decisive = 0
    for payload in payloads:
        try:
            total = float(_at(payload, amount))
            pairs = [
                (float(_at(line, price.partition("[].")[2])), float(_at(line, pieces.partition("[].")[2])))
                for line in _at(payload, lines)
            ]
        except (TypeError, ValueError, KeyError, OverflowError):
            continue
        if all(count == 1 for _, count in pairs):
            continue  # both sums are equal
        decisive += 1
        as_line += abs(sum(p for p, _ in pairs) - total) < 0.011
        as_unit += abs(sum(p * n for p, n in pairs) - total) < 0.011
    best = "line" if as_line > as_unit else "unit"
    return f"      lineAmountIs: {best} # check: {max(as_line, as_unit)} of {decisive} orders with several pieces agree"


def _at(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value[key]
    return value


def _confirmation(urls: Sequence[str]) -> str | None:
    """Return the usual word for a confirmation that is in the address of nearly every order's page."""
    for word in ("thank-you", "thank_you", "thankyou", "confirmation", "order-received", "success"):
        if urls and sum(f"/{word}" in url for url in urls) > 0.9 * len(urls):
            return f"/{word}"
    return None


def _token(urls: Sequence[str]) -> str | None:
    """Return a regexp for the part of an order's URL that identifies the checkout."""
    for word in ("checkouts", "checkout", "orders", "order"):
        for pattern in (f"/{word}/[a-z]+/([^/?#]+)", f"/{word}/([^/?#]+)"):
            tokens = [match[1] for url in urls if (match := re.search(pattern, url))]
            if len(tokens) > len(urls) / 2 and sum(len(token) >= 16 for token in tokens) > len(tokens) / 2:
                return pattern
    return None


def _delimiter(tables: Sequence[Table]) -> list[str]:
    counts = Counter(table.delimiter for table in tables).most_common()
    value = r'"\t"' if counts[0][0] == "\t" else f"'{counts[0][0]}'"
    hint = " # check: some files have another" if len(counts) > 1 else ""
    return ["", "  - property: delimiter", f"    value: {value}{hint}"]
