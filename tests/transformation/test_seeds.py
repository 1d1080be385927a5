"""The seeds of part 2: rules that are data. Their form, what design and definitions ask, and the crawlers."""

import csv
import hashlib
import re
import urllib.parse
from collections.abc import Iterable
from pathlib import Path

import pytest
import synthetic_vocabulary
from crawleruseragents import CRAWLER_USER_AGENTS_DATA, is_crawler
from make_crawlers_seed import TERMS, crawler_terms, spelled_out
from make_percent_seed import NO_CHARACTER, blocks
from synthetic_browsers import BROWSERS, CRAWLERS, IN_APP

from event_data.contract.shape import channels

SEEDS = Path(__file__).resolve().parents[2] / "part2-transformation" / "seeds"
SHARED = Path(__file__).resolve().parents[3] / "shared"
HEADERS = {
    "sources": ["source", "category"], "media": ["medium"], "host_prefixes": ["prefix"],
    "search_hosts": ["host", "source"],
    "payment_subdomains": ["subdomain"], "spellings": ["spelling", "term"], "percent_codes": ["code", "character"],
    "percent_blocks": ["first_bytes", "characters"],
    "click_ids": ["parameter", "source", "medium", "priority"], "host_aliases": ["host", "source"],
    "channel_overrides": ["source", "medium", "channel"], "crawlers": ["term"], "source_aliases": ["alias", "source"],
}  # fmt: skip
# Browsers of people that hold a crawler's word in lower case, or a known word without its anchor.
PEOPLE = (
    "Mozilla/5.0 (Linux; Android 11; KFTUWI) AppleWebKit/537.36 Silk/132.1.97 like Chrome/132.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 8.1.0; Panasonic ELUGA Ray 550) AppleWebKit/537.36 Chrome/133.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 6.0; FEVER Build/MRA58K) AppleWebKit/537.36 Chrome/106.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 12; CUBOT X50) AppleWebKit/537.36 Chrome/133.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 5.1.1; XDS94K Build/LMY47V) AppleWebKit/537.36 Chrome/99.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:29.0) Gecko/20100101 Firefox/29.0 SeaMonkey/2.26a1 Lightning/3.1a1",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 KAYAK/190.1",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 [Pinterest/iOS]",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/133.0.0.0 Safari/537.36 OPR/117.0.0.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/133.0.0.0 YaBrowser/25.2.0.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 14; SM-S918U; wv) AppleWebKit/537.36 Chrome/133.0 Mobile Safari/537.36 GSA/15.8",
)


def seed(name: str) -> list[dict[str, str]]:
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def column(name: str, of: str) -> list[str]:
    return [row[of] for row in seed(name)]


def sources(category: str) -> set[str]:
    return {row["source"] for row in seed("sources") if row["category"] == category}


@pytest.mark.parametrize("name", HEADERS)
def test_form(name: str) -> None:
    text = (SEEDS / f"{name}.csv").read_bytes().decode("utf-8")
    assert text.endswith("\n") and "\r" not in text and ('"' not in text or name == "percent_codes")
    header, lines = text.splitlines()[0], [",".join(row.values()) for row in seed(name)]
    assert header.split(",") == HEADERS[name]
    assert name == "percent_codes" or all(line.count(",") == header.count(",") for line in lines)
    as_written = ("category", "channel", "spelling", "character", "characters", "parameter")
    assert all(value == value.lower() for row in seed(name) for key, value in row.items() if key not in as_written)
    assert all(value for row in seed(name) for value in row.values())
    keys = [next(iter(row.values())) for row in seed(name)]
    assert len(set(keys)) == len(keys)
    if name != "click_ids":  # those stand by their priority
        assert keys == sorted(keys)


def test_an_alias_stands_for_a_source_and_is_not_one_itself() -> None:
    assert set(column("source_aliases", "source")) <= set(column("sources", "source"))
    assert not set(column("source_aliases", "alias")) & set(column("sources", "source"))


def test_there_are_no_other_seeds() -> None:
    assert {path.name for path in SEEDS.iterdir()} == {f"{name}.csv" for name in HEADERS}


