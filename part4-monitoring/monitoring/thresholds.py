"""thresholds.yaml as frozen dataclasses, and what the contract says of the columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
LATENCY_UNITS = {
    name: timedelta(seconds=seconds)
    for seconds, names in (
        (1, "s second"), (60, "m min minute"), (3600, "h hr hour"), (86_400, "d day"), (604_800, "w week"),
    )
    for name in names.split()
}  # fmt: skip
KINDS = ("count", "share", "ratio", "amount")
SEVERITIES = ("P0", "P1", "P2", "P3")


class ThresholdsError(Exception):
    """The settings or the contract cannot be used; the message is one sentence for the user."""


@dataclass(frozen=True)
class Metric:
    """One watched metric; `effect` and `urgent` are relative changes, or points where `kind` is share."""

    name: str
    layer: str
    group: str
    kind: str
    effect: float
    label: str
    limit: float
    urgent: float | None = None
    watch: str = "both"
    severity: str = "P1"
    stake: str | None = None
    least: float = 2.5


@dataclass(frozen=True)
class Rule:
    """A rule without statistics; `brings` are the groups that fail with it."""

    name: str
    layer: str
    label: str
    severity: str = "P1"
    brings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Planned:
    """A change announced by the owner; `keys` are rules or groups."""

    first: date
    last: date
    keys: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Thresholds:
    history_days: int
    min_days: int
    weekday_weight: float
    limit: float
    level_days: int
    silent_events: float
    paid_orders: float
    paid_channels: tuple[str, ...]
    metrics: tuple[Metric, ...]
    rules: Mapping[str, Rule]
    brings: Mapping[str, tuple[str, ...]]
    roles: Mapping[str, tuple[str, ...]]
    planned: tuple[Planned, ...]
    runbooks: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Column:
    """A column of the contract; `lost` is the severity the contract gives to its loss."""

    name: str
    synonyms: tuple[str, ...]
    role: str | None
    lost: str


def load_thresholds(path: Path) -> Thresholds:
    """Read thresholds.yaml; raise ThresholdsError with a sentence for whatever cannot be used."""
    document = _read(path, "--thresholds")
    try:
        return _thresholds(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ThresholdsError(f"{path}: {_said(error)}; compare with the thresholds.yaml that came with it.") from None


def load_columns(path: Path) -> list[Column]:
    """The columns of the contract (ODCS) with their roles; raise ThresholdsError if there are none."""
    document = _read(path, "--contract")
    try:
        custom = {one["property"]: one["value"] for one in document.get("customProperties") or []}
        roles = {column: role for role, column in (custom.get("columnRoles") or {}).items()}
        return [
            Column(
                one.get("physicalName") or one["name"],  # what the header says
                tuple(s["synonym"] for s in one.get("synonyms") or []),
                roles.get(one["name"]),
                _lost(one),
            )
            for one in document["schema"][0]["properties"]
        ]
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ThresholdsError(
            f"{path}: {_said(error)}; validate_dataframework.py --contract {path} says where."
        ) from None


def load_latency(path: Path) -> timedelta:
    """How long after a day's end its file is due: the contract's `latency` (ODCS, slaProperties); none is no time."""
    levels = [one for one in _read(path, "--contract").get("slaProperties") or [] if one.get("property") == "latency"]
    if not levels:
        return timedelta()
    value, unit = levels[0].get("value"), str(levels[0].get("unit", "")).lower()
    try:
        return float(value) * LATENCY_UNITS[unit if unit in LATENCY_UNITS else unit.removesuffix("s")]
    except (KeyError, TypeError, ValueError, OverflowError):
        raise ThresholdsError(
            f"{path}: the latency {value} {unit} is no span of time; write it like `value: 6`, `unit: h`."
        ) from None


def _lost(column: Mapping[str, Any]) -> str:
    for check in column.get("quality") or []:
        if check.get("implementation") == "column_missing":
            return str(check.get("severity", "P1"))
    return "P1"


def _read(path: Path, option: str) -> dict[str, Any]:
    try:
        with path.open(encoding="utf-8") as file:
            document = yaml.load(file, Loader=LOADER)  # a safe loader either way
    except FileNotFoundError:
        what = "contract" if option == "--contract" else "file"
        raise ThresholdsError(f"{path}: no such {what}; name one with {option}.") from None
    except OSError as error:
        raise ThresholdsError(f"{path}: cannot be read ({error.strerror}); name another with {option}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        at = f", line {mark.line + 1}" if mark else ""
        raise ThresholdsError(f"{path}{at}: is not YAML; correct it, or name another with {option}.") from None
    if not isinstance(document, dict):
        raise ThresholdsError(f"{path}: holds no settings; name another with {option}.")
    return document


def _said(error: Exception) -> str:
    return f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())


def _thresholds(document: dict[str, Any]) -> Thresholds:
    limit = _positive(document["limit"], "limit")
    metrics = tuple(_metric(name, one, limit) for name, one in document["metrics"].items())
    groups = tuple(dict.fromkeys(m.group for m in metrics))
    brings = {key: _known(names, groups) for key, names in document["brings"].items()}
    roles = {key: _known(names, groups) for key, names in document["roles"].items()}
    rules = {name: _rule(name, one, groups) for name, one in document["rules"].items()}
    _known(brings, groups)
    runbooks = {key: tuple(steps) for key, steps in document["runbooks"].items()}
    for key in (*rules, *groups):
        if [type(step) for step in runbooks.get(key, ())] != [str] * 3:  # unquoted, a colon makes a mapping
            raise ValueError(f"runbooks: {key} needs three steps, each a text in quotes")
    return Thresholds(
        _above(document, "history_days", 1),
        _above(document, "min_days", 2),
        _positive(document["weekday_weight"], "weekday_weight"),
        limit,
        _above(document, "level_days", 2),
        float(document["silent_events"]),
        float(document["paid_orders"]),
        tuple(document["paid_channels"]),
        metrics,
        rules,
        brings,
        roles,
        tuple(_planned(one, (*rules, *groups)) for one in document.get("planned") or []),
        runbooks,
    )


def _above(document: dict[str, Any], key: str, least: int) -> int:
    value = int(document[key])
    if value < least:
        raise ValueError(f"{key} must be at least {least}")
    return value


def _positive(value: Any, what: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < float("inf"):
        raise ValueError(f"{what} must be a number above 0")
    return float(value)


def _metric(name: str, one: dict[str, Any], limit: float) -> Metric:
    metric = Metric(name, **({"limit": limit} | one))
    if metric.kind not in KINDS:
        raise ValueError(f"metrics: {name}: kind {metric.kind!r} is none of {', '.join(KINDS)}")
    if metric.watch not in ("both", "up", "down") or metric.severity not in SEVERITIES:
        raise ValueError(f"metrics: {name}: watch is both, up or down, and severity P0 to P3")
    _positive(metric.limit, f"metrics: {name}: limit")
    for field, value in (("effect", metric.effect), ("urgent", metric.urgent), ("least", metric.least)):
        if value:  # 0 is any change
            _positive(value, f"metrics: {name}: {field}")
    return metric


def _rule(name: str, one: dict[str, Any], groups: tuple[str, ...]) -> Rule:
    brings = one.get("brings", [])
    return Rule(name, **(one | {"brings": groups if brings == "all" else _known(brings, groups)}))


def _known(names: Any, groups: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in groups:
            raise ValueError(f"{name!r} is no group of a metric")
    return tuple(names)


def _planned(one: dict[str, Any], names: tuple[str, ...]) -> Planned:
    first, last = one["from"], one["until"]
    if not (isinstance(first, date) and isinstance(last, date)):
        raise ValueError("planned: from and until are days such as 2025-05-01")
    if first > last:
        raise ValueError(f"planned: from {first} is after until {last}")
    for key in one["keys"]:
        if str(key).partition(":")[0] not in names:
            raise ValueError(f"planned: {key!r} is no rule and no group of a metric")
    return Planned(first, last, tuple(one["keys"]), str(one["reason"]))
