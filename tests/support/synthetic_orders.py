"""Write a shop's order list for synthetic days of events, with the expected status of each order.

The order events of the days are the truth to begin with. Some are taken out of the days, repeated or given another
amount; the order list, in the columns of Shopify's export, has the orders as the shop would know them.
"""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import md5
from pathlib import Path
from random import Random
from types import MappingProxyType
from zoneinfo import ZoneInfo

SHOPIFY = (
    "Name", "Email", "Financial Status", "Paid at", "Currency", "Subtotal", "Shipping", "Taxes", "Total",
    "Discount Code", "Discount Amount", "Created at", "Lineitem quantity", "Lineitem name", "Lineitem price",
    "Billing Name", "Cancelled at", "Payment Method", "Refunded Amount", "Id", "Tags", "Source", "Checkout token",
    "Test",
)  # fmt: skip
# Campaigns of the events: source, medium and campaign.
CLICKED = (("google", "cpc", "brand"), ("google", "cpc", "cross-network"), ("facebook", "paid", "prospecting"))
# Characters of two to four bytes, and two bytes that are none.
ENCODED = "%C3%A9%E6%98%A5%ED%95%9C+%F0%9F%9A%80%E6%98"
CENT = Decimal("0.01")
BY_CHECKOUT = "transaction id and checkout"
PAYMENTS = ("Shopify Payments", "PayPal Express", "Klarna", "gift_card")
CONTRACT = """\
  - name: orders
    physicalName: orders_export*.csv
    properties:
{properties}
    customProperties:
      - property: orderList
        value:
          columnRoles:
            order_id: Name
            created_at: Created at
            amount: Total
            currency: Currency
            refunded_amount: Refunded Amount
            discount: Discount Amount
            tax: Taxes
            shipping: Shipping
            financial_status: Financial Status
            cancelled_at: Cancelled at
            sales_channel: Source
            payment_method: Payment Method
            customer: Email
            test: Test
            checkout: Checkout token
          idInOrderList: ^#(.*)$
          idInTracking: ^ORD-(.*)$

  - name: spend
    physicalName: ad_spend.csv
    properties:
      [{{name: date}}, {{name: source}}, {{name: medium}}, {{name: campaign}}, {{name: cost}}, {{name: clicks}}]
    customProperties:
      - property: adSpend
        value:
          columnRoles:
            {{date: date, source: source, medium: medium, campaign: campaign, cost: cost, clicks: clicks}}
"""


@dataclass
class Truth:
    """The status and reason of each order, by its name in the order list or by its transaction id."""

    booked: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    tracked: dict[str, Counter[str]] = field(default_factory=dict)  # transaction id -> statuses that only events have
    evidence: dict[str, str] = field(default_factory=dict)  # name -> how the match was found
    differences: dict[str, str] = field(default_factory=dict)  # name -> why the amounts differ


@dataclass
class Order:
    """An order event of the days."""

    place: tuple[Path, int]  # the file, and the row in it
    at: datetime
    payload: dict[str, object]
    checkout: str
    row: list[str]

    @property
    def number(self) -> str:
        return str(self.payload["transaction_id"]).removeprefix("ORD-")

    @property
    def amount(self) -> Decimal:
        return Decimal(str(self.payload["revenue"])).quantize(CENT)


