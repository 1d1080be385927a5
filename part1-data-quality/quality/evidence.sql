-- Queries for the evidence of incidents, once the incidents are known.

-- name: orders
-- The id and amount of the orders among the rows that were read again.
with samples as (
    select unnest($file_nos) as file_no, unnest($records) as record
)

select orders.file_no, orders.record, order_id_shown(orders.transaction_id), coalesce(orders.order_amount, orders.revenue)
from orders
inner join samples on orders.file_no = samples.file_no and orders.record = samples.record;

-- name: order_pairs
-- Each order that repeats part of an earlier one, with the latest such order before it.
with marked as (
    select
        *,
        case
            when is_resubmission then 'transaction_id_resubmission'
            when is_amendment then 'transaction_id_amendment'
            when is_collision then 'transaction_id_collision'
            when is_reused_id then 'transaction_id_reused'
        end as "check"
    from orders
    where is_resubmission or is_amendment or is_collision or is_reused_id or is_possible_duplicate
),

pairs as (
    select marked."check", marked.event_id, earlier.event_id as earlier_id
    from marked
    inner join orders as earlier on marked.transaction_id = earlier.transaction_id
    where earlier.event_at <= marked.event_at and earlier.event_id <> marked.event_id and not earlier.is_further_line
        and (marked."check" in ('transaction_id_resubmission', 'transaction_id_amendment'))
            = (earlier.order_id = marked.order_id)
    union all
    select 'possible_duplicate', marked.event_id, earlier.event_id
    from marked
    inner join orders as earlier on marked.token = earlier.token and marked.customer = earlier.customer
    where marked.is_possible_duplicate and not earlier.is_further_line
        and earlier.event_at <= marked.event_at and earlier.event_id <> marked.event_id
        and earlier.event_at >= marked.event_at - interval 24 hours
        and earlier.transaction_id <> marked.transaction_id and earlier.order_amount = marked.order_amount
),

latest as (
    select pairs."check", pairs.event_id, arg_max(pairs.earlier_id, (earlier.event_at, earlier.event_id)) as earlier_id
    from pairs
    inner join orders as earlier on pairs.earlier_id = earlier.event_id
    group by pairs."check", pairs.event_id
)

select
    latest."check",
    earlier.file_no, earlier.record, order_id_shown(earlier.transaction_id), coalesce(earlier.order_amount, earlier.revenue),
    later.file_no, later.record, order_id_shown(later.transaction_id), coalesce(later.order_amount, later.revenue)
from latest
inner join orders as earlier on latest.earlier_id = earlier.event_id
inner join orders as later on latest.event_id = later.event_id
order by later.file_no, later.record, latest."check";
