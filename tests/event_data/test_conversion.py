"""conversion.py: every form of export becomes the same files of one day, and no line is lost."""

import gzip
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from event_data.contract import Contract, load_contract
from event_data.reading.conversion import convert
from event_data.reading.day_file import DayFile, ReadingError
from event_data.reading.folder import Folder, find_files

COLUMNS = ("id", "who", "at", "what", "props", "n", "price", "sum")
ROLES = "client: who, time: at, event: what"
EVENTS = "[{name: view, role: page_view}, {name: buy, role: order}]"


def contract(folder: Path, name: str = "e_%Y%m%d.csv", roles: str = ROLES, **blocks: str) -> Contract:
    """Return a contract of COLUMNS with these roles, as YAML in one line."""
    custom = {"columnRoles": f"{{{roles}}}", "events": EVENTS} | blocks
    path = folder / "contract.yaml"
    path.write_text(
        "apiVersion: v3.2.0\nkind: DataContract\nid: shop\nversion: 1.0.0\nstatus: active\nschema:\n"
        f"  - name: events\n    physicalName: '{name}'\n    properties:\n"
        + "".join(f"      - name: {column}\n" for column in COLUMNS)
        + "customProperties:\n"
        + "".join(f"  - property: {key}\n    value: {value}\n" for key, value in custom.items())
    )
    return load_contract(path)


def converted(folder: Path, shop: Contract) -> Folder:
    return convert(find_files(folder, shop.file_name, ("contract.yaml",)), shop, folder / "work")


def rows(file: DayFile) -> list[tuple[str | None, ...]]:
    assert file.readable
    return duckdb.execute(
        "from read_csv(?, all_varchar = true, header = true, quote = '\"', escape = '\"')", [str(file.readable)]
    ).fetchall()


def cell(folder: Path, value: str, role: str, **row: str) -> str | None:
    """Return the cell of a role with this value, for a file with one row."""
    names = {"who": "c", "at": "2025-03-01T10:00:00Z", "what": "buy"} | row
    (folder / "e_20250301.csv").write_text(
        ",".join(names) + "\n" + ",".join('"' + text.replace('"', '""') + '"' for text in names.values()) + "\n"
    )
    roles = ", ".join(part for part in ROLES.split(", ") if not part.startswith(role + ":"))
    shop = contract(folder, roles=f"{roles}, {role}: {value}")
    (file,) = converted(folder, shop).files
    place = "payload" if role in ("transaction_id", "amount", "currency", "customer") else role
    text = dict(zip(file.header, rows(file)[0], strict=True))[shop.roles[place]]
    return json.loads(text)[role] if place == "payload" and text else text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{column: props, path: [$url]}", "u"), ("{column: props, path: ['a b', 'c.d']}", "x"),
        ("{column: props, path: ['[List]', 0, k]}", "z"), ("{column: props, path: [none]}", None),
        ("{column: props, path: ['é']}", "5"), ("{constant: 'it''s'}", "it's"), ("{first: [n, id]}", "7"),
        ("{joined: [id, price], with: /}", "7/1.5"), ("{joined: [id, n]}", None),
    ],
)  # fmt: skip
def test_values(tmp_path: Path, value: str, expected: str | None) -> None:
    props = '{"$url": "u", "a b": {"c.d": "x"}, "[List]": [{"k": "z"}], "é": 5}'
    assert cell(tmp_path, value, "page", id="7", n="", price="1.5", props=props) == expected