class Books:
    """The order list of a shop while it is made, and the days that it belongs to."""

    def __init__(self, days: Sequence[Path], seed: int, zone: str) -> None:
        self.random, self.zone, self.truth = Random(f"books-{seed}"), ZoneInfo(zone), Truth()
        self.rows: list[list[str]] = []
        self.days: dict[Path, list[list[str] | None]] = {}
        self.headers: dict[Path, list[str]] = {}
        for path in days:
            with path.open(encoding="utf-8", newline="") as file:
                self.headers[path], *rows = list(csv.reader(file))
            self.days[path] = list(rows)
        self.sent: list[tuple[Path, list[str]]] = []  # further events
        self.unrelated = 0
        self.unknown: dict[str, datetime] = {}  # transaction ids that the list does not have

    def orders(self) -> Iterator[Order]:
        """Yield the order events, in the order of the days."""
        for path, rows in list(self.days.items()):
            header = self.headers[path]
            name, page, data, time = (header.index(c) for c in ("event_name", "page_url", "event_data", "timestamp"))
            for number, row in enumerate(rows):
                if row and row[name] == "checkout_completed":
                    at = datetime.fromisoformat(row[time])
                    token = row[page].split("/checkouts/cn/")[1].split("/")[0]
                    yield Order((path, number), at, json.loads(row[data]), token, row)

    def remove(self, order: Order) -> None:
        path, number = order.place
        self.days[path][number] = None

    def send(self, order: Order, later: timedelta, **changes: object) -> None:
        """Send an order's event again, with another client; `changes` are those of its payload."""
        path, _ = order.place
        header, row = self.headers[path], list(order.row)
        payload = order.payload | {key: value for key, value in changes.items() if key != "checkout"}
        at = min(order.at + later, order.at.replace(hour=23, minute=59, second=59))
        row[header.index("timestamp")] = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
        row[header.index("event_data")] = json.dumps(payload, separators=(",", ":"))
        if "checkout" in changes:
            row[0] = row[0][:-6] + f"{self.random.randrange(10**6):06}"  # another device
            page = header.index("page_url")
            row[page] = row[page].replace(order.checkout, str(changes["checkout"]))
        self.sent.append((path, row))

    def change(self, order: Order, **payload: object) -> None:
        """Change the payload of an order's event; a value of None takes a key out."""
        kept = {key: value for key, value in (order.payload | payload).items() if value is not None}
        order.row[self.headers[order.place[0]].index("event_data")] = json.dumps(kept, separators=(",", ":"))

    def book(
        self, order: Order, status: str, reason: str | None = None, name: str = "", checkout: bool = True,
        total: Decimal | None = None, evidence: str = "", cells: Mapping[str, str] = MappingProxyType({}),
    ) -> str:  # fmt: skip
        """Add an order to the list, with one row per line item, and note what becomes of it."""
        name = name or f"#{order.number}"
        self.truth.booked[name] = (status, reason)
        if evidence:
            self.truth.evidence[name] = evidence
        at = (order.at - timedelta(seconds=2)).astimezone(self.zone)
        values = {
            "Name": name, "Email": str(order.payload["user_email"]), "Financial Status": "paid", "Currency": "USD",
            "Subtotal": str(order.amount), "Shipping": "0.00", "Taxes": "0.00",
            "Total": str(order.amount if total is None else total), "Discount Amount": "0.00",
            "Created at": f"{at:%Y-%m-%d %H:%M:%S %z}", "Lineitem quantity": "1", "Lineitem name": "First",
            "Lineitem price": "1.00", "Billing Name": "not kept", "Payment Method": self.random.choice(PAYMENTS),
            "Refunded Amount": "0.00", "Id": str(5_000_000 + len(self.rows)), "Source": "web",
            "Checkout token": order.checkout if checkout else "", "Test": "false",
        } | dict(cells)  # fmt: skip
        self.rows.append([values.get(column, "") for column in SHOPIFY])
        for _ in range(self.random.choice((0, 0, 1, 2))):
            line = {"Name": name, "Email": values["Email"], "Lineitem quantity": "2", "Lineitem name": "Further"}
            self.rows.append([line.get(column, "") for column in SHOPIFY])
        return name

    def only_tracked(self, transaction_id: object, status: str) -> None:
        self.truth.tracked.setdefault(str(transaction_id), Counter())[status] += 1

    def settle(self) -> None:
        """Correct the status of orders that the days, or the list, do not cover."""
        path = max(self.days)
        time = self.headers[path].index("timestamp")
        sent = [row for target, row in self.sent if target == path]
        last = max(datetime.fromisoformat(row[time]) for row in (*self.days[path], *sent) if row)
        created_at = [row[SHOPIFY.index("Created at")] for row in self.rows]
        last_booked = max(datetime.fromisoformat(text) for text in created_at if text)
        for transaction_id, tracked_at in self.unknown.items():
            if tracked_at > last_booked:
                self.truth.tracked[transaction_id] = Counter(["outside the order list"])
        for row in self.rows:
            name, created = row[0], row[SHOPIFY.index("Created at")]
            if not created or self.truth.booked[name][1] != "no order event":
                continue
            at = datetime.fromisoformat(created).astimezone(UTC)
            if at > last or not any(f"{at:%Y%m%d}" in path.name for path in self.days):
                self.truth.booked[name] = ("outside the events", None)

    def unrelated_name(self) -> str:
        """Return the name of an order that its transaction id does not have."""
        self.unrelated += 1
        return f"#X{self.unrelated:05}"


