"""Runs of part 1 for tests, the lines of its files, and the reports that it leaves behind."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import validate_dataframework
import yaml
import zstandard
from commands import SCHEMA, call
from quality.checks import checks_of
from synthetic_events import COLUMNS

from event_data.contract import load_contract

CHECKS = [definition.check for definition in checks_of(load_contract(SCHEMA))]
HEADER = ",".join(COLUMNS)
VIEW = "1740268798-abcdefghijkl,https://puffy.com/,,2025-02-26T23:59:00.000Z,page_viewed,,Mozilla"
Document = dict[str, Any]


def day(folder: Path, number: int = 4) -> Path:
    return sorted(folder.iterdir())[number - 1]


def add(path: Path, *lines: str) -> None:
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write("".join("\n" + line for line in lines))


def cells(*values: object) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()


def run(*args: object) -> tuple[int, str, str]:
    """Return the exit status, stdout and stderr of a run."""
    status, stdout, stderr = call(validate_dataframework, *args)
    assert status != 2 or not stdout
    return status, stdout, stderr


def packed(path: Path, ending: str) -> None:
    """Put a compressed file in the place of a plain one."""
    pack = gzip.compress if ending == ".gz" else zstandard.ZstdCompressor().compress
    path.with_name(path.name + ending).write_bytes(pack(path.read_bytes()))
    path.unlink()


def rows(out_dir: Path, name: str = "dq_report.csv") -> list[dict[str, str]]:
    with (out_dir / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def report(data_dir: Path, out_dir: Path, *args: object) -> list[dict[str, str]]:
    """Return the report of a run that could do its work."""
    status, _, stderr = run("--data_dir", data_dir, "--out_dir", out_dir, *args)
    assert status in (0, 3), stderr
    return whole_report(out_dir)


def whole_report(out_dir: Path) -> list[dict[str, str]]:
    """Return a report, and assert that no check of any file is absent."""
    found = rows(out_dir)
    files = {row["file"] for row in rows(out_dir, "dq_profile.csv")}
    for check in CHECKS:
        assert {row["file"] for row in found if row["check"] == check} == files, check
    return found


def failing(found: list[dict[str, str]], check: str) -> list[dict[str, str]]:
    return [row for row in found if row["check"] == check and row["status"] == "fail"]


def contract(tmp_path: Path, change: Callable[[Document, dict[str, Document], dict[str, Document]], object]) -> Path:
    """Return schema.yaml after `change` has edited its document, its columns and its custom properties by name."""
    document = yaml.safe_load(SCHEMA.read_text("utf-8"))
    columns = {column["name"]: column for column in document["schema"][0]["properties"]}
    change(document, columns, {one["property"]: one for one in document["customProperties"]})
    path = tmp_path / "contract.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def order(amount: object) -> str:
    """Return the line of an order of such an amount."""
    item = {"item_price": amount, "quantity": amount}
    payload = json.dumps({"transaction_id": "a", "revenue": amount, "items": [item]})
    return cells("1740268798-abcdefghijkl", "https://puffy.com/", "", "2025-02-26T23:59:00Z", "purchase", payload, "x")
