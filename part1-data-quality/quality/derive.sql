-- The tables that the checks query, derived from the tables of pass.sql after the last file. `first` runs before the other
-- parts, which then run in parallel, the longest first.

-- name: first
create table files as
select
    cast(file_no as uinteger) as file_no, day, cast(records as bigint) as records, cast(plain as bigint) as plain,
    -- counts are compared with other days, under the first of a day's files
    min(cast(file_no as uinteger)) filter (records > 0) over (partition by day) as first_of_day
from (values {files}) as f (file_no, day, records, plain);

-- The days that each day is compared with: the days before it, or, for the first days, all of the first days.
create table days_beside as
with days as (
    select file_no, row_number() over (order by day) as place
    from files
    where file_no = first_of_day
)

select days.file_no as day_no, other.file_no as other_no
from days
inner join days as other
    on case
        when days.place <= {least_days} then other.place <= {first_days} and other.place <> days.place
        else other.place between days.place - {days_before} and days.place - 1
    end;

create table event_counts as
select file_no, event, cast(sum(events) as ubigint) as events
from (
    select file_no, event, count(*) as events
    from relevant_events
    where event is not null and not is_header
    group by file_no, event
    union all
    select file_no, {view}, plain
    from files
    where plain > 0
)
group by file_no, event;

create table contract_events as
select event
from (values {contract_events}) as e (event)
where event is not null;

create table contract_keys as
select
    event, path, parent_of(path) as parent, cast(types as varchar[]) as types, required,
    cast(minimum as double) as minimum, cast(maximum as double) as maximum, cast(allowed as varchar[]) as allowed
from (values {contract_keys}) as k (event, path, types, required, minimum, maximum, allowed)
where event is not null;

-- name: payloads
-- Every value in a payload that the contract describes, with its path: items[].quantity.
create table nodes as
with recursive tree as (
    select
        file_no, record, event_name_of(event) as event, step, revenue, cast(null as varchar) as parent, '' as path,
        cast(payload as json) as value, json_type(payload) as type
    from conversions
    where payload is not null and event in ({described_events})
    union all
    -- level by level: json_tree takes three times as long
    select
        file_no, record, event, step, revenue, path,
        case
            when key is null then path || '[]'
            when path = '' then key_name(key)
            else path || '.' || key_name(key)
        end,
        value, type
    from (
        select
            file_no, record, event, step, revenue, path,
            unnest(case when type = 'OBJECT' then json_keys(value) end) as key,
            unnest(case when type = 'OBJECT' then json_extract(value, '$.*') else json_extract(value, '$[*]') end) as value,
            unnest(case when type = 'OBJECT' then json_type(value, '$.*') else json_type(value, '$[*]') end) as type
        from tree
        where type in ('OBJECT', 'ARRAY')
    )
)

select
    file_no, record, event, step, revenue, parent, path, type,
    case when type not in ('OBJECT', 'ARRAY', 'NULL') then json_extract_string(value, '$') end as value,
    case when type = 'OBJECT' then len(list_filter(json_type(value, '$.*'), lambda t: t <> 'NULL')) > 0 end as holds_values
from tree;

-- The keys of the payloads: one row per file, event and key. A key is missing if it is null or absent in an object with any
-- other value; an object with only nulls counts once, as empty.
create table payload_paths as
with parents as (
    select file_no, record, event, any_value(step) as step, any_value(revenue) as revenue, path as parent, count(*) as objects
    from nodes
    where holds_values
    group by file_no, record, event, path
),

keys as (
    select *, row_number() over () as key_no
    from (
        select event, path, parent, types, required, minimum, maximum, allowed, true as declared
        from contract_keys
        union all
        select distinct event, path, parent, null, false, null, null, null, false
        from nodes
        anti join contract_keys using (event, path)
        where path <> '' and not ends_with(path, '[]')
    )
),

values_present as (
    select
        file_no, record, key_no,
        count(*) as present,
        count(*) filter (not list_contains(types, type)) as mistyped,
        min(value) filter (not list_contains(types, type)) as example_mistyped,
        count(*) filter (
            try_cast(value as double) < minimum or try_cast(value as double) > maximum
            or not list_contains(allowed, value) or {breaks_pattern}
        ) as out_of_range,
        min(value) filter (
            try_cast(value as double) < minimum or try_cast(value as double) > maximum
            or not list_contains(allowed, value) or {breaks_pattern}
        ) as example_out_of_range
    from nodes
    inner join keys using (event, path)
    where type <> 'NULL'
    group by file_no, record, key_no
),

cases as (
    select
        parents.file_no, parents.record, parents.event, step, revenue, keys.path, declared, required, objects,
        coalesce(present, 0) as present, coalesce(mistyped, 0) as mistyped, coalesce(out_of_range, 0) as out_of_range,
        example_mistyped, example_out_of_range
    from parents
    inner join keys using (event, parent)
    left join values_present using (file_no, record, key_no)
)

