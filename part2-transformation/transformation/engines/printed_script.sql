-- The checks that a printed script makes, and what they read. error() gives its message to whoever runs the script.

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

-- name: check_ledger
-- It comes before other gold: what stops there leaves the figures as they were.
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
