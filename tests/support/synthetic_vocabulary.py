"""The words that synthetic days are made of: pages, channels, products, rhythms."""

import hashlib
import re
from bisect import bisect
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple

from synthetic_browsers import BROWSERS, CRAWLERS, IN_APP

SHOP = "https://puffy.com"
CHECKOUT = "https://checkout.puffy.com"

# Hosts that the anonymisation leaves plain; every other foreign host is hashed.
PLAIN_HOSTS = {
    "www.google.com", "www.google.ca", "www.google.co.uk", "mail.google.com", "www.bing.com", "m.facebook.com",
    "com.google.android.googlequicksearchbox", "com.google.android.gm",
}  # fmt: skip


class Channel(NamedTuple):
    """One way into the shop. In a query, {a} {b} {c} stand for random tokens; one letter, one token."""

    weight: float
    queries: tuple[str, ...]
    referrers: tuple[str, ...]
    referred: float  # share of landings that carry a referrer
    app: str = ""  # in-app browser that many of these visitors use


_PARTNER = "oid=3&affid=12&sub1={b}&sub2=search&sub3=brand"
_GOOGLE = (
    "size=queen&sfdr_ptcid=11&sfdr_hash={c}&oid=3&affid=12&sub1={b}&gad_source=1&gbraid={c}&gclid={a}",
    "oid=3&affid=15&sub1={b}&sub2=shopping&sub3=brand&gad_source=1&gbraid={c}&gclid={a}",
    f"{_PARTNER}&gad_source=1&gclid={{a}}",
    f"utm_source=google&utm_medium=cpc&utm_campaign=brand&utm_content={{b}}&{_PARTNER}&gad_source=1&gclid={{a}}&_gl={{c}}",
    "utm_source=google&utm_medium=cpc&utm_campaign=cross-network&gad_source=1&gbraid={c}&gclid={a}&kind=hybrid",
    "set_view=lux&utm_campaign=shopping&oid=3&affid=15&gad_source=1&gclid={a}&kind=hybrid",
    "gad_source=2&gbraid={a}",
    "gad_source=1&wbraid={a}",
)
_FACEBOOK = (
    "affid=21&sub1={b}&fbclid={a}&utm_source=facebook&utm_medium=paid&ad_id={c}&utm_campaign=prospecting",
    "size=king&sfdr_ptcid=14&media_type=video&fbclid={a}&utm_source=ig&utm_medium=paid&utm_campaign=retargeting",
)
_FACEBOOK_HOSTS = ("https://m.facebook.com/", "https://l.facebook.com/", "https://lm.facebook.com/")
_AFFILIATE = "irclickid={a}&utm_source=impact&utm_medium=Affiliates&clickid={a}&sharedid={b}&im_ref={a}&irgwc=1"
_EMAIL = "utm_source=klaviyo&utm_medium=email&utm_campaign=spring-sale&utm_content=hero&bxid={b}&_kx={a}"
_MAIL_APPS = ("android-app://com.google.android.gm/", "https://mail.google.com/")
_BING = (
    "utm_source=bing&utm_medium=cpc&utm_campaign=brand&sub4={b}&msclkid={a}",
    "oid=3&affid=17&sub1={b}&msclkid={a}",
)
_TIKTOK = "utm_source=tiktok&utm_medium=paid&utm_campaign=prospecting&ttclid={a}"
_REVIEWS = tuple(
    f"https://{host}/{path}"
    for host in ("reviews.example", "sleep-lab.example", "bed-advice.example")
    for path in ("", "top10/", "best-mattress/", "compare/?page=2")
)

CHANNELS = (
    Channel(0.340, ("",), ("",), 0.0),
    Channel(0.235, _GOOGLE, ("https://www.google.com/",), 0.33),
    Channel(0.090, ("", "srsltid={a}", "srsltid={a}"), ("https://www.google.com/", "https://www.google.co.uk/"), 0.62),
    Channel(0.030, ("",), ("android-app://com.google.android.googlequicksearchbox/", "https://www.google.ca/"), 1.0),
    Channel(0.080, (_AFFILIATE, _AFFILIATE + "&size=queen", "type=mattress&" + _AFFILIATE), _REVIEWS, 0.45),
    Channel(0.010, ("sscid={a}", "awc={a}", "sscid={a}&size=full"), _REVIEWS, 0.5),
    Channel(0.060, _FACEBOOK, _FACEBOOK_HOSTS, 0.5, "facebook"),
    Channel(0.025, _FACEBOOK[1:], ("https://l.instagram.com/",), 0.45, "instagram"),
    Channel(0.012, ("fbclid={a}",), _FACEBOOK_HOSTS, 0.8, "facebook"),
    Channel(0.045, (_EMAIL, "variation=b&" + _EMAIL), _MAIL_APPS, 0.14),
    Channel(0.006, ("utm_source=attentive&utm_medium=sms&utm_campaign=spring-sale",), ("",), 0.0),
    Channel(0.025, _BING, ("https://www.bing.com/",), 0.5),
    Channel(0.010, ("",), ("https://www.bing.com/", "https://search.yahoo.com/", "https://duckduckgo.com/"), 1.0),
    Channel(0.006, (_TIKTOK,), ("https://www.tiktok.com/",), 0.5),
    Channel(0.004, ("epik={a}&utm_source=pinterest&utm_medium=social", ""), ("https://www.pinterest.com/",), 1.0),
    Channel(0.003, ("utm_source=chatgpt.com", ""), ("https://chatgpt.com/",), 1.0),
    Channel(0.019, ("",), (*_REVIEWS, "https://www.reddit.com/", "https://www.youtube.com/"), 1.0),
)