def _matched(books: Books, order: Order, fate: str) -> None:
    if fate == "matched by checkout":
        books.book(order, "matched", name=books.unrelated_name(), evidence="checkout and amount")
    elif fate == "matched by customer":
        found = "customer and amount within an hour"
        books.book(order, "matched", name=books.unrelated_name(), checkout=False, evidence=found)
    elif fate == "refunded":
        refund = {"Refunded Amount": f"{order.amount / 10:.2f}", "Financial Status": "partially_refunded"}
        books.book(order, "matched", evidence=BY_CHECKOUT, cells=refund)
    else:
        books.book(order, "matched", evidence=BY_CHECKOUT)


def _repeated(books: Books, order: Order, fate: str) -> None:
    books.book(order, "matched", evidence=BY_CHECKOUT)
    if fate == "resubmitted":
        books.send(order, timedelta(seconds=9))
    else:
        books.send(order, timedelta(seconds=20), checkout=order.checkout[::-1])
        books.only_tracked(order.payload["transaction_id"], "tracked twice")


def _differing(books: Books, order: Order, fate: str) -> None:
    tax = (order.amount / 10).quantize(CENT) if "tax" in fate else Decimal("0.00")
    shipping = Decimal("4.95") if "shipping" in fate else Decimal("0.00")
    total = order.amount + (tax + shipping or Decimal("1.01"))
    cells = {"Taxes": str(tax), "Shipping": str(shipping)}
    name = books.book(order, "another amount", total=total, evidence=BY_CHECKOUT, cells=cells)
    books.truth.differences[name] = fate


def _untracked(books: Books, order: Order, fate: str) -> None:
    if fate == "quarantined":
        books.change(order, revenue=None)
        books.book(order, "not tracked", "quarantined: no readable amount", evidence=BY_CHECKOUT)
    else:
        books.remove(order)
        books.book(order, "not tracked", "no order event")


def _void(books: Books, order: Order, fate: str) -> None:
    cancelled = {"Cancelled at": "2025-03-20 10:00:00 +0000", "Financial Status": "refunded"}
    if fate == "test":
        books.book(order, "not in the books", "test", evidence=BY_CHECKOUT, cells={"Test": "true"})
    elif fate == "cancelled":
        books.book(order, "not in the books", "cancelled", evidence=BY_CHECKOUT, cells=cancelled)
    elif fate == "cancelled untracked":
        books.remove(order)
        books.book(order, "not booked", "cancelled", cells=cancelled)
    else:
        books.only_tracked(order.payload["transaction_id"], "not in the books")
        books.unknown[str(order.payload["transaction_id"])] = order.at


def _collision(books: Books, order: Order, fate: str) -> None:
    """Another customer's order is sent with the id of this one."""
    books.book(order, "matched", evidence=BY_CHECKOUT)
    later, token = timedelta(minutes=3), order.checkout[::-1]
    changed: dict[str, object] = {
        "user_email": "0" * 54 + f"{books.random.randrange(10**10):010}", "revenue": float(order.amount) + 7,
    }  # fmt: skip
    books.send(order, later, checkout=token, **changed)
    other = Order(order.place, order.at + later, order.payload | changed, token, order.row)
    books.book(other, "matched", name=books.unrelated_name(), evidence="checkout and amount")


