"""Measure the monitor: false alarms on healthy days, and the fault catalogue on days with a history.

Beside it stand two rivals on the same days and the same metrics: a plain z-score against seven days, and
Elementary's formula. `make detection` runs it; the figures go to part4-monitoring/detection.json, from which the
monitor says what to expect.
"""

import argparse
import io
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import monitor
from faults import FAULTS
from monitoring.alarms import GREEN
from monitoring.expectations import FOUND, fingerprint
from monitoring.metrics import Warehouse
from monitoring.thresholds import Thresholds, load_thresholds
from simulation import Outcome, elementary, run, series_of, z_score
from synthetic_events import generate

from event_data.contract import load_contract

REPO = Path(__file__).parents[1]
THRESHOLDS = REPO / "part4-monitoring" / "thresholds.yaml"
CONTRACT = REPO / "part1-data-quality" / "schema.yaml"
START, HISTORY, DAYS = date(2025, 2, 23), 9, 14
# fault: the alarms that name it rightly, best first.
NAMED = {
    "column_renamed_client": "column_lost:client_id", "column_renamed_time": "column_lost:timestamp",
    "column_recased_page": "column_lost:page_url", "column_synonym_client": "column_renamed:client_id",
    "column_dropped_referrer": "column_lost:referrer", "column_dropped_client": "column_lost:client_id",
    "column_dropped_payload": "column_lost:event_data", "column_added": "column_added:session_ref",
    "null_client": "identity", "null_page": "pages", "null_time": "unreadable", "null_event": "unreadable",
    "null_user_agent": "browsers", "null_referrer": "sources", "null_payload_of_orders": "order_payload",
    "undefined_client": "identity", "time_unparseable": "times_unreadable", "time_american": "times_unreadable",
    "time_local_as_utc": "days silent_hours", "time_a_day_back": "days",
    "event_renamed": "event_names zero_revenue", "event_new": "event_names", "event_gone": "carts",
    "day_missing": "no_file", "day_empty": "file_refused no_events", "header_only": "no_events",
    "truncated_in_quotes": "file_truncated", "truncated_in_row": "file_truncated", "delivered_twice": "delivered_twice",
    "other_day_again": "no_events", "open_quotes": "unreadable", "fields_too_many": "unreadable",
    "fields_too_few": "unreadable", "payload_malformed": "order_payload", "payload_truncated": "order_payload",
    "key_missing_email": "order_payload", "key_renamed_revenue": "all_null:held_order_share zero_revenue",
    "key_null_price": "order_lines", "revenue_negative": "order_payload", "revenue_text": "order_payload",
    "revenue_in_cents": "order_values", "revenue_zero": "order_values", "order_resubmitted": "resubmissions",
    "order_amended": "resubmissions",
    "order_collided": "id_collision", "rows_doubled": "repeats", "events_fired_twice": "repeats",
    "email_shared": "customers", "starts_removed": "checkouts", "views_removed": "traffic", "utm_stripped": "campaigns",
    "foreign_referrers_stripped": "sources", "crawler_flood": "crawlers",
    "crawlers_in_checkout": "crawlers_in_checkout", "hours_missing": "silent_hours", "orders_falling": "orders",
    "traffic_tripled": "traffic", "traffic_falling": "traffic",
}  # fmt: skip
# What the monitor leaves to part 1, which reads every value of every row.
NOT_WATCHED = {
    "utf16": "part 2 reads it; nothing is lost", "latin1": "part 2 reads it; nothing is lost",
    "semicolons": "part 2 reads it; nothing is lost", "tabs": "part 2 reads it; nothing is lost",
    "time_local_with_offset": "part 2 converts it; nothing is lost", "columns_reordered": "columns are taken by name",
    "second_header": "one row", "huge_field": "one row",
    "stray_quotes": "form of a value", "nul_bytes": "form of a value", "lines_do_not_add_up": "form of a value",
    "email_in_url": "privacy", "card_in_url": "privacy", "phone_in_url": "privacy", "email_in_payload": "privacy",
    "raw_query_values": "privacy", "order_under_two_ids": "part 1 and gold.ledger name it",
}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """The result of a fault's first day."""

    fault: str
    day: date
    status: str
    alarms: tuple[str, ...]
    z_score: bool
    elementary: bool

    @property
    def named(self) -> bool:
        names = set(NAMED[self.fault].split())
        if names & {"unreadable", "times_unreadable", "order_payload", "all_null:held_order_share"}:
            names.add("records_refused")  # the same, where orders are among the records
        return bool(names & {name for key in self.alarms for name in (key, key.partition(":")[0])})


