"""Statistics of repeated searches: order statistics with censored values, a share and its bounds. Pure arithmetic.

A search runs schedule after schedule until the first find, or until it is stopped. A stopped (censored) search only
shows that the first find lies above what it had used. Nothing here ever averages over such values.
"""

from __future__ import annotations

import math

import msgspec

BISECTIONS = 100
TAIL = 0.025  # each side of a 95 % interval
NONE_SEEN_95 = 3.0  # the rule of three: 0 of n leaves a rate of up to 3/n
NORMAL_95 = 1.959964  # standard deviations to each side that hold 95 % of a normal distribution


class Quantile(msgspec.Struct, frozen=True):
    """A value; or, if the search at this rank was stopped, a lower bound of it."""

    value: float | None
    above: float | None = None
    censored: bool = False


class Share(msgspec.Struct, frozen=True):
    """A share of schedules, with its 95 % interval."""

    value: float
    low: float
    high: float


def quantile(finds: list[float], stopped: list[float], percent: int) -> Quantile:
    """Return the value at rank ⌈percent of all⌉ (the 5th of 10 for 50); a stopped search counts as slower than any find.

    So a value is never better than the truth, and it exists exactly when enough searches found.
    """
    everything = sorted([*finds, *stopped])
    assert everything, "no search has ended"
    rank = max(1, -(-percent * len(everything) // 100))
    if rank <= len(finds):
        return Quantile(sorted(finds)[rank - 1])
    # A stopped search's true value is at least what it had used, so the value at each rank is a lower bound.
    return Quantile(None, above=everything[rank - 1], censored=True)


def share_of(finds: int, searches: int, schedules: int) -> Share:
    """Return the share of schedules with a find, from searches that each ended by its first find or were stopped.

    If every search ended by a find, the last schedule of all is a find because the search stopped there. So finds /
    schedules would be too high, by a tenth with ten searches. Leaving it out makes the estimate unbiased (inverse
    binomial). If some were stopped, finds / schedules is too high by a few hundredths of itself.
    """
    if not schedules:
        return Share(0.0, 0.0, 1.0)
    if not finds:
        return Share(0.0, 0.0, min(1.0, NONE_SEEN_95 / schedules))
    ended_by_find = finds == searches
    unbiased = ended_by_find and finds > 1
    value = (finds - 1) / (schedules - 1) if unbiased else finds / schedules
    low = gamma_quantile(finds, TAIL) / schedules
    high = gamma_quantile(finds if ended_by_find else finds + 1, 1 - TAIL) / schedules
    return Share(value, min(low, value), min(1.0, max(high, value)))


def proportion(hits: int, runs: int) -> Share:
    """Return the share of hits among a fixed number of runs, with Wilson's interval.

    Unlike the usual one (a share and some standard deviations) it stays within 0 and 1. It is also meaningful for 0 in 30
    and 30 in 30.
    """
    assert 0 <= hits <= runs, "hits are counted among the runs"
    if not runs:
        return Share(0.0, 0.0, 1.0)
    share = hits / runs
    square = NORMAL_95**2 / runs
    middle = (share + square / 2) / (1 + square)
    half = math.sqrt(share * (1 - share) * square + square**2 / 4) / (1 + square)
    # At 0 and 1 the interval reaches the end exactly; only rounding would miss it.
    low = 0.0 if hits == 0 else max(0.0, middle - half)
    high = 1.0 if hits == runs else min(1.0, middle + half)
    return Share(share, low, high)


def gamma_quantile(shape: int, probability: float) -> float:
    """Return the time by which the ``shape``-th event of a Poisson process of rate 1 comes with this probability."""
    low, high = 0.0, shape + 12.0 * math.sqrt(shape) + 12.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if _at_least(shape, middle) < probability:
            low = middle
        else:
            high = middle
    return high


def _at_least(events: int, mean: float) -> float:
    """Return the probability that a Poisson count reaches ``events``."""
    fewer = (
        math.exp(count * math.log(mean) - mean - math.lgamma(count + 1)) for count in range(events)
    )
    return 1.0 - math.fsum(fewer)
