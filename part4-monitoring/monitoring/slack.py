"""Build one Slack message per run, in Block Kit, and deliver it to an incoming webhook.

The webhook is a secret: it is in no message, error or log.
"""

import json
import os
from collections.abc import Sequence
from datetime import date
from typing import Any

from event_data.errors import UserError
from monitoring.alarms import GREEN, RED, YELLOW, Alarm, DayReport
from monitoring.notification import Update
from monitoring.storage import History

VARIABLE = "SLACK_WEBHOOK"
NOT_SENT = f"No message was sent to Slack: this run has no {VARIABLE}."
# Slack's limits: https://docs.slack.dev/reference/block-kit/blocks (2025)
BLOCKS, HEADER, SECTION, FALLBACK = 50, 150, 3000, 3000
ALARMS = 15  # shown in full by one message
ATTEMPTS, TIMEOUT, LONGEST_WAIT = 4, 10.0, 30  # seconds
SIGNS = {RED: ":red_circle:", YELLOW: ":large_yellow_circle:", GREEN: ":large_green_circle:"}


class SlackError(UserError):
    """A message could not be delivered; the text is safe to show. `is_final`: trying again will not help."""

    def __init__(self, text: str, is_final: bool = False) -> None:
        super().__init__(text)
        self.is_final = is_final


def webhook_from_environment() -> str | None:
    """Return the webhook, or None; raise SlackError, without its value, when it is not an https address."""
    webhook = os.environ.get(VARIABLE, "").strip()
    if not webhook:
        return None
    loopback = ("http://127.0.0.1:", "http://localhost:")
    if not webhook.startswith(("https://", *loopback)) or any(c.isspace() for c in webhook):
        raise SlackError(f"{VARIABLE} holds no https address; set it to the incoming webhook of your channel.", True)
    return webhook


def message(report: DayReport, update: Update) -> dict[str, Any]:
    """Return a Slack message: status, each alarm with what to do, recoveries; `text` is for notifications."""
    title = f"{report.status} {report.day}"
    alarms = sorted(update.alarms, key=lambda a: a.severity)
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(f"{title}: trust in event data", HEADER)}}
    ]
    blocks += [_section(_alarm_text(a, report)) for a in alarms[:ALARMS]]
    if len(alarms) > ALARMS:
        rest = ", ".join(f"{a.severity} {_escape(a.key)}" for a in alarms[ALARMS:])
        blocks.append(_section(f"And {len(alarms) - ALARMS} more: {rest}"))
    for notice in update.recovered[: BLOCKS - len(blocks) - 2]:
        blocks.append(_section(f":white_check_mark: *recovered* {_escape(notice.key)}, open since {notice.opened}"))
    known = len(report.active) - len(alarms)
    if known:
        text = f"{known} known alarm{'s go' if known > 1 else ' goes'} on."
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": text}]})
    words = [f"{a.severity} {a.key}: {a.text}" for a in alarms] + [f"recovered: {n.key}" for n in update.recovered]
    text = _cut(_escape(f"{SIGNS.get(report.status, '')} {title}. ".lstrip() + " | ".join(words)), FALLBACK)
    return {"text": text, "blocks": blocks[:BLOCKS]}


def _alarm_text(alarm: Alarm, report: DayReport) -> str:
    """Return what broke, since when, what it costs, and what to do first."""
    days = f"day {alarm.day_number} of the incident" if alarm.day_number > 1 else "new"
    if alarm.state == "level":
        days += "; a change of level, to be acknowledged"
    before = "" if alarm.last_good else " or before"
    money = report.currency.exact
    at = f" {alarm.first_bad} {report.time_zone}" if alarm.first_bad and alarm.day == alarm.opened else ""
    since = f"since {alarm.opened}{at}{before}; last good day {_day(alarm.last_good)}"
    parts = [f"*{alarm.severity} {_escape(alarm.key)}* ({alarm.layer}, {days})", _escape(alarm.text), since]
    if alarm.segment:
        parts.append(f"explained by: {_escape(alarm.segment)}")
    if alarm.at_stake is not None:
        more = f" ({money(alarm.at_stake_since or 0)} since then)" if alarm.day_number > 1 else ""
        parts.append(f"{money(alarm.at_stake)} {alarm.stake_text}{more}")
    if alarm.also:
        parts.append("also: " + _escape("; ".join(alarm.also)))
    parts += [f"{i}. {_escape(step)}" for i, step in enumerate(alarm.steps, 1)]
    return "\n".join(parts)


def _day(day: date | None) -> str:
    return str(day) if day else "not known"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": _cut(text, SECTION)}}


def _escape(text: str) -> str:
    """Slack's three control characters: https://docs.slack.dev/messaging/formatting-message-text"""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, length: int) -> str:
    """Shorten a text to Slack's limit, and drop an entity that the cut would split."""
    if len(text) <= length:
        return text
    cut = text[: length - 1]
    entity = cut.rfind("&", max(0, len(cut) - 5))
    if entity >= 0 and ";" not in cut[entity:]:
        cut = cut[:entity]
    return cut + "…"


def post(webhook: str, body: str, timeout: float = TIMEOUT) -> None:
    """Deliver one message; retry after 429 (as long as it asks, capped), 5xx and silence, never after another 4xx.

    Raises SlackError. A redirect counts as a refusal: the message would go to an address that nobody configured.
    """
    import requests
    from urllib3 import Retry
    from urllib3.exceptions import TimeoutError as NoAnswer

    retry = Retry(
        ATTEMPTS - 1, allowed_methods=None, status_forcelist=[429, *range(500, 600)], raise_on_status=False,
        backoff_factor=1, retry_after_max=LONGEST_WAIT,
    )  # fmt: skip
    try:
        with requests.Session() as session:
            session.mount(webhook, requests.adapters.HTTPAdapter(max_retries=retry))
            headers = {"Content-Type": "application/json; charset=utf-8"}
            answer = session.post(
                webhook, body.encode(), headers=headers, timeout=timeout, allow_redirects=False, stream=True
            )
            status = answer.status_code
    except (requests.RequestException, OSError, ValueError) as error:  # none is shown: each may name the webhook
        cause = getattr(error.args[0] if error.args else error, "reason", error)
        trouble = "it did not answer in time" if isinstance(cause, NoAnswer) else type(cause).__name__
        raise SlackError(f"Slack could not be reached in {ATTEMPTS} attempts: {trouble}.") from None
    if status == 429 or status >= 500:
        raise SlackError(f"Slack could not be reached in {ATTEMPTS} attempts: it answered {status}.")
    if status >= 300:
        raise SlackError(f"Slack refused the message: it answered {status}.", is_final=True)


def deliver(history: History, webhook: str) -> list[str]:
    """Send what waits in the outbox, the oldest first; returns what went wrong, in sentences without the webhook.

    A refused message stays and does not hold up the others; when Slack cannot be reached at all, the rest waits too.
    """
    failed: dict[int, str] = {}
    try:
        while claimed := history.claim():
            number, body = claimed
            try:
                post(webhook, body)
            except SlackError as error:
                failed[number] = str(error)
                if not error.is_final:
                    break
            else:
                history.delivered(number)
    finally:
        history.release(failed)
    return list(dict.fromkeys(failed.values()))


def as_json(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False)


def simulated(document: dict[str, Any]) -> Sequence[str]:
    """Return the message as a reader of the channel would see it, for a terminal."""
    shown = ["Slack message (--dry_run, not sent):"]
    for block in document["blocks"]:
        for text in [block["text"]] if "text" in block else block["elements"]:
            shown += ["", *(f"  {line}" for line in text["text"].splitlines())]
    return shown
