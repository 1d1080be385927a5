"""Render the templates: format figures, escape text and join lines.

In executive_summary.md.j2 and phrases.j2 an indented line continues the line above it.
"""

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from analysis import findings
from analysis.gold import Gold, Line
from analysis.impact import hold_against
from analysis.incidents import LETTERS, stake_of
from event_data.ledger import currency_of
from event_data.output import count, day_name, templates

TEMPLATES = Path(__file__).with_name("templates")
STEP_WORDS = {
    "page_view": "viewed a page", "cart": "added to cart", "checkout": "started checkout", "order": "ordered",
}  # fmt: skip
REASON_WORDS = {
    "known": "channel known", "direct only": "direct visits only", "no touch in the window": "no visit in the window",
    "window cut off": "data start too late to tell", "no id": "no id on the order",
}  # fmt: skip


def period(gold: Gold) -> str:
    """Return the days of the report, as 23 Feb – 8 Mar 2025."""
    if not len(gold.days):
        return "no days"
    first, last = gold.days.index[0], gold.days.index[-1]
    if first == last:
        return f"{first.day} {first:%b %Y}"
    head = f"{first.day} {first:%b}" + (f" {first.year}" if first.year != last.year else "")
    return f"{head} – {last.day} {last:%b %Y}"


def share_texts(parts: Mapping[str, float]) -> dict[str, str]:
    """Return the shares of the parts that have one, in whole percents that sum to 100."""
    shown = {name: amount for name, amount in parts.items() if amount > 0}
    percents = findings.whole_percents(list(shown.values())) if shown else []
    return {
        name: "<1%" if not n else ">99%" if n == 100 and len(shown) > 1 else f"{n}%"
        for name, n in zip(shown, percents, strict=True)
    }


def known_share(gold: Gold, reading: str) -> str:
    """Return the share of sales whose channel is known."""
    return share_texts(findings.evidence(gold, reading)).get("known", "0%")


def percent(share: float) -> str:
    """Return a share in whole percents; 0.2% is not nothing, and 99.8% not all."""
    return f"{share:.0%}" if share in (0, 1) or 0.01 <= share < 0.995 else f"{share:.1%}"


def number_word(n: int) -> str:
    """Return a number under ten as a word."""
    return ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")[n] if n < 10 else str(n)


def plain(text: str) -> str:
    """Return text of the data for plotly, which reads tags and entities in its labels."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@pass_context
def exact(context: Context, amount: Decimal | float | None, digits: int = 2) -> str:
    """Return an amount in full; its sign is not escaped in Markdown."""
    return _money(context, context["gold"].currency.exact(None if amount is None else float(amount), digits))


@pass_context
def short(context: Context, amount: Decimal | float | None) -> str:
    """Return an amount in at most three figures."""
    return _money(context, context["gold"].currency.short(None if amount is None else float(amount)))


@pass_context
def sales(context: Context, amount: Decimal | float) -> str:
    """Return sales in at most three figures."""
    return _money(context, context["gold"].short(float(amount)))


@pass_context
def exact_line(context: Context, line: Line) -> str:
    """Return the amount of a line of the ledger in the line's currency."""
    return currency_of(line.line, context["gold"].currency).exact(line.amount)


def _money(context: Context, text: str) -> str:
    return Markup(text) if context.environment.finalize is markdown else text


def markdown(value: object) -> object:
    """Return text of the data so that it stays plain text in Markdown, in a table or out of it."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return Markup(re.sub(r"[\\`*_\[\]<>|#$&~]", r"\\\g<0>", re.sub(r"[\r\n]", " ", value)))


def one_line(text: str) -> str:
    """Return the lines of a macro as one."""
    return type(text)(re.sub(r"\s*\n\s*", " ", text.strip()))


def digits(number: float) -> str:
    """Return a daily number with the digits that its size needs."""
    return f"{number:,.{2 if abs(number) < 10 else int(abs(number) < 100)}f}"


FUNCTIONS = (
    findings.all_sessions, findings.best_channel, findings.compare_devices, findings.device_rows, findings.evidence,
    findings.find_step, findings.funnel, findings.moved_segments, findings.outliers, findings.over_credited,
    findings.repaired, findings.reported_figures, findings.returns, findings.segments_of, findings.uncredited,
    findings.unusual_days, findings.usual_volume, findings.weekdays, hold_against, known_share, stake_of,
)  # fmt: skip
FILTERS = {
    "count": count,
    "day": lambda day: f"{day.day} {day:%B}",
    "day_name": day_name,
    "digits": digits,
    "exact": exact,
    "exact_line": exact_line,
    "number": lambda n: f"{n:,.0f}",
    "number_word": number_word,
    "one_line": one_line,
    "percent": percent,
    "sales": sales,
    "share": lambda share, digits=2: f"{share:.{digits}%}",
    "short": short,
    "whole": lambda n: "" if pd.isna(n) else f"{n:,.0f}",
}


@cache
def environment(finalize: Callable[[object], object] | None = None, autoescape: bool = True) -> Environment:
    """Return part 3's templates with their filters and functions."""
    made = templates(TEMPLATES, autoescape=autoescape, finalize=finalize)
    made.filters.update(FILTERS)
    made.globals.update({function.__name__: function for function in FUNCTIONS})
    made.globals.update(reason_words=REASON_WORDS, step_words=STEP_WORDS, letters=LETTERS, infinity=math.inf)
    return made


def title(name: str, **data: Any) -> str:
    """Return the title of a picture, plain text: a macro of phrases.j2."""
    phrases = environment(autoescape=False).get_template("phrases.j2").make_module(data)
    return one_line(getattr(phrases, f"{name}_title")())


def render_markdown(template: str, **data: Any) -> str:
    """Return a document in which an indented line continues the one above it, and no two empty lines follow."""
    text = environment(markdown).get_template(template).render(data)
    text = re.sub(r"(?m)^ +", "", re.sub(r"(?<=\S)\n +", " ", text))
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
