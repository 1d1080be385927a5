#!/usr/bin/env python3
"""Write seeds/crawlers.csv: the crawlers of the package crawler-user-agents (MIT) as plain terms.

The package holds regular expressions, to be searched with regard to case. The warehouse asks whether
a lower-case user agent contains one of some terms, which every SQL engine can and which is quick.
A pattern becomes the texts that it can match: alternatives are spelled out, anchors are dropped.
Where that would also hit browsers of people, or cannot be spelled out, TERMS says what stands for it.
"""

import csv
import re
import sys
from pathlib import Path

from crawleruseragents import CRAWLER_USER_AGENTS_DATA

SEED = Path(__file__).resolve().parents[2] / "part2-transformation" / "seeds" / "crawlers.csv"
TERMS = {
    # Too much in lower case, or without its anchor: the browser it would hit stands behind it.
    r"^Silk\/": ["slider.com/silk"],  # Silk/132.1, Amazon's browser
    "Sonic": ["ranksonic", "; sonic/"],  # Panasonic
    "speedy": ["speedy spider", "speedy_spider"],  # SMART_4G_Speedy_5inch
    "Fever": ["fever/"],  # FEVER, a telephone
    r"RED\/": ["redbot.org"],  # appstored/1.0
    r"NING\/": ["ning/1.0"],  # Lightning/3.1, a calendar
    r"YaK\/": ["; yak/"],  # KAYAK/190.1
    "ds9": ["ds9 2."],  # XDS94K, a television
    "Butterfly": ["butterfly/"],  # butterfly2, a telephone
    "^LCC ": ["lcc (+http"],
    # What stands between two words is no text; one of the words is enough.
    r"BlogTraffic\/\d\.\d+ Feed-Fetcher": ["blogtraffic/"],
    r"ContextualBot[\s\S]*outcomes\.net": ["contextualbot"],
    r"Current[\s\S]*RSS Reader": ["currentreader.app"],
    r"Spider[\s\S]*spider\.com": ["spider.com"],
    "AdsBot-Google([^-]|$)": ["adsbot-google"],
}


def spelled_out(pattern: str) -> list[str]:
    """Return the texts that a pattern of literals, alternatives and sets of letters can match."""
    found = re.search(r"(?<!\\)\[([^]]+)\]|(?<!\\)\(((?:[^()\\]|\\.)*)\)", pattern)
    if found is None:
        text = pattern.removeprefix("^").removesuffix("$")
        if re.search(r"(?<!\\)[][(){}^$*+?|.]|\\[A-Za-z0-9]", text):
            raise ValueError(f"say in TERMS what stands for {pattern!r}")
        return [re.sub(r"\\(.)", r"\1", text)]
    choices = list(found[1]) if found[1] else found[2].split("|")
    return [t for c in choices for t in spelled_out(pattern[: found.start()] + c + pattern[found.end() :])]


def crawler_terms() -> list[str]:
    """Return all terms, sorted, without those that another one covers."""
    patterns = [str(entry["pattern"]) for entry in CRAWLER_USER_AGENTS_DATA]
    terms = {text.lower() for pattern in patterns for text in TERMS.get(pattern) or spelled_out(f"({pattern})")}
    return sorted(t for t in terms if not any(other in t for other in terms - {t}))


def main() -> int:
    with SEED.open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines, lineterminator="\n").writerows([["term"], *([term] for term in crawler_terms())])
    return 0


if __name__ == "__main__":
    sys.exit(main())
