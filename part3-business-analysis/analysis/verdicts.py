"""What to make of each reported figure; each verdict looks at the numbers before it speaks."""

from collections.abc import Callable

from analysis.charts.style import percent
from analysis.findings import funnel
from analysis.gold import Gold


def conversion(gold: Gold) -> str:
    found = funnel(gold)
    missing = found.reached[0] - found.recorded[0]
    if missing:
        return (
            f"No conversion rate: page views are not visits, and {percent(missing / max(found.reached[1], 1))} of "
            "visitors who did more than browse have none on record. Use the healed one."
        )
    return "Page views are not visits. Use the healed one."


def completion(gold: Gold) -> str:
    healed = gold.figure("checkout completion", "healed")
    without = gold.orders - int(healed.numerator)
    if without > 0:
        most = gold.orders / (int(healed.denominator) + without)
        return (
            f"Its two sides do not match: {without:,} of {gold.orders:,} orders have no start on record. With a start "
            f"for each it is {most:.1%} at most, and less if starts that led nowhere are missing too."
        )
    return "Starts and completions belong together; it can be used."


def journey(gold: Gold) -> str:
    as_tracked, healed = (gold.figure("revenue without an earlier event", r).share for r in ("as_tracked", "healed"))
    if as_tracked > healed:
        return f"True of the dashboards, not of the shop: the id was renamed, and {as_tracked - healed:.1%} comes back."
    return "The same in both readings: the repair changes nothing."


def page_view(gold: Gold) -> str:
    as_tracked, healed = (gold.figure("orders without an earlier page view", r) for r in ("as_tracked", "healed"))
    back = as_tracked.numerator - healed.numerator
    return f"As above: {back:,.0f} orders get their journey back." if back > 0 else "The same in both readings."


def source(gold: Gold) -> str:
    cut = gold.unattributed.get(("healed", "window cut off"))
    healed = gold.figure("revenue without a known source", "healed")
    if cut and healed.numerator:
        return (
            f"{percent(float(cut / healed.numerator))} of what is left was sold so early "
            "that its visits may not be in the files; that part shrinks as files come in."
        )
    return "What is left has no source in its window."


def twice(gold: Gold) -> str:
    collisions = gold.line("of counted: ids that collide")
    if collisions.orders:
        return (
            f"Not counted twice: {collisions.orders} order{'s' if collisions.orders > 1 else ''} of other customers "
            "and checkouts under a used id. Removing them would lose real sales."
        )
    again = -gold.line("resubmissions").orders
    if again:
        return f"{again:,} order event{'s' if again > 1 else ''} came again; here each order counts once."
    return "No order came twice, and no id is shared by two customers."


VERDICTS: dict[str, Callable[[Gold], str]] = {
    "conversion": conversion,
    "checkout completion": completion,
    "revenue without an earlier event": journey,
    "orders without an earlier page view": page_view,
    "revenue without a known source": source,
    "revenue counted twice": twice,
}
