#!/usr/bin/env python3
"""The yardstick of bench_transform.py: part 2 as an analyst writes it in pandas, for this shop only.

It reads the daily files, heals the renamed id, and makes events, sessions, orders, attribution and
daily figures by the same definitions, vectorised, with the seeds of part 2. It does less: everything
in memory, three of the six models, two of the three readings, no ledger, no line numbers, nothing
incremental. It needs pandas and pyarrow, which the four parts do not.
"""

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SEEDS = Path(__file__).resolve().parents[1] / "part2-transformation" / "seeds"
COLUMNS = ["client_id", "page_url", "referrer", "timestamp", "event_name", "event_data", "user_agent"]
ROLES = {
    "page_viewed": "page_view",
    "email_filled_on_popup": "signup",
    "product_added_to_cart": "cart",
    "checkout_started": "checkout",
    "checkout_completed": "order",
    "purchase": "order",
}
PAYMENT = (
    "shop.app",
    "paypal.com",
    "klarna.com",
    "affirm.com",
    "afterpay.com",
    "stripe.com",
    "pay.amazon.com",
    "apple.com",
    "pay.google.com",
)
INSIDE = rf"(?:.+\.)?(?:{'|'.join(map(re.escape, ('puffy.com', *PAYMENT)))})"
READINGS = {"healed": "client_id", "as_tracked": "client_id_as_tracked"}
WINDOW = pd.Timedelta(days=7)
PAID = r"^(?:.*cp.*|ppc|retargeting|paid.*)$"
SHOPPING = r"^(?:.*(?:(?:[^a-df-z]|^)shop|shopping).*)$"


def seed(name: str) -> Any:
    return pd.read_csv(SEEDS / f"{name}.csv", dtype=str, keep_default_na=False)


# ------------------------------------------------------------------------------- what hashes stand for


def revealed_values() -> dict[str, str]:
    """Return the hash of every standard term, in each of its usual spellings."""
    terms = sorted({*seed("sources")["source"], *seed("media")["medium"]}, reverse=True)
    return {
        hashlib.md5(text.encode()).hexdigest()[:6].upper(): term
        for term in terms
        for text in (term, term.upper(), term.capitalize())
    }


def hidden_host(host: str) -> str:
    return f"source-{hashlib.md5(host.encode()).hexdigest()[:8]}.com"


def known_hosts() -> dict[str, str]:
    """Return every host of a known source, plain and hashed; a payment provider's is its own source, ''."""
    names = sorted(seed("sources")["source"], key=lambda name: (-len(name), name))
    prefixes, endings = ["", *seed("host_prefixes")["prefix"]], [*seed("host_endings")["ending"]]
    hosts = {
        prefix + name + ending: name
        for name in names
        for prefix, ending in product(prefixes, [""] if "." in name else endings)
    }
    hosts |= dict(seed("host_aliases").itertuples(index=False))
    hosts |= {prefix + host: "" for prefix, host in product(prefixes, PAYMENT)}
    return hosts | {hidden_host(host): name for host, name in hosts.items()}


# ----------------------------------------------------------------------------------------------- events


def read(paths: Iterable[Path]) -> Any:
    """Return the rows of all files, whatever columns each has."""
    frames = []
    for path in paths:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""], on_bad_lines="warn")
        frame["source_file"] = path.name
        frames.append(frame)
    events = pd.concat(frames, ignore_index=True)
    events["client_id_as_tracked"] = events["client_id"]
    if "clientId" in events:
        events["client_id"] = events["client_id"].fillna(events.pop("clientId"))
    events["event_id"] = events.index
    return events.reindex(columns=[*COLUMNS, "client_id_as_tracked", "source_file", "event_id"])


def split_rejected(events: Any) -> tuple[Any, Any]:
    """Return the events that can be used, and those that cannot with the reason."""
    events["event_at"] = pd.to_datetime(events["timestamp"], format="ISO8601", utc=True, errors="coerce")
    events["reason"] = np.select(
        [events["event_name"].isna(), events["event_at"].isna(), events.duplicated(COLUMNS)],
        ["no event name", "no readable time", "exact repeat"],
        default="",
    )
    rejected = events[events["reason"] != ""]
    return events[events["reason"] == ""].drop(columns=["reason", "timestamp"]).copy(), rejected


