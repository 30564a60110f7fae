"""What every number is in every month, path by path in plain arithmetic, against the timeline's arrays."""

import math

import numpy as np
import pytest

from simengine.plan import load
from simengine.plan.scalars import Quantity
from simengine.timeline import Timeline
from tests.simulation.test_invariance import NORTHSTAR, PLANS

PATHS = 7


@pytest.fixture(scope="module", params=[NORTHSTAR, PLANS / "full.yaml"], ids=["northstar", "full"])
def drawn(request):
    plan, rng = load(request.param), np.random.default_rng(11)
    values = {name: law.ppf(rng.random(PATHS)) for name, law in sorted(plan.widened().items())}
    shocks = {name: rng.standard_normal((PATHS, plan.plan.months)) for name in plan.shocks}
    return plan, values, shocks


def felt(plan, event, values, path, t):
    """How much of an event is felt in month t of a path: rises over its phase-in, ends when it has lasted."""
    entry, in_force = plan.events[event], values[event][path]
    if in_force <= 0:
        return 0.0
    age = t - (plan.plan.months - in_force)
    if age < 0 or (entry.lasts is not None and age >= entry.lasts):
        return 0.0
    return min(1.0, (age + 1) / max(1.0, one(entry.phase_in_months, values, path)))


def one(quantity, values, path):
    return quantity.number * (1.0 if quantity.assumption is None else values[quantity.assumption][path])


def by_hand(plan, quantity, also, values, shocks, path, t):
    """The number in month t of a path: what it is then, times every change of it, plus every change of it."""
    held = quantity.at(plan.plan.start + t)
    times, plus = 1.0, 0.0
    for name in (held.assumption, *also):
        for event, entry in plan.events.items():
            effect = entry.effect.get(name)
            if effect is None:
                continue
            amount, share = one(effect.amount, values, path), felt(plan, event, values, path, t)
            if effect.kind == "multiply":
                times *= 1 + (amount - 1) * share
            else:
                plus += amount * share * (held.number if name == held.assumption else 1.0)
        for shock, entry in plan.shocks.items():
            loading = entry.loadings.get(name, 0.0)
            times *= math.exp(loading * shocks[shock][path, t] - loading**2 / 2)
    return one(held, values, path) * times + plus


def quantities(plan):
    """Every assumption as a number, with what else it is called where an event or a shock may name it so."""
    for name in sorted(plan.assumptions):
        yield Quantity(1.0, name), ()
        yield Quantity(1 / 12, name), ()
    for channel in sorted(plan.funnel.channels):
        for segment in plan.segments:
            yield Quantity(40.0), (channel, f"{channel}/{segment}")
    middle = plan.plan.start + plan.plan.months // 2
    first, last = sorted(plan.assumptions)[0], sorted(plan.assumptions)[-1]
    yield Quantity(2.0, None, ((middle, Quantity(1.0, first)), (middle + 2, Quantity(3.0)))), ()
    yield Quantity(1.0, first, ((middle, Quantity(0.5, last)),)), ()


def disagreeing(timeline, plan, values, shocks):
    """The numbers that the timeline and plain arithmetic do not agree on."""
    for quantity, also in quantities(plan):
        expected = np.array(
            [
                [by_hand(plan, quantity, also, values, shocks, path, t) for t in range(plan.plan.months)]
                for path in range(PATHS)
            ]
        )
        if not np.allclose(timeline.of(quantity, *also, low=-math.inf), expected, rtol=1e-13, atol=0):
            yield quantity


def test_numbers_are_what_steps_events_and_shocks_make_of_them(drawn):
    plan, values, shocks = drawn
    timeline = Timeline(plan, values, shocks)
    assert list(disagreeing(timeline, plan, values, shocks)) == []
    assert sum(timeline.changes(quantity, *also) for quantity, also in quantities(plan)) > 5


def test_the_comparison_sees_an_event_a_month_late_and_a_shock_a_little_larger(drawn):
    plan, values, shocks = drawn
    timeline = Timeline(plan, values, shocks)
    late = {name: np.maximum(values[name] - 1, 0) for name in plan.events}
    assert list(disagreeing(timeline, plan, values | late, shocks))
    assert list(disagreeing(timeline, plan, values, {name: level * (1 + 1e-10) for name, level in shocks.items()}))


def test_a_number_has_a_column_for_every_month_in_which_it_can_change(drawn):
    plan, values, shocks = drawn
    timeline = Timeline(plan, values, shocks)
    for quantity, also in quantities(plan):
        months = plan.plan.months if timeline.changes(quantity, *also) else 1
        assert timeline.of(quantity, *also).shape == (PATHS, months)


def test_bounds_cut_off_what_events_and_shocks_change(drawn):
    plan, values, shocks = drawn
    timeline = Timeline(plan, values, shocks)
    for quantity, also in quantities(plan):
        if timeline.changes(quantity, *also) and not quantity.later:
            free = timeline.of(quantity, *also, low=-math.inf)
            low, high = np.quantile(free, [0.3, 0.6])
            assert np.array_equal(timeline.of(quantity, *also, low=low, high=high), np.clip(free, low, high))


def test_blocks_have_the_bits_of_the_whole(drawn):
    plan, values, shocks = drawn
    whole = Timeline(plan, values, shocks)
    parts = [
        Timeline(plan, {k: v[i : i + 3] for k, v in values.items()}, {k: v[i : i + 3] for k, v in shocks.items()})
        for i in range(0, PATHS, 3)
    ]
    for quantity, also in quantities(plan):
        joined = np.concatenate([part.of(quantity, *also) for part in parts])
        assert np.array_equal(joined, whole.of(quantity, *also))


def test_what_differs_from_path_to_path_is_known_beforehand(drawn):
    plan, values, shocks = drawn
    timeline = Timeline(plan, values, shocks)
    for quantity, also in quantities(plan):
        if not timeline.differs(quantity, *also):
            found = timeline.of(quantity, *also)
            assert (found == found[0]).all()
    assert not timeline.differs(Quantity(3.0, None, ((plan.plan.start + 1, Quantity(4.0)),)))
    assert timeline.differs(Quantity(3.0, None, ((plan.plan.start + 1, Quantity(4.0, sorted(plan.assumptions)[0])),)))


def test_a_probability_that_a_question_multiplies_ends_at_one():
    """`high` cuts off what the plan itself cannot hold: 3 times 50 % is 100 %, in the first month and in later ones."""
    plan = load(PLANS / "tiny.yaml")
    timeline = Timeline(plan, {})
    assert timeline.of(Quantity(1.5), high=1.0).tolist() == [[1.0]]
    later = Quantity(1.5, None, ((plan.plan.start + 6, Quantity(0.5)),))
    assert timeline.of(later, high=1.0)[0].tolist() == [1.0] * 6 + [0.5] * 6
