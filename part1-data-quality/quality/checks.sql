-- Checks over several events. Each is a query over the tables of pass.sql and derive.sql. It returns one row per file (and
-- per `"column"`, if it checks several things) with
--   file_no, checked, failed          the number of cases, and of failed cases
--   orders, revenue                   of the failed cases; null if unknown
--   first_records                     the first 20 failed records of the file, or `record`, the first one
--   example                           an example from it, masked if it could be personal
-- The lines above a query are its definition, as in row_checks.sql, with further thresholds:
--   other_days   compares a count with the days before
--   rate         compares a count per event with the days before
--   amount       compares a sum of money with the days before
--   rise         is a `shift` that fails only above the range
--   gone 10      fails if there are no cases, although ten or more are usual
--   pooled       compares a share with its limit, over several days together if a day has few cases

-- name: rows_repeated
-- explained_by: timestamp_precision
-- severity: P1
-- dimension: uniqueness
-- threshold: 0.001
-- needs: client time
-- message: {failed:,} of {checked:,} {checked:rows|row} ({share}) {failed:are exact duplicates|is an exact duplicate} of an earlier row
-- advice: The export or its upload ran twice; any reader that keeps the duplicates counts orders and visits double.
select
    files.file_no, 'rows' as "column", records as checked, coalesce(rows, 0) as failed,
    repeats.orders, repeats.revenue, first_records, null as example
from files
left join repeats on files.file_no = repeats.file_no and kind = 'row'

-- name: event_fired_twice
-- explained_by: timestamp_precision
-- severity: P2
-- dimension: uniqueness
-- threshold: 0.01
-- needs: client time
-- message: {failed:,} of {checked:,} {column} {checked:events|event} ({share}) {failed:repeat|repeats} an event of the same client on the same page within a second
-- advice: The tag is installed twice, or its listener is registered twice; rates based on event counts are too high.
select
    event_counts.file_no, event_counts.event as "column", event_counts.events as checked, coalesce(rows, 0) as failed,
    orders, revenue, first_records, null as example
from event_counts
left join repeats
    on event_counts.file_no = repeats.file_no and event_counts.event = repeats.event and kind = 'event'
where step_of(event_counts.event) is not null

-- name: value_truncated
-- severity: P2
-- dimension: accuracy
-- threshold: 0
-- message: {failed:,} different {failed:values|value} of {column} {failed:are|is} exactly {example} characters long, and none is longer: {failed:they are|it is} cut off
-- advice: Have the export use a longer column; click ids and campaigns at the end of an address are lost.
select
    file_no, case role when 'page' then {page} else {referrer} end as "column", values_at + values_below as checked,
    -- Addresses of one form may share the greatest length, but a limit gives that length to all longer ones.
    case when length >= 128 and values_at >= 10 and 2 * values_at >= values_below then values_at else 0 end as failed,
    null as orders, null as revenue, null as record, cast(length as varchar) as example
from longest

-- name: order_id_missing
-- severity: P0
-- dimension: completeness
-- threshold: 0
-- needs: orders payload transaction_id
-- message: {failed:,} of {checked:,} {checked:orders|order} ({share}) {failed:have|has} no transaction id
-- advice: Without an id, an order cannot be deduplicated or looked up in the shop's books; restore the ids from its order list.
select
    file_no, {order} || {transaction_id} as "column", count(*) as checked, count(*) filter (transaction_id is null) as failed,
    count(*) filter (transaction_id is null) as orders, sum(revenue) filter (transaction_id is null) as revenue,
    min(record, 20) filter (transaction_id is null) as first_records, null as example
from orders
where payload is not null or {payload_is_derived}
group by file_no

-- name: order_amount_missing
-- suppressed_by: payload_key_type
-- severity: P0
-- dimension: completeness
-- threshold: 0
-- needs: orders payload amount
-- message: {failed:,} of {checked:,} {checked:orders|order} ({share}) {failed:have|has} no readable amount
-- advice: Their value is unknown, not zero; restore the amounts from the shop's order list.
select
    file_no, {order} || {amount} as "column", count(*) as checked, count(*) filter (revenue is null) as failed,
    count(*) filter (revenue is null) as orders, null as revenue,
    min(record, 20) filter (revenue is null) as first_records, null as example
from orders
where (payload is not null or {payload_is_derived}) and other_currency is null
group by file_no

-- name: order_currency
-- severity: P1
-- dimension: consistency
-- threshold: 0
-- needs: orders payload currency
-- message: {failed:,} of {checked:,} {checked:orders|order} ({share}) {failed:are|is} not in the shop's currency but in another, such as {example}
-- advice: They are counted by currency and never added to revenue; convert them in the export if one total is wanted.
select
    file_no, {order} || {currency} as "column", count(*) as checked, count(other_currency) as failed,
    count(other_currency) as orders, null as revenue, min(record, 20) filter (other_currency is not null) as first_records,
    min(other_currency) as example
from orders
group by file_no

-- name: order_currency_missing
-- severity: P3
-- dimension: completeness
-- threshold: 0
-- needs: orders payload currency
-- message: {failed:,} of {checked:,} {checked:orders|order} ({share}) {failed:have|has} no currency, and {failed:count|counts} in the shop's
-- advice: Send the currency with every order, so that none is counted in the wrong one.
select
    file_no, {order} || {currency} as "column", count(*) as checked, count(*) filter (currency is null) as failed,
    count(*) filter (currency is null) as orders, sum(revenue) filter (currency is null) as revenue,
    min(record, 20) filter (currency is null) as first_records, null as example
