"""Bars from a walk and two longer runs: what they add up to, how precise they are, how often their intervals hold."""

import numpy as np
import pytest
from scipy.stats import binom

from simengine.learn.bars import Reported, bars
from simengine.learn.orders import walked
from tests.learn.test_orders import SHIFT, TRUTH, gaussian

LEVEL = 1e-4
ALL = SHIFT.sum()


def model(seed, stretch=0.3):
    """As `gaussian`, but the first player also stretches y: no value is without error."""
    plain = gaussian(seed)

    def stretched(state, draw):
        told = plain(state, draw)
        noise = told[:, 1] - state @ SHIFT
        told[:, 1] += stretch * state[:, 0] * noise
        return told

    return stretched


def told(seed, draws, longer, other=None):
    """A walk on some draws, and bars with two runs of `longer` draws; the new run with another seed if there is one."""
    of = model(seed)
    found = walked(of, 4, seed, 0, draws)
    numbers = np.arange(longer)
    old = Reported(of(np.zeros((longer, 4), bool), numbers), seed)
    second = of if other is None else model(other)
    new = Reported(second(np.ones((longer, 4), bool), numbers), seed if other is None else other)
    return found, bars(found, old, new, seed)


@pytest.mark.parametrize("other", [None, 99])
def test_all_add_up_to_what_the_runs_report(other):
    _, found = told(1, 100, 700, other)
    np.testing.assert_allclose(found.bar.sum(axis=1) + found.beyond, found.change, rtol=0, atol=1e-14)


def test_with_one_seed_there_is_nothing_beyond():
    _, found = told(1, 100, 700)
    assert (found.beyond == 0).all()
    assert (found.beyond_error == 0).all()
    _, other = told(1, 100, 700, 99)
    assert other.beyond_error.min() > 0.005


def test_an_end_that_never_varies_leaves_no_remainder():
    """A target that the new plan never hits."""

    def model(state, draw):
        hit = np.where(state.any(axis=1), 0.0, draw % 7 == 0)
        return np.stack([hit, 1.0 * draw], axis=1)

    found = walked(model, 2, 7, 0, 50)
    old, new = (Reported(model(np.full((400, 2), end), np.arange(400)), 7) for end in (False, True))
    told_ = bars(found, old, new, 7)
    assert told_.beyond[0] == told_.beyond_error[0] == 0
    assert told_.bar[0].sum() == pytest.approx(told_.change[0], abs=1e-14)


@pytest.mark.parametrize("longer", [60, 100])
def test_runs_that_are_as_long_or_shorter(longer):
    """Of as long ones the bars are the means; of shorter ones the walk knows more than they report."""
    walk, found = told(1, 100, longer)
    if longer == 100:
        np.testing.assert_allclose(found.bar, walk.effects.mean(axis=0), rtol=0, atol=1e-14)
    np.testing.assert_allclose(found.bar.sum(axis=1) + found.beyond, found.change, rtol=0, atol=1e-14)


def test_what_was_never_seen_is_not_certain():
    still = walked(lambda state, draw: np.zeros((len(draw), 2)), 2, 7, 0, 100)
    nothing = Reported(np.zeros((300, 2)), 7)
    found = bars(still, nothing, nothing, 7)
    assert (1.96 * found.error[0] > 0.015).all()
    assert (found.error[1] == 0).all()
    assert not found.bar.any()


def coverage(repetitions, draws, longer, other, times):
    """How often 95 % intervals, `times` as wide, hold bars of the probability, of the value, and what is beyond."""
    held = np.zeros((3, 4), int)
    squares = np.zeros((2, 2, 4))
    for seed in range(repetitions):
        walk, found = told(seed, draws, longer, seed + 50_000 if other else None)
        for q, truth in enumerate((TRUTH, SHIFT)):
            held[q] += np.abs(found.bar[q] - truth) <= times * 1.96 * found.error[q] + 1e-12
            squares[0, q] += (found.bar[q] - truth) ** 2
            squares[1, q] += (walk.effects[:, q].mean(axis=0) - truth) ** 2
        held[2, :2] += np.abs(found.beyond) <= times * 1.96 * found.beyond_error + 1e-12
        held[2, 2:] += np.abs(found.change[1] - ALL) <= times * 1.96 * found.change_error[1]
    return held, squares


def check(repetitions, draws, longer, other):
    """By an exact binomial test at 1e-4 of each; intervals of 0.7 of the width do not pass it."""
    least = binom.ppf(LEVEL, repetitions, 0.95)
    held, (squares, plain) = coverage(repetitions, draws, longer, other, 1.0)
    assert (held >= least).all(), held
    narrow, _ = coverage(repetitions, draws, longer, other, 0.7)
    assert narrow[0].min() < least
    return squares, plain


@pytest.mark.parametrize("other", [False, True], ids=["one seed", "two seeds"])
def test_intervals_hold_the_truth(other):
    squares, plain = check(200, 100, 1000, other)
    if not other:
        assert (squares.sum(axis=1) < plain.sum(axis=1)).all()


@pytest.mark.full
@pytest.mark.parametrize("other", [False, True], ids=["one seed", "two seeds"])
def test_intervals_hold_the_truth_in_a_thousand_repetitions(other):
    check(1000, 300, 3000, other)
