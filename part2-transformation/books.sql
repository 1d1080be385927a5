-- The shop's own books beside the events: run only if the contract describes an order list and there is one, after
-- transform.sql. event_data/books/reconciliation.sql has the statements that part 1 runs as well; they run after the
-- first of these.


-- silver.tracked_days: the days that have event files, with the time of the last event.
create or replace table silver.tracked_days as
with last_events as (
    select max(event_at) as last_event_at
    from silver.events
    where day is not null
)

select files.file_date as day, last_events.last_event_at
from bronze.files as files
cross join last_events
group by files.file_date, last_events.last_event_at;


-- gold.tracking_coverage: how many of the orders that should have been tracked were tracked, by day and segment. Device,
-- browser, system and channel come from the checkout, or from a checkout or sign-up of the customer in the week before;
-- never from the order event, which only tracked orders have.
create or replace table gold.tracking_coverage as
with expected as (
    select
        reconciliation.shop_order_id, reconciliation.order_date, reconciliation.order_hour,
        reconciliation.payment_method, reconciliation.booked_amount,
        case when reconciliation.status = 'not tracked' then 0 else 1 end as is_tracked,
        orders.created_at, orders.checkout, orders.customer_sha256, orders.customer_md5
    from gold.order_reconciliation as reconciliation
    inner join silver.shop_orders as orders on reconciliation.shop_order_id = orders.shop_order_id
    -- on a day without event files, such as the evening before the first one, only tracked orders are known
    inner join silver.tracked_days as days on reconciliation.order_date = days.day
    where reconciliation.status in ('matched', 'another amount', 'not tracked')
),

at_checkout as (
    select expected.shop_order_id, events.event_id, 1 as preference, events.event_at
    from expected
    inner join silver.events as events on expected.checkout = events.checkout_token
    where events.event <> 'order' and not events.is_confirmation_page
),

named as (
    select event_id, event_at, case event when 'checkout' then 2 else 3 end as preference, {tracked_customer} as customer
    from silver.events
    where event in ('checkout', 'signup') and customer is not null
),

-- one row per hash, for a join on equality
customers as (
    select shop_order_id, created_at, customer_sha256 as customer from expected where length(customer_sha256) = 64
    union distinct
    select shop_order_id, created_at, customer_md5 from expected where customer_md5 is not null
),

of_customer as (
    select customers.shop_order_id, named.event_id, named.preference, named.event_at
    from customers
    inner join named on customers.customer = named.customer
    where named.event_at <= customers.created_at and named.event_at >= customers.created_at - interval 7 day
),

visits as (
    select shop_order_id, event_id
    from (select * from at_checkout union all select * from of_customer) as known
    where true
    qualify row_number() over (
        partition by shop_order_id order by preference nulls first, event_at nulls first, event_id nulls first
    ) = 1
),

described as (
    select
        expected.*,
        coalesce(events.device, 'Unknown') as device,
        coalesce(events.browser, 'Unknown') as browser,
        coalesce(events.operating_system, 'Unknown') as operating_system,
        case when sessions.session_id is null then 'Unknown' else coalesce(sessions.first_channel, 'Unattributed') end
            as channel
    from expected
    left join visits on expected.shop_order_id = visits.shop_order_id
    left join silver.events as events on visits.event_id = events.event_id
    left join silver.sessions as sessions on events.session_id = sessions.session_id and sessions.reading = 'healed'
),

by_segment as (
    select order_date, 'all' as segment_kind, 'all' as segment, is_tracked, booked_amount from described
    union all
    {for kind in device browser operating_system channel, joined by union all}
    select order_date, '{kind}', {kind}, is_tracked, booked_amount from described
    {end}
    union all
    select order_date, 'payment_method', coalesce(payment_method, 'Unknown'), is_tracked, booked_amount from described
    union all
    select
        order_date, 'hour', case when order_hour < 10 then '0' else '' end || cast(order_hour as varchar), is_tracked,
        booked_amount
    from described
)

