"""Percent-encoded values of addresses: decoded as Python does, and thousands of different ones in seconds."""

from collections.abc import Sequence
from random import Random
from time import process_time
from unicodedata import category
from urllib.parse import quote, quote_plus

import duckdb
from commands import SCHEMA

from event_data.contract import load_contract
from event_data.evidence import TRANSFORM, evidence_placeholders, land_seeds
from event_data.statements import fill, read_statements

# The first and last characters of scripts: Latin, accents, Greek, Cyrillic, Hebrew, Arabic with its vowels, Thaana,
# Hindi, Thai, Georgian, punctuation and symbols, Japanese, Chinese, Korean, full width, emoji.
SCRIPTS = (
    (0x20, 0x7E), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x52F), (0x590, 0x5EA), (0x600, 0x6FF), (0x780, 0x7B1),
    (0x900, 0xDF4), (0xE01, 0xE5B), (0x10A0, 0x10FF), (0x1E00, 0x2027), (0x2030, 0x27FF), (0x3040, 0x30FF),
    (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xFF01, 0xFFE6), (0x1F300, 0x1FAFF),
)  # fmt: skip
EMOJI = ("👩🏽\u200d🚀", "👨\u200d👩\u200d👧\u200d👦", "🏳\ufe0f\u200d🌈", "❤\ufe0f", "🇩🇪", "1\ufe0f\u20e3", "🏴󠁧󠁢󠁥󠁮󠁧󠁿")
MALFORMED = ("%", "%%", "%z1", "%e6", "%f0%9f", "%80", "%c3", "%ff", "%C0%80", "%ed%a0%80", "%f4%90%80%80")


def decoded(values: Sequence[str]) -> dict[str, str]:
    """Return the text of each value that has a percent sign or a plus sign."""
    contract = load_contract(SCHEMA)
    (statement,) = [one for one in read_statements(TRANSFORM) if one.name == "silver.decoded"]
    with duckdb.connect() as connection:
        land_seeds(connection, contract)
        fields = "utm_source varchar, utm_medium varchar, utm_campaign varchar, utm_content varchar, utm_term varchar"
        connection.execute(f"create table silver.parsed_events ({fields})")
        connection.execute("insert into silver.parsed_events (utm_campaign) select unnest(?)", [list(values)])
        connection.execute(fill(statement, evidence_placeholders(connection, contract)).sql)
        return dict(connection.execute("select value, text from silver.decoded").fetchall())


def text_of(random: Random) -> str:
    found = ""
    for _ in range(random.randint(1, 10)):
        first, last = random.choice(SCRIPTS)
        character = chr(random.randint(first, last))
        found += random.choice(EMOJI) if random.random() < 0.1 else character * (category(character) != "Cn")
    return found.strip() or "é"


def test_values_of_every_script_are_decoded_in_seconds() -> None:
    random = Random(5)
    expected: dict[str, str] = {}
    for number in range(3000):
        text = text_of(random).replace("%", "").replace("+", "")
        code = (quote if number % 2 else quote_plus)(text, safe="")
        code = "".join(random.choice((c.lower(), c.upper())) if "%" in code[max(at - 2, 0) : at] else c
                       for at, c in enumerate(code))  # fmt: skip
        expected[code] = text
        expected[quote(code, safe="")] = text
        expected[f"{code}{random.choice(MALFORMED)}"] = ""
    for code in list(expected):
        if not expected[code]:
            bad = next(one for one in sorted(MALFORMED, key=len, reverse=True) if code.endswith(one))
            expected[code] = expected[code.removesuffix(bad)] + bad
    expected = {code: text.strip() for code, text in expected.items() if "%" in code or "+" in code}
    began = process_time()
    found = decoded(list(expected))
    assert found == expected
    assert process_time() - began < 60  # when every sign was compared with every block, it took an hour
