"""Write synthetic days of web events: believable traffic in the columns and dialect of the real export.

The same arguments give the same bytes on every machine: chance comes from random.random() alone, whose
sequence Python guarantees. Memory does not grow with the number of days: a day is streamed in order of
time, and only a bounded pool of recent visitors and the visits under way are held.
"""

import argparse
import base64
import hashlib
import heapq
import json
import sys
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, count
from pathlib import Path
from random import Random
from typing import NamedTuple, TextIO

from synthetic_vocabulary import CHECKOUT, HOURS, PRODUCTS, SHOP, WEEKDAYS, Weighted, Words, field

COLUMNS = ("client_id", "page_url", "referrer", "timestamp", "event_name", "event_data", "user_agent")
RENAMED_FROM_DAY = 5  # incident: client_id is called clientId from here on; the first day is 1
NO_REFERRER_FROM_DAY = 10  # incident: the column referrer is gone from this day on

DAY = 86_400_000  # milliseconds
HOURS_TOTAL = list(accumulate(HOURS))[-1]  # not sum(): its rounding differs between versions of Python
ROWS_PER_VISIT = 1.379  # measured over the mixture of visits below
# A visit's kind: weight, and the share of such visits made by visitors already known.
VISITS = {
    "browse": (540.0, 0.04),
    "crawl": (120.0, 0.0),
    "cart": (23.2, 0.12),
    "start": (10.6, 0.25),
    "popup": (10.3, 0.0),
    "order": (5.9, 0.35),
}
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Visitor(NamedTuple):
    """A browser: its cookie, its user agent as a CSV field, and the person behind it."""

    client: str
    browser: str
    person: int
    shared: bool  # the person already has a second browser; an address never belongs to a third


# Milliseconds since 1970, a running number, then the columns without the timestamp.
Event = tuple[int, int, str, str, str, str, str, str]


