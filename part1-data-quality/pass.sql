-- What one batch of files leaves behind. Each batch has a temporary table `raw` of its own; the
-- tables it adds to are shared. `{received}` is the generated select over read_csv, and step_of,
-- own_host, token_of and amount_of are macros made from the contract.

-- shared
create type funnel_step as enum ('page_view', 'signup', 'cart', 'checkout', 'order');
create table events (client_key ubigint, event_at timestamp, step funnel_step, tracked boolean);
create table conversions (
    file_no usmallint, record ubigint, event varchar, step funnel_step, event_at timestamp, client varchar,
    client_key ubigint, tracked boolean, agent_key ubigint, token varchar, revenue decimal(12, 2),
    payload varchar
);
create table agents (agent_key ubigint, user_agent varchar);
create table agent_counts (file_no usmallint, agent_key ubigint, events ubigint, checkouts ubigint);
create table event_counts (file_no usmallint, event varchar, events ubigint);
create table repeats (
    file_no usmallint, kind varchar, event varchar, rows ubigint, orders ubigint, revenue decimal(12, 2), record ubigint
);
create table hours (file_no usmallint, hour utinyint, events ubigint);

-- raw
create or replace temp table raw as
with received as (
    {received}
),

typed as (
    select
        *,
        try_cast(time_text as timestamp) as event_at,
        step_of(event) as step,
        payload is not null and json_valid(payload) as payload_valid,
        hash(client) as client_key
    from received
)

select
    *,
    case when step = 'order' and payload_valid then amount_of(payload) end as revenue,
    clean_url(page) as page_clean,
    clean_url(referrer) as referrer_clean
from typed;

-- counts
select
    file_no,
    count(*) as records,
    min(rowid) as first_rowid,
    count(distinct client_key) filter (client is not null) as clients,
    count(distinct row_key) as distinct_rows,
    bit_xor(row_key) as content_key,
    count(*) filter (step = 'order') as orders,
    sum(revenue) as revenue
from (select *, rowid, hash({row}) as row_key from raw)
group by file_no;

-- keep
insert into event_counts
select file_no, event, count(*)
from raw
where event is not null and not is_header
group by file_no, event;

insert into events
select client_key, event_at, step, tracked
from raw
where client is not null and event_at is not null;

insert into conversions
select
    file_no, rowid - first_rowid + 1, event, step, event_at, client, client_key, tracked,
    hash(user_agent), token_of(page), revenue, case when payload_valid then payload end
from raw
inner join {first_rowids} using (file_no)
where step in ('signup', 'cart', 'checkout', 'order') or payload is not null;

insert into agents
select distinct hash(user_agent), user_agent
from raw
where user_agent is not null;

insert into agent_counts
select file_no, hash(user_agent), count(*), count(*) filter (step in ('checkout', 'order'))
from raw
where user_agent is not null
group by file_no, hash(user_agent);

insert into hours
select file_no, hour(event_at), count(*)
from raw
where event_at is not null
group by file_no, hour(event_at);

-- rows_repeated
insert into repeats
select file_no, 'row', null, count(*), count(*) filter (step = 'order'), sum(revenue), min(rowid) - any_value(first_rowid) + 1
from (
    select file_no, step, revenue, rowid
    from raw
    qualify row_number() over (partition by file_no, hash({row}) order by rowid) > 1
)
inner join {first_rowids} using (file_no)
group by file_no;

-- details
with failed as (
    select file_no, rowid, step, revenue, {example} as example, {place} as place
    from raw
    where {condition}
),

places as (
    select file_no, place, count(*) as events
    from failed
    where place is not null
    group by file_no, place
    qualify row_number() over (partition by file_no order by count(*) desc, place) = 1
)

select
    file_no, count(*) filter (step = 'order') as orders, sum(revenue) as revenue, min(rowid) as first_rowid,
    arg_min(example, rowid) as example, any_value(places.place) as place, any_value(places.events) as there
from failed
left join places using (file_no)
group by file_no;

-- fired_twice
insert into repeats
with keyed as (
    select
        file_no, event, step, revenue, event_at, rowid,
        hash(client, event, page, payload) as event_key,
        hash({row}) as row_key
    from raw
    where client is not null and event_at is not null
),

-- Few keys occur twice: only they are worth ordering by time.
suspects as (
    select file_no, event_key
    from keyed
    group by file_no, event_key
    having count(*) > 1
),

gaps as (
    select
        keyed.*,
        event_at - lag(event_at) over same_event as gap,
        row_key = lag(row_key) over same_event as is_repeated_row
    from keyed
    semi join suspects using (file_no, event_key)
    window same_event as (partition by file_no, event_key order by event_at, row_key)
)

select
    file_no, 'event', event, count(*), count(*) filter (step = 'order'), sum(revenue), min(rowid) - any_value(first_rowid) + 1
from gaps
inner join {first_rowids} using (file_no)
where gap < interval 1 second and not is_repeated_row
group by file_no, event;
