-- The queries behind the pictures, the summary and the page. Everything is summed here, so that what Python holds does
-- not grow with the number of events. $since and $until are the first and the last day of the report. Rows without a day
-- count only in a report of all days, whose $until is 9999-12-31.


-- name: shop
select shop, currency, time_zone, window_days, client_column, referrer_column, roles from gold.shop;


-- name: files
select name, file_date as date, content_hash
from bronze.files
where refused is null
order by file_date, name;


-- name: days
with unusable as (
    select files.file_date as date, case when rejected.event = 'order' then 1 else 0 end as orders
    from silver.rejected_events as rejected
    inner join bronze.files as files on rejected.source_file = files.name
    where rejected.reason <> 'exact repeat'

    union all

    select order_date, 1
    from silver.received_orders
    where status = 'quarantined' and order_date is not null
),

refused as (
    select date, sum(orders) as orders
    from unusable
    group by date
),

counted as (
    select
        date,
        coalesce(max(case when metric = 'events' then numerator end), 0) as events,
        coalesce(max(case when metric = 'orders' then numerator end), 0) as orders,
        coalesce(max(case when metric = 'revenue' then numerator end), 0) as revenue,
        coalesce(max(case when metric = 'conversion' then denominator end), 0) as sessions,
        coalesce(max(case when metric = 'conversion' then numerator end), 0) as converted
    from gold.daily_metrics
    where segment_kind = 'all' and date is not null
    group by date
)

select
    coalesce(counted.date, refused.date) as date,
    cast(coalesce(events, 0) as bigint) as events,
    cast(coalesce(counted.orders, 0) as bigint) as orders,
    cast(coalesce(revenue, 0) as double) as revenue,
    cast(coalesce(sessions, 0) as bigint) as sessions,
    cast(coalesce(converted, 0) as bigint) as converted,
    cast(coalesce(refused.orders, 0) as bigint) as refused_orders
from counted
full outer join refused on counted.date = refused.date
order by 1;


-- name: hours
select
    date, hour,
    cast(sum(case when metric = 'events' then numerator else 0 end) as bigint) as events,
    cast(sum(case when metric = 'order_events' then numerator else 0 end) as bigint) as orders
from gold.hourly_metrics
where metric in ('events', 'order_events') and segment_kind = 'all' and date between $since and $until
group by date, hour
order by date, hour;


-- name: visitors
-- Visitors by the steps on record. An order without a visitor counts as one with no other step, as in gold.funnel, which
-- has a visitor's first day only.
with visitors as (
    select max(page_views) as page_views, max(carts) as carts, max(checkouts) as checkouts, max(orders) as orders
    from silver.sessions
    where reading = 'healed' and coalesce(day, date '9999-12-31') between $since and $until
    group by client_id

    union all

    select 0, 0, 0, 1
    from silver.orders
    where (client_id is null or is_bot) and coalesce(order_date, date '9999-12-31') between $since and $until
)

select
    page_views > 0 as page_view, carts > 0 as cart, checkouts > 0 as checkout, orders > 0 as "order",
    count(*) as visitors
from visitors
group by all
order by all;


-- name: unsourced
select reading, reason, cast(sum(revenue) as double) as revenue, count(*) as orders
from gold.no_known_source
where coalesce(order_date, date '9999-12-31') between $since and $until
group by reading, reason
order by reading, reason;


-- name: segments
-- Sessions, and those with an order, by segment. Sessions without a touch hold little but an order and are left out.
select
    segment_kind as kind, segment as name,
    cast(sum(numerator) as bigint) as converted,
    cast(sum(denominator) as bigint) as sessions
from gold.daily_metrics
where metric = 'conversion' and segment_kind <> 'all' and segment <> 'Unattributed'
    and coalesce(date, date '9999-12-31') between $since and $until
group by segment_kind, segment
order by sessions desc, name;


-- name: systems
-- gold.daily_metrics has sessions by device and by system, but not by both together.
select
    device, operating_system as name,
    cast(sum(case when orders > 0 then 1 else 0 end) as bigint) as converted,
    count(*) as sessions
from silver.sessions
where reading = 'healed' and coalesce(day, date '9999-12-31') between $since and $until
group by device, operating_system
order by sessions desc, name;


-- name: channels
select
    reading, model, channel,
    cast(sum(orders) as double) as orders,
    cast(sum(revenue) as double) as revenue
from gold.channel_credit
where coalesce(date, date '9999-12-31') between $since and $until
group by reading, model, channel
having sum(orders) <> 0 or sum(revenue) <> 0
order by reading, model, channel;


-- name: ledger
select line, orders, cast(amount as double) as amount
from gold.ledger
order by position;


