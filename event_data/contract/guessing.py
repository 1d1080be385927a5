"""Infer the kind, role and pattern of a column, and the keys of a payload, from their values.

Pure functions over samples. A guess contains no data except the names of events and keys, and the shop's own hosts.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from event_data.contract.model import NEEDED_ROLES

NEAR = 0.01  # a smaller share is treated as none
ENOUGH = 20  # distinct values that a pattern needs at least
MAX_KEYS = 60  # an object with more keys is a map: its keys are data

Roles = dict[str, tuple[str, bool]]  # role -> its column, and whether that is certain

_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?\s?(Z|UTC|[+-]\d\d:?\d\d)?")
_EPOCH = re.compile(r"1\d{9}(\d{3}){0,2}(\.\d+)?")
_KINDS = (
    ("timestamp", _TIME),
    ("epoch", _EPOCH),
    ("integer", re.compile(r"[+-]?\d{1,18}")),
    ("number", re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")),
    ("boolean", re.compile(r"true|false", re.IGNORECASE)),
    ("url", re.compile(r"[A-Za-z][\w+.-]*://\S*")),
    ("json", re.compile(r"\s*[{\[].*[}\]]\s*", re.DOTALL)),
    (
        "user_agent",
        re.compile(r"(Mozilla|Opera|Dalvik|curl|[A-Za-z-]+[Bb]ot)\b.*", re.DOTALL),
    ),
    ("word", re.compile(r"[A-Za-z][\w $:/.-]{0,60}")),
    ("id", re.compile(r"[\w.:=+-]{6,128}")),
)
_KEY = re.compile(r"[A-Za-z_$][\w$ -]{0,60}")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_CLASSES = ("0-9", "a-z", "A-Z", "0-9a-f", "0-9A-F", "0-9A-Fa-f", "0-9a-z", "0-9A-Z", "A-Za-z", "0-9A-Za-z")

# role -> (the kinds that fit, the plain() names, best first)
_ROLES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "time": (("timestamp", "epoch"), "timestamp eventtimestamp eventtime ts time datetime createdat date"),
    "user_agent": (("user_agent",), "useragent ua browser agent"),
    "payload": (("json",), "eventdata eventparams payload properties props params data attributes"),
    "referrer": (("url",), "referrer referer pagereferrer documentreferrer previousurl ref"),
    "page": (("url",), "pageurl url pagelocation location currenturl href page"),
    "event": (("word",), "eventname event eventtype action eventaction type name"),
    "client": (
        ("id", "integer", "epoch", "word"),
        "clientid visitorid userpseudoid anonymousid deviceid cookieid visitor cid uid distinctid userid",
    ),
}
_EVENT_ROLES = {
    "order": "purchase checkoutcompleted ordercompleted orderplaced placeorder transaction order",
    "checkout": "checkoutstarted begincheckout initiatecheckout startcheckout checkout",
    "cart": "addtocart addedtocart productadded cartadd cart",
    "page_view": "pageview pageviewed screenview viewpage",
    "signup": "signup newsletter email generatelead subscribe lead register",
}


@dataclass
class Sample:
    """A sample of a column: its non-empty values, and the share of empty values in each file."""

    name: str
    values: list[str] = field(default_factory=list)
    empty: dict[int, float] = field(default_factory=dict)  # file number -> share
    late_names: list[str] = field(default_factory=list)  # the column's names in later files

    @property
    def healthy(self) -> float:
        """Return the share of empty values in a good file: the lower quartile."""
        return sorted(self.empty.values())[len(self.empty) // 4] if self.empty else 1.0

    @cached_property
    def kind(self) -> str:
        """Return the kind that nearly all values have."""
        return kind_of(self.values)

    @property
    def pattern(self) -> str | None:
        """Return the pattern of the values, if they are identifiers."""
        return pattern_of(self.values) if self.kind in ("word", "id") else None

    @property
    def lacks_offset(self) -> bool:
        """Return whether the values are times that are not all in UTC."""
        return self.kind == "timestamp" and not all(re.search("(Z|UTC|[+-]00:?00)$", v) for v in self.values)


def plain(name: str) -> str:
    """Return a name in lower case without punctuation, so that `clientId` equals `client_id`."""
    return re.sub(r"[\W_]+", "", name).casefold()


def kind_of(values: Sequence[str]) -> str:
    """Return the kind that nearly all values have: one of _KINDS, or `text`."""
    some = values[:: max(1, len(values) // 500)][:500]
    for kind, pattern in _KINDS:
        if some and sum(pattern.fullmatch(value) is not None for value in some) >= 0.95 * len(some):
            return kind
    return "text"


def pattern_of(values: Iterable[str]) -> str | None:
    """Return a regexp that every value matches, if they are identifiers of one to three lengths; else None."""
    groups: dict[int, set[str]] = {}
    for value in values:
        groups.setdefault(len(value), set()).add(value)
        if len(groups) > 3:
            return None
    parts = [_template(group, length) for length, group in sorted(groups.items())]
    if not parts or None in parts:
        return None
    return f"^{parts[0]}$" if len(parts) == 1 else f"^(?:{'|'.join(str(part) for part in parts)})$"


def _template(values: set[str], length: int) -> str | None:
    """Return the pattern of values of one length: shared punctuation stays, other characters become classes."""
    if all(_UUID.fullmatch(value) for value in values):
        case = _class_of("".join(values).replace("-", ""))
        return None if case is None else _UUID.pattern.replace("[0-9A-Fa-f]", f"[{case}]")
    if len(values) < ENOUGH or not 6 <= length <= 128:
        return None
    runs: list[list[str]] = [[]]
    signs: list[str] = []
    for letters in zip(*values, strict=True):
        if len(set(letters)) == 1 and letters[0] in "-_.:/":
            signs.append(letters[0])
            runs.append([])
        else:
            runs[-1].append("".join(set(letters)))
    template = ""
    for run, sign in zip(runs, [*signs, ""], strict=True):
        letters_class = _class_of("".join(run)) if run else ""
        if letters_class is None:
            return None
        template += (f"[{letters_class}]{{{len(run)}}}" if run else "") + sign.replace(".", r"\.")
    return template


def _class_of(letters: str) -> str | None:
    """Return the narrowest character class that contains all the letters."""
    for extra in ("", "_-"):
        for name in _CLASSES:
            if re.fullmatch(f"[{name}{extra}]+", letters):
                return name + extra
    return None


def find_renames(samples: Sequence[Sample]) -> dict[str, str]:
    """Return later name -> earlier name of renamed columns: one starts where the other ends, with similar values."""
    found: dict[str, str] = {}
    for place, late in enumerate(samples):
        for early in samples[:place]:
            if early.name not in found and _is_rename(early, late):
                found[late.name] = early.name
                break
    return found


def _is_rename(early: Sample, late: Sample) -> bool:
    if early.name.casefold() == late.name.casefold():
        return True  # DuckDB treats them as one column
    if not early.values or not late.values or max(early.empty) >= min(late.empty):
        return False
    if plain(early.name) == plain(late.name):
        return True
    pattern = pattern_of(early.values)
    return pattern is not None and pattern == pattern_of(late.values)


def find_roles(samples: Sequence[Sample]) -> Roles:
    """Return each role's column, certain if name and values agree; required roles always get one."""
    roles: Roles = {}
    for role, (fitting, words) in _ROLES.items():
        free = [s for s in samples if s.name not in [name for name, _ in roles.values()]]
        ranks = [(_rank(role, s, s.kind in fitting, words.split()), s.name) for s in free]
        best = max(ranks, key=lambda rank: rank[0], default=None)
        needed = [other for other in NEEDED_ROLES if other not in roles]
        enough = role in needed or (best is not None and best[0] >= 10 and len(free) > len(needed))
        if best is not None and enough:
            roles[role] = (best[1], best[0] >= 12)
    return roles


