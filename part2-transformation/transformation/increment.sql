-- The statements of increment.py besides those of transform.sql. Python fills in the {braces}. Tables without a schema are
-- temporary, and `warehouse` is the copy that is being updated.

-- name: arriving_or_gone
create temp table arriving_or_gone as
select distinct
    client_id,
    -- repeats of a record without an id have its time
    case when client_id is null then event_at end as event_at,
    case when client_id is null then time_text end as time_text,
    {transaction_id} as transaction_id, {customer} as customer,
    nullif({checkout_token}, '') as checkout_token
from silver.received as received;

-- name: touched_clients
-- Select rows by few columns first, and then fetch them, because a scan reads every column in the query.
create temp table keyed as
select rowid as row_number
from warehouse.silver.events
where transaction_id is not null or customer is not null or checkout_token is not null;

-- The clients of each order, e-mail hash and checkout. An event without an id counts as a client of its own.
create temp table members as
unpivot (
    select coalesce(client_id, '#' || event_id) as member, transaction_id, customer, checkout_token
    from warehouse.silver.events
    where rowid in (from keyed)
)
on transaction_id, customer, checkout_token into name kind value value;

create temp table links as
select 'client' as kind, member as value, kind as other_kind, value as other from members
union
select kind, value, 'client', member from members;

create temp table touched_clients as
with recursive reached as (
    (
        select 'client' as kind, client_id as value from arriving_or_gone where client_id is not null
        union
        select kind, value
        from (unpivot arriving_or_gone on transaction_id, customer, checkout_token into name kind value value)
    )
    union
    select links.other_kind, links.other
    from reached
    inner join links on reached.kind = links.kind and reached.value = links.value
)

select value as client_id from reached where kind = 'client';

-- name: landed_before
-- From the remaining files: the records of these clients, and records that may repeat one without an id
create temp table anonymous as
select event_id
from warehouse.silver.events
where client_id is null and event_at in (select event_at from arriving_or_gone where event_at is not null)
union
select try_cast(substr(client_id, 2) as bigint) from touched_clients where client_id like '#%';

create temp table repeats as
select event_id from warehouse.silver.rejected_events where reason = 'exact repeat';

create temp table rows_before as
select events.rowid as row_number
from warehouse.bronze.events as events
where {stays} and {client} in (from touched_clients)
union
select events.rowid
from warehouse.bronze.events as events
inner join anonymous
    on events._file_id = anonymous.event_id // 100000000 and events._line = anonymous.event_id % 100000000
where {stays} and {client} is null
union
select events.rowid
from warehouse.bronze.events as events
inner join repeats on events._file_id = repeats.event_id // 100000000 and events._line = repeats.event_id % 100000000
where {stays} and {client} is null
    and {time} in (select time_text from arriving_or_gone where time_text is not null);

create table landed_before as
select events.* from warehouse.bronze.events as events where rowid in (from rows_before);

create temp table touched_events as select event_id from silver.received;

-- name: file_totals
delete from warehouse.silver.file_totals where source_file in ({files});

insert into warehouse.silver.file_totals by name
select * from silver.file_totals where source_file in ({landed});

-- name: exchange
-- Replace the rows of {table} that differ
create or replace temp table rows_before as
select rowid as row_number from warehouse.{table} where {key} in (select {scope}_id from touched_{scope}s);

create or replace temp table before as
select rowid as row_number, * from warehouse.{table} where rowid in (from rows_before);

create or replace temp table after as
select * from memory.{table} where {key} in (select {scope}_id from touched_{scope}s);

-- Most keys are on one side only; compare only the others in full.
create or replace temp table differences as
with
old as (select * exclude (row_number) from before where {key} in (select {key} from after)),

new as (select * from after where {key} in (select {key} from before))

select {unit} as unit, {day} as day from before where {key} not in (select {key} from after)
union all
select {unit}, {day} from after where {key} not in (select {key} from before)
union all
select {unit}, {day} from ((from old except all from new) union all (from new except all from old));

create or replace temp table changed as select distinct unit from differences;

insert into changed_days select distinct '{table}', day from differences where day is not null;

delete from warehouse.{table}
where rowid in (select row_number from before where {unit} in (from changed));

insert into warehouse.{table} by name select * from after where {unit} in (from changed);

-- name: changed_file_days
insert into changed_days
select 'silver.files', file_date
from (
    (from silver.files except from warehouse.silver.files) union all (from warehouse.silver.files except from silver.files)
);

create or replace table warehouse.silver.files as from silver.files;

-- name: figures_of_days
delete from warehouse.{table} where {condition};

insert into warehouse.{table} by name select * from {table};