def by_distinct(values: Any, function: Callable[[str], Any]) -> Any:
    """Apply a function to a column, with one call for each different value."""
    return values.map({value: function(value) for value in values.dropna().unique()})


def device(agent: str) -> str:
    if re.search(r"iPad|Tablet|Silk|^(?!.*Android.*Mobile).*Android", agent):
        return "tablet"
    return "mobile" if re.search(r"Mobi|iPhone|Android", agent) else "desktop"


def browser(agent: str) -> str:
    names = {
        "Edg": "Edge",
        "SamsungBrowser": "Samsung",
        "FBA[NV]|FB_IAB": "Facebook",
        "Instagram": "Instagram",
    }
    names |= {"GSA/": "Google app", "CriOS|Chrome": "Chrome", "Firefox|FxiOS": "Firefox", "Safari": "Safari"}
    return next((name for pattern, name in names.items() if re.search(pattern, agent)), "other")


def add_page(events: Any) -> None:
    """Return host, path, campaign parameters and click id of the page's address."""
    parts = events["page_url"].str.extract(r"^[^:]*://([^/?#]*)([^?#]*)\??([^#]*)")
    events["host"], events["path"], query = parts[0].str.lower(), parts[1].where(parts[1] != "", "/"), parts[2]
    values = revealed_values()
    tagged = query[query.str.contains("utm_", regex=False, na=False)]
    for name in ("utm_source", "utm_medium", "utm_campaign"):
        found = tagged.str.extract(rf"(?:^|&){name}=([^&]*)")[0]
        found = found.str.replace("+", " ", regex=False).str.replace("%20", " ", regex=False)
        found = found.where((found != "") & (found != "D41D8C"))
        events[name] = found.map(values).fillna(found).reindex(events.index)
    events["click_id"] = pd.Series(pd.NA, index=events.index, dtype="str")
    for name in reversed(seed("click_ids")["parameter"]):
        holds = query.str.contains(rf"(?:^|&){name}=[^&]", na=False) & ~query.str.contains(f"{name}=D41D8C", na=False)
        events.loc[holds, "click_id"] = name
    events["checkout_token"] = events["path"].str.extract(r"/checkouts/[a-z]+/([^/]+)")[0]


def add_source(events: Any) -> None:
    """Return source, medium and campaign: from the tags, else a click id, else an outside referrer."""
    categories = dict(seed("sources").itertuples(index=False))
    clicks = seed("click_ids").set_index("parameter")
    known = known_hosts()
    referrer = events["referrer"].str.extract(r"://([^/?#]*)")[0].str.lower()
    named = referrer.map(known).fillna(referrer.str.removeprefix("www."))
    outside = referrer.notna() & (named != "") & ~referrer.str.fullmatch(INSIDE, na=False)
    category = named.map(categories)
    tagged = events["utm_source"].notna() | events["utm_medium"].notna()
    conditions = [tagged, events["click_id"].notna(), outside]
    organic = np.select([category == "SEARCH", category == "AI"], ["organic", "ai-assistant"], default="referral")
    sources = [events["utm_source"].fillna("(not set)"), events["click_id"].map(clicks["source"]), named]
    media = [events["utm_medium"].fillna("(not set)"), events["click_id"].map(clicks["medium"]), organic]
    events["referrer_host"] = referrer
    nothing: Any = None
    events["source"] = pd.Series(np.select(conditions, sources, nothing), index=events.index, dtype="str")
    events["medium"] = pd.Series(np.select(conditions, media, nothing), index=events.index, dtype="str")
    events["campaign"] = events["utm_campaign"].where(tagged)


