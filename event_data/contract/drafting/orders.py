"""Find the values of orders: in columns, in the payload, or spread over rows that are order lines."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from event_data.contract.drafting.candidates import Candidate
from event_data.contract.drafting.event_names import is_undone
from event_data.contract.drafting.forms import MOST, amount_signs, as_number, is_amount, kind_of
from event_data.contract.drafting.payload import Shape, line_amount_is, line_paths, paths_of
from event_data.contract.drafting.roles import Choice, Roles, named
from event_data.contract.model import Amount, Field, Product, Time, Value
from event_data.money import CODES, SIGNS

_PAYLOAD = "eventdata eventparams payload properties eventproperties props params data attributes propertiesjson"
_WORDS = {
    "transaction_id": "transactionid orderid ordernumber orderno orderref ordername invoiceno invoicenumber invoiceid "
    "purchaseid saleid orderkey bookingid bookingno bookingnumber bookingref bookingreference bookingcode "
    "reservationid reservationno reservationref ticketid ticketno subscriptionid paymentid bestellnummer "
    "buchungsnummer order id",
    "amount": "revenue purchaserevenue orderrevenue transactionrevenue orderamount ordertotal ordervalue value total "
    "totalprice amount grandtotal totalvalue totalamount eventvalue bookingamount bookingvalue bookingtotal sales "
    "gesamtbetrag betrag umsatz summe itemrevenue lineamount linetotal price",
    "currency": "currency currencycode ordercurrency presentmentcurrency transactioncurrency isocurrency waehrung "
    "währung curr cur ccy",
    "customer": "useremail email customeremail emailhash hashedemail emailsha256 customerid userid",
    "id": "itemid productid sku stockcode variantid productsku articleid articlenumber itemsku productcode lineitemsku",
    "name": "itemname productname productdescription description producttitle lineitemname",
    "quantity": "quantity itemquantity qty count units pieces lineitemquantity",
    "unit_price": "unitprice priceperunit itemprice price unitpriceusd lineitemprice",
}
_ORDER_ID = re.compile(r"(transaction|order|invoice|purchase|booking|reservation)(id|no|number|ref|code)")
_ISO = re.compile(r"[A-Z]{3}")
_IN_NAME = re.compile(
    r"(?:^|[_\W])(usd|eur|gbp|jpy|inr|rub|try|krw|pln|chf|sek|nok|dkk|aud|cad|nzd|czk|huf|brl|mxn|zar|aed)(?:$|[_\W])",
    re.IGNORECASE,
)
_NOT_UNIT = re.compile(r"[\d\s.,'+\-\u2212]")
FEWEST = 5  # rows of an event that can be recognised as an order by its values
_CONFIRMATIONS = ("thank-you", "thank_you", "thankyou", "confirmation", "order-received", "success")


@dataclass
class Orders:
    """The order block of the draft, and its currency."""

    payload: str | None = None  # the column
    shapes: dict[str, Shape] = field(default_factory=dict)  # event -> its payload
    paths: dict[str, str] = field(default_factory=dict)  # key of `order` -> path in the payload
    checks: dict[str, str] = field(default_factory=dict)  # key of `order` -> what to check
    line_amount_is: str = ""
    checkout_token: str | None = None
    confirmation_path: str | None = None
    key: list[str] = field(default_factory=list)  # only if rows are lines
    line: dict[str, Value] = field(default_factory=dict)
    currency: str = "$"
    currency_check: str = "the currency symbol, such as € or CHF"

    @property
    def has_values(self) -> bool:
        """Return whether there is anything to write under `order`."""
        return bool(self.paths or self.key or self.checkout_token or self.confirmation_path)


def looks_like_orders(candidates: Sequence[Candidate], rows: int) -> bool:
    """Return whether every row is an order, or a line of one, going by names."""

    def has(role: str, least: float = 4) -> bool:
        return any(named(c, _WORDS[role]) >= least and len(c.cells) >= 0.5 * rows for c in candidates)

    is_line = (has("quantity") or has("id")) and (has("unit_price") or has("amount"))
    return is_line or (has("transaction_id") and has("amount"))


def order_by_values(
    candidates: Sequence[Candidate], events: Mapping[int, str]
) -> tuple[str, dict[str, Candidate]] | None:
    """Return the event on whose rows alone a unique id and a positive amount are filled, and both candidates.

    The amount may be filled on other events too, but the event that is alone in having one comes first.
    """
    rows_of: dict[str, list[int]] = {}
    for row, name in events.items():
        rows_of.setdefault(name, []).append(row)
    undone = {name for name in rows_of if is_undone(name)}
    ranked: list[tuple[bool, float, int, str, dict[str, Candidate]]] = []
    for name, rows in rows_of.items():
        others = [row for row, other in events.items() if other != name and other not in undone]
        if name in undone or len(rows) < FEWEST or not others:
            continue
        ids = [c for c in candidates if _is_id_of(c, rows, others)]
        amounts = [c for c in candidates if c not in ids and _is_amount_of(c, rows)]
        if not ids or not amounts:
            continue
        order_id = max(ids, key=lambda c: named(c, _WORDS["transaction_id"]))
        alone = [c for c in amounts if c.share_in(others) <= 0.01]
        amount = max(alone or amounts, key=lambda c: (named(c, _WORDS["amount"]), _decimals(c, rows), len(c.distinct)))
        if alone or named(amount, _WORDS["amount"]) >= 4:
            score = named(order_id, _WORDS["transaction_id"]) + named(amount, _WORDS["amount"])
            ranked.append((bool(alone), score, -len(rows), name, {"transaction_id": order_id, "amount": amount}))
    best = max(ranked, key=lambda rank: rank[:4], default=None)
    return (best[3], best[4]) if best else None


def _is_id_of(c: Candidate, rows: Sequence[int], others: Sequence[int]) -> bool:
    """Return whether a candidate is unique on nearly all these rows, and empty on nearly all others."""
    values = _in(c, rows)
    if len(values) < 0.9 * len(rows) or c.share_in(others) > 0.01 or len(set(values)) < 0.9 * len(values):
        return False
    return kind_of(values) in ("id", "integer", "word") and all(re.search(r"\d", value) for value in values)


def _is_amount_of(c: Candidate, rows: Sequence[int]) -> bool:
    """Return whether a candidate is a positive number on nearly all these rows."""
    values = _in(c, rows)
    if len(values) < 0.9 * len(rows) or kind_of(values) in ("timestamp", "epoch", "boolean"):
        return False
    positive = [v for v in values if is_amount(v) and re.search("[1-9]", v) and not v.lstrip().startswith("-")]
    return len(positive) >= MOST * len(values) and len(set(positive)) > 1


def _decimals(c: Candidate, rows: Sequence[int]) -> bool:
    return any("." in value or "," in value for value in _in(c, rows))


def find_orders(roles: Roles, candidates: Sequence[Candidate]) -> Orders:
    """Choose where the values of orders are, and add their roles to `roles`."""
    orders, rows = Orders(), roles.rows_of("order")
    is_order = set(rows)
    others = [row for row in roles.events if row not in is_order]
    chosen = _choose(roles, candidates, rows, others, orders) if rows else {}
    _currency(orders, rows, chosen, roles)
    payloads = _read_payload(orders, roles, candidates, chosen)
    name = next((name for name, role in roles.event_roles.items() if role == "order"), "")
    known = paths_of(orders.shapes[name]) if name in orders.shapes else {}
    for role, candidate in chosen.items():
        roles.use(candidate)
        path = ".".join(map(str, candidate.path))
        signs = amount_signs(_in(candidate, rows)) if role == "amount" else None
        if candidate.column == orders.payload and path in known and not signs:
            key = "transactionId" if role == "transaction_id" else role
            orders.paths[key], orders.checks[key] = path, _doubt(role, candidate, rows, others)
        else:
            value = Amount(candidate.value, *signs) if signs else candidate.value
            roles.choices[role] = Choice(value, _doubt(role, candidate, rows, others))
    if known and not orders.key:
        orders.paths |= line_paths(known)
        keys = ("amount", "lines", "lineAmount", "lineQuantity")
        if all(key in orders.paths for key in keys):
            received = [payload for row, payload in payloads.items() if row in is_order]
            orders.line_amount_is = line_amount_is(received, *(orders.paths[key] for key in keys))
    _pages(orders, roles, candidates, rows)
    return orders


def _choose(
    roles: Roles, candidates: Sequence[Candidate], rows: Sequence[int], others: Sequence[int], orders: Orders
) -> dict[str, Candidate]:
    """Return the candidates for an order's values; if rows are lines, add what belongs to a line to `orders`."""
    chosen: dict[str, Candidate] = {}

    def choose(role: str, score: Callable[[Candidate], float]) -> None:
        taken = list(chosen.values())
        ranked = [(score(c) - 3 * c.in_list, -n, c) for n, c in enumerate(roles.free(candidates)) if c not in taken]
        best = max(ranked, key=lambda rank: rank[:2], default=None)
        if best and best[0] > 0:
            chosen[role] = best[2]
        elif role in roles.order_values:
            chosen[role] = roles.order_values[role]

    choose("transaction_id", lambda c: _id_score(c, rows, others))
    if not _lines(roles, candidates, rows, chosen.get("transaction_id"), orders):
        choose("amount", lambda c: _amount_score(c, rows, others))
        choose("customer", lambda c: _customer_score(c, rows))
    choose("currency", lambda c: _currency_score(c, rows, chosen.get("amount")))
    return chosen


