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
-- Each order that repeats part of an earlier one, with that one.
with pairs as (
    select
        case
            when is_resubmission then 'transaction_id_resubmission'
            when is_amendment then 'transaction_id_amendment'
            when is_collision then 'transaction_id_collision'
            when is_reused_id then 'transaction_id_reused'
        end as "check",
        event_id, repeated_event_id as earlier_id
    from orders
    where is_resubmission or is_amendment or is_collision or is_reused_id

    union all

    select 'possible_duplicate', event_id, duplicated_event_id
    from orders
    where is_possible_duplicate
)

select
    pairs."check",
    earlier.file_no, earlier.record, order_id_shown(earlier.transaction_id), coalesce(earlier.order_amount, earlier.revenue),
    later.file_no, later.record, order_id_shown(later.transaction_id), coalesce(later.order_amount, later.revenue)
from pairs
inner join orders as earlier on pairs.earlier_id = earlier.event_id
inner join orders as later on pairs.event_id = later.event_id
order by later.file_no, later.record, pairs."check";
