-- The shop's own orders, and which of them were tracked; parts 1 and 2 run these statements. {braces} are filled
-- in from the contract. Portable SQL, in the form of transform.sql.
--
-- Reads
--   bronze.shop_orders      the records of the order list as text, one column for each role
--   silver.received_orders  one row per order event, as event_data/orders.sql classifies it: event_id, transaction_id,
--                           event_at, customer, checkout_token, status, reason, order_id, counted_revenue
--   silver.tracked_days     the days that have event files, and the time of the last event: day, last_event_at


-- silver.shop_order_records: the records of the order list, each with the reason why it cannot be used, or null.
create or replace table silver.shop_order_records as
with imported as (
    select
        {record_id} as shop_order_id,
        _source_file as source_file,
        _file_number as file_number,
        _line as line,
        order_id,
        created_at as time_text,
        {amount} as amount,
        {refunded_amount} as refunded_amount,
        {discount} as discount,
        {tax} as tax,
        {shipping} as shipping,
        upper(currency) as currency,
        lower(financial_status) as financial_status,
        cancelled_at is not null as is_cancelled,
        coalesce(lower(test) in ('true', 'yes', '1', 'y', 't'), false) as is_test,
        sales_channel, payment_method, customer_sha256, customer_md5, checkout,
        {unread_values} as unread_values,
        _unreadable as detail
    from bronze.shop_orders
),

{order_time},

placed as (
    select
        timed.*,
        sum(case when time_text is not null then 1 else 0 end) over (
            partition by file_number order by line nulls first rows between unbounded preceding and current row
        ) as place
    from timed
),

-- an order, and the rows without a time that follow it
items as (
    select file_number, place, sum(case when detail is null then 1 else 0 end) as line_items
    from placed
    group by file_number, place
),

-- A filter on groups: Spark's optimizer expands a filter on event_at until its memory is full.
timed_ids as (
    select order_id
    from placed
    group by order_id
    having count(event_at) > 0
)

select
    placed.shop_order_id, placed.source_file, placed.file_number, placed.line, placed.order_id,
    placed.event_at as created_at, placed.amount, placed.refunded_amount, placed.discount, placed.tax, placed.shipping,
    placed.currency, placed.financial_status, placed.is_cancelled, placed.is_test, placed.sales_channel,
    placed.payment_method, placed.customer_sha256, placed.customer_md5, placed.checkout, placed.unread_values,
    items.line_items,
    case
        when placed.detail is not null then {unreadable}
        -- a row without an id and without a time is a further line item of the order above it
        when placed.order_id is null and placed.time_text is null and placed.place > 0 then null
        when placed.order_id is null then 'no order id'
        when placed.event_at is null and (placed.time_text is not null or timed_ids.order_id is null) then {no_time}
    end as reason,
    placed.detail
from placed
inner join items on placed.file_number = items.file_number and placed.place = items.place
left join timed_ids on placed.order_id = timed_ids.order_id;


-- silver.shop_orders: one row per order of the shop's order list; the newest file that has an order counts. Records with
-- the same id and the same minute are the same order, because spreadsheets drop seconds and leading zeros. If a file has
-- two of them, or their seconds differ, only those that are written alike are the same order.
create or replace table silver.shop_orders as
with read_ids as (
    select
        records.*,
        lower(coalesce(nullif(regexp_extract(order_id, {id_in_order_list}, 1), ''), order_id)) as id_text,
        cast(created_at as date) as day,
        extract(hour from created_at) * 60 + extract(minute from created_at) as minute_of_day,
        -- zero if the file may have no seconds
        cast(floor(extract(second from created_at)) as bigint) as clock_second
    from silver.shop_order_records as records
    where reason is null and created_at is not null
),

keyed as (
    select *, {id_key} as order_key
    from read_ids
),

-- the records of a minute in one file
in_files as (
    select
        order_key, day, minute_of_day,
        min(nullif(clock_second, 0)) as first_second, max(nullif(clock_second, 0)) as last_second,
        case when min(created_at) <> max(created_at) or min(order_id) <> max(order_id) then 1 else 0 end as has_two
    from keyed
    group by order_key, day, minute_of_day, file_number
),

