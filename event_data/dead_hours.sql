-- Hours without events: one rule for every part. The statements are templates; see dead_hours.py.

-- name: skipped_hours
-- Hours that the clocks skip on these days: no event can happen then.
select day, hour
from (
    select distinct days.day, h.hour, cast(days.day as timestamp) + h.hour * interval 1 hour as clock
    from {days} as days
    cross join range(24) as h (hour)
)
where clock at time zone {time_zone} at time zone {time_zone} <> clock;

-- name: dead_hours
-- A run of empty hours is dead if it usually has {least_events} events or more.
select
    * exclude (is_empty, usual, run),
    is_empty and sum(usual) over (partition by {key}, is_empty, run) >= {least_events} as is_dead
from (
    select *, hour - row_number() over (partition by {key}, is_empty order by hour) as run
    from {grid}
)
