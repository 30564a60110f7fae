"""The rivals of `make bench` have the kernel's law: otherwise a ratio of times would say nothing.

Yearly outputs of independent samples are compared: means by Welch's test, whole laws by Kolmogorov and Smirnov's, and
variances by Brown and Forsythe's (means of deviations from the median; squares of few paths are too wild). A comparison
fails where the least of all its p-values is below LEVEL over their number (Bonferroni): a rival with the kernel's law
is rejected by one seed in a thousand at most.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from bench import numpy_model, python_model
from bench.inputs import NORTHSTAR, drawn, planned
from bench.outputs import simulated
from simengine.kernel.tables import Calendar, Group
from simengine.plan import load, loads
from simengine.simulation.pack import pack
from tests.generated import generated_plan

LEVEL = 1e-3
LEAST = 30
"""Paths of a sample on which an output must differ from its most common value: a rarer one is not compared."""
YEAR = 12
TINY = Path(__file__).parents[1] / "plans" / "tiny.yaml"
GENERATED = (2, 16, 20, 63)
"""Between them they use territories, promotion, freezes, hours, lags, bands, early and late renewals."""


@cache
def packed(name):
    plan = loads(generated_plan(name)) if isinstance(name, int) else load(name)
    return plan, pack(plan, 7)


@cache
def kernel(name, paths):
    plan, arrays = packed(name)
    return simulated(arrays.tables, *planned(plan, arrays, paths))


def rival(model, name, paths, seed, edit=lambda tables, slots: None, **times):
    plan, arrays = packed(name)
    slots, varying = planned(plan, arrays, paths, **times)
    edit(arrays.tables, slots)
    return model.simulate_paths(arrays.tables, slots, varying, np.random.default_rng(seed))


def yearly(ours, theirs):
    """Every output of both by path, year and entity, by name; those of unlimited capacity are left out.

    In parts of the largest, to nine digits: sums in another order are no other law.
    """
    for kind in ("segment", "group", "cell", "pool", "reached"):
        a, b = ours[kind], theirs[kind]
        if kind == "reached":
            a, b = (dict(enumerate(np.moveaxis(x, -1, 0))) for x in (a, b))
        assert set(a) == set(b)
        for name in a:
            x, y = (np.add.reduceat(z[name], range(0, z[name].shape[1], YEAR), axis=1) for z in (a, b))
            largest = max(np.abs(x).max(initial=0.0), np.abs(y).max(initial=0.0))
            if 0.0 < largest < np.inf:
                yield (kind, name), np.round(x / largest, 9), np.round(y / largest, 9)


def varied(x):
    """On how many paths a number differs from its most common value, for each column of (path, column)."""
    return np.array([len(x) - np.unique(column, return_counts=True)[1].max() for column in x.T], np.int64)


def compared(x, y):
    """Columns (path, column) of two samples that vary enough, and which they are."""
    x, y = x.reshape(len(x), -1), y.reshape(len(y), -1)
    which = np.flatnonzero(np.minimum(varied(x), varied(y)) >= LEAST)
    return x[:, which], y[:, which], which


def p_values(ours, theirs, entities=True):
    """p-values by what is compared: means by year and entity (or year only), and spreads and laws by year."""
    found = {}
    for name, a, b in yearly(ours, theirs):
        totals = a.sum(axis=2), b.sum(axis=2)
        x, y, which = compared(*((a, b) if entities else totals))
        means = stats.ttest_ind(x, y, equal_var=False).pvalue
        found |= {(*name, "mean", int(k)): p for k, p in zip(which, means, strict=True)}
        x, y, which = compared(*totals)
        middle = np.median(np.concatenate([x, y]), axis=0)
        spreads = stats.ttest_ind(abs(x - middle), abs(y - middle), equal_var=False).pvalue
        laws = [stats.ks_2samp(x[:, k], y[:, k], method="asymp").pvalue for k in range(len(which))]
        found |= {(*name, "spread", int(k)): p for k, p in zip(which, spreads, strict=True)}
        found |= {(*name, "law", int(k)): p for k, p in zip(which, laws, strict=True)}
    return found


def rejected(found):
    """What has a p-value below the level, smallest first."""
    assert len(found) > 20
    return sorted((p, at) for at, p in found.items() if p < LEVEL / len(found))


def test_numpy_has_the_law_of_the_kernel_on_northstar():
    found = p_values(rival(numpy_model, NORTHSTAR, 400, seed=1), kernel(NORTHSTAR, 1200))
    assert len(found) > 700
    assert not rejected(found)


def test_numpy_has_the_kernels_means_on_drawn_assumptions():
    plan, arrays = packed(NORTHSTAR)
    slots, varying = drawn(plan, arrays, 400)
    theirs = simulated(arrays.tables, slots, varying)
    ours = numpy_model.simulate_paths(arrays.tables, slots, varying, np.random.default_rng(2))
    found = {}
    for name, a, b in yearly(ours, theirs):
        x, y, which = compared(a, b)
        paired = stats.ttest_rel(x, y).pvalue  # the same assumptions, other luck
        found |= {(*name, int(k)): p for k, p in zip(which, paired, strict=True)}
    assert len(found) > 500
    assert not rejected(found)


@pytest.mark.parametrize("name", [TINY, *GENERATED], ids=str)
def test_numpy_has_the_law_of_the_kernel_on_small_plans(name):
    assert not rejected(p_values(rival(numpy_model, name, 1500, seed=3), kernel(name, 1500)))


@pytest.mark.parametrize("name", [TINY, *GENERATED], ids=str)
def test_plain_python_has_the_law_of_the_kernel_on_small_plans(name):
    assert not rejected(p_values(rival(python_model, name, 150, seed=4), kernel(name, 1500)))


def test_plain_python_has_the_law_of_the_kernel_on_northstar():
    found = p_values(rival(python_model, NORTHSTAR, 40, seed=5), kernel(NORTHSTAR, 1200), entities=False)
    assert not rejected(found)


@pytest.mark.full
def test_plain_python_has_the_law_of_the_kernel_on_many_paths():
    assert not rejected(p_values(rival(python_model, NORTHSTAR, 600, seed=6), kernel(NORTHSTAR, 4000)))


def nothing_goes_stale(tables, slots):
    slots[:, tables.calendar[Calendar.STALE]] = 0.0


def everybody_is_as_good(tables, slots):
    slots[:, tables.groups[:, Group.PRODUCTIVITY_SIGMA]] = 0.0


WRONG = {
    "a win rate 5 % higher": {"win_rate": 1.05},
    "nothing goes stale": {"edit": nothing_goes_stale},
    "everybody is as good": {"edit": everybody_is_as_good},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_rival_with_another_law_is_rejected(wrong):
    assert rejected(p_values(rival(numpy_model, NORTHSTAR, 400, seed=1, **wrong), kernel(NORTHSTAR, 1200)))


def test_plain_python_with_another_law_is_rejected():
    assert rejected(p_values(rival(python_model, TINY, 150, seed=5, win_rate=1.1), kernel(TINY, 1500)))
