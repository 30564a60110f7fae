"""What the kernel and its rivals are given: a plan's tables, and its numbers on every path."""

from pathlib import Path

import numpy as np

from simengine.assumptions.dependence import Dependence
from simengine.assumptions.draws import draw, latent
from simengine.kernel.run import Simulator
from simengine.plan import load
from simengine.simulation.pack import pack
from simengine.timeline import Timeline, shock_columns, shock_levels

ROOT = Path(__file__).parents[1]
NORTHSTAR = ROOT / "scenarios" / "northstar" / "base.yaml"
AT_ONCE = 16
"""Paths that a run of the example hands to the kernel at once."""


def by_blocks(simulator, slots, varying):
    """Simulate paths as a run does, some at once."""
    draws = np.arange(len(slots))
    for first in range(0, len(slots), AT_ONCE):
        rows = slice(first, first + AT_ONCE)
        simulator.block(slots[rows], varying[rows], draws[rows])


def example(paths):
    """The kernel with the tables of the example company, and its numbers on so many paths."""
    plan = load(NORTHSTAR)
    packed = pack(plan, 7)
    return Simulator(packed.tables), *drawn(plan, packed, paths)


def drawn(plan, packed, paths, seed=7, **times):
    """Numbers of paths with drawn assumptions: (path, slot), and those that change (path, month, n).

    Assumptions whose names begin with a key of `times` are multiplied.
    """
    draws = draw(plan.widened(), plan.dependence.copula(), seed, 0, paths)
    values = multiplied({name: draws.values[:, i] for i, name in enumerate(draws.names)}, times)
    return packed.slots.fill(Timeline(plan, values, levels_of_shocks(plan, seed, 0, paths)), paths)


def levels_of_shocks(plan, seed, start, stop):
    """Levels of every shock in every month, (draw, month), by name."""
    return {
        name: shock_levels(shock.persistence, latent(shock_columns(plan, name), Dependence(), seed, start, stop))
        for name, shock in plan.shocks.items()
    }


def planned(plan, packed, paths, **times):
    """The same of paths with what is planned."""
    values = multiplied({name: np.full(paths, value) for name, value in plan.planned.items()}, times)
    return packed.slots.fill(Timeline(plan, values), paths)


def multiplied(values, times):
    """Values by name, multiplied where the name begins with a key of `times`."""
    return {
        name: value * next((times[key] for key in times if name.startswith(key)), 1.0) for name, value in values.items()
    }
