with revealed as (
    select
        e.* exclude (utm_source, utm_medium, utm_campaign),
        coalesce(s.term, e.utm_source) as utm_source,
        coalesce(m.term, e.utm_medium) as utm_medium,
        coalesce(c.term, e.utm_campaign) as utm_campaign,
        coalesce(h.source, regexp_replace(e.referrer_host, '^www[.]', '')) as referrer_source
    from {{ ref('stg_events') }} as e
    left join {{ ref('stg_known_values') }} as s on e.utm_source = s.hidden
    left join {{ ref('stg_known_values') }} as m on e.utm_medium = m.hidden
    left join {{ ref('stg_known_values') }} as c on e.utm_campaign = c.hidden
    left join {{ ref('stg_known_hosts') }} as h on e.referrer_host = h.host
),

attributed as (
    select
        r.*,
        r.utm_source is not null or r.utm_medium is not null as is_tagged,
        r.referrer_source <> '' and not regexp_full_match(
            r.referrer_host,
            '(.+[.])?(puffy.com|shop.app|paypal.com|klarna.com|affirm.com|afterpay.com|stripe.com|apple.com|pay.(amazon|google).com)'
        ) as is_outside,
        k.source as click_source,
        k.medium as click_medium,
        f.category as referrer_category
    from revealed as r
    left join {{ source('seeds', 'click_ids') }} as k on r.click_id = k.parameter
    left join {{ source('seeds', 'sources') }} as f on r.referrer_source = f.source
),

touched as (
    select
        * exclude (is_tagged, is_outside, click_source, click_medium, referrer_source, referrer_category),
        case
            when is_tagged then coalesce(utm_source, '(not set)')
            when click_id is not null then click_source
            when is_outside then referrer_source
        end as source,
        case
            when is_tagged then coalesce(utm_medium, '(not set)')
            when click_id is not null then click_medium
            when is_outside and referrer_category = 'SEARCH' then 'organic'
            when is_outside and referrer_category = 'AI' then 'ai-assistant'
            when is_outside then 'referral'
        end as medium,
        case when is_tagged then utm_campaign end as campaign
    from attributed
),

combinations as (
    select distinct source, medium, campaign from touched where source is not null
),

traits as (
    select
        c.*,
        lower(c.source) as s,
        lower(c.medium) as m,
        lower(coalesce(c.campaign, '')) as k,
        coalesce(f.category, '') as category,
        regexp_full_match(lower(c.medium), '.*cp.*|ppc|retargeting|paid.*') as is_paid,
        coalesce(f.category, '') = 'SHOPPING'
            or regexp_full_match(lower(coalesce(c.campaign, '')), '.*(([^a-df-z]|^)shop|shopping).*') as is_shopping
    from combinations as c
    left join {{ source('seeds', 'sources') }} as f on lower(c.source) = f.source
),

channels as (
    select
        source,
        medium,
        campaign,
        case
            when s = '(direct)' and m in ('(none)', '(not set)') then 'Direct'
            when k like '%cross-network%' then 'Cross-network'
            when is_shopping and is_paid then 'Paid Shopping'
            when category = 'SEARCH' and is_paid then 'Paid Search'
            when category = 'SOCIAL' and is_paid then 'Paid Social'
            when category = 'VIDEO' and is_paid then 'Paid Video'
            when m in ('display', 'banner', 'expandable', 'interstitial', 'cpm') then 'Display'
            when is_paid then 'Paid Other'
            when is_shopping then 'Organic Shopping'
            when category = 'SOCIAL'
                or m in ('social', 'social-network', 'social-media', 'sm', 'social network', 'social media')
                then 'Organic Social'
            when category = 'VIDEO' or m like '%video%' then 'Organic Video'
            when m = 'ai-assistant' or category = 'AI' then 'AI Assistant'
            when category = 'SEARCH' or m = 'organic' then 'Organic Search'
            when m in ('referral', 'app', 'link') then 'Referral'
            when s in ('email', 'e-mail', 'e_mail', 'e mail') or m in ('email', 'e-mail', 'e_mail', 'e mail') then 'Email'
            when m in ('affiliate', 'affiliates') then 'Affiliates'
            when m = 'audio' then 'Audio'
            when s = 'sms' or m = 'sms' then 'SMS'
            when m like '%push' or m like '%mobile%' or m like '%notification%' or s = 'firebase'
                then 'Mobile Push Notifications'
            else 'Unassigned'
        end as channel
    from traits
)

select t.* exclude (user_agent), c.channel, coalesce(u.is_bot, false) as is_bot, u.device, u.browser
from touched as t
left join channels as c
    on t.source = c.source and t.medium = c.medium and t.campaign is not distinct from c.campaign
left join {{ ref('stg_user_agents') }} as u on t.user_agent = u.user_agent
