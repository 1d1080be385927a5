with orders as (
    select 'healed' as reading, client_id as client, * from {{ ref('orders') }}
    union all
    select 'as_tracked', client_id_as_tracked, * from {{ ref('orders') }}
),

paths as (
    select o.reading, o.order_id, o.transaction_id, o.revenue, s.*  exclude (reading)
    from orders as o
    inner join {{ ref('sessions') }} as s
        on o.reading = s.reading
        and o.client = s.client
        and s.started_at between o.ordered_at - interval 7 day and o.ordered_at
    where s.first_source is not null or s.first_event <> 'order'
),

touches as (
    select reading, order_id, transaction_id, revenue, started_at, session_id, 0 as side,
        first_channel as channel, first_source as source, first_medium as medium
    from paths
    union all
    select reading, order_id, transaction_id, revenue, started_at, session_id, 1, last_channel, last_source, last_medium
    from paths
    where last_channel <> first_channel
),

placed as (
    select
        *,
        row_number() over (partition by reading, order_id order by started_at, session_id, side) as position,
        count(*) over (partition by reading, order_id) as length
    from touches
),

weighted as (
    select *, 'first_click' as model, revenue as credit from placed where position = 1
    union all
    select *, 'last_click', revenue from placed where position = length
    union all
    select *, 'linear', revenue / length from placed
)

select reading, model, order_id, transaction_id, position, channel, source, medium, credit
from weighted
union all
select o.reading, m.model, o.order_id, o.transaction_id, null, 'Unattributed', null, null, o.revenue
from orders as o
cross join (values ('first_click'), ('last_click'), ('linear')) as m (model)
where not exists (select 1 from placed as p where p.reading = o.reading and p.order_id = o.order_id)
