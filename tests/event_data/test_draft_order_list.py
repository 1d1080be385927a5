"""`--init` finds the shop's order list among the files, and drafts it as a second object of the contract."""

from pathlib import Path

import pytest
from synthetic_events import generate
from synthetic_orders import write_books

from event_data.contract import Contract, load_contract
from event_data.contract.drafting import draft_contract
from event_data.contract.drafting.order_list import find_order_list
from event_data.contract.model import Field

WOO = "order_id;order_number;date;status;currency;order_total;refunded_total;payment_method;billing_email"


def drafted(data: Path) -> tuple[str, Contract]:
    text = draft_contract(data)
    path = data.parent / "draft.yaml"
    path.write_text(text, "utf-8")
    return text, load_contract(path)


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("draft") / "data"
    generate(folder, days=3, events_per_day=300, seed=2, incidents=False)
    return folder


def test_the_list_of_shopify_is_drafted(days: Path) -> None:
    before, alone = drafted(days)
    write_books(days)
    text, contract = drafted(days)
    orders = contract.order_list
    assert alone.order_list is None and orders is not None and contract.file_name == "events_%Y%m%d.csv"
    assert (orders.file_name, orders.delimiter) == ("orders_export*.csv", ",")
    assert orders.values["order_id"] == Field("Name") and orders.values["customer"] == Field("Email")
    assert "not read, because of the name" not in text and "idInTracking" in text and "idInTracking" not in before


def test_the_list_of_woocommerce_and_other_files(days: Path, tmp_path: Path) -> None:
    (tmp_path / "wc 2025-03.csv").write_text(f"{WOO}\n1;2\n", "utf-8-sig")
    (tmp_path / "wc 2025-04.csv").write_text(f"{WOO}\r\n1;2\r\n", "utf-8")
    (tmp_path / "stock.csv").write_text("Name,Total\nA,1\n", "utf-8")
    names = sorted(path.name for path in tmp_path.iterdir())
    found = find_order_list(tmp_path, names)
    assert found and (found.file_name, found.delimiter, len(found.names)) == ("wc*.csv", ";", 2)
    assert found.roles["amount"] == "order_total" and "sales_channel" not in found.roles
    assert find_order_list(tmp_path, ["stock.csv", "absent.csv"]) is None
    for month in ("april", "march"):
        (tmp_path / f"{month}.csv").write_text(f"{WOO}\n1;2\n", "utf-8")
    found = find_order_list(tmp_path, ["april.csv", "march.csv", "stock.csv"])
    assert found and (found.names, found.file_name) == (("march.csv",), "march.csv")  # *.csv would take the stock