def test_sources_are_googles_and_the_assistants() -> None:
    assert {row["category"] for row in seed("sources")} == {"SEARCH", "SOCIAL", "SHOPPING", "VIDEO", "AI"}
    assert {"chatgpt.com", "chatgpt", "perplexity.ai", "gemini.google.com", "copilot.microsoft.com"} <= sources("AI")
    assert {"google", "bing", "duckduckgo"} <= sources("SEARCH") and "youtube" in sources("VIDEO")
    assert {"facebook", "fb", "ig", "instagram", "pinterest"} <= sources("SOCIAL")
    google = SHARED / "reference" / "ga4_source_categories.csv"
    if not google.exists():
        pytest.skip(f"NOT TESTED AGAINST GOOGLE'S LIST: no {google}")
    with google.open(encoding="utf-8", newline="") as lines:
        listed = {(row["source"].lower(), row["source_category"].split("_")[-1]) for row in csv.DictReader(lines)}
    assert {(row["source"], row["category"]) for row in seed("sources") if row["category"] != "AI"} == listed


def test_media_hold_what_the_channel_rules_name() -> None:
    named = (
        "(none)|(not set)|ppc|retargeting|paid|cpc|cpm|display|banner|expandable|interstitial|social|social-network|"
        "social-media|sm|social network|social media|video|ai-assistant|organic|referral|app|link|email|e-mail|e_mail|"
        "e mail|affiliate|affiliates|audio|sms|push|mobile|notification|shopping|shop|cross-network|firebase"
    )
    assert set(named.split("|")) <= set(column("media", "medium"))


def test_a_hash_stands_for_one_term() -> None:
    """No two terms share a hash, so what a hash reveals does not depend on their order."""
    owners: dict[str, set[str]] = {}
    for term in {*column("sources", "source"), *column("media", "medium")}:
        others = [row["spelling"] for row in seed("spellings") if row["term"] == term]
        for variant in (term, term.upper(), term[:1].upper() + term[1:], *others):
            owners.setdefault(hashlib.md5(variant.encode()).hexdigest()[:6].upper(), set()).add(term)
    assert [terms for terms in owners.values() if len(terms) > 1] == []


def test_click_ids() -> None:
    rows = {row["parameter"]: (row["source"], row["medium"]) for row in seed("click_ids")}
    assert [row["priority"] for row in seed("click_ids")] == [str(n) for n in range(1, len(rows) + 1)]
    assert {rows[name] for name in ("gclid", "gbraid", "wbraid", "gad_source")} == {("google", "cpc")}
    assert rows["msclkid"] == ("bing", "cpc") and rows["_kx"] == ("klaviyo", "email")
    assert rows["srsltid"] == ("google", "organic") and rows["fbclid"] == ("facebook", "social")
    assert {medium for _, medium in rows.values()} <= set(column("media", "medium"))


def test_hosts() -> None:
    prefixes, hosts = column("host_prefixes", "prefix"), {row["host"]: row["source"] for row in seed("search_hosts")}
    assert {"www.", "m.", "l.", "lm.", "out.", "search.", "old."} <= set(prefixes)
    assert {"pay.", "checkout.", "hooks.", "portal.", "api.", "js.", "www.", "m."} <= set(
        column("payment_subdomains", "subdomain")
    )
    assert all(re.fullmatch(r"[a-z0-9]+\.", name) for name in (*prefixes, *column("payment_subdomains", "subdomain")))
    assert "mail." not in prefixes  # mail.google.com is a letter, no search
    assert set(hosts.values()) <= sources("SEARCH")
    countries = [host for host, source in hosts.items() if source == "google"]
    assert len(countries) == 189 and all(re.fullmatch(r"google(\.[a-z]{2,3}){1,2}", host) for host in countries)
    assert not [host for host in hosts if re.search(r"rakuten|cnn|comcast", host)]


def test_spellings_are_of_known_terms() -> None:
    terms = {
        *column("sources", "source"),
        *column("media", "medium"),
        *column("source_aliases", "alias"),
        *column("click_ids", "source"),
    }
    assert set(column("spellings", "term")) <= terms
    assert all(row["spelling"].lower() == row["term"] for row in seed("spellings"))
    assert {"Google Shopping", "(Direct)", "YouTube", "E-Mail"} <= set(column("spellings", "spelling"))


def test_percent_codes_are_utf_8() -> None:
    for row in seed("percent_codes"):
        character = urllib.parse.unquote(row["code"])
        assert row["character"] == (" " if character in "\t\n\r" else character), row
        assert character.isascii(), row
    assert {"%20", "%2f"} <= set(column("percent_codes", "code"))


def test_percent_blocks_are_utf_8() -> None:
    characters = set()
    for row in seed("percent_blocks"):
        for place, character in enumerate(row["characters"]):
            encoded = f"{row['first_bytes']}%{0x80 + place:x}"
            assert character in (NO_CHARACTER, urllib.parse.unquote(encoded)), row
        assert place == 63
        characters |= {*row["characters"]}
    # accents, Cyrillic, Arabic and its vowels, Hebrew, punctuation, Vietnamese, Hindi, Thai, Georgian, Japanese,
    # Chinese, Korean, full width, emoji
    assert {*"ü\u0301аع\u064bש–ếहไქのカ春한！🚀🎉🏽❤\ufe0f\u200d"} <= characters
    assert {first_bytes for first_bytes, _ in blocks()} >= set(column("percent_blocks", "first_bytes"))