from orders
group by file_no

-- name: order_amount_zero
-- severity: P2
-- dimension: accuracy
-- threshold: 0
-- needs: orders payload amount
-- message: {failed:,} of {checked:,} {checked:orders|order} ({share}) {failed:have|has} an amount of zero
-- advice: These are exchanges, replacements or tests; leave them out of order counts and averages, or have the shop mark them.
select
    file_no, {order} || {amount} as "column", count(*) as checked, count(*) filter (order_amount = 0) as failed,
    count(*) filter (order_amount = 0) as orders, null as revenue, min(record, 20) filter (order_amount = 0) as first_records, null as example
from orders
where not is_further_line
group by file_no

-- name: order_amount_shift
-- severity: P1
-- dimension: accuracy
-- threshold: 0
-- needs: orders payload amount
-- message: {failed:,} of {checked:,} {checked:orders|order} ({share}) {failed:exceed|exceeds} 20 times the median order of the days before
-- advice: Compare one with the shop's books; amounts in cents or in another currency look like this.
select
    file_no, {order} || {amount} as "column", count(*) as checked, count(*) filter (is_outlier) as failed,
    count(*) filter (is_outlier) as orders, sum(counted_amount) filter (is_outlier) as revenue,
    min(record, 20) filter (is_outlier) as first_records, null as example
from (
    select *, counted_amount > 20 * usual_order as is_outlier
    from orders
    left join usual_orders using (file_no)
    where not is_further_line
)
group by file_no

-- name: order_amount_low
-- severity: P1
-- dimension: accuracy
-- threshold: shift
-- needs: orders payload amount
-- message: {failed:,} of {checked:,} {checked:orders|order} ({share}) {failed:are|is} below a twentieth of the median order of the days before; {expected} is usual
-- advice: Compare one with the shop's books; amounts divided by 100 twice, or in another currency, look like this.
select
    file_no, {order} || {amount} as "column", count(*) as checked,
    -- One or two cheap orders are samples or spare parts.
    case when count(*) filter (is_low) >= 3 then count(*) filter (is_low) else 0 end as failed,
    count(*) filter (is_low) as orders, sum(counted_amount) filter (is_low) as revenue,
    min(record, 20) filter (is_low) as first_records, null as example
from (
    select file_no, record, counted_amount, 20 * counted_amount < usual_order as is_low
    from orders
    left join usual_orders using (file_no)
    where counted_amount > 0
)
group by file_no

-- name: order_lines_empty
-- severity: P1
-- dimension: completeness
-- threshold: 0
-- needs: order_lines payload
-- message: {failed:,} of {checked:,} {checked:orders|order} ({share}) {failed:have|has} an amount and an empty list of line items
-- advice: Revenue is not affected, but product reports lack these orders; restore their line items from the shop's order list.
select
    file_no, {order} || {lines} as "column", count(*) as checked, count(*) filter (lines_empty) as failed,
    count(*) filter (lines_empty) as orders, sum(revenue) filter (lines_empty) as revenue,
    min(record, 20) filter (lines_empty) as first_records, null as example
from orders
where revenue > 0
group by file_no

-- name: order_lines_mismatch
-- suppressed_by: order_amount_shift order_amount_zero payload_key_range
-- severity: P1
-- dimension: consistency
-- threshold: 0
-- needs: order_lines payload
-- message: {failed:,} of {checked:,} {checked:orders|order} ({share}) {failed:have|has} line items that do not sum to the order amount
-- advice: Use the order amount as revenue, and leave line items out of product reports until they match.
select
    file_no, {order} || {lines} as "column", count(*) as checked,
    count(*) filter (abs(revenue - line_sum) >= 0.01) as failed,
    count(*) filter (abs(revenue - line_sum) >= 0.01) as orders,
    sum(revenue) filter (abs(revenue - line_sum) >= 0.01) as revenue,
    min(record, 20) filter (abs(revenue - line_sum) >= 0.01) as first_records, null as example
from orders
where revenue is not null and lines_complete
group by file_no

-- name: transaction_id_resubmission
-- suppressed_by: rows_repeated content_repeated
-- severity: P2
-- dimension: uniqueness
-- threshold: 0
-- needs: orders payload transaction_id
-- message: {failed:,} of {checked:,} {checked:orders|order} ({share}) {failed:were|was} sent again; counted twice, {failed:they|it} would add {revenue}
-- advice: Count each order once, and find out why the confirmation page fires again.
select
    file_no, {order} || {transaction_id} as "column", count(*) as checked, count(*) filter (is_resubmission) as failed,
    count(*) filter (is_resubmission) as orders, sum(revenue) filter (is_resubmission) as revenue,
    min(record, 20) filter (is_resubmission) as first_records, min(order_id_shown(transaction_id)) filter (is_resubmission) as example
from orders
group by file_no

-- name: transaction_id_amendment
-- severity: P2
-- dimension: uniqueness
-- threshold: 0
-- needs: orders payload transaction_id
-- message: {failed:,} of {checked:,} {checked:orders|order} ({share}) {failed:were|was} sent again with another amount; the last amount counts, and {revenue} sent before it does not
-- advice: Compare one with the shop's order list, and have the order event sent once, when the order is final.
select
    file_no, {order} || {transaction_id} as "column", count(*) as checked, count(*) filter (is_amendment) as failed,
    count(*) filter (is_amendment) as orders, sum(excluded_amount) filter (is_amendment) as revenue,
    min(record, 20) filter (is_amendment) as first_records, min(order_id_shown(transaction_id)) filter (is_amendment) as example
