"""The reference's reading of the design's "Source and channel", and of the evidence that an event carries.

It reads the seeds and the contract, and shares no other code with the pipeline. See attribution_reference.py.
"""

import csv
import hashlib
import itertools
import re
import string
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from event_data.contract import Contract, Order, load_contract
from event_data.contract.model import host_regexp
from event_data.events import NO_EVIDENCE

Row = dict[str, Any]
SHOPPING = re.compile(r"^(.*(([^a-df-z]|^)shop|shopping).*)$")
PAID = re.compile(r"^(.*cp.*|ppc|retargeting|paid.*)$")
VIDEO = re.compile(r"^(.*video.*)$")
EMAIL = ("email", "e-mail", "e_mail", "e mail")
SOCIAL = ("social", "social-network", "social-media", "sm", "social network", "social media")
CLICK_IDS = {  # parameter -> source, medium
    "gclid": ("google", "cpc"), "gbraid": ("google", "cpc"), "wbraid": ("google", "cpc"),
    "gad_source": ("google", "cpc"), "dclid": ("google", "cpm"), "msclkid": ("bing", "cpc"),
    "ttclid": ("tiktok", "paid"), "twclid": ("twitter", "paid"), "li_fat_id": ("linkedin", "paid"),
    "rdt_cid": ("reddit", "paid"), "epik": ("pinterest", "paid"), "ScCid": ("snapchat", "paid"),
    "yclid": ("yandex", "cpc"), "irclickid": ("impact", "affiliate"), "sscid": ("shareasale", "affiliate"),
    "awc": ("awin", "affiliate"), "_kx": ("klaviyo", "email"), "srsltid": ("google", "organic"),
    "fbclid": ("facebook", "social"),
}  # fmt: skip
# Google's own domains: google.com, google.cat, and google.<country>, google.co.<country>, google.com.<country>.
COUNTRIES = ["".join(letters) for letters in itertools.product(string.ascii_lowercase, repeat=2)]
GOOGLE = ["google.com", "google.cat"]
GOOGLE += [f"google.{middle}{country}" for country in COUNTRIES for middle in ("", "co.", "com.")]
# The domains of engines whose name alone, without a domain, is on Google's list; see domains_of().
ENGINES = {
    "google": GOOGLE, "bing": ["bing.com"], "duckduckgo": ["duckduckgo.com"], "baidu": ["baidu.com"],
    "ask": ["ask.com"], "lycos": ["lycos.com"], "eniro": ["eniro.se"], "kvasir": ["kvasir.no"], "najdi": ["najdi.si"],
}  # fmt: skip
# Known sub-domains of payment providers, which only matter where the shop anonymises hosts.
PAYMENT_SUBDOMAINS = (
    "pay.", "checkout.", "hooks.", "portal.", "api.", "js.", "www.", "m.", "secure.", "sandbox.", "appleid.",
)  # fmt: skip


@dataclass
class Shop:
    """The settings of the contract and the rows of the seeds."""

    contract: Contract
    order: Order | None
    file_name: re.Pattern[str]
    own_name: str
    categories: dict[str, str] = field(default_factory=dict)  # source -> SEARCH, SOCIAL, ...
    terms: dict[str, str] = field(default_factory=dict)  # hash of a spelling -> term
    aliases: dict[str, str] = field(default_factory=dict)  # another name of a source -> source
    hosts: dict[str, str] = field(default_factory=dict)  # known host or its hash -> source
    hidden_providers: set[str] = field(default_factory=set)
    click_ids: list[str] = field(default_factory=list)  # the strongest first
    overrides: list[Row] = field(default_factory=list)


def read_contract(path: Path) -> Shop:
    """Return the contract, and the names of its files."""
    contract = load_contract(path)
    stem = contract.file_name.removesuffix(".csv")
    digits = {"%Y": "[0-9]{4}", "%m": "[0-9]{2}", "%d": "[0-9]{2}"}
    name = "".join(digits.get(part, re.escape(part)) for part in re.split("(%[Ymd])", stem))
    return Shop(contract, contract.order, re.compile(f"({name})(?:-[0-9]+| \\([0-9]+\\))?\\.csv"), stem)


# ---- the seeds


def seed_rows(folder: Path, name: str) -> list[Row]:
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_seeds(shop: Shop, folder: Path) -> None:
    """Add the seeds to the shop, with the hash of every standard term and of every known host."""
    sources = seed_rows(folder, "sources.csv")
    shop.categories = {row["source"].lower(): row["category"] for row in sources}
    aliases = {row["alias"].lower(): row["source"].lower() for row in seed_rows(folder, "source_aliases.csv")}
    shop.aliases = aliases | dict(getattr(shop.contract, "source_aliases", {}))
    terms = [row["source"] for row in sources] + [row["medium"] for row in seed_rows(folder, "media.csv")]
    terms += [*shop.aliases, *NO_EVIDENCE, *(source for source, _ in CLICK_IDS.values())]
    for term in sorted(terms, key=str.lower, reverse=True):  # the first by the alphabet is put in last
        for spelling in spellings(term):
            shop.terms[hidden_value(spelling)] = term.lower()
    for row in seed_rows(folder, "spellings.csv"):
        shop.terms[hidden_value(row["spelling"])] = row["term"].lower()
    shop.hosts = known_hosts(folder, shop.contract.hides_hosts)
    if shop.contract.hides_hosts:
        prefixes = ["", *payment_subdomains(folder), *(row["prefix"] for row in seed_rows(folder, "host_prefixes.csv"))]
        shop.hidden_providers = {hidden_host(prefix + p) for prefix in prefixes for p in shop.contract.payment_hosts}
    priority = {row["parameter"].lower(): int(row["priority"]) for row in seed_rows(folder, "click_ids.csv")}
    shop.click_ids = sorted(CLICK_IDS, key=lambda parameter: priority.get(parameter.lower(), len(CLICK_IDS)))
    shop.overrides = seed_rows(folder, "channel_overrides.csv")


