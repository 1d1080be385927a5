"""Check the structure of a contract: ODCS 3.2.0's JSON Schema, and blocks.schema.json for our own blocks."""

import json
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from event_data.contract.model import ContractError
from event_data.contract.yaml_nodes import Node, near, printable, show

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError

SCHEMAS = {"urn:odcs": "odcs-3.2.0.schema.json", "urn:blocks": "blocks.schema.json"}
BOOKS = ("orderList", "adSpend")  # the custom properties that say what a further object of the contract is
_FORMS = {
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "array": "a list: begin every entry with `- `",
}
_CONSEQUENCES = {"missing_key": 1, "bound": 1, "misplaced_key": 2}  # codes of errors that another mistake may cause
# An escape or a class is one token, so that its contents are not read as operators.
_RE_TOKEN = re.compile(
    r"\\(?P<escape>.)|\[\^?\]?(?:\\.|[^\]\\])*\]|(?P<group>\(\?(?:<?[=!]|>|\(|#|P=|[a-zA-Z]*[xLua]))"
    r"|(?P<possessive>[*+?}]\+)|\{(?P<repeat>[0-9,]*)\}",
    re.DOTALL,
)


@cache
def schema(uri: str) -> Any:
    """Return one of SCHEMAS."""
    return json.loads((Path(__file__).parent / SCHEMAS[uri]).read_text("utf-8"))


def channels() -> tuple[str, ...]:
    """Return the names of the channels, in Google's order."""
    return tuple(schema("urn:blocks")["properties"]["channels"]["additionalProperties"]["enum"])


def weekdays() -> tuple[str, ...]:
    """Return the names of the weekdays in a contract, Monday first."""
    return tuple(schema("urn:blocks")["properties"]["schedule"]["properties"]["closedWeekdays"]["items"]["enum"])


@cache
def _validator() -> Any:
    from jsonschema_rs import Draft201909Validator, Registry  # 0.02 s; jsonschema takes 0.1 s

    rules: dict[str, Any] = {"items": {"$ref": "urn:blocks#/$defs/rule"}}
    parts = {"contract": {"$ref": "urn:odcs"}, "blocks": {"$ref": "urn:blocks"}, "rules": rules}
    parts |= {name: {"$ref": f"urn:blocks#/$defs/{name}"} for name in BOOKS}
    return Draft201909Validator({"properties": parts}, registry=Registry([(uri, schema(uri)) for uri in SCHEMAS]))


def check_contract(root: Node) -> None:
    """Raise ContractError if a contract is not valid ODCS."""
    _check({"contract": root})


def check_book(name: str, block: Node) -> None:
    """Raise ContractError if the block of one of BOOKS does not match our schema."""
    _check({name: block})


def check_blocks(root: Node, blocks: Mapping[str, Node], rules: Sequence[Node]) -> None:
    """Raise ContractError if the contract's own blocks or rules do not match our schema."""
    top = Node(dict(blocks), root.line, None, root.key)
    _check({"blocks": top, "rules": Node(list(rules), root.line, None, root.key)})


def _check(parts: dict[str, Node]) -> None:
    errors = _validator().iter_errors({name: _plain(node) for name, node in parts.items()})
    if problems := [_problem(error, parts) for error in islice(errors, 200)]:
        # A mistake can also invalidate its parents: report the first error that is not such a consequence.
        raise min(problems, key=lambda problem: (_CONSEQUENCES.get(problem.code, 0), problem.line or 0))


