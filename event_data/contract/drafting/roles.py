"""Choose where each role's value is, from names and values; a doubtful choice has a reason to check."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from event_data.contract.drafting import event_names
from event_data.contract.drafting.candidates import Candidate
from event_data.contract.drafting.forms import ENOUGH, MOST, host_of, plain, share, time_format
from event_data.contract.model import Constant, ContractError, Field, First, Joined, Time, Value
from event_data.contract.shape import channels

_ID_KINDS = ("id", "integer", "epoch", "word", "number")
_SURE_NAME = 5.5  # of a column of events that all are of one kind
_FEW_NAMES = 30  # different values of a column of events that is not named like one
_CLOCK = re.compile(r"\d{1,2}:\d\d(:\d\d)?( ?[AaPp][Mm])?")
_CLICK_IDS = (
    "gclid", "gbraid", "wbraid", "dclid", "fbclid", "msclkid", "ttclid", "twclid", "li_fat_id", "epik", "rdt_cid",
    "sccid", "irclickid", "awc", "yclid",
)  # fmt: skip
_NOT_WORDS = ("json", "url", "timestamp", "integer", "number", "boolean")  # kinds that no label has
_SOURCES = re.compile(
    r"google|bing|facebook|meta\b|instagram|youtube|tiktok|direct|newsletter|e?mail|klaviyo|criteo|yahoo|pinterest|"
    r"linkedin|twitter|duckduckgo|reddit|affiliate|organic",
    re.IGNORECASE,
)
_MEDIA = re.compile(
    r"cpc|ppc|cpm|organic|referral|e?mail|none|social|paid|display|affiliate|sms|push|banner|video",
    re.IGNORECASE,
)
_WORDS = {
    "time": "timestamp eventtimestamp eventtime occurredat happenedat originaltimestamp collectortstamp "
    "derivedtstamp ts time datetime eventdatetime sentat receivedat createdat loggedat invoicedate orderdate "
    "purchasedate transactiondate eventdate zeitstempel zeitpunkt zeit wann when at date datum",
    "event": "eventname event eventtype action eventaction eventkind activity activitytype activityname interaction ev "
    "hittype ereignis what kind type name",
    "client": "clientid visitorid userpseudoid anonymousid deviceid cookieid domainuserid fullvisitorid visitor cid "
    "browserid uid distinctid visitorref guestid guestref guest userid userref memberid memberref member shopperid "
    "customerid customerref clientidentifier client user customer besucher besucherid customeremail email",
    "session": "sessionid gasessionid usersession domainsessionid sessionkey sessionuuid visitid sessionref session "
    "sid visit sitzung sitzungsid",
    "page": "pageurl url pagelocation location fullpageurl currenturl documentlocation href pageaddress page",
    "referrer": "referrer pagereferrer fullreferrer documentreferrer referer referringurl previousurl ref",
    "source": "source utmsource mktsource sessionsource manualsource",
    "medium": "medium utmmedium mktmedium sessionmedium manualmedium",
    "campaign": "campaign utmcampaign mktcampaign campaignname sessioncampaign manualcampaignname",
    "channel": "channel channelgroup channelgrouping defaultchannelgroup trafficsource acquisitionchannel "
    "marketingchannel trafficchannel sourcechannel acquisitionsource kanal marketingkanal",
    "user_agent": "useragent ua browser agent",
    "checkout": "checkoutid checkouttoken",
}
_CHANNEL_WORDS = {
    "Direct": "direct none typein direkt direktzugriff direkteingabe directtraffic",
    "Organic Search": "organic organicsearch seo naturalsearch search organisch organischesuche suche seounpaid",
    "Paid Search": "paidsearch cpc ppc sem sea adwords googleads searchads googlecpc bezahltesuche suchanzeigen",
    "Organic Social": "social organicsocial socialmedia socialorganic sozialemedien",
    "Paid Social": "paidsocial socialads socialpaid facebookads metaads instagramads paidsocialmedia",
    "Referral": "referral referrals referrer verweis verweise link links",
    "Email": "email emails mail newsletter crm edm emailmarketing",
    "Affiliates": "affiliate affiliates partner partners partnerprogramm affiliatemarketing",
    "Display": "display banner cpm retargeting remarketing displayads bannerwerbung",
    "Paid Video": "paidvideo videoads",
    "Organic Video": "video organicvideo youtube",
    "Paid Shopping": "paidshopping shoppingads",
    "Organic Shopping": "shopping organicshopping",
    "SMS": "sms text textmessage",
    "Mobile Push Notifications": "push pushnotification mobilepush",
    "Audio": "audio podcast",
    "Paid Other": "paid paidother",
}


# Returns the event that is an order, going by its values, and the candidates for its id and amount.
OrderByValues = Callable[[Sequence[Candidate], Mapping[int, str]], tuple[str, dict[str, Candidate]] | None]


@dataclass(frozen=True)
class Choice:
    """The value of a role, and what to check about it."""

    value: Value
    check: str = ""


@dataclass
class Roles:
    """The chosen roles, and the names of the events."""

    choices: dict[str, Choice] = field(default_factory=dict)
    event_names: list[str] = field(default_factory=list)  # most frequent first
    has_all_names: bool = True  # otherwise only those with a role, because there are too many
    event_roles: dict[str, str] = field(default_factory=dict)  # event -> role
    events: dict[int, str] = field(default_factory=dict)  # row -> event
    doubts: dict[str, str] = field(default_factory=dict)  # event -> why its role is a guess
    order_values: dict[str, Candidate] = field(default_factory=dict)  # id and amount, if they tell the order event
    notes: list[str] = field(default_factory=list)
    used: set[tuple[object, ...]] = field(default_factory=set)  # the places of candidates that have a role

    def take(self, role: str, candidate: Candidate, check: str = "") -> None:
        """Give a role to a candidate."""
        self.choices[role] = Choice(candidate.value, check)
        self.use(candidate)

    def use(self, *candidates: Candidate) -> None:
        """Mark candidates as having a role."""
        self.used |= {(c.column, c.path, c.parameter) for c in candidates}

    def free(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the candidates without a role."""
        return [c for c in candidates if (c.column, c.path, c.parameter) not in self.used]

    def rows_of(self, role: str) -> list[int]:
        """Return the rows of the events with this role."""
        return [row for row, name in self.events.items() if self.event_roles.get(name) == role]


