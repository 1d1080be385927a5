#!/usr/bin/env python3
"""Time the transformation, as whole processes, beside a bare scan, pandas, dbt and itself.

Everything that is compared runs in turn, several times; medians are printed, and ratios to the bare
DuckDB scan of bench_validate.py, for machines differ and drift. CPU is the time of all cores, which
other work on the machine disturbs less. Every full run starts without a warehouse.

sizes        a synthetic fortnight of the usual size, and of 20 and 200 times as many events a day;
             the largest once more with --memory_limit 1GB
yardsticks   at x20, the same in pandas (pandas_transformation.py) and in dbt (dbt_yardstick), where
             they are installed; both make fewer tables
engines      DuckDB and Spark (--engine spark, where it is installed) over the same files, 20 and 200 times a
             fortnight (--fortnight, else the synthetic one); the tables must be the same; with what Spark's
             tasks read and exchanged, and the largest client, which one task must sort
incremental  200 days: a full run, then one more day, nothing new, and that day gone again; the cost
             as a share of the full run. 71,400 events a day are 14 million rows, 4 GB below data/bench
             and as much again for the warehouse; --events_per_day 3570 is the usual shop's
"""

import argparse
import contextlib
import ctypes
import importlib.util
import json
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import synthetic_events
from bench_validate import REPO, SCAN, Run, fortnight, middle, run

TRANSFORM = REPO / "part2-transformation" / "transform.py"
PANDAS = REPO / "benchmarks" / "pandas_transformation.py"
DBT = REPO / "benchmarks" / "dbt_yardstick"
PARTS = ("sizes", "yardsticks", "engines", "incremental")
HEADER = f"{'':<28}{'MB':>8}{'scan s':>9}{'run s':>9}{'ratio':>8}{'CPU':>8}{'peak MB':>9}"
DAYS = 200

Command = Callable[[Path, Path], list[str]]  # of the folder of the files, and of an empty folder to write to


def scan(data: Path, _: Path) -> list[str]:
    return [sys.executable, "-c", SCAN, *files_of(data)]


def transform(*options: str) -> Command:
    def command(data: Path, out: Path) -> list[str]:
        paths = ["--data_dir", str(data), "--warehouse", str(out / "warehouse.duckdb")]
        return [sys.executable, str(TRANSFORM), *paths, "--quiet", *options]

    return command


def pandas(interpreter: str) -> Command:
    return lambda data, out: [interpreter, str(PANDAS), "--data_dir", str(data), "--out_dir", str(out)]


def dbt(program: str, kept: Path) -> Command:
    """Run dbt without its warehouse, but always in one place: it keeps what it has parsed from run to run."""
    warehouse = kept / "yardstick.duckdb"
    places = ["--project-dir", str(DBT), "--profiles-dir", str(DBT), "--target-path", str(kept / "target")]

    def command(data: Path, _: Path) -> list[str]:
        warehouse.unlink(missing_ok=True)
        os.environ["YARDSTICK_DATA"], os.environ["YARDSTICK_WAREHOUSE"] = str(data), str(warehouse)
        os.environ["YARDSTICK_SEEDS"] = str(REPO / "part2-transformation" / "seeds")
        return [program, "--quiet", "run", *places, "--log-path", str(kept / "logs")]

    return command


def files_of(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.glob("events_*.csv"))


def megabytes(files: list[str]) -> float:
    return sum(Path(file).stat().st_size for file in files) / 1e6


def in_turn(commands: dict[str, Command], data: Path, times: int) -> dict[str, Run]:
    """Run each command in turn, in an empty folder of its own, and return the median of its runs."""
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for turn in range(times + 1):
        for name, command in commands.items():
            with tempfile.TemporaryDirectory(dir=REPO / "data" / "bench") as out:
                result = run(command(data, Path(out)))
            if turn:  # the first round warms the page cache
                runs[name].append(result)
    return {name: middle(found) for name, found in runs.items()}


def compare(commands: dict[str, Command], data: Path, times: int) -> None:
    """Print a line for each command: its cost, and the ratios to the scan."""
    results = in_turn({"scan": scan, **commands}, data, times)
    bare = results.pop("scan")
    for name, found in results.items():
        print(
            f"{name:<28}{megabytes(files_of(data)):>8,.0f}{bare.wall:>9.2f}{found.wall:>9.2f}"
            f"{found.wall / bare.wall:>8.1f}{found.cpu / bare.cpu:>8.1f}{found.memory:>9,}",
            flush=True,
        )


def sizes(factors: list[int], times: int) -> None:
    for factor in factors:
        data = fortnight(factor)
        compare({f"transform x{factor}": transform()}, data, times if factor < 100 else min(times, 3))
        if factor == max(factors):
            compare({f"transform x{factor}, 1GB": transform("--memory_limit", "1GB")}, data, 1)


