"""Draft a contract from the files for `--init`; a person reviews and corrects it.

The template is draft.yaml.j2. Every guess to review has a `# check:` comment. The draft contains no data except the
names of events, channels and payload keys, and the shop's own hosts.
"""

import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from event_data.contract.drafting import files, roles
from event_data.contract.drafting.candidates import Candidate, find_candidates
from event_data.contract.drafting.forms import NEAR, hidden_hosts, hidden_pattern, host_of, offset_of, zone_of
from event_data.contract.drafting.orders import Orders, find_orders, looks_like_orders, order_by_values
from event_data.contract.drafting.rendering import flow, with_first_checks
from event_data.contract.drafting.sampling import Reader, Sample, heal
from event_data.contract.model import EVENT_ROLES, ROLES, ContractError, Field, Time, host_regexp
from event_data.contract.roles import columns_of
from event_data.contract.shape import weekdays
from event_data.contract.yaml_nodes import quoted
from event_data.output import printable, templates

_TYPES = {"timestamp": "timestamp", "epoch": "integer", "json": "object"}
_TYPES |= {name: name for name in ("integer", "number", "boolean")}
# Common hosts; one is drafted only if it occurs in the files.
_KNOWN_HOSTS = (
    "google.* bing.com duckduckgo.com yahoo.* ecosia.org yandex.* baidu.com facebook.com instagram.com "
    "pinterest.* linkedin.com reddit.com youtube.com tiktok.com t.co twitter.com x.com chatgpt.com "
    "com.google.android.* com.linkedin.android com.pinterest com.reddit.frontpage"
)
# A large zone of each offset from UTC, in minutes.
_EXAMPLES = {
    -480: "America/Los_Angeles", -420: "America/Denver", -360: "America/Chicago", -300: "America/New_York",
    -240: "America/New_York", -180: "America/Sao_Paulo", 60: "Europe/Berlin", 120: "Europe/Berlin",
    180: "Europe/Moscow", 210: "Asia/Tehran", 240: "Asia/Dubai", 300: "Asia/Karachi", 330: "Asia/Kolkata",
    360: "Asia/Dhaka", 420: "Asia/Bangkok", 480: "Asia/Shanghai", 540: "Asia/Tokyo", 570: "Australia/Adelaide",
    600: "Australia/Sydney", 660: "Australia/Sydney", 720: "Pacific/Auckland", 780: "Pacific/Auckland",
}  # fmt: skip
_FEW = 0.1  # a smaller share of missing daily files is more likely a fault than a habit


def draft_contract(data_dir: Path, name: str = "events") -> str:
    """Return a draft contract for the files in a folder: YAML that load_contract() reads.

    `name` becomes its id, which keeps the warehouses of several shops apart.

    It is based on a sample of up to 20 files. Raise ContractError if they have no time, event or client.
    """
    listing = files.find(data_dir)
    with tempfile.TemporaryDirectory(prefix="draft_") as work, closing(Reader(Path(work))) as reader:
        reader.read(listing)
        shop = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")
        return _draft(data_dir, listing, reader, shop or "events")


