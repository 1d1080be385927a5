-- The comparison with the contract's known totals, for parts 1, 3 and 4. counts.py fills in the {braces}.

-- name: counts
-- Orders and amounts of each event and quarter of an hour, counted in several ways. `order_like` has one row per event:
--   event                   its name in the contract, or in the files if the contract does not know it
--   event_at                its time, in UTC
--   transaction_id, amount  null if the event has none
--   status                  for order events, their status in orders.sql, or `exact repeat`; otherwise null
--   counted_amount, is_possible_duplicate   as in orders.sql
with order_like as (
    {order_like}
),

near as (
    select
        *,
        time_bucket(interval 15 minutes, event_at) as quarter,
        status is distinct from 'exact repeat' and (
            transaction_id is null
            or row_number() over (
                partition by event, transaction_id, coalesce(status = 'exact repeat', false) order by event_at, amount
            ) = 1
        ) as is_first
    from order_like
    where exists (
        select 1
        from (select unnest($days) as day)
        where event_at >= day - interval 2 day and event_at < day + interval 3 day
    )
)

select
    event, quarter,
    count(*) filter (status = 'counted'), sum(counted_amount) filter (status = 'counted'),
    count(*), sum(amount),
    count(*) filter (is_first), sum(amount) filter (is_first),
    count(*) filter (status = 'counted' and is_possible_duplicate),
    sum(counted_amount) filter (status = 'counted' and is_possible_duplicate),
    count(*) filter (status = 'possible duplicate'), sum(amount) filter (status = 'possible duplicate'),
    count(*) filter (status = 'quarantined'), sum(amount) filter (status = 'quarantined'),
    count(*) filter (status = 'negative'), sum(amount) filter (status = 'negative')
from near
group by event, quarter
order by event, quarter;

-- name: days
-- When the known days begin and end in each zone, in UTC.
select
    zone, day, timezone('UTC', timezone(zone, cast(day as timestamp))),
    timezone('UTC', timezone(zone, cast(day as timestamp) + interval 1 day))
from (select unnest($days) as day)
cross join (select unnest($zones) as zone);

-- name: offsets
-- The offsets from UTC at the end of the times in a warehouse, as they were received.
select distinct regexp_extract(trim({time}), '[0-9] ?([+-][0-9]{{2}}:?[0-9]{{2}}|Z|UTC)$', 1)
from bronze.events
where {time} is not null
limit 3;

-- name: warehouse
-- `order_like` of a warehouse. It has no amounts of events that are not orders, and no time of exact repeats, which
-- are counted at noon of their file's day.
select
    {order_event} as event, event_at, transaction_id, revenue as amount, status, counted_revenue as counted_amount,
    is_possible_duplicate
from silver.received_orders
union all
select
    {order_event}, timezone('UTC', timezone({time_zone}, cast(files.file_date as timestamp) + interval 12 hour)), null,
    rejected.revenue, 'exact repeat', null, false
from silver.rejected_events as rejected
inner join bronze.files as files on rejected.source_file = files.name
where rejected.event = 'order' and rejected.reason = 'exact repeat'
union all
select event_name, event_at, null, null, null, null, false
from silver.events
where event not in ('order', 'page_view');
