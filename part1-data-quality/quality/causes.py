"""Find the failures that follow from another failure of the same file."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

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
    causes: dict[int, Finding] = {}
    for f in findings:
        definition = definitions[f.check]
        if f.status != "fail" or not (definition.suppressed_by or definition.explained_by):
            continue
        place = days[f.file_no] if f.comparison in OF_DAYS else f.file_no
        related = [c for check in definition.suppressed_by for c in by_file.get((place, check), ())]
        candidates = [c for c in related if _explains(c.column, f.column, contract)]
        candidates += [c for check in definition.explained_by for c in by_file.get((place, check), ())]
        if cause := next(iter(candidates), None):
            causes[id(f)] = cause
    return [replace(f, cause=_root(f, causes)) if id(f) in causes else f for f in findings]


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
