#!/usr/bin/env python3
"""Time the validator beside other tools that check data, as whole processes over the same files, in turn.

Each tool asks the same nine things of the same days, written as its own documentation has it, and reads
the files once, by the name of their columns. The validator is not cut down to them: it runs all its
checks, of every file, with journeys, orders and money. Ratios are to the bare scan of bench_validate.py.

columns      every column is there (once the days are one table: in at least one of the files)
client       client_id is empty in less than 2 % of the rows
event        event_name is one of the list
time         timestamp is there and can be read
day          timestamp lies in the day of its file
page         page_url is not empty
transaction  no two orders share a transaction id
revenue      no order has a negative revenue
rows         there are from 1,000 to 10,000,000 rows

Great Expectations Core  reads a pandas data frame. It does not support DuckDB; through duckdb-engine 0.17
                         its counts come back empty ("list index out of range")
Soda Core                a contract over an in-memory DuckDB table, by its Python interface
datacontract-cli         an ODCS contract over a server of type local and format csv, which it loads into DuckDB. Its
                         table has no file names, so `day` is only that no time lies outside all the days, and a
                         time that cannot be read ends its run with an error, which counts as found

No time is printed for a tool that has not found what is wrong: first with a folder that breaks eight of
the nine, one that breaks `time`, and one that breaks none; then with the files it is timed on, against
plain SQL. The tools are no requirement of this project: install each in an environment of its own, and
name its Python. Their reports to their makers are switched off.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import duckdb
import synthetic_events
from bench_transform import HEADER, Command, compare, files_of
from bench_validate import REPO, VALIDATE, fortnight, run

COLUMNS = list(synthetic_events.COLUMNS)
ORDERS = ["checkout_completed", "purchase"]
EVENTS = ["page_viewed", "email_filled_on_popup", "product_added_to_cart", "checkout_started", *ORDERS]
ROWS = (1_000, 10_000_000)
NINE = {"columns", "client", "event", "time", "day", "page", "transaction", "revenue", "rows"}

LOAD = f"""
    create table events as
    select
        *, try_cast("timestamp" as timestamp) as time, cast(try_cast("timestamp" as timestamp) as date) as day,
        cast(strptime(parse_filename(filename), 'events_%Y%m%d.csv') as date) as file_day,
        case when event_name in {tuple(ORDERS)} then event_data ->> '$.transaction_id' end as transaction_id,
        case when event_name in {tuple(ORDERS)}
            then try_cast(event_data ->> '$.revenue' as decimal(18, 2)) end as revenue
    from read_csv($files, union_by_name = true, filename = true, all_varchar = true)"""
TRUTH = f"""
    select
        count(*) filter (client_id is null) >= 0.02 * count(*) as client,
        bool_or(event_name not in {tuple(EVENTS)}) as event, bool_or(time is null) as time,
        bool_or(day <> file_day) as day, bool_or(page_url is null) as page,
        count(transaction_id) > count(distinct transaction_id) as transaction, bool_or(revenue < 0) as revenue,
        count(*) not between {ROWS[0]} and {ROWS[1]} as rows
    from events"""

# A program's arguments: the file to write the names of what failed to, the tool's contract, and the files.
GX = f"""
import json, re, sys
import pandas as pd
import great_expectations as gx
import great_expectations.expectations as gxe

days = []
for path in sys.argv[3:]:
    day = pd.Timestamp(re.search(r"events_(\\d{{8}})", path)[1], tz="UTC")
    days.append(pd.read_csv(path, dtype=str).assign(file_day=day))
events = pd.concat(days, ignore_index=True)
events["time"] = pd.to_datetime(events["timestamp"], errors="coerce", utc=True)
events["day"] = events["time"].dt.floor("D")
payload = events.loc[events["event_name"].isin({ORDERS}), "event_data"].map(json.loads)
events["transaction_id"] = payload.str["transaction_id"]
events["revenue"] = pd.to_numeric(payload.str["revenue"], errors="coerce")

