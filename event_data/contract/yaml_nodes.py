"""A contract's YAML as a tree of nodes that know their line; nothing in it is ever executed."""

import difflib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from event_data.contract.model import ContractError

MAX_BYTES = 1_000_000
MAX_DEPTH = 40

_LABELS = ("name", "property", "synonym", "value", "metric", "implementation", "check")


def show(text: object) -> str:
    """A value as a message may quote it: printable, and not longer than 40 characters."""
    clean = "".join(c if c.isprintable() else "?" for c in str(text)[:41])
    return f"`{clean[:39]}…`" if len(clean) > 40 else f"`{clean}`"


def near(word: str, known: Collection[str]) -> str:
    """What to do about a word that is not known, as the end of a sentence."""
    folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word[:100].casefold(), folded, n=1, cutoff=0.6)
    if close:
        return f"did you mean `{folded[close[0]]}`?"
    if len(known) > 12:
        return "take it out, or put it under `customProperties`"
    return "it may be " + ", ".join(show(name) for name in known)


class Node:
    """A YAML value that remembers where it stands: a dict or list of nodes, or a scalar."""

    __slots__ = ("key", "line", "parent", "value")

    def __init__(self, value: Any, line: int, parent: "Node | None", key: Any) -> None:
        self.value, self.line, self.parent, self.key = value, line, parent, key

    def get(self, key: str) -> "Node | None":
        """What stands under a key; None if nothing does."""
        found: Node | None = self.value.get(key)
        return None if found is None or found.value is None else found

    def plain(self, key: str, default: Any = None) -> Any:
        """The bare value under a key, without lines."""
        found = self.get(key)
        return default if found is None else found.bare()

    def each(self, key: str) -> Iterator["Node"]:
        """The entries of the list under a key, if there is one."""
        found = self.get(key)
        return iter(found.value if found is not None else ())

    def bare(self) -> Any:
        """The value as Python data without lines."""
        if isinstance(self.value, dict):
            return {key: node.bare() for key, node in self.value.items()}
        return [node.bare() for node in self.value] if isinstance(self.value, list) else self.value

    def error(self, problem: str, line: int | None = None, code: str = "invalid_value") -> ContractError:
        """Return the error that says where this stands and what is wrong with it."""
        steps, node = [], self
        while node.parent is not None:
            steps.append(node._step())
            node = node.parent
        where = "".join(reversed(steps)).removeprefix(".")
        shown = f"{where[:99] + '…' if len(where) > 100 else where}: " if where else ""
        line = line or self.line
        return ContractError(f"{node.key}, line {line}: {shown}{problem}", node.key, line, where, code)

    def _step(self) -> str:
        if isinstance(self.key, int) and isinstance(self.value, dict):
            told = self.get("implementation")
            nodes = [told] if told is not None and isinstance(told.value, dict) else []
            labels = (node.plain(key) for node in [*nodes, self] for key in _LABELS)
            label = next((label for label in labels if isinstance(label, str) and label), None)
            return f"[{self.key}]" if label is None else "." + show(label).strip("`")
        return f"[{self.key}]" if isinstance(self.key, int) else "." + show(self.key).strip("`")


