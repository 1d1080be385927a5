"""Apply the rules that need no statistics: they work on the first day and on little data."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from event_data.contract import Contract
from event_data.dead_hours import RECENT_DAYS, dead_runs, usual_events
from event_data.events import is_as_good_as_missing
from monitoring.alarms import Breach
from monitoring.metrics import Facts, File
from monitoring.thresholds import Thresholds
from monitoring.wording import day_words, named

FEW_EVENTS = 10  # fewer prove nothing about a column
MISSING_SHARES = {
    "client": "client_id_missing_share_as_tracked", "page": "page_missing_share", "referrer": "referrer_missing_share",
}  # fmt: skip


def breaches(facts: Facts, day: date, baseline: Sequence[date], contract: Contract, t: Thresholds) -> list[Breach]:
    """Return every rule that the day breaks, in causal order; `baseline` is the earlier days without an incident."""
    files = facts.files.get(day) or []
    is_due = contract.schedule.is_due(day)
    recent = [d for d in facts.days if day - timedelta(days=t.history_days) <= d < day and facts.files.get(d)]
    unread = unread_files(facts, day, t)
    if not files and not is_due:
        return unread
    if not files and facts.hours < 24 and recent:  # its file may not have been started; the heartbeat decides
        return [*unread, *silent_hours(facts, day, baseline, t)]
    if not files:
        newest = max((d for d, found in facts.files.items() if found and d < day), default=None)
        text = f"No file for {day_words(day)} has arrived."
        if not contract.is_dated:
            text = f"No file has events for {day_words(day)}."
        if newest is not None and newest < day - timedelta(days=1):
            text = f"No file has arrived since the one for {day_words(newest)}, {(day - newest).days} days ago."
        return [_breach(t, "no_file", "", text), *unread]
    found = [*refused_files(files, contract, t), *header_breaches(files, contract, t), *unread]
    found += emptied_columns(facts, day, baseline, contract, t)
    hour_counts, refused = facts.by_hour["events"].get(day, {}), refused_orders(facts, day, contract, t)
    is_quiet = contract.schedule.quiet_days and not any(file.records for file in files)
    if facts.hours == 24 and not is_quiet and not any(x for x, _ in hour_counts.values()):
        text = f"{files[0].name} has no usable events for its day."
        return [*found, _breach(t, "no_events", "", text, metric="records"), *refused]
    found += [*refused, *unreadable_times(facts, day, contract, t)]
    silent = [] if contract.schedule.quiet_days else silent_hours(facts, day, baseline, t)
    found += truncated_files(facts, day, recent, silent, t) or silent
    found += untracked_hours(facts, day, t)
    found += order_rules(facts, day, baseline, t)
    if is_due or contract.schedule.quiet_days:
        found += revenue_rules(facts, day, baseline, t)
    found += known_totals(facts, day, t)
    return found


def can_tell(key: str, facts: Facts, day: date) -> bool:
    """Return whether a whole day that does not break a rule could have broken it; else it proves nothing."""
    files, (rule, _, concerns) = facts.files.get(day) or [], key.partition(":")
    if rule in ("no_file", "file_refused", "file_unread", "delivered_twice"):
        return bool(files)
    if not any(file.header and not file.refused for file in files):
        return False
    if rule == "all_null":
        value = facts.value(concerns, day, "share")
        return value is not None and value[0] < (value[1] or 0.0)
    if rule in ("zero_revenue", "zero_paid_revenue"):
        name, kind = ("revenue", "count") if rule == "zero_revenue" else ("paid_orders", "share")
        value = facts.value(name, day, kind)
        return value is not None and value[0] > 0
    if rule == "id_collision":
        return facts.value("collision_share", day, "share") is not None
    if rule == "hours_not_tracked":
        return facts.value("tracking_coverage", day, "share") is not None
    if rule == "records_refused":
        return facts.received.get(day, (0,))[0] > 0
    if rule == "known_totals":
        return facts.known_totals is not None and facts.known_totals.on(day) is not None
    return True


def refused_files(files: Sequence[File], contract: Contract, t: Thresholds) -> list[Breach]:
    """Return the files of the day that part 2 could not read, and why."""
    known, found = {name for c in contract.columns for name in c.names}, []
    for file in (file for file in files if file.refused):
        foreign = (
            " Its first line names no column of the contract." if file.header and not known & set(file.header) else ""
        )
        text = f"{file.name} could not be read: it {file.refused}.{foreign}"
        found.append(_breach(t, "file_refused", file.name, text))
    return found


def unread_files(facts: Facts, day: date, t: Thresholds) -> list[Breach]:
    """Return the files that look like the day's but are not read: second deliveries and odd names."""
    unread = facts.unread.get(day, [])
    second = [f"{one.name} is not read: {one.reason}." for one in unread if one.is_second_delivery]
    found = [_breach(t, "delivered_twice", "", " ".join(second))] if second else []
    for one in (one for one in unread if not one.is_second_delivery):
        found.append(_breach(t, "file_unread", one.name, f"{one.name} is not read: {one.reason}."))
    return found


