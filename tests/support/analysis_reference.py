"""Compute the figures of part 3 from silver and the files' headers, without its code or the tables that it reads."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import yaml
from analysis_arithmetic import newcombe, quantile, triangular_draws, welch, wilson_bounds

from event_data.dead_hours import dead_runs, usual_events

Row = tuple[Any, ...]
INPUTS = ("spend_share", "steerable", "gain", "margin", "doubt")
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
# The order's own confirmation page is no earlier page view of it.
BEFORE_THE_ORDER = """(
    e.event = 'page_view'
    and not (e.path like '%/thank-you%' and coalesce(e.checkout_token = o.checkout_token, true))
)"""
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
        when touched then 'direct only'
        when {identity} is null then 'no id'
        when ordered_at - interval {window} day < (select min(file_date) from bronze.files)::timestamp
            then 'window cut off'
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
REFUSED = """
select day, count(*) from (
    select (select file_date from bronze.files where name = source_file) as day from silver.rejected_events
    where event = 'order' and reason <> 'exact repeat'
    union all
    select day from silver.events
    where event = 'order' and event_id in (select event_id from silver.received_orders where status = 'quarantined')
) group by day
"""
TOTAL = "select count(*), coalesce(sum(revenue), 0)::double from "
SECOND = """
(select revenue, row_number() over (partition by transaction_id order by {order}) as n from {table}) where n > 1
"""
# Below gross, with a sign: what is in no figure, by reason, and what is an order that was counted already.
LEDGER = """
select case reason when 'exact repeat' then 'exact repeats' else 'rejected: ' || reason end, count(*), sum(revenue)
from silver.rejected_events where event = 'order' group by 1
union all
select 'quarantined: ' || reason, count(*), coalesce(sum(revenue), 0)
from silver.received_orders where status = 'quarantined' group by 1
union all
select status, count(*), sum(excluded_revenue)
from silver.received_orders where status not in ('quarantined', 'counted') group by 1
"""
NAMES = {
    "resubmission": "resubmissions", "amendment": "amendments", "possible duplicate": "possible duplicates not counted",
    "negative": "negative",
}  # fmt: skip
EMPTY = ("exact repeats", "rejected: no readable time", "quarantined: no transaction id",
         "quarantined: no readable amount", *NAMES.values())  # fmt: skip
BELOW = {
    "refunds": "select count(*), coalesce(sum(revenue), 0)::double from silver.events where event = 'refund'",
    "of counted: ids that collide": TOTAL + SECOND.format(order="ordered_at, order_id", table="silver.orders"),
    "of counted: possible duplicates": TOTAL
    + "silver.received_orders where status = 'counted' and is_possible_duplicate",
    "deduplicating by transaction id alone would remove": TOTAL
    + SECOND.format(
        order="event_at, event_id", table="(select * from silver.received_orders where status <> 'quarantined')"
    ),
}


# A report of some days has what silver has of them: the tables that have a day, without the other days.
DATED = {
    "events": "day", "orders": "order_date", "received_orders": "order_date", "order_items": "order_date",
    "sessions": "day", "rejected_events": "(select file_date from w.bronze.files where name = source_file)",
}  # fmt: skip
OF_THE_DAYS = """
create view silver.clients as
select
    client_id, sum(page_views) as page_views, sum(carts) as carts, sum(checkouts) as checkouts, sum(orders) as orders
