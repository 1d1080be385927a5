"""Random days of a few clients, drawn where the definitions of part 2 have their edges."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st
from source_reference import decoded, hidden_host, hidden_value

COLUMNS = ("client_id", "page_url", "referrer", "timestamp", "event_name", "event_data", "user_agent")
# What a day's header may look like; `both` is a file in the midst of the rename.
HEADERS = {
    "plain": COLUMNS,
    "renamed": ("clientId", *COLUMNS[1:]),
    "no referrer": ("clientId", *(c for c in COLUMNS[1:] if c != "referrer")),
    "both": (*COLUMNS, "clientId"),
    "shuffled": ("user_agent", "surplus", *COLUMNS[-2::-1]),
    "no client": COLUMNS[1:],
}


# Two moments stand seven days apart, twice; the first of each pair is just before midnight.
ANCHORS = [
    datetime(2025, 3, day, hour, minute, tzinfo=UTC)
    for day, hour, minute in ((1, 23, 50), (8, 23, 50), (2, 12, 0), (9, 12, 0), (5, 8, 0))
]
HALF_HOUR = 30 * 60 * 1000
DAY_OF_MS = 48 * HALF_HOUR
MOMENTS = st.sampled_from([-HALF_HOUR, -HALF_HOUR + 1, -1, 0, 0, 1, 400, 1000, 30_000, 600_000, HALF_HOUR - 1,
                           HALF_HOUR, HALF_HOUR + 1, 2 * HALF_HOUR, 2 * HALF_HOUR - 1])  # fmt: skip
TIMES = ["{:%Y-%m-%dT%H:%M:%S.%f}Z"] * 6 + [
    "{:%Y-%m-%d %H:%M:%S.%f}", "{:%Y-%m-%dT%H:%M:%S}Z", "{:%Y-%m-%dT%H:%M:%S}.5", "{:%Y-%m-%dT%H:%M:%S}.123456Z",
]  # fmt: skip
BAD_TIMES = ["", "2025-02-30T10:00:00Z", "2025-03-01T24:00:00Z", "2025-03-01T10:00:60Z", "2025-03-01T10:00:00+00:00",
             "2025-03-01T10:00Z", "2025-03-01", "2025-03-01T10:00:00.Z", "2025-03-01T10:00:00.1234567Z", "infinity",
             " 2025-03-01T10:00:00Z", "2025-03-01t10:00:00z", "20250301T100000Z", "2025-3-1T10:00:00Z",
             "2025-03-01T10:00:00ZZ"]  # fmt: skip

CLIENTS = ["", "a", "a", "a", "b", "b", "c", "d", "e", "f", "B", "undefined"]
TOKENS = ["t1", "t2", "t3"]
PAGES = ["https://puffy.com/", "https://puffy.com", "https://Puffy.com/Products/One", "http://other.example/x/y",
         "/relative", "", *(f"https://checkout.puffy.com/checkouts/cn/{token}" for token in TOKENS),
         *["https://checkout.puffy.com/checkouts/cn/t1/thank-you"] * 2,
         "https://checkout.puffy.com:443/checkouts/cn/t2/thank-you"]  # fmt: skip
SOURCES = ["google", "Google", "facebook", "youtube", "amazon", "chatgpt", "klaviyo", "(direct)", "sms", "E-Mail",
           "our+letter", "some%20partner", "firebase", "google%20shopping", "bing.com", "Google%2520Ads", "Meta",
           "direct", "%28not%20set%29"]  # fmt: skip
MEDIA = ["cpc", "CPC", "cpm", "(none)", "organic", "email", "affiliate", "social+media", "paid_social", "xcp",
         "unpaid", "paid%2520social", "referral", "webpush", "video", "ai-assistant", "nothing+standard"]  # fmt: skip
CAMPAIGNS = ["cross-network", "eshop+sale", "workshop", "Shopping", "spring"]


def written(name: str, values: list[str]) -> list[str]:
    """Return a parameter with each value, plain and as the shop would hide it, and in ways that count as absent."""
    hidden = [hidden_value(decoded(value)) for value in values]
    return [f"{name}={value}" for value in [*values, *hidden, "", hidden_value(""), hidden_value("nobody's term")]]


QUERIES: st.SearchStrategy[list[str]] = st.one_of(
    st.just([]),
    st.lists(
        st.one_of(
            st.sampled_from(written("utm_source", SOURCES)),
            st.sampled_from(written("utm_medium", MEDIA)),
            st.sampled_from(written("utm_campaign", CAMPAIGNS)),
            st.sampled_from(["gclid=x", "gad_source=1", "msclkid=x", "ttclid=A1B2C3", "awc=", "_kx=D41D8C", "fbclid=x",
                             "srsltid=x", "irclickid=x", "sscid=x", "gclid", "xgclid=1", "GCLID=1",
                             "dclid=x", "twclid=x", "ScCid=x"]),
            st.sampled_from(["a=b=c", "?x", "", "#utm_source=bing", "size=F8A6D9", "utm_term=cpc"]),
        ),
        max_size=4,
    ),
)  # fmt: skip
REFERRED = ["www.google.com", "google.co.uk", "duckduckgo.com", "m.facebook.com", "t.co", "chatgpt.com",
            "www.youtube.com", "partner.example", "www.partner.example", "shop.app", "www.paypal.com",
            "notpaypal.com", "pay.google.com", "mail.google.com", "pay.klarna.com", "rakuten.com"]  # fmt: skip
REFERRERS = [
    *[""] * 12, "https://puffy.com/", "https://share.puffy.com/x", "https://notpuffy.com/", "https://puffy.com.x.org/",
    "about:blank", "https:///x", "https://WWW.Google.com?q=1", "https://google.com#x", "https://bing.com:443/",
    "https://bing.com./", "https://me@www.google.com/",
    "android-app://com.google.android.googlequicksearchbox/", "https://source-00000000.com/",
    *(f"https://{host}/" for host in REFERRED), *(f"https://{hidden_host(host)}/" for host in REFERRED),
]  # fmt: skip
NAMES = [*["page_viewed"] * 6, *["checkout_completed"] * 5, "purchase", "email_filled_on_popup", "checkout_started",
         "product_added_to_cart", "scrolled", "Purchase", ""]  # fmt: skip
AGENTS = [
    *["Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/133.0.0.0"] * 8, "",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/133.0.0.0 Safari/537.36",
]  # fmt: skip
TRANSACTIONS = ["i1", "i1", "i2", "i3", "i4", 7, None, ""]
REVENUES = [100, 100, 5.25, 0, 0.01, 1234567.89, 33.3, -3, "12.50", "9 USD", None, True]
CUSTOMERS = ["h1", "h1", "h2", "h3", None]
PAYLOADS = st.one_of(
    st.tuples(st.sampled_from(TRANSACTIONS), st.sampled_from(REVENUES), st.sampled_from(CUSTOMERS)).map(
        lambda order: json.dumps(
            {k: v for k, v in zip(("transaction_id", "revenue", "user_email"), order, strict=True) if v is not None}
        )
    ),
    st.tuples(st.sampled_from(["i1", "i2", "i3"]), st.sampled_from([100, 70.5]), st.sampled_from(["h1", "h2"])).map(
        lambda order: json.dumps(
            dict(zip(("transaction_id", "revenue", "user_email"), order, strict=True)) | {"items": []}, indent=1
        )  # on several lines
    ),
    st.sampled_from(["", "[]", "null", '"i1"', "{'revenue': 1}", '{"transaction_id": "i1", "revenue": 10', "{}"]),
)


@dataclass(frozen=True)
class Event:
    """A row before it is known in which file it stands."""

    client: str
    other: str  # what the contract's own column holds where a file has both
    at: datetime
    time: str
    page: str
    referrer: str
    name: str
    payload: str
    agent: str
    fate: str

    def cells(self, header: Sequence[str]) -> list[str]:
        values = {
            "client_id": self.other if "clientId" in header else self.client,
            "clientId": self.client,
            "page_url": self.page,
            "referrer": self.referrer,
            "timestamp": self.time,
            "event_name": self.name,
            "event_data": self.payload,
            "user_agent": self.agent,
            "surplus": "kept nowhere",
        }
        row = [values[column] for column in header]
        return [*row, "x"] if self.fate == "too long" else row[:-1] if self.fate == "too short" else row


@st.composite
def events(draw: st.DrawFn) -> Event:
    at = draw(st.sampled_from(ANCHORS)) + timedelta(milliseconds=draw(MOMENTS))
    client = draw(st.sampled_from(CLIENTS))
    page, query = draw(st.sampled_from(PAGES)), "&".join(draw(QUERIES))
    fate = draw(st.sampled_from([*["kept"] * 40, "bad time", "too long", "too short"]))
    form = draw(st.sampled_from(TIMES if fate != "bad time" else BAD_TIMES))
    return Event(
        client=client,
        other=draw(st.sampled_from([client, client, "", "z"])),
        at=at,
        time=form.format(at),
        page=page + "?" * bool(query) + query,
        referrer=draw(st.sampled_from(REFERRERS)),
        name=draw(st.sampled_from(NAMES)),
        payload=draw(PAYLOADS),
        agent=draw(st.sampled_from(AGENTS)),
        fate=fate,
    )


@st.composite
def purchases(draw: st.DrawFn) -> list[Event]:
    """Return one purchase sent under two ids, about a day apart or at once."""
    event = draw(events())
    page, form = f"https://checkout.puffy.com/checkouts/cn/{draw(st.sampled_from(TOKENS))}", TIMES[0]
    later = draw(st.sampled_from([0, 2_000, DAY_OF_MS - 1, DAY_OF_MS, DAY_OF_MS + 1]))
    moments = [event.at, event.at + timedelta(milliseconds=later)]
    ids = draw(st.permutations(["i5", "i6", "i1"]))
    payload = {"revenue": 100, "user_email": "h1"}
    return [
        replace(
            event, name="purchase", page=page, at=at, time=form.format(at), fate="kept",
            payload=json.dumps({"transaction_id": id, **payload}),
        )
        for id, at in zip(ids[:2], moments, strict=True)
    ]  # fmt: skip


Days = dict[str, tuple[Sequence[str], list[Event]]]  # file name -> header and rows


@st.composite
def days(draw: st.DrawFn) -> Days:
    """Return the files: each event in that of its day, some again there, and some again in a second delivery."""
    size = draw(st.integers(1, 60))
    drawn = draw(st.lists(events(), min_size=size, max_size=size))
    for pair in draw(st.lists(purchases(), max_size=2)):
        drawn += pair
    files: Days = {}
    for event in drawn:
        name = f"events_{event.at:%Y%m%d}.csv"
        if name not in files:
            files[name] = (HEADERS[draw(st.sampled_from([*HEADERS]))], [])
        files[name][1].append(event)
    for event in draw(st.lists(st.sampled_from(drawn), max_size=3)):
        files[f"events_{event.at:%Y%m%d}.csv"][1].append(event)
    for suffix in draw(st.lists(st.sampled_from(["-2", " (1)", "_late"]), max_size=2, unique=True)):
        again = draw(st.lists(st.one_of(st.sampled_from(drawn), events()), min_size=1, max_size=5))
        header = HEADERS[draw(st.sampled_from([*HEADERS]))]
        files[f"events_{again[0].at:%Y%m%d}{suffix}.csv"] = (header, again)
    return files


def write(files: Days, folder: Path) -> list[Path]:
    """Write the files as CSV, their rows in the order drawn."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (header, rows) in files.items():
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([header, *(event.cells(header) for event in rows)])
        (folder / name).write_text(text.getvalue(), encoding="utf-8", newline="")
    return sorted(folder.iterdir())


def contract(
    schema: Path, path: Path, hidden: bool = True, duplicates: str = "resubmission", possible_duplicates: str = "both"
) -> Path:
    """Return the contract of a shop that hides values or not, and deduplicates in this way."""
    document: dict[str, Any] = yaml.safe_load(schema.read_text(encoding="utf-8"))
    custom = {one["property"]: one for one in document["customProperties"]}
    custom["order"]["value"] |= {"duplicates": duplicates, "possibleDuplicates": possible_duplicates}
    if not hidden:
        document["customProperties"].remove(custom["anonymisation"])
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path