def refused_orders(facts: Facts, day: date, contract: Contract, t: Thresholds) -> list[Breach]:
    """Return a breach where more of the day's orders or revenue was refused or quarantined than the contract allows."""
    refusals = facts.refusals.get(day, [])
    orders, revenue = facts.received.get(day, (0, Decimal(0)))
    lost, amount = sum(r.orders for r in refusals), sum((r.amount for r in refusals), Decimal(0))
    share = max(lost / orders if orders else 0.0, float(amount / revenue) if revenue else 0.0)
    if share <= contract.most_refused:
        return []
    rule, money = t.rules["records_refused"], facts.currency.exact
    groups = sorted({"order_payload" if r.is_quarantined else "unreadable" for r in refusals}, reverse=True)
    suppresses = {*rule.suppresses, *groups}
    is_urgent = rule.urgent is not None and share >= rule.urgent
    if is_urgent:  # P0 hides no alarm that is worse
        suppresses |= {name for group in groups for name in t.suppresses.get(group, ())}
    reasons = "; ".join(f"{r.reason}: {r.orders:,}" + (f", {money(r.amount)}" if r.amount else "") for r in refusals)
    noun = "order lines" if contract.order and contract.order.key else "orders"
    worth = f", {money(amount)} of {money(revenue)}," if amount else ""
    figure = "missing from every revenue figure" if facts.roles.has_amount else "not counted"
    text = f"{lost:,} of {orders:,} {noun}{worth} are refused or quarantined and {figure}. Why: {reasons}."
    metric = next((m.name for m in t.metrics if m.group == groups[0]), None)  # a lost column suppresses it
    return [_breach(t, "records_refused", "", text, tuple(suppresses), "P0" if is_urgent else None, metric)]


def header_breaches(files: Sequence[File], contract: Contract, t: Thresholds) -> list[Breach]:
    """Return the columns renamed, lost and added, by the headers of the day's files.

    A header without any column of the contract is skipped: the alarm that its file was refused is enough.
    """
    found: dict[str, Breach] = {}
    known = {name for c in contract.columns for name in c.names}
    for header in (file.header for file in files if known & set(file.header)):
        added = [name for name in header if name not in known]
        missing = [c for c in contract.columns if c.name not in header]
        renamed = {c.name: s for c in missing for s in c.synonyms if s in header}
        lost = [c.name for c in missing if c.name not in renamed]
        for name, synonym in renamed.items():
            text = f"The column {name} arrives as {synonym}. Reports that read {name} find nothing."
            suppresses = tuple(g for g in t.roles.get(contract.role_of(name) or "", ()) if g.endswith("as_tracked"))
            breach = _breach(t, "column_renamed", name, text, suppresses)
            found.setdefault(breach.key, breach)
        for breach in _lost(lost, added, contract, t):
            found.setdefault(breach.key, breach)
        if added and not lost and contract.additional_columns == "report":
            what = "a column" if len(added) == 1 else f"{len(added)} columns"
            text = f"The header has {what} not in the contract: {named(added)}."
            breach = _breach(t, "column_added", _together(added), text)
            found.setdefault(breach.key, breach)
    return list(found.values())


def _lost(names: Sequence[str], added: Sequence[str], contract: Contract, t: Thresholds) -> list[Breach]:
    """Return a breach for each lost column that has a role, and one for all the others."""
    like = f" New in the header: {named(added)}; possibly a rename." if added else ""
    roles = {name: contract.role_of(name) for name in names}
    groups = [[name] for name in names if roles[name]]
    if others := [name for name in names if not roles[name]]:
        groups.append(others)
    found = []
    for group in groups:
        one, many = f"The column {group[0]} is missing.", f"{len(group)} columns are missing: {named(group)}."
        found.append(_lost_column(group, f"{many if group[1:] else one}{like}", contract, t))
    return found


