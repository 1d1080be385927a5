"""Build warehouses of synthetic days, run part 3 on them, and make gold by hand."""

from collections.abc import Callable, Collection
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import generate_charts
import pandas as pd
import transform
import validate_dataframework
from analysis.findings import all_sessions
from analysis.gold import QUERIES, Gold, read_gold
from commands import call

PICTURES = (
    "funnel_sankey.png", "revenue_trend.png", "attribution_loss_pie.png", "device_cvr.png", "daily_volume_anomaly.png",
)  # fmt: skip
# The columns of Gold's frames.
COLUMNS = {
    "days": "date events orders revenue sessions converted refused_orders", "files": "name date content_hash",
    "hours": "date hour events orders", "visitors": "page_view cart checkout order visitors",
    "unsourced": "reading reason revenue orders", "segments": "kind name converted sessions",
    "systems": "device name converted sessions", "channels": "reading model channel orders revenue",
    "ledger": "line orders amount", "refused_records": "reason records", "unused": "name reason is_refused",
    "headline": "figure reading definition numerator denominator",
    "products": "name units lines lines_without_amount revenue",
}  # fmt: skip


def run(*args: object) -> tuple[int, str, str]:
    """Return exit status, stdout and stderr of the command."""
    return call(generate_charts, *args)


def build(data_dir: Path, warehouse: Path, statuses: Collection[int] = (0,)) -> Path:
    """Build a warehouse of the files in a folder, with part 1's report beside it."""
    place = ("--quiet", "--data_dir", data_dir)
    assert call(transform, *place, "--warehouse", warehouse)[0] in statuses
    assert call(validate_dataframework, *place, "--json", "--out_dir", warehouse.parent)[0] in (0, 3)
    return warehouse


def analyse(warehouse: Path, out_dir: Path, *args: object) -> str:
    """Return the summary of a warehouse, made with everything else."""
    status, _, stderr = run("--no_refresh", "--quiet", "--warehouse", warehouse, "--out_dir", out_dir, *args)
    assert status in (0, 3) and not stderr, stderr
    return (out_dir / "executive_summary.md").read_text(encoding="utf-8")


def edit(folder: Path, change: Callable[[str], str]) -> None:
    """Rewrite every file of a folder, line by line below the header."""
    for path in sorted(folder.glob("events_*.csv")):
        header, *lines = path.read_text(encoding="utf-8").splitlines()
        kept = [changed for line in lines if (changed := change(line))]
        path.write_text("\n".join([header, *kept]) + "\n", encoding="utf-8")


def differences_from_gold(warehouse: Path) -> dict[str, tuple[Any, Any]]:
    """Return the figures that part 3 derives for some days and that differ from gold's own if these are all days."""
    gold = read_gold(warehouse, since=date.min)
    with duckdb.connect(str(warehouse), read_only=True) as connection:

        def rows(sql: str, **days: date) -> list[tuple[Any, ...]]:
            return connection.execute(sql, days).fetchall()

        lines = rows(QUERIES["ledger_of_days"].sql, since=date.min, until=date.max)
        ledger = rows("select line, orders, amount::double from gold.ledger order by position")
        funnel = rows("select path, sum(units)::int from gold.funnel where unit <> 'session' group by path")
        reported = {
            tuple(key): float(n) for *key, n in rows("select figure, reading, numerator from gold.headline_figures")
        }
        sessions = rows(
            "select denominator from gold.headline_figures where (figure, reading) = ('conversion', 'healed')"
        )
    steps = ("page_view", "cart", "checkout", "order")
    paths = {
        " > ".join(step for step in steps if row[step]) or "none": row["visitors"]
        for row in gold.visitors.to_dict("records")
    }
    unsourced = gold.unsourced.groupby("reading")["revenue"].sum()
    credited = gold.channels.groupby(["reading", "model"])[["orders", "revenue"]].sum()
    pairs: dict[str, tuple[Any, Any]] = {
        "ledger": (lines, ledger),
        "funnel": (paths, dict(funnel)),
        "sessions": (all_sessions(gold).sessions, float(sessions[0][0])),
        "sessions with an order": (all_sessions(gold).converted, reported["conversion", "healed"]),
        "resubmissions": (-gold.line("resubmissions").amount, reported["revenue counted twice", "healed"]),
    }
    for reading in ("as_tracked", "healed"):
        amount = reported["revenue without a known source", reading]
        pairs[f"no known source, {reading}"] = (round(unsourced.get(reading, 0.0), 2), amount)
    for way, (orders, revenue) in zip(credited.index, credited.to_numpy(), strict=True):
        pairs[f"credit, {way}"] = ((round(orders, 2), round(revenue, 2)), (gold.orders, gold.revenue))
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def first_order_only() -> Callable[[str], str]:
    """Return a change that keeps the first order that it sees, and nothing else."""
    seen = count()
    return lambda line: line if "checkout_completed" in line and not next(seen) else ""


def gold(**fields: Any) -> Gold:
    """Return a Gold of which only some fields matter; a frame is given as its rows."""
    frames = {name: pd.DataFrame(fields.pop(name, ()), columns=columns.split()) for name, columns in COLUMNS.items()}
    frames["days"] = frames["days"].set_index("date")
    return Gold(**{"shop": "", "history": frames["days"], **frames, **fields})


def day(of: date, events: int = 1, refused_orders: int = 0) -> tuple[object, ...]:
    """Return a row of Gold's days."""
    return of, events, 0, 0.0, 1, 0, refused_orders