def find_time(roles: Roles, candidates: Sequence[Candidate], rows: int, where: str) -> None:
    """Choose the time. Raise ContractError if no place has one."""
    ranked: list[tuple[float, Candidate, str, bool]] = []
    for candidate in candidates:
        time = time_format(candidate.values)
        name = named(candidate, _WORDS["time"])
        if time is None or len(candidate.cells) < 0.5 * rows or (time[0].startswith("epoch") and not name):
            continue  # any number may look like an epoch
        form, certain = time
        score = name + 3.0 * _has_clock(form) + 2.0 * (form == "") + 2.0 * len(candidate.cells) / rows
        ranked.append((score + candidate.is_column, candidate, form, certain))
    best = max(ranked, key=lambda rank: rank[0], default=None)
    if not (best and _has_clock(best[2])) and (joined := _joined(candidates, rows)):
        roles.choices["time"], parts = joined
        roles.use(*parts)
        return
    if best is None:
        words = ("time", "date", "tstamp", "day", "hour")
        near = [c.name for c in candidates if any(word in plain(c.name) for word in words)]
        names = near or [c.name for c in candidates if c.is_column]
        raise ContractError(
            f"{where}: no column has a time that can be read in nearly all of its rows; the candidates are "
            f"{', '.join(ascii(name)[1:-1] for name in names[:5]) or 'none'}. Write times such as 2025-03-01T09:30:00Z."
        )
    _, candidate, form, certain = best
    check = "" if named(candidate, _WORDS["time"]) else "a guess"
    check = check if certain else "the order of day and month"
    check = check if _has_clock(form) else "the time of day is missing"
    roles.choices["time"] = Choice(Time(candidate.value, form) if form else candidate.value, check)
    roles.use(candidate)


def _has_clock(form: str) -> bool:
    """Return whether a time format has a time of day."""
    return form == "" or form.startswith("epoch") or "mm" in form


