"""Simulation-based calibration: truths drawn from the prior, records from the truths, ranks of the truths.

Talts et al., *Validating Bayesian inference algorithms with simulation-based calibration*, 2018. If what draws the
posterior is right, the rank of a truth among draws of its posterior is uniform; of any function of the truths as well
(Modrák et al., Bayesian Analysis, 2023), which is what shows a dependence that was ignored.
"""

import numpy as np
from scipy import stats

from simengine.assumptions.draws import draw
from simengine.learn import posterior as module
from simengine.learn.posterior import learn
from tests.learn.company import plan_of, records

L = 99
BINS = 20


def ranks(kind, repetitions, seed, *, tamper=None, dependence=None, functions=None):
    """Ranks, (repetitions,) each, of every assumption's score, and of functions of them, among 99 draws."""
    plan = plan_of(kind)
    laws, copula = plan.widened(), plan.dependence.copula()
    found = {}
    for r in range(repetitions):
        truth = draw(laws, copula, seed, r, r + 1)
        rng = np.random.default_rng([seed, r])
        history = records(kind, dict(zip(truth.names, truth.values[0].tolist(), strict=True)), rng)
        if tamper is not None:
            history = tamper(history)
        posterior = learn(plan, history, draws=L, seed=r, dependence=dependence)
        for k, name in enumerate(posterior.names):
            found.setdefault(name, []).append(int((posterior.z[:, k] < truth.z[0, k]).sum()))
        for name, function in (functions or {}).items():
            drawn, true = (function(dict(zip(truth.names, z.T, strict=True))) for z in (posterior.z, truth.z))
            found.setdefault(name, []).append(int((drawn < true).sum()))
    return {name: np.array(each) for name, each in found.items()}


def quick(monkeypatch):
    """Fewer and shorter chains: 99 draws are from as many chains, and a repetition has no convergence to look at."""
    monkeypatch.setattr(module, "CHAINS", 128)
    monkeypatch.setattr(module, "STEPS", 12)
    monkeypatch.setattr(module, "MOST_RHAT", np.inf)
    monkeypatch.setattr(module, "LEAST_EFFECTIVE", 0)


def p_value(found):
    """Of ranks being uniform: twice the smaller of a chi-square test of 20 bins and Kolmogorov's of the ECDF."""
    counts = np.bincount(found * BINS // (L + 1), minlength=BINS)
    bins = stats.chisquare(counts).pvalue if len(found) >= 5 * BINS else 1.0
    rng = np.random.default_rng(len(found))
    ecdf = stats.kstest((found + rng.random(len(found))) / (L + 1), "uniform").pvalue
    return min(1.0, 2 * min(bins, ecdf))
