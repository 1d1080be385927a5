"""The nine checks of bench_peers.py, as each tool's own documentation has them written.

A tool is a program and what it reads beside the files: a contract, or a project. The program's arguments are
the file to which it writes the names of the checks that failed, as JSON, that contract, and the files.
"""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import synthetic_events

COLUMNS = list(synthetic_events.COLUMNS)
ORDERS = ["checkout_completed", "purchase"]
EVENTS = ["page_viewed", "email_filled_on_popup", "product_added_to_cart", "checkout_started", *ORDERS]
ROWS = (1_000, 10_000_000)

EVENTS_SQL = f"""
    select
        *, try_cast("timestamp" as timestamp) as time, cast(try_cast("timestamp" as timestamp) as date) as day,
        cast(strptime(parse_filename(filename), 'events_%Y%m%d.csv') as date) as file_day,
        case when event_name in {tuple(ORDERS)} then event_data ->> '$.transaction_id' end as transaction_id,
        case when event_name in {tuple(ORDERS)}
            then try_cast(event_data ->> '$.revenue' as decimal(18, 2)) end as revenue
    from read_csv($files, union_by_name = true, filename = true, all_varchar = true)"""

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
connection.execute("""create table events as {EVENTS_SQL}""", {{"files": sys.argv[3:]}})
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

failed = set()
for check in DataContract(data_contract_file=sys.argv[2]).test().checks:
    if check.result == "failed":
        time = "time" if "Conversion Error" in (check.reason or "") else check.name
        failed.add("columns" if check.type in ("field_is_present", "field_type") else check.qualityId or time)
json.dump(sorted(failed), open(sys.argv[1], "w"))
"""

# The table is loaded as Soda's is, but into a file.
DATACONTRACT_LOADED = f'''
import sys
import duckdb

with duckdb.connect(sys.argv[2] + ".duckdb") as connection:
    connection.execute("""create table events as {EVENTS_SQL}""", {{"files": sys.argv[3:]}})
{DATACONTRACT}'''

DBT = """
import json, sys
from dbt.cli.main import dbtRunner

project = sys.argv[2]
result = dbtRunner().invoke(
    ["--quiet", "build", "--project-dir", project, "--profiles-dir", project, "--log-path", project + "/logs"])
tests = [one for one in result.result.results if one.node.resource_type == "test"]
failed = [one.node.name.split("__")[0] for one in tests if one.status != "pass"]
json.dump(failed if len(tests) == 9 else ["other tests than nine"], open(sys.argv[1], "w"))
"""


def soda_contract(place: Path, _: list[str]) -> None:
    place.write_text(SODA_CONTRACT, encoding="utf-8")


def data_contract(place: Path, files: list[str]) -> None:
    """Return a contract that names the place of the files, and their first and last day."""
    days = [datetime.strptime(Path(path).name, "events_%Y%m%d.csv").date() for path in files]
    server = {"type": "local", "path": f"{Path(files[0]).parent}/events_*.csv", "format": "csv", "delimiter": ","}
    outside = f"cast(\"timestamp\" as date) not between '{min(days)}' and '{max(days)}'"
    write_data_contract(place, server, {"timestamp": "timestamp"}, outside)


def data_contract_of_table(place: Path, _: list[str]) -> None:
    """Return the same contract for a DuckDB file, whose table has each row's file and the time as it was written."""
    database = Path(f"{place}.duckdb")
    database.unlink(missing_ok=True)
    server = {"type": "duckdb", "database": str(database), "schema": "main"}
    write_data_contract(place, server, {"timestamp": "string", "time": "timestamp"}, "day <> file_day")


