"""Source, medium and channel of single events: each rule of the channel table, through the real SQL.

Every case is one page view of one file, plain and, where all its values are standard terms, hidden by their hash.
"""

from pathlib import Path
from typing import Any

import pytest
from command_kit import HEADER, cells
from journeys import contract, host_hash, value_hash
from warehouse_kit import build, differences, rows

SCHEMA = Path(__file__).resolve().parents[2] / "part1-data-quality" / "schema.yaml"
Case = tuple[str, str, str, str]
Visit = tuple[str, str, str | None, str | None, str | None]

# source, medium, campaign (empty: absent), channel; every value is a standard term or the case is only plain.
TAGGED: list[Case] = [
    # 1 Direct
    ("(direct)", "(none)", "", "Direct"),
    ("(direct)", "(not set)", "", "Direct"),
    ("(direct)", "", "", "Direct"),  # no medium is (not set)
    ("(DIRECT)", "(None)", "", "Direct"),
    ("(direct)", "(none)", "cross-network", "Direct"),  # before rule 2
    ("(direct)", "email", "", "Email"),
    ("direct", "(none)", "", "Unassigned"),
    # 2 Cross-network
    ("google", "cpc", "cross-network", "Cross-network"),  # before Paid Search
    ("anything", "whatever", "Q1 Cross-Network 7", "Cross-network"),
    ("google", "cpc", "cross network", "Paid Search"),
    # 3 Paid Shopping
    ("amazon", "cpc", "", "Paid Shopping"),
    ("Google Shopping", "ppc", "", "Paid Shopping"),
    ("google", "cpc", "shop", "Paid Shopping"),  # before Paid Search
    ("google", "cpc", "eshop sale", "Paid Shopping"),
    ("google", "cpc", "spring-shop", "Paid Shopping"),
    ("google", "cpc", "SHOPPING", "Paid Shopping"),
    ("google", "cpc", "photoshopping", "Paid Shopping"),
    ("google", "cpc", "photoshop", "Paid Search"),
    ("google", "cpc", "workshop", "Paid Search"),
    ("google", "cpc", "Workshop", "Paid Search"),
    ("google", "cpc", "a sho p", "Paid Search"),
    # 4 to 6 Paid Search, Social, Video
    ("google", "cpc", "", "Paid Search"),
    ("GOOGLE", "CPC", "", "Paid Search"),
    ("bing", "cpcx", "", "Paid Search"),
    ("google", "xcp", "", "Paid Search"),
    ("google", "ppc", "", "Paid Search"),
    ("google", "retargeting", "", "Paid Search"),
    ("google", "paid", "", "Paid Search"),
    ("google", "Paid_Search", "", "Paid Search"),
    ("google", "cpm", "", "Paid Search"),  # contains cp, and stands before Display
    ("google", "xppc", "", "Organic Search"),
    ("google", "retargetings", "", "Organic Search"),
    ("google", "unpaid", "", "Organic Search"),
    ("facebook", "cpc", "", "Paid Social"),
    ("Instagram", "paid_social", "", "Paid Social"),
    ("tiktok", "paid", "", "Paid Social"),
    ("youtube", "ppv", "", "Organic Video"),
    ("youtube", "cpc", "", "Paid Video"),
    ("vimeo", "cpm", "", "Paid Video"),
    # 7 Display
    ("somebody", "display", "", "Display"),
    ("somebody", "Banner", "", "Display"),
    ("somebody", "expandable", "", "Display"),
    ("somebody", "interstitial", "", "Display"),
    ("somebody", "cpm", "", "Display"),  # before Paid Other
    ("google", "display", "", "Display"),  # before Organic Search
    ("somebody", "displays", "", "Unassigned"),
    # 8 Paid Other
    ("somebody", "cpa", "", "Paid Other"),
    ("somebody", "cpcx", "", "Paid Other"),
    ("", "cpc", "", "Paid Other"),
    ("chatgpt.com", "cpc", "", "Paid Other"),  # before AI Assistant
    ("somebody", "unpaid", "", "Unassigned"),
    # 9 Organic Shopping
    ("amazon", "referral", "", "Organic Shopping"),  # before Referral
    ("amazon", "", "", "Organic Shopping"),
    ("somebody", "email", "shop", "Organic Shopping"),  # before Email
    ("somebody", "email", "workshop", "Email"),
    ("amazonia", "referral", "", "Referral"),
    # 10 Organic Social
    ("facebook", "referral", "", "Organic Social"),
    ("Facebook", "", "", "Organic Social"),
    ("somebody", "social", "", "Organic Social"),
    ("somebody", "social-network", "", "Organic Social"),
    ("somebody", "Social-Media", "", "Organic Social"),
    ("somebody", "sm", "", "Organic Social"),
    ("somebody", "social network", "", "Organic Social"),
    ("somebody", "social media", "", "Organic Social"),
    ("facebook", "email", "", "Organic Social"),  # before Email
    ("somebody", "social_media", "", "Unassigned"),
    ("somebody", "smm", "", "Unassigned"),
    # 11 Organic Video
    ("youtube", "referral", "", "Organic Video"),
    ("somebody", "Video-Ad", "", "Organic Video"),
    ("google", "video", "", "Organic Video"),  # before Organic Search
    ("somebody", "vide", "", "Unassigned"),
    # AI Assistant
    ("somebody", "AI-Assistant", "", "AI Assistant"),
    ("chatgpt.com", "", "", "AI Assistant"),
    ("perplexity", "referral", "", "AI Assistant"),
    ("google", "ai-assistant", "", "AI Assistant"),  # before Organic Search
    ("youtube", "ai-assistant", "", "Organic Video"),  # after Organic Video
    ("somebody", "ai assistant", "", "Unassigned"),
    # 12 Organic Search
    ("google", "organic", "", "Organic Search"),
    ("duckduckgo", "(not set)", "", "Organic Search"),
    ("somebody", "Organic", "", "Organic Search"),
    ("google", "referral", "", "Organic Search"),  # before Referral
    ("googled", "", "", "Unassigned"),
    ("somebody", "organics", "", "Unassigned"),
    # 13 Referral
    ("somebody", "referral", "", "Referral"),
    ("somebody", "App", "", "Referral"),
    ("somebody", "link", "", "Referral"),
    ("email", "referral", "", "Referral"),  # before Email
    ("somebody", "linked", "", "Unassigned"),
    # 14 Email
    ("somebody", "email", "", "Email"),
    ("somebody", "E-Mail", "", "Email"),
    ("somebody", "e_mail", "", "Email"),
    ("somebody", "e mail", "", "Email"),
    ("email", "", "", "Email"),
    ("e-mail", "affiliate", "", "Email"),  # before Affiliates
    ("somebody", "emails", "", "Unassigned"),
    ("newsletter email", "", "", "Unassigned"),
    # 15 Affiliates
    ("somebody", "affiliate", "", "Affiliates"),
    ("somebody", "Affiliates", "", "Affiliates"),
    ("somebody", "affiliated", "", "Unassigned"),
    ("affiliate", "", "", "Unassigned"),
    # 16 Audio
    ("somebody", "audio", "", "Audio"),
    ("somebody", "audio ad", "", "Unassigned"),
    # 17 SMS
    ("sms", "", "", "SMS"),
    ("somebody", "SMS", "", "SMS"),
    ("sms", "webpush", "", "SMS"),  # before Mobile Push Notifications
    ("somebody", "smsx", "", "Unassigned"),
    # 18 Mobile Push Notifications
    ("somebody", "push", "", "Mobile Push Notifications"),
    ("somebody", "webPush", "", "Mobile Push Notifications"),
    ("somebody", "in mobile app", "", "Mobile Push Notifications"),
    ("somebody", "a notification", "", "Mobile Push Notifications"),
    ("Firebase", "", "", "Mobile Push Notifications"),
    ("somebody", "pushed", "", "Unassigned"),
    ("firebases", "", "", "Unassigned"),
    # Unassigned
    ("somebody", "", "", "Unassigned"),
    ("", "something", "", "Unassigned"),
]  # fmt: skip
# What the shop's hash hides: each variant of a standard term, and nothing else.
HIDDEN: list[Case] = [
    (value_hash("google"), value_hash("cpc"), "", "Paid Search"),
    (value_hash("Google"), value_hash("CPC"), "", "Paid Search"),
    (value_hash("GOOGLE"), value_hash("Cpc"), "", "Paid Search"),
    (value_hash("gOOGLE"), value_hash("cpc"), "", "Paid Other"),  # a variant that nobody writes
    ("google", value_hash("cpc"), "", "Paid Search"),
    ("A1B2C3", "7B4C8A", "", "Affiliates"),
    (value_hash("google"), "D41D8C", "", "Organic Search"),
    ("D41D8C", value_hash("email"), "", "Email"),
    (value_hash("(direct)"), "D41D8C", "", "Unassigned"),
    (value_hash("google shopping"), value_hash("cpc"), "", "Paid Shopping"),
    (value_hash("somebody"), value_hash("social media"), "", "Organic Social"),
    (value_hash("facebook"), value_hash("cpc"), value_hash("cross-network"), "Cross-network"),
    (value_hash("somebody"), value_hash("nobody's medium"), "", "Unassigned"),
]
# query, referrer, source, medium, channel, by the order: UTM, click id, outside referrer.
UNTAGGED: list[Visit] = [
    ("", "", None, None, None),
    ("gclid=x", "", "google", "cpc", "Paid Search"),
    ("gbraid=x", "", "google", "cpc", "Paid Search"),
    ("wbraid=x", "", "google", "cpc", "Paid Search"),
    ("gad_source=1", "", "google", "cpc", "Paid Search"),
    ("msclkid=x", "", "bing", "cpc", "Paid Search"),
    ("ttclid=x", "", "tiktok", "paid", "Paid Social"),
    ("irclickid=x", "", "impact", "affiliate", "Affiliates"),
    ("sscid=x", "", "shareasale", "affiliate", "Affiliates"),
    ("awc=x", "", "awin", "affiliate", "Affiliates"),
    ("_kx=x", "", "klaviyo", "email", "Email"),
    ("srsltid=x", "", "google shopping", "organic", "Organic Shopping"),
    ("fbclid=x", "", "facebook", "social", "Organic Social"),
    ("fbclid=x&gclid=x", "", "google", "cpc", "Paid Search"),
    ("fbclid=x&_kx=x", "https://www.google.com/", "klaviyo", "email", "Email"),
    ("gclid=&fbclid=x", "", "facebook", "social", "Organic Social"),
    ("xgclid=x&gclidx=1", "", None, None, None),
    ("gclid=&gclid=x", "", None, None, None),  # the first occurrence counts
    ("gclid=x&utm_campaign=y", "", "google", "cpc", "Paid Search"),  # a campaign alone is no source
    ("gclid=x&utm_medium=email", "", "(not set)", "email", "Email"),
    ("utm_source=bing&utm_source=facebook", "", "bing", "(not set)", "Organic Search"),
    ("utm_source=a+b%20c&utm_medium=e=mail", "", "a b c", "e=mail", "Unassigned"),
    ("a=1?utm_source=bing", "", None, None, None),
    ("a=1#utm_source=bing&utm_medium=cpc", "", None, None, None),
    ("a=1#x?utm_source=bing", "", None, None, None),
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
    ("", "https://partner.example/a", "partner.example", "referral", "Referral"),
    ("", "https://www.partner.example#x", "partner.example", "referral", "Referral"),
    ("", "https://www.partner.example/?u=https://www.google.com/", "partner.example", "referral", "Referral"),
    ("", "https://notgoogle.com/", "notgoogle.com", "referral", "Referral"),
    ("", "google.com", None, None, None),  # no address
    ("", "about:blank", None, None, None),
    # the shop's own hosts and payment providers
    ("", "https://puffy.com/", None, None, None),
    ("", "https://Puffy.com/x", None, None, None),
    ("", "https://checkout.puffy.com/", None, None, None),
    ("", "https://share.puffy.com/", None, None, None),
    ("", "https://notpuffy.com/", "notpuffy.com", "referral", "Referral"),
    ("", "https://puffy.com.evil.example/", "puffy.com.evil.example", "referral", "Referral"),
    ("", "https://shop.app/pay", None, None, None),
    ("", "https://www.paypal.com/", None, None, None),
    ("", "https://notpaypal.com/", "notpaypal.com", "referral", "Referral"),
    ("gclid=x", "https://shop.app/pay", "google", "cpc", "Paid Search"),
]
# The same behind the shop's hash of a host.
HIDDEN_HOSTS: list[Visit] = [
    ("", f"https://{host_hash('www.google.de')}/", "google", "organic", "Organic Search"),
    ("", f"https://{host_hash('duckduckgo.com')}/", "duckduckgo", "organic", "Organic Search"),
    ("", f"https://{host_hash('l.instagram.com')}/", "instagram.com", "referral", "Organic Social"),
    ("", f"https://{host_hash('chatgpt.com')}/", "chatgpt.com", "ai-assistant", "AI Assistant"),
    ("", f"https://{host_hash('t.co')}/", "twitter", "referral", "Organic Social"),
    ("", f"https://{host_hash('shop.app')}/", None, None, None),
    ("", f"https://{host_hash('www.paypal.com')}/", None, None, None),
    ("", f"https://{host_hash('partner.example')}/", host_hash("partner.example"), "referral", "Referral"),
    ("gclid=D41D8C", "", None, None, None),
    ("utm_source=D41D8C&gclid=A1B115", "", "google", "cpc", "Paid Search"),
]