def spellings(term: str) -> set[str]:
    """Return a term as platforms write it: google shopping, Google shopping, Google Shopping, GOOGLE SHOPPING."""
    words = " ".join(word[:1].upper() + word[1:].lower() for word in term.split(" "))
    return {term, term.lower(), term.upper(), term[:1].upper() + term[1:].lower(), words}


def payment_subdomains(folder: Path) -> list[str]:
    """Return the seed of the providers' sub-domains, if there is one, else this module's."""
    seed = next(iter(sorted(folder.glob("payment*.csv"))), None)
    if seed is None:
        return list(PAYMENT_SUBDOMAINS)
    return [next(iter(row.values())).rstrip(".") + "." for row in seed_rows(folder, seed.name)]


@cache
def known_hosts(folder: Path, hides_hosts: bool) -> dict[str, str]:
    """Return the source of every known host, and of its hash: an alias first, else the shortest, then by the alphabet.

    A source of Google's list that has a dot is a host itself.
    """
    prefixes = ["", *(row["prefix"] for row in seed_rows(folder, "host_prefixes.csv"))]
    domains = [
        ((0, 0, ""), row["host"].lower(), row["source"].lower()) for row in seed_rows(folder, "host_aliases.csv")
    ]
    searches = [row["source"] for row in seed_rows(folder, "sources.csv") if row["category"] == "SEARCH"]
    for row in seed_rows(folder, "sources.csv"):
        source = row["source"].lower()
        own = [source] if "." in source else domains_of(source, searches) if source in searches else []
        domains += [((1, len(source), source), domain, source) for domain in own]
    hosts = {}
    for _, domain, source in sorted(domains, reverse=True):  # the best fit is put in last
        for prefix in prefixes:
            hosts[prefix + domain] = source
            if hides_hosts:
                hosts[hidden_host(prefix + domain)] = source
    return hosts


def domains_of(engine: str, searches: Iterable[str]) -> list[str]:
    """Return an engine's own domains: yahoo has yahoo.com, for search.yahoo.com is on the list; cnn has none."""
    listed = [re.search(rf"(?:^|\.)({re.escape(engine)}\..+)", source) for source in searches]
    return ENGINES.get(engine, sorted({found[1] for found in listed if found}))


def hidden_value(value: str) -> str:
    return hashlib.md5(value.encode()).hexdigest()[:6].upper()


def hidden_host(host: str) -> str:
    return f"source-{hashlib.md5(host.encode()).hexdigest()[:8]}.com"


EMPTY = hidden_value("")


# ---- addresses


def host_of(url: str) -> str | None:
    """Return the host in lower case, without user info, port and trailing dot; None without a scheme or a host."""
    authority = re.split("[/?#]", url.partition("://")[2])[0]
    host = re.sub(":[0-9]*$", "", authority.rpartition("@")[2])
    return host.removesuffix(".").lower() or None


def parameters(shop: Shop, page: str) -> dict[str, str]:
    """Return the decoded parameters that have a value, of each name the first occurrence only."""
    found: dict[str, str] = {}
    for pair in page.partition("#")[0].partition("?")[2].split("&"):
        name, _, value = pair.partition("=")
        found.setdefault(name, "" if shop.contract.hides_values and value == EMPTY else decoded(value))
    return {name: value for name, value in found.items() if value}


def decoded(value: str) -> str:
    """Return a value percent-decoded until stable, at most twice; a plus sign as it stands is a blank."""
    text = value.replace("+", " ")
    for _ in range(2):  # bytes that are no character stay encoded
        text = re.sub(
            r"[\udc80-\udcff]", lambda m: f"%{ord(m[0]) - 0xDC00:02X}", unquote(text, errors="surrogateescape")
        )
    return text.strip()


# ---- evidence


@dataclass(frozen=True)
class Evidence:
    """The evidence of an event; two events with the same `identity` carry the same evidence."""

    identity: tuple[str, ...]
    source: str
    medium: str
    campaign: str | None
    channel: str


def meaning(shop: Shop, value: str | None) -> str | None:
    """Return a value, or the standard term whose hash it is; None if it says nothing."""
    text = (value or "").strip()
    if shop.contract.hides_values:
        text = shop.terms.get(text, text)
    return None if text.lower() in NO_EVIDENCE else text