def test_a_parameter_of_any_type(tmp_path: Path) -> None:
    entries = [
        {"key": "a", "value": {"string_value": "x"}}, {"key": "b", "value": {"int_value": "12"}},
        {"key": "c", "value": {"double_value": 1.5}},
    ]  # fmt: skip
    found = [
        cell(tmp_path, f"{{column: props, parameter: {key}}}", "page", props=json.dumps(entries)) for key in "abcd"
    ]
    assert found == ["x", "12", "1.5", None]


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("1569888000", "epoch_s", "2019-10-01T00:00:00.000000Z"),
        ("1569888000.5", "epoch_s", "2019-10-01T00:00:00.500000Z"),
        ("1569888000123", "epoch_ms", "2019-10-01T00:00:00.123000Z"),
        ("1569888000123456", "epoch_us", "2019-10-01T00:00:00.123456Z"), ("x", "epoch_s", "x"),
        ("-1", "epoch_s", "-1"), ("9" * 30, "epoch_us", "9" * 30),
        ("01.10.2019 07:05", "dd.MM.yyyy HH:mm", "2019-10-01 07:05:00.000000"),
        ("10/1/2019 7:05:09 PM", "M/d/yyyy h:mm:ss a", "2019-10-01 19:05:09.000000"),
        ("31.02.2019 07:05", "dd.MM.yyyy HH:mm", "31.02.2019 07:05"),
        ("20191001 070509 +0300", "yyyyMMdd HHmmss XX", "2019-10-01 04:05:09.000000Z"),
        ("1 Oct 2019 at 07:05", "d MMM yyyy 'at' HH:mm", "2019-10-01 07:05:00.000000"),
    ],
)  # fmt: skip
def test_declared_times(tmp_path: Path, text: str, form: str, expected: str) -> None:
    found = cell(tmp_path, f'{{column: at, format: "{form}"}}', "time", at=text)
    assert found is not None and found.replace("T", " ") == expected.replace("T", " ")


@pytest.mark.parametrize(
    ("text", "declared", "expected"),
    [
        ("12,50", "decimal: ','", "12.50"), ("1.234,50", "decimal: ',', thousands: '.'", "1234.50"),
        ("1,234.50", "thousands: ','", "1234.50"), ("€ 12,50", "decimal: ','", "12.50"),
        ("12,50 EUR", "decimal: ','", "12.50"),
        ("-3,5", "decimal: ','", "-3.5"), ("1 234,50", "decimal: ',', thousands: ' '", "1234.50"),
        ("1,23.50", "thousands: ','", "1,23.50 (not in the declared form)"),
        ("12.50", "decimal: ','", "12.50 (not in the declared form)"), ("", "decimal: ','", None),
    ],
)  # fmt: skip
def test_declared_amounts(tmp_path: Path, text: str, declared: str, expected: str | None) -> None:
    row = {"sum": text, "id": "1"}
    found = cell(tmp_path, f"{{column: sum, {declared}}}, transaction_id: id", "amount", **row) if text else None
    assert found == expected


def test_a_json_number_keeps_its_point(tmp_path: Path) -> None:
    value = "{column: props, path: [a], decimal: ','}"
    assert [cell(tmp_path, value, "amount", props=json.dumps({"a": a})) for a in (12.5, "12,5")] == ["12.5", "12.5"]


def test_a_click_id_is_named_by_its_parameter(tmp_path: Path) -> None:
    value = "{first: [{column: props, path: [gclid]}, {column: props, path: [fbclid]}]}"
    found = [
        cell(tmp_path, value, "click_id", props=json.dumps(p))
        for p in ({"fbclid": "x"}, {"gclid": "y", "fbclid": "x"}, {})
    ]
    assert found == ["fbclid", "gclid", None]


def test_values_of_orders_are_added_to_the_payload_of_orders(tmp_path: Path) -> None:
    (tmp_path / "e_20250301.csv").write_text(
        "id,who,at,what,props,sum\n"
        '7,c,2025-03-01 10:00,buy,"{""a"": 1}",12.5\n,c,2025-03-01 10:01,buy,not json,3\n'
        "null,c,2025-03-01 10:02,buy,,\n"
        '8,c,2025-03-01 10:03,view,"{""a"": 1}",0\n'
    )
    shop = contract(tmp_path, roles=f"{ROLES}, payload: props, transaction_id: id, amount: sum")
    (file,) = converted(tmp_path, shop).files
    at = file.header.index(shop.roles["payload"])
    payloads = [row[at] for row in rows(file)]
    assert [json.loads(p) if p and p.startswith("{") else p for p in payloads] == [
        {"a": 1, "transaction_id": "7", "amount": "12.5"}, "not json", None, {"a": 1},
    ]  # fmt: skip


