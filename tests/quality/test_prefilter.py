"""The fast path changes no byte of any report: a run is compared with one that evaluates every check on all events."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from command_kit import add, cells, contract
from commands import REAL, SCHEMA, needs_real_days
from faults import FAULTS
from quality import row_checks
from quality.checks import DEFINITIONS, run_checks
from quality.command import connect
from quality.definitions import ROW_CHECKS, Definition, Threshold
from quality.evidence import collect
from quality.incidents import find_incidents
from quality.prefilter import COVERED, PRECONDITIONS
from quality.reports import write_reports
from quality.row_checks import expand
from quality.scan import Scan
from synthetic_events import generate

from event_data.contract import Severity, load_contract
from event_data.events import PLACEHOLDERS


def run(data_dir: Path, contract_path: Path, work: Path, prefilter: bool) -> tuple[Scan, dict[str, str]]:
    """Return the scan, and the reports by name."""
    work.mkdir(parents=True, exist_ok=True)
    scan = Scan(load_contract(contract_path), work, connect(work), prefilter=prefilter)
    scan.run(data_dir)
    findings = run_checks(scan)
    incidents = find_incidents(findings, DEFINITIONS, scan.files, scan.contract.currency)
    evidence = collect(scan, incidents)
    written, _ = write_reports(work, scan, findings, incidents, evidence, as_json=True, as_junit=True)
    return scan, {path.name: path.read_text("utf-8") for path in written}


def assert_same(data_dir: Path, contract_path: Path, work: Path) -> Scan:
    """Assert that the reports with and without the prefilter are the same; return the scan with it."""
    fast, reports = run(data_dir, contract_path, work / "fast", prefilter=True)
    slow, expected = run(data_dir, contract_path, work / "slow", prefilter=False)
    assert candidates(slow) == sum(f.records for f in slow.files)
    for name, text in expected.items():
        known = set(text.split("\n"))
        assert [line for line in reports[name].split("\n") if line not in known] == [], name
        assert reports[name] == text, name
    return fast


def candidates(scan: Scan) -> int:
    """Return how many events were checked one by one."""
    return int(scan.connection.execute("select count(*) from candidates").fetchall()[0][0])


# ---- contracts that ask for other things than the shop's own


def plain(document: dict[str, Any], columns: dict[str, Any], custom: dict[str, Any]) -> None:
    """Return a contract with plain values, any host, another clock, and columns that must be filled or bounded."""
    document["customProperties"] = [p for p in document["customProperties"] if p["property"] != "anonymisation"]
    custom["ownHosts"]["value"] = []
    columns["timestamp"]["logicalTypeOptions"] = {"defaultTimezone": "Europe/Berlin"}
    columns["referrer"]["required"] = True
    columns["user_agent"]["logicalTypeOptions"] = {"maxLength": 60}
    del columns["client_id"]["logicalTypeOptions"]


def without_kinds(document: dict[str, Any], columns: dict[str, Any], custom: dict[str, Any]) -> None:
    """Return a contract without kinds of events, with a pattern for addresses and any value in a query."""
    gone = ("events", "order")
    document["customProperties"] = [p for p in document["customProperties"] if p["property"] not in gone]
    columns["page_url"]["logicalTypeOptions"] = {"pattern": "^https://[a-z.]+/[^?]*$"}
    columns["event_name"]["logicalTypeOptions"] = {"maxLength": 15}
    custom["anonymisation"]["value"] |= {"queryValue": ".*", "foreignHost": ".*"}


CONTRACTS: dict[str, Callable[..., object]] = {"own": lambda *_: None, "plain": plain, "without_kinds": without_kinds}


@pytest.fixture(scope="module")
def broken_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a day for each fault of the catalogue."""
    folder = tmp_path_factory.mktemp("broken")
    files = generate(folder, days=len(FAULTS), events_per_day=400, start=date(2025, 1, 1), incidents=False)
    for path, fault in zip(files, FAULTS.values(), strict=True):
        fault.apply(path, 0.5, 1)
    return folder


@pytest.mark.parametrize("name", ["own", "without_kinds"])  # with plain values, every event is a candidate anyway
def test_every_fault_of_the_catalogue(name: str, broken_days: Path, tmp_path: Path) -> None:
    assert_same(broken_days, contract(tmp_path, CONTRACTS[name]), tmp_path)


