"""A card number is found; a UUID or another identifier whose digits look like one is not."""

import json
from pathlib import Path

import pytest
from command_kit import HEADER, cells, failing, rows, run

CARD = "4111111111111111"  # the test number of a card network
LIKE_A_CARD = "41111111-1111-1111-8111-111111111111"


@pytest.mark.parametrize(
    ("page", "customer", "found"),
    [
        (f"https://puffy.com/?session={LIKE_A_CARD}", LIKE_A_CARD, False),
        ("https://puffy.com/", f"{CARD[:4]}-{CARD[4:8]}-{CARD[8:12]}-{CARD[12:]}", True),
        (f"https://puffy.com/?number={CARD}", "", True),
    ],
)
def test_identifiers_are_not_card_numbers(page: str, customer: str, found: bool, tmp_path: Path) -> None:
    payload = json.dumps({"visitor": customer})
    line = cells("1740787200-AbCdEfGhIjKl", page, "", "2025-03-01T00:00:00.000Z", "page_viewed", payload, "Mozilla")
    (tmp_path / "events_20250301.csv").write_text(f"{HEADER}\n{line}\n", "utf-8")
    run("--data_dir", tmp_path, "--out_dir", tmp_path)
    assert bool(failing(rows(tmp_path), "card_exposed")) is found
