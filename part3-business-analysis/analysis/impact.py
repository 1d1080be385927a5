"""Model the cost of broken tracking from assumptions.yaml, as ranges and never as one number.

waste    = revenue * spend_share * steerable * blind * gain            in the days of the report
ebitda   = waste / spend_share * margin * (365 / days) * (1 - doubt)   a year

`blind` is measured: the share of revenue that gold can give a channel after the repair of ids and could not before.
What is wasted could have earned at the average return of advertising, revenue / spend, of which the margin is kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from analysis.findings import evidence
from analysis.gold import Gold
from analysis.incidents import Quality
from event_data.errors import UserError

YEAR = 365
NAMES = ("spend_share", "steerable", "gain", "margin", "doubt")


class AssumptionsError(UserError):
    """assumptions.yaml cannot be used."""


class Assumption(NamedTuple):
    """An input of the model that the data do not hold; the values are fractions."""

    label: str
    low: float
    base: float
    high: float


class Claim(NamedTuple):
    """A claim about the damage: an amount over a number of days."""

    label: str
    days: int
    low: float
    high: float


@dataclass(frozen=True)
class Assumptions:
    """The inputs by name, and the claims to hold against the model."""

    inputs: dict[str, Assumption]
    claims: dict[str, Claim]
    claims_about: str  # the id of the contract whose shop they are about
    seed: int
    draws: int


class Range(NamedTuple):
    """Amounts: nine of ten draws are between low and high; the base case, and the best corner."""

    low: float
    high: float
    base: float
    most: float


class Swing(NamedTuple):
    """The yearly effect at the low and high value of one input, with all others at base."""

    label: str
    low: float
    high: float


@dataclass(frozen=True)
class Impact:
    """The ranges of the model, and amounts that were measured, which are not to be added."""

    revenue: float
    days: int
    blind: float  # the share of revenue that has a channel only since the repair of ids
    at_risk: float  # what part 1 puts at stake
    unlabelled_as_tracked: float  # revenue without a channel
    unlabelled_healed: float
    unseen_hours: float  # revenue, and orders, that hours without events would have held
    unseen_orders: float
    waste: Range
    ebitda: Range
    tornado: tuple[Swing, ...]

    def product(self, ebitda_a_year: float) -> float:
        """Return gain * steerable * margin * certainty, a fraction, that a yearly effect needs."""
        a_year = self.revenue * self.blind * YEAR / max(self.days, 1)
        return ebitda_a_year / a_year if a_year else 0.0


def load_assumptions(path: Path) -> Assumptions:
    """Read the file; raise AssumptionsError for anything missing, unordered or out of range."""
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
    inputs = {name: _input(path, name, document["inputs"].get(name)) for name in NAMES}
    claims = {name: _claim(path, name, claim) for name, claim in (document.get("claims") or {}).items()}
    seed, draws = document.get("seed", 1), document.get("draws", 20000)
    if not (isinstance(seed, int) and isinstance(draws, int) and seed >= 0 and 100 <= draws <= 10**6):
        raise AssumptionsError(f"{path}: seed must be a whole number, and draws one from 100 to 1000000.")
    return Assumptions(inputs, claims, str(document.get("claims_about", "")), seed, draws)


def _input(path: Path, name: str, fields: Any) -> Assumption:
    needed = ("low", "base", "high", "label", "unit", "source", "status")
    if not isinstance(fields, Mapping) or any(field not in fields for field in needed):
        raise AssumptionsError(f"{path}: the input {name} needs {', '.join(needed)}.")
    low, base, high = values = [fields["low"], fields["base"], fields["high"]]
    if any(isinstance(v, bool) or not isinstance(v, int | float) for v in values):
        raise AssumptionsError(f"{path}: low, base and high of {name} must be numbers.")
    if not 0 <= low <= base <= high < float("inf") or (name != "spend_share" and high > 1):
        raise AssumptionsError(f"{path}: {name} must have 0 <= low <= base <= high <= 1, as it is a fraction.")
    if name == "spend_share" and low == 0:
        raise AssumptionsError(f"{path}: spend_share must be more than 0; without advertising nothing is steered.")
    return Assumption(str(fields["label"]), float(low), float(base), float(high))


def _claim(path: Path, name: str, fields: Any) -> Claim:
    try:
        claim = Claim(str(fields["label"]), int(fields["days"]), float(fields["low"]), float(fields["high"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        raise AssumptionsError(f"{path}: the claim {name} needs label, days, low and high.") from None
    if claim.days < 1 or not 0 <= claim.low <= claim.high < float("inf"):
        raise AssumptionsError(f"{path}: the claim {name} must have days of 1 or more, and 0 <= low <= high.")
    return claim


def waste(revenue: float, blind: float, inputs: Mapping[str, Any]) -> Any:
    """Return the spend in the window that the right channel figures would have placed better."""
    return revenue * inputs["spend_share"] * inputs["steerable"] * blind * inputs["gain"]


def ebitda(revenue: float, days: int, blind: float, inputs: Mapping[str, Any]) -> Any:
    """Return the effect of a year, had the waste earned at the average return; the spend itself cancels out."""
    kept = inputs["steerable"] * inputs["gain"] * inputs["margin"] * (1 - inputs["doubt"])
    return revenue * blind * kept * YEAR / max(days, 1)


def model(gold: Gold, quality: Quality, assumptions: Assumptions) -> Impact:
    """Return all ranges of the model for the days of the report, and what was measured in them."""
    inputs, days = with_measured_spend(assumptions, gold).inputs, len(gold.days)
    revenue = gold.revenue if gold.roles.has_amount else 0.0
    tracked, healed = (
        revenue - evidence(gold, reading)["known"] if gold.roles.has_amount else 0.0
        for reading in ("as_tracked", "healed")
    )
    blind = max(tracked - healed, 0.0) / revenue if revenue else 0.0
    random = np.random.default_rng(assumptions.seed)
    drawn: dict[str, Any] = {
        name: random.triangular(one.low, one.base, one.high, assumptions.draws) if one.high > one.low else one.base
        for name, one in inputs.items()
    }
    base = {name: one.base for name, one in inputs.items()}
    best = {name: one.low if name == "doubt" else one.high for name, one in inputs.items()}
    wasted, yearly = (
        Range(*np.quantile(effect(drawn), (0.05, 0.95)), *(effect(case) for case in (base, best)))
        for effect in (partial(waste, revenue, blind), partial(ebitda, revenue, days, blind))
    )
    swings = [
        Swing(one.label, *sorted(ebitda(revenue, days, blind, base | {name: end}) for end in (one.low, one.high)))
        for name, one in inputs.items()
        if name != "spend_share"
    ]
    missed = missed_orders(gold, quality) / max(int(gold.hours["orders"].sum()), 1)
    return Impact(
        revenue, days, blind, float(quality.at_stake), tracked, healed, gold.revenue * missed, gold.orders * missed,
        wasted, yearly, tuple(sorted(swings, key=lambda s: s.low - s.high)),
    )  # fmt: skip


def with_measured_spend(assumptions: Assumptions, gold: Gold) -> Assumptions:
    """Return the assumptions with the spend of the file in place of the assumed one, if it covers the days."""
    if not (gold.measured_spend and gold.revenue):
        return assumptions
    share = gold.measured_spend / gold.revenue
    spent = assumptions.inputs["spend_share"]._replace(low=share, base=share, high=share)
    return replace(assumptions, inputs={**assumptions.inputs, "spend_share": spent})


def missed_orders(gold: Gold, quality: Quality) -> float:
    """Return the orders to be expected in hours without events: the mean of the same hours of the other days.

    Orders of that day that were refused are known and not missed.
    """
    missed = 0.0
    for day, empty in quality.empty_hours.items():
        if day in gold.days.index:
            same = gold.hours[(gold.hours["date"] != day) & gold.hours["hour"].isin(empty)]
            expected = same["orders"].sum() / max(len(gold.days) - 1, 1)
            missed += max(expected - gold.days.loc[day, "refused_orders"], 0.0)
    return float(missed)


class ClaimTest(NamedTuple):
    """The conditions under which a claim would be true, at its low and its high end."""

    share_of_revenue: tuple[float, ...]  # the claim against revenue in its days
    spend_needed: tuple[float, ...]  # in the claim's days, if all of its unlabelled share were wasted
    product_needed: tuple[float, ...]  # of the fractions, of 1 at most


def hold_against(impact: Impact, claim: Claim, unlabelled: float) -> ClaimTest:
    """Hold a claim against what was measured; `unlabelled` is the share of revenue that the claim rests on."""
    sold, ends = impact.revenue / max(impact.days, 1) * claim.days, (claim.low, claim.high)
    shares = tuple(end / sold if sold else float("inf") for end in ends)
    spend = tuple(end / unlabelled if unlabelled else float("inf") for end in ends)
    return ClaimTest(shares, spend, tuple(s / impact.blind if impact.blind else float("inf") for s in shares))
