select
    cast(started_at as date) as date,
    first_channel as channel,
    count(*) as sessions,
    count(distinct client) as clients,
    sum(page_views) as page_views,
    count(*) filter (where carts > 0) as sessions_with_cart,
    count(*) filter (where checkouts > 0) as sessions_with_checkout,
    count(*) filter (where orders > 0) as sessions_with_order
from {{ ref('sessions') }}
where reading = 'healed'
group by all
