"""Draft a contract from the files for `--init`; a person reviews and corrects it.

The template is draft.yaml.j2. Every guess to review has a `# check:` comment. The draft contains no data except the
names of events and payload keys, and the shop's own hosts.
"""

import contextlib
import csv
import gzip
import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from event_data.contract.guessing import (
    NEAR,
    Roles,
    Sample,
    Shape,
    event_roles,
    find_renames,
    find_roles,
    hidden_hosts,
    hidden_pattern,
    host_of,
    kind_of,
    paths_of,
    pick,
)
from event_data.contract.model import EVENT_ROLES, ROLES, ContractError, host_regexp
from event_data.output import printable, templates
from event_data.reading.csv_header import DELIMITERS

MAX_FILES, MAX_ROWS, MAX_EVENTS = 20, 5_000, 50
_DATE = re.compile(r"(?<!\d)20\d\d([-_.]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])(?!\d)")
_TYPES = {"timestamp": "timestamp", "epoch": "integer", "json": "object"}
_TYPES |= {name: name for name in ("integer", "number", "boolean")}
# Common hosts; one is drafted only if it occurs in the files.
_KNOWN_HOSTS = (
    "google.* bing.com duckduckgo.com yahoo.* ecosia.org yandex.* baidu.com facebook.com instagram.com "
    "pinterest.* linkedin.com reddit.com youtube.com tiktok.com t.co twitter.com x.com chatgpt.com "
    "com.google.android.* com.linkedin.android com.pinterest com.reddit.frontpage"
)

Row = dict[str, str]


@dataclass
class Table:
    """The first rows of a file."""

    header: list[str]
    rows: list[list[str]]
    delimiter: str


@dataclass
class Events:
    """The event types in the files, and their payloads."""

    names: list[str] = field(default_factory=list)  # empty if there are too many to be event types
    roles: dict[str, str] = field(default_factory=dict)  # event -> role
    shapes: dict[str, Shape] = field(default_factory=dict)
    order: str | None = None  # the event that is an order
    orders: list[tuple[Row, Any]] = field(default_factory=list)  # its rows and payloads


def draft_contract(files: Sequence[Path]) -> str:
    """Return a draft contract for these files: YAML that load_contract() reads.

    It is based on up to 5,000 rows of each of up to 20 files. Raise ContractError if there are too few.
    """
    chosen = sorted(files, key=lambda path: path.name)
    if not chosen:
        raise ContractError("there is no file to draft a contract from; give at least one day's CSV")
    tables: list[Table] = []
    problems: list[ContractError] = []
    for path in chosen[:: math.ceil(len(chosen) / MAX_FILES)]:
        try:
            tables.append(_read_table(path))
        except ContractError as error:
            problems.append(error)
    if not tables:
        raise problems[0]
    notes = [f"left out: {error}" for error in problems]
    samples = _find_samples(tables, notes)
    renames = find_renames(samples)
    columns = _heal(samples, renames)
    if len(columns) < 4:
        raise ContractError(
            f"{chosen[0]}, line 1: {len(columns)} columns are too few (delimiter {tables[0].delimiter!r}); "
            "a contract needs a client, a page, a time and an event"
        )
    roles = find_roles(columns)
    rows = [_read_row(table.header, row, renames) for table in tables for row in table.rows]
    events = _find_events(rows, roles)
    file_name, name_hint = _file_name(chosen)
    template = templates(Path(__file__).parent)
    template.filters |= {"quoted": _quoted, "printable": printable}
    return template.get_template("draft.yaml.j2").render(
        notes=dict.fromkeys(notes), file_name=file_name, name_hint=name_hint, files=len(tables), near=NEAR,
        columns=columns, types=_TYPES, roles=roles, role_of=dict.fromkeys(c.name for c in columns)
        | {name: role for role, (name, _) in roles.items()}, all_roles=ROLES, events=events,
        lacking_roles=[role for role in EVENT_ROLES if role not in events.roles.values()],
        delimiters=[mark for mark, _ in Counter(table.delimiter for table in tables).most_common()],
        **_hosts(rows, roles), **_order(events, roles),
    )  # fmt: skip


