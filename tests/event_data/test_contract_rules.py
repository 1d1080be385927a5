"""The rules of a contract: which check each means, what it tolerates, and which values it names."""

from pathlib import Path

import pytest
from contract_mistakes import SMALL

from event_data.contract import Contract, Limit, load_contract

SCHEMA = Path(__file__).parents[2] / "part1-data-quality" / "schema.yaml"


def load(tmp_path: Path, text: str) -> Contract:
    path = tmp_path / "c.yaml"
    path.write_text(text, encoding="utf-8")
    return load_contract(path)


@pytest.mark.parametrize(
    ("check", "column", "severity", "threshold"),
    [
        ("null_share", "client_id", "P1", 0.02),
        ("null_share", "page_url", "P1", 0.0),
        ("value_invalid", "event_name", "P1", 0.0),
        ("column_missing", "referrer", "P0", None),
        ("column_missing", "user_agent", "P1", None),
        ("transaction_id_collision", "client_id", "P1", 0.0),  # the table's, as the column has none
    ],
)
def test_schema_rules(check: str, column: str, severity: str, threshold: float | None) -> None:
    rule = load_contract(SCHEMA).rule(check, column)
    assert rule is not None and str(rule.severity) == severity
    assert rule.limit == (None if threshold is None else Limit(share=threshold))
    assert rule.advice


def test_every_rule_gives_advice() -> None:
    assert [rule.check for rule in load_contract(SCHEMA).rules if not rule.advice] == []


@pytest.mark.parametrize(
    ("bound", "limit", "least"),
    [
        ("mustBe: 0", Limit(share=0), None),
        ("mustBe: 7", Limit(rows=7), 7),
        ("mustBeLessThan: 5", Limit(rows=4), None),
        ("mustBeLessThan: 1", Limit(share=0), None),
        ("mustBeLessOrEqualTo: 5, unit: rows", Limit(rows=5), None),
        ("mustBeLessThan: 0.5, unit: percent", Limit(share=0.005), None),
        ("mustBeLessOrEqualTo: 100, unit: percent", Limit(share=1), None),
        ("mustBeGreaterThan: 10", None, 11),
        ("mustBeGreaterOrEqualTo: 10", None, 10),
        ("mustNotBe: 0", None, 1),
        ("mustBeBetween: [10, 20]", Limit(rows=20), 10),
        ("mustBeGreaterThan: 10, unit: percent", None, 0.1),
    ],
)
def test_bounds_of_rules(tmp_path: Path, bound: str, limit: Limit | None, least: float | None) -> None:
    text = SMALL.replace("    quality:\n", f"    quality:\n      - {{metric: rowCount, {bound}}}\n")
    rule = load(tmp_path, text).rule("row_count")
    assert rule is not None
    assert (rule.limit, rule.at_least) == (limit, least)


@pytest.mark.parametrize(
    ("arguments", "checks", "allowed", "pattern"),
    [
        ("validValues: [a, 1, true]", ["value_invalid"], ("a", "1", "true"), None),
        ("pattern: '^x'", ["value_pattern"], (), "^x"),
        ("validValues: [x, xy], pattern: '^x'", ["value_invalid", "value_pattern"], ("x", "xy"), "^x"),
        ("missingValues: [null, '']", ["null_share"], (), None),
    ],
)
def test_arguments(tmp_path: Path, arguments: str, checks: list[str], allowed: tuple[str], pattern: str) -> None:
    metric = "missingValues" if "null_share" in checks else "invalidValues"
    rule = f"{{metric: {metric}, arguments: {{{arguments}}}, mustBe: 3, severity: P2}}"
    contract = load(tmp_path, SMALL.replace("- name: url", f"- {{name: url, quality: [{rule}]}}"))
    assert (contract.columns[1].allowed, contract.columns[1].pattern) == (allowed, pattern)
    found = [r for r in contract.rules if r.column == "url"]
    assert [(r.check, r.limit, str(r.severity)) for r in found] == [(check, Limit(rows=3), "P2") for check in checks]
