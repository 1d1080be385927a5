-- The classification of order events, for parts 1 and 2. orders.py fills in the {braces} from the contract.
--
-- It reads `order_events`, one row per order event: event_id, event_at, transaction_id, checkout, customer, client,
-- amount, other_currency (a code other than the shop's), and order_key, which is null unless rows are order lines.
-- Lines with the same key are one order: its first line, with the sum of their amounts. It returns one row per event:
--   event_id
--   status            counted, resubmission, amendment, possible duplicate, negative, quarantined, or order line for a
--                     further line of an order
--   reason            why the event is negative or quarantined; otherwise null
--   order_id          the event_id of the first event of the same order
--   counted_amount    the amount that the event adds to revenue: for a counted order, its last amount
--   excluded_amount   the amount that is kept out of revenue; the totals of both columns add up to the total of amount
--   is_repeated_id    whether an earlier event has the same transaction id
--   is_collision      whether it is a counted order with the transaction id of an earlier order
--   is_reused_id      whether it is a collision more than 30 days after the id was last used: the shop reuses ids
--   is_possible_duplicate   whether an order of the last 24 hours has the same checkout, customer and amount
--   repeated_event_id   the event before a repeated one: with the same id, and in the same order if it is its repeat
--   duplicated_event_id   the earlier order that a possible duplicate may duplicate
--
-- Two events with the same transaction id are the same order if their checkouts match. If a checkout is unknown, their
-- customers must match; if a customer is unknown too, their clients. If nothing can be compared, the id alone decides.
-- Events join orders in four rounds: first events with a checkout, then those with a customer, then those with a
-- client, and then the rest. Each event joins the order that matches by the strongest of the three keys. If several
-- match, it joins the one that was founded first; if none does, it founds an order. (The rest prefer orders founded by
-- an event with a checkout or a customer.) So two different checkouts are never one order, whatever events link them.
with keyed as (
    select
        order_events.*,
        -- A line without an amount is quarantined by itself.
        case
            when {rows_are_lines} and order_key is not null and amount is not null then 'order ' || order_key
            else 'event ' || cast(event_id as varchar)
        end as line_key
    from order_events
),

lines as (
    select
        keyed.*,
        row_number() over (partition by line_key order by event_at nulls first, event_id nulls first) as line_number,
        first_value(event_id) over (partition by line_key order by event_at nulls first, event_id nulls first) as first_line_id,
        cast(sum(amount) over (partition by line_key) as decimal(12, 2)) as order_amount
    from keyed
),

judged as (
    select
        event_id, event_at, checkout, customer, client, order_amount as amount,
        case when {has_transaction_id} then transaction_id else cast(event_id as varchar) end as given_id,
        case
            when {has_transaction_id} and transaction_id is null then {no_transaction_id}
            when other_currency is not null then {other_currency} || other_currency
            when {has_amount} and order_amount is null then {no_amount}
            when order_amount < 0 then 'negative amount'
        end as reason
    from lines
    where line_number = 1
),

identified as (
    select
        event_id, event_at, checkout, customer, client, amount, reason,
        case when reason is null then given_id end as id
    from judged
),

-- Most ids occur once and need no grouping.
repeated as (
    select id
    from identified
    where id is not null
    group by id
    having count(*) > 1
),

-- Events at the same time are ordered by content; event_id, which may depend on the line order, is the last resort.
placed as (
    select
        identified.event_id, identified.event_at, identified.checkout, identified.customer, identified.client,
        identified.amount, identified.id,
        row_number() over in_time as place,
        lag(identified.event_at) over in_time as id_used_at,
        lag(identified.event_id) over in_time as id_used_by
    from identified
    inner join repeated on identified.id = repeated.id
    window in_time as (
        partition by identified.id
        order by
            identified.event_at nulls first, identified.amount nulls first, identified.checkout nulls first,
            identified.customer nulls first, identified.client nulls first, identified.event_id nulls first
    )
),

-- `founder` identifies an order: the place of the event that founded it.
with_checkout as (
    select
        placed.*,
        case
            when {by_id_alone} then 1
            when checkout is not null then min(place) over (partition by id, checkout)
        end as founder
    from placed
),

-- For events with a customer and no checkout: the order that each would join on its own.
candidates as (
    select
        with_checkout.*,
        coalesce(
            min(founder) over (partition by id, customer),
            case
                when client is not null
                    then min(case when customer is null then founder end) over (partition by id, client)
            end,
            case
                when client is null then min(case when customer is null then founder end) over (partition by id)
                else min(case when customer is null and client is null then founder end) over (partition by id)
            end,
            place
        ) as candidate
    from with_checkout
),

-- All events of one customer without a checkout join the same order.
with_customer as (
    select
        event_id, checkout, customer, client, amount, id, place, id_used_at, id_used_by,
        case
            when founder is not null then founder
            when customer is not null
                then first_value(candidate) over (
                    partition by id, customer, case when founder is null then 1 else 0 end order by place nulls first
                )
        end as founder
    from candidates
),

with_client as (
    select
        event_id, checkout, customer, amount, id, place, id_used_at, id_used_by,
        case
            when founder is not null then founder
            when client is not null then coalesce(
                min(founder) over (partition by id, client),
                min(case when client is null then founder end) over (partition by id),
                min(case when founder is null then place end) over (partition by id, client)
            )
            else coalesce(
                min(founder) over (partition by id),
                min(case when client is not null then place end) over (partition by id),
                1
            )
        end as founder
    from with_customer
),

grouped as (
    select
        event_id, place, id_used_at, id_used_by,
        row_number() over in_order as step,
        lag(amount) over in_order as amount_before,
        lag(event_id) over in_order as event_before,
        first_value(event_id) over whole_order as order_id,
        last_value(amount) over whole_order as last_amount,
        min(checkout) over whole_order as checkout,
        min(customer) over whole_order as customer
    from with_client
    window
        in_order as (partition by id, founder order by place nulls first),
        whole_order as (
            partition by id, founder order by place nulls first
            rows between unbounded preceding and unbounded following
        )
),

ordered as (
    select
        identified.event_id, identified.event_at, identified.amount, identified.reason, identified.id,
        grouped.id_used_at, grouped.id_used_by, grouped.amount_before, grouped.event_before,
        coalesce(grouped.place, 1) as place,
        coalesce(grouped.step, 1) as step,
        coalesce(grouped.order_id, identified.event_id) as order_id,
        coalesce(grouped.last_amount, identified.amount) as last_amount,
        coalesce(grouped.checkout, identified.checkout) as checkout,
        coalesce(grouped.customer, identified.customer) as customer
    from identified
    left join grouped on identified.event_id = grouped.event_id
),

-- Each order with the previous order with the same checkout, customer and amount, and its time.
compared as (
    select
        ordered.*,
        lag(event_at) over alike as bought_at,
        lag(event_id) over alike as bought_by
    from ordered
    window alike as (
        partition by case when reason is null and step = 1 then 1 else 0 end, checkout, customer, last_amount
        order by event_at nulls first, id nulls first, event_id nulls first
    )
),

flagged as (
    select
        compared.*,
        reason is null and step = 1 and event_at > id_used_at + interval 30 day as is_reuse,
        reason is null and step = 1 and {has_transaction_id} and checkout is not null and customer is not null
            and last_amount is not null and event_at <= bought_at + interval 1 day as is_possible_duplicate
    from compared
),

decided as (
    select
        flagged.*,
        case
            when reason = 'negative amount' then 'negative'
            when reason is not null then 'quarantined'
            when is_possible_duplicate and {counts_once} then 'possible duplicate'
            when step = 1 then 'counted'
            when amount is distinct from amount_before then 'amendment'
            else 'resubmission'
        end as status
    from flagged
)

select
    event_id,
    status,
    reason,
    case when reason is null then order_id end as order_id,
    case when status = 'counted' then last_amount end as counted_amount,
    case status
        when 'counted' then null
        when 'amendment' then amount_before
        when 'possible duplicate' then last_amount
        else amount
    end as excluded_amount,
    reason is null and place > 1 as is_repeated_id,
    status = 'counted' and place > 1 as is_collision,
    coalesce(status = 'counted' and place > 1 and is_reuse, false) as is_reused_id,
    coalesce(is_possible_duplicate, false) as is_possible_duplicate,
    case when reason is null then coalesce(event_before, id_used_by) end as repeated_event_id,
    case when is_possible_duplicate then bought_by end as duplicated_event_id
from decided

union all

select
    lines.event_id,
    'order line',
    null,
    case when decided.reason is null then decided.order_id end,
    null,
    cast(0 as decimal(12, 2)),
    false, false, false, false, null, null
from lines
inner join decided on lines.first_line_id = decided.event_id
where lines.line_number > 1
