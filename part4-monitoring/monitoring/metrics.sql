-- The monitor's queries on the warehouse: one statement per topic, for the days from $first to $last or for $days.

-- name: paid_clicks
-- The paid clicks of each day, channel and campaign, and those that led to a session, at most all of them
create or replace temp view paid_clicks as
select
    date, channel, concat_ws(' / ', source, medium, nullif(campaign, '')) as campaign, clicks,
    least(sessions, clicks) as arrived, spend
from click_sessions
where clicks > 0;

create or replace temp view paid_clicks_by_segment as
select date, 'channel' as segment_kind, channel as segment, clicks, arrived from paid_clicks
union all
select date, 'campaign', campaign, clicks, arrived from paid_clicks;

-- name: metrics
-- Numerator and denominator (null for a count) of each metric and day
select metric, date, cast(numerator as double), cast(denominator as double)
from gold.daily_metrics
where segment_kind = 'all' and list_contains($days, date)
union all
-- in orders, not in money, because one large order does not change the attribution
select
    'unattributed_order_share', date,
    cast(sum(case when channel = 'Unattributed' then orders else 0 end) as double), cast(sum(orders) as double)
from gold.channel_credit
where model = 'last_click' and reading = 'healed' and list_contains($days, date)
group by date
union all
select
    'direct_order_share', date,
    cast(sum(case when channel = 'Direct' then orders else 0 end) as double), cast(sum(orders) as double)
from gold.channel_credit
where model = 'last_click' and reading = 'healed' and list_contains($days, date)
group by date
union all
select
    'paid_orders', date,
    cast(sum(case when list_contains($paid, channel) then orders else 0 end) as double), cast(sum(orders) as double)
from gold.channel_credit
where model = 'last_click' and reading = 'healed' and list_contains($days, date)
group by date
union all
select
    case segment_kind when 'device' then 'mobile_session_share' else 'direct_session_share' end, date,
    cast(sum(case when segment in ('Mobile', 'Direct') then numerator else 0 end) as double),
    cast(sum(numerator) as double)
from gold.daily_metrics
where metric = 'sessions' and segment_kind in ('device', 'channel') and list_contains($days, date)
group by segment_kind, date
union all
select
    'paid_session_share', date,
    cast(sum(case when list_contains($paid, segment) then numerator else 0 end) as double),
    cast(sum(numerator) as double)
from gold.daily_metrics
where metric = 'sessions' and segment_kind = 'channel' and list_contains($days, date)
group by date
union all
select
    'customer_missing_share', event_date,
    cast(sum(case when customer is null then 1 else 0 end) as double), cast(count(*) as double)
from silver.received_orders
where list_contains($days, event_date)
group by event_date
union all
select
    'other_currency_share', event_date,
    cast(count(other_currency) as double), cast(count(*) as double)
from silver.received_orders
where event_date between $first and $last
group by event_date
union all
select
    'customer_repeated_share', event_date,
    cast(count(customer) - count(distinct customer) as double), cast(count(customer) as double)
from silver.received_orders
where status = 'counted' and list_contains($days, event_date)
group by event_date
union all
-- events without a page, and events without a known device, by segment
select
    case segment_kind when 'section' then 'page_missing_share' else 'device_unknown_share' end, date,
    cast(sum(case when segment in ('unknown', 'Other') then numerator else 0 end) as double),
    cast(sum(numerator) as double)
from gold.daily_metrics
where metric = 'events' and segment_kind in ('section', 'device') and list_contains($days, date)
group by segment_kind, date
union all
-- of the shop's own orders, those that were tracked
select 'tracking_coverage', date, cast(tracked_orders as double), cast(expected_orders as double)
from tracking_coverage
where segment_kind = 'all' and list_contains($days, date)
union all
-- of the paid clicks, those that led to a session
select 'click_arrival', date, cast(sum(arrived) as double), cast(sum(clicks) as double)
from paid_clicks
where list_contains($days, date)
group by date
union all
-- exact repeats have their own metric
select 'unusable_share', file_date, cast(sum(rejected - repeated) as double), cast(sum(records) as double)
from silver.files
where list_contains($days, file_date)
group by file_date;

