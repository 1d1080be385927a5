"""Slack over a real HTTP server on loopback that fails in every way; and what a message may hold."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from monitor_kit import DAY, NOW, alarm, fortnight, run
from monitoring import slack
from monitoring.alarms import DayReport
from monitoring.notification import Update
from monitoring.slack import SlackError, deliver, message, post
from monitoring.storage import History, Notice

SECRET = "T000/B000/XXXXsecretXXXX"


class Hook:
    """A webhook that answers as told, and keeps what it was sent."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str]] | str] = []
        self.received: list[dict[str, Any]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = hook.answers.pop(0) if hook.answers else (200, {})
                if answer == "hang up":
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                if answer == "silence":
                    threading.Event().wait(1.5)
                    return
                assert not isinstance(answer, str)
                if answer[0] == 200:
                    hook.received.append(json.loads(body))
                self.send_response(answer[0])
                for name, value in answer[1].items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/{SECRET}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def hook() -> Iterator[Hook]:
    found = Hook()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each retry would have waited."""
    found: list[float] = []
    here, sleep = threading.current_thread(), time.sleep  # a thread of another test may sleep as well
    monkeypatch.setattr("time.sleep", lambda s: (found.append if threading.current_thread() is here else sleep)(s))
    return found


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with History(tmp_path / "monitor.sqlite") as found:
        yield found


def say(history: History, *texts: str) -> None:
    for text in texts:
        with history.transaction():
            history.enqueue(json.dumps({"text": text}), [])


# --- delivery ---------------------------------------------------------------------------------------------


def test_a_message_arrives(hook: Hook, waits: list[float]) -> None:
    post(hook.url, '{"text": "hello"}')
    assert (hook.received, waits) == ([{"text": "hello"}], [])


def test_retry_after_is_obeyed_and_capped(hook: Hook, waits: list[float]) -> None:
    hook.answers = [(429, {"Retry-After": "7"}), (429, {"Retry-After": "86400"}), (429, {})]
    post(hook.url, '{"text": "hello"}')
    assert waits == [7, slack.LONGEST_WAIT, 4]
    assert len(hook.received) == 1


@pytest.mark.parametrize("trouble", [(500, {}), (503, {}), "hang up"])
def test_trouble_on_slacks_side_is_retried(hook: Hook, waits: list[float], trouble: Any) -> None:
    hook.answers = [trouble, trouble]
    post(hook.url, "{}")
    assert waits == [2]  # the first retry is at once


def test_silence_ends_in_a_timeout(hook: Hook, waits: list[float]) -> None:
    hook.answers = ["silence"] * slack.ATTEMPTS
    with pytest.raises(SlackError, match="in time") as error:
        post(hook.url, "{}", timeout=0.2)
    assert not error.value.is_final


@pytest.mark.parametrize("status", [400, 403, 404, 410, 302])
def test_a_refusal_is_never_retried(hook: Hook, waits: list[float], status: int) -> None:
    hook.answers = [(status, {"Location": "http://127.0.0.1:9/"})]
    with pytest.raises(SlackError, match=str(status)) as error:
        post(hook.url, "{}")
    assert error.value.is_final and not waits


def test_the_webhook_is_in_no_error(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[str] = []
    troubles: list[list[Any]] = [[(404, {})], [(500, {})] * slack.ATTEMPTS, ["hang up"] * slack.ATTEMPTS]
    for answers in troubles:
        hook.answers = list(answers)
        with pytest.raises(SlackError) as error:
            post(hook.url, "{}")
        errors.append(str(error.value))
    with pytest.raises(SlackError) as error:
        post(f"http://127.0.0.1:1/{SECRET}", "{}")
    errors.append(str(error.value))
    for value in (f"ftp://hooks/{SECRET}", f"https://hooks slack/{SECRET}", SECRET):
        monkeypatch.setenv(slack.VARIABLE, value)
        with pytest.raises(SlackError) as error:
            slack.webhook_from_environment()
        errors.append(str(error.value))
    assert all("secret" not in e and "http://" not in e for e in errors), errors


def test_what_cannot_be_delivered_waits_and_goes_first(hook: Hook, history: History) -> None:
    say(history, "first")
    hook.answers = [(503, {})] * slack.ATTEMPTS
    assert len(deliver(history, hook.url)) == 1
    assert history.waiting() == 1
    say(history, "second")
    assert deliver(history, hook.url) == []
    assert [m["text"] for m in hook.received] == ["first", "second"]
    assert history.waiting() == 0


def test_a_refused_message_does_not_hold_up_the_others(hook: Hook, history: History) -> None:
    say(history, "bad", "good")
    hook.answers = [(400, {})]
    assert len(deliver(history, hook.url)) == 1
    assert [m["text"] for m in hook.received] == ["good"]
    assert history.waiting() == 1


def test_two_deliveries_at_once_send_each_message_once(hook: Hook, tmp_path: Path) -> None:
    path = tmp_path / "shared.sqlite"
    with History(path) as first:
        say(first, *map(str, range(12)))

    def work() -> None:
        with History(path) as mine:
            deliver(mine, hook.url)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(int(m["text"]) for m in hook.received) == list(range(12))


# --- messages ---------------------------------------------------------------------------------------------


def test_a_message_keeps_slacks_limits_and_is_escaped() -> None:
    alarms = [alarm(f"key{i}", "P1", text="<b>&" * 2000, also=["x" * 4000]) for i in range(80)]
    alarms.append(alarm("worst", "P0", text="down <!channel>"))
    recovered = [Notice(f"old{i}", DAY, DAY, "P1", "new", NOW) for i in range(80)]
    found = message(DayReport(DAY, alarms, []), Update(tuple(alarms), tuple(recovered), ()))
    assert len(found["blocks"]) <= 50
    assert found["blocks"][0]["type"] == "header" and len(found["blocks"][0]["text"]["text"]) <= 150
    texts = [b["text"]["text"] for b in found["blocks"] if b["type"] == "section"]
    assert all(0 < len(text) <= 3000 for text in texts)
    assert texts[0].startswith("*P0 worst*")
    everything = json.dumps(found)
    assert "<!channel>" not in everything and "<b>" not in everything and "&lt;!channel&gt;" in everything
    assert found["text"].startswith(":red_circle: RED 2025-03-04")
    assert len(found["text"]) <= 3000


def test_a_message_says_what_since_when_how_much_and_what_to_do() -> None:
    one = alarm(
        "orders", "P0", text="orders: 4, expected 21", first_bad="13:00", last_good=DAY - timedelta(days=1),
        segment="device Mobile (90% of it)", at_stake=12415.0, stake_text="missing against the usual",
    )  # fmt: skip
    text = message(DayReport(DAY, [one], []), Update((one,), (), ()))["blocks"][1]["text"]["text"]
    for said in ("P0 orders", "since 2025-03-04 13:00 UTC", "last good day 2025-03-03", "device Mobile", "$12,415.00"):
        assert said in text
    assert text.endswith("1. one\n2. two\n3. three")


# --- the command ------------------------------------------------------------------------------------------


def test_the_command_tells_slack_once_and_says_when_it_could_not(
    hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fortnight(tmp_path / "days", 300)
    monkeypatch.setenv(slack.VARIABLE, hook.url)
    line = ("--data_dir", folder, "--check_date", "2025-03-04", "--no_refresh")
    hook.answers = [(503, {})] * slack.ATTEMPTS
    status, stdout, stderr = run(*line)
    assert status == 4 and "503" in stderr and "secret" not in stdout + stderr
    assert stdout.startswith("RED  2025-03-04")
    status, stdout, stderr = run(*line)
    assert (status, stderr) == (3, "")
    assert len(hook.received) == 1
    assert "column_lost:referrer" in hook.received[0]["text"]
    assert run(*line)[0] == 3 and len(hook.received) == 1
    status, stdout, _ = run(*line, "--dry_run", "--history", tmp_path / "new.sqlite")
    assert "not sent" in stdout and len(hook.received) == 1