def write_data_contract(place: Path, server: dict[str, str], times: dict[str, str], outside: str) -> None:
    """Write it: the last of the times is what must have been read, and the condition says what no row may be."""
    sql = {
        "day": f"select count(*) from events where {outside}",
        "transaction": f"""select count(*) - count(distinct event_data ->> '$.transaction_id') from events
            where event_name in {tuple(ORDERS)}""",
        "revenue": f"""select count(*) from events
            where event_name in {tuple(ORDERS)} and cast(event_data ->> '$.revenue' as double) < 0""",
    }
    checks: dict[str, dict[str, object]] = {
        "client_id": {"id": "client", "metric": "nullValues", "mustBeLessThan": 2, "unit": "percent"},
        "page_url": {"id": "page", "metric": "nullValues", "mustBe": 0},
        list(times)[-1]: {"id": "time", "metric": "nullValues", "mustBe": 0},
        "event_name": {"id": "event", "metric": "invalidValues", "arguments": {"validValues": EVENTS}, "mustBe": 0},
    }
    properties = [
        {"name": name, "logicalType": kind, "quality": [checks[name]] if name in checks else []}
        for name, kind in (dict.fromkeys(COLUMNS, "string") | times).items()
    ]
    rows = {"id": "rows", "metric": "rowCount", "mustBeBetween": ROWS}
    quality = [rows, *({"id": name, "type": "sql", "query": query, "mustBe": 0} for name, query in sql.items())]
    contract = {
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": "events", "version": "1.0.0", "status": "active",
        "servers": [{"server": "days", **server}],
        "schema": [{"name": "events", "quality": quality, "properties": properties}],
    }  # fmt: skip
    place.write_text(json.dumps(contract), encoding="utf-8")  # JSON is YAML


def dbt_project(place: Path, files: list[str]) -> None:
    """Return a project of one model, the table of events, and nine tests: four of dbt's own and five in SQL."""
    outputs = {"bench": {"type": "duckdb", "threads": 2}}
    flags = {"send_anonymous_usage_stats": False}
    columns = {
        "page_url": {"not_null": {"name": "page"}},
        "event_name": {"accepted_values": {"name": "event", "arguments": {"values": EVENTS}}},
        "time": {"not_null": {"name": "time"}},
        "transaction_id": {"unique": {"name": "transaction"}},
    }
    tested = [{"name": name, "data_tests": [test]} for name, test in columns.items()]
    written = {
        "dbt_project.yml": json.dumps({"name": "peer", "version": "1.0", "profile": "peer", "flags": flags}),
        "profiles.yml": json.dumps({"peer": {"target": "bench", "outputs": outputs}}),
        "models/events.yml": json.dumps({"models": [{"name": "events", "columns": tested}]}),
        "models/events.sql": "{{ config(materialized='table') }}" + EVENTS_SQL.replace("$files", str(files)),
        "tests/columns.sql": f"""select unnest({COLUMNS}) except select column_name
            from information_schema.columns where table_name = '{{{{ ref('events').identifier }}}}'""",
        "tests/client.sql": """select 1 from {{ ref('events') }}
            having count(*) filter (client_id is null) >= 0.02 * count(*)""",
        "tests/day.sql": "select * from {{ ref('events') }} where day <> file_day",
        "tests/revenue.sql": "select * from {{ ref('events') }} where revenue < 0",
        "tests/rows.sql": f"""select count(*) from {{{{ ref('events') }}}}
            having count(*) not between {ROWS[0]} and {ROWS[1]}""",
    }
    for name, text in written.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, encoding="utf-8")


class Peer(NamedTuple):
    name: str  # with the place of its version
    package: str  # whose version that is
    option: str  # of the benchmark, that names a Python which has it
    install: str
    program: str
    prepare: Callable[[Path, list[str]], None]  # writes what it reads beside the files, and is not timed


PEERS = (
    Peer("Great Expectations {}", "great_expectations", "gx", "great_expectations", GX, lambda place, files: None),
    Peer("Soda Core {}", "soda-core", "soda", "soda-duckdb", SODA, soda_contract),
    Peer(
        "datacontract-cli {}",
        "datacontract-cli",
        "datacontract",
        "datacontract-cli[duckdb]",
        DATACONTRACT_LOADED,
        data_contract_of_table,
    ),
    Peer(
        "datacontract-cli {}, CSV",
        "datacontract-cli",
        "datacontract",
        "datacontract-cli[duckdb]",
        DATACONTRACT,
        data_contract,
    ),
    Peer("dbt-duckdb {}", "dbt-duckdb", "dbt", "dbt-duckdb", DBT, dbt_project),
)
# What they would tell their makers over the network is switched off; dbt's is in its project.
QUIET = {"GX_ANALYTICS_ENABLED": "false", "SODA_CORE_TELEMETRY_ENABLED": "false"}
