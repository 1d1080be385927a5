"""Every number of a text beside what it should be; what nobody expected is told, and what nobody wrote."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_MONTH = "|".join(m for name in MONTHS for m in (name, name[:3]))
# A file, a day, a time, a severity, a number with its sign and unit, a number in words. "One" is a pronoun here.
TOKEN = re.compile(
    rf"events_\d{{8}}\.csv|\d{{4}}-\d\d-\d\d|\d{{1,2}}[ \u00a0](?:{_MONTH})\b(?: \d{{4}})?|\d\d:\d\d|\bP[0-3]\b"
    r"|[+-]?\$?\d+(?:,\d{3})*(?:\.\d+)?(?:[kM]\b|%)?|\b(?:two|three|four|five|six|seven|eight|nine|ten)\b"
)
NUMBER = re.compile(r"([+-]?)(\$?)([\d,]+)(?:\.(\d+))?([kM%]?)")


@dataclass(frozen=True)
class Money:
    """Dollars, shown to any number of digits."""

    amount: float


@dataclass(frozen=True)
class Share:
    """A fraction, shown in percent."""

    fraction: float


# What a token should be: a count exactly; a float, dollars or a share to the digits shown; a day; these very letters.
Expected = int | float | Money | Share | date | str


@dataclass(frozen=True)
class Sentence:
    """A sentence as it should stand, each number a #, and what the numbers should be; without any, a plain claim."""

    words: str
    numbers: tuple[Expected, ...] = ()


def sentence(template: str, *numbers: Expected) -> Sentence:
    """`template` has a # for each of `numbers`; numbers in its own words, such as a product's, stay as they are."""
    within = iter(numbers)
    expected: list[Expected] = [next(within) if t == "#" else t for t in re.findall(rf"#|{TOKEN.pattern}", template)]
    assert next(within, None) is None, template
    return Sentence(TOKEN.sub("#", template), tuple(expected))


def agrees(token: str, expected: Expected) -> bool:
    """Is the token the expected number, to the digits that it shows?"""
    if isinstance(expected, str):
        return token == expected
    if isinstance(expected, date):
        return _is_day(token, expected)
    found = NUMBER.fullmatch(token)
    if not found:
        return False
    sign, dollar, whole, decimals, unit = found.groups()
    scale = {"k": 1e3, "M": 1e6}.get(unit, 1.0)
    value = float(whole.replace(",", "") + "." + (decimals or "0")) * scale * (-1 if sign == "-" else 1)
    half = scale * 10 ** -len(decimals or "") / 2
    if isinstance(expected, bool | int):
        return not dollar and not unit and not decimals and value == expected
    kind, wanted = (
        ("$", expected.amount)
        if isinstance(expected, Money)
        else ("%", expected.fraction * 100)
        if isinstance(expected, Share)
        else ("", expected)
    )
    return (dollar or unit.strip("kM")) == kind and abs(value - wanted) <= half * (1 + 1e-6) + 1e-9


def _is_day(token: str, day: date) -> bool:
    if re.fullmatch(r"\d{4}-\d\d-\d\d", token):
        return token == day.isoformat()
    number, _, rest = token.replace("\u00a0", " ").partition(" ")
    month, _, year = rest.partition(" ")
    name = MONTHS[day.month - 1]
    return number == str(day.day) and month in (name, name[:3]) and year in ("", str(day.year))


def check(texts: Iterable[str], expected: Sequence[Sentence]) -> list[str]:
    """A line for each sentence with a number that is not as expected, and for each expectation that nothing met."""
    left: dict[str, list[Sentence]] = {}
    for one in expected:
        left.setdefault(one.words, []).append(one)
    told = []
    for text in texts:
        tokens = TOKEN.findall(text)
        waiting = left.get(TOKEN.sub("#", text), [])
        met = next((s for s in waiting if all(map(agrees, tokens, s.numbers))), None)
        if met:
            waiting.remove(met)
        elif tokens:
            why = f"expected {' or '.join(str(s.numbers) for s in waiting)}" if waiting else "no such sentence expected"
            told.append(f"{text!r}: {why}")
    return told + [f"nowhere: {s.words!r} with {s.numbers}" for one in left.values() for s in one]


def sentences(text: str) -> list[str]:
    """The sentences of a paragraph."""
    return re.split(r"(?<=[.!?]) (?=[A-Z$\d])", re.sub(r"\s+", " ", text.strip()))


def markdown_texts(text: str) -> list[str]:
    """Rows of tables whole, everything else by sentence; without marks and escapes."""
    found = []
    for line in text.splitlines():
        plain = re.sub(r"\\(.)", r"\1", line.replace("**", "")).strip().lstrip("#- ")
        if plain.startswith("|"):
            found.append(plain)
        elif plain:
            found += sentences(plain)
    return found