# ---- formats: the same events in every form

EVENT_ROWS = [
    {"id": str(n), "who": f"c{n % 3}", "at": f"2025-03-0{1 + n // 4}T1{n % 10}:00:00Z", "what": "buy",
     "props": '{"k": [1, "ü\\n"]}',
     "n": "", "price": 'a "quoted", text', "sum": "1.5"} for n in range(12)
]  # fmt: skip


def as_csv(path: Path, events: Sequence[dict[str, str]], header: bool = True, mark: str = ",") -> None:
    lines = [mark.join(COLUMNS)] * header
    lines += [mark.join('"' + e[c].replace('"', '""') + '"' for c in COLUMNS) for e in events]
    path.write_text("\n".join(lines) + "\n")


def as_json_lines(path: Path, events: Sequence[dict[str, str]]) -> None:
    path.write_text(
        "".join(json.dumps(e | {"props": json.loads(e["props"])}, ensure_ascii=False) + "\n" for e in events)
    )


def as_json_array(path: Path, events: Sequence[dict[str, str]]) -> None:
    path.write_text(json.dumps([e | {"props": json.loads(e["props"])} for e in events], indent=1))


def as_parquet(path: Path, events: Sequence[dict[str, str]]) -> None:
    as_csv(path.with_suffix(".tmp"), events)
    duckdb.execute(
        f"copy (from read_csv('{path.with_suffix('.tmp')}', all_varchar = true)) to '{path}' (format parquet)"
    )
    path.with_suffix(".tmp").unlink()


def as_gzip(path: Path, events: Sequence[dict[str, str]]) -> None:
    as_csv(path, events)
    path.write_bytes(gzip.compress(path.read_bytes()))