context = gx.get_context(mode="ephemeral")
context.variables.progress_bars = {{"globally": False}}
asset = context.data_sources.add_pandas("shop").add_dataframe_asset("events")
suite = gx.ExpectationSuite(name="events", expectations=[
    gxe.ExpectTableColumnsToMatchSet(column_set={COLUMNS}, exact_match=False, meta={{"check": "columns"}}),
    gxe.ExpectColumnValuesToNotBeNull(column="client_id", mostly=0.98, meta={{"check": "client"}}),
    gxe.ExpectColumnValuesToBeInSet(column="event_name", value_set={EVENTS}, meta={{"check": "event"}}),
    gxe.ExpectColumnValuesToNotBeNull(column="time", meta={{"check": "time"}}),
    gxe.ExpectColumnPairValuesToBeEqual(
        column_A="day", column_B="file_day", ignore_row_if="either_value_is_missing", meta={{"check": "day"}}),
    gxe.ExpectColumnValuesToNotBeNull(column="page_url", meta={{"check": "page"}}),
    gxe.ExpectColumnValuesToBeUnique(column="transaction_id", meta={{"check": "transaction"}}),
    gxe.ExpectColumnValuesToBeBetween(column="revenue", min_value=0, meta={{"check": "revenue"}}),
    gxe.ExpectTableRowCountToBeBetween(min_value={ROWS[0]}, max_value={ROWS[1]}, meta={{"check": "rows"}}),
])
definition = context.validation_definitions.add(gx.ValidationDefinition(
    name="events", data=asset.add_batch_definition_whole_dataframe("all"), suite=context.suites.add(suite)))
result = definition.run(batch_parameters={{"dataframe": events}})
failed = [one.expectation_config.meta["check"] for one in result.results if not one.success]
json.dump(failed, open(sys.argv[1], "w"))
"""

SODA = f'''
import json, sys
import duckdb
from soda_core.contracts import verify_contract_locally
from soda_duckdb import DuckDBDataSource

connection = duckdb.connect()
connection.execute("""{LOAD}""", {{"files": sys.argv[3:]}})
session = verify_contract_locally(
    data_sources=[DuckDBDataSource.from_existing_cursor(connection, name="shop")], contract_file_path=sys.argv[2])
checks = [check for one in session.contract_verification_results for check in one.check_results]
failed = [check.check.name for check in checks if check.outcome.name != "PASSED"]
json.dump(failed if len(checks) == 9 else ["other checks than nine"], open(sys.argv[1], "w"))
'''
SODA_CONTRACT = f"""
dataset: shop/main/events
checks:
  - schema: {{name: columns, allow_extra_columns: true, allow_other_column_order: true}}
  - row_count:
      name: rows
      threshold: {{must_be_between: {{greater_than_or_equal: {ROWS[0]}, less_than_or_equal: {ROWS[1]}}}}}
  - failed_rows: {{name: day, expression: day <> file_day}}
columns:
  - {{name: client_id, checks: [missing: {{name: client, threshold: {{metric: percent, must_be_less_than: 2}}}}]}}
  - {{name: page_url, checks: [missing: {{name: page}}]}}
  - {{name: referrer}}
  - {{name: timestamp}}
  - {{name: event_name, checks: [invalid: {{name: event, valid_values: {EVENTS}}}]}}
  - {{name: event_data}}
  - {{name: user_agent}}
  - {{name: time, checks: [missing: {{name: time}}]}}
  - {{name: transaction_id, checks: [duplicate: {{name: transaction}}]}}
  - {{name: revenue, checks: [invalid: {{name: revenue, valid_min: 0}}]}}
"""

DATACONTRACT = """
import json, sys
from datacontract.data_contract import DataContract

failed = {
    "columns" if check.type == "field_is_present" else check.quality_id or "time"
    for check in DataContract(data_contract_file=sys.argv[2]).test().checks if check.result != "passed"
}
json.dump(sorted(failed), open(sys.argv[1], "w"))
"""


def data_contract(folder: Path) -> str:
    """The contract of datacontract-cli, which holds the place of the files and their first and last day."""
    days = [date.fromisoformat(Path(path).stem.removeprefix("events_")) for path in files_of(folder)]
    order = f"event_name in {tuple(ORDERS)}"
    return f"""
apiVersion: v3.1.0
kind: DataContract
id: events
name: Web events
version: 1.0.0
status: active
servers: [{{server: files, type: local, path: "{folder}/events_*.csv", format: csv, delimiter: ","}}]
schema:
  - name: events
    quality:
      - {{id: rows, metric: rowCount, mustBeBetween: [{ROWS[0]}, {ROWS[1]}]}}
      - id: day
        type: sql
        query: >-
          select count(*) from events
          where "timestamp" < '{min(days)}' or "timestamp" >= '{max(days) + timedelta(days=1)}'
        mustBe: 0
      - id: transaction
        type: sql
        query: >-
          select count(*) - count(distinct event_data ->> '$.transaction_id') from events where {order}
        mustBe: 0
      - id: revenue
        type: sql
        query: >-
          select count(*) from events
          where {order} and try_cast(event_data ->> '$.revenue' as decimal(18, 2)) < 0
        mustBe: 0
    properties:
      - name: client_id
        logicalType: string
        quality: [{{id: client, metric: nullValues, mustBeLessThan: 2, unit: percent}}]
      - {{name: page_url, logicalType: string, quality: [{{id: page, metric: nullValues, mustBe: 0}}]}}
      - {{name: referrer, logicalType: string}}
      - {{name: timestamp, logicalType: timestamp, quality: [{{id: time, metric: nullValues, mustBe: 0}}]}}
      - name: event_name
        logicalType: string
        quality: [{{id: event, metric: invalidValues, arguments: {{validValues: {EVENTS}}}, mustBe: 0}}]
      - {{name: event_data, logicalType: string}}
      - {{name: user_agent, logicalType: string}}
