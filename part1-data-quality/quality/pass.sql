-- The statements for one batch of files. Each batch has its own temporary table `raw` and adds to shared tables.
-- `{received}` is the generated select over read_csv, `{clean}` and `{plain}` come from prefilter.py, and step_of, token_of
-- and amount_of are macros of macros.sql.

-- name: shared
create type funnel_step as enum ('page_view', 'signup', 'cart', 'checkout', 'order');
-- DuckDB would compare a step with a plain literal as text.
create macro is_order(step) as step = 'order'::funnel_step;
create macro in_checkout(step) as step >= 'checkout'::funnel_step;
create macro after_page_view(step) as step > 'page_view'::funnel_step;
create table views (client_key ubigint, event_at timestamp, tracked boolean);
-- All events but clean page views; texts are kept only where an event may fail a check.
create table relevant_events (
    file_no uinteger, record ubigint, file_day date, clean boolean, event varchar, step funnel_step,
    is_header boolean, event_at timestamp, ordered_at timestamp, client_key ubigint, tracked boolean, agent_key ubigint, token varchar,
    payload_valid boolean, revenue decimal(12, 2), user_agent varchar, {text_columns}
);
-- Events with a source or click id; filled only if the contract has paid clicks.
create table landings (
    client_key ubigint, event_at timestamp, agent_key ubigint, step varchar, page varchar, session varchar, source varchar,
    medium varchar, campaign varchar, click_id varchar
);
create table repeated (file_no uinteger, kind varchar, record ubigint);
-- All rows of days with several files, as one may repeat those of another.
create table rows_in_parts (
    file_day date, file_no uinteger, record ubigint, client_key ubigint, event_at timestamp, event_key ubigint, row_key ubigint
);
create table agent_counts (file_no uinteger, agent_key ubigint, user_agent varchar, events ubigint);
create table hours (file_no uinteger, hour utinyint, events ubigint);
-- How many different values of a file are as long as the longest, and how many are up to 50 characters shorter
create table longest (file_no uinteger, role varchar, length ubigint, values_at ubigint, values_below ubigint);
-- The length of a long address, and what remains of its hash
create macro length_and_hash(url) as
    case when strlen(url) >= 100 then (cast(strlen(url) as ubigint) << 40) | (hash(url) >> 24) end;
create view candidates as
select *
from relevant_events
where not clean;
create view conversions as
select
    file_no, record, event, step, event_at, ordered_at, client_key, tracked, agent_key, token, revenue, session,
    case when payload_valid and starts_with(ltrim(payload), '{{') then payload end as payload
from relevant_events
where after_page_view(step) or payload is not null;

-- name: raw
create or replace temp table raw as
with received as (
    {received}
),

{event_time},

typed as (
    select
        * replace ({event_at} as event_at), -- by the clock of the contract's time zone
        case when is_order(step_of(event)) then event_at end as ordered_at, -- in UTC: in autumn, the clock repeats an hour
        case when {known_client} is not null then hash(client) end as client_key,
        case when user_agent is not null then hash(user_agent) end as agent_key,
        -- For conditions of row checks; DuckDB computes only the columns that a condition uses.
        coalesce(event = {event_header}, false) as is_header,
        step_of(event) as step,
        valid_json(payload) as payload_valid,
        case when is_order(step) and payload_valid then amount_of(payload) end as revenue
    from timed
),

prefiltered as (
    select *, {clean} as clean, hash(client_key, event, page, payload) as event_key
    from typed
),

sorted as (
    select *, {plain} as plain
    from prefiltered
)

select
    file_no, event_at, ordered_at, tracked, client_key, agent_key, event_key, hash(event_key, agent_key, {other_columns}) as row_key,
    clean, plain, user_agent, {may_have_marks} as may_have_marks,
    length_and_hash(page) as long_page, length_and_hash(referrer) as long_referrer, {flags}
    case when not plain then event end as event,
    case when not plain then page end as page,
    {kept} {landing}
from sorted;