def _joined(candidates: Sequence[Candidate], rows: int) -> tuple[Choice, list[Candidate]] | None:
    """Return a date and a time of day in two columns."""
    whole = [c for c in candidates if c.is_column and len(c.cells) > 0.5 * rows]
    clocks = [c for c in whole if share(c.values[:500], _CLOCK) >= MOST]
    forms = [(c, time_format(c.values)) for c in whole]
    days = [c for c, form in forms if form and not _has_clock(form[0])]
    for day in sorted(days, key=lambda c: -named(c, _WORDS["time"])):
        for clock in clocks:
            both = [f"{text} {clock.cells[row]}" for row, text in day.cells.items() if row in clock.cells]
            form = _compact_date(both) or time_format(both)
            if form:
                value = Joined((day.value, clock.value), " ")
                check = "" if form[1] else "the order of day and month"
                return Choice(Time(value, form[0]) if form[0] else value, check), [day, clock]
    return None


def _compact_date(values: Sequence[str]) -> tuple[str, bool] | None:
    """Return the format of times such as 20251231 23:59."""
    for form, seconds in (("yyyyMMdd HH:mm", ""), ("yyyyMMdd HH:mm:ss", r":\d\d")):
        if values and share(values[:500], re.compile(rf"20\d{{6}} \d{{1,2}}:\d\d{seconds}")) >= MOST:
            return form, True
    return None


def find_event(
    roles: Roles, candidates: Sequence[Candidate], rows: int, order_by_values: OrderByValues, only_orders: bool = False
) -> bool:
    """Choose the kind of event; return whether there is one.

    `order_by_values` finds the order event without its name. If rows look like orders (`only_orders`), a `name` or
    `type` may describe the product.
    """
    free = roles.free(candidates)
    ranked: list[tuple[float, Candidate]] = []
    for candidate in free:
        names = _names_in(candidate, rows)
        if not names:
            continue
        word = named(candidate, _WORDS["event"])
        roles_named = set(event_names.event_roles(names).values())
        if not ("order" in roles_named or _is_kind_of_event(candidate, word, only_orders)):
            is_few = 1 < len(candidate.distinct) <= _FEW_NAMES and len(candidate.cells) >= MOST * rows
            if not is_few or not (len(roles_named) > 1 or order_by_values(free, candidate.cells)):
                continue
        if len(candidate.distinct) > max(1, len(candidate.cells) / 2) and not word:
            continue
        filled = len(candidate.cells) / rows
        score = 10.0 * ("order" in roles_named) + word + len(roles_named) + 3 * filled + candidate.is_column
        ranked.append((score, candidate))
    best = max(ranked, key=lambda rank: rank[0], default=None)
    if best is None:
        return False
    _, candidate = best
    cells, names = candidate.cells, _names_in(candidate, rows)
    roles.take("event", candidate, "" if named(candidate, _WORDS["event"]) else "a guess")
    if len(cells) < MOST * rows and (other := _rest_of_events(roles.free(candidates), rows)):
        roles.choices["event"] = Choice(First((candidate.value, other.value)), "the first value counts")
        roles.use(other)
        cells = other.cells | cells
        names = [name for name, _ in Counter(cells.values()).most_common() if event_names.is_name(name)]
    event_roles = _event_roles(roles, names, order_by_values(roles.free(candidates), cells))
    known = set(names)
    roles.events = {row: name for row, name in cells.items() if name in known}
    roles.has_all_names = len(names) <= event_names.MAX_NAMES
    roles.event_names = names if roles.has_all_names else [name for name in names if name in event_roles]
    roles.event_roles = event_roles
    return True


def _names_in(candidate: Candidate, rows: int) -> list[str]:
    """Return the values of a candidate, most frequent first, if they can be the names of events; else nothing."""
    word = named(candidate, _WORDS["event"])
    most = event_names.MOST_NAMES if word >= 4.5 else event_names.MAX_NAMES
    if len(candidate.distinct) > most or candidate.kind in _NOT_WORDS or len(candidate.cells) < 0.5 * rows:
        return []
    counts = Counter(candidate.values)
    names = [name for name, _ in counts.most_common() if event_names.is_name(name)]
    return names if sum(counts[name] for name in names) >= 0.9 * len(candidate.cells) else []


def _is_kind_of_event(candidate: Candidate, word: float, only_orders: bool) -> bool:
    """Return whether a candidate's name says that its values are the kinds of events."""
    is_vague = only_orders and bool({"name", "type", "kind", "what"} & set(candidate.names))
    return word >= 4.5 and not is_vague and (len(candidate.distinct) > 1 or word >= _SURE_NAME)


