"""The summary on the terminal: a headline, then the incidents, worst first, within 80 columns."""

from collections import Counter
from collections.abc import Sequence
from textwrap import fill

from quality.judgement import Finding, Incident
from quality.reports import total
from quality.scan import FileFacts
from quality.wording import money

WIDTH = 80
COLOURS = {"RED": "\x1b[1;31m", "YELLOW": "\x1b[1;33m", "GREEN": "\x1b[1;32m"}
STATUS = {"P0": "RED", "P1": "YELLOW", "P2": "YELLOW", "P3": "GREEN"}


def status_of(incidents: Sequence[Incident]) -> str:
    return STATUS[min((i.severity for i in incidents), default="P3")]


def headline(files: Sequence[FileFacts], incidents: Sequence[Incident]) -> str:
    """One sentence: what was read, and how bad it is."""
    events, orders, revenue = total(files)
    gross = f"{money(revenue)} gross" if revenue or not orders else "revenue unknown"
    days = f"{min(f.day for f in files)} to {max(f.day for f in files)}"
    count = Counter(i.severity for i in incidents)
    if count["P0"]:
        worst = max((i for i in incidents if i.severity == "P0"), key=lambda i: i.revenue or 0)
        verdict = f"{_number(count['P0'], 'incident')} to act on now" + (
            f", the costliest touching {money(worst.revenue)}" if worst.revenue else ""
        )
    elif count["P1"] + count["P2"]:
        verdict = f"no emergency, {_number(count['P1'] + count['P2'], 'incident')} to look into"
    else:
        verdict = "nothing to act on"
    read = f"{_number(len(files), 'file')}, {days}: {events:,} events, {orders:,} orders, {gross}"
    return f"{read}; {verdict}."


def summary(
    files: Sequence[FileFacts],
    findings: Sequence[Finding],
    incidents: Sequence[Incident],
    written: Sequence[str],
    colour: bool,
) -> str:
    """The whole summary, ending in a newline."""
    word = status_of(incidents)
    lines = [fill(f"{word}  {headline(files, incidents)}", WIDTH)]
    if colour:
        lines[0] = lines[0].replace(word, f"{COLOURS[word]}{word}\x1b[0m", 1)
    if incidents:
        lines += ["", f"{'#':>3} SEV SINCE      UNTIL      FILES {'CASES':>9} {'AT STAKE':>15}"]
    for i in incidents:
        lines += _incident(i, files)
    if sum(bool(i.revenue) for i in incidents) > 1:
        lines += ["", fill("One order can be at stake in several incidents: never add the amounts up.", WIDTH)]
    status = Counter(f.status for f in findings)
    checks = len({f.check for f in findings})
    lines += ["", fill(
        f"{checks} checks on {_number(len(files), 'file')}: {status['pass']:,} passed, {status['fail']:,} failed, "
        f"{status['skip']:,} had nothing to check.", WIDTH,
    )]  # fmt: skip
    return "\n".join([*lines, *(f"  {name}" for name in written)]) + "\n"


def _incident(i: Incident, files: Sequence[FileFacts]) -> list[str]:
    since, until = files[i.findings[0].file_no].day, files[i.findings[-1].file_no].day
    stake = money(i.revenue) if i.revenue else "-"
    row = f"{i.number:>3} {i.severity}  {since} {until} {len(i.findings):>5} {i.failed:>9,} {stake:>15}"
    good = f" Last good file: {i.last_good}." if i.last_good else ""
    text = fill(
        _printable(f"{i.check}: {i.message}.{good}"), WIDTH, initial_indent="       ", subsequent_indent="       "
    )
    advice = fill("-> " + i.advice, WIDTH, initial_indent="       ", subsequent_indent="          ")
    return [row, text, advice] if i.severity < "P3" else [row, text]


def _printable(text: str) -> str:
    """No control sequence of a file reaches the terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _number(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "s")
