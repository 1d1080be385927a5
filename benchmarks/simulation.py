"""Healthy days drawn at random, as the facts the monitor reads: how often would it cry for nothing?

Each shop has its own size, rhythm of the week and day-to-day noise. Traffic is common to all counts of a day; shares
have a noise of their own (a normal one on the logit scale); orders, carts and the like are Poisson given the traffic.
Nothing is ever wrong in these days, so that every alarm is false.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from math import exp, log, sqrt
from random import Random

from monitoring.alarms import OK, RED, YELLOW
from monitoring.baselines import Amounts
from monitoring.detection import judge
from monitoring.metrics import Facts, File
from monitoring.thresholds import Thresholds

from event_data.contract import Contract

START = date(2025, 1, 6)
HOURS = (5, 6, 6, 5, 5, 3, 2.5, 2, 1.7, 1.5, 1.7, 2.2, 3, 4, 4.5, 4.6, 4.8, 5, 5, 5, 5, 5, 5, 5)
# share: its usual level, and the standard deviation of its daily logit
SHARES = {
    "client_id_missing_share": (0.01, 0.3), "client_id_missing_share_as_tracked": (0.01, 0.3),
    "referrer_missing_share": (0.73, 0.1), "utm_share": (0.25, 0.08), "click_id_share": (0.4, 0.1),
    "crawler_share": (0.13, 0.25), "device_unknown_share": (0.02, 0.3), "event_twice_share": (0.004, 0.3),
}  # fmt: skip
SESSION_SHARES = {
    "bounce_rate": (0.81, 0.06), "direct_session_share": (0.35, 0.08), "paid_session_share": (0.22, 0.12),
    "mobile_session_share": (0.68, 0.08), "checkout_rate": (0.023, 0.08), "conversion": (0.009, 0.08),
}  # fmt: skip
COUNTS = {"signups": (0.018, 0.1), "carts": (0.07, 0.1), "checkouts": (0.025, 0.08)}  # a session, daily sd of its log
ORDER_SHARES = {
    "free_order_share": 0.03, "customer_missing_share": 0.0, "held_order_share": 0.0, "resubmission_share": 0.005,
    "orders_with_checkout_share": 0.55, "unattributed_order_share": 0.15, "direct_order_share": 0.33,
    "paid_orders": 0.2, "line_amount_missing_share": 0.0, "item_missing_share": 0.0, "customer_repeated_share": 0.01,
    "collision_share": 0.0,
}  # fmt: skip
RECORD_SHARES = {
    "unreadable_share": 0.0, "unusable_share": 0.0, "repeated_share": 0.0001, "unknown_event_share": 0.0,
    "page_missing_share": 0.0002, "outside_day_share": 0.0, "client_placeholder_share": 0.0,
}  # fmt: skip


@dataclass
class Outcome:
    """The result of healthy days; the rivals' counts are days with any alarm on the same metrics."""

    days: int = 0
    judged: int = 0
    yellow: int = 0
    red: int = 0
    z_score: int = 0
    elementary: int = 0

    def add(self, other: "Outcome") -> None:
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def poisson(rng: Random, mean: float) -> float:
    """A Poisson count; by the normal distribution where that is as good."""
    if mean > 50:
        return float(max(0, round(rng.gauss(mean, sqrt(mean)))))
    limit, product, count = exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return float(count)


def binomial(rng: Random, n: float, p: float) -> float:
    """A binomial count: Poisson where p is small, normal where it is not."""
    if p <= 0 or n <= 0:
        return 0.0
    if n * min(p, 1 - p) > 30:
        return float(min(n, max(0, round(rng.gauss(n * p, sqrt(n * p * (1 - p)))))))
    if n <= 200:
        return float(sum(rng.random() < p for _ in range(int(n))))
    return min(n, poisson(rng, n * p)) if p < 0.5 else n - min(n, poisson(rng, n * (1 - p)))


def healthy(rng: Random, days: int, contract: Contract) -> Facts:
    """The facts of a healthy shop's days."""
    facts = Facts(START, START + timedelta(days=days - 1))
    size, noise = exp(rng.uniform(log(1000), log(10_000))), rng.uniform(0.03, 0.1)
    rhythm = [exp(rng.gauss(0, 0.08)) for _ in range(7)]
    header = tuple(c.name for c in contract.columns)
    for day in facts.days:
        sessions = poisson(rng, size * rhythm[day.weekday()] * exp(rng.gauss(0, noise)))
        _traffic(rng, facts, day, sessions)
        _orders(rng, facts, day, sessions)
        records = int(facts.values["records"][day][0])
        facts.files[day] = [File(f"events_{day:%Y%m%d}.csv", header, records, str(day))]
    return facts