class Traffic:
    """The stream of events of one shop, day after day."""

    def __init__(self, seed: int, events_per_day: int, anonymised: bool) -> None:
        self.seed = seed
        self.words = Words(anonymised)
        self.events_per_day = events_per_day
        self.pool: list[Visitor] = []
        self.pool_limit = min(max(events_per_day, 300), 100_000)
        # New visitors enter the full pool at a rate that lets the others stay for about a week.
        self.pool_entry = min(1.0, self.pool_limit / (events_per_day * 0.5 * 7))
        self.pending: list[Event] = []
        self.number = count()
        self.people = count(1)
        self.order_numbers: dict[int, int] = defaultdict(lambda: 100)
        self.kinds = Weighted([(kind, weight) for kind, (weight, _) in VISITS.items()])
        self.chance = Random(f"{seed}").random

    def day(self, day: date) -> Iterator[Event]:
        """Yield the day's events in order of time; visits under way at midnight go on into the next day."""
        self.chance = chance = Random(f"{self.seed}-{day.isoformat()}").random
        midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000
        for hour_starts in self._starts(day):
            for start in hour_starts:
                at = midnight + start
                while self.pending and self.pending[0][0] <= at:
                    yield heapq.heappop(self.pending)
                self._visit(at, self.kinds.pick(chance()))
        while self.pending and self.pending[0][0] < midnight + DAY:
            yield heapq.heappop(self.pending)

    def _starts(self, day: date) -> Iterator[list[int]]:
        """Milliseconds of the day at which visits begin, an hour at a time: rhythm and noise."""
        noise = 1 + 0.1 * (self.chance() + self.chance() + self.chance() - 1.5)
        visits = self.events_per_day / ROWS_PER_VISIT * WEEKDAYS[day.weekday()] * noise
        done, due = 0, 0.0
        for hour, weight in enumerate(HOURS):
            due += visits * weight / HOURS_TOTAL * (1 + 0.3 * (self.chance() - 0.5))
            yield sorted(hour * 3_600_000 + int(self.chance() * 3_600_000) for _ in range(round(due) - done))
            done = round(due)

    def _client(self, at: int) -> str:
        """A cookie whose first-seen second is now, or for some visitors weeks ago."""
        chance = self.chance
        age = chance() * 30 if chance() < 0.85 else chance() * chance() * chance() * 86_400 * 200
        bits = int(chance() * 62**6) * 62**6 + int(chance() * 62**6)
        letters = []
        for _ in range(12):
            bits, letter = divmod(bits, 62)
            letters.append(ALPHABET[letter])
        return f"{at // 1000 - int(age)}-{''.join(letters)}"

    def _visitor(self, at: int, known: float, app: str) -> Visitor:
        """Somebody from the pool with the given chance, else somebody new."""
        chance, pool = self.chance, self.pool
        if pool and chance() < known:
            return pool[int(chance() * len(pool))]
        browsers = self.words.in_app[app] if app and chance() < 0.7 else self.words.browsers
        client, browser, place = self._client(at), browsers.pick(chance()), -1
        if len(pool) == self.pool_limit:
            place = int(chance() * self.pool_limit)
            if chance() >= self.pool_entry:
                return Visitor(client, browser, next(self.people), False)
            if chance() < 0.05 and not pool[place].shared:  # a person's second device replaces the first
                pool[place] = Visitor(client, browser, pool[place].person, True)
                return pool[place]
        visitor = Visitor(client, browser, next(self.people), False)
        if place < 0:
            pool.append(visitor)
        else:
            pool[place] = visitor
        return visitor

    def _email(self, person: int) -> str:
        return hashlib.sha256(f"person-{self.seed}-{person}@synthetic.example".encode()).hexdigest()

    def _emit(
        self, at: int, visitor: Visitor, url: str, referrer: str, name: str = "page_viewed", data: str = ""
    ) -> None:
        event = (at, next(self.number), visitor.client, url, referrer, name, data, visitor.browser)
        heapq.heappush(self.pending, event)

    def _later(self, at: int) -> int:
        """A moment after `at`: seconds to minutes, mostly short."""
        chance = self.chance
        return at + 3_000 + int(chance() * chance() * chance() * 300_000)

    def _token(self) -> str:
        """A random token in a query, hashed like every value when values are anonymised."""
        value = int(self.chance() * 2**48)
        return f"{value % 2**24:06X}" if self.words.anonymised else f"Cj0KCQ{value:012x}"

    def _landing(self, channel: int, path: str) -> str:
        queries = self.words.queries[channel]
        query = queries[int(self.chance() * len(queries))]
        if "{" in query:
            query = query.format(a=self._token(), b=self._token(), c=self._token())
        return f"{path}?{query}" if query else path

    def _visit(self, at: int, kind: str) -> None:
        if kind == "crawl":
            return self._crawl(at)
        chance, words = self.chance, self.words
        channel = bisect(words.channel_bounds, chance() * words.channel_bounds[-1])
        way = words.channels[channel]
        visitor = self._visitor(at, VISITS[kind][1], way.app)
        product = bisect(words.product_bounds, chance() * words.product_bounds[-1])
        if kind == "order" and chance() < 0.06:  # the browser blocked the tracking until the last page
            return self._complete(at, visitor, self._checkout_url(), product)
        by_product = kind != "browse" and chance() >= 0.4
        landing = SHOP + PRODUCTS[product].path if by_product else words.pages.pick(chance())
        referrers = words.referrers[channel]
        referrer = referrers[int(chance() * len(referrers))] if chance() < way.referred else ""
        if kind == "browse" and chance() < 0.004:  # cookies refused: a page view without an id
            visitor = visitor._replace(client="")
            return self._emit(at, visitor, self._landing(channel, landing), referrer)
        self._emit(at, visitor, self._landing(channel, landing), referrer)
        pages = int(chance() * chance() * 1.4) + (chance() < 0.05) if kind == "browse" else int(chance() * 2.4)
        for _ in range(pages):
            at = self._later(at)
            query = words.page_queries[int(chance() * len(words.page_queries))]
            page = words.pages.pick(chance())
            self._emit(at, visitor, f"{page}?{query}" if query else page, landing if chance() < 0.25 else "")
        if kind == "popup" or (kind == "order" and chance() < 0.05):
            at = self._later(at)
            data = f'{{"user_email":"{self._email(visitor.person)}"}}'
            self._emit(at, visitor, landing, "", "email_filled_on_popup", field(data))
        if kind in ("cart", "start", "order"):
            self._cart(at, visitor, product, kind)

    def _crawl(self, at: int) -> None:
        """A declared crawler sees one page; it keeps no cookie, so it is a new client each time, or none."""
        client = "" if self.chance() < 0.032 else self._client(at)
        visitor = Visitor(client, self.words.crawlers.pick(self.chance()), 0, False)
        referrer = "https://puffy.com/" if self.chance() < 0.12 else ""
        self._emit(at, visitor, self.words.pages.pick(self.chance()), referrer)

    def _cart(self, at: int, visitor: Visitor, product: int, kind: str) -> None:
        """Product page, cart, and as far as the visit goes: checkout, order."""
        chance, words, page = self.chance, self.words, SHOP + PRODUCTS[product].path
        at = self._later(at)
        self._emit(at, visitor, page, SHOP + "/" if chance() < 0.3 else "")
        for _ in range(1 + (chance() < 0.12)):
            at = self._later(at)
            self._emit(at, visitor, page, SHOP + "/" if chance() < 0.2 else "", "product_added_to_cart")
        if kind != "cart" or chance() < 0.6:
            at = self._later(at)
            self._emit(at, visitor, SHOP + "/cart", page if chance() < 0.3 else "")
        if kind == "cart":
            return
        at = self._later(at)
        checkout = self._checkout_url()
        referrer = SHOP + "/" if chance() < 0.6 else ""
        self._emit(at, visitor, checkout + words.checkout_query, referrer)
        self._emit(at + 400, visitor, checkout + words.checkout_query, referrer, "checkout_started")
        if kind == "order":
            at = self._later(at) + 30_000
            self._emit(at, visitor, checkout + "/processing", CHECKOUT + "/" if chance() < 0.6 else "")
            self._emit(at + 2_000, visitor, checkout + "/processing" + words.processed_query, "")
            self._emit(at + 4_000, visitor, checkout + "/thank-you", CHECKOUT + "/" if chance() < 0.5 else "")
            self._complete(at + 4_800, visitor, checkout, product)

    def _checkout_url(self) -> str:
        """A checkout with a token of 52 characters."""
        letters = "".join(CROCKFORD[int(self.chance() * 32)] for _ in range(22))
        return f"{CHECKOUT}/checkouts/cn/{base64.b64encode(f'gcp-us-east1:01JS{letters}'.encode()).decode()}"

    def _complete(self, at: int, visitor: Visitor, checkout: str, product: int) -> None:
        lines = [self._line(product)]
        while len(lines) < 6 and self.chance() < 0.14:
            lines.append(self._line(int(self.chance() * len(PRODUCTS))))
        day = at // DAY
        self.order_numbers[day] += 1
        date_digits = f"{datetime.fromtimestamp(day * 86_400, UTC):%Y%m%d}"
        data = {
            "transaction_id": f"ORD-{date_digits}-{self.order_numbers[day]}",
            "revenue": _dollars(sum(cents for _, cents in lines)),
            "items": [item | {"item_price": _dollars(cents)} for item, cents in lines],
            "user_email": self._email(visitor.person),
        }
        referrer = CHECKOUT + "/" if self.chance() < 0.4 else ""
        payload = field(json.dumps(data, separators=(",", ":")))
        self._emit(at, visitor, checkout + "/thank-you", referrer, "checkout_completed", payload)

    def _line(self, number: int) -> tuple[dict[str, object], int]:
        """An order line and its price in cents, which is the price of the whole line."""
        chance, product = self.chance, PRODUCTS[number]
        size = self.words.sizes[number].pick(chance())
        quantity = 1 + int(chance() * chance() * chance() * (5 if product.extra else 2.4))
        discount = (1.0, 1.0, 1.0, 0.95, 0.9, 0.85)[int(chance() * 6)]
        price = product.prices[size] * discount
        cents = int(price) if chance() < 0.03 else int(price / 100) * 100 or 100  # few prices have cents
        item: dict[str, object] = {
            "item_id": f"{product.code}-{size.replace(' ', '').upper()}",
            "item_name": product.name,
            "item_variant": product.variant(size),
            "quantity": quantity,
        }
        return item, cents * quantity


