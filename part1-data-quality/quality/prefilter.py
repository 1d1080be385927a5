"""The fast path of part 1: which events cannot fail a row check, and which conditions are worth evaluating.

Nearly every event is in order, and regular expressions are what takes time. So each event is asked one cheap
question: is it *clean*, so that no row check can fail on it? Only the others, the candidates, are checked one
by one, and of a clean page view nothing is kept but its client and time.

Nobody who writes a check needs to know this. COVERED names the checks that the test of a role rules out; any
other check becomes a part of the question, which is slower and just as right. With `enabled` false nothing is
clean and every condition is evaluated on every event: a test compares all reports of both ways.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property

from event_data.contract import Contract, host_regexp
from event_data.events import PLACEHOLDERS
from event_data.sql import literal, values
from quality.contract_sql import unanchored
from quality.row_checks import RAW_NAMES, RowCheck

SHORT = 15  # characters: what is longer is no placeholder, but for a few
LONG_PLACEHOLDERS = tuple(word for word in PLACEHOLDERS if len(word) > SHORT)
# The checks that cannot fail on an event that passes the role's test.
COVERED: Mapping[str, frozenset[str]] = {
    role: frozenset(checks.split())
    for role, checks in {
        "client": "null_share value_placeholder value_pattern quote_stray email_exposed",
        "time": "null_share timestamp_unparseable timestamp_outside_day timestamp_offset",
        "event": "null_share value_invalid event_synonym header_repeated quote_stray",
        "payload": "payload_missing payload_malformed payload_unexpected email_exposed phone_exposed card_exposed",
        "user_agent": "null_share value_placeholder",
        "page": "null_share quote_stray url_malformed host_foreign "
        "query_not_anonymised email_exposed phone_exposed card_exposed",
        "referrer": "quote_stray referrer_malformed host_internal host_not_anonymised "
        "query_not_anonymised email_exposed phone_exposed card_exposed",
    }.items()
}
# What every event that fails a check has, and what costs less than the check's own condition.
PRECONDITIONS = {
    "value_placeholder": f"strlen({{column}}) <= {SHORT}"
    + (f" or lower({{column}}) in ({values(LONG_PLACEHOLDERS)})" if LONG_PLACEHOLDERS else ""),
    "value_length": "strlen({column}) > {max_length}",
    "timestamp_offset": "not ends_with({column}, 'Z')",
    "url_malformed": "not ({own_url})",
    "host_foreign": "not ({own_url})",
    "host_internal": "not ({own_url}) and ({mentions_own})",
    "email_exposed": "contains({column}, '@') or contains({column}, '%40')",
}


class Prefilter:
    """What the pass may leave out for these checks of this contract."""

    def __init__(self, contract: Contract, checks: Iterable[RowCheck], enabled: bool = True) -> None:
        self.contract = contract
        self.enabled = enabled
        self.times_are_usual = enabled  # so far: then a time is read by one short expression
        self._uncovered = [f"not ({self.guarded(c)})" for c in checks if not c.is_shift and not self._covers(c)]

    @cached_property
    def clean(self) -> str:
        """Return a condition that is true only for an event on which no row check can fail."""
        if not self.enabled:
            return "false"
        cheap = [*self._cheap_tests.values(), *self._uncovered]
        # RE2 costs 50 ns a call and 4 ns a byte.
        costly = [self._client_pattern, *self.address_tests.values()]
        return f"""case when {" and ".join(f"({sql})" for sql in cheap)}
            then coalesce({" and ".join(filter(None, costly)) or "true"}, false) else false end"""

    @cached_property
    def plain_event(self) -> str | None:
        """Return the event of which nothing but client and time is needed where it is clean: a page view."""
        event = self.contract.event_of("page_view")
        return event.name if self.enabled and event and not event.payload else None

    @property
    def plain(self) -> str:
        """Return a condition that is true for a clean page view, unless the page confirms an order."""
        event = self.plain_event
        return f"clean and event = {literal(event)} and not is_confirmation(page)" if event else "false"

    @cached_property
    def known(self) -> Mapping[str, bool]:
        """Return conditions that all clean events meet (True), or none does, so that only candidates need counting."""
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
        """Return conditions by role that are true only for addresses on which no covered check can fail."""
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
        """Return the condition of a check, evaluated only where its precondition is true."""
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
        """Return the role whose address test rules out that the check fails."""
        return check.role if check.role in self.address_tests and self._covers(check) else None

    def _covers(self, check: RowCheck) -> bool:
        events = self.contract.events
        if check.role == "event" and (not events or any('"' in event.name for event in events)):
            return check.definition.check in ("null_share", "event_synonym")
        return check.definition.check in COVERED.get(check.role or "", ())

    @property
    def _client_pattern(self) -> str | None:
        client = self.contract.column_of("client")
        return f"regexp_full_match(client, {literal(client.pattern)})" if client and client.pattern else None

    @property
    def _cheap_tests(self) -> dict[str, str]:
        """Return the tests of the roles that are not addresses."""
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
            del tests["event"]  # the payload's test says as much
        return {role: sql for role, sql in tests.items() if role in self.contract.roles}

    def _own_url(self, url: str) -> str:
        starts = [f"{scheme}://{host}/" for host in self.contract.own_hosts for scheme in ("https", "http")]
        return " or ".join(f"starts_with({url}, {literal(start)})" for start in starts) or "false"

    def _mentions_own(self, url: str) -> str:
        hosts = self.contract.own_hosts
        roots = [h for h in hosts if not any(h.endswith("." + other) for other in hosts)]
        return " or ".join(f"contains({url}, {literal('.' + h)})" for h in roots) or "false"

    def _referring_hosts(self) -> str | None:
        """Return the pattern of the hosts that a referrer may have; None where the contract lets it have any."""
        hidden = self.contract.anonymisation
        if hidden.foreign_host is None:
            return None
        named = host_regexp([*self.contract.own_hosts, *self.contract.payment_hosts, *hidden.plain_hosts])
        named = named.replace(".+", "[a-z.-]+")  # anything else might hold what a check looks for
        foreign = hidden.foreign_host
        return f"{named}|{unanchored(foreign)}" if _excludes_marks(foreign) else named

    def _harmless_address(self, scheme: str, hosts: str | None) -> str:
        """Return the pattern of addresses, of these hosts or any, on which no covered check can fail.

        They hold no quotation mark, no `@` or `%40` and no nine digits, in a row or with single
        separators: so neither an address nor a number, and their query is as the contract wants it.
        """
        other = r"""(?:[^0-9@"?#%() .-]|%[^4%]|%4[^0%])"""
        digits = "[0-9](?:[() .-]?[0-9]){0,7}"
        part = rf"(?:{other}|[() .-]|{digits}(?:[() .-]?{other}|[() .-][() .-]))*(?:{digits}[() .-]?)?"
        value = self.contract.anonymisation.query_value
        pair = rf'[^0-9=&#@"%]*[0-9]{{0,4}}(?:=(?:{unanchored(value) if value and _excludes_marks(value) else ""})?)?'
        query = f"(?:{pair}&)*{pair}" if value else part
        # Hosts are compared in lower case; one that is not is a candidate.
        host = f"(?:{hosts})" if hosts else "[a-z.-]+(?:[0-9]{1,4}[a-z.-]+)?"
        return f"{scheme}://{host}(?:/{part})?(?:[?]{query})?(?:#{part})?"


def _excludes_marks(pattern: str) -> bool:
    """Return whether nothing that matches a pattern can hold `@`, `%` or a quotation mark; False in doubt."""
    rest = re.sub(r"a-z|A-Z|0-9|a-f|A-F|\\[.]|\[[.]\]", "", pattern)
    return re.fullmatch(r"[\w\[\](){}?:|,^$+*-]*", rest) is not None and not re.search(r"\[\^|\w-\w", rest)
