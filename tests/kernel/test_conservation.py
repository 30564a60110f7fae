"""Nothing appears or vanishes: people, opportunities, customers and ARR add up on every path and month."""

import numpy as np
import pytest

from simengine.plan import loads
from simengine.simulation.pack import pack
from tests.generated import generated_plan
from tests.kernel.support import simulate

PATHS = 20


@pytest.fixture(scope="module", params=range(0, 60, 3))
def run(request):
    plan = loads(generated_plan(request.param))
    return plan, simulate(plan, PATHS), pack(plan, 7)


def opened(series, opening):
    """A stock at the beginning of each month, from its closing values and what it opened with."""
    return np.concatenate([np.broadcast_to(opening, series[:, :1].shape), series[:, :-1]], axis=1)


def by_segment(packed, rows, weights):
    return np.bincount(rows, weights, minlength=len(packed.segments)).astype(float)


def test_the_arr_bridge_closes_to_the_cent(run):
    _, paths, packed = run
    flows = paths.segment
    opening = by_segment(packed, packed.tables.customers[:, 0], packed.tables.customer_arr)
    added = flows["new_arr"] + flows["expansion_arr"] + flows["price_arr"]
    lost = flows["contraction_arr"] + flows["churned_arr"]
    closing = opened(flows["ending_arr"], opening) + added - lost
    np.testing.assert_allclose(closing, flows["ending_arr"], rtol=0, atol=0.005)


def test_customers_add_up(run):
    _, paths, packed = run
    flows = paths.segment
    opening = by_segment(packed, packed.tables.customers[:, 0], np.ones(len(packed.tables.customers)))
    closing = opened(flows["customers"], opening) + flows["new_customers"] - flows["churned_customers"]
    np.testing.assert_array_equal(closing, flows["customers"])
    np.testing.assert_array_equal(flows["renewals_due"], flows["renewals"] + flows["churned_customers"])


def test_opportunities_add_up(run):
    _, paths, packed = run
    flows, tables = paths.segment, packed.tables
    last_stage = tables.pipeline[:, 1] == tables.rates.shape[1]
    rows = tables.pipeline[last_stage]
    opening = by_segment(packed, tables.cells[rows[:, 0], 2], rows[:, 4])
    gone = np.cumsum(flows["stale"] + flows["won"] + flows["lost"], axis=1)
    arrived = np.cumsum(flows["opportunities"], axis=1) + opening
    np.testing.assert_array_equal(arrived, flows["open"] + flows["waiting"] + gone)
    np.testing.assert_array_equal(
        flows["open"], opened(flows["open"], opening) + flows["started"] - flows["won"] - flows["lost"]
    )


def test_people_add_up(run):
    plan, paths, packed = run
    opening = np.array([next(g.existing for g in plan.team.seats if g.name == name) for name in packed.groups], float)
    flows = paths.group
    np.testing.assert_array_equal(
        opened(flows["headcount"], opening) + flows["starts"] - flows["leavers"], flows["headcount"]
    )
    np.testing.assert_array_equal(flows["working"], flows["headcount"] + flows["leavers"])
    assert (flows["ramped"] <= flows["working"]).all()


def test_opportunities_are_those_that_reach_the_last_stage(run):
    _, paths, packed = run
    of_segment = np.eye(len(packed.segments))[packed.tables.cells[:, 2]]
    np.testing.assert_array_equal(paths.reached[..., -1] @ of_segment, paths.segment["opportunities"])
    # from the second month on nothing of the opening pipeline comes in between, and stages only lose
    assert (np.diff(paths.reached[:, 1:], axis=-1) <= 0).all()


def test_cohorts_are_at_most_what_they_were(run):
    plan, paths, packed = run
    flows = paths.segment
    opening = by_segment(packed, packed.tables.customers[:, 0], packed.tables.customer_arr)
    then = opened(flows["ending_arr"], opening)[:, : max(0, plan.plan.months - 11)]
    now = slice(11, None)
    assert (flows["grr_arr"][:, now] <= then * (1 + 1e-12)).all()
    assert (flows["grr_arr"][:, now] <= flows["nrr_arr"][:, now] * (1 + 1e-12)).all()
    assert (flows["nrr_arr"][:, now] <= flows["ending_arr"][:, now] * (1 + 1e-12)).all()
    assert (flows["nrr_arr"][:, :11] == 0).all()
