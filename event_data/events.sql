-- The canonical event: how every part and every engine reads a time. Portable SQL; events.py fills in the {braces}.

-- name: event_time
-- Reads {source}, which has time_text. The last CTE, `timed`, has all its columns and event_at in UTC, which is null if
-- the text is not a time. Each CTE is one step. If the engine has a fast way to read the usual form, the first step
-- uses it, and the later steps see nulls for those rows.
usual as (
    select *, {usual_form} as usual_at
    from {source}
),

unusual as (
    select *, case when usual_at is null then trim(time_text) end as odd_time
    from usual
),

-- 20191001T000000 is 2019-10-01T00:00:00
dashed as (
    select
        *,
        case
            when substr(odd_time, 9, 1) = 'T' and length(odd_time) >= 15
                then substr(odd_time, 1, 4) || '-' || substr(odd_time, 5, 2) || '-' || substr(odd_time, 7, 2) || 'T'
                    || substr(odd_time, 10, 2) || ':' || substr(odd_time, 12, 2) || ':' || substr(odd_time, 14)
            else odd_time
        end as dashed_time
    from unusual
),

split as (
    select
        *,
        replace(substr(dashed_time, 1, 10), '/', '-') as day_text,
        case when substr(dashed_time, 11, 1) in ('T', ' ') then substr(dashed_time, 12) end as clock_and_offset
    from dashed
),

located as (
    select
        *,
        case
            when strpos(clock_and_offset, 'Z') > 0 then strpos(clock_and_offset, 'Z')
            when strpos(clock_and_offset, '+') > 0 then strpos(clock_and_offset, '+')
            when strpos(clock_and_offset, '-') > 0 then strpos(clock_and_offset, '-')
            when strpos(clock_and_offset, 'UTC') > 0 then strpos(clock_and_offset, 'UTC')
            else 99
        end as offset_at
    from split
),

-- The time of day, and the offset without its colon. Digits beyond microseconds are cut off further down.
cut as (
    select
        *,
        replace(trim(substr(clock_and_offset, 1, offset_at - 1)), ',', '.') as clock,
        replace(substr(clock_and_offset, offset_at), ':', '') as offset_text
    from located
),

halved as (
    select
        *,
        case
            when upper(substr(clock, length(clock) - 1)) in ('AM', 'PM') then upper(substr(clock, length(clock) - 1))
        end as half_of_day
    from cut
),

-- 9:05 PM becomes 09:05; half_of_day has the PM
padded as (
    select
        *,
        case
            when half_of_day is null then clock
            when substr(clock, 2, 1) = ':' then '0' || trim(substr(clock, 1, length(clock) - 2))
            else trim(substr(clock, 1, length(clock) - 2))
        end as padded_clock
    from halved
),

-- 12 AM is 00, and 12 PM is 12.
twenty_four as (
    select
        *,
        case
            when half_of_day is null then padded_clock
            when substr(padded_clock, 1, 2) not between '01' and '12' then null
            when half_of_day = 'AM' and substr(padded_clock, 1, 2) = '12' then '00' || substr(padded_clock, 3)
            when half_of_day = 'AM' or substr(padded_clock, 1, 2) = '12' then padded_clock
            else cast(12 + try_cast(cast(substr(padded_clock, 1, 2) as varchar) as integer) as varchar)
                || substr(padded_clock, 3)
        end as full_clock
    from padded
),

plain as (
    select
        *,
        day_text || ' ' || case
            when length(full_clock) = 5 then full_clock || ':00' else substr(full_clock, 1, 15)
        end as plain_time
    from twenty_four
),

-- Check each digit: some engines would accept ' 9:00:00', '09:00:00.PST' or '24:00:00'.
dated as (
    select
        *,
        case
            when (length(plain_time) = 19 or length(plain_time) between 21 and 26) and substr(plain_time, 12, 2) < '24'
                and regexp_extract(
                    plain_time,
                    '^([12][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-5][0-9][.]?[0-9]*)$', 1
                ) = plain_time
            then try_cast(cast(plain_time as varchar) as timestamp)
        end as local_at
    from plain
),

instants as (
    select
        *,
        case
            when usual_at is not null then usual_at
            when local_at is not null then case offset_text
                when '' then {without_offset}
                {offsets}
            end
        end as instant
    from dated
),

-- Times outside this range are mistakes.
timed as (
    select
        *,
        case
            when instant >= timestamp '1970-01-01 00:00:00' and instant <= timestamp '2262-01-01 00:00:00' then instant
        end as event_at
    from instants
)

-- name: usual_time
-- The same, for files in which all times have the usual form: planning the steps above takes 12 ms per statement.
usual as (
    select *, {usual_form} as usual_at
    from {source}
),

timed as (
    select
        *,
        case
            when usual_at >= timestamp '1970-01-01 00:00:00' and usual_at <= timestamp '2262-01-01 00:00:00' then usual_at
        end as event_at
    from usual
)
