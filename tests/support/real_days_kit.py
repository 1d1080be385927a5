"""The real days as tables that owe nothing to the validator, and what its run on them left behind."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

EVENTS = """
create table events as
select
    regexp_extract(filename, '[^/]+$') as file,
    nullif(coalesce(client_id, "clientId"), '') as client, nullif(client_id, '') as tracked_client,
    page_url as url, regexp_extract(page_url, '^https?://[^/?#]+([^?#]*)', 1) as path,
    nullif(regexp_extract(page_url, '/checkouts/[a-z]+/([^/?#]+)', 1), '') as token,
    nullif(referrer, '') as referrer, cast(replace("timestamp", 'Z', '') as timestamp) as event_at,
    event_name as event, nullif(event_data, '') as payload, user_agent,
    case when event_name = 'checkout_completed'
        then cast(json_extract_string(event_data, '$.revenue') as decimal(12, 2)) end as revenue,
    json_extract_string(event_data, '$.transaction_id') as transaction_id,
    json_extract_string(event_data, '$.user_email') as customer
from read_csv(?, header = true, all_varchar = true, union_by_name = true, filename = true, quote = '"', escape = '"')
"""
# An earlier event is one of the same client with a smaller time, wherever it stands. An order's own confirmation page
# is no earlier page view of it.
JOURNEYS = """
create table journeys as
with first_seen as (
    select
        client, min(event_at) as any_event, min(event_at) filter (event = 'page_viewed') as page_view,
        min(event_at) filter (event = 'page_viewed' and not contains(url, '/thank-you')) as other_page_view,
        min(event_at) filter (event = 'product_added_to_cart') as cart,
        min(event_at) filter (event = 'checkout_started') as started
    from events where client is not null group by client
),
tracked as (
    select tracked_client, min(event_at) as any_event, min(event_at) filter (event = 'page_viewed') as page_view
    from events where tracked_client is not null group by tracked_client
),
tokens as (select token, min(event_at) as started from events where event = 'checkout_started' group by token)
select
    e.file, e.event, e.revenue,
    coalesce(f.any_event < e.event_at, false) as has_event,
    case
        when e.event = 'checkout_completed' then coalesce(f.other_page_view < e.event_at, false) or exists (
            from events as p
            where p.client = e.client and p.event = 'page_viewed' and contains(p.url, '/thank-you')
                and p.token <> e.token and p.event_at < e.event_at
        )
        else coalesce(f.page_view < e.event_at, false)
    end as has_page_view,
    coalesce(f.cart < e.event_at, false) as has_cart,
    coalesce(f.started < e.event_at, false) or coalesce(tokens.started < e.event_at, false) as has_checkout,
    coalesce(t.any_event < e.event_at, false) as has_tracked_event,
    coalesce(t.page_view < e.event_at, false) as has_tracked_page_view
from events as e
left join first_seen as f using (client)
left join tracked as t on e.tracked_client = t.tracked_client
left join tokens on e.token = tokens.token
where e.event <> 'page_viewed' and e.client is not null
"""
ITEMS = """
create table items as
with unnested as (
    select file, transaction_id, client, revenue, unnest(cast(json_extract(payload, '$.items') as json[])) as item
    from events where event = 'checkout_completed'
)
select
    file, transaction_id, client, revenue,
    cast(json_extract_string(item, '$.item_price') as decimal(12, 2)) as price,
    cast(json_extract_string(item, '$.quantity') as integer) as quantity,
    coalesce(json_extract_string(item, '$.item_id'), json_extract_string(item, '$.item_name'),
        json_extract_string(item, '$.item_variant'), json_extract_string(item, '$.quantity'),
        json_extract_string(item, '$.item_price')) is null as is_empty
from unnested
"""

Row = dict[str, str]
Query = Callable[[str], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Run:
    """The output of one run of the command."""

    status: int
    console: str
    errors: str
    folder: Path
    report: list[Row]
    profile: list[Row]
    incidents: list[dict[str, Any]]

    def rows(self, check: str, column: str | None = None, status: str | None = None) -> dict[str, Row]:
        """Return the report's rows of one check by file, without those that have nothing to check."""
        return {
            r["file"]: r
            for r in self.report
            if r["check"] == check and r["checked"] and column in (None, r["column"]) and status in (None, r["status"])
        }

    def counts(self, check: str, column: str | None = None, status: str | None = None) -> dict[str, tuple[int, int]]:
        return {f: (int(r["checked"]), int(r["failed"])) for f, r in self.rows(check, column, status).items()}

    def stakes(self, check: str, column: str | None = None) -> dict[str, Decimal]:
        return {f: Decimal(r["revenue_at_stake"]) for f, r in self.rows(check, column, "fail").items()}

    def message(self, check: str) -> str:
        return next(str(i["message"]) for i in self.incidents if i["check"] == check)