def _in(candidate: Candidate, rows: Iterable[int]) -> list[str]:
    return [candidate.cells[row] for row in rows if row in candidate.cells]


def _id_score(c: Candidate, rows: Sequence[int], others: Sequence[int]) -> float:
    """Score an order id: filled and unique on orders, empty elsewhere."""
    values, elsewhere = _in(c, rows), c.share_in(others)
    if len(values) < 0.5 * len(rows) or kind_of(values) in ("json", "url", "timestamp", "boolean", "user_agent"):
        return 0
    name = named(c, _WORDS["transaction_id"])
    name = 0.0 if name == 2 else name
    if not name and _ORDER_ID.search(c.names[0]):
        name = 3.0
    if "id" in c.names and name < 5 and (c.is_column or elsewhere > 0.1):
        return 0
    unique = len(set(values)) / len(values)
    if name:
        return 0 if name < 4 and elsewhere > 0.1 else name + unique + (elsewhere <= 0.1)
    sure = len(values) >= 0.9 * len(rows) >= 9 and unique >= 0.95 and bool(others) and elsewhere <= 0.01
    digits = all(any(letter.isdigit() for letter in value) for value in values)
    return 1.0 if sure and digits and kind_of(values) in ("id", "integer", "word") else 0


def _amount_score(c: Candidate, rows: Sequence[int], others: Sequence[int]) -> float:
    """Score an order amount: a number on orders, zero or empty elsewhere."""
    values = _in(c, rows)
    if len(values) < 0.5 * len(rows) or sum(map(is_amount, values)) < 0.8 * len(values):
        return 0
    if all(as_number(value) == 0 for value in values) or kind_of(values) in ("timestamp", "boolean"):
        return 0
    elsewhere = sum(bool(as_number(text)) for text in _in(c, others)) / max(1, len(others))
    is_alone = bool(others) and elsewhere < 1 - MOST
    name = named(c, _WORDS["amount"])
    if name == 2 and not re.search("revenue|amount|total|value", c.names[0]):
        name = 0.0
    if name < 4 and (not is_alone or not any("." in value or "," in value for value in values)):
        return 0
    if not name and len(set(values)) < 0.3 * len(values):
        return 0
    in_currency = _IN_NAME.search(c.name) is not None
    return (name or 0.5) + 1.5 * is_alone + 0.2 * in_currency + 0.5 * (len(values) >= 0.9 * len(rows))


