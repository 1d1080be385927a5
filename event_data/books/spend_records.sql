-- The records of the file of advertising spend; parts 1 and 2 run these statements. {braces} hold what the contract says
-- of the file. Portable SQL, in the form of transform.sql.


-- silver.spend_records: the records of the file of advertising spend, each with the reason why it cannot be used, or null.
create or replace table silver.spend_records as
with imported as (
    select
        {record_id} as spend_id,
        _source_file as source_file,
        _file_number as file_number,
        _line as line,
        -- a day is read at noon, which every time zone has
        case length(date)
            when 8 then date || 'T120000'
            when 10 then date || 'T12:00:00'
            else date
        end as time_text,
        lower(source) as source,
        lower(medium) as medium,
        {campaign} as campaign,
        {cost} as cost,
        upper(currency) as currency,
        cast({clicks} as bigint) as clicks,
        cast({impressions} as bigint) as impressions,
        {unread_values} as unread_values,
        _unreadable as detail
    from bronze.ad_spend
),

{spend_time}

select
    spend_id, source_file, file_number, line,
    cast(event_at{in_zone} as date) as date,
    source, medium, campaign, cost, currency, clicks, impressions, unread_values,
    case
        when detail is not null then {unreadable}
        when time_text is null then 'no day'
        when event_at is null then 'no readable day'
        when cost is null then 'no readable cost'
    end as reason,
    detail
from timed;


-- silver.refused_ad_spend: records of the file of advertising spend that cannot be used, each with its reason.
create or replace table silver.refused_ad_spend as
select source_file, line, reason, detail
from silver.spend_records
where reason is not null;
