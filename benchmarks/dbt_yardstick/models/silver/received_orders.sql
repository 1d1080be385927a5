with received as (
    select
        event_id as order_id,
        event_at as ordered_at,
        client_id,
        client_id_as_tracked,
        transaction_id,
        revenue,
        customer,
        checkout_token,
        items,
        device,
        transaction_id is null or revenue is null or revenue < 0 as is_held
    from {{ ref('events') }}
    where event = 'order'
),

numbered as (
    select
        *,
        row_number() over (
            partition by is_held, transaction_id, checkout_token order by ordered_at, order_id
        ) as of_checkout,
        row_number() over (
            partition by is_held, transaction_id, customer, revenue order by ordered_at, order_id
        ) as of_purchase
    from received
)

select
    * exclude (is_held, of_checkout, of_purchase),
    case
        when is_held then 'held'
        when of_checkout > 1 and checkout_token is not null then 'resubmission'
        when of_purchase > 1 and customer is not null then 'resubmission'
        else 'counted'
    end as status
from numbered
