"""A real Spark cluster on this machine, and a fortnight for it of what deliveries do to files.

The cluster is a master and workers as processes of their own, on loopback only.
"""

import gzip
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from synthetic_events import generate
from synthetic_orders import ENCODED, FATES, write_books, write_odd_records, write_spend
from time_forms import READ, REFUSED

# Tests run too short for the slower, better compiler to pay, and on too few cores for a parallel collector; the faster
# compiler alone would have a cache that the generated code fills.
FRUGAL = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:ReservedCodeCacheSize=240m"
# Threads that read a file's columns at once pay for large files only; each plan as a text, and each change of it, only
# where someone looks at it. Compiling each statement to a class pays for millions of rows: here Spark interprets them,
# and the server of Spark Connect compiles.
FRUGAL_SESSION = {
    "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false",
    "spark.sql.ui.explainMode": "simple", "spark.sql.debug.maxToStringFields": "0",
    "spark.sql.maxPlanStringLength": "0",
    "spark.sql.ui.retainedExecutions": "10", "spark.ui.retainedJobs": "10", "spark.ui.retainedStages": "10",
    "spark.ui.retainedTasks": "100", "spark.hadoop.parquet.hadoop.vectored.io.enabled": "false",
    "spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}  # fmt: skip
STARTUP_SECONDS = 120
REAL_PART = "part3"  # in the names of real days beside the odd ones
# Payloads that are not JSON objects, and times that other engines do not accept.
NO_PAYLOADS = (
    '{""revenue"": 1} x', '{""revenue"": 1}{}', "{'revenue': 1}", "not", '{""transaction_id"": ""A-1""', "1",
)  # fmt: skip


def missing() -> str | None:
    """Return what the engine spark lacks on this machine, or None."""
    for package in ("pyspark", "sqlglot"):
        if importlib.util.find_spec(package) is None:
            return f"the package {package} is absent (pip install -r requirements-spark.txt)"
    if shutil.which("java") is None:
        return "Java is absent (apt-get install openjdk-17-jre-headless)"
    return None


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def wait_for(what: Callable[[], Any]) -> Any:
    """Return the first true value; raise TimeoutError if there is none in time."""
    end = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.1)
    raise TimeoutError(f"nothing came within {STARTUP_SECONDS} seconds")


