"""Test the usual range of a day, estimated from the other days, and the verdicts on few cases."""

from collections import Counter
from fractions import Fraction
from math import ceil, comb, exp, floor, inf, isfinite, lgamma, log, sqrt
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quality.expected_ranges import (
    COUNT_DOUBT,
    DOUBT,
    FORTNIGHT,
    LEAST_DAYS,
    LEAST_FOLD,
    LEAST_SHIFT,
    Z_LIMIT,
    amount_range,
    count_range,
    expected_ties,
    is_below,
    is_beyond,
    poisson_tail,
    share_range,
)

# ---- a share beside the file's own past


def test_a_share_is_usual_within_its_own_spread() -> None:
    past = [(100, 1000)] * 6
    low, high = share_range(past, 1000) or (inf, inf)
    share = 600.5 / 6001
    spread = Z_LIMIT * sqrt(share * (1 - share) * (1 / 1000 + 1 / 6000))  # no over-dispersion: phi is 1
    assert (low, high) == pytest.approx((share - spread, share + spread))
    wild = share_range([(50, 1000), (150, 1000)] * 3, 1000) or (inf, inf)
    phi = 6 * (1000 * share - 50.1) ** 2 / (1000 * share * (1 - share)) / 5
    assert wild[1] - share == pytest.approx(spread * sqrt(phi), rel=0.01)


@pytest.mark.parametrize(
    ("past", "checked", "low", "high"),
    [
        ([(0, 10**6)] * 9, 10**6, 0, LEAST_SHIFT),  # nothing ever failed: a shift of three points is needed
        ([(10**6, 10**6)] * 9, 10**6, 1 - LEAST_SHIFT, 1),
        ([(500_000, 10**6)] * 9, 10**6, 0.5 - LEAST_SHIFT, 0.5 + LEAST_SHIFT),
        ([(0, 5), (5, 5)] * 4, 1, 0, 1),  # anything can be, when so few cases vary so much
    ],
)
def test_the_ends_of_a_share(past: list[tuple[int, int]], checked: int, low: float, high: float) -> None:
    assert share_range(past, checked) == pytest.approx((low, high), abs=1e-5)


def test_few_days_say_nothing() -> None:
    assert share_range([(1, 10)] * (LEAST_DAYS - 1), 10) is None
    assert share_range([(1, 10)] * (LEAST_DAYS - 1) + [(0, 0)] * 5, 10) is None  # an empty day is none
    assert share_range([(1, 10)] * LEAST_DAYS, 0) is None
    assert count_range([5] * (LEAST_DAYS - 1)) is None