def channels(combinations: Any) -> Any:
    """Return GA4's default channel group of each source, medium and campaign, in its order."""
    source, medium = combinations["source"].str.lower(), combinations["medium"].str.lower()
    campaign = combinations["campaign"].fillna("").str.lower()
    category = source.map(dict(seed("sources").itertuples(index=False)))
    paid, shopping = medium.str.contains(PAID), (category == "SHOPPING") | campaign.str.contains(SHOPPING)
    mail = ["email", "e-mail", "e_mail", "e mail"]
    networks = ["social", "social-network", "social-media", "sm", "social network", "social media"]
    rules = {
        "Direct": (source == "(direct)") & medium.isin(["(none)", "(not set)"]),
        "Cross-network": campaign.str.contains("cross-network", regex=False),
        "Paid Shopping": shopping & paid,
        "Paid Search": (category == "SEARCH") & paid,
        "Paid Social": (category == "SOCIAL") & paid,
        "Paid Video": (category == "VIDEO") & paid,
        "Display": medium.isin(["display", "banner", "expandable", "interstitial", "cpm"]),
        "Paid Other": paid,
        "Organic Shopping": shopping,
        "Organic Social": (category == "SOCIAL") | medium.isin(networks),
        "Organic Video": (category == "VIDEO") | medium.str.contains("video", regex=False),
        "AI Assistant": (medium == "ai-assistant") | (category == "AI"),
        "Organic Search": (category == "SEARCH") | (medium == "organic"),
        "Referral": medium.isin(["referral", "app", "link"]),
        "Email": source.isin(mail) | medium.isin(mail),
        "Affiliates": medium.isin(["affiliate", "affiliates"]),
        "Audio": medium == "audio",
        "SMS": (source == "sms") | (medium == "sms"),
        "Mobile Push Notifications": medium.str.contains("push$|mobile|notification") | (source == "firebase"),
    }
    return np.select(list(rules.values()), list(rules), default="Unassigned")


def add_channel(events: Any) -> Any:
    keys = ["source", "medium", "campaign"]
    combinations = events.loc[events["source"].notna(), keys].drop_duplicates()
    combinations["channel"] = channels(combinations)
    return events.merge(combinations, on=keys, how="left")