class Cluster:
    """A standalone cluster of one master and two workers of one core each, to be closed."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self.port, self.web = free_port(), free_port()
        self.master = f"spark://127.0.0.1:{self.port}"
        try:
            self.start(
                "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", str(self.port),
                "--webui-port", str(self.web),
            )  # fmt: skip
            wait_for(lambda: self._state() is not None)
            self.workers = [self._worker(), self._worker()]
            wait_for(lambda: self.alive() == 2)
        except BaseException:
            self.close()
            raise

    def start(self, *line: str, memory: str = "256m") -> subprocess.Popen[bytes]:
        """Start a process of Spark's as the leader of its own group, with its output in a file."""
        import pyspark

        home = Path(pyspark.__file__).parent
        environment = {
            **os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_DAEMON_MEMORY": memory,
            "SPARK_WORKER_DIR": str(self.folder / "workers"), "SPARK_LOCAL_DIRS": str(self.folder / "local"),
            "SPARK_DAEMON_JAVA_OPTS": FRUGAL, "SPARK_SUBMIT_OPTS": FRUGAL,
        }  # fmt: skip
        log = (self.folder / f"process_{len(self.processes)}.log").open("wb")
        process = subprocess.Popen(
            [str(home / "bin" / "spark-class"), *line], env=environment, stdout=log, stderr=log, start_new_session=True
        )
        self.processes.append(process)
        return process

    def _worker(self) -> subprocess.Popen[bytes]:
        return self.start(
            "org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1", "--webui-port", "0", "--cores", "1",
            "--memory", "1g", self.master,
        )  # fmt: skip

    def _state(self) -> dict[str, Any] | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.web}/json/", timeout=5) as answer:
                state: dict[str, Any] = json.load(answer)
                return state
        except OSError:
            return None

    def alive(self) -> int:
        """Return how many workers the master counts on."""
        return sum(w["state"] == "ALIVE" for w in (self._state() or {"workers": []})["workers"])

    @staticmethod
    def kill(process: "subprocess.Popen[bytes]") -> None:
        """Kill a process at once, with the executors that it has started."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def close(self) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                self.kill(process)


def add_real_days(days: Sequence[Path], data: Path) -> None:
    """Add real days to a folder, each as a further part of its day."""
    for day in days:
        if day.exists():
            shutil.copy(day, data / f"{day.stem}_{REAL_PART}.csv")


def write_odd_files(data: Path) -> None:
    """Write a fortnight with a renamed and a missing column, every fate of an order, and damaged deliveries."""
    days = generate(data, days=14, events_per_day=300, seed=11)
    write_books(data, fates=dict.fromkeys(FATES, 1))
    write_spend(data)
    write_odd_records(data)
    first, *_ = (data / "orders_export_1.csv").read_text("utf-8").split("\n")
    (data / "orders_export_3.csv").write_text(f"{first}\n#9{',' * 23}\n", "utf-8")  # no record has a time
    text = [day.read_text("utf-8").removesuffix("\n") for day in days]
    days[0].with_name(days[0].stem + " (1).csv").write_text(text[0][: len(text[0]) // 2], "utf-8")  # set aside
    first, *rest = text[1].split("\n")
    half = len(rest) // 2
    days[1].with_name(days[1].stem + "_part2.csv").write_text("\n".join([first, *rest[:half]]), "utf-8")
    text[1] = "\n".join([first, *rest[half:]])
    days[1].write_bytes(text[1].replace("\n", "\r\n").encode())
    days[2].write_bytes(b"\xef\xbb\xbf" + text[2].encode())
    lines = text[3].split("\n")
    lines[5:5] = ["too,few", 'an,"open quote,x', "", 'a,b"c,d,e,f,g,h', 'a,"b"c,d,e,f,g,h']
    days[3].write_text("\n".join(lines), "utf-8")
    days[4].write_text(text[4].replace("Mozilla", "Moz\nilla", 3).replace("Mozilla", "Moz\0illa", 1), "utf-8")
    days[5].write_bytes(text[5].replace("Mozilla", "Möz", 1).encode("cp1252"))
    with gzip.open(f"{days[6]}.gz", "wb") as packed:
        packed.write(text[6].encode())
    days[6].unlink()
    Path(f"{days[7]}.gz").write_bytes(gzip.compress(text[7].encode())[:-500])
    days[7].unlink()
    days[8].write_text(text[8].split("\n")[0] + "\n", "utf-8")  # a header only
    days[9].write_text(text[9].replace("page_url", '"page_url"', 1).replace("clientId", "client id", 1), "utf-8")
    assert not text[10].endswith("\n")
    days[10].write_text(text[10] + "\n", "utf-8")
    header = text[11].split("\n")[0].split(",")
    for payload in NO_PAYLOADS:
        cells = {"timestamp": "2025-03-06T12:00:00Z", "event_name": "checkout_completed", "event_data": f'"{payload}"'}
        text[11] += "\n" + ",".join(cells.get(name, '""' if name == "user_agent" else "") for name in header)
    for moment in (*READ, *REFUSED):
        text[12] += "\n" + ",".join(f'"{moment}"' if name == "timestamp" else "page_viewed" for name in header)
    for page in (f"https://puffy.com/?utm_source={ENCODED}", f"https://puffy.com/?utm_campaign=a{ENCODED}"):
        cells = {"timestamp": "2025-03-06T12:30:00Z", "event_name": "page_viewed", "page_url": page}
        text[11] += "\n" + ",".join(cells.get(name, "") for name in header)
    days[11].write_text(text[11], "utf-8")
    days[12].write_text(text[12], "utf-8")