def _event_roles(
    roles: Roles, names: Sequence[str], by_values: tuple[str, dict[str, Candidate]] | None
) -> dict[str, str]:
    """Return the role of each event; values decide which one is the order if no name is usual for an order."""
    by_name = event_names.event_roles(names)
    orders = [name for name, role in by_name.items() if role == "order"]
    if by_values and not any(event_names.is_certain(name, "order") for name in orders):
        order, roles.order_values = by_values
        by_name = {name: role for name, role in by_name.items() if role != "order"} | {order: "order"}
        if order not in orders:
            roles.doubts[order] = "guessed by its values"
    for name, role in by_name.items():
        if not event_names.is_certain(name, role):
            roles.doubts.setdefault(name, "guessed by the name")
    return by_name


def _rest_of_events(candidates: Sequence[Candidate], rows: int) -> Candidate | None:
    """Return a column that names the events which have no name in the chosen place."""
    fitting = [
        c for c in candidates
        if c.is_column and named(c, _WORDS["event"]) >= 4.5 and len(c.cells) >= MOST * rows
        and len(c.distinct) <= event_names.MAX_NAMES and all(map(event_names.is_name, c.distinct))
    ]  # fmt: skip
    return max(fitting, key=lambda c: (len(c.distinct), named(c, _WORDS["event"])), default=None)


def constant_event(roles: Roles, name: str, role: str, rows: int) -> None:
    """Make every row an event of one kind."""
    roles.choices["event"] = Choice(Constant(name), "no column has the kind of event, so every row is one")
    roles.event_names, roles.event_roles = [name], {name: role}
    roles.events = dict.fromkeys(range(rows), name)


def find_client(roles: Roles, candidates: Sequence[Candidate], rows: int, where: str) -> Candidate:
    """Choose the client. Raise ContractError if no place can have one."""
    ranked: list[tuple[float, Candidate]] = []
    free = roles.free(candidates)
    sessions = max((len(c.distinct) for c in free if is_session_name(c)), default=0)
    for candidate in free:
        word = named(candidate, _WORDS["client"])
        if len(candidate.cells) < 0.3 * rows or candidate.kind not in (*_ID_KINDS, *["text"] * (word >= 4)):
            continue
        if candidate.kind == "number" and not word:
            continue
        many = len(candidate.distinct) > min(ENOUGH, len(candidate.cells) / 4)
        repeated = len(candidate.distinct) < 0.98 * len(candidate.cells)
        looks_like_id = candidate.kind == "id" or (word > 0 and "session" not in plain(candidate.name))
        if many and looks_like_id and not is_session_name(candidate):
            score = word + 2.0 * repeated + len(candidate.cells) / rows + 0.5 * candidate.is_column
            # A visitor may have several sessions: an id with as many values as sessions is another session id.
            several = len(candidate.distinct) < sessions or (not sessions and _has_parts(candidate, free, rows))
            ranked.append((score + 1.5 * several, candidate))
    best = max(ranked, key=lambda rank: rank[0], default=None)
    if best is None:
        usable = [c for c in free if len(c.distinct) > 1 and c.kind in (*_ID_KINDS, "text")]
        client, session = _WORDS["client"], _WORDS["session"]
        fallback = [(9.0 * _is_unnamed_id(c, rows) + 2 * named(c, client) + named(c, session), c) for c in usable]
        best = max(fallback, key=lambda rank: rank[0], default=None)
    if best is None:
        names = ", ".join(ascii(c.name)[1:-1] for c in candidates[:5])
        raise ContractError(f"{where}: no column looks like a visitor's id, which is needed; the columns are {names}.")
    sure = named(best[1], _WORDS["client"]) >= 4
    is_session = is_session_name(best[1]) and not sure
    check = "a session id; name the visitor's id if there is one" if is_session else "" if sure else "a guess"
    roles.take("client", best[1], check)
    return best[1]


def is_session_name(candidate: Candidate) -> bool:
    """Return whether a name means a session."""
    return any(re.search("session|sitzung|visit(?!or)|^sid$", name) for name in candidate.names[:2])


def _is_unnamed_id(candidate: Candidate, rows: int) -> bool:
    """Return whether values are words with digits that repeat, and are not those of a session, product or order."""
    if is_session_name(candidate) or re.search("item|product|sku|order|page|url|step", plain(candidate.name)):
        return False
    distinct, filled = len(candidate.distinct), len(candidate.cells)
    has_digits = all(re.search(r"\d", text) for text in candidate.distinct)
    return has_digits and ENOUGH < distinct < 0.98 * filled and filled > 0.9 * rows and candidate.kind in ("word", "id")


