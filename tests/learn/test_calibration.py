"""Simulation-based calibration of everything that is learned; see `calibration`."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from simengine.assumptions.dependence import Dependence
from simengine.learn.history import OPEN
from tests.learn.calibration import L, p_value, quick, ranks
from tests.learn.company import KINDS

LEVEL = 1e-3
JOINT = {
    "funnel": {
        "volume, win_rate": lambda z: z["volume"] * z["win_rate"],
        "win_rate, cycle": lambda z: z["win_rate"] * z["cycle"],
    },
    "people": {"attrition, slip": lambda z: z["attrition"] * z["slip"]},
    "customers": {
        "renewal, more": lambda z: z["renewal"] * z["more"],
        "renewal, live": lambda z: z["renewal"] * z["live"],
    },
}
"""Products: a sum of one that is known well and one that is not has a uniform rank whatever their dependence."""


def closed_only(history):
    """Open opportunities are not kept: what is learned does not know of censoring."""
    deals = history.table("opportunities")
    return replace(history, tables={**history.tables, "opportunities": deals[deals["outcome"] != OPEN]})


def swapped(kind):
    """Rows of the correlation matrix that belong to other names."""
    names = sorted(KINDS[kind]["assumptions"])
    others = dict(zip(names, [*names[1:], names[0]], strict=True))
    stated = [(*entry["between"], entry["rho"]) for entry in KINDS[kind]["dependence"]["rank_correlations"]]
    return Dependence.build(names, {}, [(others[a], others[b], rho) for a, b, rho in stated])


@pytest.mark.parametrize("kind", KINDS)
def test_a_few_truths_have_any_rank(kind, monkeypatch):
    """A look at every update kind: the ranks of all assumptions together, a handful of repetitions."""
    quick(monkeypatch)
    found = ranks(kind, 3, seed=11)
    pooled = (np.concatenate(list(found.values())) + 0.5) / (L + 1)
    assert stats.kstest(pooled, "uniform").pvalue > LEVEL


@pytest.mark.full
@pytest.mark.parametrize("kind", KINDS)
def test_ranks_are_uniform(kind, monkeypatch):
    quick(monkeypatch)
    found = ranks(kind, 1000, seed=5, functions=JOINT[kind])
    worst = {name: p_value(each) for name, each in found.items()}
    assert min(worst.values()) > LEVEL / len(worst), worst


@pytest.mark.full
def test_without_open_deals_ranks_are_not_uniform(monkeypatch):
    quick(monkeypatch)
    found = ranks("funnel", 100, seed=6, tamper=closed_only)
    assert p_value(found["cycle"]) < LEVEL / len(found)


@pytest.mark.full
@pytest.mark.parametrize("dependence", [lambda kind: Dependence(), swapped], ids=["none", "swapped"])
def test_with_another_dependence_ranks_are_not_uniform(dependence, monkeypatch):
    quick(monkeypatch)
    found = ranks("customers", 200, seed=7, dependence=dependence("customers"), functions=JOINT["customers"])
    assert min(p_value(each) for each in found.values()) < LEVEL / len(found)
