"""Compare the orders of each day with the contract's known totals."""

from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from event_data.events import order_value_sql
from event_data.known_totals import Comparison, compare, listed
from event_data.sql import literal
from quality.definitions import Measure
from quality.scan import FileFacts, Scan

# Times are local here; events that are not orders have their payload only if the contract does not cover them.
ORDER_LIKE = """
select
    {order_event} as event, {time} as event_at, transaction_id, revenue as amount, status, counted_amount,
    is_possible_duplicate
from orders
where event_at is not null
union all
select event, {time}, {transaction_id}, amount_of(payload), null, null, false
from (
    select event, event_at, case when payload_valid then payload end as payload
    from relevant_events
    where event is not null and event_at is not null and not is_header and not coalesce(is_order(step), false)
)
"""


@lru_cache(maxsize=1)
def comparison(scan: Scan) -> Comparison | None:
    """Return the comparison of a scan with the known totals of its contract; None if there are none."""
    contract = scan.contract
    if not contract.known_totals:
        return None
    event, zone = contract.event_of("order"), literal(contract.time_zone)
    sql = ORDER_LIKE.format(
        order_event=literal(event.name if event else ""),
        time=f"timezone('UTC', timezone({zone}, event_at))",
        transaction_id=order_value_sql(contract, "transaction_id"),
    )
    with scan.connection.cursor() as cursor:
        return compare(cursor, sql, contract, {facts.day for facts in scan.files if not facts.missing})


def known_totals(scan: Scan) -> Iterator[Measure]:
    """Yield a measure for the first file of each known day."""
    totals, files = comparison(scan), _first_files(scan)
    for day in totals.days if totals else ():
        message = advice = None
        if totals and not day.matches:
            message = totals.difference(day)
            advice = totals.explanation.advice if totals.explanation else None
        yield Measure(files[day.known.day].file_no, "file", 1, int(not day.matches), message=message, advice=advice)


def known_total_without_file(scan: Scan) -> Iterator[Measure]:
    """Yield a failure for the known days without a file, at the missing file or at that of the nearest day."""
    totals, files = comparison(scan), _first_files(scan)
    days: dict[int, list[date]] = {}
    for day in totals.without_file if totals else ():
        nearest = min(files, key=lambda other: (abs(other - day), other))
        days.setdefault(files[nearest].file_no, []).append(day)
    for file_no, without_file in days.items():
        count = len(without_file)
        yield Measure(file_no, "file", count, count, example=listed(without_file))


def _first_files(scan: Scan) -> dict[date, FileFacts]:
    """Return the first file of each day, missing ones included."""
    return {facts.day: facts for facts in reversed(scan.files)}


RUNS = {run.__name__: run for run in (known_totals, known_total_without_file)}
