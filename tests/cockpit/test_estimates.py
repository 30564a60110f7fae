"""A first answer is unbiased, narrower for the paths behind it, and its interval holds as often as it says."""

import numpy as np
import pytest

from simengine.cockpit.estimates import Fifths, alone, estimated, quantiles, reaching, with_known
from simengine.results.targets import wilson

SOME, MANY, TIMES = 256, 8_192, 400


def pairs(rng, p, q, common):
    """Hits of a known setting on many draws and of a new one on the first of them, mostly by the same uniforms."""
    u = rng.random(MANY)
    own = np.where(rng.random(SOME) < common, u[:SOME], rng.random(SOME))
    return own < q, u < p


@pytest.mark.parametrize(("p", "q", "common"), [(0.3, 0.36, 1.0), (0.6, 0.5, 0.9), (0.05, 0.08, 0.95), (0.9, 0.3, 0.5)])
def test_interval_covers_and_the_estimate_is_not_off(p, q, common):
    rng = np.random.default_rng(81)
    found = [estimated(hits, [known])[0] for hits, known in (pairs(rng, p, q, common) for _ in range(TIMES))]
    assert np.mean([one.value for one in found]) == pytest.approx(q, abs=0.006)
    assert np.mean([one.lower <= q <= one.upper for one in found]) >= 0.93


def test_paths_behind_make_the_interval_of_a_small_move_narrow():
    hits, known = pairs(np.random.default_rng(5), 0.3, 0.32, 1.0)
    assert with_known(hits, known).width < 0.6 * alone(hits).width
    assert estimated(hits, [known])[1] == 0


def test_a_known_setting_that_says_nothing_is_left_out():
    rng = np.random.default_rng(6)
    hits = rng.random(SOME) < 0.5
    found, behind = estimated(hits, [rng.random(MANY) < 0.5, hits])
    assert behind is None
    assert found[:3] == tuple(map(float, wilson(int(hits.sum()), SOME)))


def test_with_all_draws_behind_the_same_setting_is_itself():
    known = np.arange(MANY) % 5 == 0
    assert with_known(known[:SOME], known).value == known.mean()


def test_quantiles_and_curves_of_the_same_setting_are_those_of_all_its_draws():
    many = np.random.default_rng(7).normal(size=MANY)
    levels, at = np.array([0.1, 0.5, 0.9]), np.array([-1.0, 0.0, 1.0])
    np.testing.assert_allclose(quantiles(many[:SOME], levels, many), quantiles(many, levels), rtol=1e-12)
    for side in (True, False):
        found = reaching(many[:SOME], at, many, at_least=side)
        np.testing.assert_allclose(found, reaching(many, at, at_least=side), atol=1e-12)


def test_bars_are_conditional_means_in_the_outer_fifths():
    rng = np.random.default_rng(8)
    z = rng.normal(size=(MANY, 2))
    y = 3 * z[:, 0] + rng.normal(size=MANY)
    y[3] = np.nan
    bars = Fifths(z).bars(y)
    low = z[:, 0] <= np.quantile(z[:, 0], 0.2)
    assert bars.low[0] == pytest.approx(np.nanmean(y[low]), rel=0.01)
    assert bars.high[0] - bars.low[0] > 10 * bars.error[0]
    assert abs(bars.high[1] - bars.low[1]) < 4 * bars.error[1]
