-- The days of a file of many days; conversion.py fills in the {braces}.

-- name: days
-- The day of each record, null if its time cannot be read. Wrong clocks do not make a day: times before 1971, and at most
-- two days in a row, more than a month from all others, with hardly any events. (The limits are design choices.)
create or replace temp table days as
with timed_rows as (
    select _line, {time} as time_text
    from converted
),

{event_time},

own_days as (
    select _line, case when event_at >= timestamp '1971-01-01' then cast({event_at} as date) end as own_day
    from timed
),

counted as (
    select own_day, count(*) as events
    from own_days
    where own_day is not null
    group by own_day
),

numbered as (
    select *, sum(is_new) over (order by own_day) as run
    from (
        select *, case when own_day - lag(own_day) over (order by own_day) <= 31 then 0 else 1 end as is_new
        from counted
    )
),

runs as (
    select run, count(*) as days, max(events) as most_events, sum(events) as events
    from numbered
    group by run
),

suspects as (
    select run, events
    from runs
    where days <= 2 and most_events <= greatest(1, 0.1 * (select median(events) from counted))
),

strays as (
    select numbered.own_day
    from numbered
    inner join suspects on numbered.run = suspects.run
    -- A shop with few events has few on every day.
    where (select sum(events) from suspects) <= 0.1 * (select sum(events) from runs)
)

select own_days._line, case when strays.own_day is null then own_days.own_day end as own_day
from own_days
left join strays on own_days.own_day = strays.own_day;

-- name: filled
-- A record without a day belongs to the day of the record before it.
create or replace temp table filled as
select
    _line,
    coalesce(
        own_day,
        last_value(own_day ignore nulls) over (order by _line),
        first_value(own_day ignore nulls) over (order by _line rows between current row and unbounded following)
    ) as _day
from days;

-- name: sorted
create or replace temp table sorted as
select *
from converted
inner join filled using (_line)
order by _day, _line;

-- name: refused
create or replace temp table refused_days as
select refused.*, coalesce(filled._day, (select min(_day) from filled)) as _day
from refused
asof left join filled on refused._line >= filled._line;
