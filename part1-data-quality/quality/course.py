"""Follow a check over the days: whether an incident is open, at which level, and when it has ended."""

from collections.abc import Sequence
from typing import NamedTuple

from quality.expected_ranges import LEAST_FOLD, is_below, share_range

LEAST_DOUBT = 0.01  # good days do not end an incident if so few failures have at least this chance


class Cases(NamedTuple):
    """The cases of a day, and how many of them failed."""

    failed: int
    checked: int


class Course:
    """The days of a check on a column, in order. Days that could not be judged are left out.

    Good days end an incident only if they could have shown the fault: if four orders in two hundred fail, most days
    have none. They could if, at the incident's level, so few failures have a chance of less than one in a hundred.
    """

    def __init__(self, days_to_end: int, by_chance: bool):
        """Start without an incident. `by_chance`: few cases may hide a fault that continues."""
        self.days_to_end, self.by_chance = days_to_end, by_chance
        self.bad: list[Cases] = []  # of the open incident, except the days on which it was worse
        self.well: list[Cases] = []  # since its last bad day
        self.is_open = False
        self.side = 0

    def fail(self, day: Cases, side: int = 0, is_worse: bool = False) -> bool:
        """Add a bad day; return whether an incident begins. `side` is the side of the expected range."""
        begins = not self.is_open or side != self.side
        if begins:
            self.bad, self.is_open, self.side = [], True, side
        elif not is_worse:
            self.bad += self.well
        self.well = []
        if begins or not is_worse:
            self.bad.append(day)
        return begins

    def succeed(self, day: Cases) -> bool:
        """Add a good day; return whether it ends the incident."""
        if not self.is_open:
            return False
        self.well.append(day)
        if len(self.well) < self.days_to_end or (self.by_chance and self._by_chance()):
            return False
        self.bad, self.well, self.is_open = [], [], False
        return True

    def _by_chance(self) -> bool:
        all_days = total(self.bad + self.well)
        return not is_below(*total(self.well), all_days.failed / max(1, all_days.checked), LEAST_DOUBT)


def total(days: Sequence[Cases]) -> Cases:
    """Return the sum of the cases of some days."""
    return Cases(sum(d.failed for d in days), sum(d.checked for d in days))


def is_worse(day: Cases, level: Sequence[Cases], side: int = 1, least_days: int = 1) -> bool:
    """Return whether a day's share is far beyond these days' on one side (1: above, -1: below).

    It must be outside their range, and be LEAST_FOLD times theirs, or leave LEAST_FOLD times fewer good cases.
    """
    limits = share_range(level, day.checked, least_days)
    if limits is None:
        return False
    share, usual = day.failed / day.checked, total(level).failed / max(1, total(level).checked)
    if side < 0:
        share, usual, limits = 1 - share, 1 - usual, (1 - limits[1], 1 - limits[0])
    return share > limits[1] and (share >= LEAST_FOLD * usual or (1 - share) <= (1 - usual) / LEAST_FOLD)
