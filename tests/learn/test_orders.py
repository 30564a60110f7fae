"""Shapley values of a change: against closed forms, what they must add up to."""

import itertools
import math

import numpy as np
from scipy.stats import norm

from simengine.learn.orders import joined, walked

SHIFT = np.array([-0.5, 0.3, -0.2, 0.1])


def shapley(value, players):
    """By enumeration."""
    found = np.zeros(players)
    for i in range(players):
        others = [j for j in range(players) if j != i]
        for size in range(players):
            weight = math.factorial(size) * math.factorial(players - size - 1) / math.factorial(players)
            for u in itertools.combinations(others, size):
                found[i] += weight * (value({*u, i}) - value(set(u)))
    return found


def gaussian(seed):
    """y ~ N(sum of the shifts that are new, 1); whether it is above 0.2, and y itself."""

    def model(state, draw):
        y = state @ SHIFT + np.random.default_rng(seed).normal(size=10_000)[draw]
        return np.stack([(y >= 0.2).astype(float), y], axis=1)

    return model


TRUTH = shapley(lambda u: norm.sf(0.2 - SHIFT[list(u)].sum()), len(SHIFT))


def test_effects_add_up_on_every_draw():
    found = walked(gaussian(1), 4, 7, 0, 50)
    np.testing.assert_allclose(found.effects.sum(axis=2), found.new - found.old, rtol=0, atol=1e-12)


def test_an_additive_result_has_no_error():
    found = walked(gaussian(1), 4, 7, 0, 20)
    np.testing.assert_allclose(found.effects[:, 1], np.tile(SHIFT, (20, 1)), rtol=0, atol=1e-12)


def test_of_two_players_every_draw_is_exact():
    """There and back are all orders that there are."""

    def model(state, draw):
        return (state[:, 0] * 1.0 + state[:, 0] * state[:, 1] * draw)[:, None]

    found = walked(model, 2, 7, 3, 6)
    np.testing.assert_allclose(found.effects[:, 0], [[1 + d / 2, d / 2] for d in (3, 4, 5)])


def test_ranges_of_draws_make_up_the_whole():
    model = gaussian(2)
    whole = walked(model, 4, 7, 0, 30)
    parts = joined([walked(model, 4, 7, 0, 11), walked(model, 4, 7, 11, 30)])
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(a, b)


def test_backwards_all_effects_have_the_other_sign():
    model = gaussian(3)
    there = walked(model, 4, 7, 0, 40)
    back = walked(lambda state, draw: model(~state, draw), 4, 7, 0, 40)
    np.testing.assert_array_equal(there.effects, -back.effects)


def test_without_players_nothing_changes():
    found = walked(lambda state, draw: draw[:, None] * 1.0, 0, 7, 0, 3)
    assert found.effects.shape == (3, 1, 0)
    np.testing.assert_array_equal(found.old, found.new)