-- minutes in which records of one id are several orders
several as (
    select order_key, day, minute_of_day
    from in_files
    group by order_key, day, minute_of_day
    having max(has_two) = 1 or min(first_second) <> max(last_second)
),

compared as (
    select
        keyed.*,
        case when several.day is not null then order_id end as exact_id,
        case when several.day is not null then created_at end as exact_time,
        case when coalesce(currency, '') not in ({own_currency}) then currency end as other_currency
    from keyed
    left join several
        on keyed.order_key = several.order_key and keyed.day = several.day
        and keyed.minute_of_day = several.minute_of_day
),

ranked as (
    select
        *,
        created_at{in_zone} as local_at,
        row_number() over (
            partition by order_key, day, minute_of_day, exact_id, exact_time
            order by file_number desc nulls last, line nulls first
        ) as position,
        last_value(case when other_currency is null then amount end) over (
            partition by order_key, day, minute_of_day, exact_id, exact_time
            order by file_number desc nulls last, line nulls first
            rows between unbounded preceding and unbounded following
        ) as first_amount
    from compared
)

select
    shop_order_id, source_file, line, order_id, order_key, id_text, created_at,
    cast(local_at as date) as order_date,
    extract(hour from local_at) as order_hour,
    case when other_currency is null then amount end as amount,
    case when other_currency is null then first_amount end as first_amount,
    other_currency,
    case when other_currency is not null then amount end as other_amount,
    refunded_amount, discount, tax, shipping, financial_status, is_cancelled, is_test, sales_channel, payment_method,
    coalesce(lower(sales_channel) in ({offline_channels}), false) as is_offline,
    customer_sha256, customer_md5, checkout, line_items, unread_values,
    -- why the order does not count as booked
    case
        when is_test then 'test'
        when is_cancelled then 'cancelled'
        when financial_status in ({void_statuses}) then financial_status
        when other_currency is not null then {other_currency} || other_currency
        when {has_amount} and amount is null then {no_amount}
    end as void_reason
from ranked
where position = 1;


-- silver.refused_shop_orders: records of the order list that cannot be used, each with its reason.
create or replace table silver.refused_shop_orders as
select source_file, line, reason, detail
from silver.shop_order_records
where reason is not null;


-- silver.tracked_orders: the counted orders of the events, and the quarantined ones, which the shop may have booked.
create or replace table silver.tracked_orders as
with resubmitted as (
    select order_id, count(*) as resubmissions
    from silver.received_orders
    where status = 'resubmission'
    group by order_id
)

select
    orders.event_id as tracked_order_id, orders.transaction_id, orders.event_at as ordered_at,
    {tracked_customer} as customer,
    orders.checkout_token as checkout,
    case
        when {tracks_amount} and orders.status = 'counted'
            then cast(coalesce(orders.counted_revenue, 0) as decimal(12, 2))
    end as amount,
    orders.status = 'counted' as is_counted,
    orders.reason,
    coalesce(resubmitted.resubmissions, 0) as resubmissions
from silver.received_orders as orders
left join resubmitted on orders.order_id = resubmitted.order_id
where orders.status in ('counted', 'quarantined');


-- silver.match_evidence: the evidence that a booked and a tracked order are the same; rank 1 is the strongest.
-- Several orders with the same decisive evidence differ only in their times. A contradicted match counts only if the
-- order has no other match, and never makes an order one that was tracked twice.
create or replace table silver.match_evidence as
select kind, rank, evidence, is_decisive, is_contradicted
from (values
    ('id and checkout', 1, 'transaction id and checkout', true, false),
    ('id, customer and amount', 2, 'transaction id, customer and amount', true, false),
    ('id and customer', 3, 'transaction id and customer', false, false),
    ('id and amount', 4, 'transaction id and amount', true, false),
    ('id', 5, 'transaction id', false, false),
    ('checkout and amount', 6, 'checkout and amount', true, false),
    ('checkout', 7, 'checkout', false, false),
    ('customer and amount', 8, 'customer and amount within an hour', false, false),
    -- a colliding transaction id
    ('id only', 9, 'transaction id, against customer and amount', false, true),
    -- an order that the shop does not count
    ('customer and amount of a void order', 10, 'customer and amount within an hour', false, true)
) as kinds (kind, rank, evidence, is_decisive, is_contradicted);


