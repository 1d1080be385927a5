"""Shared by all faults: a day's file whose rows remember their original values, and an account of the damage."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from random import Random

csv.field_size_limit(1 << 30)  # a fault may meet the field of ten megabytes that another one made

LINES = 1000  # at most so many lines are named in a Broken
NAMES = {
    "client": ("client_id", "clientid", "visitor_id"),
    "page": ("page_url",),
    "referrer": ("referrer",),
    "time": ("timestamp", "event_time"),
    "event": ("event_name",),
    "payload": ("event_data",),
    "user_agent": ("user_agent",),
}
VIEW, CART, START, POPUP = "page_viewed", "product_added_to_cart", "checkout_started", "email_filled_on_popup"
ORDER = "checkout_completed"
ORDERS = (ORDER, "purchase")


@dataclass(frozen=True)
class Broken:
    """The effect of a fault. Lines are physical lines of the broken file, 1-based; () stands for the whole file
    and for rows that are gone. Revenue is that of the affected orders before the fault, in dollars."""

    fault: str
    file: str
    lines: tuple[int, ...]
    column: str | None
    rows: int
    orders: int
    revenue: Decimal


@dataclass(frozen=True)
class Fault:
    """A named way in which a day can be wrong, and the severity at which a person would call it serious.

    `expects` are the checks of part 1 that may say so: the first names the fault, the others are its marks.
    """

    name: str
    group: str
    serious: float
    apply: Callable[[Path, float, int], Broken]
    expects: tuple[str, ...] = ()
    benign: bool = False


FAULTS: dict[str, Fault] = {}


@dataclass(eq=False)
class Row:
    """A record: its cells, and the raw text it came from, which is kept as long as the cells stay."""

    cells: list[str]
    raw: str | None = None
    was: tuple[str, ...] = ()

    def text(self, delimiter: str = ",") -> str:
        if self.raw is not None and self.was == tuple(self.cells) and delimiter == ",":
            return self.raw
        buffer = io.StringIO()
        csv.writer(buffer, delimiter=delimiter, lineterminator="").writerow(self.cells)
        return buffer.getvalue()


@dataclass
class Day:
    """A day's file in memory. Change `header` and `rows` freely, then save()."""

    path: Path
    header: Row
    rows: list[Row]
    newline: str
    ends: bool  # whether the last line ends in a newline
    before: list[tuple[Row, str, list[str]]] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> "Day":
        """Raise ValueError if there is not even a header."""
        content = path.read_bytes().decode("utf-8", "surrogateescape")
        newline = "\r\n" if "\r\n" in content[: content.find("\n") + 1] else "\n"
        taken: list[str] = []

        def lines() -> Iterator[str]:
            for line in io.StringIO(content, newline="\n"):
                taken.append(line)
                yield line

        records = []
        for cells in csv.reader(lines()):
            raw = "".join(taken).removesuffix("\n").removesuffix("\r")
            records.append(Row(cells, raw, tuple(cells)))
            taken.clear()
        if not records:
            raise ValueError(f"{path.name}: an empty file cannot be broken further")
        day = cls(path, records[0], records[1:], newline, content.endswith("\n"))
        day.before = [(row, row.text(), list(row.cells)) for row in day.rows]
        return day

    def index(self, role: str) -> int | None:
        """Return the position of the column of this role; None if it is absent."""
        found = [i for i, name in enumerate(self.header.cells) if name.lower() in NAMES[role]]
        return found[0] if found else None

    def get(self, row: Row, role: str) -> str:
        place = self.index(role)
        return "" if place is None or place >= len(row.cells) else row.cells[place]

    def set(self, row: Row, role: str, value: str) -> None:
        place = self.index(role)
        if place is not None and place < len(row.cells):
            row.cells[place] = value

    def having(self, role: str) -> list[Row]:
        """Return the rows with a value in the column of this role; none if the column is absent."""
        place = self.index(role)
        return [] if place is None else [row for row in self.rows if len(row.cells) > place and row.cells[place]]

    def events(self, *names: str) -> list[Row]:
        place = self.index("event")
        return [row for row in self.having("event") if place is not None and row.cells[place] in names]

    def time(self, row: Row) -> datetime:
        return datetime.fromisoformat(self.get(row, "time"))

    def copy(self, row: Row, later: timedelta = timedelta(0)) -> Row:
        """Return a copy some time later, but still within its day; the caller puts it among the rows."""
        copied = Row(list(row.cells))
        if later:
            at = self.time(row)
            end = at.replace(hour=23, minute=59, second=59, microsecond=999000)
            self.set(copied, "time", stamp(min(at + later, end)))
        return copied

    def insert(self, added: list[Row]) -> None:
        """Put new rows where their timestamps belong."""
        place = self.index("time")
        if place is not None:
            self.rows = sorted(self.rows + added, key=lambda row: row.cells[place])
        else:
            self.rows += added

    def remove(self, removed: list[Row]) -> None:
        gone = set(map(id, removed))
        self.rows = [row for row in self.rows if id(row) not in gone]

    def save(self, delimiter: str = ",") -> None:
        """Write in the dialect of the original: rows that did not change keep their very bytes."""
        text = self.newline.join(row.text(delimiter) for row in [self.header, *self.rows])
        self.path.write_bytes((text + self.newline * self.ends).encode("utf-8", "surrogateescape"))

    def lines(self, wanted: Sequence[Row]) -> tuple[int, ...]:
        """Return the physical lines on which these rows begin, at most the first thousand."""
        chosen, number, found = set(map(id, wanted)), 1 + self.header.text().count("\n"), []
        for row in self.rows:
            number += 1
            if id(row) in chosen:
                found.append(number)
            number += row.text().count("\n")
        return tuple(found[:LINES])

    def account(self, name: str, column: str | None) -> Broken:
        """Compare with what was read: which rows changed, came and went, and what they are worth."""
        if self.header.text() != self.header.raw:
            return whole(name, self.path.name, self, column)
        kept, known = set(map(id, self.rows)), {id(row) for row, _, _ in self.before}
        removed = [cells for row, _, cells in self.before if id(row) not in kept]
        changed = [(row, cells) for row, text, cells in self.before if id(row) in kept and row.text() != text]
        added = [row for row in self.rows if id(row) not in known]
        orders = money(self, [*removed, *(cells for _, cells in changed), *(row.cells for row in added)])
        lines = self.lines([row for row, _ in changed] + added)
        count = len(removed) + len(changed) + len(added)
        return Broken(name, self.path.name, lines, column, count, len(orders), sum(orders, Decimal(0)))