def yardsticks(data: Path, times: int, interpreter: str, program: str) -> None:
    commands = {f"transform {data.name}": transform()}
    if shutil.which(interpreter) == sys.executable and not importlib.util.find_spec("pandas"):
        print("pandas is not installed: pip install pandas pyarrow, or name a Python that has them with --pandas")
    else:
        commands[f"pandas {data.name}"] = pandas(interpreter)
    with tempfile.TemporaryDirectory(dir=REPO / "data" / "bench") as kept:
        if shutil.which(program):
            commands[f"dbt-duckdb {data.name}"] = dbt(program, Path(kept))
        else:
            print("dbt is not installed: pip install dbt-duckdb, in an environment of its own, and name it with --dbt")
        compare(commands, data, times)


def multiplied(fortnight_of: Path, factor: int) -> Path:
    """Return the folder of the days so many times over: each time other clients, orders, customers and checkouts."""
    folder = REPO / "data" / "bench" / f"{fortnight_of.resolve().parent.name}_x{factor}"
    folder.mkdir(parents=True, exist_ok=True)
    for path in map(Path, files_of(fortnight_of)):
        if (folder / path.name).exists():
            continue
        with duckdb.connect() as connection:
            connection.execute("set enable_progress_bar = false")
            source = f"read_csv('{path}', header = true, all_varchar = true, quote = '\"', escape = '\"')"
            client = connection.execute(f"describe from {source}").fetchall()[0][0]
            connection.execute(f"""
                copy (
                    select * exclude (copy) replace (
                        {client} || '-' || copy as {client},
                        regexp_replace(page_url, '(/checkouts/[a-z]+/[^/?#]+)', '\\1' || copy) as page_url,
                        regexp_replace(event_data, '("(transaction_id|user_email)": *")', '\\1' || copy, 'g')
                            as event_data
                    )
                    from {source} cross join range({factor}) as copies (copy)
                    order by "timestamp"
                ) to '{folder / path.name}.part' (header)""")
        Path(f"{folder / path.name}.part").rename(folder / path.name)
    return folder


def whole_run(command: list[str]) -> Run:
    """Run as run() does, and wait for the processes that the command leaves behind, such as Spark's Java."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    measured = run(command)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(measured.wall, cpu, after.ru_maxrss // 1024)


def exchanged(log: Path) -> tuple[int, int, float]:
    """Return from a run's event log the bytes that tasks read and exchanged, and the seconds that they computed."""
    read = wrote = nanoseconds = 0
    for path in log.iterdir():
        for line in path.open(encoding="utf-8"):
            if '"SparkListenerTaskEnd"' in line:
                metrics = json.loads(line).get("Task Metrics") or {}
                read += metrics.get("Input Metrics", {}).get("Bytes Read", 0)
                wrote += metrics.get("Shuffle Write Metrics", {}).get("Shuffle Bytes Written", 0)
                nanoseconds += metrics.get("Executor CPU Time", 0)
    return read, wrote, nanoseconds / 1e9