-- silver.order_candidates: pairs of a booked and a tracked order that may be the same, by the strongest kind of evidence
-- that they share.
create or replace table silver.order_candidates as
with forms as (
    select coalesce(max(case when length(customer) = 64 then 1 else 0 end), 0) = 1 as is_sha256
    from silver.tracked_orders
),

booked as (
    select
        shop_order_id, created_at, amount, checkout, void_reason, order_key, id_text,
        case when is_sha256 then customer_sha256 else customer_md5 end as customer
    from silver.shop_orders
    cross join forms
),

transaction_ids as (
    select
        tracked_order_id, ordered_at, amount, checkout, customer,
        lower(coalesce(nullif(regexp_extract(transaction_id, {id_in_tracking}, 1), ''), transaction_id)) as id_text
    from silver.tracked_orders
),

tracked as (
    select *, {id_key} as order_key
    from transaction_ids
),

same_key as (
    select
        booked.shop_order_id, tracked.tracked_order_id, booked.created_at, tracked.ordered_at,
        case
            when booked.checkout = tracked.checkout then 'id and checkout'
            when booked.customer = tracked.customer and booked.amount = tracked.amount then 'id, customer and amount'
            when booked.customer = tracked.customer then 'id and customer'
            when booked.amount = tracked.amount then 'id and amount'
            when booked.amount <> tracked.amount
                and (booked.customer <> tracked.customer or booked.checkout <> tracked.checkout) then 'id only'
            else 'id'
        end as kind,
        case when booked.id_text = tracked.id_text then 1 else 0 end as is_exact
    from booked
    inner join tracked on booked.order_key = tracked.order_key
),

preferred as (
    select
        *,
        max(is_exact) over (partition by shop_order_id) as booked_exactly,
        max(is_exact) over (partition by tracked_order_id) as tracked_exactly
    from same_key
),

-- 0012 is 12 only if neither has an order with exactly its id
by_id as (
    select shop_order_id, tracked_order_id, created_at, ordered_at, kind
    from preferred
    where is_exact = 1 or booked_exactly = 0 and tracked_exactly = 0
),

by_checkout as (
    select
        booked.shop_order_id, tracked.tracked_order_id, booked.created_at, tracked.ordered_at,
        case when booked.amount = tracked.amount then 'checkout and amount' else 'checkout' end as kind
    from booked
    inner join tracked on booked.checkout = tracked.checkout
    where booked.order_key is distinct from tracked.order_key
),

by_customer as (
    select
        booked.shop_order_id, tracked.tracked_order_id, booked.created_at, tracked.ordered_at,
        case
            when booked.void_reason is null then 'customer and amount' else 'customer and amount of a void order'
        end as kind
    from booked
    inner join tracked
        on booked.customer = tracked.customer and booked.amount = tracked.amount
        and tracked.ordered_at >= booked.created_at - interval 1 hour
        and tracked.ordered_at <= booked.created_at + interval 1 hour
    where booked.order_key is distinct from tracked.order_key
        -- often neither side has a checkout
        and not coalesce(booked.checkout = tracked.checkout, false)
)

select shop_order_id, tracked_order_id, created_at, ordered_at, kind from by_id
union all
select shop_order_id, tracked_order_id, created_at, ordered_at, kind from by_checkout
union all
select shop_order_id, tracked_order_id, created_at, ordered_at, kind from by_customer;