select
    file_no, event, path, any_value(declared) as declared, any_value(required) as required,
    cast(sum(objects) as bigint) as parents,
    cast(sum(least(present, objects)) as bigint) as present,
    cast(sum(mistyped) as bigint) as mistyped,
    cast(sum(out_of_range) as bigint) as out_of_range,
    count(*) filter (step = 'order' and present < objects) as orders_without,
    sum(revenue) filter (present < objects) as revenue_without,
    min(record, 20) filter (present < objects) as first_records_without,
    count(*) filter (step = 'order' and mistyped > 0) as orders_mistyped,
    sum(revenue) filter (mistyped > 0) as revenue_mistyped,
    min(record, 20) filter (mistyped > 0) as first_records_mistyped,
    masked(min(example_mistyped)) as example_mistyped,
    count(*) filter (step = 'order' and out_of_range > 0) as orders_out_of_range,
    sum(revenue) filter (out_of_range > 0) as revenue_out_of_range,
    min(record, 20) filter (out_of_range > 0) as first_records_out_of_range,
    masked(min(example_out_of_range)) as example_out_of_range,
    min(record, 20) filter (present > 0) as first_records_present
from cases
group by file_no, event, path;

-- name: orders
create table orders as
with received as (
    select
        cast(file_no as bigint) * 1000000000 + cast(record as bigint) as event_id,
        file_no, record, event_at, ordered_at, client_key, tracked, token, agent_key, revenue, payload, session,
        {transaction_id_of_payload} as transaction_id,
        {currency_of_payload} as currency,
        {other_currency} as other_currency,
        {customer_of_payload} as customer,
        {line_sum_of_payload} as line_sum,
        {lines_empty} as lines_empty,
        {lines_complete} as lines_complete
    from conversions
    where step = 'order'
),

-- Part 2 refuses events without a time before it classifies orders.
order_events as (
    select
        event_id, event_at, transaction_id, token as checkout, customer, client_key as client, revenue as amount,
        other_currency,
        {order_key} as order_key
    from received
    where event_at is not null
),

-- event_data/orders.sql
classified as (
    {classified_orders}
)

select
    received.*,
    order_id,
    status,
    reason,
    coalesce(status = 'resubmission', false) as is_resubmission,
    coalesce(status = 'amendment', false) as is_amendment,
    coalesce(status = 'order line', false) as is_further_line,
    coalesce(is_collision and not is_reused_id, false) as is_collision,
    coalesce(is_reused_id, false) as is_reused_id,
    coalesce(is_possible_duplicate, false) as is_possible_duplicate,
    repeated_event_id,
    duplicated_event_id,
    counted_amount,
    excluded_amount,
    -- of the whole order, if rows are its lines
    case when {rows_are_lines} then coalesce(counted_amount, excluded_amount) else revenue end as order_amount,
    coalesce(status <> 'order line' and not ({rows_are_lines} and status = 'quarantined'), true) as is_order
from received
left join classified using (event_id);

-- The usual amount of an order, by the other days.
create table usual_orders as
with of_days as (
    select first_of_day, median(counted_amount) as typical
    from orders
    inner join files using (file_no)
    where counted_amount > 0
    group by first_of_day
)

select files.file_no, median(typical) as usual_order
from files
inner join days_beside on files.first_of_day = day_no
inner join of_days on other_no = of_days.first_of_day
group by files.file_no;

create table customers as
select file_no, record, step, client_key, revenue, {customer_of_payload} as customer
from conversions
where payload is not null and {customer_of_payload} is not null and client_key is not null;

-- When each client with an order was first seen, by all its events, and by the events that the contract's column alone
-- identifies, as a dashboard would.
create table first_seen as
with converting as (
    select distinct client_key
    from conversions
    where client_key is not null
)

select
    client_key,
    min(event_at) as any_event,
    min(event_at) filter (step = 'page_view') as any_page_view,
    min(event_at) filter (step = 'page_view' and not is_confirmation) as page_view,
    min(event_at) filter (step = 'cart') as cart,
    min(event_at) filter (step = 'checkout') as checkout,
    min(event_at) filter (tracked) as tracked_event,
    min(event_at) filter (tracked and step = 'page_view') as tracked_page_view
from (
    select client_key, event_at, tracked, 'page_view'::funnel_step as step, false as is_confirmation
    from views
    union all
    select client_key, event_at, tracked, step, coalesce(is_confirmation(page), false)
    from relevant_events
)
semi join converting using (client_key)
group by client_key;

create table step_journeys as
with tokens_started as (
    select token, min(event_at) as started_at
    from conversions
    where step = 'checkout' and token is not null
    group by token
),

-- An order's own confirmation page is not an earlier page view of it, but another checkout's is.
confirmed as (
    select distinct conversions.file_no, conversions.record
    from conversions
    inner join relevant_events as pages
        on conversions.client_key = pages.client_key and conversions.token <> pages.token
        and pages.event_at < conversions.event_at
    where conversions.step = 'order' and pages.step = 'page_view' and is_confirmation(pages.page)
)

