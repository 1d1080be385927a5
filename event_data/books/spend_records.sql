-- The records of the files of advertising spend; parts 1 and 2 run these statements. {braces} are filled in from the
-- contract. Portable SQL, in the form of transform.sql.


-- silver.read_spend: the records of the files of advertising spend, typed, each with the reason why it cannot be read, or
-- null. One object of the contract: the statement runs for all of them together, joined by union all.
create or replace table silver.read_spend as
with imported as (
    select
        {record_id} as spend_id,
        object,
        _source_file as source_file,
        _file_number as file_number,
        _line as line,
        -- read a day as noon, which exists on every day in every time zone
        case length(date)
            when 8 then date || 'T120000'
            when 10 then date || 'T12:00:00'
            else date
        end as time_text,
        {source} as source,
        coalesce(lower(medium), {not_set}) as medium,
        {campaign} as campaign,
        {cost} as cost,
        upper(currency) as currency,
        cast({clicks} as bigint) as clicks,
        cast({impressions} as bigint) as impressions,
        {unread_values} as unread_values,
        _unreadable as detail
    from bronze.ad_spend
    where object = {object}
),

{spend_time}

select
    spend_id, {place} as place, object, source_file, file_number, line,
    cast(event_at{in_zone} as date) as date,
    source, medium, campaign, cost, currency, clicks, impressions, unread_values,
    case
        when detail is not null then {unreadable}
        -- reports often end in a total, which would count everything twice
        when event_at is null and (
            lower(time_text) like 'total%' or coalesce(time_text, '--') = '--' and lower(campaign) like 'total%'
        ) then 'total'
        when time_text is null then 'no day'
        when event_at is null then 'no readable day'
        when cost is null then 'no readable cost'
    end as reason,
    detail
from timed;


-- silver.spend_records: the records of the advertising spend, each with the reason why it cannot be used, or null. What two
-- objects of the contract report of the same day, source and campaign counts in the first one only.
create or replace table silver.spend_records as
with reported as (
    select
        date, source, coalesce(lower(campaign), '') as campaign, place, object,
        min(place) over (partition by date, source, coalesce(lower(campaign), '')) as first_place
    from silver.read_spend
    where reason is null
),

first_reports as (
    select date, source, campaign, place, min(object) as object
    from reported
    where place = first_place
    group by date, source, campaign, place
)

select
    records.spend_id, records.source_file, records.file_number, records.line, records.date, records.source,
    records.medium, records.campaign, records.cost, records.currency, records.clicks, records.impressions,
    records.unread_values,
    case
        when records.reason is not null then records.reason
        when records.place > first_reports.place then 'also in ' || first_reports.object
    end as reason,
    records.detail
from silver.read_spend as records
left join first_reports
    on records.date = first_reports.date and records.source = first_reports.source
    and coalesce(lower(records.campaign), '') = first_reports.campaign;


-- silver.counted_spend: the usable records of the advertising spend. If several files have a campaign's day, the newest file
-- counts.
create or replace table silver.counted_spend as
with newest as (
    select
        records.*,
        max(file_number) over (partition by date, source, medium, coalesce(lower(campaign), '')) as newest_file
    from silver.spend_records as records
    where reason is null
)

select spend_id, source_file, line, date, source, medium, campaign, cost, currency, clicks, impressions, unread_values
from newest
where file_number = newest_file;


-- silver.refused_ad_spend: records of the advertising spend that cannot be used, each with its reason.
create or replace table silver.refused_ad_spend as
select source_file, line, reason, detail
from silver.spend_records
where reason is not null;
