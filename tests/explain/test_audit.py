"""The audit of plans whose shares are known."""

import numpy as np
import pytest

from simengine.errors import SimengineError
from simengine.explain.audit import audit, audit_independent
from simengine.simulation import simulate
from tests.explain.oracles import linear
from tests.simulation.linear import linear_plan

VOLUME = {"a": 40.0, "b": 40.0, "c": 40.0, "nobody": 0.0}
MEAN, SD = 1000.0, {"a": 200.0, "b": 125.0, "c": 75.0, "nobody": 150.0}


def the_plan(correlations="", sd=SD):
    return linear_plan(VOLUME, MEAN, sd, at_least=120_000, correlations=correlations)


def own_parts():
    return np.array([VOLUME[name] ** 2 * SD[name] ** 2 for name in VOLUME])


def joint_parts():
    """What sizes and random variation make together: v sd² of each."""
    return np.array([VOLUME[name] * SD[name] ** 2 for name in VOLUME])


LUCK = sum(VOLUME.values()) * MEAN**2
WHOLE = own_parts().sum() + joint_parts().sum() + LUCK


def in_order(found, name="share"):
    """Shares of size.a, size.b, size.c, size.nobody, and of random variation, and how many standard errors off."""
    ordered = found.sortby("assumption")
    luck = "random_variation" if name == "share" else f"random_variation_{name}"
    estimate = np.append(ordered[name].values, found[luck])
    error = np.append(
        ordered[f"{name}_upper"] - ordered[f"{name}_lower"], found[f"{luck}_upper"] - found[f"{luck}_lower"]
    )
    return estimate, error / 2 / 1.96


def off(found, true, name="share"):
    estimate, error = in_order(found, name)
    apart = np.abs(estimate - true)
    return np.divide(apart, error, out=np.where(apart > 1e-12, np.inf, 0.0), where=error > 0)


@pytest.fixture(scope="module")
def plan():
    return the_plan()


@pytest.fixture(scope="module")
def ds(plan):
    return simulate(plan, draws=1000, twins=0, seed=3)


# Four standard errors, five shares: level 3e-4.


def test_shapley_shares_of_an_independent_plan(plan, ds):
    told = []
    found = audit(plan, ds, "board", precision=0.03, progress=lambda *runs: told.append(runs))
    true = np.append(own_parts() + joint_parts() / 2, LUCK + joint_parts().sum() / 2) / WHOLE
    assert (off(found, true) < 4).all()
    assert off(found, np.roll(true, 1)).max() > 8
    assert float(found["share"].sum() + found["random_variation"]) == pytest.approx(1)
    assert float(found["hit_share"].sum() + found["hit_random_variation"]) == pytest.approx(1)
    assert found["assumption"].values[0] == "size.a"
    assert found["rank_group"].values[0] == 1
    assert found["share"].sel(assumption="size.nobody") == 0
    assert int(found["runs"]) == 6 * int(found["permutations"]) == told[-1][0]
    assert found.attrs["stopped_because"] == "precise enough"


def test_first_order_and_total_shares_of_an_independent_plan(plan, ds):
    found = audit_independent(plan, ds, "board", precision=0.03)
    first = np.append(own_parts(), LUCK) / WHOLE
    total = np.append(own_parts() + joint_parts(), LUCK + joint_parts().sum()) / WHOLE
    # Student's intervals: six of their standard errors, level 2e-4.
    assert (off(found, first, "first_order") < 6 * 2.131 / 1.96).all()
    assert (off(found, total, "total") < 6 * 2.131 / 1.96).all()
    assert off(found, np.roll(total, 1), "total").max() > 12
    assert list(found["assumption"].values[:2]) == ["size.a", "size.b"]


RHO = 0.8
CORRELATIONS = (
    "dependence:\n  rank_correlations:\n    - {between: [size.a, size.nobody], rho: 0.8, "
    "source: {kind: judgment, reference: test}}\n"
)


