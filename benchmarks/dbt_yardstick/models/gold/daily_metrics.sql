with metrics as (
    select event_date as date, event as metric, count(*) as value from {{ ref('events') }} where not is_bot group by all
    union all
    select event_date, 'clients', count(distinct client_id) from {{ ref('events') }} where not is_bot group by all
    union all
    select event_date, 'crawler_events', count(*) from {{ ref('events') }} where is_bot group by all
    union all
    select cast(started_at as date), 'sessions', count(*) from {{ ref('sessions') }} where reading = 'healed' group by all
    union all
    select cast(ordered_at as date), 'counted_orders', count(*) from {{ ref('orders') }} group by all
    union all
    select cast(ordered_at as date), 'revenue', sum(revenue) from {{ ref('orders') }} group by all
)

select date, metric, value from metrics
