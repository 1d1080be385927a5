"""Write monitor.html from the history: one page that needs no network, for a shop without dashboards."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from markupsafe import Markup

from event_data.money import Currency
from event_data.output import count, templates
from event_data.page import render_page
from monitoring.alarms import ALARM, GREEN, RED, TOO_LITTLE, YELLOW, Alarm
from monitoring.explanation import lasting_text
from monitoring.metrics import Warehouse
from monitoring.page_charts import Dot, chart, frame
from monitoring.thresholds import Thresholds
from monitoring.wording import ALSO, capital, day_words, figure, is_urgent, shown, title

TEMPLATES = Path(__file__).with_name("templates")
CALENDAR_DAYS, CHART_DAYS, DAYS_LISTED, INCIDENTS = 371, 91, 30, 60
SEGMENTS = 6  # the largest of a kind
SEGMENT_CHARTS = (  # metric and kind of segment
    ("orders", "device"), ("orders", "browser"), ("sessions", "channel"), ("sessions", "device"),
    ("sessions", "browser"), ("page_views", "section"),
)  # fmt: skip
STATUS_CLASSES = {RED: "red", YELLOW: "yellow", GREEN: "green", TOO_LITTLE: "p3"}
NOTHING = {TOO_LITTLE: "Too few earlier days to compare with, and no rule is broken"}
LAYERS = {"pipeline": "Pipeline", "quality": "Data quality", "business": "Business"}


@dataclass
class Day:
    """A day of the calendar."""

    day: date
    status: str
    alarms: list[Alarm] = field(default_factory=list)

    @property
    def css(self) -> str:
        return STATUS_CLASSES.get(self.status, "p3")

    @property
    def words(self) -> str:
        return ". ".join([f"{day_words(self.day)}: {self.status}", *(title(a) for a in self.alarms)])


@dataclass
class Life:
    """An incident from its first day to its last, with its latest alarm; `left` and `width` are percentages."""

    alarm: Alarm
    title: str
    lines: Sequence[str]
    first: date
    last: date
    is_over: bool
    at_stake: float
    left: float
    width: float
    steps: Sequence[str]


@dataclass
class Chart:
    """A small chart with its caption."""

    label: str
    picture: Markup
    now: str
    most: str
    first: date
    last: date
    is_alarm: bool = False


def page(history: sqlite3.Connection, warehouse: Warehouse, t: Thresholds, now: datetime) -> str:
    """Return the page with everything that has been judged so far."""
    days = _days(history)
    last = max(days, default=None)
    values: dict[str, Any] = {
        "charts": {},
        "alarmed": [],
        "segments": {},
        "incidents": [],
        "months": [],
        "listed": [],
        "lead": "",
    }
    if last is not None:
        first = max(min(days), last - timedelta(days=CALENDAR_DAYS - 1))
        charts = _metric_charts(history, warehouse.currency, t, last)
        values = {
            "charts": charts,
            "alarmed": [c for layer in charts.values() for c in layer if c.is_alarm],
            "segments": _segment_charts(warehouse, t, last),
            "incidents": _incidents(history, warehouse, t, first, last),
            "months": list(_months(days, first, last)),
            "lead": _lead(days[last]),
            "listed": [d for _, d in sorted(days.items(), reverse=True) if d.alarms][:DAYS_LISTED],
        }
    shop = warehouse.shop
    environment = templates(TEMPLATES, autoescape=True)
    environment.filters |= {"day": day_words, "title": title}
    template = environment.get_template("monitor.html.j2")
    script = (TEMPLATES / "monitor.js").read_text(encoding="utf-8")
    return render_page(
        template, f"Monitor: {shop}", [script], shop=shop, newest=days.get(last) if last else None, now=now,
        legend=STATUS_CLASSES, layers=LAYERS, chart_days=CHART_DAYS, zone=warehouse.time_zone, **values,
    )  # fmt: skip


def _lead(newest: Day) -> str:
    """Return how much is wrong on the newest day."""
    active = [a for a in newest.alarms if not a.is_known and a.severity != "P3"]
    urgent = sum(map(is_urgent, active))
    known = len(newest.alarms) - len(active)
    parts = [f"{count(len(active), 'alarm')}, {urgent or 'none'} of them urgent"] if active else []
    parts += [count(known, "known alarm or note")] if known else []
    return "; ".join(parts or [NOTHING.get(newest.status, "No problems found")]) + "."


def _days(history: sqlite3.Connection) -> dict[date, Day]:
    days = {
        date.fromisoformat(day): Day(date.fromisoformat(day), status)
        for day, status in history.execute("select day, status from day_status order by day")
    }
    for alarm in _alarms(history):
        if alarm.day in days:
            days[alarm.day].alarms.append(alarm)
    return days


def _alarms(history: sqlite3.Connection) -> Iterator[Alarm]:
    """Return the alarms of the history, as far as it keeps them."""
    rows = history.execute(
        "select day, key, layer, severity, state, opened, day_number, last_good, first_bad, segment, at_stake, "
        "at_stake_since, text from alarms order by day, severity, key"
    )
    for day, key, layer, severity, state, opened, number, good, first_bad, segment, at_stake, since, text in rows:
        alarm = Alarm(key, layer, severity, date.fromisoformat(day), text.partition(f" {ALSO}")[0])
        alarm.state, alarm.opened, alarm.day_number = state, date.fromisoformat(opened), number
        alarm.last_good = date.fromisoformat(good) if good else None
        alarm.first_bad, alarm.segment, alarm.at_stake, alarm.at_stake_since = first_bad, segment, at_stake, since
        yield alarm


def _months(days: Mapping[date, Day], first: date, last: date) -> Iterator[tuple[str, list[Day | None]]]:
    """Return each month's name and days, the latest month first; None pads the first week."""
    month = last.replace(day=1)
    while month >= first.replace(day=1):
        after = (month + timedelta(days=31)).replace(day=1)
        numbers = range((after - month).days)
        cells: list[Day | None] = [None] * month.weekday()
        cells += [days.get(month + timedelta(days=n)) or Day(month + timedelta(days=n), "") for n in numbers]
        yield f"{month:%B %Y}", cells
        month = (month - timedelta(days=1)).replace(day=1)


