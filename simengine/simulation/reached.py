"""What a plan reaches of its targets, path by path, and nothing else: as cheap as a path can be."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np
import xarray as xr

from simengine.assumptions.draws import Array, draw
from simengine.baseline import Baseline, baseline, spreadsheet_values
from simengine.errors import SimengineError
from simengine.kernel.run import in_order
from simengine.limits import DRAWS
from simengine.plan.schema import Plan
from simengine.plan.targets import Target
from simengine.results.dataset import known_of_targets
from simengine.results.reduction import Reduction
from simengine.results.targets import hit_probability
from simengine.simulation import NAMES, Luck, Progress, Run, ahead, paths_at_once, processors, whole_number, workers
from simengine.simulation.pack import pack
from simengine.simulation.points import Points
from simengine.units import MONTHS_PER_YEAR, fiscal_period


class _Job(NamedTuple):
    run: Run
    start: int
    stop: int


def last_month(plan: Plan, targets: Sequence[Target]) -> int:
    """The month (since year 0) in which the fiscal year of the last of some targets ends, or the plan before it."""
    start = plan.plan.fiscal_year_start
    last = max((fiscal_period(target.period, start).last for target in targets), default=plan.plan.start)
    to_year_end = (start - 2 - last) % MONTHS_PER_YEAR
    return min(plan.plan.end, last + to_year_end)


def target_values(
    plan: Plan,
    start: int,
    stop: int,
    *,
    seed: int = 7,
    targets: Sequence[Target] | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Array:
    """Values of targets in the draws from `start` to `stop`, (stop − start, target).

    They are those of a run of the same seed (`target_value` of `simulate`) but for rounding: paths are simulated only
    until the fiscal year of the last target is over, for what comes later changes nothing before.

    Parameters
    ----------
    plan : a checked plan
    start, stop : numbers of draws, from 0 to 2^32 − 1
    seed : of all chance
    targets : what is told of a path; by default the targets of the plan
    executor : runs the blocks; by default one thread for each processor
    progress : called with (paths done, paths in all)

    Raises
    ------
    SimengineError
        where the draws or the seed are out of range, or more is drawn than can be simulated
    """
    if not 0 <= start <= stop < 2**32:
        raise SimengineError(f"draws {start} to {stop}: choose numbers from 0 to 2^32 - 1, the smaller one first")
    asked = tuple(plan.targets if targets is None else targets)
    run = _run(plan, asked, seed)
    values = np.empty((stop - start, len(asked)))
    size = max(1, min(run.reduction.span, -(-(stop - start) // processors())))
    jobs = [_Job(run, first, min(first + size, stop)) for first in range(start, stop, size)]
    with workers(executor) as pool:
        for job, found in zip(jobs, in_order(pool, _values, jobs, ahead(pool)), strict=True):
            values[job.start - start : job.stop - start] = found
            if progress is not None:
                progress(job.stop - start, stop - start)
    return values


def chances(
    plan: Plan,
    *,
    draws: int = 16_384,
    seed: int = 7,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """How likely each target is, and all of them on the same path, with nothing else simulated.

    It is what a run of the same seed says of its targets (`ds.sim.targets()`), several times sooner: no twin
    paths, none without the source policy, and no month after the fiscal year of the last target.

    Parameters
    ----------
    plan, seed, executor, progress : as in `target_values`
    draws : number of paths

    Returns
    -------
    Dataset
        `p`, `lower`, `upper` along `target`; `joint`, `joint_lower`, `joint_upper`. Wilson's intervals, at 95 %

    Raises
    ------
    SimengineError
        where `draws` or `seed` is out of range, or more is drawn than can be simulated

    Examples
    --------
    >>> import simengine as se
    >>> found = se.chances(se.load("tests/plans/tiny.yaml"), draws=400)
    >>> found["target"].values.tolist()
    ['board ARR', 'NRR']
    """
    draws = whole_number("draws", draws, 1, DRAWS.most)
    values = target_values(plan, 0, draws, seed=seed, executor=executor, progress=progress)
    return hit_probability(xr.Dataset({"target_value": (("draw", "target"), values)}, known_of_targets(plan)))


def chosen_values(
    plan: Plan,
    draws: Luck,
    *,
    seed: int = 7,
    targets: Sequence[Target] | None = None,
    executor: Executor | None = None,
) -> Array:
    """As `target_values`, in the draws of these numbers, (n, target): any of them, in any order.

    Parameters
    ----------
    plan : a checked plan
    draws : (n,) numbers, from 0 to 2^32 − 1
    seed, targets, executor : as in `target_values`
    """
    asked = tuple(plan.targets if targets is None else targets)
    if len(draws) == 0:
        return np.empty((0, len(asked)))
    # Months in force of an event count until the plan ends: values are those of the plan that is simulated.
    cut, first = until_targets(plan, asked), int(draws.min())
    drawn = draw(cut.widened(), cut.copula(), seed, first, int(draws.max()) + 1)
    values = dict(zip(drawn.names, drawn.values[draws - first].T, strict=True))
    return target_points(plan, asked, seed=seed).of(values, draws, executor=executor)


def until_targets(plan: Plan, targets: Sequence[Target]) -> Plan:
    """A plan as far as some targets need it: until the fiscal year of the last of them is over."""
    months = last_month(plan, targets) - plan.plan.start + 1
    header = plan.plan.model_copy(update={"months": max(1, months)})
    return plan.model_copy(update={"plan": header, "targets": tuple(targets)})


def target_points(plan: Plan, targets: Sequence[Target], *, seed: int = 7) -> Points:
    """Targets where the normal scores are chosen; at those of a run's own draws, what `target_values` gives."""
    return Points(until_targets(plan, targets), seed=seed, operating_plan=operating_plan(plan))


def operating_plan(plan: Plan) -> Baseline | None:
    """The whole plan's baseline where hiring is frozen by it: it knows all of the plan's hires."""
    return None if plan.team.hiring_freeze is None else baseline(plan, spreadsheet_values(plan, "operating plan"))


def _run(plan: Plan, targets: Sequence[Target], seed: int) -> Run:
    if not 0 <= seed < 2**64:
        raise SimengineError(f"seed {seed}: choose a number from 0 to 2^64 - 1")
    cut = until_targets(plan, targets)
    reduction = Reduction(cut, "draw_unwidened", "headline", NAMES)
    packed = pack(cut, seed, operating_plan=operating_plan(plan))
    return Run(cut, packed, cut.widened(), cut.copula(), seed, reduction, paths_at_once(reduction))


def _values(job: _Job) -> Array:
    return job.run.reduced(job.start, job.stop).columns["target_value"]
