with landed as (
    select
        row_number() over () as event_id,
        filename as source_file,
        coalesce(client_id, "clientId") as client_id,
        client_id as client_id_as_tracked,
        page_url,
        referrer,
        timestamp,
        event_name,
        event_data,
        user_agent,
        try_cast(replace(timestamp, 'Z', '') as timestamp) as event_at
    from {{ source('landing', 'events') }}
),

usable as (
    select *
    from landed
    where event_name is not null and event_at is not null
    qualify row_number() over (
        partition by client_id, page_url, referrer, timestamp, event_name, event_data, user_agent order by event_id
    ) = 1
),

parts as (
    select
        *,
        lower(regexp_extract(page_url, '://([^/?#]*)', 1)) as host,
        coalesce(nullif(regexp_extract(page_url, '://[^/?#]*([^?#]*)', 1), ''), '/') as path,
        '&' || regexp_extract(page_url, '[?]([^#]*)', 1) as query,
        nullif(lower(regexp_extract(referrer, '://([^/?#]*)', 1)), '') as referrer_host,
        case event_name
            when 'page_viewed' then 'page_view'
            when 'email_filled_on_popup' then 'signup'
            when 'product_added_to_cart' then 'cart'
            when 'checkout_started' then 'checkout'
            when 'checkout_completed' then 'order'
            when 'purchase' then 'order'
            else 'other'
        end as event
    from usable
)

select
    event_id,
    source_file,
    client_id,
    client_id_as_tracked,
    event_at,
    cast(event_at as date) as event_date,
    event,
    event_name,
    host,
    path,
    referrer_host,
    user_agent,
    {% for name in ['utm_source', 'utm_medium', 'utm_campaign'] %}
    nullif(nullif(replace(replace(regexp_extract(query, '&{{ name }}=([^&]*)', 1), '+', ' '), '%20', ' '), ''), 'D41D8C')
        as {{ name }},
    {% endfor %}
    case
        {% for name in ['gclid', 'gbraid', 'wbraid', 'gad_source', 'msclkid', 'ttclid', 'irclickid', 'sscid', 'awc', '_kx',
            'srsltid', 'fbclid'] %}
        when regexp_matches(query, '&{{ name }}=[^&]') and not contains(query, '&{{ name }}=D41D8C') then '{{ name }}'
        {% endfor %}
    end as click_id,
    nullif(regexp_extract(path, '/checkouts/[a-z]+/([^/]+)', 1), '') as checkout_token,
    case when event in ('order', 'signup') then event_data ->> '$.user_email' end as customer,
    case when event = 'order' then event_data ->> '$.transaction_id' end as transaction_id,
    case when event = 'order' then try_cast(event_data ->> '$.revenue' as decimal(12, 2)) end as revenue,
    case when event = 'order' then event_data -> '$.items' end as items
from parts