def _logit_noise(rng: Random, level: float, sd: float) -> float:
    odds = level / (1 - level) * exp(rng.gauss(0, sd))
    return odds / (1 + odds)


def _traffic(rng: Random, facts: Facts, day: date, sessions: float) -> None:
    views = sessions + poisson(rng, sessions * 0.22)
    events = views * (1 + 0.12)
    crawlers = poisson(rng, events * _logit_noise(rng, *SHARES["crawler_share"]))
    records = round(events + crawlers)
    values = facts.values
    for name, count in (("sessions", sessions), ("page_views", views), ("records", float(records))):
        values[name][day] = (count, None)
    values["visitors"][day] = (binomial(rng, sessions, 0.96), None)
    values["crawler_share"][day] = (crawlers, records)
    for name, (level, sd) in SHARES.items():
        if name != "crawler_share":
            values[name][day] = (binomial(rng, records, _logit_noise(rng, level, sd)), records)
    for name, (level, sd) in SESSION_SHARES.items():
        values[name][day] = (binomial(rng, sessions, _logit_noise(rng, level, sd)), sessions)
    for name, level in RECORD_SHARES.items():
        values[name][day] = (binomial(rng, records, level), records)
    for name, (level, sd) in COUNTS.items():
        values[name][day] = (poisson(rng, sessions * level * exp(rng.gauss(0, sd))), None)
    whole = sum(HOURS)
    facts.by_hour["events"][day] = {h: (poisson(rng, records * w / whole), None) for h, w in enumerate(HOURS)}


def _orders(rng: Random, facts: Facts, day: date, sessions: float) -> None:
    values = facts.values
    orders = poisson(rng, sessions * 0.009 * exp(rng.gauss(0, 0.08)))
    values["orders"][day] = (orders, None)
    values["completions_per_start"][day] = (orders, values["checkouts"][day][0])
    values["crawler_share_of_checkout"][day] = (0.0, orders + values["checkouts"][day][0])
    for name, level in ORDER_SHARES.items():
        values[name][day] = (binomial(rng, orders, level), orders)
    logs = [rng.choice((5.5, 6.4, 6.9, 7.2)) + rng.gauss(0, 0.35) for _ in range(int(orders))]
    values["revenue"][day] = (sum(map(exp, logs)), None)
    if logs:
        facts.amounts[day] = Amounts(float(len(logs)), sum(logs), sum(x * x for x in logs))


def run(seed: int, days: int, contract: Contract, t: Thresholds) -> Outcome:
    """One shop: the days that alarmed, by the monitor and by its rivals."""
    facts = healthy(Random(seed), days, contract)
    outcome = Outcome(days=days)
    for number, report in enumerate(judge(facts, contract, t)):
        outcome.judged += any(v.verdict == OK for v in report.verdicts)
        outcome.yellow += report.status == YELLOW
        outcome.red += report.status == RED
        series = [series_of(facts, m.name, m.kind, facts.days[max(0, number - 14) : number + 1]) for m in t.metrics]
        outcome.z_score += any(z_score(s) for s in series)
        outcome.elementary += any(elementary(s) for s in series)
    return outcome


def series_of(facts: Facts, metric: str, kind: str, days: list[date]) -> list[float]:
    """A metric's plain values, as a rival sees them; empty if the last day has none."""
    if kind == "amount":
        known = [(d, exp(facts.amounts[d].total / facts.amounts[d].n)) for d in days if d in facts.amounts]
    else:
        known = [(d, v[0] / (v[1] or 1.0)) for d in days if (v := facts.value(metric, d, kind))]
    return [x for _, x in known] if known and known[-1][0] == days[-1] else []


def z_score(series: list[float], days: int = 7, limit: float = 3.0) -> bool:
    """A plain z-score against the seven days before."""
    before = series[-1 - days : -1]
    return len(before) == days and _beyond(series[-1], before, limit)


def elementary(series: list[float], days: int = 14, least: int = 7, limit: float = 3.0) -> bool:
    """Elementary's anomaly test: the training period of 14 days holds the day itself, sensitivity 3.

    https://docs.elementary-data.com/data-tests/how-anomaly-detection-works
    """
    training = series[-days:]
    return len(training) >= least and _beyond(series[-1], training, limit)


def _beyond(x: float, sample: list[float], limit: float) -> bool:
    mean = sum(sample) / len(sample)
    sd = sqrt(sum((v - mean) ** 2 for v in sample) / (len(sample) - 1))
    return abs(x - mean) > limit * sd if sd > 0 else x != mean
