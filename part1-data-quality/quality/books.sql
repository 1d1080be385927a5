-- The tables that reconciliation.sql of event_data/books reads, from the tables of derive.sql.


-- silver.received_orders: one row per order event, as event_data/orders.sql classifies it; exact duplicates are no events.
create or replace view silver.received_orders as
select
    event_id, transaction_id, ordered_at as event_at,
    customer, token as checkout_token, status, reason, order_id,
    counted_amount as counted_revenue
from orders
anti join (from repeated where kind = 'row') as duplicates using (file_no, record);


-- silver.tracked_days: the days that have event files, with the time of the last event.
create or replace table silver.tracked_days as
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
