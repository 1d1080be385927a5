"""Recognise which events are which funnel step, by their names."""

import re
from collections.abc import Iterable

from event_data.contract.drafting.forms import plain

MAX_NAMES, MOST_NAMES = 60, 500  # MOST_NAMES in a column that is named like one of events
# Names that mean the same step: all that occur are synonyms.
_EXACT = {
    "order": "purchase purchased purchasecompleted completepurchase checkoutcompleted checkoutcomplete "
    "completedcheckout ordercompleted completedorder completeorder orderplaced placeorder placedorder orderconfirmed "
    "orderconfirmation confirmedorder orderpaid ordercreated ordersubmitted submitorder orderreceived ordersuccess "
    "checkoutsuccess purchaseconfirmed transaction ecommercepurchase buy bought order sale bestellung "
    "bestellungabgeschlossen bestelling kauf gekauft achat commande compra pedido",
    "checkout": "begincheckout checkoutstarted startedcheckout startcheckout initiatecheckout initiatedcheckout "
    "checkoutinitiated checkoutbegin checkout zurkasse kasse",
    "cart": "addtocart addedtocart productaddedtocart productadded addedproduct itemadded itemaddedtocart "
    "additemtocart cartadd cartitemadded cart "
    "inwarenkorb indenwarenkorb indenkorb warenkorb",
    "page_view": "pageview pageviewed viewedpage viewpage pagevisit screenview pageviews seitenaufruf seite",
    "signup": "signup signedup newslettersignup signupnewsletter newslettersubscribed emailfilledonpopup "
    "accountcreated usersignedup completeregistration userregistered",
}
# If none occurs: the first of these words that is a name. They may mean something else, such as a newsletter.
_UNSURE_ORDERS = (
    "bookingconfirmed", "bookingcompleted", "bookingcreated", "confirmedbooking", "completedbooking", "confirmbooking",
    "reservationconfirmed", "reservationcompleted", "reservationcreated", "subscriptionstarted", "subscriptioncreated",
    "subscriptionpurchased", "ticketpurchased", "paymentsucceeded", "paymentsuccess", "paymentsuccessful",
    "paymentcompleted", "purchasesuccess", "converted", "conversion", "gebucht", "buchung", "booked", "booking",
    "reservation", "reserved", "subscribed",
)  # fmt: skip
# If none occurs: the first name that contains one of these words.
_PARTS = {
    "order": "purchase checkoutcompleted ordercompleted orderplaced placeorder",
    "checkout": "checkoutstarted begincheckout initiatecheckout startcheckout",
    "cart": "addtocart addedtocart productadded cartadd",
    "page_view": "pageview screenview viewpage",
    "signup": "signup newsletter email generatelead subscribe lead register",
}
# Steps of a checkout; they count as its start if no event marks that.
_CHECKOUT_STEPS = (
    "shippingdetails", "paymentdetails", "shippinginfo", "paymentinfo", "addshippinginfo", "addpaymentinfo",
    "shipping", "payment", "checkoutshipping", "checkoutpayment", "checkoutdetails",
)  # fmt: skip
_OTHER = re.compile(r"remov|error|fail|bug|abandon|cancel|refund|unsub|delete|declin|intent")


def is_name(text: str) -> bool:
    """Return whether a text can be the name of an event: short, and a letter, `$` or `[` first, in any script."""
    starts_well = text[:1].isalpha() or text[:1] in ("$", "[")
    return starts_well and len(text) <= 60 and text.isprintable() and not re.search(r"\d{5}", text)


def event_roles(names: Iterable[str]) -> dict[str, str]:
    """Return the role of each event, inferred from its name; several names of a role mean the same."""
    roles: dict[str, str] = {}
    names = list(names)
    for role, words in _EXACT.items():
        plains = {name: plain(re.sub(r"^\[[^\]]*\]", "", name)) for name in names if name not in roles}
        exact = [name for name, text in plains.items() if text in words.split()]
        if not exact and role == "order":
            exact = next(([name] for word in _UNSURE_ORDERS for name, text in plains.items() if text == word), [])
        if not exact:
            free = {name: text for name, text in plains.items() if not _OTHER.search(text)}
            parts = _PARTS[role].split()
            exact = next(([name] for part in parts for name in free if _has_part(name, part)), [])
        if not exact and role == "checkout":
            exact = [name for name, text in plains.items() if text in _CHECKOUT_STEPS]
        roles |= dict.fromkeys(exact, role)
    return roles


def is_certain(name: str, role: str) -> bool:
    """Return whether a name is one of the usual names of a role."""
    return plain(re.sub(r"^\[[^\]]*\]", "", name)) in _EXACT[role].split()


def is_undone(name: str) -> bool:
    """Return whether a name means that a step fails or is undone, such as a refund."""
    return _OTHER.search(plain(name)) is not None


def _has_part(name: str, part: str) -> bool:
    """Return whether a name has the part at the start of a word: `viewpage` is in `view_page`, not in `review_page`."""
    words = re.findall(r"[A-Z]?[^\W_A-Z]+|[A-Z]+(?![^\W_A-Z])", name)
    return any("".join(map(plain, words[start:])).startswith(part) for start in range(len(words)))
