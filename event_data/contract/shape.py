"""Whether a contract has the shape that ODCS 3.2.0 allows.

Everything that can be said about a contract without knowing what it means stands
here: unknown keys, wrong types, missing keys. LEVELS is the whole of ODCS 3.2.0
(https://bitol-io.github.io/open-data-contract-standard), and what this tool adds to
it under `customProperties`.
"""

import re
import warnings
from functools import cache
from typing import Any

from event_data.contract.yaml_nodes import Node, near, show

# key[!][:kind], `!` = needed. A kind is text (where none is said), flag, number, whole,
# scalar, any, a level, a name of CHOICES, or a list of those in brackets; / = or.
_ELEMENT = (
    "id physicalType description businessName deprecated:flag synonyms:[synonym] tags:[text] "
    "authoritativeDefinitions:[definition] customProperties:[custom] "
)
_NOTES = "customProperties:[custom] authoritativeDefinitions:[definition] "
_CUSTOM = "customProperties:[custom]"
_PROPERTY = _ELEMENT + (
    "physicalName logicalType:type logicalTypeOptions:any primaryKey:flag primaryKeyPosition:whole "
    "semanticType required:flag unique:flag partitioned:flag partitionKeyPosition:whole classification "
    "encryptedName transformSourceObjects:[text] transformLogic transformDescription examples:[any] "
    "enum:[value] criticalDataElement:flag relationships:[relationship] quality:[quality] "
    "properties:[property] items:item map:any "
)
_BOUNDS = (
    "unit:unit mustBe:any mustNotBe:any mustBeGreaterThan:number mustBeGreaterOrEqualTo:number "
    "mustBeLessThan:number mustBeLessOrEqualTo:number mustBeBetween:[number] mustNotBeBetween:[number] "
)
LEVELS = {
    "contract": "version! kind!:contract_kind apiVersion!:api id! name tenant tags:[text] status "
    "servers:[server] dataProduct description:about domain context:text/context schema!:[table] "
    "support:[support] price:price team:team/[member] roles:[access] slaDefaultElement "
    "slaProperties:[sla] contractCreatedTs " + _NOTES,
    "about": "usage purpose limitations " + _NOTES,
    "context": "instructions verifiedStatements:[statement] constraints:[constraint]",
    "statement": "id question! answer tags:[text] " + _NOTES,
    "constraint": "id constraint! tags:[text] " + _NOTES,
    "server": "id server! type! description environment roles:[access] customProperties:[custom] account "
    "catalog catalogUrl database dataset delimiter encoding endpointUrl format host location namespace "
    "path port:scalar project region regionName schema serviceName stagingDir stream warehouse workgroup",
    "support": "id channel! url description tool scope invitationUrl customProperties:[custom]",
    "price": "id priceAmount:number priceCurrency priceUnit",
    "team": "id name description members:[member] tags:[text] " + _NOTES,
    "member": "id username! name description role dateIn dateOut replacedByUsername tags:[text] " + _NOTES,
    "access": "id role! description access firstLevelApprovers secondLevelApprovers " + _CUSTOM,
    "sla": "id property! value!:scalar valueExt:scalar unit element driver description scheduler schedule " + _NOTES,
    "definition": "id url! type! description",
    "custom": "id property! value!:any description vendor",
    "synonym": "id synonym! description locale source status customProperties:[custom]",
    "value": "id value!:scalar label description tags:[text] " + _NOTES,
    "relationship": "id type from:text/[text] to:text/[text] customProperties:[custom]",
    "table": _ELEMENT + "name! logicalType physicalName dataGranularityDescription properties!:[property] "
    "relationships:[relationship] quality:[quality] context:text/context",
    "property": "name! " + _PROPERTY,
    "item": "name " + _PROPERTY,
    "quality": _BOUNDS + "id businessImpact description dimension:dimension method name schedule scheduler "
    "severity:severity tags:[text] type:rule_type metric:metric rule query engine "
    "arguments:any implementation:any " + _NOTES,
    "arguments": "validValues:[scalar] missingValues:[any] pattern properties:[text]",  # of a library rule
    # logicalTypeOptions, by logicalType
    "string options": "minLength:whole maxLength:whole pattern format",
    "number options": "multipleOf:number minimum:number maximum:number exclusiveMinimum:number "
    "exclusiveMaximum:number format",
    "date options": "format minimum maximum exclusiveMinimum exclusiveMaximum timezone:flag defaultTimezone",
    "object options": "minProperties:whole maxProperties:whole required:[text]",
    "array options": "minItems:whole maxItems:whole uniqueItems:flag",
    # the `implementation` of our own rules; the standard gives a custom rule no other place for a bound
    "implementation": "check! " + _BOUNDS,
    # the values of the contract's own customProperties
    "columnRoles": "client! page! time! event! referrer payload user_agent",
    "events": "name! synonyms:[synonym] role:event_role payload:[property] description",
    "anonymisation": "queryValue foreignHost plainHosts:[text]",
    "order": "transactionId! amount! customer lines lineAmount lineQuantity lineAmountIs:line_amount "
    "lineId lineName lineVariant checkoutToken confirmationPath duplicates:duplicates "
    "possibleDuplicates:possible_duplicates",
    "transformation": "sessionGapMinutes:whole windowDays:whole mostClientsOfAPerson:whole mostRefusedPercent:number",
}
CUSTOM = {
    "columnRoles": "columnRoles",
    "events": "[events]",
    "ownHosts": "[text]",
    "paymentProviders": "[text]",
    "anonymisation": "anonymisation",
    "order": "order",
    "transformation": "transformation",
    "ignoreFiles": "[text]",
    "currency": "text",
    "additionalColumns": "additional_columns",
    "delimiter": "text",
}
CHOICES = {
    "contract_kind": ("DataContract",),
    "api": ("v3.2.0", "v3.1.0", "v3.0.2", "v3.0.1", "v3.0.0"),
    "type": (
        *("string", "integer", "number", "boolean", "date", "timestamp", "time"),
        *("object", "array", "map", "vector"),
    ),
    "rule_type": ("library", "custom", "sql", "text"),
    "severity": ("P0", "P1", "P2", "P3"),
    "dimension": (
        *("accuracy", "completeness", "conformity", "consistency", "coverage"),
        *("timeliness", "uniqueness"),
    ),
    "unit": ("percent", "rows"),
    "metric": ("nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount"),
    "event_role": ("page_view", "signup", "cart", "checkout", "order"),
    "line_amount": ("line", "unit"),
    "duplicates": ("resubmission", "transaction_id"),
    "possible_duplicates": ("both", "once"),
    "additional_columns": ("report", "allow"),
}
# An escape or a class is one token, so that what stands in it is not taken for an operator.
_RE_TOKEN = re.compile(
    r"\\(?P<escape>.)|\[\^?\]?(?:\\.|[^\]\\])*\]|(?P<group>\(\?(?:<?[=!]|>|\(|#|P=|[a-zA-Z]*[xLua]))"
    r"|(?P<possessive>[*+?}]\+)|\{(?P<repeat>[0-9,]*)\}",
    re.DOTALL,
)
_OPTIONS = {"integer": "number", "timestamp": "date", "time": "date"}
_SCALARS: dict[str, tuple[tuple[type, ...], str]] = {
    "text": ((str,), "text"),
    "flag": ((bool,), "true or false"),
    "number": ((int, float), "a number"),
    "whole": ((int,), "a whole number"),
    "scalar": ((str, int, float, bool), "a single value"),
}