def _draft(data_dir: Path, listing: files.Files, reader: Reader, shop: str) -> str:
    columns = heal(reader.samples())
    rows = max((len(column.cells) for column in columns), default=0)
    candidates = find_candidates(columns)
    chosen = roles.Roles()
    where = str(data_dir)
    roles.find_time(chosen, candidates, rows, where)
    only_orders = looks_like_orders(chosen.free(candidates), rows)
    if not roles.find_event(chosen, candidates, rows, order_by_values, only_orders):
        _one_event(chosen, candidates, rows, where)
    client = roles.find_client(chosen, candidates, rows, where)
    roles.find_others(chosen, candidates, rows, client)
    orders = find_orders(chosen, candidates)
    notes = [*reader.notes, *chosen.notes]
    if listing.left_out:
        are = "other file is" if listing.left_out == 1 else "other files are"
        notes.append(f"{listing.left_out} {are} not read, because of the name")
    if listing.workbooks:
        first, *others = listing.workbooks
        are = f"{first} is" if not others else f"{len(listing.workbooks)} workbooks, such as {first}, are"
        notes.append(f"{are} not read; save each sheet as CSV UTF-8 in this folder, and run --init again")
    role_of = roles.columns_of(chosen.choices)
    zone = _zone(chosen, candidates)
    time = chosen.choices["time"].value
    time_column = next((name for name in columns_of(time) if name), None)
    if isinstance(time, Field) and time.path and zone.name == "UTC" and zone.has_offsets:
        time_column = None  # a JSON column stays one; UTC is the default
    template = templates(Path(__file__).parent)
    template.filters |= {"quoted": quoted, "printable": printable, "flow": flow}
    shown = [role for role in (*ROLES, "transaction_id", "amount", "currency", "customer") if role in chosen.choices]
    text = template.get_template("draft.yaml.j2").render(
        shop=shop, notes=dict.fromkeys(notes), file_name=listing.name, files=len(reader.headers), near=NEAR,
        columns=columns,
        type_of=lambda column: _type_of(column, role_of.get(column.name), is_time=column.name == time_column),
        role_of=role_of, time_column=time_column, zone=zone,
        roles={role: chosen.choices[role] for role in shown}, missing=_missing(chosen, orders), chosen=chosen,
        events=_events(chosen), lacking_roles=[role for role in EVENT_ROLES if role not in chosen.event_roles.values()],
        orders=orders, channels=_channels(chosen, candidates), schedule=_schedule(listing, reader, chosen, columns),
        delimiters=reader.delimiters if reader.is_csv else [], books=listing.books,
        **_hosts(chosen, candidates),
    )  # fmt: skip
    return with_first_checks(text)


def _one_event(chosen: roles.Roles, candidates: Sequence[Candidate], rows: int, where: str) -> None:
    """Make every row an order, or else a page view. Raise ContractError if it can be neither."""
    if looks_like_orders(chosen.free(candidates), rows):
        roles.constant_event(chosen, "purchase", "order", rows)
    elif any(c.kind == "url" and len(c.cells) > 0.5 * rows for c in candidates):
        roles.constant_event(chosen, "page_view", "page_view", rows)
    else:
        names = [ascii(c.name)[1:-1] for c in candidates if c.is_column and 1 < len(c.distinct) <= 60]
        raise ContractError(
            f"{where}: no column has the kind of event, and rows do not look like orders; the columns with few values "
            f"are {', '.join(names[:5]) or 'none'}. Rename the column to `event`, or write the contract by hand."
        )


def _type_of(column: Sample, role: str | None, is_time: bool) -> str:
    if is_time:
        return "timestamp"
    is_id = role in ("client", "session", "transaction_id", "customer") or re.search(r"(^|_)id$|Id$|ID$", column.name)
    if column.kind == "json" and all(cell.lstrip().startswith("[") for cell in column.values[:50]):
        return "array"
    kind = _TYPES.get(column.kind, "string")
    return "string" if is_id and kind in ("integer", "number") else kind


@dataclass(frozen=True)
class Zone:
    """The time zone to draft, and what to check about it."""

    name: str
    check: str
    has_offsets: bool = True


def _zone(chosen: roles.Roles, candidates: Sequence[Candidate]) -> Zone:
    """Return the zone of the times' offsets, or else UTC."""
    value = chosen.choices["time"].value
    inner = value.value if isinstance(value, Time) else value
    texts = next((c.values for c in candidates if c.value == inner), [])
    counts = Counter(map(offset_of, texts))
    offsets = [minutes for minutes, count in counts.items() if minutes is not None and count > NEAR * len(texts)]
    is_epoch = isinstance(value, Time) and value.format.startswith("epoch")
    if not is_epoch and (counts[None] > NEAR * len(texts) or not offsets):
        return Zone("UTC", "the time zone of the files, such as Europe/Berlin", has_offsets=False)
    zone = zone_of(offsets)
    if is_epoch or not zone or zone == "UTC":
        return Zone("UTC", "days are in UTC; name the shop's zone, such as Europe/Berlin")
    shown = " and ".join(f"{'-' if n < 0 else '+'}{abs(n) // 60:02d}:{abs(n) % 60:02d}" for n in sorted(offsets))
    if len(offsets) == 2:
        return Zone(zone, f"the times have the offsets {shown}; name the shop's zone")
    example = f", such as {_EXAMPLES[offsets[0]]}" if offsets[0] in _EXAMPLES else ""
    return Zone(zone, f"the times have the offset {shown}; name the shop's zone{example}")


