-- The orders of an incident on the days {days} that are in the shop's order list; see order_list_words.py. DuckDB's SQL.

-- name: transaction_id_collision
-- The orders that share an id with another customer's: all of them, and those in the list
with shared as (
    select distinct transaction_id
    from orders
    inner join files using (file_no)
    where is_collision and day in ({days})
)

select
    count(*) as orders, count(reconciliation.order_id) as found,
    coalesce(sum(booked_amount) filter (reconciliation.order_id is not null), 0) as amount
from orders
inner join shared using (transaction_id)
inner join gold.order_reconciliation as reconciliation on orders.event_id = reconciliation.tracked_order_id
where orders.status = 'counted' and reconciliation.status <> 'outside the order list'

-- name: confirmations_without_order
-- Checkouts with a confirmation page and no order event: all of them, those in the list, and what these are worth
with confirmed as (
    select token, min(event_at) as confirmed_at
    from relevant_events
    where step = 'page_view' and token is not null and event_at is not null
    group by token
),

started as (
    select token, min(event_at) as started_at
    from conversions
    where step = 'checkout' and token is not null
    group by token
),

lost as (
    select confirmed.token
    from confirmed
    inner join started using (token)
    anti join orders on confirmed.token = orders.token
    where started_at < confirmed_at and cast(confirmed_at as date) in ({days})
),

booked as (
    select checkout, any_value(amount) as amount
    from silver.shop_orders
    where checkout is not null
    group by checkout
)

select count(*) as orders, count(booked.checkout) as found, coalesce(sum(amount), 0) as amount
from lost
left join booked on lost.token = booked.checkout
where exists (select 1 from booked)

-- name: hours_without_events
-- The orders that the shop booked in the hours without events, and what they are worth; no row if the list has no such day
with hours as (
    select files.day, hour
    from hour_grid
    inner join files using (file_no)
    where is_dead and day in ({days})
),

booked as (
    select order_date, order_hour, booked_amount
    from gold.order_reconciliation
    where order_id is not null
        and status in ('matched', 'another amount', 'not tracked', 'ambiguous', 'outside the events')
)

select count(booked.order_date) as orders, count(booked.order_date) as found, coalesce(sum(booked_amount), 0) as amount
from hours
left join booked on booked.order_date = hours.day and booked.order_hour = hours.hour
having min(hours.day) >= (select min(order_date) from silver.shop_orders)
    and max(hours.day) <= (select max(order_date) from silver.shop_orders)

-- name: segments
-- The orders of each segment that should have been tracked, and those that were not
with expected as (
    select reconciliation.*, checkout, shop_orders.created_at as booked_at, customer_sha256, customer_md5
    from gold.order_reconciliation as reconciliation
    inner join silver.shop_orders as shop_orders using (shop_order_id)
    where reconciliation.status in ('matched', 'another amount', 'not tracked') and reconciliation.order_date in ({days})
),

-- never from the order event, which only tracked orders have
checkouts as (
    select token, arg_min(agent_key, (event_at, file_no, record)) as agent_key
    from relevant_events
    where token is not null and step = 'checkout' and agent_key is not null
    group by token
),

named as (
    select
        step, agent_key, file_no, record, timezone('UTC', timezone({time_zone}, event_at)) as event_at,
        {tracked_customer} as customer
    from customers
    inner join conversions using (file_no, record, step)
    where step in ('checkout', 'signup') and agent_key is not null
),

hashes as (
    select shop_order_id, booked_at, customer_sha256 as customer from expected where length(customer_sha256) = 64
    union
    select shop_order_id, booked_at, customer_md5 from expected where customer_md5 is not null
),

-- as gold.tracking_coverage
of_customer as (
    select shop_order_id, arg_min(agent_key, (step = 'signup', event_at, file_no, record)) as agent_key
    from hashes
    inner join named using (customer)
    where event_at <= booked_at and event_at >= booked_at - interval 7 day
    group by shop_order_id
),

texts as (
    select agent_key, lower(any_value(user_agent)) as agent from agent_counts group by agent_key
),

described as (
    select
        expected.status, payment_method, agent,
        -- hours in which no order was tracked are one segment
        coalesce(runs.first_hour, order_hour) as first_hour, coalesce(runs.last_hour, order_hour) as last_hour
    from expected
    left join gold.untracked_hours as runs
        on expected.order_date = runs.date and order_hour between runs.first_hour and runs.last_hour
    left join checkouts on expected.checkout = checkouts.token
    left join of_customer on expected.shop_order_id = of_customer.shop_order_id
    left join texts on texts.agent_key = coalesce(checkouts.agent_key, of_customer.agent_key)
),

parts as (
    select status, 'payment method' as kind, payment_method as segment from described
    union all
    select status, 'hour', printf('%02d:00 to %02d:59', first_hour, last_hour) from described
    union all
    select status, 'browser', case when agent is not null then {browser} end from described
    union all
    select status, 'device', case when agent is not null then {device} end from described
    union all
    select status, 'operating system', case when agent is not null then {operating_system} end from described
)

select kind, segment, count(*) as orders, count(*) filter (status = 'not tracked') as lost
from parts
group by kind, segment
order by kind, segment
