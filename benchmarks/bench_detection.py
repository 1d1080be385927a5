"""Measure the monitor: false alarms in healthy shops, moderate faults, and the catalogue of serious ones.

Three measurements: invented shops of three sizes and seven profiles (shops.py), 32 moderate faults in such shops beside
an oracle that says which can be seen at all (moderate_faults.py), and the serious faults of part 1's catalogue in
synthetic files on their way through part 2. Beside the monitor stand a plain weekday median, Elementary's formula and,
for the catalogue, a plain z-score (yardsticks.py). The settings were chosen on faults of seed 1 and healthy shops of
seeds 1 and 2, some of which `--small` runs in minutes; `make detection` reports faults of seed 2 and healthy shops of
seed 3, which were not looked at. The figures go to part4-monitoring/detection.json, from which the monitor says what to
expect.
"""

import argparse
import io
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from multiprocessing import Pool
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import monitor
from faults import FAULTS
from moderate_runs import (
    FAULT_DAYS,
    THRESHOLDS,
    Quiet,
    Result,
    broken_jobs,
    broken_run,
    quiet_jobs,
    quiet_run,
)
from monitoring.alarms import GREEN
from monitoring.expectations import MEASURED, fingerprint
from monitoring.metrics import Warehouse
from monitoring.thresholds import Thresholds, load_thresholds
from shop_model import PROFILES, QUIET, SIZES
from synthetic_events import generate
from yardsticks import elementary, series_of, z_score