def _plain(node: Node) -> Any:
    """Return a node as the schemas expect it: omit keys without a value, and make columns without a type text."""
    if isinstance(node.value, list):
        return [_plain(entry) for entry in node.value]
    if not isinstance(node.value, dict):
        return node.value
    plain = {key: _plain(value) for key, value in node.value.items() if value.value is not None}
    types = {"items": "array", "properties": "object", "map": "map"}
    for one in [plain.get("items"), *_list(plain.get("properties")), *_list(plain.get("payload"))]:
        if isinstance(one, dict):  # without a type, the ODCS schema applies the keys of every type at once
            one.setdefault("logicalType", next((types[key] for key in one if key in types), "string"))
    return plain


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _problem(error: "ValidationError", parts: Mapping[str, Node]) -> ContractError:
    """Return the validator's error as a sentence about the YAML."""
    first, *steps = error.instance_path
    node = parts[str(first)]
    for step in steps:
        node = node.value[step]
    kind, details = error.kind.name, error.kind.as_dict()
    uri, _, pointer = str(error.absolute_keyword_location).partition("#")
    *above, _ = pointer.strip("/").split("/")
    place = schema(uri)
    for token in above:
        place = place[int(token) if isinstance(place, list) else token.replace("~1", "/").replace("~0", "~")]
    if kind in ("additionalProperties", "unevaluatedProperties"):
        return _unknown_key(node, details["unexpected"], _keys(place, uri))
    if kind == "required":
        what = "custom property" if node is parts.get("blocks") else "key"
        return node.error(f"the {what} `{details['property']}` is missing; add it", code="missing_key")
    if kind == "enum":
        advice = near(str(node.value), details["options"], "docs/contract.md lists what it may be")
        problem = f"{show(node.value)} is not known here; {advice}"
        return node.error(problem, code="unknown_value")
    if kind == "type":
        return _wrong_type(node, details["types"], _keys(place, uri))
    if "DataQualityOperators" in above:
        return node.error("needs exactly one bound, such as `mustBe: 0`", code="bound")
    if kind in ("oneOf", "anyOf"):
        return node.error("has none of the forms that the standard allows", code="wrong_type")
    return node.error(
        f"{show(node.value)} {place['$comment']}" if "$comment" in place else printable(error.message, 100)
    )


def _unknown_key(node: Node, unexpected: Sequence[str], known: Sequence[str]) -> ContractError:
    if unknown := [key for key in unexpected if key not in known]:
        problem = f"unknown key {show(unknown[0])}; {near(unknown[0], known)}"
        return node.error(problem, node.value[unknown[0]].line, "unknown_key")
    key, custom = unexpected[0], node.get("engine") is not None
    problem = f"{show(key)} does not belong here; remove it"
    if custom and (key.startswith("must") or key == "arguments"):
        problem = f"ODCS keeps a custom rule's bound elsewhere; write `implementation: {{check: ..., {key}: ...}}`"
    misplaced: Node = node.value[key]
    return misplaced.error(problem, code="misplaced_key")


def _wrong_type(node: Node, types: Sequence[str], keys: Sequence[str]) -> ContractError:
    forms = [_FORMS[name] for name in types if name in _FORMS]
    if "object" in types:
        forms.append("a mapping" + (f" with keys such as `{keys[0]}:`" if keys else ""))
    quote = "string" in types and isinstance(node.value, int | float)
    return node.error(f"must be {' or '.join(forms)}{'; put it in quotes' * quote}", code="wrong_type")


def _keys(place: Any, uri: str) -> list[str]:
    """Return the keys that a schema defines, required ones first."""
    keys = [*place.get("required", ()), *place.get("properties", ())]
    for part in _parts(place, uri):
        keys += _keys(part, uri)
    return list(dict.fromkeys(keys))


def _parts(place: Any, uri: str) -> Iterable[Any]:
    """Yield the further schemas that apply to the same value."""
    if "$ref" in place:
        target, _, pointer = place["$ref"].partition("#")
        target_schema = schema(target or uri)
        for token in pointer.strip("/").split("/"):
            target_schema = target_schema[token]
        yield target_schema
    for name in ("allOf", "anyOf", "oneOf"):
        yield from place.get(name, ())
    if "then" in place:
        yield place["then"]


def regexp(node: Node | None, groups: int | None = None) -> str | None:
    """Return a regular expression that both Python and RE2 accept, with this number of groups."""
    if node is None:
        return None
    text = str(node.value)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compiled = re.compile(text)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        raise node.error(f"{show(text)} is not a regular expression ({error}); correct it", code="pattern") from None
    for token in _RE_TOKEN.finditer(text):
        parts = token.groupdict()
        large = any(int(n) > 1000 for n in re.findall("[0-9]{1,9}", parts["repeat"] or ""))
        escape = (parts["escape"] or "") + "".join(re.findall(r"\\([uUN])", token[0]))
        if parts["group"] or parts["possessive"] or large or re.search("[1-9ZuUN]", escape):
            problem = f"{show(token[0])} is not RE2, which DuckDB runs (no lookaround, backreference)"
            raise node.error(problem, code="pattern")
    if groups is not None and compiled.groups != groups:
        problem = f"must have {groups} group in ( ), not {compiled.groups}; use (?: ) for the others"
        raise node.error(problem, code="pattern")
    return text
