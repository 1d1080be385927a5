-- What reconciliation.sql of event_data/books reads, from the tables of derive.sql.

-- name: tracked_orders
create table silver.tracked_orders as
with counted as (
    select order_id, count(*) filter (status = 'resubmission') as resubmissions
    from orders
    where order_id is not null
    group by order_id
)

select
    cast(orders.file_no as bigint) * 1000000000 + cast(orders.record as bigint) as tracked_order_id,
    orders.transaction_id,
    timezone('UTC', timezone({time_zone}, orders.event_at)) as ordered_at,
    orders.customer, orders.token as checkout,
    case when {tracks_amount} and status = 'counted' then coalesce(orders.counted_amount, 0) end as amount,
    status = 'counted' as is_counted,
    case
        when {has_transaction_id} and orders.transaction_id is null then {no_transaction_id}
        when orders.other_currency is not null then {other_currency} || orders.other_currency
        when status = 'quarantined' then {no_amount}
    end as reason,
    case when status = 'counted' then coalesce(counted.resubmissions, 0) else 0 end as resubmissions
from orders
left join counted on orders.order_id = counted.order_id
where status in ('counted', 'quarantined');

-- name: tracked_days
create table silver.tracked_days as
with events as (
    select event_at from views
    union all
    select event_at from relevant_events
),

last_events as (
    select max(event_at) as last_event_at
    from events
    where event_at < (select max(day) from files) + interval 2 day
)

select files.day, timezone('UTC', timezone({time_zone}, last_event_at)) as last_event_at
from files
cross join last_events
where file_no in ({arrived});
