"""`--init` finds the shop's own books among the files, and drafts them as further objects of the contract."""

from pathlib import Path

import pytest
from synthetic_events import generate
from synthetic_orders import write_books

from event_data.contract import Contract, load_contract
from event_data.contract.drafting import draft_contract
from event_data.contract.drafting.books import find_books
from event_data.contract.model import Amount, Constant, Field

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
    (found,) = find_books(tmp_path, names)
    assert (found.file_name, found.delimiter, len(found.names)) == ("wc*.csv", ";", 2)
    assert found.values["amount"] == Field("order_total") and "sales_channel" not in found.values
    assert find_books(tmp_path, ["stock.csv", "absent.csv"]) == ()
    for month in ("april", "march"):
        (tmp_path / f"{month}.csv").write_text(f"{WOO}\n1;2\n", "utf-8")
    (found,) = find_books(tmp_path, ["april.csv", "march.csv", "stock.csv"])
    assert (found.names, found.file_name) == (("march.csv",), "march.csv")  # *.csv would take the stock


GOOGLE = """Campaign report
"February 23, 2025 - February 25, 2025"
Day,Campaign,Campaign ID,Currency code,Cost,Clicks,Impr.,Conversions
2025-02-23,Brand,1,USD,"1,012.50",250,"9,100",3
"""
META = """Reporting starts,Reporting ends,Campaign name,Amount spent (USD),Impressions,Link clicks,Purchases
2025-02-23,2025-02-23,Spring,80.10,9100,--,--
"""
COSTS = "utm_source,utm_medium,utm_campaign,date,impressions,clicks,cost\nbing,cpc,brand,2025-02-23,10,2,1.50\n"


def test_each_export_of_spend_is_an_object(days: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for path in days.glob("events_*.csv"):
        (data / path.name).symlink_to(path)
    files = {"google_ads_2025-02.csv": GOOGLE, "google_ads_2025-03.csv": GOOGLE, "meta.csv": META, "costs.csv": COSTS}
    for name, text in files.items():
        (data / name).write_text(text, "utf-8")
    text, contract = drafted(data)
    by_name = {book.file_name: book for book in contract.ad_spend}
    google, meta, costs = (by_name.pop(name) for name in ("google_ads*.csv", "meta*.csv", "costs*.csv"))
    assert not by_name
    assert google.values["cost"] == Amount(Field("Cost"), thousands=",") and google.values["date"] == Field("Day")
    assert (google.values["source"], google.values["medium"]) == (Constant("google"), Constant("cpc"))
    assert meta.values["cost"] == Field("Amount spent (USD)") and meta.values["currency"] == Constant("USD")
    assert meta.values["clicks"] == Field("Link clicks") and meta.values["source"] == Constant("facebook")
    assert costs.values["source"] == Field("utm_source") and "currency" not in costs.values
    assert "not read, because of the name" not in text and contract.file_name == "events_%Y%m%d.csv"
    assert text.count("check: the utm_campaign") == 3 and text.count("as in the utm_medium of your ads") == 2
