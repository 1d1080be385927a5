"""Draw sales by what is known of their source, as dashboards saw them and after the repair of ids."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Wedge

from analysis.charts import style
from analysis.findings import evidence, repaired
from analysis.gold import Gold
from analysis.templating import REASON_WORDS, number_word, period, share_texts, title
from event_data.output import count

COLOURS = {
    "known": style.BLUE,
    "window cut off": style.PALE,
    "direct only": style.SKY,
    "no touch in the window": style.SAND,
    "no id": style.ORANGE,
}

HATCHED = {"edgecolor": style.MUTED, "hatch": "////", "linewidth": 0}


def draw(gold: Gold) -> Figure:
    """Draw a ring for each reading, or one ring if the repair changes nothing."""
    what = "Revenue of counted orders" if gold.roles.has_amount else "Counted orders"
    subtitle = f"{what}, {period(gold)}, by what is known of where each order came from"
    days = f"{number_word(gold.window_days)} day{'s' * (gold.window_days > 1)}"
    note = f"A channel is known when a visit in the {days} before the order has a source other than direct."
    is_repaired = repaired(gold) > 0
    tracked, healed = (evidence(gold, reading) for reading in ("as_tracked", "healed"))
    if is_repaired and healed["window cut off"] > tracked["window cut off"]:
        note += " With ids repaired, orders that had no id are judged by their visits;"
        note += " those before the data begin are unseen."
    figure, top = style.canvas(gold, 5.0, title("evidence", gold=gold), subtitle, note)
    if not gold.sold:
        what = "revenue" if gold.roles.has_amount else "order"
        return style.nothing_to_draw(figure, f"No {what} has been recorded yet.")
    if not is_repaired:
        _ring(figure.add_axes((0.265, 0.1, 0.47, top - 0.1)), gold, healed, "")
        return figure
    for n, (parts, words) in enumerate(((tracked, "As dashboards saw it"), (healed, "After the repair"))):
        _ring(figure.add_axes((0.022 + 0.486 * n, 0.1, 0.47, top - 0.1)), gold, parts, words)
    arrow = FancyArrowPatch(
        (0.488, 0.39), (0.514, 0.39), transform=figure.transFigure, arrowstyle="-|>", mutation_scale=18,
        linewidth=2.2, color=style.MUTED,
    )  # fmt: skip
    figure.add_artist(arrow)
    return figure


def _ring(axes: Axes, gold: Gold, parts: dict[str, float], words: str) -> None:
    axes.set_axis_off()
    axes.set_aspect("equal")
    axes.set_xlim(-2.4, 2.4)
    axes.set_ylim(-1.42, 1.72)
    axes.text(0, 1.68, words, size=12.5, weight="semibold", color=style.INK, ha="center", va="top")
    shares = share_texts(parts)
    angle, labels = 90.0, []
    for reason, share in shares.items():
        amount = parts[reason]
        sweep = amount / gold.sold * 360
        is_cut = reason == "window cut off"
        axes.add_patch(
            Wedge(
                (0, 0), 1.05, angle - sweep, angle, width=0.36, facecolor=COLOURS.get(reason, style.GREY),
                **HATCHED if is_cut else {"edgecolor": "white", "linewidth": 2},
            )
        )  # fmt: skip
        middle = math.radians(angle - sweep / 2)
        labels.append(
            (f"{share}  {gold.short(amount)}", REASON_WORDS.get(reason, reason), math.cos(middle), math.sin(middle))
        )
        angle -= sweep
    axes.text(
        0, 0.17, shares.get("known", "0%"), size=25, weight="semibold", color=style.BLUE, ha="center", va="center"
    )
    what = gold.short(gold.sold) if gold.roles.has_amount else count(gold.orders, "order")
    what += " has" if gold.roles.has_amount or gold.orders == 1 else " have"
    axes.text(
        0, -0.21, f"of {what} a\nknown channel", size=9.5, color=style.TEXT, ha="center", va="center", linespacing=1.3
    )
    for side in (1, -1):
        _labels(axes, [one for one in labels if (one[2] >= 0) == (side > 0)], side)


def _labels(axes: Axes, labels: Sequence[tuple[str, str, float, float]], side: int) -> None:
    """Write the labels of one side, moved apart where they would collide, each joined to its part."""
    ordered = sorted(labels, key=lambda one: one[3])
    heights = style.spread([1.22 * one[3] for one in ordered], 0.66, -1.1, 1.2)
    for (head, words, x, y), height in zip(ordered, heights, strict=True):
        axes.plot(
            [1.06 * x, side * 1.17, side * 1.27], [1.06 * y, height, height], color=style.GREY, linewidth=1.1,
            solid_joinstyle="round",
        )  # fmt: skip
        words = style.two_lines(words, longest=16)
        for text, up, size, weight, colour in (
            (head, 0.02, 12, "semibold", style.INK), (words, -0.02, 9.2, "regular", style.TEXT),
        ):  # fmt: skip
            axes.text(
                side * 1.31, height + up, text, size=size, weight=weight, color=colour,
                ha="left" if side > 0 else "right", va="bottom" if up > 0 else "top", linespacing=1.25,
            )  # fmt: skip
