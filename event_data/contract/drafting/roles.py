"""Choose where each role's value is, from names and values; a doubtful choice has a reason to check."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from event_data.contract.drafting import event_names
from event_data.contract.drafting.candidates import Candidate
from event_data.contract.drafting.forms import ENOUGH, MOST, plain, share, time_format
from event_data.contract.model import CHANNELS, Constant, ContractError, Field, First, Joined, Time, Value

_ID_KINDS = ("id", "integer", "epoch", "word", "number")
_CLOCK = re.compile(r"\d{1,2}:\d\d(:\d\d)?( ?[AaPp][Mm])?")
_CLICK_IDS = "gclid gbraid wbraid dclid fbclid msclkid ttclid twclid li_fat_id epik rdt_cid sccid irclickid awc yclid".split()
_SOURCES = re.compile(
    r"google|bing|facebook|meta\b|instagram|youtube|tiktok|direct|newsletter|e?mail|klaviyo|criteo|yahoo|pinterest|"
    r"linkedin|twitter|duckduckgo|reddit|affiliate|organic",
    re.IGNORECASE,
)
_MEDIA = re.compile(
    r"cpc|ppc|cpm|organic|referral|e?mail|\(none\)|none|social|paid.?(social|search)|display|affiliates?|sms|push|banner|video",
    re.IGNORECASE,
)
_WORDS = {
    "time": "timestamp eventtimestamp eventtime occurredat happenedat originaltimestamp collectortstamp derivedtstamp ts time "
    "datetime eventdatetime sentat receivedat createdat loggedat invoicedate orderdate purchasedate transactiondate eventdate date",
    "event": "eventname event eventtype action eventaction activity activitytype ev type name",
    "client": "clientid visitorid userpseudoid anonymousid deviceid cookieid domainuserid fullvisitorid visitor cid browserid uid "
    "distinctid userid customerid clientidentifier user customer",
    "session": "sessionid gasessionid usersession domainsessionid sessionkey sessionuuid visitid session",
    "page": "pageurl url pagelocation location fullpageurl currenturl documentlocation href pageaddress page",
    "referrer": "referrer pagereferrer fullreferrer documentreferrer referer referringurl previousurl ref",
    "source": "source utmsource mktsource sessionsource",
    "medium": "medium utmmedium mktmedium sessionmedium",
    "campaign": "campaign utmcampaign mktcampaign campaignname sessioncampaign",
    "channel": "channel channelgroup channelgrouping defaultchannelgroup trafficsource acquisitionchannel marketingchannel "
    "trafficchannel sourcechannel acquisitionsource",
    "user_agent": "useragent ua browser agent",
    "checkout": "checkoutid checkouttoken",
}  # fmt: skip
_CHANNEL_WORDS = {
    "Direct": "direct none typein",
    "Organic Search": "organic organicsearch seo naturalsearch search",
    "Paid Search": "paidsearch cpc ppc sem adwords googleads searchads googlecpc",
    "Organic Social": "social organicsocial socialmedia",
    "Paid Social": "paidsocial socialads facebookads metaads instagramads paidsocialmedia",
    "Referral": "referral referrals referrer partner",
    "Email": "email mail newsletter crm edm",
    "Affiliates": "affiliate affiliates",
    "Display": "display banner cpm retargeting remarketing",
    "Paid Video": "paidvideo videoads",
    "Organic Video": "video organicvideo youtube",
    "Paid Shopping": "paidshopping shoppingads",
    "Organic Shopping": "shopping organicshopping",
    "SMS": "sms text",
    "Mobile Push Notifications": "push pushnotification mobilepush",
    "Audio": "audio podcast",
    "Paid Other": "paid paidother",
}


@dataclass(frozen=True)
class Choice:
    """The value of a role, and what to check about it."""

    value: Value
    check: str = ""


@dataclass
class Roles:
    """The roles that were found, and the names of the events."""

    found: dict[str, Choice] = field(default_factory=dict)
    event_names: list[str] = field(default_factory=list)  # most frequent first; empty if there are too many
    event_roles: dict[str, str] = field(default_factory=dict)  # event -> role
    events: dict[int, str] = field(default_factory=dict)  # row -> event
    used: set[tuple[object, ...]] = field(default_factory=set)  # the places of candidates that have a role

    def take(self, role: str, candidate: Candidate, check: str = "") -> None:
        """Give a role to a candidate."""
        self.found[role] = Choice(candidate.value, check)
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
        form = time_format(candidate.values)
        if form is None or len(candidate.cells) < 0.5 * rows:
            continue
        name = named(candidate, _WORDS["time"])
        if form[0].startswith("epoch") and not name:
            continue  # any number may look like one
        has_clock = form[0] in ("", "yyyyMMddHHmmss") or form[0].startswith("epoch") or ":" in form[0]
        filled = len(candidate.cells) / rows
        score = name + 3.0 * has_clock + 2.0 * (form[0] == "") + 2.0 * filled + candidate.is_column
        ranked.append((score, candidate, form[0], form[1]))
    best = max(ranked, key=lambda rank: rank[0], default=None)
    joined = None if best and (":" in best[2] or best[2] in ("", "yyyyMMddHHmmss") or best[2][:5] == "epoch") else _joined(candidates, rows)
    if joined:
        roles.found["time"], parts = joined
        roles.use(*parts)
        return
    if best is None:
        near = [c.name for c in candidates if any(w in plain(c.name) for w in ("time", "date", "tstamp", "day", "hour"))]
        names = near or [c.name for c in candidates if c.is_column]
        raise ContractError(
            f"{where}: no column has a time that can be read in nearly all of its rows; the candidates are "
            f"{', '.join(ascii(name)[1:-1] for name in names[:5]) or 'none'}. Write times such as 2025-03-01T09:30:00Z."
        )
    _, candidate, form, certain = best
    value: Value = Time(candidate.value, form) if form else candidate.value
    check = "" if certain else "the order of day and month"
    if form and not form.startswith("epoch") and ":" not in form and "H" not in form:
        check = "it has no time of day"
    elif not named(candidate, _WORDS["time"]):
        check = "a guess"
    roles.found["time"] = Choice(value, check)
    roles.use(candidate)


def _joined(candidates: Sequence[Candidate], rows: int) -> tuple[Choice, list[Candidate]] | None:
    """Return a date and a time of day in two columns."""
    clocks = [c for c in candidates if c.is_column and share(c.values[:500], _CLOCK) >= MOST and len(c.cells) > 0.5 * rows]
    dates = []
    for candidate in candidates:
        form = time_format(candidate.values) if candidate.is_column else None
        if form and form[0] and not form[0].startswith("epoch") and ":" not in form[0] and len(candidate.cells) > 0.5 * rows:
            dates.append(candidate)
    for day in sorted(dates, key=lambda c: -named(c, _WORDS["time"])):
        for clock in clocks:
            both = [f"{text} {clock.cells[row]}" for row, text in day.cells.items() if row in clock.cells]
            if day.cells and re.fullmatch(r"20\d{6}", day.values[0]):
                seconds = ":ss" if all(text.count(":") == 2 for text in clock.values[:500]) else ""
                form: tuple[str, bool] | None = (f"yyyyMMdd HH:mm{seconds}", True)
            else:
                form = time_format(both)
            if form:
                value: Value = Joined((day.value, clock.value), " ")
                return Choice(Time(value, form[0]) if form[0] else value, "" if form[1] else "the order of day and month"), [day, clock]
    return None


def find_event(roles: Roles, candidates: Sequence[Candidate], rows: int) -> bool:
    """Choose the kind of event; return whether one was found."""
    ranked: list[tuple[float, Candidate, list[str], dict[str, str]]] = []
    for candidate in roles.free(candidates):
        distinct = candidate.distinct
        if len(distinct) > event_names.MAX_NAMES or candidate.kind in ("json", "url", "timestamp", "integer", "number", "boolean"):
            continue
        if len(candidate.cells) < 0.5 * rows:
            continue
        counts = Counter(candidate.values)
        names = [name for name, _ in counts.most_common() if event_names.is_name(name)]
        if sum(counts[name] for name in names) < 0.9 * len(candidate.cells):
            continue
        found = event_names.event_roles(names)
        has_order = "order" in found.values()
        word = named(candidate, _WORDS["event"])
        if not has_order and (word < 4.5 or len(distinct) < 2):
            continue
        if len(distinct) > max(1, len(candidate.cells) / 2) and not word:
            continue
        filled = len(candidate.cells) / rows
        score = 10.0 * has_order + word + len(set(found.values())) + 3 * filled + candidate.is_column
        ranked.append((score, candidate, names, found))
    best = max(ranked, key=lambda rank: rank[0], default=None)
    if best is None:
        return False
    _, candidate, names, found = best
    roles.take("event", candidate, "" if named(candidate, _WORDS["event"]) else "a guess")
    roles.event_names, roles.event_roles = names, found
    roles.events = {row: name for row, name in candidate.cells.items() if name in names}
    return True


def constant_event(roles: Roles, name: str, role: str, rows: int) -> None:
    """Make every row an event of one kind."""
    roles.found["event"] = Choice(Constant(name), "no column has the kind of event, so every row is one")
    roles.event_names, roles.event_roles = [name], {name: role}
    roles.events = dict.fromkeys(range(rows), name)


def find_client(roles: Roles, candidates: Sequence[Candidate], rows: int, where: str) -> Candidate:
    """Choose the client. Raise ContractError if no place can have one."""
    ranked: list[tuple[float, Candidate]] = []
    for candidate in roles.free(candidates):
        if candidate.kind not in _ID_KINDS or len(candidate.cells) < 0.3 * rows:
            continue
        word = named(candidate, _WORDS["client"])
        if candidate.kind == "number" and not word:
            continue
        many = len(candidate.distinct) > min(ENOUGH, len(candidate.cells) / 4)
        repeated = len(candidate.distinct) < 0.98 * len(candidate.cells)
        looks_like_id = candidate.kind == "id" or (word > 0 and "session" not in plain(candidate.name))
        if many and looks_like_id:
            ranked.append((word + 2.0 * repeated + len(candidate.cells) / rows + 0.5 * candidate.is_column, candidate))
    best = max(ranked, key=lambda rank: rank[0], default=None)
    if best is None:
        free = [c for c in roles.free(candidates) if len(c.distinct) > 1 and c.kind in (*_ID_KINDS, "text")]
        best = max(((named(c, _WORDS["session"]) + named(c, _WORDS["client"]), c) for c in free), key=lambda r: r[0], default=None)
    if best is None:
        names = ", ".join(ascii(c.name)[1:-1] for c in candidates[:5])
        raise ContractError(f"{where}: no column looks like a visitor's id; the columns are {names}. A contract needs one.")
    roles.take("client", best[1], "" if named(best[1], _WORDS["client"]) >= 4 else "a guess")
    return best[1]


def find_others(roles: Roles, candidates: Sequence[Candidate], rows: int, client: Candidate) -> None:
    """Choose the optional roles of an event."""

    def is_session(c: Candidate) -> bool:
        owners: dict[str, set[str]] = {}
        for row, text in c.cells.items():
            owners.setdefault(text, set()).add(client.cells.get(row, ""))
        one = sum(len(clients) == 1 for clients in owners.values())
        return c.kind in _ID_KINDS and len(owners) > 1 and len(c.cells) > 0.3 * rows and one > 0.5 * len(owners)

    def is_url(c: Candidate) -> bool:
        return c.kind == "url"

    def is_referrer(c: Candidate) -> bool:
        own = [v for v in c.values[:2000] if v not in ("$direct", "(direct)", "direct")]
        return not own or sum("://" in v for v in own) >= 0.8 * len(own)

    def is_label(c: Candidate) -> bool:
        return len(c.distinct) <= 500 and c.kind not in ("json", "url", "timestamp", "epoch", "integer", "number", "boolean")

    def one(role: str, fits: Callable[[Candidate], bool], least: float, by_value: bool = False) -> None:
        ranks = [(_rank(c, role, rows), c) for c in roles.free(candidates) if not c.in_list]
        fitting = [(rank, c) for rank, c in ranks if (rank >= least or by_value) and fits(c)]
        if fitting:
            rank, best = max(fitting, key=lambda pair: pair[0])
            roles.take(role, best, "" if rank >= 4 else "a guess")

    one("session", is_session, 4)
    one("referrer", is_referrer, 2)
    one("page", lambda c: is_url(c) and len(c.cells) > 0.5 * rows and not re.search("imag|product|icon|ref", c.name.lower()), 2, True)
    for role, test in (("source", _SOURCES), ("medium", _MEDIA)):
        _labels(roles, role, [c for c in candidates if is_label(c)], test)
    _labels(roles, "campaign", [c for c in candidates if is_label(c)], None)
    clicks = [c for c in roles.free(candidates) if c.name.lower() in _CLICK_IDS and not c.in_list]
    if clicks:
        clicks.sort(key=lambda c: _CLICK_IDS.index(c.name.lower()))
        roles.found["click_id"] = Choice(First(tuple(c.value for c in clicks)))
        roles.use(*clicks)
    has_source = "source" in roles.found and "medium" in roles.found
    one("channel", lambda c: is_channel(c) and ("channel" in c.name.lower() or not has_source), 4)
    one("user_agent", lambda c: c.kind == "user_agent", 2, True)
    one("checkout", lambda c: c.kind in _ID_KINDS and len(c.distinct) > 1, 4)


def _labels(roles: Roles, role: str, candidates: Sequence[Candidate], test: re.Pattern[str] | None) -> None:
    """Choose the places of a source, medium or campaign: those of the event before those of the user."""
    fitting = [c for c in roles.free(candidates) if named(c, _WORDS[role]) >= 4 and not c.in_list and len(c.distinct) > 1 - bool(test)]
    if test:
        fitting = [c for c in fitting if any(test.search(text) for text in list(c.distinct)[:500])]
    fitting.sort(key=lambda c: (not c.parameter, not c.path, -named(c, _WORDS[role])))
    if not fitting:
        return
    chosen = fitting[:2]
    roles.use(*chosen)
    value = chosen[0].value if len(chosen) == 1 else First(tuple(c.value for c in chosen))
    roles.found[role] = Choice(value, "" if len(chosen) == 1 else "the first that has a value counts")


def is_channel(candidate: Candidate) -> bool:
    """Return whether nearly all values are words for channels."""
    known = channels_of(candidate.distinct)
    return 1 < len(candidate.distinct) <= 40 and len(known) >= 0.8 * len(candidate.distinct)


def channels_of(values: Collection[str]) -> dict[str, str]:
    """Return the channel that each value means, if it is known."""
    by_word = {word: channel for channel, words in _CHANNEL_WORDS.items() for word in words.split()}
    by_word |= {plain(channel): channel for channel in CHANNELS}
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