def correlated_shares():
    r = 2 * np.sin(np.pi * RHO / 6)
    correlation = np.eye(4)
    correlation[0, 3] = correlation[3, 0] = r
    effects = linear(np.sqrt(own_parts()), correlation, 0.0)[:4]
    # What sizes and random variation make together goes half to random variation, half to sizes: 5 % of all at most.
    return np.append(effects, LUCK) / WHOLE


def test_shapley_shares_of_a_correlated_plan():
    plan = the_plan(CORRELATIONS)
    ds = simulate(plan, draws=1000, twins=0, seed=3)
    found = audit(plan, ds, "board", precision=0.02)
    true = correlated_shares()
    estimate, error = in_order(found)
    assert (np.abs(estimate - true) < 4 * error + joint_parts().sum() / WHOLE).all()
    # An assumption without any effect has a share, for it tells of another; and the audit does not stop at this one.
    assert found["share_lower"].sel(assumption="size.nobody") > 0.05
    with pytest.raises(SimengineError, match="Shapley"):
        audit_independent(plan, ds, "board")


class LinearFit:
    """On two of the sizes; what it names beside them has no effect."""

    names = ("size.b", "size.a", "size.nobody")
    effects = np.append(own_parts()[[1, 0]], 0.0)

    def __call__(self, z):
        return z @ np.sqrt(self.effects)


def test_a_fit_saves_runs(plan, ds):
    plain, helped = (audit(plan, ds, "board", precision=0.02, surrogate=fit) for fit in (None, LinearFit()))
    true = np.append(own_parts() + joint_parts() / 2, LUCK + joint_parts().sum() / 2) / WHOLE
    assert (off(helped, true) < 4).all()
    assert helped["runs"] < 0.8 * plain["runs"]


def test_the_seed_of_the_run_is_that_of_the_audit(plan, ds):
    few = {"precision": 1e-6, "most_runs": 6 * 256}
    first, again = (audit(plan, ds, "board", **few) for _ in range(2))
    assert first.identical(again)
    other = audit(plan, ds.assign_attrs(seed="4"), "board", **few)
    assert other["random_variation"] != first["random_variation"]


def test_what_never_varies_is_no_player():
    plan = the_plan(sd={**SD, "nobody": 0.0})
    ds = simulate(plan, draws=200, twins=0, seed=3)
    found = audit(plan, ds, "board", precision=1e-6, most_runs=5 * 256)
    assert found["constant"].sel(assumption="size.nobody")
    assert found["constant"].sum() == 1
    assert found["share_upper"].sel(assumption="size.nobody") == 0
    assert found["runs"] == 5 * 256
    same = audit(plan, ds, "board", precision=1e-6, most_runs=5 * 256, surrogate=LinearFit())
    assert same["share_upper"].sel(assumption="size.nobody") == 0

    class Wrong(LinearFit):
        effects = own_parts()[[1, 0, 2]]

    with pytest.raises(SimengineError, match=r"gives size\.nobody an effect"):
        audit(plan, ds, "board", surrogate=Wrong())


def test_a_metric_without_target_has_no_share_of_hits(plan, ds):
    found = audit(plan, ds, "won", period="2027-01", precision=1e-6, most_runs=6 * 256)
    assert "hit_share" not in found
    assert found["random_variation"] == pytest.approx(1)  # the number won is chance alone


def test_what_is_not_asked_rightly_is_refused(plan, ds):
    with pytest.raises(SimengineError, match="not the plan of the run"):
        audit(the_plan(sd={**SD, "a": 1.0}), ds, "board")
    with pytest.raises(SimengineError, match="allow more"):
        audit(plan, ds, "board", most_runs=100)
    with pytest.raises(SimengineError, match="neither a metric nor a target"):
        audit(plan, ds, "broad")
    with pytest.raises(SimengineError, match="undefined on"):
        audit(plan, ds.assign(target_value=ds["target_value"].where(ds["draw"] > 3)), "board")