def _file_name(files: Sequence[Path]) -> tuple[str, str]:
    """Return the pattern of the file names, without .gz, and what to check about it."""
    names = [re.sub(r"[.]gz\Z", "", path.name, flags=re.IGNORECASE) for path in files]
    patterns = Counter(_DATE.sub(r"%Y\1%m\1%d", name.replace("%", "%%"), count=1) for name in names)
    pattern = patterns.most_common(1)[0][0]
    if "%Y" not in pattern.replace("%%", "") or not pattern.isprintable():
        return "events_%Y%m%d.csv", "the names hold no date; rename the files, or correct this"
    return pattern, "some files have other names" if len(patterns) > 1 else ""


def _hosts(rows: Sequence[Row], roles: Roles) -> dict[str, Any]:
    """Return the hosts, and how foreign hosts and query values are anonymised."""
    page, referrer = roles["page"][0], roles.get("referrer", ("", False))[0]
    pages = Counter(host_of(row.get(page, "")) for row in rows)
    own = [host for host, count in pages.most_common() if host and count >= NEAR * len(rows)]
    foreign = {host_of(row.get(referrer, "")) for row in rows} - {"", *own}
    queries = re.findall(r"[?&][^=&#]+=([^&#\s]+)", "\n".join(row.get(page, "") for row in rows[::3]))
    known = {name: re.compile(host_regexp([name])) for name in _KNOWN_HOSTS.split()}
    plain = [name for name, pattern in known.items() if any(map(pattern.fullmatch, foreign))]
    hidden = {"query_value": hidden_pattern(queries), "foreign_host": hidden_hosts(foreign)}
    return {"own_hosts": own, "plain_hosts": plain, **hidden}


def _order(events: Events, roles: Roles) -> dict[str, Any]:
    """Return the payload keys of an order, tested on the orders themselves; without `order` if none fit."""
    paths = paths_of(events.shapes[events.order]) if events.order in events.shapes else {}
    known, number = ("string", "integer"), ("number", "integer", "string")
    order = {
        "transactionId": pick(paths, "transactionid orderid ordernumber ordername id order", known),
        "amount": pick(paths, "revenue value total totalprice amount grandtotal ordertotal totalvalue price", number),
        "customer": pick(paths, "useremail email customeremail emailhash hashedemail customerid userid", known),
        "lines": pick(paths, "items products lines lineitems contents cart", ("array",)),
    }
    if not order["transactionId"] or not order["amount"]:
        return {"order": None}
    if below := order["lines"]:
        order |= {
            "lineId": pick(paths, "itemid productid sku variantid id", known, below),
            "lineName": pick(paths, "itemname productname name title", ("string",), below),
            "lineVariant": pick(paths, "itemvariant variantname varianttitle variant option", known, below),
            "lineAmount": pick(
                paths, "price itemprice unitprice lineprice linetotal amount total value", number, below
            ),
            "lineQuantity": pick(paths, "quantity qty count", number, below),
        }
    places = [order.get(key) or "" for key in ("amount", "lines", "lineAmount", "lineQuantity")]
    urls = [row.get(roles["page"][0], "") for row, _ in events.orders]
    return {
        "order": order,
        "line_amount_is": _line_amount_is([payload for _, payload in events.orders], *places) if all(places) else None,
        "checkout_token": _token(urls),
        "confirmation_path": _confirmation(urls),
    }


def _quoted(text: str) -> str:
    """Return a YAML scalar that is read as text, without quotes if possible."""
    if re.fullmatch(r"[A-Za-z_][\w.-]*", text, re.ASCII) and text.lower() not in (
        "true", "false", "yes", "no", "on", "off", "y", "n", "null",
    ):  # fmt: skip
        return text
    return "'" + text.replace("'", "''") + "'"


