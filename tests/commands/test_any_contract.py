"""No contract ends in a traceback: random roles over random files, through parts 1 and 2."""

from pathlib import Path
from random import Random
from typing import Any

import pytest
import transform
import validate_dataframework
import yaml
from commands import call

COLUMNS = (
    "id",
    "who",
    "at",
    "what",
    "props",
    "n",
    "price",
    "sum",
    "sess",
    "cur",
    "page",
    "a b",
    "é",
    "event",
    "session",
)
ROLES = (
    "session", "page", "referrer", "source", "medium", "campaign", "click_id", "channel", "checkout",
    "user_agent", "payload",
    "transaction_id", "amount", "currency", "customer",
)  # fmt: skip
CELLS = (
    "", "x", "1.5", "12,50", "2025-03-01T10:00:00Z", "1740823200", "1740823200000000", "01.03.2025 10:00",
    "9" * 40, "-5",
    '{"$id": "7", "a b": {"c.d": [1, 2]}, "[x]": [{"é": 1}]}', '[{"key": "ga", "value": {"string_value": "v"}}]',
    '[1, {"a": 1}]', "{bad", '"text"', "null", "NaN", "buy", "c1", "EUR", "JPY",
    "https://x.example/?utm_source=a", "it's",
    "é", "\u2028", "(not set)", "\\N", "a\nb",
)  # fmt: skip
PATHS = ("id", "[0].revenue", "a b.c", "a[].b", "x[0][1]", "$id", ".a", "a.", "[]", "a..b", "é")
KEYS = ("transaction_id", "session", "client", "time", "customer", "checkout")


def value(chance: Random, depth: int = 0) -> Any:
    """Return a value in any of the forms of the contract."""
    column = chance.choice(COLUMNS)
    forms: list[Any] = [
        column, column, {"column": column, "path": chance.sample(["$id", "a b", "[x]", "é", 0, 2, "c.d"], 2)},
        {"column": column, "parameter": chance.choice(["ga", "it's"])},
        {"constant": chance.choice(["x", "it's", "buy", "1.5", "", "2025-01-01"])},
    ]  # fmt: skip
    if depth < 2:
        parts = [value(chance, depth + 1) for _ in range(2)]
        forms += [{"first": parts}, {"joined": parts, "with": chance.choice([" ", "", "'", "|"])}, {"product": parts}]
    return chance.choice(forms)


def blocks(chance: Random) -> dict[str, Any]:
    """Return random custom properties; most of the contracts are valid."""
    roles: dict[str, Any] = {"client": "who", "time": "at", "event": "what"}
    for role in ("client", "time", "event"):
        if chance.random() < 0.3:
            roles[role] = value(chance)
    if chance.random() < 0.3:
        form = chance.choice(["epoch_s", "epoch_us", "dd.MM.yyyy HH:mm"])
        roles["time"] = {"column": "at", "format": form}
    roles |= {role: value(chance) for role in ROLES if chance.random() < 0.3}
    found: dict[str, Any] = {
        "columnRoles": roles, "currency": chance.choice(["€", "EUR", {"code": "SEK", "sign": "kr"}]),
        "events": [{"name": "buy", "role": "order"}, {"name": "view", "role": "page_view"}, {"name": "it's"}],
    }  # fmt: skip
    order: dict[str, Any] = {
        key: chance.choice(PATHS)
        for key in ("transactionId", "amount", "currency", "customer", "lines")
        if chance.random() < 0.25
    }
    if chance.random() < 0.3:
        order |= {"rows": "lines", "key": chance.sample(KEYS, 2), "line": {"id": value(chance)}}
    if order and chance.random() < 0.7:
        found["order"] = order
    extra = {
        "channels": {"it's": "Email", "x": "Direct"}, "knownTotals": [{"day": "2025-03-01", "orders": 3,
        "revenue": 5.5}],
        "headerless": True, "schedule": {"closedWeekdays": ["Sunday"]}, "additionalColumns": "allow",
    }  # fmt: skip
    return found | {key: block for key, block in extra.items() if chance.random() < 0.2}


def write(folder: Path, chance: Random) -> Path:
    """Write a file with random cells, and a contract of it; return the contract."""
    name = chance.choice(["e_%Y%m%d.csv", "e.csv", "e*.csv"])
    columns = [column for column in COLUMNS if chance.random() < 0.9]
    lines = [",".join(columns)]
    for _ in range(12):
        row = {column: chance.choice(CELLS) for column in COLUMNS}
        if chance.random() < 0.8:
            row |= {"at": chance.choice(["2025-03-01T10:00:00Z", "2025-03-02 11:00:00"]), "what": "buy", "who": "c1"}
        lines.append(",".join('"' + row[column].replace('"', '""') + '"' for column in columns))
    (folder / "days").mkdir()
    (folder / "days" / ("e_20250301.csv" if "%" in name else "e.csv")).write_text("\n".join(lines) + "\n", "utf-8")
    custom = [{"property": key, "value": block} for key, block in blocks(chance).items()]
    table = {"name": "e", "physicalName": name, "properties": [{"name": column} for column in COLUMNS]}
    document = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": "s", "version": "1.0.0", "status": "active"}
    contract = folder / "contract.yaml"
    contract.write_text(yaml.safe_dump(document | {"schema": [table], "customProperties": custom}), "utf-8")
    return contract


@pytest.mark.slow
def test_any_contract(tmp_path: Path) -> None:
    """Ten contracts that are valid, and the invalid ones between them."""
    valid = seed = 0
    while valid < 10:
        assert seed < 50, "too few of the contracts are valid"
        folder = tmp_path / str(seed)
        folder.mkdir()
        places = ("--contract", write(folder, Random(seed)), "--data_dir", folder / "days")
        part1, _, _ = call(validate_dataframework, *places, "--out_dir", folder)
        part2, _, _ = call(transform, *places, "--warehouse", folder / "w.duckdb")
        assert (part1 == 2) == (part2 == 2)
        valid, seed = valid + (part1 != 2), seed + 1


def test_a_zip_alone_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "events_20250301.csv").write_bytes(b"PK\x03\x04 not an archive either")
    status, printed, _ = call(validate_dataframework, "--data_dir", tmp_path, "--out_dir", tmp_path)
    assert status == 3 and "is a zip or xlsx file" in " ".join(printed.split())
