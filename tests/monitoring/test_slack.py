"""Slack over a real HTTP server on loopback that fails in every way; and what a message may hold."""

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from monitor_kit import DAY, NOW, alarm, fortnight, report, run
from monitoring import slack
from monitoring.alarms import DayReport
from monitoring.console_report import lines
from monitoring.notification import Update
from monitoring.slack import SlackError, deliver, post
from monitoring.slack_message import as_json, message, summed_up
from monitoring.storage import History, Notice
from monitoring.thresholds import SHIPPED, load_thresholds
from monitoring.wording import Advice

T = load_thresholds(SHIPPED)
SECRET = "T000/B000/XXXXsecretXXXX"


OK: tuple[int, dict[str, str], str] = (200, {}, "ok")


class Hook:
    """A webhook that gives the answers set, or else Slack's own, and keeps what it received."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], str] | str] = []
        self.received: list[dict[str, Any]] = []
        self.ended = threading.Event()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = hook.answers.pop(0) if hook.answers else OK
                if answer == "hang up":
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                if answer == "silence":
                    hook.ended.wait(5)
                    return
                assert not isinstance(answer, str)
                if answer == OK:
                    hook.received.append(json.loads(body))
                self.send_response(answer[0])
                for name, value in answer[1].items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer[2].encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/{SECRET}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def stop(self) -> None:
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def texts(self) -> list[str]:
        return [m["text"] for m in self.received]


@pytest.fixture
def hook() -> Iterator[Hook]:
    found = Hook()
    yield found
    found.stop()


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the seconds that each retry would have waited."""
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
    hook.answers = [(429, {"Retry-After": "7"}, ""), (429, {"Retry-After": "86400"}, ""), (429, {}, "")]
    post(hook.url, '{"text": "hello"}')
    assert waits == [7, slack.LONGEST_WAIT, 4]
    assert len(hook.received) == 1


@pytest.mark.parametrize("trouble", [(500, {}, ""), (503, {}, ""), "hang up"])
def test_trouble_on_slacks_side_is_retried(hook: Hook, waits: list[float], trouble: Any) -> None:
    hook.answers = [trouble, trouble]
    post(hook.url, "{}")
    assert waits == [2]  # the first retry is at once


def test_silence_ends_in_a_timeout(hook: Hook, waits: list[float]) -> None:
    hook.answers = ["silence"] * slack.ATTEMPTS
    with pytest.raises(SlackError, match="in time"):
        post(hook.url, "{}", timeout=0.1)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (400, "invalid_blocks", "400 invalid_blocks"), (404, "no_service", "404 no_service"), (403, "", "403"),
        (410, "channel_is_archived", "410 channel_is_archived"), (302, "", "302"), (204, "", "204 without `ok`"),
        (200, "", "200 without `ok`"), (200, "<!doctype html><title>Log in</title>ok", "200 with a web page"),
        (200, f"{SECRET} ok", "200 without `ok`"),
    ],
)  # fmt: skip
def test_only_ok_is_delivered_and_a_refusal_is_never_retried(
    hook: Hook, waits: list[float], status: int, body: str, said: str
) -> None:
    hook.answers = [(status, {"Location": "http://127.0.0.1:9/"}, body)]
    with pytest.raises(SlackError, match=said) as error:
        post(hook.url, "{}")
    assert not waits and not hook.answers and SECRET not in str(error.value)


BAD_WEBHOOKS = (
    f"ftp://hooks/{SECRET}", f"https://hooks slack/{SECRET}", SECRET, f"https:///{SECRET}", f"https://[::1/{SECRET}",
    f"https://hooks.slack.com:port/{SECRET}", f"http://hooks.slack.com/{SECRET}", f"http://localhost@evil.test/{SECRET}",
    f"https://hööks.test/{SECRET}", "https://",
)  # fmt: skip


