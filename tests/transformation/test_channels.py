"""Source, medium and channel of single events: each rule of the channel table, through the real SQL.

Every case is one page view of one file, plain and, where all its values are standard terms, hidden by their hash.
"""

import re
from typing import Any

import pytest
from command_kit import HEADER, cells
from commands import SCHEMA
from event_reference import hidden_host, hidden_value
from journeys import contract
from warehouse_kit import build, differences, rows

Case = tuple[str, str, str, str]
Visit = tuple[str, str, str | None, str | None, str | None]


def _cases(text: str) -> list[Case]:
    """Return the cases of a channel, each as source / medium / campaign, of which the last may be absent."""
    found: list[Case] = []
    for entry in re.sub(r"\n {4}", " ", text.strip()).split("\n"):
        channel, _, values = entry.partition(": ")
        for value in values.split("; ") if not entry.startswith("#") else ():
            source, medium, campaign, *_ = (*value.split(" / "), "", "")
            found.append((source, medium, campaign, channel))
    return found


# By the rule that a case is about, in the order of the rules; what another rule takes stands below it.
# Every value is a standard term, or the case is only plain.
TAGGED = _cases("""
# 1 Direct: what is written for no source is no evidence
: (direct) / (none); (direct) / (not set); (direct); (DIRECT) / (None); (direct) / (none) / cross-network;
    direct / (none)
# 2 Cross-network
Cross-network: google / cpc / cross-network; anything / whatever / Q1 Cross-Network 7
Paid Search: google / cpc / cross network
# 3 Paid Shopping
Paid Shopping: amazon / cpc; Google Shopping / ppc; google / cpc / shop; google / cpc / eshop sale; google / cpc /
    spring-shop; google / cpc / SHOPPING; google / cpc / photoshopping
Paid Search: google / cpc / photoshop; google / cpc / workshop; google / cpc / Workshop; google / cpc / a sho p
# 4 to 6 Paid Search, Social, Video
Paid Search: google / cpc; GOOGLE / CPC; bing / cpcx; google / xcp; google / ppc; google / retargeting; google /
    paid; google / Paid_Search; google / cpm
Organic Search: google / xppc; google / retargetings; google / unpaid
Paid Social: facebook / cpc; Instagram / paid_social; tiktok / paid
Organic Video: youtube / ppv
Paid Video: youtube / cpc; vimeo / cpm
# 7 Display
Display: somebody / display; somebody / Banner; somebody / expandable; somebody / interstitial; somebody / cpm;
    google / display
Unassigned: somebody / displays
# 8 Paid Other
Paid Other: somebody / cpa; somebody / cpcx;  / cpc; chatgpt.com / cpc
Unassigned: somebody / unpaid
# 9 Organic Shopping
Organic Shopping: amazon / referral; amazon; somebody / email / shop
Email: somebody / email / workshop
Referral: amazonia / referral
# 10 Organic Social
Organic Social: facebook / referral; Facebook; somebody / social; somebody / social-network; somebody /
    Social-Media; somebody / sm; somebody / social network; somebody / social media; facebook / email
Unassigned: somebody / social_media; somebody / smm
# 11 Organic Video
Organic Video: youtube / referral; somebody / Video-Ad; google / video
Unassigned: somebody / vide
# AI Assistant
AI Assistant: somebody / AI-Assistant; chatgpt.com; perplexity / referral; google / ai-assistant
Organic Video: youtube / ai-assistant
Unassigned: somebody / ai assistant
# 12 Organic Search
Organic Search: google / organic; duckduckgo / (not set); somebody / Organic; google / referral
Unassigned: googled; somebody / organics
# 13 Referral
Referral: somebody / referral; somebody / App; somebody / link; email / referral
Unassigned: somebody / linked
# 14 Email
Email: somebody / email; somebody / E-Mail; somebody / e_mail; somebody / e mail; email; e-mail / affiliate
Unassigned: somebody / emails; newsletter email
# 15 Affiliates
Affiliates: somebody / affiliate; somebody / Affiliates
Unassigned: somebody / affiliated; affiliate
# 16 Audio
Audio: somebody / audio
Unassigned: somebody / audio ad
# 17 SMS
SMS: sms; somebody / SMS; sms / webpush
Unassigned: somebody / smsx
# 18 Mobile Push Notifications
Mobile Push Notifications: somebody / push; somebody / webPush; somebody / in mobile app; somebody / a notification;
    Firebase
Unassigned: somebody / pushed; firebases
# Unassigned
Unassigned: somebody;  / something
""")
# What the shop's hash hides: each variant of a standard term, and nothing else.
HIDDEN: list[Case] = [
    (hidden_value("google"), hidden_value("cpc"), "", "Paid Search"),
    (hidden_value("Google"), hidden_value("CPC"), "", "Paid Search"),
    (hidden_value("GOOGLE"), hidden_value("Cpc"), "", "Paid Search"),
    (hidden_value("gOOGLE"), hidden_value("cpc"), "", "Paid Other"),  # a variant that nobody writes
    ("google", hidden_value("cpc"), "", "Paid Search"),
    ("A1B2C3", "7B4C8A", "", "Affiliates"),
    (hidden_value("google"), "D41D8C", "", "Organic Search"),
    ("D41D8C", hidden_value("email"), "", "Email"),
    (hidden_value("(direct)"), "D41D8C", "", ""),
    (hidden_value("Google Shopping"), hidden_value("CPC"), "", "Paid Shopping"),
    (hidden_value("YouTube"), "D41D8C", "", "Organic Video"),
    (hidden_value("google shopping"), hidden_value("cpc"), "", "Paid Shopping"),
    (hidden_value("somebody"), hidden_value("social media"), "", "Organic Social"),
    (hidden_value("facebook"), hidden_value("cpc"), hidden_value("cross-network"), "Cross-network"),
    (hidden_value("somebody"), hidden_value("nobody's medium"), "", "Unassigned"),
]
# Queries and referrers that are no touch: the first occurrence counts; no address; the shop's own hosts; providers.
NO_TOUCH_QUERIES = [
    "", "xgclid=x&gclidx=1", "gclid=&gclid=x", "a=1?utm_source=bing", "a=1#utm_source=bing&utm_medium=cpc",
    "a=1#x?utm_source=bing",
]  # fmt: skip
NO_TOUCH_REFERRERS = [
    "google.com", "about:blank", "https://puffy.com/", "https://Puffy.com/x", "https://checkout.puffy.com/",
    "https://share.puffy.com/", "https://shop.app/pay", "https://www.paypal.com/",
]  # fmt: skip
# Click ids of Google, and what stands beside them; a campaign alone is no source.
GOOGLE_QUERIES = [
    "gclid=x", "gbraid=x", "wbraid=x", "gad_source=1", "fbclid=x&gclid=x", "gclid=x&utm_campaign=y",
]  # fmt: skip
# query, referrer, source, medium, channel, by the order: UTM, click id, outside referrer.
UNTAGGED: list[Visit] = [
    *((query, "", None, None, None) for query in NO_TOUCH_QUERIES),
    *(("", referrer, None, None, None) for referrer in NO_TOUCH_REFERRERS),
    *((query, "", "google", "cpc", "Paid Search") for query in GOOGLE_QUERIES),
    ("msclkid=x", "", "bing", "cpc", "Paid Search"),
    ("ttclid=x", "", "tiktok", "paid", "Paid Social"),
    ("irclickid=x", "", "impact", "affiliate", "Affiliates"),
    ("sscid=x", "", "shareasale", "affiliate", "Affiliates"),
    ("awc=x", "", "awin", "affiliate", "Affiliates"),
    ("_kx=x", "", "klaviyo", "email", "Email"),
    ("srsltid=x", "", "google", "organic", "Organic Search"),
    ("dclid=x", "", "google", "cpm", "Paid Search"),
    ("yclid=x", "", "yandex", "cpc", "Paid Search"),
    ("twclid=x", "", "twitter", "paid", "Paid Social"),
    ("li_fat_id=x", "", "linkedin", "paid", "Paid Social"),
    ("rdt_cid=x", "", "reddit", "paid", "Paid Social"),
    ("epik=x", "", "pinterest", "paid", "Paid Social"),
    ("ScCid=x", "", "snapchat", "paid", "Paid Social"),
    ("fbclid=x", "", "facebook", "social", "Organic Social"),
    ("fbclid=x&_kx=x", "https://www.google.com/", "klaviyo", "email", "Email"),
    ("gclid=&fbclid=x", "", "facebook", "social", "Organic Social"),
    ("gclid=x&utm_medium=email", "", "(not set)", "email", "Email"),
    ("utm_source=bing&utm_source=facebook", "", "bing", "(not set)", "Organic Search"),
    ("utm_source=a+b%20c&utm_medium=e=mail", "", "a b c", "e=mail", "Unassigned"),
    # percent-encoded, twice at most
    ("utm_source=%47oogle&utm_medium=%63pc", "", "Google", "cpc", "Paid Search"),
    ("utm_source=x%2520y&utm_medium=e%2Dm%2541il", "", "x y", "e-mAil", "Email"),
    ("utm_source=x%25252Fy&utm_medium=a%2Bb", "", "x%2Fy", "a+b", "Unassigned"),
    ("utm_source=caf%C3%A9%20%E2%80%93%2&utm_medium=%zz%2%", "", "café –%2", "%zz%2%", "Unassigned"),
    (
        "utm_source=%E6%98%A5%20%f0%9f%9a%80%ED%95%9C&utm_medium=%25E6%2598%25A5%E6%98",
        "",
        "春 🚀한",
        "春%E6%98",
        "Unassigned",
    ),
    (
        "utm_source=%ED%A0%80%F0%9F%9A&utm_medium=%E6%98%7A%A5",
        "",
        "%ED%A0%80%F0%9F%9A",
        "%E6%98z%A5",
        "Unassigned",
    ),
    # the referrer
    ("", "https://www.google.com/", "google", "organic", "Organic Search"),
    ("", "https://WWW.GOOGLE.co.uk/search?q=x", "google", "organic", "Organic Search"),
    ("", "https://duckduckgo.com", "duckduckgo", "organic", "Organic Search"),
    ("", "https://bing.com?q=x/y", "bing", "organic", "Organic Search"),
    ("", "android-app://com.google.android.googlequicksearchbox/", "google", "organic", "Organic Search"),
    ("", "https://m.facebook.com/", "facebook.com", "referral", "Organic Social"),
    ("", "https://t.co/abc", "twitter", "referral", "Organic Social"),
    ("", "https://www.youtube.com/watch?v=1", "youtube.com", "referral", "Organic Video"),
    ("", "https://chatgpt.com/", "chatgpt.com", "ai-assistant", "AI Assistant"),
    ("", "https://www.google.com.gi/", "google", "organic", "Organic Search"),
    ("", "https://user@www.google.com.:443/", "google", "organic", "Organic Search"),
    ("", "https://checkout.puffy.com:443/", None, None, None),
    ("", "https://hooks.stripe.com./", None, None, None),
    ("", "https://m.lnkd.in/", "linkedin", "referral", "Organic Social"),
    ("", "https://www.rakuten.com/", "rakuten.com", "referral", "Referral"),
    ("", "https://www.cnn.com/", "cnn.com", "referral", "Referral"),
    ("", "https://www.comcast.net/", "comcast.net", "referral", "Referral"),
    ("", "https://partner.example/a", "partner.example", "referral", "Referral"),
    ("", "https://www.partner.example#x", "partner.example", "referral", "Referral"),
    ("", "https://www.partner.example/?u=https://www.google.com/", "partner.example", "referral", "Referral"),
    ("", "https://notgoogle.com/", "notgoogle.com", "referral", "Referral"),
    ("", "https://notpuffy.com/", "notpuffy.com", "referral", "Referral"),
    ("", "https://puffy.com.evil.example/", "puffy.com.evil.example", "referral", "Referral"),
    ("", "https://notpaypal.com/", "notpaypal.com", "referral", "Referral"),
    ("gclid=x", "https://shop.app/pay", "google", "cpc", "Paid Search"),
]
# The same behind the shop's hash of a host.
HIDDEN_HOSTS: list[Visit] = [
    ("", f"https://{hidden_host('www.google.de')}/", "google", "organic", "Organic Search"),
    ("", f"https://{hidden_host('duckduckgo.com')}/", "duckduckgo", "organic", "Organic Search"),
    ("", f"https://{hidden_host('l.instagram.com')}/", "instagram.com", "referral", "Organic Social"),
    ("", f"https://{hidden_host('chatgpt.com')}/", "chatgpt.com", "ai-assistant", "AI Assistant"),
    ("", f"https://{hidden_host('t.co')}/", "twitter", "referral", "Organic Social"),
    ("", f"https://{hidden_host('shop.app')}/", None, None, None),
    ("", f"https://{hidden_host('www.paypal.com')}/", None, None, None),
    ("", f"https://{hidden_host('js.stripe.com')}/", None, None, None),
    ("", f"https://{hidden_host('checkout.paypal.com')}/", None, None, None),
    ("", f"https://{hidden_host('www.google.com.gi')}/", "google", "organic", "Organic Search"),
    ("", f"https://{hidden_host('partner.example')}/", hidden_host("partner.example"), "referral", "Referral"),
    ("gclid=D41D8C", "", None, None, None),
    ("utm_source=D41D8C&gclid=A1B115", "", "google", "cpc", "Paid Search"),
]


