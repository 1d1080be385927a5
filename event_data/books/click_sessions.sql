-- The paid clicks beside the sessions that arrived; parts 1 and 2 run these statements. Portable SQL, in the form of
-- transform.sql.
--
-- Reads
--   silver.counted_spend  the usable records of the advertising spend
--   silver.events         the events: day, session_id, touch_channel, source, medium, campaign


-- silver.arrivals: the sessions with a touch of a source, medium and campaign, by the day of the touch.
create or replace table silver.arrivals as
select
    day as date, lower(source) as source, lower(medium) as medium, coalesce(lower(campaign), '') as campaign,
    count(distinct session_id) as sessions
from silver.events
where touch_channel is not null and source is not null
group by day, lower(source), lower(medium), coalesce(lower(campaign), '');


-- silver.click_sessions: the paid clicks, what they cost, and the sessions with a touch of the same source, medium and
-- campaign, by day. Auto-tagging shows the source of a click, but not its campaign: campaigns that no address names are
-- compared with the sessions of their source that have no campaign.
create or replace table silver.click_sessions as
with clicked as (
    select
        date, source, medium, coalesce(lower(campaign), '') as campaign, sum(clicks) as clicks,
        sum(case when coalesce(currency, '') in ({own_currency}) then cost end) as spend
    from silver.counted_spend
    group by date, source, medium, coalesce(lower(campaign), '')
),

known as (
    select source, medium, campaign
    from silver.arrivals
    group by source, medium, campaign
),

named as (
    select
        clicked.date, clicked.source, clicked.medium, clicked.clicks, clicked.spend,
        case when known.campaign is null and unnamed.campaign is not null then '' else clicked.campaign end as campaign
    from clicked
    left join known
        on clicked.source = known.source and clicked.medium = known.medium and clicked.campaign = known.campaign
    left join known as unnamed
        on clicked.source = unnamed.source and clicked.medium = unnamed.medium and unnamed.campaign = ''
),

summed as (
    select date, source, medium, campaign, sum(clicks) as clicks, sum(spend) as spend
    from named
    group by date, source, medium, campaign
)

select
    summed.date, summed.source, summed.medium, summed.campaign,
    cast(coalesce(summed.clicks, 0) as bigint) as clicks,
    cast(coalesce(arrivals.sessions, 0) as bigint) as sessions,
    cast(coalesce(summed.spend, 0) as decimal(18, 2)) as spend
from summed
left join silver.arrivals as arrivals
    on summed.date = arrivals.date and summed.source = arrivals.source and summed.medium = arrivals.medium
    and summed.campaign = arrivals.campaign;