def read_yaml(path: Path) -> Node:
    """The file as nodes. Raises ContractError; nothing in the file is ever executed."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except IsADirectoryError:
        raise ContractError(f"{path}: this is a directory; give the contract's file in it") from None
    except FileNotFoundError:
        raise ContractError(f"{path}: no such contract; name one with --contract.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ContractError(f"{path}: the contract cannot be read ({reason}); name another with --contract") from None
    if len(raw) > MAX_BYTES:
        raise ContractError(f"{path}: larger than {MAX_BYTES:,} bytes; is this the contract?")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ContractError(f"{path}, line {line}: not UTF-8; save the file as UTF-8") from None
    try:
        tree = _Tree(path)
        for event in yaml.parse(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            tree.add(event)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ContractError(f"{path}, line {line}: not YAML: {error.problem}; check the indents") from None
    except yaml.YAMLError as error:
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        raise ContractError(f"{path}, line {line}: a character that YAML does not allow; delete it") from None
    if tree.root is None or tree.root.value is None:
        raise ContractError(f"{path}, line 1: the file is empty; `--init` writes a first contract")
    return tree.root


class _Tree:
    """Builds the nodes from the parser's events: without recursion, so that no nesting overflows a stack."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.root: Node | None = None
        self.here: list[Node] = []  # the collections that are open
        self.keys: list[Node | None] = []  # per open collection: the key whose value comes next

    def add(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.CollectionEndEvent):
            self.here.pop()
            self.keys.pop()
        elif isinstance(event, yaml.NodeEvent):
            line = event.start_mark.line + 1 if event.start_mark else 1
            if not self.here:
                node = self.root = self._only_root(event, line)
            elif isinstance(self.here[-1].value, dict) and self.keys[-1] is None:
                return self._add_key(event, line)
            else:
                node = self._add_value(event, line)
            if isinstance(event, yaml.CollectionStartEvent):
                self.here.append(node)
                self.keys.append(None)
                if len(self.here) > MAX_DEPTH:
                    raise node.error(f"nested deeper than {MAX_DEPTH} levels; a contract needs fewer", line)

    def _only_root(self, event: yaml.NodeEvent, line: int) -> Node:
        if self.root is not None:
            raise self.root.error("a second document begins here; keep one contract a file", line)
        node = Node(None, line, None, self.path)
        node.value = _value(event, node)
        return node

    def _add_key(self, event: yaml.NodeEvent, line: int) -> None:
        parent = self.here[-1]
        key = Node(None, line, parent, "")
        key.value = _value(event, key, as_text=True)
        if not isinstance(key.value, str):
            raise parent.error("a key must be a word", line)
        if key.value in parent.value:
            raise parent.error(f"the key {show(key.value)} stands here twice; keep one", line)
        self.keys[-1] = key

    def _add_value(self, event: yaml.NodeEvent, line: int) -> Node:
        parent, key = self.here[-1], self.keys[-1]
        if key is None:
            node = Node(None, line, parent, len(parent.value))
            parent.value.append(node)
        else:
            node = parent.value[key.value] = Node(None, key.line, parent, key.value)
            self.keys[-1] = None
        node.value = _value(event, node)
        return node


_MAKER = SafeConstructor()
_resolve: Any = Resolver().resolve  # which type YAML gives a plain scalar
_MAKERS = {
    "bool": _MAKER.construct_yaml_bool,
    "int": _MAKER.construct_yaml_int,
    "float": _MAKER.construct_yaml_float,
}


def _value(event: yaml.NodeEvent, node: Node, as_text: bool = False) -> Any:
    """The Python value of an event; a date stays text, as ODCS has it."""
    if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
        raise node.error("anchors and aliases (& and *) are not allowed; write the value out, or quote it")
    tag = str(getattr(event, "tag", None) or "").removeprefix("tag:yaml.org,2002:")
    if tag not in ("", "!", "str", "int", "float", "bool", "null", "map", "seq"):
        raise node.error(f"the tag {show(tag)} is not allowed; delete it")
    if not isinstance(event, yaml.ScalarEvent):
        return {} if isinstance(event, yaml.MappingStartEvent) else []
    text = str(event.value)
    if as_text:
        return text
    if not tag and event.implicit[0]:
        tag = str(_resolve(yaml.ScalarNode, text, (True, False))).removeprefix("tag:yaml.org,2002:")
    if tag == "null":
        return None
    if tag not in _MAKERS or (":" in text and tag != "bool"):  # 10:30 is no number to the base of 60
        return text
    try:
        return _MAKERS[tag](yaml.ScalarNode(tag, text))
    except (ValueError, KeyError, IndexError, OverflowError):
        raise node.error(f"{show(text)} is not a valid {tag}; quote it if it is meant as text") from None