-- name: counts
select
    file_no,
    count(*) as records,
    min(rowid) as first_rowid,
    count(distinct client_key) as clients,
    bit_xor(row_key) as content_key,
    count(*) filter (plain) as plain,
    count(*) filter (not plain and event is null) as no_event_name,
    count(*) filter (not plain and event is not null and event_at is null) as no_readable_time,
    count(*) filter (not plain and event_at is null) as without_time,
    count(*) filter (may_have_marks) as may_have_marks
    {counted}
from raw
group by file_no;

-- name: keep
insert into views
select client_key, event_at, tracked
from raw
where plain;

insert into relevant_events
with valued as (
    select
        *, {record} as record, step_of(event) as step, valid_json(payload) as payload_valid
    from raw
    where not plain
)

select
    file_no, record, {file_day}, clean, event, step, coalesce(event = {event_header}, false), event_at, ordered_at, client_key, tracked,
    agent_key, case when in_checkout(step) or is_confirmation(page) then {token} end,
    payload_valid, case when is_order(step) and payload_valid then amount_of(payload) end,
    case when not clean then user_agent end, {texts}
from valued;

insert into agent_counts
select file_no, agent_key, any_value(user_agent), count(*)
from raw
where agent_key is not null
group by file_no, agent_key;

insert into hours
select file_no, hour(event_at), count(*)
from raw
where event_at is not null
group by file_no, hour(event_at);

insert into longest
with long_values as (
    select file_no, 'page' as role, long_page as value from raw where long_page is not null
    union all
    select file_no, 'referrer', long_referrer from raw where long_referrer is not null
),

of_file as (
    select file_no, role, max(value) >> 40 as length
    from long_values
    group by file_no, role
)

select
    file_no, role, length, count(distinct value) filter (value >> 40 = length),
    count(distinct value) filter (value >> 40 < length)
from long_values
inner join of_file using (file_no, role)
where value >= (length - 50) << 40
group by file_no, role, length;

-- name: landings
insert into landings
select client_key, event_at, agent_key, case when plain then 'page_view' else step_of(event)::varchar end, unnest(landing)
from raw
where landing is not null and (plain or event is not null);

-- name: rows_in_parts
insert into rows_in_parts
select {file_day}, file_no, {record}, client_key, event_at, event_key, row_key
from raw
where file_no in {in_parts} and not {is_order_line};

-- name: repeated
-- Rows that repeat an earlier one of the {day}, and events that follow the same event within a second.
insert into repeated
-- Only keys that occur twice, which are few, need ordering.
with suspects as materialized (
    select {day}, file_no, {record} as record, client_key, event_at, event_key, row_key
    from {source}
    -- equal lines of an order are not repeats
    where not {is_order_line} and event_key in (
        select event_key
        from {source}
        group by event_key
        having count(*) > 1
    )
),

gaps as (
    select
        file_no, record,
        event_at - lag(event_at) over same_event as gap,
        row_key = lag(row_key) over same_event as is_repeated_row
    from suspects
    where client_key is not null and event_at is not null
    window same_event as (partition by {day}, event_key order by event_at, row_key)
)

select file_no, 'row', record
from (
    select file_no, record
    from suspects
    qualify row_number() over (partition by {day}, row_key order by file_no, record) > 1
)
union all
select file_no, 'event', record
from gaps
where gap < interval 1 second and not is_repeated_row;

-- name: orders
select file_no, count(*) filter (is_order), sum(revenue)
from orders
group by file_no;

-- name: failed
select file_no, count(*) {counted}
from (select * {failures} from (select * {address_tests} from candidates))
group by file_no;

-- name: details
select
    file_no, count(*) filter (is_order(step)) as orders, sum(revenue) as revenue, min(record, 20) as first_records,
    arg_min({example}, record) as example
from candidates
where {condition}
group by file_no;

-- name: places
with failed as (
    select file_no, place_of(page) as place
    from candidates
    where {condition}
)

select file_no, place, count(*) as events
from failed
where place is not null
group by file_no, place
qualify row_number() over (partition by file_no order by count(*) desc, place) = 1;
