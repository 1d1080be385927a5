-- The tables of the history, in SQL that SQLite and PostgreSQL share. PostgreSQL has them for Grafana, without the
-- messages.

-- name: day_status
-- `contents` is a hash of the day's files when it was judged; null if an earlier version judged it, or if only part of the day was judged.
create table if not exists day_status (
    day date primary key, hours integer not null, status text not null, alarms integer not null,
    worst text, judged_at timestamptz not null, contents text
);

-- name: metric_results
create table if not exists metric_results (
    day date not null, metric text not null, hours integer not null, layer text not null, label text not null,
    kind text not null, value double precision, expected double precision, low double precision,
    high double precision, z double precision, evidence double precision, history integer not null,
    verdict text not null, primary key (day, metric)
);

-- name: alarms
create table if not exists alarms (
    day date not null, key text not null, hours integer not null, layer text not null, severity text not null,
    state text not null, opened date not null, day_number integer not null, last_good date,
    first_bad text not null, segment text not null, at_stake double precision, at_stake_since double precision,
    text text not null, primary key (day, key)
);

-- name: incident_days
-- Each day of an incident: bad (it has an alarm), lingering, well or unseen; `is_closing` is 1 on its last one.
create table if not exists incident_days (
    day date not null, key text not null, opened date not null, is_rule integer not null, verdict text not null,
    is_closing integer not null, last_good date, metrics text not null, primary key (key, opened, day)
);

-- name: acknowledgements
-- People's decisions about an alarm of a day: acknowledged (known, being fixed), accepted (the new level) or undone.
create table if not exists acknowledgements (
    key text not null, day date not null, kind text not null, until date, reason text not null, who text not null,
    at timestamptz not null, primary key (key, at)
);

-- name: incidents
create view incidents as
with lives as (
    select
        key, opened, max(case when verdict = 'bad' then day end) as last_day,
        max(case when verdict in ('bad', 'lingering') then day end) as last_unwell,
        sum(case when verdict = 'bad' then 1 else 0 end) as days, max(case when is_closing = 1 then day end) as closed
    from incident_days
    group by key, opened
),

decisions as (
    select
        lives.key, lives.opened, said.kind, said.until, said.reason, said.who, said.at,
        row_number() over (partition by lives.key, lives.opened order by said.at desc) as number
    from acknowledgements as said
    inner join incident_days as told on said.key = told.key and said.day = told.day
    inner join lives on told.key = lives.key and told.opened = lives.opened
    where told.verdict = 'bad' or not exists (
        select 1 from incident_days as other where other.key = said.key and other.day = said.day and other.verdict = 'bad'
    )
),

costs as (
    select key, opened, min(severity) as severity, sum(at_stake) as at_stake
    from alarms
    group by key, opened
)

select
    lives.key, lives.opened, lives.last_day, costs.severity, lives.days, costs.at_stake,
    case
        when lives.closed is not null then 'recovered'
        when decisions.kind = 'accepted' then 'accepted'
        when decisions.kind = 'acknowledged'
            and (decisions.until is null or decisions.until >= (select max(day) from day_status)) then 'acknowledged'
        else 'open'
    end as state,
    case
        when lives.closed is not null then (
            select min(later.day)
            from incident_days as later
            where later.key = lives.key and later.opened = lives.opened and later.verdict = 'well'
                and later.day > lives.last_unwell
        )
    end as recovered_on,
    lives.closed, closing.judged_at as closed_at, opening.judged_at as opened_at,
    decisions.who as acknowledged_by, decisions.at as acknowledged_at, decisions.until as silenced_until,
    decisions.reason
from lives
inner join costs on lives.key = costs.key and lives.opened = costs.opened
left join day_status as opening on lives.opened = opening.day
left join day_status as closing on lives.closed = closing.day
left join decisions
    on lives.key = decisions.key and lives.opened = decisions.opened and decisions.number = 1
    and decisions.kind <> 'undone';

-- name: notices
create table if not exists notices (
    key text not null, opened date not null, day date not null, severity text not null, state text not null,
    at timestamptz not null, primary key (key, opened)
);

-- name: outbox
create table if not exists outbox (
    id integer primary key, created_at timestamptz not null, message text not null, claimed_at timestamptz,
    attempts integer not null default 0, error text
);
