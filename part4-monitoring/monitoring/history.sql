-- The tables of the history: in SQLite all of them, and in PostgreSQL, for Grafana, those that tell of days.
-- {schema}, {date}, {real}, {moment} and {create_view} are each engine's own.

-- name: day_status
create table if not exists {schema}day_status (
    day {date} primary key, hours integer not null, status text not null, alarms integer not null,
    worst text, judged_at {moment} not null
);

-- name: metric_results
create table if not exists {schema}metric_results (
    day {date} not null, metric text not null, hours integer not null, layer text not null, label text not null,
    kind text not null, value {real}, expected {real}, low {real}, high {real}, z {real}, evidence {real},
    history integer not null, verdict text not null, primary key (day, metric)
);

-- name: alarms
create table if not exists {schema}alarms (
    day {date} not null, key text not null, hours integer not null, layer text not null, severity text not null,
    state text not null, opened {date} not null, day_number integer not null, last_good {date},
    first_bad text not null, segment text not null, at_stake {real}, at_stake_since {real}, text text not null,
    primary key (day, key)
);

-- name: acknowledgements
create table if not exists {schema}acknowledgements (
    key text not null, since {date} not null, acknowledged_on {date} not null, at {moment} not null,
    primary key (key, since)
);

-- name: incidents
{create_view} {schema}incidents as
select
    alarms.key, alarms.opened, max(alarms.day) as last_day, min(alarms.severity) as severity, count(*) as days,
    sum(alarms.at_stake) as at_stake,
    case
        when max(acknowledgements.key) is not null then 'acknowledged'
        when max(alarms.day) < (select max(day) from {schema}day_status) then 'recovered'
        else 'open'
    end as state,
    (select min(day) from {schema}day_status where day > max(alarms.day)) as recovered_on
from {schema}alarms as alarms
left join {schema}acknowledgements as acknowledgements
    on alarms.key = acknowledgements.key and alarms.opened = acknowledgements.since
group by alarms.key, alarms.opened;

-- name: notices
create table if not exists notices (
    key text not null, opened text not null, day text not null, severity text not null, state text not null,
    at text not null, primary key (key, opened)
);

-- name: outbox
create table if not exists outbox (
    id integer primary key autoincrement, created_at text not null, message text not null, claimed_at text,
    attempts integer not null default 0, error text
);
