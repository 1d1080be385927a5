"""What part 3 should find, from silver and the files' headers: none of its code, and none of the tables it reads."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
from analysis_arithmetic import newcombe, wilson_bounds

Row = tuple[Any, ...]
READINGS = ("as_tracked", "healed")
# The contract's window of attribution, in days.
WINDOW = 7
EARLIER = """
select
    count(*) filter (not exists (
        select 1 from silver.events as e where e.{id} = o.{id} and e.event_at < o.ordered_at and {which})),
    coalesce(sum(revenue) filter (not exists (
        select 1 from silver.events as e where e.{id} = o.{id} and e.event_at < o.ordered_at and {which})), 0)
from silver.orders as o
"""
MISSING = "select {day}, count(*) - count({column}), count(*) from {table} group by 1"
# Of events or order lines, those that lack something: a day, how many, of how many.
SHARES = {
    "client_id_missing_share": MISSING.format(day="event_date", column="client_id", table="silver.events"),
    "client_id_missing_share_as_tracked": MISSING.format(
        day="event_date", column="client_id_as_tracked", table="silver.events"
    ),
    "referrer_missing_share": MISSING.format(day="event_date", column="referrer_host", table="silver.events"),
    "line_amount_missing_share": MISSING.format(day="order_date", column="amount", table="silver.order_items"),
}
# What is wrong, what is counted, and what the repair brings, in words.
FAULTS = {
    "client_id_missing_share": (
        "events have no client id",
        "events without an id",
        "these events belong to a visit again",
    ),
    "referrer_missing_share": (
        "events have no referrer",
        "events without a referrer",
        "visits without a campaign have a source again",
    ),
    "line_amount_missing_share": (
        "order lines have no price",
        "order lines without a price",
        "revenue can be told by product again",
    ),
}
SEGMENTS = {"device": "device", "system": "operating_system", "channel": "first_channel"}
SEGMENT = """
select {columns}, count(*) filter (orders > 0), count(*)
from silver.sessions where reading = 'healed' group by all order by 1
"""
HOURS = """
select event_date, event_hour, count(*), count(*) filter (event = 'order') from silver.events group by all
"""
# Of each visitor, which steps are on record; an order of nobody is a visit of which only the order is.
PATHS = """
select page_views > 0, carts > 0, checkouts > 0, orders > 0, count(*) from silver.clients group by all
union all
select false, false, false, true, count(*) from silver.orders where client_id is null or is_bot
"""
RECEIVED = """
select event, count(*)
from (select event from silver.events union all select event from silver.rejected_events) group by 1
"""
STARTS = """
select
    (select count(*) from silver.orders as o where exists (
        select 1 from silver.events as e where e.event = 'checkout' and e.event_at < o.ordered_at
        and (e.client_id = o.client_id or e.checkout_token = o.checkout_token))),
    (select count(distinct coalesce(checkout_token, event_id::varchar)) from silver.events
        where event = 'checkout' and not is_bot)
"""
CREDITS = """
select reading, model, channel, sum(order_share)::double, sum(credit)::double from gold.attribution group by all
"""
PRODUCTS = """
select
    coalesce(item_name, '(no name)'), sum(quantity)::bigint, count(*), count(*) - count(amount),
    coalesce(sum(amount), 0)::double
from silver.order_items group by 1 order by 5 desc, 3 desc, 1 limit 25
"""
KNOWN = """
select
    case
        when known then 'known'
        when {identity} is null then 'no id'
        when ordered_at - interval {window} day < (select min(file_date) from bronze.files)::timestamp
            then 'window cut off'
        when touched then 'direct only'
        else 'no touch in the window'
    end, count(*), sum(revenue)::double
from (
    select
        *,
        exists (select 1 from silver.order_touches as t
            where t.order_id = o.order_id and t.reading = '{reading}' and t.channel <> 'Direct') as known,
        exists (select 1 from silver.order_touches as t
            where t.order_id = o.order_id and t.reading = '{reading}') as touched
    from silver.orders as o
) group by 1
"""
TOTAL = "select count(*), coalesce(sum(revenue), 0)::double from "
EXCLUDED = "select count(*), coalesce(sum(excluded_revenue), 0)::double from "
SECOND = """
(select revenue, row_number() over (partition by transaction_id order by {order}) as n from {table}) where n > 1
"""
REJECTED = TOTAL + "silver.rejected_events where event = 'order' and reason = "
LEDGER = {
    "exact repeats": REJECTED + "'exact repeat'",
    "rejected: no readable time": REJECTED + "'no readable time'",
    "quarantined: no readable amount": TOTAL + "silver.received_orders where reason = 'no readable amount'",
    "quarantined: no transaction id": TOTAL + "silver.received_orders where reason = 'no transaction id'",
    "resubmissions": TOTAL + "silver.received_orders where status = 'resubmission'",
    "amendments": EXCLUDED + "silver.received_orders where status = 'amendment'",
    "possible duplicates not counted": EXCLUDED + "silver.received_orders where status = 'possible duplicate'",
    "negative": TOTAL + "silver.received_orders where status = 'negative'",
    "of counted: ids that collide": TOTAL + SECOND.format(order="ordered_at, order_id", table="silver.orders"),
    "of counted: possible duplicates": TOTAL + "silver.orders where is_possible_duplicate",
    "deduplicating by transaction id alone would remove": TOTAL
    + SECOND.format(order="event_at, event_id", table="(select * from silver.received_orders where reason is null)"),
}


@dataclass(frozen=True)
class Break:
    """Something that broke: its first and last day, its words with a # for each of its numbers."""

    kind: str
    what: str
    since: date
    until: date | None
    severity: str
    label: str
    words: str
    numbers: tuple[Any, ...]