HOSTILE = [
    "https://puffy.com/?q=joe@mail.example", "https://puffy.com/4%4%40mail.example", "https://puffy.com/%%40b.example",
    "HTTPS://PUFFY.COM/", "https://STAFF.PUFFY.COM/", "https://staff.puffy.com/", "https://puffy.com.evil.example/",
    "https://x/?u=joe@mail.google.com", "https://a@www.google.com/", "https://www.google.com#a", "https://source-",
    "https://source-0123abcd.com", "https://source-0123abcd.com#4111111111111111", "https://puffy.com:443/",
    "https://puffy.com/?tel=12345678&x=9", "https://puffy.com/#415-555-2671", "https://puffy.com/4111 1111 1111 1111",
    "https://puffy.com/?a=7B4C8A&b=7b4c8a", "https://puffy.com/?a=b?c=d", 'https://puffy.com/"', "puffy.com", "//", "",
    "https://www.415.555.2671.example/", "android-app://com.google", "https:///", "https://puffy.com?x=%2B4915112345678",
]  # fmt: skip
CLIENTS = [*PLACEHOLDERS, "1740268798-abc@defghijk", '1740268798-abc"efghijk', "(not set)", ""]
TIMES = ["2025-03-01T10:00:00Z", "2025-03-01T10:00:00+01:00", "2025-03-02T00:00:00Z", "2025-03-01 10:00", "infinity"]
KINDS = ["page_viewed", "purchase", 'page"viewed', "event_name", "new_kind", ""]


@pytest.mark.parametrize("name", CONTRACTS)
def test_hostile_values(name: str, tmp_path: Path) -> None:
    (tmp_path / "days").mkdir()
    path = generate(tmp_path / "days", days=1, events_per_day=50, start=date(2025, 3, 1), incidents=False)[0]
    good = ("1740268798-abcdefghijkl", "https://puffy.com/", "", TIMES[0], "page_viewed", "", "Mozilla" * 3)
    places = (CLIENTS, HOSTILE, HOSTILE, TIMES, KINDS, ["{}", "{", '{"a": "joe@mail.example"}'], [*CLIENTS, "x" * 99])
    for at, hostile in enumerate(places):
        add(path, *(cells(*good[:at], value, *good[at + 1 :]) for value in hostile))
    scan = assert_same(tmp_path / "days", contract(tmp_path, CONTRACTS[name]), tmp_path)
    assert sum(f.records for f in scan.files) > 50 + sum(map(len, places)) - 9


def test_most_healthy_events_are_not_candidates(five_days: Path, tmp_path: Path) -> None:
    scan = assert_same(five_days, SCHEMA, tmp_path)
    assert candidates(scan) < 0.1 * sum(f.records for f in scan.files)
    assert sum(f.plain for f in scan.files) > 0.8 * sum(f.records for f in scan.files)


@needs_real_days
def test_the_real_days(tmp_path: Path) -> None:
    scan = assert_same(REAL, SCHEMA, tmp_path)
    assert candidates(scan) < 0.3 * sum(f.records for f in scan.files)


@pytest.mark.parametrize(
    "condition",
    [
        "page like '%/products/%'",
        "step = 'page_view' and not payload_valid",
        "tracked and hour(event_at) = 12 and revenue is null",
        "referrer is null",
    ],
)
def test_a_check_that_the_prefilter_does_not_know(
    condition: str, five_days: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An author writes a condition, nothing else; here one that clean page views fail."""
    new = Definition(
        "new_check", Severity.P3, "accuracy", Threshold.parse("0"), "{failed}", "Look.", condition, applies_to="page"
    )
    monkeypatch.setattr(row_checks, "ROW_CHECKS", [*ROW_CHECKS, new])
    monkeypatch.setitem(DEFINITIONS, "new_check", new)
    scan = assert_same(five_days, SCHEMA, tmp_path)
    assert all(0 < m.failed < scan.files[m.file_no].records for m in scan.measures["new_check"])


def test_every_check_has_a_column_that_it_looks_at(tmp_path: Path) -> None:
    """A word after `applies_to:` that names no kind of column would leave its check without any."""
    price = {"name": "price", "logicalType": "number", "logicalTypeOptions": {"minimum": 0}}
    path = contract(tmp_path, lambda document, *_: document["schema"][0]["properties"].append(price))
    assert {check.definition.check for check in expand(load_contract(path))} == {check.check for check in ROW_CHECKS}


def test_the_prefilter_names_checks_that_exist() -> None:
    known = {check.check for check in ROW_CHECKS}
    assert {*PRECONDITIONS, *(name for names in COVERED.values() for name in names)} <= known
