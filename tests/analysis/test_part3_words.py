"""Sentences of the summary that few data reach, on gold made by hand."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from analysis.charts import attribution_loss_pie
from analysis.charts.style import source_line
from analysis.command import is_critical
from analysis.documents import report, summary, verdict
from analysis.findings import Change, find_changes
from analysis.gold import Gold
from analysis.impact import load_assumptions, model
from analysis.incidents import Incident, Quality
from analysis.intervals import Interval
from analysis.templating import known_share, title
from analysis_kit import gold
from test_part3_statistics import ASSUMPTIONS

from event_data.shop_roles import ALL_ROLES, ShopRoles

DAYS = [date(2025, 3, 1) + timedelta(n) for n in range(8)]
CHECKED = Quality(is_checked=True)
NO_AMOUNT = ShopRoles(ALL_ROLES.names - {"amount"})
MENDED = [
    ("as_tracked", "no id", 300.0, 3), ("healed", "no touch in the window", 100.0, 1),
]  # fmt: skip


def shop(refused: Mapping[int, int] = {}, **fields: Any) -> Gold:
    """Return eight days of one order, $100, each; days with refused orders have no other."""
    days = [
        (day, 90, int(n not in refused), 100.0 * (n not in refused), 50, 1, refused.get(n, 0))
        for n, day in enumerate(DAYS)
    ]
    known: dict[str, Any] = {
        "days": days, "ledger": [("gross", 8, 800.0), ("counted", 8 - len(refused), 100.0 * (8 - len(refused)))],
        "systems": [("Desktop", "A", 8, 400)], "hours": [(day, 9, 90, 1) for day in DAYS],
    }  # fmt: skip
    return gold(**known | fields)


def summary_of(of: Gold, quality: Quality = CHECKED, changes: tuple[Change, ...] | None = None) -> str:
    """Return the summary of a shop."""
    found, assumptions = find_changes(of, quality) if changes is None else changes, load_assumptions(ASSUMPTIONS)
    return summary(verdict(of, quality, found, model(of, quality, assumptions)), assumptions, ())


def grave(since: int, **fields: Any) -> Incident:
    """Return a P0 incident that began on a day after a good one, and lasts."""
    known: dict[str, Any] = {
        "check": "payload_type",
        "column": "order.revenue",
        "last_good": DAYS[since] - timedelta(1),
    }
    return Incident(**{
        "severity": "P0", "since": DAYS[since], "until": None, "at_stake": None, "message": "It is wrong",
        "advice": "Mend it.", **known, **fields,
    })  # fmt: skip


def test_orders_that_could_not_be_used_are_no_fall_of_sales() -> None:
    """All orders from the fourth day on have no readable amount: nothing is known of how sales went."""
    unread = shop(dict.fromkeys(range(3, 8), 1))
    quality = Quality(True, (grave(3),))
    assert find_changes(unread, quality) == ()
    text = summary_of(unread, quality)
    assert "**The measurement is broken; too few days can be used to say whether the business changed.**" in text
    assert "the business changed with it" in summary_of(shop(), quality, (fall(grave(3)),))


def fall(incident: Incident | None) -> Change:
    """Return a clear fall of revenue."""
    return Change("revenue per day", 100.0, 40.0, Interval(-60.0, -70.0, -50.0), incident)


def test_a_grave_fault_from_before_the_period() -> None:
    lasting = Quality(True, (replace(grave(0), since=date(2024, 12, 3)),))
    later = shop(before=shop(), is_all=False)
    text = summary_of(later, lasting, (fall(None),))
    assert "**The measurement has been broken since 3 Dec 2024; revenue fell from the 8 days before.**" in text
    assert title("revenue", gold=later, changes=(fall(None),)) == (
        "Revenue fell to $40 per day, from $100 in the 8 days before"
    )


def test_hours_without_events_of_a_shop_without_amounts() -> None:
    """An order is due in an hour that had one on each of the seven other days."""
    quality = Quality(True, (grave(7, check="hours_without_events", severity="P1"),), empty_hours={DAYS[7]: [9]})
    hours = [(day, 9, 90, int(day != DAYS[7])) for day in DAYS]
    text = summary_of(shop(roles=NO_AMOUNT, hours=hours), quality)
    assert "| Operations | Compare the orders of 8 March with the shop's order list | about 1 order |" in text
    assert "$" not in text and "revenue" not in text.lower()
    dark = summary_of(shop(hours=hours), quality)
    assert "| Operations | Compare the orders of 8 March with the shop's order list | about $114 |" in dark
    assert "The hours without events would have held about $114." in dark


def test_ids_repaired_in_a_shop_without_amounts() -> None:
    mended = shop(roles=NO_AMOUNT, unsourced=MENDED)
    assert title("evidence", gold=mended) == "With ids repaired, 2 more of 8 orders have a known channel: 88%, not 63%"


def test_a_channel_is_known_of_nearly_all() -> None:
    """The picture's centre and its title say the same: never 100% where a part is not known."""
    nearly = shop(unsourced=[("healed", "no id", 1.0, 1), ("as_tracked", "no id", 1.0, 1)])
    figure = attribution_loss_pie.draw(nearly)
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert known_share(nearly, "healed") == ">99%" in texts and not any(text.startswith("100%") for text in texts)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"unused": [(f"events_{n}.csv", "is empty", False) for n in range(6)]},
            "6 files were not used: events\\_0.csv (is empty), events\\_1.csv (is empty), events\\_2.csv (is empty), "
            "events\\_3.csv (is empty) and 2 more.",
        ),
        ({"refused_records": [("no readable time", 1200)]}, "**Some of the data could not be used, so these figures"),
        ({"refused_records": [("no readable time", 1200)]}, "that could not be used: 1,200 (no readable time)."),
        (
            {"refused_spend": pd.DataFrame({"reason": ["no day", "no readable cost"], "records": [3, 1]})},
            "Records of advertising spend that could not be used: 3 (no day) and 1 (no readable cost).",
        ),
        (
            {"ledger": [("counted", 10, 1000.0)]},
            "2 orders ($200.00) arrived in the file of another day; they are in the totals and in no day.",
        ),
        (
            {"coverage": pd.DataFrame({"tracked": [8], "expected": [10], "missing_amount": [250.0]}, index=DAYS[:1])},
            "- **Not tracked: 2 of 10 orders in the shop's order list, $250.00, have no usable order event.**",
        ),
        (
            {"spend": pd.DataFrame({"spend": 20.0}, index=DAYS), "unsourced": MENDED},
            "The spend of $160.00 is measured; the other inputs are assumptions.",
        ),
    ],
)  # fmt: skip
def test_what_few_shops_have(fields: dict[str, Any], words: str) -> None:
    assert words in summary_of(shop(**fields))
    assert words not in summary_of(shop())


