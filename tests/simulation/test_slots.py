"""The kernel's numbers: each in its place, whatever the block, and what no path changes the same on all of them."""

import math
import re

import numpy as np
import pytest

from simengine.baseline import log_sigma
from simengine.errors import SimengineError
from simengine.plan import load, loads
from simengine.plan.scalars import Quantity
from simengine.simulation.pack import pack
from simengine.simulation.slots import Slots, monthly_hazard
from simengine.timeline import Timeline
from tests.simulation.test_invariance import NORTHSTAR, PLANS, TINY

PATHS = 9


@pytest.fixture(
    scope="module", params=[NORTHSTAR, PLANS / "full.yaml", PLANS / "tiny.yaml"], ids=["northstar", "full", "tiny"]
)
def drawn(request):
    plan = load(request.param)
    rng = np.random.default_rng(5)
    values = {name: law.ppf(rng.random(PATHS)) for name, law in sorted(plan.widened().items())}
    shocks = {name: rng.standard_normal((PATHS, plan.plan.months)) for name in plan.shocks}
    return plan, pack(plan, 7).slots, values, shocks


def test_every_slot_is_its_function_of_its_numbers(drawn):
    plan, slots, values, shocks = drawn
    timeline = Timeline(plan, values, shocks)
    first, by_month = slots.fill(timeline, PATHS)
    assert first.shape == (PATHS, len(slots.entries))
    assert by_month.shape == (PATHS, plan.plan.months, len(slots.varying))
    for slot, index in slots.entries.items():
        numbers = [timeline.of(q, *slot.also, low=slot.low, high=slot.high) for q in slot.quantities]
        value = np.broadcast_to(slot.scale * slot.function(*numbers), (PATHS, plan.plan.months))
        assert np.array_equal(first[:, index], value[:, 0]), slot
        if index in slots.varying:
            assert np.array_equal(by_month[:, :, slots.varying[index]], value), slot
        else:
            assert (value == value[:, :1]).all(), slot


def test_blocks_have_the_bits_of_the_whole(drawn):
    plan, slots, values, shocks = drawn
    whole = slots.fill(Timeline(plan, values, shocks), PATHS)
    for block in (1, 4):
        spans = [slice(i, min(i + block, PATHS)) for i in range(0, PATHS, block)]
        parts = [
            slots.fill(
                Timeline(plan, {k: v[s] for k, v in values.items()}, {k: v[s] for k, v in shocks.items()}),
                s.stop - s.start,
            )
            for s in spans
        ]
        for all_together, pieces in zip(whole, zip(*parts, strict=True), strict=True):
            assert np.array_equal(np.concatenate(pieces), all_together)


def test_filling_twice_gives_the_same_and_leaves_nothing_behind(drawn):
    plan, slots, values, shocks = drawn
    before = [array.copy() for array in slots.fill(Timeline(plan, values, shocks), PATHS)]
    other = {name: column[::-1] for name, column in values.items()}
    slots.fill(Timeline(plan, other, shocks), PATHS)
    for array, again in zip(before, slots.fill(Timeline(plan, values, shocks), PATHS), strict=True):
        assert np.array_equal(array, again)


def test_conversions_are_those_of_their_definitions():
    plan = loads(TINY)
    slots = Slots()
    spread, leaving = slots.sigma(Quantity(0.5)), slots.hazard(Quantity(0.2))
    scaled = slots.add(Quantity(3.0), Quantity(1.0), function=np.subtract, scale=0.25)
    assert slots.sigma(Quantity(0.5)) == spread  # each once
    slots.find_varying(plan)
    first, by_month = slots.fill(Timeline(plan, {}), 2)
    assert by_month.shape == (2, plan.plan.months, 0)
    expected = [math.sqrt(math.log(1.25)), -math.log(0.8) / 12, 0.5]
    np.testing.assert_allclose(first[:, [spread, leaving, scaled]], [expected, expected], rtol=1e-15)
    assert (log_sigma(0.5), monthly_hazard(0.2)) == pytest.approx(expected[:2])


def test_more_than_can_be_simulated_is_refused_where_it_is_stated_and_where_it_is_drawn():
    plan = loads(TINY)
    stated = Slots()
    stated.add(Quantity(50.0), most=40.0)
    with pytest.raises(SimengineError, match=r"a number of the plan: a value of 50 .* at most 40 can be simulated"):
        stated.find_varying(plan)
    name = sorted(plan.assumptions)[0]
    drawn = Slots()
    drawn.add(Quantity(1.0, name), most=40.0)
    drawn.find_varying(plan)
    drawn.fill(Timeline(plan, {name: np.array([39.0, 40.0])}), 2)
    with pytest.raises(SimengineError, match=rf"{re.escape(name)}: a value of 41 .* truncated"):
        drawn.fill(Timeline(plan, {name: np.array([39.0, 41.0])}), 2)
