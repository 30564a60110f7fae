"""Histograms by month: the grid, its precision, and that order does not matter."""

import numpy as np
import pytest

from simengine.errors import SimengineError
from simengine.results.histogram import BINS, counted, middles, monthly_quantiles
from simengine.results.outputs import COUNTED
from tests.results.blocks import collected, random_block, reduced, small_plan


def bin_of(value: float) -> int:
    return int(np.flatnonzero(counted(np.array([[value]]))[0]).item())


@pytest.mark.parametrize("sign", [-1, 1])
def test_every_amount_is_near_the_middle_of_its_bin(sign: int) -> None:
    amounts = sign * np.exp(np.random.default_rng(1).uniform(0, np.log(2.0**49), 5000))
    found = middles()[[bin_of(amount) for amount in amounts]]
    assert np.abs(found / amounts - 1).max() <= 1 / 128
    # A grid half as fine would not do.
    assert np.abs(found / amounts - 1).max() > 1 / 256


def test_edges_of_the_grid() -> None:
    assert (np.diff(middles()) > 0).all()
    assert len(middles()) == BINS
    assert bin_of(0.0) == bin_of(-0.0) == bin_of(0.99) == BINS // 2
    assert (bin_of(1.0), bin_of(-1.0)) == (BINS // 2 + 1, BINS // 2 - 1)
    assert (bin_of(1e300), bin_of(-1e300)) == (BINS - 1, 0)


def test_counts_add_up_in_any_order() -> None:
    values = np.random.default_rng(2).normal(0, 1e6, (700, 3))
    whole = counted(values)
    assert whole.sum(axis=1).tolist() == [700] * 3
    parts = [counted(values[rows]) for rows in np.array_split(np.random.default_rng(3).permutation(700), 5)]
    np.testing.assert_array_equal(sum(parts), whole)


def test_a_streamed_pass_keeps_targets_and_counts_and_nothing_else() -> None:
    plan = small_plan(4)
    block = random_block(plan, 600, seed=1)
    first, second = reduced(plan, block, "draw_streamed")
    assert set(first.columns) == {"target_value"}
    assert first.sums == {}
    assert set(first.counts) == set(COUNTED)
    arr = block.segment["ending_arr"].sum(axis=2)
    np.testing.assert_array_equal(first.counts["ending_arr"] + second.counts["ending_arr"], counted(arr))


def test_a_run_without_histograms_says_so() -> None:
    plan = small_plan(2)
    with pytest.raises(SimengineError, match=r"won has no histogram; run the plan with --detail stream, and choose"):
        monthly_quantiles(collected(plan, random_block(plan, 3, seed=1)), "won")