def _customer_score(c: Candidate, rows: Sequence[int]) -> float:
    values, name = _in(c, rows), named(c, _WORDS["customer"])
    fits = len(values) >= 0.5 * len(rows) and len(set(values)) > 1
    fits = fits and kind_of(values) not in ("json", "url", "boolean", "timestamp")
    return name if name >= 4 and fits and not c.in_list else 0


def _currency_score(c: Candidate, rows: Sequence[int], amount: Candidate | None) -> float:
    values, name = _in(c, rows), named(c, _WORDS["currency"])
    fits = len(values) >= 0.3 * len(rows) and sum(bool(_ISO.fullmatch(v)) for v in values) >= MOST * len(values)
    is_beside = amount is not None and (c.column, c.path[:-1]) == (amount.column, amount.path[:-1])
    return name + 4 * is_beside if name >= 4 and fits else 0


def _lines(
    roles: Roles, candidates: Sequence[Candidate], rows: Sequence[int], order_id: Candidate | None, orders: Orders
) -> bool:
    """Find the line item in a row if rows are lines of orders, and add its amount; return whether they are."""
    free = [c for c in roles.free(candidates) if not c.in_list and c is not order_id]

    def pick_one(role: str, among: Sequence[Candidate]) -> Candidate | None:
        ranked = [(named(c, _WORDS[role]), place, c) for place, c in enumerate(among) if c.share_in(rows) >= 0.5]
        best = max(ranked, key=lambda rank: (rank[0], -rank[1]), default=None)
        return best[2] if best and best[0] >= 4 else None

    item, name, quantity = pick_one("id", free), pick_one("name", free), pick_one("quantity", free)
    if not (item or name or quantity):
        return False
    if order_id is not None:
        ids = _in(order_id, rows)
        if len(set(ids)) >= 0.9 * len(ids):
            return False
        key = ["transaction_id"]
    else:
        key = ["session"] if "session" in roles.choices else ["client", "time"]
        parts = [_candidate(candidates, roles.choices[role].value) for role in key]
        keys = [tuple(part.cells.get(row, "") if part else "" for part in parts) for row in rows]
        if len(set(keys)) == len(keys):
            return False
    price = pick_one("unit_price", [c for c in free if _has_amounts(c, rows)])
    value, used = _line_amount(free, rows, quantity, price)
    if value is None:
        return False
    roles.choices["amount"] = Choice(value, "the amount of a line")
    roles.use(*used)
    orders.key = key
    for part, candidate in (("id", item), ("name", name), ("quantity", quantity)):
        if candidate is not None:
            orders.line[part] = candidate.value
    return True


