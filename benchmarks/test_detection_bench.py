"""The rivals of the monitor are what their makers say."""

from yardsticks import elementary, z_score


def test_the_rivals_are_what_they_say() -> None:
    """Nine ones and a million: the day is in Elementary's own baseline, so ten days can never be enough."""
    assert not elementary([1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0, 1.0, 1.1, 1e6])
    assert elementary([1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0, 1.0, 1.1, 1.0, 1e6])
    assert z_score([1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0, 1.4])
    assert not z_score([1.0, 1.1, 1e6])
