"""What happens before the kernel: draws of assumptions beside scipy.stats, and the kernel's numbers of the example.

Run as `python -m bench.draws`; it prints a Markdown table. Times are of the processor, medians of five rounds in which
what is compared takes turns.
"""

import math
import statistics
from typing import NamedTuple

import numpy as np
from scipy import stats

from bench.inputs import NORTHSTAR as PLAN
from bench.inputs import levels_of_shocks
from bench.report import cpu_seconds, table
from simengine.assumptions.dependence import Dependence
from simengine.assumptions.distributions import build
from simengine.assumptions.draws import draw, uniforms
from simengine.assumptions.tabulation import tabulate
from simengine.plan import load
from simengine.simulation.pack import pack
from simengine.timeline import Timeline

ROUNDS = 5
DRAWS = 100_000
SEED = 7
PATHS = 4096
BLOCKS = (256, 64)


class Row(NamedTuple):
    name: str
    value: float
    unit: str


def forty_laws():
    """Forty assumptions of ten families: (as a plan states it, the same law as scipy.stats has it)."""
    for k in range(1, 5):
        a, b = 1 + 4 * k / 7, 1 + 4 * (7 - k) / 7
        yield {"uniform": [k, 2 * k]}, stats.uniform(k, k)
        yield {"triangular": [0, k, 7]}, stats.triang(k / 7, 0, 7)
        yield {"pert": [0, k, 7]}, stats.beta(a, b, 0, 7)
        yield {"normal": {"mean": k, "sd": 0.3}}, stats.norm(k, 0.3)
        yield {"lognormal": {"median": k, "sigma": 0.2 * k}}, stats.lognorm(0.2 * k, 0, k)
        yield {"gamma": {"shape": 2.5 * k, "scale": 3}}, stats.gamma(2.5 * k, 0, 3)
        yield {"weibull": {"shape": 0.5 + 0.5 * k, "scale": 12}}, stats.weibull_min(0.5 + 0.5 * k, 0, 12)
        yield {"beta": {"alpha": 20 * k, "beta": 60}}, stats.beta(20 * k, 60)
        below_zero_cut = {"distribution": {"normal": {"mean": k, "sd": 1}}, "min": 0}
        yield {"truncated": below_zero_cut}, stats.truncnorm(-k, math.inf, k, 1)
        yield {"bernoulli": 0.2 * k}, stats.bernoulli(0.2 * k)


def taking_turns(*works):
    """Median processor seconds of each, after one call that is not counted."""
    for work in works:
        work()
    rounds = [[cpu_seconds(work) for work in works] for _ in range(ROUNDS)]
    return [statistics.median(times) for times in zip(*rounds, strict=True)]


def laws_of_forty():
    """Forty assumptions drawn from nothing, beside scipy.stats on uniforms that are there already."""
    pairs = {f"assumption {k:02d}": pair for k, pair in enumerate(forty_laws())}
    laws = {name: build(spec) for name, (spec, _) in pairs.items()}
    rivals = [rival for _, rival in pairs.values()]
    ready = uniforms(SEED, list(laws), 0, DRAWS)

    def ours():
        return draw(laws, Dependence(), SEED, 0, DRAWS).values.T

    def theirs():
        return np.array([rival.ppf(u) for rival, u in zip(rivals, ready, strict=True)])

    def tables():
        for law in laws.values():
            tabulate(law.ppf, law.support(), law.atoms())

    np.testing.assert_allclose(ours(), theirs(), rtol=1e-9)
    mine, rival, once = taking_turns(ours, theirs, tables)
    what = f"{len(laws)} assumptions x {DRAWS:,} draws"
    return [
        Row(f"{what}, simengine", mine, "s"),
        Row(f"tables of {len(laws)} laws, made once in a process", once, "s"),
        Row(f"{what}, scipy.stats .ppf on ready uniforms", rival, "s"),
        Row(f"{what}, scipy.stats / simengine", rival / mine, "times"),
    ]


def before_the_kernel(block):
    """What a path of the example costs before the kernel, in blocks of this size."""
    plan = load(PLAN)
    slots, beliefs, dependence = pack(plan, SEED).slots, plan.widened(), plan.dependence.copula()
    starts = range(0, PATHS, block)
    drawn = draw(beliefs, dependence, SEED, 0, block)
    values = {name: drawn.values[:, k] for k, name in enumerate(drawn.names)}

    def levels(start):
        return levels_of_shocks(plan, SEED, start, start + block)

    shocks = levels(0)

    def draws():
        for start in starts:
            draw(beliefs, dependence, SEED, start, start + block)

    def all_levels():
        for start in starts:
            levels(start)

    def numbers():
        for _ in starts:
            slots.fill(Timeline(plan, values, shocks), block)

    names = ("assumptions", "shocks", "numbers of the kernel")
    return [
        Row(f"northstar, blocks of {block}: {name}", 1e6 * spent / PATHS, "microseconds a path")
        for name, spent in zip(names, taking_turns(draws, all_levels, numbers), strict=True)
    ]


def rows():
    """Everything that is measured, as (name, value, unit)."""
    return [*laws_of_forty(), *(row for block in BLOCKS for row in before_the_kernel(block))]


def main():
    measured = [[row.name, f"{row.value:.3g}", row.unit] for row in rows()]
    print(table(["measured", "value", "unit"], measured))


if __name__ == "__main__":
    main()
