"""Speed up part 1: find the events that cannot fail a row check, and skip conditions that cannot matter.

Nearly every event is valid, and regular expressions take most of the time. So each event first gets one cheap
test: is it *clean*, meaning that no row check can fail on it? Only the other events, the candidates, are checked
individually. Of a clean page view, only the client and time are kept.

You can write a check without knowing this. COVERED lists the checks that the test of a role rules out. Any other
check becomes part of the cheap test, which is slower but just as correct. If `enabled` is false, no event is clean
and every condition is evaluated on every event; a test compares the reports of both modes.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property

from event_data.contract import Contract, host_regexp
from event_data.events import NULL_WORDS, PLACEHOLDERS, is_null_word_sql
from event_data.sql import literal, values
from quality.contract_sql import unanchored
from quality.row_checks import RAW_NAMES, RowCheck, raw_names

SHORT = 15  # characters; only a few placeholders are longer
LONGEST_NULL = max(map(len, NULL_WORDS))
LONG_PLACEHOLDERS = tuple(word for word in PLACEHOLDERS if len(word) > SHORT)
# role -> the checks that cannot fail on an event that passes the role's test
COVERED: Mapping[str, frozenset[str]] = {
    role: frozenset(checks.split())
    for role, checks in {
        "client": "null_share value_placeholder value_pattern quote_stray email_exposed",
        "time": "null_share timestamp_unparseable timestamp_outside_day timestamp_offset",
        "event": "null_share value_invalid event_synonym header_repeated quote_stray",
        "payload": "payload_missing payload_malformed payload_not_object payload_encoded_twice payload_not_a_number "
        "payload_unexpected email_exposed phone_exposed card_exposed",
        "user_agent": "null_share value_placeholder",
        "page": "null_share quote_stray url_malformed host_foreign "
        "query_not_anonymised email_exposed phone_exposed card_exposed",
        "referrer": "quote_stray referrer_malformed host_internal host_not_anonymised "
        "query_not_anonymised email_exposed phone_exposed card_exposed",
    }.items()
}
# The checks that only an event with marks can fail, and no such event is clean.
OF_MARKS = frozenset(("null_text", "names_differ"))
UNFILLED_STARTS = ("{{", "[", "=%", "=__", "<", "=$", "=null", "=undefined")
# check -> a precondition that every failing event meets, cheaper than the check's own condition
PRECONDITIONS = {
    "value_placeholder": f"strlen({{column}}) <= {SHORT}"
    # a case, so that long values are not changed to lower case one by one
    + "".join(
        f" or case when strlen({{column}}) = {len(word)} then lower({{column}}) = {literal(word)} else false end"
        for word in LONG_PLACEHOLDERS
    ),
    "value_length": "strlen({column}) > {max_length}",
    "timestamp_offset": "not ends_with({column}, 'Z')",
    "url_malformed": "not ({own_url})",
    "host_foreign": "not ({own_url})",
    "host_internal": "not ({own_url}) and ({mentions_own})",
    "email_exposed": "contains({column}, '@') or contains({column}, '%40')",
    # Of pages with a campaign, those in which a placeholder may begin
    "campaign_placeholder": "case when contains({column}, 'utm_') then "
    + " or ".join(f"contains({{column}}, '{start}')" for start in UNFILLED_STARTS)
    + " else not starts_with({column}, 'http') end",
    "payload_not_a_number": "contains({column}, 'NaN') or contains({column}, 'Infinity')",
}


class Prefilter:
    """The conditions that let the pass skip work, for these checks of this contract."""

    def __init__(self, contract: Contract, checks: Iterable[RowCheck], enabled: bool = True) -> None:
        self.contract = contract
        self.enabled = enabled
        self.times_are_usual = enabled  # as long as this holds, one short expression reads the times
        uncovered = [c for c in checks if not c.is_shift and not self._covers(c) and c.definition.check not in OF_MARKS]
        self._uncovered = [f"not ({self.guarded(c)})" for c in uncovered]

    @cached_property
    def clean(self) -> str:
        """Return a condition that is true only for events on which no row check can fail."""
        if not self.enabled:
            return "false"
        cheap = ["marks is null", *self._cheap_tests.values(), *self._uncovered]
        # RE2 takes 50 ns per call and 4 ns per byte.
        costly = [self._client_pattern, *self.address_tests.values()]
        return f"""case when {" and ".join(f"({sql})" for sql in cheap)}
            then coalesce({" and ".join(filter(None, costly)) or "true"}, false) else false end"""

    @cached_property
    def plain_event(self) -> str | None:
        """Return the event type whose clean events need only client and time: the page view."""
        event = self.contract.event_of("page_view")
        return event.name if self.enabled and event and not event.payload else None

    @cached_property
    def may_have_marks(self) -> str:
        """Return a condition that is true for every record with a null that is written as text.

        On a clean event, the tests of the roles rule that out; only the other columns are compared.
        """
        role_of = {name: role for role, name in self.contract.roles.items()}
        words = {name: f"case when strlen({raw}) <= {LONGEST_NULL} then {is_null_word_sql(raw)} else false end"
                 for name, raw in raw_names(self.contract).items()}  # fmt: skip
        ruled_out = {role for role in COVERED if role != "event" or self.contract.events}
        others = [sql for name, sql in words.items() if role_of.get(name) not in ruled_out]
        return f"case when clean then {' or '.join(others) or 'false'} else {' or '.join(words.values())} end"

    @property
    def plain(self) -> str:
        """Return a condition that is true for a clean page view, unless the page confirms an order."""
        event = self.plain_event
        return f"clean and event = {literal(event)} and not is_confirmation(page)" if event else "false"

    @cached_property
    def known(self) -> Mapping[str, bool]:
        """Return conditions that all clean events meet (True) or none does (False): only candidates need counting."""
        if not self.enabled:
            return {}
        roles = [role for role in self.contract.roles if role != "referrer"]
        known = {f"{RAW_NAMES[role]} is null": role == "payload" for role in roles}
        known |= {f"{RAW_NAMES[role]} is not null": role != "payload" for role in roles}
        if "payload" in roles:
            known[f"event in ({values(n for e in self.contract.events if e.payload for n in e.names)})"] = False
        return known | {"event_at is not null": True}

    @cached_property
    def address_tests(self) -> Mapping[str, str]:
        """Return role -> condition that is true only for URLs on which no covered check can fail."""
        if not self.enabled:
            return {}
        own = "|".join(host.replace(".", "[.]") for host in self.contract.own_hosts)
        tests = {"page": f"regexp_full_match(page, {literal(self._harmless_address('https?', own))})"}
        referrer = literal(self._harmless_address("[a-z-]+", self._referring_hosts()))
        tests["referrer"] = f"""case when referrer is null then true
            when regexp_full_match(referrer, {referrer})
            then {self._own_url("referrer")} or not ({self._mentions_own("referrer")}) else false end"""
        return {role: sql for role, sql in tests.items() if role in self.contract.roles}

    def guarded(self, check: RowCheck) -> str:
        """Return the condition of a check, evaluated only if its precondition is true."""
        precondition = PRECONDITIONS.get(check.definition.check) if self.enabled else None
        if precondition is None:
            return check.condition
        column = self.contract.column(check.column)
        worth_it = precondition.format(
            column=check.raw_name,
            max_length=column and column.max_length,
            own_url=self._own_url(check.raw_name),
            mentions_own=self._mentions_own(f"lower({check.raw_name})"),
        )
        return f"case when {worth_it} then {check.condition} else false end"

    def covering_test(self, check: RowCheck) -> str | None:
        """Return the role whose URL test rules out that the check fails."""
        return check.role if check.role in self.address_tests and self._covers(check) else None

    def _covers(self, check: RowCheck) -> bool:
        events = self.contract.events
        if check.role == "event" and (not events or any('"' in event.name for event in events)):
            return check.definition.check in ("null_share", "event_synonym")
        if check.role == "page" and check.definition.check == "campaign_placeholder":
            return self._values_are_no_placeholders
        return check.definition.check in COVERED.get(check.role or "", ())

    @cached_property
    def _values_are_no_placeholders(self) -> bool:
        """Return whether no value of a query that complies with the contract can be a campaign's placeholder."""
        pattern = self.contract.anonymisation.query_value or ""
        # a class of letters and digits, not a word
        plain = re.fullmatch(r"\^?\[[A-Za-z0-9-]+\](?:\{[0-9,]+\}|[+*])?[$]?", pattern)
        return plain is not None and not any(re.fullmatch(pattern, word) for word in ("null", "undefined"))

    @property
    def _client_pattern(self) -> str | None:
        client = self.contract.column_of("client")
        return f"regexp_full_match(client, {literal(client.pattern)})" if client and client.pattern else None

    @property
    def _cheap_tests(self) -> dict[str, str]:
        """Return the tests of the roles that are not URLs."""
        names = [e.name for e in self.contract.events]
        without_payload = values(e.name for e in self.contract.events if not e.payload)
        client = self.contract.column_of("client")
        marks = () if client and client.pattern and _excludes_marks(client.pattern) else ("@", "%40", '"')
        is_value = f"not ({PRECONDITIONS['value_placeholder']})"
        tests = {
            "client": " and ".join(
                [is_value.format(column="client"), *(f"not contains(client, '{mark}')" for mark in marks)]
            ),
            "time": "cast(event_at as date) = file_day"
            + (" and ends_with(time_text, 'Z')" if self.contract.time_zone == "UTC" else ""),
            "event": f"event in ({values(names)})" if names else "event is not null",
            "payload": f"payload is null and event in ({without_payload})" if names else "payload is null",
            "user_agent": is_value.format(column="user_agent"),
        }
        if "payload" in self.contract.roles and names:
            del tests["event"]  # the payload's test implies it
        return {role: sql for role, sql in tests.items() if role in self.contract.roles}

    def _own_url(self, url: str) -> str:
        starts = [f"{scheme}://{host}/" for host in self.contract.own_hosts for scheme in ("https", "http")]
        return " or ".join(f"starts_with({url}, {literal(start)})" for start in starts) or "false"

    def _mentions_own(self, url: str) -> str:
        hosts = self.contract.own_hosts
        roots = [h for h in hosts if not any(h.endswith("." + other) for other in hosts)]
        return " or ".join(f"contains({url}, {literal('.' + h)})" for h in roots) or "false"

    def _referring_hosts(self) -> str | None:
        """Return the pattern of the hosts that a referrer may have; None if the contract allows any host."""
        hidden = self.contract.anonymisation
        if hidden.foreign_host is None:
            return None
        named = host_regexp([*self.contract.own_hosts, *self.contract.payment_hosts, *hidden.plain_hosts])
        named = named.replace(".+", "[a-z.-]+")  # a check may look for other characters
        foreign = hidden.foreign_host
        return f"{named}|{unanchored(foreign)}" if _excludes_marks(foreign) else named

    def _harmless_address(self, scheme: str, hosts: str | None) -> str:
        """Return the pattern of URLs with these hosts (None: any) on which no covered check can fail.

        They contain no quotation mark, no `@` or `%40`, and no nine digits, in a row or with single separators, so
        no e-mail address, phone number or card number. Their query complies with the contract.
        """
        other = r"""(?:[^0-9@"?#%() .-]|%[^4%]|%4[^0%])"""
        digits = "[0-9](?:[() .-]?[0-9]){0,7}"
        part = rf"(?:{other}|[() .-]|{digits}(?:[() .-]?{other}|[() .-][() .-]))*(?:{digits}[() .-]?)?"
        value = self.contract.anonymisation.query_value
        pair = rf'[^0-9=&#@"%]*[0-9]{{0,4}}(?:=(?:{unanchored(value) if value and _excludes_marks(value) else ""})?)?'
        query = f"(?:{pair}&)*{pair}" if value else part
        # Hosts are compared in lower case; any other host makes the event a candidate.
        host = f"(?:{hosts})" if hosts else "[a-z.-]+(?:[0-9]{1,4}[a-z.-]+)?"
        return f"{scheme}://{host}(?:/{part})?(?:[?]{query})?(?:#{part})?"


def _excludes_marks(pattern: str) -> bool:
    """Return whether no match of a pattern can contain `@`, `%` or a quotation mark; False if that is uncertain."""
    rest = re.sub(r"a-z|A-Z|0-9|a-f|A-F|\\[.]|\[[.]\]", "", pattern)
    return re.fullmatch(r"[\w\[\](){}?:|,^$+*-]*", rest) is not None and not re.search(r"\[\^|\w-\w", rest)
