"""What the floor counts, on plans of which it can be worked out."""

import numpy as np
import pytest

from bench import floor
from bench.inputs import planned
from bench.outputs import simulated
from simengine.plan import loads
from simengine.simulation.pack import pack
from tests.kernel.support import base, funnel, seats

PATHS, MONTHS = 50, 12


def counted(text):
    plan = loads(text)
    packed = pack(plan, 7)
    slots, varying = planned(plan, packed, PATHS)
    outputs = simulated(packed.tables, slots, varying)
    return floor.variates(packed.tables, slots, varying, outputs), outputs


def test_deals_take_a_block_and_a_cycle_each_and_a_size_if_won():
    found, outputs = counted(funnel(MONTHS, volume=200, cycle=1, spread=0.5, size_spread=0.5))
    started, won = (outputs["segment"][name].sum() for name in ("started", "won"))
    assert found.counts["DEAL", "block"] == started
    assert found.counts["DEAL", "lognormal"] == started + won
    assert found.counts["ARRIVALS, OPEN, UNSOLD", "block"] == 2 * PATHS * MONTHS  # leads, and those that pass
    assert np.sum(found.kinds == floor.POISSON) == np.sum(found.kinds == floor.BINOMIAL) == PATHS * MONTHS


def test_customers_take_a_block_for_every_term_that_may_end_in_the_plan_and_for_every_expansion():
    term = 5
    found, outputs = counted(base(MONTHS, term=term, meetings=2))
    out = outputs["segment"]
    again = out["renewals"][:, : MONTHS - term].sum()
    assert 0 < again < out["renewals"].sum()
    assert found.counts["TERM", "block"] == PATHS * 30 + again
    assert found.counts["EXPANSION", "block"] == PATHS * 30 + out["expansions"].sum()
    assert np.sum(found.kinds == floor.POISSON) == PATHS * MONTHS  # not won; somebody has time for all


def test_people_take_a_block_and_a_lifetime():
    found, _ = counted(seats(MONTHS))
    assert found.counts["PERSON", "block"] == found.counts["PERSON", "exponential"] == PATHS
    assert ("PERSON", "lognormal") not in found.counts


@pytest.mark.parametrize("together", [True, False])
def test_the_replay_draws_as_many_as_there_are(together):
    found, _ = counted(funnel(MONTHS, volume=200, cycle=1, spread=0.5))
    blocks, lognormals = found.total("block"), found.total("lognormal")
    # uniforms have a mean of a half, lognormal factors of one; the discrete ones are about their means
    drawn = 4 * (blocks - lognormals / 4) / 2 + lognormals
    drawn += np.where(found.kinds == floor.BINOMIAL, found.first * found.second, found.first).sum()
    # five standard errors of the sum, in which each variate has a variance of at most its mean or a half
    assert abs(floor.replay(found, together=together) - drawn) < 5 * np.sqrt(drawn)