def _ambiguous(books: Books, order: Order, fate: str) -> None:
    """Two alike orders of a customer are sent within an hour, and the list has one of them, without their ids."""
    first = f"ORD-other-{order.number}"
    order.payload["transaction_id"] = first
    books.change(order)
    books.send(order, timedelta(minutes=5), checkout=order.checkout[::-1], transaction_id=f"{first}-2")
    reason, name = "several tracked orders may be this one", books.unrelated_name()
    books.book(order, "ambiguous", reason, name=name, checkout=False)
    books.only_tracked(first, "ambiguous")
    books.only_tracked(f"{first}-2", "ambiguous")


# What happens to an order: its weight among the orders of the events, and what makes it come true.
FATES: dict[str, tuple[int, Callable[[Books, Order, str], None]]] = {
    "matched": (40, _matched), "matched by checkout": (5, _matched), "matched by customer": (5, _matched),
    "refunded": (4, _matched), "resubmitted": (3, _repeated), "twice": (4, _repeated), "tax": (5, _differing),
    "shipping": (4, _differing), "tax and shipping": (4, _differing), "unexplained": (2, _differing),
    "untracked": (8, _untracked), "quarantined": (2, _untracked), "cancelled": (3, _void),
    "cancelled untracked": (2, _void), "test": (2, _void), "unknown": (3, _void), "collision": (2, _collision),
    "ambiguous": (2, _ambiguous),
}  # fmt: skip


