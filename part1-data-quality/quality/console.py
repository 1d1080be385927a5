"""Write the summary for the terminal: a headline, then the incidents, worst first, within the terminal's width."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from textwrap import wrap

from event_data.cli import Terminal
from event_data.contract import Contract, Severity
from event_data.money import Currency
from event_data.output import count, paragraph, short_path, table, verdict
from quality.evaluation import Finding
from quality.evidence import Evidence
from quality.headline import deliveries, headline, status_of
from quality.incidents import Incident
from quality.scan import FileFacts
from quality.ticket import pair_text

HEADINGS = ("#", "SEV", "INCIDENT", "AT STAKE")
Row = tuple[str, str, list[str], str]
LEAST = 3  # incidents shown, however few lines the terminal has
PAIRS = 1  # pairs of orders shown for an incident
NO_SUM = " One order can be at stake in several incidents; do not add the amounts up."


def summary(
    files: Sequence[FileFacts],
    findings: Sequence[Finding],
    incidents: Sequence[Incident],
    evidence: Mapping[int, Evidence],
    written: Sequence[Path],
    contract: Contract,
    terminal: Terminal,
) -> str:
    """Return the summary: as many incidents as fit on a screen, and the place of the others."""
    word, width = status_of(incidents), terminal.width
    first = paragraph(f"{word}  {headline(files, incidents, contract)}", width)
    status = Counter(f.status for f in findings)
    checks = len({f.check for f in findings})
    last = paragraph(
        f"{checks} checks on {deliveries(files, contract)}: {status['pass']:,} passed, {status['fail']:,} failed, "
        f"{status['skip']:,} had nothing to check." + NO_SUM * (sum(bool(i.revenue) for i in incidents) > 1),
        width,
    )
    end = [last, *(f"  {short_path(path)}" for path in written)]
    lines = [first.replace(word, verdict(word, terminal.colour), 1)]
    if incidents:
        height = terminal.height - len("\n".join([first, *end]).splitlines()) - 6
        rows = _rows_that_fit(incidents, evidence, contract, max(f.day for f in files), width, height)
        lines += ["", *table(HEADINGS, rows, width, right=(0, 3), indent=0, colour=terminal.colour)]
        if rest := incidents[len(rows) :]:
            severities = Counter(str(i.severity) for i in rest)
            kinds = ", ".join(f"{n:,} {severity}" for severity, n in sorted(severities.items()))
            more = f"and {len(rest):,} more ({kinds}), see {short_path(written[0])}"
            lines.append(paragraph(more, width, len(rows[-1][0]) + 7))
        lines += ["", paragraph("--incident N prints incident N with example rows, ready for a ticket.", width)]
    return "\n".join([*lines, "", *end])


def _rows_that_fit(
    incidents: Sequence[Incident], evidence: Mapping[int, Evidence], contract: Contract, last: date, width: int,
    height: int,
) -> list[Row]:  # fmt: skip
    """Return the rows of the worst incidents that fit into `height` lines, but at least LEAST.

    If not all fit, only those of the worst severity have their advice.
    """
    stake = max(len(_at_stake(i, contract.currency)) for i in incidents)
    room = max(10, width - len(" 1  P0    ") - stake)
    rows: list[Row] = []
    for advised in (Severity.P2, incidents[0].severity):
        rows, lines = [], 0
        for incident in incidents:
            row = _row(incident, evidence[incident.number], contract, last, advised)
            lines += sum(len(wrap(text, room)) for text in row[2])
            if lines > height and len(rows) >= LEAST:
                break
            rows.append(row)
        if len(rows) == len(incidents):
            break
    return rows


def _row(i: Incident, evidence: Evidence, contract: Contract, last: date, advised: Severity) -> Row:
    """Return an incident's row; `last` is the last day of all, `advised` the lowest severity that says what to do."""
    when = str(i.first_day) if i.first_day == i.last_day else f"{i.first_day} to {i.last_day}"
    if i.is_open:
        when = f"since {i.first_day}" + (f", last seen {i.last_day}" if i.first_day < i.last_day < last else "")
    text = [f"{i.message}.", f"{i.check}, {when}, {count(len(i.findings), contract.unit_of_files)}"]
    text += [pair_text(pair, contract.currency) for pair in evidence.pairs[:PAIRS]]
    if i.consequences:
        text.append("also: " + ", ".join(dict.fromkeys(f.check for f in i.consequences)))
    if i.severity <= advised:
        text.append("-> " + i.advice)
    return str(i.number), str(i.severity), text, _at_stake(i, contract.currency)


def _at_stake(incident: Incident, currency: Currency) -> str:
    return currency.exact(incident.revenue) if incident.revenue else "-"
