"""A real Spark cluster on this machine: a master and workers as processes of their own, on loopback only."""

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

CLIENT_ONLY = "-XX:TieredStopAtLevel=1"  # tests run too short for the slower, better compiler to pay
STARTUP_SECONDS = 120


def missing() -> str | None:
    """What the engine spark lacks here, if anything."""
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
    """The first true value; raises TimeoutError."""
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
        """A process of Spark's, the leader of a group of its own, with what it says in a file."""
        import pyspark

        home = Path(pyspark.__file__).parent
        environment = {
            **os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_DAEMON_MEMORY": memory,
            "SPARK_WORKER_DIR": str(self.folder / "workers"), "SPARK_LOCAL_DIRS": str(self.folder / "local"),
            "SPARK_DAEMON_JAVA_OPTS": CLIENT_ONLY, "SPARK_SUBMIT_OPTS": CLIENT_ONLY,
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
        """Workers that the master counts on."""
        return sum(w["state"] == "ALIVE" for w in (self._state() or {"workers": []})["workers"])

    @staticmethod
    def kill(process: "subprocess.Popen[bytes]") -> None:
        """At once, with the executors that it has started."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def close(self) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                self.kill(process)
