"""What the reference's numbers add up to: what changed, what stands out, and what the model makes of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from analysis_arithmetic import newcombe, quantile, triangular_draws, welch
from analysis_reference import Break, Reference, is_small, listed, outliers
from printed_numbers import Sentence, Share, sentence

INPUTS = ("spend_share", "steerable", "gain", "margin", "doubt")


@dataclass(frozen=True)
class Change:
    """A measure before and from a break on, with the bounds of its difference."""

    of: Break
    before: float
    after: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        return self.low > 0 or self.high < 0


class Story:
    """What a reference's numbers add up to."""

    def __init__(self, reference: Reference, assumptions: Path) -> None:
        self.of = reference
        self.days = reference.days
        self.grave = [b for b in reference.breaks if b.severity == "P0"]
        self.unlabelled = {r: reference.revenue - k.get("known", (0, 0.0))[1] for r, k in reference.known.items()}
        self.gained = self.unlabelled["as_tracked"] - self.unlabelled["healed"]
        self.at_risk = sum(
            v["revenue"]
            for d, v in reference.daily.items()
            if any(b.since <= d <= (b.until or self.days[-1]) for b in self.grave)
        )
        missed = sum(n for hours in reference.missed().values() for n in hours.values())
        self.unseen = reference.revenue * missed / max(sum(reference.orders_by_hour.values()), 1)
        self.assumptions: dict[str, Any] = yaml.safe_load(assumptions.read_text(encoding="utf-8"))
        self.corners = [tuple(self.assumptions["inputs"][i][c] for c in ("low", "base", "high")) for i in INPUTS]

    def yearly(self, steerable: Any, gain: Any, margin: Any, doubt: Any) -> Any:
        """Dollars of EBITDA: what the newly labelled revenue would have gained, kept, believed, times the year."""
        return self.gained * (365 / len(self.days)) * steerable * gain * margin * (1 - doubt)

    def ranges(self) -> tuple[float, float, float, float, float, float]:
        """Wasted spend at 5% and 95%, EBITDA at 5% and 95%, its base case, and its best corner."""
        drawn = triangular_draws(self.assumptions["seed"], self.assumptions["draws"], self.corners)
        wasted, yearly = self.gained * drawn[0] * drawn[1] * drawn[2], self.yearly(*drawn[1:])
        _, steerable, gain, margin, doubt = self.corners
        base = self.yearly(steerable[1], gain[1], margin[1], doubt[1])
        best = self.yearly(steerable[2], gain[2], margin[2], doubt[0])
        low, high = (quantile(yearly, q) for q in (0.05, 0.95))
        return quantile(wasted, 0.05), quantile(wasted, 0.95), low, high, base, best

    def swings(self) -> list[tuple[str, float, float]]:
        """Of each input but the spend, what its ends do to the yearly effect, the widest first."""
        found, base = [], [middle for _, middle, _ in self.corners]
        for n, name in enumerate(INPUTS[1:], 1):
            ends = [
                self.yearly(*[*base[:n], end, *base[n + 1 :]][1:]) for end in (self.corners[n][0], self.corners[n][2])
            ]
            found.append((str(self.assumptions["inputs"][name]["label"]), min(ends), max(ends)))
        return sorted(found, key=lambda s: s[1] - s[2])

    def change(self, measure: str, around: Break | None = None) -> Change | None:
        """Around the gravest break with days on both sides; each interval bears four measures around all of them."""
        lasting = [b for b in self.of.breaks if b.kind != "gap" and self.days[0] < b.since <= self.days[-1]]
        if not lasting:
            return None
        worst = around or min(lasting, key=lambda b: (b.severity, b.since))
        confidence = 1 - 0.05 / (4 * len(lasting))
        sides = [[v for d, v in self.of.daily.items() if (d >= worst.since) == late] for late in (False, True)]
        if measure == "conversion":
            (a, of_a), (b, of_b) = ([sum(v[n] for v in s) for n in ("converted", "sessions")] for s in sides)
            bounds = newcombe(b, of_b, a, of_a, confidence) if of_a and of_b else (-1.0, 1.0)
            return Change(worst, a / max(of_a, 1), b / max(of_b, 1), *bounds)
        old, new = ([v[measure] for v in s] for s in sides)
        bounds = welch(new, old, confidence) if min(len(old), len(new)) > 1 else (float("-inf"), float("inf"))
        return Change(worst, sum(old) / len(old), sum(new) / len(new), *bounds)

    def ids_are_lost(self) -> bool:
        return any(b.what == "client_id_missing_share" for b in self.of.breaks)

    def devices(self) -> Sentence:
        """Whether the two devices most used differ, or one of them less one system, or systems from the rest."""
        found = self.of.segments["device"]
        if not sum(c for c, _ in found.values()):
            return sentence("No session ended in an order")
        ranked = sorted(found, key=lambda d: (-found[d][1], d))[:2]
        if len(ranked) < 2 or any(is_small(*found[d]) for d in ranked):
            return sentence("Too few orders to compare devices")
        low, high = sorted(ranked, key=lambda d: found[d][0] / found[d][1])
        confidence = 1 - 0.05 / (len(found) * (len(found) - 1) / 2)
        numbers: tuple[Share, ...] = ()
        if newcombe(*found[high], *found[low], confidence)[0] > 0:
            for system in sorted({s for d, s in self.of.crossed if d == high}):
                pair = [
                    (found[d][0] - part[0], found[d][1] - part[1])
                    for d in (high, low)
                    for part in [self.of.crossed.get((d, system), (0, 0))]
                ]
                if min(n for _, n in pair) > 0 and newcombe(*pair[0], *pair[1], confidence)[0] <= 0:
                    return sentence(f"{high} converts more often than {low.lower()}, but not without {system}")
            numbers = (Share(found[high][0] / found[high][1] / (found[low][0] / found[low][1]) - 1),)
            start = f"{high} converts # more often than {low.lower()}"
        else:
            start = f"{low} and {high.lower()} show no clear difference"
        above, below, _ = outliers(self.of.segments["system"])
        parts = [
            f"{' and '.join(names)} convert{'s' if len(names) == 1 else ''} {word} often than the rest"
            for names, word in ((above, "more"), (below, "less"))
            if names
        ]
        tail = f"; {', '.join(parts)}" if parts else " in how often a session ends in an order"
        return sentence(start + tail, *numbers)

    def standing_out(self, kind: str, segments: dict[str, tuple[int, int]]) -> list[Sentence]:
        if len(segments) < 2 or not sum(c for c, _ in segments.values()):
            return []
        above, below, small = outliers(segments)
        if small == len(segments):
            return [sentence(f"All # {kind} are too small to call.", small)]
        parts = [
            f"{listed([f'{n} (#)' for n in names])} convert{'s' if len(names) == 1 else ''} {word} often than the rest"
            for names, word in ((above, "more"), (below, "less"))
            if names
        ]
        words = f"Of # {kind}, {'; '.join(parts) or 'none differs clearly from the rest'}"
        shares = [Share(segments[n][0] / segments[n][1]) for n in (*above, *below)]
        tail, few = (f"; # {'are' if small > 1 else 'is'} too small to call.", (small,)) if small else (".", ())
        return [sentence(words + tail, len(segments), *shares, *few)]
