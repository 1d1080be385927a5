-- The classification of order events, for parts 1 and 2. {braces} hold what the contract says; orders.py fills them.
--
-- It reads `order_events`, one row per order event: event_id, event_at, transaction_id, checkout, customer, client,
-- amount. It returns one row for each of them:
--   event_id
--   status            counted, resubmission, amendment, possible duplicate, negative or quarantined
--   reason            why the event is negative or quarantined; else null
--   order_id          the event_id of the first event of the order that this one belongs to
--   amount_event_id   the event_id of the event that set the order's last amount
--   counted_amount    the amount that this event adds to revenue: of a counted order, its last amount
--   excluded_amount   the amount that it keeps out of revenue; all amounts are counted_amount + excluded_amount
--   is_repeated_id    an earlier event has the same transaction id
--   is_collision      a counted order with the transaction id of an earlier order
--   is_reused_id      a collision more than 30 days after the order before it: the shop reuses its ids
--   is_possible_duplicate   an order with the checkout, customer and amount of an order of the last day
--
-- Two events with the same transaction id are the same order when the checkout agrees; where a checkout is unknown,
-- when the customer agrees; else the client; when nothing can be compared, the id alone decides. Events join orders by
-- how much is known of them: those with a checkout first, then those with a customer, those with a client, and the
-- rest. Each joins the order that agrees by the strongest of the three, and of several the one that was founded first.
-- So two known checkouts are never one order, whatever event lies between them.
with judged as (
    select
        event_id, event_at, checkout, customer, client, amount,
        case when {has_transaction_id} then transaction_id else cast(event_id as varchar) end as id,
        case
            when {has_transaction_id} and transaction_id is null then 'no transaction id'
            when {has_amount} and amount is null then 'no readable amount'
            when amount < 0 then 'negative amount'
        end as reason
    from order_events
),

-- Equal times are ordered by content; event_id, which may follow the order of lines, only tells equal events apart.
numbered as (
    select
        event_id, event_at, checkout, customer, client, amount, id,
        row_number() over (
            partition by id
            order by
                event_at nulls first, amount nulls first, checkout nulls first, customer nulls first,
                client nulls first, event_id nulls first
        ) as place
    from judged
    where reason is null
),

-- An order is known by the place in time of the event that founded it.
with_checkout as (
    select
        numbered.*,
        case
            when {by_id_alone} then 1
            when checkout is not null then min(place) over (partition by id, checkout)
        end as founder
    from numbered
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
        event_id, event_at, checkout, customer, client, amount, id, place,
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
        event_id, event_at, checkout, customer, client, amount, id, place,
        case
            when founder is not null then founder
            when client is not null then coalesce(
                min(founder) over (partition by id, client),
                min(case when client is null then founder end) over (partition by id),
                min(case when founder is null then place end) over (partition by id, client)
            )
        end as founder
    from with_customer
),

with_nothing as (
    select
        event_id, event_at, checkout, customer, client, amount, id, place,
        coalesce(founder, min(founder) over (partition by id), 1) as founder
    from with_client
),

compared as (
    select
        with_nothing.*,
        min(place) over (partition by id, founder) as first_place,
        lag(amount) over (partition by id, founder order by place nulls first) as amount_before
    from with_nothing
),

-- The first event of an order sets its amount, and each event with another amount than the one before sets it anew.
steps as (
    select
        event_id, event_at, checkout, customer, id, place, founder, amount, amount_before,
        place = first_place as is_first,
        case when place = first_place or amount is distinct from amount_before then 1 else 0 end as sets_amount
    from compared
),

amended as (
    select
        event_id, event_at, id, place, amount, amount_before, is_first, sets_amount,
        first_value(event_id) over (partition by id, founder order by place nulls first) as order_id,
        first_value(event_id) over (
            partition by id, founder order by sets_amount desc nulls last, place desc nulls last
        ) as amount_event_id,
        first_value(amount) over (
            partition by id, founder order by sets_amount desc nulls last, place desc nulls last
        ) as last_amount,
        min(checkout) over (partition by id, founder) as checkout,
        min(customer) over (partition by id, founder) as customer
    from steps
),

orders as (
    select
        event_id, event_at, checkout, customer, last_amount,
        lag(event_at) over (partition by id order by place nulls first) as previous_use_at,
        lag(event_at) over (
            partition by checkout, customer, last_amount
            order by event_at nulls first, id nulls first, event_id nulls first
        ) as previous_purchase_at
    from amended
    where is_first
),

duplicates as (
    select
        event_id,
        coalesce(event_at > previous_use_at + interval 30 day, false) as is_reuse,
        {has_transaction_id} and checkout is not null and customer is not null and last_amount is not null
            and coalesce(event_at <= previous_purchase_at + interval 1 day, false) as is_possible_duplicate
    from orders
),

classified as (
    select
        amended.event_id, amended.amount, amended.amount_before, amended.last_amount, amended.place,
        amended.order_id, amended.amount_event_id,
        duplicates.is_reuse,
        coalesce(duplicates.is_possible_duplicate, false) as is_possible_duplicate,
        case
            when amended.is_first and {counts_once} and duplicates.is_possible_duplicate then 'possible duplicate'
            when amended.is_first then 'counted'
            when amended.sets_amount = 1 then 'amendment'
            else 'resubmission'
        end as status
    from amended
    left join duplicates on amended.event_id = duplicates.event_id
)

select
    judged.event_id,
    case
        when judged.reason = 'negative amount' then 'negative'
        when judged.reason is not null then 'quarantined'
        else classified.status
    end as status,
    judged.reason,
    classified.order_id,
    classified.amount_event_id,
    case when classified.status = 'counted' then classified.last_amount end as counted_amount,
    case
        when classified.status = 'counted' then null
        when classified.status = 'amendment' then classified.amount_before
        when classified.status = 'possible duplicate' then classified.last_amount
        else judged.amount
    end as excluded_amount,
    coalesce(classified.place > 1, false) as is_repeated_id,
    coalesce(classified.status = 'counted' and classified.place > 1, false) as is_collision,
    coalesce(classified.status = 'counted' and classified.place > 1 and classified.is_reuse, false) as is_reused_id,
    coalesce(classified.is_possible_duplicate, false) as is_possible_duplicate
from judged
left join classified on judged.event_id = classified.event_id