def _incidents(history: sqlite3.Connection, shop: Warehouse, t: Thresholds, first: date, last: date) -> list[Life]:
    """Return the incidents of the calendar's days: open ones first, by severity and money; then the latest."""
    latest = {(a.key, a.opened): a for a in _alarms(history)}
    span, lives = (last - first).days + 1, []
    rows = history.execute(
        "select key, opened, last_day, severity, days, at_stake, state, closed, recovered_on, acknowledged_by, "
        "acknowledged_at, silenced_until, reason from incidents where last_day >= ?",
        [first.isoformat()],
    )
    for key, opened, until, severity, days, amount, state, closed, recovered, who, at, silenced, reason in rows:
        alarm = latest.get((key, date.fromisoformat(opened)))
        if alarm is None:
            continue
        alarm.severity, began, ended = severity, date.fromisoformat(opened), date.fromisoformat(until)
        where = f"; {alarm.segment}" if alarm.segment else ""
        cost = f"; {shop.currency.exact(amount)} {lasting_text(alarm.name, t)}" if amount else ""
        earlier = " or earlier" if alarm.last_good is None else ""
        life = [f"Since {day_words(began)}{earlier}; {count(days, 'bad day')}{cost}{where}"]
        if who:
            until_words = f" until {day_words(date.fromisoformat(silenced))}" if silenced else ""
            what = "Accepted as the new level" if state == "accepted" else f"Acknowledged{until_words}"
            why = f": {shown(reason.removesuffix('.'), 200)}" if reason else ""
            life.append(f"{what} by {shown(who)} on {day_words(datetime.fromisoformat(at).date())}{why}")
        if closed:
            life.append(f"Over since {day_words(date.fromisoformat(recovered or closed))}")
        elif ended < last:
            life.append(f"Last seen {day_words(ended)}; not over yet")
        start = max(began, first)
        lives.append(Life(
            alarm, title(alarm), [f"{one}." for one in life], began, ended, bool(closed), amount or 0,
            100 * (start - first).days / span, 100 * ((ended - start).days + 1) / span,
            () if closed else t.runbooks.get(alarm.name, ()),
        ))  # fmt: skip
    open_ones = sorted((i for i in lives if not i.is_over), key=lambda i: (i.alarm.severity, -i.at_stake))
    lives = open_ones + sorted((i for i in lives if i.is_over), key=lambda i: i.last, reverse=True)
    return lives[:INCIDENTS]