from orders
group by file_no

-- name: transaction_id_collision
-- severity: P1
-- dimension: uniqueness
-- threshold: 0
-- needs: orders payload transaction_id
-- message: {failed:,} of {checked:,} {checked:orders|order} ({share}) {failed:reuse|reuses} the transaction id of another customer's order; {failed:they are|it is} real, and deduplicating by id would lose {revenue}
-- advice: Count both orders; have the shop generate longer ids, and until then join by id and checkout.
select
    file_no, {order} || {transaction_id} as "column", count(*) as checked, count(*) filter (is_collision) as failed,
    count(*) filter (is_collision) as orders, sum(revenue) filter (is_collision) as revenue,
    min(record, 20) filter (is_collision) as first_records, min(order_id_shown(transaction_id)) filter (is_collision) as example
from orders
group by file_no

-- name: transaction_id_reused
-- severity: P1
-- dimension: uniqueness
-- threshold: 0
-- needs: orders payload transaction_id
-- message: {failed:,} of {checked:,} {checked:orders|order} ({share}) {failed:carry|carries} the transaction id of an order that is more than 30 days older: the shop reuses its ids; deduplicating by the id would lose {revenue}
-- advice: Count both orders, and join by id and month; have the shop generate ids that do not repeat.
with reused as (
    select
        min(file_no) as first_file, count(*) as orders, sum(counted_amount) as revenue,
        arg_min(record, (file_no, record)) as record, min(order_id_shown(transaction_id)) as example
    from orders
    where is_reused_id
),

checked as (
    select file_no, count(*) as orders, sum(count(*)) over () as orders_of_all
    from orders
    group by file_no
)

-- One finding for all files, on the first of them; the later files are neither good nor bad.
select
    file_no, {order} || {transaction_id} as "column",
    cast(case when file_no = first_file then orders_of_all else checked.orders end as bigint) as checked,
    case when file_no = first_file then reused.orders else 0 end as failed,
    reused.orders, reused.revenue, reused.record, reused.example
from checked
cross join reused
where coalesce(file_no <= first_file, true)

-- name: possible_duplicate
-- severity: P1
-- dimension: uniqueness
-- threshold: 0
-- needs: orders payload order_checkout
-- message: The same checkout, customer and amount came under another transaction id within a day: {failed:,} of {checked:,} {checked:orders|order} ({share}), {revenue}
-- advice: Compare each pair with the shop's order list; where it is one purchase, write possibleDuplicates: once below `order` in the contract.
select
    file_no, {order} || {transaction_id} as "column", count(*) as checked,
    count(*) filter (is_possible_duplicate) as failed, count(*) filter (is_possible_duplicate) as orders,
    sum(coalesce(counted_amount, excluded_amount)) filter (is_possible_duplicate) as revenue,
    min(record, 20) filter (is_possible_duplicate) as first_records,
    min(order_id_shown(transaction_id)) filter (is_possible_duplicate) as example
from orders
group by file_no

-- name: payload_key_missing
-- suppressed_by: order_id_missing order_amount_missing
-- severity: P1
-- dimension: completeness
-- threshold: 0
-- needs: payload
-- message: {failed:,} of {checked:,} {checked:values|value} of {column} ({share}) {failed:are|is} null or missing
-- advice: Ask who changed this event's code on the first bad day; restore the values from the shop's order list.
select
    file_no, event || '.' || path as "column", parents as checked, parents - present as failed,
    orders_without as orders, revenue_without as revenue, first_records_without as first_records, null as example
from payload_paths
where required

-- name: payload_object_empty
-- severity: P3
-- dimension: completeness
-- threshold: 0
-- needs: payload
-- message: {failed:,} of {checked:,} {checked:objects|object} at {column} ({share}) {failed:contain|contains} only nulls
-- advice: These are exchanges or test orders without line items; have the shop mark them, and leave them out of product reports.
select
    file_no, event || '.' || path as "column", count(*) as checked, count(*) filter (not holds_values) as failed,
    count(distinct record) filter (not holds_values and step = 'order') as orders,
    sum(revenue) filter (not holds_values) as revenue, min(record, 20) filter (not holds_values) as first_records, null as example
from nodes
where type = 'OBJECT'
group by file_no, event, path

-- name: payload_key_shift
-- severity: P3
-- dimension: completeness
-- threshold: shift
-- needs: payload
-- message: {failed:,} of {checked:,} {checked:values|value} of {column} ({share}) {failed:are|is} null or missing; {expected} is usual
-- advice: Compare the releases of that day; a key that comes and goes points to a race condition in the tag.
select
    file_no, event || '.' || path as "column", parents as checked, parents - present as failed,
    orders_without as orders, revenue_without as revenue, first_records_without as first_records, null as example
from payload_paths
where declared and not required

-- name: payload_key_type
-- severity: P1
-- dimension: conformity
-- threshold: 0
-- needs: payload
-- message: {failed:,} of {checked:,} {checked:values|value} of {column} ({share}) {failed:do not|does not} have the contract's type, such as {example}
-- advice: Text cannot be summed; have the event send the type that the contract names.
select
    file_no, event || '.' || path as "column", present as checked, mistyped as failed,
    orders_mistyped as orders, revenue_mistyped as revenue, first_records_mistyped as first_records, example_mistyped as example
from payload_paths
where declared