def _missing(chosen: roles.Roles, orders: Orders) -> list[str]:
    """Return the roles without a choice."""
    in_payload = {"transaction_id": "transactionId"}
    everything = (*ROLES, "transaction_id", "amount", "currency", "customer")
    return [
        role for role in everything if role not in chosen.choices and in_payload.get(role, role) not in orders.paths
    ]


def _events(chosen: roles.Roles) -> list[tuple[str, list[str], str | None]]:
    """Return (name, synonyms, role) of each event; names of one role are synonyms."""
    events: list[tuple[str, list[str], str | None]] = []
    for name in chosen.event_names:
        role = chosen.event_roles.get(name)
        same = [other for other, others in chosen.event_roles.items() if role and others == role]
        if not same or same[0] == name:
            events.append((name, same[1:], role))
    return events


def _channels(chosen: roles.Roles, candidates: Sequence[Candidate]) -> dict[str, str | None]:
    """Return the channel of each value of the channel column; None if it is not known."""
    choice = chosen.choices.get("channel")
    column = next((c for c in candidates if choice and c.value == choice.value), None)
    if column is None:
        return {}
    known = roles.channels_of(column.distinct)
    spellings = {text.strip().lower(): text for text in sorted(column.distinct)}
    return {text: known.get(text) for text in sorted(spellings.values())}


def _schedule(
    listing: files.Files, reader: Reader, chosen: roles.Roles, columns: Sequence[Sample]
) -> tuple[str, list[str], int] | None:
    """Return the days without events: (`closedWeekdays`, the weekdays, days) or (`quietDays`, [], days)."""
    if not listing.is_dated and len(reader.headers) < len(listing.files):
        return None  # the days of the other files are not known
    names: Mapping[str, Sequence[str]] = {c.name: (c.name, *c.late_names) for c in columns}
    days = listing.days or sorted(reader.days(chosen.choices["time"].value, names))
    if len(days) < 2:
        return None
    middle = days[len(days) // 2]
    days = [day for day in days if abs(day - middle) <= timedelta(days=366)]
    there = set(days)
    span = [days[0] + timedelta(days=n) for n in range((days[-1] - days[0]).days + 1)]
    missing = [day for day in span if day not in there]
    if not missing:
        return None
    closed = {day.weekday() for day in missing}
    if len(closed) <= 3 and len(span) >= 14 and not any(day.weekday() in closed for day in there):
        return "closedWeekdays", [weekdays()[number] for number in sorted(closed)], len(missing)
    if listing.is_dated and len(missing) < _FEW * len(span):
        return "", [], len(missing)
    return "quietDays", [], len(missing)


def _hosts(chosen: roles.Roles, candidates: Sequence[Candidate]) -> dict[str, Any]:
    """Return the hosts, and how foreign hosts and query values are anonymised."""

    def urls(role: str) -> list[str]:
        value = chosen.choices[role].value if role in chosen.choices else None
        return next((c.values for c in candidates if c.value == value), [])

    pages = urls("page")
    counts = Counter(map(host_of, pages))
    own = [host for host, count in counts.most_common() if host and count >= NEAR * len(pages)]
    own = [host for host in own if re.fullmatch(r"[\w-]+(?:[.][\w-]+)*", host)]
    foreign = set(map(host_of, urls("referrer"))) - {"", *own}
    queries = re.findall(r"[?&][^=&#]+=([^&#\s]+)", "\n".join(pages[::3]))
    known = {name: re.compile(host_regexp([name])) for name in _KNOWN_HOSTS.split()}
    plain = [name for name, pattern in known.items() if any(map(pattern.fullmatch, foreign))]
    hidden = {"query_value": hidden_pattern(queries), "foreign_host": hidden_hosts(foreign)}
    return {"own_hosts": own, "plain_hosts": plain, **hidden}
