"""schema.yaml is valid, means what it says, and every mistake in a contract is one sentence."""

import importlib.resources
import json
import re
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pytest
import yaml
from contract_mistakes import MISTAKES, SMALL, spelt_out
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from open_data_contract_standard.model import OpenDataContractStandard

from event_data.contract import Contract, ContractError, host_regexp, load_contract
from event_data.contract import shape as contract_shape

SCHEMA = Path(__file__).parents[2] / "part1-data-quality" / "schema.yaml"


@pytest.fixture(scope="module")
def odcs() -> Any:
    text = importlib.resources.files("open_data_contract_standard").joinpath("schema.json").read_text("utf-8")
    return json.loads(text)


def load(tmp_path: Path, text: str, known: tuple[str, ...] = ()) -> Contract:
    path = tmp_path / "c.yaml"
    path.write_text(text, encoding="utf-8")
    return load_contract(path, known)


# ---- the contract of the repository


def test_schema_is_valid_odcs(odcs: Any) -> None:
    jsonschema.Draft201909Validator(odcs).validate(yaml.safe_load(SCHEMA.read_text("utf-8")))
    OpenDataContractStandard.from_file(str(SCHEMA))


def test_schema_says_what_the_shop_needs() -> None:
    contract = load_contract(SCHEMA)
    assert contract.file_name == "events_%Y%m%d.csv" and contract.delimiter == ","
    assert contract.roles["client"] == "client_id" and len(contract.roles) == 7
    client = contract.column_of("client")
    assert client is not None and client.synonyms == ("clientId",) and client.required
    order = contract.event_of("order")
    assert order is not None and order.synonyms == ("purchase",)
    assert "items[].item_price" in [key.path for key in order.payload]
    assert contract.order is not None and contract.order.line_amount_is == "line"
    assert contract.order.duplicates == "resubmission"
    assert contract.anonymisation is not None and contract.anonymisation.query_value == "^[0-9A-F]{6}$"
    assert contract.sla == {"frequency": timedelta(days=1), "latency": timedelta(hours=6)}
    assert len(SCHEMA.read_text("utf-8").splitlines()) < 400


def test_loading_is_fast() -> None:
    times = []
    for _ in range(10):
        start = time.perf_counter()
        load_contract(SCHEMA)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.025


def test_without_the_c_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = load_contract(SCHEMA)
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert load_contract(SCHEMA) == expected


def test_levels_are_those_of_odcs(odcs: Any) -> None:
    """LEVELS knows exactly the keys that the standard has."""
    defs = odcs["$defs"]
    element = set(defs["SchemaElement"]["properties"])
    base = element | set(defs["SchemaBaseProperty"]["properties"])
    quality = set(defs["DataQuality"]["properties"]) | {"metric", "rule", "arguments", "query", "engine"}
    operators = {key for one in defs["DataQualityOperators"]["oneOf"] for key in one["properties"]}
    servers = {key for one in defs["ServerSource"].values() for key in one["properties"]}
    expected = {
        "contract": set(odcs["properties"]),
        "about": set(odcs["properties"]["description"]["properties"]),
        "server": servers | set(defs["Server"]["properties"]),
        "table": element | set(defs["SchemaObject"]["properties"]),
        "quality": quality | operators | {"implementation"},
        "support": set(defs["SupportItem"]["properties"]),
        "price": set(defs["Pricing"]["properties"]),
        "team": set(defs["Team"]["properties"]),
        "member": set(defs["TeamMember"]["properties"]),
        "access": set(defs["Role"]["properties"]),
        "sla": set(defs["ServiceLevelAgreementProperty"]["properties"]),
        "definition": set(defs["AuthoritativeDefinitions"]["items"]["properties"]),
        "custom": set(defs["CustomProperty"]["properties"]),
        "synonym": set(defs["Synonym"]["properties"]),
        "value": set(defs["EnumValue"]["properties"]),
        "context": set(defs["Context"]["oneOf"][1]["properties"]),
    }
    assert {name: set(contract_shape._keys(name)) for name in expected} == expected
    for level in ("property", "item"):
        assert set(contract_shape._keys(level)) >= base
    types = defs["SchemaBaseProperty"]["properties"]["logicalType"]["enum"]
    assert sorted(contract_shape.CHOICES["type"]) == sorted(types)


# ---- what may be left out


