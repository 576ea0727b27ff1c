"""The arithmetic of a score: order statistics with censored values, and a share that stopping doesn't bias."""

import itertools
import math

from chaos.base.estimates import gamma_quantile, quantile, share_of
from chaos.base.prng import Stream


def test_quantile_is_the_value_at_its_rank():
    values = [float(value) for value in range(1, 11)]
    assert quantile(values, [], 50).value == 5
    assert quantile(values, [], 90).value == 9
    assert quantile([7.0], [], 90).value == 7


def test_stopped_search_counts_as_slower_than_any_find():
    finds, cut = [1.0, 2.0, 3.0, 40.0, 50.0], [10.0, 11.0, 12.0, 13.0, 14.0]
    assert quantile(finds, cut, 50).value == 50
    upper = quantile(finds, cut, 90)
    assert (upper.value, upper.censored, upper.above) == (None, True, 40.0)
    assert quantile(finds[:4], cut, 50).censored


def test_value_of_a_stopped_search_is_never_above_the_truth():
    stream = Stream(1, "truth")
    for _ in range(300):
        truth = [float(stream.between(1, 100)) for _ in range(10)]
        bounds = [float(stream.between(1, 100)) for _ in range(10)]
        pairs = list(zip(truth, bounds, strict=True))
        finds = [value for value, bound in pairs if value <= bound]
        cut = [bound for value, bound in pairs if value > bound]
        for percent in (50, 90):
            real = sorted(truth)[percent // 10 - 1]
            seen = quantile(finds, cut, percent)
            if seen.value is None:
                assert seen.above <= real
            else:
                assert seen.value >= real


def test_share_is_not_biased_by_stopping_at_the_find():
    # Two searches, each geometric: all ways they can end, up to what can't matter.
    for share in (0.1, 0.3, 0.7):
        mean = 0.0
        for one, other in itertools.product(range(1, 400), repeat=2):
            chance = share**2 * (1 - share) ** (one + other - 2)
            if chance > 1e-12:
                mean += chance * share_of(2, 2, one + other).value
        assert math.isclose(mean, share, rel_tol=1e-3)


def test_share_with_stopped_searches_is_finds_by_schedules():
    assert share_of(5, 10, 1_000).value == 0.005
    assert share_of(0, 10, 1_000).high == 0.003
    assert share_of(0, 10, 1_000).value == 0
    assert share_of(1, 1, 1).value == 1


def test_interval_of_a_share_is_the_exact_one_of_a_rate():
    # From tables of chi-square with 20 and 22 degrees of freedom.
    assert math.isclose(gamma_quantile(10, 0.025), 9.591 / 2, rel_tol=1e-3)
    assert math.isclose(share_of(10, 10, 10_000).high, 34.170 / 20_000, rel_tol=1e-3)
    assert math.isclose(share_of(10, 11, 10_000).high, 36.781 / 20_000, rel_tol=1e-3)