def money(day: Day, records: Sequence[Sequence[str]]) -> list[Decimal]:
    """Return the revenue of every order in these records, which have the columns that the file was read with."""
    header = [name.lower() for name in day.header.was]
    places = [next((i for i, name in enumerate(header) if name in NAMES[role]), None) for role in ("event", "payload")]
    found = []
    for cells in records:
        event, payload = ("" if i is None or i >= len(cells) else cells[i] for i in places)
        if event in ORDERS:
            try:
                found.append(Decimal(str(json.loads(payload, parse_float=Decimal)["revenue"])))
            except (ValueError, KeyError, TypeError, InvalidOperation):
                found.append(Decimal(0))
    return found


def whole(name: str, file: str, day: Day, column: str | None = None) -> Broken:
    """Return the account of a fault that concerns a whole file."""
    orders = money(day, [cells for _, _, cells in day.before])
    return Broken(name, file, (), column, len(day.before), len(orders), sum(orders, Decimal(0)))


def stamp(at: datetime) -> str:
    """Return a moment as the export writes it."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def some(rows: Sequence[Row], share: float, rng: Random) -> list[Row]:
    """Return a share of the rows in their order, at least one if there are any."""
    wanted = min(len(rows), max(1, round(len(rows) * share)))
    return [rows[i] for i in sorted(rng.sample(range(len(rows)), wanted))]


Mutation = Callable[[Day, float, Random], None]
FileChange = Callable[[Day, float, Random], Broken]


def register(
    name: str,
    group: str,
    serious: float,
    mutate: Mutation,
    column: str | None = None,
    benign: bool = False,
    expects: str = "",
) -> None:
    """Add a fault that changes the rows of a day; `column` is the role of the column it concerns."""

    def apply(path: Path, severity: float, seed: int) -> Broken:
        day = Day.read(path)
        place = day.index(column) if column else None
        mutate(day, severity, Random(f"{name}-{seed}-{path.name}"))
        broken = day.account(name, None if place is None else day.header.was[place])
        day.save()
        return broken

    FAULTS[name] = Fault(name, group, serious, apply, tuple(expects.split()), benign)


def day_fault(
    group: str, serious: float, column: str | None = None, benign: bool = False, expects: str = ""
) -> Callable[[Mutation], Mutation]:
    """Register a function (day, severity, rng) that changes the rows of a day, under its own name."""

    def decorate(mutate: Mutation) -> Mutation:
        register(mutate.__name__, group, serious, mutate, column, benign, expects)
        return mutate

    return decorate


def file_fault(
    group: str, serious: float, benign: bool = False, expects: str = ""
) -> Callable[[FileChange], FileChange]:
    """Register a function (day, severity, rng) that changes files itself and says what it broke."""

    def decorate(change: FileChange) -> FileChange:
        name = change.__name__

        def apply(path: Path, severity: float, seed: int) -> Broken:
            return change(Day.read(path), severity, Random(f"{name}-{seed}-{path.name}"))

        FAULTS[name] = Fault(name, group, serious, apply, tuple(expects.split()), benign)
        return change

    return decorate
