with lines as (
    select order_id, ordered_at, unnest(cast(items as json[])) as line from {{ ref('orders') }}
)

select
    order_id,
    ordered_at,
    line ->> '$.item_id' as item_id,
    line ->> '$.item_name' as item_name,
    line ->> '$.item_variant' as item_variant,
    try_cast(line ->> '$.quantity' as integer) as quantity,
    try_cast(line ->> '$.item_price' as decimal(12, 2)) as item_price
from lines