def _rank(role: str, sample: Sample, fits: bool, words: list[str]) -> float:
    """Return how well a column fits a role: 10 for its values, 5 for its name, up to 0.1 for being filled."""
    name = plain(sample.name)
    part = any(word in name for word in words if len(word) > 3)
    named = 5.0 - words.index(name) / 10 if name in words else 2.0 * part
    if role == "referrer" and not named:
        return 0.0  # any URL column could be it; only the name can tell
    distinct = len(set(sample.values))
    if role == "event":
        fits = fits and 2 <= distinct <= 100 and distinct < len(sample.values) / 2
    if role == "client":
        fits = fits and distinct > min(ENOUGH, len(sample.values) / 4)
    return 10.0 * fits + named + (1.0 - sample.healthy) / 10


def event_roles(names: Iterable[str]) -> dict[str, str]:
    """Return the role of each event, inferred from its name; each role is used once."""
    roles: dict[str, str] = {}
    names = list(names)
    for role, words in _EVENT_ROLES.items():
        free = [name for name in names if name not in roles]
        for word in words.split():
            match = next((name for name in free if word in plain(name)), None)
            if match is not None:
                roles[match] = role
                break
    return roles


@dataclass
class Shape:
    """What the payloads contain at one path."""

    seen: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    texts: set[str] = field(default_factory=set)
    keys: dict[str, "Shape"] = field(default_factory=dict)
    element: "Shape | None" = None

    def look(self, value: Any, depth: int = 0) -> None:
        """Add one value."""
        self.seen += 1
        if isinstance(value, dict) and depth < 5:
            self.kinds["object"] += 1
            for key, inner in value.items():
                if key in self.keys or (len(self.keys) < MAX_KEYS and _KEY.fullmatch(key)):
                    self.keys.setdefault(key, Shape()).look(inner, depth + 1)
        elif isinstance(value, list):
            self.kinds["array"] += 1
            self.element = self.element or Shape()
            for inner in value[:100]:
                self.element.look(inner, depth + 1)
        elif isinstance(value, str):
            self.kinds["string"] += 1
            if len(self.texts) < 5000:
                self.texts.add(value)
        elif value is not None:
            self.kinds[{bool: "boolean", int: "integer", float: "number"}.get(type(value), "object")] += 1

    @property
    def logical_type(self) -> str:
        """Return the type of most values; whole numbers mixed with others are numbers."""
        if self.kinds["number"] and self.kinds["integer"]:
            return "number"
        return self.kinds.most_common(1)[0][0] if self.kinds else "string"

    @property
    def is_record(self) -> bool:
        """Return whether the keys are names; in an object with very many keys they are data."""
        return 0 < len(self.keys) < MAX_KEYS

    @property
    def filled(self) -> int:
        """Return the number of values that are not null."""
        return sum(self.kinds.values())

    @property
    def pattern(self) -> str | None:
        """Return the pattern of the texts, if they are identifiers."""
        return pattern_of(self.texts) if self.logical_type == "string" and not self.mixed else None

    @property
    def mixed(self) -> bool:
        """Return whether some values have a different type from most."""
        return len(set(self.kinds) - {"integer", "number"}) + bool(set(self.kinds) & {"integer", "number"}) > 1