-- silver.order_pairs: every candidate pair, and whether it is the match of both orders or one of several that remain
-- possible (is_open).
--
-- A pair matches if it is the only candidate of both. Other pairs match in rounds: if both orders have no stronger
-- candidate left, and no other candidate as strong. Orders that agree in every compared field are matched in the order
-- of their times; those that remain were tracked twice, or not at all.
create or replace table silver.order_pairs as
with counted as (
    select
        candidates.shop_order_id, candidates.tracked_order_id, candidates.created_at, candidates.ordered_at,
        evidence.rank, evidence.evidence, evidence.is_decisive, evidence.is_contradicted,
        count(*) over (partition by candidates.shop_order_id) as tracked_orders,
        count(*) over (partition by candidates.tracked_order_id) as shop_orders
    from silver.order_candidates as candidates
    inner join silver.match_evidence as evidence on candidates.kind = evidence.kind
),

round_0 as (
    select
        shop_order_id, tracked_order_id, created_at, ordered_at, rank, evidence, is_decisive, is_contradicted,
        false as is_matched, true as is_open
    from counted
    where tracked_orders > 1 or shop_orders > 1
),

{for n in 1 2 3 4, joined by ,}
strongest_{n} as (
    select
        *,
        min(case when is_open then rank end) over (partition by shop_order_id) as strongest_of_booked,
        min(case when is_open then rank end) over (partition by tracked_order_id) as strongest_of_tracked
    from round_{n-1}
),

mutual_{n} as (
    select *, is_open and rank = strongest_of_booked and rank = strongest_of_tracked as is_mutual
    from strongest_{n}
),

ranked_{n} as (
    select
        *,
        sum(case when is_mutual then 1 else 0 end) over (partition by shop_order_id) as tracked_orders,
        sum(case when is_mutual then 1 else 0 end) over (partition by tracked_order_id) as shop_orders,
        row_number() over (
            partition by shop_order_id, is_mutual order by ordered_at nulls first, tracked_order_id nulls first
        ) as tracked_rank,
        row_number() over (
            partition by tracked_order_id, is_mutual order by created_at nulls first, shop_order_id nulls first
        ) as booked_rank
    from mutual_{n}
),

chosen_{n} as (
    select
        *,
        is_mutual and (
            tracked_orders = 1 and shop_orders = 1 or is_decisive and tracked_rank = booked_rank
        ) as is_chosen
    from ranked_{n}
),

round_{n} as (
    select
        shop_order_id, tracked_order_id, created_at, ordered_at, rank, evidence, is_decisive, is_contradicted,
        is_matched or is_chosen as is_matched,
        is_open
            and max(case when is_chosen then 1 else 0 end) over (partition by shop_order_id) = 0
            and max(case when is_chosen then 1 else 0 end) over (partition by tracked_order_id) = 0 as is_open
    from chosen_{n}
)
{end},

judged as (
    select
        shop_order_id, tracked_order_id, rank, evidence, is_contradicted, true as is_matched, false as is_open
    from counted
    where tracked_orders = 1 and shop_orders = 1
    union all
    select shop_order_id, tracked_order_id, rank, evidence, is_contradicted, is_matched, is_open
    from round_4
)

select shop_order_id, tracked_order_id, rank, evidence, is_contradicted, is_matched, is_open
from judged;


-- gold.order_reconciliation: one row per order, booked, tracked or both, with its status.
create or replace table gold.order_reconciliation as
with matches as (
    select shop_order_id, tracked_order_id, evidence
    from silver.order_pairs
    where is_matched
),

ambiguous_booked as (
    select shop_order_id, min(tracked_order_id) as tracked_order_id
    from silver.order_pairs
    where is_open
    group by shop_order_id
),

ambiguous_tracked as (
    select tracked_order_id, min(shop_order_id) as shop_order_id
    from silver.order_pairs
    where is_open
    group by tracked_order_id
),

-- tracked again, although its order is matched with another one
repeats as (
    select pairs.tracked_order_id, pairs.shop_order_id, pairs.evidence
    from silver.order_pairs as pairs
    inner join matches on pairs.shop_order_id = matches.shop_order_id
    left join matches as own on pairs.tracked_order_id = own.tracked_order_id
    left join ambiguous_tracked on pairs.tracked_order_id = ambiguous_tracked.tracked_order_id
    where own.tracked_order_id is null and ambiguous_tracked.tracked_order_id is null and not pairs.is_contradicted
    qualify row_number() over (
        partition by pairs.tracked_order_id order by pairs.rank nulls first, pairs.shop_order_id nulls first
    ) = 1
),

