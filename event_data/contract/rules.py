"""The `quality:` rules of a contract: which check each rule runs, and what it tolerates."""

import math
from collections.abc import Iterator

from event_data.contract.model import Limit, Rule, Severity
from event_data.contract.yaml_nodes import Node, near, show

ENGINE = "validate_dataframework"
METRICS = {
    "nullValues": "null_share",
    "missingValues": "null_share",
    "invalidValues": "value_invalid",
    "duplicateValues": "value_repeated",
    "rowCount": "row_count",
}
_ARGUMENTS = {"validValues": "value_invalid", "pattern": "value_pattern"}


def own_rules(place: Node) -> list[Node]:
    """Return the rules of a table or column that run here: library rules, and custom rules for this engine.

    Raise ContractError for a misspelled engine, and for a rule of unknown type.
    """
    own = []
    for node in place.each("quality"):
        kind, engine = node.plain("type", "library"), node.get("engine")
        if kind == "custom" and engine is not None and near(engine.value, [ENGINE]) == f"did you mean `{ENGINE}`?":
            if engine.value != ENGINE:
                problem = f"unknown engine {show(engine.value)}; did you mean `{ENGINE}`?"
                raise engine.error(problem, code="unknown_value")
            own.append(node)
        if kind == "library":
            if node.get("metric") is None:
                raise node.error(
                    "a library rule needs a `metric`; add one, or write `type: custom`", code="missing_key"
                )
            own.append(node)
    return own


def read_rules(table: Node) -> Iterator[Rule]:
    """Yield the rules of a table and its columns, in the order of the file."""
    columns = ((str(node.plain("physicalName", node.plain("name"))), node) for node in table.each("properties"))
    places: list[tuple[str | None, Node]] = [(None, table), *columns]
    seen: set[tuple[str, str | None]] = set()
    for column, place in places:
        for node in own_rules(place):
            for rule in _rules(node, column):
                if (rule.check, column) in seen:
                    raise node.error(f"there is a rule for {rule.check} here already; keep one", code="duplicate")
                seen.add((rule.check, column))
                yield rule


def arguments_of(column: Node) -> dict[str, Node]:
    """Return the arguments of a column's `invalidValues` rule: `validValues` and `pattern`."""
    given: dict[str, Node] = {}
    for rule in column.each("quality"):
        arguments = rule.get("arguments")
        if arguments is not None and rule.plain("metric") == "invalidValues":
            given |= {name: arguments.value[name] for name in _ARGUMENTS if name in arguments.value}
    return given


def _rules(node: Node, column: str | None) -> Iterator[Rule]:
    """Yield one rule, or two if a library rule has two arguments."""
    metric, bounds = node.plain("metric"), node
    if node.plain("type", "library") == "library":
        checks = _checks_of(node, metric, column) or [METRICS[metric]]
    else:
        bounds = node.value["implementation"]
        checks = [str(bounds.plain("check") if isinstance(bounds.value, dict) else bounds.value)]
    limit, least = _limit(bounds, node.plain("unit")) if isinstance(bounds.value, dict) else (None, None)
    severity = node.plain("severity")
    for check in checks:
        yield Rule(check, column, severity and Severity[severity.upper()], limit, node.plain("businessImpact"), least)


def _checks_of(node: Node, metric: str, column: str | None) -> list[str]:
    """Return the checks for a library rule's arguments; raise ContractError for an unsupported argument."""
    arguments = node.plain("arguments", {})
    for name in arguments:
        value: Node = node.value["arguments"].value[name]
        if name == "missingValues" and metric == name:
            if other := next((entry for entry in value.value if entry.value not in (None, "")), None):
                raise other.error(f"{show(other.value)} does not count as missing; exclude it by `pattern` or `enum`")
        elif metric != "invalidValues" or name not in _ARGUMENTS or column is None:
            problem = "is not run here; `validValues` and `pattern` are, in a column's invalidValues rule"
            raise value.error(problem, code="misplaced_key")
    return [check for name, check in _ARGUMENTS.items() if name in arguments]


def _limit(node: Node, unit: str | None) -> tuple[Limit | None, float | None]:
    """Return the most failures that a rule tolerates, and the minimum that it requires."""
    given = [key for key in node.value if key.startswith("must") and node.get(key) is not None]
    if len(given) > 1:
        raise node.error(f"has {' and '.join(given)}; a rule needs exactly one bound", code="bound")
    if not given:
        return None, None
    percent = node.plain("unit", unit) == "percent"
    low, high = _interval(node.value[given[0]], given[0], percent)
    if percent:
        return high if high is None else Limit(share=high / 100), low if low is None else low / 100
    if high == 0:  # zero is the same in both units
        return Limit(share=0.0), low
    return high if high is None else Limit(rows=high), low


def _interval(bound: Node, operator: str, percent: bool) -> tuple[float | None, float | None]:
    """Return the smallest and largest numbers that an operator allows; numbers of rows are whole."""
    entries = bound.value if isinstance(bound.value, list) else [bound]
    for entry in entries:
        if entry.value < 0 or (percent and entry.value > 100) or (not percent and 0 < entry.value < 1):
            what = "percentage" if percent else "number of rows"
            raise entry.error(f"{entry.value} is not a {what}; correct it, or the `unit` (rows, percent)")
    low, high = float(entries[0].value) if entries else 0.0, float(entries[-1].value) if entries else 0.0
    if operator == "mustBeBetween" and len(entries) == 2 and low <= high:
        return low, high
    if operator == "mustBe":
        return (low or None), high
    if operator == "mustBeGreaterOrEqualTo":
        return low, None
    if operator == "mustBeGreaterThan" or (operator == "mustNotBe" and low == 0):
        return (low if percent else math.floor(low) + 1.0), None
    if operator == "mustBeLessOrEqualTo":
        return None, high
    if operator == "mustBeLessThan" and high > 0:
        return None, (high if percent else math.ceil(high) - 1.0)
    raise bound.error(f"this {operator} cannot be checked; give another bound")
