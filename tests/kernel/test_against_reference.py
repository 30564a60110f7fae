"""The kernel and its plain-Python twin on generated plans: the same counts, and money to 1e-9 of what flowed."""

import numpy as np
import pytest

from simengine.plan import loads
from simengine.results.outputs import OUTPUTS
from tests.generated import generated_plan, generated_values
from tests.kernel.support import simulate
from tests.reference.path import reference_path

MONEY = {name for name, output in OUTPUTS.items() if output.unit == "currency"}
FLOWS = ("new_arr", "expansion_arr", "price_arr", "contraction_arr", "churned_arr", "one_off_bookings", "atr")
PRECISION = 1e-9
SEED = 11


def compare(name, ours, theirs, flow):
    """Equal counts; money within PRECISION of `flow`; capacity and ramped people to rounding."""
    if name in MONEY:
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=PRECISION * flow, err_msg=name)
    elif name in ("capacity", "ramped"):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12, err_msg=name)
    else:
        np.testing.assert_array_equal(ours, theirs, err_msg=name)


def agree(plan, draw, stream=0):
    values = generated_values(plan, draw)
    paths = simulate(plan, 1, values=values, seed=SEED, stream=stream, first=draw)
    reference = reference_path(plan, values, draw, SEED, stream)
    flow = sum(reference.segment[name].sum() for name in FLOWS)
    for kind in ("segment", "group", "cell"):
        ours, theirs = getattr(paths, kind), getattr(reference, kind)
        assert set(ours) == set(theirs)
        for name in ours:
            compare(name, ours[name][0], theirs[name], flow)
    compare("reached", paths.reached[0], reference.reached, flow)


@pytest.mark.parametrize("number", range(120))
def test_kernel_and_reference_agree(number):
    plan = loads(generated_plan(number))
    for draw in range(2):
        agree(plan, draw)


@pytest.mark.jit_off
@pytest.mark.parametrize("number", range(0, 120, 20))
def test_they_agree_on_other_luck(number):
    agree(loads(generated_plan(number)), draw=2**31, stream=1)


def test_the_comparison_sees_a_single_deal_too_many():
    plan = loads(generated_plan(0))
    values = generated_values(plan, 0)
    theirs = reference_path(plan, values, 0, SEED).segment["won"]
    ours = theirs.copy()
    ours.flat[0] += 1
    with pytest.raises(AssertionError, match="won"):
        compare("won", ours, theirs, 1.0)