def _lost_column(names: Sequence[str], text: str, contract: Contract, t: Thresholds) -> Breach:
    rules = [contract.rule("column_missing", name) for name in names]
    severity = min((str(r.severity) for r in rules if r and r.severity is not None), default="P1")
    suppresses = t.roles.get(contract.role_of(names[0]) or "", ())
    return _breach(t, "column_lost", _together(names), text, suppresses, severity)


def emptied_columns(
    facts: Facts, day: date, baseline: Sequence[date], contract: Contract, t: Thresholds
) -> list[Breach]:
    """Return the columns that are in the header but as good as missing, by part 1's rule."""
    found = []
    for role, metric in MISSING_SHARES.items():
        column, value = contract.column_of(role), facts.value(metric, day, "share")
        before = [v for d in baseline if (v := facts.value(metric, d, "share"))]
        if not column or not value or not value[1] or value[1] < FEW_EVENTS:
            continue
        if not any(column.name in file.header for file in facts.files[day]):
            continue  # it is renamed or lost
        usual = 1 - sum(x for x, _ in before) / sum(n or 0.0 for _, n in before) if before else 0.0
        if is_as_good_as_missing(value[1] - value[0], value[1], max(usual, contract.least_filled(column))):
            text = f"The column {column.name} is empty in {value[0]:,.0f} of {value[1]:,.0f} events."
            found.append(_lost_column([column.name], text, contract, t))
    return found


def _together(names: Sequence[str]) -> str:
    """Return the last part of the key of an alarm about one or several columns: utm_id, or utm_id+3."""
    return names[0] if len(names) == 1 else f"{names[0]}+{len(names) - 1}"


def unreadable_times(facts: Facts, day: date, contract: Contract, t: Thresholds) -> list[Breach]:
    """Return a breach where more times than the contract allows are unreadable: a record without a time has no day."""
    count, records = facts.unreadable_times.get(day, 0), sum(file.records for file in facts.files[day])
    column = contract.column_of("time")
    rule = contract.rule("timestamp_unparseable", column.name if column else None)
    limit = rule.limit if rule else None
    most = 0.0 if limit is None else limit.rows if limit.rows is not None else (limit.share or 0.0) * records
    if count <= most:
        return []
    severity = str(rule.severity) if rule and rule.severity is not None else None
    text = f"{count:,} of {records:,} records have a time that cannot be read. They are not counted on any day."
    return [_breach(t, "times_unreadable", "", text, severity=severity, metric="unusable_share")]


def truncated_files(
    facts: Facts, day: date, recent: Sequence[date], silent: Sequence[Breach], t: Thresholds
) -> list[Breach]:
    """Return the files that end within a record, with the hours that they lack, unless most earlier files do too."""
    if not facts.truncated.get(day) or 2 * sum(bool(facts.truncated.get(d)) for d in recent) > len(recent):
        return []
    lost = "".join(f" {breach.text}" for breach in silent)
    return [
        _breach(t, "file_truncated", name, f"{name} ends in the middle of a record. The rest is missing.{lost}")
        for name in facts.truncated[day]
    ]


def silent_hours(facts: Facts, day: date, baseline: Sequence[date], t: Thresholds) -> list[Breach]:
    """Return a breach for runs of hours without any event that usually hold many: the heartbeat."""
    runs, usual = silent_runs(facts, day, baseline, t)
    if not runs:
        return []
    hours = ", ".join(f"{run[0]:02}:00 to {run[-1]:02}:59" for run in runs)
    expected = sum(usual[h] for run in runs for h in run)
    text = f"No events from {hours} {facts.time_zone}; usually there are about {expected:,.0f}."
    return [_breach(t, "silent_hours", "", text, first_bad=f"{runs[0][0]:02}:00")]


def silent_runs(
    facts: Facts, day: date, baseline: Sequence[date], t: Thresholds
) -> tuple[list[list[int]], dict[int, float]]:
    """Return the runs of hours without events that usually hold many, and the usual number of events of each hour."""
    counts = facts.by_hour["events"]
    history = [counts[d] for d in baseline if d in counts][-RECENT_DAYS:]
    if not history:
        return [], {}
    by_hour = [sorted(h.get(hour, (0.0, None))[0] for h in history) for hour in range(24)]
    today = counts.get(day, {})
    hours = (h for h in range(facts.hours) if (day, h) not in facts.skipped_hours)
    silent = [h for h in hours if today.get(h, (0.0, None))[0] == 0]
    runs = dead_runs(silent, [usual_events(values) for values in by_hour], t.silent_events)
    return runs, {hour: sum(values) / len(history) for hour, values in enumerate(by_hour)}