def tagged(case: Case) -> str:
    parts = zip(("utm_source", "utm_medium", "utm_campaign"), case, strict=False)
    return "&".join(f"{name}={value.replace(' ', '+')}" for name, value in parts if value)


@pytest.fixture(scope="module", params=[True, False], ids=["hidden", "plain"])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return every event by its query and referrer, of a shop that hides values and of one that does not."""
    folder = tmp_path_factory.mktemp("channels")
    queries = [(tagged(case), "") for case in [*TAGGED, *HIDDEN]]
    queries += [(query, referrer) for query, referrer, *_ in [*UNTAGGED, *HIDDEN_HOSTS]]
    queries = list(dict.fromkeys(queries))
    lines = [HEADER]
    for number, (query, referrer) in enumerate(queries):
        at = f"2025-02-23T10:{number // 60:02}:{number % 60:02}.000Z"
        lines.append(cells(f"c{number}", f"https://puffy.com/?{query}", referrer, at, "page_viewed", "", "Mozilla"))
    (folder / "data").mkdir()
    (folder / "data" / "events_20250223.csv").write_text("\n".join(lines), encoding="utf-8")
    chosen = contract(SCHEMA, folder / "contract.yaml", request.param)
    build(folder / "data", folder / "warehouse.duckdb", chosen)
    events = rows(folder / "warehouse.duckdb", "from silver.events order by event_id")
    assert len(events) == len(queries)
    made = {"hidden": request.param, "folder": folder, "contract": chosen}
    return made | dict(zip(map(" ".join, queries), events, strict=True))


def test_the_reference_agrees(found: dict[str, Any]) -> None:
    files = [found["folder"] / "data" / "events_20250223.csv"]
    assert differences(found["folder"] / "warehouse.duckdb", files, found["contract"]) == []


@pytest.mark.parametrize("case", TAGGED, ids=" ".join)
def test_tagged(found: dict[str, Any], case: Case) -> None:
    event = found[tagged(case) + " "]
    assert event["channel"] == (case[3] or None)
    if case[3]:
        assert (event["source"], event["medium"]) == (case[0] or "(not set)", case[1] or "(not set)")
        assert (event["campaign"] or "") == case[2]


@pytest.mark.parametrize("case", HIDDEN, ids=" ".join)
def test_hidden_values(found: dict[str, Any], case: Case) -> None:
    """A shop with plain values means what it writes."""
    plain = "Unassigned" if case[0] != "google" else "Organic Search"
    assert found[tagged(case) + " "]["channel"] == ((case[3] or None) if found["hidden"] else plain)


@pytest.mark.parametrize("case", UNTAGGED, ids=lambda case: f"{case[0]} {case[1]}")
def test_click_ids_and_referrers(found: dict[str, Any], case: Visit) -> None:
    event = found[f"{case[0]} {case[1]}"]
    assert (event["source"], event["medium"], event["channel"]) == case[2:]


@pytest.mark.parametrize("case", HIDDEN_HOSTS, ids=lambda case: f"{case[0]} {case[1]}")
def test_hidden_hosts(found: dict[str, Any], case: Visit) -> None:
    event = found[f"{case[0]} {case[1]}"]
    if found["hidden"]:
        assert (event["source"], event["medium"], event["channel"]) == case[2:]
    elif "://" in case[1]:
        assert (event["source"], event["channel"]) == (case[1].split("/")[2], "Referral")
