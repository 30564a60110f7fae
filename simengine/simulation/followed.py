"""A plan simulated again and again while its laws are moved: targets, and ARR by month, path by path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from simengine.assumptions.draws import Array, draw, latent
from simengine.assumptions.laws import Distribution
from simengine.kernel.run import Simulator
from simengine.plan.schema import Plan
from simengine.results.books import Ledger
from simengine.results.reduction import Drawn, Reduction
from simengine.simulation import NAMES, Run, paths_at_once, processors, workers
from simengine.simulation.pack import pack
from simengine.simulation.reached import operating_plan, until_targets
from simengine.units import month_label


class Stopped(Exception):  # noqa: N818  no error: whoever asked does not want to know any more
    """The work was given up between two blocks of paths."""


class Followed(NamedTuple):
    """What is kept of n paths.

    Attributes
    ----------
    values : metric of every target, (n, targets)
    course : ending ARR by month, (n, months); where nothing is a subscription, bookings since the start
    """

    values: Array
    course: Array


def sells_once(plan: Plan) -> bool:
    """Whether nothing that a plan sells is a subscription."""
    return all(segment.sells == "once" for segment in plan.segments.values())


class _Reduction(Reduction):
    """Targets, and the company's course by month."""

    def columns(self, ledger: Ledger) -> Iterator[tuple[str, Array]]:
        yield from super().columns(ledger)
        books = ledger.books()
        yield "course", books["bookings"].cumsum(axis=1) if sells_once(self.plan) else books["ending_arr"]


class Follower:
    """A plan packed once, and simulated with whatever laws its assumptions are given.

    Paths are those of a run of the same seed with these laws. What does not hang on laws is worked out once: tables,
    the baseline that a freeze of hiring looks at, the memory of the threads.

    Parameters
    ----------
    plan : a checked plan
    seed : of all chance

    Attributes
    ----------
    months : labels of the months that are simulated: until the fiscal year of the last target is over
    names : of everything uncertain
    """

    def __init__(self, plan: Plan, *, seed: int = 7) -> None:
        cut = until_targets(plan, plan.targets)
        reduction = _Reduction(cut, "draw_unwidened", "headline", NAMES)
        packed = pack(cut, seed, operating_plan=operating_plan(plan))
        self._run = Run(cut, packed, cut.widened(), cut.copula(), seed, reduction, paths_at_once(reduction))
        self._idle: list[Simulator] = []
        self.months = tuple(month_label(cut.plan.start + t) for t in range(cut.plan.months))
        self.names = (*self._run.beliefs, *sorted(plan.shocks))

    def of(
        self,
        laws: Mapping[str, Distribution],
        start: int,
        stop: int,
        *,
        executor: Executor | None = None,
        before_block: Callable[[], None] = lambda: None,
    ) -> Followed:
        """The draws from `start` to `stop`.

        Parameters
        ----------
        laws : of every assumption and event, as `Plan.widened` has them
        start, stop : numbers of draws
        executor : runs the parts, one for each processor
        before_block : called before every block of paths; what it raises ends the work

        Raises
        ------
        SimengineError
            where more is drawn than can be simulated
        """
        run = replace(self._run, beliefs=laws)
        drawn = draw(laws, run.dependence, run.seed, start, stop)
        size = max(1, min(run.reduction.span, -(-(stop - start) // processors())))
        rows = [slice(first, min(first + size, stop - start)) for first in range(0, stop - start, size)]

        def part(row: slice) -> tuple[Array, Array]:
            first, last = start + row.start, start + row.stop
            values = {name: drawn.values[row, i] for i, name in enumerate(drawn.names)}
            shocks = {name: run.levels(name, first, last) for name in run.plan.shocks}
            simulator = self._simulator()
            try:
                kept = run.paths(
                    first, Drawn(values, {}, shocks), np.arange(first, last), simulator, before_block
                ).columns
            finally:
                self._idle.append(simulator)
            return kept["target_value"], kept["course"]

        with workers(executor) as pool:
            parts = list(pool.map(part, rows))
        return Followed(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def scores(self, start: int, stop: int) -> Array:
        """Normal scores of everything uncertain, of shocks mean levels, (stop − start, names): no law moves them."""
        run = self._run
        z = latent(tuple(run.beliefs), run.dependence, run.seed, start, stop)
        levels = [run.levels(name, start, stop).mean(axis=1) for name in sorted(run.plan.shocks)]
        return np.column_stack([z, *levels])

    def _simulator(self) -> Simulator:
        """One that is idle; none is used by two threads at once."""
        try:
            return self._idle.pop()
        except IndexError:
            return Simulator(self._run.packed.tables)