def paths_of(shape: Shape, above: str = "") -> dict[str, Shape]:
    """Return every part of a payload by its path, such as `items[].price`."""
    found: dict[str, Shape] = {}
    for key, inner in shape.keys.items() if shape.is_record else ():
        found[above + key] = inner
        found |= paths_of(inner, f"{above}{key}.")
        if inner.element is not None:
            found |= paths_of(inner.element, f"{above}{key}[].")
    return found


def pick(paths: Mapping[str, Shape], words: str, types: Collection[str], inside: str | None = None) -> str | None:
    """Return the path whose last key is the first of `words` to occur, in the list `inside` or outside all lists."""
    fitting = [
        path
        for path, shape in paths.items()
        if shape.logical_type in types and (path.startswith(f"{inside}[].") if inside else "[]" not in path)
    ]
    for word in words.split():
        for path in sorted(fitting, key=len):
            if plain(path.rpartition(".")[2]) == word:
                return path
    return None


def host_of(url: str) -> str:
    """Return the host of a URL in lower case; empty if it has none."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def hidden_pattern(values: Sequence[str]) -> str | None:
    """Return the pattern of query values if all are hashes of one length; None if they are not anonymised."""
    lengths = Counter(map(len, values)).most_common(1)
    if len(values) < ENOUGH or not lengths or lengths[0][0] < 6:
        return None
    most = {value for value in values if len(value) == lengths[0][0]}
    for name in ("0-9a-f", "0-9A-F"):
        hits = sum(re.fullmatch(f"[{name}]{{{lengths[0][0]}}}", value) is not None for value in values)
        if hits >= (1 - NEAR) * len(values) and _class_of("".join(most)[:2000]) != "0-9":
            return f"^[{name}]{{{lengths[0][0]}}}$"
    return None


def hidden_hosts(hosts: Iterable[str]) -> str | None:
    """Return the pattern of anonymised hosts, which are one name with a hash in it; None if there are none."""
    found: Counter[str] = Counter()
    for host in set(hosts):
        if match := re.fullmatch(r"([a-z]+[.-])?([0-9a-f]{6,64})(\.[a-z.]+)?", host):
            before, hashed, after = match[1] or "", match[2], match[3] or ""
            found[f"^{before}[0-9a-f]{{{len(hashed)}}}{re.escape(after)}$"] += 1
    best = found.most_common(1)
    return best[0][0] if best and best[0][1] >= 5 else None