days = st.lists(
    st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=4, max_size=14
)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(days, st.integers(1, 10**6))
def test_a_range_of_shares_is_a_range(past: list[tuple[int, int]], checked: int) -> None:
    low, high = share_range(past, checked) or (inf, -inf)
    share = sum(f for f, _ in past) / sum(n for _, n in past)
    assert 0 <= low <= share <= high <= 1
    assert share_range(past[::-1], checked) == pytest.approx((low, high))
    wider = share_range(past, max(1, checked // 2)) or (inf, -inf)
    assert wider[0] <= low and high <= wider[1]  # fewer cases prove less
    other_way = share_range([(n - f, n) for f, n in past], checked) or (inf, -inf)
    # Symmetric, but for the half case that keeps the variance positive.
    assert (1 - other_way[1], 1 - other_way[0]) == pytest.approx((low, high), abs=0.5 / len(past))


# ---- a count beside the other days'


@pytest.mark.parametrize(
    ("others", "low", "high"),
    [
        ([10_000] * 9, 5556, 18_000),  # the fold of 1.8 is wider than the noise
        ([10_000] * 8 + [0], 5556, 18_000),  # one broken day hides nothing
        ([0] * 9, 0, 4),
    ],
)
def test_a_count_by_hand(others: list[int], low: int, high: int) -> None:
    assert count_range(others) == (low, high)


@pytest.mark.parametrize("mean", [3, 7, 20, 60])
@pytest.mark.parametrize("looks", [FORTNIGHT, 300])
def test_a_count_is_unusual_if_it_is_rare_for_a_poisson_count(mean: int, looks: int) -> None:
    """Beside so many days that the level is known. The tails are exact sums; the limits err by one at most."""

    def at_most(count: int) -> float:
        return sum(exp(k * log(mean) - mean - lgamma(k + 1)) for k in range(count + 1))

    doubt = COUNT_DOUBT / looks
    low, high = count_range([mean] * 10_000, looks) or (inf, inf)
    least = next(k for k in range(mean) if at_most(k) >= doubt)
    most = next(k for k in range(mean, 1000) if 1 - at_most(k) < doubt)
    assert abs(low - min(least, -(-mean // LEAST_FOLD))) <= 1 and abs(high - max(most, mean * LEAST_FOLD)) <= 1


def test_more_days_allow_more() -> None:
    """On 300 days with seven sign-ups each, one day without any is chance; in a fortnight with 20 each it is not."""
    assert (count_range([7] * 28, 300) or (inf, inf))[0] == 0
    assert (count_range([20] * 13, 14) or (0, 0))[0] > 1


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 10**7), min_size=4, max_size=14), st.integers(0, 10**5))
def test_a_range_of_counts_is_a_range(others: list[int], more: int) -> None:
    low, high = count_range(others) or (inf, -inf)
    assert 0 <= low <= high and isfinite(low + high)
    assert low <= sorted(others)[len(others) // 2] and high >= sorted(others)[(len(others) - 1) // 2]
    assert count_range(others[::-1]) == (low, high)
    assert (count_range([others[0]] * 5) or (inf, inf))[0] <= (count_range([others[0] + more] * 5) or (0, 0))[0]
    assert (count_range([others[0]] * 5) or (inf, inf))[1] <= (count_range([others[0] + more] * 5) or (0, 0))[1]


# ---- sums of money beside the other days', and few cases beside a limit


def test_amounts_are_compared_by_factors() -> None:
    assert amount_range([100] * (LEAST_DAYS - 1) + [0, -5]) is None  # a day without sales tells no factor
    assert amount_range([1000] * 9) in ((200, 5000), (201, 4999), (200, 4999), (201, 5000))  # the narrowest there is
    # The median of the deviations from 1,000 is a factor of 4; one wild day among them changes nothing.
    others = [250, 4000, 250, 4000, 1000, 1000, 1000, 4000, 250]
    factor = 4 ** (Z_LIMIT * 1.4826 * sqrt(10 / 9))
    assert amount_range(others) == (ceil(1000 / factor), floor(1000 * factor))
    assert amount_range([*others[:7], 10**9, 250]) == amount_range(others)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.integers(1, 60), st.sampled_from([0.01, 0.02, 0.1, 0.2, 0.25, 0.5, 0.9]), st.data())
def test_a_tail_is_the_sum_of_its_terms(checked: int, share: float, data: st.DataObject) -> None:
    failed = data.draw(st.integers(0, checked))
    p = Fraction(share)
    tail = sum(comb(checked, k) * p**k * (1 - p) ** (checked - k) for k in range(failed, checked + 1))
    assert is_beyond(failed, checked, share) == (failed > checked * p and tail < DOUBT)
    assert is_below(checked - failed, checked, 1 - share, DOUBT) == is_beyond(failed, checked, share)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.25, 0.5])
def test_the_normal_tail_takes_over_where_the_exact_one_ends(share: float) -> None:
    def least(checked: int) -> int:
        return next(n for n in range(checked + 1) if is_beyond(n, checked, share))

    assert abs(least(1001) - least(1000)) <= 2 and least(10**6) > 10**6 * share


def test_a_limit_of_none_or_all() -> None:
    assert is_beyond(1, 10**7, 0) and not is_beyond(0, 5, 0)
    assert not is_beyond(5, 5, 1) and not is_beyond(2000, 2000, 1) and not is_beyond(0, 0, 0.1)


def test_days_with_equal_counts() -> None:
    """Chance makes few ties, and more of them where days have few events; a limit makes many."""
    rng = Random(7)
    for _ in range(100):
        days = [round(rng.gauss(600, 25)) for _ in range(300)]
        ties = Counter(days)
        assert min(poisson_tail(ties[n], expected_ties(n, days)) for n in ties if ties[n] >= 3) > 1e-6
    capped = [min(n, 3500) for n in (3100, 3300, 3400, 3600, 3700, 3650, 3550, 3450)]
    assert poisson_tail(4, expected_ties(3500, capped)) < 1e-6
    assert expected_ties(1, [1, 2, 1, 3, 2]) > 0.3
    assert poisson_tail(0, 0.5) == 1 and poisson_tail(1, 0.5) == pytest.approx(1 - exp(-0.5))
