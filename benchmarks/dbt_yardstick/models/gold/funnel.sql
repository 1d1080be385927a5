select
    device,
    first_channel as channel,
    count(*) as sessions,
    count(distinct client) as clients,
    count(*) filter (where carts > 0) as sessions_with_cart,
    count(*) filter (where checkouts > 0) as sessions_with_checkout,
    count(*) filter (where orders > 0) as sessions_with_order
from {{ ref('sessions') }}
where reading = 'healed'
group by all
