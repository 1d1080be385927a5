-- The classification of order events, for parts 1 and 2. {braces} hold what the contract says; orders.py fills them.
--
-- It reads `order_events`, one row per order event: event_id, event_at, transaction_id, checkout, customer, client,
-- amount. It returns one row for each of them:
--   event_id
--   status            counted, resubmission, amendment, possible duplicate, negative or quarantined
--   reason            why the event is negative or quarantined; else null
--   order_id          the event_id of the first event of the order that this one belongs to
--   counted_amount    the amount that this event adds to revenue: of a counted order, its last amount
--   excluded_amount   the amount that it keeps out of revenue; all amounts are counted_amount + excluded_amount
--   is_repeated_id    an earlier event has the same transaction id
--   is_collision      a counted order with the transaction id of an earlier order
--   is_reused_id      a collision more than 30 days after the last use of its id: the shop reuses ids
--   is_possible_duplicate   an order with the checkout, customer and amount of an order of the last day
--
-- Two events with the same transaction id are the same order when the checkout agrees; where a checkout is unknown,
-- when the customer agrees; else the client; when nothing can be compared, the id alone decides. Events join orders by
-- how much is known of them: those with a checkout first, then those with a customer, those with a client, and the
-- rest. Each joins the order that agrees by the strongest of the three, and of several the one with the earliest
-- founder; where there is none it founds one. (The rest prefers orders that a checkout or a customer founded.) So two
-- known checkouts are never one order, whatever lies between them.
with judged as (
    select
        event_id, event_at, checkout, customer, client, amount,
        case when {has_transaction_id} then transaction_id else cast(event_id as varchar) end as given_id,
        case
            when {has_transaction_id} and transaction_id is null then {no_transaction_id}
            when {has_amount} and amount is null then {no_amount}
            when amount < 0 then 'negative amount'
        end as reason
    from order_events
),

identified as (
    select
        event_id, event_at, checkout, customer, client, amount, reason,
        case when reason is null then given_id end as id
    from judged
),

-- Most ids come once, and need no grouping.
repeated as (
    select id
    from identified
    where id is not null
    group by id
    having count(*) > 1
),

-- Equal times are ordered by content; event_id, which may follow the order of lines, only tells equal events apart.
placed as (
    select
        identified.event_id, identified.event_at, identified.checkout, identified.customer, identified.client,
        identified.amount, identified.id,
        row_number() over in_time as place,
        lag(identified.event_at) over in_time as id_used_at
    from identified
    inner join repeated on identified.id = repeated.id
    window in_time as (
        partition by identified.id
        order by
            identified.event_at nulls first, identified.amount nulls first, identified.checkout nulls first,
            identified.customer nulls first, identified.client nulls first, identified.event_id nulls first
    )
),

-- An order is known by the place in time of the event that founded it.
with_checkout as (
    select
        placed.*,
        case
            when {by_id_alone} then 1
            when checkout is not null then min(place) over (partition by id, checkout)
        end as founder
    from placed
),

-- Of the events with a customer and no checkout: the order that each would join by itself.
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

-- The events of one customer stay together.
with_customer as (
    select
        event_id, checkout, customer, client, amount, id, place, id_used_at,
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
        event_id, checkout, customer, amount, id, place, id_used_at,
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
        event_id, place, id_used_at,
        row_number() over in_order as step,
        lag(amount) over in_order as amount_before,
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
        grouped.id_used_at, grouped.amount_before,
        coalesce(grouped.place, 1) as place,
        coalesce(grouped.step, 1) as step,
        coalesce(grouped.order_id, identified.event_id) as order_id,
        coalesce(grouped.last_amount, identified.amount) as last_amount,
        coalesce(grouped.checkout, identified.checkout) as checkout,
        coalesce(grouped.customer, identified.customer) as customer
    from identified
    left join grouped on identified.event_id = grouped.event_id
),

-- Orders beside the one before them with the same checkout, customer and amount.
compared as (
    select
        ordered.*,
        lag(event_at) over (
            partition by case when reason is null and step = 1 then 1 else 0 end, checkout, customer, last_amount
            order by event_at nulls first, id nulls first, event_id nulls first
        ) as bought_at
    from ordered
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
    coalesce(is_possible_duplicate, false) as is_possible_duplicate
from decided