-- name: payload_key_range
-- suppressed_by: email_exposed
-- severity: P1
-- dimension: accuracy
-- threshold: 0
-- needs: payload
-- message: {failed:,} of {checked:,} {checked:values|value} of {column} ({share}) {failed:are|is} outside the contract's range or pattern, such as {example}
-- advice: Look at the first one; a sign or a unit may have changed.
select
    file_no, event || '.' || path as "column", present as checked, out_of_range as failed,
    orders_out_of_range as orders, revenue_out_of_range as revenue, first_records_out_of_range as first_records,
    example_out_of_range as example
from payload_paths
where declared

-- name: order_amount_negative
-- suppressed_by: payload_key_range
-- severity: P1
-- dimension: accuracy
-- threshold: 0
-- needs: orders payload amount
-- message: {failed:,} of {checked:,} {checked:orders|order} ({share}) {failed:have|has} a negative amount and {failed:are|is} not counted: {revenue}
-- advice: Have refunds sent as events of their own; else restore the amounts from the shop's order list.
select
    file_no, {order} || {amount} as "column", count(*) as checked, count(*) filter (order_amount < 0) as failed,
    count(*) filter (order_amount < 0) as orders, sum(order_amount) filter (order_amount < 0) as revenue,
    min(record, 20) filter (order_amount < 0) as first_records, null as example
from orders
where not is_further_line
group by file_no

-- name: refunds
-- severity: P3
-- dimension: accuracy
-- threshold: 0
-- needs: refund payload amount
-- message: {failed:,} {failed:refunds come|refund comes} to {revenue}, which is not subtracted from revenue
-- advice: Subtract it where net revenue is wanted; gross revenue and every attribution figure leave refunds out.
select
    file_no, {refund} || {amount} as "column", count(*) as checked, count(*) as failed,
    null as orders, sum(abs(amount_of(payload))) as revenue, min(record, 20) as first_records, null as example
from conversions
where event_name_of(event) = {refund_event} and payload is not null
group by file_no

-- name: payload_key_unexpected
-- severity: P3
-- dimension: conformity
-- threshold: 0
-- needs: payload
-- message: {column} is in {failed:,} {failed:payloads|payload} but not in the contract
-- advice: Add it to the contract if it is intended, and check whether it replaces a missing key.
select
    file_no, event || '.' || path as "column", present as checked, present as failed,
    null as orders, null as revenue, first_records_present as first_records, null as example
from payload_paths
where not declared

-- name: customer_shared
-- severity: P3
-- dimension: uniqueness
-- threshold: 0
-- needs: orders payload customer
-- message: {failed:,} of {checked:,} {checked:events|event} with a customer ({share}) {failed:name|names} one that more than three clients share
-- advice: This is a test or help-desk address; do not stitch journeys by it.
select
    file_no, {customer} as "column", count(*) as checked, count(*) filter (clients > 3) as failed,
    count(*) filter (clients > 3 and step = 'order') as orders,
    sum(revenue) filter (clients > 3) as revenue, min(record, 20) filter (clients > 3) as first_records, null as example
from customers
inner join (select customer, count(distinct client_key) as clients from customers group by customer) using (customer)
group by file_no

-- name: client_id_unique
-- explained_by: crawler_shift
-- suppressed_by: file_unreadable file_truncated records_unreadable
-- severity: P1
-- dimension: uniqueness
-- threshold: 0
-- needs: client time page_view
-- message: {failed:,} client {failed:ids|id} for {checked:,} {checked:events|event} ({share}): nearly every event has an id of its own
-- advice: Either a new id is created for each event, or the column holds the event's own id. Until it identifies a browser again, do not report journeys, channels or visits.
select
    file_no, {client} as "column", cast(events as bigint) as checked,
    case when clients >= 0.97 * events and events >= 50 then clients else 0 end as failed,
    null as orders, null as revenue, null as record, null as example
from client_days

-- name: client_id_unstable
-- explained_by: crawler_shift
-- suppressed_by: client_id_unique
-- severity: P1
-- dimension: uniqueness
-- threshold: rise
-- needs: client time page_view
-- message: {failed:,} client {failed:ids|id} for {checked:,} {checked:events|event} ({share}); {expected} is usual
-- advice: Some browsers get a new id with each event or page, so their journeys fall apart; compare the ids per event by browser, and check cookie settings and consent.
select
    file_no, {client} as "column", cast(events as bigint) as checked, clients as failed,
    null as orders, null as revenue, null as record, null as example
from client_days

-- name: client_id_shared
-- severity: P1
-- dimension: uniqueness
-- threshold: 0.1
-- needs: client time page_view
-- message: One client id has {failed:,} of {checked:,} {checked:events|event} ({share})
-- advice: Count the events of the day by client id; an id that many browsers send makes strangers one customer, so leave it out of journeys.
select
    file_no, {client} as "column", cast(events as bigint) as checked, case when most >= 50 then most else 0 end as failed,
    null as orders, null as revenue, null as record, null as example
from client_days

-- name: orders_without_earlier_event
-- suppressed_by: client_id_unique client_id_unstable
-- severity: P2
-- dimension: completeness
-- threshold: pooled 0.1
-- needs: client time orders journey
-- message: {failed:,} of {checked:,} {checked:orders|order} ({share}) {failed:have|has} no earlier event from {failed:their|its} client
-- advice: These orders cannot be attributed to a channel; look for pages that send no events, and for ids that change on the way to the checkout.
select
    file_no, {client} as "column", count(*) as checked, count(*) filter (not has_event) as failed,
    count(*) filter (not has_event) as orders, sum(revenue) filter (not has_event) as revenue,
    min(record, 20) filter (not has_event) as first_records, null as example