def test_a_small_contract_has_defaults(tmp_path: Path) -> None:
    contract = load(tmp_path, SMALL[: SMALL.index("  - property: events")].replace("      payload: props\n", ""))
    assert contract.delimiter == "," and contract.additional_columns == "report"
    assert contract.events == () and contract.order is None and contract.anonymisation is None
    assert contract.own_hosts == () and contract.sla == {} and contract.column_of("payload") is None
    assert contract.columns[0].logical_type == "string" and not contract.columns[0].required
    assert contract.columns[3].name == "the 'event' \" ü"


def test_order_has_defaults(tmp_path: Path) -> None:
    order = load(tmp_path, SMALL).order
    assert order is not None and order.line_amount_is == "line" and order.duplicates == "resubmission"
    assert (order.customer, order.lines, order.checkout_token) == (None, None, None)


def test_what_is_not_used_is_tolerated(tmp_path: Path) -> None:
    extra = """\
team: {name: data, members: [{username: jo}]}
support: [{channel: data, url: "https://shop.example"}]
servers: [{server: files, type: local, path: ./data, format: csv, encoding: UTF-8}]
price: {priceAmount: 1, priceCurrency: EUR}
roles: [{role: analyst}]
contractCreatedTs: 2025-03-01T10:00:00Z
context: {instructions: none}
slaProperties:
  - {property: retention, value: 2, unit: years}
  - {property: availability, value: 10:30}
"""
    foreign = "\n      - {type: sql, query: select 1, mustBe: 0}\n      - {type: text, description: be good}"
    foreign += "\n      - {type: custom, engine: soda, implementation: {a: 1}}\n"
    text = extra + SMALL.replace("implementation: some_check\n", "implementation: some_check" + foreign)
    text += "  - {property: theirs, vendor: other, value: [1, {a: b}]}\n"
    contract = load(tmp_path, text)
    assert [rule.check for rule in contract.rules] == ["some_check"]
    assert contract.sla == {"retention": timedelta(days=730), "availability": "10:30"}


def test_physical_name_is_the_header(tmp_path: Path) -> None:
    text = SMALL.replace(
        "- name: visitor", "- {name: visitor, physicalName: v, quality: [{metric: nullValues, mustBe: 0}]}"
    )
    contract = load(tmp_path, text)
    assert contract.columns[0].name == contract.roles["client"] == "v" == contract.rules[1].column


def test_bounds_of_values(tmp_path: Path) -> None:
    options = "{minimum: -1, exclusiveMaximum: 5, multipleOf: 1}"
    text = SMALL.replace("- name: sum\n", f"- {{name: sum, logicalType: number, logicalTypeOptions: {options}}}\n")
    order = load(tmp_path, text.replace("- name: ts", "- {name: ts, logicalTypeOptions: {maxLength: 24}}"))
    key = order.events[0].payload[1]
    assert key.minimum == -1 and key.maximum is not None and 4.99 < key.maximum < 5
    assert order.columns[2].max_length == 24
    assert [key.path for key in order.events[0].payload] == ["id", "sum", "lines", "lines[].price"]


def test_paths_of_nested_payloads(tmp_path: Path) -> None:
    nested = "{name: a, properties: [{name: b}, {name: c, logicalType: array, items: {logicalType: integer}}]}"
    contract = load(tmp_path, SMALL.replace("- name: lines\n", f"- {nested}\n          - name: lines\n"))
    assert [key.path for key in contract.events[0].payload] == [
        "id",
        "sum",
        "a",
        "a.b",
        "a.c",
        "a.c[]",
        "lines",
        "lines[].price",
    ]


def test_hosts() -> None:
    hosts = re.compile(host_regexp(["shop.example", "google.*"]))
    hits = ["shop.example", "www.shop.example", "google.com", "www.google.co.uk"]
    assert all(hosts.fullmatch(host) for host in hits)
    assert not any(hosts.fullmatch(host) for host in ["myshop.example", "shop.example.org", "google", "notgoogle.com"])
    for pattern in (host_regexp([]), host_regexp(["a-b.example", "google.*"])):
        assert duckdb.execute("select regexp_full_match('', ?)", [pattern]).fetchall() == [(False,)]


def test_patterns_run_in_duckdb() -> None:
    contract = load_contract(SCHEMA)
    patterns = [column.pattern for column in contract.columns]
    patterns += [key.pattern for event in contract.events for key in event.payload]
    assert contract.order is not None and contract.anonymisation is not None
    patterns += [contract.order.checkout_token, contract.anonymisation.foreign_host]
    for pattern in filter(None, patterns):
        duckdb.execute("select regexp_full_match('x', ?)", [pattern])


