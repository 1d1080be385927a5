-- What the pictures, the summary and the report are made of: one query a thought, each under its name.
-- Everything is added up here, so that what Python holds does not grow with the number of events.


-- name: shop
select shop, currency, time_zone, window_days, client_column, referrer_column, roles from gold.shop;


-- name: files
select name, file_date, content_hash
from bronze.files
where refused is null
order by file_date, name;


-- name: days
select
    date,
    coalesce(max(case when metric = 'events' then numerator end), 0) as events,
    coalesce(max(case when metric = 'orders' then numerator end), 0) as orders,
    coalesce(max(case when metric = 'revenue' then numerator end), 0) as revenue,
    coalesce(max(case when metric = 'conversion' then denominator end), 0) as sessions,
    coalesce(max(case when metric = 'conversion' then numerator end), 0) as sessions_with_order
from gold.daily_metrics
where segment_kind = 'all' and date is not null
group by date
order by date;


-- name: hours
select
    date, hour,
    cast(sum(case when metric = 'events' then numerator else 0 end) as double) as events,
    cast(sum(case when metric = 'order_events' then numerator else 0 end) as double) as orders
from gold.hourly_metrics
where metric in ('events', 'order_events') and segment_kind = 'all' and date is not null
group by date, hour
order by date, hour;


-- name: paths
-- What was recorded of each visitor, and of orders that belong to none.
select unit, path, cast(sum(units) as bigint) as units, cast(sum(orders) as bigint) as orders
from gold.funnel
where unit in ('client', 'order without id')
group by unit, path
order by unit, path;


-- name: unattributed
select reading, reason, sum(revenue) as revenue, count(*) as orders
from gold.no_known_source
group by reading, reason
order by reading, reason;


-- name: conversion
-- Sessions, and those with an order, by each way to cut them. A session without a touch holds little but an order.
select
    segment_kind, segment,
    cast(sum(numerator) as bigint) as converted,
    cast(sum(denominator) as bigint) as sessions
from gold.daily_metrics
where metric = 'conversion' and segment_kind <> 'all' and segment <> 'Unattributed'
group by segment_kind, segment
order by segment_kind, segment;


-- name: systems
-- The one query of silver: gold.daily_metrics cuts sessions by device or by operating system, gold.funnel by device, and
-- whether a device differs, or one of its systems, needs both at once. iOS and Android run on two devices each.
select
    device, operating_system,
    cast(sum(case when orders > 0 then 1 else 0 end) as bigint) as converted,
    count(*) as sessions
from silver.sessions
where reading = 'healed'
group by device, operating_system
order by device, operating_system;


-- name: channels
-- The stitched reading has the healed sessions.
with sessions as (
    select readings.reading, channel, sum(sessions) as sessions
    from gold.channel_sessions as sessions
    inner join (values ('as_tracked', 'as_tracked'), ('healed', 'healed'), ('stitched', 'healed')) as readings (reading, sessions_of)
        on sessions.reading = readings.sessions_of
    group by readings.reading, channel
),

both_of as (
    select reading, model, channel, 0 as sessions, orders, revenue from gold.channel_credit
    union all
    select reading, model, channel, sessions, 0, 0
    from sessions
    cross join (select distinct model from gold.channel_credit) as models
)

select
    reading, model, channel,
    cast(sum(sessions) as bigint) as sessions,
    cast(sum(orders) as double) as orders,
    sum(revenue) as revenue
from both_of
group by reading, model, channel
order by reading, model, channel;


-- name: ledger
select line, orders, amount
from gold.ledger
order by position;


-- name: refusals
-- Records that could not be used, by reason and day; gold.ledger has what their orders are worth.
select
    rejected.reason, files.file_date,
    count(*) as records,
    cast(sum(case when rejected.event = 'order' then 1 else 0 end) as bigint) as orders
from silver.rejected_events as rejected
inner join bronze.files as files on rejected.source_file = files.name
where rejected.reason <> 'exact repeat'
group by rejected.reason, files.file_date
order by rejected.reason, files.file_date;


-- name: unused
select name, reason, false as is_refused from bronze.unread_files
union all
select name, refused, true from silver.files where refused is not null
order by name;


-- name: headline
select figure, reading, definition, numerator, denominator
from gold.headline_figures
where figure <> 'revenue of hidden hosts'
order by position;


-- name: products
select
    coalesce(item_name, item_id, '(no name)') as product,
    cast(sum(units) as bigint) as units,
    cast(sum(lines) as bigint) as lines,
    cast(sum(lines_without_amount) as bigint) as lines_without_amount,
    coalesce(sum(revenue), 0) as revenue
from gold.products
group by coalesce(item_name, item_id, '(no name)')
order by revenue desc, lines desc, product
limit 25;