-- name: events
-- Facts that need the single events, by the day of their file (the first digits of an event's number), so that events
-- of a later day in the newest file count too
with events as (
    select
        event_id // 100000000000 as file_day,
        year(event_date) * 10000 + month(event_date) * 100 + day(event_date) as event_day,
        client_id,
        hash(client_id, event_name, path, date_trunc('second', event_at)) as event_in_second
    from silver.events
    where list_contains($file_days, event_id // 100000000000)
)

select
    make_date(cast(file_day // 10000 as integer), cast(file_day // 100 % 100 as integer), cast(file_day % 100 as integer)),
    cast(count(*) as double),
    cast(count(case when event_day <> file_day then 1 end) as double),
    cast(count(client_id) as double),
    cast(count(case when list_contains($placeholders, lower(client_id)) then 1 end) as double),
    cast(count(client_id) - count(distinct case when client_id is not null then event_in_second end) as double)
from events
group by file_day;

-- name: amounts
-- How many orders of a day have an amount, and the sums of its logarithm and of the square
select
    order_date, cast(count(*) as double), cast(sum(ln(cast(revenue as double))) as double),
    cast(sum(ln(cast(revenue as double)) * ln(cast(revenue as double))) as double)
from silver.orders
where revenue > 0 and list_contains($days, order_date)
group by order_date;

-- name: scales
-- The number of orders per day and size of amount, as a logarithm in steps of $step
select order_date, cast(round(ln(cast(revenue as double)) / $step) as integer) as size, count(*)
from silver.orders
where revenue > 0 and order_date between $first and $last
group by order_date, size;

-- name: watched_segments
-- The $most largest segments of each kind, for the watched metrics
with of_metrics as (
    select metric, segment_kind, segment, date, numerator, denominator
    from gold.daily_metrics
    where list_contains($metrics, metric) and list_contains($kinds, segment_kind) and date between $first and $last
    union all
    select 'orders', 'channel', channel, date, sum(orders), null
    from gold.channel_credit
    where model = 'last_click' and reading = 'healed' and date between $first and $last
    group by channel, date
    union all
    select 'tracking_coverage', segment_kind, segment, date, tracked_orders, expected_orders
    from tracking_coverage
    where list_contains($kinds, segment_kind) and date between $first and $last
    union all
    select 'click_arrival', segment_kind, segment, date, sum(arrived), sum(clicks)
    from paid_clicks_by_segment
    where date between $first and $last
    group by segment_kind, segment, date
),

ranked as (
    select
        metric, segment_kind, segment,
        row_number() over (
            partition by metric, segment_kind order by sum(coalesce(denominator, numerator)) desc, segment
        ) as place
    from of_metrics
    group by metric, segment_kind, segment
)

select metric, segment_kind, segment, date, cast(numerator as double), cast(denominator as double)
from of_metrics
inner join ranked using (metric, segment_kind, segment)
where place <= $most or segment_kind = 'hour';

-- name: files
-- Each file of a day with its header
select files.file_date, files.name, files.header, files.records, files.content_hash, used.refused
from bronze.files as files
inner join silver.files as used on files.name = used.name
where files.file_date between $first and $last
order by files.name;

-- name: received
-- Orders of each day's files before any was refused, and their value
select files.file_date, cast(sum(totals.events) as bigint), cast(coalesce(sum(totals.revenue), 0) as decimal(18, 2))
from silver.file_totals as totals
inner join bronze.files as files on totals.source_file = files.name
where totals.event = 'order' and files.file_date between $first and $last
group by files.file_date;

-- name: refusals
-- Orders that were refused, or quarantined (true), by day and reason
select
    files.file_date, rejected.reason, count(*), cast(coalesce(sum(rejected.revenue), 0) as decimal(18, 2)), false
from silver.rejected_events as rejected
inner join bronze.files as files on rejected.source_file = files.name
where rejected.event = 'order' and rejected.reason <> 'exact repeat' and files.file_date between $first and $last
group by files.file_date, rejected.reason
union all
select event_date, held_for, count(*), cast(coalesce(sum(revenue), 0) as decimal(18, 2)), true
from silver.received_orders
where status = 'quarantined' and event_date between $first and $last
group by event_date, held_for
order by all;

-- name: truncated_files
-- Files whose last record cannot be read
with damaged as (
    select distinct source_file from silver.rejected_events where reason = 'unreadable record'
),

records as (
    select
        events._source_file as name, max(events._line) as last_line,
        max(case when events._unreadable is not null then events._line end) as last_unreadable
    from bronze.events as events
    inner join damaged on events._source_file = damaged.source_file
    group by events._source_file
)

select files.file_date, files.name
from records
inner join bronze.files as files on records.name = files.name
where records.last_line = records.last_unreadable and files.file_date between $first and $last
order by files.name;

-- name: unreadable_times
-- Records of each day's files with a time that cannot be read; {time} is the files' time columns
select files.file_date, count(*)
from silver.rejected_events as rejected
inner join bronze.files as files on rejected.source_file = files.name
inner join bronze.events as events on rejected.source_file = events._source_file and rejected.line = events._line
where rejected.reason = 'no readable time' and files.file_date between $first and $last
    and trim(coalesce({time})) <> ''
group by files.file_date;

-- name: unread_files
-- Files that look like a day's and were not read, and why; without a day of its own, a file is the last day's
select
    least(coalesce(file_date, last_day), last_day) as day, name, reason, counts_instead is not null as is_second_delivery
from bronze.unread_files
cross join (select max(file_date) as last_day from bronze.files)
where day between $first and $last
order by name;

-- name: hours
-- Hourly counts and shares of all events
select metric, date, cast(hour as integer), cast(numerator as double), cast(denominator as double)
from gold.hourly_metrics
where segment_kind = 'all' and list_contains($days, date);

-- name: contents
-- Each day with a file, and a hash of the files delivered for it
with delivered as (
    select file_date, name, content_hash from bronze.files
    union all
    select file_date, name, null from bronze.unread_files where file_date in (select file_date from bronze.files)
)

select file_date, md5(string_agg(name || ':' || coalesce(content_hash, ''), ', ' order by name))
from delivered
group by file_date
order by file_date;

-- name: segments
-- One metric's segments, for the days compared
select segment_kind, segment, date, cast(numerator as double), cast(denominator as double)
from gold.daily_metrics
where metric = $metric and segment_kind <> 'all' and list_contains($days, date)
union all
select segment_kind, segment, date, cast(tracked_orders as double), cast(expected_orders as double)
from tracking_coverage
where $metric = 'tracking_coverage' and segment_kind <> 'all' and list_contains($days, date)
union all
select segment_kind, segment, date, cast(sum(arrived) as double), cast(sum(clicks) as double)
from paid_clicks_by_segment
where $metric = 'click_arrival' and list_contains($days, date)
group by segment_kind, segment, date;

-- name: segments_of_hours
-- The same for the completed hours
select segment_kind, segment, date, cast(sum(numerator) as double), cast(sum(denominator) as double)
from gold.hourly_metrics
where metric = $metric and segment_kind <> 'all' and list_contains($days, date) and hour < $hours
group by segment_kind, segment, date;

-- name: collisions
-- The value of each day's orders with another order's transaction id
select order_date, cast(coalesce(sum(revenue), 0) as double)
from silver.orders
where is_collision and order_date between $first and $last
group by order_date;

-- name: not_tracked
-- The booked amount of each day's orders that were not tracked
select date, cast(expected_amount - tracked_amount as double)
from tracking_coverage
where segment_kind = 'all' and date between $first and $last;

-- name: lost_clicks
-- The cost of each day's paid clicks that led to no session
select date, cast(sum(spend * (clicks - arrived) / clicks) as double)
from paid_clicks
where date between $first and $last
group by date;

-- name: untracked_hours
-- The hours of each day in which the shop's orders were not tracked, and the orders' value
select date, first_hour, last_hour, orders, amount
from untracked_hours
where date between $first and $last
order by date, first_hour;

-- name: first_event
-- Each day's first event, by the shop's clock
select event_date, min(event_at) at time zone 'UTC' at time zone any_value(time_zone)
from silver.events, gold.shop
where event_date between $first and $last
group by event_date;

-- name: shop
-- The shop's name, currency, time zone, and the roles that its contract maps
select shop, currency, time_zone, roles from gold.shop;

-- name: local
-- A moment by the shop's clock
select cast($moment as timestamptz) at time zone time_zone from gold.shop;

-- name: moment
-- The moment of a time by the shop's clock
select epoch(cast($local as timestamp) at time zone time_zone) from gold.shop;

-- name: sold
-- Revenue of each day's orders before $until (UTC), and of those among them that the column as tracked gives no
-- earlier event, though the healed id does
select
    order_date, cast(coalesce(sum(revenue), 0) as double),
    cast(coalesce(sum(case when has_earlier_event and not has_earlier_event_as_tracked then revenue else 0 end), 0) as double)
from silver.orders
where order_date between $first and $last and ordered_at < $until
group by order_date;

-- name: largest_segments
-- The days of the largest segments of a metric and kind, such as "orders device", largest first
with days as (
    select metric, segment_kind, segment, date, cast(numerator as double) as value
    from gold.daily_metrics
    where list_contains($wanted, concat(metric, ' ', segment_kind)) and date between $first and $last
),

largest as (
    select metric, segment_kind, segment, sum(value) as total
    from days
    group by metric, segment_kind, segment
    having sum(value) > 0
    qualify row_number() over (partition by metric, segment_kind order by total desc, segment) <= $most
)

select largest.metric, largest.segment_kind, largest.segment, dates.date, coalesce(days.value, 0)
from largest
inner join (select distinct metric, segment_kind, date from days) as dates
    on largest.metric = dates.metric and largest.segment_kind = dates.segment_kind
left join days
    on largest.metric = days.metric and largest.segment_kind = days.segment_kind
    and largest.segment = days.segment and dates.date = days.date
order by largest.total desc, largest.segment, dates.date;
