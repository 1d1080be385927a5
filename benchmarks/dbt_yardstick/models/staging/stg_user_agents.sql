with agents as (
    select distinct user_agent from {{ ref('stg_events') }} where user_agent is not null
)

select
    user_agent,
    exists (
        select 1 from {{ source('seeds', 'crawlers') }} as c where contains(lower(agents.user_agent), c.term)
    ) as is_bot,
    case
        when regexp_matches(user_agent, 'iPad|Tablet|Silk') then 'tablet'
        when user_agent like '%Android%' and user_agent not like '%Android%Mobile%' then 'tablet'
        when regexp_matches(user_agent, 'Mobi|iPhone|Android') then 'mobile'
        else 'desktop'
    end as device,
    case
        when user_agent like '%Edg%' then 'Edge'
        when user_agent like '%SamsungBrowser%' then 'Samsung'
        when regexp_matches(user_agent, 'FBA[NV]|FB_IAB') then 'Facebook'
        when user_agent like '%Instagram%' then 'Instagram'
        when user_agent like '%GSA/%' then 'Google app'
        when regexp_matches(user_agent, 'CriOS|Chrome') then 'Chrome'
        when regexp_matches(user_agent, 'Firefox|FxiOS') then 'Firefox'
        when user_agent like '%Safari%' then 'Safari'
        else 'other'
    end as browser
from agents
