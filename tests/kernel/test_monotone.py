"""More of a good thing never hurts, path by path with the same random variation, where the model promises it."""

from pathlib import Path

import pytest

from simengine.plan import loads
from tests.kernel.support import at_plan, simulate

TINY = (Path(__file__).parents[1] / "plans" / "tiny.yaml").read_text(encoding="utf-8")
FREE = TINY.replace("capacity: {open_opportunities: 12}", "capacity: unlimited").replace(
    "cycle: 2 months", "cycle: 2 months\n          cycle_lost: 1 month"
)
PATHS = 300
CENT = 0.01


def paths(text, **changes):
    plan = loads(text)
    return simulate(
        plan, PATHS, values={**at_plan(plan), **{name.replace("__", "."): v for name, v in changes.items()}}
    )


def cumulated(run, output):
    return run.segment[output].cumsum(axis=1)


def test_the_plan_of_these_tests_differs_from_tiny():
    assert "unlimited" in FREE
    assert "cycle_lost" in FREE


@pytest.mark.parametrize("low", [0.05, 0.2, 0.6])
def test_a_better_win_rate_never_lowers_cumulative_new_bookings(low):
    worse, better = paths(FREE, win_rate__smb=low), paths(FREE, win_rate__smb=low + 0.03)
    gain = cumulated(better, "new_arr") - cumulated(worse, "new_arr")
    assert (gain >= -CENT).all()
    assert (gain > CENT).any()
    assert (cumulated(better, "won") >= cumulated(worse, "won")).all()


def test_the_promise_needs_the_same_random_variation():
    plan = loads(FREE)
    worse = simulate(plan, PATHS, values={**at_plan(plan), "win_rate.smb": 0.20}, seed=7)
    better = simulate(plan, PATHS, values={**at_plan(plan), "win_rate.smb": 0.23}, seed=8)  # negative control
    assert (cumulated(better, "new_arr") < cumulated(worse, "new_arr") - CENT).any()


def test_a_better_renewal_rate_never_lowers_customers_or_what_they_pay():
    worse, better = paths(FREE, renewal__smb=0.85), paths(FREE, renewal__smb=0.88)
    for output in ("customers", "ending_arr"):
        gain = better.segment[output] - worse.segment[output]
        assert (gain >= -CENT).all()
        assert (gain > CENT).any()


def test_more_leads_never_lower_cumulative_opportunities_or_bookings():
    worse, better = paths(FREE, leads__inbound=55.0), paths(FREE, leads__inbound=60.0)
    for output in ("opportunities", "won", "new_arr"):
        gain = cumulated(better, output) - cumulated(worse, output)
        assert (gain >= -CENT).all()
        assert (gain > CENT).any()
    assert (better.reached[..., 0] >= worse.reached[..., 0]).all()