def _read_table(path: Path) -> Table:
    """Return the header, first rows and delimiter of a file."""
    try:
        with path.open("rb") as raw:
            unpack = gzip.open if raw.read(2) == b"\x1f\x8b" else open
        with unpack(path, "rb") as raw:
            encoding = "utf-16" if raw.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        with unpack(path, "rt", encoding=encoding, errors="replace", newline="") as file:
            first = file.readline(1_000_000)
            if not first.strip():
                raise ContractError(f"{path}, line 1: the file is empty; give a day with a header and events")
            delimiter = max(DELIMITERS, key=first.count)
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter)
            header = [name.strip() for name in next(reader)]
            rows: list[list[str]] = []
            with contextlib.suppress(csv.Error):  # a quote that never closes: use what was read
                rows.extend(islice((row for row in reader if row), MAX_ROWS))
    except (OSError, EOFError, ValueError, csv.Error, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise ContractError(f"{path}: cannot be read as a CSV ({reason}); check the path") from None
    if any(kind_of([name]) in ("timestamp", "epoch", "url", "json") for name in header):
        raise ContractError(f"{path}, line 1: this is data, not a header; put the columns' names there")
    if not rows:
        raise ContractError(f"{path}, line 2: no rows follow the header; give a day with events")
    return Table(header, rows, delimiter)


def _find_samples(tables: Sequence[Table], notes: list[str]) -> list[Sample]:
    """Return the columns of all files; omit each one without a usable name, and add a note about it."""
    samples: dict[str, Sample] = {}
    for number, table in enumerate(tables):
        here: set[str] = set()
        for place, name in enumerate(table.header):
            if not name or not name.isprintable() or name.casefold() in here:
                notes.append(f"column {place + 1} was left out: its name is empty or occurs twice")
                continue
            here.add(name.casefold())
            values = [row[place] for row in table.rows if len(row) > place and row[place].strip()]
            sample = samples.setdefault(name, Sample(name))
            sample.values += values
            sample.empty[number] = 1 - len(values) / len(table.rows)
    return list(samples.values())


def _heal(samples: Sequence[Sample], renames: Mapping[str, str]) -> list[Sample]:
    """Return the columns under their first names, including the values found under later names."""
    columns = {sample.name: sample for sample in samples}
    for late, early in renames.items():
        gone = columns.pop(late)
        columns[early].values += gone.values
        columns[early].empty |= gone.empty
        columns[early].late_names.append(late)
    return list(columns.values())


def _read_row(header: Sequence[str], cells: Sequence[str], renames: Mapping[str, str]) -> Row:
    """Return a row's values under the first names of their columns."""
    return {renames.get(name, name): cell for name, cell in zip(header, cells, strict=False)}


def _find_events(rows: Iterable[Row], roles: Roles) -> Events:
    """Return the event types, and what the payload of each one contains."""
    column, payload = roles["event"][0], roles.get("payload", ("", False))[0]
    found, counts = Events(), Counter(row.get(column, "") for row in rows)
    names = [name for name, _ in counts.most_common() if re.fullmatch(r"[A-Za-z][\w .:/$-]{0,60}", name)]
    if len(names) > MAX_EVENTS or any(re.search(r"\d{5}", name) for name in names):
        return found
    found.names, found.roles = names, event_roles(names)
    if not found.roles and not roles["event"][1]:  # neither the column's name nor its values look like events
        return Events()
    found.order = next((name for name, role in found.roles.items() if role == "order"), None)
    for row in rows:
        name, text = row.get(column, ""), row.get(payload, "").strip()
        if name not in names or not text:
            continue
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            continue
        found.shapes.setdefault(name, Shape()).look(value)
        if name == found.order:
            found.orders.append((row, value))
    return found


def _line_amount_is(payloads: Iterable[Any], amount: str, lines: str, price: str, pieces: str) -> str:
    """Return whether the line prices sum to the amount as they are, or multiplied by the quantity."""
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
            continue  # both sums are equal, so this order tells nothing
        decisive += 1
        as_line += abs(sum(p for p, _ in pairs) - total) < 0.011
        as_unit += abs(sum(p * n for p, n in pairs) - total) < 0.011
    best = "line" if as_line > as_unit else "unit"
    return f"{best} # check: {max(as_line, as_unit)} of {decisive} orders with several pieces agree"


def _at(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value[key]
    return value


def _confirmation(urls: Sequence[str]) -> str | None:
    """Return the usual word for a confirmation page that is in the URL of nearly every order."""
    for word in ("thank-you", "thank_you", "thankyou", "confirmation", "order-received", "success"):
        if urls and sum(f"/{word}" in url for url in urls) > 0.9 * len(urls):
            return f"/{word}"
    return None


def _token(urls: Sequence[str]) -> str | None:
    """Return a regular expression for the part of an order's URL that identifies the checkout."""
    for word in ("checkouts", "checkout", "orders", "order"):
        for pattern in (f"/{word}/[a-z]+/([^/?#]+)", f"/{word}/([^/?#]+)"):
            tokens = [match[1] for url in urls if (match := re.search(pattern, url))]
            if len(tokens) > len(urls) / 2 and sum(len(token) >= 16 for token in tokens) > len(tokens) / 2:
                return pattern
    return None