@cache
def _keys(level: str) -> dict[str, tuple[str, bool]]:
    """The keys of a level: name -> (kind, needed)."""
    parts = [word.partition(":") for word in LEVELS[level].split()]
    return {name.removesuffix("!"): (kind or "text", name.endswith("!")) for name, _, kind in parts}


def check_shape(node: Node, kind: str) -> None:
    """Raise ContractError where a node, or one below it, is not of its kind."""
    if "/" in kind:
        kind = _fitting(kind.split("/"), node.value)
    if kind == "any":
        return
    if kind.startswith("["):
        if not isinstance(node.value, list):
            raise node.error("must be a list: begin every entry with `- `")
        for entry in node.value:
            check_shape(entry, kind[1:-1])
    elif kind in CHOICES:
        _check_scalar(node, "text")
        if node.value not in CHOICES[kind]:
            raise node.error(f"{show(node.value)} is not known here; {near(node.value, CHOICES[kind])}")
    elif kind in _SCALARS:
        _check_scalar(node, kind)
    else:
        _check_mapping(node, kind)


def _fitting(kinds: list[str], value: object) -> str:
    """Which of several kinds a value is meant to be, by its outer shape."""
    if isinstance(value, list):
        meant = [kind for kind in kinds if kind.startswith("[")]
    elif isinstance(value, dict):
        meant = [kind for kind in kinds if kind != "text" and not kind.startswith("[")]
    else:
        meant = [kind for kind in kinds if kind == "text"]
    return (meant or kinds)[0]


def _check_scalar(node: Node, kind: str) -> None:
    types, words = _SCALARS[kind]
    value: Any = node.value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    finite = not number or -1e300 <= value <= 1e300
    if not isinstance(value, types) or (kind in ("number", "whole") and not number):
        advice = "; put it in quotes" if kind == "text" and isinstance(value, int | float) else ""
        raise node.error(f"must be {words}{advice}")
    if not finite:
        raise node.error("must be a finite number")


def _check_mapping(node: Node, level: str) -> None:
    if not isinstance(node.value, dict):
        needed_first = sorted(_keys(level), key=lambda key: (not _keys(level)[key][1], key == "id"))
        example = needed_first[0]
        raise node.error(f"must have keys below it, such as `{example}:`")
    for key, value in node.value.items():
        if key not in _keys(level):
            raise node.error(f"unknown key {show(key)}; {near(key, _keys(level))}", value.line)
        if value.value is not None:  # a key with nothing behind it says nothing
            check_shape(value, _keys(level)[key][0])
    for key, (_, needed) in _keys(level).items():
        if needed and node.get(key) is None:
            raise node.error(f"`{key}` is missing; add it")
    options = node.get("logicalTypeOptions") if level in ("property", "item") else None
    if options is not None:
        logical = node.plain("logicalType", "string")
        named = _OPTIONS.get(logical, logical) + " options"
        if named not in LEVELS:
            raise options.error(f"a column of type {logical} has no options; take them out")
        check_shape(options, named)


def regexp(node: Node | None, groups: int | None = None) -> str | None:
    """A regular expression that Python and RE2 both take, with so many groups."""
    if node is None:
        return None
    text = str(node.value)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compiled = re.compile(text)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        raise node.error(f"{show(text)} is no regular expression ({error}); correct it") from None
    for token in _RE_TOKEN.finditer(text):
        parts = token.groupdict()
        large = any(int(n) > 1000 for n in re.findall("[0-9]{1,9}", parts["repeat"] or ""))
        escape = (parts["escape"] or "") + "".join(re.findall(r"\\([uUN])", token[0]))
        if parts["group"] or parts["possessive"] or large or re.search("[1-9ZuUN]", escape):
            raise node.error(f"{show(token[0])} is not RE2, which DuckDB runs (no lookaround, backreference)")
    if groups is not None and compiled.groups != groups:
        raise node.error(f"must have {groups} group in ( ), not {compiled.groups}; use (?: ) for the others")
    return text
