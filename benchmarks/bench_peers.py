#!/usr/bin/env python3
"""Time the validator beside other tools that check data, as whole processes over the same files, in turn.

Each tool asks the same nine things of the same days, in the way of its own documentation, and reads the
files once, by the names of their columns. The validator is not cut down to that: it runs all its checks.
Ratios are to the bare scan of bench_validate.py.

columns, rows         every column is there, in at least one of the files; there are 1,000 to 10,000,000 rows
client, page          client_id is empty in less than 2 % of the rows, page_url in none
event                 event_name is one of the list
time, day             timestamp can be read, and lies in the day of its file
transaction, revenue  no two orders share a transaction id, and none has a negative revenue

Great Expectations has no support for DuckDB (through duckdb-engine 0.17 every count ends with "list index
out of range"): it is given a pandas data frame. Soda Core checks a contract over an in-memory DuckDB table,
by its Python interface; datacontract-cli, an ODCS contract over the same table in a file. It reads CSV
itself too, and is timed so as well: DuckDB then guesses the types of every file, several times; there is
no name of a file, so `day` is that no time lies outside all the days, and a time that cannot be read ends
the whole run, which counts as found. dbt builds one model, in memory, and runs nine tests of it; what it
has parsed it keeps from run to run.

No time is printed of a tool that does not find what is wrong, and that alone: first in a folder without
faults, in one with a bad time and in one with the eight others, then, against plain SQL, in the files it is
timed on. The tools are no requirement of this project: install each in an environment of its own, and name
its Python.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import synthetic_events
from bench_transform import HEADER, Command, compare, files_of
from bench_validate import REPO, VALIDATE, fortnight
from peer_checks import COLUMNS, EVENTS, EVENTS_SQL, ORDERS, PEERS, QUIET, ROWS, Peer

NINE = {"columns", "client", "event", "time", "day", "page", "transaction", "revenue", "rows"}
TRUTH = f"""
    select
        count(*) filter (client_id is null) >= 0.02 * count(*) as client,
        bool_or(event_name not in {tuple(EVENTS)}) as event, bool_or(time is null) as time,
        bool_or(day <> file_day) as day, bool_or(page_url is null) as page,
        count(transaction_id) > count(distinct transaction_id) as transaction, bool_or(revenue < 0) as revenue,
        count(*) not between {ROWS[0]} and {ROWS[1]} as rows
    from events"""


def version(interpreter: str, package: str) -> str | None:
    """Return the version of a package in an environment; None when it or the interpreter is not there."""
    program = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"
    try:
        done = subprocess.run([interpreter, "-c", program, package], capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def checked(peer: Peer, interpreter: str, place: Path, verdict: Path) -> Command:
    def command(data: Path, _: Path) -> list[str]:
        verdict.unlink(missing_ok=True)
        peer.prepare(place, files_of(data))
        return [interpreter, "-c", peer.program, str(verdict), str(place), *files_of(data)]

    return command


def validate(data: Path, out: Path) -> list[str]:
    return [sys.executable, str(VALIDATE), "--data_dir", str(data), "--out_dir", str(out), "--quiet"]


def truth(folder: Path) -> set[str]:
    """Return which of the nine problems are in the files, by plain SQL."""
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(f"create table events as {EVENTS_SQL}", {"files": files_of(folder)})
        result = connection.execute(TRUTH)
        names = [column[0] for column in result.description]
        wrong = {name for name, is_wrong in zip(names, result.fetchall()[0], strict=True) if is_wrong}
        there = {row[0] for row in connection.execute("describe events").fetchall()}
    return wrong if set(COLUMNS) <= there else wrong | {"columns"}


def broken(folder: Path, rows: int, faults: dict[int, dict[str, str]], without: str = "") -> Path:
    """Return a folder of two synthetic days of so many rows, whose columns have been overwritten on some lines."""
    synthetic_events.generate(folder, days=2, events_per_day=rows)
    for path in folder.glob("events_*.csv"):
        with path.open(encoding="utf-8", newline="") as lines:
            events = list(csv.DictReader(lines))
        for line, fault in faults.items():
            events[line] |= fault
        with path.open("w", encoding="utf-8", newline="") as lines:
            out = csv.DictWriter(lines, [c for c in COLUMNS if c != without], extrasaction="ignore")
            out.writeheader()
            out.writerows(events)
    return folder


def proofs(work: Path) -> list[Path]:
    """Return three folders: nothing wrong, only a time that cannot be read, and everything else."""
    lost = {line: {"client_id": ""} for line in range(100, 150)}
    bad_order = {"event_name": ORDERS[0], "event_data": '{"transaction_id": "1", "revenue": -1.00}'}
    elsewhere = {"timestamp": "2001-01-01T00:00:00.000Z"}
    single = {10: {"event_name": "unheard_of"}, 11: {"page_url": ""}, 12: bad_order, 13: elsewhere}
    folders = [
        broken(work / "sound", 1500, {}),
        broken(work / "time", 1500, {10: {"timestamp": "noon"}}),
        broken(work / "rest", 300, lost | single, without="user_agent"),
    ]
    if [truth(folder) for folder in folders] != [set(), {"time"}, NINE - {"time"}]:
        sys.exit("bench_peers.py: the folders that try the tools are not broken as they should be")
    return folders


def hold(name: str, verdict: Path, folder: Path) -> None:
    """End the benchmark where a tool has found something else than is wrong."""
    found, wrong = set(json.loads(verdict.read_text())), truth(folder)
    if found != wrong:
        sys.exit(f"bench_peers.py: in {folder} {name} found {sorted(found)} where {sorted(wrong)} is wrong")


def main(args: list[str]) -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument(
        "--data_dir", type=Path, help="time these files (default: a synthetic fortnight, 20 times the usual)"
    )
    p.add_argument("--runs", type=int, default=5, help="counted runs of each command (default: 5)")
    for option, install in {peer.option: peer.install for peer in PEERS}.items():
        named = f"a Python that has {install} (default: this one)"
        p.add_argument(f"--{option}", default=sys.executable, metavar="PYTHON", help=named)
    options = p.parse_args(args)
    os.environ |= QUIET
    (REPO / "data" / "bench").mkdir(parents=True, exist_ok=True)
    data = options.data_dir.resolve() if options.data_dir else fortnight(20)
    commands: dict[str, Command] = {"this validator, all checks": validate}
    verdicts: dict[str, Path] = {}
    absent: dict[str, str] = {}
    with tempfile.TemporaryDirectory(dir=REPO / "data" / "bench") as made:
        work = Path(made)
        for number, peer in enumerate(PEERS):
            interpreter = vars(options)[peer.option]
            if found := version(interpreter, peer.package):
                name = peer.name.format(found)
                verdicts[name] = work / f"{number}.json"
                commands[name] = checked(peer, interpreter, work / f"peer_{number}", verdicts[name])
            else:
                absent[peer.option] = peer.install
        if absent:
            named = ", ".join(f"{install} (--{option})" for option, install in absent.items())
            print(f"not installed, and left out: {named}")
        for folder in proofs(work) if verdicts else []:
            for name, verdict in verdicts.items():
                done = subprocess.run(commands[name](folder, work), capture_output=True, text=True)
                if not verdict.exists():
                    sys.exit(f"bench_peers.py: {name} came to no result: {done.stderr.strip()[-500:]}")
                hold(name, verdict, folder)
        print(HEADER)
        compare(commands, data, options.runs)
        for name, verdict in verdicts.items():
            hold(name, verdict, data)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
