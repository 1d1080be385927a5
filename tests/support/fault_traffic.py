"""Faults of journeys, traffic, privacy and volume."""

import re
from collections.abc import Callable
from datetime import timedelta
from random import Random

from fault_kit import ORDERS, POPUP, START, VIEW, Day, Row, day_fault, register, some

GOOGLEBOT = (
    "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/133.0.6943.126 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def _client(day: Day, row: Row, rng: Random) -> str:
    """A client id of the usual shape that nobody has."""
    return f"{int(day.time(row).timestamp())}-{''.join(rng.choices(LETTERS, k=12))}"


# --- journeys ---------------------------------------------------------------------------------------------


@day_fault("journeys", 0.9, expects="completions_above_starts orders_without_earlier_checkout event_volume")
def starts_removed(day: Day, severity: float, rng: Random) -> None:
    """More completions than starts."""
    day.remove(some(day.events(START), severity, rng))


@day_fault("journeys", 0.8, expects="steps_without_page_view rows_volume event_volume")
def views_removed(day: Day, severity: float, rng: Random) -> None:
    """Page views of the shop's pages are not tracked; those of cart and checkout are."""
    shop = [row for row in day.events(VIEW) if not re.search(r"/(cart|checkouts)\b", day.get(row, "page"))]
    day.remove(some(shop, severity, rng))


@day_fault("journeys", 1.0, "page", expects="campaign_shift")
def utm_stripped(day: Day, severity: float, rng: Random) -> None:
    """Pages without their utm parameters; click ids stay."""
    tagged = [row for row in day.having("page") if re.search(r"[?&]utm_", day.get(row, "page"))]
    for row in some(tagged, severity, rng):
        path, _, query = day.get(row, "page").partition("?")
        kept = [each for each in query.split("&") if each and not each.startswith("utm_")]
        day.set(row, "page", f"{path}?{'&'.join(kept)}" if kept else path)


@day_fault("journeys", 1.0, "referrer", expects="null_shift")
def foreign_referrers_stripped(day: Day, severity: float, rng: Random) -> None:
    """Referrers from outside are empty, the shop's own remain, as after a redirect or a stricter policy."""
    foreign = [row for row in day.having("referrer") if "puffy.com" not in day.get(row, "referrer")]
    for row in some(foreign, severity, rng):
        day.set(row, "referrer", "")


# --- traffic ----------------------------------------------------------------------------------------------


@day_fault("traffic", 1.0, "user_agent", expects="crawler_shift null_shift")
def crawler_flood(day: Day, severity: float, rng: Random) -> None:
    """As many views of a crawler as severity times the rows of the day."""
    added = []
    for row in some(day.events(VIEW), severity, rng) if day.index("user_agent") is not None else []:
        added.append(day.copy(row, timedelta(milliseconds=rng.randint(1000, 90_000))))
        for role, value in (("client", _client(day, row, rng)), ("referrer", ""), ("user_agent", GOOGLEBOT)):
            day.set(added[-1], role, value)
    day.insert(added)


@day_fault("traffic", 0.3, "user_agent", expects="crawlers_in_checkout")
def crawlers_in_checkout(day: Day, severity: float, rng: Random) -> None:
    """Checkouts and orders by a declared crawler."""
    for row in some(day.events(START, *ORDERS), severity, rng):
        day.set(row, "user_agent", GOOGLEBOT)


# --- privacy ----------------------------------------------------------------------------------------------


def _address(rng: Random) -> str:
    return f"{rng.choice(('jane.doe', 'sam.roe', 'kim.poe'))}{rng.randint(1, 999)}@example.com"


def _written_address(rng: Random) -> str:
    return _address(rng).replace("@", rng.choice(("@", "%40")))


def _parameter(name: str, value: Callable[[Random], str]) -> Callable[[Day, float, Random], None]:
    def mutate(day: Day, severity: float, rng: Random) -> None:
        for row in some(day.having("page"), severity, rng):
            page = day.get(row, "page")
            day.set(row, "page", f"{page}{'&' if '?' in page else '?'}{name}={value(rng)}")

    return mutate


CARDS = ("4111111111111111", "5555555555554444", "378282246310005", "4111-1111-1111-1111")  # public test numbers
for _name, _serious, _mutate, _expects in (
    ("email_in_url", 0.01, _parameter("email", _written_address), "email"),
    ("card_in_url", 0.005, _parameter("pan", lambda rng: rng.choice(CARDS)), "card"),
    ("phone_in_url", 0.01, _parameter("phone", lambda rng: f"%2B1415555{rng.randint(100, 199):04}"), "phone"),
):
    register(_name, "privacy", _serious, _mutate, "page", expects=f"{_expects}_exposed query_not_anonymised")


@day_fault("privacy", 0.3, "payload", expects="email_exposed payload_key_range")
def email_in_payload(day: Day, severity: float, rng: Random) -> None:
    """The address itself instead of its hash."""
    hashed = re.compile(r'("user_email":\s*")[0-9a-f]{64}"')
    for row in some([row for row in day.having("payload") if hashed.search(day.get(row, "payload"))], severity, rng):
        address = _address(rng)
        day.set(row, "payload", hashed.sub(rf'\g<1>{address}"', day.get(row, "payload")))


@day_fault("privacy", 0.3, "page", expects="query_not_anonymised")
def raw_query_values(day: Day, severity: float, rng: Random) -> None:
    """Query values as people and campaigns wrote them, not their hashes."""
    words = ("google", "cpc", "spring-sale", "queen", "Brand_US", "hero banner", "newsletter-0301", "true")
    hashed = re.compile(r"(?<==)[0-9A-F]{6}(?=&|$)")
    for row in some([row for row in day.having("page") if hashed.search(day.get(row, "page"))], severity, rng):
        page = hashed.sub(lambda found: rng.choice(words).replace(" ", "%20"), day.get(row, "page"))
        day.set(row, "page", page)


# --- volume -----------------------------------------------------------------------------------------------


@day_fault("volume", 1.0, expects="hours_without_events")
def hours_missing(day: Day, severity: float, rng: Random) -> None:
    """Three hours of the American day, 17:00 to 19:59 UTC."""
    day.remove(
        some([row for row in day.having("time") if day.get(row, "time")[11:13] in ("17", "18", "19")], severity, rng)
    )


@day_fault("volume", 0.85, expects="event_volume confirmations_without_order revenue_volume")
def orders_falling(day: Day, severity: float, rng: Random) -> None:
    """A share of the orders is not there."""
    day.remove(some(day.events(*ORDERS), severity, rng))


def _visitors(day: Day) -> list[list[Row]]:
    """Rows by client, so that journeys come and go as a whole; rows without an id each for themselves."""
    found: dict[str, list[Row]] = {}
    for number, row in enumerate(day.rows):
        found.setdefault(day.get(row, "client") or str(number), []).append(row)
    return list(found.values())


@day_fault("volume", 1.0, expects="rows_volume event_volume")
def traffic_tripled(day: Day, severity: float, rng: Random) -> None:
    """For every visitor two more with the same journey a little later; with severity below 1, for a share."""
    added = []
    for journey in _visitors(day):
        for _ in range(2):
            if rng.random() < severity:
                client, later = (_client(day, journey[0], rng), timedelta(milliseconds=rng.randint(1000, 600_000)))
                for row in journey:
                    if day.get(row, "event") not in (POPUP, *ORDERS):
                        added.append(day.copy(row, later))
                        day.set(added[-1], "client", client if day.get(row, "client") else "")
    day.insert(added)


@day_fault("volume", 0.7, expects="rows_volume revenue_volume")
def traffic_falling(day: Day, severity: float, rng: Random) -> None:
    """A share of the visitors is not there, with all they did."""
    journeys = _visitors(day)
    lost = rng.sample(range(len(journeys)), min(len(journeys), max(1, round(len(journeys) * severity))))
    day.remove([row for i in lost for row in journeys[i]])
