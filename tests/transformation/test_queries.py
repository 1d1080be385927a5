"""The queries of docs/queries.md run on a warehouse, and agree with its totals."""

import re
from typing import Any

import pytest
from commands import REPO, SCHEMA, query
from synthetic_events import generate
from warehouse_kit import build

PAGE = (REPO / "docs" / "queries.md").read_text("utf-8")
QUERIES = dict(re.findall(r"^## (\d+)\. .*?```sql\n(.*?)```", PAGE, re.M | re.S))


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    folder = tmp_path_factory.mktemp("queries")
    generate(folder / "data", days=10, events_per_day=400, seed=3)
    day = sorted((folder / "data").iterdir())[3]
    *lines, last = day.read_text("utf-8").rstrip("\n").split("\n")
    at = lines[0].split(",").index("timestamp")
    cells = lines[1].split(",")
    cells[at] = "yesterday"
    day.write_text("\n".join([*lines, last, ",".join(cells)]) + "\n", "utf-8")
    build(folder / "data", folder / "w.duckdb", SCHEMA)
    found = {number: query(folder / "w.duckdb", sql) for number, sql in QUERIES.items()}
    found["totals"] = query(folder / "w.duckdb", "select count(*), sum(revenue) from silver.orders")
    found["refused"] = [(day.name, len(lines) + 2)]
    found["sessions"] = query(folder / "w.duckdb", "select count(*) from silver.sessions where reading = 'healed'")
    return found


def test_there_are_ten() -> None:
    assert list(QUERIES) == [str(n) for n in range(1, 11)]


@pytest.mark.parametrize("number", QUERIES)
def test_each_finds_something(number: str, answers: dict[str, list[tuple[Any, ...]]]) -> None:
    assert answers[number]


def test_they_agree_with_the_totals(answers: dict[str, list[tuple[Any, ...]]]) -> None:
    ((orders, revenue),) = answers["totals"]
    assert sum(row[1] or 0 for row in answers["1"]) == sum(row[2] or 0 for row in answers["1"]) == revenue
    assert sum(row[1] for row in answers["2"]) == answers["sessions"][0][0]
    assert (sum(row[1] for row in answers["3"]), sum(row[2] for row in answers["3"])) == (orders, revenue)
    assert (*answers["refused"][0], "no readable time") in [row[:3] for row in answers["9"]]