def untracked_hours(facts: Facts, day: date, t: Thresholds) -> list[Breach]:
    """Return the hours of the day in which none of the shop's orders was tracked, as gold.untracked_hours has them."""
    runs, coverage = facts.untracked_hours.get(day, []), facts.value("tracking_coverage", day, "share")
    if not runs or coverage is None or not coverage[1]:
        return []
    lost = sum(run.orders for run in runs)
    hours = ", ".join(f"{run.first_hour:02}:00 to {run.last_hour:02}:59" for run in runs)
    of_day = f"{lost:,} of the day's {coverage[1]:,.0f}"
    text = f"None of the shop's orders from {hours} {facts.time_zone} was tracked: {of_day}."
    first_bad = f"{runs[0].first_hour:02}:00"
    return [_breach(t, "hours_not_tracked", "", text, metric="tracking_coverage", first_bad=first_bad)]


def order_rules(facts: Facts, day: date, baseline: Sequence[date], t: Thresholds) -> list[Breach]:
    """Return the rules that the day's orders break."""
    found = []
    for metric in (m for m in t.metrics if m.kind == "share" and m.group in ("order_payload", "order_lines")):
        value = facts.value(metric.name, day, "share")
        before = [v for d in baseline if (v := facts.value(metric.name, d, "share"))]
        if value and value[1] and value[0] == value[1] and value[1] >= 3 and any(x < n for x, n in before if n):
            noun, without, what = metric.label.partition(" without ")
            is_so = f"{noun} are without {what}" if without else f"are {metric.label}"
            text = f"All {value[1]:,.0f} {is_so}. On earlier days they were not."
            suppresses = (metric.group, *t.suppresses.get(metric.group, ()))
            found.append(_breach(t, "all_null", metric.name, text, suppresses, metric=metric.name))
    collisions = facts.value("collision_share", day, "share")
    if collisions and collisions[0]:
        count = f"{collisions[0]:,.0f} of {collisions[1]:,.0f} orders"
        verb = "carries" if collisions[0] == 1 else "carry"
        text = f"{count} {verb} the transaction id of another customer's order."
        found.append(_breach(t, "id_collision", "", text))
    return found


def revenue_rules(facts: Facts, day: date, baseline: Sequence[date], t: Thresholds) -> list[Breach]:
    """Return a breach for no revenue at all, or for no paid revenue while there is other revenue.

    Both need earlier days that show that this is unusual.
    """
    if facts.hours < 24 or not facts.roles.has_amount or not facts.roles.has_orders:
        return []
    revenue = facts.value("revenue", day, "count")
    usual = [v[0] for d in baseline if (v := facts.value("orders", d, "count"))]
    if (not revenue or revenue[0] == 0) and usual and sum(usual) / len(usual) >= t.paid_orders:
        return [_breach(t, "zero_revenue", "", "No revenue was counted.", metric="orders")]
    paid, shares = facts.values["paid_orders"], facts.value("paid_orders", day, "share")
    before = [paid[d] for d in baseline if d in paid]
    rate = sum(x for x, _ in before) / max(sum(n or 0.0 for _, n in before), 1.0)
    if shares and shares[0] == 0 and rate * (shares[1] or 0) >= t.paid_orders:
        text = f"Paid channels have no revenue, where {rate:.0%} of orders come from them."
        return [_breach(t, "zero_paid_revenue", "", text, metric="direct_order_share")]
    return []


def known_totals(facts: Facts, day: date, t: Thresholds) -> list[Breach]:
    """Return a breach if the day's orders or revenue differ from the contract's known totals."""
    compared = facts.known_totals.on(day) if facts.known_totals and facts.hours == 24 else None
    if facts.known_totals is None or compared is None or compared.matches:
        return []
    return [_breach(t, "known_totals", "", f"{facts.known_totals.difference(compared)}.")]


def _breach(
    t: Thresholds, rule: str, concerns: str, text: str, suppresses: tuple[str, ...] | None = None,
    severity: str | None = None, metric: str | None = None, first_bad: str = "",
) -> Breach:  # fmt: skip
    settings = t.rules[rule]
    key = f"{rule}:{concerns}" if concerns else rule
    taken = settings.suppresses if suppresses is None else suppresses
    return Breach(key, settings.layer, severity or settings.severity, text, taken, metric, first_bad)