Writer = Callable[[Path, Sequence[dict[str, str]]], None]
FORMS: dict[str, tuple[str, str, Writer, dict[str, str]]] = {
    "one file": ("e.csv", "e.csv", as_csv, {}),
    "tab-separated": ("e.tsv", "e.tsv", lambda path, events: as_csv(path, events, mark="\t"), {"delimiter": '"\\t"'}),
    "no header": ("e.csv", "e.csv", lambda path, events: as_csv(path, events, header=False), {"headerless": "true"}),
    "JSON lines": ("e.ndjson", "e.ndjson", as_json_lines, {}),
    "a JSON array": ("e.json", "e.json", as_json_array, {}),
    "Parquet": ("e.parquet", "e.parquet", as_parquet, {}),
    "gzip": ("e.csv", "e.csv.gz", as_gzip, {}),
    "files with a wildcard": ("e-*.csv", "e-0001.csv", as_csv, {}),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_gives_the_same_days(tmp_path: Path, form: str) -> None:
    pattern, name, write, blocks = FORMS[form]
    write(tmp_path / name, EVENT_ROWS)
    files = converted(tmp_path, contract(tmp_path, pattern, **blocks)).files
    assert [f.day for f in files] == [date(2025, 3, 1), date(2025, 3, 2), date(2025, 3, 3)]
    assert [f.name for f in files] == [f"{name} of 2025-03-0{day}" for day in (1, 2, 3)]
    found = [dict(zip(f.header, row, strict=True)) for f in files for row in rows(f)]
    assert [{c: event[c] for c in ("id", "who", "at", "what", "price", "sum", "n")} for event in found] == [
        {c: event[c] or None for c in ("id", "who", "at", "what", "price", "sum", "n")} for event in EVENT_ROWS
    ]
    assert [json.loads(event["props"] or "") for event in found] == [{"k": [1, "ü\n"]}] * 12


def test_folders_with_a_date(tmp_path: Path) -> None:
    for day in (1, 2, 3):
        (tmp_path / f"dt=2025-03-0{day}").mkdir()
        as_csv(tmp_path / f"dt=2025-03-0{day}" / "part-0.csv", EVENT_ROWS[4 * day - 4 : 4 * day - 2])
        as_csv(tmp_path / f"dt=2025-03-0{day}" / "part-1.csv", EVENT_ROWS[4 * day - 2 : 4 * day])
    files = converted(tmp_path, contract(tmp_path, "dt=%Y-%m-%d/*.csv", ROLES)).files
    assert [(f.name, f.day.day, f.number) for f in files][:3] == [
        ("dt=2025-03-01/part-0.csv", 1, 0), ("dt=2025-03-01/part-1.csv", 1, 1), ("dt=2025-03-02/part-0.csv", 2, 0),
    ]  # fmt: skip


# ---- nothing is lost


def test_invalid_lines_keep_their_line_and_day(tmp_path: Path) -> None:
    good = [json.dumps({"who": "c", "at": f"2025-03-0{day}T10:00:00Z", "what": "view"}) for day in (1, 1, 2, 3)]
    lines = [good[0], "", "{broken", good[1], "[1]", good[2], good[3], "NaN", '"text"']
    (tmp_path / "e.ndjson").write_text("\n".join(lines))
    files = converted(tmp_path, contract(tmp_path, "e.ndjson")).files
    assert [(f.rows, f.rejected) for f in files] == [(2, 2), (1, 0), (1, 2)]
    problems = [(p.line, p.message) for f in files for p in f.problems]
    assert [line for line, _ in problems] == [3, 5, 8, 9]
    assert problems[1][1] == "is not a JSON object" and problems[0][1] == "is not valid JSON"
    assert [f.physical_line(1) for f in files] == [1, 6, 7] and files[0].physical_line(2) == 4
    kept = [line for f in files if f.rejects for line in f.rejects.read_text().splitlines()]
    assert [line.split(",")[0] for line in kept] == ["3", "5", "8", "9"]


def test_a_damaged_file_of_many_days(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text(
        "who,at,what\nc,2025-03-01 10:00:00,view\nc,2025-03-01\nc,2025-03-02 10:00:00,view\nc,,view\n"
        "c,2025-03-01 11:00:00,view\nc,2025"
    )
    files = converted(tmp_path, contract(tmp_path, "e.csv")).files
    assert [(f.day.day, f.rows, f.rejected) for f in files] == [(1, 2, 2), (2, 2, 0)]
    assert [p.line for p in files[0].problems] == [3, 7]
    assert [files[0].physical_line(n) for n in (1, 2)] == [2, 6] and [files[1].physical_line(n) for n in (1, 2)] == [
        4,
        5,
    ]


def days_of(folder: Path, times: Iterable[str]) -> list[tuple[date, int]]:
    """Return the days of a file whose records have these times, with the number of their records."""
    (folder / "e.csv").write_text("who,at,what\n" + "".join(f"c,{time},view\n" for time in times))
    return [(f.day, f.rows) for f in converted(folder, contract(folder, "e.csv")).files]


def moments(first: date, days: int, per_day: int = 5) -> list[str]:
    return [f"{first + timedelta(days=n)} {hour:02}:00:00" for n in range(days) for hour in range(per_day)]


def test_a_wrong_clock_does_not_make_a_day(tmp_path: Path) -> None:
    january = moments(date(2025, 1, 1), 20)
    strays = ["1970-01-01 00:00:00", "2035-01-01 00:00:00", "2025-08-01 00:00:00"]
    found = days_of(tmp_path, [*january[:7], *strays, *january[7:]])
    assert [day for day, _ in found] == [date(2025, 1, n) for n in range(1, 21)]
    assert [rows for _, rows in found] == [5, 8, *[5] * 18]


def test_years_of_days_and_a_shop_that_closes_for_a_season(tmp_path: Path) -> None:
    assert len(days_of(tmp_path, moments(date(2023, 1, 1), 1096, 1))) == 1096
    seasons = [*moments(date(2024, 1, 1), 60), *moments(date(2024, 6, 1), 2), *moments(date(2024, 9, 1), 60)]
    assert len(days_of(tmp_path, seasons)) == 122


def test_days_are_those_of_the_contracts_zone(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("who,at,what\nc,2025-03-01T23:30:00Z,view\nc,2025-03-02 00:10:00,view\n")
    shop = contract(tmp_path, "e.csv")
    text = shop.path.read_text().replace(
        "- name: at\n", "- {name: at, logicalType: timestamp, logicalTypeOptions: {defaultTimezone: Europe/Berlin}}\n"
    )
    shop.path.write_text(text)
    assert [f.day for f in converted(tmp_path, load_contract(shop.path)).files] == [date(2025, 3, 2)]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("e.csv", b"who,at,what\nc,yesterday,view\n", "no event has a readable time .*e.csv: it has no event"),
        ("e.parquet", b"PAR1 is all there is", "it is not a Parquet file that can be read"),
        ("e.json", b'[{"a": 1}, {"a"', "it is not a JSON array that can be read"),
        ("e.ndjson", b"1\n2\n", "it has no JSON object"), ("e.csv", b"", r"it is empty \(0 bytes\)"),
        ("e.csv", b"PK\x03\x04 a zip", "it is a zip or xlsx file"),
    ],
)  # fmt: skip
def test_files_without_a_day_are_named(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ReadingError, match=reason):
        converted(tmp_path, contract(tmp_path, name))
    as_csv(tmp_path / "f.csv", EVENT_ROWS)


def test_one_unreadable_file_of_several_is_reported(tmp_path: Path) -> None:
    as_csv(tmp_path / "e-1.csv", EVENT_ROWS)
    (tmp_path / "e-2.csv").write_text("who,at,what\nc,never,view\n")
    folder = converted(tmp_path, contract(tmp_path, "e-*.csv"))
    assert len(folder.files) == 3
    assert [(u.name, u.reason) for u in folder.unread] == [("e-2.csv", "it has no event with a readable time")]


def test_json_that_no_reader_accepts_as_text_is_still_read(tmp_path: Path) -> None:
    line = json.dumps({"who": "c", "at": "2025-03-01T10:00:00Z", "what": "view"}).encode()
    (tmp_path / "e.ndjson").write_bytes(b"\xef\xbb\xbf" + line + b"\r\n" + line.replace(b"view", b"v\xff") + b"\n")
    (file,) = converted(tmp_path, contract(tmp_path, "e.ndjson")).files
    assert file.rows == 2 and not file.rejected


def test_contracts_that_need_no_conversion_skip_it(tmp_path: Path) -> None:
    as_csv(tmp_path / "e_20250301.csv", EVENT_ROWS)
    shop = contract(tmp_path)
    found = find_files(tmp_path, shop.file_name, ("contract.yaml",))
    assert not shop.is_converted and convert(found, shop, tmp_path / "work") is found


def ids(files: Iterable[DayFile]) -> list[Any]:
    return [f.file_id for f in files]


def test_several_files_of_many_days(tmp_path: Path) -> None:
    as_csv(tmp_path / "e-1.csv", EVENT_ROWS[:6])
    as_csv(tmp_path / "e-2.csv", EVENT_ROWS[6:])
    files = converted(tmp_path, contract(tmp_path, "e-*.csv")).files
    assert ids(files) == [20250301000, 20250302000, 20250302001, 20250303000]


def test_numbers_of_the_file_are_not_in_the_declared_form(tmp_path: Path) -> None:
    lines = [
        {"who": "c", "at": "2025-03-01T10:00:00Z", "what": "buy", "sum": amount}
        for amount in ("12,50", 24.125, "1.234,5")
    ]
    (tmp_path / "e.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    shop = contract(tmp_path, "e.ndjson", f"{ROLES}, amount: {{column: sum, decimal: ',', thousands: .}}")
    (file,) = converted(tmp_path, shop).files
    place = file.header.index(shop.roles["payload"])
    assert [json.loads(row[place] or "")["amount"] for row in rows(file)] == ["12.50", "24.125", "1234.5"]


@pytest.mark.parametrize("text", ["(12,50)", "12,50 %", "CR 12,50", "12,50,00"])
def test_other_symbols_are_not_currencies(tmp_path: Path, text: str) -> None:
    found = cell(tmp_path, "{column: sum, decimal: ','}", "amount", sum=text)
    assert found == f"{text} (not in the declared form)"


def test_a_null_order_value_does_not_fall_back_to_the_payload(tmp_path: Path) -> None:
    (tmp_path / "e_20250301.csv").write_text(
        'who,at,what,props,sum\nc,2025-03-01 10:00,buy,"{""amount"": 999, ""a"": 1}",\n'
    )
    shop = contract(tmp_path, roles=f"{ROLES}, payload: props, amount: sum")
    (file,) = converted(tmp_path, shop).files
    assert json.loads(rows(file)[0][file.header.index(shop.roles["payload"])] or "") == {"a": 1}


@pytest.mark.parametrize(
    "text",
    [
        '{{"who": "c",\n "at": "{0}", "what": "view"}}\n{{"who": "c", "at": "{0}", "what": "view"}}',
        '{{"who": "c", "at": "{0}", "what": "view"}},\n{{"who": "c", "at": "{0}", "what": "view"}},\n',
        '[1, 2]\n{{"who": "c", "at": "{0}", "what": "view"}}\n{{"who": "c", "at": "{0}", "what": "view"}}\n',
        '{{"who": "c", "at": "{0}", "what": "view"}}{{"who": "c", "at": "{0}", "what": "view"}}',
    ],
)
def test_json_in_other_layouts(tmp_path: Path, text: str) -> None:
    (tmp_path / "e.json").write_text(text.format("2025-03-01 10:00:00"))
    (file,) = converted(tmp_path, contract(tmp_path, "e.json")).files
    assert file.rows == 2


def test_keys_of_any_spelling(tmp_path: Path) -> None:
    line = {'w"ho': "right", "who": "c", "a/b~c": "x", "d\\e": "y", "at": "2025-03-01 10:00:00", "what": "view"}
    (tmp_path / "e.ndjson").write_text(json.dumps(line) + "\n")
    (file,) = converted(tmp_path, contract(tmp_path, "e.ndjson")).files
    found = dict(zip(file.header, rows(file)[0], strict=True))
    assert {name: found[name] for name in line} == line


def test_files_without_a_header_in_any_encoding(tmp_path: Path) -> None:
    text = "7,c,2025-03-01 10:00,view,,,,\n"
    for name, raw in (("e-1.csv", b"\xef\xbb\xbf" + text.encode()), ("e-2.csv", text.encode("utf-16"))):
        (tmp_path / name).write_bytes(raw)
    files = converted(tmp_path, contract(tmp_path, "e-*.csv", headerless="true")).files
    assert [rows(file)[0][:2] for file in files] == [("7", "c"), ("7", "c")]


def test_columns_with_our_own_names(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text(
        "who,at,what,_line,_day,c0,at\nc,2025-03-01 10:00,view,9,x,y,z\nd,2025-03-01 11:00,view,5,x,y,z\n"
    )
    (file,) = converted(tmp_path, contract(tmp_path, "e.csv")).files
    assert [row[0] for row in rows(file)] == ["c", "d"] and [file.physical_line(n) for n in (1, 2)] == [2, 3]


def test_parquet_of_any_zone_and_with_our_own_names(tmp_path: Path) -> None:
    duckdb.execute(f"""copy (
        select 'c' as who, timestamptz '2025-03-01 10:00:00+02' as at, 'view' as what, 1 as file_row_number
    ) to '{tmp_path / "e.parquet"}' (format parquet)""")
    (file,) = converted(tmp_path, contract(tmp_path, "e.parquet")).files
    assert rows(file)[0][1] == "2025-03-01 08:00:00+00"


def test_markers_of_other_engines_and_deeper_folders(tmp_path: Path) -> None:
    folder = tmp_path / "dt=2025-03-01"
    (folder / "hour=05").mkdir(parents=True)
    (folder / "_SUCCESS").touch()
    as_csv(folder / "part-0.csv", EVENT_ROWS[:2])
    found = find_files(tmp_path, "dt=%Y-%m-%d/*.csv", ("contract.yaml",))
    assert [u.name for u in found.unread] == ["dt=2025-03-01/hour=05"] and len(found.files) == 1