-- name: ledger_of_days
-- The same lines for some days; rejected records have the day of their file. Of all days it equals gold.ledger: the tests
-- compare them. Gross is what the lines sum to, as records of a day may be in the file of another day; a difference is that
-- of all days.
with lines as (
    select
        case when reason = 'exact repeat' then 'exact repeats' else 'rejected: ' || reason end as line,
        files.file_date as date, -1 as orders, -rejected.revenue as amount
    from silver.rejected_events as rejected
    inner join bronze.files as files on rejected.source_file = files.name
    where event = 'order'

    union all

    select
        case status
            when 'quarantined' then 'quarantined: ' || reason
            when 'resubmission' then 'resubmissions'
            when 'amendment' then 'amendments'
            when 'possible duplicate' then 'possible duplicates not counted'
            when 'order line' then 'further lines of orders'
            else status
        end,
        order_date, -1, -excluded_revenue
    from silver.received_orders
    where status <> 'counted'

    union all

    select 'counted', order_date, 1, revenue from silver.orders

    union all

    select 'of counted: ids that collide', order_date, 1, counted_revenue
    from silver.received_orders
    where is_collision

    union all

    select 'of counted: possible duplicates', order_date, 1, counted_revenue
    from silver.received_orders
    where status = 'counted' and is_possible_duplicate

    union all

    select 'deduplicating by transaction id alone would remove', order_date, 1, revenue
    from silver.received_orders
    where is_repeated_id

    union all

    select 'not counted: orders in ' || other_currency, order_date, 1, other_amount
    from silver.received_orders
    where other_currency is not null

    union all

    select
        'refunds' || coalesce(' in ' || other_currency, ''), day, 1, -abs(coalesce(refund, other_amount))
    from silver.events
    where event = 'refund'
),

summed as (
    select line, sum(orders) as orders, sum(amount) as amount
    from lines
    where coalesce(date, date '9999-12-31') between $since and $until
    group by line
),

gross as (
    select
        sum(case when line = 'counted' then orders else -orders end) as orders,
        sum(case when line = 'counted' then amount else -amount end) as amount
    from summed
    where line in (
        select line from gold.ledger where position <= (select position from gold.ledger where line = 'counted')
    )
)

select
    ledger.line,
    cast(coalesce(
        case ledger.line when 'gross' then gross.orders when 'difference' then ledger.orders else summed.orders end, 0
    ) as bigint) as orders,
    cast(coalesce(
        case ledger.line when 'gross' then gross.amount when 'difference' then ledger.amount else summed.amount end, 0
    ) as double) as amount
from gold.ledger as ledger
cross join gross
left join summed on ledger.line = summed.line
order by ledger.position;


-- name: refused_records
-- Records other than orders that could not be used.
select rejected.reason, count(*) as records
from silver.rejected_events as rejected
inner join bronze.files as files on rejected.source_file = files.name
where rejected.reason <> 'exact repeat' and coalesce(rejected.event, '') <> 'order'
    and files.file_date between $since and $until
group by rejected.reason
order by rejected.reason;


-- name: unused
select name, reason, false as is_refused
from bronze.unread_files
where coalesce(file_date, $until) between $since and $until

union all

select name, refused, true
from silver.files
where refused is not null and coalesce(file_date, $until) between $since and $until
order by name;


-- name: coverage
-- Only with the shop's order list.
select
    date, tracked_orders as tracked, expected_orders as expected,
    cast(expected_amount - tracked_amount as double) as missing_amount
from gold.tracking_coverage
where segment_kind = 'all' and date between $since and $until
order by date;


-- name: spend
-- Only with a file of advertising spend.
select date, cast(sum(cost) as double) as spend
from silver.ad_spend
where cost is not null and date between $since and $until
group by date
order by date;


-- name: returns
-- What each model credits to the channels on the days with spend, by healed ids. `squares` are of the orders' amounts.
with credited as (
    select channel, sum(cast(credit as double) * cast(credit as double)) as squares
    from gold.attribution
    where reading = 'healed' and model = 'last_non_direct'
        and order_date in (select date from gold.channel_returns) and order_date between $since and $until
    group by channel
)

select
    returned.model, returned.channel,
    cast(sum(spend) as double) as spend,
    cast(sum(orders) as double) as orders,
    cast(sum(revenue) as double) as revenue,
    coalesce(max(credited.squares), 0) as squares
from gold.channel_returns as returned
left join credited on returned.channel = credited.channel
where reading = 'healed' and date between $since and $until
group by returned.model, returned.channel
order by returned.model, returned.channel;


-- name: clicks
select channel, cast(sum(clicks) as bigint) as clicks, cast(sum(sessions) as bigint) as sessions
from gold.click_sessions
where date between $since and $until
group by channel
order by channel;


-- name: other_spend
select other_currency as currency, cast(sum(other_cost) as double) as spend
from silver.ad_spend
where other_currency is not null and date between $since and $until
group by other_currency
order by other_currency;


-- name: refused_spend
-- Of all files of advertising spend: what cannot be used may have no day.
select reason, count(*) as records
from silver.refused_ad_spend
where reason <> 'total'
group by reason
order by reason;


-- name: headline
-- They are about all days.
select figure, reading, definition, cast(numerator as double) as numerator, cast(denominator as double) as denominator
from gold.headline_figures
where figure <> 'revenue of hidden hosts'
order by position;


-- name: products
select
    coalesce(item_name, item_id, '(no name)') as name,
    cast(sum(units) as bigint) as units,
    cast(sum(lines) as bigint) as lines,
    cast(sum(lines_without_amount) as bigint) as lines_without_amount,
    cast(coalesce(sum(revenue), 0) as double) as revenue
from gold.products
where coalesce(date, date '9999-12-31') between $since and $until
group by 1
order by revenue desc, lines desc, name
limit 25;