def _candidate(candidates: Sequence[Candidate], value: Value) -> Candidate | None:
    """Return the candidate that a role's value comes from, if it is one."""
    place = value.value if isinstance(value, Time | Amount) else value
    return next((c for c in candidates if c.value == place), None)


def _line_amount(
    free: Sequence[Candidate], rows: Sequence[int], quantity: Candidate | None, price: Candidate | None
) -> tuple[Value | None, list[Candidate]]:
    """Return the amount of a line: its revenue, the product of quantity and price, its total, or its price."""
    scored = sorted(((_amount_score(c, rows, ()), c) for c in free), key=lambda pair: -pair[0])
    amounts = [c for score, c in scored if score > 0 and c is not quantity and c is not price]
    amounts += [
        c for c in free if c not in amounts and re.search("revenue|amount|total", c.names[0]) and _has_amounts(c, rows)
    ]
    amounts.sort(key=lambda c: _IN_NAME.search(c.name) is None)
    for c in amounts:
        if re.search("revenue|amount", c.names[0]):
            return _declared(c, rows), [c]
    if quantity and price:
        return Product(_declared(quantity, rows), _declared(price, rows)), [price]
    best = next((c for c in amounts if "price" not in c.names[0]), None) or price or next(iter(amounts), None)
    return (_declared(best, rows), [best]) if best else (None, [])


def _has_amounts(c: Candidate, rows: Sequence[int]) -> bool:
    values = _in(c, rows)
    return len(values) >= 0.5 * len(rows) and sum(map(is_amount, values)) >= 0.8 * len(values)


def _declared(c: Candidate, rows: Sequence[int]) -> Value:
    signs = amount_signs(_in(c, rows))
    return Amount(c.value, *signs) if signs else c.value


def _doubt(role: str, c: Candidate, rows: Sequence[int], others: Sequence[int]) -> str:
    words = named(c, _WORDS[role])
    if role == "transaction_id":
        filled = c.share_in(rows)
        if filled < 0.98:
            return f"{filled:.0%} of the orders have it; the others are quarantined"
        return "" if words >= 4 else "a guess"
    if role == "amount" and (words < 4 or _amount_score(c, rows, others) < 5):
        return "a guess"
    return ""


