"""Test that the right check names each fault, on a synthetic and a real day, and that noise fails no check."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from command_kit import rows, run
from commands import NO_REAL_DAYS, REAL, REPO, SCHEMA, SHOPS, has_real_days, needs_shops
from faults import FAULTS, Broken
from synthetic_events import generate

SHOP_CONTRACTS = REPO / "tests" / "shops"
SYNTHETIC_DAY = "20250305"  # the 11th: ten days of history, three days after it
REAL_DAY = "20250303"  # the last with a referrer; eight days of history
# Faults on days that follow one another must not hide each other, so one run of the command sees three of them.
SYNTHETIC_DAYS, REAL_DAYS = ("20250304", SYNTHETIC_DAY, "20250306"), ("20250301", "20250302", REAL_DAY)

Report = list[dict[str, str]]


class Named(NamedTuple):
    """The right name of a fault; `fault@share` breaks that share instead of the catalogue's.

    `rows` compares the failed cases with the rows that were broken: `=` as many, `>` at least as many, `?` cannot be
    compared. `line` is the first bad line: `first` of the broken rows, `header`, `none` where rows are gone or a day is
    compared with others, `partner` where the other of two rows may be the one, `mark` where only another check of
    Fault.expects has it.
    """

    check: str
    column: str
    severity: str
    rows: str
    line: str


TABLE = """
column_renamed_client      column_missing              client_id     P0 ? header
column_renamed_time        column_missing              timestamp     P0 ? header
column_recased_page        column_missing              page_url      P0 ? header
column_synonym_client      column_renamed              client_id     P0 ? header
column_dropped_referrer    column_missing              referrer      P0 ? header
column_dropped_client      column_missing              client_id     P0 ? header
column_dropped_payload     column_missing              event_data    P0 ? header
payload_flattened          column_missing              event_data    P0 ? header
column_added               column_unexpected           header        P2 ? header
columns_reordered          column_order                header        P3 ? header
null_client                null_share                  client_id     P1 = first
null_page                  null_share                  page_url      P1 = first
null_time                  null_share                  timestamp     P1 = first
null_event                 null_share                  event_name    P1 = first
null_user_agent            null_share                  user_agent    P2 = first
null_referrer              null_shift                  referrer      P2 = none
emptied_client             column_missing              client_id     P0 ? header
emptied_page               column_missing              page_url      P0 ? header
emptied_time               column_missing              timestamp     P0 ? header
emptied_event              column_missing              event_name    P0 ? header
emptied_payload            column_missing              event_data    P0 ? header
emptied_referrer           column_missing              referrer      P0 ? header
column_moved_client        column_missing              client_id     P0 ? header
column_moved_to_synonym    column_renamed              client_id     P0 ? header
emptied_client@0.96        column_missing              client_id     P0 ? header
id_nil@0.01                value_placeholder           client_id     P1 = first
id_shared@0.12             client_id_shared            client_id     P1 ? none
id_nil                     value_placeholder           client_id     P1 = first
id_shared                  client_id_shared            client_id     P1 = none
ids_new                    client_id_unique            client_id     P1 > none
ids_new_for_half           client_id_unstable          client_id     P1 ? none
null_payload_of_orders     payload_missing             event_data    P0 = first
pages_cut                  value_truncated             page_url      P2 ? none
nulls_of_a_database        null_text                   event_data    P2 ? first
nulls_of_a_data_frame      null_text                   event_data    P2 = first
null_text_client           null_text                   client_id     P2 = first
two_names_of_client        names_differ                client_id     P1 ? partner
undefined_client           value_placeholder           client_id     P1 = first
time_unparseable           timestamp_unparseable       timestamp     P0 = first
time_american              timestamp_unparseable       timestamp     P0 = first
time_local_with_offset     timestamp_offset            timestamp     P1 = first
time_local_as_utc          timestamp_outside_day       timestamp     P1 ? first
time_a_day_back            timestamp_outside_day       timestamp     P1 = first
time_cut_to_the_minute     timestamp_precision         timestamp     P2 ? none
time_on_12_hours           timestamp_half_day          timestamp     P1 ? none
event_renamed              value_invalid               event_name    P1 = first
event_new                  value_invalid               event_name    P1 = first
event_gone                 event_volume                product_added_to_cart P1 ? none
day_missing                file_missing                file          P0 ? none
day_empty                  file_empty                  file          P0 ? none
header_only                file_empty                  file          P0 ? none
truncated_in_quotes        file_truncated              file          P0 ? first
truncated_in_row           file_truncated              file          P0 ? first
delivered_twice            day_delivered_twice         file          P1 ? none
other_day_again            content_repeated            file          P0 ? none
utf16                      encoding_other              file          P2 ? none
semicolons                 delimiter_other             file          P2 ? none
tabs                       delimiter_other             file          P2 ? none
latin1                     encoding_other              file          P2 = first
html_page                  file_unreadable             file          P0 ? none
xml_document               file_unreadable             file          P0 ? none
json_lines                 file_unreadable             file          P0 ? none
header_missing             file_unreadable             file          P0 ? none
preamble                   header_not_first            file          P2 ? partner
separator_line             header_not_first            file          P2 ? partner
totals                     totals_at_end               file          P2 ? partner
second_header              header_repeated             event_name    P1 = first
stray_quotes               quote_stray                 page_url      P2 = first
rows_unreadable            file_unreadable             file          P0 ? none
open_quotes                records_unreadable          file          P1 = first
fields_too_many            records_unreadable          file          P1 = first
fields_too_few             records_unreadable          file          P1 ? first
nul_bytes                  encoding_other              file          P2 = first
huge_field                 records_unreadable          file          P1 = first
payload_malformed          payload_malformed           event_data    P0 = first
payload_truncated          payload_malformed           event_data    P0 = first
payload_encoded_twice      payload_encoded_twice       event_data    P0 = first
payload_in_a_list          payload_not_object          event_data    P0 = first
price_not_a_number         payload_not_a_number        event_data    P1 = first
lines_empty                order_lines_empty           checkout_completed.items   P1 ? first
key_missing_email          payload_key_missing         checkout_completed.user_email P1 = first
key_renamed_revenue        order_amount_missing        checkout_completed.revenue    P0 = first
key_null_price             payload_key_missing         checkout_completed.items[].item_price P1 > first
revenue_negative           payload_key_range           checkout_completed.revenue    P1 = first
revenue_text               payload_key_type            checkout_completed.revenue    P1 = first
revenue_in_cents           order_amount_shift          checkout_completed.revenue    P1 ? mark
revenue_a_hundredth        order_amount_low            checkout_completed.revenue    P1 ? mark
revenue_zero               order_amount_zero           checkout_completed.revenue    P2 = first
lines_do_not_add_up        order_lines_mismatch        checkout_completed.items      P1 = first
order_resubmitted          transaction_id_resubmission checkout_completed.transaction_id P2 = first
order_amended              transaction_id_amendment    checkout_completed.transaction_id P2 = first
order_under_two_ids        possible_duplicate          checkout_completed.transaction_id P1 = first
order_collided             transaction_id_collision    checkout_completed.transaction_id P1 = partner
rows_doubled               rows_repeated               rows          P1 = first
events_fired_twice         event_fired_twice           page_viewed   P2 = first
email_shared               customer_shared             user_email    P3 > partner
starts_removed             completions_above_starts    event_name    P1 ? none
views_removed              steps_without_page_view     product_added_to_cart P2 ? none
utm_stripped               campaign_shift              page_url      P1 ? none
campaign_not_filled_in     campaign_placeholder        page_url      P1 = first
campaigns_emptied          campaign_shift              page_url      P1 ? none
foreign_referrers_stripped null_shift                  referrer      P2 = none
crawler_flood              crawler_shift               user_agent    P2 = none
crawlers_in_checkout       crawlers_in_checkout        user_agent    P2 = first
email_in_url               email_exposed               page_url      P1 = first
card_in_url                card_exposed                page_url      P0 = first
phone_in_url               phone_exposed               page_url      P1 = first
email_in_payload           email_exposed               event_data    P1 = first
raw_query_values           query_not_anonymised        page_url      P2 = first
hours_missing              hours_without_events        timestamp     P1 ? none
orders_falling             event_volume                checkout_completed P1 ? none
rows_capped                row_cap                     rows          P1 ? none
traffic_tripled            rows_volume                 events        P1 ? none
traffic_falling            rows_volume                 events        P1 ? none
"""
# Why some rows are not `=`: fields_too_few may hit the last row, which then counts as truncated; a local time
# is wrong in every row and leaves the day in some; a cheap order in cents is no dearer than twenty others; some
# addresses have a utm_medium and no utm_source.
NAMED = {name: Named(*rest) for name, *rest in map(str.split, TABLE.strip().splitlines())}
# Page views of this fault happen on the day before, where a step now has an earlier one.
MOVED_TO_THE_DAY_BEFORE = {"time_local_as_utc"}
# Faults that change what is known of the days beside them.
ALONE = dict.fromkeys(["other_day_again", "views_removed"], SYNTHETIC_DAY)
# From 27 February the real files bear the synonym; on the days before, the fault brings it.
REAL_ALONE = dict.fromkeys(["column_synonym_client", "column_moved_to_synonym"], "20250226")


def expects(name: str) -> tuple[str, ...]:
    """Return the checks that may name a fault of the table."""
    return FAULTS[name.partition("@")[0]].expects


def validate(folder: Path, out_dir: Path, *options: object) -> tuple[int, Report]:
    """Return the exit status and the report of a run."""
    status, _, stderr = run("--data_dir", folder, "--out_dir", out_dir, *options)
    assert status in (0, 3), stderr
    return status, rows(out_dir)


def broken(source: Path, work: Path, name: str, day: str) -> tuple[Broken, Report]:
    """Return the report on the days of `source`, one of them broken."""
    damage, report = broken_days(source, work, {day: name})
    return damage[name], report


def broken_days(source: Path, work: Path, names: Mapping[str, str]) -> tuple[dict[str, Broken], Report]:
    """Return the report on the days of `source` with a fault on some; the other days are links, as a run only reads."""
    into = work / "days"
    into.mkdir()
    for path in source.glob("*.csv"):
        if path.stem[-8:] in names:
            shutil.copyfile(path, into / path.name)
        else:
            (into / path.name).symlink_to(path)
    damage = {}
    for day, name in names.items():
        fault, _, share = name.partition("@")
        damage[name] = FAULTS[fault].apply(into / f"events_{day}.csv", float(share or FAULTS[fault].serious), 1)
    return damage, validate(into, work)[1]


def groups(days: tuple[str, ...], alone: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the faults that one run sees, by day, for each fault: some alone on their day, others one of a kind."""
    together = [name for name in NAMED if name not in alone]
    third = -(-len(together) // 3)
    runs = [{day: name} for name, day in alone.items()]
    runs += [dict(zip(days, together[at::third], strict=False)) for at in range(third)]
    return {name: run for run in runs for name in run.values()}


class Runs:
    """Runs of part 1 on a fault and those beside it, each made once."""

    def __init__(self, source: tuple[Path, Report], work: Path, names: dict[str, dict[str, str]]):
        self.source, self.before, self.work, self.names = *source, work, names
        self.made: dict[str, tuple[dict[str, Broken], Report]] = {}

    def of(self, name: str) -> tuple[Broken, Report, set[str]]:
        """Return the damage, the report, and the damaged files."""
        run = self.names[name]
        key = " ".join(run.values())
        if key not in self.made:
            work = self.work / str(len(self.made))
            work.mkdir()
            self.made[key] = broken_days(self.source, work, run)
            shutil.rmtree(work)
        damage, report = self.made[key]
        return damage[name], report, {one.file for one in damage.values()}


def alarms(report: Report) -> list[dict[str, str]]:
    """Return the failures that call a person: above P3, and not following from another one."""
    failed = [row for row in report if row["status"] == "fail" and row["severity"] < "P3"]
    return [row for row in failed if not row["message"].startswith("follows from ")]


def verdicts_before(files: set[str], report: Report, with_counts: bool = True) -> list[tuple[str, ...]]:
    """Return the verdicts on the files that came before these: no later file may change them."""
    keys = ("check", "file", "column", "status", "severity", *(("failed", "message") if with_counts else ()))
    first = min(files)[:15]
    return [tuple(row[key] for key in keys) for row in report if row["file"] < first and row["status"] != "skip"]


def one(report: Report, check: str, file: str, column: str) -> dict[str, str]:
    found = [row for row in report if (row["check"], row["file"], row["column"]) == (check, file, column)]
    assert len(found) < 2
    return found[0] if found else {"status": "absent", "failed": "", "first_bad_line": ""}


def assert_named(name: str, damage: Broken, before: Report, after: Report, files: set[str]) -> None:
    """Assert that the fault's own check fails on its file and column, on the right line, with the right count."""
    right, place = NAMED[name], (damage.file, NAMED[name].column)
    keep_counts = name not in MOVED_TO_THE_DAY_BEFORE
    assert verdicts_before(files, after, keep_counts) == verdicts_before(files, before, keep_counts)
    found, was = one(after, right.check, *place), one(before, right.check, *place)
    assert found["status"] == "fail", f"{right.check} does not fail on {place}"
    assert found["severity"] <= right.severity
    gained = int(found["failed"]) - int(was["failed"] or 0)
    assert gained > 0
    assert {"=": gained == damage.rows, ">": gained >= damage.rows, "?": True}[right.rows], (gained, damage.rows)
    line, first = found["first_bad_line"], min(damage.lines, default=0)
    if was["status"] == "fail" and was["first_bad_line"]:
        first = min(first, int(was["first_bad_line"]))  # it had failed before
    if right.line == "first" and was["status"] == "pass" and int(was["failed"]):
        assert int(line) <= first  # some cases had been tolerated before
    elif right.line == "mark":
        others = [one(after, check, damage.file, row["column"]) for check in expects(name) for row in after]
        assert str(first) in {row["first_bad_line"] for row in others if row["status"] == "fail"}
    elif right.line == "partner":
        assert int(line) > 1
    elif right.line == "none" and right.check != "steps_without_page_view":
        assert line == ""
    else:
        assert line == {"first": str(first), "header": "1", "none": line}[right.line]


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    folder = tmp_path_factory.mktemp("healthy")
    generate(folder, incidents=False)
    status, report = validate(folder, tmp_path_factory.mktemp("report"))
    assert status == 0 and not alarms(report)
    return folder, report


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    if not has_real_days:
        pytest.skip(NO_REAL_DAYS)
    return REAL, validate(REAL, tmp_path_factory.mktemp("report"))[1]


def test_the_table_and_the_catalogue_agree() -> None:
    assert {name.partition("@")[0] for name in NAMED} == {name for name, fault in FAULTS.items() if not fault.benign}
    assert {name: right.check for name, right in NAMED.items()} == {name: expects(name)[0] for name in NAMED}


@pytest.fixture(scope="module")
def synthetic_runs(healthy: tuple[Path, Report], tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(healthy, tmp_path_factory.mktemp("runs"), groups(SYNTHETIC_DAYS, ALONE))


@pytest.fixture(scope="module")
def real_runs(real: tuple[Path, Report], tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(real, tmp_path_factory.mktemp("runs"), groups(REAL_DAYS, REAL_ALONE))


@pytest.mark.parametrize("name", NAMED)
def test_a_synthetic_day(name: str, synthetic_runs: Runs) -> None:
    damage, after, files = synthetic_runs.of(name)
    assert_named(name, damage, synthetic_runs.before, after, files)
    elsewhere = [(row["file"], row["check"]) for row in alarms(after) if row["file"] not in files]
    assert not elsewhere
    assert {row["check"] for row in alarms(after) if row["file"] == damage.file} <= set(expects(name))


@pytest.mark.parametrize("name", NAMED)
def test_a_real_day(name: str, real_runs: Runs) -> None:
    damage, after, files = real_runs.of(name)
    assert damage.rows > 0, "the fault cannot apply to this day; choose another one"
    assert_named(name, damage, real_runs.before, after, files)


@pytest.mark.parametrize(
    ("name", "check", "column", "message"),
    [
        ("orders_falling", "confirmations_without_order", "checkout_completed", "of 21 checkouts"),
        ("revenue_in_cents", "revenue_volume", "checkout_completed.revenue", "Revenue of $2,300,600; "),
    ],
)
def test_another_check_sees_the_fault_too(
    name: str, check: str, column: str, message: str, healthy: tuple[Path, Report], tmp_path: Path
) -> None:
    """19 of 22 orders fall away, most of them begun on the day by a start; or a revenue of $23,006 is in cents."""
    damage, after = broken(healthy[0], tmp_path, name, SYNTHETIC_DAY)
    found = one(after, check, damage.file, column)
    assert found["status"] == "fail" and found["severity"] <= "P1" and message in found["message"]


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.benign])
@pytest.mark.parametrize("source", ["healthy", "real"])
def test_a_benign_fault_is_a_note(source: str, name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    folder, before = request.getfixturevalue(source)
    damage, after = broken(folder, tmp_path, name, SYNTHETIC_DAY)
    assert damage.rows > 0
    keys = [
        {(r["check"], r["file"][:15], r["column"], r["failed"]) for r in alarms(found)} for found in (before, after)
    ]
    assert keys[0] == keys[1]
    for check in FAULTS[name].expects:
        assert any(row["status"] == "fail" for row in after if row["check"] == check and row["file"] == damage.file)


def test_a_fault_is_not_hidden_by_an_open_incident(real: tuple[Path, Report], tmp_path: Path) -> None:
    """Ids that are new with every event on a day: orders without an earlier event were many before."""
    damage, after = broken(real[0], tmp_path, "ids_new", REAL_DAY)
    before, found = (
        one(report, "orders_without_earlier_event", damage.file, "client_id") for report in (real[1], after)
    )
    assert (before["status"], before["severity"], before["failed"]) == ("fail", "P2", "5")
    assert (found["status"], found["severity"], found["failed"], found["checked"]) == ("fail", "P1", "24", "24")
    assert re.search(r"24 of 24 orders \(100%\) .*; before, \d+ of \d+$", found["message"])


# ---- noise


def assert_silent(folder: Path, out_dir: Path, *options: str) -> None:
    status, report = validate(folder, out_dir, *options)
    assert status == 0
    assert [(r["severity"], r["check"], r["file"], r["column"], r["message"]) for r in alarms(report)] == []


@pytest.mark.parametrize(
    ("seed", "days", "size"),
    [
        *[(seed, 14, 3570) for seed in (2, 3, 4, 5, 6)],
        (7, 14, 300),
        (8, 14, 9000),
        (10, 14, 600),
        (11, 14, 1200),
        (7, 300, 600),
    ],
)
def test_healthy_days_are_silent(seed: int, days: int, size: int, tmp_path: Path) -> None:
    generate(tmp_path / "days", days=days, events_per_day=size, seed=seed, incidents=False)
    assert_silent(tmp_path / "days", tmp_path)


@needs_shops
@pytest.mark.parametrize("shop", ["posthog", "amplitude", "ga4_bigquery", "ndjson"])
def test_healthy_days_of_another_shop_are_silent(shop: str, tmp_path: Path) -> None:
    assert_silent(SHOPS / shop, tmp_path, "--contract", str(SHOP_CONTRACTS / f"{shop}.yaml"))


def test_a_healthy_fortnight_in_plain_values_is_silent(tmp_path: Path) -> None:
    generate(tmp_path / "days", seed=9, incidents=False, anonymised=False)
    before, _, rest = SCHEMA.read_text("utf-8").partition("  - property: anonymisation\n")
    contract = tmp_path / "plain.yaml"
    contract.write_text(before + rest[rest.index("  - property: order\n") :], encoding="utf-8")
    assert_silent(tmp_path / "days", tmp_path, "--contract", str(contract))