from order_journeys
group by file_no

-- name: orders_lost_to_rename
-- suppressed_by: column_renamed
-- severity: P1
-- dimension: consistency
-- threshold: 0
-- needs: client time orders journey
-- message: {failed:,} of {checked:,} {checked:orders|order} ({share}) {failed:have|has} earlier events only under the new name of {column}
-- advice: A dashboard on the old column shows no channel for these orders; correct what it has reported since.
select
    file_no, {client} as "column", count(*) as checked, count(*) filter (has_event and not has_tracked_event) as failed,
    count(*) filter (has_event and not has_tracked_event) as orders,
    sum(revenue) filter (has_event and not has_tracked_event) as revenue,
    min(record, 20) filter (has_event and not has_tracked_event) as first_records, null as example
from order_journeys
group by file_no

-- name: orders_without_earlier_page_view
-- suppressed_by: client_id_unique client_id_unstable
-- severity: P2
-- dimension: completeness
-- threshold: pooled 0.1
-- needs: client time orders page_view
-- message: {failed:,} of {checked:,} {checked:orders|order} ({share}) {failed:have|has} no earlier page view from {failed:their|its} client
-- advice: The visit before the purchase was not recorded; make the tag fire before consent tools and redirects can stop it.
select
    file_no, {client} as "column", count(*) as checked, count(*) filter (not has_page_view) as failed,
    count(*) filter (not has_page_view) as orders, sum(revenue) filter (not has_page_view) as revenue,
    min(record, 20) filter (not has_page_view) as first_records, null as example
from order_journeys
group by file_no

-- name: orders_without_earlier_cart
-- suppressed_by: client_id_unique client_id_unstable
-- severity: P2
-- dimension: completeness
-- threshold: pooled 0.25
-- needs: client time orders cart
-- message: {failed:,} of {checked:,} {checked:orders|order} ({share}) {failed:have|has} no earlier cart event from {failed:their|its} client
-- advice: A funnel based on these events understates carts; either express checkouts skip the cart, or the event is lost.
select
    file_no, {client} as "column", count(*) as checked, count(*) filter (not has_cart) as failed,
    count(*) filter (not has_cart) as orders, sum(revenue) filter (not has_cart) as revenue,
    min(record, 20) filter (not has_cart) as first_records, null as example
from order_journeys
group by file_no

-- name: orders_without_earlier_checkout
-- suppressed_by: client_id_unique client_id_unstable
-- severity: P2
-- dimension: completeness
-- threshold: pooled 0.1
-- needs: client time orders checkout_started
-- message: {failed:,} of {checked:,} {checked:orders|order} ({share}) {failed:have|has} no earlier checkout start from {failed:their|its} client or checkout
-- advice: Completions divided by starts is not a valid rate while starts are missing; check the event on every path into the checkout.
select
    file_no, {client} as "column", count(*) as checked, count(*) filter (not has_checkout) as failed,
    count(*) filter (not has_checkout) as orders, sum(revenue) filter (not has_checkout) as revenue,
    min(record, 20) filter (not has_checkout) as first_records, null as example
from order_journeys
group by file_no

-- name: confirmations_without_order
-- suppressed_by: orders_gone
-- severity: P1
-- dimension: completeness
-- threshold: pooled 0.02
-- needs: confirmation time page checkout_started
-- message: {failed:,} of {checked:,} {checked:checkouts|checkout} that {checked:were|was} started and reached the confirmation page ({share}) {failed:have|has} no {column} event
-- advice: These are probably orders that no report counts; compare them with the shop's order list, and send the order event from the server.
with started as (
    select token, min(event_at) as started_at
    from conversions
    where step = 'checkout' and token is not null
    group by token
),

confirmed as (
    select
        token, min(event_at) as confirmed_at, arg_min(file_no, (event_at, file_no)) as file_no,
        arg_min(record, (event_at, file_no)) as record
    from relevant_events
    where step = 'page_view' and token is not null and event_at is not null
    group by token
)

select
    file_no, {order_event} as "column", count(*) as checked,
    count(*) filter (ordered.token is null) as failed, null as orders, null as revenue,
    min(record, 20) filter (ordered.token is null) as first_records, null as example
from confirmed
inner join started on confirmed.token = started.token and started_at < confirmed_at
left join (select distinct token from orders) as ordered on confirmed.token = ordered.token
group by file_no

-- name: completions_above_starts
-- severity: P1
-- dimension: consistency
-- threshold: 0
-- needs: orders checkout_started
-- message: {checked:,} completed {checked:checkouts exceed|checkout exceeds} the number of starts by {failed:,}
-- advice: The start event is being lost; do not report a completion rate for these days.
select
    file_no, {event} as "column", count(*) filter (step = 'order') as checked,
    -- With few events per day, one more may be chance: the excess must exceed two standard deviations.
    case
        when count(*) filter (step = 'order') - count(*) filter (step = 'checkout') > 2 * sqrt(count(*))
            then count(*) filter (step = 'order') - count(*) filter (step = 'checkout')
        else 0
    end as failed,
    null as orders, null as revenue, null as record, null as example
from conversions
where step in ('checkout', 'order')
group by file_no

