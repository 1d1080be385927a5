"""Touches of long sessions and of events far from their file's day."""

from pathlib import Path

import yaml
from commands import SCHEMA, query
from warehouse_kit import build

HEADER = "client_id,session_id,page_url,referrer,timestamp,event_name,event_data,user_agent"


def contract(path: Path) -> Path:
    """Return the shop's contract with a session id of the export."""
    document = yaml.safe_load(SCHEMA.read_text("utf-8"))
    document["schema"][0]["properties"].append({"name": "session_id", "logicalType": "string"})
    roles = next(one for one in document["customProperties"] if one["property"] == "columnRoles")
    roles["value"]["session"] = "session_id"
    path.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
    return path


def view(at: str, page: str = "https://puffy.com/", client: str = "a") -> str:
    return f"{client},s,{page},,{at},page_viewed,,Mozilla"


def order(at: str) -> str:
    payload = '"{""transaction_id"": ""o1"", ""revenue"": 10, ""user_email"": ""h""}"'
    return f"a,s,https://checkout.puffy.com/checkouts/cn/t/thank-you,,{at},checkout_completed,{payload},Mozilla"


def test_a_session_of_eight_days_uses_the_touches_in_the_window(tmp_path: Path) -> None:
    days = {
        1: [view("2025-03-01T10:00:00.000Z", "https://puffy.com/?utm_source=x&utm_medium=email")],
        5: [view("2025-03-05T10:00:00.000Z", "https://puffy.com/?utm_source=x&utm_medium=sms")],
        9: [order("2025-03-09T10:00:00.000Z")],
    }
    (tmp_path / "data").mkdir()
    for day, lines in days.items():
        text = "\n".join([HEADER, *lines]) + "\n"
        (tmp_path / "data" / f"events_2025030{day}.csv").write_text(text, "utf-8")
    build(tmp_path / "data", tmp_path / "w.duckdb", contract(tmp_path / "c.yaml"))
    assert query(tmp_path / "w.duckdb", "select count(*) from silver.sessions where reading = 'healed'") == [(1,)]
    path = "select channel from silver.order_touches where reading = 'healed'"
    assert query(tmp_path / "w.duckdb", path) == [("SMS",)]


def test_events_far_from_the_day_of_their_file_are_in_no_day(tmp_path: Path) -> None:
    times = (
        "1970-01-01T00:00:00.000Z",
        "2025-03-01T10:00:00.000Z",
        "2025-03-02T10:00:00.000Z",
        "2035-01-01T00:00:00.000Z",
    )
    (tmp_path / "data").mkdir()
    lines = [HEADER, *(view(at, client=f"c{n}") for n, at in enumerate(times)), order("2035-01-01T00:00:00.000Z")]
    (tmp_path / "data" / "events_20250301.csv").write_text("\n".join(lines) + "\n", "utf-8")
    build(tmp_path / "data", tmp_path / "w.duckdb", contract(tmp_path / "c.yaml"))
    for metric, found in {"events": [(1, 1, 3)], "orders": [(0, 0, 1)], "sessions": [(1, 1, 3)]}.items():
        assert query(
            tmp_path / "w.duckdb",
            "select coalesce(sum(case when day(date) = 1 then numerator end), 0)::int, "
            "coalesce(sum(case when day(date) = 2 then numerator end), 0)::int, "
            "coalesce(sum(case when date is null then numerator end), 0)::int "
            "from gold.daily_metrics where metric = ? and segment_kind = 'all'", [metric],
        ) == found, metric  # fmt: skip
    years = "select distinct year(date) from gold.daily_metrics where date is not null"
    assert query(tmp_path / "w.duckdb", years) == [(2025,)]