counted_repeats as (
    select repeats.shop_order_id, count(*) as times_repeated
    from repeats
    inner join silver.tracked_orders as tracked on repeats.tracked_order_id = tracked.tracked_order_id
    where tracked.is_counted
    group by repeats.shop_order_id
),

days as (
    select day from silver.tracked_days where day is not null group by day
),

bounds as (
    select
        (select max(last_event_at) from silver.tracked_days) as last_event_at,
        (select min(order_date) from silver.shop_orders) as first_booked_date,
        (select max(created_at) from silver.shop_orders) as last_booked_at
),

booked as (
    select
        orders.shop_order_id, orders.order_id, orders.created_at, orders.order_date, orders.order_hour,
        orders.sales_channel, orders.payment_method, orders.amount as booked_amount,
        orders.tax, orders.shipping, orders.discount,
        tracked.tracked_order_id, tracked.transaction_id, tracked.ordered_at, tracked.amount as tracked_amount,
        tracked.is_counted, tracked.resubmissions, matches.evidence,
        coalesce(counted_repeats.times_repeated, 0) as times_repeated,
        case
            when orders.void_reason is not null and tracked.is_counted then 'not in the books'
            when orders.void_reason is not null then 'not booked'
            when tracked.is_counted and tracked.amount <> orders.amount then 'another amount'
            when tracked.is_counted then 'matched'
            when tracked.tracked_order_id is not null then 'not tracked'
            when ambiguous_booked.shop_order_id is not null then 'ambiguous'
            when orders.is_offline then 'not expected'
            when days.day is null or orders.created_at > bounds.last_event_at then 'outside the events'
            else 'not tracked'
        end as status,
        case
            when orders.void_reason is not null then orders.void_reason
            when tracked.is_counted then null
            when tracked.tracked_order_id is not null then 'quarantined: ' || tracked.reason
            when ambiguous_booked.shop_order_id is not null then 'several tracked orders may be this one'
            when orders.is_offline then lower(orders.sales_channel)
            when days.day is null or orders.created_at > bounds.last_event_at then null
            else 'no order event'
        end as reason
    from silver.shop_orders as orders
    cross join bounds
    left join matches on orders.shop_order_id = matches.shop_order_id
    left join silver.tracked_orders as tracked on matches.tracked_order_id = tracked.tracked_order_id
    left join counted_repeats on orders.shop_order_id = counted_repeats.shop_order_id
    left join ambiguous_booked on orders.shop_order_id = ambiguous_booked.shop_order_id
    left join days on orders.order_date = days.day
),

unmatched as (
    select
        tracked.*,
        cast(tracked.ordered_at{in_zone} as date) as order_date,
        extract(hour from tracked.ordered_at{in_zone}) as order_hour
    from silver.tracked_orders as tracked
    left join matches on tracked.tracked_order_id = matches.tracked_order_id
    where tracked.is_counted and matches.tracked_order_id is null
),

tracked_only as (
    select
        unmatched.*,
        repeats.shop_order_id as repeated_order_id,
        repeats.evidence,
        case
            when repeats.tracked_order_id is not null then 'tracked twice'
            when ambiguous_tracked.tracked_order_id is not null then 'ambiguous'
            when bounds.last_booked_at is null or unmatched.order_date < bounds.first_booked_date
                or unmatched.ordered_at > bounds.last_booked_at then 'outside the order list'
            else 'not in the books'
        end as status
    from unmatched
    cross join bounds
    left join repeats on unmatched.tracked_order_id = repeats.tracked_order_id
    left join ambiguous_tracked on unmatched.tracked_order_id = ambiguous_tracked.tracked_order_id
)