def source_name(shop: Shop, value: str | None) -> str | None:
    """Return the source, an alias replaced by what it stands for."""
    found = meaning(shop, value)
    return meaning(shop, shop.aliases.get(found.lower(), found)) if found else None


def tagged(shop: Shop, source: str | None, medium: str | None, campaign: str | None) -> list[Evidence]:
    """Return the evidence of UTM parameters or source columns; a campaign alone is none."""
    name, kind, what = source_name(shop, source), meaning(shop, medium), meaning(shop, campaign)
    if not name and not kind:
        return []
    name, kind = name or "(not set)", kind or "(not set)"
    identity = ("tagged", name.lower(), kind.lower(), (what or "").lower())
    return [Evidence(identity, name, kind, what, channel_of(shop, name, kind, what))]


def referred(shop: Shop, host: str | None) -> list[Evidence]:
    """Return the evidence of a referrer's host, unless it is the shop's own or a payment provider's."""
    contract = shop.contract
    if host is None or host in shop.hidden_providers:
        return []
    if re.fullmatch(host_regexp((*contract.own_hosts, *contract.payment_hosts)), host):
        return []
    source, medium = host.removeprefix("www."), "referral"
    if host in shop.hosts:
        source = shop.hosts[host]
        medium = {"SEARCH": "organic", "AI": "ai-assistant"}.get(shop.categories.get(source, ""), "referral")
    return [Evidence(("referrer", host), source, medium, None, channel_of(shop, source, medium, None))]


def evidence_of(shop: Shop, query: dict[str, str], host: str | None, columns: dict[str, str | None]) -> list[Evidence]:
    """Return all evidence that an event carries, the strongest first.

    `query` has the page's parameters and `host` is the referrer's; of a confirmation page neither is given. `columns`
    has the values of the roles source, medium, campaign and channel.
    """
    if "channel" in shop.contract.roles:
        value = (columns["channel"] or "").strip()
        if value.lower() in NO_EVIDENCE:
            return []
        return [Evidence(("channel", value.lower()), value, "(not set)", None, mapped_channel(shop, value))]
    found = tagged(shop, query.get("utm_source"), query.get("utm_medium"), query.get("utm_campaign"))
    found += tagged(shop, columns["source"], columns["medium"], columns["campaign"])
    click_campaign = meaning(shop, query.get("utm_campaign")) or meaning(shop, columns["campaign"])
    for parameter in shop.click_ids:
        if parameter in query:
            network, kind = CLICK_IDS[parameter]
            channel = channel_of(shop, network, kind, click_campaign)
            found.append(Evidence(("click", parameter), network, kind, click_campaign, channel))
    return found + referred(shop, host)


# ---- channels


def mapped_channel(shop: Shop, value: str) -> str:
    """Return the contract's channel for a value of its channel column."""
    names = {channel.lower(): channel for channel in (name for name, _ in rules_of(shop, "", "", ""))}
    return shop.contract.channels.get(value.lower(), names.get(value.lower(), "Unassigned"))


def channel_of(shop: Shop, source: str, medium: str, campaign: str | None) -> str:
    """Return the channel by the owner's overrides, then by the table of channels in its order."""
    s, m, c = source.lower(), medium.lower(), (campaign or "").lower()
    for row in shop.overrides:
        if row["source"].lower() == s and row["medium"].lower() in ("", m):
            return str(row["channel"])
    return next((channel for channel, applies in rules_of(shop, s, m, c) if applies), "Unassigned")


def rules_of(shop: Shop, s: str, m: str, c: str) -> Iterable[tuple[str, bool]]:
    """Return each channel and whether its rule applies to source, medium and campaign in lower case."""
    category = shop.categories.get(s)
    is_paid, is_shopping = bool(PAID.match(m)), category == "SHOPPING" or bool(SHOPPING.match(c))
    return [
        ("Direct", s == "(direct)" and m in ("(none)", "(not set)")),
        ("Cross-network", "cross-network" in c),
        ("Paid Shopping", is_shopping and is_paid),
        ("Paid Search", category == "SEARCH" and is_paid),
        ("Paid Social", category == "SOCIAL" and is_paid),
        ("Paid Video", category == "VIDEO" and is_paid),
        ("Display", m in ("display", "banner", "expandable", "interstitial", "cpm")),
        ("Paid Other", is_paid),
        ("Organic Shopping", is_shopping),
        ("Organic Social", category == "SOCIAL" or m in SOCIAL),
        ("Organic Video", category == "VIDEO" or bool(VIDEO.match(m))),
        ("AI Assistant", category == "AI" or m == "ai-assistant"),
        ("Organic Search", category == "SEARCH" or m == "organic"),
        ("Referral", m in ("referral", "app", "link")),
        ("Email", s in EMAIL or m in EMAIL),
        ("Affiliates", m in ("affiliate", "affiliates")),
        ("Audio", m == "audio"),
        ("SMS", "sms" in (s, m)),
        ("Mobile Push Notifications", m.endswith("push") or "mobile" in m or "notification" in m or s == "firebase"),
    ]
