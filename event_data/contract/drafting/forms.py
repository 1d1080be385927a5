"""Recognise the form of values: their kind, a pattern for identifiers, times, amounts, and anonymised values.

A form never contains data, except the names of hosts.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from urllib.parse import urlsplit

NEAR = 0.01  # a smaller share is treated as none
ENOUGH = 20  # distinct values that a pattern needs at least
MOST = 0.95  # the share of values that must have a form

# The forms of a time that are always read; see events.sql.
_TIME = re.compile(
    r"(?:\d{4}([-/])\d\d\1\d\d[T ](?:\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?|\d?\d:\d\d(?::\d\d)? ?[AP]M)"
    r"|\d{8}T\d{6}(?:[.,]\d{1,9})?)"
    r"\s?(?:Z|UTC|[+-]\d\d(?::?\d\d)?)?"
)
_EPOCH = re.compile(r"1\d{9}(\d{3}){0,2}(\.\d+)?")
_KINDS = (
    ("timestamp", _TIME),
    ("epoch", _EPOCH),
    ("integer", re.compile(r"[+-]?\d{1,19}")),
    ("number", re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")),
    ("boolean", re.compile(r"true|false", re.IGNORECASE)),
    ("url", re.compile(r"[A-Za-z][\w+.-]*://\S*")),
    ("json", re.compile(r"\s*[{\[].*[}\]]\s*", re.DOTALL)),
    ("user_agent", re.compile(r"(Mozilla|Opera|Dalvik|curl|[A-Za-z-]+[Bb]ot)\b.*", re.DOTALL)),
    ("word", re.compile(r"[A-Za-z][\w $:/.-]{0,60}")),
    ("id", re.compile(r"[\w.:=+-]{6,128}")),
)
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_CLASSES = ("0-9", "a-z", "A-Z", "0-9a-f", "0-9A-F", "0-9A-Fa-f", "0-9a-z", "0-9A-Z", "A-Za-z", "0-9A-Za-z")
# Epoch units, by the range of their numbers: 2001 to 2039.
_EPOCHS = (("epoch_s", 1.0e9, 2.2e9), ("epoch_ms", 1.0e12, 2.2e12), ("epoch_us", 1.0e15, 2.2e15))
# A zone for each pair of offsets from UTC, in minutes, and for offsets that are not whole hours.
_SAVING_ZONES = {
    (0, 60): "Europe/London", (60, 120): "Europe/Berlin", (120, 180): "Europe/Helsinki",
    (-300, -240): "America/New_York", (-360, -300): "America/Chicago", (-420, -360): "America/Denver",
    (-480, -420): "America/Los_Angeles", (600, 660): "Australia/Sydney", (720, 780): "Pacific/Auckland",
}  # fmt: skip
_ODD_ZONES = {
    330: "Asia/Kolkata", 345: "Asia/Kathmandu", 210: "Asia/Tehran", 270: "Asia/Kabul", 390: "Asia/Yangon",
    570: "Australia/Darwin", -570: "Pacific/Marquesas", 525: "Australia/Eucla",
}  # fmt: skip
_DATE = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{4}|\d{2})(?!\d)(.*)")
_CLOCK = re.compile(
    r"([ T,]+)(\d{1,2}):(\d\d)(?::(\d\d)([.,](\d{3}|\d{6}))?)?(\s?)([AaPp][Mm])?(\s?)(Z|[+-]\d\d:?\d\d)?"
)
_COMPACT = (
    (re.compile(r"20\d\d[01]\d[0-3]\d"), "yyyyMMdd"),
    (re.compile(r"20\d\d[01]\d[0-3]\d[0-2]\d[0-5]\d[0-5]\d"), "yyyyMMddHHmmss"),
)
_UNIT = r"(?:[A-Za-z]{2,3}|[^0-9A-Za-z.,+\-\s]{1,4})?"
_PLAIN_AMOUNT = re.compile(r"\s*[+-]?\d*\.?\d+(?:[eE][+-]?\d+)?\s*")
# (decimal, thousands) and what such an amount looks like, most common first.
_AMOUNTS = tuple(
    (signs, re.compile(rf"\s*{_UNIT}\s*[+\-\u2212]?(?:{body})\s*{_UNIT}\s*"))
    for signs, body in (
        ((".", ""), r"\d+(?:\.\d+)?"),
        ((",", ""), r"\d+(?:,\d{1,2})?"),
        ((".", ","), r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"),
        ((",", "."), r"(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d+)?"),
        ((",", " "), r"(?:\d{1,3}(?:[ \xa0]\d{3})+|\d+)(?:,\d+)?"),
        ((".", " "), r"(?:\d{1,3}(?:[ \xa0]\d{3})+|\d+)(?:\.\d+)?"),
        ((".", "'"), r"(?:\d{1,3}(?:'\d{3})+|\d+)(?:\.\d+)?"),
    )
)


def plain(name: str) -> str:
    """Return a name in lower case without punctuation, so that `clientId` equals `client_id`."""
    return re.sub(r"[\W_]+", "", name).casefold()


def kind_of(values: Sequence[str]) -> str:
    """Return the kind that nearly all values have: one of _KINDS, or `text`."""
    some = thinned(values)
    for kind, pattern in _KINDS:
        if some and sum(pattern.fullmatch(value) is not None for value in some) >= MOST * len(some):
            return kind
    return "text"


def pattern_of(values: Iterable[str]) -> str | None:
    """Return a regexp that every value matches, if they are identifiers of one to three lengths; else None."""
    groups: dict[int, set[str]] = {}
    for value in values:
        groups.setdefault(len(value), set()).add(value)
        if len(groups) > 3:
            return None
    parts = [_template(group, length) for length, group in sorted(groups.items())]
    if not parts or None in parts:
        return None
    return f"^{parts[0]}$" if len(parts) == 1 else f"^(?:{'|'.join(str(part) for part in parts)})$"


def _template(values: set[str], length: int) -> str | None:
    """Return the pattern of values of one length: shared punctuation stays, other characters become classes."""
    if all(_UUID.fullmatch(value) for value in values):
        case = _class_of("".join(values).replace("-", ""))
        return None if case is None else _UUID.pattern.replace("[0-9A-Fa-f]", f"[{case}]")
    if len(values) < ENOUGH or not 6 <= length <= 128:
        return None
    runs: list[list[str]] = [[]]
    signs: list[str] = []
    for letters in zip(*values, strict=True):
        if len(set(letters)) == 1 and letters[0] in "-_.:/":
            signs.append(letters[0])
            runs.append([])
        else:
            runs[-1].append("".join(set(letters)))
    template = ""
    for run, sign in zip(runs, [*signs, ""], strict=True):
        letters_class = _class_of("".join(run)) if run else ""
        if letters_class is None:
            return None
        template += (f"[{letters_class}]{{{len(run)}}}" if run else "") + sign.replace(".", r"\.")
    return template


def _class_of(letters: str) -> str | None:
    """Return the narrowest character class that contains all the letters."""
    for extra in ("", "_-"):
        for name in _CLASSES:
            if re.fullmatch(f"[{name}{extra}]+", letters):
                return name + extra
    return None


def time_format(values: Sequence[str]) -> tuple[str, bool] | None:
    """Return the `format` of times, empty if they are always read, and whether it is certain; None if they are none."""
    some = thinned(values)
    if not some:
        return None
    if share(some, _TIME) >= MOST:
        return "", True
    for name, low, high in _EPOCHS:
        if sum(low <= float(v) <= high for v in some if re.fullmatch(r"\d{10,16}(\.\d+)?", v)) >= MOST * len(some):
            return name, True
    for pattern, form in _COMPACT:
        if share(some, pattern) >= MOST:
            return form, True
    return _pattern_of_dates(some)


def offset_of(text: str) -> int | None:
    """Return the offset from UTC at the end of a time, in minutes; None if it has none."""
    match = re.search(r"\d(?:[.,]\d+)?\s?(?:(Z|UTC)|([+-])(\d\d):?(\d\d)?)$", text[8:])
    if match is None:
        return None
    minutes = 0 if match[1] else 60 * int(match[3]) + int(match[4] or 0)
    return -minutes if match[2] == "-" else minutes


def zone_of(offsets: Collection[int]) -> str | None:
    """Return a zone with these offsets from UTC in minutes: one, or two with daylight saving time; None if unknown."""
    if len(offsets) == 2 and tuple(sorted(offsets)) in _SAVING_ZONES:
        return _SAVING_ZONES[min(offsets), max(offsets)]
    if len(offsets) != 1:
        return None
    (minutes,) = offsets
    if minutes % 60 == 0 and -12 <= minutes // 60 <= 14:
        return f"Etc/GMT{-minutes // 60:+d}" if minutes else "UTC"  # its sign is the opposite of the offset's
    return _ODD_ZONES.get(minutes)


def _pattern_of_dates(values: Sequence[str]) -> tuple[str, bool] | None:
    """Return the pattern of dates such as 31.12.2025 23:59, and whether the order of day and month is certain."""
    dates = [match for value in values if (match := _DATE.fullmatch(value.strip()))]
    clocks = [match for date in dates if (match := _CLOCK.fullmatch(date[5]))]
    if len(dates) < MOST * len(values) or any(date[2] != dates[0][2] for date in dates):
        return None
    if 0 < len(clocks) < MOST * len(dates) or (not clocks and any(date[5] for date in dates)):
        return None
    sign = dates[0][2]
    firsts, seconds = [int(date[1]) for date in dates], [int(date[3]) for date in dates]
    certain = True
    if all(len(date[1]) == 4 for date in dates):
        fields = ["yyyy", _field("M", (d[3] for d in dates)), _field("d", (d[4] for d in dates))]
        if any(not 1 <= month <= 12 for month in seconds):
            return None
    else:
        if max(firsts) > 31 or max(seconds) > 31 or (max(firsts) > 12 and max(seconds) > 12):
            return None
        day_first = max(firsts) > 12 or (max(seconds) <= 12 and sign != "/")
        certain = max(firsts) > 12 or max(seconds) > 12 or sign == "."
        first, second = ("d", "M") if day_first else ("M", "d")
        year = "yyyy" if all(len(date[4]) == 4 for date in dates) else "yy"
        fields = [_field(first, (d[1] for d in dates)), _field(second, (d[3] for d in dates)), year]
    return sign.join(fields) + (_pattern_of_clocks(clocks) if clocks else ""), certain


def _pattern_of_clocks(clocks: Sequence[re.Match[str]]) -> str:
    one = clocks[0]
    before = one[1].replace("T", "'T'")
    hour = _field("h" if one[8] else "H", (clock[2] for clock in clocks))
    seconds = ":ss" * bool(one[4]) + (one[5][0] + "S" * len(one[6]) if one[5] else "")
    return f"{before}{hour}:mm{seconds}{one[7]}{'a' * bool(one[8])}{one[9]}{'XXX' * bool(one[10])}".rstrip()


def _field(letter: str, texts: Iterable[str]) -> str:
    return letter * (2 if all(len(text) == 2 for text in texts) else 1)


def amount_signs(values: Sequence[str]) -> tuple[str, str] | None:
    """Return the decimal and thousands signs to declare; None if the amounts are read without, or have no one form."""
    some = thinned(values)
    if not some or share(some, _PLAIN_AMOUNT) >= MOST:
        return None
    return next((signs for signs, pattern in _AMOUNTS if share(some, pattern) >= MOST), None)


def is_amount(value: str) -> bool:
    """Return whether a text is an amount in any form."""
    return _PLAIN_AMOUNT.fullmatch(value) is not None or any(p.fullmatch(value) for _, p in _AMOUNTS)


def as_number(value: str) -> float | None:
    """Return an amount as a number; None if it has no decimal point."""
    return float(value) if _PLAIN_AMOUNT.fullmatch(value) else None


def share(values: Sequence[str], pattern: re.Pattern[str]) -> float:
    """Return the share of values that match the pattern."""
    return sum(pattern.fullmatch(value.strip()) is not None for value in values) / max(1, len(values))


def thinned(values: Sequence[str], most: int = 500) -> Sequence[str]:
    """Return at most about `most` of the values, evenly spaced."""
    return values[:: max(1, len(values) // most)][:most]


def host_of(url: str) -> str:
    """Return the host of a URL in lower case; empty if it has none."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def hidden_pattern(values: Sequence[str]) -> str | None:
    """Return the pattern of query values if all are hashes of one length; None if they are not anonymised."""
    lengths = Counter(map(len, values)).most_common(1)
    if len(values) < ENOUGH or not lengths or lengths[0][0] < 6:
        return None
    most = {value for value in values if len(value) == lengths[0][0]}
    for name in ("0-9a-f", "0-9A-F"):
        hits = sum(re.fullmatch(f"[{name}]{{{lengths[0][0]}}}", value) is not None for value in values)
        if hits >= (1 - NEAR) * len(values) and _class_of("".join(most)[:2000]) != "0-9":
            return f"^[{name}]{{{lengths[0][0]}}}$"
    return None


def hidden_hosts(hosts: Iterable[str]) -> str | None:
    """Return the pattern of anonymised hosts, which are one name with a hash in it; None if there are none."""
    patterns: Counter[str] = Counter()
    for host in set(hosts):
        if match := re.fullmatch(r"([a-z]+[.-])?([0-9a-f]{6,64})(\.[a-z.]+)?", host):
            before, hashed, after = match[1] or "", match[2], match[3] or ""
            patterns[f"^{before}[0-9a-f]{{{len(hashed)}}}{re.escape(after)}$"] += 1
    best = patterns.most_common(1)
    return best[0][0] if best and best[0][1] >= 5 else None
