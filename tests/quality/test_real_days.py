"""The validator on the 14 real days: every number again by another route, from the CSVs alone.

The days are not in the repository; without them nothing here can run, and the one skip says so.
Nothing that belongs to a person stands in this file or reaches its failure messages.
"""

import csv
import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from math import comb
from typing import Any

import duckdb
import pytest
import validate_dataframework
from command_kit import rows
from commands import NO_REAL_DAYS, REAL, call
from real_days_kit import EVENTS, ITEMS, JOURNEYS, Query, Row, Run

FILES = sorted(REAL.glob("events_*.csv"))
if not FILES:
    pytest.skip(NO_REAL_DAYS, allow_module_level=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("real_days")
    status, stdout, stderr = call(validate_dataframework, "--data_dir", REAL, "--out_dir", folder)
    printed = call(validate_dataframework, "--data_dir", REAL, "--out_dir", folder, "--json", "--quiet")[1]
    document = json.loads((folder / "dq_report.json").read_text(encoding="utf-8"))
    assert json.loads(printed) == document
    incidents = document["incidents"]
    return Run(status, stdout, stderr, folder, rows(folder), rows(folder, "dq_profile.csv"), incidents)


@pytest.fixture(scope="module")
def query() -> Iterator[Query]:
    connection = duckdb.connect()
    connection.execute(EVENTS, [[str(f) for f in FILES]])
    connection.execute(JOURNEYS)
    connection.execute(ITEMS)
    yield lambda sql: connection.execute(sql).fetchall()
    connection.close()


@pytest.fixture(scope="module")
def lines() -> dict[str, list[tuple[int, Row]]]:
    """Return every record with its physical line, read by Python's own csv module."""
    found: dict[str, list[tuple[int, Row]]] = {}
    for path in FILES:
        found[path.name] = []
        with path.open(encoding="utf-8", newline="") as text:
            reader = csv.reader(text)
            header, start = next(reader), reader.line_num + 1
            for values in reader:
                found[path.name].append((start, dict(zip(header, values, strict=True))))
                start = reader.line_num + 1
    return found


def by_file(rows: list[tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    return {str(file): tuple(rest) for file, *rest in rows}


def one(rows: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    assert len(rows) == 1
    return rows[0]


def tail(failed: int, checked: int, share: Fraction) -> Fraction:
    """Return the chance of so many failures or more if this were the true share."""
    ways = (comb(checked, k) * share**k * (1 - share) ** (checked - k) for k in range(failed, checked + 1))
    return sum(ways, Fraction(0))


def plain_query(address: str) -> bool:
    pairs = address.partition("?")[2].partition("#")[0].split("&")
    return any(v and not re.fullmatch("[0-9A-F]{6}", v) for v in (p.partition("=")[2] for p in pairs))


def order_of(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row["event_data"]) if row["event_name"] == "checkout_completed" else {}
    return found


def own_subdomain(address: str) -> bool:
    host = address.partition("://")[2].partition("/")[0]
    return host.endswith(".puffy.com") and host != "checkout.puffy.com"


def files_with(column: str) -> set[str]:
    return {f.name for f in FILES if column in f.read_text(encoding="utf-8").split("\n", 1)[0].split(",")}


def renamed_files() -> set[str]:
    return files_with("clientId")


def without_referrer() -> set[str]:
    return {f.name for f in FILES} - files_with("referrer")


# What was read.


def test_the_run_is_red_and_says_nothing_on_stderr(run: Run) -> None:
    assert (run.status, run.errors) == (3, "")
    assert run.console.startswith("RED")
    assert [i["severity"] for i in run.incidents] == sorted(i["severity"] for i in run.incidents)


def test_every_physical_record_is_accounted_for(run: Run, query: Query, lines: dict[str, Any]) -> None:
    bytes_counted = {f.name: f.read_bytes().rstrip(b"\n").count(b"\n") for f in FILES}
    profiled = {r["file"]: int(r["rows"]) for r in run.profile}
    assert profiled == bytes_counted == {f: len(r) for f, r in lines.items()}
    assert profiled == {f: n for f, (n,) in by_file(query("select file, count(*) from events group by file")).items()}
    assert len(profiled) == 14 and sum(profiled.values()) == 49_963
    assert {r["unreadable"] for r in run.profile} == {"0"}
    assert {r["file"]: int(r["bytes"]) for r in run.profile} == {f.name: f.stat().st_size for f in FILES}


def test_the_profile_has_the_totals_of_the_files(run: Run, query: Query) -> None:
    kinds = ["page_viewed", "email_filled_on_popup", "product_added_to_cart", "checkout_started", "checkout_completed"]
    counts = ", ".join(f"count(*) filter (event = '{k}')" for k in kinds)
    expected = by_file(query(f"select file, count(distinct client), sum(revenue), {counts} from events group by file"))
    assert {
        r["file"]: (int(r["clients"]), Decimal(r["revenue"]), *(int(r[f"events_{k}"]) for k in kinds))
        for r in run.profile
    } == expected
    assert all(r["orders"] == r["events_checkout_completed"] and r["events_other"] == "0" for r in run.profile)
    assert [sum(int(r[f"events_{k}"]) for r in run.profile) for k in kinds] == [45_974, 552, 2_307, 836, 294]
    assert sum(Decimal(r["revenue"]) for r in run.profile) == Decimal("294461.40")
    assert all(text in " ".join(run.console.split()) for text in ("49,963 events", "294 orders", "$294,461.40"))
    for role, column in (("client", "client_id"), ("referrer", "referrer"), ("url", "page_url")):
        nulls = by_file(query(f"select file, 1 - count({role}) / count(*) from events group by file"))
        shares = {r["file"]: float(r[f"null_share_{column}"]) for r in run.profile if r[f"null_share_{column}"]}
        assert shares == pytest.approx({f: nulls[f][0] for f in shares}, abs=1e-6)
        assert nulls.keys() - shares.keys() == (without_referrer() if role == "referrer" else set())


# The broken columns.


def test_the_rename_touches_every_order_since(run: Run, query: Query) -> None:
    files = renamed_files()
    revenue = {f: r for f, (r,) in by_file(query("select file, sum(revenue) from events group by file")).items()}
    assert min(files) == "events_20250227.csv" and len(files) == 10
    assert run.stakes("column_renamed") == {f: revenue[f] for f in files}
    incident = next(i for i in run.incidents if i["check"] == "column_renamed")
    assert incident["severity"] == "P0" and Decimal(incident["revenue_at_stake"]) == sum(revenue[f] for f in files)


def test_the_rename_lost_no_id(run: Run, query: Query) -> None:
    """The values go on under the new name: as complete, of the same form, partly the same clients."""
    nulls = by_file(query("select file, count(*) - count(client), count(*) from events group by file"))
    shares = {f: n / total for f, (n, total) in nulls.items()}
    before = max(s for f, s in shares.items() if f not in renamed_files())
    assert all(shares[f"events_2025{d}.csv"] <= before for d in ("0227", "0228", "0301"))
    shared = "select count(*) from (select client from events group by client having count(tracked_client) {})"
    assert one(query(shared.format("between 1 and count(*) - 1")))[0] > 0
    assert set(run.rows("value_pattern", "client_id", "pass")) == {f.name for f in FILES}


def test_the_referrer_is_gone(run: Run, query: Query) -> None:
    files = without_referrer()
    revenue = {f: r for f, (r,) in by_file(query("select file, sum(revenue) from events group by file")).items()}
    assert min(files) == "events_20250304.csv" and len(files) == 5
    assert run.stakes("column_missing", "referrer") == {f: revenue[f] for f in files}


def test_the_referrer_was_filled_more_often_since_28_february(run: Run, query: Query) -> None:
    counted = "select file, count(*), count(*) - count(referrer) from events group by file"
    expected = {f: c for f, c in by_file(query(counted)).items() if f not in without_referrer()}
    failed = run.counts("null_shift", "referrer", "fail")
    assert failed == {f: c for f, c in expected.items() if f >= "events_20250228.csv"}
    usual = min(n / total for f, (total, n) in expected.items() if f not in failed)
    assert all(n / total < usual for total, n in failed.values())


def test_client_ids_are_missing_since_2_march_on_the_front_page(run: Run, query: Query) -> None:
    counted = by_file(query("select file, count(*), count(*) - count(client) from events group by file"))
    assert run.counts("null_share", "client_id") == counted
    failed = run.rows("null_share", "client_id", "fail")
    assert set(failed) == {f for f, (n, nulls) in counted.items() if nulls / n > 0.02}
    assert set(failed) == {f for f in counted if f >= "events_20250302.csv"}
    on_front, nulls, orders = one(
        query("""select count(*) filter (path = '/'), count(*), count(*) filter (event = 'checkout_completed')
                 from events where client is null and file >= 'events_20250302.csv'""")
    )
    assert on_front / nulls > 0.9 and orders == 0
    assert f"{on_front / nulls:.1%} of them on /; as many events as before have one" in run.message("null_share")


# The orders.


def test_item_prices_are_missing_since_6_march(run: Run, query: Query) -> None:
    column = "checkout_completed.items[].item_price"
    sql = "select file, count(*), count(*) - count(price) from items where not is_empty group by file"
    assert run.counts("payload_key_missing", column) == by_file(query(sql))
    assert set(run.rows("payload_key_missing", column, "fail")) == {f"events_2025030{d}.csv" for d in (6, 7, 8)}
    touched = "select file, sum(revenue) from events where file >= 'events_20250306.csv' group by file"
    assert run.stakes("payload_key_missing", column) == {f: r for f, (r,) in by_file(query(touched)).items()}


def test_an_item_price_is_a_line_price(run: Run, query: Query) -> None:
    sums = """
        select any_value(revenue) as revenue, sum(price) as lines, sum(price * quantity) as units, max(quantity) as most
        from items group by file, transaction_id, client having count(price) = count(*)"""
    orders, as_lines, more, as_units = one(
        query(f"""select count(*), count(*) filter (revenue = lines), count(*) filter (most > 1),
                  count(*) filter (most > 1 and revenue = units) from ({sums})""")
    )
    assert orders == as_lines and more > 0 and as_units == 0
    found = run.counts("order_lines_mismatch")
    assert sum(n for n, _ in found.values()) == orders and not any(failed for _, failed in found.values())


def test_colliding_orders_are_of_different_customers(run: Run, query: Query) -> None:
    pairs = """
        select l.file, l.revenue,
            l.customer = e.customer or l.token = e.token or l.client = e.client as is_same
        from events as l inner join events as e on l.transaction_id = e.transaction_id and l.event_at > e.event_at"""
    found = query(pairs)
    assert not any(same for _, _, same in found)
    assert run.stakes("transaction_id_collision") == {file: revenue for file, revenue, _ in found}
    assert sum(revenue for _, revenue, _ in found) == Decimal("6717.00")
    assert not run.rows("transaction_id_resubmission", status="fail")
    assert "$6,717.00" in run.message("transaction_id_collision")


def test_zero_orders_are_the_ones_with_empty_items(run: Run, query: Query) -> None:
    orders = by_file(query("select file, count(*), count(*) filter (revenue = 0) from events "
                           "where event = 'checkout_completed' group by file"))  # fmt: skip
    assert run.counts("order_amount_zero") == orders
    empty = by_file(query("select file, count(*), count(*) filter (is_empty) from items group by file"))
    assert run.counts("payload_object_empty", "checkout_completed.items[]") == empty
    assert one(query("select count(*) from items where is_empty <> (revenue = 0)")) == (0,)


# The journeys.


@pytest.mark.parametrize(
    ("check", "seen", "known"),
    [
        ("orders_without_earlier_event", "has_event", (49, "52337.60")),
        ("orders_without_earlier_page_view", "has_page_view", None),
        ("orders_without_earlier_cart", "has_cart", None),
        ("orders_without_earlier_checkout", "has_checkout", None),
    ],
)
def test_orders_without_a_journey(run: Run, query: Query, check: str, seen: str, known: tuple[int, str] | None) -> None:
    expected = by_file(query(f"""
        select file, count(*), count(*) filter (not {seen}), sum(revenue) filter (not {seen})
        from journeys where event = 'checkout_completed' group by file"""))  # fmt: skip
    assert run.counts(check) == {f: (n, failed) for f, (n, failed, _) in expected.items()}
    stakes = run.stakes(check)
    assert stakes and stakes == {f: expected[f][2] for f in stakes}
    if known:  # 245 of 294 orders, $242,123.80, have an earlier event when healed
        total, missed = (sum(e[k] for e in expected.values()) for k in (0, 1))
        revenue = sum((e[2] or Decimal(0) for e in expected.values()), Decimal(0))
        assert (missed, revenue) == (known[0], Decimal(known[1]))
        assert (total - missed, Decimal("294461.40") - revenue) == (245, Decimal("242123.80"))


def test_orders_that_only_the_new_name_explains(run: Run, query: Query) -> None:
    expected = by_file(query("""
        select file, count(*), count(*) filter (has_event and not has_tracked_event),
            sum(revenue) filter (has_event and not has_tracked_event)
        from journeys where event = 'checkout_completed' group by file"""))  # fmt: skip
    assert run.counts("orders_lost_to_rename") == {f: (n, failed) for f, (n, failed, _) in expected.items()}
    assert run.stakes("orders_lost_to_rename") == {f: expected[f][2] for f in renamed_files()}
    lost = sum(failed for _, failed in run.counts("orders_lost_to_rename").values())
    never = sum(failed for _, failed in run.counts("orders_without_earlier_event").values())
    tracked = "select count(*) from journeys where event = 'checkout_completed' and not has_tracked_event"
    assert (lost + never,) == one(query(tracked))


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("checkout_started", "346 of 836 checkout_started events (41.4%)"),
        ("email_filled_on_popup", "454 of 550 email_filled_on_popup events (82.5%)"),
        ("product_added_to_cart", "1,282 of 2,306 product_added_to_cart events (55.6%)"),
    ],
)
def test_steps_without_a_page_view(run: Run, query: Query, event: str, said: str) -> None:
    """A file fails if its own cases are beyond the limit; none does whose own cases speak for less."""
    expected = by_file(query(f"""
        select file, count(*), count(*) filter (not has_page_view)
        from journeys where event = '{event}' group by file"""))  # fmt: skip
    assert run.counts("steps_without_page_view", event) == expected
    checked, failed = (sum(column) for column in zip(*expected.values(), strict=True))
    limit = Fraction(1, 5)
    assert tail(failed, checked, limit) < Fraction(135, 100_000)
    below = {f for f, (n, bad) in expected.items() if tail(n - bad, n, 1 - limit) < Fraction(135, 100_000)}
    beyond = {f for f, (n, bad) in expected.items() if tail(bad, n, limit) < Fraction(135, 100_000)}
    failed_files = set(run.rows("steps_without_page_view", event, "fail"))
    assert beyond and beyond <= failed_files <= {f for f, (_, bad) in expected.items() if bad} - below
    assert {r["threshold"] for r in run.rows("steps_without_page_view", event).values()} == {"0.2000"}
    (incident,) = [i for i in run.incidents if (i["check"], i["column"]) == ("steps_without_page_view", event)]
    assert (incident["failed"], incident["checked"]) == (failed, checked) and incident["message"].startswith(said)


# The traffic.


def test_two_hours_are_dead_on_7_march(run: Run, query: Query) -> None:
    empty = query("""
        select file, hour from (select distinct file from events), (select unnest(range(24)) as hour)
        except select file, hour(event_at) from events""")  # fmt: skip
    assert sorted(empty) == [("events_20250307.csv", 11), ("events_20250307.csv", 12)]
    assert run.counts("hours_without_events", status="fail") == {"events_20250307.csv": (24, 2)}
    assert run.rows("hours_without_events")["events_20250307.csv"]["example"] == "11:00 UTC"


def test_headless_browsers_walk_through_the_checkout(run: Run, query: Query) -> None:
    expected = by_file(query("""
        select file, count(*), count(*) filter (contains(user_agent, 'HeadlessChrome'))
        from events where event in ('checkout_started', 'checkout_completed') group by file"""))  # fmt: skip
    assert run.counts("crawlers_in_checkout") == expected
    assert set(run.rows("crawlers_in_checkout", status="fail")) == {f for f, (_, n) in expected.items() if n}
    assert sum(n for _, n in expected.values()) > 30


def test_page_views_fire_twice_since_7_march(run: Run, query: Query) -> None:
    """The same address of the same client within a second; a row repeated to the letter is another fault."""
    expected = by_file(query("""
        select file, count(*), count(*) filter (event_at - before < interval 1 second)
        from (
            select *, lag(event_at) over (partition by file, client, url order by event_at) as before
            from (select distinct * from events) where event = 'page_viewed' and client is not null
        ) group by file"""))  # fmt: skip
    failed = run.counts("event_fired_twice", "page_viewed", "fail")
    assert {f: n for f, (_, n) in failed.items()} == {f: expected[f][1] for f in failed}
    assert min(failed) == "events_20250307.csv"
    assert max(n for f, (_, n) in expected.items() if f not in failed) < min(n for _, n in failed.values())


# The first bad line, and what must not be shown.


@pytest.mark.parametrize(
    ("check", "column", "is_bad"),
    [
        ("null_share", "client_id", lambda r: not (r.get("client_id") or r.get("clientId"))),
        ("query_not_anonymised", "referrer", lambda r: plain_query(r.get("referrer") or "")),
        ("host_internal", "referrer", lambda r: own_subdomain(r.get("referrer") or "")),
        ("order_amount_zero", None, lambda r: bool(order_of(r)) and not float(order_of(r)["revenue"])),
        (
            "payload_key_missing",
            "checkout_completed.items[].item_price",
            lambda r: any(i["item_id"] and i.get("item_price") is None for i in order_of(r).get("items", ())),
        ),
        (
            "crawlers_in_checkout",
            None,
            lambda r: r["event_name"].startswith("checkout_") and "HeadlessChrome" in r["user_agent"],
        ),
    ],
)
def test_the_first_bad_line_is_the_physical_one(
    run: Run, lines: dict[str, list[tuple[int, Row]]], check: str, column: str | None, is_bad: Callable[[Row], bool]
) -> None:
    failed = run.rows(check, column, "fail")
    assert failed
    for file, row in failed.items():
        bad = [line for line, record in lines[file] if is_bad(record)]
        assert int(row["first_bad_line"]) == bad[0], file
        if not check.startswith("payload_"):  # these count the items, not the lines
            assert int(row["failed"]) == len(bad), file


def test_no_personal_data_are_shown(run: Run, query: Query) -> None:
    """No client id, e-mail hash, checkout token or address with a query, in any output; order ids are shown."""
    shown = run.console + run.errors
    for path in sorted(run.folder.iterdir()):
        shown += "\n" + path.read_text(encoding="utf-8")
    n = 12
    pieces = {shown[k : k + n] for k in range(len(shown) - n + 1)}
    kinds = {
        "client": "client", "customer": "customer", "token": "token",
        "page": "case when contains(url, '?') then url end",
        "referrer": "case when contains(referrer, '?') then referrer end",
    }  # fmt: skip
    leaked = {}
    for kind, column in kinds.items():
        values = [str(v) for (v,) in query(f"select distinct {column} from events where {column} is not null")]
        assert len(values) > 200 and min(map(len, values)) >= n, kind
        leaked[kind] = sum(v[:n] in pieces and v in shown for v in values)
    assert leaked == dict.fromkeys(kinds, 0)
