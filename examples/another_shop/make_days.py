#!/usr/bin/env python3
"""Write a fortnight of another shop's events: other columns, other event names, plain campaigns, euros, Berlin days.

The traffic is that of the synthetic fortnight, in the words of a shop that shares no name with the one whose
contract came with this repository. Its tracking breaks as well: from the ninth day on `visitor` is called `visitorId`,
and on the last three days the column `came_from` is gone.
"""

import argparse
import csv
import hashlib
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

HERE = Path(__file__).resolve().parent
SYNTHETIC = HERE.parents[1] / "tests" / "support" / "synthetic_events.py"
FIRST, LAST = "2025-03-22", "2025-04-04"  # the clocks go forward on 30 March
RENAMED_FROM, LOST_FROM = "2025-03-30", "2025-04-02"
COLUMNS = ("moment", "action", "visitor", "address", "came_from", "details", "agent")
ACTIONS = {
    "page_viewed": "seite", "email_filled_on_popup": "newsletter", "product_added_to_cart": "in_den_korb",
    "checkout_started": "zur_kasse", "checkout_completed": "bestellung",
}  # fmt: skip
HOSTS = {"https://checkout.puffy.com/checkouts/cn/": "https://kasse.schlafgut.example/k/"}
HOSTS |= {"checkout.puffy.com": "kasse.schlafgut.example", "puffy.com": "www.schlafgut.example"}
HOSTS |= {"/thank-you": "/danke", "puffy": "schlafgut"}
# A row's columns as synthetic, then the moment by the shop's clock and its minutes ahead of UTC.
ROWS = """
    select
        client_id, page_url, referrer, event_name, event_data, user_agent,
        "timestamp" at time zone 'UTC' at time zone 'Europe/Berlin' as local,
        date_diff('minute', "timestamp", local)
    from read_csv(?, types = {'timestamp': 'timestamp'}, all_varchar = false)
    order by "timestamp"
"""


def make(out_dir: Path, events_per_day: int = 2500, seed: int = 7) -> list[Path]:
    """Write the days; returns their files. Raises OSError where they cannot be written."""
    days: dict[str, list[list[str]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as work:
        line = [sys.executable, SYNTHETIC, "--healthy", "--plain", "--quiet", "--start", "2025-03-21", "--days", "16"]
        line += ["--events_per_day", events_per_day, "--seed", seed, "--out_dir", work]
        subprocess.run(list(map(str, line)), check=True)
        for row in duckdb.execute(ROWS, [f"{work}/*.csv"]).fetchall():
            client, page, referrer, event, data, agent, local, ahead = row
            moment = f"{local.isoformat(timespec='seconds')}+{ahead // 60:02}:{ahead % 60:02}"
            visitor = hashlib.sha1(client.encode()).hexdigest()[:20] if client else ""
            record = [moment, ACTIONS[event], visitor, renamed(page), renamed(referrer or ""), details(data), agent]
            days[moment[:10]].append(record)
    out_dir.mkdir(parents=True, exist_ok=True)
    return [write_day(out_dir, day, days[day]) for day in sorted(days) if FIRST <= day <= LAST]


def renamed(text: str) -> str:
    for name, other in HOSTS.items():
        text = text.replace(name, other)
    return text


def details(data: str | None) -> str:
    """The payload with this shop's keys; its prices are of one piece, not of a whole line."""
    if not data:
        return ""
    payload: dict[str, Any] = json.loads(data)
    translated: dict[str, Any] = {"kunde": payload["user_email"]}
    if "transaction_id" in payload:
        translated |= {"bestellnummer": payload["transaction_id"].replace("ORD", "SG"), "summe": payload["revenue"]}
        translated["positionen"] = [
            {
                "artikel": item["item_id"], "titel": item["item_name"].replace("Puffy", "Schlafgut"),
                "variante": item["item_variant"], "stueck": item["quantity"],
                "einzelpreis": round(item["item_price"] / item["quantity"], 2),
            }
            for item in payload["items"]
        ]  # fmt: skip
    return json.dumps(translated, separators=(",", ":"))


def write_day(out_dir: Path, day: str, rows: Sequence[Sequence[str]]) -> Path:
    header = ["visitorId" if name == "visitor" and day >= RENAMED_FROM else name for name in COLUMNS]
    kept = [i for i, name in enumerate(header) if name != "came_from" or day < LOST_FROM]
    path = out_dir / f"web-{day}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";", lineterminator="\n")
        writer.writerows([row[i] for i in kept] for row in [header, *rows])
    return path


def main() -> int:
    """Run the command line; return 0, or 2 if the files cannot be written."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out_dir", type=Path, required=True, metavar="DIR", help="folder to write")
    options = p.parse_args()
    try:
        print(f"wrote {len(make(options.out_dir))} days to {options.out_dir}")
    except OSError as error:
        print(f"make_days.py: {error.filename}: {error.strerror}; choose another --out_dir.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