def healthy(shops: int, days: int, t: Thresholds, seed: int) -> Outcome:
    """The false alarms of so many shops of so many days each."""
    contract, whole = load_contract(CONTRACT), Outcome()
    for shop in range(shops):
        whole.add(run(seed * 1_000_000 + days * 1000 + shop, days, contract, t))
    return whole


def prepare(folder: Path, seed: int) -> list[Path]:
    """A healthy fortnight, and for each day with enough history a folder of the days up to it with its warehouse."""
    days = generate(folder / "days", DAYS, seed=seed, start=START, incidents=False)
    prepared = []
    for number in range(HISTORY + 1, DAYS + 1):
        ready = folder / f"ready{number}"
        ready.mkdir()
        for path in days[:number]:
            shutil.copy2(path, ready)
        judge(ready)
        prepared.append(ready)
    return prepared


def judge(folder: Path, *more: str) -> tuple[int, dict[str, object]]:
    """The monitor's report on the last day of a folder; fails if the monitor could not run."""
    stdout, stderr = io.StringIO(), io.StringIO()
    day = START + timedelta(days=int(folder.name.removeprefix("ready")) - 1)
    line = ["--json", "--data_dir", str(folder), "--check_date", day.isoformat(), "--dry_run", *more]
    status = monitor.main(line, stdout, stderr)
    if status not in (0, 3):
        raise RuntimeError(stderr.getvalue())
    return status, json.loads(stdout.getvalue())


def healthy_files(prepared: Sequence[Path]) -> list[str]:
    """The status of every day of the healthy fortnight, from its files through part 2 to the monitor."""
    stdout, stderr = io.StringIO(), io.StringIO()
    status = monitor.main(["--backtest", "--json", "--data_dir", str(prepared[-1])], stdout, stderr)
    if status:
        raise RuntimeError(stderr.getvalue())
    return [report["status"] for report in json.loads(stdout.getvalue())]


def break_one(name: str, ready: Path, work: Path, t: Thresholds, seed: int) -> Found:
    """Break the last day of a copy of the folder, and judge it."""
    folder = Path(shutil.copytree(ready, work / ready.name))
    day = START + timedelta(days=int(ready.name.removeprefix("ready")) - 1)
    try:
        FAULTS[name].apply(folder / f"events_{day:%Y%m%d}.csv", FAULTS[name].serious, seed)
        _, report = judge(folder)
        alarms = report["alarms"]
        assert isinstance(alarms, list)
        keys = tuple(a["key"] for a in alarms if a["severity"] != "P3")
        rivals = _rivals(folder / "warehouse.duckdb", day, t)
        return Found(name, day, str(report["status"]), keys, *rivals)
    finally:
        shutil.rmtree(folder)


