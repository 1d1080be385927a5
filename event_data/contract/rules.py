"""The `quality:` rules of a contract: which check each one means, and what it tolerates."""

import math
from collections.abc import Collection, Iterator

from event_data.contract.model import Limit, Rule, Severity
from event_data.contract.shape import check_shape
from event_data.contract.yaml_nodes import Node, near, show

ENGINE = "validate_dataframework"
METRICS = {
    "nullValues": "null_share",
    "missingValues": "null_share",
    "invalidValues": "value_invalid",
    "duplicateValues": "value_repeated",
    "rowCount": "row_count",
}


def read_rules(table: Node, known_checks: Collection[str]) -> Iterator[Rule]:
    """The rules of a table and of its columns, in the file's order."""
    columns = ((str(node.plain("physicalName", node.plain("name"))), node) for node in table.each("properties"))
    places: list[tuple[str | None, Node]] = [(None, table), *columns]
    seen: set[tuple[str, str | None]] = set()
    for column, place in places:
        for node in place.each("quality"):
            for rule in _rules(node, column, known_checks):
                if (rule.check, column) in seen:
                    raise node.error(f"there is a rule for {rule.check} here already; keep one")
                seen.add((rule.check, column))
                yield rule


def arguments_of(column: Node) -> dict[str, Node]:
    """What a column's `invalidValues` rule says of its values: `validValues` and `pattern`."""
    found: dict[str, Node] = {}
    for rule in column.each("quality"):
        arguments = rule.get("arguments")
        if arguments is not None and rule.plain("metric") == "invalidValues":
            check_shape(arguments, "arguments")
            found |= {name: arguments.value[name] for name in ("validValues", "pattern") if name in arguments.value}
    return found


def _rules(node: Node, column: str | None, known_checks: Collection[str]) -> Iterator[Rule]:
    """What one rule says of a check, or two; nothing for text, SQL and other engines' rules, not ours to run."""
    kind = node.plain("type", "library")
    if kind == "custom":
        if (told := _implementation(node, known_checks)) is None:
            return
        checks = [str(told.plain("check")) if isinstance(told.value, dict) else str(told.value)]
    elif kind == "library":
        if node.get("metric") is None:
            raise node.error("a library rule needs a `metric`; add one, or say `type: custom`")
        told, checks = node, [METRICS[node.plain("metric")]]
        if (arguments := node.get("arguments")) is not None:
            checks = _checks_of(arguments, node.plain("metric"), column) or checks
    else:
        return
    bounds = told if isinstance(told.value, dict) else Node({}, told.line, None, "")
    unit = bounds.plain("unit", node.plain("unit"))
    limit, least = _limits(bounds, unit, needed=kind == "library")
    severity = node.plain("severity")
    for check in checks:
        yield Rule(check, column, severity and Severity[severity], limit, node.plain("businessImpact"), least)


def _implementation(node: Node, known_checks: Collection[str]) -> Node | None:
    """What a custom rule of ours runs: a check's name, or `check` with a bound; None if it is not ours."""
    engine, told = node.get("engine"), node.get("implementation")
    if engine is None or told is None:
        raise node.error("a custom rule needs `engine` and `implementation`; add them")
    if engine.value != ENGINE:
        if near(engine.value, [ENGINE]).startswith("did"):
            raise engine.error(f"unknown engine {show(engine.value)}; did you mean `{ENGINE}`?")
        return None
    misplaced = next((key for key in node.value if key.startswith("must") or key == "arguments"), None)
    if misplaced is not None:
        example = f"implementation: {{check: ..., {misplaced}: ...}}"
        raise node.value[misplaced].error(f"ODCS keeps a custom rule's bound elsewhere; write `{example}`")
    check_shape(told, "text/implementation")
    name = told.value["check"] if isinstance(told.value, dict) else told
    if known_checks and name.value not in known_checks:
        raise name.error(f"unknown check {show(name.value)}; {near(name.value, known_checks)}")
    return told


def _checks_of(arguments: Node, metric: str, column: str | None) -> list[str]:
    """The checks that run a library rule's arguments; an argument that none runs is refused."""
    check_shape(arguments, "arguments")
    for name, value in arguments.value.items():
        if name == "missingValues" and metric == name:
            if told := next((entry for entry in value.value if entry.value not in (None, "")), None):
                raise told.error(f"{show(told.value)} is not taken for missing; exclude it by `pattern` or `enum`")
        elif metric != "invalidValues" or name == "missingValues" or column is None:
            raise value.error("is not run here; `validValues` and `pattern` are, in a column's invalidValues rule")
    checks = {"validValues": "value_invalid", "pattern": "value_pattern"}
    return [check for name, check in checks.items() if name in arguments.value]


def _limits(node: Node, unit: str | None, needed: bool) -> tuple[Limit | None, float | None]:
    """Return the most failures that are tolerated, and the least number demanded."""
    given = [key for key in node.value if key.startswith("must") and node.get(key) is not None]
    if len(given) > 1 or (needed and not given):
        what = f"has {' and '.join(given)}" if given else "has no bound, such as `mustBe: 0`"
        raise node.error(f"{what}; a rule needs exactly one bound")
    if not given:
        return None, None
    percent = unit == "percent"
    low, high = _interval(node.value[given[0]], given[0], percent)
    if percent:
        return high if high is None else Limit(share=high / 100), low if low is None else low / 100
    if high == 0:  # the same in both units
        return Limit(share=0.0), low
    return high if high is None else Limit(rows=high), low


def _interval(bound: Node, operator: str, percent: bool) -> tuple[float | None, float | None]:
    """The smallest and the largest number that an operator lets pass; rows are whole numbers."""
    entries = bound.value if isinstance(bound.value, list) else [bound]
    for entry in entries:
        check_shape(entry, "number")
        if entry.value < 0 or (percent and entry.value > 100) or (not percent and 0 < entry.value < 1):
            what = "percentage" if percent else "number of rows"
            raise entry.error(f"{entry.value} is no {what}; correct it, or the `unit` (rows, percent)")
    low, high = float(entries[0].value) if entries else 0.0, float(entries[-1].value) if entries else 0.0
    if operator == "mustBeBetween" and len(entries) == 2 and low <= high:
        return low, high
    if operator == "mustBe" and len(entries) == 1:
        return (low or None), high
    if operator == "mustBeGreaterOrEqualTo":
        return low, None
    if operator == "mustBeGreaterThan" or (operator == "mustNotBe" and low == 0):
        return (low if percent else math.floor(low) + 1.0), None
    if operator == "mustBeLessOrEqualTo":
        return None, high
    if operator == "mustBeLessThan" and high > 0:
        return None, (high if percent else math.ceil(high) - 1.0)
    raise bound.error(f"this {operator} can be neither met nor checked; give another bound")
