"""Draw conversion by device and operating system, each share with its interval."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.charts import style
from analysis.findings import FEWEST_SESSIONS, Segment, all_sessions, device_rows, segments_of
from analysis.gold import Gold
from analysis.templating import period, title

NAMES = 0.27  # where the names of rows end, as a fraction of the figure's width


def draw(gold: Gold) -> Figure:
    """Draw the devices and systems, the largest first."""
    rows = device_rows(gold)
    subtitle = f"Share of sessions with an order, {period(gold)}. Bar: 95% interval (Wilson); grey: too small to call"
    left_out = [s.name for s in segments_of(gold, "device") if s not in [r for _, r in rows]]
    note = f"Not shown, under {FEWEST_SESSIONS} sessions: {', '.join(left_out)}." if left_out else ""
    height = 2.35 + 0.47 * max(len(rows), 3)
    figure, top = style.canvas(gold, height, title("device", gold=gold), subtitle, note)
    if not rows:
        return style.nothing_to_draw(figure, "No session has been recorded yet.")
    axes = figure.add_axes((NAMES, 0.78 / height, 0.955 - NAMES, top - 0.78 / height - 0.28 / height))
    _scale(axes, rows)
    whole = all_sessions(gold).share.estimate
    axes.axvline(whole, color=style.MUTED, linewidth=1.3, zorder=1)
    axes.annotate(
        f"all sessions {whole:.2%}", (whole, 1), xycoords=axes.get_xaxis_transform(), xytext=(0, 5),
        textcoords="offset points", size=10, color=style.MUTED, va="bottom",
        ha="center" if whole < 0.85 * axes.get_xlim()[1] else "right",
    )  # fmt: skip
    for y, (depth, segment) in enumerate(rows):
        _row(axes, y, depth, segment)
    return figure


def _scale(axes: Axes, rows: Sequence[tuple[int, Segment]]) -> None:
    """Make the axis wide enough for every share and for the intervals of those that can be called."""
    spans = [s.share for _, s in rows]
    firm = [i.high for i, (_, s) in zip(spans, rows, strict=True) if not s.is_small]
    right = max([*firm, *(1.6 * i.estimate for i in spans)], default=0.0) or max(i.high for i in spans)
    axes.set_xlim(0, min(right * 1.12, 1.0))
    axes.set_ylim(len(rows) - 0.45, -0.8)
    axes.grid(axis="x", color=style.RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_formatter(lambda v, _: f"{v * 100:g}%" if round(v * 100, 6) else "0")
    axes.locator_params(axis="x", nbins=6)
    axes.tick_params(axis="x", labelsize=10.5)
    axes.set_yticks([])


def _row(axes: Axes, y: int, depth: int, segment: Segment) -> None:
    """Draw a share as a dot on its interval, with an arrow where that goes on, and left of it the name and counts."""
    share, small, figure, right = segment.share, segment.is_small, style.figure_of(axes), axes.get_xlim()[1]
    dot, bar, ink = (style.MUTED, style.RULE, style.MUTED) if small else (style.BLUE, style.SKY, style.BLUE)
    thick, marker, up, size, weight = (11, 11, 9, 11.5, "semibold") if depth == 0 else (7, 8, 7, 10, "medium")
    axes.plot([share.low, min(share.high, right)], [y, y], linewidth=thick, color=bar, solid_capstyle="butt", zorder=2)
    if share.high > right:
        axes.plot([right], [y], marker=">", color=style.GREY, markersize=7, clip_on=False, zorder=3)
    axes.plot([share.estimate], [y], marker="o", markersize=marker, color=dot, markeredgecolor="white", zorder=4)
    axes.annotate(
        f"{share.estimate:.2%}", (share.estimate, y), xytext=(0, up), textcoords="offset points", size=size,
        weight=weight, color=ink, ha="center", va="bottom", zorder=6,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
    )  # fmt: skip
    counts = f"{segment.converted:,} of {segment.sessions:,}"
    left, size, weight, ink = (
        (0.04, 12.5, "semibold", style.INK) if depth == 0 else (0.075, 10.5, "regular", style.TEXT)
    )
    room = NAMES - 0.025 - style.text_width(figure, counts, 9.5) - left
    beside: dict[str, Any] = {"va": "center", "transform": axes.get_yaxis_transform()}
    name = style.shortened(figure, segment.name, size, weight, room)
    axes.text((left - NAMES) / (0.955 - NAMES), y, name, size=size, weight=weight, color=ink, **beside)
    axes.text(-0.02, y, counts, size=9.5, color=style.MUTED, ha="right", **beside)