# ---- mistakes: in the text that `new` puts in place of `old`, « stands on the line that is at fault


@pytest.mark.parametrize(("old", "new", "sentence"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_one_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert SMALL.count(old) == 1, "the case no longer fits"
    marked = SMALL.replace(old, new)
    line = marked[: marked.index("«")].count("\n") + 1
    with pytest.raises(ContractError) as caught:
        load(tmp_path, marked.replace("«", ""), known=("some_check", "other_check"))
    assert str(caught.value) == f"{tmp_path / 'c.yaml'}, line {line}: {spelt_out(sentence)}"


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", ", line 1: the file is empty; `--init` writes a first contract"),
        (b"# nothing\n", ", line 1: the file is empty; `--init` writes a first contract"),
        (b"a: 1\nb: \xe9\n", ", line 2: not UTF-8; save the file as UTF-8"),
        (SMALL.encode("utf-16"), ", line 1: not UTF-8; save the file as UTF-8"),
        (b" " * 1_000_001, ": larger than 1,000,000 bytes; is this the contract?"),
        (b"text", ", line 1: must have keys below it, such as `version:`"),
        (b"- a", ", line 1: must have keys below it, such as `version:`"),
        (b"a: b: c", ", line 1: not YAML: mapping values are not allowed in this context; check the indents"),
    ],
)
def test_a_file_that_is_no_contract(tmp_path: Path, raw: bytes, sentence: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(raw)
    with pytest.raises(ContractError, match=f"^{re.escape(str(path) + sentence)}$"):
        load_contract(path)


def test_no_file(tmp_path: Path) -> None:
    for path, part in (
        (tmp_path, "is a directory"),
        (tmp_path / "x", "no such contract"),
        (Path("\0"), "cannot be read"),
    ):
        with pytest.raises(ContractError, match=part):
            load_contract(path)


@pytest.mark.parametrize("opening", ["[", "- ", "{a: ", "? ", "a:\n " * 3])
def test_nesting_does_not_crash(tmp_path: Path, opening: str) -> None:
    """The C parser's own tree builder overflows its stack on these."""
    with pytest.raises(ContractError):
        load(tmp_path, opening * 200_000)


def test_a_bomb_of_aliases_is_refused(tmp_path: Path) -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    with pytest.raises(ContractError, match="line 1: a: anchors and aliases"):
        load(tmp_path, bomb)


# ---- whatever stands in the file: a contract, or one sentence


def contract_or_sentence(path: Path) -> None:
    try:
        assert isinstance(load_contract(path, ("some_check",)), Contract)
    except ContractError as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error) and len(str(error)) < 700


FUZZ = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)


@FUZZ
@given(raw=st.binary(max_size=300))
def test_random_bytes(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(raw)
    contract_or_sentence(path)


SCRAPS = [
    *(
        "",
        "- ",
        ": ",
        "[]",
        "{}",
        "~",
        "*a",
        "&a ",
        "!!int x",
        "<<: ",
        "'",
        '"',
        "|",
        "0x",
        "1e999",
        "\x85",
        "-",
    ),
    *(
        "\ud7ff",
        "mustBe: 0",
        "9" * 5000,
        "'\\ud800'",
        '"\\ud800"',
        "2025-02-30",
        "\ufeff",
        "\t",
        "(?",
        "%Y%Y",
    ),
]


@FUZZ
@given(data=st.data())
def test_random_changes_of_the_schema(tmp_path: Path, data: st.DataObject) -> None:
    text = SCHEMA.read_text("utf-8") if data.draw(st.booleans()) else SMALL
    lines = text.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(lines) - 1))
        change, scrap = (
            data.draw(st.sampled_from("dsvmk")),
            data.draw(st.sampled_from(SCRAPS) | st.text(max_size=8)),
        )
        key, colon, _ = lines[place].partition(":")
        if change == "d" and len(lines) > 1:
            del lines[place]
        elif change == "s":
            other = data.draw(st.integers(0, len(lines) - 1))
            lines[place], lines[other] = lines[other], lines[place]
        elif change == "m":
            cut = data.draw(st.integers(0, len(lines[place])))
            lines[place] = lines[place][:cut] + scrap + lines[place][cut:]
        elif change == "k":
            lines[place] = key[: len(key) - len(key.lstrip())] + scrap + lines[place].lstrip()
        else:
            lines[place] = f"{key}{colon} {scrap}"
    path = tmp_path / "c.yaml"
    path.write_text("\n".join(lines), encoding="utf-8", errors="replace")
    contract_or_sentence(path)
