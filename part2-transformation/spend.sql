-- Advertising spend beside the events: run only if the contract describes a file of it and there is one, after
-- transform.sql and event_data/books/spend_records.sql. {braces} are filled in from the contract. Portable SQL, in
-- the form of transform.sql.


-- silver.ad_spend: one row per usable record of the advertising spend. If several files have a campaign's day, the newest
-- file counts.
create or replace table silver.ad_spend as
with counted as (
    select spend.*, coalesce(currency, '') in ({own_currency}) as is_own_currency
    from silver.counted_spend as spend
),

-- the channels of the events with this source, medium and campaign: a campaign's name may change the channel
named as (
    select
        lower(source) as source, lower(medium) as medium, coalesce(lower(campaign), '') as campaign, channel,
        count(*) as events
    from silver.events
    where source is not null and channel is not null
    group by lower(source), lower(medium), coalesce(lower(campaign), ''), channel
),

ranked_of_campaign as (
    select
        source, medium, campaign, channel,
        row_number() over (
            partition by source, medium, campaign order by events desc nulls last, channel nulls first
        ) as position
    from named
),

of_source as (
    select source, medium, channel, sum(events) as events
    from named
    group by source, medium, channel
),

ranked_of_source as (
    select
        source, medium, channel,
        row_number() over (
            partition by source, medium order by events desc nulls last, channel nulls first
        ) as position
    from of_source
)

select
    counted.spend_id, counted.source_file, counted.line, counted.date, counted.source, counted.medium, counted.campaign,
    -- a campaign that no address names is auto-tagged: its visits have no campaign
    coalesce(own.channel, untagged.channel, usual.channel, 'Unassigned') as channel,
    case when counted.is_own_currency then counted.cost end as cost,
    case when not counted.is_own_currency then counted.currency end as other_currency,
    case when not counted.is_own_currency then counted.cost end as other_cost,
    counted.clicks, counted.impressions, counted.unread_values
from counted
left join ranked_of_campaign as own
    on counted.source = own.source and counted.medium = own.medium
    and coalesce(lower(counted.campaign), '') = own.campaign and own.position = 1
left join ranked_of_campaign as untagged
    on counted.source = untagged.source and counted.medium = untagged.medium
    and untagged.campaign = '' and untagged.position = 1
left join ranked_of_source as usual
    on counted.source = usual.source and counted.medium = usual.medium and usual.position = 1;


-- gold.click_sessions: the paid clicks, what they cost, and the sessions with a touch of the same source, medium and
-- campaign, by day. Redirects and consent tools strip parameters, so fewer sessions arrive.
create or replace table gold.click_sessions as
with channels as (
    select source, medium, coalesce(lower(campaign), '') as campaign, min(channel) as channel
    from silver.ad_spend
    group by source, medium, coalesce(lower(campaign), '')
),

-- the campaigns that no address names are compared together, and all have the same channel
others as (
    select channels.source, channels.medium, min(channels.channel) as channel
    from channels
    left join silver.click_sessions as clicked
        on channels.source = clicked.source and channels.medium = clicked.medium and channels.campaign = clicked.campaign
    where clicked.campaign is null
    group by channels.source, channels.medium
)

select
    clicked.date, coalesce(channels.channel, others.channel) as channel, clicked.source, clicked.medium,
    clicked.campaign, clicked.clicks, clicked.sessions, clicked.spend
from silver.click_sessions as clicked
left join channels
    on clicked.source = channels.source and clicked.medium = channels.medium and clicked.campaign = channels.campaign
left join others
    on clicked.source = others.source and clicked.medium = others.medium
-- only days that have event files can have sessions
where clicked.date in (select file_date from bronze.files);


-- gold.channel_returns: spend, sessions, orders and revenue by day, channel, campaign, reading and model. Spend and
-- sessions are the same in every model, so sum within one reading and one model. The bounds are the 95% confidence interval
-- of the number of orders (Poisson, by Byar's approximation).
create or replace table gold.channel_returns as
with covered as (
    select min(date) as first_date, max(date) as last_date
    from silver.ad_spend
),

-- without an order, gold.attribution has none of them
ways as (
    select reading, model
    from gold.channel_performance
    group by reading, model
),

filed as (
    select min(file_date) as first_date, max(file_date) as last_date
    from bronze.files
),

dated as (
    select file_date as date from bronze.files
    union all
    -- a day that may be without events has no orders, but its spend counts
    select spend.date
    from silver.ad_spend as spend
    cross join filed
    where {quiet_days} and spend.date >= filed.first_date and spend.date <= filed.last_date
),

days as (
    select dated.date
    from dated
    cross join covered
    where dated.date >= covered.first_date and dated.date <= covered.last_date
    group by dated.date
),

-- added up before they are repeated for each model
visits as (
    select
        day, reading, coalesce(first_channel, 'Unattributed') as channel,
        coalesce(lower(first_campaign), '') as campaign, count(*) as sessions
    from silver.sessions
    group by day, reading, coalesce(first_channel, 'Unattributed'), coalesce(lower(first_campaign), '')
),

parts as (
    select
        spend.date, spend.channel, coalesce(lower(spend.campaign), '') as campaign, ways.reading, ways.model,
        spend.cost as spend, 0 as sessions, 0 as orders, 0 as revenue
    from silver.ad_spend as spend
    inner join days on spend.date = days.date
    cross join ways

    union all

    select visits.day, visits.channel, visits.campaign, ways.reading, ways.model, 0, visits.sessions, 0, 0
    from visits
    inner join days on visits.day = days.date
    -- the stitched reading has the sessions of the healed one
    inner join ways
        on visits.reading = case when ways.reading = 'stitched' then 'healed' else ways.reading end

    union all

    select
        credits.order_date, credits.channel, coalesce(lower(credits.campaign), ''), credits.reading, credits.model, 0, 0,
        credits.order_share, credits.credit
    from gold.attribution as credits
    inner join days on credits.order_date = days.date
),

summed as (
    select
        date, channel, campaign, reading, model,
        cast(coalesce(sum(spend), 0) as decimal(18, 2)) as spend,
        cast(sum(sessions) as bigint) as sessions,
        cast(sum(orders) as double) as orders,
        cast(sum(revenue) as decimal(18, 2)) as revenue
    from parts
    group by date, channel, campaign, reading, model
),

bounded as (
    select
        summed.*,
        case
            when orders > 0 then orders * power(1 - 1 / (9 * orders) - 1.96 / (3 * sqrt(orders)), 3)
            else 0
        end as least_orders,
        (orders + 1) * power(1 - 1 / (9 * (orders + 1)) + 1.96 / (3 * sqrt(orders + 1)), 3) as most_orders
    from summed
)

select
    date, channel, campaign, reading, model, spend, sessions, orders, revenue,
    case when least_orders > 0 then least_orders else 0 end as least_orders,
    most_orders,
    cast(spend as double) / nullif(orders, 0) as cost_per_order,
    cast(spend as double) / most_orders as least_cost_per_order,
    cast(spend as double) / nullif(case when least_orders > 0 then least_orders end, 0) as most_cost_per_order,
    cast(revenue as double) / nullif(cast(spend as double), 0) as return_on_ad_spend,
    cast(revenue as double) * case when least_orders > 0 then least_orders else 0 end
        / nullif(orders * cast(spend as double), 0) as least_return_on_ad_spend,
    cast(revenue as double) * most_orders / nullif(orders * cast(spend as double), 0) as most_return_on_ad_spend
from bounded;