select
    conversions.file_no, conversions.record, event, step, revenue,
    coalesce(any_event < event_at, false) as has_event,
    case
        when step = 'order' then coalesce(page_view < event_at, false) or confirmed.record is not null
        else coalesce(any_page_view < event_at, false)
    end as has_page_view,
    coalesce(cart < event_at, false) as has_cart,
    coalesce(checkout < event_at or started_at < event_at, false) as has_checkout,
    tracked and coalesce(tracked_event < event_at, false) as has_tracked_event,
    tracked and coalesce(tracked_page_view < event_at, false) as has_tracked_page_view
from conversions
left join first_seen using (client_key)
left join tokens_started on conversions.token = tokens_started.token
left join confirmed on conversions.file_no = confirmed.file_no and conversions.record = confirmed.record
where step in ('signup', 'cart', 'checkout', 'order') and client_key is not null and event_at is not null;

create view order_journeys as
select step_journeys.* replace (coalesce(orders.counted_amount, step_journeys.revenue) as revenue)
from step_journeys
inner join orders using (file_no, record)
where step = 'order' and not is_further_line;

-- Orders whose client was not seen before: by the healed id, and by the contract's column alone.
create table journey_profile as
select
    file_no,
    count(*) filter (not has_event) as orders_without_event,
    coalesce(sum(revenue) filter (not has_event), 0) as revenue_without_event,
    count(*) filter (not has_page_view) as orders_without_page_view,
    count(*) filter (not has_tracked_event) as orders_without_event_as_tracked,
    coalesce(sum(revenue) filter (not has_tracked_event), 0) as revenue_without_event_as_tracked,
    count(*) filter (not has_tracked_page_view) as orders_without_page_view_as_tracked
from order_journeys
group by file_no;

-- name: identities
-- The distribution of a day's events over its client ids.
create table client_days as
with events_by_client as (
    select day, client_key, count(*) as events
    from (
        select cast(event_at as date) as day, client_key
        from views
        union all
        select file_day, client_key
        from relevant_events
    )
    where client_key is not null
    group by day, client_key
)

select first_of_day as file_no, sum(events) as events, count(*) as clients, max(events) as most
from events_by_client
inner join (select distinct day, first_of_day from files where first_of_day is not null) using (day)
group by first_of_day;

-- name: crawlers
-- One row per user agent, with the crawler that it declares.
create table agents as
select agent_key, crawler, crawler is not null as is_crawler
from (
    select agent_key, {crawler} as crawler
    from (select agent_key, any_value(user_agent) as user_agent from agent_counts group by agent_key)
);

create table crawler_events as
select file_no, sum(events) as events
from agent_counts
inner join agents using (agent_key)
where is_crawler
group by file_no;

-- Every kind of event in every file, including the kinds that a file does not have. Crawlers are left out of both the
-- events and their total, `humans`, so that their traffic changes no rate.
create table event_grid as
with counts as (
    select file_no, event_name_of(event) as event, sum(events) as events
    from event_counts
    group by all
),

crawler_counts as (
    select file_no, event_name_of(event) as event, count(*) as events
    from relevant_events
    inner join agents using (agent_key)
    where is_crawler and after_page_view(step)
    group by all
)

select
    files.file_no, contract_events.event,
    cast(coalesce(counts.events, 0) as bigint) as events,
    cast(coalesce(counts.events, 0) - coalesce(crawler_counts.events, 0) as bigint) as events_of_people,
    cast(records - coalesce(crawler_events.events, 0) as bigint) as humans
from files
cross join contract_events
left join counts on counts.file_no = files.file_no and counts.event = contract_events.event
left join crawler_counts on crawler_counts.file_no = files.file_no and crawler_counts.event = contract_events.event
left join crawler_events on crawler_events.file_no = files.file_no
where records > 0;

-- name: others
create table repeats as
select
    file_no, kind,
    case
        when kind = 'event' and relevant_events.record is null then {view}
        when kind = 'event' then event
    end as event,
    count(*) as rows,
    count(*) filter (is_order(step)) as orders, sum(revenue) as revenue, min(record, 20) as first_records
from repeated
left join relevant_events using (file_no, record)
group by all;

-- Every hour of every day, under the first of the day's files. Nine of ten other days have at least the usual number of
-- events; event_data/dead_hours.py has the rule.
create table hour_grid as
with skipped as (
    {skipped_hours}
),

events_by_hour as (
    select first_of_day, hour, sum(events) as events
    from hours
    inner join files using (file_no)
    group by first_of_day, hour
),

hourly as (
    select files.file_no, files.day, h.hour, coalesce(events_by_hour.events, 0) as events
    from files
    cross join (select unnest(range(24)) as hour) as h
    left join events_by_hour using (first_of_day, hour)
    where files.file_no in (select first_of_day from events_by_hour)
),

usual_hours as (
    select day_no, hour, quantile_cont(events, {usual_part}) as usual
    from days_beside
    inner join hourly on other_no = hourly.file_no
    group by day_no, hour
),

grid as (
    select
        hourly.file_no, hourly.hour, hourly.events, hourly.events = 0 and skipped.hour is null as is_empty,
        coalesce(usual, 0) as usual
    from hourly
    left join skipped using (day, hour)
    left join usual_hours on hourly.file_no = day_no and hourly.hour = usual_hours.hour
)

{dead_hours};
