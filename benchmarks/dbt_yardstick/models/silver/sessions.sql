with readings as (
    select 'healed' as reading, client_id as client, * from {{ ref('events') }}
    where not is_bot and client_id is not null
    union all
    select 'as_tracked', client_id_as_tracked, * from {{ ref('events') }}
    where not is_bot and client_id_as_tracked is not null
),

marked as (
    select
        *,
        coalesce(
            event_at >= lag(event_at) over (partition by reading, client order by event_at, event_id) + interval 30 minute,
            true
        ) as is_start
    from readings
),

numbered as (
    select
        *,
        sum(cast(is_start as integer)) over (partition by reading, client order by event_at, event_id) as session_number
    from marked
)

select
    reading,
    arg_min(event_id, event_at) as session_id,
    client,
    min(event_at) as started_at,
    max(event_at) as ended_at,
    arg_min(device, event_at) as device,
    arg_min(path, event_at) as landing_path,
    arg_min(event, event_at) as first_event,
    count(*) as events,
    {% for role in ['page_view', 'signup', 'cart', 'checkout', 'order'] %}
    count(*) filter (where event = '{{ role }}') as {{ role }}s,
    {% endfor %}
    {% for side, pick in [('first', 'arg_min'), ('last', 'arg_max')] %}
    {% for column in ['source', 'medium'] %}
    {{ pick }}({{ column }}, event_at) filter (where channel is not null) as {{ side }}_{{ column }},
    {% endfor %}
    coalesce({{ pick }}(channel, event_at) filter (where channel is not null), 'Direct') as {{ side }}_channel
    {{- ',' if side == 'first' }}
    {% endfor %}
from numbered
group by reading, client, session_number
