"""Printed scripts run and give DuckDB's rows, and what engines read differently has a test of its own."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from commands import FAULTY_DAYS, PART2, SCHEMA, TRANSFORM, needs_real_days, process
from transformation.build import NOT_PUBLISHED
from transformation.suite import read_suite
from warehouse_kit import build, command

from event_data.books.reading import ORDERS, SPEND
from event_data.contract import Contract, load_contract
from event_data.sql import literal

NEEDED = "is not installed: pip install -r requirements-dialects.txt"
sqlglot = pytest.importorskip("sqlglot", reason=f"sqlglot {NEEDED}")

from dialect_kit import BigQuery, Duck, Snowflake, Spark, canonical, write_hard_days  # noqa: E402
from synthetic_orders import contract_with_books, write_spend  # noqa: E402
from transformation.books import statements_of  # noqa: E402
from transformation.engines.dialects import DialectError, translate  # noqa: E402
from transformation.engines.printed_script import script, suite_script  # noqa: E402
from transformation.engines.sql_engines import WAREHOUSES  # noqa: E402

SHOP = load_contract(SCHEMA)
WHOLE = ["snowflake", "bigquery"]  # where whole scripts run; Spark's load runs here, its selects in test_spark.py


@pytest.fixture(scope="module")
def snowflake() -> Iterator[Snowflake]:
    pytest.importorskip("fakesnow", reason=f"fakesnow {NEEDED}")
    engine = Snowflake()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def bigquery() -> BigQuery:
    pytest.importorskip("zetasql", reason=f"zetasql {NEEDED}")
    return BigQuery()


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spark]:
    pytest.importorskip("pyspark", reason="pyspark is not installed: pip install -r requirements-spark.txt")
    if not shutil.which("java"):
        pytest.skip("Java is not installed: apt-get install openjdk-17-jre-headless")
    engine = Spark(tmp_path_factory.mktemp("spark"))
    yield engine
    engine.session.stop()


Engine = Snowflake | BigQuery | Spark


@pytest.fixture(params=[*WHOLE, "spark"])
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def hard_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hard_days")
    write_hard_days(folder)
    return folder


@pytest.fixture(scope="module")
def shop_with_books(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    path = tmp_path_factory.mktemp("contract") / "contract.yaml"
    path.write_text(contract_with_books(SCHEMA.read_text("utf-8")), "utf-8")
    return load_contract(path)


@pytest.fixture(scope="module")
def duck(hard_days: Path, shop_with_books: Contract) -> Duck:
    warehouse = hard_days.with_suffix(".duckdb")
    build(hard_days, warehouse, shop_with_books.path)
    return Duck(warehouse)


def test_the_days_reach_every_branch(duck: Duck) -> None:
    """The days contain every value that transform.sql can give to an order, a record, a step or a browser."""
    everything = {
        "select status from silver.received_orders": "counted,resubmission,amendment,negative,quarantined",
        "select reason from silver.received_orders": "no transaction id,no readable amount,negative amount,None",
        "select reason from silver.rejected_events": "no event name,no readable time,exact repeat",
        "select reason from gold.no_known_source": "no id,window cut off,direct only,no touch in the window",
        "select reading from gold.attribution": "as_tracked healed stitched",
        "select is_refused from silver.links": "True False",
        "select is_collision from silver.orders": "True False",
        "select furthest_step from gold.funnel": "none page_view cart checkout order",
        "select device from silver.events": "Desktop Mobile Tablet Other",
        "select event from silver.events": "page_view signup cart checkout order other",
        "select status from gold.order_reconciliation": "matched,another amount,not tracked,not expected,not booked,"
        "not in the books,tracked twice,ambiguous,outside the events,outside the order list",
        "select reason from silver.refused_shop_orders": "unreadable record,no order id,no readable time",
        "select reason from silver.refused_ad_spend": "no day,no readable cost",
    }
    for select, expected in everything.items():
        words = set(expected.split("," if "," in expected else " "))
        assert {str(value) for (value,) in duck.rows(select)[1]} == words, select
    channels = {value for (value,) in duck.rows("select channel from silver.events")[1]}
    assert len(channels) >= 16, channels
    headers = {header for (header,) in duck.rows("select header from bronze.files")[1]}
    assert len(headers) >= 6


def differences(engine: Engine, duck: Duck) -> list[str]:
    """Return the published tables that differ in any value, each with the first row that differs."""
    wrong = []
    names = "select table_schema || '.' || table_name from information_schema.tables where table_schema <> 'bronze'"
    published = [name for (name,) in duck.rows(names)[1]]
    assert len(published) > 20
    for table in published:
        here, there = (canonical(one.rows(f"select * from {table}")) for one in (engine, duck))
        if here != there:
            unlike = next(((a, b) for a, b in zip(here[1], there[1], strict=False) if a != b), ())
            wrong.append(f"{table}: {len(here[1])} and {len(there[1])} rows; {unlike}")
    return wrong


@pytest.mark.parametrize("engine", WHOLE, indirect=True)
def test_the_script_gives_the_rows_of_duckdb(
    engine: Engine, hard_days: Path, shop_with_books: Contract, duck: Duck
) -> None:
    engine.run(script(engine.name, hard_days, shop_with_books, books_dir=hard_days), hard_days)
    assert differences(engine, duck) == []
    for table in NOT_PUBLISHED:
        with pytest.raises(Exception, match=r"(?i)not found|not exist"):
            engine.rows(f"select * from {table}")


@needs_real_days
def test_the_script_on_the_real_days(snowflake: Snowflake, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for day in FAULTY_DAYS:
        shutil.copy(day, data)
    build(data, tmp_path / "real.duckdb", SCHEMA)
    snowflake.run(script("snowflake", data, SHOP), data)
    wrong = differences(snowflake, Duck(tmp_path / "real.duckdb"))
    assert [line.partition(";")[0] for line in wrong] == []  # no one's values


def test_the_script_loads_what_duckdb_loads(
    engine: Engine, hard_days: Path, shop_with_books: Contract, duck: Duck
) -> None:
    """By its name and place in the file; of Spark, the selects after the load are those of test_spark.py."""
    text = script(engine.name, hard_days, shop_with_books, books_dir=hard_days)
    load, _, _ = text.partition("-- silver.received")
    seeds = "|".join(path.stem for path in PART2.glob("seeds/*.csv"))
    needed = [s for s in load.split(";\n") if not re.search(rf"\b(table|into|exists) bronze[.]({seeds})\b", s)]
    engine.run(";\n".join(needed), hard_days)
    for select in (
        """select _source_file, _file_id, _line, _unreadable, _payload, "client_id", "clientId", "page_url", "referrer",
            "timestamp", "event_name", "event_data", "user_agent" from bronze.events""",
        "select name, file_date, file_id, records, unreadable from bronze.files",
        f"select {', '.join(ORDERS.types)} from bronze.shop_orders",
        f"select {', '.join(SPEND.types)} from bronze.ad_spend",
    ):
        here, there = engine.rows(translate(select, engine.name)), duck.rows(select)
        assert canonical(here)[1] == canonical(there)[1], select


def test_a_ledger_that_does_not_balance_stops_the_script(snowflake: Snowflake, five_days: Path) -> None:
    """Gold is not touched then, but for the ledger itself."""
    sound = script("snowflake", five_days, SHOP)
    broken = re.sub(r"(WHERE\s+status = 'counted')", r"\1 AND revenue > 500", sound)
    assert broken != sound
    snowflake.run("create schema if not exists gold;\ndrop table if exists gold.attribution;\n")
    with pytest.raises(Exception, match=r"the ledger does not balance: [0-9]+ orders and"):
        snowflake.run(broken, five_days)
    with pytest.raises(Exception, match="ATTRIBUTION does not exist"):
        snowflake.rows("select * from gold.attribution")


@pytest.mark.parametrize("engine", WHOLE, indirect=True)
def test_a_book_with_a_missing_record_stops_the_script(engine: Engine, days: Path, shop_with_books: Contract) -> None:
    write_spend(days)
    place = ("--data_dir", days, "--contract", shop_with_books.path)
    status, text, note = command("--print_sql", engine.name, *place, "--export", days)
    assert status == 0 and f"bronze_*.csv in {days}; put them beside the event files" in note
    load, _, _ = text.partition("-- silver.received")
    file = days / "bronze_ad_spend.csv"
    *kept, _ = file.read_text("utf-8").splitlines(keepends=True)
    file.write_text("".join(kept), "utf-8")
    with pytest.raises(Exception, match=rf"{file.name} has {len(kept)} records, and {len(kept) - 1} were loaded"):
        engine.run(load, days)


def test_a_book_that_cannot_be_read_is_one_sentence(days: Path, shop_with_books: Contract) -> None:
    (days / "ad_spend.csv").write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(DialectError, match=r"ad_spend.csv has no column 'date'.*; correct the file or remove it"):
        script("snowflake", days, shop_with_books)


@pytest.mark.parametrize("engine", WHOLE, indirect=True)
def test_a_missing_record_stops_the_script(engine: Engine, days: Path) -> None:
    text = script(engine.name, days, SHOP)
    file = sorted(days.iterdir())[2]
    file.write_text("".join(file.read_text("utf-8").splitlines(keepends=True)[:-1]), "utf-8")
    with pytest.raises(Exception, match=f"{file.name} has [0-9]+ records, and [0-9]+ were loaded"):
        engine.run(text, days)


@pytest.mark.parametrize("engine", WHOLE, indirect=True)  # and on Spark in test_spark.py
def test_the_suite_passes(engine: Engine) -> None:
    made, last, _ = suite_script(engine.name, SHOP).rsplit(";\n", 2)
    engine.run(made + ";\n")
    names, outcomes = engine.rows(last)
    assert names == ["test", "name", "expected", "actual", "result"]
    assert [row for row in outcomes if row[4] != "PASS"] == []
    assert len(outcomes) == len(read_suite(SHOP).tests)


# A construct of transform.sql or one near to it, texts x to try it on (with a null besides), and what every engine must
# say. Most have another meaning on some engine where they are spelled carelessly, or without a rule of dialects.py.
CONSTRUCTS: dict[str, tuple[str, list[str], object]] = {
    "a day that is none": ("try_cast(cast(x as varchar) as timestamp) is null", ["2025-02-30 10:00:00"], True),
    "milliseconds count": (
        "cast(x as timestamp) + interval 30 minute > cast('2025-03-01 10:30:00.998' as timestamp)",
        ["2025-03-01 10:00:00.999"], True,
    ),
    "the half hour itself": (
        "cast('2025-03-01 10:30:00' as timestamp) < cast(x as timestamp) + interval 30 minute",
        ["2025-03-01 10:00:00"], False,
    ),
    "a minute is cut": ("extract(minute from cast(x as timestamp))", ["2025-03-01 10:30:59.999"], 30),
    "a second is cut": ("floor(extract(second from cast(x as timestamp)))", ["2025-03-01 10:00:59.999"], 59),
    "a day is cut": ("cast(cast(x as timestamp) as date) = date '2025-03-01'", ["2025-03-01 23:59:59.999"], True),
    "days between": ("date_diff('day', cast(x as date), date '2025-03-02')", ["2025-02-28"], 2),
    "nulls come first": (
        "select max(case when x is null then n end) "
        "from (select x, row_number() over (order by x nulls first) as n from texts) as numbered", ["a", "b"], 1,
    ),
    "the latest that is not null": (
        "select max(case when x = 'c' then y end)"
        " from (select x, last_value(case when x < 'c' then x end ignore nulls) "
        "over (order by x nulls first rows between unbounded preceding and current row) as y from texts) as z",
        ["a", "b", "c"], "b",
    ),
    "the first by a key": (
        "select x from texts where true qualify row_number() over (order by length(x) nulls first) = 2",
        ["bb", "a"], "a",
    ),
    "capitals come first": ("select min(x) from texts", ["a", "B"], "B"),
    "an amount that is none": ("try_cast(x as decimal(12, 2))", ["9 USD"], None),
    "an amount is rounded": ("try_cast(x as decimal(12, 2))", ["5.005"], 5.01),
    "away from zero": ("try_cast(x as decimal(12, 2))", ["-5.005"], -5.01),
    "an amount that has no place": ("try_cast(x as decimal(12, 2))", ["12345678901"], None),
    "a sum of decimals": (
        "select cast(sum(cast(x as decimal(12, 2))) as decimal(18, 2)) = cast('0.30' as decimal(18, 2)) from texts",
        ["0.10", "0.20"], True,
    ),
    "cents": ("cast(cast(x as decimal(12, 2)) * 100 as bigint)", ["1234567.89"], 123456789),
    "a fraction is no float": (
        "cast(cast(x as decimal(18, 2)) * 0.01 as decimal(12, 2)) = cast('999999999.99' as decimal(12, 2))",
        ["99999999999"], True,
    ),
    "a scale is a rounding": ("cast(cast(x as decimal(18, 4)) as decimal(12, 2))", ["1.005"], 1.01),
    "a null in a list of rows": ("select max(b) from (values (1, null), (2, 'b')) as v (a, b)", [""], "b"),
    "a quotient is cut": ("2999999 * cast(x as bigint) // 3000000", ["1"], 0),
    "a share is halved": (
        "cast(round(1000000 * power(0.5, cast(x as double) / 604800)) as bigint)", ["302400"], 707107,
    ),
    "a group": ("nullif(regexp_extract(x, '&utm_source=([^&]*)', 1), '')", ["&utm_source=a+b&c"], "a+b"),
    "an empty group": ("nullif(regexp_extract(x, '&utm_source=([^&]*)', 1), '') is null", ["&utm_source=&c"], True),
    "a group that is not there": ("nullif(regexp_extract(x, '&utm_source=([^&]*)', 1), '') is null", ["&c"], True),
    "a pattern of all": ("nullif(regexp_extract(x, '^(.*cp.*|ppc)$', 1), '')", ["xcpx"], "xcpx"),
    "a text in JSON": ("json_extract_string(x, '$.a')", ['{"a": "b"}'], "b"),
    "a number in JSON": ("json_extract_string(x, '$.a')", ['{"a": 100}'], "100"),
    "null in JSON": ("json_extract_string(x, '$.a') is null", ['{"a": null}'], True),
    "a line in JSON": ("json_extract_string(x, '$.i[1].a')", ['{"i": [{"a": 1}, {"a": 2}]}'], "2"),
    "a line that is not there": ("json_extract_string(x, '$.i[1].a') is null", ['{"i": []}'], True),
    "JSON": ("json_valid(x)", ['{"a": [1.10, true, null]}'], True),
    "half of JSON": ("json_valid(x)", ['{"a":'], False),
    "a hash": ("upper(substr(md5(x), 1, 6))", [""], "D41D8C"),
    "a place in a text": ("strpos(x, '.')", ["a.b"], 2),
    "no place in a text": ("strpos(x, '.')", ["ab"], 0),
    "nothing of a text": ("substr(x, 1, 0) = ''", ["ab"], True),
    "any one character": ("x like '%.' || 'a_b'", ["x.axb"], True),
    "an accent": ("lower(x)", ["É"], "é"),
    "a backslash": ("strpos(x, '\\') * 10 + length(x)", ["a\\b"], 23),
}  # fmt: skip


@pytest.fixture(scope="module", params=["duckdb", *WHOLE, "spark"])
def evaluate(request: pytest.FixtureRequest) -> Iterator[Callable[[str], object]]:
    """Return the one value of a select as DuckDB writes it."""
    if request.param == "duckdb":
        with duckdb.connect() as connection:
            yield lambda select: connection.execute(select).fetchall()[0][0]
    else:
        engine = request.getfixturevalue(request.param)
        yield lambda select: engine.rows(translate(select, engine.name))[1][0][0]


@pytest.mark.parametrize("construct", CONSTRUCTS)
def test_a_construct_means_the_same(evaluate: Callable[[str], object], construct: str) -> None:
    expression, texts, expected = CONSTRUCTS[construct]
    rows = " union all ".join(f"select {literal(text)} as x" for text in texts)
    select = expression if expression.startswith("select") else f"select {expression} from texts where x is not null"
    found = evaluate(f"with texts as ({rows} union all select cast(null as varchar)) {select}")
    assert canonical((["x"], [(found,)])) == canonical((["x"], [(expected,)]))


@pytest.mark.parametrize(("part", "whole"), [(2999999, 3000000), (7, 2), (6, 2), (0, 3), (10**15 - 1, 10**6)])
def test_a_quotient_is_truncated_where_division_rounds(part: int, whole: int) -> None:
    """Snowflake's division has six decimals, which fakesnow's has not: here they are put in its place."""
    for sql, right in (
        (translate(f"select cast({part} as bigint) // {whole}", "snowflake"), True),
        (f"select cast(trunc({part} / {whole}) as bigint)", part != 2999999),
    ):
        parsed = sqlglot.parse_one(sql, read="snowflake")
        for division in list(parsed.find_all(sqlglot.exp.Div)):
            division.replace(sqlglot.exp.Round(this=division.copy(), decimals=sqlglot.exp.Literal.number(6)))
        assert (duckdb.connect().execute(parsed.sql(dialect="duckdb")).fetchall() == [(part // whole,)]) is right, sql


def test_an_error_stops_the_script_and_shows_its_message(evaluate: Callable[[str], object]) -> None:
    checked = "case when x = 'sound' then x else error('it is ' || x) end"
    assert evaluate(f"select {checked} from (select 'sound' as x) as t") == "sound"
    with pytest.raises(Exception, match="it is broken"):
        evaluate(f"select {checked} from (select 'broken' as x) as t")


@pytest.mark.parametrize("engine", WAREHOUSES)
def test_a_construct_that_an_engine_lacks_is_an_error(engine: str) -> None:
    lacking = "regexp_extract(x, 'a', 0, 'i')" if "spark" in engine or "bricks" in engine else "x -> '$.i[*].a'"
    with pytest.raises(DialectError, match=f"{engine} does not support .select "):
        translate(f"select {lacking} from t", engine)
    with pytest.raises(DialectError, match="is no select"):
        translate("drop table t", engine)


# What a warehouse does not take as a name, and no emulator minds: Snowflake's reserved words, BigQuery's prefixes.
SNOWFLAKE_RESERVED = """account all alter and any as between by case cast check column connect connection constraint
    create cross current current_date current_time current_timestamp current_user database delete distinct drop else
    exists false following for from full grant group gscluster having ilike in increment inner insert intersect into is
    issue join lateral left like localtime localtimestamp minus natural not null of on or order organization qualify
    regexp revoke right rlike row rows sample schema select set some start table tablesample then to trigger true
    try_cast union unique update using values view when whenever where with"""
BIGQUERY_RESERVED = ("_table_", "_file_", "_partition", "_row_timestamp", "__root__", "_colidentifier")


def test_no_name_is_reserved(hard_days: Path, shop_with_books: Contract) -> None:
    for engine, is_reserved in (
        ("snowflake", lambda name: name in SNOWFLAKE_RESERVED.split()),
        ("bigquery", lambda name: name.startswith(BIGQUERY_RESERVED) and name != "_file_name"),
    ):
        for statement in script(engine, hard_days, shop_with_books).split(";\n"):
            if " as\n" in statement:
                parsed = sqlglot.parse_one(statement.partition(" as\n")[2], read=engine)
                names = {n.name.lower() for n in parsed.find_all(sqlglot.exp.Identifier) if not n.quoted}
                assert {name for name in names if is_reserved(name)} == set(), statement[:80]


def test_a_column_is_not_taken_for_its_table(shop_with_books: Contract) -> None:
    """GoogleSQL takes a bare name for the whole row if the table has that name too."""
    books = statements_of(shop_with_books, (ORDERS.table, SPEND.table), portable=True)
    for statement in (*read_suite(SHOP, portable=True).statements, *books):
        parsed = sqlglot.parse_one(statement.select, read="duckdb")
        for part in parsed.find_all(sqlglot.exp.Select):
            tables = {table.alias_or_name for table in part.find_all(sqlglot.exp.Table) if table.parent_select is part}
            bare = {c.name for c in part.find_all(sqlglot.exp.Column) if not c.table and c.parent_select is part}
            assert tables & bare == set(), statement.name


def test_without_sqlglot_it_is_one_sentence(five_days: Path, tmp_path: Path) -> None:
    (tmp_path / "sqlglot.py").write_text("raise ImportError", "utf-8")
    line = ("--print_sql", "bigquery", "--data_dir", five_days)
    done = process(TRANSFORM, *line, env={"PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stdout) == (2, "")
    assert "needs the package sqlglot; install it with pip install" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_file_at_which_a_loader_stops_is_one_sentence(days: Path) -> None:
    file = sorted(days.iterdir())[2]
    file.write_text(file.read_text("utf-8") + "too,few\n", "utf-8")
    with pytest.raises(
        DialectError, match=rf"{file.name} .* \(line \d+\): a loader would stop there; correct the file"
    ):
        script("snowflake", days, SHOP)


def test_the_location_is_where_the_engine_looks(five_days: Path) -> None:
    name = sorted(five_days.iterdir())[0].name
    assert f"'gs://shop/events/{name}'" in script("bigquery", five_days, SHOP, "gs://shop/events/")
    assert "from @exports/days)" in script("snowflake", five_days, SHOP, "@exports/days")
    assert "create stage" not in script("snowflake", five_days, SHOP, "@exports/days")
    assert f"'{five_days}/{{{name}," in script("spark", five_days, SHOP)
    assert f"'/Volumes/a/b/{{{name}," in script("databricks", five_days, SHOP, "/Volumes/a/b")
