"""Model the cost of broken tracking from assumptions.yaml, as ranges and never as one number.

waste    = revenue * spend_share * steerable * blind * gain            in the window
ebitda   = waste / spend_share * margin * (365 / days) * (1 - doubt)   a year

`blind` is measured: the share of revenue that gold can give a channel after the repair of ids and could not before.
What is wasted could have earned at the average return of advertising, revenue / spend, of which the margin is kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from analysis.gold import Gold
from analysis.incidents import Quality
from event_data.errors import UserError

YEAR = 365
NAMES = ("spend_share", "steerable", "gain", "margin", "doubt")
FIELDS = ("label", "unit", "low", "base", "high", "source", "status")


class AssumptionsError(UserError):
    """assumptions.yaml cannot be used."""


@dataclass(frozen=True)
class Assumption:
    """An input of the model that the data do not hold; the values are fractions."""

    name: str
    label: str
    unit: str
    low: float
    base: float
    high: float
    source: str
    status: str


@dataclass(frozen=True)
class Claim:
    """A claim about the damage: an amount over a number of days."""

    label: str
    days: int
    low: float
    high: float


@dataclass(frozen=True)
class Assumptions:
    inputs: tuple[Assumption, ...]
    claims: dict[str, Claim]
    claims_about: str  # the id of the contract whose shop they are about
    seed: int
    draws: int


@dataclass(frozen=True)
class Range:
    """Amounts: nine of ten draws between low and high, the median, the base case, and the two corners."""

    low: float
    median: float
    high: float
    base: float
    least: float
    most: float


@dataclass(frozen=True)
class Swing:
    """The yearly effect at the low and high value of one input, with all others at base."""

    label: str
    low: float
    high: float


@dataclass(frozen=True)
class Money:
    """Three things that are not the same: only the last would be money that never came."""

    at_risk: float
    unlabelled_as_tracked: float
    unlabelled_healed: float
    unseen_hours: float
    unseen_orders: float = 0.0


@dataclass(frozen=True)
class Impact:
    revenue: float
    days: int
    blind: float
    waste: Range
    ebitda: Range
    tornado: tuple[Swing, ...]
    money: Money

    @property
    def product(self) -> float:
        """gain * steerable * margin * certainty of the base case, a fraction."""
        return self._product(self.ebitda.base)

    @property
    def product_most(self) -> float:
        """The same of the best corner."""
        return self._product(self.ebitda.most)

    def _product(self, ebitda_a_year: float) -> float:
        a_year = self.revenue * self.blind * YEAR / max(self.days, 1)
        return ebitda_a_year / a_year if a_year else 0.0


def load_assumptions(path: Path) -> Assumptions:
    """Read the file; raises AssumptionsError with a sentence for anything missing, unordered or out of 0 to 1."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AssumptionsError(f"there is no file {path}; name another with --assumptions.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise AssumptionsError(f"{path} cannot be read as YAML ({str(error).splitlines()[0]}).") from None
    if not isinstance(document, Mapping) or not isinstance(document.get("inputs"), Mapping):
        raise AssumptionsError(
            f"{path} has no list of inputs; compare it with the assumptions.yaml that came with this."
        )
    inputs = tuple(_input(path, name, document["inputs"].get(name)) for name in NAMES)
    claims = {name: _claim(path, name, claim) for name, claim in (document.get("claims") or {}).items()}
    seed, draws = document.get("seed", 1), document.get("draws", 20000)
    if not (isinstance(seed, int) and isinstance(draws, int) and seed >= 0 and 100 <= draws <= 10**6):
        raise AssumptionsError(f"{path}: seed must be a whole number, and draws one from 100 to 1000000.")
    return Assumptions(inputs, claims, str(document.get("claims_about", "")), seed, draws)


def _input(path: Path, name: str, fields: Any) -> Assumption:
    if not isinstance(fields, Mapping) or any(field not in fields for field in FIELDS):
        raise AssumptionsError(f"{path}: the input {name} needs {', '.join(FIELDS)}.")
    values = [fields["low"], fields["base"], fields["high"]]
    if any(isinstance(v, bool) or not isinstance(v, int | float) for v in values):
        raise AssumptionsError(f"{path}: low, base and high of {name} must be numbers.")
    if not 0 <= values[0] <= values[1] <= values[2] < float("inf") or (name != "spend_share" and values[2] > 1):
        raise AssumptionsError(f"{path}: {name} must have 0 <= low <= base <= high <= 1, for it is a fraction.")
    if name == "spend_share" and values[0] == 0:
        raise AssumptionsError(f"{path}: spend_share must be more than 0, for without advertising nothing is steered.")
    texts = {field: str(fields[field]) for field in ("label", "unit", "source", "status")}
    low, base, high = (float(v) for v in values)
    return Assumption(name, low=low, base=base, high=high, **texts)