from silver.sessions where reading = 'healed' group by 1;
create view silver.order_touches as select * from w.silver.order_touches;
create view gold.attribution as select * from w.gold.attribution where order_id in (select order_id from silver.orders);
create view bronze.files as select * from w.bronze.files;
"""


class Reference:
    """Facts of a warehouse, or of some of its days; amounts in dollars, shares as fractions."""

    def __init__(self, warehouse: Path, since: date = date.min, until: date = date.max) -> None:
        with duckdb.connect() as connection:
            connection.execute(f"attach '{warehouse}' as w (read_only); create schema silver; create schema gold;")
            connection.execute("create schema bronze")
            for table, day in DATED.items():
                of_the_days = f"coalesce({day}, date '9999-12-31') between '{since}' and '{until}'"
                connection.execute(f"create view silver.{table} as select * from w.silver.{table} where {of_the_days}")
            connection.execute(OF_THE_DAYS)
            self._ask = connection
            self.all_days: list[date] = [
                d for (d,) in self.rows("select distinct file_date from bronze.files order by 1")
            ]
            self.days = [day for day in self.all_days if since <= day <= until]
            self._read()
        self.unlabelled = {r: self.revenue - k.get("known", (0, 0.0))[1] for r, k in self.known.items()}
        self.gained = self.unlabelled["as_tracked"] - self.unlabelled["healed"]

    def rows(self, sql: str) -> list[Row]:
        return self._ask.execute(sql).fetchall()

    def _read(self) -> None:
        hours = [row for row in self.rows(HOURS) if row[0] in self.days]
        self.hours = {(day, hour): n for day, hour, n, _ in hours}
        self.orders_by_hour = {(day, hour): n for day, hour, _, n in hours}
        self.daily = self._days()
        self.orders, revenue = self.rows("select count(*), coalesce(sum(revenue), 0) from silver.orders")[0]
        self.revenue = float(revenue)
        self.known = {reading: self._known(reading) for reading in READINGS}
        self.segments = {
            name: {str(s): (c, n) for s, c, n in self.rows(SEGMENT.format(columns=column)) if s is not None}
            for name, column in SEGMENTS.items()
        }
        crossed = self.rows(SEGMENT.format(columns="device, operating_system"))
        self.crossed = {(device, system): (c, n) for device, system, c, n in crossed}
        self.paths = self.rows(PATHS)
        self.seen = {
            (identity, which): self.rows(EARLIER.format(id=identity, which=which))[0]
            for identity in ("client_id", "client_id_as_tracked")
            for which in ("true", "e.event = 'page_view'", BEFORE_THE_ORDER)
        }
        self.received: dict[str, int] = dict(self.rows(RECEIVED))
        self.started, self.starts = self.rows(STARTS)[0]
        self.ledger = self._ledger()
        self.credits = {(r, m, c): (orders, amount) for r, m, c, orders, amount in self.rows(CREDITS)}
        self.products = self.rows(PRODUCTS)

    def _days(self) -> dict[date, dict[str, float]]:
        counted: dict[date, dict[str, float]] = {
            d: dict.fromkeys(("events", "orders", "revenue", "sessions", "converted", "refused"), 0) for d in self.days
        }
        for sql, names in (
            ("select event_date, count(*) from silver.events group by 1", ("events",)),
            ("select order_date, count(*), sum(revenue)::double from silver.orders group by 1", ("orders", "revenue")),
            ("""select session_date, count(*), count(*) filter (orders > 0) from silver.sessions
                where reading = 'healed' group by 1""", ("sessions", "converted")),
            (REFUSED, ("refused",)),
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
        """Orders and dollars a line; what is in no figure, or sent again, below zero."""
        minus = dict.fromkeys(EMPTY, (0, 0.0))
        minus |= {NAMES.get(str(line), str(line)): (-n, -float(amount or 0)) for line, n, amount in self.rows(LEDGER)}
        gross = (self.orders - sum(n for n, _ in minus.values()), self.revenue - sum(a for _, a in minus.values()))
        below = {line: self.rows(sql)[0] for line, sql in BELOW.items()}
        return {"gross": gross, **minus, "counted": (self.orders, self.revenue), "difference": (0, 0.0), **below}

    # What the numbers say.

    def empty_hours(self) -> dict[date, list[int]]:
        """Return runs of hours without an event that hold 20 or more on nine of ten other days, by the shared rule."""
        found: dict[date, list[int]] = {}
        for day in {day for day, _ in self.hours}:
            others = [d for d in self.days if d != day and self.daily[d]["events"]]
            usual = [usual_events([self.hours.get((d, hour), 0) for d in others]) for hour in range(24)]
            empty = [hour for hour in range(24) if not self.hours.get((day, hour))]
            if dead := [hour for run in dead_runs(empty, usual) for hour in run]:
                found[day] = dead
        return found

    def reached(self) -> list[int]:
        """Return visitors by the farthest step on record, at each step or beyond it."""
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


class Model:
    """The possible cost of broken tracking, from a reference's figures and a file of assumptions."""

    def __init__(self, of: Reference, assumptions: Path) -> None:
        self.of = of
        self.assumptions: dict[str, Any] = yaml.safe_load(assumptions.read_text(encoding="utf-8"))
        self.corners = [tuple(self.assumptions["inputs"][i][c] for c in ("low", "base", "high")) for i in INPUTS]

    def yearly(self, steerable: Any, gain: Any, margin: Any, doubt: Any) -> Any:
        """Return dollars of EBITDA: what newly labelled revenue would have gained, kept, believed, times the year."""
        return self.of.gained * (365 / len(self.of.days)) * steerable * gain * margin * (1 - doubt)

    def ranges(self) -> tuple[float, float, float, float, float, float]:
        """Return wasted spend at 5% and 95%, EBITDA at 5% and 95%, its base case, and its best corner."""
        drawn = triangular_draws(self.assumptions["seed"], self.assumptions["draws"], self.corners)
        wasted, yearly = self.of.gained * drawn[0] * drawn[1] * drawn[2], self.yearly(*drawn[1:])
        _, steerable, gain, margin, doubt = self.corners
        base = self.yearly(steerable[1], gain[1], margin[1], doubt[1])
        best = self.yearly(steerable[2], gain[2], margin[2], doubt[0])
        low, high = (quantile(yearly, q) for q in (0.05, 0.95))
        return quantile(wasted, 0.05), quantile(wasted, 0.95), low, high, base, best

    def swings(self) -> list[tuple[str, float, float]]:
        """Return what each input but the spend does to the yearly effect at its ends, the widest first."""
        found, base = [], [middle for _, middle, _ in self.corners]
        for n, name in enumerate(INPUTS[1:], 1):
            ends = [
                self.yearly(*[*base[:n], end, *base[n + 1 :]][1:]) for end in (self.corners[n][0], self.corners[n][2])
            ]
            found.append((str(self.assumptions["inputs"][name]["label"]), min(ends), max(ends)))
        return sorted(found, key=lambda s: s[1] - s[2])

    def unseen(self) -> float:
        """Return the revenue of the orders that other days had in the hours without events."""
        missed, of = 0.0, self.of
        for day, empty in of.empty_hours().items():
            others = [d for d in of.days if d != day]
            missed += sum(of.orders_by_hour.get((d, h), 0) for d in others for h in empty) / len(others)
        return float(of.revenue * missed / max(sum(of.orders_by_hour.values()), 1))