def _rivals(warehouse: Path, day: date, t: Thresholds) -> tuple[bool, bool]:
    """Return whether the rivals raise an alarm on any metric; they need not name the cause."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        facts = Warehouse(connection).read(START, day, t.paid_channels)
    series = [series_of(facts, m.name, m.kind, facts.days) for m in t.metrics]
    return any(map(z_score, series)), any(map(elementary, series))


def catalogue(seed: int, t: Thresholds, statuses: list[str]) -> Iterator[Found]:
    """Each fault on a random day of a healthy fortnight with at least nine days before it.

    The status of each day before anything was broken is added to `statuses`.
    """
    with tempfile.TemporaryDirectory(prefix="detection_") as work:
        prepared, rng = prepare(Path(work), seed), Random(seed)
        statuses += healthy_files(prepared)
        for name in NAMED:
            yield break_one(name, rng.choice(prepared), Path(work) / "broken", t, seed)


def summary(
    outcomes: dict[str, Outcome], statuses: Sequence[str], found: Sequence[Found], thresholds: Path
) -> dict[str, object]:
    whole = Outcome()
    for outcome in outcomes.values():
        whole.add(outcome)
    return {
        "fingerprint": fingerprint(thresholds),
        "healthy_days": whole.judged,
        "false_yellow_per_30_days": 30 * whole.yellow / max(whole.judged, 1),
        "false_red_per_year": 365 * whole.red / max(whole.judged, 1),
        "rivals_per_30_days": {
            "z_score": 30 * whole.z_score / max(whole.judged, 1),
            "elementary": 30 * whole.elementary / max(whole.judged, 1),
        },
        "by_length": {name: vars(outcome) for name, outcome in outcomes.items()},
        "days_of_healthy_files": len(statuses),
        "of_which_alarmed": sum(s in ("YELLOW", "RED") for s in statuses),
        "faults": len(found),
        "alarmed": sum(f.status != GREEN for f in found),
        "named": sum(f.named for f in found),
        "z_score_alarmed": sum(f.z_score for f in found),
        "elementary_alarmed": sum(f.elementary for f in found),
        "missed": [f"{f.fault} on {f.day}: {', '.join(f.alarms) or f.status}" for f in found if not f.named],
        "not_watched": NOT_WATCHED,
    }


def as_markdown(document: dict[str, Any]) -> str:
    """The figures as documentation_monitoring.md shows them."""
    d, rivals = document, document["rivals_per_30_days"]
    alarmed = [f"{d[key]} of {d['faults']}" for key in ("alarmed", "z_score_alarmed", "elementary_alarmed")]
    yellow = [f"{x:.2f}" for x in (d["false_yellow_per_30_days"], rivals["z_score"], rivals["elementary"])]
    rows = [
        ["", "this monitor", "plain 7-day z-score", "Elementary's formula"],
        ["---"] * 4,
        ["days with a false YELLOW, in 30", *yellow],
        ["days with a false RED, in a year", f"{d['false_red_per_year']:.2f}", "", ""],
        ["serious faults alarmed on their first day", *alarmed],
        ["and rightly named", f"{d['named']} of {d['faults']}", "", ""],
    ]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"""{table}

{d["healthy_days"]:,} healthy days with enough history were judged; besides, {d["of_which_alarmed"]} of
{d["days_of_healthy_files"]} days of healthy synthetic files alarmed, on their way through part 2.
Not rightly named: {"; ".join(d["missed"]) or "none"}.
"""


def main(args: Sequence[str]) -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--shops", type=int, default=200, help="healthy shops of each length (default: 200)")
    p.add_argument("--rounds", type=int, default=3, help="times the catalogue is gone through (default: 3)")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--out", type=Path, default=FOUND, help="JSON to write (default: detection.json of part 4)")
    options = p.parse_args(args)
    t = load_thresholds(THRESHOLDS)
    outcomes = {}
    for name, days in (("fortnights", 14), ("quarters", 90)):
        outcomes[name] = healthy(options.shops, days, t, options.seed)
        print(f"{options.shops} healthy {name}: {outcomes[name]}", flush=True)
    found: list[Found] = []
    statuses: list[str] = []
    for number in range(options.rounds):
        for one in catalogue(options.seed + number, t, statuses):
            verdict = "named " if one.named else "MISSED"
            print(f"{verdict} {one.fault:<28}{one.day} {one.status:<8}{', '.join(one.alarms)}", flush=True)
            found.append(one)
    document = summary(outcomes, statuses, found, THRESHOLDS)
    options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(as_markdown(document))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
