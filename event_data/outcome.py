"""Print the end of `make run`: what is broken, what to do first, and where to look."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TextIO

from event_data import cli
from event_data.contract import Severity, load_contract
from event_data.errors import UserError
from event_data.output import count, day_name, paragraph, short_path


def parser() -> argparse.ArgumentParser:
    """Return the parser of the options that the Makefile gives."""
    p = cli.argument_parser("make run", __doc__, "  make run", {})
    cli.add_places(p)
    for part in (2, 4):
        p.add_argument(f"--part{part}", type=int, default=0, help=f"exit status of part {part}")
    return p


def command(options: argparse.Namespace, terminal: cli.Terminal) -> int:
    """Print the three lines; return the exit status."""
    path = options.data_dir / "dq_report.json"
    try:
        incidents = json.loads(path.read_text(encoding="utf-8"))["incidents"]
    except (OSError, ValueError, KeyError):
        raise UserError(f"{path} cannot be read; run part 3, which writes it beside the warehouse.") from None
    serious = [incident for incident in incidents if Severity[incident["severity"]].is_serious]
    if serious:
        # Of equal severity, the costliest is first, as in part 1's table.
        broken, first = _described(serious, options.contract), serious[0]["advice"]
    elif options.part4 == cli.CRITICAL:
        broken, first = "part 4 judges the last day RED.", "follow the steps that part 4 lists above."
    elif incidents:
        broken = f"nothing serious; {count(len(incidents), 'lesser incident')}."
        first = "read the lesser incidents when you have time."
    else:
        broken, first = "nothing that the four parts can see.", "nothing."
    if options.part2 == cli.CRITICAL:
        broken = f"part 2 refused data, or its ledger does not balance. Besides: {broken}"
        first = f"read what part 2 says above. Then: {first}"
    places = ["report.html (summary)", "dq_report.html (incidents)", "monitor.html (days)"]
    where = f"{', '.join(places)}, in {short_path(options.data_dir)}"
    said = {"Broken": broken, "Do first": first, "Look at": where}
    lines = [paragraph(f"{label + ':':<10}{text}", terminal.width, 0, 10) for label, text in said.items()]
    terminal.report(lambda: "\n".join(lines), lambda: said)
    return 0


def _described(serious: Sequence[dict[str, str]], contract: Path) -> str:
    """Return the first incident, and how many others are serious."""
    worst, currency = serious[0], load_contract(contract).currency
    since = day_name(date.fromisoformat(worst["first_bad_day"]))
    amount = worst["revenue_at_stake"]
    stake = f"; {currency.exact(Decimal(amount))} at stake" if amount and Decimal(amount) else ""
    others = f" {count(len(serious) - 1, 'other serious incident')}." if serious[1:] else ""
    return f"{worst['message']}. Since {since}{stake}.{others}"


def main(args: Sequence[str], stdout: TextIO | None, stderr: TextIO | None) -> int:
    """Run the command and return its exit status."""
    return cli.run(parser(), command, args, stdout, stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout, sys.stderr))