class Reference:
    """Facts of a warehouse; amounts in dollars, shares as fractions."""

    def __init__(self, warehouse: Path) -> None:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            self._ask = connection
            self._read()
        self.breaks = sorted(
            [*self._headers(), *self._rises(), *self._gaps()], key=lambda b: (b.since, b.severity, b.what)
        )

    def rows(self, sql: str) -> list[Row]:
        return self._ask.execute(sql).fetchall()

    def _read(self) -> None:
        headers = self.rows("select file_date, header from bronze.files order by 1")
        self.headers = [(day, json.loads(header)) for day, header in headers]
        self.files = [n for (n,) in self.rows("select name from bronze.files order by file_date, name")]
        self.days: list[date] = sorted({day for day, _ in self.headers})
        self.shares = {name: {d: (n, of) for d, n, of in self.rows(sql)} for name, sql in SHARES.items()}
        hours = self.rows(HOURS)
        self.hours = {(day, hour): n for day, hour, n, _ in hours}
        self.orders_by_hour = {(day, hour): n for day, hour, _, n in hours}
        self.daily = self._days()
        self.orders, revenue = self.rows("select count(*), coalesce(sum(revenue), 0) from silver.orders")[0]
        self.revenue = float(revenue)
        self.known = {reading: self._known(reading) for reading in READINGS}
        self.segments = {
            name: {str(s): (c, n) for s, c, n in self.rows(SEGMENT.format(columns=column))}
            for name, column in SEGMENTS.items()
        }
        crossed = self.rows(SEGMENT.format(columns="device, operating_system"))
        self.crossed = {(device, system): (c, n) for device, system, c, n in crossed}
        self.paths = self.rows(PATHS)
        self.seen = {
            (identity, which): self.rows(EARLIER.format(id=identity, which=which))[0]
            for identity in ("client_id", "client_id_as_tracked")
            for which in ("true", "e.event = 'page_view'")
        }
        self.received: dict[str, int] = dict(self.rows(RECEIVED))
        self.started, self.starts = self.rows(STARTS)[0]
        self.ledger = self._ledger()
        self.credits = {(r, m, c): (orders, amount) for r, m, c, orders, amount in self.rows(CREDITS)}
        self.products = self.rows(PRODUCTS)

    def _days(self) -> dict[date, dict[str, float]]:
        counted: dict[date, dict[str, float]] = {
            d: dict.fromkeys(("events", "orders", "revenue", "sessions", "converted"), 0) for d in self.days
        }
        for sql, names in (
            ("select event_date, count(*) from silver.events group by 1", ("events",)),
            ("select order_date, count(*), sum(revenue)::double from silver.orders group by 1", ("orders", "revenue")),
            ("""select session_date, count(*), count(*) filter (orders > 0) from silver.sessions
                where reading = 'healed' group by 1""", ("sessions", "converted")),
        ):  # fmt: skip
            for day, *values in self.rows(sql):
                if day in counted:
                    counted[day].update(zip(names, values, strict=True))
        return counted

    def _known(self, reading: str) -> dict[str, tuple[int, float]]:
        """Orders and dollars by what is known of their source."""
        identity = {"as_tracked": "client_id_as_tracked", "healed": "client_id"}[reading]
        found = self.rows(KNOWN.format(identity=identity, window=WINDOW, reading=reading))
        return {reason: (n, amount) for reason, n, amount in found}

    def _ledger(self) -> dict[str, tuple[int, float]]:
        """Orders and dollars a line; what is not counted below zero."""
        totals = {line: self.rows(sql)[0] for line, sql in LEDGER.items()}
        minus = {line: totals.pop(line) for line in list(totals)[: list(totals).index("of counted: ids that collide")]}
        return {
            "gross": (
                self.orders + sum(n for n, _ in minus.values()),
                self.revenue + sum(amount for _, amount in minus.values()),
            ),
            **{line: (-n, -amount) for line, (n, amount) in minus.items()},
            "counted": (self.orders, self.revenue),
            "difference": (0, 0.0),
            **{line: (n, amount) for line, (n, amount) in totals.items()},
        }

    def _headers(self) -> list[Break]:
        found = []
        columns = {d: set.intersection(*(set(h) for of, h in self.headers if of == d)) for d in self.days}
        for before, day in pairwise(self.days):
            came = sorted(columns[day] - columns[before])
            for name in [
                c for c in dict.fromkeys(c for _, h in self.headers for c in h) if c in columns[before] - columns[day]
            ]:
                later = [d for d in self.days if d > day and name in columns[d]]
                until = max(d for d in self.days if d < later[0]) if later else None
                alike = [c for c in came if c.lower().replace("_", "") == name.lower().replace("_", "")] or came
                if alike:
                    came.remove(alike[0])
                    words = f"{name} renamed {alike[0]}", f"the column {name} arrives as {alike[0]}"
                else:
                    words = f"{name} column lost", f"the column {name} is gone"
                found.append(Break("renamed" if alike else "lost", name, day, until, "P0", *words, ()))
        return found

    def _rises(self) -> list[Break]:
        found, explained = [], {(b.what, b.since) for b in self._headers()}
        for metric, (fault, _, _) in FAULTS.items():
            days = sorted(d for d, (_, of) in self.shares[metric].items() if of)
            share = {d: self.shares[metric][d][0] / self.shares[metric][d][1] for d in days}
            first = next((d for n, d in enumerate(days) if n and wilson_bounds(*self.shares[metric][d], 0.999)[0]
                > max(share[x] for x in days[:n]) + 0.05), None)  # fmt: skip
            if first is None or (metric.removesuffix("_missing_share"), first) in explained:
                continue
            worst = max(share[d] for d in days if d < first)
            back = [d for d in days if d > first and share[d] <= worst + 0.025]
            bad = [d for d in days if d >= first and (not back or d < back[0])]
            level = sum(self.shares[metric][d][0] for d in bad) / sum(self.shares[metric][d][1] for d in bad)
            words = f"all {fault}" if level > 0.995 else f"# of {fault}"
            until = None if bad[-1] == self.days[-1] else bad[-1]
            numbers = () if level > 0.995 else (level,)
            found.append(Break("share", metric, first, until, "P1", words, words, numbers))
        return found

    def missed(self) -> dict[date, dict[int, float]]:
        """Hours without events where twenty or more were to be expected, and how many orders were."""
        found: dict[date, dict[int, float]] = {}
        for day in self.days:
            others = [d for d in self.days if d != day]
            for hour in range(24):
                expected = sum(self.hours.get((d, hour), 0) for d in others) / max(len(others), 1)
                if not self.hours.get((day, hour)) and expected >= 20:
                    orders = sum(self.orders_by_hour.get((d, hour), 0) for d in others)
                    found.setdefault(day, {})[hour] = orders / len(others)
        return found

    def _gaps(self) -> list[Break]:
        found = []
        for day, hours in self.missed().items():
            label = "# hours without events" if len(hours) > 1 else "# hour without events"
            words = label.replace("without events", "hold no event, the first from # UTC")
            numbers = (len(hours), f"{min(hours):02d}:00")
            found.append(Break("gap", "events", day, day, "P1", label, words, numbers))
        return found

    # What the numbers say.

    def sold(self, of: Break) -> float:
        return sum(v["revenue"] for d, v in self.daily.items() if of.since <= d <= (of.until or self.days[-1]))

    def reached(self) -> list[int]:
        """Visitors by the farthest step on record, at each step or beyond it."""
        return [sum(n for *seen, n in self.paths if any(seen[step:])) for step in range(4)]

    def recorded(self) -> list[int]:
        return [sum(n for *seen, n in self.paths if seen[step]) for step in range(4)]

    def gaps_before_orders(self) -> int:
        return int(sum(n for *seen, n in self.paths if seen[3] and not all(seen)))

    def weekdays(self) -> dict[str, tuple[int, int]]:
        found: dict[str, tuple[int, int]] = {}
        for n, name in enumerate(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")):
            days = [v for d, v in self.daily.items() if (d - timedelta(n)).weekday() == 0]
            if sum(v["sessions"] for v in days):
                found[name] = int(sum(v["converted"] for v in days)), int(sum(v["sessions"] for v in days))
        return found


def is_small(converted: float, sessions: float) -> bool:
    """The 95% interval is wider than the share, or than a quarter."""
    low, high = wilson_bounds(converted, sessions)
    return not sessions or high - low > min(converted / sessions, 0.25)


def outliers(segments: dict[str, tuple[int, int]]) -> tuple[list[str], list[str], int]:
    """Segments above and below all others together, of those not too small; and how many are too small.

    A small one is called where the others' share would have brought it five orders.
    """
    whole = [sum(v[n] for v in segments.values()) for n in (0, 1)]
    above, below = [], []
    for name, (c, n) in segments.items():
        if whole[1] > n and (not is_small(c, n) or n * (whole[0] - c) / (whole[1] - n) >= 5):
            low, high = newcombe(c, n, whole[0] - c, whole[1] - n, 1 - 0.05 / len(segments))
            above += [name] if low > 0 else []
            below += [name] if high < 0 else []
    return above, below, sum(is_small(*v) for name, v in segments.items() if name not in (*above, *below))


def listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)
