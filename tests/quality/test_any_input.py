"""Any bytes at all, and the counts of an obvious program beside the command's."""

import csv
import json
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from command_kit import HEADER, cells, day, report, rows, run, whole_report
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from order_reference import classify
from reading_kit import day_file

from event_data.reading.survey import recover, survey

FUZZ = settings(derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), max_examples=16)


# ---- any bytes at all


def hold(contents: list[bytes], five_days: Path) -> None:
    """A run over such files and a healthy day raises nothing, and what it read and could not read adds up."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        data_dir, out_dir, work = (Path(folder, part) for part in ("data", "out", "work"))
        shutil.copytree(five_days, data_dir, ignore=lambda _, names: sorted(names)[1:])
        work.mkdir()
        for number, data in enumerate(contents):
            (data_dir / f"events_2025022{number + 4}.csv").write_bytes(data)
        status, _, stderr = run("--data_dir", data_dir, "--out_dir", out_dir)
        assert status in (0, 3), stderr
        whole_report(out_dir)
        told = {row["file"]: int(row["rows"]) + int(row["unreadable"]) for row in rows(out_dir, "dq_profile.csv")}
        for path in data_dir.iterdir():
            surveyed = survey(day_file(path), ",", work)
            assert told.pop(path.name) == (recover(surveyed, work).records if surveyed.source else 0)
        assert not told


PIECES = [
    b'"', b",", b"\n", b"\r", b"\0", b"\xff", b";", b"''", b'""', b"\xef\xbb\xbf", b"{", b"\\", b"x" * 5000,
    HEADER.encode(),
]  # fmt: skip
changes = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 40), st.one_of(st.sampled_from(PIECES), st.binary(max_size=8))),
    max_size=8,
)


@FUZZ
@given(st.lists(st.binary(max_size=300) | changes, min_size=1, max_size=5))
@example([b"\xff\xfe,\0\n\0", b"\x1f\x8b\x08\x00", HEADER.encode() + b'\n"', b'"' * 7 + b"\n,,,,,,"])
def test_any_bytes_and_damaged_days(five_days: Path, drawn: list[bytes | list[tuple[float, int, bytes]]]) -> None:
    contents = []
    for number, damage in enumerate(drawn, 1):
        if isinstance(damage, bytes):
            contents.append(damage)
            continue
        data = b"\n".join(day(five_days, number).read_bytes().split(b"\n")[:60])
        for where, gone, new in damage:
            at = int(where * len(data))
            data = data[:at] + new + data[at + gone :]
        contents.append(data)
    hold(contents, five_days)


# ---- the same counts as an obvious program

event = st.tuples(
    st.sampled_from(["", "a", "b"]),  # client
    st.sampled_from(
        ["", "https://puffy.com/checkouts/cn/t1", "https://puffy.com/checkouts/cn/t2/x", "https://puffy.com/"]
    ),
    st.integers(0, 20),  # second
    st.sampled_from(["", "page_viewed", "checkout_completed", "purchase"]),
    st.sampled_from([None, "i1", "i2"]),  # transaction id
    st.sampled_from([None, 5, 5.0, 7.25]),  # revenue
    st.sampled_from([None, "c1", "c2"]),  # customer
)


def written(one: tuple[str, str, int, str, str | None, float | None, str | None], date: str) -> list[str]:
    client, page, second, name, transaction, revenue, customer = one
    payload = {"transaction_id": transaction, "revenue": revenue, "user_email": customer}
    text = (
        json.dumps({k: v for k, v in payload.items() if v is not None})
        if name[:1] in "cp" and name[1:2] in "hu"
        else ""
    )
    return [client, page, "", f"{date}T10:00:{second:02}.000Z", name, text, "x"]


ORDER_CHECKS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "transaction_id_resubmission": lambda row: row["status"] == "resubmission",
    "transaction_id_amendment": lambda row: row["status"] == "amendment",
    "transaction_id_collision": lambda row: row["is_collision"],
    "possible_duplicate": lambda row: row["is_possible_duplicate"],
}


def obvious(files: list[Path]) -> Iterator[tuple[str, str, str, int]]:
    """Check, file, column and count, by reading every row and comparing it with every earlier one."""
    orders: list[dict[str, Any]] = []
    for path in files:
        with path.open(encoding="utf-8", newline="") as file:
            events = list(csv.DictReader(file))
        for column in ("client_id", "page_url", "timestamp", "event_name", "user_agent"):
            yield "null_share", path.name, column, sum(not e[column] for e in events)
        yield "rows_repeated", path.name, "rows", sum(e in events[:n] for n, e in enumerate(events))
        for e in events:
            if e["event_name"] in ("checkout_completed", "purchase"):
                found = re.search("/checkouts/[a-z]+/([^/?#]+)", e["page_url"])
                order = json.loads(e["event_data"])
                orders.append({
                    "event_id": len(orders), "event_at": datetime.fromisoformat(e["timestamp"]), "file": path.name,
                    "transaction_id": order.get("transaction_id"), "checkout_token": found and found[1],
                    "customer": order.get("user_email"), "client_id": e["client_id"] or None,
                    "revenue": order.get("revenue"),
                })  # fmt: skip
    told = {(check, path.name): 0 for check in ORDER_CHECKS for path in files}
    for row in classify(orders, {}):
        for check, found_by in ORDER_CHECKS.items():
            told[check, row["file"]] += bool(found_by(row))
    for (check, name), count in told.items():
        yield check, name, "checkout_completed.transaction_id", count


@settings(FUZZ, max_examples=15)
@given(st.lists(st.lists(event, min_size=1, max_size=12), min_size=1, max_size=3))
def test_the_counts_are_those_of_an_obvious_program(generated: list[list[Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data_dir, files = Path(folder, "data"), []
        data_dir.mkdir()
        for number, events in enumerate(generated, 1):
            files.append(data_dir / f"events_2025030{number}.csv")
            lines = [HEADER, *[cells(*written(one, f"2025-03-0{number}")) for one in events]]
            files[-1].write_text("\n".join(lines), encoding="utf-8")
        found = {(r["check"], r["file"], r["column"]): r for r in report(data_dir, Path(folder, "out"))}
        for check, file, column, count in obvious(files):
            row = found.get((check, file, column))
            assert (int(row["failed"] or 0) if row else 0) == count, (check, file, column)
