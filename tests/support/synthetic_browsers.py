"""User agents of synthetic traffic with their weights: browsers of people, and declared crawlers."""

_IOS = (
    ("18_3_1", "18.3", 60), ("18_1_1", "18.1.1", 10), ("17_6_1", "17.6", 6), ("18_2_1", "18.2", 4),
    ("18_3", "18.3", 3), ("17_5_1", "17.5", 3), ("16_7_10", "16.6", 2), ("18_4", "18.4", 1),
    ("18_1", "18.1", 1), ("18_0_1", "18.0.1", 1), ("17_4_1", "17.4.1", 1), ("15_8_3", "15.6", 1),
    ("17_3_1", "17.3.1", 1), ("16_6_1", "16.6", 1),
)  # fmt: skip
_CHROME = tuple((version, 90.0 if version == 133 else 6.0 if version > 130 else 1.0) for version in range(109, 135))
_WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_ANDROID = "Mozilla/5.0 (Linux; Android 10; K)"
_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
_BLINK = "AppleWebKit/537.36 (KHTML, like Gecko)"
_SAMSUNG = (
    "SM-S928U", "SM-S918U", "SM-A156U", "SM-S908U", "SM-G991U", "SM-A546U", "SM-F946U", "SM-N986U", "SM-A235U",
)  # fmt: skip


def _apple_browsers() -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for os, version, weight in _IOS:
        for device, share in (("iPhone; CPU iPhone", 1.0), ("iPad; CPU", 0.03)):
            head = f"Mozilla/5.0 ({device} OS {os} like Mac OS X) {_WEBKIT}"
            found.append((f"{head} Version/{version} Mobile/15E148 Safari/604.1", weight * share))
            found += [
                (f"{head} CriOS/{build} Mobile/15E148 Safari/604.1", weight * share * 0.06)
                for build in ("133.0.6943.120", "134.0.6998.33", "132.0.6834.100")
            ]
            found += [
                (f"{head} GSA/{build} Mobile/15E148 Safari/604.1", weight * share * 0.05)
                for build in ("357.0.729240823", "358.1.731895952")
            ]
    versions = (("18.3", 11.0), ("17.6", 1.6), ("18.1.1", 1.2), ("16.6", 0.8), ("17.5", 0.5), ("18.2", 0.5))
    found += [(f"{_MAC} {_WEBKIT} Version/{version} Safari/605.1.15", weight) for version, weight in versions]
    return found


def _other_browsers() -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for version, weight in _CHROME:
        chrome = f"{_BLINK} Chrome/{version}.0.0.0"
        found += [
            (f"{_ANDROID} {chrome} Mobile Safari/537.36", weight * 0.45),
            (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {chrome} Safari/537.36", weight * 0.26),
            (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {chrome} Safari/537.36 Edg/{version}.0.0.0", weight * 0.15),
            (f"{_MAC} {chrome} Safari/537.36", weight * 0.06),
            (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {chrome} Safari/537.36", weight * 0.01),
        ]
        for system in ("Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10.15"):
            found.append((f"Mozilla/5.0 ({system}; rv:{version}.0) Gecko/20100101 Firefox/{version}.0", weight * 0.013))
    found += [
        (f"{_ANDROID} {_BLINK} SamsungBrowser/{version}.0 Chrome/{chrome}.0.0.0 Mobile Safari/537.36", weight)
        for version, chrome, weight in ((27, 125, 5.0), (26, 122, 0.5), (25, 121, 0.3))
    ]
    return found


def _in_app(name: str) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for os, _, weight in _IOS[:6]:
        head = f"Mozilla/5.0 (iPhone; CPU iPhone OS {os} like Mac OS X) {_WEBKIT} Mobile/15E148"
        for number in range(11, 17):
            model = f"iPhone{number},{1 + number % 4}"
            tail = (
                f"[FBAN/FBIOS;FBAV/501.0.0.49.107;FBBV/699723644;FBDV/{model};FBMD/iPhone;FBSN/iOS;FBSV/{os};FBLC/en_US]"
                if name == "facebook"
                else f"Instagram 366.0.0.20.91 ({model}; iOS {os}; en_US; en; scale=3.00)"
            )
            found.append((f"{head} {tail}", weight))
    for model in _SAMSUNG:
        system = f"Linux; Android 14; {model} Build/UP1A.231005.007; wv"
        head = f"Mozilla/5.0 ({system}) {_BLINK} Version/4.0 Chrome/133.0.6943.50"
        instagram = "Instagram 366.0.0.20.91 Android (34/14; en_US)"
        tail = "[FB_IAB/FB4A;FBAV/501.0.0.49.107;]" if name == "facebook" else instagram
        found.append((f"{head} Mobile Safari/537.36 {tail}", 8.0))
    return found


BROWSERS: tuple[tuple[str, float], ...] = (*_apple_browsers(), *_other_browsers())
IN_APP = {name: tuple(_in_app(name)) for name in ("facebook", "instagram")}

_NEXUS = "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P)"
_GOOGLEBOT = "compatible; Googlebot/2.1; +http://www.google.com/bot.html"
_BINGBOT = "compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm"
CRAWLERS: tuple[tuple[str, float], ...] = (
    *(
        (f"{_NEXUS} {_BLINK} Chrome/133.0.6943.{build} Mobile Safari/537.36 ({_GOOGLEBOT})", weight)
        for build, weight in ((126, 34.0), (53, 24.0), (141, 11.0))
    ),
    ("Mozilla/5.0 (compatible; AhrefsSiteAudit/6.1; +http://ahrefs.com/robot/site-audit)", 18.0),
    ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", 4.0),
    ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", 4.0),
    (f"Mozilla/5.0 ({_GOOGLEBOT})", 1.5),
    ("AdsBot-Google (+http://www.google.com/adsbot.html)", 1.0),
    (f"Mozilla/5.0 (X11; Linux x86_64) {_BLINK} HeadlessChrome/131.0.6778.33 Safari/537.36", 1.5),
    (f"Mozilla/5.0 {_BLINK[:-1]}; {_BINGBOT}) Chrome/112.0.0.0 Safari/537.36", 0.7),
    ("Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", 0.3),
)
