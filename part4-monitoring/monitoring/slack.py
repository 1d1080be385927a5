"""Deliver messages to an incoming webhook of Slack.

The webhook is a secret: it never appears in a message, error or log. https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

import os
import re
from urllib.parse import urlsplit

from event_data.errors import UserError
from monitoring.slack_message import summed_up
from monitoring.storage import History

VARIABLE = "SLACK_WEBHOOK"
NOT_SENT = f"No message was sent to Slack: {VARIABLE} is not set."
LOOPBACK = ("127.0.0.1", "localhost")  # encryption is not required
ATTEMPTS, TIMEOUT, LONGEST_WAIT = 4, 10.0, 30  # seconds
LONGEST_ANSWER = 512  # bytes; Slack's is `ok`, or a reason such as `no_service`


class SlackError(UserError):
    """A message could not be delivered; the text is safe to show."""


def webhook_from_environment() -> str | None:
    """Return the webhook, or None; raise SlackError, without its value, if it is not an https address."""
    webhook = os.environ.get(VARIABLE, "").strip()
    if not webhook:
        return None
    try:
        parts = urlsplit(webhook)
        host, _ = parts.hostname, parts.port  # the port raises if it is not a number
    except ValueError:
        host = None
    is_printable = webhook.isascii() and webhook.isprintable() and " " not in webhook
    if not host or not is_printable or not (parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)):
        raise SlackError(f"{VARIABLE} is not an https address; set it to the incoming webhook of your channel.")
    return webhook


def post(webhook: str, body: str, timeout: float = TIMEOUT) -> None:
    """Deliver one message, or raise SlackError. It is delivered if Slack says `ok`.

    Retry after 429 (after the wait that it asks for, capped), 5xx and failed connections, but not after another 4xx.
    A redirect counts as a refusal: the message would go to an address that nobody configured.
    """
    import requests
    from urllib3 import Retry
    from urllib3.exceptions import HTTPError  # of the answer's body

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
            status, said = answer.status_code, answer.raw.read(LONGEST_ANSWER, decode_content=True).strip()
    # None of these errors is shown: each may name the webhook.
    except (requests.RequestException, OSError, ValueError, HTTPError) as error:
        raise SlackError(f"Slack could not be reached in {ATTEMPTS} attempts: {_trouble(error)}.") from None
    if status == 429 or status >= 500:
        raise SlackError(f"Slack accepted no message in {ATTEMPTS} attempts: it answered {_answer(status, said)}.")
    if status >= 300:
        raise SlackError(f"Slack refused the message: it answered {_answer(status, said)}.")
    if said != b"ok":
        raise SlackError(f"Slack did not confirm the message: the address answered {_answer(status, said)}.")


def _trouble(error: Exception) -> str:
    """Return why there was no answer, in words that do not contain the address."""
    from urllib3.exceptions import NameResolutionError, SSLError, TimeoutError

    cause = getattr(error.args[0] if error.args else error, "reason", error)
    kinds = {
        NameResolutionError: "its name could not be resolved", SSLError: "its certificate is not valid",
        TimeoutError: "it did not answer in time",
    }  # fmt: skip
    if isinstance(cause, ConnectionRefusedError) or "refused" in str(cause):
        return "the connection was refused"
    return next((words for kind, words in kinds.items() if isinstance(cause, kind)), "the connection failed")


def _answer(status: int, said: bytes) -> str:
    """Return Slack's status and its reason, a word such as no_service; another server's answer is only described."""
    if re.fullmatch(rb"[a-z][a-z_]{2,60}", said):
        return f"{status} {said.decode()}"
    if said[:100].lstrip().startswith(b"<"):
        return f"{status} with a web page instead of `ok`"
    return str(status) if status >= 300 else f"{status} without `ok`"


def deliver(history: History, webhook: str) -> str | None:
    """Send the waiting messages as one; return a sentence about what went wrong, or None."""
    messages = history.claim()
    if not messages:
        return None
    error: str | None = None
    try:
        post(webhook, summed_up([one.message for one in messages]))
    except SlackError as trouble:
        error = str(trouble)
    except BaseException:
        history.release(messages, "interrupted")
        raise
    if error is None:
        history.delivered(messages)
    else:
        history.release(messages, error)
    return error