def tagged(case: Case) -> str:
    parts = zip(("utm_source", "utm_medium", "utm_campaign"), case, strict=False)
    return "&".join(f"{name}={value.replace(' ', '+')}" for name, value in parts if value)


@pytest.fixture(scope="module", params=[True, False], ids=["hidden", "plain"])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Every event by its query and referrer, of a shop that hides values and of one that does not."""
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
    wrong = differences(folder / "warehouse.duckdb", [folder / "data" / "events_20250223.csv"], chosen)
    return {"hidden": request.param, "wrong": wrong} | dict(zip(map(" ".join, queries), events, strict=True))


def test_the_reference_agrees(found: dict[str, Any]) -> None:
    assert found["wrong"] == []


@pytest.mark.parametrize("case", TAGGED, ids=" ".join)
def test_tagged(found: dict[str, Any], case: Case) -> None:
    event = found[tagged(case) + " "]
    assert event["channel"] == case[3]
    assert (event["source"], event["medium"]) == (case[0] or "(not set)", case[1] or "(not set)")
    assert (event["campaign"] or "") == case[2]


@pytest.mark.parametrize("case", HIDDEN, ids=" ".join)
def test_hidden_values(found: dict[str, Any], case: Case) -> None:
    """A shop with plain values means what it writes."""
    plain = "Unassigned" if case[0] != "google" else "Organic Search"
    assert found[tagged(case) + " "]["channel"] == (case[3] if found["hidden"] else plain)


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