def test_the_webhook_is_in_no_error(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[str] = []
    troubles: list[list[Any]] = [[(404, {}, "")], [(500, {}, "")] * slack.ATTEMPTS, ["hang up"] * slack.ATTEMPTS]
    for answers in troubles:
        hook.answers = list(answers)
        with pytest.raises(SlackError) as error:
            post(hook.url, "{}")
        errors.append(str(error.value))
    with pytest.raises(SlackError, match="refused") as error:
        post(f"http://127.0.0.1:1/{SECRET}", "{}")
    errors.append(str(error.value))
    for value in BAD_WEBHOOKS:
        monkeypatch.setenv(slack.VARIABLE, value)
        with pytest.raises(SlackError, match="not an https address") as error:
            slack.webhook_from_environment()
        errors.append(str(error.value))
    assert all("secret" not in e and "http://" not in e for e in errors), errors
    for value in ("https://hooks.slack.com/services/T/B/x", "http://localhost:8000/x", hook.url):
        monkeypatch.setenv(slack.VARIABLE, value)
        assert slack.webhook_from_environment() == value


def test_what_cannot_be_delivered_waits_and_is_summed_up(hook: Hook, history: History) -> None:
    say(history, "first")
    hook.answers = [(503, {}, "")] * slack.ATTEMPTS
    assert "503" in str(deliver(history, hook.url))
    assert history.waiting() == 1
    say(history, "second")
    assert deliver(history, hook.url) is None
    assert hook.texts == ["2 messages from the monitor: second | first"]
    assert [b["text"]["text"] for b in hook.received[0]["blocks"][1:]] == ["first", "second"]
    assert (history.waiting(), deliver(history, hook.url)) == (0, None)


def test_a_refused_message_waits_until_it_is_discarded(hook: Hook, tmp_path: Path) -> None:
    path = tmp_path / "monitor.sqlite"
    with History(path) as history:
        say(history, "bad")
        for _ in range(2):
            hook.answers = [(400, {}, "invalid_payload")]
            assert "400 invalid_payload" in str(deliver(history, hook.url))
        line = ("--drop_outbox", "--history", path, "--data_dir", tmp_path)
        status, stdout, _ = run(*line, "--dry_run")
        assert (status, history.waiting()) == (0, 1) and stdout.startswith("1 message would be discarded:\n")
        document = report(*line, "--dry_run")
        assert document["is_dry_run"] and [one["text"] for one in document["discarded"]] == ["bad"]
        status, stdout, _ = run(*line)
        assert (status, history.waiting()) == (0, 0) and stdout.splitlines()[1].endswith("UTC  bad")
        assert run(*line)[1] == "0 messages discarded.\n"
    assert run("--drop_outbox", "--history", tmp_path / "none.sqlite", "--data_dir", tmp_path)[0] == 2


def test_two_deliveries_at_once_send_each_message_once(hook: Hook, tmp_path: Path) -> None:
    path = tmp_path / "shared.sqlite"
    with History(path) as first:
        say(first, *(f"<{n}>" for n in range(12)))

    def work() -> None:
        with History(path) as mine:
            deliver(mine, hook.url)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(re.findall(r"<(\d+)>", " ".join(hook.texts))) == sorted(map(str, range(12)))


# --- messages ---------------------------------------------------------------------------------------------


def words(found: dict[str, Any]) -> str:
    """Return everything that a message shows."""
    return "\n".join(text["text"] for b in found["blocks"] for text in b.get("elements", [b.get("text")]))


def test_a_message_keeps_slacks_limits_and_is_escaped() -> None:
    alarms = [alarm(f"key{i}", "P1", text="<b>&" * 2000, also=["x" * 4000]) for i in range(80)]
    alarms.insert(0, alarm("worst", "P0", text="Down <!channel>"))
    recovered = [Notice(f"old{i}", DAY, DAY, "P1", "new", NOW) for i in range(400)]
    report = DayReport(DAY, alarms, [], shop="shop")
    whole = message(report, Update(tuple(alarms), (), tuple(recovered), ()), T, Advice())
    short = message(report, Update((), (), tuple(recovered), ()), T, Advice())
    waiting = json.loads(summed_up([as_json(whole)] * 60))
    for found in (whole, short, waiting):
        assert len(found["blocks"]) <= 50 and len(words(found)) <= 13_000
        assert found["blocks"][0]["type"] == "header" and len(found["blocks"][0]["text"]["text"]) <= 150
        texts = [b["text"] for b in found["blocks"] if b["type"] == "section"]
        assert all(0 < len(text["text"]) <= 3000 and text["verbatim"] for text in texts)
        assert len(found["text"]) <= 3000
        everything = json.dumps(found)
        assert "<!channel>" not in everything and "<b>" not in everything
    assert words(whole).splitlines()[1].startswith("🔴 *Down &lt;!channel&gt;*")
    assert whole["text"].startswith("🔴 RED: shop, 4 March 2025. ")
    for found, headings in ((whole, ["*Also new*", "*Ended*"]), (short, ["*Still open*", "*Ended*"])):
        assert [
            line for line in words(found).splitlines() if line in ("*Also new*", "*Still open*", "*Ended*")
        ] == headings
        assert re.search(r"\nand \d+ more\n", words(found)) and "--acknowledge ALARM`" in words(found)


def test_a_message_says_what_since_when_how_much_and_what_to_do() -> None:
    one = alarm(
        "orders", "P0", text="Fewer orders than expected: 4 instead of 21.", first_bad="13:00",
        last_good=DAY - timedelta(days=1), segment="mostly in Mobile Safari (90% of it)", at_stake=12415.0,
        stake_text="less revenue than usual",
    )  # fmt: skip
    report = DayReport(DAY, [one], [], shop="shop")
    advice = Advice("python monitor.py", "monitor.html")
    found = message(report, Update((one,), (), (), ()), T, advice)
    assert words(found) == (
        "🔴 RED: shop, 4 March 2025\n"
        "🔴 *Fewer orders than expected: 4 instead of 21* (P0)\n"
        "Mostly in Mobile Safari (90% of it).\n"
        "Since 4 March, from 13:00 UTC; the last good day was 3 March.\n"
        "$12,415.00 less revenue than usual.\n"
        "1. one\n2. two\n3. three\n"
        "If it is being fixed: `python monitor.py --check_date 2025-03-04 --acknowledge orders`\n"
        "Every metric and incident: monitor.html"
    )
    shown = "\n".join(lines(report, T, "", False, False, 120, advice))
    for sentence in words(found).replace("*", "").replace("`", "").splitlines()[2:]:
        assert sentence in shown  # the console says the same


def test_what_lasts_is_a_line_and_what_is_known_or_over_is_named() -> None:
    old = alarm("column_lost:referrer", "P0", text="The column referrer is missing.", opened=DAY - timedelta(days=3))
    old.day_number, old.at_stake_since, old.stake_text = 4, 500.0, "of revenue is affected"
    known = alarm("repeats", text="More events fired twice.", state="acknowledged")
    over = Notice("identity", DAY - timedelta(days=9), DAY, "P1", "new", NOW)
    found = message(DayReport(DAY, [old, known], []), Update((), (old,), (over,), ()), T, Advice())
    assert words(found).splitlines()[1:-1] == [
        "*Still open*", "🔴 The column referrer is missing. Day 4; $500.00 of revenue is affected since 1 March",
        "*Known*", "More events fired twice. Acknowledged.",
        "*Ended*", "✅ Events without an id, which began on 23 February",
    ]  # fmt: skip


# --- the command ------------------------------------------------------------------------------------------


def test_the_command_sends_to_slack_once_and_reports_a_failure(
    hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fortnight(tmp_path / "days", 300)
    line = ("--data_dir", folder, "--check_date", "2025-03-04", "--no_refresh")
    monkeypatch.setenv(slack.VARIABLE, "hooks.slack.test/secret")
    status, stdout, stderr = run(*line)
    assert status == 4 and "not an https address" in stderr and "secret" not in stdout + stderr
    monkeypatch.setenv(slack.VARIABLE, hook.url)
    hook.answers = [(503, {}, "")] * slack.ATTEMPTS
    status, stdout, stderr = run(*line)
    assert status == 4 and "503" in stderr and "secret" not in stdout + stderr
    assert stdout.startswith("RED  2025-03-04")
    status, stdout, stderr = run(*line)
    assert (status, stderr) == (3, "")
    assert len(hook.received) == 1
    assert "The column referrer is missing" in hook.texts[0]
    assert run(*line)[0] == 3 and len(hook.received) == 1
    status, stdout, _ = run(*line, "--dry_run", "--history", tmp_path / "new.sqlite", "--renotify_hours", 24)
    assert "not sent" in stdout and len(hook.received) == 1