def change(measure: str, sides: list[list[dict[str, float]]], looks: int) -> tuple[float, float, float, float]:
    """Return a measure of the days before and after, with the bounds of its difference, which bear so many looks."""
    confidence = 1 - 0.05 / looks
    if measure == "conversion":
        (a, of_a), (b, of_b) = ([sum(v[n] for v in s) for n in ("converted", "sessions")] for s in sides)
        bounds = newcombe(b, of_b, a, of_a, confidence) if of_a and of_b else (-1.0, 1.0)
        return a / max(of_a, 1), b / max(of_b, 1), *bounds
    old, new = ([v[measure] for v in s] for s in sides)
    bounds = welch(new, old, confidence) if min(len(old), len(new)) > 1 else (float("-inf"), float("inf"))
    return sum(old) / len(old), sum(new) / len(new), *bounds


def is_small(converted: float, sessions: float) -> bool:
    """Return whether the 95% interval is wider than the share, or than a quarter."""
    low, high = wilson_bounds(converted, sessions)
    return not sessions or high - low > min(converted / sessions, 0.25)


def outliers(segments: dict[str, tuple[int, int]]) -> tuple[list[str], list[str], int]:
    """Return the segments above and below all others together that are not too small, and how many are too small.

    A small segment counts only if the others' share would have brought it five orders.
    """
    whole = [sum(v[n] for v in segments.values()) for n in (0, 1)]
    above, below = [], []
    for name, (c, n) in segments.items():
        if whole[1] > n and (not is_small(c, n) or n * (whole[0] - c) / (whole[1] - n) >= 5):
            low, high = newcombe(c, n, whole[0] - c, whole[1] - n, 1 - 0.05 / len(segments))
            above += [name] if low > 0 else []
            below += [name] if high < 0 else []
    return above, below, sum(is_small(*v) for name, v in segments.items() if name not in (*above, *below))