select
    status, reason, shop_order_id, order_id, tracked_order_id, transaction_id, evidence,
    order_date, order_hour, created_at, ordered_at, sales_channel, payment_method,
    cast(booked_amount as decimal(12, 2)) as booked_amount,
    cast(case when is_counted then tracked_amount end as decimal(12, 2)) as tracked_amount,
    -- the part that only one of the two amounts includes
    case
        when status <> 'another amount' then null
        when abs(booked_amount - tracked_amount) = tax then 'tax'
        when abs(booked_amount - tracked_amount) = shipping then 'shipping'
        when abs(booked_amount - tracked_amount) = tax + shipping then 'tax and shipping'
        when abs(booked_amount - tracked_amount) = discount then 'discount'
        else 'unexplained'
    end as difference,
    -- the number of order events of this order
    case when is_counted then 1 + times_repeated + coalesce(resubmissions, 0) else 0 end as times_tracked
from booked

union all

select
    status,
    case status
        when 'not in the books' then 'unknown to the shop'
        when 'ambiguous' then 'several booked orders may be this one'
    end,
    repeated_order_id, null, tracked_order_id, transaction_id, evidence, order_date, order_hour, null, ordered_at, null,
    null, null, cast(amount as decimal(12, 2)), null, 1 + coalesce(resubmissions, 0)
from tracked_only;


-- gold.untracked_hours: runs of three or more orders of the shop, one after the other, of which none was tracked: too many to
-- be chance, at the rate at which orders were lost in the rest of the day and the 28 days before. If the rest of the day
-- clearly loses more than that, its rate counts: the fault is not one of these hours.
create or replace table gold.untracked_hours as
with expected as (
    select
        order_date, order_hour, created_at, shop_order_id, booked_amount,
        case when status = 'not tracked' then 1 else 0 end as is_lost
    from gold.order_reconciliation
    where status in ('matched', 'another amount', 'not tracked')
),

ordered as (
    select
        *,
        row_number() over (partition by order_date order by created_at nulls first, shop_order_id nulls first)
            - row_number() over (partition by order_date, is_lost order by created_at nulls first, shop_order_id nulls first)
            as run
    from expected
),

runs as (
    select
        order_date, run, min(order_hour) as first_hour, max(order_hour) as last_hour, count(*) as orders,
        coalesce(sum(booked_amount), 0) as amount
    from ordered
    where is_lost = 1
    group by order_date, run
    having count(*) >= 3
),

days as (
    select order_date, count(*) as orders, sum(is_lost) as lost
    from expected
    group by order_date
),

compared as (
    select
        runs.order_date, runs.run, runs.first_hour, runs.last_hour, runs.orders, runs.amount,
        sum(days.orders) - runs.orders as other_orders,
        (sum(days.lost) - runs.orders + 0.5) / (sum(days.orders) - runs.orders + 1) as usual_loss,
        sum(case when days.order_date = runs.order_date then days.orders end) - runs.orders as orders_of_day,
        sum(case when days.order_date = runs.order_date then days.lost end) - runs.orders as lost_of_day
    from runs
    inner join days
        on days.order_date <= runs.order_date and days.order_date >= runs.order_date - interval 28 day
    group by runs.order_date, runs.run, runs.first_hour, runs.last_hour, runs.orders, runs.amount
),

rates as (
    select
        *,
        (lost_of_day + 0.5) / (orders_of_day + 1) as loss_of_day,
        case when orders_of_day > 0 then orders_of_day else 1 end as cases
    from compared
),

bounded as (
    -- two standard errors below the day's rate
    select *, loss_of_day - 2 * sqrt(loss_of_day * (1 - loss_of_day) / cases) as least_loss_of_day
    from rates
)

select
    order_date as date, cast(first_hour as integer) as first_hour, cast(last_hour as integer) as last_hour, orders,
    cast(amount as decimal(18, 2)) as amount
from bounded
-- a day has up to 24 such runs by chance
where other_orders >= 20
    and 24 * power(case when least_loss_of_day > usual_loss then least_loss_of_day else usual_loss end, orders) < 0.001;