def _has_parts(candidate: Candidate, others: Sequence[Candidate], rows: int) -> bool:
    """Return whether another id divides the rows of each value further, as sessions divide those of a visitor."""
    for other in others:
        if other.kind != "id" or not len(candidate.distinct) < len(other.distinct) < 0.95 * len(other.cells):
            continue
        owners: dict[str, set[str]] = {}
        for row, text in other.cells.items():
            owners.setdefault(text, set()).add(candidate.cells.get(row, ""))
        if len(other.cells) > 0.5 * rows and sum(map(len, owners.values())) <= 1.05 * len(owners):
            return True
    return False


def find_others(roles: Roles, candidates: Sequence[Candidate], rows: int, client: Candidate) -> None:
    """Choose the optional roles of an event."""

    def is_session(c: Candidate) -> bool:
        owners: dict[str, set[str]] = {}
        for row, text in c.cells.items():
            owners.setdefault(text, set()).add(client.cells.get(row, ""))
        one = sum(len(clients) == 1 for clients in owners.values())
        return c.kind in _ID_KINDS and len(owners) > 1 and len(c.cells) > 0.3 * rows and one > 0.5 * len(owners)

    def is_page(c: Candidate) -> bool:
        return c.kind == "url" and len(c.cells) > 0.5 * rows and not re.search("imag|product|icon|ref", c.name.lower())

    def is_referrer(c: Candidate) -> bool:
        own = [v for v in c.values[:2000] if v not in ("$direct", "(direct)", "direct")]
        return not own or sum("://" in v for v in own) >= 0.8 * len(own)

    def one(role: str, fits: Callable[[Candidate], bool], least: float, by_value: bool = False) -> None:
        ranks = [(_rank(c, role, rows), c) for c in roles.free(candidates) if not c.in_list]
        fitting = [(rank, c) for rank, c in ranks if (rank >= least or by_value) and fits(c)]
        if fitting:
            rank, best = max(fitting, key=lambda pair: pair[0])
            roles.take(role, best, "" if rank >= 4 else "a guess")

    one("session", is_session, 4)
    _check_session(roles, candidates)
    one("referrer", is_referrer, 2)
    one("page", is_page, 2, True)
    if "referrer" not in roles.choices and "page" in roles.choices:
        _foreign_referrer(roles, candidates)
    for role, test in (("source", _SOURCES), ("medium", _MEDIA), ("campaign", None)):
        _labels(roles, role, list(filter(is_label, candidates)), test)
    _click_ids(roles, candidates)
    has_source = "source" in roles.choices and "medium" in roles.choices
    one("channel", lambda c: is_label(c) and (_names_channels(c) or (is_channel(c) and not has_source)), 4)
    if "channel" not in roles.choices:
        unused = [c.name for c in filter(_is_channel_name, roles.free(candidates)) if len(c.distinct) > 1]
        roles.notes += [
            f"{name} is not used as the channel, because its values are not names of channels" for name in unused
        ]
    one("user_agent", lambda c: c.kind == "user_agent", 2, True)
    one("checkout", lambda c: c.kind in _ID_KINDS and len(c.distinct) > 1, 4)


def is_label(candidate: Candidate) -> bool:
    """Return whether values can be labels, such as those of sources and channels."""
    return len(candidate.distinct) <= 500 and candidate.kind not in (*_NOT_WORDS, "epoch")


def _check_session(roles: Roles, candidates: Sequence[Candidate]) -> None:
    """Note that a session id differs on nearly every row."""
    session = next(
        (c for c in candidates if "session" in roles.choices and c.value == roles.choices["session"].value), None
    )
    if session and len(session.distinct) >= MOST * len(session.cells):
        check = "each session has one event; remove this if sessions should follow a gap of 30 minutes"
        roles.choices["session"] = Choice(session.value, check)


def _click_ids(roles: Roles, candidates: Sequence[Candidate]) -> None:
    """Choose the places of click ids."""
    clicks = [c for c in roles.free(candidates) if c.name.lower() in _CLICK_IDS and not c.in_list]
    if clicks:
        clicks.sort(key=lambda c: _CLICK_IDS.index(c.name.lower()))
        roles.choices["click_id"] = Choice(First(tuple(c.value for c in clicks)))
        roles.use(*clicks)