-- name: steps_without_page_view
-- explained_by: client_id_unique client_id_unstable
-- severity: P2
-- dimension: completeness
-- threshold: pooled 0.2
-- needs: client time page_view
-- message: {failed:,} of {checked:,} {column} {checked:events|event} ({share}) {failed:come|comes} from clients without an earlier page view
-- advice: These clients saw a page that was not recorded; find out on which pages and in which browsers the page view does not fire.
select
    file_no, event as "column", count(*) as checked, count(*) filter (not has_page_view) as failed,
    null as orders, null as revenue, min(record, 20) filter (not has_page_view) as first_records, null as example
from step_journeys
where step <> 'order'
group by file_no, event

-- name: timestamp_half_day
-- severity: P1
-- dimension: conformity
-- threshold: 0
-- needs: time
-- message: All {failed:,} events are between 01:00 and 12:59: the times are on a 12-hour clock without AM or PM
-- advice: Have the export write 24 hours. Which half of the day an event belongs to is lost, and with it the order of events.
with clock as (
    -- 12 is midnight or noon. On a 24-hour clock, some of these hours are empty at night; on a 12-hour clock, none is.
    select
        file_no, sum(events) as events, hour between 1 and 12 as is_on_clock,
        min(events) >= 0.1 * max(events) as is_even
    from hour_grid
    group by file_no, is_on_clock
)

select
    file_no, {time} as "column", cast(sum(events) as bigint) as checked,
    cast(
        case when sum(events) >= 100 and bool_and(case when is_on_clock then is_even else events = 0 end) then sum(events) else 0 end
        as bigint
    ) as failed,
    null as orders, null as revenue, null as record, null as example
from clock
group by file_no

-- name: hours_without_events
-- suppressed_by: timestamp_half_day timestamp_precision file_unreadable file_truncated records_unreadable day_delivered_twice timestamp_unparseable null_share
-- cases: together
-- severity: P1
-- dimension: timeliness
-- threshold: 0
-- needs: time
-- message: {failed:,} of {checked:,} {checked:hours|hour} {failed:have|has} no event at all, first the hour from {example}
-- advice: The tag or its collector was down, or the file is incomplete; only the shop's order list has the sales of these hours.
select
    file_no, {time} as "column", 24 as checked, count(*) filter (is_dead) as failed,
    null as orders, null as revenue, null as record, printf('%02d:00 %s', min(hour) filter (is_dead), {time_zone}) as example
from hour_grid
group by file_no

-- name: crawler_shift
-- severity: P2
-- dimension: accuracy
-- threshold: shift
-- needs: user_agent
-- message: {failed:,} of {checked:,} {checked:events|event} ({share}) {failed:come|comes} from declared crawlers; {expected} is usual
-- advice: Leave crawlers out of visits and rates; if this one is not welcome, ask the hosting provider to block it.
select
    file_no, {user_agent} as "column", sum(events) as checked, coalesce(sum(events) filter (is_crawler), 0) as failed,
    null as orders, null as revenue, null as record, null as example
from agent_counts
inner join agents using (agent_key)
group by file_no

-- name: crawlers_in_checkout
-- severity: P2
-- dimension: accuracy
-- threshold: 0
-- needs: user_agent checkout_started
-- message: {failed:,} of {checked:,} checkout and order {checked:events|event} ({share}) {failed:come|comes} from declared crawlers, such as {example}
-- advice: A monitor or a bot goes through the checkout; leave it out of completion rates.
select
    file_no, {user_agent} as "column", count(*) as checked, count(*) filter (is_crawler) as failed,
    count(*) filter (is_crawler and step = 'order') as orders,
    sum(revenue) filter (is_crawler and step = 'order') as revenue,
    min(record, 20) filter (is_crawler) as first_records,
    min(crawler) filter (is_crawler) as example
from conversions
inner join agents using (agent_key)
where step in ('checkout', 'order')
group by file_no

-- name: rows_volume
-- suppressed_by: file_unreadable file_truncated records_unreadable day_delivered_twice content_repeated
-- severity: P1
-- dimension: coverage
-- threshold: other_days
-- message: {checked:,} {checked:events|event} from people; {expected} are usual
-- advice: Compare the day with the shop's own order and visit counts before you trust it.
select
    files.file_no, 'events' as "column", records - coalesce(events, 0) as checked, checked as failed,
    null as orders, null as revenue, null as record, null as example
from files
left join crawler_events using (file_no)

-- name: revenue_volume
-- suppressed_by: file_unreadable file_truncated records_unreadable day_delivered_twice orders_gone event_volume order_amount_missing order_amount_shift payload_malformed payload_missing
-- severity: P1
-- dimension: coverage
-- threshold: amount
-- needs: orders payload amount
-- message: Revenue of {total}; {expected} is usual
-- advice: Compare the day with the shop's books; a lost tag, a changed unit or a sale can look like this.
select
    -- The sum of a few orders can be any amount.
    first_of_day as file_no, {order} || {amount} as "column",
    case when count(*) >= 10 then count(*) else 0 end as checked,
    cast(coalesce(sum(revenue), 0) as bigint) as failed,
    null as orders, null as revenue, null as record, null as example
from orders
inner join files using (file_no)
group by first_of_day

-- name: orders_gone
-- suppressed_by: file_unreadable file_truncated records_unreadable day_delivered_twice
-- severity: P0
-- dimension: coverage
-- threshold: gone 10
-- needs: event
-- message: There are no {column} events at all; {expected} per day are usual
-- advice: The event no longer fires, or has another name; compare with the shop's order list, and check that day's releases.
select
    file_no, event as "column", humans as checked, events as failed,
    null as orders, null as revenue, null as record, null as example
