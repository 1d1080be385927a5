"""Rules that need no statistics: they hold on the first day and on little data."""

from collections.abc import Sequence
from datetime import date, timedelta

from monitoring.alarms import Breach
from monitoring.metrics import Facts, File
from monitoring.shop_words import zone
from monitoring.thresholds import Column, Thresholds


def breaches(
    facts: Facts, day: date, baseline: Sequence[date], columns: Sequence[Column], t: Thresholds
) -> list[Breach]:
    """Every rule that the day breaks, in causal order. `baseline` are the earlier days without an incident."""
    files = facts.files.get(day) or []
    recent = [d for d in facts.days if day - timedelta(days=t.history_days) <= d < day and facts.files.get(d)]
    if not files and facts.hours < 24 and recent:  # its file may not have been begun; the heartbeat decides
        return silent_hours(facts, day, baseline, t)
    if not files:
        before = "" if recent else f", nor of the {t.history_days} days before it,"
        return [_breach(t, "no_file", "", f"No file of {day}{before} has come.")]
    found = header_breaches(files, columns, t)
    if len(files) > 1:
        names = ", ".join(f.name for f in files)
        same = len({f.content_hash for f in files}) == 1
        found.append(
            _breach(t, "delivered_twice", "", f"{len(files)} files of one day{' with the same bytes' * same}: {names}.")
        )
    hour_counts = facts.by_hour["events"].get(day, {})
    if facts.hours == 24 and not any(x for x, _ in hour_counts.values()):
        found.append(
            _breach(t, "no_events", "", f"{files[0].name} holds no usable event of its day.", metric="records")
        )
        return found
    found += silent_hours(facts, day, baseline, t)
    found += order_rules(facts, day, baseline, t)
    return found


def header_breaches(files: Sequence[File], columns: Sequence[Column], t: Thresholds) -> list[Breach]:
    """Columns renamed, lost and added, by the headers of the day's files."""
    found: dict[str, Breach] = {}
    known = {name for c in columns for name in (c.name, *c.synonyms)}
    for file in files:
        if not file.header:  # an empty file; that it holds no event is said below
            continue
        added = [name for name in file.header if name not in known]
        lost = False
        for column in (c for c in columns if c.name not in file.header):
            synonym = next((s for s in column.synonyms if s in file.header), None)
            role = column.role or ""
            if synonym:
                text = f"{column.name} arrives as {synonym}; reports that read {column.name} find nothing."
                brings = tuple(g for g in t.roles.get(role, ()) if g.endswith("as_tracked"))
                breach = _breach(t, "column_renamed", column.name, text, brings)
            else:
                like = f" New in the header: {', '.join(added)}; perhaps renamed." if added else ""
                text = f"The column {column.name} is gone.{like}"
                breach = _breach(t, "column_lost", column.name, text, t.roles.get(role, ()), column.lost)
                lost = True
            found.setdefault(breach.key, breach)
        for name in added if not lost else ():
            breach = _breach(
                t, "column_added", name, f"The header has a column {name} that the contract does not know."
            )
            found.setdefault(breach.key, breach)
    return list(found.values())


def silent_hours(facts: Facts, day: date, baseline: Sequence[date], t: Thresholds) -> list[Breach]:
    """Runs of hours without any event that usually hold many: the heartbeat."""
    counts = facts.by_hour["events"]
    history = [counts[d] for d in baseline if d in counts]
    if not history:
        return []
    usual = [sum(h.get(hour, (0.0, None))[0] for h in history) / len(history) for hour in range(24)]
    today = counts.get(day, {})
    runs: list[list[int]] = []
    for hour in (h for h in range(facts.hours) if (day, h) not in facts.skipped_hours):
        if today.get(hour, (0.0, None))[0] == 0:
            if runs and runs[-1][-1] == hour - 1:
                runs[-1].append(hour)
            else:
                runs.append([hour])
    runs = [run for run in runs if sum(usual[h] for h in run) >= t.silent_events]
    if not runs:
        return []
    said = ", ".join(f"{run[0]:02}:00 to {run[-1]:02}:59" for run in runs)
    expected = sum(usual[h] for run in runs for h in run)
    return [
        _breach(t, "silent_hours", "", f"No event at all from {said} {zone()}, where about {expected:,.0f} are usual.")
    ]


def order_rules(facts: Facts, day: date, baseline: Sequence[date], t: Thresholds) -> list[Breach]:
    """What orders say by themselves."""
    found = []
    for metric in (m for m in t.metrics if m.kind == "share" and m.group in ("order_payload", "order_lines")):
        value = facts.value(metric.name, day, "share")
        before = [v for d in baseline if (v := facts.value(metric.name, d, "share"))]
        if value and value[1] and value[0] == value[1] and value[1] >= 3 and any(x < n for x, n in before if n):
            text = f"All {value[1]:,.0f} of the day: {metric.label}. Earlier days had values."
            brings = (metric.group, *t.brings.get(metric.group, ()))
            found.append(_breach(t, "all_null", metric.name, text, brings, metric=metric.name))
    collisions = facts.value("collision_share", day, "share")
    if collisions and collisions[0]:
        count = f"{collisions[0]:,.0f} of {collisions[1]:,.0f} orders"
        text = f"{count} carry the transaction id of another customer's order."
        found.append(_breach(t, "id_collision", "", text))
    return found + revenue_rules(facts, day, baseline, t)


def revenue_rules(facts: Facts, day: date, baseline: Sequence[date], t: Thresholds) -> list[Breach]:
    """No revenue at all, and the owner's rule: paid revenue of zero beside real revenue."""
    if facts.hours < 24:
        return []
    revenue = facts.value("revenue", day, "count")
    usual = [v[0] for d in baseline if (v := facts.value("orders", d, "count"))]
    enough = not usual or sum(usual) / len(usual) >= t.paid_orders
    if not facts.known("orders") or (revenue and revenue[0] == 0 and enough):
        return [_breach(t, "zero_revenue", "", "No revenue was counted.", metric="orders")]
    paid, shares = facts.values["paid_orders"], facts.value("paid_orders", day, "share")
    before = [paid[d] for d in baseline if d in paid]
    rate = sum(x for x, _ in before) / max(sum(n or 0.0 for _, n in before), 1.0)
    if shares and shares[0] == 0 and rate * (shares[1] or 0) >= t.paid_orders:
        text = f"Paid channels have no revenue, where {rate:.0%} of orders come from them."
        return [_breach(t, "zero_paid_revenue", "", text)]
    return []


def _breach(
    t: Thresholds, rule: str, concerns: str, text: str, brings: tuple[str, ...] | None = None,
    severity: str | None = None, metric: str | None = None,
) -> Breach:  # fmt: skip
    settings = t.rules[rule]
    key = f"{rule}:{concerns}" if concerns else rule
    taken = settings.brings if brings is None else brings
    return Breach(key, settings.layer, severity or settings.severity, text, taken, metric)
