from dataclasses import replace

import numpy as np
import pytest

from simengine.assumptions.dependence import Dependence, to_rank_scale
from simengine.assumptions.distributions import build
from simengine.assumptions.laws import Beta, Discrete, Gamma, Lognormal, Normal, Pert
from simengine.learn.beliefs import LEVELS, TOLERANCE, beliefs, restated
from simengine.learn.posterior import Posterior
from tests.learn.company import plan_of

U = (np.arange(4000) + 0.5) / 4000


@pytest.mark.parametrize(
    "law",
    [Beta(20.0, 60.0), Lognormal(2.0, 0.2), Gamma(9.0, 0.3), Normal(3.0, 0.5)],
    ids=lambda law: law.describe()[:6],
)
def test_a_family_that_fits_is_kept(law):
    spec, error = restated(law.ppf(U), law, law)
    assert type(build(spec)) is type(law)
    assert error < TOLERANCE / 5


def test_one_that_does_not_fit_becomes_quantiles_within_its_bounds():
    stated = Beta(8.0, 2.0)
    values = 0.5 + 0.4 * Beta(1.4, 4.0).ppf(U)
    spec, error = restated(values, stated, stated)
    assert spec.keys() == {"quantiles"}
    assert (spec["quantiles"]["min"], spec["quantiles"]["max"]) == (0.0, 1.0)
    assert error <= TOLERANCE
    off = np.abs(build(spec).ppf(LEVELS) - np.quantile(values, LEVELS)) / values.std()
    assert off.max() == pytest.approx(error)


def test_what_no_smooth_law_fits_is_kept_as_drawn():
    values = np.concatenate([np.full(2000, 1.0) + 0.001 * U[:2000], np.full(2000, 9.0) + 0.001 * U[:2000]])
    spec, error = restated(values, Pert(0.0, 5.0, 10.0), Pert(0.0, 5.0, 10.0))
    assert spec.keys() == {"empirical"}
    assert error < TOLERANCE


def test_single_values_keep_their_probabilities():
    law = Discrete((0.02, 0.03, 0.04), (0.25, 0.5, 0.25))
    spec, _ = restated(np.repeat([0.02, 0.03], [100, 300]), law, law)
    assert spec == {"discrete": {0.02: 0.25, 0.03: 0.75}}
    assert restated(np.full(9, 0.04), law, law)[0] == {"fixed": 0.04}


def told(rho, moved):
    """A posterior of the plan of customers, made by hand: two scores that move together."""
    plan = plan_of("customers")
    laws = plan.widened()
    names = tuple(laws)
    rng = np.random.default_rng(3)
    z = rng.standard_normal((4096, len(names)))
    a, b = names.index("renewal"), names.index("more")
    z[:, b] = rho * z[:, a] + np.sqrt(1 - rho**2) * z[:, b]
    z[:, a] = moved + 0.5 * z[:, a] if moved else z[:, a]
    spoken = {"renewal": "seen", "more": "moves with renewal"}
    values = np.column_stack([laws[name].ppf(_shares(z[:, k])) for k, name in enumerate(names)])
    ones = dict.fromkeys(names, 1.0)
    return plan, Posterior(
        names=names,
        z=z,
        values=values,
        laws=laws,
        dependence=plan.dependence.copula(),
        months=6,
        spoken=spoken,
        direct=frozenset({"renewal"}),
        records={"renewal": 10},
        kept={},
        together=(("more", "renewal"),),
        shocks={},
        rhat=ones,
        ess=dict.fromkeys(names, 4096.0),
        evaluations=0,
    )


def _shares(z):
    from scipy.special import ndtr

    return ndtr(z)


def test_what_moved_is_stated_and_what_did_not_is_not():
    plan, posterior = told(0.5, 1.0)
    found = beliefs(plan, posterior)
    assert found.beliefs.keys() == {"renewal"}
    assert found.unmoved == ("more",)
    belief = found.beliefs["renewal"]
    assert belief.error <= TOLERANCE
    assert belief.posterior[1] == pytest.approx(np.median(posterior.column("renewal")))
    assert not beliefs(*told(0.5, 0.0)).beliefs


def test_dependence_is_that_of_the_draws():
    found = beliefs(*told(0.5, 1.0))
    ((a, b, rho),) = found.rank_correlations
    assert (a, b) == ("more", "renewal")
    assert rho == pytest.approx(float(to_rank_scale(0.5)), abs=4 / np.sqrt(4096))
    assert found.dependence_error < 0.001
    assert found.groups == (("more", "renewal"),)
    assert beliefs(*told(0.0, 1.0)).rank_correlations == ()


def test_a_dependence_that_rounding_makes_impossible_is_drawn_together():
    plan, posterior = told(0.0, 1.0)
    z = posterior.z.copy()
    z[:] = z[:, :1] + 0.003 * z
    found = beliefs(plan, replace(posterior, z=z, together=(posterior.names,)))
    Dependence.build(posterior.names, {}, found.rank_correlations)
    assert 0 < found.dependence_error < 0.02