def add_payload(events: Any) -> None:
    """Return transaction, revenue, customer and lines of the events that carry them."""

    def parsed(text: Any) -> dict[str, Any]:
        try:
            found = json.loads(text)
        except (TypeError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    carriers = events[events["event"].isin(["order", "signup"])]
    payloads = [parsed(text) for text in carriers["event_data"]]
    order = carriers["event"] == "order"
    for column, key in (("transaction_id", "transaction_id"), ("customer", "user_email"), ("items", "items")):
        values = pd.Series([payload.get(key) for payload in payloads], index=carriers.index, dtype=object)
        events[column] = (values if key == "user_email" else values.where(order)).reindex(events.index)
    revenue = pd.Series([payload.get("revenue") for payload in payloads], index=carriers.index)
    events["revenue"] = pd.to_numeric(revenue, errors="coerce").where(order).round(2).reindex(events.index)


def transform_events(raw: Any) -> tuple[Any, Any]:
    events, rejected = split_rejected(raw)
    events["event_date"] = events["event_at"].dt.date
    events["event"] = events["event_name"].map(ROLES).fillna("other")
    terms = list(seed("crawlers")["term"])
    agents = events["user_agent"]
    events["is_bot"] = by_distinct(agents, lambda a: any(t in a.lower() for t in terms)).fillna(False).astype(bool)
    events["device"], events["browser"] = by_distinct(agents, device), by_distinct(agents, browser)
    add_page(events)
    add_source(events)
    add_payload(events)
    return add_channel(events).drop(columns=["page_url", "referrer", "event_data", "user_agent"]), rejected


# --------------------------------------------------------------------------- sessions, orders, attribution


def sessions_of(events: Any, identity: str) -> Any:
    """Return a client's events with no gap of 30 minutes or more, crawlers left out."""
    frame = events[~events["is_bot"] & events[identity].notna()].sort_values([identity, "event_at", "event_id"])
    gap = frame.groupby(identity)["event_at"].diff()
    starts = gap.isna() | (gap >= pd.Timedelta(minutes=30))
    frame["session_id"] = frame["event_id"].where(starts).ffill().astype("int64")
    for role in dict.fromkeys(ROLES.values()):
        frame[f"{role}s"] = frame["event"] == role
    counts = {f"{role}s": (f"{role}s", "sum") for role in dict.fromkeys(ROLES.values())}
    sessions = frame.groupby("session_id", sort=False).agg(
        client=(identity, "first"),
        started_at=("event_at", "first"),
        ended_at=("event_at", "last"),
        device=("device", "first"),
        landing_path=("path", "first"),
        first_event=("event", "first"),
        events=("event_id", "size"),
        **counts,
    )
    touches = frame[frame["channel"].notna()]
    for side in ("first", "last"):
        touch = touches.drop_duplicates("session_id", keep=side).set_index("session_id")
        for column in ("channel", "source", "medium"):
            sessions[f"{side}_{column}"] = touch[column]
        sessions[f"{side}_channel"] = sessions[f"{side}_channel"].fillna("Direct")
    return sessions.reset_index()


def orders_of(events: Any) -> tuple[Any, Any]:
    """Return received orders with what became of each, and the counted ones."""
    columns = ["event_id", "event_at", "client_id", "client_id_as_tracked", "transaction_id", "revenue", "customer"]
    received = events.loc[events["event"] == "order", [*columns, "checkout_token", "items", "device"]]
    received = received.sort_values(["event_at", "event_id"]).rename(columns={"event_at": "ordered_at"})
    held = received["transaction_id"].isna() | received["revenue"].isna() | (received["revenue"] < 0)
    sound = received[~held]
    same_checkout = sound["checkout_token"].notna() & sound.duplicated(["transaction_id", "checkout_token"])
    same_purchase = sound["customer"].notna() & sound.duplicated(["transaction_id", "customer", "revenue"])
    again = (same_checkout | same_purchase).reindex(received.index, fill_value=False)
    received["status"] = np.select([held, again], ["held", "resubmission"], default="counted")
    orders = received[received["status"] == "counted"].rename(columns={"event_id": "order_id"})
    for identity, name in (("client_id", ""), ("client_id_as_tracked", "_as_tracked")):
        firsts = events.groupby(identity)["event_at"].min()
        views = events[events["event"] == "page_view"].groupby(identity)["event_at"].min()
        orders[f"has_earlier_event{name}"] = orders[identity].map(firsts) < orders["ordered_at"]
        orders[f"has_earlier_page_view{name}"] = orders[identity].map(views) < orders["ordered_at"]
    return received.drop(columns="items"), orders


def attribution_of(orders: Any, sessions: Any, identity: str, reading: str) -> Any:
    """Return first click, last click and linear over the touches of seven days."""
    known = orders.dropna(subset=[identity])[["order_id", "transaction_id", "ordered_at", "revenue", identity]]
    paths = known.merge(sessions, left_on=identity, right_on="client")
    paths = paths[paths["started_at"].between(paths["ordered_at"] - WINDOW, paths["ordered_at"])]
    paths = paths[paths["first_source"].notna() | (paths["first_event"] != "order")]
    sides = []
    for side, position in (("first", 0), ("last", 1)):
        touch = paths[["order_id", "transaction_id", "revenue", "started_at", "session_id", "first_channel"]].copy()
        for column in ("channel", "source", "medium"):
            touch[column] = paths[f"{side}_{column}"]
        touch["side"] = position
        sides.append(touch)
    sides[1] = sides[1][sides[1]["channel"] != sides[1]["first_channel"]]
    touches = pd.concat(sides).sort_values(["order_id", "started_at", "session_id", "side"])
    touches["position"] = touches.groupby("order_id").cumcount() + 1
    touches["length"] = touches.groupby("order_id")["order_id"].transform("size")
    lost = orders[~orders["order_id"].isin(touches["order_id"])][["order_id", "transaction_id", "revenue"]]
    lost = lost.assign(channel="Unattributed", length=1)
    models = {
        "first_click": touches[touches["position"] == 1],
        "last_click": touches[touches["position"] == touches["length"]],
        "linear": touches,
    }
    rows = []
    for model, found in models.items():
        share = found["revenue"] / (found["length"] if model == "linear" else 1)
        rows += [found.assign(model=model, credit=share), lost.assign(model=model, credit=lost["revenue"])]
    columns = ["order_id", "transaction_id", "model", "position", "channel", "source", "medium", "credit"]
    return pd.concat(rows)[columns].assign(reading=reading)


# ------------------------------------------------------------------------------------- figures, and main


def figures(events: Any, sessions: Any, orders: Any) -> dict[str, Any]:
    """Return channel performance and daily metrics by day, the funnel by device and channel, products."""
    sessions = sessions.assign(date=sessions["started_at"].dt.date)
    steps = {f"sessions_with_{role}": (f"{role}s", lambda n: (n > 0).sum()) for role in ("cart", "checkout", "order")}
    visits = sessions.groupby(["date", "first_channel"]).agg(
        sessions=("session_id", "size"), clients=("client", "nunique"), page_views=("page_views", "sum"), **steps
    )
    funnel = sessions.groupby(["device", "first_channel"]).agg(
        sessions=("session_id", "size"), clients=("client", "nunique"), **steps
    )
    people = events[~events["is_bot"]]
    daily = people.pivot_table(index="event_date", columns="event", values="event_id", aggfunc="count", fill_value=0)
    daily["clients"] = people.groupby("event_date")["client_id"].nunique()
    daily["crawler_events"] = events[events["is_bot"]].groupby("event_date").size()
    daily["sessions"] = sessions.groupby("date").size()
    by_day = orders.groupby(orders["ordered_at"].dt.date)["revenue"]
    daily["counted_orders"], daily["revenue"] = by_day.size(), by_day.sum()
    hourly = people.groupby([people["event_at"].dt.floor("h"), "event"]).size()
    lines = orders[["order_id", "ordered_at", "items"]].explode("items", ignore_index=True).dropna(subset="items")
    lines = lines.drop(columns="items").join(pd.DataFrame(list(lines["items"]), index=lines.index))
    products = lines.groupby(["item_id", "item_name"], dropna=False).agg(
        orders=("order_id", "nunique"), pieces=("quantity", "sum"), revenue=("item_price", "sum")
    )
    return {
        "channel_performance": visits.reset_index(),
        "funnel": funnel.reset_index(),
        "daily_metrics": daily.fillna(0).reset_index().melt("event_date", var_name="metric"),
        "hourly_metrics": hourly.rename("events").reset_index(),
        "order_items": lines,
        "products": products.reset_index(),
    }


def main(args: list[str]) -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data_dir", type=Path, required=True)
    p.add_argument("--out_dir", type=Path, required=True)
    options = p.parse_args(args)
    events, rejected = transform_events(read(sorted(options.data_dir.glob("events_*.csv"))))
    sessions = {reading: sessions_of(events, identity) for reading, identity in READINGS.items()}
    received, orders = orders_of(events)
    attribution = pd.concat([attribution_of(orders, sessions[r], i, r) for r, i in READINGS.items()])
    gold = {"attribution": attribution, **figures(events, sessions["healed"], orders)}
    by_channel = attribution.groupby(["reading", "model", "channel"])["credit"]
    gold["channel_credit"] = by_channel.agg(["size", "sum"]).reset_index()
    silver = {
        "events": events.drop(columns="items"),
        "rejected_events": rejected,
        "sessions": pd.concat([frame.assign(reading=reading) for reading, frame in sessions.items()]),
        "received_orders": received,
        "orders": orders.drop(columns="items"),
    }
    options.out_dir.mkdir(parents=True, exist_ok=True)
    for name, table in {**silver, **gold}.items():
        table.to_parquet(options.out_dir / f"{name}.parquet", index=False)
    for name, table in gold.items():
        table.to_csv(options.out_dir / f"{name}.csv", index=False)
    print(f"{len(events):,} events, {len(orders):,} orders, ${orders['revenue'].sum():,.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
