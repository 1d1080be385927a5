-- Which paid clicks arrived. The records that may show it take the place of silver.received in part 2's transform.sql, whose
-- statements then find evidence, sessions and touches.


-- bronze.event_roles: the kinds of events that the pass has named already.
create or replace table bronze.event_roles as
select unnest(enum_range(null::funnel_step))::varchar as event_name, event_name as event;


-- silver.received: the events with a source or a click id, and the times of these clients' other events.
create or replace table silver.received as
with landed as (
    select landings.*
    from landings
    left join agents on landings.agent_key = agents.agent_key
    where client_key is not null and event_at is not null and not coalesce(agents.is_crawler, false)
),

times as (
    select client_key, event_at from views
    union
    select client_key, event_at from relevant_events
    where event is not null
),

other_times as (
    select client_key, event_at
    from times
    semi join landed using (client_key)
    anti join landed as same using (client_key, event_at)
    where event_at is not null
),

records as (
    select client_key, event_at, step, page, session, source, medium, campaign, click_id from landed
    union all by name
    select client_key, event_at from other_times
)

select
    row_number() over (order by client_key, event_at, step, page) as event_id, client_key::varchar as client_id, client_id as client_id_as_tracked, event_at,
    coalesce(step, 'other') as event_name, null::varchar as payload, null::varchar as user_agent, page as page_url,
    null::varchar as referrer, session as source_session_id, trim(source) as source, trim(medium) as medium,
    trim(campaign) as campaign, click_id, null::varchar as channel, null::varchar as unreadable
from records;


-- silver.browsers: none, because declared crawlers have been left out.
create or replace table silver.browsers as
select null::varchar as user_agent, null::bigint as browser_id, null::boolean as is_bot
where false;


-- silver.simultaneous: none. Part 2 orders a client's events of one millisecond by their step and content, this by their
-- step and page, which matters only if two such addresses carry different evidence.
create or replace table silver.simultaneous as
select null::bigint as event_id, null::varchar as client_id, null::timestamp as event_at, null::varchar as event,
    null::varchar as content, null::varchar as time_text
where false;


-- silver.rejected_events: none, because the pass has left them out.
create or replace table silver.rejected_events as
select null::bigint as event_id
where false;


-- silver.events: the events by day, in the reading by the healed id.
create or replace view silver.events as
select
    event_at::date as day, session_id, case when is_touch then coalesce(channel, 'Direct') end as touch_channel, source,
    medium, campaign
from silver.session_events
left join silver.sources using (source_id);


-- silver.lost_clicks: the paid clicks of each day and campaign, under the first of the day's files, and how many led to no
-- session. The largest campaigns are judged alone, the others together.
create or replace table silver.lost_clicks as
with compared as (
    select
        clicked.*,
        sum(clicks) over (partition by source, medium, campaign) as clicks_of_campaign,
        max(sessions) over (partition by source, medium, campaign) > 0 as arrives
    from silver.click_sessions as clicked
    where clicks > 0 and date in (select day from files where records > 0)
),

ranked as (
    select *, dense_rank() over (order by clicks_of_campaign desc, source, medium, campaign) as place
    from compared
),

labelled as (
    select
        * exclude (place),
        -- many small campaigns are judged together
        case
            when place <= 12 then concat_ws(' / ', source, nullif(medium, ''), nullif(campaign, ''))
            else 'the other campaigns'
        end as label
    from ranked
)

select
    files.file_no, label as campaign, cast(sum(clicks) as bigint) as clicks,
    cast(sum(greatest(clicks - sessions, 0)) as bigint) as lost_clicks,
    cast(sum(spend * greatest(clicks - sessions, 0) / clicks) as decimal(12, 2)) as lost_spend,
    case
        when bool_or(arrives) then 'see gold.click_sessions'
        else 'no session has this source, medium and campaign: tag the ads with them, or map the name with `campaigns`'
    end as note
from labelled
inner join files on labelled.date = files.day and files.file_no = files.first_of_day
group by files.file_no, label;