def test_aliases() -> None:
    known, aliases = set(column("sources", "source")), {row["host"]: row["source"] for row in seed("host_aliases")}
    assert set(aliases.values()) <= known
    assert aliases["com.google.android.googlequicksearchbox"] == "google"
    assert aliases["lnkd.in"] == "linkedin" and aliases["t.co"] == aliases["x.com"] == "twitter"
    assert not {"com.google.android.gm", "mail.google.com"} & set(aliases)


def test_no_payment_provider_or_own_host_is_a_source() -> None:
    assert all(column("channel_overrides", "source")) and all(column("channel_overrides", "channel"))
    hosts = {*column("sources", "source"), *column("host_aliases", "host")}
    assert not {"paypal", "paypal.com", "klarna.com", "affirm.com", "puffy.com"} & hosts


# ---------------------------------------------------------------------------------------------- crawlers


def contains(user_agent: str, terms: Iterable[str]) -> bool:
    return any(term in user_agent.lower() for term in terms)


def test_crawlers_seed_is_what_the_package_says() -> None:
    assert column("crawlers", "term") == crawler_terms(), "run tests/support/make_crawlers_seed.py"


def test_no_term_covers_another_and_none_is_short() -> None:
    terms = column("crawlers", "term")
    assert not [t for t in terms for other in terms if other != t and other in t]
    assert min(len(term) for term in terms) >= 3
    assert set(TERMS) <= {entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA}, "a pattern is gone from the package"


def test_every_example_of_the_package_is_matched() -> None:
    terms = column("crawlers", "term")
    examples = [text for entry in CRAWLER_USER_AGENTS_DATA for text in entry["instances"]]
    assert len(examples) > 2000
    assert [text for text in examples if not contains(text, terms)] == []


def test_browsers_of_people_are_not() -> None:
    terms = column("crawlers", "term")
    assert [text for text in PEOPLE if contains(text, terms)] == []


def test_synthetic_browsers_as_the_package() -> None:
    terms = column("crawlers", "term")
    texts = [text for group in (BROWSERS, CRAWLERS, *IN_APP.values()) for text, _ in group]
    assert len(texts) > 200
    assert [text for text in texts if contains(text, terms) != is_crawler(text)] == []


def test_real_user_agents_as_the_package() -> None:
    """Every distinct user agent of the real days; a failure shows their number only."""
    files = sorted((SHARED / "data").glob("events_*.csv"))
    if not files:
        pytest.skip(f"NOT TESTED ON REAL DATA: no events_*.csv in {SHARED / 'data'}")
    terms, texts = column("crawlers", "term"), set()
    for path in files:
        with path.open(encoding="utf-8", newline="") as lines:
            texts |= {row.get("user_agent") or "" for row in csv.DictReader(lines)}
    verdicts = [(contains(text, terms), is_crawler(text)) for text in texts]
    assert len(verdicts) > 1000 and any(package for _, package in verdicts)
    assert sum(ours != package for ours, package in verdicts) == 0


def test_spelled_out() -> None:
    assert spelled_out("[wW]get") == ["wget", "Wget"]
    assert spelled_out(r"(A(b|c)\/|^d$)") == ["Ab/", "d", "Ac/", "d"]
    with pytest.raises(ValueError, match="say in TERMS"):
        spelled_out(r"a\d")


def test_the_synthetic_shops_words_are_revealed() -> None:
    """Every source and medium of the synthetic days is a standard term, or a network of the click ids."""
    known = {*column("sources", "source"), *column("media", "medium"), *column("click_ids", "source"), "attentive"}
    texts = " ".join(query for channel in synthetic_vocabulary.CHANNELS for query in channel.queries)
    assert {found.lower() for found in re.findall(r"utm_(?:source|medium)=([^&\s]+)", texts)} <= known


def test_the_sql_gives_the_channels_that_a_contract_may_name() -> None:
    sql = (SEEDS.parent / "transform.sql").read_text("utf-8")
    sources = sql[sql.index("create or replace table silver.sources as") :]
    branches = sources[: sources.index("end as channel")]
    named = re.findall(r"(?:then|else) '([A-Z][A-Za-z -]+)'", branches)
    assert set(named) | {"Direct"} == set(channels())  # a direct visit has no source to judge
