"""Read how often these thresholds alarm in a simulation; `make detection` wrote detection.json."""

import hashlib
import json
from pathlib import Path

MEASURED = Path(__file__).resolve().parents[1] / "detection.json"


def fingerprint(thresholds: Path) -> str:
    """Return a hash of everything that decides the alarms: the settings and the code of scores and judgement."""
    here = Path(__file__).resolve().parent
    digest = hashlib.sha256()
    shared = here.parents[1] / "event_data" / "dead_hours.py"
    code = ("baselines", "scoring", "trading", "detection", "incidents", "recovery", "rules")
    for path in (thresholds, *(here / f"{name}.py" for name in code), shared):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def expected_false_alarms(thresholds: Path, measured: Path = MEASURED) -> str:
    """Return one clause on the false alarms per month, or that nothing was measured for these settings."""
    try:
        document = json.loads(measured.read_text("utf-8"))
        if document["fingerprint"] == fingerprint(thresholds):
            return (
                f"{document['false_yellow_per_30_days']:.2f} YELLOW in 30 days and "
                f"{document['false_red_per_year']:.2f} RED in a year, in {document['healthy_days']:,} simulated days."
            )
    except (OSError, ValueError, KeyError):
        pass
    return "not measured for these settings; make detection measures them."