def _claim(path: Path, name: str, fields: Any) -> Claim:
    try:
        claim = Claim(str(fields["label"]), int(fields["days"]), float(fields["low"]), float(fields["high"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        raise AssumptionsError(f"{path}: the claim {name} needs label, days, low and high.") from None
    if claim.days < 1 or not 0 <= claim.low <= claim.high < float("inf"):
        raise AssumptionsError(f"{path}: the claim {name} must have days of 1 or more, and 0 <= low <= high.")
    return claim


def waste(revenue: float, blind: float, spend_share: float, steerable: float, gain: float) -> float:
    """Spend in the window that the right channel figures would have placed better."""
    return revenue * spend_share * steerable * blind * gain


def ebitda(
    revenue: float, days: int, blind: float, steerable: float, gain: float, margin: float, doubt: float
) -> float:
    """A year: the waste, had it earned at the average return; the spend itself cancels out."""
    return revenue * steerable * blind * gain * margin * (1 - doubt) * YEAR / max(days, 1)


def model(gold: Gold, quality: Quality, assumptions: Assumptions) -> Impact:
    """All ranges of the model for the days in gold."""
    revenue, days = float(gold.revenue), len(gold.days)
    gained = float(gold.unlabelled("as_tracked") - gold.unlabelled("healed"))
    blind = max(gained, 0.0) / revenue if revenue else 0.0
    base = {a.name: a.base for a in assumptions.inputs}
    best = {a.name: a.low if a.name == "doubt" else a.high for a in assumptions.inputs}
    worst = {a.name: a.high if a.name == "doubt" else a.low for a in assumptions.inputs}
    drawn = _draw(assumptions)

    def wasted(v: Mapping[str, Any]) -> Any:
        return waste(revenue, blind, v["spend_share"], v["steerable"], v["gain"])

    def yearly(v: Mapping[str, Any]) -> Any:
        return ebitda(revenue, days, blind, v["steerable"], v["gain"], v["margin"], v["doubt"])

    swings = [
        Swing(a.label, *sorted((yearly(base | {a.name: a.low}), yearly(base | {a.name: a.high}))))
        for a in assumptions.inputs
        if a.name != "spend_share"
    ]
    return Impact(
        revenue, days, blind, _range(wasted(drawn), wasted(base), wasted(worst), wasted(best)),
        _range(yearly(drawn), yearly(base), yearly(worst), yearly(best)),
        tuple(sorted(swings, key=lambda s: s.low - s.high)), money(gold, quality),
    )  # fmt: skip


def money(gold: Gold, quality: Quality) -> Money:
    """Return revenue at risk (what part 1 puts at stake), unlabelled, and in hours that were not recorded."""
    orders, missed = sum(gold.hour_orders.values()), missed_orders(gold, quality)
    unseen = float(gold.revenue) * missed / orders if orders else 0.0
    as_tracked, healed = (float(gold.unlabelled(reading)) for reading in ("as_tracked", "healed"))
    return Money(float(quality.at_stake), as_tracked, healed, unseen, gold.orders * missed / orders if orders else 0.0)


def missed_orders(gold: Gold, quality: Quality) -> float:
    """Return the orders to be expected in hours without events: the mean of the same hours of the other days.

    Orders of that day that were refused are known and not missed.
    """
    missed = 0.0
    for day, hours in quality.empty_hours.items():
        others = [d.day for d in gold.days if d.day != day]
        expected = sum(gold.hour_orders.get((d, hour), 0.0) for d in others for hour in hours) / max(len(others), 1)
        refused = sum(orders for (_, of), (_, orders) in gold.refusals.items() if of == day)
        missed += max(expected - refused, 0.0)
    return missed


def _draw(assumptions: Assumptions) -> dict[str, NDArray[np.float64]]:
    """Triangular draws: the base most likely, low and high the ends."""
    random = np.random.default_rng(assumptions.seed)
    return {
        a.name: random.triangular(a.low, a.base, a.high, assumptions.draws)
        if a.high > a.low
        else np.full(assumptions.draws, a.base)
        for a in assumptions.inputs
    }


def _range(values: NDArray[np.float64], base: float, least: float, most: float) -> Range:
    low, median, high = (float(v) for v in np.quantile(values, (0.05, 0.5, 0.95)))
    return Range(low, median, high, base, least, most)


@dataclass(frozen=True)
class ClaimTest:
    """The conditions under which a claim would be true."""

    # the claim against what it is a part of: revenue in its days
    share_of_revenue: tuple[float, float]
    # spend needed in the claim's days if all of the unlabelled share of it were wasted
    spend_needed: tuple[float, float]
    # the product of the fractions that the claim needs, of 1 at most
    product_needed: tuple[float, float]


def hold_against(impact: Impact, claim: Claim, unlabelled: float) -> ClaimTest:
    """Hold a claim against what was measured; `unlabelled` is the share of revenue that the claim rests on."""
    a_day = impact.revenue / max(impact.days, 1)
    sold = a_day * claim.days
    shares = (claim.low / sold, claim.high / sold) if sold else (float("inf"),) * 2
    spend = (claim.low / unlabelled, claim.high / unlabelled) if unlabelled else (float("inf"),) * 2
    product = tuple(s / impact.blind if impact.blind else float("inf") for s in shares)
    return ClaimTest(shares, spend, (product[0], product[1]))
