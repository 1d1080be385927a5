"""Test the detection of a missing column under another name, from the form of its values."""

import csv
from pathlib import Path

import pytest
from quality.rename_detection import LEAST_MATCH, Profile, likeness, profiles, shape


def profile(*values: str) -> Profile:
    n = max(1, len([v for v in values if v]))
    filled = [v for v in values if v]
    return Profile(
        1 - len(filled) / max(1, len(values)),
        {s: sum(shape(v) == s for v in filled) / n for s in map(shape, filled)},
        {v: filled.count(v) / n for v in filled},
        sum(map(len, filled)) / n,
    )


IDS, MORE_IDS = (
    ("1740268798-lvfV1k5nHCN8", "1740268799-aaaaa1111122"),
    ("1740300000-zzzzzzzzzzzz", "1740300001-bQbQbQbQ0000"),
)
URLS = ("https://shop.example/a?b=1", "https://shop.example/")


@pytest.mark.parametrize(
    ("old", "new", "low", "high"),
    [
        (IDS, IDS, 1, 1),
        (IDS, MORE_IDS, 1, 1),  # no value in common, and all of the same form
        (IDS, URLS, 0, 0),
        (("a", "a", "b"), ("a", "b", "b"), 0.66, 1),
        (IDS, ("", ""), 0, 0),
        (("", ""), IDS, 0, 0),
        (IDS, (*MORE_IDS, *[""] * 18), 0, 0.2),  # nearly always empty now
        (("yes", "no"), ("something much longer", "than it was before"), 0, LEAST_MATCH),
    ],
)
def test_likeness(old: tuple[str, ...], new: tuple[str, ...], low: float, high: float) -> None:
    assert low <= likeness(profile(*old), profile(*new)) <= high + 1e-9
    assert likeness(profile(*old), profile(*new)) == pytest.approx(likeness(profile(*new), profile(*old)))


def test_profiles_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "day.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=";").writerows([["id", "x"], *[[v, ""] for v in IDS], ["ragged"], ["a;\nb", "1"]])
    found = profiles(path, ";")
    assert found["id"].values == {
        IDS[0]: pytest.approx(1 / 3),
        IDS[1]: pytest.approx(1 / 3),
        "a;\nb": pytest.approx(1 / 3),
    }
    assert found["x"].nulls == pytest.approx(2 / 3) and found["x"].mean_length == 1
    path.write_bytes(b"")
    assert profiles(path, ",") == {}
