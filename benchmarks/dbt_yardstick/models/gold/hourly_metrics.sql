select date_trunc('hour', event_at) as hour, event, count(*) as events
from {{ ref('events') }}
where not is_bot
group by all
