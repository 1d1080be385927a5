"""A contract's YAML as a tree of nodes with line numbers; nothing in it is ever executed."""

import difflib
import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import yaml

from event_data import output
from event_data.contract.model import ContractError

MAX_BYTES = 1_000_000
MAX_DEPTH = 40

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LABELS = ("name", "property", "synonym", "value", "metric", "implementation", "check")
_WORDS = ("true", "false", "yes", "no", "on", "off", "y", "n", "null")  # not text without quotes
_MAKER = yaml.constructor.SafeConstructor()
_MAKERS = {
    "bool": _MAKER.construct_yaml_bool, "int": _MAKER.construct_yaml_int, "float": _MAKER.construct_yaml_float,
}  # fmt: skip
# Dates stay text, as in ODCS. So do `<<` and `=`, which have no special meaning here.
_TAGS = ("str", "timestamp", "merge", "value", "null", "map", "seq", *_MAKERS)


def quoted(text: str) -> str:
    """Return a YAML scalar that is read as text, without quotes if possible."""
    if re.fullmatch(r"[A-Za-z_][\w.-]*", text, re.ASCII) and text.lower() not in _WORDS:
        return text
    return "'" + text.replace("'", "''") + "'" if text.isprintable() else json.dumps(text)


def show(text: object) -> str:
    """Return a value to quote in a message: printable, and at most 40 characters long."""
    return f"`{printable(text, 40)}`"


def printable(text: object, length: int) -> str:
    """Return a text on one line, with an ellipsis if it is longer than `length`."""
    clean = output.printable(str(text)[: length + 1])
    return clean if len(clean) <= length else clean[: length - 1] + "…"


def near(word: str, known: Collection[str], many: str = "remove it, or put it under `customProperties`") -> str:
    """Return the end of a sentence: what to do about an unknown word; `many` if there are too many known words."""
    folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word[:100].casefold(), folded, n=1, cutoff=0.6)
    if close:
        return f"did you mean `{folded[close[0]]}`?"
    if len(known) > 12:
        return many
    return "it may be " + ", ".join(show(name) for name in known)


class Node:
    """A YAML value and its position: a dict or list of nodes, or a scalar."""

    __slots__ = ("key", "line", "parent", "value")

    def __init__(self, value: Any, line: int, parent: "Node | None", key: Any) -> None:
        self.value, self.line, self.parent, self.key = value, line, parent, key

    def get(self, key: str) -> "Node | None":
        """Return the node under a key; None if there is none."""
        node: Node | None = self.value.get(key)
        return None if node is None or node.value is None else node

    def plain(self, key: str, default: Any = None) -> Any:
        """Return the value under a key as Python data."""
        node = self.get(key)
        return default if node is None else node.bare()

    def each(self, key: str) -> Iterator["Node"]:
        """Return the items of the list under a key, if there is one."""
        node = self.get(key)
        return iter(node.value if node is not None else ())

    def bare(self) -> Any:
        """Return the value as Python data, without line numbers."""
        if isinstance(self.value, dict):
            return {key: node.bare() for key, node in self.value.items()}
        return [node.bare() for node in self.value] if isinstance(self.value, list) else self.value

    def error(self, problem: str, line: int | None = None, code: str = "invalid_value") -> ContractError:
        """Return an error that reports where this node is and what is wrong with it."""
        steps, node = [], self
        while node.parent is not None:
            steps.append(node._step())
            node = node.parent
        where = "".join(reversed(steps)).removeprefix(".")
        shown = f"{printable(where, 100)}: " if where else ""
        line = line or self.line
        return ContractError(f"{node.key}, line {line}: {shown}{problem}", node.key, line, where, code)

    def _step(self) -> str:
        if not isinstance(self.key, int):
            return "." + printable(self.key, 40)
        label = None
        if isinstance(self.value, dict):
            rule = self.get("implementation")
            nodes = [rule] if rule is not None and isinstance(rule.value, dict) else []
            labels = (node.plain(key) for node in [*nodes, self] for key in _LABELS)
            label = next((label for label in labels if isinstance(label, str) and label), None)
        return f"[{self.key}]" if label is None else "." + printable(label, 40)


