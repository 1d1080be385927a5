"""Write seeds/percent_blocks.csv: the characters that UTF-8 encodes in several bytes, in blocks of 64.

All bytes of a block's characters but the last one are the same. A hyphen stands for a code point without a character.
Run it after an update of Python for the characters of a newer Unicode.
"""

import csv
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

SEED = Path(__file__).resolve().parents[2] / "part2-transformation" / "seeds" / "percent_blocks.csv"
# All scripts in use, symbols and emoji: no surrogates, private use or historic scripts.
RANGES = ((0x80, 0xD800), (0xF900, 0x10000), (0x1F000, 0x1FB00), (0xE0000, 0xE0080))
NO_CHARACTER = "-"
UNUSED = ("Cc", "Cn", "Zl", "Zp")  # controls, unassigned, and line breaks


def blocks() -> Iterator[tuple[str, str]]:
    """Yield the first bytes of each block, percent-encoded in lower case, and its characters."""
    for start, end in RANGES:
        for first in range(start, end, 64):
            characters = "".join(
                NO_CHARACTER if unicodedata.category(chr(code)) in UNUSED else chr(code)
                for code in range(first, first + 64)
            )
            if characters.strip(NO_CHARACTER):
                yield quote(chr(first)).lower()[:-3], characters


if __name__ == "__main__":
    with SEED.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([("first_bytes", "characters"), *blocks()])
