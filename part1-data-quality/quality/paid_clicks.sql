-- Which paid clicks arrived, from the table `landings` of the pass: sessions, evidence and touches as part 2's transform.sql
-- defines them, for the events that carry a source or a click id. DuckDB's SQL, in the form of transform.sql.


-- silver.landing_evidence: the evidence of each landing page view, the strongest first.
create or replace table silver.landing_evidence as
with addressed as (
    select
        landings.*,
        case when not is_confirmation(page) then '&' || regexp_extract(page, '[?]([^#]*)', 1) end as query
    from landings
    left join agents on landings.agent_key = agents.agent_key
    where client_key is not null and event_at is not null and not coalesce(agents.is_crawler, false)
),

given as (
    select
        addressed.* exclude (source, medium, campaign),
        {for field in source medium campaign, joined by ,}
        coalesce({field}, case
            when regexp_extract(query, '&utm_{field}=([^&]*)', 1) <> {empty_value}
                then nullif(regexp_extract(query, '&utm_{field}=([^&]*)', 1), '')
        end) as {field}
        {end}
    from addressed
),

-- decoded at most twice; + is a blank
once_decoded as (
    select
        given.* exclude (source, medium, campaign),
        {for field in source medium campaign, joined by ,}
        coalesce(try(url_decode(replace({field}, '+', ' '))), {field}) as {field}
        {end}
    from given
),

decoded as (
    select
        once_decoded.* exclude (source, medium, campaign),
        {for field in source medium campaign, joined by ,}
        coalesce(try(url_decode({field})), {field}) as {field}
        {end}
    from once_decoded
),

-- Standard terms, and what anonymisation turns each into: silver.terms of part 2
words as (
    select source as word from read_csv({seeds} || '/sources.csv', all_varchar = true)
    union
    select alias from read_csv({seeds} || '/source_aliases.csv', all_varchar = true)
    union
    select medium from read_csv({seeds} || '/media.csv', all_varchar = true)
    union
    select source from read_csv({seeds} || '/click_ids.csv', all_varchar = true)
),

spellings as (
    select word, unnest([word, upper(word), upper(word[1]) || word[2:]]) as spelling from words
    union
    select term, spelling from read_csv({seeds} || '/spellings.csv', all_varchar = true)
),

hidden as (
    select substr(upper(md5(spelling)), 1, 6) as value, min(word) as word
    from spellings
    where {values_are_hidden}
    group by value
),

named as (
    select
        decoded.* exclude (source, medium, campaign),
        case
            when lower(decoded.source) not in ({no_evidence})
                then coalesce(aliases.source, source_words.word, lower(decoded.source))
        end as source,
        case when lower(medium) not in ({no_evidence}) then coalesce(medium_words.word, lower(medium)) end as medium,
        case when lower(campaign) not in ({no_evidence}) then coalesce(campaign_words.word, lower(campaign)) end as campaign
    from decoded
    left join hidden as source_words on decoded.source = source_words.value
    left join hidden as medium_words on decoded.medium = medium_words.value
    left join hidden as campaign_words on decoded.campaign = campaign_words.value
    left join read_csv({seeds} || '/source_aliases.csv', all_varchar = true) as aliases
        on coalesce(source_words.word, lower(decoded.source)) = aliases.alias
)

select
    client_key, session, event_at, coalesce(source, '(not set)') as source, coalesce(medium, '(not set)') as medium,
    coalesce(campaign, '') as campaign, concat_ws('|', 'source', source, medium, campaign) as evidence, true as is_strongest
from named
where source is not null or medium is not null
union all
select
    client_key, session, event_at, ids.source, ids.medium, coalesce(campaign, ''), ids.parameter,
    named.source is null and named.medium is null
        and row_number() over (partition by client_key, session, event_at, page order by cast(ids.priority as integer)) = 1
from named
inner join read_csv({seeds} || '/click_ids.csv', all_varchar = true) as ids
    on named.click_id = ids.parameter
    or regexp_extract(query, '&' || ids.parameter || '=([^&]*)', 1) not in ('', {empty_value});


-- silver.arrivals: the sessions of each day that a source, medium and campaign led to.
create or replace table silver.arrivals as
with clients as (
    select client_key from silver.landing_evidence group by client_key
),

moments as (
    select client_key, event_at from views semi join clients using (client_key)
    union
    select client_key, event_at from relevant_events semi join clients using (client_key)
    where event_at is not null
),

started as (
    select
        client_key, event_at,
        coalesce(event_at >= lag(event_at) over (partition by client_key order by event_at)
            + interval {session_gap_minutes} minute, true) as is_start
    from moments
),

numbered as (
    select
        client_key, event_at,
        count(*) filter (is_start) over (partition by client_key order by event_at) as session_number
    from started
),

-- The first event of a session with given evidence is a touch, unless stronger evidence on that event outranks it.
touches as (
    select
        landed.client_key, coalesce(landed.session, cast(session_number as varchar)) as session, evidence,
        min(landed.event_at) as event_at, arg_min(is_strongest, landed.event_at) as is_touch,
        arg_min(source, landed.event_at) as source, arg_min(medium, landed.event_at) as medium,
        arg_min(campaign, landed.event_at) as campaign
    from silver.landing_evidence as landed
    inner join numbered on landed.client_key = numbered.client_key and landed.event_at = numbered.event_at
    group by landed.client_key, coalesce(landed.session, cast(session_number as varchar)), evidence
)

select cast(event_at as date) as date, source, medium, campaign, count(distinct (client_key, session)) as sessions
from touches
where is_touch
group by date, source, medium, campaign;


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
