"""Read thresholds.yaml into frozen dataclasses."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from event_data.contract import Severity
from event_data.contract.shape import weekdays
from event_data.errors import UserError

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
KINDS = ("count", "share", "ratio", "amount", "scale")
SEVERITIES = tuple(Severity.__members__)
LEAST = {"history_days": 1, "min_days": 2, "level_days": 2}
ALL = "all"  # planned alarms of every kind
SHIPPED = Path(__file__).resolve().parents[1] / "thresholds.yaml"
# Keys of the previous version, which still work.
RENAMED = {"effect": "min_change", "stake": "impact", "least": "min_events", "brings": "suppresses"}
# Rules of this version that a settings file of the previous version lacks.
NEW_RULES = ("records_refused", "file_refused", "file_unread", "known_totals", "file_truncated", "times_unreadable")
# Keys of this version that such a file also lacks.
NEW_KEYS = ("strong", "strong_part", "windows", "segment_limit", "trading", "segments")


class ThresholdsError(UserError):
    """The settings cannot be used."""


@dataclass(frozen=True)
class Metric:
    """One watched metric; `min_change` and `urgent` are relative changes, or points where `kind` is share."""

    name: str
    layer: str
    group: str
    kind: str
    min_change: float
    label: str
    limit: float
    urgent: float | None = None
    watch: str = "both"
    severity: str = "P1"
    impact: str | None = None
    min_events: float = 2.5
    of: str = ""  # the metric whose segments this one watches
    by: tuple[str, ...] = ()  # the kinds of its segments


@dataclass(frozen=True)
class Rule:
    """A rule without statistics; `suppresses` are the groups that fail with it."""

    name: str
    layer: str
    label: str
    severity: str = "P1"
    urgent: float | None = None  # a share from which it is P0
    suppresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Planned:
    """A change that the owner announced, for a period or for weekdays; `keys` are rules or groups, or `all`."""

    first: date
    last: date
    keys: tuple[str, ...]
    reason: str
    weekdays: tuple[int, ...] = ()  # 0 is Monday; () is every day

    def covers(self, day: date, key: str) -> bool:
        """Return whether an alarm of a day was announced."""
        if not self.first <= day <= self.last or (self.weekdays and day.weekday() not in self.weekdays):
            return False
        return bool({key, key.partition(":")[0], ALL} & set(self.keys))


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
    strong: float
    strong_part: float
    windows: tuple[int, ...]
    segment_limit: float
    trading: tuple[str, ...]
    metrics: tuple[Metric, ...]
    rules: Mapping[str, Rule]
    segments: tuple[Metric, ...]
    suppresses: Mapping[str, tuple[str, ...]]
    roles: Mapping[str, tuple[str, ...]]
    planned: tuple[Planned, ...]
    runbooks: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()  # what the owner of the file should change, in sentences


def load_thresholds(path: Path) -> Thresholds:
    """Read thresholds.yaml; raise ThresholdsError with a sentence about what cannot be used."""
    document = _read(path)
    try:
        notes = [*_use_new_keys(document, path), *_add_new_rules(document, path), *_add_new_keys(document, path)]
        return _thresholds(document, notes)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise ThresholdsError(f"{path}: {what}; compare it with the shipped thresholds.yaml.") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open(encoding="utf-8") as file:
            document = yaml.load(file, Loader=LOADER)  # a safe loader either way
    except FileNotFoundError:
        raise ThresholdsError(f"{path}: no such file; name one with --thresholds.") from None
    except OSError as error:
        raise ThresholdsError(f"{path}: cannot be read ({error.strerror}); name another with --thresholds.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        at = f", line {mark.line + 1}" if mark else ""
        raise ThresholdsError(f"{path}{at}: is not YAML; correct it, or name another with --thresholds.") from None
    except ValueError as error:  # of a day such as 2025-02-30
        raise ThresholdsError(f"{path}: has a day or number that does not exist ({error}); correct it.") from None
    if not isinstance(document, dict):
        raise ThresholdsError(f"{path}: has no settings; name another with --thresholds.")
    return document


def _use_new_keys(document: dict[str, Any], path: Path) -> list[str]:
    """Rename the keys of the previous version; return a sentence for each."""
    old: dict[str, str] = {}
    for one in (
        document,
        *(one for block in ("metrics", "segments", "rules") for one in document.get(block, {}).values()),
    ):
        for key in RENAMED.keys() & one.keys():
            old[key] = RENAMED[key]
            one.setdefault(RENAMED[key], one.pop(key))
    return [
        f"{path}: the key {key} is now called {old[key]}; the next version accepts only the new name."
        for key in sorted(old)
    ]


def _add_new_rules(document: dict[str, Any], path: Path) -> list[str]:
    """Add the rules that the file lacks from the file shipped with this version."""
    missing = [name for name in NEW_RULES if name not in document["rules"]]
    if missing:
        shipped = _read(SHIPPED)
        for name in missing:
            document["rules"][name] = shipped["rules"][name]
            document["runbooks"].setdefault(name, shipped["runbooks"][name])
    return [f"{path}: has no rule {name}; the one shipped with this version is used." for name in missing]


def _add_new_keys(document: dict[str, Any], path: Path) -> list[str]:
    """Add missing keys from the file shipped with this version, if their groups are known."""
    missing = [name for name in NEW_KEYS if name not in document]
    shipped = _read(SHIPPED) if missing else {}
    groups = {one["group"] for one in document["metrics"].values()}
    for name in missing:
        document[name] = shipped[name]
        if name == "trading":
            document[name] = [group for group in shipped[name] if group in groups]
        elif name == "segments":
            document[name] = {key: one for key, one in shipped[name].items() if one["group"] in groups}
    if not missing:
        return []
    return [f"{path}: has no {', '.join(missing)}; the values shipped with this version are used."]


def _thresholds(document: dict[str, Any], notes: Sequence[str]) -> Thresholds:
    for key, least in LEAST.items():
        if int(document[key]) < least:
            raise ValueError(f"{key} must be at least {least}")
    _check_positive(document, ("weekday_weight", "limit", "strong", "strong_part", "segment_limit"))
    metrics = tuple(_metric(name, {"limit": document["limit"]} | one) for name, one in document["metrics"].items())
    segments = tuple(
        _metric(name, {"limit": document["segment_limit"]} | one) for name, one in document["segments"].items()
    )
    groups = tuple(dict.fromkeys(m.group for m in metrics))
    _known((m.group for m in segments), groups)
    suppresses, roles = ({k: _known(v, groups) for k, v in document[key].items()} for key in ("suppresses", "roles"))
    _known(suppresses, groups)
    rules = {name: _rule(name, one, groups) for name, one in document["rules"].items()}
    runbooks = {key: tuple(steps) for key, steps in document["runbooks"].items()}
    for key in (*rules, *groups):
        if [type(step) for step in runbooks.get(key, ())] != [str] * 3:  # unquoted, a colon makes a mapping
            raise ValueError(f"runbooks: {key} needs three steps, each in quotes")
    return Thresholds(
        **{key: document[key] for key in (*LEAST, "weekday_weight", "limit")},
        silent_events=float(document["silent_events"]), paid_orders=float(document["paid_orders"]),
        paid_channels=tuple(document["paid_channels"]), windows=tuple(document["windows"]),
        strong=float(document["strong"]), strong_part=float(document["strong_part"]),
        segment_limit=float(document["segment_limit"]), trading=_known(document["trading"], groups), metrics=metrics,
        segments=segments, rules=rules, suppresses=suppresses,
        roles=roles, runbooks=runbooks, notes=tuple(notes),
        planned=tuple(_planned(one, (*rules, *groups)) for one in _list(document.get("planned"), "planned")),
    )  # fmt: skip


def _check_positive(settings: Mapping[str, Any], keys: Iterable[str], where: str = "") -> None:
    for key in keys:
        value = settings[key]
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < float("inf"):
            raise ValueError(f"{where}{key} must be a number above 0")


def _metric(name: str, one: dict[str, Any]) -> Metric:
    one = _with_severity(one, f"metrics: {name}: ")
    metric = Metric(name, **(one | {"by": tuple(one.get("by", ()))}))
    if metric.kind not in KINDS:
        raise ValueError(f"metrics: {name}: kind {metric.kind!r} is not one of {', '.join(KINDS)}")
    if metric.watch not in ("both", "up", "down"):
        raise ValueError(f"metrics: {name}: watch must be both, up or down")
    optional = (key for key in ("min_change", "urgent", "min_events") if one.get(key))  # 0 is any change
    _check_positive(one, ("limit", *optional), f"metrics: {name}: ")
    return metric


def _with_severity(one: dict[str, Any], where: str) -> dict[str, Any]:
    """Return the settings with their severity in upper case; raise ValueError if it is not one."""
    if "severity" not in one:
        return one
    severity = str(one["severity"]).upper()
    if severity not in SEVERITIES:
        raise ValueError(f"{where}severity must be P0, P1, P2 or P3")
    return one | {"severity": severity}


def _rule(name: str, one: dict[str, Any], groups: tuple[str, ...]) -> Rule:
    one = _with_severity(one, f"rules: {name}: ")
    suppresses = one.get("suppresses", [])
    if one.get("urgent") is not None:
        _check_positive(one, ("urgent",), f"rules: {name}: ")
    return Rule(name, **(one | {"suppresses": groups if suppresses == "all" else _known(suppresses, groups)}))


def _known(names: Iterable[str], groups: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in groups:
            raise ValueError(f"{name!r} is not a group of metrics")
    return tuple(names)


def _planned(one: object, names: tuple[str, ...]) -> Planned:
    form = "{from: 2025-05-01, until: 2025-05-03, keys: [traffic], reason: sale}"
    if not isinstance(one, dict):
        raise ValueError(f"planned: an entry has the form {form}, not {one!r}")
    unknown = one.keys() - {"from", "until", "weekdays", "keys", "reason"}
    if unknown:
        raise ValueError(
            f"planned: {min(map(str, unknown))!r} is not a key; the keys are from, until, weekdays, keys and reason"
        )
    of_week = tuple(_weekday(name) for name in _list(one.get("weekdays"), "weekdays"))
    if not of_week and not {"from", "until"} <= one.keys():
        raise ValueError("planned: an entry needs from and until, or weekdays")
    first, last = one.get("from", date.min), one.get("until", date.max)
    if not (type(first) is date and type(last) is date):  # a datetime is a date, too
        raise ValueError("planned: from and until must be days such as 2025-05-01")
    if first > last:
        raise ValueError(f"planned: from {first} is after until {last}")
    keys = tuple(map(str, _list(one.get("keys"), "keys")))
    if not keys or not one.get("reason"):
        raise ValueError(f"planned: an entry needs {'a reason' if keys else 'keys'}, as in {form}")
    for key in keys:
        if key != ALL and key.partition(":")[0] not in names:
            raise ValueError(f"planned: {key!r} is neither a rule nor a group of metrics")
    return Planned(first, last, keys, str(one["reason"]), of_week)


def _list(value: object, key: str) -> list[Any]:
    """Return the values of a key that takes one or several."""
    if isinstance(value, dict):
        raise ValueError(f"planned: {key} is a list, not {value!r}")
    return value if isinstance(value, list) else [] if value is None else [value]


def _weekday(name: object) -> int:
    names = weekdays()
    if str(name).capitalize() not in names:
        raise ValueError(f"planned: {name!r} is not a weekday; the weekdays are {', '.join(names)}")
    return names.index(str(name).capitalize())
