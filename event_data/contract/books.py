"""Read the objects of a contract that are not events: the shop's own order list, and its advertising spend."""

from collections.abc import Iterator, Mapping
from typing import Any

from event_data.contract.model import AdSpend, OrderList, Value
from event_data.contract.shape import BOOKS, regexp, schema
from event_data.contract.yaml_nodes import Node


def book_of(table: Node) -> tuple[str, Node] | None:
    """Return which of BOOKS an object of the contract is, and its block; None for events."""
    blocks = list(_blocks(table))
    if len(blocks) > 1:
        problem = f"the object is `{blocks[0][0]}` and `{blocks[1][0]}`; keep one"
        raise blocks[1][1].error(problem, code="duplicate")
    return blocks[0] if blocks else None


def _blocks(table: Node) -> Iterator[tuple[str, Node]]:
    for entry in table.each("customProperties"):
        name, value = str(entry.plain("property")), entry.get("value")
        if name in BOOKS and entry.get("vendor") is None and value is not None:
            yield name, value


def read_order_list(block: Node, values: Mapping[str, Value], **of_table: Any) -> OrderList:
    """Return the order list that a block describes; `of_table` has further fields of every table."""

    def pattern(name: str) -> str:
        return regexp(block.get(name), groups=1) or _setting(block, "orderList", name)

    def words(name: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(word.strip().lower() for word in _setting(block, "orderList", name)))

    return OrderList(
        **of_table,
        delimiter=_setting(block, "orderList", "delimiter"),
        values=values,
        id_in_order_list=pattern("idInOrderList"),
        id_in_tracking=pattern("idInTracking"),
        offline_channels=words("offlineChannels"),
        void_statuses=words("voidStatuses"),
    )


def read_ad_spend(block: Node, values: Mapping[str, Value], **of_table: Any) -> AdSpend:
    """Return the advertising spend that a block describes; `of_table` has further fields of every table."""
    campaigns = _setting(block, "adSpend", "campaigns")
    return AdSpend(
        **of_table,
        delimiter=_setting(block, "adSpend", "delimiter"),
        values=values,
        campaigns={name.strip().lower(): campaign for name, campaign in campaigns.items()},
    )


def _setting(block: Node, book: str, name: str) -> Any:
    """Return a key of a block, or its default."""
    return block.plain(name, schema("urn:blocks")["$defs"][book]["properties"][name]["default"])