def _currency(orders: Orders, rows: Sequence[int], chosen: dict[str, Candidate], roles: Roles) -> None:
    """Choose the shop's currency: that of most orders, one beside the amounts, or one in the name of a column."""
    code = ""
    if currency := chosen.get("currency"):
        counts = Counter(v for v in _in(currency, rows) if _ISO.fullmatch(v))
        code = min(counts, key=lambda name: (-counts[name], name), default="")
        orders.currency_check = "" if len(counts) == 1 else "orders in other currencies are listed separately"
    elif beside := _beside(chosen.get("amount") or chosen.get("unit_price"), rows):
        code, orders.currency_check = beside, "from the amounts"
    else:
        names = [c.name for c in chosen.values()] + sorted(str(place[0]) for place in roles.used)
        code = next((match[1].upper() for name in names if (match := _IN_NAME.search(name))), "")
        orders.currency_check = "from the name of a column" if code else orders.currency_check
    if code:
        orders.currency = SIGNS.get(code, code)


def _beside(amount: Candidate | None, rows: Sequence[int]) -> str:
    """Return the currency code of the sign or code that most amounts have: `12,50 €`; empty if they have none."""
    texts = [_NOT_UNIT.sub("", value) for value in _in(amount, rows)] if amount else []
    text, count = Counter(texts).most_common(1)[0] if texts else ("", 0)
    is_known = text in CODES or text in SIGNS or _IN_NAME.fullmatch(text) is not None
    return CODES.get(text, text.upper()) if is_known and count >= MOST * len(texts) else ""


def _payload_column(roles: Roles, candidates: Sequence[Candidate], chosen: dict[str, Candidate]) -> str | None:
    """Return the column with JSON objects that has the order's values, or is named like a payload."""
    objects = [c for c in candidates if c.is_column and c.kind == "json"]
    objects = [c for c in objects if sum(text.lstrip()[:1] == "{" for text in c.values) >= MOST * len(c.values)]
    free = [c for c in objects if c in roles.free(objects)]
    for role in ("amount", "transaction_id"):
        if role in chosen and chosen[role].path and any(c.column == chosen[role].column for c in free):
            return chosen[role].column
    best = max(free, key=lambda c: named(c, _PAYLOAD), default=None)
    return best.column if best and named(best, _PAYLOAD) >= 2 else None


def _read_payload(
    orders: Orders, roles: Roles, candidates: Sequence[Candidate], chosen: dict[str, Candidate]
) -> dict[int, Any]:
    """Describe the payloads of each event, and return those that are valid JSON; synonyms share a description."""
    orders.payload = _payload_column(roles, candidates, chosen)
    if orders.payload is None:
        return {}
    roles.choices["payload"] = Choice(Field(orders.payload))
    cells = next(c.cells for c in candidates if c.is_column and c.column == orders.payload)
    first = {role: name for name, role in reversed(roles.event_roles.items())}
    payloads: dict[int, Any] = {}
    for row, text in cells.items():
        name = roles.events.get(row)
        if name is None:
            continue
        try:
            payloads[row] = json.loads(text)
        except (ValueError, RecursionError):
            continue
        name = first.get(roles.event_roles.get(name, ""), name)
        orders.shapes.setdefault(name, Shape()).look(payloads[row])
    return payloads


def _pages(orders: Orders, roles: Roles, candidates: Sequence[Candidate], rows: Sequence[int]) -> None:
    """Find the checkout's token and the confirmation page in the URLs of orders."""
    if "page" not in roles.choices or not rows:
        return
    page = _candidate(candidates, roles.choices["page"].value)
    urls = [page.cells.get(row, "") for row in rows] if page else []
    orders.checkout_token = _token(urls)
    seen = {word: sum(f"/{word}" in url for url in urls) for word in _CONFIRMATIONS}
    orders.confirmation_path = next((f"/{word}" for word, count in seen.items() if count > 0.9 * len(urls) > 0), None)


def _token(urls: Sequence[str]) -> str | None:
    """Return a regular expression for the part of an order's URL that identifies the checkout."""
    for word in ("checkouts", "checkout", "orders", "order"):
        for pattern in (f"/{word}/[a-z]+/([^/?#]+)", f"/{word}/([^/?#]+)"):
            tokens = [match[1] for url in urls if (match := re.search(pattern, url))]
            if len(tokens) > len(urls) / 2 and sum(len(token) >= 16 for token in tokens) > len(tokens) / 2:
                return pattern
    return None
