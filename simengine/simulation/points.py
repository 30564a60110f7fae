"""A plan at given points: targets where the normal scores, the courses of shocks and random variation are chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from simengine.assumptions.dependence import Dependence
from simengine.assumptions.draws import Array, values_at
from simengine.baseline import Baseline
from simengine.errors import SimengineError
from simengine.kernel.run import in_order
from simengine.plan.schema import Plan
from simengine.plan.targets import Target
from simengine.results.reduction import Drawn, Reduction
from simengine.simulation import NAMES, Luck, Run, ahead, paths_at_once, processors, workers
from simengine.simulation.pack import pack
from simengine.timeline import mean_level_sd


class _Job(NamedTuple):
    run: Run
    values: Array
    luck: Luck
    courses: Luck


class Points:
    """Simulates a plan wherever it is asked to, by the route of an ordinary run.

    A run draws what is uncertain and addresses random variation by the number of the draw. Here all three are given:

    - `z`, the normal score of every assumption and event: its value is the quantile at Φ(z). Scores are taken as they
      are; whoever gives them sees to their correlation.
    - `courses`, of every shock the number of a draw. A shock has a level in every month, and no single score stands for
      them; so its whole course is one thing, that of the draw with this number.
    - `luck`, the number of the draw whose random variation a path has.

    With the scores, courses and luck of its own draws a run comes out again. `of` takes values in place of scores, for
    whoever has laws of his own.

    Parameters
    ----------
    plan : a checked plan
    targets : what is told of a path; by default the targets of the plan
    seed : of random variation and of the courses of shocks
    stream : 0 has the random variation of a run's draws, 1 that of its twins; any other number is apart from both
    operating_plan : the baseline at plan values that a freeze of hiring looks at; by default that of `plan`

    Attributes
    ----------
    names : (k,) assumptions and events, sorted: the columns of `z`
    shocks : (s,) sorted: the columns of `courses`
    """

    def __init__(
        self,
        plan: Plan,
        *,
        targets: Sequence[Target] | None = None,
        seed: int = 7,
        stream: int = 0,
        operating_plan: Baseline | None = None,
    ) -> None:
        asked = plan if targets is None else plan.model_copy(update={"targets": tuple(targets)})
        reduction = Reduction(asked, "draw_unwidened", "headline", NAMES)
        laws = plan.widened()
        # No copula: the scores come joined, if they do.
        packed = pack(plan, seed, stream, operating_plan)
        self._run = Run(asked, packed, laws, Dependence(), seed, reduction, paths_at_once(reduction))
        self.names, self.shocks = tuple(laws), tuple(sorted(plan.shocks))

    def at(self, z: Array, luck: Luck, courses: Luck | None = None, executor: Executor | None = None) -> Array:
        """The value of every target, (n, target).

        Parameters
        ----------
        z : (n, k) finite normal scores of `names`
        luck : (n,) numbers of draws, from 0 to 2^32 − 1
        courses : (n, s) numbers of draws, one column for each of `shocks`; by default `luck` for all
        executor : runs the blocks; by default one thread for each processor

        Raises
        ------
        SimengineError
            where shapes or numbers do not fit, or more is asked than can be simulated
        """
        self._check(z, luck, courses)
        return self._simulated(values_at(self._run.beliefs, z), luck, courses, executor)

    def of(
        self, values: Mapping[str, Array], luck: Luck, courses: Luck | None = None, executor: Executor | None = None
    ) -> Array:
        """As `at`, with the value of everything uncertain in place of its score.

        Parameters
        ----------
        values : of each of `names` its values, (n,), in its unit; of an event months in force
        luck, courses, executor : as in `at`

        Raises
        ------
        SimengineError
            as `at` does, and when a name is missing
        """
        missing = [name for name in self.names if name not in values]
        if missing:
            raise SimengineError(f"no values are given of {', '.join(missing)}")
        columns = [np.asarray(values[name], np.float64) for name in self.names]
        held = np.stack(columns, axis=1) if columns else np.empty((len(luck), 0))
        self._check(held, luck, courses)
        return self._simulated(held, luck, courses, executor)

    def _check(self, rows: Array, luck: Luck, courses: Luck | None) -> None:
        n, shape = len(luck), (len(luck), len(self.shocks)) if courses is None else courses.shape
        if rows.shape != (n, len(self.names)) or shape != (n, len(self.shocks)):
            raise SimengineError(
                f"scores {rows.shape} and courses {shape} do not fit {n} paths of {len(self.names)} assumptions "
                f"and events and {len(self.shocks)} shocks"
            )

    def _simulated(self, values: Array, luck: Luck, courses: Luck | None, executor: Executor | None) -> Array:
        luck = np.asarray(luck, np.int64)
        n = len(luck)
        courses = np.tile(luck[:, None], len(self.shocks)) if courses is None else np.asarray(courses, np.int64)
        if n == 0:
            return np.empty((0, len(self._run.plan.targets)))
        if luck.min() < 0 or luck.max() >= 2**32 or courses.min(initial=0) < 0:
            raise SimengineError("a draw has a number from 0 to 2^32 - 1")
        size = min(self._run.reduction.span, -(-n // processors()))
        rows = (slice(start, start + size) for start in range(0, n, size))
        jobs = (_Job(self._run, values[row], luck[row], courses[row]) for row in rows)
        with workers(executor) as pool:
            return np.concatenate(list(in_order(pool, _targets, jobs, ahead(pool))))

    def mean_levels(self, courses: Luck) -> Array:
        """The mean level over the plan's months of every shock, (n, s), in its standard deviations, as a run has it."""
        header = self._run.plan.plan
        levels = [course_levels(self._run, name, numbers) for name, numbers in zip(self.shocks, courses.T, strict=True)]
        persistences = [self._run.plan.shocks[name].persistence for name in self.shocks]
        means = [
            level.mean(axis=1) / mean_level_sd(persistence, header.months)
            for level, persistence in zip(levels, persistences, strict=True)
        ]
        return np.stack(means, axis=1) if means else np.empty((len(courses), 0))


def _targets(job: _Job) -> Array:
    run, values = job.run, dict(zip(job.run.beliefs, job.values.T, strict=True))
    courses = zip(sorted(run.plan.shocks), job.courses.T, strict=True)
    shocks = {name: course_levels(run, name, numbers) for name, numbers in courses}
    return run.paths(0, Drawn(values, {}, shocks), job.luck).columns["target_value"]


def course_levels(run: Run, shock: str, courses: Luck) -> Array:
    """Levels of a shock in the draws with these numbers, (n, month): drawn once each, neighbours in one go."""
    numbers, back = np.unique(courses, return_inverse=True)
    neighbours = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    levels = [run.levels(shock, int(part[0]), int(part[-1]) + 1) for part in neighbours]
    return np.concatenate(levels)[back]
