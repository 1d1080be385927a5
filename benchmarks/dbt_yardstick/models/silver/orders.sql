{% set readings = [('client_id', ''), ('client_id_as_tracked', '_as_tracked')] %}
with firsts as (
    {% for identity, name in readings %}
    select
        '{{ identity }}' as identity,
        {{ identity }} as client,
        min(event_at) as first_event_at,
        min(event_at) filter (where event = 'page_view') as first_page_view_at
    from {{ ref('events') }}
    where {{ identity }} is not null
    group by all
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    o.* exclude (status)
    {% for identity, name in readings %},
    coalesce({{ identity }}_firsts.first_event_at < o.ordered_at, false) as has_earlier_event{{ name }},
    coalesce({{ identity }}_firsts.first_page_view_at < o.ordered_at, false) as has_earlier_page_view{{ name }}
    {% endfor %}
from {{ ref('received_orders') }} as o
{% for identity, name in readings %}
left join firsts as {{ identity }}_firsts
    on {{ identity }}_firsts.identity = '{{ identity }}' and {{ identity }}_firsts.client = o.{{ identity }}
{% endfor %}
where o.status = 'counted'