def _metric_charts(
    history: sqlite3.Connection, currency: Currency, t: Thresholds, last: date
) -> dict[str, list[Chart]]:
    """Return a chart of every metric of the last days, by layer and in causal order."""
    first = last - timedelta(days=CHART_DAYS - 1)
    rows: dict[str, list[Any]] = defaultdict(list)
    sql = (
        "select metric, day, value, expected, low, high, verdict, layer, label, kind from metric_results "
        "where day between ? and ? order by day"
    )
    for name, *rest in history.execute(sql, [first.isoformat(), last.isoformat()]):
        rows[name].append(rest)
    order = {m.name: number for number, m in enumerate(t.metrics)}
    by_layer: dict[str, list[Chart]] = {layer: [] for layer in LAYERS}
    for name in sorted(rows, key=lambda name: (order.get(name, len(order)), name)):
        *_, (_, _, _, _, _, _, layer, label, kind) = rows[name]
        dots = [
            Dot(date.fromisoformat(day), value, expected, low, high, verdict == ALARM)
            for day, value, expected, low, high, verdict, *_ in rows[name]
        ]
        if all(dot.value is None for dot in dots):
            continue
        dots = [d._replace(words=f"{day_words(d.day)}: {_range(d, kind, currency)}") if d.is_alarm else d for d in dots]
        within = frame(dots, dots[0].day, last)
        now = _range(dots[-1], kind, currency) if dots[-1].value is not None else "no value on the last day"
        picture = chart(dots, within, f"{label}, {now}")
        most = figure(within.most, kind, currency)
        by_layer.setdefault(layer, []).append(
            Chart(capital(label), picture, now, most, dots[0].day, last, any(d.is_alarm for d in dots[-14:]))
        )
    return {layer: charts for layer, charts in by_layer.items() if charts}


def _range(dot: Dot, kind: str, currency: Currency) -> str:
    """Return a day's value and what was expected."""
    if dot.value is None or dot.expected is None or dot.low is None or dot.high is None:
        return "no value" if dot.value is None else figure(dot.value, kind, currency)
    value, expected, low, high = (figure(x, kind, currency) for x in (dot.value, dot.expected, dot.low, dot.high))
    return f"{value}, expected {expected} ({low} to {high})"


def _segment_charts(warehouse: Warehouse, t: Thresholds, last: date) -> dict[str, list[Chart]]:
    """Return charts of the largest segments of each kind."""
    first, by_metric = last - timedelta(days=CHART_DAYS - 1), {}
    labels = {m.name: m.label for m in t.metrics}
    wanted = [(metric, kind) for metric, kind in SEGMENT_CHARTS if metric in labels]
    limits: dict[str, Any] = {"first": first, "last": last, "most": SEGMENTS, "wanted": [f"{m} {k}" for m, k in wanted]}
    rows: dict[tuple[str, str], dict[str, list[Dot]]] = defaultdict(lambda: defaultdict(list))
    for metric, kind, segment, day, value in warehouse.rows("largest_segments", **limits):
        rows[metric, kind][segment].append(Dot(day, value))
    for metric, kind in wanted:
        dots = rows[metric, kind]
        if len(dots) < 2:
            continue
        charts = []
        for segment, points in dots.items():
            name, within = shown(segment), frame(points, points[0].day, last)
            now = f"{points[-1].value or 0:,.0f} on {day_words(points[-1].day)}"
            picture = chart(points, within, f"{labels[metric]}, {name}: {now}")
            charts.append(Chart(name, picture, now, f"{within.most:,.0f}", points[0].day, last))
        by_metric[f"{capital(labels[metric])} by {kind.replace('_', ' ')}"] = charts
    return by_metric