def test_the_page_shows_the_order_list_by_day() -> None:
    listed = pd.DataFrame({"tracked": [8], "expected": [10], "missing_amount": [250.0]}, index=DAYS[:1])
    of = shop(coverage=listed)
    page = report(verdict(of, CHECKED, find_changes(of, CHECKED), model(of, CHECKED, load_assumptions(ASSUMPTIONS))))
    (section,) = re.findall(r'<section aria-labelledby="coverage-title">.*?</section>', page, re.DOTALL)
    assert "10 orders were tracked" in section and "2 of 10 orders" in section
    assert re.findall(r"<td[^>]*>(.*?)</td>", section) == [str(DAYS[0]), "10", "8", "$250.00"]


def test_faults_of_a_shop_without_an_order_are_not_called_harmless() -> None:
    faulty = Quality(True, (grave(0, severity="P1", check="confirmations_without_order"),))
    text = summary_of(shop(ledger=[("counted", 0, 0.0)]), faulty)
    assert "**No order was recorded, and the measurement has faults; find out first whether orders were made.**" in text
    assert "none that makes revenue or identity unusable" in summary_of(shop(), faulty)


def test_days_without_a_file_are_listed() -> None:
    days = [(day, 90, 1, 100.0, 50, 1, 0) for n, day in enumerate(DAYS) if n not in (1, 4, 5)]
    gap = shop(days=days, files=[(f"events_{day[0]:%Y%m%d}.csv", day[0], "") for day in days])
    assert "- **3 days have no usable file**: 2 March, 5 March and 6 March. What was sold then" in summary_of(gap)
    assert source_line(gap) == "Source: events_20250301.csv to events_20250308.csv, 5 files; 3 days between without."


def test_a_ledger_that_does_not_balance_is_critical() -> None:
    lines = [("gross", 9, 900.0), ("counted", 8, 800.0), ("difference", 1, 100.0)]
    assert is_critical(shop(ledger=lines), CHECKED, 0.01) and not is_critical(shop(), CHECKED, 0.01)


def test_visits_without_an_id_are_no_fall_of_visits() -> None:
    lost = grave(4, check="null_share", column="client_id", at_stake=Decimal(0))
    fewer = Change("conversion", 0.02, 0.01, Interval(-0.01, -0.015, -0.005), lost)
    text = summary_of(shop(), Quality(True, (lost,)), (fewer,))
    assert "Visits without an id are not among them, so this may be the measurement." in text
    assert "recorded visits changed, as lost ids make them; nothing shows that sales did" in text