def _dollars(cents: int) -> int | float:
    """Money as the shop writes it: 349, 421.6, 99.95."""
    return cents // 100 if cents % 100 == 0 else cents / 100


def _write_day(file: TextIO, events: Iterator[Event], day: date, header: Sequence[str]) -> None:
    """Write one file, without a newline at its end, as the export does."""
    referred, prefix, midnight = "referrer" in header, day.isoformat(), 0
    file.write(",".join(header))
    lines: list[str] = []
    for at, _, client, url, referrer, name, data, browser in events:
        midnight = midnight or at // DAY * DAY
        seconds, ms = divmod(at - midnight, 1000)
        minutes, second = divmod(seconds, 60)
        when = f"{prefix}T{minutes // 60:02}:{minutes % 60:02}:{second:02}.{ms:03}Z"
        where = f"{url},{referrer}" if referred else url
        lines.append(f"\n{client},{where},{when},{name},{data},{browser}")
        if len(lines) == 5000:
            file.write("".join(lines))
            lines.clear()
    file.write("".join(lines))


def _header(number: int, incidents: bool) -> tuple[str, ...]:
    header = list(COLUMNS)
    if incidents and number >= RENAMED_FROM_DAY:
        header[0] = "clientId"
    if incidents and number >= NO_REFERRER_FROM_DAY:
        header.remove("referrer")
    return tuple(header)


