"""What estimators tell can stand in a plan: its distribution is accepted, and has the interval told beside it."""

import numpy as np
import pytest

from simengine.assumptions.distributions import build
from simengine.learn import leaving, ramp, sizes, volumes
from simengine.learn.estimate import Estimate, beta_interval, gamma_interval
from simengine.learn.history import History
from simengine.units import UNITS
from tests.learn.test_leaving import AS_OF, contracts, evergreen, staff
from tests.learn.test_leaving import history as people
from tests.learn.test_ramp import CYCLE, CYCLE_SPREAD, worked
from tests.learn.test_ramp import history as sellers
from tests.learn.test_sizes import history as won
from tests.learn.test_sizes import lognormal
from tests.learn.test_volumes import counts
from tests.report.test_history_fit import leads


def told() -> list[Estimate]:
    rng = np.random.default_rng(0)
    due = contracts(rng)
    few = people(staff(rng, n=12)[0])
    return [
        *volumes.estimates(leads(counts(rng))),
        *volumes.estimates(leads(np.array([0.0, 1, 0, 0, 0, 2, 0, 0]) + 0.0)),
        *sizes.estimates(won(lognormal(rng, 90))),
        *leaving.estimates(people(staff(rng)[0])),
        *leaving.estimates(few),
        *leaving.renewal("smb", due, History(AS_OF.date(), {"contracts": due})),
        *leaving.estimates(evergreen(rng, 500)),
        *ramp.estimates(sellers(worked(rng), started=True), {"ae": ramp.Cycle(CYCLE, CYCLE_SPREAD)}),
        *ramp.estimates(sellers(worked(rng), started=False), {"ae": ramp.Cycle(CYCLE, CYCLE_SPREAD)}),
    ]


def test_every_estimate_can_stand_in_a_plan_and_its_interval_is_that_of_its_distribution() -> None:
    found = told()
    assert {each.name.partition(".")[0] for each in found} == {
        *("volume", "growth", "deal_size", "attrition", "renewal", "dollar_renewal", "contraction", "ramp_months")
    }
    for each in found:
        assert each.unit in UNITS, each.name
        assert each.lower <= each.value <= each.upper, each
        low, middle, high = build(dict(each.distribution)).ppf(np.array([0.05, 0.5, 0.95]))
        width = each.upper - each.lower
        assert low == pytest.approx(each.lower, abs=0.08 * width), each
        assert high == pytest.approx(each.upper, abs=0.08 * width), each
        assert middle == pytest.approx(each.value, abs=0.25 * width), each


def test_intervals_are_quantiles() -> None:
    assert gamma_interval(4.0, 0.5) == pytest.approx(tuple(build({"gamma": {"mean": 4, "cv": 0.5}}).ppf([0.05, 0.95])))
    assert beta_interval(3.0, 9.0) == pytest.approx(tuple(build({"beta": {"alpha": 3, "beta": 9}}).ppf([0.05, 0.95])))