def read_yaml(path: Path) -> Node:
    """Return the file as nodes; raise ContractError if it is not the YAML of a contract."""
    text = _read(path)

    def broken(problem: str, line: int) -> ContractError:
        return ContractError(f"{path}, line {line}: {problem}", path, line, code="yaml")

    try:
        depth = 0
        for event in yaml.parse(text, _LOADER):  # before building a tree, which would crash on extreme nesting
            line = event.start_mark.line + 1 if event.start_mark else 1
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise broken(f"nested deeper than {MAX_DEPTH} levels; use fewer", line)
            if getattr(event, "anchor", None) is not None:
                raise broken("anchors and aliases (& and *) are not allowed; write the value out, or quote it", line)
        document = yaml.compose(text, _LOADER)
    except yaml.MarkedYAMLError as error:
        problem = f"not YAML: {error.problem}; check the indents"
        if error.context == "expected a single document in the stream":
            problem = "a second YAML document begins here; keep one contract per file"
        raise broken(problem, error.problem_mark.line + 1 if error.problem_mark else 1) from None
    except yaml.YAMLError as error:
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        raise broken("a character that YAML does not allow; delete it", line) from None
    root = _node(document, 1, None, path) if document is not None else None
    if root is None or root.value is None:
        raise broken("the file is empty; `--init` writes a first contract", 1)
    return root


def _read(path: Path) -> str:
    problem, line = "", None
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) <= MAX_BYTES:
            return raw.decode("utf-8-sig")
        problem = f"{path}: larger than {MAX_BYTES:,} bytes; is this the contract?"
    except IsADirectoryError:
        problem = f"{path}: this is a directory; give the contract's file in it"
    except FileNotFoundError:
        problem = f"{path}: no such contract; name one with --contract."
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        problem = f"{path}, line {line}: not UTF-8; save the file as UTF-8"
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        problem = f"{path}: the contract cannot be read ({reason}); name another with --contract"
    raise ContractError(problem, path, line, code="unreadable")


def _node(made: Any, line: int, parent: Node | None, key: object) -> Node:
    """Return a PyYAML node as one of ours; `line` is the line of its key."""
    node = Node(None, line, parent, key)
    if any("\ud800" <= c <= "\udfff" for c in f"{key}{made.value if isinstance(made, yaml.ScalarNode) else ''}"):
        raise node.error("has half a character (a lone surrogate); delete it", code="yaml")
    tag = str(made.tag).removeprefix("tag:yaml.org,2002:")
    if tag not in _TAGS:
        raise node.error(f"the tag {show(tag)} is not allowed; delete it", code="yaml")
    if isinstance(made, yaml.SequenceNode):
        node.value = []
        for one in made.value:
            node.value.append(_node(one, one.start_mark.line + 1, node, len(node.value)))
    elif isinstance(made, yaml.MappingNode):
        node.value = {}
        for name, one in made.value:
            at = name.start_mark.line + 1
            if not isinstance(name, yaml.ScalarNode):
                raise node.error("a key must be a word", at, "yaml")
            if name.value in node.value:
                raise node.error(f"the key {show(name.value)} occurs twice; keep one", at, "duplicate")
            node.value[name.value] = _node(one, at, node, name.value)
    else:
        node.value = _scalar(made.value, tag, node)
    return node


def _scalar(text: str, tag: str, node: Node) -> Any:
    if tag == "null":
        return None
    if tag not in _MAKERS or (":" in text and tag != "bool"):  # 10:30 is not a base-60 number
        return text
    try:
        value = _MAKERS[tag](yaml.ScalarNode(tag, text))
    except (ValueError, KeyError, IndexError, OverflowError):
        raise node.error(f"{show(text)} is not a valid {tag}; quote it if it is meant as text") from None
    if not -1e300 <= value <= 1e300:
        raise node.error("must be a finite number")
    return value