select
    order_date as date, segment_kind, segment,
    cast(sum(is_tracked) as bigint) as tracked_orders,
    count(*) as expected_orders,
    cast(coalesce(sum(case when is_tracked = 1 then booked_amount end), 0) as decimal(18, 2)) as tracked_amount,
    cast(coalesce(sum(booked_amount), 0) as decimal(18, 2)) as expected_amount
from by_segment
group by order_date, segment_kind, segment;


-- gold.order_list_ledger: the tracked orders against the booked ones, with every difference on a named line. The lines
-- above `counted` sum to what the events count, and to what the shop has booked.
create or replace table gold.order_list_ledger as
with lines as (
    select
        case status
            when 'matched' then 1
            when 'another amount' then 2
            when 'ambiguous' then 3
            when 'not tracked' then 4
            when 'not expected' then 5
            when 'outside the events' then 6
            when 'tracked twice' then 7
            when 'not in the books' then 8
            when 'outside the order list' then 9
            else 12
        end as section,
        case
            when status = 'another amount' then status || ': ' || difference
            when status in ('not tracked', 'not expected', 'not in the books', 'not booked') then status || ': ' || reason
            else status
        end as line,
        case when tracked_order_id is not null and status not in ('not tracked', 'not booked') then 1 else 0 end
            as tracked_orders,
        case when status in ('not tracked', 'not booked') then 0 else coalesce(tracked_amount, 0) end as tracked_amount,
        case when created_at is not null and status <> 'not in the books' then 1 else 0 end as booked_orders,
        case when status = 'not in the books' then 0 else coalesce(booked_amount, 0) end as booked_amount
    from gold.order_reconciliation
),

counted as (
    select count(*) as orders, coalesce(sum(case when {tracks_amount} then revenue end), 0) as amount
    from silver.orders
),

booked as (
    select count(*) as orders, coalesce(sum(amount), 0) as amount
    from silver.shop_orders
    where void_reason is null
),

shared_ids as (
    select count(*) as orders, coalesce(sum(amount), 0) as shared_amount
    from silver.shop_orders
    where void_reason is null
    group by order_key
),

shown as (
    select section, line, tracked_orders, tracked_amount, booked_orders, booked_amount from lines
    union all
    select section, line, 0, 0, 0, 0
    from (values
        (1, 'matched'), (4, 'not tracked: no order event'), (7, 'tracked twice'),
        (8, 'not in the books: unknown to the shop')
    ) as fixed (section, line)
    union all
    select 10, 'counted', counted.orders, counted.amount, booked.orders, booked.amount
    from counted
    cross join booked
    union all
    select
        11, 'difference',
        coalesce(sum(case when section < 10 then tracked_orders end), 0) - max(counted.orders),
        coalesce(sum(case when section < 10 then tracked_amount end), 0) - max(counted.amount),
        coalesce(sum(case when section < 10 then booked_orders end), 0) - max(booked.orders),
        coalesce(sum(case when section < 10 then booked_amount end), 0) - max(booked.amount)
    from counted
    cross join booked
    left join lines on true
    union all
    select 13, 'of booked: refunded', 0, 0, 1, -abs(refunded_amount)
    from silver.shop_orders
    where void_reason is null and refunded_amount <> 0
    union all
    select 14, 'of booked: another amount in an older file', 0, 0, 1, amount - first_amount
    from silver.shop_orders
    where void_reason is null and amount <> first_amount
    union all
    select 15, 'of booked: several orders with one id', 0, 0, orders, shared_amount
    from shared_ids
    where orders > 1
    union all
    select 16, 'refused: ' || reason, 0, 0, 1, 0
    from silver.refused_shop_orders
)

select
    row_number() over (order by section nulls first, line nulls first) as position, line,
    cast(sum(tracked_orders) as bigint) as tracked_orders,
    cast(sum(tracked_amount) as decimal(18, 2)) as tracked_amount,
    cast(sum(booked_orders) as bigint) as booked_orders,
    cast(sum(booked_amount) as decimal(18, 2)) as booked_amount
from shown
group by section, line;