from event_grid
where step_of(event) = 'order'

-- name: event_volume
-- suppressed_by: orders_gone rows_volume file_unreadable file_truncated records_unreadable day_delivered_twice
-- needs: event
-- severity: P1
-- dimension: coverage
-- threshold: rate
-- message: {failed:,} {column} {failed:events|event} from people; {expected} are usual for {checked:,} {checked:events|event} from people
-- advice: Check whether the event still fires on each device and on every path into the checkout.
select
    file_no, event as "column", humans as checked, events_of_people as failed,
    null as orders, null as revenue, null as record, null as example
from event_grid
where step_of(event) is distinct from 'page_view'

-- name: order_list_unusable
-- severity: P2
-- dimension: validity
-- threshold: 0
-- needs: orders order_list
-- message: {failed:,} of {checked:,} {checked:records and files|record} of the shop's order list cannot be used as {failed:they are|it is}, such as {example}
-- advice: Export the list again, or correct `orderList` in the contract; orders that cannot be read are compared with nothing.
with same_ids as (
    select
        *,
        lag(struct_pack(source_file, line, created_at)) over (
            partition by order_key, void_reason is null order by created_at, shop_order_id
        ) as earlier
    from silver.shop_orders
),

places as (
    select
        source_file as name, line,
        case
            when void_reason = {no_amount} then void_reason
            when unread_values is not null then 'no readable ' || unread_values
            -- ids that are used again after a month are the shop's choice
            when void_reason is null and created_at <= earlier.created_at + interval 30 day
                then format('has the id of line {{}} of {{}}, but another time or spelling', earlier.line, earlier.source_file)
        end as reason
    from same_ids
    union all
    select source_file, line, reason
    from silver.refused_shop_orders
    union all
    select name, null, coalesce(refused, 'has no column ' || missing_columns)
    from bronze.book_files
    where book = 'orderList'
)

select
    (select max(file_no) from files) as file_no, 'order list' as "column", count(*) as checked, count(reason) as failed,
    null as orders, null as revenue, null as record,
    -- a problem of a whole file explains those of its records
    arg_min(concat_ws(', line ', name, line) || ': ' || reason, (coalesce(line, 0), name)) filter (reason is not null) as example
from places

-- name: ad_spend_unusable
-- severity: P2
-- dimension: validity
-- threshold: 0
-- needs: ad_spend
-- message: {failed:,} of {checked:,} {checked:records and files|record} of the advertising spend cannot be used as {failed:they are|it is}, such as {example}
-- advice: Export the spend again, or correct `adSpend` in the contract; what cannot be used is in no sum.
with places as (
    select source_file as name, line, coalesce(reason, 'no readable ' || unread_values) as reason
    from silver.spend_records
    where reason is distinct from 'total'
    union all
    select name, null, coalesce(refused, 'has no column ' || missing_columns)
    from bronze.book_files
    where book = 'adSpend'
)

select
    (select max(file_no) from files) as file_no, 'ad spend' as "column", count(*) as checked, count(reason) as failed,
    null as orders, null as revenue, null as record,
    -- a problem of a whole file explains those of its records
    arg_min(concat_ws(', line ', name, line) || ': ' || reason, (coalesce(line, 0), name)) filter (reason is not null) as example
from places

-- name: orders_not_tracked
-- severity: P1
-- dimension: completeness
-- threshold: pooled 0.1
-- needs: orders order_list
-- message: {failed:,} of {checked:,} {checked:orders|order} in the shop's order list ({share}) {failed:were|was} not tracked, {revenue}, such as {example}
-- advice: Compare gold.tracking_coverage by hour, payment method, device and browser; a tag that does not fire after a payment, or a consent tool, loses all orders of a segment.
select
    files.file_no, 'order list' as "column", count(*) as checked, count(*) filter (status = 'not tracked') as failed,
    count(*) filter (status = 'not tracked') as orders, sum(booked_amount) filter (status = 'not tracked') as revenue,
    null as record, min(order_id) filter (status = 'not tracked') as example
from gold.order_reconciliation as reconciliation
inner join files on reconciliation.order_date = files.day and files.file_no = files.first_of_day
where status in ('matched', 'another amount', 'not tracked')
group by files.file_no

-- name: tracking_coverage_shift
-- suppressed_by: orders_not_tracked
-- severity: P1
-- dimension: completeness
-- threshold: rise
-- needs: orders order_list
-- message: {share} of the orders in the shop's order list were not tracked, {revenue}; {expected} is usual
-- advice: Ask what was released on the first of these days: a new checkout, payment method, consent tool or tag.
select
    files.file_no, 'order list' as "column", count(*) as checked, count(*) filter (status = 'not tracked') as failed,
    count(*) filter (status = 'not tracked') as orders, sum(booked_amount) filter (status = 'not tracked') as revenue,
    null as record, null as example
from gold.order_reconciliation as reconciliation
inner join files on reconciliation.order_date = files.day and files.file_no = files.first_of_day
where status in ('matched', 'another amount', 'not tracked')
group by files.file_no

-- name: hours_not_tracked
-- suppressed_by: orders_not_tracked tracking_coverage_shift
-- explained_by: hours_without_events
-- severity: P1
-- dimension: completeness
-- threshold: 0
-- needs: orders order_list
-- message: {failed:,} of {checked:,} {checked:orders|order} in the shop's order list, one after the other, {failed:were|was} not tracked, {revenue}: {failed:those|the one} from {example}
-- advice: Ask what was released or down in these hours: the tag, the checkout or the collecting server.
with expected as (
    select order_date as date, count(*) as orders
    from gold.order_reconciliation
    where status in ('matched', 'another amount', 'not tracked')
    group by order_date
),

