"""Format the words of a message for Slack, in Block Kit and within its limits."""

import json
from collections.abc import Sequence
from typing import Any

from event_data.output import printable
from monitoring.alarms import GREEN, RED, TOO_LITTLE, YELLOW, Alarm, DayReport
from monitoring.notification import Update
from monitoring.thresholds import Thresholds
from monitoring.wording import (
    ACKNOWLEDGE,
    ENDED,
    NOT_OVER,
    PAGE,
    Advice,
    acknowledgement,
    capital,
    day_words,
    details,
    earlier_days,
    ended,
    instructions,
    known_line,
    name_of,
    short,
    title,
    unfinished,
)

# Slack's limits: https://docs.slack.dev/reference/block-kit/blocks (2026)
BLOCKS, HEADER, SECTION, FALLBACK = 50, 150, 3000, 3000
WHOLE = 12_000  # characters in all blocks; a longer message is refused as msg_blocks_too_long
SIGNS = {RED: "🔴", YELLOW: "🟡", GREEN: "🟢", TOO_LITTLE: "🔵"}
SEVERITIES = {"P0": "🔴", "P1": "🟠", "P2": "🟡", "P3": "🔵"}
LIST, LISTS = 1000, 6  # characters of each list below the alarms in full, and the number of lists
Block = dict[str, Any]


def message(report: DayReport, update: Update, t: Thresholds, advice: Advice) -> dict[str, Any]:
    """Return a message: the status, new alarms in full, open ones in a line each, known ones, and what has ended."""
    head = printable(f"{report.status}: {report.shop}, {day_words(report.day)}".replace(": ,", ":"))
    sign = SIGNS.get(report.status, "")
    news, known = update.news, [a for a in report.alarms if a.is_known]
    lasting = [a for a in report.active if a not in news and not a.is_known]
    blocks: list[Block] = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(f"{sign} {head}", HEADER), "emoji": True}}
    ]
    each, whole = instructions([*news, *lasting], report, advice)
    in_full = _fitting([_section(_in_full(a, report, each)) for a in news])
    lists = {
        "Also new": [_line(a, report) for a in news[len(in_full) :]],
        "Still open": [_line(a, report) for a in lasting],
        "Known": [escape(known_line(a, report)) for a in known],
        NOT_OVER: [escape(capital(unfinished(report, t)))] if report.unfinished else [],
        ENDED: [f"✅ {escape(capital(ended(n.key, n.opened, report, t)))}" for n in update.recovered],
        "Earlier days, judged now": [escape(one) for one in earlier_days(update.earlier, t)],
    }
    blocks += [*in_full, *(_list(heading, items) for heading, items in lists.items() if items)]
    below = [f"{PAGE}: {escape(advice.page)}"] if advice.page else []
    if whole or (each and not news):
        keys = f", where ALARM is {escape(' or '.join(a.key for a in lasting[:8]))}" if lasting else ""
        below.insert(0, f"{ACKNOWLEDGE}: {_code(whole or f'{each} --acknowledge ALARM')}{keys}")
    if below:
        blocks.append({"type": "context", "elements": [_mrkdwn("\n".join(below))]})
    words = [title(a) for a in news] or [title(a) for a in lasting]
    words += [f"ended: {name_of(n.key, t)}" for n in update.recovered]
    words += earlier_days(update.earlier, t)
    text = _cut(escape(f"{sign} {head}. {'; '.join(words)}"), FALLBACK)
    return {"text": text, "blocks": blocks}


def summed_up(messages: Sequence[str]) -> str:
    """Return one message for all that wait, oldest first; the oldest that do not fit become a line each."""
    if len(messages) == 1:
        return messages[0]
    documents = [json.loads(text) for text in messages]
    lines = [str(document["text"]) for document in documents]
    head = f"{len(messages)} messages from the monitor"
    blocks: list[Block] = [{"type": "header", "text": {"type": "plain_text", "text": head}}]
    whole: list[Block] = []
    while documents:  # the newest matter most
        more = [*documents[-1].get("blocks", [_section(lines[len(documents) - 1])]), *whole]
        if len(more) > BLOCKS - 2 or sum(map(_length, more)) > WHOLE - SECTION:
            break
        whole = more
        documents.pop()
    if documents:
        blocks.append(_list("Earlier", lines[: len(documents)]))
    return as_json({"text": _cut(f"{head}: " + " | ".join(reversed(lines)), FALLBACK), "blocks": blocks + whole})


def _fitting(blocks: Sequence[Block]) -> list[Block]:
    """Return the first blocks that fit into a message with the heading, the lists and the lines below."""
    fitting: list[Block] = []
    length = LISTS * LIST
    for block in blocks[: BLOCKS - LISTS - 2]:
        length += _length(block)
        if length > WHOLE:
            break
        fitting.append(block)
    return fitting


def _in_full(alarm: Alarm, report: DayReport, command: str) -> str:
    """Return an alarm in full: title, details, cost, steps to take, and the command that acknowledges it."""
    lines = [f"{SEVERITIES[alarm.severity]} *{escape(title(alarm))}* ({alarm.severity})"]
    lines += [escape(line) for line in details(alarm, report)]
    lines += [f"{number}. {escape(step)}" for number, step in enumerate(alarm.steps, 1)]
    when, option = acknowledgement(alarm, command)
    end = f"\n{when}: {_code(option)}" if len(option) < SECTION / 2 else ""
    return _cut("\n".join(lines), SECTION - len(end)) + end


def _line(alarm: Alarm, report: DayReport) -> str:
    return f"{SEVERITIES[alarm.severity]} {escape(short(alarm, report))}"


def _code(text: str) -> str:
    return f"`{escape(text.replace('`', '?'))}`"


def _list(heading: str, lines: Sequence[str]) -> Block:
    """Return a block of as many lines as fit, and the number of the others."""
    shown: list[str] = []
    room = LIST - len(heading)
    for line in lines:
        cut = _cut(line, 500)
        if sum(map(len, shown)) + len(shown) + len(cut) > room:
            shown.append(f"and {len(lines) - len(shown)} more")
            break
        shown.append(cut)
    return _section("\n".join([f"*{heading}*", *shown]))


def _section(text: str) -> Block:
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> Block:
    """Return a text in which Slack makes no links of addresses and names, as they come from the data."""
    return {"type": "mrkdwn", "text": _cut(text, SECTION), "verbatim": True}


def _length(block: Block) -> int:
    return sum(len(text["text"]) for text in ([block["text"]] if "text" in block else block["elements"]))


def escape(text: str) -> str:
    """Escape Slack's three control characters: https://docs.slack.dev/messaging/formatting-message-text"""
    return printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, length: int) -> str:
    """Shorten a text to Slack's limit, and drop an entity that the cut would split."""
    if len(text) <= length:
        return text
    cut = text[: length - 1]
    entity = cut.rfind("&", max(0, len(cut) - 5))
    if entity >= 0 and ";" not in cut[entity:]:
        cut = cut[:entity]
    return cut + "…"


def as_json(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False)


def simulated(document: dict[str, Any]) -> list[str]:
    """Return the message as a reader of the channel would see it, for a terminal."""
    shown = ["Slack message (--dry_run, not sent):"]
    for block in document["blocks"]:
        for text in [block["text"]] if "text" in block else block["elements"]:
            lines = text["text"].splitlines()
            shown += ["", *(f"  {line}" for line in lines)]
    return shown
