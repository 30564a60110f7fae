"""A plan whose shares of variance are known: bookings are linear in the deal sizes, which are normal.

Each segment's bookings are N · s, with N Poisson (volume v, everything is won at once) and s the normal deal size (cut
off at zero, eight standard deviations away). Hence Var = Σ v² sd² + Σ v (mean² + sd²): the first sum splits by
assumption, the second is random variation.
"""

import numpy as np
import pytest

from simengine.explain import rank
from simengine.simulation import simulate
from tests.simulation.linear import linear_plan

VOLUME = {"a": 400.0, "b": 400.0, "c": 400.0, "nobody": 0.0}
MEAN, SD = 1000.0, {"a": 120.0, "b": 80.0, "c": 50.0, "nobody": 100.0}


def true_shares():
    known = {name: VOLUME[name] ** 2 * SD[name] ** 2 for name in VOLUME}
    luck = sum(volume * (MEAN**2 + SD[name] ** 2) for name, volume in VOLUME.items())
    total = sum(known.values()) + luck
    return {f"size.{name}": part / total for name, part in known.items()}, luck / total


@pytest.fixture(scope="module")
def ranking():
    return rank(simulate(linear_plan(VOLUME, MEAN, SD, at_least=1_200_000), draws=16_384, seed=3), "bookings")


def test_the_ranking_is_near_the_truth_by_its_own_intervals(ranking):
    """Within twice the half-width of a 95 % interval, five of them: level 5e-4."""
    shares, luck = true_shares()
    for name, share in shares.items():
        row = ranking.sel(assumption=name)
        assert abs(row.share - share) < row.share_upper - row.share_lower, name
    width = ranking.random_variation_upper - ranking.random_variation_lower
    assert abs(ranking.random_variation - luck) < width


def test_the_intervals_are_narrow_enough_to_mean_something(ranking):
    shares, _ = true_shares()
    wrong = {"size.a": shares["size.b"], "size.b": shares["size.c"], "size.c": shares["size.a"]}  # negative control
    for name, share in wrong.items():
        row = ranking.sel(assumption=name)
        assert not abs(row.share - share) < row.share_upper - row.share_lower, name


def test_an_assumption_without_effect_is_not_told_from_zero(ranking):
    assert not ranking.distinguishable.sel(assumption="size.nobody")
    assert ranking.distinguishable.sel(assumption=["size.a", "size.b", "size.c"]).all()
    assert list(ranking.assumption.values[:3]) == ["size.a", "size.b", "size.c"]


def test_what_is_left_over_is_noise(ranking):
    assert abs(ranking.unattributed) < ranking.unattributed_upper - ranking.unattributed_lower
    assert np.isclose(float(ranking.share.sum() + ranking.random_variation + ranking.unattributed), 1)
    assert ranking.trusted