# Pages a visit may land on or pass by, with weights.
PAGES: tuple[tuple[str, float], ...] = (
    ("/products/puffy-mattress", 18.5), ("/", 16), ("/products/puffy-lux-mattress", 11),
    ("/products/puffy-royal-mattress", 3.4), ("/products/puffy-topper", 2.8),
    ("/pages/puffy-mattress-and-puffy-lux", 2.4), ("/products/puffy-zen-bed-frame", 2.1),
    ("/products/puffy-monarch-mattress", 1.9), ("/products/puffy-adjustable-base", 1.8),
    ("/pages/store-locator", 0.7), ("/pages/contact-puffy-mattress", 0.6), ("/collections/bed-frames", 0.6),
    ("/products/puffy-sheets", 0.5), ("/pages/puffy-mattress-reviews", 0.5),
    ("/products/puffy-mattress-protector", 0.4), ("/products/puffy-bed-frame", 0.4), ("/products/puffy-pillow", 0.4),
    ("/sleep-score", 0.4), ("/collections/bedding", 0.4), ("/products/puffy-foundation", 0.3),
    ("/products/puffy-comforter", 0.2), ("/products/puffy-blanket", 0.1), ("/pages/return-policy", 0.2),
    ("/pages/puffy-mattress-warranty", 0.1), ("/pages/financing", 0.1), ("/apps/track-your-order", 0.1),
    ("/collections/smart-bed-sets", 0.3), ("/pages/puffy-mattress-comparison", 0.2), ("/cart", 1.5),
)  # fmt: skip
_BLOGS = (
    "best-sleep", "best-sleep/mattress-size-guide", "best-sleep/how-to-clean-a-mattress",
    "best-sleep/memory-foam-or-hybrid", "best-sleep/how-long-does-a-mattress-last", "wellness/sleep-routine",
    "best-sleep/how-to-wash-a-comforter", "best-sleep/queen-or-king", "wellness/dreams-explained",
    "bedroom/small-bedroom-ideas", "bedroom/light-colours", "reviews/first-month-on-puffy",
    "best-sleep/adjustable-base-guide", "best-sleep/heated-blanket-care", "wellness/better-naps",
)  # fmt: skip
PAGES += tuple((f"/blogs/{slug}", 0.45) for slug in _BLOGS)
PAGE_QUERIES = ("", "", "", "", "size=queen", "size=king", "kind=hybrid", "step=2", "resultQuiz=lux", "feel=firm")


SIZES = {
    "Twin": '38"W x 75"L',
    "Twin XL": '38"W x 80"L',
    "Full": '54"W x 75"L',
    "Queen": '60"W x 80"L',
    "King": '76"W x 80"L',
    "Cal King": '72"W x 84"L',
    "Standard": "",
}


class Product(NamedTuple):
    """A product with its price in cents by size; extras are bought beside others and in larger quantities."""

    path: str
    name: str
    code: str
    style: str
    prices: dict[str, int]
    weight: float
    extra: bool = False

    def variant(self, size: str) -> str:
        """Return the variant as an order line calls it, with the measures of its size."""
        return f"{self.style}{size}  -  ({SIZES[size]})" if SIZES[size] else size


def _product(slug: str, name: str, code: str, style: str, dollars: str, weight: float, extra: bool = False) -> Product:
    sizes = [*SIZES][:-1] if " " in dollars else [*SIZES][-1:]
    prices = {size: int(price) * 100 for size, price in zip(sizes, dollars.split(), strict=True)}
    return Product(f"/products/puffy-{slug}", f"Puffy {name}", f"SYN-{code}", style, prices, weight, extra)


