"""Describe what the payloads of each event contain, and find the keys of an order's line items."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from event_data.contract.drafting.forms import pattern_of, plain

MAX_KEYS = 60  # an object with more keys is a map: its keys are data
_KEY = re.compile(r"[A-Za-z_$][\w$ -]{0,60}")


@dataclass
class Shape:
    """The values that payloads have at one path."""

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
    paths: dict[str, Shape] = {}
    for key, inner in shape.keys.items() if shape.is_record else ():
        paths[above + key] = inner
        paths |= paths_of(inner, f"{above}{key}.")
        if inner.element is not None:
            paths |= paths_of(inner.element, f"{above}{key}[].")
    return paths


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


def line_paths(known: Mapping[str, Shape]) -> dict[str, str]:
    """Return the paths of the line items of an order: key of `order` -> path."""
    text, number = ("string", "integer"), ("number", "integer", "string")
    below = pick(known, "items products lines lineitems contents cart", ("array",))
    if not below or not any(path.startswith(f"{below}[].") for path in known):
        return {}
    paths = {
        "lines": below,
        "lineId": pick(known, "itemid productid sku variantid id", text, below),
        "lineName": pick(known, "itemname productname name title", ("string",), below),
        "lineVariant": pick(known, "itemvariant variantname varianttitle variant option", text, below),
        "lineAmount": pick(known, "price itemprice unitprice lineprice linetotal amount total value", number, below),
        "lineQuantity": pick(known, "quantity qty count", number, below),
    }
    return {key: path for key, path in paths.items() if path}


def line_amount_is(payloads: Iterable[Any], amount: str, lines: str, price: str, pieces: str) -> str:
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
