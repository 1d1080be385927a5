"""Check names, bytes and headers: the checks of file_checks.txt, which need no events and no SQL."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date
from difflib import get_close_matches
from functools import lru_cache
from statistics import median

from event_data.contract.yaml_nodes import quoted
from event_data.events import EMPTY, is_as_good_as_missing
from quality.definitions import Measure, percent
from quality.expected_ranges import DAYS_BEFORE, DOUBT, LEAST_DAYS, count_range, expected_ties, is_beyond, poisson_tail
from quality.rename_detection import LEAST_MATCH, LEAST_MATCH_OF_ALIKE_NAMES, likeness, profiles
from quality.scan import FileFacts, Scan

LEAST_TIE = 1e-6  # a lower probability of so many days with the same count is not coincidence
LEAST_CAP = 1_000  # events; no export has a lower limit, and small samples have as many events on each day
ROUND = ("1", "2", "25", "5")  # followed by zeros
SPREADSHEET_ROWS = (65_535, 65_536, 1_048_575, 1_048_576)  # rows of a spreadsheet, with and without the header


def _at_stake(measure: Measure, facts: FileFacts) -> Measure:
    """Return the measure of a failure of the whole file, with all its orders; unknown if it has none."""
    return replace(measure, orders=facts.orders, revenue=facts.revenue) if measure.failed and facts.orders else measure


def file_missing(scan: Scan) -> Iterator[Measure]:
    for facts in scan.files:
        missing = int(facts.missing)
        yield Measure(facts.file_no, "file", 1, missing, example=facts.file.name)


def file_empty(scan: Scan) -> Iterator[Measure]:
    for facts in _arrived(scan):
        yield Measure(facts.file_no, "file", 1, int(facts.file.records == 0))


def day_delivered_twice(scan: Scan) -> Iterator[Measure]:
    for facts in _arrived(scan):
        second = [unread for unread in scan.unread if unread.counts_instead == facts.file.name]
        measure = Measure(facts.file_no, "file", 1, int(bool(second)), example=_listed([u.name for u in second]))
        if any(u.rows_only_here for u in second):
            apart = _listed([f"{u.rows_only_here:,} of the {u.rows:,} rows of {u.name}" for u in second])
            measure = replace(
                measure,
                message=f"The day was delivered a second time, with different rows: {apart} are not in "
                f"{facts.file.name}, and are not counted",
                advice="Delete neither file: ask the sender for one complete file for the day.",
            )
        yield measure


def file_unread(scan: Scan) -> Iterator[Measure]:
    """Count an unread file as a failure of the file for the day in its name, or else of the newest file."""
    arrived = _arrived(scan)
    on_day = {facts.day: facts.file_no for facts in arrived}
    beside: dict[int, list[str]] = {}
    for unread in scan.unread:
        if not unread.counts_instead:
            place = on_day.get(unread.day, arrived[-1].file_no) if unread.day else arrived[-1].file_no
            beside.setdefault(place, []).append(f"{unread.name} ({unread.reason})")
    for facts in arrived:
        names = beside.get(facts.file_no, [])
        yield Measure(facts.file_no, "folder", max(len(names), 1), len(names), example=_listed(names))


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if names[3:] else "")


def content_repeated(scan: Scan) -> Iterator[Measure]:
    seen: dict[tuple[int, int], FileFacts] = {}
    for facts in _arrived(scan):
        if facts.records:
            first = seen.setdefault((facts.records, facts.content_key), facts)
            again = first.day != facts.day  # day_delivered_twice reports these
            yield _at_stake(Measure(facts.file_no, "file", 1, int(again), example=first.file.name), facts)


def row_count(scan: Scan) -> Iterator[Measure]:
    rule = scan.contract.rule("row_count")
    least = int(rule.at_least or 0) if rule else 0
    for facts in _arrived(scan):
        yield Measure(facts.file_no, "rows", max(least, 1), max(0, least - facts.records))


def find_empty_columns(scan: Scan) -> None:
    """Find the columns of each file that are present but as good as missing.

    They are at least 95 % empty, and at most half as full as the contract requires or as on the good days before.
    For a payload, only events that need one count. A few events prove nothing.
    """
    payload = scan.contract.roles.get("payload")
    needs_payload = {m.file_no: m for m in scan.measures.get("payload_missing", ()) if m.checked}
    for column in scan.contract.columns:
        asked = scan.contract.least_filled(column)
        good: list[tuple[int, int]] = []
        for facts in _arrived(scan):
            if column.name not in facts.headers or not facts.records or column.name in scan.contract.derived:
                continue
            filled, events = scan.filled(facts, column.name), facts.records
            needed = asked
            if column.name == payload and any(event.payload for event in scan.contract.events):
                measure = needs_payload.get(facts.file_no)
                if measure is None:
                    continue
                filled, events, needed = measure.checked - measure.failed, measure.checked, 1.0
            if _is_empty(filled, events, needed, good):
                facts.empty |= {column.name}
            else:
                good.append((filled, events))


def _is_empty(filled: int, events: int, asked: float, good: list[tuple[int, int]]) -> bool:
    """Return whether a column is as good as missing, given the (filled, events) of the good days before."""
    if filled > (1 - EMPTY) * events:  # true of nearly every column, and cheap
        return False
    near = good[-DAYS_BEFORE:]
    if len(near) >= LEAST_DAYS:
        usual = [round(f * events / n) for f, n in near]
        limits = count_range(usual, len(good) + 1)
        if limits and filled < limits[0] and is_as_good_as_missing(filled, events, median(usual) / events):
            return True
    return is_as_good_as_missing(filled, events, asked) and is_beyond(
        events - filled, events, max(1 - asked, 0.5), DOUBT
    )


def row_cap(scan: Scan) -> Iterator[Measure]:
    """Check that no row limit truncated days: many days with the same number of events, or one with a round number."""
    first: dict[date, FileFacts] = {}
    events: Counter[date] = Counter()
    for facts in _arrived(scan):
        if facts.records:
            first.setdefault(facts.day, facts)
            events[facts.day] += facts.records
    days_with = Counter(events.values())
    for day, facts in first.items():
        count = events[day]
        days, chance = days_with[count], expected_ties(count, list(events.values()))
        is_tied = days >= 3 and poisson_tail(days, chance) < LEAST_TIE and count >= LEAST_CAP
        is_round = count in SPREADSHEET_ROWS or (count >= LEAST_CAP and str(count).rstrip("0") in ROUND)
        is_round = is_round and chance < 0.01
        example = f"{count:,} events, as {days} days have" if is_tied else f"{count:,} events, a round number"
        yield Measure(facts.file_no, "rows", 1, int(is_tied or is_round), example=f"{example}: a limit cut it off")


def column_missing(scan: Scan) -> Iterator[Measure]:
    """Check that each column exists under its name or a synonym, with values; an unknown one may be renamed."""
    guesses = _renames(scan)
    for facts in _arrived(scan):
        for column in scan.contract.columns:
            if not facts.file.header or column.name in scan.contract.derived:
                continue  # the columns that a derived column is computed from are checked themselves
            if column.name in facts.filled:
                yield Measure(facts.file_no, column.name, 1, 0)
                continue
            message, advice = None, None
            if column.name in facts.empty:
                filled = scan.filled(facts, column.name)
                message = f"The column {column.name} is empty: {filled:,} of {facts.records:,} events have a value"
                advice = f"Restore what fills {column.name}; for the days without it, its values cannot be recovered."
            if guess := guesses.get((facts.file_no, column.name)):
                new, evidence = guess
                message = f"{column.name} looks renamed to {new} ({evidence})"
                advice = (
                    f"If this is intended, add `synonyms: [{{synonym: {quoted(new)}}}]` to {column.name} in "
                    f"{scan.contract.path.name}, line {column.line}; otherwise restore the old name."
                )
            elif parts := _flattened(column.name, _unknown(facts)):
                message = (
                    f"The column {column.name} is {facts.lacks(column.name)}; "
                    f"it looks split into {len(parts)} columns ({_listed(parts)})"
                )
                advice = f"Have the export write {column.name} as one column again."
            missing = Measure(facts.file_no, column.name, 1, 1, line=1, message=message, advice=advice)
            yield _at_stake(missing, facts)


@lru_cache(maxsize=1)
def _renames(scan: Scan) -> dict[tuple[int, str], tuple[str, str]]:
    """Return (file number, missing column) -> the unknown column that may be it, and the evidence."""
    last_good: dict[str, FileFacts] = {}
    guesses = {}
    for facts in _arrived(scan):
        unknown = _unknown(facts)
        for column in scan.contract.columns:
            if column.name in scan.contract.derived:
                continue
            if column.name in facts.filled:
                last_good[column.name] = facts
            elif guess := _rename(column.name, unknown, facts, last_good.get(column.name)):
                guesses[facts.file_no, column.name] = guess
    return guesses


def _rename(name: str, unknown: list[str], facts: FileFacts, good: FileFacts | None) -> tuple[str, str] | None:
    """Return the unknown column that may be a missing one, and the evidence: its values, else its name."""
    for new in unknown:
        if new.strip().lower() == name.lower():
            return new, "only case or spaces differ"
    close = get_close_matches(name, [u for u in unknown if not _is_part_of(name, u)], 1, 0.7)
    if unknown and good and good.file.readable and facts.file.readable:
        old = profiles(good.file.readable, good.file.delimiter).get(good.headers[name][0])
        now = profiles(facts.file.readable, facts.file.delimiter)
        alike = {u: likeness(old, now[u]) for u in unknown if old and u in now}
        new = max(alike, key=lambda u: alike[u], default="")
        if new and alike[new] >= LEAST_MATCH:
            return new, f"values match at {percent(alike[new])}"
        if old and old.values:  # a column that is mostly empty on good days is no evidence
            close = [u for u in close if alike.get(u, 0) >= LEAST_MATCH_OF_ALIKE_NAMES]
    return (close[0], "the names are alike") if close else None


def _is_part_of(name: str, other: str) -> bool:
    """Return whether a column is named like a part of another: event_data.items is a part of event_data."""
    return other.lower().startswith(tuple(f"{name.lower()}{mark}" for mark in (".", "_", "/", "[", ":")))


def _flattened(name: str, unknown: list[str]) -> list[str]:
    """Return the unknown columns that look like parts of a column, if there are several."""
    parts = [other for other in unknown if _is_part_of(name, other)]
    return parts if len(parts) > 1 else []


def column_renamed(scan: Scan) -> Iterator[Measure]:
    """Check that no synonym replaces the column: its values are healed here, but readers of the old name miss them."""
    for facts in _arrived(scan):
        for column in scan.contract.columns:
            headers = facts.headers.get(column.name)
            if headers:
                others = [h for h in headers if h != column.name]
                renamed = column.name not in headers or (bool(others) and _is_left_empty(column.name, others, facts))
                example = others[0] if renamed else headers[0]
                yield _at_stake(Measure(facts.file_no, column.name, 1, int(renamed), line=1, example=example), facts)


def _is_left_empty(name: str, others: list[str], facts: FileFacts) -> bool:
    """Return whether a column is empty in the first records of a file while another one has its values."""
    if not facts.file.readable:
        return False
    by_name = profiles(facts.file.readable, facts.file.delimiter)
    return by_name[name].nulls == 1 and any(by_name[other].nulls < 1 for other in others)


def column_unexpected(scan: Scan) -> Iterator[Measure]:
    if scan.contract.additional_columns == "allow":
        return
    for facts in _arrived(scan):
        renamed = {new for (file_no, _), (new, _) in _renames(scan).items() if file_no == facts.file_no}
        for column in scan.contract.columns:
            if column.name not in facts.filled:
                renamed.update(_flattened(column.name, _unknown(facts)))
        unknown = [h for h in _unknown(facts) if h not in renamed]
        if facts.file.header:
            yield Measure(
                facts.file_no, "header", len(facts.file.header), len(unknown), line=1, example=", ".join(unknown)[:80]
            )


def column_order(scan: Scan) -> Iterator[Measure]:
    for facts in _arrived(scan):
        position = {h: name for name, headers in facts.headers.items() for h in headers}
        delivered = list(dict.fromkeys(position[h] for h in facts.file.header if h in position))
        meant = [c.name for c in scan.contract.columns if c.name in delivered]
        if delivered:
            moved = sum(a != b for a, b in zip(delivered, meant, strict=True))
            yield Measure(facts.file_no, "header", len(delivered), moved, line=1)


def problems(scan: Scan, kinds: Collection[str]) -> Iterator[Measure]:
    """Check that the bytes of a file have no problems of these kinds.

    A file with only a few readable records counts as unreadable.
    """
    for facts in _arrived(scan):
        file = facts.file
        if "unreadable" in kinds and file.rejected and file.rejected >= EMPTY * file.records:
            few = f"has {file.rows:,} readable records of {file.records:,}" if file.rows else file.refused
            yield Measure(facts.file_no, "file", 1, 1, example=few)
            continue
        counted = [p for p in facts.file.problems if p.kind in kinds]
        lines = [p.line for p in counted if p.line]
        records = max(facts.file.records, 1)
        # A problem of the whole file counts once, those of lines by their lines.
        failed = sum(p.rows_lost or 1 for p in counted) if lines else len(counted)
        yield Measure(
            facts.file_no, "file", records if lines else 1, min(failed, records) if lines else min(failed, 1),
            line=min(lines, default=None), example="; ".join(dict.fromkeys(p.message for p in counted))[:120],
        )  # fmt: skip


def _unknown(facts: FileFacts) -> list[str]:
    known = {h for headers in facts.headers.values() for h in headers}
    return [h for h in facts.file.header if h not in known]


def _arrived(scan: Scan) -> list[FileFacts]:
    return [f for f in scan.files if not f.missing]


RUNS = {
    run.__name__: run
    for run in (
        file_missing, file_empty, day_delivered_twice, file_unread, content_repeated, row_count, row_cap,
        column_missing,
        column_renamed, column_unexpected, column_order,
    )
}  # fmt: skip
