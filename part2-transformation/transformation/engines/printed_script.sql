-- The checks of a printed script, and the tables that they read. error() shows its message to whoever runs the script.

-- name: files
select files.name, files.file_date, files.file_id, count(events._line) as records, cast(0 as bigint) as unreadable,
    cast(null as varchar) as refused
from bronze.listed_files as files
left join bronze.events as events on files.name = events._source_file
group by files.name, files.file_date, files.file_id;

-- name: check_load
select
    files.name, files.records,
    case
        when files.records = listed.records then 'all loaded'
        else error(
            files.name || ' has ' || cast(listed.records as varchar) || ' records, and '
            || cast(files.records as varchar) || ' were loaded'
        )
    end as result
from bronze.files as files
inner join bronze.listed_files as listed on files.name = listed.name;

-- name: check_book
select
    case
        when records = {records} then 'all loaded'
        else error('{file} has {records} records, and ' || cast(records as varchar) || ' were loaded')
    end as result
from (select count(*) as records from {table}) as loaded;

-- name: check_ledger
-- It runs before the rest of gold, so that a script that stops here leaves the figures unchanged.
select
    line, orders, amount,
    case
        when line <> 'difference' or (orders = 0 and amount = 0) then 'balances'
        else error(
            'the ledger does not balance: ' || cast(orders as varchar) || ' orders and ' || cast(amount as varchar)
            || ' are neither counted nor named'
        )
    end as result
from gold.ledger
order by position nulls first;

-- name: check_order_list_ledger
select
    line, tracked_orders, tracked_amount, booked_orders, booked_amount,
    case
        when line <> 'difference'
            or (tracked_orders = 0 and tracked_amount = 0 and booked_orders = 0 and booked_amount = 0) then 'balances'
        else error(
            'the order list does not balance: ' || cast(tracked_orders as varchar) || ' tracked and '
            || cast(booked_orders as varchar) || ' booked orders have no line'
        )
    end as result
from gold.order_list_ledger
order by position nulls first;