def fingerprints(warehouse: Path) -> dict[str, tuple[object, ...]]:
    """Return the number of rows of each table of silver and gold, and the sum of their hashes."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        names = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables where table_schema <> 'bronze'"
        ).fetchall()
        hashes = {}
        for (name,) in names:
            columns = sorted((row[0], row[1]) for row in connection.execute(f"describe {name}").fetchall())
            # The width of an integer is not part of a row.
            row = ", ".join(f'cast("{c}" as bigint)' if kind == "INTEGER" else f'"{c}"' for c, kind in columns)
            hashes[name] = connection.execute(f"select count(*), sum(hash({row})) from {name}").fetchall()[0]
    return hashes


def engines(days: Path, factors: list[int]) -> None:
    """Time DuckDB and Spark over the same files; exit if a table differs."""
    if not importlib.util.find_spec("pyspark"):
        print("pyspark is not installed: pip install -r requirements-spark.txt")
        return
    ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: orphans become ours, and so do their seconds
    for factor in factors:
        data = multiplied(days, factor)
        with tempfile.TemporaryDirectory(dir=REPO / "data" / "bench") as made:
            out, log = Path(made), Path(made) / "log"
            log.mkdir()
            bare = whole_run(scan(data, out))
            logged = {"enabled": "true", "dir": log.as_uri(), "compress": "false", "rolling.enabled": "false"}
            os.environ["PYSPARK_SUBMIT_ARGS"] = (
                "".join(f"--conf spark.eventLog.{key}={value} " for key, value in logged.items()) + "pyspark-shell"
            )
            spark = ["--engine", "spark", "--warehouse", str(out / "spark")]
            for name, options in {f"DuckDB x{factor}": [], f"Spark x{factor}": spark}.items():
                measured = whole_run([*transform()(data, out), *options])
                print(
                    f"{name:<28}{megabytes(files_of(data)):>8,.0f}{bare.wall:>9.2f}{measured.wall:>9.2f}"
                    f"{measured.wall / bare.wall:>8.1f}{measured.cpu / bare.cpu:>8.1f}{measured.memory:>9,}",
                    flush=True,
                )
            here, there = fingerprints(out / "warehouse.duckdb"), fingerprints(out / "spark" / "warehouse.duckdb")
            if wrong := [name for name in here.keys() | there.keys() if here.get(name) != there.get(name)]:
                sys.exit(f"bench_transform.py: Spark made something else of {', '.join(sorted(wrong))}")
            read, wrote, seconds = exchanged(log)
            with duckdb.connect(str(out / "warehouse.duckdb"), read_only=True) as connection:
                events, clients, largest = connection.execute(
                    "select sum(n), count(*), max(n) from "
                    "(select count(*) as n from silver.events where client_id is not null group by client_id)"
                ).fetchall()[0]
        print(
            f"  the same {len(here)} tables; Spark's tasks read {read / 1e6:,.0f} MB, exchanged {wrote / 1e6:,.0f} MB "
            f"and computed {seconds:,.0f} s\n  {events:,} events of {clients:,} clients, the largest with {largest:,}",
            flush=True,
        )


def many_days(days: int, events_per_day: int) -> Path:
    """Return the folder of so many synthetic days and one more; made once, then kept."""
    folder = REPO / "data" / "bench" / f"{days}_days_of_{events_per_day}"
    if len(files_of(folder)) <= days:
        folder.mkdir(parents=True, exist_ok=True)
        synthetic_events.generate(folder, days=days + 1, events_per_day=events_per_day, start=date(2025, 1, 1))
    return folder


def incremental(days: int, events_per_day: int, times: int) -> None:
    """Time a full run over all days but the last; then the last day comes, stays, and goes, several times."""
    *past, last = map(Path, files_of(many_days(days, events_per_day)))
    runs: dict[str, list[Run]] = {"one new day": [], "nothing new": [], "that day gone": []}
    with tempfile.TemporaryDirectory(dir=REPO / "data" / "bench") as made:
        data, out = Path(made) / "data", Path(made) / "warehouse"
        data.mkdir()
        out.mkdir()
        for path in past:
            os.link(path, data / path.name)
        size = megabytes(files_of(data))
        bare = middle([run(scan(data, out)) for _ in range(2)][1:])
        full = run(transform()(data, out))
        print(
            f"{f'{days} days, full':<28}{size:>8,.0f}{bare.wall:>9.2f}{full.wall:>9.2f}"
            f"{full.wall / bare.wall:>8.1f}{full.cpu / bare.cpu:>8.1f}{full.memory:>9,}",
            flush=True,
        )
        for _ in range(times):
            os.link(last, data / last.name)
            runs["one new day"].append(run(transform()(data, out)))
            runs["nothing new"].append(run(transform()(data, out)))
            (data / last.name).unlink()
            runs["that day gone"].append(run(transform()(data, out)))
        stored = (out / "warehouse.duckdb").stat().st_size / 1e6
    for name, found in ((name, middle(several)) for name, several in runs.items()):
        print(
            f"{name:<28}{'':>17}{found.wall:>9.2f}{found.wall / full.wall:>8.1%}{found.cpu / full.cpu:>8.1%}"
            f"{found.memory:>9,}",
            flush=True,
        )
    print(f"The warehouse holds {stored:,.0f} MB. Shares are of the full run.")


def main(args: list[str]) -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS, help="which of the four (default: all)")
    p.add_argument("--data_dir", type=Path, help="time these files, with the yardsticks, and nothing else")
    p.add_argument("--sizes", type=int, nargs="*", default=[1, 20, 200], help="times the usual day (default: 1 20 200)")
    p.add_argument("--runs", type=int, default=5, help="counted runs of each command (default: 5)")
    p.add_argument("--fortnight", type=Path, help="days to multiply for the engines (default: the synthetic fortnight)")
    p.add_argument("--factors", type=int, nargs="*", default=[20, 200], help="times over (default: 20 200)")
    p.add_argument("--days", type=int, default=DAYS, help=f"days of the incremental part (default: {DAYS})")
    p.add_argument("--events_per_day", type=int, default=71400, help="on each of them (default: 71400)")
    p.add_argument("--pandas", default=sys.executable, metavar="PYTHON", help="an interpreter that has pandas")
    p.add_argument("--dbt", default="dbt", metavar="PROGRAM", help="the program dbt, with dbt-duckdb")
    options = p.parse_args(args)
    (REPO / "data" / "bench").mkdir(parents=True, exist_ok=True)
    print(HEADER)
    if options.data_dir:
        yardsticks(options.data_dir, options.runs, options.pandas, options.dbt)
        return 0
    if "sizes" in options.parts:
        sizes(options.sizes, options.runs)
    if "yardsticks" in options.parts:
        yardsticks(fortnight(20), min(options.runs, 3), options.pandas, options.dbt)
    if "engines" in options.parts:
        engines(options.fortnight or fortnight(1), options.factors)
    if "incremental" in options.parts:
        incremental(options.days, options.events_per_day, min(options.runs, 3))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