TUNING_SEED, REPORTED_SEED = 1, 2
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
    "traffic_tripled": "traffic", "traffic_falling": "traffic", "time_on_12_hours": "silent_hours",
    "payload_in_a_list": "order_payload", "payload_encoded_twice": "order_payload",
    "payload_flattened": "column_lost:event_data", "revenue_a_hundredth": "order_values",
    "price_not_a_number": "order_lines",
}  # fmt: skip
# What the monitor leaves to part 1, which reads every value of every row.
NOT_WATCHED = {
    "utf16": "part 2 reads it; nothing is lost", "latin1": "part 2 reads it; nothing is lost",
    "semicolons": "part 2 reads it; nothing is lost", "tabs": "part 2 reads it; nothing is lost",
    "time_local_with_offset": "part 2 converts it; nothing is lost", "columns_reordered": "columns are taken by name",
    "second_header": "one row", "huge_field": "one row",
    "stray_quotes": "form of a value",
    "nul_bytes": "form of a value", "time_cut_to_the_minute": "form of a value", "lines_empty": "part 1 counts them",
    "lines_do_not_add_up": "form of a value",
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


def prepare(folder: Path, seed: int) -> list[Path]:
    """Make a healthy fortnight, and for each day with enough history a folder of the days up to it and a warehouse."""
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
    """Return the monitor's report on the last day of a folder; fail if the monitor could not run."""
    stdout, stderr = io.StringIO(), io.StringIO()
    day = START + timedelta(days=int(folder.name.removeprefix("ready")) - 1)
    line = ["--json", "--data_dir", str(folder), "--check_date", day.isoformat(), "--dry_run", *more]
    status = monitor.main(line, stdout, stderr)
    if status not in (0, 3):
        raise RuntimeError(stderr.getvalue())
    return status, json.loads(stdout.getvalue())


def healthy_files(prepared: Sequence[Path]) -> list[str]:
    """Return the status of every day of the healthy fortnight, from its files through part 2 to the monitor."""
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


def catalogue(seed: int) -> tuple[list[Found], list[str]]:
    """Return each fault on a random day of a healthy fortnight with at least nine days before it, and the healthy days.

    The status of each day is that before anything was broken.
    """
    t, results = load_thresholds(THRESHOLDS), []
    with tempfile.TemporaryDirectory(prefix="detection_") as work:
        prepared, rng = prepare(Path(work), seed), Random(seed)
        statuses = healthy_files(prepared)
        for name in NAMED:
            results.append(break_one(name, rng.choice(prepared), Path(work) / "broken", t, seed))
    return results, statuses


def rates(outcome: Quiet) -> dict[str, float]:
    """Return the days with a false alarm in 30 days, after the first four weeks and in them."""
    counts = {name: getattr(outcome, name) for name in ("yellow", "red", "median", "elementary")}
    shown = {name: round(30 * count / max(outcome.days, 1), 3) for name, count in counts.items()}
    return {"days": outcome.days, **shown, "first_weeks": round(30 * outcome.early / max(outcome.early_days, 1), 3)}


def quiet_summary(outcomes: dict[tuple[str, str], Quiet]) -> dict[str, Any]:
    """Return the false alarms by profile, by size, and of all."""
    whole: dict[str, Quiet] = {}
    for (size, profile), outcome in outcomes.items():
        for name in ("all", profile, size, "quiet" if profile in QUIET else "trading"):
            whole.setdefault(name, Quiet()).add(outcome)
    return {name: rates(outcome) for name, outcome in whole.items()}


def moderate_summary(results: Sequence[Result]) -> dict[str, Any]:
    """Return what was found of the moderate faults by size, and each fault in each shop."""
    summed = {}
    for size in SIZES:
        pairs = [r for r in results if r.size == size]
        visible = [r for r in pairs if r.is_visible]
        summed[size] = {
            "pairs": len(pairs), "found": sum(r.found is not None for r in pairs),
            **{f"found_by_day_{d}": sum(r.found is not None and r.found <= d for r in pairs) for d in (1, 3, 7)},
            "named": sum(r.is_named for r in pairs), "visible": len(visible),
            "found_of_visible": sum(r.found is not None for r in visible),
            "median_found": sum(r.median is not None for r in pairs),
            "median_of_visible": sum(r.median is not None for r in visible),
            "elementary_of_visible": sum(r.elementary is not None for r in visible),
            "called_over": sum(r.called_over for r in pairs),
        }  # fmt: skip
    faults: dict[str, dict[str, Any]] = {}
    for r in results:
        cell = faults.setdefault(r.fault, {}).setdefault(r.size, Counter())
        for day in (1, 3, 7, FAULT_DAYS):
            cell[f"day_{day}"] += r.found is not None and r.found <= day
        for name, is_so in (("shops", True), ("visible", r.is_visible), ("named", r.is_named), ("never", not r.found)):
            cell[name] += is_so
    return {"by_size": summed, "faults": faults}


def summary(
    seed: int, outcomes: dict[tuple[str, str], Quiet], results: Sequence[Result], statuses: Sequence[str],
    faults: Sequence[Found],
) -> dict[str, Any]:  # fmt: skip
    """Return the document that detection.json holds."""
    healthy = quiet_summary(outcomes)
    return {
        "fingerprint": fingerprint(THRESHOLDS),
        "seed": seed,
        "healthy_days": healthy["all"]["days"],
        "false_yellow_per_30_days": healthy["quiet"]["yellow"],
        "false_red_per_year": round(healthy["quiet"]["red"] * 365 / 30, 3),
        "healthy": healthy,
        "moderate": moderate_summary(results),
        "days_of_healthy_files": len(statuses),
        "of_which_alarmed": sum(s in ("YELLOW", "RED") for s in statuses),
        "faults": len(faults),
        "alarmed": sum(f.status != GREEN for f in faults),
        "named": sum(f.named for f in faults),
        "z_score_alarmed": sum(f.z_score for f in faults),
        "elementary_alarmed": sum(f.elementary for f in faults),
        "missed": [f"{f.fault} on {f.day}: {', '.join(f.alarms) or f.status}" for f in faults if not f.named],
        "not_watched": NOT_WATCHED,
    }


def table(rows: Sequence[Sequence[object]]) -> str:
    head, *body = ([str(cell) for cell in row] for row in rows)
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *body))