lost as (
    select
        date, sum(orders) as orders, sum(amount) as amount,
        string_agg(format('{{:02d}}:00 to {{:02d}}:59', first_hour, last_hour), ', ' order by first_hour) as hours
    from gold.untracked_hours
    group by date
)

select
    files.file_no, 'order list' as "column", expected.orders as checked, coalesce(lost.orders, 0) as failed,
    coalesce(lost.orders, 0) as orders, lost.amount as revenue, null as record, hours as example
from expected
inner join files on expected.date = files.day and files.file_no = files.first_of_day
left join lost on expected.date = lost.date

-- name: order_amount_differs
-- severity: P2
-- dimension: accuracy
-- threshold: 0.02
-- needs: orders order_list amount
-- message: {failed:,} of {checked:,} {checked:orders|order} ({share}) {failed:were|was} tracked with another amount than in the shop's order list; {example}
-- advice: Decide whether revenue includes tax and shipping, and have the tag send that amount.
with amounts as (
    select
        files.file_no, reconciliation.*, round(booked_amount / nullif(tracked_amount, 0), 3) as ratio
    from gold.order_reconciliation as reconciliation
    inner join files on reconciliation.order_date = files.day and files.file_no = files.first_of_day
    where status in ('matched', 'another amount')
),

usual as (
    select
        file_no, mode(difference) as difference, mode(ratio) filter (difference = 'unexplained') as ratio,
        count(*) filter (difference = 'unexplained') as unexplained
    from amounts
    group by file_no
),

same_ratio as (
    select amounts.file_no, count(*) as orders
    from amounts
    inner join usual on amounts.file_no = usual.file_no and amounts.ratio = usual.ratio
    where amounts.difference = 'unexplained'
    group by amounts.file_no
)

select
    amounts.file_no, 'order list' as "column", count(*) as checked,
    count(*) filter (status = 'another amount') as failed, count(*) filter (status = 'another amount') as orders,
    sum(abs(booked_amount - tracked_amount)) filter (status = 'another amount') as revenue, null as record,
    case
        when any_value(usual.difference) <> 'unexplained' then any_value(usual.difference) || ' explains most of them'
        -- two equal ratios may be chance
        when any_value(same_ratio.orders) >= 3 and 2 * any_value(same_ratio.orders) >= any_value(usual.unexplained)
            then 'the booked amount is ' || any_value(usual.ratio)
                || ' times the tracked one, as with tax or another currency'
        else 'neither tax, shipping, a discount nor one ratio explains it'
    end as example
from amounts
left join usual on amounts.file_no = usual.file_no
left join same_ratio on amounts.file_no = same_ratio.file_no
group by amounts.file_no

-- name: orders_tracked_twice
-- severity: P1
-- dimension: uniqueness
-- threshold: 0
-- needs: orders order_list
-- message: {failed:,} of {checked:,} counted {checked:orders|order} ({share}) {failed:were|was} tracked twice: the shop's order list has {failed:them|it} once; revenue is {revenue} too high
-- advice: Find out why the order event is sent again from another device or checkout, and leave these orders out of revenue.
select
    files.file_no, 'order list' as "column", count(*) as checked,
    count(*) filter (reconciliation.status = 'tracked twice') as failed,
    count(*) filter (reconciliation.status = 'tracked twice') as orders,
    sum(tracked_amount) filter (reconciliation.status = 'tracked twice') as revenue,
    min(orders.record, 20) filter (reconciliation.status = 'tracked twice' and orders.file_no = files.file_no)
        as first_records,
    min(order_id_shown(reconciliation.transaction_id)) filter (reconciliation.status = 'tracked twice') as example
from gold.order_reconciliation as reconciliation
inner join orders on reconciliation.tracked_order_id = orders.event_id
inner join files on reconciliation.order_date = files.day and files.file_no = files.first_of_day
where reconciliation.status in ('matched', 'another amount', 'tracked twice', 'not in the books', 'ambiguous')
group by files.file_no

-- name: clicks_without_session
-- suppressed_by: click_arrival_shift
-- severity: P2
-- dimension: completeness
-- threshold: pooled 0.5
-- needs: paid_clicks
-- message: {failed:,} of {checked:,} paid {checked:clicks|click} of {column} ({share}) led to no session, {revenue} of spend; {example}
-- advice: Click one of the ads and read the address that opens. If a redirect, a consent tool or a new landing page drops the parameters, the campaign gets no credit for its visits.
select
    file_no, campaign as "column", clicks as checked, lost_clicks as failed, null as orders, lost_spend as revenue,
    null as record, note as example
from silver.lost_clicks

-- name: click_arrival_shift
-- explained_by: hours_without_events
-- severity: P1
-- dimension: completeness
-- threshold: rise
-- needs: paid_clicks
-- message: {share} of the paid clicks of {column} led to no session, {revenue} of spend; {expected} is usual
-- advice: Ask what changed on the first of these days: the ads' addresses, a redirect, a landing page or a consent tool. Do not judge the campaign by its sessions and orders until then.
select
    file_no, campaign as "column", clicks as checked, lost_clicks as failed, null as orders, lost_spend as revenue,
    null as record, note as example
from silver.lost_clicks
-- fewer clicks say too little about a day's share
where clicks >= 10