def write_books(
    folder: Path, seed: int = 1, zone: str = "America/New_York", fates: Mapping[str, int] | None = None,
    lost: Callable[[Order], bool] = lambda order: False, offline: int = 2, files: int = 2,
) -> Truth:  # fmt: skip
    """Write the order list of the days in `folder`, change the days to match, and return the truth.

    `fates` are the weights of what happens to an order, and `lost` orders are never tracked. `offline` orders per day
    were placed elsewhere. The list is in `files` files.
    """
    weights = {fate: weight for fate, (weight, _) in FATES.items()} if fates is None else fates
    books = Books(sorted(folder.glob("events_*.csv")), seed, zone)
    deck: list[str] = []
    for order in list(books.orders()):
        if not deck:
            deck = [fate for fate, weight in weights.items() for _ in range(weight)]
            books.random.shuffle(deck)
        fate = "untracked" if lost(order) else deck.pop()
        FATES[fate][1](books, order, fate)
    for path, rows in list(books.days.items()):
        for channel in (("pos", "shopify_draft_order", "subscription_contract") * offline)[:offline]:
            day = datetime.strptime(path.stem.removeprefix("events_"), "%Y%m%d").replace(tzinfo=UTC)
            at = day + timedelta(hours=books.random.uniform(8, 20))
            order = Order((path, 0), at, {"user_email": "", "revenue": 100, "transaction_id": ""}, "", [])
            books.book(order, "not expected", channel, name=f"#D{len(books.rows)}", cells={"Source": channel})
        header = books.headers[path]
        time = header.index("timestamp")
        kept = [row for row in rows if row] + [row for target, row in books.sent if target == path]
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *sorted(kept, key=lambda row: row[time])])
    books.settle()
    cut = [len(books.rows) * n // files for n in range(files + 1)]
    for n in range(1, files):  # an order's lines are in one file
        while cut[n] < len(books.rows) and not books.rows[cut[n]][SHOPIFY.index("Created at")]:
            cut[n] += 1
    for n in range(files):
        with (folder / f"orders_export_{n + 1}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([SHOPIFY, *books.rows[cut[n] : cut[n + 1]]])
    return books.truth


def write_spend(folder: Path, cost: int = 500) -> None:
    """Write the advertising spend of one campaign on each day of events."""
    days = sorted(path.stem.removeprefix("events_") for path in folder.glob("events_*.csv"))
    lines = [f"{day[:4]}-{day[4:6]}-{day[6:]},google,cpc,,{cost},250" for day in days]
    (folder / "ad_spend.csv").write_text("\n".join(["date,source,medium,campaign,cost,clicks", *lines]), "utf-8")


def hidden(word: str) -> str:
    """Return what the shop's anonymisation makes of a value of an address."""
    return md5(word.encode()).hexdigest()[:6].upper()


def write_clicks(folder: Path, per_session: float = 1.25) -> dict[tuple[str, str], int]:
    """Write the spend of CLICKED, each click at 2.00, and return the sessions of each day and campaign.

    A session is a client's events without a gap of half an hour; there are this many clicks for each.
    """
    parts = ("source", "medium", "campaign")
    needles = {name: {f"utm_{part}={hidden(word)}" for part, word in zip(parts, name, strict=True)} for name in CLICKED}
    last: dict[str, datetime] = {}
    numbers: Counter[str] = Counter()  # of each client's sessions
    seen: set[tuple[str, int, tuple[str, str, str]]] = set()
    sessions: Counter[tuple[str, tuple[str, str, str]]] = Counter()
    for path in sorted(folder.glob("events_*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = sorted(csv.DictReader(file), key=lambda row: row["timestamp"])
        for row in rows:
            client, at = row["client_id"], datetime.fromisoformat(row["timestamp"])
            if client not in last or at - last[client] >= timedelta(minutes=30):
                numbers[client] += 1
            last[client] = at
            query = set(row["page_url"].partition("?")[2].split("&"))
            for name, wanted in needles.items():
                if wanted <= query and (client, numbers[client], name) not in seen:
                    seen.add((client, numbers[client], name))
                    sessions[f"{at:%Y-%m-%d}", name] += 1
    lines = ["date,source,medium,campaign,cost,clicks"]
    for (day, name), number in sorted(sessions.items()):
        clicks = round(per_session * number)
        lines.append(f"{day},{','.join(name)},{2 * clicks},{clicks}")
    (folder / "ad_spend.csv").write_text("\n".join(lines), "utf-8")
    return {(day, " / ".join(name)): number for (day, name), number in sessions.items()}


def strip_parameters(folder: Path, since: date, share: float, campaign: tuple[str, str, str] = CLICKED[0]) -> None:
    """Take the query out of the addresses of a share of the clients that a campaign led to, as a redirect does."""
    for path in sorted(folder.glob("events_*.csv")):
        if path.name < f"events_{since:%Y%m%d}.csv":
            continue
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = list(csv.reader(file))
        page = header.index("page_url")
        for row in rows:
            if f"utm_campaign={hidden(campaign[2])}" in row[page] and int(hidden(row[0]), 16) % 100 < 100 * share:
                row[page] = row[page].partition("?")[0]
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *rows])


def write_odd_records(folder: Path) -> None:
    """Add records that cannot be used to the order list and the advertising spend, and values that cannot be read."""
    with (folder / "ad_spend.csv").open("a", encoding="utf-8") as spend:
        spend.write("\n,google,cpc,,9,9\n2025-02-25,google,cpc,,free,9\n2025-02-26,google,,Brand,70,many\n")
    with (folder / "orders_export_2.csv").open("a", encoding="utf-8") as orders:
        orders.write('"broken" by,one\n')
        for name, day in (("", "2025-02-25"), ("#9", "soon"), ("#10", "2025-01-01")):  # before the events
            values = {"Name": name, "Financial Status": "paid", "Total": "9.00", "Created at": f"{day} 10:00:00"}
            orders.write(",".join(values.get(column, "") for column in SHOPIFY) + "\n")


def contract_with_books(contract: str) -> str:
    """Return a contract's text with the order list and the advertising spend as further objects."""
    properties = "\n".join(f"      - name: {name}" for name in SHOPIFY)
    head, tail = contract.split("\nslaProperties:", 1)
    return f"{head}\n{CONTRACT.format(properties=properties)}\nslaProperties:{tail}"