def as_markdown(d: dict[str, Any]) -> str:
    """Return the figures as documentation_monitoring.md shows them."""
    healthy, moderate = d["healthy"], d["moderate"]["by_size"]
    quiet = [
        ["healthy shops, days in 30 with a false", "YELLOW", "RED", "weekday median", "Elementary", "first four weeks"]
    ]
    quiet += [
        [name, *(f"{healthy[name][key]:.2f}" for key in ("yellow", "red", "median", "elementary", "first_weeks"))]
        for name in PROFILES if name in healthy
    ]  # fmt: skip
    sizes = [["32 moderate faults", *(f"{size} ({sessions:,.0f} sessions)" for size, sessions in SIZES.items())]]
    for label, key, of in (
        ("visible in principle", "visible", "pairs"), ("found, of those visible", "found_of_visible", "visible"),
        ("by the weekday median", "median_of_visible", "visible"),
        ("by Elementary's formula", "elementary_of_visible", "visible"), ("found on day 1", "found_by_day_1", "pairs"),
        ("by day 3", "found_by_day_3", "pairs"), ("by day 7", "found_by_day_7", "pairs"),
        ("by day 14", "found", "pairs"), ("cause named rightly", "named", "found"),
        ("called over while it lasted", "called_over", "found"),
    ):  # fmt: skip
        sizes.append([label, *(f"{moderate[size][key]} of {moderate[size][of]}" for size in SIZES)])
    healthy_days = f"{d['healthy_days']:,} healthy days after the first four weeks were judged."
    return "\n\n".join([table(quiet), table(sizes), *_serious(d), healthy_days]) + "\n"


def _serious(d: dict[str, Any]) -> list[str]:
    """Return the figures of the catalogue; none if it was not gone through."""
    if not d["faults"]:
        return []
    alarmed = [f"{d[key]} of {d['faults']}" for key in ("alarmed", "z_score_alarmed", "elementary_alarmed")]
    rows = [
        ["serious faults", "this monitor", "plain 7-day z-score", "Elementary"],
        ["alarmed on their first day", *alarmed],
        ["and rightly named", f"{d['named']} of {d['faults']}", "", ""],
    ]
    healthy = f"{d['of_which_alarmed']} of {d['days_of_healthy_files']} days of healthy synthetic files alarmed."
    return [table(rows), f"Not rightly named: {'; '.join(d['missed']) or 'none'}. {healthy}"]


def main(args: Sequence[str]) -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--shops", type=int, default=1, help="healthy shops of each size and profile (default: 1)")
    p.add_argument("--broken", type=int, default=2, help="shops of each size for the moderate faults (default: 2)")
    p.add_argument("--rounds", type=int, default=1, help="times the catalogue is gone through (default: 1)")
    p.add_argument("--seed", type=int, default=REPORTED_SEED)
    p.add_argument("--small", action="store_true", help="a tenth of it on the tuning seed, for work on the settings")
    p.add_argument("--out", type=Path, help="JSON to write (default: detection.json of part 4; --small: none)")
    options = p.parse_args(args)
    if options.small:
        options.seed, options.shops, options.broken, options.rounds = TUNING_SEED, 1, 1, 0
    outcomes: dict[tuple[str, str], Quiet] = {}
    results: list[Result] = []
    found: list[Found] = []
    statuses: list[str] = []
    with Pool(2) as pool:
        for size, profile, outcome in pool.imap_unordered(quiet_run, quiet_jobs(options.seed + 1, options.shops)):
            outcomes.setdefault((size, profile), Quiet()).add(outcome)
            print(*outcome.alarms, sep="\n", end="\n" if outcome.alarms else "", flush=True)
        for some in pool.imap_unordered(broken_run, broken_jobs(options.seed, options.broken)):
            results += some
            for r in some:
                print(json.dumps(asdict(r)), flush=True)
        for faults, healthy in pool.imap_unordered(catalogue, range(options.seed, options.seed + options.rounds)):
            found += faults
            statuses += healthy
            for one in faults:
                verdict = "named " if one.named else "MISSED"
                print(f"{verdict} {one.fault:<28}{one.day} {one.status:<8}{', '.join(one.alarms)}", flush=True)
    document = summary(options.seed, outcomes, results, statuses, found)
    out = options.out or (None if options.small else MEASURED)
    if out:
        out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(as_markdown(document))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
