-- What one batch of files leaves behind. Each batch has a temporary table `raw` of its own; the
-- tables it adds to are shared. `{received}` is the generated select over read_csv, and step_of,
-- own_host, token_of and amount_of are macros made from the contract.

-- shared
create type funnel_step as enum ('page_view', 'signup', 'cart', 'checkout', 'order');
-- DuckDB would compare a step with a plain literal as text.
create macro is_order(step) as step = 'order'::funnel_step;
create macro in_checkout(step) as step >= 'checkout'::funnel_step;
create macro after_page_view(step) as step > 'page_view'::funnel_step;
create table events (client_key ubigint, event_at timestamp, step funnel_step, tracked boolean);
create table conversions (
    file_no usmallint, record ubigint, event varchar, step funnel_step, event_at timestamp, client_key ubigint,
    tracked boolean, agent_key ubigint, token varchar, revenue decimal(12, 2),
    payload varchar
);
create table agents (agent_key ubigint, user_agent varchar);
create table agent_counts (file_no usmallint, agent_key ubigint, events ubigint, checkouts ubigint);
create table event_counts (file_no usmallint, event varchar, events ubigint);
create table repeats (
    file_no usmallint, kind varchar, event varchar, rows ubigint, orders ubigint, revenue decimal(38, 2), record ubigint
);
create table unsound (
    file_no usmallint, record ubigint, file_day date, event varchar, step funnel_step, event_at timestamp,
    is_header boolean, payload_valid boolean, user_agent varchar, revenue decimal(12, 2), {unsound_columns}
);
create table nodes (
    file_no usmallint, record ubigint, event varchar, step funnel_step, revenue decimal(12, 2), id ubigint,
    parent ubigint, type varchar, value varchar, path varchar
);
create table confirmations (file_no usmallint, record ubigint, event_at timestamp, token varchar);
create table hours (file_no usmallint, hour utinyint, events ubigint);

-- raw
create or replace temp table raw as
with received as (
    {received}
),

parsed as (
    select *, try_cast(time_text as timestamp) as parsed_at
    from received
),

typed as (
    select
        *,
        -- No event is of another age; DuckDB would also take `infinity` for a time.
        case when parsed_at between timestamp '1970-01-01' and timestamp '2262-01-01' then parsed_at end as event_at,
        step_of(event) as step,
        payload is not null and not nested_too_deep(payload) and json_valid(payload) as payload_valid
    from parsed
),

-- Nearly every event is sound: no row check can fail on it, and its text is not needed any more.
judged as (
    select *, {sound} as sound
    from typed
)

select
    file_no, file_day, event, step, event_at, tracked, payload_valid, user_agent, sound,
    case when client is not null then hash(client) end as client_key,
    case when user_agent is not null then hash(user_agent) end as agent_key,
    hash(client, event, page, payload) as event_key,
    hash(hash(client, event, page, payload), {other_columns}) as row_key,
    case when is_order(step) and payload_valid then amount_of(payload) end as revenue,
    case when in_checkout(step) or is_confirmation(page) then token_of(page) end as token,
    {flags},
    {kept}
from judged;

-- counts
select
    file_no,
    count(*) as records,
    min(rowid) as first_rowid,
    count(distinct client_key) as clients,
    count(distinct row_key) as distinct_rows,
    bit_xor(row_key) as content_key,
    count(*) filter (is_order(step)) as orders,
    sum(revenue) as revenue,
    {counted}
from raw
group by file_no;

-- keep
insert into event_counts
select file_no, event, count(*)
from raw
where event <> {event_header}
group by file_no, event;

insert into events
select client_key, event_at, step, tracked
from raw
where client_key is not null and event_at is not null;

insert into conversions
select
    file_no, rowid - first_rowid + 1, event, step, event_at, client_key, tracked, agent_key, token, revenue,
    case when payload_valid then payload end
from raw
inner join {first_rowids} using (file_no)
where after_page_view(step) or payload is not null;

insert into confirmations
select file_no, rowid - first_rowid + 1, event_at, token
from raw
inner join {first_rowids} using (file_no)
where not after_page_view(step) and token is not null and event_at is not null;

insert into unsound
select
    file_no, rowid - first_rowid + 1, file_day, event, step, event_at, coalesce(event = {event_header}, false),
    payload_valid, user_agent, revenue,
    {kept_columns}
from raw
inner join {first_rowids} using (file_no)
where not sound;

-- Every value in a payload that the contract describes, with its path: items[].quantity.
insert into nodes
select
    described.file_no, record, event_name_of(event), step, revenue, tree.id, tree.parent, tree.type,
    case when tree.type not in ('OBJECT', 'ARRAY', 'NULL') then json_extract_string(tree.atom, '$') end,
    regexp_replace(substr(regexp_replace(tree.fullkey, '\[[0-9]+\]', '[]', 'g'), 2), '^[.]', '')
from (
    select file_no, rowid - first_rowid + 1 as record, event, step, revenue, payload
    from raw
    inner join {first_rowids} using (file_no)
    where payload_valid and event in ({described_events})
) as described, json_tree(described.payload) as tree;

insert into agents
select agent_key, any_value(user_agent)
from raw
where agent_key is not null
group by agent_key;

insert into agent_counts
select file_no, agent_key, count(*), count(*) filter (in_checkout(step))
from raw
where agent_key is not null
group by file_no, agent_key;

insert into hours
select file_no, hour(event_at), count(*)
from raw
where event_at is not null
group by file_no, hour(event_at);

-- rows_repeated
insert into repeats
select file_no, 'row', null, count(*), count(*) filter (is_order(step)), sum(revenue), min(rowid) - any_value(first_rowid) + 1
from (
    select file_no, step, revenue, rowid
    from raw
    qualify row_number() over (partition by file_no, row_key order by rowid) > 1
)
inner join {first_rowids} using (file_no)
group by file_no;

-- fired_twice
insert into repeats
with keyed as (
    select file_no, event, step, revenue, event_at, rowid, event_key, row_key
    from raw
    where client_key is not null and event_at is not null
),

-- Few keys occur twice: only they are worth ordering by time.
suspects as (
    select event_key
    from keyed
    group by event_key
    having count(*) > 1
),

gaps as (
    select
        keyed.*,
        event_at - lag(event_at) over same_event as gap,
        row_key = lag(row_key) over same_event as is_repeated_row
    from keyed
    semi join suspects using (event_key)
    window same_event as (partition by file_no, event_key order by event_at, row_key)
)

select
    file_no, 'event', event, count(*), count(*) filter (is_order(step)), sum(revenue), min(rowid) - any_value(first_rowid) + 1
from gaps
inner join {first_rowids} using (file_no)
where gap < interval 1 second and not is_repeated_row
group by file_no, event;

-- failed
select file_no, {counted}
from (select file_no, {tested} from unsound)
group by file_no;

-- details
with failed as (
    select file_no, record, step, revenue, {example} as example, {place} as place
    from unsound
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
    file_no, count(*) filter (is_order(step)) as orders, sum(revenue) as revenue, min(record) as record,
    arg_min(example, record) as example, any_value(places.place) as place, any_value(places.events) as there
from failed
left join places using (file_no)
group by file_no;
