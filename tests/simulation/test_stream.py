"""A streamed run: every path of its targets, the first draws of all the rest."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from simengine import simulation
from simengine.plan import load
from simengine.report.facts import facts
from simengine.results.dataset import digest
from simengine.results.histogram import monthly_quantiles
from simengine.results.outputs import COUNTED
from simengine.results.targets import every_path, hit_probability, shortfall
from simengine.simulation import simulate

TINY = Path(__file__).parents[1] / "plans" / "tiny.yaml"
DRAWS, KEPT = 3000, 600


@pytest.fixture(scope="module")
def plan():
    return load(TINY)


@pytest.fixture(scope="module")
def whole(plan):
    return simulate(plan, draws=DRAWS)


@pytest.fixture(scope="module")
def streamed(plan):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulation, "MOST_KEPT", KEPT)
        return simulate(plan, draws=DRAWS, detail="stream")


def test_targets_are_those_of_a_run_that_keeps_everything(whole, streamed):
    np.testing.assert_array_equal(streamed["target_value_streamed"], whole["target_value"])
    assert every_path(streamed) == "_streamed"
    assert every_path(whole) == ""
    found, expected = hit_probability(streamed, "_streamed"), hit_probability(whole)
    np.testing.assert_array_equal(found["p"], expected["p"])
    assert found.attrs["draws"] == streamed.attrs["draws"] == DRAWS
    assert shortfall(streamed, "board ARR").identical(shortfall(whole, "board ARR"))


def test_the_rest_is_kept_on_the_first_draws(whole, streamed):
    assert (streamed.sizes["draw"], streamed.sizes["twin"]) == (KEPT, KEPT)
    for name in ("ending_arr", "cash", "target_value", "assumption_value", "composition"):
        np.testing.assert_array_equal(streamed[name], whole[name][:KEPT], err_msg=name)


def test_histograms_are_of_every_path(whole, streamed):
    for name in COUNTED:
        assert (streamed[f"{name}_histogram"].sum("bin") == DRAWS).all()
    levels = (0.1, 0.5, 0.9)
    exact = np.quantile(whole["ending_arr"], levels, axis=0, method="inverted_cdf").T
    np.testing.assert_allclose(monthly_quantiles(streamed, "ending_arr", levels), exact, rtol=1 / 128)


def test_what_is_told_of_targets_rests_on_every_path(whole, streamed):
    told, expected = facts(streamed), facts(whole)
    for target, other in zip(told["targets"], expected["targets"], strict=True):
        for key in ("probability", "commit", "p10", "p50", "p90", "shortfall", "undefined"):
            assert target[key] == other[key]
    assert told["joint"] == expected["joint"]
    assert told["run"]["draws"] == DRAWS


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_threads_and_blocks_change_no_bit(plan, block):
    with ThreadPoolExecutor(2) as executor:
        other = simulate(plan, draws=600, detail="stream", executor=executor, block=block)
    assert digest(other) == digest(simulate(plan, draws=600, detail="stream"))
