"""Find the failures that follow from another failure of the same file."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import groupby

from event_data.contract import Contract
from quality.definitions import OF_DAYS, Definition
from quality.evaluation import Finding
from quality.scan import FileFacts

OF_FILES = ("file", "rows", "folder", "header", "events")  # the `column` of checks on a whole file


def with_causes(
    findings: Sequence[Finding], definitions: Mapping[str, Definition], files: Sequence[FileFacts], contract: Contract
) -> list[Finding]:
    """Return the findings; a failure that follows from another one names it as its `cause`."""
    days = {facts.file_no: facts.day for facts in files}
    by_file: dict[tuple[int | date, str], list[Finding]] = {}
    for f in findings:
        if f.status == "fail":
            for place in (f.file_no, days[f.file_no]):
                by_file.setdefault((place, f.check), []).append(f)
    earlier = _earlier(findings, days)
    causes: dict[int, Finding] = {}
    for f in findings:
        definition = definitions[f.check]
        if f.status != "fail" or not (definition.suppressed_by or definition.explained_by):
            continue
        place = days[f.file_no] if f.comparison in OF_DAYS else f.file_no
        related = [c for check in definition.suppressed_by for c in by_file.get((place, check), ())]
        candidates = [c for c in related if _explains(c.column, f.column, contract)]
        # what failed on the day before, without this cause, does not follow from it
        before = earlier.get(id(f))
        candidates += [
            c
            for check in definition.explained_by
            for c in by_file.get((place, check), ())
            if before is None or before.status != "fail" or (days[before.file_no], check) in by_file
        ]
        if cause := next(iter(candidates), None):
            causes[id(f)] = cause
    return [replace(f, cause=_root(f, causes)) if id(f) in causes else f for f in findings]


def _earlier(findings: Sequence[Finding], days: Mapping[int, date]) -> dict[int, Finding]:
    """Return, by the id of each finding, the one of the same check and column on the last judged day before."""
    judged = sorted((f for f in findings if f.status != "skip"), key=lambda f: (f.check, f.column, days[f.file_no]))
    earlier: dict[int, Finding] = {}
    for _, group in groupby(judged, key=lambda f: (f.check, f.column)):
        before: Finding | None = None
        for _, of_day in groupby(group, key=lambda f: days[f.file_no]):
            parts = list(of_day)
            if before:
                earlier |= {id(f): before for f in parts}
            before = next((f for f in parts if f.status == "fail"), parts[0])
    return earlier


def _root(f: Finding, causes: Mapping[int, Finding]) -> tuple[str, int, str]:
    """Return the check, file number and column of the first cause."""
    while id(f) in causes:
        f = causes[id(f)]
    return f.check, f.file_no, f.column


def _explains(cause: str, column: str, contract: Contract) -> bool:
    """Return whether a failure in one column may explain one in another.

    A failure of the whole file explains everything counted in it. A failure of an event explains those of its
    payload's keys. A failure of the column of events or payloads explains both.
    """
    if cause in (column, *OF_FILES):
        return True
    event = column.split(".")[0]
    if event not in {e.name for e in contract.events}:
        return False
    of_events = {contract.roles.get(role) for role in ("event", "payload")}
    return cause in of_events or cause.split(".")[0] == event