def _foreign_referrer(roles: Roles, candidates: Sequence[Candidate]) -> None:
    """Choose the column of URLs whose hosts are mostly not those of the pages."""
    page = next(c for c in candidates if c.value == roles.choices["page"].value)
    own = set(map(host_of, page.values))
    for candidate in roles.free(candidates):
        hosts = [host_of(url) for url in candidate.values] if candidate.kind == "url" else []
        foreign = [host for host in hosts if host and host not in own]
        if len(set(foreign)) > 3 and len(foreign) > 0.2 * len(hosts):
            roles.take("referrer", candidate, "a guess")
            return


def _labels(roles: Roles, role: str, candidates: Sequence[Candidate], test: re.Pattern[str] | None) -> None:
    """Choose the places of a source, medium or campaign: those of the event before those of the user."""
    fitting = [c for c in roles.free(candidates) if named(c, _WORDS[role]) >= 4 and not c.in_list]
    if test:
        fitting = [c for c in fitting if any(test.search(text) for text in list(c.distinct)[:500])]
    # GA4's `traffic_source` is the first source that a user ever had. `collected_traffic_source` is the event's.
    fitting.sort(key=lambda c: (not _holds(c, "collected"), not c.parameter, not c.path, -named(c, _WORDS[role])))
    own = [c for c in fitting if not _is_first(c)]
    if own or "page" in roles.choices:
        roles.use(*(c for c in fitting if c not in own))
        fitting = own
    if not fitting:
        return
    chosen = fitting[:2]
    roles.use(*chosen)
    value = chosen[0].value if len(chosen) == 1 else First(tuple(c.value for c in chosen))
    check = "" if len(chosen) == 1 else "the first value counts"
    if _is_first(chosen[0]):
        check = "this is the user's first source, not that of the visit"
    elif any(_holds(c, "user") for c in chosen):
        check = "remove this if it is the source of the user, not of the visit"
    roles.choices[role] = Choice(value, check)


def _holds(candidate: Candidate, word: str) -> bool:
    """Return whether the column's name begins with a word."""
    return candidate.column.lower().startswith(word)


def _is_first(candidate: Candidate) -> bool:
    """Return whether a source is the first one of the user, not that of the event."""
    return _holds(candidate, "traffic_source") or _holds(candidate, "first_user") or _holds(candidate, "initial_")


def _is_channel_name(candidate: Candidate) -> bool:
    return named(candidate, _WORDS["channel"]) >= 4 and re.search("channel|kanal", plain(candidate.name)) is not None


def _names_channels(candidate: Candidate) -> bool:
    """Return whether a column is named like channels, and some of its values are words for channels."""
    distinct = candidate.distinct
    is_some = len(channels_of(distinct)) >= 0.25 * len(distinct)
    return 1 < len(distinct) <= 40 and is_some and _is_channel_name(candidate)


def is_channel(candidate: Candidate) -> bool:
    """Return whether nearly all values are words for channels."""
    known = channels_of(candidate.distinct)
    return 1 < len(candidate.distinct) <= 40 and len(known) >= 0.8 * len(candidate.distinct)


def channels_of(values: Collection[str]) -> dict[str, str]:
    """Return the channel that each value means, if it is known."""
    by_word = {word: channel for channel, words in _CHANNEL_WORDS.items() for word in words.split()}
    by_word |= {plain(channel): channel for channel in channels()}
    return {value: by_word[plain(value)] for value in sorted(values) if plain(value) in by_word}


def named(candidate: Candidate, words: str) -> float:
    """Return how well a name fits: up to 6 for a word that is the whole name, 2 for one that is a part of it."""
    listed = words.split()
    places = [listed.index(name) for name in candidate.names if name in listed]
    if places:
        return 6.0 - min(places) * 1.5 / len(listed)
    return 2.0 if any(len(word) > 3 and word in candidate.names[0] for word in listed) else 0.0


def _rank(candidate: Candidate, role: str, rows: int) -> float:
    name = named(candidate, _WORDS[role])
    return name + (0.5 * candidate.is_column + len(candidate.cells) / rows) * (name > 0)


def columns_of(choices: Mapping[str, Choice]) -> dict[str, str]:
    """Return the role of each column that is a role's value as it is."""
    return {c.value.column: role for role, c in choices.items() if isinstance(c.value, Field) and not c.value.path}