PRODUCTS = (
    _product("mattress", "Cloud Mattress", "CLOUD", "", "359 509 659 859 1009 1159", 24),
    _product("lux-mattress", "Lux Mattress", "LUX", "Hybrid / ", "659 809 1059 1289 1489 1599", 30),
    _product("royal-mattress", "Royal Mattress", "ROYAL", "Hybrid / ", "1219 1419 1819 2209 2479 2589", 8),
    _product("monarch-mattress", "Monarch Mattress", "MONARCH", "Hybrid / ", "1619 1919 2419 2819 3229 3339", 2),
    _product("adjustable-base", "Adjustable Base", "BASE", "", "829 879 1029 1189 1639 1699", 6),
    _product("topper", "Mattress Topper", "TOPPER", "Soft / ", "179 189 229 249 269 269", 24),
    _product("zen-bed-frame", "Zen Bed Frame", "ZEN", "Oak / ", "549 569 719 829 949 989", 4),
    _product("sheets", "Sheets Set", "SHEETS", "Polar Gray / ", "119 129 149 179 189 189", 7, True),
    _product("mattress-protector", "Mattress Protector", "PROT", "", "89 95 109 128 135 135", 8, True),
    _product("pillow", "Pillow", "PILLOW", "", "102", 6, True),
)
SIZE_WEIGHTS = {"Twin": 8, "Twin XL": 7, "Full": 10, "Queen": 36, "King": 30, "Cal King": 9, "Standard": 36}

# Share of a day's visits that begin in each hour (UTC): American evenings are early in the UTC day.
HOURS = (
    5.1, 6.2, 5.4, 5.3, 6.0, 3.6, 2.7, 2.2, 1.8, 1.6, 1.9, 2.1, 3.1, 3.9, 4.5, 4.7, 4.9, 5.3, 4.9, 4.9, 5.0, 4.7, 4.9,
    4.7,
)  # fmt: skip
# Traffic of Monday..Sunday relative to the week's mean.
WEEKDAYS = (1.08, 0.98, 0.88, 0.96, 0.92, 1.02, 1.16)


class Weighted:
    """Choose from values by weight with one random number."""

    def __init__(self, pairs: Sequence[tuple[str, float]]) -> None:
        self.values = [value for value, _ in pairs]
        self.bounds = list(accumulate(weight for _, weight in pairs))

    def pick(self, chance: float) -> str:
        return self.values[bisect(self.bounds, chance * self.bounds[-1])]


def anonymised_value(value: str) -> str:
    """Return the value of a query parameter as the export shows it."""
    return hashlib.md5(value.encode()).hexdigest()[:6].upper()


def anonymised_referrer(url: str) -> str:
    """Return the referrer as the export shows it: foreign hosts are hashed unless they are well known."""
    scheme, host, path = re.fullmatch(r"([a-z-]+)://([^/]+)(.*)", url).groups()  # type: ignore[union-attr]
    shown = host if host in PLAIN_HOSTS else f"source-{hashlib.md5(host.encode()).hexdigest()[:8]}.com"
    return f"{scheme}://{shown}{anonymised_query(path)}"


def anonymised_query(url: str) -> str:
    """Hash every query value of a URL, except the places of random tokens: {a}."""
    return re.sub(r"(?<==)[^&{}]+", lambda found: anonymised_value(found.group()), url)


def field(text: str) -> str:
    """Return a CSV field, quoted only when it must be."""
    return '"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text


class Words:
    """The vocabulary made ready: anonymised or plain, quoted for CSV, weights accumulated."""

    def __init__(self, anonymised: bool) -> None:
        query: Callable[[str], str] = anonymised_query if anonymised else str
        referrer: Callable[[str], str] = anonymised_referrer if anonymised else str
        self.anonymised = anonymised
        self.channels = CHANNELS
        self.channel_bounds = list(accumulate(channel.weight for channel in CHANNELS))
        self.queries = [[query("?" + text)[1:] for text in channel.queries] for channel in CHANNELS]
        self.referrers = [[referrer(url) if url else "" for url in channel.referrers] for channel in CHANNELS]
        self.pages = Weighted([(SHOP + path, weight) for path, weight in PAGES])
        self.page_queries = [query("?" + text)[1:] for text in PAGE_QUERIES]
        self.browsers = Weighted([(field(text), weight) for text, weight in BROWSERS])
        self.in_app = {
            name: Weighted([(field(text), weight) for text, weight in pairs]) for name, pairs in IN_APP.items()
        }
        self.crawlers = Weighted([(field(text), weight) for text, weight in CRAWLERS])
        self.product_bounds = list(accumulate(product.weight for product in PRODUCTS))
        self.sizes = [Weighted([(size, SIZE_WEIGHTS[size]) for size in p.prices]) for p in PRODUCTS]
        self.checkout_query = query("?auto_redirect=false&edge_redirect=true&locale=en-US&skip_shop_pay=true")
        self.processed_query = query("?completed=true&reload_receipt=true&skip_shop_pay=true")