def generate(
    out_dir: Path, days: int = 14, events_per_day: int = 3570, seed: int = 1, start: date = date(2025, 2, 23),
    incidents: bool = True, anonymised: bool = True,
) -> list[Path]:  # fmt: skip
    """Write `days` files events_YYYYMMDD.csv into `out_dir` and return their paths.

    `events_per_day` is the mean number of rows of a day. With `incidents`, client_id is called clientId
    from day 5 and referrer is gone from day 10; nothing else is ever wrong. Raise OSError if a file
    cannot be written.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    traffic = Traffic(seed, events_per_day, anonymised)
    paths = []
    for number in range(1, days + 1):
        day = start + timedelta(days=number - 1)
        path = out_dir / f"events_{day:%Y%m%d}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            _write_day(file, traffic.day(day), day, _header(number, incidents))
        paths.append(path)
    return paths


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Write synthetic days of web events as events_YYYYMMDD.csv.",
        epilog="example: python tests/support/synthetic_events.py --days 14 --seed 1 --out_dir data/synthetic",
    )
    _positive.__name__, _day.__name__ = "positive whole number", "YYYY-MM-DD"  # for argparse's messages
    parser.add_argument("--days", type=_positive, default=14, help="number of files (default: 14)")
    size = {"type": _positive, "default": 3570, "metavar": "ROWS", "help": "mean rows of a day (default: 3570)"}
    parser.add_argument("--events_per_day", "--events-per-day", **size)  # type: ignore[arg-type]
    parser.add_argument("--seed", type=int, default=1, help="same seed, same bytes (default: 1)")
    first = date(2025, 2, 23)
    parser.add_argument("--start", type=_day, default=first, metavar="YYYY-MM-DD", help=f"first day (default: {first})")
    parser.add_argument("--out_dir", "--out-dir", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--healthy", action="store_true", help="without the two incidents")
    parser.add_argument("--plain", action="store_true", help="query values and hosts not anonymised")
    parser.add_argument("--quiet", action="store_true", help="do not list the files written")
    return parser


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line; return 0, or 2 if the files cannot be written."""
    options = _parser().parse_args(args)
    try:
        how = {"incidents": not options.healthy, "anonymised": not options.plain}
        size, seed, start = options.events_per_day, options.seed, options.start
        paths = generate(options.out_dir, options.days, size, seed, start, **how)
    except OSError as error:
        print(f"synthetic_events: cannot write into {options.out_dir}: {error.strerror}", file=sys.stderr)
        return 2
    if not options.quiet:
        print("\n".join(str(path) for path in paths))
    return 0


if __name__ == "__main__":
    sys.exit(main())