"""


class Peer(NamedTuple):
    option: str
    name: str
    package: str  # whose version is told
    install: str
    program: str


PEERS = (
    Peer("gx", "Great Expectations", "great_expectations", "great_expectations", GX),
    Peer("soda", "Soda Core", "soda-core", "soda-duckdb", SODA),
    Peer("datacontract", "datacontract-cli", "datacontract-cli", "datacontract-cli[duckdb]", DATACONTRACT),
)


def version(interpreter: str, package: str) -> str | None:
    """The version of a package in an environment; None when it or the interpreter is not there."""
    program = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"
    try:
        done = subprocess.run([interpreter, "-c", program, package], capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def checked(peer: Peer, interpreter: str, verdict: Path) -> Command:
    def command(data: Path, _: Path) -> list[str]:
        verdict.unlink(missing_ok=True)
        contract = verdict.with_suffix(".yaml")
        contract.write_text(SODA_CONTRACT if peer.option == "soda" else data_contract(data), encoding="utf-8")
        return [interpreter, "-c", peer.program, str(verdict), str(contract), *files_of(data)]

    return command


def validate(data: Path, out: Path) -> list[str]:
    return [sys.executable, str(VALIDATE), "--data_dir", str(data), "--out_dir", str(out), "--quiet"]


def truth(folder: Path) -> set[str]:
    """What of the nine is wrong in the files, by plain SQL."""
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(LOAD, {"files": files_of(folder)})
        found = connection.execute(TRUTH)
        names = [column[0] for column in found.description]
        wrong = {name for name, is_wrong in zip(names, found.fetchall()[0], strict=True) if is_wrong}
        there = {row[0] for row in connection.execute("describe events").fetchall()}
    return wrong if set(COLUMNS) <= there else wrong | {"columns"}


def broken(folder: Path, rows: int, faults: dict[int, dict[str, str]], without: str = "") -> Path:
    """A folder of two synthetic days of so many rows, whose columns have been overwritten on some lines."""
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
    """Three folders: nothing wrong, only a time that cannot be read, and everything else."""
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
    p.add_argument("--data_dir", type=Path, help="time these files (default: the synthetic fortnight, 20 times)")
    p.add_argument("--runs", type=int, default=5, help="counted runs of each command (default: 5)")
    for peer in PEERS:
        told = f"a Python that has {peer.install} (default: this one)"
        p.add_argument(f"--{peer.option}", default=sys.executable, metavar="PYTHON", help=told)
    options = p.parse_args(args)
    os.environ |= {"GX_ANALYTICS_ENABLED": "false", "SODA_CORE_TELEMETRY_ENABLED": "false"}
    (REPO / "data" / "bench").mkdir(parents=True, exist_ok=True)
    data = options.data_dir.resolve() if options.data_dir else fortnight(20)
    commands: dict[str, Command] = {"this validator, all checks": validate}
    with tempfile.TemporaryDirectory(dir=REPO / "data" / "bench") as made:
        work, absent, verdicts = Path(made), [], {}
        for peer in PEERS:
            interpreter = vars(options)[peer.option]
            if number := version(interpreter, peer.package):
                name = f"{peer.name} {number}"
                verdicts[name] = work / f"{peer.option}.json"
                commands[name] = checked(peer, interpreter, verdicts[name])
            else:
                absent.append(f"{peer.name} (pip install '{peer.install}', --{peer.option})")
        if absent:
            print(f"not installed, and left out: {', '.join(absent)}")
        for folder in proofs(work) if verdicts else []:
            for name, verdict in verdicts.items():
                run(commands[name](folder, work))
                hold(name, verdict, folder)
        print(HEADER)
        compare(commands, data, options.runs)
        for name, verdict in verdicts.items():
            hold(name, verdict, data)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
